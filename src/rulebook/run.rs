//! Runs one case: a fixture is judged by its rule alone, with the labels of all packs its project enables.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use jiff::civil::{Date, date};
use rayon::prelude::*;

use super::marks::{Mark, directive, marks};
use super::mutants::{Mutant, mutants};
use super::{Case, CaseKind, page};
use crate::check::{Options, Report, check};
use crate::load::{Document, Limits};
use crate::packs::{PackFiles, PackFolder, Selection};
use crate::problem::Problem;
use crate::project::Project;

/// The date fixtures are judged on unless they say otherwise.
const DEFAULT_DATE: Date = date(2026, 7, 1);

/// Runs a case.
///
/// # Errors
/// Lines that say what differs.
pub fn run(case: &Case) -> Result<(), Vec<String>> {
    run_with(case, None)
}

/// The project a fixture is and how it is judged: by its rule alone. None for a case that is no fixture.
#[must_use]
pub fn fixture(case: &Case) -> Option<(Project, Options)> {
    let (CaseKind::Fail(file) | CaseKind::Pass(file)) = &case.kind else { return None };
    let project = read(case, file);
    let options = options(case, &project);
    Some((project, options))
}

/// Pieces of a rule that no fixture of it needs: the mutants without them that every case passes.
///
/// # Errors
/// The rule cannot be read.
pub fn survivors(rule: &[Case]) -> Result<(usize, Vec<Mutant>), Problem> {
    let Some(first) = rule.first() else { return Ok((0, Vec::new())) };
    let file = first.folder.join("rule.cedar");
    let text = fs::read_to_string(&file).map_err(|e| {
        Problem::new("rulebook/unreadable", format!("cannot read `{}`: {e}", file.display())).help("a rule folder holds `rule.cedar`")
    })?;
    let mutants = mutants(&text);
    let made = mutants.len();
    let unnoticed = |mutant: &Mutant| {
        let mut fixtures = rule.iter().filter(|case| case.kind != CaseKind::Shape);
        fixtures.all(|case| run_with(case, Some(&mutant.text)).is_ok())
    };
    Ok((made, mutants.into_par_iter().filter(unnoticed).collect()))
}

/// Runs a case with another text in the place of its rule's.
fn run_with(case: &Case, text: Option<&str>) -> Result<(), Vec<String>> {
    let mut faults = Vec::new();
    match &case.kind {
        CaseKind::Shape => page::check(&case.folder, &case.rule, &mut faults),
        CaseKind::Fail(fixture) => fixture_faults(case, fixture, true, text, &mut faults),
        CaseKind::Pass(fixture) => fixture_faults(case, fixture, false, text, &mut faults),
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn fixture_faults(case: &Case, fixture: &Path, must_fail: bool, text: Option<&str>, faults: &mut Vec<String>) {
    let project = read(case, fixture);
    let texts = || project.file.iter().chain(&project.workflows).chain(&project.waivers).map(Document::file);
    let expected: BTreeSet<Mark> = texts().flat_map(|file| marks(file)).collect();
    let mut options = options(case, &project);
    options.selection.replaced = text.map(|text| (case.rule.clone(), text.to_owned()));
    let report = check(&project, &options);
    for problem in &report.problems {
        let place = problem.places.first().map(|p| format!("{}:{}: ", p.file.name, p.file.line_column(p.span.start).0)).unwrap_or_default();
        let help = problem.help.as_deref().unwrap_or_default();
        faults.push(format!("{place}{} ({}; {help})", problem.message, problem.code));
    }
    if must_fail && expected.is_empty() {
        faults.push("no line is marked with `# expect:`".to_owned());
    }
    if !must_fail && !expected.is_empty() {
        faults.push("a fixture that passes has marks".to_owned());
    }
    let found = found(case, &report);
    faults.extend(expected.iter().filter(|mark| !found.iter().any(|f| mark.is(f))).map(|mark| format!("not found: {mark}")));
    for mark in found.iter().filter(|found| !expected.iter().any(|mark| mark.is(found))) {
        let why =
            report.findings.iter().find(|f| f.rule == mark.rule && line(f) == mark.line).map(|f| f.message.clone()).unwrap_or_default();
        faults.push(format!("found but not expected: {mark} ({why})"));
    }
}

/// What was found for the rule under test; what the rules beside it say is not its business.
fn found(case: &Case, report: &Report) -> BTreeSet<Mark> {
    let own = report.findings.iter().filter(|f| f.rule.split('.').next() == Some(case.rule.as_str()));
    own.map(|f| Mark {
        file: f.primary.file.name.clone(),
        line: line(f),
        rule: f.rule.clone(),
        undeclared: !f.undeclared.is_empty() && f.needed_by.is_empty(),
        severity: Some(f.severity),
    })
    .collect()
}

fn line(finding: &crate::finding::Finding) -> usize {
    finding.primary.file.line_column(finding.primary.span.start).0
}

fn read(case: &Case, fixture: &Path) -> Project {
    if fixture.is_dir() {
        return Project::read(fixture, &case.limits);
    }
    // The nearest project file inside the pack; the fixture is its only workflow.
    let nearest = fixture.ancestors().skip(1).take_while(|f| f.starts_with(&case.pack)).find_map(|folder| {
        let file = folder.join("flowgate.yaml");
        file.is_file().then_some((folder.to_owned(), file))
    });
    let (root, file) = nearest.map_or_else(|| (case.pack.clone(), None), |(root, file)| (root, Some(file)));
    Project::read_files(root, file.as_deref(), None, &[fixture.to_owned()], &case.limits)
}

fn options(case: &Case, project: &Project) -> Options {
    let text = project.workflows.iter().map(|d| d.file().text.as_str()).collect::<Vec<_>>().join("\n");
    let mut only = BTreeSet::from([case.rule.clone()]);
    only.extend(directive(&text, "with").into_iter().map(str::to_owned));
    let as_of = directive(&text, "as-of").first().and_then(|d| d.parse().ok());
    let mut options = Options::on(DEFAULT_DATE);
    options.as_of = as_of;
    options.limits = case.limits.clone();
    options.selection = Selection { only: Some(only), ..selection(&case.pack) };
    options
}

/// Our own packs are read from their `policies/` folder; any other pack is private, beside those the binary carries.
fn selection(pack: &Path) -> Selection {
    let name = pack.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match policies_of(pack) {
        Some(policies) => Selection { packs: vec![name], files: files_of(&policies), policies: Some(policies), ..Selection::default() },
        None => Selection { private: vec![PackFolder::on_disk(pack)], ..Selection::default() },
    }
}

/// The files of a `policies/` folder, read once: a pack has hundreds of cases. What cannot be read is left to the run, which reports it.
fn files_of(policies: &Path) -> Option<Arc<PackFiles>> {
    static READ: OnceLock<Mutex<BTreeMap<PathBuf, Arc<PackFiles>>>> = OnceLock::new();
    let mut read = READ.get_or_init(Mutex::default).lock().ok()?;
    if !read.contains_key(policies) {
        let mut problems = Vec::new();
        let files = PackFiles::read_policies(policies, &Limits::default(), &mut problems);
        if !problems.is_empty() {
            return None;
        }
        read.insert(policies.to_owned(), Arc::new(files));
    }
    read.get(policies).cloned()
}

fn policies_of(pack: &Path) -> Option<PathBuf> {
    let packs = pack.parent().filter(|p| p.ends_with("packs"))?;
    let policies = packs.parent()?;
    (policies.join("permit.cedar").is_file() && fs::read_dir(policies.join("classes")).is_ok()).then(|| policies.to_owned())
}
