//! floor PROJECT OUT: the ten rules compiled in, over a generated project whose workflows are JSON. Typed parsing, one bit for a datum, no spans, no
//! policies, no messages: what the answer costs where nothing else is wanted.
//!
//! OUT gets a line for each rule and flow; the counts of `tests/bench/README.md` are printed. It knows the generator's habits: `flowgate.yaml` has a line
//! for each node of the lake, and only what stands there is shared.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::{env, fmt, fs, io};

use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

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
const KEPT_AT_MOST: [u32; 16] = [3650, 1825, 730, 730, 730, 365, 365, 365, 365, 365, 365, 180, 90, 90, 180, 365];
/// How many of the regions, from the first on, each class may go to.
const REGIONS_ALLOWED: [usize; 16] = [8, 8, 7, 7, 7, 6, 6, 6, 6, 6, 6, 6, 6, 6, 5, 7];
const REGIONS: [&str; 8] = ["us-east", "us-west", "eu-west", "eu-central", "uk", "ca", "ap-south", "sa-east"];
const HEALTH: u16 = mask(&[6, 7, 8]);
const FINANCIAL: u16 = mask(&[9, 10, 11]);
const SECRET: u16 = mask(&[12, 13]);
const IDENTIFIER: u16 = mask(&[2, 3, 4, 5, 6]);
const PERSONAL: u16 = mask(&[2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15]);
const NOT_TRAINED_ON: u16 = mask(&[5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
const ANY: u16 = u16::MAX;

const RULES: [&str; 10] = [
    "ephi-no-baa",
    "npi-plain",
    "secret-hosted",
    "retention",
    "region",
    "log-ident",
    "no-reviewer",
    "training",
    "batch-user",
    "unapproved",
];
const PLAIN: usize = 1;
const UNREVIEWED: usize = 6;
const BATCH: usize = 8;

const fn mask(classes: &[u16]) -> u16 {
    let (mut mask, mut n) = (0, 0);
    while n < classes.len() {
        mask |= 1 << classes[n];
        n += 1;
    }
    mask
}

#[derive(Deserialize)]
struct Workflow<'t> {
    #[serde(borrow, default)]
    sources: Section<'t, Source>,
    #[serde(borrow, default)]
    steps: Section<'t, Step>,
    #[serde(borrow, default)]
    endpoints: Section<'t, Recipient<'t>>,
    #[serde(borrow, default)]
    stores: Section<'t, IgnoredAny>,
    #[serde(borrow, default)]
    reviewers: Section<'t, IgnoredAny>,
    #[serde(borrow, default)]
    logs: Section<'t, Recipient<'t>>,
    #[serde(borrow, default)]
    outputs: Section<'t, Recipient<'t>>,
    #[serde(borrow)]
    flows: Vec<Flow<'t>>,
}

#[derive(Deserialize)]
struct Source {
    fields: Fields,
}

#[derive(Deserialize)]
struct Step {
    removes: Classes,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Recipient<'t> {
    deployment: &'t str,
    mode: &'t str,
    training_use: &'t str,
    #[serde(borrow)]
    processing_regions: Vec<&'t str>,
    #[serde(borrow)]
    storage_regions: Vec<&'t str>,
    retention: &'t str,
    #[serde(borrow)]
    tags: Tags<'t>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tags<'t> {
    baa: &'t str,
    approved: &'t str,
    high_risk: &'t str,
}

#[derive(Deserialize)]
struct Flow<'t> {
    from: &'t str,
    to: &'t str,
    fields: Taken,
    tls: bool,
    #[serde(default)]
    user_facing: bool,
}

/// A map in the order it is written.
struct Section<'t, T>(Vec<(&'t str, T)>);

impl<T> Default for Section<'_, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de: 't, 't, T: Deserialize<'de>> Deserialize<'de> for Section<'t, T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Entries<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Vec<(&'de str, T)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::with_capacity(4);
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(entries)
            }
        }
        from.deserialize_map(Entries(std::marker::PhantomData)).map(Self)
    }
}

/// The classes of a source's fields, in order.
struct Fields(Vec<u8>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Section(entries) = Section::<&str>::deserialize(from)?;
        entries.into_iter().map(|(_, class)| class_of(class)).collect::<Result<_, _>>().map(Self)
    }
}

