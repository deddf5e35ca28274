//! Text for people: wrapping, columns and Markdown pages. It never decides what is said.

use textwrap::Options;

use super::console::Console;
use crate::report::is_hostile;

/// Columns that a column of words needs at least.
const NARROW: usize = 24;

/// A page without what could drive a terminal or reorder what stands around it: pages and names come from files.
pub(super) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => safe.push(c),
            '\r' => {}
            c if is_hostile(c) => safe.extend(c.escape_unicode()),
            c => safe.push(c),
        }
    }
    safe
}

/// The same on one line: a name with a line break in it begins no line of its own, which a runner could take for a command.
pub(super) fn line(text: &str) -> String {
    printable(text).replace(['\n', '\t'], " ")
}

/// Lines of `text` under an indent, wrapped where a width is given; ends in a line break.
pub(super) fn wrapped(text: &str, first: &str, rest: &str, width: Option<usize>) -> String {
    let text = line(text);
    match width {
        Some(width) => {
            textwrap::fill(
                &text,
                Options::new(width.max(rest.len() + NARROW)).initial_indent(first).subsequent_indent(rest).break_words(false),
            ) + "\n"
        }
        None => format!("{first}{text}\n"),
    }
}

/// `name  words`, the words wrapped in a column of their own, or below the name where that column would be too narrow.
pub(super) fn entry(name: &str, words: &str, indent: usize, column: usize, width: Option<usize>) -> String {
    let (name, margin) = (line(name), " ".repeat(indent));
    if words.is_empty() {
        return format!("{margin}{name}\n");
    }
    if width.is_some_and(|w| w < indent + column + 2 + NARROW) {
        let below = " ".repeat(indent + 2);
        return format!("{margin}{name}\n{}", wrapped(words, &below, &below, width));
    }
    let first = format!("{margin}{name:column$}  ");
    wrapped(words, &first, &" ".repeat(indent + column + 2), width)
}

/// Several [`entry`]s with one column for the names.
pub(super) fn entries<'t>(rows: impl IntoIterator<Item = (&'t str, String)>, indent: usize, width: Option<usize>) -> String {
    let rows: Vec<(&str, String)> = rows.into_iter().collect();
    let column = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    rows.iter().map(|(name, words)| entry(name, words, indent, column, width)).collect()
}

/// A Markdown page: paragraphs and list items wrapped, headings bold, code and tables as written. In a pipe, the page as written.
pub(super) fn page(markdown: &str, console: &Console) -> String {
    // A line that a runner would take for a command; Markdown shows what stands behind a backslash.
    let inert = |line: &str| if line.trim_start().starts_with("::") { format!("\\{line}\n") } else { format!("{line}\n") };
    let markdown: String = printable(markdown).lines().map(inert).collect();
    let Some(width) = console.wrap() else { return markdown.trim_end().to_owned() + "\n" };
    let mut page = String::new();
    let mut paragraph = Paragraph::default();
    let mut code = false;
    for line in markdown.lines() {
        let fence = line.trim_start().starts_with("```");
        if code || fence || line.starts_with('|') || line.starts_with('#') || line.is_empty() {
            paragraph.end(&mut page, width);
            page += &if line.starts_with('#') && !code { console.bold(line) } else { line.to_owned() };
            page += "\n";
            code ^= fence;
        } else {
            if is_item(line) {
                paragraph.end(&mut page, width);
            }
            paragraph.add(line);
        }
    }
    paragraph.end(&mut page, width);
    page
}

/// Lines that are wrapped together.
#[derive(Default)]
struct Paragraph {
    words: String,
    indent: usize,
    hang: usize,
}

impl Paragraph {
    fn add(&mut self, line: &str) {
        let trimmed = line.trim_start();
        if self.words.is_empty() {
            self.indent = line.len() - trimmed.len();
            self.hang = if is_item(line) { trimmed.find(' ').map_or(0, |at| at + 1) } else { 0 };
        } else {
            self.words.push(' ');
        }
        self.words += trimmed.trim_end();
    }

    fn end(&mut self, page: &mut String, width: usize) {
        if !self.words.is_empty() {
            *page += &wrapped(&self.words, &" ".repeat(self.indent), &" ".repeat(self.indent + self.hang), Some(width));
        }
        *self = Self::default();
    }
}

/// A list item: `- ` or `1. `.
fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    line.starts_with("- ") || line.starts_with("* ") || (number.len() < line.len() && number.starts_with(". "))
}
