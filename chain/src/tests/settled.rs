//! What is final and justified decides which branch is followed, in whatever order it becomes known, and what is final
//! once stays so.

use std::collections::BTreeMap;

use proptest::prelude::*;
use protocol::finality::BlockReference;

use super::disk::{Disk, advance, stored, without_memory};
use super::order::{blocks, replay};
use super::*;

pub(super) fn reference(block: &Block) -> BlockReference {
    BlockReference { height: block.header.height, hash: block.header.hash() }
}

/// A branch of empty blocks on `parent`.
fn branch(parent: &Header, length: usize, salt: u64) -> Vec<Block> {
    let next = |parent: &Block| Some(mine(&parent.header, &[], salt));
    std::iter::successors(Some(mine(parent, &[], salt)), next).take(length).collect()
}

fn add_all(chain: &mut Chain, blocks: &[Block]) {
    for block in blocks {
        add(chain, block).expect("it keeps the rules");
        chain.advance();
        chain.check_invariants();
    }
}

/// Blocks by their hashes, and what can be said of their branches by looking at nothing else.
struct World(BTreeMap<BlockHash, Block>);

impl World {
    fn new(blocks: &[Block]) -> Self {
        Self(blocks.iter().map(|block| (block.header.hash(), block.clone())).collect())
    }

    /// The block and its ancestors above the genesis block, upwards.
    fn line(&self, hash: BlockHash) -> Vec<&Block> {
        let parent = |block: &&Block| self.0.get(&block.header.previous);
        let mut line: Vec<_> = std::iter::successors(self.0.get(&hash), parent).collect();
        line.reverse();
        line
    }

    fn keeps_the_rules(&self, hash: BlockHash) -> bool {
        let mut state = Branch::new(&election(), Rules::ALL);
        let mut line = self.line(hash).into_iter();
        line.all(|block| {
            state.apply(block.header.height, Period::ALWAYS, &BlockEffects::of(block)).is_ok()
        })
    }

    fn holds(&self, hash: BlockHash, ancestor: &BlockReference) -> bool {
        ancestor.height == Height(0)
            || self.line(hash).iter().any(|block| block.header.hash() == ancestor.hash)
    }

    /// Blocks that a quorum of honest validators may make final or justified: one branch of final ones, and at most one
    /// justified block of each height, which does not conflict with a final block below it.
    fn settled(&self, seed: u64) -> (Vec<BlockReference>, Vec<BlockReference>) {
        let valid: Vec<_> = self.0.keys().filter(|hash| self.keeps_the_rules(**hash)).collect();
        let Some(end) = valid.get((seed % 31) as usize % valid.len().max(1)) else {
            return (vec![], vec![]);
        };
        let line: Vec<_> = self.line(**end).into_iter().map(reference).collect();
        let finals: Vec<_> =
            line.into_iter().filter(|block| (seed >> (block.height.0 % 16)) & 1 == 1).collect();
        let mut justified = BTreeMap::new();
        for (place, hash) in valid.into_iter().enumerate() {
            let block = reference(&self.0[hash]);
            let mut below = finals.iter().filter(|each| each.height <= block.height);
            let is_chosen = (seed >> (16 + place % 32)) & 1 == 1;
            if is_chosen && below.next_back().is_none_or(|below| self.holds(*hash, below)) {
                justified.entry(block.height).or_insert(block);
            }
        }
        (finals, justified.into_values().collect())
    }

    /// The tip that all peers have in the end, by definition.
    fn best(&self, finals: &[BlockReference], justified: &[BlockReference]) -> BlockHash {
        let genesis = Header::genesis(&election()).hash();
        let root = BlockReference { height: Height(0), hash: genesis };
        let last = *finals.last().unwrap_or(&root);
        let to_final = |each: &&BlockReference| each.height > last.height;
        let highest = *justified.iter().rfind(to_final).unwrap_or(&last);
        let hashes = self.0.keys().copied().filter(|hash| self.keeps_the_rules(*hash));
        let rank = |hash: &BlockHash| {
            let line = self.line(*hash);
            let work = line.iter().fold(Work(0), |work, each| work.plus(each.header.difficulty));
            let settled = (self.holds(*hash, &last), self.holds(*hash, &highest));
            (settled, work, std::cmp::Reverse(*hash))
        };
        hashes.chain([genesis]).max_by_key(rank).expect("the genesis block is there")
    }
}

