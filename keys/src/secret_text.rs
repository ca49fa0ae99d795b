//! Secret texts in files, as the programs of a machine save them: in UTF-8, with or without a mark before it, and in
//! UTF-16, which Windows calls "Unicode". What is typed of them at a terminal never has a mark.

use std::io;
use std::path::Path;

use host::files::FileError;
use host::utf16::UTF8_MARK;
use zeroize::{Zeroize, Zeroizing};

use crate::PassphraseError;
use crate::secret_file;

/// Reads a secret text from a file or a file descriptor, in UTF-8 without a mark. Bytes that are no text stay as they
/// are. `bytes_max` counts those of UTF-8; a few more may come.
///
/// # Errors
/// When it can't be read, or when others may read it.
pub(crate) fn read_bytes(
    path: &Path,
    bytes_max: usize,
) -> Result<Zeroizing<Vec<u8>>, PassphraseError> {
    // UTF-16 takes twice as much, and a mark.
    let mut bytes = secret_file::read(path, 2 * bytes_max + UTF8_MARK.len())?
        .ok_or_else(|| PassphraseError::Missing { path: path.to_owned() })?;
    if bytes.starts_with(UTF8_MARK) {
        bytes.drain(..UTF8_MARK.len());
    }
    Ok(of_utf16(&bytes).unwrap_or(bytes))
}

/// Does the same for what has to be a text.
///
/// # Errors
/// As above, and when the content is no text.
pub fn read(path: &Path, bytes_max: usize) -> Result<Zeroizing<String>, PassphraseError> {
    let text = of_bytes(read_bytes(path, bytes_max)?);
    Ok(text.map_err(|error| FileError::new("read", path, error))?)
}

/// A secret as text; no copy of it is left.
///
/// # Errors
/// When it is not UTF-8.
pub fn of_bytes(mut bytes: Zeroizing<Vec<u8>>) -> io::Result<Zeroizing<String>> {
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) => {
            error.into_bytes().zeroize();
            Err(io::ErrorKind::InvalidData.into())
        }
    }
}

/// What stands in UTF-16, if it is that. It is known by its mark alone: a secret may be any bytes.
fn of_utf16(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (mark, rest) = bytes.split_first_chunk::<2>()?;
    let unit = match mark {
        [0xff, 0xfe] => u16::from_le_bytes,
        [0xfe, 0xff] => u16::from_be_bytes,
        _ => return None,
    };
    let (pairs, []) = rest.as_chunks::<2>() else { return None };
    // It never grows beyond this: growing would leave copies of the secret in memory.
    let mut text = Zeroizing::new(Vec::with_capacity(3 * pairs.len()));
    for character in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        text.extend_from_slice(character.ok()?.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_16_is_known_by_its_mark_and_anything_else_stays() {
        let text = "Zo\u{eb} \u{1f3fa}";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let read = |bytes: &[&[u8]]| of_utf16(&bytes.concat()).map(|text| text.to_vec());
        assert_eq!(read(&[b"\xff\xfe", &little]), Some(text.into()));
        assert_eq!(read(&[b"\xfe\xff", &big]), Some(text.into()));
        assert_eq!(read(&[b"\xff\xfe"]), Some(vec![]));
        // Without a mark, half a unit, half a pair, and what is too short.
        for other in [&little[..], b"\xff\xfea", b"\xff\xfe\x00\xd8", b"\xff", b""] {
            assert_eq!(read(&[other]), None, "{other:?}");
        }
    }
}
