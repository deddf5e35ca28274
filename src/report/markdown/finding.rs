//! One finding in Markdown: as a row of a table, and in full. Never judges, never filters.

use std::collections::BTreeSet;

use super::escape::{STYLE, cited, code, html_code, html_prose, prose};
use crate::finding::{Finding, PathStep, Standing, SubjectNames};
use crate::judge::Reason;
use crate::problem::{Place, Problem};
use crate::report::human::{deciding, declared_at};
use crate::report::lines::Lines;
use crate::report::text::{cut, few};

/// Names of one kind in a cell, and in a list.
const FEW: usize = 3;
const MANY: usize = 12;

/// Conditions of a policy that are quoted.
const FEW_REASONS: usize = 4;

/// Characters of a policy's clause, and of a value it saw.
const CLAUSE: usize = 160;

/// Characters of a citation in a cell.
const CITATION: usize = 100;

/// Where places are: their lines, and the project's folder in the repository.
pub(in crate::report) struct Places<'r> {
    lines: Lines,
    folder: &'r str,
}

impl<'r> Places<'r> {
    pub(in crate::report) fn of(folder: &'r str) -> Self {
        Self { lines: Lines::default(), folder }
    }

    /// `file:line`, as seen from the top of the repository.
    pub(in crate::report) fn spot(&mut self, place: &Place) -> String {
        let (line, _) = self.lines.position(&place.file, place.span.start);
        let file = self.file(&place.file.name);
        if place.file.text.is_empty() { file } else { format!("{file}:{line}") }
    }

    fn file(&self, name: &str) -> String {
        if self.folder.is_empty() { name.to_owned() } else { format!("{}/{name}", self.folder) }
    }

    fn labelled(&mut self, place: &Place) -> String {
        let spot = code(&self.spot(place));
        if place.label.is_empty() { spot } else { format!("{spot}: {}", prose(&place.label)) }
    }
}

/// The columns of [`row`].
pub(in crate::report) const COLUMNS: &str = "| severity | rule | where | flow | data | law |\n|---|---|---|---|---|---|\n";

/// A finding in one line of a table.
pub(in crate::report) fn row(finding: &Finding, places: &mut Places<'_>) -> String {
    let names = data(finding);
    // Findings of missing facts at one place differ in nothing else.
    let lacks: BTreeSet<&str> = finding.undeclared.iter().map(|u| u.fact.as_str()).collect();
    let lacks: Vec<String> = lacks.into_iter().map(|fact| format!("lacks {}", code(fact))).collect();
    let data = match () {
        () if !lacks.is_empty() => few(&lacks, FEW),
        () if names.is_empty() => "–".to_owned(),
        () => few(&names, FEW),
    };
    format!(
        "| {} | {} | {} | {} | {data} | {} |\n",
        kind(finding),
        code(&finding.rule),
        code(&places.spot(finding.foremost())),
        subject(&finding.subject),
        cited(&short(&finding.citation))
    )
}

