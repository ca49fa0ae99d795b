//! Planted secrets: a key, its passphrase and its phrase are where they belong, and nowhere else, whatever is asked and
//! however much is logged.

use std::fs;
use std::process::Command;

use serde_json::json;

use super::Desk;
use crate::harness::http::HttpConnection;
use crate::harness::{Network, PATIENCE, Peer, binary, new_election};

const PASSPHRASE: &str = "Planted-Passphrase-4711";
const WRONG: &str = "Planted-Wrong-Passphrase-0815";

/// What of a key may be nowhere: its number, the PEM that has it, and its words three by three.
fn secrets_of(desk: &Desk, plain: &str, phrase: &str) -> Vec<String> {
    let pem = desk.read(plain);
    let lines = pem.lines().filter(|line| !line.contains('-') && !line.contains(": "));
    let mut secrets: Vec<_> = lines.map(str::to_owned).collect();
    assert!(secrets.len() >= 2, "{secrets:?}");
    let words: Vec<_> = phrase.split_whitespace().collect();
    secrets.extend(words.chunks(3).map(|words| words.join(" ")));
    secrets.extend([PASSPHRASE, WRONG].map(str::to_owned));
    secrets
}

fn assert_none(secrets: &[String], text: &str, place: &str) {
    for secret in secrets {
        assert!(!text.to_lowercase().contains(&secret.to_lowercase()), "{place}: {secret}\n{text}");
    }
}

#[test]
fn commands_for_keys_tell_nothing_secret() {
    let desk = Desk::new();
    desk.write("passphrase", PASSPHRASE);
    desk.write("wrong", WRONG);
    desk.keys("new --key a.key --phrase-file words --passphrase-file passphrase");
    desk.keys("export --key a.key --plain --passphrase-file passphrase --out plain.pem");
    let phrase = desk.read("words");
    let secrets = secrets_of(&desk, "plain.pem", &phrase);
    // The same key in the former format, and slips of all kinds.
    let key = protocol_key(&phrase);
    desk.write("digits", &key);
    desk.write("digits-63", &key[1..]);
    desk.write("words-23", phrase.split_once(' ').expect("words").1);
    desk.write("words-x", &phrase.replacen(' ', "x ", 1));
    let pem = desk.read("plain.pem");
    desk.write("cut", &pem[..pem.len() - 30]);
    desk.write("lines", &format!("{PASSPHRASE}\n{WRONG}\n"));
    for line in [
        "show --key a.key",
        "show --key a.key --passphrase-file passphrase --json",
        "show --key a.key --passphrase-file wrong",
        "show --key a.key --passphrase-file lines",
        "export --key a.key",
        "export --key a.key --public --passphrase-file passphrase",
        "export --key a.key --plain --passphrase-file wrong",
        "import plain.pem --key b.key --force",
        "import a.key --key b.key --force --passphrase-file passphrase",
        "import a.key --key b.key --force --passphrase-file wrong",
        "import digits --key b.key --force --json",
        "import digits-63 --key b.key --force",
        "import cut --key b.key --force",
        "import words --key b.key --force",
        "import --phrase-file words --key b.key --force",
        "import --phrase-file words-23 --key b.key --force",
        "import --phrase-file words-x --key b.key --force",
        "import --phrase-file plain.pem --key b.key --force",
        "show --key digits",
        "show --key words",
        "passwd --key a.key --passphrase-file wrong --no-passphrase",
        "passwd --key a.key --passphrase-file passphrase --new-passphrase-file wrong",
    ] {
        let done = desk.key(line);
        assert!(matches!(done.code, Some(0 | 2)), "{line}: {done:?}");
        let mut secrets = secrets.clone();
        secrets.push(key.clone());
        assert_none(&secrets, &done.stdout, line);
        assert_none(&secrets, &done.stderr, line);
    }
}

