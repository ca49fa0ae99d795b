//! What the API shares out by address: one that takes its whole share leaves what is left to others.

use std::thread;

use peer::ArchiveWriter;
use protocol::block::Header;
use sim::forge;

use crate::harness::http::{HttpConnection, request};
use crate::harness::{Network, PATIENCE, Peer, Voter, new_election, offline, until};

use super::{start_quiet_peer, submission};

const GREEDY: [u8; 4] = [127, 0, 0, 2];
const OTHER: [u8; 4] = [127, 0, 0, 3];
const THIRD: [u8; 4] = [127, 0, 0, 4];

/// What a peer gives to one address.
const LISTENERS_PER_ADDRESS_MAX: usize = 16;
const ARCHIVES_PER_ADDRESS_MAX: usize = 2;
const TRANSACTIONS_MAX: usize = 1_000;

/// So many that their archive fits into no buffer on its way: each takes 144 bytes.
const BLOCKS: usize = 10_000;

/// Asks for something that is long, and reads whether it comes.
fn begin(peer: &Peer, from: [u8; 4], target: &str) -> (HttpConnection, u16) {
    let mut connection = HttpConnection::open_from(from, peer.api);
    let host = peer.api.to_string();
    connection.send(&request("GET", target, &[("Host", &host)], b"")).expect("it is read");
    let status = connection.head().expect("an answer").status;
    (connection, status)
}

/// Two addresses take their whole shares, a third is served all the same, and what goes makes room.
fn assert_shared_out(peer: &Peer, target: &str, share: usize) {
    let mut held = Vec::new();
    for greedy in [GREEDY, OTHER] {
        for _ in 0..share {
            let (connection, status) = begin(peer, greedy, target);
            assert_eq!(status, 200, "{target}");
            held.push(connection);
        }
        for _ in 0..10 {
            assert_eq!(begin(peer, greedy, target).1, 503, "{target}");
        }
    }
    let (_third, status) = begin(peer, THIRD, target);
    assert_eq!(status, 200, "{target}: a third address is not kept from it");
    held.remove(0);
    until("a place is free again", PATIENCE, || {
        (begin(peer, GREEDY, target).1 == 200).then_some(())
    });
}

#[test]
fn two_addresses_do_not_keep_a_third_from_hearing_what_happens() {
    let mut network = Network::without_tracker(new_election(8));
    let peer = start_quiet_peer(&mut network, &[]);
    assert_shared_out(&peer, "/v1/events", LISTENERS_PER_ADDRESS_MAX);
}

#[test]
fn two_addresses_do_not_keep_a_third_from_the_archive() {
    let mut network = Network::without_tracker(new_election(4));
    let archive = network.directory.path().join("a.archive");
    let mut writer = ArchiveWriter::create(&archive, &network.election, false).expect("begun");
    let mut parent = Header::genesis(&network.election);
    for _ in 0..BLOCKS {
        let block = forge::block(&parent, Vec::new(), parent.time);
        writer.append(&block).expect("written");
        parent = block.header;
    }
    writer.finish().expect("finished");
    let directory = network.new_data_directory();
    let (code, stderr) = offline::import(&archive, &directory);
    assert_eq!(code, Some(0), "{stderr}");
    let peer = Peer::start("peer with a long chain", &["0", "--no-mining"], &directory);
    assert_shared_out(&peer, "/v1/archive", ARCHIVES_PER_ADDRESS_MAX);
}

#[test]
fn one_address_that_hands_in_too_much_is_told_so_and_another_is_served() {
    let mut network = Network::without_tracker(new_election(8));
    let peer = start_quiet_peer(&mut network, &[]);
    let voter = Voter::new(&network.election, 1);
    let full = submission(&vec![voter.registration(); TRANSACTIONS_MAX]);
    let post = |from, body: &[u8]| {
        HttpConnection::open_from(from, peer.api).ask("POST", "/v1/transactions", &[], body)
    };
    let refused = until("more wait than may", PATIENCE, || {
        thread::scope(|scope| {
            let asked: Vec<_> = (0..40).map(|_| scope.spawn(|| post(GREEDY, &full))).collect();
            let other = post(OTHER, &submission(&[voter.registration()]));
            assert_eq!(other.status, 200, "{other:?}");
            let answers = asked.into_iter().map(|asked| asked.join().expect("it is answered"));
            let (taken, refused): (Vec<_>, Vec<_>) = answers.partition(|each| each.status == 200);
            assert!(!taken.is_empty(), "{refused:?}");
            refused.into_iter().find(|each| each.status == 503)
        })
    });
    assert_eq!((refused.status, refused.problem()), (503, "busy".to_owned()));
    assert_eq!(post(GREEDY, &submission(&[voter.vote(1)])).status, 200, "afterwards as before");
}
