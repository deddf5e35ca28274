//! `flowgate evidence`: the bundle of one project for auditors. It writes into one folder and touches nothing else, neither the work tree nor the
//! repository.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::console::{Console, shown};
use super::judging::{self, Judging};
use super::progress::Progress;
use super::targets::{self, Target, project_of};
use super::{Done, Exit, output};
use crate::check::{Options, Report};
use crate::judge;
use crate::load::{Commit, Document, Folder, Format, Limits, ProjectFiles, sha256};
use crate::problem::{Problem, why};
use crate::project::Project;
use crate::propagate::DEFAULT_VARIANT_CAP;
use crate::report::bundle::{self, Circumstances, CommitFacts, DatedBy, InCommit, WorkflowFacts};

/// Inputs longer than this are not compared with the commit.
const MAX_INPUT: usize = 1 << 30;
/// A commit with more files below the project is not searched for inputs that are gone.
const MAX_FILES: usize = 200_000;

const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Writes evidence.json, evidence.md, findings.csv, coverage.csv, inputs.csv and
SHA256SUMS. The same commit gives the same bytes: the date is that of `--as-of`,
else the project's `as_of`, else the day of the commit, else today. Findings do
not change the exit code, for the bundle documents a state; `check` judges it.

Exit codes: 0 written, 2 something could not be judged, and the bundle says so.

Examples:
  flowgate evidence
  flowgate evidence services/triage --output audit/2026-q3
  cd flowgate-evidence && sha256sum --check SHA256SUMS")]
pub(super) struct Evidence {
    /// The project, or a folder or file of it
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    #[command(flatten)]
    judging: Judging,
    /// Write the files into this folder; other files in it stay
    #[arg(long, short, value_name = "DIR", default_value = "flowgate-evidence", help_heading = "Output")]
    output: PathBuf,
}

impl Evidence {
    /// Checks the project and writes the bundle.
    pub(super) fn run(&self, console: &Console) -> Done {
        let files = self.project()?;
        let progress = Progress::start(console, "checking".to_owned());
        let limits = self.judging.source.limits();
        let project = judge::with_room(|| judging::read(&files, &limits))?;
        // A repository that cannot be read is not the same as none: the bundle would be dated by the clock and say nothing of it.
        let (commit, unreadable) = match Commit::head(&files.root) {
            Ok(commit) => (commit.map(Arc::new), None),
            Err(problem) => (None, Some(problem)),
        };
        let day = commit.as_ref().and_then(|c| day_of(c.seconds));
        let options = Options { record: true, ..self.judging.options(day)? };
        let mut report = crate::check(&project, &options);
        report.problems.extend(unreadable);
        report.folder = targets::folder_in_repository(&files.root);
        take_bytes(&mut report, &files.root);

        let stated = project.file.as_ref().and_then(|f| f.root().get("as_of")?.as_str()?.parse::<Date>().ok());
        let dated_by = match () {
            () if self.judging.as_of.is_some() => DatedBy::Argument,
            () if stated.is_some() => DatedBy::Project,
            () if day.is_some() => DatedBy::Commit,
            () => DatedBy::Clock,
        };
        let failed = commit.clone();
        let circumstances = Circumstances {
            dated_by,
            commit: commit.zip(day).map(|(c, day)| facts_of(&c, day, &report, &files.root, &limits)),
            command: self.command(&report, dated_by, &files.root),
            roles: project.roles().map(str::to_owned).collect(),
            workflows: project.workflows.iter().map(workflow).collect(),
        };
        report.problems.extend(failed.and_then(|commit| commit.failure()));
        let bundle = bundle::files(&report, &circumstances);
        drop(progress);
        self.write(&bundle)?;
        if !console.quiet() {
            console.tell(&format!("{}; {} files are in `{}`", told(&report), bundle.len(), shown(&self.output)));
        }
        Ok(if report.problems.is_empty() { Exit::Clean } else { Exit::NotJudged })
    }