fn class_of<E: de::Error>(id: &str) -> Result<u8, E> {
    let known = id.strip_prefix("bench.").and_then(|name| CLASSES.iter().position(|class| *class == name));
    known.map(|class| class as u8).ok_or_else(|| E::custom(id))
}

/// A list of classes.
struct Classes(u16);

impl<'de> Deserialize<'de> for Classes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Ids;
        impl<'de> Visitor<'de> for Ids {
            type Value = Classes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of classes")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut ids: A) -> Result<Classes, A::Error> {
                let mut all = 0;
                while let Some(id) = ids.next_element::<&str>()? {
                    all |= 1 << class_of::<A::Error>(id)?;
                }
                Ok(Classes(all))
            }
        }
        from.deserialize_seq(Ids)
    }
}

/// What a flow takes: fields of the shared source, by name, or everything.
struct Taken(Option<u16>);

impl<'de> Deserialize<'de> for Taken {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Taken;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`*` or a list of fields")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Taken, E> {
                if text == "*" { Ok(Taken(None)) } else { Err(E::custom(text)) }
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Taken, A::Error> {
                let mut classes = 0;
                let mut completion = false;
                while let Some(name) = names.next_element::<&str>()? {
                    completion |= name == "completion";
                    let class = name.strip_prefix("f_").and_then(|name| CLASSES.iter().position(|class| *class == name));
                    classes |= class.map_or(0, |class| 1 << class);
                }
                if !completion && classes == 0 {
                    return Err(A::Error::custom("no known field"));
                }
                Ok(Taken((!completion).then_some(classes)))
            }
        }
        from.deserialize_any(Names)
    }
}

/// A node: what it removes, and for each rule the classes it must not get.
#[derive(Clone, Default)]
struct Node {
    removes: u16,
    refuses: [u16; 10],
    endpoint: bool,
}

impl Node {
    fn step(removes: u16) -> Self {
        Self { removes, ..Self::default() }
    }

    fn recipient(about: &Recipient<'_>) -> Self {
        let mut node = Self::default();
        let days = about.retention.strip_prefix('P').and_then(|days| days.strip_suffix('D')).map_or(0, |days| days.parse().unwrap_or(0));
        for region in about.processing_regions.iter().chain(&about.storage_regions) {
            let region = REGIONS.iter().position(|known| known == region).unwrap_or(REGIONS.len());
            node.refuses[4] |= (0..16).filter(|c| region >= REGIONS_ALLOWED[*c]).fold(0, |all, c| all | 1 << c);
        }
        node.refuses[3] = (0..16).filter(|c| days > KEPT_AT_MOST[*c]).fold(0, |all, c| all | 1 << c);
        node
    }

    fn endpoint(about: &Recipient<'_>) -> Self {
        let mut node = Self::recipient(about);
        let when = |holds: bool, classes| if holds { classes } else { 0 };
        node.endpoint = true;
        node.refuses[0] = when(about.tags.baa != "true", HEALTH);
        node.refuses[2] = when(about.deployment == "hosted", SECRET);
        node.refuses[7] = when(about.training_use == "opted_in", NOT_TRAINED_ON);
        node.refuses[BATCH] = when(about.mode == "batch", ANY);
        node.refuses[9] = when(about.tags.approved != "true", PERSONAL);
        node
    }

    fn log(about: &Recipient<'_>) -> Self {
        let mut node = Self::recipient(about);
        node.refuses[5] = IDENTIFIER;
        node
    }

    fn output(about: &Recipient<'_>) -> Self {
        let mut node = Self::recipient(about);
        node.refuses[UNREVIEWED] = if about.tags.high_risk == "true" { ANY } else { 0 };
        node
    }
}

#[derive(Clone)]
struct Edge {
    from: u32,
    to: u32,
    file: u32,
    number: u32,
    /// The data that may take it.
    takes: u64,
    tls: bool,
    user_facing: bool,
}

/// Workflows as numbers. A datum is a bit.
#[derive(Default)]
struct Graph {
    nodes: Vec<Node>,
    held: Vec<u64>,
    edges: Vec<Edge>,
    /// The data of each class.
    of_class: [u64; 16],
}

