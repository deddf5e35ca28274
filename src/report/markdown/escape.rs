//! Text from outside inside GitHub-flavoured Markdown: it shows as it is written and steers nothing. Never decides what is shown.
//!
//! Names stand in code, because that is where GitHub looks for nothing: no mention that notifies, no reference to an issue or a commit, no link, no
//! emoji, no formula. Entities would not do: mentions are looked for in the rendered page (html-pipeline's mention filter passes over `pre`,
//! `code` and `a` alone). Words of a sentence that GitHub would take for one of these become code for the same reason.

use crate::report::Style;
use crate::report::text::{cut, safe, section};

/// Markdown is UTF-8 and knows no colours.
pub(in crate::report) const STYLE: Style = Style { unicode: true, ..Style::PLAIN };

/// Characters of one name; a page of one name would say nothing else.
const NAME: usize = 240;

/// Characters of one sentence.
const SENTENCE: usize = 2_000;

/// What is written in a piece of text.
enum Piece<'t> {
    /// A name, in backticks.
    Name(&'t str),
    /// What stands around it.
    Words(&'t str),
}

/// A name as a code span.
pub(in crate::report) fn code(name: &str) -> String {
    let name = cut(&STYLE, &safe(&STYLE, name), NAME);
    // Whether a backslash before a bar is taken off differs between a table and a paragraph; an entity means the same in both.
    if name.contains('|') || name.trim().is_empty() {
        return tagged(&name);
    }
    let fence = "`".repeat(longest_run(&name) + 1);
    let pad = if name.starts_with(['`', ' ']) || name.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{pad}{name}{pad}{fence}")
}

/// A name in `code` tags, every character that could mean something written as a number.
fn tagged(name: &str) -> String {
    let numbered: String =
        name.chars().map(|c| if c.is_ascii_punctuation() { format!("&#{};", u32::from(c)) } else { c.to_string() }).collect();
    format!("<code>{numbered}</code>")
}

/// A sentence: names in backticks become code, everything else is text.
pub(in crate::report) fn prose(text: &str) -> String {
    let text = cut(&STYLE, &safe(&STYLE, text), SENTENCE);
    let mut out = String::with_capacity(text.len() + 16);
    for piece in pieces(&text) {
        match piece {
            Piece::Name(name) => push_code(&mut out, name),
            Piece::Words(words) => {
                for word in words.split_inclusive(' ') {
                    push_word(&mut out, word);
                }
            }
        }
    }
    unlisted(out)
}

/// A citation: a sentence whose sections of the Code of Federal Regulations are links to it.
pub(in crate::report) fn cited(text: &str) -> String {
    let text = cut(&STYLE, &safe(&STYLE, text), SENTENCE);
    let mut out = String::with_capacity(text.len() + 16);
    let mut title = None;
    for piece in pieces(&text) {
        let Piece::Words(words) = piece else {
            if let Piece::Name(name) = piece {
                push_code(&mut out, name);
            }
            continue;
        };
        let mut words = words.split_inclusive(' ').peekable();
        while let Some(word) = words.next() {
            let bare = word.trim_end().trim_end_matches([',', ';', '.']);
            if words.peek().is_some_and(|next| next.trim_end() == "CFR") && !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_digit()) {
                title = Some(bare);
            }
            match title.zip(section(bare)) {
                Some((title, section)) => {
                    let rest = word.get(bare.len()..).unwrap_or_default();
                    out.push_str(&format!("[{}](https://www.ecfr.gov/current/title-{title}/section-{section}){rest}", plain(bare)));
                }
                None => push_word(&mut out, word),
            }
        }
    }
    out
}

/// A sentence for the inside of an HTML element, where Markdown means nothing.
pub(in crate::report) fn html_prose(text: &str) -> String {
    let text = cut(&STYLE, &safe(&STYLE, text), SENTENCE);
    let mut out = String::with_capacity(text.len() + 16);
    for piece in pieces(&text) {
        match piece {
            Piece::Name(name) => out.push_str(&html_code(name)),
            Piece::Words(words) => {
                for word in words.split_inclusive(' ') {
                    let (before, bare, rest) = parted(word);
                    out.push_str(&html(before));
                    out.push_str(&if means_something(bare) { html_code(bare) } else { html(bare) });
                    out.push_str(&html(rest));
                }
            }
        }
    }
    out
}

/// A name for the inside of an HTML element.
pub(in crate::report) fn html_code(name: &str) -> String {
    format!("<code>{}</code>", html(&cut(&STYLE, &safe(&STYLE, name), NAME)))
}

/// A block of code, its fence longer than any run of backticks in it.
pub(in crate::report) fn block(language: &str, text: &str) -> String {
    let fence = "`".repeat((longest_run(text) + 1).max(3));
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

/// At the start of a line, a dash or a number with a period opens a list, and a row of signs underlines a heading.
fn unlisted(text: String) -> String {
    let text = text.trim_start();
    let sign = text.starts_with(['-', '+', '=']);
    let (number, rest) =
        text.split_at_checked(text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len()).unwrap_or(("", text));
    let numbered = !number.is_empty() && rest.starts_with(['.', ')']);
    if sign || numbered { format!("{number}\\{rest}") } else { text.to_owned() }
}

/// Names and what stands between them. A backtick without a partner is a character as any other.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('`') {
        let Some((name, behind)) = after.split_once('`') else { break };
        pieces.extend([Piece::Words(before), Piece::Name(name)]);
        rest = behind;
    }
    pieces.push(Piece::Words(rest));
    pieces
}

