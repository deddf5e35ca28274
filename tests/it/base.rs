//! Comparing with a base: each case of tests/base/cases.yaml reports exactly what is new or worse, at the changed line that caused it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flowgate::compare::{changes, compare, undone};
use flowgate::finding::{Finding, Standing};
use flowgate::load::{Document, Format, Limits, Value};
use flowgate::problem::Place;
use flowgate::{Project, check};

use crate::common::{essences, options, projects, root, walk};

pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("flowgate-base-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    for file in walk(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&file, target).unwrap();
    }
}

pub(crate) fn edit(folder: &Path, edits: impl Iterator<Item = (String, String, String)>) {
    for (file, replace, by) in edits {
        let path = folder.join(&file);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(text.contains(&replace), "{file} has no {replace:?}");
        std::fs::write(&path, if replace.is_empty() { by } else { text.replacen(&replace, &by, 1) }).unwrap();
    }
}

fn cases() -> Document {
    let text = std::fs::read(root().join("tests/base/cases.yaml")).unwrap();
    Document::parse("cases.yaml", text, Format::Yaml, &Limits::default()).unwrap()
}

pub(crate) fn text<'d>(value: Value<'d>, key: &str) -> &'d str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn edits<'d>(case: Value<'d>, key: &str) -> impl Iterator<Item = (String, String, String)> + use<'d> {
    let list = case.get(key).into_iter().flat_map(Value::items);
    list.map(|e| (text(e, "file").to_owned(), text(e, "replace").to_owned(), text(e, "by").to_owned()))
}

/// The line a place begins on, as text.
fn line(place: &Place) -> &str {
    let (number, _) = place.file.line_column(place.span.start);
    place.file.text.lines().nth(number - 1).unwrap_or_default()
}

pub(crate) fn git(folder: &Path, arguments: &[&str]) -> Output {
    let settings = ["-c", "user.name=t", "-c", "user.email=t@t.example", "-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main"];
    let run = Command::new("git").current_dir(folder).args(settings).args(arguments).env("GIT_CONFIG_NOSYSTEM", "1").output();
    let output = run.expect("these tests need git");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

pub(crate) fn flowgate(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowgate"));
    for variable in ["COLUMNS", "NO_COLOR", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command.current_dir(folder).args(arguments).output().unwrap()
}

pub(crate) fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn each_change_reports_exactly_what_it_makes_worse() {
    let cases = cases();
    let mut seen = 0;
    for case in cases.root().get("cases").unwrap().items() {
        seen += 1;
        let name = text(case, "name");
        let (before, after) = (Folder::new(&format!("before-{seen}")), Folder::new(&format!("after-{seen}")));
        copy(&root().join("tests/base/project"), &before.0);
        edit(&before.0, edits(case, "before"));
        copy(&before.0, &after.0);
        edit(&after.0, edits(case, "edits"));
        let (base, head) = (Project::read(&before.0, &Limits::default()), Project::read(&after.0, &Limits::default()));
        let report = compare(&base, &head, &options());
        assert!(report.problems.is_empty(), "{name}: {:?}", report.problems);

        let counting: Vec<&Finding> = report.findings.iter().filter(|f| f.counts()).collect();
        let mut missing: Vec<String> = Vec::new();
        let mut met = BTreeSet::new();
        for wanted in case.get("report").unwrap().items() {
            let is = |f: &&&Finding| {
                let cause = f.causes.first();
                f.rule == text(wanted, "rule")
                    && f.standing.word() == text(wanted, "standing")
                    && f.primary.file.name == text(wanted, "file")
                    && line(&f.primary).contains(text(wanted, "line"))
                    && cause.is_some_and(|c| c.file.name == text(wanted, "cause") && line(c).contains(text(wanted, "cause_line")))
            };
            match counting.iter().find(is) {
                Some(found) => drop(met.insert(found.fingerprint.clone())),
                None => missing.push(format!("{} at {}: {}", text(wanted, "rule"), text(wanted, "file"), text(wanted, "line"))),
            }
        }
        let shown: Vec<String> = counting
            .iter()
            .map(|f| {
                format!(
                    "{} {} {:?} caused by {:?}",
                    f.standing.word(),
                    f.rule,
                    line(&f.primary),
                    f.causes.iter().map(line).collect::<Vec<_>>()
                )
            })
            .collect();
        assert!(missing.is_empty(), "{name}: not reported: {missing:#?}, but {shown:#?}");
        assert_eq!(met.len(), counting.len(), "{name}: more than expected: {shown:#?}");

        let comparison = report.comparison.as_ref().unwrap();
        let list =
            |key| case.get(key).into_iter().flat_map(Value::items).filter_map(Value::as_str).map(str::to_owned).collect::<BTreeSet<_>>();
        assert_eq!(comparison.fixed.iter().map(|f| f.rule.clone()).collect::<BTreeSet<_>>(), list("fixed"), "{name}: fixed");
        for part in list("gate") {
            assert!(comparison.gate.iter().any(|place| place.label.contains(&part)), "{name}: {part} is not among {:?}", comparison.gate);
        }
        assert_eq!(comparison.gate.is_empty(), list("gate").is_empty(), "{name}: {:?}", comparison.gate);
    }
    assert!(seen >= 12, "{seen} cases");
}

/// The same cases as commits: `--base` reports what the folders gave, and its exit code follows.
#[test]
fn each_change_reports_the_same_against_a_commit() {
    let cases = cases();
    for (n, case) in cases.root().get("cases").unwrap().items().enumerate() {
        let name = text(case, "name");
        let (before, repository) = (Folder::new(&format!("folder-{n}")), Folder::new(&format!("commit-{n}")));
        copy(&root().join("tests/base/project"), &before.0);
        edit(&before.0, edits(case, "before"));
        copy(&before.0, &repository.0);
        git(&repository.0, &["init", "-q"]);
        git(&repository.0, &["add", "-A"]);
        git(&repository.0, &["commit", "-qm", "base"]);
        edit(&repository.0, edits(case, "edits"));
        let head = Project::read(&repository.0, &Limits::default());
        let expected = compare(&Project::read(&before.0, &Limits::default()), &head, &options());
        let wanted: BTreeSet<(String, String, usize)> = expected
            .findings
            .iter()
            .map(|f| (f.fingerprint.clone(), f.standing.word().to_owned(), f.foremost().file.line_column(f.foremost().span.start).0))
            .collect();
        let output = flowgate(&repository.0, &["check", "--base", "HEAD", "--format", "json", "--severity", "note"]);
        let report = json(&output);
        let found: BTreeSet<(String, String, usize)> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| {
                let place = if f["causes"].is_null() { &f["location"] } else { &f["causes"][0] };
                let line = usize::try_from(place["line"].as_u64().unwrap()).unwrap();
                (f["fingerprint"].as_str().unwrap().to_owned(), f["standing"].as_str().unwrap().to_owned(), line)
            })
            .collect();
        assert_eq!(found, wanted, "{name}");
        let counting = expected.findings.iter().any(Finding::counts);
        assert_eq!(output.status.code(), Some(i32::from(counting)), "{name}");
    }
}

/// Everything taken back is the base: what a search for causes judges on its way is what it says it is.
#[test]
fn all_changes_taken_back_give_the_base() {
    let folders = projects("examples");
    let mut pairs = 0;
    for head_folder in &folders {
        for base_folder in folders.iter().filter(|b| b.parent() == head_folder.parent() && *b != head_folder) {
            pairs += 1;
            let (base, head) = (Project::read(base_folder, &Limits::default()), Project::read(head_folder, &Limits::default()));
            let all = changes(&base, &head);
            let back = undone(&base, &head, &all.iter().collect::<Vec<_>>());
            assert_eq!(essences(&check(&back, &options())), essences(&check(&base, &options())), "{}", head_folder.display());
        }
    }
    assert!(pairs >= 10, "{pairs} pairs");
}

/// The same finding has the same fingerprint whether it was asked about alone or in a comparison, and a comparison adds up.
#[test]
fn a_comparison_changes_no_fingerprint_and_adds_up() {
    let folders = projects("examples");
    let prints = |findings: &[Finding]| findings.iter().map(|f| f.fingerprint.clone()).collect::<BTreeSet<_>>();
    for head_folder in &folders {
        let Some(base_folder) = folders.iter().find(|b| b.parent() == head_folder.parent() && *b != head_folder) else { continue };
        let (base, head) = (Project::read(base_folder, &Limits::default()), Project::read(head_folder, &Limits::default()));
        let (compared, alone, before) = (compare(&base, &head, &options()), check(&head, &options()), check(&base, &options()));
        assert_eq!(prints(&compared.findings), prints(&alone.findings), "{}", head_folder.display());
        let gone: BTreeSet<String> = prints(&before.findings).difference(&prints(&alone.findings)).cloned().collect();
        let comparison = compared.comparison.unwrap();
        let waived = prints(&alone.waived);
        assert_eq!(prints(&comparison.fixed), gone.difference(&waived).cloned().collect(), "{}", head_folder.display());
        for finding in &compared.findings {
            let known = prints(&before.findings).contains(&finding.fingerprint);
            assert_eq!(finding.standing == Standing::New, !known, "{}", finding.rule);
            assert_eq!(
                finding.counts(),
                !finding.causes.is_empty(),
                "{}: {:?} has {} causes",
                finding.rule,
                finding.standing,
                finding.causes.len()
            );
        }
    }
}

/// YAML against the same project as JSON, and files that were moved: nothing changed.
#[test]
fn another_notation_or_another_file_is_no_change() {
    for folder in projects("examples") {
        let base = Project::read(&folder, &Limits::default());
        let mut head = base.clone();
        let turned = |document: &Document, name: &str| {
            Document::parse(name, document.root().to_json().to_string().into_bytes(), Format::Json, &Limits::default()).unwrap()
        };
        head.file = base.file.as_ref().map(|d| turned(d, "flowgate.json"));
        head.workflows = base.workflows.iter().enumerate().map(|(n, d)| turned(d, &format!("moved/{n}.flow.json"))).collect();
        let report = compare(&base, &head, &options());
        assert!(changes(&base, &head).is_empty(), "{}", folder.display());
        let standings: BTreeSet<&str> = report.findings.iter().map(|f| f.standing.word()).collect();
        assert!(standings.iter().all(|s| *s == "unchanged"), "{}: {standings:?}", folder.display());
    }
}

/// The base comes from the object database: no hook, filter, work tree or index is touched, and the exit code counts only what is new.
#[test]
fn the_base_is_read_from_git_and_nothing_of_the_repository_runs() {
    let repository = Folder::new("git");
    let project = repository.0.join("services/clinic");
    std::fs::create_dir_all(&project).unwrap();
    copy(&root().join("tests/base/project"), &project);
    git(&repository.0, &["init", "-q"]);
    git(&repository.0, &["add", "-A"]);
    git(&repository.0, &["commit", "-qm", "base"]);
    let trap = repository.0.join("trapped");
    let touch = format!("touch {}", trap.display());
    for (key, value) in [
        ("filter.trap.smudge", &touch),
        ("filter.trap.clean", &touch),
        ("core.fsmonitor", &touch),
        ("diff.trap.textconv", &touch),
        ("core.sshCommand", &touch),
    ] {
        git(&repository.0, &["config", key, value]);
    }
    std::fs::write(repository.0.join(".gitattributes"), "* filter=trap diff=trap\n").unwrap();
    for hook in ["post-checkout", "pre-commit", "reference-transaction", "post-index-change"] {
        std::fs::write(repository.0.join(".git/hooks").join(hook), format!("#!/bin/sh\n{touch}\n")).unwrap();
    }
    let index = std::fs::read(repository.0.join(".git/index")).unwrap();

    let clean = flowgate(&project, &["check", "--base", "HEAD", "--severity", "note"]);
    assert_eq!(clean.status.code(), Some(0), "{}", String::from_utf8_lossy(&clean.stdout));
    edit(&project, [("flowgate.yaml".to_owned(), "expires: 2027-01-10".to_owned(), "expires: 2026-06-30".to_owned())].into_iter());
    for rev in ["HEAD", "main", "@"] {
        let found = flowgate(&project, &["check", "--base", rev, "--format", "json"]);
        assert_eq!(found.status.code(), Some(1), "{}", String::from_utf8_lossy(&found.stdout));
        let report = json(&found);
        assert_eq!(report["summary"]["compared"]["new"], 2);
        assert_eq!(report["comparison"]["base"], rev);
        assert_eq!(report["comparison"]["commit"].as_str().unwrap().len(), 40);
    }
    assert_eq!(std::fs::read(repository.0.join(".git/index")).unwrap(), index, "the index was touched");
    assert!(!trap.exists(), "something of the repository ran");

    // The same answer from anywhere in the repository, and for the fingerprints of a full run.
    let full: BTreeSet<String> = json(&flowgate(&project, &["check", "--format", "json"]))["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["fingerprint"].to_string())
        .collect();
    let above = json(&flowgate(&repository.0, &["check", "services/clinic", "--base", "HEAD", "--format", "json"]));
    let compared: BTreeSet<String> = above["findings"].as_array().unwrap().iter().map(|f| f["fingerprint"].to_string()).collect();
    assert_eq!(full, compared);
}

#[test]
fn a_base_that_is_not_there_is_never_a_pass() {
    let repository = Folder::new("nobase");
    copy(&root().join("tests/base/project"), &repository.0);
    let outside = flowgate(&repository.0, &["check", "--base", "HEAD"]);
    git(&repository.0, &["init", "-q"]);
    git(&repository.0, &["add", "-A"]);
    git(&repository.0, &["commit", "-qm", "base"]);
    let unknown = flowgate(&repository.0, &["check", "--base", "no-such-branch"]);
    let folder = flowgate(&repository.0, &["check", "--base-dir", "no-such-folder"]);
    let shallow = Folder::new("shallow");
    git(&repository.0, &["commit", "-qm", "more", "--allow-empty"]);
    let from = format!("file://{}", repository.0.display());
    git(&shallow.0, &["clone", "-q", "--depth=1", &from, "."]);
    let first = String::from_utf8(git(&repository.0, &["rev-parse", "HEAD~1"]).stdout).unwrap();
    let cut = flowgate(&shallow.0, &["check", "--base", first.trim()]);
    for (output, code, help) in [
        (&outside, "base/no-repository", "--base-dir"),
        (&unknown, "base/no-revision", "git rev-parse"),
        (&folder, "base/no-folder", "flowgate.yaml"),
        (&cut, "base/no-revision", "fetch-depth: 0"),
    ] {
        let said = String::from_utf8_lossy(&output.stdout);
        let plain = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(code) && plain.contains(help), "{code}: {said}");
        assert!(said.contains("hipaa/purpose.missing"), "the findings are still there: {said}");
    }
}

#[test]
fn a_new_project_and_a_deleted_one() {
    let repository = Folder::new("newproject");
    std::fs::write(repository.0.join("README"), "first\n").unwrap();
    git(&repository.0, &["init", "-q"]);
    git(&repository.0, &["add", "-A"]);
    git(&repository.0, &["commit", "-qm", "base"]);
    copy(&root().join("tests/base/project"), &repository.0);
    let report = json(&flowgate(&repository.0, &["check", "--base", "HEAD", "--format", "json"]));
    assert_eq!(report["summary"]["compared"]["new"], 2);
    assert!(report["notices"].as_array().unwrap().iter().any(|n| n["code"] == "base/no-project"), "{report}");
}

/// `main` went on after the branch left it: what was mended there is not this branch's doing.
#[test]
fn the_merge_base_leaves_out_what_happened_on_the_other_branch() {
    let repository = Folder::new("mergebase");
    copy(&root().join("tests/base/project"), &repository.0);
    git(&repository.0, &["init", "-q"]);
    git(&repository.0, &["add", "-A"]);
    git(&repository.0, &["commit", "-qm", "base"]);
    git(&repository.0, &["checkout", "-qb", "branch"]);
    git(&repository.0, &["commit", "-qm", "own", "--allow-empty"]);
    git(&repository.0, &["checkout", "-q", "main"]);
    edit(
        &repository.0,
        [("flows/summary.flow.yaml".to_owned(), "owner: maya\n".to_owned(), "owner: maya\npermission: treatment\n".to_owned())].into_iter(),
    );
    git(&repository.0, &["commit", "-qam", "mended on main"]);
    git(&repository.0, &["checkout", "-q", "branch"]);
    assert_eq!(flowgate(&repository.0, &["check", "--base", "main"]).status.code(), Some(1));
    assert_eq!(flowgate(&repository.0, &["check", "--base", "main", "--merge-base"]).status.code(), Some(0));
    assert_eq!(flowgate(&repository.0, &["check", "--merge-base"]).status.code(), Some(2));
}

/// A private pack is part of the project: weakened in a change, the base is still judged by what it was, and the change shows.
#[test]
fn a_weakened_private_pack_shows() {
    let repository = Folder::new("pack");
    copy(&root().join("tests/base/project"), &repository.0);
    let rule = repository.0.join("own/house/no-notes");
    std::fs::create_dir_all(&rule).unwrap();
    std::fs::write(repository.0.join("own/house/PACK.md"), "# house\n").unwrap();
    let cedar = |when: &str| {
        format!(
            "@title(\"t\")\n@severity(\"error\")\n@citation(\"c\")\n@message(\"`{{datum}}` goes to `{{recipient}}`\")\n@help(\"h\")\nforbid (principal is Flowgate::Endpoint, action == Flowgate::Action::\"receive\", resource is Flowgate::Datum) when {{ {when} }};\n"
        )
    };
    std::fs::write(rule.join("rule.cedar"), cedar("true")).unwrap();
    edit(
        &repository.0,
        [("flowgate.yaml".to_owned(), "packs: [core, contract]".to_owned(), "packs: [core, contract, ./own/house]".to_owned())].into_iter(),
    );
    git(&repository.0, &["init", "-q"]);
    git(&repository.0, &["add", "-A"]);
    git(&repository.0, &["commit", "-qm", "base"]);
    std::fs::write(rule.join("rule.cedar"), cedar("principal.id == \"nothing\"")).unwrap();
    let report = json(&flowgate(&repository.0, &["check", "--base", "HEAD", "--format", "json"]));
    assert_eq!(report["problems"].as_array().unwrap().len(), 0, "{}", report["problems"]);
    let fixed: Vec<&str> = report["comparison"]["fixed"].as_array().unwrap().iter().map(|f| f["rule"].as_str().unwrap()).collect();
    assert_eq!(fixed, ["house/no-notes"]);
    let gate = report["comparison"]["gate"].to_string();
    assert!(gate.contains("own/house/no-notes/rule.cedar"), "{gate}");
}

#[test]
fn a_baseline_marks_never_hides_and_only_shrinks() {
    let folder = Folder::new("baseline");
    copy(&root().join("tests/base/project"), &folder.0);
    let grow = |text: &str, by: &str| edit(&folder.0, [("flowgate.yaml".to_owned(), text.to_owned(), by.to_owned())].into_iter());
    grow("expires: 2027-01-10", "expires: 2026-06-30");
    assert_eq!(flowgate(&folder.0, &["check"]).status.code(), Some(1));
    let written = flowgate(&folder.0, &["baseline"]);
    assert_eq!(written.status.code(), Some(0), "{}", String::from_utf8_lossy(&written.stderr));
    let file = folder.0.join("flowgate.baseline.json");
    let first = std::fs::read_to_string(&file).unwrap();

    let marked = flowgate(&folder.0, &["check", "--baseline", "flowgate.baseline.json"]);
    let said = String::from_utf8_lossy(&marked.stdout).into_owned();
    assert_eq!(marked.status.code(), Some(0), "{said}");
    assert!(said.contains("baseline: error[hipaa/baa-missing]"), "marked, not hidden: {said}");

    // A new finding counts, and writing again does not take it in.
    edit(
        &folder.0,
        [("flows/tickets.flow.yaml".to_owned(), "[ticket, remark]".to_owned(), "[ticket, remark, note]".to_owned())].into_iter(),
    );
    assert_eq!(flowgate(&folder.0, &["check", "--baseline", "flowgate.baseline.json"]).status.code(), Some(1));
    let again = flowgate(&folder.0, &["baseline"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), first, "nothing is ever added");
    assert!(String::from_utf8_lossy(&again.stderr).contains("3 others are not in it"), "{}", String::from_utf8_lossy(&again.stderr));

    // One that has grown counts, too.
    edit(
        &folder.0,
        [("flows/tickets.flow.yaml".to_owned(), "[ticket, remark, note]".to_owned(), "[ticket, remark]".to_owned())].into_iter(),
    );
    for to in ["redact", "summarizer"] {
        edit(
            &folder.0,
            [("flows/summary.flow.yaml".to_owned(), format!("to: {to}, fields: [note]"), format!("to: {to}, fields: [note, mrn]"))]
                .into_iter(),
        );
    }
    edit(&folder.0, [("flows/summary.flow.yaml".to_owned(), "removes: [id]".to_owned(), "removes: [id.name]".to_owned())].into_iter());
    let grown = flowgate(&folder.0, &["check", "--baseline", "flowgate.baseline.json", "--format", "json"]);
    assert_eq!(grown.status.code(), Some(1));
    let worse: Vec<String> = json(&grown)["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|f| f["standing"] == "worsened")
        .map(|f| f["rule"].as_str().unwrap().to_owned())
        .collect();
    assert!(worse.contains(&"hipaa/baa-missing".to_owned()), "{worse:?}");

    // What is mended leaves, and is named until it has.
    grow("expires: 2026-06-30", "expires: 2027-01-10");
    let mended = String::from_utf8(flowgate(&folder.0, &["check", "--baseline", "flowgate.baseline.json"]).stdout).unwrap();
    assert!(mended.contains("no longer found: hipaa/baa-missing"), "{mended}");
    assert_eq!(flowgate(&folder.0, &["baseline"]).status.code(), Some(0));
    assert!(std::fs::read_to_string(&file).unwrap().len() < first.len());
    grow("expires: 2027-01-10", "expires: 2026-06-30");
    assert_eq!(flowgate(&folder.0, &["check", "--baseline", "flowgate.baseline.json"]).status.code(), Some(1), "it does not come back");
}

/// An author who writes the findings of a change into the baseline has silenced nothing.
#[test]
fn a_change_cannot_widen_its_own_baseline() {
    let repository = Folder::new("ownbaseline");
    copy(&root().join("tests/base/project"), &repository.0);
    git(&repository.0, &["init", "-q"]);
    assert_eq!(flowgate(&repository.0, &["baseline"]).status.code(), Some(0));
    git(&repository.0, &["add", "-A"]);
    git(&repository.0, &["commit", "-qm", "base"]);
    let check = |more: &[&str]| flowgate(&repository.0, &[&["check", "--baseline", "flowgate.baseline.json"], more].concat());
    assert_eq!(check(&[]).status.code(), Some(0));
    assert_eq!(check(&["--base", "HEAD"]).status.code(), Some(0));
    edit(&repository.0, [("flowgate.yaml".to_owned(), "expires: 2027-01-10".to_owned(), "expires: 2026-06-30".to_owned())].into_iter());
    std::fs::remove_file(repository.0.join("flowgate.baseline.json")).unwrap();
    assert_eq!(flowgate(&repository.0, &["baseline"]).status.code(), Some(0));
    assert_eq!(check(&[]).status.code(), Some(0), "alone, the file is taken at its word");
    let compared = check(&["--base", "HEAD"]);
    let said = String::from_utf8_lossy(&compared.stdout).into_owned();
    assert_eq!(compared.status.code(), Some(1), "{said}");
    assert!(said.contains("baseline/grown") && said.contains("2 entries"), "{said}");
    assert!(!said.contains("no longer found"), "what is not honoured is not mended: {said}");
}

#[test]
fn a_broken_baseline_is_never_a_pass() {
    let folder = Folder::new("badbaseline");
    copy(&root().join("tests/base/project"), &folder.0);
    for text in [
        "",
        "{}",
        "[]",
        "{\"format_version\": 9, \"about\": \"\", \"findings\": {}}",
        "{\"format_version\": 1, \"about\": \"\", \"findings\": {\"x\": 1}}",
    ] {
        std::fs::write(folder.0.join("b.json"), text).unwrap();
        let output = flowgate(&folder.0, &["check", "--baseline", "b.json"]);
        assert_eq!(output.status.code(), Some(2), "{text}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("baseline/unreadable") || said.contains("load/empty"), "{said}");
        assert_eq!(flowgate(&folder.0, &["baseline", "--output", "b.json"]).status.code(), Some(2), "{text}");
        assert_eq!(std::fs::read_to_string(folder.0.join("b.json")).unwrap(), text, "a baseline that cannot be read is not written over");
    }
}

const LEAK: &str = "workflow: leak\nstage: draft\nowner: maya\npermission: treatment\noutputs:\n  helpdesk: { operator: helpdesk-inc, audience: internal }\nflows:\n  - { from: desk, to: helpdesk, fields: [remark, note] }\n";

pub(crate) fn committed(name: &str, below: &str) -> Folder {
    let repository = Folder::new(name);
    copy(&root().join("tests/base/project"), &repository.0.join(below));
    git(&repository.0, &["init", "-q"]);
    git(&repository.0, &["add", "-A"]);
    git(&repository.0, &["commit", "-qm", "base"]);
    repository
}

pub(crate) fn commit(repository: &Folder) {
    git(&repository.0, &["add", "-A"]);
    git(&repository.0, &["commit", "-qm", "more"]);
}

pub(crate) fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A project file of its own takes a folder out of the project above it, and not out of the check.
#[test]
fn a_nested_project_file_hides_nothing() {
    let repository = committed("nested", ".");
    write(&repository.0.join("svc/leak.flow.yaml"), LEAK);
    assert_eq!(flowgate(&repository.0, &["check", "--base", "HEAD"]).status.code(), Some(1));
    write(&repository.0.join("svc/flowgate.json"), "{\"version\": 1}");
    let hidden = flowgate(&repository.0, &["check", "--base", "HEAD"]);
    assert_ne!(hidden.status.code(), Some(0), "{}", said(&hidden));
    assert!(said(&hidden).contains("svc"), "{}", said(&hidden));

    let above = committed("above", "svc");
    write(&above.0.join("svc/flows/leak.flow.yaml"), LEAK);
    assert_eq!(flowgate(&above.0, &["check", "--base", "HEAD"]).status.code(), Some(1));
    write(&above.0.join("flowgate.yaml"), "version: 1\nroles: []\npacks: [core]\nparties:\n  me: { relation: self }\n");
    write(
        &above.0.join("ok.flow.yaml"),
        "workflow: ok\nstage: draft\nsources:\n  a: { operator: me, fields: { x: public } }\noutputs:\n  b: { operator: me, audience: internal }\nflows:\n  - { from: a, to: b, fields: [x], tls: true }\n",
    );
    let covered = flowgate(&above.0, &["check", "--base", "HEAD"]);
    assert_eq!(covered.status.code(), Some(1), "{}", said(&covered));

    // The fixtures of a pack are no projects to check; a pack that the project does not use is named, for anybody can write `PACK.md` over a project.
    write(&repository.0.join("own/house/PACK.md"), "# house\n");
    write(&repository.0.join("own/house/r/fail/flowgate.yaml"), "version: 1\n");
    write(&repository.0.join("own/house/r/fail/a.flow.yaml"), "workflow: a\n");
    let fixtures = flowgate(&repository.0, &["check", "--base", "HEAD"]);
    assert!(said(&fixtures).contains("`own/house` holds `PACK.md`") && !said(&fixtures).contains("house/r"), "{}", said(&fixtures));
    edit(&repository.0, [("flowgate.yaml".to_owned(), "packs: [".to_owned(), "packs: [./own/house, ".to_owned())].into_iter());
    let used = flowgate(&repository.0, &["check", "--base", "HEAD"]);
    assert!(!said(&used).contains("holds `PACK.md`"), "{}", said(&used));
}

#[test]
fn a_project_that_is_gone_is_named() {
    let repository = committed("gone", "a");
    copy(&root().join("tests/base/project"), &repository.0.join("b"));
    commit(&repository);
    assert!(!said(&flowgate(&repository.0, &["check", "--base", "HEAD"])).contains("base/project-gone"));
    std::fs::rename(repository.0.join("a"), repository.0.join(".a")).unwrap();
    for format in ["human", "markdown", "github", "sarif", "html", "json"] {
        let output = flowgate(&repository.0, &["check", "--base", "HEAD", "--format", format]);
        let text = said(&output);
        assert!(text.contains("the base has a project in") && text.contains("judged any more"), "{format}: {text}");
    }
}

#[cfg(unix)]
#[test]
fn links_change_nothing_in_silence() {
    use std::os::unix::fs::symlink;
    // A rule behind a link is read by nobody: that is a problem, not a smaller pack.
    let repository = committed("links", ".");
    write(&repository.0.join("pk/PACK.md"), "# pk\n");
    let cedar = "@title(\"t\")\n@severity(\"error\")\n@citation(\"c\")\n@message(\"m\")\n@help(\"h\")\nforbid (principal is Flowgate::Output, action == Flowgate::Action::\"receive\", resource is Flowgate::Datum);\n";
    write(&repository.0.join("pk/r1/rule.cedar"), cedar);
    edit(
        &repository.0,
        [("flowgate.yaml".to_owned(), "packs: [core, contract]".to_owned(), "packs: [core, contract, ./pk]".to_owned())].into_iter(),
    );
    commit(&repository);
    assert_eq!(flowgate(&repository.0, &["check", "--base", "HEAD"]).status.code(), Some(0));
    std::fs::rename(repository.0.join("pk/r1/rule.cedar"), repository.0.join("pk/r1/kept.txt")).unwrap();
    symlink("kept.txt", repository.0.join("pk/r1/rule.cedar")).unwrap();
    let linked = flowgate(&repository.0, &["check", "--base", "HEAD"]);
    assert_eq!(linked.status.code(), Some(2), "{}", said(&linked));
    assert!(said(&linked).contains("is a link"), "{}", said(&linked));

    // A baseline that is a link to a wider one of the base.
    let repository = committed("baselinelink", ".");
    edit(
        &repository.0,
        [("flows/tickets.flow.yaml".to_owned(), "[ticket, remark]".to_owned(), "[ticket, remark, note]".to_owned())].into_iter(),
    );
    assert_eq!(flowgate(&repository.0, &["baseline", "--output", "old.json"]).status.code(), Some(0));
    edit(
        &repository.0,
        [("flows/tickets.flow.yaml".to_owned(), "[ticket, remark, note]".to_owned(), "[ticket, remark]".to_owned())].into_iter(),
    );
    assert_eq!(flowgate(&repository.0, &["baseline"]).status.code(), Some(0));
    commit(&repository);
    edit(
        &repository.0,
        [("flows/tickets.flow.yaml".to_owned(), "[ticket, remark]".to_owned(), "[ticket, remark, note]".to_owned())].into_iter(),
    );
    std::fs::remove_file(repository.0.join("flowgate.baseline.json")).unwrap();
    symlink("old.json", repository.0.join("flowgate.baseline.json")).unwrap();
    let linked = flowgate(&repository.0, &["check", "--base", "HEAD", "--baseline", "flowgate.baseline.json"]);
    assert_eq!(linked.status.code(), Some(1), "{}", said(&linked));

    // A document below a folder that is a link is there in the base, too.
    let repository = committed("doclink", ".");
    write(&repository.0.join("real/r.md"), "text\n");
    symlink("real", repository.0.join("docs")).unwrap();
    edit(&repository.0, [("flowgate.yaml".to_owned(), "defaults:".to_owned(), "evidence:\n  rb: { type: runbook, uri: docs/r.md, owner: maya, date: 2026-05-01, review_due: 2027-05-01, covers: [summary] }\ndefaults:".to_owned())].into_iter());
    commit(&repository);
    assert_eq!(flowgate(&repository.0, &["check", "--base", "HEAD"]).status.code(), Some(0));
    std::fs::remove_file(repository.0.join("real/r.md")).unwrap();
    let gone = json(&flowgate(&repository.0, &["check", "--base", "HEAD", "--format", "json"]));
    assert_eq!(gone["summary"]["compared"]["new"], 1, "{}", gone["findings"]);
}

#[test]
fn a_permit_list_of_any_name_is_part_of_the_gate() {
    let repository = committed("permit", ".");
    let permit = |what: &str| format!("permit (principal, action == Flowgate::Action::\"receive\", resource{what});\n");
    write(&repository.0.join("permit.txt"), &permit(""));
    edit(&repository.0, [("flowgate.yaml".to_owned(), "defaults:".to_owned(), "permit: permit.txt\ndefaults:".to_owned())].into_iter());
    commit(&repository);
    write(&repository.0.join("permit.txt"), &format!("// more\n{}", permit("")));
    for format in ["human", "markdown", "github", "sarif", "html", "json", "junit"] {
        let output = flowgate(&repository.0, &["check", "--base", "HEAD", "--format", format]);
        assert!(said(&output).contains("permit.txt"), "{format}: {}", said(&output));
    }
}

/// Two fields of one source that lack the same are two findings, and a baseline holds both.
#[test]
fn a_baseline_holds_every_finding() {
    let folder = Folder::new("twofields");
    copy(&root().join("tests/base/project"), &folder.0);
    edit(
        &folder.0,
        [(
            "flowgate.yaml".to_owned(),
            "      ticket: public\n".to_owned(),
            "      ticket: public\n      one: {}\n      two: {}\n".to_owned(),
        )]
        .into_iter(),
    );
    let report = json(&flowgate(&folder.0, &["check", "--format", "json"]));
    let prints: Vec<&str> = report["findings"].as_array().unwrap().iter().map(|f| f["fingerprint"].as_str().unwrap()).collect();
    assert_eq!(prints.iter().collect::<BTreeSet<_>>().len(), prints.len(), "{prints:?}");
    assert_eq!(flowgate(&folder.0, &["baseline"]).status.code(), Some(0));
    let marked = flowgate(&folder.0, &["check", "--severity", "note", "--baseline", "flowgate.baseline.json"]);
    assert_eq!(marked.status.code(), Some(0), "{}", said(&marked));
}

#[test]
fn a_report_never_replaces_what_it_is_about() {
    let folder = Folder::new("outputs");
    copy(&root().join("tests/base/project"), &folder.0);
    let text = std::fs::read_to_string(folder.0.join("flowgate.yaml")).unwrap();
    for arguments in [
        vec!["check", "--output", "flowgate.yaml"],
        vec!["check", "--report", "sarif=./flows/../flowgate.yaml"],
        vec!["check", "--report", "sarif=a", "--report", "json=./a"],
        vec!["check", "--output", "a", "--report", "json=a"],
    ] {
        let refused = flowgate(&folder.0, &arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {}", said(&refused));
        assert!(said(&refused).contains("cli/output"), "{arguments:?}: {}", said(&refused));
    }
    assert_eq!(std::fs::read_to_string(folder.0.join("flowgate.yaml")).unwrap(), text);
    assert!(!folder.0.join("a").exists());
}

/// One more rule that cannot be decided for want of the same fact makes the finding worse.
#[test]
fn another_rule_behind_a_missing_fact_is_worse() {
    let repository = Folder::new("needed");
    copy(&root().join("tests/base/project"), &repository.0);
    write(&repository.0.join("pk/PACK.md"), "# pk\n");
    for (rule, class) in [("r1", "regulated.health.note"), ("r2", "regulated.health.diagnosis")] {
        let cedar = format!(
            "@title(\"t\")\n@severity(\"error\")\n@citation(\"c\")\n@message(\"m\")\n@help(\"h\")\nforbid (principal is Flowgate::Output, action == Flowgate::Action::\"receive\", resource in Flowgate::Class::\"{class}\") unless {{ context.flow has auth && context.flow.auth == \"mtls\" }};\n"
        );
        write(&repository.0.join(format!("pk/{rule}/rule.cedar")), &cedar);
    }
    let edit = |file: &str, from: &str, to: &str| edit(&repository.0, [(file.to_owned(), from.to_owned(), to.to_owned())].into_iter());
    edit("flowgate.yaml", "roles: [hipaa_covered_entity]\npacks: [core, contract]", "roles: []\npacks: [core, ./pk]");
    edit("flowgate.yaml", "      ticket: public\n", "      ticket: public\n      dx: regulated.health.diagnosis\n");
    edit("flows/tickets.flow.yaml", "[ticket, remark]", "[ticket, note]");
    git(&repository.0, &["init", "-q"]);
    commit(&repository);
    edit("flows/tickets.flow.yaml", "[ticket, note]", "[ticket, note, dx]");
    let report = json(&flowgate(&repository.0, &["check", "--base", "HEAD", "--format", "json"]));
    let worse: Vec<String> =
        report["findings"].as_array().unwrap().iter().map(|f| format!("{} {} {}", f["standing"], f["rule"], f["worse"])).collect();
    assert!(worse.iter().any(|w| w.contains("worsened") && w.contains("core/unknown-fact") && w.contains("pk/r2")), "{worse:#?}");
}
