//! Text on a terminal: what is harmless to print, how it wraps, how it is coloured. Knows nothing of findings.

use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

use super::Style;

/// What a piece of text is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Error,
    Warning,
    Note,
    Strong,
    Key,
    Dim,
}

impl Ink {
    fn code(self) -> &'static str {
        match self {
            Self::Error => "1;31",
            Self::Warning => "1;33",
            Self::Note | Self::Key => "36",
            Self::Strong => "1",
            Self::Dim => "2",
        }
    }
}

/// Text in a colour, where colours are wanted.
pub(super) fn paint(style: &Style, ink: Ink, text: &str) -> String {
    if style.color && !text.is_empty() { format!("\u{1b}[{}m{text}\u{1b}[0m", ink.code()) } else { text.to_owned() }
}

/// A text from outside as one line that cannot steer a terminal or reorder what stands around it; arrows as the style has them.
pub(super) fn safe(style: &Style, text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut starts_word = true;
    for (at, c) in text.char_indices() {
        let rest = text.get(at..).unwrap_or_default();
        // A word that is wrapped to the start of a line would be a workflow command there, to whoever reads the log of a pipeline. Source: actions/runner,
        // ActionCommand.cs: `::` where a line begins, `##[` anywhere in it.
        let command = (starts_word && rest.starts_with("::")) || rest.starts_with("##[");
        starts_word = c.is_whitespace();
        match c {
            c if command => safe.extend(c.escape_unicode()),
            '\n' | '\t' => safe.push(' '),
            '\r' => {}
            '→' if !style.unicode => safe.push_str("->"),
            '…' if !style.unicode => safe.push_str("..."),
            c if is_hostile(c) => safe.extend(c.escape_unicode()),
            c => safe.push(c),
        }
    }
    safe
}

/// Characters that change what others look like, or look like nothing.
pub(crate) fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// JSON as it is, but with every character that could steer a terminal or reorder what stands around it as an escape: the same document.
pub(crate) fn inert_json(json: &str) -> String {
    let mut inert = String::with_capacity(json.len());
    let mut units = [0; 2];
    for c in json.chars() {
        if is_hostile(c) && c != '\n' {
            c.encode_utf16(&mut units).iter().for_each(|unit| inert.push_str(&format!("\\u{unit:04x}")));
        } else {
            inert.push(c);
        }
    }
    inert
}

/// Lines of at most `width` columns, the first after `first` columns that are taken already, the others behind `hang` blanks.
pub(super) fn wrap(text: &str, width: usize, first: usize, hang: usize) -> Vec<String> {
    let (taken, indent) = (" ".repeat(first), " ".repeat(hang));
    // Names are never torn apart: a reader must be able to copy them.
    let options = Options::new(width.max(hang + 8))
        .initial_indent(&taken)
        .subsequent_indent(&indent)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit)
        .break_words(false);
    let lines = textwrap::wrap(text, options);
    lines
        .iter()
        .enumerate()
        .map(|(n, line)| if n == 0 { line.get(first..).unwrap_or_default().to_owned() } else { line.to_string() })
        .collect()
}

/// Columns a text takes.
pub(super) fn width(text: &str) -> usize {
    textwrap::core::display_width(text)
}

/// The first `limit` characters, and a mark when there were more.
pub(super) fn cut(style: &Style, text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let kept: String = text.chars().take(limit.saturating_sub(1)).collect();
    format!("{}{}", kept.trim_end(), ellipsis(style))
}

/// The first few of many, and how many more there are.
pub(super) fn few<S: AsRef<str>>(items: &[S], limit: usize) -> String {
    // `a and 1 more` is no shorter than the name itself.
    let limit = if items.len() == limit + 1 { items.len() } else { limit };
    let list = items.iter().take(limit).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    let more = items.len().saturating_sub(limit);
    if more > 0 { format!("{list} and {more} more") } else { list }
}

/// `1 flow`, `2 flows`.
pub(super) fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// The arrow of a path.
pub(super) fn arrow(style: &Style) -> &'static str {
    if style.unicode { "→" } else { "->" }
}

/// What stands for text left out.
pub(super) fn ellipsis(style: &Style) -> &'static str {
    if style.unicode { "…" } else { "..." }
}

/// Web addresses and citations of the Code of Federal Regulations as hyperlinks, where those are wanted.
pub(super) fn link(style: &Style, text: &str) -> String {
    if !style.links {
        return text.to_owned();
    }
    let mut linked = String::with_capacity(text.len());
    let mut title = None;
    let mut words = text.split_inclusive(' ').peekable();
    while let Some(word) = words.next() {
        let bare = word.trim_end().trim_end_matches([',', ';', '.']);
        let rest = word.get(bare.len()..).unwrap_or_default();
        if words.peek().is_some_and(|next| next.trim_end() == "CFR") && !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_digit()) {
            title = Some(bare);
        }
        let address = if bare.starts_with("https://") || bare.starts_with("http://") {
            Some(bare.to_owned())
        } else {
            title.and_then(|title| Some(format!("https://www.ecfr.gov/current/title-{title}/section-{}", section(bare)?)))
        };
        match address {
            Some(address) => {
                linked.push_str(&format!("\u{1b}]8;;{address}\u{1b}\\{bare}\u{1b}]8;;\u{1b}\\{rest}"));
            }
            None => linked.push_str(word),
        }
    }
    linked
}

/// `164.502` of `164.502(e)(1)(i)`.
pub(super) fn section(word: &str) -> Option<&str> {
    let number = word.split('(').next()?;
    let (part, section) = number.split_once('.')?;
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    (digits(part) && digits(section)).then_some(number)
}
