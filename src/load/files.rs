//! Finding a project's files and reading them. It never leaves the project: links that point out of it are refused, directories
//! that are a project of their own are left to their own check.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use walkdir::{DirEntry, WalkDir};

use super::folder::{is_gits_own, open_regular};
use super::limits::Budget;
use super::{Document, Format, Limits, decode};
use crate::problem::{Problem, Span, why};

/// Endings of declarations.
pub(super) const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];
const SKIPPED: [&str; 2] = ["node_modules", "target"];

/// The files of one project. All paths are canonical, so that they can be compared with canonical paths the user gave.
#[derive(Clone, Debug)]
pub struct ProjectFiles {
    /// The directory that report names are relative to.
    pub root: PathBuf,
    /// `flowgate.yaml`, `.yml` or `.json`, if there is one.
    pub project: Option<PathBuf>,
    /// `flowgate.waivers.yaml`, `.yml` or `.json` beside it, if there is one.
    pub waivers: Option<PathBuf>,
    /// Every `*.flow.yaml`, `.yml` or `.json` of the project, sorted.
    pub flows: Vec<PathBuf>,
    /// What looks like a workflow and is not read, and why.
    pub unread: Vec<Problem>,
}

/// Finds the project that a directory or a flow file belongs to, and all of its files.
///
/// The root is the nearest directory with a project file, at or above `start`, up to the first one that holds `.git`; without any
/// it is `start` itself. Below the root, `.git` and other hidden directories, `node_modules`, `target`, links to directories and
/// directories with a project file of their own are skipped. A link to a file is listed, and [`read`] refuses it if it points out
/// of the root, so that nothing declared goes unread in silence.
///
/// # Errors
/// A path that cannot be read, or two project (or waiver) files in one directory.
pub fn find_project(start: &Path) -> Result<ProjectFiles, Problem> {
    let start = start_directory(start)?;
    let mut found = None;
    for directory in start.ancestors() {
        found = only_one(directory, "flowgate")?.map(|file| (directory, file));
        if found.is_some() || exists(&directory.join(".git"))? {
            break;
        }
    }
    let (root, project) = found.map_or((start.as_path(), None), |(root, file)| (root, Some(file)));
    let (flows, unread) = flow_files(root)?;
    Ok(ProjectFiles { root: root.to_owned(), project, waivers: only_one(root, "flowgate.waivers")?, flows, unread })
}

/// Reads one file; its name in reports is its path relative to `root`, with `/` between the parts.
///
/// # Errors
/// A file that cannot be read or that points out of `root`, or the first thing that is wrong with its text.
pub fn read(path: &Path, root: &Path, limits: &Limits) -> Result<Document, Problem> {
    let name = report_name(path, root);
    if Format::of_path(&name).is_none() && Format::of_path(&name.to_ascii_lowercase()).is_some()
        || !is_flow(&name) && is_flow(&name.to_ascii_lowercase())
    {
        let plain = name.to_ascii_lowercase();
        return Err(whole("load/ending", &name, &format!("`{name}` does not end as a workflow file does, in lower case"))
            .help(format!("rename it to end in `{}`: elsewhere it would be no workflow, and go unjudged", ending_of(&plain))));
    }
    let Some(format) = Format::of_path(&name) else {
        return Err(whole("load/format", &name, &format!("`{name}` is neither yaml nor json")).help("name it `.yaml`, `.yml` or `.json`"));
    };
    let real = refuse_outside(path, root, &name)?;
    let bytes = bytes_of(&real, &name, limits)?;
    Document::parse(&name, bytes, format, limits)
}

/// How many of these files, from the first on, the limits on a project's files let through, and the problem of the one that they do not.
#[must_use]
pub fn admitted(paths: &[&Path], root: &Path, limits: &Limits) -> (usize, Option<Problem>) {
    let mut budget = Budget::new(limits);
    for (n, path) in paths.iter().enumerate() {
        // What cannot be looked at is a problem of reading it.
        let bytes = fs::metadata(path).map_or(0, |about| about.len());
        if let Err(problem) = budget.take(&report_name(path, root), bytes) {
            return (n, Some(problem));
        }
    }
    (paths.len(), None)
}

/// `.flow.yaml` of `a/b.flow.yaml`.
fn ending_of(name: &str) -> &str {
    let file = name.rsplit('/').next().unwrap_or(name);
    let dots: Vec<usize> = file.match_indices('.').map(|(at, _)| at).collect();
    let from = dots.len().checked_sub(2).and_then(|n| dots.get(n).copied()).unwrap_or(0);
    file.get(from..).unwrap_or(file)
}

/// Reads many files in parallel; the results are in the order of `paths`.
#[must_use]
pub fn read_all(paths: &[PathBuf], root: &Path, limits: &Limits) -> Vec<Result<Document, Problem>> {
    paths.par_iter().map(|path| read(path, root, limits)).collect()
}

