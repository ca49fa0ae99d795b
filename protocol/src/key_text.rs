//! The text forms of a public key: Bech32m (BIP 350) for people, and bare hexadecimal digits.
//!
//! People send keys to each other by mail and copy them from paper. Of the hexadecimal digits of a key, every second
//! slip makes another key; in Bech32m none of fewer than four letters does, and the letter that is wrong is found.
//! These forms are for people alone: what is signed, sent and stored holds a key as its 33 bytes.

use std::str::FromStr;

use bech32::primitives::checksum::Engine;
use bech32::primitives::decode::UncheckedHrpstring;
use bech32::{Bech32m, Checksum, Fe32, Hrp};

use crate::keys::{PublicKey, check_public_key};
use crate::text::{self, Hidden, shown};

/// What a key begins with: the word of BIP 350's human-readable part, and the `1` behind it.
pub const BEGINNING: &str = "ostkey1";
const WORD: Hrp = Hrp::parse_unchecked("ostkey");
/// The letters of a key: its beginning, 53 of five bits for its 33 bytes, and six of the checksum.
pub const LETTERS: usize = 66;
/// The digits of a key without a checksum.
pub const HEX_DIGITS: usize = 66;
/// The digits that a text has at least if it is taken for a key in hex with something else in it, and not for a name.
const NEARLY_HEX: usize = 56;
/// The digits that a text has at least if it is taken for a part of a key in hex, and not for a number.
const PARTLY_HEX: usize = 16;
/// The digits of a voter's id.
const VOTER_DIGITS: usize = 64;
/// How many letters a text may have too few or too many if it is taken for a key, and not for a name.
const NEARLY_LETTERS: usize = 6;

/// In which form a key was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyForm {
    /// With a checksum.
    Bech32m,
    /// Bare digits, of which nobody knows whether they are those that were sent.
    Hex,
}

/// The reason why a text is not a public key. Nothing of the text is told but single letters, since what stands where a
/// key should may be somebody's name. Places are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum KeyTextError {
    /// The text is nothing like a key.
    #[error(
        "{} where a key should, which begins with {BEGINNING} or has {HEX_DIGITS} hexadecimal digits",
        match characters {
            1 => "1 character stands".to_owned(),
            more => format!("{more} characters stand"),
        }
    )]
    NotAKey { characters: usize },
    /// A character can't be seen.
    #[error("the key's {0}: remove it")]
    Hidden(Hidden),
    /// A character of a key in hex is no digit.
    #[error("the key's character {place} is {}, which is no hexadecimal digit", shown(*character))]
    NotADigit { place: usize, character: char },
    /// A key in hex is too short or too long.
    #[error(
        "the key has {found} hexadecimal digits instead of {HEX_DIGITS}{}: copy it again",
        if *found == VOTER_DIGITS { ", as a voter's id has and no key" } else { "" }
    )]
    Digits { found: usize },
    /// The bytes are no point of the curve.
    #[error("the key is no public key of secp256k1: {}", match form {
        KeyForm::Hex => "one of its digits may be wrong",
        KeyForm::Bech32m => "its checksum holds, so ask whoever made it",
    })]
    NotAPoint { form: KeyForm },
    /// Capitals and small letters stand in one key.
    #[error(
        "the key's letter {place} ({}) is {} among others: write it in one case", shown(*found),
        if found.is_uppercase() { "a capital" } else { "a small letter" }
    )]
    MixedCase { place: usize, found: char },
    /// With one other letter, it would be a key.
    #[error("the key's letter {place} ({}) may be wrong: {} would fit", shown(*found), shown(*fits))]
    Letter { place: usize, found: char, fits: char },
    /// A letter stands in no key, and more is wrong.
    #[error("the key's letter {place} ({}) is wrong: no key has it there", shown(*found))]
    ForeignLetter { place: usize, found: char },
    /// Two letters changed places.
    #[error("the key's letters {place} and {} may have changed places", place + 1)]
    Swapped { place: usize },
    /// With one letter more, it would be a key.
    #[error("the key lacks a letter: {} would fit as letter {place}", shown(*fits))]
    Missing { place: usize, fits: char },
    /// With one letter less, it would be a key.
    #[error("the key has a letter too many: letter {place} ({}) may be it", shown(*found))]
    Extra { place: usize, found: char },
    /// It is too short or too long, and there is no telling where.
    #[error("the key has {found} letters instead of {LETTERS}: copy it again")]
    Length { found: usize },
    /// Several letters are wrong.
    #[error("several letters of the key are wrong, as its checksum shows: copy it again")]
    Checksum,
}

