//! A machine of its own as far as the network goes: a network namespace, with its own addresses, ports, packet filter
//! and names. Nothing that is sent in one leaves it but through a cable that a test has laid.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::harness::offline::end_task;
use crate::harness::{Peer, Program, Tracker, binary, not_allowed, tool};

/// With what the names of all namespaces of these tests begin; the id of the process that made them follows.
const PREFIX: &str = "ostrakon";

/// Where iproute2 keeps the names of namespaces, and the files that stand over those of /etc in each of them.
const NAMES: &str = "/run/netns";
const FILES: &str = "/etc/netns";

/// Nobody answers there, and that is known at once: names that the hosts file lacks can't be looked up.
const NO_NAME_SERVER: &str = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";

/// What a test asks of the packet filter, tried once.
const TRIED_RULES: &str = r#"
table ip tried {
  chain out { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }
  chain in { type filter hook input priority filter; ct state invalid drop; numgen random mod 10 < 1 drop; }
}
"#;

/// Whether this process may make namespaces, and has what it takes. Where it may not, the tests here show nothing, and
/// say so; where tools are required, that is a failure.
pub(super) fn allowed() -> bool {
    static ALLOWED: OnceLock<bool> = OnceLock::new();
    *ALLOWED.get_or_init(|| {
        let tools = ["ip", "nft", "curl"].map(tool);
        if tools.iter().any(Option::is_none) {
            return false;
        }
        remove_stale();
        let tried = try_out();
        if let Err(why) = &tried {
            not_allowed(&format!("making network namespaces ({why})"));
        }
        tried.is_ok()
    })
}

/// Makes two namespaces with a cable between them and rules in one of them.
fn try_out() -> Result<(), String> {
    let (one, other) = (Machine::named("tried"), Machine::named("tried"));
    for machine in [&one, &other] {
        ip(&["netns", "add", &machine.name])?;
    }
    let peer = ["type", "veth", "peer", "name", "e0", "netns", &other.name];
    ip(&[&["-n", &one.name, "link", "add", "p0"][..], &peer].concat())?;
    ip(&["-n", &one.name, "link", "add", "lan", "type", "bridge"])?;
    one.try_rules(TRIED_RULES)
}

/// A namespace, which goes when this is dropped.
#[derive(Debug)]
pub(super) struct Machine {
    name: String,
}

impl Machine {
    /// A machine without any cable, where nobody answers but itself.
    ///
    /// # Panics
    /// When the system does not let it be made.
    pub(super) fn new(role: &str) -> Self {
        let machine = Self::named(role);
        must(ip(&["netns", "add", &machine.name]));
        machine.ip(&["link", "set", "lo", "up"]);
        let files = machine.files();
        fs::create_dir_all(&files).expect("it is ours to make");
        fs::write(files.join("resolv.conf"), NO_NAME_SERVER).expect("a file");
        machine.knows(&[]);
        machine
    }

