//! Registering with a tracker, and missing one that is gone.

use super::*;

#[test]
fn a_tracker_that_does_not_answer_is_told_of_once_and_tried_on() {
    let mut world = World::new();
    world.add(1, Some(TRACKER), &[]);
    world.run(Duration::from_secs(20));
    let silent =
        |(_, output): &&(_, Output)| matches!(output, Output::Event(Event::TrackerSilent { .. }));
    assert_eq!(world.told.iter().filter(silent).count(), 1);
    assert!(world.sent_away.len() >= 10);
    let unknown = ElectionPrefix::UNKNOWN;
    assert!(world.sent_away.iter().all(|(_, sent)| sent.election == unknown));
    let ack = RegisterAck {
        seen_as: address(1),
        election: ELECTION,
        ballot_bytes: 1,
        heartbeat_ms: 1_000,
        peers: vec![address(900)],
    };
    world.say(address(TRACKER), 1, Datagram::RegisterAck(ack), true);
    assert!(world.peer(1).trackers()[0].registered);
    assert!(world.peer(1).is_probed(&address(900)));
    // It falls silent, so this peer registers again.
    world.sent_away.clear();
    world.run(Duration::from_secs(4));
    let registers = |(to, sent): &&(SocketAddr, Envelope)| {
        *to == address(TRACKER) && sent.datagram == Datagram::RegisterPeer
    };
    assert!(world.sent_away.iter().filter(registers).count() >= 1);
}

/// How many times a peer registers in five minutes with a tracker that answers each time, names a period, and POKEs
/// once per `pokes`.
fn registrations(heartbeat_ms: u32, pokes: Duration) -> usize {
    let mut world = World::new();
    world.add(1, Some(TRACKER), &[]);
    let (mut registrations, mut poked_at) = (0, world.now);
    for _ in 0..3_000 {
        world.run(Duration::from_millis(100));
        let sent = std::mem::take(&mut world.sent_away);
        for _ in sent.iter().filter(|(_, sent)| sent.datagram == Datagram::RegisterPeer) {
            registrations += 1;
            let (seen_as, peers) = (address(1), vec![]);
            let ack =
                RegisterAck { seen_as, election: ELECTION, ballot_bytes: 1, heartbeat_ms, peers };
            world.say(address(TRACKER), 1, Datagram::RegisterAck(ack), true);
            poked_at = world.now;
        }
        if world.now >= poked_at + pokes {
            poked_at = world.now;
            world.say(address(TRACKER), 1, Datagram::Poke { nonce: 1, status: None }, true);
        }
    }
    registrations
}

#[test]
fn a_tracker_is_missed_by_its_own_period() {
    let second = Duration::from_secs(1);
    for heartbeat_ms in [1_000, 5_000, 20_000, 60_000] {
        let period = Duration::from_millis(heartbeat_ms.into());
        assert_eq!(registrations(heartbeat_ms, period), 1, "{heartbeat_ms} ms");
        assert_eq!(
            registrations(heartbeat_ms, period * 2),
            1,
            "one POKE of {heartbeat_ms} ms is lost"
        );
        let silent = registrations(heartbeat_ms, second * 3_600);
        let expected = 300_000 / (heartbeat_ms as usize * 5 / 2);
        assert!(silent.abs_diff(expected) <= 1 + expected / 10, "{heartbeat_ms} ms: {silent}");
    }
}

/// Neither does a tracker that lies make a peer register all the time, nor forget it for ever.
#[test]
fn a_tracker_is_believed_no_period_that_does_harm() {
    let (second, never) = (Duration::from_secs(1), Duration::from_secs(3_600));
    for heartbeat_ms in [0, 1, 999] {
        assert_eq!(registrations(heartbeat_ms, second), 1, "{heartbeat_ms} ms");
        assert!(registrations(heartbeat_ms, never) <= 121, "{heartbeat_ms} ms");
    }
    for heartbeat_ms in [60_001, u32::MAX] {
        assert_eq!(registrations(heartbeat_ms, never), 2, "{heartbeat_ms} ms");
    }
}
