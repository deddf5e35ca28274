//! What is reasoned about: the policies of packs, Cedar's schema filled in from their taxonomy, and the kinds of request there are. Never asks a solver.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::Arc;

use cedar_policy::{
    ActionConstraint, EntityTypeName, EntityUid, Policy, PolicyId, PrincipalConstraint, RequestEnv, ResourceConstraint, Schema,
};
use flowgate::judge::{Policies, Role, Severity, Stage};
use flowgate::packs::{LabelKind, Library, PackFolder, Selection, Taxonomy};
use flowgate::problem::{Problem, SourceFile};
use flowgate::vocabulary::{Attribute, FactType, NAMESPACE, Vocabulary};
use serde_json::Value as Json;

/// The action by which labels are earned; no rule has a say in it.
pub const LABEL: &str = "label";

/// One policy: a forbid of a rule, a permit of `labels.cedar`, or one of the base.
#[derive(Clone, Debug)]
pub struct Rule {
    /// `pack/name`, with `.code` where the rule has several forbids; for a label `pack/labels.LABEL`.
    pub id: String,
    /// `pack/name`.
    pub rule: String,
    /// Its pack; empty for the base permit.
    pub pack: String,
    /// Rule, label or permit.
    pub role: Role,
    /// The file's name.
    pub file: String,
    /// One-based line of its first word.
    pub line: usize,
    /// Stage from which on it is asked.
    pub stage: Stage,
    /// How much it weighs.
    pub severity: Severity,
    /// It takes waivers.
    pub waivable: bool,
    /// Parsed, under its own id.
    pub policy: Policy,
    /// As written, without annotations.
    pub text: String,
    /// Actions its scope names; none: all.
    pub actions: Option<Vec<String>>,
    /// The label a label policy gives.
    pub label: Option<String>,
    /// Classes and labels it names.
    pub mentions: BTreeSet<(LabelKind, String)>,
    /// The rule's page.
    pub page: Option<Arc<SourceFile>>,
}

impl Rule {
    /// Its scope lets requests of this action in.
    #[must_use]
    pub fn is_about(&self, action: &str) -> bool {
        self.actions.as_ref().is_none_or(|actions| actions.iter().any(|a| a == action))
    }

    /// Where it speaks it is heard at least as much as `other` would be: asked no later, as severe, and as hard to waive.
    #[must_use]
    pub fn is_as_strong_as(&self, other: &Self) -> bool {
        self.stage <= other.stage && self.severity >= other.severity && (!self.waivable || other.waivable)
    }

    /// The name to call it by inside its pack: `name.code`.
    #[must_use]
    pub fn local(&self) -> &str {
        self.id.split_once('/').map_or(self.id.as_str(), |(_, name)| name)
    }
}

/// A kind of request: an action with the types of its two ends.
#[derive(Clone, Debug)]
pub struct Kind {
    /// `receive`, `operate` …
    pub action: String,
    /// `Endpoint` …
    pub principal: String,
    /// `Datum` …
    pub resource: String,
    /// As Cedar has it.
    pub env: RequestEnv,
}

impl Kind {
    /// In words: `Endpoint receive Datum`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {} {}", self.principal, self.action, self.resource)
    }
}

/// Packs and their surroundings.
#[derive(Debug)]
pub struct World {
    /// Classes and labels.
    pub taxonomy: Arc<Taxonomy>,
    /// All policies: rules in order of their ids, labels, permits.
    pub rules: Vec<Rule>,
    /// Every kind of request, in the schema's order of names.
    pub kinds: Vec<Kind>,
    /// Names of packs.
    pub packs: BTreeSet<String>,
    /// Those of them that are private.
    pub private: BTreeSet<String>,
    json: Json,
}

/// Where packs are read from.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// A `policies/` folder; none: what flowgate carries.
    pub policies: Option<PathBuf>,
    /// Folders of private packs.
    pub private: Vec<PathBuf>,
}

