//! What the fuzzers run, without a fuzzer: every case they ever broke, and their seeds. `fuzz/seed` writes the same seeds for them.

#[path = "../../fuzz/targets/lib.rs"]
mod targets;

use std::collections::BTreeSet;
use std::path::Path;

use flowgate::load::{Document, Format, Limits};
use flowgate::validate::{SchemaName, bundled};
use serde_json::Value as Json;

use crate::common::{projects, root, walk};
use targets::TARGETS;

/// One input of a target.
struct Seed {
    target: &'static str,
    name: String,
    bytes: Vec<u8>,
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()
}

/// Inputs made of the fixtures, the examples and the packs.
fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut add = |target, name: &str, text: String| seeds.push(Seed { target, name: name.replace('/', "."), bytes: text.into_bytes() });
    let join = |parts: &[&str]| parts.join("\n=====\n");
    for folder in projects("policies/packs").into_iter().chain(projects("examples")) {
        let files = walk(&folder);
        let is = |path: &Path, end: &str| path.to_string_lossy().ends_with(end);
        let project = read(&folder.join("flowgate.yaml"));
        let waivers = files.iter().find(|p| is(p, "flowgate.waivers.yaml")).map(|p| read(p)).unwrap_or_default();
        for flow in files.iter().filter(|p| is(p, ".flow.yaml")).take(12) {
            let (name, text) = (flow.strip_prefix(root()).unwrap().display().to_string(), read(flow));
            add("load_yaml", &name, text.clone());
            add("validate", &name, format!("\0{text}"));
            if let Ok(document) = Document::parse("a.yaml", text.clone().into_bytes(), Format::Yaml, &Limits::default()) {
                add("load_json", &name, document.root().to_json().to_string());
            }
            add("check", &name, join(&[&project, &text, "", &waivers]));
        }
        add("validate", &format!("{}.project", folder.strip_prefix(root()).unwrap().display()), format!("\u{1}{project}"));
    }
    for file in walk(&root().join("policies")) {
        let (name, text) = (file.strip_prefix(root()).unwrap().display().to_string(), read(&file));
        let parts = match name.rsplit('/').next().unwrap_or_default() {
            "rule.cedar" => [text.as_str(), "", "", ""],
            "labels.cedar" => ["", text.as_str(), "", ""],
            _ if name.contains("/classes/") => ["", "", text.as_str(), ""],
            _ if name.contains("/providers/") => ["", "", "", text.as_str()],
            _ => continue,
        };
        add("packs", &name, join(&parts));
    }
    for (n, names) in
        [["w", "ep", "note", "mart", "a.flow.json", "why"], ["::error::x", "<b>", "`|`", "=1+1", "::set-output", "a\u{1b}[31m"]]
            .iter()
            .enumerate()
    {
        add("reports", &n.to_string(), join(names));
    }
    let waiver =
        "{ rule: hipaa/baa-missing, workflow: notes, from: ehr, to: ep, datum: \"*\", reason: r, approver: maya, expires: 2027-01-01 }";
    add("waivers", "one", format!("waivers:\n  - {waiver}\n"));
    add("waivers", "two", format!("waivers:\n  - {waiver}\n  - {}\n", waiver.replace("from: ehr, to: ep", "node: app")));
    add("baseline", "empty", "{\"format_version\": 1, \"about\": \"\", \"findings\": {}}".to_owned());
    let entry = "{\"rule\": \"core/x\", \"severity\": \"error\", \"subject\": \"a\", \"covers\": [\"fact a of b\"], \"assured\": []}";
    add("baseline", "one", format!("{{\"format_version\": 1, \"about\": \"\", \"findings\": {{\"0123\": {entry}}}}}"));
    for n in 0..64_u8 {
        let bytes: Vec<u8> = (0..200_u32).map(|i| (i.wrapping_mul(u32::from(n) * 2 + 1).wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        seeds.push(Seed { target: "documents", name: n.to_string(), bytes });
    }
    seeds
}

/// Keys and words of the schemas and of Cedar, for the fuzzers' dictionary.
fn words() -> BTreeSet<String> {
    fn descend(json: &Json, words: &mut BTreeSet<String>) {
        match json {
            Json::Object(map) => {
                words.extend(map.get("properties").and_then(Json::as_object).into_iter().flat_map(|p| p.keys().cloned()));
                let listed = map.get("enum").and_then(Json::as_array).into_iter().flatten();
                words.extend(listed.filter_map(Json::as_str).map(str::to_owned));
                map.values().for_each(|value| descend(value, words));
            }
            Json::Array(items) => items.iter().for_each(|value| descend(value, words)),
            _ => {}
        }
    }
    let mut words = BTreeSet::new();
    for name in [SchemaName::Flow, SchemaName::Project, SchemaName::Waivers, SchemaName::Class, SchemaName::Provider] {
        descend(bundled(name), &mut words);
    }
    let cedar = "forbid permit principal action resource context when unless has like in is if then else Flowgate::Class:: Flowgate::Label:: == && ||";
    words.extend(cedar.split(' ').map(str::to_owned));
    words.extend(
        ["\n=====\n", "\n  - ", ": ", "{ ", " }", "\"*\"", "2026-07-01", "P30D", "::error::", "<script>", "\u{1b}["].map(str::to_owned),
    );
    words
}

fn run(target: &str, name: &str, bytes: &[u8]) {
    let (_, run) = TARGETS.iter().find(|(known, _)| *known == target).unwrap_or_else(|| panic!("there is no target `{target}`"));
    let outcome = std::panic::catch_unwind(|| run(bytes));
    assert!(outcome.is_ok(), "{target} breaks on {name}");
}

/// Each is an input that once broke a promise.
#[test]
fn kept_cases_hold() {
    let kept = root().join("fuzz/kept");
    let mut count = 0;
    for file in walk(&kept) {
        let name = file.strip_prefix(&kept).unwrap().display().to_string();
        let (target, _) = name.split_once('/').expect("a kept case lies in the folder of its target");
        run(target, &name, &std::fs::read(&file).unwrap());
        count += 1;
    }
    assert!(count > 0, "no case is kept");
}

/// Every target runs over a spread of its seeds; `FLOWGATE_SEEDS=FOLDER` writes all of them there, with the dictionary.
#[test]
fn seeds_hold() {
    const OF_EACH: usize = 8;
    let seeds = seeds();
    for (target, _) in TARGETS {
        let own: Vec<&Seed> = seeds.iter().filter(|s| s.target == target).collect();
        assert!(own.len() > 1, "{target} has no seeds");
        for seed in own.iter().step_by(own.len().div_ceil(OF_EACH)) {
            run(target, &seed.name, &seed.bytes);
        }
    }
    let Some(folder) = std::env::var_os("FLOWGATE_SEEDS").map(std::path::PathBuf::from) else { return };
    for seed in &seeds {
        let path = folder.join(seed.target);
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join(&seed.name), &seed.bytes).unwrap();
    }
    let quoted = |word: &String| {
        let plain = |b: u8| {
            if b.is_ascii_graphic() && b != b'"' && b != b'\\' || b == b' ' { char::from(b).to_string() } else { format!("\\x{b:02x}") }
        };
        format!("\"{}\"\n", word.bytes().map(plain).collect::<String>())
    };
    std::fs::write(folder.join("words.dict"), words().iter().map(quoted).collect::<String>()).unwrap();
}

