//! The rulebook as a whole: nothing of the project's table of rules is forgotten, the page that lists them is true, a rule is silent before its stage,
//! and no condition of any rule can go without a fixture that notices.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use flowgate::judge::{Policies, Policy, Role, Stage, with_room};
use flowgate::load::{Document, Format, Limits};
use flowgate::packs::{Library, Selection};
use flowgate::rulebook::{CaseKind, cases, survivors};
use flowgate::vocabulary::Vocabulary;
use flowgate::{Options, Project, check};
use rayon::prelude::*;

use crate::common::root;

fn policies() -> Policies {
    let (mut library, problems) = Library::load(&Selection { policies: Some(root().join("policies")), ..Selection::default() });
    assert!(problems.is_empty(), "{problems:#?}");
    library.rules.iter_mut().for_each(|rule| rule.enabled = true);
    let mut problems = Vec::new();
    let policies = with_room(|| Policies::load(&library, Vocabulary::load().unwrap(), None, &mut problems)).unwrap().unwrap();
    assert!(problems.is_empty(), "{problems:#?}");
    policies
}

fn by_rule(policies: &Policies) -> BTreeMap<&str, Vec<&Policy>> {
    let mut rules: BTreeMap<&str, Vec<&Policy>> = BTreeMap::new();
    for policy in policies.table.rows().iter().filter(|p| p.role == Role::Rule) {
        rules.entry(&policy.rule).or_default().push(policy);
    }
    rules
}

/// Sections and paragraphs a citation names: `164.312(b)`, `314.4`, `GOVERN 1.6`, without what follows the section.
fn sections(citation: &str) -> BTreeSet<String> {
    let plain: String = citation.chars().map(|c| if c.is_alphanumeric() || c == '.' { c } else { ' ' }).collect();
    let words: Vec<&str> = plain.split_whitespace().map(|w| w.trim_end_matches('.')).collect();
    let numbered = words.iter().filter(|w| w.contains('.') && w.chars().all(|c| c.is_ascii_digit() || c == '.')).copied();
    numbered.map(str::to_owned).collect()
}

