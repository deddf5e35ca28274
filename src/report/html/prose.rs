//! Texts of packs and citations: paragraphs, lists, tables of two columns and code of Markdown, and links to the law. Everything else stays text.

use super::write::Html;

/// The part of a page under a heading of the second level.
pub(super) fn section<'t>(page: &'t str, heading: &str) -> Option<&'t str> {
    let mut parts = page.split("\n## ").skip(1);
    let part = parts.find_map(|part| part.strip_prefix(heading)?.strip_prefix('\n'))?;
    Some(part.trim())
}

/// The rows of a table without heads at the start of a page: what it calls a thing, and what it says.
pub(super) fn pairs(page: &str) -> Vec<(&str, &str)> {
    let start = page.split("\n## ").next().unwrap_or_default();
    let rows = start.lines().skip_while(|l| !l.starts_with('|')).take_while(|l| l.starts_with('|'));
    let mut pairs = rows.filter_map(|row| {
        let (key, value) = row.trim().trim_matches('|').split_once('|')?;
        Some((key.trim(), value.trim()))
    });
    if pairs.next() != Some(("", "")) {
        return Vec::new();
    }
    pairs.filter(|(key, _)| !key.is_empty() && !key.chars().all(|c| c == '-' || c == ':')).collect()
}

/// The first paragraph after the title.
pub(super) fn opening(page: &str) -> &str {
    let plain = |part: &&str| !part.trim().is_empty() && !part.trim_start().starts_with(['#', '|', '-', '`']);
    page.split("\n\n").find(plain).unwrap_or_default().trim()
}

/// Markdown as far as the packs use it.
pub(super) fn markdown(h: &mut Html, text: &str) {
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let bare = line.trim_start();
        if bare.starts_with("```") {
            let code: Vec<&str> = lines.by_ref().take_while(|l| !l.trim_start().starts_with("```")).collect();
            code_block(h, &code);
        } else if bare.starts_with("- ") {
            let mut items = vec![item(bare)];
            while let Some(next) = lines.next_if(|l| !l.trim().is_empty()) {
                match (next.trim_start().starts_with("- "), items.last_mut()) {
                    (true, _) | (_, None) => items.push(item(next.trim_start())),
                    (false, Some(last)) => *last = format!("{last} {}", next.trim()),
                }
            }
            h.element("ul", &[], |h| items.iter().for_each(|item| h.element("li", &[], |h| inline(h, item))));
        } else if !bare.is_empty() {
            let mut paragraph = bare.to_owned();
            while let Some(next) = lines.next_if(|l| !l.trim().is_empty() && !l.trim_start().starts_with("- ") && !l.starts_with("```")) {
                paragraph = format!("{paragraph} {}", next.trim());
            }
            h.element("p", &[], |h| inline(h, &paragraph));
        }
    }
}

fn item(line: &str) -> String {
    line.trim_start_matches("- ").trim().to_owned()
}

/// Lines of code, one element each, since text loses its line breaks.
pub(super) fn code_block(h: &mut Html, lines: &[&str]) {
    h.element("div", &[("class", "code")], |h| lines.iter().for_each(|line| h.word("code", &[("class", "row")], line)));
}

/// Code, emphasis and citations within a paragraph.
fn inline(h: &mut Html, text: &str) {
    for (n, piece) in text.split('`').enumerate() {
        if n % 2 == 1 {
            h.word("code", &[], piece);
            continue;
        }
        for (n, strong) in piece.split("**").enumerate() {
            if n % 2 == 1 {
                h.word("strong", &[], strong);
            } else {
                cited(h, &strong.replace('*', ""));
            }
        }
    }
}

/// Web addresses and citations of the Code of Federal Regulations as links. Only https, and never another scheme.
pub(super) fn cited(h: &mut Html, text: &str) {
    let mut title = None;
    let mut words = text.split_inclusive(' ').peekable();
    while let Some(word) = words.next() {
        let bare = word.trim_end().trim_end_matches([',', ';', '.', ')']);
        // The paragraph belongs to the citation: `164.502(e)(1)`.
        let bare = if bare.contains('(') { word.trim_end().trim_end_matches([',', ';', '.']) } else { bare };
        if words.peek().is_some_and(|next| next.trim_end() == "CFR") && !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_digit()) {
            title = Some(bare);
        }
        let address = if bare.starts_with("https://") {
            Some(bare.to_owned())
        } else {
            title.and_then(|title| Some(format!("https://www.ecfr.gov/current/title-{title}/section-{}", number(bare)?)))
        };
        match address {
            Some(address) => {
                h.word("a", &[("href", &address), ("rel", "noreferrer")], bare);
                h.text(word.get(bare.len()..).unwrap_or_default());
            }
            None => h.text(word),
        }
    }
}

/// `164.502` of `164.502(e)(1)(i)`.
fn number(word: &str) -> Option<&str> {
    let number = word.split('(').next()?;
    let (part, section) = number.split_once('.')?;
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    (digits(part) && digits(section)).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Html)) -> String {
        let mut html = Html::default();
        write(&mut html);
        html.into_text()
    }

    #[test]
    fn only_https_and_the_federal_regulations_become_links() {
        let law = written(|h| cited(h, "45 CFR 164.502(e)(1)(i), 160.103; NIST 1.2"));
        assert!(
            law.contains("href=\"https://www.ecfr.gov/current/title-45/section-164.502\" rel=\"noreferrer\">164.502(e)(1)(i)</a>, "),
            "{law}"
        );
        for text in ["javascript:alert(1)", "http://a.example", "NIST AI RMF 1.0", "data:text/html,x"] {
            assert_eq!(written(|h| cited(h, text)), text);
        }
    }

    #[test]
    fn lists_run_over_lines_and_markup_inside_stays_text() {
        let text = written(|h| markdown(h, "One\ntwo.\n\n- a `<b>`\n  goes *on*\n- c\n\n```yaml\n- {}\n```\nlast"));
        let list = "<ul><li>a <code>&lt;b&gt;</code> goes on</li>\n<li>c</li>\n</ul>\n";
        assert_eq!(text, format!("<p>One two.</p>\n{list}<div class=\"code\"><code class=\"row\">- {{}}</code></div>\n<p>last</p>\n"));
    }

    #[test]
    fn sections_and_pairs_are_found() {
        let page = "# p\n\nOpening.\n\n| | |\n|---|---|\n| law | X |\n| edition | 2026 |\n\n## Why\n\nbecause\n\n## Whyever\n\nno\n";
        assert_eq!((opening(page), section(page, "Why"), section(page, "How")), ("Opening.", Some("because"), None));
        assert_eq!(pairs(page), [("law", "X"), ("edition", "2026")]);
        assert_eq!(pairs("# p\n\n| rule | asks |\n|---|---|\n| a | b |\n"), []);
    }
}
