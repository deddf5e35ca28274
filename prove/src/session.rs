//! One solver process and what is asked of it. Whatever is not a clean `sat` with a model that Cedar itself agrees with, or a clean `unsat`, is an
//! [`Unproved`]: never a proof. Knows no rule.

use std::future::Future;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cedar_policy::{Authorizer, Decision, Policy, PolicyId, PolicySet, Schema};
use cedar_policy_symcc::solver::LocalSolver;
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicy, CompiledPolicySet, Env};
use tokio::process::Command;
use tokio::runtime::Runtime;

use crate::world::Kind;

/// Why something could not be proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unproved(pub String);

/// How to start a solver.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its executable.
    pub solver: PathBuf,
    /// The longest one question may take.
    pub timeout: Duration,
    /// Solvers at the same time.
    pub jobs: usize,
}

/// Questions that were put to a solver (or decided without one, by the compiler alone).
static QUERIES: AtomicUsize = AtomicUsize::new(0);

/// How many questions have been asked so far.
#[must_use]
pub fn queries() -> usize {
    QUERIES.load(Ordering::Relaxed)
}

/// A solver process and the thread's runtime around it.
pub struct Session {
    config: Config,
    runtime: Runtime,
    solver: Option<CedarSymCompiler<LocalSolver>>,
}

/// A base that allows everything, so that what a set of forbids refuses is what is denied.
const ALLOW: &str = "permit (principal, action, resource);";

