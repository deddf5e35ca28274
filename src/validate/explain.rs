//! One schema error in the words of the file: the key it is about, what was expected there, the nearest right word.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value as Json;

use super::schema::{DATE, SchemaName, subschemas};
use crate::load::{Document, Value};
use crate::problem::{Problem, Span, did_you_mean, odd_characters};

/// Adds the problems one schema error stands for.
pub(super) fn explain(name: SchemaName, document: &Document, error: &ValidationError<'_>, problems: &mut Vec<Problem>) {
    let pointer = error.instance_path().as_str();
    let Some(value) = document.root().pointer(pointer) else { return };
    let place = Context { name, document, pointer, value };
    match error.kind() {
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            problems.extend(unexpected.iter().map(|key| place.unknown_key(key)));
        }
        Kind::Required { property } => problems.push(place.missing_key(property.as_str().unwrap_or_default())),
        Kind::Enum { options } => problems.push(place.not_one_of(&words(options))),
        Kind::Constant { expected_value } => problems.push(place.not_one_of(&words(&Json::Array(vec![(**expected_value).clone()])))),
        Kind::PropertyNames { .. } => problems.extend(place.bad_keys()),
        Kind::Format { format } => problems.push(place.bad_format(format)),
        Kind::Pattern { .. } if place.is_date() => problems.push(place.bad_format(DATE)),
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => place.best_branch(context, problems),
        _ => problems.push(place.mismatch(error)),
    }
}

struct Context<'d> {
    name: SchemaName,
    document: &'d Document,
    pointer: &'d str,
    value: Value<'d>,
}

