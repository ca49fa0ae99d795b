#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for some kinds of datagrams")]

use std::time::Duration;

use protocol::admission::AdmissionRule;
use protocol::datagram::{Datagram, ElectionPrefix, Envelope};
use protocol::election::Question;
use protocol::token::Token;
use protocol::units::UnixMillis;
use tokio::sync::oneshot;

use super::*;
use crate::handle::TrackerHandle;

/// How long anything on this host may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// A peer with a socket that keeps its token.
struct Peer {
    socket: UdpSocket,
    tracker: SocketAddr,
    tracker_token: Token,
}

impl Peer {
    fn new(listen: &str, tracker: SocketAddr) -> Self {
        let socket = bind(listen.parse().expect("an address")).expect("a free port");
        Self { socket, tracker, tracker_token: Token::NONE }
    }

    async fn send(&self, datagram: Datagram) {
        let election = ElectionPrefix::from(&election().election_id());
        let envelope = Envelope {
            election,
            receiver_token: self.tracker_token,
            sender_token: Token([2; 8]),
            datagram,
        };
        self.socket.send_to(&envelope.encode(), self.tracker).await.expect("loopback sends");
    }

    async fn receive(&mut self) -> Datagram {
        let mut buffer = [0; DATAGRAM_BYTES_MAX];
        let received = timeout(DEADLINE, self.socket.recv_from(&mut buffer)).await;
        let (length, _) = received.expect("in time").expect("loopback receives");
        let envelope = Envelope::decode(&buffer[..length]).expect("a datagram");
        self.tracker_token = envelope.sender_token;
        envelope.datagram
    }

    /// Registers and answers the first poke; gives the address as the tracker sees it.
    async fn join(&mut self) -> SocketAddr {
        self.send(Datagram::RegisterPeer).await;
        assert_eq!(self.receive().await, Datagram::Retry);
        self.send(Datagram::RegisterPeer).await;
        let Datagram::RegisterAck(ack) = self.receive().await else {
            panic!("a REGISTER_ACK comes first");
        };
        let Datagram::Poke { nonce, .. } = self.receive().await else {
            panic!("a POKE follows");
        };
        self.send(Datagram::PokeAck { nonce, status: None }).await;
        ack.seen_as
    }
}

fn election() -> Election {
    let options = vec!["Ada".into(), "Grace".into()];
    let question = Question { title: "Chair".into(), options, choices_min: 0, choices_max: 1 };
    Election {
        id: [1; 16],
        title: "Board".into(),
        created: UnixMillis(1_700_000_000_000),
        difficulty_bits: 8,
        admission: AdmissionRule::Open { registration_bits: 4, max_voters: None },
        block_bytes_max: 64 * 1024,
        questions: vec![question],
        block_interval_s: None,
        times: None,
    }
}

#[tokio::test]
async fn a_round_takes_64_datagrams_and_the_rest_waits() {
    let socket = bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let to = socket.local_addr().expect("it is bound");
    let mut task = TrackerTask {
        socket,
        is_ipv6: false,
        registry: Registry::new(&election(), [7; 32], clock::now()),
        counters: Counters::default(),
        receive_errors_in_row: 0,
    };
    let sender = bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    for _ in 0..=BURST_MAX {
        sender.send_to(b"no datagram", to).await.expect("loopback sends");
    }
    let mut buffer = [0; DATAGRAM_BYTES_MAX + 1];
    for received in [BURST_MAX, BURST_MAX + 1] {
        let first = timeout(DEADLINE, task.socket.recv_from(&mut buffer)).await.expect("in time");
        task.receive_batch(first, &mut buffer).expect("nothing fails");
        assert_eq!(task.counters.received, received as u64);
    }
}

/// Runs a tracker beside `peers`, and stops it when they are done.
async fn with_tracker(listen: &str, peers: impl AsyncFnOnce(SocketAddr)) {
    let socket = bind(listen.parse().expect("an address")).expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    let (stop, stopped) = oneshot::channel::<()>();
    let election = election();
    let shutdown = async {
        stopped.await.expect("the peers finish");
    };
    let beside = async {
        peers(address).await;
        stop.send(()).expect("the tracker still runs");
    };
    // Nobody asks it anything but peers.
    let (_, requests) = TrackerHandle::new();
    let (result, ()) = tokio::join!(run(socket, &election, [7; 32], requests, shutdown), beside);
    result.expect("the socket holds");
}

#[tokio::test]
async fn two_peers_learn_of_each_other() {
    with_tracker("127.0.0.1:0", async |tracker| {
        let mut first = Peer::new("127.0.0.1:0", tracker);
        let mut second = Peer::new("127.0.0.1:0", tracker);
        let seen_as = first.join().await;
        assert_eq!(seen_as, first.socket.local_addr().expect("it is bound"));
        let joined = second.join().await;
        loop {
            match first.receive().await {
                Datagram::UpdatePeers { live, .. } if live == [joined] => break,
                Datagram::Poke { nonce, .. } => {
                    first.send(Datagram::PokeAck { nonce, status: None }).await;
                }
                other => panic!("{} is not expected", other.name()),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_tracker_on_ipv6_serves_ipv4_under_its_own_name() {
    with_tracker("[::]:0", async |tracker| {
        let mut peer = Peer::new("127.0.0.1:0", SocketAddr::from(([127, 0, 0, 1], tracker.port())));
        assert_eq!(peer.join().await, peer.socket.local_addr().expect("it is bound"));
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_vanishes_does_not_stop_the_tracker() {
    with_tracker("127.0.0.1:0", async |tracker| {
        let mut gone = Peer::new("127.0.0.1:0", tracker);
        gone.join().await;
        drop(gone);
        // The vanished peer is poked meanwhile, and its port refuses.
        let mut stays = Peer::new("127.0.0.1:0", tracker);
        stays.join().await;
        let mut pokes = 0;
        while pokes < 2 {
            if let Datagram::Poke { nonce, .. } = stays.receive().await {
                stays.send(Datagram::PokeAck { nonce, status: None }).await;
                pokes += 1;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let first = bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let address = first.local_addr().expect("it is bound");
    let error = bind(address).expect_err("the port is taken");
    let message =
        format!("{address} is in use: stop the program that has it, or choose another port");
    assert_eq!(error.to_string(), message);
}

#[tokio::test]
async fn a_plain_port_is_on_loopback() {
    let text: AddressText = "6001".parse().expect("a port");
    let resolved = resolve(&text).await.expect("it needs no name server");
    assert_eq!(resolved, SocketAddr::from(([127, 0, 0, 1], 6_001)));
}
