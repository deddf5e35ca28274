//! Lines and columns of many places without reading a file from its start each time. Never copies a text.

use rustc_hash::FxHashMap;

use crate::problem::SourceFile;

/// Where the lines of each file start, found once per file.
#[derive(Default)]
pub(super) struct Lines {
    starts: FxHashMap<*const SourceFile, Vec<usize>>,
}

/// One line: its one-based number, and where its text starts and ends (without the line break).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub number: usize,
    pub start: usize,
    pub end: usize,
}

impl Lines {
    /// The line a byte lies in; past the end of the file, the last one.
    pub(super) fn at(&mut self, file: &SourceFile, offset: usize) -> Line {
        let starts = self.starts(file);
        let number = starts.partition_point(|s| *s <= offset).max(1);
        self.line(file, number)
    }

    /// The line with a number, or the last one.
    pub(super) fn line(&mut self, file: &SourceFile, number: usize) -> Line {
        let starts = self.starts(file);
        let number = number.clamp(1, starts.len().max(1));
        let start = starts.get(number - 1).copied().unwrap_or_default();
        let end = starts.get(number).map_or(file.text.len(), |next| next - 1);
        let text = file.text.get(start..end).unwrap_or_default();
        Line { number, start, end: start + text.strip_suffix('\r').unwrap_or(text).len() }
    }

    /// One-based line and column, in characters.
    pub(super) fn position(&mut self, file: &SourceFile, offset: u32) -> (usize, usize) {
        let offset = (offset as usize).min(file.text.len());
        let line = self.at(file, offset);
        let column = file.text.get(line.start..offset).map_or(0, |before| before.chars().count()) + 1;
        (line.number, column)
    }

    fn starts(&mut self, file: &SourceFile) -> &[usize] {
        // INVARIANT: the report holds every file while it is rendered, so an address stands for one file.
        self.starts.entry(std::ptr::from_ref(file)).or_insert_with(|| {
            let breaks = file.text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1);
            std::iter::once(0).chain(breaks).collect()
        })
    }
}
