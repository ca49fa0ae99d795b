//! A neighbour that lies, withholds or trickles: each of these once did harm.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "of what a node says, each test looks at one kind"
)]

use protocol::block::{self, Header};
use protocol::datagram::{ChainRequest, Datagram, Envelope, PeerStatus};
use protocol::keys::{Signature, SignatureError};
use protocol::token::Token;
use protocol::transaction::{Admission, HashedTransaction};
use protocol::units::{BlockHash, Height, LeafHash, Work};

use super::*;
use crate::ledger::Purpose;
use chain::fixtures::hashed;

fn alone() -> (Network, SocketAddr) {
    let mut network = Network::new();
    network.add(1, Restored::default());
    (network, address(9))
}

fn say(network: &mut Network, from: SocketAddr, datagram: Datagram) -> Vec<Datagram> {
    let now = network.time();
    let node = network.nodes.get_mut(&address(1)).expect("a node");
    let envelope = Envelope {
        election: node.membership.prefix(),
        receiver_token: node.membership.issue_token(from),
        sender_token: Token([5; 8]),
        datagram,
    };
    node.handle_datagram(from, &envelope.encode(), now);
    let mut sent = Vec::new();
    while let Some(output) = node.poll_output() {
        if let Output::Transmit { to, bytes } = output
            && to == from
        {
            sent.push(Envelope::decode(&bytes).expect("ours").datagram);
        }
    }
    sent
}

fn status(network: &Network, work: u128) -> PeerStatus {
    PeerStatus {
        height: Height(1_000_000),
        tip: BlockHash([1; 32]),
        work: Work(work),
        clock: network.time().unix,
    }
}

#[test]
fn a_forgotten_verdict_is_not_a_good_one() {
    let (mut network, _) = alone();
    let now = network.time();
    let forged = {
        let mut each = network.registration(1);
        if let Transaction::Registration { admission: Admission::Open { signature, .. }, .. } =
            &mut each
        {
            *signature = Signature([0; 65]);
        }
        hashed(each)
    };
    let other = hashed(network.registration(2));
    let node = network.nodes.get_mut(&address(1)).expect("a node");
    let bad: Result<(), SignatureError> = Err(SignatureError::OutOfRange);
    // The forged vote was refused before, from gossip.
    node.verify(vec![forged.clone()], Purpose::Gossip { from: address(9) }, now);
    node.handle_verified(1, vec![bad], now);
    assert!(node.ledger.is_pending_or_refused(&forged));
    // A block holds it, and one that is yet to be checked.
    let genesis = *node.chain.tip_header();
    let transactions: Vec<Arc<HashedTransaction>> = vec![Arc::clone(&forged), other];
    let header = mined_header(&genesis, block::merkle_root(&transactions), 0);
    let hash = node.chain.insert_header(header, now.unix).expect("good");
    node.handle_body(hash, transactions, None, now).expect("good");
    // Meanwhile other verdicts push the bad one out of the cache.
    for stamp in 0..70_000u64 {
        let other = Transaction::Registration {
            voter_key: chain::fixtures::key(3).public(),
            admission: Admission::Open { stamp, signature: Signature([0; 65]) },
        };
        node.ledger.trust(&hashed(other));
    }
    assert!(!node.ledger.is_pending_or_refused(&forged));
    node.handle_verified(2, vec![Ok(())], now);
    assert!(node.chain.block(&hash).is_none(), "a block with a forged vote is taken for checked");
}

