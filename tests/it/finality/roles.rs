//! Who signs and who does not: keys that two peers have, that nobody knows, that are in two roles, and lost stores.

use std::fs;
use std::time::Duration;

use protocol::admission::{AdmissionRule, Registrar};
use protocol::ballot_file;
use protocol::election::Election;
use serde_json::{Value, json};

use crate::harness::validators::{VALIDATORS, ValidatorKeys, are_final, finality_of};
use crate::harness::{Network, PATIENCE, Peer, Program, new_election, until};

/// Long enough that nothing closes while a test runs.
const LONG: Duration = Duration::from_secs(3_600);

fn own_of(peer: &mut Peer) -> Value {
    finality_of(peer)["own_validator"].clone()
}

/// Waits until a peer's validator does not sign for this reason.
fn abstains(peer: &mut Peer, kind: &str) -> String {
    until(&format!("it does not sign: {kind}"), PATIENCE, || {
        let own = own_of(peer);
        let is_it = own["signs"] == false && own["abstains"]["kind"] == kind;
        is_it.then(|| own["abstains"]["reason"].as_str().expect("a reason").to_owned())
    })
}

#[test]
fn two_peers_with_one_validators_key_both_stop_signing() {
    let keys = ValidatorKeys::make();
    let mut network = keys.network(LONG, 0);
    let twin = network.join(&["--validator", keys.file(1), "--trust-empty-store"]);
    for place in [1, twin] {
        let peer = &mut network.peers[place];
        let told = peer.wait_event("twin", PATIENCE, |_| true);
        assert!(told["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{told}");
        let reason = abstains(peer, "twin");
        assert!(reason.contains("another peer signs with this validator's key"), "{reason}");
    }
    // The three others are a quorum.
    network.peers[0].vote("Ada");
    are_final(&mut network.peers[2], 1, PATIENCE);
    assert_eq!(own_of(&mut network.peers[0])["signs"], true);
}

#[test]
fn a_validator_that_lost_its_store_abstains_until_it_is_told_to_trust_an_empty_one() {
    let keys = ValidatorKeys::make();
    let mut network = keys.network(LONG, 0);
    network.peers[0].vote("Ada");
    for peer in &mut network.peers {
        are_final(peer, 1, PATIENCE);
    }
    network.peers[3].program.kill_hard();
    fs::remove_dir_all(&network.peers[3].data_directory).expect("nobody uses it");
    keys.restart(&mut network, 3);
    let lost = &mut network.peers[3];
    let reason = abstains(lost, "no_record");
    assert!(reason.contains("--trust-empty-store"), "{reason}");
    lost.wait_event("abstains", PATIENCE, |event| event["kind"] == "no_record");
    assert_eq!(own_of(lost)["prepared"], Value::Null);

    lost.program.kill_hard();
    fs::remove_dir_all(&lost.data_directory).expect("nobody uses it");
    let (address, directory) = (lost.address.to_string(), lost.data_directory.clone());
    let tracker = network.tracker_address();
    let arguments =
        [tracker.as_str(), &address, "--validator", keys.file(3), "--trust-empty-store"];
    network.peers[3] = Peer::start(VALIDATORS[3], &arguments, &directory);
    network.peers[3].wait_event("signs", PATIENCE, |_| true);
    // With another one away, nothing is final without it.
    network.peers[0].program.kill_hard();
    network.peers[1].vote("Grace");
    are_final(&mut network.peers[2], 2, PATIENCE);
    assert!(own_of(&mut network.peers[3])["committed"].is_object());
    assert_eq!(finality_of(&mut network.peers[2])["evidence"], json!([]));
}

#[test]
fn keys_that_are_nobodys_or_in_two_roles_are_refused_in_one_line() {
    let keys = ValidatorKeys::make();
    let election = keys.election(LONG);
    let registrar = Registrar { name: "Ada".into(), key: keys.roster().validators[2].key };
    let admission = AdmissionRule::Registrars { registrars: vec![registrar], threshold: 1 };
    let in_two_roles = Network::without_tracker(Election { admission, ..election.clone() });
    let ballot = in_two_roles.ballot();
    assert!(ballot_file::parse(&fs::read_to_string(&ballot).expect("a ballot")).is_err());
    let stderr = refused(&in_two_roles, &["ballot", "check", "ballot.toml"]);
    assert!(stderr.contains("`validator[2].key` is the key of registrar \"Ada\""), "{stderr}");
    drop(in_two_roles);

    let strangers = ValidatorKeys::make();
    let network = Network::without_tracker(election);
    let file = strangers.file(0);
    let words = ["0", "--ballot", "ballot.toml", "--data-dir", "one", "--validator", file];
    let stderr = refused(&network, &words);
    for part in [file, "none of this election's validators'", "North, East, South, West"] {
        assert!(stderr.contains(part), "{stderr}");
    }
    drop(network);

    let untimed = Network::without_tracker(new_election(12));
    let stderr = refused(&untimed, &words);
    assert!(stderr.contains("this election has no validators"), "{stderr}");
}

/// Runs a command that must fail; what it says.
fn refused(network: &Network, words: &[&str]) -> String {
    let mut command = std::process::Command::new(crate::harness::binary("peer"));
    command.env_clear().current_dir(network.directory.path()).args(words);
    let (code, stderr) = Program::start("peer", command).finish(PATIENCE);
    assert!(code.is_some_and(|code| code != 0), "{words:?}: {code:?} {stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr
}
