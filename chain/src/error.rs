//! Why the chain refuses a header, a body or a transaction: one variant per rule.

use std::time::Duration;

use protocol::admission::RegistrarsError;
use protocol::election::ChoiceError;
use protocol::keys::SignatureError;
use protocol::transaction::TRANSACTION_BYTES_MAX;
use protocol::units::{BlockHash, Difficulty, Height, MerkleRoot, UnixMillis, VoterId};

/// The reason why a header is not added to the tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum HeaderError {
    /// The parent is not in the tree; it may still arrive.
    #[error("its parent {previous} is not known here")]
    UnknownParent { previous: BlockHash },
    /// The parent is invalid, and so is everything above it.
    #[error("its parent {previous} breaks a rule of the chain")]
    InvalidParent { previous: BlockHash },
    /// The hash does not meet the difficulty.
    #[error("the hash {hash} shows less work than the difficulty {difficulty} asks for")]
    NoWork { hash: BlockHash, difficulty: Difficulty },
    /// The height does not follow the parent's.
    #[error("its height is {found}; its parent's child has {expected}")]
    Height { found: Height, expected: Height },
    /// The difficulty is not the one that follows from the blocks before.
    #[error("its difficulty is {found}; after the blocks before it, it is {expected}")]
    Difficulty { found: Difficulty, expected: Difficulty },
    /// The time is not above the parent's.
    #[error("its time {} is not above its parent's {}", found.0, parent.0)]
    NotAfterParent { found: UnixMillis, parent: UnixMillis },
    /// The header came too early. This is not a fault: it may be tried again once `ahead` has
    /// become small enough.
    #[error("its time is {} s ahead of the local clock", ahead.as_secs())]
    TooEarly { ahead: Duration },
    /// The limit of [`HEADERS_WITHOUT_BODY_MAX`](crate::HEADERS_WITHOUT_BODY_MAX) is reached, which
    /// says nothing about this header.
    #[error("{headers} headers wait for their bodies already")]
    TooManyHeaders { headers: usize },
}

/// The reason why a body is not accepted as that of its header. The first three blame whoever sent
/// the body, never the header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum BodyError {
    /// The header of the body is not known, and has to arrive first.
    #[error("no header {hash} is known here")]
    UnknownHeader { hash: BlockHash },
    /// The body is here already, so it is not needed.
    #[error("the body of {hash} is here already")]
    AlreadyKnown { hash: BlockHash },
    /// The body belongs to another block, or was changed.
    #[error("the body's merkle root is {found}; the header bears {expected}")]
    MerkleRoot { found: MerkleRoot, expected: MerkleRoot },
    /// The body matches its header, but no chain may contain it.
    #[error(transparent)]
    Invalid(#[from] BlockError),
}

/// The reason why a block whose body matches its header is invalid, together with everything that
/// follows it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum BlockError {
    /// The body is larger than the ballot allows.
    #[error("its body has {found} bytes; the ballot allows {limit}")]
    TooLarge { found: usize, limit: usize },
    /// The election closed before this block, or with it, and still it carries transactions.
    #[error(
        "it carries {transactions} transactions; the election closed at {} ms, and its parent's median time is {} ms",
        closes.0, median.0
    )]
    TransactionsAfterClose { transactions: usize, closes: UnixMillis, median: UnixMillis },
    /// The transaction at `index`, counted from 0, breaks a rule.
    #[error("its transaction {index}: {error}")]
    Transaction { index: usize, error: TransactionError },
}

