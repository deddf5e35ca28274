//! What a report claims, one rule, place and datum at a time, so that two reports can be held against each other although findings that have one cause
//! are folded into one.

use std::collections::BTreeSet;

use flowgate::Report;
use flowgate::finding::{DatumNames, Finding, SubjectNames};

/// One rule is broken at one place by one datum, or cannot be decided there.
pub(super) struct Claim<'r> {
    pub(super) finding: &'r Finding,
    pub(super) rule: &'r str,
    /// A copy that repeats the finding of its node.
    repeat: Option<&'r str>,
    datum: Option<&'r DatumNames>,
}

/// Everything a report claims, waived or not.
pub(super) fn claims(report: &Report) -> Vec<Claim<'_>> {
    report.findings.iter().chain(&report.waived).flat_map(of_finding).collect()
}

fn of_finding(finding: &Finding) -> Vec<Claim<'_>> {
    let rule = finding.rule.as_str();
    let own = |datum| Claim { finding, rule, repeat: None, datum };
    let mut claims: Vec<Claim<'_>> =
        if finding.data.is_empty() { vec![own(None)] } else { finding.data.iter().map(|d| own(Some(d))).collect() };
    claims.extend(finding.also.iter().map(|also| Claim { finding, rule: also, repeat: None, datum: None }));
    claims.extend(finding.repeats.iter().map(|copy| Claim { finding, rule, repeat: Some(copy), datum: None }));
    claims
}

impl Claim<'_> {
    /// `source.field`, where it is about a datum.
    pub(super) fn datum_name(&self) -> Option<&str> {
        self.datum.map(|d| d.name.as_str())
    }

    /// In words, for a fault.
    pub(super) fn in_words(&self) -> String {
        let f = self.finding;
        let datum = self.datum.map(|d| format!(" of {} as {} ({})", d.name, d.form, d.surface)).unwrap_or_default();
        let repeat = self.repeat.map(|r| format!(" at {r}")).unwrap_or_default();
        let facts: Vec<String> = f.undeclared.iter().map(|u| format!("{} of {}", u.fact, u.holder)).collect();
        let facts = if facts.is_empty() { String::new() } else { format!(", undeclared {}", facts.join(", ")) };
        let needed = if f.needed_by.is_empty() { String::new() } else { format!(", needed by {}", f.needed_by.join(", ")) };
        let workflow = f.workflow.as_deref().unwrap_or("-");
        format!("{}{repeat}{datum} at {} in {workflow} under {:?}{facts}{needed}", self.rule, f.subject.in_words(), f.contract)
    }

    /// Does a report have another finding of the same rule here, at least as severe and about the same data?
    pub(super) fn has_stronger_code_in(&self, report: &Report) -> bool {
        let folder = |rule: &str| rule.split('.').next().map(str::to_owned);
        report.findings.iter().chain(&report.waived).any(|other| {
            folder(&other.rule) == folder(self.rule)
                && (&other.workflow, &other.subject, &other.contract)
                    == (&self.finding.workflow, &self.finding.subject, &self.finding.contract)
                && other.severity >= self.finding.severity
                && self.datum.is_none_or(|d| other.data.iter().any(|o| o.name == d.name))
        })
    }

    /// Does a report claim this, or something stronger? What was undeclared may have become a violation, never the other way round.
    pub(super) fn is_in(&self, report: &Report) -> bool {
        report.findings.iter().chain(&report.waived).any(|other| self.is_in_finding(other))
    }

    fn is_in_finding(&self, other: &Finding) -> bool {
        let own = self.finding;
        if other.workflow != own.workflow {
            return false;
        }
        if !own.needed_by.is_empty() {
            return other.rule == own.rule && lacks(own).is_subset(&lacks(other)) && within(&own.needed_by, &other.needed_by);
        }
        let folded = other.rule != self.rule;
        let rule = !folded || other.also.iter().any(|also| also == self.rule);
        let same = other.subject == own.subject;
        let place = match self.repeat {
            None => same || self.repeats_in(other) || (folded && fills(&other.subject, &own.subject)),
            // Where the node has no finding any more, the copy's own says it.
            Some(copy) => (same && other.repeats.iter().any(|r| r == copy)) || is_at(&other.subject, copy),
        };
        let contract = other.contract == own.contract || (folded && own.contract.is_none());
        let stronger = !own.undeclared.is_empty() || other.undeclared.is_empty();
        let exactly = !folded && same;
        let datum = self
            .datum
            .is_none_or(|d| other.data.iter().any(|o| o.name == d.name && (!exactly || (&o.form, &o.surface) == (&d.form, &d.surface))));
        rule && place && contract && stronger && datum
    }

    /// The place is a copy whose finding is folded into its node's.
    fn repeats_in(&self, other: &Finding) -> bool {
        match &self.finding.subject {
            SubjectNames::Flow { to, implied: true, .. } | SubjectNames::Node(to) => other.repeats.iter().any(|r| r == to),
            _ => false,
        }
    }
}

/// The missing facts, each with what lacks it.
fn lacks(finding: &Finding) -> BTreeSet<(&str, &str)> {
    finding.undeclared.iter().map(|u| (u.fact.as_str(), u.holder.as_str())).collect()
}

fn within(some: &[String], all: &[String]) -> bool {
    some.iter().all(|s| all.contains(s))
}

fn fills(first: &SubjectNames, second: &SubjectNames) -> bool {
    matches!((first, second), (SubjectNames::Flow { to, implied: false, .. }, SubjectNames::Flow { from, implied: true, .. }) if to == from)
}

fn is_at(subject: &SubjectNames, node: &str) -> bool {
    match subject {
        SubjectNames::Flow { to, .. } => to == node,
        SubjectNames::Node(name) => name == node,
        _ => false,
    }
}

/// What one report claims and another does not, as far as it is asked for.
pub(super) fn missing(from: &Report, in_report: &Report, asked: impl Fn(&Claim<'_>) -> bool) -> Vec<String> {
    let claims = claims(from).into_iter().filter(|c| asked(c) && !c.is_in(in_report));
    claims.map(|c| c.in_words()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// How two lists of essences differ.
pub(super) fn differences(before: &[String], after: &[String]) -> Vec<String> {
    let gone = before.iter().filter(|b| !after.contains(b)).map(|b| format!("- {b}"));
    let come = after.iter().filter(|a| !before.contains(a)).map(|a| format!("+ {a}"));
    let mut all: Vec<String> = gone.chain(come).collect();
    if all.is_empty() && before.len() != after.len() {
        all.push(format!("{} findings, {} before", after.len(), before.len()));
    }
    all
}

/// The problems of a report, without their places.
pub(super) fn problems(report: &Report) -> Vec<String> {
    let mut all: Vec<String> = report.problems.iter().map(|p| format!("problem {}: {}", p.code, p.message)).collect();
    all.sort();
    all
}
