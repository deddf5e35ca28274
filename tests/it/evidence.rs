//! Evidence is on file when its file is there and is the one meant, it is dated, owned, not past its review, and covers what is asked about.

use flowgate::{Report, check};

use crate::common::{PROJECT, options, project};

const WORKFLOW: &str = "\
workflow: one
stage: production
sources: { desk: { location: x, fields: { t: public } } }
endpoints: { model: {} }
flows: [ { from: desk, to: model, fields: [t] } ]
";
const SOUND: &str = "type: dfd, uri: 'register:D-1', owner: maya, date: 2026-06-01";

fn run(evidence: &str, of_workflow: &str) -> Report {
    let second = WORKFLOW.replace("workflow: one", "workflow: two");
    let first = format!("{WORKFLOW}evidence: {{ {of_workflow} }}\n");
    check(&project(&format!("{PROJECT}evidence: {{ {evidence} }}\n"), &[&first, &second]), &options())
}

fn on_file(evidence: &str) -> Vec<String> {
    run(evidence, "").checked.evidence.into_iter().map(|e| e.id).collect()
}

/// Workflows that are told they have no data-flow diagram.
fn lacking(evidence: &str, of_workflow: &str) -> Vec<String> {
    let findings = run(evidence, of_workflow).findings;
    let mut told: Vec<String> =
        findings.into_iter().filter(|f| f.rule == "route/production-evidence.dfd").filter_map(|f| f.workflow).collect();
    told.sort();
    told
}

#[test]
fn what_is_not_whole_is_not_on_file() {
    assert_eq!(on_file(&format!("a: {{ {SOUND} }}")), ["a"]);
    assert_eq!(on_file(&format!("a: {{ {SOUND}, review_due: none }}")), ["a"]);
    assert_eq!(on_file(&format!("a: {{ {SOUND}, review_due: 2026-07-02 }}")), ["a"]);
    for flaw in [
        "type: dfd, uri: 'register:D-1', date: 2026-06-01",
        "type: dfd, uri: 'register:D-1', owner: maya",
        "type: dfd, owner: maya, date: 2026-06-01",
        "type: dfd, uri: docs/none.md, owner: maya, date: 2026-06-01",
        "type: dfd, uri: ../Cargo.toml, owner: maya, date: 2026-06-01",
        "type: dfd, uri: /etc/hostname, owner: maya, date: 2026-06-01",
        "type: dfd, uri: 'register:D-1', owner: maya, date: 2026-07-02",
        "type: dfd, uri: 'register:D-1', owner: maya, date: 2026-06-01, review_due: 2026-07-01",
        "type: dfd, uri: 'register:D-1', owner: maya, date: 2026-06-01, review_due: soon",
        "type: dfd, uri: 'register:D-1', owner: maya, date: 2026-06-01, sha256: aa70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
    ] {
        assert_eq!(on_file(&format!("a: {{ {flaw} }}")), Vec::<String>::new(), "{flaw}");
    }
}

#[test]
fn it_covers_what_it_names_and_without_names_what_it_is_declared_for() {
    let all = ["one", "two"];
    assert_eq!(lacking("", ""), all);
    assert_eq!(lacking(&format!("a: {{ {SOUND} }}"), ""), Vec::<String>::new(), "the project's covers every workflow");
    assert_eq!(lacking("", &format!("a: {{ {SOUND} }}")), ["two"], "a workflow's own covers that one");
    assert_eq!(lacking("", &format!("a: {{ {SOUND}, covers: [two] }}")), all, "and no other, whatever it names");
    assert_eq!(lacking(&format!("a: {{ {SOUND}, covers: [two] }}"), ""), ["one"]);
    assert_eq!(lacking(&format!("a: {{ {SOUND}, covers: [mart] }}"), ""), Vec::<String>::new(), "a party covers what rests on it");
    assert_eq!(lacking(&format!("a: {{ {SOUND}, covers: [nobody] }}"), ""), all);
    let notices = run(&format!("a: {{ {SOUND}, covers: [modle] }}"), "").notices;
    assert_eq!(notices.iter().map(|p| p.code).collect::<Vec<_>>(), ["graph/covers-nothing"]);
    assert!(notices[0].help.as_ref().unwrap().contains("did you mean `model`"), "{notices:?}");
}
