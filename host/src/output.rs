//! Printing on stdout and stderr, without the panic of `print!` when they are closed.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long the last words of a program may take where stdout can't be written: a pipe that is full, and that nobody
/// reads.
pub const LAST_WORDS_PATIENCE: Duration = Duration::from_secs(1);

/// Whether the user wants nothing but answers and errors.
static IS_QUIET: AtomicBool = AtomicBool::new(false);

/// From now on, nothing is told and no progress is shown if that is wanted.
pub fn be_quiet(is_wanted: bool) {
    IS_QUIET.store(is_wanted, Ordering::Relaxed);
}

/// Whether the user wants nothing but answers and errors.
pub fn is_quiet() -> bool {
    IS_QUIET.load(Ordering::Relaxed)
}

/// Prints a text and flushes it, so that a program that reads it through a pipe gets it at once. If that program has
/// read enough and gone, as `head` does, the rest is not printed, and that is no error.
///
/// # Errors
/// When stdout can't be written, because its disk is full for instance.
pub fn print(text: &str) -> io::Result<()> {
    match print_while_read(text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// Prints on stderr, so that stdout contains only the answer, unless the user wants quiet. It is no error if nobody is
/// looking.
pub fn tell(text: &str) {
    if is_quiet() {
        return;
    }
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Does the same as [`print()`] for a program that prints for ever, and is to end when nobody reads it any more.
///
/// # Errors
/// When stdout can't be written, or nobody reads it any more, which is a broken pipe.
pub fn print_while_read(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// How many columns a stream's terminal has. `None` if it is no terminal, or one that does not tell.
pub fn columns<S: IsTerminal + AsStream>(stream: &S) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let (terminal_size::Width(columns), _) = terminal_size::terminal_size_of(stream)?;
    (columns > 0).then_some(usize::from(columns))
}

#[cfg(unix)]
pub use std::os::fd::AsFd as AsStream;
#[cfg(windows)]
pub use std::os::windows::io::AsHandle as AsStream;
