//! The file that collects registrars' signatures, as JSON lines: a header, then one line per voter in the order of
//! voter ids. Voter ids are hashes of keys, so the order reveals nothing about the list that the keys came from.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use protocol::admission::{REGISTRARS_MAX, RegistrarSignatures, VOTERS_MAX};
use protocol::election::Election;
use protocol::keys::{self, PublicKey, Signature, VoterKey};
use protocol::transaction::Transaction;
use protocol::units::{ElectionId, TransactionId, VoterId};
use rayon::prelude::*;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::RegistrarError;
use crate::schema::RecordKind;
use host::files::FileError;
use host::progress::Progress;
use host::whole_file::{Existing, FileMode, WholeFile};

/// The only format so far.
const FORMAT: u64 = 1;
/// The longest line. Neither 16 signatures of 130 digits each nor a header with 16 names of 200
/// bytes each, with every byte escaped, are longer.
pub(super) const LINE_BYTES_MAX: u64 = 24 * 1024;
/// The number of lines that are read together, on all cores. For each signature per line they take
/// one core about 100 ms.
const READ_TOGETHER: usize = 2_048;

/// The voters of a file, and which registrars signed for each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedFile {
    pub(crate) kind: RecordKind,
    pub(crate) entries: BTreeMap<VoterId, Entry>,
}

/// The line of one voter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The voter's key, known for voters who are admitted.
    pub(crate) voter_key: Option<PublicKey>,
    /// The signatures by the registrars' positions in the ballot, from 0.
    pub(crate) signatures: BTreeMap<u8, Signature>,
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

/// The reason why a file is refused. Its content is left as it is.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error(
        "this is no file of admissions or withdrawals, and is left as it is: name another file"
    )]
    NotOne,
    #[error("its format is {found}; this program knows {FORMAT}")]
    Format { found: u64 },
    #[error("it holds {found}, not {expected}: name another file")]
    OtherKind { found: &'static str, expected: &'static str },
    #[error("line {line} has over {LINE_BYTES_MAX} bytes")]
    LongLine { line: u64 },
    #[error("it has over {VOTERS_MAX} voters")]
    TooManyVoters,
    #[error("line {line} is damaged ({reason}): take your copy of the file")]
    Damaged { line: u64, reason: String },
    #[error("line {line}: its voter is not that of its key")]
    OtherVoter { line: u64 },
    #[error(
        "line {line} does not follow the one before it by its voter: take your copy of the file"
    )]
    OutOfOrder { line: u64 },
    #[error("line {line} bears the signature of registrar {number}; the election has {registrars}")]
    UnknownRegistrar { line: u64, number: u8, registrars: usize },
    #[error("line {line}: the signature of registrar {number} ({name}) is not theirs")]
    Forged { line: u64, number: u8, name: String },
    #[error("the file is of election {found}")]
    OtherElection { found: ElectionId },
}

/// The first line. The names in it are only for people.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    ostrakon: RecordKind,
    format: u64,
    election: ElectionId,
    threshold: u8,
    registrars: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    voter_key: Option<String>,
    voter: VoterId,
    /// The signatures by the registrars' numbers, from 1.
    #[serde(deserialize_with = "each_number_once")]
    signatures: BTreeMap<u8, String>,
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

impl Entry {
    /// The transaction that can be handed in if enough registrars signed. The first signatures that
    /// suffice are used.
    pub(crate) fn transaction(
        &self,
        kind: RecordKind,
        voter: VoterId,
        election: &ElectionId,
        threshold: u8,
    ) -> Option<Transaction> {
        let threshold = usize::from(threshold);
        if self.signatures.len() < threshold {
            return None;
        }
        let signed = self.signatures.iter().take(threshold);
        let signed = signed.map(|(place, signature)| (usize::from(*place), *signature));
        let signatures = RegistrarSignatures::new(election, signed.collect());
        Some(match (kind, self.voter_key) {
            (RecordKind::Admissions, Some(key)) => Transaction::admission(key, signatures),
            _ => Transaction::Withdrawal { voter, signatures },
        })
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
        let outcome = read_from(BufReader::new(file), election, check, &progress);
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
        let registrars = election.admission.registrars();
        let header = Header {
            ostrakon: self.kind,
            format: FORMAT,
            election: election.election_id(),
            threshold: election.admission.threshold(),
            registrars: registrars.iter().map(|each| each.name.clone()).collect(),
        };
        serde_json::to_writer(&mut *output, &header)?;
        for (voter, Entry { voter_key, signatures }) in &self.entries {
            let digits =
                |(place, signature): (&u8, &Signature)| (place + 1, hex::encode(signature.0));
            let line = Line {
                voter_key: voter_key.map(|key| key.to_string()),
                voter: *voter,
                signatures: signatures.iter().map(digits).collect(),
            };
            output.write_all(b"\n")?;
            serde_json::to_writer(&mut *output, &line)?;
        }
        output.write_all(b"\n")
    }
}

