//! The verdicts Cedar's answers are: violations, missing facts with what lacks them, and what nothing permits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ask::Fired;
use super::questions::{Asked, Asking, Asks, Gap};
use super::severity::Severity;
use super::{Coverage, Judge, Judged, Missing, PolicyId, Reason, Subject, Verdict, VerdictKind};
use crate::declare::Declared;
use crate::graph::{NodeId, WorkflowId};
use crate::problem::Problem;
use crate::propagate::{ItemId, Propagation, Variant};

impl<'g, 'd> Judge<'_, 'g, 'd> {
    /// Judges every flow, node, workflow and thing relied on, and then what that says of each workflow. `waived` tells which verdicts a valid waiver
    /// covers. Verdicts come in no particular order.
    #[must_use]
    pub fn verdicts(&self, propagation: &Propagation<'g, 'd>, waived: impl FnOnce(&[Verdict<'d>]) -> Vec<bool>) -> Judged<'d> {
        let (Judged { mut verdicts, mut coverage, mut problems }, mut gaps) = self.first_round(propagation);
        if self.policies.has_rule("rely", "Project", "Verdict") {
            let waived = waived(&verdicts);
            gaps.extend(self.broken(&verdicts, &waived));
            gaps.extend(self.take_undeclared(&mut verdicts));
        }
        self.about_verdicts(propagation, &mut verdicts, &gaps, &mut coverage, &mut problems);
        Judged { verdicts, coverage, problems }
    }

    /// What each rule says of every flow, node, workflow and thing relied on by itself: no verdict about verdicts, and nothing gathered by missing fact.
    #[must_use]
    pub fn verdicts_alone(&self, propagation: &Propagation<'g, 'd>) -> Judged<'d> {
        self.first_round(propagation).0
    }

    fn first_round(&self, propagation: &Propagation<'g, 'd>) -> (Judged<'d>, Vec<Gap<'d>>) {
        let mut asking = Asking::new(self, propagation);
        asking.flows(propagation);
        asking.nodes(propagation);
        asking.relied_on();
        asking.workflows();
        let Asks { asked, answers, put_to, problems } = asking.ask();
        let coverage = if self.coverage { covered(&asked, &put_to) } else { Coverage::new() };
        let mut verdicts = Vec::new();
        let mut gaps: Vec<Gap<'d>> = Vec::new();
        for asked in &asked {
            let Some(answer) = answers.get(asked.question.0 as usize) else { continue };
            let fired: Vec<Verdict<'d>> = answer.fired.iter().map(|fired| self.verdict(asked, fired, Some(propagation))).collect();
            // Whatever rule a flow breaks, that one may be waived or lowered; that nothing permits it stays to be said.
            if answer.unpermitted {
                gaps.push(Gap::unpermitted(asked));
            }
            verdicts.extend(fired);
        }
        (Judged { verdicts, coverage, problems }, gaps)
    }

    /// Puts waivers that cover nothing, by their places in the file, to the rules about waivers.
    #[must_use]
    pub fn unused_waivers(&self, propagation: &Propagation<'g, 'd>, unused: &[usize]) -> Vec<Verdict<'d>> {
        if unused.is_empty() {
            return Vec::new();
        }
        let mut asking = Asking::new(self, propagation);
        asking.waivers(Some(unused));
        // Whatever could not be decided about them was a problem when all were asked.
        let Asks { asked, answers, .. } = asking.ask();
        let fired = asked.iter().zip(asked.iter().filter_map(|a| answers.get(a.question.0 as usize)));
        fired.flat_map(|(asked, answer)| answer.fired.iter().map(|f| self.verdict(asked, f, None))).collect()
    }

    /// The rules broken in each workflow that no waiver covers.
    fn broken(&self, verdicts: &[Verdict<'d>], waived: &[bool]) -> Vec<Gap<'d>> {
        let mut broken: BTreeMap<(WorkflowId, &str), Severity> = BTreeMap::new();
        for (verdict, waived) in verdicts.iter().zip(waived) {
            if let (VerdictKind::Violation, Some(workflow), false) = (&verdict.kind, verdict.workflow, waived) {
                let policy = &self.policies.table[verdict.policy];
                let severity = broken.entry((workflow, &policy.rule)).or_insert(policy.severity);
                *severity = policy.severity.max(*severity);
            }
        }
        let gap = |((workflow, rule), severity): ((WorkflowId, &str), Severity)| Gap {
            kind: "open",
            missing: None,
            subject: Subject::Workflow(workflow),
            workflow: Some(workflow),
            datum: None,
            severity,
            rules: vec![rule.to_owned()],
        };
        broken.into_iter().map(gap).collect()
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
            also_at: asked.also_at.clone(),
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
        let of_vendor = |node: NodeId| {
            let (name, declared) = self.base.first_agreement_with(node)?;
            Some(Subject::Declared { noun: "agreement", name: name.to_owned(), declared })
        };
        let holder = match (first, rest, &asked.subject) {
            ("principal", "promises", Subject::Flow(edge)) => of_vendor(graph.edges[*edge].to)?,
            ("resource", "promises", Subject::Node(node)) => of_vendor(*node)?,
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
        let holder = match holder {
            Subject::Node(node) => Subject::Node(self.declarer(node)),
            other => other,
        };
        Some(Missing { fact: fact.clone(), holder, needs })
    }

    /// Where a fact of a node is to be declared: what a service keeps has no place of its own in the team's files, and takes its endpoint's word.
    fn declarer(&self, node: NodeId) -> NodeId {
        let nodes = &self.base.graph.nodes;
        match nodes[node].copy_of.filter(|_| nodes[node].value.is_none()) {
            Some(of) => of,
            None => node,
        }
    }

    /// Not declaring the fact is an answer: the attribute, at the end of the path that leads to it, says so.
    fn absence_is_answer(&self, asked: &Asked<'d>, holder: &str, fact: &str) -> bool {
        let vocabulary = self.base.vocabulary;
        let graph = self.base.graph;
        let mut path = holder.split('.');
        let attributes = match (path.next().unwrap_or_default(), &asked.subject) {
            ("context", Subject::Flow(_)) => vocabulary.context("receive"),
            ("context", Subject::Node(_)) => vocabulary.context("operate"),
            ("context", Subject::Workflow(_)) => vocabulary.context("ship"),
            ("context", Subject::Declared { .. }) => vocabulary.context("rely"),
            ("principal", Subject::Flow(edge)) => vocabulary.entity(graph.nodes[graph.edges[*edge].to].kind.entity()),
            ("principal", _) => vocabulary.entity("Project"),
            ("resource", Subject::Flow(_)) => vocabulary.entity("Datum"),
            ("resource", Subject::Node(node)) => vocabulary.entity(graph.nodes[*node].kind.entity()),
            ("resource", Subject::Workflow(_)) => vocabulary.entity("Workflow"),
            ("resource", Subject::Declared { noun, .. }) => vocabulary.entity(entity_of(noun)),
            _ => return false,
        };
        let found = vocabulary.follow(attributes, &path.collect::<Vec<_>>());
        found.is_some_and(|attributes| attributes.iter().any(|a| a.name == fact && a.absence_is_answer))
    }

    /// Verdicts about verdicts: broken rules, missing facts and missing permits are themselves put to the rules that look at them, once per rule and
    /// workflow, or fact and thing.
    /// Where no rule looks at missing facts, each verdict keeps its own rule's name.
    fn about_verdicts(
        &self,
        propagation: &Propagation<'g, 'd>,
        verdicts: &mut Vec<Verdict<'d>>,
        gaps: &[Gap<'d>],
        coverage: &mut Coverage,
        problems: &mut Vec<Problem>,
    ) {
        if gaps.is_empty() {
            return;
        }
        let mut asking = Asking::new(self, propagation);
        for (n, gap) in gaps.iter().enumerate() {
            asking.gap(n, gap);
        }
        let Asks { asked, answers, put_to, problems: more } = asking.ask();
        problems.extend(more);
        if self.coverage {
            coverage.extend(covered(&asked, &put_to));
        }
        for asked in &asked {
            let answer = answers.get(asked.question.0 as usize);
            let Some(gap) = asked.gap.and_then(|n| gaps.get(n)) else { continue };
            let fired = answer.map(|a| a.fired.as_slice()).unwrap_or_default();
            for fired in fired {
                let mut verdict = self.verdict(asked, fired, None);
                verdict.kind = VerdictKind::Violation;
                if let Some(missing) = &gap.missing {
                    verdict.kind = VerdictKind::Undeclared(vec![missing.clone()]);
                    verdict.needed_by.clone_from(&gap.rules);
                }
                verdicts.push(verdict);
            }
            if gap.kind == Gap::UNPERMITTED && fired.is_empty() {
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

/// How many things of each workflow each policy was asked about.
fn covered(asked: &[Asked<'_>], put_to: &[Arc<[PolicyId]>]) -> Coverage {
    type Things<'a> = BTreeSet<(u8, u32, &'static str, &'a str)>;
    let mut things: BTreeMap<(PolicyId, Option<WorkflowId>), Things<'_>> = BTreeMap::new();
    for asked in asked {
        for policy in put_to.get(asked.question.0 as usize).into_iter().flat_map(|slice| slice.iter()) {
            things.entry((*policy, asked.workflow)).or_default().insert(asked.subject.key());
        }
    }
    things.into_iter().map(|(key, things)| (key, things.len())).collect()
}

/// The entity type behind the word for a declared thing.
fn entity_of(noun: &str) -> &'static str {
    match noun {
        "agreement" => "Agreement",
        "evidence" => "Evidence",
        "waiver" => "Waiver",
        "decision" | "approval" => "Attestation",
        "provider facts" => "ProviderFact",
        _ => "Project",
    }
}
