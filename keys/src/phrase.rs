//! The recovery phrase: 24 words of BIP 39 that encode the secret key itself, to be kept on paper.
//! No error message may ever repeat one of its words.

use bip39::{Language, Mnemonic};
use protocol::keys::VoterKey;
use zeroize::Zeroizing;

/// The number of words that encode the key's 32 bytes and their checksum.
pub const PHRASE_WORDS: usize = 24;

/// The letters by which a word of BIP 39's list differs from all others.
const LETTERS_MIN: usize = 4;

/// The longest text that is accepted as a phrase. No word of the list has more than 8 letters, so
/// there is enough room for additional spaces.
pub const PHRASE_BYTES_MAX: usize = 1_024;

/// The reason why a text is not a recovery phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhraseError {
    /// The text has the wrong number of words.
    #[error("a recovery phrase has {PHRASE_WORDS} words, and here are {found}")]
    Count {
        /// The number of words in the text.
        found: usize,
    },
    /// The text is longer than any phrase.
    #[error("a recovery phrase has at most {PHRASE_BYTES_MAX} bytes with all spaces")]
    TooLong,
    /// A word is not in the list.
    #[error(
        "word {place} of the recovery phrase is none of BIP 39's English words: look at it again"
    )]
    UnknownWord {
        /// The position of the word, counted from 1.
        place: usize,
    },
    /// The checksum in the last word does not match the other words.
    #[error("the recovery phrase does not check: a word is another one, or two changed places")]
    Checksum,
    /// The 32 bytes are not a secret key of secp256k1.
    #[error("the recovery phrase is of no key on secp256k1: it was made for something else")]
    NotAKey,
}

/// Returns the words of a key, separated by single spaces.
///
/// # Panics
/// Never, because any 32 bytes have a phrase.
pub fn of_key(key: &VoterKey) -> Zeroizing<String> {
    let secret = key.secret_bytes();
    let mnemonic = Mnemonic::from_entropy_in(Language::English, secret.as_slice());
    let mnemonic = Zeroizing::new(mnemonic.expect("32 bytes are 24 words"));
    // The capacity is enough from the start, so that the string never grows: growing would leave
    // copies of the secret in memory.
    let mut text = Zeroizing::new(String::with_capacity(PHRASE_BYTES_MAX));
    for word in mnemonic.words() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

/// The number of words in a text, which may be the beginning of a phrase. Their labels are none.
#[must_use]
pub fn count(text: &str) -> usize {
    let plain = plain(text);
    let words: Vec<&str> = words(&plain).collect();
    let pairs = &words[..words.len() / 2 * 2];
    let rest = without_labels(pairs);
    // A word that stands again and again is no label of itself.
    let is_labelled = pairs.len() > 2
        && rest.len() < pairs.len()
        && !(rest.contains(&pairs[0]) && rest.contains(&pairs[1]));
    if is_labelled { rest.len() } else { words.len() }
}

/// A text as BIP 39 writes words: in small letters of ASCII, without what joins the halves of a word and can't be seen.
fn plain(text: &str) -> Zeroizing<String> {
    // No small letter takes twice as much, so it never grows: growing would leave copies of the secret in memory.
    let mut plain = Zeroizing::new(String::with_capacity(2 * text.len()));
    for character in text.chars() {
        match character {
            // The soft hyphen, joiners, and the mark at the beginning of a file.
            '\u{ad}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{feff}' => {}
            // Turkish keyboards write the capital with its dot, and the small letter without.
            '\u{130}' | '\u{131}' => plain.push('i'),
            // Letters as wide as Chinese ones.
            '\u{ff21}'..='\u{ff5a}' => {
                let narrow = u32::from(character) - (0xff21 - u32::from('A'));
                plain.extend(char::from_u32(narrow).map(|narrow| narrow.to_ascii_lowercase()));
            }
            other => plain.extend(other.to_lowercase()),
        }
    }
    plain
}

/// The words of a plain text, however they are written down: with numbers, commas, or each on a line of its own.
fn words(plain: &str) -> impl Iterator<Item = &str> {
    plain.split(|character: char| !character.is_alphabetic()).filter(|word| !word.is_empty())
}

/// Pairs of words without the label that stands before or after each word, as in `No. 1`, `1st` or `iv`. Labels are all
/// alike, or none of them is a word of the list.
fn without_labels<'words>(words: &[&'words str]) -> Vec<&'words str> {
    let each_second = |first: usize| words.iter().skip(first).step_by(2);
    let are_labels = |first: usize| {
        each_second(first).all(|word| *word == words[first])
            || each_second(first).all(|word| whole_word(word).is_none())
    };
    match (are_labels(0), are_labels(1)) {
        (true, _) => each_second(1).copied().collect(),
        (false, true) => each_second(0).copied().collect(),
        (false, false) => words.to_vec(),
    }
}

