//! The validator that this peer is: its key, and signing with it. The key never leaves this module, and what may be
//! signed is the node's to decide.

use std::path::PathBuf;

use protocol::election::Election;
use protocol::finality::{Commit, Prepare, Presence};
use protocol::keys::VoterKey;
use protocol::units::ElectionId;

use super::PeerError;
use crate::config::ValidatorSettings;
use keys::{KeyFile, KeyFileError, KeyRole, PassphraseError, passphrase};
use node::{OwnValidator, Signed, ToSign};

/// The reason why a peer can't be the validator that it was told to be.
#[derive(Debug, thiserror::Error)]
pub enum ValidatorError {
    /// The election has no roster.
    #[error("this election has no validators: leave --validator out")]
    NoRoster,
    /// The key is not in the roster.
    #[error(
        "the key in {path} is none of this election's validators' ({validators}): name another --validator",
        path = path.display()
    )]
    NotInRoster {
        /// The key file.
        path: PathBuf,
        /// The names of the validators.
        validators: String,
    },
}

/// A validator's key that was unlocked, and is not known yet to be of the election.
#[derive(Debug)]
pub(super) struct Unlocked {
    path: PathBuf,
    key: VoterKey,
    trusts_empty_store: bool,
}

/// The validator of an election that signs here.
#[derive(Debug)]
pub(crate) struct Signer {
    election: ElectionId,
    key: VoterKey,
    own: OwnValidator,
}

/// Unlocks the key of the validator, by asking on the terminal if nothing else was named. A peer that could not sign
/// would be one whose signature everybody waits for in vain, so it does not start then.
///
/// # Errors
/// When there is no such key, when it is of another role, or when it can't be unlocked.
pub(super) fn unlock(settings: &ValidatorSettings) -> Result<Unlocked, PeerError> {
    let ValidatorSettings { key: path, passphrase, trusts_empty_store } = settings;
    let file = match KeyFile::open_for(KeyRole::Validator, path) {
        Err(KeyFileError::Missing { path }) => return Err(PeerError::NoValidatorKey { path }),
        opened => opened?,
    };
    let key = match passphrase::unlock(&file, passphrase.as_ref()) {
        Err(PeerError::Passphrase(PassphraseError::NoTerminal { .. })) => {
            return Err(PassphraseError::NoTerminal { option: "validator-passphrase" }.into());
        }
        unlocked => unlocked?,
    };
    Ok(Unlocked { path: path.clone(), key, trusts_empty_store: *trusts_empty_store })
}

impl Unlocked {
    /// The validator of this election that has the key.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn of(self, election: &Election) -> Result<Signer, ValidatorError> {
        let roster = election.roster().ok_or(ValidatorError::NoRoster)?;
        let Some(place) = roster.place_of(&self.key.public()) else {
            let names: Vec<_> = roster.validators.iter().map(|each| each.name.as_str()).collect();
            return Err(ValidatorError::NotInRoster {
                path: self.path,
                validators: names.join(", "),
            });
        };
        let own = OwnValidator { place, trusts_empty_store: self.trusts_empty_store };
        Ok(Signer { election: election.election_id(), key: self.key, own })
    }
}

impl Signer {
    /// Which validator it is.
    pub(super) fn own(&self) -> OwnValidator {
        self.own
    }

    /// Signs what the node decided. This takes about 0.1 ms.
    pub(super) fn sign(&self, decided: ToSign) -> Signed {
        let Self { election, key, own: OwnValidator { place, .. } } = self;
        match decided {
            ToSign::Prepare { target, source } => {
                Signed::Prepare(Prepare::sign(election, *place, (target, source), key))
            }
            ToSign::Commit(block) => Signed::Commit(Commit::sign(election, *place, block, key)),
            ToSign::Presence { run, time } => {
                Signed::Presence(Presence::sign(election, *place, run, time, key))
            }
            ToSign::SecondPrepare { target, source } => {
                Signed::SecondPrepare(Prepare::sign(election, *place, (target, source), key))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::datagram::RunNumber;
    use protocol::finality::BlockReference;
    use protocol::roster::{FinalityRule, Roster, Times, Validator};
    use protocol::units::{BlockHash, Height, UnixMillis};

    use super::*;
    use chain::fixtures;
    use keys::Existing;

    fn election(keys: impl IntoIterator<Item = u8>) -> Election {
        let validator =
            |number| Validator { name: format!("V{number}"), key: fixtures::key(number).public() };
        let validators = keys.into_iter().map(validator).collect();
        let finality =
            FinalityRule::Roster(Roster { validators, quorum: 2, crash_faults_only: true });
        let (opens, closes) = (UnixMillis(1_000_000), UnixMillis(9_000_000));
        Election {
            block_interval_s: Some(10),
            times: Some(Times { opens, closes, finality }),
            ..fixtures::election()
        }
    }

    fn settings(role: KeyRole) -> (tempfile::TempDir, ValidatorSettings) {
        let directory = tempfile::tempdir().expect("a directory");
        let key = directory.path().join("validator.key");
        KeyFile::create_for(role, &key, fixtures::key(5), None, Existing::Keep).expect("made");
        (directory, ValidatorSettings { key, passphrase: None, trusts_empty_store: true })
    }

    #[test]
    fn a_validator_of_the_roster_signs_at_its_place() {
        let (_directory, settings) = settings(KeyRole::Validator);
        let election = election([4, 5, 6]);
        let signer = unlock(&settings).expect("a key").of(&election).expect("in the roster");
        assert_eq!(signer.own(), OwnValidator { place: 1, trusts_empty_store: true });
        let (id, roster) = (election.election_id(), election.roster().expect("it has one"));
        let block = |height| BlockReference { height: Height(height), hash: BlockHash([9; 32]) };
        let (run, time) = (RunNumber([7; 8]), UnixMillis(8));
        for decided in [
            ToSign::Prepare { target: block(3), source: block(1) },
            ToSign::Commit(block(3)),
            ToSign::Presence { run, time },
            ToSign::SecondPrepare { target: block(4), source: block(1) },
        ] {
            let holds = match signer.sign(decided) {
                Signed::Prepare(vote) | Signed::SecondPrepare(vote) => vote.check(&id, roster),
                Signed::Commit(vote) => vote.check(&id, roster),
                Signed::Presence(presence) => presence.check(&id, roster),
            };
            assert_eq!(holds, Ok(()), "{decided:?}");
            assert_eq!(signer.sign(decided), signer.sign(decided), "a signature is one string");
        }
    }

    #[test]
    fn who_is_no_validator_of_the_election_is_told_in_one_line() {
        let (_directory, good) = settings(KeyRole::Validator);
        let refused = |election| unlock(&good).expect("a key").of(&election).expect_err("refused");
        let stranger = refused(election([1, 2])).to_string();
        assert!(stranger.contains("none of this election's validators' (V1, V2)"), "{stranger}");
        assert!(matches!(refused(fixtures::election()), ValidatorError::NoRoster));
        let (_directory, voters) = settings(KeyRole::Voter);
        let other = unlock(&voters).expect_err("a voter's key").to_string();
        assert!(other.contains("is a voter's key, and a validator's is needed"), "{other}");
        let gone = ValidatorSettings { key: "nowhere.key".into(), ..good };
        let none = unlock(&gone).expect_err("no key").to_string();
        assert!(none.contains("`peer validator init`"), "{none}");
    }
}
