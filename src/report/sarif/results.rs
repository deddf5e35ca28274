//! Findings and problems as results of a run: places, the way of the datum, identity, what does not count. Never decides what is left out.

use std::collections::BTreeMap;

use serde_json::json;

use super::escape::{link_text, markdown, plain, uri};
use super::types::{
    ArtifactLocation, CodeFlow, Label, Location, Message, Outcome, PhysicalLocation, Region, Stop, Suppression, ThreadFlow,
};
use super::{Limits, SOURCE_ROOT};
use crate::check::Report;
use crate::finding::{Finding, Standing, fingerprint};
use crate::judge::Severity;
use crate::problem::{Place, Problem};
use crate::report::lines::Lines;
use crate::report::plain::{Columns, changes, details, line, region, repository_path, standing, subject};

/// The file that a waiver stands in.
const WAIVERS: &str = "flowgate.waivers.yaml";

/// The file a project has in any case: what belongs to no file is shown there.
const PROJECT: &str = "flowgate.yaml";

/// Makes results, and tells those apart that would be one for a reader.
pub(super) struct Maker<'l> {
    pub(super) lines: Lines,
    pub(super) limits: &'l Limits,
    numbers: BTreeMap<*const Finding, usize>,
    seen: BTreeMap<String, usize>,
}

impl<'l> Maker<'l> {
    /// Findings of one fingerprint are numbered in the order of their places: that of a report changes with what it is compared with.
    pub(super) fn new(findings: &[(&Report, &Finding)], limits: &'l Limits) -> Self {
        let mut order: Vec<&Finding> = findings.iter().map(|(_, f)| *f).collect();
        order.sort_by_key(|f| (&f.fingerprint, &f.primary.file.name, f.primary.span, &f.message));
        let mut numbers = BTreeMap::new();
        for same in order.chunk_by(|a, b| a.fingerprint == b.fingerprint) {
            numbers.extend(same.iter().enumerate().map(|(n, f)| (std::ptr::from_ref::<Finding>(*f), n + 1)));
        }
        Self { lines: Lines::default(), limits, numbers, seen: BTreeMap::new() }
    }

    /// A finding. The changed line that brought it about comes first, since GitHub shows an alert in a pull request only where all its lines are
    /// in the diff ("SARIF support for code scanning", "Specifying the location for source files", as of 2026-11).
    pub(super) fn finding(&mut self, report: &Report, finding: &Finding, rule_index: usize) -> Outcome {
        let foremost = self.location(report, finding.foremost(), None);
        let mut related: Vec<(String, Location)> = Vec::new();
        let more = finding.causes.iter().skip(1).map(|p| (p, "changed here, too"));
        let own = (!finding.causes.is_empty()).then_some((&finding.primary, "shows here"));
        for (place, otherwise) in own.into_iter().chain(finding.related.iter().map(|p| (p, "see"))).chain(more) {
            if related.len() < self.limits.related {
                let label = if place.label.is_empty() { otherwise.to_owned() } else { line(&place.label) };
                let location = self.location(report, place, Some((related.len() + 1, label.clone())));
                related.push((label, location));
            }
        }
        let code_flows = self.code_flows(report, finding);
        Outcome {
            rule_id: line(&finding.rule),
            rule_index,
            level: level(finding),
            message: message(finding, &related),
            locations: vec![foremost],
            related_locations: related.into_iter().map(|(_, location)| location).collect(),
            code_flows,
            partial_fingerprints: fingerprints(&finding.fingerprint, self.numbers.get(&std::ptr::from_ref(finding)).copied().unwrap_or(1)),
            suppressions: self.suppressions(report, finding),
            baseline_state: report.comparison.as_ref().map(|c| baseline_state(finding, &c.newly_waived)),
            properties: properties(report, finding),
        }
    }

