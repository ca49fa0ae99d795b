//! Waiting for a core's timer, and for the system's wish that the peer ends.

use std::io;
use std::time::Instant;

use tokio::sync::watch;

/// Completes at a moment, or never.
pub async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// The system's wish that the peer ends.
#[derive(Debug, Clone)]
pub struct EndSignals(watch::Receiver<Wish>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wish {
    None,
    Leave,
    EndAtOnce,
}

impl EndSignals {
    /// The handlers stand when this returns.
    ///
    /// # Errors
    /// When the system lets no handler stand.
    pub fn start() -> io::Result<Self> {
        let (wish, wishes) = watch::channel(Wish::None);
        watch_signals(wish)?;
        Ok(Self(wishes))
    }

    /// Completes when the peer is to leave.
    pub async fn leave(&self) {
        self.at_least(Wish::Leave).await;
    }

    /// Completes when it is asked again, by somebody who does not want to wait for the leave.
    pub async fn end_at_once(&self) {
        self.at_least(Wish::EndAtOnce).await;
    }

    async fn at_least(&self, wish: Wish) {
        let mut wishes = self.0.clone();
        if wishes.wait_for(|found| *found >= wish).await.is_err() {
            // Nobody watches for signals any more; only the prompt ends the peer.
            std::future::pending::<()>().await;
        }
    }
}

fn ask(wish: &watch::Sender<Wish>) {
    wish.send_modify(|wish| {
        *wish = if *wish == Wish::None { Wish::Leave } else { Wish::EndAtOnce };
    });
}

#[cfg(unix)]
fn watch_signals(wish: watch::Sender<Wish>) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                Some(()) = interrupt.recv() => ask(&wish),
                Some(()) = terminate.recv() => ask(&wish),
                // Some systems send it along with another, which is no haste.
                Some(()) = hangup.recv() => {
                    wish.send_modify(|wish| *wish = (*wish).max(Wish::Leave));
                }
                else => return,
            }
        }
    });
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "on Unix the system may refuse")]
fn watch_signals(wish: watch::Sender<Wish>) -> io::Result<()> {
    tokio::spawn(async move {
        // Without a handler only the prompt ends the peer.
        while tokio::signal::ctrl_c().await.is_ok() {
            ask(&wish);
        }
    });
    Ok(())
}
