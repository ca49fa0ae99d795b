//! A second, deliberately naive count of a chain. It shares no rule with the peer's code, so that
//! every peer's tally and best chain can be compared with an independent result.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use chain::{Chain, Tally};
use protocol::admission::RegistrarSignatures;
use protocol::block::{Block, Header};
use protocol::election::Election;
use protocol::proof_of_work;
use protocol::transaction::{Admission, HashedTransaction, Transaction};
use protocol::units::{BlockHash, ElectionId, TransactionId, VoterId, sha256};

use crate::disk::Disk;
use crate::hours::{self, MARKS, Mark};
use crate::verdicts::Verdicts;

/// The count of a chain from its genesis block up to one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    pub height: u64,
    pub work: u128,
    /// Shared with the count of the previous block if nothing changed.
    pub registrations: Rc<BTreeMap<VoterId, TransactionId>>,
    pub votes: Rc<BTreeMap<VoterId, TransactionId>>,
    /// The voters whom the registrars withdrew, whether they had been registered or not.
    pub withdrawn: Rc<BTreeSet<VoterId>>,
    /// For each question, the votes per option and the blank ones.
    pub options: Vec<Vec<u64>>,
    pub blank: Vec<u64>,
}

/// The counts by the block up to which they go, so that each block is examined only once per world.
#[derive(Debug)]
pub struct Reference {
    election: Arc<Election>,
    id: ElectionId,
    counts: BTreeMap<BlockHash, Rc<Count>>,
}

impl Reference {
    #[must_use]
    pub fn new(election: Arc<Election>) -> Self {
        let options = election.questions.iter().map(|question| vec![0; question.options.len()]);
        let empty = Count {
            height: 0,
            work: 0,
            registrations: Rc::default(),
            votes: Rc::default(),
            withdrawn: Rc::default(),
            options: options.collect(),
            blank: vec![0; election.questions.len()],
        };
        let genesis = Header::genesis(&election).hash();
        let counts = BTreeMap::from([(genesis, Rc::new(empty))]);
        Self { id: election.election_id(), election, counts }
    }

    /// The count of the chain that ends in `tip`, whose blocks are read from a peer and its disk.
    ///
    /// # Errors
    /// The first rule that a block on the way breaks.
    pub fn count(
        &mut self,
        chain: &Chain,
        disk: &Disk,
        tip: BlockHash,
        verdicts: &mut Verdicts,
    ) -> Result<Rc<Count>, String> {
        let mut above = Vec::new();
        let mut hash = tip;
        while !self.counts.contains_key(&hash) {
            let block = chain.block(&hash).or_else(|| disk.block(&hash));
            let block = block.ok_or(format!("the best chain lacks block {hash}"))?;
            above.push(Arc::clone(block));
            hash = block.header.previous;
        }
        let mut count = Rc::clone(&self.counts[&hash]);
        let mut parent = hash;
        for block in above.iter().rev() {
            let marks = self.marks(chain, parent);
            let mut next = (*count).clone();
            self.add(&mut next, block, &marks, verdicts)
                .map_err(|fault| format!("block {} breaks a rule: {fault}", block.header.hash()))?;
            count = Rc::new(next);
            parent = block.header.hash();
            self.counts.insert(parent, Rc::clone(&count));
        }
        Ok(count)
    }

    /// The blocks that the one after `parent` depends on, the newest first. Those of a branch that is no longer in the
    /// tree were examined before.
    fn marks(&self, chain: &Chain, parent: BlockHash) -> Vec<Mark> {
        let needed = if self.election.block_interval_s.is_some() { MARKS } else { 1 };
        let up = std::iter::successors(chain.header(&parent), |header| {
            chain.header(&header.previous).filter(|_| header.height.0 > 0)
        });
        let mark = |header: &Header| Mark {
            time: header.time.0,
            difficulty: header.difficulty.attempts(),
        };
        up.take(needed).map(mark).collect()
    }

    fn add(
        &self,
        count: &mut Count,
        block: &Block,
        marks: &[Mark],
        verdicts: &mut Verdicts,
    ) -> Result<(), String> {
        let header = &block.header;
        count.height += 1;
        let difficulty = hours::difficulty(&self.election, marks);
        count.work += u128::from(difficulty);
        let head =
            header.hash().0[..8].iter().fold(0u64, |number, byte| (number << 8) | u64::from(*byte));
        let checks = [
            (header.height.0 == count.height, "its height is not one above its parent's"),
            (header.difficulty.attempts() == difficulty, "its difficulty"),
            (head <= u64::MAX / difficulty, "no proof of work"),
            (
                marks.first().is_some_and(|parent| header.time.0 > parent.time),
                "its time is not above its parent's",
            ),
            (
                block
                    .transactions
                    .iter()
                    .all(|each| hours::takes(&self.election, marks, each.kind())),
                "what it carries before opening or after closing",
            ),
            (naive_root(&block.transactions) == header.merkle_root.0, "another merkle root"),
            (
                block.body_bytes().len() <= self.election.block_bytes_max as usize,
                "its body is too large",
            ),
        ];
        if let Some((_, fault)) = checks.iter().find(|(holds, _)| !holds) {
            return Err((*fault).to_owned());
        }
        block.transactions.iter().try_for_each(|each| self.add_transaction(count, each, verdicts))
    }

