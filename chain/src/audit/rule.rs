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
    Height "wrong_height"
    Difficulty "wrong_difficulty"
    NoWork "no_work"
    NotAfterParent "not_after_parent"
    TooEarly "too_early"
    MerkleRoot "merkle_root"
    BlockTooLarge "block_too_large"
    TransactionTooLarge "too_large"
    QuestionCount "wrong_number_of_questions"
    ChoiceCount "wrong_number_of_choices"
    NoSuchOption "no_such_option"
    ChoicesNotRising "choices_not_rising"
    Stamp "stamp_without_work"
    NeedsAdmission "needs_admission"
    NoRegistrars "no_registrars"
    NoWithdrawals "no_withdrawals"
    WrongElection "wrong_election"
    SignatureCount "wrong_number_of_signatures"
    RegistrarsMiscounted "registrars_miscounted"
    UnknownRegistrar "unknown_registrar"
    NotARegistrar "not_a_registrar"
    RegistrarTwice "registrar_twice"
    OtherRegistrar "other_registrar"
    BadKey "bad_key"
    SignatureOutOfRange "signature_out_of_range"
    HighS "high_s"
    BadRecoveryBit "bad_recovery_bit"
    WrongRecoveryBit "wrong_recovery_bit"
    WrongSigner "bad_signature"
    AlreadyRegistered "already_registered"
    NotRegistered "not_registered"
    AlreadyVoted "already_voted"
    VotersFull "voters_full"
    Withdrawn "withdrawn"
    AlreadyWithdrawn "already_withdrawn"
    WithdrawalAfterVote "withdrawal_after_vote"
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
