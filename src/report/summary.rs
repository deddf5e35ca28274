//! The last line of a report: what was checked against what, and what came of it.

use std::collections::BTreeSet;

use super::text::count;
use crate::check::{Checked, Report};
use crate::finding::Finding;
use crate::judge::Severity;
use crate::problem::Problem;

/// What was checked against what, and what came of it; never a word about what was not checked.
pub(super) fn summary(report: &Report) -> String {
    let checked = &report.checked;
    let tail = tail(report);
    if checked.workflows.is_empty() && report.findings.is_empty() {
        let tail = if tail.is_empty() { String::new() } else { format!(": {}", tail.join("; ")) };
        return format!("nothing was checked{tail}");
    }
    let scope = scope(checked);
    let counting: Vec<&Finding> = report.findings.iter().filter(|f| f.counts()).collect();
    if counting.is_empty() {
        let no = if report.comparison.as_ref().is_some_and(|c| c.base.is_some()) { "no new or worsened finding" } else { "no finding" };
        let tail = if tail.is_empty() { String::new() } else { format!("; {}", tail.join("; ")) };
        return format!("{no} in {scope}{tail}");
    }
    let severities = [Severity::Error, Severity::Warning, Severity::Note].into_iter().filter_map(|severity| {
        let n = counting.iter().filter(|f| f.severity == severity).count();
        (n > 0).then(|| count(n, severity.word()))
    });
    let mut results = severities.collect::<Vec<_>>().join(", ");
    let undeclared = counting.iter().filter(|f| !f.undeclared.is_empty()).count();
    if undeclared > 0 {
        let what = if undeclared == 1 { "an undeclared fact" } else { "undeclared facts" };
        results.push_str(&match counting.len() {
            1 => format!(" (for {what})"),
            all if all == undeclared => format!(" (all for {what})"),
            _ => format!(" ({undeclared} of them for {what})"),
        });
    }
    let results: Vec<String> = std::iter::once(results).chain(tail).collect();
    format!("checked {scope}: {}", results.join("; "))
}

fn scope(checked: &Checked) -> String {
    let implied = if checked.implied_flows > 0 { format!(", {} implied", checked.implied_flows) } else { String::new() };
    format!(
        "{} ({}, {}{implied}) against {} of {} as of {}",
        count(checked.workflows.len(), "workflow"),
        count(checked.nodes, "node"),
        count(checked.flows, "flow"),
        count(checked.rules, "rule"),
        checked.packs.join(", "),
        checked.as_of
    )
}

/// Waived findings, unreadable files, other problems.
fn tail(report: &Report) -> Vec<String> {
    let mut tail = compared(report);
    if !report.waived.is_empty() {
        tail.push(format!("{} waived", report.waived.len()));
    }
    let unread = |p: &&Problem| p.code.starts_with("load/") && !p.places.is_empty();
    let files: BTreeSet<&str> =
        report.problems.iter().filter(unread).filter_map(|p| p.places.first()).map(|p| p.file.name.as_str()).collect();
    if !files.is_empty() {
        tail.push(format!("{} could not be read", count(files.len(), "file")));
    }
    let others = report.problems.iter().filter(|p| !unread(p)).count();
    if others > 0 {
        tail.push(format!("{} to solve before the result is whole", count(others, "problem")));
    }
    tail
}

/// How the findings stand compared with the base and the baseline.
fn compared(report: &Report) -> Vec<String> {
    let Some(comparison) = &report.comparison else { return Vec::new() };
    let of = |word: &str| report.findings.iter().filter(|f| f.standing.word() == word).count();
    let mut parts = Vec::new();
    if let Some(base) = &comparison.base {
        let commit = comparison.commit.as_deref().and_then(|id| id.get(..12)).filter(|id| !base.starts_with(id));
        let commit = commit.map(|id| format!(" ({id})")).unwrap_or_default();
        let (new, worsened, fixed, unchanged) = (of("new"), of("worsened"), comparison.fixed.len(), of("unchanged"));
        let gone = if comparison.gate.is_empty() { "fixed" } else { "fixed or no longer asked" };
        parts.push(format!("{new} new, {worsened} worsened, {fixed} {gone}, {unchanged} unchanged since `{base}`{commit}"));
    }
    if let Some(file) = &comparison.baseline {
        parts.push(format!("{} in the baseline `{file}`", of("baseline")));
    }
    parts
}
