//! The commands that do one thing and end: those on files, such as `audit`, `export` and `import`, and those that ask a
//! peer.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::{Line, Peer, Program, binary, until};

/// For a command that reads a whole chain on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts a command in a directory, answering in JSON.
pub(crate) fn start_task(directory: &Path, arguments: &[&str]) -> Program {
    let mut command = Command::new(binary("peer"));
    command.env_clear().current_dir(directory).args(arguments).arg("--json");
    Program::start("peer", command)
}

/// Its code and its answer.
///
/// # Panics
/// When it does not end in time, or answers nothing.
pub(crate) fn end_task(program: Program) -> (Option<i32>, Value) {
    let line = program.remaining_lines(PATIENCE).join("\n");
    let (code, stderr) = program.finish(PATIENCE);
    let answer = serde_json::from_str(&line);
    (code, answer.unwrap_or_else(|error| panic!("{error}: {line:?}, {stderr}")))
}

/// Runs a command to its end.
///
/// # Panics
/// See [`end_task`].
pub(crate) fn run_task(directory: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    end_task(start_task(directory, arguments))
}

/// What an audit finds in a data directory or an archive that it has no fault to find with.
///
/// # Panics
/// When the audit does not pass.
pub(crate) fn audit(source: &Path) -> Value {
    let program = run(&["audit", text(source), "--json"]);
    let Line::Text(line) = program.next_line(PATIENCE) else {
        panic!("the audit of {} says nothing: {:?}", source.display(), program.finish(PATIENCE));
    };
    let (code, stderr) = program.finish(PATIENCE);
    assert_eq!(code, Some(0), "{line}\n{stderr}");
    let report: Value = serde_json::from_str(&line).expect("one JSON object");
    assert_eq!(report["answer"], "audit", "{report}");
    assert_eq!(report["passed"], true, "{report}");
    assert_eq!(report["failure"], Value::Null, "{report}");
    report
}

/// Writes the archive of a data directory.
///
/// # Panics
/// When that fails.
pub(crate) fn export(archive: &Path, data_directory: &Path) {
    let arguments = ["export", text(archive), "--data-dir", text(data_directory)];
    let (code, stderr) = run(&arguments).finish(PATIENCE);
    assert_eq!(code, Some(0), "{stderr}");
}

/// Starts to seed a data directory from an archive.
pub(crate) fn start_import(archive: &Path, data_directory: &Path) -> Program {
    run(&["import", text(archive), "--data-dir", text(data_directory)])
}

/// Seeds a data directory; gives the exit code and what was said on stderr.
pub(crate) fn import(archive: &Path, data_directory: &Path) -> (Option<i32>, String) {
    start_import(archive, data_directory).finish(PATIENCE)
}

/// # Panics
/// When two audits found different chains.
pub(crate) fn assert_same(found: &Value, expected: &Value) {
    for key in ["election", "blocks", "registrations", "votes", "tip", "tally"] {
        assert!(!expected[key].is_null(), "{expected}");
        assert_eq!(found[key], expected[key], "{found}\n{expected}");
    }
}

/// # Panics
/// When a peer that stands where the audit was made counts anything else. A crash may have cut a move to a better
/// branch short; then the peer makes up for it in a moment.
pub(crate) fn assert_counts(peer: &mut Peer, audit: &Value) {
    let results = until("the peer stands where the audit ended", PATIENCE, || {
        let results = peer.ask("results");
        (results["tip"] == audit["tip"]).then_some(results)
    });
    for (in_results, in_audit) in [
        ("tip", "tip"),
        ("votes", "votes"),
        ("registered_voters", "registered_voters"),
        ("turnout_percent", "turnout_percent"),
        ("questions", "tally"),
    ] {
        // There is no turnout, and it is null, while nobody is registered.
        assert!(results.get(in_results).is_some(), "{results}");
        assert_eq!(results.get(in_results), audit.get(in_audit), "{results}\n{audit}");
    }
}

fn run(arguments: &[&str]) -> Program {
    let mut command = Command::new(binary("peer"));
    command.env_clear().args(arguments);
    Program::start(&format!("peer {}", arguments[0]), command)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary files have plain names")
}
