//! Small projects at random: cycles, named inputs, alternatives, effects with conditions, derived data, free text, surfaces, nodes shared by two workflows, copies, contracts. A plan is
//! made of small numbers, so that proptest can make it smaller; `Plan::texts` turns any plan into files whose names resolve.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::engine::Texts;

const CLASSES: [&str; 9] = [
    "id.name",
    "regulated.health.note",
    "id.email",
    "customer.ticket",
    "id",
    "financial.card_number",
    "code.secret.api_key",
    "public",
    "regulated.health",
];
/// What effects add, remove and ask for.
const NAMES: [&str; 12] = [
    "id.name",
    "redacted",
    "id",
    "encrypted",
    "reviewed",
    "proposed",
    "regulated.health",
    "aggregated",
    "excerpt",
    "code.secret",
    "disclosed",
    "public",
];
const FIELDS: [&str; 3] = ["a", "b", "c"];
const FORMS: [&str; 3] = ["made", "joined", "a"];
const INPUTS: [&str; 3] = ["left", "right", "default"];
const SURFACES: [&str; 3] = ["body", "attachments", "metadata"];
const CASES: [&str; 2] = ["routine", "urgent"];
const STEPS: [&str; 11] =
    ["redact", "pseudonymize", "encrypt", "aggregate", "filter", "embed", "classify", "generate", "retrieve", "chunk", "convert"];
const SERVICES: [&str; 3] = ["openai/responses", "openai/batch", "anthropic/messages"];

/// A project to be.
#[derive(Clone, Debug)]
pub struct Plan {
    workflows: Vec<u8>,
    sources: Vec<SourcePlan>,
    nodes: Vec<NodePlan>,
    flows: Vec<FlowPlan>,
    /// The variant cap to try beside no cap.
    pub cap: usize,
    /// Legal roles: none, covered entity, financial institution.
    role: u8,
}

#[derive(Clone, Debug)]
struct SourcePlan {
    home: u8,
    fields: Vec<(u8, Vec<u8>, u8, u8)>,
    surfaces: u8,
    contracts: u8,
    operator: u8,
}

#[derive(Clone, Debug)]
struct NodePlan {
    home: u8,
    kind: u8,
    sort: u8,
    removes: Vec<u8>,
    surfaces: u8,
    outputs: Vec<Vec<EffectPlan>>,
    operator: u8,
    facts: u8,
}

#[derive(Clone, Debug)]
struct EffectPlan {
    op: u8,
    inputs: u8,
    form: u8,
    add: Vec<u8>,
    remove: Vec<u8>,
    condition: Condition,
}

#[derive(Clone, Debug)]
enum Condition {
    Has(u8),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

#[derive(Clone, Debug)]
struct FlowPlan {
    workflow: u8,
    from: u8,
    to: u8,
    fields: Vec<u8>,
    ports: u8,
    cases: u8,
    facts: u8,
}

fn few(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..=max)
}

pub fn plans() -> impl Strategy<Value = Plan> {
    let condition = any::<u8>().prop_map(Condition::Has).prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|c| Condition::Not(Box::new(c))),
            prop::collection::vec(inner.clone(), 0..=3).prop_map(Condition::All),
            prop::collection::vec(inner, 0..=3).prop_map(Condition::Any),
        ]
    });
    let effect = (any::<u8>(), any::<u8>(), any::<u8>(), few(2), few(2), condition)
        .prop_map(|(op, inputs, form, add, remove, condition)| EffectPlan { op, inputs, form, add, remove, condition });
    let outputs = prop::collection::vec(prop::collection::vec(effect, 0..=4), 1..=3);
    let node = (any::<u8>(), any::<u8>(), any::<u8>(), few(2), any::<u8>(), outputs, any::<u8>(), any::<u8>()).prop_map(
        |(home, kind, sort, removes, surfaces, outputs, operator, facts)| NodePlan {
            home,
            kind,
            sort,
            removes,
            surfaces,
            outputs,
            operator,
            facts,
        },
    );
    let field = (any::<u8>(), few(2), any::<u8>(), any::<u8>());
    let source = (any::<u8>(), prop::collection::vec(field, 1..=3), any::<u8>(), any::<u8>(), any::<u8>())
        .prop_map(|(home, fields, surfaces, contracts, operator)| SourcePlan { home, fields, surfaces, contracts, operator });
    let flow = (any::<u8>(), any::<u8>(), any::<u8>(), few(2), any::<u8>(), any::<u8>(), any::<u8>())
        .prop_map(|(workflow, from, to, fields, ports, cases, facts)| FlowPlan { workflow, from, to, fields, ports, cases, facts });
    (
        prop::collection::vec(any::<u8>(), 1..=2),
        prop::collection::vec(source, 1..=2),
        prop::collection::vec(node, 1..=6),
        prop::collection::vec(flow, 1..=13),
        1..=4_usize,
        any::<u8>(),
    )
        .prop_map(|(workflows, sources, nodes, flows, cap, role)| Plan { workflows, sources, nodes, flows, cap, role })
}

