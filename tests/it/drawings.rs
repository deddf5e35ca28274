//! Drawings in three forms: everything is there, marks stand where rules are broken and nowhere else, names stay names, and nothing lies on anything.

use std::process::Command;
use std::sync::Arc;

use flowgate::declare::NodeKind;
use flowgate::judge::Severity;
use flowgate::load::Limits;
use flowgate::problem::{Place, SourceFile, Span};
use flowgate::record::{Datum, Diagram, Flow, LabelSetNames, Mark, Node};
use flowgate::report::draw::{Detail, Form, draw};
use flowgate::{Options, Project};

use crate::common::{judged, options, projects, root};

const FULL: Detail = Detail { labels: true };
const NAMES: Detail = Detail { labels: false };
const FORMS: [Form; 3] = [Form::Mermaid, Form::Dot, Form::Svg];

/// Names that mean something to a terminal, XML, Mermaid, DOT, Markdown or a spreadsheet.
const HOSTILE: [&str; 22] = [
    "<script>alert(1)</script>",
    "a]]>b",
    "::error::x",
    "=cmd()",
    "new\nline",
    "pi|pe",
    "back`tick`",
    "\u{1b}[31mred",
    "\u{202e}rtl",
    "\"quoted\"",
    "back\\N\\l\\",
    "&lt;b&gt; &amp; #quot; #35;",
    "%%{init: {\"theme\":\"dark\"}}%%",
    "end",
    "1. list",
    "- dash",
    "click n0 href \"https://evil.example\"",
    "https://evil.example/x www.evil.example a@b.c",
    "*bold* _em_ $$x$$ ~~s~~",
    "日本語の名前",
    "\u{fffe}\u{0}{{x}} [y] (z)<br/>",
    "a-name-without-any-blank-that-is-much-longer-than-any-box-or-arrow-could-ever-have-room-for",
];

/// Advance widths of DejaVu Sans, in hundredths of the size, from the blank on: one of the widest fonts in common use.
const REGULAR: [u8; 95] = [
    32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 34, 34, 84, 84, 84, 53, 100,
    68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79, 60, 79, 69, 63, 61, 73, 68, 99, 69, 61, 69, 39, 34, 39, 84, 50, 50, 61, 63,
    55, 63, 62, 35, 63, 63, 28, 28, 58, 28, 97, 63, 61, 63, 63, 41, 52, 39, 63, 59, 82, 59, 59, 52, 64, 34, 64, 84,
];
const BOLD: [u8; 95] = [
    35, 46, 52, 84, 70, 100, 87, 31, 46, 46, 52, 84, 38, 42, 38, 37, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 40, 40, 84, 84, 84, 58, 100,
    77, 76, 73, 83, 68, 68, 82, 84, 37, 37, 77, 64, 100, 84, 85, 73, 85, 77, 72, 68, 81, 77, 110, 77, 72, 73, 46, 37, 46, 84, 50, 50, 67,
    72, 59, 72, 68, 44, 72, 71, 34, 34, 67, 34, 104, 71, 69, 72, 72, 49, 60, 48, 71, 65, 92, 65, 65, 58, 71, 37, 71, 84,
];

fn diagram(project: &Project) -> Diagram {
    let report = judged(project, &Options { record: true, ..options() });
    report.record.unwrap().diagram
}

fn each(mut test: impl FnMut(&str, &Diagram)) {
    for folder in projects("examples") {
        let name = folder.strip_prefix(root()).unwrap().display().to_string();
        test(&name, &diagram(&Project::read(&folder, &Limits::default())));
    }
}

fn place() -> Place {
    Place::new(&Arc::new(SourceFile { name: "a.flow.yaml".to_owned(), text: String::new() }), Span::default(), "")
}

/// Numbers that look like chance and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n.max(1)
    }

    fn marks(&mut self, one_in: usize) -> Vec<Mark> {
        let rules = ["pack/first", "pack/second.code", "another/a-rule-with-a-long-name.and-code", "x/y", "x/z"];
        let severities = [Severity::Error, Severity::Warning, Severity::Note];
        let count = if self.below(one_in) == 0 { 1 + self.below(5) } else { 0 };
        let mut marks: Vec<Mark> = (0..count)
            .map(|n| Mark {
                rule: rules[n].to_owned(),
                severity: severities[self.below(3)],
                undeclared: n == 1,
                fingerprint: format!("f{n}"),
            })
            .collect();
        marks.sort_by_key(|m| std::cmp::Reverse(m.severity));
        marks
    }
}

