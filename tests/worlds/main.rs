//! Tests on the simulated world.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test looks at the few kinds of news that it is about"
)]

mod bad_votes;
mod chaos;
mod clocks;
mod disk;
mod elections;
mod finality;
mod forgery;
mod laboratory;
mod limits;
mod many;
mod partition;
mod registrars;
mod sabotage;
mod sync;
mod tracker;
mod withholding;

use std::time::Duration;

use sim::report::Report;
use sim::voters::{Character, VoterPlan};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A voter who goes to one peer.
fn voter(starts_at: Duration, host: usize) -> VoterPlan {
    VoterPlan { starts_at, hosts: vec![host], character: Character::Single }
}

fn assert_passes(report: &Report) {
    assert!(report.passes(), "{}{report}", report.excerpt);
}
