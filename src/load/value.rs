//! Reading the tree: a value is a document and a place in it, copied freely. It never fails; what is not there is `None` or empty.

use std::fmt;

use super::Document;
use super::scalar;
use super::tree::{Node, Shape};
use crate::problem::Span;

/// One value of a document.
#[derive(Clone, Copy)]
pub struct Value<'d> {
    document: &'d Document,
    index: u32,
}

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Nothing: `null`, `~`, or a key without a value.
    Null,
    /// `true` or `false`.
    Bool,
    /// A whole number of 64 bits.
    Int,
    /// A finite number with a fraction or an exponent.
    Float,
    /// Text; dates and versions are text too.
    String,
    /// An ordered list.
    List,
    /// Names with values, in document order.
    Map,
}

impl<'d> Value<'d> {
    pub(super) fn root(document: &'d Document) -> Self {
        Self { document, index: 0 }
    }

    /// What this value is.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self.shape() {
            Shape::Null => Kind::Null,
            Shape::False | Shape::True => Kind::Bool,
            Shape::Int => Kind::Int,
            Shape::Float => Kind::Float,
            Shape::Bare | Shape::Quoted | Shape::Cooked => Kind::String,
            Shape::List => Kind::List,
            Shape::Map => Kind::Map,
        }
    }

    /// The bytes of this value: quotes and braces included, from the first key or dash to the end of the last entry for block
    /// collections, empty right behind the `:` or `-` for a value left out.
    #[must_use]
    pub fn span(self) -> Span {
        self.node().map_or_else(Span::default, |n| n.span)
    }

    /// The bytes of the key, quotes included, when this value is a map entry.
    #[must_use]
    pub fn key_span(self) -> Option<Span> {
        let key = self.index.checked_sub(1).filter(|_| self.node().is_some_and(|n| n.keyed))?;
        self.document.tree.node(key).map(|n| n.span)
    }

    /// The document this value is part of.
    #[must_use]
    pub fn document(self) -> &'d Document {
        self.document
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(self) -> Option<&'d str> {
        (self.kind() == Kind::String).then(|| self.text())
    }

    /// The value of a `true` or `false`.
    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.shape() == Shape::True)
    }

    /// The value of a whole number.
    #[must_use]
    pub fn as_int(self) -> Option<i64> {
        (self.shape() == Shape::Int).then(|| scalar::int(self.text())).flatten()
    }

    /// The value of any number, whole ones rounded to the nearest float.
    #[must_use]
    pub fn as_float(self) -> Option<f64> {
        match self.shape() {
            Shape::Float => scalar::float(self.text()),
            #[expect(clippy::cast_precision_loss, reason = "rounding is what the caller asks for")]
            Shape::Int => self.as_int().map(|i| i as f64),
            _ => None,
        }
    }

    /// Whether there is nothing here.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.shape() == Shape::Null
    }

    /// The names and values of a map in document order; nothing for other kinds.
    pub fn entries(self) -> impl Iterator<Item = (&'d str, Value<'d>)> {
        let mut cursor = self.cursor(Shape::Map);
        std::iter::from_fn(move || {
            let key = cursor.next()?;
            cursor.next().map(|value| (key.text(), value))
        })
    }

    /// The items of a list in document order; nothing for other kinds.
    pub fn items(self) -> impl Iterator<Item = Value<'d>> {
        self.cursor(Shape::List)
    }

    /// The value of a map under `key`. Looks through the entries one by one: to read a whole map use [`Value::entries`].
    #[must_use]
    pub fn get(self, key: &str) -> Option<Value<'d>> {
        self.entries().find(|(k, _)| *k == key).map(|(_, value)| value)
    }

    /// The value under a JSON pointer (RFC 6901), starting here.
    #[must_use]
    pub fn pointer(self, json_pointer: &str) -> Option<Value<'d>> {
        if json_pointer.is_empty() {
            return Some(self);
        }
        let steps = json_pointer.strip_prefix('/')?;
        steps.split('/').try_fold(self, |value, step| match value.shape() {
            Shape::Map => value.get(&step.replace("~1", "/").replace("~0", "~")),
            Shape::List => value.items().nth(list_index(step)?),
            _ => None,
        })
    }

    /// The same value without its spans, for JSON Schema and for output.
    #[must_use]
    pub fn to_json(self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self.shape() {
            Shape::Null => Json::Null,
            Shape::False => Json::Bool(false),
            Shape::True => Json::Bool(true),
            Shape::Int => self.as_int().map_or(Json::Null, Json::from),
            Shape::Float => self.as_float().map_or(Json::Null, Json::from),
            Shape::Bare | Shape::Quoted | Shape::Cooked => Json::from(self.text()),
            // INVARIANT: the depth limit bounds this recursion.
            Shape::List => self.items().map(Value::to_json).collect(),
            Shape::Map => Json::Object(self.entries().map(|(key, value)| (key.to_owned(), value.to_json())).collect()),
        }
    }

    fn node(self) -> Option<&'d Node> {
        self.document.tree.node(self.index)
    }

    fn shape(self) -> Shape {
        self.node().map_or(Shape::Null, |n| n.shape)
    }

    fn text(self) -> &'d str {
        self.document.tree.text(&self.document.file, self.index)
    }

    /// Walks the children when this is a `shape`: a map's children are its keys and values in turn.
    fn cursor(self, shape: Shape) -> Cursor<'d> {
        let end = self.node().filter(|n| n.shape == shape).map_or(0, |n| n.data);
        Cursor { document: self.document, next: self.index + 1, end }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {:?}", self.kind(), self.span())
    }
}

struct Cursor<'d> {
    document: &'d Document,
    next: u32,
    end: u32,
}

impl<'d> Iterator for Cursor<'d> {
    type Item = Value<'d>;

    fn next(&mut self) -> Option<Value<'d>> {
        if self.next >= self.end {
            return None;
        }
        let value = Value { document: self.document, index: self.next };
        self.next = self.document.tree.after(self.next);
        Some(value)
    }
}

fn list_index(step: &str) -> Option<usize> {
    let plain = step == "0" || (!step.starts_with('0') && step.bytes().all(|b| b.is_ascii_digit()));
    plain.then(|| step.parse().ok()).flatten()
}
