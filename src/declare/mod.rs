//! The nouns of a declaration and the documents they are read from. Plain data with spans; never reads files and never judges.

use crate::load::{Document, Value};
use crate::problem::Span;

/// The seven kinds of node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKind {
    /// Where data starts.
    Source,
    /// A declared transform.
    Step,
    /// A model behind an interface.
    Endpoint,
    /// Where data is kept.
    Store,
    /// Where logs land.
    Log,
    /// Where results land.
    Output,
    /// A person or role whose decision counts.
    Reviewer,
}

impl NodeKind {
    /// All kinds, in the order files list them.
    pub const ALL: [Self; 7] = [Self::Source, Self::Step, Self::Endpoint, Self::Store, Self::Log, Self::Output, Self::Reviewer];

    /// The word in messages, facts and `defaults`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Step => "step",
            Self::Endpoint => "endpoint",
            Self::Store => "store",
            Self::Log => "log",
            Self::Output => "output",
            Self::Reviewer => "reviewer",
        }
    }

    /// The key under which a file lists nodes of this kind.
    #[must_use]
    pub fn section(self) -> &'static str {
        match self {
            Self::Source => "sources",
            Self::Step => "steps",
            Self::Endpoint => "endpoints",
            Self::Store => "stores",
            Self::Log => "logs",
            Self::Output => "outputs",
            Self::Reviewer => "reviewers",
        }
    }

    /// The entity type in Cedar.
    #[must_use]
    pub fn entity(self) -> &'static str {
        match self {
            Self::Source => "Source",
            Self::Step => "Step",
            Self::Endpoint => "Endpoint",
            Self::Store => "Store",
            Self::Log => "Log",
            Self::Output => "Output",
            Self::Reviewer => "Reviewer",
        }
    }
}

/// The documents of one project, validated or not.
#[derive(Clone, Debug, Default)]
pub struct Declarations<'d> {
    /// `flowgate.yaml`.
    pub project: Option<&'d Document>,
    /// Workflow files, in order of their names.
    pub workflows: Vec<&'d Document>,
    /// `flowgate.waivers.yaml`.
    pub waivers: Option<&'d Document>,
}

impl<'d> Declarations<'d> {
    /// A section of the project file.
    #[must_use]
    pub fn project_section(&self, key: &str) -> Option<Value<'d>> {
        self.project?.root().get(key)
    }
}

/// A key and what it declares, with its document.
#[derive(Clone, Copy, Debug)]
pub struct Declared<'d> {
    /// The file.
    pub document: &'d Document,
    /// The value.
    pub value: Value<'d>,
}

impl<'d> Declared<'d> {
    /// The bytes of the key, or of the value where there is no key.
    #[must_use]
    pub fn key_span(&self) -> Span {
        self.value.key_span().unwrap_or(self.value.span())
    }

    /// A text under a key.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&'d str> {
        self.value.get(key)?.as_str()
    }

    /// The texts of a list under a key; a single text counts as a list of one.
    pub fn texts(&self, key: &str) -> impl Iterator<Item = &'d str> + use<'d> {
        let value = self.value.get(key);
        value.and_then(Value::as_str).into_iter().chain(value.into_iter().flat_map(Value::items).filter_map(Value::as_str))
    }
}
