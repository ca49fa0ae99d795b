//! Reads archives record by record, so that memory does not grow with the election.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use protocol::block::{Block, HEADER_BYTES, Header};
use protocol::codec;
use protocol::election::{CanonicalError, Election};
use protocol::finality::Certificate;
use protocol::transaction::HashedTransaction;
use protocol::units::{BlockHash, ElectionId, sha256};

use super::{
    BLOCK_VARIANT, CHECKSUM_BYTES, Content, FORMAT, FORMAT_UNTIMED, HEAD_BYTES, MAGIC,
    PREFIX_BYTES, RECORD_BYTES_MAX, format_of, head,
};

/// An archive that is being read.
#[derive(Debug)]
pub struct ArchiveReader<R> {
    reader: R,
    format: u32,
    election: Arc<Election>,
    election_id: ElectionId,
    /// The number of blocks read so far.
    blocks: u64,
    tip: BlockHash,
    is_at_end: bool,
    bytes: u64,
}

/// What stands in an archive between its election and its end.
#[derive(Debug)]
pub enum ArchiveItem {
    /// A block.
    Block(ArchiveRecord),
    /// A certificate, which is not checked, and the length of its record in the archive.
    Certificate(Box<Certificate>, u64),
}

/// The record of a block, as it was read.
#[derive(Debug)]
pub struct ArchiveRecord {
    /// The position of the record, counted from 1.
    number: u64,
    checksum: [u8; CHECKSUM_BYTES],
    content: Vec<u8>,
}

/// The reason why bytes are not a complete archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("it is no archive of Ostrakon")]
    NotAnArchive,
    #[error("the archive has format {found}; this program knows {FORMAT}: update it")]
    NewerFormat { found: u32 },
    #[error("its head is damaged: take another copy")]
    DamagedHead,
    #[error("{place} is damaged ({reason}): take another copy")]
    Damaged { place: RecordPlace, reason: String },
    #[error("its election can't be held: {0}")]
    Election(#[from] CanonicalError),
    #[error("it is cut off at {place}: take another copy")]
    CutOff { place: RecordPlace },
    #[error(
        "{found} blocks up to {found_tip} stand in it, and its end speaks of {expected} up to {expected_tip}: take another copy"
    )]
    OtherEnd { found: u64, found_tip: BlockHash, expected: u64, expected_tip: BlockHash },
    #[error("something follows its end: take another copy")]
    Trailing,
    #[error("can't be read: {}", host::reason::of(.0))]
    Io(#[from] io::Error),
}

/// A position in an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordPlace {
    Head,
    Election,
    /// The record where the block of this height, or the end, should be.
    Block(u64),
}

impl std::fmt::Display for RecordPlace {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Head => formatter.write_str("its head"),
            Self::Election => formatter.write_str("its election"),
            Self::Block(height) => write!(formatter, "the record at height {height}"),
        }
    }
}

impl ArchiveReader<BufReader<File>> {
    /// Opens a file and reads its election.
    ///
    /// # Errors
    /// See [`ArchiveError`].
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        Self::new(BufReader::new(File::open(path)?))
    }
}

impl<R: Read> ArchiveReader<R> {
    /// Reads the head and the election.
    ///
    /// # Errors
    /// See [`ArchiveError`].
    pub fn new(mut reader: R) -> Result<Self, ArchiveError> {
        let format = read_head(&mut reader)?;
        let mut bytes = HEAD_BYTES as u64;
        let place = RecordPlace::Election;
        let record = read_record(&mut reader, 0, place)?;
        bytes += record.bytes();
        let Content::Election(canonical) = record.content(place)? else {
            return Err(damaged(place, "it is another record"));
        };
        let election = Arc::new(Election::from_canonical_bytes(&canonical)?);
        let election_id = election.election_id();
        if format != format_of(&election) {
            return Err(damaged(RecordPlace::Head, "its format is not that of its election"));
        }
        let tip = Header::genesis(&election).hash();
        Ok(Self { reader, format, election, election_id, blocks: 0, tip, is_at_end: false, bytes })
    }

    #[must_use]
    pub fn election(&self) -> &Arc<Election> {
        &self.election
    }

