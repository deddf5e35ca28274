//! Reads `policies/` and private packs: taxonomy, provider profiles and the texts of rules, from the binary or from a folder.
//! Never parses Cedar and never judges.

mod files;
mod providers;
mod taxonomy;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use crate::load::{Document, Format, Limits};
use crate::problem::{Problem, SourceFile, did_you_mean};
use crate::validate;

pub use self::files::{PackFiles, PackFolder};
pub use self::providers::{Profile, Providers};
pub use self::taxonomy::{Entry, LabelId, LabelKind, LabelSet, StepType, Taxonomy};

/// The pack that is always on: it holds the engine's own rules.
pub const BASE_PACK: &str = "core";

/// The code of a name that no pack has.
pub const UNKNOWN_PACK: &str = "packs/unknown-pack";

/// Which packs to load and from where.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Names of enabled packs; the base pack is always on.
    pub packs: Vec<String>,
    /// Legal roles of the project, which enable the packs that are for them.
    pub roles: Vec<String>,
    /// Folders of private packs; all of them are enabled.
    pub private: Vec<PackFolder>,
    /// Enable private packs, too, only where `packs` names them; their classes and profiles stay known.
    pub listed_only: bool,
    /// A `policies/` folder to read instead of what the binary embeds.
    pub policies: Option<PathBuf>,
    /// The built-in packs' files, already read: for many runs over the same ones.
    pub files: Option<Arc<PackFiles>>,
    /// Another text in the place of one rule's, by its id: for mutants.
    pub replaced: Option<(String, String)>,
    /// Judge by these rules alone (labels of all enabled packs stay).
    pub only: Option<BTreeSet<String>>,
    /// What packs may cost.
    pub limits: Limits,
}

/// The text of one rule folder.
#[derive(Clone, Debug)]
pub struct RuleText {
    /// `pack/name`, from the path.
    pub id: String,
    /// `rule.cedar`.
    pub cedar: Arc<SourceFile>,
    /// `README.md`, when there is one.
    pub readme: Option<Arc<SourceFile>>,
    /// Its pack is enabled and it is selected.
    pub enabled: bool,
    /// Another text stands in for its own.
    pub replaced: bool,
}

/// One pack.
#[derive(Clone, Debug)]
pub struct Pack {
    /// Its folder name.
    pub name: String,
    /// Enabled for this run.
    pub enabled: bool,
    /// From a folder the team named, not one of ours.
    pub private: bool,
    /// Legal roles it is for, as its `pack.yaml` says; a project that has one of them is judged by it.
    pub roles: Vec<String>,
    /// `PACK.md`.
    pub page: Option<Arc<SourceFile>>,
    /// `labels.cedar`.
    pub labels: Option<Arc<SourceFile>>,
}

/// Everything `policies/` and private packs hold.
#[derive(Debug)]
pub struct Library {
    /// Classes, labels and step types of every pack, enabled or not, so that a rule may name them.
    pub taxonomy: Arc<Taxonomy>,
    /// Provider profiles, read when they are asked for.
    pub providers: Providers,
    /// Packs by name.
    pub packs: BTreeMap<String, Pack>,
    /// Rules in order of their ids.
    pub rules: Vec<RuleText>,
    /// The base permit.
    pub permit: Option<Arc<SourceFile>>,
    /// What packs may cost.
    pub limits: Limits,
}

impl Library {
    /// Loads packs; what cannot be read becomes problems, and what can be read is kept.
    #[must_use]
    pub fn load(selection: &Selection) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut files = match (&selection.files, &selection.policies) {
            (Some(files), _) => PackFiles::clone(files),
            (None, Some(folder)) => PackFiles::read_policies(folder, &selection.limits, &mut problems),
            (None, None) => PackFiles::embedded(),
        };
        files.limits = selection.limits.held();
        let mut private = BTreeSet::new();
        for folder in &selection.private {
            private.extend(files.add_private(folder, &mut problems));
        }
        if let Some((id, text)) = &selection.replaced {
            files.replace(&format!("policies/packs/{id}/rule.cedar"), text);
        }
        let (taxonomy, more) = files.taxonomy();
        problems.extend(more);
        let packs = load_packs(&files, selection, &private, &mut problems);
        let rules = load_rules(&files, selection, &packs, &mut problems);
        let permit = files.get("policies/permit.cedar");
        let providers = Providers::new(files);
        problems.extend(providers.check_private());
        (Self { taxonomy, providers, packs, rules, permit, limits: selection.limits.held() }, problems)
    }

    /// Names of the enabled packs, sorted.
    pub fn enabled_packs(&self) -> impl Iterator<Item = &str> {
        self.packs.values().filter(|p| p.enabled).map(|p| p.name.as_str())
    }
}

