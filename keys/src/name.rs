//! Names of a peer's additional voters. A name becomes the name of a key file, so only characters
//! are allowed that cannot lead to another directory.

use std::fmt;
use std::str::FromStr;

/// The longest name, in characters.
const NAME_CHARACTERS_MAX: usize = 32;

/// The name of a voter whose key is stored in a data directory in addition to the directory's own
/// key. It consists of 1 to 32 of a–z, 0–9, `-` and `_`. Capital letters are not allowed, because
/// some file systems do not distinguish them from small ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VoterName(String);

/// The text is not a valid name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a voter's name has 1 to {NAME_CHARACTERS_MAX} of a-z, 0-9, - and _, and begins with a letter or a digit"
)]
pub struct VoterNameError;

impl VoterName {
    /// The name as it was typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VoterName {
    type Err = VoterNameError;

    fn from_str(text: &str) -> Result<Self, VoterNameError> {
        let is_safe = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_name = text.len() <= NAME_CHARACTERS_MAX
            && text.bytes().next().is_some_and(is_safe)
            && text.bytes().all(|byte| is_safe(byte) || matches!(byte, b'-' | b'_'));
        if is_name { Ok(Self(text.to_owned())) } else { Err(VoterNameError) }
    }
}

impl fmt::Display for VoterName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for name in ["ada", "7", "a-b_c", &"x".repeat(32)] {
            assert_eq!(name.parse::<VoterName>().expect(name).as_str(), name);
        }
        for text in ["", ".", "..", "a/b", "a\\b", "Ada", "-a", "_", "a.key", "é", "a b", "a\0"] {
            assert_eq!(text.parse::<VoterName>(), Err(VoterNameError), "{text:?}");
        }
        assert_eq!("x".repeat(33).parse::<VoterName>(), Err(VoterNameError));
    }
}
