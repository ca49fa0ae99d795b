//! What a stranger sends has no effect on anybody, and its honest twin, sent the right way, has its effect.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::block::Header;
use protocol::datagram::{
    AnnouncedBody, ChainRequest, Datagram, Envelope, HEADERS_PER_PIECE, PeerStatus,
};
use protocol::election::Election;
use protocol::merkle;
use protocol::token::Token;
use protocol::units::{BlockHash, Difficulty, Height, UnixMillis, Work};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::harness::{
    Network, PATIENCE, Stranger, agree, new_election, results_of, unix_now, until,
};

#[test]
fn what_a_stranger_says_in_anothers_name_has_no_effect() {
    let mut network = Network::start(3, 12);
    network.peers[0].vote("Ada");
    let before = agree(&mut network.peers, 1, PATIENCE);
    let addresses: Vec<SocketAddr> = network.peers.iter().map(|peer| peer.address).collect();
    let tracker = network.tracker.as_ref().expect("there is one").address;
    let mut stranger = Stranger::new(&network.election);
    let mut random = ChaCha8Rng::seed_from_u64(1);

    for round in 0..20 {
        for to in addresses.iter().copied().chain([tracker]) {
            // The sender's address can't be forged here without rights that a test should not have; what
            // such a datagram would lack all the same is the receiver's token.
            let mut token = Token::NONE;
            if round > 0 {
                random.fill_bytes(&mut token.0);
            }
            for forged in forged_datagrams(&addresses, &network.election, before.height) {
                stranger.send_with_token(to, token, forged);
            }
        }
    }
    for to in &addresses {
        stranger.settle(*to);
    }
    network.peers[1].vote("Grace");
    let after = agree(&mut network.peers, 2, PATIENCE);
    assert!(after.height <= before.height + 4, "{after:?}");
    for peer in &mut network.peers {
        assert_eq!(peer.ask("status")["neighbours"], 2);
        for event in ["neighbour_left", "misbehaviour", "invalid_block", "syncing"] {
            assert!(!peer.has_event(event, |_| true), "{event}");
        }
    }
    // The tracker still lists all three: a newcomer meets them.
    let joined = network.join(&[]);
    until("the newcomer meets all three", PATIENCE, || {
        (network.peers[joined].ask("status")["neighbours"] == 3).then_some(())
    });
}

fn forged_datagrams(peers: &[SocketAddr], election: &Election, height: u64) -> Vec<Datagram> {
    let status = PeerStatus {
        height: Height(height + 1_000),
        tip: BlockHash([0; 32]),
        work: Work(u128::MAX),
        clock: unix_now(),
    };
    let header = mined(child_of(&Header::genesis(election)));
    vec![
        Datagram::LeavePeer,
        Datagram::UpdatePeers { live: Vec::new(), left: peers.to_vec() },
        Datagram::PokeAck { nonce: 1, status: Some(status) },
        Datagram::NewBlock { header, body: AnnouncedBody::Transactions(Vec::new()) },
        Datagram::ChainHeaders { request: 1, piece: 0, pieces: 1, headers: vec![header] },
    ]
}

#[test]
fn a_neighbour_that_leaves_is_dropped_and_one_it_names_is_tried() {
    let mut network = Network::start(1, 12);
    let peer = network.peers[0].address;
    let mut guest = Stranger::new(&network.election);
    let guest_address = guest.address().to_string();
    guest.meet(peer);
    let is_guest = |event: &serde_json::Value| event["address"] == guest_address;
    network.peers[0].wait_event("neighbour_joined", PATIENCE, is_guest);

    // A list of peers from a neighbour is a hint: it costs at most five POKEs of 64 bytes.
    let mut named = Stranger::new(&network.election);
    guest.send(peer, Datagram::UpdatePeers { live: vec![named.address()], left: Vec::new() });
    let (from, length, datagram) = named.receive(PATIENCE).expect("it is tried");
    assert_eq!(from, peer);
    assert!(matches!(datagram, Datagram::Poke { status: None, .. }), "{datagram:?}");
    assert!(length <= 64, "{length}");

    guest.send(peer, Datagram::LeavePeer);
    let event = network.peers[0].wait_event("neighbour_left", Duration::from_millis(900), is_guest);
    assert_eq!(event["reason"], "left", "{event}");
    guest.expect(peer, None, |datagram| (*datagram == Datagram::LeaveAck).then_some(()));
}

