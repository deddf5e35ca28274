//! A policy's conditions as a tree of atoms that can be evaluated one by one, so that a verdict can name the clause that decided and the fact
//! that was missing. Built once per policy from Cedar's public syntax tree.

use std::collections::BTreeSet;
use std::str::FromStr as _;
use std::sync::{Arc, OnceLock};

use cedar_policy::{Entities, EvalResult, Expression, Request, eval_expression, pst};

use crate::packs::{LabelId, LabelKind, LabelSet, Taxonomy};

/// The conditions of a policy.
#[derive(Clone, Debug, Default)]
pub(super) struct Clauses {
    clauses: Vec<(bool, Node)>,
    /// Attribute names the policy reads anywhere.
    pub(super) attributes: BTreeSet<String>,
    /// Classes and labels it names in its conditions.
    pub(super) mentions: LabelSet,
    /// Types of the entities it names.
    pub(super) literals: BTreeSet<String>,
    /// Parties and agreements it names: type and id.
    pub(super) named: BTreeSet<(String, String)>,
    /// Words it looks for, with the attribute it looks in.
    pub(super) words: BTreeSet<(String, String)>,
    /// It adds, subtracts or multiplies.
    pub(super) arithmetic: bool,
}

#[derive(Clone, Debug)]
enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Atom(Atom),
}

/// A condition that is not made of others. Its text and parts are parsed when a verdict needs them: most policies never fire, and parsing all of
/// their atoms would be half of a small run.
#[derive(Clone, Debug)]
struct Atom {
    expr: pst::Expr,
    parsed: Arc<OnceLock<Option<Parsed>>>,
}

#[derive(Debug)]
struct Parsed {
    text: String,
    expression: Expression,
    /// For `x has a.b`: the expression x and the names.
    has: Option<(String, Vec<String>)>,
    /// Facts the atom reads, to show their values.
    reads: Vec<(String, Expression)>,
}

/// Why a policy fired: one atom that had to be otherwise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// The atom, as Cedar prints it.
    pub clause: String,
    /// What it evaluated to.
    pub value: bool,
    /// It stands under `unless`: for silence it must become true.
    pub unless: bool,
    /// The facts it read, with their values.
    pub saw: Vec<(String, String)>,
    /// The fact whose absence decided: the thing that lacks it, as a Cedar expression, and its name.
    pub missing: Option<(String, String)>,
    /// One-based line of the policy file at which the atom stands, where its text is found there.
    pub line: Option<usize>,
}

/// Compiles the clauses of a policy.
pub(super) fn compile(clauses: &[pst::Clause], taxonomy: &Taxonomy) -> Clauses {
    let mut compiled = Clauses::default();
    for clause in clauses {
        let (when, expr) = match clause {
            pst::Clause::When(expr) => (true, expr),
            pst::Clause::Unless(expr) => (false, expr),
        };
        survey(expr, taxonomy, &mut compiled);
        compiled.clauses.push((when, node(expr)));
    }
    compiled
}

impl Clauses {
    /// The atoms that made a policy fire, for a request for which it fired.
    pub(super) fn explain(&self, request: &Request, entities: &Entities) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for (when, node) in &self.clauses {
            // A policy that fired has every `when` true and every `unless` false.
            explain(node, *when, !*when, request, entities, &mut reasons);
        }
        reasons
    }

    /// Every atom, and whether the policy fires by its being true rather than false.
    pub(super) fn each_atom(&self, mut visit: impl FnMut(&pst::Expr, bool)) {
        let mut todo: Vec<(&Node, bool)> = self.clauses.iter().rev().map(|(when, node)| (node, *when)).collect();
        while let Some((node, wanted)) = todo.pop() {
            match node {
                Node::Not(inner) => todo.push((inner, !wanted)),
                Node::And(parts) | Node::Or(parts) => todo.extend(parts.iter().rev().map(|part| (part, wanted))),
                Node::Atom(atom) => visit(&atom.expr, wanted),
            }
        }
    }
}

fn node(expr: &pst::Expr) -> Node {
    match expr {
        pst::Expr::BinaryOp { op: pst::BinaryOp::And, .. } => Node::And(chain(expr, pst::BinaryOp::And)),
        pst::Expr::BinaryOp { op: pst::BinaryOp::Or, .. } => Node::Or(chain(expr, pst::BinaryOp::Or)),
        pst::Expr::UnaryOp { op: pst::UnaryOp::Not, expr } => Node::Not(Box::new(node(expr))),
        _ => Node::Atom(Atom { expr: expr.clone(), parsed: Arc::default() }),
    }
}

