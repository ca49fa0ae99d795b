//! What is on the disk alone: read for whoever needs it, fetched again when it is lost, and a start that goes
//! on exactly where the disk says that the chain was.

use std::time::Duration;

use protocol::block;
use protocol::datagram::{AnnouncedBody, ChainRequest, Datagram, Envelope};
use protocol::units::Height;

use super::*;
use crate::{BlockSelector, Standing, TransactionAnswer};
use chain::fixtures::vote;

fn mined(parent: &Header, transactions: Vec<Arc<HashedTransaction>>, salt: u64) -> Arc<Block> {
    let header = mined_header(parent, block::merkle_root(&transactions), salt);
    Arc::new(Block { header, transactions })
}

fn stored(block: &Arc<Block>) -> StoredBlock {
    StoredBlock { header: block.header, summary: BlockEffects::of(block), has_body: true }
}

/// A crash between the writing of a better branch and the move to it: what only the shorter one holds is in no
/// row of the pool any more, and goes back there by the move, which is made up for.
#[test]
fn a_move_to_a_better_branch_that_a_crash_cut_short_loses_no_vote() {
    let mut network = Network::new();
    let genesis = Header::genesis(&network.election);
    let voted = mined(&genesis, vec![registration(1), vote(1, vec![vec![0]])], 0);
    let rival = mined(&genesis, vec![registration(2)], 1);
    let better = mined(&rival.header, vec![], 0);
    let blocks = [&voted, &rival, &better];
    let disk = blocks.map(|block| (block.header.hash(), Arc::clone(block)));
    network.disks.insert(address(1), disk.into());
    let restored = Restored {
        blocks: blocks.map(stored).to_vec(),
        tip: Some(voted.header.hash()),
        ..Restored::default()
    };
    network.add(1, restored);
    assert!(network.node(1).tip().height >= Height(2));
    let voter = key(1).public().voter();
    let standing = |network: &mut Network| match network.command(1, Command::Voter(voter)) {
        Ok(Answer::Voter(view)) => view.vote.map(|vote| vote.standing),
        other => panic!("{other:?}"),
    };
    assert!(matches!(standing(&mut network), Some(Standing::Pool { .. })));
    network.run(Duration::from_secs(5));
    assert!(matches!(standing(&mut network), Some(Standing::Block { .. })));
}

/// A node alone whose disk has a better branch and refuses its own block; and the end of that branch.
fn refused_a_move(own: &Arc<Block>) -> (Network, BlockHash) {
    let mut network = Network::new();
    let genesis = Header::genesis(&network.election);
    let rival = mined(&genesis, vec![], 1);
    let better = mined(&rival.header, vec![], 0);
    let blocks = [own, &rival, &better];
    let disk = blocks.map(|block| (block.header.hash(), Arc::clone(block)));
    network.disks.insert(address(1), disk.into());
    let refused = LoadFailure::Refused { reason: "input/output error".into() };
    network.load_failures.insert(own.header.hash(), refused);
    let tip = Some(own.header.hash());
    let blocks = blocks.map(stored).to_vec();
    network.add(1, Restored { blocks, tip, ..Restored::default() });
    network.run(Duration::from_secs(5));
    assert_eq!(network.node(1).tip().hash, own.header.hash());
    (network, better.header.hash())
}

/// No block comes that would have it tried again, as while nobody has anything to mine.
#[test]
fn a_move_that_the_disk_refused_is_made_once_it_reads_again() {
    let own = mined(&Header::genesis(&election()), vec![], 0);
    let (mut network, better) = refused_a_move(&own);
    network.load_failures.clear();
    network.run(Duration::from_secs(2));
    assert_eq!(network.node(1).tip().hash, better);
}

/// The body that is lost may be the last one that the move waits for.
#[test]
fn a_move_that_the_disk_refused_is_made_although_it_turns_out_to_have_lost_a_body() {
    let own = mined(&Header::genesis(&election()), vec![], 0);
    let (mut network, better) = refused_a_move(&own);
    let summary = Some(Box::new(BlockEffects::of(&own)));
    let lost = LoadFailure::Lost { reason: "its checksum does not match".into(), summary };
    network.load_failures.insert(own.header.hash(), lost);
    network.run(Duration::from_secs(20));
    assert_eq!(network.node(1).tip().hash, better);
}

