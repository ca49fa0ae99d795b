//! Why the chain refuses a header, a body or a transaction: one variant per rule.

use std::time::Duration;

use protocol::admission::RegistrarsError;
use protocol::election::ChoiceError;
use protocol::keys::SignatureError;
use protocol::transaction::TRANSACTION_BYTES_MAX;
use protocol::units::{BlockHash, Difficulty, Height, MerkleRoot, UnixMillis, VoterId};

/// Why a header is not added to the tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("its parent {previous} is not known here")]
    UnknownParent { previous: BlockHash },
    #[error("its parent {previous} breaks a rule of the chain")]
    InvalidParent { previous: BlockHash },
    #[error("the hash {hash} shows less work than the difficulty {difficulty} asks for")]
    NoWork { hash: BlockHash, difficulty: Difficulty },
    #[error("its height is {found}; its parent's child has {expected}")]
    Height { found: Height, expected: Height },
    #[error("its difficulty is {found}; the election's is {expected}")]
    Difficulty { found: Difficulty, expected: Difficulty },
    #[error("its time {} is not above its parent's {}", found.0, parent.0)]
    NotAfterParent { found: UnixMillis, parent: UnixMillis },
    /// Not a fault: it may be tried again once `ahead` has become small enough.
    #[error("its time is {} s ahead of the local clock", ahead.as_secs())]
    TooEarly { ahead: Duration },
    #[error("{headers} headers wait for their bodies already")]
    TooManyHeaders { headers: usize },
}

/// Why a body is not taken as that of its header. The first three blame whoever sent it, never the header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("no header {hash} is known here")]
    UnknownHeader { hash: BlockHash },
    #[error("the body of {hash} is here already")]
    AlreadyKnown { hash: BlockHash },
    #[error("the body's merkle root is {found}; the header bears {expected}")]
    MerkleRoot { found: MerkleRoot, expected: MerkleRoot },
    /// The header commits to a body that no chain may hold.
    #[error(transparent)]
    Invalid(#[from] BlockError),
}

/// Why a block whose body matches its header is invalid, and all that follows it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    #[error("its body has {found} bytes; the ballot allows {limit}")]
    TooLarge { found: usize, limit: usize },
    #[error("its transaction {index}: {error}")]
    Transaction { index: usize, error: TransactionError },
}

/// Why a transaction can't be counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    #[error("the transaction has {found} bytes, over {TRANSACTION_BYTES_MAX}")]
    TooLarge { found: usize },
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    #[error("the registration's stamp {stamp} shows less work than the election asks for")]
    Stamp { stamp: u64 },
    #[error("registrars admit voters to this election: ask them to admit your key")]
    NeedsAdmission,
    #[error("the election has no registrars: a registration needs a stamp, not signatures")]
    SignedAdmissionWithoutRegistrars,
    #[error("the election has no registrars, so no registration can be withdrawn")]
    WithdrawalWithoutRegistrars,
    #[error(transparent)]
    Registrars(#[from] RegistrarsError),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error("voter {voter} is registered already")]
    AlreadyRegistered { voter: VoterId },
    #[error("voter {voter} is not registered")]
    NotRegistered { voter: VoterId },
    #[error("the election has all of the {max} voters that it takes")]
    VotersFull { max: u32 },
    #[error("the registrars withdrew voter {voter}: only another key can be admitted")]
    Withdrawn { voter: VoterId },
    #[error("voter {voter} is withdrawn already")]
    AlreadyWithdrawn { voter: VoterId },
    #[error("voter {voter} has voted, and so can't be withdrawn any more")]
    WithdrawalAfterVote { voter: VoterId },
    #[error("voter {voter} has voted already: the first vote stands")]
    AlreadyVoted { voter: VoterId },
    /// Refused from a peer's own user only; relayed votes may be of any age.
    #[error(
        "the vote was cast {} s away from this peer's clock, over {} s: set the clock right and vote again",
        distance.as_secs(), limit.as_secs()
    )]
    CastAt { distance: Duration, limit: Duration },
}

impl TransactionError {
    /// A stable word for programs.
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
            Self::CastAt { .. } => "cast_at_far_from_clock",
        }
    }
}
