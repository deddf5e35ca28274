//! Bad input: each case below `tests/bad` gets exactly the words and places that lie beside it, and none passes in silence.
//!
//! `tests/bad/base` is a project that checks clean. A case is one file in the place of one of its files (the ending says which), or a folder laid over
//! it, with a `script.txt` for what a repository cannot hold and an `args.txt` for cases about the command line. `FLOWGATE_BLESS=1` writes the expected
//! texts; read what it changes.

use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use flowgate::load::{Limits, find_project};
use flowgate::problem::Problem;
use flowgate::report::{self, Format, Style};
use flowgate::{Project, Report, check};

use crate::common::{options, root};

const BINARY: &str = env!("CARGO_BIN_EXE_flowgate");
/// Where a case of one file lies, by its ending.
const PLACES: [(&str, &str); 8] = [
    (".flow.yaml", "w.flow.yaml"),
    (".flow.json", "w.flow.json"),
    (".project.yaml", "flowgate.yaml"),
    (".waivers.yaml", "flowgate.waivers.yaml"),
    (".rule.cedar", "acme/rule/rule.cedar"),
    (".class.yaml", "acme/classes/own.yaml"),
    (".provider.yaml", "acme/providers/vendor/chat.yaml"),
    (".pack.yaml", "acme/pack.yaml"),
];
const EXPECTED: &str = ".expected.txt";
const SCRUBBED: [&str; 8] = ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "TERM", "LC_ALL", "LC_CTYPE", "LANG"];

/// One test for each family, so that they run side by side and a failure names its family.
macro_rules! families {
    ($($test:ident: $folder:literal,)*) => {
        const FAMILIES: &[&str] = &[$($folder),*];
        $(#[test]
        fn $test() {
            family($folder);
        })*
    };
}

families! {
    cedar: "cedar",
    command_line: "command-line",
    contradictions: "contradictions",
    cycles: "cycles",
    dates: "dates",
    duplicates: "duplicates",
    durations: "durations",
    empty: "empty",
    encoding: "encoding",
    files: "files",
    json: "json",
    keys: "keys",
    lookalikes: "lookalikes",
    near_misses: "near-misses",
    numbers: "numbers",
    packs: "packs",
    references: "references",
    regions: "regions",
    types: "types",
    words: "words",
    yaml: "yaml",
}

#[test]
fn every_family_is_run_and_every_expectation_has_its_case() {
    let mut found: Vec<String> = children(&folder()).into_iter().filter(|p| p.is_dir()).map(|p| name(&p)).filter(|n| n != "base").collect();
    found.sort();
    assert_eq!(found, FAMILIES);
    let cases: Vec<PathBuf> = FAMILIES.iter().flat_map(|f| cases(f)).collect();
    assert!(cases.len() >= 300, "only {} cases", cases.len());
    for family in FAMILIES {
        let expectations = children(&folder().join(family)).into_iter().filter(|p| name(p).ends_with(EXPECTED));
        for expectation in expectations {
            assert!(cases.iter().any(|case| expected_of(case) == expectation), "{} has no case", expectation.display());
        }
    }
}

/// The base is what every case departs from: without a departure there is nothing to say.
#[test]
fn the_base_checks_clean() {
    let laid = Laid::base();
    let report = check(&Project::read(&laid.project, &Limits::default()), &options());
    assert_eq!(text(&report), "exit 0\n");
}

/// A project whose root is `/`: names stay relative, and nothing above it is looked for.
#[test]
fn a_project_root_at_the_top_of_the_disk() {
    let laid = Laid::base();
    let path = |name: &str| laid.project.join(name);
    let project = Project::read_files(PathBuf::from("/"), Some(&path("flowgate.yaml")), None, &[path("w.flow.yaml")], &Limits::default());
    let report = check(&project, &options());
    let inside = laid.project.strip_prefix("/").unwrap().to_string_lossy().into_owned();
    let names: Vec<&str> = project.workflows.iter().map(|d| d.file().name.as_str()).collect();
    assert_eq!(names, [format!("{inside}/w.flow.yaml")]);
    // The private pack is looked for below `/`, where it is not.
    let codes: Vec<&str> = report.problems.iter().map(|p| p.code).collect();
    assert_eq!(codes, ["packs/no-pack"]);
    assert_eq!(report.checked.workflows, ["w"]);
}

