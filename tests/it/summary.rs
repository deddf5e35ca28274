//! The Markdown summary and the pull-request comment: complete, short enough, and harmless whatever things are called.

use flowgate::finding::Standing;
use flowgate::load::Limits;
use flowgate::problem::{Place, Problem};
use flowgate::report::{Format, Style, render, render_all};
use flowgate::{Comparison, Options, Project, Report, check};

use crate::common::{PROJECT, judged, options, project, root};

fn workflow(id: &str, source: &str, endpoint: &str) -> String {
    let (source, endpoint) = (quoted(source), quoted(endpoint));
    format!(
        "workflow: {id}\nstage: draft\nsources: {{ {source}: {{ location: x, raw_may_leave: \"no\", fields: {{ t: id.name }} }} }}\n\
         endpoints: {{ {endpoint}: {{}} }}\nflows: [ {{ from: {source}, to: {endpoint}, fields: [t] }} ]\n"
    )
}

fn quoted(name: &str) -> String {
    serde_json::to_string(name).unwrap()
}

fn recorded() -> Options {
    Options { record: true, ..options() }
}

fn example(name: &str) -> Report {
    judged(&Project::read(&root().join("examples").join(name), &Limits::default()), &recorded())
}

fn comment(report: &Report) -> String {
    render(report, Format::Comment, &Style::PLAIN)
}

fn summary(report: &Report) -> String {
    render(report, Format::Markdown, &Style::PLAIN)
}

/// The page without its code, where nothing has a meaning: blocks, spans and `code` elements.
fn outside_code(page: &str) -> String {
    let (mut out, mut fence) = (String::new(), None);
    for line in page.lines() {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match fence {
            Some(n) if ticks >= n => fence = None,
            Some(_) => {}
            None if ticks >= 3 => fence = Some(ticks),
            None => out.push_str(&format!("{}\n", without_spans(line))),
        }
    }
    assert_eq!(fence, None, "a block is left open");
    out
}

fn without_spans(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(['`', '<', '\\']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(escaped) = rest.strip_prefix('\\') {
            let n = escaped.chars().next().map_or(0, char::len_utf8);
            rest = &escaped[n..];
        } else if let Some(code) = rest.strip_prefix("<code>") {
            rest = &code[code.find("</code>").unwrap_or_else(|| panic!("open code: {line}")) + "</code>".len()..];
        } else if rest.starts_with('<') {
            out.push('<');
            rest = &rest[1..];
        } else {
            let ticks = rest.len() - rest.trim_start_matches('`').len();
            let runs = |text: &str| text.split(|c| c != '`').map(str::len).collect::<Vec<_>>();
            assert!(runs(&rest[ticks..]).contains(&ticks), "open span: {line}");
            let mut at = ticks;
            while !(rest[at..].starts_with(&"`".repeat(ticks)) && !rest[at + ticks..].starts_with('`') && !rest[..at].ends_with('`')) {
                at += rest[at..].chars().next().unwrap().len_utf8();
            }
            rest = &rest[at + ticks..];
        }
    }
    out + rest
}

#[test]
fn whoever_sees_only_this_page_knows_what_is_wrong_where_and_what_to_do() {
    let report = example("clinic-notes/violating");
    let page = comment(&report);
    assert!(page.starts_with("<!-- flowgate-report -->\n## flowgate: 11 errors, 6 warnings in 1 workflow\n"), "{page}");
    assert!(page.contains("against 175 rules of `contract`, `core`, `hipaa`, `rmf`, `route` as of 2026-07-01"), "{page}");
    let row = "| error | `hipaa/baa-missing` | `flows/note-summary.flow.yaml:59` | `redact` → `summarizer` | `ehr.mrn`, `ehr.note` | 45 CFR [164.502(e)(1)(i)](https://www.ecfr.gov/current/title-45/section-164.502)";
    assert!(page.contains(row), "{page}");
    assert!(page.contains("- **path**: `ehr.mrn` → `redact` (added `untouched`) → `summarizer`\n"), "{page}");
    assert!(page.contains("`principal.agreements.contains(\"baa\")` is false (`agreements` is `dpa`)"), "{page}");
    assert!(
        page.contains("- **missing**: `audit_log` of `summarizer.abuse_log`: declare it at `flows/note-summary.flow.yaml:45`"),
        "{page}"
    );
    assert_eq!(page.matches("<details>").count(), report.findings.len() + 1, "one for each finding, and what was checked");
    assert!(page.contains("- evidence on file, not judged: 15 documents"), "{page}");
    for finding in &report.findings {
        assert!(page.contains(&format!("`{}`", finding.rule)), "{} is not there", finding.rule);
    }
    assert!(!page.to_lowercase().contains("compliant"));
    assert_eq!(page, comment(&example("clinic-notes/violating")), "not the same twice");
    // The summary has no marker, and is the same page otherwise.
    assert!(summary(&report).starts_with("## flowgate: 11 errors"));
}

