//! How wide text is, estimated: nobody asks a font. Never narrower than a common wide font (DejaVu Sans) draws it.

use textwrap::core::display_width;

/// Lines of one piece of text.
pub(super) const LINE: f64 = 1.35;

/// Width in pixels at a size; bold text is wider.
pub(super) fn width(text: &str, size: f64, bold: bool) -> f64 {
    let em: f64 = text.chars().map(em).sum();
    em * size * if bold { 1.12 } else { 1.0 }
}

/// The part of the size one character takes.
fn em(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '|' | '\'' => 0.34,
        ' ' | '!' | ',' | '.' | ':' | ';' | 'f' | 't' | 'r' | 'I' | 'J' | '(' | ')' | '[' | ']' | '/' | '-' | '\\' => 0.43,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 1.0,
        '<' | '>' | '=' | '+' | '~' | '#' | '^' | '_' | '&' | 'O' | 'Q' | 'G' | 'N' | 'D' | 'H' | 'U' => 0.85,
        'A'..='Z' => 0.78,
        c if c.is_ascii() => 0.65,
        // One column or two, as on a terminal; some scripts draw wider than that says.
        c => 0.4 + 0.5 * display_width(c.encode_utf8(&mut [0; 4])) as f64,
    }
}

/// At most `most` lines no wider than `limit`; what does not fit ends in an ellipsis.
pub(super) fn wrap(text: &str, limit: f64, size: f64, bold: bool, most: usize) -> Vec<String> {
    let fits = |line: &str| width(line, size, bold) <= limit;
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    // A path may be parted behind its slashes.
    let pieces = text.split_whitespace().flat_map(|word| word.split_inclusive('/').enumerate());
    for (part, word) in pieces {
        let longer = if line.is_empty() || part > 0 { format!("{line}{word}") } else { format!("{line} {word}") };
        if fits(&longer) {
            line = longer;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        // A long name is broken behind one of its own separators where it has one.
        let mut rest = word;
        while !fits(rest) {
            let (head, tail) = broken(rest, limit, size, bold);
            if tail.is_empty() || lines.len() > most {
                break;
            }
            lines.push(head.to_owned());
            rest = tail;
        }
        line = rest.to_owned();
    }
    if !line.is_empty() {
        lines.push(line);
    }
    let cut = lines.len() > most;
    lines.truncate(most.max(1));
    let last = lines.len().saturating_sub(1);
    for (n, line) in lines.iter_mut().enumerate() {
        if n == last && cut {
            *line = shorten(&format!("{line}…"), limit, size, bold);
        } else if !fits(line) {
            *line = shorten(line, limit, size, bold);
        }
    }
    lines
}

/// As much as fits, and an ellipsis when that is not all.
pub(super) fn shorten(text: &str, limit: f64, size: f64, bold: bool) -> String {
    if width(text, size, bold) <= limit {
        return text.to_owned();
    }
    let room = limit - width("…", size, bold);
    let mut taken = 0.0;
    let kept: String = text
        .trim_end_matches('…')
        .chars()
        .take_while(|c| {
            taken += width(c.encode_utf8(&mut [0; 4]), size, bold);
            taken <= room
        })
        .collect();
    format!("{}…", kept.trim_end())
}

/// The longest part that fits, up to a separator where one is past the middle, and the rest.
fn broken(word: &str, limit: f64, size: f64, bold: bool) -> (&str, &str) {
    let (mut taken, mut last, mut separator) = (0.0, 0, 0);
    for (at, c) in word.char_indices() {
        taken += width(c.encode_utf8(&mut [0; 4]), size, bold);
        if taken > limit && at > 0 {
            break;
        }
        last = at + c.len_utf8();
        if "/.-_:".contains(c) {
            separator = last;
        }
    }
    let at = if separator * 2 > last && last < word.len() { separator } else { last };
    word.split_at_checked(at).unwrap_or((word, ""))
}
