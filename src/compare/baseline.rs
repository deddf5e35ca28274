//! The baseline file: findings a project had when it took flowgate up. They are marked, never hidden, and the file can only shrink. Made of names,
//! so that it outlives every edit that does not touch what it names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::check::Report;
use crate::finding::{DatumNames, Finding, Standing};
use crate::judge::Severity;
use crate::load::{Document, Format, Limits, raise};
use crate::problem::{Problem, why};

const FORMAT_VERSION: u32 = 1;

/// What a baseline file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    format_version: u32,
    /// Says what the file is to whoever opens it.
    about: String,
    /// By fingerprint; names beside it are for readers and for reviews.
    findings: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    rule: String,
    severity: String,
    subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workflow: Option<String>,
    /// Everything else of the finding that may not grow: data, missing facts, rules folded into it, copies.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    covers: BTreeSet<String>,
    /// What is good about the data and may not go: assurances by datum.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    assured: BTreeSet<String>,
}

/// What became of a baseline when it was written again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Entries that stay.
    pub kept: usize,
    /// Entries that left: their findings are gone.
    pub gone: usize,
    /// Findings that are not in it and stay outside.
    pub outside: usize,
}

const ABOUT: &str =
    "findings accepted when flowgate was taken up: marked, not counted. `flowgate baseline` removes what is mended and never adds";

impl Baseline {
    /// Everything a report found.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let findings = report.findings.iter().map(|f| (f.fingerprint.clone(), Entry::of(f))).collect();
        Self { format_version: FORMAT_VERSION, about: ABOUT.to_owned(), findings }
    }

    /// Reads a baseline file.
    ///
    /// # Errors
    /// A file that is not there, is no baseline, or is of a later format.
    pub fn read(file: &Path, limits: &Limits) -> Result<Self, Problem> {
        let shown = file.to_string_lossy().replace('\\', "/");
        let folder = crate::load::Folder::Disk(file.parent().unwrap_or(Path::new("")).to_owned());
        let failed = |why: String| {
            Problem::new("baseline/unreadable", format!("cannot read the baseline `{shown}`: {why}"))
                .help("`flowgate baseline` writes one; delete it to begin anew, which a review will see")
        };
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let bytes = folder.read(&name, limits.held().file_bytes).map_err(|error| match error.kind() {
            std::io::ErrorKind::FileTooLarge => failed(why(&error)).help(raise("file-bytes")),
            _ => failed(why(&error)),
        })?;
        // What is malformed has a place; what is given twice would count once in silence.
        Document::parse(&shown, bytes.clone(), Format::Json, limits)?;
        Self::parse(&bytes).map_err(failed)
    }

    /// Reads the text of a baseline file.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let read: Self = serde_json::from_slice(bytes).map_err(|error| format!("line {}: not a baseline", error.line()))?;
        if read.format_version != FORMAT_VERSION {
            return Err(format!("format version {}, and this flowgate knows {FORMAT_VERSION}", read.format_version));
        }
        Ok(read)
    }

    /// The text of the file: sorted, so that a review sees what left.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.findings.len()
    }

    /// No entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// What of it an earlier version had, too, and the number of entries, or parts of them, that it had not: a change cannot widen its own baseline.
    #[must_use]
    pub fn within(&self, earlier: &Self) -> (Self, usize) {
        let mut kept = self.clone();
        let mut added = 0;
        kept.findings.retain(|fingerprint, entry| {
            let Some(before) = earlier.findings.get(fingerprint) else {
                added += 1;
                return false;
            };
            let parts = entry.covers.len();
            entry.covers.retain(|part| before.covers.contains(part));
            let raised = Severity::of(&entry.severity) > Severity::of(&before.severity);
            if raised {
                entry.severity.clone_from(&before.severity);
            }
            let lowered = !before.assured.is_subset(&entry.assured);
            entry.assured.extend(before.assured.iter().cloned());
            added += usize::from(raised || lowered || entry.covers.len() < parts);
            true
        });
        (kept, added)
    }

    /// Marks the findings it has; one that has grown since counts. Returns the fingerprints it met.
    pub fn mark(&self, report: &mut Report) -> BTreeSet<String> {
        let met = self.met(report);
        for finding in &mut report.findings {
            let Some(entry) = self.findings.get(&finding.fingerprint).filter(|_| met.contains(&finding.fingerprint)) else { continue };
            let grown = entry.grown(finding);
            if grown.is_empty() {
                finding.standing = Standing::Baseline;
            } else if finding.standing == Standing::Open {
                finding.standing = Standing::Worsened(grown);
            }
        }
        report.findings.sort_by_key(|f| !f.counts());
        met
    }

    /// Fingerprints of the findings it has an entry about, honoured or not.
    #[must_use]
    pub fn met(&self, report: &Report) -> BTreeSet<String> {
        let about = |finding: &&Finding| self.findings.get(&finding.fingerprint).is_some_and(|entry| entry.is_about(finding));
        report.findings.iter().filter(about).map(|f| f.fingerprint.clone()).collect()
    }

    /// The entries that no finding has any more, in words.
    #[must_use]
    pub fn outlived(&self, met: &BTreeSet<String>) -> Vec<String> {
        let gone = self.findings.iter().filter(|(fingerprint, _)| !met.contains(*fingerprint));
        gone.map(|(_, entry)| format!("{} at {}", entry.rule, entry.subject)).collect()
    }

    /// The same baseline without what is mended; nothing is ever added.
    #[must_use]
    pub fn shrunk(&self, report: &Report) -> (Self, Kept) {
        let now: BTreeMap<&str, &Finding> = report.findings.iter().map(|f| (f.fingerprint.as_str(), f)).collect();
        let mut kept = self.clone();
        kept.findings.retain(|fingerprint, entry| {
            let Some(finding) = now.get(fingerprint.as_str()) else { return false };
            let own = Entry::of(finding);
            entry.covers.retain(|part| own.covers.contains(part));
            entry.assured.extend(own.assured);
            if Severity::of(&own.severity) < Severity::of(&entry.severity) {
                entry.severity = own.severity;
            }
            true
        });
        let outside = report.findings.iter().filter(|f| !self.findings.contains_key(&f.fingerprint)).count();
        let numbers = Kept { kept: kept.findings.len(), gone: self.findings.len() - kept.findings.len(), outside };
        (kept, numbers)
    }
}

