//! The texts of a rule: messages with placeholders, which are names or Cedar expressions over the request.

use std::str::FromStr as _;
use std::sync::Arc;

use super::clauses::Clauses;
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
pub(super) fn template(file: &Arc<SourceFile>, span: Span, text: &str, clauses: &mut Clauses) -> Result<Template, Problem> {
    let mut template = Template { text: text.to_owned(), expressions: Vec::new() };
    for placeholder in placeholders(text) {
        if NAMES.contains(&placeholder) {
            continue;
        }
        let expression = cedar_policy::Expression::from_str(placeholder).ok().filter(|_| placeholder.contains('.'));
        let Some(expression) = expression else {
            return Err(Problem::new("judge/unknown-placeholder", format!("`{{{placeholder}}}` is not a placeholder"))
                .at(file, span, "in this policy's texts")
                .help(format!("names: {}; or an expression such as `{{principal.retention}}`", NAMES.join(", "))));
        };
        clauses.attributes.extend(placeholder.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').map(str::to_owned));
        template.expressions.push((placeholder.to_owned(), Arc::new(expression)));
    }
    Ok(template)
}

/// The texts between braces.
pub fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(inside, _)| inside))
}
