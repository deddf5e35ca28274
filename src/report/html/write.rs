//! An HTML writer: elements that always close, text and attributes that are always escaped. Knows nothing of reports.

use crate::report::text::is_hostile;

/// Names and values of one element's attributes.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

/// Elements after which a line break reads well and changes nothing.
const BLOCKS: [&str; 25] = [
    "article", "dd", "details", "div", "dl", "dt", "fieldset", "figure", "footer", "form", "header", "h1", "h2", "h3", "h4", "h5", "li",
    "main", "nav", "ol", "p", "section", "table", "tr", "ul",
];

/// A piece of a page.
#[derive(Default)]
pub(super) struct Html {
    text: String,
}

impl Html {
    /// The page so far.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// An element and what stands inside it.
    pub(super) fn element(&mut self, tag: &'static str, attributes: Attributes<'_>, inside: impl FnOnce(&mut Self)) {
        self.start(tag, attributes);
        inside(self);
        self.text.push_str("</");
        self.text.push_str(tag);
        self.text.push('>');
        if BLOCKS.contains(&tag) {
            self.text.push('\n');
        }
    }

    /// An element that holds nothing but text.
    pub(super) fn word(&mut self, tag: &'static str, attributes: Attributes<'_>, text: &str) {
        self.element(tag, attributes, |h| h.text(text));
    }

    /// An element without an end: `meta`, `input`, `br`.
    pub(super) fn start(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.text.push('<');
        self.text.push_str(tag);
        for (name, value) in attributes {
            self.text.push(' ');
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(&mut self.text, value);
            self.text.push('"');
        }
        self.text.push('>');
    }

    /// Text as text.
    pub(super) fn text(&mut self, text: &str) {
        escape(&mut self.text, text);
    }

    /// Text in which names stand in backticks; the names as code.
    pub(super) fn ticked(&mut self, text: &str) {
        let mut pieces = text.split('`').peekable();
        let mut code = false;
        while let Some(piece) = pieces.next() {
            // A tick without a partner is a tick.
            let alone = code && pieces.peek().is_none();
            match code {
                true if alone => {
                    self.text("`");
                    self.text(piece);
                }
                true => self.word("code", &[], piece),
                false => self.text(piece),
            }
            code = !code;
        }
    }

    /// Markup that this crate made itself: the style, the script, the drawings.
    pub(super) fn trusted(&mut self, markup: &str) {
        self.text.push_str(markup);
    }
}

/// Escapes for text and quoted attributes alike. Characters that change what others look like are shown by their number.
pub(super) fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(' '),
            '\r' => {}
            c if is_hostile(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
}

/// Base64 (RFC 4648, section 4), as a content security policy wants its hashes.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |n: usize| u32::from(chunk.get(n).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4_usize {
            let digit = DIGITS.get((bits >> (18 - 6 * n) & 63) as usize).filter(|_| n <= chunk.len());
            out.push(digit.map_or('=', |d| char::from(*d)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        let cases =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy")];
        for (plain, encoded) in cases {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn text_and_attributes_are_escaped() {
        let mut html = Html::default();
        html.word("b", &[("title", "\"'><\u{202e}")], "</b>&\n\u{1b}");
        assert_eq!(html.into_text(), "<b title=\"&quot;&#39;&gt;&lt;\\u{202e}\">&lt;/b&gt;&amp; \\u{1b}</b>");
    }

    #[test]
    fn ticks_make_code_and_an_odd_one_stays() {
        let mut html = Html::default();
        html.ticked("`a<b` is `c");
        assert_eq!(html.into_text(), "<code>a&lt;b</code> is `c");
    }
}
