//! stages PROJECT [ROUNDS]: how long each stage takes over a project, in one process. `benches/run` calls it.
//!
//! Prints `NAME VALUE` lines: milliseconds of the quickest round for each stage, of the first round for what a process builds once (`packs`, `policies`), memory in
//! bytes, and counts. It follows `src/check.rs` stage by stage; `whole` is the same through the library's front door. What the front door does besides is
//! the difference of the two.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a program that measures stops at the first thing that is wrong")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use flowgate::declare::Declarations;
use flowgate::facts::{Environment, FactBase};
use flowgate::finding::{Finding, findings, waived};
use flowgate::judge::{Judge, Policies, with_room};
use flowgate::load::{Limits, Value};
use flowgate::packs::{Library, PackFolder, Selection};
use flowgate::propagate::{DEFAULT_VARIANT_CAP, propagate};
use flowgate::report::{Format, Style, render};
use flowgate::validate::{self, SchemaName};
use flowgate::vocabulary::Vocabulary;
use flowgate::{Options, Project, Report, check, graph};
use jiff::civil::{Date, date};

const DAY: Date = date(2026, 7, 1);

/// Milliseconds by stage, memory and counts, in the order they were first noted.
#[derive(Default)]
struct Notes(Vec<(&'static str, f64)>);

impl Notes {
    fn note(&mut self, name: &'static str, value: f64) {
        self.0.push((name, value));
    }

    fn time<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let made = work();
        self.note(name, start.elapsed().as_secs_f64() * 1000.0);
        made
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = Path::new(arguments.first().expect("usage: stages PROJECT [ROUNDS]"));
    let rounds = arguments.get(1).map_or(1, |rounds| rounds.parse().expect("a number of rounds")).max(1);
    let mut best: Vec<(&'static str, f64)> = Vec::new();
    for _ in 0..rounds {
        let mut notes = with_room(|| stages(folder)).expect("threads");
        if rounds > 1 {
            notes.time("whole", || {
                let project = Project::read(folder, &Limits::most());
                let report = check(&project, &Options { limits: Limits::most(), ..Options::on(DAY) });
                render(&report, Format::Json, &Style::PLAIN)
            });
        }
        for (name, value) in notes.0 {
            match best.iter_mut().find(|(known, _)| *known == name) {
                // What is kept for the process costs nothing from the second round on, and memory that was once had is not given back.
                Some(_) if matches!(name, "packs" | "policies") || name.ends_with("bytes") => {}
                Some((_, least)) => *least = least.min(value),
                None => best.push((name, value)),
            }
        }
    }
    for (name, value) in best {
        println!("{name} {value:.3}");
    }
}

fn stages(folder: &Path) -> Notes {
    let mut notes = Notes::default();
    let limits = Limits::most();
    let options = Options { limits: limits.clone(), ..Options::on(DAY) };
    let project = notes.time("load", || Project::read(folder, &limits));
    let problems = || project.problems.iter().map(|p| &p.message).collect::<Vec<_>>();
    assert!(project.problems.is_empty(), "{:?}", problems());
    let texts = project.file.iter().chain(&project.workflows).map(|d| d.file().text.len());
    notes.note("input_bytes", texts.sum::<usize>() as f64);
    notes.note("loaded_bytes", status("VmRSS"));
    forget_peak();

    let (library, vocabulary) =
        notes.time("packs", || (Library::load(&selection(&project, &limits)).0, Vocabulary::load().expect("the vocabulary")));
    let invalid = notes.time("validate", || {
        let mut invalid: Vec<_> = project.file.iter().flat_map(|f| validate::against(SchemaName::Project, f)).collect();
        invalid.extend(validate::all_against(SchemaName::Flow, &project.workflows.iter().collect::<Vec<_>>()));
        invalid
    });
    assert!(invalid.is_empty(), "{invalid:?}");
    let declarations =
        Declarations { project: project.file.as_ref(), workflows: project.workflows.iter().collect(), waivers: project.waivers.as_ref() };
    let (graph, _) = notes.time("graph", || graph::build(declarations, &library, vocabulary));
    let mut problems = Vec::new();
    let policies = notes.time("policies", || Policies::load(&library, vocabulary, None, &mut problems)).expect("policies");
    let environment = Environment { as_of: DAY, files: BTreeSet::new(), hashes: BTreeMap::new() };
    let base = notes.time("facts", || FactBase::new(&graph, vocabulary, &policies.mentioned, &environment));
    let judge = Judge { base: &base, policies: &policies, slicing: true, coverage: false, limits: &limits };
    let labels = |notes: &mut Notes| {
        let (labelling, _) = judge.labels(None, DEFAULT_VARIANT_CAP);
        if judge.labels_need_propagation() {
            let first = notes.time("propagate (first)", || propagate(&graph, &labelling));
            return judge.labels(Some(&first), DEFAULT_VARIANT_CAP).0;
        }
        labelling
    };
    let start = Instant::now();
    let labelling = labels(&mut notes);
    let first: f64 = notes.0.iter().filter(|(name, _)| name.starts_with("propagate")).map(|(_, ms)| ms).sum();
    notes.note("label", start.elapsed().as_secs_f64() * 1000.0 - first);
    let mut propagation = notes.time("propagate", || propagate(&graph, &labelling));
    let judged = notes.time("judge", || judge.verdicts(&propagation, |verdicts| waived(&judge, &propagation, verdicts, true)));
    problems.extend(judged.problems);
    assert!(problems.is_empty(), "{:?}", problems.iter().map(|p| &p.message).collect::<Vec<_>>());
    let found = notes.time("finding", || findings(&judge, &mut propagation, judged.verdicts, options.waivers));
    let report = Report { findings: found.open, waived: found.waived, ..Report::default() };
    let text = notes.time("report", || render(&report, Format::Json, &Style::PLAIN));

    notes.note("report_bytes", text.len() as f64);
    notes.note("past_loading_bytes", status("VmHWM") - notes.0.iter().find(|(name, _)| *name == "loaded_bytes").map_or(0.0, |(_, v)| *v));
    notes.note("edges", graph.edges.rows().iter().filter(|e| !e.implied).count() as f64);
    let (violations, pairs) = counts(&report.findings);
    notes.note("violations", violations as f64);
    notes.note("edge_rule", pairs as f64);
    notes
}

/// The project's packs and roles, as a check would take them.
fn selection(project: &Project, limits: &Limits) -> Selection {
    let named = |key: &str| {
        let list = project.file.as_ref().and_then(|f| f.root().get(key));
        list.into_iter().flat_map(Value::items).filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let (private, packs): (Vec<_>, Vec<_>) = named("packs").into_iter().partition(|name| name.starts_with('.'));
    let private = project.folder.iter().flat_map(|folder| private.iter().map(move |name| PackFolder::of_project(folder, name)));
    Selection { packs, roles: named("roles"), private: private.collect(), limits: limits.clone(), ..Selection::default() }
}

/// Violations (datum, flow, rule) and pairs of flow and rule, as `tests/bench/README.md` counts them.
fn counts(findings: &[Finding]) -> (usize, usize) {
    let (mut violations, mut pairs) = (BTreeSet::new(), BTreeSet::new());
    for finding in findings.iter().filter(|f| f.rule.starts_with("bench/")) {
        let flow = (finding.primary.file.name.as_str(), finding.primary.span.start, finding.rule.as_str());
        violations.extend(finding.data.iter().map(|d| (flow, d.name.as_str())));
        pairs.insert(flow);
    }
    (violations.len(), pairs.len())
}

/// A number of this process as Linux keeps it, in bytes; none elsewhere.
fn status(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).map_or(f64::NAN, |kib| kib * 1024.0)
}

/// From here on the peak is counted anew.
fn forget_peak() {
    // Where that cannot be done the peak is that of the whole run, which is more.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
