//! Certificates, good ones and forged ones, for a chain that was audited.

use std::collections::BTreeSet;

use protocol::finality::{BlockReference, Certificate};

use super::*;
use crate::fixtures::{certificate, election_by_validators, forged_certificate};

/// An audit of as many empty blocks, and those blocks.
fn audited(election: &Arc<Election>, blocks: u64) -> (Audit, Vec<BlockReference>) {
    let mut audit = Audit::new(Arc::clone(election));
    let genesis = Header::genesis(election);
    let mut references = vec![BlockReference { height: Height(0), hash: genesis.hash() }];
    let mut parent = genesis;
    for _ in 0..blocks {
        let block = mine(&parent, &[], 0);
        parent = block.header;
        let checked = CheckedBlock::new(Arc::new(block), election, &election.election_id());
        audit.extend(&checked, NOW).expect("it keeps the rules");
        references.push(BlockReference { height: parent.height, hash: parent.hash() });
    }
    (audit, references)
}

#[test]
fn the_highest_certified_block_is_final() {
    let (mut audit, blocks) = audited(&Arc::new(election_by_validators()), 4);
    assert_eq!(audit.final_block(), None);
    for (certified, last) in [(2, 2), (3, 3), (1, 3), (3, 3)] {
        audit.certify(&certificate(blocks[certified])).expect("three validators signed");
        assert_eq!(audit.final_block(), Some(blocks[last]));
    }
}

#[test]
fn each_rule_of_certificates_broken_once_is_named_in_its_own_words() {
    let election = Arc::new(election_by_validators());
    let mut said = BTreeSet::new();
    for &rule in CertificateRule::ALL {
        let (mut audit, blocks) = audited(&election, 3);
        let good = certificate(blocks[2]);
        let forged = forged_certificate(rule, &good).unwrap_or_else(|| {
            audit = audited(&Arc::new(super::election()), 3).0;
            good
        });
        let error = audit.certify(&forged).expect_err(rule.name());
        assert_eq!(error.rule(), rule, "{error}");
        assert_eq!(audit.final_block(), None);
        let text = error.to_string();
        let words = text.split(' ').filter(|word| !word.contains(char::is_numeric));
        assert!(said.insert(words.collect::<Vec<_>>().join(" ")), "{text}");
    }
    let names: BTreeSet<_> = CertificateRule::ALL.iter().map(|rule| rule.to_string()).collect();
    assert_eq!(names.len(), CertificateRule::ALL.len());
}

#[test]
fn the_signatures_of_honest_validators_for_something_else_are_told_from_a_strangers() {
    let election = Arc::new(election_by_validators());
    let (mut audit, blocks) = audited(&election, 3);
    // Signed as they would be, for the election with another id, for another height, and for another hash.
    let other = Election { id: [2; 16], ..election_by_validators() };
    let id = election.election_id();
    let elsewhere = certificate(blocks[3]);
    let moved = Certificate { block: blocks[2], ..elsewhere };
    let error = audit.certify(&moved).expect_err("they are for the next block");
    assert_eq!(error.rule(), CertificateRule::OtherElection);
    let foreign = check_certificate(&certificate(blocks[2]), &other, &other.election_id());
    assert_eq!(foreign.map_err(|error| error.rule()), Err(CertificateRule::OtherElection));
    for (block, rule) in [
        (BlockReference { height: Height(1), ..blocks[2] }, CertificateRule::OtherHeight),
        (BlockReference { hash: BlockHash([1; 32]), ..blocks[2] }, CertificateRule::OtherHash),
        (BlockReference { height: Height(4), hash: BlockHash([1; 32]) }, CertificateRule::AboveTip),
    ] {
        let signed = certificate(block);
        assert_eq!(check_certificate(&signed, &election, &id), Ok(()), "with the ballot alone");
        assert_eq!(audit.certify(&signed).map_err(|error| error.rule()), Err(rule));
    }
    let untimed = super::election();
    let refused = check_certificate(&certificate(blocks[2]), &untimed, &untimed.election_id());
    assert_eq!(refused, Err(CertifyError::NoRoster));
    assert_eq!(audit.final_block(), None);
}
