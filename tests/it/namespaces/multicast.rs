//! Peers of one local network who meet by multicast alone: without a tracker, and told of nobody.

use std::time::Duration;

use crate::harness::{PATIENCE, Peer, agree, meet_all, until};

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

/// Each is answered where it listens, which is not where the system would send from by itself.
#[test]
fn peers_that_listen_at_one_ipv6_address_are_met_there() {
    let Some(world) = World::new() else { return };
    let mut hall = Switch::new();
    let machine = |number: usize, hall: &mut Switch| {
        hall.machine(&format!("peer-{number}"), &format!("fd00:7::{number}/64"))
    };
    let machines: Vec<_> = (1..=3).map(|number| machine(number, &mut hall)).collect();
    let listens = ["[fd00:7::1]:6001", "[fd00:7::2]:6001", "[::]:6001"];
    let mut peers: Vec<_> = (0..2)
        .map(|place| start(&world, &machines[place], &format!("peer-{place}"), &[listens[place]]))
        .collect();
    meet_all(&mut peers, SOON);
    let addresses = peers[0].ask("peers")["peers"].clone();
    assert_eq!(addresses[0]["address"], listens[1]);
    peers.push(start(&world, &machines[2], "peer-2", &[listens[2]]));
    meet_all(&mut peers, PATIENCE);
    peers[2].vote("Ada");
    agree(&mut peers, 1, PATIENCE);
}

/// Linux lets one socket join 20 groups at a time, also on interfaces that are no more.
#[test]
fn the_group_is_left_on_interfaces_that_go_away() {
    let Some(world) = World::new() else { return };
    let mut hall = Switch::new();
    let machines = ["busy", "other"].map(Machine::new);
    let mut peers: Vec<_> = machines
        .iter()
        .map(|machine| start(&world, machine, machine.name(), &["0.0.0.0:6001"]))
        .collect();
    for round in 0..2 {
        let names: Vec<_> = (0..16).map(|number| format!("b{round}x{number}")).collect();
        for (number, name) in names.iter().enumerate() {
            machines[0].ip(&["link", "add", name, "type", "bridge"]);
            machines[0].has_address(name, &format!("10.{round}.{number}.1/24"));
            machines[0].ip(&["link", "set", name, "up"]);
        }
        is_announced_on(&mut peers[0], 16);
        names.iter().for_each(|name| machines[0].ip(&["link", "del", name]));
        is_announced_on(&mut peers[0], 0);
    }
    for (machine, number) in machines.iter().zip(11..) {
        hall.plug(machine, "e0", &[&format!("192.168.1.{number}/24")]);
    }
    meet_all(&mut peers, PATIENCE);
}

/// Waits until a peer announces itself on so many interfaces.
fn is_announced_on(peer: &mut Peer, count: u64) {
    until(&format!("it is announced on {count} interfaces"), PATIENCE, || {
        (peer.ask("status")["multicast"]["interfaces"] == count).then_some(())
    });
}
