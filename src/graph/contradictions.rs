//! Facts of one thing that cannot all be true: whoever reads one of them believes the wrong thing, so none is picked. Reports, and changes nothing.

use std::collections::BTreeSet;

use super::NodeId;
use super::references::{Checker, article};
use crate::declare::{Declared, NodeKind};
use crate::load::{Document, Value};
use crate::problem::Problem;
use crate::vocabulary::{Attribute, FactType, NameKind, Vocabulary};

const CODE: &str = "graph/contradiction";

impl<'d> Checker<'_, 'd> {
    pub(super) fn contradictions(&mut self, vocabulary: &Vocabulary) {
        let graph = self.graph;
        for (id, agreement) in &graph.agreements {
            self.agreement(id, *agreement);
        }
        for (id, party) in &graph.parties {
            if let Some(declared) = party.declared {
                let own = declared.value.get("subprocessors").into_iter().flat_map(Value::items).find(|v| v.as_str() == Some(id));
                self.problems.extend(own.map(|v| {
                    one(declared.document, format!("`{id}` passes data to itself"), v, "leave it out of its own `subprocessors`")
                }));
            }
        }
        let workflows = graph.workflows.rows().iter().map(|w| w.document);
        for document in graph.declarations.project.into_iter().chain(workflows) {
            for (id, entry) in document.root().get("evidence").into_iter().flat_map(Value::entries) {
                let what = || format!("the review of `{id}` is due before it is written");
                self.in_order(document, entry, ("date", "review_due"), what, "a document counts from its date to its review");
            }
        }
        // A default is a fact of many nodes, and one mistake.
        let mut said = BTreeSet::new();
        for id in graph.nodes.ids() {
            self.node(id, vocabulary);
            for attribute in vocabulary.entity(graph.nodes[id].kind.entity()).iter().filter(|a| of_a_kind(a)) {
                if let Some(value) = graph.fact(id, &attribute.name).value() {
                    self.kind(id, &attribute.name, value, attribute, &mut said);
                }
            }
        }
    }

    /// A fact that names a node names one of a kind that can be what the fact says: a log that is a source records nothing.
    fn kind(&mut self, id: NodeId, fact: &str, value: Value<'d>, attribute: &Attribute, said: &mut BTreeSet<(String, u32)>) {
        if let FactType::Record(inner) = &attribute.fact_type {
            for attribute in inner {
                if let Some(value) = value.get(&attribute.name) {
                    self.kind(id, fact, value, attribute, said);
                }
            }
            return;
        }
        let node = &self.graph.nodes[id];
        let named = value.as_str().filter(|_| !attribute.kinds.is_empty()).and_then(|name| self.graph.find_node(node.workflow, name));
        let Some(named) = named.filter(|named| *named != id).map(|named| &self.graph.nodes[named]) else { return };
        if attribute.kinds.iter().any(|kind| kind == named.kind.word())
            || !said.insert((value.document().file().name.clone(), value.span().start))
        {
            return;
        }
        let kinds: Vec<String> = attribute.kinds.iter().map(|kind| article(kind)).collect();
        self.problems.push(
            Problem::new(
                "graph/wrong-kind",
                format!("`{fact}` of `{}` names `{}`, which is {}", node.id, named.id, article(named.kind.word())),
            )
            .at(value.document().file(), value.span(), "cannot be that")
            .help(format!("name {}", kinds.join(" or "))),
        );
    }

    fn agreement(&mut self, id: &str, agreement: Declared<'d>) {
        let Declared { document, value } = agreement;
        let what = || format!("`{id}` ends before it begins");
        self.in_order(document, value, ("effective", "expires"), what, "`expires` is the first day it no longer holds");
        if let Some(parties) = value.get("parties").filter(|p| p.items().next().is_none()) {
            let help = "name everybody who signed, the project's own party included";
            self.problems.push(one(document, format!("`{id}` is an agreement of nobody"), parties, help));
        }
        let absent: Vec<&str> = agreement.texts("terms_absent").collect();
        for term in value.get("terms").into_iter().flat_map(Value::items) {
            let name = term.as_str().unwrap_or_default();
            let other = value.get("terms_absent").into_iter().flat_map(Value::items).find(|v| v.as_str() == Some(name));
            if let Some(other) = other.filter(|_| absent.contains(&name)) {
                let what = format!("`{id}` has the clause `{name}` and has it not");
                self.problems.push(both(
                    document,
                    what,
                    (term, "has it"),
                    (other, "has it not"),
                    "keep the one that the text of the agreement bears out",
                ));
            }
        }
        let forbidden = value.get("external_processing").filter(|v| v.as_str() == Some("forbidden"));
        let approved = value.get("approved_processors").filter(|v| v.items().next().is_some());
        if let (Some(forbidden), Some(approved)) = (forbidden, approved) {
            let what = format!("`{id}` forbids processing by others and approves of some who do");
            let help = "write `approved_only`, or take the list out; one written exception belongs under `approvals`";
            self.problems.push(both(document, what, (forbidden, "forbidden"), (approved, "approved"), help));
        }
    }

    /// A node that refers to itself, limits that leave nothing between them, a vendor's service that is said to be local.
    fn node(&mut self, id: NodeId, vocabulary: &Vocabulary) {
        let node = &self.graph.nodes[id];
        let Some(value) = node.value else { return };
        let named = vocabulary.entity(node.kind.entity()).iter().filter(|a| a.fact_type == FactType::Name(NameKind::Node));
        // A log may record who reads it: that is a fact, no contradiction.
        let named = named.map(|a| a.name.as_str()).filter(|_| node.kind != NodeKind::Log);
        for key in named.chain(["host"]) {
            if let Some(itself) = value.get(key).filter(|v| v.as_str() == Some(&node.id)) {
                let help = format!("name another node under `{key}`, or leave it out");
                self.problems.push(one(node.document, format!("`{key}` of `{}` is the node itself", node.id), itself, &help));
            }
        }
        let number = |key: &str| value.get(key).and_then(|v| Some((v, v.as_int()?)));
        if let (Some((low, least)), Some((high, most))) = (number("min_requests"), number("max_requests"))
            && least > most
        {
            let what = format!("`{}` must have more requests than it may", node.id);
            self.problems.push(both(node.document, what, (low, "at least"), (high, "at most"), "mend one of the two limits"));
        }
        let vendor = node.profile.and_then(crate::packs::Profile::vendor).filter(|vendor| *vendor != "self");
        let local = value.get("deployment").filter(|v| v.as_str() == Some("local"));
        if let (Some(vendor), Some(local), Some(service)) = (vendor, local, value.get("service")) {
            let what = format!("`{}` is said to be local, and its service is run by `{vendor}`", node.id);
            let help = "leave `deployment` to the profile, or leave `service` out and state the facts of the model you run yourself";
            self.problems.push(both(node.document, what, (local, "local"), (service, "run by its vendor"), help));
        }
    }

    /// Two dates, the first before the second.
    fn in_order(&mut self, document: &'d Document, value: Value<'d>, keys: (&str, &str), what: impl Fn() -> String, help: &str) {
        let (Some(first), Some(second)) = (value.get(keys.0), value.get(keys.1)) else { return };
        let day = |value: Value<'_>| value.as_str().and_then(|text| text.parse::<jiff::civil::Date>().ok());
        if let (Some(begin), Some(end)) = (day(first), day(second))
            && end <= begin
        {
            self.problems.push(both(document, what(), (second, "not after"), (first, "this day"), help));
        }
    }
}

/// The attribute, or one in it, names a node of certain kinds.
fn of_a_kind(attribute: &Attribute) -> bool {
    let inner = |a: &Attribute| matches!(&a.fact_type, FactType::Record(inner) if inner.iter().any(|a| !a.kinds.is_empty()));
    !attribute.kinds.is_empty() || inner(attribute)
}

fn one(document: &Document, what: String, at: Value<'_>, help: &str) -> Problem {
    Problem::new(CODE, what).at(document.file(), at.span(), "cannot be").help(help)
}

fn both(document: &Document, what: String, first: (Value<'_>, &str), second: (Value<'_>, &str), help: &str) -> Problem {
    Problem::new(CODE, what).at(document.file(), first.0.span(), first.1).at(document.file(), second.0.span(), second.1).help(help)
}
