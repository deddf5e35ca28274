//! The oracle: what crosses each flow, straight from section 3 of the design. It goes round all nodes until a round brings nothing new, keeps plain sets of
//! names, and shares nothing with the engine's propagation. Slow on purpose.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::declarations::{Flow, Lexicon, Model, Name, Node, Set, text, texts};

/// A datum on its way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Datum {
    /// The key of the node it began at.
    pub node: String,
    /// Its name there.
    pub name: String,
    /// Its surface there.
    pub surface: String,
    /// The name it travels under.
    pub form: String,
}

impl Datum {
    /// What was made of a datum is text.
    pub fn surface_now(&self) -> &str {
        if self.form == self.name { &self.surface } else { "body" }
    }

    fn under(&self, form: &str) -> Self {
        Self { form: form.to_owned(), ..self.clone() }
    }
}

/// Every label set of every datum at one place.
pub type Content = BTreeMap<Datum, BTreeSet<Set>>;

/// Who gives which labels.
pub trait Labels {
    /// What a field carries beside its classes.
    fn field(&self, node: &Node, field: &str) -> Set;
    /// What a datum carries that a node makes from nothing.
    fn fresh(&self, node: &Node, name: &str, classes: &Set) -> Set;
    /// What a node gives to what leaves it.
    fn node(&self, node: &Node, output: &str, covered: bool, lowered: bool) -> Set;
}

/// Something that has arrived at a node: by which input, what, as what.
pub type Arrival = (String, Datum, Set);

pub struct Oracle<'o> {
    pub lexicon: &'o Lexicon,
    pub model: &'o Model,
    pub labels: &'o dyn Labels,
    /// What crosses each flow, in the order of the model's flows.
    pub flows: Vec<Content>,
    /// Emitters at which nothing ever arrives: they say something all the same.
    pub by_themselves: BTreeSet<String>,
}

impl<'o> Oracle<'o> {
    pub fn solve(lexicon: &'o Lexicon, model: &'o Model, labels: &'o dyn Labels) -> Self {
        let flows = model.flows.iter().map(|_| Content::new()).collect();
        let mut oracle = Self { lexicon, model, labels, flows, by_themselves: BTreeSet::new() };
        loop {
            oracle.until_nothing_is_new();
            let first = oracle.first_without_arrivals();
            if first.is_empty() {
                return oracle;
            }
            oracle.by_themselves.extend(first);
        }
    }

    fn until_nothing_is_new(&mut self) {
        let mut new = true;
        while new {
            new = false;
            for node in self.model.nodes.values() {
                let leaving = self.leaving(node, &self.arrivals(node), None);
                for (at, datum, set) in self.taken(node, &leaving) {
                    new |= self.flows[at].entry(datum).or_default().insert(set);
                }
            }
        }
    }

    /// Emitters where nothing arrives, behind no other such one, except in a cycle with it.
    fn first_without_arrivals(&self) -> BTreeSet<String> {
        let emits = |n: &Node| {
            n.outputs.iter().flat_map(|(_, effects)| effects).any(|e| e.get("emit").is_some() && !combines(e) && e.get("of").is_some())
        };
        let dry = |n: &&Node| emits(n) && !self.by_themselves.contains(&n.key) && self.arrivals(n).is_empty();
        let dry: Vec<&Node> = self.model.nodes.values().filter(dry).collect();
        let first = |n: &&&Node| dry.iter().all(|m| !self.reaches(&m.key, &n.key) || self.reaches(&n.key, &m.key));
        dry.iter().filter(first).map(|n| n.key.clone()).collect()
    }

    fn reaches(&self, from: &str, to: &str) -> bool {
        let mut seen = BTreeSet::from([from]);
        let mut todo = vec![from];
        while let Some(at) = todo.pop() {
            let next = self.model.flows.iter().filter(|f| f.from == at).map(|f| f.to.as_str());
            todo.extend(next.filter(|n| seen.insert(n)));
        }
        seen.contains(to)
    }

