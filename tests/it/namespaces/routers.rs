//! Peers that no stranger can reach, because routers stand before them.

use crate::harness::{PATIENCE, agree, meet_all};

use super::{Switch, World, home_router};

/// Both homes have the same addresses inside, as most homes have.
#[test]
fn peers_behind_two_routers_that_drop_strangers_meet() {
    let Some(world) = World::new() else { return };
    let mut internet = Switch::new();
    let outside = internet.machine("tracker", "198.51.100.10/24");
    let (mut here, mut there) = (Switch::new(), Switch::new());
    let _routers = [
        home_router(&mut internet, "198.51.100.21/24", &mut here, "192.168.1.1/24"),
        home_router(&mut internet, "198.51.100.22/24", &mut there, "192.168.1.1/24"),
    ];
    let machines = [&mut here, &mut there]
        .map(|home| home.machine_behind("192.168.1.1", "peer", "192.168.1.5/24"));
    let tracker = "198.51.100.10:5000";
    let _tracker = outside.tracker(tracker, &world.ballot());
    let mut peers: Vec<_> = (machines.iter().zip(["here", "there"]))
        .map(|(machine, name)| machine.peer(&[tracker, "0.0.0.0:6001"], &world.place(name)))
        .collect();
    meet_all(&mut peers, PATIENCE);
    peers[0].vote("Ada");
    agree(&mut peers, 1, PATIENCE);
    let known = peers[1].ask("peers");
    assert_eq!(known["peers"][0]["address"], "198.51.100.21:6001", "{known}");
}

/// The tracker sees both at one address, at which they can't reach each other, and they announce nothing themselves.
#[test]
fn peers_behind_one_router_whose_tracker_is_outside_meet() {
    let Some(world) = World::new() else { return };
    let (mut internet, mut home) = (Switch::new(), Switch::new());
    let outside = internet.machine("tracker", "198.51.100.10/24");
    let third = internet.machine("peer", "198.51.100.11/24");
    let _router = home_router(&mut internet, "198.51.100.21/24", &mut home, "192.168.7.1/24");
    let [one, other] = ["192.168.7.2/24", "192.168.7.3/24"]
        .map(|address| home.machine_behind("192.168.7.1", "peer", address));
    let tracker = "198.51.100.10:5000";
    let _tracker = outside.tracker(tracker, &world.ballot());
    let mut peers: Vec<_> = [(&one, "one"), (&other, "other"), (&third, "third")]
        .into_iter()
        .map(|(machine, name)| {
            let arguments = [tracker, "0.0.0.0:6001", "--multicast", "off"];
            machine.peer(&arguments, &world.place(name))
        })
        .collect();
    // The one outside meets both as well.
    meet_all(&mut peers, PATIENCE);
    for (peer, choice) in peers.iter_mut().zip(["Ada", "Grace", "Hedy"]) {
        peer.vote(choice);
    }
    agree(&mut peers, 3, PATIENCE);
}
