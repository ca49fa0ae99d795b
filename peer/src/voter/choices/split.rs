//! Where one choice ends and the next begins. A name that has a separator in it stands in quotation marks, and what is
//! in them is never split.

use std::ops::Range;

use protocol::text::nfc;

use crate::cli::option_number::{CHOICE_SEPARATOR, QUESTION_SEPARATOR};

/// Stands on both sides of a name.
const QUOTE: char = '"';

/// The parts between separators, with spaces around them.
pub(super) fn split(text: &str, separator: char) -> Vec<&str> {
    let quoted = quoted(text);
    let mut parts = Vec::new();
    let mut start = 0;
    for (place, _) in text.match_indices(separator) {
        if !quoted.iter().any(|name| name.contains(&place)) {
            parts.push(&text[start..place]);
            start = place + separator.len_utf8();
        }
    }
    parts.push(&text[start..]);
    parts
}

/// The name that a part has in quotation marks.
pub(super) fn unquoted(part: &str) -> Option<&str> {
    let part = part.trim();
    let inner = part.strip_prefix(QUOTE)?.strip_suffix(QUOTE)?;
    let name = quoted(part).into_iter().next()?;
    (name == (0..part.len())).then_some(inner)
}

/// Whether a name that has a separator in it may be meant by parts of a text, without quotation marks.
pub(super) fn is_split(name: &str, text: &str) -> bool {
    let (name, text) = (pieces(name, &[]), pieces(text, &quoted(text)));
    text.windows(name.len()).any(|pieces| pieces == name)
}

/// The places of names in quotation marks, which stand where a part begins and ends.
fn quoted(text: &str) -> Vec<Range<usize>> {
    let mut names: Vec<Range<usize>> = Vec::new();
    for (start, _) in text.match_indices(QUOTE) {
        let is_inside = names.last().is_some_and(|name| name.contains(&start));
        let before = text[..start].trim_end();
        if is_inside || !(before.is_empty() || before.ends_with(is_separator)) {
            continue;
        }
        let ends = text[start + 1..].match_indices(QUOTE).map(|(place, _)| start + 1 + place + 1);
        let is_end = |end: &usize| {
            let after = text[*end..].trim_start();
            after.is_empty() || after.starts_with(is_separator)
        };
        if let Some(end) = ends.into_iter().find(is_end) {
            names.push(start..end);
        }
    }
    names
}

fn is_separator(character: char) -> bool {
    matches!(character, QUESTION_SEPARATOR | CHOICE_SEPARATOR)
}

/// What stands between separators, and the separators themselves, whatever the case and wherever there are spaces.
fn pieces(text: &str, quoted: &[Range<usize>]) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for (place, character) in text.char_indices() {
        if is_separator(character) && !quoted.iter().any(|name| name.contains(&place)) {
            pieces.extend([character.to_string(), String::new()]);
        } else if !character.is_whitespace() {
            pieces.last_mut().expect("it is never empty").extend(character.to_lowercase());
        }
    }
    pieces.iter().map(|piece| nfc(piece)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_quotation_marks_is_one_part() {
        for (text, parts) in [
            ("a, b", &["a", " b"][..]),
            ("\"a, b\", c", &["\"a, b\"", " c"]),
            ("c,\"a, b\"", &["c", "\"a, b\""]),
            // One that is not closed, or stands inside a part, is part of the name.
            ("\"a, b", &["\"a", " b"]),
            ("5\", 6\"", &["5\"", " 6\""]),
            ("\"a\"b, c\"", &["\"a\"b, c\""]),
            ("", &[""]),
        ] {
            assert_eq!(split(text, ','), parts, "{text}");
        }
        assert_eq!(unquoted(" \"a, b\" "), Some("a, b"));
        for text in ["a", "\"", "\"a\", \"b\"", "\"a", ""] {
            assert_eq!(unquoted(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_is_split_by_its_own_separators_alone() {
        for (name, text, expected) in [
            ("Ada, Grace", "ada,grace", true),
            ("Ada, Grace", "Hedy;ADA ,Grace", true),
            ("Ada, Grace", "Ada; Grace", false),
            ("Ada, Grace", "\"Ada, Grace\", Hedy", false),
            ("a, b", "Ada, Bob", false),
            ("Red; Blue", "Red; Blue, Green", true),
        ] {
            assert_eq!(is_split(name, text), expected, "{name} in {text}");
        }
    }
}
