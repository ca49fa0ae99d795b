//! What peers acknowledged, and where a restarted peer has it: on its best chain, or else in its pool.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{PATIENCE, Peer, Tip, results_of};

/// Submissions that wait for their answers at a time; together they are smaller than a pipe, so that writing
/// them to a peer that is busy, or dead, holds nobody up.
pub(crate) const OUTSTANDING_MAX: usize = 48;

/// A transaction's id or a block's hash, in hexadecimal digits.
type Id = String;

/// A block as a peer showed it once: it does not change.
#[derive(Debug)]
struct SeenBlock {
    previous: Id,
    transactions: Vec<Id>,
}

/// A replica of one peer's best chain, kept up by looks at what is new, and what that peer promised.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// All that was ever acknowledged, as `submit` takes it.
    acknowledged: BTreeMap<Id, String>,
    /// What of it was on no block of the best chain when that was looked at last.
    waiting: BTreeSet<Id>,
    on_chain: BTreeSet<Id>,
    blocks: BTreeMap<Id, SeenBlock>,
    /// Hashes of the best chain, from height 1.
    best: Vec<Id>,
}

impl Ledger {
    /// Notes that a peer said "accepted".
    pub(crate) fn acknowledge(&mut self, id: &str, hex: String) {
        if !self.on_chain.contains(id) {
            self.waiting.insert(id.to_owned());
        }
        self.acknowledged.insert(id.to_owned(), hex);
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// What was acknowledged and is on no block of the best chain that was looked at last.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether a block was on the best chain that was looked at last.
    pub(crate) fn holds_block(&self, height: u64, hash: &str) -> bool {
        let place = usize::try_from(height).expect("it indexes memory");
        place.checked_sub(1).and_then(|place| self.best.get(place)).is_some_and(|best| best == hash)
    }

    /// Looks at the peer's best chain, and hands in again what is not on it, with a signature that does not hold:
    /// a peer that has it says so again, and any other refuses it.
    /// Answers that were not read yet must not be on their way.
    ///
    /// # Panics
    /// When something that was acknowledged is neither on the chain nor in the pool.
    pub(crate) fn check(&mut self, peer: &mut Peer) -> Tip {
        let tip = self.follow(peer);
        let waiting: Vec<_> = self.waiting.iter().collect();
        for some in waiting.chunks(OUTSTANDING_MAX) {
            for id in some {
                peer.tell(&format!("submit {}", without_signature(&self.acknowledged[*id])));
            }
            for id in some {
                let answer = peer.next_answer(PATIENCE);
                assert_eq!(answer["accepted"], true, "acknowledged and lost: {id}: {answer}");
                assert_eq!(answer["transaction"], **id, "{answer}");
            }
        }
        tip
    }

    /// Brings the replica to the peer's tip.
    pub(crate) fn follow(&mut self, peer: &mut Peer) -> Tip {
        let tip = results_of(peer);
        let (mut height, mut hash) = (tip.height, tip.hash.clone());
        let mut joining = Vec::new();
        while height > 0 && !self.holds_block(height, &hash) {
            let block = self.blocks.entry(hash.clone()).or_insert_with_key(|hash| {
                let block = peer.ask(&format!("block {hash}"));
                assert_eq!(block["height"], height, "{block}");
                read_block(&block)
            });
            joining.push(std::mem::replace(&mut hash, block.previous.clone()));
            height -= 1;
        }
        let kept = usize::try_from(height).expect("it indexes memory");
        for left in self.best.split_off(kept) {
            for id in &self.blocks[&left].transactions {
                self.on_chain.remove(id);
                if self.acknowledged.contains_key(id) {
                    self.waiting.insert(id.clone());
                }
            }
        }
        for joined in joining.into_iter().rev() {
            for id in &self.blocks[&joined].transactions {
                assert!(self.on_chain.insert(id.clone()), "{id} stands on the chain twice");
                self.waiting.remove(id);
            }
            self.best.push(joined);
        }
        tip
    }
}

fn read_block(block: &Value) -> SeenBlock {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{block}")).to_owned();
    let transactions = block["transactions"].as_array().expect("a list");
    SeenBlock {
        previous: text(&block["previous"]),
        transactions: transactions.iter().map(|one| text(&one["transaction"])).collect(),
    }
}

/// The same transaction with a recovery bit that is none, in the last of its bytes.
fn without_signature(hex: &str) -> String {
    format!("{}07", &hex[..hex.len() - 2])
}
