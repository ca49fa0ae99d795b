//! Writes archives block by block, into a file or as pieces of an HTTP answer.

use std::io::{self, Write};
use std::path::Path;

use protocol::block::{Block, Header};
use protocol::codec;
use protocol::election::Election;
use protocol::finality::Certificate;
use protocol::units::{BlockHash, sha256};

use super::{BLOCK_VARIANT, Content, PREFIX_BYTES, format_of, head};
use host::files::FileError;
use host::whole_file::{Existing, FileMode, WholeFile, WholeFileError};

/// Produces the bytes of an archive, piece by piece.
#[derive(Debug)]
pub(crate) struct ArchiveEncoder {
    blocks: u64,
    tip: BlockHash,
}

/// An archive that is being written. It gets its name only when it is complete.
#[derive(Debug)]
pub struct ArchiveWriter {
    file: WholeFile,
    encoder: ArchiveEncoder,
}

impl ArchiveEncoder {
    /// Starts an archive, and returns its first bytes.
    pub(crate) fn begin(election: &Election) -> (Self, Vec<u8>) {
        let mut bytes = head(format_of(election)).to_vec();
        bytes.extend(record(&codec::encode(&Content::Election(election.canonical_bytes()))));
        (Self { blocks: 0, tip: Header::genesis(election).hash() }, bytes)
    }

    /// Encodes the next block, in ascending order from height 1.
    pub(crate) fn block(&mut self, block: &Block) -> Vec<u8> {
        // The codec writes an enum as the number of the variant followed by its fields, and a
        // block's body in the same way as its transactions. Nothing therefore has to be cloned; a
        // test compares the bytes.
        let mut content = codec::encode(&(BLOCK_VARIANT, block.header));
        content.extend(block.body_bytes());
        self.blocks += 1;
        self.tip = block.header.hash();
        record(&content)
    }

    /// Encodes a certificate for the block that was encoded last.
    pub(crate) fn certificate(&self, certificate: &Certificate) -> Vec<u8> {
        record(&codec::encode(&Content::Certificate(certificate.clone())))
    }

    /// The last bytes.
    pub(crate) fn end(&self) -> Vec<u8> {
        record(&codec::encode(&Content::End { blocks: self.blocks, tip: self.tip }))
    }
}

impl ArchiveWriter {
    /// Starts an archive.
    ///
    /// # Errors
    /// When `path` exists already, unless `force` allows it to be replaced, or when the disk fails.
    pub fn create(path: &Path, election: &Election, force: bool) -> Result<Self, WholeFileError> {
        let file = WholeFile::create(path, Existing::replace_if(force), FileMode::Default)?;
        let (encoder, bytes) = ArchiveEncoder::begin(election);
        let mut writer = Self { file, encoder };
        writer.put(&bytes)?;
        Ok(writer)
    }

    /// Adds the next block, in ascending order from height 1.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn append(&mut self, block: &Block) -> Result<(), FileError> {
        let bytes = self.encoder.block(block);
        self.put(&bytes)
    }

    /// Adds a certificate for the block that was added last. Only archives of elections with validators have any.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn certify(&mut self, certificate: &Certificate) -> Result<(), FileError> {
        let bytes = self.encoder.certificate(certificate);
        self.put(&bytes)
    }

    /// Ends the archive, waits until it is on the disk, and gives it its name.
    ///
    /// # Errors
    /// When a file with that name was made in the meantime, or when the disk fails.
    pub fn finish(mut self) -> Result<(), WholeFileError> {
        let bytes = self.encoder.end();
        self.put(&bytes)?;
        self.file.finish()
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let written: io::Result<()> = self.file.write_all(bytes);
        written.map_err(|error| self.file.failed(error))
    }
}

/// Encodes a record: its length, its checksum and its content.
fn record(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("records are far smaller than 4 GiB");
    let mut bytes = Vec::with_capacity(PREFIX_BYTES + content.len());
    bytes.extend(length.to_le_bytes());
    bytes.extend(sha256(&[content]));
    bytes.extend(content);
    bytes
}
