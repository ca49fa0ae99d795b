//! Writing archives, block by block.

use std::io::{self, Write};
use std::path::Path;

use protocol::block::{Block, Header};
use protocol::codec;
use protocol::election::Election;
use protocol::units::{BlockHash, sha256};

use super::{BLOCK_VARIANT, Content, PREFIX_BYTES, head};
use crate::shell::files::FileError;
use crate::shell::offline::whole_file::{WholeFile, WholeFileError};

/// An archive that is being written; it has its name once it is whole.
#[derive(Debug)]
pub struct ArchiveWriter {
    file: WholeFile,
    blocks: u64,
    tip: BlockHash,
}

impl ArchiveWriter {
    /// Begins an archive.
    ///
    /// # Errors
    /// When `path` is there already, unless `force` says to replace it; or when the disk refuses.
    pub fn create(path: &Path, election: &Election, force: bool) -> Result<Self, WholeFileError> {
        let file = WholeFile::create(path, force)?;
        let mut writer = Self { file, blocks: 0, tip: Header::genesis(election).hash() };
        let election = codec::encode(&Content::Election(election.canonical_bytes()));
        writer.put(|file| file.write_all(&head()))?;
        writer.put_record(&election)?;
        Ok(writer)
    }

    /// Adds the next block, upwards from height 1.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn append(&mut self, block: &Block) -> Result<(), FileError> {
        // A variant's number, then its fields, is what the codec writes for an enum; a block's body is encoded
        // as its transactions are. So nothing has to be cloned; a test compares the bytes.
        let mut content = codec::encode(&(BLOCK_VARIANT, block.header));
        content.extend(block.body_bytes());
        self.put_record(&content)?;
        self.blocks += 1;
        self.tip = block.header.hash();
        Ok(())
    }

    /// Ends the archive, waits until the disk has it, and gives it its name.
    ///
    /// # Errors
    /// When a file of that name was made meanwhile, or the disk refuses.
    pub fn finish(mut self) -> Result<(), WholeFileError> {
        let end = Content::End { blocks: self.blocks, tip: self.tip };
        self.put_record(&codec::encode(&end))?;
        self.file.finish()
    }

    fn put_record(&mut self, content: &[u8]) -> Result<(), FileError> {
        let length = u32::try_from(content.len()).expect("records are far smaller than 4 GiB");
        let mut prefix = [0; PREFIX_BYTES];
        prefix[..4].copy_from_slice(&length.to_le_bytes());
        prefix[4..].copy_from_slice(&sha256(&[content]));
        self.put(|file| file.write_all(&prefix).and_then(|()| file.write_all(content)))
    }

    fn put(
        &mut self,
        write: impl FnOnce(&mut WholeFile) -> io::Result<()>,
    ) -> Result<(), FileError> {
        write(&mut self.file).map_err(|error| self.file.failed(error))
    }
}
