//! The documents' pictures are Mermaid, which a web page of the repository draws.

use super::files_with_extension;

/// How a picture may begin; anything else is shown as an error.
const KINDS: [&str; 4] = ["flowchart", "sequenceDiagram", "stateDiagram-v2", "classDiagram"];

/// Pictures that the documents have at least: the members, a vote's way, a block's states, the threads.
const PICTURES_MIN: usize = 4;

#[test]
fn pictures_are_of_a_kind_that_is_drawn() {
    let mut pictures = 0;
    for file in files_with_extension("md") {
        let mut lines = file.text.lines().zip(1..);
        while let Some((line, number)) = lines.next() {
            if line != "```mermaid" {
                continue;
            }
            pictures += 1;
            let mut body = lines.by_ref().map(|(line, _)| line).take_while(|line| *line != "```");
            let first = body.find(|line| !line.trim().is_empty()).unwrap_or_default();
            let kind = first.split_whitespace().next().unwrap_or_default();
            assert!(KINDS.contains(&kind), "{}:{number} begins with {first:?}", file.name);
            // A semicolon ends a statement there, also inside a text, and cuts it short.
            let cut = body.find(|line| line.contains(';'));
            assert_eq!(cut, None, "{}:{number}", file.name);
        }
    }
    assert!(pictures >= PICTURES_MIN, "only {pictures} pictures");
}
