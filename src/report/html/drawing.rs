//! The diagram of each workflow, and the same in words: what every flow carries. The drawing itself comes from [`crate::report::draw`].

use super::finding::details;
use super::write::Html;
use super::{Part, table};
use crate::record::{Datum, Diagram, Flow, Node, Record};
use crate::report::draw::{Detail, Form, draw as drawn};
use crate::report::text::count;

/// So many workflows are open from the start.
const OPEN: usize = 3;

/// The drawings of one project, in the order of its workflows: what stands between the style elements of each is allowed by its hash.
pub(super) fn drawings(record: &Record) -> Vec<(String, String)> {
    let draw = |w: &str| drawn(&record.diagram.of_workflow(w), Form::Svg, Detail { labels: true });
    record.diagram.workflows().into_iter().map(|w| (w.to_owned(), plain(&draw(w)))).collect()
}

/// Without an XML declaration, which HTML has none of.
fn plain(svg: &str) -> String {
    svg.find("<svg").and_then(|at| svg.get(at..)).unwrap_or_default().to_owned()
}

/// The texts of the style elements in a drawing.
pub(super) fn styles(svg: &str) -> impl Iterator<Item = &str> {
    svg.split("<style").skip(1).filter_map(|rest| rest.split_once('>')?.1.split_once("</style>")).map(|(style, _)| style)
}

/// Every workflow.
pub(super) fn draw(h: &mut Html, part: &Part<'_>, record: &Record) {
    for (n, (workflow, svg)) in part.drawings.iter().enumerate() {
        let diagram = record.diagram.of_workflow(workflow);
        let broken =
            diagram.flows.iter().filter(|f| !f.marks.is_empty()).count() + diagram.nodes.iter().filter(|d| !d.marks.is_empty()).count();
        let id = part.drawing(workflow).unwrap_or_default();
        let open: &[_] = if n < OPEN { &[("class", "workflow"), ("id", &id), ("open", "")] } else { &[("class", "workflow"), ("id", &id)] };
        h.element("details", open, |h| {
            h.element("summary", &[], |h| {
                h.word("code", &[], workflow);
                let rest = if broken == 0 { String::new() } else { format!(", {broken} with findings") };
                h.text(&format!(" — {}, {}{rest}", count(diagram.nodes.len(), "node"), count(diagram.flows.len(), "flow")));
            });
            if !svg.is_empty() {
                let label = format!("diagram of {workflow}");
                h.element("div", &[("class", "diagram"), ("data-name", workflow)], |h| {
                    h.element("div", &[("class", "canvas"), ("tabindex", "0"), ("role", "group"), ("aria-label", &label)], |h| {
                        h.trusted(svg)
                    });
                });
            }
            in_words(h, part, record, &diagram);
        });
    }
}

fn in_words(h: &mut Html, part: &Part<'_>, record: &Record, diagram: &Diagram) {
    details(h, "The same in words: flows", false, |h| {
        table(h, "flows", &["From", "To", "What crosses, and as what", "Findings"], |h| {
            diagram.flows.iter().for_each(|flow| one_flow(h, part, flow));
        });
    });
    details(h, "The same in words: nodes", false, |h| {
        table(h, "nodes", &["Node", "Kind", "Run by", "Service", "Fields, or what it removes", "Findings"], |h| {
            for node in &diagram.nodes {
                let number = record.diagram.nodes.iter().position(|n| n.key == node.key).unwrap_or_default();
                one_node(h, part, number, node);
            }
        });
    });
}

fn one_flow(h: &mut Html, part: &Part<'_>, flow: &Flow) {
    h.element("tr", &[("data-from", &flow.from), ("data-to", &flow.to)], |h| {
        h.element("th", &[("scope", "row")], |h| h.word("code", &[], &flow.from));
        h.element("td", &[], |h| {
            h.word("code", &[], &flow.to);
            if flow.implied {
                h.word("span", &[("class", "form")], " implied");
            }
        });
        h.element("td", &[], |h| {
            if flow.data.is_empty() {
                h.text("nothing");
            }
            h.element("ul", &[("class", "data")], |h| flow.data.iter().for_each(|datum| one_datum(h, datum)));
        });
        marks(h, part, flow.marks.iter().map(|m| (m.rule.as_str(), m.fingerprint.as_str())));
    });
}

fn one_datum(h: &mut Html, datum: &Datum) {
    h.element("li", &[], |h| {
        h.word("code", &[], &datum.name);
        h.text(&format!(" as {}: ", datum.form));
        let ways = datum.variants.iter().map(|v| v.labels.iter().chain(&v.classes).map(String::as_str).collect::<Vec<_>>().join(", "));
        let ways: Vec<String> = ways.map(|w| if w.is_empty() { "no label".to_owned() } else { w }).collect();
        h.text(&ways.join("; or "));
    });
}

fn one_node(h: &mut Html, part: &Part<'_>, number: usize, node: &Node) {
    h.element("tr", &[("data-key", &node.key), ("data-number", &number.to_string())], |h| {
        h.element("th", &[("scope", "row")], |h| h.word("code", &[], &node.id));
        let kind = node.kind.word();
        let kind = node.step_type.as_ref().map_or_else(|| kind.to_owned(), |step| format!("{kind} ({step})"));
        h.word("td", &[], &if node.implied { format!("{kind}, implied") } else { kind });
        h.word("td", &[], &format!("{} ({})", node.operator.as_deref().unwrap_or("nobody says"), node.relation));
        h.word("td", &[], node.service.as_deref().unwrap_or("—"));
        let fields = node.fields.iter().map(|(name, classes)| format!("{name}: {}", classes.join(", ")));
        let all: Vec<String> = fields.chain(node.removes.iter().map(|r| format!("removes {r}"))).collect();
        h.word("td", &[], &if all.is_empty() { "—".to_owned() } else { all.join("; ") });
        marks(h, part, node.marks.iter().map(|m| (m.rule.as_str(), m.fingerprint.as_str())));
    });
}

fn marks<'m>(h: &mut Html, part: &Part<'_>, marks: impl Iterator<Item = (&'m str, &'m str)>) {
    h.element("td", &[], |h| {
        h.element("ul", &[("class", "codes")], |h| {
            for (rule, fingerprint) in marks {
                let id = format!("#{}f-{fingerprint}", part.prefix);
                h.element("li", &[], |h| h.element("a", &[("href", &id)], |h| h.word("code", &[], rule)));
            }
        });
    });
}
