//! Reads what a request says into the types of its handler, and says in plain words what is wrong with it. The words
//! are this project's own: no text of a library's may reach a person through here, and no value that could be a secret.

mod json;
mod query;

use std::fmt::{self, Display};
use std::net::SocketAddr;

use serde::de::{self, Deserialize, Deserializer, Expected, Unexpected};
use serde_path_to_error::{Path, Segment};

pub(crate) use json::json;
pub(crate) use query::query;

/// What numbers are called.
const NUMBER: &str = "a number";

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fault {
    Missing(&'static str),
    Unknown {
        name: String,
        known: &'static [&'static str],
    },
    Twice(&'static str),
    /// What it is, and what it should be.
    Kind {
        found: &'static str,
        wanted: &'static str,
    },
    /// A number is of another kind or size.
    Number,
    /// A list or an object has other entries than there should be.
    Entries(usize),
    /// What a type of this project says.
    Told(String),
}

/// Reads an address, and says what one looks like where there is none; for `deserialize_with`.
///
/// # Errors
/// When the text is no IP address with a port.
pub fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map_err(|_| de::Error::custom("write an IP address and a port, as in 192.0.2.7:6001"))
}

/// The sentence about a fault that was met at this place; `whole` is what all of it is called.
fn sentence(fault: &Fault, path: &Path, whole: &str) -> String {
    let is_whole = path.iter().all(|segment| matches!(segment, Segment::Unknown));
    let subject = if is_whole { whole.to_owned() } else { format!("`{path}`") };
    match fault {
        Fault::Missing(name) => format!("`{name}` is missing"),
        Fault::Unknown { name, known: [] } => {
            format!("nothing is called `{}` here", shortened(name))
        }
        Fault::Unknown { name, known } => {
            let known: Vec<_> = known.iter().map(|known| format!("`{known}`")).collect();
            format!("nothing is called `{}` here: there is {}", shortened(name), known.join(", "))
        }
        Fault::Twice(name) => format!("`{name}` stands there twice"),
        Fault::Kind { found, wanted } => format!("{subject} is {found}: write {wanted}"),
        Fault::Number => format!("{subject} is no whole number that fits here"),
        Fault::Entries(count) => {
            format!("{subject} has {count} entries: that is not the right number")
        }
        Fault::Told(text) => format!("{subject}: {text}"),
    }
}

/// A name as somebody wrote it, so that it can be shown in a line.
fn shortened(name: &str) -> String {
    // Longer than any name that is known here.
    const LETTERS_MAX: usize = 40;
    let mut shown: String = name.chars().take(LETTERS_MAX).flat_map(char::escape_debug).collect();
    if name.chars().nth(LETTERS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

impl Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the value is not what it should be")
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: Display>(text: T) -> Self {
        Self::Told(text.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self::Kind { found: kind_of(found), wanted: "something else" }
    }

    fn invalid_value(found: Unexpected<'_>, _: &dyn Expected) -> Self {
        match kind_of(found) {
            NUMBER => Self::Number,
            kind => Self::Kind { found: kind, wanted: "something else" },
        }
    }

    fn invalid_length(length: usize, _: &dyn Expected) -> Self {
        Self::Entries(length)
    }

    fn unknown_variant(name: &str, known: &'static [&'static str]) -> Self {
        Self::Unknown { name: name.to_owned(), known }
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Self::Unknown { name: name.to_owned(), known }
    }

    fn missing_field(name: &'static str) -> Self {
        Self::Missing(name)
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::Twice(name)
    }
}

fn kind_of(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "true or false",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => NUMBER,
        Unexpected::Char(_) | Unexpected::Str(_) => "a text",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "a list",
        Unexpected::Map => "an object",
        Unexpected::Bytes(_)
        | Unexpected::NewtypeStruct
        | Unexpected::Enum
        | Unexpected::UnitVariant
        | Unexpected::NewtypeVariant
        | Unexpected::TupleVariant
        | Unexpected::StructVariant
        | Unexpected::Other(_) => "something else",
    }
}
