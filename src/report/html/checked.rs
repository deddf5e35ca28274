//! What was checked: date, version, inputs with their hashes, packs, and everything a verdict rests on besides the flows. Never says what it proves.

use super::finding::{details, entry};
use super::write::{Attributes, Html};
use super::{Part, prose, table};
use crate::check::Checked;
use crate::record::{Agreement, PackRecord, Record};
use crate::report::text::count;

/// A cell that stays on one line.
const DATE: Attributes<'static> = &[("class", "date")];

/// The facts of the run, then the lists behind a click each.
pub(super) fn draw(h: &mut Html, part: &Part<'_>) {
    let checked = &part.report.checked;
    h.element("dl", &[("class", "run")], |h| run(h, part, checked));
    let Some(record) = &part.report.record else { return };
    inputs(h, record);
    packs(h, &record.packs);
    agreements(h, &record.agreements);
    provider_facts(h, record);
    waivers(h, record);
    changes(h, checked);
}

fn run(h: &mut Html, part: &Part<'_>, checked: &Checked) {
    let date = if checked.as_of.is_empty() { "—" } else { &checked.as_of };
    entry(h, "As of", |h| h.text(date));
    entry(h, "Tool", |h| h.text(concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"))));
    if let Some(name) = &part.report.name {
        entry(h, "Project", |h| h.word("code", &[], name));
    }
    if !part.report.folder.is_empty() {
        entry(h, "Folder in the repository", |h| h.word("code", &[], &part.report.folder));
    }
    if let Some(record) = &part.report.record {
        let roles = if record.roles.is_empty() { "none stated".to_owned() } else { record.roles.join(", ") };
        entry(h, "Legal roles, as stated", |h| h.text(&roles));
    }
    entry(h, "Packs", |h| h.text(&if checked.packs.is_empty() { "none".to_owned() } else { checked.packs.join(", ") }));
    entry(h, "Rules", |h| h.text(&checked.rules.to_string()));
    let graph =
        format!("{}, {}, and {} implied", count(checked.nodes, "node"), count(checked.flows, "declared flow"), checked.implied_flows);
    entry(h, "Graph", |h| h.text(&graph));
    entry(h, "Workflows", |h| {
        h.text(&format!("{}: ", checked.workflows.len()));
        for (n, workflow) in checked.workflows.iter().enumerate() {
            h.text(if n > 0 { ", " } else { "" });
            h.word("code", &[], workflow);
        }
    });
}

fn inputs(h: &mut Html, record: &Record) {
    details(h, &format!("Inputs ({})", record.inputs.len()), false, |h| {
        table(h, "inputs", &["Kind", "File", "Bytes", "SHA-256"], |h| {
            for input in &record.inputs {
                h.element("tr", &[], |h| {
                    h.word("td", &[], input.kind);
                    code(h, &input.name);
                    h.word("td", &[("class", "count")], &input.bytes.to_string());
                    hash(h, input.sha256.as_deref().unwrap_or("could not be read"));
                });
            }
        });
    });
}

fn packs(h: &mut Html, packs: &[PackRecord]) {
    details(h, &format!("Packs and their versions ({})", packs.len()), false, |h| {
        for pack in packs {
            h.element("dl", &[("class", "run pack")], |h| {
                entry(h, "Pack", |h| h.word("code", &[], &pack.name));
                entry(h, "From", |h| h.text(if pack.private { "a folder of the team" } else { "the tool" }));
                entry(h, "Rules", |h| h.text(&pack.rules.to_string()));
                entry(h, "Version (SHA-256)", |h| h.word("code", &[("class", "hash")], &pack.sha256));
                let Some(page) = &pack.page else { return };
                let opening = prose::opening(&page.text);
                if !opening.is_empty() {
                    entry(h, "Serves", |h| prose::markdown(h, opening));
                }
                for (key, value) in prose::pairs(&page.text) {
                    entry(h, &upper(key), |h| prose::markdown(h, value));
                }
            });
        }
    });
}

/// The first letter as a capital.
fn upper(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn agreements(h: &mut Html, agreements: &[Agreement]) {
    if agreements.is_empty() {
        h.word("p", &[("class", "none")], "No agreement is declared");
        return;
    }
    details(h, &format!("Agreements ({})", agreements.len()), false, |h| {
        let head = ["Agreement", "Type", "Parties", "Services", "Status", "From", "Until", "In force", "Document"];
        table(h, "agreements", &head, |h| {
            for agreement in agreements {
                h.element("tr", &[], |h| {
                    code(h, &agreement.id);
                    h.word("td", &[], &agreement.kind);
                    h.word("td", &[], &agreement.parties.join(", "));
                    h.word("td", &[], &dash(&agreement.services.join(", ")));
                    for text in [&agreement.status, &agreement.effective, &agreement.expires] {
                        h.word("td", DATE, &dash(text.as_deref().unwrap_or_default()));
                    }
                    h.word("td", &[], if agreement.in_force { "yes" } else { "no" });
                    h.element("td", &[], |h| prose::cited(h, &dash(agreement.document.as_deref().unwrap_or_default())));
                });
            }
        });
    });
}

fn provider_facts(h: &mut Html, record: &Record) {
    let facts = &record.provider_facts;
    if facts.is_empty() {
        h.word("p", &[("class", "none")], "No fact of a provider profile was used");
        return;
    }
    details(h, &format!("Facts of providers that were used ({})", facts.len()), false, |h| {
        let head = ["Service", "Fact", "Value", "As of", "Confidence", "Source", "Whose word", "Checked"];
        table(h, "facts of providers", &head, |h| {
            for fact in facts {
                h.element("tr", &[], |h| {
                    code(h, &fact.service);
                    code(h, &fact.fact);
                    h.word("td", &[], &fact.value);
                    h.word("td", DATE, &dash(&fact.as_of));
                    h.word("td", &[], confidence(&fact.confidence));
                    h.element("td", &[], |h| prose::cited(h, &dash(&fact.source)));
                    h.word("td", &[], if fact.overridden { "the project, in place of the profile" } else { "the profile" });
                    h.word("td", DATE, fact.checked.as_deref().unwrap_or("no"));
                });
            }
        });
    });
}

fn confidence(letter: &str) -> &str {
    match letter {
        "H" => "high",
        "M" => "medium",
        "L" => "low",
        "" => "—",
        other => other,
    }
}

fn waivers(h: &mut Html, record: &Record) {
    if record.waivers.is_empty() {
        h.word("p", &[("class", "none")], "No waiver is declared");
        return;
    }
    details(h, &format!("Waivers ({})", record.waivers.len()), false, |h| {
        table(h, "waivers", &["Line", "Covers", "Reason", "Approver", "Expires", "Findings covered"], |h| {
            for waiver in &record.waivers {
                h.element("tr", &[], |h| {
                    h.word("td", &[("class", "count")], &waiver.line.to_string());
                    let scope: Vec<String> = waiver.scope.iter().map(|(key, value)| format!("{key}: {value}")).collect();
                    h.word("td", &[], &scope.join(", "));
                    h.word("td", &[], &waiver.reason);
                    h.word("td", &[], &waiver.approver);
                    h.word("td", DATE, &waiver.expires);
                    h.word("td", &[], &if waiver.covers == 0 { "none: not used".to_owned() } else { waiver.covers.to_string() });
                });
            }
        });
    });
}

fn changes(h: &mut Html, checked: &Checked) {
    if checked.severity_changes.is_empty() {
        h.word("p", &[("class", "none")], "No severity was changed by the project");
        return;
    }
    details(h, &format!("Severities changed by the project ({})", checked.severity_changes.len()), true, |h| {
        table(h, "severity changes", &["Rule", "By the rule", "Here", "Reason"], |h| {
            for change in &checked.severity_changes {
                h.element("tr", &[], |h| {
                    code(h, &change.rule);
                    h.word("td", &[], change.from.word());
                    h.word("td", &[], change.to.word());
                    h.word("td", &[], &change.reason);
                });
            }
        });
    });
}

/// Documents that were on file, and the word that nobody here has read them.
pub(super) fn evidence(h: &mut Html, checked: &Checked) {
    h.word("p", &[], "On file, not judged: each document is there, dated, owned and not past its review. What it says was not read");
    table(h, "evidence", &["Evidence", "Type", "Declared in", "Date", "Owner", "Where"], |h| {
        for evidence in &checked.evidence {
            h.element("tr", &[], |h| {
                code(h, &evidence.id);
                h.word("td", &[], &evidence.kind);
                h.word("td", &[], evidence.workflow.as_deref().unwrap_or("the project"));
                h.word("td", DATE, &evidence.date);
                h.word("td", &[], &evidence.owner);
                h.element("td", &[], |h| prose::cited(h, &evidence.uri));
            });
        }
    });
}

/// What each pack says it does not cover.
pub(super) fn not_covered(h: &mut Html, part: &Part<'_>) {
    let packs = part.report.record.iter().flat_map(|r| &r.packs);
    for (pack, text) in packs.filter_map(|p| Some((p, p.not_covered()?))) {
        h.element("div", &[("class", "prose")], |h| {
            h.element(part.tag(1), &[], |h| h.word("code", &[], &pack.name));
            prose::markdown(h, text);
        });
    }
}

fn dash(text: &str) -> String {
    if text.is_empty() { "—".to_owned() } else { text.to_owned() }
}

fn code(h: &mut Html, text: &str) {
    h.element("td", &[], |h| h.word("code", &[], text));
}

fn hash(h: &mut Html, text: &str) {
    h.element("td", &[], |h| h.word("code", &[("class", "hash")], text));
}