/// A graph of `nodes` nodes: flows anywhere, circles and loops too, or mostly onwards as in real projects.
fn made_up(seed: u64, nodes: usize, onwards: bool, hostile: bool) -> Diagram {
    let mut dice = Dice(seed);
    let mut count = 0;
    let mut named = |plain: String| {
        count += 1;
        if hostile { HOSTILE[count % HOSTILE.len()].to_owned() } else { plain }
    };
    let mut diagram = Diagram::default();
    for n in 0..nodes {
        let kind = if onwards { NodeKind::ALL[n * 7 / nodes] } else { NodeKind::ALL[dice.below(7)] };
        let zone = if dice.below(3) == 0 { dice.below(6) } else { 0 };
        diagram.nodes.push(Node {
            key: format!("w/n{n}"),
            id: named(format!("{}-{n}", kind.word())),
            kind,
            workflow: Some("w".to_owned()),
            workflows: vec!["w".to_owned()],
            operator: (zone != 5).then(|| named(format!("party-{zone}"))),
            relation: if zone == 0 { "self".to_owned() } else { named("processor".to_owned()) },
            is_self: zone == 0,
            service: (kind == NodeKind::Endpoint).then(|| named("vendor/service".to_owned())),
            step_type: (kind == NodeKind::Step).then(|| named("redact".to_owned())),
            removes: if kind == NodeKind::Step { vec![named("id.name".to_owned()), named("id.mrn".to_owned())] } else { Vec::new() },
            implied: dice.below(10) == 0,
            fields: Vec::new(),
            place: place(),
            marks: dice.marks(6),
        });
    }
    let flows = if nodes == 0 { 0 } else { nodes + nodes / 3 };
    for n in 0..flows {
        let (from, to) = if onwards && nodes > 1 {
            let to = 1 + n % (nodes - 1);
            (to.saturating_sub(1 + dice.below(nodes / 5)), to)
        } else {
            (dice.below(nodes), dice.below(nodes))
        };
        let data = (0..dice.below(5)).map(|d| Datum {
            name: named(format!("records.field_{d}")),
            form: named(if dice.0.is_multiple_of(3) { "prompt".to_owned() } else { format!("field_{d}") }),
            surface: named("body".to_owned()),
            variants: (0..1 + d % 3)
                .map(|v| LabelSetNames { classes: vec![named(format!("some.class.{v}"))], labels: vec![named("held".to_owned())] })
                .collect(),
        });
        let data = data.collect();
        diagram.flows.push(Flow {
            from: format!("w/n{from}"),
            to: format!("w/n{to}"),
            workflow: "w".to_owned(),
            implied: dice.below(8) == 0,
            data,
            place: place(),
            marks: dice.marks(6),
        });
    }
    diagram
}

// ---- reading drawings

/// An element of an SVG: its name, attributes and text.
#[derive(Clone, Debug, Default)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn get(&self, name: &str) -> &str {
        self.attributes.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    fn is(&self, class: &str) -> bool {
        self.get("class").split(' ').any(|c| c == class)
    }

    fn of(&self, class: &str) -> Vec<&Element> {
        self.children.iter().filter(|c| c.is(class)).collect()
    }

    /// Left, top, right, bottom.
    fn bounds(&self) -> [f64; 4] {
        let n: Vec<f64> = self.get("data-box").split(' ').map(|n| n.parse().unwrap()).collect();
        [n[0], n[1], n[0] + n[2], n[1] + n[3]]
    }

    fn title(&self) -> &str {
        self.children.iter().find(|c| c.name == "title").map_or("", |t| &t.text)
    }
}

/// Reads strict XML as far as the drawings use it; anything else fails.
fn xml(text: &str) -> Element {
    let decode = |text: &str| {
        let mut parts = text.split('&');
        let mut out = parts.next().unwrap().to_owned();
        for part in parts {
            let (entity, rest) = part.split_once(';').unwrap_or_else(|| panic!("a bare ampersand before {part:?}"));
            out.push(match entity {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                number => char::from_u32(number.strip_prefix('#').unwrap().parse().unwrap()).unwrap(),
            });
            out.push_str(rest);
        }
        out
    };
    for c in text.chars() {
        assert!(c == '\n' || (c >= ' ' && !matches!(c, '\u{7f}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{fffe}' | '\u{ffff}')), "{c:?}");
    }
    let mut stack = vec![Element::default()];
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        stack.last_mut().unwrap().text += &decode(before);
        let (tag, after) = after.split_once('>').unwrap();
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            let done = stack.pop().unwrap();
            assert_eq!(done.name, name);
            stack.last_mut().unwrap().children.push(done);
            continue;
        }
        let (body, closed) = tag.strip_suffix('/').map_or((tag, false), |body| (body, true));
        let (name, mut list) = body.split_once(' ').unwrap_or((body, ""));
        let mut element = Element { name: name.to_owned(), ..Element::default() };
        while !list.is_empty() {
            let (key, after) = list.split_once("=\"").unwrap_or_else(|| panic!("attributes {list:?}"));
            let (value, after) = after.split_once('"').unwrap();
            element.attributes.push((key.to_owned(), decode(value)));
            list = after.trim_start();
        }
        if closed { stack.last_mut().unwrap().children.push(element) } else { stack.push(element) }
    }
    let mut top = stack.pop().unwrap();
    assert!(stack.is_empty() && top.children.len() == 1 && rest.trim().is_empty(), "not one whole element");
    top.children.pop().unwrap()
}

