//! One finding as a card: what is wrong, the way of the datum, why, what to do, and behind a click the lines, the clauses and the data.

use super::source;
use super::write::Html;
use super::{Part, prose};
use crate::finding::{Finding, PathStep, Standing, SubjectNames, UndeclaredFact};
use crate::judge::Reason;
use crate::problem::Place;

/// Labels of one stop that are shown at once; the others are behind a click.
const FEW_LABELS: usize = 6;

/// Where a finding stands, as the filter names it.
pub(super) fn standing(finding: &Finding) -> &'static str {
    match (&finding.waiver, &finding.standing) {
        (Some(_), _) => "waived",
        (None, Standing::Open) => "open",
        (None, Standing::New) => "new",
        (None, Standing::Worsened(_)) => "worsened",
        (None, Standing::Unchanged) => "unchanged",
        (None, Standing::Baseline) => "baseline",
    }
}

/// Draws one finding; `gone` are findings of the base, whose way is in no diagram.
pub(super) fn draw(h: &mut Html, part: &mut Part<'_>, finding: &Finding, gone: bool, open: bool) {
    let id = part.id(&format!("f-{}", finding.fingerprint));
    let standing = if gone { "fixed" } else { standing(finding) };
    let kind = if finding.undeclared.is_empty() { "violation" } else { "undeclared" };
    let heading = format!("{id}-h");
    let attributes = [
        ("class", "finding"),
        ("id", id.as_str()),
        ("aria-labelledby", heading.as_str()),
        ("data-pack", finding.rule.split('/').next().unwrap_or_default()),
        ("data-severity", finding.severity.word()),
        ("data-kind", kind),
        ("data-workflow", finding.workflow.as_deref().unwrap_or_default()),
        ("data-standing", standing),
        ("data-fingerprint", &finding.fingerprint),
    ];
    h.element("article", &attributes, |h| {
        h.element("p", &[("class", "badges")], |h| {
            badge(h, finding.severity.word());
            h.word("span", &[("class", "badge plain")], kind);
            if standing != "open" {
                h.word("span", &[("class", "badge plain strong")], if standing == "baseline" { "in the baseline" } else { standing });
            }
        });
        h.element(part.tag(1), &[("id", &heading)], |h| h.ticked(&finding.message));
        h.element("p", &[("class", "where")], |h| {
            match part.about(&finding.rule) {
                Some(about) => h.element("a", &[("href", &about), ("class", "rule")], |h| h.word("code", &[], &finding.rule)),
                None => h.element("span", &[("class", "rule")], |h| h.word("code", &[], &finding.rule)),
            }
            h.word("code", &[("class", "place")], &source::position(&finding.primary, &mut part.lines));
            h.element("span", &[], |h| h.ticked(&subject(finding)));
        });
        way(h, &finding.path);
        if !gone {
            show_path(h, part, finding);
        }
        facts(h, finding);
        if !finding.causes.is_empty() {
            h.element("div", &[("class", "causes")], |h| {
                h.word("p", &[("class", "key")], "Brought about by this change, the nearest first");
                source::draw(h, &finding.causes.iter().collect::<Vec<_>>(), &mut part.lines);
            });
        }
        let places: Vec<&Place> = std::iter::once(&finding.primary).chain(&finding.related).collect();
        details(h, "Lines of the declaration", open, |h| source::draw(h, &places, &mut part.lines));
        clauses(h, finding);
        data(h, finding);
    });
}

/// A severity as a word with a shape of its own.
pub(super) fn badge(h: &mut Html, severity: &str) {
    h.word("span", &[("class", &format!("badge {severity}"))], severity);
}

pub(super) fn details(h: &mut Html, title: &str, open: bool, inside: impl FnOnce(&mut Html)) {
    h.element("details", if open { &[("open", "")] } else { &[] }, |h| {
        h.word("summary", &[], title);
        inside(h);
    });
}

