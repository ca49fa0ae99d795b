//! A chain whose bodies are on the disk alone, and one that starts from what the disk remembers: both are the
//! chain that they would be with everything in memory.

use std::collections::BTreeMap;

use proptest::prelude::*;
use protocol::units::Height;

use super::order::{VOTERS, best_by_definition, blocks, replay};
use super::*;

type Disk = BTreeMap<BlockHash, Arc<Block>>;

fn without_memory() -> Chain {
    Chain::new(Arc::new(election()), Rules::ALL, 0)
}

fn stored(block: &Block) -> StoredBlock {
    StoredBlock { header: block.header, summary: BlockEffects::of(block), has_body: true }
}

/// Moves to the best branch, reading from the disk what that takes.
fn advance(chain: &mut Chain, disk: &Disk) {
    loop {
        let advance = chain.advance();
        if advance.wanted.is_empty() {
            return;
        }
        assert!(advance.change.is_none(), "it has to wait");
        advance.wanted.iter().for_each(|hash| chain.load_body(Arc::clone(&disk[hash])));
    }
}

/// Adds blocks in their order, writes each to the disk, and keeps none in memory that it need not.
fn grow(chain: &mut Chain, blocks: &[Block]) -> Disk {
    let mut disk = Disk::new();
    for block in blocks {
        let Ok(hash) = chain.insert_header_with_body(block.header, NOW) else { continue };
        chain.insert_body(&hash, block.transactions.clone()).expect("a matching body");
        chain.accept_signatures(&hash);
        disk.insert(hash, Arc::new(block.clone()));
        advance(chain, &disk);
        chain.mark_stored(&hash);
    }
    disk
}

fn assert_is_replay(chain: &Chain, disk: &Disk) -> Result<(), TestCaseError> {
    let state = replay(chain, |hash| Arc::clone(&disk[hash]));
    prop_assert_eq!(chain.tally(), state.tally());
    prop_assert_eq!(chain.registered_voters(), state.registered_voters());
    prop_assert_eq!(chain.branch.locations(), state.locations());
    for voter in (0..VOTERS).map(|voter| key(voter).public().voter()) {
        prop_assert_eq!(chain.voter(&voter), state.voter(&voter));
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_chain_on_the_disk_is_the_chain_in_memory(
        shape in prop::collection::vec((0usize..30, any::<u8>(), any::<u8>()), 1..30),
        seed in any::<usize>(),
    ) {
        let blocks = blocks(&shape);
        let expected = best_by_definition(&blocks);
        let mut chain = without_memory();
        let disk = grow(&mut chain, &blocks);
        prop_assert_eq!(chain.tip(), expected);
        assert_is_replay(&chain, &disk)?;

        // From the disk, with the tip where it was, and with a tip that was overtaken unnoticed.
        let earlier = blocks[seed % blocks.len()].header.hash();
        for tip in [None, Some(expected.hash), Some(earlier)] {
            let mut restored = without_memory();
            restored.restore(disk.values().map(|block| stored(block)).collect(), tip, NOW);
            assert_is_replay(&restored, &disk)?;
            let is_on_disk = disk.contains_key(&earlier);
            if let Some(tip) = tip.filter(|_| is_on_disk && replays(&disk, earlier)) {
                prop_assert_eq!(restored.tip().hash, tip);
            }
            advance(&mut restored, &disk);
            prop_assert_eq!(restored.tip(), expected);
            prop_assert_eq!(restored.best_header(), expected);
            assert_is_replay(&restored, &disk)?;
        }
    }
}

/// Whether the branch that ends in a block keeps the rules.
fn replays(disk: &Disk, tip: BlockHash) -> bool {
    let mut branch = Vec::new();
    let mut hash = tip;
    while let Some(block) = disk.get(&hash) {
        branch.push(block);
        hash = block.header.previous;
    }
    let mut state = Branch::new(&election(), Rules::ALL);
    let mut upwards = branch.iter().rev();
    upwards.all(|block| state.apply(block.header.height, &BlockEffects::of(block)).is_ok())
}

#[test]
fn a_body_that_the_disk_lost_is_taken_again_and_nothing_else_changes() {
    let genesis = Header::genesis(&election());
    let block = mine(&genesis, &[registration(0), vote(0, vec![vec![1]])], 0);
    let hash = block.header.hash();
    let mut chain = without_memory();
    grow(&mut chain, &[block.clone(), mine(&block.header, &[], 0)]);
    let (tip, tally) = (chain.tip(), chain.tally().clone());
    assert!(chain.is_stored(&hash) && chain.block(&hash).is_none());

    chain.mark_lost(&hash, None);
    assert!(chain.lacks_body(&hash));
    assert_eq!(chain.lost_bodies().collect::<Vec<_>>(), [(Height(1), hash)]);
    let other = chain.insert_body(&hash, vec![registration(0)]);
    assert!(matches!(other, Err(BodyError::MerkleRoot { .. })), "{other:?}");
    chain.insert_body(&hash, block.transactions).expect("the body that it had");
    assert!(!chain.lacks_body(&hash));
    assert_eq!(chain.lost_bodies().count(), 0);
    assert!(chain.block(&hash).is_some());
    assert_eq!((chain.tip(), chain.tally().clone()), (tip, tally));
}

#[test]
fn what_can_not_be_used_is_counted_and_fetched_again() {
    let genesis = Header::genesis(&election());
    let first = mine(&genesis, &[registration(0)], 0);
    let second = mine(&first.header, &[vote(0, vec![vec![1]])], 0);
    let third = mine(&second.header, &[], 0);

    let mut without_a_parent = without_memory();
    let unusable = without_a_parent.restore([&first, &third].map(stored).to_vec(), None, NOW);
    assert_eq!((unusable, without_a_parent.tip().hash), (1, first.header.hash()));

    let mut of_another_ballot = without_memory();
    let mut strange = stored(&second);
    strange.summary.chosen[0].option = 9;
    let blocks = vec![stored(&first), strange, stored(&third)];
    let unusable = of_another_ballot.restore(blocks, Some(third.header.hash()), NOW);
    assert_eq!((unusable, of_another_ballot.tip().hash), (1, first.header.hash()));
    assert!(of_another_ballot.lacks_body(&second.header.hash()));
}
