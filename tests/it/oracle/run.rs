//! Many plans, each from a seed of its own: `FLOWGATE_CASES` says how many, `FLOWGATE_SEED` where to begin, so that a failure is run again alone. Never random by itself.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::generate::{Plan, plans};

/// What came of one plan.
pub enum Outcome {
    /// Engine and oracle say the same of this many things.
    Agrees(usize),
    /// The plan makes no valid project.
    Invalid(String),
    /// They do not.
    Differs(String),
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn plan(seed: u64) -> impl proptest::strategy::ValueTree<Value = Plan> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    plans().new_tree(&mut TestRunner::new_with_rng(Config::default(), rng)).unwrap()
}

/// Runs a comparison on many plans and fails on the first that differs, made as small as it goes. `compare` makes one comparison per thread.
pub fn compare_all<F: FnMut(&Plan) -> Outcome>(name: &str, cases: u64, compare: impl Fn() -> F + Sync) {
    let first = variable("FLOWGATE_SEED").unwrap_or(0);
    let cases = variable("FLOWGATE_CASES").unwrap_or(if variable("FLOWGATE_SEED").is_some() { 1 } else { cases });
    let (next, failed) = (AtomicU64::new(first), Mutex::new(None::<(u64, Plan, String)>));
    let (agreed, invalid, things) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        let mut compare = guarded(compare());
        while failed.lock().unwrap().is_none() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + cases {
                return;
            }
            let mut tree = plan(seed);
            match compare(&tree.current()) {
                Outcome::Agrees(n) => {
                    agreed.fetch_add(1, Ordering::Relaxed);
                    things.fetch_add(n, Ordering::Relaxed);
                }
                Outcome::Invalid(why) => {
                    if std::env::var_os("FLOWGATE_SHOW").is_some() {
                        println!("{seed}: {why}");
                    }
                    invalid.fetch_add(1, Ordering::Relaxed);
                }
                Outcome::Differs(why) => {
                    println!("{name}: seed {seed} differs; making it smaller");
                    // Another thread may have failed meanwhile: the smaller seed is kept, so that the same run says the same.
                    let (plan, why) = shrink(&mut tree, why, &mut compare);
                    let mut failed = failed.lock().unwrap();
                    if failed.as_ref().is_none_or(|(s, ..)| seed < *s) {
                        *failed = Some((seed, plan, why));
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, work).unwrap();
        }
    });
    let (agreed, invalid, things) = (agreed.into_inner(), invalid.into_inner(), things.into_inner());
    println!("{name}: {agreed} projects agree on {things} things, {invalid} of {} invalid", agreed + invalid);
    if let Some((seed, plan, why)) = failed.into_inner().unwrap() {
        let texts = plan.texts();
        let files: String = std::iter::once(&texts.project).chain(&texts.workflows).map(|t| format!("---\n{t}")).collect();
        panic!(
            "{name}: engine and oracle differ; again with FLOWGATE_SEED={seed} (case {} of this run), cap {}\n{files}---\n{why}",
            seed - first + 1,
            plan.cap
        );
    }
    assert!(invalid * 20 <= cases as usize, "{invalid} of {cases} projects are invalid");
}

/// A panic is a difference, too.
fn guarded<F: FnMut(&Plan) -> Outcome>(mut compare: F) -> impl FnMut(&Plan) -> Outcome {
    move |plan| {
        let run = std::panic::AssertUnwindSafe(|| compare(plan));
        std::panic::catch_unwind(run).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            Outcome::Differs(format!("panic: {}", text.unwrap_or("without words")))
        })
    }
}

/// The smallest plan near this one that still differs.
fn shrink<F: FnMut(&Plan) -> Outcome>(
    tree: &mut impl proptest::strategy::ValueTree<Value = Plan>,
    why: String,
    compare: &mut F,
) -> (Plan, String) {
    let mut smallest = (tree.current(), why);
    let (mut tries, begun) = (0, std::time::Instant::now());
    let enough = |tries: u32| tries >= 2_000 || begun.elapsed().as_secs() > 60;
    while !enough(tries) && tree.simplify() {
        loop {
            tries += 1;
            match compare(&tree.current()) {
                Outcome::Differs(why) => {
                    smallest = (tree.current(), why);
                    break;
                }
                _ if enough(tries) || !tree.complicate() => return smallest,
                _ => {}
            }
        }
    }
    smallest
}
