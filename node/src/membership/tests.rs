//! Memberships that exchange datagrams in virtual time, without a chain.

mod inner;
mod lan;
mod limits;
mod trackers;

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::datagram::RegisterAck;
use protocol::units::UnixMillis;

use super::*;
use crate::command::CommandError;
use crate::config::{NodeConfig, Role};
use crate::given::{Given, Named};
use crate::limits::Limits;

const ELECTION: ElectionId = ElectionId([3; 32]);
const TRACKER: u16 = 5_000;

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

/// Memberships that hear at once what is sent to them.
struct World {
    start: Instant,
    now: Instant,
    peers: BTreeMap<SocketAddr, Membership>,
    /// All that was told, but for what is transmitted.
    told: Vec<(SocketAddr, Output)>,
    /// What was sent to nobody of these.
    sent_away: Vec<(SocketAddr, Envelope)>,
}

impl World {
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
        let start = Instant::now();
        let (told, sent_away) = (vec![], vec![]);
        Self { start, now: start, peers: BTreeMap::new(), told, sent_away }
    }

    fn time(&self) -> Now {
        let since = u64::try_from((self.now - self.start).as_millis()).expect("short");
        Now { instant: self.now, unix: UnixMillis(1_000_000 + since) }
    }

    fn add(&mut self, port: u16, tracker: Option<u16>, neighbours: &[u16]) {
        let given = |port: u16| Given::from(address(port));
        let trackers = tracker.map(given).into_iter().collect();
        self.add_given(port, trackers, neighbours.iter().copied().map(given).collect());
    }

    fn add_given(&mut self, port: u16, trackers: Vec<Given>, neighbours: Vec<Given>) {
        let config = NodeConfig {
            trackers,
            neighbours,
            mining: false,
            role: Role::Ordinary,
            resident_bytes_max: 0,
            limits: Limits::default(),
            rules: Rules::ALL,
        };
        let seed = [u8::try_from(port % 251).expect("small"); 32];
        let peer = Membership::new(&config, ELECTION, Arc::from([1; 9]), &[], seed, self.time());
        self.peers.insert(address(port), peer);
    }

    fn peer(&mut self, port: u16) -> &mut Membership {
        self.peers.get_mut(&address(port)).expect("a peer")
    }

    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        self.deliver();
        while let Some(at) = self.peers.values().filter_map(Membership::poll_timeout).min() {
            if at > end {
                break;
            }
            self.now = self.now.max(at);
            let now = self.time();
            self.peers.values_mut().for_each(|peer| peer.handle_timeout(now));
            self.deliver();
        }
        self.now = end;
    }

    /// Hands over all datagrams until none is left.
    fn deliver(&mut self) {
        let now = self.time();
        loop {
            let next = self
                .peers
                .iter_mut()
                .find_map(|(from, peer)| peer.poll_output().map(|output| (*from, output)));
            let Some((from, output)) = next else { return };
            if let Output::Announce { envelope } = &output {
                let others = self.peers.iter_mut().filter(|(address, _)| **address != from);
                for (_, other) in others {
                    let group_port = SocketAddr::new(from.ip(), 6_487);
                    let _ = other.handle_announcement(group_port, envelope, now);
                }
            }
            let Output::Transmit { to, envelope } = output else {
                self.told.push((from, output));
                continue;
            };
            match self.peers.get_mut(&to) {
                Some(receiver) => {
                    let bytes = envelope.encode().len();
                    receiver.handle_datagram(from, envelope, bytes, now);
                }
                None => self.sent_away.push((to, envelope)),
            }
        }
    }

    /// What a datagram from somewhere becomes, with or without a valid token.
    fn say(
        &mut self,
        from: SocketAddr,
        to: u16,
        datagram: Datagram,
        has_token: bool,
    ) -> Disposition {
        let now = self.time();
        let receiver = self.peer(to);
        let receiver_token = if has_token { receiver.issue_token(from) } else { Token([9; 8]) };
        let sender_token = Token([5; 8]);
        let election = ElectionPrefix::from(&ELECTION);
        let envelope = Envelope { election, receiver_token, sender_token, datagram };
        let bytes = envelope.encode().len();
        let disposition = receiver.handle_datagram(from, envelope, bytes, now);
        self.deliver();
        disposition
    }

    fn was_told(&self, port: u16, is_it: impl Fn(&Output) -> bool) -> bool {
        self.told.iter().any(|(at, output)| *at == address(port) && is_it(output))
    }
}

