//! Names that move or can't be looked up, addresses that go away, and both IP versions. What is looked up lies in files
//! of each test's own, and addresses of its own in a network of its own.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::harness::{
    Network, PATIENCE, Peer, Tracker, agree, binary, lasting_port, meet_all, new_election, tool,
    until,
};

/// A name is looked up again after at most so long, and a silent tracker is noticed before.
const FOUND_AGAIN: Duration = Duration::from_secs(60);

/// A machine's own list of hosts, and no name server.
struct Hosts {
    hosts: PathBuf,
    resolver: PathBuf,
}

impl Hosts {
    /// `None` where no mount of its own is allowed, which is said.
    fn new(directory: &Path) -> Option<Self> {
        let unshare = tool("unshare")?;
        let is_allowed = Command::new(unshare).args(["-m", "true"]).output();
        if !is_allowed.expect("it runs").status.success() {
            crate::harness::not_allowed("a mount namespace");
            return None;
        }
        let (hosts, resolver) = (directory.join("hosts"), directory.join("resolv.conf"));
        // Nobody answers there, and that is known at once.
        std::fs::write(&resolver, "nameserver 127.0.0.1\noptions attempts:1 timeout:1\n")
            .expect("written");
        let made = Self { hosts, resolver };
        made.set("");
        Some(made)
    }

    /// What the names stand for from now on, as in /etc/hosts.
    fn set(&self, lines: &str) {
        // It is written in place, since the file itself is mounted.
        std::fs::write(&self.hosts, format!("{lines}\n")).expect("written");
    }

    /// A peer that looks names up here.
    fn peer(&self, name: &str, arguments: &[&str], directory: &Path) -> Peer {
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c"]);
        command.arg(
            "mount --bind \"$1\" /etc/hosts && mount --bind \"$2\" /etc/resolv.conf && shift 2 && exec \"$@\"",
        );
        command.arg("sh").arg(&self.hosts).arg(&self.resolver).arg(binary("peer"));
        command.args(arguments).arg("--json").arg("--data-dir").arg(directory);
        command.current_dir(directory.parent().expect("it is inside the test's directory"));
        Peer::launch(name, command, directory)
    }
}

#[test]
fn a_tracker_whose_name_moved_is_found_again_and_so_is_a_neighbour() {
    let mut network = Network::without_tracker(new_election(12));
    let Some(hosts) = Hosts::new(network.directory.path()) else { return };
    let (port, friend_port) = (lasting_port(), lasting_port());
    hosts.set("127.0.0.21 tracker.test\n127.0.0.31 friend.test");
    let tracker = Tracker::start(&format!("127.0.0.21:{port}"), &network.ballot());
    let (name, friend) = (format!("tracker.test:{port}"), format!("friend.test:{friend_port}"));
    let listen = lasting_port().to_string();
    let directory = network.new_data_directory();
    let arguments = [&*name, &listen, "--neighbour", &friend];
    let mut first = hosts.peer("first peer", &arguments, &directory);
    first.wait_until_listening(PATIENCE);
    let listed = first.wait_event("registered", PATIENCE, |_| true);
    assert_eq!(listed["name"], *name, "{listed}");

    drop(tracker);
    hosts.set("127.0.0.22 tracker.test\n127.0.0.32 friend.test");
    let _moved = Tracker::start(&format!("127.0.0.22:{port}"), &network.ballot());
    let new_address = format!("127.0.0.22:{port}");
    first.wait_event("name_found", FOUND_AGAIN, |event| event["name"] == *name);
    first.wait_event("registered", PATIENCE, |event| event["tracker"] == *new_address);
    let status = first.ask("status");
    assert_eq!(status["trackers"][0]["name"], *name, "{status}");
    assert_eq!(status["trackers"][0]["address"], *new_address, "{status}");

    let ballot = network.ballot();
    let ballot = ballot.to_str().expect("ASCII");
    let directory = network.new_data_directory();
    let moved_friend = format!("127.0.0.32:{friend_port}");
    let friend = Peer::start("friend", &[&moved_friend, "--ballot", ballot], &directory);
    network.peers = vec![first, friend];
    until("the neighbour is found at its new address", FOUND_AGAIN, || {
        (network.peers[0].ask("status")["neighbours"] == 1).then_some(())
    });
}

