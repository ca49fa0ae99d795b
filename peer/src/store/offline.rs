//! The database without a running peer: read for audits and exports, and created whole by an import.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use protocol::block::{Block, Header};
use protocol::election::Election;
use protocol::finality::Certificate;
use protocol::units::{BlockHash, ElectionId, UnixMillis};

use super::database::{Database, StoreFault};
use super::read;
use super::rows::{self, BlockKey, State};
use super::volume::{CHAIN_FILE, FileVolume, UNFINISHED_FILE, Volume};
use super::writer::record_bytes;
use super::{FileError, StoreError, create, inspect, write};
use chain::rules::Rules;
use chain::{Chain, StoredBlock};
use node::{FinalityRecord, Record, Restored, RestoredFinality, SeenCertificate};

/// The number of bytes of blocks that an importer writes at once.
const IMPORT_BYTES: usize = 16 * 1024 * 1024;

/// The best chain of a peer, which is read without changing anything.
#[derive(Debug)]
pub(crate) struct StoredChain {
    volume: FileVolume,
    election: ElectionId,
    database: Database,
    /// The blocks of all branches.
    blocks: Vec<StoredBlock>,
    tip: Option<BlockHash>,
    headers: Vec<Header>,
    finality: RestoredFinality,
}

impl StoredChain {
    /// Opens the chain in a data directory that no peer uses, as its peer left it.
    ///
    /// # Errors
    /// When there is none, when it can't be read, or when it is damaged, since nothing is repaired
    /// here.
    pub(crate) fn open(directory: &Path, election: &ElectionId) -> Result<Self, StoreError> {
        let volume = FileVolume { directory: directory.to_owned() };
        let inspected = inspect(&volume, election).map_err(|fault| fault.of(&volume, election));
        let (database, contents) = inspected?;
        let Restored { blocks, tip, finality, .. } = contents.restored;
        let election = *election;
        let headers = Vec::new();
        let mut stored = Self { volume, election, database, blocks, tip, headers, finality };
        stored.end_in(tip)?;
        Ok(stored)
    }

    /// Moves to the branch on which a peer would start, in case a crash kept the last peer from
    /// doing so. A chain that breaks a rule stays as it is, so that it can be examined.
    ///
    /// # Errors
    /// When a block is missing on the way.
    pub(crate) fn choose_best(&mut self, election: &Arc<Election>) -> Result<(), StoreError> {
        let Some(tip) = self.tip else { return Ok(()) };
        let mut chain = Chain::new(Arc::clone(election), Rules::ALL, 0);
        // Times were checked when the blocks arrived, and an audit checks them again.
        chain.restore(self.blocks.clone(), None, UnixMillis(u64::MAX));
        if chain.has_checked_body(&tip) {
            self.end_in(Some(chain.tip().hash))?;
        }
        Ok(())
    }

    fn end_in(&mut self, end: Option<BlockHash>) -> Result<(), StoreError> {
        let headers = self.blocks.iter().map(|block| (block.header.hash(), block.header));
        let by_hash: BTreeMap<BlockHash, Header> = headers.collect();
        let mut headers = Vec::new();
        let mut next = end;
        while let Some(header) = next.and_then(|hash| by_hash.get(&hash)) {
            headers.push(*header);
            next = (header.height.0 > 1).then_some(header.previous);
        }
        if let Some(missing) = next {
            let fault = StoreFault::Damaged(format!("block {missing} is missing below the tip"));
            return Err(fault.of(&self.volume, &self.election));
        }
        headers.reverse();
        self.headers = headers;
        Ok(())
    }

    /// The headers of the best chain after the genesis block, in ascending order.
    pub(crate) fn headers(&self) -> &[Header] {
        &self.headers
    }

    /// The certificate of the lowest block that is final and at or above the closing block, as its peer kept it.
    pub(crate) fn closing_certificate(&self) -> Option<&Certificate> {
        self.finality.closing_certificate.as_ref().map(|seen| &seen.certificate)
    }

    /// The certificate of the highest final block, as its peer kept it.
    pub(crate) fn certificate(&self) -> Option<&Certificate> {
        self.finality.certificate.as_ref().map(|seen| &seen.certificate)
    }

    /// Reads one block, and checks it against its header.
    ///
    /// # Errors
    /// When the disk does not have the block, or not all of it.
    pub(crate) fn block(&self, header: &Header) -> Result<Block, StoreError> {
        let key = BlockKey::of(header);
        let row = self.database.run(|redb| read::read_block_row(redb, key));
        let block = row.and_then(|row| {
            let row = row.ok_or_else(|| {
                StoreFault::Damaged(format!(
                    "the body of the block at height {} is missing",
                    key.height
                ))
            })?;
            rows::decode_block(&key.to_bytes(), &row, &self.election)
        });
        block.map_err(|fault| fault.of(&self.volume, &self.election))
    }
}

