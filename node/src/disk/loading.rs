//! Bodies that are on the disk alone: read when a neighbour, a user or a change of branch needs them.
//!
//! A body is read once for all who wait for it. How many may wait is bounded by who asks, so that no neighbour can keep
//! users from their answers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::block::Block;
use protocol::units::{BlockHash, Now};

use super::lost_wait::LostWait;
use super::waiter::Waiter;
use crate::Node;
use crate::command::{CommandError, Lookup, Ticket};
use crate::event::Event;
use crate::output::{LoadFailure, LoadJob, Output};
use chain::BlockEffects;

/// The most requests of neighbours that may wait for the disk, which is as many as 16 neighbours
/// may have in flight. Requests beyond that are not answered, and their senders ask again.
const REQUESTS_WAITING_MAX: usize = 256;
/// The most requests of one neighbour that may wait. A neighbour may have 16 blocks in flight, and
/// asks for one body in several requests.
const REQUESTS_OF_NEIGHBOUR_MAX: usize = 32;
/// The most questions of users that may wait for the disk.
const LOOKUPS_WAITING_MAX: usize = 256;
/// The most transactions that may wait for the disk because they were handed in again. A client
/// that lost an answer may send a thousand at once, and so may a second one. Transactions of the
/// same block share the reading of it.
const SUBMISSIONS_WAITING_MAX: usize = 2_048;

/// The pause between two attempts at a change of branch when the disk refused to read the bodies.
/// The disk's file may have to be opened anew for each attempt.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Loading {
    last_job: u64,
    jobs: BTreeMap<u64, BlockHash>,
    waiters: BTreeMap<BlockHash, Vec<Waiter>>,
    /// The number of waiting requests of each neighbour.
    requests: BTreeMap<SocketAddr, usize>,
    lookups: usize,
    submissions: usize,
    /// The bodies that a change of branch still waits for, and those that have arrived for it. The
    /// change needs all of them at once.
    awaited: BTreeSet<BlockHash>,
    gathered: BTreeMap<BlockHash, Arc<Block>>,
    /// Whether the disk did not give one of them, so that the others are of no use and must not fill the memory.
    is_spoiled: bool,
    /// When the disk last refused to read a body that a change of branch needs.
    refused_at: Option<Instant>,
    pub(crate) lost_wait: LostWait,
}

