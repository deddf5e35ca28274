//! Section by section, the smallest graph that shows each rule of propagation, with its near miss beside it.

use std::collections::BTreeSet;

use super::*;
use crate::declare::Declarations;
use crate::graph::build;
use crate::load::{Document, Format, Limits};
use crate::packs::{LabelKind, Library, Selection};
use crate::vocabulary::Vocabulary;

const PROJECT: &str = "version: 1\nroles: []\nparties: { acme: { relation: self } }\n";

/// What crosses a flow: `field as form: {labels} {labels}`, one set per variant, ids of classes and labels sorted.
type Crossing = Vec<String>;

/// Everything a test wants to look at.
struct Solved {
    crossings: BTreeMap<String, Crossing>,
    paths: BTreeMap<String, String>,
    widened: usize,
}

impl Solved {
    /// What crosses the flow between two nodes.
    fn at(&self, flow: &str) -> Vec<&str> {
        self.crossings.get(flow).map(|c| c.iter().map(String::as_str).collect()).unwrap_or_default()
    }
}

/// Solves a workflow; `labels` are what fields carry beside their classes and what nodes give, as `(source.field | node:output, label)`.
fn solve_with(workflow: &str, labels: &[(&str, &str)], cap: usize) -> Solved {
    let parse = |name: &str, text: &str| Document::parse(name, text.as_bytes().to_vec(), Format::Yaml, &Limits::default()).unwrap();
    let (project, flow) = (parse("flowgate.yaml", PROJECT), parse("a.flow.yaml", &format!("workflow: a\nstage: pilot\n{workflow}")));
    let (library, problems) = Library::load(&Selection::default());
    assert!(problems.is_empty(), "{problems:?}");
    let declarations = Declarations { project: Some(&project), workflows: vec![&flow], waivers: None };
    let (graph, problems) = build(declarations, &library, Vocabulary::load().unwrap());
    assert!(problems.is_empty(), "{problems:?}");
    let label = |name: &str| [graph.taxonomy.find(LabelKind::Label, name).unwrap()].into_iter().collect::<LabelSet>();
    let mut labelling = Labelling {
        fields: graph.fields.ids().map(|_| LabelSet::default()).collect(),
        fresh: FxHashMap::default(),
        nodes: FxHashMap::default(),
        cap,
        crossings: usize::MAX,
    };
    for (at, name) in labels {
        if let Some((id, _)) = graph.fields.iter().find(|(_, f)| f.id == *at) {
            labelling.fields[id] = labelling.fields[id].union(&label(name));
        } else {
            let (node, output) = at.split_once(':').unwrap();
            let node = graph.nodes.iter().find(|(_, n)| n.id == node).unwrap().0;
            for lowered in [false, true] {
                let entry = labelling.nodes.entry((node, output.to_owned(), true, lowered)).or_default();
                *entry = entry.union(&label(name));
            }
        }
    }
    let mut solved = propagate(&graph, &labelling);
    let show = |p: &Propagation<'_, '_>, set: SetId| {
        let names: BTreeSet<&str> = p.sets[set].iter().map(|l| graph.taxonomy.entry(l).name.as_str()).collect();
        format!("{{{}}}", names.into_iter().collect::<Vec<_>>().join(" "))
    };
    let mut crossings: BTreeMap<String, Crossing> = BTreeMap::new();
    let mut paths = BTreeMap::new();
    for (id, edge) in graph.edges.iter() {
        let flow = format!("{} > {}", graph.nodes[edge.from].id, graph.nodes[edge.to].id);
        for (item, variants) in solved.edges[id].clone() {
            let surface = Some(solved.surface(item)).filter(|s| *s != "body").map(|s| format!(" ({s})")).unwrap_or_default();
            let name = format!("{} as {}{surface}", solved.datum_name(item), solved.forms[solved.items[item].form]);
            let mut sets: Vec<String> = variants
                .iter()
                .map(|v| if v.is_exact() { show(&solved, v.must) } else { format!("{}..{}", show(&solved, v.must), show(&solved, v.may)) })
                .collect();
            sets.sort();
            crossings.entry(flow.clone()).or_default().push(format!("{name}: {}", sets.join(" ")));
            for variant in variants {
                let hops = solved.witness(id, item, variant);
                let way: Vec<&str> = hops.iter().map(|h| graph.nodes[graph.edges[h.edge].from].id.as_str()).collect();
                paths.insert(format!("{flow} {name} {}", show(&solved, variant.must)), way.join(" "));
            }
        }
        crossings.entry(flow).or_default().sort();
    }
    Solved { crossings, paths, widened: solved.widened.len() }
}

