//! How addresses become neighbours, and cease to be: probes, hints, meeting, parting, bans.

use std::net::SocketAddr;
use std::time::Duration;

use protocol::datagram::{Datagram, PEERS_MAX};
use protocol::scope::Scope;
use protocol::token::Token;
use protocol::units::Now;
use rand::Rng;
use rand::seq::IndexedRandom;

use super::Node;
use super::neighbours::NEIGHBOURS_WANTED;
use super::output::{Event, LeaveReason, Output};
use super::probes::ProbePoke;
use super::timers::Timer;

/// Between two lists of peers to one neighbour.
const SHARE_PEERS_PERIOD: Duration = Duration::from_secs(30);
/// Least time between two renewals of one neighbour, which cost a list of peers and the whole pool.
const RENEW_PERIOD: Duration = Duration::from_secs(5);
/// How long a ban lasts.
const BAN: Duration = Duration::from_secs(300);
/// A neighbour that fell silent is tried again after this long.
const RETRY_LOST: Duration = Duration::from_millis(500);

impl Node {
    pub(super) fn on_probe_timer(&mut self, now: Now) {
        let (neighbours, random) = (&self.neighbours, &mut self.random);
        let enough = neighbours.len() >= NEIGHBOURS_WANTED;
        let pokes = self.probes.due(
            now.instant,
            |address| enough || neighbours.contains(address),
            || random.next_u64(),
        );
        for poke in pokes {
            self.send_probe(poke);
        }
        self.arm_probe_timer();
    }

    pub(super) fn send_probe(&mut self, poke: ProbePoke) {
        let datagram = Datagram::Poke { nonce: poke.nonce, status: None };
        self.send_with(poke.to, poke.token, self.prefix, datagram);
    }

    pub(super) fn arm_probe_timer(&mut self) {
        let next = self.probes.next_at();
        self.timers.set(Timer::Probe, next);
    }

    /// Somebody's word on who is there and who left.
    pub(super) fn take_hints(
        &mut self,
        giver: SocketAddr,
        live: &[SocketAddr],
        left: &[SocketAddr],
        now: Now,
    ) {
        if self.neighbours.len() < NEIGHBOURS_WANTED {
            for address in live {
                if !self.neighbours.contains(address) && !self.is_tracker(address) {
                    self.probes.hint(*address, giver, now.instant);
                }
            }
            self.arm_probe_timer();
        }
        for address in left {
            // Only a hint: a neighbour that is still there answers, and one that is gone misses this POKE too.
            self.poke_now(*address, now);
        }
    }

    /// Makes an address that answered a neighbour; false when there is no room.
    pub(super) fn meet(&mut self, address: SocketAddr, token: Token, now: Now) -> bool {
        if self.neighbours.is_full() {
            self.dropped.count("no room for another neighbour");
            return false;
        }
        if !self.neighbours.insert(address, token, now.instant) {
            return false;
        }
        self.probes.became_neighbour(address, now.instant);
        self.forget_withheld();
        // The others hear of it with their next heartbeat, so at most once a second.
        self.neighbours.iter_mut().for_each(|(_, other)| other.peers_at = now.instant);
        self.arm_heartbeat_timer();
        self.output(Output::Event(Event::NeighbourJoined { address }));
        self.timers.set_by(Timer::Gossip, now.instant);
        self.share_peers_if_due(address, now);
        self.remember_neighbours_soon(now);
        true
    }

    /// A neighbour that started again may have lost what it knew: it gets what a new one gets.
    pub(super) fn renew(&mut self, address: SocketAddr, now: Now) {
        let Some(neighbour) = self.neighbours.get_mut(&address) else { return };
        neighbour.renew_wanted = neighbour.renew_not_before > now.instant;
        if neighbour.renew_wanted {
            return;
        }
        neighbour.renew_not_before = now.instant + RENEW_PERIOD;
        neighbour.pool_cursor = Some(0);
        neighbour.peers_at = now.instant;
        let bit = neighbour.bit();
        self.gossip.forget_knowledge(bit);
        self.timers.set_by(Timer::Gossip, now.instant);
    }

    pub(super) fn part(&mut self, address: SocketAddr, reason: LeaveReason, now: Now) {
        let Some(neighbour) = self.neighbours.remove(&address) else { return };
        self.gossip.forget_knowledge(neighbour.bit());
        self.sync_lost_neighbour(address);
        match reason {
            LeaveReason::Left => self.probes.forget(&address),
            LeaveReason::Missed(_) => self.probes.remember(address, now.instant + RETRY_LOST),
            LeaveReason::Banned(duration) => self.probes.ban(address, now.instant + duration),
        }
        self.arm_probe_timer();
        self.arm_heartbeat_timer();
        self.remember_neighbours_soon(now);
        self.output(Output::Event(Event::NeighbourLeft { address, reason }));
        self.continue_sync(now);
    }

    pub(super) fn ban(&mut self, address: SocketAddr, now: Now) {
        self.part(address, LeaveReason::Banned(BAN), now);
    }

    pub(super) fn on_leave_peer(&mut self, from: SocketAddr, now: Now) {
        self.send(from, Datagram::LeaveAck);
        self.part(from, LeaveReason::Left, now);
    }

    /// Tells a neighbour of others, when it is time.
    pub(super) fn share_peers_if_due(&mut self, to: SocketAddr, now: Now) {
        let Some(neighbour) = self.neighbours.get_mut(&to) else { return };
        if neighbour.peers_at > now.instant {
            return;
        }
        neighbour.peers_at = now.instant + SHARE_PEERS_PERIOD;
        let scope = Scope::of(to);
        let known: Vec<SocketAddr> = self
            .neighbours
            .iter()
            .map(|(address, _)| *address)
            .filter(|address| *address != to && scope.may_be_told(Scope::of(*address)))
            .collect();
        let live: Vec<SocketAddr> = known.sample(&mut self.random, PEERS_MAX).copied().collect();
        if !live.is_empty() {
            self.send(to, Datagram::UpdatePeers { live, left: Vec::new() });
        }
    }
}
