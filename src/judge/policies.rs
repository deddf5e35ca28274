//! Policies: parsed one file at a time, strictly validated, indexed by what their scope can match. A policy that could be skipped at run time
//! is refused here, with its line.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;
use std::sync::Arc;

use cedar_policy::{Effect, Entities, PolicySet, Request, Schema, ValidationMode, Validator, pst};
use rayon::prelude::*;

use super::built::{cut_schema, load_file, validator};
use super::cedar;
use super::clauses::{self, Clauses, Reason};
use super::guard;
use super::scope::{self, Scope};
use super::severity::Severity;
use super::stage::Stage;
use super::texts::{Template, annotation, is_code, template};
use crate::ids;
use crate::load::{Limits, first_control, raise};
use crate::packs::{LabelSet, Library, Taxonomy};
use crate::problem::{Problem, SourceFile, Span, did_you_mean};
use crate::table::Table;
use crate::vocabulary::Vocabulary;

ids! {
    /// A policy.
    PolicyId,
}

/// What a policy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A rule's `forbid`.
    Rule,
    /// A pack's `permit` for the action `label`.
    Label,
    /// A `permit` of the base, or of the project's own list.
    Permit,
}

/// One policy, ready to be asked.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Rule, label or permit.
    pub role: Role,
    /// `pack/name`, with `.code` where the rule has several.
    pub id: String,
    /// `pack/name`.
    pub rule: String,
    /// The file.
    pub file: Arc<SourceFile>,
    /// The policy's text in it.
    pub span: Span,
    /// One line.
    pub title: String,
    /// Severity.
    pub severity: Severity,
    /// Law, contract or framework.
    pub citation: String,
    /// What is wrong.
    pub message: Template,
    /// What to do.
    pub help: Template,
    /// The rule is about a fact being there.
    pub absence_is_violation: bool,
    /// Takes waivers.
    pub waivable: bool,
    /// Asked from this stage on.
    pub stage: Stage,
    /// Rules whose finding at the same place is the headline.
    pub yields_to: Vec<String>,
    /// It reads `context.contract`, so it is asked for each.
    pub reads_contract: bool,
    /// Classes and labels it names.
    pub mentions: LabelSet,
    pub(super) cedar: cedar_policy::Policy,
    pub(super) scope: Scope,
    pub(super) clauses: Clauses,
    pub(super) unconditional: bool,
}

impl Policy {
    /// What it judges, in the words of `Policy::SUBJECTS`.
    #[must_use]
    pub fn subject(&self) -> &'static str {
        let action = self.scope.actions.as_ref().and_then(|a| a.first()).map(String::as_str);
        match (action, self.scope.resource.entity.as_deref()) {
            (Some("receive"), _) => "flow",
            (Some("operate"), _) => "node",
            (Some("ship"), _) => "workflow",
            (_, Some("Project")) => "project",
            (_, Some("Agreement")) => "agreement",
            (_, Some("Evidence")) => "evidence",
            (_, Some("Attestation")) => "decision",
            (_, Some("Waiver")) => "waiver",
            (_, Some("ProviderFact")) => "provider-fact",
            (_, Some("Verdict")) => "verdict",
            _ => "any",
        }
    }

    /// Everything a rule can be about.
    pub const SUBJECTS: [&'static str; 10] =
        ["flow", "node", "workflow", "project", "agreement", "evidence", "decision", "waiver", "provider-fact", "verdict"];

    /// The citation names this paragraph, section or function, or one below it: `164.312` is in `45 CFR 164.312(b)` and not in `164.3120`.
    #[must_use]
    pub fn cites(&self, words: &str) -> bool {
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let (citation, words) = (plain(&self.citation), plain(words));
        let part_of_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        !words.is_empty()
            && citation.match_indices(&words).any(|(at, found)| {
                let before = citation.get(..at).and_then(|t| t.chars().next_back());
                let after = citation.get(at + found.len()..).and_then(|t| t.chars().next());
                !(part_of_word(before) && part_of_word(words.chars().next()))
                    && before != Some('.')
                    && !(part_of_word(after) && part_of_word(words.chars().next_back()))
            })
    }

    /// The atoms that made the policy fire, each with its line.
    pub(super) fn explain(&self, request: &Request, entities: &Entities) -> Vec<Reason> {
        let mut reasons = self.clauses.explain(request, entities);
        for reason in &mut reasons {
            reason.line = self.line_of(&reason.clause);
        }
        reasons
    }

    /// The place of a piece of its text; the whole policy where it is not found.
    pub(super) fn span_of(&self, piece: &str) -> Span {
        let at = self.file.slice(self.span).find(piece).map(|at| self.span.start as usize + at);
        at.map_or(self.span, |at| Span::new(at, at + piece.len()))
    }

    /// It looks at the datum a node holds, beyond its classes and labels.
    #[must_use]
    pub fn reads_datum(&self) -> bool {
        self.clauses.attributes.contains("datum")
    }

    /// It reads the case types of a datum.
    pub(super) fn reads_cases(&self) -> bool {
        self.clauses.attributes.contains("case_types")
    }

    /// The line at which a piece of the policy begins. Cedar prints expressions in its own layout, so white space is left out of the comparison.
    fn line_of(&self, piece: &str) -> Option<usize> {
        let wanted: Vec<char> = piece.chars().filter(|c| !c.is_whitespace()).collect();
        let text = self.file.slice(self.span);
        let forbid = text.find("forbid")?;
        let dense: Vec<(usize, char)> = text.char_indices().filter(|(at, c)| *at >= forbid && !c.is_whitespace()).collect();
        let at = dense.windows(wanted.len().max(1)).find(|w| w.iter().map(|(_, c)| c).eq(&wanted))?.first()?.0;
        Some(self.file.line_column(self.span.start + u32::try_from(at).ok()?).0)
    }
}

