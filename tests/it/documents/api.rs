//! docs/API.md: its commands run as written, one after the other in one shell, against a peer that has a neighbour.

use std::path::Path;
use std::process::Command;

use super::{SHELL, console_blocks, document, sample_network};
use crate::harness::{PATIENCE, Program, Tracker, agree, binary, meet_all, tool};

/// The peer of the page.
const PEER: &str = "http://127.0.0.1:6001";

/// Stands for a number in the output of a command.
const NUMBER: &str = "NUMBER";

#[test]
fn its_commands_run_as_written() {
    if tool("curl").is_none() {
        return;
    }
    let mut network = sample_network();
    network.tracker = Some(Tracker::start("0", &network.ballot()));
    for _ in 0..2 {
        network.join(&[]);
    }
    meet_all(&mut network.peers, PATIENCE);
    network.peers[1].vote("Grace; Wednesday");
    network.peers[0].ask("mine");
    agree(&mut network.peers, 1, PATIENCE);
    let peer = &network.peers[0];
    let directory = network.directory.path();
    // No command of the page may wait without end.
    std::fs::write(directory.join(".curlrc"), "max-time = 20\n").expect("a file");
    let page = document("docs/API.md");
    let (mut commands, mut expected, mut block_starts) = (Vec::new(), Vec::new(), Vec::new());
    for block in console_blocks(&page) {
        block_starts.push(commands.len());
        for line in block {
            match line.strip_prefix(SHELL) {
                Some(command) => commands.push(command),
                None => expected.push((commands.len() - 1, line)),
            }
        }
    }
    assert!(commands.len() >= 25, "{} commands", commands.len());
    let api = format!("http://{}", peer.api);
    let script = script(&commands, &block_starts, &api, &peer.data_directory);
    let outputs = run(&script, directory, commands.len());
    for (place, output) in outputs.iter().enumerate() {
        let wanted = expected.iter().find(|(of, _)| *of == place);
        match wanted {
            Some((_, line)) => assert!(is_like(line, output), "{}: {output}", commands[place]),
            None => assert!(!output.contains("about:blank"), "{}: {output}", commands[place]),
        }
    }
    assert!(outputs.iter().any(|output| output.contains("id: ")), "no event came");
}

/// All commands, each after a line that says its place. A reader takes longer from one block of commands to the next
/// than a block of the chain takes; the script waits for it.
fn script(commands: &[&str], block_starts: &[usize], api: &str, data_directory: &Path) -> String {
    let directory = data_directory.to_str().expect("UTF-8");
    let mut script = "set -eu\n".to_owned();
    for (place, command) in commands.iter().enumerate() {
        // The page's peers have the ports of the examples; the test's have those that the system chose.
        let command = command.replace(PEER, api).replace("DIR/", &format!("{directory}/"));
        if block_starts.contains(&place) {
            script += &format!(
                "until curl -s {api}/v1/pool | grep -q '\"total\":0'; do sleep 0.1; done\n"
            );
        }
        script += &format!("echo; echo '== {place}'\n{command}\n");
    }
    script
}

/// Runs the script to its end; gives what each command printed.
fn run(script: &str, directory: &Path, commands: usize) -> Vec<String> {
    let binaries = binary("peer").parent().expect("it lies somewhere").to_owned();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    command.env_clear().env("PATH", format!("{}:{path}", binaries.display()));
    command.env("CURL_HOME", directory).current_dir(directory).args(["-c", script]);
    let program = Program::start("sh", command);
    let lines = program.remaining_lines(PATIENCE);
    let (code, errors) = program.finish(PATIENCE);
    let mut outputs: Vec<String> = Vec::new();
    for line in lines {
        if line == format!("== {}", outputs.len()) {
            outputs.push(String::new());
        } else if let Some(output) = outputs.last_mut() {
            *output += &format!("{line}\n");
        }
    }
    assert_eq!(code, Some(0), "after {} commands: {errors}{outputs:?}", outputs.len());
    assert_eq!(outputs.len(), commands);
    outputs
}

/// Whether a command printed what the page says.
fn is_like(documented: &str, found: &str) -> bool {
    let found = found.trim();
    let Some((before, after)) = documented.split_once(NUMBER) else { return documented == found };
    let number = found.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}
