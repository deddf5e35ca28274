//! The same project with other names: nodes, fields, workflows, parties, people, agreements and evidence, renamed wherever they are named.

use std::collections::{BTreeMap, BTreeSet};

use flowgate::finding::Finding;
use flowgate::packs::{Library, Selection};
use flowgate::vocabulary::{Attribute, FactType, NameKind, Vocabulary};
use flowgate::{Project, Report};
use serde_json::{Map, Value as Json};

use super::claims::{differences, problems};
use super::hold;
use super::rewrite::{Draft, SECTIONS, section};
use crate::common::essence;

/// What a name is a name of. Names of different kinds may be equal, and are renamed each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Node,
    Field,
    Workflow,
    Party,
    Person,
    Agreement,
    Evidence,
    /// Whatever has that name: what evidence covers, what a waiver is about.
    Any,
}

type Renaming = BTreeMap<(Kind, String), String>;

/// The mark every new name begins with; taken away again, the old name is left.
const MARK: &str = "xq";

/// Renaming changes nothing but names: the same findings about the same things, with the same messages and paths, where the new names sort as the old
/// ones did. Where they sort the other way round the findings are the same, but which of several equal data stands for the others in a message, and which
/// of several equal ways is shown, and at which of several
/// places a missing fact is told, goes by name.
///
/// Not renamed is what is not the project's to name: a party that a provider profile calls its vendor, `self`, and a field that is called as what a node
/// makes (`prompt`, `completion` …), for a flow that lists the one lists the other.
#[test]
fn renaming_changes_nothing_but_names() {
    hold("renaming", 700, |subject, tally| {
        let names = names(&subject.project);
        let before = subject.before();
        // Lists of parties are shown in order, and among them those that keep their names.
        let file = Draft::of(&subject.project).file.unwrap_or_default();
        let parties_too = section(&file, "parties").all(|(id, _)| names.contains(&(Kind::Party, id.clone())));
        let same_order = names.iter().filter(|(kind, _)| parties_too || *kind != Kind::Party).cloned().collect();
        let kept = rename(&subject.project, &same_order, |_, name| format!("{MARK}-{name}"));
        let after = subject.check(&kept);
        let plain = |report: &Report, line: fn(&Finding) -> String| {
            let mut lines: Vec<String> = report.findings.iter().chain(&report.waived).map(|f| bare(&line(f))).collect();
            lines.extend(problems(report).iter().map(|p| bare(p)));
            lines.sort();
            lines
        };
        tally.pair("in the same order", differences(&plain(&before, without_fingerprints), &plain(&after, without_fingerprints)));
        let turned = rename(&subject.project, &names, |rank, name| format!("{MARK}{}-{name}", 9_999 - rank));
        let after = subject.check(&turned);
        tally.pair("in the opposite order", differences(&plain(&before, gist), &plain(&after, gist)));
    });
}

/// A finding in words without its hashes, which are made of names.
fn without_fingerprints(finding: &Finding) -> String {
    let mut finding = finding.clone();
    finding.fingerprint.clear();
    finding.data.iter_mut().for_each(|d| d.fingerprint.clear());
    essence(&finding)
}

/// What a finding says, whatever its order.
fn gist(finding: &Finding) -> String {
    let sorted = |mut all: Vec<String>| {
        all = all.iter().map(|name| bare(name)).collect();
        all.sort();
        all.join(", ")
    };
    let data = sorted(
        finding.data.iter().map(|d| format!("{} as {} on {}: {:?} {:?}", d.name, d.form, d.surface, d.carries, d.assured)).collect(),
    );
    let facts = sorted(finding.undeclared.iter().map(|u| format!("{} of {}", u.fact, u.holder)).collect());
    let also = sorted(finding.also.clone());
    let (rule, severity, workflow, contract) = (&finding.rule, finding.severity, &finding.workflow, &finding.contract);
    let needed = &finding.needed_by;
    // A missing fact of several places is one finding and stands at the first of them, and so does, in a draft, a rule about several nodes.
    let first = if needed.is_empty() { finding.subject.in_words() } else { "somewhere".to_owned() };
    let places = sorted(finding.repeats.iter().cloned().chain([first]).collect());
    format!("{rule} {severity:?} {workflow:?} {contract:?} [{data}] lacks [{facts}] for {needed:?} also [{also}] at [{places}]")
}

