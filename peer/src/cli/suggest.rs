//! Suggests the word that was probably meant by a mistyped one.

/// Most edits between a typed word and the one that it is taken for.
const TYPING_SLIPS_MAX: usize = 2;

/// Longest word that a suggestion is sought for: nobody mistypes more.
const SUGGESTION_CHARACTERS_MAX: usize = 64;

/// The word that was probably meant.
pub(crate) fn suggest<'w>(typed: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    if typed.chars().count() > SUGGESTION_CHARACTERS_MAX {
        return None;
    }
    let distances =
        words.map(|word| (strsim::osa_distance(&typed.to_lowercase(), &word.to_lowercase()), word));
    let (distance, word) = distances.min_by_key(|(distance, _)| *distance)?;
    // A short word is near to every other one.
    let near = distance <= TYPING_SLIPS_MAX && distance < typed.chars().count();
    near.then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_understood() {
        let words = ["vote", "status", "sync"];
        let suggested = |typed| suggest(typed, words.into_iter());
        assert_eq!(suggested("stauts"), Some("status"));
        assert_eq!(suggested("Vot"), Some("vote"));
        assert_eq!(suggested("xy"), None);
        assert_eq!(suggested("frobnicate"), None);
    }
}
