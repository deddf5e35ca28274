//! Cedar asked naively: every policy, every question, one `is_authorized` each. No slicing, no memo, no shared rows: each thing is an entity of its own, and what a datum is in comes
//! from the oracle's sets. Attributes come from the engine's facts, which are not under test here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::str::FromStr as _;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, EvalResult, Expression, PolicyId, PolicySet, PrincipalConstraint, Request,
    eval_expression,
};
use flowgate::facts::{FactValue, Facts, Row, uid};
use flowgate::judge::{Judged, Subject, VerdictKind};
use flowgate::packs::{LabelKind, LabelSet};
use flowgate::propagate::{ItemId, Propagation, Variant};

use super::declarations::{Lexicon, Model, Name, Node, Set, text, texts};
use super::engine::{Engine, Packs};
use super::evaluate::{Datum, Labels, Oracle};

/// All policies of some packs, read from their texts.
pub struct Everything {
    rules: PolicySet,
    labels: PolicySet,
    /// By policy: the rule's id, the stage from which it is asked, and whether it reads the contract.
    about: BTreeMap<String, (String, usize, bool)>,
    /// Labels some policy gives, and whether what leaves a step decides.
    given: BTreeMap<String, bool>,
}

const STAGES: [&str; 3] = ["draft", "pilot", "production"];
/// Facts that are known only once data have been followed.
const LATE: [&str; 6] = ["leaves_with", "dropped_classes", "dropped_labels", "vouched", "tenants", "connected_to"];

impl Everything {
    pub fn read(packs: &Packs) -> Self {
        let mut all = Self { rules: PolicySet::new(), labels: PolicySet::new(), about: BTreeMap::new(), given: BTreeMap::new() };
        let permit = packs.library.permit.iter().map(|file| ("permit", file));
        let rules = packs.library.rules.iter().filter(|r| r.enabled).map(|r| (r.id.as_str(), &r.cedar));
        for (id, file) in permit.chain(rules) {
            for (n, policy) in PolicySet::from_str(&file.text).unwrap().policies().enumerate() {
                let name = format!("{id}#{n}");
                let code = policy.annotation("code").map(|c| format!(".{c}")).unwrap_or_default();
                let stage = STAGES.iter().position(|s| Some(*s) == policy.annotation("stage")).unwrap_or(0);
                let body = policy.to_cedar().unwrap();
                let reads = body.contains("context.contract") || body.contains("context has contract");
                all.about.insert(name.clone(), (format!("{id}{code}"), stage, reads));
                all.rules.add(policy.new_id(PolicyId::new(name))).unwrap();
            }
        }
        for pack in packs.library.packs.values().filter(|p| p.enabled) {
            let Some(file) = &pack.labels else { continue };
            for (n, policy) in PolicySet::from_str(&file.text).unwrap().policies().enumerate() {
                let PrincipalConstraint::Eq(label) = policy.principal_constraint() else { panic!("a label policy for no label") };
                let body = policy.to_cedar().unwrap();
                *all.given.entry(label.id().unescaped().to_owned()).or_default() |= LATE.iter().any(|fact| body.contains(fact));
                all.labels.add(policy.new_id(PolicyId::new(format!("{}#{n}", pack.name)))).unwrap();
            }
        }
        all
    }
}

/// The labels Cedar gives in one project.
#[derive(Default)]
pub struct Earned {
    fields: BTreeMap<(String, String), Set>,
    fresh: BTreeMap<(String, String, Set), Set>,
    nodes: BTreeMap<(String, String, bool, bool), Set>,
}

impl Labels for Earned {
    fn field(&self, node: &Node, field: &str) -> Set {
        self.fields.get(&(node.key.clone(), field.to_owned())).cloned().unwrap_or_default()
    }

    fn fresh(&self, node: &Node, name: &str, classes: &Set) -> Set {
        self.fresh.get(&(node.key.clone(), name.to_owned(), classes.clone())).cloned().unwrap_or_default()
    }

    fn node(&self, node: &Node, output: &str, covered: bool, lowered: bool) -> Set {
        self.nodes.get(&(node.key.clone(), output.to_owned(), covered, lowered)).cloned().unwrap_or_default()
    }
}

