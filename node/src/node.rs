//! [`Node`]: one peer's state with one owner, and the verbs by which a shell drives it. Each verb hands over to the
//! part that it concerns; nothing is decided here. The verbs that answer a request of one part alone (mining, writing,
//! loading) stand with that part.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use protocol::election::Election;
use protocol::finality::BlockReference;
use protocol::keys::SignatureError;
use protocol::units::{Height, Now};

use crate::config::{NodeConfig, Role};
use crate::counters::LiveCounters;
use crate::disk::Disk;
use crate::finality::Finality;
use crate::finality::depth::Closing;
use crate::finality::state::Progress;
use crate::holders::OwnAlone;
use crate::laboratory::Laboratory;
use crate::ledger::Ledger;
use crate::ledger::pool::Pool;
use crate::limits::Limits;
use crate::membership::Membership;
use crate::mining::Mining;
use crate::output::{Output, Restored};
use crate::sync::Sync;
use crate::timers::Timers;
use crate::views::Tip;
use chain::Chain;
use chain::rules::Rules;

/// The purpose of a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// Ask again for pieces that were lost, and ask elsewhere for those that do not arrive.
    Sync,
    /// Start to mine, or continue with a newer template.
    Mine,
    /// Try again those headers whose time was too far ahead.
    EarlyHeaders,
    /// Give up on announced blocks whose transactions do not arrive.
    Announcements,
    /// One of the election's times has come by this machine's clock.
    State,
}

/// The state of one peer, which has exactly one owner.
#[derive(Debug)]
pub struct Node {
    /// The rules that are enforced: all of them, except in tests.
    pub(super) rules: Rules,
    /// How much it keeps of what others send.
    pub(super) limits: Limits,
    /// The purpose of this node.
    pub(super) role: Role,
    /// Blocks of all branches, the best chain, and the count.
    pub(super) chain: Chain,
    /// The tracker, the neighbours, and addresses that may become neighbours.
    pub(super) membership: Membership,
    /// The transactions that wait for a block.
    pub(super) ledger: Ledger,
    /// The blocks that are being fetched, and the announcement of blocks to others.
    pub(super) sync: Sync,
    /// What validators signed; `None` in an election without validators.
    pub(super) finality: Option<Finality>,
    /// How far a timed election has come.
    pub(super) progress: Progress,
    /// What was seen of the end of an election without validators.
    pub(super) closing: Closing,
    /// The own user's votes that no neighbour is known to have in its chain.
    pub(super) own_alone: OwnAlone,
    /// The search for the next block.
    pub(super) mining: Mining,
    /// A laboratory's experiments.
    pub(super) laboratory: Laboratory,
    /// The records on their way to the disk, the bodies on their way from it, and those who wait
    /// for either.
    pub(super) disk: Disk,
    /// The deadlines of the parts that have no timers of their own.
    pub(super) timers: Timers<Timer>,
    /// The counts for graphs and alarms.
    pub(super) counters: LiveCounters,
    /// Effects that the shell has not drained yet.
    pub(super) outputs: VecDeque<Output>,
}

impl Node {
    /// Creates a node that continues from what it remembers. `seed` must be secret and different at
    /// every start, because all randomness comes from it.
    #[must_use]
    pub fn new(
        config: NodeConfig,
        election: Arc<Election>,
        restored: Restored,
        seed: [u8; 32],
        now: Now,
    ) -> Self {
        let limits = config.limits;
        let chain = Chain::new(Arc::clone(&election), config.rules, config.resident_bytes_max)
            .with_headers_max(limits.headers_without_body_max);
        let id = *chain.election_id();
        let ballot = election.canonical_bytes().into();
        let mut restored = restored;
        let remembered = std::mem::take(&mut restored.finality);
        let progress = Progress::new(&remembered);
        let closing = Closing::new(election.closes(), remembered.witnessed_close, now);
        let membership = Membership::new(&config, id, ballot, &restored.neighbours, seed, now);
        let genesis = BlockReference { height: Height(0), hash: chain.tip().hash };
        let run = (membership.run(), genesis);
        let finality = Finality::new(&election, config.validator, remembered, run, now);
        let mut node = Self {
            rules: config.rules,
            limits,
            role: config.role,
            chain,
            membership,
            ledger: Ledger::new(config.rules, limits, seed),
            sync: Sync::default(),
            finality,
            progress,
            closing,
            own_alone: OwnAlone::default(),
            mining: Mining::new(config.mining && config.role != Role::Observer, seed),
            laboratory: Laboratory::default(),
            disk: Disk::new(limits.waiting_bytes_max),
            timers: Timers::default(),
            counters: LiveCounters::default(),
            outputs: VecDeque::new(),
        };
        node.restore(restored, now);
        node.arm_early_timer(now);
        node.follow_chain(now);
        node.pool_grew(now);
        node
    }

