//! Drawings of the flow graph: Mermaid, DOT and SVG. One diagram gives the same bytes whatever machine draws it; what is drawn was judged before.

mod dot;
mod mermaid;
mod scene;
mod svg;

use crate::record::Diagram;

/// How a diagram is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// A Mermaid flowchart, as Markdown viewers draw it.
    #[default]
    Mermaid,
    /// Graphviz.
    Dot,
    /// A picture that needs no other program.
    Svg,
}

/// How much is written on a diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detail {
    /// Labels of the data on the arrows, not their names alone.
    pub labels: bool,
}

/// Draws a diagram; the text ends with a line break.
#[must_use]
pub fn draw(diagram: &Diagram, form: Form, detail: Detail) -> String {
    match form {
        Form::Mermaid => mermaid::draw(diagram, detail),
        Form::Dot => dot::draw(diagram, detail),
        Form::Svg => svg::draw(diagram, detail),
    }
}
