//! Whether a project is small enough for its graph to be built. Never builds anything.

use crate::declare::{Declarations, NodeKind};
use crate::load::{Document, Limits, Value, raise};
use crate::problem::Problem;

/// More nodes or flows than the limits let through: the problem points at the first one beyond.
#[must_use]
pub fn too_large(declarations: &Declarations<'_>, limits: &Limits) -> Option<Problem> {
    let documents = || declarations.project.into_iter().chain(declarations.workflows.iter().copied());
    let nodes = documents().flat_map(|d| {
        let declared = NodeKind::ALL.into_iter().filter_map(move |kind| d.root().get(kind.section())).flat_map(Value::entries);
        // A copy that is declared is a node of its own.
        let with_copies = declared.flat_map(|(_, node)| {
            let copies = node.get("copies").into_iter().flat_map(Value::entries).map(|(_, copy)| copy);
            std::iter::once(node).chain(copies)
        });
        with_copies.map(move |node| (d, node))
    });
    let flows = documents().flat_map(|d| d.root().get("flows").into_iter().flat_map(Value::items).map(move |flow| (d, flow)));
    beyond("graph/nodes", "nodes", limits.nodes, nodes).or_else(|| beyond("graph/flows", "flows", limits.flows, flows))
}

fn beyond<'d>(code: &'static str, name: &str, limit: usize, mut found: impl Iterator<Item = (&'d Document, Value<'d>)>) -> Option<Problem> {
    let (document, value) = found.nth(limit)?;
    let place = value.key_span().unwrap_or(value.span());
    let problem = Problem::new(code, format!("more than {limit} {name} in one project, the limit is {limit}"));
    Some(
        problem
            .at(document.file(), place, format!("number {}", limit + 1))
            .help(format!("give a part of the project a `flowgate.yaml` of its own; or {}", raise(name))),
    )
}
