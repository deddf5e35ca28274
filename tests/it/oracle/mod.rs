//! An independent oracle: a slow evaluator of the declarations, and Cedar asked naively, against the engine, over projects made at random and over kept ones.

mod declarations;
mod engine;
mod evaluate;
mod generate;
mod labels;
mod naive;
mod run;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use flowgate::packs::{PackFolder, Selection};
use flowgate::propagate::Propagation;

use self::declarations::{Lexicon, Set};
use self::engine::{Engine, Packs, Seen, Texts};
use self::evaluate::{Content, Oracle};
use self::generate::Plan;
use self::labels::CoreLabels;
use self::naive::{Everything, Fired, Naive};
use self::run::{Outcome, compare_all};
use crate::common::{options, project, root, walk};

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
        let one = |(d, s): (&evaluate::Datum, &BTreeSet<Set>)| {
            format!("{} {} ({}) as {}: {}", d.node, d.name, d.surface, d.form, s.iter().map(shown).collect::<Vec<_>>().join(" "))
        };
        content.iter().filter(|(_, s)| !s.is_empty()).map(one).collect()
    };
    let (oracle, engine) = (list(oracle), list(&exact(engine)));
    (oracle != engine).then(|| format!("\n  oracle: {oracle:#?}\n  engine: {engine:#?}"))
}

/// Engine and oracle agree on every flow of a project, and past a small cap the engine only adds.
fn crossings(lexicon: &Lexicon, packs: &Packs, texts: &Texts, cap: usize) -> Outcome {
    let compared = engine::run(
        texts,
        packs,
        UNBOUNDED,
        |model, mut engine| {
            let labels = CoreLabels { lexicon, model };
            let oracle = Oracle::solve(lexicon, model, &labels);
            agree(&oracle, &engine)?;
            ways(&oracle, &mut engine)?;
            holds_all(&oracle, &engine, &engine.widened(cap))?;
            Ok(oracle.flows.iter().flat_map(|c| c.values()).map(BTreeSet::len).sum())
        },
        lexicon,
    );
    match compared {
        Err(invalid) => Outcome::Invalid(invalid),
        Ok(Err(difference)) => Outcome::Differs(difference),
        Ok(Ok(things)) => Outcome::Agrees(things),
    }
}

/// Far above what these projects need: every variant counts.
const UNBOUNDED: usize = 100_000;

fn agree(oracle: &Oracle<'_>, engine: &Engine<'_, '_, '_>) -> Result<(), String> {
    let propagation = &engine.propagation;
    for ((flow, content), edge) in oracle.model.flows.iter().zip(&oracle.flows).zip(engine.edges) {
        if let Some(difference) = difference(content, &engine.seen(propagation, &propagation.edges[*edge])) {
            return Err(format!("{} > {} in {}:{difference}", flow.from, flow.to, flow.workflow));
        }
    }
    for node in oracle.model.nodes.values() {
        let id = engine.nodes[&node.key];
        let mut held = Content::new();
        oracle.arrivals(node).into_iter().for_each(|(_, d, s)| _ = held.entry(d).or_default().insert(s));
        if let Some(difference) = difference(&held, &engine.seen(propagation, &propagation.held(id))) {
            return Err(format!("held at {}:{difference}", node.key));
        }
        let leaving = oracle.model.flows.iter().zip(&oracle.flows).filter(|(f, _)| f.from == node.key);
        let leaving = oracle.lexicon.closed(&leaving.flat_map(|(_, c)| c.values().flatten().flatten().cloned()).collect());
        if leaving != engine.set(&propagation.leaves_with(id)) {
            return Err(format!("{} leaves with {}, not {}", node.key, shown(&leaving), shown(&engine.set(&propagation.leaves_with(id)))));
        }
    }
    Ok(())
}

