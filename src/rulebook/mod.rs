//! The folder shape of a rule: finds fixtures, runs each under its rule alone, holds findings against the marks in the files, checks the page.
//! Used by the project's own tests and by `flowgate test`, for our packs and private ones alike.

mod marks;
mod mutants;
mod page;
mod run;
mod scaffold;

use std::fs;
use std::path::{Path, PathBuf};

use crate::load::Limits;
use crate::problem::Problem;

pub use self::mutants::Mutant;
pub use self::run::{fixture, run, survivors};
pub use self::scaffold::scaffold;

/// One thing to try.
#[derive(Clone, Debug)]
pub struct Case {
    /// `pack/rule/fail/file`, or `pack/rule/README.md`.
    pub name: String,
    /// `pack/rule`.
    pub rule: String,
    /// The rule's folder.
    pub folder: PathBuf,
    /// The pack's folder.
    pub pack: PathBuf,
    /// What to try.
    pub kind: CaseKind,
    /// What it may cost.
    pub limits: Limits,
}

/// What a case tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseKind {
    /// A fixture under `fail/`: every mark must be found, and nothing else.
    Fail(PathBuf),
    /// A fixture under `pass/`: nothing may be found.
    Pass(PathBuf),
    /// The folder itself: rule, page and enough fixtures.
    Shape,
}

/// All cases below a folder: a pack, a rule, or a folder of packs. Finding none is a problem.
#[must_use]
pub fn cases(folder: &Path) -> (Vec<Case>, Vec<Problem>) {
    let mut cases = Vec::new();
    let mut problems = Vec::new();
    match folder.canonicalize() {
        Ok(found) => {
            for (pack, rule) in rule_folders(&found) {
                add_cases(&pack, &rule, &mut cases);
            }
            if cases.is_empty() {
                problems.push(
                    Problem::new("rulebook/no-rules", format!("there is no rule folder in `{}`", folder.display()))
                        .help("a pack is a folder with `PACK.md` and one folder for each rule; `flowgate new rule` writes one"),
                );
            }
        }
        Err(error) => problems
            .push(Problem::new("rulebook/unreadable", format!("cannot read `{}`: {error}", folder.display())).help("check the path")),
    }
    (cases, problems)
}

/// Pack and rule folders at, right below or two levels below a folder.
fn rule_folders(folder: &Path) -> Vec<(PathBuf, PathBuf)> {
    if is_pack(folder) {
        return folders_in(folder).into_iter().filter(|f| is_rule(f)).map(|rule| (folder.to_owned(), rule)).collect();
    }
    if let Some(pack) = folder.parent().filter(|p| is_pack(p) && is_rule(folder)) {
        return vec![(pack.to_owned(), folder.to_owned())];
    }
    folders_in(folder).into_iter().filter(|f| is_pack(f)).flat_map(|pack| rule_folders(&pack)).collect()
}

fn is_pack(folder: &Path) -> bool {
    folder.join("PACK.md").is_file()
}

/// A folder with any part of a rule is a rule: one that has lost its `rule.cedar` must not drop out in silence.
fn is_rule(folder: &Path) -> bool {
    ["rule.cedar", "README.md", "fail", "pass"].iter().any(|part| folder.join(part).exists())
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().filter_map(|e| Some(e.ok()?.path())).filter(|p| p.is_dir()).collect();
    folders.sort();
    folders
}

fn add_cases(pack: &Path, rule: &Path, cases: &mut Vec<Case>) {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let id = format!("{}/{}", name(pack), name(rule));
    let case = |suffix: String, kind: CaseKind| Case {
        name: format!("{id}/{suffix}"),
        rule: id.clone(),
        folder: rule.to_owned(),
        pack: pack.to_owned(),
        kind,
        limits: Limits::default(),
    };
    cases.push(case("shape".to_owned(), CaseKind::Shape));
    for (part, fails) in [("fail", true), ("pass", false)] {
        for fixture in fixtures(&rule.join(part)) {
            let suffix = format!("{part}/{}", name(&fixture));
            cases.push(case(suffix, if fails { CaseKind::Fail(fixture) } else { CaseKind::Pass(fixture) }));
        }
    }
}

/// Workflow files and project folders right below `fail/` or `pass/`.
fn fixtures(folder: &Path) -> Vec<PathBuf> {
    let flow = |p: &Path| {
        let name = p.file_name().unwrap_or_default().to_string_lossy();
        [".flow.yaml", ".flow.yml", ".flow.json"].iter().any(|end| name.ends_with(end))
    };
    let project = |p: &Path| p.is_dir() && ["flowgate.yaml", "flowgate.json"].iter().any(|f| p.join(f).is_file());
    let mut found: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().filter_map(|e| Some(e.ok()?.path())).filter(|p| flow(p) || project(p)).collect();
    found.sort();
    found
}
