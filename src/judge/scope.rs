//! What a policy's scope can match: actions, entity types, classes and labels. Policies whose scope cannot match are not asked.

use cedar_policy::pst;

use super::clauses;
use crate::packs::{LabelId, Taxonomy};

/// What a policy's scope can match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scope {
    /// Actions; none: all.
    pub(super) actions: Option<Vec<String>>,
    pub(super) principal: Constraint,
    pub(super) resource: Constraint,
}

/// One side of a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Constraint {
    /// The entity type, for `is`.
    pub(super) entity: Option<String>,
    /// A class or label it must be in, for `in`.
    pub(super) within: Option<LabelId>,
    /// The very entity, for `==`, or for `in` something that is no class or label.
    pub(super) exactly: Option<(String, String)>,
    /// A name in it means nothing in this taxonomy, so nothing matches; validation has reported it.
    pub(super) never: bool,
}

pub(super) fn of(taxonomy: &Taxonomy, body: &pst::Template) -> Scope {
    let actions = match &body.action {
        pst::ActionConstraint::Any => None,
        pst::ActionConstraint::Eq(uid) => Some(vec![uid.eid.to_string()]),
        pst::ActionConstraint::In(uids) => Some(uids.iter().map(|u| u.eid.to_string()).collect()),
    };
    let principal = match &body.principal {
        pst::PrincipalConstraint::Any => Constraint::default(),
        pst::PrincipalConstraint::Eq(entity) => exactly(entity),
        pst::PrincipalConstraint::In(entity) => within(taxonomy, None, entity),
        pst::PrincipalConstraint::Is(entity) => is(entity),
        pst::PrincipalConstraint::IsIn(entity_type, entity) => within(taxonomy, Some(entity_type), entity),
    };
    let resource = match &body.resource {
        pst::ResourceConstraint::Any => Constraint::default(),
        pst::ResourceConstraint::Eq(entity) => exactly(entity),
        pst::ResourceConstraint::In(entity) => within(taxonomy, None, entity),
        pst::ResourceConstraint::Is(entity) => is(entity),
        pst::ResourceConstraint::IsIn(entity_type, entity) => within(taxonomy, Some(entity_type), entity),
    };
    Scope { actions, principal, resource }
}

fn exactly(entity: &pst::EntityOrSlot) -> Constraint {
    match entity {
        pst::EntityOrSlot::Entity(uid) => {
            Constraint { exactly: Some((uid.ty.0.id.to_string(), uid.eid.to_string())), ..Constraint::default() }
        }
        pst::EntityOrSlot::Slot(_) => Constraint { never: true, ..Constraint::default() },
    }
}

fn within(taxonomy: &Taxonomy, entity_type: Option<&pst::EntityType>, entity: &pst::EntityOrSlot) -> Constraint {
    let entity_type = entity_type.map(|t| t.0.id.to_string());
    let pst::EntityOrSlot::Entity(uid) = entity else { return Constraint { never: true, ..Constraint::default() } };
    match clauses::label_of(taxonomy, uid) {
        Some(found) => Constraint { entity: entity_type, within: Some(found), ..Constraint::default() },
        None => Constraint { entity: entity_type, ..exactly(entity) },
    }
}

fn is(entity: &pst::EntityType) -> Constraint {
    Constraint { entity: Some(entity.0.id.to_string()), ..Constraint::default() }
}
