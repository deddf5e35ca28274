//! Where Cedar lets things through: each trap is refused when the pack loads, or makes the run undecided, and never passes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use flowgate::{Report, check};

use crate::common::{options, project};

const PROJECT: &str = "version: 1\nroles: []\nparties:\n  acme: { relation: self }\n  vendor: { relation: processor }\n";
const FLOW: &str = "workflow: w\nstage: pilot\nsources:\n  desk: { operator: acme, fields: { ticket: customer.ticket, page: public } }\nendpoints:\n  model: { operator: vendor }\nflows:\n  - { from: desk, to: model, fields: [ticket, page] }\n";
const TEXTS: &str = "@title(\"t\") @severity(\"error\") @citation(\"c\") @message(\"m\") @help(\"h\")\n";

/// A private pack with one rule, in a folder that goes when the test is over.
struct Pack(PathBuf);

impl Pack {
    fn new(cedar: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let unique = format!("flowgate-traps-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(unique);
        std::fs::create_dir_all(folder.join("acme/rule")).unwrap();
        std::fs::write(folder.join("acme/PACK.md"), "# acme\n").unwrap();
        std::fs::write(folder.join("acme/rule/rule.cedar"), cedar).unwrap();
        Self(folder)
    }
}

impl Drop for Pack {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn run(cedar: &str) -> Report {
    let pack = Pack::new(cedar);
    let mut options = options();
    options.selection.private.push(flowgate::packs::PackFolder::on_disk(&pack.0.join("acme")));
    check(&project(PROJECT, &[FLOW]), &options)
}

/// The rule is refused with this code, at this text.
#[track_caller]
fn refused(condition: &str, code: &str, underlined: &str) {
    let report = run(&format!("{TEXTS}{condition}"));
    let problem = report.problems.iter().find(|p| p.code == code);
    let problem = problem.unwrap_or_else(|| panic!("{code} expected for {condition}, got {:?}", report.problems));
    let place = problem.places.first().unwrap();
    assert!(place.file.slice(place.span).contains(underlined), "{:?} underlined, not {underlined}", place.file.slice(place.span));
    assert!(place.file.name.ends_with("rule.cedar"));
    assert!(problem.help.is_some());
}

const RECEIVE: &str = "forbid (principal, action == Flowgate::Action::\"receive\", resource)";

#[test]
fn a_rule_that_holds_is_asked() {
    let report = run(&format!("{TEXTS}{RECEIVE} when {{ resource in Flowgate::Class::\"customer\" }};"));
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    let found: Vec<_> = report.findings.iter().filter(|f| f.rule == "acme/rule").collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].data.iter().map(|d| d.name.as_str()).collect::<Vec<_>>(), ["desk.ticket"]);
}

#[test]
fn a_misspelt_class_is_an_error_with_the_valid_names() {
    refused(&format!("{RECEIVE} when {{ resource in Flowgate::Class::\"custmer\" }};"), "judge/bad-policy", "custmer");
    let report = run(&format!("{TEXTS}{RECEIVE} when {{ resource in Flowgate::Class::\"custmer\" }};"));
    assert!(report.problems[0].help.as_deref().unwrap().contains("customer"), "{:?}", report.problems);
}

#[test]
fn a_misspelt_label_in_the_scope_is_an_error() {
    refused(
        "forbid (principal, action == Flowgate::Action::\"receive\", resource in Flowgate::Label::\"phii\");",
        "judge/bad-policy",
        "phii",
    );
}

#[test]
fn an_attribute_read_without_has_is_an_error() {
    refused(&format!("{RECEIVE} unless {{ principal.operator.is_self }};"), "judge/bad-policy", "principal.operator");
}

#[test]
fn an_unknown_attribute_is_an_error() {
    refused(&format!("{RECEIVE} when {{ resource.clasified }};"), "judge/bad-policy", "clasified");
}

#[test]
fn an_unknown_action_is_an_error() {
    refused("forbid (principal, action == Flowgate::Action::\"recieve\", resource);", "judge/bad-policy", "recieve");
}

#[test]
fn a_rule_that_can_never_fire_is_an_error() {
    refused(
        "forbid (principal is Flowgate::Project, action == Flowgate::Action::\"receive\", resource);",
        "judge/suspect-policy",
        "forbid",
    );
}

#[test]
fn arithmetic_that_could_overflow_is_an_error() {
    refused(&format!("{RECEIVE} when {{ principal has requests && principal.requests * 2 > 10 }};"), "judge/arithmetic", "requests * 2");
}