#[test]
fn a_neighbours_block_counts_with_work_and_not_without() {
    let mut network = Network::start(2, 12);
    let peer = network.peers[0].address;
    let mut guest = Stranger::new(&network.election);
    guest.meet(peer);
    let genesis = Header::genesis(&network.election);

    let lazy = idle(child_of(&genesis));
    let body = || AnnouncedBody::Transactions(Vec::new());
    guest.send(peer, Datagram::NewBlock { header: lazy, body: body() });
    let easy = mined(Header { difficulty: Difficulty::from_bits(0), ..child_of(&genesis) });
    guest.send(peer, Datagram::NewBlock { header: easy, body: body() });
    guest.settle(peer);
    assert_eq!(results_of(&mut network.peers[0]).height, 0);

    let honest = mined(child_of(&genesis));
    guest.send(peer, Datagram::NewBlock { header: honest, body: body() });
    for peer in &mut network.peers {
        let block = peer.wait_event("block", PATIENCE, |_| true);
        assert_eq!(block["hash"], honest.hash().to_string(), "{block}");
    }
}

#[test]
fn a_foreign_or_lighter_chain_is_never_adopted() {
    let mut network = Network::start(1, 12);
    network.peers[0].vote("Ada");
    let before = agree(&mut network.peers, 1, PATIENCE);
    let own = child_of(&Header::genesis(&network.election));
    let foreign = child_of(&Header::genesis(&new_election(12)));
    // Many blocks of almost no work on the right genesis.
    let light = Header { difficulty: Difficulty::from_bits(0), ..own };
    for (what, first) in [("foreign", foreign), ("light", light)] {
        let mut headers = vec![mined(first)];
        while headers.len() < 50 {
            let last = headers.last().expect("there is one");
            headers.push(mined(child_of(last)));
        }
        offer(&mut network, &headers);
        assert_eq!(results_of(&mut network.peers[0]), before, "{what}");
    }
    // The peer goes on as before.
    network.peers[0].ask("mine");
    network.peers[0].wait_event("block", PATIENCE, |event| event["height"] == before.height + 1);
}

/// Claims the heaviest chain, and answers the request for its headers.
fn offer(network: &mut Network, headers: &[Header]) {
    let peer = network.peers[0].address;
    let mut guest = Stranger::new(&network.election);
    guest.meet(peer);
    let last = headers.last().expect("there are headers");
    let status = PeerStatus {
        height: last.height,
        tip: last.hash(),
        work: Work(u128::from(u64::MAX)),
        clock: unix_now(),
    };
    guest.send(peer, Datagram::Poke { nonce: 3, status: Some(status) });
    let request = guest.expect(peer, Some(status), |datagram| {
        let Datagram::RequestChain { request, wanted: ChainRequest::Headers { .. } } = datagram
        else {
            return None;
        };
        Some(*request)
    });
    let pieces = u32::try_from(headers.chunks(HEADERS_PER_PIECE).len()).expect("a small number");
    for (headers, piece) in headers.chunks(HEADERS_PER_PIECE).zip(0..) {
        let headers = headers.to_vec();
        guest.send(peer, Datagram::ChainHeaders { request, piece, pieces, headers });
    }
    guest.settle(peer);
}

#[test]
fn garbage_is_neither_answered_nor_harmful() {
    const GARBAGE: usize = 10_000;
    let mut network = Network::start(2, 12);
    let peer = network.peers[0].address;
    let tracker = network.tracker.as_ref().expect("there is one").address;
    let mut stranger = Stranger::new(&network.election);
    let recorded = real_datagrams(&mut stranger, peer);
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let garbage_socket = Stranger::new(&network.election);
    let mut sent = 0;
    while sent < GARBAGE {
        for _ in 0..100 {
            let garbage = garbage(&mut random, &recorded);
            garbage_socket.send_bytes(if sent % 2 == 0 { peer } else { tracker }, &garbage);
            sent += 1;
        }
        // No more than the receivers' buffers hold, so that all of it is really looked at.
        stranger.settle(peer);
    }
    let mut garbage_socket = garbage_socket;
    if let Some(answer) = garbage_socket.receive(Duration::ZERO) {
        panic!("garbage was answered: {answer:?}");
    }
    let dropped = network.peers[0].ask("status")["dropped"].clone();
    let counted: u64 =
        dropped.as_object().expect("counters").values().filter_map(|c| c.as_u64()).sum();
    assert!(counted >= GARBAGE as u64 / 2, "{dropped}");

    network.peers[0].vote("Ada");
    network.peers[1].vote("Hedy");
    agree(&mut network.peers, 2, PATIENCE);
    let joined = network.join(&[]);
    agree(&mut network.peers, 2, PATIENCE);
    until("the newcomer meets both", PATIENCE, || {
        (network.peers[joined].ask("status")["neighbours"] == 2).then_some(())
    });
}

