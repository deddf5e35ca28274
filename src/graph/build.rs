//! Builds the graph: nodes, their copies, flows, names resolved.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::graph::DiGraph;

use super::{
    DEFAULT_PORT, Edge, Field, FlowGraph, Node, NodeId, Party, Remembered, Selected, Selector, UNKNOWN_RELATION, Workflow, WorkflowId,
    references,
};
use crate::declare::{Declarations, Declared, NodeKind};
use crate::load::{Document, Value};
use crate::packs::{LabelId, LabelKind, Library};
use crate::problem::{Problem, Span, did_you_mean, listed};
use crate::table::Table;
use crate::vocabulary::Vocabulary;

/// Builds the graph of a project. What does not resolve becomes problems, and the rest of the graph stands.
#[must_use]
pub fn build<'d>(declarations: Declarations<'d>, library: &'d Library, vocabulary: &Vocabulary) -> (FlowGraph<'d>, Vec<Problem>) {
    let mut builder = Builder {
        library,
        problems: Vec::new(),
        ends: None,
        graph: FlowGraph {
            nodes: Table::default(),
            edges: Table::default(),
            workflows: Table::default(),
            fields: Table::default(),
            parties: BTreeMap::new(),
            people: BTreeMap::new(),
            agreements: BTreeMap::new(),
            taxonomy: crate::packs::Taxonomy::clone(&library.taxonomy),
            declarations,
            graph: DiGraph::new(),
            shared: BTreeMap::new(),
            leaving: Table::default(),
            entering: Table::default(),
            flows_of: Table::default(),
            remembered: Remembered::default(),
        },
    };
    builder.read_project();
    builder.read_workflows();
    builder.link_nodes();
    builder.read_fields();
    builder.add_copies();
    builder.read_flows();
    builder.index();
    let Builder { mut graph, mut problems, .. } = builder;
    graph.remember();
    references::check(&graph, library, vocabulary, &mut problems);
    (graph, problems)
}

struct Builder<'d> {
    library: &'d Library,
    problems: Vec<Problem>,
    graph: FlowGraph<'d>,
    /// Which workflows have a flow into each name, and which out of it; read when it is first asked for.
    ends: Option<[BTreeMap<&'d str, BTreeSet<WorkflowId>>; 2]>,
}

impl<'d> Builder<'d> {
    fn read_project(&mut self) {
        let Some(document) = self.graph.declarations.project else { return };
        let section = |key: &str| document.root().get(key).into_iter().flat_map(Value::entries);
        for (id, value) in section("parties") {
            let relation = value.get("relation").and_then(Value::as_str).unwrap_or(UNKNOWN_RELATION);
            self.graph.parties.insert(id.to_owned(), Party { declared: Some(Declared { document, value }), relation });
        }
        for (id, value) in section("people") {
            self.graph.people.insert(id, Declared { document, value });
        }
        for (id, value) in section("agreements") {
            self.graph.agreements.insert(id, Declared { document, value });
        }
        let mut shared = BTreeMap::new();
        self.read_nodes(None, document, &mut shared);
        self.graph.shared = shared;
    }

    fn read_workflows(&mut self) {
        let mut documents: Vec<(&'d str, &'d Document)> = Vec::new();
        for document in self.graph.declarations.workflows.clone() {
            if let Some(id) = document.root().get("workflow").and_then(Value::as_str) {
                documents.push((id, document));
            }
        }
        documents.sort_by(|a, b| (a.0, &a.1.file().name).cmp(&(b.0, &b.1.file().name)));
        let mut previous: Option<(&str, &Document)> = None;
        for (id, document) in documents {
            let key = document.root().get("workflow").map(Value::span).unwrap_or_default();
            if let Some((_, first)) = previous.filter(|(p, _)| *p == id) {
                let first_key = first.root().get("workflow").map(Value::span).unwrap_or_default();
                self.problems.push(
                    Problem::new("graph/duplicate-workflow", format!("two files declare the workflow `{id}`"))
                        .at(document.file(), key, "declared again here")
                        .at(first.file(), first_key, "first declared here")
                        .help("rename one of them; a workflow is one file"),
                );
                continue;
            }
            previous = Some((id, document));
            let workflow = self.graph.workflows.push(Workflow { id, document, nodes: BTreeMap::new() });
            let mut nodes = BTreeMap::new();
            self.read_nodes(Some(workflow), document, &mut nodes);
            self.graph.workflows[workflow].nodes = nodes;
            for case in (Declared { document, value: document.root() }).texts("case_types") {
                self.graph.taxonomy.add_case(case);
            }
        }
    }

