//! Finds out which election a peer takes part in, using only what is on this machine: no tracker is asked.

use std::path::{Path, PathBuf};

use protocol::ballot_file::{self, BallotFileError, FILE_BYTES_MAX};
use protocol::election::{CreatedAhead, Election};
use protocol::units::ElectionId;

use super::data_directory::{self, DataDirectoryError};
use super::default_places::{self, Place};
use crate::config::Settings;
use host::clock;
use host::files::{self, ReadError};
use node::Role;

/// The file from which a peer without a tracker takes its election by default.
pub(crate) const BALLOT_DEFAULT: &str = "ballot.toml";

/// The reason why a ballot can't be read, or is not the one that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum LocalElectionError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{path}: {reason}", path = path.display())]
    Ballot { path: PathBuf, reason: Box<BallotFileError> },
    #[error("{path}: {reason}", path = path.display())]
    Created { path: PathBuf, reason: CreatedAhead },
    #[error(
        "{what} is election {found}, and --election asks for {expected}: leave one of them out"
    )]
    OtherElection { what: String, found: ElectionId, expected: ElectionId },
    #[error("election {election} is not in {path}: name its tracker, or its --ballot", path = path.display())]
    UnknownElection { election: ElectionId, path: PathBuf },
    #[error(transparent)]
    DataDirectory(#[from] DataDirectoryError),
}

/// The election as far as this machine knows it, from `--ballot`, from the data directory, or from
/// ./ballot.toml.
///
/// # Errors
/// See [`LocalElectionError`].
pub(crate) fn local_election(
    settings: &Settings,
    port: u16,
) -> Result<Option<Election>, LocalElectionError> {
    let has_tracker = !settings.trackers.is_empty();
    let expect = |what: &Path, election: Election| match settings.election {
        Some(expected) if expected != election.election_id() => {
            let (what, found) = (what.display().to_string(), election.election_id());
            Err(LocalElectionError::OtherElection { what, found, expected })
        }
        _ => Ok(Some(election)),
    };
    if let Some(path) = &settings.ballot {
        return expect(path, read_begun_ballot(path)?);
    }
    let kept_in = match (&settings.data_dir, settings.election) {
        (Some(path), _) => Some(path.clone()),
        (None, Some(election)) => Some(default_place(settings, &election, port)?.path),
        (None, None) => None,
    };
    if let Some(path) = kept_in {
        if let Some(election) = data_directory::read_election(&path)? {
            return expect(&path, election);
        }
        if let (Some(election), false) = (settings.election, has_tracker) {
            return Err(LocalElectionError::UnknownElection { election, path });
        }
    }
    if has_tracker { Ok(None) } else { read_begun_ballot(Path::new(BALLOT_DEFAULT)).map(Some) }
}

/// Where a peer keeps its data that was not told where.
///
/// # Errors
/// When it can't be chosen for the user.
pub(crate) fn default_place(
    settings: &Settings,
    election: &ElectionId,
    port: u16,
) -> Result<Place, DataDirectoryError> {
    match settings.role {
        Role::Observer => default_places::of_observer(election, port),
        Role::Ordinary | Role::Laboratory => default_places::of_voter(election, port),
    }
}

/// Reads a ballot file whose election has begun by this machine's clock.
///
/// # Errors
/// See [`read_ballot`], and [`LocalElectionError::Created`].
pub(crate) fn read_begun_ballot(path: &Path) -> Result<Election, LocalElectionError> {
    let election = read_ballot(path)?;
    let begun = election.check_created(clock::unix_now());
    begun.map_err(|reason| LocalElectionError::Created { path: path.to_owned(), reason })?;
    Ok(election)
}

/// Reads a ballot file of an election that nobody takes part in yet, so that its texts can still be mended.
///
/// # Errors
/// See [`read_begun_ballot`]. Texts that mislead are mistakes too.
pub(crate) fn read_new_ballot(path: &Path) -> Result<NewBallotFile, LocalElectionError> {
    let text = files::read_text(path, FILE_BYTES_MAX)?;
    ballot_file::parse_new(&text).map_err(|reason| bad_ballot(path, reason))?;
    let election = read_begun_ballot(path)?;
    Ok(NewBallotFile { election, keys_in_hex: ballot_file::keys_in_hex(&text) })
}

/// What a ballot file holds that nobody voted by yet.
#[derive(Debug)]
pub(crate) struct NewBallotFile {
    pub(crate) election: Election,
    /// How many of its registrars' keys are written without a checksum.
    pub(crate) keys_in_hex: usize,
}

/// Reads a ballot file.
///
/// # Errors
/// When it can't be read, or when it contains a mistake (the first one is reported).
pub(crate) fn read_ballot(path: &Path) -> Result<Election, LocalElectionError> {
    let text = files::read_text(path, FILE_BYTES_MAX)?;
    ballot_file::parse(&text).map_err(|reason| bad_ballot(path, reason))
}

fn bad_ballot(path: &Path, reason: BallotFileError) -> LocalElectionError {
    LocalElectionError::Ballot { path: path.to_owned(), reason: Box::new(reason) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ballot.toml");

    #[test]
    fn a_ballot_is_as_long_as_it_may_be_and_no_longer() {
        let sample = std::fs::read_to_string(SAMPLE).expect("the sample ballot");
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("long.toml");
        let read = |length: u64| {
            let comment = usize::try_from(length).expect("it is small") - sample.len() - 1;
            let text = format!("{sample}#{}", "x".repeat(comment));
            std::fs::write(&path, text).expect("written");
            read_ballot(&path)
        };
        let election = read(FILE_BYTES_MAX).expect("it has as many bytes as it may have");
        assert_eq!(election, ballot_file::parse(&sample).expect("it is good"));
        let refused = read(FILE_BYTES_MAX + 1).expect_err("one byte too many").to_string();
        assert!(refused.contains("long.toml has over 1048576 bytes"), "{refused}");
    }

    #[cfg(unix)]
    #[test]
    fn a_ballot_that_never_ends_is_refused() {
        let refused = read_ballot(Path::new("/dev/zero")).expect_err("it has no end");
        assert!(matches!(refused, LocalElectionError::Read(ReadError::TooLong { .. })));
    }
}
