//! One cause, one headline: which of two rules leads where both say the same. Each folder below `tests/headlines` is a project whose lines say what is
//! found there, `# found: rule (rules listed under it), …`; other rules than those it names are not its business.

use std::collections::{BTreeMap, BTreeSet};

use flowgate::load::{Document, Limits};
use flowgate::{Project, check};

use crate::common::{options, projects};

#[test]
fn each_line_has_exactly_the_headlines_it_names() {
    for folder in projects("tests/headlines") {
        let project = Project::read(&folder, &Limits::default());
        let report = check(&project, &options());
        assert!(report.problems.is_empty(), "{}: {:?}", folder.display(), report.problems);
        let mut expected: BTreeMap<(String, usize), BTreeSet<String>> = BTreeMap::new();
        for file in project.file.iter().chain(&project.workflows).map(Document::file) {
            for (n, line) in file.text.lines().enumerate() {
                let Some((_, list)) = line.split_once("# found: ") else { continue };
                expected.entry((file.name.clone(), n + 1)).or_default().extend(list.split(", ").map(str::to_owned));
            }
        }
        let named: BTreeSet<&str> = expected.values().flatten().flat_map(|e| e.split([' ', '(', ')'])).filter(|w| !w.is_empty()).collect();
        let mut found: BTreeMap<(String, usize), BTreeSet<String>> = BTreeMap::new();
        for finding in report.findings.iter().filter(|f| named.contains(f.rule.as_str())) {
            let also: Vec<&str> = finding.also.iter().map(String::as_str).filter(|rule| named.contains(rule)).collect();
            let said = if also.is_empty() { finding.rule.clone() } else { format!("{} ({})", finding.rule, also.join(" ")) };
            let place = &finding.primary;
            found.entry((place.file.name.clone(), place.file.line_column(place.span.start).0)).or_default().insert(said);
        }
        assert!(!expected.is_empty() && found == expected, "{}: {found:#?}, not {expected:#?}", folder.display());
    }
}
