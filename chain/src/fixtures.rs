//! What the tests of several members start from: an election of low difficulty, and its voters.

mod validators;

use std::sync::Arc;
use std::time::Duration;

use protocol::admission::{AdmissionRule, Registrar, RegistrarSignatures};
use protocol::election::{Election, Question};
use protocol::keys::VoterKey;
use protocol::proof_of_work;
use protocol::roster::{FinalityRule, Times};
use protocol::transaction::{Choices, HashedTransaction, Transaction, Vote};
use protocol::units::{ElectionId, TransactionId, UnixMillis};

pub use validators::{certificate, election_by_validators, forged_certificate, validator_key};

/// 100 seconds after the election's creation.
pub const NOW: UnixMillis = UnixMillis(1_700_000_100_000);

/// An open election with one question and two options; a block takes two attempts, a stamp four.
pub fn election() -> Election {
    Election {
        id: [1; 16],
        title: "Board".into(),
        created: UnixMillis(1_700_000_000_000),
        difficulty_bits: 1,
        admission: AdmissionRule::Open { registration_bits: 2, max_voters: None },
        block_bytes_max: 2 * 1024,
        questions: vec![Question {
            title: "Chair".into(),
            options: vec!["Ada".into(), "Grace".into()],
            choices_min: 0,
            choices_max: 1,
        }],
        block_interval_s: None,
        times: None,
    }
}

/// The id of [`election`].
pub fn id() -> ElectionId {
    election().election_id()
}

/// The key of a test's voter.
pub fn key(voter: u8) -> VoterKey {
    VoterKey::from_secret_bytes(&[voter + 1; 32]).expect("a secret key")
}

/// A transaction of [`election`].
pub fn hashed(transaction: Transaction) -> Arc<HashedTransaction> {
    Arc::new(HashedTransaction::new(transaction, &id()))
}

/// A registration in [`election`].
pub fn registration(voter: u8) -> Arc<HashedTransaction> {
    let difficulty = election().admission.stamp_difficulty().expect("it is open");
    let stamp = proof_of_work::find_stamp(&id(), &key(voter).public().0, difficulty, 0);
    hashed(Transaction::open_registration(&id(), &key(voter), stamp))
}

/// A vote cast at [`NOW`].
pub fn vote(voter: u8, choices: Choices) -> Arc<HashedTransaction> {
    let voter_id = key(voter).public().voter();
    let vote = Vote { voter: voter_id, choices, nonce: [voter; 8], cast_at: NOW };
    hashed(Transaction::vote(&id(), &key(voter), vote))
}

/// The same election, but with voters who are admitted by two of two registrars.
pub fn election_by_registrars() -> Election {
    let registrar = |number| Registrar {
        name: format!("Registrar {number}"),
        key: registrar_key(number).public(),
    };
    let registrars = (1..=2).map(registrar).collect();
    Election { admission: AdmissionRule::Registrars { registrars, threshold: 2 }, ..election() }
}

fn registrar_key(number: u8) -> VoterKey {
    key(number + 100)
}

fn hashed_by_registrars(transaction: Transaction) -> Arc<HashedTransaction> {
    let id = election_by_registrars().election_id();
    Arc::new(HashedTransaction::new(transaction, &id))
}

fn both_sign(signed: &TransactionId) -> RegistrarSignatures {
    let sign = |number: u8| (usize::from(number - 1), registrar_key(number).sign(&signed.0));
    let id = election_by_registrars().election_id();
    RegistrarSignatures::new(&id, vec![sign(1), sign(2)])
}

/// An admission in the election by registrars.
pub fn admission(voter: u8) -> Arc<HashedTransaction> {
    let id = election_by_registrars().election_id();
    let voter_key = key(voter).public();
    let signatures = both_sign(&Transaction::admission_id(&id, &voter_key));
    hashed_by_registrars(Transaction::admission(voter_key, signatures))
}

/// A withdrawal in the election by registrars.
pub fn withdrawal(voter: u8) -> Arc<HashedTransaction> {
    let id = election_by_registrars().election_id();
    let voter = key(voter).public().voter();
    let signatures = both_sign(&Transaction::withdrawal_id(&id, &voter));
    hashed_by_registrars(Transaction::Withdrawal { voter, signatures })
}

/// A vote in the election by registrars.
pub fn admitted_vote(voter: u8, choices: Choices) -> Arc<HashedTransaction> {
    let id = election_by_registrars().election_id();
    let voter_id = key(voter).public().voter();
    let vote = Vote { voter: voter_id, choices, nonce: [voter; 8], cast_at: NOW };
    hashed_by_registrars(Transaction::vote(&id, &key(voter), vote))
}

/// An election that opens and closes, with what its voters sign for it, and its registrars if it has some.
#[derive(Debug)]
pub struct Timed {
    /// The election, with blocks every ten seconds.
    pub election: Arc<Election>,
    id: ElectionId,
}

impl Timed {
    /// [`election`] or [`election_by_registrars`], to open and close so many milliseconds after its creation.
    pub fn new(election: Election, opens_ms: u64, closes_ms: u64) -> Self {
        let at = |after_ms| election.created.plus(Duration::from_millis(after_ms));
        let finality = FinalityRule::Depth { confirmations: 1 };
        let times = Some(Times { opens: at(opens_ms), closes: at(closes_ms), finality });
        let election = Election { block_interval_s: Some(10), times, ..election };
        Self { id: election.election_id(), election: Arc::new(election) }
    }

    fn hashed(&self, transaction: Transaction) -> Arc<HashedTransaction> {
        Arc::new(HashedTransaction::new(transaction, &self.id))
    }

    fn both_sign(&self, signed: &TransactionId) -> RegistrarSignatures {
        let sign = |number: u8| (usize::from(number - 1), registrar_key(number).sign(&signed.0));
        RegistrarSignatures::new(&self.id, vec![sign(1), sign(2)])
    }

    /// A registration, by the right that the election gives.
    pub fn registration(&self, voter: u8) -> Arc<HashedTransaction> {
        let (id, public) = (&self.id, key(voter).public());
        self.hashed(match self.election.admission.stamp_difficulty() {
            Some(difficulty) => {
                let stamp = proof_of_work::find_stamp(id, &public.0, difficulty, 0);
                Transaction::open_registration(id, &key(voter), stamp)
            }
            None => {
                let signatures = self.both_sign(&Transaction::admission_id(id, &public));
                Transaction::admission(public, signatures)
            }
        })
    }

    /// A vote for one option.
    pub fn vote(&self, voter: u8, option: u16) -> Arc<HashedTransaction> {
        let voter_id = key(voter).public().voter();
        let choices = vec![vec![option]];
        let vote = Vote { voter: voter_id, choices, nonce: [voter; 8], cast_at: NOW };
        self.hashed(Transaction::vote(&self.id, &key(voter), vote))
    }

    /// A withdrawal, in an election by registrars.
    pub fn withdrawal(&self, voter: u8) -> Arc<HashedTransaction> {
        let voter = key(voter).public().voter();
        let signatures = self.both_sign(&Transaction::withdrawal_id(&self.id, &voter));
        self.hashed(Transaction::Withdrawal { voter, signatures })
    }
}