fn chain(expr: &pst::Expr, wanted: pst::BinaryOp) -> Vec<Node> {
    let mut flat = Vec::new();
    let mut todo = vec![expr];
    while let Some(expr) = todo.pop() {
        match expr {
            pst::Expr::BinaryOp { op, left, right } if *op == wanted => {
                todo.push(right);
                todo.push(left);
            }
            other => flat.push(node(other)),
        }
    }
    flat
}

impl Parsed {
    fn of(expr: &pst::Expr) -> Option<Self> {
        let text = expr.to_string();
        let has = match expr {
            pst::Expr::HasAttr { expr, attrs } => Some((expr.to_string(), attrs.iter().map(ToString::to_string).collect())),
            _ => None,
        };
        let mut found = Vec::new();
        paths(expr, &mut found);
        let reads = found.into_iter().filter_map(|path| Some((path.clone(), Expression::from_str(&path).ok()?))).collect();
        Some(Self { expression: Expression::from_str(&text).ok()?, text, has, reads })
    }
}

/// The attribute paths an atom reads, longest only: `principal.operator.is_self`.
fn paths(expr: &pst::Expr, found: &mut Vec<String>) {
    if let pst::Expr::GetAttr { .. } = expr {
        found.push(expr.to_string());
        return;
    }
    if let pst::Expr::HasAttr { .. } = expr {
        return;
    }
    for child in children(expr) {
        paths(child, found);
    }
}

/// The parts of an expression.
pub(super) fn children(expr: &pst::Expr) -> Vec<&pst::Expr> {
    match expr {
        pst::Expr::UnaryOp { expr, .. }
        | pst::Expr::GetAttr { expr, .. }
        | pst::Expr::HasAttr { expr, .. }
        | pst::Expr::Like { expr, .. } => vec![expr],
        pst::Expr::Is { expr, in_expr, .. } => std::iter::once(&**expr).chain(in_expr.as_deref()).collect(),
        pst::Expr::BinaryOp { left, right, .. } => vec![left, right],
        pst::Expr::IfThenElse { cond, then_expr, else_expr } => vec![cond, then_expr, else_expr],
        pst::Expr::Set(items) => items.iter().map(|i| &**i).collect(),
        pst::Expr::Record(items) => items.values().map(|i| &**i).collect(),
        _ => Vec::new(),
    }
}

/// What a policy names: attributes, classes and labels, and whether it calculates.
fn survey(expr: &pst::Expr, taxonomy: &Taxonomy, clauses: &mut Clauses) {
    match expr {
        pst::Expr::GetAttr { attr, .. } => drop(clauses.attributes.insert(attr.to_string())),
        pst::Expr::HasAttr { attrs, .. } => clauses.attributes.extend(attrs.iter().map(ToString::to_string)),
        pst::Expr::Literal(pst::Literal::EntityUID(uid)) => {
            clauses.literals.insert(uid.ty.0.id.to_string());
            clauses.named.insert((uid.ty.0.id.to_string(), uid.eid.to_string()));
            if let Some(id) = label_of(taxonomy, uid) {
                clauses.mentions.insert(id);
            }
        }
        pst::Expr::BinaryOp { op: pst::BinaryOp::Add | pst::BinaryOp::Sub | pst::BinaryOp::Mul | pst::BinaryOp::Offset, .. } => {
            clauses.arithmetic = true
        }
        pst::Expr::UnaryOp { op: pst::UnaryOp::Neg, .. } => clauses.arithmetic = true,
        pst::Expr::BinaryOp {
            op: pst::BinaryOp::Contains | pst::BinaryOp::ContainsAny | pst::BinaryOp::ContainsAll | pst::BinaryOp::Eq,
            left,
            right,
        } => {
            if let pst::Expr::GetAttr { attr, .. } = &**left {
                words(attr, right, &mut clauses.words);
            }
        }
        _ => {}
    }
    for child in children(expr) {
        survey(child, taxonomy, clauses);
    }
}

/// The words an attribute is compared with: one, several, or those of records, by their own keys.
fn words(attribute: &str, expr: &pst::Expr, found: &mut BTreeSet<(String, String)>) {
    match expr {
        pst::Expr::Literal(pst::Literal::String(word)) => drop(found.insert((attribute.to_owned(), word.to_string()))),
        pst::Expr::Set(items) => items.iter().for_each(|item| words(attribute, item, found)),
        pst::Expr::Record(items) => items.iter().for_each(|(key, item)| words(key, item, found)),
        _ => {}
    }
}

