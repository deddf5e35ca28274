//! Holds every name a declaration uses against what there is: fields on flows, nodes, parties, people, services, labels. Reports, and changes
//! nothing.

use std::collections::BTreeSet;

use super::{Edge, EdgeId, FlowGraph, NodeId, Selected, UNKNOWN_RELATION, WorkflowId};
use crate::declare::NodeKind;
use crate::load::{Document, Value};
use crate::packs::{LabelKind, Library};
use crate::problem::{Problem, Span, did_you_mean, listed};
use crate::table::Table;
use crate::vocabulary::{Attribute, FactType, NameKind, Vocabulary};

/// Adds a problem for every name that means nothing.
pub(super) fn check(graph: &FlowGraph<'_>, library: &Library, vocabulary: &Vocabulary, problems: &mut Vec<Problem>) {
    let mut checker = Checker { graph, library, problems };
    for id in graph.nodes.ids() {
        let node = &graph.nodes[id];
        if let Some(value) = node.value {
            let at = At { document: node.document, workflow: node.workflow };
            checker.record(at, value, vocabulary.entity(node.kind.entity()));
            checker.step_type(id, value);
            checker.effects(at, value);
            checker.accepts(at, value);
            checker.source_contracts(at, value);
            checker.needed_by(id);
            checker.operator_of_service(id);
            checker.host(id);
        }
    }
    checker.project(vocabulary);
    checker.waivers();
    for (id, workflow) in graph.workflows.iter() {
        let at = At { document: workflow.document, workflow: Some(id) };
        checker.record(at, workflow.document.root(), vocabulary.entity("Workflow"));
        checker.evidence(at, workflow.document.root(), vocabulary);
    }
    checker.flows(vocabulary);
    checker.private_profiles(vocabulary);
    checker.contradictions(vocabulary);
}

#[derive(Clone, Copy)]
pub(super) struct At<'d> {
    pub(super) document: &'d Document,
    pub(super) workflow: Option<WorkflowId>,
}

pub(super) struct Checker<'c, 'd> {
    pub(super) graph: &'c FlowGraph<'d>,
    pub(super) library: &'c Library,
    pub(super) problems: &'c mut Vec<Problem>,
}

