//! The Markdown format: the summary of a pipeline step, and the body of a pull-request comment. Never filters; what does not fit is named.

mod budget;
pub(super) mod escape;
pub(super) mod finding;

use std::collections::BTreeSet;

use self::budget::{Section, fit};
use self::escape::{block, code, prose};
use self::finding::{COLUMNS, Places, brief, change, details, problem, row, waived};
use super::draw::{Detail, Form, draw};
use super::text::{count, few};
use crate::check::{Comparison, Report};
use crate::finding::{Finding, Standing};
use crate::judge::Severity;

/// By this line the comment of an earlier run is found again.
const MARKER: &str = "<!-- flowgate-report -->\n";

/// A summary longer than 1 MiB is not shown at all: "`$GITHUB_STEP_SUMMARY` upload aborted, supports content up to a size of 1024k"
/// (docs.github.com, Workflow commands for GitHub Actions, "Step isolation and limits").
const SUMMARY: usize = 1024 * 1024;

/// GitHub refuses a comment of more: "Body is too long (maximum is 65536 characters)" (REST, "Create an issue comment", status 422).
/// Bytes are counted here, of which there are never fewer than characters.
const COMMENT: usize = 65_536;

/// Diagrams go into a comment that stays shorter than this with them.
const SMALL_COMMENT: usize = 40_000;

/// Mermaid draws no longer text, and no more arrows: `maxTextSize` and `maxEdges` of its configuration, which a page cannot change.
const DIAGRAM: usize = 50_000;
const ARROWS: usize = 500;

/// Findings up to this many are shown unfolded.
const UNFOLDED: usize = 3;

/// Names in one line.
const FEW: usize = 12;

/// `comment`: with the marker in its first line, and short enough for a comment.
pub(super) fn render(reports: &[&Report], comment: bool) -> String {
    let marker = if comment { MARKER } else { "" };
    let mut sections = vec![Section::whole(format!("{marker}{}", headline(reports)), 0, "headline")];
    for report in reports {
        let name = report.name.as_deref().filter(|_| reports.len() > 1);
        sections.extend(of_report(report, name, comment));
    }
    let (limit, full) = if comment {
        (COMMENT, "the summary of the run has more, and `flowgate check` prints all of it")
    } else {
        (SUMMARY, "`flowgate check` prints all of it, and `--format html` is one page without a limit")
    };
    fit(&sections, limit, |left| format!("**Left out to fit on this page**: {left}; {full}\n\n"))
}

/// The verdict in plain words, and what was checked.
fn headline(reports: &[&Report]) -> String {
    let mut words = Vec::new();
    let problems: usize = reports.iter().map(|r| r.problems.len()).sum();
    if problems > 0 {
        words.push(format!("could not judge everything: {}", count(problems, "problem")));
    }
    let compared = reports.iter().any(|r| r.comparison.is_some());
    words.extend(if compared { Some(compared_with(reports)) } else { found(reports) });
    let checked: Vec<String> = reports.iter().filter_map(|r| scope(r, reports.len() > 1)).collect();
    let waived: usize = reports.iter().map(|r| r.waived.len()).sum();
    let waived = if waived > 0 { format!(" ({waived} waived)") } else { String::new() };
    if words.is_empty() {
        words.push(if checked.is_empty() { "nothing was checked".to_owned() } else { "no finding".to_owned() });
    }
    let checked = if checked.is_empty() { "nothing was checked\n".to_owned() } else { checked.join("") };
    format!("## flowgate: {}{waived}\n\n{checked}\n", words.join("; "))
}

/// `2 errors, 1 warning in 1 of 3 workflows`; none where there is no finding.
fn found(reports: &[&Report]) -> Option<String> {
    let counted: Vec<&Finding> = reports.iter().flat_map(|r| &r.findings).filter(|f| f.counts()).collect();
    if counted.is_empty() {
        return None;
    }
    let mut workflows = 0;
    for report in reports {
        let own: BTreeSet<&str> = report.findings.iter().filter(|f| f.counts()).filter_map(|f| f.workflow.as_deref()).collect();
        workflows += own.len();
    }
    let all: usize = reports.iter().map(|r| r.checked.workflows.len()).sum();
    let place = match workflows {
        0 => String::new(),
        n if n == all => format!(" in {}", count(n, "workflow")),
        n => format!(" in {n} of {}", count(all, "workflow")),
    };
    Some(format!("{}{place}", severities(&counted)))
}

/// `2 errors, 1 warning`.
fn severities(findings: &[&Finding]) -> String {
    let of = |severity: Severity| findings.iter().filter(|f| f.severity == severity).count();
    let words = [Severity::Error, Severity::Warning, Severity::Note].into_iter().map(|s| (s, of(s))).filter(|(_, n)| *n > 0);
    words.map(|(s, n)| count(n, s.word())).collect::<Vec<_>>().join(", ")
}

