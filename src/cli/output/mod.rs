//! What a command writes: a file is whole or not there at all, whatever goes wrong meanwhile, and a stream gets every byte or the run says that it
//! did not. It decides nothing about what is written.

mod signals;
mod staged;

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

pub(super) use self::signals::writes_fail_instead_of_killing;

use self::signals::hold;
use self::staged::{Folders, Staged};
use super::console::shown;
use crate::problem::{Problem, why};

/// Where text goes.
enum Sink {
    /// A file, which is replaced as a whole.
    File,
    /// A pipe or a device, or somebody's open file.
    Stream,
    Stdout,
    Stderr,
}

impl Sink {
    fn of(file: &Path) -> Self {
        let descriptors = ["/dev/fd", "/proc/self/fd"];
        let is = |name: &str, number: &str| file == Path::new(name) || descriptors.iter().any(|d| file == Path::new(d).join(number));
        match () {
            // Opened anew, a stream that is a file would begin again at its start, over what is written there already.
            () if is("/dev/stdout", "1") => Self::Stdout,
            () if is("/dev/stderr", "2") => Self::Stderr,
            () if descriptors.iter().any(|d| file.starts_with(d)) => Self::Stream,
            () if fs::metadata(file).is_ok_and(|about| !about.is_file()) => Self::Stream,
            () => Self::File,
        }
    }
}

/// Text goes there piece by piece, and several reports may follow one another.
pub(super) fn is_stream(file: &Path) -> bool {
    !matches!(Sink::of(file), Sink::File)
}

/// Writes one file: beside it first, then in its place. Pipes and devices are written as they are.
pub(super) fn write(file: &Path, text: &str) -> Result<(), Problem> {
    let failed = |error: &io::Error| unwritable(file, error);
    match Sink::of(file) {
        Sink::File => place(&[(file.to_owned(), text)], false, Staged::replace),
        Sink::Stream => OpenOptions::new().append(true).open(file).and_then(|mut out| put(&mut out, text)).map_err(|error| failed(&error)),
        Sink::Stdout => put(&mut io::stdout().lock(), text).or_else(reader_left).map_err(|error| failed(&error)),
        Sink::Stderr => put(&mut io::stderr().lock(), text).or_else(reader_left).map_err(|error| failed(&error)),
    }
}

/// Writes files that belong together: all of them are on the disk beside their places before the first takes its own. Makes folders that are missing.
pub(super) fn write_all(files: &[(PathBuf, &str)]) -> Result<(), Problem> {
    place(files, true, Staged::replace)
}

/// Writes files that must not be there yet, all or none. Makes folders that are missing.
pub(super) fn write_new(files: &[(PathBuf, &str)]) -> Result<(), Problem> {
    for (file, _) in files {
        match file.symlink_metadata() {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => return Err(unwritable(file, &error)),
            Ok(_) => return Err(taken(file)),
        }
    }
    place(files, true, Staged::take)
}

/// Writes one file that must not be there yet.
pub(super) fn write_first(file: &Path, text: &str) -> Result<(), Problem> {
    place(&[(file.to_owned(), text)], false, Staged::take)
}

fn place(files: &[(PathBuf, &str)], make_folders: bool, put: fn(&mut Staged) -> io::Result<()>) -> Result<(), Problem> {
    // A signal waits until nothing lies about: what is declared first is dropped last.
    let held = hold();
    let mut folders = Folders::default();
    let mut staged = Vec::new();
    for (file, text) in files {
        let made = if make_folders { folders.make(file) } else { Ok(()) };
        let ready = made.and_then(|()| Staged::write(file, text));
        staged.push(ready.map_err(|error| unwritable(file, &error))?);
    }
    if held.came() {
        return Err(Problem::new("cli/stopped", "stopped by a signal; nothing was written"));
    }
    for (done, (file, _)) in files.iter().enumerate() {
        if let Some(Err(error)) = staged.get_mut(done).map(put) {
            return Err(if error.kind() == ErrorKind::AlreadyExists { taken(file) } else { unwritable(file, &error) });
        }
    }
    staged.iter_mut().for_each(Staged::keep);
    folders.keep();
    Ok(())
}

/// Writes all of a text to a stream. A stream that takes no more for now (`O_NONBLOCK`, set by whoever holds its other end) is waited for.
pub(super) fn put(out: &mut impl Write, text: &str) -> io::Result<()> {
    const PAUSE: Duration = Duration::from_millis(1);
    let mut rest = text.as_bytes();
    loop {
        let done = if rest.is_empty() { out.flush().map(|()| 0) } else { out.write(rest) };
        match done {
            Ok(0) if rest.is_empty() => return Ok(()),
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(error) => return Err(error),
        }
    }
}

/// A reader that went away has what it wanted.
pub(super) fn reader_left(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}

fn unwritable(file: &Path, error: &io::Error) -> Problem {
    let help = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => "make room, or name a file on another disk",
        _ => "name a file in a folder that exists and that you may write to",
    };
    Problem::new("cli/output", format!("cannot write `{}`: {}", shown(file), why(error))).help(help)
}

fn taken(file: &Path) -> Problem {
    Problem::new("cli/exists", format!("`{}` is there already", shown(file)))
        .help("nothing was written; name another place, or move the file away")
}
