//! `flowgate test`: runs the fixtures of rule folders, ours or a private pack's. It never says what a fixture should hold.

use std::path::PathBuf;

use rayon::prelude::*;

use super::console::{Console, shown};
use super::progress::Progress;
use super::{Done, Exit, limits_in_words, text};
use crate::judge;
use crate::load::{Limits, Setting};
use crate::problem::Problem;
use crate::rulebook;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 0 all pass, 1 some fail, 2 a folder or a fixture cannot be read.

Examples:
  flowgate test policies/packs
  flowgate test compliance/packs/acme
  flowgate test policies/packs/hipaa --filter near-miss
  flowgate test policies/packs/hipaa --mutants")]
pub(super) struct Test {
    /// A rule folder, a pack, or a folder of packs
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Only cases whose name contains this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Leave out every condition of every rule, one at a time, and list those no fixture needs
    #[arg(long)]
    mutants: bool,
    #[arg(long = "limit", value_name = "NAME=VALUE", help = limits_in_words())]
    limits: Vec<Setting>,
}

impl Test {
    /// Runs every case and says which differ.
    pub(super) fn run(&self, console: &Console) -> Done {
        let (mut cases, mut problems) = (Vec::new(), Vec::new());
        for folder in &self.folders {
            let (found, more) = rulebook::cases(folder);
            cases.extend(found);
            problems.extend(more);
        }
        cases.iter_mut().for_each(|case| case.limits = Limits::with(&self.limits));
        let all = cases.len();
        if let Some(filter) = &self.filter {
            cases.retain(|case| case.name.contains(filter.as_str()));
        }
        if cases.is_empty() && problems.is_empty() {
            let folders: Vec<String> = self.folders.iter().map(|f| shown(f)).collect();
            problems.push(match &self.filter {
                Some(filter) if all > 0 => Problem::new("cli/no-case", format!("no case is called like `{filter}`"))
                    .help(format!("`--filter` takes a part of a name; there are {all} cases")),
                _ => Problem::new("cli/no-case", format!("there is no case in `{}`", folders.join("`, `")))
                    .help("a rule folder holds fixtures in `fail/` and `pass/`"),
            });
        }
        if self.mutants {
            return Self::mutate(console, &cases, &problems);
        }
        let progress = Progress::start(console, format!("running {} cases", cases.len()));
        // On the judge's own threads, which have room for deep policies; its calls then stay on the same thread.
        let results: Vec<_> = judge::with_room(|| cases.par_iter().map(rulebook::run).collect())?;
        drop(progress);

        let mut printed = String::new();
        let mut failed = 0;
        for (case, result) in cases.iter().zip(&results) {
            if let Err(differences) = result {
                failed += 1;
                printed += &format!("{} {}\n", console.bold("FAILED"), text::line(&case.name));
                printed.extend(differences.iter().map(|line| format!("  {}\n", text::line(line))));
            }
        }
        if !console.quiet() || failed > 0 {
            printed += &format!("{} passed, {failed} failed\n", results.len() - failed);
        }
        console.print(&printed)?;
        let exit = if failed > 0 { Exit::Findings } else { Exit::Clean };
        Ok(exit.max(console.refuse(&problems)))
    }

    /// Prints the pieces of rules that no fixture needs.
    fn mutate(console: &Console, cases: &[rulebook::Case], problems: &[Problem]) -> Done {
        let rules: Vec<&[rulebook::Case]> = cases.chunk_by(|a, b| a.rule == b.rule).collect();
        let progress = Progress::start(console, format!("mutating {} rules", rules.len()));
        let results: Vec<_> = judge::with_room(|| rules.par_iter().map(|rule| rulebook::survivors(rule)).collect())?;
        drop(progress);
        let (mut printed, mut made, mut left) = (String::new(), 0, 0);
        for (rule, result) in rules.iter().zip(results) {
            let (mutants, survivors) = result?;
            made += mutants;
            left += survivors.len();
            let name = rule.first().map(|case| case.rule.as_str()).unwrap_or_default();
            let lines = survivors
                .iter()
                .map(|m| format!("{}/rule.cedar:{}: no fixture needs `{}`\n", text::line(name), m.line, text::line(&m.what)));
            printed.extend(lines);
        }
        if !console.quiet() || left > 0 {
            printed += &format!("{made} mutants, {left} survived\n");
        }
        console.print(&printed)?;
        let exit = if left > 0 { Exit::Findings } else { Exit::Clean };
        Ok(exit.max(console.refuse(problems)))
    }
}
