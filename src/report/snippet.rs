//! Snippets: the lines of one file that matter, labelled, drawn by miette. The excerpt is cut to size first, so that miette never sees a
//! control character, a line wider than the terminal, overlapping labels or a label without text under it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode, ThemeCharacters, ThemeStyles};

use super::Style;
use super::lines::{Line, Lines};
use super::text::{Ink, ellipsis, is_hostile, paint, safe, width, wrap};
use crate::problem::{Place, SourceFile};

/// A primary span of at most so many lines is shown whole, of a longer one only the first line.
const WHOLE: usize = 6;

/// Columns a label should at least have beside its line.
const LABEL_ROOM: usize = 28;

/// A label on one line of the file.
struct Mark {
    bytes: Range<usize>,
    label: String,
    primary: bool,
}

/// Draws places of one file, the first of which is the primary one.
pub(super) fn draw(places: &[&Place], ink: Ink, lines: &mut Lines, style: &Style) -> String {
    let Some(first) = places.first() else { return String::new() };
    let file = &*first.file;
    if file.text.is_empty() {
        let label = if first.label.is_empty() { String::new() } else { format!(": {}", safe(style, &first.label)) };
        return format!("  {}{}{label}\n", paint(style, Ink::Key, "at: "), safe(style, &file.name));
    }
    let (marks, shown) = marks(places, lines, style);
    let last = shown.iter().next_back().copied().unwrap_or(1);
    let gutter = last.to_string().len();
    let room = style.width.saturating_sub(gutter + 3).max(16);
    let mut excerpt = Excerpt::default();
    for number in &shown {
        let line = lines.line(file, *number);
        excerpt.add(file, line, marks.get(number).map_or(&[], Vec::as_slice), room, style);
    }
    let (line, column) = lines.position(file, first.span.start);
    let name = format!("{}:{line}:{column}", safe(style, &file.name));
    let drawn = excerpt.draw(&name, ink, style);
    let numbers: Vec<usize> = shown.into_iter().collect();
    renumber(&drawn, &numbers, gutter, style)
}

/// Labels by line, none over another, and the lines to show.
fn marks(places: &[&Place], lines: &mut Lines, style: &Style) -> (BTreeMap<usize, Vec<Mark>>, BTreeSet<usize>) {
    let mut marks: BTreeMap<usize, Vec<Mark>> = BTreeMap::new();
    let mut shown = BTreeSet::new();
    for (n, place) in places.iter().enumerate() {
        let start = place.span.start as usize;
        // A block of several lines reaches to the next key; blank lines at its end are not part of it.
        let end = start + place.file.slice(place.span).trim_end().len();
        let line = lines.at(&place.file, start);
        shown.insert(line.number);
        let end_line = lines.at(&place.file, end.saturating_sub(1).max(start)).number;
        if n == 0 && end_line < line.number + WHOLE {
            shown.extend(line.number..=end_line);
        }
        let bytes = start.min(line.end)..end.clamp(start.min(line.end), line.end);
        // A place without words is a line worth seeing, no more.
        if n == 0 || !place.label.is_empty() {
            add_mark(marks.entry(line.number).or_default(), bytes, &safe(style, &place.label), n == 0);
        }
    }
    for marks in marks.values_mut() {
        marks.sort_by_key(|m| m.bytes.start);
    }
    (marks, shown)
}

/// Adds a label beside those that are there: what lies over one of them is cut, and what has no byte of its own joins it.
fn add_mark(marks: &mut Vec<Mark>, mut bytes: Range<usize>, label: &str, primary: bool) {
    let mut over = None;
    for (n, mark) in marks.iter().enumerate() {
        let apart = bytes.end <= mark.bytes.start || bytes.start >= mark.bytes.end;
        if !apart || bytes == mark.bytes {
            over = Some(n);
            if bytes.start <= mark.bytes.start && bytes.end >= mark.bytes.end {
                // What is said of a wider piece is true of the narrower one: two underlines would tear the piece apart.
                bytes.end = bytes.start;
            } else if bytes.start < mark.bytes.start {
                bytes.end = mark.bytes.start;
            } else {
                bytes.start = mark.bytes.end.min(bytes.end);
            }
        }
    }
    match over.and_then(|n| marks.get_mut(n)).filter(|_| bytes.is_empty()) {
        Some(mark) if label.is_empty() || mark.label.split("; ").any(|l| l == label) => {}
        Some(mark) if mark.label.is_empty() => label.clone_into(&mut mark.label),
        Some(mark) => mark.label = format!("{}; {label}", mark.label),
        None => marks.push(Mark { bytes, label: label.to_owned(), primary }),
    }
}

