//! Only what lies in the repository and in the packs that were named is read; what is no file never blocks; nothing is started and nothing connects.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::base::{Folder, committed, edit, flowgate, git, said};

/// What a file outside holds; no report may hold it.
const SECRET: &str = "outside-secret-51c0ffee";

/// A repository with a project in `clinic`, and a file and a pack beside the repository.
fn world(name: &str) -> (Folder, PathBuf) {
    let outside = Folder::new(&format!("outside-{name}"));
    fs::write(outside.0.join("file.txt"), format!("{SECRET}: [\n")).unwrap();
    fs::create_dir_all(outside.0.join("pk/r")).unwrap();
    fs::write(outside.0.join("pk/PACK.md"), format!("# {SECRET}\n")).unwrap();
    fs::write(outside.0.join("pk/r/rule.cedar"), format!("{SECRET}\n")).unwrap();
    let repository = committed(&format!("inside-{name}"), "clinic");
    let inner = outside.0.join("repository");
    fs::rename(&repository.0, &inner).unwrap();
    git(&inner, &["config", "http.extraheader", SECRET]);
    let project = inner.join("clinic");
    (outside, project)
}

fn replace(project: &Path, file: &str, from: &str, to: &str) {
    edit(project, [(file.to_owned(), from.to_owned(), to.to_owned())].into_iter());
}

fn document(project: &Path, uri: &str) {
    replace(project, "flowgate.yaml", "document: baa.txt", &format!("document: {uri}"));
}

fn permit(project: &Path, file: &str) {
    replace(project, "flowgate.yaml", "defaults:", &format!("permit: {file}\ndefaults:"));
}

fn pack(project: &Path, folder: &str) {
    replace(project, "flowgate.yaml", "[core, contract]", &format!("[core, contract, {folder}]"));
}

/// A case: what it is called, what it does to a project, and what is said of it.
type Case = (&'static str, fn(&Path), &'static str);

const OUTSIDE: [Case; 18] = [
    (
        "document-link",
        |p| {
            symlink("../../file.txt", p.join("d.txt")).unwrap();
            document(p, "d.txt");
        },
        "`d.txt` is outside the project",
    ),
    (
        "document-folder-link",
        |p| {
            symlink("../..", p.join("d")).unwrap();
            document(p, "d/file.txt");
        },
        "`d/file.txt` is outside the project",
    ),
    ("document-climbs", |p| document(p, "../../file.txt"), "`../../file.txt` is outside the project"),
    ("document-climbs-a-little", |p| document(p, "../clinic/baa.txt"), "`../clinic/baa.txt` is outside the project"),
    ("document-absolute", |p| document(p, "/etc/passwd"), "`/etc/passwd` is outside the project"),
    (
        "document-device",
        |p| {
            symlink("/dev/null", p.join("d.txt")).unwrap();
            document(p, "d.txt");
        },
        "`d.txt` is outside the project",
    ),
    (
        "document-git",
        |p| {
            symlink("../.git/config", p.join("d.txt")).unwrap();
            document(p, "d.txt");
        },
        "`d.txt` is outside the project",
    ),
    ("permit-climbs", |p| permit(p, "../../file.txt"), "cannot read the permit list `../../file.txt`: it is outside the repository"),
    ("permit-absolute", |p| permit(p, "/etc/passwd"), "cannot read the permit list `/etc/passwd`: it is outside the repository"),
    (
        "permit-link",
        |p| {
            symlink("../../file.txt", p.join("p.cedar")).unwrap();
            permit(p, "p.cedar");
        },
        "`p.cedar`: it is outside the repository",
    ),
    ("permit-git", |p| permit(p, "../.git/config"), "`../.git/config`: it is outside the repository"),
    ("pack-climbs", |p| pack(p, "../../pk"), "the pack `../../pk` is outside the repository"),
    (
        "pack-link",
        |p| {
            symlink("../../pk", p.join("pk")).unwrap();
            pack(p, "./pk");
        },
        "the pack `pk` is outside the repository",
    ),
    (
        "rule-link",
        |p| {
            fs::create_dir_all(p.join("pk/r")).unwrap();
            fs::write(p.join("pk/PACK.md"), "# pk\n").unwrap();
            symlink("../../../../file.txt", p.join("pk/r/rule.cedar")).unwrap();
            pack(p, "./pk");
        },
        "`./pk/r/rule.cedar` is a link",
    ),
    (
        "flow-link",
        |p| symlink("../../../file.txt", p.join("flows/x.flow.yaml")).unwrap(),
        "`flows/x.flow.yaml` is a link that points out of the project",
    ),
    (
        "flow-git",
        |p| {
            fs::create_dir_all(p.join("inner/.git")).unwrap();
            fs::write(p.join("inner/.git/config"), format!("{SECRET}: [\n")).unwrap();
            symlink("../inner/.git/config", p.join("flows/x.flow.yaml")).unwrap();
        },
        "`flows/x.flow.yaml` is a link that points out of the project",
    ),
    (
        "waivers-link",
        |p| symlink("../../file.txt", p.join("flowgate.waivers.yaml")).unwrap(),
        "`flowgate.waivers.yaml` is a link that points out of the project",
    ),
    (
        "project-link",
        |p| {
            fs::remove_file(p.join("flowgate.yaml")).unwrap();
            symlink("../../file.txt", p.join("flowgate.yaml")).unwrap();
        },
        "`flowgate.yaml` is a link that points out of the project",
    ),
];

