//! The files of packs under one naming, `policies/packs/<pack>/…`, whether they come from the binary or from a folder. Never interprets them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::taxonomy::Taxonomy;
use crate::embedded;
use crate::load::{EntryKind, Folder, Limits, raise};
use crate::problem::{Place, Problem, SourceFile, why};

/// The files of all packs, by their path under the project's layout.
#[derive(Clone, Debug, Default)]
pub struct PackFiles {
    files: BTreeMap<String, Arc<SourceFile>>,
    private: BTreeSet<String>,
    embedded: bool,
    /// What files may cost.
    pub(super) limits: Limits,
    /// The taxonomy in these files, read when it is first asked for and shared by clones.
    taxonomy: Arc<OnceLock<(Arc<Taxonomy>, Vec<Problem>)>>,
}

impl PackFiles {
    /// What the binary carries.
    #[must_use]
    pub fn embedded() -> Self {
        Self::built_in().clone()
    }

    fn built_in() -> &'static Self {
        static FILES: OnceLock<PackFiles> = OnceLock::new();
        let read = || {
            let file =
                |(path, text): (&str, &str)| (path.to_owned(), Arc::new(SourceFile { name: path.to_owned(), text: text.to_owned() }));
            Self { files: embedded::policies().map(file).collect(), embedded: true, ..Self::default() }
        };
        FILES.get_or_init(read)
    }

    /// The very text that the binary carries, which its tests have checked, and none that stands in for it.
    #[must_use]
    pub fn is_built_in(file: &Arc<SourceFile>) -> bool {
        Self::built_in().files.get(&file.name).is_some_and(|own| Arc::ptr_eq(own, file))
    }

    /// A `policies/` folder instead of what the binary carries.
    #[must_use]
    pub fn read_policies(folder: &Path, limits: &Limits, problems: &mut Vec<Problem>) -> Self {
        let mut files = Self { limits: limits.held(), ..Self::default() };
        files.read("policies", &PackFolder::on_disk(folder), false, problems);
        if files.files.is_empty() {
            problems.push(
                Problem::new("packs/no-policies", format!("`{}` holds no policy files", folder.display()))
                    .help("name the folder that holds `packs/` and `classes/`"),
            );
        }
        files
    }

    /// Adds a private pack, a folder in the shape of one of ours or a folder of such packs; returns their names.
    pub fn add_private(&mut self, pack: &PackFolder, problems: &mut Vec<Problem>) -> BTreeSet<String> {
        // A private pack can bring classes.
        self.taxonomy = Arc::default();
        let mut names = BTreeSet::new();
        let packs = pack.packs();
        if pack.folder.leads_out(&pack.name) {
            problems.push(
                pack.problem("packs/outside", format!("the pack `{}` is outside the repository", pack.shown))
                    .help("move it into the repository of the project, or name it on the command line with `--packs`"),
            );
        } else if packs.is_empty() {
            problems.push(
                pack.problem("packs/no-pack", format!("`{}` is not a pack", pack.shown))
                    .help("a pack is a folder with `PACK.md` and one folder for each rule; `flowgate new rule` writes one"),
            );
        }
        for pack in packs {
            let name = pack.pack_name();
            let prefix = format!("policies/packs/{name}");
            if !is_name(&name) {
                problems.push(pack.problem("packs/bad-name", format!("`{name}` is not the name of a pack")).help(NAME));
            }
            if self.files.keys().any(|p| p.strip_prefix(&prefix).is_some_and(|rest| rest.starts_with('/'))) {
                problems.push(
                    pack.problem("packs/duplicate-pack", format!("two packs are named `{name}`"))
                        .help("rename the folder of the private pack; its name is the first part of its rules' ids"),
                );
                continue;
            }
            let before = problems.len();
            self.read(&prefix, &pack, true, problems);
            // What could not be read may be what is missed.
            if problems.len() == before {
                self.check_private(&prefix, &pack, problems);
            }
            names.insert(name);
        }
        names
    }

    /// A private pack brings something, and every policy in it is where it is read from.
    fn check_private(&self, prefix: &str, pack: &PackFolder, problems: &mut Vec<Problem>) {
        let inside: Vec<&str> = self.files.keys().filter_map(|p| p.strip_prefix(prefix)?.strip_prefix('/')).collect();
        let cedar = |p: &&str| Path::new(p).extension().is_some_and(|e| e.eq_ignore_ascii_case("cedar"));
        let read = |p: &&str| *p == "labels.cedar" || matches!(p.split('/').collect::<Vec<_>>().as_slice(), [_, "rule.cedar"]);
        for stray in inside.iter().filter(|p| cedar(p) && !read(p)) {
            problems.push(
                pack.problem("packs/stray-policy", format!("`{}/{stray}` is read by nobody", pack.shown))
                    .help("a rule is `<rule>/rule.cedar`, and labels are in `labels.cedar`"),
            );
        }
        for rule in inside.iter().filter_map(|p| p.strip_suffix("/rule.cedar")).filter(|rule| !rule.contains('/') && !is_name(rule)) {
            problems.push(pack.problem("packs/bad-name", format!("`{}/{rule}` is not the name of a rule", pack.shown)).help(NAME));
        }
        let profile = |p: &&str| matches!(p.split('/').collect::<Vec<_>>().as_slice(), ["providers", _, _]) || !p.starts_with("providers/");
        for stray in inside.iter().filter(|p| p.ends_with(".yaml") && !profile(p)) {
            problems.push(
                pack.problem("packs/stray-profile", format!("`{}/{stray}` is read by nobody", pack.shown))
                    .help("a profile is `providers/<vendor>/<service>.yaml`"),
            );
        }
        let data = |p: &&str| p.starts_with("classes/") || p.starts_with("providers/");
        if !inside.iter().any(|p| read(p) || data(p)) {
            problems.push(
                pack.problem("packs/empty-pack", format!("the pack `{}` holds no rule, label, class or provider", pack.shown))
                    .help("a rule is a folder with `rule.cedar`; `flowgate new rule` writes one"),
            );
        }
    }

    /// What reading a file may cost: who lowers a limit means what a team brings, not what the binary carries.
    pub(super) fn limits_of(&self, path: &str) -> Limits {
        if self.embedded && !self.is_private(path) { Limits::default() } else { self.limits.clone() }
    }

    /// A file, by its path under the layout.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<Arc<SourceFile>> {
        self.files.get(path).cloned()
    }

    /// Classes, labels and step types of all packs, and what is wrong with them.
    pub(super) fn taxonomy(&self) -> (Arc<Taxonomy>, Vec<Problem>) {
        let read = || {
            let mut problems = Vec::new();
            (Arc::new(super::load_taxonomy(self, &mut problems)), problems)
        };
        self.taxonomy.get_or_init(read).clone()
    }

    /// Puts another text in the place of a file's.
    pub(super) fn replace(&mut self, path: &str, text: &str) {
        if let Some(file) = self.files.get_mut(path) {
            *file = Arc::new(SourceFile { name: file.name.clone(), text: text.to_owned() });
        }
    }

    /// All files in order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<SourceFile>)> {
        self.files.iter().map(|(p, f)| (p.as_str(), f))
    }

    /// The built-in files come from the binary, whose tests have checked them.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.embedded
    }

    /// The file belongs to a private pack.
    #[must_use]
    pub fn is_private(&self, path: &str) -> bool {
        self.private.contains(path)
    }

    fn read(&mut self, prefix: &str, pack: &PackFolder, private: bool, problems: &mut Vec<Problem>) {
        let names = match pack.files(self.limits.pack_files) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                let message = format!("`{}` has {}", pack.shown, why(&error));
                return problems
                    .push(pack.problem("packs/files", message).help(format!("name the pack's own folder; or {}", raise("pack-files"))));
            }
            Err(error) => {
                return problems.push(
                    pack.problem("packs/unreadable", format!("cannot read `{}`: {}", pack.shown, why(&error)))
                        .help("name the pack's own folder; put files in the place of links and of folders that are named as files"),
                );
            }
        };
        for name in names.iter().filter(|name| wanted(Path::new(name))) {
            let relative = pack.relative(name);
            match pack.folder.read(name, self.limits.policy_bytes).map(String::from_utf8) {
                Ok(Ok(text)) => {
                    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
                    let key = format!("{prefix}/{relative}");
                    if private {
                        self.private.insert(key.clone());
                    }
                    self.files.insert(key, Arc::new(SourceFile { name: format!("{}/{relative}", pack.shown), text }));
                }
                Ok(Err(_)) => problems.push(
                    pack.problem("packs/unreadable", format!("cannot read `{}/{relative}`: it is not utf-8", pack.shown))
                        .help("save the file as utf-8"),
                ),
                Err(error) => {
                    let help = match error.kind() {
                        io::ErrorKind::FileTooLarge => {
                            format!("one folder holds one rule, and one file one family of classes; or {}", raise("policy-bytes"))
                        }
                        _ => "check the path and its permissions".to_owned(),
                    };
                    let message = format!("cannot read `{}/{relative}`: {}", pack.shown, why(&error));
                    problems.push(pack.problem("packs/unreadable", message).help(help));
                }
            }
        }
    }
}

