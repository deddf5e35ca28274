//! What differs between two projects in meaning: nodes, what crosses each flow with which labels, agreements, verdicts. The look of files is no
//! difference. Never judges by itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::changes::changes;
use crate::check::{Options, Report, check};
use crate::finding::Finding;
use crate::problem::Problem;
use crate::project::Project;
use crate::record::{Agreement, Datum, Diagram, Flow, Node, Record};

/// The differences, each list sorted by name.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Meaning {
    /// Declarations that changed, as the files name them.
    pub declarations: Vec<Difference>,
    /// Nodes, copies among them.
    pub nodes: Vec<Difference>,
    /// Flows, and what crosses them.
    pub flows: Vec<Difference>,
    /// Agreements.
    pub agreements: Vec<Difference>,
    /// Findings.
    pub verdicts: Vec<Difference>,
    /// What could not be judged on either side.
    #[serde(skip)]
    pub problems: Vec<Problem>,
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// What it is called.
    pub name: String,
    /// `added`, `removed` or `changed`.
    pub kind: Kind,
    /// In which ways, for what is there on both sides; else what it is.
    pub details: Vec<String>,
}

/// How something differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Both have it, and it differs.
    Changed,
}

impl Meaning {
    /// From `a` to `b`.
    #[must_use]
    pub fn between(a: &Project, b: &Project, options: &Options) -> Self {
        let options = Options { record: true, ..options.clone() };
        let (before, after) = (check(a, &options), check(b, &options));
        let empty = Record::default();
        let (old, new) = (before.record.as_ref().unwrap_or(&empty), after.record.as_ref().unwrap_or(&empty));
        let declared = changes(a, b).into_iter().map(|change| {
            let kind = match () {
                () if change.place.label.ends_with("added") => Kind::Added,
                () if change.place.label.ends_with("removed") => Kind::Removed,
                () => Kind::Changed,
            };
            let (line, _) = change.place.file.line_column(change.place.span.start);
            Difference { name: change.name, kind, details: vec![format!("{}:{line}", change.place.file.name)] }
        });
        Self {
            declarations: declared.collect(),
            nodes: lists(keyed_nodes(&old.diagram), keyed_nodes(&new.diagram), describe, node),
            flows: lists(keyed_flows(&old.diagram), keyed_flows(&new.diagram), |f| all(&f.data), flow),
            agreements: lists(keyed_agreements(old), keyed_agreements(new), |a| vec![state(a)], agreement),
            verdicts: lists(keyed_findings(&before), keyed_findings(&after), |f| vec![f.message.clone()], verdict),
            problems: before.problems.into_iter().chain(after.problems).collect(),
        }
    }

    /// Nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sections().iter().all(|(_, list)| list.is_empty())
    }

    /// The sections in order, with their titles.
    #[must_use]
    pub fn sections(&self) -> [(&'static str, &[Difference]); 5] {
        [
            ("declarations", &self.declarations),
            ("nodes", &self.nodes),
            ("flows", &self.flows),
            ("agreements", &self.agreements),
            ("verdicts", &self.verdicts),
        ]
    }
}

fn lists<'r, T>(
    before: BTreeMap<String, &'r T>,
    after: BTreeMap<String, &'r T>,
    describe: impl Fn(&T) -> Vec<String>,
    differ: impl Fn(&T, &T) -> Vec<String>,
) -> Vec<Difference> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let one = |name: &String| {
        let (kind, details) = match (before.get(name), after.get(name)) {
            (Some(a), Some(b)) => (Kind::Changed, differ(a, b)),
            (None, Some(b)) => (Kind::Added, describe(b)),
            (Some(a), None) => (Kind::Removed, describe(a)),
            (None, None) => return None,
        };
        (kind != Kind::Changed || !details.is_empty()).then(|| Difference { name: name.clone(), kind, details })
    };
    names.into_iter().filter_map(one).collect()
}

fn keyed_nodes(diagram: &Diagram) -> BTreeMap<String, &Node> {
    diagram.nodes.iter().map(|n| (format!("{} {}", n.kind.word(), n.key), n)).collect()
}

fn keyed_flows(diagram: &Diagram) -> BTreeMap<String, &Flow> {
    let mut flows: BTreeMap<String, &Flow> = BTreeMap::new();
    for flow in &diagram.flows {
        let bare = |key: &str| key.strip_prefix(&format!("{}/", flow.workflow)).unwrap_or(key).to_owned();
        let name = format!("{}: {} → {}", flow.workflow, bare(&flow.from), bare(&flow.to));
        // Twins are told apart by their order, which comes from what they carry.
        let twin = (2..).map(|n| format!("{name} ({n})")).find(|twin| !flows.contains_key(twin)).unwrap_or_default();
        let name = if flows.contains_key(&name) { twin } else { name };
        flows.insert(name, flow);
    }
    flows
}

fn keyed_agreements(record: &Record) -> BTreeMap<String, &Agreement> {
    record.agreements.iter().map(|a| (a.id.clone(), a)).collect()
}

