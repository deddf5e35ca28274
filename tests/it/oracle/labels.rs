//! Who earns the labels of the core pack, written out by hand from `docs/writing-rules.md`: no Cedar. Contextual labels are another pack's, and `naive` asks Cedar for them.

use super::declarations::{Lexicon, Model, Node, Set, text, texts};
use super::evaluate::Labels;

pub struct CoreLabels<'o> {
    pub lexicon: &'o Lexicon,
    pub model: &'o Model,
}

impl Labels for CoreLabels<'_> {
    fn field(&self, _: &Node, _: &str) -> Set {
        Set::new()
    }

    fn fresh(&self, _: &Node, _: &str, _: &Set) -> Set {
        Set::new()
    }

    fn node(&self, node: &Node, output: &str, covered: bool, lowered: bool) -> Set {
        let step = text(&node.json, "type").filter(|_| node.kind == "step").unwrap_or_default();
        let fact = |key: &str| text(&node.json, key).filter(|_| node.kind == "step").unwrap_or_default();
        let redaction = matches!(step, "redact" | "pseudonymize");
        let took = covered && lowered;
        let model = (node.kind == "endpoint" && output != "prompt") || step == "generate";
        let kept_by = |other: &Node| other.workflow == node.workflow && text(&other.json, "map_store") == Some(&node.id);
        let blocks = node.json.get("blocks").and_then(serde_json::Value::as_bool) == Some(true);
        let given = [
            ("redacted", redaction && took),
            ("untouched", redaction && covered && !lowered),
            ("surface_missed", redaction && !covered),
            ("secrets_removed", (redaction || step == "filter") && took && texts(node.json.get("removes")).contains(&"code.secret")),
            ("pseudonymous", took && (step == "pseudonymize" || matches!(fact("placeholder"), "random_mapped" | "derived"))),
            ("encrypted", step == "encrypt"),
            ("aggregated", step == "aggregate"),
            ("excerpt", fact("emits") == "excerpts"),
            ("filtered", step == "filter"),
            ("generated", model),
            ("proposed", model),
            ("reviewed", node.kind == "reviewer" && blocks && text(&node.json, "reviewer_kind") != Some("bot")),
            ("disclosed", !self.model.is_self_run(node)),
            ("reid_map", node.kind == "store" && self.model.nodes.values().any(kept_by)),
        ];
        self.lexicon.named(given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect())
    }
}