/// What one rule said: rule, thing, workflow, contract, datum and its set, and whether it wants for a fact.
pub type Fired = (String, String, String, Option<String>, Option<Datum>, Option<Set>);

/// A question of a project, to be asked.
struct Question {
    principal: EntityUid,
    action: &'static str,
    resource: EntityUid,
    context: Facts,
}

pub struct Naive<'n, 'e, 'g, 'd> {
    pub all: &'n Everything,
    pub lexicon: &'n Lexicon,
    pub model: &'n Model,
    pub engine: &'n Engine<'e, 'g, 'd>,
}

impl<'g, 'd> Naive<'_, '_, 'g, 'd> {
    fn entity(&self, row: &Row, id: &str, parents: &Set) -> Entity {
        let parents = self.lexicon.closed(parents).into_iter().filter_map(|n| match n.strip_prefix('#') {
            Some(label) => uid("Label", label),
            None if n.starts_with('@') => None,
            None => uid("Class", &n),
        });
        let facts: HashMap<_, _> = row.facts.iter().map(|(k, v)| (k.clone(), v.to_cedar())).collect();
        let tags: Vec<_> = row.tags.iter().map(|(k, v)| (k.clone(), cedar_policy::RestrictedExpression::new_string(v.clone()))).collect();
        Entity::new_with_tags(uid(row.entity, id).unwrap(), facts, parents.collect::<Vec<_>>(), tags).unwrap()
    }

    fn common(&self) -> Facts {
        let project = FactValue::Entity("Project".to_owned(), "project".to_owned());
        Facts::from([("as_of".to_owned(), FactValue::Date("2026-07-01".to_owned())), ("project".to_owned(), project)])
    }

    fn everybody(&self) -> Vec<Entity> {
        let base = self.engine.base;
        let none = Set::new();
        let mut all = vec![self.entity(&base.project(), "project", &none)];
        all.extend(self.engine.graph.parties.keys().filter_map(|id| Some(self.entity(&base.party(id)?, id, &none))));
        all.extend(self.engine.graph.agreements.keys().filter_map(|id| Some(self.entity(&base.agreement(id)?, id, &none))));
        all
    }

