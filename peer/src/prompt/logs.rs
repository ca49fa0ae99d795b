//! Prints log lines on stderr. On a terminal they appear above the line that is being typed, so
//! that they do not tear it apart.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use tracing_subscriber::fmt::MakeWriter;

use super::screen::Screen;
use crate::cli::LogFormat;
use host::log::{self, DefaultLevel};

/// The screen that prints log lines while a line is being typed, if stderr is the same terminal.
static TERMINAL: OnceLock<Screen> = OnceLock::new();

/// Starts to write log lines. `RUST_LOG` selects them; the default is warnings and errors.
pub fn start_log(format: LogFormat) {
    let format = match format {
        LogFormat::Text => log::LogFormat::Text,
        LogFormat::Json => log::LogFormat::Json,
    };
    log::start(format, DefaultLevel::Warn, LogWriter);
}

/// From now on log lines for the terminal are printed by its screen.
pub(crate) fn share_terminal(screen: Screen) {
    if io::stderr().is_terminal() {
        // A process has only one terminal, so the first screen stays.
        let _ = TERMINAL.set(screen);
    }
}

#[derive(Debug, Clone, Copy)]
struct LogWriter;

impl Write for LogWriter {
    /// Receives whole lines, because the subscriber formats each line before it writes it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let shown = TERMINAL
            .get()
            .is_some_and(|screen| screen.try_print(String::from_utf8_lossy(bytes).into_owned()));
        if shown { Ok(bytes.len()) } else { io::stderr().write(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl MakeWriter<'_> for LogWriter {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}
