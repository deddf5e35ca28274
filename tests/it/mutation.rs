//! No rule can go or turn around without a test that says so: every `rule.cedar` is deleted, and every forbid in it inverted, and some fixture
//! must fail each time.

use std::path::{Path, PathBuf};

use flowgate::rulebook::{cases, run};

use crate::common::{root, walk};

/// A copy of `policies/` that goes when the test is over.
struct Copy(PathBuf);

impl Copy {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("flowgate-mutation-{}", std::process::id()));
        let copy = folder.join("policies");
        for file in walk(&root().join("policies")) {
            let target = copy.join(file.strip_prefix(root().join("policies")).unwrap());
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::copy(&file, &target).unwrap();
        }
        Self(folder)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Does some case of the rule fail?
fn notices(rule: &Path) -> bool {
    let (cases, problems) = cases(rule);
    !problems.is_empty() || cases.iter().any(|case| run(case).is_err())
}

/// Each forbid of a text with its conditions turned around: `when` for `unless` and back.
fn inversions(text: &str) -> Vec<String> {
    let starts: Vec<usize> = text.match_indices("\nforbid").map(|(at, _)| at).collect();
    starts
        .iter()
        .enumerate()
        .filter_map(|(n, start)| {
            let next = starts.get(n + 1).copied().unwrap_or(text.len());
            let end = text[*start..next].find("\n@").map_or(next, |at| start + at);
            let forbid = &text[*start..end];
            let turned = forbid.replace("unless {", "\u{1}").replace("when {", "unless {").replace('\u{1}', "when {");
            (turned != *forbid).then(|| format!("{}{turned}{}", &text[..*start], &text[end..]))
        })
        .collect()
}

#[test]
fn every_rule_that_goes_or_turns_around_is_noticed() {
    let copy = Copy::new();
    let mut survivors = Vec::new();
    let mut mutants = 0;
    for file in walk(&copy.0.join("policies/packs")).into_iter().filter(|f| f.ends_with("rule.cedar")) {
        let rule = file.parent().unwrap();
        let name = rule.strip_prefix(&copy.0).unwrap().display().to_string();
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        mutants += 1;
        if !notices(rule) {
            survivors.push(format!("{name}: deleted"));
        }
        for (n, mutant) in inversions(&text).into_iter().enumerate() {
            std::fs::write(&file, mutant).unwrap();
            mutants += 1;
            if !notices(rule) {
                survivors.push(format!("{name}: forbid {n} inverted"));
            }
        }
        std::fs::write(&file, &text).unwrap();
    }
    assert!(mutants > 100, "only {mutants} mutants");
    assert!(survivors.is_empty(), "{survivors:#?}");
}