/// The same with the binary, alone on a disk of its own; needs to be root.
#[test]
fn the_binary_at_the_top_of_a_disk() {
    let top = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("top-{}", std::process::id()));
    fs::create_dir_all(&top).unwrap();
    copy(&folder().join("base"), &top);
    let linked = Command::new("ldd").arg(BINARY).output();
    let libraries = linked.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
    for library in libraries.split_whitespace().filter(|word| word.starts_with('/')) {
        let place = top.join(&library[1..]);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        drop(fs::copy(library, place));
    }
    let ready = fs::hard_link(BINARY, top.join("flowgate"));
    let run = |arguments: &[&str]| {
        Command::new("chroot").arg(&top).args(["/flowgate", "check", "--as-of", "2026-07-01"]).args(arguments).output()
    };
    let first = ready.ok().and_then(|()| run(&[]).ok()).filter(|o| o.status.code().is_some_and(|code| code <= 2));
    if let Some(clean) = &first {
        assert_eq!(clean.status.code(), Some(0), "{}{}", String::from_utf8_lossy(&clean.stdout), String::from_utf8_lossy(&clean.stderr));
        let flow = fs::read_to_string(top.join("w.flow.yaml")).unwrap();
        fs::write(top.join("w.flow.yaml"), flow.replace("from: desk", "from: dsek")).unwrap();
        let broken = run(&["/"]).unwrap();
        let out = String::from_utf8(broken.stdout).unwrap();
        assert_eq!(broken.status.code(), Some(2), "{out}");
        assert!(out.contains("[w.flow.yaml:8:13]") && out.contains("there is no node `dsek`"), "{out}");
    } else {
        println!("skipped: no `chroot` here, or no right to use it");
    }
    drop(fs::remove_dir_all(&top));
}

fn folder() -> PathBuf {
    root().join("tests/bad")
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    found.sort();
    found
}

fn cases(family: &str) -> Vec<PathBuf> {
    children(&folder().join(family)).into_iter().filter(|p| !name(p).ends_with(EXPECTED)).collect()
}

fn expected_of(case: &Path) -> PathBuf {
    case.with_file_name(format!("{}{EXPECTED}", name(case)))
}

