//! SVG, laid out here: a picture that needs no other program, no font of its own and no script. A page around it may set its colours.

mod layout;
mod measure;
mod order;

use std::fmt::Write as _;

use self::layout::{Line, Picture, Rect, Route, Size, Spot, lay_out};
use self::measure::{LINE, shorten, width, wrap};
use super::Detail;
use super::scene::{Arrow, Scene, Stop, rule_line, severity};
use crate::declare::NodeKind;
use crate::judge::Severity;
use crate::record::{Diagram, Mark};
use crate::report::text::{count, few, is_hostile};
use crate::table::{Id as _, Table};

/// Sizes of text, as the style sheet has them.
const NAME: f64 = 13.0;
const SMALL: f64 = 11.0;
const TITLE: f64 = 12.0;

/// Widths text is wrapped at.
const NODE_TEXT: f64 = 175.0;
const LABEL_TEXT: f64 = 195.0;

/// The narrowest box.
const NODE_MIN: f64 = 96.0;

/// The narrowest picture, so that its legend has room.
const PICTURE_MIN: f64 = 420.0;

/// What the strokes mean, for those who see no colours and know no conventions.
const LEGEND: [&str; 3] = [
    "thick: findings, of the rules it names",
    "dashed: implied by a declaration, written by nobody",
    "[…]: labels the data are held as; |: alternatives, by the way the data came",
];

/// A line of text before it has a place.
struct Text {
    class: &'static str,
    size: f64,
    text: String,
}

impl Text {
    fn height(&self) -> f64 {
        self.size * LINE
    }

    fn width(&self) -> f64 {
        width(&self.text, self.size, self.class != "about" && self.class != "data")
    }
}

pub(super) fn draw(diagram: &Diagram, detail: Detail) -> String {
    let scene = Scene::of(diagram, detail);
    let boxes: Vec<Vec<Text>> = scene.nodes.iter().map(in_node).collect();
    let sizes: Table<Spot, Size> = scene.nodes.iter().zip(&boxes).map(|(stop, texts)| size(stop, texts)).collect();
    let labels: Vec<Vec<Text>> = scene
        .arrows
        .iter()
        .map(|arrow| {
            // A loop's label stands under its box and is no wider.
            let own = sizes.rows().get(arrow.from).filter(|_| arrow.from == arrow.to);
            on_arrow(arrow, own.map_or(LABEL_TEXT, |s| s.width))
        })
        .collect();
    let lines: Vec<Line> = scene.arrows.iter().zip(&labels).map(|(arrow, texts)| line(arrow, texts)).collect();
    let mut picture = lay_out(&sizes, &lines, scene.zones.len());
    picture.width = picture.width.max(PICTURE_MIN);
    Page { out: String::new() }.written(&scene, &picture, &boxes, &labels)
}

fn in_node(stop: &Stop<'_>) -> Vec<Text> {
    let about = stop.about.iter().flat_map(|l| wrap(l, NODE_TEXT, SMALL, false, 2));
    let about = about.map(|text| Text { class: "about", size: SMALL, text });
    let name = wrap(&stop.name, NODE_TEXT, NAME, true, 3).into_iter().map(|text| Text { class: "name", size: NAME, text });
    name.chain(about).chain(rules(&stop.rules, NODE_TEXT)).collect()
}

fn on_arrow(arrow: &Arrow<'_>, limit: f64) -> Vec<Text> {
    let data = arrow.data.iter().flat_map(|l| wrap(l, limit, SMALL, false, 3));
    rules(&arrow.rules, limit).chain(data.map(|text| Text { class: "data", size: SMALL, text })).collect()
}

fn rules(rules: &[(Severity, String)], limit: f64) -> impl Iterator<Item = Text> {
    rules.iter().flat_map(move |(severity, rule)| {
        let class = match severity {
            Severity::Error => "rule error",
            Severity::Warning => "rule warning",
            Severity::Note => "rule note",
        };
        wrap(&rule_line(*severity, rule), limit, SMALL, true, 3).into_iter().map(move |text| Text { class, size: SMALL, text })
    })
}

