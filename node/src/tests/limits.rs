//! The bounds of sync, each at its limit and one past it.

use protocol::block::Header;
use protocol::datagram::AnnouncedBody;
use protocol::units::MerkleRoot;

use super::bounded::{Bound, Bounded, GivesWay};
use super::*;

const FEW: usize = 3;

/// A node, and headers on its genesis that are offered to it.
struct Headers {
    network: Network,
    headers: Vec<Header>,
    offer: fn(&mut Node, Header, Now),
    keeps: fn(&Node, &Header) -> bool,
    end: Option<fn(&mut Node, &Header)>,
}

impl Headers {
    fn node(&mut self) -> &mut Node {
        self.network.nodes.get_mut(&address(1)).expect("a node")
    }
}

impl Bounded for Headers {
    fn offer(&mut self, number: usize) {
        let (offer, header, now) = (self.offer, self.headers[number], self.network.time());
        offer(self.node(), header, now);
    }

    fn keeps(&self, number: usize) -> bool {
        (self.keeps)(self.network.node(1), &self.headers[number])
    }

    fn end(&mut self, number: usize) -> bool {
        let header = self.headers[number];
        if let Some(end) = self.end {
            end(self.node(), &header);
        }
        self.end.is_some()
    }
}

/// Headers whose time is so long after the genesis.
fn headers(
    after: Duration,
    offer: fn(&mut Node, Header, Now),
    keeps: fn(&Node, &Header) -> bool,
    end: Option<fn(&mut Node, &Header)>,
) -> Box<dyn Bounded> {
    let mut network = Network::new();
    network.limits = Limits { early_headers_max: FEW, partials_max: FEW, ..Limits::default() };
    network.add(1, Restored::default());
    let genesis = *network.node(1).chain.tip_header();
    let header = |number: u8| {
        let header = Header {
            previous: genesis.hash(),
            merkle_root: MerkleRoot([number; 32]),
            height: genesis.height.next(),
            time: genesis.time.plus(after),
            difficulty: genesis.difficulty,
            nonce: 0,
        };
        let mut headers = (0..).map(|nonce| Header { nonce, ..header });
        headers.find(Header::has_work).expect("the difficulty is low")
    };
    let headers = (1..10).map(header).collect();
    Box::new(Headers { network, headers, offer, keeps, end })
}

/// Announces a block of one transaction that the node does not have.
fn announce(node: &mut Node, header: Header, now: Now) {
    node.handle_new_block(address(9), header, AnnouncedBody::ShortIds(vec![[7; 8]]), now);
}

const BOUNDS: [Bound; 2] = [
    Bound {
        name: "EARLY_HEADERS_MAX",
        max: FEW,
        gives_way: GivesWay::Oldest,
        fresh: || {
            headers(
                Duration::from_secs(100_000),
                |node, header, now| {
                    // One that is held already takes no place.
                    node.hold_early_header(header, address(9), now);
                    node.hold_early_header(header, address(9), now);
                },
                |node, header| node.sync.holds_early(header),
                None,
            )
        },
    },
    Bound {
        name: "PARTIALS_MAX",
        max: FEW,
        gives_way: GivesWay::Newcomer,
        fresh: || {
            headers(
                Duration::from_millis(1),
                announce,
                |node, header| node.sync.is_being_completed(&header.hash()),
                Some(|node, header| node.sync.announcements.forget(&header.hash())),
            )
        },
    },
];

#[test]
fn headers_and_announcements_are_bounded() {
    BOUNDS.iter().for_each(Bound::check);
}
