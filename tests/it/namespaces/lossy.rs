//! A network that loses datagrams, as a crowded Wi-Fi does.

use crate::harness::{PATIENCE, agree, meet_all};

use super::{Switch, World};

/// Of what arrives at a machine, one in ten is lost.
const LOSS_RULES: &str = r#"
table ip lossy {
  chain in { type filter hook input priority filter; iifname "e0" numgen random mod 10 < 1 drop; }
}
"#;

#[test]
fn votes_at_the_same_moment_all_count_where_one_datagram_in_ten_is_lost() {
    let Some(world) = World::new() else { return };
    let mut hall = Switch::new();
    let machines: Vec<_> = (10..15)
        .map(|number| {
            let machine = hall.machine("peer", &format!("192.168.1.{number}/24"));
            machine.rules(LOSS_RULES);
            machine
        })
        .collect();
    let tracker = "192.168.1.10:5000";
    let _tracker = machines[0].tracker(tracker, &world.ballot());
    let mut peers: Vec<_> = machines[1..]
        .iter()
        .enumerate()
        .map(|(number, machine)| {
            machine.peer(&[tracker, "0.0.0.0:6001"], &world.place(&format!("peer-{number}")))
        })
        .collect();
    meet_all(&mut peers, PATIENCE);
    for peer in &mut peers {
        peer.tell("vote Grace");
    }
    for peer in &mut peers {
        let answer = peer.next_answer(PATIENCE);
        assert_eq!(answer["accepted"], true, "{answer}");
    }
    agree(&mut peers, 4, PATIENCE);
}