#[test]
fn peers_that_know_one_of_them_all_meet_and_hear_each_others_tips() {
    let mut world = World::new();
    world.add(1, None, &[]);
    (2..=4).for_each(|port| world.add(port, None, &[1]));
    let hash = BlockHash([7; 32]);
    world.peer(4).set_tip(Height(8), hash, Work(9));
    world.run(Duration::from_secs(3));
    for port in 1..=4 {
        assert_eq!(world.peer(port).neighbour_count(), 3, "peer {port}");
    }
    let heard = |output: &Output| matches!(output, Output::Status { from, status } if *from == address(4) && status.tip == hash);
    assert!(world.was_told(2, heard));
}

#[test]
fn a_silent_neighbour_is_dropped_at_its_third_missed_heartbeat_and_met_again() {
    let mut world = World::new();
    world.add(1, None, &[]);
    world.add(2, None, &[1]);
    world.run(Duration::from_secs(2));
    let silent = world.peers.remove(&address(2)).expect("a peer");
    world.run(Duration::from_secs(5));
    assert_eq!(world.peer(1).neighbour_count(), 0);
    let missed =
        |output: &Output| matches!(output, Output::Left { reason: LeaveReason::Missed(3), .. });
    assert!(world.was_told(1, missed));
    world.peers.insert(address(2), silent);
    world.run(Duration::from_secs(20));
    assert_eq!(world.peer(1).neighbour_count(), 1);
}

#[test]
fn without_a_token_a_datagram_draws_one_retry_and_makes_no_state() {
    let mut world = World::new();
    world.add(1, None, &[]);
    world.add(2, None, &[1]);
    world.run(Duration::from_secs(2));
    let victim = address(77);
    for datagram in [
        Datagram::Poke { nonce: 1, status: None },
        Datagram::UpdatePeers { live: vec![address(9)], left: vec![] },
        Datagram::RequestBallot { offset: 0 },
        Datagram::LeavePeer,
    ] {
        world.sent_away.clear();
        let disposition = world.say(victim, 1, datagram, false);
        assert_eq!(disposition, Disposition::Dropped(DropReason::WithoutToken));
        assert!(world.sent_away.iter().all(|(_, sent)| sent.datagram == Datagram::Retry));
        assert!(world.sent_away.len() <= 1);
    }
    assert_eq!(world.peer(1).neighbour_count(), 1);
    assert!(!world.peer(1).is_probed(&address(9)));
    let retry = world.say(victim, 1, Datagram::Retry, false);
    assert_eq!(retry, Disposition::Dropped(DropReason::RetryWithoutToken));
}

#[test]
fn a_hint_draws_five_pokes_and_is_forgotten() {
    let mut world = World::new();
    world.add(1, None, &[]);
    world.add(2, None, &[1]);
    world.run(Duration::from_secs(2));
    let hinted = address(900);
    let hint = Datagram::UpdatePeers { live: vec![hinted], left: vec![] };
    assert_eq!(world.say(address(2), 1, hint.clone(), true), Disposition::Handled);
    let again = world.say(address(2), 1, hint, true);
    assert_eq!(again, Disposition::Dropped(DropReason::UpdateTooSoon));
    world.run(Duration::from_secs(60));
    let pokes = world.sent_away.iter().filter(|(to, _)| *to == hinted).count();
    assert_eq!(pokes, 5);
    assert!(!world.peer(1).is_probed(&hinted));
}

