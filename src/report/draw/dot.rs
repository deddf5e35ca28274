//! DOT, the language of Graphviz: plain labels, no HTML, no links.

use std::fmt::Write as _;

use super::Detail;
use super::scene::{Scene, Stop, rule_line, severity};
use crate::declare::NodeKind;
use crate::judge::Severity;
use crate::record::Diagram;

pub(super) fn draw(diagram: &Diagram, detail: Detail) -> String {
    let scene = Scene::of(diagram, detail);
    let mut out = String::from(
        "digraph flows {\n  rankdir=LR; charset=\"UTF-8\"; fontname=\"sans-serif\"; newrank=true; nodesep=0.4; ranksep=1.0;\n  \
         node [fontname=\"sans-serif\", fontsize=11, style=filled, fillcolor=\"white\"];\n  edge [fontname=\"sans-serif\", fontsize=9];\n",
    );
    for (n, zone) in scene.zones.iter().enumerate() {
        let style = if zone.class == "undeclared" { "dashed" } else { "solid" };
        let fill = if zone.class == "own" { "#eef6ff" } else { "#f6f1e7" };
        let _ = writeln!(out, "  subgraph cluster_{n} {{");
        let _ = writeln!(
            out,
            "    label={}; labeljust=l; style=\"filled,{style}\"; fillcolor=\"{fill}\"; color=\"#57606a\";",
            quoted([&zone.title])
        );
        for (n, stop) in scene.within(n) {
            let _ = writeln!(out, "    n{n} [{}];", node(stop));
        }
        out.push_str("  }\n");
    }
    for arrow in &scene.arrows {
        let rules: Vec<String> = arrow.rules.iter().map(|(s, rule)| rule_line(*s, rule)).collect();
        let style = if arrow.flow.implied { "dashed" } else { "solid" };
        let mark = severity(&arrow.flow.marks).map(|s| {
            let (color, width) = pen(s);
            format!(", color=\"{color}\", fontcolor=\"{color}\", penwidth={width}")
        });
        let _ = writeln!(
            out,
            "  n{} -> n{} [label={}, tooltip={}, style={style}{}];",
            arrow.from,
            arrow.to,
            quoted(rules.iter().chain(&arrow.data)),
            quoted(arrow.story.lines()),
            mark.unwrap_or_default()
        );
    }
    out.push_str("}\n");
    out
}

fn node(stop: &Stop<'_>) -> String {
    let shape = match stop.node.kind {
        NodeKind::Source => "cds",
        NodeKind::Step => "box",
        NodeKind::Endpoint => "hexagon",
        NodeKind::Store => "cylinder",
        NodeKind::Log => "note",
        NodeKind::Output => "oval",
        NodeKind::Reviewer => "house",
    };
    let rules: Vec<String> = stop.rules.iter().map(|(s, rule)| rule_line(*s, rule)).collect();
    let lines = std::iter::once(&stop.name).chain(&stop.about).chain(&rules);
    let style = if stop.node.implied { ", style=\"filled,dashed\"" } else { "" };
    let mark = severity(&stop.node.marks).map(|s| {
        let (color, width) = pen(s);
        format!(", color=\"{color}\", penwidth={width}")
    });
    format!("label={}, tooltip={}, shape={shape}{style}{}", quoted(lines), quoted(stop.story.lines()), mark.unwrap_or_default())
}

fn pen(severity: Severity) -> (&'static str, &'static str) {
    match severity {
        Severity::Error => ("#cf222e", "3.5"),
        Severity::Warning => ("#bc4c00", "2.5"),
        Severity::Note => ("#0969da", "1.8"),
    }
}

/// Lines as one quoted string. Backslashes are doubled because `\N` and the like stand for names, and ampersands are written as entities because
/// Graphviz reads entities in every label (graphviz.org/doc/info/lang.html, graphviz.org/docs/attr-types/escString).
fn quoted<S: AsRef<str>>(lines: impl IntoIterator<Item = S>) -> String {
    let escape = |line: S| line.as_ref().replace('\\', "\\\\").replace('"', "\\\"").replace('&', "&amp;");
    let lines: Vec<String> = lines.into_iter().map(escape).collect();
    format!("\"{}\"", lines.join("\\n"))
}
