//! What a pattern cannot say of a text: that a day is in the calendar, that a time span can be counted. Never knows what either is for.

use jiff::civil::Date;

/// Years in which something can be signed, dated or due; a year outside is a slip of the keyboard.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2199;
/// The longest span that can be meant, in years; what is kept for ever says so with a word.
const LONGEST: f64 = 1_000.0;

/// A day of the calendar, `YYYY-MM-DD`, in a year that can be meant.
pub(super) fn is_date(text: &str) -> bool {
    text.len() == "2026-07-01".len() && text.parse::<Date>().is_ok_and(|date| YEARS.contains(&date.year()))
}

/// A span that is no longer than can be meant; its form is held by the schema's pattern.
pub(super) fn is_duration(text: &str) -> bool {
    let mut years = 0.0;
    let mut digits = String::new();
    for c in text.chars().skip(1) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let Ok(n) = digits.parse::<u32>() else { return false };
        digits.clear();
        years += f64::from(n)
            / match c {
                'M' => 12.0,
                'W' => 52.0,
                'D' => 365.0,
                _ => 1.0,
            };
    }
    years <= LONGEST
}

#[cfg(test)]
mod tests {
    use super::{is_date, is_duration};

    #[test]
    fn days_that_can_be_meant() {
        for (text, expected) in [
            ("2026-07-01", true),
            ("2028-02-29", true),
            ("1900-01-01", true),
            ("2199-12-31", true),
            ("2026-02-29", false),
            ("2026-04-31", false),
            ("1899-12-31", false),
            ("2200-01-01", false),
            ("0000-01-01", false),
            ("+02026-07-1", false),
            ("2026-7-001", false),
            ("20260701", false),
        ] {
            assert_eq!(is_date(text), expected, "{text}");
        }
    }

    #[test]
    fn spans_that_can_be_counted() {
        for (text, expected) in
            [("P30D", true), ("P1000Y", true), ("P1001Y", false), ("P99999999999999999999D", false), ("P365001D", false), ("P10Y6M", true)]
        {
            assert_eq!(is_duration(text), expected, "{text}");
        }
    }
}
