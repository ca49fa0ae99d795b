//! docs/ORGANISER.md: an election of a thousand voters, from the list of their keys to the audited result, by the
//! page's commands alone. Where the page shows one member, the others are made up here: their keys go into the list
//! that the page shows, and their votes are handed in over the API once the page's member has voted.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use protocol::ballot_file;
use protocol::keys::VoterKey;
use protocol::transaction::{Transaction, Vote};
use protocol::units::sha256;
use serde_json::{Value, json};

use super::script::{ANYTHING, Fenced, REFUSED, Script, fenced, held_soon, typed};
use super::{document, words};
use crate::harness::http::HttpConnection;
use crate::harness::{PATIENCE, Program, hex_of, offline, unix_now, until};

/// Voters of the page's election, the page's own member first.
const VOTERS: u64 = 1_000;

/// How the organiser's ids begin.
const ID: &str = "member-";

/// The member who lost the key, and the number of the new key.
const LOST: u64 = 2;
const RENEWED: u64 = VOTERS + 1;

/// Votes that are handed in with one request.
const BATCH: usize = 250;

/// When the election opens and closes in this test, after its ballot is written. Until it opens, validators and peers
/// start and all voters are admitted; until it closes, all vote.
const OPENS: Duration = Duration::from_secs(45);
const CLOSES: Duration = Duration::from_secs(110);

/// Where the page's election is counted.
const PEERS: [&str; 3] = ["office", "hall", "auditor"];

/// What is typed and then cut short, since the peer is killed.
const INTERRUPTED: &str = "console interrupted";

/// The organiser's desk: what was typed so far, and what of it is typed again in another place.
struct Office {
    script: Script,
    /// Registrars' and validators' keys, as `init` printed them for the ballot, by name.
    signers: BTreeMap<String, String>,
    member: Option<String>,
    /// What all peers counted at the end.
    result: Option<Value>,
}

#[test]
fn an_election_of_a_thousand_is_held_as_written() {
    let page = document("docs/ORGANISER.md");
    let mut office =
        Office { script: Script::new(), signers: BTreeMap::new(), member: None, result: None };
    let mut commands = 0;
    for Fenced { name, lines } in fenced(&page) {
        if let Some(file) = name.strip_prefix("csv ") {
            office.write_list(file, &lines);
            continue;
        }
        assert!(["console", REFUSED, INTERRUPTED].contains(&name), "what is {name}?");
        for line in typed(&lines) {
            let words = office.filled_in(line.command);
            commands += 1;
            match (name, words[1].as_str()) {
                (INTERRUPTED, _) => office.hand_in_and_kill(&words[1..]),
                (_, "leave") if office.result.is_none() => {
                    office.result = Some(office.agreed_result());
                    office.script.run(&words, &line.printed, false);
                }
                _ => {
                    let output = office.script.run(&words, &line.printed, name == REFUSED);
                    office.note(&words, &output);
                }
            }
        }
    }
    assert!(commands >= 40, "{commands} commands");
    office.check_record();
}

impl Office {
    /// The command's words, with each registrar's and validator's key where the page has `…`, and times that come soon.
    fn filled_in(&self, command: &str) -> Vec<String> {
        let fill = |word: String| match word.split_once(": …") {
            Some((name, "")) => format!("{name}: {}", self.signers[name]),
            _ => word,
        };
        held_soon(words(command).into_iter().map(fill).collect(), OPENS, CLOSES)
    }

    /// Keeps what a reader would copy from the output; the others vote once the page's member has.
    fn note(&mut self, words: &[String], output: &[String]) {
        let after =
            |beginning: &str| output.iter().find_map(|line| line.trim().strip_prefix(beginning));
        let is = |beginning: &str| words[1..].join(" ").starts_with(beginning);
        if is("registrar init") || is("validator init") {
            let beginning = format!("peer ballot new --{} '", words[1]);
            let line = after(&beginning).expect("it is printed");
            let (name, key) = line.trim_end_matches('\'').split_once(": ").expect("both");
            self.signers.insert(name.to_owned(), key.to_owned());
        }
        if is("key new") {
            self.member = Some(after("voter key:").expect("it is printed").trim().to_owned());
        }
        if is("vote") && words.contains(&"member".to_owned()) {
            self.vote_all();
        }
    }

    /// Writes a list of the page: its `…` are keys, and the members' list goes on where the page's ends.
    fn write_list(&self, file: &str, lines: &[&str]) {
        let made_up = |number: u64| key(number).public().to_string();
        let keys: Vec<String> = match file {
            "KEYS.csv" => {
                let member = self.member.clone().expect("the page's member made a key");
                [member].into_iter().chain((2..=VOTERS).map(made_up)).collect()
            }
            "gone.csv" => vec![made_up(LOST)],
            "new.csv" => vec![made_up(RENEWED)],
            "twice.csv" => vec![made_up(3), made_up(4)],
            other => panic!("what is {other}?"),
        };
        let (header, rows) = lines.split_first().expect("a header");
        let mut text = format!("{header}\n");
        for (place, key) in keys.iter().enumerate() {
            let row = match rows.get(place) {
                Some(row) => row.replace(ANYTHING, key),
                None => format!("{ID}{},{key}", place + 1),
            };
            text += &format!("{row}\n");
        }
        fs::write(self.script.directory.path().join(file), text).expect("there is room");
    }

