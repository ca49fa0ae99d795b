//! What is forged in another's name has no effect; its honest twin, sent the right way, has one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use node::LeaveReason;
use protocol::block::{Block, Header};
use protocol::datagram::{
    AnnouncedBody, ChainRequest, Datagram, ENVELOPE_BYTES, Envelope, PeerStatus,
};
use protocol::transaction::{HashedTransaction, Transaction};
use protocol::units::{Height, Work};
use rand::{Rng, RngExt};
use sim::adversary::{LiarPlan, Trick};
use sim::faults::Window;
use sim::puppet::Puppet;
use sim::scenario::{Action, Scenario};
use sim::world::World;
use sim::{forge, network, random};

use crate::{assert_passes, seconds, voter};

/// Three peers that know each other, and a stranger.
fn meeting() -> (World, Puppet) {
    let scenario = Scenario::quiet("meeting", 1, 3, seconds(60));
    let stranger = scenario.stranger_address(0);
    let mut world = World::new(scenario, 1);
    world.run_until(seconds(5));
    assert_eq!(world.neighbours(0).len(), 2);
    world.take_news();
    let stranger = Puppet::new(&mut world, stranger);
    (world, stranger)
}

fn peer(world: &World, host: usize) -> SocketAddr {
    world.scenario().peer_address(host)
}

fn pass_time(world: &mut World, millis: u64) {
    world.run_until(world.at() + Duration::from_millis(millis));
}

#[test]
fn a_forged_leave_parts_nobody() {
    let (mut world, stranger) = meeting();
    let (target, named) = (peer(&world, 0), peer(&world, 1));
    let tracker = world.scenario().tracker_address();
    for to in [target, tracker] {
        stranger.forge(&mut world, named, to, Datagram::LeavePeer);
    }
    pass_time(&mut world, 500);
    assert!(world.neighbours(0).contains(&named));
    assert!(world.registry().is_some_and(|registry| registry.is_listed(named)));

    world.do_now(&Action::Leave(1));
    pass_time(&mut world, 500);
    assert!(!world.neighbours(0).contains(&named));
    assert!(world.registry().is_some_and(|registry| !registry.is_listed(named)));
    let reasons: Vec<_> = world
        .take_news()
        .into_iter()
        .filter_map(|(_, _, event)| match event {
            node::Event::NeighbourLeft { reason, .. } => Some(reason),
            _ => None,
        })
        .collect();
    assert_eq!(reasons, [LeaveReason::Left, LeaveReason::Left]);
}

#[test]
fn a_forged_list_of_peers_is_not_followed() {
    let (mut world, stranger) = meeting();
    let (target, named) = (peer(&world, 0), peer(&world, 1));
    let somewhere = world.scenario().victim_address(0);
    let somebody = Puppet::new(&mut world, somewhere);
    let nobody = Datagram::UpdatePeers { live: vec![], left: vec![named] };
    let list = Datagram::UpdatePeers { live: vec![somewhere], left: vec![] };
    let tracker = world.scenario().tracker_address();
    for name in [tracker, named] {
        for datagram in [&nobody, &list] {
            stranger.forge(&mut world, name, target, datagram.clone());
        }
    }
    pass_time(&mut world, 500);
    assert!(world.neighbours(0).contains(&named));
    assert_eq!(somebody.inbox(&world), []);

    assert!(stranger.meet(&mut world, 0));
    stranger.say(&mut world, target, list);
    pass_time(&mut world, 500);
    assert!(matches!(somebody.inbox(&world)[..], [Datagram::Poke { status: None, .. }, ..]));
}

#[test]
fn a_forged_answer_keeps_no_dead_peer_alive() {
    let (mut world, stranger) = meeting();
    let (target, named) = (peer(&world, 0), peer(&world, 1));
    let tracker = world.scenario().tracker_address();
    world.do_now(&Action::Crash(1));
    for nonce in 0..60 {
        for to in [target, tracker] {
            stranger.forge(&mut world, named, to, Datagram::PokeAck { nonce, status: None });
        }
        pass_time(&mut world, 100);
    }
    assert!(!world.neighbours(0).contains(&named));
    assert!(world.registry().is_some_and(|registry| !registry.is_listed(named)));
    // The honest twin: peer 2 answers by itself all the while.
    assert!(world.neighbours(0).contains(&peer(&world, 2)));
}

