//! Members' ids: which spellings are one, and which may be.

use unicode_normalization::UnicodeNormalization;
use unicode_security::confusable_detection::skeleton;

use super::hidden::is_ignorable;
use super::{glance, nfc, with_ascii_digits};

/// The form in which two spellings of one id are equal whatever their case and composition, and without characters that
/// can't be seen.
#[must_use]
pub fn folded(text: &str) -> String {
    let text = text.trim_ascii();
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let visible: String = text.chars().filter(|character| !is_ignorable(*character)).collect();
    // Upper case first, so that ß is ss and both of the Greek letter s are one.
    let lower = nfc(&visible).to_uppercase().to_lowercase();
    nfc(&lower)
}

/// The forms of an id in which it is equal to one that may be the same: without spaces and leading zeros, with letters
/// that merely look alike made equal, in one width and with the digits of ASCII. There are several where a letter looks
/// like more than one other.
#[must_use]
pub fn loosely_folded(text: &str) -> Vec<String> {
    let compatible: String = text.nfkc().filter(|character| !character.is_whitespace()).collect();
    let compatible = with_ascii_digits(&compatible);
    // Letters and digits of ASCII that look alike, such as 1 and l, stand in ids for what they are.
    let form = |text: &str| without_leading_zeros(&folded(text));
    let plain = |text: &str| glance(text, |character| character.is_ascii());
    if compatible.is_ascii() {
        return vec![form(&compatible)];
    }
    // Others become what they look like as they stand, and as capitals: a Cyrillic `в` is no `B` before.
    let capitals: String = compatible.chars().flat_map(capital).collect();
    let mut forms: Vec<String> = Vec::new();
    for text in [compatible, capitals] {
        for stroke in STROKES {
            let text: String =
                text.chars().map(|each| if is_stroke(each) { stroke } else { each }).collect();
            forms.push(form(&plain(&text)));
        }
    }
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// What a mere stroke is read as.
const STROKES: [char; 4] = ['I', 'l', '1', '|'];

/// Whether this is no character of ASCII, and looks like a mere stroke, as the Cyrillic capital `І` does. Unicode says
/// that all of them look like a small `l`, which in another case is another letter.
fn is_stroke(character: char) -> bool {
    !character.is_ascii() && skeleton(character.encode_utf8(&mut [0; 4])).eq(['l'])
}

/// The capital of a letter, but for those of ASCII.
fn capital(character: char) -> Vec<char> {
    match character.is_ascii() {
        true => vec![character],
        false => character.to_uppercase().collect(),
    }
}

/// Of each number, the zeros before its first other digit are left out.
fn without_leading_zeros(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let follows_digit = out.chars().last().is_some_and(|last| last.is_ascii_digit());
        let is_leading = character == '0' && !follows_digit;
        if !(is_leading && characters.peek().is_some_and(char::is_ascii_digit)) {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_id_are_the_same_and_others_may_be() {
        for [one, other] in [
            ["Member@Example.org", "member@example.ORG"],
            ["M\u{fc}ller", "Mu\u{308}LLER"],
            [" 7 ", "7"],
            ["7", "7\u{200b}"],
        ] {
            assert_eq!(folded(one), folded(other), "{one:?} {other:?}");
        }
        for [one, other] in [
            ["007", "7"],
            ["M-007", "m-7"],
            ["7\u{a0}", "7"],
            ["A 12", "A12"],
            ["\u{ff17}", "7"],
            ["\u{660}\u{660}\u{667}", "7"],
            ["M-\u{6f1}\u{6f2}", "m-12"],
            ["\u{410}12", "A12"],
            ["\u{406}12", "I12"],
            ["\u{406}12", "i12"],
            ["\u{399}12", "I12"],
            ["\u{4cf}12", "l12"],
            ["\u{5df}12", "112"],
            ["B\u{4c0}", "Bl"],
            ["\u{432}12", "B12"],
            ["\u{3bd}12", "v12"],
            ["\u{406}12", "\u{399}12"],
            ["000", "0"],
        ] {
            assert_ne!(folded(one), folded(other), "{one:?} {other:?}");
            assert!(may_be_one(one, other), "{one:?} {other:?}");
        }
        for [one, other] in [
            ["70", "7"],
            ["107", "17"],
            ["A1", "Al"],
            ["AI", "Al"],
            ["O1", "01"],
            ["", "0"],
            ["\u{661}\u{660}", "1"],
            ["\u{416}12", "A12"],
        ] {
            assert!(!may_be_one(one, other), "{one:?} {other:?}");
        }
    }

    fn may_be_one(one: &str, other: &str) -> bool {
        let others = loosely_folded(other);
        loosely_folded(one).iter().any(|form| others.contains(form))
    }
}