impl Session {
    /// Starts a solver and checks that it can tell truth from falsehood.
    ///
    /// # Errors
    /// It does not start, or gives a wrong answer to a question whose answer is known.
    pub fn start(config: &Config) -> Result<Self, Unproved> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| Unproved(format!("no runtime for the solver: {e}")))?;
        let mut session = Self { config: config.clone(), runtime, solver: None };
        session.check()?;
        Ok(session)
    }

    /// Questions whose answers are known: a liar, or a solver without the theory of sets, must not prove anything.
    ///
    /// # Errors
    /// A wrong answer, or none.
    pub fn check(&mut self) -> Result<(), Unproved> {
        let (schema, _) = Schema::from_cedarschema_str(
            "entity Mark enum [\"a\", \"b\"]; entity Thing in [Mark] = { n: Long, kinds: Set<String> };
             action act appliesTo { principal: [Thing], resource: [Thing] };",
        )
        .map_err(|e| Unproved(e.to_string()))?;
        let env = schema.request_envs().next().ok_or_else(|| Unproved("the schema of the self-check is empty".to_owned()))?;
        let kind = Kind { action: "act".into(), principal: "Thing".into(), resource: "Thing".into(), env };
        let known = [
            ("principal in Mark::\"a\" && principal.n > 41 && principal.kinds.contains(\"x\") && !principal.kinds.contains(\"y\")", true),
            ("principal.n > 41 && principal.n < 42", false),
            ("principal in Mark::\"a\" && principal == resource && !(resource in Mark::\"a\")", false),
            ("principal.kinds.contains(\"x\") && principal.kinds.isEmpty()", false),
            ("principal.n == 7 && resource.n == 8 && !(principal in Mark::\"b\")", true),
        ];
        for (condition, possible) in known {
            let policy = forbid(condition)?;
            let found =
                self.matches(&policy, &kind, &schema).map_err(|e| Unproved(format!("the solver failed its self-check: {}", e.0)))?;
            if found.is_some() != possible {
                return Err(Unproved(format!(
                    "the solver failed its self-check: it says that `{condition}` {}",
                    if possible { "is impossible" } else { "is possible" }
                )));
            }
        }
        Ok(())
    }

    /// A request that the policy matches, if there is one; held against Cedar's own evaluator.
    ///
    /// # Errors
    /// No clean answer.
    pub fn matches(&mut self, policy: &Policy, kind: &Kind, schema: &Schema) -> Result<Option<Env>, Unproved> {
        let compiled = CompiledPolicy::compile(policy, &kind.env, schema).map_err(|e| Unproved(chain(&e)))?;
        let found = self.ask(async |solver| solver.check_never_matches_with_counterexample_opt(&compiled).await)?;
        if let Some(env) = &found {
            let forbid = as_forbid(policy)?;
            let answer = decide(&[&forbid], env)?;
            if !answer.denied {
                return Err(Unproved("the solver's request does not match the policy when Cedar evaluates it".to_owned()));
            }
        }
        Ok(found)
    }

    /// A request on which the policy errs, if there is one.
    ///
    /// # Errors
    /// No clean answer.
    pub fn errs(&mut self, policy: &Policy, kind: &Kind, schema: &Schema) -> Result<Option<Env>, Unproved> {
        let compiled = CompiledPolicy::compile(policy, &kind.env, schema).map_err(|e| Unproved(chain(&e)))?;
        let found = self.ask(async |solver| solver.check_never_errors_with_counterexample_opt(&compiled).await)?;
        if let Some(env) = &found
            && !evaluates_with_error(policy, env)?
        {
            return Err(Unproved("the solver's request brings about no error when Cedar evaluates it".to_owned()));
        }
        Ok(found)
    }

    /// A request that one of `these` refuses and none of `those`, if there is one; held against Cedar's own evaluator. The sets hold forbids alone.
    ///
    /// # Errors
    /// No clean answer.
    pub fn uncovered(&mut self, these: &[&Policy], those: &[&Policy], kind: &Kind, schema: &Schema) -> Result<Option<Env>, Unproved> {
        let (first, second) = (open_set(these)?, open_set(those)?);
        let compile = |set: &PolicySet| CompiledPolicySet::compile(set, &kind.env, schema).map_err(|e| Unproved(chain(&e)));
        let (first, second) = (compile(&first)?, compile(&second)?);
        // "Whatever `those` let pass, `these` let pass": a counterexample is what `these` alone refuse.
        let found = self.ask(async |solver| solver.check_implies_with_counterexample_opt(&second, &first).await)?;
        if let Some(env) = &found {
            let (by_these, by_those) = (decide(these, env)?, decide(those, env)?);
            if !by_these.denied || by_those.denied {
                return Err(Unproved("the solver's request is not decided so when Cedar evaluates it".to_owned()));
            }
        }
        Ok(found)
    }

    /// Is whatever the first set allows allowed by the second? Both sets are given whole, with their permits.
    ///
    /// # Errors
    /// No clean answer.
    pub fn implies(&mut self, first: &PolicySet, second: &PolicySet, kind: &Kind, schema: &Schema) -> Result<Option<Env>, Unproved> {
        let compile = |set: &PolicySet| CompiledPolicySet::compile(set, &kind.env, schema).map_err(|e| Unproved(chain(&e)));
        let (first, second) = (compile(first)?, compile(second)?);
        self.ask(async |solver| solver.check_implies_with_counterexample_opt(&first, &second).await)
    }

    fn ask<T>(
        &mut self,
        question: impl AsyncFnOnce(&mut CedarSymCompiler<LocalSolver>) -> Result<T, cedar_policy_symcc::err::Error>,
    ) -> Result<T, Unproved> {
        QUERIES.fetch_add(1, Ordering::Relaxed);
        let mut solver = match self.solver.take() {
            Some(solver) => solver,
            None => self.spawn()?,
        };
        let answer = self.within(question(&mut solver));
        if answer.is_ok() {
            // After an error the answers may be out of step with the questions, so such a solver is not asked again.
            self.solver = Some(solver);
        }
        answer
    }

    fn within<T>(&self, answer: impl Future<Output = Result<T, cedar_policy_symcc::err::Error>>) -> Result<T, Unproved> {
        let limit = self.config.timeout;
        match self.runtime.block_on(async { tokio::time::timeout(limit, answer).await }) {
            Err(_) => Err(Unproved(format!("the solver gave no answer in {} seconds", limit.as_secs_f32()))),
            Ok(Err(cedar_policy_symcc::err::Error::SolverUnknown)) => Err(Unproved("the solver does not know".to_owned())),
            Ok(Err(error)) => Err(Unproved(chain(&error))),
            Ok(Ok(answer)) => Ok(answer),
        }
    }

    fn spawn(&self) -> Result<CedarSymCompiler<LocalSolver>, Unproved> {
        let _inside = self.runtime.enter();
        let mut command = Command::new(&self.config.solver);
        command.args(["--lang", "smt", "--incremental"]).kill_on_drop(true);
        let start =
            |e: &dyn std::error::Error| Unproved(format!("cannot start the solver `{}`: {}", self.config.solver.display(), chain(e)));
        let solver = LocalSolver::from_command(&mut command).map_err(|e| start(&e))?;
        CedarSymCompiler::new(solver).map_err(|e| start(&e))
    }
}

