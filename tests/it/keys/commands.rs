//! `peer key …` by itself: phrases, passphrases, the former format, and files that are there already.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::{Desk, field, mode_of};
use crate::harness::binary;

const EXISTS: &str = "is there already: name another file, or replace it by --force";

#[test]
fn a_lost_laptop_is_made_up_for_by_the_phrase() {
    let desk = Desk::new();
    let made = desk.keys("new --data-dir laptop --phrase-file paper");
    let voter = field(&made, "voter").to_owned();
    let words = desk.read("paper");
    assert_eq!(words.split_whitespace().count(), 24, "{words}");
    assert_eq!(mode_of(&desk.path("paper")), 0o600);
    assert_eq!(mode_of(&desk.path("laptop")), 0o700);
    assert_eq!(mode_of(&desk.path("laptop/voter.key")), 0o600);
    fs::remove_dir_all(desk.path("laptop")).expect("lost");

    let back = desk.keys("import --phrase-file paper --data-dir another --json");
    let back: serde_json::Value = serde_json::from_str(&back).expect("one object");
    assert_eq!(back["answer"], "key");
    assert_eq!((&back["voter"], &back["passphrase"]), (&voter.into(), &false.into()));
    // As people write them down.
    desk.write("paper", &words.to_uppercase().replace(' ', "\n   "));
    let again = desk.keys("import --phrase-file paper --data-dir third");
    assert_eq!(field(&again, "voter key"), back["voter_key_text"]);

    let words: Vec<_> = words.split_whitespace().collect();
    let mut slip = words.clone();
    slip[16] = "vot";
    let mut turned = words.clone();
    turned.reverse();
    for (words, expected) in [
        (
            words[1..].to_vec(),
            "a recovery phrase has 24 words, and here are 23; nothing was changed",
        ),
        (
            slip,
            "word 17 of the recovery phrase is none of BIP 39's English words: look at it again; nothing was changed",
        ),
        (
            turned,
            "the recovery phrase does not check: a word is another one, or two changed places; nothing was changed",
        ),
    ] {
        desk.write("paper", &words.join(" "));
        // One phrase in 256 checks by chance when it is turned around.
        let line = "import --phrase-file paper --data-dir third --force";
        if desk.key(line).code != Some(0) {
            assert_eq!(desk.refused(line), expected);
        }
    }
    assert_eq!(
        desk.refused("import --phrase --data-dir fourth"),
        "there is no terminal to ask for the recovery phrase: name a --phrase-file or --phrase-fd"
    );
    assert_eq!(
        desk.refused("new --data-dir fourth"),
        "stdout is no terminal, and the recovery phrase is not written just anywhere: name a --phrase-file, or leave it out by --no-phrase"
    );
}

#[test]
fn a_passphrase_is_set_changed_and_removed() {
    let desk = Desk::new();
    for (file, text) in [("first", "one\n"), ("second", "two\r\n"), ("none", "\n")] {
        desk.write(file, text);
    }
    let made = desk.keys("new --key a.key --no-phrase");
    let voter = field(&made, "voter");
    assert!(field(&made, "passphrase").starts_with("none: whoever can read the file can vote"));
    let locked = desk.keys("passwd --key a.key --new-passphrase-file first");
    assert_eq!((field(&locked, "voter"), field(&locked, "passphrase")), (voter, "yes"));
    let change = "passwd --key a.key --new-passphrase-file second --passphrase-file";
    assert_eq!(desk.refused(&format!("{change} second")), "this is not the passphrase of a.key");
    assert_eq!(desk.refused(&format!("{change} none")), "none holds no passphrase");
    desk.keys(&format!("{change} first"));
    // By descriptors, as a script that has it in a variable hands it over.
    let mut command = Command::new("sh");
    let line = "exec \"$1\" key passwd --key a.key --passphrase-fd 3 --new-passphrase-fd 4 3<second 4<first";
    command.args(["-c", line, "sh"]).arg(binary("peer"));
    let changed = desk.run(command);
    assert_eq!(changed.code, Some(0), "{changed:?}");
    assert_eq!(field(&changed.stdout, "passphrase"), "yes");
    let opened = desk.keys("passwd --key a.key --passphrase-file first --no-passphrase");
    assert!(field(&opened, "passphrase").starts_with("none"), "{opened}");
    assert_eq!(field(&desk.keys("show --key a.key"), "voter"), voter);
    assert_eq!(
        desk.refused("passwd --key a.key"),
        "there is no terminal to ask for the passphrase: name a --new-passphrase-file or --new-passphrase-fd"
    );
    desk.write("lines", "one\ntwo\n");
    desk.write("long", &"x".repeat(1_025));
    fs::write(desk.path("readable"), "one\n").expect("written");
    fs::set_permissions(desk.path("readable"), fs::Permissions::from_mode(0o644)).expect("a mode");
    for (file, expected) in [
        ("lines", "lines holds several lines: a passphrase is one"),
        ("long", "a passphrase has at most 1024 bytes"),
        ("readable", "readable can be read by others (mode 644): run `chmod 600 readable`"),
        ("nowhere", "nowhere is not there"),
        // A script that wrote nothing into it wants the key locked, all the same.
        ("none", "none holds no passphrase"),
    ] {
        let line = format!("passwd --key a.key --new-passphrase-file {file}");
        assert_eq!(desk.refused(&line), expected);
    }
    assert_eq!(field(&desk.keys("show --key a.key"), "voter"), voter);
}

