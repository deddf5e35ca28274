//! An independent oracle: a slow evaluator of the declarations, and Cedar asked naively, against the engine, over projects made at random and over kept ones.

mod declarations;
mod engine;
mod evaluate;
mod generate;
mod labels;
mod run;

use std::collections::BTreeSet;

use flowgate::packs::Selection;

use self::declarations::{Lexicon, Model, Set};
use self::engine::{Engine, Packs, Seen, Texts};
use self::evaluate::{Content, Oracle};
use self::generate::Plan;
use self::labels::CoreLabels;
use self::run::{Outcome, compare_all};

/// A set as people read it.
fn shown(set: &Set) -> String {
    format!("{{{}}}", set.iter().map(|n| n.trim_start_matches(['#', '@'])).collect::<Vec<_>>().join(" "))
}

/// How two contents differ, if they do. An interval is never right where the oracle counts exactly.
fn difference(oracle: &Content, engine: &Seen) -> Option<String> {
    let exact = |seen: &Seen| -> Content {
        let sets = |list: &[(Set, Set)]| list.iter().filter(|(must, may)| must == may).map(|(s, _)| s.clone()).collect::<BTreeSet<_>>();
        seen.iter().map(|(d, list)| (d.clone(), sets(list))).collect()
    };
    let list = |content: &Content| -> Vec<String> {
        let one = |(d, s): (&evaluate::Datum, &BTreeSet<Set>)| format!("{} {} ({}) as {}: {}", d.node, d.name, d.surface, d.form, s.iter().map(shown).collect::<Vec<_>>().join(" "));
        content.iter().filter(|(_, s)| !s.is_empty()).map(one).collect()
    };
    let (oracle, engine) = (list(oracle), list(&exact(engine)));
    (oracle != engine).then(|| format!("\n  oracle: {oracle:#?}\n  engine: {engine:#?}"))
}

/// Engine and oracle agree on every flow of a project, and past a small cap the engine only adds.
fn crossings(lexicon: &Lexicon, packs: &Packs, texts: &Texts, cap: usize) -> Outcome {
    // Far above what these projects need: every variant counts.
    let exact = engine::run(texts, packs, 100_000, |model, engine| {
        let labels = CoreLabels { lexicon, model };
        let oracle = Oracle::solve(lexicon, model, &labels);
        agree(model, &oracle, &engine).map(|()| oracle.flows)
    }, lexicon);
    let flows = match exact {
        Err(invalid) => return Outcome::Invalid(invalid),
        Ok(Err(difference)) => return Outcome::Differs(difference),
        Ok(Ok(flows)) => flows,
    };
    let held = engine::run(texts, packs, cap, |model, engine| holds_all(model, &flows, &engine), lexicon);
    match held {
        Ok(Ok(())) => Outcome::Agrees(flows.iter().flat_map(|c| c.values()).map(BTreeSet::len).sum()),
        Ok(Err(difference)) | Err(difference) => Outcome::Differs(difference),
    }
}

fn agree(model: &Model, oracle: &Oracle<'_>, engine: &Engine<'_, '_, '_>) -> Result<(), String> {
    for ((flow, content), edge) in model.flows.iter().zip(&oracle.flows).zip(engine.edges) {
        let seen = engine.seen(&engine.propagation, &engine.propagation.edges[*edge]);
        if let Some(difference) = difference(content, &seen) {
            return Err(format!("{} > {} in {}:{difference}", flow.from, flow.to, flow.workflow));
        }
    }
    Ok(())
}

/// Every set the oracle found is one that some variant of the engine stands for.
fn holds_all(model: &Model, flows: &[Content], engine: &Engine<'_, '_, '_>) -> Result<(), String> {
    for ((flow, content), edge) in model.flows.iter().zip(flows).zip(engine.edges) {
        let seen = engine.seen(&engine.propagation, &engine.propagation.edges[*edge]);
        for (datum, set) in content.iter().flat_map(|(d, sets)| sets.iter().map(move |s| (d, s))) {
            let stands = |(must, may): &(Set, Set)| must.is_subset(set) && set.is_subset(may);
            if !seen.get(datum).is_some_and(|list| list.iter().any(stands)) {
                let list: Vec<String> = seen.get(datum).into_iter().flatten().map(|(a, b)| format!("{}..{}", shown(a), shown(b))).collect();
                return Err(format!("{} > {}: {datum:?} as {} is lost past the cap; there is {list:?}", flow.from, flow.to, shown(set)));
            }
        }
    }
    Ok(())
}

#[test]
fn engine_and_oracle_agree_on_what_crosses_every_flow() {
    let packs = Packs::load(&Selection::default());
    compare_all("crossings", 2_000, || {
        let lexicon = Lexicon::read();
        let packs = &packs;
        move |plan: &Plan| crossings(&lexicon, packs, &plan.texts(), plan.cap)
    });
}
