//! One cause, one headline: findings that yield to another at the same place become its relatives, and what a copy repeats is folded into the
//! flow that filled it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, SubjectNames};
use crate::graph::Workflow;
use crate::judge::{Judge, Severity, Stage};
use crate::load::Value;

pub(super) fn fold(judge: &Judge<'_, '_, '_>, findings: Vec<Finding>) -> Vec<Finding> {
    let findings = fold_yielding(judge, findings);
    fold_missing(judge, fold_draft(judge, fold_repeats(findings)))
}

/// The workflows that are still drafts.
fn drafts<'d>(judge: &Judge<'_, '_, 'd>) -> BTreeSet<&'d str> {
    let workflows = judge.base.graph.workflows.rows().iter();
    let draft = |w: &&Workflow<'d>| w.document.root().get("stage").and_then(Value::as_str) == Some(Stage::Draft.word());
    workflows.filter(draft).map(|w| w.id).collect()
}

/// In a draft a rule about nodes gives one finding for all of them: what nobody has written down yet is most often one decision.
fn fold_draft(judge: &Judge<'_, '_, '_>, findings: Vec<Finding>) -> Vec<Finding> {
    let drafts = drafts(judge);
    let mut kept: Vec<Finding> = Vec::new();
    let mut heads: BTreeMap<(String, Option<String>, Severity, Option<String>), usize> = BTreeMap::new();
    for finding in findings {
        let about_node = matches!(finding.subject, SubjectNames::Node(_)) && finding.data.is_empty();
        let key = (finding.rule.clone(), finding.workflow.clone(), finding.severity, finding.contract.clone());
        let in_draft = finding.undeclared.is_empty() && finding.workflow.as_deref().is_some_and(|w| drafts.contains(w));
        let head = heads.get(&key).filter(|_| about_node && in_draft).and_then(|at| kept.get_mut(*at));
        match (head, &finding.subject) {
            (Some(head), SubjectNames::Node(node)) => {
                head.repeats.push(node.clone());
                head.repeats.extend(finding.repeats.clone());
                head.related.push(crate::problem::Place { label: "here, too".to_owned(), ..finding.primary.clone() });
            }
            _ => {
                if about_node {
                    heads.entry(key).or_insert(kept.len());
                }
                kept.push(finding);
            }
        }
    }
    for finding in &mut kept {
        finding.repeats.sort();
        finding.repeats.dedup();
    }
    kept
}

/// What findings about missing facts have in common to be one: rule, workflow, severity and, outside a draft, the facts.
type Common = (String, Option<String>, Severity, Option<BTreeSet<String>>);

/// One missing fact in many places of a workflow is one finding: it is one decision to write down, often under `defaults`. A draft has much to write
/// down still: all that is missing in it is one finding.
fn fold_missing(judge: &Judge<'_, '_, '_>, findings: Vec<Finding>) -> Vec<Finding> {
    let drafts = drafts(judge);
    let mut kept: Vec<Finding> = Vec::new();
    // A head by what its followers have in common with it: in a draft any facts, else the same ones. Beside it, the facts it has by now.
    let mut heads: BTreeMap<Common, (usize, BTreeSet<String>)> = BTreeMap::new();
    for finding in findings {
        let own: BTreeSet<String> = facts(&finding).into_iter().map(str::to_owned).collect();
        let in_draft = finding.workflow.as_deref().is_some_and(|w| drafts.contains(w));
        let key = (finding.rule.clone(), finding.workflow.clone(), finding.severity, (!in_draft).then(|| own.clone()));
        let head = heads.get_mut(&key).filter(|_| !finding.needed_by.is_empty());
        let Some((head, known)) = head.and_then(|(at, known)| Some((kept.get_mut(*at)?, known))) else {
            heads.entry(key).or_insert((kept.len(), own));
            kept.push(finding);
            continue;
        };
        let again = known.is_superset(&own);
        let label = own.first().map(|fact| format!("`{fact}` is missing here{}", if again { ", too" } else { "" })).unwrap_or_default();
        known.extend(own);
        head.related.push(crate::problem::Place { label, ..finding.primary });
        head.undeclared.extend(finding.undeclared);
        head.needed_by.extend(finding.needed_by);
    }
    for finding in kept.iter_mut().filter(|f| !f.needed_by.is_empty()) {
        finding.undeclared.sort();
        finding.undeclared.dedup();
        finding.needed_by.sort();
        finding.needed_by.dedup();
        let several: BTreeSet<String> = facts(finding).into_iter().map(|fact| format!("`{fact}`")).collect();
        if several.len() > 1 {
            let names = several.into_iter().collect::<Vec<_>>().join(", ");
            let rules = if finding.needed_by.len() == 1 { "1 rule".to_owned() } else { format!("{} rules", finding.needed_by.len()) };
            finding.message = format!("{names} are not declared, and {rules} cannot be decided without them");
            finding.help =
                "declare them, on the node or flow or under `defaults`; from the pilot on each is a finding of its own".to_owned();
            finding.fingerprint = super::fingerprint(&[&finding.rule, finding.workflow.as_deref().unwrap_or_default(), "draft"]);
            continue;
        }
        // Named by the fact alone: one more place that lacks it is the same gap.
        let fact = finding.undeclared.first().map(|u| u.fact.clone()).unwrap_or_default();
        finding.fingerprint = super::fingerprint(&[&finding.rule, finding.workflow.as_deref().unwrap_or_default(), &fact]);
    }
    kept
}

