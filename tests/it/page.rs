//! The page for auditors: complete, well-formed, safe whatever a team calls its nodes, and the same on every run. How it behaves in a browser is
//! tested in `tests/browser`.

use std::collections::BTreeSet;

use flowgate::load::Limits;
use flowgate::report::{Format, Style, render, render_all};
use flowgate::{Options, Project, Report, check};

use crate::common::{options, project, projects, root};

/// Elements without an end tag.
const VOID: [&str; 4] = ["meta", "input", "br", "hr"];

/// Names that would be markup, a command, a formula or a trick of direction elsewhere.
const HOSTILE: [&str; 7] =
    ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "]]>", "::error::x", "=cmd()", "a|b`c*d", "javascript:alert(1)"];

fn recorded() -> Options {
    Options { record: true, ..options() }
}

fn page(report: &Report) -> String {
    render(report, Format::Html, &Style::PLAIN)
}

fn example(name: &str) -> Report {
    check(&Project::read(&root().join("examples").join(name), &Limits::default()), &recorded())
}

/// The text between tags, entities resolved.
fn text(html: &str) -> String {
    let body = html.split_once("</style>").map_or(html, |(_, body)| body);
    let body = body.rsplit_once("<script>").map_or(body, |(before, _)| before);
    let text: String = body.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text)).collect();
    resolved(&text)
}

fn resolved(text: &str) -> String {
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
        .iter()
        .fold(text.to_owned(), |t, (e, c)| t.replace(e, c))
}

/// Tags as they come: name, whether it ends something, the rest.
fn tags(html: &str) -> Vec<(String, bool, String)> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let inside = &rest[..rest.find('>').expect("a tag that never ends")];
        let (end, inside) = inside.strip_prefix('/').map_or((false, inside), |name| (true, name));
        let name: String = inside.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
        tags.push((name.clone(), end, inside[name.len()..].to_owned()));
        if (name == "script" || name == "style") && !end {
            rest = &rest[rest.find(&format!("</{name}")).unwrap()..];
        }
    }
    tags
}

#[track_caller]
fn well_formed(html: &str) {
    let mut open: Vec<String> = Vec::new();
    let mut ids = BTreeSet::new();
    let (mut wanted, mut level) = (BTreeSet::new(), 0);
    for (name, end, rest) in tags(html.strip_prefix("<!doctype html>\n").expect("a doctype")) {
        if end {
            assert_eq!(open.pop().as_deref(), Some(name.as_str()), "</{name}> in {open:?}");
            continue;
        }
        if !VOID.contains(&name.as_str()) && !rest.ends_with('/') {
            open.push(name.clone());
        }
        assert!(["", " ", "/"].iter().any(|s| rest.starts_with(s)), "<{name}{rest}>");
        assert!(!name.is_empty(), "a bare < before {rest}");
        if let Some(id) = attribute(&rest, "id") {
            assert!(ids.insert(id.to_owned()), "two elements are called {id}");
        }
        wanted.extend(attribute(&rest, "href").and_then(|h| h.strip_prefix('#')).map(str::to_owned));
        wanted.extend(attribute(&rest, "aria-labelledby").map(str::to_owned));
        if let Some(n) = name.strip_prefix('h').and_then(|n| n.parse::<usize>().ok()) {
            assert!(n <= level + 1, "a heading of level {n} after one of level {level}");
            level = n;
        }
        if name == "th" {
            assert!(attribute(&rest, "scope").is_some(), "a head without scope");
        }
    }
    assert_eq!(open, Vec::<String>::new());
    let lost: Vec<&String> = wanted.iter().filter(|w| !ids.contains(*w)).collect();
    assert!(lost.is_empty(), "links to nothing: {lost:?}");
}

fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}

