//! One node of three is a laboratory, and the others are not deceived.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test looks at the few events and rules that it is about"
)]

use protocol::datagram::{Datagram, Envelope, PeerStatus};
use protocol::token::Token;
use protocol::units::Height;

use super::*;
use crate::{Experiment, LeaveReason};
use chain::{AuditRule, Forgery};

const LABORATORY: u16 = 3;

/// Nodes 1 and 2 are as others are, node 3 is a laboratory.
fn with_laboratory() -> Network {
    let mut network = Network::new();
    network.add(1, Restored::default());
    network.add(2, Restored::default());
    network.role = Role::Laboratory;
    network.add(LABORATORY, Restored::default());
    network.run(Duration::from_secs(2));
    network
}

fn partition(network: &mut Network, is_on: bool) {
    let answer = network.command(LABORATORY, Command::Experiment(Experiment::Partition(is_on)));
    assert_eq!(answer, Ok(Answer::Experiment { height: None }));
    let Ok(Answer::Status(status)) = network.command(LABORATORY, Command::Status) else {
        panic!("no status")
    };
    assert_eq!(status.partitioned, is_on);
}

fn forgery(network: &Network, rule: AuditRule) -> Experiment {
    let forged = Forgery::new(rule, &network.election, [9; 32], network.time().unix);
    Experiment::BadBlock(Box::new(forged.expect("it can be broken")))
}

fn race(network: &mut Network) -> Result<Answer, CommandError> {
    let tip = network.node(LABORATORY).tip().hash;
    let block = network.disks[&address(LABORATORY)].get(&tip).cloned();
    let rival = block.expect("it is on the disk");
    network.command(LABORATORY, Command::Experiment(Experiment::Race(rival)))
}

/// Casts a vote at a node, and waits until all that hear of it have mined it.
fn vote(network: &mut Network, number: u16, voter: u8) {
    network.submit(number, network.registration(voter)).expect("a registration");
    network.submit(number, network.vote(voter, 0)).expect("a vote");
    network.run(Duration::from_secs(3));
}

fn votes(network: &Network, number: u16) -> u64 {
    network.node(number).chain().tally().votes
}

/// What a datagram draws from the laboratory.
fn answers(
    network: &mut Network,
    from: SocketAddr,
    datagram: Datagram,
    token: Token,
) -> Vec<Datagram> {
    let sender_token = Token([4; 8]);
    let election = network.node(LABORATORY).membership.prefix();
    let envelope = Envelope { election, receiver_token: token, sender_token, datagram };
    let now = network.time();
    let node = network.nodes.get_mut(&address(LABORATORY)).expect("a node");
    node.handle_datagram(from, &envelope.encode(), now);
    let mut sent = Vec::new();
    while let Some(output) = node.poll_output() {
        if let Output::Transmit { bytes, .. } = output {
            sent.push(Envelope::decode(&bytes).expect("it is ours").datagram);
        }
    }
    sent
}

#[test]
fn an_ordinary_node_makes_no_experiments_and_an_observer_does_not_mine() {
    let mut network = Network::new();
    network.add(1, Restored::default());
    network.role = Role::Observer;
    network.add(2, Restored::default());
    for number in [1, 2] {
        let answer = network.command(number, Command::Experiment(Experiment::Partition(true)));
        assert_eq!(answer, Err(CommandError::NotALab));
    }
    assert_eq!(network.command(2, Command::Mine), Err(CommandError::Observer));
    assert!(!network.node(2).mining.is_enabled(), "nor does it by itself");
    assert!(network.command(1, Command::Mine).is_ok());
}

#[test]
fn a_partitioned_node_answers_pokes_and_nothing_else() {
    let mut network = with_laboratory();
    vote(&mut network, 1, 1);
    partition(&mut network, true);
    let tip = network.node(1).tip();
    let work = network.node(1).chain().tip().work;
    let status = Some(PeerStatus {
        height: Height(tip.height.0 + 9),
        tip: BlockHash([9; 32]),
        work: work.plus(network.election.difficulty()),
        clock: network.time().unix,
    });
    let (nonce, now) = (7, network.now);
    let from = [address(1), TRACKER, address(99)];
    for from in from {
        let token = network
            .nodes
            .get_mut(&address(LABORATORY))
            .expect("a node")
            .membership
            .issue_token(from);
        let acknowledged = Datagram::PokeAck { nonce, status: None };
        let poke = Datagram::Poke { nonce, status };
        assert_eq!(answers(&mut network, from, poke.clone(), token), [acknowledged]);
        assert_eq!(answers(&mut network, from, poke, Token([0; 8])), [Datagram::Retry]);
        for datagram in [
            Datagram::PokeAck { nonce, status },
            Datagram::UpdatePeers { live: vec![address(8)], left: vec![address(1)] },
            Datagram::RequestBallot { offset: 0 },
            Datagram::NewTransactions(vec![network.registration(5)]),
            Datagram::LeavePeer,
            Datagram::Retry,
        ] {
            assert_eq!(answers(&mut network, from, datagram.clone(), token), []);
            // What bears no token is not asked for one, either.
            assert_eq!(answers(&mut network, from, datagram, Token([0; 8])), []);
        }
    }
    assert_eq!(network.now, now);
    let node = network.node(LABORATORY);
    assert!(
        node.membership.is_neighbour(&address(1)) && !node.membership.is_neighbour(&address(99))
    );
    assert_eq!(node.pool().len(), 0);
}

