//! What stands between the terminal and the line editor, which ends at the first byte that is no UTF-8 and forgets what
//! was typed ahead of it.
//!
//! The editor reads a pseudo-terminal of its own as its stdin. A thread passes on what is typed at the real one, as
//! soon as a line is wanted and never before: until then the terminal's driver, passphrases and other programs have it.
//! A bad byte arrives as a [mark](super::typed_bytes::BAD_CHARACTER), so that the line that has it is refused as a
//! whole, and nothing is lost between two lines. In the background nothing is read, and the terminal's mode is left
//! alone: see [`foreground`](super::foreground).

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Signal, kill_current_process_group};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{
    ControlModes, InputModes, LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex,
    Termios, tcflush, tcgetattr, tcsetattr,
};

use super::foreground::{is_in_front, look_again, wait_until_in_front};
use super::typed_bytes::TypedBytes;

/// Most bytes that are read at once. No more are read until the editor has taken these.
const CHUNK_BYTES: usize = 1_024;

/// The real terminal, and the thread that reads it.
#[derive(Debug)]
pub(super) struct Keyboard {
    terminal: Arc<OwnedFd>,
    gate: Arc<Gate>,
}

/// Why nothing more can be typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum InputEnd {
    /// The terminal has disappeared.
    HungUp,
    Failed(String),
}

#[derive(Debug)]
struct Gate {
    state: Mutex<State>,
    /// How the terminal works for others than this program.
    mode: Mutex<Termios>,
    changed: Condvar,
    /// Wakes the thread that waits for a key.
    wake: OwnedFd,
}

#[derive(Debug, Default)]
struct State {
    /// Whether a line is wanted.
    is_open: bool,
    /// Whether the thread touches the terminal.
    is_busy: bool,
    /// Whether the terminal was given back for good.
    is_over: bool,
    /// Whether more was typed than the line that was wanted last.
    has_more: bool,
    /// Whether what was typed already is to be forgotten.
    forgets: bool,
    /// Whether the editor is to end the line that is being typed.
    breaks_off: bool,
    end: Option<InputEnd>,
}

impl Keyboard {
    /// Takes over stdin, which is a terminal. `None` if the system has no pseudo-terminal left; nothing is changed
    /// then.
    pub(super) fn start() -> Option<Self> {
        Self::try_start().inspect_err(|error| tracing::debug!(%error, "no pseudo-terminal")).ok()
    }

