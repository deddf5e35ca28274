//! The same project spelt in another way: YAML, JSON, flow and block style.

use flowgate::load::Format;
use flowgate::report::{Format as ReportFormat, Style, render};
use serde_json::Value as Json;

use super::claims::{differences, problems};
use super::hold;
use super::rewrite::Draft;
use crate::common::essences;

/// Everything a report says but places.
pub(super) fn said(report: &flowgate::Report) -> Vec<String> {
    essences(report).into_iter().chain(problems(report)).collect()
}

/// YAML = JSON: a project says the same as JSON, and as YAML in block style with quoted texts.
#[test]
fn json_says_what_yaml_says() {
    hold("YAML = JSON", 700, |subject, tally| {
        let draft = Draft::of(&subject.project);
        let plain = said(&subject.before());
        tally.pair("as JSON", differences(&plain, &said(&subject.check(&draft.project()))));
        let block = draft.written(&|json| block(json, 0), Format::Yaml);
        tally.pair("as YAML in block style", differences(&plain, &said(&subject.check(&block))));
    });
}

/// JSON is YAML: the same bytes read by either reader make the same report, places included.
#[test]
fn the_same_bytes_mean_the_same_to_both_readers() {
    let style = Style { width: 100, color: false, unicode: true, links: false };
    hold("the same bytes, both readers", 350, |subject, tally| {
        let draft = Draft::of(&subject.project);
        let report = |format| {
            let project = draft.written(&|json| serde_json::to_string_pretty(json).unwrap(), format);
            render(&subject.check(&project), ReportFormat::Human, &style)
        };
        let (json, yaml) = (report(Format::Json), report(Format::Yaml));
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        tally.pair("as JSON and as YAML", if json == yaml { Vec::new() } else { differences(&lines(&json), &lines(&yaml)) });
    });
}

/// YAML in block style: one key or item a line, texts in double quotes.
fn block(json: &Json, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    let quoted = |text: &str| Json::from(text).to_string();
    let under = |value: &Json| match value {
        Json::Object(map) if !map.is_empty() => format!("\n{}", block(value, depth + 1)),
        Json::Array(items) if !items.is_empty() => format!("\n{}", block(value, depth + 1)),
        other => format!(" {other}\n"),
    };
    match json {
        Json::Object(map) if !map.is_empty() => map.iter().map(|(k, v)| format!("{indent}{}:{}", quoted(k), under(v))).collect(),
        Json::Array(items) if !items.is_empty() => items.iter().map(|v| format!("{indent}-{}", under(v))).collect(),
        other => format!("{indent}{other}\n"),
    }
}
