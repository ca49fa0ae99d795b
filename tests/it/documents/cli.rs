//! docs/CLI.md. That its examples look as the program prints them is the peer's own test; here the commands
//! run, and real answers and events are held against the documented ones.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use super::{
    SHELL, console_blocks, document, run_to_its_end, sample_network, start_as_written, words,
};
use crate::harness::{
    Network, PATIENCE, Peer, Program, Tracker, Voter, agree, binary, meet_all, run_task,
};

/// Stands for 64 hexadecimal digits in the output of a command.
const DIGITS: &str = "HEX";

/// Values that count by names, so that their keys are not fixed.
const COUNTERS: &str = "dropped";

/// What a peer's program does without becoming one or asking one.
const TASKS: [&str; 8] =
    ["ballot", "key", "sign", "export", "audit", "import", "completions", "man"];

/// What it asks of a running peer.
const QUESTIONS: [&str; 12] = [
    "ballot show",
    "status",
    "register",
    "vote",
    "myvote",
    "results",
    "chain",
    "block",
    "peers",
    "mine",
    "login",
    "leave",
];

/// The peer that the page asks.
const PEER: &str = "http://127.0.0.1:6001";

#[test]
fn its_commands_run_as_written() {
    let (page, _) = pages();
    let mut network = sample_network();
    network.tracker = Some(Tracker::start("localhost:0", &network.ballot()));
    let tracker_port = network.tracker.as_ref().expect("just started").address.port();
    let mut commands = 0;
    for block in console_blocks(&page) {
        let mut lines = block.into_iter().peekable();
        while let Some(line) = lines.next() {
            let line = line.strip_prefix(SHELL).unwrap_or_else(|| panic!("not typed: {line}"));
            let words = words(line);
            let to_file = words.iter().position(|word| word == ">");
            let arguments = &words[1..to_file.unwrap_or(words.len())];
            commands += 1;
            if words[0] == "tracker" {
                // Another port, as tests run side by side, and the ballot that is at hand.
                let listen = arguments[0].replace("5000", "0");
                Tracker::start(&listen, &network.ballot());
                continue;
            }
            assert_eq!(words[0], "peer", "{line}");
            let is_asked = |question: &&str| arguments.join(" ").starts_with(*question);
            if QUESTIONS.iter().any(is_asked) {
                if network.peers.is_empty() {
                    network.join(&[]);
                }
                ask(arguments, &network, 0);
                continue;
            }
            if !TASKS.contains(&arguments[0].as_str()) {
                let directory = network.new_data_directory();
                let mut peer = start_as_written(arguments, tracker_port, &directory);
                peer.ask("status");
                continue;
            }
            let printed = run_to_its_end(arguments, network.directory.path());
            if let Some(file) = to_file.and_then(|place| words.get(place + 1)) {
                std::fs::write(network.directory.path().join(file), printed.join("\n"))
                    .expect("room");
                continue;
            }
            let mut printed = printed.into_iter();
            while let Some(expected) = lines.next_if(|line| !line.starts_with(SHELL)) {
                let found = printed.next().unwrap_or_else(|| panic!("{line}: not {expected}"));
                assert!(is_like(expected, &found), "{line}: not {expected}, but {found}");
            }
        }
    }
    assert!(commands >= 20, "{commands} commands");
}

/// The page without what is about registrars, whose election is another one, and that.
fn pages() -> (String, String) {
    let page = document("docs/CLI.md");
    let (before, rest) = page.split_once("\n## Registrars\n").expect("the page has it");
    let (registrars, after) = rest.split_once("\n## ").expect("more follows");
    (format!("{before}\n## {after}"), registrars.to_owned())
}

#[test]
fn the_registrars_commands_run_as_written() {
    let (_, page) = pages();
    let mut network = sample_network();
    let directory = network.directory.path().to_owned();
    let lines = console_blocks(&page).into_iter().flatten();
    let commands: Vec<_> =
        lines.map(|line| words(line.strip_prefix(SHELL).expect("it is typed"))).collect();
    assert!(commands.len() >= 7, "{commands:#?}");
    let (init, others) = commands.split_first().expect("there are some");
    let key_of = |init: &[String]| {
        let made = run_to_its_end(init, &directory);
        let line =
            made.iter().find_map(|line| line.trim().strip_prefix("key = \"")).expect("a key");
        line.trim_end_matches('"').to_owned()
    };
    let secretary = key_of(&init[1..]);
    let treasurer = key_of(&words("registrar init --key treasurer.key --name Treasurer"));
    let ballot = format!(
        "ballot new --force --title Board --question \"Who? | Ada | Grace\" --difficulty-bits 8 --threshold 2 \
         --registrar \"Secretary: {secretary}\" --registrar \"Treasurer: {treasurer}\""
    );
    run_to_its_end(&words(&ballot), &directory);
    // One peer takes the whole file, and one, which knows nothing of the other, its own voter's line.
    for _ in 0..2 {
        let peer = network.start_alone(&["--ballot", "ballot.toml"]);
        network.peers.push(peer);
    }
    let key = |name: &str| {
        let shown = run_task(&directory, &["key", "show", "--data-dir", name]).1;
        shown["voter_key"].as_str().expect("a key").to_owned()
    };
    let (gone, own) = (key("peer-1"), key("peer-2"));
    let write =
        |name: &str, text: String| std::fs::write(directory.join(name), text).expect("room");
    write("KEYS.csv", format!("id,voter_key\nA,{gone}\nB,{own}\n"));
    write("gone.csv", format!("voter_key\n{gone}\n"));
    for command in others {
        match command[1..].join(" ") {
            asked if asked.starts_with("registrar post ") => ask(&command[1..], &network, 0),
            asked if asked.starts_with("register ") => ask(&command[1..], &network, 1),
            _ => drop(run_to_its_end(&command[1..], &directory)),
        }
    }
}

