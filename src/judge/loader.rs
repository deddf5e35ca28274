//! Reads policy files, one at a time: parsed, strictly validated, their annotations known. What could be skipped or misread at run time is refused here.

use std::collections::BTreeMap;
use std::str::FromStr as _;
use std::sync::Arc;

use cedar_policy::{Effect, PolicySet, ValidationMode, Validator, pst};

use super::cedar;
use super::clauses;
use super::guard;
use super::policies::{LABEL, NAMED_ENTITIES, Policy, Role, find, too_many};
use super::scope::{self, Scope};
use super::severity::Severity;
use super::stage::Stage;
use super::texts::{Template, annotation, is_code, template};
use crate::load::{Limits, first_control};
use crate::packs::{Library, Taxonomy};
use crate::problem::{Problem, SourceFile, Span, did_you_mean};

/// The annotations of a policy.
type Notes<'p> = BTreeMap<&'p str, &'p str>;

/// Reads policy files.
pub(super) struct Loader<'l> {
    pub(super) taxonomy: &'l Taxonomy,
    /// None for texts that are known to be valid.
    pub(super) validator: Option<&'l Validator>,
    pub(super) limits: &'l Limits,
    pub(super) problems: Vec<Problem>,
    pub(super) found: Vec<Policy>,
}

impl<'l> Loader<'l> {
    pub(super) fn new(library: &'l Library, validator: Option<&'l Validator>) -> Self {
        Self { taxonomy: &library.taxonomy, validator, limits: &library.limits, problems: Vec::new(), found: Vec::new() }
    }

    /// Reads a file that the guard lets through.
    pub(super) fn read(&mut self, file: &Arc<SourceFile>, role: Role, id: &str) {
        if let Some((at, c)) = first_control(&file.text) {
            let span = Span::new(at, at + c.len_utf8());
            self.problems.push(
                Problem::new("judge/hidden-character", format!("character U+{:04X} in a policy", u32::from(c)))
                    .at(file, span, "not printable")
                    .help("remove it: what a reviewer sees of a policy is what it says"),
            );
            return;
        }
        match guard::check(file, self.limits) {
            Ok(()) => self.file(file, role, id),
            Err(problem) => self.problems.push(problem),
        }
    }

    fn file(&mut self, file: &Arc<SourceFile>, role: Role, id: &str) {
        let set = match PolicySet::from_str(&file.text) {
            Ok(set) => set,
            Err(error) => {
                self.problems.push(cedar::problem(file, "judge/bad-policy", &error, self.taxonomy));
                return;
            }
        };
        if let Some(problem) = too_many(file, Span::default(), set.policies().count(), self.limits.policies) {
            self.problems.push(problem);
            return;
        }
        if let Some(template) = set.templates().next() {
            let span = find(file, &template.to_cedar(), 0);
            self.problems.push(
                Problem::new("judge/template", "templates are not used here")
                    .at(file, span, "this policy has slots")
                    .help("write a policy without `?principal` and `?resource`"),
            );
        }
        if role == Role::Rule && set.is_empty() {
            self.problems.push(
                Problem::new("judge/no-policy", format!("the rule `{id}` holds no policy"))
                    .at(file, Span::new(0, 0), "nothing is forbidden here")
                    .help("write its `forbid`, or delete the folder; `flowgate new rule` shows one"),
            );
        }
        if !self.is_valid(file, &set) {
            return;
        }
        self.policies(file, role, id, &set);
    }

    fn is_valid(&mut self, file: &Arc<SourceFile>, set: &PolicySet) -> bool {
        let Some(validator) = self.validator else { return true };
        let result = validator.validate(set, ValidationMode::Strict);
        let before = self.problems.len();
        let errors = result.validation_errors().map(|e| cedar::problem(file, "judge/bad-policy", e, self.taxonomy)).collect();
        self.problems.extend(cedar::folded(errors));
        // A policy with an error cannot be satisfied either: the warning follows from it.
        if self.problems.len() == before {
            let warnings = result.validation_warnings().map(|w| cedar::problem(file, "judge/suspect-policy", w, self.taxonomy));
            self.problems.extend(warnings);
        }
        self.problems.len() == before
    }

