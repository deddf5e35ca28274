//! Holds the names that papers use against what there is: waivers and changed severities, evidence and what it covers, facts about providers. Reports,
//! and changes nothing.

use std::collections::BTreeSet;

use super::references::{At, Checker};
use crate::load::{Document, Value};
use crate::problem::{Problem, Span, did_you_mean};
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
                if let Some(expires) = waiver.get("expires") {
                    self.date(at, expires);
                }
            }
        }
        let Some(document) = self.graph.declarations.project else { return };
        for (rule, value) in document.root().get("severity").into_iter().flat_map(Value::entries) {
            self.rule(document, rule, value.key_span().unwrap_or(value.span()), &rules);
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
        for (_, value) in root.get("evidence").into_iter().flat_map(Value::entries) {
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
        for (fact, entry) in value.get("facts").into_iter().flat_map(Value::entries) {
            let known: Vec<&str> = attributes.iter().filter(|a| !a.computed).map(|a| a.name.as_str()).collect();
            if !known.contains(&fact) {
                let near = did_you_mean(fact, known.iter().copied()).map(|n| format!("did you mean `{n}`?"));
                self.problems.push(
                    Problem::new("graph/unknown-fact", format!("an endpoint has no fact `{fact}`"))
                        .at(at.document.file(), entry.key_span().unwrap_or(entry.span()), "no such fact")
                        .help(near.unwrap_or_else(|| "`flowgate schema flow` lists the facts of an endpoint".to_owned())),
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
