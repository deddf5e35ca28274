//! Every limit, from both sides: what is just within it is read and judged, what is one beyond is refused by name, with a place and the option that raises
//! it. And the largest inputs within the defaults come to an end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use flowgate::load::{Limit, Limits, Setting};
use flowgate::packs::{PackFolder, Selection};
use flowgate::{Options, Project, Report, check};

use crate::common::{options, project, root};

const FILE: &str = "version: 1\nroles: []\npacks: [core]\nparties: { acme: { relation: self } }\n";
const FLOW: &str = "\
workflow: w
stage: draft
sources: { s: { operator: acme, fields: { a: public, b: public } } }
logs: { l: { operator: acme, copies: { backup: { kind: store } } }, m: { operator: acme } }
flows:
  - { from: s, to: l, fields: [a, b] }
  - { from: s, to: m, fields: [a] }
";
const RULE: &str = "\
@title(\"t\") @severity(\"note\") @citation(\"c\") @message(\"m\") @help(\"h\")
forbid (principal is Flowgate::Log, action == Flowgate::Action::\"receive\", resource) when { principal.id == \"x\" && ((true)) };
";

/// A folder of its own, removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("flowgate-limits-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        for (name, text) in files {
            let file = path.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn limits(name: &str, value: usize) -> Limits {
    Limits::with(&[format!("{name}={value}").parse::<Setting>().unwrap()])
}

/// Each problem: code, place, message, way out.
fn problems(report: &Report) -> Vec<String> {
    let place = |p: &flowgate::problem::Problem| {
        p.places.first().map_or_else(String::new, |at| {
            let (line, column) = at.file.line_column(at.span.start);
            format!("{}:{line}:{column}", at.file.name)
        })
    };
    let of =
        |p: &flowgate::problem::Problem| format!("{} at {}: {}; {}", p.code, place(p), p.message, p.help.as_deref().unwrap_or_default());
    report.problems.iter().map(of).collect()
}

/// Judges a folder with one limit set.
fn judged(folder: &Path, name: &str, value: usize) -> Vec<String> {
    let limits = limits(name, value);
    let private = vec![PackFolder::on_disk(&folder.join("pack"))];
    let selection = Selection { private, ..Selection::default() };
    let project = Project::read(folder, &limits);
    // The pack is named by its folder, which is another in every run.
    let shown = folder.display().to_string();
    problems(&check(&project, &Options { limits, selection, ..options() })).into_iter().map(|p| p.replace(&shown, ".")).collect()
}

/// The least value of a limit under which the folder is judged without a problem.
fn least(folder: &Path, name: &str) -> usize {
    let mut range = 1..Limit::ALL.iter().find(|l| l.name == name).unwrap().default;
    assert_eq!(judged(folder, name, range.end), [""; 0], "{name}");
    while range.start < range.end {
        let middle = usize::midpoint(range.start, range.end);
        if judged(folder, name, middle).is_empty() { range.end = middle } else { range.start = middle + 1 }
    }
    range.end
}

const SPLIT: &str = "split it into several files; nodes in `flowgate.yaml` can be named from every workflow";
const PARTS: &str = "give a part of the project a `flowgate.yaml` of its own";
const NAME: &str = "name fields where flows carry everything, or give a part of the project a `flowgate.yaml` of its own";

#[test]
fn what_is_one_beyond_a_limit_is_refused_by_name() {
    // Larger than any rule of the base pack.
    let rule = format!("// {}\n{RULE}", "x".repeat(100_000));
    let folder =
        Folder::new("each", &[("flowgate.yaml", FILE), ("a.flow.yaml", FLOW), ("pack/PACK.md", "# pack\n"), ("pack/r/rule.cedar", &rule)]);
    let (bytes, all) = (FLOW.len(), FLOW.len() + FILE.len());
    // How many policies the base pack has, and what is asked of them, is its own affair.
    let policies = least(&folder.0, "policies");
    let questions = least(&folder.0, "questions");
    let cases: [(&str, usize, String); 14] = [
        ("file-bytes", bytes, format!("load/size at a.flow.yaml:1:1: the file has {bytes} bytes, the limit is {}; {SPLIT}; or raise it with `--limit file-bytes=N`", bytes - 1)),
        (
            "project-bytes",
            all,
            format!("load/project-bytes at a.flow.yaml:1:1: the project's declarations have {all} bytes up to this file, the limit is {}; {PARTS}; or raise it with `--limit project-bytes=N`", all - 1),
        ),
        ("files", 2, format!("load/files at a.flow.yaml:1:1: more than 1 declaration files in one project, the limit is 1; {PARTS}; or raise it with `--limit files=N`")),
        (
            "depth",
            5,
            "load/depth at a.flow.yaml:4:48: 5 levels of maps and lists, the limit is 4; flatten the declaration: flowgate's own formats need fewer than ten levels; or raise it with `--limit depth=N`".to_owned(),
        ),
        ("values", 52, format!("load/values at a.flow.yaml:7:32: more than 51 keys and values in one file, the limit is 51; {SPLIT}; or raise it with `--limit values=N`")),
        ("nodes", 4, format!("graph/nodes at a.flow.yaml:4:69: more than 3 nodes in one project, the limit is 3; {PARTS}; or raise it with `--limit nodes=N`")),
        ("flows", 2, format!("graph/flows at a.flow.yaml:7:5: more than 1 flows in one project, the limit is 1; {PARTS}; or raise it with `--limit flows=N`")),
        ("crossings", 5, format!("propagate/crossings at a.flow.yaml:4:40: data cross flows more than 4 times, each variant counted, the limit is 4; {NAME}; or raise it with `--limit crossings=N`")),
        (
            "questions",
            questions,
            format!("judge/questions at : more than {} questions to the policies, the limit is {}; {NAME}; or raise it with `--limit questions=N`", questions - 1, questions - 1),
        ),
        ("pack-files", 2, "packs/files at : `./pack` has more than 1 files, the limit; name the pack's own folder; or raise it with `--limit pack-files=N`".to_owned()),
        (
            "policy-bytes",
            rule.len(),
            format!("packs/unreadable at : cannot read `./pack/r/rule.cedar`: it has more than {} bytes, the limit; one folder holds one rule, and one file one family of classes; or raise it with `--limit policy-bytes=N`", rule.len() - 1),
        ),
        (
            "policies",
            policies,
            format!("judge/policies at policies/permit.cedar:2:1: {policies} policies in the packs in use, the limit is {}; leave packs out that no role needs; or raise it with `--limit policies=N`", policies - 1),
        ),
        ("policy-depth", least(&folder.0, "policy-depth"), String::new()),
        ("policy-operators", least(&folder.0, "policy-operators"), String::new()),
    ];
    let mut faults = Vec::new();
    for (name, value, expected) in cases {
        let within = judged(&folder.0, name, value);
        if !within.is_empty() {
            faults.push(format!("{name}={value} is not within: {within:#?}"));
        }
        let beyond = judged(&folder.0, name, value - 1);
        // The base pack's own rules are the deepest and longest here; the guard's tests have their texts.
        let end = format!("the limit; split it into several policies; or raise it with `--limit {name}=N`");
        let refused = |p: &String| if expected.is_empty() { p.ends_with(&end) } else { *p == expected };
        if !beyond.iter().any(refused) {
            faults.push(format!("{name}={}: expected {expected}\ngot {beyond:#?}", value - 1));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What a step makes of several inputs is every combination of their variants, or past a number of them one range: it says so, and loses no finding.
#[test]
fn combinations_of_named_inputs_widen_and_lose_nothing() {
    let classes = ["id.name", "id.email", "id.phone", "id.mrn", "id.geo", "id.device", "regulated.health.note", "public", "id.date"];
    let fields: Vec<String> = classes.iter().enumerate().map(|(n, class)| format!("f{n}: {class}")).collect();
    let sources: Vec<String> =
        (0..3).map(|n| format!("s{n}: {{ operator: acme, subject: patient, fields: {{ {} }} }}", fields.join(", "))).collect();
    let flows: String = (0..3).map(|n| format!("  - {{ from: s{n}, to: t, input: i{n}, fields: \"*\" }}\n")).collect();
    let flow = format!(
        "workflow: w\nstage: pilot\nsources: {{ {} }}\nsteps: {{ t: {{ type: custom, operator: acme, outputs: {{ out: [ {{ emit: made, of: [i0, i1, i2] }} ] }} }} }}\n\
         endpoints: {{ ep: {{ operator: mart }} }}\nflows:\n{flows}  - {{ from: t, to: ep, fields: [made] }}\n",
        sources.join(", ")
    );
    let file =
        "version: 1\nroles: [hipaa_covered_entity]\npacks: [core]\nparties: { acme: { relation: self }, mart: { relation: processor } }\n";
    let with = |variant_cap| check(&project(file, &[&flow]), &Options { variant_cap, ..options() });
    let (exact, wide) = (with(10_000), with(1));
    let codes = |report: &Report| report.notices.iter().map(|n| n.code).collect::<std::collections::BTreeSet<_>>();
    assert!(!codes(&exact).contains("propagate/variant-cap") && codes(&wide).contains("propagate/variant-cap"));
    let found =
        |report: &Report| report.findings.iter().map(|f| (f.rule.clone(), f.subject.in_words())).collect::<std::collections::BTreeSet<_>>();
    assert!(found(&exact).iter().any(|(_, subject)| subject == "t → ep"), "{:?}", found(&exact));
    assert!(found(&exact).is_subset(&found(&wide)), "{:?}", found(&exact).difference(&found(&wide)).collect::<Vec<_>>());
}

/// The form for people is cut, and says so; the forms for programs are whole.
#[test]
fn a_long_list_of_problems_is_cut_for_people_alone() {
    use flowgate::report::{Format, Style, render};
    let flows: String = (0..5).map(|n| format!("  - {{ from: s, to: nobody{n}, fields: [a] }}\n")).collect();
    let project = project(FILE, &[&format!("{FLOW}{flows}")]);
    let with = |value| check(&project, &Options { limits: limits("problems", value), ..options() });
    assert_eq!(with(5).problems.len(), 5);
    let text = |value| render(&with(value), Format::Human, &Style::PLAIN);
    assert!(!text(5).contains("not printed"));
    let cut = text(4);
    assert!(cut.contains("1 more problems are not printed, the limit is 4") && cut.contains("`--limit problems=N`"), "{cut}");
    assert_eq!(cut.matches("error[graph/unknown-node]").count(), 4);
    let json: serde_json::Value = serde_json::from_str(&render(&with(1), Format::Json, &Style::PLAIN)).unwrap();
    assert_eq!(json["problems"].as_array().map(Vec::len), Some(5));
}

/// What is read of a project up to a limit is judged: the run cannot pass, and what is found is not lost.
#[test]
fn files_within_a_limit_are_judged_beside_those_beyond() {
    let leak = "workflow: v\nstage: draft\nsources: { t: { operator: acme, fields: { a: regulated.health } } }\noutputs: { o: {} }\nflows: [ { from: t, to: o, fields: [a] } ]\n";
    let folder = Folder::new("beside", &[("flowgate.yaml", FILE), ("a.flow.yaml", leak), ("b.flow.yaml", FLOW)]);
    let report = |files| check(&Project::read(&folder.0, &limits("files", files)), &options());
    assert!(!report(3).problems.iter().any(|p| p.code == "load/files"));
    let beyond = report(2);
    assert!(beyond.problems.iter().any(|p| p.code == "load/files"));
    assert_eq!(beyond.findings.len(), report(3).findings.iter().filter(|f| f.workflow.as_deref() == Some("v")).count());
    assert!(!beyond.findings.is_empty());
}

fn run(folder: &Path, args: &[&str]) -> (i32, String) {
    let ran = Command::new(env!("CARGO_BIN_EXE_flowgate")).current_dir(folder).args(args).env("NO_COLOR", "1").output().unwrap();
    (ran.status.code().unwrap(), String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr))
}

/// As deep and as long as a policy can ever be allowed to be, in the build with the largest stack frames: Cedar parses, validates and asks it, and the
/// process lives. In a process of its own, because what is tested for is an abort.
#[test]
fn policies_at_the_highest_limits_do_not_overflow_the_stack() {
    let head = RULE.split(" when ").next().unwrap();
    let most = |name: &str| Limit::ALL.iter().find(|l| l.name == name).unwrap().most;
    // The braces of `when`, and the record of the scope, are brackets, too.
    let (depth, operators) = (most("policy-depth") - 2, most("policy-operators") - 20);
    let nested =
        |open: &str, close: &str, depth: usize| format!("{head} when {{ {}context.tls{} }};\n", open.repeat(depth), close.repeat(depth));
    let set = format!("{}1{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    let policies = [
        nested("(", ")", depth),
        nested("(true && ", ")", depth),
        nested("!(", ")", depth / 2),
        nested("if true then true else ", "", depth),
        format!("{head} when {{ context has tls && {set} == {set} }};\n"),
        format!("{head} when {{ context has tls{} }};\n", " && true".repeat(operators / 2)),
        format!("{head} when {{ context has tls{} }};\n", " || 1 == 2".repeat(operators / 4)),
    ];
    for (n, policy) in policies.iter().enumerate() {
        let policy = policy.replace("context.tls", "(context has tls)");
        let folder = Folder::new(
            &format!("deep{n}"),
            &[
                ("flowgate.yaml", FILE),
                ("a.flow.yaml", FLOW),
                (".git/HEAD", ""),
                ("pack/PACK.md", "# pack\n"),
                ("pack/r/rule.cedar", &policy),
            ],
        );
        let limits = ["--limit", "policy-depth=256", "--limit", "policy-operators=2000", "--limit", "policy-bytes=4MiB"];
        let ran = Command::new(env!("CARGO_BIN_EXE_flowgate"))
            .current_dir(&folder.0)
            .args(["check", "--packs", "pack"])
            .args(limits)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.code().is_some(), "policy {n} aborts: {:?}", ran.status);
        assert!(!said.contains("policy-too-deep") && !said.contains("policy-too-long"), "policy {n} is refused: {said}");
        assert!(!said.contains("recursion limit"), "policy {n} is not asked: {said}");
    }
}

/// One option, on every command that reads a project or a pack; nothing a project says raises a limit.
#[test]
fn the_option_is_on_every_command_that_reads() {
    let folder = Folder::new("option", &[("flowgate.yaml", FILE), ("a.flow.yaml", FLOW), (".git/HEAD", "")]);
    for command in [&["check"][..], &["baseline"], &["diff", "."], &["evidence"], &["graph"]] {
        let (code, said) = run(&folder.0, &[command, &["--limit", "depth=2"]].concat());
        assert_eq!(code, 2, "{command:?}: {said}");
        // A bundle says in its files what could not be judged.
        assert!(command == ["evidence"] || said.contains("load/depth") && said.contains("the limit is 2"), "{command:?}: {said}");
    }
    for command in [&["explain", "core"][..], &["rules"], &["test", "."]] {
        let (code, said) = run(&folder.0, &[command, &["--limit", "dept=2"]].concat());
        assert_eq!(code, 2, "{command:?}: {said}");
        assert!(said.contains("there is no limit `dept`; did you mean `depth`?"), "{command:?}: {said}");
    }
    let (code, said) = run(&folder.0, &["check", "--limit", "depth=513"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("`depth` is at most 512: conversion to JSON recurses"), "{said}");
    let (_, help) = run(&folder.0, &["check", "--help"]);
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for limit in Limit::ALL {
        assert!(help.contains(&limit.in_words()), "{} is not in the help: {help}", limit.name);
    }
    fs::write(folder.0.join("flowgate.yaml"), format!("{FILE}limits: {{ depth: 512 }}\n")).unwrap();
    let (code, said) = run(&folder.0, &["check"]);
    assert_eq!(code, 2);
    assert!(said.contains("unknown key `limits`"), "{said}");
}

/// The page lists the limits as they are.
#[test]
fn the_page_has_every_limit() {
    let page = fs::read_to_string(root().join("docs/limits.md")).unwrap();
    let rows: Vec<String> = page.lines().filter(|l| l.starts_with("| `")).map(str::to_owned).collect();
    let row = |l: &Limit| {
        let (_, default) = l.in_words().split_once('=').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let most = if l.because.is_empty() { "none".to_owned() } else { format!("{}: {}", l.most, l.because) };
        format!("| `{}` | {} | {default} | {most} |", l.name, l.counts)
    };
    let expected: Vec<String> = Limit::ALL.iter().map(row).collect();
    assert_eq!(rows, expected, "\n{}", expected.join("\n"));
}
