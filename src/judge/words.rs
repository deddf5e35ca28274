//! Words that policies look for, held against those a project writes: one that misses a known word by a letter changes nothing in silence, and so does a
//! party that only a policy knows. Only remarks, for a word that no rule asks for may be a team's own.

use std::collections::BTreeSet;

use super::policies::Policies;
use crate::graph::FlowGraph;
use crate::load::{Document, Value};
use crate::problem::{Problem, did_you_mean};

/// The remarks.
#[must_use]
pub fn remarks(policies: &Policies, graph: &FlowGraph<'_>) -> Vec<Problem> {
    let mut remarks = Vec::new();
    let documents: Vec<&Document> =
        graph.declarations.project.into_iter().chain(graph.workflows.rows().iter().map(|w| w.document)).collect();
    for document in &documents {
        evidence(policies, document, &mut remarks);
    }
    for agreement in graph.agreements.values() {
        let terms = words(policies, &["terms", "terms_absent", "agreement_terms", "term"]);
        for key in ["terms", "terms_absent"] {
            near_misses(policies, agreement.document, agreement.value.get(key), "clause", &terms, &mut remarks);
        }
        let uses = words(policies, &["permitted_uses", "purpose"]);
        near_misses(policies, agreement.document, agreement.value.get("permitted_uses"), "purpose", &uses, &mut remarks);
    }
    for workflow in graph.workflows.rows() {
        let root = workflow.document.root();
        near_misses(policies, workflow.document, root.get("obligations"), "obligation", &words(policies, &["obligations"]), &mut remarks);
        near_misses(
            policies,
            workflow.document,
            root.get("purpose"),
            "purpose",
            &words(policies, &["purpose", "permitted_uses"]),
            &mut remarks,
        );
    }
    previews(policies, graph, &mut remarks);
    remarks.extend(names(policies, graph));
    remarks
}

/// The words that policies compare any of these attributes with.
fn words<'p>(policies: &'p Policies, attributes: &[&str]) -> BTreeSet<&'p str> {
    let all = policies.table.iter().flat_map(|(_, p)| &p.clauses.words);
    all.filter(|(attribute, _)| attributes.contains(&attribute.as_str())).map(|(_, word)| word.as_str()).collect()
}

/// Types, and topics behind the type.
fn evidence(policies: &Policies, document: &Document, remarks: &mut Vec<Problem>) {
    let asked = words(policies, &["evidence"]);
    let types: BTreeSet<&str> = asked.iter().filter_map(|word| word.split('/').next()).collect();
    for (_, entry) in document.root().get("evidence").into_iter().flat_map(Value::entries) {
        near_misses(policies, document, entry.get("type"), "evidence type", &types, remarks);
        let of_type = entry.get("type").and_then(Value::as_str).unwrap_or_default();
        let topics: BTreeSet<&str> = asked.iter().filter_map(|word| word.strip_prefix(of_type)?.strip_prefix('/')).collect();
        near_misses(policies, document, entry.get("topics"), "topic", &topics, remarks);
    }
}

/// The words of a text or a list that are nearly one that is asked for.
fn near_misses(
    policies: &Policies,
    document: &Document,
    value: Option<Value<'_>>,
    noun: &str,
    known: &BTreeSet<&str>,
    remarks: &mut Vec<Problem>,
) {
    let Some(value) = value else { return };
    let written = std::iter::once(value).filter(|v| v.as_str().is_some()).chain(value.items());
    for word in written {
        let text = word.as_str().unwrap_or_default();
        // Short words are near to too many others.
        if text.chars().count() < SHORTEST || known.contains(text) || policies.mentioned.contains(text) {
            continue;
        }
        if let Some(near) = did_you_mean(text, known.iter().copied().filter(|k| k.len() >= SHORTEST)) {
            remarks.push(
                Problem::new("judge/near-miss", format!("no rule asks for the {noun} `{text}`"))
                    .at(document.file(), word.span(), "asked for by nobody")
                    .help(format!("did you mean `{near}`? a word of your own may stay as it is")),
            );
        }
    }
}

/// Rules that are to be asked although they speak of law to come, and are asked in any case.
fn previews(policies: &Policies, graph: &FlowGraph<'_>, remarks: &mut Vec<Problem>) {
    let Some(document) = graph.declarations.project else { return };
    let known = words(policies, &["previews"]);
    for preview in document.root().get("previews").into_iter().flat_map(Value::items) {
        let name = preview.as_str().unwrap_or_default();
        let asked = policies.table.iter().any(|(_, p)| p.rule == name || p.id == name);
        if asked && !known.contains(name) {
            let others: Vec<String> = known.iter().map(|k| format!("`{k}`")).collect();
            let others = if others.is_empty() { "none of the packs in use".to_owned() } else { others.join(", ") };
            remarks.push(
                Problem::new("judge/near-miss", format!("`{name}` is no preview, and is asked in any case"))
                    .at(document.file(), preview.span(), "changes nothing")
                    .help(format!("leave it out; rules about proposed law: {others}")),
            );
        }
    }
}

const SHORTEST: usize = 4;

/// Parties and agreements that policies name and the project does not declare.
fn names(policies: &Policies, graph: &FlowGraph<'_>) -> Vec<Problem> {
    let mut remarks = Vec::new();
    for (_, policy) in policies.table.iter() {
        for (entity, id) in &policy.clauses.named {
            let (noun, known): (&str, Vec<&str>) = match entity.as_str() {
                "Party" => ("party", graph.parties.keys().map(String::as_str).collect()),
                "Agreement" => ("agreement", graph.agreements.keys().copied().collect()),
                _ => continue,
            };
            if known.contains(&id.as_str()) {
                continue;
            }
            let near = did_you_mean(id, known.iter().copied()).map(|n| format!("did you mean `{n}`? "));
            let span = policy.span_of(&format!("\"{id}\""));
            remarks.push(
                Problem::new("judge/names-nobody", format!("`{}` names the {noun} `{id}`, and this project has none", policy.id))
                    .at(&policy.file, span, format!("no such {noun} here"))
                    .help(format!("{}the condition is false for every {noun} of this project", near.unwrap_or_default())),
            );
        }
    }
    remarks
}
