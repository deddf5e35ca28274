//! Policies, indexed by what their scope can match, and all that is to be known of each.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::{Entities, Request, Schema};
use rayon::prelude::*;

use super::built::{cut_schema, load_file, validator};
use super::clauses::{Clauses, Reason};
use super::loader::Loader;
use super::scope::Scope;
use super::severity::Severity;
use super::stage::Stage;
use super::texts::Template;
use crate::ids;
use crate::load::raise;
use crate::packs::{LabelSet, Library, PackFiles};
use crate::problem::{Problem, SourceFile, Span};
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
        let rules = library.rules.iter().filter(|r| r.enabled && !r.replaced).map(|r| (&r.cedar, Role::Rule, r.id.as_str()));
        let replaced: Vec<_> = library.rules.iter().filter(|r| r.enabled && r.replaced).collect();
        let packs = library.packs.values().filter(|p| p.enabled);
        let labels = packs.filter_map(|p| Some((p.labels.as_ref()?, Role::Label, p.name.as_str())));
        let permits = library.permit.iter().chain(own_permits).map(|file| (file, Role::Permit, "permit"));
        let texts: Vec<(&Arc<SourceFile>, Role, &str)> = rules.chain(labels).chain(permits).collect();
        // The binary's own texts were validated by its tests, and a team's classes and labels take none away that they name.
        let foreign = !replaced.is_empty() || texts.iter().any(|(file, ..)| !PackFiles::is_built_in(file));
        let validator = foreign.then(|| validator(vocabulary, &library.taxonomy)).transpose()?;
        // Parsing and validating is most of a small run, and files know nothing of each other.
        let loaded: Vec<(Vec<Policy>, Vec<Problem>)> = texts
            .par_iter()
            .map(|(file, role, id)| {
                let validator = validator.as_deref().filter(|_| !PackFiles::is_built_in(file));
                load_file(file, *role, id, library, validator)
            })
            .collect();
        let mut found = Vec::new();
        // A text that stands in for another is read once, and nobody asks for it again.
        for rule in replaced {
            let mut loader = Loader::new(library, validator.as_deref());
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
pub(super) const NAMED_ENTITIES: [&str; 5] = ["Class", "Label", "Party", "Agreement", "Action"];

/// The action by which labels are earned.
pub(super) const LABEL: &str = "label";

/// The action a project's own permits speak about.
pub const RECEIVE: &str = "receive";

pub(super) fn vocabulary_actions() -> Vec<String> {
    [LABEL, RECEIVE, "operate", "rely", "ship"].map(str::to_owned).to_vec()
}

/// More policies than the limit lets through.
pub(super) fn too_many(file: &Arc<SourceFile>, span: Span, count: usize, most: usize) -> Option<Problem> {
    let problem = Problem::new("judge/policies", format!("{count} policies in the packs in use, the limit is {most}"));
    (count > most).then(|| {
        problem.at(file, span, "too many from here on").help(format!("leave packs out that no role needs; or {}", raise("policies")))
    })
}

/// The place of a policy's own text in its file, at or after `from`.
pub(super) fn find(file: &SourceFile, text: &str, from: usize) -> Span {
    let at = file.text.get(from..).and_then(|rest| rest.find(text)).map_or(0, |at| from + at);
    Span::new(at, at + text.len())
}