#[derive(Default)]
struct Found {
    lines: String,
    violations: usize,
    pairs: usize,
}

impl Graph {
    fn clear(&mut self) {
        self.nodes.clear();
        self.held.clear();
        self.edges.clear();
        self.of_class = [0; 16];
    }

    fn data(&self, mut classes: u16) -> u64 {
        let mut data = 0;
        while classes != 0 {
            data |= self.of_class[classes.trailing_zeros() as usize];
            classes &= classes - 1;
        }
        data
    }

    fn add(&mut self, node: Node) {
        self.nodes.push(node);
        self.held.push(0);
    }

    /// Adds a workflow. A name that is not its own is a shared node, whose number `shared` knows.
    fn take(&mut self, workflow: &Workflow<'_>, file: u32, shared: impl Fn(&str) -> Option<u32>) {
        let first = self.nodes.len();
        let mut names: Vec<&str> = Vec::with_capacity(12);
        let mut data = 0;
        for (name, source) in &workflow.sources.0 {
            names.push(name);
            self.add(Node::default());
            for class in &source.fields.0 {
                self.of_class[usize::from(*class)] |= 1 << data;
                self.held[first + names.len() - 1] |= 1 << data;
                data += 1;
            }
        }
        for (name, step) in &workflow.steps.0 {
            names.push(name);
            self.add(Node::step(step.removes.0));
        }
        let recipients = [
            (&workflow.endpoints, Node::endpoint as fn(&Recipient<'_>) -> Node),
            (&workflow.logs, Node::log),
            (&workflow.outputs, Node::output),
        ];
        for (section, node) in recipients {
            for (name, about) in &section.0 {
                names.push(name);
                self.add(node(about));
            }
        }
        for (name, _) in workflow.stores.0.iter().chain(&workflow.reviewers.0) {
            names.push(name);
            self.add(Node::default());
        }
        let number = |name: &str| match names.iter().position(|known| *known == name) {
            Some(at) => (first + at) as u32,
            None => shared(name).unwrap_or_else(|| panic!("no node `{name}`")),
        };
        for (n, flow) in workflow.flows.iter().enumerate() {
            let takes = flow.fields.0.map_or(u64::MAX, u64::from);
            let (from, to) = (number(flow.from), number(flow.to));
            self.edges.push(Edge { from, to, file, number: n as u32, takes, tls: flow.tls, user_facing: flow.user_facing });
        }
    }

    /// Sweeps until nothing moves.
    fn propagate(&mut self) {
        let removes: Vec<u64> = self.nodes.iter().map(|node| self.data(node.removes)).collect();
        let mut moved = true;
        while moved {
            moved = false;
            for edge in &self.edges {
                let arrives = self.held[edge.from as usize] & edge.takes & !removes[edge.to as usize];
                let held = &mut self.held[edge.to as usize];
                moved |= arrives & !*held != 0;
                *held |= arrives;
            }
        }
    }

    fn judge(&self, edges: &[Edge], file: impl Fn(u32) -> String, found: &mut Found) {
        for edge in edges {
            let (from, to) = (&self.nodes[edge.from as usize], &self.nodes[edge.to as usize]);
            let crossing = self.held[edge.from as usize] & edge.takes;
            for (rule, refused) in to.refuses.iter().enumerate() {
                let refused = match rule {
                    PLAIN if edge.tls => 0,
                    PLAIN => FINANCIAL,
                    UNREVIEWED if !from.endpoint => 0,
                    BATCH if !edge.user_facing => 0,
                    _ => *refused,
                };
                let count = if refused == 0 { 0 } else { (self.data(refused) & crossing).count_ones() };
                if count > 0 {
                    found.violations += count as usize;
                    found.pairs += 1;
                    let _ = writeln!(found.lines, "{}\t{}\t{}\t{count}", RULES[rule], file(edge.file), edge.number);
                }
            }
        }
    }
}

/// The lake's nodes by name, and what each removes; its first is the source of all classes.
fn shared_nodes(project: &str) -> (HashMap<&str, u32>, Vec<Node>) {
    let (mut names, mut nodes) = (HashMap::from([("classes", 0)]), vec![Node::default()]);
    for line in project.lines().filter(|line| line.starts_with("  lake-")) {
        let (name, about) = line.trim_start().split_once(": ").unwrap_or_default();
        let list = about.split_once("removes: [").and_then(|(_, list)| list.split_once(']')).map_or("", |(list, _)| list);
        let classes = list.split(", ").filter_map(|id| CLASSES.iter().position(|class| id.strip_prefix("bench.") == Some(class)));
        names.insert(name, nodes.len() as u32);
        nodes.push(Node::step(classes.fold(0, |all, class| all | 1 << class)));
    }
    (names, nodes)
}

fn read<'b>(path: &Path, buffer: &'b mut Vec<u8>) -> io::Result<Workflow<'b>> {
    buffer.clear();
    fs::File::open(path)?.read_to_end(buffer)?;
    serde_json::from_slice(buffer).map_err(|e| io::Error::other(format!("{}: {e}", path.display())))
}

