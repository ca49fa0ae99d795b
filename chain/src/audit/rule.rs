//! The rules that an audit can name: one for every way in which a block can be wrong.

use std::fmt;

use protocol::admission::RegistrarsError;
use protocol::election::ChoiceError;
use protocol::keys::SignatureError;

use crate::error::{BlockError, BodyError, HeaderError, TransactionError};

/// Makes the enum and the list of its variants from one place, so that neither lacks what the other has.
macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident $word:literal)*) => {
        /// A rule of the chain.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum AuditRule {
            $($(#[$doc])* $name,)*
        }

        impl AuditRule {
            /// Every rule.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// A stable word for programs.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

rules! {
    /// A header names the hash of the block before it.
    UnknownParent "unknown_parent"
    /// A header's height is its parent's plus one.
    Height "wrong_height"
    /// A header bears the difficulty that follows from the blocks before it.
    Difficulty "wrong_difficulty"
    /// A header's hash meets its difficulty.
    NoWork "no_work"
    /// A header's time is above its parent's.
    NotAfterParent "not_after_parent"
    /// A header's time is at most [`time_ahead_max`](crate::time_ahead_max) ahead of the clock.
    TooEarly "too_early"
    /// A body is the one that its header commits to.
    MerkleRoot "merkle_root"
    /// A body keeps to the ballot's `block_bytes_max`.
    BlockTooLarge "block_too_large"
    /// A transaction has at most 1,100 bytes.
    TransactionTooLarge "too_large"
    /// A vote answers every question.
    QuestionCount "wrong_number_of_questions"
    /// An answer has as many choices as its question allows.
    ChoiceCount "wrong_number_of_choices"
    /// A vote chooses options of the ballot only.
    NoSuchOption "no_such_option"
    /// An answer lists its choices in rising order, each once.
    ChoicesNotRising "choices_not_rising"
    /// The stamp of an open registration shows enough work.
    Stamp "stamp_without_work"
    /// Where registrars admit voters, a registration bears their signatures.
    NeedsAdmission "needs_admission"
    /// In an open election a registration bears a stamp.
    NoRegistrars "no_registrars"
    /// In an open election there are no withdrawals.
    NoWithdrawals "no_withdrawals"
    /// Registrars' signatures are for this election.
    WrongElection "wrong_election"
    /// There are exactly as many registrars' signatures as the threshold.
    SignatureCount "wrong_number_of_signatures"
    /// As many registrars are named as there are signatures.
    RegistrarsMiscounted "registrars_miscounted"
    /// Only registrars of the ballot are named.
    UnknownRegistrar "unknown_registrar"
    /// Registrars' signatures are made by registrars.
    NotARegistrar "not_a_registrar"
    /// No registrar signs twice.
    RegistrarTwice "registrar_twice"
    /// Each signature is by the registrar at its place.
    OtherRegistrar "other_registrar"
    /// A registered key is a point of the curve.
    BadKey "bad_key"
    /// The numbers of a signature are in range.
    SignatureOutOfRange "signature_out_of_range"
    /// s of a signature is in the lower half.
    HighS "high_s"
    /// The recovery bit is 0 or 1.
    BadRecoveryBit "bad_recovery_bit"
    /// The recovery bit leads back to the signer's key.
    WrongRecoveryBit "wrong_recovery_bit"
    /// A transaction is signed by its voter.
    WrongSigner "bad_signature"
    /// A voter is registered once.
    AlreadyRegistered "already_registered"
    /// Only registered voters vote.
    NotRegistered "not_registered"
    /// A voter votes once.
    AlreadyVoted "already_voted"
    /// There are at most `max_voters` voters.
    VotersFull "voters_full"
    /// A withdrawn voter neither registers nor votes.
    Withdrawn "withdrawn"
    /// A voter is withdrawn once.
    AlreadyWithdrawn "already_withdrawn"
    /// A voter who voted is not withdrawn.
    WithdrawalAfterVote "withdrawal_after_vote"
    /// A vote stands in a block only once the election has opened.
    NotOpenYet "not_open_yet"
    /// A voter is withdrawn only until the election opens.
    WithdrawalAfterOpening "withdrawal_after_opening"
    /// The closing block, and all blocks after it, are empty.
    TransactionsAfterClose "transactions_after_close"
}

impl AuditRule {
    /// `None` for what a tree of blocks alone meets.
    pub(super) fn of_header(error: &HeaderError) -> Option<Self> {
        match error {
            HeaderError::UnknownParent { .. } => Some(Self::UnknownParent),
            HeaderError::NoWork { .. } => Some(Self::NoWork),
            HeaderError::Height { .. } => Some(Self::Height),
            HeaderError::Difficulty { .. } => Some(Self::Difficulty),
            HeaderError::NotAfterParent { .. } => Some(Self::NotAfterParent),
            HeaderError::TooEarly { .. } => Some(Self::TooEarly),
            HeaderError::InvalidParent { .. } | HeaderError::TooManyHeaders { .. } => None,
        }
    }

    /// `None` for what a tree of blocks, or the user of a peer, alone meets.
    pub(super) fn of_body(error: &BodyError) -> Option<Self> {
        match error {
            BodyError::MerkleRoot { .. } => Some(Self::MerkleRoot),
            BodyError::Invalid(BlockError::TooLarge { .. }) => Some(Self::BlockTooLarge),
            BodyError::Invalid(BlockError::TransactionsAfterClose { .. }) => {
                Some(Self::TransactionsAfterClose)
            }
            BodyError::Invalid(BlockError::Transaction { error, .. }) => {
                Self::of_transaction(error)
            }
            BodyError::UnknownHeader { .. } | BodyError::AlreadyKnown { .. } => None,
        }
    }

    fn of_transaction(error: &TransactionError) -> Option<Self> {
        match error {
            TransactionError::TooLarge { .. } => Some(Self::TransactionTooLarge),
            TransactionError::Choice(error) => Some(Self::of_choice(error)),
            TransactionError::Stamp { .. } => Some(Self::Stamp),
            TransactionError::NeedsAdmission => Some(Self::NeedsAdmission),
            TransactionError::SignedAdmissionWithoutRegistrars => Some(Self::NoRegistrars),
            TransactionError::WithdrawalWithoutRegistrars => Some(Self::NoWithdrawals),
            TransactionError::Registrars(error) => Some(Self::of_registrars(error)),
            TransactionError::Signature(error) => Some(Self::of_signature(error)),
            TransactionError::AlreadyRegistered { .. } => Some(Self::AlreadyRegistered),
            TransactionError::NotRegistered { .. } => Some(Self::NotRegistered),
            TransactionError::AlreadyVoted { .. } => Some(Self::AlreadyVoted),
            TransactionError::VotersFull { .. } => Some(Self::VotersFull),
            TransactionError::Withdrawn { .. } => Some(Self::Withdrawn),
            TransactionError::AlreadyWithdrawn { .. } => Some(Self::AlreadyWithdrawn),
            TransactionError::WithdrawalAfterVote { .. } => Some(Self::WithdrawalAfterVote),
            TransactionError::NotOpenYet { .. } => Some(Self::NotOpenYet),
            TransactionError::WithdrawalAfterOpening { .. } => Some(Self::WithdrawalAfterOpening),
            TransactionError::Closed { .. } => Some(Self::TransactionsAfterClose),
            TransactionError::CastAt { .. } => None,
        }
    }

    fn of_choice(error: &ChoiceError) -> Self {
        match error {
            ChoiceError::QuestionCount { .. } => Self::QuestionCount,
            ChoiceError::Count { .. } => Self::ChoiceCount,
            ChoiceError::NoSuchOption { .. } => Self::NoSuchOption,
            ChoiceError::NotRising { .. } => Self::ChoicesNotRising,
        }
    }

    fn of_registrars(error: &RegistrarsError) -> Self {
        match error {
            RegistrarsError::WrongElection { .. } => Self::WrongElection,
            RegistrarsError::SignatureCount { .. } => Self::SignatureCount,
            RegistrarsError::Miscounted { .. } => Self::RegistrarsMiscounted,
            RegistrarsError::UnknownRegistrar { .. } => Self::UnknownRegistrar,
        }
    }

    fn of_signature(error: &SignatureError) -> Self {
        match error {
            SignatureError::BadKey => Self::BadKey,
            SignatureError::OutOfRange => Self::SignatureOutOfRange,
            SignatureError::HighS => Self::HighS,
            SignatureError::BadRecoveryBit { .. } => Self::BadRecoveryBit,
            SignatureError::WrongRecoveryBit => Self::WrongRecoveryBit,
            SignatureError::WrongSigner { .. } => Self::WrongSigner,
            SignatureError::NotARegistrar { .. } => Self::NotARegistrar,
            SignatureError::RegistrarTwice { .. } => Self::RegistrarTwice,
            SignatureError::OtherRegistrar { .. } => Self::OtherRegistrar,
        }
    }
}

impl fmt::Display for AuditRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
