//! A flow that is flagged, and goes.

use std::collections::BTreeSet;

use flowgate::finding::SubjectNames;
use flowgate::load::Value;
use serde_json::Value as Json;

use super::claims::missing;
use super::hold_in;
use super::rewrite::{Draft, flows, text};

/// A flow that is flagged and goes takes its finding with it, and no other flow is flagged for it: what crosses elsewhere is less than before.
///
/// Other flows can be flagged for one new thing: an endpoint that nothing reaches any more still answers, and what it says begins there
/// (`source → step → model → output` without its first flow). What a workflow as a whole lacks without the flow is not a finding about a flow.
#[test]
fn removing_a_flagged_flow_removes_its_finding() {
    hold_in(2, "removing a flagged flow", 200, |subject, tally| {
        let before = subject.before();
        let mut flagged: BTreeSet<(usize, usize)> = BTreeSet::new();
        for finding in &before.findings {
            let SubjectNames::Flow { implied: false, .. } = finding.subject else { continue };
            let at = subject.project.workflows.iter().position(|d| d.file().name == finding.primary.file.name).unwrap();
            let list = subject.project.workflows[at].root().get("flows").unwrap();
            flagged.insert((at, list.items().position(|f: Value<'_>| f.span() == finding.primary.span).unwrap()));
        }
        for (at, place) in flagged {
            let mut draft = Draft::of(&subject.project);
            let list = draft.workflows[at].1.get_mut("flows").and_then(Json::as_array_mut).unwrap();
            let gone = list.remove(place);
            let workflow = text(&draft.workflows[at].1, "workflow").to_owned();
            let (from, to) = (text(&gone, "from"), text(&gone, "to"));
            let twins = flows(&draft.workflows[at].1).iter().any(|f| text(f, "from") == from && text(f, "to") == to);
            let after = subject.check(&draft.project());
            let here = |f: &flowgate::finding::Finding| {
                f.workflow.as_deref() == Some(&workflow)
                    && matches!(&f.subject, SubjectNames::Flow { from: a, to: b, implied: false } if a == from && b == to)
            };
            let mut wrong: Vec<String> =
                after.findings.iter().filter(|f| !twins && here(f)).map(|f| format!("still there: {}", f.rule)).collect();
            // What a model says when nothing is sent to it any more begins there.
            let downstream = reached(&draft, to);
            let begins_there = |name: &str| name.split('.').next().is_some_and(|node| downstream.contains(node));
            let added = missing(&after, &before, |c| {
                matches!(c.finding.subject, SubjectNames::Flow { .. }) && !c.datum_name().is_some_and(begins_there)
            });
            wrong.extend(added.into_iter().map(|a| format!("come: {a}")));
            tally.pair(&format!("without {from} → {to}"), wrong);
        }
    });
}

/// A node, and all that what leaves it can reach.
pub(super) fn reached(draft: &Draft, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::from([from.to_owned()]);
    loop {
        let known = reached.len();
        for flow in draft.workflows.iter().flat_map(|(_, json)| flows(json)) {
            if reached.contains(text(flow, "from")) {
                reached.insert(text(flow, "to").to_owned());
            }
        }
        if reached.len() == known {
            return reached;
        }
    }
}
