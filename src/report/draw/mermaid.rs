//! A Mermaid flowchart that a Markdown viewer draws by itself. It carries no links, no directives and no HTML but line breaks.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Detail;
use super::scene::{Arrow, Scene, Stop, rule_line, severity};
use crate::declare::NodeKind;
use crate::judge::Severity;
use crate::record::Diagram;

/// Characters a viewer takes unless told otherwise: `maxTextSize`, 50,000 by default
/// (mermaid.js.org/config/schema-docs/config-properties-maxtextsize.html), less room for the note on what was left out.
const CHARACTERS: usize = 49_000;

/// Flows a viewer takes: `maxEdges`, 500 by default (mermaid.js.org/config/schema-docs/config-properties-maxedges.html).
const FLOWS: usize = 500;

/// How much is drawn when all of it is too much.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Amount {
    data: bool,
    flows: usize,
    nodes: usize,
}

pub(super) fn draw(diagram: &Diagram, detail: Detail) -> String {
    let all = Amount { data: true, flows: FLOWS, nodes: usize::MAX };
    let full = Scene::of(diagram, detail);
    let text = written(&full, all, "");
    if fits(&text) && full.arrows.len() <= FLOWS {
        return text;
    }
    let bare = Scene::of(diagram, Detail { labels: false });
    let mut amount = all;
    let mut said = if detail.labels { "labels are left out" } else { "" }.to_owned();
    loop {
        let missing = bare.arrows.len().saturating_sub(amount.flows);
        let left_out = if missing > 0 { format!("{} flows of {}", missing, bare.arrows.len()) } else { String::new() };
        let note = [said.as_str(), &left_out].into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(", ");
        let text = written(&bare, amount, &note);
        if fits(&text) || amount.flows == 0 && amount.nodes == 0 {
            return text;
        }
        if amount.data {
            amount.data = false;
            said = "data and labels are left out".to_owned();
        } else {
            amount.flows = amount.flows.min(bare.arrows.len()) / 2;
            amount.nodes = amount.nodes.min(bare.nodes.len()) / 2;
            said = format!("data, labels and some nodes are left out of {} nodes", bare.nodes.len());
        }
    }
}

fn fits(text: &str) -> bool {
    text.chars().count() <= CHARACTERS
}

/// What breaks a rule is kept before anything else.
fn kept<'s>(scene: &'s Scene<'_>, amount: Amount) -> (BTreeSet<usize>, Vec<&'s Arrow<'s>>) {
    let mut arrows: Vec<(usize, &Arrow<'_>)> = scene.arrows.iter().enumerate().collect();
    arrows.sort_by_key(|(n, arrow)| (std::cmp::Reverse(severity(&arrow.flow.marks)), *n));
    arrows.truncate(amount.flows);
    arrows.sort_by_key(|(n, _)| *n);
    let arrows: Vec<&Arrow<'_>> = arrows.into_iter().map(|(_, arrow)| arrow).collect();
    let ends = arrows.iter().flat_map(|a| [a.from, a.to]);
    let mut nodes: BTreeSet<usize> = ends.collect();
    let mut rest: Vec<usize> = (0..scene.nodes.len()).filter(|n| !nodes.contains(n)).collect();
    rest.sort_by_key(|n| (std::cmp::Reverse(scene.nodes.get(*n).and_then(|s| severity(&s.node.marks))), *n));
    nodes.extend(rest.into_iter().take(amount.nodes));
    (nodes, arrows)
}

