//! Shows the count again whenever it changes.

use std::io::{self, IsTerminal};

use tokio::runtime::Builder;

use super::error::ClientError;
use super::events::Events;
use super::http::Http;
use crate::render::{Style, is_dumb_terminal};
use crate::schema::Reply;
use crate::schema::{Event, Results};
use host::output::print_while_read;
use host::signals::{EndSignals, Hangup};

/// Moves the cursor to the upper left corner and clears everything below it.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Shows the count until the user or the system ends it.
///
/// # Errors
/// When the peer has ended, or can't be reached any more.
pub(super) fn watch_results(http: &Http, style: Style) -> Result<(), ClientError> {
    let is_terminal = io::stdout().is_terminal() && !is_dumb_terminal();
    let mut is_first = true;
    let mut print = move |results: &Results| {
        let text = style.answer(&Reply::Results(results.clone()));
        let before = match style {
            Style::Human { .. } if is_terminal => CLEAR,
            Style::Human { .. } if !is_first => "\n",
            Style::Human { .. } | Style::Json => "",
        };
        is_first = false;
        print_while_read(&format!("{before}{text}"))
    };
    let http = http.clone();
    // The runtime serves only the signals: the peer is awaited by a thread that nobody waits for.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async move {
        let signals = EndSignals::start(Hangup::Ends)?;
        let following = tokio::task::spawn_blocking(move || follow(&http, &mut print));
        tokio::select! {
            () = signals.leave() => Ok(()),
            ended = following => ended.map_err(io::Error::other)?,
        }
    });
    runtime.shutdown_background();
    ended
}

/// Reports the count at once, and again whenever it changes.
pub(super) fn follow(
    http: &Http,
    print: &mut impl FnMut(&Results) -> io::Result<()>,
) -> Result<(), ClientError> {
    // The events are opened first, so that no change is missed in between.
    let events = Events::connect(http.clone(), None)?;
    let mut shown = None;
    let mut refresh = || -> Result<(), ClientError> {
        let results: Results = http.get("/v1/results")?;
        if shown.as_ref() != Some(&results) {
            print(&results)?;
            shown = Some(results);
        }
        Ok(())
    };
    refresh()?;
    for event in events {
        let (_, event) = event?;
        if matches!(event, Event::Left) {
            return Err(ClientError::PeerEnded);
        }
        if matches!(
            event,
            Event::Block { .. } | Event::Reorganisation { .. } | Event::Missed { .. }
        ) {
            refresh()?;
        }
    }
    Err(ClientError::PeerEnded)
}
