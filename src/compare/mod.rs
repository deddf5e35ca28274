//! Compare: the same project at two times, or a project and its baseline file: what is new, worse, fixed or unchanged, and which changed declaration
//! brought it about. Findings are the same when their fingerprints are. Never judges by itself, and never hides a finding: it says how each stands.

mod baseline;
mod causes;
mod changes;
mod meaning;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::causes::Search;
use crate::check::{Comparison, GATE_CHANGED, GATE_WAIVED, Options, Report, check};
use crate::finding::{Finding, Standing};
use crate::load::Folder;
use crate::problem::{Place, Problem, SourceFile, Span};
use crate::project::Project;

pub use self::baseline::{Baseline, Kept};
pub use self::changes::{Change, Slot, changes, undone};
pub use self::meaning::{Difference, Kind as DifferenceKind, Meaning};

/// Keys of the project file that decide what is asked, of whom and as of when, or that answer for nodes and flows of other files.
const GATE_KEYS: [&str; 10] =
    ["packs", "previews", "roles", "consumer_count", "severity", "permit", "as_of", "providers", "version", "defaults"];

/// Judges both versions and marks each finding of `head` by how it stands. The report is that of `head`. What is broken in the base makes a notice; what
/// cannot be read of it is a problem, for a waiver or an agreement that seems to lack there makes a finding look no worse than it was.
#[must_use]
pub fn compare(base: &Project, head: &Project, options: &Options) -> Report {
    let mut report = check(head, options);
    let before = check(base, &Options { record: false, ..options.clone() });
    let changes = changes(base, head);
    let mut comparison = Comparison::default();
    let mut known: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in before.findings.iter().rev() {
        known.entry(&finding.fingerprint).or_default().push(finding);
    }
    for finding in &mut report.findings {
        let same = |earlier: &&Finding| earlier.is_same(finding);
        finding.standing = match known.get_mut(finding.fingerprint.as_str()).and_then(Vec::pop).filter(same) {
            None => Standing::New,
            Some(earlier) => {
                let worse = worse(earlier, finding);
                if worse.is_empty() { Standing::Unchanged } else { Standing::Worsened(worse) }
            }
        };
    }
    let mut here: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in report.findings.iter().chain(&report.waived) {
        here.entry(&finding.fingerprint).or_default().push(finding);
    }
    let is_here = |f: &Finding| here.get(f.fingerprint.as_str()).is_some_and(|all| all.iter().any(|one| one.is_same(f)));
    comparison.fixed = before.findings.iter().filter(|f| !is_here(f)).cloned().collect();
    let waived_so = |f: &Finding| before.waived.iter().any(|b| b.is_same(f) && worse(b, f).is_empty());
    comparison.newly_waived = report.waived.iter().filter(|f| !waived_so(f)).cloned().collect();
    comparison.gate = changes.iter().filter(|c| is_gate(c)).map(|c| c.place.clone()).collect();

    let counting: Vec<usize> = (0..report.findings.len()).filter(|n| report.findings.get(*n).is_some_and(Finding::counts)).collect();
    let asked: Vec<Finding> = counting.iter().filter_map(|n| report.findings.get(*n).cloned()).collect();
    let causes = Search::new(base, head, options, &changes, &report).causes(&asked);
    for (n, causes) in counting.into_iter().zip(causes) {
        if let Some(finding) = report.findings.get_mut(n) {
            finding.causes = causes;
        }
    }
    // What counts comes first; the order within stays.
    report.findings.sort_by_key(|f| !f.counts());
    // A base that is broken is mended by a change; one that cannot be read is not, and what it seems to lack hides what the change makes worse.
    report.problems.extend(base.folder.as_ref().and_then(Folder::failure));
    let unread: Vec<&Change> = changes.iter().filter(|change| change.unread().is_some()).collect();
    report.problems.extend(unread.iter().filter_map(|change| change.unread()));
    let (unreadable, broken): (Vec<&Problem>, Vec<&Problem>) =
        before.problems.iter().partition(|problem| on_disk(base) && is_unreadable(problem));
    let said = |problem: &&&Problem| unread.iter().any(|change| problem.message.contains(&format!("`{}`", change.name)));
    report.problems.extend(unreadable.iter().filter(|problem| !said(problem)).map(|problem| unreadable_base(problem)));
    report.problems.sort_by_cached_key(Problem::sort_key);
    if !broken.is_empty() {
        report.notices.push(base_problems(&broken));
    }
    if base.is_empty() {
        report.notices.push(
            Problem::new("base/no-project", "the base has no project here, so that every finding is new")
                .help("that is right for a project this change adds; else see that the base is the one meant"),
        );
    }
    report.notices.extend(gate_notices(&comparison));
    report.comparison = Some(comparison);
    report
}

/// What a change does to the gate, for every format that shows notices.
fn gate_notices(comparison: &Comparison) -> Vec<Problem> {
    let changed = comparison.gate.iter().map(|place| {
        let mut problem = Problem::new(GATE_CHANGED, format!("this change also changes what is asked: {}", place.label));
        problem.places.push(place.clone());
        problem.help("have it reviewed by somebody else than its author")
    });
    let waived = comparison.newly_waived.iter().map(|finding| {
        let mut problem = Problem::new(GATE_WAIVED, format!("`{}` is waived by this change: {}", finding.rule, finding.message));
        problem.places.push(finding.primary.clone());
        problem.help("have the waiver reviewed by somebody else than its author")
    });
    changed.chain(waived).collect()
}

