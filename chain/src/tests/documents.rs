//! Rules name their sections of docs/PROTOCOL.md and the tests that break them: both have to exist.

use std::collections::BTreeSet;

const PROTOCOL: &str = include_str!("../../../docs/PROTOCOL.md");
const RULES: [&str; 3] =
    [include_str!("../check.rs"), include_str!("../branch.rs"), include_str!("../time/period.rs")];
const TESTS: [(&str, &str); 3] = [
    ("rules", include_str!("rules.rs")),
    ("audit", include_str!("audit.rs")),
    ("period", include_str!("period.rs")),
];

/// What stands between a marker and the character that ends it, wherever the rules' comments have the marker.
fn named(marker: &str, end: char) -> BTreeSet<String> {
    let comments = RULES.iter().flat_map(|source| source.split(marker).skip(1));
    comments.filter_map(|rest| rest.split_once(end)).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn sections_that_rules_name_exist() {
    let sections = named("docs/PROTOCOL.md, \"", '"');
    assert!(sections.contains("Chain rules"), "{sections:?}");
    for section in sections {
        let heading = format!("## {section}");
        assert!(PROTOCOL.lines().any(|line| line == heading), "no section {section:?}");
    }
}

#[test]
fn tests_that_rules_name_exist() {
    let paths = named("`tests::", '`');
    assert!(paths.len() > 5, "{paths:?}");
    for path in paths {
        let (module, test) = path.split_once("::").expect("a module and a test");
        let source = TESTS.iter().find(|(name, _)| *name == module).expect("a module of tests").1;
        assert!(source.contains(&format!("#[test]\nfn {test}()")), "no test {path}");
    }
}
