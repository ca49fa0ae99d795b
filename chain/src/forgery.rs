//! Blocks that break one rule each, for classes that want to see them refused, and for tests.
//!
//! A forgery is mined and signed as an attacker would do it, but in the name of voters that are made up for it from a
//! seed, so no real key is ever used. It must never be added to the chain of the peer that made it.

use std::sync::Arc;
use std::time::Duration;

use protocol::block::{self, BODY_OVERHEAD_BYTES, Block, Header};
use protocol::election::{Election, Question};
use protocol::keys::{PublicKey, Signature, VoterKey};
use protocol::proof_of_work;
use protocol::transaction::{Choices, HashedTransaction, TRANSACTION_BYTES_MAX, Transaction, Vote};
use protocol::units::{Difficulty, ElectionId, Height, UnixMillis, sha256};

use super::audit::AuditRule;
use super::time::{Past, Phase};

/// How far ahead of the clock the time of a block is that comes too early. It is so far that no
/// class will wait until the block becomes valid.
const TOO_EARLY: Duration = Duration::from_secs(24 * 3_600);

/// The highest byte of a signature's scalar s that is too high, whatever its other bytes are.
const HIGH_S: u8 = 0x80;

/// The parts of a block that breaks a rule, before the block has a place in a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgery {
    rule: AuditRule,
    transactions: Vec<Arc<HashedTransaction>>,
}

/// The reason why a rule can't be broken by a block that others would examine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum ForgeryError {
    /// No forgery is offered for the rule.
    #[error(
        "no block of a laboratory breaks the rule {rule}: `lab rules` shows those that one can"
    )]
    NotOffered { rule: AuditRule },
    /// This election leaves no way to break the rule.
    #[error("nothing breaks the rule {rule} in this election: {reason}")]
    NotHere { rule: AuditRule, reason: &'static str },
    /// The next block can't break the rule, or breaks another one before, because of the time by its ancestors.
    #[error("no block breaks the rule {rule} while the election {}", says(*.phase))]
    NotNow { rule: AuditRule, phase: Phase },
}

/// What a phase means, after "the election".
fn says(phase: Phase) -> &'static str {
    match phase {
        Phase::Untimed => "neither opens nor closes",
        Phase::Upcoming => "is not open yet by its blocks",
        Phase::Open => "is open by its blocks",
        Phase::Closed => "is closed by its blocks",
    }
}

impl ForgeryError {
    /// A word for programs that never changes.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotOffered { .. } => "rule_not_offered",
            Self::NotHere { .. } | Self::NotNow { .. } => "rule_not_breakable",
        }
    }
}