fn solve(workflow: &str) -> Solved {
    solve_with(workflow, &[], DEFAULT_VARIANT_CAP)
}

/// One source with two fields, for most tests.
const SOURCE: &str = "sources: { s: { operator: acme, fields: { name: id.name, note: regulated.health.note } } }\n";

#[test]
fn exactly_the_named_fields_cross() {
    let solved = solve(&format!("{SOURCE}stores: {{ k: {{}} }}\nflows: [ {{ from: s, to: k, fields: [note] }} ]"));
    assert_eq!(solved.at("s > k"), ["s.note as note: {regulated.health.note}"]);
}

#[test]
fn a_step_that_removes_a_class_removes_all_below_it_and_nothing_else() {
    let steps = "steps: { r: { type: redact, removes: [id], surfaces: [body], version: v1 } }\nstores: { k: {} }\n";
    let flows = "flows: [ { from: s, to: r, fields: \"*\" }, { from: r, to: k, fields: \"*\" } ]";
    let solved = solve(&format!("{SOURCE}{steps}{flows}"));
    assert_eq!(solved.at("r > k"), ["s.name as name: {}", "s.note as note: {regulated.health.note}"]);
}

#[test]
fn alternatives_are_never_merged() {
    let rest = "steps: { r: { type: redact, removes: [id], surfaces: [body], version: v1 } }\nstores: { q: {}, k: {} }\n\
                flows: [ { from: s, to: r, fields: [name] }, { from: r, to: q, fields: [name] }, { from: s, to: q, fields: [name] }, { from: q, to: k, fields: [name] } ]";
    let solved = solve_with(&format!("{SOURCE}{rest}"), &[("r:default", "redacted")], 64);
    assert_eq!(solved.at("q > k"), ["s.name as name: {id.name} {redacted}"]);
}

#[test]
fn a_redaction_leaves_surfaces_it_does_not_process() {
    let source = "sources: { s: { operator: acme, surfaces: [body, attachments], fields: { name: id.name } } }\n";
    let rest = "stores: { k: {} }\nflows: [ { from: s, to: r, fields: [name] }, { from: r, to: k, fields: [name] } ]\n";
    let step = |surfaces: &str| format!("{source}steps: {{ r: {{ type: redact, removes: [id], version: v1{surfaces} }} }}\n{rest}");
    assert_eq!(solve(&step(", surfaces: [body]")).at("r > k"), ["s.name as name (attachments): {id.name}", "s.name as name: {}"]);
    assert_eq!(solve(&step(", surfaces: [body, attachments]")).at("r > k"), ["s.name as name (attachments): {}", "s.name as name: {}"]);
    // What it processes is not guessed.
    assert_eq!(solve(&step("")).at("r > k"), ["s.name as name (attachments): {id.name}", "s.name as name: {id.name}"]);
}

