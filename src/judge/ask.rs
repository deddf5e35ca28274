//! Asks Cedar: equal questions once, only policies whose scope can match, and every answer that is not clean is a problem. Never interprets an
//! answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cedar_policy::{Authorizer, Context, Entities, Entity, EntityUid, PolicySet, Request, eval_expression, validate_scope_variables};
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::clauses::{Reason, show};
use super::policies::{Policies, PolicyId, RECEIVE, Role};
use super::scope::{Constraint, Scope};
use super::stage::Stage;
use super::texts::Template;
use crate::facts::{FactValue, Facts, Row, uid};
use crate::ids;
use crate::packs::{LabelKind, LabelSet, Taxonomy};
use crate::problem::Problem;
use crate::table::Interner;

ids! {
    /// An entity as policies see it.
    RowId,
    /// A context.
    ContextId,
    /// A distinct question.
    QuestionId,
}

/// A question: may this principal do this to this resource?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub(super) action: &'static str,
    pub(super) principal: RowId,
    pub(super) resource: RowId,
    pub(super) context: ContextId,
    /// Which policies: those that read the contract, those that do not, or one alone.
    pub(super) of: Of,
    /// Policies of a later stage are not asked.
    pub(super) stage: Stage,
}

/// Which policies a question is put to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Of {
    /// All of them.
    All,
    /// Those that read `context.contract`.
    Contract,
    /// Those that do not.
    NoContract,
    /// One rule.
    One(PolicyId),
    /// The permits alone.
    Permits,
}

/// One policy that decided.
#[derive(Clone, Debug)]
pub(super) struct Fired {
    pub(super) policy: PolicyId,
    pub(super) reasons: Vec<Reason>,
    /// Message and help with their expressions filled in.
    pub(super) message: String,
    pub(super) help: String,
}

/// What Cedar said.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    /// Forbids that matched; for the action `label`, permits that did.
    pub(super) fired: Vec<Fired>,
    /// No permit matched, whatever forbids did.
    pub(super) unpermitted: bool,
}

/// Collects questions and asks them.
pub(super) struct Asker<'p> {
    policies: &'p Policies,
    taxonomy: &'p Taxonomy,
    rows: Interner<RowId, Row>,
    contexts: Interner<ContextId, Facts>,
    questions: Interner<QuestionId, Question>,
    /// Policies that can match, by action and the two entity types.
    candidates: FxHashMap<(&'static str, &'static str, &'static str), Vec<PolicyId>>,
    slicing: bool,
}

impl<'p> Asker<'p> {
    pub(super) fn new(policies: &'p Policies, taxonomy: &'p Taxonomy, slicing: bool) -> Self {
        let (rows, contexts, questions) = (Interner::default(), Interner::default(), Interner::default());
        Self { policies, taxonomy, rows, contexts, questions, candidates: FxHashMap::default(), slicing }
    }

    pub(super) fn row(&mut self, row: Row) -> RowId {
        self.rows.intern(row)
    }

    pub(super) fn context(&mut self, facts: Facts) -> ContextId {
        self.contexts.intern(facts)
    }

    pub(super) fn question(&mut self, question: Question) -> QuestionId {
        self.questions.intern(question)
    }

    /// The value that refers to a row from another row or a context.
    pub(super) fn reference(&self, row: RowId) -> FactValue {
        let (entity, id) = self.name(row);
        FactValue::Entity(entity.to_owned(), id)
    }

    /// What a row holds.
    pub(super) fn row_of(&self, row: RowId) -> &Row {
        &self.rows[row]
    }

    /// The classes and labels a row is in.
    pub(super) fn parents_of(&self, row: RowId) -> &LabelSet {
        &self.rows[row].parents
    }

    fn name(&self, row: RowId) -> (&'static str, String) {
        let of = &self.rows[row];
        (of.entity, of.id.clone().unwrap_or_else(|| row.0.to_string()))
    }

    /// Rules and labels whose scope can match these types: none means that there is nothing to ask.
    pub(super) fn candidates(&mut self, action: &'static str, principal: &'static str, resource: &'static str) -> &[PolicyId] {
        let (policies, slicing) = (self.policies, self.slicing);
        self.candidates.entry((action, principal, resource)).or_insert_with(|| {
            let matching = policies.table.iter().filter(|(_, p)| !slicing || can_match(&p.scope, action, principal, resource));
            matching.map(|(id, _)| id).collect()
        })
    }

