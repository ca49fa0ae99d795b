//! Signature checks: the core asks for them in jobs, never twice for what it has seen.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use protocol::keys::SignatureError;
use protocol::transaction::HashedTransaction;
use protocol::units::{BlockHash, LeafHash, Now};

use super::Node;
use super::command::Ticket;
use super::output::{Output, VerifyJob};
use chain::rules::Rule;

/// Verdicts remembered: several times the votes that wait for a block at any time; 6 MB.
const VERDICTS_MAX: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");
/// Gossiped transactions being checked: half a second of one core, or 16 times that if registrars signed them all and
/// only the last signature of each is forged. More are dropped; they are announced again.
const PENDING_MAX: usize = 8_192;

/// What signatures are checked for.
#[derive(Debug)]
pub(super) enum Purpose {
    Gossip { from: SocketAddr },
    Submission { ticket: Ticket },
    Block { hash: BlockHash, from: Option<SocketAddr> },
}

type Verdict = Result<(), SignatureError>;

/// Transactions with their verdicts, as far as they are known. What was known when the job began stays with
/// it, whatever the cache forgets meanwhile.
#[derive(Debug)]
struct Job {
    purpose: Purpose,
    transactions: Vec<(Arc<HashedTransaction>, Option<Verdict>)>,
}

#[derive(Debug)]
pub(super) struct Verification {
    jobs: BTreeMap<u64, Job>,
    last_job: u64,
    /// Gossiped transactions that are being checked.
    pending: BTreeSet<LeafHash>,
    verdicts: LruCache<LeafHash, Verdict>,
}

impl Verification {
    pub(super) fn new() -> Self {
        Self {
            jobs: BTreeMap::new(),
            last_job: 0,
            pending: BTreeSet::new(),
            verdicts: LruCache::new(VERDICTS_MAX),
        }
    }

    /// Whether a gossiped transaction is being checked already, or was refused.
    pub(super) fn is_pending_or_refused(&self, transaction: &HashedTransaction) -> bool {
        let leaf = transaction.leaf();
        self.pending.contains(&leaf) || matches!(self.verdicts.peek(&leaf), Some(Err(_)))
    }

    /// Notes that signatures hold without a check: our own records say so.
    pub(super) fn trust(&mut self, transaction: &HashedTransaction) {
        self.verdicts.put(transaction.leaf(), Ok(()));
    }

    fn verdict(&mut self, leaf: &LeafHash) -> Option<Verdict> {
        self.verdicts.get(leaf).copied()
    }
}

impl Node {
    /// Has signatures checked, as far as their verdicts are not known; goes on at once where all are.
    pub(super) fn verify(
        &mut self,
        transactions: Vec<Arc<HashedTransaction>>,
        purpose: Purpose,
        now: Now,
    ) {
        if matches!(purpose, Purpose::Gossip { .. }) {
            let room = PENDING_MAX.saturating_sub(self.verification.pending.len());
            if transactions.is_empty() || transactions.len() > room {
                return;
            }
        }
        let checks_signatures = self.rules.enforces(Rule::Signatures);
        let judged = transactions.into_iter().map(|transaction| {
            let known = self.verification.verdict(&transaction.leaf());
            (transaction, if checks_signatures { known } else { Some(Ok(())) })
        });
        let job = Job { purpose, transactions: judged.collect() };
        self.continue_job(job, now);
    }

    pub(super) fn on_verified(&mut self, number: u64, verdicts: &[Verdict], now: Now) {
        let Some(mut job) = self.verification.jobs.remove(&number) else { return };
        let unknown = job.transactions.iter_mut().filter(|(_, known)| known.is_none());
        for ((transaction, known), verdict) in unknown.zip(verdicts) {
            *known = Some(*verdict);
            self.verification.pending.remove(&transaction.leaf());
            self.verification.verdicts.put(transaction.leaf(), *verdict);
        }
        self.continue_job(job, now);
    }

    /// Asks for the verdicts that are not known, and finishes the job once there are none.
    fn continue_job(&mut self, job: Job, now: Now) {
        let unknown = job.transactions.iter().filter(|(_, known)| known.is_none());
        let transactions: Vec<_> = unknown.map(|(each, _)| Arc::clone(each)).collect();
        if transactions.is_empty() {
            return self.finish_job(job, now);
        }
        if matches!(job.purpose, Purpose::Gossip { .. }) {
            self.verification.pending.extend(transactions.iter().map(|each| each.leaf()));
        }
        self.verification.last_job += 1;
        let number = self.verification.last_job;
        self.verification.jobs.insert(number, job);
        let election = Arc::clone(self.chain.election());
        self.output(Output::Verify(VerifyJob { number, election, transactions }));
    }

    fn finish_job(&mut self, job: Job, now: Now) {
        let verdicts = job.transactions.into_iter();
        let judged = verdicts.filter_map(|(each, verdict)| Some((each, verdict?)));
        match job.purpose {
            Purpose::Gossip { from } => {
                for (transaction, verdict) in judged {
                    match verdict {
                        Ok(()) => self.take_gossiped(transaction, Some(from), now),
                        Err(error) => {
                            let reason = format!("sent a transaction that is refused: {error}");
                            self.fault(from, reason, now);
                        }
                    }
                }
            }
            Purpose::Submission { ticket } => {
                for (transaction, verdict) in judged {
                    self.on_submission_verified(ticket, transaction, verdict, now);
                }
            }
            Purpose::Block { hash, from } => {
                let failed = judged
                    .enumerate()
                    .find_map(|(place, (_, verdict))| verdict.err().map(|error| (place, error)));
                self.on_block_verified(hash, from, failed, now);
            }
        }
    }
}
