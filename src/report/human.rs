//! The human format: one block per finding, then problems, then notices, then what was checked. Never says more than was checked.

use std::collections::BTreeSet;

use super::Style;
use super::lines::Lines;
use super::snippet;
use super::summary::summary;
use super::text::{Ink, arrow, count, cut, few, link, paint, safe, width, wrap};
use crate::check::{Checked, Report};
use crate::finding::{Finding, PathStep, Standing, SubjectNames, UndeclaredFact};
use crate::judge::{Reason, Severity};
use crate::load::raise;
use crate::problem::{Place, Problem};

/// Labels of one kind that are named at one stop of a path.
const FEW_LABELS: usize = 4;

/// Related places that are drawn.
const FEW_PLACES: usize = 8;

/// The label of a stop on the way: the path says more, so its line is shown without it.
const STOP: &str = "passes here";

/// Data that the label of a finding's place names.
const LABELLED_DATA: usize = 3;

/// Data, rules or copies that are named in full.
const FEW_DATA: usize = 8;

/// Conditions of a policy that are quoted.
const FEW_REASONS: usize = 2;

/// Characters of a policy's clause.
const CLAUSE: usize = 160;

pub(super) fn render(report: &Report, style: &Style) -> String {
    let mut page = Page { style, lines: Lines::default(), out: String::new() };
    // A problem is often the cause of findings after it.
    let (shown, more) =
        report.problems.split_at(report.problems_shown.map_or(report.problems.len(), |most| report.problems.len().min(most)));
    for problem in shown {
        page.problem(problem, Severity::Error);
    }
    page.more_problems(shown.len(), more.len());
    for finding in report.findings.iter().filter(|f| f.counts()) {
        page.finding(finding);
    }
    for notice in report.other_notices() {
        page.problem(notice, Severity::Note);
    }
    page.waived(&report.waived);
    page.compared(report);
    page.inputs(&report.checked);
    page.summary(report);
    inert(&page.out)
}

/// No line that the runner of a pipeline takes for a command, also where a name was wrapped: one that begins with `::`, or `##[` anywhere (see `github`).
fn inert(text: &str) -> String {
    let defused = |line: &str| match line.trim_start() {
        command if command.starts_with("::") => line.replacen("::", "\\::", 1),
        _ => line.to_owned(),
    };
    text.replace("##[", "## [").split_inclusive('\n').map(defused).collect()
}

fn ink(severity: Severity) -> Ink {
    match severity {
        Severity::Error => Ink::Error,
        Severity::Warning => Ink::Warning,
        Severity::Note => Ink::Note,
    }
}

struct Page<'s> {
    style: &'s Style,
    lines: Lines,
    out: String,
}

