//! Bodies that the disk has lost and bodies that wait for them, with little memory for what is fetched ahead.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "of what a node tells, each test looks at one kind"
)]

use protocol::block::HEADER_BYTES;
use protocol::datagram::{AnnouncedBody, BLOCK_PIECE_BYTES, Datagram};

use super::ahead::{Fetching, MEBIBYTE, block_of_registrations, large_election};
use super::*;

/// What one block of the largest size takes of the limit.
const BLOCK: usize = HEADER_BYTES + MEBIBYTE.div_ceil(BLOCK_PIECE_BYTES) * BLOCK_PIECE_BYTES;
/// Bodies that take one piece each.
const TRANSACTIONS: usize = 3;

fn limits(ahead_bytes_max: usize) -> Limits {
    Limits { ahead_bytes_max, ..Limits::default() }
}

fn first_block(number: usize) -> Arc<Block> {
    let election = large_election();
    block_of_registrations(&election, &Header::genesis(&election), number, TRANSACTIONS)
}

/// Lets time pass until the chain has this height, or for 8 seconds, after which a branch would be given up.
fn run(fetching: &mut Fetching, height: usize) {
    for round in 0..800 {
        fetching.step(round);
        (0..10).for_each(|_| fetching.end_check());
        if fetching.height() == height
            && fetching.network.node(1).chain().lost_bodies().count() == 0
        {
            break;
        }
    }
}

/// Own blocks that the disk has lost, one after the other.
fn own_lost(count: usize) -> Vec<Arc<Block>> {
    let mut own = vec![first_block(100)];
    while own.len() < count {
        let parent = own.last().expect("one").header;
        own.push(block_of_registrations(&large_election(), &parent, 100 + own.len(), TRANSACTIONS));
    }
    own
}

/// The number of own blocks that were left without their bodies.
fn left_lost(fetching: &Fetching) -> usize {
    let lost = fetching.network.events.iter().map(|(_, event)| match event {
        Event::Reorganisation { lost, .. } => *lost,
        _ => 0,
    });
    lost.sum()
}

/// Lets so many milliseconds pass, in each of which something may happen.
fn pass(
    fetching: &mut Fetching,
    rounds: std::ops::Range<u64>,
    mut each: impl FnMut(&mut Fetching, u64),
) {
    for round in rounds {
        each(fetching, round);
        fetching.step(round);
        (0..10).for_each(|_| fetching.end_check());
    }
}

/// A neighbour that is asked for as much as it can give is asked for what a move waits for first.
#[test]
fn a_lost_body_that_a_move_waits_for_is_fetched_however_busy_the_sync_is() {
    let own = own_lost(1);
    let mut fetching = Fetching::on(own.clone(), &own, 100, TRANSACTIONS, 1, Limits::default());
    fetching.withheld = (2..100).map(|number| fetching.hash(number)).collect();
    let mut next = 2;
    pass(&mut fetching, 0..3_000, |fetching, round| {
        if round % 50 == 49 {
            let hash = fetching.hash(next);
            fetching.withheld.remove(&hash);
            next += 1;
        }
    });
    assert!(fetching.height() > 10, "it moved to {}", fetching.height());
    assert_eq!(left_lost(&fetching), 0);
}

/// Nobody keeps back what nobody was asked for: here, because signatures that take long to check take all the room.
#[test]
fn the_wait_for_a_lost_body_begins_once_there_is_room_to_ask_for_it() {
    let own = own_lost(1);
    let limits = limits(2 * BLOCK + BLOCK_PIECE_BYTES);
    let mut fetching = Fetching::on(own.clone(), &own, 40, TRANSACTIONS, 2, limits);
    for round in 0..3_000 {
        fetching.step(round);
        let is_slow = fetching.network.node(1).chain().has_checked_body(&fetching.hash(1));
        if !is_slow || round > 1_500 {
            fetching.end_check();
        }
    }
    assert_eq!((fetching.height(), left_lost(&fetching)), (40, 0));
}

#[test]
fn the_wait_for_a_lost_body_begins_once_the_disk_has_room_for_it() {
    let own = own_lost(1);
    let limits = Limits { waiting_bytes_max: 800, ..Limits::default() };
    let mut fetching = Fetching::on(own.clone(), &own, 2, TRANSACTIONS, 1, limits);
    fetching.withheld.extend(own.iter().map(|block| block.header.hash()));
    fetching.disk_is_slow = true;
    pass(&mut fetching, 0..3_000, |fetching, round| {
        if round == 1_500 {
            fetching.withheld.clear();
            fetching.free_disk();
        }
    });
    assert_eq!((fetching.height(), left_lost(&fetching)), (2, 0));
}

