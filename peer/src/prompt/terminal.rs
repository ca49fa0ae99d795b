//! The line editor: history, completion, and a way to print above the line that is being typed.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{
    Cmd, ConditionalEventHandler, Config, Editor, Event, EventContext, EventHandler, KeyEvent,
    Movement, RepeatCount,
};
use tokio::sync::oneshot;

use super::complete::Completion;
#[cfg(unix)]
use super::keyboard::{InputEnd, Keyboard};
use super::screen::{ProgressRow, Sink};
use super::typed_bytes::{BAD_CHARACTER, BREAK_KEY, REDRAW_KEY};
#[cfg(not(unix))]
use super::windows_keyboard::{InputEnd, Keyboard};
use crate::cli::input_error::{InputError, LINE_BYTES_MAX};
use keys::passphrase::{self, Passphrase};

/// The name of the history file in the data directory.
const HISTORY_FILE: &str = "history";
/// The number of lines that the history keeps.
const HISTORY_LINES_MAX: usize = 1_000;
/// What is said of lines that were typed before a passphrase was asked for.
const DROPPED: &str = "What was typed ahead of this question is dropped.";
/// Switches off bracketed paste, which the line editor switched on.
const BRACKETED_PASTE_OFF: &[u8] = b"\x1b[?2004l";

/// What was typed at the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Typed {
    Line(String),
    /// Ctrl-C on an empty line.
    Interrupted,
    /// Ctrl-D on an empty line.
    End,
    /// The line was broken off, because a signal asks the peer to leave.
    BrokenOff,
    /// The terminal disappeared.
    HungUp,
    /// The terminal can't be read.
    Failed(String),
}

/// A line that is being typed.
#[derive(Debug)]
pub(super) struct Reading(oneshot::Receiver<Typed>);

impl Reading {
    /// Waits for the line. Must not be called again after it was returned.
    pub(super) async fn typed(&mut self) -> Typed {
        (&mut self.0).await.unwrap_or(Typed::HungUp)
    }
}

/// The line editor's thread.
#[derive(Debug)]
pub(super) struct Terminal {
    orders: mpsc::Sender<Order>,
    keyboard: Arc<Keyboard>,
    is_reading: Arc<AtomicBool>,
    has_pasted: Arc<AtomicBool>,
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
        /// Whether nobody waits for it any more.
        is_over: Arc<AtomicBool>,
        reply: oneshot::Sender<Option<Passphrase>>,
    },
}

type LineEditor = Editor<Completion, FileHistory>;

impl Terminal {
    /// Starts the editor, and returns the sink that prints above it. Gives `None` if the terminal
    /// lacks what the editor needs.
    pub(super) fn start() -> Option<(Self, Sink)> {
        let config = Config::builder()
            .max_history_size(HISTORY_LINES_MAX)
            .and_then(|config| config.history_ignore_dups(true))
            .ok()?
            .history_ignore_space(true)
            .completion_type(rustyline::CompletionType::List)
            .build();
        let mut editor = LineEditor::with_config(config).ok()?;
        let printer = editor.create_external_printer().ok()?;
        let keyboard = Arc::new(Keyboard::start()?);
        let (orders, receiver) = mpsc::channel();
        let is_reading = Arc::new(AtomicBool::new(false));
        let has_pasted = Arc::new(AtomicBool::new(false));
        let row = ProgressRow::default();
        let keys = bind_keys(&mut editor, &row);
        let prompt = PromptThread {
            editor,
            keys,
            keyboard: Arc::clone(&keyboard),
            is_reading: Arc::clone(&is_reading),
            row: row.clone(),
            pasted: VecDeque::new(),
            has_pasted: Arc::clone(&has_pasted),
            history: None,
        };
        thread::Builder::new().name("prompt".into()).spawn(move || prompt.serve(&receiver)).ok()?;
        let terminal = Self { orders, keyboard, is_reading, has_pasted };
        Some((terminal, Sink::terminal(Box::new(printer), row)))
    }

    /// Whether the shell lets this program use the terminal, so that there is a prompt.
    pub(super) fn is_in_front(&self) -> bool {
        self.keyboard.is_in_front()
    }

