//! Projects built from bytes, each of which chooses: nearly all of them pass the schemas, so that what lies behind is reached. Never random: the same
//! bytes give the same project.

use std::collections::BTreeSet;

use flowgate::finding::Finding;
use flowgate::{Options, Project, Report};
use serde_json::{Map, Value as Json, json};

use super::{options, project, report_fits};

/// Bytes that choose; when they are used up, everything is the first.
struct Choices<'b> {
    bytes: std::slice::Iter<'b, u8>,
}

impl Choices<'_> {
    fn below(&mut self, n: usize) -> usize {
        usize::from(self.bytes.next().copied().unwrap_or(0)) % n.max(1)
    }

    fn one<'o>(&mut self, of: &[&'o str]) -> &'o str {
        of[self.below(of.len())]
    }

    fn often(&mut self) -> bool {
        self.below(4) != 3
    }

    fn some<'o>(&mut self, of: &[&'o str]) -> Vec<&'o str> {
        (0..1 + self.below(3)).map(|_| self.one(of)).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

const CLASSES: [&str; 8] =
    ["public", "id.name", "id.mrn", "id.email", "regulated.health.note", "regulated.health", "financial.card_number", "secret.api_key"];
const FIELDS: [&str; 4] = ["a", "b", "note", "mrn"];
const PARTIES: [&str; 3] = ["acme", "mart", "openai"];
const FORMS: [&str; 9] = ["a", "b", "note", "mrn", "prompt", "completion", "results", "made", "both"];
const LABELS: [&str; 6] = ["redacted", "encrypted", "proposed", "reviewed", "id.name", "regulated.health"];

/// A project with cycles, several inputs and outputs, conditions, shared nodes, copies and contracts; the same as YAML-like JSON and rewritten.
pub fn documents(bytes: &[u8]) {
    let mut choices = Choices { bytes: bytes.iter() };
    let file = file(&mut choices);
    let workflows: Vec<Json> = (0..1 + choices.below(2)).map(|n| workflow(&mut choices, n)).collect();
    let cap = [64, 1, 2, 4][choices.below(4)];
    let texts: Vec<String> = workflows.iter().map(Json::to_string).collect();
    let project = project(&file.to_string(), &texts.iter().map(String::as_str).collect::<Vec<_>>(), "");
    assert!(project.problems.is_empty(), "{:?}", project.problems);
    let options = Options { variant_cap: cap, ..options() };
    let report = flowgate::check(&project, &options);
    report_fits(&report);
    let broken: Vec<&str> =
        report.problems.iter().map(|p| p.code).filter(|c| c.starts_with("judge/") && *c != "judge/too-many-worlds").collect();
    assert!(broken.is_empty(), "{:?}", report.problems);
    // The order of files is none of the project's.
    let reversed = Project { workflows: project.workflows.iter().rev().cloned().collect(), ..project.clone() };
    assert_eq!(essence(&flowgate::check(&reversed, &options)), essence(&report), "the order of files counts");
}

fn essence(report: &Report) -> BTreeSet<String> {
    let of = |f: &Finding| format!("{} {} {:?}", f.rule, f.fingerprint, f.data.iter().map(|d| &d.fingerprint).collect::<Vec<_>>());
    report.findings.iter().map(of).chain(report.problems.iter().map(|p| format!("{} {}", p.code, p.message))).collect()
}

fn file(choices: &mut Choices<'_>) -> Json {
    let roles: Vec<&str> = if choices.often() { vec!["hipaa_covered_entity"] } else { Vec::new() };
    let mut file = json!({
        "version": 1,
        "roles": roles,
        "packs": choices.some(&["core", "contract", "hipaa", "route", "rmf", "ftc"]),
        "parties": { "acme": { "relation": "self" }, "mart": { "relation": "processor" }, "openai": { "relation": "processor" } },
        "people": { "maya": { "name": "Maya" } },
    });
    if choices.often() {
        file["agreements"] = json!({ "baa": {
            "type": choices.one(&["baa", "dpa", "customer_contract"]), "parties": ["acme", choices.one(&["mart", "openai"])],
            "status": choices.one(&["signed", "draft", "expired"]), "effective": "2026-01-01", "expires": choices.one(&["2027-01-01", "2026-02-01"]),
        } });
    }
    if choices.often() {
        file["stores"] = json!({ "pool": { "operator": choices.one(&PARTIES) } });
    }
    file
}