#[test]
fn free_text_is_presumed_to_hold_identifiers_and_secrets_unless_a_clean_scan_covers_them() {
    let source = |scan: &str| {
        format!(
            "sources: {{ s: {{ operator: acme{scan}, fields: {{ t: {{ class: customer.ticket, free_text: true }} }} }} }}\nstores: {{ k: {{}} }}\nflows: [ {{ from: s, to: k, fields: [t] }} ]"
        )
    };
    let holds = |scan: &str, class: &str| solve(&source(scan)).at("s > k").iter().any(|c| c.contains(class));
    assert!(holds("", "id.ssn") && holds("", "code.secret.api_key"));
    let scan = |result: &str| format!(", scan: {{ tool: x, version: v1, date: 2026-01-01, result: {result}, covers: [code.secret] }}");
    assert!(holds(&scan("clean"), "id.ssn") && !holds(&scan("clean"), "code.secret.api_key"));
    assert!(holds(&scan("findings"), "code.secret.api_key"));
}

#[test]
fn models_derive_from_each_input_and_keep_its_origin() {
    let rest = "endpoints: { m: { operator: acme } }\nlogs: { l: {} }\noutputs: { o: {} }\n\
                flows: [ { from: s, to: m, fields: \"*\" }, { from: m, to: l, fields: [prompt] }, { from: m, to: o, fields: [completion] } ]";
    let solved = solve_with(&format!("{SOURCE}{rest}"), &[("m:completion", "proposed")], 64);
    assert_eq!(solved.at("m > l"), ["s.name as prompt: {id.name}", "s.note as prompt: {regulated.health.note}"]);
    assert_eq!(solved.at("m > o"), ["s.name as completion: {id.name proposed}", "s.note as completion: {proposed regulated.health.note}"]);
}

#[test]
fn only_a_batch_endpoint_has_results() {
    let with = |mode: &str| {
        solve(&format!(
            "{SOURCE}endpoints: {{ m: {{ operator: acme, mode: {mode} }} }}\nstores: {{ k: {{}} }}\nflows: [ {{ from: s, to: m, fields: [name] }}, {{ from: m, to: k, fields: [results] }} ]"
        ))
    };
    assert_eq!(with("batch").at("m > k"), ["s.name as results: {id.name}"]);
    assert_eq!(with("sync").at("m > k"), [""; 0]);
}

#[test]
fn a_model_that_is_sent_nothing_still_says_something() {
    let solved = solve_with(
        "endpoints: { m: { operator: acme } }\noutputs: { o: {} }\nflows: [ { from: m, to: o, fields: [completion] } ]",
        &[("m:completion", "proposed")],
        64,
    );
    assert_eq!(solved.at("m > o"), ["m.completion as completion: {proposed}"]);
}

/// A custom step with these effects, between the source and a store.
fn custom(outputs: &str) -> Solved {
    solve(&format!(
        "{SOURCE}steps: {{ c: {{ type: custom, operator: acme, outputs: {outputs} }} }}\nstores: {{ k: {{}} }}\nflows: [ {{ from: s, to: c, fields: \"*\" }}, {{ from: c, to: k, fields: \"*\" }} ]"
    ))
}

#[test]
fn without_forward_nothing_of_the_input_leaves() {
    assert_eq!(custom("{ default: [ { add: [redacted] } ] }").at("c > k"), [""; 0]);
    assert_eq!(custom("{ default: [ { emit: count, classes: [public] } ] }").at("c > k"), ["c.count as count: {public}"]);
}

#[test]
fn effects_apply_in_order() {
    assert_eq!(
        custom("{ default: [ { forward: \"*\" }, { add: [id.email] }, { remove: [id] } ] }").at("c > k"),
        ["s.name as name: {}", "s.note as note: {regulated.health.note}"]
    );
    assert_eq!(
        custom("{ default: [ { forward: \"*\" }, { remove: [id] }, { add: [id.email] } ] }").at("c > k"),
        ["s.name as name: {id.email}", "s.note as note: {id.email regulated.health.note}"]
    );
    // What comes before `forward` does not touch what it brings.
    assert_eq!(
        custom("{ default: [ { remove: [id] }, { forward: \"*\" } ] }").at("c > k"),
        ["s.name as name: {id.name}", "s.note as note: {regulated.health.note}"]
    );
}

