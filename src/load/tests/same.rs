//! Both formats against each other, every value against its own text, and texts nobody would write.

use super::{Dice, json, load, yaml};
use crate::load::{Document, Format, Kind, Limits, Value};
use crate::problem::Span;

/// Everything a tree says, spans included.
fn everything(document: &Document) -> Vec<(Kind, Span, Option<Span>, String)> {
    all(document).into_iter().map(|v| (v.kind(), v.span(), v.key_span(), v.to_json().to_string())).collect()
}

fn all(document: &Document) -> Vec<Value<'_>> {
    let mut values = vec![document.root()];
    let mut next = 0;
    while let Some(value) = values.get(next).copied() {
        values.extend(value.items().chain(value.entries().map(|(_, v)| v)));
        next += 1;
    }
    values
}

/// Random JSON with the spacing that people and programs write.
fn random_json(dice: &mut Dice, depth: usize, text: &mut String) {
    const SCALARS: &[&str] = &[
        "null",
        "true",
        "false",
        "0",
        "-1",
        "17",
        "1.5",
        "-0.5e-3",
        "1E2",
        "\"\"",
        "\"a\"",
        "\"true\"",
        "\"1\"",
        "\"- x\"",
        "\"a: b # c\"",
        "\"\\\"\\\\\\/\\n\\t\\r\"",
        "\"\\u00e9\\ud83d\\ude00\"",
        "\"é😀\"",
        "\" padded \"",
        "\"{[,]}\"",
        "\"'\"",
        "\"&a *b !c %d @e |\"",
    ];
    const SPACES: &[&str] = &["", "", "", " ", "  ", "\n", "\n  ", "\r\n    ", "\n\t", "\t"];
    let kind = if depth == 0 { 0 } else { dice.below(4) };
    if kind < 2 {
        text.push_str(dice.pick(SCALARS));
        return;
    }
    let (open, close) = if kind == 2 { ('[', ']') } else { ('{', '}') };
    text.push(open);
    for i in 0..dice.below(5) {
        if i > 0 {
            text.push_str(dice.pick(SPACES));
            text.push(',');
        }
        text.push_str(dice.pick(SPACES));
        if kind == 3 {
            let name = dice.pick(&["k", "a b", "é", "\\u0041", "<<", "1", "-", "#", "x:y"]);
            text.extend(["\"", name, &i.to_string(), "\""]);
            text.push_str(dice.pick(&["", " "]));
            text.push(':');
            text.push_str(dice.pick(SPACES));
        }
        random_json(dice, depth - 1, text);
    }
    text.push_str(dice.pick(SPACES));
    text.push(close);
}

#[test]
fn json_read_as_yaml_is_the_same_tree() {
    let mut dice = Dice(1);
    for _ in 0..1500 {
        let mut text = String::new();
        random_json(&mut dice, 5, &mut text);
        let document = json(&text);
        assert_eq!(everything(&document), everything(&yaml(&text)), "{text}");
        let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document.root().to_json(), expected, "{text}");
    }
}

const TEXTS: &[&str] = &[
    r"workflow: note-summary
stage: production
impact: [healthcare]
sources:
  ehr:
    location: epic-prod
    fields:
      mrn:  id.medical_record_number
      note: { class: regulated.health.note, free_text: true }
steps:
  redact:
    removes: [id.name, id.phone]   # both
    version: 2026.04.1
    why: |
      one
      two

    also: >-
      folded
      text
flows:
  - { from: ehr, to: redact, fields: [mrn, note] }
  - from: redact
    to: summarizer
  -
    from: x
    to:
",
    r#"- - a
  - - b
    - c: d
      e:
      - f
      -
-
- {a, b: , c: [1, {x: y}, z: 1,]}
- 'it''s'
- "x\n\
   y"
- one
  two # c
"#,
    r#"? a
? b
: c
? |
  k
: - x
  - y
"q" : 'r'
3: |2-
    z
4: >

  a

  b

# end
"#,
    r#"é: [ü, "\u00e9"]


a:
- b
-   c: 1
    d: 2
- |
  😀
- x
"#,
];