/// The arrows of a Mermaid drawing, in order.
fn mermaid_arrows(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|l| l.starts_with("  n") && (l.contains(" --> ") || l.contains(" ==>") || l.contains(" -->|") || l.contains(" -.->")))
        .collect()
}

fn mermaid_nodes(text: &str) -> Vec<&str> {
    text.lines().filter(|l| l.starts_with("    n")).collect()
}

fn dot_arrows(text: &str) -> Vec<&str> {
    text.lines().filter(|l| l.starts_with("  n") && l.split(' ').nth(3) == Some("->")).collect()
}

fn dot_nodes(text: &str) -> Vec<&str> {
    text.lines().filter(|l| l.starts_with("    n") && l.contains(" [label=")).collect()
}

fn width(text: &str, size: f64, bold: bool) -> f64 {
    let table = if bold { BOLD } else { REGULAR };
    let em = |c: char| (c as usize).checked_sub(32).and_then(|n| table.get(n)).map_or(100.0, |n| f64::from(*n));
    text.chars().map(em).sum::<f64>() / 100.0 * size
}

fn overlap(a: [f64; 4], b: [f64; 4]) -> bool {
    let wide = |r: [f64; 4]| r[2] > r[0] && r[3] > r[1];
    wide(a) && wide(b) && a[0] + 0.15 < b[2] && b[0] + 0.15 < a[2] && a[1] + 0.15 < b[3] && b[1] + 0.15 < a[3]
}

// ---- tests

#[test]
fn every_node_and_flow_of_every_example_is_drawn() {
    each(|name, diagram| {
        assert!(diagram.nodes.len() > 3 && diagram.flows.len() > 3, "{name}");
        for detail in [FULL, NAMES] {
            let (nodes, flows) = (diagram.nodes.len(), diagram.flows.len());
            let text = draw(diagram, Form::Mermaid, detail);
            assert_eq!((mermaid_nodes(&text).len(), mermaid_arrows(&text).len()), (nodes, flows), "{name}\n{text}");
            let text = draw(diagram, Form::Dot, detail);
            assert_eq!((dot_nodes(&text).len(), dot_arrows(&text).len()), (nodes, flows), "{name}\n{text}");
            let svg = xml(&draw(diagram, Form::Svg, detail));
            assert_eq!((svg.of("node").len(), svg.of("flow").len()), (nodes, flows), "{name}");
            for node in &diagram.nodes {
                let drawn = svg.of("node").into_iter().find(|n| n.get("data-key") == node.key).unwrap();
                assert!(drawn.is(node.kind.word()), "{name}: {}", node.key);
                assert_eq!(drawn.is("implied"), node.implied, "{name}: {}", node.key);
                assert!(
                    drawn.of("name").iter().map(|t| t.text.as_str()).collect::<String>().replace(' ', "").starts_with(&node.id),
                    "{name}"
                );
            }
        }
    });
}

#[test]
fn implied_flows_are_dashed_and_declared_ones_are_not() {
    let mut implied = 0;
    each(|name, diagram| {
        let (mermaid, dot) = (draw(diagram, Form::Mermaid, FULL), draw(diagram, Form::Dot, FULL));
        for (flow, (m, d)) in diagram.flows.iter().zip(mermaid_arrows(&mermaid).into_iter().zip(dot_arrows(&dot))) {
            assert_eq!(m.contains(" -.->"), flow.implied, "{name}: {m}");
            assert_eq!(d.contains("style=dashed"), flow.implied, "{name}: {d}");
            implied += usize::from(flow.implied);
        }
        let svg = xml(&draw(diagram, Form::Svg, FULL));
        let dashed = svg.of("flow").into_iter().filter(|f| f.is("implied")).count();
        assert_eq!(dashed, diagram.flows.iter().filter(|f| f.implied).count(), "{name}");
    });
    assert!(implied > 20, "only {implied} implied flows");
}