/// All policies of a run.
#[derive(Debug)]
pub struct Policies {
    /// Policies: rules, then labels, then permits.
    pub table: Table<PolicyId, Policy>,
    /// Attribute names some policy reads.
    pub mentioned: BTreeSet<String>,
    /// Cedar's schema with the taxonomy filled in, cut to what is mentioned.
    pub schema: Arc<Schema>,
    /// The project's own permits decide who may receive: silence is no longer the default there.
    pub own_permits: bool,
}

impl Policies {
    /// Parses and validates the policies of the enabled packs. `own_permits` replaces the base permit for `receive`.
    ///
    /// # Errors
    /// Cedar's schema cannot be built: only a broken build has that.
    pub fn load(
        library: &Library,
        vocabulary: &Vocabulary,
        own_permits: Option<&Arc<SourceFile>>,
        problems: &mut Vec<Problem>,
    ) -> Result<Self, Problem> {
        let validator = validator(vocabulary, &library.taxonomy)?;
        let rules = library.rules.iter().filter(|r| r.enabled && !r.replaced).map(|r| (&r.cedar, Role::Rule, r.id.as_str()));
        let replaced: Vec<_> = library.rules.iter().filter(|r| r.enabled && r.replaced).collect();
        let packs = library.packs.values().filter(|p| p.enabled);
        let labels = packs.filter_map(|p| Some((p.labels.as_ref()?, Role::Label, p.name.as_str())));
        let permits = library.permit.iter().chain(own_permits).map(|file| (file, Role::Permit, "permit"));
        let texts: Vec<(&Arc<SourceFile>, Role, &str)> = rules.chain(labels).chain(permits).collect();
        // Parsing and validating is most of a small run, and files know nothing of each other.
        let loaded: Vec<(Vec<Policy>, Vec<Problem>)> =
            texts.par_iter().map(|(file, role, id)| load_file(file, *role, id, library, &validator)).collect();
        let mut found = Vec::new();
        // A text that stands in for another is read once, and nobody asks for it again.
        for rule in replaced {
            let mut loader = Loader::new(library, &validator);
            loader.read(&rule.cedar, Role::Rule, &rule.id);
            problems.extend(loader.problems);
            found.extend(loader.found);
        }
        for (policies, more) in loaded {
            problems.extend(more);
            found.extend(policies);
        }
        let most = library.limits.policies;
        if let Some(policy) = found.get(most) {
            problems.extend(too_many(&policy.file, policy.span, found.len(), most));
            found.truncate(most);
        }
        if own_permits.is_some() {
            // The project's list decides who may receive; the other actions keep the base.
            let others: Vec<String> = vocabulary_actions().into_iter().filter(|a| a != RECEIVE).collect();
            let base = |p: &&mut Policy| p.role == Role::Permit && library.permit.as_ref().is_some_and(|base| Arc::ptr_eq(base, &p.file));
            for policy in found.iter_mut().filter(base) {
                policy.scope.actions = Some(others.clone());
            }
        }
        problems.extend(super::yields::check(&found, library));
        let mentioned = found.iter().flat_map(|p| p.clauses.attributes.iter().cloned()).collect();
        let schema = cut_schema(vocabulary, &library.taxonomy, &mentioned)?;
        Ok(Self { table: found.into_iter().collect(), mentioned, schema, own_permits: own_permits.is_some() })
    }
}

impl Policies {
    /// Would a project's change of severity lower a rule that takes no waiver?
    #[must_use]
    pub fn lowers_unwaivable(&self, rule: &str, level: Severity) -> bool {
        self.table.iter().any(|(_, p)| (p.rule == rule || p.id == rule) && !p.waivable && level < p.severity)
    }
}

/// Entity types whose ids are names; all others share rows between equal things.
const NAMED_ENTITIES: [&str; 5] = ["Class", "Label", "Party", "Agreement", "Action"];

/// The action by which labels are earned.
const LABEL: &str = "label";

/// The action a project's own permits speak about.
pub const RECEIVE: &str = "receive";

fn vocabulary_actions() -> Vec<String> {
    [LABEL, RECEIVE, "operate", "rely", "ship"].map(str::to_owned).to_vec()
}

/// Reads policy files.
pub(super) struct Loader<'l> {
    pub(super) taxonomy: &'l Taxonomy,
    pub(super) validator: &'l Validator,
    pub(super) limits: &'l Limits,
    pub(super) problems: Vec<Problem>,
    pub(super) found: Vec<Policy>,
}