    /// A problem, or a notice about the log itself. GitHub shows results and no notifications: without these, a project that could not be read
    /// would upload as one without findings.
    pub(super) fn problem(&mut self, report: &Report, problem: &Problem, severity: Severity, rule_index: usize) -> Outcome {
        let first = problem.places.first();
        let location = first.map_or_else(|| whole_file(report), |p| self.location(report, p, None));
        let rest = problem.places.iter().skip(1).take(self.limits.related).enumerate();
        let related = rest.map(|(n, p)| self.location(report, p, Some((n + 1, line(&p.label))))).collect();
        let help = problem.help.as_ref().map(|help| line(help));
        let text = std::iter::once(format!("{}.", plain(&problem.message)))
            .chain(help.iter().map(|help| format!("help: {}", plain(help))))
            .collect::<Vec<_>>();
        let formatted = std::iter::once(format!("**{}**", markdown(&problem.message)))
            .chain(help.iter().map(|help| format!("- help: {}", markdown(help))))
            .collect::<Vec<_>>();
        let file = first.map(|p| repository_path(&report.folder, &p.file.name)).unwrap_or_default();
        let identity = fingerprint(&[problem.code, &file, &problem.message]);
        let n = self.seen.entry(identity.clone()).or_default();
        *n += 1;
        Outcome {
            rule_id: problem.code.to_owned(),
            rule_index,
            level: severity.word(),
            message: Message { text: text.join("\n"), markdown: Some(formatted.join("\n\n")) },
            locations: vec![location],
            related_locations: related,
            code_flows: Vec::new(),
            partial_fingerprints: fingerprints(&identity, *n),
            suppressions: Vec::new(),
            // All results of a run have a state, or none.
            baseline_state: report.comparison.as_ref().map(|_| "new"),
            properties: json!({ "problem": true }),
        }
    }

    /// A place, numbered and labelled where a message can link to it.
    pub(super) fn location(&mut self, report: &Report, place: &Place, label: Option<(usize, String)>) -> Location {
        let region = region(&mut self.lines, place, Columns::Utf16);
        let region =
            Region { start_line: region.line, start_column: region.column, end_line: region.end_line, end_column: region.end_column };
        let (id, label) = label.unzip();
        let text = label.filter(|l| !l.is_empty()).map(|l| plain(&l));
        Location {
            id,
            physical_location: PhysicalLocation { artifact_location: artifact(report, &place.file.name), region },
            message: text.map(|text| Label { text }),
        }
    }

    /// The stops of the datum. Where each one stands: the field it enters by, the flows it passes, the place of the finding.
    fn code_flows(&mut self, report: &Report, finding: &Finding) -> Vec<CodeFlow> {
        let steps = finding.path.len();
        if steps < 2 {
            return Vec::new();
        }
        // The finding's places are in the order of the path: where the datum enters, then each declared flow but the finding's own.
        let enters = finding.related.iter().find(|p| p.label.ends_with("enters here")).unwrap_or(&finding.primary);
        let mut passes = finding.related.iter().filter(|p| p.label == "passes here");
        let mut locations = Vec::new();
        for (n, step) in finding.path.iter().enumerate().take(self.limits.stops) {
            let place = match n {
                0 => enters,
                _ => passes.next().unwrap_or(&finding.primary),
            };
            let mut text = match n {
                0 => format!("`{}` leaves `{}`", step.form, step.node),
                _ if n + 1 == steps => format!("`{}` reaches `{}`", step.form, step.node),
                _ => format!("`{}` passes `{}`", step.form, step.node),
            };
            let changes = changes(step);
            if !changes.is_empty() {
                text.push_str(&format!(": {changes}"));
            }
            let mut location = self.location(report, place, None);
            location.message = Some(Label { text: plain(&text) });
            locations.push(Stop { location, execution_order: n + 1 });
        }
        vec![CodeFlow { thread_flows: vec![ThreadFlow { locations }] }]
    }

    /// What a waiver or the baseline file covers. GitHub does not read them (github/codeql-action, issue 1230); viewers hide such results, and
    /// actions that dismiss alerts go by them.
    fn suppressions(&self, report: &Report, finding: &Finding) -> Vec<Suppression> {
        let suppression =
            |justification, location, properties| Suppression { kind: "external", status: "accepted", justification, location, properties };
        if let Some(waiver) = &finding.waiver {
            let region = Region { start_line: waiver.line.max(1), start_column: 1, end_line: waiver.line.max(1), end_column: 2 };
            let artifact_location = artifact(report, WAIVERS);
            let location = Location { id: None, physical_location: PhysicalLocation { artifact_location, region }, message: None };
            let properties = json!({ "approver": line(&waiver.approver), "expires": line(&waiver.expires) });
            return vec![suppression(line(&waiver.reason), Some(location), properties)];
        }
        if finding.standing == Standing::Baseline {
            return vec![suppression("in the baseline file".to_owned(), None, json!({}))];
        }
        Vec::new()
    }
}