/// In which ways a finding is worse than it was; empty where it is not.
pub(crate) fn worse(before: &Finding, after: &Finding) -> Vec<String> {
    let mut ways = Vec::new();
    if after.severity > before.severity {
        ways.push(format!("{}, {} before", after.severity.word(), before.severity.word()));
    }
    let more = |word: &str, before: BTreeSet<String>, after: BTreeSet<String>| -> Option<String> {
        let added: Vec<String> = after.difference(&before).map(|name| format!("`{name}`")).collect();
        (!added.is_empty()).then(|| format!("{word} {}", added.join(", ")))
    };
    let data = |f: &Finding| {
        f.data.iter().map(|d| if d.surface == "body" { d.name.clone() } else { format!("{} ({})", d.name, d.surface) }).collect()
    };
    let forms = |f: &Finding| f.data.iter().map(|d| d.fingerprint.clone()).collect::<BTreeSet<_>>();
    let facts = |f: &Finding| f.undeclared.iter().map(|u| format!("{} of {}", u.fact, u.holder)).collect();
    ways.extend(more("also for", data(before), data(after)));
    if ways.is_empty() && !forms(after).is_subset(&forms(before)) {
        ways.push("the data cross in more forms".to_owned());
    }
    for datum in &after.data {
        let Some(earlier) = before.data.iter().find(|d| d.fingerprint == datum.fingerprint) else { continue };
        let own = |names: &[String]| names.iter().cloned().collect::<BTreeSet<String>>();
        ways.extend(more(&format!("`{}` also carries", datum.name), own(&earlier.carries), own(&datum.carries)));
        ways.extend(more(&format!("`{}` is no longer", datum.name), own(&datum.assured), own(&earlier.assured)));
    }
    ways.extend(more("also missing", facts(before), facts(after)));
    ways.extend(more("also needed by", before.needed_by.iter().cloned().collect(), after.needed_by.iter().cloned().collect()));
    if !after.run_by.is_empty() && after.run_by != before.run_by {
        let earlier = if before.run_by.is_empty() { "nobody said who" } else { &before.run_by };
        ways.push(format!("run by {}, {earlier} before", after.run_by));
    }
    ways.extend(more("also", before.also.iter().cloned().collect(), after.also.iter().cloned().collect()));
    ways.extend(more("also at", before.repeats.iter().cloned().collect(), after.repeats.iter().cloned().collect()));
    if before.undeclared.is_empty() != after.undeclared.is_empty() && after.undeclared.is_empty() {
        ways.push("a violation, undeclared before".to_owned());
    }
    ways.extend(decided_otherwise(before, after));
    ways
}

/// Facts that decided both times and are others now. Nobody but the rule's author can tell for better or worse: another gateway, another region, another
/// customer break the same rule at the same place, and whoever accepted the one has not seen the other.
fn decided_otherwise(before: &Finding, after: &Finding) -> Vec<String> {
    let saw = |finding: &Finding| -> BTreeMap<String, String> {
        finding.policy.reasons.iter().flat_map(|reason| reason.saw.iter().cloned()).collect()
    };
    let (before, after) = (saw(before), saw(after));
    let changed = after.iter().filter_map(|(fact, now)| Some((fact, now, before.get(fact).filter(|earlier| *earlier != now)?)));
    changed.map(|(fact, now, earlier)| format!("`{fact}` is {now}, {earlier} before")).collect()
}

/// Does a change decide what is asked, waived or counted?
fn is_gate(change: &Change) -> bool {
    match &change.slot {
        Slot::Project => GATE_KEYS.contains(&change.section.as_str()) || change.section == "project file",
        Slot::Workflow(_) => change.section == "stage" || (change.section == "workflow" && change.name != "workflow"),
        Slot::Waivers => true,
        Slot::Other(_) => change.section != "document",
    }
}

/// A commit tells by itself what it could not give.
fn on_disk(project: &Project) -> bool {
    !matches!(project.folder, Some(Folder::Commit(..)))
}

/// Something is there, and nobody knows what it says.
pub(crate) fn is_unreadable(problem: &Problem) -> bool {
    problem.code.ends_with("/unreadable")
}

/// The same, of a base.
pub(crate) fn unreadable_base(problem: &Problem) -> Problem {
    let made = Problem::new("base/unreadable", format!("the base cannot be read as a whole: {problem}"))
        .help("see that every file of it can be read, or compare with a commit (`--base`): what it seems to lack would hide what the change makes worse");
    // The file of that name here is another one.
    let named = |place: &Place| Arc::new(SourceFile { name: place.file.name.clone(), text: String::new() });
    problem.places.first().into_iter().fold(made, |made, place| made.at(&named(place), Span::default(), "in the base"))
}

fn base_problems(problems: &[&Problem]) -> Problem {
    let codes: BTreeSet<&str> = problems.iter().map(|p| p.code).collect();
    let first: Option<&Place> = problems.first().and_then(|p| p.places.first());
    let at = first.map(|p| format!(", the first in `{}`", p.file.name)).unwrap_or_default();
    let message = format!(
        "the base has problems of its own ({}{at}), and findings they hid there count as new",
        codes.into_iter().collect::<Vec<_>>().join(", ")
    );
    Problem::new("base/problems", message).help("mend the base, or see that the base is the one meant")
}
