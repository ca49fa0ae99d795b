//! An organiser's list of members: a table with a column of voter keys and perhaps a column of the organiser's own
//! ids. The ids are only used to find members with two keys. They and all other columns must never leave this module.

mod pairs;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use csv::ByteRecord;
use protocol::admission::VOTERS_MAX;
use protocol::keys::{ParsePublicKeyError, PublicKey};
use protocol::units::VoterId;
use rayon::prelude::*;

use super::RegistrarError;
use crate::schema::RecordKind;
use host::files::FileError;
use pairs::Pairs;

/// The longest list in bytes, and therefore also the longest line. It allows 100 bytes for each of
/// the most voters that an election can have.
const LIST_BYTES_MAX: u64 = 1_000_000_000;
/// The number of lines whose keys are read together, on all cores. They take one core about 100 ms.
const READ_TOGETHER: usize = 8_192;
/// The number of mistakes and duplicates that are listed. Whoever made more of them made them all
/// in the same way.
pub(crate) const TOLD_MAX: usize = 10;
/// The number of digits of a voter's key.
const KEY_DIGITS: usize = 66;
/// The number of digits of a voter's id.
const VOTER_DIGITS: usize = 64;

/// The voters of a list.
#[derive(Debug, Default)]
pub(super) struct KeyList {
    /// The voters with their keys, unless the list contains only voter ids.
    pub(super) voters: BTreeMap<VoterId, Option<PublicKey>>,
    /// The first of the lines that repeat what an earlier line says.
    pub(super) twice: Vec<(VoterId, [u64; 2])>,
    pub(super) twice_count: u64,
}

/// The reason why a list is refused.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error("it is empty: its first line names the columns, one of them `voter_key`")]
    Empty,
    #[error("no column is called {wanted}: its first line names the columns")]
    NoKeyColumn { wanted: &'static str },
    #[error("two columns are called `{name}`")]
    ColumnTwice { name: String },
    #[error("no column is called `{name}`, as --id-column says")]
    NoIdColumn { name: String },
    #[error("it names no voter")]
    NoVoters,
    #[error("it has over {LIST_BYTES_MAX} bytes")]
    TooLong,
    #[error("it has over {VOTERS_MAX} voters")]
    TooManyVoters,
    #[error("{}", slips_text(slips, *lines, *more))]
    Slips { slips: Vec<Slip>, lines: u64, more: u64 },
}

/// A mistake in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slip {
    pub line: u64,
    pub reason: SlipReason,
}

/// The kinds of mistake. The content of the line is not repeated, since it may be somebody's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SlipReason {
    #[error("there is no key")]
    NoKey,
    #[error("{found} characters stand where {expected} hexadecimal digits should")]
    NotDigits { found: usize, expected: usize },
    #[error("the digits are no public key of secp256k1: one may be wrong")]
    NotAPoint,
    #[error("line {first} has the same id with another key: that would be two votes")]
    OneIdTwoKeys { first: u64 },
    #[error("line {first} has the same key with another id: that would be one vote for both")]
    OneKeyTwoIds { first: u64 },
    #[error("a field goes on over several lines: a quotation mark is missing or one too many")]
    SeveralLines,
}

impl fmt::Display for Slip {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: {}", self.line, self.reason)
    }
}

fn slips_text(slips: &[Slip], lines: u64, more: u64) -> String {
    let beginning = match lines {
        1 => "a line has to be mended".to_owned(),
        lines => format!("{lines} lines have to be mended"),
    };
    let told: String = slips.iter().map(|slip| format!("\n  {slip}")).collect();
    let end = if more == 0 { String::new() } else { format!("\n  and {more} more") };
    format!("{beginning}, and nothing was signed:{told}{end}")
}

/// Which columns of a line are used.
#[derive(Debug, Clone, Copy)]
struct Columns {
    key: usize,
    holds_voters: bool,
    id: Option<usize>,
}

/// The parts of a line that are used.
#[derive(Debug)]
struct Row {
    line: u64,
    key: String,
    id: Box<[u8]>,
    /// Whether the line contains a line break. A quotation mark that is never closed includes the
    /// lines after it, together with the voters in them.
    has_line_break: bool,
}

