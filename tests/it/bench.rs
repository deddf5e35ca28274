//! The shared workload has known answers, on which independent engines agree: violations per datum, flow and rule, and flow-and-rule pairs.

use std::collections::BTreeSet;

use flowgate::Project;
use flowgate::load::Limits;

use crate::common::{judged, options, root};

fn counts(workload: &str) -> (usize, usize) {
    let project = Project::read(&root().join("tests/bench").join(workload), &Limits::default());
    let report = judged(&project, &options());
    let mut violations = BTreeSet::new();
    let mut pairs = BTreeSet::new();
    for finding in report.findings.iter().filter(|f| f.rule.starts_with("bench/")) {
        let flow = (finding.primary.file.name.clone(), finding.primary.span.start, finding.rule.clone());
        violations.extend(finding.data.iter().map(|d| (flow.clone(), d.name.clone())));
        pairs.insert(flow);
    }
    (violations.len(), pairs.len())
}

#[test]
fn one_workflow() {
    assert_eq!(counts("w1"), (1, 1));
}

#[test]
fn a_hundred_workflows() {
    assert_eq!(counts("w100"), (331, 99));
}

#[test]
fn a_hundred_workflows_in_one_component_with_a_cycle() {
    assert_eq!(counts("g100"), (122, 82));
}