/// What Cedar says of a request, with the policies that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Some forbid matched.
    pub denied: bool,
}

/// Evaluates forbids over a world, everything else being allowed.
///
/// # Errors
/// One of them errs: Cedar skips it, so nothing is shown by such an answer.
pub fn decide(forbids: &[&Policy], env: &Env) -> Result<Answer, Unproved> {
    let response = Authorizer::new().is_authorized(&env.request, &open_set(forbids)?, &env.entities);
    if let Some(error) = response.diagnostics().errors().next() {
        return Err(Unproved(format!("a policy errs when Cedar evaluates it: {error}")));
    }
    Ok(Answer { denied: response.decision() == Decision::Deny })
}

fn evaluates_with_error(policy: &Policy, env: &Env) -> Result<bool, Unproved> {
    let set = PolicySet::from_policies([policy.clone()]).map_err(|e| Unproved(e.to_string()))?;
    Ok(Authorizer::new().is_authorized(&env.request, &set, &env.entities).diagnostics().errors().next().is_some())
}

/// Forbids over a base that allows everything.
pub fn open_set(forbids: &[&Policy]) -> Result<PolicySet, Unproved> {
    let base = Policy::parse(Some(PolicyId::new("allow")), ALLOW).map_err(|e| Unproved(e.to_string()))?;
    let all = forbids.iter().map(|p| (*p).clone()).chain([base]);
    PolicySet::from_policies(all).map_err(|e| Unproved(chain(&e)))
}

/// A policy as a forbid: what matches it is then what is denied.
pub fn as_forbid(policy: &Policy) -> Result<Policy, Unproved> {
    let text = policy.to_cedar().unwrap_or_default();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if let Some(line) = lines.iter_mut().find(|l| l.starts_with("permit")) {
        *line = line.replacen("permit", "forbid", 1);
    }
    Ok(Policy::from_str(&lines.join("\n")).map_err(|e| Unproved(e.to_string()))?.new_id(policy.id().clone()))
}

fn forbid(condition: &str) -> Result<Policy, Unproved> {
    Policy::from_str(&format!("forbid (principal, action, resource) when {{ {condition} }};")).map_err(|e| Unproved(e.to_string()))
}

/// A policy with one more condition before its own, so that where it does not hold the policy cannot err either.
///
/// # Errors
/// The text is no policy any more: only a defect of ours can bring that about.
pub fn and(policy: &Policy, condition: &str) -> Result<Policy, Unproved> {
    if condition == "true" {
        return Ok(policy.clone());
    }
    let text = policy.to_cedar().unwrap_or_default();
    let (head, body) = text.split_at(end_of_scope(&text).ok_or_else(|| Unproved("a policy has no scope".to_owned()))?);
    let made = Policy::from_str(&format!("{head} when {{ {condition} }} {body}")).map_err(|e| Unproved(e.to_string()))?;
    Ok(made.new_id(policy.id().clone()))
}

