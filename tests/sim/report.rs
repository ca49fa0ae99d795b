//! The outcome of one world: whether an invariant broke, and what happened on the way.

use std::fmt;
use std::time::Duration;

use crate::network::Traffic;
use crate::scenario::Demands;

/// A broken invariant, and when it was noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub at: Duration,
    pub what: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    Violation(Violation),
    /// No invariant was broken, but too little happened for that to mean anything.
    Idle {
        found: Demands,
        expected: Demands,
    },
}

/// Counts of what happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    pub crashes: u64,
    pub partitions: u64,
    pub reorganisations: u64,
    pub acknowledged: u64,
    /// The number of transactions that a peer refused because its pool was full.
    pub refused_full: u64,
    /// The number of votes on the chain on which all peers agree at the end.
    pub votes: u64,
    /// The acknowledged votes that are not in the final result, since they came too late.
    pub not_counted: u64,
    pub blocks: u64,
    /// When all peers agreed for good.
    pub agreed_at: Duration,
}

#[derive(Debug)]
pub struct Report {
    pub name: &'static str,
    pub seed: u64,
    pub verdict: Verdict,
    pub trace_hash: [u8; 32],
    pub events: u64,
    pub statistics: Statistics,
    pub traffic: Traffic,
    /// The newest events before a violation.
    pub excerpt: String,
}

impl Report {
    #[must_use]
    pub fn passes(&self) -> bool {
        self.verdict == Verdict::Pass
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "world {:?} of seed {}: ", self.name, self.seed)?;
        match &self.verdict {
            Verdict::Pass => write!(formatter, "pass")?,
            Verdict::Violation(violation) => {
                write!(formatter, "at {:?}: {}", violation.at, violation.what)?;
            }
            Verdict::Idle { found, expected } => {
                write!(formatter, "idle: {found:?} happened, {expected:?} has to")?;
            }
        }
        write!(formatter, " ({} events, {:?}, {:?})", self.events, self.statistics, self.traffic)
    }
}
