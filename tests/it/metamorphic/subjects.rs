//! The projects that properties are held against: every fixture of every pack, and every example.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use flowgate::load::Limits;
use flowgate::packs::PackFiles;
use flowgate::rulebook::{self, CaseKind};
use flowgate::{Options, Project, Report, check};

use super::{all_packs, one_in};
use crate::common::{options, projects, root};

/// All packs, for whoever is to be asked everything.
pub(super) const PACKS: [&str; 6] = ["contract", "core", "ftc", "hipaa", "rmf", "route"];

/// A project and how it is judged.
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) project: Project,
    pub(super) options: Options,
    /// It is judged by every pack, and not by one rule alone.
    pub(super) wide: bool,
    before: OnceLock<Report>,
}

impl Subject {
    pub(super) fn check(&self, project: &Project) -> Report {
        check(project, &self.options)
    }

    /// What is said of the project as it stands: once for all properties, unless so many long reports would have to be kept.
    pub(super) fn before(&self) -> Cow<'_, Report> {
        if self.wide && all_packs() {
            return Cow::Owned(self.check(&self.project));
        }
        Cow::Borrowed(self.before.get_or_init(|| self.check(&self.project)))
    }
}

/// One in so many fixtures is judged by all packs, too, where not all are.
const WIDE: u64 = 32;

/// Every fixture, judged as its rule's own test judges it; a share of them judged by all packs; every example, judged by its own packs.
pub(super) fn subjects() -> &'static [Subject] {
    static READ: OnceLock<Vec<Subject>> = OnceLock::new();
    READ.get_or_init(read)
}

fn read() -> Vec<Subject> {
    let mut subjects = Vec::new();
    for folder in projects("examples") {
        let name = folder.strip_prefix(root()).unwrap().display().to_string();
        subjects.push(Subject {
            name,
            project: Project::read(&folder, &Limits::default()),
            options: options(),
            wide: true,
            before: OnceLock::new(),
        });
    }
    assert!(subjects.len() >= 20, "only {} examples", subjects.len());
    let mut fixtures = 0;
    for folder in ["policies/packs", "tests/bench/pack"] {
        let (cases, problems) = rulebook::cases(&root().join(folder));
        assert!(problems.is_empty(), "{problems:?}");
        for case in cases.iter().filter(|c| c.kind != CaseKind::Shape) {
            let (project, own) = rulebook::fixture(case).unwrap();
            fixtures += 1;
            if all_packs() || one_in(&case.name, WIDE) {
                let mut options = own.clone();
                options.selection.only = None;
                options.selection.packs = PACKS.map(str::to_owned).to_vec();
                options.selection.files = Some(packs());
                subjects.push(Subject {
                    name: format!("{} (all packs)", case.name),
                    project: project.clone(),
                    options,
                    wide: true,
                    before: OnceLock::new(),
                });
            }
            subjects.push(Subject { name: case.name.clone(), project, options: own, wide: false, before: OnceLock::new() });
        }
    }
    assert!(fixtures > 1_400, "only {fixtures} fixtures");
    subjects
}

/// The packs' files, once.
fn packs() -> Arc<PackFiles> {
    static READ: OnceLock<Arc<PackFiles>> = OnceLock::new();
    let read = || {
        let mut problems = Vec::new();
        let files = PackFiles::read_policies(&root().join("policies"), &Limits::default(), &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        Arc::new(files)
    };
    Arc::clone(READ.get_or_init(read))
}
