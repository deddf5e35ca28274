//! What the formats for pipelines share: paths as a repository has them, regions, and a finding told in lines of plain text. Never escapes for
//! a format.

use super::Style;
use super::lines::Lines;
use super::text::{few, safe};
use crate::check::Report;
use crate::finding::{Finding, PathStep, Standing, SubjectNames};
use crate::judge::Severity;
use crate::problem::{Place, SourceFile, Span};

/// Labels, data or rules that are named in full.
const FEW: usize = 8;

/// Labels of one kind that are named at one stop of a path.
const FEW_LABELS: usize = 4;

/// Text of pipelines: no terminal, any character.
const STYLE: Style = Style { unicode: true, ..Style::PLAIN };

/// A text from outside on one line, without characters that steer a terminal or reorder what stands around them.
pub(super) fn line(text: &str) -> String {
    safe(&STYLE, text)
}

/// The path of a file as seen from the top of its repository. Names are relative to the project and may lead out of it.
pub(super) fn repository_path(folder: &str, name: &str) -> String {
    let root = if name.starts_with('/') { "/" } else { "" };
    let joined = if root.is_empty() { format!("{folder}/{name}") } else { name.to_owned() };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/').filter(|p| !p.is_empty() && *p != ".") {
        if part == ".." && parts.last().is_some_and(|p| *p != "..") {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    format!("{root}{}", parts.join("/"))
}

/// A place by lines and columns, one-based, the end past the last character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub line: usize,
    pub column: usize,
    pub end_line: usize,
    pub end_column: usize,
}

/// How columns are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    /// Characters.
    Characters,
    /// UTF-16 code units.
    Utf16,
}

/// The region of a place. White space at its end is left out, for a block that is followed by an empty line does not reach it; and it is never
/// empty.
pub(super) fn region(lines: &mut Lines, place: &Place, columns: Columns) -> Region {
    let text = place.file.slice(place.span);
    let end = place.span.start as usize + text.trim_end().len();
    let start = position(lines, &place.file, place.span.start as usize, columns);
    let end = position(lines, &place.file, Span::new(0, end).end as usize, columns);
    let (end_line, end_column) = if end <= start { (start.0, start.1 + 1) } else { end };
    Region { line: start.0, column: start.1, end_line, end_column }
}

fn position(lines: &mut Lines, file: &SourceFile, offset: usize, columns: Columns) -> (usize, usize) {
    let offset = offset.min(file.text.len());
    let line = lines.at(file, offset);
    let before = file.text.get(line.start..offset).unwrap_or_default();
    let width = match columns {
        Columns::Characters => before.chars().count(),
        Columns::Utf16 => before.encode_utf16().count(),
    };
    (line.number, width + 1)
}

/// What a finding is about.
pub(super) fn subject(subject: &SubjectNames) -> String {
    line(&match subject {
        SubjectNames::Flow { from, to, .. } => format!("`{from}` → `{to}`"),
        SubjectNames::Node(name) => format!("`{name}`"),
        SubjectNames::Workflow(name) => format!("workflow `{name}`"),
        SubjectNames::Declared(noun, name) => format!("{noun} `{name}`"),
    })
}

/// Why a finding does not count, or how it counts, compared with a base or a baseline; nothing where it was compared with nothing.
pub(super) fn standing(finding: &Finding) -> Option<String> {
    if let Some(waiver) = &finding.waiver {
        return Some(line(&format!("waived until {}, accepted by {}: {}", waiver.expires, waiver.approver, waiver.reason)));
    }
    match &finding.standing {
        Standing::Open => None,
        Standing::New => Some("new".to_owned()),
        Standing::Worsened(ways) => Some(line(&format!("worsened: {}", few(ways, FEW)))),
        Standing::Unchanged => Some("unchanged".to_owned()),
        Standing::Baseline => Some("in the baseline file".to_owned()),
    }
}

