//! Where peers keep their data unless told: a directory for each election, and in it one for each peer, called after
//! the port at which it first listened.
//!
//! A voter's key lies there. So a peer that listens elsewhere the next time must not silently become another voter.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use protocol::units::ElectionId;

use super::data_directory::{DataDirectoryError, ELECTION_FILE, is_in_use};
use host::files::FileError;
use keys::KEY_FILE;

/// The directory of a peer that was told none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    /// Whether it is that of a voter who listened at another port before.
    pub(crate) is_of_other_port: bool,
}

/// Where a voter's peer keeps its data by default: where it did before at this port, or else where the only voter of
/// this election did whose peer does not run, or else in a new directory.
///
/// # Errors
/// When there are several such voters, or when the system has no place for data.
pub(crate) fn of_voter(election: &ElectionId, port: u16) -> Result<Place, DataDirectoryError> {
    of_voter_in(&of_election(election)?, port)
}

/// Where an observer keeps its data by default. It is nobody, so the port alone tells one from another.
///
/// # Errors
/// When the system has no place for data.
pub(crate) fn of_observer(election: &ElectionId, port: u16) -> Result<Place, DataDirectoryError> {
    let path = of_election(election)?.join(port.to_string());
    Ok(Place { path, is_of_other_port: false })
}

fn of_election(election: &ElectionId) -> Result<PathBuf, DataDirectoryError> {
    Ok(default_root()?.join(&election.to_string()[..16]))
}

fn of_voter_in(directory: &Path, port: u16) -> Result<Place, DataDirectoryError> {
    let path = directory.join(port.to_string());
    let own = Place { path, is_of_other_port: false };
    // Where an observer was, no voter is kept.
    if own.path.join(ELECTION_FILE).is_file() && own.path.join(KEY_FILE).is_file() {
        return Ok(own);
    }
    let mut others = directories_in(directory)?;
    let is_voter = |path: &PathBuf| {
        path.join(ELECTION_FILE).is_file() && path.join(KEY_FILE).is_file() && !is_in_use(path)
    };
    others.retain(is_voter);
    others.sort();
    match others.as_slice() {
        [] => Ok(own),
        [_] => Ok(Place { path: others.remove(0), is_of_other_port: true }),
        _ => Err(DataDirectoryError::SeveralVoters { found: others }),
    }
}

/// The only data directory in the place where peers store their data by default.
///
/// # Errors
/// When there is none, or when there are several.
pub(crate) fn only_default() -> Result<PathBuf, DataDirectoryError> {
    only_below(default_root()?)
}

/// The data directory of the only peer that runs on those in the default place, or else the only one that is there.
///
/// # Errors
/// When there is none, or when it is not clear which one is meant.
pub(crate) fn running_default() -> Result<PathBuf, DataDirectoryError> {
    running_below(default_root()?)
}

fn running_below(root: PathBuf) -> Result<PathBuf, DataDirectoryError> {
    let found = match only_below(root) {
        Err(DataDirectoryError::Several { found }) => found,
        only => return only,
    };
    let mut running: Vec<_> = found.iter().filter(|path| is_in_use(path)).cloned().collect();
    match running.as_slice() {
        [] => Err(DataDirectoryError::Several { found }),
        [_] => Ok(running.remove(0)),
        _ => Err(DataDirectoryError::SeveralRun { found: running }),
    }
}

fn only_below(root: PathBuf) -> Result<PathBuf, DataDirectoryError> {
    let mut found = Vec::new();
    for election in directories_in(&root)? {
        found.extend(directories_in(&election)?);
    }
    found.retain(|path| path.join(ELECTION_FILE).is_file());
    found.sort();
    match found.as_slice() {
        [] => Err(DataDirectoryError::NoneThere { path: root }),
        [_] => Ok(found.remove(0)),
        _ => Err(DataDirectoryError::Several { found }),
    }
}

fn default_root() -> Result<PathBuf, DataDirectoryError> {
    let project = directories::ProjectDirs::from("", "", "ostrakon");
    Ok(project.ok_or(DataDirectoryError::NoDefault)?.data_dir().to_owned())
}

/// The directories in a directory; none if it does not exist.
fn directories_in(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    let failed = |error| FileError::new("read", path, error);
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    Ok(paths.map_err(failed)?.into_iter().filter(|path| path.is_dir()).collect())
}

#[cfg(test)]
mod tests {
    use super::super::data_directory::DataDirectory;
    use super::super::data_directory::tests::election;
    use super::*;

    #[test]
    fn among_several_data_directories_the_one_that_is_used_is_found() {
        let root = tempfile::tempdir().expect("a directory");
        let open = |name: &str| {
            let directory = DataDirectory::open(root.path().join("e").join(name)).expect("new");
            directory.keep_election(&election(1)).expect("kept");
            directory
        };
        let find = || running_below(root.path().to_owned());
        let first = open("6001");
        let path = first.path().to_owned();
        drop(first);
        assert_eq!(find().expect("the only one"), path, "whether it is used or not");
        drop(open("6002"));
        assert!(matches!(find(), Err(DataDirectoryError::Several { .. })), "none is used");
        let first = open("6001");
        assert_eq!(find().expect("the one that is used"), path);
        let second = open("6002");
        let error = find().expect_err("two").to_string();
        assert!(error.contains("peers run on several") && error.contains("6002"), "{error}");
        drop((first, second));
    }

    #[test]
    fn a_voter_stays_the_same_at_another_port() {
        let root = tempfile::tempdir().expect("a directory");
        let choose = |port: u16| of_voter_in(root.path(), port);
        let place = |port: u16, is_of_other_port: bool| Place {
            path: root.path().join(port.to_string()),
            is_of_other_port,
        };
        let make = |port: u16| {
            let directory = DataDirectory::open(place(port, false).path).expect("a directory");
            directory.keep_election(&election(1)).expect("kept");
            directory
        };
        let add_key = |port: u16| {
            fs::write(place(port, false).path.join(KEY_FILE), "a key").expect("written");
        };
        assert_eq!(choose(6_001).expect("nobody is there"), place(6_001, false));
        drop(make(6_001));
        assert_eq!(choose(6_002).expect("no voter"), place(6_002, false));
        add_key(6_001);
        assert_eq!(choose(6_001).expect("the same port"), place(6_001, false));
        assert_eq!(choose(6_002).expect("the only voter"), place(6_001, true));
        let running = make(6_001);
        assert_eq!(choose(6_002).expect("the other one runs"), place(6_002, false));
        drop((running, make(6_002)));
        add_key(6_002);
        assert_eq!(choose(6_002).expect("the same port"), place(6_002, false));
        let several = choose(6_003).expect_err("two voters").to_string();
        assert!(several.contains("6001") && several.contains("6002"), "{several}");
        assert!(several.contains("--data-dir"), "{several}");
    }

    #[test]
    fn the_only_data_directory_is_found() {
        let root = tempfile::tempdir().expect("a directory");
        let only = || only_below(root.path().to_owned());
        assert!(matches!(only(), Err(DataDirectoryError::NoneThere { .. })));
        let (first, second) = (root.path().join("a/6001"), root.path().join("b/6002"));
        fs::create_dir_all(root.path().join("a/empty")).expect("made");
        let make = |path: &PathBuf| {
            let directory = DataDirectory::open(path.clone()).expect("a new directory");
            directory.keep_election(&election(1)).expect("kept");
        };
        make(&first);
        assert_eq!(only().expect("one"), first);
        make(&second);
        let several = only().expect_err("two").to_string();
        assert!(several.contains("a/6001") && several.contains("b/6002"), "{several}");
    }
}
