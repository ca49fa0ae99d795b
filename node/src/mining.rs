//! Decides when to mine, and on which block: when the pool contains something that is valid in the next block, when the
//! user orders it, and in an election with times also empty blocks, as these ask for it.
//!
//! The shell carries out the search itself. A new tip must end every search, because a block on the
//! old tip is of no use.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::block::Header;
use protocol::transaction::HashedTransaction;
use protocol::units::{BlockHash, Height, MerkleRoot, Now, UnixMillis};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::command::CommandError;
use super::finality::views::ElectionState;
use super::output::{MineJob, Output};
use super::views::ClockView;
use super::{Node, Timer};
use chain::Phase;

/// Before mining starts, a random wait of at least this time lets transactions that are cast at the
/// same time end up in the same block, and keeps two peers that heard of them at the same time from
/// starting at the same moment. Both reduce the work that is done twice where the difficulty is
/// low.
const GATHER_MIN: Duration = Duration::from_millis(50);
const GATHER_MAX: Duration = Duration::from_millis(150);
/// The interval between two templates on the same tip. A search has no memory, so nothing is lost
/// by continuing with a newer template.
const TEMPLATE_PERIOD: Duration = Duration::from_millis(250);

/// How often a search goes on with the time of then, where the difficulty depends on it.
const TIME_PERIOD: Duration = Duration::from_millis(500);
/// How often to check whether the clock has caught up with the chain.
const CLOCK_PERIOD: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Search {
    number: u64,
    header: Header,
    transactions: Vec<Arc<HashedTransaction>>,
    started_at: Instant,
}

#[derive(Debug)]
pub(super) struct Mining {
    enabled: bool,
    search: Option<Search>,
    last_number: u64,
    /// Whether the user ordered a block, which may be empty.
    ordered: bool,
    last_mined: Option<BlockHash>,
    random: ChaCha8Rng,
}

impl Mining {
    /// `seed` must be secret and different at every start.
    pub(super) fn new(enabled: bool, seed: [u8; 32]) -> Self {
        let random = ChaCha8Rng::from_seed(seed);
        Self { enabled, search: None, last_number: 0, ordered: false, last_mined: None, random }
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.enabled
    }

    pub(super) fn is_searching(&self) -> bool {
        self.search.is_some()
    }

    /// The number for the next search.
    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Notes that this peer mined a block.
    pub(super) fn note_mined(&mut self, hash: BlockHash) {
        self.last_mined = Some(hash);
    }

    /// Whether this peer recently mined a block in this run.
    pub(super) fn mined(&self, hash: &BlockHash) -> bool {
        self.last_mined.as_ref() == Some(hash)
    }
}

impl Node {
    /// Starts to mine one block because the user wants it now. Returns its height.
    ///
    /// # Errors
    /// When others would refuse the block for now.
    pub(super) fn order_block(&mut self, now: Now) -> Result<Height, CommandError> {
        self.check_clock(now)?;
        self.mining.ordered = true;
        self.timers.set(Timer::Mine, Some(now.instant));
        Ok(self.chain.tip_header().height.next())
    }

    /// Checks whether this machine's clock is off, or the time of the next block would be too far ahead for others to
    /// accept it.
    /// That is the case before the start of an election that is made for the future, and when the
    /// local clock is behind.
    pub(super) fn check_clock(&self, now: Now) -> Result<(), CommandError> {
        let clock = self.membership.clock();
        if let Some(offset_ms) = clock.offset_ms.filter(|_| clock.is_off) {
            let ClockView { compared, disagreeing, .. } = clock;
            return Err(CommandError::ClockOff { offset_ms, disagreeing, compared });
        }
        let earliest = self.chain.tip_header().time;
        if earliest < now.unix.plus(self.chain.time_ahead_max()) {
            return Ok(());
        }
        Err(CommandError::ClockBehind { seconds: earliest.distance(now.unix).as_secs() })
    }

    /// Handles that this machine's clock turned out to be off, or to be right again.
    pub(super) fn clock_judged(&mut self, now: Now) {
        if self.membership.clock().is_off {
            self.stop_mining();
        }
        self.pool_grew(now);
    }

    /// Handles that this machine's clock was set: what is being searched for bears the time of before.
    pub(super) fn clock_jumped(&mut self, now: Now) {
        self.stop_mining();
        self.follow_state(now);
        if self.mining.ordered {
            self.timers.set(Timer::Mine, Some(now.instant));
        }
        self.pool_grew(now);
    }

