//! The tree both parsers build: nodes in document order in one vector, a map's keys standing before their values. It never copies
//! text that the file already holds.

use std::collections::HashMap;
use std::sync::Arc;

use super::decode::SPLIT;
use super::{Limits, decode, raise};
use crate::problem::{Problem, SourceFile, Span};

/// What a node is, and for strings where their text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Null,
    False,
    True,
    Int,
    Float,
    /// A string that is its span.
    Bare,
    /// A string that is its span without the quotes.
    Quoted,
    /// A string that differs from its source; [`Node::data`] is its place in [`Tree::cooked`].
    Cooked,
    List,
    Map,
}

impl Shape {
    fn is_collection(self) -> bool {
        matches!(self, Self::List | Self::Map)
    }
}

/// 16 bytes, because an audit reads millions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    /// For a collection one past its last descendant; for a cooked string its place; otherwise unused.
    pub(super) data: u32,
    pub(super) shape: Shape,
    /// Whether the node before this one is its key.
    pub(super) keyed: bool,
}

/// All nodes of one file. The root is node 0.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) cooked: Vec<Box<str>>,
}

impl Tree {
    pub(super) fn node(&self, index: u32) -> Option<&Node> {
        self.nodes.get(index as usize)
    }

    /// The node after `index` and all below it.
    pub(super) fn after(&self, index: u32) -> u32 {
        self.node(index).filter(|n| n.shape.is_collection()).map_or(index + 1, |n| n.data)
    }

    /// The text of a string, a number or a key; empty for collections.
    pub(super) fn text<'t>(&'t self, file: &'t SourceFile, index: u32) -> &'t str {
        let Some(node) = self.node(index) else { return "" };
        match node.shape {
            Shape::Cooked => self.cooked.get(node.data as usize).map_or("", |s| s),
            Shape::Quoted => file.slice(Span { start: node.span.start + 1, end: node.span.end.saturating_sub(1) }),
            Shape::List | Shape::Map => "",
            _ => file.slice(node.span),
        }
    }
}

/// What the builder takes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Root,
    Item,
    Key,
    Value,
    /// The root is complete.
    Done,
}

struct Open {
    node: u32,
    slot: Slot,
}

/// Collects nodes in document order and holds every limit, so that both formats have the same ones.
pub(super) struct Builder<'t> {
    pub(super) file: &'t Arc<SourceFile>,
    tree: Tree,
    open: Vec<Open>,
    limits: Limits,
}

impl<'t> Builder<'t> {
    pub(super) fn new(file: &'t Arc<SourceFile>, limits: &Limits) -> Self {
        Self { file, tree: Tree { nodes: Vec::new(), cooked: Vec::new() }, open: Vec::new(), limits: limits.held() }
    }

    pub(super) fn slot(&self) -> Slot {
        match self.open.last() {
            Some(open) => open.slot,
            None if self.tree.nodes.is_empty() => Slot::Root,
            None => Slot::Done,
        }
    }

    /// The innermost open collection, with the span of its first byte.
    pub(super) fn innermost(&self) -> Option<&Node> {
        self.open.last().and_then(|open| self.tree.node(open.node))
    }

    /// Whether nothing was written: no node at all, or a root that was left out.
    pub(super) fn is_blank(&self) -> bool {
        match self.tree.nodes.as_slice() {
            [] => true,
            [root] => root.span.start == root.span.end,
            _ => false,
        }
    }

    /// Adds a scalar whose text is in the file.
    pub(super) fn leaf(&mut self, span: Span, shape: Shape) -> Result<(), Problem> {
        self.push(span, shape, 0)?;
        self.advance();
        Ok(())
    }

    /// Adds a string; `text` is kept only when the file does not show it as it is.
    pub(super) fn string(&mut self, span: Span, text: &str, quoted: bool) -> Result<(), Problem> {
        let inner = Span { start: span.start + 1, end: span.end.saturating_sub(1) };
        if quoted && self.file.slice(inner) == text {
            return self.leaf(span, Shape::Quoted);
        }
        if !quoted && self.file.slice(span) == text {
            return self.leaf(span, Shape::Bare);
        }
        if let Some(c) = text.chars().find(|c| decode::is_forbidden(*c)) {
            let help = "leave the character out: names and texts are printed in reports";
            return Err(decode::control_character(self.file, span, c).help(help));
        }
        let place = u32::try_from(self.tree.cooked.len()).unwrap_or(u32::MAX);
        self.push(span, Shape::Cooked, place)?;
        self.tree.cooked.push(text.into());
        self.advance();
        Ok(())
    }

