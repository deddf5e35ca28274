//! YAML 1.2 to the tree, from the events of `granit-parser`. It never expands anything: anchors, aliases, merge keys and tags are
//! refused where they stand, so a file costs what it shows.

use std::sync::Arc;

use granit_parser::{Event, Options, Parser, ScalarStyle, Span as Range, StrInput, StructureStyle, Tag, options};

use super::tree::{Builder, Shape, Slot, Tree, printable};
use super::{Limits, decode, json, scalar, yaml_error};
use crate::problem::{Problem, SourceFile, Span};

/// Reads a whole text.
pub(super) fn parse(file: &Arc<SourceFile>, limits: &Limits) -> Result<Tree, Problem> {
    let mut reader = Reader { file, builder: Builder::new(file, limits), last_end: 0, flow: 0, documents: 0 };
    let events: Parser<'_, StrInput<'_>> = Parser::new_from_str_with_options(&file.text, settings(limits));
    for event in events {
        match event {
            Ok((event, range)) => reader.take(&event, &range)?,
            Err(error) if yaml_error::is_too_deep(&error) => {
                return Err(reader.builder.too_deep(yaml_error::place(&file.text, &error)));
            }
            Err(error) => return Err(yaml_error::problem(file, &error, reader.open_bracket())),
        }
    }
    if reader.builder.is_blank() {
        return Err(decode::empty(file));
    }
    Ok(reader.builder.finish())
}

/// The parser's own depth limits stand just above ours, as a guard while it looks ahead for the `:` of a key.
fn settings(limits: &Limits) -> Options {
    let depth = limits.held().depth.max(1) + 1;
    options! {
        disallow_directives: true,
        emit_anchor_events: true,
        emit_unresolved_aliases: true,
        emit_comments: false,
        flow_nesting_limit: depth,
        block_nesting_limit: depth,
    }
}

struct Reader<'t> {
    file: &'t Arc<SourceFile>,
    builder: Builder<'t>,
    /// One past the last byte that is spoken for: what stands between here and the next event is space, comments and indicators.
    last_end: usize,
    /// Flow collections that are open; everything inside one is one.
    flow: usize,
    documents: usize,
}

