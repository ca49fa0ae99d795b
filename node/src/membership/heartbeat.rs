//! POKEs between neighbours: each tells the other's tip and clock, measures the round trip, and shows who is gone.

use std::net::SocketAddr;

use protocol::datagram::{Datagram, PeerStatus};
use protocol::token::Token;
use protocol::units::Now;
use rand::Rng;

use super::neighbours::{HEARTBEAT, MISSED_MAX};
use super::{Membership, Output, Timer};
use crate::event::LeaveReason;
use chain::rules::Rule;

impl Membership {
    pub(super) fn handle_heartbeat_timer(&mut self, now: Now) {
        let mut silent = Vec::new();
        let mut due = Vec::new();
        for (address, neighbour) in self.neighbours.iter_mut() {
            if neighbour.poke_at > now.instant {
                continue;
            }
            neighbour.missed = if neighbour.heard { 0 } else { neighbour.missed + 1 };
            if neighbour.missed >= MISSED_MAX && self.rules.enforces(Rule::MissedHeartbeats) {
                silent.push(*address);
                continue;
            }
            neighbour.heard = false;
            neighbour.missed = neighbour.missed.min(MISSED_MAX);
            neighbour.poke_at = now.instant + HEARTBEAT;
            due.push(*address);
        }
        for address in silent {
            self.part(address, LeaveReason::Missed(MISSED_MAX), now);
        }
        for address in due {
            if self.neighbours.get(&address).is_some_and(|neighbour| neighbour.refresh_wanted) {
                self.refresh(address, now);
            }
            self.poke(address, now);
            self.share_peers_if_due(address, now);
            self.tell_name_if_due(address, now);
        }
        self.arm_heartbeat_timer();
    }

    /// Sends a POKE, also outside the rhythm of heartbeats. It does not change the count of missed
    /// heartbeats.
    pub(crate) fn poke(&mut self, address: SocketAddr, now: Now) {
        let nonce = self.random.next_u64();
        let Some(neighbour) = self.neighbours.get_mut(&address) else { return };
        neighbour.poke_nonce = nonce;
        neighbour.clock.poke(now);
        neighbour.may_retry = true;
        let status = Some(self.own_status(now));
        self.send(address, Datagram::Poke { nonce, status });
    }

    pub(super) fn handle_poke(
        &mut self,
        from: SocketAddr,
        nonce: u64,
        status: Option<PeerStatus>,
        now: Now,
    ) {
        let own = Some(self.own_status(now));
        self.send(from, Datagram::PokeAck { nonce, status: own });
        self.note_status(from, status);
    }

    pub(super) fn handle_poke_ack(
        &mut self,
        from: SocketAddr,
        nonce: u64,
        status: Option<PeerStatus>,
        now: Now,
    ) {
        if let Some(neighbour) = self.neighbours.get_mut(&from)
            && neighbour.poke_nonce == nonce
            && let Some(round_trip) = neighbour.clock.answer(status.map(|status| status.clock), now)
        {
            neighbour.answered |= status.is_some();
            self.outputs.push_back(Output::RoundTrip { from, round_trip });
            self.tell_clocks();
        }
        self.note_status(from, status);
    }

    /// The neighbour no longer accepts our token, for instance because it restarted with a new
    /// secret. Continues with the new token.
    pub(super) fn handle_neighbour_retry(&mut self, from: SocketAddr, token: Token, now: Now) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        neighbour.token = token;
        if std::mem::take(&mut neighbour.may_retry) {
            self.refresh(from, now);
            self.poke(from, now);
            if let Some(neighbour) = self.neighbours.get_mut(&from) {
                neighbour.may_retry = false;
            }
        }
    }

    pub(super) fn arm_heartbeat_timer(&mut self) {
        let next = self.neighbours.iter().map(|(_, neighbour)| neighbour.poke_at).min();
        self.timers.set(Timer::Heartbeat, next);
    }

    fn own_status(&self, now: Now) -> PeerStatus {
        let (height, tip, work) = self.tip;
        PeerStatus { height, tip, work, clock: now.unix }
    }

    fn note_status(&mut self, from: SocketAddr, status: Option<PeerStatus>) {
        let Some(status) = status.filter(|_| self.neighbours.contains(&from)) else { return };
        self.outputs.push_back(Output::Status { from, status });
    }
}
