//! The taxonomy: classes, labels and step types as data, with the closure of what lies above and below each. Knows none of them by name.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids;
use crate::load::{Document, Value};
use crate::problem::{Problem, did_you_mean};
use crate::table::{Id as _, Table};

ids! {
    /// A class, label or case type.
    LabelId,
}

/// What a [`LabelId`] stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LabelKind {
    /// A class of the taxonomy, written by teams.
    Class,
    /// A contextual or state label, given by packs and steps.
    Label,
    /// A case type of some workflow.
    Case,
}

/// A set of classes, labels and case types.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelSet(Vec<u64>);

impl LabelSet {
    /// Puts one in.
    pub fn insert(&mut self, id: LabelId) {
        let word = id.row() / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(w) = self.0.get_mut(word) {
            *w |= 1 << (id.row() % 64);
        }
    }

    /// Is it in?
    #[must_use]
    pub fn contains(&self, id: LabelId) -> bool {
        self.0.get(id.row() / 64).is_some_and(|w| w >> (id.row() % 64) & 1 == 1)
    }

    /// Nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let len = self.0.len().max(other.0.len());
        Self((0..len).map(|i| self.word(i) | other.word(i)).collect())
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self::trimmed((0..self.0.len()).map(|i| self.word(i) & other.word(i)).collect())
    }

    /// What is in this one only.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self::trimmed((0..self.0.len()).map(|i| self.word(i) & !other.word(i)).collect())
    }

    /// Something is in both.
    #[must_use]
    pub fn intersects(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }

    /// All of it is in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        (0..self.0.len()).all(|i| self.word(i) & !other.word(i) == 0)
    }

    /// What is in it, in order.
    pub fn iter(&self) -> impl Iterator<Item = LabelId> + '_ {
        self.0.iter().enumerate().flat_map(|(i, w)| (0..64).filter(move |b| w >> b & 1 == 1).map(move |b| LabelId::of(i * 64 + b)))
    }

    fn word(&self, i: usize) -> u64 {
        self.0.get(i).copied().unwrap_or(0)
    }

    // INVARIANT: the last word is never zero, so that equal sets are equal vectors.
    fn trimmed(mut words: Vec<u64>) -> Self {
        while words.last() == Some(&0) {
            words.pop();
        }
        Self(words)
    }
}

impl FromIterator<LabelId> for LabelSet {
    fn from_iter<I: IntoIterator<Item = LabelId>>(ids: I) -> Self {
        let mut set = Self::default();
        for id in ids {
            set.insert(id);
        }
        set
    }
}

/// One entry of the taxonomy, as its page shows it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Dotted id, or a case type's name.
    pub name: String,
    /// What it stands for.
    pub kind: LabelKind,
    /// Short name.
    pub title: String,
    /// One line.
    pub description: String,
    /// Law or standard behind it.
    pub source: String,
    /// Itself and everything above it.
    pub above: LabelSet,
    /// Itself and everything below it.
    pub below: LabelSet,
    /// What goes when this is given, with everything below it.
    pub displaces: LabelSet,
    /// It says something good about the whole datum: made of several, a datum carries it only when every part does.
    pub assurance: bool,
    /// Some file declares it (else it is only a dotted prefix of one that is).
    pub declared: bool,
    /// Mappings to other vocabularies, as `name: terms`.
    pub mappings: Vec<(String, String)>,
}

/// A step type: sugar for a list of effects.
#[derive(Clone, Debug)]
pub struct StepType {
    /// One line.
    pub title: String,
    /// It lowers labels only on the surfaces it declares.
    pub scoped_by_surfaces: bool,
    /// The file whose `steps` has it.
    document: Document,
    name: String,
}

impl StepType {
    /// The default outputs: a map of effect lists.
    #[must_use]
    pub fn outputs(&self) -> Option<Value<'_>> {
        self.document.root().get("steps")?.get(&self.name)?.get("outputs")
    }
}

/// All classes, labels and step types.
#[derive(Clone, Debug, Default)]
pub struct Taxonomy {
    entries: Table<LabelId, Entry>,
    by_name: BTreeMap<(LabelKind, String), LabelId>,
    free_text: LabelSet,
    steps: BTreeMap<String, StepType>,
}

