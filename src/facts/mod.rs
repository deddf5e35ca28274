//! The facts policies read: declared ones converted by the vocabulary, derived ones (agreements in force, evidence on file, what leaves a step)
//! computed. Never decides, and keeps only facts that some policy mentions, so that equal questions are asked once.

mod contracts;
mod derived;
mod evidence;
mod providers;
mod ranges;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use rustc_hash::FxHashMap;

use crate::declare::{Declared, NodeKind};
use crate::graph::{EdgeId, Fact, FlowGraph, NodeId, WorkflowId};
use crate::load::Value;
use crate::packs::{LabelId, LabelKind, LabelSet};
use crate::propagate::{ItemId, Propagation, Variant};
use crate::vocabulary::{Attribute, FactType, NameKind, Vocabulary};

pub use self::evidence::{EvidenceOnFile, is_elsewhere};
pub use self::providers::ReliedFact;
pub use self::ranges::{CARRIED, Holder, OpenFact};
pub use self::value::{FactValue, days_in_words, uid};

/// Facts by name.
pub type Facts = BTreeMap<String, FactValue>;

/// An entity as policies see it. Equal rows are one entity, whatever the thing is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row {
    /// The entity type.
    pub entity: &'static str,
    /// The name, for things that are told apart by it: parties, agreements, labels.
    pub id: Option<String>,
    /// Its attributes.
    pub facts: Facts,
    /// Its parents: classes and labels with all above them.
    pub parents: LabelSet,
    /// The team's own facts.
    pub tags: BTreeMap<String, String>,
}

/// What the run is about, beside the files.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The date of judging.
    pub as_of: Date,
    /// Files that evidence and agreements refer to and that exist.
    pub files: BTreeSet<String>,
    /// SHA-256, in hexadecimal, of those of them for which evidence states one.
    pub hashes: BTreeMap<String, String>,
}

/// Computes facts over a graph.
pub struct FactBase<'g, 'd> {
    pub(crate) graph: &'g FlowGraph<'d>,
    pub(crate) vocabulary: &'g Vocabulary,
    /// Attribute names that some policy reads.
    pub(crate) mentioned: &'g BTreeSet<String>,
    pub(crate) environment: &'g Environment,
    /// The attributes that some policy reads, by entity type.
    wanted: FxHashMap<&'g str, Vec<&'g Attribute>>,
    /// Fact names under which nodes refer to a node.
    named_as: BTreeMap<NodeId, BTreeSet<&'g str>>,
    /// Documents in force.
    filed: Vec<evidence::Filed<'d>>,
}

impl<'g, 'd> FactBase<'g, 'd> {
    /// Facts over a graph, of which only those in `mentioned` are kept.
    #[must_use]
    pub fn new(
        graph: &'g FlowGraph<'d>,
        vocabulary: &'g Vocabulary,
        mentioned: &'g BTreeSet<String>,
        environment: &'g Environment,
    ) -> Self {
        let mut named_as: BTreeMap<NodeId, BTreeSet<&'g str>> = BTreeMap::new();
        for (id, node) in graph.nodes.iter() {
            let references = vocabulary.entity(node.kind.entity()).iter().filter(|a| a.fact_type == FactType::Name(NameKind::Node));
            for reference in references {
                let named = graph.text_fact(id, &reference.name).and_then(|name| graph.find_node(node.workflow, name));
                if let Some(named) = named {
                    named_as.entry(named).or_default().insert(reference.name.as_str());
                }
            }
        }
        let read = |attributes: &'g [Attribute]| attributes.iter().filter(|a| mentioned.contains(&a.name)).collect();
        let wanted = vocabulary.entities().map(|(name, attributes)| (name, read(attributes))).collect();
        let mut base = Self { graph, vocabulary, mentioned, environment, wanted, named_as, filed: Vec::new() };
        base.filed = base.file_evidence();
        base
    }

    /// Is a fact read by any policy?
    #[must_use]
    pub fn reads(&self, name: &str) -> bool {
        self.mentioned.contains(name)
    }

    fn wanted(&self, entity: &str) -> impl Iterator<Item = &'g Attribute> + use<'_, 'g, 'd> {
        self.wanted.get(entity).into_iter().flatten().copied()
    }

    /// Fills in facts: what `stated` gives, what `known` computes, and the empty value of what must read empty.
    fn collect(&self, attributes: impl Iterator<Item = &'g Attribute>, mut fact: impl FnMut(&Attribute) -> Option<FactValue>) -> Facts {
        let mut facts = Facts::new();
        for attribute in attributes {
            let value = fact(attribute)
                .and_then(|v| self.known_only(v))
                .or_else(|| attribute.required.then(|| FactValue::empty(&attribute.fact_type)));
            facts.extend(value.map(|v| (attribute.name.clone(), v)));
        }
        facts
    }

