//! Asking, signing and sending, so that whoever ends the program meanwhile is told what may have become of it.
//!
//! Nothing is ever taken back here: what was sent may arrive.

use std::sync::atomic::Ordering;

use host::signals::{EndSignals, Hangup};
use tokio::runtime::Builder;
use tokio::task::spawn_blocking;

use super::Client;
use super::error::ClientError;
use terminal::Mode;

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
            // A question may stand there still.
            terminal.iter().for_each(|mode| mode.restore(self.asks));
            Err(match self.is_sent.load(Ordering::Acquire) {
                true => ClientError::Interrupted { what },
                false => ClientError::NotSent { what },
            })
        })
    }
}

#[cfg(unix)]
mod terminal {
    use std::io;

    use host::output::print;
    use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

    /// Goes to a new line, and shows the cursor.
    const AFTER_QUESTION: &str = "\n\x1b[?25h";

    /// How the terminal worked before anything was asked.
    pub(super) struct Mode(Termios);

    impl Mode {
        pub(super) fn current() -> Option<Self> {
            tcgetattr(io::stdin()).ok().map(Self)
        }

        pub(super) fn restore(&self, has_question: bool) {
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
