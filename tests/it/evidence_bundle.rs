//! The evidence bundle: the same bytes for the same commit, every file readable by those who have to, nothing that runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use flowgate::load::sha256;
use flowgate::validate::{SchemaName, bundled};
use serde_json::Value as Json;

use crate::common::{root, walk};

const NAMES: [&str; 6] = ["SHA256SUMS", "coverage.csv", "evidence.json", "evidence.md", "findings.csv", "inputs.csv"];
const FLOW: &str = "flows/note-summary.flow.yaml";

/// A folder of its own, removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("flowgate-evidence-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A copy of an example.
    fn with(example: &str) -> Self {
        let folder = Self::new();
        let from = root().join("examples").join(example);
        for file in walk(&from) {
            let to = folder.0.join(file.strip_prefix(&from).unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(&file, to).unwrap();
        }
        folder
    }

    /// A copy whose project file states no date.
    fn undated(example: &str) -> Self {
        let folder = Self::with(example);
        folder.edit("flowgate.yaml", "as_of: 2026-07-01\n", "\n");
        folder
    }

    /// The same as a repository with one commit, on the same day by the same hand.
    fn committed(example: &str) -> Self {
        let folder = Self::undated(example);
        folder.git(&["init", "-q", "-b", "main"]);
        folder.git(&["add", "-A"]);
        folder.git(&["commit", "-q", "-m", "first"]);
        folder
    }

    fn git(&self, args: &[&str]) {
        let mut git = Command::new("git");
        git.current_dir(&self.0).args([
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b.c",
            "-c",
            "commit.gpgsign=false",
            "-c",
            "core.autocrlf=false",
        ]);
        for name in ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"] {
            git.env(name, "2026-07-01T10:00:00Z");
        }
        let done = git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null").args(args).output().unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Writes a bundle; gives the exit code, the files and what was said.
    fn evidence(&self, args: &[&str]) -> (i32, BTreeMap<String, String>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowgate"));
        let ran = command.current_dir(&self.0).arg("evidence").args(args).output().unwrap();
        let files = fs::read_dir(self.0.join("flowgate-evidence"))
            .map(|dir| dir.map(|e| e.unwrap().path()).collect())
            .unwrap_or_else(|_| Vec::new());
        let read = |path: &PathBuf| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap());
        let said = String::from_utf8(ran.stderr).unwrap();
        assert!(!said.contains("panicked") && ran.stdout.is_empty(), "{said}");
        (ran.status.code().unwrap(), files.iter().map(read).collect(), said)
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.0.join(name)).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        fs::write(self.0.join(name), text.replace(from, to)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn json(files: &BTreeMap<String, String>) -> Json {
    let document: Json = serde_json::from_str(&files["evidence.json"]).unwrap();
    for (name, part) in [(SchemaName::Evidence, &document), (SchemaName::Report, &document["report"])] {
        let validator = jsonschema::draft202012::options().build(bundled(name)).unwrap();
        let faults: Vec<String> = validator.iter_errors(part).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(faults.is_empty(), "{}: {faults:#?}", name.file());
    }
    document
}

/// RFC 4180, strictly: every row ends in CR LF, quotes only around whole cells.
fn csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut inside) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if inside && chars.peek() == Some(&'"') => cell.push(chars.next().unwrap()),
            '"' if inside => {
                inside = false;
                assert!(matches!(chars.peek(), Some(',' | '\r')), "text after a quote in {row:?}");
            }
            '"' => {
                assert!(cell.is_empty(), "a quote inside {cell}");
                inside = true;
            }
            ',' if !inside => row.push(std::mem::take(&mut cell)),
            '\r' if !inside => {
                assert_eq!(chars.next(), Some('\n'));
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            '\n' => panic!("a line break in {row:?}"),
            c => cell.push(c),
        }
    }
    assert!(row.is_empty() && cell.is_empty() && !inside, "the last row is open");
    assert!(rows.iter().all(|r: &Vec<String>| r.len() == rows[0].len()), "rows of different lengths");
    rows
}

fn differing(one: &BTreeMap<String, String>, two: &BTreeMap<String, String>) -> Vec<String> {
    one.keys().filter(|name| one[*name] != two[*name]).cloned().collect()
}

const DATED: [&str; 2] = ["--as-of", "2026-07-01"];

