//! Files that are whole if they have their name: written under another one first.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::files::{self, FileError};

/// Names that are tried for what is not finished; each that is taken was left by a process that was killed.
const NAMES_MAX: u32 = 100;

/// Why there is no file. One line each.
#[derive(Debug, thiserror::Error)]
pub enum WholeFileError {
    #[error("{path} is there already: name another file, or replace it by --force", path = path.display())]
    Exists { path: PathBuf },
    #[error(transparent)]
    File(#[from] FileError),
}

/// A file that is being written.
#[derive(Debug)]
pub struct WholeFile {
    path: PathBuf,
    unfinished: Unfinished,
    file: BufWriter<File>,
    force: bool,
}

/// A file that goes unless it is renamed.
#[derive(Debug)]
struct Unfinished(PathBuf);

impl WholeFile {
    /// Begins a file beside `path`, under a name that nothing has; where `path` is a link to a file that is replaced, beside
    /// that file, so that whoever else has a link to it sees the new one.
    ///
    /// # Errors
    /// When `path` is there already, unless `force` says to replace it; or when the disk refuses.
    pub fn create(path: &Path, force: bool) -> Result<Self, WholeFileError> {
        refuse_existing(path, force)?;
        let led_to = fs::canonicalize(path).ok().filter(|_| path.is_symlink());
        let path = led_to.as_deref().unwrap_or(path);
        let (unfinished, file) =
            create_beside(path).map_err(|error| FileError::new("write", path, error))?;
        Ok(Self { path: path.to_owned(), unfinished, file: BufWriter::new(file), force })
    }

    /// Waits until the disk has the file, and gives it its name.
    ///
    /// # Errors
    /// When a file of that name was made meanwhile, or the disk refuses.
    pub fn finish(mut self) -> Result<(), WholeFileError> {
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(|error| self.failed(error))?;
        refuse_existing(&self.path, self.force)?;
        let named = fs::rename(&self.unfinished.0, &self.path)
            .and_then(|()| files::sync_directory(files::directory_of(&self.path)));
        Ok(named.map_err(|error| self.failed(error))?)
    }

    /// What the disk said, with the file's name.
    pub fn failed(&self, error: io::Error) -> FileError {
        FileError::new("write", &self.path, error)
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It has another name by now, or nobody wants it.
        let _ = fs::remove_file(&self.0);
    }
}

/// What is there already may be somebody's, lead elsewhere, or be written by another process right now.
fn create_beside(path: &Path) -> io::Result<(Unfinished, File)> {
    let mut number = 1;
    loop {
        let unfinished = match number {
            1 => path.with_added_extension("new"),
            _ => path.with_added_extension(format!("new-{number}")),
        };
        match File::create_new(&unfinished) {
            Ok(file) => return Ok((Unfinished(unfinished), file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < NAMES_MAX => {
                number += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn refuse_existing(path: &Path, force: bool) -> Result<(), WholeFileError> {
    if !force && path.try_exists().map_err(|error| FileError::new("read", path, error))? {
        return Err(WholeFileError::Exists { path: path.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beside_a_file_is_left_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("votes.csv");
        let other = directory.path().join("votes.csv.new");
        fs::write(&other, "somebody's").expect("there is room");
        let mut first = WholeFile::create(&path, false).expect("there is room");
        let mut second = WholeFile::create(&path, true).expect("there is room");
        first.write_all(b"first").expect("there is room");
        second.write_all(b"second").expect("there is room");
        first.finish().expect("nothing has its name");
        assert_eq!(fs::read(&path).expect("it is whole"), b"first");
        second.finish().expect("it may replace the first");
        assert_eq!(fs::read(&path).expect("it is whole"), b"second");
        assert_eq!(fs::read(&other).expect("untouched"), b"somebody's");
        assert_eq!(fs::read_dir(directory.path()).expect("readable").count(), 2);
    }
    #[cfg(unix)]
    #[test]
    fn a_link_goes_on_to_lead_to_what_is_replaced() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, link) = (directory.path().join("a.jsonl"), directory.path().join("link.jsonl"));
        fs::write(&path, "former").expect("there is room");
        std::os::unix::fs::symlink("a.jsonl", &link).expect("a link");
        WholeFile::create(&link, false).expect_err("it is there");
        let mut file = WholeFile::create(&link, true).expect("it may be replaced");
        file.write_all(b"latter").expect("there is room");
        file.finish().expect("it may be replaced");
        assert_eq!(fs::read(&path).expect("it is whole"), b"latter");
        assert!(link.is_symlink());
    }
}