/// A little more often than once a second, since datagrams bunch up on the way.
#[test]
fn a_neighbour_is_listened_to_for_hints_every_800_ms() {
    let mut world = World::new();
    world.add(1, None, &[]);
    let neighbour = address(77);
    let poke = Datagram::Poke { nonce: 1, status: None };
    assert_eq!(world.say(neighbour, 1, poke, true), Disposition::Handled);
    let hint = |world: &mut World, number: u16| {
        let live = vec![address(900 + number)];
        let heard = world.say(neighbour, 1, Datagram::UpdatePeers { live, left: vec![] }, true);
        assert_eq!(
            world.peer(1).is_probed(&address(900 + number)),
            heard == Disposition::Handled,
            "{heard:?}"
        );
        heard
    };
    assert_eq!(hint(&mut world, 1), Disposition::Handled);
    let too_soon = Disposition::Dropped(DropReason::UpdateTooSoon);
    for (after_ms, expected) in [
        (0, &too_soon),
        (799, &too_soon),
        (1, &Disposition::Handled),
        (799, &too_soon),
        (1, &Disposition::Handled),
    ] {
        world.run(Duration::from_millis(after_ms));
        let number = 2 + u16::try_from((world.now - world.start).as_millis()).expect("seconds");
        assert_eq!(&hint(&mut world, number), expected, "{after_ms} ms later");
    }
}

#[test]
fn who_breaks_rules_faster_than_they_are_forgiven_is_banned() {
    let mut world = World::new();
    world.add(1, None, &[]);
    world.add(2, None, &[1]);
    world.run(Duration::from_secs(2));
    let now = world.time();
    for _ in 0..17 {
        world.peer(1).record_fault(address(2), "a lie".into(), now);
    }
    world.deliver();
    let banned =
        |output: &Output| matches!(output, Output::Left { reason: LeaveReason::Banned(_), .. });
    assert!(world.was_told(1, banned));
    let poke = Datagram::Poke { nonce: 1, status: None };
    let disposition = world.say(address(2), 1, poke, true);
    assert_eq!(disposition, Disposition::Dropped(DropReason::Banned));
    assert_eq!(world.peer(1).neighbour_count(), 0);
}

#[test]
fn a_leave_ends_when_all_acknowledged_it_or_its_time_is_over() {
    let mut world = World::new();
    world.add(1, None, &[]);
    world.add(2, None, &[1]);
    world.add(3, None, &[1]);
    world.run(Duration::from_secs(3));
    let now = world.time();
    world.peer(3).start_leaving(now);
    assert_eq!(world.peer(3).leave_progress(now), LeaveProgress::Waiting);
    world.deliver();
    assert_eq!(world.peer(3).leave_progress(now), LeaveProgress::Acknowledged);
    assert!(world.was_told(3, |output| matches!(output, Output::LeaveRepeated { .. })));
    assert_eq!(world.peer(1).neighbour_count(), 1);

    world.peers.remove(&address(1));
    world.peer(2).start_leaving(now);
    world.run(Duration::from_millis(999));
    let now = world.time();
    assert_eq!(world.peer(2).leave_progress(now), LeaveProgress::Waiting);
    world.run(Duration::from_millis(1));
    let now = world.time();
    assert_eq!(world.peer(2).leave_progress(now), LeaveProgress::TimedOut);
    world.peer(2).finish_leaving();
    assert_eq!(world.peer(2).leave_progress(now), LeaveProgress::None);
    assert_eq!(world.peer(2).poll_timeout(), None);
}

