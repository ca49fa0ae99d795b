//! What a list says about each value of a column, and which lines contradict each other. Neither the order of the lines
//! nor what stands between them may hide a contradiction.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

/// What stands beside each value, and where.
#[derive(Debug)]
pub(super) struct Pairs<K, V>(HashMap<K, Beside<V>>);

/// The first line with a value, and the first with the same value that says something else. Whatever a later line says,
/// it contradicts one of the two unless all lines agree.
#[derive(Debug)]
struct Beside<V> {
    first: (u64, V),
    other: Option<Box<(u64, V)>>,
}

impl<K, V> Default for Pairs<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash, V: PartialEq> Pairs<K, V> {
    /// Notes what a line says, and gives the first line that contradicts it.
    pub(super) fn note(&mut self, value: K, beside: V, line: u64) -> Option<u64> {
        let known = match self.0.entry(value) {
            Entry::Vacant(place) => {
                place.insert(Beside { first: (line, beside), other: None });
                return None;
            }
            Entry::Occupied(known) => known.into_mut(),
        };
        if known.first.1 == beside {
            return known.other.as_ref().map(|other| other.0);
        }
        if known.other.is_none() {
            known.other = Some(Box::new((line, beside)));
        }
        Some(known.first.0)
    }
}
