//! Data made of several named inputs: one variant of each, or past a number of combinations one range for all. Never lowers a label.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use super::effects::{Arrivals, Names, derive};
use super::{FormId, ItemId, Variant};
use crate::graph::NodeId;
use crate::packs::LabelSet;

/// Combinations of several inputs that are kept apart, as a multiple of the variant cap: what leaves may be the same for many of them.
pub(super) const COMBINATIONS: usize = 64;

/// An effect: its node, output and place in the list.
pub(super) type Place = (NodeId, usize, usize);

/// A variant, and whether the node processes the surface it is from. What is made of several is processed when every part is.
pub(super) type Part = (Variant, bool);

/// What one step has made of ranges so far, by effect.
pub(super) type Ranges = FxHashMap<Place, BTreeSet<Part>>;

/// What several named inputs make together, now that `item` has arrived at one of them: every part keeps its own origin and carries the labels
/// of one variant of each input. Few label sets meet many data, so combinations are made of label sets, not of data.
pub(super) fn combine(
    names: &mut Names,
    (assurances, most, ranges): (&LabelSet, usize, &mut Ranges),
    covers: impl Fn(&Names, ItemId) -> bool,
    (place, form, inputs): (Place, FormId, &[String]),
    input: &str,
    (item, variant): (ItemId, Variant),
    arrivals: &Arrivals,
) -> Vec<(ItemId, Part)> {
    let others: Vec<&Vec<(ItemId, Variant)>> = inputs.iter().filter(|i| *i != input).filter_map(|i| arrivals.get(i)).collect();
    if others.len() + 1 < inputs.len() {
        return Vec::new();
    }
    let part = |names: &Names, (item, variant): (ItemId, Variant)| (variant, covers(names, item));
    let distinct: Vec<BTreeSet<Part>> = others.iter().map(|list| list.iter().map(|other| part(names, *other)).collect()).collect();
    if distinct.iter().fold(1_usize, |product, input| product.saturating_mul(input.len())) > most {
        let parts = inputs.iter().filter_map(|input| arrivals.get(input));
        let parts = parts.map(|list| list.iter().map(|other| part(names, *other)).collect()).collect::<Vec<BTreeSet<Part>>>();
        let all = widest(names, assurances, &parts);
        let own = derive(names, item, form);
        let mut result: Vec<(ItemId, Part)> = all.iter().map(|range| (own, *range)).collect();
        // Those that arrived before have it already, unless it has grown.
        if ranges.insert(place, all.clone()).as_ref() != Some(&all) {
            for (partner, _) in others.into_iter().flatten() {
                let made = derive(names, *partner, form);
                result.extend(all.iter().map(|range| (made, *range)));
            }
        }
        return result;
    }
    let both = |names: &mut Names, a: Part, b: Part| (names.sets.combine(a.0, b.0, assurances), a.1 && b.1);
    let with = |names: &mut Names, start: Part, left_out: Option<usize>| {
        let mut combined = BTreeSet::from([start]);
        for (_, parts) in distinct.iter().enumerate().filter(|(n, _)| Some(*n) != left_out) {
            let pairs: Vec<(Part, Part)> = combined.iter().flat_map(|a| parts.iter().map(|b| (*a, *b))).collect();
            combined = pairs.into_iter().map(|(a, b)| both(names, a, b)).collect();
        }
        combined
    };
    let mut result: BTreeSet<(ItemId, Part)> = BTreeSet::new();
    let (own, this) = (derive(names, item, form), part(names, (item, variant)));
    result.extend(with(names, this, None).into_iter().map(|v| (own, v)));
    for (n, list) in others.iter().enumerate() {
        let mut known: BTreeMap<Part, BTreeSet<Part>> = BTreeMap::new();
        for partner in list.iter() {
            let other = part(names, *partner);
            let combined = known.entry(other).or_insert_with(|| {
                let start = both(names, this, other);
                with(names, start, Some(n))
            });
            let made = derive(names, partner.0, form);
            result.extend(combined.iter().map(|v| (made, *v)));
        }
    }
    result.into_iter().collect()
}

/// Ranges that stand for every combination of these inputs: one for what is processed and one for what is not, as far as either can be. Sound, because
/// combining keeps order: what is made of a range stands for all that is made of the sets in it.
fn widest(names: &mut Names, assurances: &LabelSet, inputs: &[BTreeSet<Part>]) -> BTreeSet<Part> {
    let mut widest: Option<Variant> = None;
    for parts in inputs {
        let distinct: BTreeSet<Variant> = parts.iter().map(|(variant, _)| *variant).collect();
        let Some(joined) = distinct.into_iter().reduce(|all, variant| names.sets.join(all, variant)) else { return BTreeSet::new() };
        widest = Some(match widest {
            Some(before) => names.sets.combine(before, joined, assurances),
            None => joined,
        });
    }
    let processed = inputs.iter().all(|parts| parts.iter().any(|(_, covered)| *covered));
    let missed = inputs.iter().flatten().any(|(_, covered)| !covered);
    let ways = [(true, processed), (false, missed)];
    widest.into_iter().flat_map(|range| ways.iter().filter(|(_, can)| *can).map(move |(covered, _)| (range, *covered))).collect()
}
