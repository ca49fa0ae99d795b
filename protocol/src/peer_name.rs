//! What a peer is called by whoever runs it. Its neighbours show the name beside its address, so it must never hold
//! what could change the text around it, and it proves nothing: anybody may choose any.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::char::is_combining_mark;

use crate::text::{self, Hidden};

/// The most bytes of a peer's name: it stands in a column, and travels beside other things in a datagram.
pub const NAME_BYTES_MAX: usize = 32;
/// The most combining marks in a row: composed letters hardly ever need more.
const MARKS_MAX: usize = 3;

/// A peer's name: one line of printable text, composed (NFC), without spaces around it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PeerName(String);

/// Why a text is no name of a peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum PeerNameError {
    /// There is nothing to see.
    #[error("a peer's name can't be empty: leave the option out for a peer without one")]
    Empty,
    /// It has more bytes than a name may have.
    #[error(
        "a peer's name has at most {NAME_BYTES_MAX} bytes, and this one has {found}: shorten it"
    )]
    TooLong { found: usize },
    /// A character does something instead of showing something.
    #[error("a peer's name is one line of text, and its character {place} is {}: remove it", text::shown(*found))]
    Control { place: usize, found: char },
    /// A character can't be seen, or turns the direction of others.
    #[error("a peer's name is for people to see, and {0}: remove it")]
    Hidden(Hidden),
    /// It would end the brackets in which it is shown.
    #[error(
        "a peer's name is shown in round brackets, and its character {place} is one: use another sign"
    )]
    Bracket { place: usize },
    /// A mark would stand on what is shown before the name, or run over the lines above it.
    #[error(
        "a peer's name has its accents on letters, at most {MARKS_MAX} on each, and its character {place} is one too many: remove it"
    )]
    Mark { place: usize },
    /// It was sent in another form than the one in which names are sent.
    #[error("a peer's name is sent composed (NFC) and without spaces around it")]
    Form,
}

impl PeerName {
    /// Reads a name that somebody else sent, which must be in its one form already.
    ///
    /// # Errors
    /// When it is no name, or in another form.
    pub fn sent(text: &str) -> Result<Self, PeerNameError> {
        let name: Self = text.parse()?;
        if name.0 == text { Ok(name) } else { Err(PeerNameError::Form) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PeerName {
    type Err = PeerNameError;

    /// Reads a name that a person typed: composes it, and leaves out the spaces around it.
    fn from_str(text: &str) -> Result<Self, PeerNameError> {
        let name = text::nfc(text.trim());
        if name.is_empty() {
            return Err(PeerNameError::Empty);
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(PeerNameError::TooLong { found: name.len() });
        }
        let mut marks_left = 0;
        for (found, place) in name.chars().zip(1..) {
            if !is_combining_mark(found) {
                marks_left = MARKS_MAX;
            } else if marks_left == 0 {
                return Err(PeerNameError::Mark { place });
            } else {
                marks_left -= 1;
            }
            if found.is_control() {
                return Err(PeerNameError::Control { place, found });
            }
            if is_round_bracket(found) {
                return Err(PeerNameError::Bracket { place });
            }
        }
        match text::first_hidden(&name) {
            Some(hidden) => Err(PeerNameError::Hidden(hidden)),
            None => Ok(Self(name)),
        }
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Of every width.
fn is_round_bracket(character: char) -> bool {
    matches!(
        character,
        '(' | ')'
            | '\u{207d}'
            | '\u{207e}'
            | '\u{208d}'
            | '\u{208e}'
            | '\u{fe59}'
            | '\u{fe5a}'
            | '\u{ff08}'
            | '\u{ff09}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, PeerNameError> {
        text.parse().map(|name: PeerName| name.to_string())
    }

    #[test]
    fn a_typed_name_is_composed_and_trimmed() {
        assert_eq!(read("Ada's laptop"), Ok("Ada's laptop".into()));
        assert_eq!(read("  Zoe\u{308} "), Ok("Zo\u{eb}".into()));
        for name in
            ["\u{645}\u{6cc}\u{200c}\u{62e}", "\u{2764}\u{fe0f} room 3", "\u{5b66}\u{6821}", "-"]
        {
            assert_eq!(read(name), Ok(name.into()), "{name:?}");
        }
    }

    #[test]
    fn a_name_is_taken_up_to_its_limit_and_refused_one_past_it() {
        assert_eq!(read(&"a".repeat(NAME_BYTES_MAX)), Ok("a".repeat(NAME_BYTES_MAX)));
        let found = NAME_BYTES_MAX + 1;
        assert_eq!(read(&"a".repeat(found)), Err(PeerNameError::TooLong { found }));
        // The length is that of the composed form.
        assert_eq!(read(&"e\u{301}".repeat(16)), Ok("\u{e9}".repeat(16)));
        assert_eq!(read(&"\u{e9}".repeat(17)), Err(PeerNameError::TooLong { found: 34 }));
    }

    #[test]
    fn what_changes_the_text_around_it_is_no_name() {
        for (name, message) in [
            ("", "a peer's name can't be empty: leave the option out for a peer without one"),
            (" \t", "a peer's name can't be empty: leave the option out for a peer without one"),
            (
                "a\u{1b}[2Jb",
                "a peer's name is one line of text, and its character 2 is U+001B: remove it",
            ),
            ("a\nb", "a peer's name is one line of text, and its character 2 is U+000A: remove it"),
            (
                "a\u{85}b",
                "a peer's name is one line of text, and its character 2 is U+0085: remove it",
            ),
            (
                "\u{202e}adA",
                "a peer's name is for people to see, and character 1 is U+202E (right-to-left override), which turns the direction of text: remove it",
            ),
            (
                "Ada\u{200b}",
                "a peer's name is for people to see, and character 4 is U+200B (zero width space), which can't be seen: remove it",
            ),
            (
                "a\u{2028}b",
                "a peer's name is for people to see, and character 2 is U+2028 (line separator), which can't be seen: remove it",
            ),
            (
                "x) left",
                "a peer's name is shown in round brackets, and its character 2 is one: use another sign",
            ),
        ] {
            let error = read(name).expect_err(name);
            assert_eq!(error.to_string(), message);
        }
        for (name, place) in [("\u{301}a", 1), ("a b\u{327}\u{327}\u{327}\u{327}", 7)] {
            assert_eq!(read(name), Err(PeerNameError::Mark { place }), "{name:?}");
        }
        for bracket in ["\u{ff09}", "\u{fe5a}", "("] {
            assert_eq!(read(bracket), Err(PeerNameError::Bracket { place: 1 }));
        }
    }

    #[test]
    fn a_sent_name_has_one_form() {
        assert_eq!(PeerName::sent("Zo\u{eb}").map(|name| name.to_string()), Ok("Zo\u{eb}".into()));
        for other in ["Zoe\u{308}", " Ada", "Ada "] {
            assert_eq!(PeerName::sent(other), Err(PeerNameError::Form), "{other:?}");
        }
        assert_eq!(PeerName::sent(""), Err(PeerNameError::Empty));
    }
}
