//! Where packs lie: the `policies` folder, private packs, and what they were before, on disk or in a commit. Never reads a policy.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowgate::load::{Commit, EntryKind, Folder};
use flowgate::problem::{Problem, why};

use crate::change::Pairs;
use crate::report::{Finding, Level, Report};
use crate::world::{self, World};

/// Largest file of a pack, and most files: as flowgate has it.
const MAX_BYTES: usize = 4 << 20;
const MAX_FILES: usize = 20_000;

/// What the command line names.
#[derive(Debug)]
pub struct Places {
    policies: Option<PathBuf>,
    private: Vec<PathBuf>,
    names: Vec<String>,
}

/// What packs were before: a folder, which goes when this does where it was taken out of a commit.
#[derive(Debug)]
pub struct Before {
    places: world::Places,
    /// A folder of ours, and what stands for it in reports.
    taken: Option<(PathBuf, String)>,
}

impl Places {
    /// A word with a slash, or the name of a folder that is a pack, is a private pack; any other is a name.
    #[must_use]
    pub fn of(policies: Option<&Path>, packs: &[String]) -> Self {
        let here = Path::new("policies");
        let policies = policies.map(Path::to_owned).or_else(|| here.join("packs").is_dir().then(|| here.to_owned()));
        let is_folder = |word: &String| word.contains('/') || word == "." || Path::new(word).join("PACK.md").is_file();
        let (private, names): (Vec<String>, Vec<String>) = packs.iter().cloned().partition(is_folder);
        Self { policies, private: private.into_iter().map(PathBuf::from).collect(), names }
    }

    /// Names of built-in packs.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// As they are now.
    #[must_use]
    pub fn now(&self) -> world::Places {
        world::Places { policies: self.policies.clone(), private: self.private.clone() }
    }

    /// As they were: a folder in the place of the one compared, or the same folder in a commit.
    ///
    /// # Errors
    /// Neither a folder nor a revision; a commit that has no such folder.
    pub fn before(&self, against: &str) -> Result<Before, Problem> {
        let folder = Path::new(against);
        if folder.is_dir() {
            let inner = folder.join("policies");
            let folder = if inner.join("packs").is_dir() && !folder.join("PACK.md").is_file() { inner } else { folder.to_owned() };
            return Ok(Before { places: self.instead(folder), taken: None });
        }
        let start = self.subject();
        let real = fs::canonicalize(&start).map_err(|e| {
            Problem::new("prove/unreadable", format!("cannot read `{}`: {}", start.display(), why(&e))).help("name a folder that is there")
        })?;
        let commit = Arc::new(Commit::find(&real, against)?);
        let inside = commit.path_of(&real).ok_or_else(|| {
            Problem::new("prove/not-in-repository", format!("`{}` is not in the repository of `{against}`", start.display()))
                .help("name the folder that holds the old packs")
        })?;
        let taken = std::env::temp_dir().join(format!("prove-{}", std::process::id()));
        // The pack's name is that of its folder.
        let target = taken.join(real.file_name().unwrap_or_default());
        let before = Before {
            places: self.instead(target.clone()),
            taken: Some((
                taken,
                format!("{against}:{}", inside.rsplit_once('/').map(|(above, _)| format!("{above}/")).unwrap_or_default()),
            )),
        };
        take(&Folder::Commit(commit, inside), &target).map_err(|e| {
            Problem::new("prove/unreadable", format!("cannot read `{}` of `{against}`: {}", start.display(), why(&e)))
                .help("name a revision that has this folder")
        })?;
        Ok(before)
    }

    /// What is compared: the private pack, else the `policies` folder.
    fn subject(&self) -> PathBuf {
        self.private.first().cloned().or_else(|| self.policies.clone()).unwrap_or_else(|| PathBuf::from("policies"))
    }

    fn instead(&self, old: PathBuf) -> world::Places {
        if self.private.is_empty() {
            world::Places { policies: Some(old), private: Vec::new() }
        } else {
            world::Places { policies: self.policies.clone(), private: vec![old] }
        }
    }

    /// What is different and no policy: the solver knows nothing of it, so people are told.
    pub fn unread(&self, before: &Before, report: &mut Report) {
        let old = before.places.private.first().or(before.places.policies.as_ref());
        let (Some(old), new) = (old, self.subject()) else { return };
        let (old, new) = (data(old), data(&new));
        let mut names: Vec<&String> = old.keys().chain(new.keys()).filter(|name| old.get(*name) != new.get(*name)).collect();
        names.sort();
        names.dedup();
        for name in names {
            report.findings.push(Finding {
                level: Level::Note,
                code: "prove/not-compared",
                message: format!("`{name}` differs, and what it says of step types and providers is outside these proofs"),
                at: None,
                request: Vec::new(),
                replay: None,
                help: String::new(),
            });
        }
    }
}

impl Before {
    /// Where they are.
    #[must_use]
    pub fn places(&self) -> &world::Places {
        &self.places
    }

    /// Names files of a commit as `REVISION:path`.
    pub fn name_files(&self, world: &mut World) {
        if let Some((folder, shown)) = &self.taken {
            let folder = format!("{}/", folder.display());
            for rule in &mut world.rules {
                if let Some(rest) = rule.file.strip_prefix(&folder) {
                    rule.file = format!("{shown}{rest}");
                }
            }
        }
    }
}

impl Drop for Before {
    fn drop(&mut self) {
        if let Some((folder, _)) = &self.taken {
            drop(fs::remove_dir_all(folder));
        }
    }
}

/// Old and new packs that belong together: by name, and a private pack with a private one whatever their folders are called. A pack that is only in one
/// of the two has no rules in the other.
#[must_use]
pub fn pairs(old: &World, new: &World, selected: &BTreeSet<String>) -> Pairs {
    let alone = |world: &World| world.private.iter().next().filter(|_| world.private.len() == 1).cloned();
    let renamed = alone(old).zip(alone(new));
    let was = |name: &String| renamed.as_ref().filter(|(_, is)| is == name).map_or(name, |(was, _)| was).clone();
    let gone = old.packs.iter().filter(|name| *selected == new.packs && !new.packs.contains(*name) && !old.private.contains(*name));
    selected.iter().map(|name| (was(name), name.clone())).chain(gone.map(|name| (name.clone(), name.clone()))).collect()
}

/// Copies a folder of packs out of a commit, fixtures left behind.
fn take(from: &Folder, to: &Path) -> std::io::Result<()> {
    let files = from.walk(".", &|name, _| matches!(name, "fail" | "pass" | ".git"), MAX_FILES)?;
    if files.is_empty() {
        return Err(std::io::Error::from(std::io::ErrorKind::NotFound));
    }
    for (name, _) in files.into_iter().filter(|(_, kind)| *kind == EntryKind::File) {
        let bytes = from.read(&name, MAX_BYTES)?;
        let path = to.join(name.trim_start_matches("./"));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, bytes)?;
    }
    Ok(())
}

/// Files under `classes/` and `providers/`, by name.
fn data(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let here = Folder::Disk(folder.to_owned());
    let files = here.walk(".", &|name, _| matches!(name, "fail" | "pass" | ".git"), MAX_FILES).unwrap_or_default();
    let wanted = |name: &str| name.split('/').any(|part| matches!(part, "classes" | "providers"));
    let files = files.into_iter().map(|(name, _)| name).filter(|name| wanted(name));
    files.filter_map(|name| Some((name.trim_start_matches("./").to_owned(), here.read(&name, MAX_BYTES).ok()?))).collect()
}
