//! What a change changed: the differences between two versions of a project, one for each declaration, whatever the files look like. Order, layout,
//! comments, file names and the choice of YAML or JSON are no difference. Never judges.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::load::{Document, Folder, Format, Kind, Limits, Value};
use crate::problem::{Place, Problem, Span, why};
use crate::project::Project;

/// One changed declaration.
#[derive(Clone, Debug)]
pub struct Change {
    /// What it is called: `flows[ehr → redact].fields`, in the words of the files.
    pub name: String,
    /// Where it stands now, and what happened to it. What was removed points at what it was removed from.
    pub place: Place,
    /// The first part of its path; `workflow`, `project file` or `waivers file` where a whole file came or went; `pack`, `permit` or `document` for any other file.
    pub section: String,
    /// Where it is.
    pub slot: Slot,
    /// All of what was added, for what was.
    added: Option<Span>,
    undo: Undo,
}

impl Change {
    /// Nobody can tell whether it is one, for the file cannot be read.
    #[must_use]
    pub fn unread(&self) -> Option<Problem> {
        let way_out = "see that it can be read, then and now: what is compared must be";
        let problem =
            || Problem::new("base/unread", self.place.label.clone()).at(&self.place.file, self.place.span, "compared with the base");
        matches!(self.undo, Undo::Unread).then(|| problem().help(way_out))
    }

    /// Where it brought something about: at the place itself where that was added with it, else where the change stands.
    #[must_use]
    pub fn cause_of(&self, place: &Place) -> Place {
        let same = place.file.name == self.place.file.name;
        match self.added.filter(|added| same && added.start <= place.span.start && place.span.end <= added.end) {
            Some(_) => Place { label: self.place.label.clone(), ..place.clone() },
            None => self.place.clone(),
        }
    }
}

/// A file that can hold a change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// `flowgate.yaml`.
    Project,
    /// `flowgate.waivers.yaml`.
    Waivers,
    /// A workflow, by its id.
    Workflow(String),
    /// Any other file a check reads, by its name: a private pack's, the permit list, a document.
    Other(String),
}

/// How to get the base's version of a declaration back.
#[derive(Clone, Debug)]
enum Undo {
    /// Put this in its place, or take it away.
    Inside(Vec<Step>, Option<Json>),
    /// Add this to a list.
    Append(Vec<Step>, Json),
    /// Put this file in its place, or take it away.
    Whole(Option<Document>),
    /// Read this file from the base.
    Other,
    /// Nobody can: the file cannot be read, then or now.
    Unread,
}

/// A step into a document as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Item(usize),
}

/// Lists of maps whose entries stand for themselves, whatever their order, and the keys that tell them apart.
const UNORDERED: [(&str, &[&str]); 2] = [("flows", &["from", "to"]), ("waivers", &["rule", "workflow"])];

/// Sections whose values a report may show: they say what is asked, and of nobody.
const SHOWN: [&str; 5] = ["stage", "as_of", "severity", "permit", "waivers"];

/// All changes from `base` to `head`, by file and place.
#[must_use]
pub fn changes(base: &Project, head: &Project) -> Vec<Change> {
    let mut found = Vec::new();
    one(Slot::Project, base.file.as_ref(), head.file.as_ref(), head, &mut found);
    one(Slot::Waivers, base.waivers.as_ref(), head.waivers.as_ref(), head, &mut found);
    let (before, after) = (by_id(base), by_id(head));
    let ids: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for id in ids {
        one(Slot::Workflow(id.clone()), before.get(id).copied(), after.get(id).copied(), head, &mut found);
    }
    others(base, head, &mut found);
    found.sort_by(|a, b| (&a.slot, &a.place.file.name, a.place.span, &a.name).cmp(&(&b.slot, &b.place.file.name, b.place.span, &b.name)));
    found
}

