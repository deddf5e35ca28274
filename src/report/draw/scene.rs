//! What every drawing says of a diagram: trust zones, the lines in a node and on an arrow, the whole story for who points at it. Plain text, made
//! harmless for readers; each form escapes it for its own syntax.

use std::collections::{BTreeMap, BTreeSet};

use super::Detail;
use crate::judge::Severity;
use crate::record::{Datum, Diagram, Flow, LabelSetNames, Mark, Node};
use crate::report::Style;
use crate::report::text::{cut, few, safe};

/// Names in one line.
const NAMES: usize = 4;

/// Lines about data on one arrow.
const GROUPS: usize = 3;

/// Alternatives of one datum.
const ALTERNATIVES: usize = 3;

/// Classes of one alternative: free text may hold dozens.
const CLASSES: usize = 2;

/// Labels of one alternative.
const LABELS: usize = 4;

/// Rules on one arrow or node.
const RULES: usize = 3;

/// A diagram made ready to be drawn.
pub(super) struct Scene<'d> {
    /// The workflows it shows.
    pub workflows: Vec<String>,
    /// Trust zones that have nodes: the project's own first, where nobody says who operates last.
    pub zones: Vec<Zone>,
    /// Nodes in the order of the diagram.
    pub nodes: Vec<Stop<'d>>,
    /// Flows in the order of the diagram.
    pub arrows: Vec<Arrow<'d>>,
}

/// Who runs what.
pub(super) struct Zone {
    /// What stands over it.
    pub title: String,
    /// `own`, `outside` or `undeclared`.
    pub class: &'static str,
}

/// A node.
pub(super) struct Stop<'d> {
    /// The node.
    pub node: &'d Node,
    /// Its zone, by place in the list.
    pub zone: usize,
    /// Its name.
    pub name: String,
    /// What it is, one thing a line.
    pub about: Vec<String>,
    /// The rules it breaks, strongest first.
    pub rules: Vec<(Severity, String)>,
    /// Everything, over several lines.
    pub story: String,
}

/// A flow.
pub(super) struct Arrow<'d> {
    /// The flow.
    pub flow: &'d Flow,
    /// The node it leaves, by place in the list.
    pub from: usize,
    /// The node it enters.
    pub to: usize,
    /// What crosses, one group a line.
    pub data: Vec<String>,
    /// The rules it breaks, strongest first.
    pub rules: Vec<(Severity, String)>,
    /// Everything, over several lines.
    pub story: String,
}

impl<'d> Scene<'d> {
    pub(super) fn of(diagram: &'d Diagram, detail: Detail) -> Self {
        let of_nodes = diagram.nodes.iter().filter_map(|n| n.workflow.as_deref());
        let workflows: BTreeSet<&str> = of_nodes.chain(diagram.flows.iter().map(|f| f.workflow.as_str())).collect();
        let several = workflows.len() > 1;
        let keys: Vec<ZoneKey> = diagram.nodes.iter().map(ZoneKey::of).collect();
        let known: BTreeSet<&ZoneKey> = keys.iter().collect();
        let zones: Vec<Zone> = known.iter().map(|key| key.zone(diagram)).collect();
        let nodes: Vec<Stop<'d>> = diagram
            .nodes
            .iter()
            .zip(&keys)
            .map(|(node, key)| Stop {
                node,
                zone: known.iter().position(|k| *k == key).unwrap_or_default(),
                name: clean(&node.id),
                about: about(node, several),
                rules: rules(&node.marks),
                story: story_of_node(node),
            })
            .collect();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for (n, node) in diagram.nodes.iter().enumerate() {
            places.entry(&node.key).or_insert(n);
        }
        let arrow = |flow: &'d Flow| {
            Some(Arrow {
                flow,
                from: *places.get(flow.from.as_str())?,
                to: *places.get(flow.to.as_str())?,
                data: data(&flow.data, detail),
                rules: rules(&flow.marks),
                story: story_of_flow(flow),
            })
        };
        let workflows = workflows.into_iter().map(clean).collect();
        Self { workflows, zones, arrows: diagram.flows.iter().filter_map(arrow).collect(), nodes }
    }

    /// The nodes of a zone, with their places in the list.
    pub(super) fn within(&self, zone: usize) -> impl Iterator<Item = (usize, &Stop<'d>)> {
        self.nodes.iter().enumerate().filter(move |(_, stop)| stop.zone == zone)
    }
}

/// What tells zones apart, in the order they are drawn.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ZoneKey {
    Own,
    Outside(String, String),
    Undeclared,
}

impl ZoneKey {
    fn of(node: &Node) -> Self {
        match &node.operator {
            _ if node.is_self => Self::Own,
            Some(operator) => Self::Outside(operator.clone(), node.relation.clone()),
            None => Self::Undeclared,
        }
    }

