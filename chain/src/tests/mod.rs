//! A chain to play with, and blocks on any parent.

mod audit;
mod certificates;
mod difficulty;
mod disk;
mod documents;
mod due;
mod edges;
mod final_tally;
mod forgery;
mod hash_rate;
mod invariants;
mod order;
mod period;
mod refused;
mod room;
mod rules;
mod settled;
mod views;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use protocol::block::{self, Header};
use protocol::proof_of_work;
use protocol::transaction::{HashedTransaction, Transaction};
use protocol::units::{BlockHash, UnixMillis};

use super::*;
use crate::fixtures::{NOW, election, hashed, id, key, registration, vote};
use crate::time::Period;

fn chain() -> Chain {
    Chain::new(Arc::new(election()), Rules::ALL, usize::MAX)
}

/// A header on `parent` over `transactions`, before any work.
fn unworked(parent: &Header, transactions: &[Arc<HashedTransaction>]) -> Header {
    Header {
        previous: parent.hash(),
        merkle_root: block::merkle_root(transactions),
        height: parent.height.next(),
        time: parent.time.plus(Duration::from_millis(1)),
        difficulty: parent.difficulty,
        nonce: 0,
    }
}

/// The same header with work; `salt` makes siblings differ.
fn worked(header: Header, salt: u64) -> Header {
    let nonces = (salt << 32)..;
    let headers = nonces.into_iter().map(|nonce| Header { nonce, ..header });
    headers.into_iter().find(Header::has_work).expect("the difficulty is low")
}

fn mine(parent: &Header, transactions: &[Arc<HashedTransaction>], salt: u64) -> Block {
    let header = worked(unworked(parent, transactions), salt);
    Block { header, transactions: transactions.to_vec() }
}

/// Adds a block in all its steps; signatures are taken for good.
fn add(chain: &mut Chain, block: &Block) -> Result<BlockHash, BodyError> {
    let hash = chain.insert_header(block.header, NOW).expect("the header keeps the rules");
    chain.insert_body(&hash, block.transactions.clone())?;
    chain.accept_signatures(&hash);
    // A tree with very many headers is checked by the tests that make one, once.
    if chain.tree.without_body() < 1_000 {
        chain.check_invariants();
    }
    Ok(hash)
}

/// What a check says that has to fail.
pub(crate) fn panic_message(check: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(check)).expect_err("the check fails");
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).expect("a panic has a message")
}
