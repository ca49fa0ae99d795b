//! Whatever fails under `--json` says so in one object with a kind that docs/CLI.md lists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::{PATIENCE, Program, binary};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/CLI.md");

/// The kinds in the first column of the tables of docs/CLI.md that begin with `kind`.
fn documented() -> BTreeSet<String> {
    let text = fs::read_to_string(DOCUMENT).expect("docs/CLI.md can be read");
    let mut kinds = BTreeSet::new();
    let mut is_table = false;
    for line in text.lines() {
        is_table = line.starts_with("| kind |") || is_table && line.starts_with('|');
        if is_table {
            let first = line.split('|').nth(1).unwrap_or_default();
            kinds.extend(first.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    assert!(kinds.len() > 60, "{kinds:?}");
    kinds
}

/// Runs a program into its failure; gives its code, its object, and what it said on stderr.
fn fail(directory: &Path, line: &str, variable: bool) -> (Option<i32>, Value, String) {
    let mut words = line.split(' ');
    let mut command = Command::new(binary(words.next().expect("a program")));
    command.env_clear().env("HOME", directory).current_dir(directory).args(words);
    if variable {
        command.env("OSTRAKON_JSON", "1");
    }
    let program = Program::start(line, command);
    let printed = program.remaining_lines(PATIENCE);
    let (code, stderr) = program.finish(PATIENCE);
    assert_eq!(printed.len(), 1, "{line}: {printed:?} {stderr}");
    let object =
        serde_json::from_str(&printed[0]).unwrap_or_else(|_| panic!("{line}: {printed:?}"));
    (code, object, stderr)
}

#[test]
fn every_command_that_fails_for_a_program_says_a_documented_kind() {
    let kinds = documented();
    let directory = tempfile::tempdir().expect("a directory");
    let beside = directory.path();
    fs::write(beside.join("broken"), "?").expect("written");
    let nobody = "--server http://127.0.0.1:1";
    let asks = |command: &str| format!("peer {command} --json {nobody}");
    let mut cases = Vec::new();
    for (command, kind) in [
        ("register", "no_contact"),
        ("vote Ada", "no_contact"),
        ("myvote", "data_directory"),
        ("results", "no_contact"),
        ("results --watch", "no_contact"),
        ("chain", "no_contact"),
        ("chain many", "bad_argument"),
        ("block 1", "no_contact"),
        ("peers", "no_contact"),
        ("status", "no_contact"),
        ("watch", "terminal"),
        ("mine", "no_token"),
        ("sync", "no_token"),
        ("leave", "no_token"),
        ("login", "no_token"),
        ("lab rules", "no_token"),
        ("lab bad-block nonsense", "unknown_rule"),
        ("ballot show", "no_contact"),
        ("registrar post broken", "no_contact"),
    ] {
        cases.push((asks(command), kind));
    }
    for (line, kind) in [
        ("peer results --json", "data_directory"),
        ("peer results --json --server nowhere", "bad_server"),
        ("peer results --json --nonsense", "usage"),
        ("peer audit --json", "usage"),
        ("peer audit nothing --json", "file"),
        ("peer audit broken --json", "bad_archive"),
        ("peer audit . --json", "data_directory"),
        ("peer audit broken --against broken --json", "bad_archive"),
        ("peer export a --json", "data_directory"),
        ("peer export a --as votes --from broken --json", "bad_archive"),
        ("peer export a --from broken --json", "usage"),
        ("peer import broken --data-dir new --json", "bad_archive"),
        ("peer verify-receipt broken broken --json", "receipt_file"),
        ("peer verify-receipt nothing broken --json", "receipt_file"),
        ("peer ballot check broken --json", "bad_ballot"),
        ("peer ballot check nothing --json", "file"),
        ("peer ballot new --json", "usage"),
        ("peer registrar admit --json", "usage"),
        ("peer registrar show broken --json", "file"),
        ("peer key show --key broken --json", "key_file"),
        ("peer key --json", "usage"),
        ("peer sign register --json --key nothing --ballot broken", "bad_ballot"),
        ("peer sign vote Ada --json --key nothing --ballot nothing", "file"),
        ("peer key new --json --nonsense", "usage"),
        ("peer completions nothing --json", "usage"),
        ("peer man --nonsense --json", "usage"),
        ("peer resluts --json", "usage"),
        ("peer --json", "usage"),
        ("peer --json 0 --ballot broken", "bad_ballot"),
        ("tracker --json", "usage"),
        ("tracker --json nowhere", "usage"),
        ("tracker --json 0", "bad_ballot"),
        ("tracker --json 0 --ballot broken", "bad_ballot"),
    ] {
        cases.push((line.to_owned(), kind));
    }
    let mut others = Vec::new();
    for (line, kind) in cases {
        let (code, object, _) = fail(beside, &line, false);
        assert!(code.is_some_and(|code| code > 0), "{line}: {code:?}");
        let error = &object["error"];
        if error["kind"] != kind {
            others.push(format!("{line}: not {kind}, but {object}"));
        }
        assert!(kinds.contains(kind), "docs/CLI.md lists no {kind}");
        let message = error["message"].as_str().expect("a message");
        assert!(!message.is_empty() && !message.contains("os error"), "{line}: {message}");
        let mut words = line.split(' ').take_while(|word| !word.starts_with('-'));
        let word = words.nth(usize::from(line.starts_with("peer "))).unwrap_or("peer");
        let answer = object["answer"].as_str().expect("the command's name");
        assert!(answer.split(' ').next() == Some(word) || answer == "peer", "{line}: {object}");
    }
    assert!(others.is_empty(), "{others:#?}");
    // The variable asks for the same of commands that have no such option.
    let (_, object, stderr) = fail(beside, "peer ballot new", true);
    assert_eq!((&object["error"]["kind"], stderr.as_str()), (&"usage".into(), ""), "{object}");
}
