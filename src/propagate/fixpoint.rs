//! The least fixpoint: components in topological order, a worklist inside each. The order of nodes and flows is one of names, so the result
//! does not depend on how files are written.

use std::collections::VecDeque;

use petgraph::algo::kosaraju_scc;
use rustc_hash::{FxHashMap, FxHashSet};

use super::effects::{Arrivals, Machine, Names};
use super::{EdgeId, ItemId, Labelling, Propagation, Variant, Variants};
use crate::declare::{Declared, NodeKind};
use crate::graph::{DEFAULT_PORT, FlowGraph, NodeId, Selected};
use crate::packs::{LabelKind, LabelSet};
use crate::table::Table;

/// A datum that has arrived at a node and has not been passed on yet.
#[derive(Clone, Copy)]
struct Arrival<'d> {
    input: &'d str,
    item: ItemId,
    variant: Variant,
}

pub(super) fn solve<'g, 'd>(graph: &'g FlowGraph<'d>, labelling: &Labelling) -> Propagation<'g, 'd> {
    let mut names = Names::default();
    let machine = Machine::compile(graph, labelling, &mut names);
    let mut solver = Solver {
        graph,
        machine,
        names,
        cap: labelling.cap.max(1),
        edges: graph.edges.ids().map(|_| Variants::new()).collect(),
        seen: FxHashSet::default(),
        arrived: graph.nodes.ids().map(|_| Arrivals::default()).collect(),
        reached: FxHashSet::default(),
        waiting: graph.nodes.ids().map(|_| VecDeque::new()).collect(),
        component: component_of(graph),
        cases: allowed_cases(graph),
        widened: Vec::new(),
        left: labelling.crossings,
        stopped: None,
    };
    solver.run();
    let Solver { machine, names, edges, mut widened, cases, stopped, .. } = solver;
    widened.sort_unstable();
    widened.dedup();
    let Names { origins, items, forms, sets } = names;
    Propagation { edges, origins, items, forms, sets, widened, stopped, machine, ways: FxHashMap::default(), cases, graph }
}

/// For each node, the place of its component in topological order. Kosaraju's algorithm does not recurse, so a long chain is no stack overflow.
fn component_of(graph: &FlowGraph<'_>) -> Table<NodeId, usize> {
    let components = kosaraju_scc(&graph.graph);
    let count = components.len();
    let mut of: Table<NodeId, usize> = graph.nodes.ids().map(|_| 0).collect();
    // Kosaraju gives components in reverse topological order.
    for (n, component) in components.iter().enumerate() {
        for index in component {
            if let Some(node) = graph.graph.node_weight(*index) {
                of[*node] = count - 1 - n;
            }
        }
    }
    of
}

/// For each flow, the case types that can take it.
fn allowed_cases(graph: &FlowGraph<'_>) -> Table<EdgeId, LabelSet> {
    let of_workflow = |workflow| {
        let document = graph.workflows[workflow].document;
        let names = Declared { document, value: document.root() }.texts("case_types");
        names.filter_map(|name| graph.taxonomy.find(LabelKind::Case, name)).collect::<LabelSet>()
    };
    let all: Table<crate::graph::WorkflowId, LabelSet> = graph.workflows.ids().map(of_workflow).collect();
    graph
        .edges
        .iter()
        .map(|(_, e)| e.case_types.as_ref().map_or_else(|| all[e.workflow].clone(), |c| c.iter().copied().collect()))
        .collect()
}

