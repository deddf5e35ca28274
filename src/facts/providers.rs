//! Provider facts that verdicts rest on: what a profile says, how old that is, and when the project held it against the provider's own word.

use std::collections::BTreeMap;

use super::{FactBase, FactValue, Facts, Row};
use crate::declare::Declared;
use crate::graph::{Fact, FactSource, NodeId};
use crate::load::Value;
use crate::problem::Place;

/// One fact of a profile that some policy reads of some node.
pub struct ReliedFact<'d> {
    /// The service.
    pub service: &'d str,
    /// The fact as policies see it.
    pub row: Row,
    /// Where the project names the service first.
    pub declared: Declared<'d>,
    /// Where the fact stands.
    pub place: Place,
    /// The entry itself: value, source, date, confidence.
    pub entry: Value<'d>,
    /// The project's own word, in place of the profile's.
    pub overridden: bool,
}

/// What a confidence reads where nobody states one: the project's own evidence.
const OWN_WORD: &str = "H";

impl<'d> FactBase<'_, 'd> {
    /// Every provider fact that a policy reads of a node some flow touches: once per service and fact, in order.
    #[must_use]
    pub fn relied_facts(&self) -> Vec<ReliedFact<'d>> {
        let mut found: BTreeMap<(&str, String), ReliedFact<'d>> = BTreeMap::new();
        for (id, node) in self.graph.nodes.iter() {
            if self.graph.entering[id].is_empty() && self.graph.leaving[id].is_empty() {
                continue;
            }
            for attribute in self.wanted(node.kind.entity()).filter(|a| !a.computed) {
                let Fact::Stated { source, .. } = self.graph.fact(id, &attribute.name) else { continue };
                let (FactSource::Profile(profile, entry) | FactSource::Override(profile, entry)) = source else { continue };
                let overridden = matches!(source, FactSource::Override(..));
                // What a copy has from its endpoint is the endpoint's fact.
                let own = node.copy_facts.and_then(|facts| facts.get(&attribute.name));
                let copy = own.and_then(|_| node.id.rsplit_once('.')).map(|(_, copy)| format!("{copy}."));
                let fact = format!("{}{}", copy.unwrap_or_default(), attribute.name);
                if let Some(mut relied) = self.relied_fact(id, &profile.service, &fact, entry) {
                    relied.overridden = overridden;
                    found.entry((&profile.service, fact)).or_insert(relied);
                }
            }
        }
        found.into_values().collect()
    }

    fn relied_fact(&self, node: NodeId, service: &'d str, fact: &str, entry: Value<'d>) -> Option<ReliedFact<'d>> {
        let as_of = entry.get("as_of")?.as_str()?;
        let confidence = entry.get("confidence").and_then(Value::as_str).unwrap_or(OWN_WORD);
        let checked = self
            .graph
            .declarations
            .project_section("providers")
            .and_then(|p| p.get(service)?.get("checked")?.get("date")?.as_str())
            .filter(|date| date.parse::<jiff::civil::Date>().is_ok_and(|d| d <= self.environment.as_of));
        let known = Facts::from_iter(
            [
                ("service", Some(FactValue::text(service))),
                ("fact", Some(FactValue::text(fact))),
                ("as_of", Some(FactValue::Date(as_of.to_owned()))),
                ("confidence", Some(FactValue::text(confidence))),
                ("checked", checked.map(|date| FactValue::Date(date.to_owned()))),
            ]
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?))),
        );
        let named = std::iter::successors(Some(node), |n| self.graph.nodes[*n].copy_of).last()?;
        let value = self.graph.fact(named, "service").value()?;
        let declared = Declared { document: value.document(), value };
        let place = Place::new(
            entry.document().file(),
            entry.key_span().unwrap_or(entry.span()),
            format!("`{fact}`: as of {as_of}, confidence {confidence}"),
        );
        Some(ReliedFact { service, row: self.known("ProviderFact", &known), declared, place, entry, overridden: false })
    }
}
