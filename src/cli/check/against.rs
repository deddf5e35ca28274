//! What a check is compared with: a base, a baseline file, or both. It reads them and judges nothing.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::check::Report;
use crate::cli::console::shown;
use crate::cli::targets;
use crate::compare::{Baseline, is_unreadable, unreadable_base};
use crate::load::{Commit, Folder, Limits};
use crate::problem::{Problem, why};
use crate::project::Project;

/// What to compare with.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Against {
    /// Count only what is new or worse than at this commit, branch or tag
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// With --base: compare with the last commit both have in common
    #[arg(long, requires = "base")]
    merge_base: bool,
    /// Count only what is new or worse than in this folder
    #[arg(long, value_name = "DIR", conflicts_with = "base")]
    base_dir: Option<PathBuf>,
    /// Mark the findings of this file, which `flowgate baseline` writes, and do not count them
    #[arg(long, value_name = "FILE")]
    pub(super) baseline: Option<PathBuf>,
}

/// The project to compare with.
pub(super) struct Base {
    pub(super) project: Project,
    /// As it was named.
    pub(super) name: String,
    /// Its commit.
    pub(super) commit: Option<String>,
}

impl Against {
    /// A base was asked for.
    pub(super) fn has_base(&self) -> bool {
        self.base.is_some() || self.base_dir.is_some()
    }

    /// The project to compare with, what it is called and its commit; none where nothing was asked for.
    pub(super) fn base(&self, root: &Path, named: &[PathBuf], limits: &Limits) -> Option<Result<Base, Problem>> {
        if let Some(folder) = &self.base_dir {
            let name = shown(folder);
            if !folder.is_dir() {
                let problem = Problem::new("base/no-folder", format!("there is no folder `{name}`"));
                return Some(Err(problem.help("`--base-dir` names the folder that holds the earlier version's flowgate.yaml")));
            }
            let project = Project::read(folder, limits);
            if let (None, Some(problem)) = (&project.file, project.problems.iter().find(|problem| is_unreadable(problem))) {
                return Some(Err(unreadable_base(problem)));
            }
            if project.is_empty() || project.file.is_none() {
                let problem = Problem::new("base/no-project", format!("there is no project in `{name}`"));
                return Some(Err(problem.help("`--base-dir` names the folder that holds the earlier version's flowgate.yaml")));
            }
            return Some(Ok(Base { project, name, commit: None }));
        }
        let revision = self.base.as_ref()?;
        if let Some(problem) = other_repository(root, named) {
            return Some(Err(problem));
        }
        let commit = if self.merge_base { Commit::merge_base(root, revision) } else { Commit::find(root, revision) };
        Some(commit.and_then(|commit| {
            let path = commit.path_of(root).ok_or_else(|| {
                Problem::new("base/no-repository", format!("`{}` is outside the repository's work tree", shown(root)))
                    .help("compare with a folder (`--base-dir`)")
            })?;
            let commit = Arc::new(commit);
            let project = Project::read_commit(&commit, &path, limits);
            Ok(Base { project, name: revision.clone(), commit: Some(commit.id.clone()) })
        }))
    }

    /// Marks what the baseline has. Compared with a base, only what its baseline had, too: a change cannot widen its own.
    pub(super) fn mark(
        &self,
        baseline: &Baseline,
        root: &Path,
        base: Option<Option<&Folder>>,
        limits: &Limits,
        report: &mut Report,
    ) -> BTreeSet<String> {
        let Some(base) = base else { return baseline.mark(report) };
        let inside = || -> Option<String> {
            // The file by its own name: a link would read another file of the base.
            let named = self.baseline.as_ref()?;
            let parent = named.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let file = std::fs::canonicalize(parent).ok()?.join(named.file_name()?);
            Some(file.strip_prefix(root).ok()?.to_string_lossy().replace('\\', "/"))
        };
        let earlier =
            inside().zip(base).and_then(|(name, folder)| Baseline::parse(&folder.read(&name, limits.held().file_bytes).ok()?).ok());
        let (kept, added) = baseline.within(&earlier.unwrap_or_default());
        if added > 0 {
            let entries = if added == 1 { "1 entry".to_owned() } else { format!("{added} entries") };
            report.notices.push(
                Problem::new("baseline/grown", format!("{entries} of the baseline are new since the base, and are not honoured"))
                    .help("a baseline can only shrink; to accept a finding, write a waiver"),
            );
        }
        kept.mark(report);
        // An entry that is not honoured is not mended by that.
        baseline.met(report)
    }

