//! What `granit-parser` complains about, in our words. It never repeats a value: only single characters and names are shown.

use std::sync::Arc;

use granit_parser::{ErrorKind as Kind, ScanError};

use crate::problem::{Problem, SourceFile, Span};

/// Whether the parser's own depth guard spoke.
pub(super) fn is_too_deep(error: &ScanError) -> bool {
    matches!(error.kind(), Kind::RecursionLimitExceeded)
}

/// The word or the single sign at a byte, as a place to underline; empty at the end of a line.
pub(super) fn word_at(text: &str, at: usize) -> Span {
    let rest = text.get(at..).unwrap_or("");
    let word = rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.')).unwrap_or(rest.len());
    let sign = rest.chars().next().filter(|c| !matches!(c, '\n' | '\r')).map_or(0, char::len_utf8);
    Span::new(at, at + word.max(sign))
}

/// What an error points at.
pub(super) fn place(text: &str, error: &ScanError) -> Span {
    word_at(text, error.marker().byte_offset().unwrap_or(0).min(text.len()))
}

/// The problem of a text that is not YAML; `bracket` is the innermost one that is still open, often the true cause.
pub(super) fn problem(file: &Arc<SourceFile>, error: &ScanError, bracket: Option<Span>) -> Problem {
    let (code, message, mut help) = words(error.kind());
    let span = place(&file.text, error);
    if code == "load/tab" {
        return tab(file, indenting_tab(&file.text, span.start as usize).unwrap_or(span));
    }
    let mut problem = Problem::new(code, message).at(file, span, "here");
    let bracket = bracket.or_else(|| unclosed(&file.text, span.start as usize));
    if let Some(bracket) = bracket.filter(|b| b.start != span.start) {
        problem = problem.at(file, bracket, "inside the bracket opened here");
        if matches!(error.kind(), Kind::BlockSequenceEntryNotAllowed | Kind::BlockEntryInFlowCollection) {
            help = "close the bracket that is open before this line";
        }
    }
    problem.help(help)
}

/// The innermost bracket that is open at a byte, where the parser has stopped before it came to speak of it. Quotes and comments are skipped; a bracket
/// counts only where a value can begin.
fn unclosed(text: &str, at: usize) -> Option<Span> {
    let mut open = Vec::new();
    let mut quote = None;
    let mut before = '\n';
    let mut comment = false;
    for (n, c) in text.get(..at)?.char_indices() {
        let starts = before.is_whitespace() || matches!(before, '[' | '{' | ',' | ':');
        match (quote, c) {
            _ if comment => comment = c != '\n',
            (Some(q), c) if c == q && before != '\\' => quote = None,
            (Some(_), _) => {}
            (None, '#') if before.is_whitespace() => comment = true,
            (None, '"' | '\'') if starts => quote = Some(c),
            (None, '[' | '{') if starts => open.push(n),
            (None, ']' | '}') => drop(open.pop()),
            _ => {}
        }
        before = c;
    }
    open.pop().map(|n| Span::new(n, n + 1))
}

/// The problem of a tab as indentation.
pub(super) fn tab(file: &Arc<SourceFile>, span: Span) -> Problem {
    Problem::new("load/tab", "a tab where yaml takes spaces only").at(file, span, "this is a tab").help("replace the tab by spaces")
}

/// The first tab that indents a line, from the line of byte `at` on: the parser points beside it, sometimes a line above.
fn indenting_tab(text: &str, at: usize) -> Option<Span> {
    let mut start = text.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    for line in text.get(start..)?.split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line.get(..indent)?.find('\t') {
            return Some(Span::new(start + tab, start + tab + 1));
        }
        start += line.len();
    }
    None
}

/// Code, message and way out of the errors people make; the rest keep the parser's sentence.
fn words(kind: &Kind) -> (&'static str, String, &'static str) {
    const SYNTAX: &str = "load/syntax";
    if let Some((message, help)) = structure(kind).or_else(|| text(kind)) {
        return (SYNTAX, message.into(), help);
    }
    match kind {
        Kind::TabNotAllowed
        | Kind::TabInBlockIndentation
        | Kind::TabAtBlockScalarStart
        | Kind::TabInIndentation
        | Kind::TabInPlainScalar => ("load/tab", String::new(), ""),
        Kind::DirectiveDisallowed => {
            ("load/directive", "a yaml directive is not supported".into(), "delete the line: every file is read as yaml 1.2")
        }
        Kind::ExpectedTagBang
        | Kind::InvalidGlobalTagCharacter
        | Kind::InvalidTagTerminator
        | Kind::MissingTagUri
        | Kind::UnclosedVerbatimTag
        | Kind::InvalidTagEscape
        | Kind::InvalidTagUtf8LeadingByte
        | Kind::InvalidTagUtf8TrailingByte
        | Kind::InvalidTagUtf8
        | Kind::UndeclaredTagHandle => {
            ("load/tag", "a tag is not supported".into(), "delete it, or put a value that starts with `!` in quotes")
        }
        Kind::UnclosedFlowCollection { open } => {
            (SYNTAX, format!("`{open}` is never closed"), "close the bracket, or write one entry per line")
        }
        Kind::MismatchedFlowCollectionEnd { open, .. } => {
            (SYNTAX, format!("`{open}` is closed by the wrong bracket"), "close each bracket with its own kind")
        }
        other => {
            let sentence = other.to_string().trim_end_matches('.').to_lowercase();
            (SYNTAX, sentence, "compare this line and the one above with a line that works")
        }
    }
}

