//! A request that shows something, as a file: the policies, the request and its world, complete in itself, so that anybody can put it to Cedar again.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::str::FromStr as _;

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, Policy, PolicyId, PolicySet, Request};
use cedar_policy_symcc::Env;
use serde_json::{Map, Value as Json, json};

use crate::session::Unproved;
use crate::world::Rule;

/// What Cedar is expected to say of a set of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// It denies: a rule speaks, or a label is not earned.
    Deny,
    /// It allows: no rule speaks, or a label is earned.
    Allow,
    /// It errs, and skips the policy.
    Error,
}

impl Expect {
    fn word(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Allow => "allow",
            Self::Error => "error",
        }
    }
}

/// One side of a case: a name, policies, and what they are expected to say.
pub struct Side<'r> {
    /// `old`, `new` or `pack`.
    pub name: &'static str,
    /// The policies.
    pub rules: Vec<&'r Rule>,
    /// What they are expected to say.
    pub expect: Expect,
}

/// The file of a case.
///
/// # Errors
/// The world cannot be written as JSON.
pub fn case(title: &str, sides: &[Side<'_>], env: &Env) -> Result<Json, Unproved> {
    let side = |side: &Side<'_>| {
        let policies = side.rules.iter().map(|r| json!({ "id": r.id, "at": format!("{}:{}", r.file, r.line), "cedar": r.text }));
        json!({ "name": side.name, "expect": side.expect.word(), "policies": policies.collect::<Vec<_>>() })
    };
    let uid = |uid: Option<&EntityUid>| uid.map(ToString::to_string);
    let context = env.request.context().map(Context::to_json_value).transpose().map_err(|e| Unproved(e.to_string()))?;
    Ok(json!({
        "version": 1,
        "what": title,
        "sides": sides.iter().map(side).collect::<Vec<_>>(),
        "request": {
            "principal": uid(env.request.principal()),
            "action": uid(env.request.action()),
            "resource": uid(env.request.resource()),
            "context": context,
        },
        "entities": env.entities.to_json_value().map_err(|e| Unproved(e.to_string()))?,
    }))
}