    /// What a source starts with.
    pub fn fields(&self, node: &Node) -> Vec<(Datum, Set)> {
        let mut data = Vec::new();
        let fields = node.json.get("fields").and_then(Json::as_object).filter(|_| node.kind == "source");
        for (name, json) in fields.into_iter().flatten() {
            let classes = json.get("class").unwrap_or(json);
            let mut set = self.lexicon.named(texts(Some(classes)));
            if json.get("free_text") == Some(&Json::Bool(true)) {
                let scan = json.get("scan").or(node.json.get("scan")).filter(|s| text(s, "result") == Some("clean"));
                let scanned = self.lexicon.below(&self.lexicon.named(texts(scan.and_then(|s| s.get("covers")))));
                set.extend(self.lexicon.free_text.difference(&scanned).cloned());
            }
            set.extend(self.labels.field(node, name));
            let surfaces = [json.get("surfaces"), node.json.get("surfaces")].map(texts).into_iter().find(|s| !s.is_empty());
            for surface in surfaces.unwrap_or(vec!["body"]) {
                let (name, surface) = (name.clone(), surface.to_owned());
                data.push((Datum { node: node.key.clone(), form: name.clone(), name, surface }, set.clone()));
            }
        }
        data
    }

    /// All that a node has: its own fields, and what flows into it.
    pub fn arrivals(&self, node: &Node) -> Vec<Arrival> {
        let mut arrivals: Vec<Arrival> = self.fields(node).into_iter().map(|(d, s)| ("default".to_owned(), d, s)).collect();
        for (flow, content) in self.model.flows.iter().zip(&self.flows).filter(|(f, _)| f.to == node.key) {
            for (datum, sets) in content {
                arrivals.extend(sets.iter().map(|s| (flow.input.clone(), datum.clone(), s.clone())));
            }
        }
        arrivals.sort();
        arrivals.dedup();
        arrivals
    }

    /// All that leaves a node by each output; `because` of one arrival alone, when one is given.
    pub fn leaving(&self, node: &Node, arrivals: &[Arrival], because: Option<&Arrival>) -> BTreeSet<(String, Datum, Set)> {
        let mut leaving = BTreeSet::new();
        for (output, effects) in &node.outputs {
            for (at, effect) in effects.iter().enumerate() {
                for (datum, set, covered) in self.brought(node, effect, arrivals, because) {
                    if let Some(set) = self.changed(node, output, &effects[at + 1..], &set, covered) {
                        leaving.insert((output.clone(), datum, set));
                    }
                }
            }
        }
        leaving
    }

    /// What an effect brings to its output, and whether the step processes the surface it is from.
    fn brought(&self, node: &Node, effect: &Json, arrivals: &[Arrival], because: Option<&Arrival>) -> Vec<(Datum, Set, bool)> {
        let covered = |datum: &Datum| node.scope.as_ref().is_none_or(|s| s.iter().any(|s| s == datum.surface_now()));
        let at = |inputs: &Json| {
            let all = inputs.as_str() == Some("*");
            let named: Vec<String> = texts(Some(inputs)).into_iter().map(str::to_owned).collect();
            let mut data: Vec<&Arrival> = arrivals.iter().filter(|(input, ..)| all || named.contains(input)).collect();
            data.retain(|a| because.is_none_or(|b| b == *a));
            data
        };
        let Some(form) = text(effect, "emit") else {
            let forwarded = effect.get("forward").map(at).unwrap_or_default();
            return forwarded.into_iter().map(|(_, d, s)| (d.clone(), s.clone(), covered(d))).collect();
        };
        let fresh = |classes: Set| {
            let (node, name) = (node.key.clone(), form.to_owned());
            (Datum { node, form: name.clone(), name, surface: "body".to_owned() }, classes, true)
        };
        let Some(of) = effect.get("of") else {
            let mut classes = self.lexicon.named(texts(effect.get("classes")));
            classes.extend(self.labels.fresh(node, form, &classes.clone()));
            return if because.is_none() { vec![fresh(classes)] } else { Vec::new() };
        };
        if combines(effect) {
            return self.combined(&texts(Some(of)), arrivals, because, form, &covered);
        }
        if self.by_themselves.contains(&node.key) && because.is_none() {
            // What answers later, in a cycle, comes on top.
            let mut data: Vec<_> = at(of).into_iter().map(|(_, d, s)| (d.under(form), s.clone(), covered(d))).collect();
            data.push(fresh(Set::new()));
            return data;
        }
        at(of).into_iter().map(|(_, d, s)| (d.under(form), s.clone(), covered(d))).collect()
    }

