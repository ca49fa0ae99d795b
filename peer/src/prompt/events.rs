//! Prints events as they arrive.

use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::logs::log_event;
use super::screen::Screen;
use crate::miner::MinerView;
use crate::render::Style;
use crate::schema::{Event, TransactionKind};
use host::clock::unix_now;
use host::signals::until;

/// How often an ongoing search for a block is reported by a line of its own.
const MINING_PERIOD: Duration = Duration::from_secs(5);
/// How often its one line is drawn anew on a terminal.
const MINING_REDRAW_PERIOD: Duration = Duration::from_secs(1);
/// A search is reported only after this time: before, it is not worth a line, and its rate is not
/// known yet.
const MINING_SHOWN_AFTER: Duration = Duration::from_secs(2);

/// How long transactions are gathered after the first of them, before they are told in one line.
const GATHERED_FOR: Duration = Duration::from_millis(300);

/// Prints all events until the node ends. `redraws` says that progress has one line on a terminal, `is_timed` that
/// blocks are also mined so that the election opens and closes.
pub(crate) async fn print_events(
    mut events: Receiver<Event>,
    screen: Screen,
    style: Style,
    miner: Option<MinerView>,
    (redraws, is_timed): (bool, bool),
) {
    let period = if redraws { MINING_REDRAW_PERIOD } else { MINING_PERIOD };
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut gathered = Gathered::default();
    let mut pace = Pace { is_timed, votes_final: 0 };
    loop {
        let event = tokio::select! {
            event = events.recv() => match event {
                Ok(event) => event,
                Err(RecvError::Lagged(events)) => Event::Missed { events },
                Err(RecvError::Closed) => {
                    gathered.tell(&screen, style).await;
                    return;
                }
            },
            () = until(gathered.due) => {
                gathered.tell(&screen, style).await;
                continue;
            }
            _ = ticks.tick() => {
                let progress = miner.as_ref().and_then(MinerView::progress);
                match progress.filter(|progress| progress.running >= MINING_SHOWN_AFTER) {
                    Some(progress) => {
                        let mining = Event::Mining(progress.into());
                        // It has one row, into which codes of colours would not be counted.
                        let style = match style {
                            Style::Human { .. } => Style::Human { color: false },
                            Style::Json => style,
                        };
                        screen.print_progress(style.event(&mining, unix_now().0)).await;
                        continue;
                    }
                    None => continue,
                }
            }
        };
        log_event(&event);
        if style != Style::Json && (pace.is_idle(&event) || gathered.takes(&event)) {
            continue;
        }
        gathered.tell(&screen, style).await;
        screen.print(style.event(&event, unix_now().0)).await;
    }
}

/// What is told over and over by an election in which nobody votes at the moment.
#[derive(Debug)]
struct Pace {
    is_timed: bool,
    /// The votes that were final when this was told last.
    votes_final: u64,
}

impl Pace {
    /// Whether people learn nothing from this event: an empty block that only lets time pass, and that it is final.
    fn is_idle(&mut self, event: &Event) -> bool {
        if let Event::Block { transactions, .. } = event {
            self.is_timed && *transactions == 0
        } else if let Event::Final { votes, .. } = event {
            std::mem::replace(&mut self.votes_final, *votes) == *votes
        } else {
            false
        }
    }
}

/// Transactions that came one right after the other, which are told together: an organiser hands in hundreds at once.
#[derive(Debug, Default)]
struct Gathered {
    registrations: u64,
    votes: u64,
    /// The newest, which is told as it is if it is the only one.
    newest: Option<Event>,
    /// When they are told.
    due: Option<std::time::Instant>,
}

impl Gathered {
    /// Whether the event is one of these, and was added.
    fn takes(&mut self, event: &Event) -> bool {
        let Event::Transaction { kind, .. } = event else { return false };
        match kind {
            TransactionKind::Registration => self.registrations += 1,
            TransactionKind::Vote => self.votes += 1,
            TransactionKind::Withdrawal => return false,
        }
        self.newest = Some(event.clone());
        self.due.get_or_insert_with(|| std::time::Instant::now() + GATHERED_FOR);
        true
    }

    /// Prints what was gathered, if there is any.
    async fn tell(&mut self, screen: &Screen, style: Style) {
        let Self { registrations, votes, newest, due: _ } = std::mem::take(self);
        let Some(newest) = newest else { return };
        let now_ms = unix_now().0;
        let many = style.many(registrations, votes, now_ms).filter(|_| registrations + votes > 1);
        screen.print(many.unwrap_or_else(|| style.event(&newest, now_ms))).await;
    }
}

#[cfg(test)]
mod tests {
    use protocol::units::{TransactionId, VoterId};

    use super::*;

    fn transaction(kind: TransactionKind) -> Event {
        Event::Transaction { transaction: TransactionId([1; 32]), voter: VoterId([2; 32]), kind }
    }

    #[test]
    fn empty_blocks_of_an_election_with_times_are_not_told_to_people() {
        let hash = protocol::units::BlockHash([3; 32]);
        let block = |transactions| Event::Block { height: 1, hash, transactions, mined_here: true };
        let is_final = |votes| Event::Final { height: 1, hash, votes };
        let mut pace = Pace { is_timed: true, votes_final: 0 };
        assert!(pace.is_idle(&block(0)) && !pace.is_idle(&block(1)));
        assert!(pace.is_idle(&is_final(0)) && !pace.is_idle(&is_final(1)));
        assert!(pace.is_idle(&is_final(1)) && !pace.is_idle(&Event::DiskRecovered));
        let mut untimed = Pace { is_timed: false, votes_final: 0 };
        assert!(!untimed.is_idle(&block(0)));
    }

    #[test]
    fn transactions_are_gathered_and_nothing_else() {
        let mut gathered = Gathered::default();
        for _ in 0..200 {
            assert!(gathered.takes(&transaction(TransactionKind::Registration)));
        }
        assert!(gathered.takes(&transaction(TransactionKind::Vote)));
        assert!(!gathered.takes(&Event::DiskRecovered));
        assert!(!gathered.takes(&transaction(TransactionKind::Withdrawal)));
        assert_eq!((gathered.registrations, gathered.votes), (200, 1));
        let told = Style::Human { color: false }.many(200, 1, 0).expect("people are told");
        assert_eq!(told, "00:00:00  200 registrations and 1 vote wait for a block\n");
        assert_eq!(Style::Json.many(200, 1, 0), None);
    }
}