    fn contracts(&self, node: &Node) -> Vec<&'static str> {
        let named = texts(node.json.get("contracts").filter(|_| node.kind == "source"));
        ["msa", "nda"].into_iter().filter(|c| named.contains(c)).collect()
    }

    fn ask(&self, policies: &PolicySet, question: &Question, entities: &Entities) -> (Request, cedar_policy::Response) {
        let context = Context::from_pairs(question.context.iter().map(|(k, v)| (k.clone(), v.to_cedar()))).unwrap();
        let action = uid("Action", question.action).unwrap();
        let request = Request::new(question.principal.clone(), action, question.resource.clone(), context, None).unwrap();
        let response = Authorizer::new().is_authorized(&request, policies, entities);
        assert_eq!(response.diagnostics().errors().map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
        (request, response)
    }

    /// Every label, asked of every field, fresh datum and output of a node. Before data have been followed, labels that depend on that are not given.
    pub fn earned(&self, first: Option<&Propagation<'g, 'd>>) -> Earned {
        let mut earned = Earned::default();
        let (base, graph) = (self.engine.base, self.engine.graph);
        let mut entities = self.everybody();
        let mut asked: Vec<(Question, Earn)> = Vec::new();
        let reference = |entity: &str, id: &str| FactValue::Entity(entity.to_owned(), id.to_owned());
        let context = |output: &str, covered: bool, lowered: bool, contract: Option<&str>| {
            let mut facts = self.common();
            facts.insert("output".to_owned(), FactValue::text(output));
            facts.insert("covered".to_owned(), FactValue::Bool(covered));
            facts.insert("lowered".to_owned(), FactValue::Bool(lowered));
            facts.extend(contract.map(|c| ("contract".to_owned(), reference("Agreement", c))));
            facts
        };
        let nobody = uid("Label", "none").unwrap();
        for node in self.model.nodes.values() {
            let id = self.engine.nodes[&node.key];
            let row = base.node(id, None, first);
            entities.push(self.entity(&row, &node.key, &Set::new()));
            entities.push(self.entity(&Row { entity: "Source", ..row.clone() }, &format!("{} as source", node.key), &Set::new()));
            for field in &graph.nodes[id].fields {
                let name = graph.fields[*field].name.to_owned();
                let key = format!("{}.{name}", node.key);
                let row = base.field(*field, &reference("Source", &node.key));
                let none = Earned::default();
                let plain =
                    Oracle { lexicon: self.lexicon, model: self.model, labels: &none, flows: Vec::new(), by_themselves: BTreeSet::new() };
                let classes = plain.fields(node).into_iter().find(|(d, _)| d.name == name).map(|(_, s)| s).unwrap_or_default();
                entities.push(self.entity(&row, &key, &classes));
                for contract in std::iter::once(None).chain(self.contracts(node).into_iter().map(Some)) {
                    let (at, resource) = ((node.key.clone(), name.clone()), uid("Field", &key).unwrap());
                    let question =
                        Question { principal: nobody.clone(), action: "label", resource, context: context("", true, false, contract) };
                    asked.push((question, Box::new(move |e, l| _ = e.fields.entry(at.clone()).or_default().insert(l))));
                }
            }
            for (n, (output, effects)) in node.outputs.iter().enumerate() {
                for (covered, lowered) in [(true, true), (true, false), (false, true), (false, false)] {
                    let at = (node.key.clone(), output.clone(), covered, lowered);
                    let question = Question {
                        principal: nobody.clone(),
                        action: "label",
                        resource: uid(row.entity, &node.key).unwrap(),
                        context: context(output, covered, lowered, None),
                    };
                    asked.push((question, Box::new(move |e, l| _ = e.nodes.entry(at.clone()).or_default().insert(l))));
                }
                for (m, effect) in effects.iter().enumerate().filter(|(_, e)| e.get("of").is_none()) {
                    let Some(name) = text(effect, "emit") else { continue };
                    let classes = self.lexicon.named(texts(effect.get("classes")));
                    let row =
                        base.fresh_field(id, name, &self.label_set(&classes), &reference("Source", &format!("{} as source", node.key)));
                    let key = format!("{}.{name}.{n}.{m}", node.key);
                    entities.push(self.entity(&row, &key, &classes));
                    let at = (node.key.clone(), name.to_owned(), classes);
                    let resource = uid("Field", &key).unwrap();
                    let question =
                        Question { principal: nobody.clone(), action: "label", resource, context: context("", true, false, None) };
                    asked.push((question, Box::new(move |e, l| _ = e.fresh.entry(at.clone()).or_default().insert(l))));
                }
            }
        }
        let entities = Entities::from_entities(entities, None).unwrap();
        for (question, give) in &mut asked {
            for (label, _) in self.all.given.iter().filter(|(_, late)| first.is_some() || !**late) {
                question.principal = uid("Label", label).unwrap();
                let (_, response) = self.ask(&self.all.labels, question, &entities);
                if response.decision() == Decision::Allow {
                    give(&mut earned, format!("#{label}").into());
                }
            }
        }
        earned
    }

    fn label_set(&self, set: &Set) -> LabelSet {
        let find = |n: &Name| match (n.strip_prefix('#'), n.strip_prefix('@')) {
            (Some(label), _) => self.engine.graph.taxonomy.find(LabelKind::Label, label),
            (_, Some(case)) => self.engine.graph.taxonomy.find(LabelKind::Case, case),
            _ => self.engine.graph.taxonomy.find(LabelKind::Class, n),
        };
        set.iter().map(|n| find(n).unwrap()).collect()
    }

    /// What every rule says of every flow, node and workflow, and which of it is for want of a fact, as far as `wanting` knows of the rule.
    pub fn verdicts(&self, oracle: &Oracle<'_>, wanting: &BTreeMap<&str, &str>) -> (BTreeSet<Fired>, BTreeSet<Fired>) {
        let propagation = &self.engine.propagation;
        let (base, graph) = (self.engine.base, self.engine.graph);
        let mut entities = self.everybody();
        // Question, thing, workflow, stage, contract (and whether it is the round without), datum and set.
        let mut asked: Vec<(Question, Fired, usize)> = Vec::new();
        let mut items: BTreeMap<Datum, ItemId> = BTreeMap::new();
        for id in propagation.items.table().ids() {
            items.insert(self.engine.datum(propagation, id), id);
        }
        let project = uid("Project", "project").unwrap();
        let reference = |entity: &str, id: String| FactValue::Entity(entity.to_owned(), id);
        let mut stages: BTreeMap<&str, usize> = BTreeMap::new();
        for (id, edges) in graph.workflows.ids().map(|id| (id, self.model.flows.iter().zip(&oracle.flows))) {
            let name = graph.workflows[id].id;
            let carried: Set =
                edges.filter(|(f, _)| f.workflow == name).flat_map(|(_, c)| c.values().flatten().flatten().cloned()).collect();
            entities.push(self.entity(&base.workflow(id, Some(propagation)), name, &carried));
            let stage = text(&self.model.workflows[name], "stage").and_then(|s| STAGES.iter().position(|known| *known == s));
            stages.insert(name, stage.unwrap());
            let question =
                Question { principal: project.clone(), action: "ship", resource: uid("Workflow", name).unwrap(), context: self.common() };
            asked.push((question, (String::new(), name.to_owned(), name.to_owned(), None, None, None), stage.unwrap()));
        }
        let workflow_id = |name: &str| graph.workflows.ids().find(|w| graph.workflows[*w].id == name).unwrap();
        let context = |workflow: &str, contract: Option<&str>| {
            let mut facts = self.common();
            facts.insert("workflow".to_owned(), reference("Workflow", workflow.to_owned()));
            facts.extend(contract.map(|c| ("contract".to_owned(), reference("Agreement", c.to_owned()))));
            facts
        };
        let rounds = |datum: &Datum| {
            std::iter::once(None).chain(self.contracts(&self.model.nodes[&datum.node]).into_iter().map(Some)).collect::<Vec<_>>()
        };
        let mut data: BTreeMap<String, Entity> = BTreeMap::new();
        let mut datum_entity = |datum: &Datum, set: &Set| {
            let id = format!("{datum:?} {set:?}");
            if !data.contains_key(&id) {
                let row = base.datum(propagation, items[datum], &self.label_set(set));
                data.insert(id.clone(), self.entity(&row, &id, set));
            }
            id
        };
        for ((flow, content), edge) in self.model.flows.iter().zip(&oracle.flows).zip(self.engine.edges) {
            let to = self.engine.nodes[&flow.to];
            let row = base.node(to, Some(workflow_id(&flow.workflow)), Some(propagation));
            let receiver = format!("{} in {}", flow.to, flow.workflow);
            entities.push(self.entity(&row, &receiver, &Set::new()));
            for (datum, set) in content.iter().flat_map(|(d, sets)| sets.iter().map(move |s| (d, s))) {
                let resource = uid("Datum", &datum_entity(datum, set)).unwrap();
                let variant = propagation.edges[*edge].get(&items[datum]).into_iter().flatten();
                let variant: Option<&Variant> = variant.into_iter().find(|v| self.engine.set(&propagation.sets[v.may]) == *set);
                for contract in rounds(datum) {
                    let mut facts = context(&flow.workflow, contract);
                    facts.extend(base.flow(*edge, propagation));
                    let uncovered = variant.map(|v| base.uncovered_classes(propagation, to, items[datum], *v));
                    facts.insert("uncovered_classes".to_owned(), uncovered.unwrap_or(FactValue::Set(BTreeSet::new())));
                    let question = Question {
                        principal: uid(row.entity, &receiver).unwrap(),
                        action: "receive",
                        resource: resource.clone(),
                        context: facts,
                    };
                    let about = (
                        String::new(),
                        edge.0.to_string(),
                        flow.workflow.clone(),
                        contract.map(str::to_owned),
                        Some(datum.clone()),
                        Some(set.clone()),
                    );
                    asked.push((question, about, stages[flow.workflow.as_str()]));
                }
            }
        }
        for node in self.model.nodes.values() {
            let touching = self.model.flows.iter().filter(|f| f.from == node.key || f.to == node.key).map(|f| &f.workflow);
            let workflows: BTreeSet<&String> = node.workflow.as_ref().map_or_else(|| touching.collect(), |w| BTreeSet::from([w]));
            let stage = workflows.iter().map(|w| stages[w.as_str()]).max().unwrap_or(0);
            for workflow in workflows {
                let row = base.node(self.engine.nodes[&node.key], Some(workflow_id(workflow)), Some(propagation));
                let mut held: BTreeSet<Option<(Datum, Set)>> = oracle.fields(node).into_iter().map(Some).collect();
                held.insert(None);
                for (_, content) in self.model.flows.iter().zip(&oracle.flows).filter(|(f, _)| f.to == node.key && f.workflow == *workflow)
                {
                    held.extend(content.iter().flat_map(|(d, sets)| sets.iter().map(|s| Some((d.clone(), s.clone())))));
                }
                for holding in held {
                    let id = format!("{} of {workflow} holding {holding:?}", node.key);
                    let set = holding.as_ref().map(|(_, s)| s.clone());
                    entities.push(self.entity(&row, &id, &set.clone().unwrap_or_default()));
                    for contract in holding.as_ref().map_or(vec![None], |(d, _)| rounds(d)) {
                        let mut facts = context(workflow, contract);
                        facts.extend(holding.as_ref().map(|(d, s)| ("datum".to_owned(), reference("Datum", datum_entity(d, s)))));
                        let question = Question {
                            principal: project.clone(),
                            action: "operate",
                            resource: uid(row.entity, &id).unwrap(),
                            context: facts,
                        };
                        let datum = holding.as_ref().map(|(d, _)| d.clone());
                        asked.push((
                            question,
                            (String::new(), node.key.clone(), workflow.clone(), contract.map(str::to_owned), datum, set.clone()),
                            stage,
                        ));
                    }
                }
            }
        }
        entities.extend(data.into_values());
        let entities = Entities::from_entities(entities, None).unwrap();
        let (mut fired, mut wants) = (BTreeSet::new(), BTreeSet::new());
        for (question, about, stage) in &asked {
            let (request, response) = self.ask(&self.all.rules, question, &entities);
            if response.decision() == Decision::Allow {
                continue;
            }
            for policy in response.diagnostics().reason() {
                let (rule, from, reads) = &self.all.about[&policy.to_string()];
                let in_round = question.action == "ship" || *reads == about.3.is_some();
                if from > stage || !in_round {
                    continue;
                }
                let mut said = about.clone();
                said.0.clone_from(rule);
                if let Some(known) = wanting.get(rule.as_str()) {
                    let known = eval_expression(&request, &entities, &Expression::from_str(known).unwrap());
                    if known == Ok(EvalResult::Bool(false)) {
                        wants.insert(said.clone());
                    }
                }
                fired.insert(said);
            }
        }
        (fired, wants)
    }
}