    /// The value without entities that do not exist: the graph stage has reported them, and Cedar would refuse the whole request.
    fn known_only(&self, value: FactValue) -> Option<FactValue> {
        match value {
            FactValue::Entity(entity, id) => {
                let known = match entity.as_str() {
                    "Class" => self.graph.taxonomy.find(LabelKind::Class, &id).is_some(),
                    "Label" => self.graph.taxonomy.find(LabelKind::Label, &id).is_some(),
                    "Party" => self.graph.parties.contains_key(&id),
                    "Agreement" => self.graph.agreements.contains_key(id.as_str()),
                    _ => true,
                };
                known.then_some(FactValue::Entity(entity, id))
            }
            FactValue::Set(values) => Some(FactValue::Set(values.into_iter().filter_map(|v| self.known_only(v)).collect())),
            other => Some(other),
        }
    }

    fn tags(&self, values: &[Option<Value<'d>>]) -> BTreeMap<String, String> {
        let tags = values.iter().rev().flatten().filter_map(|v| v.get("tags")).flat_map(Value::entries);
        tags.filter_map(|(name, value)| Some((name.to_owned(), value.as_str()?.to_owned()))).collect()
    }

    /// The project.
    #[must_use]
    pub fn project(&self) -> Row {
        let root = self.graph.declarations.project.map(crate::load::Document::root);
        let facts = self.collect(self.wanted("Project"), |a| match a.name.as_str() {
            "addressable" => Some(self.addressable(false)),
            "implemented" => Some(self.addressable(true)),
            "qi_approvals" => Some(self.qi_approvals()),
            "evidence" => Some(self.types_of(&self.evidence_of_project())),
            "latest" => Some(self.latest_of(&self.evidence_of_project(), a)),
            "stages" => Some(self.stages()),
            name => FactValue::read(root?.get(name)?, &a.fact_type),
        });
        Row { entity: "Project", id: Some("project".to_owned()), facts, parents: LabelSet::default(), tags: BTreeMap::new() }
    }

    /// A party.
    #[must_use]
    pub fn party(&self, id: &str) -> Option<Row> {
        let party = self.graph.parties.get(id)?;
        let facts = self.collect(self.wanted("Party"), |a| match a.name.as_str() {
            "id" => Some(FactValue::text(id)),
            "relation" => Some(FactValue::text(party.relation)),
            "is_self" => Some(FactValue::Bool(party.is_self())),
            name => FactValue::read(party.declared?.value.get(name)?, &a.fact_type),
        });
        Some(Row { entity: "Party", id: Some(id.to_owned()), facts, parents: LabelSet::default(), tags: BTreeMap::new() })
    }

    /// An agreement.
    #[must_use]
    pub fn agreement(&self, id: &str) -> Option<Row> {
        let agreement = self.graph.agreements.get(id)?;
        let facts = self.collect(self.wanted("Agreement"), |a| match a.name.as_str() {
            "id" => Some(FactValue::text(id)),
            "in_force" => Some(FactValue::Bool(self.in_force(*agreement))),
            "document_on_file" => Some(FactValue::Bool(agreement.text("document").is_some_and(|uri| self.is_on_file(uri)))),
            "consented" => Some(self.subprocessors(*agreement, "consents", 0)),
            "notified" => {
                Some(self.subprocessors(*agreement, "notices", agreement.value.get("subprocessor_notice_days").and_then(Value::as_int)?))
            }
            "approvals" => Some(self.approvals(*agreement)),
            "deletion_period" => Self::deletion_period(*agreement),
            "vendor_notice_hours" => Self::vendor_notice_hours(*agreement),
            name => FactValue::read(agreement.value.get(name)?, &a.fact_type),
        });
        let tags = self.tags(&[Some(agreement.value)]);
        Some(Row { entity: "Agreement", id: Some(id.to_owned()), facts, parents: LabelSet::default(), tags })
    }

    /// A workflow. Its parents are what its flows carry, once that is known.
    #[must_use]
    pub fn workflow(&self, id: WorkflowId, propagation: Option<&Propagation<'g, 'd>>) -> Row {
        let root = self.graph.workflows[id].document.root();
        let facts = self.collect(self.wanted("Workflow"), |a| match a.name.as_str() {
            "id" => Some(FactValue::text(self.graph.workflows[id].id)),
            "node_kinds" => Some(self.node_kinds(id)),
            "reviewer_kinds" => Some(self.reviewer_kinds(id)),
            "evidence" => Some(self.types_of(&self.evidence_of_workflow(id))),
            "latest" => Some(self.latest_of(&self.evidence_of_workflow(id), a)),
            "deployments" => Some(self.texts_of(id, NodeKind::Endpoint, "deployment")),
            "audiences" => Some(self.texts_of(id, NodeKind::Output, "audience")),
            "permissions" => Some(self.permissions(id)),
            "changed" => self.changed(id),
            "hosted" => Some(FactValue::Bool(self.is_hosted(id))),
            name => FactValue::read(root.get(name)?, &a.fact_type),
        });
        let parents = propagation.map(|p| self.carried_in(id, p)).unwrap_or_default();
        Row { entity: "Workflow", id: None, facts, parents, tags: self.tags(&[Some(root)]) }
    }

    /// A node as a workflow uses it, without what it holds. `propagation` gives the facts about what passes through it, once there is one.
    #[must_use]
    pub fn node(&self, id: NodeId, workflow: Option<WorkflowId>, propagation: Option<&Propagation<'g, 'd>>) -> Row {
        let node = &self.graph.nodes[id];
        let facts = self.collect(self.wanted(node.kind.entity()), |a| match a.name.as_str() {
            "id" => Some(FactValue::text(&node.id)),
            "kind" => Some(FactValue::text(node.kind.word())),
            "implied" => Some(FactValue::Bool(node.implied())),
            "operator" => self.operator(id),
            "named_as" => Some(self.named_as(id)),
            "agreements" => Some(FactValue::texts(self.agreements_with(id).filter_map(|a| a.text("type")))),
            "agreement_terms" => Some(FactValue::texts(self.agreements_for(id).flat_map(|a| a.texts("terms")))),
            "clauses" => Some(FactValue::Set(Self::clauses(self.agreements_for(id)))),
            "promises" => self.promises(id, a),
            "evidence" => Some(self.types_of(&self.evidence_of_node(id, workflow))),
            "latest" => Some(self.latest_of(&self.evidence_of_node(id, workflow), a)),
            "copies" => self.copies(id),
            "own_retention" => Some(FactValue::Bool(self.own_retention(id))),
            "tenants" => propagation.map(|p| self.tenants(id, p)),
            "connected_to" => propagation.map(|p| self.connected_to(id, p)),
            "declared_classes" => Some(self.declared_classes(id)),
            "conflicts" => Some(self.conflicts(id)),
            "covered_by" => Some(self.covered_by(id)),
            "map_store_operator" => self.operator(self.graph.find_node(node.workflow, self.graph.text_fact(id, "map_store")?)?),
            "service" => node.profile.map(|p| FactValue::text(&p.service)).or_else(|| self.stated(id, a)),
            "reviewer_kind" => self.stated(id, a).or_else(|| self.reviewer_kind(id)),
            "leaves_with" => propagation.map(|p| self.classes(&p.leaves_with(id))),
            "vouched" => propagation.map(|p| self.labels(&p.vouched(id))),
            "dropped_classes" => propagation.map(|p| self.classes(&p.dropped(id))),
            "dropped_labels" => propagation.map(|p| self.labels(&p.dropped(id))),
            _ => self.stated(id, a),
        });
        Row { entity: node.kind.entity(), id: None, facts, parents: LabelSet::default(), tags: self.tags(&[node.value]) }
    }

    fn stated(&self, id: NodeId, attribute: &Attribute) -> Option<FactValue> {
        FactValue::read(self.graph.fact(id, &attribute.name).value()?, &attribute.fact_type)
    }

    /// The party that runs a node.
    #[must_use]
    pub fn operator(&self, id: NodeId) -> Option<FactValue> {
        self.graph.operator(id).map(|party| FactValue::Entity("Party".to_owned(), party.to_owned()))
    }

    /// A field at its source, for the action `label`.
    #[must_use]
    pub fn field(&self, id: crate::graph::FieldId, source: &FactValue) -> Row {
        let field = &self.graph.fields[id];
        let node = &self.graph.nodes[field.node];
        let facts = self.collect(self.wanted("Field"), |a| match a.name.as_str() {
            "id" => Some(FactValue::text(&field.id)),
            "free_text" => Some(FactValue::Bool(field.free_text)),
            "source" => Some(source.clone()),
            "surface" => Some(FactValue::text(field.surfaces.first().copied().unwrap_or("body"))),
            name => FactValue::read(field.value.get(name).or(node.value?.get(name))?, &a.fact_type),
        });
        let mut classes: LabelSet = field.classes.iter().copied().collect();
        if field.free_text {
            let scanned: LabelSet = field.scanned.iter().copied().collect();
            classes = classes.union(&self.graph.taxonomy.free_text().difference(&self.graph.taxonomy.below(&scanned)));
        }
        let parents = self.graph.taxonomy.closure(&classes);
        Row { entity: "Field", id: None, facts, parents, tags: self.tags(&[Some(field.value), node.value]) }
    }

    /// A datum that a node makes from nothing, as a field for the action `label`.
    #[must_use]
    pub fn fresh_field(&self, node: NodeId, name: &str, classes: &LabelSet, source: &FactValue) -> Row {
        let facts = self.collect(self.wanted("Field"), |a| match a.name.as_str() {
            "id" => Some(FactValue::text(format!("{}.{name}", self.graph.nodes[node].id))),
            "source" => Some(source.clone()),
            "surface" => Some(FactValue::text("body")),
            name => FactValue::read(self.graph.fact(node, name).value()?, &a.fact_type),
        });
        Row { entity: "Field", id: None, facts, parents: self.graph.taxonomy.closure(classes), tags: BTreeMap::new() }
    }

    /// One label set of one datum.
    #[must_use]
    pub fn datum(&self, propagation: &Propagation<'g, 'd>, item: ItemId, set: &LabelSet) -> Row {
        let origin = &propagation.origins[propagation.items[item].origin];
        let field = origin.field.map(|f| &self.graph.fields[f]);
        let source = self.graph.nodes[origin.node].value.filter(|_| field.is_some());
        let facts = self.collect(self.wanted("Datum"), |a| match a.name.as_str() {
            "id" => Some(FactValue::text(propagation.datum_name(item))),
            "form" => Some(FactValue::text(&propagation.forms[propagation.items[item].form])),
            "derived" => Some(FactValue::Bool(propagation.is_derived(item))),
            "classified" => Some(FactValue::Bool(field.is_none_or(|f| f.classified))),
            "free_text" => Some(FactValue::Bool(field.is_some_and(|f| f.free_text))),
            "surface" => Some(FactValue::text(propagation.surface(item))),
            "case_types" => Some(FactValue::texts(self.names_of_kind(set, LabelKind::Case))),
            "operator" => self.operator(origin.node),
            "scan" => {
                let scan = field?.scan(source).filter(|scan| !crate::graph::is_to_come(*scan, self.environment.as_of))?;
                FactValue::read(scan, &a.fact_type)
            }
            "surfaces" => FactValue::read(self.graph.fact(origin.node, "surfaces").value()?, &a.fact_type),
            name => {
                let own = field.and_then(|f| f.value.get(name));
                let of_source = || self.graph.fact(origin.node, name).value().filter(|_| field.is_some());
                FactValue::read(own.or_else(of_source)?, &a.fact_type)
            }
        });
        let cases: LabelSet = set.iter().filter(|id| self.graph.taxonomy.entry(*id).kind == LabelKind::Case).collect();
        let parents = self.graph.taxonomy.closure(&set.difference(&cases));
        Row { entity: "Datum", id: None, facts, parents, tags: self.tags(&[field.map(|f| f.value), source]) }
    }

    fn names_of_kind(&self, set: &LabelSet, kind: LabelKind) -> impl Iterator<Item = String> + use<'_, 'g, 'd> {
        let ids: Vec<LabelId> = set.iter().collect();
        let entries = ids.into_iter().map(|id| self.graph.taxonomy.entry(id)).filter(move |e| e.kind == kind);
        entries.map(|e| e.name.clone())
    }

