use super::*;
use crate::roster::Validator;

const ELECTION: ElectionId = ElectionId([1; 32]);

fn key(number: u8) -> VoterKey {
    VoterKey::from_secret_bytes(&[number + 1; 32]).expect("a secret key")
}

fn roster() -> Roster {
    let validator = |number| Validator { name: format!("V{number}"), key: key(number).public() };
    let validators = (0..4).map(validator).collect();
    Roster { validators, quorum: 3, crash_faults_only: false }
}

fn block(height: u64, hash: u8) -> BlockReference {
    BlockReference { height: Height(height), hash: BlockHash([hash; 32]) }
}

fn certificate(validators: &[u8], block: BlockReference) -> Certificate {
    let sign = |&number: &u8| {
        let commit = Commit::sign(&ELECTION, number.into(), block, &key(number));
        (commit.validator, commit.signature)
    };
    Certificate { block, signatures: validators.iter().map(sign).collect() }
}

#[test]
fn each_kind_of_vote_holds_for_what_it_says_alone() {
    let (target, source) = (block(2, 2), block(1, 1));
    let prepare = Prepare::sign(&ELECTION, 1, (target, source), &key(1));
    assert_eq!(prepare.check(&ELECTION, &roster()), Ok(()));
    let wrong = |vote: &FinalityVote, election| {
        matches!(vote.check(&election, &roster()), Err(FinalityVoteError::Signature { .. }))
    };
    let elsewhere = FinalityVote::Prepare(Prepare { source: block(0, 1), ..prepare.clone() });
    assert!(wrong(&elsewhere, ELECTION));
    assert!(wrong(&FinalityVote::Prepare(prepare.clone()), ElectionId([2; 32])));
    assert!(wrong(&FinalityVote::Prepare(Prepare { validator: 2, ..prepare.clone() }), ELECTION));
    let unknown = Prepare { validator: 4, ..prepare.clone() };
    assert_eq!(
        unknown.check(&ELECTION, &roster()),
        Err(FinalityVoteError::UnknownValidator { validator: 4, validators: 4 })
    );
    let commit = Commit::sign(&ELECTION, 1, target, &key(1));
    assert_eq!(commit.check(&ELECTION, &roster()), Ok(()));
    let as_commit = Commit { signature: prepare.signature, ..commit };
    assert!(wrong(&FinalityVote::Commit(as_commit), ELECTION));
    let presence = Presence::sign(&ELECTION, 3, RunNumber([7; 8]), UnixMillis(9), &key(3));
    assert_eq!(presence.check(&ELECTION, &roster()), Ok(()));
    let later = Presence { time: UnixMillis(10), ..presence };
    assert!(later.check(&ELECTION, &roster()).is_err());
}

#[test]
fn a_certificate_is_a_quorum_in_the_ballots_order_for_one_block() {
    let good = certificate(&[0, 1, 3], block(5, 5));
    assert_eq!(good.check(&ELECTION, &roster()), Ok(()));
    let refused = |change: &dyn Fn(&mut Certificate)| {
        let mut changed = good.clone();
        change(&mut changed);
        changed.check(&ELECTION, &roster()).expect_err("it is wrong")
    };
    assert_eq!(
        refused(&|each| each.signatures.truncate(2)),
        CertificateError::SignatureCount { found: 2, expected: 3 }
    );
    assert_eq!(
        certificate(&[0, 1, 2, 3], block(5, 5)).check(&ELECTION, &roster()),
        Err(CertificateError::SignatureCount { found: 4, expected: 3 })
    );
    assert_eq!(
        refused(&|each| each.signatures[2] = each.signatures[1]),
        CertificateError::NotRising { validator: 1 }
    );
    assert_eq!(
        refused(&|each| each.signatures.swap(0, 1)),
        CertificateError::NotRising { validator: 0 }
    );
    assert_eq!(
        refused(&|each| each.signatures[2].0 = 4),
        CertificateError::UnknownValidator { validator: 4, validators: 4 }
    );
    assert_eq!(
        refused(&|each| each.signatures[2].0 = 2),
        CertificateError::OtherValidator { validator: 2, signer: 3 }
    );
    let stranger = Commit::sign(&ELECTION, 3, block(5, 5), &key(9)).signature;
    let not = |validator| CertificateError::NotAValidator { validator };
    assert_eq!(refused(&|each| each.signatures[2].1 = stranger), not(3));
    assert_eq!(refused(&|each| each.block.height = Height(6)), not(0));
    assert_eq!(refused(&|each| each.block.hash = BlockHash([6; 32])), not(0));
    assert_eq!(good.check(&ElectionId([2; 32]), &roster()), Err(not(0)));
    assert!(matches!(
        refused(&|each| each.signatures[1].1.0[64] = 7),
        CertificateError::Signature {
            validator: 1,
            reason: SignatureError::BadRecoveryBit { bit: 7 }
        }
    ));
}

