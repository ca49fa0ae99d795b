//! A disk that is full: votes are refused with the reason, questions are answered, and once there is room
//! again, votes are accepted again. Nothing that was accepted before is lost.
//!
//! Where mounting is allowed, the disk is a small tmpfs in a mount namespace of the test's own; elsewhere the
//! size of the peer's files is limited, and there is no way back from that.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{
    Ledger, Line, Network, PATIENCE, Peer, Program, Voter, binary, error_kind, new_election,
    results_of, until,
};

/// Room for the peer's files as they are at first, several times over.
const DISK_BYTES: usize = 16 * 1024 * 1024;

/// Voters that are handed in until the disk is full: what a file has reserved may still take many.
const VOTERS_MAX: usize = 10_000;

/// The peer tries about every second.
const RECOVERY_PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn a_full_disk_refuses_votes_and_still_answers_questions() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("mounting is not allowed here: the size of files is limited instead");
        return a_limit_on_files_refuses_votes();
    };
    eprintln!("on a tmpfs of its own, which is filled up and freed");
    let mut network = Network::with_tracker(new_election(12));
    // Nobody mines, so that all that is accepted stays in this peer's pool, and so on this disk alone.
    let arguments = [network.tracker_address(), "0".into(), "--no-mining".into()];
    let arguments = arguments.each_ref().map(String::as_str);
    let directory = disk.place.join("peer");
    let start = |name| Peer::start(name, &arguments, &directory);
    let mut peer = start("peer on a small disk");
    let (mut voters, mut ledger) = (voters(&network), Ledger::default());
    for _ in 0..20 {
        let answer = hand_in(&mut peer, &voters.next().expect("there are many"), &mut ledger);
        assert_eq!(answer["accepted"], true, "{answer}");
    }

    disk.fill();
    hand_in_until_refused(&mut peer, &mut voters, &mut ledger);
    assert_answers_questions(&mut peer);

    // A crash on a full disk is no reason not to start again.
    let (_, stderr) = peer.kill();
    assert!(!stderr.contains("panicked"), "{stderr}");
    let mut peer = start("peer on a full disk");
    ledger.check(&mut peer);
    assert_answers_questions(&mut peer);

    disk.free();
    until("votes are accepted again", RECOVERY_PATIENCE, || {
        let answer = hand_in(&mut peer, &voters.next().expect("there are many"), &mut ledger);
        if answer["accepted"] == false {
            assert_refused_for_the_disk(&answer);
        }
        (answer["accepted"] == true).then_some(())
    });
    let accepted = ledger.acknowledged();
    let (_, stderr) = peer.kill();
    assert!(!stderr.contains("panicked"), "{stderr}");
    let mut peer = start("peer with room again");
    ledger.check(&mut peer);
    assert_eq!(ledger.waiting(), accepted, "nobody mines");
    network.peers.push(peer);
}

#[test]
fn a_read_only_disk_is_said_in_one_line_and_loses_nothing() {
    let Some(mut disk) = SmallDisk::mount() else {
        return eprintln!("mounting is not allowed here, so no disk can be made read-only");
    };
    let mut network = Network::with_tracker(new_election(12));
    let arguments = [network.tracker_address(), "0".into(), "--no-mining".into()];
    let arguments = arguments.each_ref().map(String::as_str);
    let directory = disk.place.join("peer");
    let (mut voters, mut ledger) = (voters(&network), Ledger::default());
    let mut peer = Peer::start("peer on a small disk", &arguments, &directory);
    for _ in 0..5 {
        hand_in(&mut peer, &voters.next().expect("there are many"), &mut ledger);
    }
    assert_eq!(ledger.acknowledged(), 10);
    drop(peer);

    // Nobody's files may be open for writing, so this can't happen to a peer that runs.
    disk.remount("ro");
    let refused = Program::start("refused peer", Peer::command(&arguments, &directory));
    let (code, line) = refused.finish(PATIENCE);
    assert_eq!(code, Some(2), "{line}");
    assert!(line.starts_with("peer: ") && line.trim_end().lines().count() == 1, "{line}");
    assert!(line.contains("the file system can only be read"), "{line}");

    disk.remount("rw");
    let mut peer = Peer::start("peer with a disk again", &arguments, &directory);
    ledger.check(&mut peer);
    assert_eq!(ledger.waiting(), 10, "nobody mines");
    network.peers.push(peer);
}

