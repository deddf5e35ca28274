//! The shortest path of a datum from where it began to a flow, with its variant after every hop. Found only for what is reported.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::effects::Arrivals;
use super::{EdgeId, ItemId, Propagation, Variant};
use crate::graph::{DEFAULT_PORT, NodeId};

/// One flow on the way, with the datum as it crossed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop {
    /// The flow.
    pub edge: EdgeId,
    /// The datum there.
    pub item: ItemId,
    /// Its variant there.
    pub variant: Variant,
}

impl Propagation<'_, '_> {
    /// The shortest way of a datum to `(edge, item, variant)`, first flow first; of two equally short ways the one over smaller names. Empty only
    /// when the state was never reached.
    #[must_use]
    pub fn witness(&mut self, edge: EdgeId, item: ItemId, variant: Variant) -> Vec<Hop> {
        let goal = Hop { edge, item, variant };
        let origin = self.items[item].origin;
        // Many findings are about data of one origin, whose ways are found once.
        if !self.ways.contains_key(&origin) {
            let ways = self.explore(origin);
            self.ways.insert(origin, ways);
        }
        self.ways.get(&origin).filter(|ways| ways.contains_key(&goal)).map(|ways| trace(ways, goal)).unwrap_or_default()
    }

    /// Every state that a datum of this origin can be in, each with the one before it on the shortest way.
    fn explore(&mut self, origin: super::OriginId) -> FxHashMap<Hop, Option<Hop>> {
        let start = self.origins[origin].node;
        let mut seen: FxHashMap<Hop, Option<Hop>> = FxHashMap::default();
        let mut queue: VecDeque<Hop> = VecDeque::new();
        for hop in self.first_hops(start, origin) {
            if seen.insert(hop, None).is_none() {
                queue.push_back(hop);
            }
        }
        while let Some(hop) = queue.pop_front() {
            for next in self.next_hops(hop, origin) {
                if let std::collections::hash_map::Entry::Vacant(e) = seen.entry(next) {
                    e.insert(Some(hop));
                    queue.push_back(next);
                }
            }
        }
        seen
    }

    fn first_hops(&mut self, node: NodeId, origin: super::OriginId) -> Vec<Hop> {
        let mut hops = Vec::new();
        let mut starts: Vec<(ItemId, Variant)> = self.machine.starts[node].clone();
        starts.retain(|(item, _)| self.items[*item].origin == origin);
        for (item, variant) in starts {
            let arrivals = self.arrivals(node);
            hops.extend(self.onward(node, DEFAULT_PORT, item, variant, &arrivals));
        }
        hops.extend(self.onward_fresh(node));
        self.settle(hops, origin)
    }

    fn next_hops(&mut self, hop: Hop, origin: super::OriginId) -> Vec<Hop> {
        let edge = &self.graph.edges[hop.edge];
        let (to, input) = (edge.to, edge.input);
        let arrivals = self.arrivals(to);
        let onward = self.onward(to, input, hop.item, hop.variant, &arrivals);
        self.settle(onward, origin)
    }

    /// What has arrived at a node, by input; only steps that combine inputs need it.
    fn arrivals(&self, node: NodeId) -> Arrivals {
        let mut arrivals = Arrivals::default();
        if !self.machine.combines(node) {
            return arrivals;
        }
        for edge in &self.graph.entering[node] {
            let input = self.graph.edges[*edge].input;
            let here = arrivals.entry(input.to_owned()).or_default();
            for (item, variants) in &self.edges[*edge] {
                here.extend(variants.iter().map(|v| (*item, *v)));
            }
        }
        arrivals
    }

    /// The states of the fixpoint these hops are, in the order of flows; past the cap a hop is part of an interval.
    fn settle(&self, onward: Vec<(EdgeId, ItemId, Variant)>, origin: super::OriginId) -> Vec<Hop> {
        let mut hops = Vec::new();
        for (edge, item, variant) in onward {
            if self.items[item].origin != origin {
                continue;
            }
            let list = self.edges[edge].get(&item);
            let state = list.and_then(|l| l.iter().find(|known| self.sets.covers(**known, variant)));
            hops.extend(state.map(|variant| Hop { edge, item, variant: *variant }));
        }
        hops.sort_unstable();
        hops.dedup();
        hops
    }
}

fn trace(seen: &FxHashMap<Hop, Option<Hop>>, goal: Hop) -> Vec<Hop> {
    let mut path = vec![goal];
    let mut at = goal;
    while let Some(Some(before)) = seen.get(&at) {
        path.push(*before);
        at = *before;
    }
    path.reverse();
    path
}
