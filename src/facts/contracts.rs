//! Agreements as facts: which are in force with whom, what they promise, what the other side has approved, and clauses that cannot be kept together.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::{FactBase, FactValue};
use crate::declare::Declared;
use crate::graph::NodeId;
use crate::load::Value;
use crate::packs::{LabelId, LabelKind};
use crate::propagate::Propagation;
use crate::vocabulary::{Attribute, FactType};

/// A region that intersects every other.
const EVERYWHERE: &str = "global";
/// Hours of its own breach notice that a party keeps for itself when a vendor reports to it.
const HOURS_TO_REACT: i64 = 24;

impl<'g, 'd> FactBase<'g, 'd> {
    /// Signed, begun and not ended on the date of judging. An agreement without an end date has not shown that it holds.
    #[must_use]
    pub fn in_force(&self, agreement: Declared<'d>) -> bool {
        let date = |key: &str| agreement.text(key).and_then(|d| d.parse::<Date>().ok());
        let begun = date("effective").is_some_and(|d| d <= self.environment.as_of);
        let lasting = agreement.text("expires") == Some("none") || date("expires").is_some_and(|d| self.environment.as_of < d);
        agreement.text("status") == Some("signed") && begun && lasting
    }

    /// The agreements in force between the project and the operator of a node.
    pub(super) fn agreements_with(&self, node: NodeId) -> impl Iterator<Item = Declared<'d>> + '_ {
        let operator = self.graph.operator(node).filter(|_| !self.graph.is_self_run(node));
        self.agreements_with_party(operator)
    }

    /// Those among them that speak of the node's service: an agreement that lists services speaks of no other.
    pub(super) fn agreements_for(&self, node: NodeId) -> impl Iterator<Item = Declared<'d>> + '_ {
        let services = [self.graph.nodes[node].profile.map(|p| p.service.as_str()), self.graph.text_fact(node, "service")];
        self.agreements_with(node).filter(move |agreement| {
            let mut listed = agreement.texts("services").peekable();
            listed.peek().is_none() || services == [None, None] || listed.any(|s| services.contains(&Some(s)))
        })
    }