/// The project as it is now, with some changes taken back.
#[must_use]
pub fn undone(base: &Project, head: &Project, taken_back: &[&Change]) -> Project {
    let mut project = head.clone();
    let mut inside: BTreeMap<&Slot, Vec<&Undo>> = BTreeMap::new();
    let mut from_base = BTreeSet::new();
    for change in taken_back {
        match (&change.undo, &change.slot) {
            (Undo::Whole(document), slot) => replace(&mut project, slot, document.clone()),
            (Undo::Other, Slot::Other(name)) => {
                from_base.insert(name.clone());
            }
            (Undo::Unread, _) => {}
            (undo, slot) => inside.entry(slot).or_default().push(undo),
        }
    }
    for (slot, undos) in inside {
        if let Some(document) = find(head, slot) {
            let rebuilt = rebuilt(document, &undos);
            replace(&mut project, slot, rebuilt);
        }
    }
    if let (false, Some(here), Some(there)) = (from_base.is_empty(), &head.folder, &base.folder) {
        project.folder = Some(Folder::Mixed { here: Box::new(here.clone()), there: Box::new(there.clone()), from_there: from_base });
    }
    project
}

/// Workflows by id; one without an id, or with one that is taken, by its file's name.
fn by_id(project: &Project) -> BTreeMap<String, &Document> {
    let mut known = BTreeMap::new();
    for document in &project.workflows {
        let id = document.root().get("workflow").and_then(Value::as_str).unwrap_or(&document.file().name);
        let id = if known.contains_key(id) { &document.file().name } else { id };
        known.insert(id.to_owned(), document);
    }
    known
}

fn find<'p>(project: &'p Project, slot: &Slot) -> Option<&'p Document> {
    match slot {
        Slot::Project => project.file.as_ref(),
        Slot::Waivers => project.waivers.as_ref(),
        Slot::Workflow(id) => by_id(project).get(id).copied(),
        Slot::Other(_) => None,
    }
}

fn replace(project: &mut Project, slot: &Slot, document: Option<Document>) {
    match slot {
        Slot::Project => project.file = document,
        Slot::Waivers => project.waivers = document,
        Slot::Workflow(id) => {
            let old = by_id(project).get(id).map(|d| d.file().name.clone());
            project.workflows.retain(|d| Some(&d.file().name) != old.as_ref());
            project.workflows.extend(document);
            project.workflows.sort_by(|a, b| a.file().name.cmp(&b.file().name));
        }
        Slot::Other(_) => {}
    }
}

fn one(slot: Slot, base: Option<&Document>, head: Option<&Document>, project: &Project, found: &mut Vec<Change>) {
    let noun = match &slot {
        Slot::Project => "project file",
        Slot::Waivers => "waivers file",
        Slot::Workflow(_) => "workflow",
        Slot::Other(_) => "file",
    };
    match (base, head) {
        (Some(base), Some(head)) if base.file().text == head.file().text => {}
        (Some(base), Some(head)) => {
            let mut differ = Differ { slot, head, found };
            differ.values(&mut Vec::new(), String::new(), base.root(), head.root());
        }
        (None, Some(head)) => {
            let span = head.root().entries().find_map(|(_, v)| v.key_span()).unwrap_or_default();
            let place = Place::new(head.file(), span, format!("this {noun} was added"));
            let all = Some(Span::new(0, head.file().text.len()));
            found.push(Change { name: noun.to_owned(), place, section: noun.to_owned(), slot, added: all, undo: Undo::Whole(None) });
        }
        (Some(base), None) => {
            // Nothing of it is left: the project file stands for what it was a part of.
            let file = project.file.as_ref().map_or(base.file(), Document::file);
            let name = base.file().name.clone();
            let place = Place::new(file, Span::default(), format!("`{name}` was removed"));
            found.push(Change { name, place, section: noun.to_owned(), slot, added: None, undo: Undo::Whole(Some(base.clone())) });
        }
        (None, None) => {}
    }
}

