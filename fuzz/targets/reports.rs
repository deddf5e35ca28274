//! Any names through every form of the report: each stays what it claims to be, and every finding is in it.

use flowgate::report::{Format, Style, render};
use flowgate::{Options, Report};
use serde_json::{Value as Json, json};

use super::{options, parts, project, report_fits};

const FORMATS: [Format; 9] = [
    Format::Human,
    Format::Json,
    Format::Sarif,
    Format::Github,
    Format::Markdown,
    Format::Comment,
    Format::Junit,
    Format::Html,
    Format::Outputs,
];

/// Names of a workflow, a node, a field, a party, a file and a reason, put where a team could write them.
pub fn reports(bytes: &[u8]) {
    let [workflow, node, field, party, name, words] = parts(bytes);
    let file = json!({
        "version": 1,
        "packs": ["core"],
        "parties": { "acme": { "relation": "self" }, party.clone(): { "relation": "processor", "name": words } },
        "severity": { "core/unknown-fact": { "level": "error", "reason": words } },
    });
    let flow = json!({
        "workflow": workflow,
        "stage": "pilot",
        "sources": { "ehr": { "operator": "acme", "location": words, "fields": { field.clone(): "id.name", "b": words } } },
        "endpoints": { node.clone(): { "operator": party, "service": words } },
        "logs": { "app": { "operator": "acme", "description": words } },
        "flows": [
            { "from": "ehr", "to": node, "fields": [field] },
            { "from": node, "to": "app", "fields": ["prompt", words] },
            { "from": "nobody", "to": "app", "fields": "*" },
        ],
    });
    let mut project = project(&file.to_string(), &[], "");
    match super::parse(if name.is_empty() { "a.flow.json" } else { &name }, &flow.to_string(), flowgate::load::Format::Json) {
        Ok(document) => project.workflows.push(document),
        Err(problem) => project.problems.push(problem),
    }
    let report = flowgate::check(&project, &Options { record: true, ..options() });
    report_fits(&report);
    for format in FORMATS {
        for style in [Style::PLAIN, Style { width: 40, unicode: true, ..Style::PLAIN }] {
            holds(&report, format, &render(&report, format, &style));
        }
    }
}

fn holds(report: &Report, format: Format, text: &str) {
    let control = |c: char| c.is_control() && c != '\n';
    let found = text.char_indices().find(|(_, c)| control(*c));
    assert!(found.is_none(), "{format:?}: {:?} at {:?}", found, found.and_then(|(at, _)| text.get(at.saturating_sub(40)..at)));
    let commands: Vec<&str> = text.lines().map(str::trim_start).filter(|l| l.starts_with("::")).collect();
    // The older form of a command counts anywhere in a line of a log.
    assert!(!matches!(format, Format::Human | Format::Github) || !text.contains("##["), "{format:?} has a command");
    let count = report.findings.len() + report.waived.len();
    match format {
        Format::Github => {
            let ours =
                ["::error ", "::warning ", "::notice ", "::error::", "::warning::", "::notice::", "::group::flowgate", "::endgroup::"];
            assert!(commands.iter().all(|c| ours.iter().any(|o| c.starts_with(o))), "{commands:?}");
            let most = count + report.problems.len() + report.notices.len() + 2;
            assert!(commands.len() <= most, "{} commands of at most {most}: {commands:?}", commands.len());
        }
        _ => assert!(commands.is_empty(), "{format:?}: {commands:?}"),
    }
    match format {
        Format::Json => {
            let json: Json = serde_json::from_str(text).expect("the report is JSON");
            let listed = |key: &str| json[key].as_array().map_or(0, Vec::len);
            assert_eq!(
                (listed("findings"), listed("waived"), listed("problems")),
                (report.findings.len(), report.waived.len(), report.problems.len())
            );
        }
        Format::Sarif => {
            let json: Json = serde_json::from_str(text).expect("SARIF is JSON");
            let results = json["runs"][0]["results"].as_array().map_or(0, Vec::len);
            assert!(results >= count, "{results} results of {count} findings");
        }
        Format::Junit => {
            let document = roxmltree::Document::parse(text).expect("JUnit is well-formed XML");
            let failures = document.descendants().filter(|n| n.has_tag_name("failure")).count();
            assert!(failures >= report.findings.iter().filter(|f| f.counts()).count(), "{failures} failures");
        }
        Format::Human | Format::Html | Format::Github => {
            for finding in &report.findings {
                assert!(text.contains(&finding.rule), "{format:?} has no {}", finding.rule);
            }
        }
        _ => {}
    }
}