impl<'l> Loader<'l> {
    pub(super) fn new(library: &'l Library, validator: &'l Validator) -> Self {
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
        let result = self.validator.validate(&set, ValidationMode::Strict);
        let before = self.problems.len();
        let errors = result.validation_errors().map(|e| cedar::problem(file, "judge/bad-policy", e, self.taxonomy)).collect();
        self.problems.extend(cedar::folded(errors));
        // A policy with an error cannot be satisfied either: the warning follows from it.
        if self.problems.len() == before {
            let warnings = result.validation_warnings().map(|w| cedar::problem(file, "judge/suspect-policy", w, self.taxonomy));
            self.problems.extend(warnings);
        }
        if self.problems.len() > before {
            return;
        }
        self.policies(file, role, id, &set);
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
        let text = |key: &str| policy.annotation(key).unwrap_or_default().to_owned();
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
            absence_is_violation: policy.annotation("absent") == Some("violation"),
            waivable: policy.annotation("waivable") != Some("false"),
            stage: Stage::Draft,
            yields_to: policy
                .annotation("yields_to")
                .into_iter()
                .flat_map(|list| list.split(','))
                .map(|rule| rule.trim().to_owned())
                .collect(),
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
            self.annotations(file, span, policy, &mut made)?;
        }
        Ok(made)
    }

    /// A rule says what it is: title, severity, citation, message and help.
    fn annotations(&mut self, file: &Arc<SourceFile>, span: Span, policy: &cedar_policy::Policy, made: &mut Policy) -> Result<(), Problem> {
        const KNOWN: [&str; 10] = ["title", "severity", "citation", "message", "help", "code", "absent", "waivable", "yields_to", "stage"];
        for (key, _) in policy.annotations() {
            if !KNOWN.contains(&key) {
                let near = did_you_mean(key, KNOWN).map(|n| format!("did you mean `@{n}`? ")).unwrap_or_default();
                return Err(Problem::new("judge/unknown-annotation", format!("there is no annotation `@{key}`"))
                    .at(file, annotation(file, span, key), "not an annotation")
                    .help(format!("{near}annotations: {}", KNOWN.join(", "))));
            }
        }
        for key in KNOWN.iter().take(5) {
            if policy.annotation(key).is_none_or(|text| text.trim().is_empty()) {
                return Err(Problem::new("judge/missing-annotation", format!("the rule `{}` has no `@{key}`", made.rule))
                    .at(file, span, format!("`@{key}` is missing"))
                    .help("a rule has @title, @severity, @citation, @message and @help"));
            }
        }
        let severity = policy.annotation("severity").unwrap_or_default();
        made.severity = Severity::of(severity).ok_or_else(|| {
            Problem::new("judge/bad-severity", format!("`{severity}` is not a severity"))
                .at(file, annotation(file, span, "severity"), "not a severity")
                .help("error, warning or note")
        })?;
        if let Some(word) = policy.annotation("stage") {
            made.stage = Stage::of(word).ok_or_else(|| {
                Problem::new("judge/bad-stage", format!("`{word}` is not a stage"))
                    .at(file, annotation(file, span, "stage"), "not a stage")
                    .help("the stage from which on the rule is asked: draft, pilot or production")
            })?;
        }
        for (key, fits, help) in [
            (
                "waivable",
                matches!(policy.annotation("waivable"), None | Some("true" | "false")),
                "`@waivable(\"false\")` makes a rule that takes no waiver; leave it out for one that does",
            ),
            (
                "absent",
                matches!(policy.annotation("absent"), None | Some("violation")),
                "`@absent(\"violation\")` makes a missing fact a violation; leave it out for `undeclared`",
            ),
            ("code", policy.annotation("code").is_none_or(is_code), "a code holds a to z, digits, `-` and `_`, and begins with a letter"),
        ] {
            if !fits {
                let word = policy.annotation(key).unwrap_or_default();
                return Err(Problem::new("judge/bad-annotation", format!("`@{key}` does not take `{word}`"))
                    .at(file, annotation(file, span, key), "not one of its words")
                    .help(help));
            }
        }
        made.message =
            template(file, annotation(file, span, "message"), policy.annotation("message").unwrap_or_default(), &mut made.clauses)?;
        made.help = template(file, annotation(file, span, "help"), policy.annotation("help").unwrap_or_default(), &mut made.clauses)?;
        Ok(())
    }
}

/// More policies than the limit lets through.
fn too_many(file: &Arc<SourceFile>, span: Span, count: usize, most: usize) -> Option<Problem> {
    let problem = Problem::new("judge/policies", format!("{count} policies in the packs in use, the limit is {most}"));
    (count > most).then(|| {
        problem.at(file, span, "too many from here on").help(format!("leave packs out that no role needs; or {}", raise("policies")))
    })
}

/// The place of a policy's own text in its file, at or after `from`.
fn find(file: &SourceFile, text: &str, from: usize) -> Span {
    let at = file.text.get(from..).and_then(|rest| rest.find(text)).map_or(0, |at| from + at);
    Span::new(at, at + text.len())
}