impl Page<'_> {
    fn finding(&mut self, finding: &Finding) {
        self.header(finding.severity, &finding.rule, &finding.message);
        let related: Vec<&Place> = finding.related.iter().collect();
        self.places(&finding.primary, &related, finding.severity);
        self.path(&finding.path, finding.data.first().map(|d| d.name.as_str()));
        // The label of the place names the first three.
        let data: BTreeSet<&str> = finding.data.iter().map(|d| d.name.as_str()).collect();
        if data.len() > LABELLED_DATA {
            let names: Vec<String> = data.iter().map(|n| format!("`{n}`")).collect();
            self.note("data", &few(&names, FEW_DATA));
        }
        for fact in &finding.undeclared {
            let text = self.undeclared(finding, fact);
            self.note("missing", &text);
        }
        if !finding.needed_by.is_empty() {
            self.note("needed by", &few(&finding.needed_by, FEW_DATA));
        }
        self.policy(finding);
        if !finding.citation.is_empty() {
            let key = if finding.citation.contains(" CFR ") { "law" } else { "source" };
            self.note(key, &finding.citation);
        }
        if let Some((before, reason)) = &finding.changed {
            self.note("severity", &format!("{} here ({} by the rule; reason: {reason})", finding.severity.word(), before.word()));
        }
        if !finding.standing.worse().is_empty() {
            self.note("worse", &few(finding.standing.worse(), FEW_DATA));
        }
        for cause in &finding.causes {
            let (line, column) = self.lines.position(&cause.file, cause.span.start);
            self.note("caused by", &format!("{}:{line}:{column}: {}", cause.file.name, cause.label));
        }
        if !finding.also.is_empty() {
            self.note("also", &few(&finding.also, FEW_DATA));
        }
        if !finding.repeats.is_empty() {
            let names: Vec<String> = finding.repeats.iter().map(|n| format!("`{n}`")).collect();
            self.note("also at", &few(&names, FEW_DATA));
        }
        if !finding.help.is_empty() {
            self.note("help", &finding.help);
        }
        self.out.push('\n');
    }

    fn problem(&mut self, problem: &Problem, severity: Severity) {
        self.header(severity, problem.code, &problem.message);
        if let Some((first, related)) = problem.places.split_first() {
            self.places(first, &related.iter().collect::<Vec<_>>(), severity);
        }
        if let Some(help) = &problem.help {
            self.note("help", help);
        }
        self.out.push('\n');
    }

    /// The format of people is cut where a list is too long to be read; those of programs have it all.
    fn more_problems(&mut self, shown: usize, count: usize) {
        if count == 0 {
            return;
        }
        let message = format!("{count} more problems are not printed, the limit is {shown}");
        let help = format!("solve those above first; `--format json` has all, or {}", raise("problems"));
        self.problem(&Problem::new("report/problems", message).help(help), Severity::Error);
    }

    /// `error[rule]: message`, from the first column.
    fn header(&mut self, severity: Severity, code: &str, message: &str) {
        let head = format!("{}[{}]:", severity.word(), safe(self.style, code));
        let text = format!("{head} {}", safe(self.style, message));
        for (n, line) in wrap(&text, self.style.width, 0, 2).iter().enumerate() {
            let painted = match line.strip_prefix(&head).filter(|_| n == 0) {
                Some(rest) => paint(self.style, ink(severity), &head) + &paint(self.style, Ink::Strong, rest),
                None => paint(self.style, Ink::Strong, line),
            };
            self.line(&painted);
        }
    }

    /// The snippet of the primary place's file, and a line for each place elsewhere.
    fn places(&mut self, primary: &Place, related: &[&Place], severity: Severity) {
        let here = related.iter().filter(|p| p.file.name == primary.file.name);
        let here: Vec<Place> = here.map(|p| if p.label == STOP { Place::new(&p.file, p.span, "") } else { (*p).clone() }).collect();
        // Stops in the middle of a long way say least; the path names them all.
        let leave_out = here.len().saturating_sub(FEW_PLACES);
        let kept = here.iter().enumerate().filter(|(n, _)| *n == 0 || *n > leave_out).map(|(_, p)| p);
        let drawn: Vec<&Place> = std::iter::once(primary).chain(kept).collect();
        let snippet = snippet::draw(&drawn, ink(severity), &mut self.lines, self.style);
        self.out.push_str(&snippet);
        let mut seen = BTreeSet::new();
        for place in related.iter().filter(|p| p.file.name != primary.file.name) {
            let (line, column) = self.lines.position(&place.file, place.span.start);
            if seen.insert((&place.file.name, line, column, &place.label)) {
                let label = if place.label.is_empty() { String::new() } else { format!(": {}", place.label) };
                self.note("see", &format!("{}:{line}:{column}{label}", place.file.name));
            }
        }
    }

    /// The way in names: what each stop took away and added. On one line where it fits, else one stop a line.
    fn path(&mut self, path: &[PathStep], datum: Option<&str>) {
        let [first, rest @ ..] = path else { return };
        if rest.is_empty() {
            return;
        }
        let start = datum.filter(|d| d.starts_with(&format!("{}.", first.node))).map_or_else(|| first.node.clone(), str::to_owned);
        let mut stops = vec![start];
        let mut form = first.form.as_str();
        for (n, step) in rest.iter().enumerate() {
            stops.push(stop(step, form, n + 1 == rest.len()));
            form = step.form.as_str();
        }
        let arrow = arrow(self.style);
        let line = stops.join(&format!(" {arrow} "));
        if width("  path: ") + width(&line) <= self.style.width {
            self.note("path", &line);
            return;
        }
        let mut stops = stops.into_iter();
        let start = stops.next().unwrap_or_default();
        self.note("path", &start);
        for stop in stops {
            let hang = self.hang("path") + width(arrow) + 1;
            let indent = " ".repeat(self.hang("path"));
            let text = safe(self.style, &stop);
            for (n, line) in wrap(&text, self.style.width, hang, hang).iter().enumerate() {
                let line = if n == 0 { format!("{indent}{arrow} {line}") } else { line.clone() };
                self.line(&line);
            }
        }
    }

    fn undeclared(&mut self, finding: &Finding, fact: &UndeclaredFact) -> String {
        let mut text = format!("`{}` of `{}`", fact.fact, fact.holder);
        if let Some(needs) = &fact.needs {
            text.push_str(&format!(", or `{needs}`"));
        }
        if let Some(place) = declared_at(finding, fact) {
            let (line, _) = self.lines.position(&place.file, place.span.start);
            text.push_str(&format!(": declare it at {}:{line}", place.file.name));
        }
        text
    }

    fn policy(&mut self, finding: &Finding) {
        let file = &finding.policy.place.file.name;
        let file = file.rsplit('/').next().unwrap_or(file);
        // The rule on missing facts has nothing to say beyond which rules needed them.
        let reasons = if finding.needed_by.is_empty() { deciding(finding) } else { Vec::new() };
        let line = reasons.first().and_then(|r| r.line).unwrap_or(finding.policy.line);
        let place = format!("{}, {file}:{line}", finding.rule);
        let (shown, more) = reasons.split_at(reasons.len().min(FEW_REASONS));
        let mut text: Vec<String> = shown.iter().map(|r| self.reason(r)).collect();
        if !more.is_empty() {
            text.push(format!("and {}", count(more.len(), "more condition")));
        }
        let text = text.join("; ");
        self.note("policy", &if text.is_empty() { place } else { format!("{place}: {text}") });
    }

    fn reason(&self, reason: &Reason) -> String {
        let clause = cut(self.style, &reason.clause.replace("Flowgate::", ""), CLAUSE);
        if let Some((_, name)) = reason.missing.as_ref().filter(|(of, _)| of != "context") {
            return format!("`{clause}` is false (`{name}` is not declared)");
        }
        let saw: Vec<String> = reason
            .saw
            .iter()
            .map(|(fact, value)| {
                let values: Vec<&str> = value.split(", ").collect();
                let fact = fact.split_once('.').map_or(fact.as_str(), |(_, rest)| rest);
                format!("{fact}: {}", cut(self.style, &few(&values, FEW_LABELS), CLAUSE))
            })
            .collect();
        let saw = if saw.is_empty() { String::new() } else { format!(" ({})", saw.join("; ")) };
        format!("`{clause}` is {}{saw}", reason.value)
    }

    fn waived(&mut self, waived: &[Finding]) {
        for finding in waived {
            let Some(waiver) = &finding.waiver else { continue };
            let place = subject(&finding.subject, self.style);
            let names: Vec<String> = finding.data.iter().map(|d| format!("`{}`", d.name)).collect();
            let data = if names.is_empty() { String::new() } else { format!(" for {}", few(&names, FEW_DATA)) };
            let text = format!(
                "{} on {place}{data} until {}, accepted by {}: {} (flowgate.waivers.yaml:{})",
                finding.rule, waiver.expires, waiver.approver, waiver.reason, waiver.line
            );
            self.flush_note("waived", &text, 0);
        }
        if !waived.is_empty() {
            self.out.push('\n');
        }
    }

    /// What does not count, and what this change does to what is asked. Baseline findings are marked, never hidden.
    fn compared(&mut self, report: &Report) {
        let Some(comparison) = &report.comparison else { return };
        let before = self.out.len();
        for finding in report.findings.iter().filter(|f| f.standing == Standing::Baseline) {
            let place = self.one_line(finding);
            self.flush_note("baseline", &place, 0);
        }
        for entry in &comparison.outlived {
            self.flush_note("baseline", &format!("no longer found: {entry}; `flowgate baseline` takes it out"), 0);
        }
        for finding in &comparison.fixed {
            let place = self.one_line(finding);
            self.flush_note("fixed", &place, 0);
        }
        for finding in &comparison.newly_waived {
            let place = self.one_line(finding);
            self.flush_note("waived by this change", &place, 0);
        }
        for change in &comparison.gate {
            let (line, _) = self.lines.position(&change.file, change.span.start);
            self.flush_note("this change also changes what is asked", &format!("{} ({}:{line})", change.label, change.file.name), 0);
        }
        if self.out.len() > before {
            self.out.push('\n');
        }
    }

    /// A finding as one line: rule, place in names, place in files.
    fn one_line(&mut self, finding: &Finding) -> String {
        let (line, _) = self.lines.position(&finding.primary.file, finding.primary.span.start);
        let word = finding.severity.word();
        format!("{word}[{}] at {} ({}:{line})", finding.rule, subject(&finding.subject, self.style), finding.primary.file.name)
    }

    /// What the verdicts rest on besides the flows: documents that nobody here has read, and severities the project has changed.
    fn inputs(&mut self, checked: &Checked) {
        let before = self.out.len();
        if !checked.evidence.is_empty() {
            let kinds: BTreeSet<&str> = checked.evidence.iter().map(|e| e.kind.as_str()).collect();
            let kinds = kinds.into_iter().collect::<Vec<_>>().join(", ");
            self.flush_note("evidence on file, not judged", &format!("{} ({kinds})", count(checked.evidence.len(), "document")), 0);
        }
        for change in &checked.severity_changes {
            let words =
                format!("`{}` {} here ({} by the rule; reason: {})", change.rule, change.to.word(), change.from.word(), change.reason);
            self.flush_note("severity changed", &words, 0);
        }
        if self.out.len() > before {
            self.out.push('\n');
        }
    }

    fn summary(&mut self, report: &Report) {
        let text = safe(self.style, &summary(report));
        for line in wrap(&text, self.style.width, 0, 2) {
            let line = paint(self.style, Ink::Strong, &line);
            self.line(&line);
        }
    }

    /// `  key: text`, wrapped under the text, or close to the margin where there is little room.
    fn note(&mut self, key: &str, text: &str) {
        self.flush_note(key, text, 2);
    }

    fn flush_note(&mut self, key: &str, text: &str, margin: usize) {
        let head = format!("{}{key}: ", " ".repeat(margin));
        let text = safe(self.style, text);
        let hang = self.hang(key).min(margin + 2 + key.len()).max(margin + 2);
        for (n, line) in wrap(&text, self.style.width, head.len(), hang).iter().enumerate() {
            let line = link(self.style, line);
            let line = if n == 0 { format!("{}{line}", paint(self.style, Ink::Key, &head)) } else { line };
            self.line(&line);
        }
    }

    fn hang(&self, key: &str) -> usize {
        if self.style.width < 60 { 4 } else { key.len() + 4 }
    }

    fn line(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }
}

