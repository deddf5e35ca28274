//! Something unrelated and public beside what is there.

use flowgate::Report;
use flowgate::finding::Finding;
use serde_json::{Value as Json, json};

use super::claims::{differences, problems};
use super::hold;
use super::rewrite::{Draft, SECTIONS, flows, section, section_mut, text};
use crate::common::essence;

/// The name of the workflow, and what the new nodes' names begin with: before most others, so that the numbers of all others move.
const NEW: &str = "aa-unrelated";

/// A workflow of its own at draft stage, in which something public goes from a source into a store of the project's own, changes nothing and has no
/// findings. A project with a permit list of its own says of the new flow that nothing permits it, and nothing else.
#[test]
fn an_unrelated_workflow_changes_nothing() {
    hold("an unrelated workflow", 350, |subject, tally| {
        let before = subject.before();
        let mut draft = Draft::of(&subject.project);
        let mut workflow = json!({ "workflow": NEW, "stage": "draft" });
        let owner = own_party(&draft);
        add_pair(&mut workflow, &owner, "stores", json!({}), json!({}));
        draft.workflows.push((format!("{NEW}.flow.yaml"), workflow));
        let own_list = own_permits(&draft);
        let wrong = changed(&before, &subject.check(&draft.project()));
        tally.pair(
            "beside it",
            wrong.into_iter().filter(|line| !(own_list && line.starts_with("+ core/unpermitted ") && line.contains(NEW))).collect(),
        );
    });
}

/// The same pair of nodes in a workflow that is there changes nothing, where the workflow has such nodes already: a rule that asks whether a workflow has
/// a store at all is answered by an unrelated one, too.
#[test]
fn an_unrelated_flow_in_a_workflow_changes_nothing() {
    hold("an unrelated flow in a workflow", 150, |subject, tally| {
        let before = subject.before();
        let draft = Draft::of(&subject.project);
        if own_permits(&draft) {
            return;
        }
        for at in 0..draft.workflows.len() {
            let mut draft = draft.clone();
            let owner = own_party(&draft);
            let Some(sink) = kind_of_sink(&draft, at) else { continue };
            let document = &mut draft.workflows[at].1;
            let permission = flows(document).iter().find_map(|f| f.get("permission").cloned());
            let flow = permission.map_or_else(|| json!({}), |permission| json!({ "permission": permission }));
            let audience = section(document, "outputs").find_map(|(_, o)| o.get("audience").cloned());
            let node = if sink == "outputs" { audience.map_or_else(|| json!({}), |a| json!({ "audience": a })) } else { json!({}) };
            add_pair(document, &owner, sink, node, flow);
            tally.pair(&format!("in {}", draft.workflows[at].0), changed(&before, &subject.check(&draft.project())));
        }
    });
}

/// The project has a list of its own of what may be received: what it does not name is refused, public or not.
fn own_permits(draft: &Draft) -> bool {
    draft.file.as_ref().is_some_and(|file| file.get("permit").is_some())
}

/// The party that is the project itself.
fn own_party(draft: &Draft) -> Option<String> {
    let file = draft.file.as_ref()?;
    section(file, "parties").find(|(_, p)| text(p, "relation") == "self").map(|(id, _)| id.clone())
}

/// A kind of node that only receives and that some flow of the workflow touches, where a source is touched, too.
fn kind_of_sink(draft: &Draft, at: usize) -> Option<&'static str> {
    let document = &draft.workflows[at].1;
    let touched: Vec<&str> = flows(document).iter().flat_map(|f| [text(f, "from"), text(f, "to")]).collect();
    let has = |kind: &str| {
        let nodes = [Some(document), draft.file.as_ref()].into_iter().flatten().flat_map(|d| section(d, kind));
        nodes.into_iter().any(|(id, _)| touched.contains(&id.as_str()))
    };
    has(SECTIONS[0]).then(|| ["stores", "logs", "outputs"].into_iter().find(|kind| has(kind)))?
}

/// A source with one public field, a node that gets it, and the flow between them, with every fact about them that some rule asks for.
fn add_pair(document: &mut Json, owner: &Option<String>, sink: &str, more: Json, flow_more: Json) {
    let with = |json: Json, more: &Json| {
        let mut json = json;
        for (key, value) in more.as_object().unwrap() {
            json[key] = value.clone();
        }
        json
    };
    let operator = owner.as_ref().map_or_else(|| json!({}), |owner| json!({ "operator": owner }));
    let facts = json!({
        "zone": "own_premises", "at_rest": "customer_key", "retention": "P30D", "retention_clock": "created", "delete_path": "api",
        "authn": "individual", "mfa": true, "roles_allowed": ["staff"], "audit_log": "none", "managed": true,
        "storage_regions": ["global"], "processing_regions": ["global"], "copies": {}
    });
    let (source, to) = (format!("{NEW}-source"), format!("{NEW}-sink"));
    let fields = json!({ "location": "own-shelf", "subject": "none", "raw_may_leave": "yes", "surfaces": ["body"], "fields": { "notice": "public" } });
    let node = with(facts.clone(), &operator);
    section_mut(document, SECTIONS[0]).insert(source.clone(), with(node.clone(), &fields));
    section_mut(document, sink).insert(to.clone(), with(node, &more));
    let flow = json!({ "from": source, "to": to, "fields": ["notice"], "tls": true, "network": "internal", "auth": "mtls" });
    let list = document.as_object_mut().unwrap().entry("flows").or_insert_with(|| json!([]));
    list.as_array_mut().unwrap().push(with(flow, &flow_more));
}

fn changed(before: &Report, after: &Report) -> Vec<String> {
    let lines = |report: &Report| {
        let mut lines: Vec<String> = report.findings.iter().chain(&report.waived).map(|f: &Finding| essence(f)).collect();
        lines.extend(problems(report));
        lines.sort();
        lines
    };
    differences(&lines(before), &lines(after))
}