    fn policies(&mut self, file: &Arc<SourceFile>, role: Role, id: &str, set: &PolicySet) {
        // Cedar numbers the policies of a file in source order.
        let mut ordered: Vec<&cedar_policy::Policy> = set.policies().collect();
        ordered.sort_by_key(|p| p.id().to_string().trim_start_matches("policy").parse::<usize>().unwrap_or(usize::MAX));
        let mut from = 0;
        let mut codes: BTreeMap<String, Span> = BTreeMap::new();
        for policy in ordered {
            let span = find(file, &policy.to_cedar().unwrap_or_default(), from);
            from = span.end as usize;
            match self.policy(file, role, id, policy, span) {
                Ok(policy) => {
                    if role == Role::Rule && policy.id != policy.rule {
                        codes.insert(policy.id.clone(), span);
                    }
                    self.found.push(policy);
                }
                Err(problem) => self.problems.push(problem),
            }
        }
    }

    fn policy(
        &mut self,
        file: &Arc<SourceFile>,
        role: Role,
        id: &str,
        policy: &cedar_policy::Policy,
        span: Span,
    ) -> Result<Policy, Problem> {
        let refuse =
            |code: &'static str, message: String, label: &str, help: &str| Problem::new(code, message).at(file, span, label).help(help);
        let wanted = if role == Role::Rule { Effect::Forbid } else { Effect::Permit };
        if policy.effect() != wanted {
            return Err(match role {
                Role::Rule => refuse(
                    "judge/not-a-forbid",
                    "a rule is a `forbid`".to_owned(),
                    "this is a `permit`",
                    "say what is not allowed; silence is the default",
                ),
                _ => refuse(
                    "judge/not-a-permit",
                    "labels and permit lists are made of `permit`".to_owned(),
                    "this is a `forbid`",
                    "put a `forbid` into a rule folder",
                ),
            });
        }
        let tree = policy.to_pst().map_err(|e| refuse("judge/bad-policy", e.to_string(), "", "simplify this policy"))?;
        let pst::Policy::Static(tree) = tree else {
            return Err(refuse(
                "judge/template",
                "templates are not used here".to_owned(),
                "this policy has slots",
                "write a policy without slots",
            ));
        };
        let body = tree.body();
        let clauses = clauses::compile(body.clauses(), self.taxonomy);
        if clauses.arithmetic {
            return Err(refuse(
                "judge/arithmetic",
                "arithmetic could overflow, and Cedar skips a `forbid` that does".to_owned(),
                "this policy adds, subtracts or multiplies",
                "compare facts with literals; a sum is a fact the engine should compute",
            ));
        }
        let scope = scope::of(self.taxonomy, body);
        let literals = [&scope.principal, &scope.resource].into_iter().filter_map(|c| c.exactly.as_ref()).map(|(entity, _)| entity);
        if let Some(entity) = literals.chain(&clauses.literals).find(|e| !NAMED_ENTITIES.contains(&e.as_str())) {
            return Err(refuse(
                "judge/entity-literal",
                format!("no `{entity}` can be named by an entity id"),
                "this policy would never match",
                "compare its `id` attribute: `principal.id == \"…\"`",
            ));
        }
        // A forbid of the action `label` takes labels away in silence, and with them every finding about them; a permit of another action would let
        // through what a project's own list does not.
        let labels = scope.actions.as_ref().map(|actions| actions.iter().any(|a| a == LABEL));
        match (role, labels) {
            (Role::Rule, None | Some(true)) => {
                return Err(refuse(
                    "judge/rule-of-labels",
                    "a rule has no say in who earns a label".to_owned(),
                    "this forbid would take labels away, and findings with them",
                    "name the action it is about: receive, operate, rely or ship",
                ));
            }
            (Role::Label, _) if scope.actions.as_deref() != Some(&[LABEL.to_owned()]) => {
                return Err(refuse(
                    "judge/label-of-more",
                    "a label policy is about the action `label` alone".to_owned(),
                    "this permit says more",
                    "write `action == Flowgate::Action::\"label\"`",
                ));
            }
            _ => {}
        }
        // Asked for one of them, Cedar parses its name.
        let notes: Notes<'_> = policy.annotations().collect();
        let text = |key: &str| notes.get(key).copied().unwrap_or_default().to_owned();
        let code = text("code");
        let mut made = Policy {
            role,
            id: if code.is_empty() { id.to_owned() } else { format!("{id}.{code}") },
            rule: id.to_owned(),
            file: Arc::clone(file),
            span,
            title: text("title"),
            severity: Severity::Error,
            citation: text("citation"),
            message: Template::default(),
            help: Template::default(),
            absence_is_violation: notes.get("absent") == Some(&"violation"),
            waivable: notes.get("waivable") != Some(&"false"),
            stage: Stage::Draft,
            yields_to: notes.get("yields_to").into_iter().flat_map(|list| list.split(',')).map(|rule| rule.trim().to_owned()).collect(),
            reads_contract: clauses.attributes.contains("contract"),
            mentions: clauses.mentions.clone(),
            cedar: policy.clone(),
            scope,
            unconditional: false,
            clauses,
        };
        made.mentions =
            [made.scope.principal.within, made.scope.resource.within].into_iter().flatten().fold(made.mentions, |mut all, id| {
                all.insert(id);
                all
            });
        made.unconditional = body.clauses().is_empty() && made.scope == Scope::default();
        if role == Role::Rule {
            self.annotations(file, span, &notes, &mut made)?;
        }
        Ok(made)
    }

