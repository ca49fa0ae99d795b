//! No slip passes, and the letter that is named is the wrong one.

use super::*;
use crate::keys::VoterKey;

/// The letters of the checksummed part, in the order of their values.
const ALPHABET: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// What people type besides: letters that no key has, a space, and letters of other scripts.
const OTHERS: &str = "b1io .-Ä\u{430}\u{200b}";

fn key(number: u8) -> PublicKey {
    VoterKey::from_secret_bytes(&[number; 32]).expect("a secret key").public()
}

/// A sequence that looks random and is the same in every run.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }
}

fn with(text: &str, index: usize, letter: char) -> String {
    let change = |(place, found)| if place == index { letter } else { found };
    text.chars().enumerate().map(change).collect()
}

#[test]
fn a_key_reads_back_in_both_forms_and_either_case() {
    for number in 1..20 {
        let key = key(number);
        let text = write(&key);
        assert_eq!((text.len(), text.starts_with(BEGINNING)), (LETTERS, true), "{text}");
        for text in [text.clone(), text.to_uppercase(), format!(" {text}\n")] {
            assert_eq!(read(&text), Ok((key, KeyForm::Bech32m)), "{text}");
        }
        for text in [key.to_string(), key.to_string().to_uppercase()] {
            assert_eq!(read(&text), Ok((key, KeyForm::Hex)), "{text}");
        }
    }
}

#[test]
fn no_slip_of_one_letter_passes_and_its_place_is_told() {
    for text in [write(&key(1)), write(&key(2)), write(&key(3)).to_uppercase()] {
        let is_capital = text.starts_with('O');
        for (index, letter) in text.chars().enumerate() {
            for other in ALPHABET.chars().chain(OTHERS.chars()) {
                let other = if is_capital { other.to_ascii_uppercase() } else { other };
                if other == letter {
                    continue;
                }
                let told = read(&with(&text, index, other)).expect_err("a slip");
                let (found, fits) = (other.to_ascii_lowercase(), letter.to_ascii_lowercase());
                let expected = match text::first_hidden(&other.to_string()) {
                    Some(hidden) => KeyTextError::Hidden(Hidden { place: index + 1, ..hidden }),
                    // A space at an end is none of the key's.
                    None if other == ' ' && index == 0 => continue,
                    None if other == ' ' && index + 1 == LETTERS => {
                        KeyTextError::Missing { place: LETTERS, fits }
                    }
                    None => KeyTextError::Letter { place: index + 1, found, fits },
                };
                assert_eq!(told, expected, "letter {} of {text} as {other:?}", index + 1);
            }
        }
    }
}

#[test]
fn no_slip_of_two_or_three_letters_passes_and_no_good_letter_is_named() {
    let mut seeded = Seeded(7);
    for round in 0..1_000 {
        let text = write(&key(u8::try_from(1 + round % 50).expect("few")));
        let mut slip = text.clone();
        for _ in 0..2 + round % 2 {
            let letter = ALPHABET.chars().nth(seeded.below(32)).expect("it has 32");
            slip = with(&slip, seeded.below(LETTERS), letter);
        }
        let wrong = text.chars().zip(slip.chars()).filter(|(one, other)| one != other).count();
        match read(&slip) {
            Ok(_) => assert_eq!(wrong, 0, "{slip} passes for {text}"),
            Err(KeyTextError::Letter { .. }) => assert_eq!(wrong, 1, "{slip} for {text}"),
            Err(_) => assert!(wrong > 0),
        }
    }
}