/// `1 new, 2 fixed, 14 unchanged since main`: the change, in numbers.
fn compared_with(reports: &[&Report]) -> String {
    let of = |wanted: fn(&Standing) -> bool| reports.iter().flat_map(|r| &r.findings).filter(|f| wanted(&f.standing)).count();
    let comparisons = || reports.iter().filter_map(|r| r.comparison.as_ref());
    let gate = comparisons().any(|c| !c.gate.is_empty());
    let counts = [
        (of(|s| *s == Standing::New), "new"),
        (of(|s| matches!(s, Standing::Worsened(_))), "worsened"),
        (of(|s| *s == Standing::Open), "not compared"),
        (comparisons().map(|c| c.fixed.len()).sum(), if gate { "fixed or no longer asked" } else { "fixed" }),
        (comparisons().map(|c| c.newly_waived.len()).sum(), "newly waived"),
        (of(|s| *s == Standing::Unchanged), "unchanged"),
        (of(|s| *s == Standing::Baseline), "in the baseline"),
    ];
    let counted = counts.iter().take(3).any(|(n, _)| *n > 0);
    let mut words: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    if !counted {
        words.insert(0, "nothing new".to_owned());
    }
    let counting: Vec<&Finding> = reports.iter().flat_map(|r| &r.findings).filter(|f| f.counts()).collect();
    if !counting.is_empty() {
        words.insert(0, format!("{}:", severities(&counting)));
    }
    let bases: BTreeSet<String> = comparisons().filter_map(base).collect();
    let since = if bases.is_empty() { String::new() } else { format!(" since {}", few(&bases.into_iter().collect::<Vec<_>>(), 2)) };
    let gate = if gate { "; it also changes what is asked" } else { "" };
    format!("{}{since}{gate}", words.join(", ").replacen(":, ", ": ", 1))
}

fn base(comparison: &Comparison) -> Option<String> {
    comparison.base.as_deref().or(comparison.commit.as_deref()).map(code)
}

/// What was checked against what, as a line; none where nothing was.
fn scope(report: &Report, several: bool) -> Option<String> {
    let checked = &report.checked;
    if checked.workflows.is_empty() && report.findings.is_empty() {
        return None;
    }
    let name = report.name.as_deref().filter(|_| several).map(|n| format!("- {}: ", code(n))).unwrap_or_default();
    let implied = if checked.implied_flows > 0 { format!(", {} implied", checked.implied_flows) } else { String::new() };
    let packs: Vec<String> = checked.packs.iter().map(|p| code(p)).collect();
    let undeclared = report.findings.iter().filter(|f| f.counts() && !f.undeclared.is_empty()).count();
    let undeclared = if undeclared > 0 { format!("; {undeclared} for undeclared facts") } else { String::new() };
    Some(format!(
        "{name}checked {} ({}, {}{implied}) against {} of {} as of {}{undeclared}\n",
        count(checked.workflows.len(), "workflow"),
        count(checked.nodes, "node"),
        count(checked.flows, "flow"),
        count(checked.rules, "rule"),
        few(&packs, FEW),
        prose(&checked.as_of)
    ))
}

fn of_report(report: &Report, name: Option<&str>, comment: bool) -> Vec<Section> {
    let mut places = Places::of(&report.folder);
    let title = |words: &str| name.map_or_else(|| format!("### {words}\n\n"), |n| format!("### {}: {words}\n\n", code(n)));
    let counted: Vec<&Finding> = report.findings.iter().filter(|f| f.counts()).collect();
    let mut sections = Vec::new();
    let mut list = |words: &str, mut items: Vec<String>, rank: u8, noun: &'static str| {
        if let Some(last) = items.last_mut() {
            last.push('\n');
            sections.push(Section::list(title(words), items, rank, noun));
        }
    };
    list("Could not judge", report.problems.iter().map(|p| problem(p, &mut places)).collect(), 1, "problem");
    let rows = counted.iter().map(|f| row(f, &mut places)).collect::<Vec<_>>();
    if !rows.is_empty() {
        let head = format!("{}{COLUMNS}", title("Findings"));
        // Rows leave room for the details of the most important.
        let below = if comment { COMMENT } else { SUMMARY } / 2;
        sections.push(Section { foot: "\n".to_owned(), below, ..Section::list(head, rows, 2, "row") });
        let full = counted.iter().map(|f| details(f, &mut places, counted.len() <= UNFOLDED)).collect();
        sections.push(Section::list(String::new(), full, 4, "detail"));
        sections.extend(diagrams(report, &counted, name, comment));
    }
    sections.extend(not_counted(report, &mut places, &title));
    sections
}

/// The workflows that have findings, with the flows that break a rule.
fn diagrams(report: &Report, counted: &[&Finding], name: Option<&str>, comment: bool) -> Option<Section> {
    let diagram = &report.record.as_ref()?.diagram;
    let workflows: BTreeSet<&str> = counted.iter().filter_map(|f| f.workflow.as_deref()).collect();
    let drawn = workflows.into_iter().filter_map(|workflow| {
        let part = diagram.of_workflow(workflow);
        let picture = if part.flows.len() > ARROWS { String::new() } else { draw(&part, Form::Mermaid, Detail { labels: false }) };
        let fits = !picture.is_empty() && picture.len() <= DIAGRAM;
        fits.then(|| format!("**{}**\n\n{}\n", code(workflow), block("mermaid", &picture)))
    });
    let items: Vec<String> = drawn.collect();
    let head = name.map_or_else(|| "### Flows\n\n".to_owned(), |n| format!("### {}: Flows\n\n", code(n)));
    let below = if comment { SMALL_COMMENT } else { usize::MAX };
    (!items.is_empty()).then(|| Section { below, ..Section::list(head, items, 9, "diagram") })
}

