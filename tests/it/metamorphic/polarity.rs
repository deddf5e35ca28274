//! Which rules can fall silent because a datum has one class more: computed from the policies' own clauses, so that no list of rules has to be kept.
//!
//! For every policy: can its condition become true, and can it become false, when some data of a project get a class more? What reads classes is a test
//! `in` of something that has classes or labels, and the attributes below. A label follows the policies that give it: `deid` can be lost by one more class,
//! since its policy wants no identifier left, and a rule that asks for `deid` to be absent is then one that only gets stricter.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;
use std::sync::OnceLock;

use cedar_policy::{PolicySet, pst};
use flowgate::packs::{Library, Selection};

/// How a condition can turn when a class is added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) rise: bool,
    pub(super) fall: bool,
}

impl Turn {
    const STILL: Self = Self { rise: false, fall: false };
    const RISE: Self = Self { rise: true, fall: false };
    const BOTH: Self = Self { rise: true, fall: true };

    fn or(self, other: Self) -> Self {
        Self { rise: self.rise || other.rise, fall: self.fall || other.fall }
    }

    fn not(self) -> Self {
        Self { rise: self.fall, fall: self.rise }
    }
}

/// Attributes that say which classes something has, or whether it has one; with one class more they grow or become true. Sets of labels are `Both`.
const GROWING: [&str; 7] = ["leaves_with", "dropped_classes", "declared_classes", "carries", "uncovered_classes", "classified", "lowered"];
const TURNING: [&str; 2] = ["dropped_labels", "connected_to"];

type Labels = BTreeMap<String, Turn>;

/// The policies of all packs, by id, that one class more can never silence: rules without negation. Rules about the verdicts of other rules are not among
/// them, for they follow those.
pub(super) fn without_negation() -> &'static BTreeSet<String> {
    static FOUND: OnceLock<BTreeSet<String>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let packs = super::subjects::PACKS.map(str::to_owned).to_vec();
        let (library, problems) = Library::load(&Selection { packs, ..Selection::default() });
        assert!(problems.is_empty());
        let read = |text: &str| PolicySet::from_str(text).unwrap();
        let labels: Vec<PolicySet> = library.packs.values().filter_map(|p| Some(read(&p.labels.as_ref()?.text))).collect();
        let labels = of_labels(&labels, &library);
        let (mut never, mut can) = (BTreeSet::new(), BTreeSet::new());
        for rule in library.rules.iter().filter(|r| r.enabled) {
            for policy in read(&rule.cedar.text).policies() {
                let code = policy.annotation("code").map(|c| format!(".{c}")).unwrap_or_default();
                let about_verdicts = policy.to_cedar().is_some_and(|text| text.contains("resource is Flowgate::Verdict"));
                let silenced = about_verdicts || of_policy(policy, &labels).fall;
                if silenced { &mut can } else { &mut never }.insert(format!("{}{code}", rule.id));
            }
        }
        never.difference(&can).cloned().collect()
    })
}

/// How each label can turn: a fixpoint, for a label may be given by another.
fn of_labels(sets: &[PolicySet], library: &Library) -> Labels {
    let mut labels = Labels::new();
    loop {
        let mut next = Labels::new();
        for policy in sets.iter().flat_map(PolicySet::policies) {
            let pst::Policy::Static(tree) = policy.to_pst().unwrap() else { panic!("a template") };
            let pst::PrincipalConstraint::Eq(pst::EntityOrSlot::Entity(uid)) = &tree.body().principal else {
                panic!("a label for anybody")
            };
            let turn = of_policy(policy, &labels);
            let known = next.entry(uid.eid.to_string()).or_default();
            *known = known.or(turn);
            // What a label displaces goes when it comes.
            let displaced = library.taxonomy.entries().find(|(_, e)| e.name == uid.eid.as_str()).map(|(_, e)| e.displaces.clone());
            for id in displaced.into_iter().flat_map(|d| d.iter().collect::<Vec<_>>()) {
                let other = next.entry(library.taxonomy.entry(id).name.clone()).or_default();
                *other = other.or(turn.not());
            }
        }
        if next == labels {
            return labels;
        }
        labels = next;
    }
}

/// How a policy's scope and clauses together can turn.
fn of_policy(policy: &cedar_policy::Policy, labels: &Labels) -> Turn {
    let pst::Policy::Static(tree) = policy.to_pst().unwrap() else { panic!("a template") };
    let body = tree.body();
    let entity = |e: &pst::EntityOrSlot| match e {
        pst::EntityOrSlot::Entity(uid) => of_entity(uid, labels),
        pst::EntityOrSlot::Slot(_) => Turn::BOTH,
    };
    let principal = match &body.principal {
        pst::PrincipalConstraint::In(e) | pst::PrincipalConstraint::IsIn(_, e) => entity(e),
        _ => Turn::STILL,
    };
    let resource = match &body.resource {
        pst::ResourceConstraint::In(e) | pst::ResourceConstraint::IsIn(_, e) => entity(e),
        _ => Turn::STILL,
    };
    body.clauses().iter().fold(principal.or(resource), |turn, clause| {
        turn.or(match clause {
            pst::Clause::When(expr) => of_expr(expr, labels),
            pst::Clause::Unless(expr) => of_expr(expr, labels).not(),
        })
    })
}

