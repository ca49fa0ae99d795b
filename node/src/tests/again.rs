//! Transactions that are handed in again: by somebody who lost the answer, and by somebody who wants more.

use super::*;
use crate::VerifyJob;
use chain::TransactionError;

/// Hands in what is known with its very id, and another one of the same voter.
fn assert_known(network: &mut Network, number: u16, known: &[Transaction], voter: u8) {
    for transaction in known {
        let id =
            HashedTransaction::new(transaction.clone(), network.node(number).chain.election_id());
        assert_eq!(network.submit(number, transaction.clone()), Ok(id.id()));
    }
    let refused = TransactionError::AlreadyVoted { voter: key(voter).public().voter() };
    let other = network.vote(voter, 1);
    assert_eq!(network.submit(number, other), Err(refused.into()));
}

#[test]
fn what_is_handed_in_again_is_accepted_wherever_it_stands() {
    let mut network = Network::with_nodes(2);
    let known = [network.registration(1), network.vote(1, 0)];
    for transaction in &known {
        network.submit(1, transaction.clone()).expect("new");
    }
    assert_known(&mut network, 1, &known, 1);
    assert_eq!(network.node(1).pool().len(), 2);
    network.run(Duration::from_secs(5));
    // In the tip, which is in memory, and below it. Its hour may be long past.
    for wait in [1, 1_200] {
        assert!(network.node(1).pool().is_empty());
        for number in [1, 2] {
            assert_known(&mut network, number, &known, 1);
        }
        network.command(1, Command::Mine).expect("an order");
        network.run(Duration::from_secs(wait));
    }
    assert_eq!(network.node(2).chain.tally().votes, 1);
}

/// The answer may have been lost with the peer.
#[test]
fn what_is_handed_in_again_after_a_crash_is_accepted() {
    let mut network = Network::with_nodes(1);
    let known = [network.registration(1), network.vote(1, 0)];
    for transaction in &known {
        network.submit(1, transaction.clone()).expect("new");
    }
    network.restart(1);
    assert_known(&mut network, 1, &known, 1);
    network.run(Duration::from_secs(5));
    network.command(1, Command::Mine).expect("an order");
    network.run(Duration::from_secs(1));
    network.restart(1);
    assert_eq!(network.node(1).chain.tally().votes, 1);
    let bodies = (1..=network.node(1).tip().height.0).map(protocol::units::Height);
    let chain = &network.node(1).chain;
    assert!(
        bodies.clone().all(|height| chain.is_stored(&chain.best_hash(height).expect("a block")))
    );
    assert_known(&mut network, 1, &known, 1);

    // A body that is needed to tell and is lost is said to be, and one that is not is not asked for.
    network.disks.get_mut(&address(1)).expect("it wrote blocks").clear();
    assert_eq!(network.submit(1, known[1].clone()), Err(CommandError::BlockLost));
}

#[test]
fn a_full_request_that_is_sent_again_after_a_crash_is_accepted() {
    const TIMES: usize = 1_000;
    let mut network = Network::with_nodes(1);
    let registration = network.registration(1);
    network.submit(1, registration.clone()).expect("new");
    network.run(Duration::from_secs(5));
    let tip = network.node(1).tip();
    assert!(tip.height.0 > 0);
    let block = Arc::clone(network.node(1).chain.block(&tip.hash).expect("it is new"));
    network.restart(1);

    let now = network.time();
    let node = network.nodes.get_mut(&address(1)).expect("a node");
    for _ in 0..TIMES {
        let command = Command::Submit(Box::new(registration.clone()));
        let answer = node.handle_command(command, now);
        assert!(matches!(answer, Ok(Answer::Pending(_))), "{answer:?}");
    }
    let mut accepted = 0;
    while let Some(output) = node.poll_output() {
        if let Output::Load(job) = output {
            node.handle_loaded(job.number, Ok(Arc::clone(&block)), now);
        } else if let Output::Answered { outcome, .. } = output {
            assert!(matches!(outcome, Ok(Answer::Accepted { .. })), "{outcome:?}");
            accepted += 1;
        }
    }
    assert_eq!(accepted, TIMES);
}