    fn try_start() -> io::Result<Self> {
        let terminal = Arc::new(rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)?);
        let mode = tcgetattr(&*terminal)?;
        let editor = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        rustix::io::fcntl_setfd(&editor, rustix::io::FdFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&editor, true)?;
        grantpt(&editor)?;
        unlockpt(&editor)?;
        let name = ptsname(&editor, Vec::new())?;
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
        let stdin = rustix::fs::open(name.as_c_str(), flags, rustix::fs::Mode::empty())?;
        // What passes through is neither echoed nor interpreted: the editor does that.
        tcsetattr(&stdin, OptionalActions::Now, &raw(&mode))?;
        let (woken, wake) = rustix::pipe::pipe()?;
        for end in [&woken, &wake] {
            rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
            rustix::io::ioctl_fionbio(end, true)?;
        }
        let typed = TypedBytes::new(mode.special_codes[SpecialCodeIndex::VSUSP]);
        let (state, changed, mode) = (Mutex::default(), Condvar::new(), Mutex::new(mode));
        let gate = Arc::new(Gate { state, mode, changed, wake });
        let relay = Relay {
            terminal: Arc::clone(&terminal),
            editor,
            woken,
            gate: Arc::clone(&gate),
            typed,
        };
        thread::Builder::new().name("keyboard".into()).spawn(move || relay.run())?;
        // From here on stdin is the editor's.
        rustix::stdio::dup2_stdin(&stdin)?;
        Ok(Self { terminal, gate })
    }

    /// Waits until this program may ask for a line.
    pub(super) fn wait_until_in_front(&self) {
        wait_until_in_front(&*self.terminal);
    }

    pub(super) fn is_in_front(&self) -> bool {
        is_in_front(&*self.terminal)
    }

    /// Waits until this program may ask for something; false if that is not wanted any more.
    pub(super) fn wait_until_in_front_unless(&self, is_over: &AtomicBool) -> bool {
        while !is_over.load(Ordering::Acquire) {
            if self.is_in_front() {
                return true;
            }
            look_again(&mut []);
        }
        false
    }

    /// Lets the editor end the line that is being typed, as if a key had been pressed for it. False if it can't.
    pub(super) fn break_off(&self) -> bool {
        self.gate.lock().breaks_off = true;
        self.gate.wake_up();
        true
    }

    /// Forgets what was typed ahead while no line was wanted, or after the one that was. Tells whether there was any.
    pub(super) fn forget_typed(&self) -> bool {
        let mut state = self.gate.lock();
        state.forgets = true;
        let mut is_any = std::mem::take(&mut state.has_more);
        // Without this mode the driver does not count a line before its end.
        let mode = self.gate.mode().clone();
        set_mode(&*self.terminal, &raw(&mode));
        is_any |= rustix::io::ioctl_fionread(&*self.terminal).unwrap_or(0) > 0;
        // The terminal may have disappeared.
        let _ = tcflush(&*self.terminal, QueueSelector::IFlush);
        set_mode(&*self.terminal, &mode);
        is_any
    }

    /// Passes on what is typed, until [`close`](Self::close).
    pub(super) fn open(&self) {
        self.gate.lock().is_open = true;
        self.gate.changed.notify_all();
    }

    /// Gives the terminal back to whoever else reads it. Tells why there will be nothing more, if so.
    pub(super) fn close(&self) -> Option<InputEnd> {
        let mut state = self.gate.lock();
        (state.is_open, state.breaks_off) = (false, false);
        self.gate.wake_up();
        while state.is_busy {
            state = self.gate.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.end.clone()
    }

    /// Whether another line was typed already, or a part of it.
    pub(super) fn has_more(&self) -> bool {
        self.gate.lock().has_more || rustix::io::ioctl_fionread(&*self.terminal).unwrap_or(0) > 0
    }

    /// Lets the terminal work as before, for good and at once.
    pub(super) fn restore(&self) {
        self.gate.lock().is_over = true;
        self.gate.wake_up();
        set_mode(&*self.terminal, &self.gate.mode());
    }
}

impl Gate {
    fn mode(&self) -> MutexGuard<'_, Termios> {
        self.mode.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent even if a thread panicked while it held the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_up(&self) {
        // A full pipe wakes it as well.
        let _ = rustix::io::write(&self.wake, b"w");
    }

