//! How addresses become neighbours, and cease to be: probes, hints, meeting, parting, bans.
//!
//! Nobody's word makes a neighbour of an address: it has to answer a POKE.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use protocol::datagram::{Datagram, LEFT_MAX, PEERS_MAX};
use protocol::scope::{self, Scope};
use protocol::token::Token;
use protocol::units::Now;
use rand::Rng;
use rand::seq::IndexedRandom;

use super::neighbours::{NEIGHBOURS_MAX, NEIGHBOURS_WANTED, Neighbour};
use super::probes::ProbePoke;
use super::{Disposition, Membership, Output, Timer};
use crate::command::CommandError;
use crate::dropped::DropReason;
use crate::event::LeaveReason;

/// The interval at which one neighbour is sent a list of peers.
const SHARE_PEERS_PERIOD: Duration = Duration::from_secs(30);
/// One neighbour is told everything anew at most this often: each time costs a list of peers and the whole pool.
const REFRESH_PERIOD: Duration = Duration::from_secs(5);
/// Least time between two lists of peers that one neighbour is listened to for, or of inner addresses by a tracker; a
/// little less than the second that senders keep, since datagrams bunch up.
pub(super) const HINTS_PERIOD: Duration = Duration::from_millis(800);
/// How long others are told that a neighbour left.
const DEPARTED_TOLD: Duration = Duration::from_secs(12);
/// How long a ban lasts.
const BAN: Duration = Duration::from_secs(300);
/// How long after a change the good addresses are handed to the disk, so that several changes are
/// written together.
const REMEMBER_AFTER: Duration = Duration::from_secs(5);
/// How long after a neighbour fell silent its address is tried again.
const RETRY_LOST: Duration = Duration::from_millis(500);

impl Membership {
    pub(super) fn handle_probe_timer(&mut self, now: Now) {
        self.turn_names(now);
        let (neighbours, random) = (&self.neighbours, &mut self.random);
        let enough = neighbours.len() >= NEIGHBOURS_WANTED;
        let pokes = self.probes.due(
            now.instant,
            |address| enough || neighbours.contains(address),
            || random.next_u64(),
        );
        for poke in pokes {
            self.tell_if_silent(&poke);
            self.send_probe(poke);
        }
        self.arm_probe_timer();
    }

    pub(super) fn send_probe(&mut self, poke: ProbePoke) {
        let datagram = Datagram::Poke { nonce: poke.nonce, status: None };
        self.send_with(poke.to, poke.token, datagram);
    }

    pub(super) fn arm_probe_timer(&mut self) {
        let next = self.probes.next_at();
        self.timers.set(Timer::Probe, next);
    }

    /// Probes an address that the user gave.
    ///
    /// # Errors
    /// When the address cannot belong to a new neighbour, or when too many were given.
    pub(crate) fn add_neighbour(
        &mut self,
        given: SocketAddr,
        now: Now,
    ) -> Result<(), CommandError> {
        let address =
            peer_address(given).ok_or(CommandError::UnusableAddress { address: given })?;
        if self.is_tracker(&address) {
            return Err(CommandError::OwnTracker { address });
        }
        if self.probes.is_own(&address) {
            return Err(CommandError::OwnAddress { address });
        }
        if self.neighbours.contains(&address) {
            return Err(CommandError::AlreadyNeighbour { address });
        }
        if !self.probes.add_by_hand(address, true, now.instant) {
            return Err(CommandError::TooManyNeighbours);
        }
        self.arm_probe_timer();
        self.remember_soon(now);
        Ok(())
    }

