//! Reads commands from a pipe or a file, one per line.

use std::io::{self, BufRead, BufReader, Read};
use std::iter;
use std::mem;
use std::thread;

use host::utf16::UTF8_MARK;
use tokio::sync::mpsc;

use super::foreground::PatientStdin;
use crate::cli::input_error::{InputError, LINE_BYTES_MAX};

/// The most lines that are read ahead.
const LINES_MAX: usize = 64;

/// What came of reading a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Good(String),
    /// It is refused, and the next one is read.
    Bad(InputError),
    /// The input can't be read, for this reason. Nothing follows.
    Failed(String),
}

/// Reads stdin on a thread of its own, because such a read cannot be cancelled. The channel closes
/// at the end of the input.
///
/// # Panics
/// When the system cannot start a thread.
pub(super) fn read_stdin() -> mpsc::Receiver<Line> {
    let (lines, receiver) = mpsc::channel(LINES_MAX);
    thread::Builder::new()
        .name("stdin".into())
        .spawn(move || {
            for line in lines_of(PatientStdin(io::stdin())) {
                let is_last = matches!(line, Line::Failed(_));
                if lines.blocking_send(line).is_err() || is_last {
                    break;
                }
            }
        })
        .expect("the system starts a thread");
    receiver
}

/// All lines without their line ends, up to the end of the input.
fn lines_of(input: impl Read) -> impl Iterator<Item = Line> {
    let mut input = BufReader::new(input);
    let mut is_first = true;
    iter::from_fn(move || next(&mut input, mem::take(&mut is_first)))
}

/// The next line; `None` at the end of the input.
fn next(input: &mut impl BufRead, is_first: bool) -> Option<Line> {
    match try_next(input, is_first) {
        Ok(line) => line,
        Err(error) => Some(Line::Failed(error.to_string())),
    }
}

fn try_next(input: &mut impl BufRead, is_first: bool) -> io::Result<Option<Line>> {
    let mut bytes = Vec::new();
    let limit = LINE_BYTES_MAX as u64 + 1;
    let read = input.by_ref().take(limit).read_until(b'\n', &mut bytes)?;
    if read == 0 {
        return Ok(None);
    }
    if bytes.len() > LINE_BYTES_MAX && bytes.last() != Some(&b'\n') {
        input.skip_until(b'\n')?;
        return Ok(Some(Line::Bad(InputError::TooLong)));
    }
    // Some programs write a mark before UTF-8.
    if is_first && bytes.starts_with(UTF8_MARK) {
        bytes.drain(..UTF8_MARK.len());
    }
    Ok(Some(match String::from_utf8(bytes) {
        Ok(line) => Line::Good(line.trim_end_matches(['\n', '\r']).to_owned()),
        Err(_) => Line::Bad(InputError::NotUtf8),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: impl Read) -> Vec<Line> {
        lines_of(input).collect()
    }

    fn line(text: &str) -> Line {
        Line::Good(text.to_owned())
    }

    #[test]
    fn lines_are_read_and_bad_ones_are_told() {
        assert_eq!(all(&b"a\nb\r\n\nc"[..]), [line("a"), line("b"), line(""), line("c")]);
        let bad = || Line::Bad(InputError::NotUtf8);
        assert_eq!(all(&b"\xff\nok\n"[..]), [bad(), line("ok")]);
        assert_eq!(all(&b"vote Zo\xeb"[..]), [bad()]);
        let marked = &b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n"[..];
        assert_eq!(all(marked), [line("a"), line("\u{feff}b")]);
        // A pipe may give the mark in pieces.
        for length in 1..=3 {
            assert_eq!(all(marked[..length].chain(&marked[length..])).len(), 2, "{length}");
            assert_eq!(all(marked[..length].chain(&marked[length..]))[0], line("a"), "{length}");
        }
        assert_eq!(all(&b"\xef\xbb\xbf"[..]), [line("")]);
        let too_long = || Line::Bad(InputError::TooLong);
        let longest = "x".repeat(LINE_BYTES_MAX);
        let input = format!("{longest}\n{longest}y\nok\n{longest}y");
        assert_eq!(all(input.as_bytes()), [line(&longest), too_long(), line("ok"), too_long()]);
    }

    /// Gives a line, and then no more.
    struct Broken(bool);

    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::Error::other("the disk is gone"));
            }
            buffer[..5].copy_from_slice(b"good\n");
            Ok(5)
        }
    }

    #[test]
    fn an_input_that_breaks_says_why() {
        let mut lines = lines_of(Broken(false));
        assert_eq!(lines.next(), Some(line("good")));
        assert_eq!(lines.next(), Some(Line::Failed("the disk is gone".to_owned())));
    }
}
