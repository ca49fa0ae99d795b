//! A chain whose bodies are on the disk alone, and one that starts from what the disk remembers: both are the
//! chain that they would be with everything in memory.

use std::collections::BTreeMap;

use proptest::prelude::*;
use protocol::units::Height;

use super::order::{VOTERS, best_by_definition, blocks, replay};
use super::*;
use crate::fixtures::{admission, admitted_vote, election_by_registrars};

pub(super) type Disk = BTreeMap<BlockHash, Arc<Block>>;

pub(super) fn without_memory() -> Chain {
    Chain::new(Arc::new(election()), Rules::ALL, 0)
}

pub(super) fn stored(block: &Block) -> StoredBlock {
    StoredBlock { header: block.header, summary: BlockEffects::of(block), has_body: true }
}

/// Moves to the best branch, reading from the disk what that takes.
pub(super) fn advance(chain: &mut Chain, disk: &Disk) {
    loop {
        let before = chain.tip();
        let advance = chain.advance();
        assert!(advance.change.is_none() || chain.tip() > before, "it moved to a worse branch");
        if advance.wanted.is_empty() {
            return;
        }
        assert!(
            chain.candidates.iter().all(|waiting| *waiting > chain.tip()),
            "what is read is better"
        );
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
        chain.check_invariants();
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
    upwards.all(|block| {
        state.apply(block.header.height, Period::ALWAYS, &BlockEffects::of(block)).is_ok()
    })
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

    // Two options, one question and no registrar are on the ballot.
    let strange: [fn(&mut BlockEffects); 4] = [
        |summary| summary.chosen[0].option = 2,
        |summary| summary.chosen[0].question = 1,
        |summary| summary.blank.push(BlankVotes { question: 1, votes: 1 }),
        |summary| {
            let signed = RegistrarSignings { registrar: 0, admissions: 1, withdrawals: 0 };
            summary.signed.push(signed);
        },
    ];
    for change in strange {
        let mut of_another_ballot = without_memory();
        let mut strange = stored(&second);
        change(&mut strange.summary);
        let blocks = vec![stored(&first), strange, stored(&third)];
        let unusable = of_another_ballot.restore(blocks, Some(third.header.hash()), NOW);
        assert_eq!((unusable, of_another_ballot.tip().hash), (1, first.header.hash()));
        assert!(of_another_ballot.lacks_body(&second.header.hash()));
    }

    // A summary may name whatever its ballot has, to the last of each.
    let election = Arc::new(election_by_registrars());
    let genesis = Header::genesis(&election);
    let first = mine(&genesis, &[admission(0), admission(1)], 0);
    let blank = [admitted_vote(0, vec![vec![1]]), admitted_vote(1, vec![vec![]])];
    let second = mine(&first.header, &blank, 0);
    let twice = mine(&second.header, &[admission(0)], 0);
    let restored = |blocks: &[&Block]| {
        let mut chain = Chain::new(Arc::clone(&election), Rules::ALL, 0);
        let blocks = blocks.iter().map(|block| stored(block)).collect();
        (chain.restore(blocks, None, NOW), chain.tip().hash)
    };
    assert_eq!(restored(&[&first, &second]), (0, second.header.hash()));
    assert_eq!(restored(&[&first, &second, &twice]), (1, second.header.hash()));
}

#[test]
fn the_way_to_a_header_begins_where_it_leaves_the_best_chain() {
    let genesis = Header::genesis(&election());
    let first = mine(&genesis, &[], 0);
    let second = mine(&first.header, &[], 0);
    let blocks: Vec<_> = [&first, &second].into_iter().cloned().collect();
    let third = mine(&second.header, &[registration(1)], 0);
    let fourth = mine(&third.header, &[registration(2)], 0);
    let mut chain = beside_a_lost_body(&blocks, &third);
    let end = chain.insert_header(fourth.header, NOW).expect("it keeps the rules");
    let hashes = [&third, &fourth].map(|block| block.header.hash());
    let way = [(Height(3), hashes[0]), (Height(4), hashes[1])];
    assert_eq!(chain.way_from_best_chain(end), way);
    assert_eq!(chain.way_from_best_chain(second.header.hash()), []);
}

/// A chain on `own`, whose disk has `lost` without its body, beside what is added to it later.
fn beside_a_lost_body(own: &[Block], lost: &Block) -> Chain {
    let mut chain = without_memory();
    let tip = own.last().expect("a block").header.hash();
    let blocks = own.iter().map(stored);
    let lost = StoredBlock { has_body: false, ..stored(lost) };
    chain.restore(blocks.chain([lost]).collect(), Some(tip), NOW);
    chain
}

fn disk_of(blocks: &[&Block]) -> Disk {
    blocks.iter().map(|block| (block.header.hash(), Arc::new((*block).clone()))).collect()
}

/// The next best branch is followed meanwhile, and the best one once its body has come back.
#[test]
fn a_lost_body_keeps_the_chain_from_its_own_branch_alone() {
    let genesis = Header::genesis(&election());
    let own = mine(&genesis, &[], 0);
    let lost = mine(&genesis, &[registration(1)], 0);
    let (lost_2, other) = (mine(&lost.header, &[], 0), mine(&genesis, &[registration(2)], 0));
    let lost_3 = mine(&lost_2.header, &[], 0);
    let (other_2, worse) = (mine(&other.header, &[], 0), mine(&own.header, &[], 0));
    let best = [&other_2, &worse].into_iter().min_by_key(|block| block.header.hash());
    let mut chain = beside_a_lost_body(std::slice::from_ref(&own), &lost);
    for block in [&lost_2, &lost_3, &other, &other_2, &worse] {
        add(&mut chain, block).expect("good");
    }
    let disk = disk_of(&[&own]);
    advance(&mut chain, &disk);
    assert_eq!(
        chain.tip().hash,
        best.expect("two").header.hash(),
        "two blocks of work that are all here"
    );
    assert_eq!(chain.best_header().hash, lost_3.header.hash(), "it is still what others have");
    advance(&mut chain, &disk);
    assert_eq!(chain.tip_header().height, Height(2), "nothing changes without the body");

    chain
        .insert_body(&lost.header.hash(), lost.transactions.clone())
        .expect("the body that it had");
    advance(&mut chain, &disk);
    assert_eq!(chain.tip().hash, lost_3.header.hash());
    let disk = disk_of(&[&own, &lost, &lost_2, &lost_3, &other, &other_2, &worse]);
    assert_is_replay(&chain, &disk).expect("the state of the best branch");
}

/// What lies below the lost body may be better than the chain by itself.
#[test]
fn a_branch_is_followed_up_to_its_lost_body() {
    let genesis = Header::genesis(&election());
    let own = mine(&genesis, &[], 0);
    let first = mine(&genesis, &[registration(1)], 0);
    let second = mine(&first.header, &[], 0);
    let third = mine(&second.header, &[registration(2)], 0);
    let fourth = mine(&third.header, &[], 0);
    let mut chain = without_memory();
    let lost = StoredBlock { has_body: false, ..stored(&third) };
    let blocks = vec![stored(&own), stored(&first), stored(&second), lost, stored(&fourth)];
    chain.restore(blocks, Some(own.header.hash()), NOW);
    let disk = disk_of(&[&own, &first, &second, &fourth]);
    advance(&mut chain, &disk);
    assert_eq!(chain.tip().hash, second.header.hash());
    chain
        .insert_body(&third.header.hash(), third.transactions.clone())
        .expect("the body that it had");
    advance(&mut chain, &disk);
    assert_eq!(chain.tip().hash, fourth.header.hash());
}

/// A move that would leave a block whose body is lost waits, and one that keeps the block does not.
#[test]
fn a_lost_body_of_the_own_branch_holds_up_no_move_that_keeps_it() {
    let genesis = Header::genesis(&election());
    let own = mine(&genesis, &[registration(1)], 0);
    let rival = mine(&genesis, &[], 0);
    let rival_2 = mine(&rival.header, &[], 0);
    let rival_3 = mine(&rival_2.header, &[], 0);
    let next = mine(&own.header, &[], 0);
    let mut chain = without_memory();
    let lost = StoredBlock { has_body: false, ..stored(&own) };
    chain.restore(vec![lost], Some(own.header.hash()), NOW);
    for block in [&rival, &rival_2, &rival_3, &next] {
        add(&mut chain, block).expect("good");
    }
    let moved = chain.advance();
    assert!(moved.awaits_lost.is_some(), "the better branch waits");
    assert_eq!(chain.tip().hash, next.header.hash());
    let moved = chain.advance();
    assert!(moved.awaits_lost.is_some() && moved.change.is_none(), "it still waits");
    let moved = chain.advance_without_lost(own.header.height);
    assert_eq!(moved.change.map(|change| change.disconnected_lost), Some(1));
    assert_eq!(chain.tip().hash, rival_3.header.hash());
}

/// A branch that breaks a rule may end in a block that waits for a lost body.
#[test]
fn a_branch_that_waits_and_turns_out_to_be_invalid_is_forgotten() {
    let genesis = Header::genesis(&election());
    let own = mine(&genesis, &[], 0);
    let bad = mine(&genesis, &[vote(1, vec![vec![0]])], 0);
    let lost = mine(&bad.header, &[registration(2)], 0);
    let end = mine(&lost.header, &[], 0);
    let mut chain = without_memory();
    let gone = StoredBlock { has_body: false, ..stored(&lost) };
    let blocks = vec![stored(&own), stored(&bad), gone, stored(&end)];
    chain.restore(blocks, Some(own.header.hash()), NOW);
    let disk = disk_of(&[&own, &bad, &end]);
    let beside = mine(&own.header, &[], 0);
    add(&mut chain, &beside).expect("good");
    advance(&mut chain, &disk);
    assert_eq!(chain.tip().hash, beside.header.hash());
    assert_eq!(chain.candidates.len(), 1, "the branch with the lost body waits");
    chain
        .insert_body(&lost.header.hash(), lost.transactions.clone())
        .expect("the body that it had");
    advance(&mut chain, &disk);
    assert_eq!(chain.tip().hash, beside.header.hash());
    assert!(chain.is_invalid(&end.header.hash()) && chain.candidates.is_empty());
}

/// Several branches may wait for the same lost body, and the best of them may break a rule above it.
#[test]
fn all_branches_that_wait_for_a_lost_body_get_their_turn() {
    let genesis = Header::genesis(&election());
    let own = mine(&genesis, &[], 0);
    let lost = mine(&genesis, &[registration(2)], 0);
    let bad = mine(&lost.header, &[vote(1, vec![vec![0]])], 0);
    let bad_end = mine(&mine(&bad.header, &[], 0).header, &[], 0);
    let bad_middle = mine(&bad.header, &[], 0);
    let good = mine(&lost.header, &[registration(3)], 0);
    let good_end = mine(&good.header, &[], 0);
    let mut chain = without_memory();
    let gone = StoredBlock { has_body: false, ..stored(&lost) };
    let others = [&own, &bad, &bad_middle, &bad_end, &good, &good_end];
    let blocks = others.map(stored).into_iter().chain([gone]).collect();
    chain.restore(blocks, Some(own.header.hash()), NOW);
    let disk = disk_of(&others);
    advance(&mut chain, &disk);
    assert_eq!(chain.tip().hash, own.header.hash(), "both branches wait");
    chain
        .insert_body(&lost.header.hash(), lost.transactions.clone())
        .expect("the body that it had");
    advance(&mut chain, &disk);
    assert!(chain.is_invalid(&bad_end.header.hash()));
    assert_eq!(chain.tip().hash, good_end.header.hash(), "the worse one had its turn");
}

#[test]
fn bodies_stay_in_memory_up_to_a_number_of_bytes() {
    let genesis = Header::genesis(&election());
    let mut parent = genesis;
    let blocks: Vec<_> = (0..5)
        .map(|voter| {
            let block = mine(&parent, &[registration(voter)], 0);
            parent = block.header;
            block
        })
        .collect();
    let bytes = protocol::block::HEADER_BYTES + blocks[0].transactions[0].bytes();
    for (resident_bytes_max, kept) in
        [(5 * bytes, 5), (5 * bytes - 1, 4), (2 * bytes, 2), (2 * bytes - 1, 1), (0, 1)]
    {
        let mut chain = Chain::new(Arc::new(election()), Rules::ALL, resident_bytes_max);
        for block in &blocks {
            let hash = add(&mut chain, block).expect("a good block");
            chain.advance();
            chain.mark_stored(&hash);
        }
        let here: Vec<_> =
            blocks.iter().map(|block| chain.block(&block.header.hash()).is_some()).collect();
        let oldest_gone: Vec<_> = (0..5).map(|place| place >= 5 - kept).collect();
        assert_eq!(here, oldest_gone, "{resident_bytes_max}");
    }
}

/// A body that was lost with what it did can't be undone, whatever is given up.
#[test]
fn a_move_away_from_what_nobody_knows_waits_for_good() {
    let genesis = Header::genesis(&election());
    let own = mine(&genesis, &[registration(1)], 0);
    let rival = mine(&genesis, &[], 0);
    let better = mine(&rival.header, &[], 0);
    let having_lost = |summary: Option<BlockEffects>| {
        let mut chain = without_memory();
        chain.restore(vec![stored(&own)], Some(own.header.hash()), NOW);
        chain.mark_lost(&own.header.hash(), summary);
        for block in [&rival, &better] {
            add(&mut chain, block).expect("good");
        }
        chain
    };
    let mut chain = having_lost(None);
    let moved = chain.advance_without_lost(Height(0));
    assert_eq!((moved.awaits_lost, moved.change.is_none()), (Some(Height(1)), true));
    // With what it did, the same move is made once it is given up, and not before.
    let mut chain = having_lost(Some(BlockEffects::of(&own)));
    assert!(chain.advance().change.is_none());
    assert!(chain.advance_without_lost(Height(2)).change.is_none(), "it lies below");
    assert!(chain.advance_without_lost(Height(1)).change.is_some());
    assert_eq!(chain.tip().hash, better.header.hash());
}

#[test]
fn what_the_disk_lost_of_the_best_chain_is_named_from_a_height_on() {
    let genesis = Header::genesis(&election());
    let own = mine(&genesis, &[registration(1)], 0);
    let next = mine(&own.header, &[registration(2)], 0);
    let rival = mine(&genesis, &[registration(3)], 1);
    let mut chain = without_memory();
    let lost = |block: &Block| StoredBlock { has_body: false, ..stored(block) };
    let blocks = vec![lost(&own), lost(&next), lost(&rival)];
    chain.restore(blocks, Some(next.header.hash()), NOW);
    let from = |height| chain.lost_on_best_chain(Height(height)).collect::<Vec<_>>();
    let all = [(Height(1), own.header.hash()), (Height(2), next.header.hash())];
    assert_eq!(from(0), all);
    assert_eq!(from(1), all);
    assert_eq!(from(2), all[1..]);
    assert_eq!(from(3), []);
}
