//! Ostrakon's peer: the program around the [`node`]. It performs the node's effects, and lets people and programs talk
//! to it.
//!
//! It is thin: one task owns the node, so there are no locks around its state; mining, signature checks and the disk
//! have threads of their own; everybody else sends commands and listens to events. No rule of the chain or of the
//! network lives here.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "clocks, threads, files and sockets belong to programs"
)]

mod actions;
mod auditor;
pub mod cli;
mod client;
pub mod config;
mod handle;
mod http;
mod miner;
mod organiser;
mod prompt;
mod render;
mod run;
mod schema;
mod store;
mod voter;
mod watch;

pub use auditor::{
    ArchiveError, ArchiveReader, ArchiveRecord, ArchiveWriter, OfflineError, RecordPlace, audit,
    export, import, verify_receipt,
};
pub use cli::manual::{ManualError, write_man_pages};
pub use client::{ClientEnd, client};
pub use organiser::ballot::{BallotCommandError, check_ballot, new_ballot};
pub use organiser::{RegistrarError, registrar};
pub use prompt::logs::start_log;
pub use run::{PeerError, run};
pub use voter::commands::{KeyCommandError, key};