#[test]
fn a_label_that_is_given_displaces_others() {
    assert_eq!(
        custom("{ default: [ { forward: \"*\" }, { add: [proposed] }, { add: [reviewed] } ] }").at("c > k"),
        ["s.name as name: {id.name reviewed}", "s.note as note: {regulated.health.note reviewed}"]
    );
}

#[test]
fn conditions_look_at_one_datum() {
    assert_eq!(
        custom("{ default: [ { forward: \"*\" }, { when: id, add: [redacted], remove: [id], else: { add: [aggregated] } } ] }").at("c > k"),
        ["s.name as name: {redacted}", "s.note as note: {aggregated regulated.health.note}"]
    );
    assert_eq!(
        custom("{ default: [ { forward: \"*\" }, { keep: { not: id } } ] }").at("c > k"),
        ["s.note as note: {regulated.health.note}"]
    );
    assert_eq!(custom("{ default: [ { forward: \"*\" }, { keep: { all: [id, regulated] } } ] }").at("c > k"), [""; 0]);
    assert_eq!(custom("{ default: [ { forward: \"*\" }, { keep: { any: [id, regulated] } } ] }").at("c > k").len(), 2);
}

/// Two sources into the named inputs of one step.
fn two_inputs(of: &str, second: &str) -> Solved {
    solve(&format!(
        "sources: {{ a: {{ operator: acme, fields: {{ x: id.name }} }}, b: {{ operator: acme, fields: {{ y: id.ssn }} }} }}\n\
         steps: {{ j: {{ type: custom, operator: acme, outputs: {{ default: [ {{ emit: both, of: {of} }} ] }} }} }}\nstores: {{ k: {{}} }}\n\
         flows: [ {{ from: a, to: j, input: left, fields: [x] }}, {second} {{ from: j, to: k, fields: \"*\" }} ]"
    ))
}

#[test]
fn several_named_inputs_are_all_present_and_each_part_keeps_its_origin() {
    let solved = two_inputs("[left, right]", "{ from: b, to: j, input: right, fields: [y] },");
    assert_eq!(solved.at("j > k"), ["a.x as both: {id.name id.ssn}", "b.y as both: {id.name id.ssn}"]);
    assert_eq!(two_inputs("[left, right]", "").at("j > k"), [""; 0]);
    assert_eq!(
        two_inputs("\"*\"", "{ from: b, to: j, input: right, fields: [y] },").at("j > k"),
        ["a.x as both: {id.name}", "b.y as both: {id.ssn}"]
    );
}

#[test]
fn a_combination_takes_one_variant_of_each_input() {
    let solved = solve(
        "sources: { a: { operator: acme, fields: { x: id.name } }, b: { operator: acme, fields: { y: id.ssn } } }\n\
         steps: { r: { type: redact, removes: [id.ssn], surfaces: [body], version: v1 }, j: { type: custom, operator: acme, outputs: { default: [ { emit: both, of: [left, right] } ] } } }\nstores: { k: {} }\n\
         flows: [ { from: a, to: j, input: left, fields: [x] }, { from: b, to: j, input: right, fields: [y] }, { from: b, to: r, fields: [y] }, { from: r, to: j, input: right, fields: [y] }, { from: j, to: k, fields: \"*\" } ]",
    );
    assert_eq!(solved.at("j > k"), ["a.x as both: {id.name id.ssn} {id.name}", "b.y as both: {id.name id.ssn} {id.name}"]);
}

