//! The command line: arguments, exit codes and one file per subcommand. It reads the clock, the terminal and standard input, which the rest of
//! the library never does, and it decides nothing about data flows.

mod baseline;
mod check;
mod console;
mod diff;
mod evidence;
mod explain;
mod graph;
mod init;
mod judging;
mod new;
mod output;
mod progress;
mod rules;
mod schema;
mod shelf;
mod targets;
mod test;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use self::console::Console;
use crate::judge::Severity;
use crate::load::{Limit, Limits, Setting};
use crate::packs::PackFolder;
use crate::problem::Problem;

/// Policy-as-code compliance checks for AI data flows
///
/// A team declares which fields go where; flowgate carries the labels of every field along every path and asks Cedar policies whether each
/// datum may cross each flow.
#[derive(Debug, Parser)]
#[command(name = "flowgate", version, max_term_width = 80, arg_required_else_help = true, after_help = AFTER)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
Exit codes:
  0  nothing at or above the threshold
  1  findings
  2  could not judge: unreadable input, bad policy, bad arguments,
     a report that cannot be written

Examples:
  flowgate init                          a commented starter that checks clean
  flowgate check                         the project of the current folder
  flowgate explain PACK/RULE             what a rule forbids, and why";

/// Options every subcommand takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
struct Global {
    /// Colour; `auto` asks the terminal, NO_COLOR and CLICOLOR_FORCE
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = When::Auto)]
    color: When,
    /// Wrap at N columns [default: the terminal's width]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(20..))]
    width: Option<u16>,
    /// Say nothing when there is nothing to act on
    #[arg(long, short, global = true)]
    quiet: bool,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a project, folders, workflow files or standard input
    Check(check::Check),
    /// Write down today's findings, to count only what comes after
    Baseline(baseline::BaselineCommand),
    /// Show what changed in meaning between two versions of a project
    Diff(diff::Diff),
    /// Write what a check saw, asked and found, for auditors
    Evidence(evidence::Evidence),
    /// Draw the flows of a project, findings marked
    Graph(graph::GraphCommand),
    /// Explain rules, classes, labels, providers or packs
    Explain(explain::Explain),
    /// List the rules
    Rules(rules::Rules),
    /// Run the fixtures of rule folders
    Test(test::Test),
    /// Write a new rule folder
    New(new::New),
    /// Write a commented starter project that checks clean
    Init(init::Init),
    /// Print a schema: what may be declared, what a policy may read
    Schema(schema::SchemaCommand),
}

/// Where packs come from, besides the binary, and what reading them and a project may cost.
#[derive(Clone, Debug, Default, clap::Args)]
struct PackSource {
    /// Add a private pack, or a folder of packs [repeatable]
    #[arg(long = "packs", value_name = "DIR")]
    private: Vec<PathBuf>,
    /// Read the built-in packs from this `policies` folder instead
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    #[arg(long = "limit", value_name = "NAME=VALUE", help = limits_in_words())]
    limits: Vec<Setting>,
}

/// The help of `--limit`.
fn limits_in_words() -> String {
    let names: Vec<String> = Limit::ALL.iter().map(Limit::in_words).collect();
    format!("What reading and judging may cost [repeatable; defaults: {}]", names.join(", "))
}

impl PackSource {
    /// What reading and judging may cost.
    fn limits(&self) -> Limits {
        Limits::with(&self.limits)
    }

    /// The folders of private packs.
    fn folders(&self) -> Vec<PackFolder> {
        self.private.iter().map(|folder| PackFolder::on_disk(folder)).collect()
    }
}

/// The severity words on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
    Error,
    Warning,
    Note,
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::Error,
            Level::Warning => Self::Warning,
            Level::Note => Self::Note,
        }
    }
}

/// How a run ended; the larger counts when there are several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Nothing at or above the threshold.
    Clean,
    /// Findings, or failed fixtures.
    Findings,
    /// Could not judge: unreadable input, bad policy, bad arguments.
    NotJudged,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Clean => 0,
            Exit::Findings => 1,
            Exit::NotJudged => 2,
        })
    }
}

/// Runs what the arguments say.
#[must_use]
pub fn run(args: &Args) -> Exit {
    output::writes_fail_instead_of_killing();
    let console = Console::new(&args.global);
    let done = match &args.command {
        Command::Check(check) => check.run(&console),
        Command::Baseline(baseline) => baseline.run(&console),
        Command::Diff(diff) => diff.run(&console),
        Command::Evidence(evidence) => evidence.run(&console),
        Command::Graph(graph) => graph.run(&console),
        Command::Explain(explain) => explain.run(&console),
        Command::Rules(rules) => rules.run(&console),
        Command::Test(test) => test.run(&console),
        Command::New(new) => new.run(&console),
        Command::Init(init) => init.run(&console),
        Command::Schema(schema) => schema.run(&console),
    };
    done.unwrap_or_else(|problem| console.refuse(&[problem]))
}

/// What a subcommand gives: how it ended, or the one thing that stopped it.
type Done = Result<Exit, Problem>;
