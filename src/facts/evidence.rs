//! Evidence on file: which documents are there, dated, owned and not past review, and what they cover. What a document says is not judged.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::{FactBase, FactValue};
use crate::declare::Declared;
use crate::graph::{NodeId, WorkflowId};
use crate::load::Value;
use crate::vocabulary::{Attribute, FactType, NameKind};

/// A document in force.
#[derive(Clone, Debug)]
pub(super) struct Filed<'d> {
    id: &'d str,
    declared: Declared<'d>,
    date: &'d str,
    owner: &'d str,
    /// The workflow whose file declares it; none for the project file.
    workflow: Option<WorkflowId>,
    /// Tasks of the workflows it covers, where some policy asks.
    tasks: BTreeSet<&'d str>,
}

impl Filed<'_> {
    fn kind(&self) -> &str {
        self.declared.text("type").unwrap_or_default()
    }

    /// Its type, and each topic, slice and claim behind the type.
    fn words(&self) -> impl Iterator<Item = String> + '_ {
        let topics = self.declared.texts("topics").chain(self.declared.texts("slices"));
        let claims = self.declared.value.entries().filter(|(_, v)| v.as_bool() == Some(true)).map(|(key, _)| key);
        std::iter::once(self.kind().to_owned()).chain(topics.chain(claims).map(|topic| format!("{}/{topic}", self.kind())))
    }
}

/// A document in force, for the report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EvidenceOnFile {
    /// The workflow whose file declares it; none for the project file.
    pub workflow: Option<String>,
    /// Its key.
    pub id: String,
    /// What it is.
    pub kind: String,
    /// Its date.
    pub date: String,
    /// Who owns it.
    pub owner: String,
    /// Where it is.
    pub uri: String,
}

/// What is asked about, by the names under which evidence may cover it.
struct Asked<'n> {
    names: BTreeSet<&'n str>,
    /// Evidence that a node names itself.
    named: BTreeSet<&'n str>,
    workflow: Option<WorkflowId>,
}

