//! The page of a rule: its sections, and snippets that are true because they are fixtures.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use walkdir::WalkDir;

/// The sections of every rule's page, in order.
pub(super) const SECTIONS: [&str; 6] = ["What it forbids", "Why", "Fails", "Passes", "How to fix", "Limits"];

/// What is wrong with a rule folder's shape.
pub(super) fn check(folder: &Path, id: &str, faults: &mut Vec<String>) {
    if !folder.join("rule.cedar").is_file() {
        faults.push("there is no rule.cedar".to_owned());
    }
    let Ok(page) = fs::read_to_string(folder.join("README.md")) else {
        faults.push("there is no README.md".to_owned());
        return;
    };
    if !page.starts_with(&format!("# {id}\n")) {
        faults.push(format!("README.md does not begin with `# {id}`"));
    }
    let headings: Vec<&str> = page.lines().filter_map(|l| l.strip_prefix("## ")).map(str::trim).collect();
    if headings != SECTIONS {
        faults.push(format!("README.md has the sections {headings:?}, not {SECTIONS:?}"));
    }
    for (section, part) in [("Fails", "fail"), ("Passes", "pass")] {
        let lines = fixture_lines(&folder.join(part));
        if lines.is_empty() {
            faults.push(format!("there is no fixture under {part}/"));
        }
        faults.extend(
            idle_folders(&folder.join(part)).iter().map(|name| format!("{part}/{name} has no flowgate.yaml, and its files are never run")),
        );
        let snippet = snippet(&page, section);
        if snippet.is_empty() {
            faults.push(format!("the section {section} has no yaml snippet"));
        }
        for line in snippet.iter().filter(|line| !lines.contains(*line)) {
            faults.push(format!("the snippet under {section} has a line that no fixture under {part}/ has: {line}"));
        }
    }
}

/// Folders right below `fail/` or `pass/` that hold workflow files and no project file: nobody would run them.
fn idle_folders(folder: &Path) -> Vec<String> {
    let folders = WalkDir::new(folder).min_depth(1).max_depth(1).sort_by_file_name().into_iter().filter_map(Result::ok);
    let idle = folders.filter(|e| e.file_type().is_dir()).filter(|e| {
        let has = |wanted: fn(&str) -> bool| {
            WalkDir::new(e.path()).into_iter().filter_map(Result::ok).any(|f| wanted(&f.file_name().to_string_lossy()))
        };
        has(|name| name.contains(".flow.")) && !has(|name| matches!(name, "flowgate.yaml" | "flowgate.json"))
    });
    idle.map(|e| e.file_name().to_string_lossy().into_owned()).collect()
}

/// The lines of the fenced yaml under a section, bare.
fn snippet(page: &str, section: &str) -> BTreeSet<String> {
    let body = page.split("\n## ").find(|part| part.starts_with(section)).unwrap_or_default();
    let fenced = body.split("```yaml\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    fenced.flat_map(str::lines).filter_map(bare).collect()
}

fn fixture_lines(folder: &Path) -> BTreeSet<String> {
    let files = WalkDir::new(folder).into_iter().filter_map(Result::ok).filter(|e| e.file_type().is_file());
    let texts = files.filter_map(|e| fs::read_to_string(e.path()).ok());
    texts.flat_map(|text| text.lines().filter_map(bare).collect::<Vec<_>>()).collect()
}

/// A line without indentation and trailing comment; nothing for an empty line.
fn bare(line: &str) -> Option<String> {
    let line = line.split(" #").next().unwrap_or_default().trim();
    (!line.is_empty() && !line.starts_with('#')).then(|| line.to_owned())
}