impl Loading {
    /// Checks that the counts are those of the waiters, within their bounds, and that each body that is waited for is
    /// being read once.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        let (mut requests, mut lookups, mut submissions) = (BTreeMap::new(), 0, 0);
        for waiter in self.waiters.values().flatten() {
            match waiter {
                Waiter::Neighbour { to, .. } => *requests.entry(*to).or_default() += 1,
                Waiter::User { .. } => lookups += 1,
                Waiter::Submission(_) => submissions += 1,
                Waiter::Chain => {}
            }
        }
        assert_eq!(self.requests, requests, "waiting requests of neighbours");
        assert_eq!((self.lookups, self.submissions), (lookups, submissions), "waiting users");
        assert!(requests.values().all(|waiting| *waiting <= REQUESTS_OF_NEIGHBOUR_MAX));
        assert!(requests.values().sum::<usize>() <= REQUESTS_WAITING_MAX);
        assert!(lookups <= LOOKUPS_WAITING_MAX && submissions <= SUBMISSIONS_WAITING_MAX);
        let read: BTreeSet<_> = self.jobs.values().copied().collect();
        assert_eq!(read.len(), self.jobs.len(), "a body is read twice at a time");
        assert!(self.waiters.keys().eq(&read), "bodies that are read, and who waits for them");
        assert!(self.awaited.is_subset(&read), "the chain waits for a body that nobody reads");
        let is_kept = !self.gathered.is_empty() || self.is_spoiled;
        assert!(!is_kept || !self.awaited.is_empty(), "what was read waits for nothing");
        assert!(self.gathered.is_empty() || !self.is_spoiled, "what was read is of no use");
    }

    fn has_room_for(&self, waiter: &Waiter) -> bool {
        match waiter {
            Waiter::Neighbour { to, .. } => {
                let theirs = self.requests.get(to).copied().unwrap_or(0);
                theirs < REQUESTS_OF_NEIGHBOUR_MAX
                    && self.requests.values().sum::<usize>() < REQUESTS_WAITING_MAX
            }
            Waiter::User { .. } => self.lookups < LOOKUPS_WAITING_MAX,
            Waiter::Submission(_) => self.submissions < SUBMISSIONS_WAITING_MAX,
            Waiter::Chain => true,
        }
    }

    /// Counts somebody who starts to wait. Returns false if too many are waiting already.
    fn take_room_for(&mut self, waiter: &Waiter) -> bool {
        if !self.has_room_for(waiter) {
            return false;
        }
        match waiter {
            Waiter::Neighbour { to, .. } => *self.requests.entry(*to).or_default() += 1,
            Waiter::User { .. } => self.lookups += 1,
            Waiter::Submission(_) => self.submissions += 1,
            Waiter::Chain => {}
        }
        true
    }

    fn count_out(&mut self, waiter: &Waiter) {
        match waiter {
            Waiter::Neighbour { to, .. } => {
                if let Some(theirs) = self.requests.get_mut(to) {
                    *theirs -= 1;
                }
                self.requests.retain(|_, waiting| *waiting > 0);
            }
            Waiter::User { .. } => self.lookups -= 1,
            Waiter::Submission(_) => self.submissions -= 1,
            Waiter::Chain => {}
        }
    }

    /// Takes in what was read for a change of branch, which needs all that it asked for.
    fn gather(&mut self, hash: BlockHash, block: Option<&Arc<Block>>) {
        self.awaited.remove(&hash);
        self.is_spoiled |= block.is_none();
        match block {
            Some(block) if !self.is_spoiled => {
                self.gathered.insert(hash, Arc::clone(block));
            }
            Some(_) | None => self.gathered.clear(),
        }
    }

    /// Whether bodies that a change of branch needs could not be read, so that nothing but the
    /// passing of time leads to another attempt.
    pub(crate) fn was_refused(&self) -> bool {
        self.refused_at.is_some()
    }

    fn reads_again(&self, now: Instant) -> bool {
        self.refused_at.is_some_and(|at| now >= at + REFUSED_PAUSE)
    }
}

impl Node {
    /// Has a stored body read for somebody. Returns false if too many are waiting already.
    pub(crate) fn load(&mut self, hash: BlockHash, waiter: Waiter) -> bool {
        let Some(height) = self.chain.header(&hash).map(|header| header.height) else {
            return false;
        };
        if !self.disk.loading.take_room_for(&waiter) {
            return false;
        }
        let waiters = self.disk.loading.waiters.entry(hash).or_default();
        waiters.push(waiter);
        if waiters.len() == 1 {
            self.disk.loading.last_job += 1;
            let number = self.disk.loading.last_job;
            self.disk.loading.jobs.insert(number, hash);
            self.output(Output::Load(LoadJob { number, height, hash }));
        }
        true
    }

    /// Has the bodies read that a change to a better branch needs. While others are still being read that are of no use
    /// any more, nothing is: the chain is asked for what it wants again when the last of them has come.
    pub(crate) fn load_for_chain(&mut self, wanted: Vec<BlockHash>) {
        if self.disk.loading.is_spoiled {
            return;
        }
        for hash in wanted {
            if !self.disk.loading.gathered.contains_key(&hash)
                && self.disk.loading.awaited.insert(hash)
            {
                self.load(hash, Waiter::Chain);
            }
        }
    }

