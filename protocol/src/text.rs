//! How texts that people type compare: names of options, members' ids, passphrases.
//!
//! Two texts can be equal to people and different in bytes: by case, by spaces, by the form in which Unicode composes a
//! letter, by letters of other scripts that look alike, or by characters that can't be seen. This module says what is
//! the same, and never changes what is signed or hashed: the bytes of an election are those that its author wrote.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;
use unicode_security::confusable_detection::skeleton;
use unicode_security::mixed_script::AugmentedScriptSet;
use zeroize::Zeroizing;

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

/// The form in which two ids are equal that may be one: without spaces and leading zeros, with letters that merely look
/// alike made equal, and in one width.
#[must_use]
pub fn loosely_folded(text: &str) -> String {
    let compatible: String = text.nfkc().filter(|character| !character.is_whitespace()).collect();
    // Letters and digits of ASCII that look alike, such as 1 and l, stand in ids for what they are.
    without_leading_zeros(&folded(&glance(&compatible, |character| character.is_ascii())))
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
    let lower = nfc(&spaced.to_uppercase().to_lowercase());
    // `m` is said to be like `rn`, which makes other words of too many.
    let glance = glance(&spaced, |character| character == 'm');
    let foreign = self::glance(&lower, |character| character.is_ascii());
    [lower, glance, foreign]
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

/// Whether both texts are of the same script and have no letter or digit of ASCII. Their readers tell its letters
/// apart, also those that look alike to others.
fn are_of_one_script(one: &str, other: &str) -> bool {
    let has_ascii = |text: &str| text.chars().any(|each| each.is_ascii_alphanumeric());
    let script = AugmentedScriptSet::for_str;
    !has_ascii(one) && !has_ascii(other) && script(one) == script(other) && !script(one).is_empty()
}

/// A character of a text that can't be seen, or that changes the direction in which others are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hidden {
    /// The character.
    pub character: char,
    /// Its place in the text, counted in characters from 1.
    pub place: usize,
}

impl std::fmt::Display for Hidden {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { character, place } = *self;
        write!(formatter, "character {place} is U+{:04X} ", u32::from(character))?;
        match (name(character), turns_direction(character)) {
            (Some(name), true) => write!(formatter, "({name}), which turns the direction of text"),
            (Some(name), false) => write!(formatter, "({name}), which can't be seen"),
            (None, _) => formatter.write_str("which can't be seen"),
        }
    }
}

/// The first character that can't be seen or that turns the direction, where no script needs it. Spaces that are wider
/// or do not break can be seen.
#[must_use]
pub fn first_hidden(text: &str) -> Option<Hidden> {
    let characters: Vec<char> = text.chars().collect();
    let is_hidden = |index: usize| {
        let before = index.checked_sub(1).map(|index| characters[index]);
        let after = characters.get(index + 1).copied();
        let character = characters[index];
        is_invisible(character) && !is_needed(before, character, after)
    };
    let index = (0..characters.len()).find(|index| is_hidden(*index))?;
    Some(Hidden { character: characters[index], place: index + 1 })
}

/// A text without the spaces and invisible characters around it, and how many characters were before it.
#[must_use]
pub fn trim(text: &str) -> (&str, usize) {
    let is_nothing = |character: char| character.is_whitespace() || is_invisible(character);
    let rest = text.trim_start_matches(is_nothing);
    let before = text[..text.len() - rest.len()].chars().count();
    (rest.trim_end_matches(is_nothing), before)
}

