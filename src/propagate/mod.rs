//! Carries every field's labels along every path: a set of variants per datum and flow, solved to a least fixpoint component by component.
//! Never decides right or wrong, and knows no class or label by name.

mod combine;
mod conditions;
mod effects;
mod fixpoint;
mod variants;
mod witness;

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::graph::{EdgeId, FieldId, FlowGraph, NodeId, Selector, WorkflowId};
use crate::ids;
use crate::packs::LabelSet;
use crate::table::{Interner, Table};

pub use self::variants::{SetId, Sets, Variant};
pub use self::witness::Hop;

use self::effects::Machine;
pub(crate) use self::effects::fresh_classes;

ids! {
    /// A datum on its way: where it began and the name it travels under.
    ItemId,
    /// A name data travel under.
    FormId,
    /// Where a datum began.
    OriginId,
}

/// Where a datum began: a surface of a field, or a node that made it from nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The source, or the node that made it.
    pub node: NodeId,
    /// The field, when it began as one.
    pub field: Option<FieldId>,
    /// Its name there.
    pub name: String,
    /// The surface: body, attachments …
    pub surface: String,
}

/// A datum on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item {
    /// Where it began.
    pub origin: OriginId,
    /// The name it travels under.
    pub form: FormId,
}

/// The variants of every datum at one place.
pub type Variants = BTreeMap<ItemId, Vec<Variant>>;

/// How many variants of one datum a flow keeps apart before it widens them into one interval.
pub const DEFAULT_VARIANT_CAP: usize = 64;

/// What to propagate with.
#[derive(Clone, Debug)]
pub struct Labelling {
    /// Labels a field has at its source.
    pub fields: Table<FieldId, LabelSet>,
    /// Labels a datum has that a node makes from nothing, by its name and its classes.
    pub fresh: FxHashMap<(NodeId, String, LabelSet), LabelSet>,
    /// Labels a node gives to what leaves it, by output, by whether the step covers the datum's surface, and by whether it takes something from it.
    pub nodes: FxHashMap<(NodeId, String, bool, bool), LabelSet>,
    /// The variant cap.
    pub cap: usize,
    /// The most variants of data on flows; past it nothing is carried further.
    pub crossings: usize,
}

/// The fixpoint: which datum crosses which flow with which labels.
#[derive(Debug)]
pub struct Propagation<'g, 'd> {
    /// Variants per flow.
    pub edges: Table<EdgeId, Variants>,
    /// Origins.
    pub origins: Interner<OriginId, Origin>,
    /// Data.
    pub items: Interner<ItemId, Item>,
    /// Names data travel under.
    pub forms: Interner<FormId, String>,
    /// Interned label sets.
    pub sets: Sets,
    /// Flows at which the cap was reached, with the datum.
    pub widened: Vec<(EdgeId, ItemId)>,
    /// The flow at which too much had crossed: what is here is not the fixpoint, and nothing may be judged by it.
    pub stopped: Option<EdgeId>,
    machine: Machine,
    /// For each origin that was asked about, the state before each state its datum can be in.
    ways: FxHashMap<OriginId, FxHashMap<Hop, Option<Hop>>>,
    cases: Table<EdgeId, LabelSet>,
    graph: &'g FlowGraph<'d>,
}

/// Solves the graph.
#[must_use]
pub fn propagate<'g, 'd>(graph: &'g FlowGraph<'d>, labelling: &Labelling) -> Propagation<'g, 'd> {
    fixpoint::solve(graph, labelling)
}

impl Propagation<'_, '_> {
    /// What a node holds: its own fields, and all that flows into it.
    #[must_use]
    pub fn held(&self, node: NodeId) -> Variants {
        self.held_where(node, |_| true)
    }

    /// What a workflow makes a node hold: its own fields, and what the workflow's flows bring.
    #[must_use]
    pub fn held_in(&self, node: NodeId, workflow: WorkflowId) -> Variants {
        self.held_where(node, |edge| self.graph.edges[edge].workflow == workflow)
    }

    fn held_where(&self, node: NodeId, counts: impl Fn(EdgeId) -> bool) -> Variants {
        let mut held = Variants::new();
        for (item, variant) in &self.machine.starts[node] {
            add(&mut held, *item, *variant);
        }
        for edge in self.graph.entering[node].iter().filter(|e| counts(**e)) {
            for (item, variants) in &self.edges[*edge] {
                for variant in variants {
                    add(&mut held, *item, *variant);
                }
            }
        }
        held
    }

    /// Does some datum take a flow under one of the names it lists?
    #[must_use]
    pub fn crosses(&self, edge: EdgeId, selector: &Selector<'_>) -> bool {
        self.edges[edge].keys().any(|item| {
            let item = self.items[*item];
            let source = &self.graph.nodes[self.origins[item.origin].node].id;
            self.forms[item.form] == selector.name && selector.source.is_none_or(|wanted| wanted == source)
        })
    }

    /// The datum's surface: a field's own, and `body` for what was made from it.
    #[must_use]
    pub fn surface(&self, item: ItemId) -> &str {
        let item = self.items[item];
        let origin = &self.origins[item.origin];
        if self.forms[item.form] == origin.name { &origin.surface } else { BODY }
    }

    /// `source.field`, as findings name the datum.
    #[must_use]
    pub fn datum_name(&self, item: ItemId) -> String {
        let origin = &self.origins[self.items[item].origin];
        format!("{}.{}", self.graph.nodes[origin.node].id, origin.name)
    }

    /// The datum was made from its origin by a step or model.
    #[must_use]
    pub fn is_derived(&self, item: ItemId) -> bool {
        let item = self.items[item];
        self.forms[item.form] != self.origins[item.origin].name
    }

    /// Everything that may be on what leaves a node: classes, labels and what lies above them.
    #[must_use]
    pub fn leaves_with(&self, node: NodeId) -> LabelSet {
        let mut all = LabelSet::default();
        for edge in &self.graph.leaving[node] {
            for variant in self.edges[*edge].values().flatten() {
                all = all.union(&self.sets[variant.may]);
            }
        }
        self.graph.taxonomy.closure(&all)
    }

    /// Assurances that a node's own effects give without taking anything away.
    #[must_use]
    pub fn vouched(&self, node: NodeId) -> LabelSet {
        self.machine.vouched(self.graph, node)
    }

    /// What arrives at a node and is declared away without being among what the node says it removes.
    #[must_use]
    pub fn dropped(&self, node: NodeId) -> LabelSet {
        self.dropped_of(node, |variant| variant.may)
    }

    /// As [`Self::dropped`], of one end of the ranges that arrive: all they may hold, or what they surely do.
    pub(crate) fn dropped_of(&self, node: NodeId, end: impl Fn(&Variant) -> SetId) -> LabelSet {
        let mut arriving = LabelSet::default();
        for variant in self.held(node).values().flatten() {
            arriving = arriving.union(&self.sets[end(variant)]);
        }
        self.graph.taxonomy.closure(&self.machine.dropped(self.graph, node, &arriving))
    }
}

/// The surface of text itself.
const BODY: &str = "body";

fn add(held: &mut Variants, item: ItemId, variant: Variant) {
    let list = held.entry(item).or_default();
    if !list.contains(&variant) {
        list.push(variant);
    }
}

#[cfg(test)]
mod tests;
