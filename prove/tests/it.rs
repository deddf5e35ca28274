//! The tool as its users see it: small packs in, text and exit code out. Needs cvc5, except where the solver is one of `tests/solvers`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that fails should fail loudly"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

/// A run: exit code, standard output, standard error.
struct Run(i32, String, String);

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// `prove` in its own folder, over the small policies of the tests.
fn prove(args: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_prove")).current_dir(here()).env_remove("CVC5").args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run(output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A folder for files to replay, empty when the test begins.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("prove-tests-{}-{name}", std::process::id()));
    drop(std::fs::remove_dir_all(&folder));
    folder
}

fn pack(case: &str) -> String {
    format!("tests/packs/{case}/acme")
}

/// A run over a pack; its report.
fn report(case: &str, more: &[&str]) -> (i32, Json) {
    let written = folder(case);
    let pack = pack(case);
    let mut args = vec!["--policies", "tests/policies", "--format", "json", "--counterexamples", written.to_str().unwrap()];
    args.extend(more);
    args.push(&pack);
    let Run(code, out, err) = prove(&args);
    (code, serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}{err}")))
}

/// Findings as (code, message, file:line).
fn findings(report: &Json) -> Vec<(String, String, String)> {
    let text = |json: &Json, key: &str| json[key].as_str().unwrap_or_default().to_owned();
    let found = report["findings"].as_array().unwrap().iter();
    found.map(|f| (text(f, "code"), text(f, "message"), format!("{}:{}", text(&f["at"], "file"), f["at"]["line"]))).collect()
}

fn found(code: &str, message: &str, place: &str) -> (String, String, String) {
    (code.to_owned(), message.to_owned(), format!("tests/packs/{place}"))
}

#[test]
fn a_sound_pack_is_proved() {
    let (code, report) = report("sound", &[]);
    assert_eq!((code, findings(&report)), (0, vec![]));
    let counts = &report["packs"]["acme"];
    assert_eq!((&counts["rules"], &counts["cannot err"]), (&2.into(), &2.into()));
    // Seven recipients and one kind of paper, each with a request that Cedar agrees about.
    assert_eq!(counts["witnesses replayed"], 8);
    assert_eq!(counts["kinds of request stricter than the base"], 22);
}

/// One by its own numbers, one by what its classes are in; the near miss is the other way round.
#[test]
fn a_rule_that_can_never_match_is_found() {
    let (code, report) = report("vacuous", &[]);
    let expected = ["classes", "numbers"].map(|rule| {
        found("prove/vacuous", &format!("`acme/{rule}` matches no request there can be"), &format!("vacuous/acme/{rule}/rule.cedar:6"))
    });
    assert_eq!((code, findings(&report)), (1, expected.to_vec()));
}

#[test]
fn a_covered_rule_has_to_say_so_on_its_page() {
    let (code, undeclared) = report("subsumed", &[]);
    let message = "whatever `acme/narrow` refuses, `acme/wide` refuses as well, and the page does not say so";
    assert_eq!((code, findings(&undeclared)), (1, vec![found("prove/subsumed", message, "subsumed/acme/narrow/rule.cedar:6")]));

    let (code, declared) = report("subsumed-said", &[]);
    assert_eq!((code, findings(&declared)), (0, vec![]));
    assert_eq!(declared["packs"]["acme"]["subsumed"], 1);

    let (code, without_reason) = report("subsumed-no-why", &[]);
    let message = "the page does not say why `acme/narrow` is there beside `acme/wide`";
    assert_eq!((code, findings(&without_reason)), (1, vec![found("prove/bad-page", message, "subsumed-no-why/acme/narrow/README.md:5")]));
}

/// What is declared and not so is as wrong as what is so and not declared.
#[test]
fn a_page_that_says_what_is_not_so_is_found() {
    let (code, report) = report("subsumed-wrongly", &[]);
    let page = |line: u32| format!("subsumed-wrongly/acme/wide/README.md:{line}");
    let expected = vec![
        found("prove/bad-page", "`acme/narrow` does not cover `acme/wide`", &page(5)),
        found("prove/bad-page", "there is no `acme/wide.late`", &page(6)),
    ];
    assert_eq!((code, findings(&report)), (1, expected));
}

