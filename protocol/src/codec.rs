//! The encoding of all values, and the only module that uses bincode. Integers are little-endian and of fixed width, so
//! every value has exactly one encoding. Decoding limits the memory that it may allocate before it allocates any, and
//! refuses trailing bytes.
//!
//! Encoding cannot fail. Decoding works on slices, so it never returns an I/O error.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use bincode::{Decode, Encode};

/// The most memory that decoding one value may claim. In memory a block's transactions take at most
/// about four times their encoded size, and the encoding of a block's body is limited to
/// [`crate::election::BLOCK_BYTES_MAX`].
const DECODE_BYTES_MAX: usize = 8 * 1024 * 1024;

const CONFIGURATION: Configuration<LittleEndian, Fixint, Limit<DECODE_BYTES_MAX>> =
    bincode::config::legacy().with_limit::<DECODE_BYTES_MAX>();

/// The reason why bytes are not the encoding of a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum DecodeError {
    /// The bytes do not encode a value of this type, or claim more memory than the limit.
    #[error("the bytes do not decode: {reason}")]
    Malformed { reason: String },
    /// There are further bytes after the value.
    #[error("{trailing} bytes follow the value")]
    Trailing { trailing: usize },
}

/// The only encoding of a value.
#[must_use]
pub fn encode<T: Encode>(value: &T) -> Vec<u8> {
    bincode::encode_to_vec(value, CONFIGURATION).expect("encoding into memory cannot fail")
}

/// Appends the encoding of a value to `bytes`.
pub fn encode_into<T: Encode>(value: &T, bytes: &mut Vec<u8>) {
    bincode::encode_into_std_write(value, bytes, CONFIGURATION)
        .expect("encoding into memory cannot fail");
}

/// The number of bytes that [`encode`] returns.
#[must_use]
pub fn encoded_size<T: Encode>(value: &T) -> usize {
    let mut counter = bincode::enc::write::SizeWriter::default();
    bincode::encode_into_writer(value, &mut counter, CONFIGURATION)
        .expect("counting bytes cannot fail");
    counter.bytes_written
}

/// Decodes the value that all of `bytes` encode.
///
/// # Errors
/// When the bytes do not encode a value of the type, claim more memory than the limit, or continue
/// after the value.
pub fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (value, read) = bincode::decode_from_slice(bytes, CONFIGURATION)
        .map_err(|error| DecodeError::Malformed { reason: reason(&error) })?;
    match bytes.len() - read {
        0 => Ok(value),
        trailing => Err(DecodeError::Trailing { trailing }),
    }
}

/// What is wrong with bytes, in a few words: what the library says is for those who write programs.
fn reason(error: &bincode::error::DecodeError) -> String {
    use bincode::error::DecodeError::{LimitExceeded, Other, OtherString, UnexpectedEnd};

    if let UnexpectedEnd { .. } = error {
        "they end too early".to_owned()
    } else if let LimitExceeded = error {
        "they claim to be larger than anything may be".to_owned()
    } else if let OtherString(text) = error {
        text.clone()
    } else if let Other(text) = error {
        (*text).to_owned()
    } else {
        "they are those of something else".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_fixed_width_and_little_endian() {
        assert_eq!(encode(&258u32), [2, 1, 0, 0]);
        assert_eq!(encode(&vec![7u8]), [1, 0, 0, 0, 0, 0, 0, 0, 7]);
        assert_eq!(encoded_size(&vec![7u16; 3]), 14);
    }

    #[test]
    fn trailing_bytes_and_forged_lengths_are_refused() {
        assert_eq!(decode::<u8>(&[1, 2]), Err(DecodeError::Trailing { trailing: 1 }));
        let forged = encode(&u64::MAX);
        assert!(matches!(decode::<Vec<u8>>(&forged), Err(DecodeError::Malformed { .. })));
    }

    #[test]
    fn what_does_not_decode_is_told_in_plain_words() {
        let told =
            |bytes: &[u8]| decode::<Option<u32>>(bytes).expect_err("it is wrong").to_string();
        assert_eq!(told(&[1, 0]), "the bytes do not decode: they end too early");
        assert_eq!(told(&[7]), "the bytes do not decode: they are those of something else");
        assert_eq!(told(&[0, 0]), "1 bytes follow the value");
        let forged = decode::<Vec<u8>>(&encode(&u64::MAX)).expect_err("it is too large");
        let expected = "the bytes do not decode: they claim to be larger than anything may be";
        assert_eq!(forged.to_string(), expected);
    }
}