/// Errors in how keys, lists and brackets stand to each other.
fn structure(kind: &Kind) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        Kind::MisplacedFlowCollectionEnd => ("a closing bracket that nothing opened", "delete it, or put the value in quotes"),
        Kind::UnexpectedEofFlowSequence | Kind::UnexpectedEofFlowMapping | Kind::UnexpectedEofImplicitFlowMapping => {
            ("a value is missing", "delete the comma too many, or close the bracket")
        }
        Kind::ExpectedFlowMappingSeparator => ("a `,` or `}` is missing", "put a comma between two entries"),
        Kind::ExpectedFlowSequenceSeparator => ("a `,` or `]` is missing", "put a comma between two items"),
        Kind::MappingValueNotAllowed | Kind::InvalidColonPlacement => (
            "a `:` where no key can be",
            "put a value that contains `: ` in quotes, and a space after the `:` of every key; check the indentation of the line",
        ),
        Kind::SimpleKeyExpected | Kind::InvalidSimpleKey => {
            ("a `:` is missing after a key", "write `name: value`, with a space after the `:`")
        }
        Kind::ExpectedBlockMappingKey | Kind::InvalidIndentation | Kind::MappingKeyNotAllowed => {
            ("this line does not fit the indentation around it", "entries of one map start in the same column")
        }
        Kind::ExpectedBlockSequenceEntry => {
            ("this line does not fit the list around it", "items of one list start with `-` in the same column")
        }
        Kind::BlockSequenceEntryNotAllowed | Kind::BlockEntryInFlowCollection => {
            ("a `-` where no list can start", "start the list on the next line, or put the value in quotes")
        }
        _ => return None,
    })
}

/// Errors inside one value.
fn text(kind: &Kind) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        Kind::UnclosedQuotedScalar | Kind::DocumentIndicatorInQuotedScalar => {
            ("a quoted string is never closed", "end it with the quote it starts with")
        }
        Kind::InvalidQuotedScalarIndent => {
            ("a line of a quoted string is not indented", "indent the line deeper than its key, or close the quote before it")
        }
        Kind::InvalidTrailingSingleQuotedScalar | Kind::InvalidTrailingDoubleQuotedScalar => {
            ("text after a closing quote", "put the whole value in quotes; a single quote inside single quotes is written `''`")
        }
        Kind::UnknownQuotedScalarEscape => {
            ("unknown escape in a string", "write `\\\\` for a backslash, or use single quotes, where nothing is escaped")
        }
        Kind::InvalidQuotedScalarHexEscape
        | Kind::InvalidLowSurrogateHexEscape
        | Kind::InvalidLowSurrogate
        | Kind::MissingLowSurrogate
        | Kind::UnpairedLowSurrogate
        | Kind::InvalidUnicodeEscape => ("a malformed escape in a string", "write `\\u` with four hex digits, or the character itself"),
        Kind::InvalidBlockScalarIndent => ("a line of a text block is not indented like its first", "indent every line of the block alike"),
        Kind::InvalidBlockScalarHeader => ("text after `|` or `>`", "start the text on the next line"),
        Kind::UnexpectedCharacter { .. }
        | Kind::PlainScalarStartsWithDashFlowIndicator
        | Kind::UnexpectedEofBlockMapping
        | Kind::UnexpectedEofBlockSequence
        | Kind::ExpectedNodeContent => ("a value cannot start with this character", "put the value in quotes"),
        Kind::CommentNotSeparated => ("a `#` without a space before it", "put a space before the comment, or the value in quotes"),
        Kind::CommentInterceptedScalar => ("a comment inside a value of several lines", "move the comment above the key"),
        Kind::BomInsideDocument => ("a byte order mark inside the file", "delete the invisible character"),
        Kind::MissingAnchorOrAliasName => ("a `&` or `*` without a name", "put a value that starts with `&` or `*` in quotes"),
        _ => return None,
    })
}
