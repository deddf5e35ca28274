//! Where a node's fact comes from: the node, its host, the project's word on its provider, the provider profile it names, the node it is a copy of, the project's defaults. A fact
//! nobody states is missing, never a default that passes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{FlowGraph, NodeId};
use crate::load::Value;
use crate::packs::Profile;

/// A fact looked up.
#[derive(Clone, Copy, Debug)]
pub enum Fact<'d> {
    /// Somebody states it.
    Stated {
        /// The value, as written.
        value: Value<'d>,
        /// Who states it.
        source: FactSource<'d>,
    },
    /// Nobody does.
    Missing {
        /// The other fact that would decide it, where a profile says so.
        needs: Option<&'d str>,
    },
}

/// Who states a fact.
#[derive(Clone, Copy, Debug)]
pub enum FactSource<'d> {
    /// The team, on the node.
    Node,
    /// The team, on the node it runs inside.
    Host,
    /// A provider profile: the entry with source, date and confidence.
    Profile(&'d Profile, Value<'d>),
    /// The team, under `providers`, in place of what the profile says: the entry with source and date.
    Override(&'d Profile, Value<'d>),
    /// The team, under `defaults`.
    Default,
}

impl<'d> Fact<'d> {
    /// The value, when there is one.
    #[must_use]
    pub fn value(&self) -> Option<Value<'d>> {
        match self {
            Self::Stated { value, .. } => Some(*value),
            Self::Missing { .. } => None,
        }
    }
}

/// The fact that says who runs a node.
const OPERATOR: &str = "operator";

/// Hosts and copies form chains; a chain longer than this is a loop.
pub(super) const MAX_CHAIN: usize = 16;

/// What nearly every fact is asked with, looked up once the graph is whole.
#[derive(Debug, Default)]
pub(super) struct Remembered<'d> {
    /// The project's defaults for each kind of node.
    defaults: Option<BTreeMap<&'static str, Value<'d>>>,
    /// Who runs each node, and whether that is the project itself.
    operators: Vec<(Option<Arc<str>>, bool)>,
}

impl<'d> FlowGraph<'d> {
    /// Looks up what depends on no one question. Nodes, parties and people must not change after it.
    pub(super) fn remember(&mut self) {
        let defaults = self.declarations.project_section("defaults");
        let kinds: BTreeSet<&'static str> = self.nodes.rows().iter().map(|n| n.kind.word()).collect();
        self.remembered.defaults = Some(kinds.into_iter().filter_map(|kind| Some((kind, defaults?.get(kind)?))).collect());
        let mut names: BTreeMap<String, Arc<str>> = BTreeMap::new();
        let mut operators = Vec::with_capacity(self.nodes.len());
        for node in self.nodes.ids() {
            let operator = self.find_operator(node).map(|name| match names.get(name) {
                Some(known) => Arc::clone(known),
                None => Arc::clone(names.entry(name.to_owned()).or_insert_with(|| Arc::from(name))),
            });
            let own = operator.as_deref().and_then(|o| self.parties.get(o)).is_some_and(super::Party::is_self);
            operators.push((operator, own));
        }
        self.remembered.operators = operators;
    }

    /// The project's defaults for a kind of node.
    fn defaults(&self, kind: &'static str) -> Option<Value<'d>> {
        match &self.remembered.defaults {
            Some(known) => known.get(kind).copied(),
            None => self.declarations.project_section("defaults")?.get(kind),
        }
    }

    /// A node's fact, from the strongest source that states it.
    #[must_use]
    pub fn fact(&self, node: NodeId, name: &str) -> Fact<'d> {
        self.fact_in_chain(node, name, 0)
    }

