//! The node: what a peer knows and does, without a socket, clock, file or thread.
//!
//! A shell calls a `handle_*` method for whatever happens, then drains [`Node::poll_output`] and arms one
//! timer for [`Node::poll_timeout`]. Effects are queued, so several calls in a row are fine.

mod announce;
mod blocks;
mod command;
mod commands;
mod config;
mod counters;
mod dispatch;
mod dropped;
mod durability;
mod gossip;
mod heartbeat;
mod join;
mod laboratory;
mod leave;
mod loading;
mod meet;
mod mining;
mod neighbours;
mod output;
mod packing;
pub mod pool;
mod probes;
mod submit;
mod sync;
#[cfg(test)]
mod tests;
mod timers;
mod tracker_link;
mod transactions;
mod verification;
mod views;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use protocol::block::Block;
use protocol::datagram::{Datagram, ElectionPrefix, Envelope};
use protocol::election::Election;
use protocol::keys::SignatureError;
use protocol::token::{Token, TokenIssuer};
use protocol::units::Now;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::pool::Pool;
use announce::Announcements;
use blocks::EarlyHeaders;
use chain::Chain;
use chain::rules::Rules;
pub use command::{
    Answer, BlockSelector, CHAIN_LIMIT_MAX, Command, CommandError, Experiment, POOL_LIMIT_MAX,
    Ticket,
};
pub use config::{NodeConfig, RESIDENT_BYTES_MAX, Role};
pub use counters::Counters;
use counters::Tallies;
use durability::Durability;
use gossip::Gossip;
pub use join::{JoinError, JoinOutput, Joining};
use laboratory::Laboratory;
use leave::Leaving;
use loading::Loading;
use mining::Mining;
use neighbours::Neighbours;
pub use output::{
    Event, LeaveReason, LoadFailure, LoadJob, MineJob, Output, PersistBatch, Record, Restored,
    VerifyJob,
};
pub use probes::NEIGHBOURS_BY_HAND_MAX;
use probes::Probes;
use submit::Submissions;
use sync::Sync;
use timers::{Timer, Timers};
use tracker_link::TrackerLink;
use verification::Verification;
pub use views::{
    Admitted, BlockSummary, BlockView, NeighbourView, PoolPage, PooledTransaction, QuestionTally,
    Results, Standing, Status, Tip, TrackerView, TransactionAnswer, TransactionView, VoteView,
    VoterView,
};

/// One peer's state, with one owner.
#[derive(Debug)]
pub struct Node {
    rules: Rules,
    role: Role,
    prefix: ElectionPrefix,
    /// The election's canonical bytes, for peers that ask for the ballot.
    ballot: Arc<[u8]>,
    chain: Chain,
    pool: Pool,
    tokens: TokenIssuer,
    random: ChaCha8Rng,
    timers: Timers,
    neighbours: Neighbours,
    probes: Probes,
    /// Neighbours that left lately, for the others to be told.
    left: VecDeque<(SocketAddr, Instant)>,
    tracker: Option<TrackerLink>,
    gossip: Gossip,
    announcements: Announcements,
    early_headers: EarlyHeaders,
    verification: Verification,
    sync: Sync,
    mining: Mining,
    laboratory: Laboratory,
    submissions: Submissions,
    durability: Durability,
    loading: Loading,
    last_ticket: u64,
    leaving: Option<Leaving>,
    tallies: Tallies,
    outputs: VecDeque<Output>,
}

impl Node {
    /// A node that goes on from what it remembers. `seed` must be secret and new at every start; all
    /// randomness comes from it.
    #[must_use]
    pub fn new(
        config: NodeConfig,
        election: Arc<Election>,
        restored: Restored,
        seed: [u8; 32],
        now: Now,
    ) -> Self {
        let chain = Chain::new(Arc::clone(&election), config.rules, config.resident_bytes_max);
        let mut node = Self {
            rules: config.rules,
            role: config.role,
            prefix: ElectionPrefix::from(chain.election_id()),
            ballot: election.canonical_bytes().into(),
            chain,
            pool: Pool::default(),
            tokens: TokenIssuer::new(seed, now.instant),
            random: ChaCha8Rng::from_seed(seed),
            timers: Timers::default(),
            neighbours: Neighbours::default(),
            probes: Probes::default(),
            left: VecDeque::new(),
            tracker: config.tracker.map(|address| TrackerLink::new(address, now.instant)),
            gossip: Gossip::default(),
            announcements: Announcements::default(),
            early_headers: EarlyHeaders::default(),
            verification: Verification::new(),
            sync: Sync::default(),
            mining: Mining::new(config.mining && config.role != Role::Observer),
            laboratory: Laboratory::default(),
            submissions: Submissions::default(),
            durability: Durability::default(),
            loading: Loading::default(),
            last_ticket: 0,
            leaving: None,
            tallies: Tallies::default(),
            outputs: VecDeque::new(),
        };
        for address in &config.neighbours {
            if !node.probes.add_by_hand(*address, now.instant) {
                tracing::warn!(%address, "one neighbour too many was given: it is passed over");
            }
        }
        for address in &restored.neighbours {
            node.probes.remember(*address, now.instant);
        }
        node.restore(restored, now);
        node.arm_probe_timer();
        if node.tracker.is_some() {
            node.timers.set(Timer::Tracker, Some(now.instant));
        }
        node.pool_grew(now);
        node
    }