/// The disk turns out to have lost a body of the best branch while the chain moves there.
#[test]
fn a_lost_body_of_a_better_branch_does_not_keep_from_the_next_best() {
    let mut network = Network::new();
    let genesis = Header::genesis(&network.election);
    let own = mined(&genesis, vec![], 0);
    let branch = |salt: u64, length: usize| {
        let mut blocks = vec![mined(&genesis, vec![], salt)];
        while blocks.len() < length {
            let parent = blocks.last().expect("one").header;
            blocks.push(mined(&parent, vec![], 0));
        }
        blocks
    };
    let (best, next_best) = (branch(1, 4), branch(2, 3));
    let blocks: Vec<_> = [&own].into_iter().chain(&best).chain(&next_best).collect();
    let disk = blocks.iter().map(|block| (block.header.hash(), Arc::clone(block)));
    network.disks.insert(address(1), disk.collect());
    let lost = LoadFailure::Lost { reason: "its checksum does not match".into(), summary: None };
    network.load_failures.insert(best[0].header.hash(), lost);
    let tip = Some(own.header.hash());
    let blocks = blocks.into_iter().map(stored).collect();
    network.add(1, Restored { blocks, tip, ..Restored::default() });
    assert_eq!(network.node(1).tip().hash, next_best[2].header.hash());
}

/// As long as the disk refuses to read the best branch, the node follows the others: that of its tip, and the next best
/// one that the disk has.
#[test]
fn a_body_that_the_disk_refuses_holds_up_its_own_branch_alone() {
    let mut network = Network::new();
    let own = mined(&Header::genesis(&network.election), vec![], 0);
    let branch = |salt: u64, length: usize| {
        let mut blocks = vec![mined(&own.header, vec![], salt)];
        while blocks.len() < length {
            let parent = blocks.last().expect("one").header;
            blocks.push(mined(&parent, vec![], 0));
        }
        blocks
    };
    let (best, second, next) = (branch(1, 5), branch(2, 3), branch(3, 2));
    let blocks: Vec<_> = [&own].into_iter().chain(&best).chain(&second).collect();
    let disk = blocks.iter().map(|block| (block.header.hash(), Arc::clone(block)));
    network.disks.insert(address(1), disk.collect());
    for block in best.iter().chain(&second) {
        let refused = LoadFailure::Refused { reason: "input/output error".into() };
        network.load_failures.insert(block.header.hash(), refused);
    }
    let blocks = blocks.into_iter().map(stored).collect();
    network.add(1, Restored { blocks, tip: Some(own.header.hash()), ..Restored::default() });
    assert_eq!(network.node(1).tip().hash, own.header.hash());
    for block in &next {
        let now = network.time();
        let node = network.nodes.get_mut(&address(1)).expect("a node");
        let body = AnnouncedBody::Transactions(vec![]);
        node.handle_new_block(address(2), block.header, body, now);
        network.drain(address(1));
        assert_eq!(network.node(1).tip().hash, block.header.hash());
    }
    for branch in [&second, &best] {
        branch.iter().for_each(|block| drop(network.load_failures.remove(&block.header.hash())));
        network.run(Duration::from_secs(3));
        assert_eq!(
            Some(network.node(1).tip().hash),
            branch.last().map(|block| block.header.hash())
        );
    }
}

/// What was read of a branch that can't be moved to is dropped, and the disk has its pause before it is asked again.
#[test]
fn a_disk_that_refuses_one_body_of_each_branch_fills_no_memory_with_the_others() {
    let mut network = Network::new();
    let own = mined(&Header::genesis(&network.election), vec![], 0);
    let branches: Vec<Vec<_>> = (1..=4)
        .map(|salt| {
            let mut blocks = vec![mined(&own.header, vec![], salt)];
            while blocks.len() < 5 {
                let parent = blocks.last().expect("one").header;
                blocks.push(mined(&parent, vec![], 0));
            }
            blocks
        })
        .collect();
    let blocks: Vec<_> = [&own].into_iter().chain(branches.iter().flatten()).collect();
    let disk = blocks.iter().map(|block| (block.header.hash(), Arc::clone(block)));
    network.disks.insert(address(1), disk.collect());
    let refused: Vec<_> = branches.iter().map(|branch| branch[0].header.hash()).collect();
    for hash in &refused {
        let failure = LoadFailure::Refused { reason: "input/output error".into() };
        network.load_failures.insert(*hash, failure);
    }
    let blocks: Vec<_> = blocks.into_iter().map(stored).collect();
    let tip = Some(own.header.hash());
    network.add(1, Restored { blocks: blocks.clone(), tip, ..Restored::default() });
    for second in 1..=3 {
        network.run(Duration::from_secs(1));
        let chain = network.node(1).chain();
        assert_eq!(chain.tip().hash, own.header.hash());
        let in_memory = blocks.iter().filter(|block| chain.block(&block.header.hash()).is_some());
        assert_eq!(in_memory.count(), 0);
        for hash in &refused {
            let reads = network.loads.iter().filter(|read| *read == hash).count();
            assert!((1..=1 + second).contains(&reads), "{reads} times in {second} s");
        }
    }
    network.load_failures.clear();
    network.run(Duration::from_secs(2));
    assert_eq!(network.node(1).tip().height, Height(6));
}

