//! The outputs format: `key=value` lines, as GITHUB_OUTPUT takes them, summed over the reports. Values are numbers and never a name, so that no
//! declaration can add a line or an output.

use super::plain::Counts;
use crate::check::Report;

pub(super) fn render(reports: &[&Report]) -> String {
    let counts = Counts::of(reports);
    let lines = [
        ("findings", counts.findings()),
        ("errors", counts.errors),
        ("warnings", counts.warnings),
        ("notes", counts.notes),
        ("problems", counts.problems),
        ("waived", counts.waived),
        ("new", counts.new),
        ("worsened", counts.worsened),
        ("fixed", counts.fixed),
        ("unchanged", counts.unchanged),
        ("baseline", counts.baseline),
        ("gate", reports.iter().map(|r| r.notices.len() - r.other_notices().count()).sum()),
    ];
    lines.iter().map(|(key, value)| format!("{key}={value}\n")).collect()
}
