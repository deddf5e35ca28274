//! The JSON format: types of its own, frozen by `schemas/report.schema.json`. Inner types may change, these only with `format_version`.

use serde::Serialize;

use super::lines::Lines;
use crate::check::{Comparison as InnerComparison, Report as Inner};
use crate::finding::{Finding as InnerFinding, PathStep, SubjectNames};
use crate::judge::{Reason, Severity};
use crate::problem::{Place, Problem as InnerProblem};

/// Raised when a program that reads this format would have to change.
const FORMAT_VERSION: u32 = 1;

/// One report as it is; several in a list, each with its project.
pub(super) fn render(reports: &[&Inner]) -> String {
    if let [only] = reports {
        return one(only);
    }
    let each = |report: &&Inner| {
        let project = crate::report::inert_json(&serde_json::Value::from(report.name.clone()).to_string());
        format!("{{ \"project\": {project}, \"report\":\n{} }}", one(report).trim_end())
    };
    format!("[\n{}\n]\n", reports.iter().map(each).collect::<Vec<_>>().join(",\n"))
}

fn one(report: &Inner) -> String {
    let mut lines = Lines::default();
    let report = Report::of(report, &mut lines);
    // Strings, numbers and lists always serialise; an empty document would fail its schema rather than pass for a clean report.
    let mut text = crate::report::inert_json(&serde_json::to_string_pretty(&report).unwrap_or_default());
    text.push('\n');
    text
}

#[derive(Serialize)]
struct Report<'r> {
    format_version: u32,
    tool: Tool,
    checked: Checked<'r>,
    comparison: Option<Comparison<'r>>,
    summary: Summary,
    findings: Vec<Finding<'r>>,
    waived: Vec<Finding<'r>>,
    problems: Vec<Problem<'r>>,
    notices: Vec<Problem<'r>>,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Checked<'r> {
    as_of: Option<&'r str>,
    workflows: &'r [String],
    nodes: usize,
    flows: usize,
    implied_flows: usize,
    packs: &'r [String],
    rules: usize,
    evidence: Vec<Evidence<'r>>,
    severity_changes: Vec<SeverityChange<'r>>,
}

#[derive(Serialize)]
struct Evidence<'r> {
    id: &'r str,
    #[serde(rename = "type")]
    kind: &'r str,
    workflow: Option<&'r str>,
    date: &'r str,
    owner: &'r str,
    uri: &'r str,
}

#[derive(Serialize)]
struct SeverityChange<'r> {
    rule: &'r str,
    from: &'static str,
    to: &'static str,
    reason: &'r str,
}

#[derive(Serialize)]
struct Summary {
    errors: usize,
    warnings: usize,
    notes: usize,
    undeclared: usize,
    waived: usize,
    problems: usize,
    notices: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    compared: Option<Compared>,
}

#[derive(Serialize)]
struct Compared {
    new: usize,
    worsened: usize,
    fixed: usize,
    unchanged: usize,
    baseline: usize,
}

#[derive(Serialize)]
struct Comparison<'r> {
    base: Option<&'r str>,
    commit: Option<&'r str>,
    baseline: Option<&'r str>,
    gate: Vec<Location<'r>>,
    fixed: Vec<Finding<'r>>,
    newly_waived: Vec<&'r str>,
    outlived: &'r [String],
}

#[derive(Serialize)]
struct Finding<'r> {
    rule: &'r str,
    standing: &'static str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    worse: &'r [String],
    verdict: &'static str,
    severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_severity: Option<ChangedSeverity<'r>>,
    title: &'r str,
    message: &'r str,
    help: &'r str,
    citation: &'r str,
    workflow: Option<&'r str>,
    subject: Subject<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contract: Option<&'r str>,
    location: Location<'r>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<Location<'r>>,
    related: Vec<Location<'r>>,
    data: Vec<Datum<'r>>,
    path: Vec<Stop<'r>>,
    policy: Policy<'r>,
    undeclared: Vec<Undeclared<'r>>,
    needed_by: &'r [String],
    also: &'r [String],
    repeats: &'r [String],
    fingerprint: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiver: Option<Waiver<'r>>,
}

#[derive(Serialize)]
struct ChangedSeverity<'r> {
    from: &'static str,
    reason: &'r str,
}

