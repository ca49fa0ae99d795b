//! Prints everything that goes to stdout, on one thread, so that lines never mix and a slow reader
//! of stdout delays nothing else in the peer.

use std::io::{self, Write};
use std::thread;

use tokio::sync::{mpsc, oneshot};

/// The most texts that may wait for a slow reader. When there are more, whoever prints waits.
const TEXTS_MAX: usize = 256;

/// Prints whole texts in the order in which they arrive.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    texts: mpsc::Sender<Message>,
}

/// The place where texts are printed.
pub(crate) enum Sink {
    Stdout,
    /// Above the line that is being typed.
    Terminal(Box<dyn rustyline::ExternalPrinter + Send>),
}

#[derive(Debug)]
enum Message {
    Text(String),
    /// A request that is answered once everything before it has been printed.
    Flush(oneshot::Sender<()>),
}

impl Screen {
    /// Starts the thread.
    ///
    /// # Panics
    /// When the system cannot start a thread.
    pub(crate) fn start(sink: Sink) -> Self {
        let (texts, receiver) = mpsc::channel(TEXTS_MAX);
        thread::Builder::new()
            .name("screen".into())
            .spawn(move || print_all(receiver, sink))
            .expect("the system starts a thread");
        Self { texts }
    }

    /// Prints a text that ends with a line feed.
    pub(crate) async fn print(&self, text: String) {
        // Sending fails only if the thread has panicked.
        let _ = self.texts.send(Message::Text(text)).await;
    }

    /// Does the same, unless too much is waiting already.
    pub(crate) fn try_print(&self, text: String) -> bool {
        self.texts.try_send(Message::Text(text)).is_ok()
    }

    /// Waits until everything has been printed.
    pub(crate) async fn flush(&self) {
        let (done, printed) = oneshot::channel();
        if self.texts.send(Message::Flush(done)).await.is_ok() {
            let _ = printed.await;
        }
    }
}

fn print_all(mut texts: mpsc::Receiver<Message>, mut sink: Sink) {
    while let Some(message) = texts.blocking_recv() {
        match message {
            Message::Text(text) => {
                // Nobody may be reading stdout any more. The peer continues nevertheless, since it
                // mines and counts for others too.
                if let Err(error) = sink.print(text) {
                    tracing::debug!(%error, "stdout takes nothing");
                }
            }
            Message::Flush(done) => {
                let _ = done.send(());
            }
        }
    }
}

impl Sink {
    fn print(&mut self, text: String) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(text.as_bytes())?;
                stdout.flush()
            }
            Self::Terminal(printer) => printer.print(text).map_err(io::Error::other),
        }
    }
}