    /// The block that a [`LoadJob`] asked for, or why the disk does not give it. The caller has checked that the body
    /// is the one that the header commits to.
    pub fn handle_loaded(&mut self, job: u64, outcome: Result<Arc<Block>, LoadFailure>, now: Now) {
        let Some(hash) = self.disk.loading.jobs.remove(&job) else { return };
        let waiters = self.disk.loading.waiters.remove(&hash).unwrap_or_default();
        let is_for_chain = waiters.iter().any(|waiter| matches!(waiter, Waiter::Chain));
        match outcome {
            Ok(block) => self.give_to_waiters(hash, waiters, &Ok(block)),
            Err(LoadFailure::Lost { reason, summary }) => {
                self.lose_block(hash, reason, summary.map(|summary| *summary));
                self.give_to_waiters(hash, waiters, &Err(CommandError::BlockLost));
            }
            Err(LoadFailure::Refused { reason }) => {
                // Neighbours get no answer, since they will ask again, here or elsewhere. The chain
                // tries again after a pause.
                if is_for_chain {
                    self.chain.mark_refused(&hash);
                    self.disk.loading.refused_at = Some(now.instant);
                }
                let error = CommandError::NotRead { reason };
                let waiters = waiters.into_iter().filter(|waiter| match waiter {
                    Waiter::Neighbour { .. } => {
                        self.disk.loading.count_out(waiter);
                        false
                    }
                    Waiter::User { .. } | Waiter::Submission(_) | Waiter::Chain => true,
                });
                let waiters = waiters.collect();
                self.give_to_waiters(hash, waiters, &Err(error));
            }
        }
        if is_for_chain && self.disk.loading.awaited.is_empty() {
            self.disk.loading.is_spoiled = false;
            for block in std::mem::take(&mut self.disk.loading.gathered).into_values() {
                self.chain.load_body(block);
            }
            // If one of them can't be had, the next best branch may need none such.
            self.advance_chain(None, now);
        }
        self.continue_sync(now);
    }

    fn give_to_waiters(
        &mut self,
        hash: BlockHash,
        waiters: Vec<Waiter>,
        outcome: &Result<Arc<Block>, CommandError>,
    ) {
        let block = outcome.as_ref().ok();
        for waiter in waiters {
            self.disk.loading.count_out(&waiter);
            match waiter {
                Waiter::Neighbour { to, request, wanted } => {
                    self.serve_loaded(to, request, &wanted, block);
                }
                Waiter::User { ticket, lookup } => {
                    self.answer_loaded(ticket, lookup, outcome);
                }
                Waiter::Submission(again) => self.handle_submission_loaded(again, outcome),
                Waiter::Chain => {
                    self.disk.loading.gather(hash, block);
                }
            }
        }
    }

    /// Tries a change of branch again that the disk held up: after a pause if the disk refused to
    /// read a body, or after the full wait if the disk has lost a body of our own branch.
    pub(crate) fn retry_change(&mut self, now: Now) {
        let reads_again = self.disk.loading.reads_again(now.instant);
        if reads_again {
            self.disk.loading.refused_at = None;
            self.chain.forget_refused();
        }
        if reads_again || self.disk.loading.lost_wait.given_up_from(now.instant).is_some() {
            self.advance_chain(None, now);
        }
    }

    /// The disk does not give a body: neighbours have it, too.
    fn lose_block(&mut self, hash: BlockHash, reason: String, summary: Option<BlockEffects>) {
        let Some(height) = self.chain.header(&hash).map(|header| header.height) else { return };
        self.chain.mark_lost(&hash, summary);
        if self.chain.is_on_best_chain(&hash) {
            self.disk.loading.lost_wait.restart(height);
        }
        self.body_lost(&hash);
        self.output(Output::Event(Event::BlockLost { height, hash, reason }));
    }