/// The text under a value, moved to its own file at its own column, is the same value.
#[test]
fn every_value_is_its_own_text() {
    let ended: Vec<String> = TEXTS.iter().map(|text| text.replace('\n', "\r\n")).collect();
    for text in TEXTS.iter().copied().chain(ended.iter().map(String::as_str)) {
        let document = yaml(text);
        for value in all(&document).into_iter().filter(|v| v.span().start < v.span().end) {
            let (_, column) = document.file().line_column(value.span().start);
            let alone = format!("{}{}", " ".repeat(column - 1), super::shown(value));
            assert_eq!(yaml(&alone).root().to_json(), value.to_json(), "{alone:?}");
        }
    }
}

/// Whatever a tree says must fit its text: no span outside its parent's or across a character, children in order.
fn check_spans(document: &Document) {
    for value in all(document) {
        let outer = value.span();
        assert!(document.file().text.get(outer.start as usize..outer.end as usize).is_some());
        let mut last = outer.start;
        for child in value.items().chain(value.entries().map(|(_, v)| v)) {
            let start = child.key_span().map_or(child.span().start, |key| key.start);
            assert!(last <= start && start <= child.span().start && child.span().end <= outer.end, "{:?}", document.file().text);
            last = child.span().end;
        }
    }
}

#[test]
fn damaged_texts_end_in_a_tree_or_a_problem() {
    const PIECES: &[&str] = &[
        "\n", " ", "  ", "\t", "-", "- ", ":", ": ", "?", "? ", "[", "]", "{", "}", ",", "#", " #", "'", "\"", "\\", "|\n", ">\n", "&a ",
        "*a", "!t ", "---\n", "...\n", "%", "@", "<<: ", "\r", "\r\n", "\u{feff}", "é", "😀", "~", "1", "\\u12", "x: y\n",
    ];
    let mut dice = Dice(2);
    let (mut trees, mut problems) = (0, 0);
    for round in 0..12_000 {
        let mut text = TEXTS[round % TEXTS.len()].to_owned();
        if dice.below(3) == 0 {
            text.truncate((0..=dice.below(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap());
        }
        for _ in 0..=dice.below(3) {
            let at = (0..=dice.below(text.len() + 1)).rev().find(|i| text.is_char_boundary(*i)).unwrap();
            if dice.below(3) == 0 && at < text.len() {
                text.remove(at);
            } else {
                text.insert_str(at, dice.pick(PIECES));
            }
        }
        for format in [Format::Yaml, Format::Json] {
            match load(&text, format) {
                Ok(document) => {
                    trees += 1;
                    check_spans(&document);
                }
                Err(problem) => {
                    problems += 1;
                    let place = &problem.places[0];
                    assert!(place.file.text.get(place.span.start as usize..place.span.end as usize).is_some(), "{text:?}");
                }
            }
        }
    }
    assert!(trees > 1000 && problems > 1000, "{trees} trees and {problems} problems test too little");
}

/// Long repetitions, where a careless parser recurses, hangs or takes quadratic time.
#[test]
fn endless_texts_end() {
    const PIECES: &[&str] = &[
        "[",
        "{",
        "- ",
        "? ",
        "a: ",
        "[a: ",
        "{a: ",
        "a:\n",
        "\"",
        "'",
        "&a ",
        "!x ",
        "*a ",
        "| ",
        "#",
        ": ",
        ":",
        "---\n",
        "x\n",
        "- x\n",
        " \n",
        "\t\n",
        "[],",
        "\\",
        "- |\n x\n",
        "- \n",
        "# c\n",
        "é",
        "- {a: b}\n",
        "? - ",
        "\"a\\n",
    ];
    for piece in PIECES {
        for before in ["", "[", "{", "\"", "a: |\n ", "a: ", "- "] {
            let text = format!("{before}{}", piece.repeat(20_000 / piece.len()));
            for format in [Format::Yaml, Format::Json] {
                if let Ok(document) = Document::parse("endless", text.clone().into_bytes(), format, &Limits::default()) {
                    check_spans(&document);
                }
            }
        }
    }
}
