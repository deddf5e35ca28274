//! Turns declarations and provider profiles into one flow graph with all names resolved; dangling references are reported here and nowhere
//! else. Never knows what a class means.

mod build;
mod contradictions;
mod facts;
mod papers;
mod references;
mod size;

use std::collections::BTreeMap;

use jiff::civil::Date;
use petgraph::graph::DiGraph;

use crate::declare::{Declarations, Declared, NodeKind};
use crate::ids;
use crate::load::{Document, Value};
use crate::packs::{LabelId, Profile, Taxonomy};
use crate::problem::{Problem, Span};
use crate::table::Table;

pub use self::build::build;
use self::facts::Remembered;
pub use self::facts::{Fact, FactSource};
pub(crate) use self::references::{output_names, outputs_of};
pub use self::size::too_large;

ids! {
    /// A node.
    NodeId,
    /// A flow.
    EdgeId,
    /// A workflow.
    WorkflowId,
    /// A field of a source.
    FieldId,
}

/// The whole project as a graph.
#[derive(Debug)]
pub struct FlowGraph<'d> {
    /// Nodes in order of workflow and id.
    pub nodes: Table<NodeId, Node<'d>>,
    /// Flows, declared and implied, in an order that no file order changes.
    pub edges: Table<EdgeId, Edge<'d>>,
    /// Workflows in order of their ids.
    pub workflows: Table<WorkflowId, Workflow<'d>>,
    /// Fields of sources.
    pub fields: Table<FieldId, Field<'d>>,
    /// Parties by id.
    pub parties: BTreeMap<String, Party<'d>>,
    /// People by id.
    pub people: BTreeMap<&'d str, Declared<'d>>,
    /// Agreements by id.
    pub agreements: BTreeMap<&'d str, Declared<'d>>,
    /// The taxonomy, with the workflows' case types.
    pub taxonomy: Taxonomy,
    /// The files.
    pub declarations: Declarations<'d>,
    /// The same nodes and flows for graph algorithms.
    pub graph: DiGraph<NodeId, EdgeId>,
    /// Shared nodes by id.
    pub shared: BTreeMap<String, NodeId>,
    /// The flows that leave each node.
    pub leaving: Table<NodeId, Vec<EdgeId>>,
    /// The flows that enter each node.
    pub entering: Table<NodeId, Vec<EdgeId>>,
    /// The flows of each workflow.
    pub flows_of: Table<WorkflowId, Vec<EdgeId>>,
    remembered: Remembered<'d>,
}

/// A workflow file.
#[derive(Debug)]
pub struct Workflow<'d> {
    /// Its id.
    pub id: &'d str,
    /// The whole file.
    pub document: &'d Document,
    /// Its nodes by id.
    pub nodes: BTreeMap<String, NodeId>,
}

/// Anything data can be at.
#[derive(Debug)]
pub struct Node<'d> {
    /// Its id; a copy is `node.copy`.
    pub id: String,
    /// What it is.
    pub kind: NodeKind,
    /// The workflow that declares it; none for a shared node.
    pub workflow: Option<WorkflowId>,
    /// The file whose text reports show.
    pub document: &'d Document,
    /// What the team wrote; none for a copy the provider keeps.
    pub value: Option<Value<'d>>,
    /// The key that declares it, or that implies it.
    pub span: Span,
    /// The node this one is a copy of.
    pub copy_of: Option<NodeId>,
    /// What the profile says of this copy.
    pub copy_facts: Option<Value<'d>>,
    /// The provider profile it names.
    pub profile: Option<&'d Profile>,
    /// The node it runs inside.
    pub host: Option<NodeId>,
    /// Its fields, for a source.
    pub fields: Vec<FieldId>,
}

impl Node<'_> {
    /// Nobody wrote it as a node of its own.
    #[must_use]
    pub fn implied(&self) -> bool {
        self.copy_of.is_some()
    }
}

/// Which data a flow carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selected<'d> {
    /// `fields: "*"`.
    All,
    /// Exactly these.
    Named(Vec<Selector<'d>>),
}

/// One entry of `fields`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selector<'d> {
    /// The source, for `source.field`.
    pub source: Option<&'d str>,
    /// The name the datum travels under.
    pub name: &'d str,
    /// Where it is written.
    pub span: Span,
}

/// A flow.
#[derive(Debug)]
pub struct Edge<'d> {
    /// The node it leaves.
    pub from: NodeId,
    /// The node it enters.
    pub to: NodeId,
    /// The workflow whose flow it is.
    pub workflow: WorkflowId,
    /// The file.
    pub document: &'d Document,
    /// The entry under `flows`; none for an implied flow.
    pub value: Option<Value<'d>>,
    /// The entry, or the key of the node that implies it.
    pub span: Span,
    /// What crosses.
    pub selected: Selected<'d>,
    /// The named output it leaves by.
    pub output: Option<&'d str>,
    /// The named input it enters by.
    pub input: &'d str,
    /// The case types that take it; none: all.
    pub case_types: Option<Vec<LabelId>>,
    /// A copy, not a declared flow.
    pub implied: bool,
}