    pub(crate) fn classes(&self, set: &LabelSet) -> FactValue {
        FactValue::entities("Class", self.names_of_kind(set, LabelKind::Class))
    }

    pub(crate) fn labels(&self, set: &LabelSet) -> FactValue {
        FactValue::entities("Label", self.names_of_kind(set, LabelKind::Label))
    }

    /// The facts of a flow and its sender, for `receive`.
    #[must_use]
    pub fn flow(&self, id: EdgeId, propagation: &Propagation<'g, 'd>) -> Facts {
        let edge = &self.graph.edges[id];
        let sender = &self.graph.nodes[edge.from];
        let via = self.outside_parties(self.graph.flow_fact(id, "via"));
        let mut context = Facts::new();
        for attribute in self.vocabulary.context("receive") {
            let FactType::Record(attributes) = &attribute.fact_type else { continue };
            let record = if attribute.name == "flow" {
                self.collect(attributes.iter().filter(|a| self.reads(&a.name)), |a| match a.name.as_str() {
                    "wildcard" => Some(FactValue::Bool(!edge.implied && edge.selected == crate::graph::Selected::All)),
                    "implied" => Some(FactValue::Bool(edge.implied)),
                    "network" => self.network(id),
                    "via" => Some(via.clone()),
                    "via_agreements" => Some(self.shared_by_gateways(&via, |agreements| {
                        agreements.iter().filter_map(|a| a.text("type")).map(FactValue::text).collect()
                    })),
                    "via_clauses" => Some(self.shared_by_gateways(&via, |agreements| Self::clauses(agreements.into_iter()))),
                    "carries" => Some(self.carried(id, propagation)),
                    "purpose" | "permission" => FactValue::read(self.of_flow_or_workflow(id, &a.name)?, &a.fact_type),
                    // What a service keeps of what it was sent never crosses a network of the team's.
                    "tls" if edge.implied => Some(FactValue::Bool(true)),
                    name => FactValue::read(self.graph.flow_fact(id, name)?, &a.fact_type),
                })
            } else {
                self.collect(attributes.iter().filter(|a| self.reads(&a.name)), |a| match a.name.as_str() {
                    "id" => Some(FactValue::text(&sender.id)),
                    "kind" => Some(FactValue::text(sender.kind.word())),
                    "is_self" => Some(FactValue::Bool(self.graph.is_self_run(edge.from))),
                    "operator" => self.operator(edge.from),
                    name => FactValue::read(self.graph.fact(edge.from, name).value()?, &a.fact_type),
                })
            };
            context.insert(attribute.name.clone(), FactValue::Record(record));
        }
        context
    }