/// What it is about, in words.
fn subject(finding: &Finding) -> String {
    let about = match &finding.subject {
        SubjectNames::Flow { from, to, implied } => {
            let flow = if *implied { "implied flow" } else { "flow" };
            format!("{flow} `{from}` → `{to}`")
        }
        SubjectNames::Node(name) => format!("node `{name}`"),
        SubjectNames::Workflow(name) => format!("workflow `{name}`"),
        SubjectNames::Declared(noun, name) => format!("{noun} `{name}`"),
    };
    match (&finding.subject, &finding.workflow) {
        (SubjectNames::Workflow(_), _) => about,
        (_, Some(workflow)) => format!("{about} in workflow `{workflow}`"),
        (_, None) => format!("{about} of the project"),
    }
}

/// The way of the first datum: a row of stops, and between them what was gained and lost.
fn way(h: &mut Html, path: &[PathStep]) {
    if path.len() < 2 {
        return;
    }
    h.element("ol", &[("class", "way"), ("aria-label", "the way of the datum")], |h| {
        let mut form = "";
        for (n, step) in path.iter().enumerate() {
            let last = n + 1 == path.len();
            h.element("li", &[("class", if last { "stop last" } else { "stop" })], |h| {
                h.word("code", &[("class", "node")], &step.node);
                if step.form != form {
                    h.element("span", &[("class", "form")], |h| {
                        h.text(if n == 0 { "" } else { "as " });
                        h.word("code", &[], &step.form);
                    });
                }
                if n == 0 {
                    labels(h, &step.labels, "held", "");
                }
                labels(h, &step.lost, "lost", "lost ");
                labels(h, &step.gained, "gained", "gained ");
            });
            form = &step.form;
        }
    });
}

fn labels(h: &mut Html, labels: &[String], class: &'static str, word: &str) {
    if labels.is_empty() {
        return;
    }
    let chips = |h: &mut Html, labels: &[String]| {
        h.element("ul", &[("class", &format!("labels {class}"))], |h| {
            for label in labels {
                h.element("li", &[], |h| {
                    h.word("span", &[("class", "unseen")], word);
                    h.text(label);
                });
            }
        });
    };
    // A fold that hides one label saves nothing.
    let few = if labels.len() == FEW_LABELS + 1 { labels.len() } else { FEW_LABELS };
    let (shown, more) = labels.split_at(labels.len().min(few));
    chips(h, shown);
    if !more.is_empty() {
        details(h, &format!("{} more", more.len()), false, |h| chips(h, more));
    }
}

fn show_path(h: &mut Html, part: &Part<'_>, finding: &Finding) {
    let Some(workflow) = &finding.workflow else { return };
    let Some(drawing) = part.drawing(workflow) else { return };
    let names: Vec<&str> = match (&finding.subject, finding.path.len()) {
        (SubjectNames::Node(name), 0 | 1) => vec![name],
        (SubjectNames::Flow { from, to, .. }, 0 | 1) => vec![from, to],
        _ => finding.path.iter().map(|s| s.node.as_str()).collect(),
    };
    let nodes: Vec<String> = names.iter().filter_map(|name| part.node(workflow, name)).map(|n| n.to_string()).collect();
    if nodes.is_empty() {
        return;
    }
    let word = if nodes.len() > 1 { "Show path in the diagram" } else { "Show in the diagram" };
    h.element("p", &[("class", "show")], |h| {
        h.element("a", &[("href", &format!("#{drawing}")), ("class", "show-path"), ("data-nodes", &nodes.join(" "))], |h| {
            h.text(word);
            h.word("span", &[("class", "unseen")], &format!(": {}", finding.rule));
        });
    });
}

/// Why, what to do, and what else is known of it.
fn facts(h: &mut Html, finding: &Finding) {
    h.element("dl", &[("class", "facts")], |h| {
        if !finding.citation.is_empty() {
            entry(h, "Why", |h| {
                h.ticked(&finding.title);
                h.start("br", &[]);
                prose::cited(h, &finding.citation);
            });
        }
        if !finding.help.is_empty() {
            entry(h, "What to do", |h| h.ticked(&finding.help));
        }
        if !finding.undeclared.is_empty() {
            entry(h, "Missing", |h| {
                h.element("ul", &[], |h| finding.undeclared.iter().for_each(|u| h.element("li", &[], |h| missing(h, u))));
            });
        }
        codes(h, "Needed by", &finding.needed_by);
        if let Some((before, reason)) = &finding.changed {
            entry(h, "Severity changed", |h| {
                h.ticked(&format!("{} here, {} by the rule: {reason}", finding.severity.word(), before.word()));
            });
        }
        if let Standing::Worsened(ways) = &finding.standing {
            entry(h, "Worse than before", |h| h.element("ul", &[], |h| ways.iter().for_each(|w| h.element("li", &[], |h| h.ticked(w)))));
        }
        if let Some(contract) = &finding.contract {
            entry(h, "Contract", |h| h.word("code", &[], contract));
        }
        codes(h, "Same cause", &finding.also);
        codes(h, "Also at", &finding.repeats);
        if let Some(waiver) = &finding.waiver {
            entry(h, "Waived", |h| {
                h.ticked(&format!("until {}, accepted by {}: {} (line {})", waiver.expires, waiver.approver, waiver.reason, waiver.line));
            });
        }
    });
}

