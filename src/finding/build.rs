//! Builds findings: groups verdicts by rule and place, resolves names and spans, finds the witness path.

use std::cell::RefCell;
use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::{DatumNames, Finding, PathStep, PolicyClause, Standing, SubjectNames, UndeclaredFact};
use crate::graph::{EdgeId, FieldId, FlowGraph, NodeId, Selected, WorkflowId};
use crate::judge::{Judge, Missing, Policy, Subject, Verdict, VerdictKind};
use crate::load::sha256;
use crate::packs::{LabelKind, LabelSet, Taxonomy};
use crate::problem::{Place, Span};
use crate::propagate::{Hop, ItemId, Propagation, Variant};

/// A datum in a finding: its name, the form it travels in, its surface.
type DatumKey = (String, String, String);

/// One finding per rule, kind, place and contract; a source's own fields are places of their own.
type Key = (String, bool, (u8, u32, String, String), Option<u32>, Option<String>, Option<u32>, String);

pub(super) fn build<'g, 'd>(judge: &Judge<'_, 'g, 'd>, propagation: &mut Propagation<'g, 'd>, verdicts: Vec<Verdict<'d>>) -> Vec<Finding> {
    let mut groups: BTreeMap<Key, Vec<Verdict<'d>>> = BTreeMap::new();
    for verdict in verdicts {
        groups.entry(group_key(judge, propagation, &verdict)).or_default().push(verdict);
    }
    let mut builder = Builder { judge, graph: judge.base.graph, propagation, names: RefCell::default(), twins: RefCell::default() };
    groups.into_values().filter_map(|group| builder.finding(group)).collect()
}

fn group_key(judge: &Judge<'_, '_, '_>, propagation: &Propagation<'_, '_>, verdict: &Verdict<'_>) -> Key {
    let policy = &judge.policies.table[verdict.policy];
    let (kind, id, noun, name) = verdict.subject.key();
    let field = own_field(policy, propagation, &verdict.subject, verdict.datum).map(|f| f.0);
    let undeclared = matches!(verdict.kind, VerdictKind::Undeclared(_));
    // Several missing facts of one thing are several findings: each is declared by itself.
    let fact = match &verdict.kind {
        VerdictKind::Undeclared(missing) if !verdict.needed_by.is_empty() => missing.first().map(|m| m.fact.clone()).unwrap_or_default(),
        _ => String::new(),
    };
    let contract = verdict.contract.map(str::to_owned);
    (policy.id.clone(), undeclared, (kind, id, noun.to_owned(), name.to_owned()), field, contract, verdict.workflow.map(|w| w.0), fact)
}

/// The field, where a source is judged for holding its own by a rule that looks at the datum itself. Other rules speak about the source.
fn own_field(
    policy: &Policy,
    propagation: &Propagation<'_, '_>,
    subject: &Subject<'_>,
    datum: Option<(ItemId, Variant)>,
) -> Option<FieldId> {
    let Subject::Node(node) = subject else { return None };
    if !policy.reads_datum() {
        return None;
    }
    let origin = &propagation.origins[propagation.items[datum?.0].origin];
    origin.field.filter(|_| origin.node == *node)
}

struct Builder<'b, 'j, 'g, 'd> {
    judge: &'b Judge<'j, 'g, 'd>,
    graph: &'g FlowGraph<'d>,
    propagation: &'b mut Propagation<'g, 'd>,
    names: RefCell<FxHashMap<LabelSet, Vec<String>>>,
    /// By the node flows leave: what tells each from its twins.
    twins: RefCell<FxHashMap<NodeId, FxHashMap<EdgeId, Vec<String>>>>,
}