/// Where a private pack lies, or a folder of such packs.
#[derive(Clone, Debug)]
pub struct PackFolder {
    folder: Folder,
    /// The folder's name inside `folder`.
    name: String,
    /// The folder in reports.
    shown: String,
    /// Where a project names it.
    place: Option<Place>,
}

impl PackFolder {
    /// A folder on disk, shown as it is named.
    #[must_use]
    pub fn on_disk(path: &Path) -> Self {
        let shown = path.to_string_lossy().replace('\\', "/");
        Self { folder: Folder::Disk(path.to_owned()), name: ".".to_owned(), shown: shown.trim_end_matches('/').to_owned(), place: None }
    }

    /// A folder that a project names, shown as seen from the project.
    #[must_use]
    pub fn of_project(folder: &Folder, name: &str) -> Self {
        let shown = name.trim_start_matches("./").trim_end_matches('/');
        Self {
            folder: folder.clone(),
            name: name.to_owned(),
            shown: if shown.is_empty() { ".".to_owned() } else { shown.to_owned() },
            place: None,
        }
    }

    /// The same folder, with the place that names it.
    #[must_use]
    pub fn named_at(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
    }

    /// A problem of the pack as a whole: where it is named is where to look first.
    fn problem(&self, code: &'static str, message: String) -> Problem {
        let mut problem = Problem::new(code, message);
        problem.places.extend(self.place.clone());
        problem
    }

