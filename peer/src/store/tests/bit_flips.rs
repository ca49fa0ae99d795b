//! Every bit that a start or a load reads is flipped, and every length is cut: what is wrong is named, and
//! nothing wrong is believed.

use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::disk::{Disk, PAGE_BYTES};
use super::model::{Model, random_batches};
use super::*;
use crate::store::open_on;
use crate::store::rows::BlockKey;
use crate::store::volume::CHAIN_FILE;
use node::Restored;

/// One in how many bits is flipped: 1 for every bit, which takes an hour.
const STEP_SETTING: &str = "OSTRAKON_STORE_BIT_STEP";
/// A prime, so that all bits of all fields get their turn.
const STEP: usize = 1_009;
/// Of redb's header, which no checksum of ours covers, more are.
const HEADER_STEP: usize = 3;
const HEADER_BITS: usize = 320 * 8;
/// Where redb's header says which commit counts.
const GOD_BYTE: usize = 9;
/// A page with its checksum.
const STORED_BYTES: usize = PAGE_BYTES + 8;

/// A store that was closed well, and what it holds.
fn image(batches: &[PersistBatch]) -> (Vec<u8>, Model) {
    let disk = Disk::default();
    let opened = open_on(disk.volume(), &ELECTION).expect("a new chain");
    assert_eq!(write_all(opened.chain, batches), batches.len());
    (disk.bytes(CHAIN_FILE), Model::of(batches))
}

/// The bytes that a start and loads of all blocks read; of the others nothing can come.
fn pages_that_are_read(image: &[u8], model: &Model) -> Vec<usize> {
    let disk = Disk::with_file(CHAIN_FILE, image.to_vec());
    let opened = undamaged(open_on(disk.volume(), &ELECTION).expect("a chain"));
    let mut desk = Desk::new(opened.chain);
    for block in model.blocks.values() {
        assert_eq!(desk.load(&block.header).as_ref(), Ok(block));
    }
    disk.pages_read().into_iter().collect()
}

/// What became of a damaged store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Mended,
    NoticedByALoad,
    Harmless,
}

fn fate(image: Vec<u8>, model: &Model, at: &str) -> Fate {
    let disk = Disk::with_file(CHAIN_FILE, image);
    let opened = panic::catch_unwind(AssertUnwindSafe(|| open_on(disk.volume(), &ELECTION)));
    let opened = opened.unwrap_or_else(|_| panic!("{at}: a panic came out"));
    let opened = opened.unwrap_or_else(|error| panic!("{at}: {error}"));
    let truth = model.restored();
    let is_mended = opened.damage.is_some();
    if is_mended {
        assert_is_part(&opened.restored, &truth, model, at);
    } else {
        assert_eq!(opened.restored, truth, "{at}");
    }
    let restored = opened.restored;
    let mut desk = Desk::new(opened.chain);
    let mut fate = if is_mended { Fate::Mended } else { Fate::Harmless };
    for stored in &restored.blocks {
        match desk.load(&stored.header) {
            Ok(block) => {
                let truth = model.blocks.get(&BlockKey::of(&stored.header));
                assert_eq!(Some(&block), truth, "{at}");
            }
            Err(LoadFailure::Lost { summary, .. }) if !stored.has_body => {
                assert_eq!(summary.as_deref(), Some(&stored.summary), "{at}");
            }
            Err(LoadFailure::Lost { summary, .. }) if !is_mended => {
                assert_eq!(summary.as_deref(), Some(&stored.summary), "{at}");
                fate = Fate::NoticedByALoad;
            }
            Err(error) => panic!("{at}: {error:?} after it was mended"),
        }
    }
    drop(desk);
    if is_mended {
        let again = undamaged(open_on(disk.volume(), &ELECTION).expect("a mended chain"));
        assert_eq!(again.restored, restored, "{at}");
    }
    fate
}

fn assert_is_part(restored: &Restored, truth: &Restored, model: &Model, at: &str) {
    for stored in &restored.blocks {
        let is_true = truth
            .blocks
            .iter()
            .any(|each| each.header == stored.header && each.summary == stored.summary);
        assert!(is_true, "{at}: {stored:?}");
    }
    let is_known = |tip| truth.blocks.iter().any(|block| block.header.hash() == tip);
    let tip_is_true = restored.tip.is_none_or(is_known);
    assert!(tip_is_true, "{at}: {:?}", restored.tip);
    for (row, transaction) in &restored.pool {
        let is_pooled = model.pooled_ever.get(row).is_some_and(|each| **each == *transaction);
        let mut mined = model.blocks.values().flat_map(|block| &block.transactions);
        assert!(is_pooled || mined.any(|each| **each == *transaction), "{at}: row {row}");
    }
    let (found, wrote) = (&restored.finality, &truth.finality);
    assert_eq!(found.validator, None, "{at}: it may be older than what was signed last");
    let is_part = [&found.certificate, &found.closing_certificate]
        .into_iter()
        .zip([&wrote.certificate, &wrote.closing_certificate])
        .all(|(found, wrote)| found.is_none() || found == wrote);
    let prepares = [&found.justification, &found.lock_justification];
    let mut prepares = prepares.into_iter().zip([&wrote.justification, &wrote.lock_justification]);
    assert!(is_part && prepares.all(|(found, wrote)| found.is_empty() || found == wrote), "{at}");
    assert!(found.evidence.iter().all(|each| wrote.evidence.contains(each)), "{at}");
    let close = found.witnessed_close;
    assert!(close.is_none() || close == wrote.witnessed_close, "{at}");
    let neighbours = &restored.neighbours;
    assert!(neighbours.is_empty() || *neighbours == truth.neighbours, "{at}: {neighbours:?}");
}

