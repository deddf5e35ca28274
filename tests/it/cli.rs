//! The binary as a user meets it: exit codes, streams, files. What a report looks like is tested with the reports.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

const BINARY: &str = env!("CARGO_BIN_EXE_flowgate");
const SUBCOMMANDS: [&str; 11] = ["check", "baseline", "diff", "evidence", "graph", "explain", "rules", "test", "new", "init", "schema"];
const SCRUBBED: [&str; 10] =
    ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "TERM", "TERM_PROGRAM", "VTE_VERSION", "LC_ALL", "LC_CTYPE", "LANG"];

/// A folder of its own, removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let path = std::env::temp_dir().join(format!("flowgate-cli-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir_all(&path).unwrap();
        // The search for a project file ends here, whatever lies above.
        fs::create_dir(path.join(".git")).unwrap();
        Self(path)
    }

    /// A folder in which `init` has run.
    fn started() -> Self {
        let folder = Self::new();
        assert_eq!(folder.run(&["init"]).code, 0);
        folder
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{name} has no {from}");
        self.write(name, &text.replace(from, to));
    }

    fn run(&self, args: &[&str]) -> Ran {
        run_in(&self.0, args, None)
    }

    fn feed(&self, args: &[&str], input: &str) -> Ran {
        run_in(&self.0, args, Some(input))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.current_dir(folder).args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    SCRUBBED.iter().for_each(|name| {
        command.env_remove(name);
    });
    command
}