#[test]
fn what_breaks_a_rule_names_it_and_nothing_else_does() {
    let (mut broken, mut whole) = (0, 0);
    each(|name, diagram| {
        let all: Vec<&str> = diagram
            .flows
            .iter()
            .flat_map(|f| &f.marks)
            .chain(diagram.nodes.iter().flat_map(|n| &n.marks))
            .map(|m| m.rule.as_str())
            .collect();
        let (mermaid, dot, svg) =
            (draw(diagram, Form::Mermaid, FULL), draw(diagram, Form::Dot, FULL), xml(&draw(diagram, Form::Svg, FULL)));
        let (m, d) = (mermaid_arrows(&mermaid), dot_arrows(&dot));
        for (n, flow) in diagram.flows.iter().enumerate() {
            let styled = mermaid.lines().any(|l| l.starts_with(&format!("  linkStyle {n} ")));
            assert_eq!(styled, !flow.marks.is_empty(), "{name}: {}", m[n]);
            assert_eq!(d[n].contains("penwidth"), !flow.marks.is_empty(), "{name}: {}", d[n]);
            match flow.marks.first() {
                Some(mark) => {
                    broken += 1;
                    assert!(m[n].contains(&format!("{}: {}", mark.severity.word(), mark.rule)), "{name}: {} lacks {}", m[n], mark.rule);
                    assert!(d[n].contains(&mark.rule), "{name}: {}", d[n]);
                }
                None => {
                    whole += 1;
                    assert!(!all.iter().any(|rule| m[n].contains(rule) || d[n].contains(rule)), "{name}: {}", m[n]);
                }
            }
        }
        let mut expected: Vec<(String, String, String, bool)> = Vec::new();
        for flow in &diagram.flows {
            let mut rules: Vec<&str> = flow.marks.iter().map(|m| m.rule.as_str()).collect();
            rules.dedup();
            expected.push((flow.from.clone(), flow.to.clone(), rules.join(" "), !flow.marks.is_empty()));
        }
        let mut drawn: Vec<(String, String, String, bool)> = Vec::new();
        for flow in svg.of("flow") {
            drawn.push((flow.get("data-from").into(), flow.get("data-to").into(), flow.get("data-rules").into(), flow.is("violating")));
            assert_eq!(flow.of("rule").is_empty(), !flow.is("violating"), "{name}: {}", flow.title());
        }
        expected.sort();
        drawn.sort();
        assert_eq!(expected, drawn, "{name}");
        for (node, drawn) in diagram.nodes.iter().zip(svg.of("node")) {
            assert_eq!(drawn.is("violating"), !node.marks.is_empty(), "{name}: {}", node.key);
            let prints: Vec<&str> = node.marks.iter().map(|m| m.fingerprint.as_str()).collect();
            assert_eq!(drawn.get("data-fingerprints"), prints.join(" "), "{name}: {}", node.key);
        }
    });
    assert!(broken > 10 && whole > 50, "{broken} broken, {whole} whole");
}

#[test]
fn a_missing_fact_is_told_from_a_broken_rule() {
    let mut diagram = made_up(1, 2, true, false);
    let mark = |rule: &str, undeclared| Mark { rule: rule.to_owned(), severity: Severity::Error, undeclared, fingerprint: "f".to_owned() };
    diagram.flows.truncate(1);
    diagram.flows[0].marks = vec![mark("pack/broken", false), mark("pack/unknown", true)];
    for form in [Form::Mermaid, Form::Dot] {
        let text = draw(&diagram, form, FULL).replace("<br/>", "\n").replace("\\n", "\n");
        assert!(text.contains("error: pack/unknown (undeclared)\n") || text.contains("error: pack/unknown (undeclared)\""), "{text}");
        assert!(!text.contains("pack/broken (undeclared)"), "{text}");
    }
    let svg = xml(&draw(&diagram, Form::Svg, FULL));
    assert_eq!(svg.of("flow")[0].get("data-rules"), "pack/broken pack/unknown");
    assert!(svg.of("flow")[0].title().contains("pack/unknown (undeclared)"));
}

#[test]
fn labels_are_written_before_and_after_a_step() {
    let folder = root().join("examples/clinic-notes/violating");
    let diagram = diagram(&Project::read(&folder, &Limits::default()));
    let step = diagram.nodes.iter().find(|n| n.kind == NodeKind::Step).unwrap();
    let at = |key: &str, enters: bool| diagram.flows.iter().position(|f| if enters { f.to == key } else { f.from == key }).unwrap();
    for form in [Form::Mermaid, Form::Dot] {
        let (full, names) = (draw(&diagram, form, FULL), draw(&diagram, form, NAMES));
        let line =
            |text: &str, n: usize| if form == Form::Dot { dot_arrows(text)[n].to_owned() } else { mermaid_arrows(text)[n].to_owned() };
        let label = |line: String| line.split("tooltip=").next().unwrap().to_owned();
        let (before, after) = (label(line(&full, at(&step.key, true))), label(line(&full, at(&step.key, false))));
        assert!(before.contains("phi") && !before.contains("redacted"), "{before}");
        assert!(after.contains("phi") && after.contains("redacted"), "{after}");
        assert!(!label(line(&names, at(&step.key, true))).contains("phi"), "labels are off");
        assert!(label(line(&names, at(&step.key, true))).contains("note"), "names stay");
    }
}