    /// A node's fact as text.
    #[must_use]
    pub fn text_fact(&self, node: NodeId, name: &str) -> Option<&'d str> {
        self.fact(node, name).value()?.as_str()
    }

    fn fact_in_chain(&self, id: NodeId, name: &str, depth: usize) -> Fact<'d> {
        let node = &self.nodes[id];
        let mut needs = None;
        if let Some(value) = node.value.and_then(|v| v.get(name)).filter(|v| !v.is_null()) {
            return Fact::Stated { value, source: FactSource::Node };
        }
        if depth > MAX_CHAIN {
            return Fact::Missing { needs };
        }
        // A copy the provider keeps: its own dated facts; everything else is as on the endpoint.
        if let (Some(entry), Some(of)) = (node.copy_facts.and_then(|f| f.get(name)), node.copy_of) {
            match self.profile_fact(of, entry, depth) {
                Fact::Stated { value, .. } => {
                    let source = self.nodes[of].profile.map_or(FactSource::Node, |p| FactSource::Profile(p, entry));
                    return Fact::Stated { value, source };
                }
                Fact::Missing { needs: because } => return Fact::Missing { needs: because },
            }
        }
        if let Some(host) = node.host
            && let Fact::Stated { value, source } = self.fact_in_chain(host, name, depth + 1)
        {
            let source = if matches!(source, FactSource::Node) { FactSource::Host } else { source };
            return Fact::Stated { value, source };
        }
        if let Some(profile) = node.profile {
            let own = self.declarations.project_section("providers").and_then(|p| p.get(&profile.service)?.get("facts")?.get(name));
            if let Some(Fact::Stated { value, .. }) = own.map(|entry| self.profile_fact(id, entry, depth)) {
                return Fact::Stated { value, source: own.map_or(FactSource::Node, |entry| FactSource::Override(profile, entry)) };
            }
            if let Some(entry) = profile.root().get("facts").and_then(|f| f.get(name)) {
                match self.profile_fact(id, entry, depth) {
                    Fact::Stated { value, .. } => return Fact::Stated { value, source: FactSource::Profile(profile, entry) },
                    Fact::Missing { needs: because } => needs = because,
                }
            }
            if name == OPERATOR
                && let Some(vendor) = profile.root().get("vendor")
            {
                return Fact::Stated { value: vendor, source: FactSource::Profile(profile, vendor) };
            }
        }
        if let Some(of) = node.copy_of {
            let fact = self.fact_in_chain(of, name, depth + 1);
            match fact {
                // What the team says of all its endpoints says nothing of what a provider keeps.
                Fact::Stated { source: FactSource::Default, .. } if name != OPERATOR && self.is_kept_by_others(id) => {}
                Fact::Stated { .. } => return fact,
                Fact::Missing { .. } => {}
            }
        }
        match self.defaults(node.kind.word()).filter(|d| name == OPERATOR || self.speaks_for(*d, id)).and_then(|d| d.get(name)) {
            Some(value) => Fact::Stated { value, source: FactSource::Default },
            None => Fact::Missing { needs },
        }
    }

    /// Defaults that name an operator are about its nodes alone, and none are about what another party keeps of its own accord: how the team runs its
    /// logs says nothing of a provider's.
    fn speaks_for(&self, defaults: Value<'d>, id: NodeId) -> bool {
        let named = defaults.get(OPERATOR).and_then(Value::as_str);
        !self.is_kept_by_others(id)
            && named.is_none_or(|named| self.operator(id).is_some_and(|o| o == named || (named == "self" && self.is_self_run(id))))
    }

    /// A copy that a provider keeps, as its profile says.
    fn is_kept_by_others(&self, id: NodeId) -> bool {
        self.nodes[id].copy_facts.is_some() && !self.is_self_run(id)
    }

    /// A profile's fact: one value, or one that another fact of the node decides.
    fn profile_fact(&self, node: NodeId, entry: Value<'d>, depth: usize) -> Fact<'d> {
        let value = match entry.get("by").and_then(Value::as_str) {
            None => entry.get("value"),
            Some(by) => {
                let key = self.fact_in_chain(node, by, depth + 1).value().and_then(Value::as_str);
                match key {
                    None => return Fact::Missing { needs: Some(by) },
                    Some(key) => entry.get("values").and_then(|v| v.get(key)),
                }
            }
        };
        value.map_or(Fact::Missing { needs: None }, |value| Fact::Stated { value, source: FactSource::Node })
    }

    /// A flow's fact: the flow's own word, else the project's defaults for flows.
    #[must_use]
    pub fn flow_fact(&self, edge: super::EdgeId, name: &str) -> Option<Value<'d>> {
        let own = self.edges[edge].value.and_then(|v| v.get(name));
        own.or_else(|| self.declarations.project_section("defaults")?.get("flow")?.get(name))
    }

    /// The party that runs a node. A reviewer works for the party of the person, and a person for the project unless the file says otherwise.
    #[must_use]
    pub fn operator(&self, node: NodeId) -> Option<&str> {
        match self.remembered.operators.get(node.0 as usize) {
            Some((known, _)) => known.as_deref(),
            None => self.find_operator(node),
        }
    }

    fn find_operator(&self, node: NodeId) -> Option<&str> {
        let stated = self.text_fact(node, OPERATOR);
        let of_person = || {
            let person = self.people.get(self.text_fact(node, "person")?)?;
            person.text("party").or_else(|| self.self_party())
        };
        let name = stated.or_else(of_person)?;
        // A profile of software that a team runs itself names `self` as its vendor.
        let name = if name == "self" && !self.parties.contains_key(name) { self.self_party()? } else { name };
        self.parties.get_key_value(name).map(|(id, _)| id.as_str())
    }

    /// Is the node run by the project itself? An operator nobody declared is not.
    #[must_use]
    pub fn is_self_run(&self, node: NodeId) -> bool {
        if let Some((_, own)) = self.remembered.operators.get(node.0 as usize) {
            return *own;
        }
        self.operator(node).and_then(|o| self.parties.get(o)).is_some_and(super::Party::is_self)
    }
}
