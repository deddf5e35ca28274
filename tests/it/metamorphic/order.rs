//! The same project in another order: keys, lists whose order means nothing, files.

use serde_json::Value as Json;

use super::claims::differences;
use super::hash;
use super::hold;
use super::rewrite::Draft;
use super::spelling::said;

/// Order says nothing: of keys, of files, and of every list but the effects of an output (they are applied one after the other). Waivers are a list of
/// entries that stand for themselves, but a finding about one is named by its place, so a file of waivers is left as it is.
#[test]
fn order_says_nothing() {
    hold("order", 700, |subject, tally| {
        let plain = said(&subject.before());
        for (name, order) in [("turned around", reverse as fn(usize, &str) -> Vec<usize>), ("shuffled", shuffle)] {
            let mut draft = Draft::of(&subject.project);
            draft.documents().for_each(|json| reorder(json, "", order));
            let mut files: Vec<_> = order(draft.workflows.len(), "files").into_iter().map(|n| draft.workflows[n].clone()).collect();
            std::mem::swap(&mut draft.workflows, &mut files);
            tally.pair(name, differences(&plain, &said(&subject.check(&draft.project()))));
        }
    });
}

fn reverse(len: usize, _: &str) -> Vec<usize> {
    (0..len).rev().collect()
}

fn shuffle(len: usize, name: &str) -> Vec<usize> {
    let mut places: Vec<usize> = (0..len).collect();
    places.sort_by_key(|n| hash(&format!("{name} {n}")));
    places
}

fn reorder(json: &mut Json, key: &str, order: fn(usize, &str) -> Vec<usize>) {
    match json {
        Json::Object(map) => {
            // Outputs of a node are lists of effects; the section of that name holds nodes.
            let effects = key == "outputs" && map.values().all(Json::is_array);
            let entries: Vec<(String, Json)> = std::mem::take(map).into_iter().collect();
            for n in order(entries.len(), key) {
                let (name, mut value) = entries[n].clone();
                match &mut value {
                    Json::Array(list) if effects => list.iter_mut().for_each(|effect| reorder(effect, &name, order)),
                    other => reorder(other, &name, order),
                }
                map.insert(name, value);
            }
        }
        Json::Array(items) => {
            let mut sorted: Vec<Json> = order(items.len(), key).into_iter().map(|n| items[n].clone()).collect();
            sorted.iter_mut().for_each(|item| reorder(item, key, order));
            *items = sorted;
        }
        _ => {}
    }
}
