//! Who falls silent, leaves, misbehaves or comes back.

use super::*;

#[test]
fn a_silent_neighbour_is_dropped_at_its_third_missed_heartbeat_and_met_again() {
    let mut world = World::new();
    world.add(1, None, &[]);
    world.add(2, None, &[1]);
    world.run(Duration::from_secs(2));
    let silent = world.peers.remove(&address(2)).expect("a peer");
    world.run(Duration::from_secs(5));
    assert_eq!(world.peer(1).neighbour_count(), 0);
    let missed =
        |output: &Output| matches!(output, Output::Left { reason: LeaveReason::Missed(3), .. });
    assert!(world.was_told(1, missed));
    world.peers.insert(address(2), silent);
    world.run(Duration::from_secs(20));
    assert_eq!(world.peer(1).neighbour_count(), 1);
}

#[test]
fn who_breaks_rules_faster_than_they_are_forgiven_is_banned() {
    let mut world = World::new();
    world.add(1, None, &[]);
    world.add(2, None, &[1]);
    world.run(Duration::from_secs(2));
    let now = world.time();
    for _ in 0..17 {
        world.peer(1).record_fault(address(2), "a lie".into(), now);
    }
    world.deliver();
    let banned =
        |output: &Output| matches!(output, Output::Left { reason: LeaveReason::Banned(_), .. });
    assert!(world.was_told(1, banned));
    let poke = Datagram::Poke { nonce: 1, status: None };
    let disposition = world.say(address(2), 1, poke, true);
    assert_eq!(disposition, Disposition::Dropped(DropReason::Banned));
    assert_eq!(world.peer(1).neighbour_count(), 0);
}

#[test]
fn a_leave_ends_when_all_acknowledged_it_or_its_time_is_over() {
    let mut world = World::new();
    world.add(1, None, &[]);
    world.add(2, None, &[1]);
    world.add(3, None, &[1]);
    world.run(Duration::from_secs(3));
    let now = world.time();
    world.peer(3).start_leaving(now);
    assert_eq!(world.peer(3).leave_progress(now), LeaveProgress::Waiting);
    world.deliver();
    assert_eq!(world.peer(3).leave_progress(now), LeaveProgress::Acknowledged);
    assert!(world.was_told(3, |output| matches!(output, Output::LeaveRepeated { .. })));
    assert_eq!(world.peer(1).neighbour_count(), 1);

    world.peers.remove(&address(1));
    world.peer(2).start_leaving(now);
    world.run(Duration::from_millis(999));
    let now = world.time();
    assert_eq!(world.peer(2).leave_progress(now), LeaveProgress::Waiting);
    world.run(Duration::from_millis(1));
    let now = world.time();
    assert_eq!(world.peer(2).leave_progress(now), LeaveProgress::TimedOut);
    world.peer(2).finish_leaving();
    assert_eq!(world.peer(2).leave_progress(now), LeaveProgress::None);
    assert_eq!(world.peer(2).poll_timeout(), None);
}

#[test]
fn a_neighbour_that_knows_us_no_more_is_told_everything_again() {
    let mut world = World::new();
    world.add(1, None, &[]);
    world.add(2, None, &[1]);
    world.run(Duration::from_secs(3));
    world.told.clear();
    // A new secret and no neighbours, as after a crash.
    world.peers.remove(&address(2));
    world.add(2, None, &[1]);
    world.run(Duration::from_secs(2));
    let refreshed = |output: &Output| matches!(output, Output::Refreshed { .. });
    assert!(world.was_told(1, refreshed));
    assert_eq!(world.peer(1).neighbour_count(), 1);
}