/// Has a network's peer asked, which is the one of the data directory.
fn ask(arguments: &[String], network: &Network, peer: usize) {
    let peer = &network.peers[peer];
    let mut command = Command::new(binary("peer"));
    command.env_clear().current_dir(network.directory.path());
    command.env("OSTRAKON_DATA_DIR", &peer.data_directory);
    let api = format!("http://{}", peer.api);
    command.args(arguments.iter().map(|argument| argument.replace(PEER, &api)));
    let (code, errors) = Program::start("peer", command).finish(PATIENCE);
    assert_eq!(code, Some(0), "{arguments:?}: {errors}");
}

/// Whether a line is as documented.
fn is_like(documented: &str, found: &str) -> bool {
    let Some((before, after)) = documented.split_once(DIGITS) else { return documented == found };
    let digits = found.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    digits.is_some_and(|digits| digits.len() == 64 && hex::decode(digits).is_ok())
}

#[test]
fn real_answers_and_events_have_the_documented_shape() {
    let documented = documented_objects();
    let mut network = sample_network();
    network.tracker = Some(Tracker::start("0", &network.ballot()));
    for _ in 0..2 {
        network.join(&[]);
    }
    meet_all(&mut network.peers, PATIENCE);
    let real = real_objects(&mut network);
    for (name, object) in &real {
        let shapes = documented.get(name).unwrap_or_else(|| panic!("undocumented: {object}"));
        let fits = shapes.iter().any(|shape| same_shape(shape, object));
        assert!(fits, "{object}\nis none of {shapes:#?}");
    }
    // Whatever can be asked was asked.
    for name in documented.keys().filter(|name| name.starts_with("answer ")) {
        assert!(real.iter().any(|(real, _)| real == name), "{name} did not come");
    }
}

/// The page's JSON lines, by kind and name.
fn documented_objects() -> BTreeMap<String, Vec<Value>> {
    let page = document("docs/CLI.md");
    let mut objects: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("{\"")) {
        let object: Value = serde_json::from_str(line).expect("the page's JSON is good");
        objects.entry(name(&object)).or_default().push(object);
    }
    objects
}

/// What a peer really says when it is asked everything.
fn real_objects(network: &mut Network) -> Vec<(String, Value)> {
    let voter = Voter::new(&network.election, 1);
    let peer = &mut network.peers[0];
    let mut objects = vec![peer.ask("register"), peer.ask("vote Grace; Wednesday")];
    let lines = [
        "ballot",
        "status",
        "evidence",
        "peers",
        "sync",
        "help",
        "help vote",
        "lab rules",
        "chain",
        "mine",
    ];
    objects.extend(lines.map(|line| peer.ask(line)));
    objects.push(peer.ask(&format!("submit {}", voter.registration())));
    agree(&mut network.peers, 1, PATIENCE);
    let peer = &mut network.peers[0];
    for line in [
        "results",
        "myvote",
        "block 1",
        "block 0",
        "vote Ada",
        "vote Grece",
        "vote 1, 2",
        "block 9999",
        "chain many",
        "resluts",
    ] {
        objects.push(peer.ask(line));
    }
    let mut leaver = network.peers.pop().expect("there are two");
    objects.push(leaver.ask("leave"));
    leaver.wait_end(PATIENCE);
    let gone = |event: &Value| event["address"] == leaver.address.to_string();
    network.peers[0].wait_event("neighbour_left", PATIENCE, gone);
    let left = leaver.data_directory.to_str().expect("UTF-8").to_owned();
    for line in [
        "key show --data-dir LEFT --json",
        "audit LEFT --json",
        "audit LEFT --against LEFT --json",
        "export record --data-dir LEFT --json",
        "import record --data-dir new --json",
        "sign register --data-dir LEFT --json",
    ] {
        let words = words(&line.replace("LEFT", &left));
        let printed = run_to_its_end(&words, network.directory.path());
        objects.push(serde_json::from_str(&printed[0]).expect("JSON"));
    }
    objects.extend([&mut network.peers[0], &mut leaver].into_iter().flat_map(Peer::take_events));
    objects.into_iter().map(|object| (name(&object), object)).collect()
}

/// `answer vote`, `event block`.
fn name(object: &Value) -> String {
    let kinds = ["answer", "event"].iter();
    let mut names =
        kinds.filter_map(|kind| Some(format!("{kind} {}", object.get(kind)?.as_str()?)));
    names.next().unwrap_or_else(|| panic!("neither an answer nor an event: {object}"))
}

/// Whether two values have the same keys and kinds of values; `null` stands for any.
fn same_shape(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => true,
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| {
                    let other = right.get(key);
                    other.is_some_and(|other| key == COUNTERS || same_shape(value, other))
                })
        }
        (Value::Array(left), Value::Array(right)) => {
            let is_documented = |found| left.iter().any(|shape| same_shape(shape, found));
            left.is_empty() || right.iter().all(is_documented)
        }
        (Value::String(_), Value::String(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::Bool(_), Value::Bool(_)) => true,
        _ => false,
    }
}
