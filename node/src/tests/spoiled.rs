//! What is left to read for a move once the disk refused one of its bodies.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "of what a node tells, the test looks at what it reads"
)]

use protocol::block;

use super::*;
use crate::LoadJob;

/// Whatever has the chain look for a better branch meanwhile, nothing is read twice for what is of no use.
#[test]
fn nothing_is_read_again_until_a_spoiled_move_has_ended() {
    let mined = |parent: &Header, salt: u64| {
        let header = mined_header(parent, block::merkle_root(&[]), salt);
        Arc::new(Block { header, transactions: vec![] })
    };
    let network = Network::new();
    let own = mined(&Header::genesis(&network.election), 0);
    let mut blocks = vec![Arc::clone(&own), mined(&Header::genesis(&network.election), 1)];
    while blocks.len() < 5 {
        let parent = blocks.last().expect("two").header;
        blocks.push(mined(&parent, 0));
    }
    let stored = |block: &Arc<Block>| StoredBlock {
        header: block.header,
        summary: BlockEffects::of(block),
        has_body: true,
    };
    let restored = Restored {
        blocks: blocks.iter().map(stored).collect(),
        tip: Some(own.header.hash()),
        ..Restored::default()
    };
    let config = NodeConfig {
        name: None,
        trackers: vec![],
        neighbours: vec![],
        mining: false,
        role: Role::Ordinary,
        validator: None,
        resident_bytes_max: 0,
        limits: Limits::default(),
        rules: Rules::ALL,
    };
    let (election, now) = (Arc::clone(&network.election), network.time());
    let mut node = Node::new(config, election, restored, [1; 32], now);
    let loads = |node: &mut Node| -> Vec<LoadJob> {
        let outputs = std::iter::from_fn(|| node.poll_output());
        let loads = outputs.filter_map(|output| match output {
            Output::Load(job) => Some(job),
            _ => None,
        });
        loads.collect()
    };
    let body = |job: &LoadJob| {
        let found = blocks.iter().find(|block| block.header.hash() == job.hash);
        Ok(Arc::clone(found.expect("one of them")))
    };
    let mut jobs = loads(&mut node);
    assert_eq!(jobs.len(), 5);
    let refused = LoadFailure::Refused { reason: "input/output error".into() };
    let last = jobs.pop().expect("five");
    node.handle_loaded(last.number, Err(refused), now);
    for job in jobs {
        assert!(loads(&mut node).is_empty(), "the others are still being read");
        node.handle_loaded(job.number, body(&job), now);
        node.advance_chain(None, now);
        node.check_invariants();
    }
    // The next best branch ends below the refused body, and needs the same ones once more.
    for job in loads(&mut node) {
        node.handle_loaded(job.number, body(&job), now);
    }
    assert_eq!(node.tip().hash, blocks[3].header.hash());
}
