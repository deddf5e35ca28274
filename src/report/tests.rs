//! Reports made by hand, drawn for every kind of terminal; the expected text stands in the tests, for it is what people read.

use std::sync::Arc;

use super::text::{is_hostile, width};
use super::{Format, Style, render};
use crate::check::{Checked, Options, Report, check};
use crate::finding::{DatumNames, Finding, PathStep, PolicyClause, Standing, SubjectNames, UndeclaredFact, WaiverNames};
use crate::judge::{Reason, Severity};
use crate::load::{self, Document, Limits};
use crate::problem::{Place, Problem, SourceFile, Span};
use crate::project::Project;
use crate::validate::{SchemaName, bundled};

const FLOW: &str = "\
workflow: note-summary
sources:
  ehr:
    fields:
      mrn: id.mrn
      note: { class: regulated.health.note, free_text: true }
endpoints:
  summarizer: { operator: openai, service: openai/responses }
flows:
  - { from: ehr, to: redact, fields: [mrn, note] }
  - { from: redact, to: summarizer, fields: [mrn, note], tls: true }
";

const WIDE: Style = Style { width: 100, color: false, unicode: true, links: false };

fn file(name: &str, text: &str) -> Arc<SourceFile> {
    Arc::new(SourceFile { name: name.to_owned(), text: text.to_owned() })
}

/// The first place a piece of text stands at.
fn place(file: &Arc<SourceFile>, piece: &str, label: &str) -> Place {
    let start = file.text.find(piece).unwrap();
    Place::new(file, Span::new(start, start + piece.len()), label)
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

fn step(node: &str, labels: &[&str], gained: &[&str], lost: &[&str]) -> PathStep {
    PathStep { node: node.to_owned(), form: "note".to_owned(), labels: names(labels), gained: names(gained), lost: names(lost) }
}

fn datum(name: &str) -> DatumNames {
    DatumNames {
        name: name.to_owned(),
        form: "note".to_owned(),
        surface: "body".to_owned(),
        fingerprint: "00000000000000aa".to_owned(),
        carries: Vec::new(),
        assured: Vec::new(),
    }
}

fn finding(primary: Place, related: Vec<Place>) -> Finding {
    let rule = self::file("policies/packs/clinic/no-baa-now/rule.cedar", "\n\nforbid (principal, action, resource);\n");
    let reason = |clause: &str, saw: (&str, &str)| Reason {
        clause: clause.to_owned(),
        value: false,
        unless: true,
        saw: vec![(saw.0.to_owned(), saw.1.to_owned())],
        missing: None,
        line: None,
    };
    Finding {
        rule: "clinic/no-baa-now".to_owned(),
        severity: Severity::Error,
        changed: None,
        undeclared: Vec::new(),
        title: "PHI reaches an outside party that has no business associate agreement".to_owned(),
        message: "`ehr.note` is PHI and `summarizer` is run by `openai`, with no signed BAA".to_owned(),
        help: "sign a BAA that covers `openai/responses` and list it under `agreements`, or route through a step that removes the PHI"
            .to_owned(),
        citation: "45 CFR 164.502(e)(1)(i)".to_owned(),
        workflow: Some("note-summary".to_owned()),
        subject: SubjectNames::Flow { from: "redact".to_owned(), to: "summarizer".to_owned(), implied: false },
        contract: None,
        run_by: String::new(),
        primary,
        related,
        data: vec![datum("ehr.note")],
        path: vec![
            step("ehr", &["id.*", "phi", "regulated.health.note"], &[], &[]),
            step("redact", &["phi", "redacted", "regulated.health.note"], &["redacted"], &["id.name", "id.phone"]),
            step("summarizer", &["phi", "redacted", "regulated.health.note"], &[], &[]),
        ],
        policy: PolicyClause {
            place: place(&rule, "forbid", "this policy"),
            line: 3,
            reasons: vec![
                reason("principal.operator.is_self", ("principal.operator.is_self", "false")),
                reason("principal.agreements.contains(\"baa\")", ("principal.agreements", "none")),
            ],
        },
        needed_by: Vec::new(),
        also: Vec::new(),
        repeats: Vec::new(),
        fingerprint: "00000000000000ff".to_owned(),
        waiver: None,
        standing: Standing::Open,
        causes: Vec::new(),
    }
}

fn crossing() -> Finding {
    let flow = file("flows/note-summary.flow.yaml", FLOW);
    let primary = place(&flow, "{ from: redact, to: summarizer, fields: [mrn, note], tls: true }", "`ehr.note` crosses here");
    let related = vec![
        place(&flow, "note: { class: regulated.health.note, free_text: true }", "`ehr.note` enters here"),
        place(&flow, "{ from: ehr, to: redact, fields: [mrn, note] }", "passes here"),
        place(&flow, "summarizer", "run by `openai`"),
    ];
    finding(primary, related)
}

fn report(findings: Vec<Finding>) -> Report {
    let checked = Checked {
        as_of: "2026-07-01".to_owned(),
        workflows: names(&["note-summary"]),
        nodes: 4,
        flows: 2,
        implied_flows: 2,
        packs: names(&["core", "hipaa"]),
        rules: 51,
        evidence: Vec::new(),
        severity_changes: Vec::new(),
    };
    Report { checked, findings, ..Report::default() }
}

fn human(report: &Report, style: &Style) -> String {
    let text = render(report, Format::Human, style);
    assert_eq!(text, render(report, Format::Human, style), "the same report renders to the same bytes");
    assert!(!text.to_lowercase().contains("compliant"), "a checker never says that");
    assert!(text.ends_with('\n') && !text.lines().any(|l| l.ends_with(' ')), "no blanks at the end of a line");
    if !style.color && !style.links {
        assert!(!text.contains('\u{1b}'), "no escape sequence: {text}");
    }
    text
}

fn one(finding: Finding, style: &Style) -> String {
    human(&report(vec![finding]), style)
}

/// A report written with colours on a hostile day must hold only sequences that we make.
fn only_our_escapes(text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        rest = &rest[at + 1..];
        let end = rest.find('m').unwrap();
        assert!(rest.starts_with('[') && rest[1..end].bytes().all(|b| b.is_ascii_digit() || b == b';'), "{rest}");
    }
}