#[test]
fn a_block_counts_with_work_and_token_alone() {
    let (mut world, stranger) = meeting();
    let (target, named) = (peer(&world, 0), peer(&world, 1));
    let genesis = Header::genesis(&world.scenario().election);
    let plain = forge::header(&genesis, &[], world.unix());
    let announce =
        |header| Datagram::NewBlock { header, body: AnnouncedBody::Transactions(Vec::new()) };
    let height = |world: &World| world.node(0).map(|node| node.tip().height.0);
    stranger.forge(&mut world, named, target, announce(forge::mined(plain)));
    pass_time(&mut world, 300);
    assert_eq!(height(&world), Some(0), "without a token");
    assert!(stranger.meet(&mut world, 0));
    stranger.say(&mut world, target, announce(forge::without_work(plain)));
    pass_time(&mut world, 300);
    assert_eq!(height(&world), Some(0), "without work");
    stranger.say(&mut world, target, announce(forge::mined(plain)));
    pass_time(&mut world, 300);
    assert_eq!(height(&world), Some(1));
}

/// The height that three peers have come to whom a liar shows its trick.
fn height_after(trick: Trick) -> u64 {
    let mut scenario = Scenario::quiet("trick", 1, 3, seconds(40));
    let active = Window::seconds(2, 30);
    scenario.liars.push(LiarPlan { active, tricks: vec![trick], gap: seconds(100) });
    scenario.faults.calm_from = seconds(30);
    let report = World::run(scenario, 1);
    assert_passes(&report);
    report.statistics.blocks
}

#[test]
fn foreign_and_light_chains_are_not_followed() {
    assert_eq!(height_after(Trick::ForeignGenesis), 0);
    assert_eq!(height_after(Trick::LowDifficulty), 0);
    assert_eq!(height_after(Trick::HeavyTip), 0);
    assert!(height_after(Trick::HonestChain) >= 30);
}

#[test]
fn garbage_stops_nothing_and_is_not_answered() {
    let mut scenario = Scenario::quiet("garbage", 1, 3, seconds(90));
    scenario.voters = (0..5).map(|number| voter(seconds(3 + 10 * number), 0)).collect();
    scenario.demands.votes = 5;
    let (tracker, address) = (scenario.tracker_address(), scenario.stranger_address(0));
    let real = real_datagrams(&scenario);
    let mut world = World::new(scenario, 1);
    world.run_until(seconds(5));
    let stranger = Puppet::new(&mut world, address);
    let (mut rng, mut sent) = (random::stream(1, "garbage"), 0);
    for number in 0..10_000 {
        let bytes = match number % 3 {
            0 => {
                let mut bytes = vec![0; rng.random_range(0..1_400)];
                rng.fill_bytes(&mut bytes);
                bytes
            }
            _ => {
                let mut bytes = random::pick(&mut rng, &real).expect("there are some").clone();
                network::damage(&mut bytes, &mut rng);
                bytes
            }
        };
        sent += bytes.len();
        let to = if number % 4 == 0 { tracker } else { peer(&world, 0) };
        stranger.send_bytes(&mut world, to, bytes);
        pass_time(&mut world, 4);
    }
    // Damage may leave a datagram that decodes: it bears no token of ours, so a RETRY is all that it gets.
    assert!(stranger.inbox(&world).iter().all(|answer| *answer == Datagram::Retry));
    assert!(stranger.bytes_heard(&world) < sent);
    world.run_until(seconds(90));
    assert_passes(&world.finish());
}

/// What peers really say to each other.
fn real_datagrams(scenario: &Scenario) -> Vec<Vec<u8>> {
    let mut scenario = scenario.clone();
    let address = scenario.victim_address(0);
    scenario.voters.truncate(1);
    let mut world = World::new(scenario, 2);
    let listener = Puppet::new(&mut world, address);
    world.run_until(seconds(2));
    assert!(listener.meet(&mut world, 0));
    world.run_until(seconds(5));
    let datagrams = listener.inbox(&world);
    assert!(datagrams.len() > 5);
    let election = (&world.scenario().election.election_id()).into();
    let token = protocol::token::Token([3; 8]);
    datagrams
        .into_iter()
        .filter(|datagram| *datagram != Datagram::Retry)
        .map(|datagram| {
            Envelope { election, receiver_token: token, sender_token: token, datagram }.encode()
        })
        .collect()
}

