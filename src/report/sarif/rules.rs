//! The rules of a run: a descriptor for every rule and every kind of problem that has a result, with its page. Never describes what found nothing.

use std::collections::BTreeMap;

use serde_json::json;

use super::escape::markdown;
use super::types::{Configuration, Descriptor, Text};
use super::{Limits, Subjects};
use crate::check::Report;
use crate::finding::Finding;
use crate::judge::Severity;
use crate::record::RuleRecord;
use crate::report::plain::line;
use crate::report::text::cut;

/// The sections of a rule's page that are shown, in this order; the examples are left to `flowgate explain`.
const SECTIONS: [&str; 4] = ["What it forbids", "Why", "How to fix", "Limits"];

/// Characters of a rule's page. Long pages make a log of many rules large, and few readers scroll further.
const PAGE: usize = 6_000;

/// How often a finding of a rule is true (`very-high` to `low`), for GitHub's order. Rules judge declared facts and nothing else, so that none is
/// more often wrong than another; what is wrong with a declaration is not theirs.
const PRECISION: &str = "high";

/// Ids of a run's descriptors, and where each stands.
pub(super) struct Rules {
    index: BTreeMap<String, usize>,
    pub(super) descriptors: Vec<Descriptor>,
}

impl Rules {
    /// Of everything that has a result.
    pub(super) fn of(subjects: &Subjects<'_>, limits: &Limits) -> Self {
        let mut found: BTreeMap<&str, Vec<(&Report, &Finding)>> = BTreeMap::new();
        for (report, finding) in &subjects.findings {
            found.entry(&finding.rule).or_default().push((report, finding));
        }
        let mut descriptors: BTreeMap<String, Descriptor> = BTreeMap::new();
        for (id, severity, title) in subjects.problems() {
            descriptors.entry(id.to_owned()).or_insert_with(|| problem(id, severity, title));
        }
        for (id, of_rule) in found {
            if let Some(descriptor) = rule(id, &of_rule, limits) {
                descriptors.insert(id.to_owned(), descriptor);
            }
        }
        let index = descriptors.keys().enumerate().map(|(n, id)| (id.clone(), n)).collect();
        Self { index, descriptors: descriptors.into_values().collect() }
    }

    /// Where a rule stands among the descriptors.
    pub(super) fn index(&self, id: &str) -> usize {
        self.index.get(id).copied().unwrap_or_default()
    }
}

fn rule(id: &str, found: &[(&Report, &Finding)], limits: &Limits) -> Option<Descriptor> {
    let (report, finding) = found.first()?;
    let record = report.record.as_ref().and_then(|r| r.rules.iter().find(|r| r.id == id));
    // The rule's own word, whatever the project made of it: what a project changed is the level of its results.
    let own = |f: &Finding| f.changed.as_ref().map_or(f.severity, |(before, _)| *before);
    let severity = record.map(|r| r.severity).or_else(|| found.iter().map(|(_, f)| own(f)).max()).unwrap_or(Severity::Warning);
    let undeclared = found.iter().any(|(_, f)| !f.undeclared.is_empty());
    let mut tags: Vec<String> = vec![line(id.split('/').next().unwrap_or_default())];
    tags.extend(record.map(|r| r.subject.to_owned()));
    tags.extend(record.map(|r| r.stage.word().to_owned()));
    tags.extend(undeclared.then(|| "undeclared".to_owned()));
    tags.dedup();
    tags.truncate(limits.tags);
    let title = line(&finding.title);
    let forbids = record.and_then(|r| section(r, "What it forbids")).map(|text| line(text.trim()));
    Some(Descriptor {
        id: line(id),
        name: limited(id, limits.name),
        short_description: Text { text: limited(&title, limits.description), markdown: None },
        full_description: Text { text: limited(forbids.as_deref().unwrap_or(&title), limits.description), markdown: None },
        help: help(id, finding, record),
        default_configuration: Configuration { level: severity.word() },
        properties: properties(tags, severity, Some(&finding.citation)),
    })
}

/// No `security-severity` and no tag `security`. GitHub reads the one as a score like CVSS and shows it in place of a result's level ("critical",
/// "high" …); a rule's severity is one of three words with a meaning of its own (the text of a law or contract; judgment), a project may change it
/// for itself, with a reason, and a score per rule would be made up and would hide both. As it is, GitHub says error, warning and note as every
/// other format does, and its check fails on errors by default.
/// Source: docs.github.com, "SARIF support for code scanning", `reportingDescriptor`, as of 2026-11.
fn properties(tags: Vec<String>, severity: Severity, citation: Option<&str>) -> serde_json::Value {
    let problem_severity = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "recommendation",
    };
    let mut properties = json!({ "tags": tags, "precision": PRECISION, "problem.severity": problem_severity });
    if let (Some(citation), Some(map)) = (citation.filter(|c| !c.is_empty()), properties.as_object_mut()) {
        map.insert("citation".to_owned(), json!(line(citation)));
    }
    properties
}

/// What the page says; without one, what the finding says.
fn help(id: &str, finding: &Finding, record: Option<&RuleRecord>) -> Text {
    let (title, citation) = (line(&finding.title), line(&finding.citation));
    let sections: Vec<(&str, &str)> =
        record.map(|r| SECTIONS.into_iter().filter_map(|name| Some((name, section(r, name)?))).collect()).unwrap_or_default();
    if sections.is_empty() {
        // What to do names this finding's things, and a rule's help is for all of them.
        let text = format!("{title}. {citation}");
        return Text { text: text.trim().to_owned(), markdown: Some(markdown(text.trim())) };
    }
    let mut text = format!("{title}.\n");
    let mut page = format!("{}.\n", markdown(&title));
    for (name, body) in sections {
        text.push_str(&format!("\n{name}\n{body}\n"));
        page.push_str(&format!("\n## {name}\n\n{body}\n"));
    }
    let more = format!("\nflowgate explain {}\n", line(id));
    text = shortened(&text) + &more;
    page = shortened(&page) + &more;
    Text { text, markdown: Some(page) }
}

/// A section of a rule's page, as Markdown.
fn section<'r>(record: &'r RuleRecord, name: &str) -> Option<&'r str> {
    let page = &record.page.as_ref()?.text;
    let (_, rest) = page.split_once(&format!("\n## {name}\n"))?;
    Some(rest.split("\n## ").next().unwrap_or(rest).trim()).filter(|body| !body.is_empty())
}

/// Whole lines of a page, as many as there is room for.
fn shortened(page: &str) -> String {
    let mut length = 0;
    let mut kept = String::new();
    for text in page.split_inclusive('\n') {
        length += text.chars().count();
        if length > PAGE {
            kept.push_str("…\n");
            break;
        }
        kept.push_str(text);
    }
    kept
}

fn limited(text: &str, limit: usize) -> String {
    let style = crate::report::Style { unicode: true, ..crate::report::Style::PLAIN };
    cut(&style, &line(text), limit)
}

fn problem(id: &str, severity: Severity, title: &str) -> Descriptor {
    let stage = id.split('/').next().unwrap_or_default().to_owned();
    let text = format!("{title}. The findings of everything else are in the same log, and count.");
    Descriptor {
        id: id.to_owned(),
        name: id.to_owned(),
        short_description: Text { text: title.to_owned(), markdown: None },
        full_description: Text { text: title.to_owned(), markdown: None },
        help: Text { text: text.clone(), markdown: Some(markdown(&text)) },
        default_configuration: Configuration { level: severity.word() },
        properties: properties(vec![stage, "problem".to_owned()], severity, None),
    }
}
