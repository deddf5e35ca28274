//! `flowgate check`: one report for each project, to standard output or a file. The exit code comes from the findings, never from the format.

mod output;
mod stdin;

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rayon::prelude::*;

use super::console::Console;
use super::progress::Progress;
use super::targets::{self, Target, targets};
use super::{Done, Exit, Level, PackSource};
use crate::check::{Options, Project, Report};
use crate::judge::{self, Severity};
use crate::load::Limits;
use crate::packs::Selection;
use crate::problem::Problem;
use crate::propagate::DEFAULT_VARIANT_CAP;
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
  flowgate check --format json --output report.json
  generate-flow | flowgate check -")]
pub(super) struct Check {
    /// Folders, projects or workflow files; `-` is standard input
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// Judge by this pack, not by the project's list [repeatable]
    #[arg(long = "pack", value_name = "NAME", help_heading = "Judging")]
    packs: Vec<String>,
    #[command(flatten, next_help_heading = "Judging")]
    source: PackSource,
    /// Findings from here up give exit code 1
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = Level::Error, help_heading = "Judging")]
    severity: Level,
    /// Judge as on this day [default: the project's `as_of`, else today]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = date, help_heading = "Judging")]
    as_of: Option<Date>,
    /// Count waived findings, too
    #[arg(long, help_heading = "Judging")]
    no_waivers: bool,
    /// Alternatives of one datum a flow keeps apart; beyond, they are
    /// widened, which says so and never hides a finding
    #[arg(long, value_name = "N", default_value_t = DEFAULT_VARIANT_CAP, value_parser = at_least_one, help_heading = "Judging")]
    variant_cap: usize,
    /// Form of the report
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Format::Human, help_heading = "Output")]
    format: Format,
    /// Write the report to this file, whole or not at all
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
}

/// What one check gave, and for which project.
struct Checked {
    project: Option<String>,
    report: Report,
}

impl Check {
    /// Checks everything that was named.
    pub(super) fn run(&self, console: &Console) -> Done {
        let (targets, problems) = targets(&self.paths);
        let progress = Progress::start(console, "checking".to_owned());
        let judged: Vec<Checked> = judge::with_room(|| targets.par_iter().map(|target| self.judge(target)).collect())?;
        drop(progress);
        let checked = with_problems(judged, problems);

        let exits: Vec<Exit> = checked.iter().map(|c| self.exit(&c.report)).collect();
        let exit = exits.iter().copied().max().unwrap_or(Exit::NotJudged);
        let style = if self.output.is_some() { console.style_of_file() } else { console.style() };
        let text = match self.format {
            Format::Human => human(&checked, &exits, &style, console.quiet()),
            Format::Json => json(&checked, &style),
        };
        match &self.output {
            None => console.print(&text)?,
            Some(file) => {
                output::write(file, &text)?;
                if !console.quiet() {
                    console.tell(&format!("{}; the report is in `{}`", tally(&checked), super::console::shown(file)));
                }
            }
        }
        Ok(exit)
    }

    fn judge(&self, target: &Target) -> Checked {
        let limits = Limits::default();
        match target {
            Target::Project(named) => {
                let files = &named.files;
                let project =
                    Project::read_files(files.root.clone(), files.project.as_deref(), files.waivers.as_deref(), &files.flows, &limits);
                let mut report = crate::check(&project, &self.options());
                report.findings.retain(|f| named.covers(&f.primary.file.name));
                report.waived.retain(|f| named.covers(&f.primary.file.name));
                Checked { project: Some(targets::name(&files.root)), report }
            }
            Target::Stdin => {
                let project = stdin::project(&limits);
                Checked { project: Some("-".to_owned()), report: crate::check(&project, &self.options()) }
            }
        }
    }

    fn options(&self) -> Options {
        let selection = Selection {
            packs: self.packs.clone(),
            private: self.source.private.clone(),
            policies: self.source.policies.clone(),
            ..Selection::default()
        };
        Options {
            as_of: self.as_of,
            selection,
            replace_packs: !self.packs.is_empty(),
            waivers: !self.no_waivers,
            variant_cap: self.variant_cap,
            ..Options::on(today())
        }
    }

    fn exit(&self, report: &Report) -> Exit {
        let threshold = Severity::from(self.severity);
        if !report.problems.is_empty() {
            Exit::NotJudged
        } else if report.findings.iter().any(|f| f.severity >= threshold) {
            Exit::Findings
        } else {
            Exit::Clean
        }
    }
}

/// Puts what is wrong with the arguments where a reader sees it: into the only report, or into one of its own.
fn with_problems(mut checked: Vec<Checked>, problems: Vec<Problem>) -> Vec<Checked> {
    match checked.as_mut_slice() {
        _ if problems.is_empty() => {}
        [only] => {
            only.report.problems.extend(problems);
            only.report.problems.sort_by_cached_key(Problem::sort_key);
        }
        _ => checked.push(Checked { project: None, report: Report { problems, ..Report::default() } }),
    }
    checked
}

fn human(checked: &[Checked], exits: &[Exit], style: &Style, quiet: bool) -> String {
    let shown = checked.iter().zip(exits).filter(|(_, exit)| !quiet || **exit != Exit::Clean);
    let bar = if style.unicode { "──" } else { "==" };
    let mut text = String::new();
    for (one, _) in shown {
        if let (true, Some(name)) = (checked.len() > 1, &one.project) {
            text += &format!("{bar} {name} {bar}\n\n");
        }
        text += &report::render(&one.report, Format::Human, style);
        text += if checked.len() > 1 { "\n" } else { "" };
    }
    if checked.len() > 1 && !text.is_empty() {
        text += &format!("{}\n", tally(checked));
    }
    text
}

/// One report as it is; several in a list, each with its project.
fn json(checked: &[Checked], style: &Style) -> String {
    if let [only] = checked {
        return report::render(&only.report, Format::Json, style);
    }
    let one = |checked: &Checked| {
        let project = serde_json::Value::from(checked.project.clone());
        format!("{{ \"project\": {project}, \"report\":\n{} }}", report::render(&checked.report, Format::Json, style).trim_end())
    };
    format!("[\n{}\n]\n", checked.iter().map(one).collect::<Vec<_>>().join(",\n"))
}

/// All findings in one line.
fn tally(checked: &[Checked]) -> String {
    let of = |severity| checked.iter().flat_map(|c| &c.report.findings).filter(|f| f.severity == severity).count();
    let problems: usize = checked.iter().map(|c| c.report.problems.len()).sum();
    let projects = checked.iter().filter(|c| c.project.is_some()).count();
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

/// The clock is read here and nowhere else.
fn today() -> Date {
    Timestamp::now().to_zoned_datetime(TimeZone::UTC).date()
}

fn date(text: &str) -> Result<Date, String> {
    let date = if text.len() == "2026-07-01".len() { text.parse().ok() } else { None };
    date.ok_or_else(|| "a calendar date such as 2026-07-01".to_owned())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "a whole number, at least 1".to_owned())
}
