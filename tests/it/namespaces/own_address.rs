//! A machine whose own address goes away under a running peer, as with another Wi-Fi or a lost lease.

use serde_json::{Value, json};

use crate::harness::{PATIENCE, Peer, Tracker, agree, meet_all, until};

use super::{Machine, Switch, World};

const TRACKER: &str = "192.168.1.10:5000";
const ADDRESS: &str = "192.168.1.12";

/// One who stays, and one at [`ADDRESS`] who listens there as told.
fn two_peers(world: &World, machines: &[Machine], listen: &str) -> (Tracker, Vec<Peer>) {
    let tracker = machines[0].tracker(TRACKER, &world.ballot());
    let mut peers = vec![
        machines[1].peer(&[TRACKER, "0.0.0.0:6001"], &world.place("stays")),
        machines[2].peer(&[TRACKER, listen], &world.place("moves")),
    ];
    meet_all(&mut peers, PATIENCE);
    (tracker, peers)
}

fn three_machines(hall: &mut Switch) -> Vec<Machine> {
    let addresses = ["192.168.1.10", "192.168.1.11", ADDRESS];
    addresses.map(|address| hall.machine("peer", &format!("{address}/24"))).into()
}

/// Waits until a peer has one neighbour, and that has this address.
fn knows_one_at(peer: &mut Peer, address: &str) {
    until(&format!("the only neighbour is at {address}"), PATIENCE, || {
        let peers = peer.ask("peers")["peers"].clone();
        let addresses = peers.as_array().expect("a list").iter().map(|each| &each["address"]);
        (addresses.collect::<Vec<_>>() == [&Value::from(address)]).then_some(())
    });
}

#[test]
fn an_address_that_goes_away_is_said_and_the_peer_goes_on_when_it_is_back() {
    let Some(world) = World::new() else { return };
    let mut hall = Switch::new();
    let machines = three_machines(&mut hall);
    let (_tracker, mut peers) = two_peers(&world, &machines, &format!("{ADDRESS}:6001"));
    let own = format!("{ADDRESS}/24");
    machines[2].ip(&["addr", "del", &own, "dev", "e0"]);
    let is_own = |event: &Value| event["address"] == format!("{ADDRESS}:6001");
    peers[1].wait_event("address_gone", PATIENCE, is_own);
    until("what is missing is said", PATIENCE, || {
        let unready = peers[1].ask("status")["unready"].clone();
        let all = unready.as_array().expect("a list").iter();
        let mut gone = all.filter(|why| why["kind"] == "address_gone");
        gone.any(|why| why["address"] == format!("{ADDRESS}:6001")).then_some(())
    });
    let (status, problem) = machines[2].reads("http://127.0.0.1:6001/readyz");
    assert_eq!((status, &problem["kind"]), (503, &json!("address_gone")), "{problem}");
    peers[0].vote("Ada");

    machines[2].has_address("e0", &own);
    peers[1].wait_event("address_back", PATIENCE, is_own);
    meet_all(&mut peers, PATIENCE);
    peers[1].vote("Grace");
    agree(&mut peers, 2, PATIENCE);
    assert_eq!(peers[1].ask("status")["unready"], json!([]));
}

#[test]
fn a_peer_on_all_interfaces_goes_on_at_its_machines_new_address() {
    let Some(world) = World::new() else { return };
    let mut hall = Switch::new();
    let machines = three_machines(&mut hall);
    let (_tracker, mut peers) = two_peers(&world, &machines, "0.0.0.0:6001");
    knows_one_at(&mut peers[0], &format!("{ADDRESS}:6001"));
    machines[2].ip(&["addr", "del", &format!("{ADDRESS}/24"), "dev", "e0"]);
    machines[2].has_address("e0", "192.168.1.22/24");
    knows_one_at(&mut peers[0], "192.168.1.22:6001");
    peers[1].vote("Ada");
    agree(&mut peers, 1, PATIENCE);
}

/// As a laptop that goes from one network to another and back, while somebody else gets the address that it had.
#[test]
fn a_peer_that_moves_twice_is_met_and_so_is_who_has_its_old_address() {
    let Some(world) = World::new() else { return };
    let mut hall = Switch::new();
    let machines = three_machines(&mut hall);
    let (_tracker, mut peers) = two_peers(&world, &machines, "0.0.0.0:6001");
    let own = format!("{ADDRESS}/24");
    machines[2].ip(&["addr", "del", &own, "dev", "e0"]);
    machines[2].has_address("e0", "192.168.1.22/24");
    knows_one_at(&mut peers[0], "192.168.1.22:6001");
    let newcomer = hall.machine("peer", &own);
    peers.push(newcomer.peer(&[TRACKER, "0.0.0.0:6001"], &world.place("newcomer")));
    meet_all(&mut peers, PATIENCE);
    machines[2].ip(&["addr", "del", "192.168.1.22/24", "dev", "e0"]);
    peers[1].tell("vote Ada");
    machines[2].has_address("e0", "192.168.1.23/24");
    peers[1].next_answer(PATIENCE);
    agree(&mut peers, 1, PATIENCE);
    meet_all(&mut peers, PATIENCE);
}
