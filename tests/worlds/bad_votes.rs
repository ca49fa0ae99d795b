//! Each bad vote, registration and withdrawal is refused with its own error: at the prompt, in the pool, and in a
//! block.

use std::sync::Arc;
use std::time::Duration;

use node::Event;
use protocol::block::Header;
use protocol::datagram::{AnnouncedBody, Datagram};
use protocol::transaction::{HashedTransaction, Transaction};
use sim::forge;
use sim::puppet::Puppet;
use sim::scenario::Scenario;
use sim::voters::{Badness, bad_transaction};
use sim::world::World;

use crate::seconds;

/// What the error says.
fn words(badness: Badness) -> &'static str {
    match badness {
        Badness::NoSuchOption => "has no option",
        Badness::TooManyChoices => "the ballot allows",
        Badness::NotRising => "twice or out of order",
        Badness::Unregistered => "is not registered",
        Badness::HighS => "upper half",
        Badness::RecoveryBit => "recovery bit",
        Badness::OtherSigner | Badness::OtherElection => "is not by voter",
        Badness::Old => "away from this peer's clock",
        Badness::Twice => "has voted already",
        Badness::NoStamp => "shows less work",
        // Without the chain, only the signature tells.
        Badness::LookAlike => "voter ",
        Badness::Reregistration => "is registered already",
        Badness::Unadmitted => "ask them to admit your key",
        Badness::AdmittedElsewhere => {
            "the registrars signed for the election that begins with 0707"
        }
        Badness::WrongRegistrar => "registrar 2 is by none of the election's registrars",
        Badness::HalfAdmitted => "it bears 1 of the 2 registrars' signatures",
        Badness::SignedTwice => "registrar 1 signed twice",
        Badness::Withdrawn | Badness::VotesWithdrawn => "the registrars withdrew voter",
        Badness::WithdrawnTooLate => "has voted, and so can't be withdrawn",
    }
}

/// Every badness, those of registrars last.
fn all() -> impl Iterator<Item = Badness> {
    let openly = Badness::ANYWHERE.into_iter().chain(Badness::OPENLY);
    openly.chain(Badness::BY_REGISTRARS).chain(Badness::WITHDRAWN)
}

fn is_by_registrars(badness: Badness) -> bool {
    Badness::BY_REGISTRARS.contains(&badness) || Badness::WITHDRAWN.contains(&badness)
}

/// Two peers that mine nothing, and a puppet that is the neighbour of the first.
fn world(by_registrars: bool) -> (World, Puppet) {
    let mut scenario = Scenario::quiet("bad votes", 1, 2, seconds(60));
    if by_registrars {
        scenario.election = Arc::new(forge::election_by_registrars(1, 6));
    }
    for peer in &mut scenario.peers {
        peer.block_time = None;
    }
    // An honest network finds no block invalid; here one is shown some.
    let active = sim::faults::Window::seconds(0, 0);
    let plan = sim::adversary::LiarPlan { active, tricks: vec![], gap: seconds(1) };
    scenario.liars.push(plan);
    let address = scenario.stranger_address(0);
    let mut world = World::new(scenario, 1);
    world.run_until(seconds(3));
    let puppet = Puppet::new(&mut world, address);
    assert!(puppet.meet(&mut world, 0));
    world.take_news();
    (world, puppet)
}

/// What has to come before the bad transaction, for its fault to be the only one.
fn before(world: &World, badness: Badness, key: &protocol::keys::VoterKey) -> Vec<Transaction> {
    let election = &world.scenario().election;
    let mut papers = Vec::new();
    if badness.needs_registration() {
        papers.push(forge::registration(election, key));
    }
    if matches!(badness, Badness::Withdrawn | Badness::VotesWithdrawn) {
        papers.push(forge::withdrawal(&election.election_id(), key));
    }
    if matches!(badness, Badness::Twice | Badness::WithdrawnTooLate) {
        papers.push(forge::vote(&election.election_id(), key, 1, world.unix()));
    }
    papers
}

fn case(world: &World, badness: Badness) -> (Vec<Transaction>, Transaction) {
    let key = forge::key(9, "bad votes", badness as u64);
    let election = &world.scenario().election;
    (before(world, badness, &key), bad_transaction(badness, election, &key, world.unix()))
}

#[test]
fn at_the_prompt() {
    for badness in all() {
        let (mut world, _) = world(is_by_registrars(badness));
        let (before, bad) = case(&world, badness);
        for paper in before {
            world.submit_and_wait(1, paper).expect("an honest paper is accepted");
        }
        let pool = world.status(1).map(|status| status.pool);
        let error = world.submit_and_wait(1, bad).expect_err("it is bad");
        assert_eq!(error.kind(), badness.kind(), "{badness:?}");
        assert!(error.to_string().contains(words(badness)), "{badness:?}: {error}");
        assert_eq!(world.status(1).map(|status| status.pool), pool, "{badness:?}");
    }
}

