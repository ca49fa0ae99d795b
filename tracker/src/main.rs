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
use host::reason;
use host::signals::{EndSignals, Hangup};
use host::variables::List;
use serde_json::json;
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
    let json = cli::wants_json(std::env::args_os());
    let arguments: Arguments = match host::variables::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if json && error.use_stderr() => {
            tell_programs("usage", &one_line(&error.render().to_string()));
            return ExitCode::from(EXIT_CONFIGURATION);
        }
        Err(error) => error.exit(),
    };
    log::start(arguments.log_format.into(), DefaultLevel::Info, io::stderr);
    let election = match read_ballot(&arguments.ballot) {
        Ok(election) => election,
        Err(error) => return fail(json, "bad_ballot", &error, EXIT_CONFIGURATION),
    };
    match run(&arguments, &election) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<ListenError>() => {
            fail(json, "address", &error, EXIT_CONFIGURATION)
        }
        Err(error) => fail(json, "system", &error, EXIT_FAILURE),
    }
}

/// The last words, in one line: on stderr, where the log is, and for programs also on stdout.
fn fail(json: bool, kind: &str, error: &anyhow::Error, code: u8) -> ExitCode {
    if json {
        tell_programs(kind, &format!("{error:#}"));
    }
    // If stderr is closed, there is nobody left to tell.
    let _ = writeln!(io::stderr(), "tracker: {error:#}");
    ExitCode::from(code)
}

fn tell_programs(kind: &str, message: &str) {
    let told = json!({"answer": "tracker", "error": {"kind": kind, "message": message}});
    if let Err(error) = host::output::print(&format!("{told}\n")) {
        tracing::warn!(%error, "can't write to stdout");
    }
}

/// What is wrong with the arguments, without the usage that follows it.
fn one_line(text: &str) -> String {
    let text = text.split("\n\nUsage:").next().unwrap_or_default();
    let words: Vec<_> = text.trim_start_matches("error: ").split_whitespace().collect();
    words.join(" ")
}

fn read_ballot(path: &Path) -> anyhow::Result<Election> {
    let name = path.display();
    let text = match files::read_text(path, FILE_BYTES_MAX) {
        Ok(text) => text,
        Err(ReadError::File(error)) => {
            let told = format!("can't read the ballot {name} (--ballot FILE names another)");
            return Err(anyhow::anyhow!("{told}: {}", reason::of(&error.source)));
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
        let line = ready_line(arguments, listening, election, api.as_ref().map(|(_, site)| site));
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

/// Where the tracker listens, for whoever started it.
fn ready_line(
    arguments: &Arguments,
    listening: SocketAddr,
    election: &Election,
    site: Option<&Site>,
) -> String {
    let (election, api) = (election.election_id(), site.map(Site::url));
    if arguments.json {
        let address = listening.to_string();
        let election = election.to_string();
        return json!({
            "event": "listening", "address": address, "election": election, "api": api
        })
        .to_string();
    }
    let api = api.map_or_else(String::new, |api| format!(", api {api}"));
    format!("tracker listening on {listening}, election {election}{api}")
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