/// What the shape of a kind needs besides its text: at each side, and over it.
fn margins(kind: NodeKind) -> (f64, f64) {
    match kind {
        NodeKind::Endpoint | NodeKind::Output | NodeKind::Reviewer => (22.0, 8.0),
        NodeKind::Store => (12.0, 16.0),
        NodeKind::Source => (16.0, 8.0),
        NodeKind::Log => (14.0, 8.0),
        NodeKind::Step => (12.0, 8.0),
    }
}

fn size(stop: &Stop<'_>, texts: &[Text]) -> Size {
    let (side, over) = margins(stop.node.kind);
    let widest = texts.iter().map(Text::width).fold(0.0, f64::max);
    Size {
        width: (widest + 2.0 * side).max(NODE_MIN).ceil(),
        height: (texts.iter().map(Text::height).sum::<f64>() + over + 10.0).ceil(),
        zone: stop.zone,
        starts: stop.node.kind == NodeKind::Source,
    }
}

fn line(arrow: &Arrow<'_>, texts: &[Text]) -> Line {
    let widest = texts.iter().map(Text::width).fold(0.0, f64::max);
    let height: f64 = texts.iter().map(Text::height).sum();
    // Under the text, room for the line that carries it.
    let height = if texts.is_empty() { 0.0 } else { height + 7.0 };
    Line { from: Spot::of(arrow.from), to: Spot::of(arrow.to), width: widest.ceil(), height: height.ceil() }
}

struct Page {
    out: String,
}

impl Page {
    fn written(mut self, scene: &Scene<'_>, picture: &Picture, boxes: &[Vec<Text>], labels: &[Vec<Text>]) -> String {
        let legend: Vec<String> = LEGEND.iter().flat_map(|l| wrap(l, picture.width - 40.0, SMALL, false, 2)).collect();
        let (w, h) = (picture.width, picture.height.max(40.0) + legend.len() as f64 * SMALL * 1.5 + 14.0);
        let (w, h) = (number(w), number(h));
        self.put(&format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"flowgate-graph\" role=\"img\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\">"
        ));
        let of = if scene.workflows.is_empty() { String::new() } else { format!(" of {}", few(&scene.workflows, 6)) };
        self.put(&format!("<title>data flows{}</title>", escape(&of)));
        self.put(&format!("<desc>{}</desc>", escape(&described(scene))));
        self.put(&format!("<style>\n{}</style>", include_str!("style.css")));
        self.put(&format!("<rect class=\"paper\" width=\"{w}\" height=\"{h}\"/>"));
        for (zone, rect) in scene.zones.iter().zip(&picture.zones) {
            let Some(rect) = rect else { continue };
            self.put(&format!("<g class=\"zone {}\" data-box=\"{}\">", zone.class, bounds(*rect)));
            self.put(&format!("<title>{}</title>", escape(&zone.title)));
            self.put(&format!("<rect {} rx=\"8\"/>", sides(*rect)));
            self.text("title", rect.x + 12.0, rect.y + 17.0, &shorten(&zone.title, rect.width - 24.0, TITLE, true));
            self.put("</g>");
        }
        // What breaks a rule lies over what does not.
        let mut flows: Vec<(usize, &Arrow<'_>)> = scene.arrows.iter().enumerate().collect();
        flows.sort_by_key(|(n, arrow)| (severity(&arrow.flow.marks), *n));
        for (n, arrow) in flows {
            if let (Some(route), Some(texts)) = (picture.routes.get(n), labels.get(n)) {
                self.flow(arrow, route, texts);
            }
        }
        for ((stop, rect), texts) in scene.nodes.iter().zip(&picture.spots).zip(boxes) {
            self.node(stop, *rect, texts);
        }
        if scene.nodes.is_empty() {
            self.text("about", 16.0, 26.0, "no nodes are declared");
        }
        let mut y = picture.height.max(40.0) + 12.0;
        for line in legend {
            self.text("legend", 24.0, y, &line);
            y += SMALL * 1.5;
        }
        self.put("</svg>");
        self.out
    }

