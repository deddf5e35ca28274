//! What several tests share: projects in the repository, findings in a comparable form, projects made of text.

use std::path::{Path, PathBuf};

use flowgate::finding::Finding;
use flowgate::load::{Document, Format, Limits};
use flowgate::{Options, Project, Report, check};
use jiff::civil::date;

/// A project with one party inside and one outside, which runs its models.
pub const PROJECT: &str = "\
version: 1
roles: []
packs: [route]
parties: { acme: { relation: self }, mart: { relation: processor } }
people: { maya: { name: Maya } }
defaults: { source: { operator: acme }, endpoint: { operator: mart, deployment: hosted } }
";

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Checks on the date that fixtures and examples are written for.
pub fn options() -> Options {
    Options::on(date(2026, 7, 1))
}

/// Every project folder below `folder`, sorted.
pub fn projects(folder: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = walk(&root().join(folder)).into_iter().filter(|p| p.ends_with("flowgate.yaml")).collect();
    found.sort();
    assert!(!found.is_empty(), "no project below {folder}");
    found.into_iter().map(|p| p.parent().unwrap().to_owned()).collect()
}

/// Every file below a folder, sorted.
pub fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() { todo.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// A project made of text: the project file and workflow files, as YAML.
pub fn project(file: &str, workflows: &[&str]) -> Project {
    let parse = |name: &str, text: &str| Document::parse(name, text.as_bytes().to_vec(), Format::Yaml, &Limits::default()).unwrap();
    Project {
        file: Some(parse("flowgate.yaml", file)),
        workflows: workflows.iter().enumerate().map(|(n, text)| parse(&format!("{n}.flow.yaml"), text)).collect(),
        ..Project::default()
    }
}

/// Checks and insists that everything could be judged.
pub fn judged(project: &Project, options: &Options) -> Report {
    let report = check(project, options);
    let problems: Vec<String> =
        report.problems.iter().map(|p| format!("{}: {} {:?}", p.code, p.message, p.places.first().map(|p| &p.file.name))).collect();
    assert!(problems.is_empty(), "problems: {problems:#?}");
    report
}

/// A finding without its places: what must stay when files are written in another way.
pub fn essence(finding: &Finding) -> String {
    let data: Vec<String> = finding.data.iter().map(|d| format!("{}/{}/{}/{}", d.name, d.form, d.surface, d.fingerprint)).collect();
    let path: Vec<String> = finding.path.iter().map(|s| format!("{}:{}", s.node, s.labels.join("+"))).collect();
    format!(
        "{} {:?} {:?} {:?} [{}] undeclared {:?} also {:?} repeats {:?} path {} {} {}",
        finding.rule,
        finding.severity,
        finding.workflow,
        finding.subject,
        data.join(" "),
        finding.undeclared,
        finding.also,
        finding.repeats,
        path.join(" > "),
        finding.message,
        finding.fingerprint
    )
}

/// All findings without their places, sorted.
pub fn essences(report: &Report) -> Vec<String> {
    let mut all: Vec<String> =
        report.findings.iter().map(essence).chain(report.waived.iter().map(|f| format!("waived {}", essence(f)))).collect();
    all.sort();
    all
}
