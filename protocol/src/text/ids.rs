//! Members' ids: which spellings are one, and which may be.

use unicode_normalization::UnicodeNormalization;
use unicode_security::confusable_detection::skeleton;

use super::hidden::visible;
use super::{caseless, glance, with_ascii_digits};

/// The form in which two spellings of one id are equal whatever their case and composition, and without characters that
/// can't be seen.
#[must_use]
pub fn folded(text: &str) -> String {
    let text = text.trim_ascii();
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    caseless(&visible(text))
}

/// The folded form of a text in one width, with the digits of ASCII and without spaces: `②` is `2`, and `№ 1` is `no1`.
#[must_use]
pub fn compatibly_folded(text: &str) -> String {
    let text: String = text.nfkc().filter(|character| !character.is_whitespace()).collect();
    folded(&with_ascii_digits(&text))
}

/// The forms of an id in which it is equal to one that may be the same: without spaces, marks, accents and leading
/// zeros, with letters that merely look alike made equal, in one width and with the digits of ASCII. There are several
/// where a letter looks like more than one other, and of names also one with its words in order.
#[must_use]
pub fn loosely_folded(text: &str) -> Vec<String> {
    // In the compatible form it would be a space with an accent.
    let text = text.replace('\u{b4}', "'");
    let compatible: String = text.nfkd().filter(|character| !is_accent(*character)).nfc().collect();
    let compatible = with_ascii_digits(&compatible);
    let mut forms = Vec::new();
    add_forms(&unmarked(&compatible), &mut forms);
    if let Some(words) = words_in_order(&compatible) {
        add_forms(&unmarked(&words), &mut forms);
    }
    forms.sort_unstable();
    forms.dedup();
    forms
}

fn add_forms(text: &str, forms: &mut Vec<String>) {
    // Letters and digits of ASCII that look alike, such as 1 and l, stand in ids for what they are.
    let form = |text: &str| without_leading_zeros(&folded(text));
    let plain = |text: &str| glance(text, |character| character.is_ascii());
    if text.is_ascii() {
        forms.push(form(text));
        return;
    }
    // Others become what they look like as they stand, and as capitals: a Cyrillic `в` is no `B` before.
    let capitals: String = text.chars().flat_map(capital).collect();
    for text in [text, &capitals] {
        for stroke in read_as(text, is_stroke, &STROKES) {
            for round in read_as(text, is_round, &ROUNDS) {
                let read = |each: char| match each {
                    each if is_stroke(each) => *stroke,
                    each if is_round(each) => *round,
                    each => each,
                };
                forms.push(form(&plain(&text.chars().map(read).collect::<String>())));
            }
        }
    }
}

/// All readings of a kind of letters, or any one of them where the text has none.
fn read_as<'a>(text: &str, is_kind: fn(char) -> bool, readings: &'a [char]) -> &'a [char] {
    if text.contains(is_kind) { readings } else { &readings[..1] }
}

/// An accent or another mark above or below a letter of Europe.
fn is_accent(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}')
}

/// The marks that people put into ids and around them, or leave out: hyphens, dashes, stops, quotation marks, brackets.
fn is_mark(character: char) -> bool {
    matches!(
        character,
        '-' | '_' | '.' | ',' | ';' | ':' | '/' | '\\' | '\'' | '"' | '`' | '(' | ')' | '[' | ']' | '<' | '>' | '#'
            | '=' | '\u{ab}' | '\u{b7}' | '\u{bb}' | '\u{2b9}'..='\u{2bc}' | '\u{5be}' | '\u{5f3}' | '\u{5f4}'
            | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{2212}' | '\u{3001}' | '\u{3002}' | '\u{30fb}'
    )
}

