//! What is told of the log of changes, and whom a change hurries.

use rand::SeedableRng;

use super::super::peers::DuePoke;
use super::*;
use protocol::token::Token;

const RECEIVER: usize = 9_999;

fn address(number: usize) -> SocketAddr {
    let [.., high, low] = number.to_be_bytes();
    SocketAddr::from(([10, 0, high, low], 1))
}

/// A list of peers, and who is told of it.
struct Network {
    updates: Updates,
    peers: Peers,
    rng: ChaCha8Rng,
    start: Instant,
}

impl Network {
    fn new() -> Self {
        let rng = ChaCha8Rng::from_seed([7; 32]);
        Self { updates: Updates::new(), peers: Peers::new(), rng, start: Instant::now() }
    }

    fn after(&self, milliseconds: u64) -> Instant {
        self.start + Duration::from_millis(milliseconds)
    }

    fn list(&mut self, number: usize) {
        self.peers.add(address(number), Token([5; 8]), 0, self.start);
        let poke = self.peers.poke(address(number), self.start, &mut self.rng);
        let DuePoke::Send { nonce, .. } = poke else { panic!("{poke:?}") };
        self.peers.acknowledge(address(number), nonce);
    }

    fn log(&mut self, number: usize, joined: bool) {
        self.updates.log(address(number), joined, self.start);
    }

    fn news(&self, cursor: u64, now: Instant) -> Update {
        self.updates.news(address(RECEIVER), cursor, &self.peers, now)
    }

    /// Receivers that were all told a second after the start, though there is nobody to tell them of.
    fn with_receivers(count: usize) -> Self {
        let mut network = Self::new();
        for number in 0..count {
            network.updates.joined(address(number), 0, network.start);
        }
        (0..count).for_each(|number| network.compose(number, 1_000));
        network
    }

    fn compose(&mut self, number: usize, milliseconds: u64) {
        let now = self.after(milliseconds);
        self.updates.compose(address(number), &self.peers, &mut self.rng, now);
    }

    /// How many are told until then.
    fn due(&self, milliseconds: u64) -> usize {
        let end = self.after(milliseconds);
        self.updates.due.iter().filter(|(at, _)| *at <= end).count()
    }
}

#[test]
fn the_newest_200_changes_are_looked_at() {
    let mut network = Network::new();
    network.list(0);
    network.log(0, true);
    (1..CHANGES_SCANNED_MAX).for_each(|_| network.log(1, false));
    assert_eq!(network.news(0, network.start).live, [address(0)]);
    network.log(1, false);
    assert_eq!(network.news(0, network.start).live, []);
}

#[test]
fn who_left_is_told_for_a_while_and_who_joined_until_it_was_told() {
    let mut network = Network::new();
    network.list(0);
    network.list(1);
    for (number, joined) in [(0, true), (1, true), (2, false), (1, false)] {
        network.log(number, joined);
    }
    let before = network.after(11_999);
    let update = Update { live: vec![address(1), address(0)], left: vec![address(2)] };
    assert_eq!(network.news(0, before), update);
    assert_eq!(network.news(1, before).live, [address(1)]);
    assert_eq!(network.news(2, before), Update { live: vec![], ..update });
    let late = network.after(12_000);
    assert_eq!(network.news(0, late), Update { live: vec![address(1), address(0)], left: vec![] });
    assert_eq!(network.news(1, late).live, [address(1)]);
}

#[test]
fn an_update_names_50_peers_of_whom_10_left() {
    for joined in [0, 60] {
        let mut network = Network::new();
        (0..60).for_each(|number| network.list(number));
        network.updates.joined(address(RECEIVER), 0, network.start);
        (60..=60 + LEFT_MAX).for_each(|number| network.log(number, false));
        (0..joined).for_each(|number| network.log(number, true));
        let Network { updates, peers, rng, start } = &mut network;
        let update = updates.compose(address(RECEIVER), peers, rng, *start).expect("news");
        assert_eq!((update.live.len(), update.left.len()), (PEERS_MAX - LEFT_MAX, LEFT_MAX));
        let newest: Vec<_> = (0..joined).rev().take(PEERS_MAX - LEFT_MAX).map(address).collect();
        assert_eq!(update.live[..newest.len()], newest);
    }
}

#[test]
fn up_to_1000_peers_all_are_told_of_a_newcomer_at_once() {
    for (others, told) in [(SMALL_NETWORK_MAX - 1, SMALL_NETWORK_MAX - 1), (SMALL_NETWORK_MAX, 1)] {
        let mut network = Network::with_receivers(others);
        assert_eq!(network.due(10_999), 0);
        let (now, cursor) = (network.after(3_000), network.updates.cursor());
        network.updates.joined(address(others), cursor, now);
        // In a small network the newcomer knows all; in a large one it is told more, and those are told of it.
        assert_eq!((network.due(3_019), network.due(3_020)), (0, told), "{others}");
        network.updates.check_invariants();
    }
}

#[test]
fn up_to_1000_peers_all_are_told_of_who_left_at_once() {
    for (left, told) in [(SMALL_NETWORK_MAX, SMALL_NETWORK_MAX), (SMALL_NETWORK_MAX + 1, 0)] {
        let mut network = Network::with_receivers(left + 1);
        let now = network.after(3_000);
        let Network { updates, peers, rng, .. } = &mut network;
        updates.left(address(0), peers, rng, now);
        assert_eq!(network.due(10_999), told, "{left}");
        network.updates.check_invariants();
    }
}

#[test]
fn those_whom_a_newcomer_is_told_of_are_hurried_in_a_large_network_and_once() {
    for (receivers, hurried) in [(SMALL_NETWORK_MAX, 0), (SMALL_NETWORK_MAX + 1, 3)] {
        let mut network = Network::with_receivers(receivers);
        for number in 0..3 {
            network.list(number);
            let known = network.updates.receivers.get_mut(&address(number));
            known.expect("it receives updates").sent_at = Some(network.start);
        }
        // Nothing was sent to it yet.
        network.compose(receivers - 1, 3_000);
        assert_eq!(network.due(3_020), hurried, "{receivers}");
        (0..3).for_each(|number| network.compose(number, 3_020));
        network.compose(receivers - 1, 5_000);
        assert_eq!(network.due(6_000), 0, "it is no newcomer any more");
    }
}

#[test]
fn a_change_puts_off_no_update_that_is_due_already() {
    let mut network = Network::with_receivers(1);
    let late = network.after(11_005);
    network.updates.joined(address(1), 0, late);
    assert_eq!(network.updates.take_due(late), [address(0)]);
}

#[test]
fn the_log_forgets_the_oldest_of_1025_changes() {
    let now = Instant::now();
    let mut updates = Updates::new();
    let address = address(1);
    let logged = |updates: &Updates| {
        let sequence = |change: Option<&Change>| change.map(|change| change.sequence);
        (sequence(updates.changes.front()), sequence(updates.changes.back()))
    };
    (0..CHANGES_MAX).for_each(|_| updates.log(address, true, now));
    let last = CHANGES_MAX as u64 - 1;
    assert_eq!(logged(&updates), (Some(0), Some(last)));
    updates.log(address, true, now);
    assert_eq!(logged(&updates), (Some(1), Some(last + 1)));
    assert_eq!(updates.changes.len(), CHANGES_MAX);
}
