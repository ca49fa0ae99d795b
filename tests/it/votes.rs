//! Votes are counted, all of them, by everybody.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Network, PATIENCE, Peer, Tip, Voter, agree};

/// One peer's mine is 4,096 attempts: blocks come so fast that peers often find two at a time.
const DIFFICULTY_BITS: u8 = 12;

#[test]
fn votes_of_one_moment_are_all_counted_in_every_run() {
    let wanted = std::env::var("OSTRAKON_TEST_ROUNDS").ok();
    let rounds = wanted.map_or(20, |rounds| rounds.parse().expect("a number of rounds"));
    let (mut done, mut too_slow) = (0, 0);
    while done < rounds {
        let mut network = Network::start(5, DIFFICULTY_BITS);
        let began = Instant::now();
        for (index, peer) in network.peers.iter_mut().enumerate() {
            peer.tell(&format!("vote {}", index % 3 + 1));
        }
        if began.elapsed() >= Duration::from_millis(50) {
            // The machine kept this test from its processor: that was no simultaneous vote.
            too_slow += 1;
            assert!(too_slow <= 5, "this machine is too busy for a test of simultaneous votes");
            continue;
        }
        for peer in &mut network.peers {
            let answer = peer.next_answer(PATIENCE);
            assert_eq!(answer["accepted"], true, "round {done}: {answer}");
        }
        let left = Duration::from_secs(15).saturating_sub(began.elapsed());
        agree(&mut network.peers, 5, left);
        for peer in &mut network.peers {
            assert_eq!(tally(peer), [2, 2, 1], "round {done}");
        }
        done += 1;
    }
}

#[test]
fn three_hundred_voters_at_three_peers_are_all_counted() {
    const VOTERS: usize = 100;
    const PERIOD: Duration = Duration::from_millis(20);
    let mut network = Network::start(3, DIFFICULTY_BITS);
    let election = network.election.clone();
    let votes_of_peer = |index: usize| {
        let numbers = (0..VOTERS).map(|number| (index * VOTERS + number) as u64);
        let option = u16::try_from(index).expect("a small number");
        numbers
            .map(|number| {
                let voter = Voter::new(&election, number);
                (voter.registration(), voter.vote(option))
            })
            .collect::<Vec<_>>()
    };
    let prepared: Vec<_> = (0..network.peers.len()).map(votes_of_peer).collect();
    thread::scope(|scope| {
        for (peer, votes) in network.peers.iter_mut().zip(&prepared) {
            scope.spawn(move || submit_at_a_rate(peer, votes, PERIOD));
        }
    });
    let tip = agree(&mut network.peers, 300, Duration::from_secs(10));
    for peer in &mut network.peers {
        assert_eq!(tally(peer), [100, 100, 100], "{tip:?}");
    }
    no_voter_stands_twice_on_the_chain(&mut network.peers[0], &tip);
}

/// Hands in one voter per period, whether or not the answers keep up, and reads all answers.
fn submit_at_a_rate(peer: &mut Peer, votes: &[(String, String)], period: Duration) {
    let began = Instant::now();
    let mut accepted = 0;
    let mut check = |answer: serde_json::Value| {
        assert_eq!(answer["accepted"], true, "{answer}");
        accepted += 1;
    };
    for (place, (registration, vote)) in votes.iter().enumerate() {
        peer.tell(&format!("submit {registration}"));
        peer.tell(&format!("submit {vote}"));
        let next = began + period * u32::try_from(place + 1).expect("a small number");
        while let Some(answer) = peer.try_answer() {
            check(answer);
        }
        // Keeps the rate; nothing is assumed to have happened meanwhile.
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    while accepted < 2 * votes.len() {
        let answer = peer.next_answer(PATIENCE);
        assert_eq!(answer["accepted"], true, "{answer}");
        accepted += 1;
    }
}

fn no_voter_stands_twice_on_the_chain(peer: &mut Peer, tip: &Tip) {
    let mut votes = BTreeMap::new();
    for height in 1..=tip.height {
        let block = peer.ask(&format!("block {height}"));
        for transaction in block["transactions"].as_array().expect("a list") {
            if transaction["kind"] == "vote" {
                let voter = transaction["voter"].as_str().expect("a voter").to_owned();
                assert_eq!(votes.insert(voter, height), None, "{transaction}");
            }
        }
    }
    assert_eq!(votes.len() as u64, tip.votes);
}

/// Votes per option of the first question.
fn tally(peer: &mut Peer) -> Vec<u64> {
    let results = peer.ask("results");
    let options = results["questions"][0]["options"].as_array().expect("a list");
    options.iter().map(|option| option["votes"].as_u64().expect("a number")).collect()
}
