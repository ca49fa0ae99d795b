//! The transactions that wait for a block: which of them are valid, what the disk stores of them,
//! who was told about them, and whose signatures are being checked.
//!
//! [`Ledger`] is a core of its own and the only owner of four things that have to stay consistent.
//! Whatever adds a transaction to the pool must also give it a row on the disk and start to
//! announce it, and whatever removes one ends all three. The ledger must never change the chain, of
//! which it only uses the rules, and must never accept a transaction whose signatures were not
//! checked.

mod acknowledged;
mod gossip;
mod holders;
mod invariants;
mod newest;
pub(crate) mod pool;
mod recipient;
mod rows;
#[cfg(test)]
mod tests;
mod verification;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use protocol::keys::SignatureError;
use protocol::transaction::{HashedTransaction, Transaction, TransactionKind};
use protocol::units::{BlockHash, Now, TransactionId, VoterId};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::command::Ticket;
use crate::limits::Limits;
use crate::output::{Record, VerifyJob};
use crate::timers::Timers;
use chain::rules::Rules;
use chain::{Chain, TipChange, TransactionError};
use gossip::Spreads;
use newest::Newest;
use pool::{Pool, PoolError, Superseded};
use recipient::Recipient;
use rows::Rows;
pub(crate) use verification::Purpose;
use verification::{Job, Verdict, Verification};

/// The purpose of a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Send what entered the pool, and send the pool to new neighbours.
    Gossip,
    /// Announce again what is still in the pool.
    Reannounce,
}

/// What the owner is to do or to know. To be drained after every call that can produce an output.
#[derive(Debug)]
pub(crate) enum Output {
    /// Send these transactions to a neighbour, as one NEW_TRANSACTIONS.
    Send { to: SocketAddr, transactions: Vec<Arc<HashedTransaction>> },
    /// Write this record.
    Persist(Record),
    /// Check signatures, and then call [`Ledger::handle_verified`].
    Verify(VerifyJob),
    /// A transaction entered the pool.
    Added { id: TransactionId, voter: VoterId, kind: TransactionKind },
    /// A transaction that was acknowledged can't be counted any more.
    Superseded(Superseded),
    /// A neighbour sent something that breaks a rule.
    Fault { from: SocketAddr, reason: String },
    /// The signatures of a user's transaction were checked.
    SubmissionVerified {
        ticket: Ticket,
        by: Submitter,
        transaction: Arc<HashedTransaction>,
        verdict: Result<(), SignatureError>,
    },
    /// The signatures of a block were checked. `failed` is the position of the first transaction
    /// whose signatures are not valid.
    BlockVerified {
        hash: BlockHash,
        from: Option<SocketAddr>,
        failed: Option<(usize, SignatureError)>,
    },
}

/// Who handed a transaction in at this peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Submitter {
    OwnUser,
    /// Somebody whom this peer serves over its API.
    Other,
}

/// What a change of the best chain did to the waiting transactions.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    /// The number of transactions of blocks that left the best chain, which are in the pool again.
    pub(crate) returned: usize,
    pub(crate) superseded: Vec<Superseded>,
}

/// The pool and everything that must stay consistent with it.
#[derive(Debug)]
pub(crate) struct Ledger {
    rules: Rules,
    pool: Pool,
    rows: Rows,
    /// The transactions of the pool that are being announced to the neighbours.
    spreads: Spreads,
    /// What this peer's own user handed in since the start.
    own: Newest,
    /// What others handed in at this peer, and what an earlier run left on the disk.
    entrusted: Newest,
    recipients: BTreeMap<SocketAddr, Recipient>,
    verification: Verification,
    timers: Timers<Timer>,
    random: ChaCha8Rng,
    outputs: VecDeque<Output>,
}

impl Ledger {
    /// `seed` must be secret and different at every start.
    pub(crate) fn new(rules: Rules, limits: Limits, seed: [u8; 32]) -> Self {
        // The ledger has a random stream of its own, so that other draws from the seed do not
        // change what is drawn here.
        let mut random = ChaCha8Rng::from_seed(seed);
        random.set_stream(2);
        Self {
            rules,
            pool: Pool::new(limits.pool_bytes_max, limits.held_max),
            rows: Rows::default(),
            spreads: Spreads::default(),
            own: Newest::default(),
            entrusted: Newest::default(),
            recipients: BTreeMap::new(),
            verification: Verification::new(rules, limits.pending_max),
            timers: Timers::default(),
            random,
            outputs: VecDeque::new(),
        }
    }

