//! Every rule folder is a set of tests, named by its path: adding a folder adds tests, with no list to keep.

use std::path::Path;
use std::process::ExitCode;

use flowgate::rulebook;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut trials = Vec::new();
    for folder in ["policies/packs", "tests/bench/pack"] {
        let (cases, problems) = rulebook::cases(&root.join(folder));
        for problem in problems {
            trials.push(Trial::test(format!("{folder}: found"), move || Err(Failed::from(problem.to_string()))));
        }
        for case in cases {
            trials.push(Trial::test(case.name.clone(), move || match rulebook::run(&case) {
                // `.ci/mutants-engine` asks whether any case fails, a thousand times over.
                Err(_) if std::env::var_os("FLOWGATE_FIRST_FAILURE").is_some() => std::process::exit(101),
                done => done.map_err(|lines| Failed::from(lines.join("\n"))),
            }));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