/// Makes a database from blocks. It gets its name only when it is complete.
#[derive(Debug)]
pub(crate) struct ChainImporter {
    volume: Box<dyn Volume>,
    election: ElectionId,
    database: Database,
    state: State,
    /// The blocks that are not written yet.
    waiting: Vec<Record>,
    waiting_bytes: usize,
    tip: Option<Record>,
    /// Whether a certificate covers the closing block.
    has_closing: bool,
}

impl ChainImporter {
    /// Starts a database. What an earlier importer left unfinished is removed.
    ///
    /// # Errors
    /// When there is a chain already, or when the disk fails.
    pub(crate) fn create(directory: &Path, election: &ElectionId) -> Result<Self, StoreError> {
        Self::create_in(Box::new(FileVolume { directory: directory.to_owned() }), election)
    }

    /// Does the same in any volume.
    pub(super) fn create_in(
        volume: Box<dyn Volume>,
        election: &ElectionId,
    ) -> Result<Self, StoreError> {
        let path = volume.path(CHAIN_FILE);
        if volume.exists(CHAIN_FILE).map_err(|error| FileError::new("read", &path, error))? {
            return Err(StoreError::Exists { path });
        }
        let removed = volume.remove(UNFINISHED_FILE).map_err(StoreFault::from);
        let database = removed.and_then(|()| create(&*volume, election));
        let database = database.map_err(|fault| fault.of(&*volume, election))?;
        Ok(Self {
            volume,
            election: *election,
            database,
            state: State::default(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            tip: None,
            has_closing: false,
        })
    }

    /// Adds blocks to the chain, in ascending order. The last of all becomes the tip.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) fn append(&mut self, blocks: &[Arc<Block>]) -> Result<(), StoreError> {
        for block in blocks {
            let record = Record::Block(Arc::clone(block));
            self.waiting_bytes += record_bytes(&record);
            self.waiting.push(record);
            let BlockKey { height, hash } = BlockKey::of(&block.header);
            self.tip = Some(Record::Tip { height, hash });
            if self.waiting_bytes > IMPORT_BYTES {
                self.write()?;
            }
        }
        Ok(())
    }

    /// Keeps a certificate for a block that was added. It is the closing one if it covers the closing block, and no
    /// lower one did.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) fn certify(
        &mut self,
        seen: SeenCertificate,
        covers_close: bool,
    ) -> Result<(), StoreError> {
        if covers_close && !self.has_closing {
            self.has_closing = true;
            let closing = FinalityRecord::ClosingCertificate(seen.clone());
            self.waiting.push(Record::Finality(closing));
        }
        self.waiting.push(Record::Finality(FinalityRecord::Certificate(seen)));
        self.write()
    }

    /// Makes everything durable, and gives the database its name.
    ///
    /// # Errors
    /// When the disk fails. As much as it allows of what was made is taken back then.
    pub(crate) fn finish(mut self) -> Result<(), StoreError> {
        self.waiting.extend(self.tip.take());
        let written = self.write();
        let Self { volume, election, database, .. } = self;
        drop(database);
        let named = written.and_then(|()| {
            let named = volume.rename(UNFINISHED_FILE, CHAIN_FILE).and_then(|()| volume.sync());
            named.map_err(|error| StoreFault::from(error).of(&*volume, &election))
        });
        if named.is_err() {
            for name in [UNFINISHED_FILE, CHAIN_FILE] {
                if let Err(error) = volume.remove(name) {
                    tracing::warn!(%error, name, "an unfinished import is left");
                }
            }
        }
        named
    }

    /// Removes everything that was started.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) fn abandon(self) -> Result<(), StoreError> {
        let Self { volume, election, database, .. } = self;
        drop(database);
        let removed = volume.remove(UNFINISHED_FILE);
        removed.map_err(|error| StoreFault::from(error).of(&*volume, &election))
    }

    fn write(&mut self) -> Result<(), StoreError> {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let written = self.database.run(|redb| {
            write::change(redb, self.state, |changes| {
                waiting.iter().try_for_each(|record| changes.put_record(record))
            })
        });
        self.state = written.map_err(|fault| fault.of(&*self.volume, &self.election))?;
        Ok(())
    }
}
