//! One project on the page: its verdict in words, then its sections in the order an auditor asks for them. Never says more than was checked.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{self, badge};
use super::write::Html;
use super::{checked, drawing, filter, rules, source, table};
use crate::check::{Comparison, Report};
use crate::finding::{Finding, Standing};
use crate::judge::Severity;
use crate::problem::{Place, Problem};
use crate::report::lines::Lines;
use crate::report::text::count;

/// So many findings show their lines at once.
const OPEN: usize = 25;

/// One project.
pub(super) struct Part<'r> {
    pub(super) report: &'r Report,
    /// Before every id; empty for the only one.
    pub(super) prefix: String,
    /// Level of the heading of a section.
    level: usize,
    pub(super) lines: Lines,
    pub(super) drawings: Vec<(String, String)>,
    nodes: BTreeMap<(Option<&'r str>, &'r str), usize>,
    fired: BTreeSet<&'r str>,
    ids: BTreeMap<String, usize>,
}

impl<'r> Part<'r> {
    pub(super) fn of(report: &'r Report, number: Option<usize>) -> Self {
        let record = report.record.as_ref();
        let nodes = record.iter().flat_map(|r| r.diagram.nodes.iter().enumerate());
        let findings = report.findings.iter().chain(&report.waived);
        let fired = findings.flat_map(|f| std::iter::once(&f.rule).chain(&f.also).chain(&f.needed_by));
        let with_page = |rule: &&str| record.is_some_and(|r| r.rules.iter().any(|known| known.rule == *rule && known.page.is_some()));
        Self {
            report,
            prefix: number.map_or_else(String::new, |n| format!("p{}-", n + 1)),
            level: if number.is_some() { 3 } else { 2 },
            lines: Lines::default(),
            drawings: record.map(drawing::drawings).unwrap_or_default(),
            nodes: nodes.map(|(n, node)| ((node.workflow.as_deref(), node.id.as_str()), n)).collect(),
            fired: fired
                .map(|rule| rule.split('.').next().unwrap_or_default())
                .collect::<BTreeSet<_>>()
                .into_iter()
                .filter(with_page)
                .collect(),
            ids: BTreeMap::new(),
        }
    }

