//! What must not change when the same project is written in another way, and what must change when a flow goes: over every fixture and example.

use std::path::Path;

use flowgate::finding::SubjectNames;
use flowgate::load::{Document, Format, Limits, Value};
use flowgate::{Options, Project, check};
use serde_json::Value as Json;

use crate::common::{essences, judged, options, projects, root, walk};

/// Every project of the repository: examples, and every fixture with the project file above it.
fn all() -> Vec<(String, Project, Options)> {
    let mut all = Vec::new();
    for folder in projects("examples") {
        all.push((name(&folder), Project::read(&folder, &Limits::default()), options()));
    }
    for file in walk(&root().join("policies/packs")) {
        let text = file.to_string_lossy().into_owned();
        let fixture = text.contains("/fail/") && text.ends_with(".flow.yaml");
        if !fixture {
            continue;
        }
        let nearest = file.ancestors().skip(1).find(|f| f.join("flowgate.yaml").is_file()).unwrap().to_owned();
        // Each fixture is one test of its rule already; one in five is enough for what holds of all.
        if text.bytes().map(usize::from).sum::<usize>() % 5 != 0 {
            continue;
        }
        let waivers = nearest.join("flowgate.waivers.yaml");
        let waivers = waivers.is_file().then_some(waivers);
        let project = Project::read_files(
            nearest.clone(),
            Some(&nearest.join("flowgate.yaml")),
            waivers.as_deref(),
            std::slice::from_ref(&file),
            &Limits::default(),
        );
        let mut options = options();
        options.selection.packs = ["route", "contract", "hipaa", "ftc"].map(str::to_owned).to_vec();
        all.push((name(&file), project, options));
    }
    assert!(all.len() > 60, "only {} projects", all.len());
    all
}

fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// The same documents after a change of their JSON, written as JSON.
fn rewritten(project: &Project, change: impl Fn(&mut Json)) -> Project {
    let rewrite = |document: &Document| {
        let mut json = document.root().to_json();
        change(&mut json);
        let name = document.file().name.replace(".yaml", ".json");
        let text = serde_json::to_string_pretty(&json).unwrap();
        Document::parse(&name, text.into_bytes(), Format::Json, &Limits::default()).unwrap()
    };
    Project {
        folder: project.folder.clone(),
        file: project.file.as_ref().map(rewrite),
        workflows: project.workflows.iter().rev().map(rewrite).collect(),
        waivers: project.waivers.as_ref().map(rewrite),
        problems: project.problems.clone(),
        ..Project::default()
    }
}

/// Turns the order of all keys, and of the lists whose order means nothing, around. Effects are ordered; they stay.
fn reverse(json: &mut Json) {
    match json {
        Json::Object(map) => {
            let reversed: Vec<(String, Json)> = std::mem::take(map).into_iter().rev().collect();
            for (key, mut value) in reversed {
                if key == "outputs" && value.as_object().is_some_and(|o| o.values().all(Json::is_array)) {
                    map.insert(key, value);
                    continue;
                }
                if let (true, Json::Array(items)) =
                    (matches!(key.as_str(), "flows" | "fields" | "packs" | "parties" | "surfaces" | "removes"), &mut value)
                {
                    items.reverse();
                }
                reverse(&mut value);
                map.insert(key, value);
            }
        }
        Json::Array(items) => items.iter_mut().for_each(reverse),
        _ => {}
    }
}

#[test]
fn json_says_what_yaml_says_and_order_says_nothing() {
    for (name, project, options) in all() {
        let plain = essences(&check(&project, &options));
        assert_eq!(plain, essences(&check(&rewritten(&project, |_| {}), &options)), "{name} as JSON");
        assert_eq!(plain, essences(&check(&rewritten(&project, reverse), &options)), "{name} turned around");
    }
}

/// Only policies whose scope can match are asked. Asking all of them every question changes nothing.
#[test]
fn slicing_never_changes_a_verdict() {
    for (name, project, mut options) in all() {
        let sliced = essences(&check(&project, &options));
        options.slicing = false;
        assert_eq!(sliced, essences(&check(&project, &options)), "{name}");
    }
}

/// A flow that is flagged and goes takes its finding with it.
#[test]
fn removing_a_flagged_flow_removes_its_finding() {
    for folder in projects("examples") {
        let project = Project::read(&folder, &Limits::default());
        let report = judged(&project, &options());
        for finding in &report.findings {
            let SubjectNames::Flow { implied: false, .. } = finding.subject else { continue };
            let file: &str = &finding.primary.file.name;
            let document = project.workflows.iter().find(|d| d.file().name == file).unwrap();
            let place = document.root().get("flows").unwrap().items().position(|f: Value<'_>| f.span() == finding.primary.span).unwrap();
            let without = rewritten(&project, |json| {
                let here = json.get("workflow").and_then(Json::as_str) == finding.workflow.as_deref();
                if let (true, Some(flows)) = (here, json.get_mut("flows").and_then(Json::as_array_mut)) {
                    flows.remove(place);
                }
            });
            let left = check(&without, &options());
            let still = left.findings.iter().any(|f| f.fingerprint == finding.fingerprint);
            assert!(!still, "{}: {} at {file} is still there without the flow", name(&folder), finding.rule);
        }
    }
}

/// The same input gives the same bytes.
#[test]
fn a_report_is_the_same_on_repeat() {
    use flowgate::report::{Format, Style, render};
    let style = Style { width: 100, color: true, unicode: true, links: false };
    for folder in projects("examples") {
        let once = || {
            let report = check(&Project::read(&folder, &Limits::default()), &options());
            render(&report, Format::Human, &style) + &render(&report, Format::Json, &style)
        };
        assert_eq!(once(), once(), "{}", name(&folder));
    }
}

/// A widened flow finds at least what exact tracking finds.
#[test]
fn widening_never_removes_a_finding() {
    for folder in projects("examples") {
        let project = Project::read(&folder, &Limits::default());
        let mut options = options();
        let key = |f: &flowgate::finding::Finding| (f.rule.clone(), f.subject.clone(), f.contract.clone());
        let exact: std::collections::BTreeSet<_> =
            judged(&project, &options).findings.iter().filter(|f| f.undeclared.is_empty()).map(key).collect();
        options.variant_cap = 1;
        let widened = judged(&project, &options);
        let wide: std::collections::BTreeSet<_> = widened.findings.iter().map(key).collect();
        let folded: std::collections::BTreeSet<String> = widened.findings.iter().flat_map(|f| f.also.iter().cloned()).collect();
        for finding in exact.difference(&wide) {
            assert!(folded.contains(&finding.0), "{}: {finding:?} is lost when variants are widened", name(&folder));
        }
    }
}
