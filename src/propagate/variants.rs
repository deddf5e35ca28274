//! Variants: one possible label set of a datum, or, past the cap, an interval between what it surely and what it possibly carries.

use rustc_hash::FxHashMap;

use crate::ids;
use crate::packs::LabelSet;
use crate::table::Interner;

ids! {
    /// An interned label set.
    SetId,
}

/// One possible label set; past the cap, all sets between `must` and `may`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Variant {
    /// What it surely carries.
    pub must: SetId,
    /// What it possibly carries; the same set unless the cap was reached.
    pub may: SetId,
}

impl Variant {
    /// Exactly this label set.
    #[must_use]
    pub fn exact(set: SetId) -> Self {
        Self { must: set, may: set }
    }

    /// Exactly one label set, not an interval.
    #[must_use]
    pub fn is_exact(self) -> bool {
        self.must == self.may
    }
}

/// Interned label sets; joins are remembered.
#[derive(Debug, Default)]
pub struct Sets {
    sets: Interner<SetId, LabelSet>,
    joins: FxHashMap<(Variant, Variant), Variant>,
}

impl std::ops::Index<SetId> for Sets {
    type Output = LabelSet;
    fn index(&self, id: SetId) -> &LabelSet {
        &self.sets[id]
    }
}

impl Sets {
    /// The id of a set.
    pub fn intern(&mut self, set: LabelSet) -> SetId {
        self.sets.intern(set)
    }

    /// Number of distinct sets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sets.table().len()
    }

    /// No set yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The variant after a change that treats every set by itself and keeps order: more in, more out.
    pub fn map(&mut self, variant: Variant, change: impl Fn(&LabelSet) -> LabelSet) -> Variant {
        let must = change(&self.sets[variant.must]);
        let must = self.intern(must);
        if variant.is_exact() {
            return Variant::exact(must);
        }
        let may = change(&self.sets[variant.may]);
        Variant { must, may: self.intern(may) }
    }

    /// Has a change taken something away? `None` where a range leaves it open.
    #[must_use]
    pub fn lowered(&self, before: Variant, after: Variant) -> Option<bool> {
        let lost = |before: SetId, after: SetId| before != after && !self.sets[before].difference(&self.sets[after]).is_empty();
        match (lost(before.must, after.must), lost(before.may, after.may)) {
            (true, _) => Some(true),
            (false, false) => Some(false),
            (false, true) => None,
        }
    }

    /// The smallest interval that holds both.
    pub fn join(&mut self, a: Variant, b: Variant) -> Variant {
        if a == b {
            return a;
        }
        if let Some(known) = self.joins.get(&(a, b)) {
            return *known;
        }
        let must = self.sets[a.must].intersection(&self.sets[b.must]);
        let may = self.sets[a.may].union(&self.sets[b.may]);
        let joined = Variant { must: self.intern(must), may: self.intern(may) };
        self.joins.insert((a, b), joined);
        joined
    }

    /// A datum made of both: it carries what either carries, but an assurance only when both do. What is half redacted is not redacted.
    pub fn combine(&mut self, a: Variant, b: Variant, assurances: &LabelSet) -> Variant {
        let both = |a: &LabelSet, b: &LabelSet| {
            let lost = assurances.difference(&a.intersection(b));
            a.union(b).difference(&lost)
        };
        let must = both(&self.sets[a.must], &self.sets[b.must]);
        let may = both(&self.sets[a.may], &self.sets[b.may]);
        Variant { must: self.intern(must), may: self.intern(may) }
    }

    /// Every set `variant` stands for is one `cover` stands for.
    #[must_use]
    pub fn covers(&self, cover: Variant, variant: Variant) -> bool {
        cover == variant
            || (!cover.is_exact()
                && self.sets[cover.must].is_subset(&self.sets[variant.must])
                && self.sets[variant.may].is_subset(&self.sets[cover.may]))
    }

    /// Adds a variant to a list; past the cap the list becomes one interval. Gives the variant that is new, and whether the list was widened.
    pub fn insert(&mut self, list: &mut Vec<Variant>, variant: Variant, cap: usize) -> Option<(Variant, bool)> {
        if list.iter().any(|known| self.covers(*known, variant)) {
            return None;
        }
        if list.len() < cap && !list.iter().any(|known| !known.is_exact()) {
            list.push(variant);
            return Some((variant, false));
        }
        // Widening is sound: the interval stands for every set that was in the list, and for more.
        let joined = list.iter().fold(variant, |all, known| self.join(all, *known));
        list.clear();
        list.push(joined);
        Some((joined, true))
    }
}