/// One stop: its name, what the datum is called from here on, and what changed.
fn stop(step: &PathStep, form: &str, last: bool) -> String {
    let mut changes = Vec::new();
    if step.form != form && !last {
        changes.push(format!("as {}", step.form));
    }
    if !step.lost.is_empty() {
        changes.push(format!("removed {}", few(&step.lost, FEW_LABELS)));
    }
    if !step.gained.is_empty() {
        changes.push(format!("added {}", few(&step.gained, FEW_LABELS)));
    }
    // What a step kept matters where it took something away; of that, the labels of the packs decide, and they have no dots.
    if !step.lost.is_empty() {
        let kept: Vec<&String> = step.labels.iter().filter(|l| !step.gained.contains(l)).filter(|l| !l.contains(['.', ' '])).collect();
        if !kept.is_empty() {
            changes.push(format!("kept {}", few(&kept, FEW_LABELS)));
        }
    }
    if changes.is_empty() { step.node.clone() } else { format!("{} ({})", step.node, changes.join("; ")) }
}

/// The conditions that decided, the most telling first: those about the facts that the rule's own texts name, then what is not declared, then
/// what could have silenced the rule. That something is run by oneself, or copied, sets the scene and comes last.
pub(super) fn deciding(finding: &Finding) -> Vec<&Reason> {
    let texts = format!("{}`{}", finding.message, finding.help);
    let named: BTreeSet<&str> = texts.split('`').skip(1).step_by(2).flat_map(words).collect();
    let facts = |r: &Reason| -> Vec<String> {
        let read = r.saw.iter().filter_map(|(path, _)| path.rsplit('.').next());
        read.chain(r.missing.iter().map(|(_, name)| name.as_str())).map(str::to_owned).collect()
    };
    let mut sorted: Vec<&Reason> = Vec::new();
    for reason in &finding.policy.reasons {
        if !sorted.contains(&reason) {
            sorted.push(reason);
        }
    }
    sorted.sort_by_cached_key(|r| {
        let facts = facts(r);
        let scene = r.missing.as_ref().is_some_and(|(of, _)| of == "context")
            || facts.iter().all(|f| ["is_self", "implied", "kind", "relation"].contains(&f.as_str()));
        (!facts.iter().any(|f| named.contains(f.as_str())), scene, r.missing.is_none(), !r.unless)
    });
    sorted
}

/// The words of a quoted piece of a declaration.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty())
}

/// The place of the thing that lacks a fact, where the finding shows it.
pub(super) fn declared_at<'f>(finding: &'f Finding, fact: &UndeclaredFact) -> Option<&'f Place> {
    match &finding.subject {
        SubjectNames::Flow { from, to, .. } if fact.holder == format!("{from} → {to}") => Some(&finding.primary),
        SubjectNames::Node(name) | SubjectNames::Workflow(name) | SubjectNames::Declared(_, name) if *name == fact.holder => {
            Some(&finding.primary)
        }
        _ => None,
    }
}

fn subject(subject: &SubjectNames, style: &Style) -> String {
    match subject {
        SubjectNames::Flow { from, to, .. } => format!("`{from}` {} `{to}`", arrow(style)),
        SubjectNames::Node(name) => format!("`{name}`"),
        SubjectNames::Workflow(name) => format!("workflow `{name}`"),
        SubjectNames::Declared(noun, name) => format!("{noun} `{name}`"),
    }
}
