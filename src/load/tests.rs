//! Tests of the loader: what is refused and where it is underlined, what each span covers, both formats against each other.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod bad;
mod files;
mod same;
mod scalars;
mod spans;

use super::{Document, Format, Limits, Value};
use crate::problem::Problem;

fn yaml(text: &str) -> Document {
    load(text, Format::Yaml).unwrap_or_else(|p| panic!("{text:?}: {p}"))
}

fn json(text: &str) -> Document {
    load(text, Format::Json).unwrap_or_else(|p| panic!("{text:?}: {p}"))
}

fn load(text: &str, format: Format) -> Result<Document, Problem> {
    Document::parse("test", text.as_bytes().to_vec(), format, &Limits::default())
}

fn shown(value: Value<'_>) -> &str {
    value.document().file().slice(value.span())
}

fn shown_key(value: Value<'_>) -> &str {
    value.key_span().map_or("", |span| value.document().file().slice(span))
}

/// Random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}
