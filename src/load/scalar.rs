//! The YAML 1.2 core schema for plain scalars; JSON's words and numbers are a subset of it. It never guesses beyond that schema.

use super::tree::Shape;

/// What a plain scalar is, or why it cannot be held.
pub(super) fn resolve(text: &str) -> Result<Shape, &'static str> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Shape::Null),
        "true" | "True" | "TRUE" => return Ok(Shape::True),
        "false" | "False" | "FALSE" => return Ok(Shape::False),
        _ => {}
    }
    // Almost every scalar is a word: one look at its first byte settles it.
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Ok(Shape::Bare);
    }
    if is_int(text) {
        return int(text).map(|_| Shape::Int).ok_or("the number does not fit into 64 bits");
    }
    if is_float(text) {
        return float(text).map(|_| Shape::Float).ok_or("the number is too large for a 64 bit float");
    }
    if is_not_finite(text) {
        return Err("infinity and nan are not supported: json cannot say them");
    }
    Ok(Shape::Bare)
}

/// The value of an integer that [`is_int`] accepts, if it fits.
pub(super) fn int(text: &str) -> Option<i64> {
    if let Some(digits) = text.strip_prefix("0x") {
        return i64::from_str_radix(digits, 16).ok();
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return i64::from_str_radix(digits, 8).ok();
    }
    text.parse().ok()
}

/// The value of a number, if it is finite.
pub(super) fn float(text: &str) -> Option<f64> {
    text.parse().ok().filter(|f: &f64| f.is_finite())
}

fn is_int(text: &str) -> bool {
    if let Some(digits) = text.strip_prefix("0x") {
        return !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return !digits.is_empty() && digits.bytes().all(|b| matches!(b, b'0'..=b'7'));
    }
    let digits = unsigned(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match unsigned(text).split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(unsigned(exponent))),
        None => (unsigned(text), None),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()) && exponent.is_none_or(|e| !e.is_empty() && digits(e))
}

fn is_not_finite(text: &str) -> bool {
    matches!(unsigned(text), ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}
