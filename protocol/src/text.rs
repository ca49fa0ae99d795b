//! How texts that people type compare: names of options, members' ids, passphrases.
//!
//! Two texts can be equal to people and different in bytes: by case, by spaces, by the form in which Unicode composes a
//! letter, by letters of other scripts that look alike, or by characters that can't be seen. This module says what is
//! the same, and never changes what is signed or hashed: the bytes of an election are those that its author wrote.

mod alike;
mod digits;
mod hidden;
mod ids;

use unicode_normalization::UnicodeNormalization;
use unicode_security::confusable_detection::skeleton;
use zeroize::Zeroizing;

pub use alike::first_alike;
pub use digits::with_ascii_digits;
pub use hidden::{Hidden, first_hidden, trim};
pub use ids::{compatibly_folded, folded, loosely_folded};

/// The bytes that one byte of text can become when it is composed anew; the true bound is 3.
const NFC_GROWTH_MAX: usize = 4;

/// The composed form (NFC), in which texts that are typed are compared with texts that are stored.
#[must_use]
pub fn nfc(text: &str) -> String {
    text.nfc().collect()
}

/// A passphrase as RFC 8265 (OpaqueString) compares it: every kind of space is the one of ASCII, letters are composed,
/// and nothing else is changed. No copy of it is left.
#[must_use]
pub fn opaque(text: &str) -> Zeroizing<String> {
    // It has room from the start, since a text that grows leaves copies behind.
    let mut out = Zeroizing::new(String::with_capacity(text.len() * NFC_GROWTH_MAX));
    let spaced = text.chars().map(|character| if is_space(character) { ' ' } else { character });
    for character in spaced.nfc() {
        out.push(character);
    }
    out
}

/// The spaces of Unicode (category Zs).
fn is_space(character: char) -> bool {
    matches!(
        character,
        ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// A text without case. Upper case comes first, so that both of the Greek letter s are one, and the Turkish letters i
/// with and without a dot.
fn caseless(text: &str) -> String {
    let lower = nfc(text).to_uppercase().to_lowercase();
    nfc(&lower.replace('\u{df}', "ss").replace("i\u{307}", "i"))
}

/// A text with letters that merely look alike made equal, but for those that are kept.
fn glance(text: &str, is_kept: impl Fn(char) -> bool) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.nfd() {
        match is_kept(character) {
            true => plain.push(character),
            false => plain.extend(skeleton(character.encode_utf8(&mut [0; 4]))),
        }
    }
    plain
}

/// A character by itself or, if people can't tell it from others, by its number.
#[must_use]
pub fn shown(character: char) -> String {
    match character {
        ' ' => "a space".to_owned(),
        character if character.is_ascii_graphic() => format!("`{character}`"),
        character => format!("U+{:04X}", u32::from(character)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_composed_and_has_one_kind_of_space() {
        assert_eq!(opaque("o\u{308}ffne\u{a0}\u{3000}dich").as_str(), "\u{f6}ffne  dich");
        // Width, case and spaces around it are part of it.
        assert_eq!(opaque(" \u{ff21}b ").as_str(), " \u{ff21}b ");
        // The longest growth that composition has (U+FB2C, and U+0390 in canonical order).
        for text in ["\u{fb2c}", "\u{1d160}", "\u{390}"] {
            let made = opaque(text);
            assert!(
                made.len() <= text.len() * NFC_GROWTH_MAX
                    && made.capacity() == text.len() * NFC_GROWTH_MAX
            );
        }
    }
}
