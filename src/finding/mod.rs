//! Verdicts made readable: one finding per rule and place, its data, spans, path and clause, with waivers and changed severities applied, in
//! a fixed order. Never touches the terminal.

mod build;
mod fold;
mod waivers;

use std::collections::BTreeMap;

use crate::judge::{Judge, Reason, Severity, Verdict};
use crate::problem::Place;
use crate::propagate::Propagation;

pub use self::build::{fingerprint, shown};
pub use self::waivers::waived;

/// A verdict made readable.
#[derive(Clone, Debug)]
pub struct Finding {
    /// `pack/name`, with `.code` where the rule has several.
    pub rule: String,
    /// Severity, after the project's changes.
    pub severity: Severity,
    /// The severity the rule has, and why the project changed it.
    pub changed: Option<(Severity, String)>,
    /// The facts that are missing; empty for a violation.
    pub undeclared: Vec<UndeclaredFact>,
    /// The rule in one line.
    pub title: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
    /// Why: law, contract or framework.
    pub citation: String,
    /// The workflow it belongs to.
    pub workflow: Option<String>,
    /// What it is about, in names.
    pub subject: SubjectNames,
    /// Who runs what it is about, and as which service, in words; empty where nobody says, or nobody runs it.
    pub run_by: String,
    /// The contract being honoured.
    pub contract: Option<String>,
    /// The primary place.
    pub primary: Place,
    /// Other places: where the datum enters, the recipient, the agreement.
    pub related: Vec<Place>,
    /// The data concerned, sorted.
    pub data: Vec<DatumNames>,
    /// The shortest way of the first datum, from its origin.
    pub path: Vec<PathStep>,
    /// The policy and what decided in it.
    pub policy: PolicyClause,
    /// Rules that needed the missing fact.
    pub needed_by: Vec<String>,
    /// Rules that fired at the same place for the same cause and yield to this one.
    pub also: Vec<String>,
    /// Implied places at which the same rule fired: copies and provider-side logs.
    pub repeats: Vec<String>,
    /// Made of names: rule, workflow, ends of the flow, contract.
    pub fingerprint: String,
    /// The waiver that covers it.
    pub waiver: Option<WaiverNames>,
    /// Whether it counts, compared with a base or a baseline.
    pub standing: Standing,
    /// The changed declarations that brought it about, the nearest first; only for a new or worsened one, compared with a base.
    pub causes: Vec<Place>,
}

/// How a finding stands compared with a base or a baseline. Only some count for the exit code; all are reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Compared with nothing: it counts.
    #[default]
    Open,
    /// The base does not have it: it counts.
    New,
    /// The base has it, and it has become worse in these ways: it counts.
    Worsened(Vec<String>),
    /// The base has it just so: it does not count.
    Unchanged,
    /// The baseline file has it: it does not count.
    Baseline,
}

impl Standing {
    /// The word in reports.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::New => "new",
            Self::Worsened(_) => "worsened",
            Self::Unchanged => "unchanged",
            Self::Baseline => "baseline",
        }
    }

    /// In which ways it became worse.
    #[must_use]
    pub fn worse(&self) -> &[String] {
        match self {
            Self::Worsened(ways) => ways,
            _ => &[],
        }
    }
}

impl Finding {
    /// It counts for the exit code.
    #[must_use]
    pub fn counts(&self) -> bool {
        !matches!(self.standing, Standing::Unchanged | Standing::Baseline)
    }

    /// It is the finding that another version has. Names decide, and the fingerprint finds them: it is short, and names can be chosen so that two are
    /// the same. What many places lack is named by the fact alone.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let same_place = !self.needed_by.is_empty() && !other.needed_by.is_empty() || self.subject.is_same(&other.subject);
        same_place
            && (&self.fingerprint, &self.rule, &self.workflow, &self.contract)
                == (&other.fingerprint, &other.rule, &other.workflow, &other.contract)
    }

    /// Where to point first: at the changed declaration that brought it about, else at its own place.
    #[must_use]
    pub fn foremost(&self) -> &Place {
        self.causes.first().unwrap_or(&self.primary)
    }
}

/// A missing fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UndeclaredFact {
    /// The key to declare.
    pub fact: String,
    /// What lacks it.
    pub holder: String,
    /// Another fact that would decide it.
    pub needs: Option<String>,
}

/// What a finding is about, in names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubjectNames {
    /// A flow.
    Flow {
        /// The node it leaves.
        from: String,
        /// The node it enters.
        to: String,
        /// Nobody wrote it: a copy or a provider-side log.
        implied: bool,
    },
    /// A node.
    Node(String),
    /// A workflow.
    Workflow(String),
    /// An agreement, evidence, decision, waiver …: the word and the name.
    Declared(&'static str, String),
}

