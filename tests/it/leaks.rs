//! Ways in which a declaration could look harmless and was not: each was a leak that passed, or could have been, and its case is kept.

use flowgate::packs::PackFolder;
use flowgate::{Project, Report, check};

use crate::common::{options, project, root};

/// A clinic, a vendor, and facts enough that only the leak is left to find.
const CLINIC: &str = "\
version: 1
roles: [hipaa_covered_entity]
packs: [core, hipaa]
parties: { acme: { relation: self }, mart: { relation: processor } }
defaults:
  source: { operator: acme, at_rest: customer_key, audit_log: none }
  step: { operator: acme, audit_log: none }
  store: { operator: acme, at_rest: customer_key, audit_log: none }
  flow: { tls: true, network: internal }
";
const EHR: &str = "ehr: { location: x, subject: patient, fields: { note: regulated.health.note, name: id.name } }";
const EP: &str = "endpoints: { ep: { operator: mart, deployment: hosted, model_version: x } }";

fn run(file: &str, body: &str) -> Report {
    check(&project(file, &[&format!("workflow: w\nstage: pilot\n{body}")]), &options())
}

/// The clinic's workflow between the record system and the vendor's model.
fn clinic(middle: &str, flows: &str) -> Report {
    run(CLINIC, &format!("sources: {{ {EHR}, crm: {{ location: y, fields: {{ t: public }} }} }}\n{middle}\n{EP}\nflows: [ {flows} ]"))
}

#[track_caller]
fn finds(report: &Report, rule: &str) {
    let found: Vec<&str> = report.findings.iter().map(|f| f.rule.as_str()).collect();
    assert!(found.contains(&rule), "{rule} not in {found:?}; problems {:?}", report.problems);
}

#[track_caller]
fn stops(report: &Report, code: &str) {
    let codes: Vec<&str> = report.problems.iter().map(|p| p.code).collect();
    assert!(codes.contains(&code), "{code} not in {codes:?}");
}

#[test]
fn the_plain_leak_is_found() {
    let report = clinic("", "{ from: ehr, to: ep, fields: [note] }");
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    finds(&report, "hipaa/baa-missing");
}

#[test]
fn a_field_that_a_flow_names_and_no_datum_is_cannot_be_judged() {
    let flows = "{ from: ehr, to: s, fields: [note] }, { from: crm, to: s, fields: [t] }, { from: s, to: ep, fields: [crm.note, t] }";
    stops(&clinic("steps: { s: { type: convert } }", flows), "propagate/idle-flow");
    stops(
        &clinic("stores: { k: {} }", "{ from: ehr, to: ep, fields: [note] }, { from: ep, to: k, fields: [results] }"),
        "propagate/idle-flow",
    );
}

#[test]
fn an_input_nobody_takes_from_cannot_be_judged() {
    let step = "steps: { s: { type: custom, outputs: { default: [ { forward: [body] } ] } } }";
    stops(&clinic(step, "{ from: ehr, to: s, input: bdy, fields: [note] }, { from: s, to: ep, fields: \"*\" }"), "graph/unknown-input");
}

#[test]
fn a_label_taken_off_in_either_branch_is_laundering() {
    for branch in ["{ when: regulated, remove: [phi, regulated] }", "{ when: public, else: { remove: [phi, regulated] } }"] {
        let step = format!("steps: {{ s: {{ type: custom, version: v1, outputs: {{ default: [ {{ forward: \"*\" }}, {branch} ] }} }} }}");
        finds(&clinic(&step, "{ from: ehr, to: s, fields: [note] }, { from: s, to: ep, fields: [note] }"), "core/label-laundering");
    }
}

#[test]
fn a_datum_made_from_nothing_is_what_its_classes_say() {
    let step =
        "steps: { s: { type: custom, version: v1, outputs: { default: [ { emit: copy, classes: [regulated.health.note, id.name] } ] } } }";
    finds(&clinic(step, "{ from: s, to: ep, fields: [copy] }"), "hipaa/baa-missing");
}

