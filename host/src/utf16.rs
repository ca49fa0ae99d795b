//! Files that other programs saved as UTF-16, which Windows calls "Unicode": what they are, and their text as UTF-8.

use std::io::{self, Read};

/// The first bytes of a file in UTF-8, where a program wrote them; they mean nothing.
pub const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// The order of the two bytes of each unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    Little,
    Big,
}

/// Whether a text that begins with these bytes is UTF-16: it has the mark, or a first letter of ASCII with a zero
/// beside it.
#[must_use]
pub fn byte_order(beginning: &[u8]) -> Option<ByteOrder> {
    match beginning.first_chunk()? {
        [0xff, 0xfe] | [1..=0x7f, 0] => Some(ByteOrder::Little),
        [0xfe, 0xff] | [0, 1..=0x7f] => Some(ByteOrder::Big),
        _ => None,
    }
}

/// Reads UTF-16 as UTF-8. A unit that is half of nothing becomes U+FFFD, as does half a unit at the end.
#[derive(Debug)]
pub struct Utf16<R> {
    input: R,
    order: ByteOrder,
    /// The first half of a pair that was not read to its end.
    high: Option<u16>,
    is_ended: bool,
    out: Vec<u8>,
    given: usize,
}

impl<R: Read> Utf16<R> {
    pub fn new(input: R, order: ByteOrder) -> Self {
        Self { input, order, high: None, is_ended: false, out: Vec::new(), given: 0 }
    }

    fn unit(&mut self) -> io::Result<Option<u16>> {
        let mut pair = [0; 2];
        let mut read = 0;
        while read < 2 {
            match self.input.read(&mut pair[read..]) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(match (read, self.order) {
            (0, _) => None,
            // Half of a pair, which is decoded as one that is alone.
            (1, _) => Some(0xdc00),
            (_, ByteOrder::Little) => Some(u16::from_le_bytes(pair)),
            (_, ByteOrder::Big) => Some(u16::from_be_bytes(pair)),
        })
    }

    /// Decodes until there is something to give, or until the end.
    fn fill(&mut self) -> io::Result<()> {
        const ENOUGH: usize = 4_096;
        self.out.clear();
        self.given = 0;
        while self.out.len() < ENOUGH && !self.is_ended {
            let unit = self.unit()?;
            self.is_ended = unit.is_none();
            let is_high = |unit: &u16| (0xd800..0xdc00).contains(unit);
            let units = match (self.high.take(), unit) {
                (high, Some(unit)) if is_high(&unit) => {
                    self.high = Some(unit);
                    [high, None]
                }
                (high, unit) => [high, unit],
            };
            for decoded in char::decode_utf16(units.into_iter().flatten()) {
                let character = decoded.unwrap_or(char::REPLACEMENT_CHARACTER);
                self.out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.given == self.out.len() {
            self.fill()?;
        }
        let count = bytes.len().min(self.out.len() - self.given);
        bytes[..count].copy_from_slice(&self.out[self.given..][..count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_out_as_it_was_in_either_order() {
        let text = "\u{feff}id,Zo\u{eb}\r\n\u{1f469},\u{4e00}\n".repeat(700);
        for (order, bytes) in [
            (ByteOrder::Little, text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()),
            (ByteOrder::Big, text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ] {
            assert_eq!(byte_order(&bytes), Some(order));
            // The mark may be missing.
            assert_eq!(byte_order(&bytes[2..]), Some(order));
            let mut read = String::new();
            Utf16::new(&bytes[..], order).read_to_string(&mut read).expect("it is text");
            assert_eq!(read, text);
        }
        for bytes in [&b"id,key"[..], b"\xef\xbb\xbfid", b"", b"i", b"\0\0", b"PK\x03\x04"] {
            assert_eq!(byte_order(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_half_of_a_pair_is_shown_as_such() {
        for (bytes, expected) in [
            (&b"a\0\x00\xd8b\0"[..], "a\u{fffd}b"),
            (b"a\0\x00\xdcb\0", "a\u{fffd}b"),
            (b"a\0\x00\xd8\x00\xd8", "a\u{fffd}\u{fffd}"),
            (b"a\0b", "a\u{fffd}"),
        ] {
            let mut read = String::new();
            Utf16::new(bytes, ByteOrder::Little).read_to_string(&mut read).expect("it is text");
            assert_eq!(read, expected, "{bytes:?}");
        }
    }
}
