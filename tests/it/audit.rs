//! The record of an election outlives its peers: exported, audited and imported by the real program, and found out
//! when it was tampered with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use peer::{ArchiveReader, ArchiveWriter};
use protocol::block::{Block, Header, merkle_root};
use protocol::election::Election;
use protocol::transaction::{HashedTransaction, Transaction};
use protocol::units::UnixMillis;
use serde_json::Value;
use sim::forge;

use crate::harness::{
    Network, PATIENCE, Peer, Program, Voter, agree, binary, results_of, unix_now,
};

/// How a program ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    stdout: Vec<String>,
    stderr: String,
}

/// Runs one of the peer's tasks to its end.
fn run(directory: &Path, arguments: &[&str]) -> Ended {
    let mut command = Command::new(binary("peer"));
    command.env_clear().current_dir(directory).args(arguments);
    let program = Program::start("peer", command);
    let stdout = program.remaining_lines(PATIENCE);
    let (code, stderr) = program.finish(PATIENCE);
    Ended { code, stdout, stderr }
}

impl Ended {
    /// What was printed, where all went well.
    fn printed(self) -> Vec<String> {
        assert_eq!(self.code, Some(0), "{self:?}");
        assert_eq!(self.stderr, "", "nothing is told where nobody looks");
        self.stdout
    }

    /// Not checked at all, and said so in one line.
    fn is_mended_first(&self, part: &str) {
        assert_eq!(self.code, Some(2), "{self:?}");
        assert!(self.stderr.starts_with("peer: ") && self.stderr.contains(part), "{self:?}");
        assert_eq!((self.stderr.lines().count(), self.stdout.len()), (1, 0), "{self:?}");
    }
}

fn audit(directory: &Path, source: &str, code: i32) -> Value {
    let ended = run(directory, &["audit", source, "--json"]);
    assert_eq!(ended.code, Some(code), "{ended:?}");
    assert_eq!(ended.stdout.len(), 1, "{ended:?}");
    serde_json::from_str(&ended.stdout[0]).expect("JSON")
}

/// An election whose chain has three blocks at least, and the last of its peers, which has left.
fn finished_election() -> (Network, Value, PathBuf) {
    let mut network = Network::start(2, 12);
    network.peers[0].vote("Ada");
    agree(&mut network.peers, 1, PATIENCE);
    network.peers[1].vote("Grace");
    agree(&mut network.peers, 2, PATIENCE);
    let voter = Voter::new(&network.election, 1);
    network.peers[0].submit(&voter.registration());
    network.peers[0].submit(&voter.vote(2));
    agree(&mut network.peers, 3, PATIENCE);

    let directory = network.peers[1].data_directory.clone();
    let name = directory.to_str().expect("UTF-8").to_owned();
    let beside = network.directory.path().to_owned();
    run(&beside, &["import", "nothing", "--data-dir", &name]).is_mended_first("nothing");
    let mut peer = network.peers.remove(1);
    let results = peer.ask("results");
    peer.ask("leave");
    assert!(peer.wait_end(PATIENCE).success());
    (network, results, directory)
}

fn export(network: &Network, directory: &Path) -> PathBuf {
    let path = network.directory.path().join("a.archive");
    let directory = directory.to_str().expect("UTF-8");
    run(network.directory.path(), &["export", "a.archive", "--data-dir", directory]).printed();
    path
}

/// All blocks, and where their records begin and end.
fn read(path: &Path) -> (Vec<Block>, Vec<u64>) {
    let mut reader = ArchiveReader::open(path).expect("an archive");
    let (mut blocks, mut bounds) = (Vec::new(), vec![reader.bytes()]);
    while let Some(block) = reader.next_block().expect("a whole archive") {
        blocks.push(block);
        bounds.push(reader.bytes());
    }
    (blocks, bounds)
}

fn write(path: &Path, election: &Election, blocks: &[Block]) {
    let mut writer = ArchiveWriter::create(path, election, true).expect("begun");
    blocks.iter().for_each(|block| writer.append(block).expect("written"));
    writer.finish().expect("finished");
}

/// The same transactions in blocks that are linked and mined anew.
fn mined_anew(election: &Election, blocks: &[Block]) -> Vec<Block> {
    let mut parent = Header::genesis(election);
    let renewed = blocks.iter().map(|block| {
        let merkle_root = merkle_root(&block.transactions);
        let header = Header { previous: parent.hash(), merkle_root, ..block.header };
        parent = forge::mined(header);
        Block { header: parent, transactions: block.transactions.clone() }
    });
    renewed.collect()
}