/// Files that are no declarations: by their bytes.
fn others(base: &Project, head: &Project, found: &mut Vec<Change>) {
    let (Some(there), Some(here)) = (&base.folder, &head.folder) else { return };
    let hidden = base.hidden_documents().map(|name| ("document", name));
    let names: BTreeMap<String, &'static str> =
        hidden.chain(base.other_files()).chain(head.other_files()).map(|(kind, name)| (name, kind)).collect();
    for (name, kind) in names {
        const LIMIT: usize = 1 << 30;
        // A name that leads out is no file of the project, which checking it says.
        let read = |folder: &Folder| match folder.read(&name, LIMIT) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(_) if folder.lacks(&name) || folder.leads_out(&name) => Ok(None),
            Err(error) => Err(error),
        };
        let (before, after) = (read(there), read(here));
        let (word, undo) = match (&before, &after) {
            (Err(error), _) | (_, Err(error)) => (format!("cannot be read: {}", why(error)), Undo::Unread),
            (Ok(before), Ok(after)) if before == after => continue,
            (Ok(None), _) => ("was added".to_owned(), Undo::Other),
            (_, Ok(None)) => ("was removed".to_owned(), Undo::Other),
            _ => ("was changed".to_owned(), Undo::Other),
        };
        let after = after.ok().flatten();
        let text = after.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let file = std::sync::Arc::new(crate::problem::SourceFile { name: name.clone(), text });
        let place = Place::new(&file, Span::default(), format!("`{name}` {word}"));
        found.push(Change { name: name.clone(), place, section: kind.to_owned(), slot: Slot::Other(name), added: None, undo });
    }
}

struct Differ<'f, 'd> {
    slot: Slot,
    head: &'d Document,
    found: &'f mut Vec<Change>,
}