#[derive(Serialize)]
struct Subject<'r> {
    kind: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    implied: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'r str>,
}

#[derive(Serialize)]
struct Location<'r> {
    file: &'r str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    byte_start: u32,
    byte_end: u32,
    label: &'r str,
}

#[derive(Serialize)]
struct Datum<'r> {
    name: &'r str,
    form: &'r str,
    surface: &'r str,
    fingerprint: &'r str,
}

#[derive(Serialize)]
struct Stop<'r> {
    node: &'r str,
    form: &'r str,
    labels: &'r [String],
    gained: &'r [String],
    lost: &'r [String],
}

#[derive(Serialize)]
struct Policy<'r> {
    rule: &'r str,
    file: &'r str,
    line: usize,
    clauses: Vec<Clause<'r>>,
}

#[derive(Serialize)]
struct Clause<'r> {
    clause: &'r str,
    value: bool,
    under: &'static str,
    saw: Vec<Saw<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<Lacking<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
}

#[derive(Serialize)]
struct Saw<'r> {
    fact: &'r str,
    value: &'r str,
}

#[derive(Serialize)]
struct Lacking<'r> {
    fact: &'r str,
    of: &'r str,
}

#[derive(Serialize)]
struct Undeclared<'r> {
    fact: &'r str,
    holder: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    needs: Option<&'r str>,
}

#[derive(Serialize)]
struct Waiver<'r> {
    reason: &'r str,
    approver: &'r str,
    expires: &'r str,
    line: usize,
}

#[derive(Serialize)]
struct Problem<'r> {
    code: &'r str,
    message: &'r str,
    help: Option<&'r str>,
    locations: Vec<Location<'r>>,
}

impl<'r> Report<'r> {
    fn of(report: &'r Inner, lines: &mut Lines) -> Self {
        let of = |severity: Severity| report.findings.iter().filter(|f| f.counts() && f.severity == severity).count();
        let checked = &report.checked;
        Self {
            format_version: FORMAT_VERSION,
            tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
            checked: Checked {
                as_of: Some(checked.as_of.as_str()).filter(|date| !date.is_empty()),
                workflows: &checked.workflows,
                nodes: checked.nodes,
                flows: checked.flows,
                implied_flows: checked.implied_flows,
                packs: &checked.packs,
                rules: checked.rules,
                evidence: checked
                    .evidence
                    .iter()
                    .map(|e| Evidence {
                        id: &e.id,
                        kind: &e.kind,
                        workflow: e.workflow.as_deref(),
                        date: &e.date,
                        owner: &e.owner,
                        uri: &e.uri,
                    })
                    .collect(),
                severity_changes: checked
                    .severity_changes
                    .iter()
                    .map(|c| SeverityChange { rule: &c.rule, from: c.from.word(), to: c.to.word(), reason: &c.reason })
                    .collect(),
            },
            comparison: report.comparison.as_ref().map(|c| Comparison::of(c, lines)),
            summary: Summary {
                errors: of(Severity::Error),
                warnings: of(Severity::Warning),
                notes: of(Severity::Note),
                undeclared: report.findings.iter().filter(|f| f.counts() && !f.undeclared.is_empty()).count(),
                waived: report.waived.len(),
                problems: report.problems.len(),
                notices: report.notices.len(),
                compared: report.comparison.as_ref().map(|c| {
                    let count = |standing: &str| report.findings.iter().filter(|f| f.standing.word() == standing).count();
                    Compared {
                        new: count("new"),
                        worsened: count("worsened"),
                        fixed: c.fixed.len(),
                        unchanged: count("unchanged"),
                        baseline: count("baseline"),
                    }
                }),
            },
            findings: report.findings.iter().map(|f| Finding::of(f, lines)).collect(),
            waived: report.waived.iter().map(|f| Finding::of(f, lines)).collect(),
            problems: report.problems.iter().map(|p| Problem::of(p, lines)).collect(),
            notices: report.notices.iter().map(|p| Problem::of(p, lines)).collect(),
        }
    }
}

