//! Addresses that are not neighbours yet, and when each of them is sent a POKE.
//!
//! Whatever anyone says about an address is only a hint. The address is sent a few POKEs of at most
//! 64 bytes, which count against the budget of whoever gave the hint, and is forgotten unless it
//! answers. Addresses that answered once, or that were given by hand, are tried for as long as the
//! node runs, at growing intervals.

mod announced;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::token::Token;

use crate::config::NEIGHBOURS_BY_HAND_MAX;
pub(super) use announced::ANNOUNCED_MAX;

/// The most POKEs to a hinted address, so that one hint can make us send at most five times 64
/// bytes.
pub(super) const HINT_ATTEMPTS_MAX: u8 = 5;
/// The most hints under way per giver, so that a tracker's list of 50 fits, beside its 16 inner addresses.
pub(super) const HINTS_PER_GIVER_MAX: usize = 66;
/// The most hints under way altogether, but for announced addresses.
pub(super) const HINTS_MAX: usize = 512;
/// The most good addresses that are remembered.
pub(super) const GOOD_MAX: usize = 256;
/// The most addresses that are banned at one time. If there are more, the ban that ends first is
/// lifted early.
pub(super) const BANS_MAX: usize = 256;
/// The most addresses that are known to be our own. There is one per network interface, so this is
/// ample.
pub(super) const OWN_MAX: usize = 16;
/// The wait before the second POKE. It doubles with every further one.
const WAIT_FIRST: Duration = Duration::from_millis(500);
/// The longest wait between POKEs to an address that answered in this run or was given by hand.
/// After a partition heals, the network is whole again within this time.
const WAIT_MAX: Duration = Duration::from_secs(8);
/// The longest wait between POKEs to an address that did not answer in this run.
const WAIT_UNANSWERED_MAX: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Probe {
    /// The token that the address issued to us, once it has sent a RETRY.
    token: Token,
    nonce: u64,
    attempts: u8,
    next_at: Instant,
    wait: Duration,
    /// Whether a RETRY may make us send a POKE at once, which is allowed once per attempt.
    may_retry: bool,
    /// Whether the address answered in this run.
    answered: bool,
    /// The place in the order in which addresses were last found to be good.
    good_since: u64,
    origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Hint {
        giver: SocketAddr,
    },
    /// The address was announced on the local network, by whomever.
    Announced,
    /// The address answered before.
    Good,
    /// The address was given by hand and is never forgotten, or, if it was not given plainly, as long as a name that
    /// was given stands for it.
    ByHand {
        is_plain: bool,
    },
}

impl Probe {
    /// Whether the address is tried for as long as the node runs.
    fn is_kept(&self) -> bool {
        matches!(self.origin, Origin::Good | Origin::ByHand { .. })
    }

    fn is_by_hand(&self) -> bool {
        matches!(self.origin, Origin::ByHand { .. })
    }
}

/// One POKE that has to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProbePoke {
    pub(super) to: SocketAddr,
    pub(super) token: Token,
    pub(super) nonce: u64,
    /// The number of POKEs to the address before this one that were not answered.
    pub(super) unanswered: u8,
}

#[derive(Debug, Default)]
pub(super) struct Probes {
    by_address: BTreeMap<SocketAddr, Probe>,
    own: Vec<SocketAddr>,
    bans: BTreeMap<SocketAddr, Instant>,
    /// How many times an address was found to be good.
    remembered: u64,
}

