//! The beginning of a list: whether it is a table at all, in which encoding, and what separates its cells.

use std::io::{self, BufRead, BufReader, Read};

use host::utf16::{self, UTF8_MARK, Utf16};

use super::ListError;

/// A table whose next line names its columns.
pub(super) struct Opened<'a> {
    pub(super) input: BufReader<Box<dyn Read + 'a>>,
    pub(super) delimiter: u8,
    /// What was read before that line, in lines and in bytes.
    pub(super) lines_before: u64,
    pub(super) bytes_before: u64,
}

/// Opens a table of at most so many bytes, of which one more is read.
///
/// # Errors
/// When it can't be read. The inner error says what it is instead of a table.
pub(super) fn open<'a>(
    input: impl Read + 'a,
    bytes_max: u64,
) -> io::Result<Result<Opened<'a>, ListError>> {
    let mut input = BufReader::new(input);
    let beginning = input.fill_buf()?;
    if let Some((what, mend)) = other_file(beginning) {
        return Ok(Err(ListError::NoTable { what, mend }));
    }
    let decoded: Box<dyn Read + 'a> = match utf16::byte_order(beginning) {
        Some(order) => Box::new(Utf16::new(input, order).take(bytes_max + 1)),
        None => Box::new(input.take(bytes_max + 1)),
    };
    let mut input = BufReader::new(decoded);
    let (said, bytes) = separator_line(input.fill_buf()?);
    input.consume(bytes);
    let header = first_line(input.fill_buf()?);
    // What the line says is not so if another program wrote the rest.
    let delimiter = match said {
        Some(said) if header.contains(&said) => said,
        Some(_) | None => delimiter(header),
    };
    let lines_before = u64::from(bytes > 0);
    Ok(Ok(Opened { input, delimiter, lines_before, bytes_before: bytes as u64 }))
}

/// What else people hand in for a table, by its first bytes, and how a table is made of it.
fn other_file(beginning: &[u8]) -> Option<(&'static str, &'static str)> {
    const SAVE: &str = "open it and save it as CSV";
    let holds = |text: &[u8]| beginning.windows(text.len()).any(|window| window == text);
    let text = beginning.strip_prefix(UTF8_MARK).unwrap_or(beginning).trim_ascii_start();
    let begins =
        |tag: &[u8]| text.get(..tag.len()).is_some_and(|head| head.eq_ignore_ascii_case(tag));
    if beginning.starts_with(b"PK\x03\x04") {
        return Some(match holds(b"opendocument.spreadsheet") {
            true => ("a spreadsheet of LibreOffice (.ods)", SAVE),
            false if holds(b"xl/") || holds(b"[Content_Types].xml") || holds(b"docProps/") => {
                ("a spreadsheet of Excel (.xlsx)", SAVE)
            }
            false => (
                "a packed file (.zip, or a spreadsheet)",
                "unpack it, or open it and save it as CSV",
            ),
        });
    }
    if beginning.starts_with(b"\xd0\xcf\x11\xe0") {
        return Some(("a spreadsheet of an older Excel (.xls)", SAVE));
    }
    if beginning.starts_with(b"\x1f\x8b") {
        return Some(("a packed file (.gz)", "unpack it"));
    }
    if beginning.starts_with(b"%PDF") {
        return Some(("a PDF", "save the table that it was made of as CSV"));
    }
    if beginning.starts_with(b"\xff\xfe\0\0") || beginning.starts_with(b"\0\0\xfe\xff") {
        return Some(("text in UTF-32", "save it as UTF-8"));
    }
    if begins(b"<") {
        return Some(("a page or another XML file", SAVE));
    }
    if begins(b"{\\rtf") {
        return Some((
            "a document (.rtf)",
            "copy its table into a spreadsheet and save that as CSV",
        ));
    }
    if begins(b"{\"ostrakon\"") {
        return Some(("a file of signatures", "name the organiser's list of keys"));
    }
    if begins(b"{") || begins(b"[") {
        return Some(("JSON", "save it as CSV"));
    }
    // No text has zeros, but for UTF-16.
    if beginning.contains(&0) && utf16::byte_order(beginning).is_none() {
        return Some(("a file of another program", SAVE));
    }
    None
}

/// The first line, whatever ends it.
pub(super) fn first_line(text: &[u8]) -> &[u8] {
    text.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default()
}

/// The line `sep=;`, by which Excel tells itself what separates cells, and its length with its end.
fn separator_line(beginning: &[u8]) -> (Option<u8>, usize) {
    let line = first_line(beginning);
    let text = line.strip_prefix(UTF8_MARK).unwrap_or(line);
    let text = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text);
    match text {
        [name @ .., b'=', delimiter] if name.eq_ignore_ascii_case(b"sep") => {
            let end = match &beginning[line.len()..] {
                [b'\r', b'\n', ..] => 2,
                [_, ..] => 1,
                [] => 0,
            };
            (Some(*delimiter), line.len() + end)
        }
        _ => (None, 0),
    }
}

/// Spreadsheets write `;` or a tab as the separator in countries where the comma is the decimal mark.
pub(super) fn delimiter(header: &[u8]) -> u8 {
    let count = |delimiter: u8| header.iter().filter(|byte| **byte == delimiter).count();
    // If several are equally frequent, the last one is used.
    [b'|', b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}
