//! The file that collects registrars' signatures: a header, then one line per voter in the order of voter ids. Voter
//! ids are hashes of keys, so the order reveals nothing about the list that the keys came from.

mod line;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use protocol::admission::VOTERS_MAX;
use protocol::election::Election;
use protocol::keys::{self, PublicKey, Signature, VoterKey};
use protocol::transaction::Transaction;
use protocol::units::{ElectionId, TransactionId, VoterId};
use rayon::prelude::*;

#[cfg(test)]
pub(super) use line::LINE_BYTES_MAX;
pub(crate) use line::RecordError;
use line::{
    Entry, is_header, read_entry, read_header, read_line, text_of, write_entry, write_header,
};

use super::RegistrarError;
use crate::schema::RecordKind;
use host::files::FileError;
use host::progress::Progress;
use host::utf16::{self, Utf16};
use host::whole_file::{Existing, FileMode, WholeFile};

/// The number of lines that are read together, on all cores. For each signature per line they take
/// one core about 100 ms.
const READ_TOGETHER: usize = 2_048;

/// The voters of a file, and which registrars signed for each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedFile {
    pub(crate) kind: RecordKind,
    pub(crate) entries: BTreeMap<VoterId, Entry>,
}

/// How the signatures of a file are checked while it is read. Each check takes about 100 µs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Check<'a> {
    Signatures,
    /// The signatures of the registrar at this position are compared with what the registrar's own
    /// key signs, which takes half the time.
    SignaturesBeside(u8, &'a VoterKey),
    /// Only the lines are checked. Whoever receives the file checks its signatures.
    Lines,
}

impl RecordKind {
    /// The digest that registrars sign for a voter.
    pub(super) fn digest(
        self,
        election: &ElectionId,
        voter: &VoterId,
        key: Option<&PublicKey>,
    ) -> TransactionId {
        match (self, key) {
            (Self::Admissions, Some(key)) => Transaction::admission_id(election, key),
            (Self::Admissions, None) => {
                unreachable!("no admission is read or listed without a key")
            }
            (Self::Withdrawals, _) => Transaction::withdrawal_id(election, voter),
        }
    }
}

impl SignedFile {
    pub(super) fn new(kind: RecordKind) -> Self {
        Self { kind, entries: BTreeMap::new() }
    }

    /// Reads a file; `None` if it does not exist.
    ///
    /// # Errors
    /// When the disk fails, when a line is invalid (the first one is reported), or when the file
    /// belongs to another election.
    pub(crate) fn read(
        path: &Path,
        election: &Election,
        check: Check<'_>,
    ) -> Result<Option<Self>, RegistrarError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(FileError::new("read", path, error).into()),
        };
        let bytes = file.metadata().map_or(0, |metadata| metadata.len());
        let progress = Progress::new("reading", bytes);
        let outcome = open(file)
            .and_then(|input| read_from(input, election, check, &progress, VOTERS_MAX as usize));
        match outcome.map_err(|error| FileError::new("read", path, error))? {
            Ok(read) => Ok(Some(read)),
            Err(RecordError::OtherElection { found }) => Err(RegistrarError::OtherElection {
                path: path.to_owned(),
                found,
                expected: election.election_id(),
            }),
            Err(reason) => Err(RegistrarError::Record { path: path.to_owned(), reason }),
        }
    }

    /// Writes the whole file or nothing. An existing file is replaced only if it was read before.
    ///
    /// # Errors
    /// When the disk fails, or when a file with that name was made in the meantime.
    pub(super) fn write(
        &self,
        path: &Path,
        election: &Election,
        replace: bool,
    ) -> Result<(), RegistrarError> {
        let mut file = WholeFile::create(path, Existing::replace_if(replace), FileMode::Default)?;
        self.write_to(&mut file, election).map_err(|error| file.failed(error))?;
        Ok(file.finish()?)
    }

    pub(super) fn write_to(&self, output: &mut impl Write, election: &Election) -> io::Result<()> {
        write_header(output, self.kind, election)?;
        self.entries.iter().try_for_each(|(voter, entry)| write_entry(output, voter, entry))
    }
}

/// The lines of a file, which a shell that joined files may have written as UTF-16.
fn open(file: File) -> io::Result<Box<dyn BufRead>> {
    let mut input = BufReader::new(file);
    Ok(match utf16::byte_order(input.fill_buf()?) {
        Some(order) => Box::new(BufReader::new(Utf16::new(input, order))),
        None => Box::new(input),
    })
}

