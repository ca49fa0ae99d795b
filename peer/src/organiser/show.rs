//! `peer registrar show`: checks every signature of a file and counts them.

use std::collections::BTreeMap;

use super::record::{Check, SignedFile};
use super::{RegistrarError, sign};
use crate::cli::ShowSigned;
use crate::schema::{RegistrarSigned, ShowReport, SignaturesMissing};

/// Reads a file and counts its signatures.
///
/// # Errors
/// When there is no such file, or when it is not valid for the ballot's election.
pub(super) fn show(task: &ShowSigned) -> Result<ShowReport, RegistrarError> {
    let election = sign::election(&task.ballot)?;
    let file = SignedFile::read(&task.file, &election, Check::Signatures)?;
    let file = file.ok_or_else(|| RegistrarError::NoRecord { path: task.file.clone() })?;
    let threshold = election.admission.threshold();
    let registrars = (1..).zip(election.admission.registrars());
    let mut registrars: Vec<_> = registrars
        .map(|(number, each)| RegistrarSigned { number, name: each.name.clone(), signed: 0 })
        .collect();
    let mut lacking: BTreeMap<usize, usize> = BTreeMap::new();
    for entry in file.entries.values() {
        for place in entry.signatures.keys() {
            registrars[usize::from(*place)].signed += 1;
        }
        match usize::from(threshold).saturating_sub(entry.signatures.len()) {
            0 => {}
            missing => *lacking.entry(missing).or_default() += 1,
        }
    }
    let incomplete = lacking.iter().map(|(missing, voters)| SignaturesMissing {
        signatures_missing: *missing,
        voters: *voters,
    });
    Ok(ShowReport {
        file: task.file.display().to_string(),
        kind: file.kind,
        election: election.election_id(),
        threshold,
        voters: file.entries.len(),
        complete: file.entries.len() - lacking.values().sum::<usize>(),
        registrars,
        incomplete: incomplete.collect(),
    })
}
