//! The benchmark workload as flowgate declarations, of any size: workflows that stand alone, or the same joined by a lake of ten layers with a cycle.
//! The same seed gives the same bytes, and violations whose number is known (`tests/bench/README.md`).
//!
//! What is drawn, and in which order, is the workload's definition; how it is declared, `tests/bench/convert.py`'s.

use std::fmt::Write as _;

use super::random::Random;

const CLASSES: [&str; 16] = [
    "public",
    "internal",
    "name",
    "email",
    "phone",
    "ssn",
    "mrn",
    "diagnosis",
    "lab",
    "account_no",
    "income",
    "card_pan",
    "api_key",
    "password",
    "child_dob",
    "geo",
];
const CLASS_WEIGHTS: [u32; 16] = [30, 25, 6, 6, 4, 2, 2, 3, 3, 2, 3, 1, 1, 1, 1, 10];
/// The classes a redaction is meant to take away.
const SENSITIVE: std::ops::Range<usize> = 2..15;
const REGIONS: [&str; 8] = ["us-east", "us-west", "eu-west", "eu-central", "uk", "ca", "ap-south", "sa-east"];
const REGION_WEIGHTS: [u32; 8] = [30, 20, 18, 14, 8, 8, 1, 1];
const FLOWS: [(&str, &str); 12] = [
    ("s0", "t0"),
    ("s1", "t0"),
    ("s1", "t1"),
    ("s2", "t1"),
    ("t0", "e0"),
    ("t1", "e1"),
    ("t0", "log"),
    ("e0", "rev"),
    ("rev", "out"),
    ("e1", "out"),
    ("e0", "log"),
    ("s2", "e1"),
];
const LAYERS: usize = 10;

/// What to write.
#[derive(Clone, Debug)]
pub struct Workload {
    /// All workflows in one component, instead of each alone.
    pub joined: bool,
    pub workflows: usize,
    pub seed: u32,
    /// Workflow files as JSON, instead of YAML.
    pub json: bool,
    /// The pack of the ten rules, as the project file names it.
    pub pack: String,
}