#[test]
fn the_packs_hold_every_rule_of_the_table_and_no_other() {
    let table: Vec<serde_json::Value> =
        serde_json::from_str(&std::fs::read_to_string(root().join("tests/catalogue.json")).unwrap()).unwrap();
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_owned();
    let policies = policies();
    let rules = by_rule(&policies);
    let wanted: BTreeSet<String> = table.iter().filter(|r| r["status"] != "planned").map(|r| text(r, "id")).collect();
    let found: BTreeSet<String> = rules.keys().map(|id| (*id).to_owned()).collect();
    assert_eq!(wanted.difference(&found).collect::<Vec<_>>(), Vec::<&String>::new(), "rules of the table that no pack has");
    assert_eq!(found.difference(&wanted).collect::<Vec<_>>(), Vec::<&String>::new(), "rules that the table does not have");
    let mut faults = Vec::new();
    for row in &table {
        let id = text(row, "id");
        let of_rule = &rules[id.as_str()];
        let strongest = of_rule.iter().map(|p| p.severity).max().unwrap();
        if strongest.word() != text(row, "severity") {
            faults.push(format!("{id} is {} and the table says {}", strongest.word(), text(row, "severity")));
        }
        let cited: BTreeSet<String> = of_rule.iter().flat_map(|p| sections(&p.citation)).collect();
        let asked = sections(&text(row, "citation"));
        if !asked.is_empty() && asked.is_disjoint(&cited) {
            faults.push(format!("{id} cites {cited:?}, the table {asked:?}"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_page_of_rules_is_what_the_command_writes() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_flowgate"))
        .args(["rules", "--format", "markdown", "--policies", "policies"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let written = String::from_utf8(output.stdout).unwrap();
    let page = root().join("docs/rules.md");
    if std::env::var_os("FLOWGATE_BLESS").is_some() {
        std::fs::write(&page, &written).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&page).unwrap(), written, "write it anew: FLOWGATE_BLESS=1 cargo test --test it");
}

/// The documents of a fixture, each with `stage:` set back.
fn set_back(case: &flowgate::rulebook::Case, fixture: &Path, stage: Stage) -> Project {
    let limits = Limits::default();
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.lines().map(|l| match l.strip_prefix("stage:") {
            Some(rest) => format!("stage: {}{}\n", stage.word(), rest.split_once('#').map(|(_, c)| format!(" #{c}")).unwrap_or_default()),
            None => format!("{l}\n"),
        });
        let format = if path.extension().is_some_and(|e| e == "json") { Format::Json } else { Format::Yaml };
        Document::parse(&path.display().to_string(), lines.collect::<String>().into_bytes(), format, &limits).unwrap()
    };
    let (folder, flows): (PathBuf, Vec<PathBuf>) = if fixture.is_dir() {
        let flows = crate::common::walk(fixture).into_iter().filter(|p| p.to_string_lossy().contains(".flow."));
        (fixture.to_owned(), flows.collect())
    } else {
        let folder = fixture.ancestors().skip(1).take_while(|f| f.starts_with(&case.pack)).find(|f| f.join("flowgate.yaml").is_file());
        (folder.unwrap_or(&case.pack).to_owned(), vec![fixture.to_owned()])
    };
    let file = folder.join("flowgate.yaml");
    let mut project = Project {
        folder: Some(flowgate::load::Folder::Disk(folder.clone())),
        workflows: flows.iter().map(|f| read(f)).collect(),
        ..Project::default()
    };
    project.file = file.is_file().then(|| read(&file));
    let waivers = folder.join("flowgate.waivers.yaml");
    project.waivers = (fixture.is_dir() && waivers.is_file()).then(|| read(&waivers));
    project
}

/// A rule asked from the pilot or production on says nothing about the same files one stage earlier.
#[test]
fn a_rule_is_silent_before_its_stage() {
    let policies = policies();
    let mut tried = 0;
    let rules = by_rule(&policies);
    let staged: Vec<(&str, Stage)> =
        rules.iter().map(|(id, p)| (*id, p.iter().map(|p| p.stage).min().unwrap())).filter(|(_, s)| *s > Stage::Draft).collect();
    let (all, problems) = cases(&root().join("policies/packs"));
    assert!(problems.is_empty());
    let jobs: Vec<_> = staged
        .iter()
        .flat_map(|(rule, stage)| {
            let earlier = if *stage == Stage::Production { Stage::Pilot } else { Stage::Draft };
            all.iter().filter(move |c| c.rule == *rule).filter_map(move |case| match &case.kind {
                CaseKind::Fail(fixture) => Some((case, fixture, earlier)),
                _ => None,
            })
        })
        .collect();
    tried += jobs.len();
    let loud: Vec<String> = with_room(|| {
        jobs.par_iter()
            .filter_map(|(case, fixture, earlier)| {
                let project = set_back(case, fixture, *earlier);
                let mut options = Options::on(jiff::civil::date(2026, 7, 1));
                options.selection = Selection {
                    packs: vec![case.rule.split('/').next().unwrap().to_owned()],
                    policies: Some(root().join("policies")),
                    only: Some([case.rule.clone()].into()),
                    ..Selection::default()
                };
                let report = check(&project, &options);
                let own = report.findings.iter().any(|f| f.rule.split('.').next() == Some(case.rule.as_str()));
                own.then(|| format!("{} speaks in {}", case.name, earlier.word()))
            })
            .collect()
    })
    .unwrap();
    assert!(loud.is_empty(), "{loud:#?}");
    assert!(tried > 100, "only {tried} fixtures of rules with a stage");
}

/// Conditions that no fixture can need, each with the reason.
const NOT_NEEDED: &str = include_str!("survivors.txt");

#[test]
fn no_condition_goes_unnoticed() {
    let (all, problems) = cases(&root().join("policies/packs"));
    assert!(problems.is_empty());
    let rules: Vec<&[flowgate::rulebook::Case]> = all.chunk_by(|a, b| a.rule == b.rule).collect();
    let results = with_room(|| rules.par_iter().map(|rule| (rule[0].rule.clone(), survivors(rule).unwrap())).collect::<Vec<_>>()).unwrap();
    let made: usize = results.iter().map(|(_, (made, _))| made).sum();
    let left: BTreeSet<String> =
        results.iter().flat_map(|(rule, (_, left))| left.iter().map(move |m| format!("{rule}: {}", m.what))).collect();
    let known: BTreeSet<String> = NOT_NEEDED.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).map(str::to_owned).collect();
    assert_eq!(
        left.difference(&known).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "`flowgate test policies/packs --mutants` shows them with their lines"
    );
    assert_eq!(known.difference(&left).collect::<Vec<_>>(), Vec::<&String>::new(), "these are noticed by now; take them off the list");
    assert!(made > 1000, "only {made} mutants");
}

/// A source, a hosted endpoint and an output, and nothing else written down: what matters most comes first, and it is not too much to read.
#[test]
fn a_minimal_draft_hears_at_most_ten_things() {
    let draft = "workflow: reply\nstage: draft\n\
        sources: { tickets: { subject: customer, fields: { text: { class: customer.ticket, free_text: true }, email: id.email } } }\n\
        endpoints: { drafter: { service: openai/responses } }\noutputs: { reply: { audience: customer } }\n\
        flows: [ { from: tickets, to: drafter, fields: [text, email] }, { from: drafter, to: reply, fields: [completion] } ]\n";
    for (role, first) in [
        ("hipaa_covered_entity", "hipaa/baa-missing"),
        ("hipaa_business_associate", "hipaa/baa-subcontractor"),
        ("ftc_financial_institution", "ftc/provider-contract"),
    ] {
        let file = format!("version: 1\nroles: [{role}]\npacks: [core, route, contract, rmf]\nparties: {{ acme: {{ relation: self }} }}\n");
        let report = check(&crate::common::project(&file, &[draft]), &crate::common::options());
        let told: Vec<&str> = report.findings.iter().map(|f| f.rule.as_str()).collect();
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        assert!(told.len() <= 10, "{role}: {told:#?}");
        assert_eq!(told[0], first, "{told:#?}");
    }
}
