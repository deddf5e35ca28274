//! Holds the placeholders of a rule's texts against what its requests can have: an expression that reads an attribute which nothing has would show nothing
//! in every finding. Never evaluates.

use std::collections::BTreeSet;

use cedar_policy::{Policy, pst};

use super::clauses::children;
use super::policies::vocabulary_actions;
use super::scope::Scope;
use crate::problem::did_you_mean;
use crate::vocabulary::{Attribute, FactType, Vocabulary};

/// An attribute that nothing has.
pub(super) struct Unknown {
    /// Its name.
    pub(super) name: String,
    /// One that is there and nearly named so.
    pub(super) near: Option<&'static str>,
}

/// The first attribute an expression reads that nothing in this scope has.
pub(super) fn unknown(expression: &str, scope: &Scope) -> Option<Unknown> {
    let policy = Policy::parse(None, format!("permit (principal, action, resource) when {{ {expression} }};")).ok()?;
    let pst::Policy::Static(tree) = policy.to_pst().ok()? else { return None };
    let mut reader = Reader { vocabulary: Vocabulary::load().ok()?, scope, unknown: None };
    for clause in tree.body().clauses() {
        let (pst::Clause::When(expr) | pst::Clause::Unless(expr)) = clause;
        reader.holders(expr);
    }
    reader.unknown
}

struct Reader<'s> {
    vocabulary: &'static Vocabulary,
    scope: &'s Scope,
    unknown: Option<Unknown>,
}

impl Reader<'_> {
    /// The attributes of everything an expression can stand for; none where nobody can tell.
    fn holders(&mut self, expr: &pst::Expr) -> Option<Vec<&'static [Attribute]>> {
        match expr {
            pst::Expr::Var(pst::Var::Principal) => Some(self.subjects("principal", self.scope.principal.entity.as_deref())),
            pst::Expr::Var(pst::Var::Resource) => Some(self.subjects("resource", self.scope.resource.entity.as_deref())),
            pst::Expr::Var(pst::Var::Context) => Some(self.actions().iter().map(|action| self.vocabulary.context(action)).collect()),
            pst::Expr::GetAttr { expr, attr } => {
                let of = self.holders(expr)?;
                let name = attr.to_string();
                let found: Vec<&Attribute> = of.iter().filter_map(|attributes| attributes.iter().find(|a| a.name == name)).collect();
                if found.is_empty() {
                    let known: BTreeSet<&str> = of.iter().flat_map(|attributes| attributes.iter()).map(|a| a.name.as_str()).collect();
                    let near = did_you_mean(&name, known);
                    self.unknown.get_or_insert(Unknown { name, near });
                    return None;
                }
                let inside = |attribute: &&'static Attribute| match &attribute.fact_type {
                    FactType::Record(inner) => Some(inner.as_slice()),
                    FactType::Entity(entity) => Some(self.vocabulary.entity(entity)),
                    _ => None,
                };
                Some(found.iter().filter_map(inside).collect())
            }
            _ => {
                for child in children(expr) {
                    self.holders(child);
                }
                None
            }
        }
    }

    fn actions(&self) -> Vec<String> {
        self.scope.actions.clone().unwrap_or_else(vocabulary_actions)
    }

    fn subjects(&self, side: &str, named: Option<&str>) -> Vec<&'static [Attribute]> {
        let vocabulary = self.vocabulary;
        if let Some(entity) = named {
            return vec![vocabulary.entity(entity)];
        }
        let actions = self.actions();
        let entities: BTreeSet<&'static str> = actions.iter().flat_map(|action| vocabulary.subjects(action, side)).collect();
        entities.into_iter().map(|entity| vocabulary.entity(entity)).collect()
    }
}
