//! Large elections, made block by block: voters by their numbers, registrations and votes signed on all cores,
//! packed into full blocks and mined. The same seed gives the same election, to the last byte.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use protocol::admission::AdmissionRule;
use protocol::block::{self, BODY_OVERHEAD_BYTES, Block, Header};
use protocol::election::{Election, Question};
use protocol::keys::VoterKey;
use protocol::proof_of_work::find_stamp;
use protocol::transaction::{Choices, HashedTransaction, Transaction, Vote};
use protocol::units::{ElectionId, UnixMillis, sha256};
use rayon::prelude::*;

/// 2026-01-01T00:00:00Z: long enough ago that no block of a large election lies ahead of anybody's clock.
const CREATED: UnixMillis = UnixMillis(1_767_225_600_000);

/// One voter after the other; a million of them take less than three hours.
const VOTER_PERIOD: Duration = Duration::from_millis(10);

/// Voters that are signed at a time: enough for all cores, and a few megabytes.
const BATCH_VOTERS: u64 = 4_096;

/// Low, because blocks are not what a large election is to measure.
const DIFFICULTY_BITS: u8 = 8;
const REGISTRATION_BITS: u8 = 4;

/// The election of a seed: one choice of four, and up to two of three.
#[must_use]
pub(crate) fn election(seed: u64, block_bytes_max: u32) -> Election {
    let hash = sha256(&[b"a large election", &seed.to_le_bytes()]);
    let question = |title: &str, options: &[&str], choices_min, choices_max| Question {
        title: title.into(),
        options: options.iter().map(|&option| option.into()).collect(),
        choices_min,
        choices_max,
    };
    Election {
        id: *hash.first_chunk().expect("a hash has 32 bytes"),
        title: "A large election".into(),
        created: CREATED,
        difficulty_bits: DIFFICULTY_BITS,
        admission: AdmissionRule::Open { registration_bits: REGISTRATION_BITS, max_voters: None },
        block_bytes_max,
        questions: vec![
            question("Who takes the chair?", &["Ada", "Grace", "Hedy", "Joan"], 1, 1),
            question("Which evenings suit you?", &["Tuesday", "Wednesday", "Thursday"], 0, 2),
        ],
        block_interval_s: None,
        times: None,
    }
}

/// The blocks of an election with this many voters, from height 1 on. Only what is being packed is in memory.
#[derive(Debug)]
pub(crate) struct Blocks {
    election: Election,
    id: ElectionId,
    seed: u64,
    voters: u64,
    next_voter: u64,
    /// Signed, and in no block yet.
    waiting: VecDeque<Arc<HashedTransaction>>,
    waiting_bytes: usize,
    parent: Header,
}

impl Blocks {
    pub(crate) fn new(election: &Election, seed: u64, voters: u64) -> Self {
        Self {
            id: election.election_id(),
            parent: Header::genesis(election),
            election: election.clone(),
            seed,
            voters,
            next_voter: 0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
        }
    }

    /// Voters whose transactions were signed so far.
    pub(crate) fn voters_signed(&self) -> u64 {
        self.next_voter
    }

    fn body_bytes_max(&self) -> usize {
        let bytes = usize::try_from(self.election.block_bytes_max).expect("it is 1 MiB at most");
        bytes - BODY_OVERHEAD_BYTES
    }

    fn sign_batch(&mut self) {
        let end = self.voters.min(self.next_voter + BATCH_VOTERS);
        let signed: Vec<_> =
            (self.next_voter..end).into_par_iter().map(|number| self.sign(number)).collect();
        self.next_voter = end;
        self.waiting_bytes +=
            signed.iter().flatten().map(|transaction| transaction.bytes()).sum::<usize>();
        self.waiting.extend(signed.into_iter().flatten());
    }

    /// A voter's registration and vote.
    fn sign(&self, number: u64) -> [Arc<HashedTransaction>; 2] {
        let secret = sha256(&[
            b"a voter of a large election",
            &self.seed.to_le_bytes(),
            &number.to_le_bytes(),
        ]);
        let key = VoterKey::from_secret_bytes(&secret).expect("almost every number is a key");
        let difficulty = self.election.admission.stamp_difficulty().expect("it is open");
        let stamp = find_stamp(&self.id, &key.public().0, difficulty, 0);
        let vote = Vote {
            voter: key.public().voter(),
            choices: choices(&secret),
            nonce: number.to_le_bytes(),
            cast_at: cast_at(number),
        };
        [
            Transaction::open_registration(&self.id, &key, stamp),
            Transaction::vote(&self.id, &key, vote),
        ]
        .map(|transaction| Arc::new(HashedTransaction::new(transaction, &self.id)))
    }

    /// As many of those that wait as fit, in their order.
    fn pack(&mut self) -> Vec<Arc<HashedTransaction>> {
        let mut left = self.body_bytes_max();
        let fitting = self.waiting.iter().take_while(|transaction| {
            let rest = left.checked_sub(transaction.bytes());
            left = rest.unwrap_or(left);
            rest.is_some()
        });
        let count = fitting.count();
        let packed: Vec<_> = self.waiting.drain(..count).collect();
        self.waiting_bytes -= packed.iter().map(|transaction| transaction.bytes()).sum::<usize>();
        packed
    }
}

impl Iterator for Blocks {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        while self.waiting_bytes <= self.body_bytes_max() && self.next_voter < self.voters {
            self.sign_batch();
        }
        if self.waiting.is_empty() {
            return None;
        }
        let transactions = self.pack();
        let newest_vote = transactions.iter().rev().find_map(|one| match one.transaction() {
            Transaction::Vote { vote, .. } => Some(vote.cast_at),
            Transaction::Registration { .. } | Transaction::Withdrawal { .. } => None,
        });
        // Found a moment after its newest vote was cast, and in any case after the block before it.
        let after_parent = self.parent.time.plus(Duration::from_millis(1));
        let time = newest_vote.map_or(after_parent, |cast_at| after_parent.max(cast_at));
        let header = mined(Header {
            previous: self.parent.hash(),
            merkle_root: block::merkle_root(&transactions),
            height: self.parent.height.next(),
            time,
            difficulty: self.parent.difficulty,
            nonce: 0,
        });
        self.parent = header;
        Some(Block { header, transactions })
    }
}

fn mined(header: Header) -> Header {
    let mut headers = (0..=u64::MAX).map(|nonce| Header { nonce, ..header });
    headers.find(Header::has_work).expect("the difficulty is low")
}

fn cast_at(number: u64) -> UnixMillis {
    let millis = u64::try_from(VOTER_PERIOD.as_millis()).expect("a small number");
    UnixMillis(CREATED.0 + (number + 1) * millis)
}

/// Taken from the secret's hash, so that the tally is no pattern, but the same each time.
fn choices(secret: &[u8; 32]) -> Choices {
    let [chair, evenings, ..] = sha256(&[b"choices", secret]);
    // The first gets most votes.
    let chair = u16::from(chair % 10);
    let evenings: &[u16] = match evenings % 7 {
        0 => &[],
        1 => &[0],
        2 => &[1],
        3 => &[2],
        4 => &[0, 1],
        5 => &[0, 2],
        _ => &[1, 2],
    };
    vec![vec![chair.saturating_sub(6)], evenings.to_vec()]
}

#[cfg(test)]
mod tests;