#[test]
fn alternatives_stay_apart() {
    let set = |label: &str| LabelSetNames { classes: vec!["some.class".to_owned()], labels: vec![label.to_owned()] };
    let mut diagram = made_up(1, 2, true, false);
    diagram.flows.truncate(1);
    diagram.flows[0].data =
        vec![Datum { name: "records.a".into(), form: "a".into(), surface: "body".into(), variants: vec![set("held"), set("masked")] }];
    let text = draw(&diagram, Form::Dot, FULL);
    assert!(text.contains("a: some.class [held] | some.class [masked]"), "{text}");
    let svg = xml(&draw(&diagram, Form::Svg, FULL));
    assert!(
        svg.of("flow")[0].title().contains("records.a (body): some.class [held] | some.class [masked]"),
        "{}",
        svg.of("flow")[0].title()
    );
}

#[test]
fn hostile_names_stay_names() {
    for seed in 0..6 {
        let diagram = made_up(seed, 23, seed % 2 == 0, true);
        let text = draw(&diagram, Form::Mermaid, FULL);
        for line in text.lines().skip(1) {
            let word = line.split_whitespace().next().unwrap();
            assert!(["subgraph", "end", "linkStyle", "style"].contains(&word) || word.starts_with('n'), "{line}");
            // Outside the quotation marks stands nothing from outside; inside, no mark-up.
            let parts: Vec<&str> = line.split('"').collect();
            assert!(parts.len() == 1 || parts.len() == 3, "{line}");
            let quoted = parts.get(1).copied().unwrap_or_default().replace("<br/>", "");
            assert!(!quoted.contains(['<', '>', '`', '%', '{', '}', '[', ']', '|', '*', '$', '&', '\\', '@', '=']), "{line}");
            assert!(
                !quoted.contains("://") && !quoted.contains("www.") && quoted.chars().all(|c| !c.is_control() && c != '\u{202e}'),
                "{line}"
            );
        }
        let text = draw(&diagram, Form::Dot, FULL);
        for line in text.lines() {
            let quotes = line.replace("\\\\", "").replace("\\\"", "").matches('"').count();
            assert!(quotes % 2 == 0, "{line}");
            assert!(line.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{line}");
        }
        assert_eq!((dot_nodes(&text).len(), dot_arrows(&text).len()), (diagram.nodes.len(), diagram.flows.len()));
        let svg = xml(&draw(&diagram, Form::Svg, FULL));
        let mut todo = vec![&svg];
        while let Some(element) = todo.pop() {
            assert!(["svg", "title", "desc", "style", "rect", "g", "text", "path"].contains(&element.name.as_str()), "{}", element.name);
            assert!(element.attributes.iter().all(|(key, _)| !key.starts_with("on") && !key.ends_with("href")), "{element:?}");
            todo.extend(&element.children);
        }
        for (node, drawn) in diagram.nodes.iter().zip(svg.of("node")) {
            if node.id == HOSTILE[0] {
                assert!(drawn.title().starts_with(HOSTILE[0]), "{}", drawn.title());
            }
        }
    }
}

#[test]
fn the_same_bytes_every_time_in_every_order() {
    for folder in projects("examples") {
        let project = Project::read(&folder, &Limits::default());
        let mut reversed = Project::read(&folder, &Limits::default());
        reversed.workflows.reverse();
        let (one, other) = (diagram(&project), diagram(&reversed));
        for form in FORMS {
            assert!(draw(&one, form, FULL) == draw(&other, form, FULL), "{}: {form:?}", folder.display());
        }
    }
    let text = |n: usize| {
        format!(
            "workflow: w{n}\nstage: draft\nsources:\n  s: {{ operator: us, fields: {{ a: id.name }} }}\nstores:\n  k: {{ operator: us }}\nflows:\n  - {{ from: s, to: k, fields: [a] }}\n"
        )
    };
    let file = "parties:\n  us: { relation: self }\npacks: [core]\n";
    let made = |texts: &[String]| {
        let project = crate::common::project(file, &texts.iter().map(String::as_str).collect::<Vec<_>>());
        flowgate::check(&project, &Options { record: true, ..options() }).record.unwrap().diagram
    };
    let (one, other) = (made(&[text(1), text(2), text(3)]), made(&[text(3), text(1), text(2)]));
    assert_eq!(one.flows.len(), 3);
    for form in FORMS {
        assert_eq!(draw(&one, form, FULL), draw(&other, form, FULL), "{form:?}");
    }
    let diagram = made_up(7, 60, false, false);
    let first = draw(&diagram, Form::Svg, FULL);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let diagram = diagram.clone();
            std::thread::spawn(move || draw(&diagram, Form::Svg, FULL))
        })
        .collect();
    assert!(threads.into_iter().all(|t| t.join().unwrap() == first));
}