fn push_code(out: &mut String, name: &str) {
    // Two spans side by side would be one with backticks in it.
    let span = if out.ends_with('`') { tagged(&cut(&STYLE, name, NAME)) } else { code(name) };
    out.push_str(&span);
}

fn push_word(out: &mut String, word: &str) {
    let (before, bare, rest) = parted(word);
    out.push_str(&plain(before));
    if means_something(bare) {
        push_code(out, bare);
    } else {
        out.push_str(&plain(bare));
    }
    out.push_str(&plain(rest));
}

/// What stands before a word, the word, and what stands behind it.
fn parted(word: &str) -> (&str, &str, &str) {
    let from_word = word.trim_start_matches(['(', '"', '\'']);
    let bare = from_word.trim_end().trim_end_matches([',', ';', '.', ')', '"', '\'']);
    let before = word.len() - from_word.len();
    (word.get(..before).unwrap_or_default(), bare, from_word.get(bare.len()..).unwrap_or_default())
}

/// GitHub takes the word for a mention, a reference to an issue or a commit, an address, an emoji or a formula.
fn means_something(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let inner = word.trim_matches(|c: char| !c.is_alphanumeric());
    let issue = lower.split("gh-").skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let commit =
        (7..=40).contains(&inner.len()) && inner.bytes().all(|b| b.is_ascii_hexdigit()) && inner.bytes().any(|b| b.is_ascii_digit());
    word.contains(['@', '#', '$']) || word.contains("://") || lower.contains("www.") || word.matches(':').count() > 1 || issue || commit
}

/// Text without meaning to Markdown, on one line.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '|' => out.push_str("&#124;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '`' => out.push_str("&#96;"),
            c => out.push(c),
        }
    }
    out
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_code_whatever_it_holds() {
        assert_eq!(code("ehr.note"), "`ehr.note`");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`a``"), "``` `a`` ```");
        assert_eq!(code("a\n\n# b"), "`a  # b`");
        assert_eq!(code("a|b"), "<code>a&#124;b</code>");
        assert_eq!(code("<b>*|"), "<code>&#60;b&#62;&#42;&#124;</code>");
        assert_eq!(code(""), "<code></code>");
        assert_eq!(code("a\u{202e}b\u{1b}[31m"), "`a\\u{202e}b\\u{1b}[31m`");
        assert!(code(&"x".repeat(5_000)).chars().count() < 300);
    }

    #[test]
    fn words_that_github_would_follow_are_code_and_others_are_text() {
        assert_eq!(prose("see @acme/legal, and #12."), "see `@acme/legal`, and `#12`.");
        assert_eq!(prose("(https://a.example/x)"), "(`https://a.example/x`)");
        assert_eq!(prose("GH-7 www.a.example deadbeef1 $x$ :tada:"), "`GH-7` `www.a.example` `deadbeef1` `$x$` `:tada:`");
        assert_eq!(prose("with GHz, defaced, a: b, 5 % and 45 CFR 164"), "with GHz, defaced, a: b, 5 % and 45 CFR 164");
        assert_eq!(prose("<img src=x> *a* [b](c) x|y"), "&lt;img src=x&gt; \\*a\\* \\[b\\](c) x&#124;y");
        assert_eq!(prose("`a` goes to `b`"), "`a` goes to `b`");
        assert_eq!(prose("a ` b"), "a \\` b");
        assert_eq!([prose("- a"), prose("---"), prose("12. b"), prose("12 b")], ["\\- a", "\\---", "12\\. b", "12 b"]);
        assert_eq!(prose("`a`@team"), "`a`<code>&#64;team</code>");
        assert_eq!(html_prose("`<a>` & @team <b>"), "<code>&lt;a&gt;</code> &amp; <code>@team</code> &lt;b&gt;");
    }

    #[test]
    fn a_citation_of_the_cfr_is_a_link_and_another_is_none() {
        assert_eq!(
            cited("45 CFR 164.502(e)(1), 164.504"),
            "45 CFR [164.502(e)(1)](https://www.ecfr.gov/current/title-45/section-164.502), [164.504](https://www.ecfr.gov/current/title-45/section-164.504)"
        );
        assert_eq!(cited("NIST AI RMF 1.0, MEASURE 2.7"), "NIST AI RMF 1.0, MEASURE 2.7");
        assert_eq!(cited("clause (`deletion_days`)"), "clause (`deletion_days`)");
    }

    #[test]
    fn a_block_ends_where_it_is_meant_to() {
        assert_eq!(block("mermaid", "a\n```\nb\n"), "````mermaid\na\n```\nb\n````\n");
    }
}