fn written(scene: &Scene<'_>, amount: Amount, left_out: &str) -> String {
    let (nodes, arrows) = kept(scene, amount);
    let mut out = String::from("flowchart LR\n");
    let mut put = |line: &str| {
        out.push_str(line);
        out.push('\n');
    };
    if !left_out.is_empty() {
        put(&format!("%% {left_out}: the drawing would be larger than viewers take"));
        put(&format!("  left-out[\"{}\"]", label(&format!("not all is drawn: {left_out}"))));
    }
    for (n, zone) in scene.zones.iter().enumerate() {
        let stops: Vec<(usize, &Stop<'_>)> = scene.within(n).filter(|(n, _)| nodes.contains(n)).collect();
        if stops.is_empty() {
            continue;
        }
        put(&format!("  subgraph z{n}[\"{}\"]", label(&zone.title)));
        for (n, stop) in stops {
            put(&format!("    {}", node(n, stop)));
        }
        put("  end");
    }
    let mut styles = String::new();
    for (n, arrow) in arrows.iter().enumerate() {
        let worst = severity(&arrow.flow.marks);
        let line = match (arrow.flow.implied, worst) {
            (true, _) => "-.->",
            (false, Some(Severity::Error)) => "==>",
            (false, _) => "-->",
        };
        let rules = arrow.rules.iter().map(|(s, rule)| rule_line(*s, rule));
        let data = arrow.data.iter().filter(|_| amount.data).cloned();
        let lines: Vec<String> = rules.chain(data).map(|l| label(&l)).collect();
        let text = if lines.is_empty() { String::new() } else { format!("|\"{}\"|", lines.join("<br/>")) };
        put(&format!("  n{} {line}{text} n{}", arrow.from, arrow.to));
        if let Some(worst) = worst {
            let (color, width) = stroke(worst);
            let _ = writeln!(styles, "  linkStyle {n} stroke:{color},stroke-width:{width}px");
        }
    }
    out.push_str(&styles);
    for class in ["own", "outside", "undeclared"] {
        let of: Vec<String> = scene
            .zones
            .iter()
            .enumerate()
            .filter(|(n, z)| z.class == class && scene.within(*n).any(|(m, _)| nodes.contains(&m)))
            .map(|(n, _)| format!("z{n}"))
            .collect();
        let style = match class {
            "own" => "fill:none,stroke:#57606a",
            "outside" => "fill:none,stroke:#57606a,stroke-width:2px",
            _ => "fill:none,stroke:#57606a,stroke-width:2px,stroke-dasharray:2 3",
        };
        of.iter().for_each(|zone| {
            let _ = writeln!(out, "  style {zone} {style}");
        });
    }
    for n in &nodes {
        let Some(stop) = scene.nodes.get(*n) else { continue };
        let dashed = if stop.node.implied { "stroke-dasharray:5 4" } else { "" };
        let marked = severity(&stop.node.marks).map(|s| format!("stroke:{},stroke-width:{}px", stroke(s).0, stroke(s).1));
        let style: Vec<&str> = marked.as_deref().into_iter().chain((!dashed.is_empty()).then_some(dashed)).collect();
        if !style.is_empty() {
            let _ = writeln!(out, "  style n{n} {}", style.join(","));
        }
    }
    out
}

fn stroke(severity: Severity) -> (&'static str, u8) {
    match severity {
        Severity::Error => ("#cf222e", 4),
        Severity::Warning => ("#bc4c00", 3),
        Severity::Note => ("#0969da", 2),
    }
}

/// A node in the shape of its kind.
fn node(n: usize, stop: &Stop<'_>) -> String {
    let (open, close) = match stop.node.kind {
        NodeKind::Source => ("[/", "/]"),
        NodeKind::Step => ("(", ")"),
        NodeKind::Endpoint => ("{{", "}}"),
        NodeKind::Store => ("[(", ")]"),
        NodeKind::Log => ("[[", "]]"),
        NodeKind::Output => ("([", "])"),
        NodeKind::Reviewer => ("[/", "\\]"),
    };
    let rules = stop.rules.iter().map(|(s, rule)| rule_line(*s, rule));
    let about = stop.about.iter().cloned().chain(rules).map(|l| label(&l));
    let lines: Vec<String> = std::iter::once(label(&stop.name)).chain(about).collect();
    format!("n{n}{open}\"{}\"{close}", lines.join("<br/>"))
}

/// Text inside quotation marks, with entity codes for what Mermaid, Markdown or HTML would read as more than text
/// (mermaid.js.org/syntax/flowchart.html, "entity codes to escape characters").
fn label(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // A line that starts with a digit or a dash would be a list.
    let mut first = true;
    for c in text.chars() {
        let plain =
            c.is_ascii_alphabetic() || (!first && (c.is_ascii_digit() || " .,-/()+".contains(c) || (!c.is_ascii() && c.is_alphanumeric())));
        if plain || (!first && c == ':') {
            out.push(c);
        } else {
            let _ = write!(out, "#{};", u32::from(c));
        }
        first = false;
    }
    // An address or a mailbox would become a link.
    out.replace("://", "#58;//").replace("www.", "www#46;")
}
