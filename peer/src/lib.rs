//! Ostrakon's peer: the program around the [`node`]. It performs the node's effects, and lets
//! people and programs talk to it.
//!
//! This layer is thin. One task owns the node, so there are no locks around its state. Mining,
//! signature checks and the disk have threads of their own; every other task sends commands to the
//! node's task and listens to its events. No rule of the chain or of the network may be implemented
//! here.
//!
//! The modules are arranged in floors, and each of them imports only from the floors below it:
//!
//! 1. `schema` (answers and events as data), `config` (how a peer is to run), `addresses` (what
//!    addresses mean on this machine);
//! 2. `cli` (what was typed, and what it means), `handle` (the way to the running node), `miner`
//!    (the search for a nonce), `store` (the chain on disk), `render` (how answers and events
//!    look);
//! 3. a module for each kind of user: `voter` and `organiser`;
//! 4. `actions`: what can be asked of a running peer;
//! 5. what users look through: `prompt`, `client`, and on top of `client` also `watch` and `auditor`,
//!    which reads records from files and from running peers, and the voter's receipts; `http`, which
//!    sends records as well;
//! 6. `run`: from settings to a running peer, and to its end.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "clocks, threads, files and sockets belong to programs"
)]

mod actions;
mod addresses;
mod auditor;
pub mod cli;
mod client;
pub mod config;
mod error_kind;
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
    ArchiveError, ArchiveItem, ArchiveReader, ArchiveRecord, ArchiveWriter, BadCertificate,
    NoRecord, NotFinal, OfflineError, RecordPlace, SumsError, audit, check_evidence, export,
    import, verify_receipt,
};
pub use cli::manual::{ManualError, write_man_pages};
pub use client::{ClientExit, client};
pub use error_kind::error_line;
pub use organiser::ballot::{BallotCommandError, check_ballot, new_ballot};
pub use organiser::calibrate::{CalibrateError, calibrate};
pub use organiser::{RegistrarError, registrar, validator};
pub use prompt::logs::start_log;
pub use run::{PeerError, run};
pub use voter::commands::{KeyCommandError, key};
pub use voter::sign::{SignError, sign};
pub use watch::watch;