    fn read_nodes(&mut self, workflow: Option<WorkflowId>, document: &'d Document, known: &mut BTreeMap<String, NodeId>) {
        let mut found: Vec<(&'d str, NodeKind, Value<'d>)> = Vec::new();
        for kind in NodeKind::ALL {
            let section = document.root().get(kind.section());
            found.extend(section.into_iter().flat_map(Value::entries).map(|(id, value)| (id, kind, value)));
        }
        found.sort_by_key(|(id, kind, value)| (*id, *kind, value.span()));
        for (id, kind, value) in found {
            let span = value.key_span().unwrap_or(value.span());
            let shared = workflow.and_then(|_| self.graph.find_node(None, id));
            if let Some(first) = known.get(id).copied().or(shared) {
                let first = &self.graph.nodes[first];
                self.problems.push(
                    Problem::new("graph/duplicate-node", format!("the node `{id}` is declared twice"))
                        .at(document.file(), span, "declared again here")
                        .at(first.document.file(), first.span, "first declared here")
                        .help("rename one of them, or keep one and let both uses name it"),
                );
                continue;
            }
            let node = Node {
                id: id.to_owned(),
                kind,
                workflow,
                document,
                value: Some(value),
                span,
                copy_of: None,
                copy_facts: None,
                profile: None,
                host: None,
                fields: Vec::new(),
            };
            known.insert(id.to_owned(), self.graph.nodes.push(node));
        }
    }

    /// Resolves what facts depend on: provider profiles and hosts.
    fn link_nodes(&mut self) {
        for id in self.graph.nodes.ids().collect::<Vec<_>>() {
            let node = &self.graph.nodes[id];
            let (document, workflow) = (node.document, node.workflow);
            if let Some(host) = node.value.and_then(|v| v.get("host")) {
                let name = host.as_str().unwrap_or_default();
                match self.graph.find_node(workflow, name) {
                    Some(found) if found != id => self.graph.nodes[id].host = Some(found),
                    // A host that is the node itself is reported as a contradiction.
                    Some(_) => {}
                    None => self.unknown_node(workflow, document, name, host.span()),
                }
            }
            // An operator nobody declares is reported with all other references; here it is somebody outside, so that what is not known does not pass.
            if let Some(operator) = self.graph.text_fact(id, "operator").filter(|o| *o != "self") {
                self.graph.parties.entry(operator.to_owned()).or_insert(Party { declared: None, relation: UNKNOWN_RELATION });
            }
            let service = self.graph.fact(id, "service").value();
            if let Some(service) = service.filter(|_| self.graph.nodes[id].kind == NodeKind::Endpoint) {
                match self.library.providers.get(service.as_str().unwrap_or_default()) {
                    Ok(Some(profile)) => {
                        self.graph.nodes[id].profile = Some(profile);
                        self.add_vendor(profile.vendor());
                    }
                    // An unknown service is reported with all other references.
                    Ok(None) => {}
                    Err(problem) => self.problems.push(problem.clone()),
                }
            }
        }
    }

    /// The vendor of a profile is a processor even where the project does not list it.
    fn add_vendor(&mut self, vendor: Option<&'d str>) {
        if let Some(vendor) = vendor.filter(|v| *v != "self") {
            let party = self.graph.parties.entry(vendor.to_owned()).or_insert(Party { declared: None, relation: UNKNOWN_RELATION });
            if party.declared.is_none() {
                party.relation = "processor";
            }
        }
    }

