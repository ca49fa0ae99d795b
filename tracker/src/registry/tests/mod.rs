//! A registry, a handful of peers that shake hands with it, and virtual time. Datagrams arrive at once.

#![expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for some kinds of datagrams")]

mod limits;
mod membership;
mod sites;
mod strangers;
mod updates;

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::admission::AdmissionRule;
use protocol::election::Question;
use protocol::units::UnixMillis;

use super::*;

struct World {
    registry: Registry,
    election: Election,
    prefix: ElectionPrefix,
    now: Now,
    started: Instant,
    peers: BTreeMap<SocketAddr, Peer>,
    events: Vec<Event>,
    /// Datagrams out of the registry, to anyone.
    sent_count: usize,
}

#[derive(Default)]
struct Peer {
    /// What the tracker issued to it.
    tracker_token: Token,
    answers: bool,
    /// What it sends again after a RETRY.
    unanswered: Option<(ElectionPrefix, Datagram)>,
    received: Vec<(Duration, Datagram)>,
}

impl World {
    fn new() -> Self {
        let election = election();
        let now = Now { instant: Instant::now(), unix: UnixMillis(1_700_000_000_000) };
        Self {
            registry: Registry::new(&election, [7; 32], now),
            prefix: ElectionPrefix::from(&election.election_id()),
            election,
            now,
            started: now.instant,
            peers: BTreeMap::new(),
            events: Vec::new(),
            sent_count: 0,
        }
    }

    /// Registers a peer that answers pokes.
    fn join(&mut self, address: SocketAddr) {
        self.peers.entry(address).or_default().answers = true;
        self.send(address, Datagram::RegisterPeer);
    }

    /// Registers a peer that never answers a poke.
    fn join_silently(&mut self, address: SocketAddr) {
        self.send(address, Datagram::RegisterPeer);
        self.peers.get_mut(&address).expect("just sent").answers = false;
    }

    /// Sends as a peer that keeps tokens and answers a RETRY, and delivers all that follows from it.
    fn send(&mut self, from: SocketAddr, datagram: Datagram) {
        self.send_in(self.prefix, from, datagram);
    }

    fn send_in(&mut self, election: ElectionPrefix, from: SocketAddr, datagram: Datagram) {
        self.put(election, from, datagram);
        self.deliver();
    }

    fn put(&mut self, election: ElectionPrefix, from: SocketAddr, datagram: Datagram) {
        let peer = self.peers.entry(from).or_default();
        peer.unanswered = Some((election, datagram.clone()));
        let receiver_token = peer.tracker_token;
        let envelope =
            Envelope { election, receiver_token, sender_token: peer_token(from), datagram };
        self.registry.handle_datagram(from, &envelope.encode(), self.now);
    }

    /// Sends bytes in the name of an address that nobody answers from; gives what goes there.
    fn spoof(&mut self, from: SocketAddr, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.registry.handle_datagram(from, bytes, self.now);
        let outputs = std::iter::from_fn(|| self.registry.poll_output());
        outputs
            .map(|output| match output {
                Output::Transmit { to, bytes } => {
                    assert_eq!(to, from);
                    bytes
                }
                Output::Event(event) => panic!("a stranger caused {event:?}"),
            })
            .collect()
    }

    fn deliver(&mut self) {
        while let Some(output) = self.registry.poll_output() {
            match output {
                Output::Event(event) => self.events.push(event),
                Output::Transmit { to, bytes } => self.receive(to, &bytes),
            }
        }
    }

    fn receive(&mut self, to: SocketAddr, bytes: &[u8]) {
        self.sent_count += 1;
        let envelope = Envelope::decode(bytes).expect("the registry sends good datagrams");
        assert_eq!(envelope.election, self.prefix);
        assert_eq!(envelope.receiver_token, peer_token(to), "it bears the receiver's token");
        let peer = self.peers.get_mut(&to).expect("it goes to somebody");
        peer.tracker_token = envelope.sender_token;
        peer.received.push((self.now.instant - self.started, envelope.datagram.clone()));
        match envelope.datagram {
            Datagram::Retry => {
                if let Some((election, datagram)) = peer.unanswered.take() {
                    self.put(election, to, datagram);
                }
            }
            Datagram::Poke { nonce, status: None } if peer.answers => {
                self.put(self.prefix, to, Datagram::PokeAck { nonce, status: None });
            }
            _ => {}
        }
    }

    /// Lets time pass.
    fn run(&mut self, span: Duration) {
        let end = self.now.instant + span;
        while let Some(at) = self.registry.poll_timeout().filter(|at| *at <= end) {
            self.now.instant = at.max(self.now.instant);
            self.registry.handle_timeout(self.now);
            self.deliver();
        }
        self.now.instant = end;
        // A large list is checked by the tests that make one, once.
        if self.registry.listed_count() <= SMALL_NETWORK_MAX {
            self.registry.check_invariants();
        }
    }

    fn run_ms(&mut self, span_ms: u64) {
        self.run(Duration::from_millis(span_ms));
    }

    fn elapsed(&self) -> Duration {
        self.now.instant - self.started
    }

    /// The kinds of datagrams that a peer received.
    fn kinds(&self, address: SocketAddr) -> Vec<&'static str> {
        self.peers[&address].received.iter().map(|(_, datagram)| datagram.name()).collect()
    }

    fn count(&self, address: SocketAddr, kind: &str) -> usize {
        self.kinds(address).iter().filter(|name| **name == kind).count()
    }

    /// The lists of live and left peers that a peer was sent, with when.
    fn updates(&self, address: SocketAddr) -> Vec<(Duration, Vec<SocketAddr>, Vec<SocketAddr>)> {
        let received = self.peers[&address].received.iter();
        received
            .filter_map(|(at, datagram)| match datagram {
                Datagram::UpdatePeers { live, left } => Some((*at, live.clone(), left.clone())),
                _ => None,
            })
            .collect()
    }

    fn last_ack(&self, address: SocketAddr) -> RegisterAck {
        let mut newest_first = self.peers[&address].received.iter().rev();
        let ack = newest_first.find_map(|(_, datagram)| match datagram {
            Datagram::RegisterAck(ack) => Some(ack.clone()),
            _ => None,
        });
        ack.expect("it was acknowledged")
    }

    fn forget_received(&mut self) {
        for peer in self.peers.values_mut() {
            peer.received.clear();
        }
        self.sent_count = 0;
    }

    fn dropped(&self, reason: &str) -> u64 {
        let counters = self.registry.dropped();
        counters.iter().find(|(name, _)| *name == reason).expect("a known reason").1
    }
}

/// The token that a peer issues to the tracker.
fn peer_token(address: SocketAddr) -> Token {
    let mut bytes = [1; 8];
    bytes[..2].copy_from_slice(&address.port().to_be_bytes());
    Token(bytes)
}

fn election() -> Election {
    let options = (0..200).map(|number| format!("Option {number}")).collect();
    let title = "Which?".to_owned();
    Election {
        id: [1; 16],
        title: "Board".into(),
        created: UnixMillis(1_700_000_000_000),
        difficulty_bits: 8,
        admission: AdmissionRule::Open { registration_bits: 4, max_voters: None },
        block_bytes_max: 64 * 1024,
        questions: vec![Question { title, options, choices_min: 0, choices_max: 2 }],
        block_interval_s: None,
        times: None,
    }
}

/// One of many addresses on the loopback network.
fn address(number: usize) -> SocketAddr {
    let number = u32::try_from(number).expect("a small number");
    let [_, high, middle, low] = number.to_be_bytes();
    SocketAddr::from(([127, high, middle, low], 6_000))
}

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}
