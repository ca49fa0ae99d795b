//! What a terminal of 60 or 80 columns shows: no line is broken inside of a word.

use crate::harness::{Network, PATIENCE, agree, new_election};
use crate::terminal::{PROMPT, Terminal};

const WIDTHS: [usize; 2] = [60, 80];

/// The lines that are longer than the terminal, but for those that are one word.
fn too_long(text: &str, columns: usize) -> Vec<&str> {
    let is_too_long = |line: &&str| shown(line) > columns && line.trim().contains(' ');
    // What the editor draws over in the same row is not seen.
    let seen = text.lines().filter_map(|line| line.trim_end().rsplit('\r').next());
    seen.filter(is_too_long).collect()
}

/// How many characters of UTF-8 a line has; the terminal's reader makes one of each byte.
fn shown(line: &str) -> usize {
    let bytes: Vec<u8> = line.chars().filter_map(|character| character.try_into().ok()).collect();
    String::from_utf8_lossy(&bytes).chars().count()
}

#[test]
fn helps_are_as_wide_as_the_terminal_and_the_short_one_is_one_screen() {
    let network = Network::without_tracker(new_election(12));
    let directory = network.directory.path().join("none");
    for columns in WIDTHS {
        for words in [&["-h"][..], &["--help"], &["vote", "--help"], &["ballot", "new", "--help"]] {
            // What stands behind the end of the options is no option.
            let words = [words, &["--"]].concat();
            let wanted = columns.to_string();
            let shown = Terminal::run_on(&wanted, &words, &directory, false).read_to_end();
            assert!(shown.contains("peer"), "{words:?}: {shown}");
            assert_eq!(too_long(&shown, columns), Vec::<&str>::new(), "{words:?}: {shown}");
            if words[0] == "-h" && columns == 80 {
                assert!(shown.lines().count() <= 27, "{shown}");
            }
        }
    }
}

#[test]
fn the_prompt_breaks_its_answers_and_refusals_between_words() {
    let mut network = Network::without_tracker(new_election(12));
    for columns in WIDTHS {
        let directory = network.new_data_directory();
        let wanted = columns.to_string();
        let start = ["0", "--no-mining"];
        let mut terminal = Terminal::run_on(&wanted, &start, &directory, false);
        terminal.sees("listening on");
        let mut shown = terminal.sees(PROMPT);
        for line in ["help", "mine", "vote Nobody", "status", "lab race"] {
            terminal.enters(line);
            shown += &terminal.sees(line);
            shown += &terminal.sees(PROMPT);
        }
        let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in ["show the neighbours", "without --no-mining", "has no option", "voter"] {
            assert!(words.contains(part), "{part}: {shown}");
        }
        assert_eq!(too_long(&shown, columns), Vec::<&str>::new(), "{shown}");
        terminal.enters("leave");
        terminal.ends_well();
    }
}

#[test]
fn what_is_said_of_a_record_breaks_between_words() {
    let mut network = Network::start(2, 12);
    network.peers[0].vote("Ada");
    agree(&mut network.peers, 1, PATIENCE);
    let mut peer = network.peers.remove(0);
    let receipt = network.directory.path().join("receipt.json");
    peer.ask(&format!("myvote --receipt {}", receipt.display()));
    peer.ask("leave");
    assert!(peer.wait_end(PATIENCE).success());
    let directory = peer.data_directory.clone();
    let data = directory.to_str().expect("UTF-8");
    for columns in WIDTHS {
        let wanted = columns.to_string();
        let (archive, made) = (format!("{columns}.archive"), format!("made-{columns}"));
        for (words, part) in [
            (vec!["export", &archive, "--data-dir", data], "blocks after the genesis"),
            (vec!["audit", &archive], "as the ballot allows, by registered voters, one each"),
            (vec!["audit", &archive, "--against", data], "the same record"),
            (
                vec!["verify-receipt", "receipt.json", &archive],
                "is on the best chain of this record",
            ),
            (vec!["import", &archive, "--data-dir", &made], "blocks after the genesis"),
        ] {
            let shown = Terminal::run_task_on(&wanted, &words, &directory).read_to_end();
            let told = shown.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(told.contains(part), "{words:?}: {shown}");
            assert_eq!(too_long(&shown, columns), Vec::<&str>::new(), "{words:?}: {shown}");
        }
    }
}
