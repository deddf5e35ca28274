//! What Cedar complains about, with its places, in our words where its own are about its insides. Never decides whether a policy is good.

use std::sync::Arc;

use crate::packs::{LabelKind, Taxonomy};
use crate::problem::{Problem, SourceFile, Span};

/// Cedar's own error with its labels.
pub(super) fn problem(
    file: &Arc<SourceFile>,
    code: &'static str,
    error: &(dyn miette::Diagnostic + 'static),
    taxonomy: &Taxonomy,
) -> Problem {
    let message = error.to_string().trim_end_matches('.').to_owned();
    // Cedar names policies by their number in the file; the place says it better.
    let message = match message.strip_prefix("for policy `policy").and_then(|rest| rest.split_once('`')) {
        Some((_, rest)) => rest.trim_start_matches([',', ':', ' ']).to_owned(),
        None => message,
    };
    let unknown = unknown_name(&message, taxonomy);
    let (message, own_help) = unknown.map_or((message, None), |(message, help)| (message, Some(help)));
    let mut problem = Problem::new(code, message);
    for label in error.labels().into_iter().flatten() {
        let span = Span::new(label.offset(), label.offset() + label.len());
        problem = problem.at(file, span, label.label().unwrap_or("here"));
    }
    if problem.places.is_empty() {
        problem = problem.at(file, Span::new(0, 0), "in this file");
    }
    let help = own_help.or_else(|| error.help().map(|h| h.to_string()));
    problem.help(
        help.unwrap_or_else(|| "`flowgate schema cedar` says what a policy may read, `flowgate new rule` writes one that loads".to_owned()),
    )
}

/// A class or label that the taxonomy has not, out of Cedar's sentence about enumerated entities.
fn unknown_name(message: &str, taxonomy: &Taxonomy) -> Option<(String, String)> {
    let (_, rest) = message.split_once("entity `Flowgate::")?;
    let (uid, rest) = rest.split_once('`')?;
    let (kind, word) = match uid.split_once("::")?.0 {
        "Class" => (LabelKind::Class, "class"),
        "Label" => (LabelKind::Label, "label"),
        _ => return None,
    };
    let name = uid.split('"').nth(1).filter(|_| rest.contains("enumerated"))?;
    Some((format!("there is no {word} `{name}`"), taxonomy.suggest(kind, name)))
}

/// What is said once for each type of entity at the same place is one mistake.
pub(super) fn folded(problems: Vec<Problem>) -> Vec<Problem> {
    const MARK: &str = " on entity type ";
    let mut kept: Vec<(Problem, usize)> = Vec::new();
    for problem in problems {
        let same = |other: &Problem| {
            let (Some((a, _)), Some((b, _))) = (other.message.split_once(MARK), problem.message.split_once(MARK)) else { return false };
            a == b && other.places.first().map(|p| p.span) == problem.places.first().map(|p| p.span)
        };
        match kept.iter_mut().find(|(other, _)| same(other)) {
            // Cedar's order is not the same in every run.
            Some((first, count)) => {
                *count += 1;
                if problem.message < first.message {
                    *first = problem;
                }
            }
            None => kept.push((problem, 0)),
        }
    }
    let said = |(mut problem, more): (Problem, usize)| {
        if more > 0 {
            problem.message += &format!(", and on {more} more");
        }
        problem
    };
    kept.into_iter().map(said).collect()
}
