//! What the fuzzers run, one public function for each: it takes any bytes, and panics where flowgate breaks a promise. The main build's tests run the
//! same functions over the seeds and the kept cases, so everything here is plain Rust without a fuzzer.
//!
//! Parts of one input stand under each other, divided by a line of five `=`.

mod documents;
mod judging;
mod reports;
mod texts;

pub use documents::documents;
pub use judging::{baseline, check, packs, waivers};
pub use reports::reports;
pub use texts::{load_json, load_yaml, validate};

use flowgate::load::{Document, Format, Kind, Limits, Value};
use flowgate::problem::{Place, Problem};
use flowgate::{Options, Project, Report};
use jiff::civil::date;

/// A fuzz target.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 9] = [
    ("load_yaml", load_yaml),
    ("load_json", load_json),
    ("validate", validate),
    ("check", check),
    ("documents", documents),
    ("packs", packs),
    ("waivers", waivers),
    ("reports", reports),
    ("baseline", baseline),
];

const DIVIDER: &str = "\n=====\n";

/// The parts of an input; those that are missing are empty.
fn parts<const N: usize>(bytes: &[u8]) -> [String; N] {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(N, DIVIDER).map(str::to_owned);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

fn options() -> Options {
    Options::on(date(2026, 7, 1))
}

fn parse(name: &str, text: &str, format: Format) -> Result<Document, Problem> {
    Document::parse(name, text.as_bytes().to_vec(), format, &Limits::default())
}

/// YAML, or JSON where the text begins as an object of it does.
fn document(name: &str, text: &str) -> Result<Document, Problem> {
    let json = text.trim_start().strip_prefix('{').is_some_and(|rest| rest.trim_start().starts_with('"'));
    parse(name, text, if json { Format::Json } else { Format::Yaml })
}

/// A project of texts; what cannot be read is a problem of it, as for files.
fn project(file: &str, workflows: &[&str], waivers: &str) -> Project {
    let mut project = Project::default();
    let mut keep = |result: Result<Document, Problem>| result.map_err(|problem| project.problems.push(problem)).ok();
    let file = keep(document("flowgate.yaml", file));
    let read = |(n, text): (usize, &&str)| document(&format!("{n}.flow.yaml"), text);
    let workflows: Vec<Document> = workflows.iter().enumerate().map(read).filter_map(&mut keep).collect();
    let waivers = if waivers.is_empty() { None } else { keep(document("flowgate.waivers.yaml", waivers)) };
    Project { file, workflows, waivers, ..project }
}

/// Every place lies in its file, between characters.
fn place_fits(place: &Place) {
    let (start, end) = (place.span.start as usize, place.span.end as usize);
    assert!(place.file.text.get(start..end).is_some(), "{}: {start}..{end} of {}", place.file.name, place.file.text.len());
}

/// A problem has a code with its stage, a message that is one line, and places that fit.
fn problem_fits(problem: &Problem) {
    assert!(problem.code.contains('/') && !problem.message.is_empty(), "{problem:?}");
    problem.places.iter().for_each(place_fits);
}

/// All places of a report fit, and nothing in it says that a question could not be put.
fn report_fits(report: &Report) {
    report.problems.iter().chain(&report.notices).for_each(problem_fits);
    for finding in report.findings.iter().chain(&report.waived) {
        place_fits(&finding.primary);
        finding.related.iter().for_each(place_fits);
        place_fits(&finding.policy.place);
        assert!(!finding.fingerprint.is_empty(), "{} has no fingerprint", finding.rule);
    }
}

/// Spans lie inside each other as values do, keys before their values, all between characters.
fn spans_fit(value: Value<'_>) {
    let text = &value.document().file().text;
    let mut todo = vec![value];
    while let Some(value) = todo.pop() {
        let span = value.span();
        assert!(text.get(span.start as usize..span.end as usize).is_some(), "{span:?} of {}", text.len());
        let inside = |inner: Value<'_>| {
            let inner = inner.span();
            assert!(span.start <= inner.start && inner.end <= span.end, "{inner:?} is not in {span:?}");
        };
        for (_, entry) in value.entries() {
            let key = entry.key_span().expect("an entry has a key");
            assert!(
                text.get(key.start as usize..key.end as usize).is_some() && key.end <= entry.span().start,
                "{key:?} {:?}",
                entry.span()
            );
            inside(entry);
            todo.push(entry);
        }
        for item in value.items() {
            inside(item);
            todo.push(item);
        }
        let leaf = !matches!(value.kind(), Kind::Map | Kind::List);
        assert!(!leaf || (value.entries().next().is_none() && value.items().next().is_none()));
    }
}