#[test]
fn a_crossing_as_the_design_draws_it() {
    let expected = "\
error[clinic/no-baa-now]: `ehr.note` is PHI and `summarizer` is run by `openai`, with no signed BAA
   ╭─[flows/note-summary.flow.yaml:11:5]
 6 │       note: { class: regulated.health.note, free_text: true }
   ·       ───────────────────────────┬───────────────────────────
   ·                                  ╰── `ehr.note` enters here
...
 8 │   summarizer: { operator: openai, service: openai/responses }
   ·   ─────┬────
   ·        ╰── run by `openai`
...
10 │   - { from: ehr, to: redact, fields: [mrn, note] }
11 │   - { from: redact, to: summarizer, fields: [mrn, note], tls: true }
   ·     ────────────────────────────────┬───────────────────────────────
   ·                                     ╰── `ehr.note` crosses here
   ╰────
  path: ehr.note → redact (removed id.name, id.phone; added redacted; kept phi) → summarizer
  policy: clinic/no-baa-now, rule.cedar:3: `principal.agreements.contains(\"baa\")` is false
          (agreements: none); `principal.operator.is_self` is false (operator.is_self: false)
  law: 45 CFR 164.502(e)(1)(i)
  help: sign a BAA that covers `openai/responses` and list it under `agreements`, or route through a
        step that removes the PHI

checked 1 workflow (4 nodes, 2 flows, 2 implied) against 51 rules of core, hipaa as of 2026-07-01: 1
  error
";
    assert_eq!(one(crossing(), &WIDE), expected);
}