struct Solver<'g, 'd> {
    graph: &'g FlowGraph<'d>,
    machine: Machine,
    names: Names,
    cap: usize,
    edges: Table<EdgeId, Variants>,
    arrived: Table<NodeId, Arrivals>,
    /// Nodes at which anything has arrived.
    reached: FxHashSet<NodeId>,
    seen: FxHashSet<(NodeId, &'d str, ItemId, Variant)>,
    waiting: Table<NodeId, VecDeque<Arrival<'d>>>,
    component: Table<NodeId, usize>,
    cases: Table<EdgeId, LabelSet>,
    widened: Vec<(EdgeId, ItemId)>,
    /// Variants that may still cross flows.
    left: usize,
    stopped: Option<EdgeId>,
}

impl<'d> Solver<'_, 'd> {
    fn run(&mut self) {
        for node in self.graph.nodes.ids() {
            for (item, variant) in self.machine.starts[node].clone() {
                self.waiting[node].push_back(Arrival { input: DEFAULT_PORT, item, variant });
            }
        }
        let mut order: Vec<NodeId> = self.graph.nodes.ids().collect();
        order.sort_by_key(|n| (self.component[*n], *n));
        for component in order.chunk_by(|a, b| self.component[*a] == self.component[*b]).map(<[NodeId]>::to_vec).collect::<Vec<_>>() {
            for node in &component {
                for (output, item, variant) in self.machine.fresh[*node].clone() {
                    self.send(*node, output, item, variant);
                }
            }
            self.settle(&component);
            // Whatever flows in from outside has arrived by now. A model that was sent nothing still says something, alone or in a circle of such.
            let silent: Vec<NodeId> = component.iter().copied().filter(|n| !self.reached.contains(n)).collect();
            for node in &silent {
                let unprompted = self.machine.unprompted[*node].clone();
                self.machine.fresh[*node].extend(unprompted.iter().copied());
                for (output, item, variant) in unprompted {
                    self.send(*node, output, item, variant);
                }
            }
            self.settle(&component);
        }
    }

    /// Passes on what waits in a component until nothing does. Nothing flows back into an earlier one, and a node is passed again only while a round still
    /// brings something new.
    fn settle(&mut self, component: &[NodeId]) {
        let mut waits = true;
        while waits {
            waits = false;
            for node in component {
                while let Some(arrival) = self.waiting[*node].pop_front() {
                    if self.stopped.is_some() {
                        return;
                    }
                    waits = true;
                    self.pass_on(*node, arrival);
                }
            }
        }
    }

    fn pass_on(&mut self, node: NodeId, arrival: Arrival<'d>) {
        let Arrival { input, item, variant } = arrival;
        self.reached.insert(node);
        // Only a step that makes one datum of several looks back.
        if self.machine.combines(node) && self.seen.insert((node, input, item, variant)) {
            self.arrived[node].entry(input.to_owned()).or_default().push((item, variant));
        }
        for (output, item, variant) in self.machine.leave(&mut self.names, node, input, item, variant, &self.arrived[node]) {
            self.send(node, output, item, variant);
        }
    }

    fn send(&mut self, node: NodeId, output: usize, item: ItemId, variant: Variant) {
        let graph = self.graph;
        for edge in graph.leaving[node].iter().copied() {
            if !takes(self.graph, &self.machine, &self.names, edge, output, item) {
                continue;
            }
            let Some(variant) = cross(self.graph, &mut self.names, &self.cases, edge, variant) else { continue };
            let list = self.edges[edge].entry(item).or_default();
            if let Some((new, widened)) = self.names.sets.insert(list, variant, self.cap) {
                // A range that leaves a step which makes one datum of several came of too many combinations there.
                if widened || (!new.is_exact() && self.machine.combines(node)) {
                    self.widened.push((edge, item));
                }
                match self.left.checked_sub(1) {
                    Some(left) => self.left = left,
                    None => self.stopped = Some(edge),
                }
                let declared = &self.graph.edges[edge];
                self.waiting[declared.to].push_back(Arrival { input: declared.input, item, variant: new });
            }
        }
    }
}

/// Does a flow take this datum from this output?
pub(super) fn takes(graph: &FlowGraph<'_>, machine: &Machine, names: &Names, edge: EdgeId, output: usize, item: ItemId) -> bool {
    let edge = &graph.edges[edge];
    if edge.output.is_some_and(|wanted| wanted != machine.output_name(edge.from, output)) {
        return false;
    }
    let Selected::Named(list) = &edge.selected else { return true };
    let item = names.items[item];
    let form = &names.forms[item.form];
    let source = &graph.nodes[names.origins[item.origin].node].id;
    list.iter().any(|s| s.name == form && s.source.is_none_or(|wanted| wanted == source))
}

