//! What peers are called by whoever runs them: shown beside their addresses, and taken only if it can be shown.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::http::HttpConnection;
use crate::harness::{Network, PATIENCE, Peer, Program, binary, lasting_port, meet_all, until};

/// What a command of the command line says of a running peer.
fn client(peer: &Peer, words: &[&str]) -> String {
    let mut command = Command::new(binary("peer"));
    command.env_clear().args(words).arg("--data-dir").arg(&peer.data_directory);
    let output = command.output().expect("it runs");
    String::from_utf8(output.stdout).expect("text")
}

fn names(peer: &mut Peer) -> Vec<Value> {
    let peers = peer.ask("peers")["peers"].clone();
    peers.as_array().expect("a list").iter().map(|each| each["name"].clone()).collect()
}

#[test]
fn a_name_is_shown_beside_the_address_wherever_a_neighbour_is() {
    let mut network = Network::start(1, 12);
    let named = network.join(&["--name", "Ada's laptop"]);
    // As the other options, it can be set by a variable; an empty one is an unset one.
    for (name, number) in [("  Zoe\u{308} ", "set"), ("", "empty")] {
        let directory = network.new_data_directory();
        let (tracker, listen) = (network.tracker_address(), lasting_port().to_string());
        let mut command = Peer::command(&[&tracker, &listen], &directory);
        command.env("OSTRAKON_NAME", name);
        network.peers.push(Peer::run(number, command, &directory));
    }
    meet_all(&mut network.peers, PATIENCE);
    let expected = [json!(null), json!("Ada's laptop"), json!("Zo\u{eb}")];
    let address = network.peers[named].address;
    let first = &mut network.peers[0];
    until("all names are known", PATIENCE, || {
        let known = names(first);
        expected.iter().all(|name| known.contains(name)).then_some(())
    });
    let told = json!({ "event": "neighbour_named", "address": address, "name": "Ada's laptop" });
    first.wait_event("neighbour_named", PATIENCE, |event| {
        ["address", "name"].iter().all(|key| event[key] == told[key])
    });
    let api = HttpConnection::open(first.api).ask("GET", "/v1/peers", &[], &[]).json();
    let of_api = api["peers"].as_array().expect("a list").iter().map(|each| each["name"].clone());
    assert_eq!(of_api.collect::<Vec<_>>(), names(first));
    let shown = format!("{address} (Ada's laptop)");
    let text = client(first, &["peers"]);
    assert!(text.contains(&shown), "{text}");
    assert!(!client(first, &["status"]).contains("\nname "), "it has none itself");
    let own = client(&network.peers[named], &["status"]);
    assert!(own.contains("name       Ada's laptop\n"), "{own}");

    network.peers[named].ask("leave");
    let is_it = |event: &Value| event["address"] == json!(address);
    let left = network.peers[0].wait_event("neighbour_left", PATIENCE, is_it);
    assert_eq!(left["name"], "Ada's laptop");
}

#[test]
fn what_can_not_be_shown_is_refused_in_one_line() {
    let network = Network::start(1, 12);
    for (name, why) in [
        ("\u{1b}[31mred", "character 1 is U+001B"),
        ("Ada\u{202e}", "U+202E (right-to-left override), which turns the direction of text"),
        ("A\u{200b}da", "U+200B (zero width space), which can't be seen"),
        ("two\nlines", "character 4 is U+000A"),
        ("Ada (home)", "its character 5 is one"),
        ("this name has too many bytes: 33.", "at most 32 bytes, and this one has 33"),
    ] {
        let mut command = Command::new(binary("peer"));
        command.env_clear().current_dir(network.directory.path());
        command.args(["0", "--name", name]);
        let (code, said) = Program::start("peer", command).finish(PATIENCE);
        assert_eq!((code, said.trim_end().lines().count()), (Some(2), 1), "{said:?}");
        assert!(said.contains(why), "{said:?}");
        assert!(!said.contains(['\u{1b}', '\u{202e}', '\u{200b}']), "{said:?}");
    }
}
