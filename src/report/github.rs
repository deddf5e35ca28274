//! The GitHub format: workflow commands, which become annotations, then every finding on a line of its own. No name of a declaration ever
//! becomes a command.

use super::lines::Lines;
use super::plain::{Columns, Counts, details, line, region, repository_path, standing};
use super::text::count;
use crate::check::Report;
use crate::finding::Finding;
use crate::judge::Severity;
use crate::problem::{Place, Problem};

/// Annotations of one level that GitHub shows for a step; it drops the others without a word.
/// Source: actions/toolkit, docs/problem-matchers.md, "Limitations" (10 warnings and 10 errors a step, 50 a job), as of 2026-11.
const PER_LEVEL: usize = 10;

pub(super) fn render(reports: &[&Report]) -> String {
    render_within(reports, PER_LEVEL)
}

fn render_within(reports: &[&Report], per_level: usize) -> String {
    let mut lines = Lines::default();
    let mut entries: Vec<Entry> = Vec::new();
    for report in reports {
        entries.extend(report.problems.iter().map(|p| Entry::of_problem(report, p, Severity::Error, &mut lines)));
    }
    for report in reports {
        entries.extend(report.findings.iter().map(|f| Entry::of_finding(report, f, &mut lines)));
    }
    for report in reports {
        entries.extend(report.waived.iter().map(|f| Entry::of_finding(report, f, &mut lines)));
        entries.extend(report.notices.iter().map(|p| Entry::of_problem(report, p, Severity::Note, &mut lines).only_listed()));
    }
    if reports.len() < 2 {
        entries.iter_mut().for_each(|e| e.project.clear());
    }
    let mut out = String::new();
    let mut left = 0;
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        // Within a report the findings stand in order of importance already.
        let of_level: Vec<&Entry> = entries.iter().filter(|e| e.annotated && e.severity == severity).collect();
        out.extend(of_level.iter().take(per_level).map(|e| e.command()));
        left += of_level.len().saturating_sub(per_level);
    }
    if !entries.is_empty() {
        out.push_str("::group::flowgate: everything that was found\n");
        out.extend(entries.iter().map(Entry::listed));
        out.push_str("::endgroup::\n");
    }
    if left > 0 {
        out.push_str(&format!("flowgate: {left} of these without an annotation, for GitHub shows {per_level} of a level\n"));
    }
    out.push_str(&summary(reports));
    out
}

/// A finding, a problem or a notice.
struct Entry {
    severity: Severity,
    code: String,
    /// The project, where there are several.
    project: String,
    place: Option<Spot>,
    message: String,
    /// More lines of the annotation.
    more: Vec<String>,
    /// Why it does not count, or how.
    standing: Option<String>,
    annotated: bool,
}

/// Where an annotation goes.
struct Spot {
    path: String,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

impl Spot {
    fn of(report: &Report, place: &Place, lines: &mut Lines) -> Self {
        let region = region(lines, place, Columns::Characters);
        Self {
            path: line(&repository_path(&report.folder, &place.file.name)),
            line: region.line,
            column: region.column,
            end_line: region.end_line,
            end_column: region.end_column,
        }
    }
}

impl Entry {
    fn of_finding(report: &Report, finding: &Finding, lines: &mut Lines) -> Self {
        let place = Spot::of(report, finding.foremost(), lines);
        let own = Spot::of(report, &finding.primary, lines);
        let mut more = Vec::new();
        if !finding.causes.is_empty() {
            more.push(format!("shows at: {}:{}", own.path, own.line));
        }
        let told = details(finding).into_iter().filter(|(key, _)| ["caused by", "missing", "help", "law", "source", "path"].contains(key));
        more.extend(told.map(|(key, text)| format!("{key}: {text}")));
        Self {
            severity: finding.severity,
            code: finding.rule.clone(),
            project: report.name.clone().unwrap_or_default(),
            place: Some(place),
            message: line(&finding.message),
            more,
            standing: standing(finding),
            annotated: finding.counts() && finding.waiver.is_none(),
        }
    }

    fn of_problem(report: &Report, problem: &Problem, severity: Severity, lines: &mut Lines) -> Self {
        Self {
            severity,
            code: problem.code.to_owned(),
            project: report.name.clone().unwrap_or_default(),
            place: problem.places.first().map(|p| Spot::of(report, p, lines)),
            message: line(&problem.message),
            more: problem.help.iter().map(|help| format!("help: {}", line(help))).collect(),
            standing: None,
            annotated: true,
        }
    }

    fn only_listed(mut self) -> Self {
        self.annotated = false;
        self
    }

