//! The questions about what a project relies on: itself, its agreements, evidence, decisions and waivers, its providers' facts, and verdicts.

use super::Subject;
use super::ask::Of;
use super::questions::{Asking, Gap};
use crate::declare::Declared;
use crate::facts::{FactValue, Facts};
use crate::graph::WorkflowId;
use crate::load::Value;

impl<'d> Asking<'_, '_, '_, 'd> {
    /// May the project rely on itself, its agreements, evidence and decisions, its waivers, and what it believes of its providers?
    pub(super) fn relied_on(&mut self) {
        let graph = self.judge.base.graph;
        if let Some(document) = graph.declarations.project {
            let row = self.judge.base.project();
            self.rely(row, "project", "project", Declared { document, value: document.root() }, None);
        }
        for relied in self.judge.base.relied_facts() {
            self.rely(relied.row, "provider facts", relied.service, relied.declared, None);
            if let Some(asked) = self.asked.last_mut() {
                asked.also_at = Some(relied.place);
            }
        }
        for (id, declared) in &graph.agreements {
            if self.is_relied_on(id, *declared)
                && let Some(row) = self.judge.base.agreement(id)
            {
                self.rely(row, "agreement", id, *declared, None);
            }
        }
        let Some(project) = graph.declarations.project else { return };
        for (section, noun, kind) in [("addressable", "decision", "addressable"), ("qi_approvals", "approval", "qi_approval")] {
            for (id, value) in project.root().get(section).into_iter().flat_map(Value::entries) {
                let known = Facts::from([("kind".to_owned(), FactValue::text(kind)), ("control".to_owned(), FactValue::text(id))]);
                let declared = Declared { document: project, value };
                let row = self.judge.base.declared("Attestation", declared, &known);
                self.rely(row, noun, id, declared, None);
            }
        }
        let own = graph.workflows.iter().map(|(id, w)| (w.document, Some(id)));
        let documents: Vec<_> = std::iter::once((project, None)).chain(own).collect();
        for (document, workflow) in documents {
            for (id, value) in document.root().get("evidence").into_iter().flat_map(Value::entries) {
                let exists = value.get("uri").and_then(Value::as_str).is_some_and(|uri| self.judge.base.is_on_file(uri));
                let declared = Declared { document, value };
                let known = Facts::from([
                    ("id".to_owned(), FactValue::text(id)),
                    ("file_exists".to_owned(), FactValue::Bool(exists)),
                    ("hash_matches".to_owned(), FactValue::Bool(self.judge.base.hash_matches(declared))),
                ]);
                let row = self.judge.base.declared("Evidence", declared, &known);
                self.rely(row, "evidence", id, declared, workflow);
            }
        }
        self.waivers(None);
    }

    /// All waivers, or those at some places of the file, which cover nothing.
    pub(super) fn waivers(&mut self, unused: Option<&[usize]>) {
        let Some(document) = self.judge.base.graph.declarations.waivers else { return };
        let waivers = document.root().get("waivers").into_iter().flat_map(Value::items).enumerate();
        for (n, value) in waivers.filter(|(n, _)| unused.is_none_or(|unused| unused.contains(n))) {
            let rule = value.get("rule").and_then(Value::as_str).unwrap_or_default();
            let takes_none = self.judge.policies.table.iter().any(|(_, p)| (p.rule == rule || p.id == rule) && !p.waivable);
            let known = Facts::from([
                ("waivable".to_owned(), FactValue::Bool(!takes_none)),
                ("unused".to_owned(), FactValue::Bool(unused.is_some())),
            ]);
            let declared = Declared { document, value };
            let row = self.judge.base.declared("Waiver", declared, &known);
            self.rely(row, "waiver", &format!("{:04}: {rule}", n + 1), declared, None);
        }
    }

    /// Some source names it, or one of its parties runs a node that receives something.
    fn is_relied_on(&self, id: &str, agreement: Declared<'d>) -> bool {
        let graph = self.judge.base.graph;
        let outside = |party: &&str| graph.parties.get(*party).is_some_and(|p| !p.is_self());
        let parties: Vec<&str> = agreement.texts("parties").filter(outside).collect();
        graph.edges.iter().any(|(_, e)| graph.operator(e.to).is_some_and(|o| parties.contains(&o)))
            || graph.nodes.ids().any(|n| self.judge.base.contracts(n).contains(&id))
    }

    fn rely(&mut self, row: crate::facts::Row, noun: &'static str, id: &str, declared: Declared<'d>, workflow: Option<WorkflowId>) {
        let resource = self.asker.row(row);
        let context = self.context(workflow);
        let context = self.asker.context(context);
        let subject = Subject::Declared { noun, name: id.to_owned(), declared };
        self.push("rely", self.project, resource, context, Of::All, subject, workflow, None, None);
    }

    pub(super) fn gap(&mut self, n: usize, gap: &Gap<'d>) {
        let fact = gap.missing.as_ref().map_or("none", |m| m.fact.as_str());
        let known = Facts::from([
            ("kind".to_owned(), FactValue::text(gap.kind)),
            ("fact".to_owned(), FactValue::text(fact)),
            ("rule".to_owned(), FactValue::text(if gap.rules.is_empty() { "none".to_owned() } else { gap.rules.join("`, `") })),
            ("severity".to_owned(), FactValue::text(gap.severity.word())),
        ]);
        let row = self.judge.base.known("Verdict", &known);
        let resource = self.asker.row(row);
        let context = self.context(gap.workflow);
        let context = self.asker.context(context);
        self.push("rely", self.project, resource, context, Of::All, gap.subject.clone(), gap.workflow, None, gap.datum);
        if let Some(asked) = self.asked.last_mut() {
            asked.gap = Some(n);
        }
    }
}
