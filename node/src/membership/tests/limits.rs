//! The bounds on addresses and neighbours, each at its limit and one past it.

use super::super::neighbours::{FAULTS_MAX, NEIGHBOURS_MAX, NEIGHBOURS_WANTED};
use super::super::probes::{
    BANS_MAX, GOOD_MAX, HINT_ATTEMPTS_MAX, HINTS_MAX, HINTS_PER_GIVER_MAX, OWN_MAX,
};
use super::*;
use crate::config::NEIGHBOURS_BY_HAND_MAX;
use crate::tests::bounded::{Bound, Bounded, GivesWay};
use protocol::datagram::LEFT_MAX;

/// What one membership keeps of the addresses with these numbers.
struct Addresses {
    membership: Membership,
    now: Now,
    offer: fn(&mut Membership, usize, Now),
    keeps: fn(&Membership, usize, Now) -> bool,
    end: Option<fn(&mut Membership, usize, Now)>,
}

impl Bounded for Addresses {
    fn offer(&mut self, number: usize) {
        (self.offer)(&mut self.membership, number, self.now);
    }

    fn keeps(&self, number: usize) -> bool {
        (self.keeps)(&self.membership, number, self.now)
    }

    fn end(&mut self, number: usize) -> bool {
        if let Some(end) = self.end {
            end(&mut self.membership, number, self.now);
        }
        self.end.is_some()
    }
}

fn addresses(
    offer: fn(&mut Membership, usize, Now),
    keeps: fn(&Membership, usize, Now) -> bool,
    end: Option<fn(&mut Membership, usize, Now)>,
) -> Box<dyn Bounded> {
    let mut world = World::new();
    world.add(1, None, &[]);
    let now = world.time();
    let membership = world.peers.remove(&address(1)).expect("it was added");
    Box::new(Addresses { membership, now, offer, keeps, end })
}

fn numbered(number: usize) -> SocketAddr {
    address(1_000 + u16::try_from(number).expect("few addresses"))
}

/// Makes a neighbour of an address that this peer looked for.
fn meet_wanted(membership: &mut Membership, number: usize, now: Now) {
    membership.probes.remember(numbered(number), now.instant);
    let _ = membership.meet(numbered(number), Token([1; 8]), now);
}

fn part(membership: &mut Membership, number: usize, now: Now) {
    membership.part(numbered(number), LeaveReason::Left, now);
}

fn is_probed(membership: &Membership, number: usize, _: Now) -> bool {
    membership.is_probed(&numbered(number))
}

fn is_neighbour(membership: &Membership, number: usize, _: Now) -> bool {
    membership.is_neighbour(&numbered(number))
}

fn forget(membership: &mut Membership, number: usize, now: Now) {
    membership.probes.forget(&numbered(number), now.instant);
}

