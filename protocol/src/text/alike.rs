//! Texts that people take for each other.

use std::collections::BTreeMap;

use unicode_security::mixed_script::AugmentedScriptSet;

use super::hidden::is_ignorable;
use super::{nfc, with_ascii_digits};

/// The first two of some texts that people take for each other, as their places; the later one comes second.
#[must_use]
pub fn first_alike<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<(usize, usize)> {
    let mut seen: BTreeMap<(usize, String), Vec<usize>> = BTreeMap::new();
    let texts: Vec<&str> = texts.into_iter().collect();
    for (place, text) in texts.iter().enumerate() {
        for (form, look) in looks(text).into_iter().enumerate() {
            let same = seen.entry((form, look)).or_default();
            let is_alike = |first: &&usize| form == 0 || !are_of_one_script(texts[**first], text);
            if let Some(first) = same.iter().find(is_alike) {
                return Some((*first, place));
            }
            same.push(place);
        }
    }
    None
}

/// What a text looks like at a glance. Two texts look alike if they agree in one of the forms: in the first, only case,
/// spaces and composition are put aside. In the second, `l` is like `I`, and in the third a Cyrillic `А` is like `a`.
fn looks(text: &str) -> [String; 3] {
    let visible: String = text.chars().filter(|character| !is_ignorable(*character)).collect();
    let spaced = nfc(&visible).split_whitespace().collect::<Vec<_>>().join(" ");
    let lower = nfc(&with_ascii_digits(&spaced).to_uppercase().to_lowercase());
    // `m` is said to be like `rn`, which makes other words of too many.
    let glance = super::glance(&spaced, |character| character == 'm');
    let foreign = super::glance(&lower, |character| character.is_ascii());
    [lower, glance, foreign]
}

/// Whether both texts are of the same script and have no letter or digit of ASCII. Their readers tell its letters
/// apart, also those that look alike to others.
fn are_of_one_script(one: &str, other: &str) -> bool {
    let has_ascii = |text: &str| text.chars().any(|each| each.is_ascii_alphanumeric());
    let script = AugmentedScriptSet::for_str;
    !has_ascii(one) && !has_ascii(other) && script(one) == script(other) && !script(one).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_people_take_for_each_other_are_alike() {
        for [one, other] in [
            ["Zo\u{eb}", "Zoe\u{308}"],
            ["Yes", "YES"],
            ["Straße", "STRASSE"],
            ["Anna Lee", "Anna  Lee"],
            ["Anna Lee", "Anna\u{a0}Lee"],
            ["Ada", "\u{410}da"],
            ["ada", "\u{410}DA"],
            ["Ο\u{3b4}ος", "Οδος"],
            ["\u{ff21}da", "Ada"],
            ["Motion 1", "Motion l"],
            ["Plan O", "Plan 0"],
            ["AI", "Al"],
            ["Don\u{2019}t know", "Don't know"],
            ["Yes", "Ye\u{200b}s"],
            ["ABC", "\u{410}\u{412}\u{421}"],
            ["Plan \u{667}", "Plan 7"],
            ["\u{406}da", "Ida"],
            ["\u{391}\u{392}", "\u{410}\u{412}"],
        ] {
            for pair in [[one, other], [other, one]] {
                assert_eq!(first_alike(["Grace", pair[0], pair[1]]), Some((1, 2)), "{pair:?}");
            }
        }
        let apart = [
            "Ada", "Adam", "Zoe", "Zo\u{eb}", "1", "2", "10", "I am", "II", "Annalee", "Anna Lee",
            "Yes!",
        ];
        assert_eq!(first_alike(apart), None);
        for apart in [
            &["A", "B", "C", "I", "J", "K", "L", "M"][..],
            &["Option I", "Option L", "Option 2"],
            &["Ian", "Lan", "Iana", "Lana"],
            &["Bern", "Bem", "modern", "modem", "corn", "com"],
            &["10\u{2076}", "106"],
            &["\u{5d1}\u{5e0}\u{5d5}", "\u{5d1}\u{5e0}\u{5df}"],
        ] {
            assert_eq!(first_alike(apart.iter().copied()), None, "{apart:?}");
        }
    }
}
