//! Mutants of a rule: its text with one conjunct, exception, scope test or forbid left out, or a forbid turned around. A rule is tested when its
//! fixtures notice every one.

/// A rule's text with one piece left out, or turned around.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// What is left out or turned around, on one line.
    pub what: String,
    /// One-based line where it stood.
    pub line: usize,
    /// The text after that.
    pub text: String,
}

/// All mutants of a policy text, in its order.
#[must_use]
pub fn mutants(text: &str) -> Vec<Mutant> {
    let code = Code::new(text);
    let mut cuts: Vec<Cut> = Vec::new();
    for policy in code.policies() {
        let start = code.annotations_start(policy.start);
        cuts.push(Cut { remove: (start, policy.end), show: (policy.start, policy.end) });
        code.scope_cuts(policy, &mut cuts);
        for clause in code.clauses(policy) {
            code.clause_cuts(&clause, &mut cuts);
        }
    }
    let line = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count() + 1;
    let mut mutants: Vec<Mutant> = cuts
        .iter()
        .map(|cut| Mutant {
            what: words(text.get(cut.show.0..cut.show.1).unwrap_or_default()),
            line: line(cut.show.0),
            text: format!("{}{}", text.get(..cut.remove.0).unwrap_or_default(), text.get(cut.remove.1..).unwrap_or_default()),
        })
        .collect();
    mutants.extend(code.policies().into_iter().filter_map(|policy| {
        let turned = code.turned(text, policy)?;
        let text = format!("{}{turned}{}", text.get(..policy.start).unwrap_or_default(), text.get(policy.end..).unwrap_or_default());
        Some(Mutant { what: "turned around: when for unless and back".to_owned(), line: line(policy.start), text })
    }));
    mutants.sort_by(|a, b| (a.line, &a.what).cmp(&(b.line, &b.what)));
    mutants
}

/// A text on one line, cut where it gets long.
fn words(text: &str) -> String {
    const LONGEST: usize = 90;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{} …", line.get(..at).unwrap_or_default()),
        None => line,
    }
}

/// What to remove, and the piece of it to show.
struct Cut {
    remove: (usize, usize),
    show: (usize, usize),
}

/// Half-open byte ranges of one policy.
#[derive(Clone, Copy)]
struct Range {
    start: usize,
    end: usize,
}

/// A `when` or `unless`, with its keyword and braces, and what is between these.
struct Clause {
    whole: Range,
    inner: Range,
    when: bool,
}

/// Cedar text with strings and comments blanked, so that brackets and operators can be found by their bytes.
struct Code {
    bytes: Vec<u8>,
}

impl Code {
    fn new(text: &str) -> Self {
        let mut bytes = text.as_bytes().to_vec();
        let (mut string, mut comment, mut escaped) = (false, false, false);
        for at in 0..bytes.len() {
            let byte = bytes.get(at).copied().unwrap_or_default();
            let next = bytes.get(at + 1).copied().unwrap_or_default();
            let hide = if comment {
                comment = byte != b'\n';
                comment
            } else if string {
                let ends = byte == b'"' && !escaped;
                escaped = byte == b'\\' && !escaped;
                string = !ends;
                true
            } else {
                comment = byte == b'/' && next == b'/';
                string = byte == b'"';
                comment || string
            };
            if let (true, Some(slot)) = (hide, bytes.get_mut(at)) {
                *slot = b'_';
            }
        }
        Self { bytes }
    }

    fn at(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or_default()
    }

    fn is_word_at(&self, at: usize, word: &str) -> bool {
        let inside = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'.';
        self.bytes.get(at..at + word.len()) == Some(word.as_bytes())
            && !inside(self.at(at + word.len()))
            && (at == 0 || !inside(self.at(at - 1)))
    }

    /// The byte after the bracket that closes the one at `open`.
    fn closed(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for at in open..self.bytes.len() {
            match self.at(at) {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => {
                    depth -= 1;
                    if depth == 0 {
                        return at + 1;
                    }
                }
                _ => {}
            }
        }
        self.bytes.len()
    }