impl Context<'_> {
    /// What this place is called: its key, or the file.
    fn label(&self) -> String {
        let mut parts = self.pointer.rsplit('/').map(|part| part.replace("~1", "/").replace("~0", "~"));
        match (parts.next().filter(|last| !last.is_empty()), parts.next()) {
            (Some(last), Some(list)) if !list.is_empty() && last.bytes().all(|b| b.is_ascii_digit()) => {
                format!("entry {} of `{list}`", last.parse::<usize>().map_or(0, |n| n + 1))
            }
            (Some(last), _) => format!("`{last}`"),
            _ => format!("this {}", self.name.noun()),
        }
    }

    /// The key where there is one, so that a whole block is not underlined.
    fn key_or_value(&self) -> Span {
        self.value.key_span().unwrap_or_else(|| first_line(self.document, self.value.span()))
    }

    fn unknown_key(&self, key: &str) -> Problem {
        let span = self.value.get(key).and_then(Value::key_span).unwrap_or(self.value.span());
        let known = self.known_keys();
        let help = match did_you_mean(key, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "remove it".to_owned(),
            None => format!("keys here: {}", known.join(", ")),
        };
        Problem::new("validate/unknown-key", format!("unknown key `{key}` in {}", self.label()))
            .at(self.document.file(), span, "not a key of this record")
            .help(help)
    }

    fn known_keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = subschemas(self.name, self.pointer)
            .iter()
            .filter_map(|s| s.get("properties")?.as_object())
            .flat_map(|p| p.keys().cloned())
            .collect();
        keys.sort();
        keys.dedup();
        keys
    }

    fn missing_key(&self, key: &str) -> Problem {
        let about = describe(self.name, &format!("{}/{key}", self.pointer)).map(|d| format!(": {d}")).unwrap_or_default();
        Problem::new("validate/missing-key", format!("{} has no `{key}`", self.label()))
            .at(self.document.file(), self.key_or_value(), format!("`{key}` is missing here"))
            .help(format!("add `{key}`{about}"))
    }

    fn not_one_of(&self, options: &[String]) -> Problem {
        // Where the schema offers alternatives, a word of any of them would do.
        // A word is repeated; a longer text may be anything, a secret pasted into the wrong line included.
        let word = self.value.as_str().filter(|s| s.len() <= 40 && s.chars().all(|c| c.is_alphanumeric() || "_-./ ".contains(c)));
        let label = self.label();
        let message = match (word, self.value.kind()) {
            (Some(word), _) => format!("`{word}` is not a value of {label}"),
            (None, crate::load::Kind::Null) => format!("{label} is empty"),
            _ => format!("{label} does not take {}", kind_of(self.value)),
        };
        let near = self.value.as_str().and_then(|s| did_you_mean(s, options.iter().map(String::as_str)));
        let help = match near {
            Some(near) if Some(near) == word => format!("write {near} without quotes"),
            Some(near) => format!("did you mean `{near}`? one of: {}", options.join(", ")),
            None => format!("one of: {}", options.join(", ")),
        };
        Problem::new("validate/not-one-of", message)
            .at(self.document.file(), first_line(self.document, self.value.span()), "not one of the known values")
            .help(help)
    }

    fn bad_keys(&self) -> Vec<Problem> {
        let bad = self.value.entries().filter(|(key, _)| !super::schema::SchemaName::key_fits(self.name, self.pointer, key));
        bad.map(|(key, value)| {
            Problem::new("validate/bad-id", format!("`{key}` is not an id"))
                .at(self.document.file(), value.key_span().unwrap_or(value.span()), "not an id")
                .help(self.about_keys())
        })
        .collect()
    }

    /// What the schema says of the keys here.
    fn about_keys(&self) -> &'static str {
        let dotted = self.name == SchemaName::Class;
        if dotted {
            "an id here holds a to z, digits and `_`, with dots between its parts, each beginning with a letter"
        } else {
            "an id begins with a letter and holds a to z, A to Z, digits, `-` and `_`, at most 128"
        }
    }

    /// Of alternatives, the one that got furthest says what is wrong.
    fn best_branch(&self, branches: &[Vec<ValidationError<'static>>], problems: &mut Vec<Problem>) {
        let depth = |errors: &Vec<ValidationError<'static>>| {
            let wrong_type = errors.iter().any(|e| matches!(e.kind(), Kind::Type { .. }) && e.instance_path().as_str() == self.pointer);
            let deepest = errors.iter().map(|e| e.instance_path().as_str().len()).max().unwrap_or(0);
            (!wrong_type, deepest, std::cmp::Reverse(errors.len()))
        };
        // A text that has the form of one branch and is none of its values.
        let format = branches.iter().find_map(|branch| {
            branch.iter().find_map(|e| match e.kind() {
                Kind::Format { format } if e.instance_path().as_str() == self.pointer && (format == DATE || branch.len() == 1) => {
                    Some(format)
                }
                _ => None,
            })
        });
        if let Some(format) = format {
            problems.push(self.bad_format(format));
            return;
        }
        // One word out of several lists of words: show all the words.
        let options: Vec<String> = branches
            .iter()
            .flatten()
            .filter_map(|e| match e.kind() {
                Kind::Enum { options } if e.instance_path().as_str() == self.pointer => Some(words(options)),
                _ => None,
            })
            .flatten()
            .collect();
        match branches.iter().max_by_key(|b| depth(b)) {
            Some(errors) if depth(errors).0 && errors.iter().any(|e| e.instance_path().as_str() != self.pointer || is_record_error(e)) => {
                for error in errors {
                    explain(self.name, self.document, error, problems);
                }
            }
            _ => problems.push(self.expected(&options)),
        }
    }

    /// The schema wants a date here.
    fn is_date(&self) -> bool {
        subschemas(self.name, self.pointer).iter().any(|s| s.get("format").and_then(Json::as_str) == Some(DATE))
    }

    fn bad_format(&self, format: &str) -> Problem {
        let about =
            describe(self.name, self.pointer).filter(|d| !d.contains("YYYY")).map(|d| format!("; it holds {d}")).unwrap_or_default();
        let a_day = self.value.as_str().is_some_and(|text| text.parse::<jiff::civil::Date>().is_ok() && text.len() == "2026-07-01".len());
        let (code, what, label, help) = match (format == DATE, a_day) {
            (true, false) => {
                ("validate/no-such-date", "is not a day of the calendar", "no such day", "write YYYY-MM-DD, in the years 1900 to 2199")
            }
            (true, true) => (
                "validate/no-such-date",
                "lies outside of the years 1900 to 2199",
                "not a year that can be meant",
                "write the day that is meant, as YYYY-MM-DD",
            ),
            (false, _) => {
                ("validate/wrong-value", "is longer than a thousand years", "too long", "write `indefinite` for what is kept for ever")
            }
        };
        Problem::new(code, format!("{} {what}", self.label()))
            .at(self.document.file(), first_line(self.document, self.value.span()), label)
            .help(format!("{help}{about}"))
    }

    fn expected(&self, options: &[String]) -> Problem {
        let about = describe(self.name, self.pointer);
        let mut help = about.map(|d| format!("expected {d}")).unwrap_or_else(|| "see `flowgate schema`".to_owned());
        let near = self.value.as_str().and_then(|s| did_you_mean(s, options.iter().map(String::as_str)));
        if let Some(near) = near {
            help = format!("did you mean `{near}`? {help}");
        }
        let message = match self.value.kind() {
            crate::load::Kind::Null => format!("{} is empty", self.label()),
            _ => format!("{} does not take {}", self.label(), kind_of(self.value)),
        };
        Problem::new("validate/wrong-value", message)
            .at(self.document.file(), first_line(self.document, self.value.span()), "not what is expected here")
            .help(help)
    }

    fn mismatch(&self, error: &ValidationError<'_>) -> Problem {
        let what = match error.kind() {
            Kind::Type { kind } => {
                let wanted = format!("{kind:?}");
                let found = if self.value.as_str().is_some() { "text" } else { kind_of(self.value) };
                return Problem::new("validate/wrong-type", format!("{} is {found}", self.label()))
                    .at(self.document.file(), first_line(self.document, self.value.span()), format!("expected {}", type_words(&wanted)))
                    .help(
                        describe(self.name, self.pointer)
                            .map(|d| format!("it holds {d}"))
                            .unwrap_or_else(|| "see `flowgate schema`".to_owned()),
                    );
            }
            Kind::Pattern { .. } => "has not the right form",
            Kind::MinLength { .. } | Kind::MinItems { .. } | Kind::MinProperties { .. } => "is empty",
            Kind::MultipleOf { .. } => "is not a whole number",
            Kind::MaxLength { .. } | Kind::MaxItems { .. } | Kind::MaxProperties { .. } => "is too long",
            Kind::Minimum { .. } | Kind::ExclusiveMinimum { .. } => "is too small",
            Kind::Maximum { .. } | Kind::ExclusiveMaximum { .. } => "is too large",
            Kind::UniqueItems => "names something twice",
            _ => "does not match the schema",
        };
        let odd = self.value.as_str().and_then(odd_characters).map(|said| format!("{said}; ")).unwrap_or_default();
        let about =
            describe(self.name, self.pointer).map(|d| format!("it holds {d}")).unwrap_or_else(|| "see `flowgate schema`".to_owned());
        Problem::new("validate/wrong-value", format!("{} {what}", self.label()))
            .at(self.document.file(), first_line(self.document, self.value.span()), what)
            .help(format!("{odd}{about}"))
    }
}