#[test]
fn letters_that_are_missing_too_many_or_changed_places_are_found() {
    let text = write(&key(4));
    for index in BEGINNING.len()..LETTERS {
        let letter = text.as_bytes()[index] as char;
        let short = format!("{}{}", &text[..index], &text[index + 1..]);
        let Err(KeyTextError::Missing { place, fits }) = read(&short) else {
            panic!("{short}: {:?}", read(&short))
        };
        // Which one of two equal neighbours is missing can't be known.
        let mended = format!("{}{fits}{}", &short[..place - 1], &short[place - 1..]);
        assert_eq!((mended.as_str(), fits), (text.as_str(), letter));
        let long = format!("{}k{}", &text[..index], &text[index..]);
        let Err(KeyTextError::Extra { place, .. }) = read(&long) else {
            panic!("{long}: {:?}", read(&long))
        };
        assert_eq!(format!("{}{}", &long[..place - 1], &long[place..]), text);
        if index > BEGINNING.len() && text.as_bytes()[index - 1] != text.as_bytes()[index] {
            let mut letters: Vec<char> = text.chars().collect();
            letters.swap(index - 1, index);
            let swapped: String = letters.into_iter().collect();
            assert_eq!(read(&swapped), Err(KeyTextError::Swapped { place: index }), "{swapped}");
        }
    }
    let swapped = text.replacen("os", "so", 1);
    assert_eq!(read(&swapped), Err(KeyTextError::Swapped { place: 1 }));
    for (cut, found) in [(&text[..40], 40), (&text[..64], 64), (&text[1..], 65)] {
        assert_eq!(read(cut), Err(KeyTextError::Length { found }));
    }
}

#[test]
fn what_is_no_key_is_told_without_repeating_it() {
    let (text, digits) = (write(&key(5)), key(5).to_string());
    let mixed = format!("{}{}", &text[..30], text[30..].to_uppercase());
    let name = "A name that is by chance just as long as a key is, and is no such";
    for (text, part) in [
        ("", "0 characters stand where a key should, which begins with ostkey1 or has 66"),
        ("Miller", "6 characters stand where a key should"),
        ("7", "1 character stands where a key should"),
        ("Ada", "3 characters stand where a key should"),
        (&digits[..20], "the key has 20 hexadecimal digits instead of 66: copy it again"),
        (&digits[2..], "the key has 64 hexadecimal digits instead of 66, as a voter's id has"),
        (name, "65 characters stand where a key should"),
        (&with(&text, 20, 'K'), "the key's letter 21 (`K`) is a capital among others"),
        (&mixed, "is a capital among others: write it in one case"),
        (&with(&with(&text, 20, 'b'), 30, 'b'), "the key's letter 21 (`b`) is wrong: no key"),
        (&digits[1..], "the key has 65 hexadecimal digits instead of 66: copy it again"),
        (&with(&digits, 9, 'O'), "the key's character 10 is `O`, which is no hexadecimal digit"),
        (&format!("05{}", "1".repeat(64)), "one of its digits may be wrong"),
        (&text.replace("ostkey", "bcbcbc"), "66 characters stand where a key should"),
    ] {
        let error = read(text).expect_err(text).to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
    // A checksum that holds over what is no point.
    let no_point = bech32::encode::<Bech32m>(WORD, &[5; 33]).expect("it is short");
    let told = read(&no_point).expect_err("no point");
    assert_eq!(told, KeyTextError::NotAPoint { form: KeyForm::Bech32m });
    // The bit that is left over.
    let last = key(6).0[32] & 1;
    let bits = bech32::encode::<Bech32m>(WORD, &[&key(6).0[..], &[last]].concat());
    assert!(read(&bits.expect("it is short")).is_err());
    // Bech32 without the m, and another word.
    let former = bech32::encode::<bech32::Bech32>(WORD, &key(6).0).expect("it is short");
    assert!(read(&former).is_err(), "{former}");
}

/// Why there is a checksum: of the slips of one digit in hex, half make another key.
#[test]
fn slips_of_one_digit_in_hex_pass() {
    let mut seeded = Seeded(3);
    let mut passes = |_: &u8| {
        let digits = key(7).to_string();
        let digit = "0123456789abcdef".chars().nth(seeded.below(16)).expect("it has 16");
        read(&with(&digits, 2 + seeded.below(64), digit)).is_ok()
    };
    assert!((0..200).filter(|round| passes(round)).count() > 50);
}