    /// Takes in one datagram. Never fails: what is no good is counted and dropped.
    pub fn handle_datagram(&mut self, from: SocketAddr, bytes: &[u8], now: Now) {
        self.tokens.rotate(now.instant);
        self.dispatch(from, bytes, now);
    }

    /// Does what is due. To be called when the moment of [`poll_timeout`](Self::poll_timeout) has come;
    /// harmless at any other.
    pub fn handle_timeout(&mut self, now: Now) {
        self.tokens.rotate(now.instant);
        while let Some(timer) = self.timers.take_expired(now.instant) {
            match timer {
                Timer::Heartbeat => self.on_heartbeat_timer(now),
                Timer::Probe => self.on_probe_timer(now),
                Timer::Tracker => self.on_tracker_timer(now),
                Timer::Gossip => self.on_gossip_timer(now),
                Timer::Reannounce => self.on_reannounce_timer(now),
                Timer::Sync => self.on_sync_timer(now),
                Timer::Mine => self.on_mine_timer(now),
                Timer::EarlyHeaders => self.on_early_headers_timer(now),
                Timer::Announcements => self.on_announcements_timer(now),
                Timer::Leave => self.on_leave_timer(now),
                Timer::RememberNeighbours => self.on_remember_neighbours_timer(),
            }
        }
    }

    /// The nonce that a [`MineJob`] asked for.
    pub fn handle_mined(&mut self, job: u64, nonce: u64, now: Now) {
        self.on_mined(job, nonce, now);
    }

    /// The verdicts that a [`VerifyJob`] asked for, in its order.
    pub fn handle_verified(
        &mut self,
        job: u64,
        verdicts: Vec<Result<(), SignatureError>>,
        now: Now,
    ) {
        self.on_verified(job, &verdicts, now);
    }

    /// All batches up to this number are durable.
    pub fn handle_persisted(&mut self, batch: u64, now: Now) {
        self.on_persisted(batch, now);
    }

    /// The disk refuses the batches up to this number that were not confirmed. They may still be confirmed
    /// later.
    pub fn handle_persist_failed(&mut self, batch: u64, reason: &str, now: Now) {
        self.on_persist_failed(batch, reason, now);
    }

    /// The block that a [`LoadJob`] asked for, or why the disk does not give it. The caller has checked that
    /// the body is the one that the header commits to.
    pub fn handle_loaded(&mut self, job: u64, outcome: Result<Arc<Block>, LoadFailure>, now: Now) {
        self.on_loaded(job, outcome, now);
    }

    /// The disk was damaged and mended while this node ran: what it may have lost of the pool is written again.
    pub fn handle_mended(&mut self) {
        self.write_pool_again();
    }

    /// When to call [`handle_timeout`](Self::handle_timeout). To be asked again after every `handle_*`.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The next effect. To be drained after every `handle_*`.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front().or_else(|| self.durability.take_batch().map(Output::Persist))
    }

    /// The end of the best chain.
    #[must_use]
    pub fn tip(&self) -> Tip {
        Tip { height: self.chain.tip_header().height, hash: self.chain.tip().hash }
    }

    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Names a command whose answer comes later.
    fn new_ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        Ticket(self.last_ticket)
    }

    fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Sends a datagram, with the token that its receiver issued to us, as far as we have one.
    fn send(&mut self, to: SocketAddr, datagram: Datagram) {
        let known = self.neighbours.get(&to).map(|neighbour| neighbour.token);
        let known = known.or_else(|| self.tracker.as_ref()?.token_for(&to));
        let token = known.or_else(|| self.probes.token(&to)).unwrap_or(Token::NONE);
        self.send_with(to, token, self.prefix, datagram);
    }

    fn send_with(
        &mut self,
        to: SocketAddr,
        receiver_token: Token,
        election: ElectionPrefix,
        datagram: Datagram,
    ) {
        if self.laboratory.keeps_back(&datagram) {
            return;
        }
        let sender_token = self.tokens.issue(to);
        let envelope = Envelope { election, receiver_token, sender_token, datagram };
        let bytes = envelope.encode();
        self.tallies.sent.count_kind(&envelope.datagram);
        self.tallies.sent.count_bytes(&bytes);
        self.output(Output::Transmit { to, bytes });
    }
}
