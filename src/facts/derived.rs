//! Facts nobody writes: agreements in force, evidence on file, who reviews, which network is crossed.

use jiff::civil::Date;

use super::{FactBase, FactValue};
use crate::declare::{Declared, NodeKind};
use crate::graph::{NodeId, WorkflowId};
use crate::load::Value;
use crate::packs::{LabelId, LabelKind};

impl<'g, 'd> FactBase<'g, 'd> {
    /// Signed, begun and not ended on the date of judging. An agreement without an end date has not shown that it holds.
    pub(super) fn in_force(&self, agreement: Declared<'d>) -> bool {
        let date = |key: &str| agreement.text(key).and_then(|d| d.parse::<Date>().ok());
        let begun = date("effective").is_some_and(|d| d <= self.environment.as_of);
        let lasting = agreement.text("expires") == Some("none") || date("expires").is_some_and(|d| self.environment.as_of < d);
        agreement.text("status") == Some("signed") && begun && lasting
    }

    /// The agreements in force between the project and the operator of a node.
    pub(super) fn agreements_with(&self, node: NodeId) -> impl Iterator<Item = Declared<'d>> + '_ {
        let operator = self.graph.operator(node).filter(|_| !self.graph.is_self_run(node));
        self.graph.agreements.values().copied().filter(move |agreement| {
            let parties: Vec<&str> = agreement.texts("parties").collect();
            let ours = parties.iter().any(|p| self.graph.parties.get(*p).is_some_and(|p| p.relation == "self"));
            ours && operator.is_some_and(|o| parties.contains(&o)) && self.in_force(*agreement)
        })
    }

