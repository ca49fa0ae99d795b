//! What stands behind the question mark: names and values, all of them texts.

use std::borrow::Cow;

use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::{Fault, sentence};

/// The value of a parameter.
#[derive(Debug)]
struct Value<'q>(Cow<'q, str>);

/// Reads a query.
///
/// # Errors
/// A line that says what is wrong with it.
pub(crate) fn query<T: DeserializeOwned>(query: &str) -> Result<T, String> {
    let pairs = form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name, Value(value)));
    serde_path_to_error::deserialize(MapDeserializer::<_, Fault>::new(pairs))
        .map_err(|error| sentence(error.inner(), error.path(), "the query"))
}

macro_rules! numbers {
    ($($method:ident $visit:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            visitor.$visit(self.0.parse().map_err(|_| Fault::Number)?)
        }
    )+};
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Fault;

    numbers! {
        deserialize_u8 visit_u8 deserialize_u16 visit_u16 deserialize_u32 visit_u32
        deserialize_u64 visit_u64 deserialize_i8 visit_i8 deserialize_i16 visit_i16
        deserialize_i32 visit_i32 deserialize_i64 visit_i64
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct enum
        identifier ignored_any f32 f64 u128 i128 bool
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }
}

impl<'q> IntoDeserializer<'q, Fault> for Value<'q> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Page {
        limit: Option<u32>,
        after: Option<String>,
    }

    #[test]
    fn what_is_right_is_read() {
        let page = |limit, after: Option<&str>| Page { limit, after: after.map(str::to_owned) };
        for (text, expected) in [
            ("", page(None, None)),
            ("limit=7", page(Some(7), None)),
            ("&after=a%20b+c&limit=0&", page(Some(0), Some("a b c"))),
            ("after=", page(None, Some(""))),
        ] {
            assert_eq!(query::<Page>(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_in_plain_words() {
        for (text, expected) in [
            ("limit=x", "`limit` is no whole number that fits here"),
            ("limit=", "`limit` is no whole number that fits here"),
            ("limit=-1", "`limit` is no whole number that fits here"),
            ("limit=4294967296", "`limit` is no whole number that fits here"),
            ("limit=1&limit=1", "`limit` stands there twice"),
            ("depth=1", "nothing is called `depth` here: there is `limit`, `after`"),
            ("%FF%00=1", "nothing is called `\u{fffd}\\0` here: there is `limit`, `after`"),
        ] {
            assert_eq!(query::<Page>(text), Err(expected.to_owned()), "{text}");
        }
    }
}
