//! Each rule is switched off once, for all honest peers: some world has to notice, and the same world has to
//! pass with the rule.

use std::collections::BTreeMap;
use std::time::Duration;

use chain::rules::{Rule, Rules};
use sim::adversary::{LiarPlan, StrangerPlan, Trick};
use sim::faults::{FaultPlan, Partition, Quality, Window};
use sim::report::Verdict;
use sim::scenario::{Action, Scenario};
use sim::world::World;

use crate::{seconds, voter};

/// Seeds tried until one fails.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=4;

/// The world notices that the rule is gone, by a violation that says so, and has nothing to say otherwise.
fn assert_noticed(rule: Rule, expected: &str, make: impl Fn(u64) -> Scenario) {
    let mut seen = Vec::new();
    for seed in SEEDS {
        let honest = World::run(make(seed), seed);
        assert!(honest.passes(), "with every rule: {honest}\n{}", honest.excerpt);
        let scenario = Scenario { rules: Rules::without(rule), ..make(seed) };
        match World::run(scenario, seed).verdict {
            Verdict::Violation(violation) if violation.what.contains(expected) => return,
            other => seen.push(other),
        }
    }
    panic!("without {rule:?} no world fails with {expected:?}: {seen:?}");
}

/// Three peers, and a liar with one trick.
fn with_liar(trick: Trick) -> impl Fn(u64) -> Scenario {
    move |seed| {
        let mut scenario = Scenario::quiet("liar", seed, 3, seconds(60));
        let active = Window::seconds(1, 25);
        let tricks = vec![trick];
        scenario.liars.push(LiarPlan { active, tricks, gap: seconds(3) });
        scenario.voters = vec![voter(seconds(3), 0), voter(seconds(8), 1)];
        scenario.faults.calm_from = seconds(25);
        scenario
    }
}

/// Five peers, two of them cut off from the others for a while.
fn divided(seed: u64) -> Scenario {
    let mut scenario = Scenario::quiet("divided", seed, 5, seconds(80));
    let islands = [0, 1].map(|host| (scenario.peer_address(host), 1));
    let window = Window::seconds(5, 35);
    scenario.faults = FaultPlan {
        partitions: vec![Partition { window, islands: BTreeMap::from(islands), is_one_way: false }],
        calm_from: seconds(35),
        ..FaultPlan::none()
    };
    scenario
}

#[test]
fn without_tokens_a_victim_is_flooded() {
    assert_noticed(Rule::AddressTokens, "unvalidated", |seed| {
        let mut scenario = Scenario::quiet("strangers", seed, 3, seconds(60));
        let victims = vec![scenario.victim_address(0)];
        let (active, gap) = (Window::seconds(5, 30), Duration::from_millis(100));
        scenario.strangers.push(StrangerPlan { active, gap, victims });
        scenario.voters = vec![voter(seconds(3), 0)];
        scenario.faults.calm_from = seconds(30);
        scenario
    });
}

#[test]
fn without_proof_of_work_a_block_costs_nothing() {
    assert_noticed(Rule::ProofOfWork, "no proof of work", with_liar(Trick::NoWork));
}

#[test]
fn without_merkle_roots_bodies_are_anything() {
    assert_noticed(Rule::MerkleRoot, "another merkle root", with_liar(Trick::OtherBody));
}

#[test]
fn without_signatures_anybody_votes_for_anybody() {
    assert_noticed(Rule::Signatures, "a signature", with_liar(Trick::BadSignature));
}

#[test]
fn without_one_vote_per_voter_votes_are_many() {
    assert_noticed(Rule::OneVotePerVoter, "voted twice", with_liar(Trick::TwoVotes));
}

#[test]
fn without_final_blocks_a_longer_branch_replaces_the_result() {
    assert_noticed(Rule::FinalBlock, "final here", crate::finality::withheld_until_after_the_close);
}

#[test]
fn without_the_tie_break_equal_forks_stay() {
    assert_noticed(Rule::TieBreak, "at the end peer", |seed| {
        let mut scenario = divided(seed);
        let mine = |host| (seconds(10), Action::Mine(host));
        scenario.actions = vec![mine(0), mine(4)];
        scenario.demands.reorganisations = 1;
        scenario
    });
}

#[test]
fn without_return_to_the_pool_votes_of_a_lost_branch_vanish() {
    assert_noticed(Rule::ReturnToPool, "acknowledged", |seed| {
        let mut scenario = divided(seed);
        let host = |number| if number % 2 == 0 { 0 } else { 4 };
        scenario.voters =
            (0..6).map(|number| voter(seconds(8 + number), host(number) as usize)).collect();
        scenario.demands.reorganisations = 1;
        scenario
    });
}

#[test]
fn without_reannouncement_a_lost_vote_is_never_mined() {
    assert_noticed(Rule::Reannouncement, "at the end the pool", |seed| {
        let mut scenario = Scenario::quiet("deaf", seed, 3, seconds(60));
        scenario.peers[0].block_time = None;
        scenario.voters = vec![voter(seconds(5), 0)];
        let deaf = Quality::PERFECT.with_loss(1.0);
        let window = Window { from: seconds(5), until: Duration::from_millis(6_200) };
        scenario.faults.spells.push((window, deaf));
        scenario.faults.calm_from = seconds(20);
        scenario
    });
}

#[test]
fn without_lost_pieces_asked_again_sync_stops() {
    assert_noticed(Rule::LostPieces, "is ready although others have more", sim::chaos::long_sync);
}

#[test]
fn without_durable_acknowledgement_a_crash_loses_votes() {
    assert_noticed(Rule::DurableAcknowledgement, "acknowledged", |seed| {
        let mut scenario = divided(seed);
        for number in 0..4 {
            let at = seconds(7 + 4 * number);
            let host = usize::try_from(number % 2).expect("0 or 1");
            scenario.voters.push(voter(at + Duration::from_millis(200), host));
            let crash = Action::CrashAfterAcknowledging(host, seconds(1));
            scenario.actions.push((at, crash));
        }
        scenario.demands.crashes = 2;
        scenario
    });
}

#[test]
fn without_tips_exchanged_a_healed_network_stays_apart() {
    assert_noticed(Rule::TipExchange, "at the end peer", |seed| {
        let mut scenario = divided(seed);
        let mine = |at, host| (seconds(at), Action::Mine(host));
        scenario.actions = vec![mine(10, 0), mine(10, 4), mine(17, 4)];
        scenario
    });
}

#[test]
fn without_registering_again_a_new_tracker_knows_nobody() {
    assert_noticed(Rule::Reregistration, "the tracker is wrong", |seed| {
        let mut scenario = Scenario::quiet("tracker", seed, 3, seconds(40));
        scenario.actions =
            vec![(seconds(10), Action::StopTracker), (seconds(12), Action::StartTracker)];
        scenario
    });
}

#[test]
fn without_missed_heartbeats_the_dead_stay_neighbours() {
    assert_noticed(Rule::MissedHeartbeats, "which is gone", |seed| {
        let mut scenario = Scenario::quiet("crash", seed, 3, seconds(40));
        scenario.actions = vec![(seconds(10), Action::Crash(2))];
        scenario
    });
}
