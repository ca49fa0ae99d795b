//! Who this node exchanges datagrams with: finding peers, keeping in touch with neighbours, noticing who is gone,
//! staying registered with the tracker, and taking leave.
//!
//! [`Membership`] is a core of its own. The node hands it datagrams and the time, drains its outputs, and reacts to
//! them. It must never look at the chain or the pool: of the chain it is told the tip, for its POKEs to carry. And
//! nothing that a datagram says may make state here, or draw more bytes than it has itself, before its sender has
//! shown by a token that it receives what is sent to its address.

mod dispatch;
mod heartbeat;
mod leave;
mod meet;
mod neighbours;
mod probes;
#[cfg(test)]
mod tests;
mod tracker;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use protocol::datagram::{Datagram, ElectionPrefix, Envelope, PeerStatus};
use protocol::token::{Token, TokenIssuer};
use protocol::units::{BlockHash, ElectionId, Height, Now, Work};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::config::NodeConfig;
use crate::dropped::DropReason;
use crate::output::{Event, LeaveReason};
use crate::timers::Timers;
use crate::views::TrackerView;
use chain::rules::Rules;
pub(crate) use leave::LeaveProgress;
use leave::Leaving;
use neighbours::{Neighbour, Neighbours};
use probes::Probes;
use tracker::TrackerLink;

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// POKE neighbours, and drop those that are silent.
    Heartbeat,
    /// POKE addresses that are not neighbours yet.
    Probe,
    /// Register with the tracker, again if need be.
    Tracker,
    /// Repeat LEAVE_PEER, and give up in the end.
    Leave,
    /// Tell of the good addresses, for the disk to remember.
    Remember,
}

/// What the owner is to do or to know. To be drained after every call that takes the time.
#[derive(Debug)]
pub(crate) enum Output {
    /// Send this.
    Transmit { to: SocketAddr, envelope: Envelope },
    /// An address became a neighbour.
    Joined { address: SocketAddr },
    /// A neighbour started again, and may have forgotten all that it was told.
    Restarted { address: SocketAddr },
    /// A neighbour is one no more.
    Left { address: SocketAddr, reason: LeaveReason },
    /// A neighbour told where its chain ends.
    Status { from: SocketAddr, status: PeerStatus },
    /// A POKE came back after this long.
    RoundTrip { from: SocketAddr, round_trip: std::time::Duration },
    /// The addresses to remember across restarts changed: these are all of them.
    Remember(Vec<SocketAddr>),
    /// LEAVE_PEER goes to these next: the last moment to tell them something.
    LeaveRepeated { to: Vec<SocketAddr> },
    /// For the user.
    Event(Event),
}

/// What became of a datagram.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// It concerned membership, and was dealt with.
    Handled,
    /// It is dropped.
    Dropped(DropReason),
    /// A neighbour said something about blocks or transactions: for the owner to deal with.
    FromNeighbour(Datagram),
}

/// Tracker, neighbours, and addresses that may become neighbours.
#[derive(Debug)]
pub(crate) struct Membership {
    rules: Rules,
    election: ElectionId,
    prefix: ElectionPrefix,
    /// The election's canonical bytes, for those who join without them.
    ballot: Arc<[u8]>,
    /// The end of our best chain, for POKEs to carry.
    tip: (Height, BlockHash, Work),
    tokens: TokenIssuer,
    random: ChaCha8Rng,
    timers: Timers<Timer>,
    tracker: Option<TrackerLink>,
    neighbours: Neighbours,
    probes: Probes,
    /// Neighbours that left lately, for the others to be told.
    departed: VecDeque<(SocketAddr, Instant)>,
    /// The good addresses as they were told last.
    remembered: Vec<SocketAddr>,
    /// While a laboratory is cut off, POKEs alone are heard and answered.
    is_partitioned: bool,
    leaving: Option<Leaving>,
    outputs: VecDeque<Output>,
}

impl Membership {
    /// `ballot` is the election's canonical bytes, and `remembered` are addresses that answered in an earlier run.
    /// `seed` must be secret and new at every start.
    pub(crate) fn new(
        config: &NodeConfig,
        election: ElectionId,
        ballot: Arc<[u8]>,
        remembered: &[SocketAddr],
        seed: [u8; 32],
        now: Now,
    ) -> Self {
        // A stream of its own: what else is drawn from the seed does not change what is drawn here.
        let mut random = ChaCha8Rng::from_seed(seed);
        random.set_stream(1);
        let mut membership = Self {
            rules: config.rules,
            election,
            prefix: ElectionPrefix::from(&election),
            ballot,
            tip: (Height(0), BlockHash([0; 32]), Work(0)),
            tokens: TokenIssuer::new(seed, now.instant),
            random,
            timers: Timers::default(),
            tracker: config.tracker.map(|address| TrackerLink::new(address, now.instant)),
            neighbours: Neighbours::default(),
            probes: Probes::default(),
            departed: VecDeque::new(),
            remembered: Vec::new(),
            is_partitioned: false,
            leaving: None,
            outputs: VecDeque::new(),
        };
        for address in &config.neighbours {
            if !membership.probes.add_by_hand(*address, now.instant) {
                tracing::warn!(%address, "one neighbour too many was given: it is passed over");
            }
        }
        for address in remembered {
            membership.probes.remember(*address, now.instant);
        }
        membership.arm_probe_timer();
        if membership.tracker.is_some() {
            membership.timers.set(Timer::Tracker, Some(now.instant));
        }
        membership
    }

