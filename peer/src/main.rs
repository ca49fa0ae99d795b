//! The peer's program.

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;

use peer::cli::{self, Invocation};
use peer::shell;

/// The arguments, a file that they name, or the machine's state have to be mended.
const EXIT_USAGE: u8 = 2;
/// The peer ran, and was refused.
const EXIT_REFUSED: u8 = 1;

fn main() -> ExitCode {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let done = cli::parse(std::env::args_os(), cores).map_err(anyhow::Error::from).and_then(start);
    let Err(error) = done else { return ExitCode::SUCCESS };
    // The last words, in one line; there is nobody left to tell if stderr is closed.
    let _ = writeln!(io::stderr(), "peer: {error}");
    let is_refusal =
        error.downcast_ref::<shell::PeerError>().is_some_and(shell::PeerError::is_refusal);
    ExitCode::from(if is_refusal { EXIT_REFUSED } else { EXIT_USAGE })
}

fn start(invocation: Invocation) -> anyhow::Result<()> {
    match invocation {
        Invocation::Show(text) => shell::show(&text)?,
        Invocation::NewBallot(new) => shell::new_ballot(&new)?,
        Invocation::CheckBallot(check) => shell::check_ballot(&check)?,
        Invocation::Run { settings, log_format } => {
            shell::start_log(log_format);
            shell::run(&settings)?;
        }
    }
    Ok(())
}
