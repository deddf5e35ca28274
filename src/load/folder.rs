//! A folder's files, wherever they are: on disk, in a commit, or one version of a file here and another there. Never interprets them.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::commit::Commit;
use crate::problem::Problem;

/// A folder. Names of files are relative to it, `/` between their parts.
#[derive(Clone, Debug)]
pub enum Folder {
    /// On disk.
    Disk(PathBuf),
    /// In a commit: the folder's path in it, empty for the top.
    Commit(Arc<Commit>, String),
    /// One folder with some files of another in their place.
    Mixed {
        /// The folder.
        here: Box<Folder>,
        /// The other one.
        there: Box<Folder>,
        /// Files that are as they are there: also those that only one of the two has.
        from_there: BTreeSet<String>,
    },
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its own name.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A link: to a file, a folder or nothing.
    Link,
    /// A pipe, a device, a repository inside the repository.
    Other,
}

impl Folder {
    /// The folder's own name.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Disk(folder) => {
                let real = fs::canonicalize(folder).ok();
                real.and_then(|f| Some(f.file_name()?.to_string_lossy().into_owned())).unwrap_or_default()
            }
            Self::Commit(commit, prefix) => match prefix.rsplit('/').next().filter(|name| !name.is_empty()) {
                Some(name) => name.to_owned(),
                None => commit.top.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            },
            Self::Mixed { here, .. } => here.name(),
        }
    }

    /// A file's bytes, `limit` of them at most; a longer file is an error.
    ///
    /// # Errors
    /// No such file, no permission, too long.
    pub fn read(&self, name: &str, limit: usize) -> io::Result<Vec<u8>> {
        match self {
            Self::Disk(folder) => {
                let file = open_regular(&within(folder, name)?)?;
                // Before a byte of it is in memory.
                if file.metadata()?.len() > limit as u64 {
                    return Err(too_long(limit));
                }
                let mut bytes = Vec::new();
                file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
                if bytes.len() > limit { Err(too_long(limit)) } else { Ok(bytes) }
            }
            Self::Commit(commit, prefix) => commit.read(&inside(prefix, name)?, limit),
            Self::Mixed { here, there, from_there } => {
                let name = inside("", name)?;
                if from_there.contains(&name) { there.read(&name, limit) } else { here.read(&name, limit) }
            }
        }
    }

    /// Is there a file of this name that is not empty?
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Disk(folder) => within(folder, name).and_then(fs::metadata).is_ok_and(|m| m.is_file() && m.len() > 0),
            Self::Commit(commit, prefix) => inside(prefix, name).is_ok_and(|name| commit.has(&name)),
            Self::Mixed { here, there, from_there } => {
                inside("", name).is_ok_and(|name| if from_there.contains(&name) { there.has(&name) } else { here.has(&name) })
            }
        }
    }

    /// What kept a commit from being read as a whole; see [`Commit::failure`].
    #[must_use]
    pub fn failure(&self) -> Option<Problem> {
        match self {
            Self::Disk(_) => None,
            Self::Commit(commit, _) => commit.failure(),
            Self::Mixed { here, there, .. } => here.failure().or_else(|| there.failure()),
        }
    }

    /// There is certainly no such file or folder: what cannot be looked at may be there.
    #[must_use]
    pub fn lacks(&self, name: &str) -> bool {
        let certain = |error: &io::Error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
        match self {
            Self::Disk(folder) => fs::metadata(folder.join(name)).is_err_and(|error| certain(&error)),
            Self::Commit(commit, prefix) => {
                inside(prefix, name).is_ok_and(|name| commit.read(&name, 0).is_err_and(|error| certain(&error)))
            }
            Self::Mixed { here, there, from_there } => {
                inside("", name).is_ok_and(|name| if from_there.contains(&name) { there.lacks(&name) } else { here.lacks(&name) })
            }
        }
    }

    /// Nobody can tell whether there is such a file. A commit tells what it could not give; see [`Folder::failure`].
    #[must_use]
    pub fn hides(&self, name: &str) -> bool {
        let known = |error: &io::Error| is_outside(error) || matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
        match self {
            Self::Disk(folder) => within(folder, name).and_then(fs::metadata).is_err_and(|error| !known(&error)),
            Self::Commit(..) | Self::Mixed { .. } => false,
        }
    }

    /// Does a name lead out of what may be read here, by itself or by a link? A name of nothing leads nowhere.
    #[must_use]
    pub fn leads_out(&self, name: &str) -> bool {
        match self {
            Self::Disk(folder) => within(folder, name).is_err_and(|error| is_outside(&error)),
            Self::Commit(_, prefix) => inside(prefix, name).is_err(),
            Self::Mixed { here, .. } => here.leads_out(name),
        }
    }

    /// What a folder below this one holds, sorted by name; `.` is this one.
    ///
    /// # Errors
    /// No such folder, no permission.
    pub fn entries(&self, name: &str) -> io::Result<Vec<Entry>> {
        let mut entries = match self {
            Self::Disk(folder) => {
                let mut entries = Vec::new();
                for entry in fs::read_dir(within(folder, name)?)? {
                    let entry = entry?;
                    let about = entry.file_type()?;
                    let kind = match () {
                        () if about.is_symlink() => EntryKind::Link,
                        () if about.is_dir() => EntryKind::Folder,
                        () if about.is_file() => EntryKind::File,
                        () => EntryKind::Other,
                    };
                    entries.push(Entry { name: entry.file_name().to_string_lossy().into_owned(), kind });
                }
                entries
            }
            Self::Commit(commit, prefix) => commit.entries(&inside(prefix, name)?)?,
            Self::Mixed { here, there, from_there } => mixed(here, there, from_there, name)?,
        };
        entries.sort();
        Ok(entries)
    }

    /// Everything below a folder that is no folder, sorted; links are not followed, and `skip` says by name and path which folders are not entered. More
    /// than `limit` entries are an error.
    ///
    /// # Errors
    /// A folder that cannot be read, too many files.
    pub fn walk(&self, name: &str, skip: &dyn Fn(&str, &str) -> bool, limit: usize) -> io::Result<Vec<(String, EntryKind)>> {
        let (mut files, mut todo) = (Vec::new(), vec![name.trim_end_matches('/').to_owned()]);
        while let Some(folder) = todo.pop() {
            for entry in self.entries(&folder)? {
                let path = if folder == "." { entry.name.clone() } else { format!("{folder}/{}", entry.name) };
                match entry.kind {
                    EntryKind::Folder if !skip(&entry.name, &path) => todo.push(path),
                    EntryKind::Folder => {}
                    EntryKind::File | EntryKind::Link | EntryKind::Other => files.push((path, entry.kind)),
                }
            }
            if files.len() > limit {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {limit} files, the limit")));
            }
        }
        files.sort();
        Ok(files)
    }
}

