//! Shows a running peer on the whole terminal: its chain, count, neighbours and events, as they
//! change. This is a client of the peer's API like the other commands. It asks only what everybody
//! may ask, and gives no orders.
//!
//! Two threads receive news of the peer (`source`). What they received is kept in the
//! [`State`](state::State), which knows no clock and no terminal, and [`draw`](draw::draw) makes a
//! picture of it. This module contains the loop between them, which must never wait for the peer.

mod draw;
mod source;
mod state;
mod terminal;
#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use std::{process, thread};

use protocol::election::Election;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::runtime::Builder;

use crate::cli::Connection;
use crate::client::error::{ClientError, ClientExit};
use crate::client::{self, election_and_server};
use crate::render::{is_dumb_terminal, wants_color};
use draw::{Viewport, count_rows, draw};
use host::clock::unix_now;
use host::signals::{EndSignals, Hangup};
use source::{Source, UPDATES_MAX, Updates};
use state::{State, Update};
use terminal::FullScreen;

/// The longest time that news waits to be drawn. The picture therefore changes at most ten times a
/// second, apart from key presses.
const WAIT: Duration = Duration::from_millis(100);

/// How long the loop has to notice that the system wants the program to end. After that the program
/// ends without it.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// How often the ages are redrawn while nothing else changes.
const AGES_PERIOD: Duration = Duration::from_secs(1);

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyAction {
    Quit,
    /// Scrolls the count by this number of pages.
    ScrollPages(isize),
    /// Scrolls the count by this number of rows.
    ScrollRows(isize),
    ScrollToFirst,
    ScrollToLast,
}

/// Watches a peer, and prints the reason if that is not possible.
#[must_use]
pub fn watch(connection: &Connection) -> ClientExit {
    let outcome = watch_peer(connection).map(|()| None);
    client::finish("watch", client::style_of(connection.format), outcome)
}

fn watch_peer(connection: &Connection) -> Result<(), ClientError> {
    if !io::stdout().is_terminal() {
        return Err(ClientError::NoTerminal);
    }
    if is_dumb_terminal() {
        return Err(ClientError::DumbTerminal);
    }
    let (election, server) = election_and_server(connection)?;
    show_until_quit(connection, &election, &server).map_err(ClientError::Terminal)
}

/// Shows the peer until the user or the system ends it. If the peer goes away, this waits for it to
/// come back.
///
/// # Errors
/// When the terminal can't be drawn on.
fn show_until_quit(connection: &Connection, election: &Election, server: &str) -> io::Result<()> {
    let is_over = end_signals()?;
    let election_id = election.election_id();
    let now_ms = unix_now().0;
    let state = State::new(election.title.clone(), election_id, server.to_owned(), now_ms);
    let source = Source { connection: connection.clone(), election: election_id };
    let mut full_screen = FullScreen::open()?;
    show(state, &source.start(), &is_over, &mut full_screen)
}

fn show(
    mut state: State,
    updates: &Updates,
    is_over: &AtomicBool,
    full_screen: &mut FullScreen,
) -> io::Result<()> {
    let mut viewport = Viewport { has_color: wants_color(), first_row: 0 };
    let mut drawn_at = None;
    let mut is_changed = true;
    while !is_over.load(Ordering::Relaxed) {
        let is_aged = drawn_at.is_none_or(|at: Instant| at.elapsed() >= AGES_PERIOD);
        if is_aged {
            state.apply(Update::Tick, unix_now().0);
        }
        if is_changed || is_aged {
            full_screen.terminal.draw(|frame| draw(&state, viewport, frame))?;
            drawn_at = Some(Instant::now());
            is_changed = false;
        }
        if event::poll(WAIT)? {
            let size = full_screen.terminal.size()?;
            match event::read()? {
                Event::Key(key) => match key_action(key) {
                    Some(KeyAction::Quit) => return Ok(()),
                    Some(action) => {
                        viewport.first_row = first_row(action, viewport, count_rows(&state, size));
                    }
                    None => {}
                },
                Event::Resize(..) => {}
                Event::FocusGained | Event::FocusLost | Event::Mouse(_) | Event::Paste(_) => {
                    continue;
                }
            }
            is_changed = true;
        }
        // At most as much news as the queue holds is handled in one round, so that keys never have
        // to wait.
        for update in updates.receiver.try_iter().take(UPDATES_MAX) {
            state.apply(update, unix_now().0);
            is_changed = true;
        }
        assert!(!updates.is_broken(), "a thread that hears of the peer goes on until the end");
    }
    Ok(())
}