fn fold_yielding(judge: &Judge<'_, '_, '_>, findings: Vec<Finding>) -> Vec<Finding> {
    let yields: Vec<&[String]> = findings.iter().map(|finding| yields_to(judge, finding)).collect();
    // Only findings at the same place can be headlines, or those about the flows that fill the node a copy is of.
    let mut at: BTreeMap<(&Option<String>, &SubjectNames), Vec<usize>> = BTreeMap::new();
    let mut into: BTreeMap<(&Option<String>, &str), Vec<usize>> = BTreeMap::new();
    for (n, finding) in findings.iter().enumerate() {
        at.entry((&finding.workflow, &finding.subject)).or_default().push(n);
        if let SubjectNames::Flow { to, implied: false, .. } = &finding.subject {
            into.entry((&finding.workflow, to)).or_default().push(n);
        }
    }
    let headline = |(n, finding): (usize, &Finding)| -> Option<usize> {
        let wanted = yields.get(n).copied().filter(|wanted| !wanted.is_empty())?;
        let here = at.get(&(&finding.workflow, &finding.subject)).into_iter().flatten();
        let filled = match &finding.subject {
            SubjectNames::Flow { from, implied: true, .. } => into.get(&(&finding.workflow, from.as_str())),
            _ => None,
        };
        let mut others: Vec<usize> = here.chain(filled.into_iter().flatten()).copied().collect();
        others.sort_unstable();
        others.into_iter().find(|at| {
            let (Some(other), Some(theirs)) = (findings.get(*at), yields.get(*at)) else { return false };
            let is = |w: &String| other.rule == *w || other.rule.strip_prefix(w.as_str()).is_some_and(|rest| rest.starts_with('.'));
            let contract = other.contract == finding.contract || finding.contract.is_none();
            let form = |d: &str, o: &str| d == o || other.subject != finding.subject;
            // A headline must speak about the same data, or a datum would lose its only finding.
            let data = || finding.data.iter().all(|d| other.data.iter().any(|o| o.name == d.name && form(&d.form, &o.form)));
            wanted.iter().any(is)
                && contract
                && other.undeclared.is_empty()
                && other.severity >= finding.severity
                && !theirs.contains(&finding.rule)
                && data()
        })
    };
    let headlines: Vec<Option<usize>> = findings.iter().enumerate().map(headline).collect();
    let mut kept: Vec<Option<Finding>> = findings.iter().cloned().map(Some).collect();
    for (n, finding) in findings.iter().enumerate() {
        // A chain of yields ends at the first finding that stays.
        let mut at = headlines.get(n).copied().flatten();
        for _ in 0..findings.len() {
            match at.and_then(|a| headlines.get(a).copied().flatten()) {
                Some(next) => at = Some(next),
                None => break,
            }
        }
        if let Some(at) = at.filter(|at| *at != n)
            && let Some(Some(head)) = kept.get_mut(at)
        {
            head.also.push(finding.rule.clone());
            head.also.sort();
            head.also.dedup();
            if let Some(slot) = kept.get_mut(n) {
                *slot = None;
            }
        }
    }
    kept.into_iter().flatten().collect()
}

/// The rules a finding's own clause yields to.
fn yields_to<'j>(judge: &Judge<'j, '_, '_>, finding: &Finding) -> &'j [String] {
    let policy = judge.policies.table.iter().map(|(_, p)| p).find(|p| p.id == finding.rule && p.span == finding.policy.place.span);
    policy.map_or(&[], |p| p.yields_to.as_slice())
}

/// The missing facts a finding is about.
fn facts(finding: &Finding) -> BTreeSet<&str> {
    finding.undeclared.iter().map(|u| u.fact.as_str()).collect()
}

/// A copy or provider-side log gets what its node got: where the node's own finding says so already, the copy's is a repeat.
fn fold_repeats(findings: Vec<Finding>) -> Vec<Finding> {
    // What the same rule says of a node, or of a flow into it.
    let mut there: BTreeMap<(&str, &Option<String>, &str), Vec<usize>> = BTreeMap::new();
    for (n, finding) in findings.iter().enumerate() {
        if let SubjectNames::Flow { to: node, implied: false, .. } | SubjectNames::Node(node) = &finding.subject {
            there.entry((finding.rule.as_str(), &finding.workflow, node.as_str())).or_default().push(n);
        }
    }
    let cause = |finding: &Finding| -> Option<usize> {
        let copied = match &finding.subject {
            SubjectNames::Flow { from, implied: true, .. } => from.as_str(),
            SubjectNames::Node(node) => node.rsplit_once('.')?.0,
            _ => return None,
        };
        there.get(&(finding.rule.as_str(), &finding.workflow, copied)).into_iter().flatten().copied().find(|at| {
            findings.get(*at).is_some_and(|other| {
                let data = || finding.data.iter().all(|d| other.data.iter().any(|o| o.name == d.name));
                other.contract == finding.contract && other.severity >= finding.severity && facts(other) == facts(finding) && data()
            })
        })
    };
    let causes: Vec<Option<usize>> = findings.iter().map(cause).collect();
    let mut kept: Vec<Option<Finding>> = findings.iter().cloned().map(Some).collect();
    for (n, finding) in findings.iter().enumerate() {
        let Some(at) = causes.get(n).copied().flatten().filter(|at| *at != n && causes.get(*at).copied().flatten().is_none()) else {
            continue;
        };
        let name = match &finding.subject {
            SubjectNames::Flow { to, .. } => to.clone(),
            SubjectNames::Node(node) => node.clone(),
            _ => continue,
        };
        if let Some(Some(head)) = kept.get_mut(at) {
            head.repeats.push(name);
            head.repeats.sort();
            head.repeats.dedup();
            if let Some(slot) = kept.get_mut(n) {
                *slot = None;
            }
        }
    }
    kept.into_iter().flatten().collect()
}