impl<'g, 'd> FactBase<'g, 'd> {
    /// Every document in force, of the project file first.
    pub(super) fn file_evidence(&self) -> Vec<Filed<'d>> {
        let project = self.graph.declarations.project.map(|document| (document, None));
        let own = self.graph.workflows.iter().map(|(id, w)| (w.document, Some(id)));
        let entries = project.into_iter().chain(own).flat_map(|(document, workflow)| {
            let entries = document.root().get("evidence").into_iter().flat_map(Value::entries);
            entries.map(move |(id, value)| (id, Declared { document, value }, workflow))
        });
        let mut filed: Vec<Filed<'d>> = entries.filter_map(|(id, declared, workflow)| self.in_force_as(id, declared, workflow)).collect();
        if self.reads("tasks") {
            for filed in &mut filed {
                let covered = self.graph.workflows.ids().filter(|w| covers(filed, &self.names_of_workflow(*w)));
                filed.tasks = covered.filter_map(|w| self.graph.workflows[w].document.root().get("task")?.as_str()).collect();
            }
        }
        filed
    }

    /// The file is there and is the one meant; it is dated, not from the future, owned, and not past its review.
    fn in_force_as(&self, id: &'d str, declared: Declared<'d>, workflow: Option<WorkflowId>) -> Option<Filed<'d>> {
        let day = |text: &str| text.parse::<Date>().ok();
        let stated = |key: &str| self.of_evidence(declared, key)?.as_str();
        let (date, owner) = (stated("date")?, stated("owner")?);
        let dated = day(date).is_some_and(|d| d <= self.environment.as_of);
        let fresh = stated("review_due").is_none_or(|due| due == "none" || day(due).is_some_and(|d| self.environment.as_of < d));
        let on_file = declared.text("uri").is_some_and(|uri| self.is_on_file(uri)) && self.hash_matches(declared);
        (dated && fresh && on_file).then(|| Filed { id, declared, date, owner, workflow, tasks: BTreeSet::new() })
    }

    /// A fact of evidence: its own, else the project's default for evidence.
    pub(super) fn of_evidence(&self, declared: Declared<'d>, key: &str) -> Option<Value<'d>> {
        let default = || self.graph.declarations.project_section("defaults")?.get("evidence")?.get(key);
        declared.value.get(key).or_else(default)
    }

    /// The file is the one whose SHA-256 the declaration states, where it states one.
    #[must_use]
    pub fn hash_matches(&self, evidence: Declared<'d>) -> bool {
        let Some(stated) = evidence.text("sha256") else { return true };
        evidence.text("uri").is_some_and(|uri| self.environment.hashes.get(uri).is_some_and(|found| found == stated))
    }

    /// A file of the project that exists; a web address or the id of a register counts as it stands, for nothing here uses the network.
    #[must_use]
    pub fn is_on_file(&self, uri: &str) -> bool {
        is_elsewhere(uri) || self.environment.files.contains(uri)
    }

    /// The documents in force, as the report lists them.
    #[must_use]
    pub fn evidence_on_file(&self) -> Vec<EvidenceOnFile> {
        let text = |f: &Filed<'d>, key: &str| f.declared.text(key).unwrap_or_default().to_owned();
        let mut all: Vec<EvidenceOnFile> = self
            .filed
            .iter()
            .map(|f| EvidenceOnFile {
                workflow: f.workflow.map(|w| self.graph.workflows[w].id.to_owned()),
                id: f.id.to_owned(),
                kind: f.kind().to_owned(),
                date: f.date.to_owned(),
                owner: f.owner.to_owned(),
                uri: text(f, "uri"),
            })
            .collect();
        all.sort();
        all
    }

    /// What the project file declares: it speaks for the project as a whole.
    pub(super) fn evidence_of_project(&self) -> Vec<&Filed<'d>> {
        self.filed.iter().filter(|f| f.workflow.is_none()).collect()
    }

    pub(super) fn evidence_of_workflow(&self, workflow: WorkflowId) -> Vec<&Filed<'d>> {
        if self.filed.is_empty() {
            return Vec::new();
        }
        let asked = self.names_of_workflow(workflow);
        self.filed.iter().filter(|f| covers(f, &asked)).collect()
    }

    pub(super) fn evidence_of_node(&self, node: NodeId, workflow: Option<WorkflowId>) -> Vec<&Filed<'d>> {
        if self.filed.is_empty() {
            return Vec::new();
        }
        let mut asked = Asked { names: BTreeSet::new(), named: BTreeSet::new(), workflow: workflow.or(self.graph.nodes[node].workflow) };
        self.add_names(node, &mut asked);
        asked.names.extend(asked.workflow.map(|w| self.graph.workflows[w].id));
        self.filed.iter().filter(|f| covers(f, &asked)).collect()
    }

    /// A workflow is covered by what names it, one of its nodes, or a service or party its nodes rely on.
    fn names_of_workflow(&self, workflow: WorkflowId) -> Asked<'_> {
        let mut asked = Asked { names: BTreeSet::new(), named: BTreeSet::new(), workflow: Some(workflow) };
        asked.names.insert(self.graph.workflows[workflow].id);
        let touched = self.graph.flows_of[workflow].iter().map(|e| &self.graph.edges[*e]).flat_map(|e| [e.from, e.to]);
        let nodes: BTreeSet<NodeId> = self.graph.workflows[workflow].nodes.values().copied().chain(touched).collect();
        for node in nodes {
            self.add_names(node, &mut asked);
        }
        asked
    }

    /// The names under which evidence may cover a node: its own and those of what it is a copy of, its service, its operator; and the evidence it names.
    fn add_names<'s>(&'s self, node: NodeId, asked: &mut Asked<'s>) {
        let mut at = Some(node);
        while let Some(id) = at {
            let of = &self.graph.nodes[id];
            asked.names.insert(of.id.as_str());
            asked.names.extend(of.profile.map(|p| p.service.as_str()));
            asked.names.extend(self.graph.text_fact(id, "service"));
            for attribute in self.vocabulary.entity(of.kind.entity()).iter().filter(|a| a.fact_type == FactType::Name(NameKind::Evidence)) {
                asked.named.extend(self.graph.text_fact(id, &attribute.name));
            }
            at = of.copy_of;
        }
        if !self.graph.is_self_run(node) {
            asked.names.extend(self.graph.operator(node));
        }
    }

    pub(super) fn types_of(&self, filed: &[&Filed<'d>]) -> FactValue {
        FactValue::texts(filed.iter().flat_map(|f| f.words()))
    }

    /// The newest document of each type the vocabulary asks for.
    pub(super) fn latest_of(&self, filed: &[&Filed<'d>], attribute: &Attribute) -> FactValue {
        let FactType::Record(types) = &attribute.fact_type else { return FactValue::empty(&attribute.fact_type) };
        let mut latest = BTreeMap::new();
        for of_type in types {
            let newest = filed.iter().filter(|f| f.kind() == of_type.name).max_by_key(|f| (f.date, f.id));
            let read = newest.and_then(|f| Some((f, FactValue::read(f.declared.value, &of_type.fact_type)?)));
            if let Some((filed, FactValue::Record(mut record))) = read {
                record.insert("tasks".to_owned(), FactValue::texts(filed.tasks.iter().copied()));
                // Both may come from the project's defaults.
                record.insert("date".to_owned(), FactValue::Date(filed.date.to_owned()));
                record.insert("owner".to_owned(), FactValue::text(filed.owner));
                latest.insert(of_type.name.clone(), FactValue::Record(record));
            }
        }
        FactValue::Record(latest)
    }
}

fn covers(filed: &Filed<'_>, asked: &Asked<'_>) -> bool {
    let here = filed.workflow.is_none() || filed.workflow == asked.workflow;
    let mut listed = filed.declared.texts("covers").peekable();
    here && (listed.peek().is_none() || listed.any(|name| asked.names.contains(name)) || asked.named.contains(filed.id))
}

/// A reference that is not a file of the project: a web address, or the id of a register in which the document is kept.
#[must_use]
pub fn is_elsewhere(uri: &str) -> bool {
    ["https://", "http://", "register:"].iter().any(|scheme| uri.strip_prefix(scheme).is_some_and(|rest| !rest.trim().is_empty()))
}
