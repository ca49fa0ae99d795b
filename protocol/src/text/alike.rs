//! Texts that people take for each other.

use std::collections::BTreeMap;

use unicode_normalization::char::decompose_compatible;
use unicode_security::mixed_script::AugmentedScriptSet;

use super::hidden::visible;
use super::{caseless, nfc, with_ascii_digits};

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
/// spaces, composition and small marks are put aside. In the second, `l` is like `I`, and in the third a Cyrillic `А`
/// is like `a`.
fn looks(text: &str) -> [String; 3] {
    let bare: String = nfc(&visible(text)).chars().filter(|each| !is_line(*each)).collect();
    let mut plain = String::with_capacity(bare.len());
    for character in bare.chars() {
        match is_variant(character) {
            true => decompose_compatible(character, |each| plain.push(each)),
            false => plain.push(character),
        }
    }
    let spaced = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let lower = without_small_marks(&caseless(&with_ascii_digits(&spaced)));
    // `m` is said to be like `rn`, which makes other words of too many.
    let glance = super::glance(&spaced, |character| character == 'm');
    let foreign = super::glance(&lower, |character| character.is_ascii());
    [lower, glance, foreign]
}

/// A line above, below or through a letter.
fn is_line(character: char) -> bool {
    matches!(character, '\u{305}' | '\u{332}' | '\u{333}' | '\u{335}'..='\u{338}' | '\u{33f}')
}

/// A letter or number in a circle or a box, and the parts of Chinese characters that are characters, too.
fn is_variant(character: char) -> bool {
    matches!(character, '\u{2460}'..='\u{24ff}' | '\u{2f00}'..='\u{2fdf}' | '\u{1f110}'..='\u{1f14f}')
}

/// A text without stops at its end and apostrophes inside of words, and with spaces for hyphens there.
fn without_small_marks(text: &str) -> String {
    let ended = text.trim_end_matches(['.', ',', ';', ':']);
    let text = if ended.is_empty() { text } else { ended };
    let characters: Vec<char> = text.chars().collect();
    let is_inside = |index: usize| {
        let before = index.checked_sub(1).and_then(|before| characters.get(before));
        [before, characters.get(index + 1)]
            .iter()
            .all(|each| each.is_some_and(|it| it.is_alphabetic()))
    };
    let kept = |(index, character): (usize, &char)| match character {
        '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' if is_inside(index) => Some(' '),
        '\'' | '`' | '\u{b4}' | '\u{2018}' | '\u{2019}' | '\u{2bc}' | '\u{2032}'
            if is_inside(index) =>
        {
            None
        }
        character => Some(*character),
    };
    characters.iter().enumerate().filter_map(kept).collect()
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
            ["\u{130}da", "Ida"],
            ["Gro\u{1e9e}", "gross"],
            ["Yes", "Yes."],
            ["Anna-Lee", "Anna Lee"],
            ["Anna\u{2011}Lee", "Anna-Lee"],
            ["Don\u{2019}t", "Dont"],
            ["Don`t", "Don't"],
            ["Yes", "Ye\u{332}s"],
            ["No", "N\u{336}o\u{336}"],
            ["Yes", "\u{24ce}\u{24d4}\u{24e2}"],
            ["\u{1f130}", "A"],
            ["\u{2460}", "1"],
            ["\u{4e00}", "\u{2f00}"],
            ["\u{2764}", "\u{2764}\u{fe0f}"],
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
            &["C", "C++", "C#", "B+", "B-"],
            &["5-6", "5 6", "5.6", "56"],
            &["...", "."],
            &[
                "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
                "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
            ],
            &["\u{1f1e9}\u{1f1ea}", "\u{1f1eb}\u{1f1f7}"],
            &["\u{5d1}\u{5e0}\u{5d5}", "\u{5d1}\u{5e0}\u{5df}"],
        ] {
            assert_eq!(first_alike(apart.iter().copied()), None, "{apart:?}");
        }
    }
}
