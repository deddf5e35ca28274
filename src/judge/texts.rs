//! The texts of a rule: messages with placeholders, which are names or Cedar expressions over the request.

use std::str::FromStr as _;
use std::sync::Arc;

use super::clauses::Clauses;
use super::expressions;
use super::scope::Scope;
use crate::problem::{Problem, SourceFile, Span};

/// A text with placeholders.
#[derive(Clone, Debug, Default)]
pub struct Template {
    /// The text as written.
    pub text: String,
    /// Placeholders that are Cedar expressions, with their parsed form.
    pub expressions: Vec<(String, Arc<cedar_policy::Expression>)>,
}

/// Placeholders the finding stage fills in.
const NAMES: [&str; 12] =
    ["workflow", "datum", "form", "surface", "sender", "recipient", "operator", "service", "contract", "node", "name", "rule"];

/// Reads a message; a placeholder that is no name must be a Cedar expression, and what it reads counts as read by the policy.
pub(super) fn template(file: &Arc<SourceFile>, span: Span, text: &str, scope: &Scope, clauses: &mut Clauses) -> Result<Template, Problem> {
    if text.split('{').skip(1).any(|rest| !rest.contains('}')) {
        return Err(Problem::new("judge/unknown-placeholder", "a `{` of this text is never closed")
            .at(file, span, "in this text")
            .help("write `{datum}` for a name; a brace that is meant as one has no place in a message"));
    }
    let mut template = Template { text: text.to_owned(), expressions: Vec::new() };
    for placeholder in placeholders(text) {
        if NAMES.contains(&placeholder) {
            continue;
        }
        let expression = cedar_policy::Expression::from_str(placeholder).ok().filter(|_| placeholder.contains('.'));
        let Some(expression) = expression else {
            return Err(Problem::new("judge/unknown-placeholder", format!("`{{{placeholder}}}` is not a placeholder"))
                .at(file, span, "in this text")
                .help(format!("names: {}; or an expression such as `{{principal.retention}}`", NAMES.join(", "))));
        };
        if let Some(unknown) = expressions::unknown(placeholder, scope) {
            let whole = format!("{{{placeholder}}}");
            let at = file
                .slice(span)
                .find(&whole)
                .map_or(span, |at| Span::new(span.start as usize + at, span.start as usize + at + whole.len()));
            let near = unknown.near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            return Err(Problem::new(
                "judge/unknown-placeholder",
                format!("there is no attribute `{}` for `{whole}` to show", unknown.name),
            )
            .at(file, at, "would read `undeclared` in every finding")
            .help(format!("{near}`flowgate schema cedar` says what a policy may read")));
        }
        clauses.attributes.extend(placeholder.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').map(str::to_owned));
        template.expressions.push((placeholder.to_owned(), Arc::new(expression)));
    }
    Ok(template)
}

/// The texts between braces.
pub fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(inside, _)| inside))
}

/// A word that can stand behind a rule's id.
pub(super) fn is_code(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}

/// The place of an annotation in a policy, `@` to `)`; the whole policy where it is not found.
pub(super) fn annotation(file: &SourceFile, policy: Span, key: &str) -> Span {
    let text = file.slice(policy);
    let found = text.match_indices(&format!("@{key}")).find_map(|(at, name)| {
        let rest = text.get(at + name.len()..)?;
        let open = rest.find(|c: char| !c.is_whitespace()).filter(|open| rest.get(*open..).is_some_and(|r| r.starts_with('(')))?;
        let mut escaped = false;
        let mut quotes = 0;
        let end = rest.get(open..)?.char_indices().find_map(|(n, c)| {
            match c {
                '"' if !escaped => quotes += 1,
                ')' if quotes != 1 => return Some(n + 1),
                _ => {}
            }
            escaped = c == '\\' && !escaped;
            None
        })?;
        let start = policy.start as usize + at;
        Some(Span::new(start, start + name.len() + open + end))
    });
    found.unwrap_or(policy)
}
