//! The lines of the declarations that a finding or problem points at, numbered, with what is said of them. Never shows more of a file than that.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::write::Html;
use crate::problem::{Place, SourceFile};
use crate::report::lines::{Line, Lines};

/// A primary place of at most so many lines is shown whole, of a longer one only the beginning.
const WHOLE: usize = 12;

/// Bytes of a line that are shown around its first mark: minified JSON is one line.
const WIDE: usize = 600;

/// One line as it will be shown.
#[derive(Default)]
struct Row<'p> {
    marks: Vec<(Range<usize>, bool)>,
    labels: Vec<(&'p str, bool)>,
}

/// `file:line:column`.
pub(super) fn position(place: &Place, lines: &mut Lines) -> String {
    let (line, column) = lines.position(&place.file, place.span.start);
    format!("{}:{line}:{column}", place.file.name)
}

/// Draws places, the first of which is the primary one, file by file.
pub(super) fn draw(h: &mut Html, places: &[&Place], lines: &mut Lines) {
    let mut files: Vec<&SourceFile> = Vec::new();
    for place in places {
        if !files.iter().any(|f| std::ptr::eq(*f, &raw const *place.file)) {
            files.push(&place.file);
        }
    }
    for (n, file) in files.into_iter().enumerate() {
        let here: Vec<&Place> = places.iter().filter(|p| std::ptr::eq(&raw const *p.file, file)).copied().collect();
        one_file(h, file, &here, n == 0, lines);
    }
}

fn one_file(h: &mut Html, file: &SourceFile, places: &[&Place], first: bool, lines: &mut Lines) {
    let rows = rows(file, places, first, lines);
    h.element("figure", &[("class", "lines-of-a-file")], |h| {
        h.word("figcaption", &[], &file.name);
        h.element("div", &[("class", "lines")], |h| {
            let mut before: Option<usize> = None;
            for (number, row) in rows {
                if before.is_some_and(|b| b + 1 < number) {
                    h.word("div", &[("class", "gap"), ("aria-hidden", "true")], "⋮");
                }
                before = Some(number);
                let class = if row.marks.iter().any(|(_, primary)| *primary) { "line primary" } else { "line" };
                h.element("div", &[("class", class)], |h| {
                    h.word("span", &[("class", "number")], &number.to_string());
                    h.element("code", &[], |h| text(h, file, lines.line(file, number), &row.marks));
                });
                for (label, primary) in row.labels {
                    let class = if primary { "label primary" } else { "label" };
                    h.element("div", &[("class", class)], |h| h.ticked(label));
                }
            }
        });
    });
}

fn rows<'p>(file: &SourceFile, places: &[&'p Place], first: bool, lines: &mut Lines) -> BTreeMap<usize, Row<'p>> {
    let mut rows: BTreeMap<usize, Row<'p>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (n, place) in places.iter().enumerate() {
        let primary = first && n == 0;
        let start = (place.span.start as usize).min(file.text.len());
        // A block of several lines reaches to the next key; blank lines at its end are not part of it.
        let end = start + file.slice(place.span).trim_end().len();
        let at = lines.at(file, start);
        let last = lines.at(file, end.saturating_sub(1).max(start)).number.min(at.number + WHOLE - 1);
        let last = if primary { last } else { at.number };
        for number in at.number..=last {
            let line = lines.line(file, number);
            let indent = file.text.get(line.start..line.end).map_or(0, |t| t.len() - t.trim_start().len());
            let bytes = start.max(line.start + if number > at.number { indent } else { 0 })..end.min(line.end);
            let row = rows.entry(number).or_default();
            // What lies over another mark keeps its words and has no mark of its own: two would tear the text apart.
            let free = row.marks.iter().all(|(other, _)| bytes.end <= other.start || bytes.start >= other.end);
            if free && !bytes.is_empty() {
                row.marks.push((bytes, primary));
            }
        }
        if !place.label.is_empty() && seen.insert((at.number, place.label.as_str())) {
            rows.entry(if primary { last } else { at.number }).or_default().labels.push((&place.label, primary));
        }
    }
    for row in rows.values_mut() {
        row.marks.sort_by_key(|(bytes, _)| bytes.start);
    }
    rows
}

/// One line with its marks; of a very long one the part around the first mark.
fn text(h: &mut Html, file: &SourceFile, line: Line, marks: &[(Range<usize>, bool)]) {
    let (mut from, mut to) = (line.start, line.end);
    if to - from > WIDE {
        let first = marks.first().map_or(from, |(bytes, _)| bytes.start);
        from = file.text.floor_char_boundary(first.saturating_sub(WIDE / 4)).max(from);
        to = file.text.floor_char_boundary(from + WIDE).min(to);
    }
    let piece = |range: Range<usize>| file.text.get(range).unwrap_or_default();
    if from > line.start {
        h.text("… ");
    }
    let mut at = from;
    for (bytes, primary) in marks {
        let (start, end) = (bytes.start.clamp(at, to), bytes.end.clamp(at, to));
        h.text(piece(at..start));
        if start < end {
            h.word("mark", if *primary { &[("class", "primary")] } else { &[] }, piece(start..end));
        }
        at = end.max(at);
    }
    h.text(piece(at..to));
    if to < line.end {
        h.text(" …");
    }
}