#[test]
fn a_node_named_by_an_entity_id_is_an_error() {
    refused(
        "forbid (principal == Flowgate::Endpoint::\"model\", action == Flowgate::Action::\"receive\", resource);",
        "judge/entity-literal",
        "forbid",
    );
    refused(&format!("{RECEIVE} when {{ context.workflow == Flowgate::Workflow::\"w\" }};"), "judge/entity-literal", "Workflow");
}

/// A pack whose rules are not where rules are read from would be silent.
#[test]
fn a_pack_that_brings_nothing_is_an_error() {
    let pack = Pack::new("// no rule\n");
    std::fs::rename(pack.0.join("acme/rule/rule.cedar"), pack.0.join("acme/rule/rules.cedar")).unwrap();
    let mut options = options();
    options.selection.private.push(flowgate::packs::PackFolder::on_disk(&pack.0.join("acme")));
    let codes: Vec<&str> = check(&project(PROJECT, &[FLOW]), &options).problems.iter().map(|p| p.code).collect();
    assert_eq!(codes, ["packs/empty-pack", "packs/stray-policy"]);
}

/// A placeholder may show what one kind of recipient alone has, or what stands inside something else; what nothing has is refused.
#[test]
fn a_placeholder_shows_what_something_has() {
    let placed = |placeholder: &str| {
        let texts = TEXTS.replace("@message(\"m\")", &format!("@message(\"{{{placeholder}}}\")"));
        run(&format!("{texts}{RECEIVE} when {{ principal is Flowgate::Endpoint }};"))
    };
    for good in [
        "principal.max_requests",
        "principal.operator.relation",
        "resource.scan.tool",
        "context.flow.via",
        "context.project.roles.isEmpty()",
        "if resource has scan then resource.scan.tool else context.workflow.id",
    ] {
        let report = placed(good);
        assert!(report.problems.is_empty(), "{good}: {:?}", report.problems);
    }
    for (bad, near) in [
        ("principal.max_request", "max_requests"),
        ("principal.operator.relations", "relation"),
        ("resource.scan.tol", "tool"),
        ("context.project.role.isEmpty()", "roles"),
        ("if resource has scan then resource.scan.tool else context.workflow.ids", "id"),
    ] {
        let report = placed(bad);
        let problem = report.problems.iter().find(|p| p.code == "judge/unknown-placeholder").unwrap_or_else(|| panic!("{bad}"));
        let place = &problem.places[0];
        assert_eq!(place.file.slice(place.span), format!("{{{bad}}}"));
        assert!(problem.help.as_deref().unwrap().starts_with(&format!("did you mean `{near}`?")), "{bad}: {problem:?}");
    }
}

#[test]
fn a_template_is_an_error() {
    refused("forbid (principal == ?principal, action == Flowgate::Action::\"receive\", resource);", "judge/template", "?principal");
}

#[test]
fn a_permit_is_no_rule() {
    refused("permit (principal, action == Flowgate::Action::\"receive\", resource);", "judge/not-a-forbid", "permit");
}

/// Found by the proofs: a forbid of the action `label` denied labels to everything, and rules about them fell silent.
#[test]
fn a_rule_has_no_say_in_labels() {
    for action in ["action", "action == Flowgate::Action::\"label\"", "action in [Flowgate::Action::\"ship\", Flowgate::Action::\"label\"]"]
    {
        refused(&format!("forbid (principal, {action}, resource);"), "judge/rule-of-labels", "forbid");
    }
    let report = run(&format!("{TEXTS}forbid (principal, action in [Flowgate::Action::\"receive\"], resource);"));
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    assert!(report.findings.iter().any(|f| f.rule == "acme/rule"));
}

/// A permit that says more would stand in for the project's own list.
#[test]
fn a_label_policy_is_about_labels_alone() {
    for (action, good) in
        [("action", false), ("action == Flowgate::Action::\"receive\"", false), ("action == Flowgate::Action::\"label\"", true)]
    {
        let pack = Pack::new(&format!("{TEXTS}{RECEIVE};"));
        std::fs::write(
            pack.0.join("acme/labels.cedar"),
            format!("permit (principal, {action}, resource) when {{ context.as_of > datetime(\"2020-01-01\") }};"),
        )
        .unwrap();
        let mut options = options();
        options.selection.private.push(flowgate::packs::PackFolder::on_disk(&pack.0.join("acme")));
        let report = check(&project(PROJECT, &[FLOW]), &options);
        let codes: Vec<&str> = report.problems.iter().map(|p| p.code).collect();
        assert_eq!(codes, if good { vec![] } else { vec!["judge/label-of-more"] }, "{action}");
    }
}