/// The keys, and the mistakes found in lines, while they are collected.
#[derive(Debug, Default)]
struct Gathered {
    list: KeyList,
    /// The line in which each voter appears first.
    lines: HashMap<VoterId, u64>,
    voters_of_ids: Pairs<Box<[u8]>, VoterId>,
    ids_of_voters: Pairs<VoterId, Box<[u8]>>,
    slips: Vec<Slip>,
    slip_count: u64,
    /// The number of lines with a mistake, or with several.
    lines_with_slips: u64,
}

/// Reads a list. If this succeeds, the whole list is valid. `id_column` is the column of the
/// organiser's own ids; if it is not given, it is `id`.
///
/// # Errors
/// See [`ListError`].
pub(super) fn read(
    path: &Path,
    kind: RecordKind,
    id_column: Option<&str>,
) -> Result<KeyList, RegistrarError> {
    let file = File::open(path).map_err(|error| FileError::new("read", path, error))?;
    let outcome = read_from(file, kind, id_column, Most::ALLOWED);
    let outcome = outcome.map_err(|error| FileError::new("read", path, error))?;
    outcome.map_err(|reason| RegistrarError::List { path: path.to_owned(), reason })
}

/// The most that is read of a list.
#[derive(Debug, Clone, Copy)]
struct Most {
    bytes: u64,
    voters: usize,
}

impl Most {
    const ALLOWED: Self = Self { bytes: LIST_BYTES_MAX, voters: VOTERS_MAX as usize };
}

/// Does the same for any reader, and up to some length.
fn read_from(
    input: impl Read,
    kind: RecordKind,
    id_column: Option<&str>,
    most: Most,
) -> io::Result<Result<KeyList, ListError>> {
    let mut input = BufReader::new(input.take(most.bytes + 1));
    let delimiter = delimiter(input.fill_buf()?);
    let mut rows = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(input);
    let columns = match columns(rows.byte_headers().map_err(io::Error::from)?, kind, id_column) {
        Ok(columns) => columns,
        Err(error) => return Ok(Err(error)),
    };
    let mut gathered = Gathered::default();
    let mut together = Vec::with_capacity(READ_TOGETHER);
    let mut record = ByteRecord::new();
    loop {
        let is_more = rows.read_byte_record(&mut record).map_err(io::Error::from)?;
        if rows.position().byte() > most.bytes {
            return Ok(Err(ListError::TooLong));
        }
        if is_more && !is_blank(&record) {
            together.push(row(&record, columns));
        }
        if together.len() == READ_TOGETHER || !is_more {
            gathered.take(&mut together, columns.holds_voters);
        }
        if gathered.list.voters.len() > most.voters {
            return Ok(Err(ListError::TooManyVoters));
        }
        if !is_more {
            return Ok(gathered.finish());
        }
    }
}