#[test]
fn two_folders_with_the_same_files_give_the_same_bytes() {
    let (one, two) = (Folder::with("clinic-notes/violating"), Folder::with("clinic-notes/violating"));
    let (code, first, said) = one.evidence(&DATED);
    assert_eq!(code, 0, "findings do not fail a bundle: {said}");
    assert!(said.contains("17 findings") && said.contains("6 files are in `flowgate-evidence`"), "{said}");
    assert_eq!(first.keys().collect::<Vec<_>>(), NAMES);
    assert_eq!(first, two.evidence(&DATED).1);
    assert_eq!(first, one.evidence(&DATED).1, "the bundle is no input of the next");
    for (name, text) in &first {
        assert!(!text.contains(&one.0.display().to_string()) && !text.contains("flowgate-evidence-"), "{name} names the machine's folder");
        assert!(!text.to_lowercase().contains("compliant"), "{name}");
    }
    for line in first["SHA256SUMS"].lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        assert_eq!(sum, sha256(first[name].as_bytes()), "{name}");
    }
    assert_eq!(first["SHA256SUMS"].lines().count(), 5);

    // One space more in one input: its hash, and what is made of it.
    let flow = fs::read_to_string(two.0.join(FLOW)).unwrap();
    fs::write(two.0.join(FLOW), format!("{flow}\n")).unwrap();
    assert_eq!(differing(&first, &two.evidence(&DATED).1), ["SHA256SUMS", "evidence.json", "evidence.md", "inputs.csv"]);
    // A day later, nothing of the inputs.
    let later = one.evidence(&["--as-of", "2026-07-02"]).1;
    assert!(!differing(&first, &later).contains(&"inputs.csv".to_owned()));
    assert!(differing(&first, &later).contains(&"evidence.json".to_owned()));
}

