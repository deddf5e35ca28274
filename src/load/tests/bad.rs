//! What is refused: the code, the exact message and the exact text underlined.

use super::load;
use crate::load::{Document, Format, Limits};
use crate::problem::Problem;

/// Text, code, message, and the text under each place.
type Case = (&'static str, &'static str, &'static str, &'static [&'static str]);

#[track_caller]
fn refuses(format: Format, cases: &[Case]) {
    for (text, code, message, under) in cases {
        let problem = load(text, format).map(|d| d.root().to_json()).err().unwrap_or_else(|| panic!("accepted {text:?}"));
        expect(text, &problem, code, message, under);
    }
}

#[track_caller]
fn expect(text: &str, problem: &Problem, code: &str, message: &str, under: &[&str]) {
    let shown: Vec<_> = problem.places.iter().map(|p| p.file.slice(p.span)).collect();
    assert_eq!((problem.code, problem.message.as_str(), shown.as_slice()), (code, message, under), "{text:?}");
    assert!(problem.help.is_some(), "{text:?} has no way out");
    let first = problem.message.chars().next().unwrap();
    assert!(!first.is_uppercase() && !problem.message.ends_with('.') && !problem.message.contains('\n'), "{}", problem.message);
}

#[test]
fn yaml_that_hides_what_it_says() {
    refuses(
        Format::Yaml,
        &[
            ("a: &x 1\nb: *x\n", "load/anchor", "anchor `x` is not supported", &["&x"]),
            ("&r a: 1\n", "load/anchor", "anchor `r` is not supported", &["&r"]),
            ("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", "load/anchor", "anchor `a` is not supported", &["&a"]),
            ("a: *x\n", "load/alias", "alias `x` is not supported", &["*x"]),
            ("*x : 1\n", "load/alias", "alias `x` is not supported", &["*x"]),
            ("a:\n  <<: {b: 1}\n", "load/merge-key", "merge key `<<` is not supported", &["<<"]),
            ("a: !!str 5\n", "load/tag", "tag `!!str` is not supported", &["!!str"]),
            ("- !x\n  a: 1\n", "load/tag", "tag `!x` is not supported", &["!x"]),
            ("a: !x [1]\n", "load/tag", "tag `!x` is not supported", &["!x"]),
            ("a: !x!y 1\n", "load/tag", "a tag is not supported", &["!"]),
            ("a: 1\n---\nb: 1\n", "load/several-documents", "a second document in one file", &["---"]),
            ("---\na: 1\n---\n", "load/several-documents", "a second document in one file", &["---"]),
            ("a: 1\n...\nbee: 1\n", "load/several-documents", "a second document in one file", &["bee"]),
            ("%YAML 1.2\n---\na: 1\n", "load/directive", "a yaml directive is not supported", &["%"]),
            ("a: 1\nb: 2\na: 3\n", "load/duplicate-key", "key `a` is given twice in one map", &["a", "a"]),
            ("1: a\n\"1\": b\n", "load/duplicate-key", "key `1` is given twice in one map", &["\"1\"", "1"]),
            ("- {b: 1, c: {d: 1}, \"\\x62\": 3}\n", "load/duplicate-key", "key `b` is given twice in one map", &["\"\\x62\"", "b"]),
            ("? [a]\n: b\n", "load/key", "a list or a map cannot be a key", &["["]),
            ("{{a: b}: c}\n", "load/key", "a list or a map cannot be a key", &["{"]),
            (": x\n", "load/key", "a key is missing", &[""]),
            ("a: 9223372036854775808\n", "load/number", "the number does not fit into 64 bits", &["9223372036854775808"]),
            ("a: 1e999\n", "load/number", "the number is too large for a 64 bit float", &["1e999"]),
            ("a: -.inf\n", "load/number", "infinity and nan are not supported: json cannot say them", &["-.inf"]),
            ("a: \"x\\0y\"\n", "load/control-character", "control character U+0000", &["\"x\\0y\""]),
            ("\"\\e[2J\": 1\n", "load/control-character", "control character U+001B", &["\"\\e[2J\""]),
        ],
    );
}

#[test]
fn yaml_that_is_malformed() {
    refuses(
        Format::Yaml,
        &[
            ("a:\n\tb: 1\n", "load/tab", "a tab where yaml takes spaces only", &["\t"]),
            ("a:\n  b: 1\n\tc: 2\n", "load/tab", "a tab where yaml takes spaces only", &["\t"]),
            ("\ta: 1\n", "load/tab", "a tab where yaml takes spaces only", &["\t"]),
            ("a:\n  - b\n \t- c\n", "load/tab", "a tab where yaml takes spaces only", &["\t"]),
            ("a: |\n\tx\n", "load/tab", "a tab where yaml takes spaces only", &["\t"]),
            ("a: 'x\n", "load/syntax", "a quoted string is never closed", &["'"]),
            ("a: \"x\nb: 1\n", "load/syntax", "a quoted string is never closed", &["\""]),
            ("a: {b: 1\n", "load/syntax", "`{` is never closed", &["{"]),
            ("a: [1, 2\nb: 3\n", "load/syntax", "a `:` where no key can be", &[":", "["]),
            ("a: {b: 1]\n", "load/syntax", "`{` is closed by the wrong bracket", &["{"]),
            ("a: ]\n", "load/syntax", "a closing bracket that nothing opened", &["]"]),
            ("a: [1,,2]\n", "load/syntax", "a value is missing", &[",", "["]),
            ("{a: 1 b: 2}\n", "load/syntax", "a `,` or `}` is missing", &[":", "{"]),
            ("a: b: c\n", "load/syntax", "a `:` where no key can be", &[":"]),
            ("a:\n  b: 1\n see: 2\n", "load/syntax", "this line does not fit the indentation around it", &["see"]),
            ("a: 1\nbee\n", "load/syntax", "a `:` is missing after a key", &["bee"]),
            ("- a\nbee: 1\n", "load/syntax", "this line does not fit the list around it", &["bee"]),
            ("a: - b\n", "load/syntax", "a `-` where no list can start", &["-"]),
            ("a: @x\n", "load/syntax", "a value cannot start with this character", &["@"]),
            ("a: \"x\" yes\n", "load/syntax", "text after a closing quote", &["yes"]),
            ("a: 'it's'\n", "load/syntax", "text after a closing quote", &["s"]),
            ("a: \"\\q\"\n", "load/syntax", "unknown escape in a string", &["\""]),
            ("a: \"\\ud800\"\n", "load/syntax", "a malformed escape in a string", &["\""]),
            ("a: x # c\n  y\n", "load/syntax", "a comment inside a value of several lines", &["#"]),
            ("a: |x\n b\n", "load/syntax", "text after `|` or `>`", &["|"]),
            ("a: 1\n\u{feff}b: 2\n", "load/control-character", "invisible character U+FEFF", &["\u{feff}"]),
            ("a: & x\n", "load/syntax", "a `&` or `*` without a name", &["&"]),
        ],
    );
}

#[test]
fn json_that_is_malformed() {
    refuses(
        Format::Json,
        &[
            ("{\"a\": [1", "load/syntax", "`[` is never closed", &["[", ""]),
            ("{\"a\":", "load/syntax", "`{` is never closed", &["{", ""]),
            ("{\"a\":1,}", "load/syntax", "json has no trailing commas", &[","]),
            ("[1 , ]", "load/syntax", "json has no trailing commas", &[","]),
            ("[1,,2]", "load/syntax", "a value is missing", &[","]),
            ("{\"a\":}", "load/syntax", "a value is missing", &["}"]),
            ("{,}", "load/syntax", "a comma too many", &[","]),
            ("{abc: 1}", "load/syntax", "a key must be in double quotes", &["abc"]),
            ("['a']", "load/syntax", "a string must be in double quotes", &["'a'"]),
            ("[1 2]", "load/syntax", "a comma is missing between two entries", &["2"]),
            ("{\"a\" 1}", "load/syntax", "a `:` is missing after a key", &["1"]),
            ("{\"a\":1]", "load/syntax", "`{` is closed by the wrong bracket", &["]", "{"]),
            ("{} {}", "load/syntax", "text after the end of the document", &["{"]),
            ("[1, // c\n2]", "load/syntax", "json has no comments", &["// c"]),
            ("# c\n{}", "load/syntax", "json has no comments", &["# c"]),
            ("[007]", "load/syntax", "not a json number", &["007"]),
            ("[2026-01-02]", "load/syntax", "not a json number", &["2026-01-02"]),
            ("[1.]", "load/syntax", "not a json number", &["1."]),
            ("[NaN]", "load/syntax", "not a json value", &["NaN"]),
            ("[truex]", "load/syntax", "not a json value", &["truex"]),
            ("[\"a", "load/syntax", "a string is never closed", &["\""]),
            ("[\"a\\", "load/syntax", "a string is never closed", &["\""]),
            ("[\"ab\n\"]", "load/syntax", "a line break inside a string", &["\"ab"]),
            ("[\"ab\tc\"]", "load/syntax", "a tab inside a string", &["\"ab"]),
            ("[\"\\q\"]", "load/syntax", "unknown escape in a string", &["\\q"]),
            ("[\"\\u12\"]", "load/syntax", "a `\\u` escape without four hex digits", &["\\u"]),
            ("[\"\\ud800x\"]", "load/syntax", "half of a surrogate pair", &["\\ud800"]),
            ("[\"\\u0000\"]", "load/control-character", "control character U+0000", &["\"\\u0000\""]),
            ("[-9223372036854775809]", "load/number", "the number does not fit into 64 bits", &["-9223372036854775809"]),
            ("{\"a\":1,\"\\u0061\":2}", "load/duplicate-key", "key `a` is given twice in one map", &["\"\\u0061\"", "\"a\""]),
        ],
    );
}

#[test]
fn files_that_are_not_text() {
    let cases: &[(&[u8], &str, &str, &str)] = &[
        (b"", "load/empty", "the file is empty", ""),
        (b" \r\n", "load/empty", "the file is empty", ""),
        (b"\xEF\xBB\xBF", "load/empty", "the file is empty", ""),
        (b"a: \xFF\n", "load/encoding", "byte 3 is not utf-8", "\u{FFFD}"),
        (b"\xEF\xBB\xBFa: \xC3\n", "load/encoding", "byte 6 is not utf-8", "\u{FFFD}"),
        (b"\xFF\xFEa\0:\0", "load/encoding", "the file is utf-16, not utf-8", ""),
        (b"{\0\"\0", "load/encoding", "the file is utf-16, not utf-8", ""),
        (b"\0\0\xFE\xFF\0\0\0a", "load/encoding", "the file is utf-32, not utf-8", ""),
        (b"[\"\0\"]", "load/control-character", "control character U+0000", "\0"),
        (b"[\"\xC2\x9B\"]", "load/control-character", "control character U+009B", "\u{9B}"),
    ];
    for (bytes, code, message, under) in cases {
        for format in [Format::Yaml, Format::Json] {
            let problem = Document::parse("test", bytes.to_vec(), format, &Limits::default()).unwrap_err();
            expect(&String::from_utf8_lossy(bytes), &problem, code, message, &[under]);
        }
    }
    for text in ["# only\n", "---\n", "--- # c\n...\n"] {
        expect(text, &load(text, Format::Yaml).unwrap_err(), "load/empty", "the file is empty", &[""]);
    }
}

#[test]
fn limits_name_themselves() {
    let limits = Limits { file_bytes: 20, depth: 3, values: 6, ..Limits::default() };
    let refused = |text: &str, format| Document::parse("test", text.into(), format, &limits).unwrap_err();
    for format in [Format::Yaml, Format::Json] {
        let text = "[1, 2, 3, 4, 5, 6, 7]";
        expect(text, &refused(text, format), "load/size", "the file has 21 bytes, the limit is 20", &[""]);
        let text = "[1, 2, 3, 4, 5, 6]";
        expect(text, &refused(text, format), "load/values", "more than 6 keys and values in one file, the limit is 6", &["6"]);
        for text in ["[[[[]]]]", "[{\"a\":[[]]}]"] {
            expect(text, &refused(text, format), "load/depth", "4 levels of maps and lists, the limit is 3", &["["]);
        }
        assert!(Document::parse("test", "[[[1,2,3]]]".into(), format, &limits).is_ok());
    }
    expect("", &refused("- - - - x", Format::Yaml), "load/depth", "4 levels of maps and lists, the limit is 3", &["-"]);
}

#[test]
fn deep_texts_are_refused_at_any_setting() {
    let deepest = Limits { depth: usize::MAX, ..Limits::default() };
    for (text, format) in [("[".repeat(100_000), Format::Json), ("[".repeat(100_000), Format::Yaml), ("- ".repeat(100_000), Format::Yaml)] {
        let problem = Document::parse("test", text.clone().into_bytes(), format, &Limits::default()).unwrap_err();
        assert_eq!((problem.code, problem.message.as_str()), ("load/depth", "65 levels of maps and lists, the limit is 64"));
        let problem = Document::parse("test", text.into_bytes(), format, &deepest).unwrap_err();
        assert_eq!((problem.code, problem.message.as_str()), ("load/depth", "513 levels of maps and lists, the limit is 512"));
    }
    let fits = format!("{}{}", "[".repeat(512), "]".repeat(512));
    for format in [Format::Yaml, Format::Json] {
        let document = Document::parse("test", fits.clone().into_bytes(), format, &deepest).unwrap();
        assert!(document.root().to_json().is_array());
    }
}

#[test]
fn duplicates_are_found_in_large_maps() {
    for count in [11, 12, 13, 14, 500] {
        let entries: Vec<String> = (0..count).map(|i| format!("\"k{i}\": {i}")).collect();
        for (again, text) in (0..count).map(|i| (i, format!("{{{}, \"k{i}\": 0}}", entries.join(", ")))) {
            let problem = load(&text, Format::Json).unwrap_err();
            assert_eq!(problem.message, format!("key `k{again}` is given twice in one map"));
            assert!(problem.places[0].span.start > problem.places[1].span.start);
        }
    }
}

#[test]
fn long_and_odd_keys_are_shown_on_one_line() {
    let key = format!("a\\n{}", "x".repeat(100));
    let problem = load(&format!("{{\"{key}\": 1, \"{key}\": 2}}"), Format::Json).unwrap_err();
    assert_eq!(problem.message, format!("key `a\\n{}…` is given twice in one map", "x".repeat(58)));
}
