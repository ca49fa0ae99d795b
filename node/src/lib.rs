//! The node: what a peer knows and does, without a socket, clock, file or thread.
//!
//! A shell calls a `handle_*` method for whatever happens, then drains [`Node::poll_output`] and arms one
//! timer for [`Node::poll_timeout`]. Effects are queued, so several calls in a row are fine.
//!
//! Inside, four cores of their own do what needs no more than a part of the state: membership (who this node
//! exchanges datagrams with), the ledger (transactions that wait for a block), finality (what validators signed), and
//! the [`chain`] (blocks). [`Node`] joins them, and adds sync, mining, and the answers to commands.
//!
//! # Two nodes that agree
//!
//! The shell of this example hands datagrams over in memory, checks signatures and searches nonces on the spot, and
//! believes its memory to be a disk. One node is told a voter's transactions; both count the vote.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::{Duration, Instant};
//!
//! use chain::fixtures::{election, registration, vote};
//! use chain::rules::Rules;
//! use node::{Command, Given, Limits, Node, NodeConfig, Output, Restored, Role};
//! use protocol::block::Header;
//! use protocol::units::Now;
//!
//! let election = Arc::new(election());
//! let addresses = ["10.0.0.1:7001", "10.0.0.2:7001"].map(|text| text.parse().unwrap());
//! let start = Now { instant: Instant::now(), unix: chain::fixtures::NOW };
//! let mut nodes = [0u8, 1].map(|number| {
//!     let config = NodeConfig {
//!         name: None,
//!         trackers: vec![],
//!         neighbours: vec![Given::from(addresses[usize::from(1 - number)])],
//!         mining: true,
//!         role: Role::Ordinary,
//!         validator: None,
//!         resident_bytes_max: node::RESIDENT_BYTES_MAX,
//!         limits: Limits::default(),
//!         rules: Rules::ALL,
//!     };
//!     // A real seed is secret, and new at every start.
//!     let seed = [number; 32];
//!     Node::new(config, Arc::clone(&election), Restored::default(), seed, start)
//! });
//!
//! for after_ms in 0..3_000 {
//!     let after = Duration::from_millis(after_ms);
//!     let now = Now { instant: start.instant + after, unix: start.unix.plus(after) };
//!     for number in [0, 1] {
//!         nodes[number].handle_timeout(now);
//!         if (after_ms, number) == (1_000, 0) {
//!             for transaction in [registration(1), vote(1, vec![vec![0]])] {
//!                 let transaction = Box::new(transaction.transaction().clone());
//!                 nodes[0].handle_command(Command::Submit(transaction), now).unwrap();
//!                 drain(&mut nodes, 0, &addresses, now);
//!             }
//!         }
//!         drain(&mut nodes, number, &addresses, now);
//!     }
//! }
//! assert_eq!(nodes[0].tip(), nodes[1].tip());
//! for node in &nodes {
//!     assert_eq!(node.chain().tally().votes, 1);
//!     assert!(node.pool().is_empty());
//! }
//!
//! /// Does what a node asks for, until it asks for nothing more.
//! fn drain(nodes: &mut [Node; 2], number: usize, addresses: &[std::net::SocketAddr; 2], now: Now) {
//!     while let Some(output) = nodes[number].poll_output() {
//!         match output {
//!             Output::Transmit { to, bytes } => {
//!                 let other = addresses.iter().position(|address| *address == to).unwrap();
//!                 nodes[other].handle_datagram(addresses[number], &bytes, now);
//!             }
//!             Output::Verify(job) => {
//!                 let check = |each: &Arc<protocol::transaction::HashedTransaction>| {
//!                     each.check_signatures(&job.election.admission)
//!                 };
//!                 let verdicts = job.transactions.iter().map(check).collect();
//!                 nodes[number].handle_verified(job.number, verdicts, now);
//!             }
//!             Output::Persist(batch) => nodes[number].handle_persisted(batch.number, now),
//!             Output::Mine(job) => {
//!                 let solves = |nonce: &u64| Header { nonce: *nonce, ..job.header }.has_work();
//!                 let nonce = (0..).find(solves).unwrap();
//!                 nodes[number].handle_mined(job.number, nonce, now);
//!             }
//!             Output::Sign(_) => unreachable!("it is no validator"),
//!             Output::Load(_) => unreachable!("all blocks are in memory"),
//!             Output::StopMining
//!             | Output::Answered { .. }
//!             | Output::LookUp(_)
//!             | Output::Refused { .. }
//!             | Output::Event(_)
//!             | Output::Left => {}
//!             Output::Announce { .. } => unreachable!("nobody told it of a local network"),
//!         }
//!     }
//! }
//! ```

#![warn(missing_docs)]

mod blocks;
mod command;
mod commands;
mod config;
mod counters;
mod disk;
mod dispatch;
mod dropped;
mod event;
mod finality;
mod given;
mod holders;
mod invariants;
mod join;
mod laboratory;
mod ledger;
mod limits;
mod membership;
mod mining;
mod node;
mod output;
mod own_addresses;
mod packing;
mod submit;
mod sync;
#[cfg(test)]
mod tests;
mod timers;
mod transactions;
mod views;

pub use command::{
    Answer, BlockSelector, CHAIN_LIMIT_MAX, Command, CommandError, Experiment, POOL_LIMIT_MAX,
    Ticket,
};
pub use config::{
    NEIGHBOURS_BY_HAND_MAX, NodeConfig, OwnValidator, RESIDENT_BYTES_MAX, Role, TRACKERS_MAX,
};
pub use counters::Counters;
pub use event::{Event, LeaveReason, PeerAt};
pub use finality::records::{
    FinalityRecord, RestoredFinality, SeenCertificate, Signed, ToSign, ValidatorRecord,
    WitnessedClose,
};
pub use finality::views::{
    Abstention, DepthView, DisputedEnd, ElectionState, EvidenceView, Fate, FinalityView,
    OwnValidatorView, TwinSign, ValidatorView,
};
pub use given::{ADDRESSES_PER_NAME_MAX, Given, Named};
pub use join::{JoinError, JoinOutput, Joining};
pub use ledger::pool::{Arrival, Pool};
pub use limits::Limits;
pub use node::Node;
use node::Timer;
pub use output::{
    LoadFailure, LoadJob, MineJob, Output, PersistBatch, Record, Restored, VerifyJob,
};
pub use own_addresses::{INTERFACES_MAX, InterfaceAddress, OwnAddresses};
pub use views::{
    Admitted, BlockSummary, BlockView, ClockView, HeldBy, NeighbourView, PoolPage,
    PooledTransaction, QuestionTally, Results, Standing, Status, Tip, TrackerView,
    TransactionAnswer, TransactionView, Unready, VoteView, VoterView, WaitingBlocks,
};
