//! `flowgate check`: one report for each project, to standard output or a file. The exit code comes from the findings, never from the format.

mod against;
mod stdin;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::ValueEnum as _;
use rayon::prelude::*;

use self::against::Against;
use super::console::Console;
use super::judging::{self, Judging};
use super::output;
use super::progress::Progress;
use super::targets::{self, Target, targets};
use super::{Done, Exit, Level};
use crate::check::{GATE_CHANGED, GATE_WAIVED, Options, Report};
use crate::compare::{Baseline, compare};
use crate::finding::Finding;
use crate::judge::{self, Severity};
use crate::problem::Problem;
use crate::report::{self, Format, Style};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A folder is a project, a part of one, or holds projects; a file is a part of
its project. The whole project is judged, since data comes from other workflows,
and findings are reported for the part that was named. `-` is one workflow on
standard input, alone under the nearest flowgate.yaml. Several projects give
several reports, in order; as JSON, a list of objects with `project` and
`report`.

Exit codes: 0 nothing at or above the threshold, 1 findings, 2 could not judge.

Examples:
  flowgate check
  flowgate check flows/note-summary.flow.yaml --severity warning
  flowgate check --base main
  flowgate check --format json --output report.json
  generate-flow | flowgate check -")]
pub(super) struct Check {
    /// Folders, projects or workflow files; `-` is standard input
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// Findings from here up give exit code 1
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = Level::Error, help_heading = "Judging")]
    severity: Level,
    #[command(flatten)]
    judging: Judging,
    #[command(flatten, next_help_heading = "Comparing")]
    against: Against,
    /// Form of the report
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Format::Human, help_heading = "Output")]
    format: Format,
    /// Write the report to this file, whole or not at all
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    /// Write the same report in another form to a file, too [repeatable]
    #[arg(long = "report", value_name = "FORM=FILE", value_parser = further, help_heading = "Output")]
    reports: Vec<Further>,
    /// With `--format markdown`: the body of a pull-request comment
    #[arg(long, help_heading = "Output")]
    comment: bool,
}

/// A report in another form.
#[derive(Clone, Debug)]
struct Further {
    format: Format,
    file: PathBuf,
}

impl Check {
    /// Checks everything that was named.
    pub(super) fn run(&self, console: &Console) -> Done {
        if self.comment && !matches!(self.format, Format::Markdown | Format::Comment) {
            return Err(
                Problem::new("cli/comment", "`--comment` goes with `--format markdown`").help("add `--format markdown`, or leave it out")
            );
        }
        let (targets, mut problems) = targets(&self.paths);
        self.refuse_outputs(&targets)?;
        let options = self.options()?;
        let progress = Progress::start(console, "checking".to_owned());
        let limits = self.judging.source.limits();
        let baseline = self.against.baseline.as_deref().map(|file| Baseline::read(file, &limits)).transpose()?;
        let mut judged: Vec<(Report, BTreeSet<String>)> =
            judge::with_room(|| targets.par_iter().map(|target| self.judge(target, baseline.as_ref(), &options)).collect())?;
        drop(progress);
        if let Some(baseline) = &baseline {
            let partial = !self.judging.packs.is_empty() || self.paths != [PathBuf::from(".")];
            self.against.name_outlived(baseline, partial, &mut judged);
        }
        let roots: BTreeSet<PathBuf> = targets.iter().filter_map(Target::root).collect();
        let (gone, more) = self.against.gone(&self.paths, &roots);
        problems.extend(more);
        let mut reports = with_problems(judged.into_iter().map(|(report, _)| report).collect(), problems);
        if let Some(report) = reports.first_mut() {
            report.notices.extend(gone.iter().map(|folder| {
                Problem::new("base/project-gone", format!("the base has a project in `{folder}`, and nothing there is judged any more"))
                    .help("have it reviewed by somebody else than its author; what it found before is in no report")
            }));
        }

        let exits: Vec<Exit> = reports.iter().map(|report| self.exit(report)).collect();
        let exit = exits.iter().copied().max().unwrap_or(Exit::NotJudged);
        // Each report is whole or not there. One that cannot be written keeps none of the others back, and the run from a verdict.
        let mut unwritten = Vec::new();
        for further in &self.reports {
            let text = self.text(&reports, &exits, further.format, &console.style_of_file(), false);
            unwritten.extend(output::write(&further.file, &text).err());
        }
        let style = if self.output.is_some() { console.style_of_file() } else { console.style() };
        let text = self.text(&reports, &exits, self.format(), &style, console.quiet());
        match &self.output {
            None => unwritten.extend(console.print(&text).err()),
            Some(file) => match output::write(file, &text) {
                Ok(()) if console.quiet() => {}
                Ok(()) => console.tell(&format!("{}; the report is in `{}`", tally(&reports), super::console::shown(file))),
                Err(problem) => unwritten.push(problem),
            },
        }
        Ok(exit.max(console.refuse(&unwritten)))
    }

