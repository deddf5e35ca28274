//! The SARIF format (2.1.0), as GitHub code scanning shows it: one run for each report. Never leaves anything out without saying so.

mod escape;
mod results;
mod rules;
mod types;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use self::escape::plain;
use self::results::Maker;
use self::rules::Rules;
use self::types::{AutomationDetails, BaseUri, DescriptorReference, Driver, Invocation, Log, Message, Notification, Outcome, Run, Tool};
use super::plain::line;
use crate::check::Report;
use crate::finding::Finding;
use crate::judge::Severity;
use crate::problem::Problem;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The top of the repository, as GitHub calls it in its examples ("Relative URI Guidance for SARIF Producers"). Where it lies on this machine is
/// nobody's business, so that it has a description and no address (SARIF 2.1.0, 3.14.14).
const SOURCE_ROOT: &str = "%SRCROOT%";

/// The id of the result that says what was left out.
const CUT: &str = "report/cut";

/// What GitHub takes and shows. The limits beyond which it rejects a log lie higher (25,000 results, 10,000 stops, 1,000 places, 20 tags); these
/// are the ones beyond which it drops something without a word, or by an order of its own. A log within them stays below the 10 MB it takes,
/// compressed: 5,000 results like those of the examples, under names of their own, are 31 MB of text and 2 MB compressed.
/// Source: docs.github.com, "SARIF support for code scanning" and "SARIF results exceed one or more limits", as of 2026-11.
pub(super) struct Limits {
    /// Runs of a log; more are rejected.
    pub runs: usize,
    /// Results of a run.
    pub results: usize,
    /// Places of a result.
    pub related: usize,
    /// Stops of a code flow.
    pub stops: usize,
    /// Tags of a rule.
    pub tags: usize,
    /// Characters of a rule's name.
    pub name: usize,
    /// Characters of a rule's descriptions.
    pub description: usize,
}

impl Limits {
    const GITHUB: Self = Self { runs: 20, results: 5_000, related: 100, stops: 1_000, tags: 10, name: 255, description: 1_024 };
}

/// One log with a run for each report.
pub(super) fn render(reports: &[&Report]) -> String {
    render_within(reports, &Limits::GITHUB)
}

fn render_within(reports: &[&Report], limits: &Limits) -> String {
    // More projects than runs are told in one run: paths are those of the repository, so nothing is lost but the category of each.
    let groups: Vec<&[&Report]> = match reports.len() {
        0 => vec![&[]],
        n if n > limits.runs => vec![reports],
        _ => reports.chunks(1).collect(),
    };
    let mut ids = BTreeSet::new();
    let runs = groups.into_iter().map(|group| run(group, limits, &mut ids)).collect();
    let log = Log { schema: SCHEMA, version: "2.1.0", runs };
    // Strings, numbers and lists always serialise; an empty document would fail its schema rather than pass for a clean report.
    let mut text = crate::report::inert_json(&serde_json::to_string_pretty(&log).unwrap_or_default());
    text.push('\n');
    text
}

/// What has a result in a run.
pub(super) struct Subjects<'r> {
    findings: Vec<(&'r Report, &'r Finding)>,
    problems: Vec<(&'r Report, &'r Problem)>,
    /// Something was left out.
    cut: bool,
}