#[test]
fn empty_header_pieces_do_not_hold_header_sync() {
    let (mut network, hostile) = alone();
    let claimed = status(&network, u128::MAX);
    let mut asked = std::collections::VecDeque::new();
    let mut held = 0;
    for round in 0..600u64 {
        network.now += Duration::from_millis(100);
        let now = network.time();
        let node = network.nodes.get_mut(&address(1)).expect("a node");
        node.handle_timeout(now);
        while let Some(output) = node.poll_output() {
            if let Output::Transmit { bytes, .. } = output {
                note(&mut asked, Envelope::decode(&bytes).expect("ours").datagram);
            }
        }
        for sent in
            say(&mut network, hostile, Datagram::Poke { nonce: round, status: Some(claimed) })
        {
            note(&mut asked, sent);
        }
        if let Some((request, piece)) = asked.pop_front() {
            let datagram =
                Datagram::ChainHeaders { request, piece, pieces: u32::MAX, headers: vec![] };
            for sent in say(&mut network, hostile, datagram) {
                note(&mut asked, sent);
            }
        }
        if network.node(1).sync.headers_are_fetched() {
            held += 1;
        }
    }
    assert!(held < 100, "header sync was held for {held} of 600 rounds (60 s)");
}

fn note(asked: &mut std::collections::VecDeque<(u32, u32)>, datagram: Datagram) {
    if let Datagram::RequestChain { request, wanted: ChainRequest::Headers { first, count, .. } } =
        datagram
    {
        for piece in first..first + count {
            asked.retain(|(_, other)| *other != piece);
            asked.push_back((request, piece));
        }
        asked.make_contiguous().sort_by_key(|(_, piece)| *piece);
    }
}

#[test]
fn a_vote_is_told_before_its_peer_leaves() {
    let mut network = Network::with_nodes(2);
    network.submit(2, network.registration(1)).expect("a registration");
    network.run(Duration::from_secs(3));
    network.submit(2, network.vote(1, 0)).expect("acknowledged");
    network.command(2, Command::Leave).expect("leaving is always possible");
    network.run(Duration::from_secs(5));
    assert_eq!(network.left, [address(2)]);
    let known = network.node(1).chain().tally().votes + network.node(1).pool().len() as u64;
    assert_eq!(known, 1, "the acknowledged vote was never sent");
}

fn headers(network: &mut Network, transactions: &[Vec<Arc<HashedTransaction>>]) -> Vec<Header> {
    let now = network.time();
    let node = network.nodes.get_mut(&address(1)).expect("a node");
    let mut parent = *node.chain.tip_header();
    let mut made = vec![];
    for each in transactions {
        parent = mined_header(&parent, block::merkle_root(each), 0);
        node.chain.insert_header(parent, now.unix).expect("good");
        made.push(parent);
    }
    made
}

fn tip_status(network: &Network) -> PeerStatus {
    let best = network.node(1).chain.best_header();
    PeerStatus { height: Height(2), tip: best.hash, work: best.work, clock: network.time().unix }
}

#[test]
fn a_body_below_an_invalid_one_is_not_under_way_for_ever() {
    let (mut network, hostile) = alone();
    let bad = vec![hashed(network.vote(1, 9))];
    let made = headers(&mut network, &[bad.clone(), vec![]]);
    let status = tip_status(&network);
    let mut asked = say(&mut network, hostile, Datagram::Poke { nonce: 1, status: Some(status) });
    asked.extend(say(&mut network, hostile, Datagram::Poke { nonce: 2, status: Some(status) }));
    let number = |hash: BlockHash| {
        asked
            .iter()
            .find_map(|each| match each {
                Datagram::RequestChain {
                    request,
                    wanted: ChainRequest::Block { hash: other, .. },
                } if *other == hash => Some(*request),
                _ => None,
            })
            .expect("asked for")
    };
    let block = protocol::block::Block { header: made[0], transactions: bad };
    let (first, second) = (number(made[0].hash()), number(made[1].hash()));
    for (request, bytes) in [(first, block.body_bytes()), (second, vec![0; 8])] {
        say(&mut network, hostile, Datagram::ChainBlock { request, piece: 0, pieces: 1, bytes });
    }
    assert!(network.node(1).chain.is_invalid(&made[1].hash()));
    assert_eq!(network.node(1).sync.lowest_body_under_way(), None);
}