    /// The number of bytes read so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next block's record, which has not been decoded yet, or the next certificate; `None` after the last one,
    /// once the end was found to be valid.
    ///
    /// # Errors
    /// See [`ArchiveError`].
    pub fn next_item(&mut self) -> Result<Option<ArchiveItem>, ArchiveError> {
        if self.is_at_end {
            return Ok(None);
        }
        let number = self.blocks + 1;
        let place = RecordPlace::Block(number);
        let record = read_record(&mut self.reader, number, place)?;
        self.bytes += record.bytes();
        if let Some(tip) = record.block_hash() {
            (self.blocks, self.tip) = (number, tip);
            return Ok(Some(ArchiveItem::Block(record)));
        }
        let (blocks, tip) = match record.content(place)? {
            Content::End { blocks, tip } => (blocks, tip),
            Content::Certificate(certificate) if self.format != FORMAT_UNTIMED => {
                return Ok(Some(ArchiveItem::Certificate(Box::new(certificate), record.bytes())));
            }
            Content::Certificate(_) | Content::Election(_) | Content::Block { .. } => {
                return Err(damaged(place, "it is neither a block nor the end"));
            }
        };
        if (blocks, tip) != (self.blocks, self.tip) {
            let (found, found_tip) = (self.blocks, self.tip);
            let (expected, expected_tip) = (blocks, tip);
            return Err(ArchiveError::OtherEnd { found, found_tip, expected, expected_tip });
        }
        if read_up_to(&mut self.reader, &mut [0])? > 0 {
            return Err(ArchiveError::Trailing);
        }
        self.is_at_end = true;
        Ok(None)
    }

    /// The next block, past certificates; `None` after the last one, once the end was found to be valid.
    ///
    /// # Errors
    /// See [`ArchiveError`].
    pub fn next_block(&mut self) -> Result<Option<Block>, ArchiveError> {
        while let Some(item) = self.next_item()? {
            if let ArchiveItem::Block(record) = item {
                return record.decode(&self.election_id).map(Some);
            }
        }
        Ok(None)
    }
}

impl ArchiveRecord {
    /// Decodes the block if the record is intact. This can be done for many records at the same
    /// time.
    ///
    /// # Errors
    /// When the checksum does not match, or when the content is not a block.
    pub fn decode(&self, election: &ElectionId) -> Result<Block, ArchiveError> {
        let place = RecordPlace::Block(self.number);
        let Content::Block { header, transactions } = self.content(place)? else {
            return Err(damaged(place, "it is no block"));
        };
        let hashed = |each| Arc::new(HashedTransaction::new(each, election));
        Ok(Block { header, transactions: transactions.into_iter().map(hashed).collect() })
    }

    /// The length of the record in the archive.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        (PREFIX_BYTES + self.content.len()) as u64
    }

    /// The hash of the record's block, if it looks like one. Whether the record is intact is not
    /// checked.
    fn block_hash(&self) -> Option<BlockHash> {
        let (variant, rest) = self.content.split_first_chunk()?;
        let header = rest.first_chunk::<HEADER_BYTES>()?;
        (u32::from_le_bytes(*variant) == BLOCK_VARIANT).then(|| BlockHash(sha256(&[header])))
    }

    fn content(&self, place: RecordPlace) -> Result<Content, ArchiveError> {
        if sha256(&[&self.content]) != self.checksum {
            return Err(damaged(place, "its checksum does not match"));
        }
        codec::decode(&self.content).map_err(|error| damaged(place, &error.to_string()))
    }
}

/// Reads the head, and returns the format that it names.
fn read_head(reader: &mut impl Read) -> Result<u32, ArchiveError> {
    let mut found = [0; HEAD_BYTES];
    let length = read_up_to(reader, &mut found)?;
    if let Some(format) = [FORMAT_UNTIMED, FORMAT].into_iter().find(|each| found == head(*each)) {
        return Ok(format);
    }
    if length < MAGIC.len() || !found.starts_with(&MAGIC) {
        return Err(ArchiveError::NotAnArchive);
    }
    if length < HEAD_BYTES {
        return Err(ArchiveError::CutOff { place: RecordPlace::Head });
    }
    // The format is checked before the checksum, because a newer format may place the checksum
    // elsewhere.
    let format = found[MAGIC.len()..].first_chunk().expect("the head is longer");
    match u32::from_le_bytes(*format) {
        found if found > FORMAT => Err(ArchiveError::NewerFormat { found }),
        _ => Err(ArchiveError::DamagedHead),
    }
}

fn read_record(
    reader: &mut impl Read,
    number: u64,
    place: RecordPlace,
) -> Result<ArchiveRecord, ArchiveError> {
    let cut_off = || ArchiveError::CutOff { place };
    let mut prefix = [0; PREFIX_BYTES];
    if read_up_to(reader, &mut prefix)? < PREFIX_BYTES {
        return Err(cut_off());
    }
    let (length, checksum) = prefix.split_first_chunk().expect("a prefix is longer");
    let length = u32::from_le_bytes(*length) as usize;
    if length > RECORD_BYTES_MAX {
        return Err(damaged(place, "its length is impossible"));
    }
    let mut content = vec![0; length];
    if read_up_to(reader, &mut content)? < length {
        return Err(cut_off());
    }
    let checksum = checksum.try_into().expect("the rest of a prefix");
    Ok(ArchiveRecord { number, checksum, content })
}

fn damaged(place: RecordPlace, reason: &str) -> ArchiveError {
    ArchiveError::Damaged { place, reason: reason.to_owned() }
}

/// Fills the buffer, or as much of it as the file has bytes for.
fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