impl<'d> Checker<'_, 'd> {
    fn project(&mut self, vocabulary: &Vocabulary) {
        let Some(document) = self.graph.declarations.project else { return };
        let at = At { document, workflow: None };
        self.record(at, document.root(), vocabulary.entity("Project"));
        for (section, entity) in
            [("parties", "Party"), ("agreements", "Agreement"), ("addressable", "Attestation"), ("qi_approvals", "Attestation")]
        {
            for (_, value) in document.root().get(section).into_iter().flat_map(Value::entries) {
                self.record(at, value, vocabulary.entity(entity));
            }
        }
        for (_, agreement) in document.root().get("agreements").into_iter().flat_map(Value::entries) {
            for key in ["consents", "notices"] {
                for (name, value) in agreement.get(key).into_iter().flat_map(Value::entries) {
                    self.known_name(
                        at,
                        name,
                        value.key_span().unwrap_or(value.span()),
                        parties(self.graph),
                        "party",
                        "graph/unknown-party",
                    );
                }
            }
            for approval in agreement.get("approvals").into_iter().flat_map(Value::items) {
                if let Some(party) = approval.get("party") {
                    self.name_of(at, party, parties(self.graph), "party", "graph/unknown-party");
                }
            }
        }
        for (_, person) in document.root().get("people").into_iter().flat_map(Value::entries) {
            if let Some(party) = person.get("party") {
                self.name_of(at, party, parties(self.graph), "party", "graph/unknown-party");
            }
        }
        for (_, value) in document.root().get("providers").into_iter().flat_map(Value::entries) {
            if let Some(person) = value.get("checked").and_then(|c| c.get("by")) {
                self.name_of(at, person, self.graph.people.keys().copied().collect(), "person", "graph/unknown-person");
            }
        }
        for (_, value) in document.root().get("defaults").into_iter().flat_map(Value::entries) {
            self.record(at, value, vocabulary.entity("Store"));
        }
        for (service, value) in document.root().get("providers").into_iter().flat_map(Value::entries) {
            self.provider_facts(at, service, value, vocabulary.entity("Endpoint"));
        }
        self.evidence(at, document.root(), vocabulary);
        self.one_self(document);
    }

    /// Exactly one party is the project itself: with none nobody is inside, with two an outsider can be called inside.
    fn one_self(&mut self, document: &'d Document) {
        let Some(parties) = document.root().get("parties") else { return };
        let selves: Vec<Value<'d>> =
            parties.entries().map(|(_, v)| v).filter(|v| v.get("relation").and_then(Value::as_str) == Some("self")).collect();
        let problem = match selves.as_slice() {
            [_] => return,
            [] => Problem::new("graph/no-self", "no party has the relation `self`")
                .at(document.file(), parties.key_span().unwrap_or_default(), "one of these is the project itself")
                .help("give the party that owns this project `relation: self`; without it nobody is inside"),
            [first, second, ..] => Problem::new("graph/two-selves", "two parties have the relation `self`")
                .at(document.file(), second.key_span().unwrap_or_default(), "a second one")
                .at(document.file(), first.key_span().unwrap_or_default(), "the first one")
                .help("one party is the project itself; another of the same group is an `affiliate`, a vendor a `processor`"),
        };
        self.problems.push(problem);
    }

    /// A chain of hosts ends, and soon.
    fn host(&mut self, id: NodeId) {
        let mut at = id;
        for _ in 0..super::facts::MAX_CHAIN {
            match self.graph.nodes[at].host {
                Some(host) => at = host,
                None => return,
            }
        }
        let node = &self.graph.nodes[id];
        self.problems.push(
            Problem::new("graph/host-loop", format!("the hosts of `{}` go in a circle, or on for too long", node.id))
                .at(node.document.file(), node.span, "runs inside what runs inside …")
                .help(format!("a chain of `host` has at most {} nodes", super::facts::MAX_CHAIN)),
        );
    }

    /// A service that its vendor runs is not run by the project, whatever the node says.
    fn operator_of_service(&mut self, id: NodeId) {
        let node = &self.graph.nodes[id];
        let Some(vendor) = node.profile.and_then(crate::packs::Profile::vendor) else { return };
        let stated = node.value.and_then(|v| v.get("operator").or(v.get("host")).or(v.get("service")));
        if vendor != "self" && self.graph.is_self_run(id) {
            self.problems.push(
                Problem::new(
                    "graph/operator-contradicts-service",
                    format!("`{}` is not run by the project: its service is run by `{vendor}`", node.id),
                )
                .at(node.document.file(), stated.map_or(node.span, Value::span), "the project would run it")
                .help("leave `operator` and `host` out, or leave `service` out and state the facts of the model you run yourself"),
            );
        }
    }

    pub(super) fn record(&mut self, at: At<'d>, value: Value<'d>, attributes: &[Attribute]) {
        for attribute in attributes.iter().filter(|a| !a.computed) {
            if let Some(fact) = value.get(&attribute.name) {
                self.fact(at, fact, &attribute.fact_type);
            }
        }
    }

    fn fact(&mut self, at: At<'d>, value: Value<'d>, fact_type: &FactType) {
        match fact_type {
            FactType::Set(element) => value.items().for_each(|item| self.fact(at, item, element)),
            FactType::Record(attributes) => self.record(at, value, attributes),
            FactType::Entity(entity) => match entity.as_str() {
                "Party" => self.name_of(at, value, parties(self.graph), "party", "graph/unknown-party"),
                "Agreement" => {
                    self.name_of(at, value, self.graph.agreements.keys().copied().collect(), "agreement", "graph/unknown-agreement")
                }
                "Class" => self.label(at, value, LabelKind::Class),
                "Label" => self.label(at, value, LabelKind::Label),
                _ => {}
            },
            FactType::Name(NameKind::Person) => {
                self.name_of(at, value, self.graph.people.keys().copied().collect(), "person", "graph/unknown-person");
            }
            FactType::Long if value.as_int().is_none() && value.as_float().is_some() => self.problems.push(
                Problem::new("graph/not-a-whole-number", "this number is not written as a whole number")
                    .at(at.document.file(), value.span(), "would be read by no rule")
                    .help("write its digits alone, without a point and an exponent, in 64 bits"),
            ),
            FactType::Name(NameKind::Service) => self.service(at, value),
            FactType::Name(NameKind::Evidence) => {
                let section = |document: &'d Document| document.root().get("evidence").into_iter().flat_map(Value::entries);
                let known = section(at.document).chain(self.graph.declarations.project.into_iter().flat_map(section));
                self.name_of(at, value, known.map(|(id, _)| id).collect(), "evidence", "graph/unknown-evidence");
            }
            FactType::Name(NameKind::Node) if value.as_str() != Some("none") => {
                let name = value.as_str().unwrap_or_default();
                if self.graph.find_node(at.workflow, name).is_none() {
                    let nodes = self.graph.nodes.rows().iter().filter(|n| n.workflow.is_none() || n.workflow == at.workflow);
                    let names = nodes.map(|n| n.id.as_str()).collect();
                    self.name_of(at, value, names, "node", "graph/unknown-node");
                }
            }
            _ => {}
        }
    }

    fn label(&mut self, at: At<'d>, value: Value<'d>, kind: LabelKind) {
        let name = value.as_str().unwrap_or_default();
        if self.graph.taxonomy.find(kind, name).is_none() {
            self.problems.push(
                Problem::new("graph/unknown-class", format!("there is no class `{name}`"))
                    .at(at.document.file(), value.span(), "not in the taxonomy")
                    .help(self.graph.taxonomy.suggest(kind, name)),
            );
        }
    }

    fn service(&mut self, at: At<'d>, value: Value<'d>) {
        let name = value.as_str().unwrap_or_default();
        if matches!(self.library.providers.get(name), Ok(None)) {
            self.unknown_service(at, name, value.span());
        }
    }

    pub(super) fn unknown_service(&mut self, at: At<'d>, name: &str, span: Span) {
        let services: Vec<&str> = self.library.providers.services().collect();
        let near = did_you_mean(name, services.iter().copied()).map(|n| format!("did you mean `{n}`? ")).unwrap_or_default();
        self.problems.push(
            Problem::new("graph/unknown-service", format!("there is no provider profile `{name}`"))
                .at(at.document.file(), span, "no such profile")
                .help(format!("{near}profiles: {}; a pack can bring its own under `providers/`", listed(&services))),
        );
    }

    pub(super) fn name_of(&mut self, at: At<'d>, value: Value<'d>, known: Vec<&str>, noun: &str, code: &'static str) {
        if let Some(name) = value.as_str() {
            self.known_name(at, name, value.span(), known, noun, code);
        }
    }

    fn known_name(&mut self, at: At<'d>, name: &str, span: Span, known: Vec<&str>, noun: &str, code: &'static str) {
        if known.contains(&name) {
            return;
        }
        let help = match did_you_mean(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("declare the {noun} in flowgate.yaml"),
            None => format!("declare it, or name one of: {}", listed(&known)),
        };
        self.problems.push(
            Problem::new(code, format!("there is no {noun} `{name}`")).at(at.document.file(), span, format!("no such {noun}")).help(help),
        );
    }

    fn source_contracts(&mut self, at: At<'d>, value: Value<'d>) {
        for contract in value.get("contracts").into_iter().flat_map(Value::items) {
            self.name_of(at, contract, self.graph.agreements.keys().copied().collect(), "agreement", "graph/unknown-agreement");
        }
    }

    fn step_type(&mut self, id: NodeId, value: Value<'d>) {
        let node = &self.graph.nodes[id];
        let Some(step_type) = value.get("type").filter(|_| node.kind == NodeKind::Step) else { return };
        let name = step_type.as_str().unwrap_or_default();
        let at = At { document: node.document, workflow: node.workflow };
        if name == CUSTOM {
            if value.get("outputs").is_none() {
                self.problems.push(
                    Problem::new("graph/custom-without-outputs", format!("the custom step `{}` has no `outputs`", node.id))
                        .at(node.document.file(), node.span, "nothing would leave it")
                        .help("write its effects under `outputs`, such as `default: [ { forward: \"*\" } ]`"),
                );
            }
        } else if self.graph.taxonomy.step(name).is_none() {
            let known = self.graph.taxonomy.steps().map(|(n, _)| n).chain([CUSTOM]).collect();
            self.name_of(at, step_type, known, "step type", "graph/unknown-step-type");
        }
    }

    /// Labels and classes that a node's own effects name.
    fn effects(&mut self, at: At<'d>, value: Value<'d>) {
        let mut todo: Vec<Value<'d>> = value.get("outputs").into_iter().flat_map(Value::entries).flat_map(|(_, v)| v.items()).collect();
        while let Some(effect) = todo.pop() {
            for key in ["add", "remove", "classes", "all", "any"] {
                for item in effect.get(key).into_iter().flat_map(Value::items) {
                    if item.as_str().is_some() { self.any_label(at, item) } else { todo.push(item) }
                }
            }
            for key in ["when", "keep", "not", "else"] {
                if let Some(inner) = effect.get(key) {
                    if inner.as_str().is_some() { self.any_label(at, inner) } else { todo.push(inner) }
                }
            }
        }
    }

    /// Classes and labels that a node is approved for: a misspelt one approves of nothing.
    fn accepts(&mut self, at: At<'d>, value: Value<'d>) {
        let copies = value.get("copies").into_iter().flat_map(Value::entries).map(|(_, copy)| copy);
        for name in std::iter::once(value).chain(copies).filter_map(|v| v.get("accepts")).flat_map(Value::items) {
            self.any_label(at, name);
        }
    }

    fn any_label(&mut self, at: At<'d>, value: Value<'d>) {
        let name = value.as_str().unwrap_or_default();
        if self.graph.taxonomy.find_any(name).is_none() {
            self.problems.push(
                Problem::new("graph/unknown-class", format!("there is no class or label `{name}`"))
                    .at(at.document.file(), value.span(), "not in the taxonomy")
                    .help(self.graph.taxonomy.suggest_any(name)),
            );
        }
    }

    /// Fields on flows: each must be something the node it leaves can hold.
    fn flows(&mut self, vocabulary: &Vocabulary) {
        let available = available_names(self.graph);
        let facts = vocabulary.follow(vocabulary.context("receive"), &["flow"]).unwrap_or_default();
        for (_, edge) in self.graph.edges.iter() {
            if let Some(value) = edge.value {
                self.record(At { document: edge.document, workflow: Some(edge.workflow) }, value, facts);
            }
        }
        for (_, edge) in self.graph.edges.iter() {
            self.ports(edge);
            let Selected::Named(list) = &edge.selected else { continue };
            if edge.implied {
                continue;
            }
            let names = &available[edge.from];
            for selector in list {
                if names.everything || names.forms.contains(selector.name) {
                    self.qualified(edge, selector.source, selector.span);
                } else {
                    self.no_such_field(edge, selector.name, selector.span, &names.forms);
                }
            }
        }
    }

    fn qualified(&mut self, edge: &Edge<'d>, source: Option<&str>, span: Span) {
        if let Some(source) = source.filter(|s| self.graph.find_node(Some(edge.workflow), s).is_none()) {
            self.problems.push(
                Problem::new("graph/unknown-node", format!("there is no node `{source}`"))
                    .at(edge.document.file(), span, "no such source")
                    .help("write `source.field`, or the field alone"),
            );
        }
    }

    fn no_such_field(&mut self, edge: &Edge<'d>, name: &str, span: Span, forms: &BTreeSet<&str>) {
        let from = &self.graph.nodes[edge.from].id;
        let known = forms.iter().copied().collect::<Vec<_>>();
        let help = match did_you_mean(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if name == "*" => "write `fields: \"*\"` for everything".to_owned(),
            None if known.is_empty() => format!("no flow brings anything to `{from}` yet"),
            None => format!("`{from}` can send: {}", listed(&known)),
        };
        self.problems.push(
            Problem::new("graph/unknown-field", format!("no field `{name}` leaves `{from}`"))
                .at(edge.document.file(), span, "nothing of that name is there")
                .help(help),
        );
    }

    /// What arrives at an input that no effect takes from would vanish without a word.
    fn input(&mut self, edge: &Edge<'d>) {
        let Some(names) = input_names(self.graph, edge.to).filter(|n| !n.is_empty() && !n.contains(edge.input)) else { return };
        let span = edge.value.and_then(|v| v.get("input")).map(Value::span).unwrap_or(edge.span);
        let to = &self.graph.nodes[edge.to].id;
        self.problems.push(
            Problem::new("graph/unknown-input", format!("`{to}` has no input `{}`", edge.input))
                .at(edge.document.file(), span, "none of its effects takes from there")
                .help(format!("its inputs: {}", names.into_iter().collect::<Vec<_>>().join(", "))),
        );
    }

    /// Named outputs and inputs must exist.
    fn ports(&mut self, edge: &Edge<'d>) {
        self.input(edge);
        let Some(output) = edge.output else { return };
        let names = output_names(self.graph, edge.from);
        if !names.iter().any(|n| n == output) {
            let span = edge.value.and_then(|v| v.get("output")).map(Value::span).unwrap_or(edge.span);
            let from = &self.graph.nodes[edge.from].id;
            self.problems.push(
                Problem::new("graph/unknown-output", format!("`{from}` has no output `{output}`"))
                    .at(edge.document.file(), span, "no such output")
                    .help(format!("its outputs: {}", names.join(", "))),
            );
        }
    }
}

