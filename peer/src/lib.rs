//! Ostrakon's peer: keeps the chain of votes, checks every signature and every proof of work itself, mines,
//! and counts.
//!
//! `chain`, `pool` and `node` are the core: they take time, bytes and randomness as arguments and give their
//! effects back, so that the simulated world runs the very code that peers run. `shell` performs effects.

pub mod chain;
pub mod cli;
pub mod config;
#[cfg(test)]
mod fixtures;
pub mod node;
pub mod pool;
pub mod rules;
pub mod shell;
