//! Values of facts: what a file says, by the type the vocabulary gives it, in a form that compares and prints the same everywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::RwLock;

use cedar_policy::{EntityId, EntityTypeName, EntityUid, RestrictedExpression};

use crate::load::Value;
use crate::vocabulary::{FactType, NAMESPACE};

/// How long "until deleted" and "indefinite" are, in days: ten thousand years, longer than any ceiling.
pub const UNBOUNDED_DAYS: i64 = 3_650_000;
/// The date that stands for "does not end".
pub const NO_END: &str = "9999-12-31";

/// A value a policy can read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactValue {
    /// true or false.
    Bool(bool),
    /// A whole number.
    Long(i64),
    /// Text.
    Text(String),
    /// A time span in days.
    Days(i64),
    /// A date, YYYY-MM-DD.
    Date(String),
    /// Several.
    Set(BTreeSet<FactValue>),
    /// Named facts.
    Record(BTreeMap<String, FactValue>),
    /// An entity: type and id.
    Entity(String, String),
}

impl FactValue {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A set of texts.
    pub fn texts<S: Into<String>>(texts: impl IntoIterator<Item = S>) -> Self {
        Self::Set(texts.into_iter().map(|t| Self::Text(t.into())).collect())
    }

    /// A set of entities of one type.
    pub fn entities<S: Into<String>>(entity: &str, ids: impl IntoIterator<Item = S>) -> Self {
        Self::Set(ids.into_iter().map(|id| Self::Entity(entity.to_owned(), id.into())).collect())
    }

    /// Reads what a file says; `None` where it is not of the type (the validate stage has reported that).
    #[must_use]
    pub fn read(value: Value<'_>, fact_type: &FactType) -> Option<Self> {
        Some(match fact_type {
            FactType::Bool => Self::Bool(value.as_bool()?),
            FactType::Long => Self::Long(value.as_int()?),
            // A text fact may offer true and false beside words: mfa is true, false or n/a.
            FactType::Text | FactType::Name(_) => Self::Text(scalar_text(value)?),
            FactType::Duration => Self::Days(days(value.as_str()?)?),
            FactType::Date if value.as_str() == Some("none") => Self::Date(NO_END.to_owned()),
            FactType::Date => Self::Date(value.as_str()?.parse::<jiff::civil::Date>().ok()?.to_string()),
            FactType::Entity(entity) => Self::Entity(entity.clone(), value.as_str()?.to_owned()),
            FactType::Set(element) => Self::Set(value.items().map(|item| Self::read(item, element)).collect::<Option<_>>()?),
            FactType::Record(attributes) => {
                let mut record = BTreeMap::new();
                for attribute in attributes {
                    let fact = value.get(&attribute.name).and_then(|v| Self::read(v, &attribute.fact_type));
                    let fact = if attribute.required { Some(fact.unwrap_or_else(|| Self::empty(&attribute.fact_type))) } else { fact };
                    record.extend(fact.map(|f| (attribute.name.clone(), f)));
                }
                Self::Record(record)
            }
        })
    }

    /// What a required fact reads when nobody declares it.
    #[must_use]
    pub fn empty(fact_type: &FactType) -> Self {
        match fact_type {
            FactType::Bool => Self::Bool(false),
            FactType::Long => Self::Long(0),
            FactType::Text | FactType::Name(_) => Self::text("none"),
            FactType::Duration => Self::Days(0),
            FactType::Date => Self::Date(NO_END.to_owned()),
            FactType::Set(_) => Self::Set(BTreeSet::new()),
            FactType::Entity(entity) => Self::Entity(entity.clone(), "none".to_owned()),
            FactType::Record(attributes) => {
                Self::Record(attributes.iter().filter(|a| a.required).map(|a| (a.name.clone(), Self::empty(&a.fact_type))).collect())
            }
        }
    }

    /// The same value for Cedar.
    #[must_use]
    pub fn to_cedar(&self) -> RestrictedExpression {
        match self {
            Self::Bool(b) => RestrictedExpression::new_bool(*b),
            Self::Long(n) => RestrictedExpression::new_long(*n),
            Self::Text(text) => RestrictedExpression::new_string(text.clone()),
            Self::Days(days) => RestrictedExpression::new_duration(format!("{days}d")),
            Self::Date(date) => remembered(date),
            Self::Set(values) => RestrictedExpression::new_set(values.iter().map(Self::to_cedar)),
            // Keys of a map are distinct, and distinct keys are all a record asks for.
            Self::Record(facts) => RestrictedExpression::new_record(facts.iter().map(|(k, v)| (k.clone(), v.to_cedar())))
                .unwrap_or_else(|_| RestrictedExpression::new_bool(false)),
            Self::Entity(entity, id) => match uid(entity, id) {
                Some(uid) => RestrictedExpression::new_entity_uid(uid),
                None => RestrictedExpression::new_bool(false),
            },
        }
    }
}

