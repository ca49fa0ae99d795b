//! Audits of archives, as far as reading ahead on all cores could disturb their order, and what is no chain.

mod broken_rules;
mod compared;
pub(super) mod finality;
mod not_linear;
mod own_words;
mod scene;
mod sums;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use protocol::block::{Block, Header, merkle_root};
use protocol::transaction::HashedTransaction;
use protocol::units::Height;

use super::audit::{AHEAD_BLOCKS_MAX, audit_source};
use super::report::AuditOutcome;
use super::source::Source;
use super::*;
use chain::AuditRule;
use chain::fixtures::{election, registration, vote};
use host::clock;

fn mined(parent: &Header, transactions: Vec<Arc<HashedTransaction>>) -> Block {
    let header = Header {
        previous: parent.hash(),
        merkle_root: merkle_root(&transactions),
        height: parent.height.next(),
        time: parent.time.plus(Duration::from_millis(1)),
        difficulty: parent.difficulty,
        nonce: 0,
    };
    let headers = (0..).map(|nonce| Header { nonce, ..header });
    let header = headers.into_iter().find(Header::has_work).expect("the difficulty is low");
    Block { header, transactions }
}

/// Good but for the third block, which holds a second vote.
fn chain_with_a_second_vote() -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut parent = Header::genesis(&election());
    for transactions in [
        vec![registration(0), vote(0, vec![vec![0]])],
        vec![registration(1)],
        vec![vote(1, vec![vec![0]]), vote(0, vec![vec![1]])],
        vec![],
        vec![],
    ] {
        let block = mined(&parent, transactions);
        parent = block.header;
        blocks.push(block);
    }
    blocks
}

fn write(directory: &Path, blocks: &[Block]) -> PathBuf {
    let path = directory.join("a.archive");
    let mut writer = ArchiveWriter::create(&path, &election(), false).expect("begun");
    blocks.iter().for_each(|block| writer.append(block).expect("written"));
    writer.finish().expect("finished");
    path
}

fn audited(path: &Path) -> Result<AuditOutcome, OfflineError> {
    audit_source(&mut Source::open(path)?, clock::unix_now, |_| Ok(()))
}

#[test]
fn a_broken_rule_is_told_before_damage_that_follows_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = write(directory.path(), &chain_with_a_second_vote());
    let mut bytes = fs::read(&path).expect("read");
    bytes.truncate(bytes.len() - 100);
    fs::write(&path, bytes).expect("written");
    let report = audited(&path).expect("it is not read to its end");
    let failure = report.failure.expect("there is a second vote");
    assert_eq!((failure.error.rule(), failure.height), (AuditRule::AlreadyVoted, Height(3)));
    assert_eq!((report.report.votes, report.report.registrations), (1, 2));
}

#[test]
fn damage_is_told_before_a_broken_rule_that_follows_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = write(directory.path(), &chain_with_a_second_vote());
    let mut bytes = fs::read(&path).expect("read");
    let mut reader = ArchiveReader::new(bytes.as_slice()).expect("an archive");
    reader.next_item().expect("the first block");
    let second = usize::try_from(reader.bytes()).expect("it is small");
    bytes[second + 40] ^= 1;
    fs::write(&path, bytes).expect("written");
    let Err(OfflineError::Archive { reason, .. }) = audited(&path) else { panic!("it is damaged") };
    let place = RecordPlace::Block(2);
    assert!(matches!(reason, ArchiveError::Damaged { place: at, .. } if at == place), "{reason}");
}

#[test]
fn more_blocks_than_are_read_ahead_come_in_their_order() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut blocks = Vec::new();
    let mut parent = Header::genesis(&election());
    for _ in 0..AHEAD_BLOCKS_MAX + 100 {
        let block = mined(&parent, vec![]);
        parent = block.header;
        blocks.push(block);
    }
    let path = write(directory.path(), &blocks);
    let mut taken = Vec::new();
    let mut source = Source::open(&path).expect("an archive");
    let report = audit_source(&mut source, clock::unix_now, |visited| {
        taken.extend(visited.block().map(|block| Block::clone(block)));
        Ok(())
    });
    let report = report.expect("it can be read");
    assert_eq!((report.failure, report.report.tip.hash), (None, parent.hash()));
    assert!(taken == blocks, "the blocks are those of the archive, in order");
}
