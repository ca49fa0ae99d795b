//! `cargo demo`: a tracker, some peers and the prompt of the first, in a directory that goes when it ends.
//!
//! Every demo is an election of its own: the sample ballot with a new id. Nothing is left behind.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the demo starts processes, reads the clock and keeps files"
)]

mod children;
mod election;
mod voters;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, ExitCode, Stdio};
use std::{env, fs, process, thread};

use anyhow::{Context, bail, ensure};
use protocol::units::UnixMillis;
use rand::TryRng;
use rand::rngs::SysRng;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use children::{Background, Programs, program};
use election::End;
use voters::Voters;

const PEERS_DEFAULT: usize = 3;
/// Two cores run so many; a demo is to be watched, not to be a load.
const PEERS_MAX: usize = 50;

/// How long an election with an end is open unless told, in seconds: enough to look around, and to see the end.
const CLOSES_AFTER_DEFAULT_S: u64 = 180;

const USAGE: &str = "usage: cargo demo [--final [--closes-after SECONDS]] [--peers N]
                  [--quiet-peers] [--programs DIR]

  --final          an election with an end: four validators at the other peers
                   make its result final
  --closes-after SECONDS
                   when it closes, 40 to 86400 s after its start; 180 unless told
  --peers N        how many peers there are, 1 to 50; 3 unless told
  --quiet-peers    nobody votes at the other peers, as happens now and then unless told
  --programs DIR   where tracker and peer lie; cargo builds them unless told";

