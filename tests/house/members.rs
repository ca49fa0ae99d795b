//! Members of the workspace import downwards only, and what is released can't switch a rule off.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::workspace_directory;

/// Each member, and those that it may import. The order is that of the floors.
const MAY_IMPORT: [(&str, &[&str]); 9] = [
    ("protocol", &[]),
    ("host", &["protocol"]),
    ("chain", &["protocol"]),
    ("keys", &["protocol", "host"]),
    ("tracker", &["protocol", "host"]),
    ("node", &["protocol", "chain"]),
    ("peer", &["protocol", "host", "chain", "keys", "node"]),
    ("demo", &["protocol"]),
    ("tests", &["protocol", "host", "chain", "keys", "node", "tracker", "peer"]),
];

/// Members that are sans-IO, and so usable wherever there is an allocator.
const CORES: [&str; 3] = ["protocol", "chain", "node"];

/// Crates that bring sockets or a runtime along.
const NETWORK_CRATES: [&str; 5] = ["tokio", "mio", "socket2", "hyper", "axum"];

/// Crates that bring files, threads or the terminal along.
const MACHINE_CRATES: [&str; 4] = ["tempfile", "redb", "rayon", "rustix"];

/// Features that exist for tests alone.
const TEST_FEATURES: [&str; 2] = ["sabotage", "fixtures"];

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(arguments)
        .current_dir(workspace_directory())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}

fn packages() -> Vec<Value> {
    let text = cargo(&["metadata", "--format-version", "1", "--no-deps", "--locked"]);
    let mut metadata: Value = serde_json::from_str(&text).expect("cargo writes JSON");
    let Value::Array(packages) = metadata["packages"].take() else { panic!("no packages") };
    packages
}

fn name_of(value: &Value) -> &str {
    value["name"].as_str().expect("everything has a name")
}

fn dependencies(package: &Value) -> &[Value] {
    package["dependencies"].as_array().expect("a list")
}

#[test]
fn members_import_those_below_them_alone() {
    let allowed: BTreeMap<_, _> = MAY_IMPORT.into_iter().collect();
    let packages = packages();
    let members: BTreeSet<_> = packages.iter().map(name_of).collect();
    assert_eq!(members, allowed.keys().copied().collect(), "the table names every member");
    for package in &packages {
        let member = name_of(package);
        for imported in dependencies(package).iter().map(name_of) {
            let is_below = allowed[member].contains(&imported);
            assert!(!members.contains(imported) || is_below, "{member} imports {imported}");
        }
    }
}

/// The table itself can't allow a circle: each member names only those that stand before it.
#[test]
fn the_table_has_no_circle() {
    for (floor, (member, imported)) in MAY_IMPORT.iter().enumerate() {
        let below: Vec<_> = MAY_IMPORT[..floor].iter().map(|(name, _)| name).collect();
        assert!(imported.iter().all(|name| below.contains(&name)), "{member}");
    }
}

#[test]
fn what_is_released_has_no_feature_for_tests() {
    let packages = packages();
    for package in packages.iter().filter(|package| name_of(package) != "tests") {
        let released =
            dependencies(package).iter().filter(|dependency| dependency["kind"].is_null());
        for dependency in released {
            let features = dependency["features"].as_array().expect("a list");
            let for_tests =
                features.iter().find(|feature| TEST_FEATURES.iter().any(|name| *feature == name));
            assert_eq!(for_tests, None, "{} -> {}", name_of(package), name_of(dependency));
        }
    }
}

#[test]
fn cores_need_nothing_of_a_machine() {
    for core in CORES {
        let crates = crates_under(core);
        for machine in NETWORK_CRATES.iter().chain(&MACHINE_CRATES) {
            assert!(!crates.contains(*machine), "{core} needs {machine}");
        }
    }
}

#[test]
fn what_holds_a_secret_needs_nothing_of_the_network() {
    let crates = crates_under("keys");
    for network in NETWORK_CRATES {
        assert!(!crates.contains(network), "keys needs {network}");
    }
}

/// All crates that a member is built from.
fn crates_under(member: &str) -> BTreeSet<String> {
    let tree =
        cargo(&["tree", "--package", member, "--edges", "normal", "--prefix", "none", "--locked"]);
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    let crates: BTreeSet<_> = names.map(str::to_owned).collect();
    assert!(crates.contains("sha2"), "the tree of {member} was read");
    crates
}
