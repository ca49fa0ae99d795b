//! Names that move, that have several addresses, or that can't be looked up.

use std::time::Duration;

use crate::harness::{PATIENCE, agree, meet_all};

use super::{Internet, Machine, Switch, World};

const TRACKER: &str = "tracker.test:5000";
const NAME: &str = "tracker.test";
const LISTEN: &str = "0.0.0.0:6001";

/// For what has to be found out first by several heartbeats, and by looking a name up once more.
const LONG_PATIENCE: Duration = Duration::from_secs(40);

/// Two who know each other, and a tracker that then is elsewhere; and one of them once more, when no name is known.
#[test]
fn a_tracker_that_moves_is_found_by_its_name_and_no_name_server_stops_nobody() {
    let Some(world) = World::new() else { return };
    let mut internet = Internet::new();
    let (before, after) = ("198.51.100.10", "198.51.100.20");
    let desks = [before, after].map(|place| internet.machine("tracker", place));
    let mut machines: Vec<Machine> = Vec::new();
    for number in 31..34 {
        let machine = internet.machine("peer", &format!("198.51.100.{number}"));
        machine.knows(&[(before, NAME)]);
        machines.push(machine);
    }
    let join = |number: usize| {
        machines[number].peer(&[TRACKER, LISTEN], &world.place(&format!("peer-{number}")))
    };
    let first = desks[0].tracker(&format!("{before}:5000"), &world.ballot());
    let mut peers: Vec<_> = (0..2).map(join).collect();
    meet_all(&mut peers, PATIENCE);

    drop(first);
    let second = desks[1].tracker(&format!("{after}:5000"), &world.ballot());
    for machine in &machines {
        machine.knows(&[(after, NAME)]);
    }
    peers.push(join(2));
    meet_all(&mut peers, LONG_PATIENCE);
    for peer in &mut peers {
        let event = peer.wait_event("registered", LONG_PATIENCE, |event| {
            event["tracker"] == format!("{after}:5000")
        });
        assert_eq!(event["name"], TRACKER, "{event}");
    }
    peers[2].vote("Ada");
    agree(&mut peers, 1, PATIENCE);

    // It remembers who they were, and asks them.
    let mut leaver = peers.remove(0);
    leaver.ask("leave");
    assert_eq!(leaver.wait_end(PATIENCE).code(), Some(0));
    machines[0].knows(&[]);
    peers.push(join(0));
    peers[2].wait_event("name_unknown", PATIENCE, |event| event["name"] == TRACKER);
    meet_all(&mut peers, PATIENCE);
    peers[2].vote("Grace");
    agree(&mut peers, 2, PATIENCE);
    // Once the name is known, the tracker lists it as well.
    machines[0].knows(&[(after, NAME)]);
    peers[2].wait_event("name_found", LONG_PATIENCE, |event| event["name"] == TRACKER);
    peers[2].wait_event("registered", PATIENCE, |_| true);
    drop(second);
}

/// The tracker answers at the second address of its name, and the other peer at the second of its own.
#[test]
fn all_addresses_of_a_name_are_tried() {
    let Some(world) = World::new() else { return };
    let mut hall = Switch::new();
    let machines: Vec<_> = (10..13)
        .map(|number| {
            let machine = hall.machine("peer", &format!("192.168.1.{number}/24"));
            machine.has_address("e0", &format!("fd00::{number}/64"));
            machine.knows(&[
                ("fd00::99", NAME),
                ("192.168.1.10", NAME),
                ("fd00::99", "other.test"),
                ("192.168.1.11", "other.test"),
            ]);
            machine
        })
        .collect();
    let _tracker = machines[0].tracker("192.168.1.10:5000", &world.ballot());
    let file = world.ballot();
    let file = file.to_str().expect("UTF-8");
    // Both addresses can be tried from there.
    let listen = "[::]:6001";
    let alone = [listen, "--ballot", file, "--neighbour", "other.test:6001"];
    let mut peers = vec![
        machines[1].peer(&[TRACKER, listen], &world.place("by-tracker")),
        machines[2].peer(&alone, &world.place("by-neighbour")),
    ];
    peers[0].wait_event("registered", PATIENCE, |_| true);
    meet_all(&mut peers, PATIENCE);
    peers[1].vote("Hedy");
    agree(&mut peers, 1, PATIENCE);
}