#[test]
fn no_finding_is_said_as_what_was_checked() {
    let report = example("clinic-notes/fixed");
    assert!(report.findings.is_empty());
    let page = comment(&report);
    assert!(page.contains("## flowgate: no finding\n\nchecked 1 workflow ("), "{page}");
    assert!(page.contains(" as of 2026-07-01\n") && !page.contains("### Findings") && !page.contains("compliant"), "{page}");
    assert!(comment(&Report::default()).contains("## flowgate: nothing was checked"), "an empty report is no clean one");
}

#[test]
fn places_are_those_of_the_repository_and_projects_have_their_names() {
    let mut first = example("clinic-notes/violating");
    first.folder = "services/notes".to_owned();
    first.name = Some("notes".to_owned());
    let page = comment(&first);
    assert!(page.contains("`services/notes/flows/note-summary.flow.yaml:59`"), "{page}");
    assert!(!page.contains(" `flows/note-summary.flow.yaml"), "{page}");
    assert!(!page.contains("### `notes`"), "one project needs no name");
    let second = Report { name: Some("b|c".to_owned()), ..example("clinic-notes/fixed") };
    let both = render_all(&[&first, &second], Format::Comment, &Style::PLAIN);
    assert!(both.contains("11 errors, 6 warnings in 1 of 2 workflows") && both.contains("### `notes`: Findings"), "{both}");
    assert!(both.contains("- <code>b&#124;c</code>: checked 1 workflow"), "{both}");
}