    /// Handles that something entered the pool.
    pub(super) fn pool_grew(&mut self, now: Now) {
        let has_reason = !self.ledger.pool().is_empty() || self.mines_empty_blocks(now);
        if !has_reason || !self.mining.enabled || self.membership.is_leaving() {
            return;
        }
        let at = match &self.mining.search {
            Some(search) => search.started_at + TEMPLATE_PERIOD,
            None => now.instant + self.mining.random.random_range(GATHER_MIN..GATHER_MAX),
        };
        if !self.timers.is_set(Timer::Mine) {
            self.timers.set(Timer::Mine, Some(at));
        }
    }

    /// Whether a block is worth mining although nothing waits for one, as it is in an election with times.
    pub(super) fn mines_empty_blocks(&self, now: Now) -> bool {
        let election = self.chain.election();
        let Some((starts, vote_by)) = election.mining_starts().zip(election.vote_by()) else {
            return false;
        };
        if now.unix < starts || self.election_state() >= Some(ElectionState::Final) {
            return false;
        }
        // Where nobody signs, an idle chain has no work for a small attacker to beat.
        election.roster().is_none()
            || self.chain.phase() == Phase::Upcoming
            || now.unix >= vote_by
            || self.has_unsettled_transactions()
    }

    /// Whether a block above the final one has transactions.
    fn has_unsettled_transactions(&self) -> bool {
        let above = self.chain.final_block().height.0 + 1..=self.chain.tip_header().height.0;
        let hashes = above.rev().filter_map(|height| self.chain.best_hash(Height(height)));
        let mut headers = hashes.filter_map(|hash| self.chain.header(&hash));
        headers.any(|header| header.merkle_root != MerkleRoot([0; 32]))
    }

    /// Handles a new tip: the block that is being searched for is of no use any more.
    pub(super) fn tip_changed(&mut self, now: Now) {
        self.stop_mining();
        self.timers.set(Timer::Mine, None);
        self.move_experiment(now);
        if self.mining.ordered {
            self.timers.set(Timer::Mine, Some(now.instant));
        }
        self.pool_grew(now);
    }

    pub(super) fn stop_mining(&mut self) {
        if self.mining.search.take().is_some() {
            self.output(Output::StopMining);
        }
    }

    pub(super) fn handle_mine_timer(&mut self, now: Now) {
        if !self.mining.enabled || self.membership.is_leaving() {
            return;
        }
        // While the disk takes nothing, own blocks would fill the memory too, and nothing of them would be safe.
        if self.election_state() >= Some(ElectionState::Final) && !self.mining.ordered {
            return self.stop_mining();
        }
        let must_wait = self.is_catching_up(now.instant) && !self.mining.ordered
            || !self.disk.durability.has_room()
            || self.membership.doubts_clock(now) && !self.membership.clock().is_off;
        if must_wait || self.laboratory.is_searching() {
            return self.timers.set(Timer::Mine, Some(now.instant + TEMPLATE_PERIOD));
        }
        if let Err(error) = self.check_clock(now) {
            tracing::debug!(%error, "not mining");
            return self.timers.set(Timer::Mine, Some(now.instant + CLOCK_PERIOD));
        }
        let transactions = self.ledger.pool().template(&self.chain);
        let has_reason = !transactions.is_empty() || self.mines_empty_blocks(now);
        if !has_reason && !self.mining.ordered {
            return self.stop_mining();
        }
        // Where this clock and the only other one are far apart, the earlier time is one that both take. It is no more
        // than a mark in an untimed election.
        let lead = u64::try_from(self.membership.lead().as_millis()).unwrap_or(u64::MAX);
        let time = UnixMillis(now.unix.0.saturating_sub(lead));
        let header = self.chain.next_header(&transactions, time);
        let number = self.mining.next_number();
        let job = MineJob { number, header, transactions: transactions.len() };
        let started_at = now.instant;
        self.mining.search = Some(Search { number, header, transactions, started_at });
        self.output(Output::Mine(job));
        if self.chain.election().block_interval().is_some() {
            // The difficulty follows the times in headers, so a header's time is that of its search.
            self.timers.set_by(Timer::Mine, now.instant + TIME_PERIOD);
        }
    }

    /// The nonce that a [`MineJob`] asked for.
    pub fn handle_mined(&mut self, job: u64, nonce: u64, now: Now) {
        if self.handle_experiment_mined(job, nonce, now) {
            return;
        }
        let Some(search) = self.mining.search.take_if(|search| search.number == job) else {
            return;
        };
        let header = Header { nonce, ..search.header };
        let hash = header.hash();
        self.mining.note_mined(hash);
        self.mining.ordered = false;
        let inserted = self.chain.insert_header_with_body(header, now.unix);
        let taken = inserted.map_err(|error| error.to_string()).and_then(|hash| {
            let taken = self.handle_body(hash, search.transactions, None, now);
            taken.map_err(|error| error.to_string())
        });
        if let Err(error) = taken {
            tracing::warn!(error, "a mined block is refused");
            self.pool_grew(now);
        }
    }
}
