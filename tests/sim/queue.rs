//! The queue of future events, in the order of their virtual time and, at equal times, in the order
//! in which they were queued.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

use node::{LoadJob, MineJob, Signed};
use protocol::keys::SignatureError;

use crate::network::Parcel;
use crate::scenario::Action;

/// The index of a peer in its world.
pub type HostIndex = usize;

/// One thing that will happen. An event of a host that has crashed since is ignored.
#[derive(Debug)]
pub enum Event {
    Arrival(Parcel),
    TrackerTimer { life: u32 },
    PeerTimer { host: HostIndex, life: u32 },
    DiskSynced { host: HostIndex, life: u32 },
    DiskFull { host: HostIndex, life: u32, batch: u64 },
    Loaded { host: HostIndex, life: u32, job: LoadJob },
    Verified { host: HostIndex, life: u32, job: u64, verdicts: Vec<Result<(), SignatureError>> },
    Found { host: HostIndex, life: u32, job: MineJob },
    Signed { host: HostIndex, life: u32, signed: Signed },
    Action(Action),
    VoterStep { voter: usize, turn: u32 },
    StrangerStep { stranger: usize },
    LiarStep { liar: usize },
    TraitorStep { traitor: usize },
    RivalStep { rival: usize },
    Sweep,
}

#[derive(Debug)]
struct Queued {
    at: Duration,
    number: u64,
    event: Event,
}

#[derive(Debug, Default)]
pub struct Queue {
    heap: BinaryHeap<Reverse<Queued>>,
    next_number: u64,
}

impl Queue {
    pub fn push(&mut self, at: Duration, event: Event) {
        self.heap.push(Reverse(Queued { at, number: self.next_number, event }));
        self.next_number += 1;
    }

    /// The next event, if it happens before `until`.
    pub fn pop_before(&mut self, until: Duration) -> Option<(Duration, Event)> {
        if self.heap.peek()?.0.at >= until {
            return None;
        }
        self.heap.pop().map(|Reverse(queued)| (queued.at, queued.event))
    }
}

impl Ord for Queued {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Queued {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_one_instant_keep_their_order() {
        let mut queue = Queue::default();
        let second = Duration::from_secs(1);
        for voter in 0..100 {
            queue.push(second, Event::VoterStep { voter, turn: 0 });
        }
        queue.push(Duration::ZERO, Event::Sweep);
        assert!(matches!(queue.pop_before(second), Some((Duration::ZERO, Event::Sweep))));
        assert!(queue.pop_before(second).is_none());
        for expected in 0..100 {
            let popped = queue.pop_before(second * 2);
            assert!(
                matches!(popped, Some((_, Event::VoterStep { voter, turn: 0 })) if voter == expected)
            );
        }
    }
}
