//! Load: bytes to text to one tree with a byte span on every key and value, the same tree from YAML 1.2 and from JSON. It never
//! interprets: what a key means, which keys exist and what a name refers to is for the later stages.
//!
//! A declaration is evidence that people review, so whatever makes a text say something other than what it shows is refused with a
//! way out: anchors, aliases, merge keys, tags, directives, several documents, duplicate keys, control characters (written or
//! escaped), numbers that JSON cannot hold. Alias bombs end at their first anchor for the same reason. Scalars follow the YAML 1.2
//! core schema: `no`, `on` and dates are strings, `017` is seventeen.

mod commit;
mod decode;
mod files;
mod folder;
mod json;
mod limits;
mod scalar;
mod snapshot;
mod tree;
mod value;
mod yaml;
mod yaml_error;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::problem::{Problem, SourceFile};

pub use commit::{COMMIT_UNREADABLE, Commit};
pub use decode::first_control;
pub use files::{ProjectFiles, admitted, find_project, read, read_all};
pub use folder::{Entry, EntryKind, Folder};
pub use limits::{Limit, Limits, Setting, raise};
pub use snapshot::{Snapshot, read_snapshot};

use files::{ENDINGS, is_flow, is_skipped};
pub use value::{Kind, Value};

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// YAML 1.2, one document.
    Yaml,
    /// Strict JSON (RFC 8259).
    Json,
}

impl Format {
    /// The format that a path's ending promises: `.yaml`, `.yml` or `.json`.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let (_, ending) = path.rsplit_once('.')?;
        match ending {
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// One file's text with its tree. Clones share both.
#[derive(Clone, Debug)]
pub struct Document {
    file: Arc<SourceFile>,
    tree: Arc<tree::Tree>,
}

impl Document {
    /// Reads `bytes` as `format`; `name` is what reports print for the file.
    ///
    /// # Errors
    /// The first thing that is wrong with the text.
    pub fn parse(name: &str, bytes: Vec<u8>, format: Format, limits: &Limits) -> Result<Self, Problem> {
        let file = decode::decode(name, bytes, limits)?;
        let tree = match format {
            Format::Yaml => yaml::parse(&file, limits)?,
            Format::Json => json::parse(&file, limits)?,
        };
        Ok(Self { file, tree: Arc::new(tree) })
    }

    /// The file's name and text, for the places of problems and findings.
    #[must_use]
    pub fn file(&self) -> &Arc<SourceFile> {
        &self.file
    }

    /// The value that the whole file is.
    #[must_use]
    pub fn root(&self) -> Value<'_> {
        Value::root(self)
    }
}

/// SHA-256 in hexadecimal (FIPS 180-4).
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}
