//! One class more on a field.

use serde_json::{Value as Json, json};

use super::claims::missing;
use super::polarity::without_negation;
use super::rewrite::{Draft, section};
use super::{all, hash, hold_in};

/// Classes of every family, and the one no rule looks at.
const CLASSES: [&str; 8] = [
    "public",
    "id.email",
    "regulated.health.note",
    "code.secret.personal_token",
    "customer.ticket",
    "financial.account_number",
    "strategic.board",
    "regulated.employee.accommodation",
];

/// A class more on all fields, or on one, never removes a claim of a rule without negation (see [`super::polarity`] for which these are).
///
/// Not held against projects that write effects of their own with `keep` or `when`: there a team says itself what a class does.
#[test]
fn a_class_more_never_removes_a_finding_of_a_rule_without_negation() {
    hold_in(1, "a class more", 800, |subject, tally| {
        let before = subject.before();
        let draft = Draft::of(&subject.project);
        let text = serde_json::to_string(&draft.workflows.iter().map(|(_, j)| j).chain(&draft.file).collect::<Vec<_>>()).unwrap();
        if ["\"keep\":", "\"when\":"].iter().any(|key| text.contains(key)) || before.findings.is_empty() {
            return;
        }
        let fields: Vec<String> = {
            let documents = draft.workflows.iter().map(|(_, json)| json).chain(&draft.file);
            let sources = documents.flat_map(|d| section(d, "sources").collect::<Vec<_>>());
            sources.flat_map(|(id, s)| section(s, "fields").map(move |(f, _)| format!("{id}.{f}")).collect::<Vec<_>>()).collect()
        };
        let first = usize::try_from(hash(&subject.name) % 8).unwrap();
        for (n, class) in CLASSES.iter().enumerate() {
            // Everywhere at once, and at one field alone.
            let one = fields.get((first + n) % fields.len().max(1)).cloned();
            for only in [None, one] {
                if !all() && (n != first || (only.is_some() && fields.len() < 2)) {
                    continue;
                }
                let mut draft = draft.clone();
                draft.documents().for_each(|document| add(document, class, only.as_deref()));
                let after = subject.check(&draft.project());
                let lost = missing(&before, &after, |claim| {
                    let rules = without_negation();
                    rules.contains(claim.rule) && claim.finding.needed_by.iter().all(|rule| rules.contains(rule))
                });
                tally.pair(&format!("`{class}` on {}", only.as_deref().unwrap_or("every field")), lost);
            }
        }
    });
}

/// Adds a class to the fields of a document's sources.
fn add(document: &mut Json, class: &str, only: Option<&str>) {
    for (id, source) in document.get_mut("sources").and_then(Json::as_object_mut).into_iter().flatten() {
        for (name, field) in source.get_mut("fields").and_then(Json::as_object_mut).into_iter().flatten() {
            if only.is_some_and(|only| only != format!("{id}.{name}")) {
                continue;
            }
            let stated = if field.is_object() { field.get("class").cloned().unwrap_or(json!([])) } else { field.clone() };
            let mut classes = match stated {
                Json::Array(list) => list,
                Json::Null => Vec::new(),
                one => vec![one],
            };
            if !classes.contains(&json!(class)) {
                classes.push(json!(class));
            }
            if field.is_object() { field["class"] = json!(classes) } else { *field = json!(classes) }
        }
    }
}