fn missing(h: &mut Html, fact: &UndeclaredFact) {
    h.ticked(&format!("`{}` of `{}`", fact.fact, fact.holder));
    if let Some(needs) = &fact.needs {
        h.ticked(&format!(", or `{needs}`"));
    }
}

fn codes(h: &mut Html, key: &str, names: &[String]) {
    if names.is_empty() {
        return;
    }
    entry(h, key, |h| {
        h.element("ul", &[("class", "codes")], |h| names.iter().for_each(|n| h.element("li", &[], |h| h.word("code", &[], n))));
    });
}

pub(super) fn entry(h: &mut Html, key: &str, value: impl FnOnce(&mut Html)) {
    h.element("div", &[], |h| {
        h.word("dt", &[], key);
        h.element("dd", &[], value);
    });
}

/// The conditions that decided, each once, with what they saw.
fn clauses(h: &mut Html, finding: &Finding) {
    let mut reasons: Vec<&Reason> = Vec::new();
    for reason in &finding.policy.reasons {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    let title = match reasons.len() {
        0 => "Policy".to_owned(),
        1 => "Policy and the clause that decided".to_owned(),
        n => format!("Policy and the {n} clauses that decided"),
    };
    details(h, &title, false, |h| {
        h.element("p", &[("class", "where")], |h| {
            h.word("code", &[("class", "place")], &format!("{}:{}", finding.policy.place.file.name, finding.policy.line));
        });
        if reasons.is_empty() {
            return;
        }
        super::table(h, "clauses that decided", &["Clause", "Is", "It saw"], |h| {
            for reason in reasons {
                h.element("tr", &[], |h| {
                    h.element("td", &[], |h| {
                        h.word("span", &[("class", "form")], if reason.unless { "unless " } else { "when " });
                        h.word("code", &[], &reason.clause.replace("Flowgate::", ""));
                        if let Some(line) = reason.line {
                            h.word("span", &[("class", "form")], &format!(" line {line}"));
                        }
                    });
                    h.word("td", &[], if reason.value { "true" } else { "false" });
                    h.element("td", &[], |h| saw(h, reason));
                });
            }
        });
    });
}

fn saw(h: &mut Html, reason: &Reason) {
    if let Some((_, name)) = &reason.missing {
        h.ticked(&format!("`{name}` is not declared"));
        return;
    }
    if reason.saw.is_empty() {
        h.text("—");
    }
    for (n, (fact, value)) in reason.saw.iter().enumerate() {
        if n > 0 {
            h.start("br", &[]);
        }
        h.word("code", &[], fact);
        h.text(&format!(": {value}"));
    }
}

fn data(h: &mut Html, finding: &Finding) {
    let title = if finding.data.is_empty() { "Fingerprint".to_owned() } else { format!("Data ({}) and fingerprint", finding.data.len()) };
    details(h, &title, false, |h| {
        if !finding.data.is_empty() {
            super::table(h, "data concerned", &["Datum", "Here as", "Surface", "Fingerprint"], |h| {
                for datum in &finding.data {
                    h.element("tr", &[], |h| {
                        for cell in [&datum.name, &datum.form, &datum.surface, &datum.fingerprint] {
                            h.element("td", &[], |h| h.word("code", &[], cell));
                        }
                    });
                }
            });
        }
        h.element("p", &[("class", "where")], |h| {
            h.text("fingerprint of the finding ");
            h.word("code", &[], &finding.fingerprint);
        });
    });
}
