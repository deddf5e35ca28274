//! What is too much to judge, in words. Never a pass: each is a problem.

use crate::load::raise;
use crate::problem::Problem;

/// The code of more questions than may be asked.
pub(super) const QUESTIONS: &str = "judge/questions";

/// More questions than the limit lets through.
pub(super) fn questions(limit: usize) -> Problem {
    Problem::new(QUESTIONS, format!("more than {limit} questions to the policies, the limit is {limit}")).help(format!(
        "name fields where flows carry everything, or give a part of the project a `flowgate.yaml` of its own; or {}",
        raise("questions")
    ))
}

/// A range that no list of worlds can stand for: not judged, and never a pass.
pub(super) fn worlds(datum: &str, most: usize) -> Problem {
    Problem::new("judge/too-many-worlds", format!("`{datum}` has more than {most} open labels that one rule looks at"))
        .help("raise `--variant-cap`, so that its variants are kept apart")
}
