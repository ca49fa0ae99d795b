//! The peer's shell: performs the node's effects, and lets people and programs talk to it.
//!
//! It is thin: one task owns the node, so there are no locks around its state; mining, signature checks and
//! the disk have threads of their own; everybody else sends commands and listens to notices. No rule of the
//! chain or of the network lives here.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "clocks, threads, files and sockets belong to shells"
)]

mod addresses;
mod clock;
mod data_directory;
mod entropy;
mod files;
mod key_file;
mod miner;
mod store;
mod udp;
mod verifier;
