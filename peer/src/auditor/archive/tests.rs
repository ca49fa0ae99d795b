//! The bytes of an archive, and that no damage to them is passed over.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use protocol::block::{self, Block};
use protocol::codec;
use protocol::transaction::HashedTransaction;
use protocol::units::UnixMillis;

use super::read::RecordPlace;
use super::*;
use chain::fixtures::{election, registration, vote};
use host::whole_file::WholeFileError;

/// A block on `parent`; an archive does not ask for its work.
fn block_on(parent: &Header, transactions: Vec<Arc<HashedTransaction>>) -> Block {
    let header = Header {
        previous: parent.hash(),
        merkle_root: block::merkle_root(&transactions),
        height: parent.height.next(),
        time: UnixMillis(parent.time.0 + 1),
        difficulty: parent.difficulty,
        nonce: 7,
    };
    Block { header, transactions }
}

fn chain() -> Vec<Block> {
    let first = block_on(
        &Header::genesis(&election()),
        vec![registration(0), vote(0, vec![vec![1]]), registration(1)],
    );
    let second = block_on(&first.header, vec![]);
    let third = block_on(&second.header, vec![vote(1, vec![vec![]])]);
    vec![first, second, third]
}

fn write(path: &Path, blocks: &[Block], force: bool) -> Result<(), WholeFileError> {
    let mut writer = ArchiveWriter::create(path, &election(), force)?;
    blocks.iter().try_for_each(|block| writer.append(block))?;
    writer.finish()
}

fn archive_of(blocks: &[Block]) -> Vec<u8> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a");
    write(&path, blocks, false).expect("written");
    fs::read(path).expect("read")
}

fn read(bytes: &[u8]) -> Result<Vec<Block>, ArchiveError> {
    let mut reader = ArchiveReader::new(bytes)?;
    assert_eq!(**reader.election(), election());
    let mut blocks = Vec::new();
    while let Some(block) = reader.next_block()? {
        blocks.push(block);
    }
    assert_eq!(reader.next_block()?, None);
    Ok(blocks)
}

/// Where the records of an archive begin, and where the last one ends.
fn record_bounds(bytes: &[u8]) -> Vec<usize> {
    let mut bounds = vec![HEAD_BYTES];
    while let Some(rest) = bytes.get(bounds[bounds.len() - 1]..).filter(|rest| !rest.is_empty()) {
        let length = u32::from_le_bytes(*rest.first_chunk().expect("a prefix")) as usize;
        bounds.push(bounds[bounds.len() - 1] + PREFIX_BYTES + length);
    }
    bounds
}

#[test]
fn what_is_written_reads_back() {
    let blocks = chain();
    assert_eq!(read(&archive_of(&blocks)).expect("whole"), blocks);
    assert_eq!(read(&archive_of(&[])).expect("whole"), []);
}

#[test]
fn what_is_written_is_the_encoding_of_the_content() {
    let block = chain().remove(0);
    let plain = block.transactions.iter().map(|each| each.transaction().clone()).collect();
    let content = Content::Block { header: block.header, transactions: plain };
    let bytes = archive_of(&[block]);
    let [_, record, end, _] = record_bounds(&bytes)[..] else { panic!("three records") };
    assert_eq!(bytes[record + PREFIX_BYTES..end], codec::encode(&content));
}

/// As docs/PROTOCOL.md lays it out; made by hand, not by this code.
#[test]
fn the_bytes_of_an_archive_stay_what_they_are() {
    let golden = concat!(
        "6f737472616b6f6e2d61726368697665010000003e06bcbdfca23befacb8046fd92e82ef13b4043fe51b2f28",
        "d2c60c78de92082d77000000b9c0ae7c58419b9e979516aa5b8a4be89a3d32389df94f9349df822a6159644a",
        "000000006b000000000000000200010101010101010101010101010101010500000000000000426f61726400",
        "68e5cf8b01000001000000000200000800000100000000000000050000000000000043686169720200000000",
        "000000030000000000000041646105000000000000004772616365000001006c000000ee7ccee3559cec2e31",
        "a01d37bfe92b61df320198416e32521024483d0641d15a01000000c8b1af03d218feb754bf32617fe3377e87",
        "4e260e0d2f277228f120368b6857130000000000000000000000000000000000000000000000000000000000",
        "00000000000000000000010000018bcfe568010000000000000002000000000000000700000000000000002c",
        "0000002b6d59503e748735e4ad9041752e24e3466dde21fee4455160c2d4f0d008d68e020000000100000000",
        "000000a6785547e44c2965b54532da94d50d4be1c29b2a9031474bfbeb3850e495ac0b",
    );
    let block = block_on(&Header::genesis(&election()), vec![]);
    assert_eq!(hex::encode(archive_of(&[block])), golden);
}