fn start_directory(start: &Path) -> Result<PathBuf, Problem> {
    let shown = start.display().to_string();
    let failed = |e: &io::Error| unreadable(&shown, e).help("give a directory or a flow file that exists and that you may read");
    if fs::metadata(start).map_err(|e| failed(&e))?.is_dir() {
        return fs::canonicalize(start).map_err(|e| failed(&e));
    }
    // The file itself may be a link: its place counts, not its target.
    let parent = start.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::canonicalize(parent).map_err(|e| failed(&e))
}

/// The file `stem` with one of the known endings; with two of them nobody could say which one counts.
fn only_one(directory: &Path, stem: &str) -> Result<Option<PathBuf>, Problem> {
    let mut found: Option<PathBuf> = None;
    for ending in ENDINGS {
        let path = directory.join(format!("{stem}.{ending}"));
        if !exists(&path)? {
            continue;
        }
        if let Some(first) = &found {
            let (first, second) = (report_name(first, directory), report_name(&path, directory));
            let message = format!("`{first}` and `{second}` stand side by side in `{}`", directory.display());
            return Err(Problem::new("load/two-files", message)
                .at(&decode::blank(&first), Span::default(), "")
                .at(&decode::blank(&second), Span::default(), "")
                .help("keep one of the two"));
        }
        found = Some(path);
    }
    Ok(found)
}

/// The workflow files below a folder, and remarks on what is passed over.
fn flow_files(root: &Path) -> Result<(Vec<PathBuf>, Vec<Problem>), Problem> {
    let mut files = Vec::new();
    let mut links = Vec::new();
    let mut passed = Vec::new();
    let mut passed_links = Vec::new();
    let mut near = Vec::new();
    let mut walk = WalkDir::new(root).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        let entry = entry.map_err(|e| walk_failed(&e, root))?;
        let name = entry.file_name().to_string_lossy();
        if !belongs(&entry) {
            walk.skip_current_dir();
            if is_skipped(&name) && name != ".git" {
                passed.push(entry.into_path());
            }
            continue;
        }
        if entry.path_is_symlink() && leads_out(entry.path(), root) {
            passed_links.push(report_name(entry.path(), root));
            continue;
        }
        // A folder of that name is listed, too: reading it says that it is no file.
        if !is_flow(&name) {
            if is_flow(&name.to_ascii_lowercase()) && !entry.file_type().is_dir() {
                files.push(entry.into_path());
            } else if entry.file_type().is_file() && is_nearly_flow(&name) && is_workflow(entry.path()) {
                near.push(report_name(entry.path(), root));
            }
            continue;
        }
        if entry.path_is_symlink() { links.push(entry.into_path()) } else { files.push(entry.into_path()) }
    }
    files.sort();
    // A link beside its target, both in the project, is one workflow and not two.
    links.retain(|link| fs::canonicalize(link).map_or(true, |target| files.binary_search(&target).is_err()));
    files.append(&mut links);
    files.sort();
    let mut remarks = unread(&passed, root);
    remarks.extend(passed_links.iter().map(|name| {
        whole("load/passed-over", name, &format!("`{name}` is a link to a folder outside of the project, and nothing in it is judged"))
            .help("copy into the project what belongs to it, or check the folder by its own name")
    }));
    remarks.extend(near.iter().map(|name| {
        whole("load/passed-over", name, &format!("`{name}` reads as a workflow and is not judged: its name does not say that it is one"))
            .help("a workflow is `<name>.flow.yaml`, `<name>.flow.yml` or `<name>.flow.json`")
    }));
    Ok((files, remarks))
}

/// A link to a folder that is not in the project; links to folders are not followed, and what is inside the project is read where it lies.
fn leads_out(link: &Path, root: &Path) -> bool {
    fs::metadata(link).is_ok_and(|m| m.is_dir()) && fs::canonicalize(link).is_ok_and(|target| !target.starts_with(root))
}

/// More entries than this of passed-over folders are not looked at.
const MAX_PASSED_OVER: usize = 100_000;
/// More files than this are counted, not named.
const MAX_NAMED: usize = 5;

/// Workflow files in folders that are passed over: nobody judges them, and that must show.
fn unread(passed: &[PathBuf], root: &Path) -> Vec<Problem> {
    let mut left = MAX_PASSED_OVER;
    let mut found = Vec::new();
    for folder in passed {
        let inside = WalkDir::new(folder).sort_by_file_name().into_iter().filter_entry(|e| e.file_name() != ".git");
        for entry in inside.take(left).filter_map(Result::ok) {
            left = left.saturating_sub(1);
            if !entry.file_type().is_dir() && is_flow(&entry.file_name().to_string_lossy().to_ascii_lowercase()) {
                found.push(report_name(entry.path(), root));
            }
        }
    }
    let more = found.len().saturating_sub(MAX_NAMED);
    let mut remarks: Vec<Problem> = found
        .iter()
        .take(MAX_NAMED)
        .map(|name| {
            whole("load/passed-over", name, &format!("`{name}` is not judged: hidden folders, `target` and `node_modules` are passed over"))
                .help("move the workflow out of there, or check it by its name; a file that is built is not a declaration")
        })
        .collect();
    if more > 0 {
        remarks
            .push(Problem::new("load/passed-over", format!("workflow files in folders that are passed over, besides those named: {more}")));
    }
    if left == 0 {
        remarks.push(Problem::new(
            "load/passed-over",
            format!("hidden folders, `target` and `node_modules` hold more than {MAX_PASSED_OVER} entries, and workflow files among the rest are not named"),
        ));
    }
    remarks
}

