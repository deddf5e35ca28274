//! Provider profiles: dated facts about hosted services, parsed when a node names one. Never a promise of the provider.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::files::PackFiles;
use crate::load::{Document, Value};
use crate::problem::Problem;
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
}

impl Providers {
    pub(super) fn new(files: PackFiles) -> Self {
        let mut paths = BTreeMap::new();
        for (path, _) in files.iter() {
            let Some(stem) = path.strip_suffix(".yaml") else { continue };
            let parts: Vec<&str> = stem.split('/').collect();
            if let ["policies", "providers", vendor, service] | ["policies", "packs", _, "providers", vendor, service] = parts.as_slice() {
                paths.insert(format!("{vendor}/{service}"), path.to_owned());
            }
        }
        let parsed = paths.keys().map(|s| (s.clone(), OnceLock::new())).collect();
        Self { files, paths, parsed }
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