#[test]
fn a_tracker_that_does_not_answer_is_told_of_once_and_tried_on() {
    let mut world = World::new();
    world.add(1, Some(TRACKER), &[]);
    world.run(Duration::from_secs(20));
    let silent =
        |(_, output): &&(_, Output)| matches!(output, Output::Event(Event::TrackerSilent { .. }));
    assert_eq!(world.told.iter().filter(silent).count(), 1);
    assert!(world.sent_away.len() >= 10);
    let unknown = ElectionPrefix::UNKNOWN;
    assert!(world.sent_away.iter().all(|(_, sent)| sent.election == unknown));
    let ack = RegisterAck {
        seen_as: address(1),
        election: ELECTION,
        ballot_bytes: 1,
        heartbeat_ms: 1_000,
        peers: vec![address(900)],
    };
    world.say(address(TRACKER), 1, Datagram::RegisterAck(ack), true);
    assert!(world.peer(1).trackers()[0].registered);
    assert!(world.peer(1).is_probed(&address(900)));
    // It falls silent, so this peer registers again.
    world.sent_away.clear();
    world.run(Duration::from_secs(4));
    let registers = |(to, sent): &&(SocketAddr, Envelope)| {
        *to == address(TRACKER) && sent.datagram == Datagram::RegisterPeer
    };
    assert!(world.sent_away.iter().filter(registers).count() >= 1);
}

/// How many times a peer registers in five minutes with a tracker that answers each time, names a period, and POKEs
/// once per `pokes`.
fn registrations(heartbeat_ms: u32, pokes: Duration) -> usize {
    let mut world = World::new();
    world.add(1, Some(TRACKER), &[]);
    let (mut registrations, mut poked_at) = (0, world.now);
    for _ in 0..3_000 {
        world.run(Duration::from_millis(100));
        let sent = std::mem::take(&mut world.sent_away);
        for _ in sent.iter().filter(|(_, sent)| sent.datagram == Datagram::RegisterPeer) {
            registrations += 1;
            let (seen_as, peers) = (address(1), vec![]);
            let ack =
                RegisterAck { seen_as, election: ELECTION, ballot_bytes: 1, heartbeat_ms, peers };
            world.say(address(TRACKER), 1, Datagram::RegisterAck(ack), true);
            poked_at = world.now;
        }
        if world.now >= poked_at + pokes {
            poked_at = world.now;
            world.say(address(TRACKER), 1, Datagram::Poke { nonce: 1, status: None }, true);
        }
    }
    registrations
}

#[test]
fn a_tracker_is_missed_by_its_own_period() {
    let second = Duration::from_secs(1);
    for heartbeat_ms in [1_000, 5_000, 20_000, 60_000] {
        let period = Duration::from_millis(heartbeat_ms.into());
        assert_eq!(registrations(heartbeat_ms, period), 1, "{heartbeat_ms} ms");
        assert_eq!(
            registrations(heartbeat_ms, period * 2),
            1,
            "one POKE of {heartbeat_ms} ms is lost"
        );
        let silent = registrations(heartbeat_ms, second * 3_600);
        let expected = 300_000 / (heartbeat_ms as usize * 5 / 2);
        assert!(silent.abs_diff(expected) <= 1 + expected / 10, "{heartbeat_ms} ms: {silent}");
    }
}

/// Neither does a tracker that lies make a peer register all the time, nor forget it for ever.
#[test]
fn a_tracker_is_believed_no_period_that_does_harm() {
    let (second, never) = (Duration::from_secs(1), Duration::from_secs(3_600));
    for heartbeat_ms in [0, 1, 999] {
        assert_eq!(registrations(heartbeat_ms, second), 1, "{heartbeat_ms} ms");
        assert!(registrations(heartbeat_ms, never) <= 121, "{heartbeat_ms} ms");
    }
    for heartbeat_ms in [60_001, u32::MAX] {
        assert_eq!(registrations(heartbeat_ms, never), 2, "{heartbeat_ms} ms");
    }
}

