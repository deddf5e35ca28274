//! How to judge, for every subcommand that does.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

use super::{PackSource, targets};
use crate::check::{Options, Report, check};
use crate::load::{Limits, ProjectFiles};
use crate::packs::Selection;
use crate::problem::Problem;
use crate::project::Project;
use crate::propagate::DEFAULT_VARIANT_CAP;

/// No clock is right that is before this day.
const FIRST_DAY: Date = date(2026, 1, 1);

/// The arguments.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Judging")]
pub(super) struct Judging {
    /// Judge by this pack, not by the project's list [repeatable]
    #[arg(long = "pack", value_name = "NAME", help_heading = "Judging")]
    pub(super) packs: Vec<String>,
    #[command(flatten)]
    pub(super) source: PackSource,
    /// Judge as on this day [default: the project's `as_of`, else today]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day, help_heading = "Judging")]
    pub(super) as_of: Option<Date>,
    /// Count waived findings, too
    #[arg(long, help_heading = "Judging")]
    pub(super) no_waivers: bool,
    /// Alternatives of one datum a flow keeps apart; beyond, they are
    /// widened, which says so and never hides a finding
    #[arg(long, value_name = "N", default_value_t = DEFAULT_VARIANT_CAP, value_parser = at_least_one, help_heading = "Judging")]
    pub(super) variant_cap: usize,
}

impl Judging {
    /// The options of a check. The clock is asked only where neither the arguments nor the caller has a date.
    pub(super) fn options(&self, date: Option<Date>) -> Result<Options, Problem> {
        let selection = Selection {
            packs: self.packs.clone(),
            private: self.source.folders(),
            policies: self.source.policies.clone(),
            ..Selection::default()
        };
        Ok(Options {
            as_of: self.as_of,
            selection,
            replace_packs: !self.packs.is_empty(),
            waivers: !self.no_waivers,
            variant_cap: self.variant_cap,
            limits: self.source.limits(),
            ..Options::on(self.as_of.or(date).map_or_else(today, Ok)?)
        })
    }

    /// Judges one project as a whole.
    ///
    /// # Errors
    /// The clock cannot be right.
    pub(super) fn judge(&self, files: &ProjectFiles, record: bool) -> Result<Report, Problem> {
        let project = read(files, &self.source.limits());
        let mut report = check(&project, &Options { record, ..self.options(None)? });
        report.name = Some(targets::name(&files.root));
        report.folder = targets::folder_in_repository(&files.root);
        Ok(report)
    }
}

/// Reads the files of a project.
pub(super) fn read(files: &ProjectFiles, limits: &Limits) -> Project {
    let read = Project::read_files(files.root.clone(), files.project.as_deref(), files.waivers.as_deref(), &files.flows, limits);
    Project { notices: files.unread.clone(), ..read }
}

/// The clock is read here and nowhere else. By a clock that was never set no waiver has run out and every agreement still holds.
fn today() -> Result<Date, Problem> {
    let now = Timestamp::try_from(SystemTime::now()).ok().map(|now| now.to_zoned_datetime(TimeZone::UTC).date());
    now.filter(|day| *day >= FIRST_DAY).ok_or_else(|| {
        let said = now.map_or_else(|| "no date".to_owned(), |day| day.to_string());
        Problem::new("cli/clock", format!("the clock says {said}, which cannot be: there was no flowgate before {FIRST_DAY}"))
            .help("set the clock, or name the day of judging (`--as-of YYYY-MM-DD`)")
    })
}

fn day(text: &str) -> Result<Date, String> {
    let date = if text.len() == "2026-07-01".len() { text.parse().ok() } else { None };
    date.ok_or_else(|| "a calendar date such as 2026-07-01".to_owned())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "a whole number, at least 1".to_owned())
}
