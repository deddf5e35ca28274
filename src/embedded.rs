//! What the binary carries: `policies/` and `schemas/`, as they were when it was built. Never interprets them.

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The text of a schema, by its file name under `schemas/`; empty where there is none.
#[must_use]
pub fn schema(name: &str) -> &'static str {
    let path = format!("schemas/{name}");
    FILES.iter().find(|(p, _)| *p == path).map_or("", |(_, text)| text)
}

/// Paths and texts of all policy files.
pub fn policies() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().copied().filter(|(path, _)| path.starts_with("policies/"))
}