#[test]
fn an_exported_chain_passes_its_audit_with_the_results_of_its_peers() {
    let (network, results, directory) = finished_election();
    let path = export(&network, &directory);
    let beside = network.directory.path();
    let report = audit(beside, "a.archive", 0);
    assert_eq!(report["passed"], true, "{report}");
    assert_eq!(report["failure"], Value::Null, "{report}");
    assert_eq!(report["election"], network.election.election_id().to_string(), "{report}");
    assert_eq!(report["tip"], results["tip"], "{report}");
    assert_eq!(report["tally"], results["questions"], "{report}");
    assert_eq!((&report["votes"], &report["registrations"]), (&3.into(), &3.into()), "{report}");
    assert_eq!(report["signatures"], 6, "{report}");
    assert_eq!(report, audit(beside, directory.to_str().expect("UTF-8"), 0), "the directory");

    let shown = run(beside, &["audit", "a.archive", "--ballot", "ballot.toml"]).printed();
    assert_eq!(shown.last().map(String::as_str), Some("all holds"), "{shown:#?}");
    let other = "0123456789abcdef".repeat(4);
    run(beside, &["audit", "a.archive", "--election", &other]).is_mended_first("is of election");

    let before = fs::read(&path).expect("the archive");
    let name = directory.to_str().expect("UTF-8");
    let again = ["export", "a.archive", "--data-dir", name];
    run(beside, &again).is_mended_first("--force");
    run(beside, &[again.as_slice(), &["--force"]].concat()).printed();
    assert_eq!(fs::read(&path).expect("the archive"), before, "the same chain, the same bytes");
    run(beside, &["audit", "nothing"]).is_mended_first("can't read nothing");
    run(beside, &["audit", "ballot.toml"]).is_mended_first("no archive of Ostrakon");
    run(beside, &["audit", "."]).is_mended_first("no data directory");
}

#[test]
fn damage_to_an_archive_is_named() {
    let (network, _, directory) = finished_election();
    let beside = network.directory.path();
    let path = export(&network, &directory);
    let bytes = fs::read(&path).expect("the archive");
    let (_, bounds) = read(&path);
    let damaged = beside.join("b.archive");

    let middle = usize::try_from(bounds[1]).expect("small") + 100;
    let mut flipped = bytes.clone();
    flipped[middle] ^= 1;
    fs::write(&damaged, flipped).expect("written");
    run(beside, &["audit", "b.archive"]).is_mended_first("the record at height 2 is damaged");

    for (height, bound) in (1..).zip(&bounds) {
        let length = usize::try_from(*bound).expect("small");
        fs::write(&damaged, &bytes[..length]).expect("written");
        let part = format!("cut off at the record at height {height}");
        run(beside, &["audit", "b.archive"]).is_mended_first(&part);
    }
    fs::write(&damaged, [bytes.as_slice(), b"!"].concat()).expect("written");
    run(beside, &["audit", "b.archive"]).is_mended_first("something follows its end");
}

#[test]
fn forged_archives_fail_naming_the_rule_and_are_not_imported() {
    let (network, _, directory) = finished_election();
    let beside = network.directory.path();
    let election = &network.election;
    let id = election.election_id();
    let (blocks, _) = read(&export(&network, &directory));
    let forged = beside.join("b.archive");
    let fails = |rule: &str, height: usize| {
        let report = audit(beside, "b.archive", 1);
        assert_eq!(report["passed"], false, "{report}");
        assert_eq!(report["failure"]["rule"], rule, "{report}");
        assert_eq!(report["failure"]["height"], height, "{report}");
        assert_eq!(report["blocks"], height - 1, "{report}");
        let shown = run(beside, &["audit", "b.archive"]);
        assert_eq!(shown.code, Some(1), "{shown:?}");
        assert!(shown.stdout.contains(&format!("rule {rule}")), "{shown:?}");
    };

    write(&forged, election, &[&blocks[..1], &blocks[2..]].concat());
    fails("unknown_parent", 2);

    let voter = Voter::new(election, 1);
    let hashed = |transaction| Arc::new(HashedTransaction::new(transaction, &id));
    let again = hashed(voter.signed_vote(vec![vec![0]]));
    let last = blocks.last().expect("there are some").header;
    let second = forge::block(&last, vec![again], last.time);
    write(&forged, election, &[blocks.as_slice(), &[second]].concat());
    fails("already_voted", blocks.len() + 1);

    // Somebody else's choice, mined and linked anew with all that follows.
    let mut changed = blocks.clone();
    let (place, index) = a_vote(&blocks);
    let mut transaction = blocks[place].transactions[index].transaction().clone();
    let Transaction::Vote { vote, .. } = &mut transaction else { unreachable!("it is a vote") };
    vote.choices = vec![vec![(vote.choices[0][0] + 1) % 3]];
    changed[place].transactions[index] = hashed(transaction);
    write(&forged, election, &mined_anew(election, &changed));
    fails("bad_signature", place + 1);

    let refused = run(beside, &["import", "b.archive", "--data-dir", "copy"]);
    assert_eq!((refused.code, refused.stdout.len()), (Some(1), 0), "{refused:?}");
    let told = "breaks the rule bad_signature";
    assert!(refused.stderr.contains(told) && refused.stderr.contains("nothing was imported"));
    assert!(!beside.join("copy").exists(), "nothing half made is left");
    run(beside, &["import", "a.archive", "--data-dir", "copy"]).printed();
    assert_eq!(audit(beside, "copy", 0)["votes"], 3);
}