/// Nothing is fetched, run or embedded; links go to pages over https or within the page.
#[track_caller]
fn self_contained(html: &str) {
    for (name, _, rest) in tags(html) {
        assert!(
            !["img", "link", "iframe", "object", "embed", "base", "image", "use", "foreignObject", "audio", "video"]
                .contains(&name.as_str()),
            "<{name}>"
        );
        for (n, piece) in rest.split('"').enumerate().filter(|(n, _)| n % 2 == 0) {
            let key = piece.trim().trim_end_matches('=').trim();
            assert!(!key.starts_with("on") && key != "src" && key != "style" && key != "action", "<{name} {key}> ({n})");
        }
        if let Some(href) = attribute(&rest, "href") {
            assert!(href.starts_with('#') || href.starts_with("https://"), "{href}");
        }
    }
    for style in html.split("<style>").skip(1).map(|s| s.split("</style>").next().unwrap()) {
        assert!(!style.contains("@import") && !style.contains("url("), "a style that fetches");
    }
    assert_eq!(html.matches("<script>").count(), 1);
    assert!(html.contains("default-src &#39;none&#39;; script-src &#39;sha256-"));
    assert!(!html.contains("unsafe-inline"));
}

#[test]
fn every_example_has_a_whole_page() {
    let mut findings = 0;
    for folder in projects("examples") {
        let report = check(&Project::read(&folder, &Limits::default()), &recorded());
        let html = page(&report);
        well_formed(&html);
        self_contained(&html);
        assert_eq!(html, page(&report), "the same report renders to the same bytes");
        assert!(!html.to_lowercase().contains("compliant"), "a checker never says that");
        let text = text(&html);
        let positions = report.findings.iter().map(|f| (f, f.primary.file.line_column(f.primary.span.start)));
        for (finding, (line, column)) in positions {
            findings += 1;
            assert!(html.contains(&format!("data-fingerprint=\"{}\"", finding.fingerprint)));
            assert!(text.contains(&format!("{}:{line}:{column}", finding.primary.file.name)), "{}: no place", finding.rule);
            for part in [&finding.rule, &finding.citation, &finding.help.replace('`', ""), &finding.message.replace('`', "")] {
                assert!(text.contains(&part.replace('\n', " ")), "{}: no {part:?}", finding.rule);
            }
            for step in finding.path.iter().filter(|_| finding.path.len() > 1) {
                assert!(html.contains(&format!("<code class=\"node\">{}</code>", step.node)), "{}: no stop {}", finding.rule, step.node);
            }
        }
        let record = report.record.as_ref().unwrap();
        for hash in record.inputs.iter().filter_map(|i| i.sha256.as_ref()).chain(record.packs.iter().map(|p| &p.sha256)) {
            assert!(text.contains(hash.as_str()), "no hash {hash}");
        }
        for rule in &record.rules {
            assert!(text.contains(&rule.id), "no rule {}", rule.id);
        }
        for agreement in &record.agreements {
            assert!(text.contains(&agreement.id), "no agreement {}", agreement.id);
        }
        assert!(text.contains(&report.checked.as_of) && text.contains(env!("CARGO_PKG_VERSION")));
    }
    assert!(findings > 50, "only {findings} findings");
}

#[test]
fn silence_is_told_as_silence_and_nothing_more() {
    let text = text(&page(&example("clinic-notes/fixed")));
    assert!(text.contains("No finding") && text.contains("asked and silent") && text.contains("never applied"), "{text}");
    assert!(text.contains("On file, not judged") && text.contains("What cannot be decided here"));
    assert!(!text.contains("Findings:"));
    let broken = text_of("clinic-notes/violating");
    assert!(broken.contains("Findings: 11 errors"), "{broken}");
}

fn text_of(name: &str) -> String {
    text(&page(&example(name)))
}

#[test]
fn every_workflow_has_its_flows_in_words() {
    let report = example("support-triage/before");
    let html = page(&report);
    let record = report.record.as_ref().unwrap();
    assert!(!record.diagram.flows.is_empty());
    for flow in &record.diagram.flows {
        assert!(
            html.contains(&format!("<tr data-from=\"{}\" data-to=\"{}\">", flow.from, flow.to)),
            "no row for {} -> {}",
            flow.from,
            flow.to
        );
    }
    for finding in report.findings.iter().filter(|f| f.path.len() > 1) {
        let numbers = html.split(&format!("data-fingerprint=\"{}\"", finding.fingerprint)).nth(1).unwrap();
        let numbers = numbers.split("data-nodes=\"").nth(1).unwrap().split('"').next().unwrap();
        let stops: Vec<&str> = numbers.split(' ').map(|n| record.diagram.nodes[n.parse::<usize>().unwrap()].id.as_str()).collect();
        let path: Vec<&str> = finding.path.iter().map(|s| s.node.as_str()).collect();
        assert_eq!(stops, path, "{}", finding.rule);
    }
}

