//! What scalars are, and the ways to reach them.

use super::{json, yaml};
use crate::load::{Format, Kind, Value};

#[test]
fn plain_scalars_follow_the_core_schema() {
    let strings = "no yes on off y n No 2026-01-10 2026.04.1 1_000 0b1 0o8 0x 1:30 . + -0x1F 1e e1 .e1 1.2.3 P30D tRUE nULL <<";
    for text in strings.split(' ') {
        let document = yaml(&format!("[{text} , x]"));
        assert_eq!(document.root().items().next().and_then(Value::as_str), Some(text));
    }
    for text in ["", "~", "null", "Null", "NULL"] {
        assert!(yaml(&format!("a: {text}")).root().get("a").unwrap().is_null(), "{text}");
    }
    for (text, value) in [("true", true), ("True", true), ("TRUE", true), ("false", false), ("False", false), ("FALSE", false)] {
        assert_eq!(yaml(text).root().as_bool(), Some(value));
    }
    let ints = [
        ("017", 17),
        ("+1", 1),
        ("-0", 0),
        ("0x1F", 31),
        ("0o17", 15),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
    ];
    for (text, value) in ints {
        assert_eq!(yaml(text).root().as_int(), Some(value), "{text}");
    }
    for (text, value) in [("1.5", 1.5), ("1.", 1.0), (".5", 0.5), ("-1e3", -1000.0), ("+1.5E-1", 0.15), ("2026.04", 2026.04)] {
        assert_eq!((yaml(text).root().kind(), yaml(text).root().as_float()), (Kind::Float, Some(value)), "{text}");
    }
    assert_eq!(yaml("7").root().as_float(), Some(7.0));
    assert_eq!(yaml("7.0").root().as_int(), None);
    assert_eq!(yaml("'1'").root().as_str(), Some("1"));
    assert_eq!(yaml("|\n 1").root().as_str(), Some("1\n"));
}

#[test]
fn keys_are_their_text() {
    let document = yaml("1: a\ntrue: b\n~: c\n1.50: d\n\"\": e\n\"<<\": f\n? g\n: h\n");
    let keys: Vec<_> = document.root().entries().map(|(key, _)| key).collect();
    assert_eq!(keys, ["1", "true", "~", "1.50", "", "<<", "g"]);
}

#[test]
fn pointers() {
    let document = json(r#"{"a/b": {"~c": [10, [11]]}, "": 1, "01": 2}"#);
    let at = |pointer: &str| document.root().pointer(pointer).and_then(Value::as_int);
    assert_eq!(at("/a~1b/~0c/0"), Some(10));
    assert_eq!(at("/a~1b/~0c/1/0"), Some(11));
    assert_eq!(at("/"), Some(1));
    assert_eq!(at("/01"), Some(2));
    for nothing in ["a", "/x", "/a~1b/~0c/00", "/a~1b/~0c/+1", "/a~1b/~0c/-", "/a~1b/~0c/2", "/a~1b/~0c/0/x", "/a~1b/~0c/"] {
        assert!(document.root().pointer(nothing).is_none(), "{nothing}");
    }
    assert_eq!(document.root().pointer("").map(Value::kind), Some(Kind::Map));
}

#[test]
fn values_of_another_kind_are_absent() {
    let document = yaml("a: x\nb: [1, {c: d}]\n");
    let root = document.root();
    let (a, b) = (root.get("a").unwrap(), root.get("b").unwrap());
    assert_eq!((a.as_int(), a.as_bool(), a.as_float(), a.is_null(), root.as_str()), (None, None, None, false, None));
    assert_eq!((a.entries().count(), a.items().count(), b.entries().count(), root.items().count()), (0, 0, 0, 0));
    assert_eq!((root.entries().count(), b.items().count()), (2, 2));
    assert!(root.key_span().is_none() && b.items().all(|item| item.key_span().is_none()));
    assert_eq!(root.to_json(), serde_json::json!({"a": "x", "b": [1, {"c": "d"}]}));
}

#[test]
fn formats_by_ending() {
    assert_eq!(Format::of_path("a/b.flow.yaml"), Some(Format::Yaml));
    assert_eq!(Format::of_path("b.yml"), Some(Format::Yaml));
    assert_eq!(Format::of_path("b.json"), Some(Format::Json));
    assert_eq!((Format::of_path("yaml"), Format::of_path("b.yaml.bak"), Format::of_path("b.toml")), (None, None, None));
}
