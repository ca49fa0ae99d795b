//! Golden bytes: `tests/vectors.json` and the examples in `docs/PROTOCOL.md`.
//!
//! Both are made from layouts that are written out by hand and compared with the codec, so a change of
//! the bytes can't pass unseen. `OSTRAKON_BLESS=1 cargo test -p protocol --test vectors` writes both anew.

mod chain;
mod datagrams;
mod document;
mod finality;
mod layout;
mod limits;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use layout::Vector;

const JSON_PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors.json");
const DOCUMENT_PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/PROTOCOL.md");
const BLESS: &str = "OSTRAKON_BLESS=1 cargo test -p protocol --test vectors";

#[expect(clippy::disallowed_methods, reason = "a test is a shell")]
fn is_blessing() -> bool {
    std::env::var("OSTRAKON_BLESS").is_ok_and(|value| value == "1")
}

fn vectors() -> Vec<Vector> {
    let mut vectors = chain::vectors();
    vectors.extend(finality::vectors());
    vectors.extend(datagrams::vectors());
    vectors
}

fn to_json(vector: &Vector) -> Value {
    let field = |field: &layout::Field| json!({ "name": field.name, "value": field.value, "hex": hex::encode(&field.bytes) });
    let derived: Map<_, _> =
        vector.derived.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "name": vector.name,
        "hex": hex::encode(vector.layout.all_bytes()),
        "derived": derived,
        "fields": vector.layout.fields.iter().map(field).collect::<Vec<_>>(),
    })
}

#[test]
fn the_bytes_are_those_of_the_vectors() {
    let fresh: Vec<_> = vectors().iter().map(to_json).collect();
    if is_blessing() {
        let text = serde_json::to_string_pretty(&fresh).expect("JSON is written") + "\n";
        std::fs::write(JSON_PATH, text).expect("vectors.json can be written");
        return;
    }
    let text = std::fs::read_to_string(JSON_PATH).expect("vectors.json can be read");
    let golden: Vec<Value> = serde_json::from_str(&text).expect("vectors.json is a list");
    for (golden, fresh) in golden.iter().zip(&fresh) {
        assert_eq!(
            golden, fresh,
            "{} differs from vectors.json: other peers would not understand it. If that is meant, \
             count up the version and run `{BLESS}`",
            fresh["name"]
        );
    }
    assert_eq!(golden.len(), fresh.len(), "a vector came or went: run `{BLESS}`");
}

#[test]
fn every_datagram_has_a_vector_and_no_name_stands_twice() {
    let vectors = vectors();
    let names: BTreeSet<_> = vectors.iter().map(|vector| vector.name).collect();
    assert_eq!(names.len(), vectors.len());
    let numbers: BTreeSet<_> = vectors
        .iter()
        .flat_map(|vector| &vector.layout.fields)
        .filter(|field| field.name == "datagram")
        .map(|field| field.bytes.clone())
        .collect();
    assert_eq!(numbers.len(), protocol::datagram::Datagram::KINDS.len());
}

#[test]
fn the_examples_in_the_document_are_the_vectors() {
    let text = std::fs::read_to_string(DOCUMENT_PATH).expect("docs/PROTOCOL.md can be read");
    let fresh = document::with_examples(&text, &vectors()).unwrap_or_else(|slip| panic!("{slip}"));
    if is_blessing() {
        std::fs::write(DOCUMENT_PATH, fresh).expect("docs/PROTOCOL.md can be written");
        return;
    }
    for (number, (found, expected)) in text.lines().zip(fresh.lines()).enumerate() {
        assert_eq!(found, expected, "docs/PROTOCOL.md:{}: run `{BLESS}`", number + 1);
    }
    assert_eq!(text, fresh, "docs/PROTOCOL.md ends otherwise: run `{BLESS}`");
}
