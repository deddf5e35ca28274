//! The same project over other files. A workflow is one file (design, section 1), so what can be spread is where its nodes are declared: in its own file or
//! in the project file, where any workflow may name them.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::claims::differences;
use super::rewrite::{Draft, SECTIONS, flows, section, section_mut, text};
use super::spelling::said;
use super::{hold, hold_in};

/// Declaring a workflow's nodes in the project file changes nothing, as long as they are the nodes of that one workflow; nor does the way back.
///
/// Left where they are: nodes no flow touches (a shared node that nobody uses is nobody's), everything in a workflow with case types but its sources and
/// sinks (a datum that comes out of a shared node enters the workflow anew, with all of its cases), and nodes that name another node of the
/// workflow (a shared node knows shared ones only). Workflows with evidence of their own are left out: it speaks of their own nodes.
#[test]
fn nodes_declared_in_the_project_file_change_nothing() {
    hold("nodes into the project file", 250, |subject, tally| {
        let draft = Draft::of(&subject.project);
        if draft.workflows.len() != 1 || draft.file.is_none() || draft.workflows[0].1.get("evidence").is_some() {
            return;
        }
        let plain = said(&subject.before());
        let mut moved = draft.clone();
        let document = &draft.workflows[0].1;
        let ends = |key: &str| flows(document).iter().map(|f| text(f, key).to_owned()).collect::<BTreeSet<String>>();
        let (from, to) = (ends("from"), ends("to"));
        let cases = document.get("case_types").is_some();
        let mut count = 0;
        for kind in SECTIONS {
            for (id, node) in section(document, kind) {
                let touched = from.contains(id) || to.contains(id);
                let passes = from.contains(id) && kind != SECTIONS[0];
                let written = node.to_string();
                let mut staying = SECTIONS.iter().flat_map(|k| section(document, k)).map(|(other, _)| other);
                let names_one = staying.any(|other| other != id && written.contains(&format!("\"{other}\"")));
                if !touched || (cases && passes) || names_one {
                    continue;
                }
                moved.workflows[0].1[kind].as_object_mut().unwrap().shift_remove(id);
                section_mut(moved.file.as_mut().unwrap(), kind).insert(id.clone(), node.clone());
                count += 1;
            }
        }
        moved.workflows[0].1.as_object_mut().unwrap().retain(|_, v| !v.as_object().is_some_and(serde_json::Map::is_empty));
        if count > 0 {
            tally.pair("all at once", differences(&plain, &said(&subject.check(&moved.project()))));
        }
    });
}

/// Two files that declare one workflow are an error with both places, and never half a workflow.
#[test]
fn a_workflow_is_one_file() {
    hold_in(24, "a workflow in two files", 60, |subject, tally| {
        let mut draft = Draft::of(&subject.project);
        let Some((name, document)) = draft.workflows.first().cloned() else { return };
        let half: Vec<Json> = flows(&document).iter().take(1).cloned().collect();
        let second = serde_json::json!({ "workflow": text(&document, "workflow"), "flows": half });
        draft.workflows.push((format!("z-{name}"), second));
        let report = subject.check(&draft.project());
        let found = report.problems.iter().find(|p| p.code == "graph/duplicate-workflow").map(|p| p.places.len());
        tally.pair("twice", if found == Some(2) { Vec::new() } else { vec![format!("two places expected, {found:?} found")] });
    });
}