/// A value of a declaration.
enum Value {
    Number(u32),
    Bool(bool),
    Text(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

fn list<V: Into<Value>>(items: impl IntoIterator<Item = V>) -> Value {
    Value::List(items.into_iter().map(Into::into).collect())
}

fn map<K: Into<String>, const N: usize>(entries: [(K, Value); N]) -> Value {
    Value::Map(entries.map(|(key, value)| (key.into(), value)).into())
}

impl Workload {
    /// Gives every file of the project to `take`: its path and its text.
    ///
    /// # Errors
    /// Whatever `take` fails with.
    pub fn files<E>(&self, mut take: impl FnMut(&str, &str) -> Result<(), E>) -> Result<(), E> {
        let ending = if self.json { "json" } else { "yaml" };
        let mut random = Random::new(self.seed);
        for number in 0..self.workflows {
            let id = format!("wf{number:07}");
            let text = self.text(&self.workflow(&id, &mut random));
            take(&format!("flows/{:04}/{id}.flow.{ending}", number / 1000), &text)?;
        }
        let mut project = project(&self.pack);
        if self.joined {
            let (steps, flows) = self.lake(&mut random);
            let fields = CLASSES.map(|class| (format!("f_{class}"), class_id(class)));
            let classes = map([("surfaces", list(["body"])), ("fields", map(fields))]);
            project.extend([("sources", map([("classes", classes)])), ("steps", Value::Map(steps))]);
            let lake = vec![("workflow", "lake".into()), ("stage", "draft".into()), ("flows", Value::List(flows))];
            take(&format!("flows/lake.flow.{ending}"), &self.text(&lake))?;
        }
        take("flowgate.yaml", &yaml(&project))
    }

    fn text(&self, document: &[(&str, Value)]) -> String {
        if self.json { json(document) } else { yaml(document) }
    }

    /// Nodes in a layer of the lake.
    fn shards(&self) -> usize {
        (self.workflows / 50).max(4)
    }

    /// One workflow. Everything is drawn before anything is written: the order of drawing is the workload's, not the declaration's.
    fn workflow(&self, id: &str, random: &mut Random) -> Vec<(&'static str, Value)> {
        let classes: Vec<&str> = (0..24).map(|_| CLASSES[random.weighted(&CLASS_WEIGHTS)]).collect();
        let steps = ["t0", "t1"].map(|step| {
            let thorough = if random.chance(0.90) { 0.97 } else { 0.6 };
            (step, redaction(SENSITIVE.filter(|_| random.chance(thorough))))
        });
        let endpoints = ["e0", "e1"].map(|endpoint| (endpoint, drawn_endpoint(random)));
        let log_region = region(random);
        let log_days = if random.chance(0.96) { 30 } else { 730 };
        let out_region = region(random);
        let high_risk = random.chance(0.06);
        let tls = FLOWS.map(|_| random.chance(0.97));
        let user_facing = FLOWS.map(|_| random.chance(0.2));
        let mut ends = FLOWS;
        if random.chance(0.8) {
            ends[11] = ("s2", "t1");
        }
        let mut flows: Vec<Value> =
            ends.iter().zip(tls).zip(user_facing).map(|(((from, to), tls), user_facing)| flow(from, to, tls, user_facing)).collect();

        let mut document = vec![("workflow", id.into()), ("stage", "draft".into())];
        let named = ["s0", "s1", "s2"].into_iter().zip(classes.chunks(8));
        let mut stores = None;
        if self.joined {
            let (layer, shard, first) = (random.below(LAYERS), random.below(self.shards()), random.below(self.shards()));
            flows.push(flow(&shard_id(layer, shard), "s0", true, false));
            flows.push(flow("out", &shard_id(0, first), true, false));
            // What the lake writes into a source has to flow on, so there it is a store that one shared source fills.
            stores = Some(map(["s0", "s1", "s2"].map(|s| (s, map::<&str, 0>([])))));
            flows.extend(named.map(|(source, classes)| filling(source, classes)));
        } else {
            document.push(("sources", Value::Map(named.map(|(source, classes)| (source.to_owned(), fields(classes))).collect())));
        }
        let log = map([("storage_regions", list([log_region])), ("retention", retention(log_days))]);
        let out = map([("storage_regions", list([out_region])), ("tags", map([("high_risk", word(high_risk))]))]);
        document.push(("steps", map(steps)));
        document.push(("endpoints", map(endpoints)));
        document.extend(stores.map(|stores| ("stores", stores)));
        document.push(("reviewers", map([("rev", map::<&str, 0>([]))])));
        document.push(("logs", map([("log", log)])));
        document.push(("outputs", map([("out", out)])));
        document.push(("flows", Value::List(flows)));
        document
    }

    /// The lake: its steps and flows. Two flows leave each shard for the next layer, and the last layer's go to the first.
    fn lake(&self, random: &mut Random) -> (Vec<(String, Value)>, Vec<Value>) {
        let (mut steps, mut flows) = (Vec::new(), Vec::new());
        for layer in 0..LAYERS {
            for shard in 0..self.shards() {
                let leaks = random.chance(0.15).then(|| SENSITIVE.start + random.below(SENSITIVE.len()));
                let id = shard_id(layer, shard);
                for _ in 0..2 {
                    let next = shard_id((layer + 1) % LAYERS, random.below(self.shards()));
                    flows.push(flow(&id, &next, true, false));
                }
                steps.push((id, redaction(SENSITIVE.filter(|class| Some(*class) != leaks))));
            }
        }
        (steps, flows)
    }
}

fn project(pack: &str) -> Vec<(&'static str, Value)> {
    let kinds = ["source", "step", "endpoint", "store", "log", "output", "reviewer"];
    vec![
        ("version", Value::Number(1)),
        ("roles", Value::List(Vec::new())),
        ("packs", list([pack])),
        ("parties", map([("bench", map([("relation", "self".into())]))])),
        ("defaults", map(kinds.map(|kind| (kind, map([("operator", "bench".into())]))))),
    ]
}

fn class_id(class: &str) -> Value {
    format!("bench.{class}").into()
}

fn shard_id(layer: usize, shard: usize) -> String {
    format!("lake-{layer}-{shard}")
}

fn region(random: &mut Random) -> &'static str {
    REGIONS[random.weighted(&REGION_WEIGHTS)]
}

fn retention(days: u32) -> Value {
    if days == 0 { "zero".into() } else { format!("P{days}D").into() }
}

/// Tags are text.
fn word(value: bool) -> Value {
    if value { "true".into() } else { "false".into() }
}

fn redaction(removes: impl Iterator<Item = usize>) -> Value {
    let removes = list(removes.map(|class| class_id(CLASSES[class])));
    map([("type", "redact".into()), ("version", "1.0.0".into()), ("surfaces", list(["body"])), ("removes", removes)])
}

fn drawn_endpoint(random: &mut Random) -> Value {
    let region = region(random);
    let days = if random.chance(0.97) { [0, 0, 30, 30, 90][random.below(5)] } else { 400 };
    let agreement = word(random.chance(0.90));
    let deployment = if random.chance(0.8) { "hosted" } else { "local" };
    let training = if random.chance(0.02) { "opted_in" } else { "never" };
    let mode = if random.chance(0.1) { "batch" } else { "sync" };
    let approved = word(random.chance(0.96));
    map([
        ("deployment", deployment.into()),
        ("mode", mode.into()),
        ("training_use", training.into()),
        ("processing_regions", list([region])),
        ("retention", retention(days)),
        ("tags", map([("baa", agreement), ("approved", approved)])),
    ])
}

fn fields(classes: &[&str]) -> Value {
    let fields = classes.iter().enumerate().map(|(n, class)| (format!("f{n}_{class}"), class_id(class)));
    map([("surfaces", list(["body"])), ("fields", Value::Map(fields.collect()))])
}

/// An endpoint passes on what it made of each datum; everything else passes on what it got.
fn flow(from: &str, to: &str, tls: bool, user_facing: bool) -> Value {
    let fields = if matches!(from, "e0" | "e1") { list(["completion"]) } else { "*".into() };
    let mut entry = vec![("from".to_owned(), from.into()), ("to".to_owned(), to.into()), ("fields".to_owned(), fields)];
    entry.push(("tls".to_owned(), tls.into()));
    if user_facing {
        entry.push(("user_facing".to_owned(), true.into()));
    }
    Value::Map(entry)
}

/// A class two fields share is one field of the shared source.
fn filling(store: &str, classes: &[&str]) -> Value {
    let mut once: Vec<String> = Vec::new();
    for class in classes {
        let field = format!("f_{class}");
        if !once.contains(&field) {
            once.push(field);
        }
    }
    map([("from", "classes".into()), ("to", store.into()), ("fields", list(once)), ("tls", true.into())])
}

/// One line for each node and flow.
fn yaml(document: &[(&str, Value)]) -> String {
    let mut text = String::new();
    for (key, value) in document {
        match value {
            Value::Map(entries) if !entries.is_empty() => {
                let _ = writeln!(text, "{key}:");
                for (name, value) in entries {
                    let _ = write!(text, "  {name}: ");
                    in_line(value, false, &mut text);
                    text.push('\n');
                }
            }
            Value::List(items) if matches!(items.first(), Some(Value::Map(_))) => {
                let _ = writeln!(text, "{key}:");
                for item in items {
                    text.push_str("  - ");
                    in_line(item, false, &mut text);
                    text.push('\n');
                }
            }
            _ => {
                let _ = write!(text, "{key}: ");
                in_line(value, false, &mut text);
                text.push('\n');
            }
        }
    }
    text
}

/// The same.
fn json(document: &[(&str, Value)]) -> String {
    let mut text = "{\n".to_owned();
    for (n, (key, value)) in document.iter().enumerate() {
        if n > 0 {
            text.push_str(",\n");
        }
        let _ = write!(text, "  \"{key}\": ");
        match value {
            Value::Map(entries) if !entries.is_empty() => {
                for (n, (name, value)) in entries.iter().enumerate() {
                    let _ = write!(text, "{}\n    \"{name}\": ", if n == 0 { "{" } else { "," });
                    in_line(value, true, &mut text);
                }
                text.push_str("\n  }");
            }
            Value::List(items) if matches!(items.first(), Some(Value::Map(_))) => {
                for (n, item) in items.iter().enumerate() {
                    text.push_str(if n == 0 { "[\n    " } else { ",\n    " });
                    in_line(item, true, &mut text);
                }
                text.push_str("\n  ]");
            }
            _ => in_line(value, true, &mut text),
        }
    }
    text.push_str("\n}\n");
    text
}

fn in_line(value: &Value, json: bool, text: &mut String) {
    match value {
        Value::Number(number) => {
            let _ = write!(text, "{number}");
        }
        Value::Bool(value) => {
            let _ = write!(text, "{value}");
        }
        Value::Text(word) if !json && is_plain(word) => text.push_str(word),
        // Nothing here needs an escape.
        Value::Text(word) => {
            let _ = write!(text, "{word:?}");
        }
        Value::List(items) => {
            text.push('[');
            for (n, item) in items.iter().enumerate() {
                text.push_str(if n == 0 { "" } else { ", " });
                in_line(item, json, text);
            }
            text.push(']');
        }
        Value::Map(entries) if entries.is_empty() => text.push_str("{}"),
        Value::Map(entries) => {
            let (open, close, quote) = if json { ("{", "}", "\"") } else { ("{ ", " }", "") };
            text.push_str(open);
            for (n, (name, value)) in entries.iter().enumerate() {
                let _ = write!(text, "{}{quote}{name}{quote}: ", if n == 0 { "" } else { ", " });
                in_line(value, json, text);
            }
            text.push_str(close);
        }
    }
}

/// A word that YAML takes for text without quotes.
fn is_plain(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || "_./-".contains(c))
        && !matches!(word, "true" | "false")
}
