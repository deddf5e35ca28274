//! Fewer variants kept apart: findings may be more, never fewer.

use flowgate::check;

use super::claims::missing;
use super::hold;
use crate::common::{judged, options, project};

/// Widening by the cap never removes a claim, at a cap of 1, 2 or 3 variants. Where a range stands for too many label sets to ask about, the run ends as a
/// problem, which is no pass either.
#[test]
fn widening_never_removes_a_finding() {
    hold("widening", 1_000, |subject, tally| {
        let exact = subject.before();
        for cap in 1..=3 {
            let mut options = subject.options.clone();
            options.variant_cap = cap;
            let wide = check(&subject.project, &options);
            let undecided = wide.problems.iter().any(|p| p.code == "judge/too-many-worlds");
            let lost = if undecided { Vec::new() } else { missing(&exact, &wide, |_| true) };
            tally.pair(&format!("cap {cap}"), lost);
        }
    });
}

/// The smallest case in which widening takes part: a key reaches a shelf once as it is and once without what makes it a secret. Over one flow out of the
/// shelf go both, or the range between them.
#[test]
fn a_range_holds_what_one_of_its_variants_has() {
    let file = "version: 1\nroles: []\npacks: [route]\nparties:\n  acme: { relation: self }\n  partner: { relation: processor }\n";
    let workflow = "workflow: keys\nstage: draft\nsources:\n  vault: { operator: acme, fields: { key: [code.secret.personal_token, id.email] } }\nsteps:\n  strip: { type: redact, operator: acme, removes: [code.secret], surfaces: [body] }\nstores:\n  shelf: { operator: acme }\nendpoints:\n  model: { operator: partner, deployment: hosted }\nflows:\n  - { from: vault, to: strip, fields: [key] }\n  - { from: strip, to: shelf, fields: [key] }\n  - { from: vault, to: shelf, fields: [key] }\n  - { from: shelf, to: model, fields: [key] }\n";
    for cap in [64, 2, 1] {
        let mut options = options();
        options.variant_cap = cap;
        let report = judged(&project(file, &[workflow]), &options);
        let leaves = report.findings.iter().filter(|f| f.rule == "route/never-leave-secret").count();
        let widened = report.notices.iter().filter(|n| n.code == "propagate/variant-cap").count();
        assert_eq!((leaves, widened > 0), (1, cap == 1), "cap {cap}");
    }
}
