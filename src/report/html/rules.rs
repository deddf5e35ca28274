//! Every rule and what came of it, by workflow; and the texts of those that found something. Never counts what was not asked.

use std::collections::BTreeSet;

use super::finding::{badge, details};
use super::write::Html;
use super::{Part, prose, table};
use crate::record::{Record, RuleRecord, Tally};
use crate::report::text::count;

/// So many workflows have a column each; more are told in rows.
const COLUMNS: usize = 8;

/// Sections of a rule's page that an auditor reads.
const SECTIONS: [&str; 4] = ["What it forbids", "Why", "How to fix", "Limits"];

/// What came of a rule, the weightiest first.
fn outcome(tally: Option<Tally>) -> &'static str {
    match tally {
        None => "never applied",
        Some(t) if t.violations > 0 => "violation",
        Some(t) if t.undeclared > 0 => "undeclared",
        Some(t) if t.waived > 0 => "waived",
        Some(t) if t.asked > 0 => "silent",
        Some(_) => "never applied",
    }
}

fn of_rule(rule: &RuleRecord) -> &'static str {
    outcome((!rule.workflows.is_empty()).then(|| rule.total()))
}

/// How many rules came out how, in the order of the tables.
pub(super) fn outcomes(record: &Record) -> Vec<(&'static str, usize)> {
    let kinds = ["violation", "undeclared", "waived", "silent", "never applied"];
    kinds.into_iter().map(|kind| (kind, record.rules.iter().filter(|r| of_rule(r) == kind).count())).collect()
}

/// The tables.
pub(super) fn draw(h: &mut Html, part: &Part<'_>, record: &Record) {
    h.element("ul", &[("class", "outcomes")], |h| {
        for (kind, n) in outcomes(record) {
            h.element("li", &[], |h| {
                h.word("strong", &[], &n.to_string());
                h.text(" ");
                h.word("span", &[("class", &format!("outcome {}", kind.replace(' ', "-")))], kind);
            });
        }
    });
    h.word(
        "p",
        &[("class", "hint")],
        "Asked counts the distinct flows, nodes, workflows or papers a rule could match. Silent: asked, and in no finding. Never applied: nothing of its kind is here",
    );
    let told = |r: &&RuleRecord| ["violation", "undeclared", "waived"].contains(&of_rule(r));
    let told: Vec<&RuleRecord> = record.rules.iter().filter(told).collect();
    if !told.is_empty() {
        details(h, &format!("Rules that were not silent ({})", told.len()), true, |h| listed(h, part, "rules that were not silent", &told));
    }
    let packs: BTreeSet<&str> = record.rules.iter().map(RuleRecord::pack).collect();
    for pack in packs {
        let rules: Vec<&RuleRecord> = record.rules.iter().filter(|r| r.pack() == pack).collect();
        details(h, &format!("{pack} ({})", count(rules.len(), "rule")), false, |h| listed(h, part, &format!("rules of {pack}"), &rules));
    }
    by_workflow(h, record);
}

fn listed(h: &mut Html, part: &Part<'_>, name: &str, rules: &[&RuleRecord]) {
    let head = ["Rule, and the SHA-256 of its text", "Result", "Severity", "Asked", "Violations", "Undeclared", "Waived", "Source"];
    table(h, name, &head, |h| {
        for rule in rules {
            let total = rule.total();
            h.element("tr", &[], |h| {
                h.element("th", &[("scope", "row")], |h| {
                    match part.about(&rule.id) {
                        Some(about) => h.element("a", &[("href", &about)], |h| h.word("code", &[], &rule.id)),
                        None => h.word("code", &[], &rule.id),
                    }
                    h.element("span", &[("class", "form")], |h| h.ticked(&rule.title));
                    h.word("code", &[("class", "hash")], &rule.sha256);
                });
                h.element("td", &[], |h| result(h, of_rule(rule)));
                h.word("td", &[], rule.severity.word());
                for n in [total.asked, total.violations, total.undeclared, total.waived] {
                    h.word("td", &[("class", if n == 0 { "count zero" } else { "count" })], &n.to_string());
                }
                h.element("td", &[("class", "source")], |h| prose::cited(h, &rule.citation));
            });
        }
    });
}