impl Forgery {
    /// The rules that a block can break in such a way that others notice, with what is wrong with
    /// that block.
    pub const OFFERED: [(AuditRule, &'static str); 24] = [
        (AuditRule::NoWork, "its hash does not show the work that it claims"),
        (AuditRule::MerkleRoot, "it comes with other transactions than its header commits to"),
        (AuditRule::Height, "it claims a height that does not follow its parent's"),
        (AuditRule::Difficulty, "it claims an easier difficulty than the election's"),
        (AuditRule::NotAfterParent, "its time is its parent's"),
        (AuditRule::TooEarly, "its time is a day ahead"),
        (AuditRule::BlockTooLarge, "its transactions take more bytes than a block may have"),
        (AuditRule::TransactionTooLarge, "one of its votes takes more bytes than any may have"),
        (AuditRule::QuestionCount, "a vote answers a question that nobody asked"),
        (AuditRule::ChoiceCount, "a vote chooses more options than its question takes"),
        (AuditRule::NoSuchOption, "a vote chooses an option that is not on the ballot"),
        (AuditRule::ChoicesNotRising, "a vote names its options out of their order"),
        (AuditRule::Stamp, "a voter registers without the work that it takes"),
        (AuditRule::BadKey, "a voter registers a key that is no point of the curve"),
        (AuditRule::SignatureOutOfRange, "a vote's signature has a zero where none can be"),
        (AuditRule::HighS, "a vote's signature is the twin that would make a second vote of one"),
        (AuditRule::BadRecoveryBit, "a vote's signature ends in a byte that is no bit"),
        (AuditRule::WrongRecoveryBit, "a vote's signature has its last bit turned round"),
        (AuditRule::WrongSigner, "a vote is signed by somebody else"),
        (AuditRule::AlreadyRegistered, "a voter registers twice"),
        (AuditRule::NotRegistered, "somebody votes who is not registered"),
        (AuditRule::AlreadyVoted, "a voter votes twice"),
        (AuditRule::NotOpenYet, "somebody votes before the election opens"),
        (AuditRule::TransactionsAfterClose, "somebody votes after the election has closed"),
    ];

    /// Makes what breaks this rule, with voters drawn from `seed`. It searches for the stamps of at
    /// most two registrations, which may take long in some elections, so callers that must not wait
    /// should do this on another thread.
    ///
    /// # Errors
    /// When the rule is not among [`OFFERED`](Self::OFFERED), or when this election leaves no way
    /// to break it.
    pub fn new(
        rule: AuditRule,
        election: &Election,
        seed: [u8; 32],
        now: UnixMillis,
    ) -> Result<Self, ForgeryError> {
        let by_registrars = ForgeryError::NotHere { rule, reason: "registrars admit its voters" };
        let difficulty = election.admission.stamp_difficulty().ok_or(by_registrars)?;
        let id = election.election_id();
        let forger = Forger { rule, election, id, difficulty, seed, now };
        let transactions = forger.transactions()?.into_iter();
        let transactions =
            transactions.map(|each| Arc::new(HashedTransaction::new(each, &forger.id))).collect();
        Ok(Self { rule, transactions })
    }

    /// The rule that the block breaks.
    #[must_use]
    pub fn rule(&self) -> AuditRule {
        self.rule
    }

    /// Whether a nonce still has to be found that gives the block enough work.
    #[must_use]
    pub fn needs_work(&self) -> bool {
        self.rule != AuditRule::NoWork
    }

    /// The block that follows `past`. Its nonce still has to be found, unless the broken rule is
    /// that there is no work.
    ///
    /// # Errors
    /// When the next block would not break this rule, or would break another one before, since the election has not
    /// opened or has closed.
    ///
    /// # Panics
    /// Never: if every nonce meets the difficulty, a block cannot lack work, and no such forgery
    /// was made.
    pub fn block(&self, past: &Past, now: UnixMillis) -> Result<Block, ForgeryError> {
        let (rule, phase) = (self.rule, past.phase());
        if !can_be_broken(rule, phase) {
            return Err(ForgeryError::NotNow { rule, phase });
        }
        let parent = past.parent();
        let mut header = past.next_header(&self.transactions, now);
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others are broken by transactions")]
        match self.rule {
            AuditRule::Height => header.height = Height(parent.height.0 + 2),
            AuditRule::Difficulty => header.difficulty = Difficulty::from_bits(0),
            AuditRule::NotAfterParent => header.time = parent.time,
            AuditRule::TooEarly => header.time = now.plus(TOO_EARLY),
            AuditRule::MerkleRoot => header.merkle_root = block::merkle_root(&[]),
            AuditRule::NoWork => {
                let nonces = (0..).map(|nonce| Header { nonce, ..header });
                let lazy = nonces.into_iter().find(|header| !header.has_work());
                header = lazy.expect("every other nonce fails at least");
            }
            _ => {}
        }
        Ok(Block { header, transactions: self.transactions.clone() })
    }
}

/// Whether the block of a forgery breaks this rule, and no rule of another kind before, in this phase.
fn can_be_broken(rule: AuditRule, phase: Phase) -> bool {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others need nothing but the block")]
    match rule {
        AuditRule::NotOpenYet => phase == Phase::Upcoming,
        AuditRule::TransactionsAfterClose => phase == Phase::Closed,
        // Their first vote has to be good.
        AuditRule::AlreadyVoted | AuditRule::TooEarly => {
            matches!(phase, Phase::Untimed | Phase::Open)
        }
        AuditRule::AlreadyRegistered | AuditRule::NotRegistered => phase != Phase::Closed,
        _ => true,
    }
}

/// Makes the transactions of a forgery.
struct Forger<'e> {
    rule: AuditRule,
    election: &'e Election,
    id: ElectionId,
    /// The difficulty of a registration's stamp.
    difficulty: Difficulty,
    seed: [u8; 32],
    now: UnixMillis,
}

