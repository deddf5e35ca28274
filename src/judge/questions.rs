//! The questions a propagated graph raises: every datum on every flow and at every node, everything relied on, every workflow.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::ask::{Answer, Asker, ContextId, Of, Question, QuestionId, RowId};
use super::policies::{PolicyId, RECEIVE, Role};
use super::refusals;
use super::severity::Severity;
use super::stage::Stage;
use super::{Judge, Missing, Subject};
use crate::facts::{FactValue, Facts};
use crate::graph::{NodeId, WorkflowId};
use crate::packs::{LabelKind, LabelSet};
use crate::problem::Problem;
use crate::propagate::{ItemId, Propagation, Variant};

/// An interval that varies in more groups than this stands for too many worlds to ask about one by one.
const MAX_VARYING: usize = 12;

/// A question and what it is about.
pub(super) struct Asked<'d> {
    pub(super) question: QuestionId,
    pub(super) subject: Subject<'d>,
    pub(super) workflow: Option<WorkflowId>,
    pub(super) contract: Option<&'d str>,
    pub(super) datum: Option<(ItemId, Variant)>,
    /// The gap it is about, for a verdict about verdicts.
    pub(super) gap: Option<usize>,
    /// Another place it is about.
    pub(super) also_at: Option<crate::problem::Place>,
}

/// A broken rule, missing fact or missing permit, with the rules that met it.
pub(super) struct Gap<'d> {
    pub(super) kind: &'static str,
    pub(super) missing: Option<Missing<'d>>,
    pub(super) subject: Subject<'d>,
    pub(super) workflow: Option<WorkflowId>,
    pub(super) datum: Option<(ItemId, Variant)>,
    pub(super) severity: Severity,
    pub(super) rules: Vec<String>,
}

impl<'d> Gap<'d> {
    pub(super) const UNPERMITTED: &'static str = "unpermitted";

    pub(super) fn unpermitted(asked: &Asked<'d>) -> Self {
        Self {
            kind: Self::UNPERMITTED,
            missing: None,
            subject: asked.subject.clone(),
            workflow: asked.workflow,
            datum: asked.datum,
            severity: Severity::Error,
            rules: Vec::new(),
        }
    }
}

/// What was asked, what Cedar said, and what could not be decided.
pub(super) struct Asks<'d> {
    pub(super) asked: Vec<Asked<'d>>,
    /// By question.
    pub(super) answers: Vec<Answer>,
    /// The policies each question was put to.
    pub(super) put_to: Vec<Arc<[PolicyId]>>,
    pub(super) problems: Vec<Problem>,
}

/// Collects questions with what they are about.
pub(super) struct Asking<'a, 'j, 'g, 'd> {
    pub(super) judge: &'a Judge<'j, 'g, 'd>,
    propagation: &'a Propagation<'g, 'd>,
    pub(super) asker: Asker<'a>,
    pub(super) asked: Vec<Asked<'d>>,
    pub(super) project: RowId,
    /// Stands for every workflow in contexts, where no policy looks at it.
    unread: Option<RowId>,
    workflows: FxHashMap<WorkflowId, RowId>,
    nodes: FxHashMap<(NodeId, WorkflowId), RowId>,
    data: FxHashMap<ItemId, FxHashMap<LabelSet, RowId>>,
    stages: FxHashMap<Option<WorkflowId>, Stage>,
    problems: Vec<Problem>,
}

