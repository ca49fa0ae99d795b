//! Validators that are killed hard, one after the other.

use std::time::Duration;

use serde_json::Value;

use crate::harness::validators::{VALIDATORS, ValidatorKeys, Witness, are_final, finality_of};
use crate::harness::{PATIENCE, Voter, meet_all};

/// How often a validator is killed.
const KILLS: u64 = 20;

#[test]
fn finality_goes_on_while_any_one_validator_is_killed_and_nobody_signs_twice() {
    let keys = ValidatorKeys::make();
    // It does not close while this test runs.
    let mut network = keys.network(Duration::from_secs(3_600), 2);
    meet_all(&mut network.peers, PATIENCE);
    let validators = network.peers[..VALIDATORS.len()].iter().map(|peer| peer.address).collect();
    let witness = Witness::start(&network.election, validators);
    let mut height = 0;
    for kill in 0..KILLS {
        let place = usize::try_from(kill).expect("a small number") % VALIDATORS.len();
        let voter = Voter::new(&network.election, kill);
        network.peers[5].submit(&voter.registration());
        network.peers[5].submit(&voter.vote(0));
        network.peers[place].program.kill_hard();
        keys.restart(&mut network, place);
        let now = are_final(&mut network.peers[4], kill + 1, PATIENCE);
        assert!(now > height, "kill {kill}: block {now} is final, and {height} was before");
        height = now;
    }
    for peer in &mut network.peers {
        are_final(peer, KILLS, PATIENCE);
        let finality = finality_of(peer);
        assert_eq!(finality["evidence"], Value::Array(Vec::new()), "{finality}");
        assert_eq!(finality["conflict"], Value::Null, "{finality}");
    }
    // A restarted validator knows what it signed, so it signs on.
    for peer in &mut network.peers[..VALIDATORS.len()] {
        let own = finality_of(peer)["own_validator"].clone();
        assert_eq!((&own["signs"], &own["abstains"]), (&true.into(), &Value::Null), "{own}");
    }
    let votes = witness.find_no_offence();
    assert!(votes as u64 > 2 * KILLS, "{votes} votes are few");
}
