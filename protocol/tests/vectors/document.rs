//! Examples in a document: what stands between `<!-- vector: NAME -->` and `<!-- end -->` is the vector of
//! that name, field by field.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::layout::Vector;

const START: &str = "<!-- vector: ";
const START_END: &str = " -->";
const END: &str = "<!-- end -->";
/// Bytes of one line of an example.
const LINE_BYTES: usize = 32;

/// The document with each example as its vector has it; or what is wrong with its markers.
pub(crate) fn with_examples(text: &str, vectors: &[Vector]) -> Result<String, String> {
    let mut missing: BTreeSet<_> = vectors.iter().map(|vector| vector.name).collect();
    let mut fresh = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        writeln!(fresh, "{line}").expect("writing into a string cannot fail");
        let Some(name) = line.strip_prefix(START).and_then(|rest| rest.strip_suffix(START_END))
        else {
            continue;
        };
        let vector = vectors.iter().find(|vector| vector.name == name);
        let vector = vector.ok_or_else(|| format!("the document names no vector: {name}"))?;
        missing.remove(name);
        fresh.push_str(&example(vector));
        if !lines.any(|line| line == END) {
            return Err(format!("the example of {name} has no {END}"));
        }
        writeln!(fresh, "{END}").expect("writing into a string cannot fail");
    }
    match missing.first() {
        Some(name) => {
            Err(format!("the document has no example of {name}: add {START}{name}{START_END}"))
        }
        None => Ok(fresh),
    }
}

fn example(vector: &Vector) -> String {
    let mut lines = Vec::new();
    for field in &vector.layout.fields {
        let label = match field.value.as_str() {
            "" => field.name.clone(),
            value => format!("{} = {value}", field.name),
        };
        let mut label = Some(label);
        for chunk in field.bytes.chunks(LINE_BYTES) {
            lines.push((hex::encode(chunk), label.take()));
        }
    }
    let width = lines.iter().map(|(hex, _)| hex.len()).max().unwrap_or(0);
    let mut example = String::from("```text\n");
    for (hex, label) in lines {
        let line = format!("{hex:width$}  {}", label.unwrap_or_default());
        example.push_str(line.trim_end());
        example.push('\n');
    }
    for (name, value) in &vector.derived {
        writeln!(example, "→ {name} {value}").expect("writing into a string cannot fail");
    }
    example.push_str("```\n");
    example
}
