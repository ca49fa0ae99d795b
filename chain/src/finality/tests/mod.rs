//! The rules one by one; exhaustive searches with all of them and without one; and random runs of larger networks.

mod blocks;
mod rules;
mod search;
mod searches;
mod simulation;
