//! The three tables: findings, what each rule was asked about, and the files that were read.

use super::csv::Csv;
use super::{Circumstances, InCommit, silent, verdict};
use crate::check::Report;
use crate::finding::{Finding, SubjectNames};
use crate::judge::Reason;
use crate::report::lines::Lines;

const FINDINGS: [&str; 27] = [
    "fingerprint",
    "verdict",
    "severity",
    "severity_of_rule",
    "rule",
    "title",
    "message",
    "citation",
    "workflow",
    "subject",
    "name",
    "from",
    "to",
    "contract",
    "file",
    "line",
    "column",
    "data",
    "path",
    "clauses",
    "missing",
    "also",
    "repeats",
    "help",
    "waiver_reason",
    "waiver_approver",
    "waiver_expires",
];

/// One row for each finding, waived ones last.
pub(super) fn findings(report: &Report) -> String {
    let mut lines = Lines::default();
    let mut csv = Csv::new(&FINDINGS);
    for finding in report.findings.iter().chain(&report.waived) {
        let (line, column) = lines.position(&finding.primary.file, finding.primary.span.start);
        let (subject, name, from, to) = subject(&finding.subject);
        let waiver = finding.waiver.as_ref();
        let of_waiver = |text: fn(&crate::finding::WaiverNames) -> &String| waiver.map(text).cloned().unwrap_or_default();
        let verdict = match () {
            () if waiver.is_some() => "waived",
            () if finding.undeclared.is_empty() => "violation",
            () => "undeclared",
        };
        let severity = finding.changed.as_ref().map_or(finding.severity, |(before, _)| *before);
        csv.row(&[
            finding.fingerprint.clone(),
            verdict.to_owned(),
            finding.severity.word().to_owned(),
            severity.word().to_owned(),
            finding.rule.clone(),
            finding.title.clone(),
            finding.message.clone(),
            finding.citation.clone(),
            finding.workflow.clone().unwrap_or_default(),
            subject.to_owned(),
            name.to_owned(),
            from.to_owned(),
            to.to_owned(),
            finding.contract.clone().unwrap_or_default(),
            finding.primary.file.name.clone(),
            line.to_string(),
            column.to_string(),
            data(finding),
            path(finding),
            finding.policy.reasons.iter().map(clause).collect::<Vec<_>>().join("; "),
            finding.undeclared.iter().map(|u| format!("{} of {}", u.fact, u.holder)).collect::<Vec<_>>().join("; "),
            finding.also.join("; "),
            finding.repeats.join("; "),
            finding.help.clone(),
            of_waiver(|w| &w.reason),
            of_waiver(|w| &w.approver),
            of_waiver(|w| &w.expires),
        ]);
    }
    csv.done()
}

/// One row for each rule and workflow it applied to, and one for each rule that never applied.
pub(super) fn coverage(report: &Report) -> String {
    let mut csv = Csv::new(&[
        "rule",
        "pack",
        "title",
        "severity",
        "citation",
        "subject",
        "stage",
        "waivable",
        "sha256",
        "scope",
        "workflow",
        "verdict",
        "asked",
        "violations",
        "undeclared",
        "waived",
        "silent",
    ]);
    for rule in report.record.iter().flat_map(|r| &r.rules) {
        let about = [
            rule.id.clone(),
            rule.pack().to_owned(),
            rule.title.clone(),
            rule.severity.word().to_owned(),
            rule.citation.clone(),
            rule.subject.to_owned(),
            rule.stage.word().to_owned(),
            rule.waivable.to_string(),
            rule.sha256.clone(),
        ];
        let mut row = |scope: &str, workflow: &str, verdict: &str, numbers: [usize; 5]| {
            let words = [scope, workflow, verdict].map(str::to_owned);
            let cells: Vec<String> = about.iter().cloned().chain(words).chain(numbers.map(|n| n.to_string())).collect();
            csv.row(&cells);
        };
        if rule.workflows.is_empty() {
            row("none", "", "never applied", [0; 5]);
        }
        for (workflow, tally) in &rule.workflows {
            let scope = if workflow.is_empty() { "project" } else { "workflow" };
            row(scope, workflow, verdict(tally), [tally.asked, tally.violations, tally.undeclared, tally.waived, silent(tally)]);
        }
    }
    csv.done()
}

/// One row for each file that was read, and each that only the commit has.
pub(super) fn inputs(report: &Report, circumstances: &Circumstances) -> String {
    let mut csv = Csv::new(&["kind", "name", "bytes", "sha256", "in_commit"]);
    let commit = circumstances.commit.as_ref();
    for input in report.record.iter().flat_map(|r| &r.inputs) {
        let state = commit.and_then(|c| c.inputs.get(&input.name)).map_or("", |s| s.word());
        let sha256 = input.sha256.as_deref().unwrap_or_default();
        csv.row(&[input.kind, &input.name, &input.bytes.to_string(), sha256, state]);
    }
    for (name, state) in commit.into_iter().flat_map(|c| &c.inputs).filter(|(_, s)| **s == InCommit::Gone) {
        csv.row(&["", name, "", "", state.word()]);
    }
    csv.done()
}

fn subject(subject: &SubjectNames) -> (&str, &str, &str, &str) {
    match subject {
        SubjectNames::Flow { from, to, implied: false } => ("flow", "", from, to),
        SubjectNames::Flow { from, to, implied: true } => ("implied flow", "", from, to),
        SubjectNames::Node(name) => ("node", name, "", ""),
        SubjectNames::Workflow(name) => ("workflow", name, "", ""),
        SubjectNames::Declared(noun, name) => (noun, name, "", ""),
    }
}

fn data(finding: &Finding) -> String {
    finding
        .data
        .iter()
        .map(|d| if d.form == d.name { d.name.clone() } else { format!("{} as {}", d.name, d.form) })
        .collect::<Vec<_>>()
        .join("; ")
}

fn path(finding: &Finding) -> String {
    let stops = finding.path.iter().map(|step| {
        let changes: Vec<String> = step.lost.iter().map(|l| format!("-{l}")).chain(step.gained.iter().map(|l| format!("+{l}"))).collect();
        if changes.is_empty() { step.node.clone() } else { format!("{} ({})", step.node, changes.join(" ")) }
    });
    stops.collect::<Vec<_>>().join(" → ")
}

/// A condition, what it came to, and what it saw.
pub(super) fn clause(reason: &Reason) -> String {
    let saw: Vec<String> = reason.saw.iter().map(|(fact, value)| format!("{fact} = {value}")).collect();
    let missing = reason.missing.as_ref().map(|(of, fact)| format!("{fact} of {of} is not declared"));
    let seen: Vec<String> = saw.into_iter().chain(missing).collect();
    let seen = if seen.is_empty() { String::new() } else { format!(" [{}]", seen.join(", ")) };
    format!("{} is {}{seen}", reason.clause, reason.value)
}