#[test]
fn named_outputs_are_told_apart() {
    let solved = solve(&format!(
        "{SOURCE}steps: {{ c: {{ type: custom, operator: acme, outputs: {{ raw: [ {{ forward: \"*\" }} ], clean: [ {{ forward: \"*\" }}, {{ remove: [id] }} ] }} }} }}\nstores: {{ k: {{}}, q: {{}}, z: {{}} }}\n\
         flows: [ {{ from: s, to: c, fields: [name] }}, {{ from: c, output: raw, to: k, fields: [name] }}, {{ from: c, output: clean, to: q, fields: [name] }}, {{ from: c, to: z, fields: [name] }} ]"
    ));
    assert_eq!(solved.at("c > k"), ["s.name as name: {id.name}"]);
    assert_eq!(solved.at("c > q"), ["s.name as name: {}"]);
    assert_eq!(solved.at("c > z"), ["s.name as name: {id.name} {}"], "a flow that names no output may carry either");
}

#[test]
fn a_cycle_ends_at_the_least_fixpoint() {
    let solved = solve(&format!(
        "{SOURCE}steps: {{ r: {{ type: redact, removes: [id], surfaces: [body], version: v1 }} }}\nstores: {{ a: {{}}, b: {{}}, k: {{}} }}\n\
         flows: [ {{ from: s, to: a, fields: [name] }}, {{ from: a, to: b, fields: [name] }}, {{ from: b, to: r, fields: [name] }}, {{ from: r, to: a, fields: [name] }}, {{ from: b, to: k, fields: [name] }} ]"
    ));
    assert_eq!(solved.at("b > k"), ["s.name as name: {id.name} {}"]);
    assert_eq!(solved.paths["b > k s.name as name {}"], "s a b r a b");
    assert_eq!(solved.paths["b > k s.name as name {id.name}"], "s a b");
}

#[test]
fn the_witness_is_the_shortest_way_and_of_two_the_one_over_smaller_names() {
    let solved = solve(&format!(
        "{SOURCE}stores: {{ a: {{}}, b: {{}}, c: {{}}, k: {{}} }}\n\
         flows: [ {{ from: s, to: b, fields: [name] }}, {{ from: s, to: a, fields: [name] }}, {{ from: b, to: k, fields: [name] }}, {{ from: a, to: k, fields: [name] }}, {{ from: a, to: c, fields: [name] }}, {{ from: c, to: k, fields: [name] }}, {{ from: k, to: c, fields: [name] }} ]"
    ));
    assert_eq!(solved.paths["k > c s.name as name {id.name}"], "s a k");
}

#[test]
fn copies_are_flows_too() {
    let solved =
        solve(&format!("{SOURCE}stores: {{ k: {{ copies: {{ snapshot: {{}} }} }} }}\nflows: [ {{ from: s, to: k, fields: [name] }} ]"));
    assert_eq!(solved.at("k > k.snapshot"), ["s.name as name: {id.name}"]);
}

/// A workflow with cases: a splitter sends one of them another way.
#[test]
fn cases_narrow_from_flow_to_flow() {
    let flows = |first: &str| {
        format!(
            "case_types: [routine, urgent]\n{SOURCE}steps: {{ split: {{ type: classify, operator: acme }} }}\nstores: {{ a: {{}}, k: {{}} }}\n\
             flows: [ {{ from: s, to: split, fields: [name] }}, {{ from: split, to: a, fields: [name]{first} }}, {{ from: a, to: k, fields: [name], case_types: [urgent] }} ]"
        )
    };
    assert_eq!(solve(&flows(", case_types: [routine]")).at("split > a"), ["s.name as name: {id.name routine}"]);
    assert_eq!(solve(&flows(", case_types: [routine]")).at("a > k"), [""; 0], "no urgent case is left on this way");
    assert_eq!(solve(&flows("")).at("a > k"), ["s.name as name: {id.name urgent}"]);
}

