//! Whether this program may touch its terminal.
//!
//! A program that a shell started with `&`, or that was sent to the background, is stopped by the system as soon as it
//! reads from the terminal or changes how that works. A stopped peer answers nobody, so every reader asks here first.

use std::io::{self, Read};
use std::time::Duration;

/// How often a program in the background looks whether it was brought to the front. No signal tells it of that if it
/// was running all the time.
const LOOK_PERIOD: Duration = Duration::from_millis(250);

/// Stdin, which is read only while it may be: in the background nothing is read from a terminal.
#[derive(Debug)]
pub(super) struct PatientStdin(pub(super) io::Stdin);

impl Read for PatientStdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        unix::wait_until_readable(&self.0)?;
        self.0.lock().read(buffer)
    }
}

#[cfg(unix)]
pub(crate) use unix::is_in_front;
#[cfg(unix)]
pub(super) use unix::{look_again, wait_until_in_front};

#[cfg(unix)]
mod unix {
    use std::io::{self, IsTerminal};
    use std::os::fd::AsFd;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;
    use rustix::process::getpgrp;
    use rustix::termios::tcgetpgrp;

    use super::LOOK_PERIOD;

    /// Whether the shell lets this program use that terminal. One that belongs to no shell always may be used.
    pub(crate) fn is_in_front(terminal: impl AsFd) -> bool {
        !tcgetpgrp(terminal).is_ok_and(|group| group != getpgrp())
    }

    pub(in crate::prompt) fn wait_until_in_front(terminal: impl AsFd) {
        while !is_in_front(&terminal) {
            look_again(&mut []);
        }
    }

    /// Waits for one of these, or until it is time to look at the terminal again.
    pub(in crate::prompt) fn look_again(events: &mut [PollFd<'_>]) {
        let period = Timespec::try_from(LOOK_PERIOD).expect("it is short");
        // Whatever went wrong here shows when the terminal is read.
        let _ = poll(events, Some(&period));
    }

    pub(super) fn wait_until_readable(stdin: &io::Stdin) -> io::Result<()> {
        if !stdin.is_terminal() {
            return Ok(());
        }
        loop {
            wait_until_in_front(stdin);
            let period = Timespec::try_from(LOOK_PERIOD).expect("it is short");
            match poll(&mut [PollFd::new(stdin, PollFlags::IN)], Some(&period)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) if is_in_front(stdin) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Other systems know no background.
#[cfg(not(unix))]
mod unix {
    use std::io;

    pub(super) fn wait_until_readable(_: &io::Stdin) -> io::Result<()> {
        Ok(())
    }
}
