//! What a key is for. A key file says it before its PEM block, so that a voter's, a registrar's and a validator's key
//! are never taken for each other.

use std::fmt;

/// The role in which the holder of a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRole {
    /// Casts a vote.
    Voter,
    /// Admits and withdraws voters.
    Registrar,
    /// Signs for blocks.
    Validator,
}

impl KeyRole {
    /// All roles.
    pub(crate) const ALL: [Self; 3] = [Self::Voter, Self::Registrar, Self::Validator];

    /// The beginning of the line of a key file that holds the public key.
    pub(crate) const fn key_line(self) -> &'static str {
        match self {
            Self::Voter => "Voter key: ",
            Self::Registrar => "Registrar key: ",
            Self::Validator => "Validator key: ",
        }
    }

    /// The command that makes such a key.
    #[must_use]
    pub const fn made_by(self) -> &'static str {
        match self {
            Self::Voter => "peer key new",
            Self::Registrar => "peer registrar init",
            Self::Validator => "peer validator init",
        }
    }

    /// The role in one word, as programs read it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Voter => "voter",
            Self::Registrar => "registrar",
            Self::Validator => "validator",
        }
    }
}

impl fmt::Display for KeyRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}