/// Effects of a node whose disk and checks are slow.
struct Slow {
    batches: Vec<u64>,
    checks: Vec<VerifyJob>,
    outcomes: Vec<(Ticket, Result<Answer, CommandError>)>,
}

fn effects(node: &mut Node) -> Slow {
    let mut slow = Slow { batches: vec![], checks: vec![], outcomes: vec![] };
    while let Some(output) = node.poll_output() {
        match output {
            Output::Persist(batch) => slow.batches.push(batch.number),
            Output::Verify(job) => slow.checks.push(job),
            Output::Answered { ticket, outcome } => slow.outcomes.push((ticket, outcome)),
            Output::Event(_) | Output::Transmit { .. } => {}
            Output::Load(_)
            | Output::Mine(_)
            | Output::StopMining
            | Output::Sign(_)
            | Output::LookUp(_)
            | Output::Announce { .. }
            | Output::Refused { .. }
            | Output::Left => {
                panic!("{output:?} is not expected")
            }
        }
    }
    slow
}

#[test]
fn what_is_handed_in_again_is_accepted_once_it_is_durable_and_not_before() {
    let mut network = Network::with_nodes(1);
    let registration = network.registration(1);
    let now = network.time();
    let node = network.nodes.get_mut(&address(1)).expect("a node");
    let submit = |node: &mut Node| {
        let command = Command::Submit(Box::new(registration.clone()));
        match node.handle_command(command, now) {
            Ok(Answer::Pending(ticket)) => ticket,
            other => panic!("{other:?}"),
        }
    };
    // The second while the first is being checked, the third while it is being written.
    let mut tickets = vec![submit(node), submit(node)];
    for check in effects(node).checks {
        let verdicts =
            check.transactions.iter().map(|each| each.check_signatures(&check.election.admission));
        node.handle_verified(check.number, verdicts.collect(), now);
    }
    tickets.push(submit(node));
    let waiting = effects(node);
    assert_eq!((waiting.batches.len(), waiting.outcomes), (1, vec![]));
    let refused = |outcomes: &[(Ticket, Result<Answer, CommandError>)]| {
        let is_refused = |(_, outcome): &(Ticket, Result<Answer, CommandError>)| {
            matches!(outcome, Err(CommandError::NotDurable { .. }))
        };
        outcomes.iter().filter(|each| is_refused(each)).map(|(ticket, _)| *ticket).collect()
    };
    node.handle_persist_failed(waiting.batches[0], "full", now);
    let told: Vec<_> = refused(&effects(node).outcomes);
    assert_eq!(told, tickets);

    let later = submit(node);
    assert_eq!(effects(node).outcomes, []);
    node.handle_persisted(waiting.batches[0], now);
    let id = HashedTransaction::new(registration.clone(), node.chain.election_id()).id();
    assert_eq!(effects(node).outcomes, [(later, Ok(Answer::Accepted { id, is_late: false }))]);
    // What else waits for the disk is no reason to wait.
    node.persist(Record::Neighbours(vec![]));
    let at_once = submit(node);
    assert_eq!(effects(node).outcomes, [(at_once, Ok(Answer::Accepted { id, is_late: false }))]);
}

/// The voter is registered by the other one.
#[test]
fn a_second_registration_of_a_key_that_waits_is_not_told_of_after_a_restart() {
    let mut network = Network::new();
    let id = network.election.election_id();
    let again = (1..).map(|first| {
        HashedTransaction::new(Transaction::open_registration(&id, &key(1), first), &id)
    });
    let first = registration(1);
    let second = again.into_iter().find(|each| each.id() != first.id()).expect("another stamp");
    let pool = vec![(1, (*first).clone()), (2, second)];
    network.add(1, Restored { pool, ..Restored::default() });
    let told = |(_, event): &&(SocketAddr, Event)| matches!(event, Event::Superseded { .. });
    assert_eq!(network.events.iter().find(told), None);
    assert_eq!(network.node(1).pool().len(), 1);
}
