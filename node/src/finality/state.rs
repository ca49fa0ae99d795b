//! How far a timed election has come, as this node sees it: upcoming, open, sealing, final or disputed; and the moments
//! at which that, or what this node does about it, may change.
//!
//! The chain's own time decides, except for what a peer does by its clock: mine, and take its own user's votes.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::finality::BlockReference;
use protocol::transaction::TransactionKind;
use protocol::units::{Height, Now, TransactionId, UnixMillis};

use super::records::RestoredFinality;
use super::views::{ElectionState, Fate};
use crate::command::CommandError;
use crate::output::{Event, Output};
use crate::views::Tip;
use crate::{Node, Timer};
use chain::Phase;

/// The most final blocks of which it is remembered when they became so: some hours of a busy election. Of what became
/// final before, the earliest of these moments is told.
pub(super) const FINAL_TIMES_MAX: usize = 1_024;
/// The clock may be set, so its time is looked at again at least this often.
const LOOK_PERIOD: Duration = Duration::from_secs(60);

/// What was told of how far the election has come.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    told: Option<ElectionState>,
    /// When blocks were first known here to be final, by height.
    final_times: BTreeMap<Height, UnixMillis>,
    /// When the result was first known to be final.
    final_since: Option<UnixMillis>,
    /// Whether votes may come too late by this machine's clock.
    is_late: bool,
}

impl Progress {
    pub(crate) fn new(restored: &RestoredFinality) -> Self {
        let certified = restored.closing_certificate.as_ref().map(|seen| seen.seen_at);
        let witnessed = restored.witnessed_close.map(|close| close.seen_at);
        let highest = restored.certificate.as_ref();
        let highest = highest.map(|seen| (seen.certificate.block.height, seen.seen_at));
        let final_times = highest.into_iter().collect();
        Self { final_since: certified.or(witnessed), final_times, ..Self::default() }
    }

    pub(super) fn is_late(&self) -> bool {
        self.is_late
    }

    pub(super) fn final_since(&self) -> Option<UnixMillis> {
        self.final_since
    }

    fn note_final(&mut self, height: Height, now: Now) {
        self.final_times.insert(height, now.unix);
        if self.final_times.len() > FINAL_TIMES_MAX {
            self.final_times.pop_first();
        }
    }

    /// # Panics
    /// When an invariant does not hold.
    pub(crate) fn check_invariants(&self) {
        assert!(self.final_times.len() <= FINAL_TIMES_MAX, "{} times", self.final_times.len());
    }
}

impl Node {
    /// How far the election has come; `None` if it has no times.
    #[must_use]
    pub fn election_state(&self) -> Option<ElectionState> {
        self.chain.election().times.as_ref()?;
        let is_disputed = self.finality.as_ref().is_some_and(|each| each.conflict().is_some())
            || self.closing.is_disputed();
        Some(match (self.chain.closing_block(), self.chain.phase()) {
            _ if is_disputed => ElectionState::Disputed,
            (Some(closing), _) if self.is_final_closing(closing) => ElectionState::Final,
            (Some(_), _) | (None, Phase::Closed) => ElectionState::Sealing,
            (None, Phase::Upcoming) => ElectionState::Upcoming,
            (None, Phase::Open | Phase::Untimed) => ElectionState::Open,
        })
    }

    fn is_final_closing(&self, closing: BlockReference) -> bool {
        let is_witnessed = self.closing.witnessed().is_some_and(|close| close.closing == closing);
        is_witnessed
            || self.chain.holds_final() && self.chain.final_block().height >= closing.height
    }

    /// Whether the result is final.
    pub(crate) fn is_over(&self) -> bool {
        self.election_state() == Some(ElectionState::Final)
    }

    /// Tells what has changed. To be called after the chain has moved, and when the clock may have passed one of the
    /// election's times.
    pub(crate) fn follow_state(&mut self, now: Now) {
        let Some(before) = self.chain.election().times.as_ref().map(|_| self.progress.told) else {
            return;
        };
        self.watch_closing(now);
        self.tell_final_block(now);
        let state = self.election_state();
        self.progress.told = state;
        // What was so at the start already is no news.
        if let Some(state) = state.filter(|_| before.is_some() && state != before) {
            self.output(Output::Event(Event::StateChanged { state }));
            if state == ElectionState::Final {
                self.progress.final_since.get_or_insert(now.unix);
                self.tell_not_counted();
            }
            if matches!(state, ElectionState::Final | ElectionState::Disputed) {
                self.stop_mining();
            }
        }
        let vote_by = self.chain.election().vote_by();
        self.progress.is_late = vote_by.is_some_and(|vote_by| now.unix >= vote_by);
        self.arm_state_timer(now);
    }