impl<'r> Subjects<'r> {
    fn of(reports: &[&'r Report]) -> Self {
        let findings = reports.iter().flat_map(|r| r.findings.iter().chain(&r.waived).map(move |f| (*r, f)));
        let problems = reports.iter().flat_map(|r| r.problems.iter().map(move |p| (*r, p)));
        Self { findings: findings.collect(), problems: problems.collect(), cut: false }
    }

    fn count(&self) -> usize {
        self.findings.len() + self.problems.len()
    }

    /// Leaves the least severe out until there is room for the others, and for one that says so: problems stay first, then what counts, by
    /// severity, then what does not; of equals the later ones go. How many went, by severity.
    fn fit(&mut self, room: usize) -> BTreeMap<Severity, usize> {
        let mut gone = BTreeMap::new();
        if self.count() <= room {
            return gone;
        }
        self.cut = true;
        let room = room.saturating_sub(1);
        if self.problems.len() > room {
            gone.insert(Severity::Error, self.problems.len() - room);
            self.problems.truncate(room);
        }
        let weight = |f: &Finding| (f.counts() && f.waiver.is_none(), f.severity);
        let mut order: Vec<usize> = (0..self.findings.len()).collect();
        order.sort_by_cached_key(|n| self.findings.get(*n).map(|(_, f)| std::cmp::Reverse(weight(f))));
        let kept: BTreeSet<usize> = order.into_iter().take(room - self.problems.len()).collect();
        let mut n = 0;
        self.findings.retain(|(_, finding)| {
            let keep = kept.contains(&n);
            n += 1;
            if !keep {
                *gone.entry(finding.severity).or_default() += 1;
            }
            keep
        });
        gone
    }

    /// Ids of what is no finding, with the severity and one line on it.
    fn problems(&self) -> impl Iterator<Item = (&str, Severity, &'static str)> {
        let problems = self.problems.iter().map(|(_, p)| (p.code, Severity::Error, "something could not be read or judged"));
        problems.chain(self.cut.then_some((CUT, Severity::Warning, "this log has not everything that was found")))
    }
}

fn run(reports: &[&Report], limits: &Limits, ids: &mut BTreeSet<String>) -> Run {
    let mut subjects = Subjects::of(reports);
    let mut maker = Maker::new(&subjects.findings, limits);
    let gone = subjects.fit(limits.results);
    let rules = Rules::of(&subjects, limits);
    let mut results: Vec<Outcome> = Vec::new();
    for (report, problem) in &subjects.problems {
        results.push(maker.problem(report, problem, Severity::Error, rules.index(problem.code)));
    }
    for (report, finding) in &subjects.findings {
        results.push(maker.finding(report, finding, rules.index(&finding.rule)));
    }
    let mut notifications: Vec<Notification> = Vec::new();
    for report in reports {
        let problems = report.problems.iter().map(|p| (p, Severity::Error)).chain(report.notices.iter().map(|p| (p, Severity::Note)));
        notifications.extend(problems.map(|(p, severity)| notification(&mut maker, report, p, severity)));
    }
    if let (true, Some(report)) = (subjects.cut, reports.first()) {
        let notice = left_out(&gone, limits);
        results.push(maker.problem(report, &notice, Severity::Warning, rules.index(CUT)));
        notifications.push(notification(&mut maker, report, &notice, Severity::Warning));
    }
    Run {
        tool: Tool {
            driver: Driver {
                name: env!("CARGO_PKG_NAME"),
                information_uri: env!("CARGO_PKG_REPOSITORY"),
                semantic_version: env!("CARGO_PKG_VERSION"),
                version: env!("CARGO_PKG_VERSION"),
                rules: rules.descriptors,
            },
        },
        automation_details: AutomationDetails { id: category(reports, ids) },
        invocations: vec![Invocation {
            execution_successful: reports.iter().all(|r| r.problems.is_empty()),
            tool_execution_notifications: notifications,
        }],
        original_uri_base_ids: BTreeMap::from([(
            SOURCE_ROOT,
            BaseUri { description: Message { text: "the top of the repository".to_owned(), markdown: None } },
        )]),
        // The only way of counting in GitHub's examples; what most editors count.
        column_kind: "utf16CodeUnits",
        results,
        properties: json!({ "checked": reports.iter().map(|r| checked(r)).collect::<Vec<_>>() }),
    }
}

/// `flowgate/<folder>/`. GitHub takes everything up to the last slash for the category, replaces an analysis by the next one of its category, and
/// rejects a log with two runs of one (github.blog, 2024-05-06, "Code scanning will stop combining runs from a single upload").
fn category(reports: &[&Report], ids: &mut BTreeSet<String>) -> String {
    let folder = match reports {
        [only] => only.folder.trim_matches('/'),
        _ => "",
    };
    let base = if folder.is_empty() { "flowgate".to_owned() } else { format!("flowgate/{}", line(folder)) };
    let named = reports.first().and_then(|r| r.name.as_deref()).map_or_else(|| "no-project".to_owned(), line);
    let mut id = format!("{base}/");
    for n in 2.. {
        if ids.insert(id.clone()) {
            break;
        }
        id = if n == 2 { format!("{base}/{named}/") } else { format!("{base}/{named}-{n}/") };
    }
    id
}

fn notification(maker: &mut Maker<'_>, report: &Report, problem: &Problem, severity: Severity) -> Notification {
    let help = problem.help.as_ref().map(|help| format!("\nhelp: {}", plain(help))).unwrap_or_default();
    let places = problem.places.iter().take(maker.limits.related);
    Notification {
        descriptor: DescriptorReference { id: problem.code.to_owned() },
        level: severity.word(),
        message: Message { text: format!("{}{help}", plain(&problem.message)), markdown: None },
        locations: places.map(|p| maker.location(report, p, None)).collect(),
    }
}

fn left_out(gone: &BTreeMap<Severity, usize>, limits: &Limits) -> Problem {
    let counts: Vec<String> = gone.iter().rev().map(|(severity, n)| super::text::count(*n, severity.word())).collect();
    let message = format!("{} left out of this log: it takes {} results, the most severe first", counts.join(", "), limits.results);
    Problem::new(CUT, message).help("mend what is here, or read the report in the format `json`, which has all")
}

/// What was checked, for a reader who sees no finding.
fn checked(report: &Report) -> serde_json::Value {
    let checked = &report.checked;
    json!({
        "project": report.name.as_deref().map(line),
        "asOf": checked.as_of,
        "workflows": checked.workflows.iter().map(|w| line(w)).collect::<Vec<_>>(),
        "nodes": checked.nodes,
        "flows": checked.flows,
        "impliedFlows": checked.implied_flows,
        "packs": checked.packs.iter().map(|p| line(p)).collect::<Vec<_>>(),
        "rules": checked.rules,
        "evidenceOnFileNotJudged": checked.evidence.len(),
    })
}
