//! The rules one by one; exhaustive searches with all of them and without one; and random runs in larger networks.

mod blocks;
mod removals;
mod rules;
mod search;
