//! Holds the names that papers use against what there is: waivers and changed severities, evidence and what it covers, facts about providers. Reports,
//! and changes nothing.

use std::collections::BTreeSet;

use super::NodeId;
use super::references::{At, Checker};
use crate::declare::NodeKind;
use crate::load::{Document, Value};
use crate::problem::{Problem, Span, did_you_mean};
use crate::validate;
use crate::vocabulary::{Attribute, Vocabulary};

impl<'d> Checker<'_, 'd> {
    /// Waivers, and changed severities: each names a rule that exists, or it would change nothing in silence.
    pub(super) fn waivers(&mut self) {
        let library = self.library;
        let rules: Vec<&str> = library.rules.iter().map(|r| r.id.as_str()).collect();
        if let Some(document) = self.graph.declarations.waivers {
            let at = At { document, workflow: None };
            for waiver in document.root().get("waivers").into_iter().flat_map(Value::items) {
                if let Some(rule) = waiver.get("rule") {
                    self.rule(document, rule.as_str().unwrap_or_default(), rule.span(), &rules);
                }
                if let Some(approver) = waiver.get("approver") {
                    self.name_of(at, approver, self.graph.people.keys().copied().collect(), "person", "graph/unknown-person");
                }
            }
        }
        let Some(document) = self.graph.declarations.project else { return };
        for (rule, value) in document.root().get("severity").into_iter().flat_map(Value::entries) {
            self.rule(document, rule, value.key_span().unwrap_or(value.span()), &rules);
        }
        for preview in document.root().get("previews").into_iter().flat_map(Value::items) {
            self.rule(document, preview.as_str().unwrap_or_default(), preview.span(), &rules);
        }
    }

    /// Workflows that are said to need a field. One that is not there makes findings and hides none; it may be among those that are not checked.
    pub(super) fn needed_by(&mut self, id: NodeId) {
        let known: Vec<&str> = self.graph.workflows.rows().iter().map(|w| w.id).collect();
        for field in &self.graph.nodes[id].fields {
            for workflow in self.graph.fields[*field].value.get("required_for").into_iter().flat_map(Value::items) {
                let name = workflow.as_str().unwrap_or_default();
                if known.contains(&name) {
                    continue;
                }
                let near = did_you_mean(name, known.iter().copied()).map(|n| format!("did you mean `{n}`? ")).unwrap_or_default();
                self.problems.push(
                    Problem::new(super::NEEDED_BY_NOBODY, format!("there is no workflow `{name}` that could need this field"))
                        .at(workflow.document().file(), workflow.span(), "no such workflow")
                        .help(format!("{near}`required_for` lists workflows by the name they give themselves")),
                );
            }
        }
    }

    fn rule(&mut self, document: &'d Document, name: &str, span: Span, rules: &[&str]) {
        let id = name.split('.').next().unwrap_or_default();
        if !rules.contains(&id) {
            let near = did_you_mean(id, rules.iter().copied()).map(|n| format!("did you mean `{n}`? ")).unwrap_or_default();
            self.problems.push(
                Problem::new("graph/unknown-rule", format!("there is no rule `{id}`"))
                    .at(document.file(), span, "no such rule")
                    .help(format!("{near}`flowgate rules` lists them all")),
            );
        }
    }

    pub(super) fn evidence(&mut self, at: At<'d>, root: Value<'d>, vocabulary: &Vocabulary) {
        for (id, value) in root.get("evidence").into_iter().flat_map(Value::entries) {
            let project = self.graph.declarations.project.filter(|_| at.workflow.is_some());
            let shared = project.and_then(|p| Some((p, p.root().get("evidence")?.get(id)?)));
            if let Some((project, first)) = shared {
                self.problems.push(
                    Problem::new("graph/duplicate-evidence", format!("the evidence `{id}` is declared twice"))
                        .at(at.document.file(), value.key_span().unwrap_or(value.span()), "declared again here")
                        .at(project.file(), first.key_span().unwrap_or(first.span()), "first declared here")
                        .help("rename one of them: whoever names it would mean either"),
                );
            }
            self.record(at, value, vocabulary.entity("Evidence"));
            for covered in value.get("covers").into_iter().flat_map(Value::items) {
                self.covered(at, covered);
            }
        }
    }

    /// What the project knows of a provider is about a profile and a fact that are there: a misspelt name would change nothing in silence.
    pub(super) fn provider_facts(&mut self, at: At<'d>, service: &str, value: Value<'d>, attributes: &[Attribute]) {
        let span = value.key_span().unwrap_or(value.span());
        if !self.library.providers.services().any(|known| known == service) {
            self.unknown_service(at, service, span);
        }
        self.profile_facts(at.document, NodeKind::Endpoint, value, attributes);
    }

    /// What a profile says of a fact is what a node could say of it.
    fn fact_values(&mut self, document: &Document, kind: NodeKind, fact: &str, entry: Value<'_>) {
        if let Some(value) = entry.get("value") {
            self.problems.extend(validate::fact(kind.word(), fact, document, &value.to_json(), value.span()));
        }
        let by = entry.get("by").and_then(Value::as_str);
        for (key, value) in entry.get("values").into_iter().flat_map(Value::entries) {
            self.problems.extend(validate::fact(kind.word(), fact, document, &value.to_json(), value.span()));
            let span = value.key_span().unwrap_or(value.span());
            self.problems.extend(by.and_then(|by| validate::fact(kind.word(), by, document, &key.into(), span)));
        }
    }

    /// The facts of a private pack's profiles: nobody else checks them.
    pub(super) fn private_profiles(&mut self, vocabulary: &Vocabulary) {
        let library = self.library;
        for profile in library.providers.private() {
            let root = profile.root();
            self.profile_facts(profile.document(), NodeKind::Endpoint, root, vocabulary.entity("Endpoint"));
            for (_, copy) in root.get("copies").into_iter().flat_map(Value::entries) {
                self.profile_facts(profile.document(), NodeKind::Store, copy, vocabulary.entity("Store"));
            }
        }
    }

    fn profile_facts(&mut self, document: &Document, kind: NodeKind, value: Value<'_>, attributes: &[Attribute]) {
        let holder = if kind == NodeKind::Endpoint { "an endpoint" } else { "a copy" };
        for (fact, entry) in value.get("facts").into_iter().flat_map(Value::entries) {
            let known: Vec<&str> = attributes.iter().filter(|a| !a.computed).map(|a| a.name.as_str()).collect();
            if !known.contains(&fact) {
                let near = did_you_mean(fact, known.iter().copied()).map(|n| format!("did you mean `{n}`?"));
                self.problems.push(
                    Problem::new("graph/unknown-fact", format!("{holder} has no fact `{fact}`"))
                        .at(document.file(), entry.key_span().unwrap_or(entry.span()), "no such fact")
                        .help(near.unwrap_or_else(|| format!("`flowgate schema flow` lists the facts of {holder}"))),
                );
            }
            self.fact_values(document, kind, fact, entry);
            if let Some(by) = entry.get("by").filter(|by| !known.contains(&by.as_str().unwrap_or_default())) {
                let name = by.as_str().unwrap_or_default();
                let near = did_you_mean(name, known.iter().copied()).map(|n| format!("did you mean `{n}`? "));
                self.problems.push(
                    Problem::new("graph/unknown-fact", format!("{holder} has no fact `{name}`"))
                        .at(document.file(), by.span(), "no such fact")
                        .help(format!("{}`by` names the fact that decides this one", near.unwrap_or_default())),
                );
            }
        }
    }

    /// What evidence covers is there: a document that covers nothing counts for nothing.
    fn covered(&mut self, at: At<'d>, name: Value<'d>) {
        let text = name.as_str().unwrap_or_default();
        let nodes = || self.graph.nodes.rows().iter().map(|n| n.id.as_str());
        let workflows = || self.graph.workflows.rows().iter().map(|w| w.id);
        let service = matches!(self.library.providers.get(text), Ok(Some(_)));
        if service || self.graph.parties.contains_key(text) || nodes().chain(workflows()).any(|n| n == text) {
            return;
        }
        let known: BTreeSet<&str> = nodes().chain(workflows()).chain(self.graph.parties.keys().map(String::as_str)).collect();
        let near = did_you_mean(text, known.iter().copied()).map(|n| format!("did you mean `{n}`? ")).unwrap_or_default();
        self.problems.push(
            Problem::new(
                super::COVERS_NOTHING,
                format!("there is no workflow, node, service or party `{text}` for this evidence to cover"),
            )
            .at(at.document.file(), name.span(), "covers nothing")
            .help(format!("{near}leave `covers` out where the document speaks of everything")),
        );
    }
}