fn keyed_findings(report: &Report) -> BTreeMap<String, &Finding> {
    let name = |f: &Finding| {
        let workflow = f.workflow.as_ref().map(|w| format!(" in {w}")).unwrap_or_default();
        let contract = f.contract.as_ref().map(|c| format!(" under {c}")).unwrap_or_default();
        let facts: BTreeSet<&str> = f.undeclared.iter().map(|u| u.fact.as_str()).collect();
        let facts = if facts.is_empty() { String::new() } else { format!(" ({})", facts.into_iter().collect::<Vec<_>>().join(", ")) };
        format!("{}[{}] at {}{workflow}{contract}{facts}", f.severity.word(), f.rule, f.subject.in_words())
    };
    report.findings.iter().map(|f| (name(f), f)).collect()
}

fn describe(node: &Node) -> Vec<String> {
    let operator = node.operator.as_ref().map_or("nobody says who runs it".to_owned(), |o| format!("run by {o} ({})", node.relation));
    let service = node.service.iter().map(|s| format!("service {s}"));
    let fields = node.fields.iter().map(|(name, classes)| format!("{name}: {}", listed(classes)));
    std::iter::once(operator).chain(service).chain(fields).collect()
}

fn node(before: &Node, after: &Node) -> Vec<String> {
    let mut ways = Vec::new();
    let mut said = |what: &str, before: &str, after: &str| {
        if before != after {
            ways.push(format!("{what}: {} → {}", or_none(before), or_none(after)));
        }
    };
    said("operator", before.operator.as_deref().unwrap_or_default(), after.operator.as_deref().unwrap_or_default());
    said("relation", &before.relation, &after.relation);
    said("service", before.service.as_deref().unwrap_or_default(), after.service.as_deref().unwrap_or_default());
    said("type", before.step_type.as_deref().unwrap_or_default(), after.step_type.as_deref().unwrap_or_default());
    said("removes", &listed(&before.removes), &listed(&after.removes));
    let (old, new): (BTreeMap<_, _>, BTreeMap<_, _>) = (before.fields.iter().cloned().collect(), after.fields.iter().cloned().collect());
    for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let classes = |of: &BTreeMap<String, Vec<String>>| of.get(name).map(|c| listed(c)).unwrap_or_default();
        said(&format!("field {name}"), &classes(&old), &classes(&new));
    }
    ways
}

fn all(data: &[Datum]) -> Vec<String> {
    data.iter().map(|d| format!("{}: {}", called(d), labels(d))).collect()
}

fn flow(before: &Flow, after: &Flow) -> Vec<String> {
    let keyed = |flow: &Flow| -> BTreeMap<String, String> { flow.data.iter().map(|d| (called(d), labels(d))).collect() };
    let (old, new) = (keyed(before), keyed(after));
    let mut ways = Vec::new();
    for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        match (old.get(name), new.get(name)) {
            (Some(a), Some(b)) if a != b => ways.push(format!("{name}: {a} → {b}")),
            (None, Some(b)) => ways.push(format!("{name} crosses now: {b}")),
            (Some(_), None) => ways.push(format!("{name} crosses no more")),
            _ => {}
        }
    }
    ways
}

fn called(datum: &Datum) -> String {
    let own = datum.name.rsplit('.').next() == Some(&datum.form);
    let form = if own { String::new() } else { format!(" as {}", datum.form) };
    let surface = if datum.surface == "body" { String::new() } else { format!(" ({})", datum.surface) };
    format!("{}{form}{surface}", datum.name)
}

fn verdict(before: &Finding, after: &Finding) -> Vec<String> {
    let earlier = super::worse(after, before).into_iter().map(|way| format!("before: {way}"));
    super::worse(before, after).into_iter().chain(earlier).collect()
}

/// The label sets it can have, one after the other.
fn labels(datum: &Datum) -> String {
    let one = |v: &crate::record::LabelSetNames| listed(&v.classes.iter().chain(&v.labels).cloned().collect::<Vec<_>>());
    datum.variants.iter().map(one).collect::<Vec<_>>().join(" | ")
}

fn state(agreement: &Agreement) -> String {
    let word = if agreement.in_force { "in force" } else { "not in force" };
    format!("{} with {}, {word}", or_none(&agreement.kind), listed(&agreement.parties))
}

fn agreement(before: &Agreement, after: &Agreement) -> Vec<String> {
    let facts = |a: &Agreement| {
        let text = |t: &Option<String>| t.clone().unwrap_or_default();
        [
            ("type", a.kind.clone()),
            ("parties", sorted(&a.parties)),
            ("services", sorted(&a.services)),
            ("status", text(&a.status)),
            ("effective", text(&a.effective)),
            ("expires", text(&a.expires)),
            ("document", text(&a.document)),
            ("in force", if a.in_force { "yes" } else { "no" }.to_owned()),
        ]
    };
    let pairs = facts(before).into_iter().zip(facts(after));
    pairs.filter(|(a, b)| a != b).map(|((name, a), (_, b))| format!("{name}: {} → {}", or_none(&a), or_none(&b))).collect()
}

fn sorted(names: &[String]) -> String {
    let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}