    /// From `forbid` to its semicolon.
    fn policies(&self) -> Vec<Range> {
        let mut policies = Vec::new();
        let mut at = 0;
        while at < self.bytes.len() {
            if self.is_word_at(at, "forbid") {
                let end = (at..self.bytes.len()).find(|end| self.at(*end) == b';').map_or(self.bytes.len(), |end| end + 1);
                policies.push(Range { start: at, end });
                at = end;
            }
            at += 1;
        }
        policies
    }

    /// Where the annotations above a policy begin: after the last semicolon before it, white space aside.
    fn annotations_start(&self, policy: usize) -> usize {
        let after = (0..policy).rev().find(|at| self.at(*at) == b';').map_or(0, |at| at + 1);
        (after..policy).find(|at| self.at(*at) == b'@' && (*at == 0 || self.at(at - 1) == b'\n')).unwrap_or(policy)
    }

    /// The tests of principal and resource: `is X`, `in Y`, `is X in Y`.
    fn scope_cuts(&self, policy: Range, cuts: &mut Vec<Cut>) {
        let Some(open) = (policy.start..policy.end).find(|at| self.at(*at) == b'(') else { return };
        let close = self.closed(open) - 1;
        let mut start = open + 1;
        while start < close {
            let end = self.find_top_level(Range { start, end: close }, b",").unwrap_or(close);
            let test = (start..end).find(|at| self.is_word_at(*at, "is") || self.is_word_at(*at, "in"));
            if let Some(test) = test {
                cuts.push(Cut { remove: (test, end), show: (test, end) });
                let within = (test + 2..end).find(|at| self.is_word_at(*at, "in")).filter(|_| self.is_word_at(test, "is"));
                cuts.extend(within.map(|at| Cut { remove: (at, end), show: (at, end) }));
            }
            start = end + 1;
        }
    }

    fn clauses(&self, policy: Range) -> Vec<Clause> {
        let mut clauses = Vec::new();
        let mut at = (policy.start..policy.end).find(|at| self.at(*at) == b'(').map_or(policy.end, |open| self.closed(open));
        while at < policy.end {
            let when = self.is_word_at(at, "when");
            if when || self.is_word_at(at, "unless") {
                let Some(open) = (at..policy.end).find(|at| self.at(*at) == b'{') else { break };
                let end = self.closed(open);
                clauses.push(Clause { whole: Range { start: at, end }, inner: Range { start: open + 1, end: end - 1 }, when });
                at = end;
            } else {
                at += 1;
            }
        }
        clauses
    }

    /// The policy with `when` for `unless` and `unless` for `when`; none where it has neither.
    fn turned(&self, text: &str, policy: Range) -> Option<String> {
        let clauses = self.clauses(policy);
        let mut turned = String::new();
        let mut from = policy.start;
        for clause in &clauses {
            let (old, new) = if clause.when { ("when", "unless") } else { ("unless", "when") };
            turned += text.get(from..clause.whole.start)?;
            turned += new;
            from = clause.whole.start + old.len();
        }
        turned += text.get(from..policy.end)?;
        (!clauses.is_empty()).then_some(turned)
    }

    /// A clause as a whole, unless leaving out one of its operands is the same; and its operands.
    fn clause_cuts(&self, clause: &Clause, cuts: &mut Vec<Cut>) {
        let operator = self.operator(clause.inner);
        let covered = match operator {
            Some("&&") => clause.when,
            Some(_) => !clause.when,
            None => false,
        };
        if !covered {
            cuts.push(Cut { remove: (clause.whole.start, clause.whole.end), show: (clause.whole.start, clause.whole.end) });
        }
        self.operand_cuts(clause.inner, cuts);
    }