    fn flow(&mut self, arrow: &Arrow<'_>, route: &Route, texts: &[Text]) {
        let flow = arrow.flow;
        self.put(&format!(
            "<g class=\"flow{}\" data-from=\"{}\" data-to=\"{}\" data-workflow=\"{}\"{} data-box=\"{}\">",
            classes(flow.implied, &flow.marks),
            escape(&flow.from),
            escape(&flow.to),
            escape(&flow.workflow),
            marks(&flow.marks),
            bounds(route.label)
        ));
        self.put(&format!("<title>{}</title>", escape(&arrow.story)));
        let way = way(route);
        self.put(&format!("<path class=\"reach\" d=\"{way}\"/><path class=\"line\" d=\"{way}\"/>"));
        self.put(&format!("<path class=\"head\" d=\"{}\"/>", head(route)));
        let mut y = route.label.y;
        for text in texts {
            y += text.height();
            self.text(text.class, route.label.x, y - 3.0, &text.text);
        }
        self.put("</g>");
    }

    fn node(&mut self, stop: &Stop<'_>, rect: Rect, texts: &[Text]) {
        let node = stop.node;
        let workflow = node.workflow.as_ref().map(|w| format!(" data-workflow=\"{}\"", escape(w))).unwrap_or_default();
        self.put(&format!(
            "<g class=\"node {}{}\" data-key=\"{}\"{workflow}{} data-box=\"{}\">",
            node.kind.word(),
            classes(node.implied, &node.marks),
            escape(&node.key),
            marks(&node.marks),
            bounds(rect)
        ));
        self.put(&format!("<title>{}</title>", escape(&stop.story)));
        self.put(&format!("<path class=\"shape\" d=\"{}\"/>", shape(node.kind, rect)));
        let (side, over) = margins(node.kind);
        let mut y = rect.y + over - 2.0;
        for text in texts {
            y += text.height();
            self.text(text.class, rect.x + side, y, &text.text);
        }
        self.put("</g>");
    }

    fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        self.put(&format!("<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>", number(x), number(y), escape(text)));
    }

    fn put(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }
}

/// The picture in one sentence.
fn described(scene: &Scene<'_>) -> String {
    let broken = scene.arrows.iter().filter(|a| !a.rules.is_empty()).count();
    let nodes = scene.nodes.iter().filter(|n| !n.rules.is_empty()).count();
    format!(
        "{}, {}; findings at {} and {}; from left to right as data flows, nodes grouped by who runs them",
        count(scene.nodes.len(), "node"),
        count(scene.arrows.len(), "flow"),
        count(broken, "flow"),
        count(nodes, "node")
    )
}

fn classes(implied: bool, marks: &[Mark]) -> String {
    let implied = if implied { " implied" } else { "" };
    let marked = severity(marks).map(|s| format!(" violating {}", s.word())).unwrap_or_default();
    format!("{implied}{marked}")
}

/// Rules and fingerprints, for a page that wants to lead from a finding to its place.
fn marks(marks: &[Mark]) -> String {
    if marks.is_empty() {
        return String::new();
    }
    let mut rules: Vec<&str> = marks.iter().map(|m| m.rule.as_str()).collect();
    rules.dedup();
    let fingerprints: Vec<&str> = marks.iter().map(|m| m.fingerprint.as_str()).collect();
    format!(" data-rules=\"{}\" data-fingerprints=\"{}\"", escape(&rules.join(" ")), escape(&fingerprints.join(" ")))
}

/// Level stretches, with curves between them.
fn way(route: &Route) -> String {
    let mut d = String::new();
    if route.is_loop {
        if let Some((from, to, y)) = route.stretches.first() {
            let low = y + 14.0;
            let (from, to, y, low) = (number(*from), number(*to), number(*y), number(low));
            let _ = write!(d, "M{from} {y}C{from} {low} {to} {low} {to} {y}");
        }
        return d;
    }
    let mut last: Option<(f64, f64)> = None;
    for (from, to, y) in &route.stretches {
        match last {
            None => {
                let _ = write!(d, "M{} {}", number(*from), number(*y));
            }
            Some((x, before)) if (before - y).abs() >= 0.05 => {
                let middle = number((x + from) / 2.0);
                let _ = write!(d, "C{middle} {} {middle} {} {} {}", number(before), number(*y), number(*from), number(*y));
            }
            Some(_) => {}
        }
        let _ = write!(d, "H{}", number(*to));
        last = Some((*to, *y));
    }
    d
}