fn family(family: &str) {
    let bless = std::env::var_os("FLOWGATE_BLESS").is_some();
    let mut wrong = Vec::new();
    for case in cases(family) {
        let Some(found) = run(&case) else { continue };
        let expected = expected_of(&case);
        if bless {
            fs::write(&expected, &found).unwrap();
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        if wanted != found {
            wrong.push(format!("{family}/{}\nexpected:\n{wanted}found:\n{found}", name(&case)));
        }
        let silent = found == "exit 0\n" || found.starts_with("exit 0\n--- stdout\nno finding");
        if silent {
            wrong.push(format!("{family}/{} passes in silence", name(&case)));
        }
    }
    assert!(wrong.is_empty(), "{} of these cases differ:\n\n{}", wrong.len(), wrong.join("\n"));
}

/// A case, laid over a copy of the base; gone when it is over.
struct Laid {
    top: PathBuf,
    project: PathBuf,
}

impl Laid {
    fn base() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let unique = format!("flowgate-bad-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let top = fs::canonicalize(std::env::temp_dir()).unwrap().join(unique);
        let project = top.join("project");
        copy(&folder().join("base"), &project);
        // The search for a project file ends here, whatever lies above.
        fs::create_dir(project.join(".git")).unwrap();
        Self { top, project }
    }

    fn over(&self, case: &Path) {
        if case.is_dir() {
            copy(case, &self.project);
            for ours in ["script.txt", "args.txt"] {
                drop(fs::remove_file(self.project.join(ours)));
            }
            return;
        }
        let (_, place) = PLACES.iter().find(|(ending, _)| name(case).ends_with(ending)).unwrap_or_else(|| panic!("{}", case.display()));
        if *place == "w.flow.json" {
            fs::remove_file(self.project.join("w.flow.yaml")).unwrap();
        }
        let place = self.project.join(place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(case, place).unwrap();
    }

    /// Does what a script says, a line at a time; false when this machine cannot.
    fn script(&self, text: &str) -> bool {
        text.lines().filter(|line| !line.is_empty()).all(|line| self.line(line))
    }

    fn line(&self, line: &str) -> bool {
        let (verb, rest) = line.split_once(' ').unwrap();
        let (first, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let path = self.project.join(first);
        let write = |path: &Path, text: &str| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        match verb {
            "folder" => fs::create_dir_all(&path).unwrap(),
            "remove" => fs::remove_file(&path).unwrap(),
            "link" => symlink(rest, &path).unwrap(),
            "file" => write(&path, &format!("{rest}\n")),
            "outside" => write(&self.top.join(first), &format!("{rest}\n")),
            "repeat" => {
                let (count, text) = rest.split_once(' ').unwrap();
                let lines = (0..count.parse::<usize>().unwrap()).map(|n| text.replace("{n}", &n.to_string()) + "\n");
                write(&path, &lines.collect::<String>());
            }
            "mode" => {
                fs::set_permissions(&path, fs::Permissions::from_mode(u32::from_str_radix(rest, 8).unwrap())).unwrap();
                let readable = if path.is_dir() { fs::read_dir(&path).is_ok() } else { fs::read(&path).is_ok() };
                if readable {
                    println!("skipped: {first} can be read whatever its mode, as root can");
                }
                return !readable;
            }
            "pipe" => return Command::new("mkfifo").arg(&path).status().is_ok_and(|status| status.success()),
            "odd" => {
                let odd = std::ffi::OsString::from_vec([first.as_bytes(), b"\xff.flow.yaml"].concat());
                return fs::write(self.project.join(odd), "workflow: v\nstage: drfat\nflows: []\n").is_ok();
            }
            other => panic!("no such line in a script: {other}"),
        }
        true
    }
}

impl Drop for Laid {
    fn drop(&mut self) {
        drop(Command::new("chmod").args(["-R", "u+rwX"]).arg(&self.top).status());
        drop(fs::remove_dir_all(&self.top));
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in children(from) {
        let place = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &place);
        } else {
            fs::copy(&path, &place).unwrap();
        }
    }
}

/// What flowgate says to a case; none where this machine cannot make it.
fn run(case: &Path) -> Option<String> {
    let laid = Laid::base();
    laid.over(case);
    let script = fs::read_to_string(case.join("script.txt")).unwrap_or_default();
    if !laid.script(&script) {
        return None;
    }
    let top = laid.top.to_string_lossy().into_owned();
    let said = match fs::read_to_string(case.join("args.txt")) {
        Ok(args) => binary(&laid.project, &args),
        Err(_) => {
            let report = check(&Project::read(&laid.project, &Limits::default()), &options());
            for problem in report.problems.iter().chain(&report.notices) {
                well_put(problem, case);
            }
            shown(&report, case);
            text(&report)
        }
    };
    assert!(!said.contains("panicked"), "{}: {said}", case.display());
    Some(said.replace(&top, "<top>"))
}

/// What every message is: one sentence in lower case without a full stop, with a way out and no word of praise.
fn well_put(problem: &Problem, case: &Path) {
    let at = case.display();
    let first = problem.message.chars().next().unwrap();
    assert!(!first.is_uppercase() && !problem.message.ends_with('.') && !problem.message.contains('\n'), "{at}: {}", problem.message);
    assert!(problem.help.is_some() || problem.code == "load/passed-over", "{at}: {} has no way out", problem.message);
    assert!(!problem.message.contains("compliant"), "{at}: {}", problem.message);
    for place in &problem.places {
        assert!(place.file.text.get(place.span.start as usize..place.span.end as usize).is_some(), "{at}: a place outside of its file");
    }
}

/// The report for people has every problem, too, with code and message.
fn shown(report: &Report, case: &Path) {
    let human = report::render(report, Format::Human, &Style::PLAIN);
    let dense = |text: &str| text.split_whitespace().collect::<String>();
    for problem in &report.problems {
        assert!(human.contains(&format!("error[{}]", problem.code)), "{}: {human}", case.display());
        let message: String = problem.message.chars().take(40).filter(char::is_ascii).collect();
        if problem.message.is_ascii() {
            assert!(dense(&human).contains(&dense(&message)), "{}: {human}", case.display());
        }
    }
}

/// A report in the form of the expected texts.
fn text(report: &Report) -> String {
    let exit = if !report.problems.is_empty() {
        2
    } else {
        i32::from(report.findings.iter().any(|f| f.severity == flowgate::judge::Severity::Error))
    };
    let mut text = format!("exit {exit}\n");
    for (kind, problems) in [("error", &report.problems), ("note", &report.notices)] {
        for problem in problems {
            text += &format!("{kind}[{}]: {}\n", problem.code, problem.message);
            for place in &problem.places {
                let ((line, column), (end_line, end_column)) =
                    (place.file.line_column(place.span.start), place.file.line_column(place.span.end));
                let under = place.file.slice(place.span);
                let under: String = under.lines().next().unwrap_or_default().chars().take(60).flat_map(char::escape_debug).collect();
                text += &format!("  at {}:{line}:{column}-{end_line}:{end_column} `{under}`: {}\n", place.file.name, place.label);
            }
            text += &problem.help.as_ref().map(|help| format!("  help: {help}\n")).unwrap_or_default();
        }
    }
    for finding in &report.findings {
        text += &format!("finding {}\n", finding.rule);
    }
    text
}

fn binary(folder: &Path, args: &str) -> String {
    let mut command = Command::new(BINARY);
    command.current_dir(folder).args(args.split_whitespace()).stdin(Stdio::null());
    SCRUBBED.iter().for_each(|variable| {
        command.env_remove(variable);
    });
    let out = command.output().unwrap();
    let plain = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).unwrap();
        // The date of the run is no part of what is said.
        match text.split_once("as of ") {
            Some((before, after)) => format!("{before}as of <day>{}", after.get("2026-07-01".len()..).unwrap_or_default()),
            None => text,
        }
    };
    format!("exit {}\n--- stdout\n{}--- stderr\n{}", out.status.code().unwrap_or(-1), plain(out.stdout), plain(out.stderr))
}