    /// The operands of the weakest operator of an expression, one by one, and theirs.
    fn operand_cuts(&self, expression: Range, cuts: &mut Vec<Cut>) {
        let Some(operator) = self.operator(expression) else {
            if let Some(inner) = self.inside_brackets(expression) {
                self.operand_cuts(inner, cuts);
            }
            return;
        };
        let mut operands = Vec::new();
        let mut start = expression.start;
        while let Some(at) = self.find_top_level(Range { start, end: expression.end }, operator.as_bytes()) {
            operands.push(Range { start, end: at });
            start = at + operator.len();
        }
        operands.push(Range { start, end: expression.end });
        for (n, operand) in operands.iter().enumerate() {
            // The first operand goes with the operator after it, every other with the one before.
            let remove = if n == 0 { (operand.start, operand.end + operator.len()) } else { (operand.start - operator.len(), operand.end) };
            let show = self.trimmed(*operand);
            cuts.push(Cut { remove, show: (show.start, show.end) });
            self.operand_cuts(*operand, cuts);
        }
    }

    /// `||` or `&&`, the weaker first, where one stands outside all brackets.
    fn operator(&self, expression: Range) -> Option<&'static str> {
        ["||", "&&"].into_iter().find(|operator| self.find_top_level(expression, operator.as_bytes()).is_some())
    }

    fn find_top_level(&self, range: Range, wanted: &[u8]) -> Option<usize> {
        let mut at = range.start;
        while at < range.end {
            match self.at(at) {
                b'(' | b'[' | b'{' => at = self.closed(at),
                _ if self.bytes.get(at..at + wanted.len()) == Some(wanted) => return Some(at),
                _ => at += 1,
            }
        }
        None
    }

    /// What is between the brackets of `( … )` or `!( … )`.
    fn inside_brackets(&self, expression: Range) -> Option<Range> {
        let trimmed = self.trimmed(expression);
        let open = if self.at(trimmed.start) == b'!' { trimmed.start + 1 } else { trimmed.start };
        (self.at(open) == b'(' && self.closed(open) == trimmed.end).then(|| Range { start: open + 1, end: trimmed.end - 1 })
    }

    fn trimmed(&self, range: Range) -> Range {
        let start = (range.start..range.end).find(|at| !self.at(*at).is_ascii_whitespace()).unwrap_or(range.end);
        let end = (start..range.end).rev().find(|at| !self.at(*at).is_ascii_whitespace()).map_or(start, |at| at + 1);
        Range { start, end }
    }
}

#[cfg(test)]
mod tests {
    use super::mutants;

    #[test]
    fn every_piece_is_left_out_once() {
        let text = r#"// when { a && b }
@title("when { no }")
forbid (principal is Flowgate::Log, action == Flowgate::Action::"receive", resource in Flowgate::Label::"phi")
when { a && (b || "c && d" == e) }
unless { f || !(g && h) }
unless { i && j };

@title("second")
forbid (principal, action, resource) when { k };
"#;
        let found: Vec<String> = mutants(text).into_iter().map(|m| format!("{}: {}", m.line, m.what)).collect();
        let expected = [
            r#"3: forbid (principal is Flowgate::Log, action == Flowgate::Action::"receive", resource in Flo …"#,
            r#"3: in Flowgate::Label::"phi""#,
            "3: is Flowgate::Log",
            "3: turned around: when for unless and back",
            r#"4: "c && d" == e"#,
            r#"4: (b || "c && d" == e)"#,
            "4: a",
            "4: b",
            "5: !(g && h)",
            "5: f",
            "5: g",
            "5: h",
            "6: i",
            "6: j",
            "6: unless { i && j }",
            "9: forbid (principal, action, resource) when { k };",
            "9: turned around: when for unless and back",
            "9: when { k }",
        ];
        assert_eq!(found, expected);
        let second = mutants(text).into_iter().find(|m| m.what.starts_with("forbid (principal, action, resource)")).unwrap();
        assert!(!second.text.contains("second") && second.text.contains("unless { i && j };"));
    }
}
