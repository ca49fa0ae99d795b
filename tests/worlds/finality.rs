//! What becomes final, and what can't: withheld branches, votes at the very edges of an election, validators that crash
//! while they sign, that are too few, or that are two with one key.

use std::time::Duration;

use node::{Abstention, ElectionState};
use protocol::roster::FinalityRule;
use sim::adversary::{RivalPlan, Times};
use sim::elections::{INTERVAL, OPENS, quiet};
use sim::faults::Window;
use sim::forge;
use sim::scenario::{Action, Scenario};
use sim::world::World;

use crate::{assert_passes, seconds, voter};

const CLOSES: Duration = Duration::from_secs(90);
const OPEN: Window = Window { from: OPENS, until: CLOSES };
/// Any election of these worlds is final by then if nothing went wrong.
const FINAL_BY: Duration = Duration::from_secs(130);

/// Four validators and two other peers, each of which takes two votes.
fn election(seed: u64) -> Scenario {
    let mut scenario = quiet(seed, 4, 2, OPEN);
    scenario.voters = (0..12)
        .map(|number| {
            let host = usize::try_from(number % 6).expect("below 6");
            voter(OPENS + Duration::from_millis(1_500 * number), host)
        })
        .collect();
    scenario.demands.votes = 12;
    scenario
}

fn state(world: &mut World, host: usize) -> Option<ElectionState> {
    world.status(host)?.finality.map(|view| view.state)
}

fn assert_states(world: &mut World, hosts: &[usize], expected: ElectionState) {
    for host in hosts {
        assert_eq!(state(world, *host), Some(expected), "peer {host}: {:?}", world.violation());
    }
}

/// A rival has three times the hash rate of all others, mines from the middle of the election on, and shows its
/// branch when the result is final.
pub(crate) fn withheld_until_after_the_close(seed: u64) -> Scenario {
    let mut scenario = election(seed);
    let active = Window { from: seconds(50), until: FINAL_BY };
    let (block_time, publishes) = (INTERVAL.div_f64(3.0), vec![FINAL_BY]);
    scenario.rivals = vec![RivalPlan { active, block_time, publishes, times: Times::True }];
    scenario.ends_at = FINAL_BY + seconds(40);
    scenario
}

#[test]
fn a_longer_branch_that_is_shown_after_the_close_is_refused() {
    for seed in 1..=2 {
        let mut world = World::new(withheld_until_after_the_close(seed), seed);
        world.run_until(FINAL_BY);
        assert_states(&mut world, &[0, 1, 2, 3, 4, 5], ElectionState::Final);
        let before = world.status(5).expect("it is up");
        world.run_until(FINAL_BY + seconds(40));
        let (work, tip) = world.rival(0).offered().expect("it has shown its branch");
        let after = world.status(5).expect("it is up");
        let own = world.node(5).map(|node| node.chain().tip());
        assert!(own.is_some_and(|own| work > own.work), "{work} of {tip}, {own:?}");
        let knows_it =
            |host| world.node(host).is_some_and(|it| it.chain().work(&tip) == Some(work));
        assert!((0..6).all(knows_it), "all have seen that it is longer");
        assert_eq!((before.tip, before.votes), (after.tip, after.votes));
        let results = [before, after].map(|status| status.finality.expect("it has times"));
        let results = results.map(|view| (view.closing_block, view.final_tally, view.state));
        assert_eq!(results[0], results[1]);
        assert_passes(&world.finish());
    }
}

/// Nobody signs: whoever saw the end stays with it, and shows the other one beside it.
#[test]
fn without_validators_a_longer_branch_makes_the_result_disputed() {
    let mut scenario = withheld_until_after_the_close(1);
    let finality = FinalityRule::Depth { confirmations: 5 };
    scenario.election = forge::timed_election(1, 6, 2, OPEN, finality).into();
    scenario.peers.iter_mut().for_each(|peer| peer.validator = None);
    let mut world = World::new(scenario, 1);
    world.run_until(FINAL_BY);
    let all = [0, 1, 2, 3, 4, 5];
    assert_states(&mut world, &all, ElectionState::Final);
    let before = world.status(0).expect("it is up");
    world.run_until(FINAL_BY + seconds(40));
    assert_states(&mut world, &all, ElectionState::Disputed);
    for host in all {
        let status = world.status(host).expect("it is up");
        assert_eq!(status.votes, before.votes, "nothing is replaced silently");
        let view = status.finality.expect("it has times");
        let disputed = view.depth.expect("nobody signs").disputed;
        assert_eq!(disputed.len(), 2, "{disputed:?}");
        assert!(disputed.iter().any(|end| end.tally.is_some()));
    }
    assert!(world.violation().is_none(), "{:?}", world.violation());
}