/// The spaces of Unicode (category Zs).
fn is_space(character: char) -> bool {
    matches!(
        character,
        ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// Unicode's Default_Ignorable_Code_Point: characters that are shown as nothing.
fn is_ignorable(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// What can't be seen: besides the ignorable, separators of lines, marks of annotations and the empty Braille cell.
fn is_invisible(character: char) -> bool {
    is_ignorable(character)
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{2800}' | '\u{fff9}'..='\u{fffb}')
}

fn turns_direction(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a script needs the character between its neighbours: joiners in Arabic, Indic and emoji, and selectors of
/// one of several shapes of an ideograph or emoji.
fn is_needed(before: Option<char>, character: char, after: Option<char>) -> bool {
    let Some(before) = before else { return false };
    let is_joining = |character: char| {
        matches!(character, '\u{600}'..='\u{7ff}' | '\u{840}'..='\u{fff}' | '\u{1000}'..='\u{109f}'
            | '\u{1780}'..='\u{17ff}' | '\u{1800}'..='\u{18af}')
            && !is_ignorable(character)
    };
    let is_picture = |character: char| {
        matches!(character, '\u{2190}'..='\u{3299}' | '\u{1f000}'..='\u{1faff}' | '\u{a9}' | '\u{ae}')
            && !is_invisible(character)
    };
    let is_ideograph = |character: char| matches!(character, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}');
    match character {
        '\u{200c}' => is_joining(before) && after.is_some_and(is_joining),
        '\u{200d}' => {
            let joins = is_joining(before) && after.is_some_and(is_joining);
            let is_shown = is_picture(before) || before == '\u{fe0f}';
            joins || (is_shown && after.is_some_and(is_picture))
        }
        '\u{fe0e}' | '\u{fe0f}' => is_picture(before) || after == Some('\u{20e3}'),
        '\u{fe00}'..='\u{fe02}' | '\u{e0100}'..='\u{e01ef}' => is_ideograph(before),
        _ => false,
    }
}

/// What Unicode calls those that are met most.
fn name(character: char) -> Option<&'static str> {
    Some(match character {
        '\u{ad}' => "soft hyphen",
        '\u{34f}' => "combining grapheme joiner",
        '\u{61c}' => "Arabic letter mark",
        '\u{200b}' => "zero width space",
        '\u{200c}' => "zero width non-joiner",
        '\u{200d}' => "zero width joiner",
        '\u{200e}' => "left-to-right mark",
        '\u{200f}' => "right-to-left mark",
        '\u{2028}' => "line separator",
        '\u{2029}' => "paragraph separator",
        '\u{202a}' => "left-to-right embedding",
        '\u{202b}' => "right-to-left embedding",
        '\u{202c}' => "pop directional formatting",
        '\u{202d}' => "left-to-right override",
        '\u{202e}' => "right-to-left override",
        '\u{2060}' => "word joiner",
        '\u{2061}' => "function application",
        '\u{2066}' => "left-to-right isolate",
        '\u{2067}' => "right-to-left isolate",
        '\u{2068}' => "first strong isolate",
        '\u{2069}' => "pop directional isolate",
        '\u{2800}' => "Braille pattern blank",
        '\u{3164}' | '\u{ffa0}' => "Hangul filler",
        '\u{feff}' => "byte order mark",
        _ => return None,
    })
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

    #[test]
    fn what_cannot_be_seen_is_found_where_it_stands_unless_a_script_needs_it() {
        for (text, place) in [
            ("Yes\u{200b}", 4),
            ("\u{200b}", 1),
            ("\u{2061}", 1),
            ("\u{3164}", 1),
            ("a\u{2800}", 2),
            ("\u{202e}Ann", 1),
            ("Ann\u{200f}", 4),
            ("a\u{2028}b", 2),
            ("co\u{ad}op", 3),
            ("a\u{200d}b", 2),
            ("\u{fe0f}", 1),
            ("a\u{fe0f}", 2),
            ("\u{1f469}\u{200d}", 2),
            ("x\u{e0041}", 2),
            ("a\u{200c}\u{62e}", 2),
            ("\u{62e}\u{200c}a", 2),
            ("a\u{200d}\u{62e}", 2),
            ("\u{62e}\u{200d}a", 2),
            ("a\u{200d}\u{1f525}", 2),
        ] {
            assert_eq!(first_hidden(text).map(|hidden| hidden.place), Some(place), "{text:?}");
        }
        for text in [
            "Zoe\u{308}",
            "Anna\u{a0}Lee",
            "\u{1f469}\u{200d}\u{1f52c} Ada",
            "\u{2764}\u{fe0f}",
            "\u{2764}\u{fe0f}\u{200d}\u{1f525}",
            "1\u{fe0f}\u{20e3}",
            "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}",
            "\u{915}\u{94d}\u{200d}\u{937}",
            "\u{845b}\u{e0100}",
            "",
        ] {
            assert_eq!(first_hidden(text), None, "{text:?}");
        }
        let told = first_hidden("Yes\u{202e}").expect("it is hidden").to_string();
        assert_eq!(
            told,
            "character 4 is U+202E (right-to-left override), which turns the direction of text"
        );
    }

    #[test]
    fn hidden_characters_have_the_names_that_unicode_gives_them() {
        let names: Vec<_> =
            ('\0'..char::MAX).filter_map(|each| Some((each, name(each)?))).collect();
        let expected = [
            ('\u{ad}', "soft hyphen"),
            ('\u{34f}', "combining grapheme joiner"),
            ('\u{61c}', "Arabic letter mark"),
            ('\u{200b}', "zero width space"),
            ('\u{200c}', "zero width non-joiner"),
            ('\u{200d}', "zero width joiner"),
            ('\u{200e}', "left-to-right mark"),
            ('\u{200f}', "right-to-left mark"),
            ('\u{2028}', "line separator"),
            ('\u{2029}', "paragraph separator"),
            ('\u{202a}', "left-to-right embedding"),
            ('\u{202b}', "right-to-left embedding"),
            ('\u{202c}', "pop directional formatting"),
            ('\u{202d}', "left-to-right override"),
            ('\u{202e}', "right-to-left override"),
            ('\u{2060}', "word joiner"),
            ('\u{2061}', "function application"),
            ('\u{2066}', "left-to-right isolate"),
            ('\u{2067}', "right-to-left isolate"),
            ('\u{2068}', "first strong isolate"),
            ('\u{2069}', "pop directional isolate"),
            ('\u{2800}', "Braille pattern blank"),
            ('\u{3164}', "Hangul filler"),
            ('\u{feff}', "byte order mark"),
            ('\u{ffa0}', "Hangul filler"),
        ];
        assert_eq!(names, expected);
        assert!(names.iter().all(|(each, _)| is_invisible(*each)), "what can be seen needs none");
    }

    #[test]
    fn what_is_trimmed_is_counted_in_characters() {
        for (text, trimmed) in [
            ("", ("", 0)),
            ("a", ("a", 0)),
            (" \u{a0}\u{200b}\u{eb} b\u{feff} ", ("\u{eb} b", 3)),
            ("\u{200b}a", ("a", 1)),
            ("\ta\u{200b}", ("a", 1)),
            (" \u{2060}", ("", 2)),
        ] {
            assert_eq!(trim(text), trimmed, "{text:?}");
        }
    }

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
            ["\u{410}12", "A12"],
            ["000", "0"],
        ] {
            assert_ne!(folded(one), folded(other), "{one:?} {other:?}");
            assert_eq!(loosely_folded(one), loosely_folded(other), "{one:?} {other:?}");
        }
        for [one, other] in [["70", "7"], ["107", "17"], ["A1", "Al"], ["O1", "01"], ["", "0"]] {
            assert_ne!(loosely_folded(one), loosely_folded(other), "{one:?} {other:?}");
        }
    }

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