    /// The one project that was named, the whole of it.
    fn project(&self) -> Result<ProjectFiles, Problem> {
        let (found, mut problems) = project_of(&self.path);
        if let Some(problem) = problems.pop() {
            return Err(problem);
        }
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (Some(Target::Project(named)), None) => Ok(named.files),
            _ => Err(Problem::new("cli/one-project", format!("`{}` is not one project", shown(&self.path)))
                .help("a bundle is about one project: name its folder")),
        }
    }

    /// The command that gives the same bundle, from the top of the repository; folders outside it by their own name alone.
    fn command(&self, report: &Report, dated_by: DatedBy, root: &Path) -> String {
        let judging = &self.judging;
        let folder = if report.folder.is_empty() { "." } else { &report.folder };
        let mut words = vec!["flowgate".to_owned(), "evidence".to_owned(), folder.to_owned()];
        let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
        if let Some(date) = judging.as_of {
            option("--as-of", date.to_string());
        } else if dated_by == DatedBy::Clock && !report.checked.as_of.is_empty() {
            option("--as-of", report.checked.as_of.clone());
        }
        judging.packs.iter().for_each(|pack| option("--pack", pack.clone()));
        judging.source.private.iter().for_each(|folder| option("--packs", from_top(folder, root)));
        judging.source.policies.iter().for_each(|folder| option("--policies", from_top(folder, root)));
        judging.source.limits.iter().for_each(|limit| option("--limit", limit.to_string()));
        if judging.variant_cap != DEFAULT_VARIANT_CAP {
            option("--variant-cap", judging.variant_cap.to_string());
        }
        words.extend(judging.no_waivers.then(|| "--no-waivers".to_owned()));
        words.iter().map(|w| quoted(w)).collect::<Vec<_>>().join(" ")
    }

    fn write(&self, files: &[(&str, String)]) -> Result<(), Problem> {
        output::write_all(&files.iter().map(|(name, text)| (self.output.join(name), text.as_str())).collect::<Vec<_>>())
    }
}

/// What was found, in one line.
fn told(report: &Report) -> String {
    let count = |n: usize, noun: &str| if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") };
    let problems = if report.problems.is_empty() {
        String::new()
    } else {
        format!(", and {} kept it from judging everything", count(report.problems.len(), "problem"))
    };
    let found = count(report.findings.len(), "finding");
    format!("checked {}: {found}, {} waived{problems}", count(report.checked.workflows.len(), "workflow"), report.waived.len())
}

fn day_of(seconds: i64) -> Option<Date> {
    Some(Timestamp::from_second(seconds).ok()?.to_zoned_datetime(TimeZone::UTC).date())
}

/// Gives every input the length and SHA-256 of its bytes on disk, as others can compute them: what was parsed is the text without a byte order mark.
/// A file that is another by now makes the bundle untrue.
fn take_bytes(report: &mut Report, root: &Path) {
    const MARK: &[u8] = b"\xEF\xBB\xBF";
    let folder = Folder::Disk(root.to_owned());
    let Some(record) = &mut report.record else { return };
    let mut changed = Vec::new();
    for input in &mut record.inputs {
        let bytes = match folder.read(&input.name, MAX_INPUT) {
            Ok(bytes) if input.sha256.is_some() => bytes,
            // A list of inputs with one left open shows less than it says.
            read => {
                let why = read.err().map_or_else(|| "it was not there before".to_owned(), |error| why(&error));
                changed.push(
                    Problem::new("evidence/unreadable", format!("cannot read `{}`: {why}", input.name))
                        .help("check that you may read it, and that nobody writes to the project; a document may have 1 GiB"),
                );
                continue;
            }
        };
        let same = |bytes: &[u8]| input.sha256.as_deref() == Some(&sha256(bytes));
        if same(&bytes) {
            continue;
        }
        if bytes.strip_prefix(MARK).is_some_and(same) {
            (input.sha256, input.bytes) = (Some(sha256(&bytes)), bytes.len());
        } else {
            changed.push(
                Problem::new("evidence/changed", format!("`{}` has changed since it was judged", input.name))
                    .help("run again when nobody writes to the project"),
            );
        }
    }
    report.problems.extend(changed);
    report.problems.sort_by_cached_key(Problem::sort_key);
}