impl Reader<'_> {
    fn take(&mut self, event: &Event<'_>, range: &Range) -> Result<(), Problem> {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(explicit, _) => self.document(*explicit, range),
            Event::Scalar(text, style, _, tag) => {
                self.refuse_tag(tag.as_deref(), range)?;
                self.scalar(text, *style, range)
            }
            Event::SequenceStart(style, _, tag) => {
                self.refuse_tag(tag.as_deref(), range)?;
                self.begin(Shape::List, *style, range)
            }
            Event::MappingStart(style, _, tag) => {
                self.refuse_tag(tag.as_deref(), range)?;
                self.begin(Shape::Map, *style, range)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(range),
            Event::Anchor(_, name) => Err(self.reference("load/anchor", "anchor", name, range)),
            Event::UnresolvedAlias(name) => Err(self.reference("load/alias", "alias", name, range)),
            Event::Alias(_) => Err(self.reference("load/alias", "alias", "", range)),
            _ => Err(Problem::new("load/syntax", "this part of yaml is not supported")
                .at(self.file, bytes(range), "not supported")
                .help("write it with maps, lists and plain values")),
        }
    }

    fn document(&mut self, explicit: bool, range: &Range) -> Result<(), Problem> {
        let span = bytes(range);
        self.documents += 1;
        if self.documents > 1 {
            let span = if explicit { span } else { yaml_error::word_at(&self.file.text, span.start as usize) };
            return Err(Problem::new("load/several-documents", "a second document in one file")
                .at(self.file, span, "it starts here")
                .help("give each document its own file"));
        }
        if explicit {
            self.last_end = span.end as usize;
        }
        Ok(())
    }

    fn begin(&mut self, shape: Shape, style: StructureStyle, range: &Range) -> Result<(), Problem> {
        let slot = self.builder.slot();
        let mut span = bytes(range);
        if slot == Slot::Key {
            return Err(Problem::new("load/key", "a list or a map cannot be a key")
                .at(self.file, span, "a key is a name")
                .help("name the entry with a plain word"));
        }
        // The event of a list that is not indented under its key points behind the dash.
        if shape == Shape::List && style == StructureStyle::Block && slot == Slot::Value {
            let dash = self.find(b"-").unwrap_or(span.start as usize);
            span = Span::new(dash, dash + 1);
        }
        if span.start == span.end {
            span = yaml_error::word_at(&self.file.text, span.start as usize);
        }
        if style == StructureStyle::Block {
            self.refuse_tab_before(span)?;
        }
        self.last_end = span.start as usize;
        self.builder.open(span, shape)?;
        if style == StructureStyle::Flow {
            self.last_end = span.end as usize;
            self.flow += 1;
        }
        Ok(())
    }

    /// Only a flow collection that shows its bracket has an end of its own; others end with their last child.
    fn end(&mut self, range: &Range) -> Result<(), Problem> {
        let span = bytes(range);
        if matches!(self.file.slice(span), "]" | "}") {
            self.last_end = span.end as usize;
        }
        self.flow = self.flow.saturating_sub(1);
        self.builder.close(Span::new(0, self.last_end).end)
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, range: &Range) -> Result<(), Problem> {
        let span = self.scalar_span(style, range);
        let plain = style == ScalarStyle::Plain;
        let quoted = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
        let key = self.builder.slot() == Slot::Key;
        if key {
            self.refuse_key(text, plain, span)?;
        }
        let shape = if plain && !key { scalar::resolve(text).map_err(|why| json::number(self.file, span, why))? } else { Shape::Bare };
        match shape {
            Shape::Bare => self.builder.string(span, text, quoted)?,
            shape => self.builder.leaf(span, shape)?,
        }
        self.last_end = span.end as usize;
        Ok(())
    }

    /// The parser takes tabs before the first entry of the root; one rule for every line is easier to keep.
    fn refuse_tab_before(&self, span: Span) -> Result<(), Problem> {
        let before = self.file.text.get(..span.start as usize).unwrap_or("");
        let indent = before.len() - before.trim_end_matches([' ', '\t']).len();
        match before.get(before.len() - indent..).and_then(|s| s.find('\t')) {
            Some(tab) => Err(yaml_error::tab(self.file, Span::new(before.len() - indent + tab, before.len() - indent + tab + 1))),
            None => Ok(()),
        }
    }

    /// The bracket of the innermost flow collection that is still open.
    fn open_bracket(&self) -> Option<Span> {
        self.builder.innermost().map(|n| n.span).filter(|span| matches!(self.file.slice(*span), "[" | "{"))
    }

    fn refuse_key(&self, text: &str, plain: bool, span: Span) -> Result<(), Problem> {
        if plain && text == "<<" {
            return Err(Problem::new("load/merge-key", "merge key `<<` is not supported")
                .at(self.file, span, "merge key")
                .help("write the entries out where they apply; put the key in quotes if `<<` is a name"));
        }
        if plain && span.start == span.end {
            return Err(Problem::new("load/key", "a key is missing")
                .at(self.file, span, "a name is expected here")
                .help("write `name: value`"));
        }
        Ok(())
    }

    fn refuse_tag(&self, tag: Option<&Tag>, range: &Range) -> Result<(), Problem> {
        let Some(tag) = tag else { return Ok(()) };
        let span = range.tag_span().map_or_else(|| bytes(range), |r| bytes(&r));
        Err(Problem::new("load/tag", format!("tag `{}` is not supported", printable(&tag.original())))
            .at(self.file, span, "tag")
            .help("delete it; put the value in quotes to make it a string"))
    }

    fn reference(&self, code: &'static str, what: &str, name: &str, range: &Range) -> Problem {
        Problem::new(code, format!("{what} `{}` is not supported", printable(name))).at(self.file, bytes(range), what).help(
            "write the value out where it applies, so that a reviewer sees it there; a value that starts with `&` or `*` needs quotes",
        )
    }

    fn scalar_span(&self, style: ScalarStyle, range: &Range) -> Span {
        let span = bytes(range);
        match style {
            ScalarStyle::Literal | ScalarStyle::Folded => self.block_scalar_span(span),
            ScalarStyle::Plain if span.start == span.end => self.missing_value_span(span),
            _ => span,
        }
    }

    /// From the indicator to the last visible character: the event covers neither the indicator nor only the content.
    fn block_scalar_span(&self, span: Span) -> Span {
        let start = self.find(b"|>").unwrap_or(span.start as usize);
        let text = self.file.text.get(start..).unwrap_or("");
        let header = 1 + text.bytes().skip(1).take_while(|b| matches!(b, b'+' | b'-' | b'0'..=b'9')).count();
        let content = self.file.text.get(start..span.end as usize).unwrap_or("");
        let visible = content.trim_end_matches([' ', '\t', '\n', '\r']);
        // Content without a visible character leaves only the header, whose comment is not part of the value.
        let has_content = visible.contains('\n') || visible.contains('\r');
        Span::new(start, start + if has_content { visible.len() } else { header })
    }

    /// Right behind the `:` or `-` of the entry whose value is left out; the events of these point anywhere before the next token.
    fn missing_value_span(&self, span: Span) -> Span {
        let indicator = match self.builder.slot() {
            Slot::Value => b":",
            Slot::Item => b"-",
            _ => return span,
        };
        let at = self.find(indicator).map_or(self.last_end, |at| at + 1);
        Span::new(at, at)
    }

    /// The first sign out of `wanted` among the indicators between the last event and this one.
    fn find(&self, wanted: &[u8]) -> Option<usize> {
        let bytes = self.file.text.as_bytes();
        let mut at = self.last_end;
        loop {
            let sign = *bytes.get(at)?;
            let next = bytes.get(at + 1).copied().unwrap_or(b'\n');
            // `:x` and `-x` are words, but `{"a":}` leaves a value out.
            let blank = matches!(next, b' ' | b'\t' | b'\n' | b'\r');
            let indicates = match sign {
                b':' => blank || (self.flow > 0 && matches!(next, b',' | b'}' | b']')),
                b'-' | b'?' => blank,
                _ => true,
            };
            match sign {
                _ if !indicates => return None,
                _ if wanted.contains(&sign) => return Some(at),
                b'#' => at += bytes.get(at..)?.iter().position(|b| matches!(b, b'\n' | b'\r'))?,
                b' ' | b'\t' | b'\n' | b'\r' | b':' | b'-' | b'?' => at += 1,
                _ => return None,
            }
        }
    }
}

fn bytes(range: &Range) -> Span {
    range.byte_range().map_or_else(Span::default, |r| Span::new(r.start, r.end))
}
