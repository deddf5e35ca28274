//! Who earns a label: every field at its source, and everything that leaves a node by an output. The answers are what propagation starts from.

use rustc_hash::FxHashMap;

use super::Judge;
use super::ask::{Asker, ContextId, Of, Question, QuestionId, RowId};
use super::policies::{Policy, Role};
use super::stage::Stage;
use crate::facts::{FactValue, Facts, Row};
use crate::graph::{FieldId, NodeId};
use crate::load::Value;
use crate::packs::{LabelId, LabelKind, LabelSet};
use crate::problem::Problem;
use crate::propagate::{Labelling, Propagation};
use crate::table::Table;

impl<'g, 'd> Judge<'_, 'g, 'd> {
    /// Asks for the labels. `first` is a propagation without labels; what leaves each step is known from it.
    #[must_use]
    pub fn labels(&self, first: Option<&Propagation<'g, 'd>>, cap: usize) -> (Labelling, Vec<Problem>) {
        let graph = self.base.graph;
        let asker = Asker::new(self.policies, &graph.taxonomy, self.slicing);
        let mut asking = Asking {
            judge: self,
            asker,
            asked: Vec::new(),
            early: first.is_none(),
            sources: FxHashMap::default(),
            contexts: FxHashMap::default(),
            candidates: FxHashMap::default(),
        };
        asking.common_rows();
        for field in graph.fields.ids() {
            asking.field(field, first);
        }
        for node in graph.nodes.ids() {
            asking.node(node, first);
            asking.fresh(node, first);
        }
        let Asking { asker, asked, .. } = asking;
        let (answers, _, problems) = asker.ask();
        let mut fields: Table<FieldId, LabelSet> = graph.fields.ids().map(|_| LabelSet::default()).collect();
        let mut nodes: FxHashMap<(NodeId, String, bool, bool), LabelSet> = FxHashMap::default();
        let mut fresh: FxHashMap<(NodeId, String, LabelSet), LabelSet> = FxHashMap::default();
        for (question, label, earner) in asked {
            let earned = answers.get(question.0 as usize).is_some_and(|a| !a.fired.is_empty());
            if !earned {
                continue;
            }
            match earner {
                Earner::Field(field) => fields[field].insert(label),
                Earner::Fresh(node, name, classes) => fresh.entry((node, name, classes)).or_default().insert(label),
                Earner::Node(node, output, covered, lowered) => nodes.entry((node, output, covered, lowered)).or_default().insert(label),
            }
        }
        (Labelling { fields, fresh, nodes, cap, crossings: self.limits.crossings }, problems)
    }

    /// Does some label depend on what leaves a step?
    #[must_use]
    pub fn labels_need_propagation(&self) -> bool {
        self.policies.table.iter().any(|(_, p)| needs_propagation(p))
    }
}

/// The policy gives a label by what leaves a step.
fn needs_propagation(policy: &Policy) -> bool {
    let facts = ["leaves_with", "dropped_classes", "dropped_labels", "vouched", "tenants", "connected_to"];
    policy.role == Role::Label && facts.iter().any(|f| policy.clauses.attributes.contains(*f))
}

enum Earner {
    Field(FieldId),
    Fresh(NodeId, String, LabelSet),
    Node(NodeId, String, bool, bool),
}

struct Asking<'a, 'j, 'g, 'd> {
    judge: &'a Judge<'j, 'g, 'd>,
    asker: Asker<'a>,
    asked: Vec<(QuestionId, LabelId, Earner)>,
    /// Nothing has been propagated yet: a label that depends on what leaves a step is not given.
    early: bool,
    /// Rows of the sources met so far.
    sources: FxHashMap<NodeId, RowId>,
    /// Contexts by output, by whether the step covers the surface, by whether it takes something, and by contract.
    contexts: FxHashMap<(String, bool, bool, Option<&'d str>), ContextId>,
    /// Labels that some policy could give to a kind of thing, with the rows that stand for them.
    candidates: FxHashMap<&'static str, Vec<(LabelId, RowId)>>,
}

impl<'g, 'd> Asking<'_, '_, 'g, 'd> {
    fn common_rows(&mut self) {
        let base = self.judge.base;
        self.asker.row(base.project());
        for id in base.graph.parties.keys() {
            base.party(id).map(|row| self.asker.row(row));
        }
        for id in base.graph.agreements.keys() {
            base.agreement(id).map(|row| self.asker.row(row));
        }
    }

    fn field(&mut self, field: FieldId, first: Option<&Propagation<'g, 'd>>) {
        let base = self.judge.base;
        let source = base.graph.fields[field].node;
        let source_row = match self.sources.get(&source) {
            Some(row) => *row,
            None => self.asker.row(base.node(source, None, first)),
        };
        self.sources.insert(source, source_row);
        let row = base.field(field, &self.asker.reference(source_row));
        let row = self.asker.row(row);
        let contracts: Vec<Option<&str>> = std::iter::once(None).chain(base.contracts(source).into_iter().map(Some)).collect();
        for contract in contracts {
            let of = if contract.is_some() { Of::Contract } else { Of::NoContract };
            let context = self.context("", true, false, contract);
            self.question(row, "Field", context, of, |_| Earner::Field(field));
        }
    }

