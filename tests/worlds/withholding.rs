//! A miner shows a header, keeps its body back, and gives it to one peer much later.

use std::time::Duration;

use protocol::block::Header;
use protocol::datagram::{AnnouncedBody, Datagram, PeerStatus};
use protocol::units::Work;
use sim::faults::{Quality, Window};
use sim::forge;
use sim::puppet::Puppet;
use sim::scenario::Scenario;
use sim::world::World;

use crate::{assert_passes, seconds};

#[test]
fn a_body_that_one_peer_was_given_late_reaches_all() {
    let scenario = Scenario::quiet("withheld", 1, 3, seconds(60));
    let address = scenario.stranger_address(0);
    let peers = [0, 1, 2].map(|host| scenario.peer_address(host));
    let mut world = World::new(scenario, 1);
    world.run_until(seconds(5));
    let miner = Puppet::new(&mut world, address);
    (0..3).for_each(|host| assert!(miner.meet(&mut world, host)));
    let genesis = Header::genesis(&world.scenario().election);
    let header = forge::mined(forge::header(&genesis, &[], world.unix()));
    let announce = |body| Datagram::NewBlock { header, body };
    for second in 0..15 {
        for peer in peers {
            let work = Work(header.difficulty.attempts().into());
            let (height, tip, clock) = (header.height, header.hash(), world.unix());
            let status = Some(PeerStatus { height, tip, work, clock });
            miner.say(&mut world, peer, Datagram::Poke { nonce: second, status });
            miner.say(&mut world, peer, announce(AnnouncedBody::Omitted));
        }
        world.run_until(world.at() + seconds(1));
    }
    let reached = |world: &World| {
        let tips = (0..3).filter_map(|host| world.node(host).map(|node| node.tip().hash));
        tips.filter(|tip| *tip == header.hash()).count()
    };
    assert_eq!(reached(&world), 0, "nobody has the body");

    // One peer gets it, and all that it says at once is lost.
    let from = world.at() + Duration::from_millis(5);
    let window = Window { from, until: from + Duration::from_millis(1_500) };
    world.add_spell(window, Quality::PERFECT.with_loss(1.0));
    miner.say(&mut world, peers[1], announce(AnnouncedBody::Transactions(Vec::new())));
    world.run_until(window.until);
    assert_eq!(reached(&world), 1, "one peer has it");
    world.run_until(world.at() + seconds(15));
    assert_eq!(reached(&world), 3);
    world.run_until(seconds(60));
    assert_passes(&world.finish());
}
