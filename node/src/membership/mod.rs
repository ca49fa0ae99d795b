//! Who this node exchanges datagrams with: finding peers, keeping in touch with neighbours, noticing who is gone,
//! staying registered with the tracker, and taking leave.
//!
//! [`Membership`] is a core of its own. The node hands it datagrams and the time, drains its outputs, and reacts to
//! them. It must never look at the chain or the pool: of the chain it is told the tip, for its POKEs to carry. And
//! nothing that a datagram says may make state here, or draw more bytes than it has itself, before its sender has
//! shown by a token that it receives what is sent to its address.

mod agreement;
mod announce;
mod by_name;
mod clock;
mod contact;
mod dispatch;
mod distinct;
mod heartbeat;
mod inner;
mod invariants;
mod leave;
mod meet;
mod names;
mod neighbours;
mod probes;
mod refusal;
#[cfg(test)]
mod tests;
mod tracker;
mod trackers;
mod voice;
mod voices;

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::block::Header;
use protocol::datagram::{
    AnnouncedBody, ChainRequest, Datagram, ElectionPrefix, Envelope, PeerStatus, RunNumber,
};
use protocol::peer_name::PeerName;
use protocol::token::{Token, TokenIssuer};
use protocol::transaction::Transaction;
use protocol::units::{BlockHash, ElectionId, Height, IdPrefix, Now, Work};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::config::NodeConfig;
use crate::dropped::DropReason;
use crate::event::{Event, LeaveReason};
use crate::finality::about::AboutFinality;
use crate::given::{Named, Whereabouts};
use crate::timers::Timers;
use crate::views::TrackerView;
use chain::rules::Rules;
use clock::OwnClock;
use contact::Contact;
use inner::Inner;
pub(crate) use leave::LeaveProgress;
use leave::Leaving;
use names::OwnName;
use neighbours::{Neighbour, Neighbours};
use probes::Probes;
use refusal::OTHERS_PATIENCE;
use trackers::Trackers;

/// The random stream from which the run's number is drawn, and nothing else.
const RUN_STREAM: u64 = 3;

/// The purpose of a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// POKE the neighbours, and drop those that are silent.
    Heartbeat,
    /// POKE addresses that are not neighbours yet.
    Probe,
    /// Register with the tracker of this place, again if necessary.
    Tracker(usize),
    /// Have names looked up again.
    Names,
    /// Give up if all trackers serve another election and nobody else answered.
    Refused,
    /// Repeat LEAVE_PEER, and give up in the end.
    Leave,
    /// Report the good addresses, so that the disk remembers them.
    Remember,
    /// Announce this node on the local network.
    Announce,
}

/// What the owner is to do or to know. To be drained after every call that can produce an output.
#[derive(Debug)]
pub(crate) enum Output {
    /// Send this datagram.
    Transmit { to: SocketAddr, envelope: Envelope },
    /// Send this datagram to the multicast group, on all interfaces.
    Announce { envelope: Envelope },
    /// An address became a neighbour.
    Joined { address: SocketAddr },
    /// A neighbour may have lost what it was told, as after a restart: it is to be told everything anew.
    Refreshed { address: SocketAddr },
    /// A neighbour is one no more, and what it was called.
    Left { address: SocketAddr, name: Option<PeerName>, reason: LeaveReason },
    /// A neighbour reported where its chain ends.
    Status { from: SocketAddr, status: PeerStatus },
    /// A POKE was answered after this time.
    RoundTrip { from: SocketAddr, round_trip: Duration },
    /// The addresses to remember across restarts have changed. These are all of them.
    Remember(Vec<SocketAddr>),
    /// LEAVE_PEER is sent to these addresses next, so this is the last moment to tell them
    /// anything.
    LeaveRepeated { to: Vec<SocketAddr> },
    /// Others' clocks show that this machine's clock is off, or that it is right again.
    ClockJudged,
    /// Look up the addresses of this name.
    LookUp(Arc<str>),
    /// Whoever answers serves another election, as the tracker does that is named: this node has to end.
    Refused { tracker: Named, expected: ElectionId, found_prefix: [u8; 8] },
    /// This machine's clock was set, or the machine slept.
    ClockJumped,
    /// An event for the user.
    Event(Event),
}

/// The outcome of handling a datagram.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// It concerned membership and was handled.
    Handled,
    /// It was dropped.
    Dropped(DropReason),
    /// A neighbour said something about blocks or transactions: for the owner to deal with.
    FromNeighbour(AboutChain),
}

/// The datagrams about blocks and transactions. A `piece` is the request's number, the piece's, and how many there are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AboutChain {
    NewTransactions(Vec<Transaction>),
    TransactionsAck { ids: Vec<IdPrefix> },
    NewBlock { header: Header, body: AnnouncedBody },
    Request { request: u32, wanted: ChainRequest },
    Headers { piece: (u32, u32, u32), headers: Vec<Header> },
    BlockPiece { piece: (u32, u32, u32), bytes: Vec<u8> },
    BlockTransactions { piece: (u32, u32, u32), transactions: Vec<Transaction> },
    Finality(AboutFinality),
}

