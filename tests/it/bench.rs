//! The shared workload has known answers, on which independent engines agree: violations per datum, flow and rule, and flow-and-rule pairs.

use std::collections::BTreeSet;

use flowgate::Project;
use flowgate::load::Limits;

use crate::common::{judged, options, root, walk};

#[path = "../../benches/floor/src/random.rs"]
mod random;
#[path = "../../benches/floor/src/workload.rs"]
mod workload;

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

/// The generator of larger sizes makes these to the byte.
#[test]
fn the_generator_writes_the_fixtures() {
    for (folder, joined, workflows, json) in [("w1", false, 1, false), ("w100", false, 100, false), ("g100", true, 100, true)] {
        let folder = root().join("tests/bench").join(folder);
        let mut left = walk(&folder);
        let workload = workload::Workload { joined, workflows, seed: 7, json, pack: "../pack".to_owned() };
        let checked: Result<(), std::io::Error> = workload.files(|path, text| {
            let path = folder.join(path);
            left.retain(|file| *file != path);
            assert_eq!(std::fs::read_to_string(&path)?, text, "{}", path.display());
            Ok(())
        });
        checked.unwrap();
        assert!(left.is_empty(), "not written: {left:?}");
    }
}