#[test]
fn two_halves_mine_apart_and_heal_when_the_partition_ends() {
    let mut network = with_laboratory();
    vote(&mut network, 1, 1);
    partition(&mut network, true);
    vote(&mut network, 1, 2);
    vote(&mut network, 2, 3);
    vote(&mut network, LABORATORY, 4);
    network.run(Duration::from_secs(20));
    assert_eq!([1, 2, LABORATORY].map(|number| votes(&network, number)), [3, 3, 2]);
    let tips = [1, LABORATORY].map(|number| network.node(number).tip().hash);
    assert_ne!(tips[0], tips[1]);
    // They keep each other all the while.
    assert_eq!(network.node(1).membership.neighbour_count(), 2);
    assert_eq!(network.node(LABORATORY).membership.neighbour_count(), 2);
    partition(&mut network, false);
    network.run(Duration::from_secs(3));
    assert_eq!([1, 2, LABORATORY].map(|number| votes(&network, number)), [4, 4, 4]);
    let tips = [1, 2, LABORATORY].map(|number| network.node(number).tip().hash);
    assert!(tips.iter().all(|tip| *tip == tips[0]), "{tips:?}");
    let moved = |(at, event): &(SocketAddr, Event)| {
        *at == address(LABORATORY) && matches!(event, Event::Reorganisation { .. })
    };
    assert!(network.events.iter().any(moved));
}

#[test]
fn two_laboratories_that_were_cut_off_find_each_other_again() {
    let mut network = Network::new();
    network.role = Role::Laboratory;
    network.add(1, Restored::default());
    network.add(LABORATORY, Restored::default());
    network.run(Duration::from_secs(2));
    let order = |is_on| Command::Experiment(Experiment::Partition(is_on));
    network.command(1, order(true)).expect("a laboratory");
    partition(&mut network, true);
    network.run(Duration::from_secs(60));
    let missed = LeaveReason::Missed(3);
    let left = Event::NeighbourLeft { address: address(1), name: None, reason: missed };
    assert!(network.events.contains(&(address(LABORATORY), left)));
    network.command(1, order(false)).expect("a laboratory");
    partition(&mut network, false);
    network.run(Duration::from_secs(2));
    assert_eq!(network.node(1).membership.neighbour_count(), 1);
}

#[test]
fn a_race_makes_a_rival_of_the_tip_and_the_smaller_hash_wins() {
    let mut network = with_laboratory();
    assert_eq!(
        network.command(
            LABORATORY,
            Command::Experiment(Experiment::Race(Arc::new(Block {
                header: Header::genesis(&network.election),
                transactions: vec![],
            })))
        ),
        Err(CommandError::NothingToRace)
    );
    vote(&mut network, 1, 1);
    let mut changes = 0;
    for _ in 0..12 {
        let old = network.node(1).tip();
        assert_eq!(race(&mut network), Ok(Answer::Experiment { height: Some(old.height) }));
        network.run(Duration::from_secs(1));
        let sent = network.events.iter().rev().find_map(|(_, event)| match event {
            Event::Experiment { block, rule: None, neighbours: 2, .. } => Some(*block),
            _ => None,
        });
        let rival = sent.expect("it was sent to both");
        assert_eq!(rival.height, old.height);
        let winner = old.hash.min(rival.hash);
        for number in [1, 2, LABORATORY] {
            assert_eq!(network.node(number).tip().hash, winner, "node {number}");
            assert_eq!(votes(&network, number), 1, "node {number}");
        }
        changes += u32::from(winner != old.hash);
    }
    assert!(changes > 0, "one in two changes the tip at first");
    let rival =
        Arc::new(Block { header: Header::genesis(&network.election), transactions: vec![] });
    let late = network.command(LABORATORY, Command::Experiment(Experiment::Race(rival)));
    assert_eq!(late, Err(CommandError::TipMoved));
}