/// Nothing that reads an archive takes it, and all say the same of it.
fn assert_proves_nothing(beside: &Path, archive: &str, height: usize, rule: &str) {
    let report = audit(beside, archive, 1);
    assert_eq!(report["failure"]["rule"], rule, "{report}");
    assert_eq!(report["failure"]["height"], height, "{report}");
    let (place, broken) = (format!("block {height} "), format!("breaks the rule {rule}: "));
    for (arguments, ending) in [
        (vec!["verify-receipt", "receipt.json", archive], "nothing is proved"),
        (vec!["verify-receipt", "receipt.json", archive, "--json"], "nothing is proved"),
        (vec!["export", "v.csv", "--as", "votes", "--from", archive], "nothing was exported"),
        (vec!["export", "r.csv", "--as", "results", "--from", archive], "nothing was exported"),
        (vec!["import", archive, "--data-dir", "copy"], "nothing was imported"),
    ] {
        let ended = run(beside, &arguments);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let is_json = arguments.contains(&"--json");
        let lines = (ended.stdout.len(), ended.stderr.lines().count());
        assert_eq!(lines, if is_json { (1, 0) } else { (0, 1) }, "{ended:?}");
        let told = ended.stdout.first().unwrap_or(&ended.stderr);
        assert_eq!(is_json, told.contains("\"kind\":\"broken_rule\""), "{ended:?}");
        for part in [place.as_str(), broken.as_str(), ending] {
            assert!(told.contains(part), "{part}: {ended:?}");
        }
    }
}

