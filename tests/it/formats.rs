//! Every format tells the same: each finding with its rule and place, whatever the names are made of.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use clap::ValueEnum as _;
use flowgate::finding::{Finding, Standing, SubjectNames, WaiverNames};
use flowgate::load::{Document, Format as Syntax, Limits};
use flowgate::problem::{Place, Problem, SourceFile, Span};
use flowgate::report::{Format, Style, render_all};
use flowgate::{Comparison, Options, Project, Report, check};
use serde_json::Value as Json;

use crate::common::{options, project, projects, root};
use crate::security::hostile::HOSTILE;

pub(crate) fn recorded() -> Options {
    Options { record: true, ..options() }
}

fn examples() -> Vec<(String, Report)> {
    let name = |folder: &Path| folder.strip_prefix(root()).unwrap().display().to_string();
    let one = |folder| (name(folder), check(&Project::read(folder, &Limits::default()), &recorded()));
    projects("examples").iter().map(|folder| one(folder.as_path())).collect()
}

/// A report is the same alone and beside others, one of which may ask for a record.
#[test]
fn a_form_that_asks_for_no_record_has_no_use_for_one() {
    for folder in projects("examples") {
        let project = Project::read(&folder, &Limits::default());
        let (with, without) = (check(&project, &recorded()), check(&project, &options()));
        for format in Format::value_variants().iter().filter(|format| !format.needs_record()) {
            assert_eq!(text(&[&with], *format), text(&[&without], *format), "{format:?} of {}", folder.display());
        }
    }
}

fn example(name: &str) -> Report {
    let folder = root().join("examples").join(name);
    let report = check(&Project::read(&folder, &Limits::default()), &recorded());
    assert!(report.findings.len() > 3, "{name} has {} findings", report.findings.len());
    report
}

fn text(reports: &[&Report], format: Format) -> String {
    render_all(reports, format, &Style::PLAIN)
}

/// Rule, file and line of a finding.
type Told = (String, String, usize);

fn told(reports: &[&Report]) -> Vec<Told> {
    told_with_files(reports, true)
}

/// With the files of the repository, or as each project has them.
fn told_with_files(reports: &[&Report], of_repository: bool) -> Vec<Told> {
    let mut told = Vec::new();
    for report in reports {
        let folder = if report.folder.is_empty() || !of_repository { String::new() } else { format!("{}/", report.folder) };
        for finding in report.findings.iter().chain(&report.waived) {
            let place = finding.foremost();
            let line = place.file.line_column(place.span.start).0;
            told.push((finding.rule.clone(), format!("{folder}{}", place.file.name), line));
        }
    }
    told.sort();
    told
}

fn told_in_sarif(text: &str) -> Vec<Told> {
    let log: Json = serde_json::from_str(text).unwrap();
    let mut told = Vec::new();
    for result in log["runs"].as_array().unwrap().iter().flat_map(|r| r["results"].as_array().unwrap()) {
        if result["properties"]["problem"] == true {
            continue;
        }
        let place = &result["locations"][0]["physicalLocation"];
        let line = usize::try_from(place["region"]["startLine"].as_u64().unwrap()).unwrap();
        told.push((string(&result["ruleId"]), string(&place["artifactLocation"]["uri"]), line));
    }
    told.sort();
    told
}

fn told_in_github(text: &str) -> Vec<Told> {
    let lines = text.lines().skip_while(|l| !l.starts_with("::group::")).skip(1).take_while(|l| *l != "::endgroup::");
    let mut told = Vec::new();
    for line in lines {
        let (place, rest) = line.split_once(": ").unwrap();
        let mut parts = place.rsplitn(3, ':').skip(1);
        let at = parts.next().unwrap().parse().unwrap();
        let rule = rest.split(['[', ']']).nth(1).unwrap();
        told.push((rule.to_owned(), parts.next().unwrap().to_owned(), at));
    }
    told.sort();
    told
}

fn told_in_junit(text: &str) -> Vec<Told> {
    let document = roxmltree::Document::parse(text).unwrap();
    let mut told = Vec::new();
    for outcome in document.descendants().filter(|n| n.has_tag_name("failure") || n.has_tag_name("skipped")) {
        let name = outcome.parent().unwrap().attribute("name").unwrap();
        let mut place = outcome.text().unwrap().lines().next().unwrap().rsplitn(3, ':').skip(1);
        let line = place.next().unwrap().parse().unwrap();
        told.push((name.split(": ").next().unwrap().to_owned(), place.next().unwrap().to_owned(), line));
    }
    told.sort();
    told
}

