//! The directory that holds everything one peer stores about one election, and the lock that keeps a second process
//! out.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use protocol::election::{CanonicalError, ELECTION_BYTES_MAX, Election};
use protocol::units::ElectionId;

use host::files::{self, FileError, ReadError};
use host::whole_file::{self, Existing, FileMode, WholeFileError};

pub(super) const ELECTION_FILE: &str = "election";
const LOCK_FILE: &str = "lock";
/// The file in which a running peer records its HTTP address.
pub(crate) const URL_FILE: &str = "api.url";
/// The file in which a peer stores the token that authorises orders.
pub(crate) const TOKEN_FILE: &str = "api.token";

/// How often a peer tries to lock a directory before it gives up, and the pause between two
/// attempts. A program that checks whether a peer is running locks the directory for microseconds,
/// and a script may check all the time.
const LOCK_TRIES: u32 = 30;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// A data directory that no other process uses.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
    /// The lock, which is held as long as this value exists.
    _lock: File,
    /// What was not there before: the lock, and directories from the inmost outwards.
    made: Vec<PathBuf>,
}

/// A data directory as a peer left it, which is only read.
#[derive(Debug)]
pub(crate) struct ReadOnlyDirectory {
    pub(crate) election: Election,
    /// The lock, if there is one, which is held as long as this value exists.
    _lock: Option<File>,
}

/// The reason why a data directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirectoryError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Write(#[from] WholeFileError),
    #[error("this system names no directory for data: name one by --data-dir")]
    NoDefault,
    #[error("another process uses {path}: end it first, or give this peer its own --data-dir", path = path.display())]
    InUse { path: PathBuf },
    #[error("a peer runs on {path}: end it first", path = path.display())]
    Running { path: PathBuf },
    #[error("{path} is no data directory: no election is kept there", path = path.display())]
    NoElection { path: PathBuf },
    #[error("{path} keeps no data directory: name one by --data-dir", path = path.display())]
    NoneThere { path: PathBuf },
    #[error("there are several data directories: name one of them by --data-dir: {}", list(found))]
    Several { found: Vec<PathBuf> },
    #[error(
        "several voters of this election are kept on this machine: name the directory of one of them by --data-dir, or a new one: {}",
        list(found)
    )]
    SeveralVoters { found: Vec<PathBuf> },
    #[error(
        "peers run on several data directories: name one of them by --data-dir: {}",
        list(found)
    )]
    SeveralRun { found: Vec<PathBuf> },
    #[error("{path} holds no election ({reason}): remove it, and the election is fetched again", path = path.display())]
    BadElection { path: PathBuf, reason: CanonicalError },
    #[error("{path} holds no election (it has over {ELECTION_BYTES_MAX} bytes): remove it, and the election is fetched again", path = path.display())]
    LongElection { path: PathBuf },
    #[error("{path} belongs to election {found}, not {expected}: give each election its own --data-dir", path = path.display())]
    OtherElection { path: PathBuf, found: ElectionId, expected: ElectionId },
}

fn list(paths: &[PathBuf]) -> String {
    let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    names.join(", ")
}

/// The election that a data directory stores, if there is one.
///
/// # Errors
/// When the copy can't be read or is damaged.
pub(crate) fn read_election(directory: &Path) -> Result<Option<Election>, DataDirectoryError> {
    let path = directory.join(ELECTION_FILE);
    match files::read(&path, ELECTION_BYTES_MAX as u64) {
        Ok(bytes) => Election::from_canonical_bytes(&bytes)
            .map(Some)
            .map_err(|reason| DataDirectoryError::BadElection { path, reason }),
        Err(ReadError::TooLong { path, .. }) => Err(DataDirectoryError::LongElection { path }),
        Err(ReadError::File(error)) if error.source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(ReadError::File(error)) => Err(error.into()),
    }
}