impl Taxonomy {
    /// Reads taxonomy documents; ids declared twice and parents that do not exist are problems.
    #[must_use]
    pub fn from_documents(documents: &[Document], problems: &mut Vec<Problem>) -> Self {
        let mut taxonomy = Self::default();
        let mut links: Vec<(LabelId, &Document, Value<'_>, &'static str)> = Vec::new();
        for document in documents {
            for (section, kind) in [("classes", LabelKind::Class), ("labels", LabelKind::Label)] {
                for (name, value) in document.root().get(section).into_iter().flat_map(Value::entries) {
                    let id = taxonomy.add_dotted(kind, name);
                    taxonomy.fill(id, document, value, problems);
                    links.push((id, document, value, if kind == LabelKind::Class { "parents" } else { "displaces" }));
                }
            }
            for (name, value) in document.root().get("steps").into_iter().flat_map(Value::entries) {
                let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                let scoped = value.get("scoped_by_surfaces").and_then(Value::as_bool).unwrap_or(false);
                let step = StepType { title: text("title"), scoped_by_surfaces: scoped, document: document.clone(), name: name.to_owned() };
                if taxonomy.steps.insert(name.to_owned(), step).is_some() {
                    problems.push(twice(document, value, name));
                }
            }
        }
        let mut parents: BTreeMap<LabelId, BTreeSet<LabelId>> = BTreeMap::new();
        for (id, document, value, key) in &links {
            let (id, key) = (*id, *key);
            for item in value.get(key).into_iter().flat_map(Value::items) {
                let kind = taxonomy.entries[id].kind;
                let name = item.as_str().unwrap_or_default();
                match taxonomy.find(kind, name) {
                    Some(other) if key == "parents" => {
                        parents.entry(id).or_default().insert(other);
                    }
                    Some(other) => taxonomy.entries[id].displaces.insert(other),
                    None => problems.push(
                        Problem::new("packs/unknown-label", format!("`{name}` is not declared"))
                            .at(document.file(), item.span(), "not in any taxonomy file")
                            .help(taxonomy.suggest(kind, name)),
                    ),
                }
            }
        }
        taxonomy.close(&parents);
        for (id, document, value, key) in links {
            for item in value.get(key).into_iter().flat_map(Value::items) {
                problems.extend(taxonomy.circle(id, key, document, item));
            }
        }
        problems.extend(documents.iter().flat_map(|d| taxonomy.unknown_effects(d)));
        taxonomy
    }

    /// A class above itself is every class of the circle at once; a label that takes itself away is given to nobody.
    fn circle(&self, id: LabelId, key: &str, document: &Document, item: Value<'_>) -> Option<Problem> {
        let entry = &self.entries[id];
        let other = self.find(entry.kind, item.as_str()?)?;
        let problem = match key {
            "parents" if self.entries[other].above.contains(id) => {
                Problem::new("packs/class-circle", format!("`{}` would lie above itself", entry.name))
                    .at(document.file(), item.span(), "this class lies below it, or is it")
                    .help("take one of the `parents` of the circle out; classes of one meaning are one class")
            }
            "displaces" if other == id => Problem::new("packs/label-displaces-itself", format!("`{}` would take itself away", entry.name))
                .at(document.file(), item.span(), "the label itself")
                .help("name the labels that go when this one is given"),
            _ => return None,
        };
        Some(problem)
    }

    /// Labels and classes that the effects of step types name, and nobody declares.
    fn unknown_effects(&self, document: &Document) -> Vec<Problem> {
        let steps = document.root().get("steps").into_iter().flat_map(Value::entries);
        let outputs = steps.flat_map(|(_, step)| step.get("outputs").into_iter().flat_map(Value::entries));
        let mut todo: Vec<Value<'_>> = outputs.flat_map(|(_, effects)| effects.items()).collect();
        let mut problems = Vec::new();
        while let Some(effect) = todo.pop() {
            let lists = ["add", "remove", "classes", "all", "any"].into_iter().filter_map(|key| effect.get(key)).flat_map(Value::items);
            let single = ["when", "keep", "not", "else"].into_iter().filter_map(|key| effect.get(key));
            for item in lists.chain(single) {
                match item.as_str() {
                    Some(name) if self.find_any(name).is_none() => problems.push(
                        Problem::new("packs/unknown-label", format!("`{name}` is not declared"))
                            .at(document.file(), item.span(), "not in any taxonomy file")
                            .help(self.suggest_any(name)),
                    ),
                    Some(_) => {}
                    None => todo.push(item),
                }
            }
        }
        problems
    }