impl Forger<'_> {
    fn transactions(&self) -> Result<Vec<Transaction>, ForgeryError> {
        let (voter, other) = (self.key(0), self.key(1));
        let honest = || self.vote(&voter, self.choices(), 0);
        let with_registration = |vote| vec![self.registration(&voter, 0), vote];
        let signed = |change: fn(&mut Signature)| with_registration(signed_anew(honest(), change));
        #[expect(clippy::wildcard_enum_match_arm, reason = "whatever is not offered")]
        Ok(match self.rule {
            AuditRule::NoWork if self.election.difficulty_bits == 0 => {
                return Err(self.not_here("every block shows enough work"));
            }
            AuditRule::Difficulty if self.election.difficulty_bits == 0 => {
                return Err(self.not_here("no difficulty is easier than the election's"));
            }
            AuditRule::Height
            | AuditRule::Difficulty
            | AuditRule::NoWork
            | AuditRule::NotAfterParent
            | AuditRule::TooEarly
            | AuditRule::MerkleRoot => with_registration(honest()),
            AuditRule::NotOpenYet | AuditRule::TransactionsAfterClose
                if self.election.times.is_none() =>
            {
                return Err(self.not_here("it neither opens nor closes"));
            }
            AuditRule::NotOpenYet | AuditRule::TransactionsAfterClose => {
                with_registration(honest())
            }
            AuditRule::BlockTooLarge => self.too_many(&voter),
            AuditRule::TransactionTooLarge => {
                let choices = vec![vec![0; TRANSACTION_BYTES_MAX / 2]];
                with_registration(self.vote(&voter, choices, 0))
            }
            AuditRule::QuestionCount => {
                let choices = self.choices().into_iter().chain([vec![]]).collect();
                with_registration(self.vote(&voter, choices, 0))
            }
            AuditRule::ChoiceCount | AuditRule::NoSuchOption | AuditRule::ChoicesNotRising => {
                with_registration(self.vote(&voter, self.bad_choices()?, 0))
            }
            AuditRule::Stamp if self.difficulty.attempts() <= 1 => {
                return Err(self.not_here("registering takes no work"));
            }
            AuditRule::Stamp => {
                let bad = (0..).find(|stamp| !self.is_stamp(&voter.public(), *stamp));
                let stamp = bad.expect("every other one fails at least");
                vec![Transaction::open_registration(&self.id, &voter, stamp)]
            }
            AuditRule::BadKey => {
                let nobodys = PublicKey([5; 33]);
                let stamp = self.stamp(&nobodys, 0);
                let mut registration = Transaction::open_registration(&self.id, &voter, stamp);
                if let Transaction::Registration { voter_key, .. } = &mut registration {
                    *voter_key = nobodys;
                }
                vec![registration]
            }
            AuditRule::SignatureOutOfRange => signed(|signature| signature.0[..32].fill(0)),
            AuditRule::HighS => signed(|signature| signature.0[32] = HIGH_S),
            AuditRule::BadRecoveryBit => signed(|signature| signature.0[64] = 2),
            AuditRule::WrongRecoveryBit => signed(|signature| signature.0[64] ^= 1),
            AuditRule::WrongSigner => with_registration(self.vote_signed_by(&voter, &other)),
            AuditRule::AlreadyRegistered => {
                let first = self.registration(&voter, 0);
                let again = self.registration(&voter, u64::MAX / 2);
                vec![first, again]
            }
            AuditRule::NotRegistered => vec![honest()],
            AuditRule::AlreadyVoted => {
                let mut all = with_registration(honest());
                all.push(self.vote(&voter, self.choices(), 1));
                all
            }
            rule => return Err(ForgeryError::NotOffered { rule }),
        })
    }

    fn not_here(&self, reason: &'static str) -> ForgeryError {
        ForgeryError::NotHere { rule: self.rule, reason }
    }

    /// The key of one of the made-up voters.
    fn key(&self, number: u64) -> VoterKey {
        let secret = sha256(&[b"ostrakon/laboratory/1", &self.seed, &number.to_be_bytes()]);
        VoterKey::from_secret_bytes(&secret).expect("one in 2^128 hashes is no key")
    }

    fn is_stamp(&self, key: &PublicKey, stamp: u64) -> bool {
        let hash = proof_of_work::stamp_hash(&self.id, &key.0, stamp);
        proof_of_work::is_met(&hash, self.difficulty)
    }

    fn stamp(&self, key: &PublicKey, start: u64) -> u64 {
        proof_of_work::find_stamp(&self.id, &key.0, self.difficulty, start)
    }

    fn registration(&self, key: &VoterKey, start: u64) -> Transaction {
        let stamp = self.stamp(&key.public(), start);
        Transaction::open_registration(&self.id, key, stamp)
    }

    fn vote(&self, key: &VoterKey, choices: Choices, number: u64) -> Transaction {
        let (voter, nonce) = (key.public().voter(), number.to_be_bytes());
        Transaction::vote(&self.id, key, Vote { voter, choices, nonce, cast_at: self.now })
    }

    /// A vote of one voter with the signature of another.
    fn vote_signed_by(&self, voter: &VoterKey, signer: &VoterKey) -> Transaction {
        let [honest, foreign] = [voter, signer].map(|key| self.vote(key, self.choices(), 0));
        match (honest, foreign) {
            (Transaction::Vote { vote, .. }, Transaction::Vote { signature, .. }) => {
                Transaction::Vote { vote, signature }
            }
            _ => unreachable!("both are votes"),
        }
    }

    /// The fewest choices that the ballot allows.
    fn choices(&self) -> Choices {
        self.election.questions.iter().map(|question| (0..question.choices_min).collect()).collect()
    }

    /// Choices that are not allowed for one of the questions.
    fn bad_choices(&self) -> Result<Choices, ForgeryError> {
        let questions = self.election.questions.iter().enumerate();
        let found = questions.filter_map(|(index, question)| Some((index, self.bad(question)?)));
        let found = found.into_iter().next();
        let (index, bad) = found.ok_or_else(|| self.not_here("no question takes two choices"))?;
        let mut choices = self.choices();
        choices[index] = bad;
        Ok(choices)
    }

    /// Choices for a question that break this rule, if there are any.
    fn bad(&self, question: &Question) -> Option<Vec<u16>> {
        let options = u16::try_from(question.options.len()).expect("at most 512 options");
        let (min, max) = (question.choices_min, question.choices_max);
        #[expect(clippy::wildcard_enum_match_arm, reason = "two of the three rules are named")]
        match self.rule {
            AuditRule::ChoiceCount => Some((0..=max).collect()),
            AuditRule::NoSuchOption => Some((1..min).chain([options]).collect()),
            _ => (max > 1).then(|| (0..min.max(2)).rev().collect()),
        }
    }

    /// A registration and votes that together are one or two bytes larger than a block may be.
    fn too_many(&self, voter: &VoterKey) -> Vec<Transaction> {
        let bytes = |transaction: &Transaction| {
            HashedTransaction::new(transaction.clone(), &self.id).bytes()
        };
        let limit = self.election.block_bytes_max as usize;
        let mut all = vec![self.registration(voter, 0)];
        let mut used = BODY_OVERHEAD_BYTES + bytes(&all[0]);
        let last = bytes(&self.vote(voter, vec![vec![]], 0));
        let vote = self.vote(voter, self.choices(), 0);
        let step = bytes(&vote);
        while used + step + last <= limit {
            used += step;
            all.push(vote.clone());
        }
        // The last vote is lengthened by additional choices, of two bytes each.
        let missing = (limit + 1 - used - last).div_ceil(2);
        all.push(self.vote(voter, vec![vec![0; missing]], 0));
        all
    }
}

/// The transaction with another signature.
fn signed_anew(vote: Transaction, change: fn(&mut Signature)) -> Transaction {
    let mut vote = vote;
    if let Transaction::Vote { signature, .. } = &mut vote {
        change(signature);
    }
    vote
}