/// Being in a class comes with a class more; being in a label turns as the label does.
fn of_entity(uid: &pst::EntityUID, labels: &Labels) -> Turn {
    match uid.ty.0.id.as_str() {
        "Class" => Turn::RISE,
        // What lies below a label is in it.
        "Label" => {
            let below =
                |name: &str| name == uid.eid.as_str() || name.strip_prefix(uid.eid.as_str()).is_some_and(|rest| rest.starts_with('.'));
            labels.iter().filter(|(name, _)| below(name)).fold(Turn::STILL, |all, (_, turn)| all.or(*turn))
        }
        _ => Turn::STILL,
    }
}

fn of_expr(expr: &pst::Expr, labels: &Labels) -> Turn {
    match expr {
        pst::Expr::BinaryOp { op: pst::BinaryOp::And | pst::BinaryOp::Or, left, right } => of_expr(left, labels).or(of_expr(right, labels)),
        pst::Expr::UnaryOp { op: pst::UnaryOp::Not, expr } => of_expr(expr, labels).not(),
        pst::Expr::BinaryOp { op: pst::BinaryOp::In, left, right } if !reads(left) => of_named(right, labels),
        pst::Expr::BinaryOp { op: pst::BinaryOp::Contains | pst::BinaryOp::ContainsAny, left, right } => grown(left).or(grown(right)),
        pst::Expr::BinaryOp { op: pst::BinaryOp::ContainsAll, left, right } => grown(left).or(grown(right).not()),
        pst::Expr::UnaryOp { op: pst::UnaryOp::IsEmpty, expr } => grown(expr).not(),
        pst::Expr::IfThenElse { cond, then_expr, else_expr } => {
            let by_cond = if of_expr(cond, labels) == Turn::STILL { Turn::STILL } else { Turn::BOTH };
            by_cond.or(of_expr(then_expr, labels)).or(of_expr(else_expr, labels))
        }
        pst::Expr::GetAttr { .. } => grown(expr),
        pst::Expr::HasAttr { .. } => Turn::STILL,
        other if reads(other) => Turn::BOTH,
        _ => Turn::STILL,
    }
}

/// `x in E`, for what stands in the place of E.
fn of_named(expr: &pst::Expr, labels: &Labels) -> Turn {
    match expr {
        pst::Expr::Literal(pst::Literal::EntityUID(uid)) => of_entity(uid, labels),
        pst::Expr::Set(items) => items.iter().fold(Turn::STILL, |all, item| all.or(of_named(item, labels))),
        // A set of classes a team declared: more of its own classes can only bring it in.
        _ => Turn::RISE,
    }
}

/// How an attribute grows.
fn grown(expr: &pst::Expr) -> Turn {
    match expr {
        pst::Expr::GetAttr { attr, .. } if GROWING.contains(&attr.as_str()) => Turn::RISE,
        pst::Expr::GetAttr { attr, .. } if TURNING.contains(&attr.as_str()) => Turn::BOTH,
        other if reads(other) => Turn::BOTH,
        _ => Turn::STILL,
    }
}

/// Some part of it reads what classes there are.
fn reads(expr: &pst::Expr) -> bool {
    let text = expr.to_string();
    GROWING.iter().chain(&TURNING).any(|name| text.contains(&format!(".{name}")))
}

/// The analysis sees what it is there to see.
#[test]
fn the_policies_own_clauses_tell_which_rules_a_class_can_silence() {
    let labels: Labels = [("deid", Turn { rise: false, fall: true }), ("redacted", Turn::RISE), ("encrypted", Turn::STILL)]
        .map(|(name, turn)| (name.to_owned(), turn))
        .into();
    let turn = |condition: &str| {
        let text = format!("forbid (principal, action, resource) when {{ {condition} }};");
        of_policy(PolicySet::from_str(&text).unwrap().policies().next().unwrap(), &labels)
    };
    for (condition, expected) in [
        (r#"resource in Flowgate::Class::"id""#, (true, false)),
        (r#"!(resource in Flowgate::Class::"id")"#, (false, true)),
        (r#"resource in Flowgate::Label::"deid""#, (false, true)),
        (r#"!(resource in Flowgate::Label::"deid")"#, (true, false)),
        (r#"resource in Flowgate::Label::"encrypted""#, (false, false)),
        (r#"resource in [Flowgate::Class::"id", Flowgate::Label::"deid"]"#, (true, true)),
        (r#"context.flow.carries.contains(Flowgate::Class::"id")"#, (true, false)),
        (r#"context.flow.carries.isEmpty()"#, (false, true)),
        (r#"principal.accepts.containsAll(context.flow.carries)"#, (false, true)),
        (r#"principal.accepts.contains("x") && resource.classified"#, (true, false)),
        (r#"!resource.classified"#, (false, true)),
        (r#"context.flow.carries == [Flowgate::Class::"id"]"#, (true, true)),
    ] {
        let turn = turn(condition);
        assert_eq!((turn.rise, turn.fall), expected, "{condition}");
    }
    let found = without_negation();
    assert!(found.len() > 150, "only {} rules without negation", found.len());
}
