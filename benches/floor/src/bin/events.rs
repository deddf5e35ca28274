//! events PATH...: reads every YAML file at or below the paths and takes the events of the parser flowgate uses, with nothing made of them.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use granit_parser::{Parser, options};

fn main() -> io::Result<()> {
    let mut files = Vec::new();
    for path in env::args().skip(1) {
        files.extend(floor::files(Path::new(&path))?);
    }
    files.retain(|file| file.extension().is_some_and(|ending| ending == "yaml"));
    let counts = floor::on_each_core(&files, |part: &[PathBuf]| -> io::Result<(usize, usize)> {
        let (mut bytes, mut events) = (0, 0);
        for path in part {
            let text = fs::read_to_string(path)?;
            bytes += text.len();
            let options = options! { disallow_directives: true, emit_comments: false };
            for event in Parser::new_from_str_with_options(&text, options) {
                event.map_err(|e| io::Error::other(format!("{}: {e}", path.display())))?;
                events += 1;
            }
        }
        Ok((bytes, events))
    });
    let (mut bytes, mut events) = (0, 0);
    for count in counts {
        let (b, e) = count?;
        bytes += b;
        events += e;
    }
    println!("{} files, {bytes} bytes, {events} events", files.len());
    Ok(())
}
