//! Repairs a damaged database by building a fresh one from everything that can still be read. The damaged file is not
//! touched.
//!
//! Rows come from redb's trees and, if those give less than was written, from anything in the file that looks like a
//! row. The second source may bring back transactions that had already left the pool; the node checks each of them
//! against the chain anyway. Nothing counts until the last step, so after a crash in the middle the repair simply
//! starts again.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::admission::AdmissionRule;
use protocol::transaction::HashedTransaction;
use protocol::units::{BlockHash, ElectionId, Height};
use redb::StorageBackend;

use super::database::{Database, StoreFault};
use super::finality;
use super::pages::Pages;
use super::read;
use super::rows::{self, BLOCKS, BlockKey, FINALITY, NEIGHBOURS_KEY, POOL, SUMMARIES, State};
use super::volume::{Access, CHAIN_FILE, DAMAGED_FILE, UNFINISHED_FILE, Volume};
use super::write::{self, Changes};
use super::{Damage, Rows, create};
use chain::StoredBlock;
use source::{HEADER_BYTES, REDB_MAGIC, Source};

mod scan;
mod source;

/// The most rows between two readable ones that are requested one by one.
const GAP_ROWS_MAX: u64 = 100_000;
/// The number of rows that are left free between those of the pool and those of returned
/// transactions. A node that runs while its database is repaired continues with its own numbers,
/// and never uses as many before it ends.
const RETURNED_GAP_ROWS: u64 = 1 << 32;
/// How many bits of the magic number may be wrong in a file that is still assumed to be a damaged
/// database.
const MAGIC_BITS_MAX: u32 = 8;

/// Whether a file may be a database of ours, however damaged. A file that is clearly something else
/// must be left alone.
pub(super) fn may_be_ours(file: &impl StorageBackend) -> Result<bool, StoreFault> {
    let mut start = [0; REDB_MAGIC.len()];
    let length = file.len()?.min(start.len() as u64);
    let start = &mut start[..usize::try_from(length).expect("at most nine")];
    file.read(0, start)?;
    let wrong = start.iter().zip(REDB_MAGIC).map(|(found, right)| (found ^ right).count_ones());
    Ok(wrong.sum::<u32>() <= MAGIC_BITS_MAX || start.iter().all(|byte| *byte == 0))
}

/// Replaces a damaged database by a fresh one. The rows of the pool up to `last_row` may be in use.
pub(super) fn mend(
    volume: &dyn Volume,
    election: &ElectionId,
    reason: String,
    last_row: u64,
) -> Result<Damage, StoreFault> {
    let target = create(volume, election)?;
    let mut model = [0; HEADER_BYTES];
    Pages::new(volume.open(UNFINISHED_FILE, Access::Read)?).read(0, &mut model)?;
    let mut source = Source::new(volume, election, model)?;
    let mut salvage = Salvage {
        target,
        state: State::default(),
        election: *election,
        blocks: BTreeMap::new(),
        last_row,
        returned: 0,
    };
    let earlier = source.meta(read::read_state).ok();
    let mut summaries = salvage.save_bodies_of_tree(&mut source)?;
    salvage.save_pool(&mut source)?;
    salvage.save_neighbours(&mut source)?;
    salvage.save_finality(&mut source)?;
    let lacks_blocks = earlier.is_none_or(|earlier| salvage.lacks_blocks(&earlier, &summaries));
    let lacks_pooled = earlier.is_none_or(|earlier| salvage.state.pool.rows < earlier.pool.rows);
    if lacks_blocks || lacks_pooled {
        scan::each_chunk(volume, |rows| {
            salvage.save_scanned_blocks(&rows, &mut summaries)?;
            if lacks_pooled { salvage.save_pooled(rows) } else { Ok(()) }
        })?;
    }
    salvage.save_summaries(summaries)?;
    let pooled = salvage.state.pool.rows;
    salvage.return_loose()?;
    salvage.save_tip(earlier.and_then(|state| state.tip))?;
    let saved = Rows { blocks: salvage.state.summaries.rows, bodies: salvage.state.bodies, pooled };
    let lost = earlier.map(|earlier| Rows {
        blocks: earlier.summaries.rows.saturating_sub(saved.blocks),
        bodies: earlier.bodies.saturating_sub(saved.bodies),
        pooled: earlier.pool.rows.saturating_sub(saved.pooled),
    });
    let returned = salvage.returned;
    drop((salvage, source));
    // The file gets a second name instead of being renamed, so that there is a chain at every
    // moment.
    volume.link(CHAIN_FILE, DAMAGED_FILE)?;
    volume.rename(UNFINISHED_FILE, CHAIN_FILE)?;
    volume.sync()?;
    Ok(Damage { reason, kept: volume.path(DAMAGED_FILE), saved, lost, returned })
}