/// Whether a peer is using a directory. Files that a killed peer left there do not say who listens
/// at its address now.
pub(crate) fn is_in_use(path: &Path) -> bool {
    let lock = File::open(path.join(LOCK_FILE));
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

impl ReadOnlyDirectory {
    /// Locks a directory, together with others that only read it, and reads its election. Nothing
    /// in it is changed.
    ///
    /// # Errors
    /// When a peer is using it, or when it stores no election.
    pub(crate) fn open(path: &Path) -> Result<Self, DataDirectoryError> {
        let election = read_election(path)?
            .ok_or_else(|| DataDirectoryError::NoElection { path: path.to_owned() })?;
        let lock_path = path.join(LOCK_FILE);
        let lock = match File::open(&lock_path) {
            // A copy of a directory may lack the lock file. If it is missing, no peer is running.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            lock => Some(lock.map_err(|error| FileError::new("open", &lock_path, error))?),
        };
        match lock.as_ref().map_or(Ok(()), File::try_lock_shared) {
            Ok(()) => Ok(Self { election, _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(DataDirectoryError::Running { path: path.to_owned() })
            }
            Err(TryLockError::Error(error)) => {
                Err(FileError::new("lock", &lock_path, error).into())
            }
        }
    }
}

impl DataDirectory {
    /// Makes the directory if it does not exist, readable only by its owner, and locks it.
    ///
    /// # Errors
    /// See [`DataDirectoryError`].
    pub(crate) fn open(path: PathBuf) -> Result<Self, DataDirectoryError> {
        let failed = |error| FileError::new("make the directory", &path, error);
        let lock_path = path.join(LOCK_FILE);
        let missing =
            lock_path.ancestors().take_while(|each| *each != Path::new("") && !each.exists());
        let made = missing.map(Path::to_owned).collect();
        make_private(&path).map_err(failed)?;
        let failed = |error| FileError::new("open", &lock_path, error);
        let lock = File::options().create(true).append(true).open(&lock_path).map_err(failed)?;
        match try_lock(&lock) {
            // Whoever used the directory until now has taken it back.
            Ok(()) if !is_at(&lock, &lock_path) => Err(DataDirectoryError::InUse { path }),
            Ok(()) => {
                let url = path.join(URL_FILE);
                match fs::remove_file(&url) {
                    // A killed peer left this file. Whoever listens at that address now must not be
                    // mistaken for this peer.
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        Err(FileError::new("remove", &url, error).into())
                    }
                    Err(_) | Ok(()) => Ok(Self { path, _lock: lock, made }),
                }
            }
            Err(TryLockError::WouldBlock) => Err(DataDirectoryError::InUse { path }),
            Err(TryLockError::Error(error)) => {
                Err(FileError::new("lock", &lock_path, error).into())
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes back what [`Self::open`] made, because nothing came to lie in it. What was there before stays.
    pub(crate) fn discard(self) {
        let [lock, directories @ ..] = self.made.as_slice() else { return };
        let mut removed = fs::remove_file(lock);
        for directory in directories {
            // A directory that holds something is not removed, nor are those around it. Why it was to be taken back is
            // told anyway.
            removed = removed.and_then(|()| fs::remove_dir(directory));
        }
    }

    /// Whether a copy of the election is stored here already.
    ///
    /// # Errors
    /// When the directory belongs to another election, or when it can't be read.
    pub(crate) fn keeps_election(&self, election: &Election) -> Result<bool, DataDirectoryError> {
        match read_election(&self.path)? {
            None => Ok(false),
            Some(kept) if kept == *election => Ok(true),
            Some(kept) => Err(DataDirectoryError::OtherElection {
                path: self.path.clone(),
                found: kept.election_id(),
                expected: election.election_id(),
            }),
        }
    }

    /// Stores a copy of the election, so that the peer can restart without its tracker.
    ///
    /// # Errors
    /// When the directory belongs to another election, or when the disk fails.
    pub(crate) fn keep_election(&self, election: &Election) -> Result<(), DataDirectoryError> {
        if !self.keeps_election(election)? {
            let path = self.path.join(ELECTION_FILE);
            whole_file::write(
                &path,
                &election.canonical_bytes(),
                Existing::Replace,
                FileMode::Default,
            )?;
        }
        Ok(())
    }
}

impl DataDirectory {
    /// Takes back the copy of the election, because nothing came of what it was stored for.
    pub(crate) fn forget_election(&self) {
        // Why it was to be taken back is told anyway.
        let _ = fs::remove_file(self.path.join(ELECTION_FILE));
    }
}

fn try_lock(lock: &File) -> Result<(), TryLockError> {
    for _ in 1..LOCK_TRIES {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            outcome => return outcome,
        }
    }
    lock.try_lock()
}

/// Whether this open file is the one that has this name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let found = file.metadata().and_then(|open| Ok(place(open) == place(fs::metadata(path)?)));
    found.unwrap_or(false)
}

/// Other systems do not give an open file's name to another one.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

/// Makes a directory that only its owner can read, if it does not exist.
///
/// # Errors
/// When the disk fails.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use protocol::admission::AdmissionRule;
    use protocol::election::Question;
    use protocol::units::UnixMillis;

    use super::*;

    pub(in crate::store) fn election(id: u8) -> Election {
        Election {
            id: [id; 16],
            title: "Board".into(),
            created: UnixMillis(1_700_000_000_000),
            difficulty_bits: 8,
            admission: AdmissionRule::Open { registration_bits: 4, max_voters: None },
            block_bytes_max: 64 * 1024,
            questions: vec![Question {
                title: "Chair".into(),
                options: vec!["Ada".into(), "Grace".into()],
                choices_min: 0,
                choices_max: 1,
            }],
            block_interval_s: None,
            times: None,
        }
    }

    #[test]
    fn a_second_process_is_refused() {
        let parent = tempfile::tempdir().expect("a directory");
        let path = parent.path().join("a/b");
        let first = DataDirectory::open(path.clone()).expect("a new directory");
        let refused = DataDirectory::open(path.clone()).expect_err("in use");
        assert!(matches!(refused, DataDirectoryError::InUse { .. }), "{refused}");
        assert!(is_in_use(&path));
        drop(first);
        assert!(!is_in_use(&path));
        fs::write(path.join(URL_FILE), "http://127.0.0.1:1").expect("left by one that was killed");
        DataDirectory::open(path.clone()).expect("free again");
        assert!(!path.join(URL_FILE).exists());
    }

    #[test]
    fn looking_whether_a_peer_runs_keeps_none_from_starting() {
        let parent = tempfile::tempdir().expect("a directory");
        let path = parent.path().join("a");
        drop(DataDirectory::open(path.clone()).expect("a new directory"));
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    is_in_use(&path);
                }
            });
            let opened = (0..200).try_for_each(|_| DataDirectory::open(path.clone()).map(drop));
            is_over.store(true, Ordering::Relaxed);
            opened.expect("it was free each time");
        });
    }

    #[cfg(unix)]
    #[test]
    fn a_new_directory_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().expect("a directory");
        let directory = DataDirectory::open(parent.path().join("a")).expect("a new directory");
        let mode = fs::metadata(directory.path()).expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_directory_is_read_while_no_peer_runs_on_it() {
        let parent = tempfile::tempdir().expect("a directory");
        let path = parent.path().join("a");
        let directory = DataDirectory::open(path.clone()).expect("a new directory");
        let refused = |reason: &str| {
            let refused = ReadOnlyDirectory::open(&path).expect_err(reason).to_string();
            assert!(refused.contains(reason), "{refused}");
        };
        refused("no election is kept there");
        directory.keep_election(&election(1)).expect("kept");
        refused("a peer runs on");
        drop(directory);
        let read_only = ReadOnlyDirectory::open(&path).expect("nobody runs");
        assert_eq!(read_only.election, election(1));
        ReadOnlyDirectory::open(&path).expect("readers do not keep each other away");
        let peer = DataDirectory::open(path.clone()).expect_err("it is being read");
        assert!(matches!(peer, DataDirectoryError::InUse { .. }), "{peer}");
        drop(read_only);
        fs::remove_file(path.join(LOCK_FILE)).expect("removed");
        ReadOnlyDirectory::open(&path).expect("a copy without the lock");
        assert!(!path.join(LOCK_FILE).exists());
    }

    #[test]
    fn the_election_is_kept_and_guarded() {
        let parent = tempfile::tempdir().expect("a directory");
        let directory = DataDirectory::open(parent.path().to_owned()).expect("a directory");
        assert_eq!(read_election(directory.path()).expect("no election"), None);
        directory.keep_election(&election(1)).expect("kept");
        directory.keep_election(&election(1)).expect("the same again");
        assert_eq!(read_election(directory.path()).expect("an election"), Some(election(1)));
        let refused = directory.keep_election(&election(2)).expect_err("another election");
        assert!(matches!(refused, DataDirectoryError::OtherElection { .. }), "{refused}");
        fs::write(directory.path().join(ELECTION_FILE), [1, 0, 9]).expect("written");
        let refused = read_election(directory.path()).expect_err("damaged");
        assert!(refused.to_string().contains("remove it"), "{refused}");
    }

    #[test]
    fn a_stored_election_is_read_up_to_its_bound() {
        let directory = tempfile::tempdir().expect("a directory");
        let refused = |length: usize| {
            fs::write(directory.path().join(ELECTION_FILE), vec![0; length]).expect("written");
            read_election(directory.path()).expect_err("zeros are no election")
        };
        let longest = refused(ELECTION_BYTES_MAX);
        assert!(matches!(longest, DataDirectoryError::BadElection { .. }), "{longest}");
        let longer = refused(ELECTION_BYTES_MAX + 1);
        assert!(matches!(longer, DataDirectoryError::LongElection { .. }), "{longer}");
        assert!(longer.to_string().contains("(it has over 65536 bytes): remove it"), "{longer}");
    }

    #[cfg(unix)]
    #[test]
    fn a_stored_election_that_never_ends_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(ELECTION_FILE);
        std::os::unix::fs::symlink("/dev/zero", path).expect("linked");
        let refused = read_election(directory.path()).expect_err("it has no end");
        assert!(matches!(refused, DataDirectoryError::LongElection { .. }), "{refused}");
    }
}
