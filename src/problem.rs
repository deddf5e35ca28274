//! Problems: what could not be read or judged, with its place and a way out. A problem is never a finding, and any problem forbids exit code 0.

use std::fmt;
use std::sync::Arc;

/// A half-open range of bytes, `start..end`, into one file's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// Spans `start..end`; offsets past 4 GiB are clamped, the loader refuses such files before.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { start: clamp(start), end: clamp(end.max(start)) }
    }
}

/// The text of one input file under the name that reports print: relative to the project, `/` between its parts.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Name for reports.
    pub name: String,
    /// Decoded text, a byte order mark taken off.
    pub text: String,
}

impl SourceFile {
    /// One-based line and column (in characters) of a byte offset.
    #[must_use]
    pub fn line_column(&self, offset: u32) -> (usize, usize) {
        let offset = (offset as usize).min(self.text.len());
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let column = before.get(line_start..).map_or(0, |s| s.chars().count()) + 1;
        (line, column)
    }

    /// The text under a span; empty when the span does not fit.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }
}

/// A place in a file and what to say about it.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file.
    pub file: Arc<SourceFile>,
    /// The bytes.
    pub span: Span,
    /// The label under the bytes; may be empty.
    pub label: String,
}

impl Place {
    /// A labelled place.
    pub fn new(file: &Arc<SourceFile>, span: Span, label: impl Into<String>) -> Self {
        Self { file: Arc::clone(file), span, label: label.into() }
    }
}

/// Something that stops a verdict: unreadable input, a bad policy, a reference to nothing.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Stage and name: `load/duplicate-key`, `validate/unknown-key`, `graph/unknown-node` …
    pub code: &'static str,
    /// What is wrong: lower case, no final period, names in backticks.
    pub message: String,
    /// Where: the first place is the primary one; empty when no file is concerned.
    pub places: Vec<Place>,
    /// What to do.
    pub help: Option<String>,
}

impl Problem {
    /// A problem without a place yet.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), places: Vec::new(), help: None }
    }

    /// Adds a place; the first one added is the primary.
    #[must_use]
    pub fn at(mut self, file: &Arc<SourceFile>, span: Span, label: impl Into<String>) -> Self {
        self.places.push(Place::new(file, span, label));
        self
    }

    /// Adds the way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says of every character in a quoted name that is no plain one what it is: two names that look alike are told apart by nothing else.
    #[must_use]
    pub fn spelt_out(mut self) -> Self {
        let help = self.help.as_deref().unwrap_or_default();
        let quoted: String = self.message.split('`').skip(1).step_by(2).chain(help.split('`').skip(1).step_by(2)).collect();
        if let Some(said) = odd_characters(&quoted) {
            self.help = Some(match self.help.take() {
                Some(help) if !help.contains("U+") => format!("{said}; {help}"),
                Some(help) => help,
                None => said,
            });
        }
        self
    }

    /// Order of reports: by file, then place, then code and message.
    #[must_use]
    pub fn sort_key(&self) -> (String, u32, &'static str, String) {
        let (name, start) = self.places.first().map_or((String::new(), 0), |p| (p.file.name.clone(), p.span.start));
        (name, start, self.code, self.message.clone())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Why a file could not be used, in words: the standard library calls a missing file an entity, a word that means something else here. Its words are
/// the same on every system; where it has none, the system's own say more.
#[must_use]
pub fn why(error: &std::io::Error) -> String {
    const NO_WORDS: &str = "uncategorized error";
    match error.kind() {
        _ if error.get_ref().is_some() => error.to_string(),
        std::io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        std::io::ErrorKind::Other => error.to_string(),
        kind if kind.to_string() == NO_WORDS => {
            let words = error.to_string();
            words.split(" (os error").next().unwrap_or(&words).to_lowercase()
        }
        kind => kind.to_string(),
    }
}

/// Names side by side, the first of them where they are many: a list in every one of many problems would be most of a report.
#[must_use]
pub fn listed(names: &[&str]) -> String {
    const MANY: usize = 40;
    let (shown, more) = names.split_at(names.len().min(MANY));
    let list = shown.join(", ");
    if more.is_empty() { list } else { format!("{list}, and {} more", more.len()) }
}

/// The nearest of `candidates` to `word`, when it is near enough to be a slip.
#[must_use]
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Comparing takes time and memory by the product of both lengths, and a long text is no slip of another.
    const LONGEST: usize = 128;
    // Who has more names than this to choose from is not helped by one; with a mistake in each of many lines, comparing all would take minutes.
    const MOST: usize = 2_000;
    let length = word.chars().count();
    candidates
        .into_iter()
        .filter(|c| length <= LONGEST && c.chars().count().abs_diff(length) <= 1 + word.len().max(c.len()) / 4)
        .take(MOST)
        .map(|c| (strsim::damerau_levenshtein(word, c), c))
        .filter(|(distance, c)| *distance <= 1 + word.len().max(c.len()) / 4)
        .min_by_key(|(distance, c)| (*distance, *c))
        .map(|(_, c)| c)
}

/// What the characters of a name are that are no plain ones, by their code points; none where all are plain.
#[must_use]
pub fn odd_characters(name: &str) -> Option<String> {
    let mut odd: Vec<char> = name.chars().filter(|c| !c.is_ascii() && *c != '…').collect();
    odd.sort_unstable();
    odd.dedup();
    odd.truncate(4);
    let shown = |c: &char| {
        let code = u32::from(*c);
        if c.is_alphanumeric() { format!("`{c}` is U+{code:04X}") } else { format!("it holds U+{code:04X}") }
    };
    (!odd.is_empty()).then(|| format!("{}, no plain letter", odd.iter().map(shown).collect::<Vec<_>>().join(", ")))
}
