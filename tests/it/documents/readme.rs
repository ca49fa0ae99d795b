//! README.md.

use super::{
    PROMPT, SHELL, document, run_to_its_end, sample_network, start_as_written, typed, words,
};
use crate::harness::{PATIENCE, Tracker, agree};

#[test]
fn the_commands_of_the_readme_for_everybody_are_what_every_change_has_to_pass() {
    let (readme, run) = (document("README.md"), document(".ci/run"));
    let plain: Vec<_> =
        typed(&readme, SHELL).into_iter().filter(|line| program(line).is_none()).collect();
    assert_eq!(plain, ["cargo demo", "cargo test --workspace"]);
    for command in plain {
        let runs = |line: &str| line.split(" <<<").next() == Some(command);
        assert!(run.lines().any(runs), "{command} is not in .ci/run");
    }
}

#[test]
fn the_readme_by_hand_works_as_written() {
    let readme = document("README.md");
    let mut network = sample_network();
    let mut sessions = 0;
    let mut offline = Vec::new();
    for line in typed(&readme, SHELL) {
        let Some((name, arguments)) = program(line) else { continue };
        match (name.as_str(), arguments.first().map(String::as_str)) {
            ("tracker", Some("5000")) => {
                network.tracker = Some(Tracker::start("0", &network.ballot()));
            }
            ("peer", Some("ballot")) => {
                run_to_its_end(&arguments, network.directory.path());
            }
            ("peer", Some("5000")) => {
                let directory = network.new_data_directory();
                let tracker = network.tracker.as_ref().expect("the tracker comes first").address;
                let peer = start_as_written(&arguments, tracker.port(), &directory);
                network.peers.push(peer);
                sessions += 1;
            }
            ("peer", Some("export" | "audit")) => offline.push(arguments),
            _ => panic!("who is to run this? {line}"),
        }
    }
    assert_eq!(sessions, 2);
    let lines = typed(&readme, PROMPT);
    assert!(lines.contains(&"leave") && lines.iter().any(|line| line.starts_with("vote ")));
    for line in lines {
        let answer = network.peers[0].ask(line);
        assert_eq!(answer.get("error"), None, "{answer}");
        if line.starts_with("vote ") {
            agree(&mut network.peers, 1, PATIENCE);
        }
    }
    assert_eq!(network.peers[0].wait_end(PATIENCE).code(), Some(0));
    assert_eq!(offline.len(), 2);
    let data_directory = network.peers[0].data_directory.to_str().expect("UTF-8");
    for arguments in offline {
        let named: Vec<_> =
            arguments.into_iter().map(|word| word.replace("DIR", data_directory)).collect();
        run_to_its_end(&named, network.directory.path());
    }
}

/// The program and the arguments of `cargo run --bin PROGRAM -- ARGUMENTS`.
fn program(line: &str) -> Option<(String, Vec<String>)> {
    let words = words(line.strip_prefix("cargo run --bin ")?);
    let (name, rest) = words.split_first()?;
    let (dashes, arguments) = rest.split_first()?;
    assert_eq!(dashes, "--", "{line}");
    Some((name.clone(), arguments.to_vec()))
}
