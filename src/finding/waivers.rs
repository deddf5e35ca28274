//! Waivers: accepted violations. One that is expired, incomplete or not allowed is a finding of its own and covers nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::declare::Declared;
use crate::graph::FlowGraph;
use crate::judge::{Judge, Subject, Verdict, VerdictKind};
use crate::load::Value;
use crate::problem::Span;
use crate::propagate::Propagation;

use super::WaiverNames;

/// The surface a waiver speaks of when it names none.
const DEFAULT_SURFACE: &str = "body";

/// Verdicts, with those each valid waiver covers set apart, and the places in the file of valid waivers that cover none.
type Split<'d> = (Vec<Verdict<'d>>, Vec<(WaiverNames, Vec<Verdict<'d>>)>, Vec<usize>);

/// Which verdicts a valid waiver covers.
#[must_use]
pub fn waived<'d>(judge: &Judge<'_, '_, 'd>, propagation: &Propagation<'_, 'd>, verdicts: &[Verdict<'d>], honour: bool) -> Vec<bool> {
    let valid = if honour { valid(judge, verdicts) } else { Vec::new() };
    let rules = by_rule(&valid);
    let covered = |verdict: &Verdict<'d>| first(judge, propagation, &valid, &rules, verdict).is_some();
    verdicts.iter().map(covered).collect()
}

/// The places of valid waivers in their list, by the rule they name.
type ByRule<'d> = BTreeMap<&'d str, Vec<usize>>;

fn by_rule<'d>(valid: &[(usize, Declared<'d>)]) -> ByRule<'d> {
    let mut rules = ByRule::new();
    for (n, (_, waiver)) in valid.iter().enumerate() {
        rules.entry(waiver.text("rule").unwrap_or_default()).or_default().push(n);
    }
    rules
}

/// The first waiver that covers a verdict.
fn first<'d>(
    judge: &Judge<'_, '_, 'd>,
    propagation: &Propagation<'_, 'd>,
    valid: &[(usize, Declared<'d>)],
    rules: &ByRule<'d>,
    verdict: &Verdict<'d>,
) -> Option<usize> {
    let policy = &judge.policies.table[verdict.policy];
    let of = |rule: &str| {
        let named = rules.get(rule).into_iter().flatten().copied();
        named.into_iter().find(|n| valid.get(*n).is_some_and(|(_, w)| covers(judge, judge.base.graph, propagation, *w, verdict)))
    };
    of(&policy.rule).into_iter().chain(of(&policy.id)).min()
}

/// Waivers that no verdict is about, with their places in the file.
fn valid<'d>(judge: &Judge<'_, '_, 'd>, verdicts: &[Verdict<'d>]) -> Vec<(usize, Declared<'d>)> {
    let Some(document) = judge.base.graph.declarations.waivers else { return Vec::new() };
    let named = verdicts.iter().filter_map(|v| match &v.subject {
        Subject::Declared { noun: "waiver", declared, .. } => Some(declared.value.span()),
        _ => None,
    });
    let named: BTreeSet<Span> = named.collect();
    let refused = |value: &Value<'d>| named.contains(&value.span());
    let items = document.root().get("waivers").into_iter().flat_map(Value::items).enumerate();
    items.filter(|(_, value)| !refused(value)).map(|(n, value)| (n, Declared { document, value })).collect()
}

pub(super) fn split<'d>(
    judge: &Judge<'_, '_, 'd>,
    propagation: &Propagation<'_, 'd>,
    verdicts: Vec<Verdict<'d>>,
    honour: bool,
) -> Split<'d> {
    if !honour {
        return (verdicts, Vec::new(), Vec::new());
    }
    let valid = valid(judge, &verdicts);
    let rules = by_rule(&valid);
    let mut covered: Vec<(WaiverNames, Vec<Verdict<'d>>)> = valid.iter().map(|(_, w)| (names(*w), Vec::new())).collect();
    let mut open = Vec::new();
    for verdict in verdicts {
        match first(judge, propagation, &valid, &rules, &verdict).and_then(|n| covered.get_mut(n)) {
            Some((_, list)) => list.push(verdict),
            None => open.push(verdict),
        }
    }
    let unused = valid.iter().zip(&covered).filter(|(_, (_, list))| list.is_empty()).map(|((n, _), _)| *n).collect();
    covered.retain(|(_, list)| !list.is_empty());
    (open, covered, unused)
}

fn names(waiver: Declared<'_>) -> WaiverNames {
    let text = |key: &str| waiver.text(key).unwrap_or_default().to_owned();
    let line = waiver.document.file().line_column(waiver.value.span().start).0;
    WaiverNames { reason: text("reason"), approver: text("approver"), expires: text("expires"), line }
}

/// Does a waiver name this rule, workflow, place and datum? What it does not name it does not cover; a wildcard is written out.
fn covers(
    judge: &Judge<'_, '_, '_>,
    graph: &FlowGraph<'_>,
    propagation: &Propagation<'_, '_>,
    waiver: Declared<'_>,
    verdict: &Verdict<'_>,
) -> bool {
    let policy = &judge.policies.table[verdict.policy];
    let is = |key: &str, name: &str| waiver.text(key).is_some_and(|w| w == "*" || w == name);
    let rule = waiver.text("rule").is_some_and(|r| r == policy.rule || r == policy.id);
    let workflow = verdict.workflow.map_or_else(|| waiver.text("workflow") == Some("*"), |w| is("workflow", graph.workflows[w].id));
    let place = match &verdict.subject {
        Subject::Flow(edge) => {
            let edge = &graph.edges[*edge];
            is("from", &graph.nodes[edge.from].id) && is("to", &graph.nodes[edge.to].id)
        }
        Subject::Node(node) => is("node", &graph.nodes[*node].id),
        Subject::Workflow(_) => true,
        Subject::Declared { noun, name, .. } => *noun != "waiver" && is("node", name),
    };
    let surface = |item| match waiver.text("surface") {
        Some(surface) => surface == "*" || surface == propagation.surface(item),
        None => propagation.surface(item) == DEFAULT_SURFACE,
    };
    let datum = verdict
        .datum
        .map_or_else(|| waiver.text("datum") == Some("*"), |(item, _)| is("datum", &propagation.datum_name(item)) && surface(item));
    // Another customer's contract, or the next fact that is missing, was not what somebody accepted.
    let contract = verdict.contract.is_none_or(|c| is("contract", c));
    let fact = match &verdict.kind {
        VerdictKind::Undeclared(missing) => missing.iter().all(|m| is("fact", &m.fact)),
        VerdictKind::Violation => true,
    };
    policy.waivable && rule && workflow && place && datum && contract && fact
}