    fn network(&self, id: EdgeId) -> Option<FactValue> {
        let edge = &self.graph.edges[id];
        if edge.implied {
            return Some(FactValue::text("in_process"));
        }
        // What goes from one operator to another crosses a network neither has to itself, whatever the file says.
        let inside = |node| self.graph.operator(node).map(|party| (self.graph.is_self_run(node), party));
        if let (Some((from_self, from)), Some((to_self, to))) = (inside(edge.from), inside(edge.to))
            && from != to
            && !(from_self && to_self)
        {
            return Some(FactValue::text("external"));
        }
        Some(FactValue::text(self.graph.flow_fact(id, "network")?.as_str()?))
    }

    /// Declared classes of a datum that no agreement with the recipient's operator has in scope.
    #[must_use]
    pub fn uncovered_classes(&self, propagation: &Propagation<'g, 'd>, recipient: NodeId, item: ItemId, variant: Variant) -> FactValue {
        let origin = &propagation.origins[propagation.items[item].origin];
        let may = &propagation.sets[variant.may];
        let declared = origin.field.map(|f| self.graph.fields[f].classes.as_slice()).unwrap_or_default();
        let left = declared.iter().copied().filter(|c| may.contains(*c));
        let uncovered = left.filter(|class| !self.covers_class(recipient, *class)).collect();
        self.classes(&self.graph.taxonomy.closure(&uncovered))
    }

