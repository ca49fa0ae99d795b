//! Asking, signing and sending, so that whoever ends the program meanwhile is told what may have become of it.
//!
//! Nothing is ever taken back here: what was sent may arrive.

use std::sync::{Arc, OnceLock};

use host::signals::{EndSignals, Hangup};
use tokio::runtime::Builder;
use tokio::task::spawn_blocking;

use super::Client;
use super::error::ClientError;
use terminal::Mode;

/// What becomes of all that a client signs. Whoever decides first does so for good: the one who sends it, or the one
/// who answers a signal.
#[derive(Debug, Clone, Default)]
pub(super) struct Sending(Arc<OnceLock<Fate>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    MayArrive,
    NeverSent,
}

impl Sending {
    /// Whether it may be sent. From then on it may have reached the peer, and may be sent again.
    pub(super) fn begin(&self) -> bool {
        *self.0.get_or_init(|| Fate::MayArrive) == Fate::MayArrive
    }

    /// Whether it is certain that nothing was sent, and nothing will be.
    pub(super) fn abandon(&self) -> bool {
        *self.0.get_or_init(|| Fate::NeverSent) == Fate::NeverSent
    }
}

impl Client {
    /// Asks, signs and sends on another thread while this one waits for signals. `what` is sent, such as "your vote".
    ///
    /// # Errors
    /// What kept it from being done, or that a signal came before it was.
    pub(super) fn unless_interrupted<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Self) -> Result<T, ClientError> + Send + 'static,
    ) -> Result<T, ClientError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let (true, Ok(runtime)) = (self.minds_signals, runtime) else { return work(self) };
        let client = self.clone();
        let terminal = Mode::current();
        let done = runtime.block_on(async move {
            // A hangup leaves nobody who could be told anything.
            let signals = EndSignals::start(Hangup::SystemDefault);
            let working = spawn_blocking(move || work(&client));
            let signal = async {
                match &signals {
                    Ok(signals) => signals.leave().await,
                    Err(_) => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                done = working => Some(done.expect("nothing cancels it, and it panics for nobody")),
                () = signal => None,
            }
        });
        // A search for a stamp, or a wait for an answer, must not delay the end.
        runtime.shutdown_background();
        done.unwrap_or_else(|| {
            // The other thread may be about to send, and nobody stops it but this.
            let error = match self.sending.abandon() {
                true => ClientError::NotSent { what },
                false => ClientError::Interrupted { what },
            };
            // A question may stand there still.
            terminal.iter().for_each(|mode| mode.restore(self.asks));
            Err(error)
        })
    }
}

#[cfg(unix)]
mod terminal {
    use std::io;

    use host::output::print;
    use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

    use crate::prompt::is_in_front;

    /// Goes to a new line, and shows the cursor.
    const AFTER_QUESTION: &str = "\n\x1b[?25h";

    /// How the terminal worked before anything was asked.
    pub(super) struct Mode(Termios);

    impl Mode {
        pub(super) fn current() -> Option<Self> {
            tcgetattr(io::stdin()).ok().map(Self)
        }

        /// In the background nothing is asked, and whoever changes the terminal there is stopped for it.
        pub(super) fn restore(&self, has_question: bool) {
            if !is_in_front(io::stdin()) {
                return;
            }
            // The terminal may have disappeared.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
            if has_question {
                let _ = print(AFTER_QUESTION);
            }
        }
    }
}

/// On other systems no signal comes while a question is asked.
#[cfg(not(unix))]
mod terminal {
    pub(super) struct Mode;

    impl Mode {
        pub(super) fn current() -> Option<Self> {
            None
        }

        pub(super) fn restore(&self, _: bool) {}
    }
}
