//! An author cannot silence the gate from within a change without its showing: the cases of tests/security/silence.yaml, and what a repository can do
//! to the base it is compared with. More of them are in `base`: baselines, nested and vanished projects, links, weakened packs.

use std::fs;
use std::path::Path;
use std::process::Command;

use flowgate::compare::Baseline;
use flowgate::finding::{Standing, SubjectNames};
use flowgate::load::{Document, Format, Limits, Value};
use flowgate::{Project, check};

use crate::base::{Folder, commit, committed, copy, edit, edits, flowgate, git, json, said, text};
use crate::common::{options, root};

/// The two ends of a move or a link.
fn pair(case: Value<'_>, key: &str) -> Option<(String, String)> {
    let ends: Vec<&str> = case.get(key)?.items().filter_map(Value::as_str).collect();
    let [from, to] = ends.as_slice() else { panic!("{key} has {} ends", ends.len()) };
    Some(((*from).to_owned(), (*to).to_owned()))
}

fn write_and_edit(folder: &Path, edits: impl Iterator<Item = (String, String, String)>) {
    edit(folder, edits.inspect(|(file, _, _)| fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap()));
}

fn base_of(case: Value<'_>, name: &str) -> Folder {
    let repository = Folder::new(name);
    let project = repository.0.join("clinic");
    copy(&root().join("tests/base/project"), &project);
    for workflow in ["summary", "tickets"] {
        let file = format!("flows/{workflow}.flow.yaml");
        edit(&project, [(file, "owner: maya\n".to_owned(), "owner: maya\npermission: treatment\n".to_owned())].into_iter());
    }
    edit(&project, edits(case, "before"));
    git(&repository.0, &["init", "-q"]);
    commit(&repository);
    repository
}

