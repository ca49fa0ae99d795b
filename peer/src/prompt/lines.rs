//! Reads commands from a pipe or a file, one per line.

use std::io::{self, BufRead, Read};
use std::thread;

use tokio::sync::mpsc;

use crate::cli::input_error::LINE_BYTES_MAX;

/// The most lines that are read ahead.
const LINES_MAX: usize = 64;

/// One line, or `None` for a line that is too long or not valid UTF-8.
pub(super) type Line = Option<String>;

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
            let mut stdin = io::stdin().lock();
            while let Some(line) = next(&mut stdin) {
                if lines.blocking_send(line).is_err() {
                    break;
                }
            }
        })
        .expect("the system starts a thread");
    receiver
}

/// The next line without its line end; `None` at the end of the input, or when reading fails.
fn next(input: &mut impl BufRead) -> Option<Line> {
    let mut bytes = Vec::new();
    let limit = LINE_BYTES_MAX as u64 + 1;
    let read = input.by_ref().take(limit).read_until(b'\n', &mut bytes).ok()?;
    if read == 0 {
        return None;
    }
    if bytes.len() > LINE_BYTES_MAX && bytes.last() != Some(&b'\n') {
        input.skip_until(b'\n').ok()?;
        return Some(None);
    }
    Some(String::from_utf8(bytes).ok().map(|line| line.trim_end_matches(['\n', '\r']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut input: &[u8]) -> Vec<Line> {
        std::iter::from_fn(|| next(&mut input)).collect()
    }

    #[test]
    fn lines_are_read_and_bad_ones_are_told() {
        let line = |text: &str| Some(text.to_owned());
        assert_eq!(all(b"a\nb\r\n\nc"), [line("a"), line("b"), line(""), line("c")]);
        assert_eq!(all(b"\xff\nok\n"), [None, line("ok")]);
        let longest = "x".repeat(LINE_BYTES_MAX);
        let input = format!("{longest}\n{longest}y\nok\n{longest}y");
        assert_eq!(all(input.as_bytes()), [line(&longest), None, line("ok"), None]);
    }
}
