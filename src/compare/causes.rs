//! Which changed declaration brought a finding about: found by taking changes back and judging again, so that what is named is a cause and not
//! merely near. Counterfactual causes as delta debugging finds them (A. Zeller, R. Hildebrandt, "Simplifying and isolating failure-inducing input",
//! IEEE TSE 28(2), 2002). Never guesses from names.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::changes::{Change, Slot, undone};
use crate::check::{Options, Report, check};
use crate::finding::Finding;
use crate::problem::Place;
use crate::project::Project;

/// Times a project is judged again to find causes. More changes than this are taken back in groups.
const MAX_JUDGED: usize = 96;
/// A large project is judged again fewer times: about this many flows in all, and never fewer than so many times.
const MAX_FLOWS: usize = 200_000;
const MIN_JUDGED: usize = 8;

/// Finds causes for findings that are new or worse.
pub(super) struct Search<'s> {
    base: &'s Project,
    head: &'s Project,
    options: &'s Options,
    groups: Vec<Vec<&'s Change>>,
    /// Codes of the problems the project has as it is.
    problems: usize,
    /// Times it may be judged again, one change at a time.
    budget: usize,
    judged: BTreeMap<BTreeSet<usize>, Report>,
}

impl<'s> Search<'s> {
    pub(super) fn new(base: &'s Project, head: &'s Project, options: &'s Options, changes: &'s [Change], report: &Report) -> Self {
        let budget = (MAX_FLOWS / report.checked.flows.max(1)).clamp(MIN_JUDGED, MAX_JUDGED);
        let groups = grouped(changes, budget);
        Self { base, head, options, groups, problems: report.problems.len(), budget, judged: BTreeMap::new() }
    }

    /// The causes of each finding, the nearest first; empty where none could be made out.
    pub(super) fn causes(&mut self, findings: &[Finding]) -> Vec<Vec<Place>> {
        if findings.is_empty() || self.groups.is_empty() {
            return vec![Vec::new(); findings.len()];
        }
        let alone: Vec<BTreeSet<usize>> = (0..self.groups.len()).map(|n| BTreeSet::from([n])).collect();
        self.judge_all(&alone);
        findings.iter().map(|finding| self.causes_of(finding)).collect()
    }

    fn causes_of(&mut self, finding: &Finding) -> Vec<Place> {
        let without = |search: &Self, n: usize| search.judged.get(&BTreeSet::from([n])).map(|r| (!has(r, finding), r.problems.len()));
        let gone: Vec<(usize, bool)> = (0..self.groups.len())
            .filter_map(|n| without(self, n).filter(|(gone, _)| *gone).map(|(_, problems)| (n, problems <= self.problems)))
            .collect();
        // A change that cannot be taken back alone without breaking the project says less than one that can.
        let clean: Vec<usize> = gone.iter().filter(|(_, clean)| *clean).map(|(n, _)| *n).collect();
        let mut causes = match (clean.is_empty(), gone.is_empty()) {
            (false, _) => clean,
            (true, false) => gone.into_iter().map(|(n, _)| n).collect(),
            (true, true) => self.together(finding),
        };
        causes.sort_by_key(|n| self.groups.get(*n).map_or(usize::MAX, |group| nearness(finding, group)));
        causes.iter().filter_map(|n| self.groups.get(*n)?.first()).map(|change| change.cause_of(&finding.primary)).collect()
    }

    /// No change alone makes it go away: several would do, each by itself. Takes back one after the other as long as the finding stays.
    fn together(&mut self, finding: &Finding) -> Vec<usize> {
        let mut taken_back = BTreeSet::new();
        let mut order: Vec<usize> = (0..self.groups.len()).collect();
        order.sort_by_key(|n| std::cmp::Reverse(self.groups.get(*n).map_or(0, |group| nearness(finding, group))));
        for n in order {
            let mut more = taken_back.clone();
            more.insert(n);
            if self.judged.len() >= 2 * self.budget && !self.judged.contains_key(&more) {
                return Vec::new();
            }
            self.judge_all(std::slice::from_ref(&more));
            if self.judged.get(&more).is_some_and(|report| has(report, finding)) {
                taken_back = more;
            }
        }
        (0..self.groups.len()).filter(|n| !taken_back.contains(n)).collect()
    }

    fn judge_all(&mut self, sets: &[BTreeSet<usize>]) {
        let missing: Vec<&BTreeSet<usize>> = sets.iter().filter(|set| !self.judged.contains_key(*set)).collect();
        let judge = |set: &&BTreeSet<usize>| {
            let changes: Vec<&Change> = set.iter().filter_map(|n| self.groups.get(*n)).flatten().copied().collect();
            let options = Options { record: false, ..self.options.clone() };
            ((*set).clone(), check(&undone(self.base, self.head, &changes), &options))
        };
        let reports: Vec<(BTreeSet<usize>, Report)> = missing.par_iter().map(judge).collect();
        self.judged.extend(reports);
    }
}

/// Is a finding there, as bad as it is?
fn has(report: &Report, finding: &Finding) -> bool {
    report.findings.iter().any(|f| f.fingerprint == finding.fingerprint && super::worse(f, finding).is_empty())
}

/// Changes one by one; more than may be judged, together by their entry, then by their section, then by their file.
fn grouped(changes: &[Change], budget: usize) -> Vec<Vec<&Change>> {
    let mut groups: Vec<Vec<&Change>> = changes.iter().map(|c| vec![c]).collect();
    let entry = |c: &Change| c.name.split('.').take(2).collect::<Vec<_>>().join(".");
    let coarser: [&dyn Fn(&Change) -> String; 3] = [&entry, &|c| c.section.clone(), &|_| String::new()];
    for name in coarser {
        if groups.len() <= budget {
            break;
        }
        let mut by_name: BTreeMap<(&Slot, String), Vec<&Change>> = BTreeMap::new();
        for change in changes {
            by_name.entry((&change.slot, name(change))).or_default().push(change);
        }
        groups = by_name.into_values().collect();
    }
    if groups.len() > budget { vec![changes.iter().collect()] } else { groups }
}

/// How far a change is from a finding's own place: in it, on the way of the datum, in the same file, elsewhere.
fn nearness(finding: &Finding, group: &[&Change]) -> usize {
    let inside = |outer: &Place, inner: &Place| {
        outer.file.name == inner.file.name && outer.span.start <= inner.span.start && inner.span.end <= outer.span.end
    };
    let of = |change: &&Change| match () {
        () if inside(&finding.primary, &change.place) => 0,
        () if finding.related.iter().any(|place| inside(place, &change.place) || inside(&change.place, place)) => 1,
        () if finding.primary.file.name == change.place.file.name => 2,
        () => 3,
    };
    group.iter().map(of).min().unwrap_or(usize::MAX)
}