/// Reads a file from any reader, and up to so many voters. Several files that were joined are read as one.
///
/// # Errors
/// When it can't be read. The inner error reports the first invalid line.
pub(super) fn read_from(
    mut input: impl BufRead,
    election: &Election,
    check: Check<'_>,
    progress: &Progress,
    voters_max: usize,
) -> io::Result<Result<SignedFile, RecordError>> {
    let mut file = match read_line(&mut input, 1)? {
        Ok(line) => match read_header(text_of(&line), election) {
            Ok(kind) => SignedFile::new(kind),
            Err(error) => return Ok(Err(error)),
        },
        Err(_) => return Ok(Err(RecordError::NotOne)),
    };
    let id = election.election_id();
    let mut together = Vec::with_capacity(READ_TOGETHER);
    let mut last = None;
    for number in 2.. {
        let line = match read_line(&mut input, number)? {
            Ok(line) => line,
            Err(error) => return Ok(Err(error)),
        };
        let is_end = line.is_empty();
        let text = text_of(&line);
        // Where files were joined, another header stands between the lines of voters.
        let joined = (!is_end && is_header(text)).then(|| read_header(text, election));
        if !text.is_empty() && joined.is_none() {
            together.push((number, line));
        }
        if together.len() == READ_TOGETHER || is_end || joined.is_some() {
            if let Err(error) = file.take(&together, &mut last, election, &id, check) {
                return Ok(Err(error));
            }
            if file.entries.len() > voters_max {
                return Ok(Err(RecordError::TooManyVoters));
            }
            progress.advance(together.iter().map(|(_, line)| line.len() as u64).sum());
            together.clear();
        }
        match joined {
            Some(Ok(kind)) if kind == file.kind => last = None,
            Some(Ok(kind)) => {
                let (found, expected) = (kind.name(), file.kind.name());
                return Ok(Err(RecordError::OtherKind { found, expected }));
            }
            Some(Err(error)) => return Ok(Err(error)),
            None => {}
        }
        if is_end {
            break;
        }
    }
    Ok(Ok(file))
}

impl SignedFile {
    fn take(
        &mut self,
        lines: &[(u64, Vec<u8>)],
        last: &mut Option<VoterId>,
        election: &Election,
        id: &ElectionId,
        check: Check<'_>,
    ) -> Result<(), RecordError> {
        let kind = self.kind;
        let entry = |(number, line): &(u64, Vec<u8>)| {
            let (voter, entry) = read_entry(*number, text_of(line), kind, election)?;
            let own = match check {
                Check::Lines => return Ok((voter, entry)),
                Check::Signatures => None,
                Check::SignaturesBeside(place, key) => Some((place, key)),
            };
            check_signatures(*number, kind, voter, &entry, election, id, own)?;
            Ok((voter, entry))
        };
        let read: Vec<Result<_, RecordError>> = lines.par_iter().map(entry).collect();
        for ((line, _), read) in lines.iter().zip(read) {
            let (voter, entry) = read?;
            if last.is_some_and(|last| last >= voter) {
                return Err(RecordError::OutOfOrder { line: *line });
            }
            *last = Some(voter);
            self.merge(voter, entry);
        }
        Ok(())
    }
}

impl SignedFile {
    /// Adds what a line says to what an earlier file of the joined ones says of the voter.
    fn merge(&mut self, voter: VoterId, entry: Entry) {
        let merged = self.entries.entry(voter).or_default();
        merged.line = merged.line.or(entry.line);
        merged.voter_key = merged.voter_key.or(entry.voter_key);
        for (place, signature) in entry.signatures {
            merged.signatures.entry(place).or_insert(signature);
        }
    }
}

fn check_signatures(
    line: u64,
    kind: RecordKind,
    voter: VoterId,
    entry: &Entry,
    election: &Election,
    id: &ElectionId,
    own: Option<(u8, &VoterKey)>,
) -> Result<(), RecordError> {
    let digest = kind.digest(id, &voter, entry.voter_key.as_ref());
    // A key signs a text in only one way here. Another signature may be valid too, so it is checked
    // like those of other registrars.
    let is_own = |place: u8, signature: &Signature| {
        own.is_some_and(|(own, key)| own == place && key.sign(&digest.0) == *signature)
    };
    for (place, signature) in &entry.signatures {
        if is_own(*place, signature) {
            continue;
        }
        let registrar = &election.admission.registrars()[usize::from(*place)];
        if keys::check_signature(&digest.0, signature, &registrar.key.voter()).is_err() {
            let (number, name) = (place + 1, registrar.name.clone());
            return Err(RecordError::Forged { line, number, name });
        }
    }
    Ok(())
}