#[test]
fn the_certificate_by_the_first_validators_replaces_others() {
    let block = block(5, 5);
    let (first, last) = (certificate(&[0, 1, 3], block), certificate(&[1, 2, 3], block));
    assert!(first.replaces(&last) && !last.replaces(&first) && !first.replaces(&first));
    assert!(!certificate(&[0, 1, 2], self::block(6, 5)).replaces(&last));
}

#[test]
fn evidence_is_two_votes_of_one_validator_that_no_honest_one_signs() {
    let prepare = |target, source| {
        FinalityVote::Prepare(Prepare::sign(&ELECTION, 1, (target, source), &key(1)))
    };
    let commit = |block| FinalityVote::Commit(Commit::sign(&ELECTION, 1, block, &key(1)));
    let check = |first: &FinalityVote, second: &FinalityVote| {
        let evidence = Evidence { first: first.clone(), second: second.clone() };
        evidence.check(&ELECTION, &roster())
    };
    let genesis = block(0, 0);
    let one = prepare(block(2, 1), genesis);
    assert_eq!(check(&one, &prepare(block(2, 2), genesis)), Ok(Offence::TwoPrepares));
    assert_eq!(check(&one, &prepare(block(2, 1), block(1, 1))), Err(EvidenceError::NoOffence));
    assert_eq!(check(&one, &prepare(block(3, 2), genesis)), Err(EvidenceError::NoOffence));
    assert_eq!(check(&commit(block(2, 1)), &commit(block(2, 2))), Ok(Offence::TwoCommits));
    assert_eq!(check(&commit(block(2, 1)), &commit(block(3, 2))), Err(EvidenceError::NoOffence));
    let over = prepare(block(4, 4), block(1, 1));
    assert_eq!(check(&commit(block(2, 2)), &over), Ok(Offence::SurroundedCommit));
    assert_eq!(check(&over, &commit(block(3, 2))), Ok(Offence::SurroundedCommit));
    assert_eq!(check(&over, &commit(block(1, 1))), Err(EvidenceError::NoOffence));
    assert_eq!(check(&over, &commit(block(4, 4))), Err(EvidenceError::NoOffence));
    let other = FinalityVote::Commit(Commit::sign(&ELECTION, 2, block(2, 2), &key(2)));
    assert_eq!(
        check(&commit(block(2, 1)), &other),
        Err(EvidenceError::TwoValidators { first: 1, second: 2 })
    );
    let FinalityVote::Commit(forged) = commit(block(2, 2)) else { unreachable!("it is one") };
    let forged = FinalityVote::Commit(Commit { block: block(2, 3), ..forged });
    assert!(matches!(check(&commit(block(2, 1)), &forged), Err(EvidenceError::Vote(_))));
}

#[test]
fn two_votes_may_prove_an_offence() {
    let prepare = |target, hash, source| Statement::Prepare {
        target: (Height(target), hash),
        source: Height(source),
    };
    let commit = |block, hash| Statement::Commit { block: (Height(block), hash) };
    let cases = [
        (prepare(3, 'a', 2), prepare(3, 'b', 1), Some(Offence::TwoPrepares)),
        (prepare(3, 'a', 2), prepare(3, 'a', 1), None),
        (prepare(3, 'a', 2), prepare(4, 'b', 1), None),
        (commit(3, 'a'), commit(3, 'b'), Some(Offence::TwoCommits)),
        (commit(3, 'a'), commit(3, 'a'), None),
        (commit(3, 'a'), commit(4, 'b'), None),
        (commit(3, 'a'), prepare(4, 'b', 2), Some(Offence::SurroundedCommit)),
        (commit(3, 'a'), prepare(4, 'b', 3), None),
        (commit(3, 'a'), prepare(3, 'b', 2), None),
        (commit(1, 'a'), prepare(4, 'b', 2), None),
    ];
    for (first, second, expected) in cases {
        assert_eq!(Offence::between(&first, &second), expected, "{first:?} {second:?}");
        assert_eq!(Offence::between(&second, &first), expected, "{second:?} {first:?}");
    }
}