impl Entry {
    fn of(finding: &Finding) -> Self {
        Self {
            rule: finding.rule.clone(),
            severity: finding.severity.word().to_owned(),
            subject: finding.subject.in_words(),
            workflow: finding.workflow.clone(),
            covers: parts(finding).into_keys().collect(),
            assured: assured(finding),
        }
    }

    /// Names decide, and the fingerprint finds them: it is short, and names can be chosen. What many places lack is named by the fact alone.
    fn is_about(&self, finding: &Finding) -> bool {
        let same_place = !finding.needed_by.is_empty() || self.subject == finding.subject.in_words();
        self.rule == finding.rule && self.workflow == finding.workflow && same_place
    }

    /// In which ways a finding is more than the entry covers.
    fn grown(&self, finding: &Finding) -> Vec<String> {
        let mut ways = Vec::new();
        if Severity::of(&self.severity).is_none_or(|known| finding.severity > known) {
            ways.push(format!("{}, {} in the baseline", finding.severity.word(), self.severity));
        }
        let more = parts(finding).into_iter().filter(|(key, _)| !self.covers.contains(key));
        ways.extend(more.map(|(_, words)| format!("{words} is not in the baseline")));
        let now = assured(finding);
        let here = |part: &&String| finding.data.iter().any(|d| part.starts_with(&format!("{}: ", called(d))));
        ways.extend(self.assured.iter().filter(here).filter(|part| !now.contains(*part)).map(|part| format!("`{part}` no longer holds")));
        ways
    }
}

/// The parts of a finding that may not grow: a key made of names, and words for it.
fn parts(finding: &Finding) -> BTreeMap<String, String> {
    let data = finding.data.iter().map(|d| (format!("datum {} as {} on {}", d.name, d.form, d.surface), format!("`{}`", d.name)));
    let facts = finding.undeclared.iter().map(|u| (format!("fact {} of {}", u.fact, u.holder), format!("`{}` of `{}`", u.fact, u.holder)));
    let also = finding.also.iter().map(|rule| (format!("rule {rule}"), rule.clone()));
    let repeats = finding.repeats.iter().map(|node| (format!("copy {node}"), format!("`{node}`")));
    let carried =
        finding.data.iter().flat_map(|d| d.carries.iter().map(move |c| (format!("{}: {c}", called(d)), format!("`{c}` on `{}`", d.name))));
    let needed = finding.needed_by.iter().map(|rule| (format!("needed by {rule}"), rule.clone()));
    let run_by = (!finding.run_by.is_empty()).then(|| (format!("run by {}", finding.run_by), format!("run by {}", finding.run_by)));
    data.chain(carried).chain(needed).chain(run_by).chain(facts).chain(also).chain(repeats).collect()
}

/// The assurances of each datum, by the same keys.
fn assured(finding: &Finding) -> BTreeSet<String> {
    finding.data.iter().flat_map(|d| d.assured.iter().map(move |label| format!("{}: {label}", called(d)))).collect()
}

fn called(datum: &DatumNames) -> String {
    format!("{} as {} on {}", datum.name, datum.form, datum.surface)
}
