//! Elections that close and whose results validators make final, with the real programs.

mod kills;
mod roles;

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::harness::offline::audit;
use crate::harness::validators::{VALIDATORS, ValidatorKeys, are_final, finality_of, reaches};
use crate::harness::{Network, PATIENCE, Peer, run_task};

/// When the elections of these tests close after their first peer starts: time enough to vote on a busy machine.
const CLOSES_AFTER: Duration = Duration::from_secs(30);
/// From the start of an election's first peer to its end, on a busy machine: twelve intervals and the difficulty, which
/// follows, after the close.
const UNTIL_FINAL: Duration = Duration::from_secs(90);
/// How often it is looked at a state that must not change by itself.
const LOOKS: usize = 30;

#[test]
fn votes_become_final_and_so_does_the_result_which_anybody_can_check() {
    let keys = ValidatorKeys::make();
    let mut network = keys.network(CLOSES_AFTER, 2);
    network.peers[4].vote("Ada");
    network.peers[5].vote("Grace");
    // Long before the close, and at everybody.
    for peer in &mut network.peers {
        are_final(peer, 2, PATIENCE);
    }
    assert_eq!(finality_of(&mut network.peers[5])["state"], "open");

    // Without a quorum it closes, and says that this is all.
    for place in [0, 2] {
        network.peers[place].program.kill_hard();
    }
    reaches(&mut network.peers[5], "sealing", UNTIL_FINAL);
    for _ in 0..LOOKS {
        let finality = finality_of(&mut network.peers[4]);
        assert_ne!(finality["state"], "final", "two of four are no quorum: {finality}");
        assert_eq!(finality["votes_final"], 2, "{finality}");
    }
    let refused = network.peers[4].ask("results --final");
    assert_eq!((&refused["complete"], &refused["votes"]), (&false.into(), &2.into()), "{refused}");
    for place in [0, 2] {
        keys.restart(&mut network, place);
    }
    let ends: Vec<_> =
        network.peers.iter_mut().map(|peer| reaches(peer, "final", UNTIL_FINAL)).collect();
    for end in &ends {
        assert_eq!(end["tally"], ends[0]["tally"], "{end}");
        assert_eq!((&end["tally"]["votes"], &end["votes_above"]), (&2.into(), &0.into()), "{end}");
        assert_eq!(end["closing_block"], ends[0]["closing_block"], "{end}");
        assert_eq!(end["evidence"], Value::Array(Vec::new()), "{end}");
    }
    late_peer_counts_the_same(&mut network, &ends[0]);
    records_of_two_are_equal(&network);
    receipt_needs_the_ballot_alone(&mut network);
}

/// A peer that first starts after the close.
fn late_peer_counts_the_same(network: &mut Network, end: &Value) {
    let place = network.join(&[]);
    let late = &mut network.peers[place];
    let seen = reaches(late, "final", PATIENCE);
    assert_eq!(seen["tally"], end["tally"], "{seen}");
    assert_eq!(seen["closing_block"], end["closing_block"], "{seen}");
    let result = late.ask("results --final");
    assert_eq!((&result["complete"], &result["votes"]), (&true.into(), &2.into()), "{result}");
    assert_eq!(result["counted_at"], end["closing_block"], "{result}");
    let refused = late.ask("vote Hedy");
    assert_eq!(crate::harness::error_kind(&refused), "closed");
}

/// The archives of two peers, one of which was not there before the close.
fn records_of_two_are_equal(network: &Network) {
    let directory = network.directory.path();
    let mut archives = Vec::new();
    for place in [0, 4, 6] {
        let archive = directory.join(format!("{place}.archive"));
        let from = &network.peers[place].data_directory;
        let (code, told) =
            run_task(directory, &["export", text(&archive), "--final", "--data-dir", text(from)]);
        assert_eq!(code, Some(0), "{told}");
        archives.push(archive);
    }
    let bytes: Vec<_> = archives.iter().map(|path| fs::read(path).expect("an archive")).collect();
    assert!(bytes.iter().all(|each| *each == bytes[0]), "final archives differ");
    let report = audit(&archives[0]);
    let told = &report["final"];
    assert_eq!(report["votes"], 2, "{report}");
    assert_eq!((&told["is_final"], &told["validators"]), (&true.into(), &4.into()), "{report}");
    assert_eq!(told["certificate"]["hash"], report["tip"]["hash"], "{report}");
    let signed_by = told["signed_by"].as_array().expect("a list");
    assert_eq!(signed_by.len(), 3, "{report}");
    let is_one = |name: &Value| name.as_str().is_some_and(|name| VALIDATORS.contains(&name));
    assert!(signed_by.iter().all(is_one), "{report}");
}

/// A receipt of a final vote, where nothing is left of the election but its ballot.
fn receipt_needs_the_ballot_alone(network: &mut Network) {
    let elsewhere = tempfile::tempdir().expect("a directory");
    let receipt = elsewhere.path().join("vote.json");
    let peer: &mut Peer = &mut network.peers[5];
    let own = peer.ask("myvote");
    assert_eq!(own["vote"]["fate"]["is"], "final", "{own}");
    let written = peer.ask(&format!("myvote --receipt {}", text(&receipt)));
    assert_eq!(written["receipt"], text(&receipt), "{written}");
    let ballot = elsewhere.path().join("ballot.toml");
    fs::copy(network.ballot(), &ballot).expect("a copy");
    let words = ["verify-receipt", "vote.json", "--ballot", "ballot.toml"];
    let (code, proved) = run_task(elsewhere.path(), &words);
    assert_eq!(code, Some(0), "{proved}");
    assert_eq!((&proved["on_best_chain"], &proved["blocks_deep"]), (&true.into(), &Value::Null));
    assert!(proved["final"].is_object(), "{proved}");
}

#[test]
fn an_election_that_nobody_votes_in_closes_and_becomes_final() {
    let keys = ValidatorKeys::make();
    let mut network = keys.network(Duration::from_secs(8), 1);
    for peer in &mut network.peers {
        let end = reaches(peer, "final", UNTIL_FINAL);
        assert_eq!((&end["tally"]["votes"], &end["votes_final"]), (&0.into(), &0.into()), "{end}");
        assert!(end["closing_certificate"]["validators"].is_array(), "{end}");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary files have plain names")
}
