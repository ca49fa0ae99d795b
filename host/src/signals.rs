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
pub struct EndSignals(watch::Receiver<EndRequest>);

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
    Immediate,
}

impl EndSignals {
    /// Installs the handlers. They work from the moment that this returns.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn start(hangup: Hangup) -> io::Result<Self> {
        let (sender, receiver) = watch::channel(EndRequest::None);
        watch_signals(sender, hangup)?;
        Ok(Self(receiver))
    }

    /// Completes at the first signal: the program is to end in good order.
    pub async fn leave(&self) {
        self.at_least(EndRequest::Graceful).await;
    }

    /// Completes at the second signal, by somebody who does not want to wait for the good order.
    pub async fn end_at_once(&self) {
        self.at_least(EndRequest::Immediate).await;
    }

    async fn at_least(&self, urgency: EndRequest) {
        let mut requests = self.0.clone();
        if requests.wait_for(|request| *request >= urgency).await.is_err() {
            // Nobody watches for signals any more, so none will come.
            std::future::pending::<()>().await;
        }
    }
}

/// The first signal asks for a graceful end, every other one for an immediate end.
fn raise(requests: &watch::Sender<EndRequest>) {
    requests.send_modify(|request| {
        *request = match *request {
            EndRequest::None => EndRequest::Graceful,
            EndRequest::Graceful | EndRequest::Immediate => EndRequest::Immediate,
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
                    requests.send_modify(|request| *request = (*request).max(EndRequest::Graceful));
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
        let (sender, receiver) = watch::channel(EndRequest::None);
        let after = |count: usize| {
            for _ in 0..count {
                raise(&sender);
            }
            *receiver.borrow()
        };
        assert_eq!(after(1), EndRequest::Graceful);
        assert_eq!(after(1), EndRequest::Immediate);
        assert_eq!(after(1), EndRequest::Immediate);
    }

    #[tokio::test]
    async fn who_waits_for_less_is_told_of_more() {
        let (sender, receiver) = watch::channel(EndRequest::None);
        let signals = EndSignals(receiver);
        sender.send_replace(EndRequest::Immediate);
        signals.leave().await;
        signals.end_at_once().await;
    }
}
