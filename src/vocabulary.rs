//! The facts a policy may read, as `schemas/flowgate.cedarschema` declares them: one description that conversion, reference checks and
//! documentation share. Never holds a fact's value.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value as Json;

use crate::embedded;

/// The file under `schemas/`.
pub const SCHEMA_FILE: &str = "flowgate.cedarschema";
/// The same in Cedar's JSON, which is read in a twentieth of the time; a test holds the two equal.
const JSON_FILE: &str = "flowgate.cedarschema.json";
/// The Cedar namespace.
pub const NAMESPACE: &str = "Flowgate";

/// The type of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactType {
    /// true or false.
    Bool,
    /// A whole number.
    Long,
    /// Text.
    Text,
    /// A time span in whole days.
    Duration,
    /// A calendar date.
    Date,
    /// Several, unordered.
    Set(Box<FactType>),
    /// A record of facts.
    Record(Vec<Attribute>),
    /// An entity by its type: Party, Class, Label, Agreement …
    Entity(String),
    /// A name of something else in the project.
    Name(NameKind),
}

/// What a name must be a name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// A node, or `none`.
    Node,
    /// A key of `people`.
    Person,
    /// A provider profile.
    Service,
    /// A key of `evidence`.
    Evidence,
}

/// One attribute of an entity, record or context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The name: the key teams write, too.
    pub name: String,
    /// Its type.
    pub fact_type: FactType,
    /// Reads empty when nobody declares it.
    pub required: bool,
    /// Optional, and not claiming it is an answer.
    pub absence_is_answer: bool,
    /// The engine computes it.
    pub computed: bool,
    /// Of a name of a node: the kinds of node it may name; empty where any will do.
    pub kinds: Vec<String>,
}

/// The attributes of every entity type and the context of every action.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    entities: BTreeMap<String, Vec<Attribute>>,
    contexts: BTreeMap<String, Vec<Attribute>>,
    json: Json,
}

impl Vocabulary {
    /// The embedded Cedar schema, read once.
    ///
    /// # Errors
    /// The text of Cedar's own error; only a broken build has one.
    pub fn load() -> Result<&'static Self, &'static String> {
        static READ: OnceLock<Result<Vocabulary, String>> = OnceLock::new();
        READ.get_or_init(Self::read).as_ref()
    }

    fn read() -> Result<Self, String> {
        let json: Json = serde_json::from_str(embedded::schema(JSON_FILE)).map_err(|e| e.to_string())?;
        let namespace = json.get(NAMESPACE).ok_or("the schema has no namespace")?;
        let common = namespace.get("commonTypes").unwrap_or(&Json::Null);
        let types = namespace.get("entityTypes").and_then(Json::as_object);
        let entities = types
            .into_iter()
            .flatten()
            .map(|(name, entity)| (name.clone(), attributes(entity.get("shape").unwrap_or(&Json::Null), common)))
            .collect();
        let actions = namespace.get("actions").and_then(Json::as_object);
        let contexts = actions
            .into_iter()
            .flatten()
            .map(|(name, action)| (name.clone(), attributes(action.pointer("/appliesTo/context").unwrap_or(&Json::Null), common)))
            .collect();
        Ok(Self { entities, contexts, json })
    }

    /// The attributes of every entity type, by its name.
    pub fn entities(&self) -> impl Iterator<Item = (&str, &[Attribute])> {
        self.entities.iter().map(|(name, attributes)| (name.as_str(), attributes.as_slice()))
    }

    /// The attributes of an entity type.
    #[must_use]
    pub fn entity(&self, name: &str) -> &[Attribute] {
        self.entities.get(name).map_or(&[], Vec::as_slice)
    }

    /// The context of an action.
    #[must_use]
    pub fn context(&self, action: &str) -> &[Attribute] {
        self.contexts.get(action).map_or(&[], Vec::as_slice)
    }

    /// The attributes a path leads to, from those it starts at: `operator.subprocessors`, `latest.eval_set`.
    #[must_use]
    pub fn follow<'v>(&'v self, from: &'v [Attribute], path: &[&str]) -> Option<&'v [Attribute]> {
        path.iter().try_fold(from, |attributes, name| match &attributes.iter().find(|a| a.name == *name)?.fact_type {
            FactType::Record(inner) => Some(inner.as_slice()),
            FactType::Entity(entity) => Some(self.entity(entity)),
            _ => None,
        })
    }

    /// The entity types an action can be about: `principal` or `resource`.
    pub fn subjects(&self, action: &str, side: &str) -> impl Iterator<Item = &str> {
        let types = self.json.pointer(&format!("/{NAMESPACE}/actions/{action}/appliesTo/{side}Types")).and_then(Json::as_array);
        types.into_iter().flatten().filter_map(Json::as_str).map(|name| name.rsplit("::").next().unwrap_or(name))
    }

    /// The schema as Cedar's JSON.
    #[must_use]
    pub fn json(&self) -> &Json {
        &self.json
    }
}

fn attributes(record: &Json, common: &Json) -> Vec<Attribute> {
    let attributes = record.get("attributes").and_then(Json::as_object);
    attributes
        .into_iter()
        .flatten()
        .map(|(name, json)| Attribute {
            name: name.clone(),
            fact_type: fact_type(json, common),
            required: json.get("required").and_then(Json::as_bool).unwrap_or(true),
            absence_is_answer: json.pointer("/annotations/absence").is_some(),
            computed: json.pointer("/annotations/computed").is_some(),
            kinds: json.pointer("/annotations/names").and_then(Json::as_str).map(words).unwrap_or_default(),
        })
        .collect()
}

/// `endpoint, store` as two words.
fn words(list: &str) -> Vec<String> {
    list.split(',').map(|word| word.trim().to_owned()).collect()
}

fn fact_type(json: &Json, common: &Json) -> FactType {
    match json.get("type").and_then(Json::as_str) {
        Some("Set") => FactType::Set(Box::new(fact_type(json.get("element").unwrap_or(&Json::Null), common))),
        Some("Record") => FactType::Record(attributes(json, common)),
        _ => match json.get("name").and_then(Json::as_str).unwrap_or_default() {
            "Bool" | "Boolean" => FactType::Bool,
            "Long" => FactType::Long,
            "String" => FactType::Text,
            "duration" => FactType::Duration,
            "datetime" => FactType::Date,
            "NodeId" => FactType::Name(NameKind::Node),
            "PersonId" => FactType::Name(NameKind::Person),
            "Service" => FactType::Name(NameKind::Service),
            "EvidenceId" => FactType::Name(NameKind::Evidence),
            // Cedar allows no type that contains itself, so this ends.
            name => match common.get(name) {
                Some(shape) => fact_type(shape, common),
                None => FactType::Entity(name.to_owned()),
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `FLOWGATE_BLESS=1` writes the JSON anew.
    #[test]
    fn both_forms_of_the_schema_say_the_same() {
        let (fragment, _warnings) = cedar_policy::SchemaFragment::from_cedarschema_str(embedded::schema(SCHEMA_FILE)).unwrap();
        let mut said = fragment.to_json_value().unwrap();
        said.sort_all_objects();
        let text = serde_json::to_string_pretty(&said).unwrap() + "\n";
        if std::env::var_os("FLOWGATE_BLESS").is_some() {
            std::fs::write(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(JSON_FILE), &text).unwrap();
        } else {
            assert_eq!(embedded::schema(JSON_FILE), text, "run this test with FLOWGATE_BLESS=1");
        }
    }
}
