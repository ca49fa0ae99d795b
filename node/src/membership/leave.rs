//! Taking leave: everybody is told, again and again until they acknowledge it, for a second at most. A node that leaves
//! must do nothing else.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::datagram::{Datagram, Envelope};
use protocol::token::Token;
use protocol::units::Now;

use super::{Membership, Output, Timer};
use crate::timers::Timers;

/// The interval between two LEAVE_PEERs to one address.
const REPEAT_PERIOD: Duration = Duration::from_millis(100);
/// The longest time that a leaving node waits for acknowledgements.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Leaving {
    /// The addresses that have not acknowledged the leave yet, with the tokens that they issued to
    /// us.
    unacknowledged: BTreeMap<SocketAddr, Token>,
    deadline: Instant,
    is_done: bool,
}

/// How far a leave has progressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaveProgress {
    /// No leave is under way, or it has ended already.
    None,
    /// Somebody has not acknowledged it yet.
    Waiting,
    /// Everybody has acknowledged it.
    Acknowledged,
    /// The time for it is over.
    TimedOut,
}

impl Membership {
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// Begins to tell neighbours and trackers that this node leaves. From now on it does nothing else. To be called
    /// once: see [`is_leaving`](Self::is_leaving).
    pub(crate) fn start_leaving(&mut self, now: Now) {
        let neighbours = self.neighbours.iter();
        let mut unacknowledged: BTreeMap<_, _> =
            neighbours.map(|(address, neighbour)| (*address, neighbour.token)).collect();
        unacknowledged.extend(self.trackers.registered());
        self.tell_good_addresses();
        self.timers = Timers::default();
        let deadline = now.instant + PATIENCE;
        self.leaving = Some(Leaving { unacknowledged, deadline, is_done: false });
        self.handle_leave_timer(now);
    }

    pub(crate) fn leave_progress(&self, now: Now) -> LeaveProgress {
        match &self.leaving {
            None => LeaveProgress::None,
            Some(leaving) if leaving.is_done => LeaveProgress::None,
            Some(leaving) if now.instant >= leaving.deadline => LeaveProgress::TimedOut,
            Some(leaving) if leaving.unacknowledged.is_empty() => LeaveProgress::Acknowledged,
            Some(_) => LeaveProgress::Waiting,
        }
    }

    /// Ends the leave; nobody is told about it any more.
    pub(crate) fn finish_leaving(&mut self) {
        if let Some(leaving) = &mut self.leaving {
            leaving.is_done = true;
        }
        self.timers.set(Timer::Leave, None);
    }

    pub(super) fn handle_leave_timer(&mut self, now: Now) {
        let Some(leaving) = &self.leaving else { return };
        if now.instant >= leaving.deadline {
            return;
        }
        let unacknowledged = leaving.unacknowledged.clone();
        let to = unacknowledged.keys().copied().collect();
        self.outputs.push_back(Output::LeaveRepeated { to });
        for (address, token) in unacknowledged {
            self.send_with(address, token, Datagram::LeavePeer);
        }
        self.timers.set(Timer::Leave, Some(now.instant + REPEAT_PERIOD));
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "one that leaves listens to nothing else")]
    pub(super) fn handle_datagram_while_leaving(&mut self, from: SocketAddr, envelope: &Envelope) {
        let Some(leaving) = &mut self.leaving else { return };
        match envelope.datagram {
            Datagram::LeaveAck => {
                leaving.unacknowledged.remove(&from);
            }
            Datagram::LeavePeer => self.send_with(from, envelope.sender_token, Datagram::LeaveAck),
            Datagram::Retry => {
                if let Some(token) = leaving.unacknowledged.get_mut(&from) {
                    *token = envelope.sender_token;
                }
            }
            _ => {}
        }
    }
}
