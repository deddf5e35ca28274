//! Strict JSON (RFC 8259) to the tree, in one pass and without recursion. It never repairs: comments, trailing commas and single
//! quotes are refused with their place.

use std::sync::Arc;

use super::tree::{Builder, Shape, Slot, Tree};
use super::{Limits, scalar};
use crate::problem::{Problem, SourceFile, Span};

const MISSING: &str = "write a value, or delete the entry with its comma";
const REST: &str = "a file holds one json value: delete the rest, or move it to a file of its own";

/// Reads a whole text.
pub(super) fn parse(file: &Arc<SourceFile>, limits: &Limits) -> Result<Tree, Problem> {
    let mut reader = Reader { file, bytes: file.text.as_bytes(), at: 0, builder: Builder::new(file, limits) };
    loop {
        reader.skip_space();
        match reader.builder.slot() {
            Slot::Key => reader.key()?,
            Slot::Root | Slot::Item | Slot::Value => reader.value()?,
            Slot::Done => return reader.end(),
        }
    }
}

struct Reader<'t> {
    file: &'t Arc<SourceFile>,
    bytes: &'t [u8],
    at: usize,
    builder: Builder<'t>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn key(&mut self) -> Result<(), Problem> {
        match self.peek() {
            Some(b'"') => self.string()?,
            Some(b'}') => return Err(self.trailing_comma()),
            Some(b',') => return Err(self.unexpected("a comma too many", "an entry is expected here", "delete the comma")),
            Some(b'/' | b'#') => return Err(self.comment()),
            Some(_) => return Err(self.unexpected("a key must be in double quotes", "a `\"` is expected here", "write `\"name\": value`")),
            None => return Err(self.unclosed()),
        }
        self.skip_space();
        match self.peek() {
            Some(b':') => self.at += 1,
            Some(b'/' | b'#') => return Err(self.comment()),
            Some(_) => return Err(self.unexpected("a `:` is missing after a key", "a `:` is expected here", "write `\"name\": value`")),
            None => return Err(self.unclosed()),
        }
        Ok(())
    }

    fn value(&mut self) -> Result<(), Problem> {
        match self.peek() {
            Some(b'{') => self.begin(Shape::Map, b'}'),
            Some(b'[') => self.begin(Shape::List, b']'),
            Some(b'"') => {
                self.string()?;
                self.after_value()
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                self.after_value()
            }
            Some(b't') => self.word("true", Shape::True),
            Some(b'f') => self.word("false", Shape::False),
            Some(b'n') => self.word("null", Shape::Null),
            Some(b']') if self.builder.slot() == Slot::Item => Err(self.trailing_comma()),
            Some(b'/' | b'#') => Err(self.comment()),
            Some(b'\'') => Err(self.unexpected("a string must be in double quotes", "a `\"` is expected here", "write `\"` on both sides")),
            Some(b',' | b'}' | b']' | b':') => Err(self.unexpected("a value is missing", "a value is expected here", MISSING)),
            Some(_) => Err(self.not_json()),
            None => Err(self.unclosed()),
        }
    }

    /// Opens a collection; an empty one is closed at once, because elsewhere its end would be a trailing comma's.
    fn begin(&mut self, shape: Shape, end: u8) -> Result<(), Problem> {
        self.builder.open(Span::new(self.at, self.at + 1), shape)?;
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(end) { self.after_value() } else { Ok(()) }
    }

    /// Closes what ends here, then takes the comma before the next entry.
    fn after_value(&mut self) -> Result<(), Problem> {
        loop {
            self.skip_space();
            let Some(shape) = self.builder.innermost().map(|n| n.shape) else { return Ok(()) };
            match (self.peek(), shape) {
                (Some(b'}'), Shape::Map) | (Some(b']'), Shape::List) => {
                    self.at += 1;
                    self.builder.close(Span::new(self.at, self.at).end)?;
                }
                (Some(b','), _) => {
                    self.at += 1;
                    return Ok(());
                }
                (Some(b'/' | b'#'), _) => return Err(self.comment()),
                (Some(b'}' | b']'), _) => return Err(self.mismatched()),
                (Some(_), _) => {
                    return Err(self.unexpected(
                        "a comma is missing between two entries",
                        "a `,` is expected before this",
                        "put a comma between them",
                    ));
                }
                (None, _) => return Err(self.unclosed()),
            }
        }
    }

    fn word(&mut self, word: &str, shape: Shape) -> Result<(), Problem> {
        let span = self.token();
        if self.file.slice(span) != word {
            return Err(self.not_json());
        }
        self.builder.leaf(span, shape)?;
        self.at = span.end as usize;
        self.after_value()
    }

    fn number(&mut self) -> Result<(), Problem> {
        let span = self.token();
        let text = self.file.slice(span);
        if !is_number(text) {
            return Err(self.problem(span, "not a json number", "malformed").help(number_help(text)));
        }
        let shape = scalar::resolve(text).map_err(|why| number(self.file, span, why))?;
        self.builder.leaf(span, shape)?;
        self.at = span.end as usize;
        Ok(())
    }

    /// Reads the string that begins here; a byte scan suffices until the first escape.
    fn string(&mut self) -> Result<(), Problem> {
        let start = self.at;
        let mut cooked: Option<String> = None;
        let mut from = start + 1;
        self.at = from;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    let text = cooked.get_or_insert_with(String::new);
                    text.push_str(self.file.text.get(from..self.at).unwrap_or(""));
                    let c = self.escape(start)?;
                    cooked.get_or_insert_with(String::new).push(c);
                    from = self.at;
                }
                Some(b'\n' | b'\r' | b'\t') => return Err(self.raw_break(start)),
                Some(_) => self.at += 1,
                None => return Err(self.unclosed_string(start)),
            }
        }
        let span = Span::new(start, self.at + 1);
        match cooked {
            None => self.builder.leaf(span, Shape::Quoted)?,
            Some(mut text) => {
                text.push_str(self.file.text.get(from..self.at).unwrap_or(""));
                self.builder.string(span, &text, true)?;
            }
        }
        self.at += 1;
        Ok(())
    }

    fn escape(&mut self, string: usize) -> Result<char, Problem> {
        let start = self.at;
        let Some(letter) = self.bytes.get(start + 1) else { return Err(self.unclosed_string(string)) };
        self.at += 2;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(*letter),
            b'b' => '\u{8}',
            b'f' => '\u{C}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(start),
            _ => {
                let end = start + 1 + self.file.text.get(start + 1..).and_then(|s| s.chars().next()).map_or(1, char::len_utf8);
                return Err(self
                    .problem(Span::new(start, end), "unknown escape in a string", "not an escape")
                    .help("json knows `\\\"`, `\\\\`, `\\/`, `\\b`, `\\f`, `\\n`, `\\r`, `\\t` and `\\u` with four hex digits"));
            }
        })
    }

    /// Reads the digits after `\u`; characters beyond 16 bits come as two such escapes.
    fn unicode(&mut self, start: usize) -> Result<char, Problem> {
        let bad = |reader: &Self, what: &str| {
            let end = reader.at.min(reader.bytes.len());
            reader.problem(Span::new(start, end), what, "malformed").help("write four hex digits after each `\\u`")
        };
        let Some(first) = self.four_hex() else { return Err(bad(self, "a `\\u` escape without four hex digits")) };
        if let Some(c) = char::from_u32(first) {
            return Ok(c);
        }
        let pair = self.bytes.get(self.at..self.at + 2) == Some(b"\\u");
        if pair && first < 0xDC00 {
            self.at += 2;
            let second = self.four_hex().unwrap_or(0);
            if (0xDC00..0xE000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                return char::from_u32(code).ok_or_else(|| bad(self, "half of a surrogate pair"));
            }
        }
        Err(bad(self, "half of a surrogate pair"))
    }

    fn four_hex(&mut self) -> Option<u32> {
        let digits = self.file.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    fn end(self) -> Result<Tree, Problem> {
        match self.peek() {
            None => Ok(self.builder.finish()),
            Some(b'/' | b'#') => Err(self.comment()),
            Some(_) => Err(self.unexpected("text after the end of the document", "the document ended before this", REST)),
        }
    }

    /// The bytes up to the next separator: what a reader would call one word.
    fn token(&self) -> Span {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let separator =
            |b: &u8| matches!(b, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' | b';' | b'{' | b'}' | b'[' | b']' | b'"' | b'/' | b'#');
        let len = rest.iter().position(separator).unwrap_or(rest.len());
        Span::new(self.at, self.at + len.max(1))
    }

    fn problem(&self, span: Span, message: &str, label: &str) -> Problem {
        Problem::new("load/syntax", message).at(self.file, span, label)
    }

    fn unexpected(&self, message: &str, label: &str, help: &str) -> Problem {
        self.problem(self.token(), message, label).help(help)
    }

    fn not_json(&self) -> Problem {
        self.unexpected("not a json value", "not a value", "json values are `true`, `false`, `null`, numbers, and strings in double quotes")
    }

    fn comment(&self) -> Problem {
        let rest = self.file.text.get(self.at..).unwrap_or("");
        let len = rest.lines().next().map_or(1, str::len);
        self.problem(Span::new(self.at, self.at + len), "json has no comments", "a comment starts here")
            .help("delete it, or write the file as yaml, where `#` starts a comment")
    }

    fn trailing_comma(&self) -> Problem {
        let before = self.file.text.get(..self.at).unwrap_or("");
        let comma = before.rfind(',').unwrap_or(self.at);
        self.problem(Span::new(comma, comma + 1), "json has no trailing commas", "nothing follows this comma").help("delete the comma")
    }

    fn mismatched(&self) -> Problem {
        let opened = self.builder.innermost().map_or_else(Span::default, |n| n.span);
        let (open, close) = if self.file.slice(opened) == "{" { ('{', '}') } else { ('[', ']') };
        self.problem(Span::new(self.at, self.at + 1), &format!("`{open}` is closed by the wrong bracket"), "the wrong bracket")
            .at(self.file, opened, "opened here")
            .help(format!("close it with `{close}`"))
    }

    /// The text ends inside a collection, or where the root should be.
    fn unclosed(&self) -> Problem {
        let end = Span::new(self.bytes.len(), self.bytes.len());
        let Some(opened) = self.builder.innermost().map(|n| n.span) else {
            return self.problem(end, "a value is missing", "a value is expected here").help(MISSING);
        };
        self.problem(opened, &format!("`{}` is never closed", self.file.slice(opened)), "opened here")
            .at(self.file, end, "the file ends here")
            .help("close the bracket; perhaps the file was cut off")
    }

    fn unclosed_string(&self, start: usize) -> Problem {
        self.problem(Span::new(start, start + 1), "a string is never closed", "opened here").help("end the string with `\"`")
    }

    fn raw_break(&self, start: usize) -> Problem {
        let (name, escape) = if self.peek() == Some(b'\t') { ("tab", "\\t") } else { ("line break", "\\n") };
        self.problem(Span::new(start, self.at), &format!("a {name} inside a string"), "this string")
            .help(format!("end the string with `\"` on its line, or write the {name} as `{escape}`"))
    }
}

/// The problem of a number that cannot be held; YAML has the same one.
pub(super) fn number(file: &Arc<SourceFile>, span: Span, why: &str) -> Problem {
    Problem::new("load/number", why).at(file, span, "this number").help("put it in quotes if it is a name or an id")
}

fn is_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole) && (whole == "0" || !whole.starts_with('0')) && fraction.is_none_or(digits) && exponent.is_none_or(digits)
}

fn number_help(text: &str) -> &'static str {
    let digits = text.trim_start_matches('-');
    if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()) {
        "json numbers have no leading zeros; put it in quotes if it is an id"
    } else {
        "put it in quotes if it is a date, a version or an id"
    }
}
