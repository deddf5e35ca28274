//! Every example is run: the clean ones are silent, the others say what is recorded beside them and what their marks announce.

use std::collections::BTreeSet;
use std::path::Path;

use flowgate::finding::SubjectNames;
use flowgate::load::{Document, Limits, Value};
use flowgate::report::{Format, Style, render};
use flowgate::{Project, Report};

use crate::common::{judged, options, projects, root};

/// Folders whose projects must be clean with every pack that applies.
const CLEAN: [&str; 4] = ["after", "ok", "fixed", "redacted"];

fn each(mut test: impl FnMut(&Path, &str, &Project, &Report)) {
    for folder in projects("examples") {
        let project = Project::read(&folder, &Limits::default());
        let report = judged(&project, &options());
        let name = folder.strip_prefix(root()).unwrap().display().to_string();
        test(&folder, &name, &project, &report);
    }
}

#[test]
fn clean_examples_are_silent_and_the_others_are_not() {
    let mut clean = 0;
    each(|folder, name, _, report| {
        let messages: Vec<String> = report.findings.iter().map(|f| format!("{}: {} ({:?})", f.rule, f.message, f.subject)).collect();
        if CLEAN.iter().any(|c| folder.ends_with(c)) {
            clean += 1;
            assert!(messages.is_empty(), "{name}: {messages:#?}");
        } else {
            assert!(!messages.is_empty(), "{name} has no finding");
        }
    });
    assert!(clean >= 10, "only {clean} clean examples");
}

#[test]
fn marks_are_found_where_they_stand() {
    each(|_, name, project, report| {
        let found: BTreeSet<(String, usize, String)> = report
            .findings
            .iter()
            .map(|f| (f.primary.file.name.clone(), f.primary.file.line_column(f.primary.span.start).0, f.rule.clone()))
            .collect();
        for file in project.file.iter().chain(&project.workflows).chain(&project.waivers).map(Document::file) {
            for (n, line) in file.text.lines().enumerate() {
                let Some((_, list)) = line.split_once("# expect:") else { continue };
                for entry in list.split(',') {
                    let rule = entry.split_whitespace().next().unwrap().to_owned();
                    let at = found.iter().filter(|f| f.0 == file.name && f.1 == n + 1).collect::<Vec<_>>();
                    assert!(
                        found.contains(&(file.name.clone(), n + 1, rule.clone())),
                        "{name}: {}:{}: {rule} not found, only {at:?}",
                        file.name,
                        n + 1
                    );
                }
            }
        }
    });
}

#[test]
fn findings_about_a_flow_point_at_its_entry() {
    each(|_, name, project, report| {
        for finding in &report.findings {
            let SubjectNames::Flow { implied: false, .. } = finding.subject else { continue };
            let document = project.workflows.iter().find(|d| d.file().name == finding.primary.file.name).unwrap();
            let flows = document.root().get("flows").into_iter().flat_map(Value::items);
            let entries: Vec<_> = flows.map(Value::span).collect();
            assert!(entries.contains(&finding.primary.span), "{name}: {} points at {:?}", finding.rule, finding.primary);
        }
    });
}

#[test]
fn every_finding_about_a_datum_has_its_path() {
    each(|_, name, _, report| {
        for finding in report.findings.iter().filter(|f| matches!(f.subject, SubjectNames::Flow { .. }) && !f.data.is_empty()) {
            assert!(finding.path.len() >= 2, "{name}: {} {:?} has no path", finding.rule, finding.subject);
        }
    });
}

#[test]
fn reports_are_as_recorded() {
    let bless = std::env::var_os("FLOWGATE_BLESS").is_some();
    each(|folder, name, _, report| {
        let style = Style { width: 120, color: false, unicode: true, links: false };
        let text = render(report, Format::Human, &style);
        let recorded = folder.join("expected.txt");
        if bless {
            std::fs::write(&recorded, &text).unwrap();
        }
        let expected = std::fs::read_to_string(&recorded).unwrap_or_default();
        assert!(text == expected, "{name}: the report differs from {}; FLOWGATE_BLESS=1 records it\n{text}", recorded.display());
    });
}

/// The unredacted prompt reaches the model and the table although a guardrail redacts beside it.
#[test]
fn the_published_chatbot_leaks_at_two_flows() {
    let read = |part: &str| {
        let project = Project::read(&root().join("examples/rag-chatbot-aws").join(part), &Limits::default());
        judged(&project, &options())
    };
    let leaks = |report: &Report, to: &str| {
        report
            .findings
            .iter()
            .any(|f| matches!(&f.subject, SubjectNames::Flow { to: t, .. } if t.contains(to)) && f.rule == "route/raw-must-stay")
    };
    let published = read("as-published");
    assert!(leaks(&published, "bedrock"), "the prompt reaches the model");
    assert!(leaks(&published, "chat-history"), "the prompt reaches the table");
    assert!(read("redacted").findings.is_empty());
}
