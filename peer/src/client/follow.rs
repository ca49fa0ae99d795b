//! Shows the count again whenever it changes.

use std::io::{self, IsTerminal};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;

use super::error::ClientError;
use super::events::Events;
use super::http::{Http, HttpError};
use crate::render::{Style, is_dumb_terminal};
use crate::schema::Reply;
use crate::schema::{Event, Results};
use host::output::{columns, print_while_read};
use host::signals::{EndSignals, Hangup};

/// Moves the cursor to the upper left corner and clears everything below it.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// How often the count is asked for while no event comes.
const REFRESH_PERIOD: Duration = Duration::from_secs(5);

/// The shortest time between two such questions, however many events come.
const REFRESH_PAUSE_MIN: Duration = Duration::from_millis(250);

/// Shows the count until the user or the system ends it.
///
/// # Errors
/// When the peer has ended, or can't be reached any more.
pub(super) fn watch_results(http: &Http, style: Style) -> Result<(), ClientError> {
    let is_terminal = io::stdout().is_terminal() && !is_dumb_terminal();
    let mut is_first = true;
    let mut print = move |results: &Results| {
        let text = style.answer(&Reply::Results(Box::new(results.clone())));
        let before = match style {
            Style::Human { .. } if is_terminal => CLEAR,
            Style::Human { .. } if !is_first => "\n",
            Style::Human { .. } | Style::Json => "",
        };
        is_first = false;
        print_while_read(&format!("{before}{}", style.fitted(text, columns(&io::stdout()))))
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
///
/// Not only blocks change it: who else has the newest one, how far this peer is ready and what waits do so too, and not
/// each of these changes is an event. So every event asks for the count, and so does the time.
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
    // Several events that were not answered yet are as good as one.
    let (news, heard) = sync_channel(1);
    let listening = thread::Builder::new().name("results events".into());
    let listening = listening.spawn(move || listen(events, &news))?;
    refresh_until_over(&heard, REFRESH_PERIOD, || match refresh() {
        // Whoever listens to its events waits for it, and knows when it is gone.
        Err(ClientError::Http(error)) if error.is_worth_asking_again() => Ok(()),
        refreshed => refreshed,
    })?;
    let ended = listening.join().expect("a thread that hears of the peer does not panic");
    Err(ended.map_or_else(ClientError::from, |()| ClientError::PeerEnded))
}

/// Refreshes at each news, and when none came for this long.
fn refresh_until_over(
    heard: &Receiver<()>,
    period: Duration,
    mut refresh: impl FnMut() -> Result<(), ClientError>,
) -> Result<(), ClientError> {
    loop {
        match heard.recv_timeout(period) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => refresh()?,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        thread::sleep(REFRESH_PAUSE_MIN.min(period));
    }
}

/// Passes on that something happened, until the peer has left or is gone.
fn listen(events: Events, news: &SyncSender<()>) -> Result<(), HttpError> {
    for event in events {
        if matches!(event?, (_, Event::Left)) {
            return Ok(());
        }
        if matches!(news.try_send(()), Err(TrySendError::Disconnected(()))) {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_asked_for_also_while_no_news_come() {
        let (news, heard) = sync_channel(1);
        let mut news = Some(news);
        let mut asked = 0;
        let refresh = || {
            asked += 1;
            if asked == 3 {
                news = None;
            }
            Ok(())
        };
        refresh_until_over(&heard, Duration::from_millis(1), refresh).expect("it is over");
        assert_eq!(asked, 3);
    }
}
