//! What is proved of packs as they are: every policy can match, none can err, packs refuse and never permit, and no rule is covered by another unless its
//! page says so.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cedar_policy::{Context, Entities, EntityTypeName, EntityUid, Policy, PolicySet, Request, Schema};
use cedar_policy_symcc::Env;
use flowgate::judge::Role;
use flowgate::vocabulary::NAMESPACE;
use serde_json::Value as Json;

use crate::guess::{Chance, texts};
use crate::pages;
use crate::replay::{self, Expect, Side};
use crate::report::{Finding, Gap, Level, Report};
use crate::session::{Config, Session, Unproved, and, as_forbid, decide, work};
use crate::world::{Kind, LABEL, Rule, World, words};

/// Every policy of the selected packs, and rules of all packs as what could cover them.
///
/// # Errors
/// No solver, or one that cannot be trusted.
pub fn run(world: &World, selected: &BTreeSet<String>, config: &Config, folder: &Path, report: &mut Report) -> Result<(), Unproved> {
    let asked: Vec<&Rule> = world.rules.iter().filter(|r| r.role != Role::Permit && selected.contains(&r.pack)).collect();
    let known = work(config, &asked, |session, rule| look(world, session, rule))?;
    for (rule, known) in asked.iter().zip(&known) {
        judge(world, rule, known, folder, report);
    }
    stricter_than_base(world, selected, config, report)?;
    covered(world, selected, config, &asked, &known, report)
}

/// What is known of one policy.
#[derive(Default)]
struct Known {
    /// Kinds of request (by their place in the world's list) it matches, each with one that it does.
    matches: BTreeMap<usize, Env>,
    /// Kinds on which it can err.
    errs: BTreeMap<usize, Env>,
    /// Kinds without an answer, and why.
    gaps: Vec<(usize, String)>,
}

fn look(world: &World, session: &mut Session, rule: &Rule) -> Known {
    let mut known = Known::default();
    for (at, kind) in world.kinds.iter().enumerate() {
        // Of a label policy everything is asked of every kind: that it is about labels alone is one of the claims.
        if !rule.is_about(&kind.action) && rule.role == Role::Rule {
            continue;
        }
        let mut ask = || -> Result<(), Unproved> {
            let given = world.given(kind, &[rule], &|_, _| true);
            let schema = schema(world, &[rule], &given)?;
            let policy = and(&rule.policy, &given)?;
            let near = |(other, env): (&usize, &Env)| transfer(env, world.kinds.get(*other)?, kind, &schema, &policy);
            let found = match known.matches.iter().find_map(near) {
                Some(env) => Some(env),
                None => session.matches(&policy, kind, &schema)?,
            };
            if let Some(env) = found {
                known.matches.insert(at, env);
            }
            if let Some(env) = session.errs(&policy, kind, &schema)? {
                known.errs.insert(at, env);
            }
            Ok(())
        };
        if let Err(Unproved(why)) = ask() {
            known.gaps.push((at, why));
        }
    }
    known
}

/// A request of one kind as one of another: node types have one shape, so what matches for an endpoint most often matches for a log, and Cedar says so sooner
/// than a solver does. Only what is valid there and matches there is given.
fn transfer(env: &Env, from: &Kind, to: &Kind, schema: &Schema, policy: &Policy) -> Option<Env> {
    if from.action != to.action {
        return None;
    }
    let text = |name: &str| (format!("\"{NAMESPACE}::{name}\""), name.to_lowercase());
    let renamed = |json: Json| {
        let mut json = json.to_string();
        for (old, new) in [(&from.principal, &to.principal), (&from.resource, &to.resource)] {
            let ((old, old_kind), (new, new_kind)) = (text(old), text(new));
            json = json.replace(&old, &new).replace(&format!("\"kind\":\"{old_kind}\""), &format!("\"kind\":\"{new_kind}\""));
        }
        serde_json::from_str::<Json>(&json).ok()
    };
    let entities = Entities::from_json_value(renamed(env.entities.to_json_value().ok()?)?, Some(schema)).ok()?;
    let action = env.request.action()?.clone();
    let context = Context::from_json_value(renamed(env.request.context()?.to_json_value().ok()?)?, Some((schema, &action))).ok()?;
    let uid = |uid: &EntityUid, name: &EntityTypeName| EntityUid::from_type_name_and_id(name.clone(), uid.id().clone());
    let principal = uid(env.request.principal()?, to.env.principal());
    let resource = uid(env.request.resource()?, to.env.resource());
    let env = Env { request: Request::new(principal, action, resource, context, Some(schema)).ok()?, entities };
    decide(&[&as_forbid(policy).ok()?], &env).ok().filter(|answer| answer.denied).map(|_| env)
}

/// The schema with what these policies read.
pub fn schema(world: &World, rules: &[&Rule], given: &str) -> Result<Schema, Unproved> {
    let words = words(rules.iter().map(|r| r.text.as_str()).chain([given]));
    world.schema_for(&words).map_err(|p| Unproved(p.message))
}

