//! Several voters on one peer, locked or not: at the prompt, from the command line and over HTTP.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use rexpect::reader::Options;
use rexpect::session::spawn_with_options;
use serde_json::{Value, json};

use super::Desk;
use crate::harness::http::{HttpAnswer, HttpConnection};
use crate::harness::{Network, PATIENCE, Peer, agree, binary, new_election};

const PASSPHRASE: &str = "open sesame";

/// A locked key for a voter of that name.
fn new_voter(desk: &Desk, directory: &Path, name: &str) -> Value {
    let place = format!("--data-dir {} --voter {name}", directory.display());
    let made = format!("new {place} --no-phrase --passphrase-file passphrase --json");
    serde_json::from_str(&desk.keys(&made)).expect("one object")
}

/// `peer …` as a client of the peer that runs on the directory.
fn ask(desk: &Desk, directory: &Path, line: &str) -> (Option<i32>, Value) {
    let mut command = Command::new(binary("peer"));
    command.env_clear().env("RUST_LOG", "trace").args(line.split(' ')).arg("--json");
    let done = desk.run({
        command.arg("--data-dir").arg(directory);
        command
    });
    let answer = serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{line}: {done:?}"));
    (done.code, answer)
}

/// Where a peer takes orders, by its token.
struct Api {
    address: SocketAddr,
    authorization: String,
}

impl Api {
    fn of(peer: &Peer) -> Self {
        Self { address: peer.api, authorization: format!("Bearer {}", peer.token()) }
    }

    fn vote(&self, order: &Value) -> HttpAnswer {
        let headers = [("Authorization", self.authorization.as_str())];
        let body = order.to_string();
        HttpConnection::open(self.address).ask("POST", "/v1/vote", &headers, body.as_bytes())
    }
}

#[test]
fn voters_of_one_peer_vote_each_for_itself() {
    let (desk, mut network) = (Desk::new(), Network::with_tracker(new_election(10)));
    desk.write("passphrase", PASSPHRASE);
    network.join(&[]);
    network.join(&[]);
    let directory = network.peers[0].data_directory.clone();
    let [ada, bob, eve] = ["ada", "bob", "eve"].map(|name| new_voter(&desk, &directory, name));
    assert_eq!(ada["file"], directory.join("voters/ada.key").display().to_string());

    // Over HTTP.
    let api = Api::of(&network.peers[0]);
    let kind = |order: Value| api.vote(&order).problem();
    let choices = json!([["Ada"]]);
    assert_eq!(kind(json!({"choices": choices, "voter": "ada"})), "locked");
    let wrong = json!({"choices": choices, "voter": "ada", "passphrase": "shut"});
    assert_eq!(kind(wrong), "wrong_passphrase");
    assert_eq!(kind(json!({"choices": choices, "voter": "nobody"})), "no_key");
    assert_eq!(kind(json!({"choices": choices, "voter": "../ada"})), "bad_request");
    let right = json!({"choices": choices, "voter": "ada", "passphrase": PASSPHRASE});
    let voted = api.vote(&right);
    assert_eq!((voted.status, &voted.json()["accepted"]), (200, &true.into()), "{voted:?}");

    // From the command line, where the passphrase does not leave the client.
    let (code, refused) = ask(&desk, &directory, "vote --voter bob Grace");
    assert_eq!((code, &refused["error"]["kind"]), (Some(2), &"no_passphrase".into()), "{refused}");
    let vote = "vote --voter bob Grace --passphrase-file passphrase";
    let (code, voted) = ask(&desk, &directory, vote);
    assert_eq!((code, &voted["accepted"]), (Some(0), &true.into()), "{voted}");
    let (code, again) = ask(&desk, &directory, vote);
    assert_eq!((code, &again["error"]["kind"]), (Some(1), &"already_voted".into()), "{again}");

    // At the prompt, which has no terminal here, and its own voter, whose key has no passphrase.
    let peer = &mut network.peers[0];
    assert_eq!(peer.ask("vote --voter eve Hedy")["error"]["kind"], "locked");
    assert_eq!(peer.ask("register --voter nobody")["error"]["kind"], "no_key");
    peer.vote("Hedy");
    assert_eq!(peer.ask("myvote --voter eve")["vote"], Value::Null);
    let mine = peer.ask("myvote --voter ada");
    assert_eq!((&mine["voter"], &mine["vote"]["choices"]), (&ada["voter"], &choices));
    agree(&mut network.peers, 3, PATIENCE);
    let (_, shown) = ask(&desk, &directory, "myvote --voter bob");
    assert_eq!((&shown["voter"], &shown["vote"]["choices"]), (&bob["voter"], &json!([["Grace"]])));
    let (_, shown) = ask(&desk, &directory, "myvote --voter eve");
    assert_eq!((&shown["voter"], &shown["registration"]), (&eve["voter"], &Value::Null));
}

#[test]
fn voters_of_one_peer_register_at_once() {
    let (desk, mut network) = (Desk::new(), Network::with_tracker(new_election(10)));
    desk.write("passphrase", PASSPHRASE);
    network.join(&[]);
    let directory = network.peers[0].data_directory.clone();
    let names: Vec<_> = (0..6).map(|number| format!("voter-{number}")).collect();
    for name in &names {
        new_voter(&desk, &directory, name);
    }
    let api = &Api::of(&network.peers[0]);
    std::thread::scope(|scope| {
        for name in &names {
            scope.spawn(move || {
                let order = json!({"choices": [["Ada"]], "voter": name, "passphrase": PASSPHRASE});
                let voted = api.vote(&order);
                assert_eq!(voted.status, 200, "{name}: {voted:?}");
            });
        }
    });
    agree(&mut network.peers, 6, PATIENCE);
}