impl SchemaName {
    /// Does a key fit what the schema asks of the keys at `pointer`?
    fn key_fits(self, pointer: &str, key: &str) -> bool {
        subschemas(self, pointer).iter().filter_map(|s| s.get("propertyNames")).all(|names| {
            let names =
                names.get("$ref").and_then(Json::as_str).and_then(|r| super::bundled(self).pointer(r.strip_prefix('#')?)).unwrap_or(names);
            jsonschema::is_valid(names, &Json::String(key.to_owned()))
        })
    }
}

fn is_record_error(error: &ValidationError<'_>) -> bool {
    matches!(
        error.kind(),
        Kind::AdditionalProperties { .. } | Kind::Required { .. } | Kind::MinItems { .. } | Kind::UniqueItems | Kind::MinProperties { .. }
    )
}

/// What the schema says a place holds.
fn describe(name: SchemaName, pointer: &str) -> Option<&'static str> {
    subschemas(name, pointer).iter().find_map(|s| s.get("description")?.as_str())
}

fn words(options: &Json) -> Vec<String> {
    let words = options.as_array().into_iter().flatten();
    words.map(|o| o.as_str().map_or_else(|| o.to_string(), str::to_owned)).collect()
}

fn kind_of(value: Value<'_>) -> &'static str {
    use crate::load::Kind as K;
    match value.kind() {
        K::Null => "empty",
        K::Bool => "true or false",
        K::Int => "a whole number",
        K::Float => "a decimal number",
        K::String => "this text",
        K::List => "a list",
        K::Map => "a record",
    }
}

fn type_words(wanted: &str) -> &'static str {
    for (name, words) in [
        ("Object", "a record (`key: value`)"),
        ("Array", "a list"),
        ("Boolean", "true or false"),
        ("Integer", "a whole number"),
        ("Number", "a number"),
        ("String", "text"),
        ("Null", "nothing"),
    ] {
        if wanted.contains(name) {
            return words;
        }
    }
    "something else"
}

/// A span cut at the end of its first line: a label under forty lines points at nothing.
fn first_line(document: &Document, span: Span) -> Span {
    let text = document.file().slice(span);
    let len = text.find('\n').unwrap_or(text.len());
    Span::new(span.start as usize, span.start as usize + text.get(..len).unwrap_or_default().trim_end().len())
}
