//! A project's files: read from disk or from a commit, before anything is interpreted.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::facts::is_elsewhere;
use crate::load::{self, Commit, Document, Folder, Limits, Value};
use crate::packs::PackFolder;
use crate::problem::{Place, Problem, SourceFile, why};
use crate::record::Input;

/// The documents of one project, and where it lies.
#[derive(Clone, Debug, Default)]
pub struct Project {
    /// Folder that paths in the files are relative to; none for standard input.
    pub folder: Option<Folder>,
    /// `flowgate.yaml`.
    pub file: Option<Document>,
    /// Workflow files.
    pub workflows: Vec<Document>,
    /// `flowgate.waivers.yaml`.
    pub waivers: Option<Document>,
    /// Files that could not be read.
    pub problems: Vec<Problem>,
    /// What looks like a declaration and is not read.
    pub notices: Vec<Problem>,
}

/// Documents longer than this have no SHA-256 here.
const MAX_DOCUMENT: usize = 1 << 30;

/// Sections that refer to documents, and the keys that do.
const WITH_DOCUMENTS: [&str; 6] = ["evidence", "agreements", "addressable", "qi_approvals", "providers", "qualified_individual"];
const DOCUMENT_KEYS: [&str; 3] = ["uri", "document", "provider_program_document"];

impl Project {
    /// Reads a project from disk: the nearest project file at or above `start`, and every workflow file below that.
    #[must_use]
    pub fn read(start: &Path, limits: &Limits) -> Self {
        match load::find_project(start) {
            Ok(files) => {
                let read = Self::read_files(files.root, files.project.as_deref(), files.waivers.as_deref(), &files.flows, limits);
                Self { notices: files.unread, ..read }
            }
            Err(problem) => Self { problems: vec![problem], ..Self::default() },
        }
    }

    /// Reads exactly these files.
    #[must_use]
    pub fn read_files(root: PathBuf, file: Option<&Path>, waivers: Option<&Path>, flows: &[PathBuf], limits: &Limits) -> Self {
        let mut project = Self::default();
        let keep = |result: Result<Document, Problem>, problems: &mut Vec<Problem>| match result {
            Ok(document) => Some(document),
            Err(problem) => {
                problems.push(problem);
                None
            }
        };
        let all: Vec<&Path> = file.into_iter().chain(waivers).chain(flows.iter().map(PathBuf::as_path)).collect();
        let (admitted, refused) = load::admitted(&all, &root, limits);
        let flows = flows.get(..admitted.saturating_sub(all.len() - flows.len())).unwrap_or_default();
        project.file = file.and_then(|f| keep(load::read(f, &root, limits), &mut project.problems));
        project.waivers = waivers.and_then(|f| keep(load::read(f, &root, limits), &mut project.problems));
        for result in load::read_all(flows, &root, limits) {
            project.workflows.extend(keep(result, &mut project.problems));
        }
        project.problems.extend(refused);
        project.folder = Some(Folder::Disk(root));
        project
    }

    /// Reads a project as it is in a commit; `path` is its folder there. A commit that has no such folder gives an empty project.
    #[must_use]
    pub fn read_commit(commit: &Arc<Commit>, path: &str, limits: &Limits) -> Self {
        let load::Snapshot { project, waivers, flows, problems } = load::read_snapshot(commit, path, limits);
        let folder = Some(Folder::Commit(Arc::clone(commit), path.to_owned()));
        Self { folder, file: project, workflows: flows, waivers, problems, notices: Vec::new() }
    }