    fn agreements_with_party<'s>(&'s self, party: Option<&'s str>) -> impl Iterator<Item = Declared<'d>> + 's {
        self.graph.agreements.values().copied().filter(move |agreement| {
            let parties: Vec<&str> = agreement.texts("parties").collect();
            let ours = parties.iter().any(|p| self.graph.parties.get(*p).is_some_and(|p| p.relation == "self"));
            ours && party.is_some_and(|o| parties.contains(&o)) && self.in_force(*agreement)
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
        self.agreements_for(node).any(|agreement| {
            let mut listed = agreement.texts("classes").peekable();
            listed.peek().is_none() || listed.filter_map(|c| self.graph.taxonomy.find(LabelKind::Class, c)).any(|c| above.contains(c))
        })
    }

    /// The terms of agreements, each with the type of the agreement that has it.
    pub(super) fn clauses(agreements: impl Iterator<Item = Declared<'d>>) -> BTreeSet<FactValue> {
        agreements
            .flat_map(|a| a.texts("terms").map(move |term| (a.text("type").unwrap_or_default(), term)))
            .map(|(agreement, term)| record([("agreement", agreement), ("term", term)]))
            .collect()
    }

    /// What all of a flow's gateways have in common: types of agreement, or clauses.
    pub(super) fn shared_by_gateways(&self, via: &FactValue, of: impl Fn(Vec<Declared<'d>>) -> BTreeSet<FactValue>) -> FactValue {
        let FactValue::Set(parties) = via else { return FactValue::Set(BTreeSet::new()) };
        let each = parties.iter().map(|party| {
            let id = if let FactValue::Entity(_, id) = party { Some(id.as_str()) } else { None };
            of(self.agreements_with_party(id).collect())
        });
        FactValue::Set(each.reduce(|all, one| all.intersection(&one).cloned().collect()).unwrap_or_default())
    }

    /// What the agreements in force for a node promise: of each clause the strictest. `None` where none is in force.
    pub(super) fn promises(&self, node: NodeId, attribute: &Attribute) -> Option<FactValue> {
        let FactType::Record(clauses) = &attribute.fact_type else { return None };
        let agreements: Vec<Declared<'d>> = self.agreements_for(node).collect();
        if agreements.is_empty() {
            return None;
        }
        let mut promises = BTreeMap::new();
        for clause in clauses {
            let stated = agreements.iter().filter_map(|a| FactValue::read(a.value.get(&clause.name)?, &clause.fact_type));
            let strictest = stated.reduce(|one, other| match (one, other) {
                (FactValue::Set(one), FactValue::Set(other)) => FactValue::Set(one.intersection(&other).cloned().collect()),
                (one, other) => one.min(other),
            });
            promises.extend(strictest.map(|value| (clause.name.clone(), value)));
        }
        Some(FactValue::Record(promises))
    }

    /// The agreement a promise would be declared on: the first in force with the operator.
    #[must_use]
    pub fn first_agreement_with(&self, node: NodeId) -> Option<(&'d str, Declared<'d>)> {
        let spans: Vec<_> = self.agreements_for(node).map(|a| a.value.span()).collect();
        self.graph.agreements.iter().find(|(_, a)| spans.contains(&a.value.span())).map(|(id, a)| (*id, *a))
    }

    /// Parties the other side has consented to, or was notified of long enough ago.
    pub(super) fn subprocessors(&self, agreement: Declared<'d>, section: &str, days: i64) -> FactValue {
        let entries = agreement.value.get(section).into_iter().flat_map(Value::entries);
        let begun = entries.filter(|(_, date)| {
            let date = date.as_str().and_then(|d| d.parse::<Date>().ok());
            date.and_then(|d| d.checked_add(days.days()).ok()).is_some_and(|d| d <= self.environment.as_of)
        });
        FactValue::entities("Party", begun.map(|(party, _)| party))
    }

    /// Written approvals: dated, begun, their document on file.
    pub(super) fn approvals(&self, agreement: Declared<'d>) -> FactValue {
        let entries = agreement.value.get("approvals").into_iter().flat_map(Value::items);
        let complete = entries.filter_map(|approval| {
            let text = |key: &str| approval.get(key).and_then(Value::as_str);
            let begun = text("date")?.parse::<Date>().is_ok_and(|d| d <= self.environment.as_of);
            let on_file = self.is_on_file(text("document")?);
            (begun && on_file).then_some(record([("clause", text("clause")?), ("party", text("party")?)]))
        });
        FactValue::Set(complete.collect())
    }

    /// The days an agreement gives for deletion, as a span.
    pub(super) fn deletion_period(agreement: Declared<'d>) -> Option<FactValue> {
        agreement.value.get("deletion_days").and_then(Value::as_int).map(FactValue::Days)
    }

    /// What a vendor may take so that a day of the agreement's own breach notice is left.
    pub(super) fn vendor_notice_hours(agreement: Declared<'d>) -> Option<FactValue> {
        let hours = agreement.value.get("breach_notice_hours").and_then(Value::as_int)?;
        Some(FactValue::Long(hours.saturating_sub(HOURS_TO_REACT).max(0)))
    }

    /// Clauses that the contracts of a source cannot all keep: each allows something, and nothing is allowed by all.
    pub(super) fn conflicts(&self, source: NodeId) -> FactValue {
        let contracts: Vec<Declared<'d>> =
            self.contracts(source).into_iter().filter_map(|c| self.graph.agreements.get(c).copied()).collect();
        let conflict = |clause: &&str| {
            let allowed =
                contracts.iter().filter(|c| *clause != "approved_processors" || c.text("external_processing") == Some("approved_only"));
            let mut allowed =
                allowed.map(|c| c.texts(clause).collect::<BTreeSet<&str>>()).filter(|a| !a.is_empty() && !a.contains(EVERYWHERE));
            let Some(first) = allowed.next() else { return false };
            allowed.fold(first, |all, one| all.intersection(&one).copied().collect()).is_empty()
        };
        let clauses = ["regions_storage", "regions_processing", "approved_processors", "permitted_uses"];
        FactValue::texts(clauses.iter().filter(|c| conflict(c)).copied())
    }

    /// Outside parties of the contracts of everything a node holds, in whatever workflow.
    pub(super) fn tenants(&self, node: NodeId, propagation: &Propagation<'g, 'd>) -> FactValue {
        let origins: BTreeSet<NodeId> =
            propagation.held(node).keys().map(|item| propagation.origins[propagation.items[*item].origin].node).collect();
        let contracts = origins.into_iter().flat_map(|origin| self.contracts(origin)).filter_map(|c| self.graph.agreements.get(c));
        let parties = contracts.flat_map(|c| c.texts("parties"));
        FactValue::entities("Party", parties.filter(|p| !self.graph.parties.get(*p).is_some_and(crate::graph::Party::is_self)))
    }
}

fn record<const N: usize>(entries: [(&str, &str); N]) -> FactValue {
    FactValue::Record(entries.into_iter().map(|(key, value)| (key.to_owned(), FactValue::text(value))).collect())
}