    fn named(role: &str) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        Self { name: format!("{PREFIX}-{}-{number}-{role}", std::process::id()) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Writes which names this machine can look up, as pairs of an address and a name. The programs that run there
    /// already see it too.
    pub(super) fn knows(&self, names: &[(&str, &str)]) {
        let lines = names.iter().map(|(address, name)| format!("{address} {name}\n"));
        let text = format!("127.0.0.1 localhost\n{}", lines.collect::<String>());
        // In place: a running program has this very file, whatever has its name later.
        fs::write(self.files().join("hosts"), text).expect("a file");
    }

    /// Gives an interface one more address, with its network's length.
    pub(super) fn has_address(&self, interface: &str, address: &str) {
        // Nobody else has it: an IPv6 address need not be asked for first.
        let unasked: &[&str] = if address.contains(':') { &["nodad"] } else { &[] };
        self.ip(&[&["addr", "add", address, "dev", interface], unasked].concat());
    }

    /// Changes this machine's network as `ip` does it.
    ///
    /// # Panics
    /// When that is refused.
    pub(super) fn ip(&self, arguments: &[&str]) {
        must(ip(&[&["-n", &self.name], arguments].concat()));
    }

    /// Gives this machine's packet filter further rules.
    ///
    /// # Panics
    /// When they are refused.
    pub(super) fn rules(&self, rules: &str) {
        must(self.try_rules(rules));
    }

    fn try_rules(&self, rules: &str) -> Result<(), String> {
        let mut command = Command::new(path_of("nft"));
        command.arg(rules);
        complete(self.inside(&command)).map(|_| ())
    }

    /// Lets this machine pass on what is not for itself.
    pub(super) fn forwards(&self) {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
        must(complete(self.inside(&command)));
    }

    /// The same command, run on this machine. It has no variables but its own.
    pub(super) fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new(path_of("ip"));
        inside.env_clear().args(["netns", "exec", &self.name]);
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                inside.env(name, value);
            }
        }
        if let Some(directory) = command.get_current_dir() {
            inside.current_dir(directory);
        }
        inside
    }

    /// Starts a tracker here.
    pub(super) fn tracker(&self, listen: &str, ballot: &Path) -> Tracker {
        Tracker::run(self.inside(&Tracker::command(listen, ballot)))
    }

    /// Starts a peer here, and waits until it listens.
    pub(super) fn peer(&self, arguments: &[&str], data_directory: &Path) -> Peer {
        let command = self.inside(&Peer::command(arguments, data_directory));
        Peer::run(&self.name, command, data_directory)
    }

    /// Runs one of the commands that ask a running peer, here; gives its code and its answer.
    pub(super) fn asks(&self, data_directory: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
        let mut command = Command::new(binary("peer"));
        command.args(arguments).arg("--json").arg("--data-dir").arg(data_directory);
        command.current_dir(data_directory.parent().expect("it is inside the test's directory"));
        end_task(Program::start(&self.name, self.inside(&command)))
    }

    /// What a program on this machine reads from an API on it: the status, and the body.
    pub(super) fn reads(&self, url: &str) -> (u16, Value) {
        let mut command = Command::new(path_of("curl"));
        command.args(["--silent", "--max-time", "10", "--write-out", "\n%{http_code}", url]);
        let text = must(complete(self.inside(&command)));
        let (body, status) = text.rsplit_once('\n').expect("the status stands last");
        let body = serde_json::from_str(body);
        let body = body.unwrap_or_else(|error| panic!("{error}: {text}"));
        (status.parse().expect("a status"), body)
    }

    fn files(&self) -> PathBuf {
        Path::new(FILES).join(&self.name)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// Removes a namespace and its files, as far as they are there.
fn remove(name: &str) {
    // Whatever still runs there would keep it alive without a name. Only programs of these tests can.
    if let Ok(running) = ip(&["netns", "pids", name]) {
        for process in running.split_whitespace() {
            let _ = Command::new("kill").args(["-s", "KILL", process]).status();
        }
    }
    let _ = ip(&["netns", "del", name]);
    let _ = fs::remove_dir_all(Path::new(FILES).join(name));
}

/// Removes what earlier runs left behind because they were killed.
fn remove_stale() {
    for place in [NAMES, FILES] {
        for entry in fs::read_dir(place).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let maker = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').nth(1));
            if maker.is_some_and(|maker| !Path::new("/proc").join(maker).exists()) {
                remove(name);
            }
        }
    }
}

/// Runs `ip`; gives what it prints, or what it complains of.
fn ip(arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(path_of("ip"));
    command.args(arguments);
    complete(command)
}

fn path_of(name: &str) -> PathBuf {
    tool(name).expect("it was there when it was asked whether namespaces are allowed")
}

fn complete(mut command: Command) -> Result<String, String> {
    let ended = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if ended.status.success() {
        return Ok(String::from_utf8_lossy(&ended.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&ended.stderr);
    Err(format!("{command:?}: {}", complaint.trim_end()))
}

fn must<T>(done: Result<T, String>) -> T {
    done.unwrap_or_else(|why| panic!("{why}"))
}