fn pick<'p, T: ?Sized>(pool: &[&'p T], n: u8) -> &'p T {
    pool[usize::from(n) % pool.len()]
}

fn picks(pool: &[&'static str], numbers: &[u8]) -> Vec<&'static str> {
    numbers.iter().map(|n| pick(pool, *n)).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The members of a pool whose bit is set.
fn masked(pool: &[&'static str], mask: u8) -> Vec<&'static str> {
    pool.iter().enumerate().filter(|(n, _)| mask >> n & 1 == 1).map(|(_, name)| *name).collect()
}

/// A node as it is written down, and what the generator has to know to name things that are there.
struct Written {
    id: String,
    /// The workflow it belongs to; none for a shared node.
    home: Option<usize>,
    section: &'static str,
    json: Json,
}

impl Written {
    fn effects(&self) -> impl Iterator<Item = &Json> {
        let outputs = self.json.get("outputs").and_then(Json::as_object).into_iter().flatten();
        outputs.filter_map(|(_, effects)| effects.as_array()).flatten()
    }

    fn step(&self) -> &str {
        self.json.get("type").and_then(Json::as_str).unwrap_or_default()
    }

    /// Names that can leave it whatever arrives.
    fn makes(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<String> =
            self.json.get("fields").and_then(Json::as_object).into_iter().flatten().map(|(n, _)| n.clone()).collect();
        if self.json.get("outputs").is_some() {
            names.extend(self.effects().filter_map(|e| e.get("emit")?.as_str()).map(str::to_owned));
        } else if self.section == "endpoints" {
            names.extend(["prompt", "completion"].map(str::to_owned));
        } else {
            let made = [("embed", "embedding"), ("aggregate", "aggregate"), ("classify", "classification"), ("generate", "completion")];
            names.extend(made.iter().filter(|(step, _)| *step == self.step()).map(|(_, name)| (*name).to_owned()));
        }
        names
    }

    fn forwards(&self) -> bool {
        match self.json.get("outputs") {
            Some(_) => self.effects().any(|e| e.get("forward").is_some()),
            None => self.section != "endpoints" && !matches!(self.step(), "embed" | "aggregate" | "generate"),
        }
    }

    /// The inputs its effects take from; none where they take from all.
    fn inputs(&self) -> Option<Vec<&str>> {
        self.json.get("outputs")?;
        let of: Vec<&Json> = self.effects().filter_map(|e| e.get("forward").or(e.get("of"))).collect();
        let all = of.is_empty() || of.iter().any(|i| i.as_str() == Some("*"));
        (!all).then(|| of.iter().flat_map(|i| i.as_array().unwrap()).filter_map(Json::as_str).collect())
    }

    fn outputs(&self) -> Vec<&str> {
        match self.json.get("outputs").and_then(Json::as_object) {
            Some(outputs) => outputs.keys().map(String::as_str).collect(),
            None if self.section == "endpoints" => vec!["prompt", "completion"],
            None if self.step() == "classify" => vec!["default", "classification"],
            None => vec!["default"],
        }
    }
}

impl Plan {
    fn role(&self) -> &'static str {
        pick(&["", "hipaa_covered_entity", "ftc_financial_institution"], self.role)
    }

    /// Judged by every rule of every pack, which is slow.
    pub fn all_rules(&self) -> bool {
        self.role >= 252
    }

    /// The files.
    pub fn texts(&self) -> Texts {
        let count = self.workflows.len();
        let home = |n: u8| usize::from(n % 4).checked_sub(1).map(|n| n % count);
        let mut nodes: Vec<Written> = Vec::new();
        for (n, source) in self.sources.iter().enumerate() {
            nodes.push(Written { id: format!("s{n}"), home: home(source.home), section: "sources", json: source.json() });
        }
        for (n, node) in self.nodes.iter().enumerate() {
            let (section, json) = node.json();
            nodes.push(Written { id: format!("n{n}"), home: home(node.home), section, json });
        }
        self.keep_maps(&mut nodes);
        let flows = self.flows(&nodes);
        let section = |text: &mut String, name: &str, home: Option<usize>| {
            let here: Vec<&Written> = nodes.iter().filter(|n| n.section == name && n.home == home).collect();
            if !here.is_empty() {
                text.push_str(&format!("{name}:\n"));
                here.iter().for_each(|n| text.push_str(&format!("  {}: {}\n", n.id, n.json)));
            }
        };
        let sections = ["sources", "steps", "endpoints", "stores", "logs", "outputs", "reviewers"];
        let role = Some(self.role()).filter(|r| !r.is_empty()).map(|r| vec![r]).unwrap_or_default();
        let mut project = format!("version: 1\nroles: {}\n{PARTIES}", json!(role));
        sections.iter().for_each(|s| section(&mut project, s, None));
        let workflows = self.workflows.iter().enumerate().map(|(n, plan)| {
            let mut text = format!("workflow: w{n}\nstage: {}\n", pick(&["draft", "pilot", "production"], plan >> 2));
            if plan & 1 == 1 {
                text.push_str(&format!("case_types: {}\n", json!(CASES)));
            }
            sections.iter().for_each(|s| section(&mut text, s, Some(n)));
            text.push_str("flows:\n");
            flows.iter().filter(|(w, _)| *w == n).for_each(|(_, flow)| text.push_str(&format!("  - {flow}\n")));
            text.replace("flows:\n", if flows.iter().any(|(w, _)| *w == n) { "flows:\n" } else { "flows: []\n" })
        });
        Texts { workflows: workflows.collect(), project }
    }

    /// Some pseudonymising steps keep their map in a store beside them.
    fn keep_maps(&self, nodes: &mut [Written]) {
        let stores: Vec<(Option<usize>, String)> = nodes.iter().filter(|n| n.section == "stores").map(|n| (n.home, n.id.clone())).collect();
        for node in nodes.iter_mut().filter(|n| n.step() == "pseudonymize") {
            if let Some((_, store)) = stores.iter().find(|(home, _)| *home == node.home) {
                node.json["map_store"] = json!(store);
            }
        }
    }

    fn flows(&self, nodes: &[Written]) -> Vec<(usize, Json)> {
        let mut flows: Vec<(usize, Json)> = Vec::new();
        // Ends and names of the flows so far: what a later flow lists has to be there.
        let mut ends: Vec<(usize, usize, Option<Vec<String>>)> = Vec::new();
        for plan in &self.flows {
            let workflow = usize::from(plan.workflow) % self.workflows.len();
            let visible = |n: &usize| nodes[*n].home.is_none_or(|h| h == workflow);
            let reached = |n: &usize| nodes[*n].section == "sources" || ends.iter().any(|(_, to, _)| to == n);
            let all: Vec<usize> = (0..nodes.len()).filter(visible).collect();
            let froms: Vec<usize> = all.iter().copied().filter(|n| plan.facts % 8 == 7 || reached(n)).collect();
            let tos: Vec<usize> = all.iter().copied().filter(|n| plan.facts % 16 == 15 || nodes[*n].section != "sources").collect();
            if froms.is_empty() || tos.is_empty() {
                continue;
            }
            let (from, to) = (froms[usize::from(plan.from) % froms.len()], tos[usize::from(plan.to) % tos.len()]);
            let forms: Vec<String> = available(nodes, &ends, from).into_iter().collect();
            let mut flow = Map::from_iter([("from".to_owned(), json!(nodes[from].id)), ("to".to_owned(), json!(nodes[to].id))]);
            let listed: BTreeSet<String> =
                plan.fields.iter().filter(|_| !forms.is_empty()).map(|n| forms[usize::from(*n) % forms.len()].clone()).collect();
            if listed.is_empty() {
                flow.insert("fields".to_owned(), json!("*"));
            } else {
                let origins: Vec<&str> =
                    nodes.iter().filter(|n| n.home.is_none_or(|h| h == workflow) && !n.makes().is_empty()).map(|n| n.id.as_str()).collect();
                let qualified = plan.facts % 5 == 4 && !origins.is_empty();
                let write = |form: &String| if qualified { format!("{}.{form}", pick(&origins, plan.facts >> 3)) } else { form.clone() };
                flow.insert("fields".to_owned(), json!(listed.iter().map(write).collect::<Vec<_>>()));
            }
            let (outputs, inputs) = (nodes[from].outputs(), nodes[to].inputs());
            if outputs.len() > 1 && plan.ports % 2 == 1 {
                flow.insert("output".to_owned(), json!(pick(&outputs, plan.ports >> 1)));
            }
            match inputs {
                Some(inputs) => drop(flow.insert("input".to_owned(), json!(pick(&inputs, plan.ports >> 3)))),
                None if plan.ports % 4 == 3 => drop(flow.insert("input".to_owned(), json!(pick(&INPUTS, plan.ports >> 3)))),
                None => {}
            }
            if self.workflows[workflow] & 1 == 1 && plan.cases % 4 > 1 {
                flow.insert("case_types".to_owned(), json!([pick(&CASES, plan.cases)]));
            }
            if plan.facts % 2 == 1 {
                flow.insert("tls".to_owned(), json!(plan.facts % 4 == 1));
            }
            ends.push((from, to, (!listed.is_empty()).then(|| listed.into_iter().collect())));
            flows.push((workflow, Json::Object(flow)));
        }
        flows
    }
}

/// Names that can leave a node, as far as the flows go.
fn available(nodes: &[Written], ends: &[(usize, usize, Option<Vec<String>>)], node: usize) -> BTreeSet<String> {
    let mut names: Vec<BTreeSet<String>> = nodes.iter().map(Written::makes).collect();
    for _ in 0..=ends.len() {
        for (from, to, listed) in ends.iter().filter(|(_, to, _)| nodes[*to].forwards()) {
            let brought = listed.clone().map_or_else(|| names[*from].clone(), |l| l.into_iter().collect());
            names[*to].extend(brought);
        }
    }
    names.swap_remove(node)
}

/// Who every project knows.
const PARTIES: &str = include_str!("../../oracle/parties.yaml");

/// Self-run most of the time, so that `disclosed` is not everywhere.
fn operator(n: u8) -> Option<&'static str> {
    (n % 8 < 7).then_some(if n % 8 < 5 { "acme" } else { "openai" })
}

impl SourcePlan {
    fn json(&self) -> Json {
        let mut fields = Map::new();
        for (name, classes, facts, surfaces) in &self.fields {
            let mut field = Map::new();
            let classes = picks(&CLASSES, classes);
            if !classes.is_empty() {
                field.insert("class".to_owned(), json!(classes));
            }
            if facts % 8 == 7 {
                field.insert("free_text".to_owned(), json!(true));
                if facts % 16 == 15 {
                    let result = if facts % 32 == 31 { "findings" } else { "clean" };
                    field.insert(
                        "scan".to_owned(),
                        json!({ "tool": "x", "version": "v1", "date": "2026-01-01", "result": result, "covers": ["code.secret"] }),
                    );
                }
            }
            if surfaces % 8 > 5 {
                field.insert("surfaces".to_owned(), json!(masked(&SURFACES, (surfaces >> 3) | 2)));
            }
            fields.insert(pick(&FIELDS, *name).to_owned(), Json::Object(field));
        }
        let mut source = json!({ "subject": "patient", "fields": fields });
        if self.surfaces % 4 == 3 {
            source["surfaces"] = json!(masked(&SURFACES, (self.surfaces >> 2) | 1));
        }
        let contracts = masked(&["msa", "nda"], self.contracts);
        if !contracts.is_empty() {
            source["contracts"] = json!(contracts);
        }
        if let Some(operator) = operator(self.operator) {
            source["operator"] = json!(operator);
        }
        source
    }
}

impl NodePlan {
    fn json(&self) -> (&'static str, Json) {
        let mut node = json!({});
        if let Some(operator) = operator(self.operator) {
            node["operator"] = json!(operator);
        }
        let section = match self.kind % 16 {
            0..=3 => {
                let step = pick(&STEPS, self.sort);
                node["type"] = json!(step);
                node["removes"] = json!(picks(&["id", "id.name", "code.secret", "regulated.health"], &self.removes));
                if matches!(step, "redact" | "pseudonymize" | "filter" | "retrieve") {
                    node["surfaces"] = json!(masked(&SURFACES, if self.surfaces.is_multiple_of(2) { 1 } else { self.surfaces >> 1 }));
                }
                if matches!(step, "retrieve" | "chunk") && self.facts % 2 == 1 {
                    node["emits"] = json!("excerpts");
                }
                if self.facts % 8 == 7 {
                    node["placeholder"] = json!(pick(&["derived", "random_mapped", "fixed_type"], self.facts >> 3));
                }
                if self.facts % 8 == 5 {
                    node["method"] =
                        json!(pick(&["safe_harbor", "blind_data", "limited_data_set", "expert_determination"], self.facts >> 3));
                }
                // A step type that writes its own effects keeps to its surfaces all the same.
                if self.facts % 4 == 2 {
                    node["outputs"] = self.written();
                }
                "steps"
            }
            4..=7 => {
                node["type"] = json!("custom");
                node["outputs"] = self.written();
                "steps"
            }
            8..=10 => {
                match self.sort % 4 {
                    0 => node["mode"] = json!(pick(&["sync", "batch"], self.sort >> 2)),
                    1 => node = json!({ "service": pick(&SERVICES, self.sort >> 2) }),
                    2 => node["outputs"] = self.written(),
                    _ => {}
                }
                "endpoints"
            }
            11..=13 => {
                if self.sort % 4 == 3 {
                    node["copies"] = json!({ "backup": { "kind": pick(&["store", "log"], self.sort >> 2) } });
                }
                "stores"
            }
            14 => pick(&["logs", "outputs"], self.sort),
            _ => {
                node = json!({ "blocks": self.sort.is_multiple_of(2) });
                match self.sort >> 1 & 3 {
                    0 | 1 => node["person"] = json!(pick(&["maya", "olga"], self.sort >> 3)),
                    2 => node["reviewer_kind"] = json!("bot"),
                    _ => node["role"] = json!("clinician"),
                }
                "reviewers"
            }
        };
        if !matches!(section, "reviewers") && self.facts % 3 == 1 {
            node["zone"] = json!("own_premises");
        }
        if matches!(section, "stores" | "logs") && self.facts % 3 == 2 {
            node["retention"] = json!(pick(&["P10D", "P90D"], self.facts >> 2));
        }
        (section, node)
    }

    fn written(&self) -> Json {
        let names = ["default", "other", "third"];
        let effects = |list: &Vec<EffectPlan>| list.iter().enumerate().map(|(n, e)| e.json(n == 0)).collect::<Vec<_>>();
        Json::Object(self.outputs.iter().zip(names).map(|(list, name)| (name.to_owned(), json!(effects(list)))).collect())
    }
}

impl EffectPlan {
    fn json(&self, first: bool) -> Json {
        let one_of = || if self.inputs.is_multiple_of(2) { json!("*") } else { json!([pick(&INPUTS, self.inputs >> 1)]) };
        let add = picks(&NAMES, &self.add);
        let remove = picks(&NAMES, &self.remove);
        let form = pick(&FORMS, self.form);
        // Nothing leaves an output whose effects bring nothing, so most begin with one that does.
        let op = if first && self.op % 8 < 7 { self.op % 5 } else { self.op % 12 };
        match op {
            0 | 1 => json!({ "forward": one_of() }),
            2 => json!({ "emit": form, "of": one_of() }),
            3 => json!({ "emit": form, "of": picks(&INPUTS, &[self.inputs, self.inputs >> 2, self.inputs >> 4]) }),
            4 => json!({ "emit": form, "classes": picks(&CLASSES, &self.add) }),
            5 | 6 => json!({ "add": add }),
            7 | 8 => json!({ "remove": remove }),
            9 => json!({ "keep": self.condition.json() }),
            10 => json!({ "when": self.condition.json(), "add": add, "remove": remove }),
            _ => json!({ "when": self.condition.json(), "add": add, "else": { "remove": remove } }),
        }
    }
}

impl Condition {
    fn json(&self) -> Json {
        let list = |of: &[Condition]| of.iter().map(Condition::json).collect::<Vec<_>>();
        match self {
            Self::Has(name) => json!(pick(&NAMES, *name)),
            Self::Not(of) => json!({ "not": of.json() }),
            Self::All(of) => json!({ "all": list(of) }),
            Self::Any(of) => json!({ "any": list(of) }),
        }
    }
}
