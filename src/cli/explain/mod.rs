//! `flowgate explain`: the page of a rule, class, label, step type, provider or pack, and the list of them.

mod evidence;
mod pages;
mod provider;

pub(super) use self::pages::first_sentence;

use std::collections::{BTreeMap, BTreeSet};

use super::console::Console;
use super::shelf::Shelf;
use super::{Done, PackSource, text};
use crate::packs::LabelKind;
use crate::problem::{Problem, did_you_mean};

/// Names to offer, where none is near.
const SUGGESTIONS: usize = 5;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flowgate explain                           everything that has a page
  flowgate explain PACK/RULE                 a rule
  flowgate explain CLASS LABEL               a class and a label
  flowgate explain VENDOR/SERVICE            dated facts about a service
  flowgate explain PACK                      a pack
  flowgate explain evidence                  documents that rules ask for
  flowgate explain 164.312                   every rule under a citation")]
pub(super) struct Explain {
    /// A rule, class, label, step type, provider, pack or citation; left out,
    /// everything that has a page is listed
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    source: PackSource,
}

impl Explain {
    /// Prints the page of each name; a name nobody knows does not hide the pages of the others.
    pub(super) fn run(&self, console: &Console) -> Done {
        let mut shelf = Shelf::load(&self.source)?;
        let mut problems = std::mem::take(&mut shelf.problems);
        let mut pages = Vec::new();
        if self.names.is_empty() {
            pages.push(list(&shelf, console));
        }
        for name in &self.names {
            let mut found = pages::of(name, &shelf, console)?;
            if name == evidence::NAME {
                found.push(evidence::page(&shelf, console));
            }
            let cited = if found.is_empty() { citing(name, &shelf, console) } else { None };
            if found.is_empty() && cited.is_none() {
                problems.push(unknown(name, &shelf));
            }
            pages.extend(found.into_iter().chain(cited));
        }
        console.print(&pages.join("\n"))?;
        Ok(console.refuse(&problems))
    }
}

/// The rules under a citation. A single letter or digit names nothing.
fn citing(words: &str, shelf: &Shelf, console: &Console) -> Option<String> {
    const SHORTEST: usize = 3;
    let mut rules: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for policy in shelf.policies().filter(|p| words.len() >= SHORTEST && p.cites(words)) {
        let told = rules.entry(&policy.id).or_default();
        let line = format!("{} ({}; {})", policy.title, policy.severity.word(), policy.citation);
        if !told.contains(&line) {
            told.push(line);
        }
    }
    let rows: Vec<(&str, String)> = rules.into_iter().flat_map(|(id, lines)| lines.into_iter().map(move |line| (id, line))).collect();
    let heading = format!("{} rules cite {}", rows.len(), text::line(words));
    (!rows.is_empty()).then(|| format!("{}\n{}", console.bold(&heading), text::entries(rows, 2, console.wrap())))
}

fn unknown(name: &str, shelf: &Shelf) -> Problem {
    let taxonomy = shelf.library.taxonomy.entries().map(|(_, entry)| entry.name.as_str());
    let rules = shelf.policies().flat_map(|p| [p.rule.as_str(), p.id.as_str()]);
    let others = shelf.library.providers.services().chain(shelf.library.packs.keys().map(String::as_str));
    let names: BTreeSet<&str> = taxonomy.chain(rules).chain(others).collect();
    let containing = || names.iter().copied().filter(|n| n.contains(name)).take(SUGGESTIONS).map(|n| format!("`{n}`")).collect::<Vec<_>>();
    let near: Vec<String> = did_you_mean(name, names.iter().copied()).map_or_else(containing, |n| vec![format!("`{n}`")]);
    let near = if near.is_empty() { String::new() } else { format!("did you mean {}? ", near.join(", ")) };
    Problem::new("cli/unknown-name", format!("there is no rule, class, label, provider or pack `{name}`"))
        .help(format!("{near}`flowgate explain` lists them all"))
}

/// Everything that has a page, by kind.
fn list(shelf: &Shelf, console: &Console) -> String {
    let library = &shelf.library;
    let mut rules: BTreeMap<&str, String> = BTreeMap::new();
    for policy in shelf.policies() {
        rules.entry(&policy.rule).or_insert_with(|| policy.title.clone());
    }
    // A rule whose policy cannot be read still has its page.
    for rule in &library.rules {
        rules.entry(&rule.id).or_default();
    }
    let of_kind = |kind| {
        let mut rows: Vec<(&str, String)> = library
            .taxonomy
            .entries()
            .filter(|(_, e)| e.kind == kind && e.declared)
            .map(|(_, e)| (e.name.as_str(), e.title.clone()))
            .collect();
        rows.sort();
        rows
    };
    let packs = library.packs.values().map(|p| (p.name.as_str(), pages::first_sentence(p.page.as_deref()))).collect();
    let services = library.providers.services().map(|s| (s, provider::title(s, library))).collect();
    let steps = library.taxonomy.steps().map(|(name, step)| (name, step.title.clone())).collect();
    let sections: [(&str, Vec<(&str, String)>); 6] = [
        ("packs", packs),
        ("rules", rules.into_iter().collect()),
        ("classes", of_kind(LabelKind::Class)),
        ("labels", of_kind(LabelKind::Label)),
        ("step types", steps),
        ("providers", services),
    ];
    let sections = sections.into_iter().filter(|(_, rows)| !rows.is_empty());
    sections
        .map(|(title, rows)| format!("{}\n{}", console.bold(title), text::entries(rows, 2, console.wrap())))
        .collect::<Vec<_>>()
        .join("\n")
}
