//! Clocks that are wrong: what a node says, whether it mines, and which blocks it counts.

use super::*;
use crate::{ClockView, Unready};

fn clock(network: &mut Network, number: u16) -> ClockView {
    match network.command(number, Command::Status) {
        Ok(Answer::Status(status)) => status.clock,
        other => panic!("{other:?}"),
    }
}

fn unready(network: &mut Network, number: u16) -> Vec<Unready> {
    match network.command(number, Command::Status) {
        Ok(Answer::Status(status)) => status.unready,
        other => panic!("{other:?}"),
    }
}

fn cast(network: &mut Network, number: u16, voter: u8) {
    network.submit(number, network.registration(voter)).expect("a registration");
    network.submit(number, network.vote(voter, 0)).expect("a vote");
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What node `number` told of clocks.
fn told(network: &Network, number: u16) -> Vec<&Event> {
    let told = network.events.iter().filter(|(at, _)| *at == address(number));
    told.map(|(_, event)| event)
        .filter(|event| {
            matches!(
                event,
                Event::ClockOff { .. } | Event::ClockAgrees { .. } | Event::ClockDiffers { .. }
            )
        })
        .collect()
}

/// By one second of it the answer says by how much the clock is off.
fn is_about(offset_ms: i64, expected_ms: i64) -> bool {
    offset_ms.abs_diff(expected_ms) <= 1_000
}

#[test]
fn a_node_whose_clock_is_fast_does_not_mine_and_says_so_until_it_is_mended() {
    let mut network = Network::new();
    network.skews.insert(address(1), 200_000);
    (1..=4).for_each(|number| network.add(number, Restored::default()));
    network.run(seconds(5));
    let [Unready::ClockOff { offset_ms, disagreeing: 3, compared: 3 }] =
        unready(&mut network, 1)[..]
    else {
        panic!("{:?}", unready(&mut network, 1))
    };
    assert!(is_about(offset_ms, 200_000), "{offset_ms}");
    let ordered = network.command(1, Command::Mine);
    assert!(matches!(ordered, Err(CommandError::ClockOff { .. })), "{ordered:?}");
    for number in 2..=4 {
        assert_eq!(unready(&mut network, number), [], "one wrong clock of three is not most");
    }
    assert_eq!(network.node(1).tip().height.0, 0);
    network.skews.clear();
    network.run(seconds(5));
    assert_eq!(unready(&mut network, 1), []);
    assert!(network.command(1, Command::Mine).is_ok());
    let of_this =
        told(&network, 1).into_iter().filter(|event| !matches!(event, Event::ClockDiffers { .. }));
    let of_this: Vec<_> = of_this.collect();
    let expected = [
        &Event::ClockOff { offset_ms, disagreeing: 2, compared: 2 },
        &Event::ClockAgrees { compared: 2 },
    ];
    assert_eq!(of_this, expected);
}

#[test]
fn a_node_whose_clock_is_slow_mines_no_vote_and_its_neighbours_do() {
    let mut network = Network::new();
    network.skews.insert(address(2), -3 * 3_600_000);
    (1..=3).for_each(|number| network.add(number, Restored::default()));
    network.run(seconds(3));
    cast(&mut network, 1, 1);
    network.run(seconds(5));
    assert_eq!(network.node(1).chain().tally().votes, 1);
    let unready = unready(&mut network, 2);
    assert!(
        matches!(unready[0], Unready::ClockOff { offset_ms, .. } if is_about(offset_ms, -10_800_000)),
        "{unready:?}"
    );
}

#[test]
fn a_clock_is_compared_with_at_least_two_others() {
    let mut network = Network::with_nodes(2);
    network.run(seconds(3));
    let alone =
        ClockView { compared: 1, offset_ms: None, apart_ms: None, disagreeing: 0, is_off: false };
    assert_eq!(clock(&mut network, 1), alone);
    network.add(3, Restored::default());
    network.run(seconds(5));
    let ClockView { compared: 2, offset_ms: Some(offset_ms), disagreeing: 0, .. } =
        clock(&mut network, 1)
    else {
        panic!("{:?}", clock(&mut network, 1))
    };
    assert!(is_about(offset_ms, 0));
}

#[test]
fn a_node_that_was_stopped_for_a_minute_accuses_no_clock() {
    let mut network = Network::with_nodes(3);
    network.run(seconds(3));
    // What comes meanwhile waits in its socket, and is read once it goes on.
    network.freeze(1, seconds(60));
    network.run(seconds(10));
    for number in 1..=3 {
        assert_eq!(told(&network, number), Vec::<&Event>::new(), "node {number}");
        assert_eq!(unready(&mut network, number), [], "node {number}");
    }
    assert!(clock(&mut network, 1).offset_ms.is_some());
}

#[test]
fn a_machine_that_slept_accuses_no_clock() {
    let mut network = Network::with_nodes(3);
    network.run(seconds(3));
    // Others' time goes on by a minute, and so does its own clock, but not its monotonic time.
    network.skews.insert(address(1), -60_000);
    network.run(Duration::from_millis(1));
    network.events.clear();
    network.skews.clear();
    network.run(seconds(10));
    for number in 1..=3 {
        assert_eq!(told(&network, number), Vec::<&Event>::new(), "node {number}");
    }
    assert_eq!(unready(&mut network, 1), []);
}

#[test]
fn what_a_clock_that_jumped_seemed_to_be_before_is_forgotten() {
    let mut network = Network::with_nodes(3);
    network.run(seconds(5));
    network.skews.insert(address(1), 200_000);
    network.run(Duration::from_millis(1_020));
    assert_eq!(clock(&mut network, 1).offset_ms, None, "nothing is said before it was compared");
    cast(&mut network, 2, 1);
    network.run(seconds(5));
    assert!(unready(&mut network, 1).iter().any(|why| matches!(why, Unready::ClockOff { .. })));
    assert_eq!(network.node(2).chain().tally().votes, 1);
    let mined_here = |(at, event): &(SocketAddr, Event)| {
        *at == address(1) && matches!(event, Event::Block { mined_here: true, .. })
    };
    assert!(!network.events.iter().any(mined_here), "a block of the wrong time");
}

/// How many votes node `number` counts, and how many blocks wait for their time.
fn counted(network: &mut Network, number: u16) -> (u64, usize) {
    match network.command(number, Command::Results) {
        Ok(Answer::Results(results)) => (results.votes, results.waiting.blocks),
        other => panic!("{other:?}"),
    }
}

/// A node that mined five empty blocks while its clock was 200 s fast, and nobody was there to tell.
fn once_fast() -> Network {
    let mut network = Network::new();
    network.skews.insert(address(1), 200_000);
    network.add(1, Restored::default());
    for _ in 0..5 {
        network.command(1, Command::Mine).expect("nobody says that the clock is off");
        network.run(seconds(1));
    }
    assert_eq!(network.node(1).tip().height.0, 5);
    network.skews.clear();
    network
}

#[test]
fn blocks_of_a_fast_clock_leave_once_it_is_mended_and_votes_stay_counted() {
    for restarts in [false, true] {
        let mut network = once_fast();
        if restarts {
            network.restart(1);
        }
        assert_eq!(counted(&mut network, 1), (0, 5), "restarts: {restarts}");
        network.add(2, Restored::default());
        network.add(3, Restored::default());
        network.run(seconds(3));
        cast(&mut network, 2, 1);
        network.run(seconds(5));
        for number in 1..=3 {
            assert_eq!(counted(&mut network, number).0, 1, "node {number}");
        }
        let Ok(Answer::Status(status)) = network.command(1, Command::Status) else { panic!() };
        let next_in = status.waiting.next_in.expect("five wait");
        assert!(next_in > seconds(55) && next_in < seconds(80), "{next_in:?}");
        // Their time comes, and they have more work. Whoever mines brings the vote back.
        network.run(seconds(100));
        for number in 1..=3 {
            assert!(network.node(number).tip().height.0 > 5, "node {number}");
            assert_eq!(counted(&mut network, number), (1, 0), "node {number}");
        }
    }
}

#[test]
fn votes_of_blocks_that_wait_are_in_the_pool_meanwhile() {
    let mut network = Network::new();
    network.skews.insert(address(1), 600_000);
    network.add(1, Restored::default());
    cast(&mut network, 1, 1);
    network.run(seconds(3));
    assert_eq!(counted(&mut network, 1), (1, 0));
    network.skews.clear();
    assert_eq!(counted(&mut network, 1), (0, 1));
    let Ok(Answer::Status(status)) = network.command(1, Command::Status) else { panic!() };
    assert_eq!(status.pool, 2, "the registration and the vote");
    network.run(seconds(3));
    let height = network.node(1).tip().height.0;
    assert_eq!((counted(&mut network, 1).0, height), (1, 1), "they are mined again, in time");
}

#[test]
fn a_slow_clock_says_how_many_blocks_wait_and_counts_them_once_it_is_mended() {
    let mut network = Network::new();
    network.skews.insert(address(3), -3 * 3_600_000);
    (1..=3).for_each(|number| network.add(number, Restored::default()));
    network.run(seconds(3));
    cast(&mut network, 1, 1);
    network.run(seconds(5));
    assert_eq!(counted(&mut network, 1), (1, 0));
    let (votes, waiting) = counted(&mut network, 3);
    assert!(votes == 0 && waiting >= 1, "{votes} votes, {waiting} wait");
    network.skews.clear();
    network.run(seconds(6));
    assert_eq!(counted(&mut network, 3), (1, 0));
}

/// What status says of a node.
fn status(network: &mut Network, number: u16) -> crate::Status {
    match network.command(number, Command::Status) {
        Ok(Answer::Status(status)) => *status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn of_two_whose_clocks_are_far_apart_each_mines_blocks_that_both_take() {
    let mut network = Network::new();
    network.skews.insert(address(1), 200_000);
    (1..=2).for_each(|number| network.add(number, Restored::default()));
    network.run(seconds(5));
    for _ in 0..5 {
        network.command(1, Command::Mine).expect("one other clock proves nothing");
        network.run(seconds(1));
    }
    assert_eq!(network.node(2).tip().height.0, 5, "empty ones that were ordered");
    cast(&mut network, 1, 1);
    network.run(seconds(3));
    for number in 1..=2 {
        assert_eq!(counted(&mut network, number), (1, 0), "node {number}");
    }
    assert_eq!(status(&mut network, 1).clock.apart_ms.map(|apart| apart / 10_000), Some(20));
    assert_eq!(status(&mut network, 2).clock.apart_ms.map(|apart| apart / 10_000), Some(-20));
}

#[test]
fn what_is_searched_for_while_the_clock_is_set_bears_the_right_time() {
    let mut network = Network::new();
    network.skews.insert(address(1), 600_000);
    network.add(1, Restored::default());
    cast(&mut network, 1, 1);
    while !network.node(1).mining.is_searching() {
        network.run(Duration::from_millis(5));
    }
    network.skews.clear();
    network.run(seconds(2));
    assert_eq!(counted(&mut network, 1), (1, 0));
    assert!(network.node(1).chain().tip_header().time <= network.time().unix);
}

#[test]
fn a_lone_miner_is_not_held_up_by_a_neighbour_that_comes_and_goes() {
    let mut network = Network::with_nodes(1);
    network.run(seconds(2));
    cast(&mut network, 1, 1);
    for round in 0..10 {
        network.add(2 + round, Restored::default());
        network.run(Duration::from_millis(100));
        network.command(2 + round, Command::Leave).expect("it leaves");
        network.run(Duration::from_millis(20));
        network.nodes.remove(&address(2 + round));
    }
    assert_eq!(counted(&mut network, 1), (1, 0));
}

#[test]
fn a_clock_that_is_mended_after_minutes_is_of_use_at_once() {
    let mut network = Network::new();
    network.skews.insert(address(3), -3 * 3_600_000);
    (1..=3).for_each(|number| network.add(number, Restored::default()));
    network.run(seconds(3));
    cast(&mut network, 1, 1);
    network.run(seconds(200));
    assert_eq!(counted(&mut network, 3).0, 0);
    network.skews.clear();
    network.run(seconds(1));
    assert_eq!(counted(&mut network, 3), (1, 0));
}

#[test]
fn who_counts_less_than_most_because_blocks_wait_is_not_ready() {
    let mut network = Network::new();
    network.skews.insert(address(2), -3 * 3_600_000);
    (1..=2).for_each(|number| network.add(number, Restored::default()));
    network.run(seconds(3));
    assert_eq!(unready(&mut network, 2), [], "one other clock proves nothing");
    cast(&mut network, 1, 1);
    network.run(seconds(10));
    assert_eq!(counted(&mut network, 2).0, 0);
    let why = unready(&mut network, 2);
    assert!(
        matches!(why[..], [Unready::BlocksWait { blocks: 1.., next_in }] if next_in > seconds(10_000)),
        "{why:?}"
    );
}

#[test]
fn one_header_whose_time_is_ahead_makes_nobody_unready() {
    let mut network = Network::with_nodes(4);
    network.run(seconds(3));
    let early = Header {
        time: network.time().unix.plus(seconds(100_000)),
        ..mined_header(network.node(1).chain().tip_header(), MerkleRoot([0; 32]), 1)
    };
    let early = (0..).map(|nonce| Header { nonce, ..early }).find(Header::has_work).expect("easy");
    let now = network.time();
    for number in 1..=4 {
        let node = network.nodes.get_mut(&address(number)).expect("a node");
        node.hold_early_header(early, address(4), now);
    }
    for number in 1..=3 {
        assert_eq!(status(&mut network, number).waiting.blocks, 1);
        assert_eq!(unready(&mut network, number), []);
    }
}

#[test]
fn who_just_came_is_not_ready_before_it_knows_what_the_others_have() {
    let mut network = Network::with_nodes(2);
    cast(&mut network, 1, 1);
    network.run(seconds(3));
    assert_eq!(counted(&mut network, 2).0, 1);
    network.add_with(3, Some(TRACKER), vec![address(1), address(2)], Restored::default());
    let mut ready_after = None;
    for step in 0..2_000 {
        if unready(&mut network, 3).is_empty() {
            ready_after.get_or_insert(step);
            assert_eq!(counted(&mut network, 3).0, 1, "ready after {step} ms without the vote");
        }
        network.run(Duration::from_millis(1));
    }
    assert!(ready_after.is_some(), "{:?}", unready(&mut network, 3));
}

#[test]
fn a_claim_without_blocks_makes_nobody_unready_for_long() {
    let mut network = Network::with_nodes(2);
    network.run(seconds(3));
    let now = network.time();
    let claim = protocol::datagram::PeerStatus {
        height: protocol::units::Height(1_000),
        tip: BlockHash([9; 32]),
        work: protocol::units::Work(u128::MAX),
        clock: now.unix,
    };
    let node = network.nodes.get_mut(&address(1)).expect("a node");
    node.note_status(address(2), claim, now);
    assert_eq!(unready(&mut network, 1).len(), 1, "it just came into contact, and looks into it");
    network.run(seconds(8));
    assert_eq!(unready(&mut network, 1), []);
}

#[test]
fn a_machine_that_slept_for_an_hour_of_its_own_time_too_accuses_no_clock() {
    let mut network = Network::with_nodes(3);
    network.run(seconds(3));
    // Its monotonic time goes on as well, and it finds all at once what it missed.
    network.freeze(1, seconds(3_600));
    network.run(seconds(10));
    // Its clock is set back a minute by somebody, and forth again.
    for skew in [-60_000, 0] {
        network.skews.insert(address(1), skew);
        network.run(Duration::from_millis(900));
    }
    network.run(seconds(10));
    for number in 1..=3 {
        assert_eq!(told(&network, number), Vec::<&Event>::new(), "node {number}");
        assert_eq!(unready(&mut network, number), [], "node {number}");
    }
}
