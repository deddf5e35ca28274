//! What came of it, as text for people and as JSON. Never decides.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use flowgate::problem::Problem;
use serde_json::{Value as Json, json};

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something that does not hold and should: exit code 1.
    Error,
    /// Good to know.
    Note,
}

/// Something that does not hold, or is good to know.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Error or note.
    pub level: Level,
    /// `prove/vacuous` …
    pub code: &'static str,
    /// What.
    pub message: String,
    /// Where: a file and a one-based line.
    pub at: Option<(String, usize)>,
    /// A request that shows it, in words, one line each.
    pub request: Vec<String>,
    /// The file to replay it with.
    pub replay: Option<String>,
    /// What to do.
    pub help: String,
}

/// What could not be proved, and why: exit code 2.
#[derive(Clone, Debug)]
pub struct Gap {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
    /// Where.
    pub at: Option<(String, usize)>,
}

/// Counts of what was proved, by the words for it.
pub type Counts = BTreeMap<&'static str, usize>;

/// Everything a run has to say.
#[derive(Debug, Default)]
pub struct Report {
    /// Findings.
    pub findings: Vec<Finding>,
    /// What could not be proved.
    pub gaps: Vec<Gap>,
    /// Counts by pack.
    pub packs: BTreeMap<String, Counts>,
    /// Questions asked.
    pub queries: usize,
    /// Wall time, in seconds.
    pub seconds: f64,
}

impl Report {
    /// Adds to a count of a pack.
    pub fn count(&mut self, pack: &str, what: &'static str, n: usize) {
        *self.packs.entry(pack.to_owned()).or_default().entry(what).or_default() += n;
    }

    /// 0 proved, 1 something does not hold, 2 something could not be proved.
    #[must_use]
    pub fn exit(&self) -> u8 {
        match (self.gaps.is_empty(), self.findings.iter().any(|f| f.level == Level::Error)) {
            (false, _) => 2,
            (true, true) => 1,
            (true, false) => 0,
        }
    }

    /// Puts findings and gaps in the order of their places.
    pub fn sort(&mut self) {
        self.findings.sort_by(|a, b| (a.level, &a.at, a.code, &a.message).cmp(&(b.level, &b.at, b.code, &b.message)));
        self.gaps.sort_by(|a, b| (&a.at, &a.what).cmp(&(&b.at, &b.what)));
    }

    /// For people.
    #[must_use]
    pub fn human(&self) -> String {
        let mut out = String::new();
        let place = |at: &Option<(String, usize)>| at.as_ref().map(|(f, l)| format!("  --> {f}:{l}\n")).unwrap_or_default();
        for finding in &self.findings {
            let level = if finding.level == Level::Error { "error" } else { "note" };
            let _ = write!(out, "{level}[{}]: {}\n{}", finding.code, finding.message, place(&finding.at));
            for line in &finding.request {
                let _ = writeln!(out, "  {line}");
            }
            if let Some(file) = &finding.replay {
                let _ = writeln!(out, "  replay: prove replay {file}");
            }
            if !finding.help.is_empty() {
                let _ = writeln!(out, "  help: {}", finding.help);
            }
            out.push('\n');
        }
        for gap in &self.gaps {
            let _ = write!(out, "error[prove/not-proved]: {}: {}\n{}\n", gap.what, gap.why, place(&gap.at));
        }
        for (pack, counts) in &self.packs {
            let counts: Vec<String> = counts.iter().map(|(what, n)| format!("{n} {what}")).collect();
            let _ = writeln!(out, "{pack}: {}", counts.join(", "));
        }
        let errors = self.findings.iter().filter(|f| f.level == Level::Error).count();
        let verdict = match self.exit() {
            0 => "proved".to_owned(),
            1 => format!("not so: {}", many(errors, "finding")),
            _ => format!("not proved: no answer to {}, {}", many(self.gaps.len(), "question"), many(errors, "finding")),
        };
        let _ = writeln!(out, "{verdict} ({} questions, {:.1} s)", self.queries, self.seconds);
        out
    }

    /// For machines.
    #[must_use]
    pub fn json(&self) -> Json {
        let place = |at: &Option<(String, usize)>| at.as_ref().map(|(file, line)| json!({ "file": file, "line": line }));
        let finding = |f: &Finding| {
            json!({
                "level": if f.level == Level::Error { "error" } else { "note" },
                "code": f.code, "message": f.message, "at": place(&f.at), "request": f.request, "replay": f.replay, "help": f.help,
            })
        };
        let gap = |g: &Gap| json!({ "what": g.what, "why": g.why, "at": place(&g.at) });
        json!({
            "version": 1,
            "exit": self.exit(),
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
            "not_proved": self.gaps.iter().map(gap).collect::<Vec<_>>(),
            "packs": self.packs,
            "questions": self.queries,
            "seconds": self.seconds,
        })
    }
}

fn many(n: usize, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}

/// Problems of reading packs, as text.
#[must_use]
pub fn problems(problems: &[Problem]) -> String {
    let mut out = String::new();
    for problem in problems {
        let _ = writeln!(out, "error[{}]: {}", problem.code, problem.message);
        for place in &problem.places {
            let (line, column) = place.file.line_column(place.span.start);
            let _ = writeln!(out, "  --> {}:{line}:{column} {}", place.file.name, place.label);
        }
        if let Some(help) = &problem.help {
            let _ = writeln!(out, "  help: {help}");
        }
    }
    out
}
