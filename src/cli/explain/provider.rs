//! The page of a provider profile: every fact with its date, source and confidence, what the service keeps, and what nobody could verify.

use serde_json::Value as Json;

use super::pages::heading;
use crate::cli::console::Console;
use crate::cli::text;
use crate::load::Value;
use crate::packs::{Library, Profile};

/// The page.
pub(super) fn page(profile: &Profile, console: &Console) -> String {
    let root = profile.root();
    let aliases = root.get("aliases").map(words).unwrap_or_default();
    let mut rows =
        vec![("title", said(root, "title")), ("vendor", said(root, "vendor")), ("aliases", aliases), ("notes", said(root, "description"))];
    rows.retain(|(_, words)| !words.is_empty());
    let mut page = heading(console, &profile.service, "provider") + &text::entries(rows, 2, console.wrap());

    page += &format!("\n{}\n{}", console.bold("facts"), facts(root, 2, console));
    for (name, copy) in root.get("copies").into_iter().flat_map(Value::entries) {
        let receives = copy.get("receives").map_or("everything".to_owned(), words);
        page += &format!("\n{}\n", console.bold(&format!("copy: {name}")));
        page += &text::wrapped(
            &format!("{}: a {} the service keeps; receives {receives}", said(copy, "title"), said(copy, "kind")),
            "  ",
            "  ",
            console.wrap(),
        );
        page += &facts(copy, 2, console);
    }
    let unverified: Vec<(&str, String)> =
        root.get("unverified").into_iter().flat_map(Value::entries).map(|(name, why)| (name, words(why))).collect();
    if !unverified.is_empty() {
        page += &format!(
            "\n{}\n{}",
            console.bold("not verified, so undeclared until you state it"),
            text::entries(unverified, 2, console.wrap())
        );
    }
    page
}

/// The name of a service.
pub(super) fn title(service: &str, library: &Library) -> String {
    library.providers.get(service).ok().flatten().map(|p| said(p.root(), "title")).unwrap_or_default()
}

fn facts(holder: Value<'_>, indent: usize, console: &Console) -> String {
    let mut lines = String::new();
    for (name, fact) in holder.get("facts").into_iter().flat_map(Value::entries) {
        let value = match (fact.get("value"), fact.get("by").and_then(Value::as_str)) {
            (Some(value), _) => words(value),
            (None, by) => format!("by `{}`: {}", by.unwrap_or_default(), fact.get("values").map(words).unwrap_or_default()),
        };
        lines += &text::wrapped(&format!("{name}: {value}"), &" ".repeat(indent), &" ".repeat(indent + 2), console.wrap());
        let margin = " ".repeat(indent + 4);
        let origin = format!("as of {}, confidence {}, {}", said(fact, "as_of"), said(fact, "confidence"), said(fact, "source"));
        lines += &text::wrapped(&origin, &margin, &margin, console.wrap());
        let note = said(fact, "note");
        if !note.is_empty() {
            lines += &text::wrapped(&format!("note: {note}"), &margin, &margin, console.wrap());
        }
    }
    lines
}

fn said(value: Value<'_>, key: &str) -> String {
    value.get(key).map(words).unwrap_or_default()
}

/// A value as words: lists with commas, maps as `key value`.
pub(super) fn words(value: Value<'_>) -> String {
    plain(&value.to_json())
}

fn plain(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Json::Object(map) => map.iter().map(|(key, value)| format!("{key} {}", plain(value))).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
