//! What paths on the command line name: projects, each with the workflow files to check. A path that names no workflow is a problem, never a pass.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::console::shown;
use crate::load::{self, ProjectFiles, Value};
use crate::problem::Problem;
use crate::project::Project;

pub(super) const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];
const SKIPPED: [&str; 2] = ["node_modules", "target"];

/// One check to make.
#[derive(Debug)]
pub(super) enum Target {
    /// A project.
    Project(Named),
    /// One workflow on standard input.
    Stdin,
}

impl Target {
    /// The project's folder.
    pub(super) fn root(&self) -> Option<PathBuf> {
        match self {
            Self::Project(named) => Some(named.files.root.clone()),
            Self::Stdin => None,
        }
    }

    /// The declarations it is read from.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::Project(named) => {
                let files = &named.files;
                files.project.iter().chain(&files.waivers).chain(&files.flows).cloned().collect()
            }
            Self::Stdin => Vec::new(),
        }
    }
}

/// A project and what was named of it. The whole project is judged, because data reaches a workflow from others through shared nodes;
/// only what was named is reported.
#[derive(Debug)]
pub(super) struct Named {
    /// The whole project.
    pub(super) files: ProjectFiles,
    /// The workflow files that were named, when that is not all of them.
    pub(super) only: Option<BTreeSet<PathBuf>>,
    /// Folders of packs beside it that hold projects: fixtures, which are not judged.
    pub(super) packs: Vec<PathBuf>,
}

impl Named {
    fn whole(files: ProjectFiles) -> Self {
        Self { files, only: None, packs: Vec::new() }
    }

    /// Nothing was named that could be judged.
    fn is_empty(&self) -> bool {
        self.only.as_ref().map_or(self.files.flows.is_empty(), BTreeSet::is_empty)
    }

    /// Whether a report on what was named speaks of a file, given by its name in reports: it is named, or no workflow.
    pub(super) fn covers(&self, name: &str) -> bool {
        let path = self.files.root.join(name);
        self.only.as_ref().is_none_or(|only| only.contains(&path) || !self.files.flows.contains(&path))
    }

    /// Packs beside it that hold projects and that it does not use: whoever writes a `PACK.md` over a project takes it out of every check.
    pub(super) fn packs_passed_over(&self, project: &Project) -> Vec<Problem> {
        let named = project.file.iter().filter_map(|f| f.root().get("packs")).flat_map(Value::items).filter_map(Value::as_str);
        let used: Vec<PathBuf> =
            named.filter(|n| n.starts_with('.')).filter_map(|n| fs::canonicalize(self.files.root.join(n)).ok()).collect();
        let unused = self.packs.iter().filter(|pack| !used.iter().any(|used| pack.starts_with(used)));
        unused
            .map(|pack| {
                let text =
                    format!("`{}` holds `PACK.md`, so the projects in it count as fixtures of a pack and are not judged", name(pack));
                Problem::new("load/passed-over", text).help("name the pack in `packs`, or take `PACK.md` away from what is no pack")
            })
            .collect()
    }

    /// Names more of the same project.
    fn add(&mut self, more: Self) {
        self.files.flows.extend(more.files.flows);
        self.files.flows.sort();
        self.files.flows.dedup();
        self.only = self.only.take().zip(more.only).map(|(only, more)| only.into_iter().chain(more).collect());
    }
}

/// The checks that `paths` ask for, in the order they are first named, and the paths that name nothing. Projects inside a project are checks of their
/// own: nothing below a folder that was named goes unjudged.
pub(super) fn targets(paths: &[PathBuf]) -> (Vec<Target>, Vec<Problem>) {
    named_by(paths, true)
}

/// The same for what is about one project: a folder that is one stands for itself, whatever projects lie in it.
pub(super) fn project_of(path: &Path) -> (Vec<Target>, Vec<Problem>) {
    named_by(&[path.to_owned()], false)
}