    fn add_transaction(
        &self,
        count: &mut Count,
        transaction: &HashedTransaction,
        verdicts: &mut Verdicts,
    ) -> Result<(), String> {
        let voter = transaction.voter();
        verdicts.of(transaction).map_err(|error| format!("a signature: {error}"))?;
        match transaction.transaction() {
            Transaction::Registration { voter_key, admission } => {
                self.check_admission(&voter_key.0, admission)?;
                if count.withdrawn.contains(&voter) {
                    return Err("a withdrawn voter is registered".to_owned());
                }
                match Rc::make_mut(&mut count.registrations).insert(voter, transaction.id()) {
                    None => Ok(()),
                    Some(_) => Err("a voter is registered twice".to_owned()),
                }
            }
            Transaction::Vote { vote, .. } => {
                if !count.registrations.contains_key(&voter) {
                    return Err("a vote without registration".to_owned());
                }
                if Rc::make_mut(&mut count.votes).insert(voter, transaction.id()).is_some() {
                    return Err("a voter voted twice".to_owned());
                }
                self.election.check_choices(&vote.choices).map_err(|error| error.to_string())?;
                for (question, chosen) in vote.choices.iter().enumerate() {
                    count.blank[question] += u64::from(chosen.is_empty());
                    for option in chosen {
                        count.options[question][usize::from(*option)] += 1;
                    }
                }
                Ok(())
            }
            Transaction::Withdrawal { signatures, .. } => {
                self.check_signers(signatures)?;
                if count.votes.contains_key(&voter) {
                    return Err("a voter who voted is withdrawn".to_owned());
                }
                Rc::make_mut(&mut count.registrations).remove(&voter);
                match Rc::make_mut(&mut count.withdrawn).insert(voter) {
                    true => Ok(()),
                    false => Err("a voter is withdrawn twice".to_owned()),
                }
            }
        }
    }

    fn check_admission(&self, voter_key: &[u8; 33], admission: &Admission) -> Result<(), String> {
        match (admission, self.election.admission.stamp_difficulty()) {
            (Admission::Open { stamp, .. }, Some(difficulty)) => {
                let hash = proof_of_work::stamp_hash(&self.id, voter_key, *stamp);
                if proof_of_work::is_met(&hash, difficulty) {
                    return Ok(());
                }
                Err("a stamp without work".to_owned())
            }
            (Admission::Signed { signatures }, None) => self.check_signers(signatures),
            _ => Err("an admission of the other kind".to_owned()),
        }
    }

    /// Checks the number of signatures and by whom they are. Whether they are valid is checked
    /// together with all other signatures.
    fn check_signers(&self, signatures: &RegistrarSignatures) -> Result<(), String> {
        let signers: Vec<_> = signatures.registrar_indexes().collect();
        let threshold = usize::from(self.election.admission.threshold());
        let is_right = threshold > 0
            && signers.len() == threshold
            && signatures.signatures.len() == threshold
            && signers.iter().all(|place| *place < self.election.admission.registrars().len())
            && signatures.election == self.id.0[..8];
        if is_right { Ok(()) } else { Err("signatures of too few registrars".to_owned()) }
    }
}

impl Count {
    /// Whether a peer's tally is the same.
    #[must_use]
    pub fn agrees_with(&self, tally: &Tally) -> bool {
        tally.votes == self.votes.len() as u64
            && tally.options == self.options
            && tally.blank == self.blank
    }
}

/// The merkle root according to its definition: the leaves are split at the largest power of two
/// that is below their number.
fn naive_root(transactions: &[Arc<HashedTransaction>]) -> [u8; 32] {
    match transactions {
        [] => [0; 32],
        [one] => {
            let bytes = protocol::codec::encode(one.transaction());
            sha256(&[&[0], &bytes])
        }
        many => {
            let (left, right) = many.split_at(many.len().next_power_of_two() / 2);
            sha256(&[&[1], &naive_root(left), &naive_root(right)])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge;

    #[test]
    fn the_naive_root_is_the_root() {
        let election = forge::election(1, 2);
        let id = election.election_id();
        let transactions: Vec<_> = (0..9u8)
            .map(|number| forge::registration(&election, &forge::key(1, "test", number.into())))
            .map(|transaction| Arc::new(HashedTransaction::new(transaction, &id)))
            .collect();
        for count in 0..transactions.len() {
            let some = &transactions[..count];
            assert_eq!(naive_root(some), protocol::block::merkle_root(some).0, "{count}");
        }
    }
}
