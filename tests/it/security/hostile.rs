//! Names that are something else in one format or another, and that no format, message or page lets out: the one table of them.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use flowgate::finding::WaiverNames;
use flowgate::load::Limits;
use flowgate::problem::{Place, Problem, SourceFile, Span};
use flowgate::report::bundle::{self, Circumstances, CommitFacts, WorkflowFacts};
use flowgate::report::draw::{Detail, Form, draw};
use flowgate::report::{Format, Style, render_all};
use flowgate::{Comparison, Project, Report, check};

use crate::base::{Folder, committed, flowgate, said};
use crate::common::{root, walk};
use crate::formats::{recorded, renamed};

/// Commands of a runner, mark-up of HTML, XML, Markdown, Mermaid and DOT, JSON, formulas of spreadsheets, addresses, orders to a terminal (C0 and C1),
/// characters that reorder or hide what stands around them, line breaks of every kind.
pub(crate) const HOSTILE: [&str; 33] = [
    "::error file=x::y",
    "\n::set-output name=a::b",
    "  ::stop-commands::token",
    "##[add-mask]x",
    "]]><testcase name=\"x\"/>",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "\"},{\"ruleId\":\"x",
    "[click](https://evil.example) {0} {",
    "![pixel](https://evil.example/p.png)",
    "@acme/everybody #12 GH-7",
    "a`b``c | d\\",
    "=cmd()|'/c calc'!A0",
    "+1+1",
    "-1",
    "@SUM(1)",
    "\t=1",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "../../../../etc/passwd",
    "\u{1b}[31mred\u{7}\u{0}",
    "\u{1b}]8;;https://evil.example\u{1b}\\link\u{1b}]8;;\u{1b}\\",
    "\u{9b}31mred\u{9c}",
    "\u{202e}reversed\u{2066}",
    "tag\u{e0041}\u{e007f}s",
    "zero\u{200b}width\u{feff}",
    "100%0A%25, x: y",
    "\u{ffff}\u{fffe}\r\nx\u{85}\u{2028}",
    "a\r::error::b",
    "%%{init: {\"theme\":\"dark\"}}%%",
    "end",
    "\"]\n  n0 --> n1",
    "&lt;b&gt; &amp; #quot; #35; back\\N\\l",
];

/// Characters that steer a terminal, reorder, or are not to be seen; line feeds aside.
fn steers(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// The names that are orders to a terminal or a runner: what logs have to fear.
fn orders() -> impl Iterator<Item = &'static str> {
    HOSTILE.into_iter().filter(|name| name.contains(steers) || name.contains(['\n', '\r']) || name.trim_start().starts_with("::"))
}

/// What must hold of any text that a log, a terminal or a browser gets.
fn is_inert(what: &str, text: &str) {
    if let Some((at, c)) = text.char_indices().find(|(_, c)| steers(*c)) {
        let near: String = text[at..].chars().take(40).collect();
        panic!("{what}: {c:?} in {near:?}");
    }
    for line in text.lines() {
        assert!(!line.trim_start().starts_with("::"), "{what}: a runner takes this for a command: {line}");
    }
}