    /// Does any rule look at this kind of question?
    pub(super) fn concerns(&mut self, action: &'static str, principal: &'static str, resource: &'static str, contract: bool) -> bool {
        let policies = self.policies;
        // Where the project's own permits decide, what none of them matches is denied, and so everything is asked.
        if policies.own_permits && action == RECEIVE && !contract {
            return true;
        }
        let rules = self.candidates(action, principal, resource);
        rules.iter().map(|id| &policies.table[*id]).any(|p| match p.role {
            Role::Rule | Role::Label => p.reads_contract == contract,
            Role::Permit => !contract && !p.unconditional,
        })
    }

    /// Asks every question; answers in the order of the questions, and beside each the policies it was put to.
    pub(super) fn ask(mut self) -> (Vec<Answer>, Vec<Arc<[PolicyId]>>, Vec<Problem>) {
        let questions: Vec<Question> = self.questions.table().rows().to_vec();
        // Millions of questions are put to few sets of policies, so each set is held once.
        let mut slices: BTreeMap<Arc<[PolicyId]>, usize> = BTreeMap::new();
        let mut chosen: Vec<Arc<[PolicyId]>> = Vec::with_capacity(questions.len());
        for question in &questions {
            let slice = self.slice(question);
            let shared = match slices.get_key_value(slice.as_slice()) {
                Some((known, _)) => Arc::clone(known),
                None => Arc::from(slice),
            };
            let next = slices.len();
            slices.entry(Arc::clone(&shared)).or_insert(next);
            chosen.push(shared);
        }
        let mut sets: Vec<(usize, PolicySet)> = Vec::new();
        let mut problems = Vec::new();
        for (slice, n) in &slices {
            match PolicySet::from_policies(
                slice.iter().map(|id| self.policies.table[*id].cedar.new_id(cedar_policy::PolicyId::new(id.0.to_string()))),
            ) {
                Ok(set) => sets.push((*n, set)),
                Err(error) => problems.push(undecided(&error.to_string())),
            }
        }
        sets.sort_by_key(|(n, _)| *n);
        let entities = match self.entities() {
            Ok(entities) => entities,
            Err(problem) => {
                problems.push(problem);
                return (vec![Answer::default(); questions.len()], chosen, problems);
            }
        };
        let contexts = self.cedar_contexts(&questions);
        let authorizer = Authorizer::new();
        let one = |(question, slice): (&Question, &Arc<[PolicyId]>)| {
            if slice.iter().all(|id| self.policies.table[*id].unconditional) && !slice.is_empty() {
                return Ok(Answer::default());
            }
            let set =
                slices.get(slice).and_then(|n| sets.get(*n)).map(|(_, set)| set).ok_or_else(|| undecided("a policy set is missing"))?;
            let context = contexts.get(&(question.action, question.context)).ok_or_else(|| undecided("a context is missing"))?.clone()?;
            self.decide(&authorizer, question, context, set, &entities)
        };
        // Cedar's evaluator recurses; the pool's threads have room for the deepest policy the guard lets through.
        let work = || questions.par_iter().zip(&chosen).with_min_len(16).map(one).collect::<Vec<_>>();
        let answers = match super::pool() {
            Ok(pool) => pool.install(work),
            Err(problem) => {
                problems.push(problem);
                Vec::new()
            }
        };
        let mut given = Vec::with_capacity(answers.len());
        for answer in answers {
            given.push(answer.unwrap_or_else(|problem| {
                problems.push(problem);
                Answer::default()
            }));
        }
        given.resize_with(questions.len(), Answer::default);
        (given, chosen, problems)
    }

    /// The policies a question is put to: those whose scope can match it.
    fn slice(&mut self, question: &Question) -> Vec<PolicyId> {
        let kinds = (self.rows[question.principal].entity, self.rows[question.resource].entity);
        let candidates = self.candidates(question.action, kinds.0, kinds.1).to_vec();
        let (principal, resource) = (&self.rows[question.principal], &self.rows[question.resource]);
        let policies = self.policies;
        let label = question.action == "label";
        let fits = |constraint: &Constraint, row: &Row| {
            constraint.within.is_none_or(|id| row.parents.contains(id))
                && constraint.exactly.as_ref().is_none_or(|(_, id)| row.id.as_deref() == Some(id))
        };
        let mut slice: Vec<PolicyId> = candidates
            .into_iter()
            .filter(|id| {
                let policy = &policies.table[*id];
                // A label is earned only by a label policy: the base permit says nothing about it.
                let asked = match (policy.role, question.of) {
                    // The base permit stands back where the project's own decide, sliced or not.
                    (Role::Permit, _) => !label && policy.scope.actions.as_ref().is_none_or(|a| a.iter().any(|x| x == question.action)),
                    (_, Of::All) => true,
                    (_, Of::Contract) => policy.reads_contract,
                    (_, Of::NoContract) => !policy.reads_contract,
                    (_, Of::One(one)) => one == *id,
                    (_, Of::Permits) => false,
                };
                asked
                    && policy.stage <= question.stage
                    && (!self.slicing || (fits(&policy.scope.principal, principal) && fits(&policy.scope.resource, resource)))
            })
            .collect();
        slice.sort_unstable();
        slice
    }