impl<'r> Comparison<'r> {
    fn of(comparison: &'r InnerComparison, lines: &mut Lines) -> Self {
        Self {
            base: comparison.base.as_deref(),
            commit: comparison.commit.as_deref(),
            baseline: comparison.baseline.as_deref(),
            gate: comparison.gate.iter().map(|p| Location::of(p, lines)).collect(),
            fixed: comparison.fixed.iter().map(|f| Finding::of(f, lines)).collect(),
            newly_waived: comparison.newly_waived.iter().map(|f| f.fingerprint.as_str()).collect(),
            outlived: &comparison.outlived,
        }
    }
}

impl<'r> Finding<'r> {
    fn of(finding: &'r InnerFinding, lines: &mut Lines) -> Self {
        Self {
            rule: &finding.rule,
            standing: finding.standing.word(),
            worse: finding.standing.worse(),
            verdict: if finding.undeclared.is_empty() { "violation" } else { "undeclared" },
            severity: finding.severity.word(),
            changed_severity: finding.changed.as_ref().map(|(from, reason)| ChangedSeverity { from: from.word(), reason }),
            title: &finding.title,
            message: &finding.message,
            help: &finding.help,
            citation: &finding.citation,
            workflow: finding.workflow.as_deref(),
            subject: Subject::of(&finding.subject),
            contract: finding.contract.as_deref(),
            location: Location::of(&finding.primary, lines),
            causes: finding.causes.iter().map(|p| Location::of(p, lines)).collect(),
            related: finding.related.iter().map(|p| Location::of(p, lines)).collect(),
            data: finding
                .data
                .iter()
                .map(|d| Datum { name: &d.name, form: &d.form, surface: &d.surface, fingerprint: &d.fingerprint })
                .collect(),
            path: finding.path.iter().map(Stop::of).collect(),
            policy: Policy {
                rule: &finding.rule,
                file: &finding.policy.place.file.name,
                line: finding.policy.line,
                clauses: finding.policy.reasons.iter().map(Clause::of).collect(),
            },
            undeclared: finding
                .undeclared
                .iter()
                .map(|u| Undeclared { fact: &u.fact, holder: &u.holder, needs: u.needs.as_deref() })
                .collect(),
            needed_by: &finding.needed_by,
            also: &finding.also,
            repeats: &finding.repeats,
            fingerprint: &finding.fingerprint,
            waiver: finding.waiver.as_ref().map(|w| Waiver { reason: &w.reason, approver: &w.approver, expires: &w.expires, line: w.line }),
        }
    }
}

impl<'r> Subject<'r> {
    fn of(subject: &'r SubjectNames) -> Self {
        let named = |kind, name: &'r String| Self { kind, from: None, to: None, implied: None, name: Some(name.as_str()) };
        match subject {
            SubjectNames::Flow { from, to, implied } => {
                Self { kind: "flow", from: Some(from), to: Some(to), implied: Some(*implied), name: None }
            }
            SubjectNames::Node(name) => named("node", name),
            SubjectNames::Workflow(name) => named("workflow", name),
            SubjectNames::Declared(noun, name) => named(noun, name),
        }
    }
}

impl<'r> Location<'r> {
    fn of(place: &'r Place, lines: &mut Lines) -> Self {
        let (line, column) = lines.position(&place.file, place.span.start);
        let (end_line, end_column) = lines.position(&place.file, place.span.end);
        Self {
            file: &place.file.name,
            line,
            column,
            end_line,
            end_column,
            byte_start: place.span.start,
            byte_end: place.span.end,
            label: &place.label,
        }
    }
}

impl<'r> Stop<'r> {
    fn of(step: &'r PathStep) -> Self {
        Self { node: &step.node, form: &step.form, labels: &step.labels, gained: &step.gained, lost: &step.lost }
    }
}

impl<'r> Clause<'r> {
    fn of(reason: &'r Reason) -> Self {
        Self {
            clause: &reason.clause,
            value: reason.value,
            under: if reason.unless { "unless" } else { "when" },
            saw: reason.saw.iter().map(|(fact, value)| Saw { fact, value }).collect(),
            missing: reason.missing.as_ref().map(|(of, fact)| Lacking { fact, of }),
            line: reason.line,
        }
    }
}

impl<'r> Problem<'r> {
    fn of(problem: &'r InnerProblem, lines: &mut Lines) -> Self {
        Self {
            code: problem.code,
            message: &problem.message,
            help: problem.help.as_deref(),
            locations: problem.places.iter().map(|p| Location::of(p, lines)).collect(),
        }
    }
}
