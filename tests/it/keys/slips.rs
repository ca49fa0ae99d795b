//! Keys that went through mails and hands: a slip is found and its letter named; and no command tells a person what a
//! library says.

use protocol::keys::VoterKey;

use super::Desk;

fn run(desk: &Desk, words: &[&str]) -> super::Done {
    let mut command = std::process::Command::new(crate::harness::binary("peer"));
    command.env_clear().args(words);
    desk.run(command)
}

#[test]
fn a_slip_in_a_key_is_named_by_its_letter_and_hex_is_warned_of() {
    let desk = Desk::new();
    let text = |number: u8| {
        VoterKey::from_secret_bytes(&[number; 32]).expect("a secret key").public().text()
    };
    let registrar = new_registrar(&desk);
    let secretary = registrar["key_text"].as_str().expect("a text").to_owned();
    assert!(desk.keys("export --public --key secretary.key").contains(&secretary));
    let new = |key: &str, more: &[&str]| {
        let named = format!("Secretary: {key}");
        let options = ["ballot", "new", "--title", "Board", "--question", "Who? | Ada | Grace"];
        run(&desk, &[&options, &["--force", "--registrar", &named][..], more].concat())
    };
    let slip = format!("{}b{}", &secretary[..16], &secretary[17..]);
    let refused = new(&slip, &[]);
    let expected =
        format!("the key's letter 17 (`b`) may be wrong: `{}` would fit", &secretary[16..17]);
    assert!(refused.stderr.contains(&expected), "{refused:?}");
    let in_hex = registrar["key"].as_str().expect("a text");
    let warned = new(in_hex, &[]);
    assert!(warned.code == Some(0) && warned.stderr.contains("no checksum"), "{warned:?}");
    assert_eq!(new(in_hex, &["--quiet"]).stderr, "");
    assert_eq!(new(&secretary, &[]).stderr, "");

    let one = text(1);
    let admit = |key: &str| {
        desk.write("keys.csv", &format!("voter_key\n{key}\n{}\n", text(2)));
        let words =
            ["registrar", "admit", "keys.csv", "--key", "secretary.key", "--out", "a.jsonl"];
        run(&desk, &words)
    };
    let refused = admit(&one.replace("ostkey1", "ostkey7"));
    let told = "line 2: the key's letter 7 (`7`) may be wrong: `1` would fit";
    assert!(refused.code == Some(2) && refused.stderr.contains(told), "{refused:?}");
    let signed = admit(&one.to_uppercase());
    assert!(signed.stdout.contains("signed the admission of 2 voters"), "{signed:?}");
    assert!(!signed.stdout.contains("checksum"), "{signed:?}");
}

#[test]
fn no_librarys_words_reach_a_person() {
    const WORDS: [&str; 12] = [
        "os error",
        "expected",
        "EOF",
        "invalid type",
        "invalid value",
        "unknown field",
        "missing field",
        "at line",
        "column 0",
        "-->",
        "Error",
        "unexpected",
    ];
    let desk = Desk::new();
    let registrar = new_registrar(&desk);
    let key = VoterKey::from_secret_bytes(&[3; 32]).expect("a secret key").public().text();
    let head = "id = \"f876752447052e11c590c593c97bb953\"\ntitle = \"Club\"\n";
    for (file, text) in [
        ("a.toml", "title = \"Club"),
        ("b.toml", "title = Club\n"),
        ("c.toml", "[[question]\n"),
        ("d.toml", head),
        ("e.toml", "= 1\n"),
        ("f.toml", ""),
        ("g.toml", "created = 2026-13-77\n"),
        ("h.toml", "options = [\"a\" \"b\"]\n"),
        ("i.toml", "title = \"a\\qb\"\n"),
    ] {
        desk.write(file, text);
    }
    for (file, line) in [
        ("cut.jsonl", "{\"voter_key\":\"02"),
        ("empty.jsonl", "{}"),
        ("odd.jsonl", "{\"voter\":1,\"signatures\":[]}"),
        ("list.jsonl", "[]"),
    ] {
        desk.write(file, line);
    }
    desk.write("short.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    desk.write("bad.csv", &format!("voter_key\n{}\nhello\n", &key[..50]));
    let admit = |list: &'static str, ballot: &'static str| {
        ["registrar", "admit", list, "--key", "secretary.key", "--ballot", ballot].to_vec()
    };
    let mut lines: Vec<Vec<&str>> = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "missing"]
        .iter()
        .map(|name| vec!["ballot", "check", Box::leak(format!("{name}.toml").into_boxed_str())])
        .collect();
    let named = format!("Secretary: {}", registrar["key_text"].as_str().expect("a text"));
    let made = run(
        &desk,
        &[
            "ballot",
            "new",
            "--title",
            "Board",
            "--question",
            "Who? | Ada | Grace",
            "--registrar",
            &named,
        ],
    );
    assert_eq!(made.code, Some(0), "{made:?}");
    lines.push(admit("bad.csv", "ballot.toml"));
    lines.push(admit("nowhere.csv", "ballot.toml"));
    lines.push(admit("bad.csv", "a.toml"));
    for file in ["cut.jsonl", "empty.jsonl", "odd.jsonl", "list.jsonl", "none.jsonl"] {
        lines.push(vec!["registrar", "show", file]);
    }
    lines.push(vec!["key", "show", "--key", "short.pem"]);
    lines.push(vec!["key", "import", "nowhere.pem", "--key", "new.key"]);
    lines.push(vec!["key", "new", "--key", "no/such/place.key", "--no-phrase", "--no-passphrase"]);
    lines.push(vec!["sign", "vote", "1", "--key", "short.pem"]);
    for words in lines {
        let done = run(&desk, &words);
        assert!(done.code == Some(2) && done.stdout.is_empty(), "{words:?}: {done:?}");
        for word in WORDS {
            assert!(!done.stderr.contains(word), "{words:?}: {}", done.stderr);
        }
    }
}

/// Makes a registrar's key in `secretary.key`, and returns what is said of it.
fn new_registrar(desk: &Desk) -> serde_json::Value {
    let line = ["registrar", "init", "--key", "secretary.key", "--no-passphrase", "--json"];
    let made = run(desk, &line);
    assert_eq!(made.code, Some(0), "{made:?}");
    serde_json::from_str(&made.stdout).expect("one object")
}
