//! `flowgate diff`: every section names what differs, and nothing else.

use flowgate::Project;
use flowgate::compare::{Difference, DifferenceKind, Meaning};
use flowgate::load::{Document, Format, Limits};

use crate::common::{options, projects, root};

fn base() -> Project {
    Project::read(&root().join("tests/base/project"), &Limits::default())
}

/// The base with texts replaced, wherever they stand.
fn edited(edits: &[(&str, &str)]) -> Project {
    let mut project = base();
    let edit = |document: &Document| {
        let text = edits.iter().fold(document.file().text.clone(), |text, (from, to)| text.replace(from, to));
        Document::parse(&document.file().name, text.into_bytes(), Format::Yaml, &Limits::default()).unwrap()
    };
    project.file = project.file.as_ref().map(&edit);
    project.workflows = project.workflows.iter().map(&edit).collect();
    project
}

fn said(list: &[Difference]) -> Vec<String> {
    let sign = |kind| match kind {
        DifferenceKind::Added => "+",
        DifferenceKind::Removed => "-",
        DifferenceKind::Changed => "~",
    };
    list.iter().map(|d| format!("{} {}: {}", sign(d.kind), d.name, d.details.join("; "))).collect()
}

#[test]
fn an_agreement_that_ends_shows_as_such_and_in_its_verdicts() {
    let after = edited(&[("expires: 2027-01-10", "expires: 2026-06-30")]);
    let meaning = Meaning::between(&base(), &after, &options());
    assert_eq!(said(&meaning.declarations), ["~ agreements.openai-baa.expires: flowgate.yaml:18"]);
    assert_eq!(said(&meaning.agreements), ["~ openai-baa: expires: 2027-01-10 → 2026-06-30; in force: yes → no"]);
    assert!(meaning.nodes.is_empty() && meaning.flows.is_empty(), "{:?} {:?}", meaning.nodes, meaning.flows);
    let names: Vec<&str> = meaning.verdicts.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(
        names,
        ["error[contract/agreement-expired.expired] at agreement openai-baa", "error[hipaa/baa-missing] at redact → summarizer in summary"]
    );
    assert!(meaning.verdicts.iter().all(|d| d.kind == DifferenceKind::Added));
}

#[test]
fn a_class_changed_in_one_file_shows_at_the_flows_of_another() {
    let meaning = Meaning::between(&base(), &edited(&[("remark: public", "remark: regulated.health.note")]), &options());
    assert_eq!(said(&meaning.nodes), ["~ source desk: field remark: public → regulated.health.note"]);
    assert_eq!(said(&meaning.flows), ["~ tickets: desk → helpdesk: desk.remark: public → regulated.health.note, phi"]);
}

#[test]
fn flows_and_data_that_come_and_go() {
    let more = edited(&[("[ticket, remark]", "[ticket, note]")]);
    let meaning = Meaning::between(&base(), &more, &options());
    assert_eq!(
        said(&meaning.flows),
        ["~ tickets: desk → helpdesk: desk.note crosses now: regulated.health.note, phi; desk.remark crosses no more"]
    );
    let back = Meaning::between(&more, &base(), &options());
    assert_eq!(said(&back.flows), ["~ tickets: desk → helpdesk: desk.note crosses no more; desk.remark crosses now: public"]);
    assert!(back.verdicts.iter().all(|d| d.kind == DifferenceKind::Removed), "{:?}", said(&back.verdicts));
    let gone = edited(&[("  - { from: clinician, to: chart, fields: [completion] }\n", "")]);
    let meaning = Meaning::between(&base(), &gone, &options());
    assert_eq!(
        meaning.flows.iter().map(|d| (d.kind, d.name.as_str())).collect::<Vec<_>>(),
        [(DifferenceKind::Removed, "summary: clinician → chart")]
    );
}

#[test]
fn a_redaction_taken_away_shows_in_the_labels_after_it() {
    let meaning = Meaning::between(
        &base(),
        &edited(&[("removes: [id]", "removes: [id.name]"), ("fields: [note] }", "fields: [note, mrn] }")]),
        &options(),
    );
    assert!(said(&meaning.nodes).contains(&"~ step summary/redact: removes: id → id.name".to_owned()), "{:?}", said(&meaning.nodes));
    let after: Vec<String> = said(&meaning.flows).into_iter().filter(|l| l.contains("redact → summarizer:")).collect();
    assert!(after.iter().any(|l| l.contains("ehr.mrn crosses now: id.mrn")), "{after:?}");
}

#[test]
fn order_layout_and_notation_are_no_difference() {
    for folder in projects("examples") {
        let before = Project::read(&folder, &Limits::default());
        let mut after = before.clone();
        let json = |d: &Document| {
            Document::parse("other.json", d.root().to_json().to_string().into_bytes(), Format::Json, &Limits::default()).unwrap()
        };
        after.workflows = before.workflows.iter().map(json).collect();
        after.workflows.reverse();
        let meaning = Meaning::between(&before, &after, &options());
        assert!(meaning.is_empty(), "{}: {meaning:?}", folder.display());
    }
}

/// There and back: what is added one way is removed the other.
#[test]
fn a_difference_seen_from_the_other_side_is_its_reverse() {
    let folders = projects("examples");
    for after in &folders {
        let Some(before) = folders.iter().find(|b| b.parent() == after.parent() && *b != after) else { continue };
        let (a, b) = (Project::read(before, &Limits::default()), Project::read(after, &Limits::default()));
        let (there, back) = (Meaning::between(&a, &b, &options()), Meaning::between(&b, &a, &options()));
        for ((title, one), (_, other)) in there.sections().into_iter().zip(back.sections()).skip(1) {
            let turned = |kind| match kind {
                DifferenceKind::Added => DifferenceKind::Removed,
                DifferenceKind::Removed => DifferenceKind::Added,
                DifferenceKind::Changed => DifferenceKind::Changed,
            };
            let one: Vec<_> = one.iter().map(|d| (&d.name, d.kind)).collect();
            let other: Vec<_> = other.iter().map(|d| (&d.name, turned(d.kind))).collect();
            assert_eq!(one, other, "{} {title}", after.display());
        }
    }
}