#[test]
fn a_peer_and_its_clients_tell_nothing_secret() {
    let (desk, mut network) = (Desk::new(), Network::without_tracker(new_election(8)));
    desk.write("passphrase", PASSPHRASE);
    desk.write("wrong", WRONG);
    let directory = network.new_data_directory();
    let (place, log) = (format!("--data-dir {}", directory.display()), desk.path("log"));
    let locked = "--passphrase-file passphrase";
    desk.keys(&format!("new {place} --phrase-file words {locked}"));
    desk.keys(&format!("new {place} --voter ada --no-phrase {locked}"));
    desk.keys(&format!("export {place} --plain {locked} --out plain.pem"));
    let mut secrets = secrets_of(&desk, "plain.pem", &desk.read("words"));
    secrets.push(protocol_key(&desk.read("words")));

    let mut command = Command::new("sh");
    command.args(["-c", "log=$1; shift; exec \"$@\" 2>\"$log\"", "sh"]).arg(&log);
    command.arg(binary("peer")).args(["0", "--no-mining", "--json", "--ballot"]);
    command.arg(network.ballot()).arg("--data-dir").arg(&directory);
    command.arg("--passphrase-file").arg(desk.path("passphrase"));
    command.env_clear().env("RUST_LOG", "trace").env("PATH", "/usr/bin:/bin");
    command.current_dir(desk.0.path());
    let mut peer = Peer::run("traced peer", command, &directory);

    let token = format!("Bearer {}", peer.token());
    let headers = [("Authorization", token.as_str())];
    let choices = json!([["Ada"]]);
    for order in [
        json!({"choices": choices, "voter": "ada", "passphrase": WRONG}),
        json!({"choices": [["Nobody"]], "voter": "ada", "passphrase": PASSPHRASE}),
        json!({"choices": choices, "voter": PASSPHRASE}),
        json!({"choices": choices, "voter": "ada", "passphrase": [PASSPHRASE]}),
        json!({"choices": choices, "voter": "ada", "passphrase": {PASSPHRASE: 1}}),
        json!({"choices": choices, "voter": "ada", "passphrase": PASSPHRASE.repeat(100)}),
        json!({"choices": choices, "voter": "ada", "passphrase": PASSPHRASE}),
        json!({"choices": choices, "passphrase": PASSPHRASE}),
        // Refused by the node, which logs that.
        json!({"choices": choices, "passphrase": PASSPHRASE}),
    ] {
        let body = order.to_string();
        let mut connection = HttpConnection::open(peer.api);
        let answer = connection.ask("POST", "/v1/vote", &headers, body.as_bytes());
        assert_none(&secrets, &answer.text(), &body);
    }
    assert_eq!(peer.ask("status")["pool"], 4, "two voters registered and voted");
    for line in ["vote --voter ada", "myvote", "myvote --voter ada", "register --voter ada"] {
        let mut command = Command::new(binary("peer"));
        command.env_clear().env("RUST_LOG", "trace").args(line.split(' '));
        command.arg("--data-dir").arg(&directory);
        if !line.starts_with("myvote") {
            command.args(["--passphrase-file", "passphrase"]);
        }
        let done = desk.run(command);
        assert_none(&secrets, &format!("{done:?}"), line);
    }
    for target in ["/v1/status", "/v1/chain", "/v1/pool", "/v1/archive", "/metrics", "/"] {
        let answer = HttpConnection::open(peer.api).ask("GET", target, &headers, b"");
        assert_none(&secrets, &answer.text(), target);
    }
    assert_eq!(peer.ask("leave")["answer"], "leave");
    assert_eq!(peer.wait_end(PATIENCE).code(), Some(0));
    let trace = fs::read_to_string(&log).expect("it wrote");
    assert!(trace.contains("TRACE") || trace.contains("DEBUG"), "{trace}");
    assert_none(&secrets, &trace, "the log");
    for file in fs::read_dir(&directory).expect("a listing") {
        let path = file.expect("a name").path();
        if path.is_file() {
            let bytes = fs::read(&path).expect("readable");
            assert_none(&secrets, &String::from_utf8_lossy(&bytes), &path.display().to_string());
        }
    }
}

/// The secret number of a phrase, in hexadecimal digits: each word is its place in the list, as eleven bits.
fn protocol_key(phrase: &str) -> String {
    let list = bip39::Language::English;
    let indices = phrase.split_whitespace().map(|word| list.find_word(word).expect("a word"));
    let bits: String = indices.map(|index| format!("{index:011b}")).collect();
    let bytes = bits.as_bytes()[..256].chunks(8).map(|byte| {
        let byte = std::str::from_utf8(byte).expect("digits");
        u8::from_str_radix(byte, 2).expect("eight bits")
    });
    hex::encode(bytes.collect::<Vec<_>>())
}