#[derive(Debug, Clone)]
enum News {
    Header(Block),
    Body(Block),
    Final(BlockReference),
    Justified(BlockReference),
}

/// Tells a chain all news in this order; what can't be used yet is told again, as a peer does. Everything is written to
/// the disk, of which the chain keeps in memory what it may.
fn tell(chain: &mut Chain, mut news: Vec<News>) -> Disk {
    let mut disk = Disk::new();
    let mut final_height = Height(0);
    let mut before = usize::MAX;
    while news.len() < before {
        before = news.len();
        news.retain(|each| !take(chain, &mut disk, each));
        assert!(chain.final_block().height >= final_height);
        final_height = chain.final_block().height;
    }
    disk
}

/// The count up to the final block, or as far as the best chain leads there.
fn counted_again(chain: &Chain, disk: &Disk) -> Tally {
    let mut state = Branch::new(&election(), Rules::ALL);
    let last = chain.final_block();
    for (height, hash) in (1..).map(Height).zip(&chain.best[1..]) {
        if chain.descends_from(&last.hash, hash) {
            state.apply(height, Period::ALWAYS, &BlockEffects::of(&disk[hash])).expect("valid");
        }
    }
    assert_eq!(chain.final_counts(), (state.registrations() as u64, state.tally().votes));
    state.tally().clone()
}

/// Whether the news could be used. A justified block whose header is unknown is told again.
fn take(chain: &mut Chain, disk: &mut Disk, news: &News) -> bool {
    let before = chain.final_block();
    let is_used = match news {
        News::Header(block) => match chain.insert_header(block.header, NOW) {
            Ok(_) | Err(HeaderError::InvalidParent { .. }) => true,
            Err(_) => false,
        },
        News::Body(block) => {
            let hash = block.header.hash();
            let inserted = chain.insert_body(&hash, block.transactions.clone());
            if inserted.is_ok() {
                disk.insert(hash, Arc::new(block.clone()));
                chain.accept_signatures(&hash);
                advance(chain, disk);
                chain.mark_stored(&hash);
            }
            !matches!(inserted, Err(BodyError::UnknownHeader { .. })) || chain.is_invalid(&hash)
        }
        News::Final(block) => chain.set_final(*block).is_ok(),
        News::Justified(block) => {
            chain.set_justified(*block);
            chain.header(&block.hash).is_some()
        }
    };
    chain.check_invariants();
    advance(chain, disk);
    chain.check_invariants();
    let last = chain.final_block();
    assert!(chain.descends_from(&last.hash, &before.hash), "what is final stays so");
    assert!(chain.holds_final() || !chain.is_complete(&last.hash), "off the final block");
    assert!(
        chain.holds_final() || chain.descends_from(&last.hash, &chain.tip().hash),
        "the best chain conflicts with the final block"
    );
    assert_eq!(chain.final_tally(), Some(&counted_again(chain, disk)));
    is_used
}

proptest! {
    #[test]
    fn what_is_told_in_any_order_ends_in_the_same_tip(
        shape in prop::collection::vec((0usize..30, any::<u8>(), any::<u8>()), 1..25),
        seeds in any::<(u64, u64)>(),
        on_disk in any::<bool>(),
    ) {
        let blocks = blocks(&shape);
        let world = World::new(&blocks);
        let (finals, justified) = world.settled(seeds.0);
        let mut news: Vec<_> = blocks.iter().cloned().map(News::Header).collect();
        news.extend(blocks.iter().cloned().map(News::Body));
        news.extend(finals.iter().copied().map(News::Final));
        news.extend(justified.iter().copied().map(News::Justified));
        let mut order: Vec<_> = (0..news.len() as u64).collect();
        order.sort_by_key(|place| (place + 1).wrapping_mul(seeds.1 | 1));
        let news = order.into_iter().map(|place| news[place as usize].clone()).collect();
        let mut chain = if on_disk { without_memory() } else { chain() };
        let disk = tell(&mut chain, news);
        let expected = world.best(&finals, &justified);
        prop_assert_eq!(chain.tip().hash, expected);
        prop_assert_eq!(chain.best_header().hash, expected);
        let state = replay(&chain, |hash| Arc::clone(&disk[hash]));
        prop_assert_eq!(chain.tally(), state.tally());

        let mut restored = without_memory();
        let tip = Some(chain.tip().hash);
        restored.restore(disk.values().map(|block| stored(block)).collect(), tip, NOW);
        if let Some(last) = finals.last() {
            restored.set_final(*last).expect("nothing else is final");
        }
        advance(&mut restored, &disk);
        restored.check_invariants();
        prop_assert_eq!(restored.final_tally(), Some(&counted_again(&restored, &disk)));
        prop_assert_eq!(restored.final_tally(), chain.final_tally());
    }
}

