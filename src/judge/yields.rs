//! Who yields to whom: every rule that is named is there, and no way of yielding leads back to where it began. Never compares findings.

use std::collections::BTreeSet;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::DiGraph;

use super::policies::Policy;
use super::texts::annotation;
use crate::packs::Library;
use crate::problem::{Problem, Span, did_you_mean};

/// What is wrong with the `@yields_to` of these policies.
pub(super) fn check(policies: &[Policy], library: &Library) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut graph: DiGraph<usize, ()> = DiGraph::new();
    let indices: Vec<_> = (0..policies.len()).map(|n| graph.add_node(n)).collect();
    for (n, policy) in policies.iter().enumerate() {
        for name in &policy.yields_to {
            let found: Vec<usize> = policies.iter().enumerate().filter(|(_, p)| p.id == *name || p.rule == *name).map(|(m, _)| m).collect();
            let others = found.iter().filter(|m| **m != n);
            for pair in others.filter_map(|m| Some((*indices.get(n)?, *indices.get(*m)?))) {
                graph.add_edge(pair.0, pair.1, ());
            }
            if found == [n] {
                problems.push(
                    Problem::new("judge/yields-in-a-circle", format!("`{}` yields to itself", policy.id))
                        .at(&policy.file, named_at(policy, name), "this rule")
                        .help("name another rule, or leave `@yields_to` out"),
                );
            } else if found.is_empty() && !is_off(library, name) {
                problems.push(unknown(policy, name, library));
            }
        }
    }
    for circle in kosaraju_scc(&graph).into_iter().filter(|scc| scc.len() > 1) {
        let members: BTreeSet<usize> = circle.into_iter().filter_map(|index| graph.node_weight(index).copied()).collect();
        let members: Vec<&Policy> = members.into_iter().filter_map(|n| policies.get(n)).collect();
        let ids: Vec<String> = members.iter().map(|p| format!("`{}`", p.id)).collect();
        let problem = Problem::new("judge/yields-in-a-circle", format!("{} yield to each other in a circle", ids.join(", ")));
        let problem =
            members.iter().fold(problem, |p, policy| p.at(&policy.file, annotation(&policy.file, policy.span, KEY), "yields from here"));
        problems.push(problem.help("take one `@yields_to` of the circle out: one rule has to be the headline"));
    }
    problems
}

const KEY: &str = "yields_to";

/// The rule is there, in a pack that is off: then nobody knows its codes.
fn is_off(library: &Library, name: &str) -> bool {
    let rule = name.split('.').next().unwrap_or_default();
    library.rules.iter().any(|r| r.id == rule && !r.enabled)
}

fn unknown(policy: &Policy, name: &str, library: &Library) -> Problem {
    let near = did_you_mean(name, library.rules.iter().map(|r| r.id.as_str())).map(|n| format!("did you mean `{n}`? "));
    Problem::new("judge/yields-to-nobody", format!("there is no rule `{name}` to yield to"))
        .at(&policy.file, named_at(policy, name), "no such rule, or no such code of it")
        .help(format!("{}`flowgate rules` lists them all", near.unwrap_or_default()))
}

/// The name inside the annotation.
fn named_at(policy: &Policy, name: &str) -> Span {
    let whole = annotation(&policy.file, policy.span, KEY);
    match policy.file.slice(whole).find(name) {
        Some(at) => Span::new(whole.start as usize + at, whole.start as usize + at + name.len()),
        None => whole,
    }
}
