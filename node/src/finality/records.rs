//! What a node remembers of finality across restarts, and what it has a validator's key sign.
//!
//! A validator's decision lies on the disk before anything is signed, so a crash can never make it sign twice: what is
//! signed again after it is what the record says.

use protocol::datagram::RunNumber;
use protocol::finality::{BlockReference, Certificate, Commit, Evidence, Prepare, Presence};
use protocol::units::UnixMillis;

/// One fact about finality, which replaces the one before it of the same variant; an [`Evidence`] replaces that of the
/// same validator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinalityRecord {
    /// What this peer's validator has signed, or is about to.
    Validator(ValidatorRecord),
    /// The certificate of the highest final block.
    Certificate(SeenCertificate),
    /// The certificate of the lowest final block at or above the closing block.
    ClosingCertificate(SeenCertificate),
    /// The PREPAREs that justify the highest justified block, and before them those that justify what these build on.
    Justification(Vec<Prepare>),
    /// The PREPAREs that justify the block that this peer's validator committed last.
    LockJustification(Vec<Prepare>),
    /// Two votes by which a validator broke the rules.
    Evidence(Box<Evidence>),
    /// This peer saw the closing block become deep enough, in an election without validators.
    WitnessedClose(WitnessedClose),
}

/// What a validator has decided, which is all that it needs in order not to contradict itself. That there is a record
/// at all says that it may sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatorRecord {
    /// Target and source of its newest PREPARE.
    pub prepared: Option<(BlockReference, BlockReference)>,
    /// The block of its newest COMMIT, which is its lock.
    pub committed: Option<BlockReference>,
    /// The number of the run that wrote this.
    pub run: RunNumber,
}

/// A certificate, and when this node first knew that its block is final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenCertificate {
    /// The certificate.
    pub certificate: Certificate,
    /// When its block was first known to be final, by this machine's clock.
    pub seen_at: UnixMillis,
}

/// A closing block that became deep enough while this node looked on, or before it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WitnessedClose {
    /// The closing block.
    pub closing: BlockReference,
    /// When it was first seen to be deep enough, by this machine's clock.
    pub seen_at: UnixMillis,
    /// Whether this node was in contact with others, and not behind them, at that moment and when the election closed.
    pub is_witnessed: bool,
}

/// All that a node remembers of finality when it starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestoredFinality {
    /// What this peer's validator has signed.
    pub validator: Option<ValidatorRecord>,
    /// The certificate of the highest final block.
    pub certificate: Option<SeenCertificate>,
    /// The certificate of the lowest final block at or above the closing block.
    pub closing_certificate: Option<SeenCertificate>,
    /// The PREPAREs that justify the highest justified block.
    pub justification: Vec<Prepare>,
    /// The PREPAREs that justify the block that this peer's validator committed last.
    pub lock_justification: Vec<Prepare>,
    /// Evidence against validators, at most one for each.
    pub evidence: Vec<Evidence>,
    /// That the closing block became deep enough.
    pub witnessed_close: Option<WitnessedClose>,
}

impl RestoredFinality {
    /// Takes in one record that was written; the later one of a kind replaces the earlier one.
    pub fn note(&mut self, record: FinalityRecord) {
        match record {
            FinalityRecord::Validator(record) => self.validator = Some(record),
            FinalityRecord::Certificate(seen) => self.certificate = Some(seen),
            FinalityRecord::ClosingCertificate(seen) => self.closing_certificate = Some(seen),
            FinalityRecord::Justification(prepares) => self.justification = prepares,
            FinalityRecord::LockJustification(prepares) => self.lock_justification = prepares,
            FinalityRecord::Evidence(evidence) => {
                let validator = evidence.first.validator();
                self.evidence.retain(|each| each.first.validator() != validator);
                self.evidence.push(*evidence);
            }
            FinalityRecord::WitnessedClose(close) => self.witnessed_close = Some(close),
        }
    }
}

/// What this peer's validator is to sign, at its place of the roster. What it says is on the disk already, but for what
/// only a laboratory has signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToSign {
    /// A PREPARE.
    Prepare {
        /// The block that it is for.
        target: BlockReference,
        /// The justified block that it builds on.
        source: BlockReference,
    },
    /// A COMMIT for this block.
    Commit(BlockReference),
    /// A PRESENCE.
    Presence {
        /// The number of this run.
        run: RunNumber,
        /// This machine's clock.
        time: UnixMillis,
    },
    /// A PREPARE that breaks the rules, for a height that was prepared already. Only a laboratory asks for it, when its
    /// user orders that ([`Experiment::SignTwice`](crate::Experiment::SignTwice)).
    SecondPrepare {
        /// The made-up block that it is for.
        target: BlockReference,
        /// The justified block that it builds on.
        source: BlockReference,
    },
}

/// What came of a [`ToSign`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// A PREPARE.
    Prepare(Prepare),
    /// A COMMIT.
    Commit(Commit),
    /// A PRESENCE.
    Presence(Presence),
    /// A laboratory's second PREPARE.
    SecondPrepare(Prepare),
}
