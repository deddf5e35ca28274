//! `evidence.md`: the bundle as a page for people. Where it shortens a list of conditions, the other files have all of it.

use std::collections::BTreeSet;

use super::{Circumstances, edition, never_applied, silent, verdict};
use crate::check::Report;
use crate::finding::Finding;
use crate::judge::Severity;
use crate::record::{PackRecord, Record};
use crate::report::markdown::escape::{STYLE, block, cited, code, prose};
use crate::report::markdown::finding::{COLUMNS, Places, details, problem, row, waived};
use crate::report::text::{count, safe};

pub(super) fn write(report: &Report, circumstances: &Circumstances) -> String {
    // The places of a project that was copied elsewhere are the same.
    let mut page = Page { out: String::new(), places: Places::of("") };
    page.out.push_str("# Evidence of a flowgate check\n\n");
    page.problems(report);
    page.run(report, circumstances);
    page.result(report);
    if let Some(record) = &report.record {
        page.inputs(record, circumstances);
        page.asked(record, circumstances, report);
        page.papers(record, report);
        page.coverage(record);
        page.limits(record);
    }
    page.out
}

struct Page<'r> {
    out: String,
    places: Places<'r>,
}

impl Page<'_> {
    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn title(&mut self, words: &str) {
        self.out.push_str(&format!("## {words}\n\n"));
    }

    /// A table, or a word that there is nothing in it.
    fn table(&mut self, header: &[&str], rows: &[Vec<String>]) {
        if rows.is_empty() {
            return self.line("none\n");
        }
        self.line(&format!("| {} |", header.join(" | ")));
        self.line(&format!("|{}", "---|".repeat(header.len())));
        for row in rows {
            let cells: Vec<&str> = row.iter().map(|c| if c.is_empty() { "–" } else { c.as_str() }).collect();
            self.line(&format!("| {} |", cells.join(" | ")));
        }
        self.line("");
    }

    fn problems(&mut self, report: &Report) {
        if report.problems.is_empty() {
            return;
        }
        self.line(&format!(
            "> **This bundle is not whole.** {} kept flowgate from reading or judging everything. What follows says nothing about that part.\n",
            count(report.problems.len(), "problem")
        ));
        for found in &report.problems {
            let text = problem(found, &mut self.places);
            self.out.push_str(&text);
        }
        self.line("");
    }

    fn run(&mut self, report: &Report, circumstances: &Circumstances) {
        self.title("The run");
        self.line(&format!("- tool: flowgate {}", env!("CARGO_PKG_VERSION")));
        if !report.checked.as_of.is_empty() {
            self.line(&format!("- judged as of {}: {}", prose(&report.checked.as_of), circumstances.dated_by.phrase()));
        }
        if !report.folder.is_empty() {
            self.line(&format!("- project folder: {}", code(&report.folder)));
        }
        match &circumstances.commit {
            None => self.line("- commit: none, the project is in no repository that could be read"),
            Some(commit) => {
                self.line(&format!("- commit: {} of {}", code(&commit.id), prose(&commit.date)));
                let differing: Vec<String> = commit.differing().map(|(name, state)| format!("{} ({})", code(name), state.word())).collect();
                if differing.is_empty() {
                    self.line("- every input has the bytes it has in that commit");
                } else {
                    self.line(&format!("- **the inputs are not those of that commit**: {}", differing.join(", ")));
                }
            }
        }
        self.line("- the same bundle again, from the top of the repository:\n");
        self.line(&block("sh", &safe(&STYLE, &circumstances.command)));
    }

    fn result(&mut self, report: &Report) {
        self.title("What was found");
        let checked = &report.checked;
        let of = |severity| report.findings.iter().filter(|f| f.severity == severity).count();
        self.line(&format!(
            "{}, {} and {} in {} ({}, {}, {} implied), against {}. {} waived. Undeclared, that is for want of a fact: {}.\n",
            count(of(Severity::Error), "error"),
            count(of(Severity::Warning), "warning"),
            count(of(Severity::Note), "note"),
            count(checked.workflows.len(), "workflow"),
            count(checked.nodes, "node"),
            count(checked.flows, "flow"),
            checked.implied_flows,
            count(checked.rules, "rule"),
            report.waived.len(),
            report.findings.iter().filter(|f| !f.undeclared.is_empty()).count(),
        ));
        if !report.findings.is_empty() {
            self.out.push_str(COLUMNS);
            let rows: String = report.findings.iter().map(|f| row(f, &mut self.places)).collect();
            self.line(&rows);
            let full: String = report.findings.iter().map(|f| details(f, &mut self.places, false)).collect();
            self.out.push_str(&full);
        }
        self.list("Waived findings", &report.waived.iter().collect::<Vec<&Finding>>());
        if !report.notices.is_empty() {
            self.line("### Notices\n");
            let notices: String = report.notices.iter().map(|n| problem(n, &mut self.places)).collect();
            self.line(&notices);
        }
    }

    fn list(&mut self, words: &str, findings: &[&Finding]) {
        if findings.is_empty() {
            return;
        }
        self.line(&format!("### {words}\n"));
        let lines: String = findings.iter().map(|f| waived(f, &mut self.places)).collect();
        self.line(&lines);
    }

    fn inputs(&mut self, record: &Record, circumstances: &Circumstances) {
        self.title("Inputs");
        let state = |name: &str| circumstances.commit.as_ref()?.inputs.get(name).map(|s| s.word().to_owned());
        let rows: Vec<Vec<String>> = record
            .inputs
            .iter()
            .map(|i| {
                let sha256 = i.sha256.as_deref().map(code).unwrap_or_default();
                vec![i.kind.to_owned(), code(&i.name), i.bytes.to_string(), sha256, state(&i.name).unwrap_or_default()]
            })
            .collect();
        self.table(&["kind", "name", "bytes", "SHA-256", "beside the commit"], &rows);
    }

    fn asked(&mut self, record: &Record, circumstances: &Circumstances, report: &Report) {
        self.title("What was asked");
        let roles: Vec<String> = circumstances.roles.iter().map(|r| code(r)).collect();
        self.line(&format!("Legal roles as declared: {}\n", if roles.is_empty() { "none".to_owned() } else { roles.join(", ") }));
        let workflows: Vec<Vec<String>> = circumstances
            .workflows
            .iter()
            .map(|w| vec![code(&w.id), code(&w.file), w.stage.as_deref().map(code).unwrap_or_default()])
            .collect();
        self.table(&["workflow", "file", "stage as declared"], &workflows);
        let packs: Vec<Vec<String>> = record
            .packs
            .iter()
            .map(|p| {
                let from = if p.private { "private" } else { "built in" };
                vec![code(&p.name), p.rules.to_string(), from.to_owned(), edition(p).map(prose).unwrap_or_default(), code(&p.sha256)]
            })
            .collect();
        self.table(&["pack", "rules", "from", "edition", "version (SHA-256)"], &packs);
        self.line("### Changed severities\n");
        let changes: Vec<Vec<String>> = report
            .checked
            .severity_changes
            .iter()
            .map(|c| vec![code(&c.rule), c.from.word().to_owned(), c.to.word().to_owned(), prose(&c.reason)])
            .collect();
        self.table(&["rule", "by the rule", "here", "reason"], &changes);
        self.line("### Waivers\n");
        let waivers: Vec<Vec<String>> = record
            .waivers
            .iter()
            .map(|w| {
                let scope: Vec<String> = w.scope.iter().map(|(key, value)| format!("{key} {}", code(value))).collect();
                vec![w.line.to_string(), scope.join(", "), prose(&w.reason), code(&w.approver), prose(&w.expires), w.covers.to_string()]
            })
            .collect();
        self.table(&["line", "scope", "reason", "approver", "expires", "findings covered"], &waivers);
    }

    fn papers(&mut self, record: &Record, report: &Report) {
        self.title("Agreements as declared");
        let optional = |text: &Option<String>| text.as_deref().map(code).unwrap_or_default();
        let agreements: Vec<Vec<String>> = record
            .agreements
            .iter()
            .map(|a| {
                let with: Vec<String> = a.parties.iter().chain(&a.services).map(|p| code(p)).collect();
                let in_force = if a.in_force { "yes" } else { "no" };
                vec![
                    code(&a.id),
                    code(&a.kind),
                    with.join(", "),
                    optional(&a.status),
                    optional(&a.effective),
                    optional(&a.expires),
                    in_force.to_owned(),
                    optional(&a.document),
                ]
            })
            .collect();
        self.table(&["agreement", "type", "parties and services", "status", "effective", "expires", "in force", "document"], &agreements);
        self.title("Facts about providers that a rule read");
        let facts: Vec<Vec<String>> = record
            .provider_facts
            .iter()
            .map(|f| {
                let whose = if f.overridden { "the project" } else { "the profile" };
                let checked = f.checked.as_deref().map(|day| format!(", checked {}", prose(day))).unwrap_or_default();
                let (service, fact) = (code(&f.service), code(&f.fact));
                vec![service, fact, code(&f.value), format!("{}{checked}", prose(&f.as_of)), whose.to_owned(), prose(&f.source)]
            })
            .collect();
        self.table(&["service", "fact", "value", "as of", "word of", "source"], &facts);
        self.title("Evidence on file, not judged");
        self.line("The documents are there, dated, owned and not past review. Nobody here has read what they say.\n");
        let evidence: Vec<Vec<String>> = report
            .checked
            .evidence
            .iter()
            .map(|e| {
                let workflow = e.workflow.as_deref().map(code).unwrap_or_default();
                vec![code(&e.id), code(&e.kind), workflow, prose(&e.date), code(&e.owner), code(&e.uri)]
            })
            .collect();
        self.table(&["document", "type", "workflow", "date", "owner", "where"], &evidence);
    }

    fn coverage(&mut self, record: &Record) {
        self.title("What each rule was asked about");
        self.line("Asked: the flows, nodes, workflows or papers its scope can match. Silent: asked, and in no finding.\n");
        let mut rows = Vec::new();
        for rule in record.rules.iter() {
            for (workflow, tally) in &rule.workflows {
                let scope = if workflow.is_empty() { "the project".to_owned() } else { code(workflow) };
                let numbers = [tally.asked, tally.violations, tally.undeclared, tally.waived, silent(tally)];
                let words = [code(&rule.id), rule.subject.to_owned(), scope, verdict(tally).to_owned()];
                rows.push(words.into_iter().chain(numbers.map(|n| n.to_string())).collect());
            }
        }
        self.table(&["rule", "about", "in", "verdict", "asked", "violations", "undeclared", "waived", "silent"], &rows);
        self.line("### Rules that never applied\n");
        self.line("They are on, and nothing here is what they ask about, or is far enough for their stage.\n");
        let never: Vec<Vec<String>> = never_applied(&record.rules)
            .map(|r| vec![code(&r.id), r.subject.to_owned(), r.stage.word().to_owned(), prose(&r.title), cited(&r.citation)])
            .collect();
        self.table(&["rule", "about", "from stage", "title", "law"], &never);
        self.line("### Flows that carry nothing\n");
        self.line("No rule on flows was asked about them.\n");
        let empty: BTreeSet<String> = record
            .diagram
            .flows
            .iter()
            .filter(|f| f.data.is_empty())
            .map(|f| format!("- {} → {} in {}", code(&f.from), code(&f.to), code(&f.workflow)))
            .collect();
        let empty = if empty.is_empty() { "none".to_owned() } else { empty.into_iter().collect::<Vec<_>>().join("\n") };
        self.line(&format!("{empty}\n"));
    }

    /// What the packs themselves say they leave out.
    fn limits(&mut self, record: &Record) {
        self.title("What a graph cannot show");
        self.line("flowgate judges what is declared. Whether the systems do what the declarations say, it cannot see. Each pack adds:\n");
        for pack in &record.packs {
            let Some(text) = pack.not_covered() else {
                self.line(&format!("### {}\n\nThis pack does not say what it leaves out.\n", code(&pack.name)));
                continue;
            };
            let own = said_by(pack, text);
            self.line(&own);
        }
    }
}

/// A section of a pack's page, its list kept, everything else in it text: a private pack may write what it likes.
fn said_by(pack: &PackRecord, text: &str) -> String {
    let mut out = format!("### {}\n\n", code(&pack.name));
    let mut paragraph = String::new();
    let mut flush = |paragraph: &mut String| {
        if let Some(item) = paragraph.strip_prefix("- ") {
            out.push_str(&format!("- {}\n", prose(item)));
        } else if !paragraph.is_empty() {
            out.push_str(&format!("\n{}\n\n", prose(paragraph)));
        }
        paragraph.clear();
    };
    for line in text.lines() {
        if line.starts_with("- ") || line.trim().is_empty() {
            flush(&mut paragraph);
        }
        if !paragraph.is_empty() {
            paragraph.push(' ');
        }
        paragraph.push_str(line.trim());
    }
    flush(&mut paragraph);
    out
}
