//! Every pack in reach, with all rules switched on: for the subcommands that show policies and judge nothing.

use std::path::Path;

use super::{PackSource, targets};
use crate::judge::{self, Policies, Policy, Role};
use crate::load::{self, Document, Folder, Limits, Value};
use crate::packs::{Library, PackFolder, Selection};
use crate::problem::Problem;
use crate::vocabulary::Vocabulary;

/// Packs and their parsed policies.
#[derive(Debug)]
pub(super) struct Shelf {
    /// Taxonomy, providers, pages.
    pub(super) library: Library,
    /// What could not be read.
    pub(super) problems: Vec<Problem>,
    policies: Policies,
}

impl Shelf {
    /// Reads the built-in packs, those named, and the private ones of the project around the current folder.
    pub(super) fn load(source: &PackSource) -> Result<Self, Problem> {
        let limits = source.limits();
        let (mut private, mut problems) = around(&limits);
        private.extend(source.folders());
        let selection = Selection { private, policies: source.policies.clone(), limits, ..Selection::default() };
        let (mut library, more) = Library::load(&selection);
        problems.extend(more);
        library.packs.values_mut().for_each(|pack| pack.enabled = true);
        library.rules.iter_mut().for_each(|rule| rule.enabled = true);
        let vocabulary =
            Vocabulary::load().map_err(|e| Problem::new("judge/bad-schema", format!("the Cedar schema does not parse: {e}")))?;
        let policies = judge::with_room(|| Policies::load(&library, vocabulary, None, &mut problems))??;
        problems.sort_by_cached_key(Problem::sort_key);
        Ok(Self { library, problems, policies })
    }

    /// The policies of rules, in order of their files.
    pub(super) fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.policies.table.rows().iter().filter(|p| p.role == Role::Rule)
    }
}

/// Folders of private packs that a project file names by path.
pub(super) fn private_packs(project: &Document, root: &Path) -> Vec<PackFolder> {
    let named = project.root().get("packs");
    let paths = named.into_iter().flat_map(Value::items).filter_map(Value::as_str).filter(|name| name.starts_with('.'));
    let folder = Folder::Disk(root.to_owned());
    paths.map(|name| PackFolder::of_project(&folder, name)).collect()
}

/// The private packs of the project the current folder is in, if it is in one.
fn around(limits: &Limits) -> (Vec<PackFolder>, Vec<Problem>) {
    let Some((root, file)) = targets::project_around(Path::new(".")) else { return (Vec::new(), Vec::new()) };
    match load::read(&file, &root, limits) {
        Ok(project) => (private_packs(&project, &root), Vec::new()),
        Err(problem) => (Vec::new(), vec![problem]),
    }
}
