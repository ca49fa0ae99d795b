//! The blocks are fed to a chain, as a peer would feed them to its own.

use chain::Chain;
use chain::rules::Rules;

use super::*;

const VOTERS: u64 = 100;

/// The least that an election may have, so that few voters fill many blocks.
const BLOCK_BYTES_MAX: u32 = 2_048;

/// More than all of them have.
const RESIDENT_BYTES_MAX: usize = 1024 * 1024;

#[test]
fn the_blocks_keep_all_rules_and_count_every_voter() {
    let election = election(1, BLOCK_BYTES_MAX);
    election.check().expect("the election is possible");
    let mut chain = Chain::new(Arc::new(election.clone()), Rules::ALL, RESIDENT_BYTES_MAX);
    let mut expected = [0; 4];
    let mut blocks = Blocks::new(&election, 1, VOTERS).peekable();
    while let Some(block) = blocks.next() {
        for transaction in &block.transactions {
            transaction.check_signatures(&election.admission).expect("it is signed");
            if let Transaction::Vote { vote, .. } = transaction.transaction() {
                expected[usize::from(vote.choices[0][0])] += 1;
            }
        }
        let bytes = block.body_bytes().len();
        let least = if blocks.peek().is_some() { BLOCK_BYTES_MAX as usize * 9 / 10 } else { 0 };
        assert!(bytes >= least, "{bytes} bytes are no full block");
        let now = block.header.time;
        let hash = chain.insert_header_with_body(block.header, now).expect("a good header");
        chain.insert_body(&hash, block.transactions).expect("a good body");
        chain.accept_signatures(&hash);
        let advance = chain.advance();
        assert!(advance.invalid.is_empty() && advance.change.is_some(), "{advance:?}");
        assert_eq!(chain.tip().hash, hash);
    }
    assert!(chain.tip_header().height.0 > 10, "{:?}", chain.tip_header());
    assert_eq!(chain.registered_voters() as u64, VOTERS);
    assert_eq!(chain.tally().votes, VOTERS);
    assert_eq!(chain.tally().options[0], expected);
    assert!(expected[0] > expected[1] && expected.iter().all(|&votes| votes > 0), "{expected:?}");
}

#[test]
fn a_seed_names_an_election_and_its_blocks() {
    let hashes = |seed, voters| {
        let election = election(seed, BLOCK_BYTES_MAX);
        let blocks = Blocks::new(&election, seed, voters);
        blocks.map(|block| block.header.hash()).collect::<Vec<_>>()
    };
    assert_eq!(hashes(1, 20), hashes(1, 20));
    assert_ne!(hashes(1, 20)[0], hashes(2, 20)[0]);
    assert!(hashes(1, 0).is_empty());
}