/// Each workflow for itself, and gone before the next.
fn alone(files: &[PathBuf], folder: &Path) -> io::Result<Found> {
    let (mut graph, mut found, mut buffer) = (Graph::default(), Found::default(), Vec::new());
    for path in files {
        let workflow = read(path, &mut buffer)?;
        graph.clear();
        graph.take(&workflow, 0, |_| None);
        graph.propagate();
        graph.judge(&graph.edges, |_| name(path, folder), &mut found);
    }
    Ok(found)
}

/// All workflows as one graph. A datum is a class.
fn joined(files: &[PathBuf], folder: &Path, project: &str) -> io::Result<Vec<Found>> {
    const SHARED: u32 = 1 << 31;
    let (names, nodes) = shared_nodes(project);
    let first: HashMap<&Path, u32> = files.iter().enumerate().map(|(n, path)| (path.as_path(), n as u32)).collect();
    let parts = floor::on_each_core(files, |part| -> io::Result<Graph> {
        let (mut graph, mut buffer) = (Graph::default(), Vec::new());
        for path in part {
            let workflow = read(path, &mut buffer)?;
            graph.take(&workflow, first[path.as_path()], |name| names.get(name).map(|number| number | SHARED));
        }
        Ok(graph)
    });
    let mut graph = Graph { held: vec![0; nodes.len()], nodes, of_class: std::array::from_fn(|class| 1 << class), ..Graph::default() };
    graph.held[0] = u64::from(u16::MAX);
    for part in parts {
        let part = part?;
        let base = graph.nodes.len() as u32;
        let number = |number: u32| if number & SHARED == 0 { number + base } else { number & !SHARED };
        graph.nodes.extend(part.nodes);
        graph.held.extend(part.held);
        graph.edges.extend(part.edges.into_iter().map(|edge| Edge { from: number(edge.from), to: number(edge.to), ..edge }));
    }
    graph.propagate();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let graph = &graph;
    Ok(std::thread::scope(|scope| {
        let parts = graph.edges.chunks(graph.edges.len().div_ceil(cores).max(1)).map(|edges| {
            scope.spawn(move || {
                let mut found = Found::default();
                graph.judge(edges, |file| name(&files[file as usize], folder), &mut found);
                found
            })
        });
        let parts: Vec<_> = parts.collect();
        parts.into_iter().map(|part| part.join().expect("a part panicked")).collect()
    }))
}

fn name(path: &Path, folder: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).display().to_string()
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, out] = arguments.as_slice() else {
        return Err(io::Error::other("usage: floor PROJECT OUT"));
    };
    let folder = Path::new(folder);
    let project = fs::read_to_string(folder.join("flowgate.yaml"))?;
    let files = floor::files(&folder.join("flows"))?;
    let found = if project.contains("\nsteps:") {
        joined(&files, folder, &project)?
    } else {
        floor::on_each_core(&files, |part| alone(part, folder)).into_iter().collect::<io::Result<_>>()?
    };
    fs::write(out, found.iter().map(|part| part.lines.as_str()).collect::<String>())?;
    let sum = |count: fn(&Found) -> usize| found.iter().map(count).sum::<usize>();
    println!("violations {} edge_rule {}", sum(|f| f.violations), sum(|f| f.pairs));
    Ok(())
}
