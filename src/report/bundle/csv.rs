//! Tables that a spreadsheet can open: RFC 4180, and no cell is ever a formula.

use crate::report::markdown::escape::STYLE;
use crate::report::text::safe;

/// What makes a spreadsheet calculate when a cell begins with it (OWASP, "CSV Injection"; the full-width forms count in some locales). Tabs and line
/// breaks, which are on that list, too, are no part of any cell here.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// A table with a header.
pub(super) struct Csv {
    text: String,
}

impl Csv {
    pub(super) fn new(header: &[&str]) -> Self {
        let mut csv = Self { text: String::new() };
        csv.row(header);
        csv
    }

    /// Adds a row; RFC 4180 ends each with CR LF.
    pub(super) fn row<S: AsRef<str>>(&mut self, cells: &[S]) {
        let cells: Vec<String> = cells.iter().map(|c| cell(c.as_ref())).collect();
        self.text.push_str(&cells.join(","));
        self.text.push_str("\r\n");
    }

    pub(super) fn done(self) -> String {
        self.text
    }
}

/// One line, with an apostrophe before what would be a formula, in quotes where it needs them.
fn cell(text: &str) -> String {
    let mut text = safe(&STYLE, text);
    // Some programs take blanks off before they look.
    if text.trim_start().starts_with(FORMULA) {
        text.insert(0, '\'');
    }
    if text.contains([',', '"', '\'', ';']) || text.trim() != text { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_text_whatever_it_begins_with() {
        assert_eq!(cell("ehr.note"), "ehr.note");
        assert_eq!(cell("a, \"b\""), "\"a, \"\"b\"\"\"");
        assert_eq!(cell("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
        for start in ["=", "+", "-", "@", "\t=", "\r=", "\n=", " =", "＝"] {
            let cell = cell(&format!("{start}1"));
            assert!(cell.starts_with("\"'") && cell.lines().count() == 1, "{cell}");
        }
        assert_eq!(cell("a=b"), "a=b");
        assert_eq!(cell("a → b"), "a → b");
        assert_eq!(cell("a\u{202e}b"), "a\\u{202e}b");
    }

    #[test]
    fn rows_end_as_the_standard_says() {
        let mut csv = Csv::new(&["a", "b"]);
        csv.row(&["1", ""]);
        assert_eq!(csv.done(), "a,b\r\n1,\r\n");
    }
}