/// A report with one name in every place that a team, a pack, a path or a revision can write to.
fn named(plain: &Report, name: &str) -> Report {
    let n = || name.to_owned();
    let mut report = plain.clone();
    report.findings = plain.findings.iter().map(|f| renamed(f, name)).collect();
    let mut waived = renamed(&plain.findings[0], name);
    waived.waiver = Some(WaiverNames { reason: n(), approver: n(), expires: n(), line: 1 });
    report.waived.push(waived);
    // The text of the file, too: a snippet shows it.
    let file = Arc::new(SourceFile { name: format!("{name}.yaml"), text: format!("a: {name}\nb: {name}\n") });
    report.problems.push(Problem::new("load/bad", name).at(&file, Span::new(0, 3 + name.len()), name).help(name));
    report.notices.push(Problem::new("packs/few", name).at(&file, Span::new(0, 1), name).help(name));
    (report.name, report.folder) = (Some(n()), name.replace('/', ""));
    report.checked.workflows.push(n());
    report.checked.packs.push(n());
    report.comparison = Some(Comparison {
        base: Some(n()),
        baseline: Some(n()),
        fixed: vec![renamed(&plain.findings[1], name)],
        newly_waived: vec![renamed(&plain.findings[2], name)],
        gate: vec![Place::new(&file, Span::new(0, 1), name)],
        outlived: vec![n()],
        ..Comparison::default()
    });
    let record = report.record.as_mut().unwrap();
    for node in &mut record.diagram.nodes {
        (node.id, node.operator, node.service) = (n(), Some(n()), Some(n()));
        node.removes = vec![n()];
        node.fields = vec![(n(), vec![n()])];
    }
    for flow in &mut record.diagram.flows {
        for datum in &mut flow.data {
            (datum.name, datum.form) = (n(), n());
        }
    }
    for input in &mut record.inputs {
        input.name = format!("{name}{}", input.name);
    }
    report
}

#[test]
fn no_format_lets_a_name_steer_what_reads_it() {
    let plain = check(&Project::read(&root().join("examples/clinic-notes/violating"), &Limits::default()), &recorded());
    for name in HOSTILE {
        let report = named(&plain, name);
        let reports = [&report, &plain];
        for format in
            [Format::Human, Format::Json, Format::Sarif, Format::Markdown, Format::Comment, Format::Junit, Format::Html, Format::Outputs]
        {
            let text = render_all(&reports, format, &Style::PLAIN);
            // Characters of Markdown at the start of a line are judged by `summary`, commands of the GitHub form by `formats`.
            is_inert(&format!("{format:?} of {name:?}"), &text);
            assert!(format != Format::Human || !text.contains("##["), "{name:?}");
        }
        let github = render_all(&reports, Format::Github, &Style::PLAIN);
        assert!(!github.contains(steers), "{name:?}: {github}");
        // On a terminal with colours and links the only orders are our own.
        let colours = Style { width: 100, color: true, unicode: true, links: true };
        let told = render_all(&reports, Format::Human, &colours);
        let left = told.split('\u{1b}').skip(1).find(|rest| !rest.starts_with('[') && !rest.starts_with("]8;;") && !rest.starts_with('\\'));
        assert!(left.is_none() && !told.contains("\u{1b}[31mred") && !told.contains(['\u{9b}', '\u{7}', '\u{202e}']), "{name:?}: {left:?}");
        for line in told.split("\u{1b}]8;;").skip(1) {
            let address = line.split('\u{1b}').next().unwrap();
            assert!(address.is_empty() || address.starts_with("https://") || address.starts_with("http://"), "{address:?}");
        }
        let diagram = &report.record.as_ref().unwrap().diagram;
        for form in [Form::Mermaid, Form::Dot, Form::Svg] {
            is_inert(&format!("{form:?} of {name:?}"), &draw(diagram, form, Detail { labels: true }));
        }
        let circumstances = Circumstances {
            dated_by: bundle::DatedBy::Commit,
            commit: Some(CommitFacts {
                id: name.to_owned(),
                date: name.to_owned(),
                inputs: std::iter::once((name.to_owned(), bundle::InCommit::Changed)).collect(),
            }),
            command: format!("flowgate evidence '{name}'"),
            roles: vec![name.to_owned()],
            workflows: vec![WorkflowFacts { id: name.to_owned(), file: name.to_owned(), stage: Some(name.to_owned()) }],
        };
        for (file, text) in bundle::files(&report, &circumstances) {
            let table = file.ends_with(".csv");
            let text = if table { text.replace("\r\n", "\n") } else { text };
            is_inert(&format!("{file} of {name:?}"), &text);
            for cell in text.split([',', '\n']).filter(|_| table) {
                let bare = cell.trim_start_matches(['"', ' ']);
                assert!(!bare.starts_with(['=', '+', '@']) && (!bare.starts_with('-') || bare.len() < 2), "{file} of {name:?}: {cell}");
            }
        }
    }
}