/// A kind of node with its article.
pub(super) fn article(kind: &str) -> String {
    format!("{} {kind}", if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" })
}

/// The inputs a node's effects take from; none where one of them takes from all.
fn input_names<'g>(graph: &'g FlowGraph<'_>, node: NodeId) -> Option<BTreeSet<&'g str>> {
    let mut names = BTreeSet::new();
    for (_, effects) in outputs_of(graph, node)?.entries() {
        for inputs in effects.items().filter_map(|e| e.get("forward").or(e.get("of"))) {
            if inputs.as_str() == Some("*") {
                return None;
            }
            names.extend(inputs.items().filter_map(Value::as_str));
        }
    }
    Some(names)
}

/// Parties that are declared, or that a profile brings; not those that are only named as an operator.
fn parties<'g>(graph: &'g FlowGraph<'_>) -> Vec<&'g str> {
    graph.parties.iter().filter(|(_, p)| p.relation != UNKNOWN_RELATION).map(|(id, _)| id.as_str()).collect()
}

/// The step type whose effects the team writes out.
pub const CUSTOM: &str = "custom";

/// The effect lists of a node: its own, else those of its step type.
pub(crate) fn outputs_of<'g>(graph: &'g FlowGraph<'_>, node: NodeId) -> Option<Value<'g>> {
    let declared = &graph.nodes[node];
    let own = declared.value.filter(|_| matches!(declared.kind, NodeKind::Step | NodeKind::Endpoint)).and_then(|v| v.get("outputs"));
    own.or_else(|| {
        let step_type = declared.value.filter(|_| declared.kind == NodeKind::Step)?.get("type")?.as_str()?;
        graph.taxonomy.step(step_type)?.outputs()
    })
}

/// Names of a node's outputs.
pub(crate) fn output_names(graph: &FlowGraph<'_>, node: NodeId) -> Vec<String> {
    match outputs_of(graph, node) {
        Some(outputs) => outputs.entries().map(|(name, _)| name.to_owned()).collect(),
        None if graph.nodes[node].kind == NodeKind::Endpoint => super::ENDPOINT_OUTPUTS.iter().map(|n| (*n).to_owned()).collect(),
        None => vec![super::DEFAULT_PORT.to_owned()],
    }
}

/// The names data can have where it leaves a node.
#[derive(Clone, Default)]
struct Names<'g> {
    forms: BTreeSet<&'g str>,
    everything: bool,
}

