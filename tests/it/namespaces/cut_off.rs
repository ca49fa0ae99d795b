//! A voter whose network fails after the peer has joined: the truth at each step, and a vote that counts in the end.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::offline::run_task;
use crate::harness::{PATIENCE, Peer, agree, results_of, until};
use crate::terminal::{PROMPT, Terminal};

use super::{Machine, Switch, World};

const TRACKER: &str = "192.168.1.10:5000";
const LISTEN: &str = "0.0.0.0:6001";

/// Somebody at a terminal, and the commands that ask the same peer from another one.
struct Voter<'m> {
    machine: &'m Machine,
    directory: PathBuf,
    terminal: Terminal,
}

impl Voter<'_> {
    /// Asks by a command of its own.
    fn ask(&self, question: &[&str]) -> Value {
        let (code, answer) = self.machine.asks(&self.directory, question);
        assert_eq!(code, Some(0), "{answer}");
        answer
    }

    /// Types a line, and waits for what its answer is to say.
    fn enters(&mut self, line: &str, answer: &str) {
        self.terminal.enters(line);
        self.terminal.sees(answer);
        self.terminal.sees(PROMPT);
    }

    /// The kind of problem with which the API says that this peer is not ready; none when it is.
    fn readiness(&self) -> Option<String> {
        let (status, body) = self.machine.reads("http://127.0.0.1:6001/readyz");
        assert_eq!(status == 503, body["kind"].is_string(), "{status}, {body}");
        body["kind"].as_str().map(str::to_owned)
    }

    fn writes_receipt(&self, file: &str) -> Value {
        self.ask(&["myvote", "--receipt", file])
    }
}

/// Two peers who stay together, whatever happens to the voter.
fn others(machines: &[Machine], world: &World) -> Vec<Peer> {
    let start =
        |(machine, name): (&Machine, &str)| machine.peer(&[TRACKER, LISTEN], &world.place(name));
    machines.iter().zip(["one", "two"]).map(start).collect()
}

#[test]
fn a_voter_who_is_cut_off_is_told_the_truth_and_counted_after_coming_back() {
    let Some(world) = World::new() else { return };
    let mut hall = Switch::new();
    let desk = hall.machine("tracker", "192.168.1.10/24");
    let stay = ["192.168.1.11/24", "192.168.1.12/24"].map(|address| hall.machine("other", address));
    let laptop = Machine::new("voter");
    let cable = hall.plug(&laptop, "e0", &["192.168.1.13/24"]);
    let _tracker = desk.tracker(TRACKER, &world.ballot());
    let mut others = others(&stay, &world);
    let directory = world.place("voter");
    let command = laptop.inside(&Terminal::command(&[TRACKER, LISTEN], &directory));
    let terminal = Terminal::start_by(command, &directory, false);
    let mut voter = Voter { machine: &laptop, directory, terminal };
    until("the voter has met both", PATIENCE, || {
        (voter.ask(&["status"])["neighbours"] == 2).then_some(())
    });
    assert_eq!(voter.readiness(), None);

    hall.cut(&cable);
    until("the API is not ready", PATIENCE, || {
        voter.readiness().filter(|kind| kind == "no_contact")
    });
    is_told_that_nobody_has_it(&mut voter);
    let old = voter.writes_receipt("old.json");
    assert_eq!(old["held_by"]["neighbours"], 0, "{old}");
    voter.terminal.enters("leave");
    voter.terminal.sees("Nobody else has your vote yet");
    voter.terminal.sees("Leave all the same?");
    voter.terminal.enters("n");
    voter.terminal.sees(PROMPT);
    // Meanwhile the others' chain goes on without this vote.
    others[1].vote("Grace");
    agree(&mut others, 1, PATIENCE);

    hall.mend(&cable);
    voter.terminal.sees("; held by ");
    agree(&mut others, 2, PATIENCE);
    until("the voter counts the same", PATIENCE, || {
        let results = voter.ask(&["results"]);
        (results["votes"] == 2 && results["tip"]["hash"] == results_of(&mut others[0]).hash)
            .then_some(())
    });
    until("the API is ready", PATIENCE, || voter.readiness().is_none().then_some(()));
    until("both others are known to have the block with the vote", PATIENCE, || {
        let standing = voter.ask(&["myvote"])["vote"]["standing"].clone();
        let is_held = standing["held_by"] == json!({"neighbours": 2, "of": 2});
        (standing["in"] == "block" && is_held).then_some(())
    });
    assert_eq!(voter.ask(&["results"])["unready"], json!([]));

    // The receipt holds against what somebody else has kept.
    let new = voter.writes_receipt("new.json");
    assert_eq!(new["held_by"]["neighbours"], 2, "{new}");
    voter.terminal.enters("leave");
    voter.terminal.sees("your vote is in a block that others have");
    voter.terminal.ends_well();
    let mut other = others.remove(0);
    other.ask("leave");
    other.wait_end(PATIENCE);
    let (code, answer) = run_task(world.directory.path(), &["verify-receipt", "new.json", "one"]);
    assert_eq!(code, Some(0), "{answer}");
}

/// Votes while nobody hears it: what is said at the terminal, by commands and by the API.
fn is_told_that_nobody_has_it(voter: &mut Voter<'_>) {
    let nobody = json!({"neighbours": 0, "of": 0});
    voter.enters("vote Ada", "it counts once others have it in a block");
    let vote = until("the voter's own block holds the vote", PATIENCE, || {
        let vote = voter.ask(&["myvote"])["vote"].clone();
        (vote["standing"]["in"] == "block").then_some(vote)
    });
    assert_eq!((&vote["held_by"], &vote["standing"]["held_by"]), (&nobody, &nobody), "{vote}");
    for question in ["results", "status"] {
        let answer = voter.ask(&[question]);
        assert_eq!(answer["tip_held_by"], nobody, "{answer}");
        assert_eq!(answer["unready"][0]["kind"], "no_contact", "{answer}");
    }
    voter.enters("myvote", "nobody else has it yet");
    voter.enters("results", "NOT READY");
    voter.enters("status", "NOT READY");
    assert_eq!(voter.readiness().as_deref(), Some("no_contact"));
}
