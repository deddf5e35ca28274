//! What evidence rules ask for: each type and topic, with the rules that ask and from which stage.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::console::Console;
use crate::cli::shelf::Shelf;
use crate::cli::text;
use crate::judge::Policy;

/// The name under which the page is asked for.
pub(super) const NAME: &str = "evidence";

/// The page.
pub(super) fn page(shelf: &Shelf, console: &Console) -> String {
    let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for policy in shelf.policies() {
        for name in named(policy) {
            asked.entry(name).or_default().insert(format!("{} ({})", policy.rule, policy.stage.word()));
        }
    }
    let rows: Vec<(&str, String)> =
        asked.iter().map(|(name, rules)| (name.as_str(), rules.iter().cloned().collect::<Vec<_>>().join(", "))).collect();
    let about = "What rules ask for, as `type` or `type/topic`, with the stage from which on they do. A topic is a word under `topics`, `slices`, or a claim such as `heldout: true`. \
                 One document may serve several entries. Rules that name several accept any one of them; the page of a rule says more.";
    format!("{}\n{}\n{}", console.bold(NAME), text::wrapped(about, "  ", "  ", console.wrap()), text::entries(rows, 2, console.wrap()))
}

/// Types and topics a policy names: what it looks for in a set `evidence`, and the newest documents it reads.
fn named(policy: &Policy) -> BTreeSet<String> {
    let source = policy.file.slice(policy.span);
    let mut names = BTreeSet::new();
    for start in [".evidence.contains(", ".evidence.containsAny(", ".evidence.containsAll("] {
        for rest in source.split(start).skip(1) {
            let list = rest.split(')').next().unwrap_or_default();
            names.extend(list.split('"').skip(1).step_by(2).map(str::to_owned));
        }
    }
    for rest in source.split("latest has ").skip(1) {
        names.insert(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
    }
    names
}