    fn node(&mut self, node: NodeId, first: Option<&Propagation<'g, 'd>>) {
        let base = self.judge.base;
        let kind = base.graph.nodes[node].kind.entity();
        if !self.asker.concerns("label", "Label", kind, false) {
            return;
        }
        let row = self.asker.row(base.node(node, None, first));
        for output in crate::graph::output_names(base.graph, node) {
            for (covered, lowered) in [(true, true), (true, false), (false, true), (false, false)] {
                let context = self.context(&output, covered, lowered, None);
                self.question(row, kind, context, Of::All, |_| Earner::Node(node, output.clone(), covered, lowered));
            }
        }
    }

    /// A datum that a node makes from nothing is a field of that node: what makes a field PHI makes it PHI, too.
    fn fresh(&mut self, node: NodeId, first: Option<&Propagation<'g, 'd>>) {
        let base = self.judge.base;
        let outputs = crate::graph::outputs_of(base.graph, node).into_iter().flat_map(Value::entries);
        let effects = outputs.flat_map(|(_, effects)| effects.items()).filter(|e| e.get("of").is_none());
        for (name, effect) in effects.filter_map(|e| Some((e.get("emit")?.as_str()?, e))).collect::<Vec<_>>() {
            // The seven kinds of node have one shape, so the node's facts stand in for a source's.
            let source = self.asker.row(Row { entity: "Source", ..base.node(node, None, first) });
            let classes = crate::propagate::fresh_classes(&base.graph.taxonomy, effect);
            let row = base.fresh_field(node, name, &classes, &self.asker.reference(source));
            let row = self.asker.row(row);
            let context = self.context("", true, false, None);
            self.question(row, "Field", context, Of::NoContract, |_| Earner::Fresh(node, name.to_owned(), classes.clone()));
        }
    }

    fn context(&mut self, output: &str, covered: bool, lowered: bool, contract: Option<&'d str>) -> ContextId {
        let key = (output.to_owned(), covered, lowered, contract);
        if let Some(known) = self.contexts.get(&key) {
            return *known;
        }
        let mut facts = self.judge.common_context();
        facts.insert("output".to_owned(), FactValue::text(output));
        facts.insert("covered".to_owned(), FactValue::Bool(covered));
        facts.insert("lowered".to_owned(), FactValue::Bool(lowered));
        facts.extend(contract.map(|c| ("contract".to_owned(), FactValue::Entity("Agreement".to_owned(), c.to_owned()))));
        let context = self.asker.context(facts);
        self.contexts.insert(key, context);
        context
    }

    /// Asks about every label that some policy could give to such a thing.
    fn question(&mut self, resource: RowId, kind: &'static str, context: ContextId, of: Of, earner: impl Fn(LabelId) -> Earner) {
        for (label, principal) in self.candidates(kind) {
            let question = self.asker.question(Question { action: "label", principal, resource, context, of, stage: Stage::Production });
            self.asked.push((question, label, earner(label)));
        }
    }

    fn candidates(&mut self, kind: &'static str) -> Vec<(LabelId, RowId)> {
        if let Some(known) = self.candidates.get(kind) {
            return known.clone();
        }
        let taxonomy = &self.judge.base.graph.taxonomy;
        let candidates = self.asker.candidates("label", "Label", kind).to_vec();
        let policies = candidates.into_iter().map(|id| &self.judge.policies.table[id]).filter(|p| p.role == Role::Label);
        let named =
            policies.filter_map(|p| Some((taxonomy.find(LabelKind::Label, &p.scope.principal.exactly.as_ref()?.1)?, needs_propagation(p))));
        let mut labels: Vec<(LabelId, bool)> = named.collect();
        let late: Vec<LabelId> = labels.iter().filter(|(_, late)| *late && self.early).map(|(label, _)| *label).collect();
        labels.retain(|(label, _)| !late.contains(label));
        let mut labels: Vec<LabelId> = labels.into_iter().map(|(label, _)| label).collect();
        labels.sort_unstable();
        labels.dedup();
        let row = |name: &str| Row { entity: "Label", id: Some(name.to_owned()), ..Row::default() };
        let rows: Vec<_> = labels.into_iter().map(|label| (label, self.asker.row(row(&taxonomy.entry(label).name)))).collect();
        self.candidates.insert(kind, rows.clone());
        rows
    }
}

impl Judge<'_, '_, '_> {
    /// What every context holds.
    pub(super) fn common_context(&self) -> Facts {
        Facts::from([
            ("as_of".to_owned(), FactValue::Date(self.base.environment.as_of.to_string())),
            ("project".to_owned(), FactValue::Entity("Project".to_owned(), "project".to_owned())),
        ])
    }
}
