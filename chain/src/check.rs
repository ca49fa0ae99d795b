//! The rules that need no state beyond their arguments. Each one is a small function, and the cheapest come first.
//!
//! Each rule names its section of `docs/PROTOCOL.md` and the test that breaks it; a test makes sure that both exist.
//! The test `tests::audit::each_rule_broken_once_is_named_where_it_is_broken` breaks every rule once more, in the
//! middle of a chain. Rules that depend on what came before a transaction are in [`super::branch`].

use std::time::Duration;

use protocol::admission::{AdmissionRule, RegistrarSignatures};
use protocol::block::{BODY_OVERHEAD_BYTES, Block, Header};
use protocol::election::Election;
use protocol::keys::PublicKey;
use protocol::proof_of_work;
use protocol::transaction::{Admission, HashedTransaction, TRANSACTION_BYTES_MAX, Transaction};
use protocol::units::{Difficulty, ElectionId, UnixMillis};

use super::error::{BlockError, BodyError, HeaderError, TransactionError};
use crate::rules::{Rule, Rules};

/// How far a vote's time may be from the clock of the peer whose own user hands it in.
pub const CAST_AT_DISTANCE_MAX: Duration = Duration::from_secs(600);

/// The rules of a header, given its parent and the difficulty that follows from its ancestors, which is asked for when
/// all cheaper rules hold. Only [`not_too_early`] is left.
pub(super) fn header(
    header: &Header,
    parent: &Header,
    expected: impl FnOnce() -> Difficulty,
    rules: Rules,
) -> Result<(), HeaderError> {
    height(header, parent)?;
    if rules.enforces(Rule::ProofOfWork) {
        work(header)?;
    }
    after_parent(header, parent)?;
    difficulty(header, expected())
}

/// A header's height is its parent's plus one.
///
/// docs/PROTOCOL.md, "Chain rules"; broken by `tests::rules::headers_have_to_link`.
fn height(header: &Header, parent: &Header) -> Result<(), HeaderError> {
    let (found, expected) = (header.height, parent.height.next());
    if found == expected { Ok(()) } else { Err(HeaderError::Height { found, expected }) }
}

/// A header bears the difficulty that follows from its ancestors: the election's own, where that has no block interval.
///
/// docs/PROTOCOL.md, "Difficulty"; broken by `tests::rules::headers_have_to_show_the_work_of_the_election`.
fn difficulty(header: &Header, expected: Difficulty) -> Result<(), HeaderError> {
    let found = header.difficulty;
    if found == expected { Ok(()) } else { Err(HeaderError::Difficulty { found, expected }) }
}

/// A header's hash shows the work that its difficulty asks for.
///
/// docs/PROTOCOL.md, "Proof of work"; broken by `tests::rules::headers_have_to_show_the_work_of_the_election`.
fn work(header: &Header) -> Result<(), HeaderError> {
    if header.has_work() {
        return Ok(());
    }
    Err(HeaderError::NoWork { hash: header.hash(), difficulty: header.difficulty })
}

/// A header's time is above its parent's.
///
/// docs/PROTOCOL.md, "Chain rules"; broken by `tests::rules::headers_move_on_in_time_but_not_ahead_of_the_clock`.
fn after_parent(header: &Header, parent: &Header) -> Result<(), HeaderError> {
    if header.time > parent.time {
        return Ok(());
    }
    Err(HeaderError::NotAfterParent { found: header.time, parent: parent.time })
}

/// A header's time is at most `ahead_max` ahead of the local clock: see [`crate::time_ahead_max`]. A block that comes
/// too early is not invalid: it may be tried again later.
///
/// docs/PROTOCOL.md, "Chain rules"; broken by `tests::rules::headers_move_on_in_time_but_not_ahead_of_the_clock`.
pub(super) fn not_too_early(
    header: &Header,
    now: UnixMillis,
    ahead_max: Duration,
) -> Result<(), HeaderError> {
    if header.time <= now.plus(ahead_max) {
        return Ok(());
    }
    Err(HeaderError::TooEarly { ahead: header.time.distance(now) })
}

/// A body is the one that its header commits to. If it is not, whoever sent the body is to blame, not the header.
///
/// docs/PROTOCOL.md, "Chain rules"; broken by `tests::rules::a_body_that_is_not_its_headers_blames_the_sender_only`.
pub(super) fn merkle_root(block: &Block) -> Result<(), BodyError> {
    let (found, expected) = (block.merkle_root(), block.header.merkle_root);
    if found == expected { Ok(()) } else { Err(BodyError::MerkleRoot { found, expected }) }
}

/// A body keeps within the ballot's `block_bytes_max`, and each of its transactions keeps the rules of [`transaction`].
///
/// docs/PROTOCOL.md, "Chain rules"; broken by `tests::rules::a_body_keeps_within_the_ballots_limit`.
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

/// A transaction has at most 1,100 bytes; a vote's choices fit the ballot; a registration or a withdrawal bears what
/// the election's kind of admission asks for. Signatures are checked elsewhere, since they take longest.
///
/// docs/PROTOCOL.md, "Chain rules"; broken by `tests::rules::transactions_keep_the_rules_that_need_no_history`.
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

/// The stamp of an open registration shows the work of `registration_bits`.
///
/// docs/PROTOCOL.md, "Proof of work"; broken by `tests::rules::transactions_keep_the_rules_that_need_no_history`.
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

/// There are exactly as many registrars' signatures as the election's threshold, by registrars of the ballot.
///
/// docs/PROTOCOL.md, "Chain rules"; broken by `tests::audit::each_rule_broken_once_is_named_where_it_is_broken`.
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

/// A vote that this peer's own user hands in was cast within [`CAST_AT_DISTANCE_MAX`] of the local clock. Votes that
/// others relay, and votes in blocks, may be of any age.
///
/// docs/PROTOCOL.md, "Chain rules"; broken by `tests::rules::votes_are_handed_in_about_when_they_were_cast`.
///
/// # Errors
/// [`TransactionError::CastAt`] when the times are too far apart.
pub fn check_cast_at(transaction: &Transaction, now: UnixMillis) -> Result<(), TransactionError> {
    let Transaction::Vote { vote, .. } = transaction else { return Ok(()) };
    let (distance, limit) = (vote.cast_at.distance(now), CAST_AT_DISTANCE_MAX);
    if distance <= limit { Ok(()) } else { Err(TransactionError::CastAt { distance, limit }) }
}