/// The trackers, the neighbours, and addresses that may become neighbours.
#[derive(Debug)]
pub(crate) struct Membership {
    rules: Rules,
    election: ElectionId,
    prefix: ElectionPrefix,
    own_name: OwnName,
    /// The election's canonical bytes, for peers that join without having them.
    ballot: Arc<[u8]>,
    /// The end of our best chain, which POKEs carry.
    tip: (Height, BlockHash, Work),
    tokens: TokenIssuer,
    random: ChaCha8Rng,
    timers: Timers<Timer>,
    own_clock: OwnClock,
    trackers: Trackers,
    neighbours: Neighbours,
    probes: Probes,
    /// The neighbours that a person gave by name, at most as many as can be given by hand.
    by_name: Vec<Whereabouts>,
    contact: Contact,
    /// Whether a tracker listed this node or somebody became a neighbour, since it started.
    is_welcome: bool,
    /// Whether it was said that nobody who answers serves this election.
    is_refused: bool,
    /// Until when neighbours have time to answer while all trackers serve another election.
    others_until: Instant,
    /// This machine's own addresses, and peers behind the same router.
    inner: Inner,
    /// The pause after the next announcement.
    announce_pause: Duration,
    /// Neighbours that left recently, about whom the others are told.
    departed: VecDeque<(SocketAddr, Instant)>,
    /// The addresses of this machine that went away although the peer listens there; one for each IP version at most.
    gone: BTreeSet<SocketAddr>,
    /// The good addresses as they were last reported.
    remembered: Vec<SocketAddr>,
    /// While a laboratory is cut off, only POKEs are handled and answered.
    is_partitioned: bool,
    leaving: Option<Leaving>,
    outputs: VecDeque<Output>,
}

impl Membership {
    /// `ballot` is the election's canonical bytes, and `remembered` are addresses that answered in
    /// an earlier run. `seed` must be secret and different at every start.
    pub(crate) fn new(
        config: &NodeConfig,
        election: ElectionId,
        ballot: Arc<[u8]>,
        remembered: &[SocketAddr],
        seed: [u8; 32],
        now: Now,
    ) -> Self {
        // Membership has a random stream of its own, so that other draws from the seed do not
        // change what is drawn here.
        let mut random = ChaCha8Rng::from_seed(seed);
        random.set_stream(1);
        let mut membership = Self {
            rules: config.rules,
            election,
            prefix: ElectionPrefix::from(&election),
            own_name: OwnName { run: run_number(seed), name: config.name.clone() },
            ballot,
            tip: (Height(0), BlockHash([0; 32]), Work(0)),
            tokens: TokenIssuer::new(seed, now.instant),
            random,
            timers: Timers::default(),
            own_clock: OwnClock::new(now),
            trackers: Trackers::new(&config.trackers, now.instant),
            neighbours: Neighbours::default(),
            probes: Probes::default(),
            by_name: Vec::new(),
            contact: Contact::default(),
            is_welcome: false,
            is_refused: false,
            others_until: now.instant + OTHERS_PATIENCE,
            inner: Inner::default(),
            announce_pause: Duration::ZERO,
            departed: VecDeque::new(),
            gone: BTreeSet::new(),
            remembered: Vec::new(),
            is_partitioned: false,
            leaving: None,
            outputs: VecDeque::new(),
        };
        for given in &config.neighbours {
            membership.add_given(given, now);
        }
        for address in remembered {
            membership.probes.remember(*address, now.instant);
        }
        membership.arm_probe_timer();
        membership.arm_tracker_timers(now);
        membership
    }

    /// Does everything that is due. To be called when the moment of
    /// [`poll_timeout`](Self::poll_timeout) has come.
    pub(crate) fn handle_timeout(&mut self, now: Now) {
        self.watch_clock(now);
        self.tokens.rotate(now.instant);
        while let Some(timer) = self.timers.pop_expired(now.instant) {
            match timer {
                Timer::Heartbeat => self.handle_heartbeat_timer(now),
                Timer::Probe => self.handle_probe_timer(now),
                Timer::Tracker(place) => self.handle_tracker_timer(place, now),
                Timer::Names => self.handle_names_timer(now),
                Timer::Refused => self.end_if_refused(now),
                Timer::Leave => self.handle_leave_timer(now),
                Timer::Remember => self.tell_good_addresses(),
                Timer::Announce => self.handle_announce_timer(now),
            }
        }
    }

    /// The moment at which something is due next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The next output, in the order in which things happened.
    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Puts a datagram into its envelope, with the token that its receiver issued to us, if there
    /// is one.
    pub(crate) fn envelope(&self, to: SocketAddr, datagram: Datagram) -> Envelope {
        self.envelope_with(to, self.token_of(to), datagram)
    }

    /// Does the same with a token that is known from elsewhere.
    fn envelope_with(&self, to: SocketAddr, receiver_token: Token, datagram: Datagram) -> Envelope {
        let sender_token = self.tokens.issue(to);
        Envelope { election: self.prefix, receiver_token, sender_token, datagram }
    }

