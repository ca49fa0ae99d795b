//! Printing on stdout, without the panic of `print!` when stdout is closed.

use std::io::{self, Write};

/// Prints a text and flushes it, so that a program that reads it through a pipe gets it at once.
///
/// # Errors
/// When stdout is closed or its disk is full.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}