fn workflow(document: &Document) -> WorkflowFacts {
    let text = |key| document.root().get(key).and_then(|v| v.as_str().map(str::to_owned));
    WorkflowFacts { id: text("workflow").unwrap_or_default(), file: document.file().name.clone(), stage: text("stage") }
}

/// The commit, and each input beside it, byte by byte: neither the index nor a filter of the repository has a say.
fn facts_of(commit: &Arc<Commit>, day: Date, report: &Report, root: &Path, limits: &Limits) -> CommitFacts {
    let mut inputs = BTreeMap::new();
    let there = commit.path_of(root).map(|path| Folder::Commit(Arc::clone(commit), path));
    let here = Folder::Disk(root.to_owned());
    for input in report.record.iter().flat_map(|r| &r.inputs) {
        let committed = there.as_ref().and_then(|folder| folder.read(&input.name, MAX_INPUT).ok());
        let state = match committed {
            None => InCommit::Added,
            Some(bytes) if here.read(&input.name, MAX_INPUT).is_ok_and(|own| own == bytes) => InCommit::Same,
            Some(_) => InCommit::Changed,
        };
        inputs.insert(input.name.clone(), state);
    }
    for name in there.iter().flat_map(|folder| committed_inputs(folder, limits)) {
        if fs::symlink_metadata(root.join(&name)).is_err() {
            inputs.entry(name).or_insert(InCommit::Gone);
        }
    }
    CommitFacts { id: commit.id.clone(), date: day.to_string(), inputs }
}

/// The files that a check of the commit would read.
fn committed_inputs(folder: &Folder, limits: &Limits) -> BTreeSet<String> {
    let skip = |name: &str, _: &str| name.starts_with('.') || matches!(name, "node_modules" | "target");
    let Ok(files) = folder.walk(".", &skip, MAX_FILES) else { return BTreeSet::new() };
    let files: Vec<String> = files.into_iter().map(|(name, _)| name).collect();
    let project_files: Vec<String> = ENDINGS.iter().map(|ending| format!("flowgate.{ending}")).collect();
    // A folder with a project file of its own is another project.
    let others: Vec<String> = files
        .iter()
        .filter_map(|f| f.rsplit_once('/').filter(|(_, name)| project_files.iter().any(|p| p == name)))
        .map(|(folder, _)| format!("{folder}/"))
        .collect();
    let own = |name: &&String| !others.iter().any(|other| name.starts_with(other.as_str()));
    let parse = |name: &String| Document::parse(name, folder.read(name, limits.file_bytes).ok()?, Format::of_path(name)?, limits).ok();
    let named = |stem: &str| ENDINGS.iter().map(|ending| format!("{stem}.{ending}")).find(|name| files.contains(name));
    let project = Project {
        folder: Some(folder.clone()),
        file: named("flowgate").as_ref().and_then(parse),
        workflows: files.iter().filter(own).filter(|name| is_flow(name)).filter_map(parse).collect(),
        waivers: named("flowgate.waivers").as_ref().and_then(parse),
        problems: Vec::new(),
        notices: Vec::new(),
    };
    project.inputs().into_iter().map(|i| i.name).collect()
}

fn is_flow(name: &str) -> bool {
    ENDINGS.iter().any(|ending| name.ends_with(&format!(".flow.{ending}")))
}

/// A folder as seen from the top of the repository, or by its own name where it lies elsewhere.
fn from_top(folder: &Path, root: &Path) -> String {
    let Ok(folder) = fs::canonicalize(folder) else { return shown(folder) };
    let top = root.ancestors().find(|above| above.join(".git").exists()).unwrap_or(root);
    match folder.strip_prefix(top) {
        Ok(inside) => shown(inside),
        Err(_) => folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    }
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