    fn decide(
        &self,
        authorizer: &Authorizer,
        question: &Question,
        context: Context,
        set: &PolicySet,
        entities: &Entities,
    ) -> Result<Answer, Problem> {
        let uid_of = |row: RowId| {
            let (entity, id) = self.name(row);
            uid(entity, &id).ok_or_else(|| undecided("an entity has no name"))
        };
        let (principal, resource) = (uid_of(question.principal)?, uid_of(question.resource)?);
        // Cedar answers `in` with false, and without an error, for an entity it does not know.
        for (known, row) in [(&principal, question.principal), (&resource, question.resource)] {
            if !is_enumerated(self.rows[row].entity) && entities.get(known).is_none() {
                return Err(undecided("an entity is not in the store"));
            }
        }
        let action = uid("Action", question.action).ok_or_else(|| undecided("an action has no name"))?;
        // The context was checked when it was made, so this is all that is left of checking a request.
        validate_scope_variables(&principal, &action, &resource, &self.policies.schema).map_err(|e| undecided(&e.to_string()))?;
        let request = Request::new(principal, action, resource, context, None).map_err(|e| undecided(&e.to_string()))?;
        let response = authorizer.is_authorized(&request, set, entities);
        // Cedar skips a policy that errs, whether it would have allowed or denied.
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(undecided(&error.to_string()));
        }
        let allowed = response.decision() == cedar_policy::Decision::Allow;
        let reasons: BTreeSet<PolicyId> =
            response.diagnostics().reason().filter_map(|id| id.to_string().parse().ok().map(PolicyId)).collect();
        let explains = (question.action == "label") == allowed;
        let fired = if explains { reasons.into_iter().map(|id| self.fired(id, &request, entities)).collect() } else { Vec::new() };
        // A forbid that fired says nothing of the permits, and may only want a fact.
        let forbidden = !allowed && !fired.is_empty() && question.action != "label";
        let unpermitted = if forbidden && self.policies.own_permits && question.action == RECEIVE && question.of == Of::NoContract {
            !self.permitted(authorizer, &request, entities)?
        } else {
            !allowed && fired.is_empty() && question.action != "label"
        };
        Ok(Answer { fired, unpermitted })
    }

    /// Does a permit of the project's own list match, were there no forbids?
    fn permitted(&self, authorizer: &Authorizer, request: &Request, entities: &Entities) -> Result<bool, Problem> {
        let receive = |p: &&super::Policy| p.scope.actions.as_ref().is_none_or(|a| a.iter().any(|x| x == RECEIVE));
        let permits = self.policies.table.iter().filter(|(_, p)| p.role == Role::Permit).filter(|(_, p)| receive(p));
        let set = PolicySet::from_policies(permits.map(|(id, p)| p.cedar.new_id(cedar_policy::PolicyId::new(id.0.to_string()))))
            .map_err(|e| undecided(&e.to_string()))?;
        let response = authorizer.is_authorized(request, &set, entities);
        match response.diagnostics().errors().next() {
            Some(error) => Err(undecided(&error.to_string())),
            None => Ok(response.decision() == cedar_policy::Decision::Allow),
        }
    }

    fn fired(&self, id: PolicyId, request: &Request, entities: &Entities) -> Fired {
        let policy = &self.policies.table[id];
        if policy.role != Role::Rule {
            return Fired { policy: id, reasons: Vec::new(), message: String::new(), help: String::new() };
        }
        let fill = |template: &Template| {
            template.expressions.iter().fold(template.text.clone(), |text, (placeholder, expression)| {
                let value = eval_expression(request, entities, expression).map_or_else(|_| "undeclared".to_owned(), |v| show(&v));
                text.replace(&format!("{{{placeholder}}}"), &value)
            })
        };
        Fired { policy: id, reasons: policy.explain(request, entities), message: fill(&policy.message), help: fill(&policy.help) }
    }

    /// Every context that some question has, checked against the schema once for each action it goes with.
    fn cedar_contexts(&self, questions: &[Question]) -> FxHashMap<(&'static str, ContextId), Result<Context, Problem>> {
        let mut known = FxHashMap::default();
        for question in questions {
            known.entry((question.action, question.context)).or_insert_with(|| {
                let context = cedar_context(&self.contexts[question.context])?;
                let action = uid("Action", question.action).ok_or_else(|| undecided("an action has no name"))?;
                context.validate(&self.policies.schema, &action).map_err(|e| undecided(&e.to_string()))?;
                Ok(context)
            });
        }
        known
    }

    /// The store: every row, checked against the schema.
    fn entities(&self) -> Result<Entities, Problem> {
        let mut entities = Vec::with_capacity(self.rows.table().len());
        for (id, row) in self.rows.table().iter() {
            // Enumerated entities are part of the schema, not of the store.
            if is_enumerated(row.entity) {
                continue;
            }
            let (entity, name) = self.name(id);
            let uid = uid(entity, &name).ok_or_else(|| undecided("an entity has no name"))?;
            let attributes: std::collections::HashMap<_, _> = row.facts.iter().map(|(k, v)| (k.clone(), v.to_cedar())).collect();
            let parents = self.parents(&row.parents);
            let tags = row.tags.iter().map(|(k, v)| (k.clone(), cedar_policy::RestrictedExpression::new_string(v.clone())));
            entities.push(Entity::new_with_tags(uid, attributes, parents, tags).map_err(|e| undecided(&e.to_string()))?);
        }
        Entities::from_entities(entities, Some(&self.policies.schema)).map_err(|e| undecided(&error_chain(&e)))
    }

    fn parents(&self, set: &LabelSet) -> std::collections::HashSet<EntityUid> {
        let entries = set.iter().map(|id| self.taxonomy.entry(id));
        entries
            .filter_map(|entry| match entry.kind {
                LabelKind::Class => uid("Class", &entry.name),
                LabelKind::Label => uid("Label", &entry.name),
                LabelKind::Case => None,
            })
            .collect()
    }
}

