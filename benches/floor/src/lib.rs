//! The workload, and what the programs here share.

pub mod random;
pub mod workload;

use std::path::{Path, PathBuf};
use std::{fs, io, thread};

/// Every file at or below a path, sorted.
///
/// # Errors
/// A folder cannot be read.
pub fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut found, mut todo) = (Vec::new(), vec![path.to_owned()]);
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() { todo.push(entry.path()) } else { found.push(entry.path()) }
            }
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Does some work for an even part of the files on each core, and gives what came of it in the order of the files.
pub fn on_each_core<T: Send>(files: &[PathBuf], work: impl Fn(&[PathBuf]) -> T + Sync) -> Vec<T> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if files.len() < 2 * cores {
        return vec![work(files)];
    }
    thread::scope(|scope| {
        let work = &work;
        let parts: Vec<_> = files.chunks(files.len().div_ceil(cores)).map(|part| scope.spawn(move || work(part))).collect();
        parts.into_iter().map(|part| part.join().expect("a part panicked")).collect()
    })
}