    fn read_fields(&mut self) {
        for id in self.graph.nodes.ids().collect::<Vec<_>>() {
            let node = &self.graph.nodes[id];
            let (document, source) = (node.document, node.id.clone());
            let Some(value) = node.value.filter(|_| node.kind == NodeKind::Source) else { continue };
            let mut fields: Vec<(&'d str, Value<'d>)> = value.get("fields").into_iter().flat_map(Value::entries).collect();
            fields.sort_by_key(|(name, _)| *name);
            let of_source = Declared { document, value };
            for (name, value) in fields {
                let own = Declared { document, value };
                let stated = value.get("class").unwrap_or(value);
                let classified = stated.as_str().is_some() || stated.items().next().is_some();
                let classes = self.classes(document, stated);
                let mut surfaces: Vec<&str> = own.texts("surfaces").collect();
                if surfaces.is_empty() {
                    surfaces = of_source.texts("surfaces").collect();
                }
                if surfaces.is_empty() {
                    surfaces.push("body");
                }
                surfaces.sort_unstable();
                surfaces.dedup();
                let scanned = self.scanned(document, value.get("scan").or(of_source.value.get("scan")));
                let field = Field {
                    node: id,
                    name,
                    id: format!("{source}.{name}"),
                    value,
                    classes,
                    classified,
                    free_text: value.get("free_text").and_then(Value::as_bool).unwrap_or(false),
                    surfaces,
                    scanned,
                };
                let field = self.graph.fields.push(field);
                self.graph.nodes[id].fields.push(field);
            }
        }
    }