#[test]
fn every_truncation_is_noticed() {
    let bytes = archive_of(&chain());
    for length in 0..bytes.len() {
        let error = read(&bytes[..length]).expect_err("it is cut off");
        let is_told = match length < MAGIC.len() {
            true => matches!(error, ArchiveError::NotAnArchive),
            false => matches!(error, ArchiveError::CutOff { .. }),
        };
        assert!(is_told, "{length}: {error}");
    }
    let [_, election, first, second, ..] = record_bounds(&bytes)[..] else { panic!("records") };
    for (length, place) in [
        (HEAD_BYTES, RecordPlace::Election),
        (election, RecordPlace::Block(1)),
        (first + 1, RecordPlace::Block(2)),
        (second, RecordPlace::Block(3)),
    ] {
        let error = read(&bytes[..length]).expect_err("it is cut off");
        assert!(matches!(error, ArchiveError::CutOff { place: at } if at == place), "{error}");
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let bytes = archive_of(&chain());
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1 << bit;
            assert!(read(&damaged).is_err(), "bit {bit} of byte {place}");
        }
    }
}

#[test]
fn what_is_no_archive_is_told_apart() {
    let bytes = archive_of(&chain());
    let told = |bytes: &[u8]| read(bytes).expect_err("refused").to_string();
    assert!(
        told(b"a text that somebody took for an archive, and long enough").contains("no archive")
    );
    let mut newer = bytes.clone();
    newer[MAGIC.len()] = 3;
    assert!(told(&newer).contains("has format 3; this program knows 2: update it"));
    let mut older = bytes.clone();
    older[MAGIC.len()] = 0;
    assert!(told(&older).contains("head is damaged"));
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(told(&longer).contains("something follows its end"));

    let mut huge = bytes.clone();
    let [_, first, ..] = record_bounds(&bytes)[..] else { panic!("records") };
    huge[first..first + 4].fill(0xff);
    assert!(told(&huge).contains("the record at height 1 is damaged (its length is impossible)"));

    // The end of another archive after these blocks, and the blocks without one of them.
    let bounds = record_bounds(&bytes);
    let [.., third, end, _] = bounds[..] else { panic!("records") };
    let short = [&bytes[..third], &bytes[end..]].concat();
    assert!(told(&short).contains("2 blocks up to"));
    let twice = [&bytes[..first], &bytes[HEAD_BYTES..]].concat();
    assert!(told(&twice).contains("the record at height 1 is damaged (it is neither"));
}

#[test]
fn a_file_that_is_there_stays_unless_told_and_nothing_unfinished_is_left() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a");
    fs::write(&path, "kept").expect("written");
    let refused = write(&path, &chain(), false).expect_err("it is there").to_string();
    assert!(refused.contains("--force"), "{refused}");
    assert_eq!(fs::read(&path).expect("read"), b"kept");
    write(&path, &chain(), true).expect("replaced");
    assert_eq!(read(&fs::read(&path).expect("read")).expect("whole"), chain());

    let other = directory.path().join("b");
    let writer = ArchiveWriter::create(&other, &election(), false).expect("begun");
    assert!(!other.exists());
    fs::write(&other, "made meanwhile").expect("written");
    let refused = writer.finish().expect_err("it is there now");
    assert!(matches!(refused, WholeFileError::Exists { .. }), "{refused}");
    let mut names: Vec<_> = fs::read_dir(directory.path())
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn a_record_is_as_long_as_it_may_be_and_no_longer() {
    let beginning = archive_of(&[]);
    let beginning = &beginning[..record_bounds(&beginning)[1]];
    let with_record = |length: usize| -> Result<u64, ArchiveError> {
        let mut content = BLOCK_VARIANT.to_le_bytes().to_vec();
        content.resize(length, 0);
        let prefix = u32::try_from(length).expect("it is small").to_le_bytes();
        let bytes = [beginning, &prefix, &sha256(&[&content]), &content].concat();
        let mut reader = ArchiveReader::new(bytes.as_slice()).expect("it begins well");
        let Some(ArchiveItem::Block(record)) = reader.next_item()? else { panic!("it is no end") };
        Ok(record.bytes())
    };
    let longest = with_record(RECORD_BYTES_MAX).expect("so long a record is read");
    assert_eq!(longest, (PREFIX_BYTES + RECORD_BYTES_MAX) as u64);
    let error = with_record(RECORD_BYTES_MAX + 1).expect_err("it is too long");
    assert!(error.to_string().contains("its length is impossible"), "{error}");
}