/// The engine's way of every datum to every flow is a way, and no longer than the oracle's shortest.
fn ways(oracle: &Oracle<'_>, engine: &mut Engine<'_, '_, '_>) -> Result<(), String> {
    let mut shortest = BTreeMap::new();
    for (at, edge) in engine.edges.iter().enumerate() {
        for (item, variants) in engine.propagation.edges[*edge].clone() {
            let datum = engine.datum(&engine.propagation, item);
            let known =
                shortest.entry((datum.node.clone(), datum.name.clone(), datum.surface.clone())).or_insert_with(|| oracle.shortest(&datum));
            for variant in variants {
                let set = engine.set(&engine.propagation.sets[variant.must]);
                let hops = engine.propagation.witness(*edge, item, variant);
                let joined = hops.windows(2).all(|w| engine.graph.edges[w[0].edge].to == engine.graph.edges[w[1].edge].from);
                let ends = hops.last().map(|h| (h.edge, h.item, h.variant)) == Some((*edge, item, variant));
                let wanted = known.get(&(at, datum.clone(), set)).copied();
                if !joined || !ends || wanted != Some(hops.len()) {
                    return Err(format!(
                        "the way of {datum:?} to flow {at} has {} flows, joined {joined}, there {ends}; the shortest has {wanted:?}",
                        hops.len()
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Every set the oracle found is one that some variant of the engine stands for.
fn holds_all(oracle: &Oracle<'_>, engine: &Engine<'_, '_, '_>, widened: &Propagation<'_, '_>) -> Result<(), String> {
    for ((flow, content), edge) in oracle.model.flows.iter().zip(&oracle.flows).zip(engine.edges) {
        let seen = engine.seen(widened, &widened.edges[*edge]);
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

/// The packs verdicts are compared with: rules made to tell merged variants apart, with the labels of all packs; or all rules.
fn judging(all_rules: bool) -> Packs {
    let folder = root().join("tests/oracle/packs/probe");
    let rules = std::fs::read_dir(&folder).unwrap().map(Result::unwrap).filter(|e| e.path().is_dir());
    let rules = rules.map(|e| format!("probe/{}", e.file_name().to_string_lossy()));
    let packs = ["contract", "ftc", "hipaa", "rmf", "route"].map(str::to_owned).to_vec();
    let only = (!all_rules).then(|| rules.collect());
    Packs::load(&Selection { packs, private: vec![PackFolder::on_disk(&folder)], only, ..Selection::default() })
}

/// What has to be there for a rule to be about something else than a missing fact.
fn wanting() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([
        ("probe/zone", "principal has zone"),
        ("probe/kept", "resource has retention"),
        ("probe/held-long", "principal has retention"),
        ("probe/no-external", "principal has operator"),
        ("probe/plain-text", "context.flow has tls"),
    ])
}

fn verdicts(lexicon: &Lexicon, packs: &Packs, all: &Everything, texts: &Texts, cap: usize) -> Outcome {
    let exact = engine::run(
        texts,
        packs,
        UNBOUNDED,
        |model, engine| {
            let naive = Naive { all, lexicon, model, engine: &engine };
            let early = naive.earned(None);
            let first = Oracle::solve(lexicon, model, &early);
            for ((flow, content), edge) in model.flows.iter().zip(&first.flows).zip(engine.edges) {
                if let Some(difference) = difference(content, &engine.seen(engine.first, &engine.first.edges[*edge])) {
                    return Err(format!("first round, {} > {}:{difference}", flow.from, flow.to));
                }
            }
            let late = naive.earned(Some(engine.first));
            let oracle = Oracle::solve(lexicon, model, &late);
            agree(&oracle, &engine)?;
            let said = naive.verdicts(&oracle, &wanting());
            let judged = engine.judge.verdicts_alone(&engine.propagation);
            if let Some(problem) = judged.problems.first() {
                return Err(format!("{} {}", problem.code, problem.message));
            }
            let found = naive::verdicts_of(&engine, &judged);
            let known = |of: &BTreeSet<Fired>| of.iter().filter(|f| wanting().contains_key(f.0.as_str())).cloned().collect::<BTreeSet<_>>();
            if said.0 != found.0 || said.1 != known(&found.1) {
                let (a, b) = if said.0 == found.0 { (&said.1, &known(&found.1)) } else { (&said.0, &found.0) };
                let only = |a: &BTreeSet<Fired>, b: &BTreeSet<Fired>| a.difference(b).map(|f| format!("{f:?}")).collect::<Vec<_>>();
                return Err(format!("\n  Cedar asked naively alone: {:#?}\n  engine alone: {:#?}", only(a, b), only(b, a)));
            }
            Ok(said.0)
        },
        lexicon,
    );
    let said = match exact {
        Err(invalid) => return Outcome::Invalid(invalid),
        Ok(Err(difference)) => return Outcome::Differs(difference),
        Ok(Ok(said)) => said,
    };
    // Past the cap nothing is lost; what cannot be judged is a problem.
    let widened = engine::run(
        texts,
        packs,
        cap,
        |_, engine| {
            let judged = engine.judge.verdicts_alone(&engine.propagation);
            let place = |f: &Fired| (f.0.clone(), f.1.clone(), f.2.clone(), f.3.clone(), f.4.clone());
            let found: BTreeSet<_> = naive::verdicts_of(&engine, &judged).0.iter().map(place).collect();
            let lost: Vec<String> = said.iter().filter(|f| !found.contains(&place(f))).map(|f| format!("{f:?}")).collect();
            (judged.problems.is_empty() && !lost.is_empty()).then(|| format!("lost past the cap: {lost:#?}"))
        },
        lexicon,
    );
    match widened {
        Err(difference) | Ok(Some(difference)) => Outcome::Differs(difference),
        Ok(None) => Outcome::Agrees(said.len()),
    }
}

#[test]
fn engine_and_naive_cedar_agree_on_every_verdict() {
    let packs = [judging(false), judging(true)];
    compare_all("verdicts", 100, || {
        let lexicon = Lexicon::read();
        let packs = &packs;
        let all = [Everything::read(&packs[0]), Everything::read(&packs[1])];
        move |plan: &Plan| {
            let with = usize::from(plan.all_rules());
            verdicts(&lexicon, &packs[with], &all[with], &plan.texts(), plan.cap)
        }
    });
}

/// Kept projects: engine, oracle and what a person wrote down say the same.
#[test]
fn kept_cases_stay_as_they_are_written_down() {
    let (lexicon, packs) = (Lexicon::read(), Packs::load(&Selection::default()));
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut cases: Vec<_> = std::fs::read_dir(root().join("tests/oracle/cases")).unwrap().map(|e| e.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 10, "only {} cases", cases.len());
    for case in cases {
        let workflows: Vec<String> = walk(&case).iter().filter(|f| f.to_string_lossy().ends_with(".flow.yaml")).map(|f| read(f)).collect();
        let texts = Texts { project: read(&root().join("tests/oracle/flowgate.yaml")), workflows };
        match crossings(&lexicon, &packs, &texts, 1) {
            Outcome::Agrees(_) => {}
            Outcome::Invalid(why) | Outcome::Differs(why) => panic!("{}: {why}", case.display()),
        }
        let expected = declarations::yaml(&case.join("expected.yaml"));
        let found = engine::run(
            &texts,
            &packs,
            UNBOUNDED,
            |model, _| written(&Oracle::solve(&lexicon, model, &CoreLabels { lexicon: &lexicon, model })),
            &lexicon,
        );
        let found = serde_json::to_value(found.unwrap()).unwrap();
        assert_eq!(found, expected, "{}: found\n{}", case.display(), serde_json::to_string_pretty(&found).unwrap());
    }
}

/// What crosses, as `expected.yaml` has it: by flow, each datum with its sets.
fn written(oracle: &Oracle<'_>) -> BTreeMap<String, Vec<String>> {
    let id = |key: &str| oracle.model.nodes[key].id.clone();
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (flow, content) in oracle.model.flows.iter().zip(&oracle.flows) {
        let here = all.entry(format!("{} > {}", id(&flow.from), id(&flow.to))).or_default();
        for (datum, sets) in content {
            let surface = if datum.surface_now() == "body" { String::new() } else { format!(" ({})", datum.surface_now()) };
            let sets: Vec<String> = sets.iter().map(shown).collect();
            here.push(format!("{}.{} as {}{surface}: {}", id(&datum.node), datum.name, datum.form, sets.join(" ")));
        }
    }
    all
}

/// The places that are named as ways no datum takes, by line and column.
fn idle(workflow: &str) -> Vec<(usize, usize, String)> {
    let file = "version: 1\nroles: []\npacks: []\nparties: { acme: { relation: self } }\n";
    let report = flowgate::check(&project(file, &[workflow]), &options());
    assert!(report.problems.iter().all(|p| p.code == "propagate/idle-flow"), "{:?}", report.problems);
    let place = |p: &flowgate::problem::Problem| {
        let (line, column) = p.places[0].file.line_column(p.places[0].span.start);
        (line, column, p.message.clone())
    };
    report.problems.iter().map(place).collect()
}

/// A circle that nothing enters carries nothing, and one of its flows says so.
#[test]
fn a_circle_that_nothing_enters_is_named_once() {
    let circle = "workflow: w\nstage: draft\nstores: { a: {}, b: {} }\nflows:\n  - { from: b, to: a, fields: [x] }\n  - { from: a, to: b, fields: [x] }\n";
    assert_eq!(idle(circle), [(6, 32, "no `x` crosses from `a` to `b`".to_owned())]);
    let fed = format!("{circle}  - {{ from: s, to: a, fields: [x] }}\nsources: {{ s: {{ fields: {{ x: public }} }} }}\n");
    assert_eq!(idle(&fed), []);
}

/// Nothing on a flow of everything is a notice; a field listed behind it was still never judged.
#[test]
fn a_field_listed_behind_an_idle_wildcard_is_named() {
    let workflow = |keep: &str| {
        format!(
            "workflow: w\nstage: draft\nsources: {{ s: {{ fields: {{ x: public }} }} }}\n\
             steps: {{ c: {{ type: custom, outputs: {{ default: [ {{ forward: \"*\" }}, {{ keep: {keep} }} ] }} }} }}\nstores: {{ q: {{}}, k: {{}}, l: {{}} }}\n\
             flows:\n  - {{ from: s, to: c, fields: [x] }}\n  - {{ from: c, to: q, fields: \"*\" }}\n  - {{ from: q, to: k, fields: [x] }}\n  - {{ from: k, to: l, fields: [x] }}\n"
        )
    };
    assert_eq!(idle(&workflow("id")), [(9, 32, "no `x` crosses from `q` to `k`".to_owned())]);
    assert_eq!(idle(&workflow("public")), []);
}