impl SubjectNames {
    /// The same names, whether somebody wrote the flow or a copy implies it.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Flow { from, to, .. }, Self::Flow { from: other_from, to: other_to, .. }) => (from, to) == (other_from, other_to),
            _ => self == other,
        }
    }

    /// As plain words: `ehr → redact`, `app-log`, `agreement openai-baa`.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::Flow { from, to, .. } => format!("{from} → {to}"),
            Self::Node(name) | Self::Workflow(name) => name.clone(),
            Self::Declared(noun, name) => format!("{noun} {name}"),
        }
    }
}

/// A datum concerned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DatumNames {
    /// `source.field`.
    pub name: String,
    /// The name it travels under here.
    pub form: String,
    /// Its surface.
    pub surface: String,
    /// Made of names, for this datum alone.
    pub fingerprint: String,
    /// What it may be here, over all ways it breaks the rule: classes and labels, the most specific only, assurances left out.
    pub carries: Vec<String>,
    /// Assurances it has here on every one of these ways.
    pub assured: Vec<String>,
}

/// One stop on the way of a datum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathStep {
    /// The node.
    pub node: String,
    /// The name the datum leaves it under.
    pub form: String,
    /// Labels and classes when it leaves, most specific only.
    pub labels: Vec<String>,
    /// Gained since the stop before.
    pub gained: Vec<String>,
    /// Lost since the stop before.
    pub lost: Vec<String>,
}

/// The policy and what decided in it.
#[derive(Clone, Debug)]
pub struct PolicyClause {
    /// The policy's text.
    pub place: Place,
    /// One-based line of the policy.
    pub line: usize,
    /// The atoms that decided, with what they saw.
    pub reasons: Vec<Reason>,
}

/// The waiver that covers a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaiverNames {
    /// Why it was accepted.
    pub reason: String,
    /// Who accepted it.
    pub approver: String,
    /// When it ends.
    pub expires: String,
    /// Place in the waivers file: one-based line.
    pub line: usize,
}

/// Findings that count, and findings a valid waiver covers.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Those that count.
    pub open: Vec<Finding>,
    /// Those a waiver covers.
    pub waived: Vec<Finding>,
}

/// Makes findings of verdicts.
#[must_use]
pub fn findings<'g, 'd>(
    judge: &Judge<'_, 'g, 'd>,
    propagation: &mut Propagation<'g, 'd>,
    verdicts: Vec<Verdict<'d>>,
    honour_waivers: bool,
) -> Findings {
    let (mut open, waived, unused) = waivers::split(judge, propagation, verdicts, honour_waivers);
    open.extend(judge.unused_waivers(propagation, &unused));
    let changes = severity_changes(judge);
    let mut open = build::build(judge, propagation, open);
    for finding in &mut open {
        let rule = finding.rule.split('.').next().unwrap_or_default();
        if let Some((severity, reason)) = changes.get(finding.rule.as_str()).or_else(|| changes.get(rule)) {
            finding.changed = Some((finding.severity, reason.clone()));
            finding.severity = *severity;
        }
    }
    let mut open = fold::fold(judge, open);
    sort(&mut open);
    let mut covered = Vec::new();
    for (waiver, verdicts) in waived {
        for mut finding in build::build(judge, propagation, verdicts) {
            finding.waiver = Some(waiver.clone());
            covered.push(finding);
        }
    }
    sort(&mut covered);
    Findings { open, waived: covered }
}

/// Most important first: by severity, broken rules before missing facts, data that cross flows before what nodes and papers lack; then by place,
/// so that a reader goes through a file once.
fn sort(findings: &mut [Finding]) {
    findings.sort_by_cached_key(|f| {
        let subject = match &f.subject {
            SubjectNames::Flow { implied: false, .. } => 0,
            SubjectNames::Flow { implied: true, .. } => 1,
            SubjectNames::Node(_) => 2,
            SubjectNames::Workflow(_) => 3,
            SubjectNames::Declared(..) => 4,
        };
        let weight = (std::cmp::Reverse(f.severity), !f.undeclared.is_empty(), subject);
        let place = (f.primary.file.name.clone(), f.primary.span.start);
        let first = f.data.first().map(|d| d.name.clone());
        (weight, place, f.rule.clone(), f.contract.clone(), first, f.fingerprint.clone())
    });
}

/// The project's changed severities: rule to severity and reason.
fn severity_changes<'d>(judge: &Judge<'_, '_, 'd>) -> BTreeMap<&'d str, (Severity, String)> {
    let section = judge.base.graph.declarations.project_section("severity");
    let entries = section.into_iter().flat_map(crate::load::Value::entries);
    entries
        .filter_map(|(rule, change)| {
            let level = Severity::of(change.get("level")?.as_str()?)?;
            // A rule that takes no waiver cannot be lowered either; the check reports the attempt.
            if judge.policies.lowers_unwaivable(rule, level) {
                return None;
            }
            Some((rule, (level, change.get("reason")?.as_str()?.to_owned())))
        })
        .collect()
}