/// Boxes and labels of a drawing lie on nothing, text lies in its box, zones hold their own.
fn well_laid_out(name: &str, diagram: &Diagram, detail: Detail) {
    let svg = xml(&draw(diagram, Form::Svg, detail));
    let (nodes, flows, zones) = (svg.of("node"), svg.of("flow"), svg.of("zone"));
    let boxes: Vec<[f64; 4]> = nodes.iter().chain(&flows).map(|e| e.bounds()).collect();
    for (n, a) in boxes.iter().enumerate() {
        assert!(a.iter().all(|v| v.is_finite() && *v >= 0.0), "{name}: {a:?}");
        if let Some(b) = boxes.iter().take(n).find(|b| overlap(*a, **b)) {
            panic!("{name}: {a:?} lies on {b:?}");
        }
    }
    for (n, zone) in zones.iter().enumerate() {
        assert!(!zones.iter().take(n).any(|other| overlap(zone.bounds(), other.bounds())), "{name}: zones overlap at {:?}", zone.bounds());
    }
    let (wide, high): (f64, f64) = (svg.get("width").parse().unwrap(), svg.get("height").parse().unwrap());
    for (node, drawn) in diagram.nodes.iter().zip(&nodes) {
        let own = drawn.bounds();
        let around: Vec<&&Element> = zones.iter().filter(|z| overlap(z.bounds(), own)).collect();
        assert_eq!(around.len(), 1, "{name}: {}", node.key);
        let z = around[0].bounds();
        assert!(z[0] <= own[0] && z[1] <= own[1] && own[2] <= z[2] && own[3] <= z[3], "{name}: {} sticks out", node.key);
        assert_eq!(around[0].is("own"), node.is_self, "{name}: {}", node.key);
        assert_eq!(around[0].is("undeclared"), !node.is_self && node.operator.is_none(), "{name}: {}", node.key);
        assert!(own[2] <= wide && own[3] <= high, "{name}: {} is cut off", node.key);
    }
    for element in nodes.iter().chain(&flows).chain(&zones) {
        let own = element.bounds();
        for text in element.children.iter().filter(|c| c.name == "text") {
            let (size, bold) = match text.get("class").split(' ').next().unwrap() {
                "name" => (13.0, true),
                "title" => (12.0, true),
                "rule" => (11.0, true),
                _ => (11.0, false),
            };
            let (x, y): (f64, f64) = (text.get("x").parse().unwrap(), text.get("y").parse().unwrap());
            assert!(own[0] <= x && x + width(&text.text, size, bold) <= own[2] + 0.2, "{name}: {:?} sticks out of {own:?}", text.text);
            assert!(own[1] <= y - 0.75 * size && y <= own[3], "{name}: {:?} at {y} is not in {own:?}", text.text);
        }
    }
}

#[test]
fn nothing_lies_on_anything_in_the_examples() {
    each(|name, diagram| {
        well_laid_out(name, diagram, FULL);
        well_laid_out(name, diagram, NAMES);
    });
}

#[test]
fn nothing_lies_on_anything_in_graphs_of_any_shape() {
    for seed in 0..160_u64 {
        let nodes = usize::try_from(seed).unwrap() % 81;
        let detail = if seed % 3 == 0 { NAMES } else { FULL };
        well_laid_out(&format!("seed {seed}"), &made_up(seed, nodes, seed % 2 == 0, seed % 5 == 0), detail);
    }
}

