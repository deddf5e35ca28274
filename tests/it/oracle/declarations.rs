//! What the files of a project say, read for the oracle from their JSON alone: the taxonomy with what lies above and below each name, nodes with their
//! lists of effects, flows. Shares only the loader with the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use flowgate::load::{Document, Format, Limits};
use serde_json::Value as Json;

use crate::common::{root, walk};

/// A class (`id.name`), a label (`#redacted`) or a case type (`@urgent`).
pub type Name = Rc<str>;
/// One label set.
pub type Set = BTreeSet<Name>;

/// A YAML file as JSON.
pub fn yaml(path: &Path) -> Json {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Document::parse(&path.to_string_lossy(), bytes, Format::Yaml, &Limits::default()).unwrap().root().to_json()
}

/// Texts of a list, or the one text that stands for a list of one.
pub fn texts(json: Option<&Json>) -> Vec<&str> {
    match json {
        Some(Json::String(text)) => vec![text],
        Some(Json::Array(items)) => items.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

pub fn text<'j>(json: &'j Json, key: &str) -> Option<&'j str> {
    json.get(key).and_then(Json::as_str)
}

fn entries<'j>(json: &'j Json, key: &str) -> Vec<(&'j str, &'j Json)> {
    json.get(key).and_then(Json::as_object).into_iter().flatten().map(|(k, v)| (k.as_str(), v)).collect()
}

/// The taxonomy.
#[derive(Default)]
pub struct Lexicon {
    /// Directly above each name.
    parents: BTreeMap<Name, BTreeSet<Name>>,
    below: BTreeMap<Name, Set>,
    displaces: BTreeMap<Name, Set>,
    pub assurances: Set,
    pub free_text: Set,
    /// Step types: whether they keep to their surfaces, and their effects.
    steps: BTreeMap<String, (bool, Json)>,
}

impl Lexicon {
    /// Reads every taxonomy file of the repository.
    pub fn read() -> Self {
        let mut lexicon = Self::default();
        let mut files = walk(&root().join("policies/classes"));
        files.extend(walk(&root().join("policies/packs")).into_iter().filter(|f| f.components().any(|c| c.as_os_str() == "classes")));
        for file in files {
            let json = yaml(&file);
            for (section, mark) in [("classes", ""), ("labels", "#")] {
                for (name, entry) in entries(&json, section) {
                    lexicon.entry(mark, name, entry);
                }
            }
            for (name, step) in entries(&json, "steps") {
                let scoped = step.get("scoped_by_surfaces").and_then(Json::as_bool) == Some(true);
                lexicon.steps.insert(name.to_owned(), (scoped, step["outputs"].clone()));
            }
        }
        let names: Vec<Name> = lexicon.parents.keys().cloned().collect();
        for name in &names {
            for above in lexicon.above(name) {
                lexicon.below.entry(above).or_default().insert(name.clone());
            }
        }
        lexicon
    }

    fn entry(&mut self, mark: &str, name: &str, entry: &Json) {
        // A dotted name implies its prefixes.
        let mut at = name;
        while let Some((parent, _)) = at.rsplit_once('.') {
            self.parents.entry(format!("{mark}{at}").into()).or_default().insert(format!("{mark}{parent}").into());
            at = parent;
        }
        self.parents.entry(format!("{mark}{at}").into()).or_default();
        let own: Name = format!("{mark}{name}").into();
        let named = |key: &str| texts(entry.get(key)).into_iter().map(|n| Name::from(format!("{mark}{n}"))).collect::<Set>();
        self.parents.entry(own.clone()).or_default().extend(named("parents"));
        self.displaces.insert(own.clone(), named("displaces"));
        if entry.get("assurance") == Some(&Json::Bool(true)) {
            self.assurances.insert(own.clone());
        }
        if entry.get("in_free_text") == Some(&Json::Bool(true)) {
            self.free_text.insert(own);
        }
    }

    /// A name and everything above it.
    pub fn above(&self, name: &Name) -> Set {
        let mut above = Set::from([name.clone()]);
        for parent in self.parents.get(name).into_iter().flatten() {
            above.extend(self.above(parent));
        }
        above
    }

    /// A set with everything above its members.
    pub fn closed(&self, set: &Set) -> Set {
        set.iter().flat_map(|n| self.above(n)).collect()
    }

    /// Names and everything below them.
    pub fn below(&self, names: &Set) -> Set {
        names.iter().flat_map(|n| self.below.get(n).into_iter().flatten().cloned()).collect()
    }

    /// What goes when these are given.
    pub fn displaced(&self, names: &Set) -> Set {
        self.below(&names.iter().flat_map(|n| self.displaces.get(n).into_iter().flatten().cloned()).collect())
    }