/// What does not count, what to know, and what was checked.
fn not_counted(report: &Report, places: &mut Places<'_>, title: &dyn Fn(&str) -> String) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut list = |words: &str, mut items: Vec<String>, rank: u8, noun: &'static str, folded: bool| {
        let Some(last) = items.last_mut() else { return };
        last.push('\n');
        let n = items.len();
        let section = if folded {
            let head = format!("<details><summary>{words} ({n})</summary>\n\n");
            Section { foot: "</details>\n\n".to_owned(), ..Section::list(head, items, rank, noun) }
        } else {
            Section::list(title(words), items, rank, noun)
        };
        sections.push(section);
    };
    let standing = |wanted: Standing| report.findings.iter().filter(move |f| f.standing == wanted);
    if let Some(comparison) = &report.comparison {
        let gate = comparison.gate.iter().map(|p| change(p, places)).collect();
        list("This change also changes what is asked", gate, 3, "change of what is asked", false);
        let newly = comparison.newly_waived.iter().map(|f| waived(f, places)).collect();
        list("Newly waived", newly, 3, "newly waived finding", false);
        let fixed = comparison.fixed.iter().map(|f| brief(f, places)).collect();
        list("Fixed", fixed, 6, "fixed finding", true);
    }
    list("Unchanged: do not count", standing(Standing::Unchanged).map(|f| brief(f, places)).collect(), 7, "unchanged finding", true);
    list(
        "In the baseline: do not count",
        standing(Standing::Baseline).map(|f| brief(f, places)).collect(),
        7,
        "finding of the baseline",
        true,
    );
    if let Some(comparison) = &report.comparison {
        let outlived = comparison.outlived.iter().map(|entry| format!("- {}\n", code(entry))).collect();
        list("Entries of the baseline that no finding has any more", outlived, 8, "outlived entry", true);
    }
    list("Waived: do not count", report.waived.iter().map(|f| waived(f, places)).collect(), 5, "waived finding", true);
    list("Notices", report.other_notices().map(|p| problem(p, places)).collect(), 6, "notice", true);
    let checked = what_was_checked(report);
    if !checked.is_empty() {
        let text = format!("<details><summary>What was checked</summary>\n\n{checked}\n</details>\n\n");
        sections.push(Section::whole(text, 1, "list of what was checked"));
    }
    sections
}

/// What the result rests on: inputs, packs, changed severities, documents nobody here has read.
fn what_was_checked(report: &Report) -> String {
    let checked = &report.checked;
    let mut out = String::new();
    let mut line = |text: String| out.push_str(&format!("- {text}\n"));
    if checked.packs.is_empty() {
        return out;
    }
    let workflows: Vec<String> = checked.workflows.iter().map(|w| code(w)).collect();
    if !workflows.is_empty() {
        line(format!("workflows: {}", few(&workflows, FEW)));
    }
    match &report.record {
        Some(record) => {
            let bytes: usize = record.inputs.iter().map(|i| i.bytes).sum();
            line(format!("{} ({})", count(record.inputs.len(), "input file"), count(bytes, "byte")));
            for pack in record.packs.iter().take(FEW * 4) {
                let private = if pack.private { ", private" } else { "" };
                let version: String = pack.sha256.chars().take(12).collect();
                line(format!("pack {}: {}{private}, version {}", code(&pack.name), count(pack.rules, "rule"), code(&version)));
            }
            let all: BTreeSet<&str> = record.rules.iter().map(|r| r.rule.as_str()).collect();
            let applied: BTreeSet<&str> = record.rules.iter().filter(|r| !r.workflows.is_empty()).map(|r| r.rule.as_str()).collect();
            line(format!("{} of {} applied to something here", applied.len(), count(all.len(), "rule")));
        }
        None => {
            let packs: Vec<String> = checked.packs.iter().map(|p| code(p)).collect();
            line(format!("packs: {}", few(&packs, FEW * 4)));
        }
    }
    for change in checked.severity_changes.iter().take(FEW * 4) {
        let (to, from) = (change.to.word(), change.from.word());
        line(format!("severity of {}: {to} here, {from} by the rule: {}", code(&change.rule), prose(&change.reason)));
    }
    if !checked.evidence.is_empty() {
        let kinds: BTreeSet<&str> = checked.evidence.iter().map(|e| e.kind.as_str()).collect();
        let kinds: Vec<String> = kinds.into_iter().map(code).collect();
        line(format!("evidence on file, not judged: {} ({})", count(checked.evidence.len(), "document"), few(&kinds, FEW)));
    }
    out
}