/// Puts a case to Cedar: a line for each side, and whether everything is as the file expects.
///
/// # Errors
/// The file cannot be read, or is no case.
pub fn replay(case: &Json) -> Result<(Vec<String>, bool), String> {
    let text =
        |json: &Json, key: &str| json.get(key).and_then(Json::as_str).map(str::to_owned).ok_or_else(|| format!("the case has no `{key}`"));
    let request = case.get("request").ok_or("the case has no `request`")?;
    let uid = |key: &str| EntityUid::from_str(&text(request, key)?).map_err(|e| format!("`{key}`: {e}"));
    let context = request.get("context").filter(|c| !c.is_null()).cloned().unwrap_or_else(|| json!({}));
    let context = Context::from_json_value(context, None).map_err(|e| format!("the context: {e}"))?;
    let request = Request::new(uid("principal")?, uid("action")?, uid("resource")?, context, None).map_err(|e| e.to_string())?;
    let entities = case.get("entities").cloned().ok_or("the case has no `entities`")?;
    let entities = Entities::from_json_value(entities, None).map_err(|e| format!("the entities: {e}"))?;
    let sides = case.get("sides").and_then(Json::as_array).filter(|s| !s.is_empty()).ok_or("the case has no `sides`")?;
    let (mut lines, mut as_expected) = (Vec::new(), true);
    for side in sides {
        let (name, expect) = (text(side, "name")?, text(side, "expect")?);
        let policies = side.get("policies").and_then(Json::as_array).ok_or("a side has no `policies`")?;
        let (mut set, mut has_permit) = (PolicySet::new(), false);
        for (n, policy) in policies.iter().enumerate() {
            let at = text(policy, "at")?;
            let parsed = Policy::parse(Some(PolicyId::new(format!("{} ({at})", text(policy, "id")?))), text(policy, "cedar")?);
            let parsed = parsed.map_err(|e| format!("policy {} of `{name}`: {e}", n + 1))?;
            has_permit |= parsed.effect() == cedar_policy::Effect::Permit;
            set.add(parsed).map_err(|e| e.to_string())?;
        }
        if !has_permit && request.action().is_some_and(|a| a.id().unescaped() != crate::world::LABEL) {
            let base = Policy::parse(Some(PolicyId::new("the base permit")), "permit (principal, action, resource);");
            set.add(base.map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
        }
        let response = Authorizer::new().is_authorized(&request, &set, &entities);
        let errors: Vec<String> = response.diagnostics().errors().map(ToString::to_string).collect();
        let said = match (errors.is_empty(), response.decision()) {
            (false, _) => Expect::Error,
            (true, Decision::Deny) => Expect::Deny,
            (true, Decision::Allow) => Expect::Allow,
        };
        let by: BTreeSet<String> = response.diagnostics().reason().map(ToString::to_string).collect();
        let by = if errors.is_empty() { by.into_iter().collect::<Vec<_>>() } else { errors };
        let by = if by.is_empty() { "no policy".to_owned() } else { by.join("; ") };
        let wrong = if said.word() == expect { String::new() } else { format!(" (the file expects {expect})") };
        as_expected &= wrong.is_empty();
        lines.push(format!("{name}: {} by {by}{wrong}", said.word()));
    }
    Ok((lines, as_expected))
}

/// Writes a case, after it has been put to Cedar and said what it should; its path.
///
/// # Errors
/// The disk, or a case that does not replay: a defect of ours or of the solver's.
pub fn write(folder: &Path, name: &str, case: &Json) -> Result<String, Unproved> {
    match replay(case) {
        Ok((_, true)) => {}
        Ok((lines, false)) => return Err(Unproved(format!("the counterexample does not replay: {}", lines.join("; ")))),
        Err(why) => return Err(Unproved(format!("the counterexample cannot be read back: {why}"))),
    }
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let path = folder.join(format!("{name}.json"));
    let disk = |e: std::io::Error| Unproved(format!("cannot write `{}`: {}", path.display(), flowgate::problem::why(&e)));
    fs::create_dir_all(folder).map_err(disk)?;
    let text = serde_json::to_string_pretty(case).map_err(|e| Unproved(e.to_string()))?;
    fs::write(&path, text + "\n").map_err(disk)?;
    Ok(path.display().to_string())
}

/// A request in flowgate's words: who, what, and the facts that policies read.
#[must_use]
pub fn words(env: &Env) -> Vec<String> {
    let entities = env.entities.to_json_value().unwrap_or_default();
    let all: Vec<&Json> = entities.as_array().into_iter().flatten().collect();
    let short = |name: &str| name.rsplit("::").next().unwrap_or(name).to_lowercase();
    let find = |uid: Option<&EntityUid>| {
        let uid = uid?;
        let is = |e: &&Json| {
            e.pointer("/uid/type").and_then(Json::as_str) == Some(uid.type_name().to_string().as_str())
                && e.pointer("/uid/id").and_then(Json::as_str) == Some(uid.id().unescaped())
        };
        all.iter().copied().find(is)
    };
    let within = |entity: &Json| {
        let parents = entity.get("parents").and_then(Json::as_array).into_iter().flatten();
        let mut names: Vec<String> = parents.filter_map(|p| Some(format!("`{}`", p.get("id")?.as_str()?))).collect();
        names.sort();
        if names.is_empty() { String::new() } else { format!(" in {}", names.join(", ")) }
    };
    let facts = |entity: &Json| {
        let facts = entity.get("attrs").and_then(Json::as_object).into_iter().flatten();
        facts.map(|(name, value)| format!("{name} = {}", plain(value))).collect::<Vec<_>>().join(", ")
    };
    let action = env.request.action().map(|a| a.id().unescaped().to_owned()).unwrap_or_default();
    let mut lines = Vec::new();
    let mut named: Vec<String> = Vec::new();
    for (part, uid) in [("principal", env.request.principal()), ("resource", env.request.resource())] {
        let Some(uid) = uid else { continue };
        let kind = short(&uid.type_name().to_string());
        let (within, facts) = find(Some(uid)).map(|e| (within(e), facts(e))).unwrap_or_default();
        let id = if kind == "label" { format!(" `{}`", uid.id().unescaped()) } else { String::new() };
        named.push(format!("{kind}{id}{within}"));
        if !facts.is_empty() {
            lines.push(format!("{part} ({kind}): {facts}"));
        }
    }
    lines.insert(0, format!("request: {}", named.join(&format!(" · {action} · "))));
    if let Some(context) = env.request.context().and_then(|c| c.to_json_value().ok()) {
        let facts: Vec<String> =
            context.as_object().into_iter().flatten().map(|(name, value)| format!("{name} = {}", plain(value))).collect();
        if !facts.is_empty() {
            lines.push(format!("context: {}", facts.join(", ")));
        }
    }
    let others = all.iter().filter(|e| {
        let is = |uid: Option<&EntityUid>| find(uid).is_some_and(|f| std::ptr::eq(f, **e));
        !is(env.request.principal()) && !is(env.request.resource())
    });
    for entity in others {
        let kind = entity.pointer("/uid/type").and_then(Json::as_str).map(short).unwrap_or_default();
        let id = entity.pointer("/uid/id").and_then(Json::as_str).unwrap_or_default();
        let facts = facts(entity);
        if !facts.is_empty() {
            lines.push(format!("{kind} `{id}`{}: {facts}", within(entity)));
        }
    }
    lines
}

/// A value without Cedar's escapes.
fn plain(value: &Json) -> String {
    match value {
        Json::Object(map) => match (map.get("__extn"), map.get("__entity")) {
            (Some(extension), _) => extension.get("arg").map(plain).unwrap_or_default(),
            (_, Some(entity)) => {
                let part = |key: &str| entity.get(key).and_then(Json::as_str).unwrap_or_default();
                format!("{} `{}`", part("type").rsplit("::").next().unwrap_or_default().to_lowercase(), part("id"))
            }
            _ => record(map),
        },
        Json::Array(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn record(map: &Map<String, Json>) -> String {
    format!("{{ {} }}", map.iter().map(|(k, v)| format!("{k}: {}", plain(v))).collect::<Vec<_>>().join(", "))
}
