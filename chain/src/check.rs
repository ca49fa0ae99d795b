//! The rules of the chain that need no state beyond their arguments, each one small function, cheapest
//! first. Rules that need a branch's history stand in [`super::branch`].

use std::time::Duration;

use protocol::admission::{AdmissionRule, RegistrarSignatures};
use protocol::block::{BODY_OVERHEAD_BYTES, Block, Header};
use protocol::election::Election;
use protocol::keys::PublicKey;
use protocol::proof_of_work;
use protocol::transaction::{Admission, HashedTransaction, TRANSACTION_BYTES_MAX, Transaction};
use protocol::units::{ElectionId, UnixMillis};

use super::error::{BlockError, BodyError, HeaderError, TransactionError};
use crate::rules::{Rule, Rules};

/// How far a header's time may be ahead of the local clock: clocks of honest machines differ by seconds;
/// two minutes leave room, and bound how far a miner can push the chain's time ahead.
pub const TIME_AHEAD_MAX: Duration = Duration::from_secs(120);

/// How far a vote's time may be from the clock of the peer whose own user hands it in.
pub const CAST_AT_DISTANCE_MAX: Duration = Duration::from_secs(600);

/// The rules that a header has to keep, given its parent.
pub(super) fn header(
    header: &Header,
    parent: &Header,
    now: UnixMillis,
    rules: Rules,
) -> Result<(), HeaderError> {
    height(header, parent)?;
    difficulty(header, parent)?;
    if rules.enforces(Rule::ProofOfWork) {
        work(header)?;
    }
    after_parent(header, parent)?;
    not_too_early(header, now)
}

fn height(header: &Header, parent: &Header) -> Result<(), HeaderError> {
    let (found, expected) = (header.height, parent.height.next());
    if found == expected { Ok(()) } else { Err(HeaderError::Height { found, expected }) }
}

/// The difficulty is the election's from the genesis on, as elections have no block interval yet.
fn difficulty(header: &Header, parent: &Header) -> Result<(), HeaderError> {
    let (found, expected) = (header.difficulty, parent.difficulty);
    if found == expected { Ok(()) } else { Err(HeaderError::Difficulty { found, expected }) }
}

fn work(header: &Header) -> Result<(), HeaderError> {
    if header.has_work() {
        return Ok(());
    }
    Err(HeaderError::NoWork { hash: header.hash(), difficulty: header.difficulty })
}

fn after_parent(header: &Header, parent: &Header) -> Result<(), HeaderError> {
    if header.time > parent.time {
        return Ok(());
    }
    Err(HeaderError::NotAfterParent { found: header.time, parent: parent.time })
}

fn not_too_early(header: &Header, now: UnixMillis) -> Result<(), HeaderError> {
    if header.time <= now.plus(TIME_AHEAD_MAX) {
        return Ok(());
    }
    Err(HeaderError::TooEarly { ahead: header.time.distance(now) })
}

/// Whether a body is the one that its header commits to.
pub(super) fn merkle_root(block: &Block) -> Result<(), BodyError> {
    let (found, expected) = (block.merkle_root(), block.header.merkle_root);
    if found == expected { Ok(()) } else { Err(BodyError::MerkleRoot { found, expected }) }
}

/// The rules of a body that need neither the branch nor signatures.
pub(super) fn body(block: &Block, election: &Election, id: &ElectionId) -> Result<(), BlockError> {
    let bytes = block.transactions.iter().map(|transaction| transaction.bytes());
    let found = bytes.sum::<usize>() + BODY_OVERHEAD_BYTES;
    let limit = usize::try_from(election.block_bytes_max).expect("a u32 fits");
    if found > limit {
        return Err(BlockError::TooLarge { found, limit });
    }
    for (index, each) in block.transactions.iter().enumerate() {
        transaction(each, election, id)
            .map_err(|error| BlockError::Transaction { index, error })?;
    }
    Ok(())
}

/// The rules of a transaction that need neither the branch nor signatures.
pub(super) fn transaction(
    transaction: &HashedTransaction,
    election: &Election,
    id: &ElectionId,
) -> Result<(), TransactionError> {
    let found = transaction.bytes();
    if found > TRANSACTION_BYTES_MAX {
        return Err(TransactionError::TooLarge { found });
    }
    match transaction.transaction() {
        Transaction::Vote { vote, .. } => Ok(election.check_choices(&vote.choices)?),
        Transaction::Registration { voter_key, admission } => match admission {
            Admission::Open { stamp, .. } => self::stamp(voter_key, *stamp, election, id),
            Admission::Signed { signatures } => {
                let none = TransactionError::SignedAdmissionWithoutRegistrars;
                registrars(signatures, election, id, none)
            }
        },
        Transaction::Withdrawal { signatures, .. } => {
            let none = TransactionError::WithdrawalWithoutRegistrars;
            registrars(signatures, election, id, none)
        }
    }
}

fn stamp(
    voter_key: &PublicKey,
    stamp: u64,
    election: &Election,
    id: &ElectionId,
) -> Result<(), TransactionError> {
    let difficulty = election.admission.stamp_difficulty();
    let difficulty = difficulty.ok_or(TransactionError::NeedsAdmission)?;
    let hash = proof_of_work::stamp_hash(id, &voter_key.0, stamp);
    if proof_of_work::is_met(&hash, difficulty) {
        Ok(())
    } else {
        Err(TransactionError::Stamp { stamp })
    }
}

fn registrars(
    signatures: &RegistrarSignatures,
    election: &Election,
    id: &ElectionId,
    none: TransactionError,
) -> Result<(), TransactionError> {
    match &election.admission {
        AdmissionRule::Open { .. } => Err(none),
        rule @ AdmissionRule::Registrars { .. } => Ok(signatures.check_structure(id, rule)?),
    }
}

/// Whether a vote that this peer's own user hands in was cast about now. Never asked of relayed votes, nor
/// of those in blocks.
///
/// # Errors
/// [`TransactionError::CastAt`] when it was not.
pub fn check_cast_at(transaction: &Transaction, now: UnixMillis) -> Result<(), TransactionError> {
    let Transaction::Vote { vote, .. } = transaction else { return Ok(()) };
    let (distance, limit) = (vote.cast_at.distance(now), CAST_AT_DISTANCE_MAX);
    if distance <= limit { Ok(()) } else { Err(TransactionError::CastAt { distance, limit }) }
}
