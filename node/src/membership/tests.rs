//! Memberships that exchange datagrams in virtual time, without a chain.

mod by_name;
mod clock;
mod contact;
mod inner;
mod lan;
mod limits;
mod meeting;
mod names;
mod parting;
mod refusal;
mod tracker;
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
/// The number of different seeds; ports as far apart have the same.
const SEEDS: u16 = 251;

/// Each on a machine of its own.
fn address(port: u16) -> SocketAddr {
    let [high, low] = port.to_be_bytes();
    SocketAddr::from(([10, 0, high, low], port))
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
    /// By how many milliseconds whose clocks are wrong.
    skews: BTreeMap<SocketAddr, i64>,
    /// What the peers at some ports are called.
    names: BTreeMap<u16, &'static str>,
}

impl World {
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
        let start = Instant::now();
        Self {
            start,
            now: start,
            peers: BTreeMap::new(),
            told: vec![],
            sent_away: vec![],
            skews: BTreeMap::new(),
            names: BTreeMap::new(),
        }
    }

    fn time(&self) -> Now {
        let since = u64::try_from((self.now - self.start).as_millis()).expect("short");
        Now { instant: self.now, unix: UnixMillis(1_000_000_000 + since) }
    }

    /// The time as a peer sees it.
    fn time_at(&self, at: &SocketAddr) -> Now {
        let Now { instant, unix } = self.time();
        let skew = self.skews.get(at).copied().unwrap_or(0);
        Now { instant, unix: UnixMillis(unix.0.saturating_add_signed(skew)) }
    }

    fn add(&mut self, port: u16, tracker: Option<u16>, neighbours: &[u16]) {
        let given = |port: u16| Given::from(address(port));
        let trackers = tracker.map(given).into_iter().collect();
        self.add_given(port, trackers, neighbours.iter().copied().map(given).collect());
    }

    fn add_given(&mut self, port: u16, trackers: Vec<Given>, neighbours: Vec<Given>) {
        let config = NodeConfig {
            name: self.names.get(&port).map(|name| name.parse().expect("a name")),
            trackers,
            neighbours,
            mining: false,
            role: Role::Ordinary,
            validator: None,
            resident_bytes_max: 0,
            limits: Limits::default(),
            rules: Rules::ALL,
        };
        let seed = [u8::try_from(port % SEEDS).expect("small"); 32];
        let now = self.time_at(&address(port));
        let peer = Membership::new(&config, ELECTION, Arc::from([1; 9]), &[], seed, now);
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
            for port in self.peers.keys().map(SocketAddr::port).collect::<Vec<_>>() {
                let now = self.time_at(&address(port));
                self.peer(port).handle_timeout(now);
            }
            self.deliver();
        }
        self.now = end;
    }

    /// Hands over all datagrams until none is left.
    fn deliver(&mut self) {
        loop {
            let next = self
                .peers
                .iter_mut()
                .find_map(|(from, peer)| peer.poll_output().map(|output| (*from, output)));
            let Some((from, output)) = next else { return };
            if let Output::Announce { envelope } = &output {
                let others: Vec<_> = self.peers.keys().copied().collect();
                for other in others.into_iter().filter(|other| *other != from) {
                    let (now, group_port) =
                        (self.time_at(&other), SocketAddr::new(from.ip(), 6_487));
                    let _ = self.peer(other.port()).handle_announcement(group_port, envelope, now);
                }
            }
            let Output::Transmit { to, envelope } = output else {
                self.told.push((from, output));
                continue;
            };
            let now = self.time_at(&to);
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
        let now = self.time_at(&address(to));
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
