//! A report in a file: whole, or not there at all.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::process;

use super::console::shown;
use crate::problem::{Problem, why};

/// Writes beside the file and renames over it. Pipes and devices are written as they are, also `/dev/stdout` where it stands for a file.
pub(super) fn write(file: &Path, text: &str) -> Result<(), Problem> {
    let failed = |error: &io::Error| {
        Problem::new("cli/output", format!("cannot write `{}`: {}", shown(file), why(error)))
            .help("name a file in a folder that exists and that you may write to")
    };
    if file.starts_with("/dev") || fs::metadata(file).is_ok_and(|about| !about.is_file()) {
        return OpenOptions::new().append(true).open(file).and_then(|mut out| out.write_all(text.as_bytes())).map_err(|e| failed(&e));
    }
    // A link keeps pointing where it points.
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let beside = target.with_file_name(format!(".{name}.{}.tmp", process::id()));
    let done = OpenOptions::new().write(true).create_new(true).open(&beside).and_then(|mut out| {
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        fs::rename(&beside, &target)
    });
    done.map_err(|error| {
        let _ = fs::remove_file(&beside);
        failed(&error)
    })
}