/// Reads every taxonomy file: `policies/classes/*.yaml` and `policies/packs/*/classes/*.yaml`.
fn load_taxonomy(files: &PackFiles, problems: &mut Vec<Problem>) -> Taxonomy {
    let mut documents = Vec::new();
    for (path, file) in files.iter() {
        let yaml = std::path::Path::new(path).extension().is_some_and(|e| e == "yaml");
        if yaml && (path.starts_with("policies/classes/") || path.split('/').nth(3) == Some("classes")) {
            match parse(file, &files.limits_of(path)) {
                Ok(document) => {
                    if !files.is_embedded() || files.is_private(path) {
                        problems.extend(validate::against(validate::SchemaName::Class, &document));
                    }
                    documents.push(document);
                }
                Err(problem) => problems.push(problem),
            }
        }
    }
    Taxonomy::from_documents(&documents, problems)
}

fn parse(file: &Arc<SourceFile>, limits: &Limits) -> Result<Document, Problem> {
    Document::parse(&file.name, file.text.clone().into_bytes(), Format::Yaml, limits)
}

fn load_packs(files: &PackFiles, selection: &Selection, private: &BTreeSet<String>, problems: &mut Vec<Problem>) -> BTreeMap<String, Pack> {
    let names: BTreeSet<&str> = files.iter().filter_map(|(p, _)| p.strip_prefix("policies/packs/")?.split('/').next()).collect();
    // What is no text has been reported by its schema.
    for name in selection.packs.iter().filter(|name| !name.is_empty()) {
        if !names.contains(name.as_str()) {
            let known: Vec<&str> = names.iter().copied().collect();
            let near = did_you_mean(name, known.iter().copied()).map(|n| format!("did you mean `{n}`? ")).unwrap_or_default();
            problems.push(
                Problem::new(UNKNOWN_PACK, format!("there is no pack `{name}`"))
                    .help(format!("{near}packs here: {}; a private pack is named by a path that begins with `./`", known.join(", "))),
            );
        }
    }
    names
        .into_iter()
        .map(|name| {
            let own = private.contains(name);
            let roles = pack_roles(files, name, problems);
            let pack = Pack {
                name: name.to_owned(),
                enabled: (own && !selection.listed_only)
                    || name == BASE_PACK
                    || selection.packs.iter().any(|p| p == name)
                    || roles.iter().any(|role| selection.roles.contains(role)),
                private: own,
                roles,
                page: files.get(&format!("policies/packs/{name}/PACK.md")),
                labels: files.get(&format!("policies/packs/{name}/labels.cedar")),
            };
            (name.to_owned(), pack)
        })
        .collect()
}

/// The roles a pack is for: `roles` in its `pack.yaml`.
fn pack_roles(files: &PackFiles, name: &str, problems: &mut Vec<Problem>) -> Vec<String> {
    let path = format!("policies/packs/{name}/pack.yaml");
    let Some(file) = files.get(&path) else { return Vec::new() };
    match parse(&file, &files.limits_of(&path)) {
        Ok(document) => {
            problems.extend(validate::against(validate::SchemaName::Pack, &document));
            let roles = document.root().get("roles").into_iter().flat_map(crate::load::Value::items);
            roles.filter_map(crate::load::Value::as_str).map(str::to_owned).collect()
        }
        Err(problem) => {
            problems.push(problem);
            Vec::new()
        }
    }
}

fn load_rules(files: &PackFiles, selection: &Selection, packs: &BTreeMap<String, Pack>, problems: &mut Vec<Problem>) -> Vec<RuleText> {
    let mut rules = Vec::new();
    for (path, file) in files.iter() {
        let Some(id) = path.strip_prefix("policies/packs/").and_then(|p| p.strip_suffix("/rule.cedar")) else { continue };
        let pack = id.split('/').next().unwrap_or_default();
        let on = packs.get(pack).is_some_and(|p| p.enabled);
        // A rule named by itself is judged even where its pack is off: that is what isolation means.
        let enabled = selection.only.as_ref().map_or(on, |only| only.contains(id));
        let readme = files.get(&format!("policies/packs/{id}/README.md"));
        let replaced = selection.replaced.as_ref().is_some_and(|(replaced, _)| replaced == id);
        rules.push(RuleText { id: id.to_owned(), cedar: Arc::clone(file), readme, enabled, replaced });
    }
    if let Some(only) = &selection.only {
        for id in only.iter().filter(|id| !rules.iter().any(|r| &r.id == *id)) {
            let near = did_you_mean(id, rules.iter().map(|r| r.id.as_str())).map(|n| format!("did you mean `{n}`? ")).unwrap_or_default();
            problems.push(
                Problem::new("packs/unknown-rule", format!("there is no rule `{id}`"))
                    .help(format!("{near}`flowgate rules` lists them all")),
            );
        }
    }
    rules
}
