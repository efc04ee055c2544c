//! No rule without a test, and no test without a rule.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The ids of the rules: what stands in bold where a rule begins.
fn rules() -> Vec<String> {
    let spec = fs::read_to_string(root().join("SPEC.md")).unwrap();
    let id = |line: &str| Some(line.strip_prefix("- **")?.split_once("** ")?.0.to_owned());
    spec.lines().filter_map(id).collect()
}

/// The ids that tests begin with, in upper case, and the names of tests that begin with none.
fn tests() -> (BTreeSet<String>, Vec<String>) {
    let (mut ids, mut others) = (BTreeSet::new(), Vec::new());
    for entry in fs::read_dir(root().join("tests/spec")).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("rules.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim_start) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if is_test && let Some((_, after)) = line.split_once("fn ") {
                is_test = false;
                let name = after.split('(').next().unwrap();
                let (id, rest) = name.split_once('_').unwrap_or((name, ""));
                let (letter, number) = id.split_at(1);
                let is_id = letter.chars().all(char::is_lowercase)
                    && number.parse::<u8>().is_ok()
                    && !rest.is_empty();
                if is_id {
                    ids.insert(id.to_uppercase());
                } else {
                    others.push(name.to_owned());
                }
            }
        }
    }
    (ids, others)
}

#[test]
fn each_rule_has_a_test_and_each_test_a_rule() {
    let rules = rules();
    let unique: BTreeSet<_> = rules.iter().cloned().collect();
    assert!(rules.len() > 30, "the rules were not found: {rules:?}");
    assert_eq!(rules.len(), unique.len(), "an id is there twice: {rules:?}");
    let (tested, others) = tests();
    assert!(others.is_empty(), "tests that name no rule: {others:?}");
    let untested: Vec<_> = unique.difference(&tested).collect();
    assert!(untested.is_empty(), "rules without a test: {untested:?}");
    let unknown: Vec<_> = tested.difference(&unique).collect();
    assert!(unknown.is_empty(), "tests of no rule: {unknown:?}");
}

#[test]
fn the_rules_of_a_chapter_are_numbered_in_order() {
    let rules = rules();
    for pair in rules.windows(2) {
        let [(a, m), (b, n)] = [pair[0].split_at(1), pair[1].split_at(1)];
        let (m, n): (u8, u8) = (m.parse().unwrap(), n.parse().unwrap());
        let follows = if a == b { n == m + 1 } else { n == 1 };
        assert!(follows, "{pair:?}");
    }
}
