//! copy BYTES FILE PATH...: reads every file at or below the paths and writes as many bytes as a report has. What any checker has to do at the least.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [bytes, out, paths @ ..] = arguments.as_slice() else {
        return Err(io::Error::other("usage: copy BYTES FILE PATH..."));
    };
    let mut files = Vec::new();
    for path in paths {
        files.extend(floor::files(Path::new(path))?);
    }
    let read = floor::on_each_core(&files, |part: &[PathBuf]| -> io::Result<usize> {
        let mut buffer = Vec::new();
        let mut sum = 0;
        for path in part {
            buffer.clear();
            sum += fs::File::open(path)?.read_to_end(&mut buffer)?;
        }
        Ok(sum)
    });
    let sum = read.into_iter().sum::<io::Result<usize>>()?;
    fs::write(out, vec![b' '; bytes.parse().map_err(io::Error::other)?])?;
    println!("{} files, {sum} bytes", files.len());
    Ok(())
}