    /// Handles transactions that a neighbour sent. Those that may enter the pool have their
    /// signatures checked first. Returns those that were here before.
    pub(crate) fn handle_transactions(
        &mut self,
        from: SocketAddr,
        transactions: Vec<Transaction>,
        chain: &Chain,
        now: Now,
    ) -> Vec<TransactionId> {
        let (mut to_verify, mut known) = (Vec::new(), Vec::new());
        for transaction in transactions {
            let transaction = HashedTransaction::new(transaction, chain.election_id());
            if let Some(recipient) = self.recipients.get_mut(&from) {
                recipient.known.insert(transaction.id());
            }
            if self.pool.get(&transaction.id()).is_some()
                || chain.locations_of(&transaction.id()).next().is_some()
            {
                known.push(transaction.id());
            }
            if self.pool.contains(&transaction)
                || self.verification.is_pending_or_refused(&transaction)
            {
                continue;
            }
            if let Err(error) = chain.check_structure(&transaction) {
                let reason = format!("sent a transaction that is refused: {error}");
                self.outputs.push_back(Output::Fault { from, reason });
                continue;
            }
            match self.pool.check(&transaction, chain) {
                // A vote without its registration may simply have overtaken it.
                Ok(()) | Err(PoolError::Context(TransactionError::NotRegistered { .. })) => {
                    to_verify.push(Arc::new(transaction));
                }
                Err(PoolError::Known { .. } | PoolError::Full { .. } | PoolError::Context(_)) => {}
            }
        }
        self.verify(to_verify, Purpose::Gossip { from }, chain, now);
        known
    }

    /// Has those signatures checked whose verdicts are not known yet.
    pub(crate) fn verify(
        &mut self,
        transactions: Vec<Arc<HashedTransaction>>,
        purpose: Purpose,
        chain: &Chain,
        now: Now,
    ) {
        if let Some(job) = self.verification.begin(transactions, purpose) {
            self.continue_job(job, chain, now);
        }
    }

    /// Handles the verdicts of a [`VerifyJob`], in its order.
    pub(crate) fn handle_verified(
        &mut self,
        number: u64,
        verdicts: &[Verdict],
        chain: &Chain,
        now: Now,
    ) {
        if let Some(job) = self.verification.complete(number, verdicts) {
            self.continue_job(job, chain, now);
        }
    }