/// A text with the marks of new names taken away.
fn bare(text: &str) -> String {
    let mut parts = text.split(MARK);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix('-').unwrap_or(part));
    }
    plain
}

/// Every name a project gives.
fn names(project: &Project) -> BTreeSet<(Kind, String)> {
    let mut draft = Draft::of(project);
    let mut names = BTreeSet::new();
    let mut made: BTreeSet<String> = foreign_forms();
    for document in draft.documents() {
        for kind in SECTIONS {
            for (id, node) in section(document, kind) {
                names.insert((Kind::Node, id.clone()));
                names.extend(section(node, "fields").map(|(field, _)| (Kind::Field, field.clone())));
                let effects = section(node, "outputs").filter_map(|(_, effects)| effects.as_array()).flatten();
                made.extend(effects.filter_map(|e| e.get("emit")?.as_str().map(str::to_owned)));
            }
        }
        for (key, kind) in
            [("parties", Kind::Party), ("people", Kind::Person), ("agreements", Kind::Agreement), ("evidence", Kind::Evidence)]
        {
            names.extend(section(document, key).map(|(id, _)| (kind, id.clone())));
        }
        names.extend(document.get("workflow").and_then(Json::as_str).map(|id| (Kind::Workflow, id.to_owned())));
    }
    let vendors = vendors();
    names.retain(|(kind, name)| match kind {
        Kind::Party => !vendors.contains(name),
        Kind::Field => !made.contains(name),
        _ => true,
    });
    names
}

/// Names under which the step types and endpoints of the taxonomy emit data.
fn foreign_forms() -> BTreeSet<String> {
    let (library, _) = Library::load(&Selection::default());
    let outputs = library.taxonomy.steps().filter_map(|(_, step)| step.outputs()).flat_map(|o| o.entries().collect::<Vec<_>>());
    let emitted =
        outputs.flat_map(|(_, effects)| effects.items().collect::<Vec<_>>()).filter_map(|e| Some(e.get("emit")?.as_str()?.to_owned()));
    emitted.chain(flowgate::graph::ENDPOINT_OUTPUTS.map(str::to_owned)).collect()
}

/// Parties that provider profiles name.
fn vendors() -> BTreeSet<String> {
    let (library, _) = Library::load(&Selection::default());
    let services: Vec<String> = library.providers.services().map(str::to_owned).collect();
    let vendor = |s: &String| library.providers.get(s).ok().flatten().and_then(|p| p.vendor().map(str::to_owned));
    services.iter().filter_map(vendor).chain(["self".to_owned()]).collect()
}

/// The project with every name replaced wherever it is named.
fn rename(project: &Project, names: &BTreeSet<(Kind, String)>, new: impl Fn(usize, &str) -> String) -> Project {
    let renaming: Renaming = names.iter().enumerate().map(|(rank, key)| (key.clone(), new(rank, &key.1))).collect();
    let mut draft = Draft::of(project);
    let references = references();
    let renamer = Renamer { renaming: &renaming, references: &references };
    draft.documents().for_each(|document| renamer.document(document));
    draft.waivers.iter_mut().for_each(|waivers| renamer.values(waivers, ""));
    draft.project()
}

