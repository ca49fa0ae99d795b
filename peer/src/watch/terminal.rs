//! The terminal, taken for a while: raw, on its second screen, and given back at every end, a panic's too.

use std::io;

use ratatui::DefaultTerminal;

/// A terminal that is drawn on; what was on it before comes back when this is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    /// Dropped first, which shows the cursor again.
    pub(super) terminal: DefaultTerminal,
    _giving_back: GivingBack,
}

#[derive(Debug)]
struct GivingBack;

impl Taken {
    /// # Errors
    /// When there is no terminal, or it can't be taken.
    pub(super) fn take() -> io::Result<Self> {
        // Before the first step, so that half of them are taken back, too.
        let giving_back = GivingBack;
        Ok(Self { terminal: ratatui::try_init()?, _giving_back: giving_back })
    }
}

impl Drop for GivingBack {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back; harmless a second time.
pub(super) fn give_back() {
    if let Err(error) = ratatui::try_restore() {
        // It went away; there is nothing to give back.
        tracing::debug!(%error, "the terminal was not given back");
    }
}
