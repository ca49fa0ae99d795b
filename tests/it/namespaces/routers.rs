//! Peers that no stranger can reach, because routers stand before them.

use crate::harness::{PATIENCE, Peer, agree, meet_all, until};

use super::cables::{ANSWERS_STRANGERS, DROPS_STRANGERS, SHIFTS_PORTS, router_with};
use super::{Machine, Switch, World, home_router};

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

/// Where the two routers are seen from outside.
const OUTER: [&str; 2] = ["198.51.100.21", "198.51.100.22"];

/// Whether the peers behind two routers met; else both say which address of the other does not answer.
fn have_met(peers: &mut [Peer]) -> bool {
    until("they have met, or both say that the other does not answer", PATIENCE, || {
        let met = [0, 1].map(|number: usize| peers[number].ask("status")["neighbours"] == 2);
        let silent = [0, 1].map(|number: usize| {
            peers[number].has_event("peer_silent", |event| {
                let address = event["address"].as_str();
                address.is_some_and(|address| address.starts_with(OUTER[1 - number]))
            })
        });
        match (met, silent) {
            ([true, true], _) => Some(true),
            ([false, false], [true, true]) => Some(false),
            _ => None,
        }
    })
}

fn readiness(machine: &Machine) -> Option<String> {
    let (_, body) = machine.reads("http://127.0.0.1:6001/readyz");
    body["kind"].as_str().map(str::to_owned)
}

/// Two peers behind routers with these rules and a public one, all of one tracker. Either they meet, or both say that
/// they don't; votes pass through the public one; and when that leaves, they are told the truth.
fn meets_or_says(rules: [&str; 2]) {
    let Some(world) = World::new() else { return };
    let mut internet = Switch::new();
    let outside = internet.machine("tracker", "198.51.100.10/24");
    let public = internet.machine("public", "198.51.100.11/24");
    let mut homes = [Switch::new(), Switch::new()];
    let mut routers = Vec::new();
    let mut machines = Vec::new();
    for ((rules, outer), home) in rules.iter().zip(OUTER).zip(&mut homes) {
        let outer = format!("{outer}/24");
        routers.push(router_with(rules, &mut internet, &outer, home, "192.168.1.1/24"));
        machines.push(home.machine_behind("192.168.1.1", "peer", "192.168.1.5/24"));
    }
    machines.push(public);
    let tracker = "198.51.100.10:5000";
    let _tracker = outside.tracker(tracker, &world.ballot());
    let mut peers: Vec<_> = (machines.iter().zip(["here", "there", "public"]))
        .map(|(machine, name)| machine.peer(&[tracker, "0.0.0.0:6001"], &world.place(name)))
        .collect();
    let met = have_met(&mut peers);
    peers[0].vote("Ada");
    peers[1].vote("Grace");
    agree(&mut peers, 2, PATIENCE);

    let mut public = peers.pop().expect("there are three");
    public.ask("leave");
    assert!(public.wait_end(PATIENCE).success());
    let expected = (!met).then(|| "no_contact".to_owned());
    for (machine, peer) in machines.iter().zip(&mut peers) {
        until("the public one is gone, and who is left says so", PATIENCE, || {
            let is_gone = peer.ask("status")["neighbours"] == u64::from(met);
            (is_gone && readiness(machine) == expected).then_some(())
        });
    }
}

#[test]
fn peers_behind_routers_that_answer_strangers_meet_or_say_so() {
    meets_or_says([ANSWERS_STRANGERS; 2]);
}

#[test]
fn peers_behind_routers_that_shift_ports_meet_or_say_so() {
    meets_or_says([SHIFTS_PORTS; 2]);
}

#[test]
fn peers_behind_routers_of_two_kinds_meet_or_say_so() {
    meets_or_says([SHIFTS_PORTS, DROPS_STRANGERS]);
}
