//! Elections for tests, and voters who sign elsewhere and hand their transactions in.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use protocol::admission::AdmissionRule;
use protocol::codec;
use protocol::election::{Election, Question};
use protocol::keys::VoterKey;
use protocol::proof_of_work::find_stamp;
use protocol::transaction::{Admission, Choices, Transaction, Vote};
use protocol::units::{Difficulty, ElectionId, UnixMillis, sha256};

/// An election that nobody else holds, with one question, of which one option is chosen.
pub(crate) fn new_election(difficulty_bits: u8) -> Election {
    static ELECTIONS: AtomicU64 = AtomicU64::new(0);
    let number = ELECTIONS.fetch_add(1, Ordering::Relaxed);
    let now = unix_now();
    let process = std::process::id();
    let hash = sha256(&[&number.to_le_bytes(), &now.0.to_le_bytes(), &process.to_le_bytes()]);
    Election {
        id: *hash.first_chunk().expect("a hash has 32 bytes"),
        title: "Board".into(),
        created: UnixMillis(now.0 - 60_000),
        difficulty_bits,
        admission: AdmissionRule::Open { registration_bits: 8, max_voters: None },
        block_bytes_max: 64 * 1024,
        questions: vec![Question {
            title: "Who takes the chair?".into(),
            options: vec!["Ada".into(), "Grace".into(), "Hedy".into()],
            choices_min: 1,
            choices_max: 1,
        }],
        block_interval_s: None,
        times: None,
    }
}

pub(crate) fn unix_now() -> UnixMillis {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixMillis::default().plus(since_epoch.unwrap_or(Duration::ZERO))
}

/// A voter without a peer of its own.
#[derive(Debug)]
pub(crate) struct Voter {
    pub(crate) key: VoterKey,
    election: ElectionId,
    registration: Transaction,
}

impl Voter {
    pub(crate) fn new(election: &Election, number: u64) -> Self {
        Self::with_work(
            election,
            election.admission.stamp_difficulty().expect("it is open"),
            number,
        )
    }

    /// A voter whose stamp shows this much work, whatever the election asks for.
    pub(crate) fn with_work(election: &Election, work: Difficulty, number: u64) -> Self {
        let id = election.election_id();
        let secret = sha256(&[b"a voter of the tests", &id.0, &number.to_le_bytes()]);
        let key = VoterKey::from_secret_bytes(&secret).expect("almost every number is a key");
        let stamp = find_stamp(&id, &key.public().0, work, 0);
        let registration = Transaction::open_registration(&id, &key, stamp);
        Self { key, election: id, registration }
    }

    /// As `submit` takes it.
    pub(crate) fn registration(&self) -> String {
        hex_of(&self.registration)
    }

    /// The same key's registration with another stamp.
    pub(crate) fn another_registration(&self, election: &Election) -> String {
        let Transaction::Registration { admission: Admission::Open { stamp, .. }, .. } =
            self.registration
        else {
            unreachable!("voters are registered by a stamp")
        };
        let (key, work) =
            (self.key.public().0, election.admission.stamp_difficulty().expect("it is open"));
        let stamp = find_stamp(&self.election, &key, work, stamp + 1);
        hex_of(&Transaction::open_registration(&self.election, &self.key, stamp))
    }

    /// A vote for one option, counted from 0, as `submit` takes it.
    pub(crate) fn vote(&self, option: u16) -> String {
        hex_of(&self.signed_vote(vec![vec![option]]))
    }

    pub(crate) fn signed_vote(&self, choices: Choices) -> Transaction {
        let vote =
            Vote { voter: self.key.public().voter(), choices, nonce: [7; 8], cast_at: unix_now() };
        Transaction::vote(&self.election, &self.key, vote)
    }

    /// The same voter's vote in another election.
    pub(crate) fn vote_elsewhere(&self, elsewhere: &Election, option: u16) -> String {
        let election = elsewhere.election_id();
        let here =
            Self { key: self.key.clone(), election, registration: self.registration.clone() };
        here.vote(option)
    }
}

pub(crate) fn hex_of(transaction: &Transaction) -> String {
    hex::encode(codec::encode(transaction))
}