/// A workflow whose every name is hostile.
fn hostile() -> Report {
    let quoted = |name: &str| format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
    let names: Vec<String> = HOSTILE.iter().map(|n| quoted(n)).collect();
    let endpoints: Vec<String> = names.iter().map(|n| format!("{n}: {{ operator: {n}, deployment: hosted, model_version: x }}")).collect();
    let flows: Vec<String> = names.iter().map(|n| format!("{{ from: ehr, to: {n}, fields: [note, {}] }}", names[0])).collect();
    let parties: Vec<String> = names.iter().map(|n| format!("{n}: {{ relation: processor }}")).collect();
    let file = format!(
        "version: 1\nroles: [hipaa_covered_entity]\npacks: [core, hipaa]\nparties: {{ acme: {{ relation: self }}, {} }}\n\
         evidence: {{ e: {{ type: dfd, uri: {}, date: 2026-01-01, owner: {} }} }}\n",
        parties.join(", "),
        names[6],
        names[1]
    );
    let flow = format!(
        "workflow: {}\nsources: {{ ehr: {{ operator: acme, location: x, subject: patient, fields: {{ note: regulated.health.note, {}: id.name }} }} }}\n\
         endpoints: {{ {} }}\nflows: [ {} ]\n",
        names[0],
        names[0],
        endpoints.join(", "),
        flows.join(", ")
    );
    check(&project(&file, &[&flow]), &recorded())
}

#[test]
fn hostile_names_stay_text() {
    let report = hostile();
    assert!(report.findings.len() > 5, "{:?}", report.problems.iter().map(|p| &p.message).collect::<Vec<_>>());
    let html = page(&report);
    well_formed(&html);
    self_contained(&html);
    assert!(!html.contains("<script>alert") && !html.contains("<img"));
    let text = text(&html);
    for name in HOSTILE {
        let shown = name;
        // A tick in a name ends the code around it.
        let shown = shown.split('`').next().unwrap();
        assert!(text.contains(shown), "{shown} is not shown");
    }
}

#[test]
fn problems_are_told_before_findings() {
    let report = check(
        &project("version: 1\nroles: [nobody]\nparties: { a: { relation: selfish } }\n", &["workflow: w\nflows: [ { from: x, to: y } ]\n"]),
        &recorded(),
    );
    assert!(!report.problems.is_empty());
    let html = page(&report);
    well_formed(&html);
    let text = text(&html);
    assert!(text.contains("to solve before the result is whole"), "{text}");
    for problem in &report.problems {
        assert!(text.contains(&problem.message.replace('`', "")), "no {}", problem.message);
    }
    assert!(html.find("id=\"problems\"").unwrap() < html.find("id=\"findings\"").unwrap());
}

#[test]
fn a_report_without_a_record_has_a_page_too() {
    let folder = root().join("examples/clinic-notes/violating");
    let html = page(&check(&Project::read(&folder, &Limits::default()), &options()));
    well_formed(&html);
    assert!(!html.contains("id=\"rules\"") && html.contains("id=\"findings\""));
    well_formed(&page(&Report::default()));
}

#[test]
fn several_projects_share_a_page_and_no_name() {
    let mut first = example("clinic-notes/violating");
    let mut again = example("clinic-notes/violating");
    first.name = Some("a".to_owned());
    again.name = Some("b".to_owned());
    let html = render_all(&[&first, &again], Format::Html, &Style::PLAIN);
    well_formed(&html);
    self_contained(&html);
    assert_eq!(html.matches("class=\"project\"").count(), 2);
    assert_eq!(html.matches("id=\"filter\"").count(), 1);
    assert_eq!(html.matches("<h1>").count(), 1);
}
