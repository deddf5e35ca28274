//! How to judge, for every subcommand that does.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{PackSource, targets};
use crate::check::{Options, Report, check};
use crate::load::{Limits, ProjectFiles};
use crate::packs::Selection;
use crate::project::Project;
use crate::propagate::DEFAULT_VARIANT_CAP;

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
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = date, help_heading = "Judging")]
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
    /// The options of a check.
    pub(super) fn options(&self) -> Options {
        let selection = Selection {
            packs: self.packs.clone(),
            private: self.source.folders(),
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

    /// Judges one project as a whole.
    pub(super) fn judge(&self, files: &ProjectFiles, record: bool) -> Report {
        let project = read(files);
        let mut report = check(&project, &Options { record, ..self.options() });
        report.name = Some(targets::name(&files.root));
        report.folder = targets::folder_in_repository(&files.root);
        report
    }
}

/// Reads the files of a project.
pub(super) fn read(files: &ProjectFiles) -> Project {
    Project::read_files(files.root.clone(), files.project.as_deref(), files.waivers.as_deref(), &files.flows, &Limits::default())
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
