//! Takes over the terminal: raw mode on the alternate screen. It is restored however the program
//! ends, even by a panic.

use std::io;

use ratatui::DefaultTerminal;

/// A terminal that is drawn on. Its previous content comes back when this is dropped.
#[derive(Debug)]
pub(super) struct FullScreen {
    /// This field is dropped first, which shows the cursor again.
    pub(super) terminal: DefaultTerminal,
    _restore: RestoreOnDrop,
}

#[derive(Debug)]
struct RestoreOnDrop;

impl FullScreen {
    /// # Errors
    /// When there is no terminal, or it can't be taken.
    pub(super) fn open() -> io::Result<Self> {
        // This is created before the first step, so that a half-finished setup is undone too.
        let restore = RestoreOnDrop;
        Ok(Self { terminal: ratatui::try_init()?, _restore: restore })
    }
}

impl Drop for RestoreOnDrop {
    fn drop(&mut self) {
        restore();
    }
}

/// Restores the terminal. Calling it a second time is harmless.
pub(super) fn restore() {
    if let Err(error) = ratatui::try_restore() {
        // The terminal has disappeared, so there is nothing to restore.
        tracing::debug!(%error, "the terminal was not given back");
    }
}