/// Keys whose values are names, by the vocabulary and by the schemas.
fn references() -> BTreeMap<String, Kind> {
    fn add(attributes: &[Attribute], known: &mut BTreeMap<String, Kind>) {
        for attribute in attributes {
            let mut of = &attribute.fact_type;
            while let FactType::Set(element) = of {
                of = element;
            }
            let kind = match of {
                FactType::Entity(entity) if entity == "Party" => Kind::Party,
                FactType::Entity(entity) if entity == "Agreement" => Kind::Agreement,
                FactType::Name(NameKind::Node) => Kind::Node,
                FactType::Name(NameKind::Person) => Kind::Person,
                FactType::Name(NameKind::Evidence) => Kind::Evidence,
                FactType::Record(inner) => {
                    add(inner, known);
                    continue;
                }
                _ => continue,
            };
            known.insert(attribute.name.clone(), kind);
        }
    }
    let vocabulary = Vocabulary::load().unwrap();
    let mut known = BTreeMap::new();
    for entity in ["Project", "Party", "Workflow", "Store", "Agreement", "Evidence", "Attestation", "Waiver", "Datum", "Field"] {
        add(vocabulary.entity(entity), &mut known);
    }
    add(vocabulary.context("receive"), &mut known);
    let more = [
        ("from", Kind::Node),
        ("to", Kind::Node),
        ("host", Kind::Node),
        ("location", Kind::Node),
        ("party", Kind::Party),
        ("employer", Kind::Party),
        ("by", Kind::Person),
        ("contract", Kind::Agreement),
        ("contracts", Kind::Agreement),
        ("obligations", Kind::Agreement),
        ("workflow", Kind::Workflow),
        ("required_for", Kind::Workflow),
        ("covers", Kind::Any),
        ("fields", Kind::Field),
        ("field", Kind::Field),
        ("datum", Kind::Field),
    ];
    known.extend(more.map(|(key, kind)| (key.to_owned(), kind)));
    known
}

struct Renamer<'r> {
    renaming: &'r Renaming,
    references: &'r BTreeMap<String, Kind>,
}

impl Renamer<'_> {
    fn document(&self, document: &mut Json) {
        self.values(document, "");
        let sections = [("parties", Kind::Party), ("people", Kind::Person), ("agreements", Kind::Agreement), ("evidence", Kind::Evidence)];
        for (key, kind) in sections.into_iter().chain(SECTIONS.map(|s| (s, Kind::Node))) {
            if let Some(map) = document.get_mut(key).and_then(Json::as_object_mut) {
                for (_, entry) in map.iter_mut() {
                    let inner = [("fields", Kind::Field), ("consents", Kind::Party), ("notices", Kind::Party)];
                    for (inner, kind) in inner {
                        entry.get_mut(inner).and_then(Json::as_object_mut).into_iter().for_each(|m| self.keys(m, kind));
                    }
                }
                self.keys(map, kind);
            }
        }
    }

    fn keys(&self, map: &mut Map<String, Json>, kind: Kind) {
        *map = std::mem::take(map).into_iter().map(|(key, value)| (self.name(kind, &key), value)).collect();
    }

    fn values(&self, json: &mut Json, key: &str) {
        match json {
            Json::Object(map) => {
                for (key, value) in map.iter_mut().filter(|(key, _)| *key != "tags") {
                    // A scan covers classes.
                    let inner = if key == "scan" { "scan" } else { key };
                    match value {
                        Json::Object(scan) if inner == "scan" => scan.iter_mut().for_each(|(k, v)| {
                            if k != "covers" {
                                self.values(v, k)
                            }
                        }),
                        other => self.values(other, key),
                    }
                }
            }
            Json::Array(items) => items.iter_mut().for_each(|item| self.values(item, key)),
            Json::String(text) => {
                if let Some(kind) = self.references.get(key) {
                    *text = self.name(*kind, text);
                } else if key == "node" {
                    *text = self.name(Kind::Any, text);
                }
            }
            _ => {}
        }
    }

    fn name(&self, kind: Kind, name: &str) -> String {
        let of = |kind: Kind, name: &str| self.renaming.get(&(kind, name.to_owned())).cloned();
        match (kind, name.split_once('.')) {
            (Kind::Any, _) => {
                let kinds = [Kind::Node, Kind::Workflow, Kind::Party, Kind::Agreement, Kind::Evidence, Kind::Person];
                kinds.into_iter().find_map(|kind| of(kind, name))
            }
            (Kind::Field, Some((source, field))) => Some(format!("{}.{}", self.name(Kind::Node, source), self.name(Kind::Field, field))),
            (Kind::Node, Some((node, copy))) => Some(format!("{}.{copy}", self.name(Kind::Node, node))),
            _ => of(kind, name),
        }
        .unwrap_or_else(|| name.to_owned())
    }
}
