//! Archives are written under another name first, so that a file with the name that was asked for is whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use protocol::block::{Block, Header};
use protocol::codec;
use protocol::election::Election;
use protocol::units::{BlockHash, sha256};

use super::{BLOCK_VARIANT, Content, PREFIX_BYTES, head};
use crate::shell::files::{self, FileError};

/// An archive that is being written.
#[derive(Debug)]
pub struct ArchiveWriter {
    path: PathBuf,
    unfinished: Unfinished,
    file: BufWriter<File>,
    force: bool,
    blocks: u64,
    tip: BlockHash,
}

/// Why there is no archive. One line each.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveWriteError {
    #[error("{path} is there already: name another file, or replace it by --force", path = path.display())]
    Exists { path: PathBuf },
    #[error(transparent)]
    File(#[from] FileError),
}

/// A file that goes unless it is renamed.
#[derive(Debug)]
struct Unfinished(PathBuf);

impl ArchiveWriter {
    /// Begins an archive beside `path`; what an earlier one left unfinished there is replaced.
    ///
    /// # Errors
    /// When `path` is there already, unless `force` says to replace it; or when the disk refuses.
    pub fn create(
        path: &Path,
        election: &Election,
        force: bool,
    ) -> Result<Self, ArchiveWriteError> {
        refuse_existing(path, force)?;
        let unfinished = path.with_added_extension("new");
        let file =
            File::create(&unfinished).map_err(|error| FileError::new("write", path, error))?;
        let mut writer = Self {
            path: path.to_owned(),
            unfinished: Unfinished(unfinished),
            file: BufWriter::new(file),
            force,
            blocks: 0,
            tip: Header::genesis(election).hash(),
        };
        let election = codec::encode(&Content::Election(election.canonical_bytes()));
        writer.put(&head())?;
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
    pub fn finish(mut self) -> Result<(), ArchiveWriteError> {
        let end = Content::End { blocks: self.blocks, tip: self.tip };
        self.put_record(&codec::encode(&end))?;
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(|error| self.failed(error))?;
        refuse_existing(&self.path, self.force)?;
        let named = fs::rename(&self.unfinished.0, &self.path)
            .and_then(|()| files::sync_directory(directory_of(&self.path)));
        Ok(named.map_err(|error| self.failed(error))?)
    }

    fn put_record(&mut self, content: &[u8]) -> Result<(), FileError> {
        let length = u32::try_from(content.len()).expect("records are far smaller than 4 GiB");
        let mut prefix = [0; PREFIX_BYTES];
        prefix[..4].copy_from_slice(&length.to_le_bytes());
        prefix[4..].copy_from_slice(&sha256(&[content]));
        self.put(&prefix)?;
        self.put(content)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.file.write_all(bytes).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> FileError {
        FileError::new("write", &self.path, error)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It has another name by now, or nobody wants it.
        let _ = fs::remove_file(&self.0);
    }
}

fn refuse_existing(path: &Path, force: bool) -> Result<(), ArchiveWriteError> {
    if !force && path.try_exists().map_err(|error| FileError::new("read", path, error))? {
        return Err(ArchiveWriteError::Exists { path: path.to_owned() });
    }
    Ok(())
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}
