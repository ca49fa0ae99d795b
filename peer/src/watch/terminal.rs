//! Takes over the terminal: raw mode on the alternate screen. It is restored however the program
//! ends, even by a panic.

use std::io;

use ratatui::DefaultTerminal;

/// A terminal that is drawn on; what was on it before comes back when this is dropped.
#[derive(Debug)]
pub(super) struct FullScreen {
    /// Dropped first, which shows the cursor again.
    pub(super) terminal: DefaultTerminal,
    _restore: RestoreOnDrop,
}

#[derive(Debug)]
struct RestoreOnDrop;

impl FullScreen {
    /// # Errors
    /// When there is no terminal, or it can't be taken.
    pub(super) fn open() -> io::Result<Self> {
        // Before the first step, so that half of them are taken back, too.
        let restore = RestoreOnDrop;
        Ok(Self { terminal: ratatui::try_init()?, _restore: restore })
    }
}

impl Drop for RestoreOnDrop {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back; harmless a second time.
pub(super) fn restore() {
    if let Err(error) = ratatui::try_restore() {
        // It went away; there is nothing to give back.
        tracing::debug!(%error, "the terminal was not given back");
    }
}
