//! What rules' pages say about being covered by another rule, held against what is so.

use std::collections::{BTreeMap, BTreeSet};

use crate::report::{Finding, Level, Report};
use crate::world::Rule;

/// One line of a page: "- Subsumed by `pack/rule`: why", for one forbid of several "- `code` is subsumed by `pack/rule.code`: why".
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    rule: String,
    by: String,
    why: String,
    file: String,
    line: usize,
}

/// Compares what the pages of the selected packs say with the pairs found: (covered, covering).
pub fn compare(rules: &[&Rule], found: &BTreeSet<(String, String)>, selected: &BTreeSet<String>, report: &mut Report) {
    let by_id: BTreeMap<&str, &Rule> = rules.iter().map(|r| (r.id.as_str(), *r)).collect();
    let mut said: BTreeMap<(String, String), Said> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for rule in rules.iter().filter(|r| selected.contains(&r.pack) && seen.insert(r.rule.clone())) {
        for line in lines(rule) {
            said.insert((line.rule.clone(), line.by.clone()), line);
        }
    }
    for (covered, by) in found {
        let (Some(rule), Some(other)) = (by_id.get(covered.as_str()), by_id.get(by.as_str())) else { continue };
        // "Error in production, warning in pilot" is two forbids: the later or weaker of two that say the same is no reason to drop the other.
        if !other.is_as_strong_as(rule) {
            report.count(&rule.pack, "sharper forms of another rule", 1);
            continue;
        }
        report.count(&rule.pack, "subsumed", 1);
        if !said.contains_key(&(covered.clone(), by.clone())) {
            let subject = if rule.id == rule.rule {
                "Subsumed".to_owned()
            } else {
                format!("`{}` is subsumed", rule.id.get(rule.rule.len() + 1..).unwrap_or_default())
            };
            report.findings.push(Finding {
                level: Level::Error,
                code: "prove/subsumed",
                message: format!("whatever `{covered}` refuses, `{by}` refuses as well, and the page does not say so"),
                at: Some((rule.file.clone(), rule.line)),
                request: vec![format!("{by} is {}:{}", other.file, other.line)],
                replay: None,
                help: format!("narrow one of the two, or say why there are two: `- {subject} by \\`{by}\\`: …` in its README.md")
                    .replace("\\`", "`"),
            });
        }
    }
    for ((rule, by), line) in &said {
        let message = match (by_id.get(rule.as_str()), by_id.get(by.as_str())) {
            (None, _) => Some(format!("there is no `{rule}`")),
            (_, None) => Some(format!("there is no rule `{by}`")),
            (Some(r), Some(other)) if found.contains(&(rule.clone(), by.clone())) && !other.is_as_strong_as(r) => {
                Some(format!("`{by}` covers `{rule}`, and speaks later or more softly, so nothing needs saying"))
            }
            _ if !found.contains(&(rule.clone(), by.clone())) => Some(format!("`{by}` does not cover `{rule}`")),
            _ if line.why.is_empty() => Some(format!("the page does not say why `{rule}` is there beside `{by}`")),
            _ => None,
        };
        if let Some(message) = message {
            report.findings.push(Finding {
                level: Level::Error,
                code: "prove/bad-page",
                message,
                at: Some((line.file.clone(), line.line)),
                request: Vec::new(),
                replay: None,
                help: "a line `- Subsumed by \\`pack/rule\\`: why` names a rule that refuses everything this one refuses"
                    .replace("\\`", "`"),
            });
        }
    }
}

fn lines(rule: &Rule) -> Vec<Said> {
    let Some(page) = &rule.page else { return Vec::new() };
    let mut said = Vec::new();
    for (n, line) in page.text.lines().enumerate() {
        let Some(item) = line.trim_start().strip_prefix("- ") else { continue };
        let (subject, rest) = match (item.strip_prefix("Subsumed by "), item.split_once(" is subsumed by ")) {
            (Some(rest), _) => (rule.rule.clone(), rest),
            (None, Some((subject, rest))) if subject.starts_with('`') && subject.ends_with('`') => {
                (format!("{}.{}", rule.rule, subject.trim_matches('`')), rest)
            }
            _ => continue,
        };
        let (by, why) = rest.split_once("`:").unwrap_or((rest, ""));
        said.push(Said {
            rule: subject,
            by: by.trim_matches('`').to_owned(),
            why: why.trim().to_owned(),
            file: page.name.clone(),
            line: n + 1,
        });
    }
    said
}