/// "A warning now, an error in production" is two forbids, and neither makes the other idle.
#[test]
fn sharper_forms_of_one_rule_need_no_words() {
    let (code, report) = report("sharper", &[]);
    assert_eq!((code, findings(&report)), (0, vec![]));
    assert_eq!(report["packs"]["acme"]["sharper forms of another rule"], 2);
}

fn against(case: &str) -> (i32, Json) {
    report(case, &["--against", &pack("before")])
}

/// Puts the request of a finding to Cedar again; what the tool says of it.
fn replay(finding: &Json) -> Run {
    prove(&["replay", finding["replay"].as_str().expect("a file to replay")])
}

#[test]
fn a_weaker_pack_is_shown_by_a_request_that_replays() {
    let (code, report) = against("weaker");
    let message = "the new `acme` lets pass what `acme/outside` refused (from draft on, as error)";
    assert_eq!((code, findings(&report)), (1, vec![found("prove/weaker", message, "before/acme/outside/rule.cedar:6")]));
    let finding = &report["findings"][0];
    let said: Vec<&str> = finding["request"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
    assert_eq!(said[0], "request: endpoint · receive · datum in `health`");
    let Run(code, out, _) = replay(finding);
    let (old, new) = out.split_once('\n').unwrap();
    assert_eq!(code, 0);
    assert_eq!(old, "old: deny by acme/outside (tests/packs/before/acme/outside/rule.cedar:6)");
    assert!(new.starts_with("new: allow by the base permit"), "{new}");

    // The same request with an operator that is no conduit: old and new agree, and the file no longer says what is so.
    let file = Path::new(finding["replay"].as_str().unwrap());
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains("\"conduit\": true"));
    std::fs::write(file, text.replace("\"conduit\": true", "\"conduit\": false")).unwrap();
    let Run(code, out, _) = replay(finding);
    assert_eq!(code, 1);
    assert!(out.contains("new: deny by acme/outside") && out.contains("(the file expects allow)"), "{out}");
}

#[test]
fn a_stricter_pack_is_proved_and_what_is_new_is_shown() {
    let (code, report) = against("stricter");
    let message = "`acme/outside` refuses what the old `acme` let pass";
    assert_eq!((code, findings(&report)), (0, vec![found("prove/stricter", message, "stricter/acme/outside/rule.cedar:6")]));
    let Run(code, out, _) = replay(&report["findings"][0]);
    assert_eq!(code, 0);
    assert!(out.starts_with("old: allow") && out.contains("\nnew: deny by acme/outside"), "{out}");
}

/// The same conditions, heard later or more softly, are weaker.
#[test]
fn a_later_stage_or_a_lower_severity_is_weaker() {
    let (code, report) = against("softer");
    assert_eq!(code, 1);
    let found: Vec<(String, String)> = findings(&report).into_iter().map(|(code, _, place)| (code, place)).collect();
    let expected = ["no-tls", "outside"].map(|r| ("prove/weaker".to_owned(), format!("tests/packs/before/acme/{r}/rule.cedar:6")));
    assert_eq!(found, expected);
    for finding in report["findings"].as_array().unwrap() {
        assert_eq!(replay(finding).0, 0);
    }
}

/// One rule in two, and a condition in other words: nothing has changed.
#[test]
fn the_same_in_other_words_is_proved_the_same() {
    let (code, report) = against("reworded");
    assert_eq!((code, findings(&report)), (0, vec![]));
    let counts = &report["packs"]["acme"];
    assert_eq!((&counts["rules before"], &counts["rules after"]), (&2.into(), &3.into()));
    assert_eq!(counts["changed rules as strict as before, by kind of request"], 14);
}