#[test]
fn a_neighbour_that_knows_us_no_more_is_told_everything_again() {
    let mut world = World::new();
    world.add(1, None, &[]);
    world.add(2, None, &[1]);
    world.run(Duration::from_secs(3));
    world.told.clear();
    // A new secret and no neighbours, as after a crash.
    world.peers.remove(&address(2));
    world.add(2, None, &[1]);
    world.run(Duration::from_secs(2));
    let refreshed = |output: &Output| matches!(output, Output::Refreshed { .. });
    assert!(world.was_told(1, refreshed));
    assert_eq!(world.peer(1).neighbour_count(), 1);
}

#[test]
fn whoever_receives_at_its_address_is_given_the_ballot() {
    let mut world = World::new();
    world.add(1, None, &[]);
    let newcomer = address(77);
    let request = |offset| Datagram::RequestBallot { offset };
    assert_eq!(world.say(newcomer, 1, request(0), true), Disposition::Handled);
    let piece = Datagram::BallotOptions { offset: 0, bytes: vec![1; 9] };
    assert!(world.sent_away.iter().any(|(to, sent)| *to == newcomer && sent.datagram == piece));
    let beyond = world.say(newcomer, 1, request(9_000), true);
    assert_eq!(beyond, Disposition::Dropped(DropReason::BallotBeyondEnd));
    assert_eq!(world.peer(1).neighbour_count(), 0);
}

#[test]
fn a_tracker_that_lists_nobody_is_company_and_one_that_lists_who_is_silent_is_not() {
    let mut world = World::new();
    world.add(1, Some(TRACKER), &[]);
    assert_eq!(world.peer(1).lacks_contact(), Some(0), "the tracker did not answer yet");
    let ack = |peers: &[u16]| {
        Datagram::RegisterAck(RegisterAck {
            seen_as: address(1),
            election: ELECTION,
            ballot_bytes: 1,
            heartbeat_ms: 60_000,
            peers: peers.iter().map(|port| address(*port)).collect(),
        })
    };
    world.say(address(TRACKER), 1, ack(&[1]), true);
    assert_eq!(world.peer(1).lacks_contact(), None, "it lists this peer alone");
    world.say(address(TRACKER), 1, ack(&[1, 900, 901]), true);
    assert_eq!(world.peer(1).lacks_contact(), Some(2));
    let silent = |world: &World| {
        let silent = world.told.iter().filter_map(|(_, output)| {
            let Output::Event(Event::PeerSilent { peer: Named { address, .. }, .. }) = output
            else {
                return None;
            };
            Some(address.port())
        });
        silent.collect::<Vec<_>>()
    };
    world.run(Duration::from_secs(3));
    assert!(silent(&world).is_empty(), "they had no time to answer");
    world.run(Duration::from_secs(2));
    assert_eq!(silent(&world), [900, 901]);
    // The hints are forgotten and given again, which is no news.
    world.run(Duration::from_secs(20));
    world.say(address(TRACKER), 1, ack(&[900, 901]), true);
    world.run(Duration::from_secs(10));
    assert_eq!(silent(&world), [900, 901]);
    let update = Datagram::UpdatePeers { live: vec![address(1)], left: vec![address(900)] };
    world.say(address(TRACKER), 1, update, true);
    assert_eq!(world.peer(1).lacks_contact(), None, "they are not listed any more");
}

#[test]
fn an_address_of_this_node_never_becomes_its_neighbour() {
    let mut world = World::new();
    world.add(1, None, &[900]);
    world.run(Duration::from_millis(100));
    let own = |(to, sent): &(SocketAddr, Envelope)| {
        let Datagram::Poke { nonce, .. } = sent.datagram else { return None };
        (*to == address(900)).then_some(nonce)
    };
    let nonce = world.sent_away.iter().find_map(own).expect("it is probed");
    // The POKE comes back, as through a router that turns it around, and then one more.
    world.say(address(900), 1, Datagram::Poke { nonce, status: None }, true);
    let again = world.say(address(900), 1, Datagram::Poke { nonce: nonce ^ 1, status: None }, true);
    assert_eq!(again, Disposition::Dropped(DropReason::NoRoom));
    assert!(!world.peer(1).is_neighbour(&address(900)));
}