/// What is said of bad files, names and revisions quotes them, on standard output and standard error.
#[test]
fn no_message_lets_a_name_steer_what_reads_it() {
    let repository = committed("hostile", ".");
    for name in orders().filter(|name| !name.contains('\0')) {
        for arguments in [
            &["check", "--base", name][..],
            &["check", "--base-dir", name],
            &["check", "--baseline", name],
            &["check", "--pack", name],
            &["check", "--packs", name],
            &["check", "--policies", name],
            &["check", "--output", name, "--format", "json", "no-such-file"],
            &["explain", "--", name],
            &["rules", "--pack", name],
            &["graph", "--workflow", name],
            &["diff", "--", name],
            &["test", "--", name],
            &["check", "--", name],
        ] {
            let output = flowgate(&repository.0, arguments);
            is_inert(&format!("{arguments:?}"), &said(&output));
        }
    }
}

const FORMS: [&str; 8] = ["human", "json", "html", "markdown", "sarif", "junit", "outputs", "github"];

/// In a report that a check writes: no order and nothing hidden; commands of a runner are what the GitHub form is made of.
fn no_form_is_steered(what: &str, folder: &Path, forms: &[&str], arguments: &[&str]) {
    for form in forms {
        let text = said(&flowgate(folder, &[&["check", "--format", *form], arguments].concat()));
        if *form == "github" {
            assert!(!text.contains(steers), "{what} as {form}: {text}");
        } else {
            is_inert(&format!("{what} as {form}"), &text);
        }
    }
}

/// Declarations and policies refuse what is not seen; the pages of a pack are text, which is printed, put into reports and into bundles.
#[test]
fn no_page_of_a_pack_steers_what_reads_it() {
    let repository = committed("pages", ".");
    // A tab is white space to whoever reads a page.
    let names: Vec<String> =
        orders().filter(|name| !name.contains('\t')).map(|name| format!("{name}\n\n- {name}\n\n    {name}\n")).collect();
    let page = |title: &str| format!("# {title}\n\n{}\n## What it forbids\n\n{}", names.join("\n"), names.join("\n"));
    for (file, text) in [
        ("pk/PACK.md", page("pk")),
        ("pk/gate/README.md", page("pk/gate")),
        (
            "pk/gate/rule.cedar",
            "@title(\"t\") @severity(\"error\") @citation(\"c\") @message(\"m\") @help(\"h\")\n\
             forbid (principal, action == Flowgate::Action::\"receive\", resource);\n"
                .to_owned(),
        ),
    ] {
        crate::base::write(&repository.0.join(file), &text);
    }
    no_form_is_steered("a page of a pack", &repository.0, &FORMS, &["--packs", "pk"]);
    for arguments in [
        &["explain", "--packs", "pk", "pk"][..],
        &["explain", "--packs", "pk", "pk/gate"],
        &["rules", "--packs", "pk"],
        &["rules", "--packs", "pk", "--format", "json"],
        &["rules", "--packs", "pk", "--format", "markdown"],
        &["test", "pk"],
    ] {
        let output = flowgate(&repository.0, arguments);
        let text = said(&output);
        assert!(text.contains("gate") || text.contains("pk"), "{arguments:?}: {text}");
        is_inert(&format!("{arguments:?}"), &text);
    }
    assert_eq!(flowgate(&repository.0, &["evidence", "--packs", "pk", "--output", "bundle"]).status.code(), Some(0));
    for file in walk(&repository.0.join("bundle")) {
        let text = fs::read_to_string(&file).unwrap();
        is_inert(&file.display().to_string(), &text.replace("\r\n", "\n"));
    }
}

