//! `peer registrar admit` and `peer registrar withdraw`: signs for every voter of a list.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use inquire::Confirm;
use protocol::admission::{AdmissionRule, VOTERS_MAX};
use protocol::election::Election;
use protocol::keys::{PublicKey, Signature, VoterKey};
use protocol::units::VoterId;
use rayon::prelude::*;

use super::list::{self, Ids, KeyList, ListError, TOLD_MAX};
use super::record::{Check, RecordError, SignedFile};
use super::{RegistrarError, key};
use crate::cli::SignList;
use crate::schema::{ListedTwice, RecordKind, SignReport};
use crate::store::local_election::read_ballot;
use host::files;
use host::output::be_quiet;
use host::progress::Progress;

/// The number of voters that are signed for between two steps of the progress bar, which takes one
/// core about 50 ms.
const SIGNED_TOGETHER: usize = 2_048;

/// Signs for each voter of a list, in addition to those who signed before, and writes the file if
/// it changed.
///
/// # Errors
/// See [`RegistrarError`].
pub(super) fn sign(task: &SignList, kind: RecordKind) -> Result<SignReport, RegistrarError> {
    sign_up_to(task, kind, VOTERS_MAX)
}

/// Does the same for a file of at most so many voters.
pub(super) fn sign_up_to(
    task: &SignList,
    kind: RecordKind,
    voters_max: u32,
) -> Result<SignReport, RegistrarError> {
    be_quiet(task.quiet.quiet);
    let election = election(&task.ballot)?;
    let registrars = election.admission.registrars();
    let key = key::open(&task.key, &task.passphrase)?;
    let place = registrars.iter().position(|each| each.key == key.public()).ok_or_else(|| {
        let names: Vec<_> = registrars.iter().map(|each| each.name.as_str()).collect();
        RegistrarError::NotARegistrar { path: task.key.clone(), registrars: names.join(", ") }
    })?;
    let path = task.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}.jsonl", kind.name())));
    let ids = match &task.id_column {
        Some(name) => Ids::Column(name),
        None if task.without_ids => Ids::Nowhere,
        None => Ids::Usual,
    };
    let list = list::read(&task.list, kind, ids)?;
    confirm_similar_ids(task, &list)?;
    // Without this lock, two registrars who sign at the same time would each replace what the other
    // one signed.
    let _alone = files::lock_directory(files::directory_of(&path));
    let place = u8::try_from(place).expect("an election has few registrars");
    let before = SignedFile::read(&path, &election, Check::SignaturesBeside(place, &key))?;
    let (is_there, mut file) = match before {
        Some(file) if file.kind != kind => {
            let (found, expected) = (file.kind.name(), kind.name());
            return Err(RegistrarError::Record {
                path,
                reason: RecordError::OtherKind { found, expected },
            });
        }
        Some(file) => (true, file),
        None => (false, SignedFile::new(kind)),
    };
    let signed = file.sign(&list, place, &key, &election);
    if file.entries.len() > voters_max as usize {
        return Err(RegistrarError::TooManyVoters { path, max: voters_max });
    }
    if signed > 0 {
        file.write(&path, &election, is_there)?;
    }
    let threshold = election.admission.threshold();
    let is_complete = |signatures: usize| signatures >= usize::from(threshold);
    let complete = file.entries.values().filter(|entry| is_complete(entry.signatures.len()));
    let not_listed = || file.entries.keys().filter(|voter| !list.voters.contains_key(*voter));
    let twice =
        list.twice.iter().map(|(voter, lines)| ListedTwice { voter: *voter, lines: *lines });
    Ok(SignReport {
        file: path.display().to_string(),
        registrar: usize::from(place) + 1,
        name: registrars[usize::from(place)].name.clone(),
        listed: list.voters.len(),
        signed,
        signed_before: list.voters.len() - signed,
        voters: file.entries.len(),
        complete: complete.count(),
        threshold,
        own_key: list.voters.contains_key(&key.public().voter()),
        ids: list.has_ids,
        lines_without_id: if list.has_ids { list.without_id } else { 0 },
        lines_similar: list.similar_count,
        keys_in_hex: list.keys_in_hex,
        lines_twice: list.twice_count,
        first_twice: twice.collect(),
        not_listed: not_listed().count(),
        first_not_listed: not_listed().take(TOLD_MAX).copied().collect(),
    })
}

/// Ids that are alike may be one member's, who would have two votes. Whether they are is for the registrar to say: by
/// an option, or when asked at a terminal.
fn confirm_similar_ids(task: &SignList, list: &KeyList) -> Result<(), RegistrarError> {
    if list.similar_count == 0 || task.similar_ids {
        return Ok(());
    }
    let reason = ListError::SimilarIds { lines: list.similar.clone(), count: list.similar_count };
    let refused = RegistrarError::List { path: task.list.clone(), reason };
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Err(refused);
    }
    let question = format!("{refused}\nAre they different members?");
    match Confirm::new(&question).with_default(false).prompt() {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(refused),
    }
}

/// The election of a ballot that has registrars.
///
/// # Errors
/// When it can't be read, or when anybody may register.
pub(super) fn election(ballot: &Path) -> Result<Election, RegistrarError> {
    let election = read_ballot(ballot)?;
    match election.admission {
        AdmissionRule::Open { .. } => Err(RegistrarError::Open { path: ballot.to_owned() }),
        AdmissionRule::Registrars { .. } => Ok(election),
    }
}

impl SignedFile {
    /// Adds the signature of the registrar at this position wherever it is missing. Returns how
    /// many were added.
    pub(super) fn sign(
        &mut self,
        list: &KeyList,
        place: u8,
        key: &VoterKey,
        election: &Election,
    ) -> usize {
        let id = election.election_id();
        let is_signed = |voter: &VoterId| {
            self.entries.get(voter).is_some_and(|entry| entry.signatures.contains_key(&place))
        };
        let missing: Vec<(VoterId, Option<PublicKey>)> = list
            .voters
            .iter()
            .filter(|(voter, _)| !is_signed(voter))
            .map(|(voter, key)| (*voter, *key))
            .collect();
        let progress = Progress::new("signing", missing.len() as u64);
        for together in missing.chunks(SIGNED_TOGETHER) {
            let sign = |(voter, voter_key): &(VoterId, Option<PublicKey>)| {
                key.sign(&self.kind.digest(&id, voter, voter_key.as_ref()).0)
            };
            let signatures: Vec<Signature> = together.par_iter().map(sign).collect();
            for ((voter, voter_key), signature) in together.iter().zip(signatures) {
                let entry = self.entries.entry(*voter).or_default();
                entry.voter_key = entry.voter_key.or(*voter_key);
                entry.signatures.insert(place, signature);
            }
            progress.advance(together.len() as u64);
        }
        missing.len()
    }
}