/// The engine's verdicts on flows, nodes and workflows in the same words; an interval counts as no set. And those for want of a fact.
pub fn verdicts_of(engine: &Engine<'_, '_, '_>, judged: &Judged<'_>) -> (BTreeSet<Fired>, BTreeSet<Fired>) {
    let (mut fired, mut wants) = (BTreeSet::new(), BTreeSet::new());
    let names: BTreeMap<_, &String> = engine.nodes.iter().map(|(key, id)| (*id, key)).collect();
    for verdict in &judged.verdicts {
        let thing = match &verdict.subject {
            Subject::Flow(edge) => edge.0.to_string(),
            Subject::Node(node) => names[node].clone(),
            Subject::Workflow(workflow) => engine.graph.workflows[*workflow].id.to_owned(),
            Subject::Declared { .. } => continue,
        };
        let policy = &engine.judge.policies.table[verdict.policy];
        let exact = |v: &Variant| v.is_exact().then(|| engine.set(&engine.propagation.sets[v.must]));
        let said = (
            policy.id.clone(),
            thing,
            verdict.workflow.map_or(String::new(), |w| engine.graph.workflows[w].id.to_owned()),
            verdict.contract.map(str::to_owned),
            verdict.datum.map(|(item, _)| engine.datum(&engine.propagation, item)),
            verdict.datum.and_then(|(_, v)| exact(&v)),
        );
        if let VerdictKind::Undeclared(_) = verdict.kind {
            wants.insert(said.clone());
        }
        fired.insert(said);
    }
    (fired, wants)
}

/// Puts down that a label was earned.
type Earn = Box<dyn Fn(&mut Earned, Name)>;