impl<'d> Differ<'_, 'd> {
    fn values(&mut self, path: &mut Vec<Step>, name: String, base: Value<'d>, head: Value<'d>) {
        match (base.kind(), head.kind()) {
            (Kind::Map, Kind::Map) => self.maps(path, &name, base, head),
            (Kind::List, Kind::List) if self.lists(path, &name, base, head) => {}
            _ if base.to_json() == head.to_json() => {}
            _ => {
                // What is asked is named with its values; what is declared may be about people.
                let section = name.split(['.', '[']).next().unwrap_or_default();
                let values = base.as_str().zip(head.as_str()).filter(|_| SHOWN.contains(&section));
                let label = match values {
                    Some((before, after)) => format!("`{name}` was changed from `{before}` to `{after}`"),
                    None => format!("`{name}` was changed"),
                };
                let undo = Undo::Inside(path.clone(), Some(base.to_json()));
                self.push(name, whole(head), label, undo);
            }
        }
    }

    fn maps(&mut self, path: &mut Vec<Step>, name: &str, base: Value<'d>, head: Value<'d>) {
        for (key, after) in head.entries() {
            let name = joined(name, key);
            path.push(Step::Key(key.to_owned()));
            match base.get(key) {
                Some(before) => self.values(path, name, before, after),
                None => {
                    let label = format!("`{name}` was added");
                    self.added(name, after, label, path);
                }
            }
            path.pop();
        }
        for (key, before) in base.entries().filter(|(key, _)| head.get(key).is_none()) {
            let name = joined(name, key);
            path.push(Step::Key(key.to_owned()));
            let label = format!("`{name}` was removed");
            self.push(name, container(head), label, Undo::Inside(path.clone(), Some(before.to_json())));
            path.pop();
        }
    }

    /// Lists whose order means nothing, entry by entry; false for any other list.
    fn lists(&mut self, path: &mut Vec<Step>, name: &str, base: Value<'d>, head: Value<'d>) -> bool {
        let plain = |list: Value<'d>| list.items().all(|v| !matches!(v.kind(), Kind::List | Kind::Map));
        let keys = UNORDERED.iter().find(|(list, _)| *list == name).map(|(_, keys)| *keys);
        if keys.is_none() && !(plain(base) && plain(head)) {
            return false;
        }
        let mut before: Vec<(Value<'d>, Json)> = base.items().map(|v| (v, v.to_json())).collect();
        let mut after: Vec<(usize, Value<'d>, Json)> = head.items().enumerate().map(|(n, v)| (n, v, v.to_json())).collect();
        after.retain(|(_, _, json)| match before.iter().position(|(_, b)| b == json) {
            Some(at) => {
                before.remove(at);
                false
            }
            None => true,
        });
        for (at, value, json) in after {
            let called = format!("{name}[{}]", title(value, keys));
            path.push(Step::Item(at));
            let same = |b: &Json| keys.is_some_and(|keys| keys.iter().all(|k| b.get(k) == json.get(k)));
            match before.iter().position(|(_, b)| same(b)) {
                Some(found) => {
                    let (old, _) = before.remove(found);
                    self.values(path, called, old, value);
                }
                None => {
                    let label = format!("`{called}` was added");
                    self.added(called, value, label, path);
                }
            }
            path.pop();
        }
        for (value, json) in before {
            let called = format!("{name}[{}]", title(value, keys));
            let label = format!("`{called}` was removed");
            self.push(called, container(head), label, Undo::Append(path.clone(), json));
        }
        true
    }

    fn added(&mut self, name: String, value: Value<'d>, label: String, path: &[Step]) {
        self.push(name, whole(value), label, Undo::Inside(path.to_vec(), None));
        if let Some(change) = self.found.last_mut() {
            let start = value.key_span().unwrap_or(value.span()).start;
            change.added = Some(Span { start, end: value.span().end });
        }
    }

    fn push(&mut self, name: String, span: Span, label: String, undo: Undo) {
        let place = Place::new(self.head.file(), span, label);
        let section = name.split(['.', '[']).next().unwrap_or_default().to_owned();
        self.found.push(Change { name, place, section, slot: self.slot.clone(), added: None, undo });
    }
}

fn joined(name: &str, key: &str) -> String {
    if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") }
}

/// What a list's entry is called: its ends, its rule, or its own text.
fn title(value: Value<'_>, keys: Option<&[&str]>) -> String {
    let of = |key: &&str| value.get(key).and_then(Value::as_str);
    let words: Vec<&str> = keys.unwrap_or_default().iter().filter_map(of).collect();
    if words.is_empty() { value.as_str().unwrap_or("an entry").to_owned() } else { words.join(" → ") }
}

/// Key and value of what is short, the key alone of what has parts of its own.
fn whole(value: Value<'_>) -> Span {
    let span = value.span();
    match value.key_span() {
        None => span,
        Some(key) if matches!(value.kind(), Kind::List | Kind::Map) => key,
        Some(key) => Span { start: key.start, end: span.end.max(key.end) },
    }
}

/// What something was removed from: its key, or its first one.
fn container(value: Value<'_>) -> Span {
    value
        .key_span()
        .or_else(|| value.entries().find_map(|(_, v)| v.key_span()))
        .unwrap_or_else(|| Span::new(value.span().start as usize, value.span().start as usize))
}

/// A document with changes taken back; none where what is left cannot be read, which ends as a problem of the whole. Its parts have been read within
/// the limits of the check.
fn rebuilt(document: &Document, undos: &[&Undo]) -> Option<Document> {
    let mut json = document.root().to_json();
    let mut emptied: Vec<&[Step]> = Vec::new();
    for undo in undos {
        match undo {
            Undo::Inside(path, value) => {
                let (Some((last, parents)), value) = (path.split_last(), value) else { continue };
                let Some(parent) = descend(&mut json, parents) else { continue };
                match (last, value) {
                    (Step::Key(key), Some(value)) => {
                        if let Some(map) = parent.as_object_mut() {
                            map.insert(key.clone(), value.clone());
                        }
                    }
                    (Step::Key(key), None) => {
                        if let Some(map) = parent.as_object_mut() {
                            map.shift_remove(key);
                        }
                    }
                    (Step::Item(at), value) => {
                        if let Some(slot) = parent.get_mut(*at) {
                            // Places of the other entries must hold until all is done.
                            *slot = value.clone().unwrap_or(Json::Null);
                            emptied.push(parents);
                        }
                    }
                }
            }
            Undo::Append(path, value) => {
                if let Some(list) = descend(&mut json, path).and_then(Json::as_array_mut) {
                    list.push(value.clone());
                }
            }
            Undo::Whole(_) | Undo::Other | Undo::Unread => {}
        }
    }
    for path in emptied {
        if let Some(list) = descend(&mut json, path).and_then(Json::as_array_mut) {
            list.retain(|item| !item.is_null());
        }
    }
    Document::parse(&document.file().name, json.to_string().into_bytes(), Format::Json, &Limits::most()).ok()
}

fn descend<'j>(json: &'j mut Json, path: &[Step]) -> Option<&'j mut Json> {
    path.iter().try_fold(json, |json, step| match step {
        Step::Key(key) => json.get_mut(key),
        Step::Item(at) => json.get_mut(at),
    })
}
