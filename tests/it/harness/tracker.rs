//! A real tracker.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::{Line, PATIENCE, Program, binary};

/// A tracker process and where it listens.
#[derive(Debug)]
pub(crate) struct Tracker {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
    /// Where it answers over HTTP.
    pub(crate) api: String,
}

impl Tracker {
    /// A tracker's command line; `listen` is as its user types it, port 0 for any.
    pub(crate) fn command(listen: &str, ballot: &Path) -> Command {
        let mut command = Command::new(binary("tracker"));
        command.arg(listen).arg("--ballot").arg(ballot);
        command
    }

    /// Starts a tracker.
    ///
    /// # Panics
    /// When it does not say where it listens.
    pub(crate) fn start(listen: &str, ballot: &Path) -> Self {
        Self::run(Self::command(listen, ballot))
    }

    /// As [`start`](Self::start), for a command that was prepared by hand.
    ///
    /// # Panics
    /// When it does not say where it listens.
    pub(crate) fn run(command: Command) -> Self {
        let program = Program::start("tracker", command);
        let Line::Text(line) = program.next_line(PATIENCE) else {
            panic!("the tracker says nothing: {}", program.stderr());
        };
        let address = line
            .strip_prefix("tracker listening on ")
            .and_then(|rest| rest.split_once(','))
            .and_then(|(address, _)| address.parse().ok());
        let api = line.split_once(", api ").map(|(_, api)| api.to_owned());
        Self {
            program,
            address: address.expect("the first line says where it listens"),
            api: api.expect("and where it answers over HTTP"),
        }
    }
}