    /// One datum of each input, for every choice: each part keeps its origin, and carries what any of them carries, but an assurance only when all do.
    fn combined(
        &self,
        inputs: &[&str],
        arrivals: &[Arrival],
        because: Option<&Arrival>,
        form: &str,
        covered: &dyn Fn(&Datum) -> bool,
    ) -> Vec<(Datum, Set, bool)> {
        if because.is_some_and(|b| !inputs.contains(&b.0.as_str())) {
            return Vec::new();
        }
        // Data of one input with the same set make the same of every choice, and choices that come to the same so far go on the same: one stands for all of
        // them, for millions would not fit.
        let groups = |input: &&str| {
            let mut groups: BTreeMap<(Set, bool), Vec<&Arrival>> = BTreeMap::new();
            let here = arrivals.iter().filter(|(i, ..)| i == input).filter(|a| because.is_none_or(|b| b.0 != **input || *a == b));
            here.for_each(|a| groups.entry((a.2.clone(), covered(&a.1))).or_default().push(a));
            groups
        };
        let inputs: Vec<BTreeMap<(Set, bool), Vec<&Arrival>>> = inputs.iter().map(groups).collect();
        let mut data = Vec::new();
        for (n, here) in inputs.iter().enumerate() {
            for ((set, covered), arrivals) in here {
                // What any part carries, what all carry, whether all are covered.
                let mut sums: BTreeSet<(Set, Set, bool)> = [(set.clone(), set.clone(), *covered)].into();
                for (_, others) in inputs.iter().enumerate().filter(|(m, _)| *m != n) {
                    let with =
                        |(any, all, covered): &(Set, Set, bool), (set, also): &(Set, bool)| (any | set, all & set, *covered && *also);
                    sums = sums.iter().flat_map(|sum| others.keys().map(move |other| with(sum, other))).collect();
                }
                for (any, all, covered) in &sums {
                    let kept = |n: &&Name| !self.lexicon.assurances.contains(*n) || all.contains(*n);
                    let set: Set = any.iter().filter(kept).cloned().collect();
                    data.extend(arrivals.iter().map(|(_, d, _)| (d.under(form), set.clone(), *covered)));
                }
            }
        }
        data
    }

    /// The set after the remaining effects and the node's own labels; nothing where the datum is not passed on.
    fn changed(&self, node: &Node, output: &str, effects: &[Json], before: &Set, covered: bool) -> Option<Set> {
        let mut set = before.clone();
        for effect in effects {
            if let Some(condition) = effect.get("keep") {
                if !self.holds(condition, &set) {
                    return None;
                }
            } else if effect.get("forward").is_some() || effect.get("emit").is_some() || !covered {
                // What is brought in later is another datum; what is not processed is left as it is.
            } else if let Some(condition) = effect.get("when") {
                let otherwise = effect.get("else").cloned().unwrap_or(Json::Null);
                let chosen = if self.holds(condition, &set) { effect } else { &otherwise };
                set = self.after(node, chosen, &set);
            } else {
                set = self.after(node, effect, &set);
            }
        }
        let lowered = before.iter().any(|n| !set.contains(n));
        let given = self.labels.node(node, output, covered, lowered);
        Some(self.given(&set, &given))
    }

    /// After `remove` and `add` of one effect.
    fn after(&self, node: &Node, effect: &Json, set: &Set) -> Set {
        let own = text(effect, "remove") == Some("$removes");
        let removed = if own { texts(node.json.get("removes")) } else { texts(effect.get("remove")) };
        let removed = self.lexicon.below(&self.lexicon.named(removed));
        self.given(set - &removed, &self.lexicon.named(texts(effect.get("add"))))
    }