    /// Whether the next line was typed already. While the editor takes such a line, it prints nothing of what has to
    /// come before.
    pub(super) fn has_more(&self) -> bool {
        self.has_pasted.load(Ordering::Acquire) || self.keyboard.has_more()
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

    /// Asks for a passphrase without echo; `None` if the user gives none, or `given_up` completes before.
    pub(super) async fn read_secret(
        &self,
        prompt: String,
        given_up: impl Future<Output = ()>,
    ) -> Option<Passphrase> {
        let (reply, mut typed) = oneshot::channel();
        let is_over = Arc::new(AtomicBool::new(false));
        // If the thread has ended, the reply is dropped, which counts as none given.
        let _ =
            self.orders.send(Order::ReadSecret { prompt, is_over: Arc::clone(&is_over), reply });
        tokio::select! {
            typed = &mut typed => return typed.ok().flatten(),
            () = given_up => {}
        }
        is_over.store(true, Ordering::Release);
        // The terminal is free for another question only after that.
        let _ = typed.await;
        None
    }

    /// Ends the line that is being typed; false if that is not possible here.
    pub(super) fn break_off(&self) -> bool {
        self.keyboard.is_in_front() && self.keyboard.break_off()
    }

    /// Restores the terminal, even in the middle of a line, and prints a last text.
    pub(super) fn end(&self, text: &str) {
        let mut stdout = io::stdout().lock();
        // The terminal may have disappeared.
        if self.is_reading.load(Ordering::Acquire) {
            self.keyboard.restore();
            let _ = stdout.write_all(BRACKETED_PASTE_OFF);
            let _ = stdout.write_all(b"\n");
        }
        let _ = stdout.write_all(text.as_bytes());
        let _ = stdout.flush();
    }
}

/// What the keys that end an input did to the last line.
type Ended = Arc<Mutex<Option<Typed>>>;

/// Ctrl-C, Ctrl-D, and what a signal presses. The editor treats them as errors, and forgets what was typed after them;
/// here they end the line.
#[derive(Debug)]
struct EndingKey {
    typed: Typed,
    ended: Ended,
}

impl ConditionalEventHandler for EndingKey {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext) -> Option<Cmd> {
        match (context.line().is_empty(), &self.typed) {
            (true, typed) | (false, typed @ Typed::BrokenOff) => {
                *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(typed.clone());
                Some(Cmd::AcceptLine)
            }
            // A half line is cleared and nothing else happens, as in a shell.
            (false, Typed::Interrupted) => Some(Cmd::Kill(Movement::WholeBuffer)),
            (false, _) => None,
        }
    }
}

/// Enter, after which the line that shows progress is no longer the one above the prompt.
#[derive(Debug)]
struct EnterKey(ProgressRow);

impl ConditionalEventHandler for EnterKey {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext) -> Option<Cmd> {
        self.0.leave();
        None
    }
}

fn bind_keys(editor: &mut LineEditor, row: &ProgressRow) -> Ended {
    let ended = Ended::default();
    for (key, typed) in
        [('C', Typed::Interrupted), ('D', Typed::End), (BREAK_KEY, Typed::BrokenOff)]
    {
        let handler = EndingKey { typed, ended: Arc::clone(&ended) };
        let handler = EventHandler::Conditional(Box::new(handler));
        editor.bind_sequence(KeyEvent::ctrl(key), handler);
    }
    for key in [KeyEvent::ctrl('M'), KeyEvent::ctrl('J')] {
        editor.bind_sequence(key, EventHandler::Conditional(Box::new(EnterKey(row.clone()))));
    }
    editor.bind_sequence(KeyEvent::ctrl(REDRAW_KEY), EventHandler::Simple(Cmd::Repaint));
    ended
}

/// What the editor's thread owns.
struct PromptThread {
    editor: LineEditor,
    keys: Ended,
    keyboard: Arc<Keyboard>,
    is_reading: Arc<AtomicBool>,
    row: ProgressRow,
    /// Further lines of a text that was pasted as one.
    pasted: VecDeque<String>,
    has_pasted: Arc<AtomicBool>,
    history: Option<PathBuf>,
}