    /// The heading so many levels below a section's.
    pub(super) fn tag(&self, below: usize) -> &'static str {
        ["h1", "h2", "h3", "h4", "h5"].get(self.level + below - 1).copied().unwrap_or("h6")
    }

    /// An id that nothing else on the page has.
    pub(super) fn id(&mut self, name: &str) -> String {
        let times = self.ids.entry(name.to_owned()).or_default();
        *times += 1;
        let again = if *times > 1 { format!("-{times}") } else { String::new() };
        format!("{}{name}{again}", self.prefix)
    }

    /// Where the page of a rule that found something stands.
    pub(super) fn about(&self, rule: &str) -> Option<String> {
        let rule = rule.split('.').next().unwrap_or_default();
        let number = self.fired.iter().position(|fired| *fired == rule)?;
        Some(format!("#{}rule-{}", self.prefix, number + 1))
    }

    /// The id of a workflow's diagram.
    pub(super) fn drawing(&self, workflow: &str) -> Option<String> {
        let number = self.drawings.iter().position(|(name, _)| name == workflow)?;
        Some(format!("{}workflow-{}", self.prefix, number + 1))
    }

    /// The number of a node by its name: the workflow's own, else a shared one.
    pub(super) fn node(&self, workflow: &str, name: &str) -> Option<usize> {
        self.nodes.get(&(Some(workflow), name)).or_else(|| self.nodes.get(&(None, name))).copied()
    }

    /// The findings that count.
    fn counting(&self) -> Vec<&'r Finding> {
        self.report.findings.iter().filter(|f| f.counts()).collect()
    }

    fn standing(&self, standing: &Standing) -> Vec<&'r Finding> {
        self.report.findings.iter().filter(|f| f.standing == *standing).collect()
    }

    /// Every section that has something to show: its id, title and number of entries.
    pub(super) fn contents(&self) -> Vec<(&'static str, &'static str, Option<usize>)> {
        let report = self.report;
        let listed = |id, title, n: usize| (n > 0).then_some((id, title, Some(n)));
        let comparison = report.comparison.as_ref();
        let always = |id, title| Some((id, title, None));
        let record = report.record.as_ref();
        let sections = [
            always("checked", "What was checked"),
            listed("problems", "Problems", report.problems.len()),
            Some(("findings", "Findings", Some(self.counting().len()))),
            comparison.and(always("comparison", "Comparison")),
            record.and(always("rules", "Verdict by rule")),
            record.filter(|_| !self.drawings.is_empty()).and(listed("diagrams", "Diagrams", self.drawings.len())),
            listed("evidence", "Evidence on file", report.checked.evidence.len()),
            record.and(always("not-covered", "What cannot be decided here")),
            listed("notices", "Notices", report.other_notices().count()),
            listed("waived", "Waived", report.waived.len()),
            listed("unchanged", "Unchanged", self.standing(&Standing::Unchanged).len()),
            listed("baseline", "In the baseline", self.standing(&Standing::Baseline).len()),
            listed("fixed", "Fixed", comparison.map_or(0, |c| c.fixed.len())),
            record.filter(|_| !self.fired.is_empty()).and(listed("about", "The rules that fired", self.fired.len())),
        ];
        sections.into_iter().flatten().collect()
    }

    /// The verdict, then every section.
    pub(super) fn draw(&mut self, h: &mut Html) {
        verdict(h, self.report);
        for (id, title, n) in self.contents() {
            let (whole, heading) = (format!("{}{id}", self.prefix), format!("{}{id}-title", self.prefix));
            h.element("section", &[("id", &whole), ("class", id), ("aria-labelledby", &heading)], |h| {
                h.element(self.tag(0), &[("id", &heading)], |h| {
                    h.text(title);
                    if let Some(n) = n {
                        h.word("span", &[("class", "number")], &format!(" {n}"));
                    }
                });
                self.section(h, id);
            });
        }
    }

    fn section(&mut self, h: &mut Html, id: &str) {
        let report = self.report;
        match (id, report.record.as_ref(), report.comparison.as_ref()) {
            ("checked", ..) => checked::draw(h, self),
            ("problems", ..) => report.problems.iter().for_each(|p| problem(h, self, p)),
            ("notices", ..) => report.other_notices().for_each(|p| problem(h, self, p)),
            ("findings", ..) => {
                // Several projects share one filter, above them all.
                if self.prefix.is_empty() {
                    filter::draw(h, &[report]);
                }
                if self.counting().is_empty() {
                    h.word("p", &[("class", "none")], if report.comparison.is_some() { "No finding that counts" } else { "No finding" });
                } else {
                    self.findings(h, &self.counting(), false);
                }
            }
            ("comparison", _, Some(comparison)) => compared(h, self, comparison),
            ("rules", Some(record), _) => rules::draw(h, self, record),
            ("diagrams", Some(record), _) => drawing::draw(h, self, record),
            ("evidence", ..) => checked::evidence(h, &report.checked),
            ("not-covered", ..) => checked::not_covered(h, self),
            ("waived", ..) => self.findings(h, &report.waived.iter().collect::<Vec<_>>(), false),
            ("unchanged", ..) => self.findings(h, &self.standing(&Standing::Unchanged), false),
            ("baseline", ..) => self.findings(h, &self.standing(&Standing::Baseline), false),
            ("fixed", _, Some(comparison)) => self.findings(h, &comparison.fixed.iter().collect::<Vec<_>>(), true),
            ("about", Some(record), _) => rules::about(h, self, record),
            _ => {}
        }
    }

    fn findings(&mut self, h: &mut Html, findings: &[&Finding], gone: bool) {
        let open = findings.len() <= OPEN;
        findings.iter().for_each(|f| finding::draw(h, self, f, gone, open && !gone));
        h.word("p", &[("class", "filtered-out"), ("hidden", "")], "The filter leaves none of these");
    }
}

/// `2 errors, 1 warning`, of those findings that count.
pub(super) fn severities(report: &Report) -> String {
    let of = |severity: Severity| report.findings.iter().filter(|f| f.counts() && f.severity == severity).count();
    let all = [Severity::Error, Severity::Warning, Severity::Note].into_iter().map(|s| (of(s), s.word()));
    all.filter(|(n, _)| *n > 0).map(|(n, word)| count(n, word)).collect::<Vec<_>>().join(", ")
}

/// One line: what came of it.
pub(super) fn headline(report: &Report) -> String {
    let counted = severities(report);
    let findings = match (counted.as_str(), report.checked.workflows.is_empty()) {
        ("", true) => "Nothing was checked".to_owned(),
        ("", false) if report.comparison.is_some() => "No finding that counts".to_owned(),
        ("", false) => "No finding".to_owned(),
        _ => format!("Findings: {counted}"),
    };
    if report.problems.is_empty() { findings } else { format!("{findings}; {}", unread(report)) }
}

fn unread(report: &Report) -> String {
    format!("{} to solve before the result is whole", count(report.problems.len(), "problem"))
}