#[test]
fn a_receipt_proves_nothing_on_blocks_that_are_no_chain_or_break_a_rule() {
    let mut network = Network::start(2, 12);
    let beside = network.directory.path().to_owned();
    let receipt = beside.join("receipt.json");
    network.peers[0].vote("Ada");
    agree(&mut network.peers, 1, PATIENCE);
    network.peers[0].ask(&format!("myvote --receipt {}", receipt.display()));
    let voter = Voter::new(&network.election, 1);
    network.peers[0].submit(&voter.registration());
    network.peers[0].submit(&voter.vote(2));
    agree(&mut network.peers, 2, PATIENCE);
    let mut peer = network.peers.remove(1);
    peer.ask("leave");
    assert!(peer.wait_end(PATIENCE).success());
    let election = &network.election;
    let (real, _) = read(&export(&network, &peer.data_directory));
    let good = ["verify-receipt", "receipt.json", "a.archive"];
    assert!(run(&beside, &good).printed()[0].contains("is on the best chain"));

    // Blocks beside that chain, of as much work each, before it, behind it, and its own first one again.
    let mut other = Vec::new();
    let mut parent = Header::genesis(election);
    for _ in 0..real.len() + 2 {
        let block = forge::block(&parent, vec![], parent.time);
        parent = block.header;
        other.push(block);
    }
    let bad = beside.join("b.archive");
    for (blocks, height) in [
        ([real.as_slice(), &other].concat(), real.len() + 1),
        ([other.as_slice(), &real].concat(), other.len() + 1),
        ([&real[..], &real[..1]].concat(), real.len() + 1),
    ] {
        write(&bad, election, &blocks);
        assert_proves_nothing(&beside, "b.archive", height, "unknown_parent");
    }
    // The true chain, and one mined block on it.
    let id = election.election_id();
    let last = real.last().expect("there are some").header;
    let stranger = Voter::new(election, 7);
    for (vote, rule) in [
        (stranger.signed_vote(vec![vec![0]]), "not_registered"),
        (voter.signed_vote(vec![vec![0]]), "already_voted"),
        (voter.signed_vote(vec![vec![3]]), "no_such_option"),
    ] {
        let vote = Arc::new(HashedTransaction::new(vote, &id));
        let block = forge::block(&last, vec![vote], last.time);
        write(&bad, election, &[real.as_slice(), &[block]].concat());
        assert_proves_nothing(&beside, "b.archive", real.len() + 1, rule);
    }
    // Where the vote's block is on no record, it is not on the best chain, which is another thing.
    write(&bad, election, &other);
    let ended = run(&beside, &["verify-receipt", "receipt.json", "b.archive"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout[0].contains("NOT on the best chain"), "{ended:?}");
}

/// Somebody's clock is wrong, and nobody is accused for it: neither an exit code nor a word says that a rule is broken.
#[test]
fn a_time_that_has_not_come_has_a_code_of_its_own() {
    let directory = tempfile::tempdir().expect("a directory");
    let beside = directory.path();
    let now = unix_now();
    let created = UnixMillis(now.0 - 24 * 3_600 * 1_000);
    let election = Election { created, ..forge::election(1, 4) };
    let genesis = Header::genesis(&election);
    let true_one = forge::block(&genesis, vec![], genesis.time);
    let early = forge::block(&true_one.header, vec![], now.plus(Duration::from_secs(3 * 3_600)));
    write(&beside.join("a.archive"), &election, &[true_one, early]);
    for arguments in [
        ["audit", "a.archive"].as_slice(),
        &["audit", "a.archive", "--json"],
        &["export", "v.csv", "--as", "votes", "--from", "a.archive"],
        &["export", "r.jsonl", "--as", "results", "--from", "a.archive"],
        &["import", "a.archive", "--data-dir", "copy"],
    ] {
        let ended = run(beside, arguments);
        assert_eq!(ended.code, Some(4), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
        let told = "can't be judged: by this machine's clock block 2's time lies ";
        assert!(ended.stderr.contains(told), "{ended:?}");
        let all = format!("{ended:?}");
        assert!(!all.contains("too_early") && !all.contains("breaks"), "{all}");
        if arguments[0] == "audit" {
            assert!(ended.stdout.last().is_some_and(|last| last.contains(told)), "{ended:?}");
        } else {
            assert_eq!(ended.stdout.len(), 0, "{ended:?}");
        }
    }
    let report = audit(beside, "a.archive", 4);
    assert_eq!(report["error"]["kind"], "ahead_of_clock", "{report}");
    assert_eq!((&report["failure"], &report["blocks"]), (&Value::Null, &1.into()), "{report}");
    let entries = fs::read_dir(beside).expect("a directory");
    let names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(names, ["a.archive"], "nothing half made is left");
}

fn a_vote(blocks: &[Block]) -> (usize, usize) {
    let is_vote =
        |each: &Arc<HashedTransaction>| matches!(each.transaction(), Transaction::Vote { .. });
    let places = blocks.iter().enumerate();
    let mut votes = places
        .filter_map(|(place, block)| Some((place, block.transactions.iter().position(is_vote)?)));
    votes.next().expect("there are votes")
}

#[test]
fn a_peer_goes_on_with_an_imported_chain() {
    let (mut network, results, directory) = finished_election();
    export(&network, &directory);
    let copy = network.new_data_directory();
    let name = copy.to_str().expect("UTF-8").to_owned();
    let beside = network.directory.path().to_owned();
    let arguments = ["import", "a.archive", "--data-dir", &name];
    run(&beside, &arguments).printed();
    run(&beside, &arguments).is_mended_first("there already");
    let mut other = network.election.clone();
    other.id[0] ^= 1;
    write(&beside.join("c.archive"), &other, &[]);
    run(&beside, &["import", "c.archive", "--data-dir", &name])
        .is_mended_first("belongs to election");

    // Nobody else is there: what it knows it has from the archive.
    network.peers.clear();
    network.tracker = None;
    let mut peer = Peer::start("peer on an import", &["0"], &copy);
    let imported = peer.ask("results");
    assert_eq!(imported["questions"], results["questions"], "{imported}");
    assert_eq!(imported["tip"], results["tip"], "{imported}");
    let second = Voter::new(&network.election, 1);
    let answer = peer.ask(&format!("submit {}", second.vote(0)));
    assert_eq!(crate::harness::error_kind(&answer), "already_voted", "{answer}");
    peer.vote("Hedy");
    network.peers.push(peer);
    let tip = agree(&mut network.peers, 4, PATIENCE);
    assert_eq!(results_of(&mut network.peers[0]), tip);
}