fn a_limit_on_files_refuses_votes() {
    let mut network = Network::with_tracker(new_election(12));
    let (directory, tracker) = (network.new_data_directory(), network.tracker_address());
    let mut peer = Peer::start("peer without a limit", &[&tracker, "0", "--no-mining"], &directory);
    assert_eq!(peer.ask("leave")["own_vote"], "not_cast");
    assert_eq!(peer.wait_end(PATIENCE).code(), Some(0));

    // Files as large as now may stay, and grow by a little: the shell counts in blocks of 512 bytes, the
    // signal that comes with the limit is ignored so that writes fail as on a full disk.
    let largest = largest_file(&directory);
    let blocks = (largest + largest / 4).div_ceil(512) + 1;
    let mut command = Command::new("sh");
    command.env_clear().current_dir(network.directory.path());
    command.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"")).arg("sh");
    command.arg(binary("peer")).args([&tracker, "0", "--no-mining", "--json", "--data-dir"]);
    command.arg(&directory);
    let mut peer = Peer::run("peer with a limit on files", command, &directory);
    let (mut voters, mut ledger) = (voters(&network), Ledger::default());
    hand_in_until_refused(&mut peer, &mut voters, &mut ledger);
    assert_answers_questions(&mut peer);
    assert_eq!(peer.ask("leave")["own_vote"], "not_cast");
    assert_eq!(peer.wait_end(PATIENCE).code(), Some(0));
}

fn largest_file(directory: &Path) -> u64 {
    let files = fs::read_dir(directory).expect("it is there");
    let sizes = files.map(|file| file.and_then(|file| file.metadata()).expect("it is there").len());
    sizes.max().expect("there are files")
}

fn voters(network: &Network) -> impl Iterator<Item = Voter> + use<> {
    let election = network.election.clone();
    (0..).map(move |number| Voter::new(&election, number))
}

/// Registration and vote, or as much of it as is accepted; gives the last answer.
fn hand_in(peer: &mut Peer, voter: &Voter, ledger: &mut Ledger) -> Value {
    let mut answer = Value::Null;
    for hex in [voter.registration(), voter.vote(0)] {
        answer = peer.ask(&format!("submit {hex}"));
        if answer["accepted"] == false {
            break;
        }
        ledger.acknowledge(answer["transaction"].as_str().expect("an id"), hex);
    }
    answer
}

fn hand_in_until_refused(
    peer: &mut Peer,
    voters: &mut impl Iterator<Item = Voter>,
    ledger: &mut Ledger,
) {
    let refusal = voters
        .take(VOTERS_MAX)
        .map(|voter| hand_in(peer, &voter, ledger))
        .find(|answer| answer["accepted"] == false);
    assert_refused_for_the_disk(&refusal.expect("there is no room, and yet all was accepted"));
}

fn assert_refused_for_the_disk(answer: &Value) {
    assert_eq!(error_kind(answer), "not_durable", "{answer}");
    let message = answer["error"]["message"].as_str().expect("a message");
    assert!(message.contains("make room"), "{message}");
}

fn assert_answers_questions(peer: &mut Peer) {
    assert_eq!(results_of(peer).votes, 0);
    assert_eq!(peer.ask("ballot")["title"], "Board");
    assert_eq!(peer.ask("status")["tip"]["height"], 0);
    assert_eq!(peer.ask("chain")["blocks"].as_array().map(Vec::len), Some(1));
}

/// A small tmpfs, which goes with the process that holds its namespace.
struct SmallDisk {
    /// As it is seen from outside.
    place: PathBuf,
    holder: Program,
    _mount_point: tempfile::TempDir,
}

impl SmallDisk {
    /// `None` where nobody may mount anything.
    fn mount() -> Option<Self> {
        ["unshare --mount", "unshare --map-root-user --mount"].into_iter().find_map(Self::mount_by)
    }

    fn mount_by(unshare: &str) -> Option<Self> {
        let mount_point = tempfile::tempdir().expect("a directory");
        let script = "mount -t tmpfs -o size=\"$1\",mode=700 ostrakon \"$2\" && echo mounted \
            && while read -r options; do mount -o \"$options\" \"$2\" && echo mounted; done";
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("exec {unshare} sh -c '{script}' sh \"$@\"")).arg("sh");
        command.arg(DISK_BYTES.to_string()).arg(mount_point.path());
        let holder = Program::start("holder of a mount", command);
        if holder.next_line(PATIENCE) != Line::Text("mounted".into()) {
            return None;
        }
        let inside = mount_point.path().strip_prefix("/").expect("it is an absolute path");
        let place = PathBuf::from(format!("/proc/{}/root", holder.id())).join(inside);
        // Somebody else's namespace may be closed to us.
        fs::read_dir(&place).ok()?;
        Some(Self { place, holder, _mount_point: mount_point })
    }

    /// Mounts it again, with other options.
    fn remount(&mut self, options: &str) {
        self.holder.send_line(&format!("remount,{options}"));
        let line = self.holder.next_line(PATIENCE);
        assert_eq!(line, Line::Text("mounted".into()), "{}", self.holder.stderr());
    }

    fn filler(&self) -> PathBuf {
        self.place.join("filler")
    }

    /// Leaves not a byte.
    fn fill(&self) {
        write_until_full(&self.filler());
    }

    fn free(&self) {
        fs::remove_file(self.filler()).expect("it is there");
    }
}

fn write_until_full(path: &Path) {
    let mut file = File::create(path).expect("there is room for a name");
    let zeros = [0; 4_096];
    for _ in 0..=DISK_BYTES / zeros.len() {
        match file.write_all(&zeros) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => return,
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }
    panic!("{DISK_BYTES} bytes fit beside other files");
}
