//! Prose is wrapped, so that a change of a sentence is a change of a few lines, and a page reads well anywhere.

use super::{files_with_extension, lines};

/// The widest line of prose, in characters.
const WIDTH_MAX: usize = 120;

fn assert_none(too_wide: &[String]) {
    assert!(too_wide.is_empty(), "wider than {WIDTH_MAX} characters:\n{}", too_wide.join("\n"));
}

#[test]
fn prose_in_documents_is_wrapped() {
    let mut too_wide = Vec::new();
    for file in files_with_extension("md") {
        for line in lines(&file.text) {
            // Code stands as it is typed or printed, and a row of a table can't be broken.
            let is_prose = !line.is_fenced && !line.text.starts_with('|');
            if is_prose && line.text.chars().count() > WIDTH_MAX {
                too_wide.push(format!("{}:{}", file.name, line.number));
            }
        }
    }
    assert_none(&too_wide);
}

#[test]
fn comments_are_wrapped() {
    let mut too_wide = Vec::new();
    for file in files_with_extension("rs") {
        for (line, number) in file.text.lines().zip(1..) {
            let is_comment = line.trim_start().starts_with("//");
            if is_comment && line.chars().count() > WIDTH_MAX {
                too_wide.push(format!("{}:{number}", file.name));
            }
        }
    }
    assert_none(&too_wide);
}
