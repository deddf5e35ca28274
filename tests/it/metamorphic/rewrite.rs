//! Projects as JSON that can be changed and read again.

use flowgate::Project;
use flowgate::load::{Document, Format, Limits};
use serde_json::{Map, Value as Json};

/// The kinds of node and the sections that hold them.
pub(super) const SECTIONS: [&str; 7] = ["sources", "steps", "endpoints", "stores", "logs", "outputs", "reviewers"];

/// A project's documents as JSON.
#[derive(Clone)]
pub(super) struct Draft {
    of: Project,
    pub(super) file: Option<Json>,
    /// Name of the file, and what it says.
    pub(super) workflows: Vec<(String, Json)>,
    pub(super) waivers: Option<Json>,
}

impl Draft {
    pub(super) fn of(project: &Project) -> Self {
        let json = |d: &Document| d.root().to_json();
        Self {
            of: project.clone(),
            file: project.file.as_ref().map(json),
            workflows: project.workflows.iter().map(|d| (d.file().name.clone(), json(d))).collect(),
            waivers: project.waivers.as_ref().map(json),
        }
    }

    /// The project file and all workflow files.
    pub(super) fn documents(&mut self) -> impl Iterator<Item = &mut Json> {
        self.file.iter_mut().chain(self.workflows.iter_mut().map(|(_, json)| json))
    }

    /// The project these documents are, written as JSON.
    pub(super) fn project(&self) -> Project {
        self.written(&|json| serde_json::to_string_pretty(json).unwrap(), Format::Json)
    }

    /// The project these documents are, written and read as one likes.
    pub(super) fn written(&self, write: &dyn Fn(&Json) -> String, format: Format) -> Project {
        let document = |name: &str, json: &Json| Document::parse(name, write(json).into_bytes(), format, &Limits::default()).unwrap();
        Project {
            file: self.of.file.as_ref().zip(self.file.as_ref()).map(|(d, json)| document(&d.file().name, json)),
            workflows: self.workflows.iter().map(|(name, json)| document(name, json)).collect(),
            waivers: self.of.waivers.as_ref().zip(self.waivers.as_ref()).map(|(d, json)| document(&d.file().name, json)),
            ..self.of.clone()
        }
    }
}

/// The entries of a section, as far as there are any.
pub(super) fn section<'j>(document: &'j Json, key: &str) -> impl Iterator<Item = (&'j String, &'j Json)> {
    document.get(key).and_then(Json::as_object).into_iter().flatten()
}

/// The flows of a workflow.
pub(super) fn flows(document: &Json) -> &[Json] {
    document.get("flows").and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

/// The text under a key.
pub(super) fn text<'j>(json: &'j Json, key: &str) -> &'j str {
    json.get(key).and_then(Json::as_str).unwrap_or_default()
}

/// A section to put entries into.
pub(super) fn section_mut<'j>(document: &'j mut Json, key: &str) -> &'j mut Map<String, Json> {
    let map = document.as_object_mut().unwrap();
    map.entry(key).or_insert_with(|| Json::Object(Map::new())).as_object_mut().unwrap()
}