/// What a model endpoint offers: what went in as a log would hold it, what came out, and the result file of a batch job.
pub const ENDPOINT_OUTPUTS: [&str; 3] = ["prompt", "completion", "results"];

/// The code of the remark that evidence names nothing that is there. It counts for nothing then, and no verdict rests on it.
pub const COVERS_NOTHING: &str = "graph/covers-nothing";

/// The code of the remark that a field is said to be needed by a workflow that is not there.
pub const NEEDED_BY_NOBODY: &str = "graph/needed-by-nobody";

/// The input of a flow that names none.
pub const DEFAULT_PORT: &str = "default";

/// The relation of a party that some node names and nobody declares: outside, until somebody says otherwise.
pub const UNKNOWN_RELATION: &str = "unknown";

/// A field of a source.
#[derive(Debug)]
pub struct Field<'d> {
    /// Its source.
    pub node: NodeId,
    /// Its name.
    pub name: &'d str,
    /// `source.field`.
    pub id: String,
    /// What the team wrote.
    pub value: Value<'d>,
    /// Declared classes.
    pub classes: Vec<LabelId>,
    /// Somebody has stated a class, be it one that does not exist.
    pub classified: bool,
    /// People write into it.
    pub free_text: bool,
    /// The surfaces it is on.
    pub surfaces: Vec<&'d str>,
    /// Classes a clean scan of it has ruled out.
    pub scanned: Vec<LabelId>,
}

/// A party: declared, or the vendor of a profile some node names.
#[derive(Clone, Copy, Debug)]
pub struct Party<'d> {
    /// What the team wrote.
    pub declared: Option<Declared<'d>>,
    /// Its relation to the project.
    pub relation: &'d str,
}

impl Party<'_> {
    /// The project itself, or its workforce.
    #[must_use]
    pub fn is_self(&self) -> bool {
        matches!(self.relation, "self" | "workforce")
    }
}

impl<'d> Field<'d> {
    /// What is said of a scan of it, by itself or for its whole source.
    #[must_use]
    pub fn scan(&self, source: Option<Value<'d>>) -> Option<Value<'d>> {
        self.value.get("scan").or_else(|| source?.get("scan"))
    }
}

/// A scan of a day to come has found nothing yet.
#[must_use]
pub fn is_to_come(scan: Value<'_>, as_of: Date) -> bool {
    scan.get("date").and_then(|date| date.as_str()?.parse::<Date>().ok()).is_some_and(|date| as_of < date)
}

impl<'d> FlowGraph<'d> {
    /// Takes back what scans of a day to come have ruled out, and says so.
    pub fn forget_scans_after(&mut self, as_of: Date) -> Vec<Problem> {
        let mut remarks: Vec<Problem> = Vec::new();
        for id in self.fields.ids() {
            let field = &self.fields[id];
            let source = &self.nodes[field.node];
            let Some(scan) = field.scan(source.value).filter(|scan| is_to_come(*scan, as_of)) else { continue };
            let date = scan.get("date").unwrap_or(scan);
            let of = if field.value.get("scan").is_some() { &field.id } else { &source.id };
            let remark = Problem::new("graph/scan-to-come", format!("the scan of `{of}` is of a day to come, and does not count"))
                .at(source.document.file(), date.span(), "after the day that is judged")
                .help("a scan counts from its date on; what it would cover is presumed until then");
            if remarks.iter().all(|other| other.message != remark.message) {
                remarks.push(remark);
            }
            self.fields[id].scanned.clear();
        }
        remarks
    }

    /// The party that is the project itself.
    #[must_use]
    pub fn self_party(&self) -> Option<&str> {
        self.parties.iter().find(|(_, p)| p.relation == "self").map(|(id, _)| id.as_str())
    }

    /// The workflows a node takes part in: its own, or those whose flows touch it.
    #[must_use]
    pub fn workflows_of(&self, node: NodeId) -> Vec<WorkflowId> {
        if let Some(workflow) = self.nodes[node].workflow {
            return vec![workflow];
        }
        let touching = self.leaving[node].iter().chain(&self.entering[node]);
        let mut touched: Vec<WorkflowId> = touching.map(|e| self.edges[*e].workflow).collect();
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// The node a name means inside a workflow: its own, else a shared one.
    #[must_use]
    pub fn find_node(&self, workflow: Option<WorkflowId>, name: &str) -> Option<NodeId> {
        let own = workflow.and_then(|w| self.workflows[w].nodes.get(name).copied());
        own.or_else(|| self.shared.get(name).copied())
    }
}