/// A label of what must be guarded is lost; one that speaks well of data is earned more easily.
#[test]
fn a_change_of_who_earns_a_label_is_weaker() {
    let (code, report) = against("labels");
    let expected = vec![
        found("prove/weaker", "`secret` is no longer earned by what earned it", "before/acme/labels.cedar:1"),
        found("prove/weaker", "`cleared` is earned by more than before", "labels/acme/labels.cedar:4"),
    ];
    assert_eq!((code, findings(&report)), (1, expected));
    for finding in report["findings"].as_array().unwrap() {
        assert_eq!(replay(finding).0, 0);
    }
}

#[test]
fn what_is_no_case_is_not_replayed() {
    for file in ["tests/packs/sound/acme/PACK.md", "tests/nowhere.json", "Cargo.toml"] {
        let Run(code, out, err) = prove(&["replay", file]);
        assert_eq!((code, out.as_str()), (2, ""));
        assert!(err.starts_with(&format!("error[prove/bad-case]: cannot replay `{file}`")), "{err}");
    }
}

/// Whatever is wrong with a solver, nothing is proved.
#[test]
fn no_solver_proves_everything() {
    let why = [
        ("liar", "failed its self-check"),
        ("babbles", "failed its self-check"),
        ("unsure", "the solver does not know"),
        ("dies", "failed its self-check"),
        ("hangs", "no answer in 2 seconds"),
        ("missing", "cannot start the solver"),
        // Honest while it is watched at the start.
        ("tires", "it says that"),
        ("dies-later", "terminated unexpectedly"),
    ];
    for (solver, expected) in why {
        let solver = format!("tests/solvers/{solver}");
        let (code, report) =
            report("sound", &["--jobs", "1", "--timeout", if solver.ends_with("hangs") { "2" } else { "60" }, "--solver", &solver]);
        let gaps: Vec<&str> = report["not_proved"].as_array().unwrap().iter().filter_map(|g| g["why"].as_str()).collect();
        assert_eq!(code, 2, "{solver}: {report}");
        assert!(gaps.iter().any(|why| why.contains(expected)), "{solver}: {gaps:?}");
    }
}

#[test]
fn what_flowgate_would_not_judge_by_is_not_proved() {
    let folder = folder("broken");
    let rule = folder.join("acme/rule");
    std::fs::create_dir_all(&rule).unwrap();
    std::fs::write(folder.join("acme/PACK.md"), "# acme\n").unwrap();
    std::fs::write(rule.join("rule.cedar"), "forbid (principal, action, resource)\nwhen { context.zzz };\n").unwrap();
    let Run(code, out, err) = prove(&["--policies", "tests/policies", folder.join("acme").to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("rule.cedar:2:") && err.contains("judge/bad-policy"), "{err}");
    let Run(code, _, err) = prove(&["--policies", "tests/policies", "nosuch"]);
    assert_eq!(code, 2);
    assert!(err.contains("there is no pack `nosuch`"), "{err}");
}

/// What is proved here is proved of the very crates flowgate is built with.
#[test]
fn both_lock_files_agree() {
    let versions = |path: &Path| -> std::collections::BTreeSet<(String, String)> {
        let text = std::fs::read_to_string(path).unwrap();
        let field = |block: &str, key: &str| {
            let line = block.lines().find_map(|l| l.strip_prefix(&format!("{key} = ")))?;
            Some(line.trim_matches('"').to_owned())
        };
        text.split("[[package]]").filter_map(|block| Some((field(block, "name")?, field(block, "version")?))).collect()
    };
    let (ours, theirs) = (versions(&here().join("Cargo.lock")), versions(&here().join("../Cargo.lock")));
    let names: std::collections::BTreeSet<&String> = ours.iter().map(|(name, _)| name).collect();
    // What flowgate needs for its tests alone is not here, and need not be.
    let different: Vec<_> = theirs.iter().filter(|pair| names.contains(&pair.0) && !ours.contains(pair)).collect();
    assert!(ours.len() > 100 && different.is_empty(), "{different:?}");
}