/// The arrow's head, in the direction of its last stretch.
fn head(route: &Route) -> String {
    let Some((from, to, y)) = route.stretches.last().copied() else { return String::new() };
    if route.is_loop {
        return format!("M{} {}l-4 8h8z", number(to), number(y));
    }
    let back = if to >= from { -9 } else { 9 };
    format!("M{} {}l{back} -4.5v9z", number(to), number(y))
}

/// The outline of a kind: a bar for where data starts, a drum for what keeps it, a folded sheet for a log …
fn shape(kind: NodeKind, rect: Rect) -> String {
    let n = number;
    let (x, y, w, h) = (rect.x, rect.y, rect.width, rect.height);
    let (right, bottom) = (x + w, y + h);
    let plain = format!("M{} {}H{}V{}H{}z", n(x), n(y), n(right), n(bottom), n(x));
    match kind {
        NodeKind::Source => format!("{plain}M{} {}V{}M{} {}V{}", n(x + 4.0), n(y), n(bottom), n(x + 8.0), n(y), n(bottom)),
        NodeKind::Step => {
            let (w, h) = (n(w - 14.0), n(h - 14.0));
            format!("M{} {}h{w}a7 7 0 0 1 7 7v{h}a7 7 0 0 1 -7 7h-{w}a7 7 0 0 1 -7 -7v-{h}a7 7 0 0 1 7 -7z", n(x + 7.0), n(y))
        }
        NodeKind::Endpoint => {
            let middle = n(y + h / 2.0);
            let (l, r) = (n(x + 14.0), n(right - 14.0));
            format!("M{l} {}H{r}L{} {middle}L{r} {}H{l}L{} {middle}z", n(y), n(right), n(bottom), n(x))
        }
        NodeKind::Store => {
            let (top, low, half) = (n(y + 6.0), n(bottom - 6.0), n(w / 2.0));
            let (left, wide) = (n(x), n(w));
            format!("M{left} {top}a{half} 6 0 0 1 {wide} 0V{low}a{half} 6 0 0 1 -{wide} 0zM{left} {top}a{half} 6 0 0 0 {wide} 0")
        }
        NodeKind::Log => {
            let fold = n(right - 11.0);
            format!("M{} {}H{fold}l11 11V{}H{}zM{fold} {}v11h11", n(x), n(y), n(bottom), n(x), n(y))
        }
        NodeKind::Output => {
            let round = (h / 2.0).min(20.0);
            let (r, wide, flat) = (n(round), n(w - 2.0 * round), n(h - 2.0 * round));
            let ends = format!("a{r} {r} 0 0 1 -{r} {r}h-{wide}a{r} {r} 0 0 1 -{r} -{r}v-{flat}a{r} {r} 0 0 1 {r} -{r}z");
            format!("M{} {}h{wide}a{r} {r} 0 0 1 {r} {r}v{flat}{ends}", n(x + round), n(y))
        }
        NodeKind::Reviewer => {
            let (l, r, t, b) = (n(x + 10.0), n(right - 10.0), n(y + 10.0), n(bottom - 10.0));
            format!("M{l} {}H{r}L{} {t}V{b}L{r} {}H{l}L{} {b}V{t}z", n(y), n(right), n(bottom), n(x))
        }
    }
}

fn sides(rect: Rect) -> String {
    format!("x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"", number(rect.x), number(rect.y), number(rect.width), number(rect.height))
}

fn bounds(rect: Rect) -> String {
    format!("{} {} {} {}", number(rect.x), number(rect.y), number(rect.width), number(rect.height))
}

/// Rounded to tenths: what is left of the last bits of a machine's arithmetic does not show.
fn number(value: f64) -> String {
    let tenths = (value * 10.0).round();
    let tenths = if tenths == 0.0 { 0.0 } else { tenths };
    format!("{}", tenths / 10.0)
}

/// Text for XML: markup and quotation marks as entities, steering characters as references, what XML has no place for replaced.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() && !"\t\r\u{85}".contains(c) && u32::from(c) < 0x7f => out.push('\u{fffd}'),
            c if is_hostile(c) => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}
