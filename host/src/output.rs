//! Text on stdout.

use std::io::{self, Write};

/// Prints a text on stdout, at once.
///
/// # Errors
/// When stdout takes nothing.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}