/// Small enough for Miri (`.ci/miri`): no file is parsed, and every set of three labels on both sides of a word's edge is tried against every other.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::packs::LabelId;

    const LABELS: [u32; 3] = [0, 63, 64];
    const ALL: u32 = 1 << LABELS.len();

    fn set(bits: u32) -> LabelSet {
        LABELS.iter().enumerate().filter(|(n, _)| bits >> n & 1 == 1).map(|(_, id)| LabelId(*id)).collect()
    }

    /// The sets between the two ends of a range, as bits.
    fn meant(sets: &Sets, variant: Variant) -> Vec<u32> {
        (0..ALL).filter(|bits| sets[variant.must].is_subset(&set(*bits)) && set(*bits).is_subset(&sets[variant.may])).collect()
    }

    /// Every range over the labels, the exact ones among them.
    fn ranges(sets: &mut Sets) -> Vec<Variant> {
        let pairs = (0..ALL).flat_map(|must| (0..ALL).filter(move |may| must & !may == 0).map(move |may| (must, may)));
        pairs.map(|(must, may)| Variant { must: sets.intern(set(must)), may: sets.intern(set(may)) }).collect()
    }

    #[test]
    fn a_join_holds_all_of_both_and_remembers() {
        let mut sets = Sets::default();
        for a in ranges(&mut sets) {
            for b in ranges(&mut sets) {
                let joined = sets.join(a, b);
                assert_eq!(joined, sets.join(a, b));
                let held = meant(&sets, joined);
                assert!(meant(&sets, a).iter().chain(&meant(&sets, b)).all(|bits| held.contains(bits)));
            }
        }
        assert_eq!(sets.len(), ALL as usize, "equal sets are one");
    }

    #[test]
    fn a_range_covers_what_it_holds() {
        let mut sets = Sets::default();
        let all = ranges(&mut sets);
        for cover in &all {
            for variant in &all {
                let held = meant(&sets, *cover);
                assert_eq!(sets.covers(*cover, *variant), meant(&sets, *variant).iter().all(|bits| held.contains(bits)));
            }
        }
    }

    #[test]
    fn past_the_cap_a_list_still_holds_every_set_it_was_given() {
        for cap in 1..4 {
            let (mut sets, mut list) = (Sets::default(), Vec::new());
            let mut given = Vec::new();
            for bits in [5, 1, 5, 6, 0, 7, 2] {
                given.push(bits);
                let id = sets.intern(set(bits));
                sets.insert(&mut list, Variant::exact(id), cap);
                let held: Vec<u32> = list.iter().flat_map(|variant| meant(&sets, *variant)).collect();
                assert!(given.iter().all(|bits| held.contains(bits)), "{cap}: {held:?}");
                assert!(list.len() <= cap);
            }
        }
    }

    #[test]
    fn what_is_made_of_two_is_assured_only_of_what_both_are() {
        let mut sets = Sets::default();
        let assurance = set(0b100);
        for (a, b) in (0..ALL).flat_map(|a| (0..ALL).map(move |b| (a, b))) {
            let (left, right) = (Variant::exact(sets.intern(set(a))), Variant::exact(sets.intern(set(b))));
            let both = sets.combine(left, right, &assurance);
            assert_eq!(sets[both.must], set((a | b) & 0b011 | a & b & 0b100));
            assert!(both.is_exact());
        }
    }
}