impl Probes {
    /// Checks that no table exceeds its bound.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        let mut hints = BTreeMap::<_, usize>::new();
        let (mut announced, mut good, mut by_hand) = (0, 0, 0);
        for (address, probe) in &self.by_address {
            assert!(!self.is_own(address), "this node probes itself");
            match probe.origin {
                Origin::Hint { giver } => {
                    *hints.entry(giver).or_default() += 1;
                    assert!(probe.attempts <= HINT_ATTEMPTS_MAX, "{} POKEs", probe.attempts);
                }
                Origin::Announced => announced += 1,
                Origin::Good => good += 1,
                Origin::ByHand { .. } => by_hand += 1,
            }
        }
        assert!(hints.values().all(|given| *given <= HINTS_PER_GIVER_MAX), "hints of one giver");
        assert!(hints.values().sum::<usize>() <= HINTS_MAX, "hints");
        assert!(announced <= ANNOUNCED_MAX, "{announced} announced addresses");
        assert!(good <= GOOD_MAX && by_hand <= NEIGHBOURS_BY_HAND_MAX, "lasting addresses");
        assert!(self.bans.len() <= BANS_MAX && self.own.len() <= OWN_MAX, "banned and own ones");
    }

    /// Follows a hint that a peer is at an address. Returns false if the hint was not new, or was
    /// one too many.
    pub(super) fn hint(&mut self, address: SocketAddr, giver: SocketAddr, now: Instant) -> bool {
        let is_hint = |probe: &&Probe| matches!(probe.origin, Origin::Hint { .. });
        let by_giver = |probe: &&Probe| probe.origin == Origin::Hint { giver };
        // An announced one gives way to other announcements, and a hint does not.
        let known = self.by_address.get(&address);
        if known.is_some_and(|probe| probe.origin != Origin::Announced)
            || self.own.contains(&address)
            || self.is_banned(&address, now)
            || self.by_address.values().filter(is_hint).count() >= HINTS_MAX
            || self.by_address.values().filter(by_giver).count() >= HINTS_PER_GIVER_MAX
        {
            return false;
        }
        match self.by_address.get_mut(&address) {
            Some(probe) => probe.origin = Origin::Hint { giver },
            None => self.add(address, Origin::Hint { giver }, now),
        }
        true
    }

    /// Tries an address for as long as the node runs, and at once even if it was tried in vain
    /// before or is banned. `is_plain` says that it was given itself, and not a name that stands for it. Returns false
    /// if it is one more than [`NEIGHBOURS_BY_HAND_MAX`].
    pub(super) fn add_by_hand(
        &mut self,
        address: SocketAddr,
        is_plain: bool,
        now: Instant,
    ) -> bool {
        if self.by_hand().filter(|other| *other != address).count() >= NEIGHBOURS_BY_HAND_MAX {
            return false;
        }
        self.bans.remove(&address);
        match self.by_address.get_mut(&address) {
            Some(probe) => {
                let was_plain = probe.origin == Origin::ByHand { is_plain: true };
                probe.origin = Origin::ByHand { is_plain: is_plain || was_plain };
                probe.wait = WAIT_FIRST;
                probe.next_at = now;
            }
            None => self.add(address, Origin::ByHand { is_plain }, now),
        }
        true
    }

    /// Tries another address of a name, and at once. The one before is forgotten unless it was given plainly, or is
    /// shared with another name.
    pub(super) fn move_by_hand(
        &mut self,
        before: Option<SocketAddr>,
        is_shared: bool,
        next: SocketAddr,
        now: Instant,
    ) {
        let old = before.and_then(|before| Some((before, self.by_address.get(&before)?)));
        let old = old.filter(|(_, probe)| probe.is_by_hand());
        let effort = old.map(|(_, probe)| (probe.attempts, probe.wait));
        let is_over = |probe: &Probe| probe.origin == Origin::ByHand { is_plain: false };
        if let Some((before, _)) = old.filter(|(_, probe)| !is_shared && is_over(probe)) {
            self.by_address.remove(&before);
        }
        // Whom somebody else stands for is tried already.
        let is_tried = self.is_by_hand(&next);
        if is_tried || self.own.contains(&next) || !self.add_by_hand(next, false, now) {
            return;
        }
        if let (Some(effort), Some(probe)) = (effort, self.by_address.get_mut(&next)) {
            (probe.attempts, probe.wait) = effort;
        }
    }

    /// Whether POKEs go to an address.
    pub(super) fn is_tried(&self, address: &SocketAddr, now: Instant) -> bool {
        self.by_address.contains_key(address) && !self.is_banned(address, now)
    }

    /// Whether an address is due to be tried once more, which did not answer before.
    pub(super) fn is_tried_again(&self, address: &SocketAddr, now: Instant) -> bool {
        let probe = self.by_address.get(address);
        probe.is_some_and(|probe| probe.attempts > 0 && probe.next_at <= now)
    }

    /// Tries all lasting addresses at once, as if none of them had been tried in vain.
    pub(super) fn retry_all_now(&mut self, now: Instant) {
        for probe in self.by_address.values_mut().filter(|probe| probe.is_kept()) {
            probe.wait = WAIT_FIRST;
            probe.next_at = now;
        }
    }

    /// Whether the address is our own, because one of our POKEs came back from there.
    pub(super) fn is_own(&self, address: &SocketAddr) -> bool {
        self.own.contains(address)
    }

    /// Remembers an address that answered before. It is tried from `next_at` on.
    pub(super) fn remember(&mut self, address: SocketAddr, next_at: Instant) {
        if self.own.contains(&address) {
            return;
        }
        match self.by_address.get_mut(&address) {
            Some(probe) => {
                if !probe.is_kept() {
                    probe.origin = Origin::Good;
                }
                probe.attempts = 0;
                probe.wait = WAIT_FIRST;
                probe.next_at = probe.next_at.min(next_at);
            }
            None => self.add(address, Origin::Good, next_at),
        }
        self.remembered += 1;
        if let Some(probe) = self.by_address.get_mut(&address) {
            probe.good_since = self.remembered;
        }
        while self.by_address.values().filter(|probe| probe.origin == Origin::Good).count()
            > GOOD_MAX
        {
            // The good address that was tried most often without an answer, or the oldest of several.
            let good = self.by_address.iter().filter(|(_, probe)| probe.origin == Origin::Good);
            let worst =
                good.max_by_key(|(_, probe)| (probe.attempts, std::cmp::Reverse(probe.good_since)));
            let Some((worst, _)) = worst else { return };
            let worst = *worst;
            self.by_address.remove(&worst);
        }
    }

    /// The addresses that answered before, or that were given by hand.
    pub(super) fn good(&self) -> impl Iterator<Item = SocketAddr> {
        let good = self.by_address.iter().filter(|(_, probe)| probe.is_kept());
        good.map(|(address, _)| *address)
    }

    /// The addresses that were given by hand.
    pub(super) fn by_hand(&self) -> impl Iterator<Item = SocketAddr> {
        let by_hand = self.by_address.iter().filter(|(_, probe)| probe.is_by_hand());
        by_hand.map(|(address, _)| *address)
    }

    /// Whether an address was given by hand.
    pub(super) fn is_by_hand(&self, address: &SocketAddr) -> bool {
        self.by_address.get(address).is_some_and(Probe::is_by_hand)
    }

    /// Handles the announcement of the peer at an address that it leaves. An address that was given
    /// by hand is tried again nevertheless.
    pub(super) fn forget(&mut self, address: &SocketAddr, now: Instant) {
        match self.by_address.get_mut(address) {
            Some(probe) if probe.is_by_hand() => probe.next_at = now + WAIT_MAX,
            Some(_) | None => {
                self.by_address.remove(address);
            }
        }
    }

    /// Ends the hint, if there was one, because its address has become a neighbour.
    pub(super) fn became_neighbour(&mut self, address: SocketAddr, now: Instant) {
        self.remember(address, now + WAIT_MAX);
        if let Some(probe) = self.by_address.get_mut(&address) {
            probe.answered = true;
        }
    }

    /// Notes that an address is our own, so that nothing is sent there.
    pub(super) fn note_own(&mut self, address: SocketAddr) {
        self.by_address.remove(&address);
        if !self.own.contains(&address) && self.own.len() < OWN_MAX {
            self.own.push(address);
        }
    }

    /// Forgets which addresses were found to be this node's own. If they still are, one POKE each shows it.
    pub(super) fn forget_own(&mut self) {
        self.own.clear();
    }

    pub(super) fn ban(&mut self, address: SocketAddr, until: Instant) {
        match self.by_address.get_mut(&address) {
            Some(probe) if probe.is_by_hand() => probe.next_at = until,
            Some(_) | None => {
                self.by_address.remove(&address);
            }
        }
        self.bans.insert(address, until);
        if self.bans.len() > BANS_MAX
            && let Some(first) = self.bans.iter().min_by_key(|(_, until)| **until)
        {
            let first = *first.0;
            self.bans.remove(&first);
        }
    }

    pub(super) fn is_banned(&self, address: &SocketAddr, now: Instant) -> bool {
        self.bans.get(address).is_some_and(|until| *until > now)
    }

    /// Whether a POKE with this nonce was sent to this address.
    pub(super) fn matches(&self, address: &SocketAddr, nonce: u64) -> bool {
        self.by_address.get(address).is_some_and(|probe| probe.nonce == nonce && probe.attempts > 0)
    }

    /// The token that an address issued to us, if it is being tried.
    pub(super) fn token(&self, address: &SocketAddr) -> Option<Token> {
        self.by_address.get(address).map(|probe| probe.token)
    }

    /// Handles a RETRY: a POKE is sent again at once with the token, unless that was already done
    /// for this attempt.
    pub(super) fn retry(&mut self, address: SocketAddr, token: Token) -> Option<ProbePoke> {
        let probe = self.by_address.get_mut(&address)?;
        probe.token = token;
        if probe.attempts == 0 || !std::mem::take(&mut probe.may_retry) {
            return None;
        }
        let unanswered = probe.attempts - 1;
        Some(ProbePoke { to: address, token, nonce: probe.nonce, unanswered })
    }

    /// The POKEs that are due. `is_neighbour` tells which addresses need none at the moment.
    pub(super) fn due(
        &mut self,
        now: Instant,
        is_neighbour: impl Fn(&SocketAddr) -> bool,
        mut nonce: impl FnMut() -> u64,
    ) -> Vec<ProbePoke> {
        let mut pokes = Vec::new();
        self.by_address.retain(|address, probe| {
            let is_hint = !probe.is_kept();
            if is_neighbour(address) {
                probe.next_at = now + WAIT_MAX;
                return !is_hint;
            }
            if probe.next_at > now {
                return true;
            }
            if is_hint && probe.attempts >= HINT_ATTEMPTS_MAX {
                return false;
            }
            let unanswered = probe.attempts;
            probe.attempts = probe.attempts.saturating_add(1);
            probe.nonce = nonce();
            probe.may_retry = true;
            probe.next_at = now + probe.wait;
            let is_likely = probe.answered || probe.is_by_hand();
            let wait_max = if is_likely { WAIT_MAX } else { WAIT_UNANSWERED_MAX };
            probe.wait = (probe.wait * 2).min(wait_max);
            let (token, nonce) = (probe.token, probe.nonce);
            pokes.push(ProbePoke { to: *address, token, nonce, unanswered });
            true
        });
        pokes
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        self.by_address.values().map(|probe| probe.next_at).min()
    }

    fn add(&mut self, address: SocketAddr, origin: Origin, next_at: Instant) {
        let probe = Probe {
            token: Token::NONE,
            nonce: 0,
            attempts: 0,
            next_at,
            wait: WAIT_FIRST,
            may_retry: false,
            answered: false,
            good_since: 0,
            origin,
        };
        self.by_address.insert(address, probe);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the order of addresses, whoever has high ones would push out everybody else.
    #[test]
    fn of_equally_good_addresses_the_oldest_gives_way() {
        #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
        let now = Instant::now();
        let address = |number: usize| {
            SocketAddr::from(([10, 0, 0, 1], u16::try_from(number).expect("a port")))
        };
        let mut probes = Probes::default();
        // The highest address is the oldest one, and the newest one after it is the lowest.
        (1..=GOOD_MAX).rev().for_each(|number| probes.remember(address(number + 1), now));
        probes.remember(address(GOOD_MAX + 1), now);
        probes.remember(address(1), now);
        let good: Vec<_> = probes.good().collect();
        assert_eq!(good.len(), GOOD_MAX);
        assert!(good.contains(&address(1)) && good.contains(&address(GOOD_MAX + 1)));
        assert!(!good.contains(&address(GOOD_MAX)), "it was found to be good before all others");
    }
}