    /// Types of the agreements whose services and features cover the node's; a node without a service is covered by any.
    pub(super) fn covered_by(&self, node: NodeId) -> FactValue {
        let service = self.graph.nodes[node].profile.map(|p| p.service.as_str()).or_else(|| self.graph.text_fact(node, "service"));
        let features: Vec<&str> =
            self.graph.fact(node, "features").value().into_iter().flat_map(Value::items).filter_map(Value::as_str).collect();
        let named = self.graph.text_fact(node, "service");
        let covers = |agreement: &Declared<'d>| {
            let in_scope = |s: Option<&str>| s.is_some_and(|s| agreement.texts("services").any(|a| a == s));
            let service_covered = service.is_none() || in_scope(service) || in_scope(named);
            let allowed: Vec<&str> = agreement.texts("features").collect();
            service_covered && features.iter().all(|f| allowed.contains(f))
        };
        FactValue::texts(self.agreements_with(node).filter(covers).filter_map(|a| a.text("type")))
    }

    /// Is a class in scope of some agreement with the node's operator? One that lists no classes is not limited by class.
    pub(super) fn covers_class(&self, node: NodeId, class: LabelId) -> bool {
        let above = &self.graph.taxonomy.entry(class).above;
        self.agreements_with(node).any(|agreement| {
            let mut listed = agreement.texts("classes").peekable();
            listed.peek().is_none() || listed.filter_map(|c| self.graph.taxonomy.find(LabelKind::Class, c)).any(|c| above.contains(c))
        })
    }

    /// Fact names under which other nodes of the workflow refer to this one.
    pub(super) fn named_as(&self, node: NodeId) -> FactValue {
        FactValue::texts(self.named_as.get(&node).into_iter().flatten().copied())
    }

    /// A reviewer who is named is a person; one named by role or team is that.
    pub(super) fn reviewer_kind(&self, node: NodeId) -> Option<FactValue> {
        ["person", "role", "team"].into_iter().find(|key| self.graph.text_fact(node, key).is_some()).map(FactValue::text)
    }

    pub(super) fn node_kinds(&self, workflow: WorkflowId) -> FactValue {
        let edges = self.graph.flows_of[workflow].iter().map(|e| &self.graph.edges[*e]).filter(|e| !e.implied);
        FactValue::texts(edges.flat_map(|e| [e.from, e.to]).map(|n| self.graph.nodes[n].kind.word()))
    }

    pub(super) fn reviewer_kinds(&self, workflow: WorkflowId) -> FactValue {
        let edges = self.graph.flows_of[workflow].iter().map(|e| &self.graph.edges[*e]);
        let reviewers = edges.map(|e| e.to).filter(|n| self.graph.nodes[*n].kind == NodeKind::Reviewer);
        let kinds =
            reviewers.filter_map(|n| self.graph.text_fact(n, "reviewer_kind").map(FactValue::text).or_else(|| self.reviewer_kind(n)));
        FactValue::Set(kinds.collect())
    }

    /// Some endpoint of the workflow is run by an outside party, or by nobody we know.
    pub(super) fn is_hosted(&self, workflow: WorkflowId) -> bool {
        let edges = self.graph.flows_of[workflow].iter().map(|e| &self.graph.edges[*e]);
        edges.flat_map(|e| [e.from, e.to]).any(|n| self.graph.nodes[n].kind == NodeKind::Endpoint && !self.graph.is_self_run(n))
    }

    /// Types of evidence in force for a workflow: owned, dated, not past review, covering it, its file there.
    pub(super) fn evidence_in_force(&self, workflow: WorkflowId) -> FactValue {
        let own = self.graph.workflows[workflow].document;
        let project = self.graph.declarations.project;
        let documents = project.into_iter().chain([own]);
        let entries = documents.flat_map(|document| {
            document.root().get("evidence").into_iter().flat_map(Value::entries).map(move |(_, value)| Declared { document, value })
        });
        FactValue::texts(entries.filter(|e| self.is_in_force_for(*e, workflow)).filter_map(|e| e.text("type")))
    }

    fn is_in_force_for(&self, evidence: Declared<'d>, workflow: WorkflowId) -> bool {
        let date = |key: &str| evidence.text(key).and_then(|d| d.parse::<Date>().ok());
        let dated = date("date").is_some_and(|d| d <= self.environment.as_of);
        let fresh = evidence.text("review_due").is_none() || date("review_due").is_some_and(|d| self.environment.as_of < d);
        let on_file = evidence.text("uri").is_some_and(|uri| self.is_on_file(uri));
        let mut covers = evidence.texts("covers").peekable();
        let id = self.graph.workflows[workflow].id;
        let covered = covers.peek().is_none() || covers.any(|c| c == id || self.graph.workflows[workflow].nodes.contains_key(c));
        dated && fresh && on_file && covered && evidence.text("owner").is_some()
    }

    /// A file of the project that exists; a web address counts as it stands, for nothing here uses the network.
    #[must_use]
    pub fn is_on_file(&self, uri: &str) -> bool {
        is_web_address(uri) || self.environment.files.contains(uri)
    }

    /// Decisions that stand in for a measure: an addressable specification decided against, with who, when, why and where it is written (45 CFR
    /// 164.306(d)(3)); a dated approval, when the Qualified Individual gave it (16 CFR 314.4(c)).
    pub(super) fn decisions_on_record(&self, section: &str) -> FactValue {
        let entries = self.graph.declarations.project_section(section).into_iter().flat_map(Value::entries);
        let complete = entries.filter(|(_, value)| {
            let has = |keys: &[&str]| keys.iter().all(|key| value.get(key).is_some());
            if section == "addressable" {
                // A measure that is said to be implemented shows in the facts of the nodes; only a decision against it stands in for it.
                let decided = value.get("decision").and_then(Value::as_str).is_some_and(|d| d != "implemented");
                return decided && has(&["approver", "date", "reason", "document"]);
            }
            let by_whom = value.get("approver").and_then(Value::as_str);
            let individual = self.graph.declarations.project_section("qualified_individual").and_then(|q| q.get("person"));
            by_whom.is_some() && by_whom == individual.and_then(Value::as_str) && has(&["date"])
        });
        FactValue::texts(complete.map(|(name, _)| name))
    }

    /// Parties of a list that are not the project itself.
    pub(super) fn outside_parties(&self, list: Option<Value<'d>>) -> FactValue {
        let named = list.into_iter().flat_map(Value::items).filter_map(Value::as_str);
        FactValue::entities("Party", named.filter(|p| !self.graph.parties.get(*p).is_some_and(crate::graph::Party::is_self)))
    }
}

/// A reference that is not a file of the project.
#[must_use]
pub fn is_web_address(uri: &str) -> bool {
    uri.starts_with("https://") || uri.starts_with("http://")
}