    /// The class or label of that name.
    #[must_use]
    pub fn find(&self, kind: LabelKind, name: &str) -> Option<LabelId> {
        self.by_name.get(&(kind, name.to_owned())).copied()
    }

    /// A class, else a label of that name.
    #[must_use]
    pub fn find_any(&self, name: &str) -> Option<LabelId> {
        self.find(LabelKind::Class, name).or_else(|| self.find(LabelKind::Label, name))
    }

    /// The entry of an id.
    #[must_use]
    pub fn entry(&self, id: LabelId) -> &Entry {
        &self.entries[id]
    }

    /// All entries.
    pub fn entries(&self) -> impl Iterator<Item = (LabelId, &Entry)> {
        self.entries.iter()
    }

    /// What free text is presumed to hold.
    #[must_use]
    pub fn free_text(&self) -> &LabelSet {
        &self.free_text
    }

    /// Labels that speak for a whole datum.
    #[must_use]
    pub fn assurances(&self) -> LabelSet {
        self.entries.iter().filter(|(_, e)| e.assurance).map(|(id, _)| id).collect()
    }

    /// A step type.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&StepType> {
        self.steps.get(name)
    }

    /// Step types by name.
    pub fn steps(&self) -> impl Iterator<Item = (&str, &StepType)> {
        self.steps.iter().map(|(n, s)| (n.as_str(), s))
    }

    /// Adds a case type, which lies above and below nothing.
    pub fn add_case(&mut self, name: &str) -> LabelId {
        if let Some(id) = self.find(LabelKind::Case, name) {
            return id;
        }
        let id = self.add(LabelKind::Case, name);
        let alone: LabelSet = [id].into_iter().collect();
        self.entries[id].above = alone.clone();
        self.entries[id].below = alone;
        id
    }

    /// Every id in the set and everything above it.
    #[must_use]
    pub fn closure(&self, set: &LabelSet) -> LabelSet {
        set.iter().fold(LabelSet::default(), |all, id| all.union(&self.entries[id].above))
    }

    /// Every id in the set and everything below it.
    #[must_use]
    pub fn below(&self, set: &LabelSet) -> LabelSet {
        set.iter().fold(LabelSet::default(), |all, id| all.union(&self.entries[id].below))
    }

    /// The set after `id` was given: with it, without what it displaces.
    #[must_use]
    pub fn give(&self, set: &LabelSet, given: &LabelSet) -> LabelSet {
        let displaced = given.iter().fold(LabelSet::default(), |all, id| all.union(&self.entries[id].displaces));
        set.difference(&displaced).union(given)
    }

    /// A way out for a name that is neither a class nor a label.
    #[must_use]
    pub fn suggest_any(&self, name: &str) -> String {
        let labels = self.entries.rows().iter().filter(|e| e.kind == LabelKind::Label).map(|e| e.name.as_str());
        let kind = if did_you_mean(name, labels).is_some() { LabelKind::Label } else { LabelKind::Class };
        self.suggest(kind, name)
    }

    /// A way out for a name that is not there.
    #[must_use]
    pub fn suggest(&self, kind: LabelKind, name: &str) -> String {
        let names: Vec<&str> = self.entries.rows().iter().filter(|e| e.kind == kind).map(|e| e.name.as_str()).collect();
        let word = if kind == LabelKind::Label { "label" } else { "class" };
        match did_you_mean(name, names.iter().copied()) {
            None if names.is_empty() => format!("no taxonomy file declares a {word}; a `policies` folder has `classes/`"),
            Some(near) => format!("did you mean `{near}`? `flowgate explain {near}` describes it"),
            None => {
                let roots: BTreeSet<&str> = names.iter().filter_map(|n| n.split('.').next()).collect();
                format!(
                    "every {word} is in one of: {}; `flowgate explain` describes each",
                    roots.into_iter().collect::<Vec<_>>().join(", ")
                )
            }
        }
    }

    fn add(&mut self, kind: LabelKind, name: &str) -> LabelId {
        let id = self.entries.push(Entry {
            name: name.to_owned(),
            kind,
            title: String::new(),
            description: String::new(),
            source: String::new(),
            above: LabelSet::default(),
            below: LabelSet::default(),
            displaces: LabelSet::default(),
            assurance: false,
            declared: false,
            mappings: Vec::new(),
        });
        self.by_name.insert((kind, name.to_owned()), id);
        id
    }

    /// Adds a dotted name and every prefix of it, parents first.
    fn add_dotted(&mut self, kind: LabelKind, name: &str) -> LabelId {
        if let Some(id) = self.find(kind, name) {
            return id;
        }
        if let Some((parent, _)) = name.rsplit_once('.') {
            self.add_dotted(kind, parent);
        }
        self.add(kind, name)
    }

    fn fill(&mut self, id: LabelId, document: &Document, value: Value<'_>, problems: &mut Vec<Problem>) {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let entry = &mut self.entries[id];
        if entry.declared {
            problems.push(twice(document, value, &entry.name));
        }
        entry.declared = true;
        entry.assurance = value.get("assurance").and_then(Value::as_bool).unwrap_or(false);
        entry.title = text("title");
        entry.description = text("description");
        entry.source = text("source");
        if entry.source.is_empty() {
            entry.source = document.root().get("source").and_then(Value::as_str).unwrap_or_default().to_owned();
        }
        for key in ["fideslang", "dpv", "limited_data_set"] {
            if let Some(terms) = value.get(key) {
                let terms: Vec<&str> = terms.as_str().into_iter().chain(terms.items().filter_map(Value::as_str)).collect();
                entry.mappings.push((key.to_owned(), terms.join(", ")));
            }
        }
        if value.get("in_free_text").and_then(Value::as_bool) == Some(true) {
            self.free_text.insert(id);
        }
    }

    /// Computes what is above and below every entry; entries were added parents first, extra parents may be anywhere.
    fn close(&mut self, parents: &BTreeMap<LabelId, BTreeSet<LabelId>>) {
        let direct: Vec<(LabelId, Vec<LabelId>)> = self
            .entries
            .iter()
            .map(|(id, entry)| {
                let dotted = entry.name.rsplit_once('.').and_then(|(parent, _)| self.find(entry.kind, parent));
                (id, dotted.into_iter().chain(parents.get(&id).into_iter().flatten().copied()).collect())
            })
            .collect();
        for id in self.entries.ids() {
            self.entries[id].above.insert(id);
        }
        // Parents may form a cycle only by mistake; the loop still ends because the sets only grow.
        let mut changed = true;
        while changed {
            changed = false;
            for (id, above) in &direct {
                let grown = above.iter().fold(self.entries[*id].above.clone(), |all, p| all.union(&self.entries[*p].above));
                if grown != self.entries[*id].above {
                    self.entries[*id].above = grown;
                    changed = true;
                }
            }
        }
        let above: Vec<(LabelId, LabelSet)> = self.entries.iter().map(|(id, e)| (id, e.above.clone())).collect();
        for (id, set) in &above {
            for ancestor in set.iter() {
                self.entries[ancestor].below.insert(*id);
            }
        }
        let displaced: Vec<(LabelId, LabelSet)> = self.entries.iter().map(|(id, e)| (id, self.below(&e.displaces))).collect();
        for (id, set) in displaced {
            self.entries[id].displaces = set;
        }
    }
}

fn twice(document: &Document, value: Value<'_>, name: &str) -> Problem {
    Problem::new("packs/declared-twice", format!("`{name}` is declared twice"))
        .at(document.file(), value.key_span().unwrap_or(value.span()), "declared again here")
        .help("keep one of the two declarations")
}