    fn zone(&self, diagram: &Diagram) -> Zone {
        let (title, class) = match self {
            Self::Own => {
                let operators: BTreeSet<&str> = diagram.nodes.iter().filter(|n| n.is_self).filter_map(|n| n.operator.as_deref()).collect();
                let names: Vec<String> = operators.into_iter().map(clean).collect();
                let names = if names.is_empty() { String::new() } else { format!(": {}", few(&names, NAMES)) };
                (format!("run by the project{names}"), "own")
            }
            Self::Outside(operator, relation) => (format!("run by {} ({})", clean(operator), clean(relation)), "outside"),
            Self::Undeclared => ("operator not declared".to_owned(), "undeclared"),
        };
        Zone { title, class }
    }
}

/// Characters of one name: a longer one costs a name, not the drawing.
const NAME: usize = 200;

/// One line that cannot steer a terminal or change the order of what stands around it.
pub(super) fn clean(text: &str) -> String {
    let style = Style { unicode: true, ..Style::PLAIN };
    cut(&style, &safe(&style, text).split_whitespace().collect::<Vec<_>>().join(" "), NAME)
}

fn clean_all(texts: &[String]) -> Vec<String> {
    texts.iter().map(|t| clean(t)).collect()
}

fn about(node: &Node, several: bool) -> Vec<String> {
    let what = node.step_type.as_ref().or(node.service.as_ref()).map(|t| format!(": {}", clean(t))).unwrap_or_default();
    let implied = if node.implied { "implied " } else { "" };
    let mut lines = vec![format!("{implied}{}{what}", node.kind.word())];
    if let (Some(_), Some(service)) = (&node.step_type, &node.service) {
        lines.push(format!("service: {}", clean(service)));
    }
    if !node.removes.is_empty() {
        lines.push(format!("removes {}", few(&clean_all(&node.removes), NAMES)));
    }
    if several {
        lines.push(match &node.workflow {
            Some(workflow) => format!("in {}", clean(workflow)),
            None if node.workflows.is_empty() => "in no flow".to_owned(),
            None => format!("shared by {}", few(&clean_all(&node.workflows), 2)),
        });
    }
    lines
}

/// Each rule once, and how many there are besides the first few.
fn rules(marks: &[Mark]) -> Vec<(Severity, String)> {
    let mut all: Vec<(Severity, String)> = Vec::new();
    for mark in marks {
        let rule = rule(mark);
        if !all.iter().any(|(_, known)| *known == rule) {
            all.push((mark.severity, rule));
        }
    }
    if all.len() > RULES + 1 {
        let more = all.len() - RULES;
        all.truncate(RULES);
        let strongest = all.last().map_or(Severity::Note, |(s, _)| *s);
        all.push((strongest, format!("and {more} more rules")));
    }
    all
}

/// A rule's name, and whether it only lacks a fact.
fn rule(mark: &Mark) -> String {
    let undeclared = if mark.undeclared { " (undeclared)" } else { "" };
    format!("{}{undeclared}", clean(&mark.rule))
}

/// The strongest severity of a node or flow.
pub(super) fn severity(marks: &[Mark]) -> Option<Severity> {
    marks.iter().map(|m| m.severity).max()
}

/// Severity in a word, and the rule.
pub(super) fn rule_line(severity: Severity, rule: &str) -> String {
    if rule.starts_with("and ") { rule.to_owned() } else { format!("{}: {rule}", severity.word()) }
}

/// What crosses, shortened: names alone, or names with what they are and are held as.
fn data(data: &[Datum], detail: Detail) -> Vec<String> {
    let lines = if detail.labels { labelled(data) } else { forms(data) };
    let more = lines.len().saturating_sub(GROUPS + 1);
    let mut shown: Vec<String> = lines.iter().take(if more > 0 { GROUPS } else { GROUPS + 1 }).map(|(_, line)| line.clone()).collect();
    if more > 0 {
        let left: usize = lines.iter().skip(GROUPS).map(|(n, _)| n).sum();
        shown.push(format!("and {left} more"));
    }
    shown
}

/// Names by form: `mrn, note`, and `prompt of mrn, note`.
fn forms(data: &[Datum]) -> Vec<(usize, String)> {
    let mut of: BTreeMap<Option<&str>, BTreeSet<String>> = BTreeMap::new();
    for datum in data {
        of.entry(other_form(datum)).or_default().insert(name(datum, data));
    }
    of.into_iter().map(|(form, names)| (names.len(), listed(form, names))).collect()
}

