//! One cause, one headline: findings that yield to another at the same place become its relatives, and what a copy repeats is folded into the
//! flow that filled it.

use std::collections::BTreeSet;

use super::{Finding, SubjectNames};
use crate::judge::{Judge, Stage};

/// A place: workflow, subject and contract.
type Key = (Option<String>, SubjectNames, Option<String>);

pub(super) fn fold(judge: &Judge<'_, '_, '_>, findings: Vec<Finding>) -> Vec<Finding> {
    let findings = fold_yielding(judge, findings);
    fold_missing(judge, fold_draft(judge, fold_repeats(findings)))
}

/// Is the finding about a workflow that is still a draft?
fn is_draft(judge: &Judge<'_, '_, '_>, finding: &Finding) -> bool {
    let own = judge.base.graph.workflows.rows().iter().find(|w| Some(w.id) == finding.workflow.as_deref());
    own.and_then(|w| w.document.root().get("stage")?.as_str()) == Some(Stage::Draft.word())
}

/// In a draft a rule about nodes gives one finding for all of them: what nobody has written down yet is most often one decision.
fn fold_draft(judge: &Judge<'_, '_, '_>, findings: Vec<Finding>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::new();
    for finding in findings {
        let same = |head: &&mut Finding| {
            let nodes = matches!((&head.subject, &finding.subject), (SubjectNames::Node(_), SubjectNames::Node(_)));
            nodes
                && finding.data.is_empty()
                && head.data.is_empty()
                && finding.undeclared.is_empty()
                && (&head.rule, &head.workflow, head.severity, &head.contract)
                    == (&finding.rule, &finding.workflow, finding.severity, &finding.contract)
                && is_draft(judge, &finding)
        };
        match (kept.iter_mut().find(same), &finding.subject) {
            (Some(head), SubjectNames::Node(node)) => {
                head.repeats.push(node.clone());
                head.repeats.extend(finding.repeats.clone());
                head.repeats.sort();
                head.repeats.dedup();
                head.related.push(crate::problem::Place { label: "here, too".to_owned(), ..finding.primary.clone() });
            }
            _ => kept.push(finding),
        }
    }
    kept
}

/// One missing fact in many places of a workflow is one finding: it is one decision to write down, often under `defaults`. A draft has much to write
/// down still: all that is missing in it is one finding.
fn fold_missing(judge: &Judge<'_, '_, '_>, findings: Vec<Finding>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::new();
    for finding in findings {
        let same = |head: &&mut Finding| {
            !finding.needed_by.is_empty()
                && (&head.rule, &head.workflow, head.severity) == (&finding.rule, &finding.workflow, finding.severity)
                && (facts(head) == facts(&finding) || is_draft(judge, &finding))
        };
        let Some(head) = kept.iter_mut().find(same) else {
            kept.push(finding);
            continue;
        };
        let again = facts(head).is_superset(&facts(&finding));
        let label =
            facts(&finding).first().map(|fact| format!("`{fact}` is missing here{}", if again { ", too" } else { "" })).unwrap_or_default();
        head.related.push(crate::problem::Place { label, ..finding.primary });
        head.undeclared.extend(finding.undeclared);
        head.undeclared.sort();
        head.undeclared.dedup();
        head.needed_by.extend(finding.needed_by);
        head.needed_by.sort();
        head.needed_by.dedup();
    }
    for finding in kept.iter_mut().filter(|f| !f.needed_by.is_empty()) {
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

fn key(finding: &Finding) -> Key {
    (finding.workflow.clone(), finding.subject.clone(), finding.contract.clone())
}

fn fold_yielding(judge: &Judge<'_, '_, '_>, findings: Vec<Finding>) -> Vec<Finding> {
    let yields_to = |finding: &Finding| {
        let policy = judge.policies.table.iter().map(|(_, p)| p).find(|p| p.id == finding.rule && p.span == finding.policy.place.span)?;
        (!policy.yields_to.is_empty()).then(|| policy.yields_to.clone())
    };
    let headline = |finding: &Finding| -> Option<usize> {
        let wanted = yields_to(finding)?;
        findings.iter().position(|other| {
            let is = |w: &String| other.rule == *w || other.rule.strip_prefix(w.as_str()).is_some_and(|rest| rest.starts_with('.'));
            let named = wanted.iter().any(is);
            // A headline must speak about the same data, or a datum would lose its only finding.
            let same = key(other).0 == key(finding).0 && (other.subject == finding.subject || fills(&other.subject, &finding.subject));
            let contract = other.contract == finding.contract || finding.contract.is_none();
            let form = |d: &str, o: &str| d == o || other.subject != finding.subject;
            let data = finding.data.iter().all(|d| other.data.iter().any(|o| o.name == d.name && form(&d.form, &o.form)));
            named
                && same
                && contract
                && data
                && other.undeclared.is_empty()
                && other.severity >= finding.severity
                && yields_to(other).is_none_or(|w| !w.contains(&finding.rule))
        })
    };
    let headlines: Vec<Option<usize>> = findings.iter().map(headline).collect();
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

/// Does the first flow fill the node that the second, implied one copies from?
fn fills(first: &SubjectNames, second: &SubjectNames) -> bool {
    match (first, second) {
        (SubjectNames::Flow { to, implied: false, .. }, SubjectNames::Flow { from, implied: true, .. }) => to == from,
        _ => false,
    }
}

/// The missing facts a finding is about.
fn facts(finding: &Finding) -> BTreeSet<&str> {
    finding.undeclared.iter().map(|u| u.fact.as_str()).collect()
}

/// A copy or provider-side log gets what its node got: where the node's own finding says so already, the copy's is a repeat.
fn fold_repeats(findings: Vec<Finding>) -> Vec<Finding> {
    let cause = |finding: &Finding| -> Option<usize> {
        let copied = match &finding.subject {
            SubjectNames::Flow { from, implied: true, .. } => from.clone(),
            SubjectNames::Node(node) => node.rsplit_once('.')?.0.to_owned(),
            _ => return None,
        };
        findings.iter().position(|other| {
            let there = match &other.subject {
                SubjectNames::Flow { to, implied: false, .. } => *to == copied,
                SubjectNames::Node(node) => *node == copied,
                _ => false,
            };
            let data = finding.data.iter().all(|d| other.data.iter().any(|o| o.name == d.name));
            there
                && data
                && other.rule == finding.rule
                && other.workflow == finding.workflow
                && other.contract == finding.contract
                && other.severity >= finding.severity
                && facts(other) == facts(finding)
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
