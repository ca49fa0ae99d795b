//! The program `peer`: reads the arguments, has the task carried out, and turns its outcome into an exit code.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use host::output::{LAST_WORDS_PATIENCE, columns};
use host::wrap::wrap;
use peer::ClientExit;
use peer::cli::{self, Invocation, Invoked};

/// The exit code when the arguments, a file that they name, or the state of the machine have to be
/// corrected.
const EXIT_USAGE: u8 = 2;
/// The exit code when the peer ran and was refused, or when a running peer refused a request.
const EXIT_REFUSED: u8 = 1;
/// The exit code when this machine's clock keeps a record from being judged, so that nothing is known against it.
const EXIT_UNJUDGED: u8 = 4;
/// The exit code when no running peer was reached.
const EXIT_NO_CONTACT: u8 = 3;

fn main() -> ExitCode {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let arguments: Vec<_> = std::env::args_os().collect();
    let invoked = cli::invoked(&arguments, json_variable().as_deref());
    let done = cli::parse(arguments, cores, columns(&io::stdout()))
        .map_err(anyhow::Error::from)
        .and_then(start);
    let error = match done {
        Ok(code) => return code,
        Err(error) => error,
    };
    tell(&invoked, &error);
    ExitCode::from(exit_code(&error))
}

/// Prints on stdout, unless nobody reads it any more.
#[expect(
    clippy::disallowed_methods,
    reason = "nothing else can wait for a pipe, and the program is at its end"
)]
fn print_patiently(text: String) -> bool {
    let (done, finished) = mpsc::channel();
    thread::spawn(move || done.send(host::output::print(&text).is_ok()));
    finished.recv_timeout(LAST_WORDS_PATIENCE).unwrap_or(false)
}

/// What says that programs read the answers, also where the rest of the command line can't be read.
#[expect(clippy::disallowed_methods, reason = "clap tells nothing of a line that it refuses")]
fn json_variable() -> Option<String> {
    std::env::var("OSTRAKON_JSON").ok()
}

/// The last words, in one line: an object on stdout for programs, and a text on stderr for people. Programs get both
/// from a peer that was to run, whose stderr is its log, and where the object was part of an answer.
fn tell(invoked: &Invoked, error: &anyhow::Error) {
    let offline = error.downcast_ref::<peer::OfflineError>();
    let is_told = offline.is_some_and(peer::OfflineError::is_told);
    let is_printed =
        invoked.json && (is_told || print_patiently(peer::error_line(&invoked.word, error)));
    if !is_printed || is_told || invoked.word == cli::PEER_WORD {
        let text = format!("peer: {error}\n");
        let text = columns(&io::stderr()).map_or(text.clone(), |columns| wrap(&text, columns));
        // If stderr is closed, there is nobody left to tell.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

fn exit_code(error: &anyhow::Error) -> u8 {
    let offline = error.downcast_ref::<peer::OfflineError>();
    let running = error.downcast_ref::<peer::PeerError>();
    if offline.is_some_and(peer::OfflineError::is_unjudged) {
        EXIT_UNJUDGED
    } else if offline.is_some_and(peer::OfflineError::is_no_contact) {
        EXIT_NO_CONTACT
    } else if offline.is_some_and(peer::OfflineError::is_refusal)
        || running.is_some_and(peer::PeerError::is_refusal)
    {
        EXIT_REFUSED
    } else {
        EXIT_USAGE
    }
}

/// Starts what was asked for, and returns the exit code. Everything else was printed already.
fn start(invocation: Invocation) -> anyhow::Result<ExitCode> {
    let good_or_refused =
        |is_good| if is_good { ExitCode::SUCCESS } else { ExitCode::from(EXIT_REFUSED) };
    match invocation {
        Invocation::Show(text) => host::output::print(&text).map_err(|error| {
            anyhow::anyhow!("can't write to stdout: {}", host::reason::of(&error))
        })?,
        Invocation::NewBallot(new) => peer::new_ballot(&new)?,
        Invocation::Calibrate(task) => peer::calibrate(&task)?,
        Invocation::CheckBallot(check) => peer::check_ballot(&check)?,
        Invocation::Registrar(task) => peer::registrar(&task)?,
        Invocation::Validator(task) => peer::validator(&task)?,
        Invocation::Key(task) => peer::key(&task)?,
        Invocation::Sign(task) => peer::sign(&task)?,
        Invocation::Export(export) => peer::export(&export)?,
        Invocation::Audit(audit) => return Ok(good_or_refused(peer::audit(&audit)?)),
        Invocation::Import(import) => peer::import(&import)?,
        Invocation::VerifyReceipt(verify) => {
            return Ok(good_or_refused(peer::verify_receipt(&verify)?));
        }
        Invocation::CheckEvidence(check) => {
            return Ok(good_or_refused(peer::check_evidence(&check)?));
        }
        Invocation::Client(request) => return Ok(client_exit(peer::client(&request))),
        Invocation::Watch(connection) => return Ok(client_exit(peer::watch(&connection))),
        Invocation::WriteManPages { directory, force } => {
            peer::write_man_pages(&directory, force)?;
        }
        Invocation::Run { settings, log_format } => {
            peer::start_log(log_format);
            peer::run(&settings)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn client_exit(exit: ClientExit) -> ExitCode {
    match exit {
        ClientExit::Done => ExitCode::SUCCESS,
        ClientExit::Refused => ExitCode::from(EXIT_REFUSED),
        ClientExit::Usage => ExitCode::from(EXIT_USAGE),
        ClientExit::NoContact => ExitCode::from(EXIT_NO_CONTACT),
    }
}