fn workflow(choices: &mut Choices<'_>, n: usize) -> Json {
    let mut nodes: Vec<(String, &'static str)> = vec![("pool".to_owned(), "stores")];
    let mut sections: Map<String, Json> = Map::new();
    let mut add = |sections: &mut Map<String, Json>, section: &'static str, value: Json| {
        let entries = sections.entry(section).or_insert_with(|| json!({}));
        let id = format!("{}{n}{}", section.trim_end_matches('s'), entries.as_object().map_or(0, Map::len));
        entries[&id] = value;
        nodes.push((id, section));
    };
    for _ in 0..1 + choices.below(2) {
        let fields: Map<String, Json> = choices.some(&FIELDS).into_iter().map(|f| (f.to_owned(), field(choices))).collect();
        add(
            &mut sections,
            "sources",
            json!({ "operator": choices.one(&PARTIES), "subject": choices.one(&["patient", "consumer"]), "fields": fields }),
        );
    }
    for _ in 0..choices.below(4) {
        let value = step(choices);
        add(&mut sections, "steps", value);
    }
    for _ in 0..choices.below(3) {
        let endpoint = match choices.below(3) {
            0 => json!({ "service": choices.one(&["openai/responses", "openai/batch"]), "retention_mode": "default" }),
            1 => json!({ "operator": choices.one(&PARTIES), "deployment": choices.one(&["local", "private", "hosted"]) }),
            _ => json!({ "operator": choices.one(&PARTIES), "mode": "batch" }),
        };
        add(&mut sections, "endpoints", endpoint);
    }
    for (section, most) in [("stores", 2), ("logs", 2), ("outputs", 2)] {
        for _ in 0..choices.below(most + 1) {
            add(&mut sections, section, json!({ "operator": choices.one(&PARTIES) }));
        }
    }
    if choices.often() {
        add(&mut sections, "reviewers", json!({ "person": "maya", "blocks": choices.often() }));
    }
    let flows: Vec<Json> = (0..1 + choices.below(10)).map(|_| flow(choices, &nodes)).collect();
    let mut workflow = json!({ "workflow": format!("w{n}"), "stage": choices.one(&["draft", "pilot", "production"]), "flows": flows });
    workflow.as_object_mut().expect("an object").append(&mut sections);
    workflow
}

fn field(choices: &mut Choices<'_>) -> Json {
    let class = choices.one(&CLASSES);
    if choices.often() { json!(class) } else { json!({ "class": class, "free_text": choices.often() }) }
}

fn step(choices: &mut Choices<'_>) -> Json {
    let operator = choices.one(&PARTIES);
    match choices.below(4) {
        0 => json!({ "type": "redact", "operator": operator, "removes": choices.some(&CLASSES), "surfaces": ["body"] }),
        1 => json!({ "type": choices.one(&["convert", "aggregate", "retrieve", "embed", "classify", "encrypt"]), "operator": operator }),
        _ => {
            let outputs: Map<String, Json> = ["out", "more"]
                .iter()
                .take(1 + choices.below(2))
                .map(|name| ((*name).to_owned(), Json::Array((0..1 + choices.below(4)).map(|_| effect(choices)).collect())))
                .collect();
            json!({ "type": "custom", "operator": operator, "removes": choices.some(&CLASSES), "outputs": outputs })
        }
    }
}

fn effect(choices: &mut Choices<'_>) -> Json {
    match choices.below(7) {
        0 => json!({ "forward": "*" }),
        1 => json!({ "forward": choices.some(&["left", "right"]) }),
        2 => json!({ "emit": "both", "of": ["left", "right"] }),
        3 => json!({ "emit": "made", "of": choices.one(&["left", "right", "*"]) }),
        4 => json!({ "remove": choices.some(&LABELS) }),
        5 => json!({ "keep": condition(choices, 0) }),
        _ => json!({ "when": condition(choices, 0), "add": choices.some(&LABELS[..4]), "else": { "remove": choices.some(&LABELS) } }),
    }
}

fn condition(choices: &mut Choices<'_>, depth: usize) -> Json {
    match choices.below(if depth > 3 { 1 } else { 4 }) {
        1 => json!({ "not": condition(choices, depth + 1) }),
        2 => json!({ "any": [condition(choices, depth + 1), condition(choices, depth + 1)] }),
        3 => json!({ "all": [condition(choices, depth + 1), condition(choices, depth + 1)] }),
        _ => json!(choices.one(&LABELS)),
    }
}

fn flow(choices: &mut Choices<'_>, nodes: &[(String, &str)]) -> Json {
    let (from, _) = &nodes[choices.below(nodes.len())];
    let (to, section) = &nodes[choices.below(nodes.len())];
    let fields = if choices.often() { json!("*") } else { json!(choices.some(&FORMS)) };
    let mut flow = json!({ "from": from, "to": to, "fields": fields });
    if *section == "steps" && choices.often() {
        flow["input"] = json!(choices.one(&["left", "right"]));
    }
    if choices.often() {
        flow["tls"] = json!(choices.often());
    }
    flow
}
