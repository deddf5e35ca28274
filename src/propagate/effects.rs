//! A node as an ordered list of effects per output: what it forwards, emits, adds, removes. Step types and custom steps compile to the same
//! lists.

use rustc_hash::FxHashMap;

use super::combine::{COMBINATIONS, Part, Ranges, combine};
use super::conditions::{Condition, condition_of};
use super::{BODY, FormId, Item, ItemId, Labelling, Origin, OriginId, Sets, Variant};
use crate::declare::{Declared, NodeKind};
use crate::graph::{DEFAULT_PORT, ENDPOINT_OUTPUTS, FlowGraph, NodeId, outputs_of};
use crate::load::Value;
use crate::packs::{LabelKind, LabelSet, Taxonomy};
use crate::table::{Interner, Table};

/// Which inputs an effect takes from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Inputs {
    All,
    Named(Vec<String>),
}

impl Inputs {
    fn takes(&self, input: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.iter().any(|n| n == input),
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Change {
    add: LabelSet,
    remove: LabelSet,
}

#[derive(Clone, Debug)]
enum Op {
    Forward(Inputs),
    /// A datum made from each that arrives, its origin kept.
    Emit(FormId, Inputs),
    /// A datum made from one of each of these inputs.
    Combine(FormId, Vec<String>),
    /// A datum made from nothing that arrives.
    Fresh(ItemId, LabelSet),
    Change(Change),
    When(Condition, Change, Change),
    Keep(Condition),
}

#[derive(Debug)]
struct Output {
    name: String,
    ops: Vec<Op>,
    /// Labels the node gives to what leaves here: by whether its surface is covered, and whether the effects took something from it.
    labels: [[Change; 2]; 2],
}

/// Data that have arrived at a node, by input.
pub(super) type Arrivals = FxHashMap<String, Vec<(ItemId, Variant)>>;

/// What leaves a node: output, datum, variant.
pub(super) type Leaving = (usize, ItemId, Variant);

/// Tail of an effect list applied to one variant: remembered, because few variants meet many flows.
type TailKey = (NodeId, usize, usize, bool, Variant);

/// All nodes' effects, compiled.
#[derive(Debug)]
pub(super) struct Machine {
    outputs: Table<NodeId, Vec<Output>>,
    /// Surfaces a step processes, where its type lowers labels only on those.
    scope: Table<NodeId, Option<Vec<String>>>,
    /// What a node starts with: a source's fields, and what nodes make from nothing.
    pub(super) starts: Table<NodeId, Vec<(ItemId, Variant)>>,
    /// What a node makes from nothing: it leaves without having arrived.
    pub(super) fresh: Table<NodeId, Vec<Leaving>>,
    /// What a node that makes data of others says when nothing ever arrives there.
    pub(super) unprompted: Table<NodeId, Vec<Leaving>>,
    tails: FxHashMap<TailKey, Option<Variant>>,
    /// Labels a combination keeps only when every part has them.
    assurances: LabelSet,
    /// Combinations of variants that one arrival may make.
    combinations: usize,
    /// Past that, the range that stands for all that an effect makes.
    ranges: Ranges,
}

/// Tables a compilation fills.
#[derive(Default)]
pub(super) struct Names {
    pub(super) origins: Interner<OriginId, Origin>,
    pub(super) items: Interner<ItemId, Item>,
    pub(super) forms: Interner<FormId, String>,
    pub(super) sets: Sets,
}

impl Machine {
    pub(super) fn compile(graph: &FlowGraph<'_>, labelling: &Labelling, names: &mut Names) -> Self {
        let mut machine = Self {
            outputs: Table::default(),
            scope: Table::default(),
            starts: Table::default(),
            fresh: Table::default(),
            unprompted: Table::default(),
            tails: FxHashMap::default(),
            assurances: graph.taxonomy.assurances(),
            combinations: labelling.cap.saturating_mul(COMBINATIONS),
            ranges: Ranges::default(),
        };
        for id in graph.nodes.ids() {
            let outputs = compile_node(graph, labelling, id, names);
            machine.outputs.push(outputs);
            machine.scope.push(scope(graph, id));
        }
        for id in graph.nodes.ids() {
            machine.starts.push(field_starts(graph, labelling, id, names));
            let (fresh, unprompted) = machine.fresh_data(id, names);
            machine.fresh.push(fresh);
            machine.unprompted.push(unprompted);
        }
        machine
    }

    /// The name of an output.
    pub(super) fn output_name(&self, node: NodeId, output: usize) -> &str {
        self.outputs[node].get(output).map_or(DEFAULT_PORT, |o| o.name.as_str())
    }

    /// All that leaves a node because `item` arrived at `input`.
    pub(super) fn leave(
        &mut self,
        names: &mut Names,
        node: NodeId,
        input: &str,
        item: ItemId,
        variant: Variant,
        arrivals: &Arrivals,
    ) -> Vec<Leaving> {
        let mut all = Vec::new();
        let covered = covers(names, self.scope[node].as_deref(), item);
        for output in 0..self.outputs[node].len() {
            let ops = self.outputs[node].get(output).map(|o| o.ops.len()).unwrap_or(0);
            for at in 0..ops {
                let Some(op) = self.outputs[node].get(output).and_then(|o| o.ops.get(at)) else { continue };
                let brought: Vec<(ItemId, Part)> = match op {
                    Op::Forward(inputs) if inputs.takes(input) => vec![(item, (variant, covered))],
                    Op::Emit(form, inputs) if inputs.takes(input) => vec![(derive(names, item, *form), (variant, covered))],
                    Op::Combine(form, inputs) if inputs.iter().any(|i| i == input) => {
                        let scope = &self.scope[node];
                        let covers = |names: &Names, item| covers(names, scope.as_deref(), item);
                        let how = (&self.assurances, self.combinations, &mut self.ranges);
                        combine(names, how, covers, ((node, output, at), *form, inputs), input, (item, variant), arrivals)
                    }
                    _ => continue,
                };
                for (item, (variant, covered)) in brought {
                    if let Some(variant) = self.tail(names, node, output, at + 1, covered, variant) {
                        all.push((output, item, variant));
                    }
                }
            }
        }
        all
    }

    /// Does the node make one datum of several inputs?
    pub(super) fn combines(&self, node: NodeId) -> bool {
        self.outputs[node].iter().flat_map(|o| &o.ops).any(|op| matches!(op, Op::Combine(..)))
    }

    /// Applies the effects after the one that brought a datum in, then the node's labels.
    fn tail(&mut self, names: &mut Names, node: NodeId, output: usize, at: usize, covered: bool, variant: Variant) -> Option<Variant> {
        let key = (node, output, at, covered, variant);
        if let Some(known) = self.tails.get(&key) {
            return *known;
        }
        let result = self.outputs[node].get(output).and_then(|output| finish(&mut names.sets, output, at, covered, variant));
        self.tails.insert(key, result);
        result
    }

    /// What arrives and is declared away: all of it where a datum is made from nothing, and what an effect removes beyond the node's `removes`.
    pub(super) fn dropped(&self, graph: &FlowGraph<'_>, node: NodeId, arriving: &LabelSet) -> LabelSet {
        let Some(value) = graph.nodes[node].value.filter(|v| v.get("outputs").is_some()) else { return LabelSet::default() };
        let declared = Declared { document: graph.nodes[node].document, value };
        let removes = names_of(&graph.taxonomy, declared.texts("removes"));
        let removes = graph.taxonomy.below(&removes);
        let mut dropped = LabelSet::default();
        for output in &self.outputs[node] {
            let mut made = LabelSet::default();
            let mut from_nothing = false;
            for op in &output.ops {
                match op {
                    Op::Fresh(_, classes) => {
                        from_nothing = true;
                        made = made.union(&graph.taxonomy.closure(classes));
                    }
                    Op::Change(change) => dropped = dropped.union(&arriving.intersection(&change.remove)),
                    Op::When(_, then, otherwise) => {
                        dropped = dropped.union(&arriving.intersection(&then.remove.union(&otherwise.remove)));
                    }
                    _ => {}
                }
            }
            if from_nothing {
                dropped = dropped.union(&arriving.difference(&made));
            }
        }
        dropped.difference(&removes)
    }

    /// Labels that speak well of a datum and that the node's own effects give where none before them in that output takes a class away.
    pub(super) fn vouched(&self, graph: &FlowGraph<'_>, node: NodeId) -> LabelSet {
        let classes = |set: &LabelSet| set.iter().any(|id| graph.taxonomy.entry(id).kind == LabelKind::Class);
        let mut vouched = LabelSet::default();
        for output in &self.outputs[node] {
            let mut taken = false;
            for op in &output.ops {
                let (changes, certain) = match op {
                    Op::Change(change) => (vec![change], true),
                    Op::When(_, then, otherwise) => (vec![then, otherwise], false),
                    _ => continue,
                };
                for change in changes {
                    let takes = classes(&change.remove);
                    if !taken && !takes {
                        vouched = vouched.union(&change.add.intersection(&self.assurances));
                    }
                    taken |= certain && takes;
                }
            }
        }
        vouched
    }

    /// What a node makes from nothing: fresh data; and beside it what each of its `emit` makes where it is given nothing to make it of.
    fn fresh_data(&self, node: NodeId, names: &mut Names) -> (Vec<Leaving>, Vec<Leaving>) {
        let (mut fresh, mut unprompted) = (Vec::new(), Vec::new());
        for (index, output) in self.outputs[node].iter().enumerate() {
            for (at, op) in output.ops.iter().enumerate() {
                let (list, item, classes) = match op {
                    Op::Fresh(item, classes) => (&mut fresh, *item, classes.clone()),
                    Op::Emit(form, _) => (&mut unprompted, made(names, node, *form), LabelSet::default()),
                    _ => continue,
                };
                let set = names.sets.intern(classes);
                if let Some(variant) = finish(&mut names.sets, output, at + 1, true, Variant::exact(set)) {
                    list.push((index, item, variant));
                }
            }
        }
        (fresh, unprompted)
    }
}

impl Change {
    fn apply(&self, sets: &mut Sets, variant: Variant) -> Variant {
        if self.add.is_empty() && self.remove.is_empty() {
            return variant;
        }
        sets.map(variant, |set| set.difference(&self.remove).union(&self.add))
    }
}

/// Applies the effects of an output from one of them on, then the labels the node gives; nothing is left where a `keep` does not hold.
fn finish(sets: &mut Sets, output: &Output, at: usize, covered: bool, before: Variant) -> Option<Variant> {
    let mut after = before;
    for op in output.ops.iter().skip(at) {
        after = apply(sets, op, covered, after)?;
    }
    let [nothing_taken, something_taken] = output.labels.get(usize::from(covered))?;
    Some(match sets.lowered(before, after) {
        Some(true) => something_taken.apply(sets, after),
        Some(false) => nothing_taken.apply(sets, after),
        None => {
            let (with, without) = (something_taken.apply(sets, after), nothing_taken.apply(sets, after));
            sets.join(with, without)
        }
    })
}

/// Applies one effect to one variant; nothing is left where a `keep` does not hold.
fn apply(sets: &mut Sets, op: &Op, covered: bool, variant: Variant) -> Option<Variant> {
    match op {
        Op::Change(change) if covered => Some(change.apply(sets, variant)),
        Op::When(condition, then, otherwise) if covered => Some(match condition.holds_for(sets, variant) {
            Some(true) => then.apply(sets, variant),
            Some(false) => otherwise.apply(sets, variant),
            None => {
                let (a, b) = (then.apply(sets, variant), otherwise.apply(sets, variant));
                sets.join(a, b)
            }
        }),
        Op::Keep(condition) => (condition.holds_for(sets, variant) != Some(false)).then_some(variant),
        _ => Some(variant),
    }
}

/// The datum made from `item` under the name `form`, its origin kept.
pub(super) fn derive(names: &mut Names, item: ItemId, form: FormId) -> ItemId {
    let origin = names.items[item].origin;
    names.items.intern(Item { origin, form })
}

/// A datum that begins at `node`.
fn made(names: &mut Names, node: NodeId, form: FormId) -> ItemId {
    let name = names.forms[form].clone();
    let origin = names.origins.intern(Origin { node, field: None, name, surface: BODY.to_owned() });
    names.items.intern(Item { origin, form })
}

/// Does a node that processes these surfaces, or all, lower labels on this datum's surface?
fn covers(names: &Names, scope: Option<&[String]>, item: ItemId) -> bool {
    let Some(surfaces) = scope else { return true };
    let item = names.items[item];
    let origin = &names.origins[item.origin];
    let surface = if names.forms[item.form] == origin.name { origin.surface.as_str() } else { BODY };
    surfaces.iter().any(|s| s == surface)
}

/// The surfaces a node's effects are limited to, where its type says so; a step that declares none processes none.
fn scope(graph: &FlowGraph<'_>, id: NodeId) -> Option<Vec<String>> {
    let node = &graph.nodes[id];
    let step_type = graph.taxonomy.step(node.value?.get("type")?.as_str()?).filter(|_| node.kind == NodeKind::Step)?;
    let value = node.value?;
    let declared = Declared { document: node.document, value };
    step_type.scoped_by_surfaces.then(|| declared.texts("surfaces").map(str::to_owned).collect())
}

/// What a source starts with: one datum per field and surface.
fn field_starts(graph: &FlowGraph<'_>, labelling: &Labelling, id: NodeId, names: &mut Names) -> Vec<(ItemId, Variant)> {
    let mut starts = Vec::new();
    for field_id in &graph.nodes[id].fields {
        let field = &graph.fields[*field_id];
        let mut set: LabelSet = field.classes.iter().copied().collect();
        if field.free_text {
            let scanned: LabelSet = field.scanned.iter().copied().collect();
            set = set.union(&graph.taxonomy.free_text().difference(&graph.taxonomy.below(&scanned)));
        }
        set = set.union(&labelling.fields[*field_id]);
        let set = names.sets.intern(set);
        let form = names.forms.intern(field.name.to_owned());
        for surface in &field.surfaces {
            let origin = Origin { node: id, field: Some(*field_id), name: field.name.to_owned(), surface: (*surface).to_owned() };
            let origin = names.origins.intern(origin);
            starts.push((names.items.intern(Item { origin, form }), Variant::exact(set)));
        }
    }
    starts
}

fn compile_node(graph: &FlowGraph<'_>, labelling: &Labelling, id: NodeId, names: &mut Names) -> Vec<Output> {
    let node = &graph.nodes[id];
    let mut outputs = Vec::new();
    match outputs_of(graph, id) {
        Some(declared) => {
            for (name, effects) in declared.entries() {
                let ops = effects.items().filter_map(|e| compile_op(graph, labelling, id, e, names)).collect();
                outputs.push((name.to_owned(), ops));
            }
        }
        None if node.kind == NodeKind::Endpoint => {
            let batch = graph.text_fact(id, "mode") == Some("batch");
            for name in ENDPOINT_OUTPUTS.iter().filter(|n| batch || **n != "results") {
                let form = names.forms.intern((*name).to_owned());
                outputs.push(((*name).to_owned(), vec![Op::Emit(form, Inputs::All)]));
            }
        }
        None => outputs.push((DEFAULT_PORT.to_owned(), vec![Op::Forward(Inputs::All)])),
    }
    let given = |name: &str, covered: bool, lowered: bool| {
        let add = labelling.nodes.get(&(id, name.to_owned(), covered, lowered)).cloned().unwrap_or_default();
        giving(&graph.taxonomy, add)
    };
    let labels = |name: &str| [false, true].map(|covered| [false, true].map(|lowered| given(name, covered, lowered)));
    outputs.into_iter().map(|(name, ops)| Output { labels: labels(&name), name, ops }).collect()
}

/// The change that gives labels: what they displace goes.
fn giving(taxonomy: &Taxonomy, add: LabelSet) -> Change {
    let remove = add.iter().fold(LabelSet::default(), |all, id| all.union(&taxonomy.entry(id).displaces));
    Change { remove, add }
}

/// The classes a datum made from nothing is declared to have.
pub(crate) fn fresh_classes(taxonomy: &Taxonomy, effect: Value<'_>) -> LabelSet {
    names_of(taxonomy, effect.get("classes").into_iter().flat_map(Value::items).filter_map(Value::as_str))
}

fn compile_op(graph: &FlowGraph<'_>, labelling: &Labelling, id: NodeId, effect: Value<'_>, names: &mut Names) -> Option<Op> {
    let taxonomy = &graph.taxonomy;
    if let Some(forward) = effect.get("forward") {
        return Some(Op::Forward(inputs(forward)));
    }
    if let Some(condition) = effect.get("keep") {
        return Some(Op::Keep(condition_of(taxonomy, condition)));
    }
    if let Some(condition) = effect.get("when") {
        let otherwise = effect.get("else").map(|e| change(graph, id, e)).unwrap_or_default();
        return Some(Op::When(condition_of(taxonomy, condition), change(graph, id, effect), otherwise));
    }
    if let Some(form_name) = effect.get("emit").and_then(Value::as_str) {
        let form = names.forms.intern(form_name.to_owned());
        return Some(match effect.get("of") {
            Some(of) => match inputs(of) {
                Inputs::Named(several) if several.len() > 1 => Op::Combine(form, several),
                one => Op::Emit(form, one),
            },
            None => {
                let classes = fresh_classes(taxonomy, effect);
                let earned = labelling.fresh.get(&(id, form_name.to_owned(), classes.clone())).cloned().unwrap_or_default();
                Op::Fresh(made(names, id, form), classes.union(&earned))
            }
        });
    }
    Some(Op::Change(change(graph, id, effect)))
}

fn inputs(value: Value<'_>) -> Inputs {
    match value.as_str() {
        Some("*") => Inputs::All,
        Some(one) => Inputs::Named(vec![one.to_owned()]),
        None => Inputs::Named(value.items().filter_map(Value::as_str).map(str::to_owned).collect()),
    }
}

/// The step's own list, in a step type's effects.
const OWN_REMOVES: &str = "$removes";

fn change(graph: &FlowGraph<'_>, id: NodeId, effect: Value<'_>) -> Change {
    let taxonomy = &graph.taxonomy;
    let list = |key: &str| effect.get(key).into_iter().flat_map(Value::items).filter_map(Value::as_str);
    let given = giving(taxonomy, names_of(taxonomy, list("add")));
    let removed = if effect.get("remove").and_then(Value::as_str) == Some(OWN_REMOVES) {
        let node = &graph.nodes[id];
        node.value.map(|value| names_of(taxonomy, Declared { document: node.document, value }.texts("removes"))).unwrap_or_default()
    } else {
        names_of(taxonomy, list("remove"))
    };
    Change { remove: given.remove.union(&taxonomy.below(&removed)), add: given.add }
}

/// The ids behind names; names that mean nothing have been reported by the graph stage.
pub(super) fn names_of<'t>(taxonomy: &Taxonomy, names: impl Iterator<Item = &'t str>) -> LabelSet {
    names.filter_map(|name| taxonomy.find_any(name)).collect()
}
