//! What a range of variants leaves open. A fact that sums up data takes all that a range may hold; a rule that asks for what is *not* there would then
//! hear too little, so judging must know where the sum is not certain.

use std::collections::BTreeSet;

use super::FactBase;
use crate::graph::{EdgeId, NodeId, WorkflowId};
use crate::packs::{LabelKind, LabelSet};
use crate::propagate::{Propagation, Variant};

/// A thing with a fact that sums up data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A flow.
    Flow(EdgeId),
    /// A node.
    Node(NodeId),
    /// A workflow: the classes and labels it is in.
    Workflow(WorkflowId),
}

/// A fact that is not certain.
#[derive(Clone, Debug)]
pub struct OpenFact {
    /// What has it.
    pub holder: Holder,
    /// Its name.
    pub fact: &'static str,
    /// Classes and labels that may or may not be in it, with all above them.
    pub open: LabelSet,
}

impl<'g, 'd> FactBase<'g, 'd> {
    /// Facts that sum up data of which some are known as a range only.
    #[must_use]
    pub fn open_facts(&self, propagation: &Propagation<'g, 'd>) -> Vec<OpenFact> {
        if propagation.widened.is_empty() {
            return Vec::new();
        }
        let on = |edge: &EdgeId| propagation.edges[*edge].values().flatten().copied();
        let mut found = Vec::new();
        let mut add = |holder, fact, kind: Option<LabelKind>, open: LabelSet| {
            let open: LabelSet = open.iter().filter(|id| kind.is_none_or(|kind| self.graph.taxonomy.entry(*id).kind == kind)).collect();
            if !open.is_empty() {
                found.push(OpenFact { holder, fact, open });
            }
        };
        for node in self.graph.nodes.ids() {
            let holder = Holder::Node(node);
            let leaving = self.open(propagation, self.graph.leaving[node].iter().flat_map(on));
            add(holder, "leaves_with", Some(LabelKind::Class), leaving);
            let dropped = propagation.dropped(node).difference(&propagation.dropped_of(node, |v| v.must));
            add(holder, "dropped_classes", Some(LabelKind::Class), dropped.clone());
            add(holder, "dropped_labels", Some(LabelKind::Label), dropped);
            let edges = self.graph.leaving[node].iter().chain(&self.graph.entering[node]).map(|e| &self.graph.edges[*e]);
            let next: BTreeSet<NodeId> = edges.flat_map(|e| [e.from, e.to]).filter(|n| *n != node).collect();
            let around = self.open(propagation, next.into_iter().flat_map(|n| propagation.held(n).into_values().flatten()));
            add(holder, "connected_to", Some(LabelKind::Label), around);
        }
        for edge in self.graph.edges.ids() {
            add(Holder::Flow(edge), "carries", Some(LabelKind::Class), self.open(propagation, on(&edge)));
        }
        for workflow in self.graph.workflows.ids() {
            let open = self.open(propagation, self.graph.flows_of[workflow].iter().flat_map(on));
            add(Holder::Workflow(workflow), CARRIED, None, open);
        }
        found
    }

    /// What some of the sets that variants stand for have, all together, and others have not.
    fn open(&self, propagation: &Propagation<'g, 'd>, variants: impl Iterator<Item = Variant>) -> LabelSet {
        let sets: BTreeSet<Variant> = variants.collect();
        if sets.iter().all(|v| v.is_exact()) {
            return LabelSet::default();
        }
        let sum = |of: fn(&Variant) -> crate::propagate::SetId| {
            let all = sets.iter().fold(LabelSet::default(), |all, v| all.union(&propagation.sets[of(v)]));
            self.graph.taxonomy.closure(&all)
        };
        sum(|v| v.may).difference(&sum(|v| v.must))
    }
}

/// What a workflow carries is no attribute: it is in these classes and labels.
pub const CARRIED: &str = "classes and labels";