#[test]
fn nothing_is_replaced_unless_that_is_said() {
    let desk = Desk::new();
    desk.keys("new --key a.key --no-phrase");
    desk.keys("new --key b.key --phrase-file b.phrase");
    let before = desk.read("a.key");
    for line in [
        "new --key a.key --no-phrase",
        "import b.key --key a.key",
        "import --phrase-file b.phrase --key a.key",
        "export --key b.key --out a.key",
        "export --key b.key --public --out a.key",
    ] {
        assert_eq!(desk.refused(line), format!("a.key {EXISTS}"), "{line}");
    }
    // The phrase's file is nothing that --force is about.
    let line = "new --key c.key --phrase-file b.phrase --force";
    assert_eq!(desk.refused(line), "b.phrase is there already: name another --phrase-file");
    assert!(!desk.path("c.key").exists());
    assert_eq!(desk.read("a.key"), before);
    desk.keys("import b.key --key a.key --force");
    assert_ne!(desk.read("a.key"), before);
    let left: Vec<_> = fs::read_dir(desk.0.path()).expect("a listing").collect();
    assert_eq!(left.len(), 3, "{left:?}");

    fs::set_permissions(desk.path("a.key"), fs::Permissions::from_mode(0o644)).expect("a mode");
    for line in ["show --key a.key", "export --key a.key", "import a.key --key c.key"] {
        let expected = "a.key can be read by others (mode 644): run `chmod 600 a.key`";
        assert_eq!(desk.refused(line), expected, "{line}");
    }
    assert_eq!(
        desk.refused("show --key nowhere.key"),
        "there is no key in nowhere.key: make one by `peer key new`"
    );
}

#[test]
fn the_former_format_is_converted_as_the_message_says() {
    let desk = Desk::new();
    desk.write("voter.key", &format!("{}\n", "11".repeat(32)));
    let expected = "voter.key has the former format of 64 digits: write it anew by `peer key import voter.key --key voter.key --force`";
    assert_eq!(desk.refused("show --key voter.key"), expected);
    // At the start of a peer, too.
    let mut command = Command::new(binary("peer"));
    command.args(["ballot", "new", "--title", "Board", "--question", "Chair? | Ada | Grace"]);
    assert_eq!(desk.run(command).code, Some(0));
    let mut command = Command::new(binary("peer"));
    command.env_clear().args(["0", "--api", "off", "--data-dir", "."]);
    let refused = desk.run(command);
    let message = refused.stderr.replace("./", "");
    assert_eq!((refused.code, message), (Some(2), format!("peer: {expected}\n")));

    let converted = desk.keys("import voter.key --key voter.key --force");
    // The voter of that secret number.
    let key = protocol::keys::VoterKey::from_secret_bytes(&[0x11; 32]).expect("a key");
    assert_eq!(field(&converted, "voter"), key.public().voter().to_string());
    assert!(desk.read("voter.key").contains("-----BEGIN PRIVATE KEY-----"));
    desk.write("zero.key", &"00".repeat(32));
    let message = desk.refused("import zero.key --key new.key");
    assert_eq!(message, "zero.key has the 64 digits of no secret key on secp256k1");
}
