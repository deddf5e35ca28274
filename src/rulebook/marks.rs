//! Marks: comments in a fixture that say what must be found, and where.

use std::collections::BTreeSet;
use std::fmt;

use crate::judge::Severity;
use crate::problem::SourceFile;

/// A place and what is or must be found there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) rule: String,
    pub(super) undeclared: bool,
    /// As found; a mark need not state it.
    pub(super) severity: Option<Severity>,
}

impl Mark {
    /// A mark in a file and what was found are the same thing.
    pub(super) fn is(&self, found: &Self) -> bool {
        let place = |m: &Self| (m.file.clone(), m.line, m.rule.clone(), m.undeclared);
        place(self) == place(found) && (self.severity.is_none() || self.severity == found.severity)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.undeclared { " undeclared" } else { "" };
        let severity = self.severity.map(|s| format!(" {}", s.word())).unwrap_or_default();
        write!(f, "{}:{}: {}{verdict}{severity}", self.file, self.line, self.rule)
    }
}

/// The marks of a file: `# expect: rule[.code] [undeclared] [error|warning|note], …` at the end of a line.
pub(super) fn marks(file: &SourceFile) -> BTreeSet<Mark> {
    let mut marks = BTreeSet::new();
    for (n, line) in file.text.lines().enumerate() {
        let Some((_, list)) = line.split_once("# expect:") else { continue };
        for entry in list.split(',') {
            let mut words = entry.split_whitespace();
            if let Some(rule) = words.next() {
                let words: Vec<&str> = words.collect();
                let undeclared = words.contains(&"undeclared");
                let severity = words.iter().find_map(|w| Severity::of(w));
                marks.insert(Mark { file: file.name.clone(), line: n + 1, rule: rule.to_owned(), undeclared, severity });
            }
        }
    }
    marks
}

/// The words after a directive: `# with: a, b`, `# as-of: 2026-06-01`.
pub(super) fn directive<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let prefix = format!("# {name}:");
    let lists = text.lines().filter_map(|line| line.trim().strip_prefix(prefix.as_str()));
    lists.flat_map(|list| list.split(',')).map(str::trim).filter(|word| !word.is_empty()).collect()
}
