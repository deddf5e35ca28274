//! The questions about a propagated graph, and the verdicts their answers are.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::ask::{Answer, Asker, Fired, Of, Question, QuestionId, RowId};
use super::policies::{PolicyId, Role, Severity};
use super::{Judge, Missing, Reason, Subject, Verdict, VerdictKind};
use crate::declare::Declared;
use crate::facts::{FactValue, Facts};
use crate::graph::{NodeId, WorkflowId};
use crate::load::Value;
use crate::packs::LabelSet;
use crate::problem::Problem;
use crate::propagate::{ItemId, Propagation, Variant};

/// An interval that varies in more groups than this stands for too many worlds to ask about one by one.
const MAX_VARYING: usize = 12;

/// A question and what it is about.
struct Asked<'d> {
    question: QuestionId,
    subject: Subject<'d>,
    workflow: Option<WorkflowId>,
    contract: Option<&'d str>,
    datum: Option<(ItemId, Variant)>,
    /// The gap it is about, for a verdict about verdicts.
    gap: Option<usize>,
}

/// A missing fact or permit, with the rules that met it.
struct Gap<'d> {
    kind: &'static str,
    missing: Option<Missing<'d>>,
    subject: Subject<'d>,
    workflow: Option<WorkflowId>,
    datum: Option<(ItemId, Variant)>,
    severity: Severity,
    rules: Vec<String>,
}