/// For every node, the names of what can leave it: a fixpoint over names alone.
fn available_names<'g, 'd>(graph: &'g FlowGraph<'d>) -> Table<NodeId, Names<'g>> {
    let mut available: Table<NodeId, Names<'g>> = graph.nodes.iter().map(|(id, _)| emitted_names(graph, id)).collect();
    let forwards: Table<NodeId, bool> = graph.nodes.iter().map(|(id, _)| forwards(graph, id)).collect();
    let mut incoming: Vec<EdgeId> = graph.edges.ids().filter(|e| forwards[graph.edges[*e].to]).collect();
    let mut changed = true;
    while changed {
        changed = false;
        for id in &incoming {
            let edge = &graph.edges[*id];
            let from = available[edge.from].clone();
            let to = &mut available[edge.to];
            let before = (to.forms.len(), to.everything);
            match &edge.selected {
                Selected::All => {
                    to.forms.extend(from.forms);
                    to.everything |= from.everything;
                }
                // A name that is wrong here is reported here, and not again at every later flow.
                Selected::Named(list) => to.forms.extend(list.iter().map(|s| s.name)),
            }
            changed |= before != (to.forms.len(), to.everything);
        }
        incoming.reverse();
    }
    available
}

fn emitted_names<'g, 'd>(graph: &'g FlowGraph<'d>, id: NodeId) -> Names<'g> {
    let node = &graph.nodes[id];
    let mut names = Names::default();
    names.forms.extend(node.fields.iter().map(|f| graph.fields[*f].name));
    match outputs_of(graph, id) {
        Some(outputs) => {
            let effects = outputs.entries().flat_map(|(_, effects)| effects.items());
            names.forms.extend(effects.filter_map(|e| e.get("emit")?.as_str()));
        }
        None if node.kind == NodeKind::Endpoint => names.forms.extend(super::ENDPOINT_OUTPUTS),
        None => {}
    }
    names
}

fn forwards(graph: &FlowGraph<'_>, id: NodeId) -> bool {
    match outputs_of(graph, id) {
        Some(outputs) => outputs.entries().flat_map(|(_, effects)| effects.items()).any(|e| e.get("forward").is_some()),
        None => graph.nodes[id].kind != NodeKind::Endpoint,
    }
}
