//! The flow graph in names: nodes by kind and trust zone, what crosses each flow with its labels, and which flows and nodes break which rules.
//! What a diagram is drawn from; never decides how.

use std::collections::{BTreeMap, BTreeSet};

use super::Sources;
use crate::declare::NodeKind;
use crate::finding::{Finding, SubjectNames, shown};
use crate::graph::{EdgeId, FlowGraph, NodeId, UNKNOWN_RELATION};
use crate::judge::Severity;
use crate::packs::{LabelId, LabelKind};
use crate::problem::{Place, Span};
use crate::propagate::Propagation;

/// The graph.
#[derive(Clone, Debug, Default)]
pub struct Diagram {
    /// Nodes in order of workflow and id, shared ones first.
    pub nodes: Vec<Node>,
    /// Flows in order of workflow, ends and fields.
    pub flows: Vec<Flow>,
}

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Unique in the diagram: `workflow/id`, or the id alone for a shared node.
    pub key: String,
    /// Its id; a copy is `node.copy`.
    pub id: String,
    /// `source`, `step`, `endpoint`, `store`, `log`, `output`, `reviewer`.
    pub kind: NodeKind,
    /// The workflow that declares it; none for a shared node.
    pub workflow: Option<String>,
    /// Workflows it takes part in.
    pub workflows: Vec<String>,
    /// The party that runs it; none where nobody says.
    pub operator: Option<String>,
    /// That party's relation to the project: `self`, `processor` …; `unknown` where nobody says.
    pub relation: String,
    /// Run by the project itself: inside its own trust zone.
    pub is_self: bool,
    /// The hosted service, as `vendor/service`.
    pub service: Option<String>,
    /// The type of a step.
    pub step_type: Option<String>,
    /// What a step declares to remove, as written.
    pub removes: Vec<String>,
    /// Nobody wrote it as a node of its own: a copy, or what a provider keeps.
    pub implied: bool,
    /// Fields of a source with their classes.
    pub fields: Vec<(String, Vec<String>)>,
    /// Where it is declared, or what implies it.
    pub place: Place,
    /// Rules it breaks, the strongest first.
    pub marks: Vec<Mark>,
}

/// A flow.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Key of the node it leaves.
    pub from: String,
    /// Key of the node it enters.
    pub to: String,
    /// The workflow whose flow it is.
    pub workflow: String,
    /// A copy, not a declared flow.
    pub implied: bool,
    /// What crosses, by name and form.
    pub data: Vec<Datum>,
    /// The entry under `flows`, or what implies it.
    pub place: Place,
    /// Rules it breaks, the strongest first.
    pub marks: Vec<Mark>,
}

/// A datum on a flow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Datum {
    /// `source.field`.
    pub name: String,
    /// The name it travels under here: `note`, `prompt`, `completion` …
    pub form: String,
    /// Its surface.
    pub surface: String,
    /// One entry for each way it can have come, sorted.
    pub variants: Vec<LabelSetNames>,
}

/// One possible label set of a datum, in names, the most specific only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabelSetNames {
    /// What it is: classes.
    pub classes: Vec<String>,
    /// What it is held as or has become: earned labels.
    pub labels: Vec<String>,
}

/// A broken rule at a flow or node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The rule.
    pub rule: String,
    /// Its severity here.
    pub severity: Severity,
    /// A fact it needs is missing; else the facts break it.
    pub undeclared: bool,
    /// The finding.
    pub fingerprint: String,
}

impl Diagram {
    pub(super) fn of(sources: &Sources<'_, '_, '_>) -> Self {
        let (graph, propagation) = (sources.base.graph, sources.propagation);
        let nodes = graph.nodes.ids().map(|id| node(graph, id, sources.findings)).collect();
        let mut flows: Vec<(Vec<String>, Flow)> = graph
            .edges
            .ids()
            .map(|id| {
                let flow = flow(graph, propagation, id, sources.findings);
                let names = flow.data.iter().map(|d| format!("{}/{}", d.name, d.form));
                let key = [flow.workflow.clone(), flow.from.clone(), flow.to.clone()].into_iter().chain(names).collect();
                (key, flow)
            })
            .collect();
        flows.sort_by(|a, b| a.0.cmp(&b.0));
        Self { nodes, flows: flows.into_iter().map(|(_, flow)| flow).collect() }
    }

    /// The part that one workflow takes part in: its flows and the nodes they touch.
    #[must_use]
    pub fn of_workflow(&self, workflow: &str) -> Self {
        self.of_workflows(&[workflow])
    }

    /// The part that some workflows take part in: their flows, their nodes and those that the flows touch.
    #[must_use]
    pub fn of_workflows(&self, workflows: &[&str]) -> Self {
        let flows: Vec<Flow> = self.flows.iter().filter(|f| workflows.contains(&f.workflow.as_str())).cloned().collect();
        let touched: BTreeSet<&str> = flows.iter().flat_map(|f| [f.from.as_str(), f.to.as_str()]).collect();
        let part = |n: &&Node| n.workflow.as_deref().is_some_and(|w| workflows.contains(&w)) || touched.contains(n.key.as_str());
        let nodes = self.nodes.iter().filter(part).cloned().collect();
        Self { nodes, flows }
    }

