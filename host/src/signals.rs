//! The signals that ask a program to end, and waiting for a moment that may never come.

use std::io;
use std::time::Instant;

use tokio::sync::watch;

/// Completes at that moment, or never if there is none. The moment usually comes from a core's
/// `poll_timeout`.
pub async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// The handlers of the signals that ask a program to end: interrupt (Ctrl-C), terminate and, if wanted, hangup.
#[derive(Debug, Clone)]
pub struct EndSignals(watch::Sender<EndRequest>);

/// What happens when the terminal that a program was started from goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hangup {
    /// The program is asked to end.
    Ends,
    /// What the system does: it kills the program, unless that was started by `nohup`.
    SystemDefault,
}

/// How urgently the program was asked to end, in ascending order of urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum EndRequest {
    None,
    Graceful,
    /// The terminal went away, so that nobody can be asked whether to end.
    HungUp,
    Immediate,
}

impl EndSignals {
    /// Installs the handlers. They work from the moment that this returns.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn start(hangup: Hangup) -> io::Result<Self> {
        let signals = Self(watch::Sender::new(EndRequest::None));
        watch_signals(signals.0.clone(), hangup)?;
        Ok(signals)
    }

    /// Completes at the first signal: the program is to end in good order.
    pub async fn leave(&self) {
        self.at_least(EndRequest::Graceful).await;
    }

    /// Completes when the terminal goes away, or at the second signal.
    pub async fn hung_up(&self) {
        self.at_least(EndRequest::HungUp).await;
    }

    /// Takes a first signal as answered, because somebody asks the user about it: the next one is a first one again.
    pub fn forget_first(&self) {
        self.0.send_if_modified(|request| {
            let is_first = *request == EndRequest::Graceful;
            if is_first {
                *request = EndRequest::None;
            }
            is_first
        });
    }

    /// Completes at the second signal, by somebody who does not want to wait for the good order.
    pub async fn end_at_once(&self) {
        self.at_least(EndRequest::Immediate).await;
    }

    async fn at_least(&self, urgency: EndRequest) {
        let reached = self.0.subscribe().wait_for(|request| *request >= urgency).await.is_ok();
        debug_assert!(reached, "this value holds a sender itself");
    }
}

/// The first signal asks for a graceful end, every other one for an immediate end.
fn raise(requests: &watch::Sender<EndRequest>) {
    requests.send_modify(|request| {
        *request = match *request {
            EndRequest::None => EndRequest::Graceful,
            EndRequest::Graceful | EndRequest::HungUp | EndRequest::Immediate => {
                EndRequest::Immediate
            }
        };
    });
}

#[cfg(unix)]
fn watch_signals(requests: watch::Sender<EndRequest>, hangup: Hangup) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangups = match hangup {
        Hangup::Ends => Some(signal(SignalKind::hangup())?),
        Hangup::SystemDefault => None,
    };
    let mut hung_up = async move || match &mut hangups {
        Some(hangups) => hangups.recv().await,
        None => std::future::pending().await,
    };
    tokio::spawn(async move {
        loop {
            tokio::select! {
                Some(()) = interrupt.recv() => raise(&requests),
                Some(()) = terminate.recv() => raise(&requests),
                // Some systems send it together with another signal, so it alone never asks for an immediate end.
                Some(()) = hung_up() => {
                    requests.send_modify(|request| *request = (*request).max(EndRequest::HungUp));
                }
                else => return,
            }
        }
    });
    Ok(())
}

#[cfg(windows)]
fn watch_signals(requests: watch::Sender<EndRequest>, _: Hangup) -> io::Result<()> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    tokio::spawn(async move {
        while interrupt.recv().await.is_some() {
            raise(&requests);
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_request_is_an_immediate_end() {
        let signals = EndSignals(watch::Sender::new(EndRequest::None));
        let after = |count: usize| {
            for _ in 0..count {
                raise(&signals.0);
            }
            *signals.0.borrow()
        };
        assert_eq!(after(1), EndRequest::Graceful);
        signals.forget_first();
        assert_eq!(after(1), EndRequest::Graceful, "the user was asked about the one before");
        assert_eq!(after(1), EndRequest::Immediate);
        signals.forget_first();
        assert_eq!(after(1), EndRequest::Immediate);
    }

    #[tokio::test]
    async fn who_waits_for_less_is_told_of_more() {
        let signals = EndSignals(watch::Sender::new(EndRequest::None));
        signals.0.send_replace(EndRequest::Immediate);
        signals.leave().await;
        signals.hung_up().await;
        signals.end_at_once().await;
    }
}