/// Lines cut to the width, with their labels: what miette draws.
#[derive(Debug, Default)]
struct Excerpt {
    text: String,
    labels: Vec<(LabeledSpan, bool)>,
}

impl Excerpt {
    fn add(&mut self, file: &SourceFile, line: Line, marks: &[Mark], room: usize, style: &Style) {
        let line = near(file, line, marks, room);
        let text = file.text.get(line.start..line.end).unwrap_or_default();
        let cells = cells(text, line.start);
        let total: usize = cells.iter().map(|c| c.width).sum();
        let column = |byte: usize| cells.iter().take_while(|c| c.byte < byte).map(|c| c.width).sum::<usize>();
        // The window a long line is seen through: from its start, unless a label would begin too far to the right.
        let dots = width(ellipsis(style));
        let starts = |m: &Mark| column(m.bytes.start);
        let last = marks.iter().map(starts).max().unwrap_or(0);
        let from = if total > room && last + LABEL_ROOM / 2 > room {
            let primary = marks.iter().find(|m| m.primary).map_or(last, starts);
            marks.first().map_or(0, starts).max(primary.saturating_sub(room / 2)).saturating_sub(dots + 2)
        } else {
            0
        };
        let until = if total.saturating_sub(from) > room { from + room - dots } else { total };
        let at = self.text.len();
        let mut visible: Vec<(usize, usize, usize)> = Vec::new();
        let mut here = 0;
        if from > 0 {
            self.text.push_str(ellipsis(style));
        }
        let skip = if from > 0 { from + dots } else { 0 };
        for cell in &cells {
            if here >= skip && here + cell.width <= until {
                visible.push((cell.byte, self.text.len(), here));
                self.text.push_str(&cell.text);
            }
            here += cell.width;
        }
        let end = self.text.len();
        if until < total {
            self.text.push_str(ellipsis(style));
        } else if marks.iter().any(|m| m.bytes.start >= line.end) {
            // A label needs a character above it.
            self.text.push(' ');
        }
        let mut taken = at;
        for mark in marks {
            let place = |byte: usize| visible.iter().find(|(b, _, _)| *b >= byte).map_or(end, |(_, to, _)| *to);
            let start = place(mark.bytes.start).max(taken);
            let stop = place(mark.bytes.end).max(start);
            let shown = self.text.get(at..start).map_or(0, width);
            let (length, label) = self.fit(&mark.label, start..stop, shown, room);
            taken = start + length;
            self.labels.push((LabeledSpan::new(Some(label).filter(|l| !l.is_empty()), start, length), mark.primary));
        }
        self.text.push('\n');
    }

    /// The underline's length in bytes and the label wrapped: miette hangs a label on the middle of its underline, so the underline is cut
    /// where the label would leave the terminal.
    fn fit(&self, label: &str, bytes: Range<usize>, column: usize, room: usize) -> (usize, String) {
        let text = self.text.get(bytes.clone()).unwrap_or_default();
        let one = self.text.get(bytes.start..).and_then(|t| t.chars().next()).map_or(1, char::len_utf8);
        let need = width(label).min(LABEL_ROOM) + 4;
        let mut length = one;
        let mut middle = column;
        for (at, c) in text.char_indices() {
            let shown = width(text.get(..at + c.len_utf8()).unwrap_or_default());
            if column + shown / 2 + need <= room || label.is_empty() {
                length = at + c.len_utf8();
                middle = column + shown / 2;
            }
        }
        let left = room.saturating_sub(middle + 4).max(12);
        (length, wrap(label, left, 0, 0).join("\n"))
    }

