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
use crate::rules::Rule;

/// Verdicts remembered: several times the votes that wait for a block at any time; 6 MB.
const VERDICTS_MAX: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");
/// Gossiped transactions being checked: half a second of one core. More are dropped; they are announced again.
const PENDING_MAX: usize = 8_192;

/// What signatures are checked for.
#[derive(Debug)]
pub(super) enum Purpose {
    Gossip { from: SocketAddr },
    Submission { ticket: Ticket },
    Block { hash: BlockHash, from: Option<SocketAddr> },
}

#[derive(Debug)]
struct Job {
    purpose: Purpose,
    transactions: Vec<Arc<HashedTransaction>>,
    /// Those of them that the shell checks, in its order.
    asked: Vec<LeafHash>,
}

#[derive(Debug)]
pub(super) struct Verification {
    jobs: BTreeMap<u64, Job>,
    last_job: u64,
    /// Gossiped transactions that are being checked.
    pending: BTreeSet<LeafHash>,
    verdicts: LruCache<LeafHash, Result<(), SignatureError>>,
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

    /// Whether a gossiped transaction is being checked, or was refused.
    pub(super) fn is_pending(&self, transaction: &HashedTransaction) -> bool {
        let leaf = transaction.leaf();
        self.pending.contains(&leaf) || matches!(self.verdicts.peek(&leaf), Some(Err(_)))
    }

    /// Notes that signatures hold without a check: our own records say so.
    pub(super) fn trust(&mut self, transaction: &HashedTransaction) {
        self.verdicts.put(transaction.leaf(), Ok(()));
    }

    pub(super) fn verdict(&mut self, leaf: &LeafHash) -> Option<Result<(), SignatureError>> {
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
        let is_gossip = matches!(purpose, Purpose::Gossip { .. });
        if is_gossip {
            let room = PENDING_MAX.saturating_sub(self.verification.pending.len());
            if transactions.is_empty() || transactions.len() > room {
                return;
            }
        }
        let checks_signatures = self.rules.hold(Rule::Signatures);
        let unknown: Vec<_> = transactions
            .iter()
            .filter(|each| checks_signatures && self.verification.verdict(&each.leaf()).is_none())
            .cloned()
            .collect();
        let asked: Vec<LeafHash> = unknown.iter().map(|each| each.leaf()).collect();
        if is_gossip {
            self.verification.pending.extend(&asked);
        }
        let job = Job { purpose, transactions, asked };
        if unknown.is_empty() {
            return self.finish_job(job, &BTreeMap::new(), now);
        }
        self.verification.last_job += 1;
        let number = self.verification.last_job;
        self.verification.jobs.insert(number, job);
        self.output(Output::Verify(VerifyJob { number, transactions: unknown }));
    }

    pub(super) fn on_verified(
        &mut self,
        number: u64,
        verdicts: &[Result<(), SignatureError>],
        now: Now,
    ) {
        let Some(job) = self.verification.jobs.remove(&number) else { return };
        let fresh: BTreeMap<_, _> =
            job.asked.iter().copied().zip(verdicts.iter().copied()).collect();
        for (leaf, verdict) in &fresh {
            self.verification.pending.remove(leaf);
            self.verification.verdicts.put(*leaf, *verdict);
        }
        self.finish_job(job, &fresh, now);
    }

    fn finish_job(
        &mut self,
        job: Job,
        fresh: &BTreeMap<LeafHash, Result<(), SignatureError>>,
        now: Now,
    ) {
        let judged: Vec<_> = job
            .transactions
            .into_iter()
            .map(|transaction| {
                let leaf = transaction.leaf();
                let known = fresh.get(&leaf).copied().or_else(|| self.verification.verdict(&leaf));
                (transaction, known.unwrap_or(Ok(())))
            })
            .collect();
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
                let verdicts = judged.iter().map(|(_, verdict)| *verdict);
                let failed = verdicts
                    .enumerate()
                    .find_map(|(place, verdict)| verdict.err().map(|error| (place, error)));
                self.on_block_verified(hash, from, failed, now);
            }
        }
    }
}
