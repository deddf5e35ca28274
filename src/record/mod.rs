//! Record: what an auditor asks for besides the findings: the inputs with their hashes, packs, rules and how often each was asked, agreements,
//! provider facts, and the flow graph in names. Never judges, and adds nothing a run did not use.

mod diagram;
mod papers;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::facts::FactBase;
use crate::finding::Finding;
use crate::judge::{Coverage, Policies, Policy, Role, Severity, Stage};
use crate::load::Value;
use crate::packs::Library;
use crate::problem::SourceFile;
use crate::propagate::Propagation;

pub use self::diagram::{Datum, Diagram, Flow, LabelSetNames, Mark, Node};
pub use self::papers::{Agreement, ProviderFact, Waiver};

/// The record of one run.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The legal roles the project file states.
    pub roles: Vec<String>,
    /// Every file that was read, in order of kind and name.
    pub inputs: Vec<Input>,
    /// Enabled packs by name.
    pub packs: Vec<PackRecord>,
    /// Every rule of the enabled packs, one entry for each id, in order.
    pub rules: Vec<RuleRecord>,
    /// Agreements by id.
    pub agreements: Vec<Agreement>,
    /// Facts of provider profiles that some policy read, by service and fact.
    pub provider_facts: Vec<ProviderFact>,
    /// Waivers in the order of their file, used or not.
    pub waivers: Vec<Waiver>,
    /// The flow graph in names, with what crosses each flow.
    pub diagram: Diagram,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Input {
    /// `project`, `workflow`, `waivers`, `permit`, `pack` or `document`.
    pub kind: &'static str,
    /// Its name, relative to the project.
    pub name: String,
    /// SHA-256 of its bytes, in hexadecimal; none for a document that could not be read.
    pub sha256: Option<String>,
    /// Its length in bytes.
    pub bytes: usize,
}

/// An enabled pack.
#[derive(Clone, Debug)]
pub struct PackRecord {
    /// Its folder name.
    pub name: String,
    /// From a folder the team named.
    pub private: bool,
    /// Rules it has.
    pub rules: usize,
    /// SHA-256 over the names and texts of its rules and labels, in hexadecimal: its version.
    pub sha256: String,
    /// `PACK.md`: the law or contract it serves, its edition, what is not covered.
    pub page: Option<Arc<SourceFile>>,
}

impl PackRecord {
    /// What the pack says it does not cover: the section `Not covered` of its page, as Markdown.
    #[must_use]
    pub fn not_covered(&self) -> Option<&str> {
        let page = &self.page.as_ref()?.text;
        let (_, rest) = page.split_once("\n## Not covered\n")?;
        Some(rest.split("\n## ").next().unwrap_or(rest).trim())
    }
}

/// A rule, and what was made of it.
#[derive(Clone, Debug)]
pub struct RuleRecord {
    /// `pack/name`, with `.code` where the rule has several.
    pub id: String,
    /// `pack/name`.
    pub rule: String,
    /// One line.
    pub title: String,
    /// The strongest severity it has by itself.
    pub severity: Severity,
    /// Law, contract or framework.
    pub citation: String,
    /// What it judges: `flow`, `node`, `workflow` …
    pub subject: &'static str,
    /// Asked from this stage on.
    pub stage: Stage,
    /// Takes waivers.
    pub waivable: bool,
    /// SHA-256 of `rule.cedar`, in hexadecimal: its version.
    pub sha256: String,
    /// `README.md` of the rule: Markdown with the sections What it forbids, Why, Fails, Passes, How to fix, Limits.
    pub page: Option<Arc<SourceFile>>,
    /// What it was asked and what came of it, by workflow; the empty name stands for the project as a whole. No entry: it never applied.
    pub workflows: BTreeMap<String, Tally>,
}

impl RuleRecord {
    /// The pack.
    #[must_use]
    pub fn pack(&self) -> &str {
        self.rule.split('/').next().unwrap_or_default()
    }

    /// Over all workflows.
    #[must_use]
    pub fn total(&self) -> Tally {
        self.workflows.values().fold(Tally::default(), |sum, t| Tally {
            asked: sum.asked + t.asked,
            violations: sum.violations + t.violations,
            undeclared: sum.undeclared + t.undeclared,
            waived: sum.waived + t.waived,
        })
    }
}

/// What a rule was asked about in one workflow, and the findings that came of it. Silent is what was asked and is in no finding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Distinct flows, nodes, workflows or papers its scope could match.
    pub asked: usize,
    /// Findings of broken rules.
    pub violations: usize,
    /// Missing facts it needed.
    pub undeclared: usize,
    /// Findings a waiver covers.
    pub waived: usize,
}

