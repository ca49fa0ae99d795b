//! Prints events as they arrive, and recognises those after which the peer ends.

use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::screen::Screen;
use crate::miner::MinerView;
use crate::render::Style;
use crate::schema::Event;

/// How often an ongoing search for a block is reported by a line of its own.
const MINING_PERIOD: Duration = Duration::from_secs(5);
/// How often its one line is drawn anew on a terminal.
const MINING_REDRAW_PERIOD: Duration = Duration::from_secs(1);
/// A search is reported only after this time: before, it is not worth a line, and its rate is not
/// known yet.
const MINING_SHOWN_AFTER: Duration = Duration::from_secs(2);

/// All trackers refused this peer before one ever listed it, so the peer must end instead of
/// continuing alone.
#[derive(Debug)]
pub(crate) struct TrackerRefusal {
    pub(crate) message: String,
}

/// Prints all events until the node ends. `ending` is told when all `trackers` refused this peer. `redraws` says that progress has one line on a terminal.
pub(crate) async fn print_events(
    mut events: Receiver<Event>,
    screen: Screen,
    style: Style,
    miner: Option<MinerView>,
    redraws: bool,
    (trackers, ending): (usize, oneshot::Sender<TrackerRefusal>),
) {
    let mut ending = Some(ending);
    let mut refusals = 0;
    let period = if redraws { MINING_REDRAW_PERIOD } else { MINING_PERIOD };
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let event = tokio::select! {
            event = events.recv() => match event {
                Ok(event) => event,
                Err(RecvError::Lagged(events)) => Event::Missed { events },
                Err(RecvError::Closed) => return,
            },
            _ = ticks.tick() => {
                let progress = miner.as_ref().and_then(MinerView::progress);
                match progress.filter(|progress| progress.running >= MINING_SHOWN_AFTER) {
                    Some(progress) => Event::Mining(progress.into()),
                    None => continue,
                }
            }
        };
        let text = style.event(&event);
        if matches!(event, Event::Registered { .. }) {
            // After the peer has been listed once, a wrong tracker at the same address is no reason
            // to leave the other peers.
            ending = None;
        }
        // Each tracker is told of once, and one that agrees is enough.
        refusals += usize::from(matches!(event, Event::TrackerRefused { .. }));
        if matches!(event, Event::TrackerRefused { .. })
            && refusals >= trackers
            && let Some(ending) = ending.take()
        {
            let message = Style::Human { color: false }.event(&event).trim().to_owned();
            // The peer may be ending anyway.
            let _ = ending.send(TrackerRefusal { message });
        }
        if matches!(event, Event::Mining(_)) {
            screen.print_progress(text).await;
        } else {
            screen.print(text).await;
        }
    }
}