    fn given(&self, set: impl std::borrow::Borrow<Set>, given: &Set) -> Set {
        &(set.borrow() - &self.lexicon.displaced(given)) | given
    }

    fn holds(&self, condition: &Json, set: &Set) -> bool {
        let list = |key: &str| condition.get(key).and_then(Json::as_array);
        if let Some(name) = condition.as_str() {
            return !self.lexicon.below(&self.lexicon.named(vec![name])).is_disjoint(set);
        }
        if let Some(all) = list("all") {
            return all.iter().all(|c| self.holds(c, set));
        }
        if let Some(any) = list("any") {
            return any.iter().any(|c| self.holds(c, set));
        }
        condition.get("not").is_some_and(|c| !self.holds(c, set))
    }

    /// Which flows take what leaves a node, and as what it crosses.
    pub fn taken(&self, node: &Node, leaving: &BTreeSet<(String, Datum, Set)>) -> Vec<(usize, Datum, Set)> {
        let mut taken = Vec::new();
        for (at, flow) in self.model.flows.iter().enumerate().filter(|(_, f)| f.from == node.key) {
            for (output, datum, set) in leaving {
                if flow.output.as_ref().is_some_and(|o| o != output) || !self.lists(flow, datum) {
                    continue;
                }
                taken.extend(crossing(node, flow, set).map(|s| (at, datum.clone(), s)));
            }
        }
        taken
    }

    /// How many flows it takes at least to bring a datum of this origin to each place, form and set it reaches.
    pub fn shortest(&self, origin: &Datum) -> BTreeMap<(usize, Datum, Set), usize> {
        let same = |d: &Datum| (&d.node, &d.name, &d.surface) == (&origin.node, &origin.name, &origin.surface);
        let start = &self.model.nodes[&origin.node];
        let arrivals: BTreeMap<&str, Vec<Arrival>> = self.model.nodes.values().map(|n| (n.key.as_str(), self.arrivals(n))).collect();
        let begun = self.fields(start).into_iter().map(|(d, s)| ("default".to_owned(), d, s)).filter(|(_, d, _)| same(d));
        let mut next: BTreeSet<(usize, Datum, Set)> =
            begun.flat_map(|a| self.taken(start, &self.leaving(start, &arrivals[start.key.as_str()], Some(&a)))).collect();
        next.extend(self.taken(start, &self.leaving(start, &[], None)));
        let mut reached = BTreeMap::new();
        for hops in 1.. {
            next.retain(|state| same(&state.1) && !reached.contains_key(state));
            if next.is_empty() {
                break;
            }
            reached.extend(next.iter().cloned().map(|state| (state, hops)));
            let onward = |(at, datum, set): (usize, Datum, Set)| {
                let flow = &self.model.flows[at];
                let node = &self.model.nodes[&flow.to];
                self.taken(node, &self.leaving(node, &arrivals[node.key.as_str()], Some(&(flow.input.clone(), datum, set))))
            };
            next = next.into_iter().flat_map(onward).collect();
        }
        reached
    }

    fn lists(&self, flow: &Flow, datum: &Datum) -> bool {
        let source = &self.model.nodes[&datum.node].id;
        let Some(fields) = &flow.fields else { return true };
        fields.iter().any(|(of, name)| *name == datum.form && of.as_ref().is_none_or(|s| s == source))
    }
}

fn combines(effect: &Json) -> bool {
    effect.get("of").and_then(Json::as_array).is_some_and(|inputs| inputs.len() > 1)
}

/// Cases narrow from flow to flow; what enters a workflow, and what has no case yet, starts with all the flow takes.
fn crossing(from: &Node, flow: &Flow, set: &Set) -> Option<Set> {
    let (cases, rest): (Set, Set) = set.iter().cloned().partition(|n| n.starts_with('@'));
    let enters = from.workflow.is_none() || from.kind == "source";
    if enters || cases.is_empty() {
        return Some(&rest | &flow.cases);
    }
    let left = &cases & &flow.cases;
    (!left.is_empty()).then(|| &rest | &left)
}
