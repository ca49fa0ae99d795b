//! `peer registrar show`: what a file of signatures holds, each of them checked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::record::{Check, RecordKind, SignedFile};
use super::{RegistrarError, sign};
use crate::cli::ShowSigned;

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShowReport {
    pub(crate) kind: RecordKind,
    pub(crate) file: PathBuf,
    pub(crate) election: String,
    pub(crate) threshold: u8,
    pub(crate) voters: usize,
    pub(crate) complete: usize,
    /// The registrars in the ballot's order, with how many voters each signed for.
    pub(crate) registrars: Vec<(String, usize)>,
    /// Voters by the number of signatures that they still lack, without the complete ones.
    pub(crate) lacking: BTreeMap<usize, usize>,
}

/// Reads and counts.
///
/// # Errors
/// When there is no such file, or it is not good for the ballot's election.
pub(super) fn show(task: &ShowSigned) -> Result<ShowReport, RegistrarError> {
    let election = sign::election(&task.ballot)?;
    let file = SignedFile::read(&task.file, &election, Check::Signatures)?;
    let file = file.ok_or_else(|| RegistrarError::NoRecord { path: task.file.clone() })?;
    let threshold = election.admission.threshold();
    let names = election.admission.registrars().iter().map(|each| each.name.clone());
    let mut registrars: Vec<_> = names.map(|name| (name, 0)).collect();
    let mut lacking = BTreeMap::new();
    for entry in file.entries.values() {
        for place in entry.signatures.keys() {
            registrars[usize::from(*place)].1 += 1;
        }
        match usize::from(threshold).saturating_sub(entry.signatures.len()) {
            0 => {}
            missing => *lacking.entry(missing).or_default() += 1,
        }
    }
    Ok(ShowReport {
        kind: file.kind,
        file: task.file.clone(),
        election: election.election_id().to_string(),
        threshold,
        voters: file.entries.len(),
        complete: file.entries.len() - lacking.values().sum::<usize>(),
        registrars,
        lacking,
    })
}
