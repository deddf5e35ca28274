//! One text: both loaders against each other and against other parsers, and the schemas.

use flowgate::load::{Format, Limits};
use flowgate::validate::{SchemaName, against};
use serde_json::Value as Json;

use super::{document, parse, problem_fits, spans_fit};

/// YAML: what is read has spans that fit, and is the same once it is written as JSON and read by either loader.
pub fn load_yaml(bytes: &[u8]) {
    let loaded = flowgate::load::Document::parse("a.yaml", bytes.to_vec(), Format::Yaml, &Limits::default());
    match loaded {
        Ok(document) => {
            spans_fit(document.root());
            same_again(&document.root().to_json());
        }
        Err(problem) => problem_fits(&problem),
    }
}

/// JSON: as YAML, and what is refused as no JSON is none for others either, and what YAML reads in it is the same.
pub fn load_json(bytes: &[u8]) {
    let loaded = flowgate::load::Document::parse("a.json", bytes.to_vec(), Format::Json, &Limits::default());
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let other = serde_json::from_slice::<Json>(text);
    match loaded {
        Ok(document) => {
            spans_fit(document.root());
            let json = document.root().to_json();
            assert_eq!(other.ok().as_ref(), Some(&json), "another parser reads it differently");
            same_again(&json);
            if let Ok(yaml) = parse("a.yaml", &document.file().text, Format::Yaml) {
                assert_eq!(yaml.root().to_json(), json, "yaml reads it differently");
            }
        }
        Err(problem) => {
            problem_fits(&problem);
            assert!(problem.code != "load/syntax" || other.is_err(), "{problem:?}: another parser reads {other:?}");
        }
    }
}

/// Written as JSON it is the same for both loaders, unless it holds what no declaration may.
fn same_again(json: &Json) {
    let text = json.to_string();
    for format in [Format::Json, Format::Yaml] {
        match parse("again", &text, format) {
            Ok(again) => assert_eq!(&again.root().to_json(), json, "{format:?}"),
            // A key of more than 1,024 characters is none in YAML.
            Err(problem) => assert!(format == Format::Yaml && problem.code == "load/syntax", "{format:?} {problem:?} in {text:?}"),
        }
    }
}

/// Any document against any schema; the first byte says which.
pub fn validate(bytes: &[u8]) {
    let Some((which, text)) = bytes.split_first() else { return };
    let name = SchemaName::ALL[usize::from(*which) % SchemaName::ALL.len()];
    match document("a.flow.yaml", &String::from_utf8_lossy(text)) {
        Ok(document) => against(name, &document).iter().for_each(problem_fits),
        Err(problem) => problem_fits(&problem),
    }
}
