//! An organiser's list of members: a table with a column of voter keys and perhaps a column of the organiser's own
//! ids. The ids are only used to find members with two keys. They and all other columns must never leave this module.

mod columns;
mod gathered;
mod opening;
mod pairs;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::Path;

use csv::ByteRecord;
use protocol::admission::VOTERS_MAX;
use protocol::key_text::KeyTextError;
use protocol::keys::PublicKey;
use protocol::text::{self, Hidden, shown};
use protocol::units::VoterId;

use super::RegistrarError;
use crate::schema::RecordKind;
use columns::{Columns, cell_text};
use gathered::{Gathered, Row};
use host::files::FileError;
use opening::Opened;

/// The longest list in bytes, and therefore also the longest line. It allows 100 bytes for each of
/// the most voters that an election can have.
const LIST_BYTES_MAX: u64 = 1_000_000_000;
/// The number of lines whose keys are read together, on all cores. They take one core about 100 ms.
const READ_TOGETHER: usize = 8_192;
/// The number of mistakes and duplicates that are listed. Whoever made more of them made them all
/// in the same way.
pub(crate) const TOLD_MAX: usize = 10;
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
    /// Keys in hex, which has no checksum.
    pub(super) keys_in_hex: u64,
    /// Whether there is a column of ids, by which one member's two keys are found.
    pub(super) has_ids: bool,
    /// Lines without an id.
    pub(super) without_id: u64,
    /// The first of the lines whose id may be that of an earlier line with another key: it is nearly the same.
    pub(super) similar: Vec<[u64; 2]>,
    pub(super) similar_count: u64,
}

/// The reason why a list is refused.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error("it is empty: its first line names the columns, one of them `voter_key`")]
    Empty,
    #[error("no column is called {wanted}: {}", match cells {
        1 => "its first line has to name the columns, and has none of what separates them: commas, semicolons, tabs or |".to_owned(),
        cells => format!("its first line has to name the columns, and none of its {cells} columns is called that"),
    })]
    NoKeyColumn { wanted: &'static str, cells: usize },
    #[error(
        "no column is called {wanted}, and column {column} holds keys: give it that name in the first line"
    )]
    UnnamedKeys { wanted: &'static str, column: usize },
    #[error(
        "no column is called {wanted}: its first line holds a key where the names of the columns should stand"
    )]
    NoHeader { wanted: &'static str },
    #[error("line {line} names the columns, and should be the first: remove what stands above it")]
    TitleLines { line: usize },
    #[error("this is {what} and no table in text: {mend}")]
    NoTable { what: &'static str, mend: &'static str },
    #[error("two columns are called `{name}`")]
    ColumnTwice { name: String },
    #[error("no column is called `{name}`, as --id-column says: its columns are {columns}")]
    NoIdColumn { name: String, columns: String },
    #[error(
        "no column is called `id`, by which one member with two keys would be found: its columns are {columns}. Say which has your own ids by --id-column NAME, or that none has by --without-ids"
    )]
    NoIds { columns: String },
    #[error("{}", similar_text(lines, *count))]
    SimilarIds { lines: Vec<[u64; 2]>, count: u64 },
    #[error("it names no voter: nothing stands below the line that names the columns")]
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
    #[error(transparent)]
    Key(KeyTextError),
    #[error("{0}: remove it")]
    Hidden(Hidden),
    #[error("character {place} is {}, which is no hexadecimal digit", shown(*character))]
    NotADigit { character: char, place: usize },
    #[error("line {first} has the same id with another key: that would be two votes")]
    OneIdTwoKeys { first: u64 },
    #[error("line {first} has the same key with another id: that would be one vote for both")]
    OneKeyTwoIds { first: u64 },
    #[error(
        "a field goes on over several lines: a quotation mark is missing or one too many, or a cell has a line break, which has to go"
    )]
    SeveralLines,
}

impl fmt::Display for Slip {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: {}", self.line, self.reason)
    }
}

fn similar_text(lines: &[[u64; 2]], count: u64) -> String {
    let told: String =
        lines.iter().map(|[first, line]| format!("\n  line {line}: like line {first}")).collect();
    let more = match count - lines.len() as u64 {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    };
    let beginning = match count {
        1 => "the id of a line is".to_owned(),
        count => format!("the ids of {count} lines are"),
    };
    format!(
        "{beginning} nearly that of an earlier line with another key (but for spaces, marks, accents, leading zeros, the order of words, or letters that look alike): one member with two keys would have two votes, and nothing was signed:{told}{more}\nif they are different members, say so by --similar-ids"
    )
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

/// Where the organiser's own ids stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ids<'a> {
    /// In the column `id`. A list with other columns and without this one is refused, since nothing would find one
    /// member's two keys.
    Usual,
    Column(&'a str),
    /// The organiser said that there are none.
    Nowhere,
}

/// Reads a list. If this succeeds, the whole list is valid.
///
/// # Errors
/// See [`ListError`].
pub(super) fn read(path: &Path, kind: RecordKind, ids: Ids<'_>) -> Result<KeyList, RegistrarError> {
    let file = File::open(path).map_err(|error| FileError::new("read", path, error))?;
    let outcome = read_from(file, kind, ids, Most::ALLOWED);
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
    ids: Ids<'_>,
    most: Most,
) -> io::Result<Result<KeyList, ListError>> {
    let mut opened = match opening::open(input, most.bytes)? {
        Ok(opened) => opened,
        Err(error) => return Ok(Err(error)),
    };
    let beginning = opened.input.fill_buf()?.to_vec();
    let Opened { input, delimiter, lines_before, bytes_before } = opened;
    let mut rows = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(input);
    let header = rows.byte_headers().map_err(io::Error::from)?;
    let columns = match columns::columns(header, (&beginning, delimiter), kind, ids) {
        Ok(columns) => columns,
        Err(error) => return Ok(Err(error)),
    };
    let mut gathered = Gathered::default();
    gathered.list.has_ids = columns.id.is_some();
    let mut together = Vec::with_capacity(READ_TOGETHER);
    let mut record = ByteRecord::new();
    loop {
        let is_more = rows.read_byte_record(&mut record).map_err(io::Error::from)?;
        if bytes_before + rows.position().byte() > most.bytes {
            return Ok(Err(ListError::TooLong));
        }
        if is_more && !is_blank(&record) {
            together.push(row(&record, columns, lines_before));
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

fn is_blank(record: &ByteRecord) -> bool {
    record.iter().all(|field| text::trim(&cell_text(field)).0.is_empty())
}

fn row(record: &ByteRecord, columns: Columns, lines_before: u64) -> Row {
    let field = |place: usize| cell_text(record.get(place).unwrap_or_default()).into_owned();
    Row {
        line: lines_before + record.position().map_or(0, csv::Position::line),
        key: field(columns.key),
        id: columns.id.map(field).unwrap_or_default(),
        has_line_break: record.iter().any(|field| field.contains(&b'\n')),
    }
}

#[cfg(test)]
mod tests;
