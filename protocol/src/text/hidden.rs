//! Characters of a text that can't be seen, or that change the direction in which others are shown, and where a script
//! needs them.

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
    let is_hidden =
        |index: &usize| is_invisible(characters[*index]) && !is_needed(&characters, *index);
    let index = (0..characters.len()).find(is_hidden)?;
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

/// A text without characters that are shown as nothing. The tags of a flag are kept: they say which one it is.
pub(super) fn visible(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let is_shown = |(index, character): &(usize, &char)| {
        !is_ignorable(**character) || is_in_flag(&characters, *index, **character)
    };
    characters.iter().enumerate().filter(is_shown).map(|(_, character)| *character).collect()
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

/// Whether a script needs the character at this place.
fn is_needed(characters: &[char], index: usize) -> bool {
    let Some(before) = index.checked_sub(1).map(|index| characters[index]) else { return false };
    let after = characters.get(index + 1).copied();
    match characters[index] {
        // Words of scripts that join their letters go on after one of them, also beside a word of another script.
        '\u{200c}' => after.is_some_and(|after| {
            let is_beside =
                |one: char, other: char| joins(one) && (joins(other) || other.is_alphanumeric());
            is_beside(before, after) || is_beside(after, before)
        }),
        '\u{200d}' => {
            let is_shown = is_emoji(before) || before == EMOJI_STYLE;
            after.is_some_and(|after| {
                (joins(before) && joins(after)) || (is_shown && is_emoji(after))
            })
        }
        '\u{fe0e}' | EMOJI_STYLE => {
            is_emoji(before)
                || (matches!(before, '0'..='9' | '#' | '*') && after == Some('\u{20e3}'))
        }
        '\u{fe00}'..='\u{fe02}' | '\u{e0100}'..='\u{e01ef}' => is_ideograph(before),
        '\u{180b}'..='\u{180f}' => matches!(before, '\u{1820}'..='\u{18aa}'),
        tag @ '\u{e0020}'..='\u{e007f}' => is_in_flag(characters, index, tag),
        _ => false,
    }
}

/// Asks for the coloured shape of an emoji.
const EMOJI_STYLE: char = '\u{fe0f}';
/// A flag of a region is a black flag, the letters of its name as tags, and the tag that ends them.
const BLACK_FLAG: char = '\u{1f3f4}';
const LAST_TAG: char = '\u{e007f}';
/// The letters that the name of a region has: a country of two, and up to three of its part.
const REGION_LETTERS: std::ops::RangeInclusive<usize> = 3..=5;

/// Whether a tag belongs to a whole flag of a region, such as that of Wales.
fn is_in_flag(characters: &[char], index: usize, tag: char) -> bool {
    let is_letter =
        |each: &char| matches!(each, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}');
    if !is_letter(&tag) && tag != LAST_TAG {
        return false;
    }
    // No flag has more letters, so that a long row of them is looked through once.
    let far = REGION_LETTERS.end() + 1;
    let from = index.saturating_sub(far);
    let start = characters[from..index].iter().rposition(|each| !is_letter(each));
    let start = start.map(|start| from + start).filter(|start| characters[*start] == BLACK_FLAG);
    let Some(start) = start else { return false };
    let letters =
        characters[start + 1..].iter().take(far).take_while(|each| is_letter(each)).count();
    let end = characters.get(start + 1 + letters);
    REGION_LETTERS.contains(&letters) && end == Some(&LAST_TAG)
}

/// The letters, signs and digits of scripts whose letters join: Arabic and its kin, Indic, Mongolian, Adlam.
fn joins(character: char) -> bool {
    matches!(character, '\u{600}'..='\u{7ff}' | '\u{840}'..='\u{fff}' | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{18af}' | '\u{1b00}'..='\u{1bff}' | '\u{a800}'..='\u{abff}'
        | '\u{10a00}'..='\u{10a5f}' | '\u{10d00}'..='\u{10d3f}' | '\u{11000}'..='\u{11fff}'
        | '\u{1e900}'..='\u{1e95f}')
        && !is_ignorable(character)
}

fn is_ideograph(character: char) -> bool {
    matches!(character, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Unicode's property Emoji, but for digits, and all planes of pictures.
#[rustfmt::skip]
fn is_emoji(character: char) -> bool {
    matches!(character,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2194}'..='\u{2199}'
        | '\u{21a9}'..='\u{21aa}' | '\u{231a}'..='\u{231b}' | '\u{2328}' | '\u{23cf}' | '\u{23e9}'..='\u{23f3}'
        | '\u{23f8}'..='\u{23fa}' | '\u{24c2}' | '\u{25aa}'..='\u{25ab}' | '\u{25b6}' | '\u{25c0}'
        | '\u{25fb}'..='\u{25fe}' | '\u{2600}'..='\u{2604}' | '\u{260e}' | '\u{2611}' | '\u{2614}'..='\u{2615}'
        | '\u{2618}' | '\u{261d}' | '\u{2620}' | '\u{2622}'..='\u{2623}' | '\u{2626}' | '\u{262a}'
        | '\u{262e}'..='\u{262f}' | '\u{2638}'..='\u{263a}' | '\u{2640}' | '\u{2642}' | '\u{2648}'..='\u{2653}'
        | '\u{265f}'..='\u{2660}' | '\u{2663}' | '\u{2665}'..='\u{2666}' | '\u{2668}' | '\u{267b}'
        | '\u{267e}'..='\u{267f}' | '\u{2692}'..='\u{2697}' | '\u{2699}' | '\u{269b}'..='\u{269c}'
        | '\u{26a0}'..='\u{26a1}' | '\u{26a7}' | '\u{26aa}'..='\u{26ab}' | '\u{26b0}'..='\u{26b1}'
        | '\u{26bd}'..='\u{26be}' | '\u{26c4}'..='\u{26c5}' | '\u{26c8}' | '\u{26ce}'..='\u{26cf}' | '\u{26d1}'
        | '\u{26d3}'..='\u{26d4}' | '\u{26e9}'..='\u{26ea}' | '\u{26f0}'..='\u{26f5}' | '\u{26f7}'..='\u{26fa}'
        | '\u{26fd}' | '\u{2702}' | '\u{2705}' | '\u{2708}'..='\u{270d}' | '\u{270f}' | '\u{2712}' | '\u{2714}'
        | '\u{2716}' | '\u{271d}' | '\u{2721}' | '\u{2728}' | '\u{2733}'..='\u{2734}' | '\u{2744}' | '\u{2747}'
        | '\u{274c}' | '\u{274e}' | '\u{2753}'..='\u{2755}' | '\u{2757}' | '\u{2763}'..='\u{2764}'
        | '\u{2795}'..='\u{2797}' | '\u{27a1}' | '\u{27b0}' | '\u{27bf}' | '\u{2934}'..='\u{2935}'
        | '\u{2b05}'..='\u{2b07}' | '\u{2b1b}'..='\u{2b1c}' | '\u{2b50}' | '\u{2b55}' | '\u{3030}' | '\u{303d}'
        | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
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
            ("a\u{200c}b", 2),
            ("\u{62e}\u{200c}", 2),
            ("\u{62e}\u{200c} a", 2),
            ("\u{3042}\u{fe0f}", 2),
            ("1\u{fe0f}", 2),
            ("a\u{fe0f}\u{20e3}", 2),
            ("\u{2190}\u{fe0f}", 2),
            ("\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}", 2),
            ("\u{1f3f4}\u{e0067}\u{e007f}", 2),
            ("\u{1f600}\u{e0067}\u{e0062}\u{e0065}\u{e007f}", 2),
            ("\u{1f3f4}\u{e007f}", 2),
            ("Yes\u{180b}", 4),
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
            "1\u{20e3} 2\u{fe0f}\u{20e3} #\u{fe0f}\u{20e3}",
            "\u{203c}\u{fe0f} \u{2122}\u{fe0f} \u{a9}\u{fe0e} \u{3297}\u{fe0f}",
            "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} England",
            "\u{1f3f4}\u{200d}\u{2620}\u{fe0f}",
            "\u{1f44d}\u{1f3fd} \u{1f469}\u{1f3fd}\u{200d}\u{1f52c}",
            "PDF\u{200c}\u{647}\u{627} \u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645} Board 2026",
            "\u{1820}\u{180b}",
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
}
