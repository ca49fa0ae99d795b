//! What people keep and look at afterwards: receipts, tables, and a data directory that was damaged meanwhile.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Network, PATIENCE, Peer, Program, agree, binary, meet_all};

/// Runs one of the peer's tasks to its end: exit code, stdout and stderr.
fn run(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(binary("peer"));
    command.env_clear().current_dir(directory).args(arguments);
    let program = Program::start("peer", command);
    let stdout = program.remaining_lines(PATIENCE).join("\n");
    let (code, stderr) = program.finish(PATIENCE);
    (code, stdout, stderr)
}

fn leave(mut peer: Peer) -> String {
    peer.ask("leave");
    assert!(peer.wait_end(PATIENCE).success());
    peer.data_directory.to_str().expect("UTF-8").to_owned()
}

#[test]
fn a_receipt_shows_a_vote_on_the_chain_and_nowhere_else() {
    let mut network = Network::start(2, 12);
    let beside = network.directory.path().to_owned();
    let path = beside.join("receipt.json");
    let ask = format!("myvote --receipt {}", path.display());
    assert_eq!(network.peers[0].ask(&ask)["error"]["kind"], "no_receipt");
    network.peers[0].vote("Ada");
    agree(&mut network.peers, 1, PATIENCE);
    let written = network.peers[0].ask(&ask);
    assert_eq!(written["receipt"], path.to_str().expect("UTF-8"), "{written}");
    let again = network.peers[0].ask(&ask);
    assert_eq!(again["error"]["kind"], "receipt_file", "it is there already: {again}");
    network.peers[1].vote("Grace");
    let tip = agree(&mut network.peers, 2, PATIENCE);
    let directory = leave(network.peers.remove(1));

    let (code, text, _) = run(&beside, &["verify-receipt", "receipt.json", &directory]);
    assert_eq!((code, text.lines().count()), (Some(0), 1), "{text}");
    assert!(text.contains("(Ada) is on the best chain of this record: in block 1 "), "{text}");
    run(&beside, &["export", "a.archive", "--data-dir", &directory]);
    let (code, text, _) = run(&beside, &["verify-receipt", "receipt.json", "a.archive", "--json"]);
    let found: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((code, &found["on_best_chain"]), (Some(0), &true.into()), "{found}");
    assert_eq!((&found["hash"], &found["blocks_deep"]), (&written["hash"], &tip.height.into()));

    // Another choice in the same receipt, and the same election's chain without the block.
    let text = fs::read_to_string(&path).expect("a receipt");
    let mut receipt: Value = serde_json::from_str(&text).expect("JSON");
    receipt["place"] = (1 - receipt["place"].as_u64().expect("a number")).into();
    fs::write(&path, receipt.to_string()).expect("written");
    let (code, text, _) = run(&beside, &["verify-receipt", "receipt.json", &directory]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("proves NOTHING"), "{text}");
    let fresh = beside.join("fresh");
    let ballot = network.ballot();
    let arguments = ["0", "--no-mining", "--ballot", ballot.to_str().expect("UTF-8")];
    let fresh = leave(Peer::start("fresh peer", &arguments, &fresh));
    receipt["place"] = (1 - receipt["place"].as_u64().expect("a number")).into();
    fs::write(&path, receipt.to_string()).expect("written");
    let (code, text, _) = run(&beside, &["verify-receipt", "receipt.json", &fresh]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("NOT on the best chain"), "{text}");
    for (arguments, part) in [
        (["verify-receipt", "ballot.toml", &directory], "is no receipt"),
        (["verify-receipt", "receipt.json", "ballot.toml"], "archive"),
        (["verify-receipt", "nowhere.json", &directory], "nowhere.json"),
    ] {
        let (code, _, stderr) = run(&beside, &arguments);
        assert_eq!((code, stderr.lines().count()), (Some(2), 1), "{stderr}");
        assert!(stderr.contains(part), "{stderr}");
    }
}

