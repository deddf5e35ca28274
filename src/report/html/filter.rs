//! The filter over findings: form controls that the script brings to life. Without a script it is not shown, and every finding is.

use std::collections::BTreeSet;

use super::finding::standing;
use super::write::Html;
use crate::check::Report;
use crate::judge::Severity;

/// The form, hidden until the script can answer; none where there is nothing to filter.
pub(super) fn draw(h: &mut Html, reports: &[&Report]) {
    let fixed = reports.iter().filter_map(|r| r.comparison.as_ref()).flat_map(|c| &c.fixed);
    let shown = reports.iter().flat_map(|r| r.findings.iter().chain(&r.waived));
    let all: Vec<_> = shown.clone().chain(fixed.clone()).collect();
    if all.is_empty() {
        return;
    }
    let packs: BTreeSet<&str> = all.iter().filter_map(|f| f.rule.split('/').next()).collect();
    let workflows: BTreeSet<&str> = all.iter().filter_map(|f| f.workflow.as_deref()).collect();
    let standings: BTreeSet<&str> = shown.map(standing).chain(fixed.map(|_| "fixed")).collect();
    let kinds: BTreeSet<&str> = all.iter().map(|f| if f.undeclared.is_empty() { "violation" } else { "undeclared" }).collect();
    h.element(
        "form",
        &[("class", "filter"), ("id", "filter"), ("role", "search"), ("aria-label", "filter findings"), ("hidden", "")],
        |h| {
            h.element("fieldset", &[], |h| {
                h.word("legend", &[], "Severity");
                for severity in [Severity::Error, Severity::Warning, Severity::Note].map(Severity::word) {
                    h.element("label", &[("class", "tick")], |h| {
                        h.start("input", &[("type", "checkbox"), ("name", "severity"), ("value", severity), ("checked", "")]);
                        h.text(&format!(" {severity}"));
                    });
                }
            });
            choice(h, "pack", "Pack", &packs);
            choice(h, "workflow", "Workflow", &workflows);
            choice(h, "standing", "Standing", &standings);
            choice(h, "kind", "Verdict", &kinds);
            if reports.len() > 1 {
                choice(h, "project", "Project", &reports.iter().filter_map(|r| r.name.as_deref()).collect());
            }
            h.element("label", &[("class", "words")], |h| {
                h.text("Citation or words ");
                h.start("input", &[("type", "search"), ("name", "q"), ("autocomplete", "off"), ("spellcheck", "false")]);
            });
            h.element("p", &[("class", "left")], |h| {
                h.word("output", &[("id", "left"), ("aria-live", "polite")], "");
                h.text(" ");
                h.word("button", &[("type", "reset")], "Reset");
            });
        },
    );
}

fn choice(h: &mut Html, name: &str, label: &str, values: &BTreeSet<&str>) {
    if values.len() < 2 {
        return;
    }
    h.element("label", &[], |h| {
        h.text(&format!("{label} "));
        h.element("select", &[("name", name)], |h| {
            h.word("option", &[("value", "")], "all");
            values.iter().for_each(|value| h.word("option", &[("value", value)], value));
        });
    });
}