    /// `::error file=…,line=…::message`.
    fn command(&self) -> String {
        let level = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let title = if matches!(self.project.as_str(), "" | ".") { self.code.clone() } else { format!("{} ({})", self.code, self.project) };
        let mut properties: Vec<String> = Vec::new();
        if let Some(spot) = &self.place {
            properties.push(format!("file={}", property(&spot.path)));
            properties.push(format!("line={},endLine={}", spot.line, spot.end_line));
            // Columns say something on one line alone; the end is the last character, since it defaults to the start.
            // Source: actions/toolkit, packages/core/README.md, "Annotations", as of 2026-11.
            if spot.line == spot.end_line {
                properties.push(format!("col={},endColumn={}", spot.column, spot.end_column.saturating_sub(1).max(spot.column)));
            }
        }
        properties.push(format!("title={}", property(&line(&title))));
        let message: Vec<&str> = std::iter::once(self.message.as_str()).chain(self.more.iter().map(String::as_str)).collect();
        format!("::{level} {}::{}\n", properties.join(","), data(&message.join("\n")))
    }

    /// `file:line:column: severity[rule] message`.
    fn listed(&self) -> String {
        let place = self.place.as_ref().map(|s| format!("{}:{}:{}: ", s.path, s.line, s.column)).unwrap_or_default();
        let standing = self.standing.as_ref().map(|s| format!(" ({s})")).unwrap_or_default();
        let text = format!("{place}{}[{}] {}{standing}", self.severity.word(), line(&self.code), self.message);
        format!("{}\n", inert(&text))
    }
}

/// The text of a command, escaped as the runner reads it.
/// Source: actions/toolkit, packages/core/src/command.ts, `escapeData`, as of 2026-11.
fn data(text: &str) -> String {
    defuse(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a command, escaped as the runner reads it: `escapeProperty` in the same file.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// A line that is no command. The runner takes one that begins with `::` behind any white space, and the older form `##[` anywhere.
/// Source: actions/runner, src/Runner.Common/ActionCommand.cs, `TryParseV2` and `TryParse`, as of 2026-11.
fn inert(text: &str) -> String {
    let text = defuse(text);
    // Only a path stands at the start of a line, and `./` before it leaves it the same path.
    if text.trim_start().starts_with("::") { format!("./{text}") } else { text }
}

/// Breaks up the older form of a command.
fn defuse(text: &str) -> String {
    text.replace("##[", "## [")
}

/// The last line: numbers, and what they are of.
fn summary(reports: &[&Report]) -> String {
    let counts = Counts::of(reports);
    let workflows: usize = reports.iter().map(|r| r.checked.workflows.len()).sum();
    let mut parts = vec![count(counts.errors, "error"), count(counts.warnings, "warning"), count(counts.notes, "note")];
    if counts.problems > 0 {
        parts.push(format!("{} to solve before the result is whole", count(counts.problems, "problem")));
    }
    let more = [
        (counts.new, "new"),
        (counts.worsened, "worsened"),
        (counts.fixed, "fixed"),
        (counts.unchanged, "unchanged"),
        (counts.baseline, "in the baseline file"),
        (counts.waived, "waived"),
    ];
    parts.extend(more.into_iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")));
    format!("flowgate: checked {}: {}\n", count(workflows, "workflow"), parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_properties_are_escaped_as_the_runner_reads_them() {
        assert_eq!(data("50% a:b,c\r\nd"), "50%25 a:b,c%0D%0Ad");
        assert_eq!(property("50% a:b,c\nd"), "50%25 a%3Ab%2Cc%0Ad");
        // What is escaped already is escaped once more, and reads as it was.
        assert_eq!(data("%0A"), "%250A");
    }

    #[test]
    fn no_line_turns_into_a_command() {
        assert_eq!(inert("::stop-commands::x.yaml:1:1: error[a/b] c"), "./::stop-commands::x.yaml:1:1: error[a/b] c");
        assert_eq!(inert("  ::add-mask::x"), "./  ::add-mask::x");
        assert_eq!(inert("a/b ##[error]c"), "a/b ## [error]c");
        assert_eq!(inert("flows/a::b.yaml:1:1: x"), "flows/a::b.yaml:1:1: x");
    }

    #[test]
    fn more_than_github_shows_are_listed_and_said() {
        let problem = |n: usize| Problem::new("load/unreadable", format!("no such file {n}"));
        let report = Report { problems: (0..5).map(problem).collect(), ..Report::default() };
        let text = render_within(&[&report], 2);
        assert_eq!(text.lines().filter(|l| l.starts_with("::error ")).count(), 2);
        assert_eq!(text.lines().filter(|l| l.starts_with("error[load/unreadable] no such file ")).count(), 5);
        assert!(text.contains("flowgate: 3 of these without an annotation"), "{text}");
    }
}