#[test]
fn the_only_one_who_has_a_block_is_asked_again() {
    let (mut network, able) = alone();
    let behind = address(8);
    headers(&mut network, &[vec![], vec![]]);
    let status = tip_status(&network);
    let none = PeerStatus { work: Work(0), tip: network.node(1).chain.tip().hash, ..status };
    let mut asked_at = vec![];
    for round in 0..100u64 {
        network.now += Duration::from_millis(100);
        let mut sent =
            say(&mut network, behind, Datagram::Poke { nonce: round, status: Some(none) });
        sent.extend(say(&mut network, able, Datagram::Poke { nonce: round, status: Some(status) }));
        let now = network.time();
        let node = network.nodes.get_mut(&address(1)).expect("a node");
        node.handle_timeout(now);
        while let Some(output) = node.poll_output() {
            if let Output::Transmit { bytes, .. } = output {
                sent.push(Envelope::decode(&bytes).expect("ours").datagram);
            }
        }
        let asks = |each: &Datagram| {
            matches!(each, Datagram::RequestChain { wanted: ChainRequest::Block { .. }, .. })
        };
        if sent.iter().any(asks) {
            asked_at.push(round * 100);
        }
    }
    assert!(asked_at.iter().any(|at| *at > 4_000), "asked at {asked_at:?} ms only");
}

#[test]
fn a_branch_of_headers_alone_that_grows_does_not_stop_mining() {
    let (mut network, hostile) = alone();
    let genesis = *network.node(1).chain.tip_header();
    let mut branch: Vec<Header> = vec![];
    let grow = |branch: &mut Vec<Header>| {
        let parent = branch.last().copied().unwrap_or(genesis);
        let header = Header {
            previous: parent.hash(),
            merkle_root: protocol::merkle::root(&[LeafHash([7; 32])]),
            height: parent.height.next(),
            time: parent.time.plus(Duration::from_millis(1)),
            difficulty: parent.difficulty,
            nonce: 0,
        };
        branch.push(
            (0..).map(|nonce| Header { nonce, ..header }).find(Header::has_work).expect("low"),
        );
    };
    (0..3).for_each(|_| grow(&mut branch));
    let mut searches = vec![];
    let mut submitted = false;
    for round in 0..600u64 {
        network.now += Duration::from_millis(100);
        let now = network.time();
        if round % 18 == 17 {
            grow(&mut branch);
        }
        let tip = branch.last().expect("some");
        let status = PeerStatus {
            height: tip.height,
            tip: tip.hash(),
            work: Work(2 * branch.len() as u128),
            clock: now.unix,
        };
        let mut sent =
            say(&mut network, hostile, Datagram::Poke { nonce: round, status: Some(status) });
        if round > 5 && !submitted {
            submitted = true;
            let transaction = Box::new(network.registration(1));
            let node = network.nodes.get_mut(&address(1)).expect("a node");
            node.handle_command(Command::Submit(transaction), now).expect("good");
        }
        let node = network.nodes.get_mut(&address(1)).expect("a node");
        node.handle_timeout(now);
        while let Some(output) = node.poll_output() {
            match output {
                Output::Transmit { bytes, .. } => {
                    sent.push(Envelope::decode(&bytes).expect("ours").datagram)
                }
                Output::Verify(job) => {
                    let verdicts = job
                        .transactions
                        .iter()
                        .map(|each| each.check_signatures(&job.election.admission));
                    node.handle_verified(job.number, verdicts.collect(), now);
                }
                Output::Mine(_) => searches.push(round * 100),
                _ => {}
            }
        }
        for each in sent {
            if let Datagram::RequestChain {
                request,
                wanted: ChainRequest::Headers { locator, first, .. },
            } = each
            {
                let from = locator
                    .iter()
                    .find_map(|hash| branch.iter().position(|h| h.hash() == *hash))
                    .map_or(0, |at| at + 1);
                let rest = branch[from..].to_vec();
                let pieces = rest.len().div_ceil(11) as u32;
                let headers = rest.into_iter().skip(first as usize * 11).take(11).collect();
                say(
                    &mut network,
                    hostile,
                    Datagram::ChainHeaders { request, piece: first, pieces, headers },
                );
            }
        }
    }
    assert_eq!(network.node(1).pool().len(), 1);
    assert!(!searches.is_empty(), "not mined for 60 s; header branch {}", branch.len());
}
