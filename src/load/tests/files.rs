//! Finding and reading files, each test in a directory of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::load::{Limits, ProjectFiles, find_project, read, read_all};

/// A directory that goes away with the test. It holds `.git`, so that nothing above it is looked at.
struct Room(PathBuf);

impl Room {
    fn new(files: &[&str]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("flowgate-load-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let room = Self(fs::canonicalize(std::env::temp_dir()).unwrap().join(name));
        room.write(".git/HEAD", "");
        for file in files {
            room.write(file, "a: 1\n");
        }
        room
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn find(&self, start: &str) -> ProjectFiles {
        find_project(&self.0.join(start)).unwrap()
    }

    /// Root, project, waivers and flows, each relative to the room.
    fn found(&self, start: &str) -> (String, String, String, Vec<String>) {
        let shown = |path: &Path| path.strip_prefix(&self.0).unwrap().to_string_lossy().into_owned();
        let files = self.find(start);
        let optional = |path: &Option<PathBuf>| path.as_deref().map(shown).unwrap_or_default();
        (shown(&files.root), optional(&files.project), optional(&files.waivers), files.flows.iter().map(|p| shown(p)).collect())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_project_is_everything_below_its_file() {
    let room = Room::new(&[
        "p/flowgate.yaml",
        "p/flowgate.waivers.json",
        "p/b.flow.yaml",
        "p/a/z.flow.json",
        "p/a/deep/y.flow.yml",
        "p/a.flow.yaml",
        // Not ours: no flow names, skipped directories, a project of its own, a neighbour.
        "p/flow.yaml",
        "p/x.flow.toml",
        "p/xflow.yaml",
        "p/x.flow.yaml.bak",
        "p/.hidden/x.flow.yaml",
        "p/node_modules/x.flow.yaml",
        "p/target/x.flow.yaml",
        "p/inner/flowgate.json",
        "p/inner/x.flow.yaml",
        "q/x.flow.yaml",
    ]);
    let flows = ["p/a/deep/y.flow.yml", "p/a/z.flow.json", "p/a.flow.yaml", "p/b.flow.yaml"].map(str::to_owned).to_vec();
    let expected = ("p".into(), "p/flowgate.yaml".into(), "p/flowgate.waivers.json".into(), flows);
    for start in ["p", "p/a/deep", "p/b.flow.yaml", "p/a/deep/y.flow.yml", "p/../p/a"] {
        assert_eq!(room.found(start), expected, "{start}");
    }
    assert_eq!(room.found("p/inner").3, ["p/inner/x.flow.yaml"]);
}

#[test]
fn without_a_project_file_the_start_is_the_root() {
    let room = Room::new(&["flowgate.yaml", "repo/.git/HEAD", "repo/sub/a.flow.yaml", "repo/b.flow.yaml"]);
    assert_eq!(room.found("repo/sub"), ("repo/sub".into(), String::new(), String::new(), vec!["repo/sub/a.flow.yaml".into()]));
    assert_eq!(room.found("repo/b.flow.yaml").0, "repo");
    assert_eq!(room.found("").1, "flowgate.yaml", "a directory with `.git` is still looked at");
}

#[test]
fn two_project_files_are_refused() {
    let room = Room::new(&["flowgate.yaml", "flowgate.json"]);
    let problem = find_project(&room.0).unwrap_err();
    assert_eq!((problem.code, problem.places.len()), ("load/two-files", 2));
    assert_eq!(problem.message, format!("`flowgate.yaml` and `flowgate.json` stand side by side in `{}`", room.0.display()));
    let room = Room::new(&["flowgate.waivers.yml", "flowgate.waivers.yaml"]);
    assert_eq!(find_project(&room.0).unwrap_err().code, "load/two-files");
}

#[test]
fn reading_names_files_from_the_root() {
    let room = Room::new(&["a/b.flow.yaml", "c.toml"]);
    room.write("a/bad.flow.json", "{");
    let paths: Vec<PathBuf> =
        ["a/b.flow.yaml", "a/bad.flow.json", "c.toml", "gone.flow.yaml", "a/b.flow.yaml"].iter().map(|p| room.0.join(p)).collect();
    let results: Vec<_> = read_all(&paths, &room.0, &Limits::default())
        .into_iter()
        .map(|result| match result {
            Ok(document) => document.file().name.clone(),
            Err(problem) => format!("{}: {} ({})", problem.places[0].file.name, problem.message, problem.code),
        })
        .collect();
    assert_eq!(
        results,
        [
            "a/b.flow.yaml",
            "a/bad.flow.json: `{` is never closed (load/syntax)",
            "c.toml: `c.toml` is neither yaml nor json (load/format)",
            "gone.flow.yaml: cannot read `gone.flow.yaml`: no such file or folder (load/unreadable)",
            "a/b.flow.yaml",
        ]
    );
    let small = Limits { file_bytes: 4, ..Limits::default() };
    assert_eq!(read(&paths[0], &room.0, &small).unwrap_err().message, "the file has 5 bytes, the limit is 4");
    fs::create_dir(room.0.join("d.flow.yaml")).unwrap();
    assert_eq!(read(&room.0.join("d.flow.yaml"), &room.0, &small).unwrap_err().message, "`d.flow.yaml` is not a regular file");
    assert_eq!(find_project(&room.0.join("nowhere")).unwrap_err().code, "load/unreadable");
}

#[cfg(unix)]
#[test]
fn links_do_not_leave_the_project() {
    use std::os::unix::fs::symlink;
    let room = Room::new(&["p/flowgate.yaml", "p/a.flow.yaml", "p/shared/base.yaml", "out/x.flow.yaml"]);
    let link = |target: &str, name: &str| symlink(target, room.0.join("p").join(name)).unwrap();
    link("../out/x.flow.yaml", "out.flow.yaml");
    link("shared/base.yaml", "in.flow.yaml");
    link("a.flow.yaml", "same.flow.yaml");
    link("nowhere", "lost.flow.yaml");
    link("../out", "linked");
    link(".", "loop");
    let files = room.find("p");
    let results: Vec<_> = read_all(&files.flows, &files.root, &Limits::default())
        .into_iter()
        .map(|result| result.map_or_else(|p| p.message, |d| d.file().name.clone()))
        .collect();
    assert_eq!(
        results,
        [
            "a.flow.yaml",
            "in.flow.yaml",
            "cannot read `lost.flow.yaml`: no such file or folder",
            "`out.flow.yaml` is a link that points out of the project",
        ]
    );
}
