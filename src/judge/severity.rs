//! How much a broken rule weighs.

/// Severity of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Information.
    Note,
    /// Judgment, a voluntary framework, a duty without a number.
    Warning,
    /// The text of a law or contract, and the facts decide it.
    Error,
}

impl Severity {
    /// The word in files and reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// The severity of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Note, Self::Warning, Self::Error].into_iter().find(|s| s.word() == word)
    }
}
