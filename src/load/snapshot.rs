//! The files of a project that lies in a commit, found and read by the same rules as on disk. Never touches the work tree.

use std::io;

use super::folder::{EntryKind, Folder};
use super::limits::Budget;
use super::{Commit, Document, ENDINGS, Format, Limits, decode, is_flow, is_skipped, raise};
use crate::problem::{Problem, Span, why};

/// The documents of a project in a commit, and what could not be read.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// `flowgate.yaml`, `.yml` or `.json`.
    pub project: Option<Document>,
    /// `flowgate.waivers.yaml`, `.yml` or `.json`.
    pub waivers: Option<Document>,
    /// Every workflow file, in order of the names.
    pub flows: Vec<Document>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// Reads the project whose folder is `path` in a commit; empty where the commit has no such folder.
#[must_use]
pub fn read_snapshot(commit: &std::sync::Arc<Commit>, path: &str, limits: &Limits) -> Snapshot {
    let folder = Folder::Commit(std::sync::Arc::clone(commit), path.to_owned());
    let mut found = Snapshot::default();
    let top = match folder.entries(".") {
        Ok(top) => top,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return found,
        Err(error) => {
            found.problems.push(unreadable(".", &error));
            return found;
        }
    };
    let mut budget = Budget::new(limits);
    let names = |stem: &str| -> Vec<String> {
        let named = ENDINGS.iter().map(|ending| format!("{stem}.{ending}"));
        named.filter(|name| top.iter().any(|e| e.name == *name)).collect()
    };
    for (stem, is_project) in [("flowgate", true), ("flowgate.waivers", false)] {
        let names = names(stem);
        if let [first, second, ..] = names.as_slice() {
            let message = format!("`{first}` and `{second}` stand side by side in the base");
            found.problems.push(Problem::new("load/two-files", message).help("keep one of the two"));
        }
        let document = names.first().and_then(|name| keep(read(&folder, name, limits, &mut budget), &mut found.problems));
        if is_project { found.project = document } else { found.waivers = document }
    }
    match flow_names(&folder, commit, path) {
        Ok(names) => {
            for name in names {
                match read(&folder, &name, limits, &mut budget) {
                    Ok(document) => found.flows.push(document),
                    Err(problem) => {
                        let over = matches!(problem.code, "load/files" | "load/project-bytes");
                        found.problems.push(problem);
                        if over {
                            break;
                        }
                    }
                }
            }
        }
        Err(error) => found.problems.push(unreadable(".", &error)),
    }
    found
}

fn keep(result: Result<Document, Problem>, problems: &mut Vec<Problem>) -> Option<Document> {
    result.map_err(|problem| problems.push(problem)).ok()
}

fn read(folder: &Folder, name: &str, limits: &Limits, budget: &mut Budget<'_>) -> Result<Document, Problem> {
    let format = Format::of_path(name).ok_or_else(|| unreadable(name, &io::Error::other("it is neither yaml nor json")))?;
    let bytes = folder.read(name, limits.held().file_bytes).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => unreadable(name, &error).help(raise("file-bytes")),
        _ => unreadable(name, &error),
    })?;
    budget.take(name, bytes.len() as u64)?;
    Document::parse(name, bytes, format, limits)
}

/// Every workflow file below a folder; folders that are a project of their own are left to their own check, as on disk.
fn flow_names(folder: &Folder, commit: &Commit, path: &str) -> io::Result<Vec<String>> {
    let (mut files, mut links, mut todo) = (Vec::new(), Vec::new(), vec![String::new()]);
    while let Some(below) = todo.pop() {
        let entries = folder.entries(if below.is_empty() { "." } else { &below })?;
        let own = entries.iter().any(|e| ENDINGS.iter().any(|ending| e.name == format!("flowgate.{ending}")));
        if own && !below.is_empty() {
            continue;
        }
        for entry in entries {
            let name = if below.is_empty() { entry.name.clone() } else { format!("{below}/{}", entry.name) };
            match entry.kind {
                EntryKind::Folder if !is_skipped(&entry.name) => todo.push(name),
                EntryKind::File if is_flow(&entry.name) => files.push(name),
                EntryKind::Link if is_flow(&entry.name) => links.push(name),
                _ => {}
            }
        }
    }
    files.sort();
    let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
    for link in links {
        // A link beside its target is one workflow and not two; one that leads out of the project was never part of it.
        let target = commit.target(&format!("{prefix}{link}")).filter(|(_, kind)| *kind == EntryKind::File);
        if let Some(inside) = target.as_ref().and_then(|(name, _)| name.strip_prefix(&prefix))
            && files.binary_search_by(|f| f.as_str().cmp(inside)).is_err()
        {
            files.push(link);
            files.sort();
        }
    }
    Ok(files)
}

fn unreadable(name: &str, error: &io::Error) -> Problem {
    Problem::new("load/unreadable", format!("cannot read `{name}` of the base: {}", why(error)))
        .at(&decode::blank(name), Span::default(), "")
        .help("compare with another revision, or with a folder (`--base-dir`)")
}
