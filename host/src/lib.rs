//! What every program of Ostrakon needs of its machine: the clock, randomness, signals, sockets, the log, files that
//! are written whole, and an HTTP listener that strangers can't exhaust.
//!
//! It must never know a rule of the chain, of the network or of elections.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "clocks, sockets, files and locks are what this crate is for"
)]

pub mod clock;
pub mod entropy;
pub mod files;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "runtime")]
pub mod log;
#[cfg(feature = "runtime")]
pub mod multicast;
pub mod output;
#[cfg(feature = "runtime")]
pub mod progress;
pub mod reason;
#[cfg(feature = "runtime")]
pub mod signals;
#[cfg(feature = "runtime")]
pub mod udp;
pub mod utf16;
#[cfg(feature = "runtime")]
pub mod variables;
pub mod whole_file;
pub mod wrap;
