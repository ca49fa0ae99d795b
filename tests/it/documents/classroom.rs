//! docs/CLASSROOM.md: the lesson, from its first command to its last, with what everybody sees.

use super::script::{Fenced, REFUSED, Script, fenced, typed};
use super::{document, words};
use crate::harness::PATIENCE;

#[test]
fn the_lesson_runs_as_written() {
    let page = document("docs/CLASSROOM.md");
    let mut lesson = Script::new();
    let (mut commands, mut screens) = (0, 0);
    for Fenced { name, lines } in fenced(&page) {
        let Some(peer) = name.strip_prefix("text ") else {
            assert!(["console", REFUSED].contains(&name), "what is {name}?");
            for line in typed(&lines) {
                lesson.run(&words(line.command), &line.printed, name == REFUSED);
                commands += 1;
            }
            continue;
        };
        lesson.look(peer, &lines);
        screens += 1;
    }
    assert!(commands >= 30 && screens >= 7, "{commands} commands, {screens} screens");
    // Whoever is left takes leave.
    for (name, terminal) in &mut lesson.peers {
        terminal.program.send_line("leave");
        let status = terminal.program.wait_end(PATIENCE);
        assert_eq!(status.code(), Some(0), "{name}");
    }
}
