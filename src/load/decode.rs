//! Bytes to text: UTF-8 only, byte order mark taken off, printable. It never changes a line ending, so spans stay true to the file.

use std::sync::Arc;

use super::{Limits, raise};
use crate::problem::{Problem, SourceFile, Span};

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// The way out of a file that is too large.
pub(super) const SPLIT: &str = "split it into several files; nodes in `flowgate.yaml` can be named from every workflow";

/// Turns the bytes of one file into its text.
pub(super) fn decode(name: &str, mut bytes: Vec<u8>, limits: &Limits) -> Result<Arc<SourceFile>, Problem> {
    check_size(name, bytes.len() as u64, limits)?;
    if let Some(encoding) = wide_encoding(&bytes) {
        return Err(Problem::new("load/encoding", format!("the file is {encoding}, not utf-8"))
            .at(&blank(name), Span::default(), "")
            .help("save the file as utf-8"));
    }
    let stripped = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
    bytes.drain(..stripped);
    let text = String::from_utf8(bytes).map_err(|e| not_utf8(name, &e, stripped))?;
    let file = Arc::new(SourceFile { name: name.to_owned(), text });
    if file.text.trim_ascii().is_empty() {
        return Err(empty(&file));
    }
    if let Some((at, c)) = first_control(&file.text) {
        let span = Span::new(at, at + c.len_utf8());
        return Err(control_character(&file, span, c).help("remove it: declarations are printable text"));
    }
    Ok(file)
}

/// Refuses a file by its length alone, so that it need not be read.
pub(super) fn check_size(name: &str, bytes: u64, limits: &Limits) -> Result<(), Problem> {
    let limit = limits.held().file_bytes as u64;
    if bytes <= limit {
        return Ok(());
    }
    Err(Problem::new("load/size", format!("the file has {bytes} bytes, the limit is {limit}"))
        .at(&blank(name), Span::default(), "")
        .help(format!("{SPLIT}; or {}", raise("file-bytes"))))
}

/// The problem of a file that says nothing.
pub(super) fn empty(file: &Arc<SourceFile>) -> Problem {
    Problem::new("load/empty", "the file is empty")
        .at(file, Span::default(), "nothing to read here")
        .help("write the declaration, or delete the file; `flowgate init` writes a starter")
}

/// A character that is not seen, written or escaped; the caller adds the way out.
pub(super) fn control_character(file: &Arc<SourceFile>, span: Span, c: char) -> Problem {
    let what = if c.is_control() { "control" } else { "invisible" };
    let code = format!("U+{:04X}", u32::from(c));
    Problem::new("load/control-character", format!("{what} character {code}")).at(file, span, "not printable")
}

/// Whether a character could hide text or drive a terminal. Tab and line ends are the only controls a declaration needs.
pub(super) fn is_forbidden(c: char) -> bool {
    (c.is_control() && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{FFFE}' | '\u{FFFF}') || is_unseen(c)
}

/// Characters without a shape that change what a reader sees: they reverse text, break lines, or make two names look alike. Joiners and direction marks
/// that languages need are not among them; ids have no such characters anyway.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{180E}' | '\u{200B}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{E0000}'..='\u{E007F}'
    )
}

/// The first character of a text that could hide text or drive a terminal, and its byte.
#[must_use]
pub fn first_control(text: &str) -> Option<(usize, char)> {
    // A byte test first: only these can begin a forbidden character, and they are rare in real files.
    let suspect = |b: u8| (b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r')) || matches!(b, 0x7F | 0xC2 | 0xE1 | 0xE2 | 0xEF | 0xF3);
    let mut from = 0;
    loop {
        let rest = text.as_bytes().get(from..)?;
        let at = from + rest.iter().position(|b| suspect(*b))?;
        let c = text.get(at..)?.chars().next()?;
        if is_forbidden(c) {
            return Some((at, c));
        }
        from = at + c.len_utf8();
    }
}

/// UTF-16 and UTF-32 are recognised by their mark, or by the zero bytes that their first two letters leave.
fn wide_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Some("utf-32"),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Some("utf-16"),
        [a, 0, b, 0, ..] | [0, a, 0, b, ..] if *a != 0 && *b != 0 => Some("utf-16"),
        _ => None,
    }
}

/// The text of the place is the file with its bad bytes replaced; everything before the first of them is unchanged.
fn not_utf8(name: &str, error: &std::string::FromUtf8Error, stripped: usize) -> Problem {
    let good = error.utf8_error().valid_up_to();
    let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
    let file = Arc::new(SourceFile { name: name.to_owned(), text });
    let span = Span::new(good, good + char::REPLACEMENT_CHARACTER.len_utf8());
    Problem::new("load/encoding", format!("byte {} is not utf-8", good + stripped))
        .at(&file, span, "unreadable byte")
        .help("save the file as utf-8")
}

/// A file without text, for problems that concern the file as a whole.
pub(super) fn blank(name: &str) -> Arc<SourceFile> {
    Arc::new(SourceFile { name: name.to_owned(), text: String::new() })
}
