//! How final a count is, as users and programs are shown it.

use protocol::codec;
use protocol::election::Question;
use protocol::finality::{self, BlockReference};
use protocol::units::BlockHash;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Hash, QuestionTally, Tip};
use chain::Tally;

/// How far a timed election has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ElectionState {
    /// No vote can stand in a block yet.
    Upcoming,
    /// Votes can stand in blocks.
    Open,
    /// No vote can be added any more, and the result is not final.
    Sealing,
    /// The result can't change any more.
    Final,
    /// Two results contradict each other, each as final as can be.
    Disputed,
}

/// How far a timed election has come, and how final its count is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Finality {
    pub(crate) state: ElectionState,
    pub(crate) opens_ms: u64,
    /// Votes that are cast until then are sure to be counted.
    pub(crate) vote_by_ms: u64,
    pub(crate) closes_ms: u64,
    /// The median time of the newest blocks, by which the election opens and closes.
    pub(crate) median_time_ms: u64,
    /// Whether votes are still taken, but may come too late to be counted.
    pub(crate) late: bool,
    /// The highest final block; `null` while there is none.
    pub(crate) final_block: Option<Tip>,
    /// The highest block that a quorum of the validators prepared; `null` while there is none.
    pub(crate) justified_block: Option<Tip>,
    /// The first block that can hold no transaction, once the best chain has it.
    pub(crate) closing_block: Option<Tip>,
    /// Votes of the best chain up to the final block.
    pub(crate) votes_final: u64,
    /// Votes of the best chain above the final block.
    pub(crate) votes_above: u64,
    /// Votes in no block yet.
    pub(crate) votes_waiting: u64,
    /// When this peer first knew the election's result to be final; `null` before that.
    pub(crate) final_since_ms: Option<u64>,
    /// What makes the highest final block final.
    pub(crate) certificate: Option<Certificate>,
    /// The certificate of the lowest final block that is not below the closing block.
    pub(crate) closing_certificate: Option<Certificate>,
    /// The count at the final block, at the closing block once that is final; `null` in a status.
    pub(crate) tally: Option<FinalTally>,
    /// Of an election without validators: how its end is observed.
    pub(crate) depth: Option<Depth>,
    /// In the ballot's order; none in an election without them.
    pub(crate) validators: Vec<ValidatorShown>,
    /// The validator that this peer is.
    pub(crate) own_validator: Option<OwnValidator>,
    /// Validators that broke the rules; `/v1/evidence` gives what they signed.
    pub(crate) evidence: Vec<Accused>,
    /// Two certificates that contradict each other.
    pub(crate) conflict: Option<Conflict>,
}

/// A count at one block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct FinalTally {
    pub(crate) votes: u64,
    pub(crate) questions: Vec<QuestionTally>,
}

/// How a peer observes the end of an election without validators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Depth {
    /// How many blocks, the closing block among them, make the result final.
    pub(crate) confirmations: u32,
    /// How many there are.
    pub(crate) blocks: u64,
    /// Whether this peer was there when it closed and became final; `null` before that.
    pub(crate) witnessed: Option<bool>,
    /// The ends that contradict each other, if there are several.
    pub(crate) disputed: Vec<DisputedEnd>,
}

/// One of several branches on which an election has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct DisputedEnd {
    pub(crate) closing_block: Tip,
    /// When this peer first saw it as deep as it takes.
    pub(crate) seen_ms: u64,
    /// The count there, if it is known; `null` in a status.
    pub(crate) tally: Option<FinalTally>,
}

/// A validator, as far as its signatures are known here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ValidatorShown {
    pub(crate) name: String,
    /// The height of its newest PREPARE.
    pub(crate) prepared: Option<u64>,
    /// The height of its newest COMMIT.
    pub(crate) committed: Option<u64>,
    /// When it last said that it runs, by its clock.
    pub(crate) present_ms: Option<u64>,
}

/// The validator that this peer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct OwnValidator {
    /// Its place in the ballot, from 1.
    pub(crate) place: u16,
    pub(crate) name: String,
    /// Whether it signs.
    pub(crate) signs: bool,
    /// Why it does not.
    pub(crate) abstains: Option<Abstention>,
    pub(crate) prepared: Option<Tip>,
    pub(crate) committed: Option<Tip>,
}

/// Why a validator does not sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Abstention {
    /// A stable word for programs.
    pub(crate) kind: String,
    /// One line for people.
    pub(crate) reason: String,
}

/// A validator that signed two votes of which no honest one signs both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Accused {
    pub(crate) validator: String,
    /// `two_prepares`, `two_commits` or `surrounded_commit`.
    pub(crate) offence: String,
}

/// Two certificates that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Conflict {
    pub(crate) first: Certificate,
    pub(crate) second: Certificate,
}

/// The signatures by which a quorum of the validators made a block final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Certificate {
    /// Of the block that is final.
    pub(crate) height: u64,
    #[schema(value_type = Hash)]
    pub(crate) hash: BlockHash,
    /// Who signed, counted from 1 in the ballot's order.
    pub(crate) validators: Vec<u16>,
    /// The certificate's bytes in hexadecimal digits.
    #[schema(pattern = "^([0-9a-f]{2})+$")]
    pub(crate) encoding: String,
}

/// How final it is what became of a transaction in a timed election.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(crate) enum Fate {
    /// Nothing is final.
    Pending,
    /// Its block is final.
    Final {
        /// When this peer first knew that; `null` where it was forgotten.
        since_ms: Option<u64>,
    },
    /// The election closed without it.
    NotCounted,
}

impl ElectionState {
    /// A word for programs that never changes.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Upcoming => "upcoming",
            Self::Open => "open",
            Self::Sealing => "sealing",
            Self::Final => "final",
            Self::Disputed => "disputed",
        }
    }
}

