//! `peer key …` as a person meets it, in a real pseudo-terminal.

use std::process::Command;

use rexpect::reader::Options;
use rexpect::session::{PtySession, spawn_with_options};

use super::{Desk, field};
use crate::harness::{PATIENCE, binary};

fn start(desk: &Desk, line: &str) -> PtySession {
    let mut command = Command::new(binary("peer"));
    command.env_clear().env("TERM", "xterm").env("NO_COLOR", "1").arg("key");
    command.args(line.split(' ')).current_dir(desk.0.path());
    let patience = u64::try_from(PATIENCE.as_millis()).expect("it is short");
    let options = Options::new().timeout_ms(Some(patience)).strip_ansi_escape_codes(true);
    let mut session = spawn_with_options(command, options).expect("it starts");
    session.process_mut().set_kill_timeout(Some(3_000));
    session
}

/// Answers each question in turn; gives all that was shown.
fn talk(desk: &Desk, line: &str, answers: &[(&str, &str)]) -> String {
    let mut session = start(desk, line);
    let mut shown = String::new();
    for (question, answer) in answers {
        let before = session.exp_string(question);
        shown += &before.unwrap_or_else(|error| panic!("{line}: no {question:?}: {error}"));
        session.send(answer).expect("the terminal takes it");
        session.flush().expect("the terminal takes it");
    }
    shown += &session.exp_eof().expect("it ends");
    shown.replace('\r', "")
}

#[test]
fn a_phrase_is_shown_once_and_typed_in_again_and_passphrases_are_not_shown() {
    let desk = Desk::new();
    desk.write("passphrase", "open sesame");
    let twice =
        [("New passphrase for a.key", "open sesame\r"), ("The same again: ", "open sesame\r")];
    let made = talk(&desk, "new --key a.key", &twice);
    assert!(!made.contains("sesame") && field(&made, "passphrase") == "yes", "{made}");
    let (_, phrase) = made.split_once("Recovery phrase: these 24 words").expect("it is shown");
    let words = phrase.split_whitespace().collect::<Vec<_>>();
    let words = words.windows(2).filter(|pair| pair[0].parse::<u8>().is_ok());
    let words: Vec<_> = words.map(|pair| pair[1]).collect();
    assert_eq!(words.len(), 24, "{made}");
    assert!(!desk.keys("show --key a.key").contains(words[0]), "it is shown once");

    // On two lines, and with no passphrase.
    let typed = format!("{}\r{}\r", words[..10].join(" "), words[10..].join("  ").to_uppercase());
    let answers = [
        ("The 24 words, on one line or several:", typed.as_str()),
        ("(none if empty): ", "\r"),
        ("The same again: ", "\r"),
    ];
    let back = talk(&desk, "import --phrase --key b.key", &answers);
    assert_eq!(field(&back, "voter"), field(&made, "voter"), "{back}");
    assert!(field(&back, "passphrase").starts_with("none: "), "{back}");

    let differ = [("New passphrase", "one\r"), ("The same again: ", "two\r")];
    let refused = talk(&desk, "new --key c.key", &differ);
    assert!(refused.contains("peer: the two passphrases differ: nothing was changed"), "{refused}");
    assert!(!desk.path("c.key").exists());
    // Ctrl-C gives up, and so does the end of input.
    for key in ["\x03", "\x04"] {
        let refused = talk(&desk, "passwd --key a.key", &[("Passphrase of a.key: ", key)]);
        assert!(refused.contains("peer: no passphrase was given"), "{refused}");
    }
    // Slips are mended as anywhere: Backspace, and Ctrl-U for all of the line.
    let answers = [
        ("Passphrase of a.key: ", "shut\x15open sesamy\x7fe\r"),
        ("New passphrase", "\r"),
        ("The same again: ", "\r"),
    ];
    let opened = talk(&desk, "passwd --key a.key", &answers);
    assert!(field(&opened, "passphrase").starts_with("none: "), "{opened}");
}
