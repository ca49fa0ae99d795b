//! What the tracker's death, rebirth and guests do to a network.

use std::collections::BTreeSet;
use std::time::Duration;

use protocol::datagram::{Datagram, RegisterAck};
use sim::puppet::Puppet;
use sim::scenario::{Action, PeerPlan, Scenario};
use sim::world::World;

use crate::{assert_passes, seconds, voter};

#[test]
fn a_network_lives_on_without_its_tracker_and_is_listed_again_within_5_seconds() {
    let mut scenario = Scenario::quiet("tracker", 1, 5, seconds(70));
    scenario.actions =
        vec![(seconds(10), Action::StopTracker), (seconds(40), Action::StartTracker)];
    scenario.voters = (0..5).map(|host| voter(seconds(12), host)).collect();
    scenario.peers.push(PeerPlan { joins: true, ..PeerPlan::new(seconds(46)) });
    scenario.demands.votes = 5;
    let mut world = World::new(scenario, 1);

    world.run_until(seconds(39));
    for host in 0..5 {
        let votes = world.node(host).map(|node| node.chain().tally().votes);
        assert_eq!(votes, Some(5), "peer {host} while the tracker is gone");
    }
    world.run_until(seconds(40) + Duration::from_millis(1));
    assert_eq!(world.registry().map(|registry| registry.listed_count()), Some(0));
    let listed = world.run_until_holds(seconds(45), |world| {
        world.registry().is_some_and(|registry| registry.listed_count() == 5)
    });
    assert!(listed.is_some(), "{:?}", world.violation());

    let others: BTreeSet<_> = (0..5).map(|host| world.scenario().peer_address(host)).collect();
    let met = world.run_until_holds(seconds(52), |world| world.neighbours(5) == others);
    assert!(met.is_some(), "the newcomer knows {:?}", world.neighbours(5));
    world.run_until(seconds(70));
    assert_passes(&world.finish());
}

#[test]
fn silent_guests_go_and_honest_peers_stay_listed() {
    let mut scenario = Scenario::quiet("silent guests", 1, 5, seconds(100));
    scenario.voters = (0..10).map(|number| voter(seconds(10 + 6 * number), 1)).collect();
    scenario.demands.votes = 10;
    let honest: Vec<_> = (0..5).map(|host| scenario.peer_address(host)).collect();
    let guests: Vec<_> = (0..1_200).map(|guest| scenario.victim_address(guest)).collect();
    let mut world = World::new(scenario, 1);
    world.run_until(seconds(10));
    let tracker = world.scenario().tracker_address();
    let mut listed_max = 0;
    for (number, address) in (0u32..).zip(guests) {
        let guest = Puppet::new(&mut world, address);
        guest.say(&mut world, tracker, Datagram::RegisterPeer);
        world.run_until(world.at() + Duration::from_millis(25));
        guest.say(&mut world, tracker, Datagram::RegisterPeer);
        world.run_until(seconds(10) + Duration::from_millis(50) * (number + 1));
        let registry = world.registry().expect("it runs");
        let gone = honest.iter().find(|peer| !registry.is_listed(**peer));
        assert_eq!(gone, None, "an honest peer is not listed any more, after guest {number}");
        assert!(
            registry.unconfirmed_count() > 0,
            "guest {number} came with a token: {:?}",
            guest.inbox(&world)
        );
        listed_max = listed_max.max(registry.listed_count());
    }
    assert_eq!(listed_max, 5, "no guest was ever listed");
    world.run_until(seconds(75));
    assert_eq!(world.registry().map(|registry| registry.unconfirmed_count()), Some(0));
    world.run_until(seconds(100));
    assert_passes(&world.finish());
}

/// A tracker whose heartbeat is ten times as long as this project's own.
#[test]
fn a_tracker_with_a_longer_heartbeat_is_registered_with_once() {
    let mut scenario = Scenario::quiet("slow tracker", 1, 3, seconds(300));
    // The tracker's address belongs to the puppet, which answers as a tracker does.
    scenario.peers[1].neighbours = vec![0];
    scenario.peers[2].neighbours = vec![0];
    let (tracker, election) = (scenario.tracker_address(), scenario.election.election_id());
    let peers = [0, 1, 2].map(|host| scenario.peer_address(host));
    let mut world = World::new(scenario, 1);
    let puppet = Puppet::new(&mut world, tracker);
    let (mut answered, mut registered, mut again) = (0, BTreeSet::new(), 0);
    for step in 0..2_900u64 {
        world
            .run_until(seconds(1) + Duration::from_millis(100) * u32::try_from(step).expect("few"));
        let heard = puppet.heard_from(&world);
        for (from, datagram) in heard.iter().skip(answered) {
            if *datagram == Datagram::RegisterPeer {
                again += u32::from(step > 40);
                registered.insert(*from);
                let (seen_as, peers) = (*from, vec![]);
                let ack =
                    RegisterAck { seen_as, election, ballot_bytes: 1, heartbeat_ms: 10_000, peers };
                puppet.say(&mut world, *from, Datagram::RegisterAck(ack));
            }
        }
        answered = heard.len();
        if step % 100 == 99 {
            for peer in peers {
                puppet.say(&mut world, peer, Datagram::Poke { nonce: step, status: None });
            }
        }
    }
    assert_eq!((registered, again), (BTreeSet::from(peers), 0));
    assert_eq!(world.violation(), None);
}
