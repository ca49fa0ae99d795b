//! JSON bodies. Names that stand in an object twice are kept, so that they can be refused.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::error::Category;

use super::{Fault, NUMBER, sentence};

/// What a body is called where no part of it is meant.
const WHOLE: &str = "the body";

/// The most values in a body: lists, objects and what stands in them. A vote for every option of the largest ballot has
/// some 16,420 of them, and a thousand transactions have 1,002. While a body is read each takes up to some 150 bytes,
/// and so all of them 10 MB, where the shortest lists in a body of the largest size would take 40.
const VALUES_MAX: usize = 65_536;

const WHOLE_NUMBER: &str = "a whole number";
const TEXT: &str = "a text in quotes";

/// A value of JSON.
#[derive(Debug, Clone, PartialEq)]
enum Node<'b> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    /// Borrowed where nothing is escaped, so that what is secret is not copied more often than it has to be.
    Text(Cow<'b, str>),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// Reads a body.
///
/// # Errors
/// A line that says what is wrong with it.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let left = Cell::new(Some(VALUES_MAX));
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = Reader { left: &left }.deserialize(&mut reader);
    let node =
        read.and_then(|node| reader.end().map(|()| node)).map_err(|error| match left.get() {
            None => format!("{WHOLE} has more than {VALUES_MAX} values: send less at once"),
            Some(_) => unread(body, &error),
        })?;
    serde_path_to_error::deserialize(node)
        .map_err(|error| sentence(error.inner(), error.path(), WHOLE))
}

fn unread(body: &[u8], error: &serde_json::Error) -> String {
    if body.is_empty() {
        return format!("{WHOLE} is empty: send JSON");
    }
    match error.classify() {
        Category::Eof => format!("{WHOLE} is JSON that ends too early"),
        Category::Syntax | Category::Data | Category::Io => {
            let (line, column) = (error.line(), error.column());
            format!("{WHOLE} can't be read as JSON beyond line {line}, column {column}")
        }
    }
}

impl Node<'_> {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Unsigned(_) | Self::Signed(_) | Self::Float(_) => NUMBER,
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    fn but(&self, wanted: &'static str) -> Fault {
        Fault::Kind { found: self.kind(), wanted }
    }
}

macro_rules! numbers {
    ($($method:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self {
                Self::Unsigned(number) => visitor.visit_u64(number),
                Self::Signed(number) => visitor.visit_i64(number),
                Self::Float(_) => Err(Fault::Number),
                other => Err(other.but(WHOLE_NUMBER)),
            }
        }
    )+};
}

macro_rules! texts {
    ($($method:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self {
                Self::Text(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
                Self::Text(Cow::Owned(text)) => visitor.visit_string(text),
                other => Err(other.but(TEXT)),
            }
        }
    )+};
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Fault;

    numbers! {
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
    }

    texts! { deserialize_str deserialize_string deserialize_char deserialize_identifier }

    forward_to_deserialize_any! { u128 i128 f32 f64 bytes byte_buf unit unit_struct ignored_any }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(truth) => visitor.visit_bool(truth),
            Self::Unsigned(number) => visitor.visit_u64(number),
            Self::Signed(number) => visitor.visit_i64(number),
            Self::Float(number) => visitor.visit_f64(number),
            text @ Self::Text(_) => text.deserialize_str(visitor),
            list @ Self::List(_) => list.deserialize_seq(visitor),
            object @ Self::Object(_) => object.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Self::Bool(truth) = self else { return Err(self.but("true or false")) };
        visitor.visit_bool(truth)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self == Self::Null { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Self::List(list) = self else { return Err(self.but("a list")) };
        let mut list = SeqDeserializer::new(list.into_iter());
        let value = visitor.visit_seq(&mut list)?;
        list.end()?;
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Self::Object(entries) = self else { return Err(self.but("an object in braces")) };
        visitor.visit_map(MapDeserializer::new(entries.into_iter()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let Self::Text(text) = self else { return Err(self.but(TEXT)) };
        visitor.visit_enum(StrDeserializer::new(&text))
    }
}

impl<'b> IntoDeserializer<'b, Fault> for Node<'b> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Reads values, as many as are left.
#[derive(Clone, Copy)]
struct Reader<'c> {
    /// `None` once there was one more.
    left: &'c Cell<Option<usize>>,
}

impl<'b> DeserializeSeed<'b> for Reader<'_> {
    type Value = Node<'b>;

    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<Node<'b>, D::Error> {
        self.left.set(self.left.get().and_then(|left| left.checked_sub(1)));
        match self.left.get() {
            Some(_) => deserializer.deserialize_any(self),
            None => Err(D::Error::custom("too many values")),
        }
    }
}