fn named_by(paths: &[PathBuf], inner: bool) -> (Vec<Target>, Vec<Problem>) {
    let (mut targets, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        if path.as_os_str() == "-" {
            if !targets.iter().any(|t| matches!(t, Target::Stdin)) {
                targets.push(Target::Stdin);
            }
            continue;
        }
        let named = if path.is_dir() { folder(path, inner) } else { file(path).map(|named| vec![named]) };
        match named {
            Ok(found) if found.is_empty() => problems.push(no_workflow(path)),
            Ok(found) => {
                for named in found {
                    if named.is_empty() {
                        problems.push(no_workflow(&named.files.root));
                    } else {
                        add(&mut targets, named);
                    }
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    (targets, problems)
}

/// The nearest project file at or above a folder, up to the first that holds `.git`, and its folder.
pub(super) fn project_around(start: &Path) -> Option<(PathBuf, PathBuf)> {
    for folder in fs::canonicalize(start).ok()?.ancestors() {
        if let Some(file) = project_file(folder) {
            return Some((folder.to_owned(), file));
        }
        if folder.join(".git").exists() {
            break;
        }
    }
    None
}

/// What a project is called: its folder, seen from here.
pub(super) fn name(root: &Path) -> String {
    let here = fs::canonicalize(".").unwrap_or_default();
    shown(root.strip_prefix(&here).unwrap_or(root))
}

/// A folder as seen from the top of the repository it is in, `/` between its parts; empty where it is the top, or in none.
pub(super) fn folder_in_repository(root: &Path) -> String {
    let Ok(root) = fs::canonicalize(root) else { return String::new() };
    let top = root.ancestors().find(|folder| folder.join(".git").exists());
    top.and_then(|top| root.strip_prefix(top).ok()).filter(|path| !path.as_os_str().is_empty()).map(shown).unwrap_or_default()
}

/// A folder is a project, a part of one, or holds projects.
fn folder(path: &Path, inner: bool) -> Result<Vec<Named>, Problem> {
    let files = load::find_project(path)?;
    let here = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if here == files.root && files.project.is_some() {
        let own = Named::whole(files);
        let (more, packs) = if inner { nested(&here)? } else { Default::default() };
        // A project that only holds others has no workflow of its own to report on.
        let keep = more.is_empty() || !own.is_empty();
        return Ok(beside(keep.then_some(own).into_iter().chain(more), packs));
    }
    let only: BTreeSet<PathBuf> = files.flows.iter().filter(|flow| flow.starts_with(&here)).cloned().collect();
    let own = (!only.is_empty()).then_some(Named { files, only: Some(only), packs: Vec::new() });
    let (more, packs) = nested(&here)?;
    Ok(beside(own.into_iter().chain(more), packs))
}

/// Projects found below one folder; the first speaks of the packs there.
fn beside(found: impl Iterator<Item = Named>, packs: Vec<PathBuf>) -> Vec<Named> {
    let mut found: Vec<Named> = found.collect();
    if let Some(first) = found.first_mut() {
        first.packs = packs;
    }
    found
}

/// A file is a workflow, or the project file and so the whole project.
fn file(path: &Path) -> Result<Named, Problem> {
    let mut files = load::find_project(path)?;
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The folder is resolved and the file is not: where a link stands counts, and the loader refuses one that leads out of the project.
    let only = match (fs::canonicalize(parent), path.file_name()) {
        (Ok(parent), Some(name)) => parent.join(name),
        _ => path.to_owned(),
    };
    if files.project.as_ref() == Some(&only) || files.waivers.as_ref() == Some(&only) {
        return Ok(Named::whole(files));
    }
    if !files.flows.contains(&only) {
        files.flows.push(only.clone());
        files.flows.sort();
    }
    Ok(Named { files, only: Some([only].into()), packs: Vec::new() })
}

/// The projects below a folder, each for itself, in order of their paths; and the folders of packs that hold some.
fn nested(folder: &Path) -> Result<(Vec<Named>, Vec<PathBuf>), Problem> {
    let mut walk = WalkDir::new(folder).min_depth(1).sort_by_file_name().into_iter();
    let (mut found, mut packs) = (Vec::new(), Vec::new());
    while let Some(entry) = walk.next() {
        let entry = entry.map_err(|error| {
            let at = error.path().map_or_else(|| shown(folder), shown);
            Problem::new("load/unreadable", format!("cannot read `{at}`")).help("check that you may read it")
        })?;
        if !entry.file_type().is_dir() {
            continue;
        }
        if is_passed_over(&entry.file_name().to_string_lossy()) {
            walk.skip_current_dir();
        } else if entry.path().join("PACK.md").is_file() {
            // The fixtures of a pack's rules are projects for its tests.
            let holds = |inside: walkdir::DirEntry| inside.file_type().is_dir() && project_file(inside.path()).is_some();
            if WalkDir::new(entry.path()).into_iter().filter_map(Result::ok).any(holds) {
                packs.push(entry.path().to_owned());
            }
            walk.skip_current_dir();
        } else if project_file(entry.path()).is_some() {
            found.push(Named::whole(load::find_project(entry.path())?));
        }
    }
    Ok((found, packs))
}

/// Folders that hold no project to check.
pub(super) fn is_passed_over(name: &str) -> bool {
    name.starts_with('.') || SKIPPED.contains(&name)
}

fn project_file(folder: &Path) -> Option<PathBuf> {
    // One that cannot be looked at is there as long as nobody knows better: the project in it must not go unjudged.
    let absent = |error: std::io::Error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
    ENDINGS.iter().map(|ending| folder.join(format!("flowgate.{ending}"))).find(|file| !file.symlink_metadata().is_err_and(absent))
}

/// Adds to the check of the same project, or a new one.
fn add(targets: &mut Vec<Target>, named: Named) {
    let same = targets.iter_mut().find_map(|target| match target {
        Target::Project(known) if known.files.root == named.files.root => Some(known),
        _ => None,
    });
    match same {
        Some(known) => known.add(named),
        None => targets.push(Target::Project(named)),
    }
}

fn no_workflow(path: &Path) -> Problem {
    Problem::new("cli/no-workflow", format!("there is no workflow file under `{}`", name(path)))
        .help("a workflow file is called `*.flow.yaml`, `*.flow.yml` or `*.flow.json`; `flowgate init` writes a first one")
}
