//! Facts nobody writes: who reviews, what is decided on record, what a workflow carries, what surrounds a node.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::{FactBase, FactValue};
use crate::declare::NodeKind;
use crate::graph::{EdgeId, Fact, FactSource, NodeId, WorkflowId};
use crate::load::Value;
use crate::packs::{LabelKind, LabelSet};
use crate::propagate::{Propagation, Variant};

impl<'g, 'd> FactBase<'g, 'd> {
    /// Fact names under which other nodes of the workflow refer to this one.
    pub(super) fn named_as(&self, node: NodeId) -> FactValue {
        FactValue::texts(self.named_as.get(&node).into_iter().flatten().copied())
    }

    /// A reviewer who is named is a person; one named by role or team is that.
    pub(super) fn reviewer_kind(&self, node: NodeId) -> Option<FactValue> {
        ["person", "role", "team"].into_iter().find(|key| self.graph.text_fact(node, key).is_some()).map(FactValue::text)
    }

    pub(super) fn node_kinds(&self, workflow: WorkflowId) -> FactValue {
        let edges = self.graph.flows_of[workflow].iter().map(|e| &self.graph.edges[*e]).filter(|e| !e.implied);
        FactValue::texts(edges.flat_map(|e| [e.from, e.to]).map(|n| self.graph.nodes[n].kind.word()))
    }

    pub(super) fn reviewer_kinds(&self, workflow: WorkflowId) -> FactValue {
        let edges = self.graph.flows_of[workflow].iter().map(|e| &self.graph.edges[*e]);
        let reviewers = edges.map(|e| e.to).filter(|n| self.graph.nodes[*n].kind == NodeKind::Reviewer);
        let kinds =
            reviewers.filter_map(|n| self.graph.text_fact(n, "reviewer_kind").map(FactValue::text).or_else(|| self.reviewer_kind(n)));
        FactValue::Set(kinds.collect())
    }

    /// Some endpoint of the workflow is run by an outside party, or by nobody we know.
    pub(super) fn is_hosted(&self, workflow: WorkflowId) -> bool {
        let edges = self.graph.flows_of[workflow].iter().map(|e| &self.graph.edges[*e]);
        edges.flat_map(|e| [e.from, e.to]).any(|n| self.graph.nodes[n].kind == NodeKind::Endpoint && !self.graph.is_self_run(n))
    }

    /// Decisions on record that are complete: an addressable specification decided against, or recorded as implemented, with who, when, why and where it
    /// is written (45 CFR 164.306(d)(3)).
    pub(super) fn addressable(&self, implemented: bool) -> FactValue {
        let entries = self.graph.declarations.project_section("addressable").into_iter().flat_map(Value::entries);
        let complete = entries.filter(|(_, value)| {
            let decided = value.get("decision").and_then(Value::as_str).is_some_and(|d| (d == "implemented") == implemented);
            decided && self.has_begun(*value) && ["approver", "date", "reason", "document"].iter().all(|key| value.get(key).is_some())
        });
        FactValue::texts(complete.map(|(name, _)| name))
    }

    /// Its `date` is there and not in the future.
    fn has_begun(&self, value: Value<'d>) -> bool {
        value.get("date").and_then(|d| d.as_str()?.parse::<Date>().ok()).is_some_and(|d| d <= self.environment.as_of)
    }

    /// Dated approvals that the Qualified Individual gave (16 CFR 314.4(c)).
    pub(super) fn qi_approvals(&self) -> FactValue {
        let entries = self.graph.declarations.project_section("qi_approvals").into_iter().flat_map(Value::entries);
        let individual = self.graph.declarations.project_section("qualified_individual").and_then(|q| q.get("person"));
        let given = entries.filter(|(_, value)| {
            let by_whom = value.get("approver").and_then(Value::as_str);
            by_whom.is_some() && by_whom == individual.and_then(Value::as_str) && self.has_begun(*value)
        });
        FactValue::texts(given.map(|(name, _)| name))
    }

    /// A text fact of the nodes of one kind in a workflow.
    pub(super) fn texts_of(&self, workflow: WorkflowId, kind: NodeKind, fact: &str) -> FactValue {
        let edges = self.graph.flows_of[workflow].iter().map(|e| &self.graph.edges[*e]).filter(|e| !e.implied);
        let nodes = edges.flat_map(|e| [e.from, e.to]).filter(|n| self.graph.nodes[*n].kind == kind);
        FactValue::texts(nodes.filter_map(|n| self.graph.text_fact(n, fact)))
    }

    /// Permissions claimed on the declared flows of a workflow, `none` where one claims none.
    pub(super) fn permissions(&self, workflow: WorkflowId) -> FactValue {
        let edges = self.graph.flows_of[workflow].iter().filter(|e| !self.graph.edges[**e].implied);
        FactValue::texts(edges.map(|e| self.of_flow_or_workflow(*e, "permission").and_then(Value::as_str).unwrap_or("none")))
    }

