//! Each schema error becomes a problem that points: message, the exact text underlined, help.

use super::{SchemaName, against};
use crate::load::{Document, Format, Limits};

fn problems(name: SchemaName, text: &str) -> Vec<(String, String, String)> {
    let document = Document::parse("a.flow.yaml", text.as_bytes().to_vec(), Format::Yaml, &Limits::default()).unwrap();
    against(name, &document)
        .into_iter()
        .map(|p| {
            let place = p.places.first().unwrap();
            (p.message.clone(), place.file.slice(place.span).to_owned(), p.help.unwrap_or_default())
        })
        .collect()
}

/// A workflow around one line under a section.
fn workflow(body: &str) -> String {
    format!("workflow: w\nstage: pilot\nflows: []\n{body}")
}

#[track_caller]
fn one(text: &str, message: &str, underlined: &str, help: &str) {
    let found = problems(SchemaName::Flow, text);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].0, message);
    assert_eq!(found[0].1, underlined);
    assert!(found[0].2.contains(help), "{}", found[0].2);
}

#[test]
fn a_valid_workflow_has_no_problem() {
    assert!(
        problems(
            SchemaName::Flow,
            &workflow("sources: { s: { fields: { a: id.name, b: null, c: [id.name, id.ssn], d: { class: id.ssn, free_text: true } } } }")
        )
        .is_empty()
    );
}

#[test]
fn unknown_keys_are_underlined_with_the_nearest_known_one() {
    one(&workflow("sorces: {}"), "unknown key `sorces` in this workflow file", "sorces", "did you mean `sources`?");
    one(&workflow("logs: { l: { retnetion: P30D } }"), "unknown key `retnetion` in `l`", "retnetion", "did you mean `retention`?");
    one(&workflow("logs: { l: { xyzzy: 1 } }"), "unknown key `xyzzy` in `l`", "xyzzy", "keys here: accepts");
}

#[test]
fn missing_keys_are_named_where_they_are_missing() {
    one("workflow: w\nstage: pilot\n", "this workflow file has no `flows`", "workflow: w", "add `flows`: the edges");
    one("workflow: w\nflows: []\n", "this workflow file has no `stage`", "workflow: w", "add `stage`: how far it is");
    one(
        "workflow: w\nstage: pilot\nflows:\n  - { from: a, to: b }\n",
        "entry 1 of `flows` has no `fields`",
        "{ from: a, to: b }",
        "exactly which fields cross",
    );
    one(&workflow("steps:\n  redact:\n    removes: []\n"), "`redact` has no `type`", "redact", "step type");
}

#[test]
fn values_that_are_none_of_the_known_ones_show_them() {
    one(
        "workflow: w\nstage: pilto\nflows: []\n",
        "`pilto` is not a value of `stage`",
        "pilto",
        "did you mean `pilot`? one of: draft, pilot, production",
    );
    one(&workflow("latency: 5\n"), "`latency` does not take a whole number", "5", "one of: user_waiting");
    one(&workflow("logs: { l: { mfa: maybe } }"), "`maybe` is not a value of `mfa`", "maybe", "true, false, n/a");
}

#[test]
fn values_of_another_type_say_what_is_expected() {
    one(&workflow("logs: [a]\n"), "`logs` is a list", "[a]", "where logs land");
    one(&workflow("offline: \"yes\"\n"), "`offline` is text", "\"yes\"", "must work without internet");
    one(&workflow("logs: { l: { retention: 30 } }"), "`retention` does not take a whole number", "30", "ISO 8601 duration");
    one(&workflow("logs: { l: { retention: 30 days } }"), "`retention` does not take this text", "30 days", "P30D");
    one(
        &workflow("logs: { l: { retention: indefinit } }"),
        "`retention` does not take this text",
        "indefinit",
        "did you mean `indefinite`?",
    );
    one(&workflow("endpoints: { e: { requests: -1 } }"), "`requests` is too small", "-1", "planned rows");
}

#[test]
fn fields_take_a_class_a_list_or_a_record_and_say_what_is_wrong_inside() {
    let source = |field: &str| workflow(&format!("sources: {{ s: {{ fields: {{ a: {field} }} }} }}"));
    one(&source("{ class: id.name, freetext: true }"), "unknown key `freetext` in `a`", "freetext", "did you mean `free_text`?");
    one(&source("7"), "`a` does not take a whole number", "7", "the class of a field");
    one(&source("Id Name"), "`a` does not take this text", "Id Name", "the class of a field");
}

#[test]
fn ids_have_a_form() {
    one(&workflow("logs: { \"my log\": {} }"), "`my log` is not an id", "\"my log\"", "begins with a letter");
}

#[test]
fn project_files_have_their_own_schema() {
    let found = problems(SchemaName::Project, "version: 2\nroles: [hipaa_covered_entty]\nparties: { a: { relation: me } }\n");
    let messages: Vec<&str> = found.iter().map(|f| f.0.as_str()).collect();
    assert_eq!(
        messages,
        [
            "`version` does not take a whole number",
            "`hipaa_covered_entty` is not a value of entry 1 of `roles`",
            "`me` is not a value of `relation`"
        ]
    );
    assert!(found[1].2.contains("did you mean `hipaa_covered_entity`?"));
}

#[test]
fn an_empty_or_odd_document_is_a_problem() {
    assert!(!problems(SchemaName::Flow, "[]").is_empty());
    assert!(!problems(SchemaName::Flow, "7").is_empty());
}

/// Nothing of a value that is no name is repeated in a message.
#[test]
fn messages_hold_no_long_values() {
    let long = "x".repeat(500);
    for (message, _, help) in problems(SchemaName::Flow, &workflow(&format!("latency: {long}\n"))) {
        assert!(!message.contains(&long) && !help.contains(&long));
    }
}
