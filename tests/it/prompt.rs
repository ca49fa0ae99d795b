//! What a prompt takes without ending or guessing: bad bytes, lines typed ahead, half lines, names that are only near.

use std::num::NonZeroU16;

use protocol::admission::{AdmissionRule, Registrar};
use protocol::election::{Election, Question};
use protocol::keys::VoterKey;

use crate::harness::{Network, PATIENCE, error_kind, new_election, until};
use crate::terminal::{PROMPT, Terminal};

const CONTROL_C: &str = "\x03";
const CONTROL_D: &str = "\x04";

/// What a terminal puts around a text that is pasted.
const PASTE: (&str, &str) = ("\x1b[200~", "\x1b[201~");

fn alone(election: Election) -> (Network, Terminal) {
    let mut network = Network::without_tracker(election);
    let directory = network.new_data_directory();
    let terminal = Terminal::start(&["0", "--no-mining"], &directory, false);
    (network, terminal)
}

/// An election that asks a second question, which may be left blank.
fn two_questions() -> Election {
    let mut election = new_election(12);
    election.questions.push(Question {
        title: "Which evenings suit you?".into(),
        options: vec!["Tuesday".into(), "Wednesday".into(), "Thursday".into()],
        choices_min: 0,
        choices_max: 2,
    });
    election
}

#[test]
fn a_byte_that_is_no_utf_8_refuses_its_line_and_no_other() {
    let (_network, mut terminal) = alone(new_election(12));
    for line in
        [&b"vote Zo\xeb\r"[..], b"\xff\r", b"vote Ada\xc3\r", b"\xebvote Ada\r", b"\xf0\x9f\x8f\r"]
    {
        terminal.sends(line);
        terminal.sees("no UTF-8, and nothing was done");
        terminal.sees(PROMPT);
    }
    // What comes in the same moment, and in pieces, is not lost with it.
    terminal.sends(b"vote Ada\xeb\rmyvote\r");
    terminal.sees("no UTF-8, and nothing was done");
    terminal.sees("no vote was cast with this key");
    terminal.sees(PROMPT);
    terminal.sends(b"vote Zo\xc3");
    terminal.sends(b"\xab\r");
    terminal.sees("has no option \"Zo\u{c3}\u{ab}\"");
    terminal.sees(PROMPT);
    terminal.enters("leave");
    terminal.ends_well();
}

#[test]
fn a_line_that_is_too_long_is_refused_and_no_other() {
    let (_network, mut terminal) = alone(new_election(12));
    let (begin, end) = PASTE;
    terminal.sends(format!("{begin}vote {}{end}\r", "x".repeat(20_000)).as_bytes());
    terminal.sees("the line has over 16384 bytes, and nothing was done: type less");
    terminal.sees(PROMPT);
    terminal.enters("peers");
    terminal.sees("no neighbours");
    terminal.sees(PROMPT);
    terminal.enters("leave");
    terminal.ends_well();
}

#[test]
fn a_paste_that_never_ends_keeps_nobody_from_the_prompt() {
    let (_network, mut terminal) = alone(new_election(12));
    let (begin, _) = PASTE;
    terminal.sends(format!("{begin}vote Ada\r").as_bytes());
    terminal.types(CONTROL_C);
    terminal.sees("vote Ada");
    terminal.enters("peers");
    terminal.sees("no neighbours");
    terminal.sees(PROMPT);
    terminal.sends(format!("{begin}vote Ada\r").as_bytes());
    terminal.signal("TERM");
    terminal.ends_well();
}

#[test]
fn lines_that_are_typed_or_pasted_ahead_are_all_answered_in_order() {
    let (_network, mut terminal) = alone(new_election(12));
    terminal.sends(b"status\rpeers\rballot\r");
    terminal.sees("pool");
    terminal.sees("no neighbours");
    terminal.sees("Who takes the chair?");
    terminal.sends(b"vote 1\rmyvote\r");
    terminal.sees("your vote (Ada) is accepted");
    terminal.sees("vote: Ada");
    let (begin, end) = PASTE;
    terminal.sends(format!("{begin}peers\r\nhelp vote\nresults{end}\r").as_bytes());
    terminal.sees("no neighbours");
    terminal.sees("vote [--voter NAME] [CHOICES]");
    terminal.sees("Who takes the chair?");
    let many: String = (1..=40).map(|number| format!("word-{number}\r")).collect();
    terminal.sends(many.as_bytes());
    for number in 1..=40 {
        terminal.sees(&format!("there is no command \"word-{number}\""));
    }
    terminal.sends(b"exit\ry\r");
    terminal.ends_well();
}

