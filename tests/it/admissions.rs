//! Who was not admitted does not vote: each admission and each vote that the registrars' signatures do not carry is
//! refused in words of its own, by the prompt, over HTTP and from a file, and by the audit of a chain that holds it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use peer::{ArchiveReader, ArchiveWriter};
use protocol::block::Block;
use protocol::election::Election;
use protocol::keys::VoterKey;
use protocol::transaction::{Admission, HashedTransaction, Transaction};
use protocol::units::UnixMillis;
use serde_json::{Value, json};
use sim::forge;
use sim::voters::{Badness, bad_transaction};

use crate::harness::http::HttpConnection;
use crate::harness::{
    Network, PATIENCE, Peer, agree, error_kind, hex_of, meet_all, offline, run_task, unix_now,
    until,
};

/// What is wrong, about whom, and what the refusal says of it.
const CASES: [(Badness, Whom, &str); 10] = [
    (Badness::Unadmitted, Whom::Stranger, "ask them to admit your key"),
    (Badness::Unregistered, Whom::Stranger, "is not registered"),
    (
        Badness::AdmittedElsewhere,
        Whom::Stranger,
        "the registrars signed for the election that begins with 07",
    ),
    (
        Badness::WrongRegistrar,
        Whom::Stranger,
        "the signature of registrar 2 is by none of the election's",
    ),
    (Badness::HalfAdmitted, Whom::Stranger, "it bears 1 of the 2 registrars' signatures"),
    (Badness::SignedTwice, Whom::Stranger, "registrar 1 signed twice"),
    (Badness::LookAlike, Whom::Registered, "is not registered"),
    (Badness::Withdrawn, Whom::Withdrawn, "the registrars withdrew voter"),
    (Badness::VotesWithdrawn, Whom::Withdrawn, "the registrars withdrew voter"),
    (Badness::WithdrawnTooLate, Whom::Voted, "has voted, and so can't be withdrawn"),
];

/// The voters of the scene, by what the chain has of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whom {
    Registered,
    Voted,
    Withdrawn,
    Stranger,
}

/// An election by registrars, with peers whose chain has a voter of each sort.
struct Scene {
    network: Network,
    election: Arc<Election>,
}

fn key(whom: Whom) -> VoterKey {
    forge::key(1, "admissions", whom as u64)
}

/// The rule that an audit names. Signatures are looked at before the chain, so a look-alike is told by its signature.
fn rule(badness: Badness) -> &'static str {
    if badness == Badness::LookAlike { "bad_signature" } else { badness.kind() }
}

impl Scene {
    fn new(peers: usize) -> Self {
        let created = UnixMillis(unix_now().0 - 60_000);
        let election = Election { created, ..forge::election_by_registrars(unix_now().0, 10) };
        let mut network = Network::with_tracker(election.clone());
        for _ in 0..peers {
            network.join(&[]);
        }
        meet_all(&mut network.peers, PATIENCE);
        let id = election.election_id();
        let first = &mut network.peers[0];
        for whom in [Whom::Registered, Whom::Voted, Whom::Withdrawn] {
            first.submit(&hex_of(&forge::registration(&election, &key(whom))));
        }
        first.submit(&hex_of(&forge::vote(&id, &key(Whom::Voted), 1, unix_now())));
        first.submit(&hex_of(&forge::withdrawal(&id, &key(Whom::Withdrawn))));
        let mut scene = Self { network, election: Arc::new(election) };
        scene.wait_counted();
        scene
    }

    /// Waits until every peer's chain has the three voters and what became of them.
    fn wait_counted(&mut self) {
        agree(&mut self.network.peers, 1, PATIENCE);
        for peer in &mut self.network.peers {
            until("a block holds the withdrawal", PATIENCE, || {
                let results = peer.ask("results");
                let is_all = results["registered_voters"] == 2
                    && results["admitted"]["withdrawn"] == 1
                    && peer.ask("status")["pool"] == 0;
                is_all.then_some(())
            });
        }
    }

    fn bad(&self, badness: Badness, whom: Whom) -> Transaction {
        bad_transaction(badness, &self.election, &key(whom), unix_now())
    }

    /// All blocks of the chain, once a peer has left it on the disk.
    fn leave_and_export(&mut self) -> (PathBuf, Vec<Block>) {
        let mut peer = self.network.peers.remove(0);
        peer.ask("leave");
        assert!(peer.wait_end(PATIENCE).success());
        let path = self.network.directory.path().join("good.archive");
        offline::export(&path, &peer.data_directory);
        let mut reader = ArchiveReader::open(&path).expect("an archive");
        let mut blocks = Vec::new();
        while let Some(block) = reader.next_block().expect("a whole archive") {
            blocks.push(block);
        }
        (path, blocks)
    }
}