fn run_in(folder: &Path, args: &[&str], input: Option<&str>) -> Ran {
    let mut command = command(folder, args);
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().unwrap();
    if let Some(input) = input {
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    }
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let ran = Ran {
        code: status.code().unwrap_or_else(|| panic!("{args:?} was killed")),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    };
    assert!(!ran.err.contains("panicked"), "{args:?}: {}", ran.err);
    ran
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

const FLOW: &str = "flows/example.flow.yaml";

/// Makes the starter leak: raw tickets go to the hosted model.
fn leak(folder: &Folder) {
    folder.edit(FLOW, "{ from: tickets, to: redact, fields: [text] }", "{ from: tickets, to: drafter, fields: [text] }");
    folder.edit(FLOW, "{ from: redact, to: drafter, fields: [text] }", "{ from: drafter, to: prompt-log, fields: [completion] }");
}

// check

#[test]
fn a_new_project_checks_clean_at_every_severity() {
    let folder = Folder::started();
    let ran = folder.run(&["check", "--severity", "note"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let report = json(&folder.run(&["check", "--format", "json"]).out);
    assert_eq!(report["findings"], serde_json::json!([]), "{report}");
    // Years from now, too: nothing in the starter runs out.
    assert_eq!(folder.run(&["check", "--severity", "note", "--as-of", "2090-01-01"]).code, 0);
}

#[test]
fn findings_give_one_and_problems_two() {
    let folder = Folder::started();
    leak(&folder);
    let ran = folder.run(&["check"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("route/raw-must-stay"), "{}", ran.out);
    assert_eq!(ran.err, "");

    // A second file that cannot be read: its place is said, and the findings of the first are still there.
    folder.write("flows/broken.flow.yaml", "workflow: [\n");
    let ran = folder.run(&["check"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.out.contains("route/raw-must-stay") && ran.out.contains("flows/broken.flow.yaml"), "{}", ran.out);
}

#[test]
fn the_threshold_decides_the_exit_code_and_not_the_report() {
    let folder = Folder::started();
    folder.edit("flowgate.yaml", "packs: [core, route]", "packs: [core, contract]");
    folder.edit("flowgate.yaml", "    expires: none             # or the first day it no longer holds\n", "");
    let clean = folder.run(&["check"]);
    assert_eq!(clean.code, 0, "{clean:?}");
    assert!(clean.out.contains("core/unknown-fact"), "{}", clean.out);
    assert_eq!(folder.run(&["check", "--severity", "warning"]).code, 1);
    assert_eq!(folder.run(&["check", "--severity", "warning"]).out, clean.out);
}

#[test]
fn a_path_without_workflows_is_never_a_pass() {
    let folder = Folder::new();
    folder.write("empty/readme.txt", "");
    for args in [&["check"][..], &["check", "empty"], &["check", "missing"], &["check", "missing.flow.yaml"]] {
        let ran = folder.run(args);
        assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
    }
    assert!(folder.run(&["check", "empty"]).out.contains("flowgate init"));
    // Beside a good path, too.
    assert_eq!(folder.run(&["init", "good"]).code, 0);
    assert_eq!(folder.run(&["check", "good"]).code, 0);
    assert_eq!(folder.run(&["check", "good", "missing"]).code, 2);
}

#[test]
fn bad_arguments_give_two() {
    let folder = Folder::started();
    for args in [
        &["check", "--as-of", "2026-02-30"][..],
        &["check", "--as-of", "today"],
        &["check", "--format", "pdf"],
        &["check", "--variant-cap", "0"],
        &["check", "--severity", "fatal"],
        &["check", "--pack", "no-such-pack"],
        &["check", "--packs", "no-such-folder"],
        &["nothing"],
        &[],
    ] {
        let ran = folder.run(args);
        assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
    }
}

#[test]
fn a_workflow_on_standard_input_is_judged_under_the_project_here() {
    let folder = Folder::started();
    let yaml = folder.read(FLOW);
    let ran = folder.feed(&["check", "-"], &yaml);
    assert_eq!(ran.code, 0, "{ran:?}");
    leak(&folder);
    let ran = folder.feed(&["check", "-"], &folder.read(FLOW));
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("<stdin>"), "{}", ran.out);

    let broken = folder.feed(&["check", "-"], "workflow: [");
    assert_eq!(broken.code, 2, "{broken:?}");
    assert_eq!(folder.feed(&["check", "-"], "").code, 2);
}

#[test]
fn json_on_standard_input_is_known_by_its_first_characters() {
    let folder = Folder::new();
    folder.write("flowgate.yaml", "version: 1\nroles: []\nparties: { us: { relation: self } }\n");
    let flow = r#"{ "workflow": "w", "stage": "draft", "sources": { "s": { "fields": { "x": "public" } } }, "flows": [] }"#;
    let ran = folder.feed(&["check", "-", "--format", "json"], flow);
    // No operator: a finding, so the file was read.
    assert_eq!(ran.code, 1, "{ran:?}");
    // A YAML flow map is no JSON; a broken JSON text is not read as YAML.
    assert_eq!(folder.feed(&["check", "-"], "{ workflow: w, stage: draft, sources: { s: { fields: { x: public } } }, flows: [] }").code, 1);
    assert_eq!(folder.feed(&["check", "-"], &flow.replace("[] }", "[], }")).code, 2);
}

#[test]
fn one_file_is_judged_with_the_data_that_other_workflows_bring() {
    let project = repository().join("examples/derived-memory/violating");
    let whole = run_in(&project, &["check"], None);
    let reads = run_in(&project, &["check", "flows/assist.flow.yaml"], None);
    let writes = run_in(&project, &["check", "flows/remember.flow.yaml"], None);
    assert_eq!((whole.code, reads.code, writes.code), (1, 1, 0), "{whole:?} {reads:?} {writes:?}");
    assert!(reads.out.contains("route/raw-must-stay"), "{}", reads.out);
}

#[test]
fn several_projects_are_reported_in_order_and_the_worst_counts() {
    let folder = Folder::new();
    for name in ["b-clean", "a-leaks"] {
        assert_eq!(folder.run(&["init", name]).code, 0);
    }
    let file = format!("a-leaks/{FLOW}");
    folder.edit(&file, "{ from: redact, to: drafter,", "{ from: tickets, to: drafter,");
    let below = folder.run(&["check"]);
    assert_eq!(below.code, 1, "{below:?}");
    assert!(below.out.find("a-leaks").unwrap() < below.out.find("b-clean").unwrap(), "{}", below.out);
    assert_eq!(below.out, folder.run(&["check"]).out);

    let named = json(&folder.run(&["check", "b-clean", "a-leaks", "--format", "json"]).out);
    let names: Vec<_> = named.as_array().unwrap().iter().map(|one| one["project"].as_str().unwrap()).collect();
    assert_eq!(names, ["b-clean", "a-leaks"]);
    assert_eq!(folder.run(&["check", "b-clean"]).code, 0);
    // The same project named twice is checked once.
    let twice = json(&folder.run(&["check", "b-clean", "b-clean/flows", "--format", "json"]).out);
    assert!(twice.is_object(), "{twice}");
}

#[test]
fn packs_on_the_command_line_replace_the_projects_list() {
    let folder = Folder::started();
    leak(&folder);
    assert_eq!(folder.run(&["check", "--pack", "route"]).code, 1);
    let other = folder.run(&["check", "--pack", "hipaa"]);
    assert_eq!(other.code, 0, "{other:?}");
    assert!(!other.out.contains("route/raw-must-stay"), "{}", other.out);
}

#[test]
fn a_report_goes_into_a_file_whole_or_not_at_all() {
    let folder = Folder::started();
    let ran = folder.run(&["check", "--format", "json", "--output", "report.json"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{ran:?}");
    assert_eq!(folder.read("report.json"), folder.run(&["check", "--format", "json"]).out);

    leak(&folder);
    assert_eq!(folder.run(&["check", "--format", "json", "--output", "report.json"]).code, 1);
    assert_eq!(folder.read("report.json"), folder.run(&["check", "--format", "json"]).out);

    let ran = folder.run(&["check", "--output", "no/such/folder/report.txt"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("no/such/folder/report.txt"), "{}", ran.err);
    let left: Vec<_> =
        fs::read_dir(&folder.0).unwrap().map(|e| e.unwrap().file_name()).filter(|n| n.to_string_lossy().ends_with(".tmp")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_pipe_has_neither_colour_nor_more_than_ascii_of_ours() {
    let folder = Folder::started();
    leak(&folder);
    let plain = folder.run(&["check"]).out;
    assert!(!plain.contains('\u{1b}'), "{plain}");
    assert!(plain.is_ascii(), "{plain}");
    let mut forced = command(&folder.0, &["explain", "id.email"]);
    let forced = String::from_utf8(forced.env("CLICOLOR_FORCE", "1").output().unwrap().stdout).unwrap();
    assert!(forced.contains('\u{1b}'), "{forced}");
    let mut refused = command(&folder.0, &["explain", "id.email"]);
    let refused = String::from_utf8(refused.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").output().unwrap().stdout).unwrap();
    assert!(!refused.contains('\u{1b}'), "{refused}");
    assert!(folder.run(&["explain", "id.email", "--color", "always"]).out.contains('\u{1b}'));
}

#[test]
fn quiet_says_nothing_where_there_is_nothing_to_act_on() {
    let folder = Folder::started();
    let ran = folder.run(&["check", "--quiet"]);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""));
    leak(&folder);
    let ran = folder.run(&["check", "--quiet"]);
    assert!(ran.code == 1 && ran.out.contains("route/raw-must-stay"), "{ran:?}");
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let folder = Folder::started();
    leak(&folder);
    for (args, code) in [(&["check"][..], 1), (&["rules"], 0), (&["explain"], 0), (&["schema", "flow"], 0), (&["--help"], 0)] {
        let mut child = command(&folder.0, args).spawn().unwrap();
        drop(child.stdout.take());
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(code), ""), "{args:?}");
    }
}

// the other subcommands

#[test]
fn help_fits_eighty_columns_and_shows_examples() {
    let folder = Folder::new();
    let pages =
        [vec!["--help"]].into_iter().chain(SUBCOMMANDS.iter().map(|name| vec![*name, "--help"])).chain([vec!["new", "rule", "--help"]]);
    for args in pages {
        let ran = folder.run(&args);
        assert_eq!(ran.code, 0, "{args:?}");
        let wide: Vec<&str> = ran.out.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{args:?}: {wide:#?}");
    }
    for name in ["check", "explain", "rules", "test", "schema"] {
        assert!(folder.run(&[name, "--help"]).out.contains("Examples:"), "{name}");
    }
    assert_eq!(folder.run(&["--version"]).out, format!("flowgate {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn init_overwrites_nothing() {
    let folder = Folder::started();
    let before = folder.read("flowgate.yaml");
    let ran = folder.run(&["init"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("flowgate.yaml"), "{}", ran.err);
    assert_eq!(folder.read("flowgate.yaml"), before);

    let half = Folder::new();
    half.write("flowgate.json", "{}");
    assert_eq!(half.run(&["init"]).code, 2);
    assert!(!half.0.join(FLOW).exists());
}

#[test]
fn schemas_are_printed_as_json_and_the_cedar_one_as_cedar() {
    let folder = Folder::new();
    for name in ["flow", "project", "waivers", "class", "provider", "report", "evidence"] {
        let ran = folder.run(&["schema", name]);
        assert_eq!(ran.code, 0);
        assert!(json(&ran.out).is_object(), "{name}");
        assert!(folder.run(&["schema"]).out.contains(name));
    }
    assert!(folder.run(&["schema", "cedar"]).out.contains("namespace Flowgate"));
    assert_eq!(folder.run(&["schema", "nothing"]).code, 2);
}

#[test]
fn everything_listed_can_be_explained() {
    let folder = Folder::new();
    let list = folder.run(&["explain"]);
    assert_eq!(list.code, 0);
    let names: Vec<&str> = list.out.lines().filter(|l| l.starts_with("  ")).filter_map(|l| l.split_whitespace().next()).collect();
    assert!(names.len() > 100, "{}", list.out);
    let mut args = vec!["explain"];
    args.extend(&names);
    let pages = folder.run(&args);
    assert_eq!((pages.code, pages.err.as_str()), (0, ""));
    let silent: Vec<&&str> = names.iter().filter(|name| !pages.out.contains(&format!("{name} ("))).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn pages_say_what_a_reader_asks() {
    let folder = Folder::new();
    let rule = folder.run(&["explain", "hipaa/baa-missing"]).out;
    for part in ["45 CFR 164.502(e)", "error", "rule.cedar:", "## How to fix"] {
        assert!(rule.contains(part), "{part}: {rule}");
    }
    let one = folder.run(&["explain", "route/production-evidence.dfd"]).out;
    assert!(one.contains("route/production-evidence.dfd") && one.contains("## Limits"), "{one}");
    let class = folder.run(&["explain", "regulated.health.note"]).out;
    assert!(class.contains("regulated.health") && class.contains("clinical note"), "{class}");
    let provider = folder.run(&["explain", "openai/batch"]).out;
    for part in ["max_requests: 50000", "as of ", "confidence ", "job_files", "not verified"] {
        assert!(provider.contains(part), "{part}: {provider}");
    }
}

#[test]
fn an_unknown_name_gets_a_suggestion_and_does_not_hide_the_known() {
    let folder = Folder::new();
    let ran = folder.run(&["explain", "id.emial", "id.name"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("did you mean `id.email`?"), "{}", ran.err);
    assert!(ran.out.contains("id.name (class)"), "{}", ran.out);
    assert!(folder.run(&["explain", "openai"]).err.contains("`openai/batch`"));
}

#[test]
fn rules_are_listed_and_filtered() {
    let folder = Folder::new();
    let all = json(&folder.run(&["rules", "--format", "json"]).out);
    let ids = |list: &serde_json::Value| {
        list["rules"].as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = ids(&all);
    let hipaa = ids(&json(&folder.run(&["rules", "--pack", "hipaa", "--format", "json"]).out));
    assert!(all.contains(&"hipaa/baa-missing".to_owned()) && all.contains(&"core/unknown-fact".to_owned()), "{all:?}");
    assert!(!hipaa.is_empty() && hipaa.iter().all(|id| id.starts_with("hipaa/")), "{hipaa:?}");
    let errors = json(&folder.run(&["rules", "--severity", "error", "--format", "json"]).out);
    assert!(errors["rules"].as_array().unwrap().iter().all(|r| r["severity"] == "error"));

    let table = folder.run(&["rules"]).out;
    assert_eq!(table.lines().count(), all.len(), "one line for each in a pipe");
    let policies = repository().join("policies");
    assert_eq!(folder.run(&["rules", "--policies", policies.to_str().unwrap()]).out, table, "the binary holds what the folder holds");
    let narrow = folder.run(&["rules", "--width", "60"]).out;
    let words_only = |line: &&str| line.chars().count() > 60 && line.split_whitespace().count() > 2;
    assert_eq!(narrow.lines().filter(words_only).collect::<Vec<_>>(), Vec::<&str>::new());
    let unknown = folder.run(&["rules", "--pack", "hippa"]);
    assert!(unknown.code == 2 && unknown.err.contains("did you mean `hipaa`?"), "{unknown:?}");
}

#[test]
fn a_new_rule_passes_its_own_fixtures_and_can_be_used() {
    let folder = Folder::started();
    let made = folder.run(&["new", "rule", "acme/no-surprises"]);
    assert_eq!(made.code, 0, "{made:?}");
    assert!(made.out.lines().all(|file| folder.0.join(file).is_file()), "{}", made.out);
    assert!(made.out.contains("compliance/packs/acme/no-surprises/rule.cedar"), "{}", made.out);

    let tested = folder.run(&["test", "compliance/packs"]);
    assert_eq!(tested.code, 0, "{tested:?}");
    assert!(tested.out.contains(" passed, 0 failed"), "{}", tested.out);
    assert!(folder.run(&["rules", "--packs", "compliance/packs"]).out.contains("acme/no-surprises"));

    // A project that names the pack by its path sees its rules without being told again.
    folder.edit("flowgate.yaml", "packs: [core, route]", "packs: [core, route, ./compliance/packs/acme]");
    assert!(folder.run(&["explain", "acme/no-surprises"]).out.contains("acme/no-surprises (rule)"));

    let again = folder.run(&["new", "rule", "acme/no-surprises"]);
    assert_eq!(again.code, 2, "{again:?}");
}

#[test]
fn a_failing_fixture_gives_one_and_says_what_differs() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["new", "rule", "acme/no-surprises", "--dir", "packs"]).code, 0);
    let rule = "packs/acme/no-surprises/rule.cedar";
    let text = folder.read(rule);
    let at = text.find("forbid").unwrap();
    folder.write(rule, &format!("{}forbid (principal, action == Flowgate::Action::\"ship\", resource) when {{ false }};\n", &text[..at]));
    let ran = folder.run(&["test", "packs/acme/no-surprises"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("FAILED acme/no-surprises/"), "{}", ran.out);
    assert_eq!(folder.run(&["test", "packs", "--filter", "no such case"]).code, 2);
    assert_eq!(folder.run(&["test", "nowhere"]).code, 2);
    assert_eq!(folder.run(&["test"]).code, 2);
}