#[test]
fn control_c_clears_a_half_line_and_leaves_on_an_empty_one() {
    let (_network, mut terminal) = alone(new_election(12));
    terminal.types("vote Ada");
    terminal.sees("vote Ada");
    terminal.types(CONTROL_C);
    terminal.sees(PROMPT);
    terminal.enters("myvote");
    terminal.sees("no vote was cast with this key");
    terminal.sees(PROMPT);
    // What is typed ahead of it and after it holds.
    terminal.sends(b"peers\rvote Ada\x03ballot\r");
    terminal.sees("no neighbours");
    terminal.sees("Who takes the chair?");
    terminal.sees(PROMPT);
    terminal.enters("myvote");
    terminal.sees("no vote was cast with this key");
    terminal.sees(PROMPT);
    terminal.types(CONTROL_C);
    terminal.ends_well();
}

#[test]
fn whoever_leaves_by_a_key_is_warned_as_by_the_command() {
    for key in [CONTROL_C, CONTROL_D] {
        let (_network, mut terminal) = alone(new_election(12));
        terminal.enters("vote Ada");
        terminal.sees("your vote (Ada) is accepted");
        terminal.sees(PROMPT);
        terminal.types(key);
        terminal.sees("Leave all the same?");
        terminal.enters("n");
        terminal.sees(PROMPT);
        terminal.types(key);
        terminal.sees("Leave all the same?");
        terminal.enters("y");
        terminal.ends_well();
    }
}

#[test]
fn exit_and_quit_leave_and_key_shows_the_key() {
    for word in ["exit", "quit"] {
        let (_network, mut terminal) = alone(new_election(12));
        terminal.enters("key");
        terminal.sees("voter key:");
        terminal.sees("voter.key");
        terminal.sees(PROMPT);
        terminal.enters(word);
        terminal.ends_well();
    }
}

#[test]
fn what_is_near_or_left_out_is_asked_before_anything_is_cast() {
    let (_network, mut terminal) = alone(two_questions());
    terminal.enters("vote Grace");
    terminal.sees("question 2 (Which evenings suit you?) is not answered");
    terminal.sees("1  Tuesday");
    terminal.sees("Your choice");
    // Enter alone is no answer either.
    terminal.enters("");
    terminal.sees("`-` to leave it blank");
    terminal.sees("Your choice");
    terminal.enters("-");
    terminal.sees("You choose: Grace; blank");
    terminal.sees("Cast this vote?");
    terminal.enters("n");
    terminal.sees("nothing was cast");
    terminal.sees(PROMPT);

    terminal.enters("vote Gr; Th");
    terminal.sees("did you mean \"Grace\"?");
    terminal.sees("did you mean \"Thursday\"?");
    terminal.sees("You choose: Grace; Thursday");
    terminal.sees("Cast this vote?");
    terminal.types(CONTROL_C);
    terminal.sees("nothing was cast");
    terminal.sees(PROMPT);

    terminal.enters("vote Hedy; T");
    terminal.sees("\"T\" could be \"Tuesday\" or \"Thursday\"");
    terminal.sees("Your choice");
    terminal.enters("Thursday");
    terminal.sees("You choose: Hedy; Thursday");
    terminal.sees("Cast this vote?");
    terminal.enters("y");
    terminal.sees("your vote (Hedy; Thursday) is accepted");
    terminal.sees(PROMPT);
    terminal.enters("leave");
    terminal.sees("Leave all the same?");
    terminal.enters("y");
    terminal.ends_well();
}

