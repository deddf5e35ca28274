//! Runs the engine on a project made of text, and puts what it found into the oracle's words.

use std::collections::{BTreeMap, BTreeSet};

use flowgate::declare::Declarations;
use flowgate::facts::{Environment, FactBase};
use flowgate::graph::{EdgeId, FlowGraph, NodeId, build};
use flowgate::judge::{Judge, Policies, with_room};
use flowgate::load::{Document, Format, Limits};
use flowgate::packs::{LabelKind, LabelSet, Library};
use flowgate::propagate::{ItemId, Labelling, Propagation, Variant, propagate};
use flowgate::vocabulary::Vocabulary;
use jiff::civil::date;
use serde_json::Value as Json;

use super::declarations::{Lexicon, Model, Name, Set};
use super::evaluate::Datum;

/// A project as text.
#[derive(Clone, Debug)]
pub struct Texts {
    pub project: String,
    pub workflows: Vec<String>,
}

/// The packs a run judges by, loaded once for many projects.
pub struct Packs {
    pub library: Library,
    pub policies: Policies,
}

impl Packs {
    pub fn load(selection: &flowgate::packs::Selection) -> Self {
        let (library, mut problems) = Library::load(selection);
        let policies = with_room(|| Policies::load(&library, Vocabulary::load().unwrap(), None, &mut problems)).unwrap().unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        Self { library, policies }
    }
}

/// What the engine made of a project.
pub struct Engine<'e, 'g, 'd> {
    pub graph: &'g FlowGraph<'d>,
    pub base: &'e FactBase<'g, 'd>,
    pub judge: &'e Judge<'e, 'g, 'd>,
    /// Without the labels that depend on what leaves a step.
    pub first: &'e Propagation<'g, 'd>,
    /// The engine's flow behind each of the model's.
    pub edges: &'e [EdgeId],
    /// The engine's node behind each key.
    pub nodes: &'e BTreeMap<String, NodeId>,
    pub propagation: Propagation<'g, 'd>,
    labelling: Labelling,
}

/// Runs the engine; names that do not resolve give an error instead.
pub fn run<T>(
    texts: &Texts,
    packs: &Packs,
    cap: usize,
    look: impl FnOnce(&Model, Engine<'_, '_, '_>) -> T,
    lexicon: &Lexicon,
) -> Result<T, String> {
    let parse = |name: String, text: &str| {
        Document::parse(&name, text.as_bytes().to_vec(), Format::Yaml, &Limits::default()).map_err(|p| p.to_string())
    };
    let project = parse("flowgate.yaml".to_owned(), &texts.project)?;
    let workflows: Result<Vec<Document>, String> =
        texts.workflows.iter().enumerate().map(|(n, t)| parse(format!("{n}.flow.yaml"), t)).collect();
    let workflows = workflows?;
    let declarations = Declarations { project: Some(&project), workflows: workflows.iter().collect(), waivers: None };
    let (graph, problems) = build(declarations, &packs.library, Vocabulary::load().unwrap());
    if let Some(problem) = problems.first() {
        return Err(format!("{} {}", problem.code, problem.message));
    }
    let environment = Environment { as_of: date(2026, 7, 1), files: BTreeSet::new(), hashes: BTreeMap::new() };
    let base = FactBase::new(&graph, Vocabulary::load().unwrap(), &packs.policies.mentioned, &environment);
    let limits = Limits::default();
    let judge = Judge { base: &base, policies: &packs.policies, slicing: true, coverage: false, limits: &limits };
    let (mut labelling, mut problems) = judge.labels(None, cap);
    let first = propagate(&graph, &labelling);
    if judge.labels_need_propagation() {
        let (late, more) = judge.labels(Some(&first), cap);
        labelling = late;
        problems.extend(more);
    }
    assert!(problems.is_empty(), "{problems:?}");
    let propagation = propagate(&graph, &labelling);
    let json: Vec<Json> = workflows.iter().map(|w| w.root().to_json()).collect();
    let model = Model::read(lexicon, project.root().to_json(), json);
    let nodes: BTreeMap<String, NodeId> = graph.nodes.ids().map(|n| (node_key(&graph, n), n)).collect();
    let edges = edges(&graph, &model);
    assert_eq!(nodes.keys().collect::<Vec<_>>(), model.nodes.keys().collect::<Vec<_>>(), "the engine's nodes and the oracle's");
    let engine = Engine { graph: &graph, base: &base, judge: &judge, first: &first, edges: &edges, nodes: &nodes, propagation, labelling };
    Ok(look(&model, engine))
}

fn node_key(graph: &FlowGraph<'_>, node: NodeId) -> String {
    let node = &graph.nodes[node];
    format!("{}/{}", node.workflow.map_or("", |w| graph.workflows[w].id), node.id)
}

/// The engine's flow behind each of the model's.
fn edges(graph: &FlowGraph<'_>, model: &Model) -> Vec<EdgeId> {
    let mut known: BTreeMap<(&str, Option<usize>, String, String), EdgeId> = BTreeMap::new();
    for (id, edge) in graph.edges.iter() {
        let flows = edge.document.root().get("flows").into_iter().flat_map(flowgate::load::Value::items);
        let place = edge.value.map(|v| flows.map(|f| f.span()).position(|s| s == v.span()).unwrap());
        known.insert((graph.workflows[edge.workflow].id, place, node_key(graph, edge.from), node_key(graph, edge.to)), id);
    }
    assert_eq!(known.len(), model.flows.len(), "the engine's flows and the oracle's");
    let of = |f: &super::declarations::Flow| known.get(&(f.workflow.as_str(), f.place, f.from.clone(), f.to.clone())).copied();
    model.flows.iter().map(|f| of(f).unwrap_or_else(|| panic!("the engine has no flow {} > {}", f.from, f.to))).collect()
}

/// A datum's variants as the oracle has them, exact ones only.
pub type Seen = BTreeMap<Datum, Vec<(Set, Set)>>;

impl<'g, 'd> Engine<'_, 'g, 'd> {
    /// The same labels, carried with another cap.
    pub fn widened(&self, cap: usize) -> Propagation<'g, 'd> {
        propagate(self.graph, &Labelling { cap, ..self.labelling.clone() })
    }

    pub fn set(&self, set: &LabelSet) -> Set {
        set.iter()
            .map(|id| self.graph.taxonomy.entry(id))
            .map(|e| match e.kind {
                LabelKind::Class => Name::from(e.name.as_str()),
                LabelKind::Label => format!("#{}", e.name).into(),
                LabelKind::Case => format!("@{}", e.name).into(),
            })
            .collect()
    }

    pub fn datum(&self, propagation: &Propagation<'_, '_>, item: ItemId) -> Datum {
        let item = propagation.items[item];
        let origin = &propagation.origins[item.origin];
        Datum {
            node: node_key(self.graph, origin.node),
            name: origin.name.clone(),
            surface: origin.surface.clone(),
            form: propagation.forms[item.form].clone(),
        }
    }

    /// What is at a place, each variant as what it surely and what it possibly carries.
    pub fn seen(&self, propagation: &Propagation<'_, '_>, variants: &flowgate::propagate::Variants) -> Seen {
        let sets = |v: &Variant| (self.set(&propagation.sets[v.must]), self.set(&propagation.sets[v.may]));
        variants.iter().map(|(item, list)| (self.datum(propagation, *item), list.iter().map(sets).collect())).collect()
    }
}