    /// A fact of a flow, else of its workflow.
    pub(super) fn of_flow_or_workflow(&self, edge: EdgeId, fact: &str) -> Option<Value<'d>> {
        let workflow = self.graph.edges[edge].workflow;
        self.graph.flow_fact(edge, fact).or_else(|| self.graph.workflows[workflow].document.root().get(fact))
    }

    /// When the newest of a workflow's nodes was changed.
    pub(super) fn changed(&self, workflow: WorkflowId) -> Option<FactValue> {
        let edges = self.graph.flows_of[workflow].iter().map(|e| &self.graph.edges[*e]);
        let dates = edges.flat_map(|e| [e.from, e.to]).filter_map(|n| self.graph.text_fact(n, "changed")?.parse::<Date>().ok());
        dates.max().map(|date| FactValue::Date(date.to_string()))
    }

    /// Stages of the project's workflows.
    pub(super) fn stages(&self) -> FactValue {
        FactValue::texts(self.graph.workflows.rows().iter().filter_map(|w| w.document.root().get("stage")?.as_str()))
    }

    /// Names of a node's copies, its provider's included; `None` where nobody says whether there are any.
    pub(super) fn copies(&self, node: NodeId) -> Option<FactValue> {
        let node = &self.graph.nodes[node];
        let declared = node.value.and_then(|v| v.get("copies"));
        let provided = node.profile.and_then(|p| p.root().get("copies"));
        let names = declared.into_iter().chain(provided).flat_map(Value::entries).map(|(name, _)| name);
        (declared.is_some() || provided.is_some()).then(|| FactValue::texts(names))
    }

    /// The retention of a node is stated for itself, not taken from what it is a copy of or from defaults.
    pub(super) fn own_retention(&self, id: NodeId) -> bool {
        let node = &self.graph.nodes[id];
        if node.copy_of.is_some() {
            return node.value.and_then(|v| v.get("retention")).or(node.copy_facts.and_then(|f| f.get("retention"))).is_some();
        }
        matches!(self.graph.fact(id, "retention"), Fact::Stated { source, .. } if !matches!(source, FactSource::Default))
    }

    /// Labels of what the nodes next to a node hold.
    pub(super) fn connected_to(&self, node: NodeId, propagation: &Propagation<'g, 'd>) -> FactValue {
        let edges = self.graph.leaving[node].iter().chain(&self.graph.entering[node]).map(|e| &self.graph.edges[*e]);
        let next: BTreeSet<NodeId> = edges.flat_map(|e| [e.from, e.to]).filter(|n| *n != node).collect();
        let held = next.into_iter().flat_map(|n| propagation.held(n).into_values().flatten());
        self.labels(&self.graph.taxonomy.closure(&union(propagation, held)))
    }

    /// Classes of the fields of a source, with all above them.
    pub(super) fn declared_classes(&self, source: NodeId) -> FactValue {
        let fields = self.graph.nodes[source].fields.iter().map(|f| &self.graph.fields[*f]);
        self.classes(&self.graph.taxonomy.closure(&fields.flat_map(|f| f.classes.iter().copied()).collect()))
    }

    /// Classes of all data on a flow, with all above them.
    pub(super) fn carried(&self, edge: EdgeId, propagation: &Propagation<'g, 'd>) -> FactValue {
        let all = union(propagation, propagation.edges[edge].values().flatten().copied());
        self.classes(&self.graph.taxonomy.closure(&all))
    }

    /// Classes and labels of all data on the flows of a workflow, with all above them.
    pub(super) fn carried_in(&self, workflow: WorkflowId, propagation: &Propagation<'g, 'd>) -> LabelSet {
        let variants = self.graph.flows_of[workflow].iter().flat_map(|e| propagation.edges[*e].values().flatten().copied());
        let all = union(propagation, variants);
        let cases = all.iter().filter(|id| self.graph.taxonomy.entry(*id).kind == LabelKind::Case).collect();
        self.graph.taxonomy.closure(&all.difference(&cases))
    }

    /// Parties of a list that are not the project itself.
    pub(super) fn outside_parties(&self, list: Option<Value<'d>>) -> FactValue {
        let named = list.into_iter().flat_map(Value::items).filter_map(Value::as_str);
        FactValue::entities("Party", named.filter(|p| !self.graph.parties.get(*p).is_some_and(crate::graph::Party::is_self)))
    }
}

/// Everything some variant may carry. Most flows of a workflow share few sets, and each is added once.
fn union(propagation: &Propagation<'_, '_>, variants: impl Iterator<Item = Variant>) -> LabelSet {
    let sets: BTreeSet<_> = variants.map(|v| v.may).collect();
    sets.into_iter().fold(LabelSet::default(), |all, set| all.union(&propagation.sets[set]))
}