#[test]
fn names_steer_nothing() {
    let names = [
        "<script>alert(1)</script>",
        "a|b|c",
        "a`b``c",
        "@acme/security",
        "see #12 and GH-7",
        "[x](https://evil.example)",
        "https://evil.example/x",
        "line one\n\n# heading\n- item",
        "::error::x",
        "</details><!--",
        "]]>\"'",
        "```",
        "\\`x",
        "*b* _i_ ~~s~~ $x$ :tada: 0123456789abcdef",
    ];
    for name in names {
        let report = check(&project(PROJECT, &[&workflow("one", name, "model"), &workflow("two", "desk", name)]), &recorded());
        assert!(report.findings.iter().any(|f| f.data.iter().any(|d| d.name.contains(name))), "{name}: {:?}", report.findings);
        let report = Report { name: Some(name.to_owned()), ..report };
        for page in [comment(&report), render_all(&[&report, &report], Format::Markdown, &Style::PLAIN)] {
            assert!(!page.contains('\r'), "{name}: {page}");
            let text = outside_code(&page).replace("<!-- flowgate-report -->", "");
            let text = ["<details>", "<details open>", "</details>", "<summary>", "</summary>", "<b>", "</b>"]
                .iter()
                .fold(text, |text, tag| text.replace(tag, ""));
            for bad in ["<", "@", "#12", "GH-7", "evil.example", "$x$", ":tada:", "0123456789abcdef", "::error", "# heading"] {
                assert!(!text.contains(bad), "{name}: `{bad}` in {text}");
            }
            assert_eq!(page.matches("<details").count(), page.matches("</details>\n").count(), "{name}");
            // Every row has as many cells as its table: bars of names are none.
            for row in page.lines().filter(|l| l.starts_with("| ")) {
                assert_eq!(row.matches('|').count(), 7, "{name}: {row}");
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_left_out_whole_and_named() {
    let flows: Vec<String> = (0..400).map(|n| workflow(&format!("w{n}"), &format!("source-{n}"), "model")).collect();
    let report = judged(&project(PROJECT, &flows.iter().map(String::as_str).collect::<Vec<_>>()), &recorded());
    assert!(report.findings.len() >= 400);
    let page = comment(&report);
    assert!(page.len() <= 65_536 && page.len() > 60_000, "{}", page.len());
    assert!(page.starts_with("<!-- flowgate-report -->\n## flowgate: "), "{page}");
    let left = page.lines().find(|l| l.starts_with("**Left out")).unwrap_or_else(|| panic!("{page}"));
    assert!(left.contains(&format!(" of {} rows", report.findings.len())) && left.contains(" details"), "{left}");
    assert!(left.contains("`flowgate check` prints all of it"), "{left}");
    assert!(page.contains("What was checked") && page.contains("- **what to do**"), "{page}");
    for page in [&page, &summary(&report)] {
        assert_eq!(page.matches("<details").count(), page.matches("</details>\n\n").count());
        outside_code(page);
        assert!(page.lines().filter(|l| l.starts_with("| ")).all(|l| l.ends_with(" |")), "a row is cut");
    }
    let whole = summary(&report);
    assert!(whole.len() <= 1024 * 1024 && whole.len() > page.len() && whole.contains("`source-399`"), "{}", whole.len());
    // A long name costs a name, not the page.
    let long = check(&project(PROJECT, &[&workflow("one", &"x".repeat(1_000), "model")]), &recorded());
    assert!(comment(&long).contains(&"x".repeat(200)) && !comment(&long).contains(&"x".repeat(300)));
}

#[test]
fn a_comparison_counts_what_is_new_and_keeps_the_rest_apart() {
    let mut report = example("clinic-notes/violating");
    let cause = report.findings[2].related[0].clone();
    for (n, finding) in report.findings.iter_mut().enumerate() {
        finding.standing = match n {
            1 => Standing::New,
            2 => Standing::Worsened(vec!["`ehr.note` is concerned, too".to_owned()]),
            3 => Standing::Baseline,
            _ => Standing::Unchanged,
        };
    }
    let spot = cause.file.line_column(cause.span.start).0;
    report.findings[2].causes = vec![Place { label: "this line is new".to_owned(), ..cause.clone() }];
    let waived = flowgate::finding::WaiverNames {
        reason: "agreed with @legal".to_owned(),
        approver: "maya".to_owned(),
        expires: "2026-12-31".to_owned(),
        line: 4,
    };
    let mut newly = report.findings[8].clone();
    newly.waiver = Some(waived);
    report.comparison = Some(Comparison {
        base: Some("main".to_owned()),
        fixed: vec![report.findings[0].clone(), report.findings[1].clone()],
        newly_waived: vec![newly],
        gate: vec![Place { label: "the pack `ftc` is off".to_owned(), ..cause }],
        ..Comparison::default()
    });
    let page = comment(&report);
    let unchanged = report.findings.len() - 3;
    let head = format!(
        "## flowgate: 2 errors: 1 new, 1 worsened, 2 fixed or no longer asked, 1 newly waived, {unchanged} unchanged, 1 in the baseline since `main`; it also changes what is asked\n"
    );
    assert!(page.contains(&head), "{page}");
    let rows: Vec<&str> = page.lines().filter(|l| l.starts_with("| error") || l.starts_with("| warning")).collect();
    assert_eq!(rows.len(), 2, "{rows:#?}");
    assert!(rows[0].starts_with("| error, new | `hipaa/baa-missing`"), "{rows:#?}");
    let caused = format!("`flows/note-summary.flow.yaml:{spot}`");
    assert!(rows[1].starts_with("| error, worsened |") && rows[1].contains(&caused), "points at the change: {rows:#?}");
    assert!(page.contains(&format!("- **caused by**: {caused}: this line is new\n")), "{page}");
    assert!(page.contains("- **worsened**: `ehr.note` is concerned, too\n"), "{page}");
    assert!(page.contains("### This change also changes what is asked\n\n- `") && page.contains(": the pack `ftc` is off"), "{page}");
    assert!(page.contains("accepted by `maya` until 2026-12-31, reason: agreed with `@legal` (`flowgate.waivers.yaml:4`)"), "{page}");
    assert!(page.contains(&format!("<summary>Unchanged: do not count ({unchanged})</summary>")), "{page}");
    assert!(
        page.contains("<summary>Fixed (2)</summary>") && page.contains("<summary>In the baseline: do not count (1)</summary>"),
        "{page}"
    );

    for finding in &mut report.findings {
        finding.standing = Standing::Unchanged;
    }
    let page = comment(&report);
    assert!(page.contains("## flowgate: nothing new, 2 fixed") && !page.contains("### Findings"), "{page}");
}

#[test]
fn what_could_not_be_judged_comes_first() {
    let mut report = example("clinic-notes/violating");
    let place = report.findings[0].primary.clone();
    let problem =
        Problem::new("load/unreadable", "cannot read `a.flow.yaml`: no such file").at(&place.file, place.span, "here").help("look");
    report.problems.push(problem);
    let page = comment(&report);
    assert!(page.contains("## flowgate: could not judge everything: 1 problem; 11 errors, 6 warnings"), "{page}");
    let (problem, findings) = (page.find("### Could not judge").unwrap(), page.find("### Findings").unwrap());
    assert!(problem < findings, "{page}");
    assert!(
        page.contains("- `load/unreadable`: cannot read `a.flow.yaml`: no such file (`flows/note-summary.flow.yaml:58`: here)"),
        "{page}"
    );
}

#[test]
fn diagrams_are_of_workflows_with_findings_only() {
    use flowgate::report::draw::{Detail, Form, draw};
    let report = example("clinic-notes/violating");
    let part = report.record.as_ref().unwrap().diagram.of_workflow("note-summary");
    let drawn = draw(&part, Form::Mermaid, Detail { labels: false });
    let page = summary(&report);
    assert_eq!(page.contains("```mermaid\n"), !drawn.is_empty(), "{page}");
    assert!(page.contains(drawn.trim_end()), "{page}");
    assert!(!summary(&example("clinic-notes/fixed")).contains("mermaid"));
    assert!(!summary(&Report { record: None, ..report }).contains("mermaid"));
}