#[test]
fn a_narrow_terminal_stays_readable() {
    let text = one(crossing(), &Style { width: 40, ..Style::PLAIN });
    let expected = "\
error[clinic/no-baa-now]: `ehr.note` is
  PHI and `summarizer` is run by
  `openai`, with no signed BAA
   ,-[flows/note-summary.flow.yaml:11:5]
 6 |       note: { class: regulated.h...
   :       ^^^|^^^
   :          `-- `ehr.note` enters here
...
 8 |   summarizer: { operator: openai...
   :   ^^^^^|^^^^
   :        `-- run by `openai`
...
10 |   - { from: ehr, to: redact, fie...
11 |   - { from: redact, to: summariz...
   :     ^^^^|^^^^
   :         `-- `ehr.note` crosses here
   `----
  path: ehr.note
    -> redact (removed id.name,
       id.phone; added redacted; kept
       phi)
    -> summarizer
";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.is_ascii());
}

#[test]
fn everything_fits_the_width_it_is_given() {
    for (columns, unicode) in [(60, true), (80, false), (80, true), (140, true)] {
        let text = one(crossing(), &Style { width: columns, unicode, ..Style::PLAIN });
        for line in text.lines() {
            assert!(width(line) <= columns, "{columns}: {line}");
        }
        assert_eq!(unicode, !text.is_ascii());
    }
    // Rule and clause are one word each; nothing else may stand out.
    let text = one(crossing(), &Style { width: 40, ..WIDE });
    assert!(text.lines().all(|l| width(l) <= 40 || l.contains("`principal.")), "{text}");
}

#[test]
fn colours_and_links_change_no_word() {
    let colored = one(crossing(), &Style { color: true, ..WIDE });
    only_our_escapes(&colored);
    assert!(colored.starts_with("\u{1b}[1;31merror[clinic/no-baa-now]:\u{1b}[0m"), "{colored}");
    let mut plain = String::new();
    let mut inside = false;
    for c in colored.chars() {
        match c {
            '\u{1b}' => inside = true,
            'm' if inside => inside = false,
            c if !inside => plain.push(c),
            _ => {}
        }
    }
    let trimmed = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_eq!(trimmed(&plain), trimmed(&one(crossing(), &WIDE)));

    let linked = one(crossing(), &Style { links: true, ..WIDE });
    let link = "\u{1b}]8;;https://www.ecfr.gov/current/title-45/section-164.502\u{1b}\\164.502(e)(1)(i)\u{1b}]8;;\u{1b}\\";
    assert!(linked.contains(link), "{linked}");
}

#[test]
fn places_in_another_file_are_one_line_each() {
    let project = file("flowgate.yaml", "agreements:\n  kestrel: { type: contract }\n");
    let mut finding = crossing();
    finding.related.push(place(&project, "kestrel", "this contract is honoured"));
    finding.related.push(place(&project, "kestrel", "this contract is honoured"));
    let text = one(finding, &WIDE);
    assert_eq!(text.matches("  see: flowgate.yaml:2:3: this contract is honoured\n").count(), 1, "{text}");
}

#[test]
fn labels_over_each_other_are_drawn_apart() {
    let flow = file("f.yaml", "- { from: ehr, to: redact }\n");
    let whole = "{ from: ehr, to: redact }";
    // Inside the primary, around it, on it twice, and overlapping one end.
    let related = |pieces: &[(&str, &str)]| pieces.iter().map(|(p, l)| place(&flow, p, l)).collect();
    let text = one(
        finding(place(&flow, whole, "crosses"), related(&[("ehr", "inside"), (whole, "same"), ("- { from", "ahead"), (whole, "same")])),
        &WIDE,
    );
    let drawn = "
  ╭─[f.yaml:1:3]
1 │ - { from: ehr, to: redact }
  · ─┬────────────┬────────────
  ·  │            ╰── crosses; inside; same
  ·  ╰── ahead
";
    assert!(text.contains(drawn), "{text}");
    let text = one(finding(place(&flow, "to", "narrow"), related(&[(whole, "wide"), ("ehr, t", "cut")])), &WIDE);
    assert!(text.contains("╰── narrow; wide") && text.contains("╰── cut"), "{text}");
}

#[test]
fn spans_of_any_shape_are_drawn() {
    let flow = file("f.yaml", "a: 1\r\n\tb: é漢字\r\nlast");
    let len = flow.text.len() as u32;
    for style in [WIDE, Style::PLAIN, Style { width: 0, color: true, ..WIDE }, Style { width: 20, ..WIDE }] {
        for start in 0..=len + 2 {
            for end in start..=len + 2 {
                // Spans that split a character, end behind the file or hold no byte: ours to survive, whoever made them.
                let primary = Place::new(&flow, Span { start, end }, "here");
                let related = vec![Place::new(&flow, Span { start: start / 2, end: end / 2 + 1 }, "there")];
                let text = one(finding(primary, related), &style);
                assert!(text.contains("here"), "{start}..{end}: {text}");
            }
        }
    }
}

#[test]
fn an_empty_file_has_a_name_and_no_snippet() {
    let empty = file("flows/empty.flow.yaml", "");
    let problem =
        Problem::new("load/empty", "the file is empty").at(&empty, Span::new(0, 0), "nothing to read here").help("write the declaration");
    let report = Report { problems: vec![problem], ..Report::default() };
    let expected = "\
error[load/empty]: the file is empty
  at: flows/empty.flow.yaml: nothing to read here
  help: write the declaration

nothing was checked: 1 file could not be read
";
    assert_eq!(human(&report, &WIDE), expected);
}

#[test]
fn an_empty_span_gets_a_caret() {
    let flow = file("f.yaml", "a:\nb: 1\n");
    let text = one(finding(Place::new(&flow, Span::new(2, 2), "a value is missing"), Vec::new()), &WIDE);
    assert!(text.contains("1 │ a:\n  ·   ┬\n  ·   ╰── a value is missing\n"), "{text}");
}

#[test]
fn a_block_is_shown_whole_and_a_long_one_by_its_first_line() {
    let block = "flows:\n  - from: a\n    to: b\n\n    fields: [x]\n\n";
    let flow = file("f.yaml", block);
    let start = block.find("from").unwrap();
    let text = one(finding(Place::new(&flow, Span::new(start, block.len()), "crosses"), Vec::new()), &WIDE);
    assert!(text.contains("╰── crosses\n3 │     to: b\n4 │\n5 │     fields: [x]\n  ╰────\n"), "{text}");
    let long = format!("flows:\n{}", "  - from: a\n".repeat(9));
    let flow = file("f.yaml", &long);
    let text = one(finding(Place::new(&flow, Span::new(9, long.len()), "crosses"), Vec::new()), &WIDE);
    assert_eq!(text.matches("from: a").count(), 1, "{text}");
}

#[test]
fn one_long_line_is_seen_through_a_window() {
    let json = format!("{{\"flows\": [{}{{\"from\": \"redact\", \"to\": \"out\"}}{}]}}", "1, ".repeat(300), ", 1".repeat(300));
    let flow = file("f.json", &json);
    let text =
        one(finding(place(&flow, "{\"from\": \"redact\", \"to\": \"out\"}", "crosses here"), Vec::new()), &Style { width: 80, ..WIDE });
    assert!(text.contains("{\"from\": \"redact\", \"to\": \"out\"}") && text.contains("1 │ …"), "{text}");
    assert!(text.lines().all(|l| width(l) <= 80), "{text}");
}

#[test]
fn names_of_any_script_keep_their_labels_under_them() {
    let flow = file("f.yaml", "  - { from: 受付, to: müller }\n");
    let text = one(finding(place(&flow, "müller", "here"), Vec::new()), &WIDE);
    let line = text.lines().find(|l| l.contains("受付")).unwrap();
    let under = text.lines().find(|l| l.contains('┬')).unwrap();
    let column = |line: &str, piece: char| width(&line[..line.find(piece).unwrap()]);
    assert_eq!(column(line, 'ü') + 2, column(under, '┬'), "{text}");
}

#[test]
fn a_hostile_name_cannot_steer_the_terminal() {
    let evil = "x\u{1b}[2J\u{1b}]8;;http://evil\u{7}\r\nerror[fake]: \u{202e}gnp\u{200b}\u{9b}31m";
    let flow = file(&format!("flows/{evil}.yaml"), &format!("- {evil}\n"));
    let mut hostile = finding(Place::new(&flow, Span::new(0, flow.text.len()), evil), vec![place(&file(evil, evil), "x", evil)]);
    hostile.message = evil.to_owned();
    hostile.help = evil.to_owned();
    hostile.rule = evil.to_owned();
    hostile.data = vec![datum(evil)];
    hostile.path = vec![step(evil, &[], &[], &[]), step(evil, &[evil], &[evil], &[evil])];
    hostile.undeclared = vec![UndeclaredFact { fact: evil.to_owned(), holder: evil.to_owned(), needs: Some(evil.to_owned()) }];
    hostile.changed = Some((Severity::Note, evil.to_owned()));
    hostile.also = names(&[evil]);
    hostile.repeats = names(&[evil]);
    for style in [WIDE, Style { width: 40, ..Style::PLAIN }] {
        let text = one(hostile.clone(), &style);
        assert!(text.chars().all(|c| c == '\n' || !is_hostile(c)), "{text:?}");
        assert!(!text.lines().any(|l| l.starts_with("error[fake]")), "{text}");
        only_our_escapes(&one(hostile.clone(), &Style { color: true, ..style }));
    }
}

#[test]
fn many_labels_and_data_stay_readable() {
    let mut finding = crossing();
    let many: Vec<String> = (0..30).map(|n| format!("id.kind{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    finding.path = vec![step("ehr", &many, &[], &[]), step("redact", &many, &many, &many), step("summarizer", &many, &[], &[])];
    finding.data = many.iter().map(|n| datum(n)).collect();
    let text = one(finding, &WIDE);
    let expected = "  path: ehr
        → redact (removed id.kind0, id.kind1, id.kind2, id.kind3 and 26 more; added id.kind0,
          id.kind1, id.kind2, id.kind3 and 26 more)
        → summarizer
  data: `id.kind0`, `id.kind1`, `id.kind10`, `id.kind11`, `id.kind12`, `id.kind13`, `id.kind14`,
        `id.kind15` and 22 more
";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_missing_fact_says_whose_and_where() {
    let flow = file("flows/note-summary.flow.yaml", FLOW);
    let mut missing = finding(place(&flow, "summarizer", "declared here"), Vec::new());
    missing.rule = "base/missing-fact".to_owned();
    missing.severity = Severity::Warning;
    missing.message = "`training_use` is not declared".to_owned();
    missing.subject = SubjectNames::Node("summarizer".to_owned());
    missing.undeclared =
        vec![UndeclaredFact { fact: "training_use".to_owned(), holder: "summarizer".to_owned(), needs: Some("tier".to_owned()) }];
    missing.needed_by = names(&["private/no-trainings", "acme1/vendor-own-use"]);
    missing.changed = Some((Severity::Error, "the vendor answers in May".to_owned()));
    missing.also = names(&["core/a"]);
    missing.repeats = names(&["summarizer.abuse_log"]);
    missing.path = Vec::new();
    let text = one(missing, &WIDE);
    let expected = "
  ╰────
  missing: `training_use` of `summarizer`, or `tier`: declare it at flows/note-summary.flow.yaml:8
  needed by: private/no-trainings, acme1/vendor-own-use
  policy: base/missing-fact, rule.cedar:3
  law: 45 CFR 164.502(e)(1)(i)
  severity: warning here (error by the rule; reason: the vendor answers in May)
  also: core/a
  also at: `summarizer.abuse_log`
  help:";
    assert!(text.starts_with("warning[base/missing-fact]: ") && text.contains(expected), "{text}");
    assert!(text.contains("(for an undeclared fact)"), "{text}");
}

#[test]
fn problems_come_before_findings_before_notices_before_the_summary() {
    let broken = file("flows/broken.flow.yaml", "a: 1\na: 2\n");
    let problem = Problem::new("load/duplicate-key", "key `a` is given twice in one map")
        .at(&broken, Span::new(5, 6), "given again here")
        .help("keep one");
    let other = Problem::new("packs/unknown-pack", "there is no pack `hippa`");
    let notice = Problem::new("propagate/variant-cap", "more than 64 variants");
    let mut waived = crossing();
    waived.waiver = Some(WaiverNames {
        reason: "until the BAA is signed".to_owned(),
        approver: "tom".to_owned(),
        expires: "2026-09-01".to_owned(),
        line: 2,
    });
    let report = Report { waived: vec![waived], problems: vec![problem, other], notices: vec![notice], ..report(vec![crossing()]) };
    let text = human(&report, &WIDE);
    let order = [
        "error[load/duplicate-key]",
        "error[packs/unknown-pack]",
        "error[clinic/no-baa-now]",
        "note[propagate/variant-cap]",
        "waived: ",
        "checked ",
    ];
    let places: Vec<usize> = order.iter().map(|piece| text.find(piece).unwrap_or_else(|| panic!("{piece} in {text}"))).collect();
    assert!(places.is_sorted(), "{text}");
    let end = "
waived: clinic/no-baa-now on `redact` → `summarizer` for `ehr.note` until 2026-09-01, accepted by
        tom: until the BAA is signed (flowgate.waivers.yaml:2)

checked 1 workflow (4 nodes, 2 flows, 2 implied) against 51 rules of core, hipaa as of 2026-07-01: 1
  error; 1 waived; 1 file could not be read; 1 problem to solve before the result is whole
";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn a_clean_report_says_what_was_checked() {
    let expected = "no finding in 1 workflow (4 nodes, 2 flows, 2 implied) against 51 rules of core, hipaa as of 2026-07-01\n";
    assert_eq!(human(&report(Vec::new()), &Style { width: 140, ..WIDE }), expected);
}

/// What does not match the schema, in words.
fn schema_errors(text: &str) -> Vec<String> {
    let validator = jsonschema::draft202012::options().build(bundled(SchemaName::Report)).unwrap();
    validator.iter_errors(&serde_json::from_str(text).unwrap()).map(|e| format!("{}: {e}", e.instance_path())).collect()
}

#[test]
fn json_keeps_to_its_schema() {
    let mut full = crossing();
    full.changed = Some((Severity::Note, "why".to_owned()));
    full.contract = Some("kestrel".to_owned());
    full.undeclared = vec![UndeclaredFact { fact: "tier".to_owned(), holder: "x".to_owned(), needs: Some("y".to_owned()) }];
    full.policy.reasons[0].missing = Some(("principal".to_owned(), "operator".to_owned()));
    full.waiver = Some(WaiverNames { reason: "r".to_owned(), approver: "a".to_owned(), expires: "2026-09-01".to_owned(), line: 1 });
    let mut declared = crossing();
    declared.subject = SubjectNames::Declared("agreement", "openai-dpa".to_owned());
    declared.workflow = None;
    let broken = file("flows/broken.flow.yaml", "a: é\na: 2\n");
    let problem = Problem::new("load/duplicate-key", "twice").at(&broken, Span::new(3, 5), "here").help("keep one");
    let report = Report {
        waived: vec![full.clone()],
        problems: vec![problem.clone()],
        notices: vec![problem],
        ..report(vec![crossing(), full, declared])
    };
    for report in [&report, &Report::default()] {
        let text = render(report, Format::Json, &Style::PLAIN);
        assert_eq!(schema_errors(&text), [""; 0]);
        assert!(text.ends_with("}\n"));
        assert_eq!(text, render(report, Format::Json, &WIDE), "style is for people");
    }
    let json: serde_json::Value = serde_json::from_str(&render(&report, Format::Json, &WIDE)).unwrap();
    assert_eq!(
        json["summary"],
        serde_json::json!({"errors": 3, "warnings": 0, "notes": 0, "undeclared": 1, "waived": 1, "problems": 1, "notices": 1})
    );
    assert_eq!(json["findings"][0]["location"]["line"], 11);
    assert_eq!(json["findings"][2]["subject"], serde_json::json!({"kind": "agreement", "name": "openai-dpa"}));
    let place = &json["problems"][0]["locations"][0];
    assert_eq!((&place["column"], &place["end_column"], &place["byte_end"]), (&4.into(), &5.into(), &5.into()), "columns count characters");
}

#[test]
fn the_schema_refuses_what_it_does_not_know_and_describes_what_it_does() {
    let text = render(&report(vec![crossing()]), Format::Json, &WIDE).replacen("\"title\"", "\"titel\"", 1);
    assert_eq!(schema_errors(&text).len(), 2, "one missing, one unknown");

    fn visit(schema: &serde_json::Value, path: &str) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "{path}/{name} has no description");
            visit(property, &format!("{path}/{name}"));
        }
        if schema["type"] == "object" {
            assert_eq!(schema["additionalProperties"], false, "{path}");
        }
        if schema["items"].is_object() {
            visit(&schema["items"], path);
        }
    }
    let schema = bundled(SchemaName::Report);
    visit(schema, "");
    for (name, def) in schema["$defs"].as_object().unwrap() {
        visit(def, name);
    }
}

#[test]
fn a_real_check_renders_in_both_formats() {
    let parse = |name: &str, text: &str| Document::parse(name, text.as_bytes().to_vec(), load::Format::Yaml, &Limits::default()).unwrap();
    let project = Project {
        workflows: vec![parse("flows/a.flow.yaml", FLOW), parse("b.flow.yaml", "workflow: b\nflows: [{ from: x, to: y }]\n")],
        ..Project::default()
    };
    let report = check(&project, &Options::on("2026-07-01".parse().unwrap()));
    assert!(!report.problems.is_empty(), "`redact` is declared nowhere");
    let json = render(&report, Format::Json, &WIDE);
    assert_eq!(schema_errors(&json), [""; 0]);
    for style in [WIDE, Style::PLAIN, Style { width: 40, ..WIDE }] {
        let text = human(&report, &style);
        for finding in &report.findings {
            assert!(text.contains(&format!("[{}]:", finding.rule)), "{text}");
        }
        assert!(text.lines().last().unwrap().len() > 1);
    }
}

#[test]
fn what_verdicts_rest_on_is_said_in_every_format() {
    let mut report = report(Vec::new());
    let document = |kind: &str, id: &str| crate::facts::EvidenceOnFile {
        workflow: None,
        id: id.to_owned(),
        kind: kind.to_owned(),
        date: "2026-05-01".to_owned(),
        owner: "maya".to_owned(),
        uri: "docs/a.md".to_owned(),
    };
    report.checked.evidence = vec![document("runbook", "a"), document("dfd", "b"), document("dfd", "c")];
    report.checked.severity_changes = vec![crate::check::SeverityChange {
        rule: "pack/rule".to_owned(),
        from: Severity::Error,
        to: Severity::Warning,
        reason: "until June".to_owned(),
    }];
    let text = human(&report, &Style::default());
    assert!(text.contains("evidence on file, not judged: 3 documents (dfd, runbook)\n"), "{text}");
    assert!(text.contains("severity changed: `pack/rule` warning here (error by the rule; reason: until June)\n"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&render(&report, Format::Json, &Style::default())).unwrap();
    assert_eq!(json.pointer("/checked/evidence/1/type").unwrap(), "dfd");
    assert_eq!(json.pointer("/checked/severity_changes/0/from").unwrap(), "error");
}