/// The word of the list that somebody wrote. Its first four letters are enough, since no other word begins with them.
fn whole_word(written: &str) -> Option<&'static str> {
    let list = Language::English.word_list();
    match list.iter().find(|word| **word == written) {
        Some(word) => Some(word),
        None if written.len() < LETTERS_MIN => None,
        None => list.iter().find(|word| word.starts_with(written)).copied(),
    }
}

/// Returns the key that a phrase encodes. Upper and lower case are treated alike, and whatever is no letter may
/// separate the words, which may be numbered. The first four letters of a word are enough.
///
/// # Errors
/// See [`PhraseError`].
pub fn to_key(text: &str) -> Result<VoterKey, PhraseError> {
    if text.len() > PHRASE_BYTES_MAX {
        return Err(PhraseError::TooLong);
    }
    let plain = plain(text);
    let mut written: Vec<&str> = words(&plain).collect();
    if written.len() == 2 * PHRASE_WORDS {
        written = without_labels(&written);
    }
    if written.len() != PHRASE_WORDS {
        return Err(PhraseError::Count { found: written.len() });
    }
    let mut text = Zeroizing::new(String::with_capacity(PHRASE_BYTES_MAX));
    for (index, word) in written.into_iter().enumerate() {
        let word = whole_word(word).ok_or(PhraseError::UnknownWord { place: index + 1 })?;
        text.push_str(word);
        text.push(' ');
    }
    let mnemonic =
        Mnemonic::parse_in_normalized(Language::English, &text).map_err(|error| match error {
            bip39::Error::UnknownWord(index) => PhraseError::UnknownWord { place: index + 1 },
            bip39::Error::InvalidChecksum => PhraseError::Checksum,
            bip39::Error::BadWordCount(found) => PhraseError::Count { found },
            bip39::Error::BadEntropyBitCount(_) | bip39::Error::AmbiguousLanguages(_) => {
                unreachable!("24 words of one language have 256 bits")
            }
        })?;
    let mnemonic = Zeroizing::new(mnemonic);
    let (entropy, length) = mnemonic.to_entropy_array();
    let entropy = Zeroizing::new(entropy);
    let mut secret = Zeroizing::new([0; 32]);
    secret.copy_from_slice(&entropy[..length]);
    VoterKey::from_secret_bytes(&secret).map_err(|_| PhraseError::NotAKey)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The last of the vectors that BIP 39 names, with 256 bits, and one that is no key.
    const ENTROPY: &str = "f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f";
    const PHRASE: &str = "void come effort suffer camp survey warrior heavy shoot primary clutch crush open amazing \
screen patrol group space point ten exist slush involve unfold";

    fn key(digits: &str) -> VoterKey {
        let mut secret = [0; 32];
        hex::decode_to_slice(digits, &mut secret).expect("64 digits");
        VoterKey::from_secret_bytes(&secret).expect("a key")
    }

    #[test]
    fn the_words_are_the_key() {
        assert_eq!(of_key(&key(ENTROPY)).as_str(), PHRASE);
        let spread = format!("  {} \n", PHRASE.to_uppercase().replace(' ', "\t \r\n"));
        let longest = format!("{PHRASE:PHRASE_BYTES_MAX$}");
        for text in [PHRASE, &spread, &longest] {
            let read = to_key(text).expect("a phrase");
            assert_eq!(hex::encode(read.secret_bytes().as_slice()), ENTROPY);
        }
    }

    #[test]
    fn a_phrase_is_read_as_people_write_it_down() {
        let words: Vec<_> = PHRASE.split(' ').collect();
        let each = |write: &dyn Fn(usize, &str) -> String| {
            let written: Vec<_> =
                (1..).zip(&words).map(|(number, word)| write(number, word)).collect();
            written.concat()
        };
        for text in [
            each(&|number, word| format!("{number}. {word}\n")),
            each(&|number, word| format!("{number}) {}\t", word.to_uppercase())),
            each(&|number, word| format!("{number}.{word}\u{a0}")),
            each(&|_, word| format!("{word}, ")),
            each(&|_, word| format!("{word};\r\n")),
            each(&|_, word| format!("{} ", &word[..word.len().min(4)])),
            each(&|_, word| format!("{}\u{200b} ", &word[..word.len().min(5)])),
            each(&|number, word| format!("[{number}] {word}\u{3000}")),
            each(&|number, word| format!("No. {number}: {word}\n")),
            each(&|number, word| format!("Word {number}: {word}\n")),
            each(&|number, word| {
                format!("{number}{} {word}\n", ["th", "st", "nd", "rd"][number % 4])
            }),
            each(&|number, word| format!("{word} ({number}\u{ba})\n")),
            each(&|number, word| {
                format!("{}) {word}\n", char::from(b"abcdefghijklmnopqrstuvwx"[number - 1]))
            }),
            each(&|_, word| format!("{}\u{ad}{} ", &word[..2], &word[2..])),
            each(&|_, word| {
                let wide =
                    |letter: u8| char::from_u32(u32::from(letter) + 0xfee0).expect("a letter");
                word.bytes().map(wide).chain([' ']).collect()
            }),
            format!("\u{feff}{}", PHRASE.to_uppercase().replace('I', "\u{130}")),
        ] {
            let read = to_key(&text).expect(&text);
            assert_eq!(hex::encode(read.secret_bytes().as_slice()), ENTROPY, "{text}");
        }
        // Three letters may begin several words, and letters after a word make another of it.
        for (written, place) in [("voi", 1), ("voids", 1)] {
            let text = PHRASE.replacen("void", written, 1);
            assert_eq!(to_key(&text).err(), Some(PhraseError::UnknownWord { place }), "{written}");
        }
        for (index, word) in Language::English.word_list().iter().enumerate() {
            let short = &word[..word.len().min(LETTERS_MIN)];
            assert_eq!(whole_word(short), Language::English.word_list().get(index).copied());
        }
    }

    #[test]
    fn slips_are_told_by_their_place_alone() {
        let words: Vec<_> = PHRASE.split(' ').collect();
        let mut swapped = words.clone();
        swapped.swap(3, 4);
        let mut unknown = words.clone();
        unknown[6] = "warior";
        let zero = format!("{}art", "abandon ".repeat(23));
        for (text, expected) in [
            (String::new(), PhraseError::Count { found: 0 }),
            (words[..23].join(" "), PhraseError::Count { found: 23 }),
            (words[..12].join(" "), PhraseError::Count { found: 12 }),
            (format!("{PHRASE:width$}", width = PHRASE_BYTES_MAX + 1), PhraseError::TooLong),
            (unknown.join(" "), PhraseError::UnknownWord { place: 7 }),
            (swapped.join(" "), PhraseError::Checksum),
            (zero, PhraseError::NotAKey),
        ] {
            let error = to_key(&text).expect_err("a slip");
            assert_eq!(error, expected);
            let message = error.to_string();
            assert!(
                words.iter().all(|word| word.len() < 6 || !message.contains(word)),
                "{message}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_key_comes_back_from_its_phrase(secret: [u8; 32]) {
            prop_assume!(VoterKey::from_secret_bytes(&secret).is_ok());
            let key = VoterKey::from_secret_bytes(&secret).expect("a key");
            let read = to_key(&of_key(&key)).expect("a phrase");
            prop_assert_eq!(read.secret_bytes(), key.secret_bytes());
        }
    }
}
