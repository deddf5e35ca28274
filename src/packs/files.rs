//! The files of packs under one naming, `policies/packs/<pack>/…`, whether they come from the binary or from a folder. Never interprets them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use walkdir::WalkDir;

use super::taxonomy::Taxonomy;
use crate::embedded;
use crate::problem::{Problem, SourceFile};

/// Files larger than this are no policy files.
const MAX_BYTES: u64 = 4 << 20;
/// A folder with more files than this is no pack.
const MAX_FILES: usize = 20_000;

/// The files of all packs, by their path under the project's layout.
#[derive(Clone, Debug, Default)]
pub struct PackFiles {
    files: BTreeMap<String, Arc<SourceFile>>,
    private: BTreeSet<String>,
    embedded: bool,
    /// The taxonomy in these files, read when it is first asked for and shared by clones.
    taxonomy: Arc<OnceLock<(Arc<Taxonomy>, Vec<Problem>)>>,
}

impl PackFiles {
    /// What the binary carries.
    #[must_use]
    pub fn embedded() -> Self {
        static FILES: OnceLock<PackFiles> = OnceLock::new();
        let read = || {
            let file =
                |(path, text): (&str, &str)| (path.to_owned(), Arc::new(SourceFile { name: path.to_owned(), text: text.to_owned() }));
            Self { files: embedded::policies().map(file).collect(), private: BTreeSet::new(), embedded: true, taxonomy: Arc::default() }
        };
        FILES.get_or_init(read).clone()
    }

    /// A `policies/` folder instead of what the binary carries.
    #[must_use]
    pub fn read_policies(folder: &Path, problems: &mut Vec<Problem>) -> Self {
        let mut files = Self::default();
        files.read("policies", folder, false, problems);
        if files.files.is_empty() {
            problems.push(
                Problem::new("packs/no-policies", format!("`{}` holds no policy files", folder.display()))
                    .help("name the folder that holds `packs/` and `classes/`"),
            );
        }
        files
    }

    /// Adds a private pack, a folder in the shape of one of ours or a folder of such packs; returns their names.
    pub fn add_private(&mut self, folder: &Path, problems: &mut Vec<Problem>) -> BTreeSet<String> {
        // A private pack can bring classes.
        self.taxonomy = Arc::default();
        let mut names = BTreeSet::new();
        let folders = pack_folders(folder);
        if folders.is_empty() {
            problems.push(
                Problem::new("packs/no-pack", format!("`{}` is not a pack", folder.display()))
                    .help("a pack is a folder with `PACK.md` and one folder for each rule; `flowgate new rule` writes one"),
            );
        }
        for folder in folders {
            let name = folder.canonicalize().ok().and_then(|f| Some(f.file_name()?.to_string_lossy().into_owned())).unwrap_or_default();
            let prefix = format!("policies/packs/{name}");
            if self.files.keys().any(|p| p.strip_prefix(&prefix).is_some_and(|rest| rest.starts_with('/'))) {
                problems.push(
                    Problem::new("packs/duplicate-pack", format!("two packs are named `{name}`"))
                        .help("rename the folder of the private pack; its name is the first part of its rules' ids"),
                );
                continue;
            }
            self.read(&prefix, &folder, true, problems);
            self.check_private(&prefix, &folder, problems);
            names.insert(name);
        }
        names
    }

    /// A private pack brings something, and every policy in it is where it is read from.
    fn check_private(&self, prefix: &str, folder: &Path, problems: &mut Vec<Problem>) {
        let inside: Vec<&str> = self.files.keys().filter_map(|p| p.strip_prefix(prefix)?.strip_prefix('/')).collect();
        let cedar = |p: &&str| Path::new(p).extension().is_some_and(|e| e.eq_ignore_ascii_case("cedar"));
        let read = |p: &&str| *p == "labels.cedar" || matches!(p.split('/').collect::<Vec<_>>().as_slice(), [_, "rule.cedar"]);
        for stray in inside.iter().filter(|p| cedar(p) && !read(p)) {
            problems.push(
                Problem::new("packs/stray-policy", format!("`{}/{stray}` is read by nobody", folder.display()))
                    .help("a rule is `<rule>/rule.cedar`, and labels are in `labels.cedar`"),
            );
        }
        let data = |p: &&str| p.starts_with("classes/") || p.starts_with("providers/");
        if !inside.iter().any(|p| read(p) || data(p)) {
            problems.push(
                Problem::new("packs/empty-pack", format!("the pack `{}` holds no rule, label, class or provider", folder.display()))
                    .help("a rule is a folder with `rule.cedar`; `flowgate new rule` writes one"),
            );
        }
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

    fn read(&mut self, prefix: &str, folder: &Path, private: bool, problems: &mut Vec<Problem>) {
        let walk = WalkDir::new(folder).follow_links(false).sort_by_file_name().into_iter();
        let walk = walk.filter_entry(|e| e.depth() == 0 || !matches!(e.file_name().to_str(), Some("fail" | "pass" | ".git") | None));
        for (count, entry) in walk.enumerate() {
            if count > MAX_FILES {
                problems.push(
                    Problem::new("packs/too-many-files", format!("`{}` holds more than {MAX_FILES} files", folder.display()))
                        .help("name the pack's own folder"),
                );
                return;
            }
            match entry {
                Ok(entry) if entry.file_type().is_file() && wanted(entry.path()) => {
                    self.read_file(prefix, folder, entry.path(), private, problems)
                }
                Ok(_) => {}
                Err(error) => problems.push(unreadable(folder, &error.to_string())),
            }
        }
    }

    fn read_file(&mut self, prefix: &str, folder: &Path, path: &Path, private: bool, problems: &mut Vec<Problem>) {
        let relative = path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/");
        let key = format!("{prefix}/{relative}");
        if fs::metadata(path).is_ok_and(|m| m.len() > MAX_BYTES) {
            problems.push(
                Problem::new("packs/too-large", format!("`{}` is larger than {MAX_BYTES} bytes", path.display()))
                    .help("a policy file is a page, not a data set"),
            );
            return;
        }
        match fs::read_to_string(path) {
            Ok(text) => {
                let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
                if private {
                    self.private.insert(key.clone());
                }
                self.files.insert(key, Arc::new(SourceFile { name: path.to_string_lossy().replace('\\', "/"), text }));
            }
            Err(error) => problems.push(unreadable(path, &error.to_string())),
        }
    }
}

/// `folder` itself when it is a pack, else the packs right below it.
fn pack_folders(folder: &Path) -> Vec<std::path::PathBuf> {
    let is_pack = |f: &Path| f.join("PACK.md").is_file();
    if is_pack(folder) {
        return vec![folder.to_owned()];
    }
    let mut packs: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().filter_map(|e| e.ok().map(|e| e.path())).filter(|p| is_pack(p)).collect();
    packs.sort();
    packs
}

fn wanted(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    !name.starts_with("flowgate.") && matches!(path.extension().and_then(|e| e.to_str()), Some("cedar" | "Cedar" | "CEDAR" | "yaml" | "md"))
}

fn unreadable(path: &Path, why: &str) -> Problem {
    Problem::new("packs/unreadable", format!("cannot read `{}`: {why}", path.display())).help("check the path and its permissions")
}
