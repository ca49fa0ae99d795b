//! What every program of Ostrakon needs of its machine: the clock, randomness, signals, sockets, files that appear
//! whole, and HTTP that strangers can't exhaust.
//!
//! It knows no rule of the chain, of the network or of elections, and must never.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "clocks, sockets, files and locks are what this crate is for"
)]

pub mod clock;
pub mod entropy;
pub mod files;
pub mod http;
pub mod output;
pub mod progress;
pub mod signals;
pub mod udp;
pub mod whole_file;
