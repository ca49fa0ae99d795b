//! Taking leave: everybody is told, again and again until they acknowledge it, for a second at most.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::datagram::{Datagram, Envelope};
use protocol::token::Token;
use protocol::units::Now;

use super::Node;
use super::output::Output;
use super::timers::Timer;

/// Between two LEAVE_PEERs to one address.
const REPEAT_PERIOD: Duration = Duration::from_millis(100);
/// Nobody waits longer for those who don't answer.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Leaving {
    /// Who did not acknowledge yet, with the token that they issued to us.
    unacknowledged: BTreeMap<SocketAddr, Token>,
    deadline: Instant,
    done: bool,
}

impl Node {
    pub(super) fn start_leaving(&mut self, now: Now) {
        if self.leaving.is_some() {
            return;
        }
        self.stop_mining();
        self.stop_experiment();
        // What was accepted a moment ago is still to be told.
        self.on_gossip_timer(now);
        let neighbours = self.neighbours.iter();
        let mut unacknowledged: BTreeMap<_, _> =
            neighbours.map(|(address, neighbour)| (*address, neighbour.token)).collect();
        if let Some(tracker) = self.tracker.as_ref().filter(|tracker| tracker.view().registered) {
            let address = tracker.address();
            unacknowledged.extend(tracker.token_for(&address).map(|token| (address, token)));
        }
        self.on_remember_neighbours_timer();
        self.timers = super::Timers::default();
        let deadline = now.instant + PATIENCE;
        self.leaving = Some(Leaving { unacknowledged, deadline, done: false });
        self.on_leave_timer(now);
    }

    pub(super) fn on_leave_timer(&mut self, now: Now) {
        let Some(leaving) = &self.leaving else { return };
        if now.instant < leaving.deadline {
            let unacknowledged = leaving.unacknowledged.clone();
            self.announce_own_again(&unacknowledged.keys().copied().collect::<Vec<_>>());
            for (address, token) in unacknowledged {
                self.send_with(address, token, self.prefix, Datagram::LeavePeer);
            }
            self.timers.set(Timer::Leave, Some(now.instant + REPEAT_PERIOD));
        }
        self.leave_if_done(now);
    }

    pub(super) fn take_datagram_while_leaving(
        &mut self,
        from: SocketAddr,
        envelope: &Envelope,
        now: Now,
    ) {
        let Some(leaving) = &mut self.leaving else { return };
        if envelope.datagram == Datagram::LeaveAck {
            leaving.unacknowledged.remove(&from);
            self.leave_if_done(now);
        } else if envelope.datagram == Datagram::LeavePeer {
            let token = envelope.sender_token;
            self.send_with(from, token, self.prefix, Datagram::LeaveAck);
        }
    }

    pub(super) fn on_retry_while_leaving(&mut self, from: SocketAddr, token: Token) {
        let known = self.leaving.as_mut().and_then(|leaving| leaving.unacknowledged.get_mut(&from));
        if let Some(known) = known {
            *known = token;
        }
    }

    /// Ends the leave once everybody acknowledged it and everything is written, or patience is over.
    pub(super) fn leave_if_done(&mut self, now: Now) {
        let is_settled = self.durability.is_settled();
        let Some(leaving) = &mut self.leaving else { return };
        let is_over = now.instant >= leaving.deadline;
        if leaving.done || !(is_over || leaving.unacknowledged.is_empty() && is_settled) {
            return;
        }
        leaving.done = true;
        self.timers.set(Timer::Leave, None);
        self.output(Output::Left);
    }
}