#[test]
fn a_forged_request_floods_no_victim() {
    let mut scenario = Scenario::quiet("flood", 1, 3, seconds(60));
    scenario.voters = (0..20).map(|number| voter(seconds(2), number % 3)).collect();
    let (address, victim) = (scenario.stranger_address(0), scenario.victim_address(0));
    let mut world = World::new(scenario, 1);
    world.run_until(seconds(40));
    let tip = world.node(0).map(|node| node.tip()).expect("it runs");
    assert!(tip.height.0 > 0);
    let genesis = Header::genesis(&world.scenario().election).hash();
    let stranger = Puppet::new(&mut world, address);
    let victim = Puppet::new(&mut world, victim);
    let wanted = [
        ChainRequest::Headers { locator: vec![genesis], first: 0, count: 1_000 },
        ChainRequest::Block { hash: tip.hash, first: 0, count: 1_000 },
    ];
    let target = peer(&world, 0);
    let mut sent = 0;
    for request in 0..100 {
        for wanted in &wanted {
            let datagram = Datagram::RequestChain { request, wanted: wanted.clone() };
            sent += ENVELOPE_BYTES + protocol::codec::encoded_size(&datagram);
            stranger.forge(&mut world, victim.address, target, datagram);
        }
    }
    pass_time(&mut world, 2_000);
    assert!(victim.bytes_heard(&world) <= 3 * sent, "{}", victim.bytes_heard(&world));
    assert!(victim.inbox(&world).iter().all(|answer| *answer == Datagram::Retry));

    // The honest twin: whoever asks in its own name is served.
    assert!(stranger.meet(&mut world, 0));
    let datagram = Datagram::RequestChain { request: 7, wanted: wanted[0].clone() };
    stranger.say(&mut world, target, datagram);
    pass_time(&mut world, 500);
    let is_served = |answer: &Datagram| matches!(answer, Datagram::ChainHeaders { request: 7, headers, .. } if !headers.is_empty());
    assert!(stranger.inbox(&world).iter().any(is_served));
}

#[test]
fn an_honest_block_survives_a_swapped_signature() {
    for is_announced in [true, false] {
        let (mut world, stranger) = meeting();
        let election = Arc::clone(&world.scenario().election);
        let id = election.election_id();
        let key = forge::key(1, "swapped", 0);
        let papers =
            [forge::registration(&election, &key), forge::vote(&id, &key, 1, world.unix())];
        let hashed = |each: &Transaction| Arc::new(HashedTransaction::new(each.clone(), &id));
        let genesis = Header::genesis(&election);
        let block: Block =
            forge::block(&genesis, papers.iter().map(hashed).collect(), world.unix());
        let [registration, vote] = papers.clone();
        let swapped = forge::with_signature(vote, |signature| {
            *signature = forge::key(2, "swapped", 1).sign(&[1; 32]);
        });
        let announce = |body| Datagram::NewBlock {
            header: block.header,
            body: AnnouncedBody::Transactions(body),
        };
        assert!(stranger.meet(&mut world, 0));
        let target = peer(&world, 0);
        if is_announced {
            stranger.say(&mut world, target, announce(vec![registration, swapped]));
        } else {
            serve_swapped(
                &mut world,
                stranger,
                &block,
                vec![hashed(&registration), hashed(&swapped)],
            );
        }
        pass_time(&mut world, 300);
        assert_eq!(world.node(0).map(|node| node.tip().height.0), Some(0));
        stranger.say(&mut world, target, announce(papers.to_vec()));
        pass_time(&mut world, 300);
        let tip = world.node(0).map(|node| node.tip().hash);
        assert_eq!(tip, Some(block.header.hash()), "announced {is_announced}");
        assert_eq!(world.node(0).map(|node| node.chain().tally().votes), Some(1));
    }
}

/// Announces a block without its body, and answers the request for it with another body.
fn serve_swapped(
    world: &mut World,
    stranger: Puppet,
    block: &Block,
    transactions: Vec<Arc<HashedTransaction>>,
) {
    let target = peer(world, 0);
    let forged = Block { header: block.header, transactions };
    let genesis = Header::genesis(&world.scenario().election).hash();
    let (height, work, clock) = (Height(0), Work(0), world.unix());
    let status = Some(PeerStatus { height, tip: genesis, work, clock });
    stranger.say(world, target, Datagram::Poke { nonce: 3, status });
    let announcement = Datagram::NewBlock { header: block.header, body: AnnouncedBody::Omitted };
    stranger.say(world, target, announcement);
    pass_time(world, 200);
    let asked = stranger.inbox(world).into_iter().rev().find_map(|datagram| match datagram {
        Datagram::RequestChain { request, wanted: ChainRequest::Block { .. } } => Some(request),
        _ => None,
    });
    let request = asked.expect("the peer asks for the body");
    let bytes = forged.body_bytes();
    stranger.say(world, target, Datagram::ChainBlock { request, piece: 0, pieces: 1, bytes });
}
