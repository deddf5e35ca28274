//! `flowgate rules`: the rules as a table, or as JSON for other programs.

use std::collections::BTreeSet;

use clap::ValueEnum;

use super::console::Console;
use super::shelf::Shelf;
use super::{Done, Level, PackSource, text};
use crate::judge::{Policy, Severity};
use crate::problem::{Problem, did_you_mean};

/// Columns that title and citation need side by side.
const SIDE_BY_SIDE: usize = 60;
/// `warning`, the longest.
const SEVERITY: usize = 7;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flowgate rules --pack hipaa
  flowgate rules --severity error --format json
  flowgate rules --citation 164.312 --subject node
  flowgate rules --format markdown > rules.md
  flowgate rules --packs compliance/packs")]
pub(super) struct Rules {
    /// Only rules of this pack [repeatable]
    #[arg(long = "pack", value_name = "NAME")]
    packs: Vec<String>,
    /// Only rules from here up
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = Level::Note)]
    severity: Level,
    /// Only rules about this: flow, node, workflow … [repeatable]
    #[arg(long = "subject", value_name = "WORD", value_parser = clap::builder::PossibleValuesParser::new(Policy::SUBJECTS))]
    subjects: Vec<String>,
    /// Only rules whose citation names this section, or one below it
    #[arg(long, value_name = "TEXT")]
    citation: Option<String>,
    #[command(flatten)]
    source: PackSource,
    /// Form of the list
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Format::Human)]
    format: Format,
}

/// Forms of a list; a report has others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
    Markdown,
}

impl Rules {
    /// Prints what is left after the filters.
    pub(super) fn run(&self, console: &Console) -> Done {
        let shelf = Shelf::load(&self.source)?;
        for pack in &self.packs {
            known(pack, &shelf)?;
        }
        let threshold = Severity::from(self.severity);
        // Several policies of one id are one row: they differ in what they match, not in what they say.
        let mut seen = BTreeSet::new();
        let wanted = |p: &&Policy| {
            p.severity >= threshold
                && (self.subjects.is_empty() || self.subjects.iter().any(|s| s == p.subject()))
                && self.citation.as_ref().is_none_or(|words| p.cites(words))
                && (self.packs.is_empty() || self.packs.iter().any(|pack| p.rule.split('/').next() == Some(pack)))
        };
        let wanted: Vec<&Policy> = shelf.policies().filter(wanted).collect();
        let rows: Vec<&Policy> = wanted.iter().copied().filter(|p| seen.insert(p.id.clone())).collect();
        console.print(&match self.format {
            Format::Human => table(&rows, console),
            Format::Json => json(&rows),
            Format::Markdown => markdown(&wanted, &shelf),
        })?;
        if rows.is_empty() && shelf.problems.is_empty() {
            console.tell("no rule is left by these filters");
        }
        Ok(console.refuse(&shelf.problems))
    }
}

/// One table per pack with one row per rule: the strongest severity and the first stage of its policies.
fn markdown(policies: &[&Policy], shelf: &Shelf) -> String {
    let cell = |text: &str| text::printable(&text.split_whitespace().collect::<Vec<_>>().join(" ")).replace('|', "\\|");
    let by_pack = policies.chunk_by(|a, b| a.rule.split('/').next() == b.rule.split('/').next());
    let rules = policies.chunk_by(|a, b| a.rule == b.rule).count();
    let mut page = format!(
        "# Rules\n\n{rules} rules. Written by `flowgate rules --format markdown`; severity is the strongest, stage the first of a rule's policies.\n"
    );
    for pack in by_pack {
        let name = pack.first().and_then(|p| p.rule.split('/').next()).unwrap_or_default();
        let count = pack.chunk_by(|a, b| a.rule == b.rule).count();
        page += &format!(
            "\n## {} ({count})\n\n| rule | severity | asked from | judges | what it says | citation |\n|---|---|---|---|---|---|\n",
            cell(name)
        );
        for rule in pack.chunk_by(|a, b| a.rule == b.rule) {
            let Some(first) = rule.first() else { continue };
            let severity = rule.iter().map(|p| p.severity).max().unwrap_or(first.severity);
            let stage = rule.iter().map(|p| p.stage).min().unwrap_or_default();
            let listed = |word: fn(&Policy) -> String| {
                let mut words: Vec<String> = rule.iter().map(|p| word(p)).collect();
                words.sort();
                words.dedup();
                words
            };
            let readme = shelf.library.rules.iter().find(|r| r.id == first.rule).and_then(|r| r.readme.as_deref());
            let sentence = super::explain::first_sentence(readme);
            page += &format!(
                "| `{}` | {} | {} | {} | {} | {} |\n",
                cell(&first.rule),
                severity.word(),
                stage.word(),
                cell(&listed(|p| p.subject().to_owned()).join(", ")),
                cell(if sentence.is_empty() { &first.title } else { &sentence }),
                cell(&listed(|p| p.citation.clone()).join("; ")),
            );
        }
    }
    page
}

