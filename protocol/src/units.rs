//! Small types that keep one kind of number or hash from being used as another.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant, UNIX_EPOCH};

use bincode::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

/// The reason why a text is not the hexadecimal form of a 32-byte hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 hexadecimal digits, found {found:?}")]
pub struct ParseHashError {
    /// The text that was given.
    pub found: String,
}

macro_rules! hash_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        pub struct $name(pub [u8; 32]);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!(stringify!($name), "({})"), hex::encode(&self.0[..8]))
            }
        }

        impl FromStr for $name {
            type Err = ParseHashError;

            fn from_str(text: &str) -> Result<Self, ParseHashError> {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes)
                    .map_err(|_| ParseHashError { found: text.to_owned() })?;
                Ok(Self(bytes))
            }
        }

        /// Written as its 64 digits. This is used only by formats for people; the codec has an
        /// encoding of its own.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

hash_type!(
    /// SHA-256 of an election's canonical bytes: what everybody must agree on.
    ElectionId
);
hash_type!(
    /// SHA-256 of a voter's compressed public key.
    VoterId
);
hash_type!(
    /// SHA-256 of what a transaction's signatures sign: equal for copies that differ in signatures alone.
    TransactionId
);
hash_type!(
    /// Merkle leaf of a whole transaction, signatures included: what caches of verdicts key on.
    LeafHash
);
hash_type!(
    /// Root of the merkle tree over a block's transactions.
    MerkleRoot
);
hash_type!(
    /// SHA-256 of a block header.
    BlockHash
);

impl ElectionId {
    /// The first 8 bytes. They are enough to tell elections apart wherever nobody gains anything by
    /// confusing them.
    #[must_use]
    pub fn prefix(&self) -> [u8; 8] {
        *self.0.first_chunk().expect("an id has 32 bytes")
    }
}

impl TransactionId {
    /// The first 8 bytes.
    #[must_use]
    pub fn prefix(&self) -> IdPrefix {
        *self.0.first_chunk().expect("an id has 32 bytes")
    }
}

/// The first 8 bytes of a transaction's id. They are enough to find where the transaction may be, but never to tell
/// that it is the one.
pub type IdPrefix = [u8; 8];

/// The SHA-256 of several byte strings, one after the other.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The number of blocks between a block and its genesis block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
pub struct Height(pub u64);

impl Height {
    /// The height of a child block. It saturates at a height that no chain can reach.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Height {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The expected number of attempts to find a block; never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difficulty(std::num::NonZeroU64);

impl Difficulty {
    /// Makes a difficulty; `None` for 0, which no header may contain.
    #[must_use]
    pub fn new(attempts: u64) -> Option<Self> {
        std::num::NonZeroU64::new(attempts).map(Self)
    }

    /// The difficulty of 2^bits attempts. Values of `bits` above 63 saturate.
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        let attempts = 1u64.checked_shl(u32::from(bits)).unwrap_or(1 << 63);
        Self(std::num::NonZeroU64::new(attempts).expect("a power of two is not zero"))
    }

    /// The expected number of attempts, which is at least 1.
    #[must_use]
    pub fn attempts(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Difficulty {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The sum of the difficulties of a chain's blocks after its genesis block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Encode, Decode)]
pub struct Work(pub u128);

impl Work {
    /// The work of a chain that is one block longer.
    #[must_use]
    pub fn plus(self, difficulty: Difficulty) -> Self {
        Self(self.0.saturating_add(u128::from(difficulty.attempts())))
    }
}

impl fmt::Display for Work {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A moment as milliseconds since 1970-01-01 00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Encode, Decode)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// The moment that is later by `span`. It saturates.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The distance between two moments, whichever of them is later.
    #[must_use]
    pub fn distance(self, other: Self) -> Duration {
        Duration::from_millis(self.0.abs_diff(other.0))
    }

    /// The moment as RFC 3339 writes it in UTC, with milliseconds if it has any. What is later than the year 9999 is
    /// shown as its end.
    #[must_use]
    pub fn rfc_3339(self) -> String {
        let moment = UNIX_EPOCH + Duration::from_millis(self.0.min(LAST_SHOWN.0));
        if self.0.is_multiple_of(1_000) {
            humantime::format_rfc3339_seconds(moment).to_string()
        } else {
            humantime::format_rfc3339_millis(moment).to_string()
        }
    }
}

/// The end of the year 9999, the latest moment that RFC 3339 can write.
const LAST_SHOWN: UnixMillis = UnixMillis(253_402_300_799_999);

/// The current time. A shell reads it once and hands it to a core: monotonic time for timers, and
/// Unix time for what goes onto the chain.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Monotonic time, for timers.
    pub instant: Instant,
    /// Unix time, for everything that others see.
    pub unix: UnixMillis,
}

/// A number that a peer draws at random at its start, and that shows those who meet it at several addresses that these
/// are one peer. Whoever hears it can say it too: it is a hint, and proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct RunNumber(pub [u8; 8]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_reads_back_from_its_text() {
        let hash = BlockHash(sha256(&[b"ostrakon"]));
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert!("12".parse::<BlockHash>().is_err());
        assert!("zz".repeat(32).parse::<BlockHash>().is_err());
    }

    #[test]
    fn heights_work_and_moments_go_up_and_stay_at_their_largest() {
        assert_eq!((Height(6).next(), Height(u64::MAX).next()), (Height(7), Height(u64::MAX)));
        let difficulty = Difficulty::from_bits(4);
        assert_eq!(Work(6).plus(difficulty), Work(22));
        assert_eq!(Work(u128::MAX - 15).plus(difficulty), Work(u128::MAX));
        let (second, moment) = (Duration::from_secs(1), UnixMillis(7));
        assert_eq!(moment.plus(second), UnixMillis(1_007));
        assert_eq!(UnixMillis(u64::MAX - 999).plus(second), UnixMillis(u64::MAX));
        assert_eq!(moment.distance(UnixMillis(1_007)), second);
        assert_eq!(UnixMillis(1_007).distance(moment), second);
        let shown = format!("{} {} {}", Height(6), Work(22), difficulty);
        assert_eq!(shown, "6 22 16");
    }

    #[test]
    fn difficulty_is_never_zero() {
        assert_eq!(Difficulty::new(0), None);
        assert_eq!(Difficulty::from_bits(0).attempts(), 1);
        assert_eq!(Difficulty::from_bits(200).attempts(), 1 << 63);
    }
}
