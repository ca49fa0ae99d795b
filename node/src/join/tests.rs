//! One who joins, and trackers that answer as they are told.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test looks for the one thing that it expects"
)]

use std::time::Instant;

use chain::fixtures::election;
use protocol::datagram::{BALLOT_PIECE_BYTES, Datagram, RegisterAck};
use protocol::token::Token;
use protocol::units::UnixMillis;

use super::*;

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

/// One who joins, and which election is served at which port.
struct World {
    joining: Joining,
    now: Now,
    served: Vec<(u16, Election)>,
    told: Vec<JoinOutput>,
}

impl World {
    fn new(trackers: &[Given], expected: Option<ElectionId>, served: &[(u16, &Election)]) -> Self {
        #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
        let now = Now { instant: Instant::now(), unix: UnixMillis(1_000_000) };
        let served = served.iter().map(|(port, election)| (*port, (*election).clone())).collect();
        let joining = Joining::new(trackers, expected, [7; 32], now);
        Self { joining, now, served, told: Vec::new() }
    }

    /// Lets everything happen that is due within a time.
    fn run(&mut self, span: Duration) {
        let end = self.now.instant + span;
        while let Some(at) = self.joining.poll_timeout().filter(|at| *at <= end) {
            self.now.instant = self.now.instant.max(at);
            self.joining.handle_timeout(self.now);
            self.drain();
        }
        self.now.instant = end;
    }

    fn drain(&mut self) {
        while let Some(output) = self.joining.poll_output() {
            match output {
                JoinOutput::Transmit { to, bytes } => self.answer(to, &bytes),
                told => self.told.push(told),
            }
        }
    }

    fn answer(&mut self, tracker: SocketAddr, bytes: &[u8]) {
        let Some((_, served)) = self.served.iter().find(|(port, _)| *port == tracker.port()) else {
            return;
        };
        let asked = Envelope::decode(bytes).expect("a datagram");
        let ballot = served.canonical_bytes();
        let datagram = match asked.datagram {
            Datagram::RegisterPeer => Datagram::RegisterAck(RegisterAck {
                seen_as: address(1),
                election: served.election_id(),
                ballot_bytes: u32::try_from(ballot.len()).expect("short"),
                heartbeat_ms: 1_000,
                peers: vec![],
            }),
            Datagram::RequestBallot { offset } => {
                let from = usize::try_from(offset).expect("short");
                let to = ballot.len().min(from + BALLOT_PIECE_BYTES);
                Datagram::BallotOptions { offset, bytes: ballot[from..to].to_vec() }
            }
            other => panic!("{} is not for a tracker", other.name()),
        };
        let answer = Envelope {
            election: ElectionPrefix::from(&served.election_id()),
            receiver_token: asked.sender_token,
            sender_token: Token([1; 8]),
            datagram,
        };
        self.joining.handle_datagram(tracker, &answer.encode(), self.now);
    }

    fn joined(&self) -> Option<ElectionId> {
        self.told.iter().find_map(|told| match told {
            JoinOutput::Joined { election } => Some(election.election_id()),
            _ => None,
        })
    }

    fn refused(&self) -> Option<&JoinError> {
        self.told.iter().find_map(|told| match told {
            JoinOutput::Refused { error } => Some(error),
            _ => None,
        })
    }
}

fn given(ports: &[u16]) -> Vec<Given> {
    ports.iter().map(|port| Given::from(address(*port))).collect()
}

fn elections() -> (Election, Election) {
    let one = election();
    let other = Election { title: "Another board".into(), ..one.clone() };
    (one, other)
}

#[test]
fn the_first_of_two_trackers_that_answers_is_enough() {
    let (one, _) = elections();
    for alive in [5_000, 5_001] {
        let mut world = World::new(&given(&[5_000, 5_001]), None, &[(alive, &one)]);
        world.run(Duration::from_secs(1));
        assert_eq!(world.joined(), Some(one.election_id()));
        assert_eq!(world.joining.poll_timeout(), None);
    }
}

