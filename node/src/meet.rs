//! How addresses become neighbours, and cease to be: probes, hints, meeting, parting, bans.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use protocol::datagram::{Datagram, LEFT_MAX, PEERS_MAX};
use protocol::scope::Scope;
use protocol::token::Token;
use protocol::units::Now;
use rand::Rng;
use rand::seq::IndexedRandom;

use super::Node;
use super::command::{Answer, CommandError};
use super::dropped::DropReason;
use super::neighbours::{Known, NEIGHBOURS_MAX, NEIGHBOURS_WANTED, Neighbour};
use super::output::{Event, LeaveReason, Output};
use super::probes::ProbePoke;
use super::timers::Timer;

/// Between two lists of peers to one neighbour.
const SHARE_PEERS_PERIOD: Duration = Duration::from_secs(30);
/// Least time between two renewals of one neighbour, which cost a list of peers and the whole pool.
const RENEW_PERIOD: Duration = Duration::from_secs(5);
/// Least time between two lists of peers that one neighbour is listened to for; a little less than the second
/// that senders keep, since datagrams bunch up.
const HINTS_PERIOD: Duration = Duration::from_millis(800);
/// How long the others are told that somebody left.
const LEFT_TOLD: Duration = Duration::from_secs(12);
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

    /// Probes an address that the user gave.
    ///
    /// # Errors
    /// When it can be no new neighbour's, or too many were given.
    pub(super) fn add_neighbour(
        &mut self,
        given: SocketAddr,
        now: Now,
    ) -> Result<Answer, CommandError> {
        let address = somebodys(given).ok_or(CommandError::UnusableAddress { address: given })?;
        if self.is_tracker(&address) {
            return Err(CommandError::OwnTracker { address });
        }
        if self.probes.is_own(&address) {
            return Err(CommandError::OwnAddress { address });
        }
        if self.neighbours.contains(&address) {
            return Err(CommandError::AlreadyNeighbour { address });
        }
        if !self.probes.add_by_hand(address, now.instant) {
            return Err(CommandError::TooManyNeighbours);
        }
        self.arm_probe_timer();
        self.remember_neighbours_soon(now);
        Ok(Answer::NeighbourAdded)
    }

    /// Somebody's word on who is there and who left.
    pub(super) fn take_hints(
        &mut self,
        giver: SocketAddr,
        live: &[SocketAddr],
        left: &[SocketAddr],
        now: Now,
    ) {
        if let Some(neighbour) = self.neighbours.get_mut(&giver) {
            if neighbour.hints_not_before > now.instant {
                return self.tallies.dropped.count(DropReason::UpdateTooSoon);
            }
            neighbour.hints_not_before = now.instant + HINTS_PERIOD;
        }
        if self.neighbours.len() < NEIGHBOURS_WANTED {
            for address in live.iter().filter_map(|address| usable(*address, giver)) {
                if !self.neighbours.contains(&address) && !self.is_tracker(&address) {
                    self.probes.hint(address, giver, now.instant);
                }
            }
            self.arm_probe_timer();
        }
        for address in left {
            // Only a hint: a neighbour that is still there answers. One POKE under way is enough.
            let is_quiet = |neighbour: &Neighbour| neighbour.poked_at.is_none();
            if self.neighbours.get(address).is_some_and(is_quiet) {
                self.poke_now(*address, now);
            }
        }
    }

    /// Makes an address that answered a neighbour; false when there is no room.
    pub(super) fn meet(&mut self, address: SocketAddr, token: Token, now: Now) -> bool {
        let is_wanted = self.probes.token(&address).is_some();
        let room = if is_wanted { NEIGHBOURS_MAX } else { NEIGHBOURS_WANTED };
        if self.neighbours.len() >= room {
            self.tallies.dropped.count(DropReason::NoRoom);
            return false;
        }
        self.neighbours.insert(address, token, now.instant);
        self.probes.became_neighbour(address, now.instant);
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
        neighbour.known = Known::default();
        neighbour.peers_at = now.instant;
        self.timers.set_by(Timer::Gossip, now.instant);
    }

    pub(super) fn part(&mut self, address: SocketAddr, reason: LeaveReason, now: Now) {
        if self.neighbours.remove(&address).is_none() {
            return;
        }
        self.sync_lost_neighbour(address);
        match reason {
            LeaveReason::Left => self.probes.forget(&address, now.instant),
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
        // The others are told with their next heartbeat.
        if self.left.len() >= LEFT_MAX {
            self.left.pop_front();
        }
        self.left.push_back((from, now.instant));
        self.neighbours.iter_mut().for_each(|(_, other)| other.peers_at = now.instant);
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
        self.left.retain(|(_, at)| now.instant < *at + LEFT_TOLD);
        let left = self.left.iter().map(|(address, _)| *address);
        let left: Vec<_> = left
            .filter(|address| *address != to && scope.may_be_told(Scope::of(*address)))
            .filter(|address| !self.neighbours.contains(address))
            .collect();
        let room = PEERS_MAX - left.len();
        let live: Vec<SocketAddr> = known.sample(&mut self.random, room).copied().collect();
        if !live.is_empty() || !left.is_empty() {
            self.send(to, Datagram::UpdatePeers { live, left });
        }
    }
}

/// The address to POKE for a hint, if it makes sense: whoever gives it has to be in a place from where it can
/// be known, and it has to be somebody's.
fn usable(address: SocketAddr, giver: SocketAddr) -> Option<SocketAddr> {
    let address = somebodys(address)?;
    Scope::of(giver).may_be_told(Scope::of(address)).then_some(address)
}

/// The address in its shortest form, if a single peer can have it.
fn somebodys(address: SocketAddr) -> Option<SocketAddr> {
    let ip = address.ip().to_canonical();
    let is_somebody = match ip {
        IpAddr::V4(ip) => !ip.is_broadcast(),
        IpAddr::V6(_) => true,
    };
    let address = SocketAddr::new(ip, address.port());
    let is_usable =
        is_somebody && !ip.is_unspecified() && !ip.is_multicast() && address.port() != 0;
    is_usable.then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_have_to_make_sense() {
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let (here, home, world) =
            (address("127.0.0.1:1"), address("10.0.0.1:1"), address("203.0.113.1:1"));
        assert_eq!(usable(home, here), Some(home));
        assert_eq!(usable(world, home), Some(world));
        assert_eq!(usable(here, home), None);
        assert_eq!(usable(home, world), None);
        assert_eq!(usable(address("[::ffff:10.0.0.1]:1"), home), Some(home));
        for nobody in ["0.0.0.0:1", "255.255.255.255:1", "224.0.0.1:1", "[::]:1", "10.0.0.1:0"] {
            assert_eq!(usable(address(nobody), here), None, "{nobody}");
        }
    }
}
