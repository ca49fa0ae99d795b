//! Names that move, that have several addresses, or that can't be looked up.

use std::time::Duration;

use protocol::ballot_file;

use crate::harness::{PATIENCE, Peer, Program, agree, meet_all, new_election};

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

/// At one address of the tracker's name another election is served. Whichever is tried first, the right one wins; and
/// if no other one answers, that is said at the end.
#[test]
fn a_name_of_which_one_address_serves_another_election_leads_to_the_right_one() {
    let Some(world) = World::new() else { return };
    let mut hall = Switch::new();
    let (right, wrong, nobody) = ("192.168.1.10", "192.168.1.20", "192.168.1.99");
    let desks = [right, wrong].map(|place| hall.machine("tracker", &format!("{place}/24")));
    let other = world.place("other.toml");
    std::fs::write(&other, ballot_file::write(&new_election(12))).expect("a file");
    let file = world.ballot();
    let _trackers = [
        desks[0].tracker(&format!("{right}:5000"), &file),
        desks[1].tracker(&format!("{wrong}:5000"), &other),
    ];
    let machines: Vec<_> =
        (31..34).map(|number| hall.machine("peer", &format!("192.168.1.{number}/24"))).collect();
    let text = std::fs::read_to_string(&file).expect("a file");
    let id = ballot_file::parse(&text).expect("a ballot").election_id().to_string();
    let pinned = [TRACKER, LISTEN, "--multicast", "off", "--election", &id];
    let local = file.to_str().expect("UTF-8");
    let known = [TRACKER, LISTEN, "--multicast", "off", "--ballot", local];
    machines[0].knows(&[(wrong, NAME), (right, NAME)]);
    machines[1].knows(&[(nobody, NAME), (wrong, NAME), (right, NAME)]);
    let mut peers = vec![
        machines[0].peer(&pinned, &world.place("pinned")),
        machines[1].peer(&known, &world.place("known")),
    ];
    meet_all(&mut peers, LONG_PATIENCE);
    peers[0].vote("Ada");
    agree(&mut peers, 1, PATIENCE);
    for (arguments, name) in [(pinned, "refused-1"), (known, "refused-2")] {
        machines[2].knows(&[(nobody, NAME), (wrong, NAME)]);
        let command = machines[2].inside(&Peer::command(&arguments, &world.place(name)));
        let (code, stderr) = Program::start("refused peer", command).finish(LONG_PATIENCE);
        assert_eq!((code, stderr.trim_end().lines().count()), (Some(1), 1), "{stderr}");
        assert!(stderr.contains(&format!("{TRACKER} ({wrong})")), "{stderr}");
    }
}

/// As where the hosts file has this machine's own address under the name as well.
#[test]
fn a_neighbours_name_that_stands_for_this_machine_too_leads_to_the_neighbour() {
    let Some(world) = World::new() else { return };
    let mut hall = Switch::new();
    let machines: Vec<_> =
        (11..13).map(|number| hall.machine("peer", &format!("192.168.1.{number}/24"))).collect();
    let file = world.ballot();
    let file = file.to_str().expect("UTF-8");
    let alone = [LISTEN, "--ballot", file, "--multicast", "off"];
    let by_name = [&alone[..], &["--neighbour", "club.test:6001"]].concat();
    machines[1].knows(&[("192.168.1.12", "club.test"), ("192.168.1.11", "club.test")]);
    let mut peers = vec![
        machines[0].peer(&alone, &world.place("other")),
        machines[1].peer(&by_name, &world.place("by-name")),
    ];
    meet_all(&mut peers, PATIENCE);
    peers[1].vote("Hedy");
    agree(&mut peers, 1, PATIENCE);
}