impl fmt::Display for FactValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(b) => write!(f, "{b}"),
            Self::Long(n) => write!(f, "{n}"),
            Self::Text(text) | Self::Date(text) => f.write_str(text),
            Self::Days(days) => f.write_str(&days_in_words(*days)),
            Self::Set(values) => f.write_str(&values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
            Self::Record(facts) => f.write_str(&facts.iter().map(|(k, v)| format!("{k}: {v}")).collect::<Vec<_>>().join(", ")),
            Self::Entity(_, id) => f.write_str(id),
        }
    }
}

/// Days as people say them.
#[must_use]
pub fn days_in_words(days: i64) -> String {
    match days {
        UNBOUNDED_DAYS.. => "without end".to_owned(),
        1 => "1 day".to_owned(),
        _ => format!("{days} days"),
    }
}

/// A date in Cedar's form. One day is in every context, and Cedar parses the name of its type each time one is made.
fn remembered(date: &str) -> RestrictedExpression {
    /// More than any project names, so that a process that judges for ever does not grow for ever.
    const MOST: usize = 4_096;
    static KNOWN: RwLock<BTreeMap<String, RestrictedExpression>> = RwLock::new(BTreeMap::new());
    if let Some(known) = KNOWN.read().ok().and_then(|known| known.get(date).cloned()) {
        return known;
    }
    let made = RestrictedExpression::new_datetime(date);
    if let Ok(mut known) = KNOWN.write() {
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(date.to_owned(), made.clone());
    }
    made
}

/// A Cedar entity id in the project's namespace.
#[must_use]
pub fn uid(entity: &str, id: &str) -> Option<EntityUid> {
    Some(EntityUid::from_type_name_and_id(type_name(entity)?, EntityId::new(id)))
}

/// The type's name in Cedar's form. There are a dozen types and millions of entities, and Cedar parses a name each time it is asked to.
fn type_name(entity: &str) -> Option<EntityTypeName> {
    static KNOWN: RwLock<BTreeMap<String, EntityTypeName>> = RwLock::new(BTreeMap::new());
    if let Some(known) = KNOWN.read().ok()?.get(entity) {
        return Some(known.clone());
    }
    let name: EntityTypeName = format!("{NAMESPACE}::{entity}").parse().ok()?;
    KNOWN.write().ok()?.insert(entity.to_owned(), name.clone());
    Some(name)
}

fn scalar_text(value: Value<'_>) -> Option<String> {
    value
        .as_str()
        .map(str::to_owned)
        .or_else(|| value.as_bool().map(|b| b.to_string()))
        .or_else(|| value.as_int().map(|n| n.to_string()))
        // A version such as 2026.04 reads as a number in YAML; its text is what the team meant.
        .or_else(|| value.as_float().map(|_| value.document().file().slice(value.span()).to_owned()))
}

/// Days of a retention period: an ISO 8601 duration, or a word. A month is a twelfth of 365 days, so that P12M is P1Y; parts of a day are
/// rounded up.
fn days(text: &str) -> Option<i64> {
    match text {
        "zero" => return Some(0),
        "until_deleted" | "indefinite" => return Some(UNBOUNDED_DAYS),
        _ => {}
    }
    let mut months: i64 = 0;
    let mut days: i64 = 0;
    let mut digits = String::new();
    for c in text.strip_prefix('P')?.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let n: i64 = digits.parse().ok()?;
        digits.clear();
        match c {
            'Y' => months = months.checked_add(n.checked_mul(12)?)?,
            'M' => months = months.checked_add(n)?,
            'W' => days = days.checked_add(n.checked_mul(7)?)?,
            'D' => days = days.checked_add(n)?,
            _ => return None,
        }
    }
    let of_months = months.checked_mul(365)?.checked_add(11)? / 12;
    digits.is_empty().then_some(())?;
    Some(of_months.checked_add(days)?.min(UNBOUNDED_DAYS))
}

#[cfg(test)]
mod tests {
    use super::days;

    #[test]
    fn durations_in_days() {
        for (text, expected) in [
            ("zero", Some(0)),
            ("P30D", Some(30)),
            ("P2W", Some(14)),
            ("P1M", Some(31)),
            ("P12M", Some(365)),
            ("P2Y", Some(730)),
            ("P1Y6M", Some(548)),
            ("indefinite", Some(3_650_000)),
            ("P99999999999999999999D", None),
            ("P1H", None),
            ("P1", None),
        ] {
            assert_eq!(days(text), expected, "{text}");
        }
    }
}