    /// Folders below those named that held a project in the base and hold none that is judged now, as seen from there; and why nobody could tell.
    pub(super) fn gone(&self, named: &[PathBuf], judged: &BTreeSet<PathBuf>) -> (BTreeSet<String>, Vec<Problem>) {
        const LIMIT: usize = 1_000_000;
        let (mut gone, mut problems) = (BTreeSet::new(), Vec::new());
        let Some(revision) = &self.base else { return (gone, problems) };
        for folder in named.iter().filter(|path| path.is_dir()) {
            let commit = if self.merge_base { Commit::merge_base(folder, revision) } else { Commit::find(folder, revision) };
            let Some((commit, path)) = commit.ok().and_then(|c| c.path_of(folder).map(|path| (c, path))) else { continue };
            let there = Folder::Commit(Arc::new(commit), path);
            // The folder may be new.
            let files = there.walk(".", &|name, _| targets::is_passed_over(name), LIMIT).or_else(|error| match error.kind() {
                ErrorKind::NotFound => Ok(Vec::new()),
                _ => Err(error),
            });
            let files = files.map_err(|error| {
                problems.push(
                    Problem::new("base/unreadable", format!("cannot list the base of `{}`: {}", shown(folder), why(&error)))
                        .help("nobody can tell which of its projects are gone; check a smaller folder, or fetch the commit again"),
                );
            });
            for (file, _) in files.into_iter().flatten() {
                let (inside, name) = file.rsplit_once('/').unwrap_or((".", &file));
                let is_project = targets::ENDINGS.iter().any(|ending| name == format!("flowgate.{ending}"));
                let in_pack = || {
                    let mut above = Path::new(inside).ancestors();
                    above.any(|a| {
                        there.has(&format!(
                            "{}/PACK.md",
                            if a.as_os_str().is_empty() { ".".to_owned() } else { a.to_string_lossy().into_owned() }
                        ))
                    })
                };
                let here = std::fs::canonicalize(folder).unwrap_or_default().join(if inside == "." { "" } else { inside });
                let here: PathBuf = here.components().collect();
                if is_project && !judged.contains(&here) && !in_pack() {
                    gone.insert(shown(&folder.join(inside)));
                }
            }
        }
        (gone, problems)
    }

    /// Says what of the baseline is mended, where everything it could be about was judged.
    pub(super) fn name_outlived(&self, baseline: &Baseline, partial: bool, judged: &mut [(Report, BTreeSet<String>)]) {
        let met: BTreeSet<String> = judged.iter().flat_map(|(_, met)| met.iter().cloned()).collect();
        let outlived = if partial { Vec::new() } else { baseline.outlived(&met) };
        for (report, _) in judged {
            let comparison = report.comparison.get_or_insert_default();
            comparison.baseline = self.baseline.as_deref().map(shown);
            comparison.outlived.clone_from(&outlived);
        }
    }
}

/// Why a project has no base: it lies in a repository inside the one that was named. A revision would be looked up in the inner one, where whoever
/// made it decides what `main` is.
fn other_repository(root: &Path, named: &[PathBuf]) -> Option<Problem> {
    let top = |folder: &Path| folder.ancestors().find(|above| above.join(".git").symlink_metadata().is_ok()).map(Path::to_owned);
    let named: Vec<PathBuf> =
        named.iter().filter_map(|path| std::fs::canonicalize(path).ok()).filter(|path| root.starts_with(path)).collect();
    let (own, tops) = (top(root)?, named.iter().filter_map(|path| top(path)).collect::<BTreeSet<_>>());
    let problem = || {
        Problem::new("base/other-repository", format!("`{}` is in a repository of its own, which has another history", targets::name(root)))
            .help("check it by itself: name its folder on the command line")
    };
    (!tops.is_empty() && !tops.contains(&own)).then(problem)
}