#[cfg(unix)]
#[test]
fn nothing_in_a_change_silences_the_gate_without_showing() {
    let bytes = fs::read(root().join("tests/security/silence.yaml")).unwrap();
    let cases = Document::parse("silence.yaml", bytes, Format::Yaml, &Limits::default()).unwrap();
    let mut seen = 0;
    let mut failures = Vec::new();
    for case in cases.root().get("cases").unwrap().items() {
        seen += 1;
        let name = text(case, "name");
        let repository = base_of(case, &format!("silence-{seen}"));
        let project = repository.0.join("clinic");
        if case.get("leak").and_then(Value::as_bool) != Some(false) {
            let leak = ("flows/tickets.flow.yaml".to_owned(), "[ticket, remark]".to_owned(), "[ticket, remark, note]".to_owned());
            edit(&project, [leak].into_iter());
        }
        write_and_edit(&project, edits(case, "edits"));
        if let Some((from, to)) = pair(case, "move") {
            fs::create_dir_all(project.join(&to).parent().unwrap()).unwrap();
            fs::rename(project.join(from), project.join(to)).unwrap();
        }
        if let Some((from, to)) = pair(case, "link") {
            std::os::unix::fs::symlink(from, project.join(to)).unwrap();
        }
        let output = flowgate(&project, &["check", "--base", "HEAD", "--report", "json=../report.json"]);
        let said = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        let report: serde_json::Value = serde_json::from_slice(&fs::read(repository.0.join("report.json")).unwrap()).unwrap();
        let list = |key: &str, word: &str| -> Vec<String> {
            let counting = |entry: &&serde_json::Value| key != "findings" || entry["standing"] == "new" || entry["standing"] == "worsened";
            report[key].as_array().into_iter().flatten().filter(counting).map(|e| e[word].as_str().unwrap().to_owned()).collect()
        };
        let codes: Vec<String> = [list("findings", "rule"), list("notices", "code"), list("problems", "code")].concat();
        let code = case.get("code").and_then(Value::as_str);
        let exit = case.get("exit").map(|e| e.to_json().as_i64().unwrap());
        let right = code.is_none_or(|code| codes.iter().any(|c| c == code))
            && exit.is_none_or(|exit| output.status.code().map(i64::from) == Some(exit))
            && said.contains(text(case, "says"));
        if !right {
            failures.push(format!("{name}: exit {:?}, {codes:?}\n{said}", output.status.code()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(seen >= 25, "{seen} cases");
}

const LEAK: [(&str, &str, &str); 1] = [("flows/tickets.flow.yaml", "[ticket, remark]", "[ticket, remark, note]")];

fn leak(project: &Path) {
    edit(project, LEAK.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())));
}

/// A commit is what its id says: `refs/replace` and grafts give it no other content and no other parents.
#[test]
fn a_base_cannot_be_replaced() {
    let repository = committed("replaced", ".");
    leak(&repository.0);
    commit(&repository);
    let id = |rev: &str| String::from_utf8(git(&repository.0, &["rev-parse", rev]).stdout).unwrap().trim().to_owned();
    let (base, head) = (id("HEAD~1"), id("HEAD"));
    let new =
        |rev: &str| json(&flowgate(&repository.0, &["check", "--base", rev, "--format", "json"]))["summary"]["compared"]["new"].clone();
    let expected = new(&base);
    assert!(expected.as_u64().unwrap() > 0);
    git(&repository.0, &["replace", &base, &head]);
    assert_eq!(new(&base), expected, "the commit is replaced");
    git(&repository.0, &["replace", "-d", &base]);
    git(&repository.0, &["replace", &id("HEAD~1^{tree}"), &id("HEAD^{tree}")]);
    assert_eq!(new(&base), expected, "its tree is replaced");
    fs::create_dir_all(repository.0.join(".git/info")).unwrap();
    fs::write(repository.0.join(".git/info/grafts"), format!("{head}\n")).unwrap();
    assert_eq!(new("HEAD~1"), expected, "its parents are grafted");
    // The repository's own configuration cannot turn replacing on again, nor bring in files from elsewhere.
    git(&repository.0, &["config", "core.useReplaceRefs", "true"]);
    git(&repository.0, &["config", "include.path", "/nowhere/at/all"]);
    assert_eq!(new(&base), expected);
}

/// A folder that became a repository of its own has a `main` of its own.
#[test]
fn a_submodule_is_not_its_own_base() {
    let outer = committed("outer", "services/clinic");
    let inner = committed("inner", ".");
    leak(&inner.0);
    commit(&inner);
    git(&outer.0, &["rm", "-rq", "services/clinic"]);
    let from = format!("file://{}", inner.0.display());
    git(&outer.0, &["-c", "protocol.file.allow=always", "submodule", "add", "-q", &from, "services/clinic"]);
    let compared = flowgate(&outer.0, &["check", "--base", "main"]);
    assert_eq!(compared.status.code(), Some(2), "{}", said(&compared));
    assert!(said(&compared).contains("base/other-repository") && said(&compared).contains("services/clinic"), "{}", said(&compared));
    assert!(said(&compared).contains("hipaa/baa-missing"), "the findings are still there: {}", said(&compared));
    // Asked for by its own name, it is what was meant.
    let own = flowgate(&outer.0, &["check", "services/clinic", "--base", "main"]);
    assert_eq!(own.status.code(), Some(0), "{}", said(&own));
}

/// A pack's page beside a project file makes the folder a pack's fixture, and takes a project of the base out of the check: that is named.
#[test]
fn a_project_that_poses_as_a_fixture_is_named() {
    let repository = committed("fixture", "a");
    copy(&root().join("tests/base/project"), &repository.0.join("b"));
    commit(&repository);
    fs::write(repository.0.join("a/PACK.md"), "# a\n").unwrap();
    leak(&repository.0.join("a"));
    let output = flowgate(&repository.0, &["check", "--base", "HEAD"]);
    assert!(said(&output).contains("the base has a project in `a`"), "{}", said(&output));
}

/// Fingerprints are short, and an author chooses names: two findings are the same when their names are, too.
#[test]
fn a_fingerprint_alone_makes_no_finding_the_same() {
    let project = Project::read(&root().join("examples/clinic-notes/violating"), &Limits::default());
    let report = check(&project, &options());
    let known = report.findings.iter().find(|f| f.rule == "hipaa/baa-missing").unwrap();
    let mut other = known.clone();
    assert!(known.is_same(&other));
    other.subject = SubjectNames::Flow { from: "ehr".to_owned(), to: "somewhere-else".to_owned(), implied: false };
    assert!(!known.is_same(&other), "another flow");
    let mut forged = report.clone();
    forged.findings = vec![other];
    assert_eq!(Baseline::of(&report).mark(&mut forged).len(), 0);
    assert_eq!(forged.findings[0].standing, Standing::Open);
    let mut again = report.clone();
    assert_eq!(Baseline::of(&report).mark(&mut again).len(), again.findings.len());
    assert!(again.findings.iter().all(|f| f.standing == Standing::Baseline));
}

/// What a repository tells git to run is never run, and what it tells git to read instead is never read: attributes, filters, hooks, monitors, an
/// alternate index. (`base::the_base_is_read_from_git_and_nothing_of_the_repository_runs` sets the traps; here, configuration of a work tree.)
#[test]
fn configuration_of_a_work_tree_moves_nothing() {
    let repository = committed("worktree", ".");
    leak(&repository.0);
    let elsewhere = Folder::new("elsewhere");
    git(&repository.0, &["config", "extensions.worktreeConfig", "true"]);
    fs::write(repository.0.join(".git/config.worktree"), format!("[core]\n\tworktree = {}\n", elsewhere.0.display())).unwrap();
    let output = flowgate(&repository.0, &["check", "--base", "HEAD"]);
    assert_ne!(output.status.code(), Some(0), "{}", said(&output));
    // The environment of whoever runs it has no say either.
    fs::write(repository.0.join(".git/config.worktree"), "").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowgate"));
    command.current_dir(&repository.0).args(["check", "--base", "HEAD"]);
    for (name, value) in [
        ("GIT_DIR", elsewhere.0.as_os_str()),
        ("GIT_WORK_TREE", elsewhere.0.as_os_str()),
        ("GIT_OBJECT_DIRECTORY", elsewhere.0.as_os_str()),
        ("GIT_REPLACE_REF_BASE", "refs/heads/".as_ref()),
        ("GIT_CONFIG_COUNT", "1".as_ref()),
        ("GIT_CONFIG_KEY_0", "core.worktree".as_ref()),
        ("GIT_CONFIG_VALUE_0", elsewhere.0.as_os_str()),
    ] {
        command.env(name, value);
    }
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
}
