//! One page each for rules, classes, labels, step types and packs.

use crate::cli::console::Console;
use crate::cli::shelf::Shelf;
use crate::cli::text;
use crate::judge::{Policy, Stage};
use crate::packs::{LabelId, LabelKind, LabelSet, Pack, RuleText, StepType};
use crate::problem::{Problem, SourceFile};

use super::provider;

/// The pages of everything that bears this name; a pack and a label may share one.
pub(super) fn of(name: &str, shelf: &Shelf, console: &Console) -> Result<Vec<String>, Problem> {
    let library = &shelf.library;
    let mut pages = Vec::new();
    // A finding's id may end in the code of one policy of its rule.
    let id = name.split_once('.').filter(|(rule, _)| rule.contains('/')).map_or(name, |(rule, _)| rule);
    pages.extend(library.rules.iter().find(|r| r.id == id).map(|r| rule(r, name, shelf, console)));
    pages.extend(library.packs.get(name).map(|p| pack(p, shelf, console)));
    for kind in [LabelKind::Class, LabelKind::Label] {
        pages.extend(library.taxonomy.find(kind, name).map(|id| label(id, shelf, console)));
    }
    pages.extend(library.taxonomy.step(name).map(|s| step(name, s, console)));
    match library.providers.get(name) {
        Ok(profile) => pages.extend(profile.map(|p| provider::page(p, console))),
        Err(problem) => return Err(problem.clone()),
    }
    Ok(pages)
}

/// The first sentence of a page after its heading.
pub(in crate::cli) fn first_sentence(page: Option<&SourceFile>) -> String {
    let text = page.map(|p| p.text.as_str()).unwrap_or_default();
    let lines = text.lines().skip_while(|l| l.is_empty() || l.starts_with('#')).take_while(|l| !l.is_empty());
    let paragraph = lines.map(str::trim).collect::<Vec<_>>().join(" ");
    paragraph.split_once(". ").map_or(paragraph.as_str(), |(first, _)| first).trim_end_matches(['.', ':']).to_owned()
}

fn rule(rule: &RuleText, asked: &str, shelf: &Shelf, console: &Console) -> String {
    let policies: Vec<&Policy> = shelf.policies().filter(|p| p.rule == rule.id && (asked == rule.id || p.id == asked)).collect();
    let mut page = heading(console, asked, "rule");
    for policy in policies {
        let line = policy.file.line_column(policy.span.start).0;
        let place = format!("{}:{line}{}", policy.file.name, if is_private(&rule.id, shelf) { "" } else { " (built in)" });
        let mut rows =
            vec![("title", policy.title.clone()), ("severity", policy.severity.word().to_owned()), ("citation", policy.citation.clone())];
        if policy.id != rule.id {
            rows.insert(0, ("id", policy.id.clone()));
        }
        if policy.stage > Stage::Draft {
            rows.push(("asked from", policy.stage.word().to_owned()));
        }
        rows.push(("policy", place));
        rows.extend(policy.yields_to.iter().map(|other| ("yields to", other.clone())));
        if !policy.waivable {
            rows.push(("waivers", "takes none".to_owned()));
        }
        page += &text::entries(rows, 2, console.wrap());
        page += "\n";
    }
    if let Some(readme) = &rule.readme {
        page += &text::page(body(&readme.text), console);
    }
    page
}

fn is_private(rule: &str, shelf: &Shelf) -> bool {
    rule.split('/').next().and_then(|pack| shelf.library.packs.get(pack)).is_some_and(|p| p.private)
}

fn pack(pack: &Pack, shelf: &Shelf, console: &Console) -> String {
    let mut page = heading(console, &pack.name, if pack.private { "private pack" } else { "pack" });
    if let Some(text) = &pack.page {
        page += &text::page(body(&text.text), console);
    }
    let prefix = format!("{}/", pack.name);
    let mut rules: Vec<(&str, String)> =
        shelf.policies().filter(|p| p.rule.starts_with(&prefix)).map(|p| (p.rule.as_str(), p.title.clone())).collect();
    rules.dedup_by_key(|(rule, _)| *rule);
    if !rules.is_empty() {
        page += &format!("\n{}\n{}", console.bold("rules"), text::entries(rules, 2, console.wrap()));
    }
    page
}

fn label(id: LabelId, shelf: &Shelf, console: &Console) -> String {
    let taxonomy = &shelf.library.taxonomy;
    let entry = taxonomy.entry(id);
    let names = |set: &LabelSet| {
        let mut names: Vec<&str> = set.iter().filter(|other| *other != id).map(|other| taxonomy.entry(other).name.as_str()).collect();
        names.sort_unstable();
        names.join(", ")
    };
    let named: Vec<&Policy> = shelf.policies().filter(|p| p.mentions.intersects(&entry.above)).collect();
    let mut rules: Vec<&str> = named.iter().map(|p| p.rule.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    let free = if taxonomy.free_text().contains(id) { "presumed in free text, unless a clean scan covers it" } else { "" };
    let mut rows = vec![
        ("title", entry.title.clone()),
        ("means", entry.description.clone()),
        ("source", entry.source.clone()),
        ("above", names(&entry.above)),
        ("below", names(&entry.below)),
        ("displaces", names(&entry.displaces)),
        ("free text", free.to_owned()),
    ];
    rows.extend(entry.mappings.iter().map(|(name, terms)| (name.as_str(), terms.clone())));
    rows.push(("rules", rules.join(", ")));
    rows.retain(|(_, words)| !words.is_empty());
    let kind = if entry.kind == LabelKind::Class { "class" } else { "label" };
    heading(console, &entry.name, kind) + &text::entries(rows, 2, console.wrap())
}

fn step(name: &str, step: &StepType, console: &Console) -> String {
    let scope =
        if step.scoped_by_surfaces { "lowers labels only on the `surfaces` it declares" } else { "does what it does on every surface" };
    let mut rows = vec![("title", step.title.clone()), ("surfaces", scope.to_owned())];
    for (output, effects) in step.outputs().into_iter().flat_map(crate::load::Value::entries) {
        rows.push(("output", format!("{output}: {}", provider::words(effects))));
    }
    heading(console, name, "step type") + &text::entries(rows, 2, console.wrap())
}

/// What a page is about, and of what kind.
pub(super) fn heading(console: &Console, name: &str, kind: &str) -> String {
    format!("{} ({kind})\n\n", console.bold(&text::line(name)))
}

/// A page without its own heading, which the caller has printed.
fn body(markdown: &str) -> &str {
    match markdown.split_once('\n') {
        Some((first, rest)) if first.starts_with("# ") => rest.trim_start(),
        _ => markdown,
    }
}