/// A finding in full, behind its first line.
pub(in crate::report) fn details(finding: &Finding, places: &mut Places<'_>, open: bool) -> String {
    let open = if open { " open" } else { "" };
    let (rule, message) = (html_code(&finding.rule), html_prose(&finding.message));
    let mut out = format!("<details{open}><summary><b>{}</b> {rule}: {message}</summary>\n\n", kind(finding));
    let mut line = |key: &str, text: &str| {
        if !text.is_empty() {
            out.push_str(&format!("- **{key}**: {text}\n"));
        }
    };
    line("what to do", &prose(&finding.help));
    line("flow", &if matches!(finding.subject, SubjectNames::Flow { .. }) { subject(&finding.subject) } else { String::new() });
    if !matches!(finding.subject, SubjectNames::Flow { .. }) {
        line("about", &subject(&finding.subject));
    }
    line("where", &places.labelled(&finding.primary));
    for cause in &finding.causes {
        line("caused by", &places.labelled(cause));
    }
    if let Standing::Worsened(ways) = &finding.standing {
        let ways: Vec<String> = ways.iter().map(|w| prose(w)).collect();
        line("worsened", &few(&ways, MANY));
    }
    line("path", &path(finding));
    line("data", &few(&data(finding), MANY));
    for fact in &finding.undeclared {
        let needs = fact.needs.as_ref().map(|n| format!(", or {}", code(n))).unwrap_or_default();
        let at = declared_at(finding, fact).map(|place| format!(": declare it at {}", code(&places.spot(place)))).unwrap_or_default();
        line("missing", &format!("{} of {}{needs}{at}", code(&fact.fact), code(&fact.holder)));
    }
    line("needed by", &names(&finding.needed_by));
    let why = if finding.citation.is_empty() { prose(&finding.title) } else { cited(&finding.citation) };
    line("why", &why);
    line("policy", &policy(finding));
    if let Some((before, reason)) = &finding.changed {
        line("severity", &format!("{} here, {} by the rule: {}", finding.severity.word(), before.word(), prose(reason)));
    }
    line("contract", &finding.contract.as_deref().map(code).unwrap_or_default());
    line("also", &names(&finding.also));
    line("also at", &names(&finding.repeats));
    let related: BTreeSet<String> = finding.related.iter().map(|p| places.labelled(p)).collect();
    let related: Vec<String> = related.into_iter().collect();
    line("see", &few(&related, FEW * 2));
    out.push_str("\n</details>\n\n");
    out
}

/// A problem or a notice as an item of a list.
pub(in crate::report) fn problem(problem: &Problem, places: &mut Places<'_>) -> String {
    let at: Vec<String> = problem.places.iter().map(|p| places.labelled(p)).collect();
    let at = if at.is_empty() { String::new() } else { format!(" ({})", few(&at, FEW)) };
    let help = problem.help.as_ref().map(|h| format!("  \n  what to do: {}", prose(h))).unwrap_or_default();
    format!("- {}: {}{at}{help}\n", code(problem.code), prose(&problem.message))
}

/// A waived finding as an item of a list.
pub(in crate::report) fn waived(finding: &Finding, places: &mut Places<'_>) -> String {
    let names = data(finding);
    let data = if names.is_empty() { String::new() } else { format!(" for {}", few(&names, FEW)) };
    let what = format!("- {} {} on {}{data}", finding.severity.word(), code(&finding.rule), subject(&finding.subject));
    match &finding.waiver {
        None => format!("{what} at {}\n", code(&places.spot(&finding.primary))),
        Some(waiver) => format!(
            "{what}: accepted by {} until {}, reason: {} ({})\n",
            code(&waiver.approver),
            prose(&waiver.expires),
            prose(&waiver.reason),
            code(&format!("{}:{}", places.file("flowgate.waivers.yaml"), waiver.line))
        ),
    }
}

/// A finding in one line, without what to do about it.
pub(super) fn brief(finding: &Finding, places: &mut Places<'_>) -> String {
    format!(
        "- {} {} on {} at {}\n",
        finding.severity.word(),
        code(&finding.rule),
        subject(&finding.subject),
        code(&places.spot(&finding.primary))
    )
}

/// A changed declaration in one line.
pub(super) fn change(place: &Place, places: &mut Places<'_>) -> String {
    format!("- {}\n", places.labelled(place))
}

/// What a finding is about, its names as code.
pub(in crate::report) fn subject(subject: &SubjectNames) -> String {
    match subject {
        SubjectNames::Flow { from, to, implied } => {
            let implied = if *implied { " (implied)" } else { "" };
            format!("{} → {}{implied}", code(from), code(to))
        }
        SubjectNames::Node(name) => code(name),
        SubjectNames::Workflow(name) => format!("workflow {}", code(name)),
        SubjectNames::Declared(noun, name) => format!("{noun} {}", code(name)),
    }
}

