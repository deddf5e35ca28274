//! House rules that a reader would otherwise have to trust: layers, names, folders, documents that point at what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use flowgate::load::{Document, Format, Limits};
use flowgate::validate::{SchemaName, against, bundled};
use flowgate::vocabulary::Vocabulary;
use serde_json::Value as Json;

use crate::common::{root, walk};

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn sources() -> Vec<(String, String)> {
    let files = walk(&root().join("src")).into_iter().filter(|p| p.extension().is_some_and(|e| e == "rs"));
    files.map(|p| (p.strip_prefix(root().join("src")).unwrap().display().to_string(), text(&p))).collect()
}

/// The modules in the order data passes through them, as ARCHITECTURE.md has them.
fn stages() -> Vec<String> {
    let map = text(&root().join("ARCHITECTURE.md"));
    let rows = map.lines().filter_map(|l| l.split("| `src/").nth(1)?.split('`').next().map(str::to_owned));
    let stages: Vec<String> = rows.collect();
    assert_eq!(stages.len(), 10, "{stages:?}");
    stages
}

#[test]
fn a_module_uses_only_modules_above_it() {
    let stages = stages();
    let mut allowed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let base = ["declare", "vocabulary", "embedded", "problem", "table", "ids"];
    for (n, stage) in stages.iter().enumerate() {
        let above = stages.iter().take(n + 1).cloned().chain(base.map(str::to_owned));
        allowed.insert(stage.clone(), above.collect());
    }
    // What a report prints is the whole report.
    allowed.get_mut("report").unwrap().extend(["Report", "Checked", "check"].map(str::to_owned));
    let mut faults = Vec::new();
    for (file, text) in sources() {
        let module = file.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
        let Some(allowed) = allowed.get(&module) else { continue };
        if file.contains("tests") {
            continue;
        }
        let shipped = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for used in shipped.split("crate::").skip(1) {
            let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if !used.is_empty() && !allowed.contains(&used) {
                faults.push(format!("src/{file} uses crate::{used}"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn lib_rs_names_the_modules_in_that_order() {
    let lib = text(&root().join("src/lib.rs"));
    let mut last = 0;
    for stage in stages() {
        let at = lib.find(&format!("pub mod {stage};")).unwrap_or_else(|| panic!("no `pub mod {stage};` in lib.rs"));
        assert!(at > last, "{stage} stands before its place in lib.rs");
        last = at;
    }
}

#[test]
fn the_engine_knows_no_rule_class_or_provider_by_name() {
    let mut names: BTreeSet<String> = BTreeSet::new();
    for file in walk(&root().join("policies")) {
        let path = file.strip_prefix(root().join("policies")).unwrap().display().to_string();
        if let Some(rule) = path.strip_prefix("packs/").and_then(|p| p.strip_suffix("/rule.cedar")) {
            names.insert(rule.to_owned());
        }
        if let Some(service) = path.strip_prefix("providers/").and_then(|p| p.strip_suffix(".yaml")) {
            names.insert(service.to_owned());
        }
        if path.contains("classes/") {
            let document = Document::parse(&path, std::fs::read(&file).unwrap(), Format::Yaml, &Limits::default()).unwrap();
            for section in ["classes", "labels"] {
                let entries = document.root().get(section).into_iter().flat_map(flowgate::load::Value::entries);
                // A dotted id cannot be a word of its own; a label of one word counts when it is quoted.
                names.extend(entries.map(|(name, _)| if name.contains('.') { name.to_owned() } else { format!("\"{name}\"") }));
            }
        }
    }
    assert!(names.len() > 100);
    // Words of the vocabulary that are also names of a class or label: an attribute, a key of the context, an annotation.
    let words: BTreeSet<&str> = ["\"id\"", "\"contract\"", "\"code\""].into();
    let mut faults = Vec::new();
    for (file, text) in
        sources().into_iter().filter(|(f, _)| !f.contains("tests") && !f.ends_with("scaffold.rs") && !f.ends_with("init.rs"))
    {
        let shipped = text.split("#[cfg(test)]").next().unwrap();
        let code: String = shipped.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        faults.extend(
            names.iter().filter(|n| !words.contains(n.as_str()) && code.contains(n.as_str())).map(|n| format!("src/{file} names {n}")),
        );
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_property_of_every_schema_is_described() {
    fn descend(json: &Json, path: &str, faults: &mut Vec<String>) {
        if let Some(properties) = json.get("properties").and_then(Json::as_object) {
            for (name, property) in properties {
                if property.get("description").is_none() && property.get("$ref").is_none() {
                    faults.push(format!("{path}/{name}"));
                }
            }
        }
        match json {
            Json::Object(map) => map.iter().for_each(|(k, v)| descend(v, &format!("{path}/{k}"), faults)),
            Json::Array(items) => items.iter().enumerate().for_each(|(n, v)| descend(v, &format!("{path}/{n}"), faults)),
            _ => {}
        }
    }
    let mut faults = Vec::new();
    for name in SchemaName::ALL {
        assert!(bundled(name).get("$schema").is_some(), "{} is empty", name.file());
        descend(bundled(name), name.file(), &mut faults);
        assert!(jsonschema::draft202012::meta::is_valid(bundled(name)), "{} is no valid schema", name.file());
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn what_teams_may_write_is_what_policies_may_read() {
    let vocabulary = Vocabulary::load().unwrap();
    let schema = bundled(SchemaName::Flow);
    let kinds = ["Source", "Step", "Endpoint", "Store", "Log", "Output", "Reviewer"];
    let mut written: BTreeSet<&str> = BTreeSet::new();
    for kind in kinds {
        let properties = schema.pointer(&format!("/$defs/{}/properties", kind.to_lowercase())).and_then(Json::as_object).unwrap();
        written.extend(properties.keys().map(String::as_str));
    }
    let computed = ["id", "kind"];
    for attribute in vocabulary.entity("Endpoint").iter().filter(|a| !a.computed && !computed.contains(&a.name.as_str())) {
        assert!(written.contains(attribute.name.as_str()), "policies read `{}`, and nobody can write it", attribute.name);
    }
}

#[test]
fn taxonomy_files_and_profiles_match_their_schemas() {
    let mut count = 0;
    for file in walk(&root().join("policies")) {
        let path = file.strip_prefix(root()).unwrap().display().to_string();
        let name = match path.split('/').collect::<Vec<_>>().as_slice() {
            ["policies", "classes", _] | ["policies", "packs", _, "classes", _] => SchemaName::Class,
            ["policies", "providers", _, _] | ["policies", "packs", _, "providers", _, _] => SchemaName::Provider,
            _ => continue,
        };
        let document = Document::parse(&path, std::fs::read(&file).unwrap(), Format::Yaml, &Limits::default())
            .unwrap_or_else(|p| panic!("{path}: {p}"));
        let problems: Vec<String> = against(name, &document).iter().map(ToString::to_string).collect();
        assert!(problems.is_empty(), "{path}: {problems:?}");
        count += 1;
    }
    assert!(count > 20, "only {count} files");
}

#[test]
fn documents_point_at_what_is_there() {
    let mut faults = Vec::new();
    let docs = walk(&root().join("docs")).into_iter().filter(|p| p.extension().is_some_and(|e| e == "md"));
    let docs = docs.map(|p| p.strip_prefix(root()).unwrap().display().to_string());
    let others = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md"].map(str::to_owned);
    for document in docs.chain(others) {
        let page = text(&root().join(&document));
        let folder = root().join(&document).parent().unwrap().to_owned();
        for link in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains("://") && !folder.join(file).exists() {
                faults.push(format!("{document} links to {file}"));
            }
        }
        for path in
            page.split('`').skip(1).step_by(2).filter(|w| w.starts_with("src/") || w.starts_with("schemas/") || w.starts_with("tests/"))
        {
            if !root().join(path.trim_end_matches('/')).exists() {
                faults.push(format!("{document} names {path}"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn files_and_functions_keep_to_the_house_sizes() {
    let mut faults = Vec::new();
    for (file, text) in sources() {
        let lines = text.split("#[cfg(test)]\nmod tests {").next().unwrap().lines().count();
        if lines > 500 && !file.contains("tests") {
            faults.push(format!("src/{file} has {lines} lines"));
        }
    }
    assert!(text(&root().join("src/main.rs")).lines().count() <= 40, "main.rs has more than 40 lines");
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Every rule's page, fixtures and text are there, and every rule is found by the tests.
#[test]
fn every_rule_folder_is_a_test() {
    let (cases, problems) = flowgate::rulebook::cases(&root().join("policies/packs"));
    assert!(problems.is_empty());
    let tested: BTreeSet<String> = cases.iter().map(|c| c.rule.clone()).collect();
    let mut found = 0;
    for file in walk(&root().join("policies/packs")) {
        let path = file.strip_prefix(root().join("policies/packs")).unwrap().display().to_string();
        if let Some(rule) = path.strip_suffix("/rule.cedar") {
            assert!(tested.contains(rule), "{rule} is not tested");
            found += 1;
        }
    }
    assert!(found >= 50, "only {found} rules");
}
