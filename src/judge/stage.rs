//! How far a workflow is. A rule says from which stage on it is asked: a draft hears about its flows, production about its papers.

/// The stages, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Being written.
    Draft,
    /// Tried with real data by some.
    Pilot,
    /// In use. What does not say how far it is counts as that far.
    #[default]
    Production,
}

impl Stage {
    /// All, in order.
    pub const ALL: [Self; 3] = [Self::Draft, Self::Pilot, Self::Production];

    /// The stage a word means.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.word() == word)
    }

    /// Its word in files and reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Pilot => "pilot",
            Self::Production => "production",
        }
    }
}