    /// A rule says what it is: title, severity, citation, message and help.
    fn annotations(&mut self, file: &Arc<SourceFile>, span: Span, notes: &Notes<'_>, made: &mut Policy) -> Result<(), Problem> {
        let note = |key: &str| notes.get(key).copied();
        const KNOWN: [&str; 10] = ["title", "severity", "citation", "message", "help", "code", "absent", "waivable", "yields_to", "stage"];
        for key in notes.keys().copied() {
            if !KNOWN.contains(&key) {
                let near = did_you_mean(key, KNOWN).map(|n| format!("did you mean `@{n}`? ")).unwrap_or_default();
                return Err(Problem::new("judge/unknown-annotation", format!("there is no annotation `@{key}`"))
                    .at(file, annotation(file, span, key), "not an annotation")
                    .help(format!("{near}annotations: {}", KNOWN.join(", "))));
            }
        }
        for key in KNOWN.iter().take(5) {
            if note(key).is_none_or(|text| text.trim().is_empty()) {
                return Err(Problem::new("judge/missing-annotation", format!("the rule `{}` has no `@{key}`", made.rule))
                    .at(file, span, format!("`@{key}` is missing"))
                    .help("a rule has @title, @severity, @citation, @message and @help"));
            }
        }
        let severity = note("severity").unwrap_or_default();
        made.severity = Severity::of(severity).ok_or_else(|| {
            Problem::new("judge/bad-severity", format!("`{severity}` is not a severity"))
                .at(file, annotation(file, span, "severity"), "not a severity")
                .help("error, warning or note")
        })?;
        if let Some(word) = note("stage") {
            made.stage = Stage::of(word).ok_or_else(|| {
                Problem::new("judge/bad-stage", format!("`{word}` is not a stage"))
                    .at(file, annotation(file, span, "stage"), "not a stage")
                    .help("the stage from which on the rule is asked: draft, pilot or production")
            })?;
        }
        for (key, fits, help) in [
            (
                "waivable",
                matches!(note("waivable"), None | Some("true" | "false")),
                "`@waivable(\"false\")` makes a rule that takes no waiver; leave it out for one that does",
            ),
            (
                "absent",
                matches!(note("absent"), None | Some("violation")),
                "`@absent(\"violation\")` makes a missing fact a violation; leave it out for `undeclared`",
            ),
            ("code", note("code").is_none_or(is_code), "a code holds a to z, digits, `-` and `_`, and begins with a letter"),
        ] {
            if !fits {
                let word = note(key).unwrap_or_default();
                return Err(Problem::new("judge/bad-annotation", format!("`@{key}` does not take `{word}`"))
                    .at(file, annotation(file, span, key), "not one of its words")
                    .help(help));
            }
        }
        made.message =
            template(file, annotation(file, span, "message"), note("message").unwrap_or_default(), &made.scope, &mut made.clauses)?;
        made.help = template(file, annotation(file, span, "help"), note("help").unwrap_or_default(), &made.scope, &mut made.clauses)?;
        Ok(())
    }
}
