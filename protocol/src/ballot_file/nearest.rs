//! Which key of the file was meant by one that it does not have.

/// The most edits by which an unknown key may differ from a known one that is suggested in its
/// place.
const TYPING_SLIPS_MAX: usize = 2;

/// The known key that the writer may have meant.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let begins = |key: &&str| name.len() > 2 && (key.starts_with(name) || name.starts_with(key));
    let by_edits = known.iter().map(|key| (edits(name, key), *key)).min();
    match by_edits {
        Some((edits, key)) if edits <= TYPING_SLIPS_MAX && edits < key.len() => Some(key),
        _ => known.iter().copied().find(|key| begins(key)),
    }
}

/// The Levenshtein distance, computed with only the last row of its table.
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, left) in from.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, right) in to.bytes().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted_in_either_direction() {
        for (from, to, count) in [
            ("", "", 0),
            ("abc", "", 3),
            ("", "abc", 3),
            ("abc", "ab", 1),
            ("ab", "abc", 1),
            ("abc", "bc", 1),
            ("kitten", "sitting", 3),
            ("flaw", "lawn", 2),
        ] {
            assert_eq!(edits(from, to), count, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn a_key_is_near_by_few_slips_of_many_letters_or_by_its_beginning() {
        for (name, known, expected) in [
            ("optoins", "options", Some("options")),
            ("opt", "options", Some("options")),
            ("op", "options", None),
            ("options_of", "options", Some("options")),
            ("optzzzz", "options", None),
            ("x", "id", None),
            ("xx", "id", None),
        ] {
            assert_eq!(nearest(name, &[known]), expected, "{name}");
        }
    }
}