fn string(json: &Json) -> String {
    json.as_str().unwrap_or_else(|| panic!("{json} is no string")).to_owned()
}

/// Everything that must hold of any SARIF: the schema, and what a schema cannot say.
fn sarif(reports: &[&Report]) -> Json {
    static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
        let text = std::fs::read_to_string(root().join("tests/sarif/sarif-schema-2.1.0.json")).unwrap();
        // The pattern of a language, which is not written here, closes a bracket that nothing opens; strict readers of patterns refuse it.
        let faulty = r"^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$";
        assert_eq!(text.matches(faulty).count(), 2);
        let schema = serde_json::from_str(&text.replace(faulty, "^[a-zA-Z]{2}(-[a-zA-Z]{2})?$")).unwrap();
        jsonschema::draft7::options().should_validate_formats(true).build(&schema).unwrap()
    });
    let log: Json = serde_json::from_str(&text(reports, Format::Sarif)).unwrap();
    let faults: Vec<String> = SCHEMA.iter_errors(&log).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    let mut categories = BTreeSet::new();
    for run in log["runs"].as_array().unwrap() {
        assert!(categories.insert(string(&run["automationDetails"]["id"])), "two runs of one category");
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        let mut used = BTreeSet::new();
        let results = run["results"].as_array().unwrap();
        let mut identities = BTreeSet::new();
        for result in results {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[index]["id"], result["ruleId"]);
            used.insert(index);
            sound_result(result);
            assert!(identities.insert(result["partialFingerprints"]["primaryLocationLineHash"].to_string()));
        }
        assert_eq!(used.len(), rules.len(), "a rule without a result is described");
        for rule in rules {
            for text in ["shortDescription", "fullDescription", "help"] {
                assert!(!string(&rule[text]["text"]).is_empty(), "{rule}");
            }
            assert!(rule["properties"]["tags"].as_array().unwrap().len() <= 10);
        }
        let states = results.iter().filter(|r| r.get("baselineState").is_some()).count();
        assert!(states == 0 || states == results.len(), "some results have a state");
    }
    log
}

fn sound_result(result: &Json) {
    let related: Vec<&Json> = result["relatedLocations"].as_array().into_iter().flatten().collect();
    let stops = result["codeFlows"].as_array().into_iter().flatten().flat_map(|f| f["threadFlows"][0]["locations"].as_array().unwrap());
    let places = result["locations"].as_array().unwrap();
    assert_eq!(places.len(), 1, "GitHub shows the first");
    for location in places.iter().chain(related.iter().copied()).chain(stops.map(|s| &s["location"])) {
        let (artifact, region) = (&location["physicalLocation"]["artifactLocation"], &location["physicalLocation"]["region"]);
        let uri = string(&artifact["uri"]);
        assert!(!uri.starts_with('/') && !uri.contains([':', ' ', '?', '#', '\\']) && uri.is_ascii(), "{uri}");
        assert_eq!(artifact["uriBaseId"], "%SRCROOT%");
        let at = |key: &str| region[key].as_u64().unwrap();
        let (start, end) = ((at("startLine"), at("startColumn")), (at("endLine"), at("endColumn")));
        assert!(start.0 >= 1 && start.1 >= 1 && end > start, "{region}");
    }
    let text = string(&result["message"]["text"]);
    let links: BTreeSet<String> = text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap().to_owned()).collect();
    let ids: BTreeSet<String> = related.iter().map(|l| l["id"].to_string()).collect();
    assert!(links.is_subset(&ids), "{links:?} of {ids:?} in {text}");
}

/// Commands of a log, and that nothing else is one.
fn commands(text: &str) -> Vec<&str> {
    let mut commands = Vec::new();
    for line in text.lines() {
        assert!(!line.contains("##["), "{line:?}");
        // The runner breaks lines at the same characters, and looks behind white space of any kind.
        if line.trim_start().starts_with("::") {
            let known = ["::error ", "::warning ", "::notice ", "::group::flowgate: ", "::endgroup::"];
            assert!(known.iter().any(|k| line.starts_with(k)), "{line:?}");
            commands.push(line);
        }
    }
    commands
}