#[test]
fn the_commit_is_named_and_dates_the_run() {
    let (one, two) = (Folder::committed("clinic-notes/violating"), Folder::committed("clinic-notes/violating"));
    let (code, first, _) = one.evidence(&[]);
    assert_eq!(code, 0);
    assert_eq!(first, two.evidence(&[]).1);
    let document = json(&first);
    assert_eq!((&document["as_of"], &document["dated_by"]), (&Json::from("2026-07-01"), &Json::from("commit")));
    assert_eq!((&document["commit"]["date"], &document["commit"]["clean"]), (&Json::from("2026-07-01"), &Json::from(true)));
    assert_eq!(document["commit"]["id"].as_str().unwrap().len(), 40);
    assert_eq!(document["command"], "flowgate evidence .");
    assert!(first["evidence.md"].contains("- every input has the bytes it has in that commit"), "{}", first["evidence.md"]);

    // Outside the repository only what speaks of the commit is another.
    let plain = Folder::undated("clinic-notes/violating").evidence(&DATED).1;
    assert_eq!(differing(&first, &plain), ["SHA256SUMS", "evidence.json", "evidence.md", "inputs.csv"]);
    assert_eq!(json(&plain)["commit"], Json::Null);
    assert_eq!(json(&plain)["command"], "flowgate evidence . --as-of 2026-07-01");

    // Changed, added, gone, and staged or not makes no difference.
    one.edit(FLOW, "workflow: note-summary", "workflow: note-summary ");
    fs::write(one.0.join("flows/more.flow.yaml"), "workflow: more\nstage: draft\n").unwrap();
    one.git(&["add", FLOW]);
    fs::remove_file(one.0.join("compliance/evaluation.md")).unwrap();
    let changed = one.evidence(&[]).1;
    let states: BTreeMap<String, String> = json(&changed)["commit"]["differing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| (d["name"].as_str().unwrap().to_owned(), d["state"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(states.get(FLOW).map(String::as_str), Some("changed"), "{states:?}");
    assert_eq!(states.get("flows/more.flow.yaml").map(String::as_str), Some("added"), "{states:?}");
    assert_eq!(states.get("compliance/evaluation.md").map(String::as_str), Some("gone"), "{states:?}");
    assert_eq!(states.len(), 3, "{states:?}");
    fs::remove_file(one.0.join(FLOW)).unwrap();
    let without = one.evidence(&[]).1;
    assert!(without["inputs.csv"].contains(&format!(",{FLOW},,,gone\r\n")), "{}", without["inputs.csv"]);
    assert!(without["evidence.md"].contains("**the inputs are not those of that commit**"));
}

#[test]
fn the_date_is_the_arguments_then_the_projects_then_the_commits() {
    let folder = Folder::committed("clinic-notes/violating");
    let dated = |folder: &Folder, args: &[&str]| {
        let document = json(&folder.evidence(args).1);
        (document["as_of"].as_str().unwrap().to_owned(), document["dated_by"].as_str().unwrap().to_owned())
    };
    assert_eq!(dated(&folder, &[]), ("2026-07-01".to_owned(), "commit".to_owned()));
    folder.edit("flowgate.yaml", "version: 1", "version: 1\nas_of: 2026-06-30");
    assert_eq!(dated(&folder, &[]), ("2026-06-30".to_owned(), "project".to_owned()));
    assert_eq!(dated(&folder, &["--as-of", "2026-06-29"]), ("2026-06-29".to_owned(), "argument".to_owned()));
}

#[test]
fn every_table_agrees_with_the_document() {
    let folder = Folder::with("clinic-notes/violating");
    let files = folder.evidence(&DATED).1;
    let document = json(&files);
    let findings = csv(&files["findings.csv"]);
    let column = |rows: &[Vec<String>], name: &str| rows[0].iter().position(|c| c == name).unwrap_or_else(|| panic!("no column {name}"));
    let report = document["report"]["findings"].as_array().unwrap();
    assert_eq!(findings.len() - 1, report.len());
    let baa = findings.iter().find(|r| r[column(&findings, "rule")] == "hipaa/baa-missing").unwrap();
    assert_eq!((baa[column(&findings, "file")].as_str(), baa[column(&findings, "line")].as_str()), (FLOW, "59"));
    assert_eq!((baa[column(&findings, "from")].as_str(), baa[column(&findings, "to")].as_str()), ("redact", "summarizer"));
    assert_eq!(baa[column(&findings, "path")], "ehr → redact (+untouched) → summarizer");
    assert!(
        baa[column(&findings, "clauses")].contains("principal.agreements.contains(\"baa\") is false [principal.agreements = dpa]"),
        "{baa:?}"
    );

    let coverage = csv(&files["coverage.csv"]);
    let rules = document["rules"].as_array().unwrap();
    let of_coverage: usize = rules.iter().map(|r| r["verdicts"].as_array().unwrap().len().max(1)).sum();
    assert_eq!(coverage.len() - 1, of_coverage);
    let (rule, verdict, asked) = (column(&coverage, "rule"), column(&coverage, "verdict"), column(&coverage, "asked"));
    let row = coverage.iter().find(|r| r[rule] == "hipaa/baa-missing").unwrap();
    assert_eq!(row[verdict], "violation");
    assert!(row[asked].parse::<usize>().unwrap() >= 1);
    assert!(coverage.iter().any(|r| r[verdict] == "silent" && r[asked] != "0"));
    let never = coverage.iter().filter(|r| r[verdict] == "never applied").count();
    assert!(never > 0 && never == rules.iter().filter(|r| r["applied"] == false).count());
    assert!(files["evidence.md"].contains("### Rules that never applied"));

    let inputs = csv(&files["inputs.csv"]);
    assert_eq!(inputs.len() - 1, document["inputs"].as_array().unwrap().len());
    for row in &inputs[1..] {
        let bytes = fs::read(folder.0.join(&row[1])).unwrap();
        assert_eq!((row[2].as_str(), row[3].as_str()), (bytes.len().to_string().as_str(), sha256(&bytes).as_str()), "{row:?}");
    }
    assert!(inputs.iter().any(|r| r[1] == FLOW && r[0] == "workflow"));
    let hipaa = document["packs"].as_array().unwrap().iter().find(|p| p["name"] == "hipaa").unwrap();
    assert!(hipaa["edition"].as_str().unwrap().starts_with("2026-11"), "{hipaa}");
    assert!(hipaa["not_covered"].as_str().unwrap().starts_with("- Judgments:"), "{hipaa}");
    assert!(files["evidence.md"].contains("- Judgments: whether a risk analysis is good"), "{}", files["evidence.md"]);
    assert_eq!(document["roles"], serde_json::json!(["hipaa_covered_entity"]));
    assert!(document["agreements"].as_array().unwrap().iter().any(|a| a["type"] == "dpa"), "{}", document["agreements"]);
    let crossing = document["flows"].as_array().unwrap().iter().find(|f| f["to"] == "note-summary/summarizer").unwrap();
    assert!(!crossing["findings"].as_array().unwrap().is_empty() && !crossing["data"].as_array().unwrap().is_empty(), "{crossing}");
}

#[test]
fn a_byte_order_mark_belongs_to_the_bytes() {
    let folder = Folder::with("clinic-notes/fixed");
    let text = fs::read(folder.0.join(FLOW)).unwrap();
    let marked = [b"\xEF\xBB\xBF".as_slice(), &text].concat();
    fs::write(folder.0.join(FLOW), &marked).unwrap();
    let (code, files, said) = folder.evidence(&DATED);
    assert_eq!(code, 0, "{said}");
    let row = csv(&files["inputs.csv"]).into_iter().find(|r| r[1] == FLOW).unwrap();
    assert_eq!((row[2].clone(), row[3].clone()), (marked.len().to_string(), sha256(&marked)));
}

#[test]
fn a_name_is_never_a_formula() {
    let folder = Folder::with("clinic-notes/violating");
    folder.edit(FLOW, "summarizer", "\"=HYPERLINK(1,\\\"x\\\")\"");
    let (_, files, said) = folder.evidence(&DATED);
    let findings = csv(&files["findings.csv"]);
    let to = findings[0].iter().position(|c| c == "to").unwrap();
    let named: Vec<&String> = findings.iter().map(|r| &r[to]).filter(|c| c.contains("HYPERLINK")).collect();
    assert!(!named.is_empty() && named.iter().all(|c| *c == "'=HYPERLINK(1,\"x\")"), "{named:?} {said}");
    for name in ["findings.csv", "coverage.csv", "inputs.csv"] {
        for cell in csv(&files[name]).iter().flatten() {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{name}: {cell}");
        }
    }
}

#[test]
fn what_could_not_be_judged_is_said_first_and_gives_two() {
    let folder = Folder::with("clinic-notes/violating");
    fs::write(folder.0.join("flows/broken.flow.yaml"), "workflow: [\n").unwrap();
    let (code, files, said) = folder.evidence(&DATED);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("1 problem kept it from judging everything"), "{said}");
    assert_eq!(json(&files)["whole"], false);
    assert!(
        files["evidence.md"].starts_with("# Evidence of a flowgate check\n\n> **This bundle is not whole.** 1 problem"),
        "{}",
        files["evidence.md"]
    );
    assert!(csv(&files["findings.csv"]).len() > 10, "the findings of the others are still there");
}