impl<'d> Builder<'_, '_, '_, 'd> {
    fn finding(&mut self, mut group: Vec<Verdict<'d>>) -> Option<Finding> {
        group.sort_by_cached_key(|v| v.datum.map(|(item, variant)| (self.datum(item), self.shown(&self.propagation.sets[variant.may]))));
        // The strongest clause of a rule speaks for it: an error before the warning beside it.
        let head = group.iter().max_by_key(|v| self.judge.policies.table[v.policy].severity)?.policy;
        let first = group.iter().find(|v| v.policy == head)?.clone();
        let policy = &self.judge.policies.table[head];
        let mut data: Vec<(String, String, String)> = group.iter().filter_map(|v| v.datum).map(|(item, _)| self.datum(item)).collect();
        data.sort();
        data.dedup();
        let subject = self.subject_names(&first.subject);
        let workflow = first.workflow.map(|w| self.graph.workflows[w].id.to_owned());
        let contract = first.contract.map(str::to_owned);
        let fact = undeclared_fact(&first);
        let field = own_field(policy, self.propagation, &first.subject, first.datum);
        let fingerprint = self.fingerprint(policy, workflow.as_deref(), &first, &subject, &fact, field);
        let carried = self.carried(&group);
        let data: Vec<DatumNames> = data
            .into_iter()
            .map(|datum| {
                let (carries, assured) = carried.get(&datum).cloned().unwrap_or_default();
                let (name, form, surface) = datum;
                let fingerprint = super::fingerprint(&[&fingerprint, &name, &form, &surface]);
                DatumNames { name, form, surface, fingerprint, carries, assured }
            })
            .collect();
        let (path, hops) = first.datum.map(|(item, variant)| self.path(&first.subject, item, variant)).unwrap_or_default();
        let primary = self.primary(&first, &data);
        let mut related = self.related(&first, &hops, &primary);
        related.extend(group.iter().filter_map(|v| v.also_at.clone()));
        let mut undeclared: Vec<UndeclaredFact> = group.iter().flat_map(|v| self.undeclared(&v.kind)).collect();
        undeclared.sort();
        undeclared.dedup();
        let mut needed_by: Vec<String> = group.iter().flat_map(|v| v.needed_by.clone()).collect();
        needed_by.sort();
        needed_by.dedup();
        let line = policy.file.line_column(policy.span.start).0;
        let clause = PolicyClause { place: Place::new(&policy.file, policy.span, "this policy"), line, reasons: first.reasons.clone() };
        Some(Finding {
            rule: policy.id.clone(),
            severity: policy.severity,
            changed: None,
            title: policy.title.clone(),
            message: self.fill(&first.message, &first, &subject),
            help: self.fill(&first.help, &first, &subject),
            citation: policy.citation.clone(),
            undeclared,
            workflow,
            subject,
            run_by: self.run_by(&first.subject),
            contract,
            primary,
            related,
            data,
            path,
            policy: clause,
            needed_by,
            also: Vec::new(),
            repeats: Vec::new(),
            fingerprint,
            waiver: None,
            standing: Standing::Open,
            causes: Vec::new(),
        })
    }

    fn datum(&self, item: ItemId) -> DatumKey {
        let form = self.propagation.forms[self.propagation.items[item].form].clone();
        (self.propagation.datum_name(item), form, self.propagation.surface(item).to_owned())
    }

    fn run_by(&self, subject: &Subject<'_>) -> String {
        let node = match subject {
            Subject::Flow(edge) => self.graph.edges[*edge].to,
            Subject::Node(node) => *node,
            Subject::Workflow(_) | Subject::Declared { .. } => return String::new(),
        };
        let operator = self.graph.operator(node).map(|o| format!("`{o}`"));
        let service = self.graph.text_fact(node, "service").map(|s| format!("as `{s}`"));
        operator.into_iter().chain(service).collect::<Vec<_>>().join(" ")
    }

    /// What each datum may carry over all verdicts of a group, and the assurances it has in each.
    fn carried(&self, group: &[Verdict<'d>]) -> BTreeMap<DatumKey, (Vec<String>, Vec<String>)> {
        let assurances = self.graph.taxonomy.assurances();
        let mut sets: BTreeMap<DatumKey, (LabelSet, LabelSet)> = BTreeMap::new();
        for (item, variant) in group.iter().filter_map(|v| v.datum) {
            let (may, surely) = sets.entry(self.datum(item)).or_insert_with(|| (LabelSet::default(), assurances.clone()));
            *may = may.union(&self.propagation.sets[variant.may]);
            *surely = surely.difference(&assurances.difference(&self.propagation.sets[variant.must]));
        }
        let named = |(may, surely): (LabelSet, LabelSet)| (self.shown(&may.difference(&assurances)), self.shown(&surely));
        sets.into_iter().map(|(datum, sets)| (datum, named(sets))).collect()
    }

    fn subject_names(&self, subject: &Subject<'_>) -> SubjectNames {
        match subject {
            Subject::Flow(edge) => {
                let edge = &self.graph.edges[*edge];
                let name = |node: NodeId| self.graph.nodes[node].id.clone();
                SubjectNames::Flow { from: name(edge.from), to: name(edge.to), implied: edge.implied }
            }
            Subject::Node(node) => SubjectNames::Node(self.graph.nodes[*node].id.clone()),
            Subject::Workflow(workflow) => SubjectNames::Workflow(self.graph.workflows[*workflow].id.to_owned()),
            Subject::Declared { noun, name, .. } => SubjectNames::Declared(noun, name.clone()),
        }
    }

    /// Names only, never lines: rule, workflow, ends of the flow, contract. Two flows between the same nodes are told apart by what they carry
    /// and, where that is equal too, by their order among equals.
    fn fingerprint(
        &self,
        policy: &Policy,
        workflow: Option<&str>,
        verdict: &Verdict<'d>,
        names: &SubjectNames,
        fact: &str,
        field: Option<FieldId>,
    ) -> String {
        let (subject, contract) = (&verdict.subject, verdict.contract);
        let undeclared = matches!(verdict.kind, VerdictKind::Undeclared(_));
        let mut parts: Vec<String> =
            vec![policy.id.clone(), workflow.unwrap_or_default().to_owned(), contract.unwrap_or_default().to_owned(), fact.to_owned()];
        match names {
            SubjectNames::Flow { from, to, .. } => parts.extend([from.clone(), to.clone()]),
            SubjectNames::Node(name) | SubjectNames::Workflow(name) => parts.push(name.clone()),
            SubjectNames::Declared(noun, name) => parts.extend([(*noun).to_owned(), name.clone()]),
        }
        if let Subject::Flow(id) = subject {
            parts.extend(self.twin_key(*id));
        }
        // A source's own fields are places of their own, and a missing fact is another finding than a broken rule.
        parts.extend(field.map(|f| format!("field {}", self.graph.fields[f].id)));
        parts.extend(undeclared.then(|| "undeclared".to_owned()));
        super::fingerprint(&parts.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// What tells a flow from others between the same two nodes: its fields and ports, and its order among those that are equal in these, too. Nothing
    /// where there is no other.
    fn twin_key(&self, id: EdgeId) -> Vec<String> {
        let from = self.graph.edges[id].from;
        self.twins.borrow_mut().entry(from).or_insert_with(|| self.twins_from(from)).get(&id).cloned().unwrap_or_default()
    }

    /// The same for every flow out of a node that has a twin.
    fn twins_from(&self, from: NodeId) -> FxHashMap<EdgeId, Vec<String>> {
        let names = |id: EdgeId| {
            let edge = &self.graph.edges[id];
            let mut names = match &edge.selected {
                Selected::All => vec!["*".to_owned()],
                Selected::Named(list) => list.iter().map(|s| format!("{}.{}", s.source.unwrap_or_default(), s.name)).collect(),
            };
            names.sort();
            names.extend([edge.output.unwrap_or_default().to_owned(), edge.input.to_owned()]);
            names
        };
        let mut between: BTreeMap<(NodeId, WorkflowId), Vec<EdgeId>> = BTreeMap::new();
        for id in self.graph.leaving[from].iter().copied() {
            between.entry((self.graph.edges[id].to, self.graph.edges[id].workflow)).or_default().push(id);
        }
        let mut keys = FxHashMap::default();
        for twins in between.into_values().filter(|twins| twins.len() > 1) {
            let mut equal: BTreeMap<Vec<String>, usize> = BTreeMap::new();
            for id in twins {
                let own = names(id);
                let place = equal.entry(own.clone()).or_default();
                keys.insert(id, own.into_iter().chain([place.to_string()]).collect());
                *place += 1;
            }
        }
        keys
    }

    fn undeclared(&self, kind: &VerdictKind<'_>) -> Vec<UndeclaredFact> {
        let VerdictKind::Undeclared(missing) = kind else { return Vec::new() };
        let name = |missing: &Missing<'_>| UndeclaredFact {
            fact: missing.fact.clone(),
            holder: self.holder_name(&missing.holder),
            needs: missing.needs.clone(),
        };
        missing.iter().map(name).collect()
    }

    fn holder_name(&self, holder: &Subject<'_>) -> String {
        match self.subject_names(holder) {
            SubjectNames::Flow { from, to, .. } => format!("{from} → {to}"),
            SubjectNames::Node(name) | SubjectNames::Workflow(name) | SubjectNames::Declared(_, name) => name,
        }
    }

    fn primary(&self, verdict: &Verdict<'d>, data: &[DatumNames]) -> Place {
        let policy = &self.judge.policies.table[verdict.policy];
        if let Some(field) = own_field(policy, self.propagation, &verdict.subject, verdict.datum) {
            let field = &self.graph.fields[field];
            let span = field.value.key_span().unwrap_or(field.value.span());
            return Place::new(self.graph.nodes[field.node].document.file(), span, "this field");
        }
        match &verdict.subject {
            Subject::Flow(edge) => {
                let edge = &self.graph.edges[*edge];
                let label = match (edge.implied, data) {
                    (_, []) => "this flow".to_owned(),
                    (true, _) => format!("implies that `{}` gets {}", self.graph.nodes[edge.to].id, list_data(data)),
                    (false, [_]) => format!("{} crosses here", list_data(data)),
                    (false, _) => format!("{} cross here", list_data(data)),
                };
                Place::new(edge.document.file(), edge.span, label)
            }
            Subject::Node(node) => {
                let node = &self.graph.nodes[*node];
                let label = if data.is_empty() { "declared here".to_owned() } else { format!("holds {}", list_data(data)) };
                Place::new(node.document.file(), node.span, label)
            }
            Subject::Workflow(workflow) => {
                let document = self.graph.workflows[*workflow].document;
                let span = document.root().get("workflow").and_then(|v| v.key_span()).unwrap_or(Span::new(0, 0));
                Place::new(document.file(), span, "this workflow")
            }
            Subject::Declared { declared, .. } => {
                let root = declared.value.key_span().is_none() && declared.value.span() == declared.document.root().span();
                let first_key = declared.document.root().entries().find_map(|(_, v)| v.key_span());
                let span = if root { first_key.unwrap_or_default() } else { declared.key_span() };
                Place::new(declared.document.file(), span, "declared here")
            }
        }
    }

    /// Where the datum enters, where it is run, which agreement is honoured.
    fn related(&self, verdict: &Verdict<'d>, hops: &[Hop], primary: &Place) -> Vec<Place> {
        let mut places = Vec::new();
        let policy = &self.judge.policies.table[verdict.policy];
        let own = own_field(policy, self.propagation, &verdict.subject, verdict.datum).is_some();
        if let Some((item, _)) = verdict.datum.filter(|_| !own) {
            let origin = &self.propagation.origins[self.propagation.items[item].origin];
            if let Some(field) = origin.field.map(|f| &self.graph.fields[f]) {
                let span = field.value.key_span().unwrap_or(field.value.span());
                let file = self.graph.nodes[field.node].document.file();
                places.push(Place::new(
                    file,
                    Span::new(span.start as usize, field.value.span().end.max(span.end) as usize),
                    format!("`{}` enters here", field.id),
                ));
            }
        }
        for hop in hops {
            let edge = &self.graph.edges[hop.edge];
            if edge.value.is_some() && Subject::Flow(hop.edge).key() != verdict.subject.key() {
                places.push(Place::new(edge.document.file(), edge.span, "passes here"));
            }
        }
        if let Subject::Flow(edge) = &verdict.subject {
            let to = &self.graph.nodes[self.graph.edges[*edge].to];
            let label = self
                .graph
                .operator(self.graph.edges[*edge].to)
                .map_or_else(|| "no operator declared".to_owned(), |o| format!("run by `{o}`"));
            places.push(Place::new(to.document.file(), to.span, label));
        }
        if let Some(agreement) = verdict.contract.and_then(|c| self.graph.agreements.get(c)) {
            places.push(Place::new(agreement.document.file(), agreement.key_span(), "this contract is honoured"));
        }
        places.retain(|p| (&p.file.name, p.span) != (&primary.file.name, primary.span));
        places
    }

    /// The way of a datum to the flow, or to the node that holds it.
    fn path(&mut self, subject: &Subject<'_>, item: ItemId, variant: Variant) -> (Vec<PathStep>, Vec<Hop>) {
        let hops = match subject {
            Subject::Flow(edge) => self.propagation.witness(*edge, item, variant),
            Subject::Node(node) => {
                let entering = self.graph.entering[*node].clone();
                let arrives = |e: &EdgeId| self.propagation.edges[*e].get(&item).is_some_and(|v| v.contains(&variant));
                let entering: Vec<EdgeId> = entering.into_iter().filter(arrives).collect();
                let ways = entering.into_iter().map(|e| self.propagation.witness(e, item, variant)).filter(|w| !w.is_empty());
                ways.min_by_key(Vec::len).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        let mut steps = Vec::new();
        let mut before: Option<LabelSet> = None;
        for hop in &hops {
            let set = self.propagation.sets[hop.variant.may].clone();
            let (gained, lost) = before.as_ref().map(|b| (set.difference(b), b.difference(&set))).unwrap_or_default();
            steps.push(PathStep {
                node: self.graph.nodes[self.graph.edges[hop.edge].from].id.clone(),
                form: self.propagation.forms[self.propagation.items[hop.item].form].clone(),
                labels: self.shown(&set),
                gained: self.shown(&gained),
                lost: self.shown(&lost),
            });
            before = Some(set);
        }
        if let Some(last) = hops.last() {
            steps.push(PathStep {
                node: self.graph.nodes[self.graph.edges[last.edge].to].id.clone(),
                form: self.propagation.forms[self.propagation.items[last.item].form].clone(),
                labels: self.shown(&self.propagation.sets[last.variant.may]),
                gained: Vec::new(),
                lost: Vec::new(),
            });
        }
        (steps, hops)
    }

    /// Names of a set; few sets stand on many paths, and naming one looks through the taxonomy.
    fn shown(&self, set: &LabelSet) -> Vec<String> {
        let mut known = self.names.borrow_mut();
        known.entry(set.clone()).or_insert_with(|| shown(&self.graph.taxonomy, set)).clone()
    }

    /// Fills the names into a message.
    fn fill(&self, text: &str, verdict: &Verdict<'d>, subject: &SubjectNames) -> String {
        let mut values: Vec<(&str, String)> =
            vec![("workflow", verdict.workflow.map(|w| self.graph.workflows[w].id.to_owned()).unwrap_or_default())];
        if let Some((item, _)) = verdict.datum {
            let (name, form, surface) = self.datum(item);
            values.extend([("datum", name), ("form", form), ("surface", surface)]);
        } else {
            values.extend([("datum", "no datum".to_owned()), ("form", String::new()), ("surface", String::new())]);
        }
        let about = match &verdict.subject {
            Subject::Flow(edge) => Some(self.graph.edges[*edge].to),
            Subject::Node(node) => Some(*node),
            _ => None,
        };
        if let Some(node) = about {
            let operator = self.graph.operator(node).unwrap_or("an undeclared operator").to_owned();
            let service = self.graph.text_fact(node, "service").map_or_else(|| self.graph.nodes[node].id.clone(), str::to_owned);
            let name = self.graph.nodes[node].id.clone();
            values.extend([("operator", operator), ("service", service), ("recipient", name.clone()), ("node", name)]);
        }
        if let SubjectNames::Flow { from, .. } = subject {
            values.push(("sender", from.clone()));
        }
        values.push(("contract", verdict.contract.unwrap_or("no contract").to_owned()));
        values.push(("name", self.holder_name(&verdict.subject)));
        values.push(("rule", verdict.needed_by.join(", ")));
        values.into_iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), &value))
    }
}