    /// Waits until a line is wanted; false once the terminal was given back.
    fn wait_until_open(&self) -> bool {
        let mut state = self.lock();
        loop {
            if state.is_over || state.end.is_some() {
                return false;
            }
            if state.is_open {
                state.is_busy = true;
                return true;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn rest(&self, end: Option<InputEnd>, has_more: bool) {
        let mut state = self.lock();
        state.is_busy = false;
        state.has_more = has_more;
        state.end = end;
        self.changed.notify_all();
    }

    fn is_open(&self) -> bool {
        let state = self.lock();
        state.is_open && !state.is_over
    }

    fn breaks_off(&self) -> bool {
        std::mem::take(&mut self.lock().breaks_off)
    }

    fn forgets(&self) -> bool {
        std::mem::take(&mut self.lock().forgets)
    }
}

/// Passes on what is typed.
struct Relay {
    terminal: Arc<OwnedFd>,
    /// The other end of what the editor reads.
    editor: OwnedFd,
    woken: OwnedFd,
    gate: Arc<Gate>,
    typed: TypedBytes,
}

impl Relay {
    fn run(mut self) {
        while self.gate.wait_until_open() {
            let outcome = self.pass_on();
            set_mode(&*self.terminal, &self.gate.mode());
            self.gate.rest(outcome.err(), self.typed.has_more());
        }
        // This closes the pseudo-terminal, so that an editor that still reads notices.
    }

    fn pass_on(&mut self) -> Result<(), InputEnd> {
        let mut is_raw = false;
        let mut was_away = false;
        if self.gate.forgets() {
            self.typed.forget();
        }
        self.typed.release();
        while self.gate.is_open() {
            if !is_in_front(&*self.terminal) {
                (is_raw, was_away) = (false, true);
                look_again(&mut [PollFd::new(&self.woken, PollFlags::IN)]);
                self.forget_wakes();
                continue;
            }
            if !is_raw {
                self.renew_mode();
                set_mode(&*self.terminal, &raw(&self.gate.mode()));
                is_raw = true;
            }
            if self.gate.breaks_off() {
                self.typed.break_off();
            }
            if std::mem::take(&mut was_away) {
                self.typed.redraw();
            }
            if self.typed.is_held() {
                // The editor ends its line now, unless the end of a line was none for it.
                look_again(&mut [PollFd::new(&self.woken, PollFlags::IN)]);
                self.forget_wakes();
                self.typed.release();
                continue;
            }
            self.wait();
            if self.typed.wants_suspension() {
                set_mode(&*self.terminal, &self.gate.mode());
                self.typed.suspended();
                // As the terminal's driver does it.
                let _ = kill_current_process_group(Signal::TSTP);
                // The system stops all threads, this one among them, a moment later.
                look_again(&mut []);
                (is_raw, was_away) = (false, true);
            } else if self.typed.is_empty() {
                self.read()?;
            } else {
                self.write()?;
            }
        }
        // The line ended by itself in the same moment.
        self.typed.forget_break();
        Ok(())
    }

    /// Looks how the terminal works now. Whoever started this program in the background may have been reading a line
    /// of its own then, in a mode that is nobody else's.
    fn renew_mode(&mut self) {
        let Ok(mode) = tcgetattr(&*self.terminal) else { return };
        if mode.local_modes.contains(LocalModes::ICANON) {
            self.typed.set_suspension_key(mode.special_codes[SpecialCodeIndex::VSUSP]);
            *self.gate.mode() = mode;
        }
    }

    /// Waits until something can be done, or somebody wakes this thread.
    fn wait(&self) {
        let next = match self.typed.is_empty() {
            true => PollFd::new(&*self.terminal, PollFlags::IN),
            false => PollFd::new(&self.editor, PollFlags::OUT),
        };
        // What fails here fails again when the terminal is read.
        let _ = poll(&mut [next, PollFd::new(&self.woken, PollFlags::IN)], None);
        self.forget_wakes();
    }

    fn forget_wakes(&self) {
        while rustix::io::read(&self.woken, &mut [0; 16]).is_ok_and(|count| count > 0) {}
    }

    fn read(&mut self) -> Result<(), InputEnd> {
        let is_there = poll(
            &mut [PollFd::new(&*self.terminal, PollFlags::IN)],
            Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 }),
        );
        if is_there != Ok(1) || !self.gate.is_open() || !is_in_front(&*self.terminal) {
            return Ok(());
        }
        let mut chunk = [0; CHUNK_BYTES];
        match rustix::io::read(&*self.terminal, &mut chunk) {
            Ok(0) | Err(Errno::IO) => Err(InputEnd::HungUp),
            Ok(count) => {
                self.typed.take(&chunk[..count]);
                Ok(())
            }
            Err(Errno::INTR | Errno::AGAIN) => Ok(()),
            Err(error) => Err(InputEnd::Failed(io::Error::from(error).to_string())),
        }
    }

    fn write(&mut self) -> Result<(), InputEnd> {
        match rustix::io::write(&self.editor, self.typed.ready()) {
            Ok(count) => {
                self.typed.passed(count);
                Ok(())
            }
            Err(Errno::INTR | Errno::AGAIN) => Ok(()),
            Err(error) => Err(InputEnd::Failed(io::Error::from(error).to_string())),
        }
    }
}

/// The mode in which each key arrives by itself: neither gathered to lines, nor echoed, nor turned into signals.
/// Output is left as it is.
fn raw(mode: &Termios) -> Termios {
    let mut raw = mode.clone();
    raw.input_modes &= !(InputModes::BRKINT
        | InputModes::ICRNL
        | InputModes::INPCK
        | InputModes::ISTRIP
        | InputModes::IXON);
    raw.control_modes |= ControlModes::CS8;
    raw.local_modes &=
        !(LocalModes::ECHO | LocalModes::ICANON | LocalModes::IEXTEN | LocalModes::ISIG);
    raw.special_codes[SpecialCodeIndex::VMIN] = 1;
    raw.special_codes[SpecialCodeIndex::VTIME] = 0;
    raw
}

/// Sets the mode, unless this program is in the background, where that would stop it.
fn set_mode(terminal: impl AsFd, mode: &Termios) {
    if is_in_front(&terminal) {
        // The terminal may have disappeared.
        let _ = tcsetattr(terminal, OptionalActions::Now, mode);
    }
}
