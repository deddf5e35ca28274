//! generate W|G WORKFLOWS FOLDER [--json] [--pack PATH] [--seed N]
//!
//! Writes the workload as a flowgate project: W workflows alone, G joined. The same arguments give the same bytes.

use std::path::Path;
use std::{env, fs, io};

use floor::workload::Workload;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let option = |name: &str| arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1));
    let [variant @ ("W" | "G"), workflows, folder] = [0, 1, 2].map(|n| arguments.get(n).map_or("", String::as_str)) else {
        return Err(io::Error::other("usage: generate W|G WORKFLOWS FOLDER [--json] [--pack PATH] [--seed N]"));
    };
    let number = |text: &str| text.parse().map_err(|_| io::Error::other(format!("`{text}` is no number")));
    let workload = Workload {
        joined: variant == "G",
        workflows: number(workflows)? as usize,
        seed: option("--seed").map_or(Ok(7), |seed| number(seed))?,
        json: arguments.iter().any(|a| a == "--json"),
        pack: option("--pack").cloned().unwrap_or_else(|| "../pack".to_owned()),
    };
    let mut made = String::new();
    workload.files(|path, text| {
        let path = Path::new(folder).join(path);
        let parent = path.parent().unwrap_or(Path::new(folder));
        if made != parent.to_string_lossy() {
            fs::create_dir_all(parent)?;
            made = parent.to_string_lossy().into_owned();
        }
        fs::write(&path, text)
    })
}