    /// Classes named by one text or a list of them.
    fn classes(&mut self, document: &'d Document, value: Value<'d>) -> Vec<LabelId> {
        let named: Vec<Value<'d>> = if value.as_str().is_some() { vec![value] } else { value.items().collect() };
        let mut classes = Vec::new();
        for value in named {
            let Some(name) = value.as_str() else { continue };
            match self.graph.taxonomy.find(LabelKind::Class, name) {
                Some(class) => classes.push(class),
                None => self.problems.push(
                    Problem::new("graph/unknown-class", format!("there is no class `{name}`"))
                        .at(document.file(), value.span(), "not in the taxonomy")
                        .help(self.graph.taxonomy.suggest(LabelKind::Class, name)),
                ),
            }
        }
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    fn scanned(&mut self, document: &'d Document, scan: Option<Value<'d>>) -> Vec<LabelId> {
        match scan {
            Some(scan) if scan.get("result").and_then(Value::as_str) == Some("clean") => {
                scan.get("covers").map(|covers| self.classes(document, covers)).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// Adds the copies nodes declare and those their provider keeps, with the flows that fill them.
    fn add_copies(&mut self) {
        for of in self.graph.nodes.ids().collect::<Vec<_>>() {
            let node = &self.graph.nodes[of];
            let declared = node.value.and_then(|v| v.get("copies")).into_iter().flat_map(Value::entries);
            let provided = node.profile.and_then(|p| p.root().get("copies")).into_iter().flat_map(Value::entries);
            // A team may speak about a copy the provider keeps: both descriptions then stand, the team's first.
            let mut copies: BTreeMap<&'d str, (Option<Value<'d>>, Option<Value<'d>>)> = BTreeMap::new();
            for (name, value) in declared {
                copies.entry(name).or_default().0 = Some(value);
            }
            for (name, value) in provided {
                copies.entry(name).or_default().1 = Some(value);
            }
            for (name, (own, provided)) in copies {
                self.add_copy(of, name, own, provided);
            }
        }
    }

    fn add_copy(&mut self, of: NodeId, name: &str, own: Option<Value<'d>>, provided: Option<Value<'d>>) {
        let node = &self.graph.nodes[of];
        let kind = own.and_then(|v| v.get("kind")).or(provided.and_then(|v| v.get("kind")));
        let kind = if kind.and_then(Value::as_str) == Some("log") { NodeKind::Log } else { NodeKind::Store };
        let copy = Node {
            id: format!("{}.{name}", node.id),
            kind,
            workflow: node.workflow,
            document: node.document,
            value: own,
            span: own.and_then(Value::key_span).unwrap_or(node.span),
            copy_of: Some(of),
            copy_facts: provided.and_then(|v| v.get("facts")),
            profile: None,
            host: None,
            fields: Vec::new(),
        };
        let (document, span, workflow) = (copy.document, copy.span, copy.workflow);
        let id = copy.id.clone();
        let copy = self.graph.nodes.push(copy);
        match workflow {
            Some(workflow) => self.graph.workflows[workflow].nodes.insert(id, copy),
            None => self.graph.shared.insert(id, copy),
        };
        // An endpoint with outputs of its own may send nothing under the profile's names; then a copy gets all there is.
        let plain = self.graph.nodes[of].value.is_none_or(|v| v.get("outputs").is_none());
        let receives = provided
            .and_then(|v| v.get("receives"))
            .filter(|_| plain)
            .map(|r| Selected::Named(r.items().filter_map(|v| Some(Selector { source: None, name: v.as_str()?, span })).collect()));
        // A shared node's copies are filled by every workflow that fills the node, and judged in each.
        let workflows = workflow.map_or_else(|| self.users(of), |w| vec![w]);
        for workflow in workflows {
            self.graph.edges.push(Edge {
                from: of,
                to: copy,
                workflow,
                document,
                value: None,
                span,
                selected: receives.clone().unwrap_or(Selected::All),
                output: None,
                input: DEFAULT_PORT,
                case_types: None,
                implied: true,
            });
        }
    }

    /// The workflows with a flow into a node; where there is none, those with a flow out of it.
    fn users(&mut self, node: NodeId) -> Vec<WorkflowId> {
        let graph = &self.graph;
        let ends = self.ends.get_or_insert_with(|| {
            let mut ends: [BTreeMap<&'d str, BTreeSet<WorkflowId>>; 2] = Default::default();
            for (id, workflow) in graph.workflows.iter() {
                for flow in workflow.document.root().get("flows").into_iter().flat_map(Value::items) {
                    for (named, key) in ends.iter_mut().zip(["to", "from"]) {
                        if let Some(name) = flow.get(key).and_then(Value::as_str) {
                            named.entry(name).or_default().insert(id);
                        }
                    }
                }
            }
            ends
        });
        let name = graph.nodes[node].id.as_str();
        ends.iter().find_map(|named| named.get(name)).into_iter().flatten().copied().collect()
    }

    fn read_flows(&mut self) {
        for workflow in self.graph.workflows.ids().collect::<Vec<_>>() {
            let document = self.graph.workflows[workflow].document;
            for value in document.root().get("flows").into_iter().flat_map(Value::items) {
                self.read_flow(workflow, document, value);
            }
        }
        self.sort_edges();
    }

    fn read_flow(&mut self, workflow: WorkflowId, document: &'d Document, value: Value<'d>) {
        let end = |builder: &mut Self, key: &str| {
            let name = value.get(key)?;
            let text = name.as_str()?;
            let found = builder.graph.find_node(Some(workflow), text);
            if found.is_none() {
                builder.unknown_node(Some(workflow), document, text, name.span());
            }
            found
        };
        // Both ends are looked up before either is given up, so that both errors show.
        let (from, to) = (end(self, "from"), end(self, "to"));
        let (Some(from), Some(to)) = (from, to) else { return };
        let selected = match value.get("fields") {
            Some(fields) if fields.as_str() == Some("*") => Selected::All,
            Some(fields) => Selected::Named(fields.items().filter_map(selector).collect()),
            None => Selected::Named(Vec::new()),
        };
        let case_types = value.get("case_types").map(|cases| self.cases(workflow, document, cases));
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        self.graph.edges.push(Edge {
            from,
            to,
            workflow,
            document,
            value: Some(value),
            span: value.span(),
            selected,
            output: text("output"),
            input: text("input").unwrap_or(DEFAULT_PORT),
            case_types,
            implied: false,
        });
    }

    fn cases(&mut self, workflow: WorkflowId, document: &'d Document, cases: Value<'d>) -> Vec<LabelId> {
        let known: Vec<&str> = (Declared { document, value: self.graph.workflows[workflow].document.root() }).texts("case_types").collect();
        let mut ids = Vec::new();
        for case in cases.items() {
            let name = case.as_str().unwrap_or_default();
            if known.contains(&name) {
                ids.push(self.graph.taxonomy.add_case(name));
            } else {
                let near = did_you_mean(name, known.iter().copied()).map(|n| format!("did you mean `{n}`? ")).unwrap_or_default();
                self.problems.push(
                    Problem::new("graph/unknown-case-type", format!("the workflow has no case type `{name}`"))
                        .at(document.file(), case.span(), "not among its `case_types`")
                        .help(format!("{near}add it to `case_types` of the workflow, or name one of: {}", known.join(", "))),
                );
            }
        }
        ids
    }

    fn unknown_node(&mut self, workflow: Option<WorkflowId>, document: &'d Document, name: &str, span: Span) {
        let nodes = self.graph.nodes.rows().iter().filter(|n| n.workflow.is_none() || n.workflow == workflow);
        let names: Vec<&str> = nodes.map(|n| n.id.as_str()).collect();
        let help = match did_you_mean(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => "declare it".to_owned(),
            None => format!("declare it, or name one of: {}", listed(&names)),
        };
        self.problems.push(
            Problem::new("graph/unknown-node", format!("there is no node `{name}`"))
                .at(document.file(), span, "declared neither here nor in the project file")
                .help(help),
        );
    }

    /// Puts edges in an order made of names, so that reordering a file changes nothing.
    fn sort_edges(&mut self) {
        let edges = std::mem::take(&mut self.graph.edges);
        let mut rows: Vec<Edge<'d>> = edges.into_rows();
        let graph = &self.graph;
        rows.sort_by_cached_key(|edge| {
            let mut names: Vec<(Option<&str>, &str)> = match &edge.selected {
                Selected::All => Vec::new(),
                Selected::Named(list) => list.iter().map(|s| (s.source, s.name)).collect(),
            };
            names.sort_unstable();
            let facts = edge.value.map(|v| canonical(&v.to_json())).unwrap_or_default();
            let ends = (graph.nodes[edge.from].id.clone(), graph.nodes[edge.to].id.clone());
            (edge.workflow, ends, edge.implied, names, edge.output, edge.input, facts)
        });
        self.graph.edges = rows.into_iter().collect();
    }

    fn index(&mut self) {
        let mut indices = Vec::new();
        let mut graph = DiGraph::with_capacity(self.graph.nodes.len(), self.graph.edges.len());
        for id in self.graph.nodes.ids() {
            indices.push(graph.add_node(id));
        }
        for (id, edge) in self.graph.edges.iter() {
            if let (Some(from), Some(to)) = (indices.get(edge.from.0 as usize), indices.get(edge.to.0 as usize)) {
                graph.add_edge(*from, *to, id);
            }
        }
        self.graph.graph = graph;
        self.graph.leaving = self.graph.nodes.ids().map(|_| Vec::new()).collect();
        self.graph.entering = self.graph.nodes.ids().map(|_| Vec::new()).collect();
        self.graph.flows_of = self.graph.workflows.ids().map(|_| Vec::new()).collect();
        for (id, edge) in self.graph.edges.iter() {
            self.graph.leaving[edge.from].push(id);
            self.graph.entering[edge.to].push(id);
            self.graph.flows_of[edge.workflow].push(id);
        }
    }
}

/// JSON text with keys and lists in order, so that two spellings of one flow sort alike.
fn canonical(json: &serde_json::Value) -> String {
    match json {
        serde_json::Value::Object(map) => {
            let sorted: BTreeMap<&String, String> = map.iter().map(|(k, v)| (k, canonical(v))).collect();
            format!("{sorted:?}")
        }
        serde_json::Value::Array(items) => {
            let mut items: Vec<String> = items.iter().map(canonical).collect();
            items.sort();
            format!("{items:?}")
        }
        other => other.to_string(),
    }
}

fn selector(value: Value<'_>) -> Option<Selector<'_>> {
    let text = value.as_str()?;
    let (source, name) = match text.split_once('.') {
        Some((source, name)) => (Some(source), name),
        None => (None, text),
    };
    Some(Selector { source, name, span: value.span() })
}
