//! Text of declarations in SARIF: plain messages, Markdown, URIs. Names never become links, placeholders or markup.

use crate::report::plain::line;

/// A plain-text message. A link needs `](`, so a blank between the two makes none; braces are doubled, for single ones are placeholders.
/// Source: SARIF 2.1.0, 3.11.5 and 3.11.6.
pub(super) fn plain(text: &str) -> String {
    line(text).replace("](", "] (").replace('{', "{{").replace('}', "}}")
}

/// The text of a link in a plain-text message; brackets and backslashes are escaped there (SARIF 2.1.0, 3.11.6). What looks like a link is broken
/// up all the same, for readers that do not know of escapes.
pub(super) fn link_text(text: &str) -> String {
    line(text).replace("](", "] (").replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]").replace('{', "{{").replace('}', "}}")
}

/// A Markdown message: what stands between two backticks is code, every other punctuation mark stands for itself.
pub(super) fn markdown(text: &str) -> String {
    // Two backticks in a row open another kind of code, in which the pairs would not be ours.
    let text = line(text).replace("``", "\u{2cb}\u{2cb}").replace('{', "{{").replace('}', "}}");
    let parts: Vec<&str> = text.split('`').collect();
    let last = parts.len().saturating_sub(1);
    let mut out = String::new();
    for (n, part) in parts.iter().enumerate() {
        match n % 2 {
            1 if n < last => out.push_str(&format!("`{part}`")),
            // A backtick without its pair.
            1 => {
                out.push_str("\\`");
                out.push_str(&escaped(part));
            }
            _ => out.push_str(&escaped(part)),
        }
    }
    out
}

/// Punctuation that does nothing in the middle of a line stays readable; a bare web address may become a link, for it shows where it leads.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_punctuation() && !".,()'/:;%?=+\"-{}".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A relative URI reference of a path: UTF-8, everything but unreserved characters and `/` percent-encoded, so that no part of it can be taken for
/// a scheme, a query or a fragment (RFC 3986, 2.3 and 4.2).
pub(super) fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_no_links_and_no_placeholders() {
        assert_eq!(plain("a [b](https://c) {0}"), "a [b] (https://c) {{0}}");
        assert_eq!(plain("write `impact: [none]`"), "write `impact: [none]`");
        assert_eq!(link_text("a\\[b]"), "a\\\\\\[b\\]");
        assert_eq!(link_text("[a](b)"), "\\[a\\] (b)");
        assert_eq!(plain("a\u{1b}[31m\nb"), "a\\u{{1b}}[31m b");
    }

    #[test]
    fn names_become_no_markup() {
        assert_eq!(markdown("`a` is *b*, <b>c</b> [d](e)"), "`a` is \\*b\\*, \\<b\\>c\\</b\\> \\[d\\](e)");
        // A backtick in a name shifts the pairs; what is then outside is escaped, and the last one, without a pair, too.
        assert_eq!(markdown("`a`<b>`"), "`a`\\<b\\>\\`");
        assert_eq!(markdown("`a``<b>`"), "`a\u{2cb}\u{2cb}<b>`");
        assert_eq!(markdown("# a | b\n- c"), "\\# a \\| b - c");
    }

    #[test]
    fn a_path_is_one_relative_reference() {
        assert_eq!(uri("flows/a b#c?.yaml"), "flows/a%20b%23c%3F.yaml");
        assert_eq!(uri("javascript:x"), "javascript%3Ax");
        assert_eq!(uri("ü/100%"), "%C3%BC/100%25");
    }
}
