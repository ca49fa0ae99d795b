//! What validators do: together, and when some are gone, are started again, or run twice.

use protocol::datagram::{Datagram, Envelope};

use super::*;
use crate::{Abstention, CommandError, Experiment, Role, TwinSign};

fn of_votes(at: u16, bytes: &[u8], from: SocketAddr, is_lost: fn(&Datagram) -> bool) -> bool {
    let envelope = Envelope::decode(bytes).expect("ours");
    from == address(at) && is_lost(&envelope.datagram)
}

#[test]
fn votes_become_final_within_a_few_blocks_and_everybody_is_told() {
    let mut network = Network::with_validators(6);
    network.run_until(UNTIL_OPEN + INTERVAL * 8);
    let cast: Vec<_> = (1..=6u8).map(|voter| network.cast(u16::from(voter), voter)).collect();
    network.run(INTERVAL * 12);
    for number in 1..=6 {
        let view = network.finality(number);
        assert_eq!((view.votes_final, view.votes_above, view.votes_waiting), (6, 0, 0), "{number}");
        assert_eq!(view.final_tally.map(|tally| tally.votes), Some(6));
        assert!(view.certificate.is_some());
        for id in &cast {
            assert!(matches!(network.fate(number, *id), Some(Fate::Final { since: Some(_) })));
        }
        assert!(network.told(number).any(|event| matches!(event, Event::Final { votes: 6, .. })));
    }
    network.assert_nobody_signed_twice();
    // What is final and holds nothing new needs no more blocks until the election closes.
    let height = network.node(1).tip().height;
    network.run(INTERVAL * 5);
    assert_eq!(network.node(1).tip().height, height);
}

#[test]
fn one_whose_commits_are_lost_holds_nobody_up_and_all_have_one_certificate() {
    let mut network = Network::with_validators(5);
    network.loses = |from, _, bytes| {
        of_votes(2, bytes, from, |datagram| matches!(datagram, Datagram::Commit(_)))
    };
    network.run_until_state(5, ElectionState::Final);
    network.run(INTERVAL * 25);
    let all: Vec<_> = (1..=5).map(|number| network.finality(number).closing_certificate).collect();
    let all: Vec<_> = all.into_iter().map(|seen| seen.expect("final").certificate).collect();
    assert!(all.iter().all(|certificate| *certificate == all[0]), "{all:?}");
    network.assert_nobody_signed_twice();
}

#[test]
fn all_votes_that_are_lost_for_a_while_are_repeated() {
    let mut network = Network::with_validators(4);
    network.run_until(UNTIL_OPEN + INTERVAL * 8);
    network.loses = |_, _, bytes| {
        let datagram = Envelope::decode(bytes).expect("ours").datagram;
        matches!(datagram, Datagram::Commit(_) | Datagram::Prepare(_))
    };
    network.cast(1, 1);
    network.run(INTERVAL * 6);
    assert_eq!(network.finality(1).votes_final, 0);
    network.loses = |_, _, _| false;
    network.run(INTERVAL * 4);
    assert_eq!(network.finality(1).votes_final, 1);
    network.assert_nobody_signed_twice();
}

#[test]
fn one_that_is_killed_again_and_again_never_signs_twice() {
    let mut network = Network::with_validators(4);
    network.run_until(UNTIL_OPEN);
    for round in 0..24u16 {
        let number = round % 4 + 1;
        network.restart(number);
        network.run(INTERVAL);
    }
    network.run_until_state(4, ElectionState::Final);
    network.assert_nobody_signed_twice();
    // What it had decided before is signed again, to the same bytes.
    let (at, vote) = &network.signed[0];
    assert!(network.signed.iter().filter(|(other, each)| at == other && each == vote).count() >= 1);
}

#[test]
fn nothing_is_signed_that_the_disk_does_not_have() {
    let mut network = Network::with_validators(4);
    network.run_until(UNTIL_OPEN - INTERVAL * 2);
    network.fill_disk(3);
    let before = network.signed.iter().filter(|(at, _)| *at == address(3)).count();
    network.run(INTERVAL * 6);
    let after = network.signed.iter().filter(|(at, _)| *at == address(3)).count();
    assert!(before > 0 && after <= before + 1, "{before} and {after}");
    network.free_disk(3);
    network.run(INTERVAL * 6);
    assert!(network.signed.iter().filter(|(at, _)| *at == address(3)).count() > after);
    network.assert_nobody_signed_twice();
}

#[test]
fn two_are_killed_and_the_end_waits_for_them() {
    let mut network = Network::with_validators(5);
    network.run_until(UNTIL_OPEN + INTERVAL * 8);
    network.cast(5, 1);
    network.run(INTERVAL * 8);
    network.nodes.remove(&address(3));
    network.nodes.remove(&address(4));
    network.run_until(UNTIL_CLOSED + INTERVAL * 20);
    for number in [1, 2, 5] {
        assert_eq!(network.finality(number).state, ElectionState::Sealing);
    }
    network.restart(3);
    network.restart(4);
    network.run_until_state(5, ElectionState::Final);
    network.assert_nobody_signed_twice();
}

