//! A chain to play with: an election of lowest difficulty, voters, and blocks on any parent.

mod order;
mod rules;

use std::sync::Arc;
use std::time::Duration;

use protocol::block::{self, Header};
use protocol::election::{Election, Question};
use protocol::keys::VoterKey;
use protocol::proof_of_work;
use protocol::transaction::{HashedTransaction, Transaction, Vote};
use protocol::units::{BlockHash, ElectionId, UnixMillis};

use super::*;

const NOW: UnixMillis = UnixMillis(1_700_000_100_000);

fn election() -> Election {
    Election {
        id: [1; 16],
        title: "Board".into(),
        created: UnixMillis(1_700_000_000_000),
        difficulty_bits: 1,
        registration_bits: 2,
        block_bytes_max: 2 * 1024,
        questions: vec![Question {
            title: "Chair".into(),
            options: vec!["Ada".into(), "Grace".into()],
            choices_min: 0,
            choices_max: 1,
        }],
    }
}

fn chain() -> Chain {
    Chain::new(Arc::new(election()), Rules::ALL)
}

fn id() -> ElectionId {
    election().election_id()
}

fn key(voter: u8) -> VoterKey {
    VoterKey::from_secret_bytes(&[voter + 1; 32]).expect("a secret key")
}

fn registration(voter: u8) -> Arc<HashedTransaction> {
    let difficulty = election().registration_difficulty();
    let stamp = proof_of_work::find_stamp(&id(), &key(voter).public().0, difficulty, 0);
    let transaction = Transaction::open_registration(&id(), &key(voter), stamp);
    Arc::new(HashedTransaction::new(transaction, &id()))
}

fn vote(voter: u8, choices: Vec<Vec<u16>>) -> Arc<HashedTransaction> {
    let vote =
        Vote { voter: key(voter).public().voter(), choices, nonce: [voter; 8], cast_at: NOW };
    Arc::new(HashedTransaction::new(Transaction::vote(&id(), &key(voter), vote), &id()))
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
    Ok(hash)
}