/// XML that parses, with numbers that add up.
fn junit(reports: &[&Report]) -> String {
    let xml = text(reports, Format::Junit);
    let document = roxmltree::Document::parse(&xml).unwrap_or_else(|e| panic!("{e}: {xml}"));
    let suites: Vec<_> = document.descendants().filter(|n| n.has_tag_name("testsuite")).collect();
    assert_eq!(suites.len(), reports.len());
    for suite in suites {
        let number = |name: &str| suite.attribute(name).unwrap().parse::<usize>().unwrap();
        let of = |name: &str| suite.descendants().filter(|n| n.has_tag_name(name)).count();
        assert_eq!(
            [number("tests"), number("failures"), number("errors"), number("skipped")],
            [of("testcase"), of("failure"), of("error"), of("skipped")]
        );
        let names: Vec<_> = suite.children().filter(|n| n.is_element()).map(|n| (n.attribute("classname"), n.attribute("name"))).collect();
        assert!(!names.is_empty());
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "two cases of one name: {names:#?}");
    }
    xml
}

#[test]
fn every_format_carries_every_finding_with_its_rule_and_place() {
    let mut findings = 0;
    let mut check_all = |name: &str, reports: &[&Report]| {
        let expected = told(reports);
        findings += expected.len();
        assert_eq!(told_in_sarif(&text(reports, Format::Sarif)), expected, "{name}: sarif");
        assert_eq!(told_in_github(&text(reports, Format::Github)), expected, "{name}: github");
        assert_eq!(told_in_junit(&junit(reports)), expected, "{name}: junit");
        for format in [Format::Markdown, Format::Comment, Format::Html] {
            let page = text(reports, format);
            // A comment has room for so much, and says what it has no room for.
            if format == Format::Comment && page.contains("**Left out to fit on this page**") {
                assert!(page.len() > 50_000, "{name}: something is left out of {} bytes", page.len());
                continue;
            }
            // The page for auditors tells each project by itself.
            for (rule, file, line) in &told_with_files(reports, format != Format::Html) {
                assert!(page.contains(rule), "{name}: {format:?} has no {rule}");
                assert!(
                    page.contains(&format!("{file}:{line}")) || page.contains(&format!("{file}#L{line}")),
                    "{name}: {format:?} {file}:{line}"
                );
            }
        }
    };
    let mut examples = examples();
    for (name, report) in &examples {
        check_all(name, &[report]);
        let json: Json = serde_json::from_str(&text(&[report], Format::Json)).unwrap();
        let found = json["findings"].as_array().unwrap().iter().chain(json["waived"].as_array().unwrap());
        let mut in_json: Vec<Told> = found
            .map(|f| {
                (string(&f["rule"]), string(&f["location"]["file"]), usize::try_from(f["location"]["line"].as_u64().unwrap()).unwrap())
            })
            .collect();
        in_json.sort();
        assert_eq!(in_json, told(&[report]), "{name}: json");
    }
    // The same as projects of one repository.
    for (name, report) in &mut examples {
        report.name = Some(name.clone());
        report.folder.clone_from(name);
    }
    check_all("all examples", &examples.iter().map(|(_, r)| r).collect::<Vec<_>>());
    assert!(findings > 100, "only {findings} findings");
}

#[test]
fn sarif_of_every_example_is_valid_alone_and_together() {
    let mut all = examples();
    for (name, report) in &all {
        let log = sarif(&[report]);
        assert_eq!(log["runs"][0]["automationDetails"]["id"], "flowgate/", "{name}");
    }
    for (name, report) in &mut all {
        report.name = Some(name.clone());
        report.folder.clone_from(name);
    }
    // GitHub takes 20 runs.
    let reports: Vec<&Report> = all.iter().map(|(_, r)| r).take(20).collect();
    let log = sarif(&reports);
    assert_eq!(log["runs"].as_array().unwrap().len(), reports.len());
    assert_eq!(log["runs"][0]["automationDetails"]["id"], "flowgate/examples/clinic-notes/fixed/");
    // More projects than GitHub takes runs are one run, with everything.
    let again: Vec<Report> = reports.iter().map(|r| Report { folder: format!("again/{}", r.folder), ..(*r).clone() }).collect();
    let many: Vec<&Report> = reports.iter().copied().chain(&again).collect();
    assert!(many.len() > 20);
    let log = sarif(&many);
    assert_eq!(log["runs"].as_array().unwrap().len(), 1);
    assert_eq!(log["runs"][0]["results"].as_array().unwrap().len(), told(&many).len());
    // Reports without a project, and none at all.
    assert_eq!(sarif(&[&Report::default(), &Report::default()])["runs"].as_array().unwrap().len(), 2);
    assert_eq!(sarif(&[])["runs"][0]["results"], Json::Array(Vec::new()));
}