    /// Does what is due; to be called when the moment of [`poll_timeout`](Self::poll_timeout) has come.
    pub(crate) fn handle_timeout(&mut self, now: Now) {
        self.tokens.rotate(now.instant);
        while let Some(timer) = self.timers.pop_expired(now.instant) {
            match timer {
                Timer::Heartbeat => self.handle_heartbeat_timer(now),
                Timer::Probe => self.handle_probe_timer(now),
                Timer::Tracker => self.handle_tracker_timer(now),
                Timer::Leave => self.handle_leave_timer(now),
                Timer::Remember => self.tell_good_addresses(),
            }
        }
    }

    /// When something is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The next output, in the order in which things happened.
    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// A datagram in its envelope, with the token that its receiver issued to us, as far as we have one.
    pub(crate) fn envelope(&self, to: SocketAddr, datagram: Datagram) -> Envelope {
        self.envelope_with(to, self.token_of(to), datagram)
    }

    /// The same with a token that is known otherwise.
    fn envelope_with(&self, to: SocketAddr, receiver_token: Token, datagram: Datagram) -> Envelope {
        let sender_token = self.tokens.issue(to);
        Envelope { election: self.prefix, receiver_token, sender_token, datagram }
    }

    /// POKEs carry this from now on.
    pub(crate) fn set_tip(&mut self, height: Height, hash: BlockHash, work: Work) {
        self.tip = (height, hash, work);
    }

    /// Number of neighbours.
    pub(crate) fn neighbours(&self) -> usize {
        self.neighbours.len()
    }

    #[cfg(test)]
    pub(crate) fn is_neighbour(&self, address: &SocketAddr) -> bool {
        self.neighbours.contains(address)
    }

    /// All neighbours, in the order of their addresses.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.neighbours.addresses()
    }

    /// What is known of each neighbour, in the order of their addresses.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&SocketAddr, &Neighbour)> {
        self.neighbours.iter()
    }

    pub(crate) fn tracker(&self) -> Option<TrackerView> {
        self.tracker.as_ref().map(TrackerLink::view)
    }

    pub(crate) fn is_partitioned(&self) -> bool {
        self.is_partitioned
    }

    /// Cuts this node off from all others, or ends that. It is over at once: nobody waits for the next time that
    /// something would be said again.
    pub(crate) fn set_partitioned(&mut self, is_on: bool, now: Now) {
        let was_on = std::mem::replace(&mut self.is_partitioned, is_on);
        if is_on || !was_on {
            return;
        }
        for address in self.neighbours.addresses() {
            if let Some(neighbour) = self.neighbours.get_mut(&address) {
                neighbour.restart_not_before = now.instant;
            }
            self.restart(address, now);
            self.poke(address, now);
        }
        self.probes.retry_all_now(now.instant);
        self.arm_probe_timer();
        if self.tracker.is_some() {
            self.timers.set(Timer::Tracker, Some(now.instant));
        }
    }

    /// Counts a rule that a neighbour broke, and bans it when it breaks them faster than they are forgiven.
    pub(crate) fn record_fault(&mut self, from: SocketAddr, reason: String, now: Now) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        let is_one_too_many = neighbour.record_fault(now.instant);
        self.outputs.push_back(Output::Event(Event::Misbehaviour { address: from, reason }));
        if is_one_too_many {
            self.ban(from, now);
        }
    }

    #[cfg(test)]
    pub(crate) fn prefix(&self) -> ElectionPrefix {
        self.prefix
    }

    #[cfg(test)]
    pub(crate) fn issue_token(&self, to: SocketAddr) -> Token {
        self.tokens.issue(to)
    }

    #[cfg(test)]
    pub(crate) fn is_probed(&self, address: &SocketAddr) -> bool {
        self.probes.token(address).is_some()
    }

    /// The token that an address issued to us; none if it is not known.
    fn token_of(&self, address: SocketAddr) -> Token {
        let known = self.neighbours.get(&address).map(|neighbour| neighbour.token);
        let known = known.or_else(|| self.tracker.as_ref()?.token_for(&address));
        known.or_else(|| self.probes.token(&address)).unwrap_or(Token::NONE)
    }

    fn send(&mut self, to: SocketAddr, datagram: Datagram) {
        self.send_with(to, self.token_of(to), datagram);
    }

    fn send_with(&mut self, to: SocketAddr, token: Token, datagram: Datagram) {
        let envelope = self.envelope_with(to, token, datagram);
        self.transmit(to, envelope);
    }

    /// A partition lets nothing through but the answers to POKEs.
    fn transmit(&mut self, to: SocketAddr, envelope: Envelope) {
        if self.lets_through(&envelope.datagram) {
            self.outputs.push_back(Output::Transmit { to, envelope });
        }
    }

    /// Whether a datagram may be sent: a partition holds back all but the answers to POKEs.
    pub(crate) fn lets_through(&self, datagram: &Datagram) -> bool {
        !self.is_partitioned || matches!(datagram, Datagram::PokeAck { .. } | Datagram::Retry)
    }
}
