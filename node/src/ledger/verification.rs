//! The signature checks that are under way, and the verdicts of those that are finished, so that no
//! signature is checked twice as long as its verdict is remembered.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use protocol::keys::SignatureError;
use protocol::transaction::HashedTransaction;
use protocol::units::{BlockHash, LeafHash};

use super::Submitter;
use crate::command::Ticket;
use chain::rules::{Rule, Rules};

/// The number of verdicts that are remembered. It is several times the number of votes that wait
/// for a block at any time, and takes 6 MB.
const VERDICTS_MAX: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");

/// The purpose for which signatures are checked.
#[derive(Debug)]
pub(crate) enum Purpose {
    Gossip { from: SocketAddr },
    Submission { ticket: Ticket, by: Submitter },
    Block { hash: BlockHash, from: Option<SocketAddr> },
}

pub(super) type Verdict = Result<(), SignatureError>;

/// Transactions with their verdicts, as far as they are known. A verdict that was known when the
/// job began stays with the job, whatever the cache forgets in the meantime.
#[derive(Debug)]
pub(super) struct Job {
    purpose: Purpose,
    transactions: Vec<(Arc<HashedTransaction>, Option<Verdict>)>,
}

impl Job {
    /// Must only be called once all verdicts are known.
    pub(super) fn into_verdicts(self) -> (Purpose, Vec<(Arc<HashedTransaction>, Verdict)>) {
        let verdicts = self.transactions.into_iter();
        (self.purpose, verdicts.filter_map(|(each, verdict)| Some((each, verdict?))).collect())
    }
}

#[derive(Debug)]
pub(super) struct Verification {
    /// Whether signatures are checked at all, which a test may switch off.
    checks_signatures: bool,
    jobs: BTreeMap<u64, Job>,
    last_job: u64,
    /// The gossiped transactions that are being checked.
    pending: BTreeSet<LeafHash>,
    /// The most of them.
    pending_max: usize,
    verdicts: LruCache<LeafHash, Verdict>,
}

impl Verification {
    pub(super) fn new(rules: Rules, pending_max: usize) -> Self {
        Self {
            checks_signatures: rules.enforces(Rule::Signatures),
            jobs: BTreeMap::new(),
            last_job: 0,
            pending: BTreeSet::new(),
            pending_max,
            verdicts: LruCache::new(VERDICTS_MAX),
        }
    }

    /// Checks that everything that is pending belongs to a job, and that nothing exceeds its bound.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        let pending = self.pending.len();
        assert!(pending <= self.pending_max, "{pending} signatures are pending");
        assert!(self.verdicts.len() <= VERDICTS_MAX.get(), "{} verdicts", self.verdicts.len());
        let gossip = self.jobs.values().filter(|job| matches!(job.purpose, Purpose::Gossip { .. }));
        let unknown = gossip.flat_map(|job| &job.transactions).filter(|(_, known)| known.is_none());
        let unknown: BTreeSet<LeafHash> = unknown.map(|(each, _)| each.leaf()).collect();
        assert!(self.pending.is_subset(&unknown), "a signature is pending that nobody checks");
        assert!(self.jobs.keys().all(|number| *number <= self.last_job));
    }

    /// Whether a gossiped transaction is being checked already, or was refused before.
    pub(super) fn is_pending_or_refused(&self, transaction: &HashedTransaction) -> bool {
        let leaf = transaction.leaf();
        self.pending.contains(&leaf) || matches!(self.verdicts.peek(&leaf), Some(Err(_)))
    }

    /// Records that signatures are valid without a check, because they come from our own records.
    pub(super) fn trust(&mut self, transaction: &HashedTransaction) {
        self.verdicts.put(transaction.leaf(), Ok(()));
    }

    /// Creates a job with the verdicts that are known; `None` for gossip if there is no room for
    /// it.
    pub(super) fn begin(
        &mut self,
        transactions: Vec<Arc<HashedTransaction>>,
        purpose: Purpose,
    ) -> Option<Job> {
        if matches!(purpose, Purpose::Gossip { .. }) {
            let room = self.pending_max.saturating_sub(self.pending.len());
            if transactions.is_empty() || transactions.len() > room {
                return None;
            }
        }
        let judged = transactions.into_iter().map(|transaction| {
            let known = self.verdicts.get(&transaction.leaf()).copied();
            (transaction, if self.checks_signatures { known } else { Some(Ok(())) })
        });
        Some(Job { purpose, transactions: judged.collect() })
    }

    /// Stores a job until its verdicts arrive, and returns its number and the transactions to
    /// check. If there are none to check, the job is handed back.
    pub(super) fn register(&mut self, job: Job) -> Result<(u64, Vec<Arc<HashedTransaction>>), Job> {
        let unknown = job.transactions.iter().filter(|(_, known)| known.is_none());
        let transactions: Vec<_> = unknown.map(|(each, _)| Arc::clone(each)).collect();
        if transactions.is_empty() {
            return Err(job);
        }
        if matches!(job.purpose, Purpose::Gossip { .. }) {
            self.pending.extend(transactions.iter().map(|each| each.leaf()));
        }
        self.last_job += 1;
        self.jobs.insert(self.last_job, job);
        Ok((self.last_job, transactions))
    }

    /// Completes a job whose verdicts arrived.
    pub(super) fn complete(&mut self, number: u64, verdicts: &[Verdict]) -> Option<Job> {
        let mut job = self.jobs.remove(&number)?;
        let unknown = job.transactions.iter_mut().filter(|(_, known)| known.is_none());
        for ((transaction, known), verdict) in unknown.zip(verdicts) {
            *known = Some(*verdict);
            self.pending.remove(&transaction.leaf());
            self.verdicts.put(transaction.leaf(), *verdict);
        }
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_that_was_not_used_for_longest_is_forgotten() {
        let leaf = |number: usize| {
            let mut leaf = [0; 32];
            leaf[..8].copy_from_slice(&(number as u64).to_be_bytes());
            LeafHash(leaf)
        };
        let mut verification = Verification::new(Rules::ALL, 1);
        let max = VERDICTS_MAX.get();
        for number in 0..max {
            verification.verdicts.put(leaf(number), Ok(()));
        }
        assert_eq!(verification.verdicts.len(), max);
        assert!(verification.verdicts.get(&leaf(0)).is_some(), "which uses it");
        verification.verdicts.put(leaf(max), Ok(()));
        let forgotten =
            (0..=max).filter(|number| verification.verdicts.peek(&leaf(*number)).is_none());
        assert_eq!(forgotten.collect::<Vec<_>>(), [1]);
    }
}
