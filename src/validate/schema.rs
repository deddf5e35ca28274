//! The schemas themselves: embedded, bundled into self-contained documents, compiled once. Never reads a file.

use std::sync::OnceLock;

use serde_json::Value as Json;

use crate::embedded;

/// The format of a calendar date in the schemas.
pub(super) const DATE: &str = "date";
/// The format of a time span in the schemas.
pub(super) const DURATION: &str = "duration";

/// The schemas flowgate publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum SchemaName {
    /// Workflow files: `*.flow.yaml`.
    Flow,
    /// The project file: `flowgate.yaml`.
    Project,
    /// Waivers: `flowgate.waivers.yaml`.
    Waivers,
    /// Taxonomy files: classes, labels, step types.
    Class,
    /// Provider profiles.
    Provider,
    /// Packs: `pack.yaml`.
    Pack,
    /// The JSON report.
    Report,
    /// The evidence bundle: `evidence.json`.
    Evidence,
}

impl SchemaName {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Flow, Self::Project, Self::Waivers, Self::Class, Self::Provider, Self::Pack, Self::Report, Self::Evidence];

    /// The file under `schemas/`.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Flow => "flow.schema.json",
            Self::Project => "project.schema.json",
            Self::Waivers => "waivers.schema.json",
            Self::Class => "class.schema.json",
            Self::Provider => "provider.schema.json",
            Self::Pack => "pack.schema.json",
            Self::Report => "report.schema.json",
            Self::Evidence => "evidence.schema.json",
        }
    }

    /// What such a file is called in messages.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Flow => "workflow file",
            Self::Project => "project file",
            Self::Waivers => "waivers file",
            Self::Class => "taxonomy file",
            Self::Provider => "provider profile",
            Self::Pack => "pack file",
            Self::Report => "report",
            Self::Evidence => "evidence bundle",
        }
    }

    /// The compiled schema; compiled when it is first asked for.
    pub(super) fn validator(self) -> Result<&'static jsonschema::Validator, &'static String> {
        static COMPILED: [OnceLock<Result<jsonschema::Validator, String>>; 8] = [const { OnceLock::new() }; 8];
        static NONE: OnceLock<Result<jsonschema::Validator, String>> = OnceLock::new();
        let cell = COMPILED.get(self as usize).unwrap_or(&NONE);
        let compiled = cell.get_or_init(|| {
            jsonschema::draft202012::options()
                .should_validate_formats(true)
                .with_format(DATE, super::formats::is_date)
                .with_format(DURATION, super::formats::is_duration)
                .build(bundled(self))
                .map_err(|e| format!("the schema `{}` does not compile: {e}", self.file()))
        });
        compiled.as_ref()
    }
}

/// The schema as one self-contained document: what it borrows from the workflow schema is copied into its own `$defs`.
#[must_use]
pub fn bundled(name: SchemaName) -> &'static Json {
    static BUNDLED: [OnceLock<Json>; 8] = [const { OnceLock::new() }; 8];
    static NONE: Json = Json::Null;
    let Some(cell) = BUNDLED.get(name as usize) else { return &NONE };
    cell.get_or_init(|| {
        let mut schema: Json = serde_json::from_str(embedded::schema(name.file())).unwrap_or(Json::Null);
        if embedded::schema(name.file()).contains(BORROWED) && name != SchemaName::Flow {
            localise(&mut schema);
            let defs = bundled(SchemaName::Flow).get("$defs").and_then(Json::as_object);
            if let Some(root) = schema.as_object_mut() {
                let own = root.entry("$defs").or_insert_with(|| Json::Object(serde_json::Map::new()));
                if let Some(own) = own.as_object_mut() {
                    for (key, value) in defs.into_iter().flatten() {
                        own.entry(key.clone()).or_insert_with(|| value.clone());
                    }
                }
            }
        }
        schema
    })
}

/// Whether a value is one of a fact of a kind of node; the words the fact takes, and what it is. None where the schema has no such fact.
pub(super) fn fact(kind: &str, fact: &str, value: &Json) -> Option<(bool, Vec<String>, &'static str)> {
    let flow = bundled(SchemaName::Flow);
    let pointer = format!("/$defs/{kind}/properties/{fact}");
    let expanded = expand(flow, flow.pointer(&pointer)?);
    let words = expanded.iter().filter_map(|s| s.get("enum")?.as_array()).flatten();
    let words: Vec<String> = words.map(|w| w.as_str().map_or_else(|| w.to_string(), str::to_owned)).collect();
    let about = expanded.iter().find_map(|s| s.get("description")?.as_str()).unwrap_or("a value of another form");
    let alone = serde_json::json!({ "$ref": format!("#{pointer}"), "$defs": flow.get("$defs")? });
    let options = jsonschema::draft202012::options().should_validate_formats(true);
    let validator =
        options.with_format(DATE, super::formats::is_date).with_format(DURATION, super::formats::is_duration).build(&alone).ok()?;
    Some((validator.is_valid(value), words, about))
}

/// How a schema refers to a definition of the workflow schema.
const BORROWED: &str = "flow.schema.json#";

fn localise(json: &mut Json) {
    match json {
        Json::Object(map) => {
            for (key, value) in map.iter_mut() {
                if let (true, Json::String(target)) = (key == "$ref", &mut *value) {
                    if let Some(local) = target.strip_prefix("flow.schema.json") {
                        *target = local.to_owned();
                    }
                } else {
                    localise(value);
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(localise),
        _ => {}
    }
}

/// The subschemas that govern the place `pointer` names, references followed; several where the schema offers alternatives.
pub(super) fn subschemas(name: SchemaName, pointer: &str) -> Vec<&'static Json> {
    let root = bundled(name);
    let mut here = expand(root, root);
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        here = here.into_iter().flat_map(|s| child(s, &part)).flat_map(|s| expand(root, s)).collect();
    }
    here
}

fn child<'s>(schema: &'s Json, part: &str) -> Option<&'s Json> {
    if let Some(property) = schema.get("properties").and_then(|p| p.get(part)) {
        return Some(property);
    }
    if part.bytes().all(|b| b.is_ascii_digit())
        && let Some(items) = schema.get("items")
    {
        return Some(items);
    }
    schema.get("additionalProperties").filter(|a| a.is_object())
}

/// A subschema, with its references followed and its alternatives side by side.
fn expand<'s>(root: &'s Json, schema: &'s Json) -> Vec<&'s Json> {
    let mut done = Vec::new();
    let mut todo = vec![schema];
    while let Some(schema) = todo.pop() {
        // A schema that refers to itself without going down would never end.
        if done.len() > 64 {
            break;
        }
        if let Some(target) = schema.get("$ref").and_then(Json::as_str) {
            todo.extend(target.strip_prefix('#').and_then(|p| root.pointer(p)));
        }
        if let Some(branches) = schema.get("anyOf").and_then(Json::as_array) {
            todo.extend(branches);
        }
        done.push(schema);
    }
    done
}
