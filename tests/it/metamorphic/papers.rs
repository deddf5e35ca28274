//! One agreement more.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::claims::missing;
use super::rewrite::{Draft, section, text};
use super::{all, hash, hold_in};

const TYPES: [&str; 12] = [
    "baa",
    "dpa",
    "msa",
    "customer_contract",
    "data_use_agreement",
    "service_provider_contract",
    "zdr_amendment",
    "subprocessor_agreement",
    "nda",
    "consent",
    "authorization",
    "qsoa",
];

/// Every term some rule looks for.
const TERMS: [&str; 20] = [
    "access",
    "accounting",
    "ai_use_notice",
    "amendment",
    "books_to_hhs",
    "deidentify_allowed",
    "derivative_use_forbidden",
    "government_memorandum",
    "human_review_forbidden",
    "no_training",
    "report_incidents",
    "return_or_destroy",
    "safeguards",
    "subcontractor_flowdown",
    "tenant_isolation",
    "termination",
    "zero_retention_required",
    "no_sale",
    "no_reidentification",
    "confidentiality",
];

/// One more agreement between the project and an outside party never adds a claim, where it leaves nothing to ask for: in force without end, its document
/// on file, all services, features and classes in scope, every term a rule looks for, nothing kept, deleted at once, a breach told within the hour, and
/// processing and storage only where every contract that data are held under allows it. No source is held under it, so its clauses bind nobody here.
///
/// Where a rule has a milder code for what an agreement covers, the milder one may stand in the stronger one's place (`route/retrieval-local`: an error
/// without an agreement, a warning with one).
///
/// An agreement that promises less can add a finding and must: a vendor that has signed nothing breaks one rule (no agreement), one that has signed without
/// the clauses a customer's contract asks for breaks another (`contract/flowdown`).
#[test]
fn an_agreement_more_never_adds_a_finding() {
    hold_in(2, "an agreement more", 200, |subject, tally| {
        let before = subject.before();
        let draft = Draft::of(&subject.project);
        let Some(file) = &draft.file else { return };
        let Some(own) = section(file, "parties").find(|(_, p)| text(p, "relation") == "self").map(|(id, _)| id.clone()) else { return };
        let (parties, held) = (outside(&draft, &own), held_under(&draft));
        let first = usize::try_from(hash(&subject.name) % 12).unwrap();
        for (p, party) in parties.iter().enumerate() {
            for (n, kind) in TYPES.iter().enumerate() {
                if !all() && (n != (first + p) % TYPES.len() || p > 1) {
                    continue;
                }
                let mut draft = draft.clone();
                let agreement = agreement(file, &held, kind, &own, party);
                super::rewrite::section_mut(draft.file.as_mut().unwrap(), "agreements").insert("xq-added".to_owned(), agreement);
                let after = subject.check(&draft.project());
                tally.pair(&format!("{kind} with {party}"), missing(&after, &before, |claim| !claim.has_stronger_code_in(&before)));
            }
        }
    });
}

/// Parties that are not the project and that its files name as operator or on the way of a flow.
fn outside(draft: &Draft, own: &str) -> Vec<String> {
    let file = draft.file.as_ref().unwrap();
    let declared: BTreeSet<&str> = section(file, "parties")
        .filter(|(_, p)| !["self", "workforce"].contains(&text(p, "relation")))
        .map(|(id, _)| id.as_str())
        .collect();
    let all = serde_json::to_string(&draft.workflows.iter().map(|(_, json)| json).collect::<Vec<_>>()).unwrap();
    let named = |party: &&str| *party != own && (all.contains(&format!("\"{party}\"")) || all.contains(&format!("\"{party}/")));
    declared.into_iter().filter(named).map(str::to_owned).collect()
}

/// The contracts that sources are held under.
fn held_under(draft: &Draft) -> BTreeSet<String> {
    let documents = draft.workflows.iter().map(|(_, json)| json).chain(&draft.file);
    let sources = documents.flat_map(|d| section(d, "sources"));
    sources.filter_map(|(_, s)| s.get("contracts")?.as_array()).flatten().filter_map(|c| c.as_str().map(str::to_owned)).collect()
}

fn agreement(file: &Json, held: &BTreeSet<String>, kind: &str, own: &str, party: &str) -> Json {
    let mut agreement = json!({
        "type": kind, "parties": [own, party], "status": "signed", "effective": "2020-01-01", "expires": "none",
        "document": "https://acme.example/added", "terms": TERMS, "services": services(), "features": features(),
        "max_retention": "zero", "deletion_days": 0, "breach_notice_hours": 1,
    });
    for clause in ["regions_storage", "regions_processing"] {
        let asked = section(file, "agreements").filter(|(id, _)| held.contains(*id)).filter_map(|(_, a)| a.get(clause)?.as_array());
        let sets = asked.map(|list| list.iter().filter_map(Json::as_str).collect::<BTreeSet<_>>());
        if let Some(common) = sets.reduce(|a, b| a.intersection(&b).copied().collect()) {
            agreement[clause] = json!(common);
        }
    }
    agreement
}

/// Every service there is a profile of.
fn services() -> Vec<String> {
    let (library, _) = flowgate::packs::Library::load(&flowgate::packs::Selection::default());
    library.providers.services().map(str::to_owned).collect()
}

/// Features that fixtures and examples use.
fn features() -> [&'static str; 6] {
    ["batch", "structured_outputs", "prompt_caching", "web_search", "file_search", "fine_tuning"]
}