/// Each that comes shows that somebody has them.
#[test]
fn many_lost_bodies_that_a_move_waits_for_may_come_one_after_the_other() {
    let own = own_lost(40);
    let mut fetching = Fetching::on(own.clone(), &own, 41, TRANSACTIONS, 1, Limits::default());
    fetching.withheld = own.iter().map(|block| block.header.hash()).collect();
    let mut given_at = 0;
    pass(&mut fetching, 0..10_000, |fetching, round| {
        if round >= given_at + 200
            && let Some(hash) = fetching.refused
            && fetching.withheld.remove(&hash)
        {
            given_at = round;
        }
    });
    assert_eq!(fetching.height(), 41);
    assert_eq!(left_lost(&fetching), 0);
}

/// The bodies of the better branch are read from the disk then, which starts no second wait.
#[test]
fn a_lost_body_that_nobody_has_holds_up_the_move_for_10_seconds() {
    let own = own_lost(1);
    let mut fetching = Fetching::on(own.clone(), &own, 20, TRANSACTIONS, 1, Limits::default());
    fetching.withheld.insert(own[0].header.hash());
    pass(&mut fetching, 0..900, |_, _| ());
    assert_eq!((fetching.height(), left_lost(&fetching)), (1, 0));
    pass(&mut fetching, 900..1_100, |_, _| ());
    assert_eq!((fetching.height(), left_lost(&fetching)), (20, 1));
}

/// The disk turns out to have lost it only once it is read, which is after the wait for another one.
#[test]
fn a_body_that_is_found_lost_after_the_wait_for_one_above_it_is_waited_for_too() {
    let own = own_lost(5);
    let lost = [Arc::clone(&own[4])];
    let mut fetching = Fetching::on(own.clone(), &lost, 20, TRANSACTIONS, 1, Limits::default());
    fetching.withheld.insert(own[4].header.hash());
    let summary = Some(Box::new(BlockEffects::of(&own[2])));
    let failure = LoadFailure::Lost { reason: "its checksum does not match".into(), summary };
    fetching.network.load_failures.insert(own[2].header.hash(), failure);
    pass(&mut fetching, 0..2_500, |_, _| ());
    assert_eq!((fetching.height(), left_lost(&fetching)), (20, 1));
}

/// The disk may read it a second later, and nobody has to be asked once more.
#[test]
fn a_body_that_the_disk_refuses_after_the_wait_for_another_starts_no_second_wait() {
    let own = own_lost(2);
    let lost = [Arc::clone(&own[1])];
    let mut fetching = Fetching::on(own.clone(), &lost, 20, TRANSACTIONS, 1, Limits::default());
    fetching.withheld.insert(own[1].header.hash());
    let failure = LoadFailure::Refused { reason: "input/output error".into() };
    fetching.network.load_failures.insert(own[0].header.hash(), failure);
    pass(&mut fetching, 0..1_300, |_, _| ());
    assert_eq!((fetching.height(), left_lost(&fetching)), (20, 1));
}

/// Each that comes begins the wait anew, but not for ever.
#[test]
fn bodies_that_come_one_by_one_hold_up_the_move_for_two_minutes_at_most() {
    let own = own_lost(40);
    let mut fetching = Fetching::on(own.clone(), &own, 41, TRANSACTIONS, 1, Limits::default());
    fetching.withheld = own.iter().map(|block| block.header.hash()).collect();
    let mut given_at = 0;
    let mut give_slowly = |fetching: &mut Fetching, round: u64| {
        if round >= given_at + 400
            && let Some(hash) = fetching.refused
            && fetching.withheld.remove(&hash)
        {
            given_at = round;
        }
    };
    pass(&mut fetching, 0..11_900, &mut give_slowly);
    assert_eq!((fetching.height(), left_lost(&fetching)), (40, 0));
    pass(&mut fetching, 11_900..12_200, &mut give_slowly);
    let left = left_lost(&fetching);
    assert_eq!(fetching.height(), 41);
    assert!((1..20).contains(&left), "{left}");
}

