//! What peers tell each other of themselves, and what comes of lies about it.

use protocol::datagram::RunNumber;
use protocol::peer_name::NAME_BYTES_MAX;

use super::*;

/// A port whose peer draws the same number for its run as that of port 2.
const TWIN_OF_2: u16 = 2 + SEEDS;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn introduction(run: u8, name: &str) -> Datagram {
    Datagram::Name { run: RunNumber([run; 8]), name: name.to_owned() }
}

impl World {
    /// Peer 1, and a stranger that it takes as a neighbour.
    fn with_stranger() -> (Self, SocketAddr) {
        let (mut world, stranger) = (Self::new(), address(9));
        world.add(1, None, &[]);
        world.say(stranger, 1, Datagram::Poke { nonce: 1, status: None }, true);
        (world, stranger)
    }

    fn name(&mut self, at: u16, of: SocketAddr) -> Option<String> {
        self.peer(at).name_of(&of).map(|name| name.to_string())
    }

    fn names_told(&self) -> Vec<String> {
        let names = self.told.iter().filter_map(|(_, output)| {
            let Output::Event(Event::NeighbourNamed { name, .. }) = output else { return None };
            Some(name.to_string())
        });
        names.collect()
    }
}

#[test]
fn neighbours_hear_each_others_names_at_once_and_those_without_one_have_none() {
    let mut world = World::new();
    world.names.extend([(1, "Ada's laptop"), (2, "\u{5b66}\u{6821}")]);
    world.add(1, None, &[]);
    world.add(2, None, &[1]);
    world.add(3, None, &[1, 2]);
    world.run(Duration::from_millis(10));
    assert_eq!(world.name(2, address(1)).as_deref(), Some("Ada's laptop"));
    assert_eq!(world.name(1, address(2)).as_deref(), Some("\u{5b66}\u{6821}"));
    assert_eq!(world.name(1, address(3)), None);
    world.run(seconds(200));
    assert_eq!(world.names_told().len(), 4, "each is told of once by each of its neighbours");
}

#[test]
fn a_name_is_told_again_ever_more_rarely_and_only_to_neighbours() {
    let (mut world, stranger) = World::with_stranger();
    for nonce in 0..200 {
        world.run(seconds(1));
        world.say(stranger, 1, Datagram::Poke { nonce, status: None }, true);
    }
    let is_name = |(_, envelope): &&(SocketAddr, Envelope)| {
        matches!(envelope.datagram, Datagram::Name { .. })
    };
    let told = |world: &World| world.sent_away.iter().filter(is_name).count();
    let often = told(&world);
    // A POKE without a status is that of one who restarted. To such a one it is told anew, at most every 5 s.
    assert!((100..=125).contains(&often), "{often}");
    let (mut world, stranger) = World::with_stranger();
    for _ in 0..200 {
        world.run(seconds(1));
        world.say(stranger, 1, Datagram::PokeAck { nonce: 0, status: None }, true);
    }
    assert_eq!(told(&world), 9, "after 0, 1, 3, 7, 15, 31, 63, 127 and 191 s");
    assert!(world.sent_away.iter().filter(is_name).all(|(to, _)| *to == stranger));
}

#[test]
fn what_may_not_be_shown_is_dropped_and_never_shown() {
    let (mut world, stranger) = World::with_stranger();
    for name in ["\u{1b}[2J", "a\nb", "\u{202e}adA", "A\u{200b}", "x) left", "Zoe\u{308}", " "] {
        let dropped = world.say(stranger, 1, introduction(1, name), true);
        assert_eq!(dropped, Disposition::Dropped(DropReason::NoName), "{name:?}");
        assert_eq!(world.name(1, stranger), None);
    }
    assert!(world.names_told().is_empty());
    assert!(world.peer(1).is_neighbour(&stranger), "it is none the worse for it");
    let longest = "a".repeat(NAME_BYTES_MAX);
    assert_eq!(world.say(stranger, 1, introduction(1, &longest), true), Disposition::Handled);
    assert_eq!(world.name(1, stranger), Some(longest));
}

#[test]
fn nobody_is_introduced_without_a_token_or_as_a_stranger() {
    let (mut world, stranger) = World::with_stranger();
    let dropped = world.say(stranger, 1, introduction(1, "Ada"), false);
    assert_eq!(dropped, Disposition::Dropped(DropReason::WithoutToken));
    let dropped = world.say(address(10), 1, introduction(1, "Ada"), true);
    assert_eq!(dropped, Disposition::Dropped(DropReason::Unexpected));
    assert_eq!(world.name(1, stranger), None);
}

