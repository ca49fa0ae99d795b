//! Signs what a voter says, whether in a peer or in a client of one. The secret key is used here
//! and is passed to nobody else.

use protocol::election::Election;
use protocol::keys::VoterKey;
use protocol::proof_of_work;
use protocol::transaction::{Choices, Transaction, Vote};
use protocol::units::Difficulty;

use host::{clock, entropy};

/// Makes a registration of the key. Finding its stamp takes 2^`registration_bits` attempts on
/// average, on this thread.
pub fn registration(key: &VoterKey, election: &Election, registration_bits: u8) -> Transaction {
    let (election_id, difficulty) =
        (election.election_id(), Difficulty::from_bits(registration_bits));
    let start = u64::from_le_bytes(entropy::random());
    let stamp = proof_of_work::find_stamp(&election_id, &key.public().0, difficulty, start);
    Transaction::open_registration(&election_id, key, stamp)
}

/// Makes a vote that is cast now.
pub fn vote(key: &VoterKey, election: &Election, choices: Choices) -> Transaction {
    let vote = Vote {
        voter: key.public().voter(),
        choices,
        nonce: entropy::random(),
        cast_at: clock::unix_now(),
    };
    Transaction::vote(&election.election_id(), key, vote)
}