/// Datagrams as they really cross the network, of several kinds.
fn real_datagrams(stranger: &mut Stranger, peer: SocketAddr) -> Vec<Vec<u8>> {
    let status = stranger.meet(peer);
    let election = stranger.election;
    let tip = status.tip;
    let datagrams = [
        Datagram::Poke { nonce: 5, status: Some(status) },
        Datagram::RequestChain {
            request: 1,
            wanted: ChainRequest::Headers { locator: vec![tip; 3], first: 0, count: 4 },
        },
        Datagram::UpdatePeers { live: vec![peer; 3], left: vec![peer] },
        Datagram::LeavePeer,
        Datagram::RegisterPeer,
        Datagram::RequestBallot { offset: 0 },
    ];
    let envelope = |datagram| Envelope {
        election,
        receiver_token: Token([3; 8]),
        sender_token: Token([9; 8]),
        datagram,
    };
    datagrams.map(|datagram| envelope(datagram).encode()).to_vec()
}

/// Random bytes, or a real datagram that was cut short or had bits flipped where that makes it no datagram:
/// what still is one gets an answer by right, if only a RETRY.
fn garbage(random: &mut ChaCha8Rng, recorded: &[Vec<u8>]) -> Vec<u8> {
    loop {
        let real = &recorded[random.random_range(0..recorded.len())];
        let bytes = match random.random_range(0..3) {
            0 => {
                let mut bytes = vec![0; random.random_range(0..1_200)];
                random.fill_bytes(&mut bytes);
                bytes
            }
            1 => real[..random.random_range(0..real.len())].to_vec(),
            _ => {
                let mut bytes = real.clone();
                for _ in 0..random.random_range(1..9) {
                    let bit = random.random_range(0..8 * bytes.len());
                    bytes[bit / 8] ^= 1 << (bit % 8);
                }
                bytes
            }
        };
        let decoded = Envelope::decode(&bytes);
        if decoded.is_err() || decoded.is_ok_and(|envelope| envelope.election.0 != own(real)) {
            return bytes;
        }
    }
}

/// The election that a real datagram bears.
fn own(real: &[u8]) -> [u8; 8] {
    real[1..9].try_into().expect("eight bytes")
}

#[test]
fn nobody_gets_more_than_three_times_what_was_sent_in_its_name() {
    let mut network = Network::with_tracker(new_election(0));
    network.join(&[]);
    let peer = &mut network.peers[0];
    for _ in 0..200 {
        peer.ask("mine");
        peer.wait_event("block", PATIENCE, |_| true);
    }
    let (address, genesis) = (peer.address, Header::genesis(&network.election).hash());
    // What a forger would send with a victim's address: requests whose answers are large.
    let mut victim = Stranger::new(&network.election);
    let mut sent = 0;
    for request in 0..100 {
        let wanted = ChainRequest::Headers { locator: vec![genesis], first: 0, count: 64 };
        sent += victim.send_with_token(
            address,
            Token([1; 8]),
            Datagram::RequestChain { request, wanted },
        );
    }
    let mut received = 0;
    // Another socket's answer shows that all requests before it were handled.
    Stranger::new(&network.election).settle(address);
    while let Some((_, length, datagram)) = victim.receive(Duration::from_millis(50)) {
        assert_eq!(datagram, Datagram::Retry);
        received += length;
    }
    assert!(received <= 3 * sent, "{received} bytes came back for {sent}");
    assert!(received > 0, "nothing at all came back: the test shows nothing");

    // The honest twin, with the token that proves the address, gets the headers.
    victim.meet(address);
    let wanted = ChainRequest::Headers { locator: vec![genesis], first: 0, count: 64 };
    victim.send(address, Datagram::RequestChain { request: 7, wanted });
    let mut pieces = 0;
    let deadline = Instant::now() + PATIENCE;
    while pieces < 200_usize.div_ceil(HEADERS_PER_PIECE) {
        assert!(Instant::now() < deadline, "{pieces} pieces came");
        if let Some((_, _, Datagram::ChainHeaders { request: 7, .. })) = victim.receive(PATIENCE) {
            pieces += 1;
        }
    }
}

/// An empty block's header on top of another, still without work.
fn child_of(parent: &Header) -> Header {
    Header {
        previous: parent.hash(),
        merkle_root: merkle::root(&[]),
        height: parent.height.next(),
        time: UnixMillis(parent.time.0 + 1),
        difficulty: parent.difficulty,
        nonce: 0,
    }
}

fn mined(mut header: Header) -> Header {
    while !header.has_work() {
        header.nonce += 1;
    }
    header
}

/// The first nonce that shows no work.
fn idle(mut header: Header) -> Header {
    while header.has_work() {
        header.nonce += 1;
    }
    header
}