#[test]
fn nesting_that_would_abort_the_parser_is_an_error() {
    let deep = format!("{RECEIVE} when {{ {}true{} }};", "(".repeat(5_000), ")".repeat(5_000));
    refused(&deep, "judge/policy-too-deep", "(");
}

#[test]
fn a_chain_that_would_overflow_the_evaluator_is_an_error() {
    let long = format!("{RECEIVE} when {{ resource.free_text{} }};", " || resource.derived".repeat(2_000));
    refused(&long, "judge/policy-too-long", ".");
}

#[test]
fn the_deepest_policy_the_guard_lets_through_is_evaluated() {
    let nested = format!("{TEXTS}{RECEIVE} when {{ {}resource in Flowgate::Class::\"customer\"{} }};", "(".repeat(60), ")".repeat(60));
    let chained = format!("{TEXTS}{RECEIVE} when {{ resource in Flowgate::Class::\"customer\"{} }};", " && !resource.derived".repeat(100));
    for cedar in [nested, chained] {
        let report = run(&cedar);
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        assert_eq!(report.findings.iter().filter(|f| f.rule == "acme/rule").count(), 1);
    }
}

#[test]
fn syntax_errors_have_their_place() {
    refused("forbid (principal, action, resource) when { resource in };", "judge/bad-policy", "}");
}

#[test]
fn texts_are_required_and_known() {
    let report = run("@title(\"t\")\nforbid (principal, action == Flowgate::Action::\"receive\", resource);");
    assert_eq!(report.problems[0].code, "judge/missing-annotation");
    refused(&format!("@sevrity(\"error\")\n{RECEIVE};"), "judge/unknown-annotation", "@sevrity(\"error\")");
    let report = run(&format!("{}{RECEIVE};", TEXTS.replace("\"m\"", "\"{nonsense}\"")));
    assert_eq!(report.problems[0].code, "judge/unknown-placeholder");
}

/// A bad rule stops nothing else: the findings of the other rules are there, and exit code 0 is not.
#[test]
fn a_bad_rule_hides_no_other_finding() {
    let report = run("forbid (");
    assert!(!report.problems.is_empty());
    let without_operator = FLOW.replace("operator: vendor", "description: unknown");
    let pack = Pack::new("forbid (");
    let mut options = options();
    options.selection.private.push(flowgate::packs::PackFolder::on_disk(&pack.0.join("acme")));
    let report = check(&project(PROJECT, &[&without_operator]), &options);
    assert!(
        report.findings.iter().any(|f| f.rule == "core/unmodelled-processor"),
        "{:?}",
        report.findings.iter().map(|f| &f.rule).collect::<Vec<_>>()
    );
}

/// A malformed file makes exit code 2, and the findings of the others are printed.
#[test]
fn a_malformed_file_hides_no_other_finding() {
    let broken = "workflow: broken\nstage: pilto\nflows: []\n";
    let leak = FLOW.replace("operator: vendor", "description: unknown");
    let report = check(&project(PROJECT, &[&leak, broken]), &options());
    assert!(
        report.problems.iter().any(|p| p.code == "validate/not-one-of" && p.help.as_deref().unwrap_or_default().contains("pilot")),
        "{:?}",
        report.problems
    );
    assert!(report.findings.iter().any(|f| f.rule == "core/unmodelled-processor"));
}

/// A project that replaces the base permit gets what nothing permits reported.
#[test]
fn a_denial_without_a_reason_is_a_finding() {
    let folder = Pack::new("// no rule here\n");
    std::fs::write(
        folder.0.join("permit.cedar"),
        "permit (principal is Flowgate::Store, action == Flowgate::Action::\"receive\", resource);",
    )
    .unwrap();
    let mut project = project(&format!("{PROJECT}permit: permit.cedar\n"), &[FLOW]);
    project.folder = Some(flowgate::load::Folder::Disk(folder.0.clone()));
    let report = check(&project, &options());
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    let rules: Vec<&str> = report.findings.iter().map(|f| f.rule.as_str()).collect();
    assert!(rules.contains(&"core/unpermitted"), "{rules:?}");
}

/// A permit list that cannot be read permits nothing.
#[test]
fn a_missing_permit_list_permits_nothing() {
    let report = check(&project(&format!("{PROJECT}permit: gone.cedar\n"), &[FLOW]), &options());
    assert!(report.problems.iter().any(|p| p.code == "packs/unreadable"), "{:?}", report.problems);
    assert!(report.findings.iter().any(|f| f.rule == "core/unpermitted"));
}