/// Hands in over HTTP; gives what came of it.
fn post(peer: &Peer, transaction: &Transaction) -> Value {
    let body = json!({ "transactions": [hex_of(transaction)] }).to_string();
    let mut connection = HttpConnection::open(peer.api);
    let answer = connection.ask("POST", "/v1/transactions", &[], body.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["outcomes"][0].clone()
}

#[test]
fn what_registrars_did_not_admit_is_refused_at_the_prompt_and_over_http() {
    let mut scene = Scene::new(2);
    let before: Vec<Value> =
        scene.network.peers.iter_mut().map(|peer| peer.ask("results")).collect();
    for (badness, whom, words) in CASES {
        let bad = scene.bad(badness, whom);
        for place in [0, 1] {
            let peer = &mut scene.network.peers[place];
            let answer = peer.ask(&format!("submit {}", hex_of(&bad)));
            assert_eq!(error_kind(&answer), badness.kind(), "{badness:?}: {answer}");
            let outcome = post(peer, &bad);
            assert_eq!(outcome["accepted"], false, "{badness:?}: {outcome}");
            assert_eq!(outcome["error"]["kind"], badness.kind(), "{badness:?}: {outcome}");
            for message in [&answer["error"]["message"], &outcome["error"]["message"]] {
                let message = message.as_str().expect("a message");
                assert!(message.contains(words), "{badness:?}: {message}");
            }
        }
    }
    // A voter's second admission, by other registrars, says what the chain has: it is accepted again, and nothing
    // happens.
    let again = forge::registration_from(&scene.election, &key(Whom::Registered), 1);
    assert_ne!(again, forge::registration(&scene.election, &key(Whom::Registered)));
    scene.network.peers[1].submit(&hex_of(&again));
    for (peer, before) in scene.network.peers.iter_mut().zip(&before) {
        assert_eq!(peer.ask("results"), *before);
        assert_eq!(peer.ask("status")["pool"], 0);
    }
}

#[test]
fn a_chain_with_what_registrars_did_not_admit_fails_its_audit_by_that_rule() {
    let mut scene = Scene::new(1);
    let (path, blocks) = scene.leave_and_export();
    let good = offline::audit(&path);
    assert_eq!((&good["registered_voters"], &good["votes"]), (&2.into(), &1.into()), "{good}");
    assert_eq!(good["admitted"]["withdrawn"], 1, "{good}");
    let id = scene.election.election_id();
    let last = blocks.last().expect("there are some").header;
    let directory = scene.network.directory.path().to_owned();
    let again = forge::registration_from(&scene.election, &key(Whom::Registered), 1);
    let cases =
        CASES.map(|(badness, whom, words)| (rule(badness), words, scene.bad(badness, whom)));
    let again = ("already_registered", "is registered already", again);
    for (rule, words, transaction) in cases.into_iter().chain([again]) {
        let hashed = Arc::new(HashedTransaction::new(transaction, &id));
        let forged = forge::block(&last, vec![hashed], last.time);
        let archive = directory.join("forged.archive");
        let mut writer = ArchiveWriter::create(&archive, &scene.election, true).expect("begun");
        for block in blocks.iter().chain([&forged]) {
            writer.append(block).expect("written");
        }
        writer.finish().expect("finished");
        let (code, report) = run_task(&directory, &["audit", "forged.archive"]);
        let failure = &report["failure"];
        assert_eq!((code, &failure["rule"]), (Some(1), &rule.into()), "{report}");
        assert_eq!(failure["height"], forged.header.height.0, "{report}");
        // What a look-alike's signature tells is another thing than what the chain would.
        let reason = failure["reason"].as_str().expect("a reason");
        assert!(rule == "bad_signature" || reason.contains(words), "{report}");
        // What came before it is counted.
        for key in ["tip", "votes", "registrations", "admitted"] {
            assert_eq!(report[key], good[key], "{report}");
        }
    }
}

/// A file of admissions: its header, and one line with these signatures by the registrars' numbers.
fn admissions(election: &Election, voter_key: &str, voter: &str, signed: &Transaction) -> String {
    let Transaction::Registration { admission: Admission::Signed { signatures }, .. } = signed
    else {
        unreachable!("registrars signed it")
    };
    let numbers = signatures.registrar_indexes().map(|place| (place + 1).to_string());
    let digits = signatures.signatures.iter().map(|each| Value::from(hex::encode(each.0)));
    let signatures: serde_json::Map<String, Value> = numbers.zip(digits).collect();
    let header = json!({
        "ostrakon": "admissions", "format": 1, "election": election.election_id().to_string(),
        "threshold": 2, "registrars": ["Registrar 0", "Registrar 1", "Registrar 2"],
    });
    let line = json!({"voter_key": voter_key, "voter": voter, "signatures": signatures});
    format!("{header}\n{line}\n")
}

#[test]
fn a_file_of_admissions_that_do_not_hold_registers_nobody() {
    let mut scene = Scene::new(1);
    let directory = scene.network.directory.path().to_owned();
    let election = Arc::clone(&scene.election);
    let id = election.election_id();
    let before = scene.network.peers[0].ask("results");
    let url = format!("http://{}", scene.network.peers[0].api);
    for whom in [Whom::Stranger, Whom::Registered, Whom::Withdrawn] {
        let (digits, name) = (hex::encode(key(whom).secret_bytes()), format!("{whom:?}"));
        fs::write(directory.join("digits"), digits).expect("there is room");
        fs::set_permissions(directory.join("digits"), Permissions::from_mode(0o600)).expect("so");
        let import = ["key", "import", "digits", "--no-passphrase", "--data-dir", &name];
        assert_eq!(run_task(&directory, &import).0, Some(0));
    }
    let file = |whom, signed: &Transaction| {
        let public = key(whom).public();
        admissions(&election, &public.to_string(), &public.voter().to_string(), signed)
    };
    let stranger = key(Whom::Stranger);
    let by = |pairs: &[(usize, u64)]| forge::admission_by(&id, &stranger, pairs);
    let good = by(&[(0, 0), (2, 2)]);
    let elsewhere = Election { id: [7; 16], ..(*election).clone() };
    let (public, voter) = (stranger.public().to_string(), stranger.public().voter().to_string());
    let last = if voter.ends_with('0') { "1" } else { "0" };
    let look_alike = format!("{}{last}", &voter[..voter.len() - 1]);
    let again = |whom| file(whom, &forge::admission(&id, &key(whom), [1, 2]));
    for (whom, text, kind, words) in [
        (Whom::Stranger, again(Whom::Voted), "not_admitted", "not"),
        (Whom::Stranger, file(Whom::Stranger, &by(&[(0, 0)])), "incomplete", "1 of the 2"),
        (
            Whom::Stranger,
            file(Whom::Stranger, &by(&[(0, 0), (1, 9)])),
            "not_a_registrar",
            "the signature of registrar 2 is by none",
        ),
        (
            Whom::Stranger,
            file(Whom::Stranger, &by(&[(0, 0), (1, 0)])),
            "registrar_twice",
            "registrar 1 signed twice",
        ),
        (
            Whom::Stranger,
            admissions(&elsewhere, &public, &voter, &good),
            "registrars_file",
            "is of election",
        ),
        (
            Whom::Stranger,
            admissions(&election, &public, &look_alike, &good),
            "registrars_file",
            "its voter is not that of its key",
        ),
        (Whom::Registered, again(Whom::Registered), "already_registered", "is registered already"),
        (Whom::Withdrawn, again(Whom::Withdrawn), "withdrawn", "the registrars withdrew voter"),
    ] {
        fs::write(directory.join("a.jsonl"), text).expect("there is room");
        let name = format!("{whom:?}");
        let register =
            ["register", "--admission", "a.jsonl", "--data-dir", &name, "--server", &url];
        let (code, answer) = run_task(&directory, &register);
        assert!(matches!(code, Some(1 | 2)), "{kind}: {code:?}, {answer}");
        assert_eq!(answer["error"]["kind"], kind, "{answer}");
        let message = answer["error"]["message"].as_str().expect("a message");
        assert!(message.contains(words), "{kind}: {message}");
    }
    assert_eq!(scene.network.peers[0].ask("results"), before);
    // The same way, and the same voter, with what two registrars did sign.
    fs::write(directory.join("a.jsonl"), file(Whom::Stranger, &good)).expect("there is room");
    let register = ["register", "--admission", "a.jsonl", "--data-dir", "Stranger", "--server"];
    let (code, answer) = run_task(&directory, &[register.as_slice(), &[&url]].concat());
    assert_eq!((code, &answer["accepted"]), (Some(0), &true.into()), "{answer}");
}