    /// A report never takes the place of what it is about, nor of another report.
    fn refuse_outputs(&self, targets: &[Target]) -> Result<(), Problem> {
        let real = |path: &std::path::Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let read: BTreeSet<PathBuf> =
            targets.iter().flat_map(Target::files).chain(self.against.baseline.clone()).map(|p| real(&p)).collect();
        let mut written = BTreeSet::new();
        for file in self.output.iter().chain(self.reports.iter().map(|r| &r.file)) {
            let place = match (file.parent().filter(|p| !p.as_os_str().is_empty()), file.file_name()) {
                (parent, Some(name)) if !file.exists() => real(parent.unwrap_or(std::path::Path::new("."))).join(name),
                _ => real(file),
            };
            if read.contains(&place) {
                return Err(Problem::new(
                    "cli/output",
                    format!("`{}` is read by this check, and a report would replace it", super::console::shown(file)),
                )
                .help("name another file"));
            }
            if !written.insert(place) && !output::is_stream(file) {
                return Err(Problem::new("cli/output", format!("two reports would go into `{}`", super::console::shown(file)))
                    .help("name a file for each"));
            }
        }
        Ok(())
    }

    /// The form of the report itself.
    fn format(&self) -> Format {
        if self.comment { Format::Comment } else { self.format }
    }

    fn text(&self, reports: &[Report], exits: &[Exit], format: Format, style: &Style, quiet: bool) -> String {
        match format {
            Format::Human => human(reports, exits, style, quiet),
            _ => report::render_all(&reports.iter().collect::<Vec<_>>(), format, style),
        }
    }

    /// Judges one target, and tells which entries of the baseline it met.
    fn judge(&self, target: &Target, baseline: Option<&Baseline>, options: &Options) -> (Report, BTreeSet<String>) {
        let limits = self.judging.source.limits();
        match target {
            Target::Project(named) => {
                let files = &named.files;
                let project = judging::read(files, &limits);
                let mut earlier = None;
                let mut report = match self.against.base(&files.root, &self.paths, &limits) {
                    None => crate::check(&project, options),
                    Some(Ok(base)) => {
                        let mut report = compare(&base.project, &project, options);
                        let comparison = report.comparison.get_or_insert_default();
                        (comparison.base, comparison.commit) = (Some(base.name), base.commit);
                        earlier = Some(base.project.folder);
                        report
                    }
                    // Without its base the project is judged as a whole: nothing goes unseen, and the run still cannot pass.
                    Some(Err(problem)) => {
                        let mut report = crate::check(&project, options);
                        report.problems.insert(0, problem);
                        report
                    }
                };
                let met = baseline
                    .map(|b| self.against.mark(b, &files.root, earlier.as_ref().map(Option::as_ref), &limits, &mut report))
                    .unwrap_or_default();
                report.notices.extend(named.packs_passed_over(&project));
                let named = |f: &Finding| named.covers(&f.primary.file.name);
                report.findings.retain(named);
                report.waived.retain(named);
                if let Some(comparison) = &mut report.comparison {
                    comparison.fixed.retain(named);
                    comparison.newly_waived.retain(named);
                }
                report.name = Some(targets::name(&files.root));
                report.folder = targets::folder_in_repository(&files.root);
                (report, met)
            }
            Target::Stdin => {
                let mut report = crate::check(&stdin::project(&limits), options);
                if self.against.has_base() {
                    let problem = Problem::new("base/stdin", "standard input has no base to compare with");
                    report.problems.insert(0, problem.help("name the workflow's file, or leave `--base` out"));
                }
                let met = baseline.map(|b| b.mark(&mut report)).unwrap_or_default();
                report.name = Some("-".to_owned());
                (report, met)
            }
        }
    }

