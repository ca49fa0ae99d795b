//! The real programs on machines of their own: network namespaces with switches, routers, packet filters and names.
//!
//! Here is what loopback can't show: that peers meet across routers and without a tracker, and what they say and do
//! while cables are cut, addresses change and datagrams get lost. It takes root, iproute2 and nftables; where a
//! process may not make namespaces, these tests say so and pass, unless `OSTRAKON_REQUIRE_TOOLS=1`. All traffic stays
//! inside the namespaces, and these go with their test.

mod cables;
mod machine;

mod cut_off;
mod families;
mod lossy;
mod multicast;
mod names;
mod own_address;
mod routers;
mod trackers;

use std::path::PathBuf;

use protocol::ballot_file;
use tempfile::TempDir;

use crate::harness::{Turn, new_election, take_turn};

use cables::{Internet, Switch, home_router};
use machine::{Machine, allowed};

/// An election and a directory for the programs of one test.
#[derive(Debug)]
struct World {
    directory: TempDir,
    _turn: Turn,
}

impl World {
    /// None where this process may not make namespaces.
    fn new() -> Option<Self> {
        if !allowed() {
            return None;
        }
        let turn = take_turn();
        let directory = tempfile::tempdir().expect("a directory");
        let world = Self { directory, _turn: turn };
        let ballot = ballot_file::write(&new_election(12));
        std::fs::write(world.ballot(), ballot).expect("a file");
        Some(world)
    }

    fn ballot(&self) -> PathBuf {
        self.place("ballot.toml")
    }

    /// A place in the test's directory.
    fn place(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}