#[derive(Debug, PartialEq, Eq)]
struct Arguments {
    peers: usize,
    /// After how many seconds the election closes, if it has an end.
    closes_after_s: Option<u64>,
    /// Whether nobody votes at the other peers.
    is_quiet: bool,
    /// The directory of programs that were built already.
    programs: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = match read_arguments(env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print(&format!("{USAGE}\n"));
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("demo: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `None` asks for help.
fn read_arguments(words: impl Iterator<Item = String>) -> anyhow::Result<Option<Arguments>> {
    let (mut peers, mut closes_after_s) = (None, None);
    let mut arguments =
        Arguments { peers: PEERS_DEFAULT, closes_after_s: None, is_quiet: false, programs: None };
    let mut words = words;
    while let Some(word) = words.next() {
        match word.as_str() {
            // `cargo demo -- --peers 5`, out of habit: the alias has its own `--`.
            "--" => {}
            "--help" | "-h" => return Ok(None),
            "--peers" => {
                let number = words.next().and_then(|number| number.parse().ok());
                let number = number.filter(|number| (1..=PEERS_MAX).contains(number));
                peers = Some(number.context("`--peers` takes a number from 1 to 50")?);
            }
            "--final" => {
                arguments.closes_after_s = Some(CLOSES_AFTER_DEFAULT_S);
            }
            "--closes-after" => {
                let seconds = words.next().and_then(|seconds| seconds.parse().ok());
                let seconds = seconds.filter(|seconds| election::CLOSES_AFTER_S.contains(seconds));
                closes_after_s =
                    Some(seconds.context("`--closes-after` takes seconds from 40 to 86400")?);
            }
            "--quiet-peers" => arguments.is_quiet = true,
            "--programs" => {
                let directory = words.next().context("`--programs` takes a directory")?;
                arguments.programs = Some(directory.into());
            }
            other => bail!("there is no option {other:?}"),
        }
    }
    if let Some(seconds) = closes_after_s {
        ensure!(arguments.closes_after_s.is_some(), "`--closes-after` goes with `--final`");
        arguments.closes_after_s = Some(seconds);
    }
    if arguments.closes_after_s.is_some() {
        // One for each validator, and the one at the prompt.
        ensure!(peers.is_none(), "`--final` has five peers: leave out `--peers`");
        peers = Some(election::VALIDATORS.len() + 1);
    }
    arguments.peers = peers.unwrap_or(PEERS_DEFAULT);
    Ok(Some(arguments))
}

fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // From here on a signal ends the demo in good order, so that no process is left behind.
    let _guard = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;

    let programs = match &arguments.programs {
        Some(directory) => built_in(directory)?,
        None => build()?,
    };
    let directory = TempDir::with_prefix("ostrakon-demo-")?;
    let ballot = directory.path().join("ballot.toml");
    let (ballot_text, validator_keys) = match arguments.closes_after_s {
        None => (election::fresh_ballot(root())?, Vec::new()),
        Some(seconds) => election::with_an_end(root(), &programs.peer, directory.path(), seconds)?,
    };
    fs::write(&ballot, &ballot_text)?;
    let (tracker, tracker_address) = Background::tracker(&programs, &ballot, directory.path())?;
    // Dropped in reverse order: the peers take leave of a tracker that is still there.
    let _tracker = tracker;
    let port = tracker_address.port().to_string();
    let mut others = Vec::new();
    for number in 2..=arguments.peers {
        let key = validator_keys.get(number - 2).map(PathBuf::as_path);
        others.push(Background::peer(&programs, &port, number, directory.path(), key)?);
    }
    let end = election::end(&ballot_text)?;
    print(&guide(&programs, &port, &others, directory.path(), end));
    let mut seed = [0; 8];
    SysRng.try_fill_bytes(&mut seed).context("the system gives no randomness")?;
    let seed = u64::from_be_bytes(seed);
    let comes_nobody = arguments.is_quiet || others.is_empty();
    let come = || Voters::start(&others, &ballot_text, &programs.peer, seed);
    // Dropped before the peers, whose inputs it holds.
    let _voters = (!comes_nobody).then(come).transpose()?;

    let mut command = program(&programs.peer);
    command
        .args([port.as_str(), "0", "--name", "peer 1", "--data-dir"])
        .arg(directory.path().join("peer-1"));
    if !io::stdin().is_terminal() {
        command.stdin(Stdio::piped());
    }
    let mut first = command.spawn().context("can't start the first peer")?;
    pass_input_on(first.stdin.take());
    let process = rustix::process::Pid::from_child(&first);
    let status = runtime.block_on(async {
        let mut ended = tokio::task::spawn_blocking(move || first.wait());
        loop {
            tokio::select! {
                status = &mut ended => return status,
                // A terminal sends its signals to the first peer as well; others send them here alone.
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            // It may have ended just now.
            let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        }
    })??;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Programs that were built before, in a directory.
fn built_in(directory: &Path) -> anyhow::Result<Programs> {
    let executable = |name: &str| {
        let path = directory.join(format!("{name}{}", env::consts::EXE_SUFFIX));
        path.is_file()
            .then_some(path)
            .with_context(|| format!("there is no {name} in {}", directory.display()))
    };
    Ok(Programs { tracker: executable("tracker")?, peer: executable("peer")? })
}

/// Builds the programs by the same cargo and with the same profile as this one; cargo shows how far it is.
fn build() -> anyhow::Result<Programs> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let built = Command::new(cargo)
        .args(["build", "--profile", profile, "--package", "tracker", "--package", "peer"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()
        .context("can't run cargo")?;
    ensure!(built.status.success(), "the programs do not build");
    let messages = String::from_utf8_lossy(&built.stdout);
    let executable = |name: &str| -> anyhow::Result<PathBuf> {
        let found = messages.lines().find_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            let is_it = message["target"]["name"] == name;
            message["executable"].as_str().filter(|_| is_it).map(PathBuf::from)
        });
        found.with_context(|| format!("cargo built no {name}"))
    };
    Ok(Programs { tracker: executable("tracker")?, peer: executable("peer")? })
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in the workspace")
}

/// What there is, and how to look at it. All but addresses, paths and commands fits a narrow terminal.
fn guide(
    programs: &Programs,
    port: &str,
    others: &[Background],
    directory: &Path,
    end: Option<End>,
) -> String {
    let peer = programs.peer.display();
    let process = process::id();
    let mut guide = format!(
        "An election of its own, which goes when you leave\n(process {process}):\n  tracker  127.0.0.1:{port}\n"
    );
    for other in others {
        guide += &format!("  {}   {}\n", other.name, other.address);
        if let Some(url) = &other.page {
            guide += &format!("           page {url}\n");
        }
        guide += &format!("           log {}\n", other.log.display());
    }
    guide +=
        "See all of peer 1 on another terminal, or in a browser\nat the address behind `API at`:\n";
    guide += &format!("  {peer} watch --data-dir {}\n", directory.join("peer-1").display());
    guide += "One more peer, from another terminal:\n";
    let more = directory.join(format!("peer-{}", others.len() + 2));
    guide += &format!("  {peer} {port} 0 --data-dir {}\n", more.display());
    if let Some(End { vote_by, closes }) = end {
        guide += &format!("It is open, closes at {}, and takes votes\n", utc(closes));
        guide += &format!("that are sure to be counted until {}.\n", utc(vote_by));
        guide += "A few blocks later the peers 2 to 5, its validators, make\nthe result FINAL: see `results` and `results --final`.\n";
    }
    guide += "Here is the prompt of peer 1. Try `ballot`, `results`,\n`vote Ada; Tuesday`; `leave` ends it all.\n\n";
    guide
}

/// A time of the day, as the prompt shows it beside what happens.
fn utc(time: UnixMillis) -> String {
    let rounded = std::time::UNIX_EPOCH + std::time::Duration::from_secs(time.0 / 1_000);
    let text = humantime::format_rfc3339_seconds(rounded).to_string();
    let time_of_day = text.split_once('T').map_or(text.as_str(), |(_, time)| time);
    format!("{} UTC", time_of_day.trim_end_matches('Z'))
}

/// Prints on stdout. That nobody reads it, as behind `| head`, is no reason to fail.
fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Passes this program's input on, unless that is a terminal, which the peer has to itself. A first empty line says
/// that somebody is there: the end of the input is how a script ends a demo, also before it has given any command.
fn pass_input_on(input: Option<ChildStdin>) {
    let Some(mut input) = input else { return };
    thread::spawn(move || {
        // The peer may have ended.
        let _ = input.write_all(b"\n").and_then(|()| io::copy(&mut io::stdin().lock(), &mut input));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Arguments> {
        read_arguments(line.split_whitespace().map(str::to_owned)).ok().flatten()
    }

    #[test]
    fn arguments_are_read() {
        let told = |peers, is_quiet, programs| {
            Some(Arguments { peers, closes_after_s: None, is_quiet, programs })
        };
        assert_eq!(read(""), told(3, false, None));
        assert_eq!(read("-- --peers 5 --quiet-peers"), told(5, true, None));
        assert_eq!(read("--programs bin --peers 1"), told(1, false, Some(PathBuf::from("bin"))));
        assert_eq!(read("--help"), None);
        let with_end = |closes_after_s| {
            let closes_after_s = Some(closes_after_s);
            Some(Arguments { peers: 5, closes_after_s, is_quiet: false, programs: None })
        };
        assert_eq!(read("--final"), with_end(180));
        assert_eq!(read("--closes-after 40 --final"), with_end(40));
        let slips = ["--closes-after 60", "--final --closes-after 39", "--final --peers 3"];
        for bad in slips.into_iter().chain([
            "--peers",
            "--peers 0",
            "--peers 51",
            "--peers x",
            "--programs",
            "5",
        ]) {
            assert!(read_arguments(bad.split_whitespace().map(str::to_owned)).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_guide_fits_a_narrow_terminal_and_its_commands_are_whole() {
        let peer = PathBuf::from("/a/rather/long/path/of/a/workspace/target/debug/peer");
        let programs = Programs { tracker: "tracker".into(), peer };
        let end =
            End { vote_by: UnixMillis(1_795_819_917_999), closes: UnixMillis(1_795_819_941_000) };
        for end in [None, Some(end)] {
            let guide = guide(&programs, "5000", &[], Path::new("/tmp/demo"), end);
            let (commands, prose): (Vec<_>, Vec<_>) =
                guide.lines().partition(|line| line.starts_with("  /a/"));
            assert_eq!(commands.len(), 2, "{guide}");
            assert!(prose.len() > 5 && prose.iter().all(|line| line.len() <= 60), "{guide}");
            for time in ["22:52:21 UTC", "22:51:57 UTC"] {
                assert_eq!(guide.contains(time), end.is_some(), "{guide}");
            }
        }
    }
}