fn result(h: &mut Html, outcome: &str) {
    h.word("span", &[("class", &format!("outcome {}", outcome.replace(' ', "-")))], outcome);
}

/// One column for each workflow where there are few; else one row for each result that is not silence.
fn by_workflow(h: &mut Html, record: &Record) {
    let workflows: BTreeSet<&str> = record.rules.iter().flat_map(|r| r.workflows.keys().map(String::as_str)).collect();
    let named = |w: &str| if w.is_empty() { "the project as a whole".to_owned() } else { w.to_owned() };
    if workflows.len() < 2 {
        return;
    }
    let applied: Vec<&RuleRecord> = record.rules.iter().filter(|r| !r.workflows.is_empty()).collect();
    details(h, &format!("By workflow ({})", workflows.len()), false, |h| {
        if workflows.len() <= COLUMNS {
            let heads: Vec<String> = std::iter::once("Rule".to_owned()).chain(workflows.iter().map(|w| named(w))).collect();
            table(h, "results by workflow", &heads.iter().map(String::as_str).collect::<Vec<_>>(), |h| {
                for rule in &applied {
                    h.element("tr", &[], |h| {
                        h.element("th", &[("scope", "row")], |h| h.word("code", &[], &rule.id));
                        for workflow in &workflows {
                            let tally = rule.workflows.get(*workflow).copied();
                            h.element("td", &[], |h| {
                                result(h, outcome(tally));
                                h.text(&tally.map_or_else(String::new, |t| format!(" ({})", words(t))));
                            });
                        }
                    });
                }
            });
            return;
        }
        h.word("p", &[("class", "hint")], "One row for each workflow in which a rule was not silent; the totals above count all");
        table(h, "results by workflow", &["Workflow", "Rule", "Result", "Count"], |h| {
            for workflow in &workflows {
                for rule in &applied {
                    let tally = rule.workflows.get(*workflow).copied();
                    if let (Some(t), true) = (tally, !["silent", "never applied"].contains(&outcome(tally))) {
                        h.element("tr", &[], |h| {
                            h.word("td", &[], &named(workflow));
                            h.element("th", &[("scope", "row")], |h| h.word("code", &[], &rule.id));
                            h.element("td", &[], |h| result(h, outcome(tally)));
                            h.word("td", &[], &words(t));
                        });
                    }
                }
            }
        });
    });
}

/// The counts that are not nought.
fn words(tally: Tally) -> String {
    let counts = [(tally.violations, "violation"), (tally.undeclared, "undeclared"), (tally.waived, "waived")];
    let told = counts.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
    std::iter::once(format!("asked {}", tally.asked)).chain(told).collect::<Vec<_>>().join(", ")
}

/// The pages of the rules that found something, once each.
pub(super) fn about(h: &mut Html, part: &Part<'_>, record: &Record) {
    let mut seen = BTreeSet::new();
    for rule in &record.rules {
        let (Some(id), Some(page)) = (part.about(&rule.rule), &rule.page) else { continue };
        if !seen.insert(&rule.rule) {
            continue;
        }
        h.element("details", &[("class", "prose"), ("id", id.trim_start_matches('#'))], |h| {
            h.element("summary", &[], |h| {
                h.word("code", &[], &rule.rule);
                h.text(" ");
                badge(h, rule.severity.word());
            });
            h.element("p", &[], |h| h.ticked(&rule.title));
            for section in SECTIONS {
                if let Some(text) = prose::section(&page.text, section) {
                    h.word(part.tag(1), &[], section);
                    prose::markdown(h, text);
                }
            }
        });
    }
}
