//! What a range of variants leaves undecided. Facts that sum up data hold all there may be; policies that want something absent could then say too little.

use cedar_policy::pst;

use super::Judge;
use super::clauses::children;
use super::policies::{Policy, Role};
use crate::facts::{CARRIED, Holder, OpenFact};
use crate::packs::LabelKind;
use crate::problem::Problem;
use crate::propagate::Propagation;

impl<'g, 'd> Judge<'_, 'g, 'd> {
    /// Facts that sum up data, of which a range of variants leaves open what some policy wants absent. The fact holds all that may be there, so that policy
    /// could be silent where it should not: no pass.
    #[must_use]
    pub fn open_facts(&self, propagation: &Propagation<'g, 'd>) -> Vec<Problem> {
        let could = |fact: &OpenFact| self.policies.table.iter().any(|(_, policy)| self.could_be_silent(policy, fact));
        self.base.open_facts(propagation).iter().filter(|f| could(f)).map(|fact| self.left_open(fact)).collect()
    }

    fn left_open(&self, OpenFact { holder, fact, .. }: &OpenFact) -> Problem {
        let graph = self.base.graph;
        let (document, span, name) = match *holder {
            Holder::Flow(id) => {
                let edge = &graph.edges[id];
                (edge.document, edge.span, format!("the flow from `{}` to `{}`", graph.nodes[edge.from].id, graph.nodes[edge.to].id))
            }
            Holder::Node(id) => (graph.nodes[id].document, graph.nodes[id].span, format!("`{}`", graph.nodes[id].id)),
            Holder::Workflow(id) => {
                let workflow = &graph.workflows[id];
                (
                    workflow.document,
                    workflow.document.root().get("workflow").map(|v| v.span()).unwrap_or_default(),
                    format!("`{}`", workflow.id),
                )
            }
        };
        let what = if *fact == CARRIED { format!("the {CARRIED} that {name} carries are") } else { format!("`{fact}` of {name} is") };
        Problem::new("judge/open-fact", format!("{what} open: its data are a range past the variant cap, and policies read it"))
            .at(document.file(), span, "not decided here")
            .help("raise `--variant-cap`, so that its variants are kept apart")
    }

    /// A rule that fires the more there is in a fact hears of all there may be; one that wants something absent may hear too much and say too little.
    /// With a label it is the same, the other way round where the label is an assurance: that is given the less, the more there may be.
    fn could_be_silent(&self, policy: &Policy, fact: &OpenFact) -> bool {
        let looks_at_it = policy.mentions.is_empty() || policy.mentions.intersects(&fact.open);
        if !looks_at_it || fact.fact == CARRIED && policy.subject() != "workflow" {
            return false;
        }
        let taxonomy = &self.base.graph.taxonomy;
        let given = policy.scope.principal.exactly.as_ref().filter(|_| policy.role == Role::Label);
        let given = given.and_then(|(_, name)| taxonomy.find(LabelKind::Label, name));
        let assurance = given.is_some_and(|label| taxonomy.assurances().contains(label));
        let mut could = false;
        policy.clauses.each_atom(|atom, wanted| {
            could |= match direction(atom, fact.fact) {
                Direction::None => false,
                Direction::Grows => wanted == assurance,
                Direction::Shrinks => wanted != assurance,
                Direction::Unknown => true,
            };
        });
        could
    }
}

/// How an atom changes with what is in a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    /// It does not read it.
    None,
    /// The more there is, the truer.
    Grows,
    /// The less there is, the truer.
    Shrinks,
    /// Who knows.
    Unknown,
}

fn direction(atom: &pst::Expr, fact: &str) -> Direction {
    use pst::BinaryOp::{Contains, ContainsAll, ContainsAny, In};
    let within =
        |expr: &pst::Expr| matches!(expr, pst::Expr::BinaryOp { op: In, .. }) || matches!(expr, pst::Expr::Is { in_expr: Some(_), .. });
    let reads = |expr: &pst::Expr| {
        if fact == CARRIED { within(expr) } else { matches!(expr, pst::Expr::GetAttr { attr, .. } if attr.as_str() == fact) }
    };
    if !any(atom, &reads) {
        return Direction::None;
    }
    match atom {
        pst::Expr::BinaryOp { op: Contains | ContainsAny | ContainsAll, left, right } if reads(left) && !any(right, &reads) => {
            Direction::Grows
        }
        pst::Expr::UnaryOp { op: pst::UnaryOp::IsEmpty, expr } if reads(expr) => Direction::Shrinks,
        _ if fact == CARRIED && within(atom) => Direction::Grows,
        _ => Direction::Unknown,
    }
}

fn any(expr: &pst::Expr, wanted: &impl Fn(&pst::Expr) -> bool) -> bool {
    let mut todo = vec![expr];
    while let Some(expr) = todo.pop() {
        if wanted(expr) {
            return true;
        }
        todo.extend(children(expr));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The direction of each atom of a condition, and whether it is wanted.
    fn of(condition: &str, fact: &str) -> Vec<(Direction, bool)> {
        let text = format!("forbid (principal, action, resource) {condition};");
        let policy: cedar_policy::Policy = text.parse().unwrap();
        let taxonomy = crate::packs::Library::load(&crate::packs::Selection::default()).0.taxonomy;
        let clauses = super::super::clauses::compile(policy.to_pst().unwrap().body().clauses(), &taxonomy);
        let mut found = Vec::new();
        clauses.each_atom(|atom, wanted| found.push((direction(atom, fact), wanted)));
        found
    }

    #[test]
    fn what_a_condition_wants_of_a_fact() {
        use Direction::{Grows, None, Shrinks, Unknown};
        for (condition, expected) in [
            ("when { resource.f.contains(1) }", vec![(Grows, true)]),
            ("when { !resource.f.containsAny([1]) && resource.g }", vec![(Grows, false), (None, true)]),
            ("unless { !(resource.f.containsAll([1]) || resource.g) }", vec![(Grows, true), (None, true)]),
            ("unless { resource.f.isEmpty() }", vec![(Shrinks, false)]),
            ("when { resource.g.containsAll(resource.f) }", vec![(Unknown, true)]),
            ("when { resource.f.containsAll(resource.f) }", vec![(Unknown, true)]),
            ("unless { resource.f == [1] }", vec![(Unknown, false)]),
            ("when { if resource.f.contains(1) then false else true }", vec![(Unknown, true)]),
            ("when { resource has f }", vec![(None, true)]),
        ] {
            assert_eq!(of(condition, "f"), expected, "{condition}");
        }
        assert_eq!(of("when { resource in Flowgate::Class::\"x\" }", CARRIED), [(Grows, true)]);
        assert_eq!(of("unless { resource is Flowgate::Workflow in Flowgate::Class::\"x\" }", CARRIED), [(Grows, false)]);
        assert_eq!(of("when { (resource in Flowgate::Class::\"x\") == false }", CARRIED), [(Unknown, true)]);
    }
}