/// What is said of a block that breaks a rule, and of no other.
fn words(rule: AuditRule) -> &'static str {
    match rule {
        AuditRule::NoWork => "shows less work than the difficulty",
        AuditRule::MerkleRoot => "the body's merkle root is",
        AuditRule::Height => "its height is",
        AuditRule::Difficulty => "its difficulty is",
        AuditRule::NotAfterParent => "is not above its parent's",
        AuditRule::TooEarly => "early by 86",
        // In an election whose limit ends a piece, it is the pieces that are too many.
        AuditRule::BlockTooLarge => "pieces of block",
        AuditRule::TransactionTooLarge => "bytes, over 1100",
        AuditRule::QuestionCount => "answers 2 questions; the ballot asks 1",
        AuditRule::ChoiceCount => "has 2 choices; the ballot allows 0 to 1",
        AuditRule::NoSuchOption => "has no option 3",
        AuditRule::Stamp => "stamp",
        AuditRule::BadKey => "is not a compressed point",
        AuditRule::SignatureOutOfRange => "the signature's numbers are out of range",
        AuditRule::HighS => "is in the upper half",
        AuditRule::BadRecoveryBit => "the recovery bit is 2",
        AuditRule::WrongRecoveryBit => "does not lead back to the signer's key",
        AuditRule::WrongSigner => "the signature is not by voter",
        AuditRule::AlreadyRegistered => "is registered already",
        AuditRule::NotRegistered => "is not registered",
        AuditRule::AlreadyVoted => "has voted already",
        other => panic!("{other} is not offered, or this ballot leaves no way to break it"),
    }
}

#[test]
fn each_bad_block_is_refused_by_the_others_for_its_rule() {
    let mut network = with_laboratory();
    vote(&mut network, 1, 1);
    for (rule, _) in Forgery::OFFERED {
        if Forgery::new(rule, &network.election, [9; 32], network.time().unix).is_err() {
            continue; // This ballot takes one choice, and neither opens nor closes.
        }
        // Headers whose bodies can't be had are of no weight any more once the chain has grown.
        network.command(1, Command::Mine).expect("it mines");
        network.run(Duration::from_secs(3));
        let tip = network.node(LABORATORY).tip();
        assert_eq!(network.node(1).tip(), tip, "{rule}");
        network.events.clear();
        let order = Command::Experiment(forgery(&network, rule));
        assert!(network.command(LABORATORY, order).is_ok(), "{rule}");
        network.run(Duration::from_secs(4));
        for number in [1, 2] {
            let said: Vec<_> = network
                .events
                .iter()
                .filter(|(at, _)| *at == address(number))
                .filter_map(|(_, event)| match event {
                    Event::Misbehaviour { reason, .. } => Some(reason.clone()),
                    Event::InvalidBlock { reason, .. } => Some(reason.clone()),
                    Event::EarlyBlock { ahead, .. } => Some(format!("early by {ahead:?}")),
                    _ => None,
                })
                .collect();
            assert!(said.iter().any(|reason| reason.contains(words(rule))), "{rule}: {said:#?}");
            assert_eq!(network.node(number).tip(), tip, "{rule}");
        }
        assert_eq!(network.node(LABORATORY).tip(), tip, "{rule}: its own chain has none of it");
        assert_eq!(network.node(1).membership.neighbour_count(), 2, "{rule}: nobody is banned");
    }
    // And the network goes on.
    vote(&mut network, 2, 2);
    assert_eq!([1, 2, LABORATORY].map(|number| votes(&network, number)), [2, 2, 2]);
}

#[test]
fn who_sends_bad_blocks_without_a_pause_is_ignored_for_a_while() {
    let mut network = with_laboratory();
    for _ in 0..20 {
        let order = Command::Experiment(forgery(&network, AuditRule::Height));
        if network.command(LABORATORY, order).is_err() {
            break;
        }
        network.run(Duration::from_millis(150));
    }
    let duration = Duration::from_secs(300);
    let banned = |network: &Network| {
        let left = |at: u16| {
            let reason = LeaveReason::Banned(duration);
            let event = Event::NeighbourLeft { address: address(LABORATORY), name: None, reason };
            network.events.contains(&(address(at), event))
        };
        left(1) && left(2)
    };
    assert!(banned(&network));
    network.run(duration + Duration::from_secs(10));
    assert_eq!(network.node(1).membership.neighbour_count(), 2);
}

#[test]
fn a_bad_block_needs_somebody_to_send_it_to() {
    let mut network = Network::new();
    network.role = Role::Laboratory;
    network.add_without_neighbours(LABORATORY);
    let order = Command::Experiment(forgery(&network, AuditRule::Height));
    assert_eq!(network.command(LABORATORY, order.clone()), Err(CommandError::NoNeighbours));
    partition(&mut network, true);
    assert_eq!(network.command(LABORATORY, order), Err(CommandError::Partitioned));
}