/// Nearly half of the blocks come from a rival that shows each at once, with times as early or as late as can be, and
/// voters come at every edge. The invariants compare what each peer takes and counts with the rules.
#[test]
fn votes_at_the_edges_count_alike_for_all_whatever_times_blocks_bear() {
    for (seed, times) in (1..).zip([Times::Back, Times::Ahead(seconds(5)), Times::True]) {
        let mut scenario = quiet(seed, 4, 2, OPEN);
        let step = Duration::from_millis(1);
        let edges = [OPENS - step, OPENS, OPENS + step, CLOSES - step, CLOSES, CLOSES + step];
        let around = |edge: Duration| (0..4).map(move |lag| edge + INTERVAL * lag * 3);
        scenario.voters = edges
            .into_iter()
            .flat_map(around)
            .enumerate()
            .map(|(number, at)| voter(at - INTERVAL * 4, number % 6))
            .collect();
        let active = Window { from: seconds(10), until: FINAL_BY };
        let publishes = (10..130).map(seconds).collect();
        let block_time = INTERVAL.mul_f64(1.2);
        scenario.rivals = vec![RivalPlan { active, block_time, publishes, times }];
        scenario.ends_at = FINAL_BY + seconds(60);
        assert_passes(&World::run(scenario, seed));
    }
}

#[test]
fn an_election_that_nobody_votes_in_becomes_final() {
    let mut scenario = election(1);
    scenario.voters.clear();
    scenario.demands.votes = 0;
    let mut world = World::new(scenario, 1);
    let all = [0, 1, 2, 3, 4, 5];
    world.run_until(OPENS - INTERVAL * 8);
    assert_states(&mut world, &all, ElectionState::Upcoming);
    world.run_until(OPENS + INTERVAL * 12);
    assert_states(&mut world, &all, ElectionState::Open);
    world.run_until(FINAL_BY);
    assert_states(&mut world, &all, ElectionState::Final);
    assert_passes(&world.finish());
}

#[test]
fn a_peer_that_first_starts_after_the_close_shows_the_final_result() {
    let mut scenario = election(1);
    scenario.peers[5].starts_at = FINAL_BY;
    for voter in &mut scenario.voters {
        voter.hosts = vec![voter.hosts[0] % 5];
    }
    scenario.ends_at = FINAL_BY + seconds(15);
    let mut world = World::new(scenario, 1);
    let synced = world.run_until_holds(FINAL_BY + seconds(8), |world| {
        state(world, 5) == Some(ElectionState::Final)
    });
    assert!(synced.is_some(), "{:?}", world.status(5));
    world.run_until(FINAL_BY + seconds(15));
    assert_passes(&world.finish());
}

/// Each validator in turn crashes again and again, between its decision and its signature.
#[test]
fn a_validator_that_crashes_while_it_signs_never_signs_twice() {
    for seed in 1..=2 {
        let mut scenario = election(seed);
        let starts = OPENS - INTERVAL * 12;
        let at = |number| starts + Duration::from_millis(700 * number);
        scenario.actions = (0..80)
            .map(|number| {
                let host = usize::try_from(number % 4).expect("below 4");
                let pause = Duration::from_millis(20 + 37 * (number % 17));
                (at(number), Action::CrashWhileSigning(host, pause))
            })
            .collect();
        scenario.ends_at = FINAL_BY + seconds(30);
        scenario.demands.crashes = 20;
        let mut world = World::new(scenario, seed);
        world.run_until(FINAL_BY + seconds(30));
        assert!(world.signatures() > 40, "{}", world.signatures());
        assert_passes(&world.finish());
    }
}

#[test]
fn with_two_of_four_validators_dead_the_result_waits_for_one_to_return() {
    let mut scenario = election(1);
    let back = CLOSES + seconds(60);
    scenario.actions = vec![
        (CLOSES - seconds(10), Action::Crash(0)),
        (CLOSES - seconds(10), Action::Crash(1)),
        (back, Action::Start(0)),
    ];
    scenario.ends_at = back + seconds(30);
    let mut world = World::new(scenario, 1);
    world.run_until(back);
    assert_states(&mut world, &[2, 3, 4, 5], ElectionState::Sealing);
    world.run_until(back + seconds(30));
    assert_states(&mut world, &[0, 2, 3, 4, 5], ElectionState::Final);
    assert_passes(&world.finish());
}

#[test]
fn two_peers_with_one_validators_key_both_stop_and_the_others_finish() {
    let mut scenario = election(1);
    scenario.peers[4].validator = scenario.peers[0].validator;
    let mut world = World::new(scenario, 1);
    world.run_until(OPENS);
    for host in [0, 4] {
        let view = world.status(host).and_then(|status| status.finality).expect("it has times");
        let own = view.own_validator.expect("it is one");
        assert!(matches!(own.abstains, Some(Abstention::Twin(_))), "{own:?}");
    }
    world.run_until(FINAL_BY);
    assert_states(&mut world, &[0, 1, 2, 3, 4, 5], ElectionState::Final);
    assert_passes(&world.finish());
}