/// GitHub reads `primaryLocationLineHash` alone, with the path and the rule, to see that an alert of one analysis is an alert of another. Ours
/// is made of names (rule, workflow, ends of the flow, contract), not of the line: it stays while lines move and while a team reformats, two
/// findings on one line stay two, and it is the same whether a run compares or not. Only a finding that a change in another file brought
/// about is another alert in the pull request than on the branch, for its path is that of the change.
/// The number behind the colon counts those with one fingerprint, as github/codeql-action does (src/fingerprints.ts, as of 2026-11). That
/// action keeps a hash it finds and writes a warning into its log where its own differs.
fn fingerprints(fingerprint: &str, n: usize) -> BTreeMap<&'static str, String> {
    BTreeMap::from([("primaryLocationLineHash", format!("{fingerprint}:{n}")), ("flowgate/v1", fingerprint.to_owned())])
}

/// A waived finding is a note: GitHub would hold it against a pull request otherwise, since it does not read that it is accepted. What the baseline
/// file has keeps its level, for it is still wrong, and GitHub holds only what is new against a pull request.
fn level(finding: &Finding) -> &'static str {
    if finding.waiver.is_some() { Severity::Note.word() } else { finding.severity.word() }
}

/// What is fixed (`absent`) is no result: GitHub does not read the state and would show it as open. It closes what an analysis has no more.
/// Source: docs.github.com, "SARIF support for code scanning", `result`: every property that is not listed is ignored, as of 2026-11.
fn baseline_state(finding: &Finding, newly_waived: &[Finding]) -> &'static str {
    match finding.standing {
        Standing::New => "new",
        Standing::Worsened(_) => "updated",
        Standing::Unchanged | Standing::Baseline => "unchanged",
        Standing::Open if newly_waived.iter().any(|f| f.fingerprint == finding.fingerprint) => "updated",
        Standing::Open if finding.waiver.is_some() => "unchanged",
        Standing::Open => "new",
    }
}

/// The first sentence is the title of the alert; each of the others says one thing. The path is told in words, too, for GitHub folds code flows.
fn message(finding: &Finding, related: &[(String, Location)]) -> Message {
    let mut text = vec![format!("{}.", plain(&finding.message))];
    let mut formatted = vec![format!("**{}**", markdown(&finding.message))];
    if let Some(standing) = standing(finding) {
        text.push(plain(&standing));
        formatted.push(format!("- {}", markdown(&standing)));
    }
    for (key, told) in details(finding) {
        text.push(format!("{key}: {}", plain(&told)));
        formatted.push(format!("- {key}: {}", markdown(&told)));
    }
    if !related.is_empty() {
        let linked = related.iter().enumerate();
        text.push(format!(
            "see {}",
            linked.map(|(n, (label, _))| format!("[{}]({})", link_text(label), n + 1)).collect::<Vec<_>>().join(", ")
        ));
        let linked = related.iter().enumerate();
        formatted.push(format!(
            "- see {}",
            linked.map(|(n, (label, _))| format!("[{}]({})", markdown(label), n + 1)).collect::<Vec<_>>().join(", ")
        ));
    }
    Message { text: text.join("\n"), markdown: Some(formatted.join("\n\n")) }
}

fn properties(report: &Report, finding: &Finding) -> serde_json::Value {
    let lines = |names: &[String]| names.iter().map(|n| line(n)).collect::<Vec<_>>();
    let mut data: Vec<String> = finding.data.iter().map(|d| line(&d.name)).collect();
    data.dedup();
    let verdict = if finding.undeclared.is_empty() { "violation" } else { "undeclared" };
    json!({
        "verdict": verdict,
        "severity": finding.severity.word(),
        "counts": finding.counts() && finding.waiver.is_none(),
        "project": report.name.as_deref().map(line),
        "workflow": finding.workflow.as_deref().map(line),
        "subject": subject(&finding.subject),
        "citation": line(&finding.citation),
        "data": data,
        "also": lines(&finding.also),
        "repeats": lines(&finding.repeats),
    })
}

/// The first line of the project file: a result must have a place to be shown.
fn whole_file(report: &Report) -> Location {
    let known = report.record.iter().flat_map(|r| &r.inputs).find(|i| i.kind == "project").map(|i| i.name.as_str());
    let region = Region { start_line: 1, start_column: 1, end_line: 1, end_column: 2 };
    let artifact_location = artifact(report, known.unwrap_or(PROJECT));
    Location { id: None, physical_location: PhysicalLocation { artifact_location, region }, message: None }
}

fn artifact(report: &Report, name: &str) -> ArtifactLocation {
    ArtifactLocation { uri: uri(&repository_path(&report.folder, name)), uri_base_id: SOURCE_ROOT }
}