/// An id without spaces and marks. Between two digits a mark separates numbers, so that flat `1-12` is not `11-2`; and
/// the marks inside of an e-mail address tell two addresses apart.
fn unmarked(text: &str) -> String {
    let text: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    let inner = without_decimals(text.trim_matches(is_mark));
    if inner.is_empty() {
        return text;
    }
    if inner.contains('@') {
        return inner.to_owned();
    }
    let mut out = String::with_capacity(inner.len());
    let mut is_after_mark = false;
    for character in inner.chars() {
        if is_mark(character) {
            is_after_mark = true;
            continue;
        }
        let is_after_digit = out.ends_with(|last: char| last.is_ascii_digit());
        if is_after_mark && is_after_digit && character.is_ascii_digit() {
            out.push('-');
        }
        is_after_mark = false;
        out.push(character);
    }
    out
}

/// A whole number as spreadsheets write it that take it for a decimal: `7.0`.
fn without_decimals(text: &str) -> &str {
    let is_all = |part: &str, is_digit: fn(&u8) -> bool| {
        !part.is_empty() && part.as_bytes().iter().all(is_digit)
    };
    match text.split_once(['.', ',']) {
        Some((whole, zeros))
            if is_all(whole, u8::is_ascii_digit) && is_all(zeros, |digit| *digit == b'0') =>
        {
            whole
        }
        Some(_) | None => text,
    }
}

/// The words of a name in the order of the alphabet, since lists differ in which name comes first; `None` of an id that
/// is no name.
fn words_in_order(text: &str) -> Option<String> {
    if text.contains(|character: char| character == '@' || character.is_numeric()) {
        return None;
    }
    let text = folded(text);
    let is_between = |character: char| character.is_whitespace() || matches!(character, ',' | ';');
    let mut words: Vec<&str> = text.split(is_between).filter(|word| !word.is_empty()).collect();
    words.sort_unstable();
    (words.len() > 1).then(|| words.concat())
}

/// What a mere stroke is read as.
const STROKES: [char; 4] = ['I', 'l', '1', '|'];

/// What a mere ring is read as.
const ROUNDS: [char; 2] = ['o', '0'];

/// Whether this is no character of ASCII, and looks like a ring, as the Greek capital `Ο` does.
fn is_round(character: char) -> bool {
    let mut buffer = [0; 4];
    let mut look = skeleton(character.encode_utf8(&mut buffer));
    !character.is_ascii() && matches!((look.next(), look.next()), (Some('o' | 'O'), None))
}

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
            ["\u{130}pek", "ipek"],
            ["\u{131}pek", "ipek"],
            ["\u{1e9e}", "SS"],
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
            ["\u{39f}12", "O12"],
            ["\u{39f}12", "012"],
            ["M-7", "M7"],
            ["M-7", "m_07"],
            ["M\u{2013}7", "M/7"],
            ["M7.", "M7"],
            ["#7", "(7)"],
            ["'007", "7"],
            ["7.0", "7"],
            ["7,00", "7"],
            ["1\u{2013}12", "1/12"],
            ["O\u{2019}Neil", "O\u{b4}Neil"],
            ["O`Neil", "ONeil"],
            ["Zo\u{eb}", "Zoe"],
            ["Ada Lovelace", "Lovelace, Ada"],
            ["LEE Anna-Mae", "Anna Mae Lee"],
            ["AnnaLee", "Anna Lee"],
            ["<a@b.org>", "a@b.org"],
            ["a@b.org;", "a@b.org"],
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
            ["1-12", "11-2"],
            ["1.2", "12"],
            ["7.5", "7"],
            ["70.0", "7"],
            ["a+x@b.org", "a@b.org"],
            ["a.b@c.org", "ab@c.org"],
            ["a@b.org", "a@b.com"],
            ["B 12 A", "A 12 B"],
            ["\u{2605}", "\u{2606}"],
            ["-", "/"],
        ] {
            assert!(!may_be_one(one, other), "{one:?} {other:?}");
        }
    }

    fn may_be_one(one: &str, other: &str) -> bool {
        let others = loosely_folded(other);
        loosely_folded(one).iter().any(|form| others.contains(form))
    }
}