#[test]
fn sarif_tells_a_finding_as_github_shows_it() {
    let mut report = example("clinic-notes/violating");
    report.folder = "apps/clinic notes".to_owned();
    let log = sarif(&[&report]);
    let run = &log["runs"][0];
    assert_eq!(run["automationDetails"]["id"], "flowgate/apps/clinic notes/");
    assert_eq!(run["columnKind"], "utf16CodeUnits");
    let result = run["results"].as_array().unwrap().iter().find(|r| r["ruleId"] == "hipaa/baa-missing").unwrap();
    let finding = report.findings.iter().find(|f| f.rule == "hipaa/baa-missing").unwrap();
    assert_eq!(result["level"], "error");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "apps/clinic%20notes/flows/note-summary.flow.yaml");
    let (line, column) = finding.primary.file.line_column(finding.primary.span.start);
    assert_eq!((place["region"]["startLine"].as_u64(), place["region"]["startColumn"].as_u64()), (Some(line as u64), Some(column as u64)));
    assert_eq!(result["partialFingerprints"]["flowgate/v1"], finding.fingerprint.as_str());
    assert_eq!(result["partialFingerprints"]["primaryLocationLineHash"], format!("{}:1", finding.fingerprint));
    let text = string(&result["message"]["text"]);
    assert_eq!(text.lines().next().unwrap(), format!("{}.", finding.message));
    for part in [
        "help: sign a business associate agreement",
        "law: 45 CFR 164.502(e)(1)(i)",
        "path: ehr.mrn → redact (added untouched) → summarizer",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(text.contains("[`ehr.mrn` enters here](1), [passes here](2), [run by `openai`](3)"), "{text}");
    // The stops of the path, each where it is declared.
    let stops = result["codeFlows"][0]["threadFlows"][0]["locations"].as_array().unwrap();
    let told: Vec<(u64, String)> = stops
        .iter()
        .map(|s| (s["location"]["physicalLocation"]["region"]["startLine"].as_u64().unwrap(), string(&s["location"]["message"]["text"])))
        .collect();
    let expected = [(22, "`mrn` leaves `ehr`"), (58, "`mrn` passes `redact`: added untouched"), (59, "`mrn` reaches `summarizer`")];
    assert_eq!(told, expected.map(|(line, text)| (line, text.to_owned())));
    // The rule, from its page.
    let rule = &run["tool"]["driver"]["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
    assert_eq!(rule["shortDescription"]["text"], finding.title.as_str());
    assert_eq!(rule["defaultConfiguration"]["level"], "error");
    let tags: Vec<&str> = rule["properties"]["tags"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
    assert_eq!(tags[..2], ["hipaa", "flow"]);
    assert!(!tags.contains(&"undeclared") && rule["properties"].get("security-severity").is_none());
    for part in ["## What it forbids\n", "## Why\n", "## How to fix\n"] {
        assert!(string(&rule["help"]["markdown"]).contains(part), "{part} is not in {}", rule["help"]["markdown"]);
    }
    // A missing fact is said to be one.
    let missing = run["results"].as_array().unwrap().iter().find(|r| r["properties"]["verdict"] == "undeclared").unwrap();
    let rule = &run["tool"]["driver"]["rules"][usize::try_from(missing["ruleIndex"].as_u64().unwrap()).unwrap()];
    assert!(rule["properties"]["tags"].as_array().unwrap().contains(&Json::from("undeclared")));
    assert!(string(&missing["message"]["text"]).contains("\nmissing: `audit_log` of `summarizer.abuse_log`"));
}

#[test]
fn columns_count_as_each_format_says() {
    // A character outside the basic plane: one character, two UTF-16 code units, four bytes.
    let file = Arc::new(SourceFile { name: "a.yaml".to_owned(), text: "😀 x\n\n".to_owned() });
    let problem = |start, end| Problem::new("load/bad", "bad").at(&file, Span::new(start, end), "");
    let report = Report { problems: vec![problem(5, 8), problem(7, 7)], ..Report::default() };
    let log = sarif(&[&report]);
    let region = |n: usize| log["runs"][0]["results"][n]["locations"][0]["physicalLocation"]["region"].clone();
    assert_eq!(region(0), serde_json::json!({ "startLine": 1, "startColumn": 4, "endLine": 1, "endColumn": 5 }));
    assert_eq!(region(1), serde_json::json!({ "startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 2 }));
    assert!(text(&[&report], Format::Github).contains("::error file=a.yaml,line=1,endLine=1,col=3,endColumn=3,title=load/bad::bad\n"));
}

#[test]
fn what_could_not_be_read_fails_in_every_format() {
    let broken = Document::parse("flowgate.yaml", b"project: [".to_vec(), Syntax::Yaml, &Limits::default()).unwrap_err();
    let mut report = check(&Project { problems: vec![broken], ..Project::default() }, &recorded());
    assert!(report.findings.is_empty());
    // One more without a place: it is shown at the project file.
    report.problems.push(Problem::new("judge/nowhere", "nobody knows where"));
    let log = sarif(&[&report]);
    let run = &log["runs"][0];
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), report.problems.len());
    assert!(results.iter().all(|r| r["level"] == "error"));
    assert_eq!(run["invocations"][0]["toolExecutionNotifications"].as_array().unwrap().len(), report.problems.len() + report.notices.len());
    let nowhere = results.iter().find(|r| r["ruleId"] == "judge/nowhere").unwrap();
    assert_eq!(nowhere["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "flowgate.yaml");
    let github = text(&[&report], Format::Github);
    assert_eq!(github.lines().filter(|l| l.starts_with("::error ")).count(), report.problems.len(), "{github}");
    assert!(github.contains("\n::error title=judge/nowhere::nobody knows where\n"), "{github}");
    assert!(junit(&[&report]).contains("<error type=\"judge/nowhere\" message=\"nobody knows where\">"));
    assert!(text(&[&report], Format::Outputs).contains(&format!("\nproblems={}\n", report.problems.len())));
    // And one that was read whole is no failure.
    let clean = example_clean();
    assert_eq!(sarif(&[&clean])["runs"][0]["invocations"][0]["executionSuccessful"], true);
}

fn example_clean() -> Report {
    let report = check(&Project::read(&root().join("examples/clinic-notes/fixed"), &Limits::default()), &recorded());
    assert!(report.findings.is_empty() && report.problems.is_empty());
    report
}

#[test]
fn nothing_found_is_neither_empty_nor_a_failure() {
    let mut report = example_clean();
    assert_eq!(sarif(&[&report])["runs"][0]["results"], Json::Array(Vec::new()));
    let github = text(&[&report], Format::Github);
    assert_eq!(github.lines().filter(|l| l.starts_with("::error") || l.starts_with("::warning")).count(), 0);
    assert!(github.ends_with("flowgate: checked 1 workflow: 0 errors, 0 warnings, 0 notes\n"), "{github}");
    // With a record, what was asked passes by rule; without one, by workflow.
    let asked = report.record.as_ref().unwrap().rules.iter().filter(|r| r.total().asked > 0).count();
    let xml = junit(&[&report]);
    assert!(asked > 20 && xml.matches("<testcase ").count() >= asked, "{asked} {xml}");
    assert!(!xml.contains("<failure") && !xml.contains("<skipped"));
    report.record = None;
    let xml = junit(&[&report]);
    assert!(xml.contains("<testcase classname=\"note-summary\" name=\"no finding\"/>"), "{xml}");
    for line in text(&[&report], Format::Outputs).lines() {
        assert!(line.ends_with("=0"), "{line}");
    }
}

#[test]
fn what_a_waiver_covers_fails_nothing_and_is_told() {
    let mut report = example("clinic-notes/violating");
    let mut waived = report.findings.remove(0);
    waived.waiver = Some(WaiverNames {
        reason: "until the contract is signed".to_owned(),
        approver: "dana".to_owned(),
        expires: "2026-12-31".to_owned(),
        line: 4,
    });
    let message = waived.message.clone();
    report.waived.push(waived);
    let log = sarif(&[&report]);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let suppressed: Vec<&Json> = results.iter().filter(|r| r.get("suppressions").is_some()).collect();
    assert_eq!(suppressed.len(), 1);
    assert_eq!(suppressed[0]["level"], "note");
    assert_eq!(suppressed[0]["properties"]["severity"], "error");
    let suppression = &suppressed[0]["suppressions"][0];
    assert_eq!((string(&suppression["kind"]), string(&suppression["status"])), ("external".to_owned(), "accepted".to_owned()));
    assert_eq!(suppression["justification"], "until the contract is signed");
    assert_eq!(
        (string(&suppression["properties"]["approver"]), string(&suppression["properties"]["expires"])),
        ("dana".to_owned(), "2026-12-31".to_owned())
    );
    assert_eq!(suppression["location"]["physicalLocation"]["region"]["startLine"], 4);
    let github = text(&[&report], Format::Github);
    let about: Vec<&str> = github.lines().filter(|l| l.contains(&message)).collect();
    assert_eq!(about.len(), 1, "{about:#?}");
    assert!(about[0].ends_with("(waived until 2026-12-31, accepted by dana: until the contract is signed)"), "{about:?}");
    assert!(
        junit(&[&report])
            .contains("<skipped type=\"error\" message=\"waived until 2026-12-31, accepted by dana: until the contract is signed: ")
    );
    let outputs = text(&[&report], Format::Outputs);
    assert!(outputs.contains("\nwaived=1\n") && outputs.contains(&format!("findings={}\n", report.findings.len())), "{outputs}");
}

/// A comparison by hand: one of each standing.
fn compared() -> Report {
    let mut report = example("clinic-notes/violating");
    let cause = Place::new(
        &Arc::new(SourceFile { name: "flowgate.yaml".to_owned(), text: "project: a\nroles: [b]\n".to_owned() }),
        Span::new(11, 21),
        "",
    );
    report.findings.truncate(5);
    let mut fixed = report.findings.pop().unwrap();
    fixed.fingerprint = "fixedfixedfixed0".to_owned();
    let standings = [Standing::New, Standing::Worsened(vec!["one more datum".to_owned()]), Standing::Unchanged, Standing::Baseline];
    for (finding, standing) in report.findings.iter_mut().zip(standings) {
        finding.standing = standing;
    }
    report.findings[0].causes = vec![cause];
    report.comparison = Some(Comparison { base: Some("main".to_owned()), fixed: vec![fixed], ..Comparison::default() });
    report
}

#[test]
fn a_comparison_points_at_the_change_and_holds_what_was_there_before_apart() {
    let report = compared();
    let alone = {
        let mut report = report.clone();
        report.comparison = None;
        report.findings.iter_mut().for_each(|f| (f.standing, f.causes) = (Standing::Open, Vec::new()));
        sarif(&[&report])
    };
    let log = sarif(&[&report]);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let states: Vec<String> = results.iter().map(|r| string(&r["baselineState"])).collect();
    assert_eq!(states, ["new", "updated", "unchanged", "unchanged"]);
    assert!(!log.to_string().contains("fixedfixedfixed0"), "what is fixed is no result");
    assert!(alone["runs"][0]["results"][0].get("baselineState").is_none());
    // Identity is the same whether the run compares or not.
    let identities = |log: &Json| -> Vec<String> {
        log["runs"][0]["results"].as_array().unwrap().iter().map(|r| string(&r["partialFingerprints"]["primaryLocationLineHash"])).collect()
    };
    assert_eq!(identities(&log), identities(&alone));
    let place = |n: usize| &results[n]["locations"][0]["physicalLocation"];
    assert_eq!(
        (string(&place(0)["artifactLocation"]["uri"]), place(0)["region"]["startLine"].as_u64()),
        ("flowgate.yaml".to_owned(), Some(2))
    );
    assert_eq!(results[0]["relatedLocations"][0]["physicalLocation"]["artifactLocation"]["uri"], "flows/note-summary.flow.yaml");
    assert_eq!(place(1)["artifactLocation"]["uri"], "flows/note-summary.flow.yaml");
    let suppressed: Vec<bool> = results.iter().map(|r| r.get("suppressions").is_some()).collect();
    assert_eq!(suppressed, [false, false, false, true]);
    assert_eq!(results[3]["suppressions"][0]["justification"], "in the baseline file");

    let github = text(&[&report], Format::Github);
    let annotations: Vec<&str> = commands(&github).into_iter().filter(|c| !c.contains("group::")).collect();
    assert_eq!(annotations.len(), 2, "{annotations:#?}");
    assert!(annotations[0].starts_with("::error file=flowgate.yaml,line=2,endLine=2,"), "{annotations:?}");
    assert!(annotations[0].contains("%0Ashows at: flows/note-summary.flow.yaml:58%0A"), "{annotations:?}");
    for standing in ["(new)", "(worsened: one more datum)", "(unchanged)", "(in the baseline file)"] {
        assert_eq!(github.lines().filter(|l| l.ends_with(standing)).count(), 1, "{standing} in {github}");
    }
    let xml = junit(&[&report]);
    assert_eq!((xml.matches("<failure").count(), xml.matches("<skipped").count()), (2, 2));
    let outputs = text(&[&report], Format::Outputs);
    let expected =
        "findings=2\nerrors=2\nwarnings=0\nnotes=0\nproblems=0\nwaived=0\nnew=1\nworsened=1\nfixed=1\nunchanged=1\nbaseline=1\ngate=0\n";
    assert_eq!(outputs, expected);
}

/// A finding with one name in every place a team can write to.
pub(crate) fn renamed(finding: &Finding, name: &str) -> Finding {
    let n = || name.to_owned();
    let file = |place: &Place| Arc::new(SourceFile { name: format!("{name}.yaml"), text: place.file.text.clone() });
    let mut f = finding.clone();
    (f.rule, f.message, f.help, f.citation, f.title) = (n(), format!("`{name}` and {name}"), n(), n(), n());
    (f.workflow, f.contract) = (Some(n()), Some(n()));
    f.subject = SubjectNames::Flow { from: n(), to: n(), implied: false };
    f.primary.file = file(&f.primary);
    f.primary.label = n();
    for place in &mut f.related {
        place.file = file(place);
        place.label = format!("`{name}` enters here");
    }
    for datum in &mut f.data {
        (datum.name, datum.form, datum.surface) = (n(), n(), n());
    }
    for step in &mut f.path {
        (step.node, step.form, step.labels, step.gained, step.lost) = (n(), n(), vec![n()], vec![n()], vec![n()]);
    }
    for fact in &mut f.undeclared {
        (fact.fact, fact.holder, fact.needs) = (n(), n(), Some(n()));
    }
    (f.needed_by, f.also, f.repeats) = (vec![n()], vec![n()], vec![n()]);
    f
}

#[test]
fn no_name_breaks_out_of_a_format() {
    let plain = example("clinic-notes/violating");
    for name in HOSTILE {
        let mut report = plain.clone();
        report.findings = plain.findings.iter().map(|f| renamed(f, name)).collect();
        let mut waived = renamed(&plain.findings[0], name);
        waived.waiver = Some(WaiverNames { reason: name.to_owned(), approver: name.to_owned(), expires: name.to_owned(), line: 1 });
        report.waived.push(waived);
        let file = Arc::clone(&report.findings[0].primary.file);
        report.problems.push(Problem::new("load/bad", name).at(&file, Span::new(0, 1), name).help(name));
        report.notices.push(Problem::new("packs/few", name).help(name));
        report.name = Some(name.to_owned());
        report.folder = name.replace('/', "");
        report.checked.workflows.push(name.to_owned());
        let reports = [&report, &plain];

        let log = sarif(&reports);
        let results = log["runs"][0]["results"].as_array().unwrap();
        assert_eq!(results.len(), report.findings.len() + 2, "{name:?}");
        let strings = strings(&log["runs"][0]);
        assert!(!strings.iter().any(|s| s.contains(['\u{1b}', '\u{7}', '\u{0}', '\u{202e}', '\u{2066}'])), "{name:?}");
        for result in results {
            // No placeholder but doubled braces, and no markup but ours outside of code.
            for text in [string(&result["message"]["text"]), string(&result["message"]["markdown"])] {
                let left = text.replace("{{", "").replace("}}", "");
                assert!(!left.contains(['{', '}']), "{text}");
            }
            let markdown = string(&result["message"]["markdown"]);
            let outside: String = markdown.split('`').step_by(2).collect();
            assert!(!outside.replace("\\<", "").contains('<') && !outside.replace("\\]", "").contains("](https"), "{markdown}");
        }

        let github = text(&reports, Format::Github);
        let annotated = commands(&github).len();
        let errors = |r: &Report| r.problems.len() + r.findings.iter().filter(|f| f.severity.word() == "error").count();
        let warnings = |r: &Report| r.findings.iter().filter(|f| f.severity.word() == "warning").count();
        let expected = (errors(&report) + errors(&plain)).min(10) + (warnings(&report) + warnings(&plain)).min(10) + 2;
        assert_eq!(annotated, expected, "{name:?}\n{github}");
        assert!(!github.contains(['\u{1b}', '\u{7}', '\u{202e}', '\r']), "{name:?}");

        let xml = junit(&reports);
        assert_eq!(xml.matches("<failure").count(), report.findings.len() + plain.findings.len(), "{name:?}");

        for line in text(&reports, Format::Outputs).lines() {
            let (key, value) = line.split_once('=').unwrap();
            assert!(key.bytes().all(|b| b.is_ascii_lowercase()) && value.bytes().all(|b| b.is_ascii_digit()), "{line}");
        }
    }
}

/// Every string of a document, keys left out.
fn strings(json: &Json) -> Vec<&str> {
    let mut found = Vec::new();
    let mut todo = vec![json];
    while let Some(json) = todo.pop() {
        match json {
            Json::String(text) => found.push(text.as_str()),
            Json::Array(items) => todo.extend(items),
            Json::Object(map) => todo.extend(map.values()),
            _ => {}
        }
    }
    found
}

#[test]
fn a_project_of_hostile_names_is_told_in_every_format() {
    let quoted = |name: &str| serde_json::to_string(name).unwrap();
    let mut text_of = String::from("workflow: hostile\nsources:\n");
    // What the loader refuses, control characters above all, is no name.
    let loads = |name: &&str| {
        let text = format!("{}: 1\n", quoted(name)).into_bytes();
        Document::parse("a.yaml", text, Syntax::Yaml, &Limits::default()).is_ok()
    };
    let names: Vec<&str> = HOSTILE.into_iter().filter(loads).collect();
    assert!(names.len() > 15, "{names:?}");
    for (n, name) in names.iter().enumerate() {
        text_of.push_str(&format!("  {}:\n    operator: {}\n    fields: {{ f{n}: regulated.health.note }}\n", quoted(name), quoted(name)));
    }
    text_of.push_str("endpoints:\n  m: { operator: x }\nflows:\n");
    for name in names {
        text_of.push_str(&format!("  - {{ from: {}, to: m, fields: \"*\" }}\n", quoted(name)));
    }
    let project = project("project: hostile\nroles: [hipaa_covered_entity]\npacks: [hipaa, route]\n", &[&text_of]);
    let report = check(&project, &recorded());
    assert!(report.findings.len() + report.problems.len() > 5, "{} {}", report.findings.len(), report.problems.len());
    sarif(&[&report]);
    commands(&text(&[&report], Format::Github));
    junit(&[&report]);
}

#[test]
fn the_same_project_gives_the_same_bytes() {
    for format in
        [Format::Json, Format::Sarif, Format::Github, Format::Junit, Format::Outputs, Format::Markdown, Format::Comment, Format::Html]
    {
        let once = || text(&[&example("clinic-notes/violating"), &compared()], format);
        assert_eq!(once(), once(), "{format:?}");
    }
}

#[test]
fn no_format_says_more_than_was_checked() {
    let (clean, found) = (example_clean(), compared());
    for format in [Format::Sarif, Format::Github, Format::Junit, Format::Outputs] {
        let told = text(&[&clean, &found], format).to_lowercase();
        // The pages of rules quote the law, which has the word.
        let own = if format == Format::Sarif { text(&[&clean], format).to_lowercase() } else { told };
        assert!(!own.contains("compliant"), "{format:?}");
    }
}