impl Finality {
    /// `questions` are the ballot's, to which counts are told; without them no count is.
    pub(crate) fn of(view: &node::FinalityView, questions: &[Question]) -> Self {
        let tally = |tally: &Option<Tally>| FinalTally::of(tally.as_ref()?, questions);
        let depth = view.depth.as_ref().map(|depth| Depth {
            confirmations: depth.confirmations,
            blocks: depth.blocks,
            witnessed: depth.is_witnessed,
            disputed: depth.disputed.iter().map(|end| DisputedEnd::of(end, questions)).collect(),
        });
        let accused = view.evidence.iter().map(|each| Accused {
            validator: each.name.clone(),
            offence: each.offence.kind().to_owned(),
        });
        let conflict = view
            .conflict
            .as_deref()
            .map(|(first, second)| Conflict { first: first.into(), second: second.into() });
        Self {
            state: view.state.into(),
            opens_ms: view.opens.0,
            vote_by_ms: view.vote_by.0,
            closes_ms: view.closes.0,
            median_time_ms: view.median_time.0,
            late: view.is_late,
            final_block: above_genesis(view.final_block),
            justified_block: above_genesis(view.justified_block),
            closing_block: view.closing_block.map(Tip::from),
            votes_final: view.votes_final,
            votes_above: view.votes_above,
            votes_waiting: view.votes_waiting,
            final_since_ms: view.final_since.map(|since| since.0),
            certificate: view.certificate.as_ref().map(|seen| (&seen.certificate).into()),
            closing_certificate: view
                .closing_certificate
                .as_ref()
                .map(|seen| (&seen.certificate).into()),
            tally: tally(&view.final_tally).filter(|_| view.final_block.height.0 > 0),
            depth,
            validators: view.validators.iter().map(ValidatorShown::from).collect(),
            own_validator: view.own_validator.as_ref().map(OwnValidator::from),
            evidence: accused.collect(),
            conflict,
        }
    }

    /// The certificate that the state rests on: the closing block's once there is one.
    pub(crate) fn deciding_certificate(&self) -> Option<&Certificate> {
        self.closing_certificate.as_ref().or(self.certificate.as_ref())
    }

    /// The names of those who signed a certificate.
    pub(crate) fn signers<'a>(&'a self, certificate: &'a Certificate) -> Vec<&'a str> {
        let named = certificate.validators.iter().map(|place| {
            let index = usize::from(place.saturating_sub(1));
            self.validators.get(index).map_or("?", |validator| validator.name.as_str())
        });
        named.collect()
    }
}

/// The genesis block is final from the beginning, which is not worth a word.
fn above_genesis(block: BlockReference) -> Option<Tip> {
    (block.height.0 > 0).then(|| block.into())
}

impl FinalTally {
    fn of(tally: &Tally, questions: &[Question]) -> Option<Self> {
        if questions.is_empty() {
            return None;
        }
        let counts = tally.options.iter().zip(&tally.blank);
        let counted = questions.iter().zip(counts).map(|(question, (votes, blank))| {
            let view = node::QuestionTally {
                question: question.clone(),
                votes: votes.clone(),
                blank: *blank,
            };
            QuestionTally::from(&view)
        });
        Some(Self { votes: tally.votes, questions: counted.collect() })
    }
}

impl DisputedEnd {
    fn of(end: &node::DisputedEnd, questions: &[Question]) -> Self {
        Self {
            closing_block: end.closing.into(),
            seen_ms: end.seen_at.0,
            tally: end.tally.as_ref().and_then(|tally| FinalTally::of(tally, questions)),
        }
    }
}

impl From<BlockReference> for Tip {
    fn from(block: BlockReference) -> Self {
        Self { height: block.height.0, hash: block.hash }
    }
}

impl From<node::ElectionState> for ElectionState {
    fn from(state: node::ElectionState) -> Self {
        match state {
            node::ElectionState::Upcoming => Self::Upcoming,
            node::ElectionState::Open => Self::Open,
            node::ElectionState::Sealing => Self::Sealing,
            node::ElectionState::Final => Self::Final,
            node::ElectionState::Disputed => Self::Disputed,
        }
    }
}

impl From<&node::ValidatorView> for ValidatorShown {
    fn from(view: &node::ValidatorView) -> Self {
        Self {
            name: view.name.clone(),
            prepared: view.prepared.map(|height| height.0),
            committed: view.committed.map(|height| height.0),
            present_ms: view.present_at.map(|time| time.0),
        }
    }
}

impl From<&node::OwnValidatorView> for OwnValidator {
    fn from(view: &node::OwnValidatorView) -> Self {
        let abstains = view
            .abstains
            .as_ref()
            .map(|why| Abstention { kind: why.word().to_owned(), reason: why.to_string() });
        Self {
            place: view.place.saturating_add(1),
            name: view.name.clone(),
            signs: abstains.is_none(),
            abstains,
            prepared: view.prepared.map(Tip::from),
            committed: view.committed.map(Tip::from),
        }
    }
}

impl From<&finality::Certificate> for Certificate {
    fn from(certificate: &finality::Certificate) -> Self {
        Self {
            height: certificate.block.height.0,
            hash: certificate.block.hash,
            validators: certificate.signatures.iter().map(|(place, _)| place + 1).collect(),
            encoding: hex::encode(codec::encode(certificate)),
        }
    }
}

impl From<node::Fate> for Fate {
    fn from(fate: node::Fate) -> Self {
        match fate {
            node::Fate::Pending => Self::Pending,
            node::Fate::Final { since } => Self::Final { since_ms: since.map(|since| since.0) },
            node::Fate::NotCounted => Self::NotCounted,
        }
    }
}