#[test]
fn who_says_something_else_all_the_time_is_heard_every_five_seconds() {
    let (mut world, stranger) = World::with_stranger();
    for tenth in 0..200 {
        world.say(stranger, 1, introduction(1, &format!("name {tenth}")), true);
        world.run(Duration::from_millis(100));
    }
    assert_eq!(world.names_told(), ["name 0", "name 50", "name 100", "name 150"]);
    // Who takes the name back has none, and nothing is told of it.
    assert_eq!(world.say(stranger, 1, introduction(1, ""), true), Disposition::Handled);
    assert_eq!((world.name(1, stranger), world.names_told().len()), (None, 4));
}

#[test]
fn one_that_restarts_under_another_name_is_known_by_it_and_knows_the_others() {
    let mut world = World::new();
    world.names.extend([(1, "Ada"), (2, "Bob")]);
    world.add(1, None, &[]);
    world.add(2, None, &[1]);
    world.run(seconds(30));
    world.names.insert(2, "Cem");
    world.add(2, None, &[1]);
    world.run(seconds(8));
    assert_eq!(world.name(1, address(2)).as_deref(), Some("Cem"));
    assert_eq!(world.name(2, address(1)).as_deref(), Some("Ada"));
}

#[test]
fn the_name_goes_with_the_neighbour_that_is_lost() {
    let (mut world, stranger) = World::with_stranger();
    world.say(stranger, 1, introduction(1, "Ada"), true);
    world.run(seconds(10));
    let is_it = |output: &Output| matches!(output, Output::Left { name: Some(name), .. } if name.as_str() == "Ada");
    assert!(world.was_told(1, is_it));
    assert_eq!(world.name(1, stranger), None);
}

#[test]
fn two_addresses_of_one_peer_count_once() {
    let mut world = World::new();
    world.add(1, None, &[]);
    world.add(2, None, &[1]);
    world.add(TWIN_OF_2, None, &[1]);
    world.add(3, None, &[1]);
    world.run(seconds(5));
    let peer = world.peer(1);
    assert_eq!((peer.neighbour_count(), peer.distinct_count()), (3, 2));
    assert_eq!(peer.also_at(&address(2)), [address(TWIN_OF_2)]);
    assert!(peer.also_at(&address(3)).is_empty());
    assert_eq!(peer.count(|_| true), (2, 2));
    assert_eq!(peer.count(|at| *at == address(3)), (1, 2));
    assert_eq!(peer.count(|_| false), (0, 2));
    // While one of its addresses says something else, it counts twice: it could be a liar's.
    assert_eq!(peer.count(|at| *at == address(2)), (1, 3));
}

#[test]
fn no_liar_hides_a_holder_or_makes_it_look_as_if_more_held() {
    let (mut world, _) = World::with_stranger();
    let honest = [address(20), address(21), address(22)];
    let liars = [address(30), address(31), address(32), address(33)];
    for at in honest.into_iter().chain(liars) {
        world.say(at, 1, Datagram::Poke { nonce: 1, status: None }, true);
    }
    for (run, at) in (1..).zip(honest) {
        world.say(at, 1, introduction(run, ""), true);
    }
    for (at, run) in liars.into_iter().zip([1, 2, 3, 3]) {
        assert_eq!(world.say(at, 1, introduction(run, ""), true), Disposition::Handled);
    }
    // All that some say they hold, of the honest and of the liars.
    for held in 0..1_usize << (honest.len() + liars.len()) {
        let all: Vec<_> = honest.into_iter().chain(liars).collect();
        let holds = |at: &SocketAddr| {
            all.iter().position(|each| each == at).is_some_and(|place| (held >> place) & 1 == 1)
        };
        let honest_holders = honest.iter().filter(|at| holds(at)).count();
        let honest_others = honest.len() - honest_holders;
        let (holders, of) = world.peer(1).count(holds);
        assert!(holders >= honest_holders, "a holder is hidden: {held:b}");
        // The stranger that said nothing of itself is one of the others.
        assert!(of - holders > honest_others, "one that does not hold is hidden: {held:b}");
        assert!(holders <= all.iter().filter(|at| holds(at)).count(), "{held:b}");
    }
}

#[test]
fn one_machine_at_two_addresses_is_one_clock_unless_they_say_different_things() {
    let clock = |other: u16, skew: i64| {
        let mut world = World::new();
        world.skews.extend([(address(1), 200_000), (address(other), skew)]);
        world.add(1, None, &[]);
        world.add(2, None, &[1]);
        world.add(other, None, &[1]);
        world.run(seconds(5));
        world.peer(1).clock()
    };
    let one = clock(TWIN_OF_2, 0);
    assert_eq!((one.compared, one.apart_ms, one.is_off), (1, Some(200_000), false));
    let two = clock(3, 0);
    assert_eq!((two.compared, two.disagreeing, two.is_off), (2, 2, true));
    // A liar that tells another's number does what it would do with one of its own, and no more.
    for skew in [200_000, -200_000, 500_000, -2_500] {
        assert_eq!(clock(TWIN_OF_2, skew), clock(3, skew), "{skew}");
    }
}