    /// Handles what somebody says about who is there and who left.
    pub(super) fn handle_hints(
        &mut self,
        giver: SocketAddr,
        live: &[SocketAddr],
        left: &[SocketAddr],
        now: Now,
    ) -> Disposition {
        if let Some(neighbour) = self.neighbours.get_mut(&giver) {
            if neighbour.hints_not_before > now.instant {
                return Disposition::Dropped(DropReason::UpdateTooSoon);
            }
            neighbour.hints_not_before = now.instant + HINTS_PERIOD;
        }
        if let Some(place) = self.trackers.at(&giver) {
            let others = live.iter().filter_map(|address| usable_hint(*address, giver));
            let own = |address: &SocketAddr| {
                self.trackers.sees_us_as(address) || self.probes.is_own(address)
            };
            let others: Vec<_> = others.filter(|address| !own(address)).collect();
            self.note_listed(place, others.into_iter());
        }
        if self.neighbours.len() < NEIGHBOURS_WANTED {
            for address in live.iter().filter_map(|address| usable_hint(*address, giver)) {
                let is_new = !self.neighbours.contains(&address) && !self.is_met_inside(&address);
                if is_new && !self.is_tracker(&address) {
                    self.probes.hint(address, giver, now.instant);
                }
            }
            self.arm_probe_timer();
        }
        for address in left {
            // This is only a hint, so the neighbour is asked by a POKE and stays if it answers. One
            // POKE under way is enough.
            let is_quiet = |neighbour: &Neighbour| !neighbour.clock.is_poked();
            if self.neighbours.get(address).is_some_and(is_quiet) {
                self.poke(*address, now);
            }
        }
        Disposition::Handled
    }

    /// Makes a neighbour of an address that answered.
    ///
    /// # Errors
    /// When there is no room, or its peer is a neighbour already.
    pub(super) fn meet(
        &mut self,
        address: SocketAddr,
        token: Token,
        now: Now,
    ) -> Result<(), DropReason> {
        // An own POKE that comes back late, with a token, would otherwise make this node its own neighbour.
        if self.probes.is_own(&address) {
            return Err(DropReason::NoRoom);
        }
        if self.is_met_inside(&address) {
            return Err(DropReason::MetInside);
        }
        let is_wanted = self.probes.token(&address).is_some();
        let room = if is_wanted { NEIGHBOURS_MAX } else { NEIGHBOURS_WANTED };
        if self.neighbours.len() >= room {
            return Err(DropReason::NoRoom);
        }
        if self.neighbours.len() == 0 {
            self.own_clock.note_company(now.instant);
        }
        self.neighbours.insert(address, token, now.instant);
        self.probes.became_neighbour(address, now.instant);
        // The others are told with their next heartbeat, so at most once a second.
        self.neighbours.iter_mut().for_each(|(_, other)| other.peers_at = now.instant);
        self.arm_heartbeat_timer();
        self.is_welcome = true;
        self.contact.note_answer(&address);
        self.outputs.push_back(Output::Joined { address });
        self.part_from_outer(address, now);
        self.share_peers_if_due(address, now);
        self.remember_soon(now);
        Ok(())
    }

    /// Tells a neighbour anew what a new one is told, since it may have lost what it knew, as after a restart. When it
    /// was refreshed a short time ago, this is put off until a later heartbeat.
    pub(super) fn refresh(&mut self, address: SocketAddr, now: Now) {
        let Some(neighbour) = self.neighbours.get_mut(&address) else { return };
        neighbour.refresh_wanted = neighbour.refresh_not_before > now.instant;
        if neighbour.refresh_wanted {
            return;
        }
        neighbour.refresh_not_before = now.instant + REFRESH_PERIOD;
        neighbour.peers_at = now.instant;
        neighbour.introduction.tell_anew(now.instant);
        self.outputs.push_back(Output::Refreshed { address });
    }

    pub(super) fn part(&mut self, address: SocketAddr, reason: LeaveReason, now: Now) {
        let Some(neighbour) = self.neighbours.remove(&address) else { return };
        let name = neighbour.name().cloned();
        match reason {
            LeaveReason::Left | LeaveReason::MetInside(_) => {
                self.probes.forget(&address, now.instant);
            }
            LeaveReason::Missed(_) => self.probes.remember(address, now.instant + RETRY_LOST),
            LeaveReason::Banned(duration) => self.probes.ban(address, now.instant + duration),
        }
        self.arm_probe_timer();
        self.arm_heartbeat_timer();
        self.remember_soon(now);
        self.outputs.push_back(Output::Left { address, name, reason });
    }

    pub(super) fn ban(&mut self, address: SocketAddr, now: Now) {
        self.part(address, LeaveReason::Banned(BAN), now);
    }

    pub(super) fn handle_leave_peer(&mut self, from: SocketAddr, now: Now) {
        self.send(from, Datagram::LeaveAck);
        self.part(from, LeaveReason::Left, now);
        // The others are told with their next heartbeat.
        if self.departed.len() >= LEFT_MAX {
            self.departed.pop_front();
        }
        self.departed.push_back((from, now.instant));
        self.neighbours.iter_mut().for_each(|(_, other)| other.peers_at = now.instant);
    }