    /// The class of that name, else the label.
    pub fn find(&self, name: &str) -> Option<Name> {
        [name.to_owned(), format!("#{name}")].iter().find_map(|n| self.parents.get_key_value(n.as_str())).map(|(n, _)| n.clone())
    }

    pub fn named(&self, names: Vec<&str>) -> Set {
        names.into_iter().filter_map(|n| self.find(n)).collect()
    }
}

/// Anything data can be at.
pub struct Node {
    /// `workflow/id`, or `/id` for a shared node.
    pub key: String,
    pub id: String,
    pub kind: &'static str,
    pub workflow: Option<String>,
    /// What the team wrote; null for a copy the provider keeps.
    pub json: Json,
    pub copy_of: Option<String>,
    /// The provider's profile.
    pub profile: Json,
    /// Outputs and their effects, sugar expanded.
    pub outputs: Vec<(String, Vec<Json>)>,
    /// The surfaces its effects keep to.
    pub scope: Option<Vec<String>>,
}

/// A flow.
pub struct Flow {
    pub workflow: String,
    /// Its place under `flows`; none for a copy.
    pub place: Option<usize>,
    pub from: String,
    pub to: String,
    /// `(source, name)`; none: everything.
    pub fields: Option<Vec<(Option<String>, String)>>,
    pub output: Option<String>,
    pub input: String,
    pub cases: Set,
}

/// A project.
pub struct Model {
    pub project: Json,
    pub workflows: BTreeMap<String, Json>,
    pub nodes: BTreeMap<String, Node>,
    pub flows: Vec<Flow>,
}

const KINDS: [(&str, &str); 7] = [
    ("sources", "source"),
    ("steps", "step"),
    ("endpoints", "endpoint"),
    ("stores", "store"),
    ("logs", "log"),
    ("outputs", "output"),
    ("reviewers", "reviewer"),
];

impl Model {
    pub fn read(lexicon: &Lexicon, project: Json, workflows: Vec<Json>) -> Self {
        let workflows = workflows.into_iter().map(|w| (text(&w, "workflow").unwrap().to_owned(), w)).collect();
        let mut model = Self { project, workflows, nodes: BTreeMap::new(), flows: Vec::new() };
        model.nodes_of(lexicon, None, &model.project.clone());
        for (id, json) in model.workflows.clone() {
            model.nodes_of(lexicon, Some(&id), &json);
        }
        for (id, json) in model.workflows.clone() {
            for (place, flow) in json.get("flows").and_then(Json::as_array).into_iter().flatten().enumerate() {
                let named = |n: &str| n.split_once('.').map_or((None, n.to_owned()), |(s, f)| (Some(s.to_owned()), f.to_owned()));
                let all = text(flow, "fields") == Some("*");
                let cases = flow.get("case_types").or(json.get("case_types"));
                model.flows.push(Flow {
                    workflow: id.clone(),
                    place: Some(place),
                    from: model.key(&id, text(flow, "from").unwrap()),
                    to: model.key(&id, text(flow, "to").unwrap()),
                    fields: (!all).then(|| texts(flow.get("fields")).into_iter().map(named).collect()),
                    output: text(flow, "output").map(str::to_owned),
                    input: text(flow, "input").unwrap_or("default").to_owned(),
                    cases: case_names(cases),
                });
            }
        }
        model.copies();
        model
    }

    fn key(&self, workflow: &str, id: &str) -> String {
        let own = format!("{workflow}/{id}");
        if self.nodes.contains_key(&own) { own } else { format!("/{id}") }
    }

    fn nodes_of(&mut self, lexicon: &Lexicon, workflow: Option<&str>, file: &Json) {
        for (section, kind) in KINDS {
            for (id, json) in entries(file, section) {
                let service = text(json, "service").map(|s| yaml(&root().join("policies/providers").join(format!("{s}.yaml"))));
                let mut node = Node {
                    key: format!("{}/{id}", workflow.unwrap_or_default()),
                    id: id.to_owned(),
                    kind,
                    workflow: workflow.map(str::to_owned),
                    json: json.clone(),
                    copy_of: None,
                    profile: service.unwrap_or(Json::Null),
                    outputs: Vec::new(),
                    scope: None,
                };
                (node.outputs, node.scope) = outputs(lexicon, &node);
                self.nodes.insert(node.key.clone(), node);
            }
        }
    }