#[derive(Debug)]
struct Salvage {
    target: Database,
    state: State,
    election: ElectionId,
    /// For each block its parent, and whether its body was saved.
    blocks: BTreeMap<BlockKey, (BlockHash, bool)>,
    /// The highest row of the pool that is in use.
    last_row: u64,
    returned: u64,
}

type RawRow = (Vec<u8>, Vec<u8>);
type Summaries = BTreeMap<BlockKey, StoredBlock>;

impl Salvage {
    fn change(
        &mut self,
        make: impl FnOnce(&mut Changes<'_>) -> Result<(), StoreFault>,
    ) -> Result<(), StoreFault> {
        self.state = self.target.run(|redb| write::change(redb, self.state, make))?;
        Ok(())
    }

    /// Saves the bodies, from which their summaries are computed again. Returns the summaries that
    /// were stored.
    fn save_bodies_of_tree(&mut self, source: &mut Source<'_>) -> Result<Summaries, StoreFault> {
        let mut summaries = Summaries::new();
        source.each_chunk(SUMMARIES, |rows| {
            for (key, value) in rows {
                if let Ok(stored) = rows::decode_summary(&key, &value) {
                    summaries.insert(BlockKey::of(&stored.header), stored);
                }
            }
            Ok(())
        })?;
        source.each_chunk(BLOCKS, |rows| self.save_bodies(&rows))?;
        let known: Vec<BlockKey> = summaries.keys().copied().collect();
        for key in known {
            if !self.blocks.contains_key(&key)
                && let Some(value) = source.row(BLOCKS, &key.to_bytes())
            {
                self.save_bodies(&[(key.to_bytes().to_vec(), value)])?;
            }
        }
        Ok(summaries)
    }

    /// Whether the trees contained fewer blocks than were written.
    fn lacks_blocks(&self, earlier: &State, summaries: &Summaries) -> bool {
        let without_body = summaries.keys().filter(|key| !self.blocks.contains_key(key)).count();
        let blocks = (self.blocks.len() + without_body) as u64;
        blocks < earlier.summaries.rows || self.state.bodies < earlier.bodies
    }

    fn save_scanned_blocks(
        &mut self,
        rows: &[RawRow],
        summaries: &mut Summaries,
    ) -> Result<(), StoreFault> {
        let found = rows.iter().filter_map(|(key, value)| rows::decode_summary(key, value).ok());
        summaries.extend(found.map(|stored| (BlockKey::of(&stored.header), stored)));
        self.save_bodies(rows)
    }

    /// Saves summaries without bodies, whose bodies have to be fetched again.
    fn save_summaries(&mut self, mut summaries: Summaries) -> Result<(), StoreFault> {
        summaries.retain(|key, _| !self.blocks.contains_key(key));
        for stored in summaries.values_mut() {
            stored.has_body = false;
            let parent = stored.header.previous;
            self.blocks.insert(BlockKey::of(&stored.header), (parent, false));
        }
        let lost: Vec<StoredBlock> = summaries.into_values().collect();
        self.change(|changes| lost.iter().try_for_each(|stored| changes.put_summary(stored)))
    }

    fn save_bodies(&mut self, rows: &[RawRow]) -> Result<(), StoreFault> {
        let good: Vec<_> = rows
            .iter()
            .filter_map(|(key, value)| rows::decode_block(key, value, &self.election).ok())
            .filter(|block| !self.blocks.contains_key(&BlockKey::of(&block.header)))
            .collect();
        for block in &good {
            self.blocks.insert(BlockKey::of(&block.header), (block.header.previous, true));
        }
        self.change(|changes| good.iter().try_for_each(|block| changes.put_block(block)))
    }

    fn save_pool(&mut self, source: &mut Source<'_>) -> Result<(), StoreFault> {
        let gap = source.each_chunk(POOL, |rows| self.save_pooled(rows))?;
        let row = |key: &[u8]| key.try_into().ok().map(u64::from_be_bytes);
        if let Some((Some(below), Some(above))) =
            gap.map(|(below, above)| (row(&below), row(&above)))
        {
            for number in (below..above).skip(1).take(saturating_usize(GAP_ROWS_MAX)) {
                let key = number.to_be_bytes();
                if let Some(value) = source.row(POOL, &key) {
                    self.save_pooled(vec![(key.to_vec(), value)])?;
                }
            }
        }
        Ok(())
    }

    fn save_pooled(&mut self, rows: Vec<RawRow>) -> Result<(), StoreFault> {
        let good: Vec<(u64, Arc<HashedTransaction>)> = rows
            .iter()
            .filter_map(|(key, value)| rows::decode_pooled(key, value, &self.election).ok())
            .map(|(row, transaction)| (row, Arc::new(transaction)))
            .collect();
        let last = good.iter().map(|(row, _)| *row).max();
        self.last_row = self.last_row.max(last.unwrap_or_default());
        self.change(|changes| {
            good.iter().try_for_each(|(row, transaction)| changes.put_pooled(*row, transaction))
        })
    }

    fn save_neighbours(&mut self, source: &mut Source<'_>) -> Result<(), StoreFault> {
        let neighbours =
            source.meta(|meta| rows::decode_neighbours(&read::meta_content(meta, NEIGHBOURS_KEY)?));
        match neighbours {
            Ok(neighbours) => self.change(|changes| changes.put_neighbours(&neighbours)),
            Err(_) => Ok(()),
        }
    }

    /// Saves what is known of finality as far as its tree gives it, without what a validator signed: that may be older
    /// than what it signed last, and a validator without a record asks before it signs.
    fn save_finality(&mut self, source: &mut Source<'_>) -> Result<(), StoreFault> {
        source.each_chunk(FINALITY, |rows| {
            let good = rows.iter().filter_map(|(key, value)| finality::decode(key, value).ok());
            let good: Vec<_> = good.filter(finality::is_kept_by_mending).collect();
            self.change(|changes| good.iter().try_for_each(|each| changes.put_finality(each)))
        })?;
        Ok(())
    }

    /// Returns the transactions of blocks that are no longer connected to the chain to the pool,
    /// because they may have been acknowledged. The blocks are kept as well, and are used by a
    /// later start once their parents have been fetched again.
    fn return_loose(&mut self) -> Result<(), StoreFault> {
        let connected = self.connected();
        let is_loose = |key: &BlockKey| !connected.contains_key(&key.hash);
        let loose: Vec<BlockKey> = self
            .blocks
            .iter()
            .filter(|(key, (_, has_body))| *has_body && is_loose(key))
            .map(|(key, _)| *key)
            .collect();
        self.last_row = self.last_row.saturating_add(RETURNED_GAP_ROWS);
        for key in loose {
            let row = self.target.run(|redb| read::read_block_row(redb, key))?;
            let row =
                row.ok_or_else(|| StoreFault::damaged("a block that was just saved is gone"))?;
            let block = rows::decode_block(&key.to_bytes(), &row, &self.election)?;
            // The chain no longer vouches for these transactions, so their signatures are checked.
            // Those that need registrars' signatures fail, because only the ballot says who the
            // registrars are; whoever has their file can hand them in again.
            let nobody = AdmissionRule::Open { registration_bits: 0, max_voters: None };
            let is_good = |each: &&Arc<HashedTransaction>| {
                each.transaction().registrar_signatures().is_none()
                    && each.check_signatures(&nobody).is_ok()
            };
            let good = block.transactions.iter().filter(is_good);
            let good: Vec<_> = (self.last_row + 1..).zip(good.cloned()).collect();
            self.last_row += good.len() as u64;
            self.returned += good.len() as u64;
            self.change(|changes| {
                good.iter().try_for_each(|(row, each)| changes.put_pooled(*row, each))
            })?;
        }
        Ok(())
    }

    fn save_tip(&mut self, tip: Option<(Height, BlockHash)>) -> Result<(), StoreFault> {
        let connected = self.connected();
        // Without a tip the node finds the best chain itself.
        let tip = tip.filter(|(_, hash)| connected.contains_key(hash));
        self.change(|changes| {
            changes.state.tip = tip;
            Ok(())
        })
    }

    /// The blocks that are connected to the genesis block through their parents. The genesis block
    /// is the only one at height 0, and is never stored.
    fn connected(&self) -> BTreeMap<BlockHash, Height> {
        let mut connected = BTreeMap::new();
        for (key, (parent, _)) in &self.blocks {
            let stands = match key.height.0 {
                0 => false,
                1 => true,
                height => connected.get(parent) == Some(&Height(height - 1)),
            };
            if stands {
                connected.insert(key.hash, key.height);
            }
        }
        connected
    }
}

fn saturating_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
