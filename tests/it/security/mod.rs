//! The claims of SECURITY.md, each a test: what an author, a pack, a repository or a name can do, and cannot.

mod canary;
pub(crate) mod hostile;
#[cfg(unix)]
mod reads;
mod silence;

use crate::common::{root, walk};

/// Each claim of SECURITY.md names tests that are there.
#[test]
fn the_tests_that_claims_name_are_there() {
    let page = std::fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let sources: Vec<(String, String)> = walk(&root().join("tests/it"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .map(|path| (path.strip_prefix(root().join("tests/it")).unwrap().display().to_string(), std::fs::read_to_string(path).unwrap()))
        .collect();
    let mut named = 0;
    for test in page.split('`').skip(1).step_by(2).filter(|word| word.contains("::") && !word.contains(' ')) {
        named += 1;
        let (module, name) = test.rsplit_once("::").unwrap();
        let is_module =
            |file: &str| *file == format!("{}.rs", module.replace("::", "/")) || *file == format!("{}/mod.rs", module.replace("::", "/"));
        let source = sources.iter().find(|(file, _)| is_module(file)).unwrap_or_else(|| panic!("SECURITY.md names {test}"));
        assert!(source.1.contains(&format!("fn {name}")), "SECURITY.md names {test}");
    }
    assert!(named > 25, "{named} tests");
    let claims = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()?.parse::<usize>().ok());
    assert_eq!(claims.clone().collect::<Vec<_>>(), (1..=claims.count()).collect::<Vec<_>>(), "claims are numbered in order");
}