/// A map whose numbers stand once each: of two signatures under one number neither may be passed over in silence.
fn each_number_once<'d, D: Deserializer<'d>>(input: D) -> Result<BTreeMap<u8, String>, D::Error> {
    struct Numbers;

    impl<'d> de::Visitor<'d> for Numbers {
        type Value = BTreeMap<u8, String>;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("signatures by the numbers of their registrars")
        }

        fn visit_map<A: de::MapAccess<'d>>(self, mut pairs: A) -> Result<Self::Value, A::Error> {
            let mut read = BTreeMap::new();
            while let Some((number, digits)) = pairs.next_entry::<u8, String>()? {
                if read.insert(number, digits).is_some() {
                    return Err(de::Error::custom(format_args!("registrar {number} stands twice")));
                }
            }
            Ok(read)
        }
    }

    input.deserialize_map(Numbers)
}

/// Reads a file from any reader.
///
/// # Errors
/// When it can't be read. The inner error reports the first invalid line.
pub(super) fn read_from(
    mut input: impl BufRead,
    election: &Election,
    check: Check<'_>,
    progress: &Progress,
) -> io::Result<Result<SignedFile, RecordError>> {
    let header = match read_line(&mut input, 1)? {
        Ok(line) => read_header(&line, election),
        Err(_) => Err(RecordError::NotOne),
    };
    let kind = match header {
        Ok(kind) => kind,
        Err(error) => return Ok(Err(error)),
    };
    let mut file = SignedFile::new(kind);
    let id = election.election_id();
    let mut together = Vec::with_capacity(READ_TOGETHER);
    for number in 2.. {
        let line = match read_line(&mut input, number)? {
            Ok(line) => line,
            Err(error) => return Ok(Err(error)),
        };
        let is_end = line.is_empty();
        if !is_end {
            together.push((number, line));
        }
        if together.len() == READ_TOGETHER || is_end {
            if let Err(error) = file.take(&together, election, &id, check) {
                return Ok(Err(error));
            }
            progress.advance(together.iter().map(|(_, line)| line.len() as u64).sum());
            together.clear();
        }
        if is_end {
            break;
        }
    }
    Ok(Ok(file))
}

/// Reads one line with its line end; empty at the end of the file.
fn read_line(input: &mut impl BufRead, line: u64) -> io::Result<Result<Vec<u8>, RecordError>> {
    let mut bytes = Vec::new();
    input.take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut bytes)?;
    let is_long = bytes.len() as u64 > LINE_BYTES_MAX;
    Ok(if is_long { Err(RecordError::LongLine { line }) } else { Ok(bytes) })
}

fn read_header(line: &[u8], election: &Election) -> Result<RecordKind, RecordError> {
    let header: Header = serde_json::from_slice(line).map_err(|_| RecordError::NotOne)?;
    if header.format != FORMAT {
        return Err(RecordError::Format { found: header.format });
    }
    if header.election != election.election_id() {
        return Err(RecordError::OtherElection { found: header.election });
    }
    Ok(header.ostrakon)
}

impl SignedFile {
    fn take(
        &mut self,
        lines: &[(u64, Vec<u8>)],
        election: &Election,
        id: &ElectionId,
        check: Check<'_>,
    ) -> Result<(), RecordError> {
        let kind = self.kind;
        let entry = |(number, line): &(u64, Vec<u8>)| {
            let (voter, entry) = read_entry(*number, line, kind, election)?;
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
            if self.entries.last_key_value().is_some_and(|(last, _)| *last >= voter) {
                return Err(RecordError::OutOfOrder { line: *line });
            }
            self.entries.insert(voter, entry);
        }
        match self.entries.len() > VOTERS_MAX as usize {
            true => Err(RecordError::TooManyVoters),
            false => Ok(()),
        }
    }
}

fn read_entry(
    line: u64,
    bytes: &[u8],
    kind: RecordKind,
    election: &Election,
) -> Result<(VoterId, Entry), RecordError> {
    let damaged = |reason: String| RecordError::Damaged { line, reason };
    let read: Line = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    let voter_key = read.voter_key.map(|digits| digits.parse::<PublicKey>()).transpose();
    let voter_key = voter_key.map_err(|error| damaged(error.to_string()))?;
    match (voter_key, kind) {
        (None, RecordKind::Admissions) => return Err(damaged("it has no voter_key".to_owned())),
        (Some(key), _) if key.voter() != read.voter => {
            return Err(RecordError::OtherVoter { line });
        }
        (Some(_) | None, _) => {}
    }
    let registrars = election.admission.registrars().len();
    let mut signatures = BTreeMap::new();
    for (number, digits) in read.signatures {
        if number == 0 || usize::from(number) > registrars.min(REGISTRARS_MAX) {
            return Err(RecordError::UnknownRegistrar { line, number, registrars });
        }
        let mut signature = [0; 65];
        hex::decode_to_slice(&digits, &mut signature)
            .map_err(|_| damaged("a signature has 130 hexadecimal digits".to_owned()))?;
        signatures.insert(number - 1, Signature(signature));
    }
    Ok((read.voter, Entry { voter_key, signatures }))
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
