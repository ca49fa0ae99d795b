//! Announcements on the local network, by which peers meet without a tracker. An announcement says nothing but that
//! there may be a peer of this election; it must never do more than have that address probed, as any hint.

use std::net::SocketAddr;
use std::time::Duration;

use protocol::datagram::{Datagram, ElectionPrefix, Envelope};
use protocol::token::Token;
use protocol::units::Now;
use rand::RngExt;

use super::meet::peer_address;
use super::neighbours::NEIGHBOURS_WANTED;
use super::{Membership, Output, Timer};
use crate::dropped::DropReason;
use crate::own_addresses::{INTERFACES_MAX, OwnAddresses};

/// The pause after the first announcement. It doubles with each, up to the longest: a peer that starts is heard at
/// once, and one that others did not hear is heard soon.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// By how much a pause differs at random, so that peers that were started together don't speak together.
const JITTER: f64 = 0.2;

impl Membership {
    /// The machine's addresses are these from now on. When they change, others are told anew.
    pub(crate) fn set_own_addresses(&mut self, mut own: OwnAddresses, now: Now) {
        own.interfaces.truncate(INTERFACES_MAX);
        if self.inner.own == own || self.leaving.is_some() {
            return;
        }
        self.announce_pause = PAUSE_FIRST;
        self.timers.set(Timer::Announce, own.announces.then_some(now.instant));
        self.inner.own = own;
        // Somebody else may have the addresses now that were this machine's.
        self.probes.forget_own();
        for tracker in self.trackers.iter_mut() {
            tracker.inner_named_until = None;
        }
    }

    pub(super) fn handle_announce_timer(&mut self, now: Now) {
        let envelope = Envelope {
            election: self.prefix,
            receiver_token: Token::NONE,
            sender_token: Token::NONE,
            datagram: Datagram::Announce { port: self.inner.own.port },
        };
        if self.lets_through(&envelope.datagram) {
            self.outputs.push_back(Output::Announce { envelope });
        }
        let jitter = self.random.random_range(1.0 - JITTER..1.0 + JITTER);
        self.timers.set(Timer::Announce, Some(now.instant + self.announce_pause.mul_f64(jitter)));
        self.announce_pause = (self.announce_pause * 2).min(PAUSE_MAX);
    }

    /// Handles what arrived at the multicast group.
    ///
    /// # Errors
    /// The reason why it is of no use.
    pub(crate) fn handle_announcement(
        &mut self,
        from: SocketAddr,
        envelope: &Envelope,
        now: Now,
    ) -> Result<(), DropReason> {
        let Datagram::Announce { port } = envelope.datagram else {
            return Err(DropReason::NoAnnouncement);
        };
        if envelope.election != self.prefix || envelope.election == ElectionPrefix::UNKNOWN {
            return Err(DropReason::OtherAnnouncement);
        }
        if !self.inner.own.is_on_link(from) {
            return Err(DropReason::AnnouncementFromAfar);
        }
        if self.is_partitioned {
            return Err(DropReason::Partitioned);
        }
        let mut address = from;
        address.set_port(port);
        let address = peer_address(address).ok_or(DropReason::AnnouncementFromAfar)?;
        let is_of_use = !self.inner.own.is_own(address)
            && self.leaving.is_none()
            && self.neighbours.len() < NEIGHBOURS_WANTED
            && !self.neighbours.contains(&address)
            && !self.is_tracker(&address);
        if is_of_use && self.probes.announced(address, now.instant)? {
            self.arm_probe_timer();
        }
        Ok(())
    }
}
