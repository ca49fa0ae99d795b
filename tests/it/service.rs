//! Peers that nobody types at: as a service, without input, and in the background of a shell.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use rexpect::reader::Options;
use rexpect::session::{PtySession, spawn_with_options};

use crate::harness::http::HttpConnection;
use crate::harness::{
    Line, Network, PATIENCE, Peer, Program, binary, new_election, tool, unix_now, until,
    workspace_directory,
};

const UNIT: &str = "docs/ostrakon-peer.service";

fn command(network: &Network, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary("peer"));
    command.env_clear().current_dir(network.directory.path()).args(arguments);
    command
}

#[test]
fn without_any_input_a_peer_says_why_it_leaves() {
    let mut network = Network::without_tracker(new_election(12));
    let directory = network.new_data_directory();
    let start = ["0", "--no-mining", "--data-dir", directory.to_str().expect("UTF-8")];
    for (script, part) in [
        ("exec \"$0\" \"$@\" < /dev/null", "before its first line"),
        ("exec \"$0\" \"$@\" <&-", "before its first line"),
        ("\"$0\" \"$@\" & wait $!", "before its first line"),
        ("nohup \"$0\" \"$@\" < /dev/null", "before its first line"),
        ("exec \"$0\" \"$@\" < .", "can't be read any more"),
    ] {
        let mut shell = Command::new("/bin/sh");
        shell.env_clear().current_dir(network.directory.path());
        shell.envs(std::env::vars_os().filter(|(name, _)| name == "PATH"));
        shell.args(["-c", script]).arg(binary("peer")).args(start);
        let ended = shell.output().expect("it runs");
        let name = script;
        let (told, errors) = (text(&ended.stdout), text(&ended.stderr));
        assert_eq!(ended.status.code(), Some(2), "{name}: {told}{errors}");
        assert!(errors.starts_with("peer: the input "), "{name}: {errors}");
        assert!(errors.contains(part) && errors.contains("--service"), "{name}: {errors}");
        assert_eq!(errors.trim_end().lines().count(), 1, "{name}: {errors}");
        assert!(told.ends_with("peer ended\n"), "{name}: {told}");
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn a_service_reads_nothing_and_runs_until_a_signal() {
    let mut network = Network::without_tracker(new_election(12));
    for by_variable in [false, true] {
        let directory = network.new_data_directory();
        let start = ["0", "--no-mining", "--data-dir", directory.to_str().expect("UTF-8")];
        let mut service = command(&network, &start);
        match by_variable {
            true => service.env("OSTRAKON_SERVICE", "1"),
            false => service.arg("--service"),
        };
        let mut service = Program::start("service", service);
        let api = listening(&mut service);
        // What is written to it, and the end of that, mean nothing.
        service.send_line("leave");
        service.close_input();
        assert_eq!(healthz(api), 200);
        service.signal("TERM");
        assert!(
            service
                .remaining_lines(PATIENCE)
                .last()
                .is_some_and(|line| line.ends_with("peer ended"))
        );
        assert_eq!(service.wait_end(PATIENCE).code(), Some(0));
    }
}

/// Waits until the program says where its API is.
fn listening(program: &mut Program) -> SocketAddr {
    loop {
        let Line::Text(line) = program.next_line(PATIENCE) else { panic!("it does not listen") };
        if let Some((_, address)) = line.split_once("API at http://") {
            return address.trim().parse().expect("an address");
        }
    }
}

fn healthz(api: SocketAddr) -> u16 {
    HttpConnection::open(api).ask("GET", "/healthz", &[], b"").status
}

#[test]
fn the_unit_of_systemd_is_good() {
    let unit = workspace_directory().join(UNIT);
    let written = std::fs::read_to_string(&unit).expect("the unit is there");
    let line = |key: &str| {
        let values = written.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        values.collect::<Vec<_>>().join(" ")
    };
    assert!(line("ExecStart").split(' ').any(|word| word == "--service"), "{written}");
    let Some(analyze) = tool("systemd-analyze") else { return };
    // The programs of this machine lie elsewhere.
    let directory = tempfile::tempdir().expect("a directory");
    let copy = directory.path().join("ostrakon-peer.service");
    let program = line("ExecStart").split(' ').next().expect("a program").to_owned();
    let peer = binary("peer");
    let here = written.replace(&program, peer.to_str().expect("UTF-8"));
    std::fs::write(&copy, here).expect("room");
    let verified = Command::new(analyze).args(["verify", "--man=no"]).arg(&copy).output();
    let verified = verified.expect("it runs");
    let told = text(&verified.stderr);
    let about_it: Vec<_> = told.lines().filter(|line| line.contains("ostrakon-peer")).collect();
    assert!(about_it.is_empty(), "{told}");
    assert!(verified.status.success(), "{told}");
}

/// A shell in a terminal, which has a background.
pub(crate) struct Shell {
    session: PtySession,
}

impl Shell {
    pub(crate) fn start(directory: &Path) -> Option<Self> {
        Self::run(directory, &["--noediting"])
    }

    fn run(directory: &Path, options: &[&str]) -> Option<Self> {
        let mut command = Command::new(tool("bash")?);
        command.env_clear().env("TERM", "xterm").env("PS1", "$ ").env("NO_COLOR", "1");
        command.envs(std::env::vars_os().filter(|(name, _)| name == "PATH"));
        command.env("PEER", binary("peer"));
        command.args(["--norc", "--noprofile"]).args(options).arg("-i").current_dir(directory);
        let patience = u64::try_from(PATIENCE.as_millis()).expect("it is short");
        let options = Options::new().timeout_ms(Some(patience)).strip_ansi_escape_codes(true);
        let mut session = spawn_with_options(command, options).expect("the shell starts");
        session.process_mut().set_kill_timeout(Some(3_000));
        Some(Self { session })
    }

    pub(crate) fn sees(&mut self, text: &str) -> String {
        self.session.exp_string(text).unwrap_or_else(|error| panic!("no {text:?}: {error}"))
    }

    pub(crate) fn types(&mut self, keys: &str) {
        self.session.send(keys).expect("the terminal takes it");
        self.session.flush().expect("the terminal takes it");
    }
}

#[test]
fn in_the_background_of_a_shell_a_peer_answers_and_its_prompt_comes_back() {
    let network = Network::without_tracker(new_election(12));
    let Some(mut shell) = Shell::start(network.directory.path()) else { return };
    shell.types("\"$PEER\" 0 --no-mining --data-dir one &\r");
    let api = api_of(&mut shell);
    shell.sees("runs in the background");
    // The peer would have been stopped by now if it had touched the terminal.
    for _ in 0..3 {
        assert_eq!(healthz(api), 200);
        shell.types("jobs\r");
        shell.sees("Running");
    }
    shell.types("fg\r");
    shell.sees("ostrakon> ");
    shell.types("peers\r");
    shell.sees("no neighbours");
    shell.sees("ostrakon> ");
    // Control-Z, and on in the background.
    shell.types("myvo\x1a");
    shell.sees("Stopped");
    shell.types("bg\r");
    until("it answers again", PATIENCE, || {
        let mut connection = HttpConnection::try_open(api).ok()?;
        connection.try_ask("GET", "/healthz", &[], b"").ok().filter(|answer| answer.status == 200)
    });
    shell.types("echo the shell has its \"$((6 * 7))\" keys\r");
    shell.sees("the shell has its 42 keys");
    shell.types("fg\r");
    shell.sees("ostrakon> myvo");
    shell.types("te\r");
    shell.sees("no vote was cast with this key");
    shell.types("leave\r");
    shell.sees("peer ended");
}

#[test]
fn a_terminal_works_as_before_after_a_peer_that_began_in_the_background() {
    let network = Network::without_tracker(new_election(12));
    // This shell reads its own lines key by key when the peer starts.
    let Some(mut shell) = Shell::run(network.directory.path(), &[]) else { return };
    shell.types("stty -g > before\r");
    shell.types("\"$PEER\" 0 --no-mining --data-dir one &\r");
    api_of(&mut shell);
    shell.sees("runs in the background");
    shell.types("fg\r");
    shell.sees("ostrakon> ");
    shell.types("leave\r");
    shell.sees("peer ended");
    shell.types("stty -g > after; cmp before after && echo the same \"mode\" again\r");
    shell.sees("the same mode again");
}

#[test]
fn a_peer_in_the_background_with_its_output_in_a_file_answers_too() {
    let network = Network::without_tracker(new_election(12));
    let Some(mut shell) = Shell::start(network.directory.path()) else { return };
    shell.types("\"$PEER\" 0 --no-mining --data-dir one > log 2>&1 &\r");
    let log = network.directory.path().join("log");
    let api = until("it listens", PATIENCE, || {
        let told = std::fs::read_to_string(&log).ok()?;
        let address = told.split_once("API at http://")?.1.split_once('\n')?.0.to_owned();
        address.parse::<SocketAddr>().ok()
    });
    for _ in 0..3 {
        assert_eq!(healthz(api), 200);
        shell.types("jobs\r");
        shell.sees("Running");
    }
    shell.types("fg\r");
    shell.types("leave\r");
    until("it leaves", PATIENCE, || {
        std::fs::read_to_string(&log).ok().filter(|told| told.contains("peer ended"))
    });
}

fn api_of(shell: &mut Shell) -> SocketAddr {
    shell.sees("API at http://");
    let rest = shell.sees("\n");
    rest.trim().parse().expect("an address")
}

#[test]
fn a_full_disk_behind_stdout_is_told_by_a_command_and_stops_no_peer() {
    let Ok(full) = File::create("/dev/full") else { return };
    let network = Network::without_tracker(new_election(12));
    let mut shown = command(&network, &["ballot", "check", "ballot.toml"]);
    let ended = shown.stdout(full).output().expect("it runs");
    assert_eq!(ended.status.code(), Some(2));
    assert!(text(&ended.stderr).contains("can't write to stdout"), "{}", text(&ended.stderr));
}

#[test]
fn the_log_tells_how_a_peer_started_joined_mined_and_left_and_no_secret() {
    let mut network = Network::with_tracker(new_election(12));
    let (tracker, directory) = (network.tracker_address(), network.new_data_directory());
    let mut logging = Peer::command(&[&tracker, "0"], &directory);
    logging.env("RUST_LOG", "info");
    let mut peer = Peer::run("logging", logging, &directory);
    let token = peer.token();
    peer.vote("Ada");
    let before = unix_now().0;
    let block = peer.wait_event("block", PATIENCE, |_| true);
    let at = block["at_ms"].as_u64().expect("events have a time");
    assert!(at.abs_diff(before) < 60_000, "{block}");
    peer.wait_event("registered", PATIENCE, |_| true);
    let refused = peer.ask("vote Ada");
    assert!(refused["at_ms"].as_u64().is_some_and(|refused| refused >= at), "{refused}");
    peer.ask("leave");
    assert_eq!(peer.wait_end(PATIENCE).code(), Some(0));
    let log = peer.program.stderr();
    for part in [
        "asking the trackers for their election",
        "peer listening on 127.0.0.1:",
        "lists this peer as 127.0.0.1:",
        "block 1 (",
        "taking leave of the others",
        "peer ended",
    ] {
        assert!(log.contains(part), "no {part:?} in {log}");
    }
    assert!(!log.contains(&token), "{log}");
}