/// The reason why a transaction can't be counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum TransactionError {
    /// The transaction is larger than any transaction may be.
    #[error("the transaction has {found} bytes, over {TRANSACTION_BYTES_MAX}")]
    TooLarge { found: usize },
    /// The choices do not fit the ballot.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// The stamp of an open registration shows too little work.
    #[error("the registration's stamp {stamp} shows less work than the election asks for")]
    Stamp { stamp: u64 },
    /// An open registration in an election where registrars admit voters.
    #[error("registrars admit voters to this election: ask them to admit your key")]
    NeedsAdmission,
    /// A signed admission in an open election.
    #[error("the election has no registrars: a registration needs a stamp, not signatures")]
    SignedAdmissionWithoutRegistrars,
    /// A withdrawal in an open election.
    #[error("the election has no registrars, so no registration can be withdrawn")]
    WithdrawalWithoutRegistrars,
    /// The registrars' signatures cannot be those that the election requires.
    #[error(transparent)]
    Registrars(#[from] RegistrarsError),
    /// A signature is not valid.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The branch has a registration of this voter.
    #[error("voter {voter} is registered already")]
    AlreadyRegistered { voter: VoterId },
    /// The branch has no registration of this voter.
    #[error("voter {voter} is not registered")]
    NotRegistered { voter: VoterId },
    /// The branch has as many voters as the election allows.
    #[error("the election has all of the {max} voters that it takes")]
    VotersFull { max: u32 },
    /// The branch has a withdrawal of this voter, so the transaction cannot follow it.
    #[error("the registrars withdrew voter {voter}: only another key can be admitted")]
    Withdrawn { voter: VoterId },
    /// The transaction is a second withdrawal of a voter whom the branch has withdrawn already.
    #[error("voter {voter} is withdrawn already")]
    AlreadyWithdrawn { voter: VoterId },
    /// The transaction is a withdrawal of a voter who has a vote on the branch.
    #[error("voter {voter} has voted, and so can't be withdrawn any more")]
    WithdrawalAfterVote { voter: VoterId },
    /// The transaction is a second vote of a voter who has a vote on the branch.
    #[error("voter {voter} has voted already: the first vote stands")]
    AlreadyVoted { voter: VoterId },
    /// A vote can't stand in a block yet, because the election has not opened by the median time of the blocks before.
    #[error(
        "the election opens at {} ms, and by its blocks it is {} ms: the vote has to wait",
        opens.0, median.0
    )]
    NotOpenYet { opens: UnixMillis, median: UnixMillis },
    /// No transaction can stand in a block any more, because the election has closed by the median time of the blocks
    /// before.
    #[error("the election closed at {} ms, and by its blocks it is {} ms", closes.0, median.0)]
    Closed { closes: UnixMillis, median: UnixMillis },
    /// A voter can't be withdrawn any more, because the election has opened by the median time of the blocks before.
    #[error(
        "the election opened at {} ms, and by its blocks it is {} ms: nobody is withdrawn any more",
        opens.0, median.0
    )]
    WithdrawalAfterOpening { opens: UnixMillis, median: UnixMillis },
    /// The vote was cast too far from the local clock. Only votes of a peer's own user are refused for this; relayed
    /// votes and votes in blocks may be of any age.
    #[error(
        "the vote was cast {} s away from this peer's clock, over {} s: set the clock right and vote again",
        distance.as_secs(), limit.as_secs()
    )]
    CastAt { distance: Duration, limit: Duration },
}

impl TransactionError {
    /// A word for programs that never changes.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Choice(ChoiceError::NoSuchOption { .. }) => "no_such_option",
            Self::Choice(ChoiceError::Count { .. }) => "wrong_number_of_choices",
            Self::Choice(ChoiceError::QuestionCount { .. }) => "wrong_number_of_questions",
            Self::Choice(ChoiceError::NotRising { .. }) => "choices_not_rising",
            Self::Stamp { .. } => "stamp_without_work",
            Self::NeedsAdmission => "needs_admission",
            Self::SignedAdmissionWithoutRegistrars => "no_registrars",
            Self::WithdrawalWithoutRegistrars => "no_withdrawals",
            Self::Registrars(RegistrarsError::WrongElection { .. }) => "wrong_election",
            Self::Registrars(RegistrarsError::SignatureCount { .. }) => {
                "wrong_number_of_signatures"
            }
            Self::Registrars(RegistrarsError::Miscounted { .. }) => "registrars_miscounted",
            Self::Registrars(RegistrarsError::UnknownRegistrar { .. }) => "unknown_registrar",
            Self::Signature(SignatureError::NotARegistrar { .. }) => "not_a_registrar",
            Self::Signature(SignatureError::RegistrarTwice { .. }) => "registrar_twice",
            Self::Signature(SignatureError::OtherRegistrar { .. }) => "other_registrar",
            Self::Signature(SignatureError::BadKey) => "bad_key",
            Self::Signature(SignatureError::HighS) => "high_s",
            Self::Signature(
                SignatureError::BadRecoveryBit { .. } | SignatureError::WrongRecoveryBit,
            ) => "wrong_recovery_bit",
            Self::Signature(SignatureError::OutOfRange | SignatureError::WrongSigner { .. }) => {
                "bad_signature"
            }
            Self::AlreadyRegistered { .. } => "already_registered",
            Self::NotRegistered { .. } => "not_registered",
            Self::VotersFull { .. } => "voters_full",
            Self::Withdrawn { .. } => "withdrawn",
            Self::AlreadyWithdrawn { .. } => "already_withdrawn",
            Self::WithdrawalAfterVote { .. } => "withdrawal_after_vote",
            Self::AlreadyVoted { .. } => "already_voted",
            Self::NotOpenYet { .. } => "not_open_yet",
            Self::Closed { .. } => "closed",
            Self::WithdrawalAfterOpening { .. } => "withdrawal_after_opening",
            Self::CastAt { .. } => "cast_at_far_from_clock",
        }
    }
}