/// Spreadsheets write `;` or a tab as the separator in countries where the comma is the decimal
/// mark.
fn delimiter(beginning: &[u8]) -> u8 {
    let header = beginning.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| header.iter().filter(|byte| **byte == delimiter).count();
    // If several are equally frequent, the last one is used.
    [b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

fn columns(
    header: &ByteRecord,
    kind: RecordKind,
    id_column: Option<&str>,
) -> Result<Columns, ListError> {
    if header.is_empty() {
        return Err(ListError::Empty);
    }
    let place = |name: &str| {
        let is_named = |field: &[u8]| field.trim_ascii().eq_ignore_ascii_case(name.as_bytes());
        let mut places = header.iter().enumerate().filter(|(_, field)| is_named(field));
        let first = places.next().map(|(place, _)| place);
        match places.next() {
            Some(_) => Err(ListError::ColumnTwice { name: name.to_owned() }),
            None => Ok(first),
        }
    };
    let key = match place("voter_key")? {
        Some(place) => Some(place),
        None => place("key")?,
    };
    let (key, holds_voters) = match (key, kind) {
        (Some(key), _) => (key, false),
        (None, RecordKind::Admissions) => {
            return Err(ListError::NoKeyColumn { wanted: "`voter_key` or `key`" });
        }
        (None, RecordKind::Withdrawals) => {
            let wanted = "`voter_key`, `key` or `voter`";
            (place("voter")?.ok_or(ListError::NoKeyColumn { wanted })?, true)
        }
    };
    let id = place(id_column.unwrap_or("id"))?;
    match (id, id_column) {
        (None, Some(name)) => Err(ListError::NoIdColumn { name: name.to_owned() }),
        // Two keys of one member are not a mistake in a list of withdrawals.
        (id, _) => {
            let id = id.filter(|_| kind == RecordKind::Admissions);
            Ok(Columns { key, holds_voters, id })
        }
    }
}

fn is_blank(record: &ByteRecord) -> bool {
    record.iter().all(|field| field.trim_ascii().is_empty())
}

fn row(record: &ByteRecord, columns: Columns) -> Row {
    let field = |place: usize| record.get(place).unwrap_or_default().trim_ascii();
    Row {
        line: record.position().map_or(0, csv::Position::line),
        key: String::from_utf8_lossy(field(columns.key)).into_owned(),
        id: columns.id.map(field).unwrap_or_default().into(),
        has_line_break: record.iter().any(|field| field.contains(&b'\n')),
    }
}

fn voter(text: &str, holds_voters: bool) -> Result<(VoterId, Option<PublicKey>), SlipReason> {
    let expected = if holds_voters { VOTER_DIGITS } else { KEY_DIGITS };
    if text.is_empty() {
        return Err(SlipReason::NoKey);
    }
    let not_digits = SlipReason::NotDigits { found: text.chars().count(), expected };
    if holds_voters {
        let mut voter = VoterId([0; 32]);
        hex::decode_to_slice(text, &mut voter.0).map_err(|_| not_digits)?;
        return Ok((voter, None));
    }
    match text.parse::<PublicKey>() {
        Ok(key) => Ok((key.voter(), Some(key))),
        Err(ParsePublicKeyError::NotAPoint { .. }) => Err(SlipReason::NotAPoint),
        // A text of 66 digits that begins with neither 02 nor 03 is not a key either.
        Err(ParsePublicKeyError::NotDigits { .. }) if is_digits(text) => Err(SlipReason::NotAPoint),
        Err(ParsePublicKeyError::NotDigits { .. }) => Err(not_digits),
    }
}

fn is_digits(text: &str) -> bool {
    text.len() == KEY_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Gathered {
    fn take(&mut self, rows: &mut Vec<Row>, holds_voters: bool) {
        let read = |row: &Row| match row.has_line_break {
            true => Err(SlipReason::SeveralLines),
            false => voter(&row.key, holds_voters),
        };
        let read: Vec<_> = rows.par_iter().map(read).collect();
        for (row, read) in rows.drain(..).zip(read) {
            let line = row.line;
            let slips = match read {
                Ok(voter) => self.add(row, voter),
                Err(reason) => [Some(reason), None],
            };
            self.lines_with_slips += u64::from(slips.iter().any(Option::is_some));
            for reason in slips.into_iter().flatten() {
                self.slip_count += 1;
                if self.slips.len() < TOLD_MAX {
                    self.slips.push(Slip { line, reason });
                }
            }
        }
    }

    /// Adds a voter, and tells what earlier lines contradict.
    fn add(
        &mut self,
        row: Row,
        (voter, key): (VoterId, Option<PublicKey>),
    ) -> [Option<SlipReason>; 2] {
        let Row { line, id, .. } = row;
        let first = *self.lines.entry(voter).or_insert(line);
        if self.list.voters.insert(voter, key).is_some() {
            self.list.twice_count += 1;
            if self.list.twice.len() < TOLD_MAX {
                self.list.twice.push((voter, [first, line]));
            }
        }
        // A line without an id contradicts nobody.
        if id.is_empty() {
            return [None, None];
        }
        let one_id = self.voters_of_ids.note(id.clone(), voter, line);
        let one_key = self.ids_of_voters.note(voter, id, line);
        [
            one_id.map(|first| SlipReason::OneIdTwoKeys { first }),
            one_key.map(|first| SlipReason::OneKeyTwoIds { first }),
        ]
    }

    fn finish(self) -> Result<KeyList, ListError> {
        match (self.slip_count, self.list.voters.len()) {
            (0, 0) => Err(ListError::NoVoters),
            (0, _) => Ok(self.list),
            (count, _) => Err(ListError::Slips {
                lines: self.lines_with_slips,
                more: count - self.slips.len() as u64,
                slips: self.slips,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