/// Whether the walk looks at an entry: what is skipped here is documented at [`find_project`].
fn belongs(entry: &DirEntry) -> bool {
    if entry.depth() == 0 || !entry.file_type().is_dir() {
        return true;
    }
    let name = entry.file_name().to_string_lossy();
    let own_project = || ENDINGS.iter().any(|ending| fs::symlink_metadata(entry.path().join(format!("flowgate.{ending}"))).is_ok());
    !is_skipped(&name) && !own_project()
}

/// Folders that hold no declarations of their own.
pub(super) fn is_skipped(name: &str) -> bool {
    name.starts_with('.') || SKIPPED.contains(&name)
}

/// Is it the name of a workflow file?
pub(super) fn is_flow(name: &str) -> bool {
    let mut parts = name.rsplit('.');
    let (_ending, kind, stem) = (parts.next(), parts.next(), parts.next());
    Format::of_path(name).is_some() && kind == Some("flow") && stem.is_some()
}

/// A name that a workflow file may have been meant to have: `flow.yaml`, `intake-flow.yml`, `intake.flows.json`.
fn is_nearly_flow(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let stem = Format::of_path(&name).and_then(|_| name.rsplit_once('.')).map_or("", |(stem, _)| stem);
    let kind = stem.rsplit(['.', '-', '_', ' ']).next().unwrap_or_default();
    matches!(kind, "flow" | "flows" | "workflow")
}

/// Says near its beginning which workflow it is. Nothing is made of it but a remark: a file that cannot be read is not one.
fn is_workflow(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = open_regular(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    let text = String::from_utf8_lossy(&head);
    let key = |line: &str| {
        let line = line.trim_start_matches('\u{feff}');
        line.starts_with("workflow:") || line.trim_start_matches(['{', ' ', '\t']).starts_with("\"workflow\"")
    };
    read.is_ok() && text.lines().any(key)
}

/// So much of a file tells whether it is a workflow.
const HEAD: u64 = 64 * 1024;

/// The file to read: where a link leads, for a link that stays in the project.
fn refuse_outside(path: &Path, root: &Path, name: &str) -> Result<PathBuf, Problem> {
    let failed = |e: io::Error| unreadable(name, &e);
    if !fs::symlink_metadata(path).map_err(failed)?.is_symlink() {
        return Ok(path.to_owned());
    }
    let target = fs::canonicalize(path).map_err(failed)?;
    match target.strip_prefix(fs::canonicalize(root).map_err(failed)?) {
        // A line of git's own files, shown because it is no YAML, may be a credential.
        Ok(inside) if !is_gits_own(inside) => Ok(target),
        _ => Err(whole("load/link", name, &format!("`{name}` is a link that points out of the project"))
            .help("copy the file into the project, or check the directory it really is in")),
    }
}

fn bytes_of(path: &Path, name: &str, limits: &Limits) -> Result<Vec<u8>, Problem> {
    let failed = |e: io::Error| unreadable(name, &e);
    let about = fs::metadata(path).map_err(failed)?;
    // A pipe or a device would block or never end.
    if !about.is_file() {
        return Err(whole("load/unreadable", name, &format!("`{name}` is not a regular file")).help("replace it by a file, or rename it"));
    }
    decode::check_size(name, about.len(), limits)?;
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or(0) + 1);
    // One byte more than allowed tells that the file grew since it was measured.
    open_regular(path).and_then(|file| file.take(limits.file_bytes as u64 + 1).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}

fn exists(path: &Path) -> Result<bool, Problem> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
        Err(e) => Err(unreadable(&path.display().to_string(), &e)),
    }
}

fn walk_failed(error: &walkdir::Error, root: &Path) -> Problem {
    let name = error.path().map_or_else(String::new, |path| report_name(path, root));
    match error.io_error() {
        Some(error) => unreadable(&name, error),
        None => unreadable(&name, &io::Error::other("the directories form a loop")),
    }
}

fn unreadable(name: &str, error: &io::Error) -> Problem {
    // The kind's own words are the same on every system; the system's are not.
    whole("load/unreadable", name, &format!("cannot read `{name}`: {}", why(error))).help("check that it exists and that you may read it")
}

/// A problem of a file as a whole.
fn whole(code: &'static str, name: &str, message: &str) -> Problem {
    Problem::new(code, message).at(&decode::blank(name), Span::default(), "")
}

fn report_name(path: &Path, root: &Path) -> String {
    let Ok(relative) = path.strip_prefix(root) else { return path.display().to_string() };
    let parts: Vec<_> = relative.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}
