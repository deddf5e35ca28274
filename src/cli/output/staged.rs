//! Files that lie beside their places until all of them are whole, and folders made for them. What is not kept goes away again.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process;

/// Names that are tried: a run that was killed may have left one, and in a container the next run has the same process id.
const TRIES: usize = 1000;

/// A file that is written and has not taken its place yet.
#[derive(Debug)]
pub(super) struct Staged {
    beside: PathBuf,
    place: PathBuf,
    /// It lies beside its place.
    waits: bool,
    /// It is new in its place, and goes unless it is kept.
    new: bool,
}

impl Staged {
    /// Writes a text beside the place it is for, down to the disk.
    pub(super) fn write(file: &Path, text: &str) -> io::Result<Self> {
        let place = followed(file);
        let before = match fs::metadata(&place) {
            // Replacing a file needs no right to write to it; but who took that right away meant it to stay as it is.
            Ok(about) => OpenOptions::new().append(true).open(&place).map(|_| Some(about.permissions()))?,
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let (beside, mut out) = beside(&place)?;
        let staged = Self { beside, place, waits: true, new: false };
        if let Some(permissions) = before
            && out.metadata()?.permissions() != permissions
        {
            out.set_permissions(permissions)?;
        }
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        Ok(staged)
    }

    /// Takes the place of what is there.
    pub(super) fn replace(&mut self) -> io::Result<()> {
        fs::rename(&self.beside, &self.place)?;
        self.waits = false;
        Ok(())
    }

    /// Takes a place where nothing is; somebody else's file there is an error.
    pub(super) fn take(&mut self) -> io::Result<()> {
        match fs::hard_link(&self.beside, &self.place) {
            Ok(()) => self.new = true,
            // Some file systems have no links.
            Err(error) if error.kind() != ErrorKind::AlreadyExists && self.place.symlink_metadata().is_err() => {
                self.replace()?;
                self.new = true;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Stays.
    pub(super) fn keep(&mut self) {
        self.new = false;
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.waits {
            let _ = fs::remove_file(&self.beside);
        }
        if self.new {
            let _ = fs::remove_file(&self.place);
        }
    }
}

/// Where a link points, also to nothing: a link keeps pointing where it points.
fn followed(file: &Path) -> PathBuf {
    fs::canonicalize(file)
        .or_else(|_| Ok(file.parent().unwrap_or(Path::new("")).join(fs::read_link(file)?)))
        .unwrap_or_else(|_: io::Error| file.to_owned())
}

/// A new file beside a place. Its name has nothing of the place's, which may be as long as names can be.
fn beside(place: &Path) -> io::Result<(PathBuf, File)> {
    let mut failed = io::Error::from(ErrorKind::AlreadyExists);
    for n in 0..TRIES {
        let path = place.with_file_name(format!(".flowgate-{}-{n}.tmp", process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(out) => return Ok((path, out)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => failed = error,
            Err(error) => return Err(error),
        }
    }
    Err(failed)
}

/// Folders made on the way, the outermost first. Those that are not kept go away again where nobody put anything into them.
#[derive(Debug, Default)]
pub(super) struct Folders(Vec<PathBuf>);

impl Folders {
    /// Makes the folders a file is to lie in.
    pub(super) fn make(&mut self, file: &Path) -> io::Result<()> {
        let Some(folder) = file.parent().filter(|folder| folder.as_os_str() != OsStr::new("")) else { return Ok(()) };
        let missing: Vec<&Path> =
            folder.ancestors().take_while(|f| f.as_os_str() != OsStr::new("") && f.symlink_metadata().is_err()).collect();
        for folder in missing.into_iter().rev() {
            match fs::create_dir(folder) {
                Ok(()) => self.0.push(folder.to_owned()),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// All of them stay.
    pub(super) fn keep(&mut self) {
        self.0.clear();
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        for folder in self.0.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}
