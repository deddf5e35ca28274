//! The JUnit format: one test suite for each report and one test case for each finding; what was asked and found nothing passes. Never carries a
//! time, for a report is the same on every machine.
//!
//! Elements and attributes are those that the schema of Jenkins' xunit plugin allows (jenkinsci/xunit-plugin, junit-10.xsd, as of 2026-11), of
//! which GitLab and Azure Pipelines read a part: a `file` of a test case, which GitLab would show, is not among them, so that the place stands in
//! the text.

use std::collections::{BTreeMap, BTreeSet};

use super::lines::Lines;
use super::plain::{Columns, details, line, region, repository_path, standing, subject};
use crate::check::Report;
use crate::finding::Finding;
use crate::problem::{Place, Problem};
use crate::record::Record;

/// What a suite is called that has no project's name.
const SUITE: &str = "flowgate";

pub(super) fn render(reports: &[&Report]) -> String {
    let mut lines = Lines::default();
    let suites: Vec<Suite> = reports.iter().map(|r| Suite::of(r, &mut lines)).collect();
    let (mut tests, mut failures, mut errors) = (0, 0, 0);
    for suite in &suites {
        tests += suite.cases.len();
        failures += suite.count("failure");
        errors += suite.count("error");
    }
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    out.push_str(&format!("<testsuites name=\"flowgate\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">\n"));
    out.extend(suites.iter().map(Suite::xml));
    out.push_str("</testsuites>\n");
    out
}

struct Suite {
    name: String,
    cases: Vec<Case>,
    /// What a reader should know besides, a line each: a gate that a change moves among them.
    notices: Vec<String>,
}

struct Case {
    class: String,
    name: String,
    outcome: Option<Outcome>,
}

/// What became of a case that did not pass.
struct Outcome {
    /// `failure`, `error` or `skipped`.
    element: &'static str,
    kind: String,
    message: String,
    text: String,
}

impl Suite {
    fn of(report: &Report, lines: &mut Lines) -> Self {
        let name = report.name.clone().unwrap_or_else(|| SUITE.to_owned());
        let class = |workflow: Option<&str>| match (&report.name, workflow) {
            (Some(name), Some(workflow)) => format!("{name}/{workflow}"),
            (Some(name), None) => name.clone(),
            (None, workflow) => workflow.unwrap_or(SUITE).to_owned(),
        };
        let mut cases: Vec<Case> = report.problems.iter().map(|p| problem(class(None), report, p, lines)).collect();
        let found = report.findings.iter().chain(&report.waived);
        cases.extend(found.map(|f| finding(class(f.workflow.as_deref()), report, f, lines)));
        let silent = match &report.record {
            Some(record) => silent_rules(record),
            None => silent_workflows(report),
        };
        cases.extend(silent.into_iter().map(|(workflow, name)| Case { class: class(workflow.as_deref()), name, outcome: None }));
        if cases.is_empty() {
            // Some readers take a suite without a case for a failure, and it must not read as a pass either.
            let message = "nothing was checked".to_owned();
            let outcome = Outcome { element: "skipped", kind: String::new(), message, text: String::new() };
            cases.push(Case { class: class(None), name: "check".to_owned(), outcome: Some(outcome) });
        }
        number(&mut cases);
        let notices = report.notices.iter().map(|notice| {
            let at = notice.places.first().map(|p| format!("{}: ", place(report, p, lines))).unwrap_or_default();
            format!("{at}note[{}]: {}", notice.code, line(&notice.message))
        });
        let notices = notices.collect();
        Self { name, cases, notices }
    }

    fn count(&self, element: &str) -> usize {
        self.cases.iter().filter(|c| c.outcome.as_ref().is_some_and(|o| o.element == element)).count()
    }

    fn xml(&self) -> String {
        let (failures, errors, skipped) = (self.count("failure"), self.count("error"), self.count("skipped"));
        let name = escape(&line(&self.name));
        let head = format!("tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"", self.cases.len());
        let cases: String = self.cases.iter().map(Case::xml).collect();
        let out = if self.notices.is_empty() {
            String::new()
        } else {
            format!("    <system-out>{}</system-out>\n", escape(&self.notices.join("\n")))
        };
        format!("  <testsuite name=\"{name}\" {head}>\n{cases}{out}  </testsuite>\n")
    }
}

impl Case {
    fn xml(&self) -> String {
        let head = format!("    <testcase classname=\"{}\" name=\"{}\"", escape(&line(&self.class)), escape(&line(&self.name)));
        let Some(outcome) = &self.outcome else { return format!("{head}/>\n") };
        let kind = if outcome.kind.is_empty() { String::new() } else { format!(" type=\"{}\"", escape(&outcome.kind)) };
        let (element, message, text) = (outcome.element, escape(&outcome.message), escape(&outcome.text));
        format!("{head}>\n      <{element}{kind} message=\"{message}\">{text}</{element}>\n    </testcase>\n")
    }
}

fn finding(class: String, report: &Report, finding: &Finding, lines: &mut Lines) -> Case {
    let message = line(&finding.message);
    let mut text = vec![place(report, finding.foremost(), lines)];
    if !finding.causes.is_empty() {
        text.push(format!("shows at: {}", place(report, &finding.primary, lines)));
    }
    text.push(format!("{}[{}]: {message}", finding.severity.word(), line(&finding.rule)));
    text.extend(details(finding).into_iter().map(|(key, told)| format!("{key}: {told}")));
    let standing = standing(finding);
    let counts = finding.counts() && finding.waiver.is_none();
    let (element, message) = match standing {
        // What does not count is there to be seen and fails nothing.
        Some(standing) if !counts => ("skipped", format!("{standing}: {message}")),
        Some(standing) => ("failure", format!("{message} ({standing})")),
        None => ("failure", message),
    };
    let outcome = Outcome { element, kind: finding.severity.word().to_owned(), message, text: text.join("\n") };
    Case { class, name: format!("{}: {}", finding.rule, subject(&finding.subject)), outcome: Some(outcome) }
}

fn problem(class: String, report: &Report, problem: &Problem, lines: &mut Lines) -> Case {
    let message = line(&problem.message);
    let mut text: Vec<String> = problem.places.iter().map(|p| place(report, p, lines)).collect();
    text.push(format!("error[{}]: {message}", problem.code));
    text.extend(problem.help.iter().map(|help| format!("help: {}", line(help))));
    let file = problem.places.first().map(|p| format!(": {}", p.file.name)).unwrap_or_default();
    let outcome = Outcome { element: "error", kind: problem.code.to_owned(), message, text: text.join("\n") };
    Case { class, name: format!("{}{file}", problem.code), outcome: Some(outcome) }
}

fn place(report: &Report, place: &Place, lines: &mut Lines) -> String {
    let region = region(lines, place, Columns::Characters);
    format!("{}:{}:{}", line(&repository_path(&report.folder, &place.file.name)), region.line, region.column)
}

/// Rules that were asked in a workflow and are in no finding of it.
fn silent_rules(record: &Record) -> Vec<(Option<String>, String)> {
    let mut silent: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for rule in &record.rules {
        for (workflow, tally) in &rule.workflows {
            if tally.asked > 0 && tally.violations + tally.undeclared + tally.waived == 0 {
                silent.insert((workflow, &rule.id), tally.asked);
            }
        }
    }
    let case = |((workflow, rule), asked): ((&str, &str), usize)| {
        (Some(workflow.to_owned()).filter(|w| !w.is_empty()), format!("{rule}: asked {asked}, found nothing"))
    };
    silent.into_iter().map(case).collect()
}

/// Workflows that are in no finding.
fn silent_workflows(report: &Report) -> Vec<(Option<String>, String)> {
    let told: BTreeSet<&str> = report.findings.iter().chain(&report.waived).filter_map(|f| f.workflow.as_deref()).collect();
    let silent = report.checked.workflows.iter().filter(|w| !told.contains(w.as_str()));
    silent.map(|w| (Some(w.clone()), "no finding".to_owned())).collect()
}

/// Gives cases of one name a number: GitLab reads the first of them alone.
/// Source: docs.gitlab.com, "Unit test reports", "File requirements", as of 2026-11.
fn number(cases: &mut [Case]) {
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    for case in cases {
        let n = seen.entry((case.class.clone(), case.name.clone())).or_default();
        *n += 1;
        if *n > 1 {
            case.name.push_str(&format!(" ({n})"));
        }
    }
}

/// Text for an element or an attribute in double quotes. Characters that XML 1.0 does not know, escaped or not, are replaced.
/// Source: www.w3.org/TR/xml, production 2, `Char`.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\n' | '\t' => escaped.push(c),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(escape("]]><a b='c\"'>&amp;"), "]]&gt;&lt;a b=&apos;c&quot;&apos;&gt;&amp;amp;");
        assert_eq!(escape("a\u{0}\u{1b}\u{ffff}b\n"), "a\u{fffd}\u{fffd}\u{fffd}b\n");
        assert_eq!(escape("naïve → 中 😀"), "naïve → 中 😀");
    }

    #[test]
    fn cases_of_one_name_are_told_apart() {
        let case = |class: &str| Case { class: class.to_owned(), name: "a/b: `c`".to_owned(), outcome: None };
        let mut cases = [case("x"), case("x"), case("y"), case("x")];
        number(&mut cases);
        let names: Vec<&str> = cases.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["a/b: `c`", "a/b: `c` (2)", "a/b: `c`", "a/b: `c` (3)"]);
    }

    #[test]
    fn a_report_of_nothing_neither_passes_nor_is_empty() {
        let text = render(&[&Report::default()]);
        assert!(text.contains("<skipped message=\"nothing was checked\"></skipped>"), "{text}");
        assert!(text.contains("tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"1\""), "{text}");
    }
}
