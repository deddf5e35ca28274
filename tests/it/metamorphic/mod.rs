//! What must not change when the same project is written in another way, and how findings may change when the project does: over every fixture and
//! example. Each property is stated exactly in its own file, with the smallest case in which a wider statement would be false.
//!
//! A fixture is judged by its own rule and, a share of them, by all packs. Each property takes a share of the fixtures, not the same as the next one's, and all
//! examples. `FLOWGATE_ALL=rules` takes every fixture, by its own rule, and makes every change; `FLOWGATE_ALL=packs` judges every one by all packs, too;
//! `FLOWGATE_ONLY=text` keeps the projects whose name holds the text.

mod asking;
mod claims;
mod classes;
mod names;
mod order;
mod papers;
mod polarity;
mod redaction;
mod removal;
mod rewrite;
mod silence;
mod spelling;
mod split;
mod subjects;
mod widening;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::subjects::{Subject, subjects};

/// What a property found out about one project.
#[derive(Default)]
struct Tally {
    /// Changes made.
    pairs: usize,
    faults: Vec<String>,
}

impl Tally {
    /// One change more, and what is wrong after it.
    fn pair(&mut self, what: &str, wrong: Vec<String>) {
        self.pairs += 1;
        if !wrong.is_empty() {
            self.faults.push(format!("{what}:\n    {}", wrong.join("\n    ")));
        }
    }
}

/// One in so many fixtures is taken for a property, where not all are.
const SHARE: u64 = 4;

/// Tests every project on as many threads as there are processors, and fails with the first faults. `at_least` pairs of project and change must have
/// been tried where nothing was left out by name: a property that tries nothing holds of nothing.
fn hold(property: &str, at_least: usize, test: impl Fn(&Subject, &mut Tally) + Sync) {
    hold_in(SHARE, property, at_least, test);
}

/// As [`hold`], for one in `n` fixtures.
fn hold_in(n: u64, property: &str, at_least: usize, test: impl Fn(&Subject, &mut Tally) + Sync) {
    let only = std::env::var("FLOWGATE_ONLY").ok();
    let asked = |s: &&Subject| only.as_ref().is_none_or(|o| s.name.contains(o));
    let taken = |s: &&Subject| s.wide || share(&format!("{property} {}", s.name), n);
    let chosen: Vec<&Subject> = subjects().iter().filter(asked).filter(taken).collect();
    let (next, pairs) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let faults = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(subject) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut tally = Tally::default();
                    test(subject, &mut tally);
                    pairs.fetch_add(tally.pairs, Ordering::Relaxed);
                    faults.lock().unwrap().extend(tally.faults.into_iter().map(|f| format!("{}: {f}", subject.name)));
                }
            });
        }
    });
    let (pairs, mut faults) = (pairs.into_inner(), faults.into_inner().unwrap());
    eprintln!("{property}: {pairs} pairs of project and change over {} projects", chosen.len());
    faults.sort();
    let shown = faults.iter().take(12).cloned().collect::<Vec<_>>().join("\n");
    assert!(faults.is_empty(), "{property}: {} of {pairs} pairs fail\n{shown}", faults.len());
    assert!(only.is_some() || pairs >= at_least, "{property}: only {pairs} pairs were tried");
}

/// What is to be tried instead of a share: `rules` or `packs`.
fn wanted() -> Option<String> {
    std::env::var("FLOWGATE_ALL").ok().filter(|wanted| !wanted.is_empty())
}

/// Every change is to be made to every project.
fn all() -> bool {
    wanted().is_some()
}

/// Every project is to be judged by all packs.
fn all_packs() -> bool {
    wanted().is_some_and(|wanted| wanted == "packs")
}

/// Is this one of the share of one in `n`? The choice depends on the name alone.
fn share(name: &str, n: u64) -> bool {
    all() || one_in(name, n)
}

fn one_in(name: &str, n: u64) -> bool {
    hash(name).is_multiple_of(n)
}

/// A number that depends on the name alone (FNV-1a, as fingerprints are).
fn hash(name: &str) -> u64 {
    let folded = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    // The low bits of this hash depend on the low bits of the letters alone.
    folded ^ (folded >> 32)
}