/// A folder that only links lead into is said to be unread, and one that is a project of its own is not.
#[test]
fn what_is_passed_over_is_named() {
    let laid = Laid::base();
    assert!(
        laid.script("file target/deep/v.flow.yaml x\nfile own/flowgate.yaml x\nfile own/target/u.flow.yaml x\nfile .git/t.flow.yaml x\n")
    );
    let files = find_project(&laid.project).unwrap();
    let named: Vec<&str> = files.unread.iter().flat_map(|p| &p.places).map(|p| p.file.name.as_str()).collect();
    assert_eq!(named, ["target/deep/v.flow.yaml"]);
    // Of files that are nearly named as workflows, those that are one.
    assert!(laid.script("file flow.yml stage: draft\nfile login-flow.yaml steps: []\nfile data-flow.json {}\nfile flow.md workflow: w\n"));
    assert!(laid.script("file work.flow.yaml.bak workflow: w\nfile overflow.yaml workflow: w\nfile a/b.flows.yaml workflow: w\n"));
    let files = find_project(&laid.project).unwrap();
    let named: Vec<&str> = files.unread.iter().flat_map(|p| &p.places).map(|p| p.file.name.as_str()).collect();
    assert_eq!(named, ["target/deep/v.flow.yaml", "a/b.flows.yaml"]);
}