fn known(pack: &str, shelf: &Shelf) -> Result<(), Problem> {
    let names: Vec<&str> = shelf.library.packs.keys().map(String::as_str).collect();
    if names.contains(&pack) {
        return Ok(());
    }
    let near = did_you_mean(pack, names.iter().copied()).map(|n| format!("did you mean `{n}`? ")).unwrap_or_default();
    Err(Problem::new("packs/unknown-pack", format!("there is no pack `{pack}`"))
        .help(format!("{near}packs here: {}; `--packs DIR` adds private ones", names.join(", "))))
}

fn table(rows: &[&Policy], console: &Console) -> String {
    let ids = rows.iter().map(|p| p.id.chars().count()).max().unwrap_or(0);
    let fixed = ids + SEVERITY + 6;
    match console.wrap() {
        None => {
            let titles = rows.iter().map(|p| p.title.chars().count()).max().unwrap_or(0);
            rows.iter()
                .map(|p| text::line(&format!("{:ids$}  {:SEVERITY$}  {:titles$}  {}", p.id, p.severity.word(), p.title, p.citation)) + "\n")
                .collect()
        }
        Some(width) if width >= fixed + SIDE_BY_SIDE => {
            let longest = rows.iter().map(|p| p.title.chars().count()).max().unwrap_or(0);
            let title = ((width - fixed) * 3 / 5).min(longest);
            rows.iter().map(|p| columns(p, ids, title, width - fixed - title)).collect()
        }
        Some(_) => rows.iter().map(|p| below(p, console)).collect(),
    }
}

/// One rule in four columns, title and citation wrapped.
fn columns(policy: &Policy, ids: usize, title: usize, citation: usize) -> String {
    let (titles, citations) = (textwrap::wrap(&policy.title, title), textwrap::wrap(&policy.citation, citation));
    let mut lines = String::new();
    for row in 0..titles.len().max(citations.len()) {
        let (id, severity) = if row == 0 { (policy.id.as_str(), policy.severity.word()) } else { ("", "") };
        let cell = |cells: &[std::borrow::Cow<'_, str>]| cells.get(row).map(ToString::to_string).unwrap_or_default();
        let line = format!("{id:ids$}  {severity:SEVERITY$}  {:title$}  {}", cell(&titles), cell(&citations));
        lines += text::line(line.trim_end()).as_str();
        lines += "\n";
    }
    lines
}

/// One rule under its id, where the terminal is narrow.
fn below(policy: &Policy, console: &Console) -> String {
    let wrapped = |words: &str| text::wrapped(words, "  ", "  ", console.wrap());
    format!("{}  {}\n{}{}", text::line(&policy.id), policy.severity.word(), wrapped(&policy.title), wrapped(&policy.citation))
}

fn json(rows: &[&Policy]) -> String {
    let rules: Vec<_> = rows
        .iter()
        .map(|p| {
            serde_json::json!({
                "id": p.id,
                "rule": p.rule,
                "pack": p.rule.split('/').next(),
                "severity": p.severity.word(),
                "subject": p.subject(),
                "stage": p.stage.word(),
                "title": p.title,
                "citation": p.citation,
                "message": p.message.text,
                "help": p.help.text,
                "waivable": p.waivable,
                "file": p.file.name,
                "line": p.file.line_column(p.span.start).0,
            })
        })
        .collect();
    crate::report::inert_json(&format!("{:#}\n", serde_json::json!({ "rules": rules })))
}