impl<'g, 'd> Judge<'_, 'g, 'd> {
    /// Judges every flow, node, workflow and thing relied on. Verdicts come in no particular order.
    #[must_use]
    pub fn verdicts(&self, propagation: &Propagation<'g, 'd>) -> (Vec<Verdict<'d>>, Vec<Problem>) {
        let mut asking = Asking::new(self);
        asking.flows(propagation);
        asking.nodes(propagation);
        asking.relied_on();
        asking.workflows();
        let (asked, answers, mut problems) = asking.ask();
        let mut verdicts = Vec::new();
        let mut gaps: Vec<Gap<'d>> = Vec::new();
        for asked in &asked {
            let Some(answer) = answers.get(asked.question.0 as usize) else { continue };
            if answer.unpermitted {
                gaps.push(Gap::unpermitted(asked));
            }
            verdicts.extend(answer.fired.iter().map(|fired| self.verdict(asked, fired, Some(propagation))));
        }
        self.about_verdicts(&mut verdicts, gaps, &mut problems);
        (verdicts, problems)
    }

    fn verdict(&self, asked: &Asked<'d>, fired: &Fired, propagation: Option<&Propagation<'g, 'd>>) -> Verdict<'d> {
        let policy = &self.policies.table[fired.policy];
        let absent = fired.reasons.iter().filter_map(|reason| self.missing(asked, reason, propagation));
        let missing: Vec<Missing<'d>> = if policy.absence_is_violation { Vec::new() } else { absent.collect() };
        Verdict {
            policy: fired.policy,
            kind: if missing.is_empty() { VerdictKind::Violation } else { VerdictKind::Undeclared(missing) },
            subject: asked.subject.clone(),
            workflow: asked.workflow,
            contract: asked.contract,
            datum: asked.datum,
            reasons: fired.reasons.clone(),
            message: fired.message.clone(),
            help: fired.help.clone(),
            needed_by: Vec::new(),
        }
    }

    /// The missing fact a reason stands for, unless its absence is an answer.
    fn missing(&self, asked: &Asked<'d>, reason: &Reason, propagation: Option<&Propagation<'g, 'd>>) -> Option<Missing<'d>> {
        let (holder, fact) = reason.missing.as_ref()?;
        if self.absence_is_answer(asked, holder, fact) {
            return None;
        }
        let graph = self.base.graph;
        let origin = |datum: Option<(ItemId, Variant)>| {
            let (item, _) = datum?;
            let propagation = propagation?;
            Some(Subject::Node(propagation.origins[propagation.items[item].origin].node))
        };
        let (first, rest) = holder.split_once('.').unwrap_or((holder, ""));
        let holder = match (first, rest, &asked.subject) {
            ("principal", _, Subject::Flow(edge)) => Subject::Node(graph.edges[*edge].to),
            ("resource", _, Subject::Flow(_)) => origin(asked.datum)?,
            ("context", "sender", Subject::Flow(edge)) => Subject::Node(graph.edges[*edge].from),
            ("context", "datum", _) => origin(asked.datum)?,
            ("context", "workflow", _) => Subject::Workflow(asked.workflow?),
            ("context", "contract", _) => {
                let name = asked.contract?;
                let declared = *graph.agreements.get(name)?;
                Subject::Declared { noun: "agreement", name: name.to_owned(), declared }
            }
            ("context", "project", _) => {
                let document = graph.declarations.project?;
                Subject::Declared { noun: "project", name: "project".to_owned(), declared: Declared { document, value: document.root() } }
            }
            _ => asked.subject.clone(),
        };
        let needs = match &holder {
            Subject::Node(node) => self.base.needs(*node, fact).map(str::to_owned),
            _ => None,
        };
        Some(Missing { fact: fact.clone(), holder, needs })
    }

    fn absence_is_answer(&self, asked: &Asked<'d>, holder: &str, fact: &str) -> bool {
        let graph = self.base.graph;
        let (first, rest) = holder.split_once('.').unwrap_or((holder, ""));
        let entity = match (first, &asked.subject) {
            ("context", _) if rest == "sender" || rest == "flow" => {
                let record = self.base.vocabulary.context("receive").iter().find(|a| a.name == rest);
                return match record.map(|a| &a.fact_type) {
                    Some(crate::vocabulary::FactType::Record(attributes)) => {
                        attributes.iter().any(|a| a.name == fact && a.absence_is_answer)
                    }
                    _ => false,
                };
            }
            ("context", _) => match rest {
                // A key of the context itself: no contract, no datum.
                "" => return true,
                "datum" => "Datum",
                "workflow" => "Workflow",
                "contract" => "Agreement",
                _ => "Project",
            },
            (_, _) if !rest.is_empty() => "Party",
            ("principal", Subject::Flow(edge)) => graph.nodes[graph.edges[*edge].to].kind.entity(),
            ("principal", _) => "Project",
            ("resource", Subject::Flow(_)) => "Datum",
            ("resource", Subject::Node(node)) => graph.nodes[*node].kind.entity(),
            ("resource", Subject::Workflow(_)) => "Workflow",
            ("resource", Subject::Declared { noun, .. }) => entity_of(noun),
            _ => return false,
        };
        self.base.vocabulary.entity(entity).iter().any(|a| a.name == fact && a.absence_is_answer)
    }

    /// Verdicts about verdicts: missing facts and missing permits are themselves put to the rules that look at them, once per fact and thing.
    /// Where no rule looks at missing facts, each verdict keeps its own rule's name.
    fn about_verdicts(&self, verdicts: &mut Vec<Verdict<'d>>, mut gaps: Vec<Gap<'d>>, problems: &mut Vec<Problem>) {
        let mut asking = Asking::new(self);
        if asking.asker.concerns("rely", "Project", "Verdict", false) {
            gaps.extend(self.take_undeclared(verdicts));
        }
        for (n, gap) in gaps.iter().enumerate() {
            asking.gap(n, gap);
        }
        let (asked, answers, more) = asking.ask();
        problems.extend(more);
        for asked in &asked {
            let answer = answers.get(asked.question.0 as usize);
            let Some(gap) = asked.gap.and_then(|n| gaps.get(n)) else { continue };
            let fired = answer.map(|a| a.fired.as_slice()).unwrap_or_default();
            for fired in fired {
                let mut verdict = self.verdict(asked, fired, None);
                verdict.kind = gap.missing.clone().map_or(VerdictKind::Violation, |m| VerdictKind::Undeclared(vec![m]));
                verdict.needed_by.clone_from(&gap.rules);
                verdicts.push(verdict);
            }
            if gap.missing.is_none() && fired.is_empty() {
                problems.push(
                    Problem::new("judge/unpermitted", "a request is denied and no rule says why")
                        .help("a project that replaces the base permit needs the `core` pack, which reports what nothing permits"),
                );
            }
        }
    }

    /// Takes the undeclared verdicts out, one gap per fact, thing and workflow.
    fn take_undeclared(&self, verdicts: &mut Vec<Verdict<'d>>) -> Vec<Gap<'d>> {
        type Key = (u8, u32, String, String, String, Option<WorkflowId>);
        let mut gaps: BTreeMap<Key, Gap<'d>> = BTreeMap::new();
        verdicts.retain(|verdict| {
            let VerdictKind::Undeclared(missing) = &verdict.kind else { return true };
            let policy = &self.policies.table[verdict.policy];
            for fact in missing {
                let (kind, id, noun, name) = fact.holder.key();
                let key = (kind, id, noun.to_owned(), name.to_owned(), fact.fact.clone(), verdict.workflow);
                let gap = gaps.entry(key).or_insert_with(|| Gap {
                    kind: "undeclared",
                    missing: Some(fact.clone()),
                    subject: fact.holder.clone(),
                    workflow: verdict.workflow,
                    datum: None,
                    severity: Severity::Note,
                    rules: Vec::new(),
                });
                gap.severity = gap.severity.max(policy.severity);
                gap.rules.push(policy.rule.clone());
            }
            false
        });
        let mut gaps: Vec<Gap<'d>> = gaps.into_values().collect();
        for gap in &mut gaps {
            gap.rules.sort();
            gap.rules.dedup();
        }
        gaps
    }
}

impl<'d> Gap<'d> {
    fn unpermitted(asked: &Asked<'d>) -> Self {
        Self {
            kind: "unpermitted",
            missing: None,
            subject: asked.subject.clone(),
            workflow: asked.workflow,
            datum: asked.datum,
            severity: Severity::Error,
            rules: Vec::new(),
        }
    }
}

/// The entity type behind the word for a declared thing.
fn entity_of(noun: &str) -> &'static str {
    match noun {
        "agreement" => "Agreement",
        "evidence" => "Evidence",
        "waiver" => "Waiver",
        "decision" | "approval" => "Attestation",
        _ => "Project",
    }
}

/// Collects questions with what they are about.
struct Asking<'a, 'j, 'g, 'd> {
    judge: &'a Judge<'j, 'g, 'd>,
    asker: Asker<'a>,
    asked: Vec<Asked<'d>>,
    project: RowId,
    workflows: FxHashMap<WorkflowId, RowId>,
}

impl<'a, 'g, 'd> Asking<'a, '_, 'g, 'd> {
    fn new(judge: &'a Judge<'_, 'g, 'd>) -> Asking<'a, 'a, 'g, 'd> {
        let base = judge.base;
        let mut asker = Asker::new(judge.policies, &base.graph.taxonomy, judge.slicing);
        let project = asker.row(base.project());
        for id in base.graph.parties.keys() {
            base.party(id).map(|row| asker.row(row));
        }
        for id in base.graph.agreements.keys() {
            base.agreement(id).map(|row| asker.row(row));
        }
        let workflows = base.graph.workflows.ids().map(|id| (id, asker.row(base.workflow(id)))).collect();
        Asking { judge, asker, asked: Vec::new(), project, workflows }
    }

    fn ask(self) -> (Vec<Asked<'d>>, Vec<Answer>, Vec<Problem>) {
        let (answers, problems) = self.asker.ask();
        (self.asked, answers, problems)
    }

    fn context(&self, workflow: Option<WorkflowId>) -> Facts {
        let mut facts = self.judge.common_context();
        if let Some(row) = workflow.and_then(|w| self.workflows.get(&w)) {
            facts.insert("workflow".to_owned(), self.asker.reference(*row));
        }
        facts
    }

    /// May each datum cross each flow?
    fn flows(&mut self, propagation: &Propagation<'g, 'd>) {
        let base = self.judge.base;
        let graph = base.graph;
        let receivers: FxHashMap<NodeId, RowId> =
            graph.nodes.ids().map(|n| (n, base.node(n, Some(propagation)))).map(|(n, row)| (n, self.asker.row(row))).collect();
        let mut data = DataRows::default();
        for (id, edge) in graph.edges.iter() {
            let to = graph.nodes[edge.to].kind.entity();
            let concerned = [false, true].map(|contract| self.asker.concerns("receive", to, "Datum", contract));
            let Some(principal) = receivers.get(&edge.to).copied().filter(|_| concerned != [false, false]) else { continue };
            let mut context = self.context(Some(edge.workflow));
            context.extend(base.flow(id));
            for (item, variants) in &propagation.edges[id] {
                for variant in variants {
                    let uncovered = if base.reads("uncovered_classes") {
                        base.uncovered_classes(propagation, edge.to, *item, *variant)
                    } else {
                        FactValue::Set(std::collections::BTreeSet::new())
                    };
                    context.insert("uncovered_classes".to_owned(), uncovered);
                    let place = Place { action: "receive", subject: Subject::Flow(id), workflow: Some(edge.workflow), item: *item, variant: *variant };
                    self.per_contract(propagation, &place, &context, concerned, |asking, set| {
                        let resource = data.row(asking, propagation, *item, set);
                        (principal, resource)
                    });
                }
            }
        }
    }

    /// May each node be operated as declared, holding each datum it holds?
    fn nodes(&mut self, propagation: &Propagation<'g, 'd>) {
        let base = self.judge.base;
        let graph = base.graph;
        let mut data = DataRows::default();
        for node in graph.nodes.ids() {
            let kind = graph.nodes[node].kind.entity();
            let concerned = [false, true].map(|contract| self.asker.concerns("operate", "Project", kind, contract));
            if concerned == [false, false] {
                continue;
            }
            let row = base.node(node, Some(propagation));
            let held = propagation.held(node);
            for workflow in graph.workflows_of(node) {
                let context = self.context(Some(workflow));
                let empty = self.asker.row(row.clone());
                self.push("operate", self.project, empty, context.clone(), Of::NoContract, Subject::Node(node), Some(workflow), None, None);
                for (item, variants) in &held {
                    for variant in variants {
                        let place = Place { action: "operate", subject: Subject::Node(node), workflow: Some(workflow), item: *item, variant: *variant };
                        self.per_contract_with(propagation, &place, &context, concerned, |asking, set| {
                            let datum = data.row(asking, propagation, *item, set);
                            let mut holding = row.clone();
                            holding.parents = base.datum(propagation, *item, set).parents;
                            let holding = asking.asker.row(holding);
                            let reference = asking.asker.reference(datum);
                            (asking.project, holding, Some(("datum".to_owned(), reference)))
                        });
                    }
                }
            }
        }
    }

    fn per_contract(
        &mut self,
        propagation: &Propagation<'g, 'd>,
        place: &Place<'d>,
        context: &Facts,
        concerned: [bool; 2],
        mut rows: impl FnMut(&mut Self, &LabelSet) -> (RowId, RowId),
    ) {
        self.per_contract_with(propagation, place, context, concerned, |asking, set| {
            let (principal, resource) = rows(asking, set);
            (principal, resource, None)
        });
    }

    /// Puts one variant: to the rules that read no contract once, to those that do once per contract its origin is held under. An interval is
    /// put as every world that some rule could tell apart.
    fn per_contract_with(
        &mut self,
        propagation: &Propagation<'g, 'd>,
        place: &Place<'d>,
        context: &Facts,
        concerned: [bool; 2],
        mut rows: impl FnMut(&mut Self, &LabelSet) -> (RowId, RowId, Option<(String, FactValue)>),
    ) {
        let origin = propagation.origins[propagation.items[place.item].origin].node;
        let contracts = self.judge.base.contracts(origin).into_iter().map(Some);
        let rounds: Vec<Option<&'d str>> = std::iter::once(None).filter(|_| concerned[0]).chain(contracts.filter(|_| concerned[1])).collect();
        for (set, only) in self.worlds(propagation, place.variant) {
            let (principal, resource, extra) = rows(self, &set);
            for contract in &rounds {
                let mut context = context.clone();
                context.extend(contract.map(|c| ("contract".to_owned(), FactValue::Entity("Agreement".to_owned(), c.to_owned()))));
                context.extend(extra.clone());
                let of = match (only, contract) {
                    (Some(policy), _) if self.judge.policies.table[policy].reads_contract != contract.is_some() => continue,
                    (Some(policy), _) => Of::One(policy),
                    (None, Some(_)) => Of::Contract,
                    (None, None) => Of::NoContract,
                };
                self.push(place.action, principal, resource, context, of, place.subject.clone(), place.workflow, *contract, Some((place.item, place.variant)));
            }
        }
    }

    /// The label sets a variant stands for, as far as any rule can tell them apart. An exact variant is one set, put to all rules. An interval is
    /// put to each rule by itself: every combination of the classes and labels the rule names that may but need not be there.
    fn worlds(&self, propagation: &Propagation<'g, 'd>, variant: Variant) -> Vec<(LabelSet, Option<PolicyId>)> {
        let must = &propagation.sets[variant.must];
        let may = &propagation.sets[variant.may];
        if variant.is_exact() {
            return vec![(must.clone(), None)];
        }
        let taxonomy = &self.judge.base.graph.taxonomy;
        let mut worlds = Vec::new();
        for (id, policy) in self.judge.policies.table.iter().filter(|(_, p)| p.role != Role::Label) {
            let varying: Vec<LabelSet> = policy
                .mentions
                .iter()
                .map(|named| taxonomy.entry(named).below.clone())
                .filter(|below| may.intersects(below) && !must.intersects(below))
                .take(MAX_VARYING)
                .collect();
            for choice in 0..1_u32 << varying.len() {
                let left_out = varying.iter().enumerate().filter(|(n, _)| choice >> n & 1 == 1);
                let set = left_out.fold(may.clone(), |set, (_, below)| set.difference(below));
                worlds.push((set.union(must), Some(id)));
            }
        }
        worlds
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a question and what it is about, in one place")]
    fn push(
        &mut self,
        action: &'static str,
        principal: RowId,
        resource: RowId,
        context: Facts,
        of: Of,
        subject: Subject<'d>,
        workflow: Option<WorkflowId>,
        contract: Option<&'d str>,
        datum: Option<(ItemId, Variant)>,
    ) {
        let context = self.asker.context(context);
        let question = self.asker.question(Question { action, principal, resource, context, of });
        self.asked.push(Asked { question, subject, workflow, contract, datum, gap: None });
    }

    /// May each workflow ship?
    fn workflows(&mut self) {
        for workflow in self.judge.base.graph.workflows.ids() {
            let Some(resource) = self.workflows.get(&workflow).copied() else { continue };
            let context = self.context(None);
            self.push("ship", self.project, resource, context, Of::All, Subject::Workflow(workflow), Some(workflow), None, None);
        }
    }

    /// May the project rely on its agreements, evidence, decisions and waivers?
    fn relied_on(&mut self) {
        let graph = self.judge.base.graph;
        for (id, declared) in &graph.agreements {
            if self.is_relied_on(id, *declared) {
                if let Some(row) = self.judge.base.agreement(id) {
                    self.rely(row, "agreement", id, *declared, None);
                }
            }
        }
        let Some(project) = graph.declarations.project else { return };
        for (section, noun, kind) in [("addressable", "decision", "addressable"), ("qi_approvals", "approval", "qi_approval")] {
            for (id, value) in project.root().get(section).into_iter().flat_map(Value::entries) {
                let known = Facts::from([("kind".to_owned(), FactValue::text(kind)), ("control".to_owned(), FactValue::text(id))]);
                let declared = Declared { document: project, value };
                let row = self.judge.base.declared("Attestation", declared, &known);
                self.rely(row, noun, id, declared, None);
            }
        }
        let own = graph.workflows.iter().map(|(id, w)| (w.document, Some(id)));
        let documents: Vec<_> = std::iter::once((project, None)).chain(own).collect();
        for (document, workflow) in documents {
            for (id, value) in document.root().get("evidence").into_iter().flat_map(Value::entries) {
                let exists = value.get("uri").and_then(Value::as_str).is_some_and(|uri| self.judge.base.is_on_file(uri));
                let known = Facts::from([("id".to_owned(), FactValue::text(id)), ("file_exists".to_owned(), FactValue::Bool(exists))]);
                let declared = Declared { document, value };
                let row = self.judge.base.declared("Evidence", declared, &known);
                self.rely(row, "evidence", id, declared, workflow);
            }
        }
        self.waivers();
    }

    fn waivers(&mut self) {
        let Some(document) = self.judge.base.graph.declarations.waivers else { return };
        for (n, value) in document.root().get("waivers").into_iter().flat_map(Value::items).enumerate() {
            let rule = value.get("rule").and_then(Value::as_str).unwrap_or_default();
            let takes_none = self.judge.policies.table.iter().any(|(_, p)| (p.rule == rule || p.id == rule) && !p.waivable);
            let known = Facts::from([("waivable".to_owned(), FactValue::Bool(!takes_none))]);
            let declared = Declared { document, value };
            let row = self.judge.base.declared("Waiver", declared, &known);
            self.rely(row, "waiver", &format!("{:04}: {rule}", n + 1), declared, None);
        }
    }

    /// Some source names it, or one of its parties runs a node that receives something.
    fn is_relied_on(&self, id: &str, agreement: Declared<'d>) -> bool {
        let graph = self.judge.base.graph;
        let outside = |party: &&str| graph.parties.get(*party).is_some_and(|p| !p.is_self());
        let parties: Vec<&str> = agreement.texts("parties").filter(outside).collect();
        graph.edges.iter().any(|(_, e)| graph.operator(e.to).is_some_and(|o| parties.contains(&o)))
            || graph.nodes.ids().any(|n| self.judge.base.contracts(n).contains(&id))
    }

    fn rely(&mut self, row: crate::facts::Row, noun: &'static str, id: &str, declared: Declared<'d>, workflow: Option<WorkflowId>) {
        let resource = self.asker.row(row);
        let context = self.context(workflow);
        let subject = Subject::Declared { noun, name: id.to_owned(), declared };
        self.push("rely", self.project, resource, context, Of::All, subject, workflow, None, None);
    }

    fn gap(&mut self, n: usize, gap: &Gap<'d>) {
        let fact = gap.missing.as_ref().map_or("none", |m| m.fact.as_str());
        let known = Facts::from([
            ("kind".to_owned(), FactValue::text(gap.kind)),
            ("fact".to_owned(), FactValue::text(fact)),
            ("rule".to_owned(), FactValue::text(if gap.rules.is_empty() { "none".to_owned() } else { gap.rules.join(", ") })),
            ("severity".to_owned(), FactValue::text(gap.severity.word())),
        ]);
        let row = self.judge.base.known("Verdict", &known);
        let resource = self.asker.row(row);
        let context = self.context(gap.workflow);
        self.push("rely", self.project, resource, context, Of::All, gap.subject.clone(), gap.workflow, None, gap.datum);
        if let Some(asked) = self.asked.last_mut() {
            asked.gap = Some(n);
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

/// Rows of data, made once per datum and label set.
#[derive(Default)]
struct DataRows {
    rows: FxHashMap<(ItemId, LabelSet), RowId>,
}

impl DataRows {
    fn row<'g, 'd>(&mut self, asking: &mut Asking<'_, '_, 'g, 'd>, propagation: &Propagation<'g, 'd>, item: ItemId, set: &LabelSet) -> RowId {
        if let Some(row) = self.rows.get(&(item, set.clone())) {
            return *row;
        }
        let row = asking.judge.base.datum(propagation, item, set);
        let row = asking.asker.row(row);
        self.rows.insert((item, set.clone()), row);
        row
    }
}