    /// Evidence, a recorded decision or a waiver.
    #[must_use]
    pub fn declared(&self, entity: &'static str, declared: Declared<'d>, known: &Facts) -> Row {
        let facts = self.collect(self.wanted(entity), |a| {
            let stated = || if entity == "Evidence" { self.of_evidence(declared, &a.name) } else { declared.value.get(&a.name) };
            known.get(&a.name).cloned().or_else(|| FactValue::read(stated()?, &a.fact_type))
        });
        Row { entity, id: None, facts, parents: LabelSet::default(), tags: BTreeMap::new() }
    }

    /// A row made of known facts only.
    #[must_use]
    pub fn known(&self, entity: &'static str, known: &Facts) -> Row {
        let facts = self.collect(self.wanted(entity), |a| known.get(&a.name).cloned());
        Row { entity, id: None, facts, parents: LabelSet::default(), tags: BTreeMap::new() }
    }

    /// The contracts a datum is held under: those its source names.
    #[must_use]
    pub fn contracts(&self, source: NodeId) -> Vec<&'d str> {
        let node = &self.graph.nodes[source];
        let Some(value) = node.value.filter(|_| node.kind == NodeKind::Source) else { return Vec::new() };
        let named = Declared { document: node.document, value }.texts("contracts");
        let mut contracts: Vec<&str> = named.filter(|c| self.graph.agreements.contains_key(c)).collect();
        contracts.sort_unstable();
        contracts.dedup();
        contracts
    }

    /// The other fact that would decide one a profile leaves open, such as the retention mode.
    #[must_use]
    pub fn needs(&self, node: NodeId, fact: &str) -> Option<&'d str> {
        match self.graph.fact(node, fact) {
            Fact::Missing { needs } => needs,
            Fact::Stated { .. } => None,
        }
    }
}
