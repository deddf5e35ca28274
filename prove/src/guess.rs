//! Worlds made by chance around one that a solver found: what a policy does not read may be anything, and most questions about another policy are answered by
//! some such world at once. Made worlds only ever refute; they prove nothing.

use std::collections::BTreeSet;

use cedar_policy::{Context, Entities, EntityUid, Request, Schema};
use cedar_policy_symcc::Env;
use flowgate::packs::{LabelKind, Taxonomy};
use flowgate::vocabulary::{Attribute, FactType, NAMESPACE, Vocabulary};
use serde_json::{Map, Value as Json, json};

use crate::world::Kind;

/// Makes values: the same for the same seed.
pub struct Chance<'w> {
    state: u64,
    texts: &'w [String],
    wanted: &'w BTreeSet<String>,
    made: Vec<Json>,
}

/// Entities inside entities are made this deep.
const DEEPEST: usize = 3;

impl<'w> Chance<'w> {
    /// `texts`: what strings are made of, best the ones that policies compare with; `wanted`: attributes of entities and contexts that the schema has.
    #[must_use]
    pub fn new(seed: u64, texts: &'w [String], wanted: &'w BTreeSet<String>) -> Self {
        Self { state: seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, texts, wanted, made: Vec::new() }
    }

    fn below(&mut self, n: usize) -> usize {
        // xorshift64: what is drawn need not be good, only the same each time.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state % n.max(1) as u64).unwrap_or_default()
    }

    fn text(&mut self) -> String {
        let n = self.below(self.texts.len());
        self.texts.get(n).cloned().unwrap_or_default()
    }

    fn value(&mut self, fact_type: &FactType, deep: usize) -> Option<Json> {
        Some(match fact_type {
            FactType::Bool => json!(self.below(2) == 0),
            FactType::Long => json!([0, 1, 24, 400, 100_000].get(self.below(5))),
            FactType::Text | FactType::Name(_) => json!(self.text()),
            FactType::Date => {
                let day = ["2019-01-01", "2026-03-01", "2026-07-01", "2031-01-01"].get(self.below(4)).copied().unwrap_or_default();
                json!({ "__extn": { "fn": "datetime", "arg": day } })
            }
            FactType::Duration => {
                let days = ["0d", "20d", "400d", "3650000d"].get(self.below(4)).copied().unwrap_or_default();
                json!({ "__extn": { "fn": "duration", "arg": days } })
            }
            FactType::Set(inner) => match (self.below(3), inner.as_ref()) {
                (0, _) => json!([]),
                (1, FactType::Text | FactType::Name(_)) => json!(self.texts),
                _ => {
                    let all: Option<Vec<Json>> = (0..4).map(|_| self.value(inner, deep)).collect();
                    json!(all.unwrap_or_default())
                }
            },
            FactType::Record(attributes) => self.record(attributes, None, Map::new(), deep)?,
            FactType::Entity(entity) => return self.entity(entity, deep),
        })
    }

    /// A record with what it has already, and what it lacks made by chance. Of an entity or a context, what is `fixed` stays as it is, absent too, and what is not
    /// wanted stays away; of a record inside, all is made.
    fn record(
        &mut self,
        attributes: &[Attribute],
        fixed: Option<&BTreeSet<String>>,
        mut has: Map<String, Json>,
        deep: usize,
    ) -> Option<Json> {
        for attribute in attributes {
            let name = &attribute.name;
            if has.contains_key(name) || fixed.is_some_and(|fixed| fixed.contains(name) || !self.wanted.contains(name)) {
                continue;
            }
            if !attribute.required && self.below(2) == 0 {
                continue;
            }
            match self.value(&attribute.fact_type, deep) {
                Some(value) => drop(has.insert(attribute.name.clone(), value)),
                None if attribute.required => return None,
                None => {}
            }
        }
        Some(Json::Object(has))
    }

    fn entity(&mut self, entity: &str, deep: usize) -> Option<Json> {
        let vocabulary = Vocabulary::load().ok()?;
        let attributes = vocabulary.entity(entity);
        // Classes and labels are the taxonomy's, and no policy asks which one without naming it.
        if attributes.is_empty() || deep == 0 {
            return None;
        }
        let id = format!("made {}", self.made.len());
        let uid = json!({ "type": format!("{NAMESPACE}::{entity}"), "id": id });
        self.made.push(Json::Null);
        let slot = self.made.len() - 1;
        let attrs = self.record(attributes, Some(&BTreeSet::new()), Map::new(), deep - 1)?;
        *self.made.get_mut(slot)? = json!({ "uid": uid, "attrs": attrs, "parents": [] });
        Some(json!({ "__entity": uid }))
    }

    /// The world again, with everything that is not `fixed` made by chance; none where what came out is no valid world.
    pub fn around(&mut self, env: &Env, kind: &Kind, fixed: &BTreeSet<String>, taxonomy: &Taxonomy, schema: &Schema) -> Option<Env> {
        let vocabulary = Vocabulary::load().ok()?;
        self.made.clear();
        let mut entities = env.entities.to_json_value().ok()?;
        for entity in entities.as_array_mut()? {
            let of = entity.pointer("/uid/type").and_then(Json::as_str)?.rsplit("::").next()?.to_owned();
            if let Some(parents) = entity.get_mut("parents").and_then(Json::as_array_mut) {
                let above: Vec<Json> = parents.iter().flat_map(|p| above(p, taxonomy)).collect();
                parents.extend(above);
                let mut seen = BTreeSet::new();
                parents.retain(|p| seen.insert(p.to_string()));
            }
            let attributes = vocabulary.entity(&of);
            if !attributes.is_empty() {
                let has = entity.get("attrs").and_then(Json::as_object).cloned().unwrap_or_default();
                *entity.get_mut("attrs")? = self.record(attributes, Some(fixed), has, DEEPEST)?;
            }
        }
        let context = env.request.context()?.to_json_value().ok()?.as_object()?.clone();
        let context = self.record(vocabulary.context(&kind.action), Some(fixed), context, DEEPEST)?;
        entities.as_array_mut()?.extend(self.made.drain(..).filter(|e| !e.is_null()));
        let entities = Entities::from_json_value(entities, Some(schema)).ok()?;
        let uid = |uid: Option<&EntityUid>| uid.cloned();
        let (principal, action, resource) = (uid(env.request.principal())?, uid(env.request.action())?, uid(env.request.resource())?);
        let context = Context::from_json_value(context, Some((schema, &action))).ok()?;
        Some(Env { request: Request::new(principal, action, resource, context, Some(schema)).ok()?, entities })
    }
}

/// The classes or labels above one: what is in it is in them.
fn above(parent: &Json, taxonomy: &Taxonomy) -> Vec<Json> {
    let of = parent.get("type").and_then(Json::as_str).unwrap_or_default();
    let kind = if of.ends_with("::Class") { LabelKind::Class } else { LabelKind::Label };
    let entry = parent.get("id").and_then(Json::as_str).and_then(|id| taxonomy.find(kind, id)).map(|id| taxonomy.entry(id));
    entry.into_iter().flat_map(|e| e.above.iter()).map(|id| json!({ "type": of, "id": taxonomy.entry(id).name })).collect()
}

/// Every quoted text of policies, sorted.
#[must_use]
pub fn texts<'r>(policies: impl IntoIterator<Item = &'r str>) -> Vec<String> {
    let all: BTreeSet<String> =
        policies.into_iter().flat_map(|text| text.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()).collect();
    all.into_iter().collect()
}