fn flip(image: &[u8], bit: usize) -> Vec<u8> {
    let mut flipped = image.to_vec();
    flipped[bit / 8] ^= 1 << (bit % 8);
    flipped
}

#[test]
fn every_flipped_bit_is_noticed_or_harmless() {
    let (image, model) = image(&random_batches(11, 3, 6));
    let setting = std::env::var(STEP_SETTING).ok().and_then(|step| step.parse().ok());
    let step = setting.unwrap_or(STEP);
    let mut fates = BTreeMap::new();
    let pages = pages_that_are_read(&image, &model);
    let bits = image.len() * 8;
    let bits_of = |page: usize| page * PAGE_BYTES * 8..bits.min((page + 1) * PAGE_BYTES * 8);
    let header = (0..HEADER_BITS).step_by(step.min(HEADER_STEP));
    let others = pages.iter().flat_map(|page| bits_of(*page)).skip(HEADER_BITS).step_by(step);
    for bit in header.chain(others) {
        let at = format!("byte {}, bit {}", bit / 8, bit % 8);
        *fates.entry(fate(flip(&image, bit), &model, &at)).or_insert(0) += 1;
    }
    println!("{} pages of {}: {fates:?}", pages.len(), image.len() / PAGE_BYTES);
    assert!(fates.contains_key(&Fate::Mended) && fates.contains_key(&Fate::Harmless), "{fates:?}");
}

/// What a page of a tree leads to is found without it.
#[test]
fn no_bad_page_hides_blocks_that_stand_in_others() {
    let (image, model) = image(&random_batches(12, 60, 8));
    let truth = model.restored();
    let pages: Vec<_> = (STORED_BYTES..image.len()).step_by(STORED_BYTES).collect();
    // The first page has no rows, and two of each thing that matters.
    for page in pages.into_iter().filter(|page| image[*page] != 0) {
        let mut bytes = image.clone();
        bytes[page..page + PAGE_BYTES].fill(0xa5);
        let disk = Disk::with_file(CHAIN_FILE, bytes);
        let opened = open_on(disk.volume(), &ELECTION).expect("mended");
        let headers = |restored: &Restored| -> Vec<_> {
            restored.blocks.iter().map(|block| block.header).collect()
        };
        let reason = opened.damage.map(|damage| damage.to_string());
        assert_eq!(headers(&opened.restored), headers(&truth), "byte {page}: {reason:?}");
    }
}

/// One bit of redb's header says which of the two last commits counts. After a crash the older one may be the
/// right one, so a flip of just this bit looks like a crash in the middle of a commit.
#[test]
fn a_flip_in_the_header_of_a_crashed_store_costs_one_commit_at_most() {
    let batches = random_batches(13, 4, 6);
    let disk = Disk::default();
    let mut desk = Desk::new(open_on(disk.volume(), &ELECTION).expect("a new chain").chain);
    for batch in &batches {
        desk.take(batch);
        assert_eq!(desk.write(), [persisted(batch.number)]);
    }
    let image = disk.bytes(CHAIN_FILE);
    let (model, before) = (Model::of(&batches), Model::of(&batches[..3]));
    let mut turned_back = 0;
    for bit in (0..HEADER_BITS).filter(|bit| bit % HEADER_STEP == 0 || bit / 8 == GOD_BYTE) {
        let at = format!("byte {}, bit {}", bit / 8, bit % 8);
        let flipped = Disk::with_file(CHAIN_FILE, flip(&image, bit));
        let opened =
            open_on(flipped.volume(), &ELECTION).unwrap_or_else(|error| panic!("{at}: {error}"));
        if opened.damage.is_some() {
            assert_is_part(&opened.restored, &model.restored(), &model, &at);
        } else if opened.restored != model.restored() {
            assert_eq!(opened.restored, before.restored(), "{at}");
            turned_back += 1;
        }
    }
    assert!(turned_back <= 1, "{turned_back}");
}

#[test]
fn every_truncation_is_noticed() {
    let (image, model) = image(&random_batches(11, 3, 6));
    let pages = (0..image.len()).step_by(PAGE_BYTES);
    let odd = (1..image.len()).step_by(40_009);
    for length in pages.chain(odd) {
        let fate = fate(image[..length].to_vec(), &model, &format!("cut at {length}"));
        assert_eq!(fate, Fate::Mended, "cut at {length}");
    }
}

#[test]
fn flips_in_a_larger_store_are_noticed_or_harmless() {
    let (image, model) = image(&random_batches(12, 200, 8));
    assert!(model.blocks.len() > 200, "{}", model.blocks.len());
    let pages = pages_that_are_read(&image, &model);
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..60 {
        let page = pages[random.random_range(0..pages.len() - 1)];
        let bit = page * PAGE_BYTES * 8 + random.random_range(0..PAGE_BYTES * 8);
        fate(flip(&image, bit), &model, &format!("byte {}, bit {}", bit / 8, bit % 8));
    }
}