    /// There is nothing here: no project file and no workflow.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.file.is_none() && self.workflows.is_empty() && self.problems.is_empty()
    }

    /// The legal roles the project file states.
    pub(crate) fn roles(&self) -> impl Iterator<Item = &str> {
        let roles = self.file.as_ref().and_then(|f| f.root().get("roles"));
        roles.into_iter().flat_map(Value::items).filter_map(Value::as_str)
    }

    /// The packs the project file names, private ones by path.
    pub(crate) fn packs(&self, problems: &mut Vec<Problem>) -> (Vec<String>, Vec<PackFolder>) {
        let named = self.file.as_ref().and_then(|f| f.root().get("packs"));
        let (mut packs, mut private) = (Vec::new(), Vec::new());
        for value in named.into_iter().flat_map(Value::items) {
            let name = value.as_str().unwrap_or_default();
            if !name.starts_with('.') {
                packs.push(name.to_owned());
            } else if let (Some(folder), Some(file)) = (&self.folder, self.file.as_ref().map(Document::file)) {
                private.push(PackFolder::of_project(folder, name).named_at(Place::new(file, value.span(), "named here")));
            } else if let Some(file) = &self.file {
                problems.push(
                    Problem::new("packs/no-root", "a private pack is named by a path, and standard input has none")
                        .at(file.file(), value.span(), "relative to the project file")
                        .help("name the folder with `--packs`"),
                );
            }
        }
        (packs, private)
    }

    /// The files that evidence, agreements and decisions refer to, as far as they exist below the root, and whether a SHA-256 is stated of each.
    fn documents(&self, problems: &mut Vec<Problem>) -> BTreeMap<String, bool> {
        self.documents_that(Folder::has, problems)
    }

    /// Documents of which nobody can tell whether they are there.
    pub(crate) fn hidden_documents(&self) -> impl Iterator<Item = String> + use<> {
        self.documents_that(Folder::hides, &mut Vec::new()).into_keys().map(|name| name.trim_start_matches("./").to_owned())
    }

    fn documents_that(&self, wanted: fn(&Folder, &str) -> bool, problems: &mut Vec<Problem>) -> BTreeMap<String, bool> {
        let mut files = BTreeMap::new();
        let Some(folder) = &self.folder else { return files };
        let documents = self.file.iter().chain(&self.workflows);
        let mut todo: Vec<(&Document, Value<'_>)> =
            documents.flat_map(|d| WITH_DOCUMENTS.iter().filter_map(move |s| Some((d, d.root().get(s)?)))).collect();
        while let Some((document, value)) = todo.pop() {
            for (key, inner) in value.entries() {
                let Some(uri) = inner.as_str().filter(|uri| DOCUMENT_KEYS.contains(&key) && !is_elsewhere(uri)) else { continue };
                let inside = Path::new(uri).components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
                if !inside || folder.leads_out(uri) {
                    problems.push(
                        Problem::new("load/outside", format!("`{uri}` is outside the project"))
                            .at(document.file(), inner.span(), "named here, and not looked at")
                            .help("keep the document in the project, or name its web address or its place in a register (`register:…`)"),
                    );
                } else if wanted(folder, uri) {
                    let hashed = files.entry(uri.to_owned()).or_default();
                    *hashed = *hashed || value.get("sha256").is_some();
                }
            }
            todo.extend(value.entries().map(|(_, inner)| inner).chain(value.items()).map(|inner| (document, inner)));
        }
        files
    }

    /// The documents that are there, and the SHA-256 of those for which one is stated. Nothing else is looked at.
    pub(crate) fn files(&self, problems: &mut Vec<Problem>) -> (BTreeSet<String>, BTreeMap<String, String>) {
        let documents = self.documents(problems);
        let hashed = documents.iter().filter(|(_, hashed)| **hashed).filter_map(|(uri, _)| Some((uri.clone(), self.hash_of(uri)?)));
        (documents.keys().cloned().collect(), hashed.collect())
    }

    fn hash_of(&self, name: &str) -> Option<String> {
        Some(load::sha256(&self.folder.as_ref()?.read(name, MAX_DOCUMENT).ok()?))
    }

    /// The project's own permits, which replace the base for `receive`.
    pub(crate) fn permits(&self, limits: &Limits, problems: &mut Vec<Problem>) -> Option<Arc<SourceFile>> {
        let file = self.file.as_ref()?;
        let value = file.root().get("permit")?;
        let name = value.as_str()?;
        let read = self.folder.as_ref().map(|folder| folder.read(name, limits.held().policy_bytes).map(String::from_utf8));
        match read {
            Some(Ok(Ok(text))) => Some(Arc::new(SourceFile { name: name.to_owned(), text })),
            failed => {
                let too_long = matches!(&failed, Some(Err(error)) if error.kind() == ErrorKind::FileTooLarge);
                let because = match failed {
                    Some(Err(error)) => format!(": {}", why(&error)),
                    Some(_) => ": it is not utf-8".to_owned(),
                    None => String::new(),
                };
                let way_out = if too_long {
                    load::raise("policy-bytes")
                } else {
                    "the path is relative to the project file, and stays in its repository".to_owned()
                };
                problems.push(
                    Problem::new("packs/unreadable", format!("cannot read the permit list `{name}`{because}"))
                        .at(file.file(), value.span(), "named here")
                        .help(way_out),
                );
                // Without its own list the project would fall back to a base that permits everything: nothing is permitted instead.
                Some(Arc::new(SourceFile { name: name.to_owned(), text: String::new() }))
            }
        }
    }

    /// Every file a check reads besides the built-in packs, with its SHA-256, by kind and name.
    pub(crate) fn inputs(&self) -> Vec<Input> {
        let document = |kind: &'static str, d: &Document| {
            let text = &d.file().text;
            Input { kind, name: d.file().name.clone(), sha256: Some(load::sha256(text.as_bytes())), bytes: text.len() }
        };
        let mut inputs: Vec<Input> = self.file.iter().map(|d| document("project", d)).collect();
        inputs.extend(self.workflows.iter().map(|d| document("workflow", d)));
        inputs.extend(self.waivers.iter().map(|d| document("waivers", d)));
        for (kind, name) in self.other_files() {
            let bytes = self.folder.as_ref().and_then(|f| f.read(&name, MAX_DOCUMENT).ok());
            inputs.push(Input { kind, name, sha256: bytes.as_deref().map(load::sha256), bytes: bytes.map_or(0, |b| b.len()) });
        }
        inputs.sort();
        inputs
    }

    /// The files a check reads that are no declarations: private packs, the permit list, documents.
    pub(crate) fn other_files(&self) -> Vec<(&'static str, String)> {
        let plain = |name: String| name.trim_start_matches("./").to_owned();
        let (_, private) = self.packs(&mut Vec::new());
        let packs =
            private.iter().flat_map(|pack| pack.files(Limits::most().pack_files).unwrap_or_default()).map(|name| ("pack", plain(name)));
        let permit = self.file.as_ref().and_then(|f| f.root().get("permit")?.as_str()).map(|name| ("permit", plain(name.to_owned())));
        let documents = self.documents(&mut Vec::new()).into_keys().map(|name| ("document", plain(name)));
        let mut files: Vec<(&'static str, String)> = packs.chain(permit).chain(documents).collect();
        files.sort();
        files.dedup();
        files
    }
}
