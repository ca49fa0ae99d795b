//! IPv4 and IPv6 side by side.

use crate::harness::{PATIENCE, agree, until};

use super::{Machine, Switch, World};

/// One peer has an IPv4 address alone, another an IPv6 address alone, and the one between them both.
#[test]
fn a_vote_passes_from_one_family_to_the_other() {
    let Some(world) = World::new() else { return };
    let mut hall = Switch::new();
    let [desk, old, both, new] = ["tracker", "old", "both", "new"].map(Machine::new);
    hall.plug(&desk, "e0", &["192.168.1.10/24", "fd00::10/64"]);
    hall.plug(&old, "e0", &["192.168.1.11/24"]);
    hall.plug(&both, "e0", &["192.168.1.12/24", "fd00::12/64"]);
    hall.plug(&new, "e0", &["fd00::13/64"]);
    let _tracker = desk.tracker("[::]:5000", &world.ballot());
    let mut peers = vec![
        both.peer(&["[fd00::10]:5000", "[::]:6001"], &world.place("both")),
        old.peer(&["192.168.1.10:5000", "0.0.0.0:6001"], &world.place("old")),
        new.peer(&["[fd00::10]:5000", "[::]:6001"], &world.place("new")),
    ];
    until("the one between has met both", PATIENCE, || {
        (peers[0].ask("status")["neighbours"] == 2).then_some(())
    });
    peers[1].vote("Ada");
    agree(&mut peers, 1, PATIENCE);
    peers[2].vote("Grace");
    agree(&mut peers, 2, PATIENCE);
    // The two at the ends can't reach each other.
    for peer in &mut peers[1..] {
        assert_eq!(peer.ask("status")["neighbours"], 1);
    }
}
