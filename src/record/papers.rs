//! Agreements, provider facts and waivers as an auditor lists them.

use crate::facts::{FactBase, FactValue};
use crate::finding::Finding;
use crate::graph::FlowGraph;
use crate::load::Value;

/// An agreement, and whether it is in force on the date of judging.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Its key.
    pub id: String,
    /// `baa`, `dpa` …
    pub kind: String,
    /// Party ids.
    pub parties: Vec<String>,
    /// Services it names.
    pub services: Vec<String>,
    /// As declared.
    pub status: Option<String>,
    /// First day.
    pub effective: Option<String>,
    /// Last day.
    pub expires: Option<String>,
    /// Where its text is.
    pub document: Option<String>,
    /// Signed, begun and not over.
    pub in_force: bool,
}

/// A fact of a provider profile that some policy read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderFact {
    /// `vendor/service`.
    pub service: String,
    /// The fact.
    pub fact: String,
    /// What it says.
    pub value: String,
    /// As of when.
    pub as_of: String,
    /// Whose word it is.
    pub source: String,
    /// `H`, `M` or `L`; empty for the project's own word.
    pub confidence: String,
    /// The project states it in place of the profile.
    pub overridden: bool,
    /// The day the project held it against the provider's own word.
    pub checked: Option<String>,
}

/// A waiver, and how many findings it covers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiver {
    /// What it names: `rule` and every other key of its scope, in the order of the file.
    pub scope: Vec<(String, String)>,
    /// Why.
    pub reason: String,
    /// Who accepted it.
    pub approver: String,
    /// When it ends.
    pub expires: String,
    /// One-based line in the waivers file.
    pub line: usize,
    /// Findings it covers.
    pub covers: usize,
}

pub(super) fn agreements(base: &FactBase<'_, '_>) -> Vec<Agreement> {
    let one = |(id, agreement): (&&str, &crate::declare::Declared<'_>)| {
        let text = |key| agreement.text(key).map(str::to_owned);
        Agreement {
            id: (*id).to_owned(),
            kind: text("type").unwrap_or_default(),
            parties: agreement.texts("parties").map(str::to_owned).collect(),
            services: agreement.texts("services").map(str::to_owned).collect(),
            status: text("status"),
            effective: text("effective"),
            expires: text("expires"),
            document: text("document"),
            in_force: base.in_force(*agreement),
        }
    };
    base.graph.agreements.iter().map(one).collect()
}

pub(super) fn provider_facts(base: &FactBase<'_, '_>) -> Vec<ProviderFact> {
    let one = |relied: crate::facts::ReliedFact<'_>| {
        let text = |name: &str| relied.row.facts.get(name).map(shown).unwrap_or_default();
        let entry = relied.entry;
        ProviderFact {
            service: relied.service.to_owned(),
            fact: text("fact"),
            value: entry.get("value").or(entry.get("values")).map(written).unwrap_or_default(),
            as_of: text("as_of"),
            source: entry.get("source").and_then(Value::as_str).unwrap_or_default().to_owned(),
            confidence: entry.get("confidence").and_then(Value::as_str).unwrap_or_default().to_owned(),
            overridden: relied.overridden,
            checked: relied.row.facts.get("checked").map(shown),
        }
    };
    base.relied_facts().into_iter().map(one).collect()
}

pub(super) fn waivers(graph: &FlowGraph<'_>, waived: &[Finding]) -> Vec<Waiver> {
    let Some(document) = graph.declarations.waivers else { return Vec::new() };
    let items = document.root().get("waivers").into_iter().flat_map(Value::items);
    let one = |value: Value<'_>| {
        let text = |key| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let scope = value.entries().filter(|(key, _)| !["reason", "approver", "expires"].contains(key));
        let line = document.file().line_column(value.span().start).0;
        Waiver {
            scope: scope.filter_map(|(key, v)| Some((key.to_owned(), v.as_str()?.to_owned()))).collect(),
            reason: text("reason"),
            approver: text("approver"),
            expires: text("expires"),
            line,
            covers: waived.iter().filter(|f| f.waiver.as_ref().is_some_and(|w| w.line == line)).count(),
        }
    };
    items.map(one).collect()
}

fn shown(value: &FactValue) -> String {
    match value {
        FactValue::Text(text) | FactValue::Date(text) => text.clone(),
        other => format!("{other:?}"),
    }
}

/// A declared value in one line.
fn written(value: Value<'_>) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.document().file().slice(value.span()).split_whitespace().collect::<Vec<_>>().join(" "),
    }
}