    /// `self` when it is a pack, else the packs right below it.
    fn packs(&self) -> Vec<Self> {
        let is_pack = |name: &str| self.folder.has(&format!("{name}/PACK.md"));
        if is_pack(&self.name) {
            return vec![self.clone()];
        }
        let below = self.folder.entries(&self.name).unwrap_or_default().into_iter().filter(|e| e.kind != EntryKind::File);
        let below = below.map(|e| Self {
            folder: self.folder.clone(),
            name: format!("{}/{}", self.name.trim_end_matches('/'), e.name),
            shown: format!("{}/{}", self.shown, e.name),
            place: self.place.clone(),
        });
        // A pack that cannot be looked at is read like the others, which says so: passed over, its rules would not be asked.
        below.filter(|pack| is_pack(&pack.name) || !self.folder.lacks(&format!("{}/PACK.md", pack.name))).collect()
    }

    /// The pack's name: that of its folder.
    fn pack_name(&self) -> String {
        let own = self.name.split('/').rfind(|part| !matches!(*part, "" | "." | ".."));
        own.map_or_else(|| self.folder.name(), str::to_owned)
    }

    /// All files of the pack besides its fixtures, at most this many.
    ///
    /// # Errors
    /// A folder that cannot be read, too many files.
    pub fn files(&self, most: usize) -> io::Result<Vec<String>> {
        let odd = RefCell::new(None);
        let skip = |name: &str, path: &str| {
            if is_read(Path::new(&name.to_ascii_lowercase())) {
                *odd.borrow_mut() = Some(path.to_owned());
            }
            matches!(name, "fail" | "pass" | ".git")
        };
        let found = self.folder.walk(&self.name, &skip, most)?;
        // Nobody would read what is in it, and whoever made it thinks that it is read.
        if let Some(odd) = odd.into_inner() {
            return Err(io::Error::other(format!("`{odd}` is a folder, and has the name of a file that is read")));
        }
        // A link is no file to one reader and a rule to another: what a pack is must not depend on who reads it. Nor is a pipe read by anybody.
        if let Some((odd, kind)) = found.iter().find(|(_, kind)| *kind != EntryKind::File) {
            let what = if *kind == EntryKind::Link { "a link" } else { "no file" };
            return Err(io::Error::other(format!("`{odd}` is {what}, and a pack holds files alone")));
        }
        Ok(found.into_iter().map(|(name, _)| name).collect())
    }

    fn relative<'n>(&self, name: &'n str) -> &'n str {
        let inside = name.strip_prefix(self.name.trim_end_matches('/')).map(|rest| rest.trim_start_matches('/'));
        inside.unwrap_or(name)
    }
}

const NAME: &str =
    "a name holds a to z, A to Z, digits, `-`, `_` and `.`: it is written in waivers and reports, and must look like nothing else";

/// A name that is told from all others by what is seen of it.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// The name of a policy, or of classes or facts.
fn is_read(name: &Path) -> bool {
    matches!(name.extension().and_then(|e| e.to_str()), Some("cedar" | "yaml"))
}

fn wanted(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    !name.starts_with("flowgate.") && matches!(path.extension().and_then(|e| e.to_str()), Some("cedar" | "Cedar" | "CEDAR" | "yaml" | "md"))
}
