//! Where the blocks of a large election go: one file, written front to back.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use protocol::block::Block;
use protocol::election::Election;

/// Each of the two parts is led by its length, as `u32`, little-endian: the election's canonical bytes, then
/// header and body of one block after the other.
#[derive(Debug)]
pub(crate) struct Sink {
    file: BufWriter<File>,
}

impl Sink {
    /// # Errors
    /// When the file can't be made.
    pub(crate) fn create(path: &Path, election: &Election) -> io::Result<Self> {
        let mut sink = Self { file: BufWriter::new(File::create(path)?) };
        sink.write(&election.canonical_bytes())?;
        Ok(sink)
    }

    /// # Errors
    /// When the disk does not take it.
    pub(crate) fn append(&mut self, block: &Block) -> io::Result<()> {
        let mut bytes = block.header.to_bytes().to_vec();
        bytes.extend(block.body_bytes());
        self.write(&bytes)
    }

    /// # Errors
    /// When the disk does not take all of it.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.file.write_all(&length.to_le_bytes())?;
        self.file.write_all(bytes)
    }
}
