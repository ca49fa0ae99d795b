//! The count at the final block, where the bodies that it takes are on the disk alone.

use super::disk::{Disk, stored, without_memory};
use super::settled::reference;
use super::*;

/// A chain of one vote per block whose bodies are all on the disk.
fn votes_on_disk(voters: u8) -> (Chain, Vec<Block>, Disk) {
    let mut parent = Header::genesis(&election());
    let mut made = Vec::new();
    for voter in 0..voters {
        let choices = vec![vec![u16::from(voter % 2)]];
        let block = mine(&parent, &[registration(voter), vote(voter, choices)], 0);
        parent = block.header;
        made.push(block);
    }
    let disk = made.iter().map(|block| (block.header.hash(), Arc::new(block.clone()))).collect();
    let mut restored = without_memory();
    let tip = Some(parent.hash());
    assert_eq!(restored.restore(made.iter().map(stored).collect(), tip, NOW), 0);
    restored.advance();
    (restored, made, disk)
}

#[test]
fn what_is_final_is_counted_from_the_nearer_end_and_only_that_is_read() {
    let (mut chain, made, disk) = votes_on_disk(10);
    assert_eq!(chain.final_tally().map(|tally| tally.votes), Some(0));
    chain.set_final(reference(&made[6])).expect("nothing else is final");
    assert_eq!((chain.final_tally(), chain.final_counts()), (None, (7, 7)));
    let wanted = chain.advance().wanted;
    let above: Vec<_> = made[7..].iter().rev().map(|block| block.header.hash()).collect();
    assert_eq!(wanted, above, "from the tip downwards");
    chain.load_body(Arc::clone(&disk[&wanted[0]]));
    assert_eq!(chain.advance().wanted, wanted[1..]);
    assert_eq!(chain.final_tally(), None, "not while it is between the two");
    chain.check_invariants();
    // What comes meanwhile changes nothing of it.
    let next = mine(&made[9].header, &[registration(10), vote(10, vec![vec![]])], 0);
    add(&mut chain, &next).expect("it keeps the rules");
    wanted[1..].iter().for_each(|hash| chain.load_body(Arc::clone(&disk[hash])));
    let advance = chain.advance();
    assert!(advance.change.is_some() && advance.wanted.is_empty());
    let expected = Tally { votes: 7, options: vec![vec![4, 3]], blank: vec![0] };
    assert_eq!(chain.final_tally(), Some(&expected));
    chain.check_invariants();
}

#[test]
fn a_final_count_goes_around_what_the_disk_does_not_give() {
    let (mut chain, made, disk) = votes_on_disk(10);
    let [first, second, third] = [0, 1, 2].map(|place: usize| made[place].header.hash());
    chain.set_final(reference(&made[1])).expect("nothing else is final");
    assert_eq!(chain.advance().wanted, [first, second]);
    chain.mark_refused(&first);
    let wanted = chain.advance().wanted;
    assert_eq!((wanted.len(), wanted[7]), (8, third), "from the other end");
    wanted.iter().for_each(|hash| chain.load_body(Arc::clone(&disk[hash])));
    chain.advance();
    assert_eq!(chain.final_tally().map(|tally| tally.votes), Some(2));

    let (mut chain, made, _) = votes_on_disk(3);
    for block in &made {
        chain.mark_lost(&block.header.hash(), None);
    }
    chain.set_final(reference(&made[0])).expect("nothing else is final");
    assert!(chain.advance().wanted.is_empty(), "nobody reads what is lost");
    assert_eq!((chain.final_tally(), chain.final_counts()), (None, (1, 1)));
    chain.insert_body(&first, made[0].transactions.clone()).expect("the body that it had");
    chain.advance();
    assert_eq!(chain.final_tally().map(|tally| tally.votes), Some(1));

    let (mut chain, made, _) = votes_on_disk(3);
    for block in &made {
        chain.mark_lost(&block.header.hash(), Some(BlockEffects::of(block)));
    }
    chain.set_final(reference(&made[1])).expect("nothing else is final");
    assert_eq!(chain.final_tally().map(|tally| tally.votes), Some(2), "summaries are enough");
}
