//! A redaction that comes earlier.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use flowgate::Report;
use flowgate::finding::SubjectNames;
use flowgate::packs::{Library, Selection};
use serde_json::{Value as Json, json};

use super::claims::missing;
use super::hold_in;
use super::removal::reached;
use super::rewrite::{Draft, flows, section, section_mut, text};

/// The types of step that redact.
const REDACTIONS: [&str; 2] = ["redact", "pseudonymize"];
/// What the names of the new steps begin with.
const NEW: &str = "xq-early";

/// A redaction moved up directly behind every source that reaches it, on every path, never adds a claim at a place that was there: whatever it takes is gone
/// earlier. Behind a source that never went through it, it would say something new of the source's data (that they are a limited data set, say).
///
/// Not held against rules about what a redaction left or did (their policies name `untouched` or `surface_missed`, or ask for `redacted`): on a path that had no
/// redaction they had nothing to say, and the copy is one (`route/redaction-coverage`: a token that went out raw was another rule's business).
#[test]
fn a_redaction_moved_earlier_never_adds_a_finding() {
    hold_in(1, "a redaction moved earlier", 60, |subject, tally| {
        let before = subject.before();
        let draft = Draft::of(&subject.project);
        for at in 0..draft.workflows.len() {
            let steps: Vec<(String, Json)> = [Some(&draft.workflows[at].1), draft.file.as_ref()]
                .into_iter()
                .flatten()
                .flat_map(|d| section(d, "steps"))
                .filter(|(_, s)| REDACTIONS.contains(&text(s, "type")))
                .map(|(id, s)| (id.clone(), s.clone()))
                .collect();
            for (name, step) in steps {
                let Some(changed) = earlier(&draft, at, &name, &step) else { continue };
                let after = in_old_names(subject.check(&changed.0.project()), &changed.1);
                tally.pair(&format!("`{name}` behind every source"), missing(&after, &before, |claim| !about_redactions(claim.rule)));
            }
        }
    });
}

/// The rule looks at what a redaction left.
fn about_redactions(rule: &str) -> bool {
    static FOUND: OnceLock<BTreeSet<String>> = OnceLock::new();
    let find = || {
        let (library, _) = Library::load(&Selection::default());
        let names = ["Label::\"untouched\"", "Label::\"surface_missed\"", "when { resource in Flowgate::Label::\"redacted\" }"];
        let speaks = |text: &str| names.iter().any(|name| text.contains(name));
        library.rules.iter().filter(|r| speaks(&r.cedar.text)).map(|r| r.id.clone()).collect()
    };
    FOUND.get_or_init(find).contains(rule.split('.').next().unwrap_or_default())
}

/// The project with a copy of a step between every source of a workflow that reaches it and what its fields go to, and for each copy the source it stands
/// behind.
fn earlier(draft: &Draft, at: usize, name: &str, step: &Json) -> Option<(Draft, Vec<(String, String)>)> {
    let mut draft = draft.clone();
    let sources: Vec<String> = {
        let documents = [Some(&draft.workflows[at].1), draft.file.as_ref()];
        let all = documents.into_iter().flatten().flat_map(|d| section(d, "sources")).map(|(id, _)| id.clone());
        all.filter(|source| reached(&draft, source).contains(name)).collect()
    };
    let document = &mut draft.workflows[at].1;
    let (mut list, mut stands) = (Vec::new(), Vec::new());
    for (n, flow) in flows(document).iter().enumerate() {
        let from = text(flow, "from");
        if !sources.iter().any(|s| s == from) {
            list.push(flow.clone());
            continue;
        }
        let early = format!("{NEW}-{n}");
        let mut into = json!({ "from": from, "to": early, "fields": flow["fields"], "tls": true, "network": "in_process" });
        for key in ["auth", "purpose", "permission", "case_types"] {
            into[key] = flow.get(key).cloned().unwrap_or(Json::Null);
        }
        into.as_object_mut().unwrap().retain(|_, v| !v.is_null());
        let mut out = flow.clone();
        out["from"] = json!(early);
        list.extend([into, out]);
        stands.push((early, from.to_owned()));
    }
    document["flows"] = Json::Array(list);
    for (early, _) in &stands {
        section_mut(document, "steps").insert(early.clone(), step.clone());
    }
    (!stands.is_empty()).then_some((draft, stands))
}

/// The report without what it says about the new steps and the flows into them, the flows out of them as the flows of the sources they stand behind.
fn in_old_names(mut report: Report, stands: &[(String, String)]) -> Report {
    let source = |name: &str| stands.iter().find(|(early, _)| early == name).map(|(_, source)| source.clone());
    for finding in &mut report.findings {
        finding.repeats.retain(|node| source(node).is_none());
    }
    report.findings.retain_mut(|finding| match &mut finding.subject {
        SubjectNames::Flow { from, to, .. } => {
            if let Some(source) = source(from) {
                *from = source;
            }
            source(to).is_none()
        }
        SubjectNames::Node(name) => source(name).is_none(),
        _ => true,
    });
    report
}
