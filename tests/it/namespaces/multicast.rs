//! Peers of one local network who meet by multicast alone: without a tracker, and told of nobody.

use std::time::Duration;

use crate::harness::{PATIENCE, Peer, agree, meet_all};

use super::{Machine, Switch, World};

/// Two seconds are promised; these machines share few processors with other tests.
const SOON: Duration = Duration::from_secs(8);

fn start(world: &World, machine: &Machine, name: &str, arguments: &[&str]) -> Peer {
    let ballot = world.ballot();
    let ballot = ["--ballot", ballot.to_str().expect("UTF-8")];
    machine.peer(&[arguments, &ballot].concat(), &world.place(name))
}

#[test]
fn peers_of_one_network_meet_without_a_tracker_unless_they_are_told_not_to() {
    let Some(world) = World::new() else { return };
    let mut hall = Switch::new();
    let machines: Vec<_> =
        (10..14).map(|number| hall.machine("peer", &format!("192.168.1.{number}/24"))).collect();
    let listen = "0.0.0.0:6001";
    let mut silent = start(&world, &machines[0], "silent", &[listen, "--multicast", "off"]);
    let mut peers: Vec<_> = (1..4)
        .map(|number| start(&world, &machines[number], &format!("peer-{number}"), &[listen]))
        .collect();
    meet_all(&mut peers, SOON);
    peers[0].vote("Ada");
    agree(&mut peers, 1, PATIENCE);
    // It was there before all others, and heard nobody; the others have each other alone.
    assert_eq!(silent.ask("status")["neighbours"], 0);
    meet_all(&mut peers, PATIENCE);
}

/// Neither has an IPv4 address, and one of them is plugged in when its peer runs already.
#[test]
fn peers_meet_by_ipv6_and_when_a_cable_is_plugged_in_later() {
    let Some(world) = World::new() else { return };
    let mut hall = Switch::new();
    let (early, late) = (Machine::new("early"), Machine::new("late"));
    hall.plug(&early, "e0", &[]);
    let mut peers = vec![
        start(&world, &early, "early", &["[::]:6001"]),
        start(&world, &late, "late", &["[::]:6001"]),
    ];
    hall.plug(&late, "e0", &[]);
    meet_all(&mut peers, PATIENCE);
    peers[1].vote("Grace");
    agree(&mut peers, 1, PATIENCE);
}
