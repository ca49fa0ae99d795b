//! IPv4 and IPv6 side by side.

use serde_json::{Value, json};

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

/// Each of two machines has both families, and one is given both addresses of the other.
#[test]
fn one_that_is_met_by_both_families_counts_once() {
    let Some(world) = World::new() else { return };
    let mut hall = Switch::new();
    let [one, other] = ["one", "other"].map(Machine::new);
    hall.plug(&one, "e0", &["192.168.1.11/24", "fd00::11/64"]);
    hall.plug(&other, "e0", &["192.168.1.12/24", "fd00::12/64"]);
    let ballot = world.ballot();
    let ballot = ballot.to_str().expect("UTF-8");
    let alone = ["[::]:6001", "--ballot", ballot, "--multicast", "off"];
    let named = [&alone[..], &["--name", "other"]].concat();
    let both = [&alone[..], &["--neighbour", "192.168.1.12:6001,[fd00::12]:6001"]].concat();
    let mut peers =
        [other.peer(&named, &world.place("other")), one.peer(&both, &world.place("one"))];
    until("both addresses are met and known to be one peer's", PATIENCE, || {
        let met = peers[1].ask("peers")["peers"].clone();
        let met = met.as_array().expect("a list");
        let is_known = |each: &Value| each["also_at"].is_array() && each["name"] == "other";
        (met.len() == 2 && met.iter().all(is_known)).then_some(())
    });
    assert_eq!(peers[1].ask("status")["neighbours"], 1);
    until("the other one knows it too", PATIENCE, || {
        (peers[0].ask("status")["neighbours"] == 1).then_some(())
    });
    peers[1].vote("Ada");
    agree(&mut peers, 1, PATIENCE);
    let held = json!({ "neighbours": 1, "of": 1 });
    for peer in &mut peers {
        until("one neighbour of one has the block", PATIENCE, || {
            (peer.ask("status")["tip_held_by"] == held).then_some(())
        });
        until("it has one clock", PATIENCE, || {
            (peer.ask("status")["clock"]["compared"] == 1).then_some(())
        });
    }
    let vote = peers[1].ask("myvote")["vote"].clone();
    assert_eq!(vote["held_by"], held, "{vote}");
}