#[test]
fn a_peer_whose_own_key_is_locked_starts_and_acts_once_it_is_opened() {
    let (desk, mut network) = (Desk::new(), Network::with_tracker(new_election(10)));
    desk.write("passphrase", PASSPHRASE);
    let (locked, open) = (network.new_data_directory(), network.new_data_directory());
    let place = format!("--data-dir {}", locked.display());
    desk.keys(&format!("new {place} --no-phrase --passphrase-file passphrase"));
    fs::create_dir(&open).expect("made");
    fs::copy(locked.join("voter.key"), open.join("voter.key")).expect("copied");
    let tracker = network.tracker_address();
    let mut peer = Peer::start("peer with a locked key", &[&tracker, "0"], &locked);
    assert_eq!(peer.ask("status")["voter"], peer.voter.as_str());
    assert_eq!(peer.ask("register")["error"]["kind"], "locked");
    let api = Api::of(&peer);
    assert_eq!(api.vote(&json!({"choices": [["Ada"]]})).problem(), "locked");
    // Its own key is not replaced under it, and its passphrase may change.
    let refused = desk.refused(&format!("new {place} --no-phrase --force"));
    assert!(
        refused.starts_with("a peer runs on") && refused.ends_with("end it first"),
        "{refused}"
    );
    desk.write("changed", "simsala\n");
    let passwd = "--passphrase-file passphrase --new-passphrase-file changed";
    desk.keys(&format!("passwd {place} {passwd}"));
    let order = |passphrase| json!({"choices": [["Ada"]], "passphrase": passphrase});
    assert_eq!(api.vote(&order(PASSPHRASE)).problem(), "wrong_passphrase");
    assert_eq!(api.vote(&order("simsala")).status, 200);
    network.peers.push(peer);

    // The copy is opened at the start.
    let file = desk.path("passphrase").display().to_string();
    let arguments = [tracker.as_str(), "0", "--passphrase-file", &file];
    let mut peer = Peer::start("peer with an opened key", &arguments, &open);
    assert_eq!(peer.voter, network.peers[0].voter);
    network.peers.push(peer);
    agree(&mut network.peers, 1, PATIENCE);
    peer = network.peers.pop().expect("just pushed");
    assert_eq!(peer.ask("vote Grace")["error"]["kind"], "already_voted");
    drop(peer);
    let mut command = Command::new(binary("peer"));
    command.env_clear().args(["0", "--api", "off", "--passphrase-file", "changed", "--data-dir"]);
    let refused = desk.run({
        command.arg(&open).arg("--ballot").arg(network.ballot());
        command
    });
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.starts_with("peer: this is not the passphrase of "), "{refused:?}");
}

#[test]
fn the_prompt_asks_for_the_passphrase_without_echo() {
    let (desk, mut network) = (Desk::new(), Network::without_tracker(new_election(8)));
    desk.write("passphrase", PASSPHRASE);
    let directory = network.new_data_directory();
    new_voter(&desk, &directory, "ada");
    let mut command = Command::new(binary("peer"));
    command.env_clear().env("TERM", "xterm").env("NO_COLOR", "1");
    command.args(["0", "--api", "off", "--no-mining", "--ballot"]).arg(network.ballot());
    command.arg("--data-dir").arg(&directory).current_dir(network.directory.path());
    let patience = u64::try_from(PATIENCE.as_millis()).expect("it is short");
    let options = Options::new().timeout_ms(Some(patience)).strip_ansi_escape_codes(true);
    let mut session = spawn_with_options(command, options).expect("the peer starts");
    session.process_mut().set_kill_timeout(Some(3_000));
    let mut seen = String::new();
    for (typed, awaited) in [
        ("", "ostrakon> "),
        ("vote --voter ada Ada", "voters/ada.key: "),
        ("shut", "this is not the passphrase of"),
        ("", "ostrakon> "),
        ("vote --voter ada Ada", "voters/ada.key: "),
        (PASSPHRASE, "your vote (Ada) is accepted"),
        ("", "ostrakon> "),
        ("myvote --voter ada", "Ada"),
        ("", "ostrakon> "),
        ("register --voter ada", "voters/ada.key: "),
        // Ctrl-C gives up the question, not the peer.
        ("\x03", "nothing was cast"),
        ("", "ostrakon> "),
        ("leave", "Leave all the same?"),
    ] {
        if !typed.is_empty() {
            let end = if typed == "\x03" { "" } else { "\r" };
            session.send(&format!("{typed}{end}")).expect("the terminal takes it");
            session.flush().expect("the terminal takes it");
        }
        let before = session.exp_string(awaited);
        seen += &before.unwrap_or_else(|error| panic!("no {awaited:?} after {typed:?}: {error}"));
    }
    assert!(!seen.contains(PASSPHRASE) && !seen.contains("shut"), "{seen}");
    let history = fs::read_to_string(directory.join("history")).expect("it keeps one");
    assert!(history.contains("vote --voter ada Ada"), "{history}");
    assert!(!history.contains(PASSPHRASE) && !history.contains("shut"), "{history}");
}
