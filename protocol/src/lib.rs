//! Ostrakon's data and bytes: everything that goes over the wire, onto disk or under a signature.
//!
//! The bytes are described for other implementations in `docs/PROTOCOL.md`. This crate holds no rule
//! that needs state (those live in `peer::chain`) and must never touch a clock, socket, thread, file
//! or random source: a page in a browser has to be able to follow it byte for byte.

pub mod address;
pub mod admission;
pub mod ballot_file;
pub mod block;
pub mod codec;
pub mod datagram;
pub mod election;
pub mod finality;
pub mod keys;
pub mod merkle;
pub mod proof_of_work;
pub mod receipt;
pub mod scope;
pub mod token;
pub mod transaction;
pub mod units;