impl Policies {
    /// Is there a rule whose scope can match these types?
    pub(super) fn has_rule(&self, action: &str, principal: &str, resource: &str) -> bool {
        self.table.iter().any(|(_, p)| p.role == Role::Rule && can_match(&p.scope, action, principal, resource))
    }
}

/// Can a scope match some question of this action about entities of these types?
fn can_match(scope: &Scope, action: &str, principal: &str, resource: &str) -> bool {
    let fits = |constraint: &Constraint, entity: &str| {
        !constraint.never
            && constraint.entity.as_deref().is_none_or(|e| e == entity)
            && constraint.exactly.as_ref().is_none_or(|(e, _)| e == entity)
    };
    scope.actions.as_ref().is_none_or(|a| a.iter().any(|x| x == action))
        && fits(&scope.principal, principal)
        && fits(&scope.resource, resource)
}

/// Its entities are part of the schema, not of the store.
fn is_enumerated(entity: &str) -> bool {
    matches!(entity, "Class" | "Label")
}

fn cedar_context(facts: &Facts) -> Result<Context, Problem> {
    Context::from_pairs(facts.iter().map(|(k, v)| (k.clone(), v.to_cedar()))).map_err(|e| undecided(&e.to_string()))
}

/// Something Cedar could not decide: never a pass.
fn undecided(why: &str) -> Problem {
    Problem::new("judge/undecided", format!("a question could not be decided: {why}"))
        .help("this is a policy that errs or a defect of flowgate; run again with `--packs` left out to see which")
}

fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packs::{Library, Selection};
    use crate::vocabulary::Vocabulary;

    /// Cedar answers `in` with false, and without an error, for an entity it does not know: a datum would pass every rule about its labels.
    #[test]
    fn an_entity_that_is_not_in_the_store_is_never_a_pass() {
        let (library, _) = Library::load(&Selection { packs: vec!["hipaa".to_owned()], ..Selection::default() });
        let mut problems = Vec::new();
        let policies = Policies::load(&library, Vocabulary::load().unwrap(), None, &mut problems).unwrap();
        let mut asker = Asker::new(&policies, &library.taxonomy, true);
        let row = |entity: &'static str, id: &str| Row { entity, id: Some(id.to_owned()), ..Row::default() };
        let (principal, resource) = (asker.row(row("Log", "log")), asker.row(row("Datum", "datum")));
        let context = asker.context(Facts::new());
        let question = Question { action: "receive", principal, resource, context, of: Of::All, stage: Stage::Production };
        let known = |ids: &[(&str, &str)]| {
            let entities = ids.iter().map(|(entity, id)| Entity::new_no_attrs(uid(entity, id).unwrap(), std::collections::HashSet::new()));
            Entities::from_entities(entities, None).unwrap()
        };
        for store in [known(&[]), known(&[("Log", "log")]), known(&[("Datum", "datum")])] {
            let answer = asker.decide(&Authorizer::new(), &question, Context::empty(), &PolicySet::new(), &store);
            assert_eq!(
                answer.err().map(|p| (p.code, p.message)),
                Some(("judge/undecided", "a question could not be decided: an entity is not in the store".to_owned()))
            );
        }
    }
}
