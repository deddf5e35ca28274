//! `flowgate diff`: what changed in meaning between two versions of a project.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;

use super::console::{Console, shown};
use super::judging::{self, Judging};
use super::{Done, Exit, output, targets, text};
use crate::compare::{Difference, DifferenceKind, Meaning};
use crate::judge;
use crate::load::{self, Commit, Limits};
use crate::problem::Problem;
use crate::project::Project;
use crate::report;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A and B are folders, or commits, branches or tags of the repository around the
current folder, in which the project of the current folder is read. Order,
layout, comments, file names and the choice of YAML or JSON are no difference.

Exit codes: 0 whether or not something differs, 2 could not judge.

Examples:
  flowgate diff main
  flowgate diff v1.0 v1.1 --format markdown
  flowgate diff ../before .")]
pub(super) struct Diff {
    /// The earlier version: a folder or a revision
    #[arg(value_name = "A")]
    before: String,
    /// The later version: a folder or a revision
    #[arg(value_name = "B", default_value = ".")]
    after: String,
    /// Form of the list
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Form::Human, help_heading = "Output")]
    format: Form,
    /// Write the list to this file, whole or not at all
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    #[command(flatten, next_help_heading = "Judging")]
    judging: Judging,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Human,
    Json,
    Markdown,
}

impl Diff {
    /// Prints the differences.
    pub(super) fn run(&self, console: &Console) -> Done {
        let limits = self.judging.source.limits();
        let (before, after) = judge::with_room(|| Ok::<_, Problem>((read(&self.before, &limits)?, read(&self.after, &limits)?)))??;
        let options = self.judging.options(None)?;
        let meaning = judge::with_room(|| Meaning::between(&before, &after, &options))?;
        let written = match self.format {
            Form::Human => self.human(&meaning, console),
            Form::Json => {
                let json = serde_json::to_string_pretty(&meaning);
                let json = json.map_err(|error| Problem::new("cli/output", format!("the list cannot be written as JSON: {error}")))?;
                report::inert_json(&json) + "\n"
            }
            Form::Markdown => self.markdown(&meaning),
        };
        match &self.output {
            Some(file) => output::write(file, &written)?,
            None => console.print(&written)?,
        }
        console.refuse(&meaning.problems);
        Ok(if meaning.problems.is_empty() { Exit::Clean } else { Exit::NotJudged })
    }

    fn human(&self, meaning: &Meaning, console: &Console) -> String {
        let mut page = String::new();
        for (title, list) in meaning.sections().into_iter().filter(|(_, list)| !list.is_empty()) {
            page += &format!("{}\n", console.bold(title));
            for difference in list {
                page += &text::wrapped(&format!("{} {}", sign(difference), difference.name), "  ", "      ", console.wrap());
                for detail in &difference.details {
                    page += &text::wrapped(detail, "      ", "        ", console.wrap());
                }
            }
            page.push('\n');
        }
        if meaning.is_empty() {
            format!("nothing differs in meaning between `{}` and `{}`\n", self.before, self.after)
        } else {
            page.trim_end().to_owned() + "\n"
        }
    }

    fn markdown(&self, meaning: &Meaning) -> String {
        let mut page = format!("## What changed in meaning from {} to {}\n", quoted(&self.before), quoted(&self.after));
        if meaning.is_empty() {
            page += "\nNothing differs.\n";
        }
        for (title, list) in meaning.sections().into_iter().filter(|(_, list)| !list.is_empty()) {
            page += &format!("\n### {title}\n\n");
            for difference in list {
                page += &format!("- **{}** {}\n", word(difference), quoted(&difference.name));
                for detail in &difference.details {
                    page += &format!("  - {}\n", quoted(detail));
                }
            }
        }
        page
    }
}

/// Text that Markdown cannot take for markup: code, in a fence longer than any in it.
fn quoted(text: &str) -> String {
    let text = text::printable(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

fn sign(difference: &Difference) -> char {
    match difference.kind {
        DifferenceKind::Added => '+',
        DifferenceKind::Removed => '-',
        DifferenceKind::Changed => '~',
    }
}

fn word(difference: &Difference) -> &'static str {
    match difference.kind {
        DifferenceKind::Added => "added",
        DifferenceKind::Removed => "removed",
        DifferenceKind::Changed => "changed",
    }
}

/// A folder's project, or that of the current folder in a commit.
fn read(named: &str, limits: &Limits) -> Result<Project, Problem> {
    let folder = Path::new(named);
    if folder.is_dir() {
        let files = load::find_project(folder)?;
        if files.project.is_none() {
            return Err(Problem::new("base/no-project", format!("there is no project in `{named}`"))
                .help("name the folder that holds flowgate.yaml"));
        }
        return Ok(judging::read(&files, limits));
    }
    let here = Path::new(".");
    let root = targets::project_around(here).map(|(root, _)| root).map_or_else(|| std::fs::canonicalize(here), Ok);
    let root = root.map_err(|error| Problem::new("load/unreadable", format!("cannot read the current folder: {error}")))?;
    let commit = Commit::find(&root, named).map_err(|problem| {
        if problem.code == "base/no-revision" {
            problem.help(format!("`{named}` is neither a folder nor a commit, branch or tag here"))
        } else {
            problem
        }
    })?;
    let path = commit.path_of(&root).ok_or_else(|| {
        Problem::new("base/no-repository", format!("`{}` is outside the repository's work tree", shown(&root))).help("name two folders")
    })?;
    let project = Project::read_commit(&Arc::new(commit), &path, limits);
    if project.is_empty() {
        return Err(
            Problem::new("base/no-project", format!("there is no project here in `{named}`")).help("run flowgate in the project's folder")
        );
    }
    Ok(project)
}
