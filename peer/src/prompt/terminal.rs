//! The line editor: history, completion, and a way to print above the line that is being typed.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor};
use tokio::sync::oneshot;

use super::complete::Completion;
use super::screen::Sink;
use keys::passphrase::{self, Passphrase};

/// The name of the history file in the data directory.
const HISTORY_FILE: &str = "history";
/// The number of lines that the history keeps.
const HISTORY_LINES_MAX: usize = 1_000;
/// Switches off bracketed paste, which the line editor switched on.
const BRACKETED_PASTE_OFF: &[u8] = b"\x1b[?2004l";

/// What was typed at the terminal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Line(String),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-D on an empty line, or the terminal disappeared.
    End,
}

/// A line that is being typed.
#[derive(Debug)]
pub(super) struct Reading(oneshot::Receiver<Typed>);

impl Reading {
    /// Waits for the line. Must not be called again after it was returned.
    pub(super) async fn typed(&mut self) -> Typed {
        (&mut self.0).await.unwrap_or(Typed::End)
    }
}

/// The line editor's thread.
#[derive(Debug)]
pub(super) struct Terminal {
    orders: mpsc::Sender<Order>,
    mode: SavedMode,
    is_reading: Arc<AtomicBool>,
}

#[derive(Debug)]
enum Order {
    /// The location of the history, which is known only once the data directory is.
    Remember(PathBuf),
    Read {
        prompt: String,
        completion: Completion,
        reply: oneshot::Sender<Typed>,
    },
    /// A line that is read without echo, history or completion.
    ReadSecret {
        prompt: String,
        reply: oneshot::Sender<Option<Passphrase>>,
    },
}

type LineEditor = Editor<Completion, FileHistory>;

impl Terminal {
    /// Starts the editor, and returns the sink that prints above it. Gives `None` if the terminal
    /// lacks what the editor needs.
    pub(super) fn start() -> Option<(Self, Sink)> {
        let mode = SavedMode::now();
        let config = Config::builder()
            .max_history_size(HISTORY_LINES_MAX)
            .and_then(|config| config.history_ignore_dups(true))
            .ok()?
            .history_ignore_space(true)
            .completion_type(rustyline::CompletionType::List)
            .build();
        let mut editor = LineEditor::with_config(config).ok()?;
        let printer = editor.create_external_printer().ok()?;
        let (orders, receiver) = mpsc::channel();
        let is_reading = Arc::new(AtomicBool::new(false));
        let reading = Arc::clone(&is_reading);
        thread::Builder::new()
            .name("prompt".into())
            .spawn(move || serve(editor, &receiver, &reading))
            .ok()?;
        Some((Self { orders, mode, is_reading }, Sink::Terminal(Box::new(printer))))
    }

    pub(super) fn remember(&self, directory: &std::path::Path) {
        // The thread ends only when this value is dropped, so it is there.
        let _ = self.orders.send(Order::Remember(directory.join(HISTORY_FILE)));
    }

    /// Starts to read one line, which is a command if the completion is the one for commands.
    ///
    /// What is printed in the meantime waits for the editor to accept it. Reading is therefore
    /// requested first, and then its question is printed above it. In the other order, both could
    /// wait for each other.
    pub(super) fn read(&self, prompt: &str, completion: Completion) -> Reading {
        let (reply, typed) = oneshot::channel();
        let order = Order::Read { prompt: prompt.to_owned(), completion, reply };
        // If the thread has ended, the reply is dropped, which counts as the end of the input.
        let _ = self.orders.send(order);
        Reading(typed)
    }

    /// Asks for a passphrase without echo; `None` if the user gives none.
    pub(super) async fn read_secret(&self, prompt: String) -> Option<Passphrase> {
        let (reply, typed) = oneshot::channel();
        // If the thread has ended, the reply is dropped, which counts as none given.
        let _ = self.orders.send(Order::ReadSecret { prompt, reply });
        typed.await.ok().flatten()
    }

    /// Restores the terminal, even in the middle of a line, and prints a last text.
    pub(super) fn end(&self, text: &str) {
        let mut stdout = io::stdout().lock();
        // The terminal may have disappeared.
        if self.is_reading.load(Ordering::Acquire) {
            self.mode.restore();
            let _ = stdout.write_all(BRACKETED_PASTE_OFF);
            let _ = stdout.write_all(b"\n");
        }
        let _ = stdout.write_all(text.as_bytes());
        let _ = stdout.flush();
    }
}

fn serve(mut editor: LineEditor, orders: &mpsc::Receiver<Order>, is_reading: &AtomicBool) {
    let mut history = None;
    while let Ok(order) = orders.recv() {
        match order {
            Order::Remember(path) => {
                // There is no history yet when a peer starts for the first time.
                if let Err(error) = editor.load_history(&path) {
                    tracing::debug!(%error, "no history");
                }
                history = Some(path);
            }
            Order::ReadSecret { prompt, reply } => {
                is_reading.store(true, Ordering::Release);
                let asked = passphrase::ask(&prompt);
                is_reading.store(false, Ordering::Release);
                let _ = reply.send(asked.unwrap_or_else(|error| {
                    tracing::debug!(%error, "no passphrase");
                    None
                }));
            }
            Order::Read { prompt, completion, reply } => {
                let is_command = completion.is_command();
                editor.set_helper(Some(completion));
                is_reading.store(true, Ordering::Release);
                let read = editor.readline(&prompt);
                is_reading.store(false, Ordering::Release);
                let typed = match read {
                    Ok(line) => Typed::Line(line),
                    Err(ReadlineError::Interrupted) => Typed::Interrupted,
                    Err(_) => Typed::End,
                };
                if let (Typed::Line(line), true) = (&typed, is_command) {
                    remember(&mut editor, line, history.as_ref());
                }
                let _ = reply.send(typed);
            }
        }
    }
}

fn remember(editor: &mut LineEditor, line: &str, history: Option<&PathBuf>) {
    let kept = editor.add_history_entry(line);
    let saved = kept.and_then(|_| history.map_or(Ok(()), |path| editor.append_history(path)));
    if let Err(error) = saved {
        tracing::debug!(%error, "the history is not kept");
    }
}

/// The terminal's settings before the line editor changed them.
#[cfg(unix)]
#[derive(Debug)]
struct SavedMode(Option<rustix::termios::Termios>);

#[cfg(unix)]
impl SavedMode {
    fn now() -> Self {
        Self(rustix::termios::tcgetattr(io::stdin()).ok())
    }

    fn restore(&self) {
        if let Some(mode) = &self.0 {
            let now = rustix::termios::OptionalActions::Now;
            // The terminal may have disappeared.
            let _ = rustix::termios::tcsetattr(io::stdin(), now, mode);
        }
    }
}

/// On other systems the line editor's changes end together with the process.
#[cfg(not(unix))]
#[derive(Debug)]
struct SavedMode;

#[cfg(not(unix))]
impl SavedMode {
    fn now() -> Self {
        Self
    }

    fn restore(&self) {}
}
