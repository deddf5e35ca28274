//! Embeds `policies/` and `schemas/` as one table of files; no logic beyond that. Fixtures stay out: they are for the tests.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let mut files = Vec::new();
    for room in ["policies", "schemas"] {
        println!("cargo:rerun-if-changed={room}");
        collect(&root.join(room), &mut files)?;
    }
    files.sort();
    let mut table = String::from("pub(crate) static FILES: &[(&str, &str)] = &[\n");
    for file in files {
        println!("cargo:rerun-if-changed={}", file.display());
        let name = file.strip_prefix(&root).map_err(io::Error::other)?.to_string_lossy().replace('\\', "/");
        writeln!(table, "    ({name:?}, include_str!({:?})),", file.display().to_string()).map_err(io::Error::other)?;
    }
    table.push_str("];\n");
    fs::write(PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?).join("embedded.rs"), table)
}

/// Every file below `folder` that the program reads at run time.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            // A rule's fixtures; the pack's own fixture project lies beside PACK.md and is left out below.
            if name != "fail" && name != "pass" {
                collect(&path, files)?;
            }
        } else if name != "flowgate.yaml" {
            files.push(path);
        }
    }
    Ok(())
}