#[test]
fn a_block_that_the_disk_lost_is_told_of_and_fetched_again() {
    let mut network = Network::with_nodes(2);
    for _ in 0..20 {
        network.command(1, Command::Mine).expect("an order");
        network.run(Duration::from_millis(500));
    }
    let fifth = Command::Block(BlockSelector::Height(Height(5)));
    let Ok(Answer::Block(before)) = network.command(1, fifth.clone()) else { panic!("no block") };
    let disk = network.disks.get_mut(&address(1)).expect("it wrote blocks");
    disk.remove(&before.hash).expect("it is on the disk");
    assert_eq!(network.command(1, fifth.clone()), Err(CommandError::BlockLost));
    let raw = Command::RawBlock(BlockSelector::Height(Height(5)));
    assert_eq!(network.command(1, raw.clone()), Err(CommandError::BlockLost));
    let lost = |(at, event): &(SocketAddr, Event)| {
        *at == address(1) && matches!(event, Event::BlockLost { .. })
    };
    assert_eq!(network.events.iter().filter(|event| lost(event)).count(), 1);
    network.run(Duration::from_secs(2));
    assert_eq!(network.command(1, fifth), Ok(Answer::Block(before.clone())));
    let again = network.disks[&address(1)].get(&before.hash).expect("it is written again").clone();
    assert_eq!(network.command(1, raw), Ok(Answer::RawBlock(again)));
}

#[test]
fn a_receipt_is_given_for_a_vote_in_a_block() {
    let mut network = Network::with_nodes(2);
    let voter = key(1).public().voter();
    network.submit(1, network.registration(1)).expect("a registration");
    network.submit(1, network.vote(1, 0)).expect("a vote");
    assert_eq!(network.command(1, Command::Receipt(voter)), Err(CommandError::NoReceipt));
    network.run(Duration::from_secs(5));
    // The tip is in memory; below it, the disk is asked.
    for _ in 0..3 {
        for number in [1, 2] {
            let answer = network.command(number, Command::Receipt(voter));
            let Ok(Answer::Receipt(receipt)) = answer else { panic!("{answer:?}") };
            assert_eq!(receipt.check(&election().admission).map(|vote| vote.voter()), Ok(voter));
        }
        network.command(1, Command::Mine).expect("an order");
        network.run(Duration::from_secs(1));
    }
}

/// Some bodies may be gone everywhere, as those of a branch that nobody else had.
#[test]
fn lost_bodies_that_nobody_has_hold_up_no_sync() {
    let mut network = Network::new();
    let genesis = Header::genesis(&network.election);
    let first = mined(&genesis, vec![], 0);
    let second = mined(&first.header, vec![], 0);
    let past = [&first, &second];
    let with_past = |blocks: Vec<StoredBlock>| Restored {
        blocks: past.map(stored).into_iter().chain(blocks).collect(),
        tip: Some(second.header.hash()),
        ..Restored::default()
    };
    for number in [1, 2] {
        let disk = past.map(|block| (block.header.hash(), Arc::clone(block)));
        network.disks.insert(address(number), disk.into());
    }
    network.add(1, with_past(vec![]));
    for _ in 0..30 {
        network.command(1, Command::Mine).expect("an order");
        network.run(Duration::from_millis(200));
    }
    let gone = (1..=200).map(|salt| mined(&genesis, vec![], salt));
    let gone = gone.map(|block| StoredBlock { has_body: false, ..stored(&block) });
    network.add(2, with_past(gone.collect()));
    network.run(Duration::from_secs(8));
    assert_eq!(network.node(1).tip().height, Height(32));
    assert_eq!(network.node(2).tip(), network.node(1).tip());
    assert_eq!(network.node(2).chain().lost_bodies().count(), 200);
}

/// To say that a block is not here would send who asks elsewhere, or nowhere.
#[test]
fn requests_on_top_of_those_that_wait_for_the_disk_are_not_answered() {
    let mut network = Network::new();
    let block = mined(&Header::genesis(&network.election), vec![registration(1)], 0);
    let hash = block.header.hash();
    let tip = Some(hash);
    network.add(1, Restored { blocks: vec![stored(&block)], tip, ..Restored::default() });
    let now = network.time();
    let node = network.nodes.get_mut(&address(1)).expect("a node");
    for request in 0..1_000 {
        node.serve_chain(
            address(9),
            request,
            ChainRequest::Block { hash, first: 0, count: 1 },
            now,
        );
    }
    let asked: Vec<_> = std::iter::from_fn(|| node.poll_output()).collect();
    let [Output::Load(job)] = asked.as_slice() else { panic!("{asked:?}") };
    node.handle_loaded(job.number, Ok(block), now);
    let mut answers = 0;
    while let Some(output) = node.poll_output() {
        let Output::Transmit { bytes, .. } = output else { continue };
        let answer = Envelope::decode(&bytes).expect("ours").datagram;
        assert!(matches!(answer, Datagram::ChainBlock { pieces: 1, .. }), "{answer:?}");
        answers += 1;
    }
    assert!((1..1_000).contains(&answers), "{answers}");
}