#[test]
fn where_nobody_can_be_asked_a_doubt_is_a_refusal_alike_everywhere() {
    let mut network = Network::with_tracker(two_questions());
    network.join(&["--no-mining"]);
    let peer = &mut network.peers[0];
    for (choices, kind, part) in [
        (
            "Grace",
            "wrong_number_of_questions",
            "question 2 (Which evenings suit you?) is not answered",
        ),
        ("2;", "wrong_number_of_questions", "`-` to leave it blank"),
        ("; Tuesday", "wrong_number_of_choices", "question 1"),
        ("Gr; -", "no_such_option", "did you mean \"Grace\"?"),
        ("Grece; -", "no_such_option", "did you mean \"Grace\"?"),
        ("Ada; T", "ambiguous_option", "could be"),
        // It begins as a flag does, and is none.
        ("-; Tuesday", "wrong_number_of_choices", "question 1"),
    ] {
        let answer = peer.ask(&format!("vote {choices}"));
        assert_eq!(error_kind(&answer), kind, "{choices}: {answer}");
        let message = answer["error"]["message"].as_str().expect("a message");
        assert!(message.contains(part), "{choices}: {message}");
        let directory = peer.data_directory.to_str().expect("UTF-8");
        let arguments = ["vote", choices, "--data-dir", directory];
        let (code, told) = crate::harness::run_task(network.directory.path(), &arguments);
        assert_eq!((code, error_kind(&told)), (Some(1), kind), "{choices}: {told}");
        assert_eq!(told["error"]["message"], message, "{choices}");
    }
    assert_eq!(peer.ask("status")["pool"], 0, "nothing was cast");
    assert_eq!(peer.vote("Grace; -")["choices"], serde_json::json!([["Grace"], []]));
}

#[test]
fn the_exact_name_of_an_option_comes_before_its_number() {
    let mut election = new_election(12);
    election.questions[0].options = ["#3", "#1", "#2"].map(str::to_owned).to_vec();
    let mut network = Network::with_tracker(election);
    network.join(&["--no-mining"]);
    let peer = &mut network.peers[0];
    assert_eq!(error_kind(&peer.ask("vote 1")), "ambiguous_option");
    assert_eq!(peer.vote("#1")["choices"], serde_json::json!([["#1"]]));
}

#[test]
fn who_has_to_be_admitted_is_shown_the_key_to_send() {
    let mut election = new_election(12);
    let key = VoterKey::from_secret_bytes(&[7; 32]).expect("a key").public();
    let registrars = vec![Registrar { name: "Secretary".into(), key }];
    election.admission = AdmissionRule::Registrars { registrars, threshold: 1 };
    let mut network = Network::with_tracker(election);
    network.join(&["--no-mining"]);
    let peer = &mut network.peers[0];
    let own = peer.ask("key")["voter_key_text"].as_str().expect("a key").to_owned();
    let directory = peer.data_directory.to_str().expect("UTF-8").to_owned();
    for line in ["vote Ada", "register"] {
        let answer = peer.ask(line);
        assert_eq!(error_kind(&answer), "needs_admission", "{line}");
        assert!(answer.to_string().contains(&own), "{line}: {answer}");
        let mut arguments: Vec<_> = line.split(' ').collect();
        arguments.extend(["--data-dir", directory.as_str()]);
        let (_, told) = crate::harness::run_task(network.directory.path(), &arguments);
        assert_eq!(error_kind(&told), "needs_admission", "{line}");
        assert!(told.to_string().contains(&own), "{line}: {told}");
    }
}

#[test]
fn mining_has_one_line_that_is_drawn_anew() {
    // No machine finds such a block while this runs.
    let mut network = Network::without_tracker(new_election(48));
    let directory = network.new_data_directory();
    let mut terminal = Terminal::start(&["0", "--mining-threads", "1"], &directory, true);
    let (rows, columns) = (NonZeroU16::new(40), NonZeroU16::new(200));
    let mut screen = vt100::Parser::new(rows.expect("rows"), columns.expect("columns"), 0);
    terminal.enters("vote Ada");
    let mut sent = String::new();
    let shown = until("its progress is shown several times", PATIENCE, || {
        let news = terminal.read_on();
        screen.process(news.as_bytes());
        sent += &news;
        (sent.matches("mining block").count() >= 4).then(|| screen.screen().contents())
    });
    assert_eq!(shown.matches("mining block").count(), 1, "{shown}");
    assert!(shown.contains("your vote (Ada) is accepted"), "{shown}");
    assert!(shown.trim_end().ends_with(PROMPT.trim_end()), "{shown}");
    terminal.enters("leave");
    terminal.sees("Leave all the same?");
    terminal.enters("y");
    terminal.ends_well();
}