/// Random numbers that are the same in every run of one seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n.max(1)
    }

    /// One seed, changed in a few places: pieces left out, doubled, taken from another seed, bytes changed, words of the dictionary put in.
    fn mutated(&mut self, seeds: &[&Seed], words: &[String]) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].bytes.clone();
        for _ in 0..1 + self.below(5) {
            let at = self.below(bytes.len() + 1);
            let end = (at + 1 + self.below(40)).min(bytes.len());
            match self.below(6) {
                0 => drop(bytes.drain(at..end.max(at))),
                1 => drop(bytes.splice(at..at, bytes.get(at..end).unwrap_or_default().to_vec())),
                2 => {
                    let other = &seeds[self.below(seeds.len())].bytes;
                    let from = self.below(other.len());
                    let piece = other[from..(from + 1 + self.below(80)).min(other.len())].to_vec();
                    drop(bytes.splice(at..end.max(at), piece));
                }
                3 if at < bytes.len() => bytes[at] = self.below(256) as u8,
                _ => drop(bytes.splice(at..at, words[self.below(words.len())].bytes())),
            }
        }
        bytes
    }
}

/// Blind fuzzing, without a fuzzer: `FLOWGATE_FUZZ=SECONDS` takes that long for each target, with `FLOWGATE_FUZZ_SEED=N` from other numbers on. What breaks
/// is left in the folder for temporary files.
#[test]
fn mutated_seeds_hold() {
    const OF_EACH: usize = 40;
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let seconds = number("FLOWGATE_FUZZ");
    let (seeds, words) = (seeds(), words().into_iter().collect::<Vec<_>>());
    let only = std::env::var("FLOWGATE_FUZZ_TARGET").ok();
    for (target, run) in TARGETS.iter().filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name)) {
        let own: Vec<&Seed> = seeds.iter().filter(|s| s.target == *target).collect();
        let first = number("FLOWGATE_FUZZ_SEED").unwrap_or(1);
        let (mut dice, started, mut count) = (Dice(first), std::time::Instant::now(), 0);
        while seconds.map_or(count < OF_EACH, |s| started.elapsed().as_secs() < s) {
            let input = dice.mutated(&own, &words);
            let begun = std::time::Instant::now();
            let outcome = std::panic::catch_unwind(|| run(&input));
            let slow = begun.elapsed().as_secs() >= 60;
            if outcome.is_err() || slow {
                let kept = std::env::temp_dir().join(format!("flowgate-{target}-{first}-{count}"));
                std::fs::write(&kept, &input).unwrap();
                panic!(
                    "{target} {} (number {count} from {first}); the input is in {}",
                    if slow { "hangs" } else { "breaks" },
                    kept.display()
                );
            }
            count += 1;
        }
        println!("{target}: {count} inputs in {} s", started.elapsed().as_secs());
    }
}

/// The fuzz workspace has a binary for each target, and no other.
#[test]
fn every_target_has_a_binary() {
    let mut binaries: Vec<String> =
        walk(&root().join("fuzz/fuzz_targets")).iter().map(|p| p.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    let mut known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    known.sort_unstable();
    binaries.sort();
    assert_eq!(binaries, known);
    let manifest = std::fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    assert!(known.iter().all(|name| manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\""))));
}
