//! [`Node`]: one peer's state with one owner, and the verbs by which a shell drives it. Each verb hands over to the
//! part that it concerns; nothing is decided here.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use protocol::block::Block;
use protocol::election::Election;
use protocol::keys::SignatureError;
use protocol::units::Now;

use crate::config::{NodeConfig, Role};
use crate::counters::LiveCounters;
use crate::disk::Disk;
use crate::laboratory::Laboratory;
use crate::ledger::Ledger;
use crate::ledger::pool::Pool;
use crate::membership::Membership;
use crate::mining::Mining;
use crate::output::{LoadFailure, Output, Restored};
use crate::sync::Sync;
use crate::timers::Timers;
use crate::views::Tip;
use chain::Chain;
use chain::rules::Rules;

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// Ask again for what was lost, and elsewhere for what does not come.
    Sync,
    /// Begin to mine, or mine on a newer template.
    Mine,
    /// Try headers again whose time was too far ahead.
    EarlyHeaders,
    /// Give up on announced blocks whose transactions don't come.
    Announcements,
}

/// One peer's state, with one owner.
#[derive(Debug)]
pub struct Node {
    /// Which rules hold: all of them, except in tests.
    pub(super) rules: Rules,
    /// What this node is there for.
    pub(super) role: Role,
    /// Blocks of all branches, the best chain, and the count.
    pub(super) chain: Chain,
    /// Who this node exchanges datagrams with.
    pub(super) membership: Membership,
    /// Transactions that wait for a block.
    pub(super) ledger: Ledger,
    /// Blocks on their way here, and to others.
    pub(super) sync: Sync,
    /// The search for the next block.
    pub(super) mining: Mining,
    /// A laboratory's experiments.
    pub(super) laboratory: Laboratory,
    /// Records on their way to the disk, bodies on their way from it, and who waits for either.
    pub(super) disk: Disk,
    /// Deadlines of what is not a core of its own.
    pub(super) timers: Timers<Timer>,
    /// What is counted, for graphs and alarms.
    pub(super) counters: LiveCounters,
    /// Effects that the shell has not drained yet.
    pub(super) outputs: VecDeque<Output>,
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
        let id = *chain.election_id();
        let ballot = election.canonical_bytes().into();
        let membership = Membership::new(&config, id, ballot, &restored.neighbours, seed, now);
        let mut node = Self {
            rules: config.rules,
            role: config.role,
            chain,
            membership,
            ledger: Ledger::new(config.rules, seed),
            sync: Sync::default(),
            mining: Mining::new(config.mining && config.role != Role::Observer, seed),
            laboratory: Laboratory::default(),
            disk: Disk::default(),
            timers: Timers::default(),
            counters: LiveCounters::default(),
            outputs: VecDeque::new(),
        };
        node.restore(restored, now);
        node.pool_grew(now);
        node
    }

    /// Takes in one datagram. Never fails: what is no good is counted and dropped.
    pub fn handle_datagram(&mut self, from: SocketAddr, bytes: &[u8], now: Now) {
        self.dispatch(from, bytes, now);
    }

    /// Does what is due. To be called when the moment of [`poll_timeout`](Self::poll_timeout) has come;
    /// harmless at any other.
    pub fn handle_timeout(&mut self, now: Now) {
        self.membership.handle_timeout(now);
        self.react_to_membership(now);
        self.ledger.handle_timeout(now);
        self.react_to_ledger(now);
        while let Some(timer) = self.timers.pop_expired(now.instant) {
            match timer {
                Timer::Sync => self.handle_sync_timer(now),
                Timer::Mine => self.handle_mine_timer(now),
                Timer::EarlyHeaders => self.handle_early_headers_timer(now),
                Timer::Announcements => self.handle_announcements_timer(now),
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
        self.ledger.handle_verified(job, &verdicts, &self.chain, now);
        self.react_to_ledger(now);
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
        let all = [self.timers.next(), self.membership.poll_timeout(), self.ledger.poll_timeout()];
        all.into_iter().flatten().min()
    }

    /// The next effect. To be drained after every `handle_*`.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front().or_else(|| self.disk.durability.pop_batch().map(Output::Persist))
    }

    /// The end of the best chain.
    #[must_use]
    pub fn tip(&self) -> Tip {
        Tip { height: self.chain.tip_header().height, hash: self.chain.tip().hash }
    }

    /// The chain, to look at.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The transactions that wait for a block, to look at.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        self.ledger.pool()
    }

    pub(super) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// POKEs tell of the tip as it is now.
    pub(super) fn tell_tip(&mut self) {
        let Tip { height, hash } = self.tip();
        self.membership.set_tip(height, hash, self.chain.tip().work);
    }
}
