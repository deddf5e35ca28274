//! Conditions of effects: booleans over the classes and labels of one datum, decided for exact variants and, where possible, for ranges.

use super::effects::names_of;
use super::{Sets, Variant};
use crate::load::Value;
use crate::packs::{LabelSet, Taxonomy};

/// A boolean over the labels of one datum.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    Has(LabelSet),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

impl Condition {
    /// Does a set meet it?
    fn holds(&self, set: &LabelSet) -> bool {
        match self {
            Self::Has(any_of) => set.intersects(any_of),
            Self::All(conditions) => conditions.iter().all(|c| c.holds(set)),
            Self::Any(conditions) => conditions.iter().any(|c| c.holds(set)),
            Self::Not(condition) => !condition.holds(set),
        }
    }

    /// Does every set an interval stands for meet it, or none, or some?
    pub(super) fn holds_for(&self, sets: &Sets, variant: Variant) -> Option<bool> {
        if variant.is_exact() {
            return Some(self.holds(&sets[variant.must]));
        }
        match self {
            Self::Has(any_of) if sets[variant.must].intersects(any_of) => Some(true),
            Self::Has(any_of) if !sets[variant.may].intersects(any_of) => Some(false),
            Self::Has(_) => None,
            Self::All(conditions) => decide(conditions.iter().map(|c| c.holds_for(sets, variant)), false),
            Self::Any(conditions) => decide(conditions.iter().map(|c| c.holds_for(sets, variant)), true),
            Self::Not(condition) => condition.holds_for(sets, variant).map(|b| !b),
        }
    }
}

/// The result of a list of conditions of which one alone that is `decisive` decides; unknown where none does and some are unknown.
fn decide(results: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let mut all = Some(!decisive);
    for result in results {
        match result {
            Some(r) if r == decisive => return Some(decisive),
            None => all = None,
            Some(_) => {}
        }
    }
    all
}

/// Reads a condition; names that mean nothing have been reported by the graph stage.
pub(super) fn condition_of(taxonomy: &Taxonomy, value: Value<'_>) -> Condition {
    if let Some(name) = value.as_str() {
        let named = names_of(taxonomy, std::iter::once(name));
        return Condition::Has(taxonomy.below(&named));
    }
    let list = |v: Value<'_>| v.items().map(|v| condition_of(taxonomy, v)).collect();
    if let Some(all) = value.get("all") {
        return Condition::All(list(all));
    }
    if let Some(any) = value.get("any") {
        return Condition::Any(list(any));
    }
    match value.get("not") {
        Some(not) => Condition::Not(Box::new(condition_of(taxonomy, not))),
        None => Condition::Any(Vec::new()),
    }
}