    fn answer_loaded(
        &mut self,
        ticket: Ticket,
        lookup: Lookup,
        outcome: &Result<Arc<Block>, CommandError>,
    ) {
        let outcome = match outcome {
            Ok(block) => self.answer_lookup(lookup, Some(block), Some(ticket)),
            Err(error) => Err(error.clone()),
        };
        // The chain may have moved in the meantime, so that another body is needed.
        if let Some(outcome) = outcome.transpose() {
            self.output(Output::Answered { ticket, outcome });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::BlockSelector;
    use crate::disk::Resubmission;
    use crate::ledger::Submitter;
    use crate::tests::bounded::{Bound, Bounded, GivesWay};
    use protocol::datagram::ChainRequest;
    use protocol::units::{Height, TransactionId};

    /// Those whose waiter found room.
    struct Waiting {
        loading: Loading,
        waiter: fn(usize) -> Waiter,
        kept: BTreeSet<usize>,
    }

    impl Bounded for Waiting {
        fn offer(&mut self, number: usize) {
            let waiter = (self.waiter)(number);
            if self.loading.take_room_for(&waiter) {
                self.kept.insert(number);
            }
        }

        fn keeps(&self, number: usize) -> bool {
            self.kept.contains(&number)
        }

        fn end(&mut self, number: usize) -> bool {
            self.kept.remove(&number);
            self.loading.count_out(&(self.waiter)(number));
            true
        }
    }

    fn waiting(waiter: fn(usize) -> Waiter) -> Box<dyn Bounded> {
        Box::new(Waiting { loading: Loading::default(), waiter, kept: BTreeSet::new() })
    }

    fn of_neighbour(neighbour: usize) -> Waiter {
        let port = u16::try_from(neighbour).expect("few neighbours");
        let wanted = ChainRequest::Certificates { from: Height(0) };
        Waiter::Neighbour { to: SocketAddr::from(([10, 0, 0, 1], port)), request: 1, wanted }
    }

    fn of_user(number: usize) -> Waiter {
        let lookup = Lookup::Block(BlockSelector::Height(Height(0)));
        Waiter::User { ticket: Ticket(number as u64), lookup }
    }

    fn again(number: usize) -> Waiter {
        let (ticket, id) = (Ticket(number as u64), TransactionId([0; 32]));
        let by = Submitter::OwnUser;
        Waiter::Submission(Resubmission { ticket, id, by, refusal: CommandError::BlockLost })
    }

    const BOUNDS: [Bound; 4] = [
        Bound {
            name: "REQUESTS_OF_NEIGHBOUR_MAX",
            max: REQUESTS_OF_NEIGHBOUR_MAX,
            gives_way: GivesWay::Newcomer,
            fresh: || waiting(|_| of_neighbour(1)),
        },
        Bound {
            name: "REQUESTS_WAITING_MAX",
            max: REQUESTS_WAITING_MAX,
            gives_way: GivesWay::Newcomer,
            fresh: || waiting(|number| of_neighbour(number / 20)),
        },
        Bound {
            name: "LOOKUPS_WAITING_MAX",
            max: LOOKUPS_WAITING_MAX,
            gives_way: GivesWay::Newcomer,
            fresh: || waiting(of_user),
        },
        Bound {
            name: "SUBMISSIONS_WAITING_MAX",
            max: SUBMISSIONS_WAITING_MAX,
            gives_way: GivesWay::Newcomer,
            fresh: || waiting(again),
        },
    ];

    #[test]
    fn who_waits_for_the_disk_is_bounded_by_who_asks() {
        BOUNDS.iter().for_each(Bound::check);
    }

    #[test]
    fn nobody_who_waits_takes_the_place_of_another_kind() {
        let mut full =
            Waiting { loading: Loading::default(), waiter: of_user, kept: BTreeSet::new() };
        (0..LOOKUPS_WAITING_MAX + 1).for_each(|number| full.offer(number));
        assert!(!full.loading.has_room_for(&of_user(0)));
        assert!(full.loading.has_room_for(&of_neighbour(1)));
        assert!(full.loading.has_room_for(&again(0)));
        assert!(full.loading.has_room_for(&Waiter::Chain));
    }
}