    /// Reports the good addresses if they have changed.
    pub(super) fn tell_good_addresses(&mut self) {
        let good = self.probes.good().filter(|address| !scope::is_link_local(*address));
        let good: Vec<_> = good.collect();
        if good != self.remembered {
            self.remembered.clone_from(&good);
            self.outputs.push_back(Output::Remember(good));
        }
    }

    fn remember_soon(&mut self, now: Now) {
        self.timers.set_by(Timer::Remember, now.instant + REMEMBER_AFTER);
    }

    /// Tells a neighbour about other peers when it is time to do so.
    pub(super) fn share_peers_if_due(&mut self, to: SocketAddr, now: Now) {
        let Some(neighbour) = self.neighbours.get_mut(&to) else { return };
        if neighbour.peers_at > now.instant {
            return;
        }
        neighbour.peers_at = now.instant + SHARE_PEERS_PERIOD;
        let scope = Scope::of(to);
        // Whoever is seen on one IP version may have no other.
        let is_of_use = |address: &SocketAddr| *address != to && address.is_ipv4() == to.is_ipv4();
        let known: Vec<SocketAddr> = self
            .neighbours
            .iter()
            .map(|(address, _)| *address)
            .filter(|address| is_of_use(address) && scope.may_be_told(Scope::of(*address)))
            .filter(|address| !scope::is_link_local(*address))
            .collect();
        self.departed.retain(|(_, at)| now.instant < *at + DEPARTED_TOLD);
        let left = self.departed.iter().map(|(address, _)| *address);
        let left: Vec<_> = left
            .filter(|address| is_of_use(address) && scope.may_be_told(Scope::of(*address)))
            .filter(|address| !self.neighbours.contains(address))
            .filter(|address| !scope::is_link_local(*address))
            .collect();
        let room = PEERS_MAX - left.len();
        let live: Vec<SocketAddr> = known.sample(&mut self.random, room).copied().collect();
        if !live.is_empty() || !left.is_empty() {
            self.send(to, Datagram::UpdatePeers { live, left });
        }
    }
}

/// The address to POKE because of a hint, if the hint makes sense: its giver must be where the
/// address can be known, and the address must be one that a single peer can have.
fn usable_hint(address: SocketAddr, giver: SocketAddr) -> Option<SocketAddr> {
    let address = peer_address(address)?;
    if scope::is_link_local(address) {
        return None;
    }
    Scope::of(giver).may_be_told(Scope::of(address)).then_some(address)
}

/// The address in its shortest form, if a single peer can have it.
pub(super) fn peer_address(address: SocketAddr) -> Option<SocketAddr> {
    let ip = address.ip().to_canonical();
    let is_somebody = match ip {
        IpAddr::V4(ip) => !ip.is_broadcast(),
        IpAddr::V6(_) => true,
    };
    // A link-local address leads nowhere without its link.
    let address = match (address, ip) {
        (SocketAddr::V6(given), IpAddr::V6(ip)) if scope::is_link_local(address) => {
            let link = Some(given.scope_id()).filter(|link| *link != 0)?;
            SocketAddr::V6(SocketAddrV6::new(ip, given.port(), 0, link))
        }
        _ => SocketAddr::new(ip, address.port()),
    };
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
        assert_eq!(usable_hint(home, here), Some(home));
        assert_eq!(usable_hint(world, home), Some(world));
        assert_eq!(usable_hint(here, home), None);
        assert_eq!(usable_hint(home, world), None);
        assert_eq!(usable_hint(address("[::ffff:10.0.0.1]:1"), home), Some(home));
        let on_link = address("[fe80::1%3]:1");
        assert_eq!(usable_hint(on_link, on_link), None, "it means nothing on another link");
        assert_eq!(peer_address(on_link), Some(on_link));
        assert_eq!(peer_address(address("[fe80::1]:1")), None, "which link is it on?");
        for nobody in ["0.0.0.0:1", "255.255.255.255:1", "224.0.0.1:1", "[::]:1", "10.0.0.1:0"] {
            assert_eq!(usable_hint(address(nobody), here), None, "{nobody}");
        }
    }
}
