//! The whole check: of a project's texts, of a private pack, of waivers, and baselines over it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use flowgate::compare::Baseline;
use flowgate::finding::{Finding, SubjectNames};
use flowgate::packs::{PackFolder, Selection};
use flowgate::{Options, Report};

use super::{options, parts, project, report_fits};

/// Every pack there is, whatever the project names.
fn all_packs() -> Options {
    let packs = ["core", "contract", "ftc", "hipaa", "rmf", "route"].map(str::to_owned).to_vec();
    Options { selection: Selection { packs, ..Selection::default() }, replace_packs: true, ..options() }
}

/// Project file, two workflows and waivers, by all packs.
pub fn check(bytes: &[u8]) {
    let [file, first, second, waivers] = parts(bytes);
    let second: Vec<&str> = Some(second.as_str()).filter(|text| !text.is_empty()).into_iter().collect();
    let workflows: Vec<&str> = std::iter::once(first.as_str()).chain(second).collect();
    let project = project(&file, &workflows, &waivers);
    let report = flowgate::check(&project, &all_packs());
    report_fits(&report);
    assert!(project.problems.is_empty() || !report.problems.is_empty(), "what could not be read is forgotten");
}

/// What packs and waivers are tried on: two leaks and missing facts.
const CLINIC: &str = "\
version: 1
roles: [hipaa_covered_entity]
packs: [core]
parties: { acme: { relation: self }, mart: { relation: processor } }
people: { maya: { name: Maya } }
";
const NOTES: &str = "\
workflow: notes
stage: pilot
sources: { ehr: { operator: acme, subject: patient, fields: { mrn: id.mrn, note: { class: regulated.health.note, free_text: true } } } }
steps: { s: { type: redact, operator: acme, removes: [id.name], surfaces: [body] } }
endpoints: { ep: { service: openai/responses, retention_mode: default }, own: { operator: mart } }
logs: { app: { operator: acme } }
flows:
  - { from: ehr, to: ep, fields: [note], tls: true }
  - { from: ehr, to: s, fields: [note, mrn] }
  - { from: s, to: own, fields: [note, mrn] }
  - { from: ep, to: app, fields: [completion] }
";

/// A private pack: rule, labels, classes, provider profile, and a workflow that it judges.
pub fn packs(bytes: &[u8]) {
    let [rule, labels, classes, provider, workflow] = parts(bytes);
    let folder = folder();
    let pack = folder.join("acme");
    let files = [
        ("PACK.md", "# acme\n"),
        ("leak/rule.cedar", rule.as_str()),
        ("labels.cedar", labels.as_str()),
        ("classes/acme.yaml", classes.as_str()),
        ("providers/acme/llm.yaml", provider.as_str()),
    ];
    for (name, text) in files {
        let path = pack.join(name);
        if text.is_empty() {
            let _ = fs::remove_file(&path);
            continue;
        }
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder can be made");
        fs::write(&path, text).expect("a file can be written");
    }
    let selection = Selection { private: vec![PackFolder::on_disk(&pack)], ..Selection::default() };
    let workflow = if workflow.is_empty() { NOTES } else { &workflow };
    let report = flowgate::check(&project(CLINIC, &[workflow], ""), &Options { selection, ..options() });
    report_fits(&report);
    // A rule that is there is asked, or a problem says why not.
    let rules = clean().checked.rules + usize::from(!rule.is_empty());
    assert!(!report.problems.is_empty() || report.checked.rules == rules, "{} rules of {rules}", report.checked.rules);
}

/// A folder of this process alone.
fn folder() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let shared = PathBuf::from("/dev/shm");
    let base = if shared.is_dir() { shared } else { std::env::temp_dir() };
    FOLDER.get_or_init(|| base.join(format!("flowgate-fuzz-{}", std::process::id()))).clone()
}

fn found(report: &Report) -> BTreeSet<String> {
    report.findings.iter().chain(&report.waived).map(|f| format!("{} {}", f.rule, f.fingerprint)).collect()
}

/// The report without waivers.
fn clean() -> &'static Report {
    static CLEAN: OnceLock<Report> = OnceLock::new();
    CLEAN.get_or_init(|| {
        let report = flowgate::check(&project(CLINIC, &[NOTES], ""), &options());
        assert!(report.problems.is_empty() && report.findings.len() > 4, "{:?}", report.problems);
        report
    })
}

/// What is found at flows and nodes: what a workflow as a whole is told depends on what is waived in it.
fn at_places(report: &Report) -> BTreeSet<String> {
    let placed = |f: &&Finding| matches!(f.subject, SubjectNames::Flow { .. } | SubjectNames::Node { .. });
    report.findings.iter().chain(&report.waived).filter(placed).map(|f| format!("{} {}", f.rule, f.fingerprint)).collect()
}

/// Whatever a waiver file says: what is found without it is found, or listed as waived.
pub fn waivers(bytes: &[u8]) {
    let report = flowgate::check(&project(CLINIC, &[NOTES], &String::from_utf8_lossy(bytes)), &options());
    report_fits(&report);
    let (before, after) = (at_places(clean()), at_places(&report));
    assert!(before.is_subset(&after), "lost: {:?}", before.difference(&after).collect::<Vec<_>>());
    assert!(report.waived.iter().all(|f| f.waiver.is_some()), "waived by nothing");
}

/// A baseline is read and written the same, and marks findings without losing one.
pub fn baseline(bytes: &[u8]) {
    let Ok(baseline) = Baseline::parse(bytes) else { return };
    assert_eq!(Baseline::parse(baseline.text().as_bytes()).as_ref(), Ok(&baseline));
    let mut report = clean().clone();
    baseline.mark(&mut report);
    assert_eq!(found(&report), found(clean()));
    let (shrunk, _) = baseline.shrunk(&report);
    assert!(shrunk.len() <= baseline.len(), "a baseline grew");
    let (within, _) = baseline.within(&shrunk);
    assert!(within.len() <= shrunk.len(), "a change widened its own baseline");
}
