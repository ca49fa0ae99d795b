//! docs/CLASSROOM.md: the lesson, from its first command to its last, with what everybody sees.

use std::collections::BTreeMap;
use std::time::Duration;

use super::script::{Fenced, REFUSED, Script, fenced, held_soon, typed};
use super::{document, words};
use crate::harness::PATIENCE;

/// When the page's last election closes in this test, after its ballot is written: the class has to be ready by then.
const CLOSES: Duration = Duration::from_secs(70);

#[test]
fn the_lesson_runs_as_written() {
    let page = document("docs/CLASSROOM.md");
    let mut lesson = Script::new();
    let (mut commands, mut screens) = (0, 0);
    // As `init` printed them for the ballot, by name.
    let mut validators = BTreeMap::new();
    for Fenced { name, lines } in fenced(&page) {
        let Some(peer) = name.strip_prefix("text ") else {
            assert!(["console", REFUSED].contains(&name), "what is {name}?");
            for line in typed(&lines) {
                let fill = |word: String| match word.split_once(": …") {
                    Some((name, "")) => format!("{name}: {}", validators[name]),
                    _ => word,
                };
                let filled_in = words(line.command).into_iter().map(fill).collect();
                let typed_in = held_soon(filled_in, Duration::ZERO, CLOSES);
                let output = lesson.run(&typed_in, &line.printed, name == REFUSED);
                let made = output.iter().find_map(|line| line.split_once("--validator '"));
                let made = made.and_then(|(_, key)| key.trim_end_matches('\'').split_once(": "));
                validators.extend(made.map(|(name, key)| (name.to_owned(), key.to_owned())));
                commands += 1;
            }
            continue;
        };
        lesson.look(peer, &lines);
        screens += 1;
    }
    assert!(commands >= 60 && screens >= 10, "{commands} commands, {screens} screens");
    let record = |name: &str| std::fs::read(lesson.directory.path().join(name)).expect("written");
    assert_eq!(record("north.archive"), record("west.archive"));
    // Whoever is left takes leave.
    for (name, terminal) in &mut lesson.peers {
        terminal.program.send_line("leave");
        let status = terminal.program.wait_end(PATIENCE);
        assert_eq!(status.code(), Some(0), "{name}");
    }
}
