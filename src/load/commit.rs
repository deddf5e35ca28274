//! A commit as a folder: read from the object database alone. No work tree, index, filter, hook or remote is ever touched, and nothing but the
//! repository's own configuration is read.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use gix::ObjectId;
use gix::bstr::ByteSlice as _;

use super::folder::{Entry, EntryKind, too_long};
use crate::problem::Problem;

/// The code of a commit that cannot be read as a whole.
pub const COMMIT_UNREADABLE: &str = "load/commit-unreadable";

/// Links that lead to links are followed this far.
const MAX_LINKS: usize = 8;

/// One commit of a repository.
pub struct Commit {
    repository: gix::ThreadSafeRepository,
    tree: ObjectId,
    /// The commit's id, in hexadecimal.
    pub id: String,
    /// The day it was committed, in UTC: seconds since 1970.
    pub seconds: i64,
    /// The top of the work tree.
    pub top: PathBuf,
    /// What could not be read of it, the first time.
    failed: OnceLock<String>,
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commit").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Commit {
    /// The commit that `revision` names in the repository around `start`.
    ///
    /// # Errors
    /// No repository, no such revision, a commit or tree that is not there.
    pub fn find(start: &Path, revision: &str) -> Result<Self, Problem> {
        let repository = open(start)?;
        let id = resolve(&repository, revision)?;
        Self::at(repository, id, revision)
    }

    /// The current commit of the repository around `start`; none outside a repository, and before its first commit.
    ///
    /// # Errors
    /// A repository that is there and cannot be read.
    pub fn head(start: &Path) -> Result<Option<Self>, Problem> {
        let unreadable = |problem: &Problem| {
            Problem::new("load/no-commit", format!("cannot read the current commit: {problem}"))
                .help("check that you may read the repository, and that it is whole (`git fsck`)")
        };
        let repository = match open(start) {
            Ok(repository) => repository,
            Err(_) if !start.ancestors().any(|folder| may_be_repository(&folder.join(".git"))) => return Ok(None),
            Err(problem) => return Err(unreadable(&problem)),
        };
        if repository.to_thread_local().head().is_ok_and(|head| head.is_unborn()) {
            return Ok(None);
        }
        let commit = resolve(&repository, "HEAD").and_then(|id| Self::at(repository, id, "HEAD"));
        commit.map(Some).map_err(|problem| unreadable(&problem))
    }

    /// The last commit that both `revision` and the current one come from.
    ///
    /// # Errors
    /// As [`Commit::find`], and where the two have no commit in common.
    pub fn merge_base(start: &Path, revision: &str) -> Result<Self, Problem> {
        let repository = open(start)?;
        let (other, head) = (resolve(&repository, revision)?, resolve(&repository, "HEAD")?);
        let local = repository.to_thread_local();
        let base = local.merge_base(other, head).ok().flatten().map(gix::Id::detach).ok_or_else(|| {
            Problem::new("base/no-merge-base", format!("`{revision}` and HEAD have no commit in common here"))
                .help("in a shallow clone, fetch more of the history (`git fetch --unshallow`; `fetch-depth: 0` in actions/checkout)")
        })?;
        drop(local);
        Self::at(repository, base, revision)
    }

    fn at(repository: gix::ThreadSafeRepository, id: ObjectId, revision: &str) -> Result<Self, Problem> {
        let local = repository.to_thread_local();
        let missing = || absent(revision, &local);
        let top = local.workdir().and_then(|w| std::fs::canonicalize(w).ok()).ok_or_else(|| {
            Problem::new("base/no-repository", "this repository has no work tree")
                .help("run flowgate in a clone with files, or use `--base-dir`")
        })?;
        let commit = local.find_commit(id).map_err(|_| missing())?;
        let seconds = commit.time().map_err(|_| missing())?.seconds;
        let tree = commit.tree_id().map_err(|_| missing())?.detach();
        local.find_tree(tree).map_err(|_| missing())?;
        drop(commit);
        drop(local);
        Ok(Self { repository, tree, id: id.to_string(), seconds, top, failed: OnceLock::new() })
    }

    /// The path of a folder of the work tree inside the commit; none where the folder lies elsewhere.
    #[must_use]
    pub fn path_of(&self, folder: &Path) -> Option<String> {
        let folder = std::fs::canonicalize(folder).ok()?;
        let parts = folder.strip_prefix(&self.top).ok()?.components();
        Some(parts.map(|p| p.as_os_str().to_string_lossy().into_owned()).collect::<Vec<_>>().join("/"))
    }

    /// What kept it from being read as a whole: an object that is not there or cannot be opened. Nothing made of such a commit is whole, and a file
    /// that seems to lack in it may make the later version look no worse than it was.
    #[must_use]
    pub fn failure(&self) -> Option<Problem> {
        let why = self.failed.get()?;
        Some(Problem::new(COMMIT_UNREADABLE, format!("commit {} cannot be read as a whole: {why}", self.id)).help(
            "a clone that is partial or broken lacks objects: fetch them, see `git fsck`; and see that files can be opened (`ulimit -n`)",
        ))
    }

    /// Remembers that the object database could not give something.
    fn broken(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
        let error = error.into();
        let _ = self.failed.set(error.to_string());
        io::Error::other(error)
    }

    pub(super) fn read(&self, path: &str, limit: usize) -> io::Result<Vec<u8>> {
        let local = self.repository.to_thread_local();
        let (id, _) = self.file(&local, path, MAX_LINKS)?;
        let size = local.find_header(id).map_err(|e| self.broken(e))?.size();
        if size > limit as u64 {
            return Err(too_long(limit));
        }
        Ok(local.find_object(id).map_err(|e| self.broken(e))?.detach().data)
    }