#[test]
fn what_is_half_redacted_is_not_redacted() {
    let file = CLINIC.replace("packs: [core, hipaa]", "packs: [core, route]").replace("[hipaa_covered_entity]", "[]");
    let source = |id: &str, field: &str| {
        format!("{id}: {{ location: x, raw_may_leave: redacted_only, surfaces: [body], fields: {{ {field}: customer.ticket }} }}")
    };
    let body = format!(
        "sources: {{ {}, {} }}\nsteps:\n  r: {{ type: redact, removes: [id], surfaces: [body], version: v1 }}\n  j: {{ type: custom, version: v1, outputs: {{ default: [ {{ emit: joined, of: [x, y] }} ] }} }}\n{EP}\n\
         flows: [ {{ from: a, to: r, fields: [t] }}, {{ from: r, to: j, input: x, fields: [t] }}, {{ from: b, to: j, input: y, fields: [u] }}, {{ from: j, to: ep, fields: [joined] }} ]",
        source("a", "t"),
        source("b", "u")
    );
    let report = run(&file, &body);
    let data: Vec<&str> =
        report.findings.iter().filter(|f| f.rule == "route/raw-must-stay").flat_map(|f| &f.data).map(|d| d.name.as_str()).collect();
    assert_eq!(data, ["a.t", "b.u"], "{:?}", report.problems);
}

#[test]
fn a_hosted_service_is_not_run_by_the_project() {
    for operator in ["operator: acme", "host: srv"] {
        let endpoint =
            format!("stores: {{ srv: {{}} }}\nendpoints: {{ ep: {{ service: openai/responses, {operator}, retention_mode: default }} }}");
        let body = format!("sources: {{ {EHR} }}\n{endpoint}\nflows: [ {{ from: ehr, to: ep, fields: [note] }} ]");
        stops(&run(CLINIC, &body), "graph/operator-contradicts-service");
    }
}

#[test]
fn outputs_of_an_endpoints_own_do_not_empty_the_providers_log() {
    let file = CLINIC.replace("packs: [core, hipaa]", "packs: [core, contract]").replace("[hipaa_covered_entity]", "[]")
        + "agreements: { k: { type: customer_contract, parties: [acme], status: signed, effective: 2020-01-01, expires: none, max_retention: P7D } }\n";
    for outputs in ["", ", outputs: { completion: [ { emit: answer, of: \"*\" } ] }"] {
        let body = format!(
            "sources: {{ s: {{ location: x, contracts: [k], fields: {{ t: customer.ticket }} }} }}\nendpoints: {{ ep: {{ service: openai/responses, retention_mode: default{outputs} }} }}\nflows: [ {{ from: s, to: ep, fields: [t] }} ]"
        );
        let report = run(&file, &body);
        let found: Vec<_> = report.findings.iter().map(|f| (&f.rule, &f.subject)).collect();
        assert!(
            found.iter().any(|(rule, _)| rule.starts_with("contract/provider-retention")),
            "{outputs}: {found:?} {:?}",
            report.problems
        );
    }
}

#[test]
fn a_copy_of_a_shared_node_is_judged_in_every_workflow_that_fills_it() {
    let file = format!(
        "{CLINIC}sources: {{ {EHR}, crm: {{ location: y, fields: {{ t: public }} }} }}\nstores: {{ vec: {{ copies: {{ backup: {{ at_rest: none }} }} }} }}\n"
    );
    let workflows = [
        "workflow: a\nstage: draft\nflows: [ { from: crm, to: vec, fields: [t] } ]",
        "workflow: b\nstage: production\nflows: [ { from: ehr, to: vec, fields: [note] } ]",
    ];
    let report = check(&project(&file, &workflows), &options());
    let found: Vec<Option<&str>> =
        report.findings.iter().filter(|f| f.rule == "hipaa/encrypt-rest").map(|f| f.workflow.as_deref()).collect();
    assert!(found.contains(&Some("b")), "{found:?} {:?}", report.problems);
}

