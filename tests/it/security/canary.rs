//! What a report may hold: names that were declared, and lines of the declarations themselves. Never what a document says, and nothing else of people.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::base::{committed, edit, flowgate, said};

/// Texts that stand in a project once each: where, and what to look for.
const CANARIES: [(&str, &str); 9] = [
    ("a document's text", "canary-document"),
    ("a comment", "canary-comment"),
    ("a person's name", "canary-person"),
    ("a person's address", "canary-mail"),
    ("a description", "canary-description"),
    ("a tag", "canary-tag"),
    ("a fact", "canary-fact"),
    ("an id", "canary-id"),
    ("a document's path", "canary-path"),
];

fn project(name: &str) -> crate::base::Folder {
    let repository = committed(name, ".");
    let replace = |file: &str, from: &str, to: &str| edit(&repository.0, [(file.to_owned(), from.to_owned(), to.to_owned())].into_iter());
    replace("flowgate.yaml", "name: Maya Iyer, email: maya@acme.example", "name: canary-person, email: canary-mail@acme.example");
    replace("flowgate.yaml", "location: front-desk", "location: canary-fact");
    replace(
        "flowgate.yaml",
        "defaults:",
        "evidence:\n  rb: { type: runbook, uri: docs/canary-path.md, owner: maya, date: 2026-05-01, review_due: 2027-05-01, covers: [summary] }\ndefaults:",
    );
    replace("flows/tickets.flow.yaml", "owner: maya\n", "owner: maya\ndescription: canary-description\ntags: { team: canary-tag }\n");
    replace("flows/tickets.flow.yaml", "[ticket, remark] }", "[ticket, remark, note] }   # canary-comment");
    replace("flows/tickets.flow.yaml", "workflow: tickets", "workflow: canary-id");
    fs::write(repository.0.join("baa.txt"), "canary-document\n").unwrap();
    fs::create_dir_all(repository.0.join("docs")).unwrap();
    fs::write(repository.0.join("docs/canary-path.md"), "canary-document\n").unwrap();
    repository
}

fn shown(text: &str) -> BTreeSet<&'static str> {
    CANARIES.iter().filter(|(_, canary)| text.contains(canary)).map(|(what, _)| *what).collect()
}

fn files(folder: &Path) -> String {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    names.map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn no_report_holds_what_a_document_says() {
    let repository = project("canary");
    // A line of a declaration, as it was written, stands in what shows lines; every form has names.
    let lines = BTreeSet::from(["a comment", "an id"]);
    let names = BTreeSet::from(["an id"]);
    let papers = BTreeSet::from(["an id", "a document's path"]);
    let forms: [(&str, BTreeSet<&str>); 9] = [
        ("human", lines.clone()),
        ("json", papers.clone()),
        ("sarif", names.clone()),
        ("github", names.clone()),
        ("markdown", names.clone()),
        ("comment", names.clone()),
        ("junit", names.clone()),
        ("html", lines.union(&papers).copied().collect()),
        ("outputs", BTreeSet::new()),
    ];
    for (form, expected) in forms {
        for base in [&[][..], &["--base", "HEAD"]] {
            let output = flowgate(&repository.0, &[&["check", "--format", form], base].concat());
            let told = said(&output);
            assert!(form == "outputs" || told.contains("hipaa/baa-missing"), "{form}: {told}");
            assert!(shown(&told).is_subset(&expected), "{form} {base:?} shows {:?}", shown(&told));
            assert!(expected.is_empty() || shown(&told).contains("an id"), "{form} {base:?} shows {:?}", shown(&told));
        }
    }
    let output = flowgate(&repository.0, &["evidence", "--output", "out"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(shown(&files(&repository.0.join("out"))), papers);
    for form in ["mermaid", "dot", "svg"] {
        assert!(shown(&said(&flowgate(&repository.0, &["graph", "--format", form]))).is_subset(&names), "{form}");
    }
    let changes = said(&flowgate(&repository.0, &["diff", "HEAD", "."]));
    assert!(shown(&changes).is_subset(&papers), "{:?}: {changes}", shown(&changes));
    assert_eq!(flowgate(&repository.0, &["baseline"]).status.code(), Some(0));
    assert!(shown(&fs::read_to_string(repository.0.join("flowgate.baseline.json")).unwrap()).is_subset(&names));
}

/// A document that is named where a declaration is expected is read as one; what does not parse is shown by its line, like any declaration.
#[test]
fn a_document_that_is_not_the_one_meant_is_not_quoted() {
    let repository = project("canary-hash");
    let replace = |from: &str, to: &str| edit(&repository.0, [("flowgate.yaml".to_owned(), from.to_owned(), to.to_owned())].into_iter());
    let wrong = "0".repeat(64);
    replace("uri: docs/canary-path.md,", &format!("uri: docs/canary-path.md, sha256: \"{wrong}\","));
    for form in ["human", "json", "html"] {
        let told = said(&flowgate(&repository.0, &["check", "--format", form]));
        assert!(!shown(&told).contains("a document's text"), "{form}");
        // Nor is its hash given away to whoever guesses at its text.
        let real = flowgate::load::sha256(b"canary-document\n");
        assert!(form != "human" || !told.contains(&real), "{told}");
    }
}