    pub(super) fn has(&self, path: &str) -> bool {
        let local = self.repository.to_thread_local();
        self.file(&local, path, MAX_LINKS)
            .is_ok_and(|(id, _)| local.find_header(id).map_err(|e| self.broken(e)).is_ok_and(|h| h.size() > 0))
    }

    pub(super) fn entries(&self, path: &str) -> io::Result<Vec<Entry>> {
        let local = self.repository.to_thread_local();
        let tree = self.lookup(&local, path)?.filter(|(_, kind)| *kind == EntryKind::Folder);
        let (id, _) = tree.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let tree = local.find_tree(id).map_err(|e| self.broken(e))?;
        let mut entries = Vec::new();
        for entry in tree.iter() {
            let entry = entry.map_err(|e| self.broken(e))?;
            entries.push(Entry { name: entry.filename().to_str_lossy().into_owned(), kind: kind_of(entry.mode()) });
        }
        Ok(entries)
    }

    /// Where a link of the commit leads, inside the commit; none where it leads out of it or to nothing.
    #[must_use]
    pub fn target(&self, path: &str) -> Option<(String, EntryKind)> {
        let local = self.repository.to_thread_local();
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            let (id, kind) = self.lookup(&local, &path).ok()??;
            if kind != EntryKind::Link {
                return Some((path, kind));
            }
            path = self.follow(&local, &path, id).ok()?;
        }
        None
    }

    /// The file at a path, links followed inside the commit.
    fn file(&self, local: &gix::Repository, path: &str, links: usize) -> io::Result<(ObjectId, EntryKind)> {
        let found = self.lookup(local, path)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        match found.1 {
            EntryKind::File => Ok(found),
            EntryKind::Link if links > 0 => self.file(local, &self.follow(local, path, found.0)?, links - 1),
            _ => Err(io::Error::other("not a regular file")),
        }
    }

    fn follow(&self, local: &gix::Repository, path: &str, link: ObjectId) -> io::Result<String> {
        let target = local.find_object(link).map_err(|e| self.broken(e))?.detach().data;
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        super::folder::inside(folder, &target.to_str_lossy())
    }

    /// The entry at a path. Links on the way are followed inside the commit, a link at its end is not.
    fn lookup(&self, local: &gix::Repository, path: &str) -> io::Result<Option<(ObjectId, EntryKind)>> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            if path.is_empty() {
                return Ok(Some((self.tree, EntryKind::Folder)));
            }
            let mut at = (self.tree, EntryKind::Folder);
            let mut led = None;
            let parts: Vec<&str> = path.split('/').collect();
            for (n, part) in parts.iter().enumerate() {
                let tree = local.find_tree(at.0).map_err(|e| self.broken(e))?;
                let entry = tree.lookup_entry([part.as_bytes()]).map_err(|e| self.broken(e))?;
                let Some(entry) = entry else { return Ok(None) };
                at = (entry.object_id(), kind_of(entry.mode()));
                let last = n + 1 == parts.len();
                if !last && at.1 == EntryKind::Link {
                    let here = parts.get(..=n).unwrap_or_default().join("/");
                    let rest = parts.get(n + 1..).unwrap_or_default().join("/");
                    led = Some(super::folder::inside(&self.follow(local, &here, at.0)?, &rest)?);
                    break;
                }
                if !last && at.1 != EntryKind::Folder {
                    return Ok(None);
                }
            }
            match led {
                Some(next) => path = next,
                None => return Ok(Some(at)),
            }
        }
        Err(io::Error::other("too many links"))
    }
}

fn kind_of(mode: gix::objs::tree::EntryMode) -> EntryKind {
    match () {
        () if mode.is_tree() => EntryKind::Folder,
        () if mode.is_link() => EntryKind::Link,
        () if mode.is_blob() => EntryKind::File,
        () => EntryKind::Other,
    }
}

/// Opens the repository around a folder with nothing but its own configuration, so that neither the user's nor the environment's can change what is
/// read; nor can `refs/replace`, which would give a commit another content under the same id.
fn open(start: &Path) -> Result<gix::ThreadSafeRepository, Problem> {
    let options = || gix::open::Options::isolated().config_overrides(["core.useReplaceRefs=false"]);
    let trust = gix::sec::trust::Mapping { full: options(), reduced: options() };
    gix::ThreadSafeRepository::discover_opts(start, gix::discover::upwards::Options::default(), trust).map_err(|_| {
        Problem::new("base/no-repository", format!("`{}` is in no git repository", start.display()))
            .help("run flowgate in a clone, or name a folder with `--base-dir`")
    })
}

/// It is a file that leads to a repository, or a folder with a `HEAD`, or nobody can tell.
fn may_be_repository(git: &Path) -> bool {
    let there =
        |path: &Path| !path.symlink_metadata().is_err_and(|e| matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory));
    there(git) && (git.is_file() || there(&git.join("HEAD")))
}

fn resolve(repository: &gix::ThreadSafeRepository, revision: &str) -> Result<ObjectId, Problem> {
    let local = repository.to_thread_local();
    let commit = local.rev_parse_single(revision).ok().and_then(|id| id.object().ok()?.peel_to_commit().ok()).map(|c| c.id);
    commit.ok_or_else(|| absent(revision, &local))
}

fn absent(revision: &str, repository: &gix::Repository) -> Problem {
    let shallow = repository.is_shallow().unwrap_or(false);
    let help = if shallow {
        "this clone is shallow: fetch the commit (`git fetch --depth=1 origin COMMIT`), or all of them (`fetch-depth: 0` in actions/checkout)"
    } else {
        "name a branch, tag or commit that `git rev-parse` finds here; fetch it first if it is on a remote only"
    };
    Problem::new("base/no-revision", format!("there is no commit `{revision}` in this repository")).help(help)
}
