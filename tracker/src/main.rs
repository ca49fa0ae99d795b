//! The tracker's program. It reads the ballot, starts to listen, and prints one line on stdout once
//! it does.

mod cli;

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use protocol::ballot_file::{self, FILE_BYTES_MAX};
use protocol::election::Election;

use cli::{Api, Arguments};
use host::clock;
use host::entropy;
use host::files::{self, ReadError};
use host::http::{Limits, Site};
use host::log::{self, DefaultLevel};
use host::signals::{EndSignals, Hangup};
use host::variables::List;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tracker::handle::TrackerHandle;
use tracker::run::ListenError;

/// The exit code when the arguments, the ballot or a port in use have to be corrected first.
/// Arguments that cannot be parsed end with the same code.
const EXIT_CONFIGURATION: u8 = 2;
/// The exit code when the tracker started and failed later.
const EXIT_FAILURE: u8 = 1;

fn main() -> ExitCode {
    let arguments: Arguments = host::variables::parse();
    log::start(arguments.log_format.into(), DefaultLevel::Info, io::stderr);
    let election = match read_ballot(&arguments.ballot) {
        Ok(election) => election,
        Err(error) => return fail(&error, EXIT_CONFIGURATION),
    };
    match run(&arguments, &election) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<ListenError>() => fail(&error, EXIT_CONFIGURATION),
        Err(error) => fail(&error, EXIT_FAILURE),
    }
}

fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    // Errors are printed on one line. If stderr is closed, there is nobody left to tell.
    let _ = writeln!(io::stderr(), "tracker: {error:#}");
    ExitCode::from(code)
}

fn read_ballot(path: &Path) -> anyhow::Result<Election> {
    let name = path.display();
    let text = match files::read_text(path, FILE_BYTES_MAX) {
        Ok(text) => text,
        Err(ReadError::File(error)) => {
            let told = format!("can't read the ballot {name} (--ballot FILE names another)");
            return Err(anyhow::Error::new(error.source).context(told));
        }
        Err(error @ ReadError::TooLong { .. }) => return Err(error.into()),
    };
    let election = ballot_file::parse(&text).with_context(|| name.to_string())?;
    election.check_created(clock::unix_now()).with_context(|| name.to_string())?;
    Ok(election)
}

fn run(arguments: &Arguments, election: &Election) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("can't start the runtime")?;
    runtime.block_on(async {
        let address = tracker::run::resolve(&arguments.listen).await?;
        let socket = tracker::run::bind(address)?;
        let seed = entropy::try_random().context("the system gives no randomness")?;
        // The signal handlers are installed before the line on stdout is printed, so that whoever
        // waits for that line can rely on every later signal being noticed.
        let signals = EndSignals::start(Hangup::SystemDefault).context("can't wait for signals")?;
        let listening = socket.local_addr().context("the socket has no address")?;
        let api = listen_for_api(arguments, listening).await?;
        let mut line =
            format!("tracker listening on {listening}, election {}", election.election_id());
        if let Some((_, site)) = &api {
            line = format!("{line}, api {}", site.url());
        }
        // Whoever started this program may be waiting for that line.
        host::output::print(&format!("{line}\n")).context("can't write to stdout")?;
        let (handle, requests) = TrackerHandle::new();
        let (stop, stopped) = oneshot::channel::<()>();
        let tracking = async {
            let result = tracker::run::run(socket, election, seed, requests, signals.leave()).await;
            drop(stop);
            result
        };
        let serving = async {
            if let Some((listener, site)) = api {
                // Nothing is ever sent on this channel: its sender is dropped at the end.
                let stopped = async { stopped.await.unwrap_or_default() };
                let router = tracker::api::router(handle);
                host::http::serve(listener, site, Limits::default(), router, stopped).await;
            }
        };
        let (result, ()) = tokio::join!(tracking, serving);
        result.context("the socket broke")
    })
}

/// Opens the API's listener if one was asked for. `listening` is the address where datagrams
/// arrive.
async fn listen_for_api(
    arguments: &Arguments,
    listening: SocketAddr,
) -> anyhow::Result<Option<(TcpListener, Site)>> {
    let listener = match &arguments.api {
        Some(Api::Off) => return Ok(None),
        Some(Api::At(address)) => {
            tracker::api::listen(tracker::run::resolve(address).await?, false)?
        }
        None => {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, listening.port()));
            // If the user let the system choose the port for datagrams, this port was not asked for
            // either, so another one will do if it is taken.
            tracker::api::listen(address, arguments.listen.port() == 0)?
        }
    };
    let address = listener.local_addr().context("the API's socket has no address")?;
    let site = Site::new(address, List::joined(arguments.api_host.clone()), Vec::new());
    Ok(Some((listener, site.with_probes(&["/healthz"]))))
}