/// The class or label an entity id stands for.
pub(super) fn label_of(taxonomy: &Taxonomy, uid: &pst::EntityUID) -> Option<LabelId> {
    let kind = match uid.ty.0.id.as_str() {
        "Class" => LabelKind::Class,
        "Label" => LabelKind::Label,
        _ => return None,
    };
    taxonomy.find(kind, &uid.eid)
}

fn explain(node: &Node, value: bool, unless: bool, request: &Request, entities: &Entities, reasons: &mut Vec<Reason>) {
    match (node, value) {
        (Node::Not(inner), _) => explain(inner, !value, unless, request, entities, reasons),
        (Node::And(parts), true) | (Node::Or(parts), false) => {
            for part in parts {
                explain(part, value, unless, request, entities, reasons);
            }
        }
        // The first part that decides is the one evaluation stopped at.
        (Node::And(parts), false) | (Node::Or(parts), true) => {
            if let Some(part) = parts.iter().find(|p| evaluate(p, request, entities) == Some(value)) {
                explain(part, value, unless, request, entities, reasons);
            }
        }
        (Node::Atom(atom), _) => reasons.extend(atom.parsed().map(|parsed| parsed.reason(value, unless, request, entities))),
    }
}

fn evaluate(node: &Node, request: &Request, entities: &Entities) -> Option<bool> {
    match node {
        Node::Not(inner) => evaluate(inner, request, entities).map(|b| !b),
        Node::And(parts) => {
            for part in parts {
                if !evaluate(part, request, entities)? {
                    return Some(false);
                }
            }
            Some(true)
        }
        Node::Or(parts) => {
            for part in parts {
                if evaluate(part, request, entities)? {
                    return Some(true);
                }
            }
            Some(false)
        }
        Node::Atom(atom) => match eval_expression(request, entities, &atom.parsed()?.expression) {
            Ok(EvalResult::Bool(b)) => Some(b),
            _ => None,
        },
    }
}

impl Atom {
    fn parsed(&self) -> Option<&Parsed> {
        self.parsed.get_or_init(|| Parsed::of(&self.expr)).as_ref()
    }
}

impl Parsed {
    fn reason(&self, value: bool, unless: bool, request: &Request, entities: &Entities) -> Reason {
        let saw = self.reads.iter().filter_map(|(path, expression)| {
            let result = eval_expression(request, entities, expression).ok()?;
            Some((path.clone(), show(&result)))
        });
        let missing = self.has.as_ref().filter(|_| !value).and_then(|(of, names)| missing(of, names, request, entities));
        Reason { clause: self.text.clone(), value, unless, saw: saw.collect(), missing, line: None }
    }
}

/// Of `x has a.b`, the first name that is not there, and of what.
fn missing(of: &str, names: &[String], request: &Request, entities: &Entities) -> Option<(String, String)> {
    let mut holder = of.to_owned();
    for name in names {
        let test = Expression::from_str(&format!("{holder} has {name}")).ok()?;
        if eval_expression(request, entities, &test) != Ok(EvalResult::Bool(true)) {
            return Some((holder, name.clone()));
        }
        holder = format!("{holder}.{name}");
    }
    None
}

/// A value as reports show it: names, not entity ids of the store.
pub(super) fn show(result: &EvalResult) -> String {
    match result {
        EvalResult::Bool(b) => b.to_string(),
        EvalResult::Long(n) => n.to_string(),
        EvalResult::String(s) => s.clone(),
        EvalResult::EntityUid(uid) => uid.id().unescaped().to_owned(),
        EvalResult::Set(set) => {
            let mut items: Vec<String> = set.iter().map(show).collect();
            items.sort();
            if items.is_empty() { "none".to_owned() } else { items.join(", ") }
        }
        EvalResult::Record(record) => record.iter().map(|(k, v)| format!("{k}: {}", show(v))).collect::<Vec<_>>().join(", "),
        EvalResult::ExtensionValue(text) => extension(text),
    }
}

/// A duration in days, a date without its time.
fn extension(text: &str) -> String {
    let inside = text.split('"').nth(1).unwrap_or(text);
    if text.starts_with("duration") || inside.ends_with("ms") {
        let unit_less = inside.trim_end_matches("ms").trim_end_matches('d');
        if let Ok(n) = unit_less.parse::<i64>() {
            let days = if inside.ends_with("ms") { n / 86_400_000 } else { n };
            return crate::facts::days_in_words(days);
        }
    }
    inside.split('T').next().unwrap_or(inside).to_owned()
}
