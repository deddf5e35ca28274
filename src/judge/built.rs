//! What is built from the vocabulary and the taxonomy once and kept: Cedar's schemas, the validator, the policies of each file. One process often judges
//! many projects by the same packs, and building these is most of a small run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

use cedar_policy::{Schema, Validator};
use rustc_hash::FxHashMap;

use super::guard;
use super::loader::Loader;
use super::policies::{Policy, Role};
use crate::packs::{LabelKind, Library, Taxonomy};
use crate::problem::{Problem, SourceFile};
use crate::vocabulary::{NAMESPACE, Vocabulary};

/// The names Cedar's schema depends on.
fn names(taxonomy: &Taxonomy) -> Vec<String> {
    let mut names: Vec<String> =
        taxonomy.entries().filter(|(_, e)| e.kind != LabelKind::Case).map(|(_, e)| format!("{:?} {}", e.kind, e.name)).collect();
    names.sort_unstable();
    names
}

/// The validator over the whole vocabulary and a taxonomy. One process often judges many projects by the same packs, and building it is a good part of
/// a small run.
pub(super) fn validator(vocabulary: &Vocabulary, taxonomy: &Taxonomy) -> Result<Arc<Validator>, Problem> {
    static BUILT: Mutex<BTreeMap<Vec<String>, Arc<Validator>>> = Mutex::new(BTreeMap::new());
    let key = names(taxonomy);
    if let Some(known) = BUILT.lock().ok().and_then(|built| built.get(&key).cloned()) {
        return Ok(known);
    }
    let validator = Arc::new(Validator::new(schema(vocabulary, taxonomy, None)?));
    if let Ok(mut built) = BUILT.lock() {
        if built.len() >= MOST_SCHEMAS {
            built.clear();
        }
        built.insert(key, Arc::clone(&validator));
    }
    Ok(validator)
}

/// Schemas by the names of the taxonomy and those that policies mention.
type Schemas = BTreeMap<(Vec<String>, BTreeSet<String>), Arc<Schema>>;

/// The schema cut to what policies mention, built once per taxonomy and set of names.
pub(super) fn cut_schema(vocabulary: &Vocabulary, taxonomy: &Taxonomy, mentioned: &BTreeSet<String>) -> Result<Arc<Schema>, Problem> {
    static BUILT: Mutex<Schemas> = Mutex::new(BTreeMap::new());
    let key = (names(taxonomy), mentioned.clone());
    if let Some(known) = BUILT.lock().ok().and_then(|built| built.get(&key).cloned()) {
        return Ok(known);
    }
    let schema = Arc::new(schema(vocabulary, taxonomy, Some(mentioned))?);
    if let Ok(mut built) = BUILT.lock() {
        // Schemas are large, and the next run's is most often the last one's.
        if built.len() >= MOST_SCHEMAS {
            built.clear();
        }
        built.insert(key, Arc::clone(&schema));
    }
    Ok(schema)
}

/// Policies of one file, parsed and validated, with the file and taxonomy they are of.
type Loaded = (Arc<SourceFile>, Arc<Taxonomy>, Vec<Policy>);

type LoadedFiles = FxHashMap<(usize, usize, Role), Loaded>;

/// Schemas that are kept.
const MOST_SCHEMAS: usize = 64;

/// Files whose policies are kept: more than any library has, so that a process that reads packs anew for ever does not grow for ever.
const MOST_LOADED: usize = 2_000;

/// Policies already parsed and validated, by the addresses of their file and taxonomy, which the entry keeps alive. Parsing is most of a small run, and one
/// process often judges many projects by the same packs.
fn loaded() -> &'static Mutex<LoadedFiles> {
    static LOADED: OnceLock<Mutex<LoadedFiles>> = OnceLock::new();
    LOADED.get_or_init(Mutex::default)
}

pub(super) fn load_file(
    file: &Arc<SourceFile>,
    role: Role,
    id: &str,
    library: &Library,
    validator: Option<&Validator>,
) -> (Vec<Policy>, Vec<Problem>) {
    // What was let through once may be too deep for another caller's limits.
    if let Err(problem) = guard::check(file, &library.limits) {
        return (Vec::new(), vec![problem]);
    }
    let taxonomy = &library.taxonomy;
    let key = (Arc::as_ptr(file) as usize, Arc::as_ptr(taxonomy) as usize, role);
    if let Some((_, _, policies)) = loaded().lock().ok().as_ref().and_then(|known| known.get(&key)) {
        return (policies.clone(), Vec::new());
    }
    let mut loader = Loader::new(library, validator);
    loader.read(file, role, id);
    if let (true, Ok(mut known)) = (loader.problems.is_empty(), loaded().lock()) {
        if known.len() >= MOST_LOADED {
            known.clear();
        }
        known.insert(key, (Arc::clone(file), Arc::clone(taxonomy), loader.found.clone()));
    }
    (loader.found, loader.problems)
}

/// Cedar's schema: the embedded one with every class and label filled in; with `mentioned`, only the attributes some policy reads.
fn schema(vocabulary: &Vocabulary, taxonomy: &Taxonomy, mentioned: Option<&BTreeSet<String>>) -> Result<Schema, Problem> {
    let mut json = vocabulary.json().clone();
    for (entity, kind) in [("Class", LabelKind::Class), ("Label", LabelKind::Label)] {
        let mut names: Vec<&str> = taxonomy.entries().filter(|(_, e)| e.kind == kind).map(|(_, e)| e.name.as_str()).collect();
        names.sort_unstable();
        if let (Some(slot), false) = (json.pointer_mut(&format!("/{NAMESPACE}/entityTypes/{entity}/enum")), names.is_empty()) {
            *slot = serde_json::json!(names);
        }
    }
    if let Some(mentioned) = mentioned {
        let types = json.pointer_mut(&format!("/{NAMESPACE}/entityTypes")).and_then(serde_json::Value::as_object_mut);
        for entity in types.into_iter().flat_map(|t| t.values_mut()) {
            retain(entity.pointer_mut("/shape"), mentioned);
        }
        let actions = json.pointer_mut(&format!("/{NAMESPACE}/actions")).and_then(serde_json::Value::as_object_mut);
        for action in actions.into_iter().flat_map(|t| t.values_mut()) {
            // Only the records inside a context are cut; the context's own keys are few and always there.
            let attributes = action.pointer_mut("/appliesTo/context/attributes").and_then(serde_json::Value::as_object_mut);
            for attribute in attributes.into_iter().flat_map(|t| t.values_mut()) {
                retain(Some(attribute), mentioned);
            }
        }
    }
    Schema::from_json_value(json).map_err(|e| Problem::new("judge/bad-schema", format!("the Cedar schema cannot be built: {e}")))
}

fn retain(record: Option<&mut serde_json::Value>, mentioned: &BTreeSet<String>) {
    if let Some(attributes) = record.and_then(|r| r.get_mut("attributes")).and_then(serde_json::Value::as_object_mut) {
        attributes.retain(|name, _| mentioned.contains(name));
    }
}