impl World {
    /// Reads and validates every pack as flowgate does before it judges.
    ///
    /// # Errors
    /// Whatever flowgate would refuse to judge by.
    pub fn load(places: &Places) -> Result<Self, Vec<Problem>> {
        let mut selection = Selection {
            policies: places.policies.clone(),
            private: places.private.iter().map(|p| PackFolder::on_disk(p)).collect(),
            ..Selection::default()
        };
        let (library, mut problems) = Library::load(&selection);
        selection.packs = library.packs.keys().cloned().collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        let (library, more) = Library::load(&selection);
        problems.extend(more);
        let vocabulary = Vocabulary::load().map_err(|e| vec![Problem::new("prove/bad-schema", e.clone())])?;
        let policies = Policies::load(&library, vocabulary, None, &mut problems).map_err(|p| vec![p])?;
        if !problems.is_empty() {
            return Err(problems);
        }
        let json = filled(vocabulary.json(), &library.taxonomy);
        let schema = schema(json.clone()).map_err(|p| vec![p])?;
        let mut rules = Vec::new();
        for (_, policy) in policies.table.iter() {
            let page = library.rules.iter().find(|r| r.id == policy.rule).and_then(|r| r.readme.clone());
            rules.push(rule(policy, page, &library.taxonomy).map_err(|p| vec![p])?);
        }
        let kinds = kinds(&schema);
        let packs = library.packs.keys().cloned().collect();
        let private = library.packs.values().filter(|p| p.private).map(|p| p.name.clone()).collect();
        Ok(Self { taxonomy: Arc::clone(&library.taxonomy), rules, kinds, packs, private, json })
    }

    /// Lets policies of another world be read here, too: adds the classes and labels that only it has.
    pub fn admit(&mut self, other: &Self) {
        for kind in [LabelKind::Class, LabelKind::Label] {
            let path = format!("/{NAMESPACE}/entityTypes/{}/enum", word(kind));
            let more = other.json.pointer(&path).and_then(Json::as_array).cloned().unwrap_or_default();
            if let Some(names) = self.json.pointer_mut(&path).and_then(Json::as_array_mut) {
                let new: Vec<Json> = more.into_iter().filter(|n| !names.contains(n)).collect();
                names.extend(new);
            }
        }
    }

    /// The policies of a pack that have this part.
    pub fn of<'w>(&'w self, pack: &'w str, role: Role) -> impl Iterator<Item = &'w Rule> {
        self.rules.iter().filter(move |r| r.pack == pack && r.role == role)
    }

    /// The schema with what these policies read alone: what no policy reads cannot decide, and a solver is quicker without it. Attributes
    /// of records stay, because records are compared by all they hold.
    ///
    /// # Errors
    /// Cedar refuses the schema: only a defect of ours can bring that about.
    pub fn schema_for(&self, words: &BTreeSet<String>) -> Result<Schema, Problem> {
        let mut json = self.json.clone();
        let types = json.pointer_mut(&format!("/{NAMESPACE}/entityTypes")).and_then(Json::as_object_mut);
        for entity in types.into_iter().flat_map(|t| t.values_mut()) {
            retain(entity.pointer_mut("/shape/attributes"), words);
        }
        let actions = json.pointer_mut(&format!("/{NAMESPACE}/actions")).and_then(Json::as_object_mut);
        for action in actions.into_iter().flat_map(|t| t.values_mut()) {
            retain(action.pointer_mut("/appliesTo/context/attributes"), words);
        }
        schema(json)
    }

    /// What holds in every world the engine can make, as far as these policies look: what is in a class is in all classes above it, a node's `kind` is that of
    /// its type, and dates are dates of the calendar. A Cedar condition.
    #[must_use]
    pub fn given(&self, kind: &Kind, rules: &[&Rule], ancestry: &dyn Fn(&str, &str) -> bool) -> String {
        let mentions: BTreeSet<(LabelKind, String)> = rules.iter().flat_map(|r| r.mentions.iter().cloned()).collect();
        let words = words(rules.iter().map(|r| r.text.as_str()));
        let Ok(vocabulary) = Vocabulary::load() else { return "true".to_owned() };
        let side = |name: &str, entity: &str| Attribute {
            name: name.to_owned(),
            fact_type: FactType::Entity(entity.to_owned()),
            required: true,
            absence_is_answer: false,
            computed: false,
            kinds: Vec::new(),
        };
        let mut all = Vec::new();
        for side in [side("principal", &kind.principal), side("resource", &kind.resource)] {
            self.hold(&side.name, &side.fact_type, vocabulary, &mentions, ancestry, &mut all);
            dates(&side.name, &side.fact_type, vocabulary, &words, DEEPEST, &mut all);
        }
        for attribute in vocabulary.context(&kind.action).iter().filter(|a| words.contains(&a.name)) {
            let mut facts = Vec::new();
            let path = format!("context.{}", attribute.name);
            self.hold(&path, &attribute.fact_type, vocabulary, &mentions, ancestry, &mut facts);
            dates(&path, &attribute.fact_type, vocabulary, &words, DEEPEST, &mut facts);
            all.extend(guarded("context", attribute, facts));
        }
        if all.is_empty() { "true".to_owned() } else { all.join(" && ") }
    }

