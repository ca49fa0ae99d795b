//! Prints everything that goes to stdout, on one thread, so that lines never mix and a slow reader
//! of stdout delays nothing else in the peer.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::sync::{mpsc, oneshot};
use unicode_truncate::UnicodeTruncateStr;

use host::wrap::wrap;

/// The most texts that may wait for a slow reader. When there are more, whoever prints waits.
const TEXTS_MAX: usize = 256;

/// The width of a terminal that tells none.
const COLUMNS_DEFAULT: usize = 80;

/// Moves up to the row above the one that is being typed, and clears it.
const BACK_TO_PROGRESS: &str = "\x1b[1A\r\x1b[2K";

/// Prints whole texts in the order in which they arrive.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    texts: mpsc::Sender<Message>,
}

/// The place where texts are printed.
pub(crate) enum Sink {
    Stdout,
    /// Above the line that is being typed.
    Terminal {
        printer: Box<dyn rustyline::ExternalPrinter + Send>,
        row: ProgressRow,
    },
}

/// Whether the row above the one that is being typed shows progress, so that the next text takes its place.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProgressRow(Arc<AtomicBool>);

impl ProgressRow {
    /// From now on something else is there.
    pub(super) fn leave(&self) {
        self.0.store(false, Ordering::Release);
    }
}

#[derive(Debug)]
enum Message {
    Text(String),
    /// How far something has come, which takes the place of what was told of it before.
    Progress(String),
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

    /// Prints how far something has come, in the row where that stood before, if the terminal can.
    pub(crate) async fn print_progress(&self, text: String) {
        // Sending fails only if the thread has panicked.
        let _ = self.texts.send(Message::Progress(text)).await;
    }

    /// Does the same as [`print`](Self::print), unless too much is waiting already.
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
        let printed = match message {
            Message::Text(text) => sink.print(text, false),
            Message::Progress(text) => sink.print(text, true),
            Message::Flush(done) => {
                let _ = done.send(());
                continue;
            }
        };
        // Nobody may be reading stdout any more. The peer continues nevertheless, since it mines and
        // counts for others too.
        if let Err(error) = printed {
            tracing::debug!(%error, "stdout takes nothing");
        }
    }
}

impl Sink {
    pub(super) fn terminal(
        printer: Box<dyn rustyline::ExternalPrinter + Send>,
        row: ProgressRow,
    ) -> Self {
        Self::Terminal { printer, row }
    }

    fn print(&mut self, text: String, is_progress: bool) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(text.as_bytes())?;
                stdout.flush()
            }
            Self::Terminal { printer, row } => {
                let was_progress = row.0.swap(is_progress, Ordering::AcqRel);
                let columns = host::output::columns(&io::stdout());
                let text = on_terminal(&text, is_progress, was_progress, columns);
                printer.print(text).map_err(io::Error::other)
            }
        }
    }
}

/// What is sent to a terminal of that width, if it tells one. Progress takes one row exactly, so that the next text can
/// take its place.
fn on_terminal(
    text: &str,
    is_progress: bool,
    was_progress: bool,
    columns: Option<usize>,
) -> String {
    let before = if was_progress { BACK_TO_PROGRESS } else { "" };
    if !is_progress {
        return match columns {
            Some(columns) => format!("{before}{}", wrap(text, columns)),
            None => format!("{before}{text}"),
        };
    }
    let columns = columns.unwrap_or(COLUMNS_DEFAULT);
    let (row, _) = text.trim_end().unicode_truncate(columns.saturating_sub(1));
    format!("{before}{row}\n")
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;

    const ROWS: NonZeroU16 = NonZeroU16::new(6).expect("it is not 0");
    const COLUMNS: NonZeroU16 = NonZeroU16::new(20).expect("it is not 0");

    /// What a terminal shows after these texts, of which some are progress.
    fn shown(texts: &[(&str, bool)]) -> String {
        let mut terminal = vt100::Parser::new(ROWS, COLUMNS, 0);
        let mut was_progress = false;
        for (text, is_progress) in texts {
            let columns = Some(usize::from(COLUMNS.get()));
            let sent = on_terminal(text, *is_progress, was_progress, columns);
            was_progress = *is_progress;
            // The driver of a terminal makes a line end of each line feed.
            terminal.process(sent.replace('\n', "\r\n").as_bytes());
        }
        terminal.screen().contents().trim_end().to_owned()
    }

    #[test]
    fn progress_is_one_row_and_gives_way_to_what_follows() {
        let progress = [("before\n", false), ("mining 1\n", true), ("mining 2\n", true)];
        assert_eq!(shown(&progress), "before\nmining 2");
        let with_event = [&progress[..], &[("an event\n", false), ("mining 3\n", true)]].concat();
        assert_eq!(shown(&with_event), "before\nan event\nmining 3");
        let long = "mining a block that takes more than a row\n";
        assert_eq!(shown(&[(long, true), (long, true)]), "mining a block that");
        assert_eq!(shown(&[("a\n", false), ("b\n", false)]), "a\nb");
    }
}