/// What a record is made of.
pub struct Sources<'s, 'g, 'd> {
    /// Facts and the graph.
    pub base: &'s FactBase<'g, 'd>,
    /// What crosses.
    pub propagation: &'s Propagation<'g, 'd>,
    /// Policies.
    pub policies: &'s Policies,
    /// Packs.
    pub library: &'s Library,
    /// What each policy was asked about.
    pub coverage: &'s Coverage,
    /// Open findings.
    pub findings: &'s [Finding],
    /// Waived findings.
    pub waived: &'s [Finding],
}

impl Record {
    /// Makes the record; `inputs` are those of the project, to which the packs' are added.
    #[must_use]
    pub fn of(sources: &Sources<'_, '_, '_>, inputs: Vec<Input>) -> Self {
        let roles = sources.base.graph.declarations.project_section("roles");
        Self {
            roles: roles.into_iter().flat_map(Value::items).filter_map(|v| Some(v.as_str()?.to_owned())).collect(),
            inputs,
            packs: packs(sources.library),
            rules: rules(sources),
            agreements: papers::agreements(sources.base),
            provider_facts: papers::provider_facts(sources.base),
            waivers: papers::waivers(sources.base.graph, sources.waived),
            diagram: Diagram::of(sources),
        }
    }
}

fn packs(library: &Library) -> Vec<PackRecord> {
    let enabled = library.packs.values().filter(|p| p.enabled);
    let record = |pack: &crate::packs::Pack| {
        let own: Vec<_> = library.rules.iter().filter(|r| r.id.split('/').next() == Some(&pack.name)).collect();
        let texts = own.iter().map(|r| (r.id.as_str(), r.cedar.text.as_str()));
        let labels = pack.labels.iter().map(|l| ("labels", l.text.as_str()));
        let bytes: Vec<u8> =
            texts.chain(labels).flat_map(|(name, text)| [name.as_bytes(), b"\0", text.as_bytes(), b"\0"].concat()).collect();
        PackRecord {
            name: pack.name.clone(),
            private: pack.private,
            rules: own.len(),
            sha256: crate::load::sha256(&bytes),
            page: pack.page.clone(),
        }
    };
    enabled.map(record).collect()
}

fn rules(sources: &Sources<'_, '_, '_>) -> Vec<RuleRecord> {
    let graph = sources.base.graph;
    let mut rules: BTreeMap<&str, RuleRecord> = BTreeMap::new();
    for (id, policy) in sources.policies.table.iter().filter(|(_, p)| p.role == Role::Rule) {
        let rule = rules.entry(&policy.id).or_insert_with(|| new(policy, sources.library));
        rule.severity = rule.severity.max(policy.severity);
        rule.stage = rule.stage.min(policy.stage);
        for ((_, workflow), asked) in sources.coverage.range((id, None)..).take_while(|((p, _), _)| *p == id) {
            let name = workflow.map(|w| graph.workflows[w].id.to_owned()).unwrap_or_default();
            let tally = rule.workflows.entry(name).or_default();
            // Several policies of one id look at the same things.
            tally.asked = tally.asked.max(*asked);
        }
    }
    let workflow = |finding: &Finding| finding.workflow.clone().unwrap_or_default();
    for finding in sources.findings {
        if !finding.undeclared.is_empty() {
            for needed in &finding.needed_by {
                for rule in rules.values_mut().filter(|r| r.rule == *needed) {
                    if let Some(tally) = rule.workflows.get_mut(&workflow(finding)) {
                        tally.undeclared += 1;
                    }
                }
            }
        }
        let folded = finding.also.iter().map(String::as_str);
        for id in std::iter::once(finding.rule.as_str()).chain(folded) {
            if let Some(rule) = rules.get_mut(id) {
                let tally = rule.workflows.entry(workflow(finding)).or_default();
                if finding.undeclared.is_empty() { tally.violations += 1 } else { tally.undeclared += 1 }
            }
        }
    }
    for finding in sources.waived {
        if let Some(rule) = rules.get_mut(finding.rule.as_str()) {
            rule.workflows.entry(workflow(finding)).or_default().waived += 1;
        }
    }
    rules.into_values().collect()
}

fn new(policy: &Policy, library: &Library) -> RuleRecord {
    let text = library.rules.iter().find(|r| r.id == policy.rule);
    RuleRecord {
        id: policy.id.clone(),
        rule: policy.rule.clone(),
        title: policy.title.clone(),
        severity: policy.severity,
        citation: policy.citation.clone(),
        subject: policy.subject(),
        stage: policy.stage,
        waivable: policy.waivable,
        sha256: crate::load::sha256(policy.file.text.as_bytes()),
        page: text.and_then(|t| t.readme.clone()),
        workflows: BTreeMap::new(),
    }
}