    /// Begins a list or a map; `span` is its first byte until [`Builder::close`] knows the last.
    pub(super) fn open(&mut self, span: Span, shape: Shape) -> Result<(), Problem> {
        if self.open.len() >= self.limits.depth {
            return Err(self.too_deep(span));
        }
        let node = self.push(span, shape, 0)?;
        let slot = if shape == Shape::Map { Slot::Key } else { Slot::Item };
        self.open.push(Open { node, slot });
        Ok(())
    }

    /// Ends the innermost list or map at byte `end`, and refuses a key given twice in it.
    pub(super) fn close(&mut self, end: u32) -> Result<(), Problem> {
        let Some(Open { node: index, .. }) = self.open.pop() else { return Ok(()) };
        let after = u32::try_from(self.tree.nodes.len()).unwrap_or(u32::MAX);
        let Some(node) = self.tree.nodes.get_mut(index as usize) else { return Ok(()) };
        node.span.end = end;
        node.data = after;
        if node.shape == Shape::Map {
            self.refuse_duplicates(index, after)?;
        }
        self.advance();
        Ok(())
    }

    pub(super) fn finish(self) -> Tree {
        self.tree
    }

    /// The problem of too many collections inside each other.
    pub(super) fn too_deep(&self, span: Span) -> Problem {
        let limit = self.limits.depth;
        Problem::new("load/depth", format!("{} levels of maps and lists, the limit is {limit}", limit + 1))
            .at(self.file, span, "one level too deep")
            .help(format!("flatten the declaration: flowgate's own formats need fewer than ten levels; or {}", raise("depth")))
    }

    fn push(&mut self, span: Span, shape: Shape, data: u32) -> Result<u32, Problem> {
        let count = self.tree.nodes.len();
        if count >= self.limits.values {
            return Err(self.too_many(span));
        }
        let keyed = self.slot() == Slot::Value;
        self.tree.nodes.push(Node { span, data, shape, keyed });
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    fn advance(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.slot = match open.slot {
                Slot::Key => Slot::Value,
                Slot::Value => Slot::Key,
                other => other,
            };
        }
    }

    fn too_many(&self, span: Span) -> Problem {
        let limit = self.limits.values;
        Problem::new("load/values", format!("more than {limit} keys and values in one file, the limit is {limit}"))
            .at(self.file, span, format!("number {}", limit + 1))
            .help(format!("{SPLIT}; or {}", raise("values")))
    }

    fn refuse_duplicates(&self, map: u32, after: u32) -> Result<(), Problem> {
        // Nearly every map is small, where comparing beats hashing.
        const SMALL: usize = 12;
        let mut keys: Vec<(&str, u32)> = Vec::new();
        let mut seen: HashMap<&str, u32> = HashMap::new();
        let mut key = map + 1;
        while key < after {
            let text = self.tree.text(self.file, key);
            let first = if keys.len() < SMALL {
                let first = keys.iter().find(|(k, _)| *k == text).map(|(_, first)| *first);
                keys.push((text, key));
                first
            } else {
                if seen.is_empty() {
                    seen.extend(keys.iter().copied());
                }
                seen.insert(text, key)
            };
            if let Some(first) = first {
                return Err(self.duplicate(first, key, text));
            }
            key = self.tree.after(key + 1);
        }
        Ok(())
    }

    fn duplicate(&self, first: u32, second: u32, key: &str) -> Problem {
        let span = |index| self.tree.node(index).map_or_else(Span::default, |n| n.span);
        Problem::new("load/duplicate-key", format!("key `{}` is given twice in one map", printable(key)))
            .at(self.file, span(second), "given again here")
            .at(self.file, span(first), "first given here")
            .help("keep one of the two, or rename one")
    }
}

/// A key as a message shows it: one line, not longer than a line.
pub(super) fn printable(key: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String =
        key.chars().take(LONGEST).flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect();
    if key.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}
