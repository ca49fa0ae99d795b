//! The simulated world: the real tracker and peer cores, in virtual time, on a network that loses, delays,
//! doubles and damages datagrams, with disks that forget what was not synced and with hosts that lie.
//!
//! One world is one thread and one queue of events, ordered by their virtual instant and then by when they
//! were queued; all chance comes from one seed. So a seed names a run for ever: a failure prints it. Nothing
//! here may read a clock (but for the one base instant in [`clock`]), a socket or a hash map.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the world looks at a few kinds of what passes by, and lets the others pass"
)]

pub mod adversary;
pub mod chaos;
pub mod clock;
pub mod disk;
mod effects;
pub mod faults;
pub mod forge;
pub mod host;
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
mod steps;
pub mod trace;
pub mod verdicts;
pub mod voters;
pub mod world;
