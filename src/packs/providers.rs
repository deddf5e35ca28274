//! Provider profiles: dated facts about hosted services, parsed when a node names one. Never a promise of the provider.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::files::PackFiles;
use crate::load::{Document, Value};
use crate::problem::{Problem, Span};
use crate::validate;

/// A parsed profile.
#[derive(Debug)]
pub struct Profile {
    /// `vendor/service`, from the path.
    pub service: String,
    document: Document,
}

impl Profile {
    /// The profile's own tree.
    #[must_use]
    pub fn root(&self) -> Value<'_> {
        self.document.root()
    }

    /// The file.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Party id of the vendor.
    #[must_use]
    pub fn vendor(&self) -> Option<&str> {
        self.root().get("vendor")?.as_str()
    }
}

/// All profiles, by service.
#[derive(Debug)]
pub struct Providers {
    files: PackFiles,
    paths: BTreeMap<String, String>,
    parsed: BTreeMap<String, OnceLock<Result<Profile, Box<Problem>>>>,
    /// Two files for one service.
    twice: Vec<Problem>,
}

impl Providers {
    pub(super) fn new(files: PackFiles) -> Self {
        let mut paths: BTreeMap<String, String> = BTreeMap::new();
        let mut twice = Vec::new();
        for (path, file) in files.iter() {
            let Some(stem) = path.strip_suffix(".yaml") else { continue };
            let parts: Vec<&str> = stem.split('/').collect();
            if let ["policies", "providers", vendor, service] | ["policies", "packs", _, "providers", vendor, service] = parts.as_slice() {
                let name = format!("{vendor}/{service}");
                if paths.contains_key(&name) {
                    twice.push(
                        Problem::new("packs/declared-twice", format!("there are two profiles of `{name}`"))
                            .at(file, Span::default(), "another one is there already")
                            .help("state what you know better under `providers` in flowgate.yaml, or give the profile a name of its own"),
                    );
                    continue;
                }
                paths.insert(name, path.to_owned());
            }
        }
        let parsed = paths.keys().map(|s| (s.clone(), OnceLock::new())).collect();
        Self { files, paths, parsed, twice }
    }

    /// What is wrong with the profiles of private packs, used or not: all of it, for nobody else checks them.
    pub(super) fn check_private(&self) -> Vec<Problem> {
        let mut problems = self.twice.clone();
        let mut aliases: BTreeMap<String, &str> = BTreeMap::new();
        for (service, path) in &self.paths {
            if !self.files.is_private(path) {
                continue;
            }
            let Some(file) = self.files.get(path) else { continue };
            match super::parse(&file, &self.files.limits_of(path)) {
                Err(problem) => problems.push(problem),
                Ok(document) => {
                    problems.extend(validate::against(validate::SchemaName::Provider, &document));
                    for alias in document.root().get("aliases").into_iter().flat_map(Value::items) {
                        let name = alias.as_str().unwrap_or_default().to_owned();
                        let other = if self.paths.contains_key(&name) { Some(name.as_str()) } else { aliases.get(&name).copied() };
                        if let Some(other) = other {
                            problems.push(
                                Problem::new("packs/declared-twice", format!("`{name}` would stand for `{other}` and for `{service}`"))
                                    .at(document.file(), alias.span(), "taken already")
                                    .help("give one of them another alias"),
                            );
                        }
                        aliases.entry(name).or_insert(service);
                    }
                }
            }
        }
        problems
    }

    /// The profiles of private packs that can be read, in order of their names.
    pub fn private(&self) -> impl Iterator<Item = &Profile> {
        let names = self.paths.iter().filter(|(_, path)| self.files.is_private(path)).map(|(name, _)| name);
        names.filter_map(|name| self.parse(name)?.ok())
    }

    /// Names of all services, sorted.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.paths.keys().map(String::as_str)
    }

    /// The profile of a service, by its name or one of its aliases.
    ///
    /// # Errors
    /// The profile is there but cannot be read.
    pub fn get(&self, service: &str) -> Result<Option<&Profile>, &Problem> {
        if let Some(profile) = self.parse(service) {
            return profile.map(Some);
        }
        for name in self.paths.keys() {
            let Some(Ok(profile)) = self.parse(name) else { continue };
            let aliases = profile.root().get("aliases");
            if aliases.is_some_and(|a| a.items().any(|v| v.as_str() == Some(service))) {
                return Ok(Some(profile));
            }
        }
        Ok(None)
    }

    fn parse(&self, service: &str) -> Option<Result<&Profile, &Problem>> {
        let cell = self.parsed.get(service)?;
        let parsed = cell.get_or_init(|| {
            let path = self.paths.get(service).map(String::as_str).unwrap_or_default();
            let file = self.files.get(path).ok_or_else(|| Box::new(Problem::new("packs/unreadable", format!("cannot read `{path}`"))))?;
            let document = super::parse(&file, &self.files.limits_of(path)).map_err(Box::new)?;
            if (!self.files.is_embedded() || self.files.is_private(path))
                && let Some(problem) = validate::against(validate::SchemaName::Provider, &document).into_iter().next()
            {
                return Err(Box::new(problem));
            }
            Ok(Profile { service: service.to_owned(), document })
        });
        Some(parsed.as_ref().map_err(|problem| &**problem))
    }
}