/// The variant after it crosses a flow: only the flow's case types remain. A datum that enters a workflow starts with all of its cases, and so does one
/// that was made inside and has none yet.
fn cross(graph: &FlowGraph<'_>, names: &mut Names, cases: &Table<EdgeId, LabelSet>, edge: EdgeId, variant: Variant) -> Option<Variant> {
    let from = &graph.nodes[graph.edges[edge].from];
    let enters = from.workflow.is_none() || from.kind == NodeKind::Source;
    let allowed = &cases[edge];
    let cases_of = |set: &LabelSet| set.iter().filter(|id| graph.taxonomy.entry(*id).kind == LabelKind::Case).collect::<LabelSet>();
    let (must, may) = (names.sets[variant.must].clone(), names.sets[variant.may].clone());
    let (sure, possible) = (cases_of(&must), cases_of(&may));
    if allowed.is_empty() && possible.is_empty() {
        return Some(variant);
    }
    // Of a range, some sets may have no case yet: they get all, the others what is left to them.
    let (sure_left, possible_left) = if enters || possible.is_empty() {
        (allowed.clone(), allowed.clone())
    } else if sure.is_empty() {
        (LabelSet::default(), possible.intersection(allowed).union(allowed))
    } else {
        (sure.intersection(allowed), possible.intersection(allowed))
    };
    if !enters && !sure.is_empty() && possible_left.is_empty() {
        return None;
    }
    let may = names.sets.intern(may.difference(&possible).union(&possible_left));
    if variant.is_exact() {
        return Some(Variant::exact(may));
    }
    Some(Variant { must: names.sets.intern(must.difference(&sure).union(&sure_left)), may })
}

impl<'d> Propagation<'_, 'd> {
    /// The flows a datum takes from a node after it arrived there, with its variant on each.
    pub(super) fn onward(
        &mut self,
        node: NodeId,
        input: &str,
        item: ItemId,
        variant: Variant,
        arrivals: &Arrivals,
    ) -> Vec<(EdgeId, ItemId, Variant)> {
        let mut names = self.take_names();
        let leaving = self.machine.leave(&mut names, node, input, item, variant, arrivals);
        let onward = self.route(&mut names, node, leaving);
        self.give_names(names);
        onward
    }

    /// The flows that what a node makes from nothing takes.
    pub(super) fn onward_fresh(&mut self, node: NodeId) -> Vec<(EdgeId, ItemId, Variant)> {
        let mut names = self.take_names();
        let leaving = self.machine.fresh[node].clone();
        let onward = self.route(&mut names, node, leaving);
        self.give_names(names);
        onward
    }

    fn route(&self, names: &mut Names, node: NodeId, leaving: Vec<super::effects::Leaving>) -> Vec<(EdgeId, ItemId, Variant)> {
        let cases = &self.cases;
        let mut onward = Vec::new();
        for (output, item, variant) in leaving {
            for edge in &self.graph.leaving[node] {
                if takes(self.graph, &self.machine, names, *edge, output, item) {
                    onward.extend(cross(self.graph, names, cases, *edge, variant).map(|v| (*edge, item, v)));
                }
            }
        }
        onward
    }

    fn take_names(&mut self) -> Names {
        Names {
            origins: std::mem::take(&mut self.origins),
            items: std::mem::take(&mut self.items),
            forms: std::mem::take(&mut self.forms),
            sets: std::mem::take(&mut self.sets),
        }
    }

    fn give_names(&mut self, names: Names) {
        let Names { origins, items, forms, sets } = names;
        (self.origins, self.items, self.forms, self.sets) = (origins, items, forms, sets);
    }
}
