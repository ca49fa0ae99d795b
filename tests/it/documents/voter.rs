//! docs/VOTER.md: a voter at a real terminal, from the making of the key to a second computer, by the page's commands.
//! The organiser's part, as docs/ORGANISER.md has it, is done here.

use std::fs;

use super::script::{Fenced, REFUSED, Script, Typed, fenced, typed};
use super::{document, words};

const PASSPHRASE: &str = "open sesame";

/// The page's computers, by their data directories.
const COMPUTERS: [&str; 2] = ["my-vote", "new-laptop"];

/// When the first computer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    BeforeVoting,
    AfterVoting,
}

/// A voter, and the organiser who is asked to admit.
struct Desk {
    script: Script,
    lost: Lost,
    phrase: String,
    /// As `key new` showed them of the voter's own key.
    voter: String,
    voter_key: String,
}

#[test]
fn a_voter_votes_as_written_and_finds_the_vote_again_on_another_computer() {
    let commands = follow(Lost::AfterVoting);
    assert!(commands >= 20, "{commands} commands");
}

#[test]
fn a_voter_whose_computer_is_lost_before_voting_votes_on_another_one() {
    let commands = follow(Lost::BeforeVoting);
    assert!(commands >= 12, "{commands} commands");
}

/// Goes through the page; gives how many of its commands were typed.
fn follow(lost: Lost) -> usize {
    let page = document("docs/VOTER.md");
    let mut desk = Desk::new(lost);
    let all: Vec<(bool, Typed<'_>)> = fenced(&page)
        .iter()
        .inspect(|Fenced { name, .. }| {
            assert!(["console", REFUSED].contains(name), "what is {name}?");
        })
        .flat_map(|Fenced { name, lines }| {
            typed(lines).into_iter().map(|line| (*name == REFUSED, line))
        })
        .collect();
    let find = |beginning: &str| {
        let mut places = all.iter().map(|(_, line)| line.command);
        places.position(|command| command.starts_with(beginning)).expect("the page has it")
    };
    let (votes, loses) = (find("peer vote "), find("peer key import "));
    let is_left_out = |place: usize| lost == Lost::BeforeVoting && (votes..loses).contains(&place);
    let mut commands = 0;
    for (place, (is_refused, line)) in all.iter().enumerate() {
        if is_left_out(place) {
            continue;
        }
        desk.type_in(line, *is_refused, |command| command.to_owned());
        commands += 1;
        // "If not, vote now, as above."
        let [first, second] = COMPUTERS;
        if lost == Lost::BeforeVoting && place == loses + 1 {
            desk.type_in(&all[votes].1, false, |command| command.replace(first, second));
            commands += 1;
        }
    }
    commands
}

impl Desk {
    /// The organiser's part up to the voter's first command: registrars, the ballot, the tracker and a peer.
    fn new(lost: Lost) -> Self {
        let mut script = Script::new();
        let mut ballot = "peer ballot new --title \"Assembly 2026\" --difficulty-bits 12 \
                          --question \"Shall we build a new hall? | Yes | No\""
            .to_owned();
        for name in ["Secretary", "Treasurer", "Chair"] {
            let made = words(&format!("peer registrar init --key {name}.key --name {name}"));
            let output = script.run(&made, &[], false);
            let line = output.iter().find_map(|line| line.trim().strip_prefix("key = "));
            ballot +=
                &format!(" --registrar \"{name}: {}\"", line.expect("a key").trim_matches('"'));
        }
        script.run(&words(&format!("{ballot} --threshold 2")), &[], false);
        script.run(&words("tracker 5000"), &[], false);
        script.run(&words("peer 5000 6001 --ballot ballot.toml --data-dir office"), &[], false);
        let (phrase, voter, voter_key) = Default::default();
        let mut desk = Self { script, lost, phrase, voter, voter_key };
        desk.sit_down();
        desk
    }

    /// From now on somebody sits at the terminal who knows the passphrase and, once it was shown, the phrase.
    fn sit_down(&mut self) {
        self.script.answers = vec![
            ("(none if empty): ", PASSPHRASE.to_owned()),
            ("The same again: ", PASSPHRASE.to_owned()),
            (".key: ", PASSPHRASE.to_owned()),
            ("on one line or several:", self.phrase.clone()),
        ];
    }

    fn type_in(&mut self, line: &Typed<'_>, is_refused: bool, change: impl Fn(&str) -> String) {
        let command = words(&change(line.command));
        let printed: Vec<String> = line.printed.iter().map(|line| change(line)).collect();
        let printed: Vec<&str> = printed.iter().map(String::as_str).collect();
        let is = |expected: [&str; 2]| command[1..3] == expected;
        if command[1] == "register" {
            let voter_key = self.voter_key.clone();
            self.sign(&voter_key, "admissions.jsonl");
        }
        if is(["key", "import"]) {
            self.lose_computer();
        }
        let output = self.script.run(&command, &printed, is_refused);
        assert!(!output.concat().contains(PASSPHRASE), "{output:#?}");
        let is_second = command.contains(&"--voter".to_owned());
        if is(["key", "new"]) && is_second {
            self.sign(field(&output, "voter key"), "second.jsonl");
            let post = "peer registrar post second.jsonl --data-dir new-laptop";
            self.script.run(&words(post), &[], false);
        } else if is(["key", "new"]) {
            self.phrase = phrase(&output);
            self.voter = field(&output, "voter").to_owned();
            self.voter_key = field(&output, "voter key").to_owned();
            self.sit_down();
        } else if command[1] == "key" {
            assert_eq!(field(&output, "voter"), self.voter, "the same voter");
            assert_eq!(field(&output, "voter key"), self.voter_key, "the same key");
        }
    }

    /// Two registrars admit a key.
    fn sign(&mut self, voter_key: &str, file: &str) {
        let path = self.script.directory.path().join("KEYS.csv");
        fs::write(path, format!("voter_key\n{voter_key}\n")).expect("there is room");
        let answers = std::mem::take(&mut self.script.answers);
        for name in ["Secretary", "Chair"] {
            let admit = format!("peer registrar admit KEYS.csv --key {name}.key --out {file}");
            self.script.run(&words(&admit), &[], false);
        }
        self.script.answers = answers;
    }

    /// Nothing is left of the first computer; what it had told others they have.
    fn lose_computer(&mut self) {
        let registered = "peer results --data-dir office";
        let counted = match self.lost {
            Lost::AfterVoting => "1 of 1 registered voter voted (100.0 %), counted up to block …",
            Lost::BeforeVoting => "0 of 1 registered voter voted (0.0 %), counted up to block …",
        };
        self.script.run(&words(registered), &[counted], false);
        self.script.peers.remove(COMPUTERS[0]);
        let directory = self.script.directory.path().join(COMPUTERS[0]);
        fs::remove_dir_all(directory).expect("it was there");
    }
}

/// The value of a line such as `voter:      HEX`.
fn field<'t>(output: &'t [String], name: &str) -> &'t str {
    let line = output.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {output:#?}")).trim()
}

/// The words that stand behind their numbers.
fn phrase(output: &[String]) -> String {
    let shown = output.iter().skip_while(|line| !line.starts_with("Recovery phrase"));
    let shown: Vec<&str> = shown.flat_map(|line| line.split_whitespace()).collect();
    let numbered = shown.windows(2).filter(|pair| pair[0].parse::<u8>().is_ok());
    // The first line says how many they are.
    let numbered: Vec<&str> =
        numbered.map(|pair| pair[1]).filter(|word| *word != "words").collect();
    assert_eq!(numbered.len(), 24, "{output:#?}");
    numbered.join(" ")
}