    /// What holds of an entity itself.
    fn hold(
        &self,
        path: &str,
        fact_type: &FactType,
        vocabulary: &Vocabulary,
        mentions: &BTreeSet<(LabelKind, String)>,
        ancestry: &dyn Fn(&str, &str) -> bool,
        facts: &mut Vec<String>,
    ) {
        let FactType::Entity(entity) = fact_type else { return };
        let has = |name: &str| vocabulary.entity(entity).iter().any(|a| a.name == name);
        if has("kind") && has("named_as") {
            facts.push(format!("{path}.kind == \"{}\"", entity.to_lowercase()));
        }
        let within = self.may_be_in(entity);
        for (below_kind, below) in mentions.iter().filter(|(k, _)| within.contains(word(*k))) {
            let entry = self.taxonomy.find(*below_kind, below).map(|id| self.taxonomy.entry(id));
            let above = entry.into_iter().flat_map(|e| e.above.iter()).map(|id| self.taxonomy.entry(id));
            for entry in above.filter(|e| e.name != *below && mentions.contains(&(e.kind, e.name.clone())) && ancestry(below, &e.name)) {
                let name = word(*below_kind);
                facts.push(format!("(!({path} in {NAMESPACE}::{name}::\"{below}\") || {path} in {NAMESPACE}::{name}::\"{}\")", entry.name));
            }
        }
    }

    /// Nothing in the scopes alone says that `other` misses something `rule` matches in these kinds of request.
    #[must_use]
    pub fn could_cover(&self, other: &Rule, rule: &Rule, kinds: &[&Kind]) -> bool {
        let is =
            |wanted: Option<EntityTypeName>, of: fn(&Kind) -> &String| wanted.is_none_or(|t| kinds.iter().all(|k| *of(k) == t.basename()));
        // What must be in a class can only be covered by way of a class below it, and `rule` must then name that one.
        let within = |uid: Option<EntityUid>| {
            uid.is_none_or(|uid| {
                let id = self.taxonomy.find_any(uid.id().unescaped());
                let named = rule.mentions.iter().filter_map(|(kind, name)| self.taxonomy.find(*kind, name));
                id.is_none_or(|id| named.into_iter().any(|n| self.taxonomy.entry(n).above.contains(id)))
            })
        };
        let (principal, principal_in) = match other.policy.principal_constraint() {
            PrincipalConstraint::Is(t) => (Some(t), None),
            PrincipalConstraint::IsIn(t, uid) => (Some(t), Some(uid)),
            PrincipalConstraint::In(uid) => (None, Some(uid)),
            PrincipalConstraint::Any | PrincipalConstraint::Eq(_) => (None, None),
        };
        let (resource, resource_in) = match other.policy.resource_constraint() {
            ResourceConstraint::Is(t) => (Some(t), None),
            ResourceConstraint::IsIn(t, uid) => (Some(t), Some(uid)),
            ResourceConstraint::In(uid) => (None, Some(uid)),
            ResourceConstraint::Any | ResourceConstraint::Eq(_) => (None, None),
        };
        kinds.iter().all(|k| other.is_about(&k.action))
            && is(principal, |k| &k.principal)
            && is(resource, |k| &k.resource)
            && within(principal_in)
            && within(resource_in)
    }

    fn entity(&self, entity: &str) -> Option<&Json> {
        self.json.pointer(&format!("/{NAMESPACE}/entityTypes/{entity}"))
    }

    fn may_be_in(&self, entity: &str) -> BTreeSet<&str> {
        let types = self.entity(entity).and_then(|e| e.get("memberOfTypes")).and_then(Json::as_array);
        types.into_iter().flatten().filter_map(Json::as_str).map(|t| t.rsplit("::").next().unwrap_or(t)).collect()
    }
}

fn word(kind: LabelKind) -> &'static str {
    match kind {
        LabelKind::Class => "Class",
        LabelKind::Label => "Label",
        LabelKind::Case => "",
    }
}

/// Records and entities are followed this far on the way to a date.
const DEEPEST: usize = 4;

/// Every date that policies with these words can reach lies in the calendar: a solver would take one so far off that a difference overflows.
fn dates(path: &str, fact_type: &FactType, vocabulary: &Vocabulary, words: &BTreeSet<String>, deep: usize, facts: &mut Vec<String>) {
    let attributes = match fact_type {
        FactType::Date => {
            facts.push(format!("({path} >= datetime(\"0000-01-01\") && {path} <= datetime(\"9999-12-31\"))"));
            return;
        }
        FactType::Entity(entity) if deep > 0 => vocabulary.entity(entity),
        FactType::Record(attributes) if deep > 0 => attributes,
        _ => return,
    };
    for attribute in attributes.iter().filter(|a| words.contains(&a.name)) {
        let mut inner = Vec::new();
        dates(&format!("{path}.{}", attribute.name), &attribute.fact_type, vocabulary, words, deep - 1, &mut inner);
        facts.extend(guarded(path, attribute, inner));
    }
}

