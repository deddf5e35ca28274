//! Holds documents against the JSON Schemas (2020-12) and turns each schema error into a problem that points: pointer, span, label, what was
//! expected. Never resolves names.

mod explain;
mod schema;

use rayon::prelude::*;

use crate::load::Document;
use crate::problem::{Problem, Span};

pub use self::schema::{SchemaName, bundled};

/// More problems than this in one file say nothing new.
const MAX_PROBLEMS: usize = 100;

/// Holds one document against a schema; problems in order of their places.
#[must_use]
pub fn against(name: SchemaName, document: &Document) -> Vec<Problem> {
    let instance = document.root().to_json();
    let validator = match name.validator() {
        Ok(validator) => validator,
        Err(message) => return vec![Problem::new("validate/bad-schema", message.clone())],
    };
    if validator.is_valid(&instance) {
        return Vec::new();
    }
    let mut problems = Vec::new();
    for error in validator.iter_errors(&instance).take(MAX_PROBLEMS) {
        explain::explain(name, document, &error, &mut problems);
    }
    problems.sort_by_cached_key(Problem::sort_key);
    problems.dedup_by_key(|p| p.sort_key());
    if problems.is_empty() {
        problems.push(Problem::new("validate/invalid", "this file does not match its schema").at(document.file(), Span::new(0, 0), ""));
    }
    problems
}

/// Holds many documents against one schema, in parallel; problems in order of the documents.
#[must_use]
pub fn all_against(name: SchemaName, documents: &[&Document]) -> Vec<Problem> {
    documents.par_iter().flat_map_iter(|document| against(name, document)).collect()
}

#[cfg(test)]
mod tests;