    /// Hands in, and kills the peer when it has taken some and has not answered yet.
    fn hand_in_and_kill(&mut self, arguments: &[String]) {
        let name = arguments.last().expect("the data directory stands last").clone();
        let mut connection = HttpConnection::open(self.api(&name));
        let mut status = || connection.ask("GET", "/v1/status", &[], b"").json();
        assert_eq!((&status()["pool"], &status()["registered_voters"]), (&0.into(), &0.into()));
        let post = Program::start("peer registrar post", self.script.command(arguments));
        until("the peer takes admissions", PATIENCE, || {
            (status()["pool"].as_u64() > Some(0)).then_some(())
        });
        let peer = self.script.peers.get_mut(&name).expect("it runs");
        peer.program.kill_hard();
        let (code, told) = post.finish(PATIENCE);
        // A fast machine may have answered just before.
        if code != Some(0) {
            assert_eq!(code, Some(3), "{told}");
            assert!(told.starts_with("peer: ") && told.contains("again"), "{told}");
        }
    }

    /// Everybody but the page's member votes, at two peers, from one who lost a key with the new one.
    fn vote_all(&self) {
        let ballot = fs::read_to_string(self.script.directory.path().join("ballot.toml"));
        let election = ballot_file::parse(&ballot.expect("the ballot")).expect("it is good");
        let id = election.election_id();
        let votes = (1..=RENEWED).filter(|number| ![1, LOST].contains(number)).map(|number| {
            let key = key(number);
            let choices = vec![vec![option(number)]];
            let (voter, nonce) = (key.public().voter(), number.to_le_bytes());
            let vote = Vote { voter, choices, nonce, cast_at: unix_now() };
            hex_of(&Transaction::vote(&id, &key, vote))
        });
        let votes: Vec<String> = votes.collect();
        for (batch, peer) in votes.chunks(BATCH).zip(["office", "hall"].into_iter().cycle()) {
            let body = json!({ "transactions": batch }).to_string();
            let mut connection = HttpConnection::open(self.api(peer));
            let answer = connection.ask("POST", "/v1/transactions", &[], body.as_bytes()).json();
            let outcomes = answer["outcomes"].as_array().expect("one for each").iter();
            let accepted = outcomes.filter(|outcome| outcome["accepted"] == true).count();
            assert_eq!(accepted, batch.len(), "{answer}");
        }
    }

    /// What all peers that run count alike.
    fn agreed_result(&self) -> Value {
        let arguments = |peer: &str| ["results", "--json", "--data-dir", peer].map(str::to_owned);
        let result = until("all peers count alike", PATIENCE, || {
            let results = PEERS.map(|peer| {
                let (code, output) = self.script.ask(&arguments(peer));
                assert_eq!(code, Some(0), "{output:?}");
                let mut result = serde_json::from_str::<Value>(&output[0]).expect("JSON");
                // Since when each of them knows that it is final differs.
                let finality = result["finality"].take();
                assert_eq!(finality["state"], "final", "{finality}");
                result
            });
            let [first, others @ ..] = results;
            others.iter().all(|other| *other == first).then_some(first)
        });
        let no = (1..=RENEWED).filter(|number| ![1, LOST].contains(number));
        let no = no.filter(|number| option(*number) == 1).count() as u64;
        let options = &result["questions"][0]["options"];
        assert_eq!(options[0]["votes"], VOTERS - no, "{result}");
        assert_eq!(options[1]["votes"], no, "{result}");
        result
    }

    /// The archive and the auditor's own chain hold what the peers counted.
    fn check_record(&self) {
        let result = self.result.as_ref().expect("somebody left");
        for source in ["assembly.archive", "auditor"] {
            let audit = offline::audit(&self.script.directory.path().join(source));
            assert_eq!(audit["final"]["is_final"], true, "{audit}");
            assert_eq!(audit["tally"], result["questions"], "{audit}");
            assert_eq!(audit["admitted"], result["admitted"], "{audit}");
            assert_eq!(
                (&audit["votes"], &audit["registered_voters"]),
                (&VOTERS.into(), &VOTERS.into())
            );
            let count = |name, admissions, withdrawals| json!({"name": name, "admissions": admissions, "withdrawals": withdrawals});
            let registrars = [
                count("Secretary", VOTERS + 1, 1),
                count("Treasurer", VOTERS, 0),
                count("Chair", 1, 1),
            ];
            let admitted = json!({"by": "registrars", "withdrawn": 1, "registrars": registrars});
            assert_eq!(audit["admitted"], admitted);
        }
        let bytes = |file| fs::read(self.script.directory.path().join(file)).expect("written");
        assert_eq!(bytes("assembly.archive"), bytes("same.archive"));
        // The organiser's ids stay with the organiser.
        for file in ["admissions.jsonl", "withdrawals.jsonl", "new.jsonl", "assembly.archive"] {
            let bytes = fs::read(self.script.directory.path().join(file)).expect("it was written");
            assert!(!bytes.windows(ID.len()).any(|part| part == ID.as_bytes()), "{file}");
        }
        for (file, rows) in [("votes.csv", VOTERS), ("voters.csv", VOTERS + 1)] {
            let table = fs::read_to_string(self.script.directory.path().join(file));
            assert_eq!(table.expect("the table").lines().count() as u64, 1 + rows, "{file}");
        }
    }

    fn api(&self, name: &str) -> SocketAddr {
        let url = fs::read_to_string(self.script.directory.path().join(name).join("api.url"));
        let url = url.expect("its API listens");
        let address = url.trim().strip_prefix("http://").and_then(|address| address.parse().ok());
        address.unwrap_or_else(|| panic!("{url}"))
    }
}

/// A made-up member; number 1 is the page's, whose key is not made up.
fn key(number: u64) -> VoterKey {
    let secret = sha256(&[b"a member", &number.to_le_bytes()]);
    VoterKey::from_secret_bytes(&secret).expect("almost every number is a key")
}

/// What a made-up member chooses: two of three the first option.
fn option(number: u64) -> u16 {
    u16::from(number.is_multiple_of(3))
}
