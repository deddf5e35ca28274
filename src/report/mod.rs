//! Report: what a check found, as text for people or as JSON for programs. It never filters, never judges and never picks the exit code.
//!
//! The same report renders to the same bytes. Names and the team's own declarations appear, values of data never do.

mod human;
mod json;
mod lines;
mod snippet;
mod text;

#[cfg(test)]
mod tests;

use crate::check::Report;

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Diagnostics with snippets, for people.
    #[default]
    Human,
    /// One document of `schemas/report.schema.json`, for programs.
    Json,
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
    match format {
        Format::Human => human::render(report, style),
        Format::Json => json::render(report),
    }
}