fn mixed(here: &Folder, there: &Folder, from_there: &BTreeSet<String>, name: &str) -> io::Result<Vec<Entry>> {
    let folder = inside("", name)?;
    let path = |entry: &Entry| if folder.is_empty() { entry.name.clone() } else { format!("{folder}/{}", entry.name) };
    let below = |entry: &Entry| from_there.iter().any(|f| f.strip_prefix(&path(entry)).is_some_and(|rest| rest.starts_with('/')));
    let (own, other) = (here.entries(name), there.entries(name));
    if own.is_err() && other.is_err() {
        return own;
    }
    let own = own.unwrap_or_default().into_iter().filter(|e| !from_there.contains(&path(e)));
    let other =
        other.unwrap_or_default().into_iter().filter(|e| from_there.contains(&path(e)) || (e.kind == EntryKind::Folder && below(e)));
    let all: BTreeSet<Entry> = own.chain(other).collect();
    Ok(all.into_iter().collect())
}

/// What a name below a folder on disk leads to, links followed. What a project names is read inside its repository (the nearest folder above with
/// `.git`; without one, the project's own), and git's own folder is none of it: it may hold credentials.
fn within(folder: &Path, name: &str) -> io::Result<PathBuf> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let (root, real) = (fs::canonicalize(folder)?, fs::canonicalize(folder.join(name))?);
    let fence = root.ancestors().find(|above| fs::symlink_metadata(above.join(".git")).is_ok()).unwrap_or(&root);
    match real.strip_prefix(fence) {
        Ok(inside) if !is_gits_own(inside) => Ok(real),
        _ => Err(io::Error::new(io::ErrorKind::PermissionDenied, Outside)),
    }
}

/// Is it in git's own folder, or that folder?
pub(super) fn is_gits_own(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str().eq_ignore_ascii_case(".git"))
}

/// Opens a file that is one: a pipe would block, a device need not end.
pub(super) fn open_regular(path: &Path) -> io::Result<fs::File> {
    let regular = |about: &fs::Metadata| if about.is_file() { Ok(()) } else { Err(io::Error::other("not a regular file")) };
    regular(&fs::metadata(path)?)?;
    let file = fs::File::open(path)?;
    // Asked of what was opened: another file may stand there by now.
    regular(&file.metadata()?)?;
    Ok(file)
}

/// Why a name is not read.
#[derive(Debug)]
struct Outside;

impl std::fmt::Display for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it is outside the repository")
    }
}

impl std::error::Error for Outside {}

fn is_outside(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Outside>())
}

pub(super) fn too_long(limit: usize) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {limit} bytes, the limit"))
}

/// A path below `prefix` without `.` and `..`.
pub(super) fn inside(prefix: &str, name: &str) -> io::Result<String> {
    let mut parts: Vec<String> = prefix.split('/').filter(|p| !p.is_empty()).map(str::to_owned).collect();
    for part in Path::new(name).components() {
        match part {
            Component::CurDir => {}
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::ParentDir if parts.pop().is_some() => {}
            _ => return Err(io::Error::other("it is outside the repository")),
        }
    }
    Ok(parts.join("/"))
}