impl PublicKey {
    /// The text form with a checksum, for people to copy.
    #[must_use]
    pub fn text(&self) -> String {
        write(self)
    }
}

/// Reads either text form, and accepts it only if it is a point of the curve.
impl FromStr for PublicKey {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        read(text).map(|(key, _)| key)
    }
}

/// Writes a key in Bech32m.
#[must_use]
pub fn write(key: &PublicKey) -> String {
    bech32::encode::<Bech32m>(WORD, &key.0).expect("33 bytes are few enough")
}

/// Reads a key in either form; spaces around it do no harm.
///
/// # Errors
/// See [`KeyTextError`].
pub fn read(text: &str) -> Result<(PublicKey, KeyForm), KeyTextError> {
    let text = text.trim();
    let characters = text.chars().count();
    let digits = text.chars().filter(char::is_ascii_hexdigit).count();
    let is_hex = digits >= NEARLY_HEX || (digits == characters && digits >= PARTLY_HEX);
    let begins = |text: &str| text.get(..WORD.len()).is_some_and(|word| is_word(word.as_bytes()));
    let is_near = characters.abs_diff(LETTERS) <= NEARLY_LETTERS
        && text.chars().filter(|each| each.is_whitespace()).count() <= 1;
    if !is_hex && !begins(text) && !is_near {
        return Err(KeyTextError::NotAKey { characters });
    }
    if let Some(hidden) = text::first_hidden(text) {
        return Err(KeyTextError::Hidden(hidden));
    }
    let (key, form) = match is_hex {
        true => (read_hex(text)?, KeyForm::Hex),
        false => (read_letters(text)?, KeyForm::Bech32m),
    };
    check_public_key(&key).map_err(|_| KeyTextError::NotAPoint { form })?;
    Ok((key, form))
}

fn is_word(letters: &[u8]) -> bool {
    letters.eq_ignore_ascii_case(WORD.as_bytes())
}

fn read_hex(text: &str) -> Result<PublicKey, KeyTextError> {
    let mut numbered = text.chars().zip(1..);
    if let Some((character, place)) = numbered.find(|(each, _)| !each.is_ascii_hexdigit()) {
        return Err(KeyTextError::NotADigit { place, character });
    }
    let mut key = PublicKey([0; 33]);
    hex::decode_to_slice(text, &mut key.0)
        .map_err(|_| KeyTextError::Digits { found: text.len() })?;
    Ok(key)
}

fn read_letters(text: &str) -> Result<PublicKey, KeyTextError> {
    check_case(text)?;
    let letters: Vec<char> = text.chars().map(|letter| letter.to_ascii_lowercase()).collect();
    if letters.len() != LETTERS {
        return Err(wrong_length(&letters));
    }
    let wrong = || letters.iter().zip(BEGINNING.chars()).enumerate().filter(|(_, (a, b))| *a != b);
    let first_wrong = wrong().map(|(index, (found, fits))| (index + 1, *found, fits)).next();
    let data = &letters[BEGINNING.len()..];
    match (first_wrong, wrong().count()) {
        (None, _) => decode(data).ok_or_else(|| wrong_data(data)),
        (Some((place, found, fits)), 1) if decode(data).is_some() => {
            Err(KeyTextError::Letter { place, found, fits })
        }
        // Much of the beginning is another: a text that is as long as a key by chance.
        (Some(_), count) if count > BEGINNING.len() / 2 => {
            Err(KeyTextError::NotAKey { characters: letters.len() })
        }
        (Some((place, found, fits)), count) if decode(data).is_some() && count == 2 => {
            let next = (letters.get(place), BEGINNING.chars().nth(place));
            let is_swapped = next == (Some(&fits), Some(found));
            Err(if is_swapped { KeyTextError::Swapped { place } } else { KeyTextError::Checksum })
        }
        (Some(_), _) => Err(KeyTextError::Checksum),
    }
}

/// Finds the first letter that is not in the case of most others.
fn check_case(text: &str) -> Result<(), KeyTextError> {
    let capitals = text.chars().filter(char::is_ascii_uppercase).count();
    let small = text.chars().filter(char::is_ascii_lowercase).count();
    if capitals == 0 || small == 0 {
        return Ok(());
    }
    let is_odd = |letter: &char| match capitals <= small {
        true => letter.is_ascii_uppercase(),
        false => letter.is_ascii_lowercase(),
    };
    let odd = text.chars().zip(1..).find(|(letter, _)| is_odd(letter));
    let (found, place) = odd.expect("both cases were counted");
    Err(KeyTextError::MixedCase { place, found })
}