/// The flag becomes true when the system wants the program to end. The signal handlers are
/// installed when this function returns.
fn end_signals() -> io::Result<Arc<AtomicBool>> {
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let (started, starting) = mpsc::sync_channel(1);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("watch signals".into()).spawn(move || {
        runtime.block_on(async {
            match EndSignals::start(Hangup::Ends) {
                Ok(signals) => {
                    // The function that started this thread waits for this message.
                    let _ = started.send(Ok(()));
                    signals.leave().await;
                    over.store(true, Ordering::Relaxed);
                    // When the terminal has disappeared, crossterm reads from it for ever and the
                    // loop never sees the flag, so the process is ended from here.
                    tokio::time::sleep(END_PATIENCE).await;
                    terminal::restore();
                    process::exit(0);
                }
                Err(error) => drop(started.send(Err(error))),
            }
        });
    })?;
    starting.recv().map_err(io::Error::other)??;
    Ok(is_over)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "most keys mean nothing here")]
fn key_action(key: KeyEvent) -> Option<KeyAction> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
            Some(KeyAction::Quit)
        }
        KeyCode::Char('q' | 'Q') | KeyCode::Esc => Some(KeyAction::Quit),
        KeyCode::Down | KeyCode::Char('j') => Some(KeyAction::ScrollRows(1)),
        KeyCode::Up | KeyCode::Char('k') => Some(KeyAction::ScrollRows(-1)),
        KeyCode::PageDown | KeyCode::Char(' ') => Some(KeyAction::ScrollPages(1)),
        KeyCode::PageUp => Some(KeyAction::ScrollPages(-1)),
        KeyCode::Home => Some(KeyAction::ScrollToFirst),
        KeyCode::End => Some(KeyAction::ScrollToLast),
        _ => None,
    }
}

/// The first visible row of the count after an action, if the count has `all` rows of which
/// `visible` fit.
fn first_row(action: KeyAction, viewport: Viewport, (visible, all): (usize, usize)) -> usize {
    let last = all.saturating_sub(visible);
    // One row of the previous page stays visible, so that the reader keeps the place.
    let page = isize::try_from(visible.saturating_sub(1).max(1)).unwrap_or(isize::MAX);
    let now = viewport.first_row.min(last);
    let next = match action {
        KeyAction::ScrollPages(pages) => now.saturating_add_signed(pages.saturating_mul(page)),
        KeyAction::ScrollRows(rows) => now.saturating_add_signed(rows),
        KeyAction::ScrollToFirst | KeyAction::Quit => 0,
        KeyAction::ScrollToLast => last,
    };
    next.min(last)
}

#[cfg(test)]
mod key_tests {
    use super::*;

    #[test]
    fn keys_end_and_scroll() {
        let pressed = |code| key_action(KeyEvent::new(code, KeyModifiers::NONE));
        for code in [KeyCode::Char('q'), KeyCode::Esc] {
            assert_eq!(pressed(code), Some(KeyAction::Quit));
        }
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(key_action(interrupt), Some(KeyAction::Quit));
        assert_eq!(pressed(KeyCode::Char('c')), None);
        let mut viewport = Viewport { has_color: false, first_row: 0 };
        for (code, expected) in [
            (KeyCode::Up, 0),
            (KeyCode::Down, 1),
            (KeyCode::PageDown, 10),
            (KeyCode::PageDown, 15),
            (KeyCode::Down, 15),
            (KeyCode::PageUp, 6),
            (KeyCode::End, 15),
            (KeyCode::Home, 0),
        ] {
            let action = pressed(code).expect("it scrolls");
            viewport.first_row = first_row(action, viewport, (10, 25));
            assert_eq!(viewport.first_row, expected, "{code:?}");
        }
        // A terminal that became larger shows all.
        assert_eq!(
            first_row(KeyAction::ScrollRows(1), Viewport { first_row: 15, ..viewport }, (30, 25)),
            0
        );
    }
}