    fn options(&self) -> Result<Options, Problem> {
        let record = std::iter::once(self.format()).chain(self.reports.iter().map(|r| r.format)).any(Format::needs_record);
        Ok(Options { record, ..self.judging.options(None)? })
    }

    fn exit(&self, report: &Report) -> Exit {
        let threshold = Severity::from(self.severity);
        if !report.problems.is_empty() {
            Exit::NotJudged
        } else if report.findings.iter().any(|f| f.counts() && f.severity >= threshold) {
            Exit::Findings
        } else {
            Exit::Clean
        }
    }
}

/// Puts what is wrong with the arguments where a reader sees it: into the only report, or into one of its own.
fn with_problems(mut reports: Vec<Report>, problems: Vec<Problem>) -> Vec<Report> {
    match reports.as_mut_slice() {
        _ if problems.is_empty() => {}
        [only] => {
            only.problems.extend(problems);
            only.problems.sort_by_cached_key(Problem::sort_key);
        }
        _ => reports.push(Report { problems, ..Report::default() }),
    }
    reports
}

fn human(reports: &[Report], exits: &[Exit], style: &Style, quiet: bool) -> String {
    // What a change does to the gate is something to act on.
    let gate = |report: &Report| report.notices.iter().any(|n| matches!(n.code, GATE_CHANGED | GATE_WAIVED));
    let shown = reports.iter().zip(exits).filter(|(report, exit)| !quiet || **exit != Exit::Clean || gate(report));
    let bar = if style.unicode { "──" } else { "==" };
    let mut text = String::new();
    for (report, _) in shown {
        if let (true, Some(name)) = (reports.len() > 1, &report.name) {
            text += &format!("{bar} {name} {bar}\n\n");
        }
        text += &report::render(report, Format::Human, style);
        text += if reports.len() > 1 { "\n" } else { "" };
    }
    if reports.len() > 1 && !text.is_empty() {
        text += &format!("{}\n", tally(reports));
    }
    text
}

/// All findings in one line.
fn tally(reports: &[Report]) -> String {
    let of = |severity| reports.iter().flat_map(|r| &r.findings).filter(|f| f.counts() && f.severity == severity).count();
    let problems: usize = reports.iter().map(|r| r.problems.len()).sum();
    let projects = reports.iter().filter(|r| r.name.is_some()).count();
    let count = |n: usize, noun: &str| if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") };
    format!(
        "{}: {}, {}, {}, {}",
        count(projects, "project"),
        count(of(Severity::Error), "error"),
        count(of(Severity::Warning), "warning"),
        count(of(Severity::Note), "note"),
        count(problems, "problem")
    )
}

fn further(text: &str) -> Result<Further, String> {
    let forms = || Format::value_variants().iter().filter_map(|f| Some(f.to_possible_value()?.get_name().to_owned())).collect::<Vec<_>>();
    let (form, file) =
        text.split_once('=').filter(|(_, file)| !file.is_empty()).ok_or("a form and a file, such as sarif=flowgate.sarif")?;
    let format = Format::from_str(form, false).map_err(|_| format!("`{form}` is no form; there are {}", forms().join(", ")))?;
    Ok(Further { format, file: PathBuf::from(file) })
}
