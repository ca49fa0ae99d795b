//! A clock that was fast while blocks were mined, and what each peer says before, while and after their time comes.

use std::time::Duration;

use protocol::transaction::Transaction;
use sim::forge;
use sim::scenario::{Action, Scenario};
use sim::world::World;

use crate::seconds;

/// Host 0, whose clock is fast at first; two voters at 1 and 2; host 3, which stays.
const FAST: usize = 0;
const VOTERS: [usize; 2] = [1, 2];
const STAYS: usize = 3;

/// A world in which host 0 mined five empty blocks while its clock was 200 s fast. Its clock is right again, it
/// restarted, and no longer mines. Then two voters voted, and most peers count both.
fn after_two_votes(has_tracker: bool, seed: u64) -> World {
    let mut scenario = Scenario::quiet("fast clock", seed, 4, seconds(600));
    scenario.peers[FAST].skew_ms = 200_000;
    scenario.peers[FAST].block_time = Some(seconds(1));
    VOTERS.iter().for_each(|host| scenario.peers[*host].starts_at = seconds(30));
    (scenario.peers[STAYS].starts_at, scenario.peers[STAYS].block_time) = (seconds(30), None);
    let mut world = World::new(scenario, seed);
    world.run_until(Duration::from_millis(1));
    if !has_tracker {
        world.do_now(&Action::StopTracker);
    }
    for height in 1..=5 {
        world.do_now(&Action::Mine(FAST));
        let mined =
            world.run_until_holds(seconds(28), |world| votes_and_height(world, FAST).1 >= height);
        assert!(mined.is_some(), "block {height}: {:?}", world.violation());
    }
    world.do_now(&Action::Crash(FAST));
    world.do_now(&Action::SetClock(FAST, 0));
    world.plan_mut(FAST).block_time = None;
    world.do_now(&Action::StartTracker);
    world.do_now(&Action::Start(FAST));
    world.run_until(seconds(35));
    for (number, host) in (0..).zip(VOTERS) {
        let key = forge::key(seed, "clocks", number);
        let election = world.scenario().election.clone();
        let registration = forge::registration(&election, &key);
        world.submit_and_wait(host, registration).expect("a registration");
        let vote: Transaction = forge::vote(&election.election_id(), &key, number, world.unix());
        world.submit_and_wait(host, vote).expect("a vote");
    }
    let all = [FAST, VOTERS[0], VOTERS[1], STAYS];
    let counted = world.run_until_holds(seconds(80), |world| {
        all.iter().all(|host| votes_and_height(world, *host).0 == 2)
    });
    assert!(counted.is_some(), "{:?}", all.map(|host| world.status(host)));
    world
}

fn votes_and_height(world: &mut World, host: usize) -> (u64, u64) {
    world.status(host).map_or((0, 0), |status| (status.votes, status.tip.height.0))
}

/// A tracker's clock was the only other one while the blocks were mined, which is too few to tell which is wrong, and
/// enough to give the blocks a time that both take.
#[test]
fn blocks_of_a_fast_clock_beside_a_tracker_displace_nothing() {
    for seed in 1..=3 {
        let mut world = after_two_votes(true, seed);
        for host in VOTERS {
            world.do_now(&Action::Leave(host));
        }
        while world.at() < seconds(400) {
            let next = world.at() + seconds(1);
            world.run_until(next);
            let status = world.status(STAYS).expect("it is up");
            assert_eq!(
                (status.votes, status.waiting.blocks),
                (2, 0),
                "seed {seed}, {:?}",
                world.at()
            );
        }
        assert!(votes_and_height(&mut world, STAYS).1 > 5, "on top of the five");
        assert!(world.violation().is_none(), "{:?}", world.violation());
    }
}

/// Nobody was there while the blocks were mined. They are valid, and have more work than those of the votes.
#[test]
fn blocks_of_a_fast_clock_that_was_alone_wait_and_what_they_displace_returns_with_the_next_miner() {
    let mut world = after_two_votes(false, 1);
    let before = world.status(FAST).expect("it is up");
    assert_eq!(before.waiting.blocks, 5, "its own blocks wait, and it says so");
    assert!(before.waiting.next_in.is_some_and(|next_in| next_in < seconds(100)));
    for host in VOTERS {
        world.do_now(&Action::Leave(host));
    }
    let displaced =
        world.run_until_holds(seconds(300), |world| votes_and_height(world, STAYS) == (0, 5));
    assert!(displaced.is_some(), "{:?}", world.status(STAYS));
    let after = world.status(STAYS).expect("it is up");
    assert_eq!(after.pool, 4, "both registrations and both votes are in the pool again");
    assert!(!after.mines, "and nobody mines here, which is said");
    world.run_until(seconds(320));
    assert_eq!(votes_and_height(&mut world, STAYS), (0, 5), "there is no miner");
    world.do_now(&Action::Start(VOTERS[0]));
    let counted =
        world.run_until_holds(seconds(345), |world| votes_and_height(world, STAYS).0 == 2);
    assert!(counted.is_some(), "a miner is there: {:?}", world.status(STAYS));
    assert!(world.violation().is_none(), "{:?}", world.violation());
}
