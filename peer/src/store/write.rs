//! Writing to the database: one transaction at a time, which takes effect as a whole or not at all.

use std::net::SocketAddr;
use std::sync::Arc;

use protocol::block::{Block, HEADER_BYTES};
use protocol::codec;
use protocol::transaction::HashedTransaction;
use protocol::units::ElectionId;
use redb::{Durability, WriteTransaction};

use super::database::StoreFault;
use super::finality;
use super::rows::{
    self, BLOCKS, BlockKey, ELECTION_KEY, FINALITY, FORMAT, FORMAT_KEY, META, NEIGHBOURS_KEY, POOL,
    STATE_KEY, SUMMARIES, State, Table, seal, summary_mark,
};
use chain::{BlockEffects, StoredBlock};
use node::{FinalityRecord, Record};

type OpenTable<'a> = redb::Table<'a, &'static [u8], &'static [u8]>;

/// Creates all tables of a new database, empty.
pub(super) fn create_tables(
    redb: &redb::Database,
    election: &ElectionId,
) -> Result<(), StoreFault> {
    change(redb, State::default(), |changes| {
        changes.put_meta(FORMAT_KEY, &codec::encode(&FORMAT))?;
        changes.put_meta(ELECTION_KEY, &codec::encode(election))?;
        changes.put_neighbours(&[])
    })?;
    Ok(())
}

/// Makes changes durable, and returns the state after them. All changes can be made twice, because
/// a commit that failed may have reached the disk nevertheless.
pub(super) fn change(
    redb: &redb::Database,
    state: State,
    make: impl FnOnce(&mut Changes<'_>) -> Result<(), StoreFault>,
) -> Result<State, StoreFault> {
    let mut transaction = redb.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    // Without this, a start after a crash would have to read all bodies to find the free pages.
    transaction.set_quick_repair(true);
    let state = {
        let mut changes = Changes::new(&transaction, state)?;
        make(&mut changes)?;
        let state = changes.state;
        changes.put_meta(STATE_KEY, &state.to_bytes())?;
        state
    };
    transaction.commit()?;
    Ok(state)
}

/// A transaction that is under way.
#[derive(Debug)]
pub(super) struct Changes<'a> {
    meta: OpenTable<'a>,
    blocks: OpenTable<'a>,
    summaries: OpenTable<'a>,
    pool: OpenTable<'a>,
    finality: OpenTable<'a>,
    pub(super) state: State,
}

impl<'a> Changes<'a> {
    fn new(transaction: &'a WriteTransaction, state: State) -> Result<Self, StoreFault> {
        let open = |table: Table| transaction.open_table(table);
        Ok(Self {
            meta: open(META)?,
            blocks: open(BLOCKS)?,
            summaries: open(SUMMARIES)?,
            pool: open(POOL)?,
            finality: open(FINALITY)?,
            state,
        })
    }

    pub(super) fn put_record(&mut self, record: &Record) -> Result<(), StoreFault> {
        match record {
            Record::Block(block) => self.put_block(block),
            Record::Tip { height, hash } => {
                self.state.tip = Some((*height, *hash));
                Ok(())
            }
            Record::PoolInsert { row, transaction } => self.put_pooled(*row, transaction),
            Record::PoolRemove { row } => {
                let key = row.to_be_bytes();
                if self.pool.remove(key.as_slice())?.is_some() {
                    self.state.pool.remove(&key);
                }
                Ok(())
            }
            Record::Neighbours(neighbours) => self.put_neighbours(neighbours),
            Record::Finality(record) => self.put_finality(record),
        }
    }

    /// Writes a block with its summary, replacing whatever is stored of it.
    pub(super) fn put_block(&mut self, block: &Block) -> Result<(), StoreFault> {
        let key = BlockKey::of(&block.header).to_bytes();
        let value = seal(BLOCKS, &key, &rows::block_content(block));
        if self.blocks.insert(key.as_slice(), value.as_slice())?.is_none() {
            self.state.bodies += 1;
        }
        let summary = BlockEffects::of(block);
        self.put_summary(&StoredBlock { header: block.header, summary, has_body: true })
    }

    /// Writes a summary. If the body of the block is lost, the summary is all that remains.
    pub(super) fn put_summary(&mut self, stored: &StoredBlock) -> Result<(), StoreFault> {
        let key = BlockKey::of(&stored.header);
        let key_bytes = key.to_bytes();
        let value = seal(SUMMARIES, &key_bytes, &rows::summary_content(stored));
        let earlier = self.summaries.insert(key_bytes.as_slice(), value.as_slice())?;
        if let Some(earlier) = earlier {
            // The mark is stored after the checksum and the header.
            let had_body = earlier.value().get(8 + HEADER_BYTES) == Some(&1);
            self.state.summaries.remove(&summary_mark(&key, had_body));
        }
        self.state.summaries.add(&summary_mark(&key, stored.has_body));
        Ok(())
    }

    pub(super) fn put_pooled(
        &mut self,
        row: u64,
        transaction: &Arc<HashedTransaction>,
    ) -> Result<(), StoreFault> {
        let key = row.to_be_bytes();
        let value = seal(POOL, &key, &codec::encode(transaction.transaction()));
        if self.pool.insert(key.as_slice(), value.as_slice())?.is_none() {
            self.state.pool.add(&key);
        }
        Ok(())
    }

    /// Writes what is known of finality, replacing what was known before.
    pub(super) fn put_finality(&mut self, record: &FinalityRecord) -> Result<(), StoreFault> {
        let key = finality::key(record);
        let value = seal(FINALITY, &key, &finality::content(record));
        let earlier = self.finality.insert(key.as_slice(), value.as_slice())?;
        if let Some(earlier) = earlier {
            self.state.finality.remove(&finality::mark(&key, earlier.value()));
        }
        self.state.finality.add(&finality::mark(&key, &value));
        Ok(())
    }

    pub(super) fn put_neighbours(&mut self, neighbours: &[SocketAddr]) -> Result<(), StoreFault> {
        self.put_meta(NEIGHBOURS_KEY, &codec::encode(&neighbours.to_vec()))
    }

    fn put_meta(&mut self, key: &[u8], content: &[u8]) -> Result<(), StoreFault> {
        self.meta.insert(key, seal(META, key, content).as_slice())?;
        Ok(())
    }
}
