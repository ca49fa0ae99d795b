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

mod actions;
mod addresses;
mod ballot;
mod client;
mod clock;
mod commit_metrics;
mod data_directory;
mod entropy;
mod files;
mod front;
mod handle;
mod http;
mod join;
mod key_commands;
mod key_file;
mod laboratory;
mod local_election;
mod logs;
mod manual;
mod miner;
mod notice;
mod offline;
mod receipt;
mod registrar;
mod render;
mod run;
mod schema;
mod screen;
mod secret_file;
mod signing;
mod store;
mod task;
mod udp;
mod verifier;
mod verify;
mod voter;
mod wait;
mod watch;

pub(crate) use actions::suggest;
pub use addresses::AddressError;
pub use ballot::{BallotCommandError, check_ballot, new_ballot, show};
pub use client::{ClientEnd, client};
pub use data_directory::DataDirectoryError;
pub use files::FileError;
pub use http::ApiError;
pub use key_commands::{KeyCommandError, key};
pub use key_file::{
    KeyFileError, PassphraseError, PemError, PhraseError, VoterName, VoterNameError,
};
pub use laboratory::LaboratoryError;
pub use local_election::LocalElectionError;
pub use logs::start_log;
pub use manual::{ManualError, write_man_pages};
pub use offline::{
    ArchiveError, ArchiveReader, ArchiveRecord, ArchiveWriter, OfflineError, RecordPlace,
    WholeFileError, audit, export, import, verify_receipt,
};
pub use receipt::ReceiptFileError;
pub use registrar::{ListError, RecordError, RegistrarError, Slip, SlipReason, registrar};
pub use run::{PeerError, run};
pub use secret_file::SecretFileError;
pub use store::StoreError;
pub use udp::BindError;
pub use verify::VerifyError;
