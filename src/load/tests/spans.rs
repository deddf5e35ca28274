//! What every span covers.

use super::{json, shown, shown_key, yaml};
use crate::load::{Kind, Value};

/// Asserts the text under the value (and under its key) at a pointer.
#[track_caller]
fn covers(text: &str, pointer: &str, key: &str, value: &str) {
    let document = yaml(text);
    let found = document.root().pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer} of {text:?}"));
    assert_eq!((shown_key(found), shown(found)), (key, value), "{pointer} of {text:?}");
}

#[test]
fn flow_entries_are_their_braces() {
    let text = "flows:\n  - { from: a, to: b }   # first\n  - {from: [x, y],\n     to: c}\n";
    covers(text, "/flows/0", "", "{ from: a, to: b }");
    covers(text, "/flows/0/to", "to", "b");
    covers(text, "/flows/1", "", "{from: [x, y],\n     to: c}");
    covers(text, "/flows/1/from", "from", "[x, y]");
    covers(text, "/flows", "flows", "- { from: a, to: b }   # first\n  - {from: [x, y],\n     to: c}");
    covers("a: [b: c, ? d, {}]", "/a/0", "", "b: c");
    covers("a: [b: c, ? d, {}]", "/a/1", "", "? d");
    covers("a: [b: c, ? d, {}]", "/a/2", "", "{}");
}

#[test]
fn block_collections_end_with_their_last_child() {
    let text = "a:\n  - from: x\n    to: y   # c\n\n  # c\n  -   from: z\n\n# c\nb:\n- 1\n- - 2\n  - 3\n\nc: 1\n";
    covers(text, "", "", text.trim_end());
    covers(text, "/a", "a", "- from: x\n    to: y   # c\n\n  # c\n  -   from: z");
    covers(text, "/a/0", "", "from: x\n    to: y");
    covers(text, "/a/1", "", "from: z");
    covers(text, "/b", "b", "- 1\n- - 2\n  - 3");
    covers(text, "/b/1", "", "- 2\n  - 3");
    covers(text, "/b/1/1", "", "3");
    covers("a:  # - no\n- - x\n", "/a", "a", "- - x");
    covers("a:\n  b:\n    c: 1\nd: 2\n", "/a", "a", "b:\n    c: 1");
    covers("? a\n: - b\n", "/a", "a", "- b");
}

#[test]
fn values_left_out_are_empty_behind_their_indicator() {
    for (text, pointer, at) in [
        ("a:\n", "/a", 2),
        ("a:   # c\nb: 1\n", "/a", 2),
        ("a:\n  b :\nc: 1\n", "/a/b", 8),
        ("- a\n-\n-   # c\n- b\n", "/1", 5),
        ("- a\n-\n-   # c\n- b\n", "/2", 7),
        ("a:\n-\n", "/a/0", 4),
        ("- -\n  - x\n", "/0/0", 3),
        ("{a, b: , c}", "/a", 2),
        ("{a, b: , c}", "/b", 6),
        ("? a\n? b\n", "/a", 3),
    ] {
        let document = yaml(text);
        let value = document.root().pointer(pointer).unwrap();
        assert_eq!((value.kind(), value.span().start, value.span().end), (Kind::Null, at, at), "{pointer} of {text:?}");
    }
    covers("a:\n  b:\nc: 1\n", "/a", "a", "b:");
    covers("a:\n  -\n  -\nc: 1\n", "/a", "a", "-\n  -");
}

#[test]
fn text_blocks_start_at_their_sign() {
    let text = "a: |  # c\n  one\n  two\n\n# c\nb: |+\n\n  x\n\nc:\n  >-\n   x\n   y\nd: |\ne: |2-  # c\n   z\nf: [g]\n";
    covers(text, "/a", "a", "|  # c\n  one\n  two");
    covers(text, "/b", "b", "|+\n\n  x");
    covers(text, "/c", "c", ">-\n   x\n   y");
    covers(text, "/d", "d", "|");
    covers(text, "/e", "e", "|2-  # c\n   z");
    assert_eq!(yaml(text).root().to_json()["b"], "\nx\n\n");
    assert_eq!(yaml(text).root().to_json()["e"], " z");
    covers("- |\n  t\n- - >\n   u\n  - b\n", "/0", "", "|\n  t");
    covers("- |\n  t\n- - >\n   u\n  - b\n", "/1/0", "", ">\n   u");
    covers("--- |\n x\n...\n", "", "", "|\n x");
    covers("a: |", "/a", "a", "|");
    covers("? |\n  k\n: v\n", "/k\n", "|\n  k", "v");
}

#[test]
fn scalars_leave_comments_and_space_out() {
    let text = "a: one\n  two   # c\n\"b\" : 'it''s'  # c\n'c': \"x\\ny\"\né: ü \nd: 12   \n";
    covers(text, "/a", "a", "one\n  two");
    covers(text, "/b", "\"b\"", "'it''s'");
    covers(text, "/c", "'c'", "\"x\\ny\"");
    covers(text, "/é", "é", "ü");
    covers(text, "/d", "d", "12");
    let document = yaml(text);
    assert_eq!(document.root().get("a").and_then(Value::as_str), Some("one two"));
    assert_eq!(document.root().get("b").and_then(Value::as_str), Some("it's"));
    assert_eq!(document.root().get("c").and_then(Value::as_str), Some("x\ny"));
}

#[test]
fn line_ends_and_marks_keep_spans_true() {
    let text = "\u{feff}a: |\r\n  x\r\n  y\r\nb:\r\n  - c: 1\r\n    d: é\r\n";
    covers(text, "/a", "a", "|\r\n  x\r\n  y");
    covers(text, "/b", "b", "- c: 1\r\n    d: é");
    covers(text, "/b/0/d", "d", "é");
    assert_eq!(yaml(text).root().get("a").and_then(Value::as_str), Some("x\ny\n"));
    assert_eq!(yaml(text).file().text, text.trim_start_matches('\u{feff}'));
}

#[test]
fn json_spans() {
    let document = json("\u{feff}{ \"a\" : [ 1, {\"b\\n\": \"\\u00e9\"} ] , \"c\": {} }\r\n");
    let root = document.root();
    assert_eq!(shown(root), "{ \"a\" : [ 1, {\"b\\n\": \"\\u00e9\"} ] , \"c\": {} }");
    let at = |pointer: &str| root.pointer(pointer).map(|v| (shown_key(v), shown(v))).unwrap();
    assert_eq!(at("/a"), ("\"a\"", "[ 1, {\"b\\n\": \"\\u00e9\"} ]"));
    assert_eq!(at("/a/1/b\n"), ("\"b\\n\"", "\"\\u00e9\""));
    assert_eq!(at("/c"), ("\"c\"", "{}"));
    assert_eq!(root.pointer("/a/1/b\n").and_then(Value::as_str), Some("é"));
}
