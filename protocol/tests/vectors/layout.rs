//! Bytes written out by hand, field by field, with the name and the meaning of each. They are made without
//! the codec of the crate, so that the two check each other.

use std::fmt::Display;
use std::net::SocketAddr;

pub(crate) struct Field {
    pub(crate) name: String,
    /// The value as people read it; empty where the bytes say all.
    pub(crate) value: String,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Default)]
pub(crate) struct Layout {
    pub(crate) fields: Vec<Field>,
}

impl Layout {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// All bytes, one field after the other.
    pub(crate) fn all_bytes(&self) -> Vec<u8> {
        self.fields.iter().flat_map(|field| field.bytes.clone()).collect()
    }

    /// Bytes as they are.
    pub(crate) fn bytes(self, name: &str, bytes: &[u8]) -> Self {
        self.field(name, "", bytes)
    }

    pub(crate) fn u8(self, name: &str, value: u8) -> Self {
        self.field(name, value, &[value])
    }

    pub(crate) fn u16(self, name: &str, value: u16) -> Self {
        self.field(name, value, &value.to_le_bytes())
    }

    pub(crate) fn u32(self, name: &str, value: u32) -> Self {
        self.field(name, value, &value.to_le_bytes())
    }

    pub(crate) fn u64(self, name: &str, value: u64) -> Self {
        self.field(name, value, &value.to_le_bytes())
    }

    pub(crate) fn u128(self, name: &str, value: u128) -> Self {
        self.field(name, value, &value.to_le_bytes())
    }

    /// Big-endian: in headers and stamps alone.
    pub(crate) fn u64_big_endian(self, name: &str, value: u64) -> Self {
        self.field(name, value, &value.to_be_bytes())
    }

    /// Length of a list or a text.
    pub(crate) fn length(self, name: &str, value: usize) -> Self {
        let value = u64::try_from(value).expect("a length fits 64 bits");
        self.field(&format!("{name}, length"), value, &value.to_le_bytes())
    }

    /// Number of a variant.
    pub(crate) fn variant(self, name: &str, number: u32, variant: &str) -> Self {
        self.field(name, format!("{number}: {variant}"), &number.to_le_bytes())
    }

    pub(crate) fn text(self, name: &str, text: &str) -> Self {
        self.length(name, text.len()).field(name, format!("{text:?}"), text.as_bytes())
    }

    pub(crate) fn byte_list(self, name: &str, bytes: &[u8]) -> Self {
        let layout = self.length(name, bytes.len());
        if bytes.is_empty() { layout } else { layout.bytes(name, bytes) }
    }

    pub(crate) fn address(self, name: &str, address: SocketAddr) -> Self {
        let port = address.port();
        let (kind, variant, ip) = match address {
            SocketAddr::V4(v4) => (0, "IPv4", v4.ip().octets().to_vec()),
            SocketAddr::V6(v6) => (1, "IPv6", v6.ip().octets().to_vec()),
        };
        self.variant(name, kind, variant)
            .field(&format!("{name}, IP"), address.ip(), &ip)
            .u16(&format!("{name}, port"), port)
    }

    pub(crate) fn addresses(self, name: &str, addresses: &[SocketAddr]) -> Self {
        let start = self.length(name, addresses.len());
        addresses.iter().enumerate().fold(start, |layout, (index, address)| {
            layout.address(&format!("{name}[{index}]"), *address)
        })
    }

    /// Another layout's fields, their names within `name`.
    pub(crate) fn within(mut self, name: &str, inner: Self) -> Self {
        self.fields.extend(inner.fields.into_iter().map(|field| {
            let name = if name.is_empty() { field.name } else { format!("{name}.{}", field.name) };
            Field { name, ..field }
        }));
        self
    }

    fn field(mut self, name: &str, value: impl Display, bytes: &[u8]) -> Self {
        let (name, value) = (name.to_owned(), value.to_string());
        self.fields.push(Field { name, value, bytes: bytes.to_vec() });
        self
    }
}

/// Bytes with a name, field by field, and what follows from them.
pub(crate) struct Vector {
    pub(crate) name: &'static str,
    pub(crate) layout: Layout,
    /// Named hashes, keys and encodings as hexadecimal digits or decimal numbers.
    pub(crate) derived: Vec<(String, String)>,
}

impl Vector {
    pub(crate) fn new(name: &'static str, layout: Layout) -> Self {
        Self { name, layout, derived: Vec::new() }
    }

    pub(crate) fn derive(mut self, name: &str, value: impl Display) -> Self {
        self.derived.push((name.to_owned(), value.to_string()));
        self
    }
}