#[test]
fn small_and_odd_graphs_are_drawn() {
    for form in FORMS {
        assert!(draw(&Diagram::default(), form, FULL).ends_with('\n'));
    }
    let mut one = made_up(3, 1, true, false);
    one.flows.clear();
    well_laid_out("one node", &one, FULL);
    let mut twins = made_up(4, 2, true, false);
    let flow = |from: usize, to: usize, base: &Flow| Flow { from: format!("w/n{from}"), to: format!("w/n{to}"), ..base.clone() };
    let base = made_up(9, 20, true, false).flows.into_iter().find(|f| f.data.len() > 1).unwrap();
    twins.flows = vec![flow(0, 1, &base), flow(0, 1, &base), flow(1, 0, &base), flow(0, 0, &base), flow(0, 0, &base)];
    well_laid_out("two nodes, five flows", &twins, FULL);
    let svg = xml(&draw(&twins, Form::Svg, FULL));
    assert_eq!(svg.of("flow").len(), 5);
    // A chain far deeper than any stack that recursed over it.
    let mut chain = made_up(5, 2000, true, false);
    chain.flows = (1..2000).map(|n| flow(n - 1, n, &base)).collect();
    assert_eq!(xml(&draw(&chain, Form::Svg, NAMES)).of("flow").len(), 1999);
}

#[test]
fn data_flow_from_left_to_right() {
    each(|name, diagram| {
        let svg = xml(&draw(diagram, Form::Svg, FULL));
        let x = |key: &str| svg.of("node").into_iter().find(|n| n.get("data-key") == key).unwrap().bounds()[0];
        let back = diagram.flows.iter().filter(|f| x(&f.from) >= x(&f.to)).count();
        assert!(back * 8 <= diagram.flows.len(), "{name}: {back} flows run back");
        for source in diagram.nodes.iter().filter(|n| n.kind == NodeKind::Source) {
            for flow in diagram.flows.iter().filter(|f| f.from == source.key) {
                assert!(x(&flow.from) < x(&flow.to), "{name}: {} stands right of {}", flow.from, flow.to);
            }
        }
    });
}

#[test]
fn a_mermaid_drawing_is_never_larger_than_viewers_take() {
    let mut told = 0;
    for (nodes, hostile) in [(60, false), (200, true), (300, false), (600, false), (1500, true)] {
        let diagram = made_up(11, nodes, true, hostile);
        let text = draw(&diagram, Form::Mermaid, FULL);
        let (chars, arrows) = (text.chars().count(), mermaid_arrows(&text).len());
        assert!(chars <= 50_000, "{nodes} nodes: {chars} characters");
        assert!(arrows <= 500, "{nodes} nodes: {arrows} flows");
        let styled = text.lines().filter_map(|l| l.strip_prefix("  linkStyle ")?.split(' ').next()?.parse::<usize>().ok()).max();
        assert!(styled.is_none_or(|n| n < arrows), "a style for a flow that is not drawn");
        if arrows < diagram.flows.len() {
            told += 1;
            assert!(text.lines().any(|l| l.starts_with("%% ") && l.contains("left out")), "{nodes} nodes: nothing is said");
            assert!(text.contains("not all is drawn"), "{nodes} nodes: nothing is shown");
            // What breaks a rule goes last.
            let marked = diagram.flows.iter().filter(|f| !f.marks.is_empty()).count();
            let kept = text.lines().filter(|l| l.starts_with("  linkStyle ")).count();
            assert_eq!(kept, marked.min(arrows), "{nodes} nodes");
        }
    }
    assert!(told > 1, "no drawing was too large");
    let small = draw(&made_up(11, 20, true, false), Form::Mermaid, FULL);
    assert!(!small.contains("left out") && !small.contains("%%"), "{small}");
}

#[test]
fn a_part_holds_its_flows_and_what_they_touch() {
    let mut diagram = made_up(2, 6, true, false);
    for (n, node) in diagram.nodes.iter_mut().enumerate() {
        let workflow = ["a", "b", "c"][n % 3];
        node.workflow = (n != 0).then(|| workflow.to_owned());
        node.workflows = if n == 0 { vec!["a".into(), "b".into()] } else { vec![workflow.to_owned()] };
    }
    let base = diagram.flows[0].clone();
    let flow = |from: usize, to: usize, workflow: &str| Flow {
        from: format!("w/n{from}"),
        to: format!("w/n{to}"),
        workflow: workflow.to_owned(),
        ..base.clone()
    };
    diagram.flows = vec![flow(0, 3, "a"), flow(1, 4, "b"), flow(2, 5, "c")];
    let keys = |workflows: &[&str]| diagram.of_workflows(workflows).nodes.iter().map(|n| n.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&["a"]), ["w/n0", "w/n3"]);
    assert_eq!(keys(&["b"]), ["w/n1", "w/n4"], "the shared node is in no flow of b");
    assert_eq!(keys(&["a", "c"]), ["w/n0", "w/n2", "w/n3", "w/n5"]);
    let text = draw(&diagram, Form::Dot, NAMES);
    assert!(text.contains("shared by a, b") && text.contains("in c"), "{text}");
    let part = draw(&diagram.of_workflow("c"), Form::Dot, NAMES);
    assert!(!part.contains("redact\\nin c") && !part.contains("label=\"endpoint-2\\nendpoint: vendor/service\\nin c"), "{part}");
    assert!(text.contains("label=\"endpoint-2\\nendpoint: vendor/service\\nin c"), "{text}");
    assert!(!part.contains("shared by"), "one workflow needs no names\n{part}");
    let lone = draw(&diagram.of_workflow("a"), Form::Dot, NAMES);
    assert!(!lone.split("tooltip").next().unwrap().contains("shared by"), "the part shows one workflow\n{lone}");
}

