//! Report: what a check found, as text for people or as JSON for programs. It never filters, never judges and never picks the exit code.
//!
//! The same report renders to the same bytes. Names and the team's own declarations appear, values of data never do.

pub mod bundle;
pub mod draw;
mod github;
mod html;
mod human;
mod json;
mod junit;
mod lines;
mod markdown;
mod outputs;
mod plain;
mod sarif;
mod snippet;
mod summary;
mod text;

#[cfg(test)]
mod tests;

use crate::check::Report;

pub(crate) use self::text::{inert_json, is_hostile};

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Diagnostics with snippets, for people.
    #[default]
    Human,
    /// One document of `schemas/report.schema.json`, for programs.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Workflow commands of GitHub Actions: annotations.
    Github,
    /// A page for the summary of a pipeline step.
    Markdown,
    /// The same for a pull request, with a marker to find and update it by.
    Comment,
    /// JUnit XML, for other pipelines.
    Junit,
    /// One page for auditors, complete in itself.
    Html,
    /// `key=value` lines, as GITHUB_OUTPUT takes them.
    Outputs,
}

impl Format {
    /// It shows more than the findings, so that the check has to keep a record.
    #[must_use]
    pub fn needs_record(self) -> bool {
        matches!(self, Self::Sarif | Self::Markdown | Self::Comment | Self::Junit | Self::Html)
    }
}

/// How the human format is drawn; the caller knows the terminal, this module does not look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns to fit into.
    pub width: usize,
    /// Colours, as ANSI escape sequences.
    pub color: bool,
    /// Box-drawing characters and arrows; else ASCII.
    pub unicode: bool,
    /// Citations as terminal hyperlinks (OSC 8).
    pub links: bool,
}

impl Style {
    /// What a pipe or a file gets: ASCII, nothing but text.
    pub const PLAIN: Self = Self { width: 100, color: false, unicode: false, links: false };
}

impl Default for Style {
    fn default() -> Self {
        Self::PLAIN
    }
}

/// Renders a report; the text ends with a line break.
#[must_use]
pub fn render(report: &Report, format: Format, style: &Style) -> String {
    render_all(&[report], format, style)
}

/// Renders several reports, one for each project, into one text.
#[must_use]
pub fn render_all(reports: &[&Report], format: Format, style: &Style) -> String {
    match format {
        Format::Human => reports.iter().map(|r| human::render(r, style)).collect::<Vec<_>>().join("\n"),
        Format::Json => json::render(reports),
        Format::Sarif => sarif::render(reports),
        Format::Github => github::render(reports),
        Format::Markdown => markdown::render(reports, false),
        Format::Comment => markdown::render(reports, true),
        Format::Junit => junit::render(reports),
        Format::Html => html::render(reports),
        Format::Outputs => outputs::render(reports),
    }
}