impl<'a, 'g, 'd> Asking<'a, '_, 'g, 'd> {
    pub(super) fn new(judge: &'a Judge<'_, 'g, 'd>, propagation: &'a Propagation<'g, 'd>) -> Asking<'a, 'a, 'g, 'd> {
        let base = judge.base;
        let mut asker = Asker::new(judge.policies, &base.graph.taxonomy, judge.slicing);
        let project = asker.row(base.project());
        for id in base.graph.parties.keys() {
            base.party(id).map(|row| asker.row(row));
        }
        for id in base.graph.agreements.keys() {
            base.agreement(id).map(|row| asker.row(row));
        }
        // Where no policy looks at the workflow of a flow or node, equal flows of all workflows are one question.
        let unread = (!base.reads("workflow")).then(|| asker.row(base.known("Workflow", &Facts::new())));
        let stage = |id| base.graph.workflows[id].document.root().get("stage").and_then(|s| Stage::of(s.as_str()?)).unwrap_or_default();
        let mut stages: FxHashMap<Option<WorkflowId>, Stage> = base.graph.workflows.ids().map(|id| (Some(id), stage(id))).collect();
        // What the whole project relies on is asked about as its furthest workflow is.
        stages.insert(None, stages.values().copied().max().unwrap_or_default());
        Asking {
            judge,
            propagation,
            asker,
            asked: Vec::new(),
            project,
            unread,
            workflows: FxHashMap::default(),
            nodes: FxHashMap::default(),
            data: FxHashMap::default(),
            stages,
            problems: Vec::new(),
        }
    }

    pub(super) fn ask(self) -> Asks<'d> {
        let (answers, put_to, mut problems) = self.asker.ask();
        problems.extend(self.problems);
        Asks { asked: self.asked, answers, put_to, problems }
    }

    pub(super) fn context(&mut self, workflow: Option<WorkflowId>) -> Facts {
        let mut facts = self.judge.common_context();
        if let Some(workflow) = workflow {
            let row = self.unread.unwrap_or_else(|| self.workflow(workflow));
            facts.insert("workflow".to_owned(), self.asker.reference(row));
        }
        facts
    }

    /// The row of a node as a workflow uses it, holding nothing.
    fn node(&mut self, id: NodeId, workflow: WorkflowId) -> RowId {
        if let Some(row) = self.nodes.get(&(id, workflow)) {
            return *row;
        }
        let row = self.asker.row(self.judge.base.node(id, Some(workflow), Some(self.propagation)));
        self.nodes.insert((id, workflow), row);
        row
    }

    /// The row of a datum with one label set.
    fn datum(&mut self, item: ItemId, set: &LabelSet) -> RowId {
        if let Some(row) = self.data.get(&item).and_then(|sets| sets.get(set)) {
            return *row;
        }
        let row = self.asker.row(self.judge.base.datum(self.propagation, item, set));
        self.data.entry(item).or_default().insert(set.clone(), row);
        row
    }

    fn workflow(&mut self, id: WorkflowId) -> RowId {
        if let Some(row) = self.workflows.get(&id) {
            return *row;
        }
        let row = self.asker.row(self.judge.base.workflow(id, Some(self.propagation)));
        self.workflows.insert(id, row);
        row
    }

    /// May each datum cross each flow?
    pub(super) fn flows(&mut self, propagation: &Propagation<'g, 'd>) {
        let base = self.judge.base;
        let graph = base.graph;
        for (id, edge) in graph.edges.iter() {
            let to = graph.nodes[edge.to].kind.entity();
            let concerned = [false, true].map(|contract| self.asker.concerns("receive", to, "Datum", contract));
            if concerned == [false, false] {
                continue;
            }
            let principal = self.node(edge.to, edge.workflow);
            let mut contexts = Contexts::new(self.context(Some(edge.workflow)));
            contexts.base.extend(base.flow(id, propagation));
            contexts.base.insert("uncovered_classes".to_owned(), FactValue::Set(std::collections::BTreeSet::new()));
            for (item, variants) in &propagation.edges[id] {
                for variant in variants {
                    let uncovered = base.reads("uncovered_classes").then(|| base.uncovered_classes(propagation, edge.to, *item, *variant));
                    let extra = uncovered.map(|u| ("uncovered_classes", u));
                    let place = Place {
                        action: "receive",
                        subject: Subject::Flow(id),
                        workflow: Some(edge.workflow),
                        item: *item,
                        variant: *variant,
                    };
                    self.per_contract(propagation, &place, &mut contexts, concerned, |asking, set| {
                        let resource = asking.datum(*item, set);
                        (principal, resource, extra.clone())
                    });
                }
            }
        }
    }

    /// May each node be operated as declared, holding each datum it holds?
    pub(super) fn nodes(&mut self, propagation: &Propagation<'g, 'd>) {
        let base = self.judge.base;
        let graph = base.graph;
        for node in graph.nodes.ids() {
            let kind = graph.nodes[node].kind.entity();
            let concerned = [false, true].map(|contract| self.asker.concerns("operate", "Project", kind, contract));
            if concerned == [false, false] {
                continue;
            }
            for workflow in graph.workflows_of(node) {
                // Another workflow's data at a shared node are that workflow's business.
                let held = propagation.held_in(node, workflow);
                let mut contexts = Contexts::new(self.context(Some(workflow)));
                let mut holding: FxHashMap<LabelSet, RowId> = FxHashMap::default();
                let empty = self.node(node, workflow);
                let context = contexts.id(self, None, None);
                self.push("operate", self.project, empty, context, Of::NoContract, Subject::Node(node), Some(workflow), None, None);
                for (item, variants) in &held {
                    for variant in variants {
                        let place = Place {
                            action: "operate",
                            subject: Subject::Node(node),
                            workflow: Some(workflow),
                            item: *item,
                            variant: *variant,
                        };
                        self.per_contract(propagation, &place, &mut contexts, concerned, |asking, set| {
                            let datum = asking.datum(*item, set);
                            let parents = asking.asker.parents_of(datum);
                            let holding = match holding.get(parents) {
                                Some(known) => *known,
                                None => {
                                    let parents = parents.clone();
                                    let row = crate::facts::Row { parents: parents.clone(), ..asking.asker.row_of(empty).clone() };
                                    let made = asking.asker.row(row);
                                    holding.insert(parents, made);
                                    made
                                }
                            };
                            let reference = base.reads("datum").then(|| ("datum", asking.asker.reference(datum)));
                            (asking.project, holding, reference)
                        });
                    }
                }
            }
        }
    }

    /// Puts one variant: to the rules that read no contract once, to those that do once per contract its origin is held under. An interval is
    /// put as every world that some rule could tell apart.
    fn per_contract(
        &mut self,
        propagation: &Propagation<'g, 'd>,
        place: &Place<'d>,
        contexts: &mut Contexts,
        concerned: [bool; 2],
        mut rows: impl FnMut(&mut Self, &LabelSet) -> (RowId, RowId, Option<Extra>),
    ) {
        // Listing the worlds of a range takes long by itself.
        if self.asked.len() >= self.judge.limits.questions {
            return self.refuse(&place.subject);
        }
        let origin = propagation.origins[propagation.items[place.item].origin].node;
        let contracts = self.judge.base.contracts(origin).into_iter().map(Some);
        let rounds: Vec<Option<&'d str>> =
            std::iter::once(None).filter(|_| concerned[0]).chain(contracts.filter(|_| concerned[1])).collect();
        for (set, only) in self.worlds(propagation, place) {
            let (principal, resource, extra) = rows(self, &set);
            for contract in &rounds {
                let context = contexts.id(self, *contract, extra.as_ref());
                let of = match (only, contract) {
                    (Some(Of::One(policy)), _) if self.judge.policies.table[policy].reads_contract != contract.is_some() => continue,
                    (Some(Of::Permits), Some(_)) => continue,
                    (Some(of), _) => of,
                    (None, Some(_)) => Of::Contract,
                    (None, None) => Of::NoContract,
                };
                self.push(
                    place.action,
                    principal,
                    resource,
                    context,
                    of,
                    place.subject.clone(),
                    place.workflow,
                    *contract,
                    Some((place.item, place.variant)),
                );
            }
        }
    }

    /// The label sets a variant stands for, as far as any policy can tell them apart. An exact variant is one set, put to all. An interval is put to
    /// each rule by itself, and to all permits together: every combination of the classes, labels and case types they look at that may but need not
    /// be there.
    fn worlds(&mut self, propagation: &Propagation<'g, 'd>, place: &Place<'d>) -> Vec<(LabelSet, Option<Of>)> {
        let must = &propagation.sets[place.variant.must];
        let may = &propagation.sets[place.variant.may];
        if place.variant.is_exact() {
            return vec![(must.clone(), None)];
        }
        let taxonomy = &self.judge.base.graph.taxonomy;
        let open = may.difference(must);
        let cases: LabelSet = open.iter().filter(|id| taxonomy.entry(*id).kind == LabelKind::Case).collect();
        let policies = &self.judge.policies.table;
        let rules = policies.iter().filter(|(_, p)| p.role == Role::Rule);
        let mut looks: Vec<(LabelSet, bool, Of)> = rules.map(|(id, p)| (p.mentions.clone(), p.reads_cases(), Of::One(id))).collect();
        if self.judge.policies.own_permits && place.action == RECEIVE {
            let permits: Vec<_> = policies.iter().filter(|(_, p)| p.role == Role::Permit).map(|(_, p)| p).collect();
            let mentions = permits.iter().fold(LabelSet::default(), |all, p| all.union(&p.mentions));
            looks.push((mentions, permits.iter().any(|p| p.reads_cases()), Of::Permits));
        }
        let mut worlds = Vec::new();
        for (mentions, reads_cases, of) in looks {
            let named = mentions.iter().map(|named| taxonomy.entry(named).below.clone());
            let cases = cases.iter().filter(|_| reads_cases).map(|case| taxonomy.entry(case).below.clone());
            let varying: Vec<LabelSet> = named.chain(cases).filter(|below| may.intersects(below) && !must.intersects(below)).collect();
            if varying.len() > MAX_VARYING {
                self.problems.push(refusals::worlds(&propagation.datum_name(place.item), MAX_VARYING));
                continue;
            }
            for choice in 0..1_u32 << varying.len() {
                let left_out = varying.iter().enumerate().filter(|(n, _)| choice >> n & 1 == 1);
                let set = left_out.fold(may.clone(), |set, (_, below)| set.difference(below));
                worlds.push((set.union(must), Some(of)));
            }
        }
        worlds
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a question and what it is about, in one place")]
    pub(super) fn push(
        &mut self,
        action: &'static str,
        principal: RowId,
        resource: RowId,
        context: ContextId,
        of: Of,
        subject: Subject<'d>,
        workflow: Option<WorkflowId>,
        contract: Option<&'d str>,
        datum: Option<(ItemId, Variant)>,
    ) {
        if self.asked.len() >= self.judge.limits.questions {
            self.refuse(&subject);
            return;
        }
        let stage_of = |workflow: Option<WorkflowId>| self.stages.get(&workflow).copied().unwrap_or_default();
        let stage = match subject {
            // A shared node is as far as the furthest workflow that uses it.
            Subject::Node(node) => {
                self.judge.base.graph.workflows_of(node).into_iter().map(|w| stage_of(Some(w))).max().unwrap_or_default()
            }
            _ => stage_of(workflow),
        };
        let question = self.asker.question(Question { action, principal, resource, context, of, stage });
        self.asked.push(Asked { question, subject, workflow, contract, datum, gap: None, also_at: None });
    }

    /// Says, once, that there are more questions than the limit lets through: what is found stays, and the run cannot pass.
    fn refuse(&mut self, subject: &Subject<'d>) {
        if self.problems.iter().any(|p| p.code == refusals::QUESTIONS) {
            return;
        }
        let graph = self.judge.base.graph;
        let problem = refusals::questions(self.judge.limits.questions);
        self.problems.push(match subject {
            Subject::Flow(id) => problem.at(graph.edges[*id].document.file(), graph.edges[*id].span, "not all is asked from here on"),
            Subject::Node(id) => problem.at(graph.nodes[*id].document.file(), graph.nodes[*id].span, "not all is asked from here on"),
            _ => problem,
        });
    }

    /// May each workflow ship?
    pub(super) fn workflows(&mut self) {
        for workflow in self.judge.base.graph.workflows.ids() {
            let resource = self.workflow(workflow);
            let context = self.context(None);
            let context = self.asker.context(context);
            self.push("ship", self.project, resource, context, Of::All, Subject::Workflow(workflow), Some(workflow), None, None);
        }
    }
}

/// What a variant is put about.
struct Place<'d> {
    action: &'static str,
    subject: Subject<'d>,
    workflow: Option<WorkflowId>,
    item: ItemId,
    variant: Variant,
}

/// What one datum adds to a context.
type Extra = (&'static str, FactValue);

/// The contexts of one place, made once per contract and what a datum adds.
struct Contexts {
    base: Facts,
    known: BTreeMap<(Option<String>, Option<Extra>), ContextId>,
}

impl Contexts {
    fn new(base: Facts) -> Self {
        Self { base, known: BTreeMap::new() }
    }

    fn id(&mut self, asking: &mut Asking<'_, '_, '_, '_>, contract: Option<&str>, extra: Option<&Extra>) -> ContextId {
        let key = (contract.map(str::to_owned), extra.cloned());
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let mut facts = self.base.clone();
        facts.extend(contract.map(|c| ("contract".to_owned(), FactValue::Entity("Agreement".to_owned(), c.to_owned()))));
        facts.extend(extra.map(|(name, value)| ((*name).to_owned(), value.clone())));
        let id = asking.asker.context(facts);
        self.known.insert(key, id);
        id
    }
}
