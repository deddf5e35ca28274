//! Holds documents against the JSON Schemas (2020-12) and turns each schema error into a problem that points: pointer, span, label, what was
//! expected. Never resolves names.

mod explain;
mod formats;
mod schema;

use rayon::prelude::*;

use crate::load::Document;
use crate::problem::{Problem, Span, did_you_mean};

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
    let mut errors = validator.iter_errors(&instance);
    for error in errors.by_ref().take(MAX_PROBLEMS) {
        explain::explain(name, document, &error, &mut problems);
    }
    let more = errors.next().is_some();
    problems.sort_by_cached_key(Problem::sort_key);
    problems.dedup_by_key(|p| p.sort_key());
    if more {
        let place = Span::new(document.file().text.len(), document.file().text.len());
        problems.push(
            Problem::new("validate/more", format!("this file does not match its schema in more than {MAX_PROBLEMS} places"))
                .at(document.file(), place, "")
                .help("solve those that are listed first; each says what the schema wants"),
        );
    }
    if problems.is_empty() {
        problems.push(Problem::new("validate/invalid", "this file does not match its schema").at(document.file(), Span::new(0, 0), ""));
    }
    problems
}

/// Holds one fact of a kind of node against the workflow schema, wherever it is stated. A fact that the schema has not, or that has not the form of
/// its place, is somebody else's to report.
#[must_use]
pub fn fact(kind: &str, fact: &str, document: &Document, value: &serde_json::Value, span: Span) -> Option<Problem> {
    let (valid, words, about) = schema::fact(kind, fact, value)?;
    if valid {
        return None;
    }
    let near =
        value.as_str().and_then(|text| did_you_mean(text, words.iter().map(String::as_str))).map(|n| format!("did you mean `{n}`? "));
    let help = if words.is_empty() { format!("it holds {about}") } else { format!("one of: {}", words.join(", ")) };
    Some(
        Problem::new("validate/wrong-value", format!("this is no value of `{fact}`"))
            .at(document.file(), span, "not what is expected here")
            .help(format!("{}{help}", near.unwrap_or_default())),
    )
}

/// Holds many documents against one schema, in parallel; problems in order of the documents.
#[must_use]
pub fn all_against(name: SchemaName, documents: &[&Document]) -> Vec<Problem> {
    documents.par_iter().flat_map_iter(|document| against(name, document)).collect()
}

#[cfg(test)]
mod tests;