const BOUNDS: [Bound; 9] = [
    Bound {
        name: "NEIGHBOURS_MAX",
        max: NEIGHBOURS_MAX,
        gives_way: GivesWay::Newcomer,
        fresh: || addresses(meet_wanted, is_neighbour, Some(part)),
    },
    Bound {
        name: "NEIGHBOURS_WANTED",
        max: NEIGHBOURS_WANTED,
        gives_way: GivesWay::Newcomer,
        fresh: || {
            let meet = |membership: &mut Membership, number: usize, now: Now| {
                let _ = membership.meet(numbered(number), Token([1; 8]), now);
            };
            addresses(meet, is_neighbour, Some(part))
        },
    },
    Bound {
        name: "HINTS_MAX",
        max: HINTS_MAX,
        gives_way: GivesWay::Newcomer,
        fresh: || {
            let hint = |membership: &mut Membership, number: usize, now: Now| {
                let giver = address(u16::try_from(2 + number / 10).expect("few givers"));
                membership.probes.hint(numbered(number), giver, now.instant);
            };
            addresses(hint, is_probed, Some(forget))
        },
    },
    Bound {
        name: "HINTS_PER_GIVER_MAX",
        max: HINTS_PER_GIVER_MAX,
        gives_way: GivesWay::Newcomer,
        fresh: || {
            let hint = |membership: &mut Membership, number: usize, now: Now| {
                membership.probes.hint(numbered(number), address(2), now.instant);
            };
            addresses(hint, is_probed, Some(forget))
        },
    },
    Bound {
        name: "GOOD_MAX",
        max: GOOD_MAX,
        gives_way: GivesWay::This(7),
        fresh: || {
            let remember = |membership: &mut Membership, number: usize, now: Now| {
                // Number 7 alone is tried, in vain.
                let wait = Duration::from_secs(if number == 7 { 0 } else { 60 });
                membership.probes.remember(numbered(number), now.instant + wait);
                membership.probes.due(now.instant, |_| false, || 1);
            };
            addresses(remember, is_probed, Some(forget))
        },
    },
    Bound {
        name: "BANS_MAX",
        max: BANS_MAX,
        gives_way: GivesWay::This(7),
        fresh: || {
            let ban = |membership: &mut Membership, number: usize, now: Now| {
                // The ban of number 7 ends first.
                let span = if number == 7 { 1 } else { 10_000 - number as u64 };
                membership.probes.ban(numbered(number), now.instant + Duration::from_secs(span));
            };
            let is_banned = |membership: &Membership, number: usize, now: Now| {
                membership.probes.is_banned(&numbered(number), now.instant)
            };
            let lift = |membership: &mut Membership, number: usize, now: Now| {
                membership.probes.add_by_hand(numbered(number), true, now.instant);
            };
            addresses(ban, is_banned, Some(lift))
        },
    },
    Bound {
        name: "LEFT_MAX",
        max: LEFT_MAX,
        gives_way: GivesWay::Oldest,
        fresh: || {
            let leave = |membership: &mut Membership, number: usize, now: Now| {
                meet_wanted(membership, number, now);
                membership.handle_leave_peer(numbered(number), now);
            };
            let is_told = |membership: &Membership, number: usize, _: Now| {
                membership.departed.iter().any(|(address, _)| *address == numbered(number))
            };
            addresses(leave, is_told, None)
        },
    },
    Bound {
        name: "OWN_MAX",
        max: OWN_MAX,
        gives_way: GivesWay::Newcomer,
        fresh: || {
            let note = |membership: &mut Membership, number: usize, _: Now| {
                membership.probes.note_own(numbered(number));
            };
            let is_own = |membership: &Membership, number: usize, _: Now| {
                membership.probes.is_own(&numbered(number))
            };
            addresses(note, is_own, None)
        },
    },
    Bound {
        name: "NEIGHBOURS_BY_HAND_MAX",
        max: NEIGHBOURS_BY_HAND_MAX,
        gives_way: GivesWay::Newcomer,
        fresh: || {
            let give = |membership: &mut Membership, number: usize, now: Now| {
                let room = membership.add_neighbour(numbered(number), now);
                assert!(matches!(room, Ok(()) | Err(CommandError::TooManyNeighbours)), "{room:?}");
            };
            addresses(give, is_probed, None)
        },
    },
];

#[test]
fn addresses_and_neighbours_are_bounded() {
    BOUNDS.iter().for_each(Bound::check);
}

#[test]
fn a_hinted_address_is_poked_five_times() {
    let (hinted, giver) = (address(900), address(2));
    let mut probes = Probes::default();
    let start = World::new().now;
    assert!(probes.hint(hinted, giver, start));
    let poked: Vec<_> = (0..600)
        .flat_map(|second| probes.due(start + Duration::from_secs(second), |_| false, || second))
        .collect();
    assert_eq!(poked.len(), usize::from(HINT_ATTEMPTS_MAX));
    assert!(probes.token(&hinted).is_none());
}

#[test]
fn a_neighbour_may_have_16_faults_and_one_is_forgiven_every_two_seconds() {
    let mut world = World::new();
    world.add(1, None, &[]);
    let mut now = world.time();
    let membership = world.peer(1);
    let _ = membership.meet(address(2), Token([1; 8]), now);
    for _ in 0..FAULTS_MAX {
        membership.record_fault(address(2), "a lie".into(), now);
    }
    assert!(membership.is_neighbour(&address(2)));
    now.instant += Duration::from_secs(2);
    membership.record_fault(address(2), "a lie".into(), now);
    assert!(membership.is_neighbour(&address(2)));
    membership.record_fault(address(2), "a lie".into(), now);
    assert!(!membership.is_neighbour(&address(2)));
}