#[test]
fn empty_blocks_that_wait_for_the_disk_are_bounded_too() {
    let mut network = Network::new();
    network.add(1, Restored::default());
    let block = mined(&Header::genesis(&network.election), vec![], 0);
    let node = network.nodes.get_mut(&address(1)).expect("a node");
    let blocks = (0..1_000_000).take_while(|_| {
        node.persist_block(Arc::clone(&block));
        node.disk.durability.has_room()
    });
    assert!(blocks.count() < 1_000_000);
}

/// Somebody else's would have been fetched again; of one that nobody else has, the summary has to do.
#[test]
fn a_branch_whose_body_is_lost_everywhere_is_left_all_the_same() {
    let mut network = Network::new();
    let genesis = Header::genesis(&network.election);
    let own = mined(&genesis, vec![registration(1)], 0);
    network.add(1, Restored::default());
    for _ in 0..10 {
        network.command(1, Command::Mine).expect("an order");
        network.run(Duration::from_millis(200));
    }
    let lost = StoredBlock { has_body: false, ..stored(&own) };
    let tip = Some(own.header.hash());
    network.add(2, Restored { blocks: vec![lost], tip, ..Restored::default() });
    network.run(Duration::from_secs(120));
    assert_eq!(network.node(2).tip(), network.node(1).tip());
    let moved = |(at, event): &(SocketAddr, Event)| {
        *at == address(2) && matches!(event, Event::Reorganisation { lost: 1, .. })
    };
    assert!(network.events.iter().any(moved), "it was told");
    assert_eq!(network.node(2).chain().registered_voters(), 0);
}

fn transaction(
    network: &mut Network,
    number: u16,
    id: TransactionId,
) -> Result<TransactionAnswer, CommandError> {
    match network.command(number, Command::Transaction(id)) {
        Ok(Answer::Transaction(answer)) => Ok(*answer),
        Err(error) => Err(error),
        other => panic!("{other:?}"),
    }
}

#[test]
fn transactions_are_found_by_their_ids_in_the_pool_in_memory_and_on_the_disk() {
    let mut network = Network::with_nodes(2);
    let ids = [network.registration(1), network.vote(1, 0)].map(|each| {
        let id = network.submit(1, each).expect("a transaction");
        let pooled = transaction(&mut network, 1, id).expect("it is in the pool");
        assert!(matches!(pooled.standing, Standing::Pool { .. }));
        assert_eq!(pooled.receipt, None);
        id
    });
    network.run(Duration::from_secs(5));
    // The tip is in memory; below it, the disk is asked.
    for _ in 0..3 {
        for (number, id) in [(1, ids[0]), (1, ids[1]), (2, ids[0]), (2, ids[1])] {
            let found = transaction(&mut network, number, id).expect("it is on the chain");
            assert_eq!((found.view.id, found.transaction.id()), (id, id));
            let Standing::Block { hash, blocks_deep, height, .. } = found.standing else {
                panic!("{found:?}")
            };
            let receipt = found.receipt.expect("a block holds it");
            assert_eq!(receipt.header.hash(), hash);
            assert_eq!(receipt.check(&election().admission).map(|proven| proven.id()), Ok(id));
            assert_eq!(height.0 + blocks_deep - 1, network.node(number).tip().height.0);
        }
        network.command(1, Command::Mine).expect("an order");
        network.run(Duration::from_secs(1));
    }
    // One that differs in what the index does not know is not taken for it.
    let mut other = ids[0];
    other.0[31] ^= 1;
    for id in [other, TransactionId([7; 32])] {
        let none = Err(CommandError::NoSuchTransaction { id });
        assert_eq!(transaction(&mut network, 1, id), none);
    }
    network.disks.get_mut(&address(1)).expect("it wrote blocks").clear();
    assert_eq!(transaction(&mut network, 1, ids[0]), Err(CommandError::BlockLost));
    network.run(Duration::from_secs(2));
    assert!(transaction(&mut network, 1, ids[0]).is_ok(), "it was fetched again");
}
