//! The decimal digits of all scripts: a reader of them takes each for the digit of ASCII.

/// The zero of each script; its other digits follow it (Unicode's category Nd).
#[rustfmt::skip]
const ZEROS: [char; 75] = [
    '\u{660}', '\u{6f0}', '\u{7c0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}', '\u{b66}',
    '\u{be6}', '\u{c66}', '\u{ce6}', '\u{d66}', '\u{de6}', '\u{e50}', '\u{ed0}', '\u{f20}',
    '\u{1040}', '\u{1090}', '\u{17e0}', '\u{1810}', '\u{1946}', '\u{19d0}', '\u{1a80}', '\u{1a90}',
    '\u{1b50}', '\u{1bb0}', '\u{1c40}', '\u{1c50}', '\u{a620}', '\u{a8d0}', '\u{a900}', '\u{a9d0}',
    '\u{a9f0}', '\u{aa50}', '\u{abf0}', '\u{ff10}', '\u{104a0}', '\u{10d30}', '\u{10d40}',
    '\u{11066}', '\u{110f0}', '\u{11136}', '\u{111d0}', '\u{112f0}', '\u{11450}', '\u{114d0}',
    '\u{11650}', '\u{116c0}', '\u{116d0}', '\u{116da}', '\u{11730}', '\u{118e0}', '\u{11950}',
    '\u{11bf0}', '\u{11c50}', '\u{11d50}', '\u{11da0}', '\u{11f50}', '\u{16130}', '\u{16a60}',
    '\u{16ac0}', '\u{16b50}', '\u{16d70}', '\u{1ccf0}', '\u{1d7ce}', '\u{1d7d8}', '\u{1d7e2}',
    '\u{1d7ec}', '\u{1d7f6}', '\u{1e140}', '\u{1e2f0}', '\u{1e4f0}', '\u{1e5f1}', '\u{1e950}',
    '\u{1fbf0}',
];

/// A text whose decimal digits are those of ASCII.
#[must_use]
pub fn with_ascii_digits(text: &str) -> String {
    text.chars().map(|character| digit(character).unwrap_or(character)).collect()
}

fn digit(character: char) -> Option<char> {
    if character.is_ascii() {
        return None;
    }
    let after = ZEROS.partition_point(|zero| *zero <= character);
    let zero = ZEROS[after.checked_sub(1)?];
    char::from_digit(u32::from(character) - u32::from(zero), 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_any_script_are_those_of_ascii_and_nothing_else_is() {
        for text in [
            "\u{660}\u{660}\u{667}",
            "\u{6f0}\u{6f0}\u{6f7}",
            "\u{ff10}\u{ff10}\u{ff17}",
            "\u{966}0\u{1d7d5}",
        ] {
            assert_eq!(with_ascii_digits(text), "007", "{text}");
        }
        let others = "7a\u{b2}\u{2167}\u{4e03}\u{66a}\u{65f}\u{1d800}";
        assert_eq!(with_ascii_digits(others), others);
        assert!(ZEROS.is_sorted());
    }
}