#[test]
fn a_final_block_outweighs_any_branch_and_is_never_given_up() {
    let genesis = Header::genesis(&election());
    let ours = branch(&genesis, 2, 1);
    let heavy = branch(&genesis, 30, 2);
    let mut chain = chain();
    assert_eq!(
        (chain.final_block().hash, chain.justified_block().height),
        (genesis.hash(), Height(0))
    );
    add_all(&mut chain, &heavy);
    add_all(&mut chain, &ours[..1]);
    assert_eq!(chain.tip().hash, heavy[29].header.hash());

    chain.set_final(reference(&ours[0])).expect("nothing else is final");
    assert!(!chain.holds_final());
    let change = chain.advance().change.expect("it moves to the lighter branch");
    assert_eq!((change.disconnected.len(), change.connected.len()), (30, 1));
    assert_eq!(chain.tip().hash, ours[0].header.hash());
    assert_eq!(chain.justified_block(), reference(&ours[0]), "what is final is justified");
    add_all(&mut chain, &branch(&heavy[29].header, 10, 3));
    add_all(&mut chain, &ours[1..]);
    assert_eq!(chain.tip().hash, ours[1].header.hash());

    let found = reference(&heavy[9]);
    let conflict = FinalError::Conflicting { known: reference(&ours[0]), found };
    assert_eq!(chain.set_final(found), Err(conflict));
    let unknown = BlockReference { height: Height(2), ..reference(&ours[0]) };
    let refused = chain.set_final(unknown);
    assert_eq!(refused, Err(FinalError::UnknownHeader { block: unknown }));
    chain.set_final(reference(&ours[1])).expect("it descends from the one before");
    chain.set_final(reference(&ours[0])).expect("it is final already");
    assert_eq!(chain.final_block(), reference(&ours[1]));
    assert!(!chain.set_justified(reference(&heavy[20])), "it conflicts with the final block");
    chain.check_invariants();
}

#[test]
fn while_bodies_are_missing_nothing_is_followed_that_conflicts_with_the_final_block() {
    let genesis = Header::genesis(&election());
    let common = branch(&genesis, 1, 0);
    let ours = branch(&common[0].header, 3, 1);
    let heavy = branch(&common[0].header, 9, 2);
    let mut chain = chain();
    add_all(&mut chain, &common);
    add_all(&mut chain, &heavy);
    for block in &ours {
        chain.insert_header(block.header, NOW).expect("it keeps the rules");
    }
    assert_eq!(chain.best_header(), chain.tip());
    chain.set_final(reference(&ours[1])).expect("nothing else is final");
    assert_eq!(chain.best_header().hash, ours[2].header.hash(), "this is what to fetch");
    let change = chain.advance().change.expect("the final block is elsewhere");
    assert_eq!((change.disconnected.len(), change.connected.len()), (9, 0));
    assert_eq!(chain.tip().hash, common[0].header.hash());
    let unknown = BlockHash([1; 32]);
    let standing = |chain: &Chain, hash| chain.claimed(Work(1_000), hash).standing;
    assert_eq!(standing(&chain, heavy[8].header.hash()), Standing::Conflicts);
    assert_eq!(standing(&chain, common[0].header.hash()), Standing::Below);
    assert_eq!(standing(&chain, unknown), chain.best_header().standing);
    assert!(chain.claimed(Work(1_000), unknown) > chain.best_header());

    // A body that nobody has is not waited for, and still nothing that conflicts is the goal.
    chain.set_withheld(&ours[1].header.hash(), true);
    assert_eq!(chain.best_header().hash, ours[0].header.hash());
    chain.set_withheld(&ours[1].header.hash(), false);
    add_all(&mut chain, &branch(&common[0].header, 1, 3));
    assert_eq!(chain.tip().hash, common[0].header.hash());
    for (block, holds) in ours.iter().zip([false, true, true]) {
        add_all(&mut chain, std::slice::from_ref(block));
        assert_eq!(chain.tip().hash, block.header.hash());
        assert_eq!(chain.holds_final(), holds);
    }
}