#[test]
fn in_the_pool() {
    for badness in all() {
        let (mut world, puppet) = world(is_by_registrars(badness));
        let (before, bad) = case(&world, badness);
        let (target, known) = (world.scenario().peer_address(0), before.len());
        puppet.say(&mut world, target, Datagram::NewTransactions(before));
        pass_time(&mut world);
        assert_eq!(world.status(0).map(|status| status.pool), Some(known), "{badness:?}");
        puppet.say(&mut world, target, Datagram::NewTransactions(vec![bad]));
        pass_time(&mut world);
        // Relayed votes are of any age: only the own user's clock is looked at.
        let taken = known + usize::from(badness == Badness::Old);
        let status = world.status(0).expect("it runs");
        assert_eq!(status.pool, taken, "{badness:?}");
        let is_held = badness == Badness::Unregistered;
        assert_eq!(status.held, usize::from(is_held), "{badness:?}");
        let blamed: Vec<String> = world
            .take_news()
            .into_iter()
            .filter_map(|(_, _, event)| match event {
                Event::Misbehaviour { address, reason, .. } if address == puppet.address => {
                    Some(reason)
                }
                _ => None,
            })
            .collect();
        // What may be right on another branch is nobody's fault.
        let depends_on_branch = [
            Badness::Old,
            Badness::Twice,
            Badness::Unregistered,
            Badness::Reregistration,
            Badness::Withdrawn,
            Badness::VotesWithdrawn,
            Badness::WithdrawnTooLate,
        ];
        let is_fault = !depends_on_branch.contains(&badness);
        assert_eq!(blamed.len(), usize::from(is_fault), "{badness:?}: {blamed:?}");
        assert!(blamed.iter().all(|reason| reason.contains(words(badness))), "{blamed:?}");
    }
}

#[test]
fn in_a_block() {
    for badness in all() {
        let (mut world, puppet) = world(is_by_registrars(badness));
        let (mut papers, bad) = case(&world, badness);
        papers.push(bad);
        let election = Arc::clone(&world.scenario().election);
        let hashed = |each: &Transaction| {
            Arc::new(HashedTransaction::new(each.clone(), &election.election_id()))
        };
        let transactions: Vec<_> = papers.iter().map(hashed).collect();
        let block = forge::block(&Header::genesis(&election), transactions, world.unix());
        let body = AnnouncedBody::Transactions(papers);
        let announcement = Datagram::NewBlock { header: block.header, body };
        let target = world.scenario().peer_address(0);
        puppet.say(&mut world, target, announcement);
        pass_time(&mut world);
        let height = world.node(0).map(|node| node.tip().height.0);
        let reasons: Vec<String> = world
            .take_news()
            .into_iter()
            .filter_map(|(_, host, event)| match event {
                Event::InvalidBlock { reason, .. } if host == 0 => Some(reason),
                _ => None,
            })
            .collect();
        if badness == Badness::Old {
            assert_eq!((height, reasons.len()), (Some(1), 0), "votes in blocks are of any age");
            continue;
        }
        assert_eq!(height, Some(0), "{badness:?}");
        assert_eq!(reasons.len(), 1, "{badness:?}");
        assert!(reasons[0].contains(words(badness)), "{badness:?}: {reasons:?}");
    }
}

#[test]
fn good_votes_are_taken_everywhere() {
    let (mut world, puppet) = world(false);
    let election = Arc::clone(&world.scenario().election);
    let id = election.election_id();
    let key = forge::key(9, "good votes", 0);
    let vote = forge::vote(&id, &key, 1, world.unix());
    world.submit_and_wait(1, forge::registration(&election, &key)).expect("a good registration");
    world.submit_and_wait(1, vote).expect("a good vote");
    pass_time(&mut world);
    let status = world.status(0).expect("it runs");
    assert_eq!((status.pool, status.held), (2, 0));

    let key = forge::key(9, "good votes", 1);
    let papers =
        vec![forge::registration(&election, &key), forge::vote(&id, &key, 1, world.unix())];
    let target = world.scenario().peer_address(0);
    puppet.say(&mut world, target, Datagram::NewTransactions(papers.clone()));
    pass_time(&mut world);
    assert_eq!(world.status(0).map(|status| status.pool), Some(4));

    let transactions =
        papers.iter().map(|each| Arc::new(HashedTransaction::new(each.clone(), &id))).collect();
    let block = forge::block(&Header::genesis(&election), transactions, world.unix());
    let body = AnnouncedBody::Transactions(papers);
    puppet.say(&mut world, target, Datagram::NewBlock { header: block.header, body });
    pass_time(&mut world);
    assert_eq!(world.node(0).map(|node| node.chain().tally().votes), Some(1));
    assert_eq!(world.status(0).map(|status| status.pool), Some(2));
    assert!(world.violation().is_none(), "{:?}", world.violation());
}

fn pass_time(world: &mut World) {
    world.run_until(world.at() + Duration::from_millis(400));
}