    /// Copies that nodes declare or that their providers keep, and the flows that fill them.
    fn copies(&mut self) {
        let mut added = Vec::new();
        for node in self.nodes.values() {
            let provided = node.profile.get("copies").cloned().unwrap_or(Json::Null);
            let own = node.json.get("copies").cloned().unwrap_or(Json::Null);
            let names: BTreeSet<&String> = [&own, &provided].into_iter().filter_map(Json::as_object).flat_map(|c| c.keys()).collect();
            for name in names {
                let kind = own[name].get("kind").or(provided[name].get("kind")).and_then(Json::as_str);
                let copy = Node {
                    key: format!("{}.{name}", node.key),
                    id: format!("{}.{name}", node.id),
                    kind: if kind == Some("log") { "log" } else { "store" },
                    workflow: node.workflow.clone(),
                    json: own[name].clone(),
                    copy_of: Some(node.key.clone()),
                    profile: Json::Null,
                    outputs: passes_on(),
                    scope: None,
                };
                let receives = provided[name].get("receives").filter(|_| node.json.get("outputs").is_none());
                added.push((copy, receives.map(|r| texts(Some(r)).into_iter().map(|n| (None, n.to_owned())).collect::<Vec<_>>())));
            }
        }
        for (copy, receives) in added {
            let of = copy.copy_of.clone().unwrap();
            let users = |end: fn(&Flow) -> &str| {
                self.flows.iter().filter(|f| f.place.is_some() && end(f) == of).map(|f| f.workflow.clone()).collect::<BTreeSet<_>>()
            };
            let mut workflows: BTreeSet<String> = copy.workflow.iter().cloned().collect();
            if copy.workflow.is_none() {
                workflows = users(|f| &f.to);
                if workflows.is_empty() {
                    workflows = users(|f| &f.from);
                }
            }
            for workflow in workflows {
                let cases = case_names(self.workflows[&workflow].get("case_types"));
                let (from, to, fields) = (of.clone(), copy.key.clone(), receives.clone());
                let input = "default".to_owned();
                self.flows.push(Flow { workflow, place: None, from, to, fields, output: None, input, cases });
            }
            self.nodes.insert(copy.key.clone(), copy);
        }
    }

    /// The party that runs a node, when somebody says so.
    pub fn operator<'m>(&'m self, node: &'m Node) -> Option<&'m str> {
        let of_copy = || self.operator(self.nodes.get(node.copy_of.as_ref()?)?);
        let of_person = || {
            let person = self.project.get("people")?.get(text(&node.json, "person")?)?;
            text(person, "party").or(Some("acme"))
        };
        let vendor = || text(&node.profile, "vendor").map(|v| if v == "self" { "acme" } else { v });
        text(&node.json, "operator").or_else(vendor).or_else(of_copy).or_else(of_person)
    }

    /// It is run by the project itself, or its workforce.
    pub fn is_self_run(&self, node: &Node) -> bool {
        let relation = self.operator(node).and_then(|o| text(self.project.get("parties")?.get(o)?, "relation"));
        matches!(relation, Some("self" | "workforce"))
    }
}

fn case_names(cases: Option<&Json>) -> Set {
    texts(cases).into_iter().map(|c| Name::from(format!("@{c}"))).collect()
}

fn passes_on() -> Vec<Effects> {
    vec![("default".to_owned(), vec![serde_json::json!({ "forward": "*" })])]
}

/// An output's name and its effects, in order.
type Effects = (String, Vec<Json>);

/// The outputs of a node as lists of effects, and the surfaces they keep to.
fn outputs(lexicon: &Lexicon, node: &Node) -> (Vec<Effects>, Option<Vec<String>>) {
    let step = text(&node.json, "type").filter(|_| node.kind == "step").and_then(|t| lexicon.steps.get(t));
    let scope = step.filter(|(scoped, _)| *scoped).map(|_| texts(node.json.get("surfaces")).into_iter().map(str::to_owned).collect());
    let written = node.json.get("outputs").filter(|_| matches!(node.kind, "step" | "endpoint")).or(step.map(|(_, outputs)| outputs));
    if let Some(Json::Object(outputs)) = written {
        return (outputs.iter().map(|(name, effects)| (name.clone(), effects.as_array().unwrap().clone())).collect(), scope);
    }
    if node.kind == "endpoint" {
        let of_profile = node.profile.get("facts").and_then(|f| f.get("mode")).and_then(|m| text(m, "value"));
        let batch = text(&node.json, "mode").or(of_profile) == Some("batch");
        let names = if batch { vec!["prompt", "completion", "results"] } else { vec!["prompt", "completion"] };
        return (names.into_iter().map(|n| (n.to_owned(), vec![serde_json::json!({ "emit": n, "of": "*" })])).collect(), scope);
    }
    (passes_on(), scope)
}