/// What waits for it must not take the room that it needs.
#[test]
fn a_lost_body_on_the_way_is_fetched_although_others_that_wait_for_it_fill_the_room() {
    let room_for_three = BLOCK + 4 * BLOCK_PIECE_BYTES;
    let lost = first_block(0);
    let mut fetching = Fetching::on(vec![], &[lost], 12, TRANSACTIONS, 2, limits(room_for_three));
    // It comes last.
    fetching.withheld.insert(fetching.hash(0));
    for round in 0..100 {
        fetching.step(round);
        (0..10).for_each(|_| fetching.end_check());
    }
    assert!(fetching.network.node(1).sync.bytes_ahead() > BLOCK_PIECE_BYTES, "some wait for it");
    fetching.withheld.clear();
    run(&mut fetching, 12);
    assert_eq!(fetching.height(), 12);
    assert_eq!(fetching.network.node(1).sync.bytes_ahead(), 0);
}

/// However small the limit is, blocks come, and so do those that are lost beside the way.
#[test]
fn blocks_come_however_little_room_there_is() {
    for ahead_bytes_max in
        [0, 1, BLOCK - 1, BLOCK, 2 * MEBIBYTE, 2 * BLOCK - 1, 2 * BLOCK, 2 * BLOCK + 1]
    {
        let own = first_block(100);
        let on_the_way = first_block(0);
        let lost = [Arc::clone(&own), on_the_way];
        let mut fetching =
            Fetching::on(vec![own], &lost, 6, TRANSACTIONS, 2, limits(ahead_bytes_max));
        run(&mut fetching, 6);
        assert_eq!(fetching.height(), 6, "{ahead_bytes_max}");
        let lost = fetching.network.node(1).chain().lost_bodies().count();
        assert_eq!(lost, 0, "{ahead_bytes_max}");
        assert_eq!(fetching.network.node(1).sync.bytes_ahead(), 0, "{ahead_bytes_max}");
    }
}

/// A branch overtakes the own one after many blocks, all of which are on the disk by then.
#[test]
fn bodies_below_the_point_where_their_branch_overtakes_wait_for_none_and_take_no_room() {
    let election = large_election();
    let mut own = vec![first_block(100)];
    while own.len() < 20 {
        let parent = own.last().expect("one").header;
        own.push(block_of_registrations(&election, &parent, 100 + own.len(), TRANSACTIONS));
    }
    let limits = limits(2 * BLOCK);
    let mut fetching = Fetching::on(own, &[], 21, TRANSACTIONS, 2, limits);
    let last = fetching.hash(20);
    fetching.withheld.insert(last);
    for round in 0..200 {
        fetching.step(round);
        (0..10).for_each(|_| fetching.end_check());
    }
    let chain = fetching.network.node(1).chain();
    assert!((0..20).all(|number| chain.has_checked_body(&fetching.hash(number))));
    // One piece of the last one is asked for.
    assert!(fetching.network.node(1).sync.bytes_ahead() <= HEADER_BYTES + BLOCK_PIECE_BYTES);
    fetching.withheld.clear();
    run(&mut fetching, 21);
    assert_eq!(fetching.network.node(1).tip().hash, last);
}

/// Nobody asked for them, and they wait for one below like those that were fetched.
#[test]
fn announced_bodies_that_wait_for_another_are_bounded_like_fetched_ones() {
    let most = BLOCK + 4 * BLOCK_PIECE_BYTES;
    let mut fetching = Fetching::on(vec![], &[], 30, TRANSACTIONS, 1, limits(most));
    fetching.withheld = (0..30).map(|number| fetching.hash(number)).collect();
    fetching.step(0);
    let server = address(9);
    for block in fetching.blocks.clone().into_iter().skip(1) {
        let transactions = block.transactions.iter().map(|each| each.transaction().clone());
        let body = AnnouncedBody::Transactions(transactions.collect());
        fetching.say(server, Datagram::NewBlock { header: block.header, body });
        fetching.end_check();
    }
    let taken =
        |number: &usize| fetching.network.node(1).chain().has_checked_body(&fetching.hash(*number));
    let taken = (1..30).filter(taken).count();
    assert!((1..16).contains(&taken), "{taken} were taken");
    assert!(fetching.network.node(1).sync.bytes_ahead() <= most);
    fetching.withheld.clear();
    run(&mut fetching, 30);
    assert_eq!(fetching.height(), 30);
}
