//! The files of a database: names in one directory, and the bytes behind each name in the form that redb needs. Tests
//! replace the directory by one that loses power or fails.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use redb::backends::FileBackend;

use super::backend::Backend;
use host::files;

/// The file of the database.
pub(super) const CHAIN_FILE: &str = "chain.redb";
/// A database that is being made. It means nothing until it gets the name above.
pub(super) const UNFINISHED_FILE: &str = "chain.redb.new";
/// The database as it was before the most recent damage was repaired.
pub(super) const DAMAGED_FILE: &str = "chain.redb.damaged";

/// The purpose for which a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
    /// For writing. The file is emptied first, or created if it does not exist.
    Create,
}

/// A directory.
pub(super) trait Volume: fmt::Debug + Send + Sync {
    fn exists(&self, name: &str) -> io::Result<bool>;
    fn open(&self, name: &str, access: Access) -> io::Result<Backend>;
    /// Gives a file a second name, replacing whatever had that name. If the file system does not
    /// support this, the file is copied.
    fn link(&self, from: &str, to: &str) -> io::Result<()>;
    /// Renames a file, replacing whatever had the new name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file. It is not an error if the file does not exist.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes the names in the directory durable.
    fn sync(&self) -> io::Result<()>;
    /// The path by which a user knows the file.
    fn path(&self, name: &str) -> PathBuf;
}

/// A real directory of the operating system.
#[derive(Debug)]
pub(super) struct FileVolume {
    pub(super) directory: PathBuf,
}

impl Volume for FileVolume {
    fn exists(&self, name: &str) -> io::Result<bool> {
        self.path(name).try_exists()
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Backend> {
        let mut options = File::options();
        options.read(true).write(access != Access::Read);
        if access == Access::Create {
            options.create(true).truncate(true);
        }
        let file = options.open(self.path(name))?;
        FileBackend::new(file).map(Backend::new).map_err(io::Error::other)
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.remove(to)?;
        // FAT and some network file systems do not support hard links.
        fs::hard_link(self.path(from), self.path(to)).or_else(|_| self.copy(from, to))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Err(_) | Ok(()) => Ok(()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        files::sync_directory(&self.directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl FileVolume {
    /// Leaves a complete durable copy, or none.
    fn copy(&self, from: &str, to: &str) -> io::Result<()> {
        let copied = fs::copy(self.path(from), self.path(to));
        let copied =
            copied.and_then(|_| File::options().write(true).open(self.path(to))?.sync_all());
        if copied.is_err() {
            self.remove(to)?;
        }
        copied
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_name_replaces_a_first_and_so_does_a_copy() {
        let directory = tempfile::tempdir().expect("a directory");
        let volume = FileVolume { directory: directory.path().to_owned() };
        fs::write(volume.path("one"), "first").expect("written");
        fs::write(volume.path("two"), "a longer second").expect("written");
        volume.link("one", "two").expect("linked");
        assert_eq!(fs::read(volume.path("two")).expect("a file"), b"first");
        volume.copy("one", "three").expect("copied");
        fs::write(volume.path("one"), "changed").expect("written");
        assert_eq!(fs::read(volume.path("two")).expect("a file"), b"changed");
        assert_eq!(fs::read(volume.path("three")).expect("a file"), b"first");
        volume.copy("missing", "three").expect_err("there is none");
        assert!(!volume.exists("three").expect("a directory"));
    }
}