    /// The workflows, sorted.
    #[must_use]
    pub fn workflows(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.nodes.iter().flat_map(|n| n.workflows.iter().map(String::as_str)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

fn node_key(graph: &FlowGraph<'_>, id: NodeId) -> String {
    let node = &graph.nodes[id];
    node.workflow.map_or_else(|| node.id.clone(), |w| format!("{}/{}", graph.workflows[w].id, node.id))
}

fn node(graph: &FlowGraph<'_>, id: NodeId, findings: &[Finding]) -> Node {
    let node = &graph.nodes[id];
    let operator = graph.operator(id);
    let own = node.value.filter(|_| node.kind == NodeKind::Step);
    let workflows: Vec<String> = graph.workflows_of(id).into_iter().map(|w| graph.workflows[w].id.to_owned()).collect();
    let about = |f: &&Finding| {
        let here = f.workflow.as_ref().is_none_or(|w| workflows.contains(w));
        here && (f.subject == SubjectNames::Node(node.id.clone())
            || (matches!(f.subject, SubjectNames::Node(_)) && f.repeats.contains(&node.id))
            || f.undeclared.iter().any(|u| u.holder == node.id))
    };
    let name = |class: &LabelId| graph.taxonomy.entry(*class).name.clone();
    Node {
        key: node_key(graph, id),
        id: node.id.clone(),
        kind: node.kind,
        workflow: node.workflow.map(|w| graph.workflows[w].id.to_owned()),
        operator: operator.map(str::to_owned),
        relation: operator.and_then(|o| graph.parties.get(o)).map_or(UNKNOWN_RELATION, |p| p.relation).to_owned(),
        is_self: graph.is_self_run(id),
        service: node.profile.map(|p| p.service.clone()).or_else(|| graph.text_fact(id, "service").map(str::to_owned)),
        step_type: own.and_then(|v| v.get("type")?.as_str()).map(str::to_owned),
        removes: own
            .and_then(|v| v.get("removes"))
            .into_iter()
            .flat_map(|v| v.items())
            .filter_map(|v| Some(v.as_str()?.to_owned()))
            .collect(),
        implied: node.implied(),
        fields: node
            .fields
            .iter()
            .map(|f| (graph.fields[*f].name.to_owned(), graph.fields[*f].classes.iter().map(name).collect()))
            .collect(),
        place: Place::new(node.document.file(), node.span, ""),
        marks: marks(findings.iter().filter(about)),
        workflows,
    }
}

fn flow(graph: &FlowGraph<'_>, propagation: &Propagation<'_, '_>, id: EdgeId, findings: &[Finding]) -> Flow {
    let edge = &graph.edges[id];
    let workflow = graph.workflows[edge.workflow].id;
    let (from, to) = (&graph.nodes[edge.from].id, &graph.nodes[edge.to].id);
    let subject = SubjectNames::Flow { from: from.clone(), to: to.clone(), implied: edge.implied };
    let same = |place: &Place, span: Span| place.file.name == edge.document.file().name && place.span == span;
    let about = |f: &&Finding| {
        if f.workflow.as_deref() != Some(workflow) {
            return false;
        }
        let own = f.subject == subject && same(&f.primary, edge.span);
        // What a copy repeats is folded into the flow that filled it.
        own || (edge.implied && f.repeats.contains(to) && matches!(&f.subject, SubjectNames::Flow { to, .. } if to == from))
    };
    let mut data: BTreeMap<(String, String, String), Vec<LabelSetNames>> = BTreeMap::new();
    for (item, variants) in &propagation.edges[id] {
        let form = propagation.forms[propagation.items[*item].form].clone();
        let of = data.entry((propagation.datum_name(*item), form, propagation.surface(*item).to_owned())).or_default();
        for variant in variants {
            let set = &propagation.sets[variant.may];
            let earned = |id: &LabelId| graph.taxonomy.entry(*id).kind == LabelKind::Label;
            let (labels, classes): (Vec<LabelId>, Vec<LabelId>) = set.iter().partition(earned);
            of.push(LabelSetNames {
                classes: shown(&graph.taxonomy, &classes.into_iter().collect()),
                labels: shown(&graph.taxonomy, &labels.into_iter().collect()),
            });
        }
    }
    let datum = |((name, form, surface), mut variants): ((String, String, String), Vec<LabelSetNames>)| {
        variants.sort();
        variants.dedup();
        Datum { name, form, surface, variants }
    };
    Flow {
        from: node_key(graph, edge.from),
        to: node_key(graph, edge.to),
        workflow: workflow.to_owned(),
        implied: edge.implied,
        data: data.into_iter().map(datum).collect(),
        place: Place::new(edge.document.file(), edge.span, ""),
        marks: marks(findings.iter().filter(about)),
    }
}

fn marks<'f>(findings: impl Iterator<Item = &'f Finding>) -> Vec<Mark> {
    let mark = |f: &Finding| Mark {
        rule: f.rule.clone(),
        severity: f.severity,
        undeclared: !f.undeclared.is_empty(),
        fingerprint: f.fingerprint.clone(),
    };
    let mut marks: Vec<Mark> = findings.map(mark).collect();
    marks.sort_by(|a, b| {
        (std::cmp::Reverse(a.severity), &a.rule, &a.fingerprint).cmp(&(std::cmp::Reverse(b.severity), &b.rule, &b.fingerprint))
    });
    marks
}
