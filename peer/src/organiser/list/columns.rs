//! The line that names the columns: which of them are used, and what is said if it is not there.

use std::borrow::Cow;

use csv::ByteRecord;
use protocol::{key_text, text};

use super::{Ids, ListError, opening};
use crate::schema::RecordKind;

/// The lines in which names of columns are looked for if the first has none, to say where they stand.
const TITLE_LINES_MAX: usize = 20;
/// The most columns that a message names, and the most characters of each name.
const COLUMNS_TOLD_MAX: usize = 10;
const NAME_TOLD_MAX: usize = 40;

/// The names of the columns that are read.
const VOTER_KEY: &str = "voter_key";
const KEY: &str = "key";
const VOTER: &str = "voter";
const ID: &str = "id";

/// Which columns of a line are used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    pub(super) key: usize,
    pub(super) holds_voters: bool,
    pub(super) id: Option<usize>,
}

/// A cell as text. What is not UTF-8 comes from an older program, whose letters are those of Latin-1 or close to them:
/// two that differ there differ here.
pub(super) fn cell_text(cell: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(cell) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(cell.iter().copied().map(char::from).collect()),
    }
}

/// The used columns, by the line that names all.
///
/// # Errors
/// When one is missing or stands twice. `beginning` are the first lines of the table, in which they may stand too low.
pub(super) fn columns(
    header: &ByteRecord,
    (beginning, delimiter): (&[u8], u8),
    kind: RecordKind,
    ids: Ids<'_>,
) -> Result<Columns, ListError> {
    if header.is_empty() || cell_text(beginning).trim().is_empty() {
        return Err(ListError::Empty);
    }
    let key = match place(header, VOTER_KEY)? {
        Some(place) => Some(place),
        None => place(header, KEY)?,
    };
    let no_key = |wanted| no_key_column(header, (beginning, delimiter), kind, wanted);
    let (key, holds_voters) = match (key, kind) {
        (Some(key), _) => (key, false),
        (None, RecordKind::Admissions) => return Err(no_key("`voter_key` or `key`")),
        (None, RecordKind::Withdrawals) => {
            let wanted = "`voter_key`, `key` or `voter`";
            (place(header, VOTER)?.ok_or_else(|| no_key(wanted))?, true)
        }
    };
    let id = match ids {
        Ids::Nowhere => None,
        Ids::Usual => place(header, ID)?,
        Ids::Column(name) => Some(named(header, name)?.ok_or_else(|| ListError::NoIdColumn {
            name: name.to_owned(),
            columns: names(header),
        })?),
    };
    // Two keys of one member are not a mistake in a list of withdrawals.
    let id = id.filter(|_| kind == RecordKind::Admissions);
    let could_have_ids = kind == RecordKind::Admissions && ids == Ids::Usual && header.len() > 1;
    if id.is_none() && could_have_ids {
        return Err(ListError::NoIds { columns: names(header) });
    }
    Ok(Columns { key, holds_voters, id })
}

fn place(header: &ByteRecord, name: &str) -> Result<Option<usize>, ListError> {
    let wanted = plain_name(name.as_bytes());
    let mut places = (0..header.len()).filter(|place| plain_name(&header[*place]) == wanted);
    let first = places.next();
    match places.next() {
        Some(_) => Err(ListError::ColumnTwice { name: name.to_owned() }),
        None => Ok(first),
    }
}

/// The column that the organiser named: the one that is called so to the letter, or else the one that nearly is.
fn named(header: &ByteRecord, name: &str) -> Result<Option<usize>, ListError> {
    let mut exact =
        (0..header.len()).filter(|place| cell_text(&header[*place]).trim() == name.trim());
    match (exact.next(), exact.next()) {
        (Some(only), None) => Ok(Some(only)),
        (_, Some(_)) | (None, None) => place(header, name),
    }
}

/// The letters and digits of a name, in small letters: people write "Voter Key" and "voterkey", too. A name without any
/// is its signs, so that `#`, `%` and no name are three.
fn plain_name(cell: &[u8]) -> String {
    let folded = text::folded(&cell_text(cell));
    let plain: String = folded.chars().filter(|each| each.is_alphanumeric()).collect();
    if plain.is_empty() { folded.trim().to_owned() } else { plain }
}

/// The names of all columns, for a message.
fn names(header: &ByteRecord) -> String {
    let name = |cell: &[u8]| {
        let told: String = cell_text(cell).trim().chars().take(NAME_TOLD_MAX).collect();
        format!("`{}`", told.escape_debug())
    };
    let mut told: Vec<_> = header.iter().take(COLUMNS_TOLD_MAX).map(name).collect();
    if header.len() > COLUMNS_TOLD_MAX {
        told.push(format!("{} more", header.len() - COLUMNS_TOLD_MAX));
    }
    told.join(", ")
}

/// What to say where no column of keys is: the names may stand below a title, or nowhere.
fn no_key_column(
    header: &ByteRecord,
    (beginning, delimiter): (&[u8], u8),
    kind: RecordKind,
    wanted: &'static str,
) -> ListError {
    let is_named = |line: &&[u8]| {
        let delimiter = opening::delimiter(line);
        line.split(|byte| *byte == delimiter).any(|cell| {
            let name = plain_name(cell);
            let is_voter = kind == RecordKind::Withdrawals && name == VOTER;
            name == plain_name(VOTER_KEY.as_bytes()) || name == KEY || is_voter
        })
    };
    let text = cell_text(beginning);
    let mut lines = text.lines().take(TITLE_LINES_MAX).map(str::as_bytes);
    if let Some(index) = lines.position(|line| is_named(&line)).filter(|index| *index > 0) {
        return ListError::TitleLines { line: index + 1 };
    }
    let is_key = |cell: &[u8]| key_text::read(&cell_text(cell)).is_ok();
    if header.iter().any(is_key) {
        return ListError::NoHeader { wanted };
    }
    let mut below = csv::ReaderBuilder::new();
    let below =
        below.delimiter(delimiter).flexible(true).from_reader(beginning).into_byte_records();
    let mut below = below.map_while(Result::ok).take(TITLE_LINES_MAX);
    match below.find_map(|row| row.iter().position(is_key)) {
        Some(place) => ListError::UnnamedKeys { wanted, column: place + 1 },
        None => ListError::NoKeyColumn { wanted, cells: header.len() },
    }
}