fn in_one_line(output: &Output) -> String {
    said(output).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_leads_out_is_refused_and_not_shown() {
    for (name, change, says) in OUTSIDE {
        let (_outside, project) = world(name);
        change(&project);
        for arguments in [&["check"][..], &["check", "--format", "json"], &["evidence", "--output", "../../bundle"], &["graph"]] {
            let output = flowgate(&project, arguments);
            let said = in_one_line(&output);
            assert_eq!(output.status.code(), Some(2), "{name}: {arguments:?}: {said}");
            assert!(!said.contains(SECRET), "{name}: {arguments:?}: {said}");
            if arguments == ["check"] {
                assert!(said.contains(says), "{name}: {said}");
            }
        }
        for file in fs::read_dir(project.join("../../bundle")).into_iter().flatten() {
            assert!(!fs::read_to_string(file.unwrap().path()).unwrap().contains(SECRET), "{name}");
        }
        // A base that leads out is no base to compare with, and no reason to read on.
        git(&project, &["add", "-A"]);
        git(&project, &["commit", "-qm", "it"]);
        let compared = flowgate(&project, &["check", "--base", "HEAD"]);
        assert_eq!(compared.status.code(), Some(2), "{name}: {}", said(&compared));
        assert!(!in_one_line(&compared).contains(SECRET), "{name}");
    }
}

/// Links and paths that stay in the repository are what they were.
#[test]
fn what_stays_inside_is_read() {
    let (outside, project) = world("stays");
    symlink("baa.txt", project.join("d.txt")).unwrap();
    document(&project, "d.txt");
    fs::create_dir_all(project.join("../shared/pk/r")).unwrap();
    fs::write(project.join("../shared/pk/PACK.md"), "# pk\n").unwrap();
    let rule = "@title(\"t\")\n@severity(\"error\")\n@citation(\"c\")\n@message(\"m\")\n@help(\"h\")\nforbid (principal is Flowgate::Output, action == Flowgate::Action::\"receive\", resource is Flowgate::Datum);\n";
    fs::write(project.join("../shared/pk/r/rule.cedar"), rule).unwrap();
    pack(&project, "../shared/pk");
    let output = flowgate(&project, &["check", "--format", "json"]);
    let report = crate::base::json(&output);
    assert_eq!(report["problems"].as_array().unwrap().len(), 0, "{}", report["problems"]);
    assert!(report["findings"].as_array().unwrap().iter().any(|f| f["rule"] == "pk/r"), "{}", report["findings"]);
    // Outside of any repository, a project's own folder is all there is.
    fs::remove_dir_all(project.join("../.git")).unwrap();
    let output = flowgate(&project, &["check"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(in_one_line(&output).contains("the pack `../shared/pk` is outside the repository"), "{}", said(&output));
    // What the command line names may lie anywhere.
    fs::write(outside.0.join("pk/r/rule.cedar"), rule).unwrap();
    replace(&project, "flowgate.yaml", ", ../shared/pk", "");
    let output = flowgate(&project, &["check", "--packs", "../../pk", "--format", "json"]);
    assert!(crate::base::json(&output)["findings"].as_array().unwrap().iter().any(|f| f["rule"] == "pk/r"));
}

/// A baseline that is a link is read inside its repository alone, too.
#[test]
fn a_baseline_does_not_lead_out() {
    let (_outside, project) = world("baseline");
    symlink("../../file.txt", project.join("flowgate.baseline.json")).unwrap();
    let output = flowgate(&project, &["check", "--baseline", "flowgate.baseline.json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        in_one_line(&output).contains("cannot read the baseline `flowgate.baseline.json`: it is outside the repository"),
        "{}",
        said(&output)
    );
}

/// Runs to an end, or fails after a while.
fn finishes(folder: &Path, arguments: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_flowgate"))
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > Duration::from_secs(120) {
            child.kill().unwrap();
            panic!("{arguments:?} blocks");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

#[test]
fn what_is_no_file_never_blocks() {
    let pipe = |path: PathBuf| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    let cases: [(&str, &[&str], &str); 7] = [
        ("flows/x.flow.yaml", &["check"], "`flows/x.flow.yaml` is not a regular file"),
        ("flowgate.yaml", &["check"], "`flowgate.yaml` is not a regular file"),
        ("flowgate.waivers.yaml", &["check"], "`flowgate.waivers.yaml` is not a regular file"),
        ("p.cedar", &["check"], "cannot read the permit list `p.cedar`: not a regular file"),
        ("pk/r/rule.cedar", &["check"], "`./pk/r/rule.cedar` is no file"),
        ("b.json", &["check", "--baseline", "b.json"], "cannot read the baseline `b.json`: not a regular file"),
        ("baa.txt", &["check"], "hipaa/purpose.missing"),
    ];
    for (n, (file, arguments, says)) in cases.into_iter().enumerate() {
        let repository = committed(&format!("pipe-{n}"), ".");
        match file {
            "p.cedar" => permit(&repository.0, "p.cedar"),
            "pk/r/rule.cedar" => {
                fs::create_dir_all(repository.0.join("pk/s")).unwrap();
                fs::write(repository.0.join("pk/PACK.md"), "# pk\n").unwrap();
                pack(&repository.0, "./pk");
            }
            _ => {}
        }
        pipe(repository.0.join(file));
        let output = finishes(&repository.0, arguments);
        let said = in_one_line(&output);
        assert_ne!(output.status.code(), Some(0), "{file}: {said}");
        assert!(said.contains(says), "{file}: {said}");
        assert!(n == 6 || output.status.code() == Some(2), "{file}: {said}");
    }
    // A device that never ends, by a link that stays where it is named.
    let repository = committed("device", ".");
    symlink("/dev/zero", repository.0.join("flows/x.flow.yaml")).unwrap();
    assert_eq!(finishes(&repository.0, &["check"]).status.code(), Some(2));
}

/// The paths that system calls of a trace name and that could be opened, with the call.
fn opened(trace: &str) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    // A call that another thread interrupts stands on two lines; whether it went well is on the second.
    for line in trace.lines().filter(|l| !l.contains(" = -1 ")) {
        let call = line.split_whitespace().nth(1).unwrap_or_default().split('(').next().unwrap_or_default().to_owned();
        if let Some(path) = line.split('"').nth(1) {
            found.push((call, PathBuf::from(path)));
        }
    }
    found
}

/// The proof from outside: what the kernel was asked for.
#[test]
fn the_kernel_is_asked_for_nothing_else() {
    if !Command::new("strace").arg("-V").output().is_ok_and(|o| o.status.success()) {
        println!("skipped: strace is not installed");
        return;
    }
    let (outside, project) = world("strace");
    let packs = outside.0.join("own/pk");
    fs::create_dir_all(packs.join("r")).unwrap();
    fs::write(packs.join("PACK.md"), "# pk\n").unwrap();
    let rule = "@title(\"t\")\n@severity(\"error\")\n@citation(\"c\")\n@message(\"m\")\n@help(\"h\")\nforbid (principal is Flowgate::Output, action == Flowgate::Action::\"receive\", resource is Flowgate::Datum);\n";
    fs::write(packs.join("r/rule.cedar"), rule).unwrap();
    let trace = outside.0.join("trace");
    let repository = project.parent().unwrap();
    git(&project, &["commit", "--allow-empty", "-qm", "more"]);
    for arguments in [&["check", "--packs", "../../own/pk"][..], &["check", "--base", "HEAD~1"], &["evidence", "--output", "out"]] {
        let mut command = Command::new("strace");
        command.current_dir(&project).args(["-f", "-qq", "-e", "trace=%file,%network,%process", "-o"]).arg(&trace);
        let output = command.arg(env!("CARGO_BIN_EXE_flowgate")).args(arguments).output().unwrap();
        let text = fs::read_to_string(&trace).unwrap_or_default();
        if text.is_empty() {
            println!("skipped: strace may not trace here: {}", String::from_utf8_lossy(&output.stderr));
            return;
        }
        assert!(output.status.code().is_some_and(|code| code < 2), "{arguments:?}: {}", said(&output));
        let mut own = 0;
        for (call, path) in opened(&text) {
            // Looking whether something is there, on the way up to the top of the repository, reads nothing.
            if !matches!(call.as_str(), "open" | "openat" | "openat2" | "execve" | "creat") {
                continue;
            }
            let real = fs::canonicalize(project.join(&path)).unwrap_or_else(|_| project.join(&path));
            let system = ["/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/proc", "/sys", "/dev"]
                .iter()
                .any(|s| real.starts_with(s));
            let asked = real.starts_with(fs::canonicalize(repository).unwrap()) || real.starts_with(fs::canonicalize(&packs).unwrap());
            let binary = real == fs::canonicalize(env!("CARGO_BIN_EXE_flowgate")).unwrap();
            assert!(system || asked || binary, "{arguments:?}: {call} {}", path.display());
            own += usize::from(asked);
        }
        assert!(own >= 4, "{arguments:?}: the trace shows {own} files of the project");
        let calls = |name: &str| text.lines().filter(|l| l.contains(&format!(" {name}("))).count();
        assert_eq!((calls("socket"), calls("connect"), calls("execve"), calls("fork"), calls("vfork")), (0, 0, 1, 0, 0), "{arguments:?}");
        // Threads are fine, processes are not.
        for line in text.lines().filter(|l| l.contains(" clone(") || l.contains(" clone3(")) {
            assert!(line.contains("CLONE_THREAD"), "{line}");
        }
    }
}