/// The way of the first datum; nothing where it took none.
pub(super) fn path(finding: &Finding) -> Option<String> {
    let [first, rest @ ..] = finding.path.as_slice() else { return None };
    if rest.is_empty() {
        return None;
    }
    let datum = finding.data.first().map(|d| d.name.as_str()).filter(|d| d.starts_with(&format!("{}.", first.node)));
    let mut stops = vec![line(datum.unwrap_or(&first.node))];
    stops.extend(rest.iter().map(|step| {
        let changes = changes(step);
        if changes.is_empty() { line(&step.node) } else { format!("{} ({changes})", line(&step.node)) }
    }));
    Some(stops.join(" → "))
}

/// What a stop took away and added.
pub(super) fn changes(step: &PathStep) -> String {
    let list = |word: &str, labels: &[String]| (!labels.is_empty()).then(|| format!("{word} {}", few(labels, FEW_LABELS)));
    let all = [list("removed", &step.lost), list("added", &step.gained)];
    line(&all.into_iter().flatten().collect::<Vec<_>>().join("; "))
}

/// A finding in lines of a key and a text: what to do, why, and what there is to know besides. Its message is not among them.
pub(super) fn details(finding: &Finding) -> Vec<(&'static str, String)> {
    let mut details = Vec::new();
    let mut add = |key, text: String| {
        if !text.is_empty() {
            details.push((key, line(&text)));
        }
    };
    let missing = finding.undeclared.iter().map(|u| {
        let needs = u.needs.as_ref().map(|n| format!(", or `{n}`")).unwrap_or_default();
        format!("`{}` of `{}`{needs}", u.fact, u.holder)
    });
    add("missing", few(&missing.collect::<Vec<_>>(), FEW));
    add("help", finding.help.clone());
    add(if finding.citation.contains(" CFR ") { "law" } else { "source" }, finding.citation.clone());
    add("path", path(finding).unwrap_or_default());
    let cause = |place: &Place| {
        let (line, _) = place.file.line_column(place.span.start);
        format!("{} ({}:{line})", place.label, place.file.name)
    };
    add("caused by", few(&finding.causes.iter().map(cause).collect::<Vec<_>>(), FEW));
    let mut names: Vec<String> = finding.data.iter().map(|d| format!("`{}`", d.name)).collect();
    names.dedup();
    add("data", few(&names, FEW));
    add("needed by", few(&finding.needed_by, FEW));
    add("also", few(&finding.also, FEW));
    add("also at", few(&finding.repeats.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>(), FEW));
    if let Some((before, reason)) = &finding.changed {
        add("severity", format!("{} here ({} by the rule; reason: {reason})", finding.severity.word(), before.word()));
    }
    details
}

/// How many findings count, how many do not, and problems, over all reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub errors: usize,
    pub warnings: usize,
    pub notes: usize,
    pub problems: usize,
    pub waived: usize,
    pub new: usize,
    pub worsened: usize,
    pub fixed: usize,
    pub unchanged: usize,
    pub baseline: usize,
}

impl Counts {
    pub(super) fn of(reports: &[&Report]) -> Self {
        let mut counts = Self::default();
        for report in reports {
            counts.problems += report.problems.len();
            counts.waived += report.waived.len();
            counts.fixed += report.comparison.as_ref().map_or(0, |c| c.fixed.len());
            for finding in &report.findings {
                match finding.standing {
                    Standing::Open => {}
                    Standing::New => counts.new += 1,
                    Standing::Worsened(_) => counts.worsened += 1,
                    Standing::Unchanged => counts.unchanged += 1,
                    Standing::Baseline => counts.baseline += 1,
                }
                if finding.counts() {
                    match finding.severity {
                        Severity::Error => counts.errors += 1,
                        Severity::Warning => counts.warnings += 1,
                        Severity::Note => counts.notes += 1,
                    }
                }
            }
        }
        counts
    }

    /// Findings that count for the exit code.
    pub(super) fn findings(self) -> usize {
        self.errors + self.warnings + self.notes
    }
}