impl<'b> Visitor<'b> for Reader<'_> {
    type Value = Node<'b>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Node<'b>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Node<'b>, E> {
        Ok(Node::Bool(truth))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Node<'b>, E> {
        Ok(Node::Unsigned(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Node<'b>, E> {
        Ok(Node::Signed(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Node<'b>, E> {
        Ok(Node::Float(number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'b str) -> Result<Node<'b>, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node<'b>, E> {
        Ok(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut list: A) -> Result<Node<'b>, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element_seed(self)? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'b>>(self, mut object: A) -> Result<Node<'b>, A::Error> {
        let mut entries = Vec::new();
        while let Some(name) = object.next_key()? {
            entries.push((name, object.next_value_seed(self)?));
        }
        Ok(Node::Object(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::reading::address;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        names: Vec<Vec<String>>,
        count: u8,
        is_on: bool,
        #[serde(default)]
        colour: Option<Colour>,
        #[serde(default, deserialize_with = "some_address")]
        address: Option<std::net::SocketAddr>,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Colour {
        Red,
        Blue,
    }

    fn some_address<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<std::net::SocketAddr>, D::Error> {
        address(deserializer).map(Some)
    }

    #[test]
    fn what_is_right_is_read() {
        let body =
            br#" {"names": [["a", "\u00eb\n"], []], "count": 255, "is_on": true, "colour": "blue",
            "address": "[::1]:80"} "#;
        let expected = Order {
            names: vec![vec!["a".to_owned(), "\u{eb}\n".to_owned()], vec![]],
            count: 255,
            is_on: true,
            colour: Some(Colour::Blue),
            address: Some("[::1]:80".parse().expect("an address")),
        };
        assert_eq!(json::<Order>(body), Ok(expected));
        let order = json::<Order>(br#"{"names":[],"count":0,"is_on":false,"colour":null}"#);
        assert_eq!(order.expect("it is right").colour, None);
        assert_eq!(json::<(u8, String)>(br#"[1, "a"]"#), Ok((1, "a".to_owned())));
    }

    #[test]
    fn what_is_wrong_is_told_in_plain_words() {
        let deep = "[".repeat(1_000);
        for (body, expected) in [
            ("", "the body is empty: send JSON"),
            ("{", "the body is JSON that ends too early"),
            ("choices", "the body can't be read as JSON beyond line 1, column 1"),
            ("{\n 'a': 1}", "the body can't be read as JSON beyond line 2, column 2"),
            ("{}}", "the body can't be read as JSON beyond line 1, column 3"),
            ("\u{feff}{}", "the body can't be read as JSON beyond line 1, column 1"),
            (&deep, "the body can't be read as JSON beyond line 1, column 128"),
            ("[]", "the body is a list: write an object in braces"),
            ("7", "the body is a number: write an object in braces"),
            ("{}", "`names` is missing"),
            (r#"{"names":[],"count":1}"#, "`is_on` is missing"),
            (r#"{"names":[],"names":[]}"#, "`names` stands there twice"),
            (
                r#"{"name":[]}"#,
                "nothing is called `name` here: there is `names`, `count`, `is_on`, `colour`, `address`",
            ),
            (r#"{"names":"a"}"#, "`names` is a text: write a list"),
            (r#"{"names":["a"]}"#, "`names[0]` is a text: write a list"),
            (r#"{"names":[["a"],["b",1]]}"#, "`names[1][1]` is a number: write a text in quotes"),
            (r#"{"names":[null]}"#, "`names[0]` is null: write a list"),
            (r#"{"count":"1"}"#, "`count` is a text: write a whole number"),
            (r#"{"count":256}"#, "`count` is no whole number that fits here"),
            (r#"{"count":-1}"#, "`count` is no whole number that fits here"),
            (r#"{"count":1.5}"#, "`count` is no whole number that fits here"),
            (r#"{"is_on":1}"#, "`is_on` is a number: write true or false"),
            (r#"{"colour":"green"}"#, "nothing is called `green` here: there is `red`, `blue`"),
            (r#"{"colour":1}"#, "`colour` is a number: write a text in quotes"),
            (
                r#"{"address":"here"}"#,
                "`address`: write an IP address and a port, as in 192.0.2.7:6001",
            ),
        ] {
            assert_eq!(json::<Order>(body.as_bytes()), Err(expected.to_owned()), "{body}");
        }
        let told = json::<(u8, u8)>(b"[1]").expect_err("it is short");
        assert_eq!(told, "the body has 1 entries: that is not the right number");
        assert!(json::<(u8, u8)>(b"[1,2,3]").is_err());
    }

    #[test]
    fn a_body_has_a_number_of_values_and_not_one_more() {
        let lists = |count: usize| format!("[{}[]]", "[],".repeat(count - 2));
        assert_eq!(
            json::<Vec<Vec<u8>>>(lists(VALUES_MAX).as_bytes()).map(|read| read.len()),
            Ok(VALUES_MAX - 1)
        );
        let objects = format!("[{}{{}}]", "{\"\":{}},".repeat(VALUES_MAX / 2));
        for too_many in [lists(VALUES_MAX + 1), objects, lists(300_000)] {
            let told = json::<Vec<Vec<u8>>>(too_many.as_bytes()).expect_err("too many");
            assert_eq!(told, "the body has more than 65536 values: send less at once");
        }
        // The last value that may be there, and then no more JSON.
        let cut = lists(VALUES_MAX).replace("[]]", "[]");
        assert_eq!(
            json::<Vec<Vec<u8>>>(cut.as_bytes()),
            Err("the body is JSON that ends too early".to_owned())
        );
    }

    #[test]
    fn a_long_name_is_told_in_a_line() {
        let body = format!("{{\"a\\n{}\":1}}", "b".repeat(100_000));
        let told = json::<Order>(body.as_bytes()).expect_err("it is unknown");
        assert!(told.starts_with("nothing is called `a\\nb") && told.len() < 200, "{told}");
    }
}