#[test]
fn a_start_without_name_server_goes_on_with_who_is_known_and_a_newcomer_waits() {
    let mut network = Network::without_tracker(new_election(12));
    let Some(hosts) = Hosts::new(network.directory.path()) else { return };
    let port = lasting_port();
    hosts.set("127.0.0.23 tracker.test");
    let tracker = Tracker::start(&format!("127.0.0.23:{port}"), &network.ballot());
    let name = format!("tracker.test:{port}");
    let directory = network.new_data_directory();
    let other = Peer::start("other", &[&tracker.address.to_string(), "127.0.0.24:0"], &directory);
    let kept = network.new_data_directory();
    let listen = lasting_port().to_string();
    let mut peer = hosts.peer("peer", &[&*name, &listen], &kept);
    peer.wait_until_listening(PATIENCE);
    network.peers = vec![other, peer];
    meet_all(&mut network.peers, PATIENCE);
    network.peers[1].vote("Ada");
    agree(&mut network.peers, 1, PATIENCE);
    let mut peer = network.peers.pop().expect("two");
    peer.tell("leave");
    assert!(peer.wait_end(PATIENCE).success());
    drop(peer);

    hosts.set("");
    let mut again = hosts.peer("peer", &[&*name, &listen], &kept);
    again.wait_until_listening(PATIENCE);
    let unknown = again.wait_event("name_unknown", PATIENCE, |_| true);
    assert_eq!(unknown["name"], *name, "{unknown}");
    network.peers.push(again);
    meet_all(&mut network.peers, PATIENCE);
    assert_eq!(network.peers[1].ask("status")["trackers"][0]["address"], serde_json::Value::Null);

    let directory = network.new_data_directory();
    let mut newcomer = hosts.peer("newcomer", &[&*name, "0"], &directory);
    newcomer.wait_event("name_unknown", PATIENCE, |event| event["name"] == *name);
    hosts.set("127.0.0.23 tracker.test");
    newcomer.wait_until_listening(FOUND_AGAIN);
    network.peers.push(newcomer);
    meet_all(&mut network.peers, FOUND_AGAIN);
    assert!(!network.peers[1].has_event("name_unknown", |_| true), "it is said once");
}

#[test]
fn localhost_is_both_of_its_addresses() {
    let mut network = Network::with_tracker(new_election(12));
    let Some(hosts) = Hosts::new(network.directory.path()) else { return };
    hosts.set("::1 localhost\n127.0.0.1 localhost");
    let tracker = network.tracker.as_ref().expect("there is one").address;
    assert!(tracker.is_ipv4());
    let tracker = format!("localhost:{}", tracker.port());
    for number in 0..2 {
        let directory = network.new_data_directory();
        let listen = format!("localhost:{}", lasting_port());
        let mut peer = hosts.peer(&format!("peer {number}"), &[&*tracker, &listen], &directory);
        peer.wait_until_listening(PATIENCE);
        network.peers.push(peer);
    }
    meet_all(&mut network.peers, PATIENCE);
    assert!(!network.peers[0].has_event("tracker_silent", |_| true));
}

#[test]
fn a_peer_of_both_ip_versions_introduces_those_of_each() {
    if UdpSocket::bind("[::1]:0").is_err() {
        return crate::harness::not_allowed("IPv6");
    }
    let mut network = Network::with_tracker(new_election(12));
    let tracker = network.tracker_address();
    let port = lasting_port();
    let both = network.new_data_directory();
    network.peers.push(Peer::start("both", &[&tracker, &format!("[::]:{port}")], &both));
    network.join(&[]);
    let ballot = network.ballot();
    let ballot = ballot.to_str().expect("ASCII");
    let known = format!("[::1]:{port}");
    for _ in 0..2 {
        let directory = network.new_data_directory();
        let arguments = ["[::1]:0", "--ballot", ballot, "--neighbour", &known];
        network.peers.push(Peer::start("peer of IPv6", &arguments, &directory));
    }
    for (place, neighbours) in [3, 1, 2, 2].into_iter().enumerate() {
        until("each meets those of its own IP version", PATIENCE, || {
            (network.peers[place].ask("status")["neighbours"] == neighbours).then_some(())
        });
    }
    for peer in &mut network.peers {
        peer.vote("Ada");
    }
    agree(&mut network.peers, 4, PATIENCE);
}

/// Runs a program in the network of a process.
fn in_network_of(id: u32, program: &[&str]) {
    let mut command = Command::new("nsenter");
    let status = command.args(["-t", &id.to_string(), "-n"]).args(program).status();
    assert!(status.expect("nsenter runs").success(), "{program:?}");
}

#[test]
fn an_address_that_went_away_is_said_and_bound_anew() {
    let network = Network::without_tracker(new_election(12));
    if [tool("unshare"), tool("nsenter"), tool("ip")].iter().any(Option::is_none) {
        return;
    }
    if !Command::new("unshare").args(["-n", "true"]).status().expect("it runs").success() {
        return crate::harness::not_allowed("a network namespace");
    }
    let ballot = network.ballot();
    let directory = network.directory.path().join("peer");
    let mut command = Command::new("unshare");
    command.args(["-n", "sh", "-c"]);
    command.arg("ip link set lo up && ip address add 10.77.0.3/32 dev lo && exec \"$@\"");
    command.arg("sh").arg(binary("peer")).args([
        "10.77.0.3:6001",
        "--json",
        "--multicast",
        "off",
        "--ballot",
    ]);
    command.arg(&ballot).arg("--data-dir").arg(&directory);
    let mut peer = Peer::run("peer", command, &directory);
    let id = peer.program.id();
    in_network_of(id, &["ip", "address", "delete", "10.77.0.3/32", "dev", "lo"]);
    let gone = peer.wait_event("address_gone", PATIENCE, |_| true);
    assert_eq!(gone["address"], "10.77.0.3:6001");
    let status = peer.ask("status");
    assert_eq!(status["unready"][0]["kind"], "address_gone", "{status}");
    in_network_of(id, &["ip", "address", "add", "10.77.0.3/32", "dev", "lo"]);
    peer.wait_event("address_back", PATIENCE, |_| true);
    assert_eq!(peer.ask("status")["unready"], serde_json::json!([]));
    assert!(!peer.has_event("address_gone", |_| true), "it is said once");
}
