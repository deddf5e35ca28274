//! Looks at a policy's text before Cedar's parser does: what is nested or chained too deeply would overflow its stack and abort the process.

use std::sync::Arc;

use crate::load::{Limits, raise};
use crate::problem::{Problem, SourceFile, Span};

/// Refuses a text that is too large, or nested or chained too deeply: Cedar's parser needs about 15 KiB of stack for each bracket, and evaluating a flat
/// chain recurses, too.
pub(super) fn check(file: &Arc<SourceFile>, limits: &Limits) -> Result<(), Problem> {
    let limits = limits.held();
    let (most_bytes, most_depth, most_operators) = (limits.policy_bytes, limits.policy_depth, limits.policy_operators);
    if file.text.len() > most_bytes {
        let bytes = file.text.len();
        return Err(Problem::new("judge/policy-too-large", format!("the policy file has {bytes} bytes, the limit is {most_bytes}"))
            .at(file, Span::new(0, 0), "this one is larger")
            .help(format!("one folder holds one rule; or {}", raise("policy-bytes"))));
    }
    let mut state = State::default();
    let mut chars = file.text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                state.prefix = 0;
                while let Some((_, c)) = chars.next() {
                    match c {
                        '\\' => drop(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '/' if chars.peek().is_some_and(|(_, c)| *c == '/') => while chars.next_if(|(_, c)| *c != '\n').is_some() {},
            _ => state.see(c, chars.peek().map(|(_, c)| *c)),
        }
        if state.depth + state.prefix > most_depth {
            return Err(Problem::new("judge/policy-too-deep", format!("this policy is nested more than {most_depth} deep, the limit"))
                .at(file, Span::new(at, at + c.len_utf8()), "too deep from here on")
                .help(format!("split it into several policies; or {}", raise("policy-depth"))));
        }
        if state.operators > most_operators {
            return Err(Problem::new("judge/policy-too-long", format!("this policy has more than {most_operators} operators, the limit"))
                .at(file, Span::new(at, at + c.len_utf8()), "too many from here on")
                .help(format!("split it into several policies; or {}", raise("policy-operators"))));
        }
    }
    Ok(())
}

#[derive(Default)]
struct State {
    depth: usize,
    /// `!` and `-` in a row, and `if`s that have not ended.
    prefix: usize,
    operators: usize,
    word: String,
}

impl State {
    fn see(&mut self, c: char, next: Option<char>) {
        if c.is_alphanumeric() || c == '_' {
            self.word.push(c);
            if !next.is_some_and(|n| n.is_alphanumeric() || n == '_') {
                match self.word.as_str() {
                    "if" => self.prefix += 1,
                    "has" | "like" | "in" | "is" | "then" | "else" => self.operators += 1,
                    _ => {}
                }
                self.word.clear();
            }
            return;
        }
        match c {
            '(' | '[' | '{' => self.depth += 1,
            ')' | ']' | '}' => {
                self.depth = self.depth.saturating_sub(1);
                self.prefix = 0;
            }
            '!' | '-' => self.prefix += 1,
            // A policy ends, and with it everything that was counted.
            ';' => *self = Self::default(),
            '&' | '|' | '=' | '<' | '>' | '.' => {
                self.operators += 1;
                if c != '.' {
                    self.prefix = 0;
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: String) -> Result<(), &'static str> {
        check(&Arc::new(SourceFile { name: "rule.cedar".to_owned(), text }), &Limits::default()).map_err(|p| p.code)
    }

    #[test]
    fn what_would_overflow_cedars_parser_is_refused() {
        let nested = |n: usize| format!("forbid(principal, action, resource) when {{ {}true{} }};", "(".repeat(n), ")".repeat(n));
        assert_eq!(verdict(nested(60)), Ok(()));
        assert_eq!(verdict(nested(70)), Err("judge/policy-too-deep"));
        assert_eq!(verdict(nested(100_000)), Err("judge/policy-too-deep"));
        assert_eq!(
            verdict(format!("forbid(principal, action, resource) when {{ {}true }};", "!".repeat(200))),
            Err("judge/policy-too-deep")
        );
        assert_eq!(
            verdict(format!("forbid(principal, action, resource) when {{ {}true }};", "if true then true else ".repeat(200))),
            Err("judge/policy-too-deep")
        );
    }

    #[test]
    fn long_chains_are_refused_and_strings_and_comments_are_not_counted() {
        let chain = |n: usize| format!("forbid(principal, action, resource) when {{ true{} }};", " && true".repeat(n));
        assert_eq!(verdict(chain(200)), Ok(()));
        assert_eq!(verdict(chain(5_000)), Err("judge/policy-too-long"));
        assert_eq!(verdict(format!("// {}\n{}", "(".repeat(500), chain(1))), Ok(()));
        assert_eq!(verdict(format!("@title(\"{}\")\n{}", "(".repeat(500), chain(1))), Ok(()));
    }
}
