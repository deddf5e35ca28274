//! `flowgate baseline`: writes the findings of today into a file, once; from then on it can only shrink.

use std::io::ErrorKind;
use std::path::PathBuf;

use super::console::{Console, shown};
use super::judging::Judging;
use super::output;
use super::targets::{Target, project_of};
use super::{Done, Exit};
use crate::check::Report;
use crate::compare::Baseline;
use crate::judge;
use crate::problem::{Problem, why};

/// Where the baseline lies unless somebody says otherwise.
const FILE: &str = "flowgate.baseline.json";

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
For a repository that had findings before it had flowgate. The first run writes
what is found today; `flowgate check --baseline FILE` marks these findings, never
hides them, and counts only what is new or has grown. Every later run takes out
what is mended and adds nothing: to accept more, write a waiver.

Exit codes: 0 written, 2 could not judge; nothing is written then.

Examples:
  flowgate baseline
  flowgate check --baseline flowgate.baseline.json")]
pub(super) struct BaselineCommand {
    /// A project
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// The baseline file
    #[arg(long, short, value_name = "FILE", default_value = FILE, help_heading = "Output")]
    output: PathBuf,
    #[command(flatten, next_help_heading = "Judging")]
    judging: Judging,
}

impl BaselineCommand {
    /// Writes the file, or takes out of it what is mended.
    pub(super) fn run(&self, console: &Console) -> Done {
        let report = self.report()?;
        if !report.problems.is_empty() {
            console.refuse(&report.problems);
            return Err(Problem::new(
                "baseline/not-judged",
                "a baseline is made of what was judged as a whole, and something could not be",
            )
            .help("solve the problems above first; nothing was written"));
        }
        // A file of which nobody can tell whether it is there is not taken for a first one, which accepts everything.
        let first = match self.output.symlink_metadata() {
            Ok(_) => false,
            Err(error) if error.kind() == ErrorKind::NotFound => true,
            Err(error) => {
                return Err(Problem::new(
                    "baseline/unreadable",
                    format!("cannot read the baseline `{}`: {}", shown(&self.output), why(&error)),
                )
                .help("name a file in a folder that exists and that you may read"));
            }
        };
        let said = if first {
            let new = Baseline::of(&report);
            output::write_first(&self.output, &new.text())?;
            format!("{} findings are in it", new.len())
        } else {
            let (shrunk, kept) = Baseline::read(&self.output, &self.judging.source.limits())?.shrunk(&report);
            let outside = match kept.outside {
                0 => String::new(),
                n => format!("; {n} others are not in it and count"),
            };
            output::write(&self.output, &shrunk.text())?;
            format!("{} stay, {} are mended and left{outside}", kept.kept, kept.gone)
        };
        if !console.quiet() {
            console.tell(&format!("`{}`: {said}", shown(&self.output)));
        }
        Ok(Exit::Clean)
    }

    fn report(&self) -> Result<Report, Problem> {
        let (targets, problems) = project_of(&self.path);
        if let Some(problem) = problems.into_iter().next() {
            return Err(problem);
        }
        match targets.as_slice() {
            [Target::Project(named)] if named.only.is_none() => judge::with_room(|| self.judging.judge(&named.files, false))?,
            _ => Err(Problem::new("baseline/one-project", format!("`{}` is not one whole project", shown(&self.path)))
                .help("name the folder of one project: each has a baseline of its own")),
        }
    }
}
