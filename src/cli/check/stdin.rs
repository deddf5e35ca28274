//! One workflow on standard input, YAML or JSON, under the project around the current folder.

use std::io::{self, Read as _};
use std::path::Path;

use crate::cli::targets;
use crate::load::{self, Document, Format, Limits};
use crate::problem::Problem;
use crate::project::Project;

/// What reports call standard input.
const NAME: &str = "<stdin>";

/// Reads standard input to its end.
pub(super) fn project(limits: &Limits) -> Project {
    let mut project = surroundings(limits);
    let mut bytes = Vec::new();
    // One byte more than allowed is enough to tell that it is too long.
    match io::stdin().lock().take(limits.file_bytes as u64 + 1).read_to_end(&mut bytes) {
        Ok(_) => match Document::parse(NAME, bytes.clone(), format(&bytes), limits) {
            Ok(document) => project.workflows.push(document),
            Err(problem) => project.problems.push(problem),
        },
        Err(error) => project.problems.push(Problem::new("load/unreadable", format!("cannot read standard input: {}", error.kind()))),
    }
    project
}

/// The project file and waivers that apply here; none where there is no project.
fn surroundings(limits: &Limits) -> Project {
    let Some((root, _)) = targets::project_around(Path::new(".")) else { return Project::default() };
    match load::find_project(&root) {
        Ok(files) => Project::read_files(files.root, files.project.as_deref(), files.waivers.as_deref(), &[], limits),
        Err(problem) => Project { problems: vec![problem], ..Project::default() },
    }
}

/// JSON begins with a brace and a quoted key, or is JSON from end to end; all else is YAML, whose flow maps begin with a brace, too.
fn format(bytes: &[u8]) -> Format {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start();
    let inside = text.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    let json = inside.is_some_and(|rest| rest.starts_with(b"\"")) || serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok();
    if json { Format::Json } else { Format::Yaml }
}