/// The most that can be said in plain words.
fn verdict(h: &mut Html, report: &Report) {
    let counting = report.findings.iter().filter(|f| f.counts()).count();
    let class = match (report.problems.is_empty(), report.findings.iter().filter(|f| f.counts()).map(|f| f.severity).max()) {
        (false, _) => "verdict unread",
        (true, Some(severity)) => match severity {
            Severity::Error => "verdict error",
            Severity::Warning => "verdict warning",
            Severity::Note => "verdict note",
        },
        (true, None) => "verdict silent",
    };
    h.element("div", &[("class", class)], |h| {
        h.word("p", &[("class", "headline")], &headline(report));
        let checked = &report.checked;
        if checked.workflows.is_empty() {
            return;
        }
        let scope = format!(
            "{} ({}, {}, {} implied) against {} of {}",
            count(checked.workflows.len(), "workflow"),
            count(checked.nodes, "node"),
            count(checked.flows, "declared flow"),
            checked.implied_flows,
            count(checked.rules, "rule"),
            checked.packs.join(", ")
        );
        h.word("p", &[], &format!("Checked as of {}: {scope}", checked.as_of));
        if let Some(record) = &report.record {
            let words: Vec<String> = rules::outcomes(record).into_iter().filter(|(_, n)| *n > 0).map(|(kind, n)| spoken(kind, n)).collect();
            h.word("p", &[], &format!("Of the rules and their codes, {}", words.join(", ")));
        }
        let undeclared = report.findings.iter().filter(|f| f.counts() && !f.undeclared.is_empty()).count();
        if undeclared > 0 {
            h.word("p", &[], &format!("{undeclared} of {} because a fact that a rule needs is not declared", count(counting, "finding")));
        }
        let mut besides = Vec::new();
        for (n, what) in [
            (report.findings.len() - counting, "that a comparison does not count"),
            (report.waived.len(), "waived"),
            (checked.severity_changes.len(), "severity changed by the project"),
            (checked.evidence.len(), "on file as evidence, not judged"),
        ] {
            if n > 0 {
                besides.push(format!("{n} {what}"));
            }
        }
        if !besides.is_empty() {
            h.word("p", &[], &format!("Besides: {}", besides.join("; ")));
        }
        h.word("p", &[("class", "hint")], "Declarations were judged, not the running system; see what cannot be decided here");
    });
}

fn spoken(kind: &str, n: usize) -> String {
    match kind {
        "violation" => format!("{n} found a violation"),
        "undeclared" => format!("{n} lacked a fact"),
        "waived" => format!("{n} found only what is waived"),
        "silent" => format!("{n} {} asked and silent", if n == 1 { "was" } else { "were" }),
        _ => format!("{n} never applied"),
    }
}

fn problem(h: &mut Html, part: &mut Part<'_>, problem: &Problem) {
    h.element("article", &[("class", "problem")], |h| {
        h.element("p", &[("class", "badges")], |h| h.element("span", &[("class", "badge plain")], |h| h.word("code", &[], problem.code)));
        h.element(part.tag(1), &[], |h| h.ticked(&problem.message));
        if let Some(first) = problem.places.first() {
            h.element("p", &[("class", "where")], |h| h.word("code", &[("class", "place")], &source::position(first, &mut part.lines)));
        }
        source::draw(h, &problem.places.iter().collect::<Vec<_>>(), &mut part.lines);
        if let Some(help) = &problem.help {
            h.element("dl", &[("class", "facts")], |h| finding::entry(h, "What to do", |h| h.ticked(help)));
        }
    });
}

fn compared(h: &mut Html, part: &mut Part<'_>, comparison: &Comparison) {
    h.element("dl", &[("class", "run")], |h| {
        for (key, value) in [("Base", &comparison.base), ("Commit", &comparison.commit), ("Baseline file", &comparison.baseline)] {
            if let Some(value) = value {
                finding::entry(h, key, |h| h.word("code", &[], value));
            }
        }
        let all = &part.report.findings;
        let of = |f: fn(&Standing) -> bool| all.iter().filter(|x| f(&x.standing)).count();
        let counts = [
            ("New", of(|s| *s == Standing::New)),
            ("Worsened", of(|s| matches!(s, Standing::Worsened(_)))),
            ("Unchanged", of(|s| *s == Standing::Unchanged)),
            ("In the baseline", of(|s| *s == Standing::Baseline)),
            ("Fixed", comparison.fixed.len()),
            ("Newly waived", comparison.newly_waived.len()),
        ];
        counts.into_iter().for_each(|(key, n)| finding::entry(h, key, |h| h.text(&n.to_string())));
    });
    if !comparison.gate.is_empty() {
        h.word(
            "p",
            &[("class", "key")],
            "Changes of what is asked, waived or counted: they can make findings go away without mending anything",
        );
        source::draw(h, &comparison.gate.iter().collect::<Vec<&Place>>(), &mut part.lines);
    }
    if !comparison.newly_waived.is_empty() {
        h.word("p", &[("class", "key")], "Findings of the base that a waiver of this change covers");
        table(h, "newly waived", &["Severity", "Rule", "Place", "Message"], |h| {
            for finding in &comparison.newly_waived {
                h.element("tr", &[], |h| {
                    h.element("td", &[], |h| badge(h, finding.severity.word()));
                    h.element("td", &[], |h| h.word("code", &[], &finding.rule));
                    h.element("td", &[], |h| h.word("code", &[], &source::position(&finding.primary, &mut part.lines)));
                    h.element("td", &[], |h| h.ticked(&finding.message));
                });
            }
        });
    }
    if !comparison.outlived.is_empty() {
        h.word("p", &[("class", "key")], "Entries of the baseline file that no finding has any more");
        h.element("ul", &[("class", "codes")], |h| {
            comparison.outlived.iter().for_each(|entry| h.element("li", &[], |h| h.word("code", &[], entry)));
        });
    }
}