/// One line for all data with the same form and alternatives: `mrn, note: regulated.a [held, as] | regulated.b`.
fn labelled(data: &[Datum]) -> Vec<(usize, String)> {
    let mut of: BTreeMap<(Option<&str>, String), BTreeSet<&LabelSetNames>> = BTreeMap::new();
    for datum in data {
        of.entry((other_form(datum), name(datum, data))).or_default().extend(&datum.variants);
    }
    let mut groups: Vec<(Option<&str>, BTreeSet<&LabelSetNames>, BTreeSet<String>)> = Vec::new();
    for ((form, name), variants) in of {
        match groups.iter_mut().find(|(f, known, _)| *f == form && *known == variants) {
            Some((.., names)) => {
                names.insert(name);
            }
            None => groups.push((form, variants, [name].into())),
        }
    }
    let line = |(form, variants, names): (Option<&str>, BTreeSet<&LabelSetNames>, BTreeSet<String>)| {
        let mut ways: Vec<String> = variants.iter().map(|v| written(v, CLASSES, LABELS)).collect();
        ways.dedup();
        let more = ways.len().saturating_sub(ALTERNATIVES);
        if more > 1 {
            ways.truncate(ALTERNATIVES);
            ways.push(format!("{more} more ways"));
        }
        (names.len(), format!("{}: {}", listed(form, names), ways.join(" | ")))
    };
    groups.into_iter().map(line).collect()
}

fn listed(form: Option<&str>, names: BTreeSet<String>) -> String {
    let names = few(&names.into_iter().collect::<Vec<_>>(), NAMES);
    form.map_or_else(|| names.clone(), |form| format!("{} of {names}", clean(form)))
}

/// The field, with its source where another source has one of that name on the same flow.
fn name(datum: &Datum, data: &[Datum]) -> String {
    let field = |datum: &Datum| datum.name.split_once('.').map_or_else(|| datum.name.clone(), |(_, field)| field.to_owned());
    let own = field(datum);
    let alone = data.iter().all(|other| other.name == datum.name || field(other) != own);
    clean(if alone { &own } else { &datum.name })
}

/// The form, unless it is the field itself.
fn other_form(datum: &Datum) -> Option<&str> {
    (!keeps_its_name(datum)).then_some(datum.form.as_str())
}

/// A datum that travels under the name its source gave it.
fn keeps_its_name(datum: &Datum) -> bool {
    datum.name.strip_suffix(&datum.form).is_some_and(|source| source.ends_with('.'))
}

/// Classes, and in brackets the labels.
fn written(set: &LabelSetNames, classes: usize, labels: usize) -> String {
    let classes = few(&clean_all(&set.classes), classes);
    let labels = few(&clean_all(&set.labels), labels);
    match (classes.is_empty(), labels.is_empty()) {
        (true, true) => "nothing known".to_owned(),
        (false, true) => classes,
        (true, false) => format!("[{labels}]"),
        (false, false) => format!("{classes} [{labels}]"),
    }
}

fn story_of_node(node: &Node) -> String {
    let mut lines = vec![clean(&node.id)];
    lines.extend(about(node, true));
    lines.push(match &node.operator {
        Some(operator) => format!("run by {} ({})", clean(operator), clean(&node.relation)),
        None => "operator not declared".to_owned(),
    });
    lines.extend(node.fields.iter().map(|(name, classes)| format!("{}: {}", clean(name), clean_all(classes).join(", "))));
    lines.extend(marks(&node.marks));
    lines.join("\n")
}

fn story_of_flow(flow: &Flow) -> String {
    let end = |key: &str| {
        let key = key.strip_prefix(flow.workflow.as_str()).and_then(|rest| rest.strip_prefix('/')).unwrap_or(key);
        clean(key)
    };
    let implied = if flow.implied { ", implied" } else { "" };
    let mut lines = vec![format!("{} → {} (in {}{implied})", end(&flow.from), end(&flow.to), clean(&flow.workflow))];
    lines.extend(marks(&flow.marks));
    for datum in &flow.data {
        let form = if keeps_its_name(datum) { String::new() } else { format!(" as {}", clean(&datum.form)) };
        let surface = if datum.surface.is_empty() { String::new() } else { format!(" ({})", clean(&datum.surface)) };
        let ways: Vec<String> = datum.variants.iter().map(|v| written(v, usize::MAX - 1, usize::MAX - 1)).collect();
        lines.push(format!("{}{form}{surface}: {}", clean(&datum.name), ways.join(" | ")));
    }
    lines.join("\n")
}

fn marks(marks: &[Mark]) -> Vec<String> {
    let mut lines: Vec<String> = marks.iter().map(|m| format!("{}: {}", m.severity.word(), rule(m))).collect();
    lines.dedup();
    lines
}
