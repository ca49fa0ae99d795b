//! The command `peer man DIR`, which writes the pages of the manual as files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::pages::man_pages;
use host::files::FileError;
use host::output::print;
use host::whole_file::{self, Existing, FileMode, WholeFileError};

/// Why pages are not written. One line each.
#[derive(Debug, thiserror::Error)]
pub enum ManualError {
    #[error("{path} is there already: name another directory, or replace the pages by --force", path = .0.display())]
    Exists(PathBuf),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("can't write to stdout: {}", host::reason::of(.0))]
    Stdout(#[from] io::Error),
}

/// Writes one page per command into a directory, which is made if it is not there, and says so.
///
/// # Errors
/// When a page is there already and is not to be replaced, which is looked at before the first one is written; or the
/// disk refuses.
pub fn write_man_pages(directory: &Path, force: bool) -> Result<(), ManualError> {
    let pages = man_pages();
    let there = pages.iter().map(|page| directory.join(&page.name)).find(|path| path.exists());
    if let (Some(path), false) = (there, force) {
        return Err(ManualError::Exists(path));
    }
    fs::create_dir_all(directory)
        .map_err(|error| FileError::new("make the directory", directory, error))?;
    for page in &pages {
        let path = directory.join(&page.name);
        write_page(&path, &page.text, force)?;
    }
    print(&format!("wrote {} pages into {}\n", pages.len(), directory.display()))?;
    Ok(())
}

fn write_page(path: &Path, text: &str, force: bool) -> Result<(), ManualError> {
    match whole_file::write(path, text.as_bytes(), Existing::replace_if(force), FileMode::Default) {
        Err(WholeFileError::Exists { path }) => Err(ManualError::Exists(path)),
        Err(WholeFileError::File(error)) => Err(error.into()),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_none_is_replaced_unasked() {
        let parent = tempfile::tempdir().expect("a directory");
        let directory = parent.path().join("man");
        write_man_pages(&directory, false).expect("written");
        for name in ["peer.1", "peer-vote.1", "peer-ballot-show.1", "peer-man.1"] {
            let text = fs::read_to_string(directory.join(name)).expect(name);
            assert!(text.contains(".SH SYNOPSIS"), "{name}: {text}");
        }
        let vote = fs::read_to_string(directory.join("peer-vote.1")).expect("a page");
        assert!(vote.contains("OSTRAKON_SERVER"), "{vote}");
        fs::remove_file(directory.join("peer.1")).expect("removed");
        let refused = write_man_pages(&directory, false).expect_err("pages are there").to_string();
        assert!(refused.contains("--force"), "{refused}");
        assert!(!directory.join("peer.1").exists(), "nothing was written");
        fs::write(directory.join("peer-vote.1"), "old").expect("written");
        write_man_pages(&directory, true).expect("replaced");
        assert_eq!(fs::read_to_string(directory.join("peer-vote.1")).expect("a page"), vote);
    }
}