fn judge(world: &World, rule: &Rule, known: &Known, folder: &Path, report: &mut Report) {
    let at = Some((rule.file.clone(), rule.line));
    let noun = if rule.role == Role::Label { "label policies" } else { "rules" };
    let name = |kind: usize| world.kinds.get(kind).map(Kind::name).unwrap_or_default();
    report.count(&rule.pack, noun, 1);
    for (kind, why) in &known.gaps {
        report.gaps.push(Gap { what: format!("`{}` ({})", rule.id, name(*kind)), why: why.clone(), at: at.clone() });
    }
    if known.matches.is_empty() && known.gaps.is_empty() {
        report.findings.push(Finding {
            level: Level::Error,
            code: "prove/vacuous",
            message: format!("`{}` matches no request there can be", rule.id),
            at: at.clone(),
            request: Vec::new(),
            replay: None,
            help: "two of its conditions exclude each other; correct or remove it".to_owned(),
        });
    }
    let strays: Vec<usize> = known
        .matches
        .keys()
        .copied()
        .filter(|kind| {
            let label = world.kinds.get(*kind).is_some_and(|k| k.action == LABEL);
            label != (rule.role == Role::Label)
        })
        .collect();
    for kind in strays {
        report.findings.push(Finding {
            level: Level::Error,
            code: "prove/looser",
            message: format!("`{}` has a say in `{}`", rule.id, name(kind)),
            at: at.clone(),
            request: known.matches.get(&kind).map(replay::words).unwrap_or_default(),
            replay: None,
            help: "a rule forbids receive, operate, rely or ship; a label policy is about the action `label` alone".to_owned(),
        });
    }
    if let Some((kind, env)) = known.errs.iter().next() {
        let title = format!("`{}` errs, and Cedar skips a policy that does", rule.id);
        let side = Side { name: "pack", rules: vec![rule], expect: Expect::Error };
        let written = replay::case(&title, &[side], env).and_then(|case| replay::write(folder, &format!("errs-{}", rule.id), &case));
        let file = keep(written, &title, report);
        report.findings.push(Finding {
            level: Level::Error,
            code: "prove/can-err",
            message: format!("`{}` can err ({}), and Cedar skips a forbid that does", rule.id, name(*kind)),
            at: at.clone(),
            request: replay::words(env),
            replay: file,
            help: "bound what it computes with, or compare without computing".to_owned(),
        });
    }
    report.count(&rule.pack, "witnesses replayed", known.matches.len());
    if known.errs.is_empty() && known.gaps.is_empty() {
        report.count(&rule.pack, "cannot err", 1);
    }
}

/// The path of a case that was written; one that could not be is a gap.
pub fn keep(written: Result<String, Unproved>, what: &str, report: &mut Report) -> Option<String> {
    match written {
        Ok(path) => Some(path),
        Err(Unproved(why)) => {
            report.gaps.push(Gap { what: what.to_owned(), why, at: None });
            None
        }
    }
}

/// Base and pack together allow nothing that the base alone does not.
fn stricter_than_base(world: &World, selected: &BTreeSet<String>, config: &Config, report: &mut Report) -> Result<(), Unproved> {
    let base: Vec<&Rule> = world.rules.iter().filter(|r| r.role == Role::Permit).collect();
    let jobs: Vec<(&String, &Kind)> =
        selected.iter().flat_map(|pack| world.kinds.iter().filter(|k| k.action != LABEL).map(move |k| (pack, k))).collect();
    let answers = work(config, &jobs, |session, (pack, kind)| {
        let rules: Vec<&Rule> = world.of(pack, Role::Rule).filter(|r| r.is_about(&kind.action)).collect();
        let all: Vec<&Rule> = base.iter().copied().chain(rules.iter().copied()).collect();
        let set = |rules: &[&Rule]| PolicySet::from_policies(rules.iter().map(|r| r.policy.clone())).map_err(|e| Unproved(e.to_string()));
        let schema = schema(world, &all, "")?;
        session.implies(&set(&all)?, &set(&base)?, kind, &schema)
    })?;
    for ((pack, kind), answer) in jobs.iter().zip(answers) {
        match answer {
            Ok(None) => report.count(pack, "kinds of request stricter than the base", 1),
            Ok(Some(env)) => report.findings.push(Finding {
                level: Level::Error,
                code: "prove/looser",
                message: format!("`{pack}` allows what the base permit does not ({})", kind.name()),
                at: None,
                request: replay::words(&env),
                replay: None,
                help: "a pack forbids; permits belong into the base or a project's own list".to_owned(),
            }),
            Err(Unproved(why)) => {
                report.gaps.push(Gap { what: format!("`{pack}` against the base permit ({})", kind.name()), why, at: None })
            }
        }
    }
    Ok(())
}