/// The way of the first datum: what each stop took away and added.
pub(in crate::report) fn path(finding: &Finding) -> String {
    let [first, rest @ ..] = finding.path.as_slice() else { return String::new() };
    if rest.is_empty() {
        return String::new();
    }
    let start = finding.data.first().map(|d| d.name.as_str()).filter(|d| d.starts_with(&format!("{}.", first.node)));
    let mut stops = vec![code(start.unwrap_or(&first.node))];
    let mut form = first.form.as_str();
    for (n, step) in rest.iter().enumerate() {
        stops.push(stop(step, form, n + 1 == rest.len()));
        form = step.form.as_str();
    }
    stops.join(" → ")
}

fn stop(step: &PathStep, form: &str, last: bool) -> String {
    let mut changes = Vec::new();
    if step.form != form && !last {
        changes.push(format!("as {}", code(&step.form)));
    }
    if !step.lost.is_empty() {
        changes.push(format!("removed {}", names(&step.lost)));
    }
    if !step.gained.is_empty() {
        changes.push(format!("added {}", names(&step.gained)));
    }
    let changes = if changes.is_empty() { String::new() } else { format!(" ({})", changes.join("; ")) };
    format!("{}{changes}", code(&step.node))
}

/// The policy, and the conditions that decided with what they saw.
fn policy(finding: &Finding) -> String {
    let file = finding.policy.place.file.name.rsplit('/').next().unwrap_or_default();
    let reasons = if finding.needed_by.is_empty() { deciding(finding) } else { Vec::new() };
    let line = reasons.first().and_then(|r| r.line).unwrap_or(finding.policy.line);
    let mut out = code(&format!("{}, {file}:{line}", finding.rule));
    let shown: Vec<String> = reasons.iter().take(FEW_REASONS).map(|r| reason(r)).collect();
    if !shown.is_empty() {
        out.push_str(&format!(": {}", shown.join("; ")));
    }
    match reasons.len().saturating_sub(shown.len()) {
        0 => {}
        1 => out.push_str("; and 1 more condition"),
        more => out.push_str(&format!("; and {more} more conditions")),
    }
    out
}

/// A condition, and what it saw.
pub(in crate::report) fn reason(reason: &Reason) -> String {
    let clause = code(&cut(&STYLE, &reason.clause.replace("Flowgate::", ""), CLAUSE));
    if let Some((_, name)) = reason.missing.as_ref().filter(|(of, _)| of != "context") {
        return format!("{clause} is false ({} is not declared)", code(name));
    }
    let saw = reason.saw.iter().map(|(fact, value)| {
        let fact = fact.split_once('.').map_or(fact.as_str(), |(_, rest)| rest);
        format!("{} is {}", code(fact), code(&cut(&STYLE, value, CLAUSE)))
    });
    let saw = saw.collect::<Vec<_>>().join(", ");
    if saw.is_empty() { format!("{clause} is {}", reason.value) } else { format!("{clause} is {} ({saw})", reason.value) }
}

/// How much it counts, in words.
fn kind(finding: &Finding) -> String {
    let undeclared = if finding.undeclared.is_empty() { "" } else { ", undeclared" };
    let standing = match finding.standing {
        Standing::New => ", new",
        Standing::Worsened(_) => ", worsened",
        Standing::Open | Standing::Unchanged | Standing::Baseline => "",
    };
    format!("{}{undeclared}{standing}", finding.severity.word())
}

/// The data concerned, each name once, as code.
fn data(finding: &Finding) -> Vec<String> {
    let names: BTreeSet<&str> = finding.data.iter().map(|d| d.name.as_str()).collect();
    names.into_iter().map(code).collect()
}

fn names(names: &[String]) -> String {
    few(&names.iter().map(|n| code(n)).collect::<Vec<_>>(), MANY)
}

/// The first sections of a citation of the CFR; another citation as far as it fits.
fn short(citation: &str) -> String {
    if citation.contains(" CFR ") {
        return few(&citation.split(", ").collect::<Vec<_>>(), 2);
    }
    cut(&STYLE, citation, CITATION)
}