    /// One of the election's times has come by the clock.
    pub(crate) fn handle_state_timer(&mut self, now: Now) {
        self.follow_state(now);
        self.pool_grew(now);
    }

    fn arm_state_timer(&mut self, now: Now) {
        let election = self.chain.election();
        let times =
            [election.mining_starts(), election.opens(), election.vote_by(), election.closes()];
        let next = times.into_iter().flatten().filter(|time| *time > now.unix).min();
        let wait = next.map(|next| next.distance(now.unix).min(LOOK_PERIOD));
        self.timers.set(Timer::State, wait.map(|wait| now.instant + wait));
    }

    fn tell_final_block(&mut self, now: Now) {
        let BlockReference { height, hash } = self.chain.final_block();
        let told = self.progress.final_times.last_key_value().map_or(Height(0), |(told, _)| *told);
        if height <= told || !self.chain.holds_final() {
            return;
        }
        self.progress.note_final(height, now);
        let (_, votes) = self.chain.final_counts();
        self.output(Output::Event(Event::Final { block: Tip { height, hash }, votes }));
    }

    /// The election is over: whoever handed a vote in here that it does not count is told.
    fn tell_not_counted(&mut self) {
        for (id, voter) in self.ledger.submitted_votes() {
            self.output(Output::Event(Event::NotCounted { id, voter }));
        }
    }

    /// How final it is what became of a transaction, which stands in the block of this height or in none.
    pub(crate) fn fate(&self, height: Option<Height>) -> Option<Fate> {
        let is_over = self.election_state()? == ElectionState::Final;
        let is_final = |height: Height| {
            self.chain.holds_final() && height <= self.chain.final_block().height
                || is_over && self.chain.closing_block().is_some_and(|end| height <= end.height)
        };
        Some(match height {
            Some(height) if is_final(height) => {
                let since = self.progress.final_times.range(height..).next();
                let since = since.map(|(_, time)| *time).or(self.progress.final_since);
                Fate::Final { since }
            }
            None if is_over => Fate::NotCounted,
            Some(_) | None => Fate::Pending,
        })
    }

    /// Checks by the local clock whether this peer takes a transaction of its own user now.
    ///
    /// # Errors
    /// When the election has not opened yet, or has closed.
    pub(crate) fn check_hours(&self, kind: TransactionKind, now: Now) -> Result<(), CommandError> {
        let election = self.chain.election();
        let Some((opens, closes)) = election.opens().zip(election.closes()) else { return Ok(()) };
        let has_closed = now.unix >= closes || self.chain.phase() == Phase::Closed;
        match kind {
            _ if has_closed => Err(CommandError::Closed { closes }),
            TransactionKind::Vote if now.unix < opens => Err(CommandError::NotOpen { opens }),
            TransactionKind::Vote | TransactionKind::Registration | TransactionKind::Withdrawal => {
                Ok(())
            }
        }
    }

    /// Whether this transaction of the own user is a vote that may come too late to be counted.
    pub(crate) fn is_late_vote(&self, id: &TransactionId) -> bool {
        let vote = self.ledger.pool().get(id);
        self.progress.is_late && vote.is_some_and(|vote| vote.kind() == TransactionKind::Vote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_1_025_final_blocks_the_lowest_is_forgotten() {
        let mut progress = Progress::default();
        #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
        let now = Now { instant: std::time::Instant::now(), unix: UnixMillis(1) };
        (0..=FINAL_TIMES_MAX as u64).for_each(|height| progress.note_final(Height(height), now));
        progress.check_invariants();
        let kept: Vec<_> = progress.final_times.keys().map(|height| height.0).collect();
        assert!(kept.into_iter().eq(1..=FINAL_TIMES_MAX as u64));
    }
}