/// A baseline is a file of names, and those whose findings are gone are named again.
#[test]
fn no_baseline_steers_what_reads_it() {
    for (n, name) in orders().enumerate() {
        let repository = committed(&format!("baseline-{n}"), ".");
        let entry = serde_json::json!({ "rule": name, "severity": "error", "subject": name, "workflow": name, "covers": [name], "assured": [name] });
        let text = serde_json::json!({ "format_version": 1, "about": name, "findings": { "0123456789abcdef": entry, name: entry } });
        fs::write(repository.0.join("b.json"), text.to_string()).unwrap();
        no_form_is_steered(&format!("a baseline of {name:?}"), &repository.0, &FORMS, &["--baseline", "b.json"]);
        is_inert("a baseline", &said(&flowgate(&repository.0, &["baseline", "--output", "b.json"])));
    }
}

#[cfg(unix)]
#[test]
fn no_file_lets_its_name_or_text_steer_what_reads_it() {
    use std::os::unix::ffi::OsStrExt as _;
    let run = |folder: &Path, arguments: &[&str]| -> Output { flowgate(folder, arguments) };
    for (n, name) in orders().filter(|name| !name.contains(['\0', '/'])).enumerate() {
        let repository = committed(&format!("files-{n}"), ".");
        let quoted = serde_json::to_string(name).unwrap();
        // A name that no file system, a key that no schema, a value that no vocabulary knows.
        fs::write(
            repository.0.join(format!("flows/{name}.flow.yaml")),
            format!("workflow: w{n}\nstage: {quoted}\n{quoted}: 1\nflows: [ {{ from: {quoted}, to: {quoted}, fields: [{quoted}] }} ]\n"),
        )
        .unwrap();
        fs::write(repository.0.join(format!("flows/raw{name}.flow.yaml")), format!("workflow: [{name}\n")).unwrap();
        fs::write(repository.0.join("flows/j.flow.json"), format!("{{\"workflow\": {quoted}, \"stage\": {quoted}, \"x\": {name}}}"))
            .unwrap();
        fs::create_dir_all(repository.0.join(format!("pk/{name}"))).unwrap();
        fs::write(repository.0.join("pk/PACK.md"), format!("# {name}\n\n{name}\n")).unwrap();
        fs::write(
            repository.0.join(format!("pk/{name}/rule.cedar")),
            format!("@title({quoted})\nforbid (principal, action, resource) when {{ {name} }};\n"),
        )
        .unwrap();
        fs::write(repository.0.join(format!("pk/{name}/README.md")), format!("# {name}\n\n{name}\n")).unwrap();
        for arguments in [
            &["check", "--packs", "pk"][..],
            &["check", "--packs", "pk", "--base", "HEAD", "--format", "json"],
            &["check", "--packs", "pk", "--format", "html"],
            &["check", "--packs", "pk", "--base", "HEAD", "--format", "markdown"],
            &["rules", "--packs", "pk"],
            &["explain", "--packs", "pk", "pk"],
            &["diff", "HEAD", "."],
            &["graph"],
        ] {
            let output = run(&repository.0, arguments);
            is_inert(&format!("{name:?}: {arguments:?}"), &said(&output));
        }
        no_form_is_steered(&format!("a file named {name:?}"), &repository.0, &FORMS[4..], &["--packs", "pk"]);
    }
    // Bytes that are no UTF-8 are no reason to stop, or to be silent.
    let repository = Folder::new("not-utf8");
    fs::write(repository.0.join("flowgate.yaml"), "version: 1\n").unwrap();
    let odd = OsStr::from_bytes(b"\xff\x1b[31m.flow.yaml");
    fs::write(repository.0.join(odd), "workflow: [\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowgate"));
    for argument in [None, Some(odd)] {
        let output = command.current_dir(&repository.0).arg(argument.unwrap_or(OsStr::new("check"))).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        is_inert("a name that is not UTF-8", &said(&output));
    }
}