    /// Does everything that is due. To be called when the moment of
    /// [`poll_timeout`](Self::poll_timeout) has come.
    pub(crate) fn handle_timeout(&mut self, now: Now) {
        while let Some(timer) = self.timers.pop_expired(now.instant) {
            match timer {
                Timer::Gossip => self.announce_fresh(now),
                Timer::Reannounce => self.announce_again(now),
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

    /// The transactions themselves.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Whether this peer's own user handed a transaction in since the start.
    pub(crate) fn is_own(&self, id: &TransactionId) -> bool {
        self.own.contains(id)
    }

    /// The row on the disk that stores a transaction of the pool.
    pub(crate) fn row(&self, id: &TransactionId) -> Option<u64> {
        self.rows.get(id)
    }

    /// Adds what was handed in at this peer; see [`add`](Self::add).
    ///
    /// # Errors
    /// See [`Pool::insert`].
    pub(crate) fn add_submitted(
        &mut self,
        transaction: Arc<HashedTransaction>,
        by: Submitter,
        chain: &Chain,
        now: Now,
    ) -> Result<(), PoolError> {
        let id = transaction.id();
        self.add(transaction, chain, now)?;
        self.note_submitted(id, by);
        Ok(())
    }

    /// The votes that were handed in at this peer and wait for a block.
    pub(crate) fn submitted_votes(&self) -> Vec<(TransactionId, VoterId)> {
        let all = self.own.newest_first().chain(self.entrusted.newest_first());
        let waiting = all.filter_map(|id| self.pool.get(id));
        let votes = waiting.filter(|each| each.kind() == TransactionKind::Vote);
        votes.map(|vote| (vote.id(), vote.voter())).collect()
    }

    /// Notes that a transaction was handed in at this peer, although it was known.
    pub(crate) fn note_submitted(&mut self, id: TransactionId, by: Submitter) {
        match by {
            Submitter::OwnUser => self.own.insert(id),
            Submitter::Other => self.entrusted.insert(id),
        }
    }

    /// Adds a transaction whose signatures are valid to the pool, the disk and the announcements,
    /// together with those that waited for it.
    ///
    /// # Errors
    /// See [`Pool::insert`].
    fn add(
        &mut self,
        transaction: Arc<HashedTransaction>,
        chain: &Chain,
        now: Now,
    ) -> Result<(), PoolError> {
        let (id, voter, kind) = (transaction.id(), transaction.voter(), transaction.kind());
        let released = self.enter(transaction, chain, now)?;
        self.outputs.push_back(Output::Added { id, voter, kind });
        for waiting in released {
            self.take_back(waiting, chain, now);
        }
        Ok(())
    }

    /// Adds a transaction to the pool, the disk and the announcements. Returns the votes that waited for it. Whatever
    /// has a row was acknowledged, and enters a full pool as well.
    fn enter(
        &mut self,
        transaction: Arc<HashedTransaction>,
        chain: &Chain,
        now: Now,
    ) -> Result<Vec<Arc<HashedTransaction>>, PoolError> {
        let released = match self.rows.get(&transaction.id()) {
            Some(_) => self.pool.restore(Arc::clone(&transaction), chain)?,
            None => self.pool.insert(Arc::clone(&transaction), chain)?,
        };
        self.insert_row(Arc::clone(&transaction));
        self.spread(transaction, now);
        Ok(released)
    }

    /// Follows the chain to another branch. What the new blocks contain no longer waits, and what
    /// the old blocks contained comes back.
    pub(crate) fn follow(&mut self, change: &TipChange, chain: &Chain, now: Now) -> Followed {
        let moved = self.pool.follow(chain, change, self.rules);
        for transaction in change.connected.iter().flat_map(|block| &block.transactions) {
            self.end(&transaction.id());
        }
        for superseded in &moved.superseded {
            self.end(&superseded.transaction.id());
        }
        let returned = moved.returned.len();
        for transaction in moved.returned {
            self.insert_row(Arc::clone(&transaction));
            self.spread(transaction, now);
        }
        for transaction in moved.held {
            self.insert_row(transaction);
        }
        for transaction in moved.released {
            self.take_back(transaction, chain, now);
        }
        Followed { returned, superseded: moved.superseded }
    }

    /// Stops all announcements.
    pub(crate) fn stop(&mut self) {
        self.timers = Timers::default();
    }

    /// Adds a gossiped transaction whose signatures are valid, or holds it until its voter's registration
    /// arrives.
    fn add_or_hold(&mut self, transaction: Arc<HashedTransaction>, chain: &Chain, now: Now) {
        match self.add(Arc::clone(&transaction), chain, now) {
            Err(PoolError::Context(TransactionError::NotRegistered { .. })) => {
                self.pool.hold(transaction);
            }
            Ok(())
            | Err(PoolError::Known { .. } | PoolError::Full { .. } | PoolError::Context(_)) => {}
        }
    }

    /// Removes what is left of a transaction that left the pool: its row on the disk, and its place in the gossip.
    fn end(&mut self, id: &TransactionId) {
        self.spreads.remove(id);
        self.remove_row(id);
    }

    fn insert_row(&mut self, transaction: Arc<HashedTransaction>) {
        if let Some(row) = self.rows.insert(transaction.id()) {
            self.outputs.push_back(Output::Persist(Record::PoolInsert { row, transaction }));
        }
    }

    fn remove_row(&mut self, id: &TransactionId) {
        if let Some(row) = self.rows.remove(id) {
            self.outputs.push_back(Output::Persist(Record::PoolRemove { row }));
        }
    }

    /// Asks for those verdicts of a job that are not known, and finishes the job once all are
    /// known.
    fn continue_job(&mut self, job: Job, chain: &Chain, now: Now) {
        let (number, transactions) = match self.verification.register(job) {
            Ok(asked) => asked,
            Err(job) => return self.finish_job(job, chain, now),
        };
        let election = Arc::clone(chain.election());
        self.outputs.push_back(Output::Verify(VerifyJob { number, election, transactions }));
    }

    fn finish_job(&mut self, job: Job, chain: &Chain, now: Now) {
        let (purpose, judged) = job.into_verdicts();
        match purpose {
            Purpose::Gossip { from } => {
                for (transaction, verdict) in judged {
                    match verdict {
                        Ok(()) => {
                            let id = transaction.id();
                            self.add_or_hold(transaction, chain, now);
                            self.owe_acknowledgement(from, id);
                        }
                        Err(error) => {
                            let reason = format!("sent a transaction that is refused: {error}");
                            self.outputs.push_back(Output::Fault { from, reason });
                        }
                    }
                }
            }
            Purpose::Submission { ticket, by } => {
                self.outputs.extend(judged.into_iter().map(|(transaction, verdict)| {
                    Output::SubmissionVerified { ticket, by, transaction, verdict }
                }));
            }
            Purpose::Block { hash, from } => {
                let mut judged = judged.into_iter().enumerate();
                let failed = judged.find_map(|(index, (_, verdict))| Some((index, verdict.err()?)));
                self.outputs.push_back(Output::BlockVerified { hash, from, failed });
            }
        }
    }
}

#[cfg(test)]
impl Ledger {
    pub(crate) fn is_pending_or_refused(&self, transaction: &HashedTransaction) -> bool {
        self.verification.is_pending_or_refused(transaction)
    }

    pub(crate) fn trust(&mut self, transaction: &HashedTransaction) {
        self.verification.trust(transaction);
    }
}
