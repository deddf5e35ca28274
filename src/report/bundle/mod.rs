//! The evidence bundle: what one check saw, asked and found, as files an auditor keeps. It says what was checked, never that a law is met.
//!
//! The same project, packs and date give the same bytes: no clock, no machine, no absolute path is in any of them.

mod csv;
mod json;
mod page;
mod tables;

use std::collections::BTreeMap;

use crate::check::Report;
use crate::load::sha256;
use crate::record::{RuleRecord, Tally};

/// The sums over the other files, as `sha256sum --check` reads them.
const SUMS: &str = "SHA256SUMS";

/// What the check itself does not know: where the project comes from and how it was run.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    /// Where the date of judging comes from.
    pub dated_by: DatedBy,
    /// The commit the project was checked out of; none outside a repository.
    pub commit: Option<CommitFacts>,
    /// The command that gives the same bundle, as seen from the top of the repository.
    pub command: String,
    /// Legal roles as the project declares them.
    pub roles: Vec<String>,
    /// Workflow files in order.
    pub workflows: Vec<WorkflowFacts>,
}

/// Where a date comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DatedBy {
    /// `--as-of`.
    Argument,
    /// The project file's `as_of`.
    Project,
    /// The day of the commit, in UTC.
    Commit,
    /// The day of the run, in UTC: another day may give another bundle.
    #[default]
    Clock,
}

impl DatedBy {
    fn word(self) -> &'static str {
        match self {
            Self::Argument => "argument",
            Self::Project => "project",
            Self::Commit => "commit",
            Self::Clock => "clock",
        }
    }

    fn phrase(self) -> &'static str {
        match self {
            Self::Argument => "the argument `--as-of`",
            Self::Project => "`as_of` in the project file",
            Self::Commit => "the day of the commit, in UTC",
            Self::Clock => "the day of the run, in UTC: on another day the result can differ",
        }
    }
}

/// The commit, and how the inputs stand to it.
#[derive(Clone, Debug, Default)]
pub struct CommitFacts {
    /// Its id, in hexadecimal.
    pub id: String,
    /// Its day, in UTC.
    pub date: String,
    /// For each input, by name, whether the commit has it with the same bytes; also inputs that only the commit has.
    pub inputs: BTreeMap<String, InCommit>,
}

impl CommitFacts {
    fn differing(&self) -> impl Iterator<Item = (&str, InCommit)> {
        self.inputs.iter().filter(|(_, state)| **state != InCommit::Same).map(|(name, state)| (name.as_str(), *state))
    }
}

/// An input beside the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InCommit {
    /// The same bytes.
    Same,
    /// Other bytes.
    Changed,
    /// The commit does not have it.
    Added,
    /// Only the commit has it.
    Gone,
}

impl InCommit {
    fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Changed => "changed",
            Self::Added => "added",
            Self::Gone => "gone",
        }
    }
}

/// A workflow file.
#[derive(Clone, Debug, Default)]
pub struct WorkflowFacts {
    /// The workflow's id.
    pub id: String,
    /// Its file.
    pub file: String,
    /// The stage it declares.
    pub stage: Option<String>,
}

/// The files of the bundle by name, the sums last.
#[must_use]
pub fn files(report: &Report, circumstances: &Circumstances) -> Vec<(&'static str, String)> {
    let mut files = vec![
        ("coverage.csv", tables::coverage(report)),
        ("evidence.json", json::write(report, circumstances)),
        ("evidence.md", page::write(report, circumstances)),
        ("findings.csv", tables::findings(report)),
        ("inputs.csv", tables::inputs(report, circumstances)),
    ];
    let sums: String = files.iter().map(|(name, text)| format!("{}  {name}\n", sha256(text.as_bytes()))).collect();
    files.push((SUMS, sums));
    files
}

/// What came of a rule in a workflow, in one word: the worst.
fn verdict(tally: &Tally) -> &'static str {
    match () {
        () if tally.violations > 0 => "violation",
        () if tally.undeclared > 0 => "undeclared",
        () if tally.waived > 0 => "waived",
        () => "silent",
    }
}

/// What was asked and is in no finding; at least, since one finding can stand for several places.
fn silent(tally: &Tally) -> usize {
    tally.asked.saturating_sub(tally.violations + tally.undeclared + tally.waived)
}

/// Rules that applied to nothing here.
fn never_applied(rules: &[RuleRecord]) -> impl Iterator<Item = &RuleRecord> {
    rules.iter().filter(|r| r.workflows.is_empty())
}

/// The row of a pack's page that names its edition.
fn edition(pack: &crate::record::PackRecord) -> Option<&str> {
    let page = &pack.page.as_ref()?.text;
    let row = page.lines().find_map(|line| line.strip_prefix("| edition |"))?;
    Some(row.trim().trim_end_matches('|').trim())
}