#[test]
fn the_highest_justified_block_outweighs_work_but_waits_for_nobody() {
    let genesis = Header::genesis(&election());
    let light = branch(&genesis, 2, 1);
    let heavy = branch(&genesis, 6, 2);
    let mut chain = chain();
    add_all(&mut chain, &heavy);
    for block in &light {
        chain.insert_header(block.header, NOW).expect("it keeps the rules");
    }
    assert!(!chain.set_justified(BlockReference { height: Height(9), hash: BlockHash([9; 32]) }));
    assert!(chain.set_justified(reference(&light[1])));
    assert!(!chain.set_justified(reference(&heavy[1])), "the first of a height is kept");
    assert_eq!(chain.best_header().hash, light[1].header.hash());
    assert!(chain.advance().change.is_none(), "the bodies are missing");
    chain.set_withheld(&light[0].header.hash(), true);
    assert_eq!(chain.best_header(), chain.tip(), "nobody has them");
    add_all(&mut chain, &light);
    assert_eq!(chain.tip().hash, light[1].header.hash(), "it is the lighter branch");
    assert!(chain.set_justified(reference(&heavy[3])));
    chain.advance();
    assert_eq!(chain.tip().hash, heavy[5].header.hash());
    chain.set_final(reference(&light[0])).expect("nothing else is final");
    chain.advance();
    assert_eq!(chain.justified_block(), reference(&light[0]), "the other one conflicts");
    assert_eq!(chain.tip().hash, light[1].header.hash());
    chain.check_invariants();
}

#[test]
fn a_test_can_switch_off_what_is_final() {
    let genesis = Header::genesis(&election());
    let (light, heavy) = (branch(&genesis, 1, 1), branch(&genesis, 3, 2));
    let rules = Rules::without(Rule::FinalBlock);
    let mut chain = Chain::new(Arc::new(election()), rules, usize::MAX);
    add_all(&mut chain, &light);
    chain.set_final(reference(&light[0])).expect("nothing else is final");
    add_all(&mut chain, &heavy);
    assert_eq!(chain.tip().hash, heavy[2].header.hash());
    assert_eq!(chain.best_header(), chain.tip());
}

#[test]
fn headers_of_the_settled_branch_are_never_pruned() {
    let genesis = Header::genesis(&election());
    let light = branch(&genesis, 3, 1);
    let heavy = branch(&genesis, 6, 2);
    let mut chain = chain().with_headers_max(20);
    for block in light.iter().chain(&heavy) {
        chain.insert_header(block.header, NOW).expect("it keeps the rules");
    }
    chain.set_final(reference(&light[0])).expect("nothing else is final");
    chain.set_justified(reference(&light[2]));
    chain.set_withheld(&light[0].header.hash(), true);
    for salt in 3..60 {
        let stranger = mine(&genesis, &[], salt).header;
        chain.insert_header(stranger, NOW).expect("there is room again and again");
    }
    chain.check_invariants();
    assert!(light.iter().all(|block| chain.header(&block.header.hash()).is_some()));
    assert!(chain.header(&heavy[5].header.hash()).is_none());
}

#[test]
fn ancestors_are_found_on_every_branch() {
    let genesis = Header::genesis(&election());
    let (best, other) = (branch(&genesis, 5, 1), branch(&genesis, 4, 2));
    let mut chain = chain();
    add_all(&mut chain, &best);
    add_all(&mut chain, &other);
    for line in [&best, &other] {
        for (place, block) in line.iter().enumerate() {
            let hash = block.header.hash();
            let end = line.last().expect("not empty").header.hash();
            assert_eq!(chain.ancestor_at(&end, Height(place as u64 + 1)), Some(hash));
            assert!(chain.descends_from(&end, &hash) && chain.descends_from(&hash, &hash));
            assert!(chain.descends_from(&hash, &genesis.hash()));
            assert_eq!(chain.descends_from(&hash, &end), hash == end);
        }
    }
    let [best, other] = [&best[4], &other[3]].map(|block| block.header.hash());
    assert!(!chain.descends_from(&best, &other) && !chain.descends_from(&other, &best));
    assert_eq!(chain.ancestor_at(&best, Height(6)), None);
    let unknown = BlockHash([1; 32]);
    assert_eq!(chain.ancestor_at(&unknown, Height(0)), None);
    assert!(!chain.descends_from(&best, &unknown));
}