    /// Handles one datagram. This never fails: a datagram that cannot be used is counted and
    /// dropped.
    pub fn handle_datagram(&mut self, from: SocketAddr, bytes: &[u8], now: Now) {
        self.dispatch(from, bytes, now);
    }

    /// Does everything that is due. To be called when the moment of
    /// [`poll_timeout`](Self::poll_timeout) has come; calling it at any other time is harmless.
    pub fn handle_timeout(&mut self, now: Now) {
        self.follow_clock(now);
        self.membership.handle_timeout(now);
        self.react_to_membership(now);
        self.ledger.handle_timeout(now);
        self.react_to_ledger(now);
        self.finality_timeout(now);
        while let Some(timer) = self.timers.pop_expired(now.instant) {
            match timer {
                Timer::Sync => self.handle_sync_timer(now),
                Timer::Mine => self.handle_mine_timer(now),
                Timer::EarlyHeaders => self.handle_early_headers_timer(now),
                Timer::Announcements => self.handle_announcements_timer(now),
                Timer::State => self.handle_state_timer(now),
            }
        }
    }

    /// The verdicts that a [`VerifyJob`](crate::VerifyJob) asked for, in its order.
    pub fn handle_verified(
        &mut self,
        job: u64,
        verdicts: Vec<Result<(), SignatureError>>,
        now: Now,
    ) {
        self.ledger.handle_verified(job, &verdicts, &self.chain, now);
        self.react_to_ledger(now);
    }

    /// The disk was damaged and mended while this node ran: what it may have lost of the pool is written again.
    pub fn handle_mended(&mut self) {
        self.write_pool_again();
    }

    /// What came of an [`Output::LookUp`]: the addresses at which the name can be reached, or why there is none.
    pub fn handle_looked_up(
        &mut self,
        name: &str,
        found: Result<Vec<SocketAddr>, String>,
        now: Now,
    ) {
        self.membership.handle_looked_up(name, found, now);
        self.react_to_membership(now);
    }

    /// Whether this machine has an address at which the peer listens. To be called when that changed.
    pub fn handle_own_address(&mut self, address: SocketAddr, is_here: bool, now: Now) {
        self.membership.handle_own_address(address, is_here, now);
        self.react_to_membership(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout). The caller must ask again after every
    /// `handle_*` call.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let finality = self.finality.as_ref().and_then(Finality::poll_timeout);
        let others = [self.membership.poll_timeout(), self.ledger.poll_timeout(), finality];
        let all = [self.timers.next()].into_iter().chain(others);
        all.flatten().min()
    }

    /// The next effect. The caller must drain all effects after every `handle_*` call.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front().or_else(|| self.disk.durability.pop_batch().map(Output::Persist))
    }

    /// The end of the best chain.
    #[must_use]
    pub fn tip(&self) -> Tip {
        Tip { height: self.chain.tip_header().height, hash: self.chain.tip().hash }
    }

    /// Read access to the chain.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Read access to the transactions that wait for a block.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        self.ledger.pool()
    }

    pub(super) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Makes POKEs carry the current tip.
    pub(super) fn tell_tip(&mut self) {
        let Tip { height, hash } = self.tip();
        self.membership.set_tip(height, hash, self.chain.tip().work);
    }
}
