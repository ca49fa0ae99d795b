//! A thousand voters at once, at peers that are killed meanwhile. Whoever got no answer sends the same bytes again;
//! whoever was told "accepted" never does, and has to be counted.

mod clients;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use protocol::election::Election;
use serde_json::Value;

use crate::harness::http::HttpConnection;
use crate::harness::{Network, PATIENCE, Peer, Voter, agree, meet_all, offline, until};

use super::get;
use clients::{Board, Pair, Work};

const PEERS: usize = 3;
const VOTERS: u64 = 1_000;

/// Transactions in one request, by turns.
const BATCHES: [usize; 5] = [1, 4, 20, 100, 250];

/// Acceptances, of 2,000, at which one peer is killed, and then another; at the last all are, at once.
const KILL_ONE_AT: [(usize, usize); 3] = [(250, 0), (600, 1), (950, 2)];
const KILL_ALL_AT: usize = 1_300;

/// For all of it on a busy machine.
const LOAD_PATIENCE: Duration = Duration::from_secs(90);

#[test]
fn a_thousand_voters_at_once_are_all_counted_by_peers_that_are_killed_meanwhile() {
    let mut network = Network::start(PEERS, 12);
    let pairs = sign(&network.election);
    let board = Board::new(network.peers.iter().map(|peer| peer.api).collect());
    let work = deal(&pairs);
    let mut kept = 0;
    std::thread::scope(|scope| {
        let _end = board.end_at_drop();
        let began = Instant::now();
        let workers = clients::start(scope, &board, work);
        for (count, victim) in KILL_ONE_AT {
            board.wait_for(count, LOAD_PATIENCE);
            let promised = kill(&mut network, victim, &board);
            restart(&mut network, victim, &board);
            kept += assert_kept(&network.peers[victim], &promised);
        }
        board.wait_for(KILL_ALL_AT, LOAD_PATIENCE);
        kept += kill_all(&mut network, &board);
        for worker in workers {
            worker.join().expect("all were accepted in the end");
        }
        let (took, again) = (began.elapsed(), board.sent_again());
        eprintln!(
            "{VOTERS} voters accepted within {took:?}; {again} requests were sent again; {kept} promises kept"
        );
    });
    assert!(kept > 0, "nobody was killed with a promise to keep");
    let tip = agree(&mut network.peers, VOTERS, 2 * PATIENCE);
    for (place, peer) in network.peers.iter().enumerate() {
        assert_kept(peer, &board.accepted_by(place));
        let results = get(peer.api, "/v1/results").json();
        assert_eq!(results["registered_voters"], VOTERS, "{results}");
        assert_eq!(tally(&results), [334, 333, 333], "{tip:?}: {results}");
    }
    audit(network);
}

/// Registrations and votes, so that nothing is left to do but to send them.
fn sign(election: &Election) -> Vec<Pair> {
    let sign = |number| {
        let voter = Voter::new(election, number);
        let option = u16::try_from(number % 3).expect("a small number");
        Pair { registration: voter.registration(), vote: voter.vote(option) }
    };
    (0..VOTERS).map(sign).collect()
}

/// Half of the voters send both transactions in one request; the others register at one peer and vote at another.
fn deal(pairs: &[Pair]) -> Vec<Work> {
    let mut work = Vec::new();
    let mut left = pairs;
    for number in 0.. {
        let together = number % 2 == 0;
        let batch = BATCHES[number / 2 % BATCHES.len()];
        // A pair is two transactions where it comes together.
        let voters = if together { batch.div_ceil(2) } else { batch };
        let (pairs, rest) = left.split_at(voters.min(left.len()));
        left = rest;
        let first = number % PEERS;
        let second = if together { first } else { (first + 1 + number / PEERS % 2) % PEERS };
        work.push(Work { pairs: pairs.to_vec(), together, first, second });
        if left.is_empty() {
            break;
        }
    }
    work
}

/// Kills a peer; gives what it had promised by then.
fn kill(network: &mut Network, victim: usize, board: &Board) -> BTreeMap<String, String> {
    network.peers[victim].program.kill_hard();
    board.accepted_by(victim)
}

/// Starts a peer that was killed, where it was.
fn restart(network: &mut Network, place: usize, board: &Board) {
    let killed = &network.peers[place];
    let stderr = killed.program.stderr();
    assert!(!stderr.contains("panicked"), "{stderr}");
    let (address, directory) = (killed.address.to_string(), killed.data_directory.clone());
    let name = format!("peer {} again", place + 1);
    let arguments = [network.tracker_address(), address];
    let peer = Peer::start(&name, &[&arguments[0], &arguments[1]], &directory);
    board.moved(place, peer.api);
    network.peers[place] = peer;
}

/// Kills all peers at once, and starts each while the others are dead or stopped: what it has then, it has from its
/// own disk.
fn kill_all(network: &mut Network, board: &Board) -> usize {
    for peer in &network.peers {
        peer.program.signal("STOP");
    }
    let promised: Vec<_> = (0..PEERS).map(|place| kill(network, place, board)).collect();
    let mut kept = 0;
    for (place, promised) in promised.iter().enumerate() {
        restart(network, place, board);
        kept += assert_kept(&network.peers[place], promised);
        network.peers[place].program.signal("STOP");
    }
    for peer in &network.peers {
        peer.program.signal("CONT");
    }
    meet_all(&mut network.peers, PATIENCE);
    kept
}

/// All that a peer promised is in its pool or on its best chain, as it was sent.
fn assert_kept(peer: &Peer, promised: &BTreeMap<String, String>) -> usize {
    let mut connection = HttpConnection::open(peer.api);
    for (id, encoding) in promised {
        let answer = until("the peer takes another request", PATIENCE, || {
            let answer = connection.try_ask("GET", &format!("/v1/transactions/{id}"), &[], b"");
            let Ok(answer) = answer else {
                // Others that wait for answers may have taken its place.
                connection = HttpConnection::open(peer.api);
                return None;
            };
            (answer.status != 429 && answer.status != 503).then_some(answer)
        });
        assert_eq!(answer.status, 200, "accepted and lost: {id}: {}", answer.text());
        assert_eq!(answer.json()["encoding"], **encoding, "{id}");
    }
    promised.len()
}

/// A replay from scratch of what lies on the disks.
fn audit(mut network: Network) {
    let directories: Vec<_> =
        network.peers.iter().map(|peer| peer.data_directory.clone()).collect();
    for peer in &mut network.peers {
        peer.program.kill_hard();
    }
    for directory in directories {
        let report = offline::audit(&directory);
        assert_eq!(report["votes"], VOTERS, "{report}");
        assert_eq!(report["registrations"], VOTERS, "{report}");
    }
}

/// Votes per option of the only question.
fn tally(results: &Value) -> [u64; 3] {
    [0, 1, 2].map(|option| {
        let votes = &results["questions"][0]["options"][option]["votes"];
        votes.as_u64().unwrap_or_else(|| panic!("{results}"))
    })
}