/// The key that these letters behind the beginning are, if their checksum holds.
fn decode(data: &[char]) -> Option<PublicKey> {
    let text: String = BEGINNING.chars().chain(data.iter().copied()).collect();
    let unchecked = UncheckedHrpstring::new(&text).ok()?;
    if unchecked.hrp() != WORD || !unchecked.has_valid_checksum::<Bech32m>() {
        return None;
    }
    let checked = unchecked.remove_checksum::<Bech32m>();
    let bytes: Vec<u8> = checked.byte_iter().collect();
    let key = PublicKey(bytes.try_into().ok()?);
    // The 53 letters have one bit more than the 33 bytes, and it is 0 in the one text that a key has.
    (write(&key) == text).then_some(key)
}

/// What may be wrong with letters of the right number, behind a good beginning.
fn wrong_data(data: &[char]) -> KeyTextError {
    let place_of = |index: usize| BEGINNING.len() + index + 1;
    let mut foreign = (0..data.len()).filter(|index| Fe32::from_char(data[*index]).is_err());
    if let Some(index) = foreign.next() {
        let (place, found) = (place_of(index), data[index]);
        let mut probe = data.to_vec();
        let fits = Fe32::iter_alpha().map(Fe32::to_char).find(|letter| {
            probe[index] = *letter;
            decode(&probe).is_some()
        });
        return match fits {
            Some(fits) => KeyTextError::Letter { place, found, fits },
            None => KeyTextError::ForeignLetter { place, found },
        };
    }
    if let Some((index, fits)) = one_wrong(data) {
        return KeyTextError::Letter { place: place_of(index), found: data[index], fits };
    }
    let swapped = (0..data.len() - 1).find(|index| {
        let mut probe = data.to_vec();
        probe.swap(*index, index + 1);
        decode(&probe).is_some()
    });
    swapped.map_or(KeyTextError::Checksum, |index| KeyTextError::Swapped { place: place_of(index) })
}

/// The one letter by which the data are wrong, and what fits there. What a letter adds to the residue of the checksum
/// depends on the difference and on how many letters follow, but not on the others.
fn one_wrong(data: &[char]) -> Option<(usize, char)> {
    let mut engine = Engine::<Bech32m>::new();
    engine.input_hrp(WORD);
    for letter in data {
        engine.input_fe(Fe32::from_char(*letter).ok()?);
    }
    let wrong = engine.residue() ^ Bech32m::TARGET_RESIDUE;
    Fe32::iter_alpha().filter(|difference| *difference != Fe32::Q).find_map(|difference| {
        let (mut with, mut without) = (Engine::<Bech32m>::new(), Engine::<Bech32m>::new());
        with.input_fe(difference);
        without.input_fe(Fe32::Q);
        let mut from_end = (0..data.len()).rev();
        let index = from_end.find(|_| {
            let is_it = with.residue() ^ without.residue() == wrong;
            with.input_fe(Fe32::Q);
            without.input_fe(Fe32::Q);
            is_it
        })?;
        let fits = (Fe32::from_char(data[index]).ok()? + difference).to_char();
        let mut probe = data.to_vec();
        probe[index] = fits;
        decode(&probe).map(|_| (index, fits))
    })
}

/// What may be wrong with a text of another length.
fn wrong_length(letters: &[char]) -> KeyTextError {
    let found = letters.len();
    let begins = letters.iter().copied().take(BEGINNING.len()).eq(BEGINNING.chars());
    let data = letters.get(BEGINNING.len()..).unwrap_or_default();
    let place_of = |index: usize| BEGINNING.len() + index + 1;
    let located = match found {
        _ if !begins => None,
        found if found + 1 == LETTERS => (0..=data.len()).find_map(|index| {
            let mut probe = data.to_vec();
            probe.insert(index, Fe32::Q.to_char());
            let fits = match decode(&probe) {
                Some(_) => Some(Fe32::Q.to_char()),
                None => one_wrong(&probe).filter(|(at, _)| *at == index).map(|(_, fits)| fits),
            };
            fits.map(|fits| KeyTextError::Missing { place: place_of(index), fits })
        }),
        found if found == LETTERS + 1 => (0..data.len()).find_map(|index| {
            let mut probe = data.to_vec();
            let extra = probe.remove(index);
            let is_key = decode(&probe).is_some();
            is_key.then(|| KeyTextError::Extra { place: place_of(index), found: extra })
        }),
        _ => None,
    };
    located.unwrap_or(KeyTextError::Length { found })
}

#[cfg(test)]
mod tests;
