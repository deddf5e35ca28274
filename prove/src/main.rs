//! `prove`: symbolic proofs about flowgate's packs. A tool for people who change packs; flowgate itself neither needs nor contains it.

mod change;
mod checks;
mod guess;
mod pages;
mod places;
mod replay;
mod report;
mod session;
mod world;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand, ValueEnum};
use flowgate::problem::{Problem, did_you_mean};

use self::places::Places;
use self::report::{Gap, Report};
use self::session::{Config, Unproved};
use self::world::World;

/// Symbolic proofs about flowgate's packs
///
/// Without --against: every rule can match and none can err, packs only ever forbid, and no rule is covered by another unless its page says so.
/// With it: the new packs are at least as strict as the old, or here is a request that shows they are not.
#[derive(Debug, Parser)]
#[command(name = "prove", max_term_width = 100, args_conflicts_with_subcommands = true, after_help = AFTER)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Packs: names of built-in ones, or folders of private ones [default: all built-in packs]
    packs: Vec<String>,
    /// What the packs were before: a `policies` or pack folder, or a git revision
    #[arg(long, value_name = "FOLDER|REVISION")]
    against: Option<String>,
    /// The `policies` folder of the built-in packs [default: `policies` here, else what flowgate carries]
    #[arg(long, value_name = "FOLDER")]
    policies: Option<PathBuf>,
    /// The solver: cvc5, 1.0.3 or newer [default: what `CVC5` names, else `cvc5`]
    #[arg(long, value_name = "FILE")]
    solver: Option<PathBuf>,
    /// The longest one question may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    timeout: f32,
    /// Solvers at the same time [default: one for each core]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Text for people, or JSON
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Where files to replay are written
    #[arg(long, value_name = "FOLDER", default_value = "target/prove")]
    counterexamples: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Put the request of a file to Cedar again, under the policies it was found for
    Replay {
        /// A file that `prove` wrote
        file: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

const AFTER: &str = "\
Exit codes:
  0  proved (replay: Cedar says what the file says)
  1  something does not hold (replay: Cedar says otherwise)
  2  not proved: no solver, no answer, or packs that cannot be read";

fn main() -> ExitCode {
    let args = Args::parse();
    let (text, code) = match &args.command {
        Some(Command::Replay { file }) => replayed(file),
        None => match prove(&args) {
            Ok(report) => {
                let json = || serde_json::to_string_pretty(&report.json()).unwrap_or_default() + "\n";
                (if args.format == Format::Json { json() } else { report.human() }, report.exit())
            }
            Err(why) => {
                eprint!("{why}");
                (String::new(), 2)
            }
        },
    };
    if std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush()).is_err() {
        return ExitCode::from(2);
    }
    ExitCode::from(code)
}

fn replayed(file: &std::path::Path) -> (String, u8) {
    let read = std::fs::read_to_string(file).map_err(|e| flowgate::problem::why(&e));
    let case = read.and_then(|text| serde_json::from_str(&text).map_err(|e| e.to_string()));
    match case.and_then(|case: serde_json::Value| replay::replay(&case)) {
        Ok((lines, as_expected)) => (lines.join("\n") + "\n", u8::from(!as_expected)),
        Err(why) => {
            eprintln!("error[prove/bad-case]: cannot replay `{}`: {why}\n  help: `prove --against` writes such files", file.display());
            (String::new(), 2)
        }
    }
}

fn prove(args: &Args) -> Result<Report, String> {
    let started = Instant::now();
    let timeout = Duration::try_from_secs_f32(args.timeout).ok().filter(|t| !t.is_zero());
    let config = Config {
        solver: args.solver.clone().or_else(|| std::env::var_os("CVC5").map(PathBuf::from)).unwrap_or_else(|| PathBuf::from("cvc5")),
        timeout: timeout.ok_or("error[prove/bad-timeout]: `--timeout` is a number of seconds above zero\n")?,
        jobs: args.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into)),
    };
    let places = Places::of(args.policies.as_deref(), &args.packs);
    let mut world = World::load(&places.now()).map_err(|p| report::problems(&p))?;
    let selected = selected(&world, &places)?;
    let mut report = Report::default();
    let outcome = match &args.against {
        None => checks::run(&world, &selected, &config, &args.counterexamples, &mut report),
        Some(against) => {
            let was = places.before(against).map_err(|p| report::problems(&[p]))?;
            let mut old = World::load(was.places()).map_err(|p| report::problems(&p))?;
            was.name_files(&mut old);
            let pairs = places::pairs(&old, &world, &selected);
            places.unread(&was, &mut report);
            change::run(&old, &mut world, &pairs, &config, &args.counterexamples, &mut report)
        }
    };
    if let Err(Unproved(why)) = outcome {
        let help = "install cvc5 (Debian: `apt install cvc5`) or name it with `--solver`; z3 lacks the theory of sets";
        report.gaps.push(Gap { what: "nothing is proved".to_owned(), why: format!("{why}\n  help: {help}"), at: None });
    }
    report.queries = session::queries();
    report.seconds = started.elapsed().as_secs_f64();
    report.sort();
    Ok(report)
}

/// The packs that were named: the private ones, and the built-in ones by name; none named: all built-in ones.
fn selected(world: &World, places: &Places) -> Result<BTreeSet<String>, String> {
    let mut selected = world.private.clone();
    for name in places.names() {
        if !world.packs.contains(name) {
            let near =
                did_you_mean(name, world.packs.iter().map(String::as_str)).map(|n| format!("did you mean `{n}`? ")).unwrap_or_default();
            let known: Vec<&str> = world.packs.iter().map(String::as_str).collect();
            let problem = Problem::new("prove/unknown-pack", format!("there is no pack `{name}`"))
                .help(format!("{near}packs here: {}; a private pack is a folder with `PACK.md`", known.join(", ")));
            return Err(report::problems(&[problem]));
        }
        selected.insert(name.clone());
    }
    Ok(if selected.is_empty() { world.packs.clone() } else { selected })
}