fn undeclared_fact(verdict: &Verdict<'_>) -> String {
    match &verdict.kind {
        VerdictKind::Undeclared(missing) if !verdict.needed_by.is_empty() => missing.first().map(|m| m.fact.clone()).unwrap_or_default(),
        _ => String::new(),
    }
}

/// The names of a set, most specific only; a group of which every member is in is shown by the group's name and `.*`.
#[must_use]
pub fn shown(taxonomy: &Taxonomy, set: &LabelSet) -> Vec<String> {
    let free_text = taxonomy.free_text();
    let mut names: Vec<String> = Vec::new();
    let mut left = set.clone();
    for (id, entry) in taxonomy.entries() {
        let members: LabelSet = entry.below.iter().filter(|m| *m != id && free_text.contains(*m)).collect();
        let several = members.iter().nth(1).is_some();
        // Only groups of presumed classes are long; everything else is shown by its own name.
        if several && members.is_subset(&left) && taxonomy.entry(id).name.split('.').count() == group_depth(taxonomy, &members) {
            names.push(format!("{}.*", entry.name));
            left = left.difference(&members);
        }
    }
    names.extend(left.iter().map(|id| taxonomy.entry(id)).map(|e| match e.kind {
        LabelKind::Case => format!("case {}", e.name),
        _ => e.name.clone(),
    }));
    names.sort();
    names
}

/// How many parts the shared prefix of some dotted names has.
fn group_depth(taxonomy: &Taxonomy, members: &LabelSet) -> usize {
    members.iter().map(|m| taxonomy.entry(m).name.split('.').count().saturating_sub(1)).min().unwrap_or(0)
}

/// Data in a label: the first three, and how many more.
fn list_data(data: &[DatumNames]) -> String {
    let mut names: Vec<String> =
        data.iter().map(|d| if d.surface == "body" { format!("`{}`", d.name) } else { format!("`{}` ({})", d.name, d.surface) }).collect();
    names.dedup();
    let more = names.len().saturating_sub(3);
    names.truncate(3);
    let list = names.join(", ");
    if more > 0 { format!("{list} and {more} more") } else { list }
}

/// A short stable hash of names: the first 64 bits of a SHA-256 over the parts, each behind its length. A hash that is quick to turn around would let an
/// author choose a name under which a new finding passes for one that was dismissed.
#[must_use]
pub fn fingerprint(parts: &[&str]) -> String {
    let text: String = parts.iter().map(|part| format!("{}:{part}", part.len())).collect();
    sha256(text.as_bytes()).chars().take(16).collect()
}