/// Eight alternatives of one datum: three steps that each may or may not add a label.
fn many_variants(cap: usize) -> Solved {
    let steps = ["redacted", "encrypted", "excerpt"].iter().enumerate().fold(String::new(), |text, (n, label)| {
        format!("{text}c{n}: {{ type: custom, operator: acme, outputs: {{ default: [ {{ forward: \"*\" }}, {{ add: [{label}] }} ] }} }}, ")
    });
    let flows: String = (0..3).map(|n| format!("{{ from: q{n}, to: c{n}, fields: [name] }}, {{ from: c{n}, to: q{}, fields: [name] }}, {{ from: q{n}, to: q{}, fields: [name] }}, ", n + 1, n + 1)).collect();
    solve_with(
        &format!(
            "{SOURCE}steps: {{ {steps} }}\nstores: {{ q0: {{}}, q1: {{}}, q2: {{}}, q3: {{}}, k: {{}} }}\nflows: [ {{ from: s, to: q0, fields: [name] }}, {flows} {{ from: q3, to: k, fields: [name] }} ]"
        ),
        &[],
        cap,
    )
}

#[test]
fn past_the_cap_variants_widen_to_a_range_that_holds_them_all() {
    let exact = many_variants(8);
    assert_eq!(exact.at("q3 > k")[0].matches('{').count(), 8);
    assert_eq!(exact.widened, 0);
    let wide = many_variants(7);
    assert_eq!(wide.at("q3 > k"), ["s.name as name: {id.name}..{encrypted excerpt id.name redacted}"]);
    assert!(wide.widened > 0);
    assert_eq!(wide.paths.values().filter(|way| way.is_empty()).count(), 0, "every state has a witness");
}

#[test]
fn cases_of_a_range_are_narrowed_to_what_may_be_left() {
    let workflow = format!(
        "case_types: [routine, urgent]\n{SOURCE}steps: {{ a: {{ type: convert }}, b: {{ type: convert }} }}\nstores: {{ q: {{}}, k: {{}} }}\n\
         flows: [ {{ from: s, to: a, fields: [name], case_types: [routine] }}, {{ from: s, to: b, fields: [name], case_types: [urgent] }}, \
         {{ from: a, to: q, fields: [name] }}, {{ from: b, to: q, fields: [name] }}, {{ from: q, to: k, fields: [name] }} ]"
    );
    assert_eq!(solve_with(&workflow, &[], 64).at("q > k"), ["s.name as name: {id.name routine} {id.name urgent}"]);
    assert_eq!(solve_with(&workflow, &[], 1).at("q > k"), ["s.name as name: {id.name}..{id.name routine urgent}"]);
}

/// No recursion over user-sized input: a chain longer than any stack.
#[test]
fn a_long_chain_is_solved() {
    let count = 3_000;
    let stores: String = (0..=count).map(|n| format!("n{n}: {{}}, ")).collect();
    let flows: String = (0..count).map(|n| format!("{{ from: n{n}, to: n{}, fields: [name] }}, ", n + 1)).collect();
    let parse = |name: &str, text: String| Document::parse(name, text.into_bytes(), Format::Yaml, &Limits::default()).unwrap();
    let project = parse("flowgate.yaml", PROJECT.to_owned());
    let flow = parse(
        "a.flow.yaml",
        format!("workflow: a\nstage: pilot\n{SOURCE}stores: {{ {stores} }}\nflows: [ {{ from: s, to: n0, fields: [name] }}, {flows} ]"),
    );
    let (library, _) = Library::load(&Selection::default());
    let (graph, problems) =
        build(Declarations { project: Some(&project), workflows: vec![&flow], waivers: None }, &library, Vocabulary::load().unwrap());
    assert!(problems.is_empty(), "{:?}", problems.first());
    let labelling = Labelling {
        fields: graph.fields.ids().map(|_| LabelSet::default()).collect(),
        fresh: FxHashMap::default(),
        nodes: FxHashMap::default(),
        cap: 64,
        crossings: usize::MAX,
    };
    let mut solved = propagate(&graph, &labelling);
    let last = graph.edges.iter().find(|(_, e)| graph.nodes[e.to].id == format!("n{count}")).unwrap().0;
    let (item, variants) = solved.edges[last].iter().next().map(|(i, v)| (*i, v.clone())).unwrap();
    assert_eq!(solved.witness(last, item, variants[0]).len(), count + 1);
}
