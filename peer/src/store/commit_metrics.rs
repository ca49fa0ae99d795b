//! Measures how long the disk takes to make a commit durable. The node's task counts, and the
//! peer's metrics read the result.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The buckets in seconds, from a disk with a cache of its own to one that hardly works.
const BUCKETS: [f64; 15] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
];

/// Counts of commits. Copies share their counts.
#[derive(Debug, Clone)]
pub(crate) struct CommitMetrics {
    durations: Histogram,
    failures: Counter,
}

impl Default for CommitMetrics {
    fn default() -> Self {
        Self { durations: Histogram::new(BUCKETS), failures: Counter::default() }
    }
}

impl CommitMetrics {
    /// Counts a commit that became durable.
    pub(crate) fn count(&self, took: Duration) {
        self.durations.observe(took.as_secs_f64());
    }

    /// Counts a failed commit.
    pub(crate) fn count_failure(&self) {
        self.failures.inc();
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "store_commit_duration",
            "How long commits took that made blocks, votes and neighbours durable",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register(
            "store_commit_failures",
            "Commits that the disk refused; they are tried again",
            self.failures.clone(),
        );
    }
}