/// The range a widened flow becomes stands for every set in it, for permits as for rules.
#[test]
fn widening_never_permits_what_an_alternative_would_not() {
    let folder = std::env::temp_dir().join(format!("flowgate-leaks-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let permit = |condition: &str| format!("permit ({condition}, action == Flowgate::Action::\"receive\", resource{});\n", "");
    let permits = permit("principal is Flowgate::Step")
        + &["id", "regulated"]
            .map(|class| {
                format!("permit (principal, action == Flowgate::Action::\"receive\", resource in Flowgate::Class::\"{class}\");\n")
            })
            .concat();
    std::fs::write(folder.join("permit.cedar"), permits).unwrap();
    let file = format!("{CLINIC}permit: permit.cedar\n");
    let body = "sources: { src: { location: x, fields: { t: [id.name, regulated.health.note] } } }\n\
                steps: { f: { type: filter, removes: [id, regulated], surfaces: [body], version: v1 }, j: { type: convert } }\nstores: { s: {} }\n\
                flows: [ { from: src, to: f, fields: [t] }, { from: f, to: j, fields: [t] }, { from: src, to: j, fields: [t] }, { from: j, to: s, fields: [t] } ]";
    for cap in [64, 1] {
        let mut project = project(&file, &[&format!("workflow: w\nstage: pilot\n{body}")]);
        project.folder = Some(flowgate::load::Folder::Disk(folder.clone()));
        let mut options = options();
        options.variant_cap = cap;
        let report = check(&project, &options);
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        finds(&report, "core/unpermitted");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// `tests/leaks/range`: a secret reaches the shelf over one way and not over the other. Kept apart, a secret leaves it; as a range it may or may not. The rule that
/// wants one to leave cannot be decided then, at the shelf and nowhere else; the one that wants none hears of what may be there as of what is.
#[test]
fn a_rule_that_wants_something_there_is_not_satisfied_by_a_range() {
    let folder = root().join("tests/leaks/range");
    let run = |rule: &str, cap| {
        let mut options = options();
        options.selection.private = vec![PackFolder::on_disk(&folder.join("pack"))];
        options.selection.only = Some([format!("pack/{rule}")].into());
        options.variant_cap = cap;
        let report = check(&Project::read(&folder, &options.limits), &options);
        let about = report.findings.iter().map(|f| format!("{}:{}", f.rule, f.primary.file.line_column(f.primary.span.start).0));
        let problems = report.problems.iter().map(|p| {
            let place = p.places.first().unwrap();
            format!("{}: {} at {}", p.code, p.message, place.file.line_column(place.span.start).0)
        });
        about.chain(problems).collect::<Vec<_>>()
    };
    let open = "judge/open-fact: `leaves_with` of `shelf` is open: its data are a range past the variant cap, and policies read it at 8";
    assert_eq!(run("wants", 64), Vec::<String>::new());
    assert_eq!(run("wants", 1), [open]);
    for cap in [64, 1] {
        assert_eq!(run("hears", cap), ["pack/hears:8"], "cap {cap}");
    }
}

#[test]
fn exactly_one_party_is_the_project() {
    let body = format!("sources: {{ {EHR} }}\n{EP}\nflows: [ {{ from: ehr, to: ep, fields: [note] }} ]");
    stops(&run(&CLINIC.replace("mart: { relation: processor }", "mart: { relation: self }"), &body), "graph/two-selves");
    stops(&run(&CLINIC.replace("acme: { relation: self }", "acme: { relation: affiliate }"), &body), "graph/no-self");
}

#[test]
fn what_takes_no_waiver_is_not_lowered_either() {
    let file = CLINIC.replace("packs: [core, hipaa]", "packs: [core, route]")
        + "severity: { route/never-leave-secret: { level: note, reason: x }, route/raw-must-stay: { level: note, reason: x } }\n";
    let body = format!(
        "sources: {{ s: {{ location: x, fields: {{ k: code.secret.api_key }} }} }}\n{EP}\nflows: [ {{ from: s, to: ep, fields: [k] }} ]"
    );
    let report = run(&file, &body);
    stops(&report, "judge/lowered");
    let severity = |rule: &str| report.findings.iter().find(|f| f.rule == rule).map(|f| f.severity.word());
    assert_eq!(severity("route/never-leave-secret"), Some("error"));
}

/// A name that means nothing is reported once, by the stage that knows names.
#[test]
fn a_misspelt_class_in_a_step_is_no_internal_error() {
    let report = clinic(
        "steps: { r: { type: redact, removes: [id.nmae], surfaces: [body], version: v1 } }",
        "{ from: ehr, to: r, fields: [note] }, { from: r, to: ep, fields: [note] }",
    );
    let codes: Vec<&str> = report.problems.iter().map(|p| p.code).collect();
    assert_eq!(codes, ["graph/unknown-class"]);
    finds(&report, "hipaa/baa-missing");
}

#[test]
fn an_operator_nobody_declares_is_outside_and_is_said_once() {
    let report = run(
        CLINIC,
        &format!("sources: {{ {EHR} }}\nendpoints: {{ ep: {{ operator: nobody }} }}\nflows: [ {{ from: ehr, to: ep, fields: [note] }} ]"),
    );
    let codes: Vec<&str> = report.problems.iter().map(|p| p.code).collect();
    assert_eq!(codes, ["graph/unknown-party"]);
    finds(&report, "hipaa/baa-missing");
    assert!(report.findings.iter().all(|f| f.rule != "core/unmodelled-processor"));
}

/// Waivers cover what they name: not the next contract, not the next missing fact.
#[test]
fn a_waiver_covers_what_it_names() {
    use flowgate::load::{Document, Format, Limits};
    let waived = |waiver: &str| {
        let text = format!(
            "waivers:\n  - {{ rule: core/unknown-fact, workflow: w, node: k, datum: \"*\", reason: r, approver: maya, expires: 2027-01-01{waiver} }}\n"
        );
        let file = CLINIC.replace(", audit_log: none", "") + "people: { maya: { name: Maya } }\n";
        let body =
            format!("sources: {{ {EHR} }}\nstores: {{ k: {{ audit_log: none }} }}\nflows: [ {{ from: ehr, to: k, fields: [note] }} ]");
        let mut project =
            project(&file, &[&format!("workflow: w\nstage: pilot\n{}", body.replace("audit_log: none", "description: none"))]);
        project.waivers = Some(Document::parse("flowgate.waivers.yaml", text.into_bytes(), Format::Yaml, &Limits::default()).unwrap());
        let report = check(&project, &options());
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        report.waived.len()
    };
    assert_eq!(waived(""), 0, "a waiver that names no fact covers none");
    assert_eq!(waived(", fact: audit_log"), 1);
    assert_eq!(waived(", fact: retention"), 0);
}

/// A misspelt service or fact under `providers` would leave the profile's milder word standing.
#[test]
fn what_is_said_of_a_provider_is_about_something() {
    let body = format!("sources: {{ {EHR} }}\n{EP}\nflows: [ {{ from: ehr, to: ep, fields: [note] }} ]");
    let facts = |service: &str, fact: &str| {
        format!("{CLINIC}providers: {{ {service}: {{ facts: {{ {fact}: {{ value: opted_in, as_of: 2026-06-01, source: x }} }} }} }}\n")
    };
    stops(&run(&facts("openai/response", "training_use"), &body), "graph/unknown-service");
    stops(&run(&facts("openai/responses", "training_uses"), &body), "graph/unknown-fact");
    assert_eq!(run(&facts("openai/responses", "training_use"), &body).problems.len(), 0);
}

/// A draft fills a shared store and production reads it: the store is as far as production.
#[test]
fn a_shared_store_is_as_far_as_the_furthest_workflow_that_uses_it() {
    let file = format!("{CLINIC}stores: {{ pool: {{ at_rest: none }} }}\n");
    let fills =
        |stage: &str| format!("workflow: a\nstage: {stage}\nsources: {{ {EHR} }}\nflows: [ {{ from: ehr, to: pool, fields: [note] }} ]");
    let reads = "workflow: b\nstage: production\noutputs: { out: { operator: acme } }\nflows: [ { from: pool, to: out, fields: [note] } ]";
    let alone = check(&project(&file, &[&fills("draft")]), &options());
    assert!(!alone.findings.iter().any(|f| f.rule == "hipaa/encrypt-rest"), "a draft by itself is not asked");
    finds(&check(&project(&file, &[&fills("draft"), reads]), &options()), "hipaa/encrypt-rest");
}

/// What another service's agreement promises is no promise for this one.
#[test]
fn an_agreement_speaks_of_the_services_it_lists() {
    let file = |other: &str| {
        format!(
            "version: 1\nroles: []\npacks: [core, route]\nparties: {{ acme: {{ relation: self }}, openai: {{ relation: processor }} }}\n\
             agreements:\n  narrow: {{ type: dpa, parties: [acme, openai], services: [openai/responses], classes: [customer.usage], status: signed, effective: 2026-01-01, expires: none }}\n\
             \x20 wide: {{ type: msa, parties: [acme, openai], services: [{other}], status: signed, effective: 2026-01-01, expires: none }}\n"
        )
    };
    let body = "sources: { s: { operator: acme, location: x, raw_may_leave: 'yes', fields: { t: regulated.health.note } } }\n\
                endpoints: { ep: { service: openai/responses, retention_mode: default } }\nflows: [ { from: s, to: ep, fields: [t] } ]";
    finds(&run(&file("openai/batch"), body), "route/never-leave-no-processor");
    let report = run(&file("openai/responses"), body);
    assert!(!report.findings.iter().any(|f| f.rule == "route/never-leave-no-processor"));
}