#[test]
fn votes_and_results_are_written_as_tables() {
    let mut network = Network::start(2, 12);
    network.peers[0].vote("Ada");
    network.peers[1].vote("Grace");
    agree(&mut network.peers, 2, PATIENCE);
    let beside = network.directory.path().to_owned();
    let directory = leave(network.peers.remove(1));
    for file in ["votes.csv", "votes.jsonl"] {
        let arguments = ["export", file, "--as", "votes", "--data-dir", &directory];
        let (code, text, stderr) = run(&beside, &arguments);
        assert_eq!(code, Some(0), "{text}{stderr}");
        assert!(text.contains("votes: 2"), "{text}");
    }
    let read = |file: &str| fs::read_to_string(beside.join(file)).expect("a table");
    let table = read("votes.csv");
    let mut lines = table.lines();
    assert!(lines.next().is_some_and(|head| head.starts_with("height,block,time_ms,time,place")));
    let mut choices: Vec<_> = lines.filter_map(|line| line.rsplit(',').next()).collect();
    choices.sort_unstable();
    assert_eq!(choices, ["Ada", "Grace"]);
    let rows: Vec<Value> = read("votes.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["title"] == "Who takes the chair?"), "{rows:?}");

    run(&beside, &["export", "a.archive", "--data-dir", &directory]);
    let arguments = ["export", "results.csv", "--as", "results", "--from", "a.archive"];
    assert_eq!(run(&beside, &arguments).0, Some(0));
    let results = read("results.csv");
    let counts: Vec<_> = results.lines().filter_map(|line| line.split(',').nth(4)).collect();
    assert_eq!(counts, ["votes", "1", "1", "0", "0"], "{results}");
    assert!(results.lines().skip(1).all(|line| line.ends_with(",2,2,100.0")), "{results}");
    for (arguments, part) in [
        (vec!["export", "votes.csv", "--as", "votes", "--data-dir", &directory], "--force"),
        (vec!["export", "votes.xls", "--as", "votes", "--data-dir", &directory], ".csv or .jsonl"),
        (vec!["export", "b.archive", "--from", "a.archive"], "copy it"),
    ] {
        let (code, _, stderr) = run(&beside, &arguments);
        assert_eq!((code, stderr.lines().count()), (Some(2), 1), "{stderr}");
        assert!(stderr.contains(part), "{stderr}");
    }
}

#[test]
fn a_damaged_data_directory_is_mended_told_of_and_filled_up_again() {
    let mut network = Network::start(3, 12);
    for (peer, choice) in network.peers.iter_mut().zip(["Ada", "Grace", "Hedy"]) {
        peer.vote(choice);
    }
    let tip = agree(&mut network.peers, 3, PATIENCE);
    let directory = network.peers.pop().map(leave).expect("there are three");
    let path = Path::new(&directory);

    // Undamaged, all of it is checked again.
    let tracker = network.tracker_address();
    let start = || Peer::start("mended peer", &[&tracker, "0", "--verify"], path);
    let mut whole = start();
    let verified = whole.wait_event("verified", PATIENCE, |_| true);
    assert_eq!(verified["blocks"], tip.height, "{verified}");
    assert_eq!((&verified["transactions"], &verified["lost"]), (&6.into(), &0.into()));
    leave(whole);

    // Each page of the file a bit is flipped in, but for redb's own first one.
    let chain = path.join("chain.redb");
    let file = fs::File::options().read(true).write(true).open(&chain).expect("a chain");
    let length = file.metadata().expect("a file").len();
    let mut byte = [0];
    for at in (10_000..length).step_by(4_104 * 3) {
        file.read_exact_at(&mut byte, at).expect("within the file");
        file.write_all_at(&[byte[0] ^ 4], at).expect("within the file");
    }
    drop(file);
    let mut mended = start();
    let told = mended.wait_event("mended", PATIENCE, |_| true);
    assert!(told["message"].as_str().is_some_and(|text| text.contains("damaged")), "{told}");
    network.peers.push(mended);
    meet_all(&mut network.peers, PATIENCE);
    assert_eq!(agree(&mut network.peers, 3, PATIENCE), tip);
    assert!(path.join("chain.redb.damaged").is_file());
    let mended = network.peers.pop().map(leave).expect("the mended one");
    let (code, text, stderr) = run(network.directory.path(), &["audit", &mended]);
    assert_eq!(code, Some(0), "{text}{stderr}");
}

#[test]
fn a_chain_file_that_is_gone_is_fetched_again() {
    let mut network = Network::start(2, 12);
    network.peers[0].vote("Ada");
    let tip = agree(&mut network.peers, 1, PATIENCE);
    let directory = network.peers.pop().map(leave).expect("there are two");
    let path = Path::new(&directory);
    fs::remove_file(path.join("chain.redb")).expect("there is one");
    let tracker = network.tracker_address();
    network.peers.push(Peer::start("peer without a chain", &[&tracker, "0"], path));
    assert_eq!(agree(&mut network.peers, 1, PATIENCE), tip);
}
