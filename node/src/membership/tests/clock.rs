//! Whether this machine's clock is off, by whose word, for how long, and how long mining waits to hear of it.

use super::*;
use crate::own_addresses::{InterfaceAddress, OwnAddresses};

/// Peer 1, whose clock is 200 s fast, and two that know it.
fn fast() -> World {
    let mut world = World::new();
    world.skews.insert(address(1), 200_000);
    world.add(1, None, &[]);
    (2..=3).for_each(|port| world.add(port, None, &[1]));
    world.run(seconds(5));
    assert!(world.peer(1).clock().is_off);
    world
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The two that said that the clock is off are gone.
fn alone(mut world: World) -> World {
    (2..=3).for_each(|port| drop(world.peers.remove(&address(port))));
    world.run(seconds(10));
    assert_eq!(world.peer(1).neighbour_count(), 0);
    world
}

fn doubts(world: &mut World) -> bool {
    let now = world.time_at(&address(1));
    world.peer(1).watch_clock(now);
    world.peer(1).doubts_clock(now)
}

#[test]
fn that_the_clock_is_off_stays_known_when_those_who_said_so_leave() {
    let mut world = alone(fast());
    assert!(world.peer(1).clock().is_off && doubts(&mut world));
    assert_eq!(world.peer(1).clock().disagreeing, 2);
    world.run(seconds(500));
    assert!(doubts(&mut world));
    world.run(seconds(120));
    assert!(!doubts(&mut world), "nobody said so for ten minutes");
}

#[test]
fn a_clock_that_was_set_is_judged_anew() {
    let mut world = alone(fast());
    world.skews.clear();
    assert!(!doubts(&mut world), "nobody is there to tell");
    assert!(!world.peer(1).clock().is_off);
}

#[test]
fn one_who_agrees_ends_it() {
    let mut world = fast();
    world.skews.extend([(address(2), 0), (address(3), 0), (address(4), 200_000)]);
    let mut world = alone(world);
    world.add(4, None, &[1]);
    world.run(seconds(5));
    assert_eq!(world.peer(1).clock().compared, 1);
    assert!(!world.peer(1).clock().is_off);
}

#[test]
fn of_one_other_clock_it_is_told_how_far_they_are_apart() {
    let mut world = World::new();
    world.skews.insert(address(1), 200_000);
    world.add(1, None, &[]);
    world.add(2, None, &[1]);
    world.run(seconds(5));
    let (here, there) = (world.peer(1).clock(), world.peer(2).clock());
    assert_eq!((here.compared, here.apart_ms, here.is_off), (1, Some(200_000), false));
    assert_eq!((there.compared, there.apart_ms, there.is_off), (1, Some(-200_000), false));
    assert_eq!(world.peer(1).lead(), seconds(200), "the one that is ahead holds back");
    assert_eq!(world.peer(2).lead(), Duration::ZERO);
    assert!(!doubts(&mut world), "one other stops nobody");
}

#[test]
fn neighbours_that_come_and_go_hold_up_mining_for_three_seconds_a_minute() {
    let mut world = World::new();
    world.add(1, None, &[]);
    let mut doubted = 0;
    for round in 0..600 {
        let visitor = address(1_000 + round);
        world.say(visitor, 1, Datagram::Poke { nonce: 1, status: None }, true);
        assert!(world.peer(1).is_neighbour(&visitor));
        for _ in 0..4 {
            world.run(Duration::from_millis(50));
            doubted += usize::from(doubts(&mut world));
        }
        world.say(visitor, 1, Datagram::LeavePeer, true);
        assert_eq!(world.peer(1).neighbour_count(), 0);
    }
    // In two minutes, looked at every 50 ms: from the start on, and from the second minute on.
    assert!((60..=121).contains(&doubted), "{doubted}");
}

/// Two measurements of such a clock never agree, so nothing is told of it.
#[test]
fn clocks_that_are_never_the_same_hold_up_mining_for_ten_seconds() {
    let mut world = World::new();
    world.add(1, None, &[]);
    (2..=4).for_each(|port| world.add(port, None, &[1]));
    let mut doubted = 0;
    for round in 0..240 {
        let skew = 100_000 + 5_000 * round;
        world.skews.extend((2..=4).map(|port| (address(port), skew)));
        world.run(Duration::from_millis(250));
        doubted += usize::from(doubts(&mut world));
        assert!(!world.peer(1).clock().is_off);
    }
    assert!((20..=40).contains(&doubted), "{doubted}");
}

#[test]
fn the_tracker_is_asked_for_its_clock_as_soon_as_it_answers() {
    let mut world = World::new();
    world.add(1, Some(TRACKER), &[]);
    assert!(doubts(&mut world), "it may be there");
    let ack = RegisterAck {
        seen_as: address(1),
        election: ELECTION,
        ballot_bytes: 1,
        heartbeat_ms: 60_000,
        peers: vec![],
    };
    world.say(address(TRACKER), 1, Datagram::RegisterAck(ack), true);
    let nonce = world.sent_away.iter().find_map(|(to, sent)| {
        let Datagram::Poke { nonce, .. } = sent.datagram else { return None };
        (*to == address(TRACKER)).then_some(nonce)
    });
    let clock = UnixMillis(world.time().unix.0 - 200_000);
    let status = PeerStatus { height: Height(0), tip: BlockHash([0; 32]), work: Work(0), clock };
    let answer = Datagram::PokeAck { nonce: nonce.expect("it is asked"), status: Some(status) };
    world.say(address(TRACKER), 1, answer, true);
    assert!(!doubts(&mut world), "it was compared");
    assert_eq!(world.peer(1).lead(), seconds(200));
}

#[test]
fn a_tracker_that_does_not_answer_is_waited_for_a_moment() {
    let mut world = World::new();
    world.add(1, Some(TRACKER), &[]);
    world.run(Duration::from_millis(1_500));
    assert!(doubts(&mut world));
    world.run(Duration::from_millis(1_600));
    assert!(!doubts(&mut world));
}

impl World {
    /// The tracker of peer 1 answers it by the right time, twice, so that it is believed.
    fn agree_with_tracker(&mut self) {
        let (seen_as, election, ballot_bytes, heartbeat_ms) = (address(1), ELECTION, 1, 60_000);
        let ack = RegisterAck { seen_as, election, ballot_bytes, heartbeat_ms, peers: vec![] };
        self.say(address(TRACKER), 1, Datagram::RegisterAck(ack), true);
        for _ in 0..3 {
            self.sent_away.clear();
            self.say(address(TRACKER), 1, Datagram::Poke { nonce: 1, status: None }, true);
            let asked = self.sent_away.iter().find_map(|(to, sent)| {
                let Datagram::Poke { nonce, .. } = sent.datagram else { return None };
                (*to == address(TRACKER)).then_some(nonce)
            });
            let clock = self.time().unix;
            let (height, tip, work) = (Height(0), BlockHash([0; 32]), Work(0));
            let status = Some(PeerStatus { height, tip, work, clock });
            let answer = Datagram::PokeAck { nonce: asked.expect("it is asked"), status };
            self.say(address(TRACKER), 1, answer, true);
            self.run(Duration::from_millis(500));
        }
    }

    /// So many strangers come, all of whom say that the clock of peer 1 is off by 90 s.
    fn add_liars(&mut self, ports: std::ops::RangeInclusive<u16>) {
        for port in ports {
            self.skews.insert(address(port), 90_000);
            self.add(port, None, &[1]);
        }
    }

    /// Whether the clock of peer 1 is off, and how many say so.
    fn off(&mut self) -> (bool, usize) {
        let now = self.time_at(&address(1));
        self.peer(1).watch_clock(now);
        let clock = self.peer(1).clock();
        (clock.is_off, clock.disagreeing)
    }
}

/// Ten minutes after it was last heard, nobody is there who has the last word.
#[test]
fn strangers_call_no_clock_off_that_a_dead_tracker_found_right() {
    let mut world = World::new();
    world.add(1, Some(TRACKER), &[]);
    world.agree_with_tracker();
    world.run(seconds(700));
    world.add_liars(2..=10);
    let mut doubted = 0;
    for _ in 0..30 {
        world.run(seconds(1));
        doubted += usize::from(doubts(&mut world));
    }
    assert!(doubted <= 3, "it waits for the first comparison alone: {doubted}");
    assert_eq!(world.off(), (false, 9));
    let is_told = |output: &Output| matches!(output, Output::Event(Event::ClockDiffers { .. }));
    assert!(world.was_told(1, is_told), "what they say is told");
    let offset_ms = world.peer(1).clock().offset_ms.expect("it is compared");
    assert!(offset_ms.abs_diff(-90_000) < 1_000, "{offset_ms}");
}

#[test]
fn a_clock_that_was_set_since_a_tracker_found_it_right_is_judged_anew() {
    for (set_ms, is_off) in [(14_000, false), (-14_000, false), (16_000, true), (-16_000, true)] {
        let mut world = World::new();
        world.add(1, Some(TRACKER), &[]);
        world.agree_with_tracker();
        world.run(seconds(700));
        world.skews.insert(address(1), set_ms);
        world.add_liars(2..=10);
        world.run(seconds(20));
        assert_eq!(world.off(), (is_off, 9), "set by {set_ms} ms");
    }
    // Set and set back, or asleep and awake again: nobody knows what it was meanwhile.
    let mut world = World::new();
    world.add(1, Some(TRACKER), &[]);
    world.agree_with_tracker();
    world.run(seconds(700));
    for skew in [60_000, 0] {
        world.skews.insert(address(1), skew);
        world.run(seconds(1));
        world.off();
    }
    world.add_liars(2..=10);
    world.run(seconds(20));
    assert_eq!(world.off(), (true, 9));
}

/// It goes wrong by a second each time, which is no jump.
#[test]
fn a_clock_that_drifts_away_is_judged_anew() {
    let mut world = World::new();
    world.add(1, Some(TRACKER), &[]);
    world.agree_with_tracker();
    for step in 1..=70 {
        world.skews.insert(address(1), step * 900);
        world.off();
        world.run(seconds(10));
    }
    (2..=4).for_each(|port| world.add(port, None, &[1]));
    world.run(seconds(20));
    assert_eq!(world.off(), (true, 3));
}

impl World {
    /// Peers 2 to 4 found the clock of peer 1 right.
    fn found_right_by_strangers() -> Self {
        let mut world = Self::new();
        world.add(1, None, &[]);
        (2..=4).for_each(|port| world.add(port, None, &[1]));
        world.run(seconds(5));
        world
    }

    /// They go, and what was measured of them is not believed any more.
    fn lose_strangers(&mut self) {
        (2..=4).for_each(|port| drop(self.peers.remove(&address(port))));
        self.run(seconds(700));
    }
}

#[test]
fn a_clock_that_strangers_found_right_stands_against_as_many() {
    let mut world = World::found_right_by_strangers();
    world.lose_strangers();
    world.add_liars(11..=13);
    world.run(seconds(20));
    assert_eq!(world.off(), (false, 3));
    world.add_liars(14..=14);
    world.run(seconds(20));
    assert_eq!(world.off(), (true, 4), "more say so");
    assert!(world.was_told(1, is_off));
    // One of them goes, and as many are left as found it right: they are not believed, and nothing agrees.
    world.peers.remove(&address(14));
    world.run(seconds(700));
    assert_eq!(world.off(), (false, 3));
    assert!(world.was_told(1, |output| matches!(output, Output::ClockJudged)));
    assert!(!world.was_told(1, agrees));
    world.skews.clear();
    world.run(seconds(20));
    assert_eq!(world.off(), (false, 0));
    assert!(world.was_told(1, agrees));
}

fn is_off(output: &Output) -> bool {
    matches!(output, Output::Event(Event::ClockOff { .. }))
}

fn agrees(output: &Output) -> bool {
    matches!(output, Output::Event(Event::ClockAgrees { .. }))
}

#[test]
fn who_differs_while_the_own_clock_is_off_is_told_once_that_is_mended() {
    let mut world = fast();
    world.skews.insert(address(4), 500_000);
    world.add(4, None, &[1]);
    world.run(seconds(10));
    assert!(world.off().0);
    let differs = |output: &Output| {
        matches!(output, Output::Event(Event::ClockDiffers { address: from, .. })
            if *from == address(4))
    };
    assert!(!world.was_told(1, differs));
    world.skews.remove(&address(1));
    world.run(seconds(10));
    assert!(!world.off().0);
    assert!(world.was_told(1, differs));
}

/// It shares the clock, so it would always agree.
#[test]
fn a_neighbour_on_this_very_machine_has_no_last_word() {
    for (is_known, is_off) in [(true, true), (false, false)] {
        let mut world = World::new();
        world.add(1, None, &[2]);
        let ip = address(2).ip();
        let interfaces =
            is_known.then_some(InterfaceAddress { ip, prefix: 24 }).into_iter().collect();
        let now = world.time();
        let own = OwnAddresses { port: 1, interfaces, announces: false };
        world.peer(1).set_own_addresses(own, now);
        world.add(2, None, &[]);
        world.run(seconds(5));
        world.add_liars(3..=6);
        world.run(seconds(20));
        assert_eq!(world.off(), (is_off, 4), "known as this machine's: {is_known}");
    }
}

/// A machine that was paused finds both of its times stopped alike, so that no jump is seen.
#[test]
fn those_who_found_a_clock_right_can_take_it_back() {
    let mut world = World::found_right_by_strangers();
    assert_eq!(world.off(), (false, 0));
    world.skews.extend((2..=4).map(|port| (address(port), 90_000)));
    world.run(seconds(5));
    assert_eq!(world.off(), (true, 3));
}

/// They say it too, and then take it back, while those are gone who said it first.
#[test]
fn as_many_liars_do_not_take_the_place_of_those_who_found_a_clock_right() {
    let mut world = World::found_right_by_strangers();
    world.lose_strangers();
    (11..=13).for_each(|port| world.add(port, None, &[1]));
    world.run(seconds(5));
    world.skews.extend((11..=13).map(|port| (address(port), 90_000)));
    world.run(seconds(20));
    assert_eq!(world.off(), (false, 3));
}

#[test]
fn whom_the_user_named_has_the_last_word_after_all() {
    let mut world = World::new();
    world.add(1, Some(TRACKER), &[11]);
    world.agree_with_tracker();
    world.run(seconds(700));
    world.add_liars(11..=12);
    world.run(seconds(30));
    assert_eq!(world.off(), (true, 2), "one of the two was given by hand");
}
