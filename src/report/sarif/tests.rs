//! What is left out when there is too much, with limits small enough to see.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{CUT, Limits, render_within};
use crate::check::{Options, Report, check};
use crate::finding::{Finding, Standing};
use crate::judge::Severity;
use crate::load::{Document, Format};
use crate::problem::{Problem, Span};
use crate::project::Project;

/// A report with one finding that is copied.
fn report(severities: &[Severity]) -> Report {
    let parse =
        |name: &str, text: &str| Document::parse(name, text.as_bytes().to_vec(), Format::Yaml, &crate::load::Limits::default()).unwrap();
    let project = Project {
        file: Some(parse("flowgate.yaml", "project: a\nroles: [hipaa_covered_entity]\npacks: [hipaa]\n")),
        workflows: vec![parse(
            "a.flow.yaml",
            "workflow: a\nsources:\n  s: { fields: { f: regulated.health.note } }\nendpoints:\n  m: { operator: x }\nflows:\n  - { from: s, to: m, fields: \"*\" }\n",
        )],
        ..Project::default()
    };
    let mut report = check(&project, &Options::on("2026-07-01".parse().unwrap()));
    let first = report.findings.first().unwrap().clone();
    let one = |(n, severity): (usize, &Severity)| Finding {
        severity: *severity,
        rule: format!("a/r{n}"),
        fingerprint: format!("f{n}"),
        ..first.clone()
    };
    report.findings = severities.iter().enumerate().map(one).collect();
    report.problems = Vec::new();
    report
}

fn results(report: &Report, limits: &Limits) -> (Vec<String>, Json) {
    let log: Json = serde_json::from_str(&render_within(&[report], limits)).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    (results.iter().map(|r| r["ruleId"].as_str().unwrap().to_owned()).collect(), log)
}

#[test]
fn the_least_severe_go_first_and_their_number_is_said() {
    use Severity::{Error, Note, Warning};
    let mut report = report(&[Error, Error, Warning, Note, Warning, Note]);
    // It does not count, so that it goes before the notes that do.
    report.findings[1].standing = Standing::Unchanged;
    let fits = Limits { results: 6, ..Limits::GITHUB };
    assert_eq!(results(&report, &fits).0, ["a/r0", "a/r1", "a/r2", "a/r3", "a/r4", "a/r5"]);
    let (ids, log) = results(&report, &Limits { results: 4, ..Limits::GITHUB });
    assert_eq!(ids, ["a/r0", "a/r2", "a/r4", CUT]);
    let run = &log["runs"][0];
    let said = run["results"][3]["message"]["text"].as_str().unwrap();
    assert!(said.starts_with("1 error, 2 notes left out of this log: it takes 4 results, the most severe first."), "{said}");
    assert_eq!(run["results"][3]["level"], "warning");
    let notified = run["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
    assert_eq!(notified.iter().filter(|n| n["descriptor"]["id"] == CUT).count(), 1);
    // Only what has a result is described.
    assert_eq!(run["tool"]["driver"]["rules"].as_array().unwrap().len(), 4);
}

#[test]
fn problems_stay_before_findings() {
    let mut report = report(&[Severity::Error, Severity::Error]);
    let file = Arc::clone(&report.findings[0].primary.file);
    report.problems = (0..3).map(|n| Problem::new("load/bad", format!("bad {n}")).at(&file, Span::new(0, 1), "")).collect();
    let (ids, _) = results(&report, &Limits { results: 5, ..Limits::GITHUB });
    assert_eq!(ids, ["load/bad", "load/bad", "load/bad", "a/r0", "a/r1"]);
    let (ids, _) = results(&report, &Limits { results: 4, ..Limits::GITHUB });
    assert_eq!(ids, ["load/bad", "load/bad", "load/bad", CUT]);
    let (ids, _) = results(&report, &Limits { results: 2, ..Limits::GITHUB });
    assert_eq!(ids, ["load/bad", CUT]);
}

#[test]
fn places_stops_and_tags_keep_their_limits() {
    let report = report(&[Severity::Error]);
    let of = |log: &Json| {
        let result = &log["runs"][0]["results"][0];
        let count = |json: &Json| json.as_array().map_or(0, Vec::len);
        let stops = count(&result["codeFlows"][0]["threadFlows"][0]["locations"]);
        (count(&result["relatedLocations"]), stops, count(&log["runs"][0]["tool"]["driver"]["rules"][0]["properties"]["tags"]))
    };
    let (related, stops, tags) = of(&results(&report, &Limits::GITHUB).1);
    assert!(related >= 2 && stops == 2 && tags >= 1, "{related} {stops} {tags}");
    let (_, log) = results(&report, &Limits { related: 1, stops: 1, tags: 0, ..Limits::GITHUB });
    assert_eq!(of(&log), (1, 1, 0));
    // No link to a place that is not there.
    assert!(!log["runs"][0]["results"][0]["message"]["text"].as_str().unwrap().contains("](2)"));
}

#[test]
fn more_projects_than_runs_share_one() {
    let report = report(&[Severity::Error]);
    let folder = |name: &str| Report { folder: name.to_owned(), name: Some(name.to_owned()), ..report.clone() };
    let (a, b, c) = (folder("a"), folder("b"), folder("c"));
    let limits = Limits { runs: 2, ..Limits::GITHUB };
    let ids = |reports: &[&Report]| -> Vec<String> {
        let log: Json = serde_json::from_str(&render_within(reports, &limits)).unwrap();
        log["runs"].as_array().unwrap().iter().map(|r| r["automationDetails"]["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&[&a, &b]), ["flowgate/a/", "flowgate/b/"]);
    assert_eq!(ids(&[&a, &b, &c]), ["flowgate/"]);
    // One folder twice: still two categories.
    assert_eq!(ids(&[&a, &a]), ["flowgate/a/", "flowgate/a/a/"]);
    let log: Json = serde_json::from_str(&render_within(&[&a, &b, &c], &limits)).unwrap();
    let files: Vec<&str> = log["runs"][0]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap())
        .collect();
    assert_eq!(files, ["a/a.flow.yaml", "b/a.flow.yaml", "c/a.flow.yaml"]);
}