#[test]
fn trackers_that_serve_different_elections_are_both_named_unless_one_is_asked_for() {
    let (one, other) = elections();
    let trackers = given(&[5_000, 5_001]);
    let served = [(5_000, &one), (5_001, &other)];
    let mut world = World::new(&trackers, None, &served);
    world.run(Duration::from_secs(1));
    let refused = world.refused().expect("they differ").to_string();
    for part in ["10.0.0.1:5000", "10.0.0.1:5001", &one.election_id().to_string(), "--election"] {
        assert!(refused.contains(part), "{refused}");
    }
    let mut world = World::new(&trackers, Some(other.election_id()), &served);
    world.run(Duration::from_secs(2));
    assert_eq!(world.joined(), Some(other.election_id()));

    // The one that serves another election is told of, and the other is waited for.
    let mut world = World::new(&trackers, Some(other.election_id()), &served[..1]);
    world.run(Duration::from_secs(20));
    let refusals = world.told.iter().filter(|told| {
        matches!(told, JoinOutput::Event(Event::TrackerRefused { tracker, .. }) if tracker.address == address(5_000))
    });
    assert_eq!(refusals.count(), 1);
    assert!(world.refused().is_none() && world.joined().is_none());
    let mut world = World::new(&trackers[..1], Some(other.election_id()), &served);
    world.run(Duration::from_secs(20));
    assert!(matches!(world.refused(), Some(JoinError::OtherElection { .. })));
}

#[test]
fn a_name_is_looked_up_until_it_is_found_and_all_its_addresses_are_tried() {
    let (one, _) = elections();
    let name = "tracker.test:5000";
    let unknown = Given { name: Some(name.into()), addresses: vec![] };
    let mut world = World::new(&[unknown], None, &[(5_001, &one)]);
    for _ in 0..10 {
        world.run(Duration::from_secs(1));
        world.joining.handle_looked_up(name, Err("no name server".into()), world.now);
        world.drain();
    }
    let count = |world: &World, is_it: fn(&JoinOutput) -> bool| {
        world.told.iter().filter(|told| is_it(told)).count()
    };
    let unknown = |told: &JoinOutput| matches!(told, JoinOutput::Event(Event::NameUnknown { .. }));
    assert_eq!(count(&world, unknown), 1);
    assert!(count(&world, |told| matches!(told, JoinOutput::LookUp(_))) >= 3);
    let addresses = vec![address(5_000), address(5_001)];
    world.joining.handle_looked_up(name, Ok(addresses), world.now);
    world.run(Duration::from_secs(2));
    assert_eq!(world.joined(), Some(one.election_id()));
    let known = world.joining.trackers();
    assert_eq!(known[0].addresses, [address(5_001), address(5_000)], "who answered comes first");
}

fn named(name: &str, ports: &[u16]) -> Given {
    Given { name: Some(name.into()), addresses: ports.iter().copied().map(address).collect() }
}

/// Whichever of its addresses serves the right one, and however many of them are wrong.
#[test]
fn a_name_is_refused_only_when_no_address_of_it_serves_the_right_election() {
    let (one, other) = elections();
    let expected = Some(one.election_id());
    let ports = [5_000, 5_001, 5_002];
    let tracker = [named("tracker.test:5000", &ports)];
    for right in ports {
        let served: Vec<_> = (ports.iter())
            .map(|port| (*port, if *port == right { &one } else { &other }))
            .collect();
        let mut world = World::new(&tracker, expected, &served);
        world.run(Duration::from_secs(3));
        assert_eq!(world.joined(), expected, "{:?}", world.refused());
        // It is the first that is right, or the only one that answers.
        let mut world = World::new(&tracker, expected, &[(right, &one)]);
        world.run(Duration::from_secs(4));
        assert_eq!(world.joined(), expected);
        // One that does not answer is no reason to wait for ever.
        let mut world = World::new(&tracker, expected, &[(right, &other)]);
        world.run(Duration::from_secs(12));
        assert!(matches!(world.refused(), Some(JoinError::OtherElection { .. })));
        assert!(!world.told.iter().any(|told| {
            matches!(told, JoinOutput::Event(Event::TrackerSilent { tracker }) if tracker.address == address(right))
        }));
    }
    let served = ports.map(|port| (port, &other));
    let mut world = World::new(&tracker, expected, &served);
    world.run(Duration::from_secs(3));
    assert!(matches!(world.refused(), Some(JoinError::OtherElection { .. })));
}

#[test]
fn two_that_stand_for_one_address_are_both_answered() {
    let (one, other) = elections();
    let twice = [Given::from(address(5_000)), named("tracker.test:5000", &[5_000])];
    let mut world = World::new(&twice, None, &[(5_000, &one)]);
    world.run(Duration::from_millis(100));
    assert_eq!(world.joined(), Some(one.election_id()), "nobody else is waited for");
    let mut world = World::new(&twice, Some(one.election_id()), &[(5_000, &other)]);
    world.run(Duration::from_secs(3));
    assert!(world.refused().is_some() && world.joined().is_none());
}