#[test]
fn a_laboratory_that_signs_twice_is_shown_by_all_and_changes_nothing() {
    let mut network = Network::timed(with_validators(), 5);
    for number in 1..=4 {
        let own = OwnValidator { place: number - 1, trusts_empty_store: false };
        network.validators.insert(number, own);
    }
    (1..=3).for_each(|number| network.add(number, Restored::default()));
    network.role = Role::Laboratory;
    (4..=5).for_each(|number| network.add(number, Restored::default()));
    let order = || Command::Experiment(Experiment::SignTwice);
    network.run(INTERVAL);
    assert_eq!(network.command(4, order()), Err(CommandError::NothingSigned));
    network.run_until(UNTIL_OPEN + INTERVAL * 8);
    assert_eq!(network.command(3, order()), Err(CommandError::NotALab));
    assert_eq!(network.command(5, order()), Err(CommandError::NotAValidator));
    network.command(4, Command::Experiment(Experiment::Partition(true))).expect("a laboratory");
    assert_eq!(network.command(4, order()), Err(CommandError::Partitioned));
    network.command(4, Command::Experiment(Experiment::Partition(false))).expect("a laboratory");
    assert!((1..=5).all(|number| network.finality(number).evidence.is_empty()));

    let Ok(Answer::Experiment { height: Some(height) }) = network.command(4, order()) else {
        panic!("it has signed")
    };
    network.run(INTERVAL * 2);
    for number in 1..=5 {
        let view = network.finality(number);
        let [shown] = &view.evidence[..] else { panic!("{number}: {:?}", view.evidence) };
        assert_eq!((shown.name.as_str(), shown.offence), ("Validator 3", Offence::TwoPrepares));
        assert_eq!(shown.evidence.first.block().height, height);
        assert!(network.told(number).any(|event| matches!(event, Event::Evidence { .. })));
    }
    let own = network.finality(4).own_validator.expect("it is one");
    assert_eq!(own.abstains, None, "it signs on, as the rules are");
    network.cast(1, 1);
    network.run_until_state(5, ElectionState::Final);
    assert_eq!(network.finality(5).votes_final, 1);
    network.assert_nobody_signed_twice();
}

#[test]
fn two_peers_with_one_key_notice_each_other_and_stop() {
    let mut network = Network::with_validators(4);
    network.run_until(UNTIL_OPEN - INTERVAL * 4);
    network.validators.insert(5, OwnValidator { place: 0, trusts_empty_store: true });
    network.add(5, Restored::default());
    network.run(INTERVAL * 3);
    for number in [1, 5] {
        let own = network.finality(number).own_validator.expect("it is one");
        assert!(
            matches!(own.abstains, Some(Abstention::Twin(TwinSign::Presence { .. }))),
            "{own:?}"
        );
        let told = network.told(number).filter(|event| matches!(event, Event::Twin { .. }));
        assert_eq!(told.count(), 1);
    }
    let signed = network.signed.len();
    network.run(INTERVAL * 6);
    assert!(!network.signed[signed..].iter().any(|(at, _)| [address(1), address(5)].contains(at)));
    // The others are enough.
    network.run_until_state(5, ElectionState::Final);
    network.assert_nobody_signed_twice();
}

#[test]
fn a_validator_without_its_store_abstains_until_a_person_trusts_that() {
    let mut network = Network::with_validators(4);
    network.run_until(UNTIL_OPEN);
    network.nodes.remove(&address(4));
    network.records.remove(&address(4));
    network.disks.remove(&address(4));
    network.run(INTERVAL);
    network.add(4, Restored::default());
    network.run(INTERVAL * 5);
    let own = network.finality(4).own_validator.expect("it is one");
    assert_eq!(own.abstains, Some(Abstention::NoRecord));
    assert!(
        network.told(4).any(|event| *event == Event::Abstains { reason: Abstention::NoRecord })
    );
    let signed = network.signed.iter().filter(|(at, _)| *at == address(4)).count();

    network.nodes.remove(&address(4));
    network.records.remove(&address(4));
    network.validators.insert(4, OwnValidator { place: 3, trusts_empty_store: true });
    network.add(4, Restored::default());
    network.run(Duration::from_secs(1));
    let own = network.finality(4).own_validator.expect("it is one");
    assert_eq!(own.abstains, Some(Abstention::HearsOthersOut));
    network.run(Duration::from_secs(5));
    network.cast(1, 1);
    network.run(INTERVAL * 8);
    let own = network.finality(4).own_validator.expect("it is one");
    assert_eq!(own.abstains, None);
    assert!(network.signed.iter().filter(|(at, _)| *at == address(4)).count() > signed);
    network.assert_nobody_signed_twice();
}

#[test]
fn a_validator_whose_clock_is_off_signs_nothing() {
    let mut network = Network::with_validators(5);
    network.skews.insert(address(4), -45_000);
    network.run_until(UNTIL_OPEN);
    let own = network.finality(4).own_validator.expect("it is one");
    assert_eq!(own.abstains, Some(Abstention::ClockOff));
    assert!(!network.signed.iter().any(|(at, _)| *at == address(4)));
}
