//! The simulated world: the real cores of the tracker and the peers run in virtual time, on a
//! network that loses, delays, duplicates and damages datagrams, with disks that forget what was
//! not synced and with hosts that lie.
//!
//! One world is one thread with one queue of events, which are ordered by their virtual instant and
//! then by when they were queued. All randomness comes from one seed. The same seed therefore
//! always gives the same run, and a failure prints its seed so that it can be repeated. Nothing
//! here may read a clock (except for the one base instant in [`clock`]), open a socket or iterate
//! over a hash map.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the world looks at a few kinds of what passes by, and lets the others pass"
)]

pub mod adversary;
pub mod chaos;
pub mod clock;
mod counted;
pub mod disk;
mod effects;
pub mod elections;
pub mod faults;
mod finals;
pub mod forge;
mod holders;
pub mod host;
mod hours;
mod invariants;
pub mod meter;
pub mod network;
pub mod puppet;
pub mod queue;
pub mod random;
pub mod reference;
pub mod report;
pub mod runner;
pub mod scenario;
mod signers;
mod steps;
pub mod trace;
pub mod verdicts;
pub mod voters;
pub mod world;
