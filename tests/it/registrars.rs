//! Elections whose voters are admitted by registrars: lists, files that go from one registrar to the next, and what
//! peers make of them.

use std::fs;
use std::path::{Path, PathBuf};

use protocol::admission::{AdmissionRule, Registrar};
use protocol::election::Election;
use protocol::keys::VoterKey;
use protocol::transaction::{Transaction, Vote};
use protocol::units::sha256;
use serde_json::Value;

use crate::harness::{
    Network, PATIENCE, agree, end_task, hex_of, meet_all, new_election, offline, run_task,
    start_task, unix_now, until,
};

fn run(directory: &Path, arguments: &[&str]) -> Value {
    let (code, answer) = run_task(directory, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {answer}");
    answer
}

/// An election of three registrars, of whom two admit, with peers that know each other.
fn network(peers: usize) -> (Network, PathBuf) {
    let office = tempfile::tempdir().expect("a directory");
    let registrars = (1..=3).map(|number| {
        let (file, name) = (format!("{number}.key"), format!("Registrar {number}"));
        let made = run(office.path(), &["registrar", "init", "--key", &file, "--name", &name]);
        let key = made["key"].as_str().expect("a key").parse().expect("a key");
        Registrar { name, key }
    });
    let admission = AdmissionRule::Registrars { registrars: registrars.collect(), threshold: 2 };
    let mut network = Network::with_tracker(Election { admission, ..new_election(8) });
    for number in 1..=3 {
        let name = format!("{number}.key");
        fs::copy(office.path().join(&name), network.directory.path().join(&name)).expect("room");
    }
    for _ in 0..peers {
        network.join(&[]);
    }
    meet_all(&mut network.peers, PATIENCE);
    let directory = network.directory.path().to_owned();
    (network, directory)
}

fn voter(number: u64) -> VoterKey {
    let secret = sha256(&[b"a member", &number.to_le_bytes()]);
    VoterKey::from_secret_bytes(&secret).expect("almost every number is a key")
}

fn write_list(path: &Path, voters: impl Iterator<Item = u64>) {
    let lines: String =
        voters.map(|number| format!("M-{number},{}\n", voter(number).public().text())).collect();
    fs::write(path, format!("id,voter_key\n{lines}")).expect("room");
}

/// A registrar signs a list.
fn sign(directory: &Path, task: &str, list: &str, registrar: u8, out: &str) -> Value {
    let key = format!("{registrar}.key");
    run(directory, &["registrar", task, list, "--key", &key, "--out", out])
}

fn vote(election: &Election, number: u64) -> String {
    let key = voter(number);
    let vote = Vote {
        voter: key.public().voter(),
        choices: vec![vec![0]],
        nonce: [7; 8],
        cast_at: unix_now(),
    };
    hex_of(&Transaction::vote(&election.election_id(), &key, vote))
}

fn url(network: &Network, peer: usize) -> String {
    let url = fs::read_to_string(network.peers[peer].data_directory.join("api.url"));
    url.expect("its API listens").trim().to_owned()
}

fn wait_registered(network: &mut Network, expected: u64) {
    for peer in &mut network.peers {
        until("all are registered", PATIENCE, || {
            (peer.ask("status")["registered_voters"] == expected).then_some(())
        });
    }
}

#[test]
fn two_of_three_registrars_admit_by_files_that_they_pass_on() {
    let (mut network, directory) = network(2);
    write_list(&directory.join("keys.csv"), 1..=6);
    assert_eq!(sign(&directory, "admit", "keys.csv", 1, "a.jsonl")["complete"], 0);
    let first = url(&network, 0);
    let post =
        |file: &str, url: &str| run_task(&directory, &["registrar", "post", file, "--server", url]);
    let (code, posted) = post("a.jsonl", &first);
    assert_eq!((code, &posted["incomplete"]), (Some(1), &6.into()), "{posted}");
    assert_eq!(sign(&directory, "admit", "keys.csv", 3, "a.jsonl")["complete"], 6);
    let (code, posted) = post("a.jsonl", &first);
    assert_eq!((code, &posted["accepted"]), (Some(0), &6.into()), "{posted}");
    wait_registered(&mut network, 6);
    let (code, again) = post("a.jsonl", &url(&network, 1));
    assert_eq!((code, &again), (Some(0), &posted), "what is on the chain is accepted again");

    // Of joined files each line is named as an editor numbers it: 8 is empty, and 9 the second header.
    write_list(&directory.join("late.csv"), 7..=8);
    sign(&directory, "admit", "late.csv", 2, "late.jsonl");
    let read = |name: &str| fs::read_to_string(directory.join(name)).expect("it is there");
    let joined = format!("{}\n{}", read("a.jsonl"), read("late.jsonl"));
    fs::write(directory.join("joined.jsonl"), joined).expect("room");
    let (code, posted) = post("joined.jsonl", &first);
    assert_eq!((code, &posted["accepted"]), (Some(1), &6.into()), "{posted}");
    let lines = posted["first_incomplete"].as_array().expect("a list").iter();
    let lines: Vec<_> = lines.map(|entry| entry["line"].clone()).collect();
    assert_eq!(lines, [10, 11], "{posted}");

    // Number 6 is withdrawn before voting; number 1 votes first, and stays.
    network.peers[0].submit(&vote(&network.election, 1));
    agree(&mut network.peers, 1, PATIENCE);
    write_list(&directory.join("gone.csv"), [1, 6].into_iter());
    for registrar in [2, 3] {
        sign(&directory, "withdraw", "gone.csv", registrar, "w.jsonl");
    }
    let (code, posted) = post("w.jsonl", &first);
    assert_eq!((code, &posted["accepted"]), (Some(1), &1.into()), "{posted}");
    let refused = &posted["first_refused"][0];
    assert_eq!(refused["error"]["kind"], "withdrawal_after_vote", "{posted}");
    assert_eq!(refused["voter"], voter(1).public().voter().to_string());

    for number in 2..=5 {
        let peer = number as usize % 2;
        network.peers[peer].submit(&vote(&network.election, number));
    }
    agree(&mut network.peers, 5, PATIENCE);
    let answer = network.peers[1].ask(&format!("submit {}", vote(&network.election, 6)));
    assert_eq!(answer["error"]["kind"], "withdrawn", "{answer}");
    let answer = network.peers[1].ask("vote Ada");
    assert_eq!(answer["error"]["kind"], "needs_admission", "{answer}");

    let mut peer = network.peers.remove(0);
    peer.ask("leave");
    assert!(peer.wait_end(PATIENCE).success());
    let audit = offline::audit(&peer.data_directory);
    assert_eq!(audit["votes"], 5, "{audit}");

    // Joined by the key, the organiser's list and the table tell what became of each member.
    let data = peer.data_directory.to_str().expect("UTF-8");
    run(&directory, &["export", "voters.csv", "--as", "voters", "--from", data]);
    let members = cells(&read("keys.csv"), ["id", "voter_key"]);
    let table = cells(&read("voters.csv"), ["voter_key", "state", "voted"]);
    let joined: Vec<_> = members
        .iter()
        .map(|[id, key]| {
            let row = table.iter().find(|row| row[0] == *key).expect("the key is in both");
            format!("{id} {} {}", row[1], row[2])
        })
        .collect();
    let mut expected: Vec<_> =
        (1..=5).map(|number| format!("M-{number} registered true")).collect();
    expected.push("M-6 withdrawn false".to_owned());
    assert_eq!(joined, expected);
}

/// Some columns of a table, in which no cell has quotation marks.
fn cells<const COLUMNS: usize>(text: &str, wanted: [&str; COLUMNS]) -> Vec<[String; COLUMNS]> {
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().expect("the names of the columns");
    let places = wanted.map(|name| header.iter().position(|each| *each == name).expect(name));
    lines.map(|line| places.map(|place| line[place].to_owned())).collect()
}

#[test]
fn a_voter_hands_in_the_own_admission_of_a_file() {
    let (mut network, directory) = network(1);
    let data = network.peers[0].data_directory.to_str().expect("UTF-8").to_owned();
    let key = run(&directory, &["key", "show", "--data-dir", &data]);
    let list = format!("voter_key\n{}\n", key["voter_key"].as_str().expect("a key"));
    let register =
        || run_task(&directory, &["register", "--admission", "a.jsonl", "--data-dir", &data]);
    write_list(&directory.join("others.csv"), 1..=2);
    sign(&directory, "admit", "others.csv", 1, "a.jsonl");
    let (code, answer) = register();
    assert_eq!((code, &answer["error"]["kind"]), (Some(1), &"not_admitted".into()), "{answer}");
    fs::write(directory.join("own.csv"), list).expect("room");
    sign(&directory, "admit", "own.csv", 1, "a.jsonl");
    let (code, answer) = register();
    assert_eq!((code, &answer["error"]["kind"]), (Some(1), &"incomplete".into()), "{answer}");
    sign(&directory, "admit", "own.csv", 2, "a.jsonl");
    let (code, answer) = register();
    assert_eq!((code, &answer["accepted"]), (Some(0), &true.into()), "{answer}");
    wait_registered(&mut network, 1);
    network.peers[0].vote("Ada");
    agree(&mut network.peers, 1, PATIENCE);
}

#[test]
fn registrations_never_block_each_other() {
    const FILES: u64 = 4;
    const VOTERS: u64 = 50;
    let (mut network, directory) = network(3);
    for file in 0..FILES {
        // Every file has half of the voters of the next one, too.
        let voters = file * VOTERS / 2..file * VOTERS / 2 + VOTERS;
        write_list(&directory.join(format!("{file}.csv")), voters);
        for registrar in [1, 2] {
            let (list, out) = (format!("{file}.csv"), format!("{file}.jsonl"));
            sign(&directory, "admit", &list, registrar, &out);
        }
    }
    let all: Vec<_> = (0..FILES)
        .map(|file| {
            let (name, url) = (format!("{file}.jsonl"), url(&network, file as usize % 3));
            start_task(&directory, &["registrar", "post", &name, "--server", &url])
        })
        .collect();
    for program in all {
        let (code, posted) = end_task(program);
        assert_eq!((code, &posted["accepted"]), (Some(0), &VOTERS.into()), "{posted}");
    }
    wait_registered(&mut network, VOTERS / 2 * (FILES + 1));
}
