//! What no peer takes, whoever hands it in: each refused with a kind of its own, and nothing of it counted.

use protocol::admission::AdmissionRule;
use protocol::keys::Signature;
use protocol::transaction::Transaction;
use protocol::units::Difficulty;

use crate::harness::{Network, PATIENCE, Voter, agree, error_kind, hex_of, new_election};

/// The order of secp256k1's group.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
    0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];

#[test]
fn votes_that_break_a_rule_are_refused_each_with_its_own_kind() {
    let mut network = Network::start(2, 12);
    let election = network.election.clone();
    let voter = Voter::new(&election, 1);
    let second = Voter::new(&election, 2);
    network.peers[0].submit(&voter.registration());
    network.peers[0].submit(&second.registration());
    // The very same one may be handed in again, by somebody who lost the answer.
    network.peers[0].submit(&voter.registration());

    let forged = |change: fn(&mut Signature)| {
        let mut vote = second.signed_vote(vec![vec![0]]);
        let Transaction::Vote { signature, .. } = &mut vote else { unreachable!() };
        change(signature);
        hex_of(&vote)
    };
    let mut elsewhere = election.clone();
    elsewhere.id[0] ^= 1;
    let cases = [
        ("an option that is not on the ballot", voter.vote(3), "no_such_option"),
        (
            "two options of one",
            hex_of(&voter.signed_vote(vec![vec![0, 1]])),
            "wrong_number_of_choices",
        ),
        (
            "nothing where something is asked",
            hex_of(&voter.signed_vote(vec![vec![]])),
            "wrong_number_of_choices",
        ),
        (
            "one question too many",
            hex_of(&voter.signed_vote(vec![vec![0], vec![0]])),
            "wrong_number_of_questions",
        ),
        ("a voter who is not registered", Voter::new(&election, 3).vote(0), "not_registered"),
        ("a registered one once more", voter.another_registration(&election), "already_registered"),
        ("a changed signature", forged(|signature| signature.0[40] ^= 1), "bad_signature"),
        ("a signature by somebody else", another_signature(&second, &voter), "bad_signature"),
        ("the upper s", forged(raise_s), "high_s"),
        ("the other recovery bit", forged(|signature| signature.0[64] ^= 1), "wrong_recovery_bit"),
        ("no recovery bit at all", forged(|signature| signature.0[64] = 7), "wrong_recovery_bit"),
        ("a vote for another election", second.vote_elsewhere(&elsewhere, 0), "bad_signature"),
        ("bytes of nothing", "00ff".to_owned(), "not_a_transaction"),
        ("no digits", "xyz".to_owned(), "bad_argument"),
    ];
    for (what, hex, kind) in cases {
        let answer = network.peers[0].ask(&format!("submit {hex}"));
        assert_eq!(error_kind(&answer), kind, "{what}: {answer}");
    }

    // The same voters are counted once they do it right; the second time is one too many.
    network.peers[0].submit(&voter.vote(0));
    network.peers[0].submit(&second.vote(1));
    for peer in [0, 1] {
        agree(&mut network.peers, 2, PATIENCE);
        let answer = network.peers[peer].ask(&format!("submit {}", voter.vote(2)));
        assert_eq!(error_kind(&answer), "already_voted", "{answer}");
    }
    let tip = agree(&mut network.peers, 2, PATIENCE);
    assert_eq!(tip.votes, 2);
}

#[test]
fn the_prompt_refuses_what_is_not_on_the_ballot_and_a_second_vote() {
    let mut network = Network::start(2, 12);
    let peer = &mut network.peers[0];
    for (line, kind) in [
        ("vote 4", "no_such_option"),
        ("vote Nobody", "no_such_option"),
        ("vote 1, 2", "wrong_number_of_choices"),
        ("vote blank", "wrong_number_of_choices"),
        // On a pipe nobody is asked question by question.
        ("vote", "no_choices"),
    ] {
        assert_eq!(error_kind(&peer.ask(line)), kind, "{line}");
    }
    peer.vote("grace");
    assert_eq!(error_kind(&peer.ask("vote Ada")), "already_voted");
    agree(&mut network.peers, 1, PATIENCE);
    assert_eq!(error_kind(&network.peers[0].ask("vote Ada")), "already_voted");
    let results = network.peers[1].ask("results");
    assert_eq!(results["questions"][0]["options"][1]["votes"], 1, "{results}");
}

#[test]
fn a_stamp_without_work_registers_nobody() {
    let mut election = new_election(12);
    election.admission = AdmissionRule::Open { registration_bits: 20, max_voters: None };
    let mut network = Network::with_tracker(election.clone());
    network.join(&[]);
    let lazy = Voter::with_work(&election, Difficulty::from_bits(0), 1);
    let answer = network.peers[0].ask(&format!("submit {}", lazy.registration()));
    assert_eq!(error_kind(&answer), "stamp_without_work", "{answer}");
}

fn another_signature(voter: &Voter, signer: &Voter) -> String {
    let Transaction::Vote { vote, .. } = voter.signed_vote(vec![vec![0]]) else { unreachable!() };
    let Transaction::Vote { signature, .. } = signer.signed_vote(vec![vec![0]]) else {
        unreachable!()
    };
    hex_of(&Transaction::Vote { vote, signature })
}

/// The other solution of the same equation: the order less s, with the other recovery bit.
fn raise_s(signature: &mut Signature) {
    let mut borrow = 0;
    for place in (0..32).rev() {
        let difference = i16::from(ORDER[place]) - i16::from(signature.0[32 + place]) - borrow;
        borrow = i16::from(difference < 0);
        signature.0[32 + place] = u8::try_from(difference.rem_euclid(256)).expect("below 256");
    }
    signature.0[64] ^= 1;
}
