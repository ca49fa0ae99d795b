//! Prints log lines on stderr. On a terminal they appear above the line that is being typed, so
//! that they do not tear it apart.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use tracing_subscriber::fmt::MakeWriter;

use super::screen::Screen;
use crate::cli::LogFormat;
use crate::render::event_text;
use crate::schema::Event;
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

/// Writes what happened to the log: what tells how a peer's day went as information, the rest for whoever searches.
pub(crate) fn log_event(event: &Event) {
    let text = event_text(event);
    match event {
        Event::Listening { .. }
        | Event::Left
        | Event::Block { .. }
        | Event::Reorganisation { .. }
        | Event::NeighbourJoined { .. }
        | Event::NeighbourNamed { .. }
        | Event::NeighbourLeft { .. }
        | Event::PeerSilent { .. }
        | Event::NoContact { .. }
        | Event::Registered { .. }
        | Event::TrackerSilent { .. }
        | Event::NameUnknown { .. }
        | Event::NameFound { .. }
        | Event::GoesOn { .. }
        | Event::AddressGone { .. }
        | Event::AddressBack { .. }
        | Event::ClockOff { .. }
        | Event::ClockAgrees { .. }
        | Event::Synced { .. }
        | Event::StateChanged { .. }
        | Event::NotCounted { .. }
        | Event::Evidence { .. }
        | Event::ConflictingCertificates { .. }
        | Event::Twin { .. }
        | Event::Abstains { .. }
        | Event::Signs
        | Event::DiskRefuses { .. }
        | Event::DiskRecovered => tracing::info!("{text}"),
        Event::Mended { .. }
        | Event::Verified { .. }
        | Event::Mining(_)
        | Event::Registering { .. }
        | Event::Missed { .. }
        | Event::Transaction { .. }
        | Event::OwnVote { .. }
        | Event::OwnVoteFinal { .. }
        | Event::Superseded { .. }
        | Event::Final { .. }
        | Event::TrackerRefused { .. }
        | Event::ClockDiffers { .. }
        | Event::Syncing { .. }
        | Event::Misbehaviour { .. }
        | Event::BlockLost { .. }
        | Event::Experiment { .. }
        | Event::EarlyBlock { .. }
        | Event::InvalidBlock { .. } => tracing::debug!("{text}"),
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