    /// Sets the tip that POKEs carry from now on.
    pub(crate) fn set_tip(&mut self, height: Height, hash: BlockHash, work: Work) {
        self.tip = (height, hash, work);
    }

    /// The number of this run.
    pub(crate) fn run(&self) -> RunNumber {
        self.own_name.run
    }

    /// Number of neighbours' addresses.
    pub(crate) fn neighbour_count(&self) -> usize {
        self.neighbours.len()
    }

    /// All neighbours, in the order of their addresses.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.neighbours.addresses()
    }

    /// What is known about each neighbour, in the order of their addresses.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&SocketAddr, &Neighbour)> {
        self.neighbours.iter()
    }

    pub(crate) fn trackers(&self) -> Vec<TrackerView> {
        self.trackers.views()
    }

    pub(crate) fn is_partitioned(&self) -> bool {
        self.is_partitioned
    }

    /// Cuts this node off from all others, or ends that. A partition that ends is over at once: neighbours, probed
    /// addresses and the tracker are written to right away, not when their next timer expires.
    pub(crate) fn set_partitioned(&mut self, is_on: bool, now: Now) {
        let was_on = std::mem::replace(&mut self.is_partitioned, is_on);
        if is_on || !was_on {
            return;
        }
        self.write_to_all(now);
    }

    /// Writes to everybody at once, as after an absence.
    fn write_to_all(&mut self, now: Now) {
        for address in self.neighbours.addresses() {
            if let Some(neighbour) = self.neighbours.get_mut(&address) {
                neighbour.refresh_not_before = now.instant;
            }
            self.refresh(address, now);
            self.poke(address, now);
        }
        self.probes.retry_all_now(now.instant);
        self.arm_probe_timer();
        self.arm_tracker_timers(now);
    }

    /// The addresses at which the peer listens and that this machine has no more.
    pub(crate) fn gone_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.gone.iter().copied()
    }

    /// Notes that an address of this machine went away or came back. Then everybody is written to at once.
    pub(crate) fn handle_own_address(&mut self, address: SocketAddr, is_here: bool, now: Now) {
        let is_news = if is_here { self.gone.remove(&address) } else { self.gone.insert(address) };
        if !is_news || self.leaving.is_some() {
            return;
        }
        self.outputs.push_back(Output::Event(Event::OwnAddress { address, is_here }));
        if is_here {
            self.write_to_all(now);
        }
    }

    /// Counts a rule that a neighbour broke. A neighbour that breaks rules faster than they are
    /// forgiven is banned.
    pub(crate) fn record_fault(&mut self, from: SocketAddr, reason: String, now: Now) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        let is_one_too_many = neighbour.record_fault(now.instant);
        let name = neighbour.name().cloned();
        self.outputs.push_back(Output::Event(Event::Misbehaviour { address: from, name, reason }));
        if is_one_too_many {
            self.ban(from, now);
        }
    }

    /// The token that an address issued to us; none if it is not known.
    fn token_of(&self, address: SocketAddr) -> Token {
        let known = self.neighbours.get(&address).map(|neighbour| neighbour.token);
        let known = known.or_else(|| self.trackers.token(&address));
        known.or_else(|| self.probes.token(&address)).unwrap_or(Token::NONE)
    }

    fn send(&mut self, to: SocketAddr, datagram: Datagram) {
        self.send_with(to, self.token_of(to), datagram);
    }

    fn send_with(&mut self, to: SocketAddr, token: Token, datagram: Datagram) {
        let envelope = self.envelope_with(to, token, datagram);
        self.transmit(to, envelope);
    }

    /// Sends a datagram, unless a partition holds it back: only answers to POKEs pass.
    fn transmit(&mut self, to: SocketAddr, envelope: Envelope) {
        if self.lets_through(&envelope.datagram) {
            self.outputs.push_back(Output::Transmit { to, envelope });
        }
    }

    /// Whether a datagram may be sent. A partition holds back everything except the answers to
    /// POKEs.
    pub(crate) fn lets_through(&self, datagram: &Datagram) -> bool {
        !self.is_partitioned || matches!(datagram, Datagram::PokeAck { .. } | Datagram::Retry)
    }
}

/// The number of this run, which is public: it must tell nothing of the seed, nor change what is drawn elsewhere.
fn run_number(seed: [u8; 32]) -> RunNumber {
    let mut random = ChaCha8Rng::from_seed(seed);
    random.set_stream(RUN_STREAM);
    RunNumber(random.next_u64().to_le_bytes())
}

#[cfg(test)]
impl Membership {
    pub(crate) fn is_neighbour(&self, address: &SocketAddr) -> bool {
        self.neighbours.contains(address)
    }

    pub(crate) fn prefix(&self) -> ElectionPrefix {
        self.prefix
    }

    pub(crate) fn issue_token(&self, to: SocketAddr) -> Token {
        self.tokens.issue(to)
    }

    pub(crate) fn is_probed(&self, address: &SocketAddr) -> bool {
        self.probes.token(address).is_some()
    }
}