impl PromptThread {
    fn serve(mut self, orders: &mpsc::Receiver<Order>) {
        while let Ok(order) = orders.recv() {
            match order {
                Order::Remember(path) => {
                    // There is no history yet when a peer starts for the first time.
                    if let Err(error) = self.editor.load_history(&path) {
                        tracing::debug!(%error, "no history");
                    }
                    self.history = Some(path);
                }
                Order::ReadSecret { prompt, is_over, reply } => {
                    let _ = reply.send(self.read_secret(&prompt, is_over));
                }
                Order::Read { prompt, completion, reply } => {
                    let is_command = completion.is_command();
                    self.editor.set_helper(Some(completion));
                    let typed = self.read(&prompt);
                    if let (Typed::Line(line), true) = (&typed, is_command) {
                        self.remember(line);
                    }
                    self.has_pasted.store(!self.pasted.is_empty(), Ordering::Release);
                    let _ = reply.send(typed);
                }
            }
        }
    }

    /// What was typed before the question may be the passphrase. It is taken neither for that, since it may as well be
    /// something else, nor for commands, which would be shown and kept in the history.
    fn read_secret(&mut self, prompt: &str, is_over: Arc<AtomicBool>) -> Option<Passphrase> {
        if !self.keyboard.wait_until_in_front_unless(&is_over) {
            return None;
        }
        let had_pasted = !self.pasted.is_empty();
        self.pasted.clear();
        self.has_pasted.store(false, Ordering::Release);
        if self.keyboard.forget_typed() || had_pasted {
            print(&format!("{DROPPED}\n"));
        }
        self.is_reading.store(true, Ordering::Release);
        let asked = passphrase::ask_unless(prompt, is_over);
        self.is_reading.store(false, Ordering::Release);
        asked.unwrap_or_else(|error| {
            tracing::debug!(%error, "no passphrase");
            None
        })
    }

    /// The next good line. A bad one is refused here, whatever it was to answer, and asked for again.
    fn read(&mut self, prompt: &str) -> Typed {
        loop {
            let typed = match self.pasted.pop_front() {
                Some(line) => {
                    self.row.leave();
                    print(&format!("{prompt}{line}\n"));
                    Typed::Line(line)
                }
                None => self.edit(prompt),
            };
            let error = match &typed {
                Typed::Line(line) if line.contains(BAD_CHARACTER) => InputError::NotUtf8,
                Typed::Line(line) if line.len() > LINE_BYTES_MAX => InputError::TooLong,
                Typed::Line(_)
                | Typed::Interrupted
                | Typed::End
                | Typed::BrokenOff
                | Typed::HungUp
                | Typed::Failed(_) => return typed,
            };
            print(&format!("{error}\n"));
        }
    }

    fn edit(&mut self, prompt: &str) -> Typed {
        self.keyboard.wait_until_in_front();
        self.is_reading.store(true, Ordering::Release);
        self.keyboard.open();
        let read = self.editor.readline(prompt);
        let end = self.keyboard.close();
        self.is_reading.store(false, Ordering::Release);
        self.row.leave();
        let ended = self.keys.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (read, ended, end) {
            (Ok(_), Some(ended), _) => ended,
            (Ok(text), None, _) => {
                // What is pasted may have several lines, and each of them is a command.
                let mut lines = text.split('\n').map(str::to_owned);
                let first = lines.next().unwrap_or_default();
                self.pasted.extend(lines.filter(|line| !line.trim().is_empty()));
                Typed::Line(first)
            }
            (Err(_), _, Some(InputEnd::HungUp)) => Typed::HungUp,
            (Err(_), _, Some(InputEnd::Failed(reason))) => Typed::Failed(reason),
            (Err(ReadlineError::Interrupted), _, None) => Typed::Interrupted,
            (Err(ReadlineError::Eof), _, None) => Typed::End,
            (Err(error), _, None) => Typed::Failed(error.to_string()),
        }
    }

    fn remember(&mut self, line: &str) {
        let kept = self.editor.add_history_entry(line);
        let history = self.history.as_ref();
        let saved =
            kept.and_then(|_| history.map_or(Ok(()), |path| self.editor.append_history(path)));
        if let Err(error) = saved {
            tracing::debug!(%error, "the history is not kept");
        }
    }
}

/// Prints between two lines that are read.
fn print(text: &str) {
    if let Err(error) = host::output::print(text) {
        tracing::debug!(%error, "the terminal takes nothing");
    }
}