/// Where the scope of a policy ends: behind the bracket that closes the first one after `forbid` or `permit`.
fn end_of_scope(text: &str) -> Option<usize> {
    let line = text.lines().find(|l| l.starts_with("forbid") || l.starts_with("permit"))?;
    let start = line.as_ptr() as usize - text.as_ptr() as usize;
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, c) in text.get(start..)?.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(start + at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}

/// Stack of the threads: the symbolic compiler and Cedar's parser recurse.
const STACK_BYTES: usize = 256 << 20;

/// Does every job, several at a time, each thread with a solver of its own; answers in the order of the jobs.
///
/// # Errors
/// A solver does not start or fails its self-check, before or after the work.
pub fn work<J: Sync, R: Send>(config: &Config, jobs: &[J], each: impl Fn(&mut Session, &J) -> R + Sync) -> Result<Vec<R>, Unproved> {
    let next = AtomicUsize::new(0);
    let threads = config.jobs.clamp(1, jobs.len().max(1));
    let run = || -> Result<Vec<(usize, R)>, Unproved> {
        let mut session = Session::start(config)?;
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(at) else { break };
            done.push((at, each(&mut session, job)));
        }
        // What began to answer at random in between has proved nothing.
        session.check()?;
        Ok(done)
    };
    let done = std::thread::scope(|scope| {
        let spawn = |_| std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, run);
        let threads: Vec<_> = (0..threads).map(spawn).collect();
        let join = |thread: std::io::Result<std::thread::ScopedJoinHandle<'_, _>>| match thread.map(|t| t.join()) {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(Unproved("a thread broke down".to_owned())),
            Err(error) => Err(Unproved(format!("cannot start a thread: {error}"))),
        };
        threads.into_iter().map(join).collect::<Result<Vec<_>, _>>()
    })?;
    let mut done: Vec<(usize, R)> = done.into_iter().flatten().collect();
    done.sort_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, r)| r).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails should fail loudly")]
mod tests {
    use super::*;

    /// flowgate refuses arithmetic in rules before a solver is asked, so this is where overflow is found.
    #[test]
    fn an_overflow_is_found_and_a_comparison_has_none() {
        let config = Config { solver: "cvc5".into(), timeout: Duration::from_secs(60), jobs: 1 };
        let mut session = Session::start(&config).unwrap();
        let schema = "entity Thing = { n: Long, day?: datetime }; action act appliesTo { principal: [Thing], resource: [Thing] };";
        let (schema, _) = Schema::from_cedarschema_str(schema).unwrap();
        let kind =
            Kind { action: "act".into(), principal: "Thing".into(), resource: "Thing".into(), env: schema.request_envs().next().unwrap() };
        let days = "principal has day && resource has day && principal.day.durationSince(resource.day) > duration(\"1d\")";
        let bounded = "if principal has day && resource has day then principal.day >= datetime(\"0000-01-01\") && principal.day <= datetime(\"9999-12-31\") && resource.day >= datetime(\"0000-01-01\") && resource.day <= datetime(\"9999-12-31\") else true";
        for (condition, given, can_err) in
            [("principal.n * 2 > 30", "true", true), ("principal.n > 30", "true", false), (days, "true", true), (days, bounded, false)]
        {
            let policy = and(&forbid(condition).unwrap(), given).unwrap();
            assert_eq!(session.errs(&policy, &kind, &schema).unwrap().is_some(), can_err, "{condition}");
        }
    }

    #[test]
    fn a_condition_is_put_behind_the_scope_and_before_the_rest() {
        let text = "@message(\"a) b\")\nforbid (principal, action == Action::\"x)\", resource)\nunless { (principal.n == 1) };";
        let policy = Policy::from_str(text).unwrap();
        let made = and(&policy, "1 == 1").unwrap().to_cedar().unwrap();
        assert!(made.contains("resource) when { 1 == 1 } \nunless { (principal.n == 1) };"), "{made}");
    }
}
