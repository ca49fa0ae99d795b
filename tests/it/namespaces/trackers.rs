//! Several trackers, of which any may die.

use crate::harness::{PATIENCE, agree, meet_all};

use super::{Internet, World};

const LISTEN: &str = "0.0.0.0:6001";

/// At first some know one of them alone.
#[test]
fn peers_of_two_trackers_meet_and_one_of_these_is_enough_for_a_newcomer() {
    let Some(world) = World::new() else { return };
    let mut internet = Internet::new();
    let places = ["198.51.100.10", "198.51.100.20"];
    let desks = places.map(|place| internet.machine("tracker", place));
    let addresses = places.map(|place| format!("{place}:5000"));
    let [first, second] = &addresses;
    let [dies, lives] =
        [0, 1].map(|number| desks[number].tracker(&addresses[number], &world.ballot()));
    let both = format!("{first},{second}");

    let known = [first, second, &both, &both];
    let machines: Vec<_> =
        (31..35).map(|number| internet.machine("peer", &format!("198.51.100.{number}"))).collect();
    let join = |number: usize| {
        let place = world.place(&format!("peer-{number}"));
        machines[number].peer(&[known[number], LISTEN], &place)
    };
    let mut peers: Vec<_> = (0..3).map(join).collect();
    meet_all(&mut peers, PATIENCE);
    peers[0].vote("Ada");
    agree(&mut peers, 1, PATIENCE);

    drop(dies);
    peers.push(join(3));
    meet_all(&mut peers, PATIENCE);
    peers[3].vote("Grace");
    agree(&mut peers, 2, PATIENCE);
    drop(lives);
}