/// Facts that only hold where an optional attribute is there.
fn guarded(holder: &str, attribute: &Attribute, facts: Vec<String>) -> Option<String> {
    match facts.is_empty() {
        true => None,
        false if attribute.required => Some(facts.join(" && ")),
        false => Some(format!("(if {holder} has {} then {} else true)", attribute.name, facts.join(" && "))),
    }
}

/// Every word of policies, names of attributes among them.
#[must_use]
pub fn words<'r>(texts: impl IntoIterator<Item = &'r str>) -> BTreeSet<String> {
    let part = |text: &str| {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|w| !w.is_empty()).map(str::to_owned);
        words.collect::<Vec<_>>()
    };
    texts.into_iter().flat_map(part).collect()
}

fn retain(attributes: Option<&mut Json>, words: &BTreeSet<String>) {
    if let Some(attributes) = attributes.and_then(Json::as_object_mut) {
        attributes.retain(|name, _| words.contains(name));
    }
}

fn schema(json: Json) -> Result<Schema, Problem> {
    Schema::from_json_value(json).map_err(|e| Problem::new("prove/bad-schema", format!("the Cedar schema cannot be built: {e}")))
}

/// The schema with every class and label of the taxonomy.
fn filled(json: &Json, taxonomy: &Taxonomy) -> Json {
    let mut json = json.clone();
    for kind in [LabelKind::Class, LabelKind::Label] {
        let mut names: Vec<&str> = taxonomy.entries().filter(|(_, e)| e.kind == kind).map(|(_, e)| e.name.as_str()).collect();
        names.sort_unstable();
        let slot = json.pointer_mut(&format!("/{NAMESPACE}/entityTypes/{}/enum", word(kind)));
        if let (Some(slot), false) = (slot, names.is_empty()) {
            *slot = serde_json::json!(names);
        }
    }
    json
}

fn rule(policy: &flowgate::judge::Policy, page: Option<Arc<SourceFile>>, taxonomy: &Taxonomy) -> Result<Rule, Problem> {
    let text = policy.file.slice(policy.span).to_owned();
    let broken = |why: String| Problem::new("prove/unreadable-policy", format!("`{}` cannot be read a second time: {why}", policy.id));
    let cedar = Policy::from_str(&text).map_err(|e| broken(e.to_string()))?;
    let actions = match cedar.action_constraint() {
        ActionConstraint::Any => None,
        ActionConstraint::Eq(uid) => Some(vec![uid.id().unescaped().to_owned()]),
        ActionConstraint::In(uids) => Some(uids.iter().map(|u| u.id().unescaped().to_owned()).collect()),
    };
    let label = match (policy.role, cedar.principal_constraint()) {
        (Role::Label, PrincipalConstraint::Eq(uid) | PrincipalConstraint::In(uid)) => Some(uid.id().unescaped().to_owned()),
        _ => None,
    };
    let mentions = policy.mentions.iter().map(|id| taxonomy.entry(id)).map(|e| (e.kind, e.name.clone())).collect();
    let start = policy.file.line_column(policy.span.start).0;
    let id = match &label {
        Some(label) => format!("{}/labels.{label}", policy.rule),
        None => policy.id.clone(),
    };
    let pack = match policy.role {
        Role::Permit => String::new(),
        Role::Rule | Role::Label => policy.rule.split('/').next().unwrap_or_default().to_owned(),
    };
    let head = text.lines().take_while(|l| !l.starts_with("forbid") && !l.starts_with("permit")).count();
    let body: Vec<&str> = text.lines().skip(head).collect();
    let (line, unique) = (start + head, format!("{id}@{start}"));
    Ok(Rule {
        rule: policy.rule.clone(),
        pack,
        role: policy.role,
        file: policy.file.name.clone(),
        line,
        stage: policy.stage,
        severity: policy.severity,
        waivable: policy.waivable,
        policy: cedar.new_id(PolicyId::new(unique)),
        text: if body.is_empty() { text } else { body.join("\n") },
        actions,
        label,
        mentions,
        page,
        id,
    })
}

fn kinds(schema: &Schema) -> Vec<Kind> {
    let short = |name: &EntityTypeName| name.basename().to_owned();
    let eid = |uid: &EntityUid| uid.id().unescaped().to_owned();
    let mut kinds: BTreeMap<(String, String, String), RequestEnv> = BTreeMap::new();
    for env in schema.request_envs() {
        kinds.insert((eid(env.action()), short(env.principal()), short(env.resource())), env);
    }
    let kind = |((action, principal, resource), env)| Kind { action, principal, resource, env };
    kinds.into_iter().map(kind).collect()
}