    fn draw(mut self, name: &str, ink: Ink, style: &Style) -> String {
        let styles = if style.color { ThemeStyles::ansi() } else { ThemeStyles::none() };
        let primary = match ink {
            Ink::Error => styles.error,
            Ink::Warning => styles.warning,
            _ => styles.advice,
        };
        let primary = if style.color { primary.bold() } else { primary };
        let highlights = self.labels.iter().map(|(_, first)| if *first { primary } else { styles.advice }).collect();
        // Line numbers are written over afterwards, and must be found there without colour.
        let styles = ThemeStyles { highlights, linum: ThemeStyles::none().linum, ..styles };
        let characters = if style.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() };
        let text = std::mem::take(&mut self.text);
        // Everything is one context: the excerpt holds no line that is not to be seen.
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme { characters, styles })
            .with_context_lines(text.len())
            .with_width(style.width)
            .without_primary_span_start()
            .without_syntax_highlighting()
            .with_links(false);
        let drawable = Drawable { source: NamedSource::new(name, text), labels: self.labels.into_iter().map(|(label, _)| label).collect() };
        let mut drawn = String::new();
        // Writing to a string does not fail; a span that miette refuses leaves the snippet out, never the finding.
        match handler.render_report(&mut drawn, &drawable) {
            Ok(()) => drawn,
            Err(fmt::Error) => String::new(),
        }
    }
}

/// Of a very long line, such as a whole file of minified JSON, the part that can be seen; still wider than the terminal on both sides.
fn near(file: &SourceFile, line: Line, marks: &[Mark], room: usize) -> Line {
    let Some(mark) = marks.iter().find(|m| m.primary).or(marks.first()).filter(|_| line.end - line.start > 16 * room) else { return line };
    let start = file.text.floor_char_boundary(mark.bytes.start.saturating_sub(4 * room)).max(line.start);
    let end = file.text.floor_char_boundary(mark.bytes.start + 8 * room).min(line.end);
    Line { start, end, ..line }
}

/// A character as it is shown.
struct Cell {
    byte: usize,
    text: String,
    width: usize,
}

fn cells(line: &str, start: usize) -> Vec<Cell> {
    let shown = |(at, c): (usize, char)| {
        let text = match c {
            '\t' => "    ".to_owned(),
            c if is_hostile(c) => c.escape_unicode().to_string(),
            c => c.to_string(),
        };
        Cell { byte: start + at, width: width(&text), text }
    };
    line.char_indices().map(shown).collect()
}

/// miette numbers the lines of the excerpt; a reader wants those of the file. Its own message line is left out.
fn renumber(drawn: &str, numbers: &[usize], gutter: usize, style: &Style) -> String {
    let prefix = numbers.len().to_string().len() + 2;
    let mut out = String::with_capacity(drawn.len());
    let mut before = None;
    for line in drawn.lines().skip(1) {
        let (Some(head), Some(rest)) = (line.get(..prefix), line.get(prefix..)) else { continue };
        let number = head.trim().parse::<usize>().ok().and_then(|n| numbers.get(n.checked_sub(1)?).copied());
        if let Some(number) = number {
            if before.is_some_and(|b| b + 1 < number) {
                out.push_str(&format!("{}\n", paint(style, Ink::Dim, "...")));
            }
            before = Some(number);
        }
        let shown = number.map_or_else(String::new, |n| n.to_string());
        let shown = paint(style, Ink::Dim, &format!("{shown:>gutter$}"));
        out.push_str(format!("{shown} {rest}").trim_end());
        out.push('\n');
    }
    out
}

/// What miette asks for.
#[derive(Debug)]
struct Drawable {
    source: NamedSource<String>,
    labels: Vec<LabeledSpan>,
}

impl fmt::Display for Drawable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("snippet")
    }
}

impl std::error::Error for Drawable {}

impl Diagnostic for Drawable {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}