fn graph(arguments: &[&str]) -> (Option<i32>, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_flowgate")).arg("graph").args(arguments).current_dir(root()).output().unwrap();
    (out.status.code(), String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap())
}

#[test]
fn the_command_draws_a_project_and_gives_no_verdict() {
    let project = "examples/clinic-notes/violating";
    let (code, text, said) = graph(&[project, "--as-of", "2026-07-01"]);
    assert_eq!(code, Some(0), "findings do not change the exit code: {said}");
    assert!(text.starts_with("flowchart LR\n") && text.contains("hipaa/baa-missing"), "{text}");
    let (_, bare, _) = graph(&[project, "--as-of", "2026-07-01", "--no-labels"]);
    assert!(bare.len() < text.len() && !bare.contains("disclosed"), "{bare}");
    let (_, again, _) = graph(&[project, "--as-of", "2026-07-01", "--no-labels", "--labels"]);
    assert_eq!(again, text);
    let (_, other, _) = graph(&[project, "--as-of", "2026-07-01", "--pack", "core"]);
    assert!(!other.contains("hipaa/"), "only the core pack was asked: {other}");
    let file = std::env::temp_dir().join(format!("flowgate-drawing-{}.svg", std::process::id()));
    let (code, nothing, said) = graph(&[project, "--as-of", "2026-07-01", "--format", "svg", "--output", &file.display().to_string()]);
    let written = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!((code, nothing.as_str()), (Some(0), ""), "{said}");
    assert!(said.contains("the drawing is in"), "{said}");
    assert!(xml(&written).of("flow").len() > 3);
}

#[test]
fn the_command_says_what_it_cannot_draw() {
    let (code, text, said) = graph(&["examples/clinic-notes/violating", "--workflow", "note-sumary"]);
    assert_eq!((code, text.as_str()), (Some(2), ""));
    assert!(said.contains("there is no workflow `note-sumary`") && said.contains("did you mean `note-summary`?"), "{said}");
    let (code, text, said) = graph(&["examples/clinic-notes"]);
    assert_eq!((code, text.as_str()), (Some(2), ""));
    assert!(said.contains("examples/clinic-notes/fixed") && said.contains("examples/clinic-notes/violating"), "{said}");
    assert_eq!(graph(&["-"]).0, Some(2));
    assert_eq!(graph(&["tests/it"]).0, Some(2));
    let (code, text, _) = graph(&["examples/clinic-notes/violating/flows/note-summary.flow.yaml", "--as-of", "2026-07-01"]);
    assert_eq!(code, Some(0));
    assert!(text.contains("summarizer"), "{text}");
}

#[test]
fn what_could_be_read_is_drawn_beside_the_problem() {
    let folder = std::env::temp_dir().join(format!("flowgate-drawing-problem-{}", std::process::id()));
    std::fs::create_dir_all(folder.join(".git")).unwrap();
    let from = root().join("examples/clinic-notes/violating");
    for file in crate::common::walk(&from) {
        let to = folder.join(file.strip_prefix(&from).unwrap());
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(&file, &to).unwrap();
    }
    std::fs::write(folder.join("flows/other.flow.yaml"), "workflow: [\n").unwrap();
    let (code, text, said) = graph(&[&folder.display().to_string(), "--as-of", "2026-07-01"]);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("other.flow.yaml"), "{said}");
    assert!(text.contains("summarizer"), "{text}");
}

/// The picture in the documents is what the command draws; `FLOWGATE_BLESS=1` records it.
#[test]
fn the_documented_picture_is_up_to_date() {
    let file = root().join("docs/graph.svg");
    let folder = root().join("examples/code-review-secrets/violating");
    let text = draw(&diagram(&Project::read(&folder, &Limits::default())), Form::Svg, FULL);
    if std::env::var_os("FLOWGATE_BLESS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    assert!(std::fs::read_to_string(&file).unwrap_or_default() == text, "docs/graph.svg differs; FLOWGATE_BLESS=1 records it");
}