#[test]
fn only_its_own_files_are_written() {
    let folder = Folder::with("clinic-notes/fixed");
    let out = folder.0.join("flowgate-evidence");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("notes.txt"), "mine").unwrap();
    fs::write(out.join("evidence.md"), "old").unwrap();
    let before: Vec<PathBuf> = walk(&folder.0);
    let (code, files, _) = folder.evidence(&DATED);
    assert_eq!((code, files["notes.txt"].as_str()), (0, "mine"));
    assert!(files["evidence.md"].len() > 1_000 && files.len() == NAMES.len() + 1);
    let outside = |paths: Vec<PathBuf>| paths.into_iter().filter(|p| !p.starts_with(&out)).collect::<Vec<_>>();
    assert_eq!(outside(before), outside(walk(&folder.0)));

    let (code, _, said) = folder.evidence(&["--output", "flowgate.yaml"]);
    assert_eq!(code, 2, "a file is no folder");
    assert!(said.contains("flowgate.yaml"), "{said}");
    assert_eq!(folder.evidence(&["no/such/folder"]).0, 2);
    assert_eq!(folder.evidence(&["-"]).0, 2);
}

#[test]
fn packs_and_waivers_are_chosen_as_in_a_check() {
    let folder = Folder::with("clinic-notes/violating");
    let document = json(&folder.evidence(&["--as-of", "2026-07-01", "--pack", "route", "--no-waivers"]).1);
    let packs: Vec<&str> = document["packs"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert!(packs.contains(&"route") && !packs.contains(&"hipaa"), "{packs:?}");
    assert_eq!(document["command"], "flowgate evidence . --as-of 2026-07-01 --pack route --no-waivers");
}
