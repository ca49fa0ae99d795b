//! The lines of a file of signatures: JSON objects, as short as people can still read them.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read, Write};

use protocol::admission::{REGISTRARS_MAX, RegistrarSignatures, VOTERS_MAX};
use protocol::election::Election;
use protocol::keys::{PublicKey, Signature};
use protocol::transaction::Transaction;
use protocol::units::{ElectionId, VoterId};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::schema::RecordKind;
use host::utf16::UTF8_MARK;

/// The only format so far.
const FORMAT: u64 = 1;
/// The longest line. Neither 16 signatures of 130 digits each nor a header with 16 names of 200
/// bytes each, with every byte escaped, are longer.
pub(crate) const LINE_BYTES_MAX: u64 = 24 * 1024;

/// The line of one voter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The first line of the file that names the voter; `None` of one who was not read from a file.
    pub(crate) line: Option<u64>,
    /// The voter's key, known for voters who are admitted.
    pub(crate) voter_key: Option<PublicKey>,
    /// The signatures by the registrars' positions in the ballot, from 0.
    pub(crate) signatures: BTreeMap<u8, Signature>,
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

/// Reads one line with its line end; empty at the end of the file.
pub(super) fn read_line(
    input: &mut impl BufRead,
    line: u64,
) -> io::Result<Result<Vec<u8>, RecordError>> {
    let mut bytes = Vec::new();
    input.take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut bytes)?;
    let is_long = bytes.len() as u64 > LINE_BYTES_MAX;
    Ok(if is_long { Err(RecordError::LongLine { line }) } else { Ok(bytes) })
}

/// A line without what mail programs and editors put around it: spaces, its end, the mark of UTF-8.
pub(super) fn text_of(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii();
    line.strip_prefix(UTF8_MARK).unwrap_or(line).trim_ascii()
}

/// Whether this is the first line of a file, and not a voter's.
pub(super) fn is_header(line: &[u8]) -> bool {
    line.starts_with(br#"{"ostrakon""#)
}

/// What kind of file this is the first line of.
pub(super) fn read_header(line: &[u8], election: &Election) -> Result<RecordKind, RecordError> {
    let header: Header = serde_json::from_slice(line).map_err(|_| RecordError::NotOne)?;
    if header.format != FORMAT {
        return Err(RecordError::Format { found: header.format });
    }
    if header.election != election.election_id() {
        return Err(RecordError::OtherElection { found: header.election });
    }
    Ok(header.ostrakon)
}

/// Writes the first line.
pub(super) fn write_header(
    output: &mut impl Write,
    kind: RecordKind,
    election: &Election,
) -> io::Result<()> {
    let registrars = election.admission.registrars();
    let header = Header {
        ostrakon: kind,
        format: FORMAT,
        election: election.election_id(),
        threshold: election.admission.threshold(),
        registrars: registrars.iter().map(|each| each.name.clone()).collect(),
    };
    serde_json::to_writer(&mut *output, &header)?;
    output.write_all(b"\n")
}

/// Writes a voter's line.
pub(super) fn write_entry(
    output: &mut impl Write,
    voter: &VoterId,
    Entry { voter_key, signatures, .. }: &Entry,
) -> io::Result<()> {
    let digits = |(place, signature): (&u8, &Signature)| (place + 1, hex::encode(signature.0));
    let line = Line {
        voter_key: voter_key.map(|key| key.to_string()),
        voter: *voter,
        signatures: signatures.iter().map(digits).collect(),
    };
    serde_json::to_writer(&mut *output, &line)?;
    output.write_all(b"\n")
}

/// Reads a voter's line. Whether its signatures hold is not checked.
pub(super) fn read_entry(
    line: u64,
    bytes: &[u8],
    kind: RecordKind,
    election: &Election,
) -> Result<(VoterId, Entry), RecordError> {
    let damaged = |reason: String| RecordError::Damaged { line, reason };
    let read: Line = serde_json::from_slice(bytes).map_err(|error| damaged(fault(&error)))?;
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
    Ok((read.voter, Entry { line: Some(line), voter_key, signatures }))
}

/// What is wrong with a line, in words of this file and not of JSON's grammar.
fn fault(error: &serde_json::Error) -> String {
    if !error.is_data() {
        return "it is cut short, or no line of such a file".to_owned();
    }
    let message = error.to_string();
    let number: Option<String> = message
        .strip_prefix(TWICE)
        .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect());
    match number {
        Some(number) => format!("registrar {number} stands twice"),
        None => "a field of it is missing, unknown or holds something else".to_owned(),
    }
}

/// How the error begins by which a number that stands twice is told from other faults.
const TWICE: &str = "twice: ";

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
                    return Err(de::Error::custom(format_args!("{TWICE}{number}")));
                }
            }
            Ok(read)
        }
    }

    input.deserialize_map(Numbers)
}