/// Which rules are covered by which, and whether pages say so.
fn covered(
    world: &World,
    selected: &BTreeSet<String>,
    config: &Config,
    asked: &[&Rule],
    known: &[Known],
    report: &mut Report,
) -> Result<(), Unproved> {
    let forbids: Vec<&Rule> = world.rules.iter().filter(|r| r.role == Role::Rule).collect();
    let subjects: Vec<(&Rule, &Known)> =
        asked.iter().copied().zip(known).filter(|(r, k)| r.role == Role::Rule && k.gaps.is_empty() && !k.matches.is_empty()).collect();
    let found = work(config, &subjects, |session, (rule, known)| {
        let kinds: Vec<&Kind> = known.matches.keys().filter_map(|k| world.kinds.get(*k)).collect();
        let mut left: Vec<&Rule> =
            forbids.iter().copied().filter(|other| other.id != rule.id && world.could_cover(other, rule, &kinds)).collect();
        let pairs = left.len();
        escaped(world, rule, known, &mut left)?;
        for kind in kinds {
            left = covering(world, session, rule, left, kind)?;
        }
        Ok::<_, Unproved>((pairs, left))
    })?;
    let mut pairs: BTreeSet<(String, String)> = BTreeSet::new();
    for ((rule, _), answer) in subjects.iter().zip(found) {
        match answer {
            Ok((asked, covering)) => {
                report.count(&rule.pack, "pairs compared", asked);
                pairs.extend(covering.iter().map(|g| (rule.id.clone(), g.id.clone())));
            }
            Err(Unproved(why)) => report.gaps.push(Gap {
                what: format!("whether another rule covers `{}`", rule.id),
                why,
                at: Some((rule.file.clone(), rule.line)),
            }),
        }
    }
    pages::compare(&forbids, &pairs, selected, report);
    Ok(())
}

/// Worlds made by chance before a solver is asked.
const GUESSES: u64 = 32;

/// Leaves out of `others` those that some world made by chance shows not to cover `rule`: it matches there, and they do not.
fn escaped(world: &World, rule: &Rule, known: &Known, others: &mut Vec<&Rule>) -> Result<(), Unproved> {
    let all: Vec<&Rule> = others.iter().copied().chain([rule]).collect();
    let chance = texts(all.iter().map(|r| r.text.as_str()));
    let found: Vec<(&Kind, &Env)> = known.matches.iter().filter_map(|(at, env)| Some((world.kinds.get(*at)?, env))).collect();
    for (seed, (kind, env)) in (0..GUESSES).zip(found.iter().cycle()) {
        if others.is_empty() {
            break;
        }
        let given = world.given(kind, &all, &|_, _| true);
        let wanted = words(all.iter().map(|r| r.text.as_str()).chain([given.as_str()]));
        let fixed = words([rule.text.as_str(), world.given(kind, &[rule], &|_, _| true).as_str()]);
        let schema = schema(world, &all, &given)?;
        let Some(made) = Chance::new(seed, &chance, &wanted).around(env, kind, &fixed, &world.taxonomy, &schema) else { continue };
        // A policy that errs is skipped by Cedar, so an answer with an error in it shows nothing.
        let matches = |policy: &Policy| decide(&[policy], &made).map(|answer| answer.denied);
        if matches(&and(&rule.policy, &given)?) == Ok(true) {
            others.retain(|other| matches(&other.policy) != Ok(false));
        }
    }
    Ok(())
}

/// Most rules that one question is about: larger ones take a solver longer than several small ones.
const TOGETHER: usize = 12;

/// Those of `others` that match whatever `rule` matches, among requests of a kind. One question rules out all that some single request escapes; only where
/// no request does are there halves to look at.
fn covering<'w>(
    world: &World,
    session: &mut Session,
    rule: &'w Rule,
    others: Vec<&'w Rule>,
    kind: &Kind,
) -> Result<Vec<&'w Rule>, Unproved> {
    if others.is_empty() {
        return Ok(others);
    }
    if others.len() > TOGETHER {
        return halves(world, session, rule, &others, kind);
    }
    let all: Vec<&Rule> = others.iter().copied().chain([rule]).collect();
    let given = world.given(kind, &all, &|_, _| true);
    let schema = schema(world, &all, &given)?;
    let policy = and(&rule.policy, &given)?;
    let those: Vec<&Policy> = others.iter().map(|r| &r.policy).collect();
    if session.uncovered(&[&policy], &those, kind, &schema)?.is_some() {
        return Ok(Vec::new());
    }
    if others.len() == 1 {
        return Ok(others);
    }
    halves(world, session, rule, &others, kind)
}

fn halves<'w>(world: &World, session: &mut Session, rule: &'w Rule, others: &[&'w Rule], kind: &Kind) -> Result<Vec<&'w Rule>, Unproved> {
    let (first, second) = others.split_at(others.len() / 2);
    let mut left = covering(world, session, rule, first.to_vec(), kind)?;
    left.extend(covering(world, session, rule, second.to_vec(), kind)?);
    Ok(left)
}
