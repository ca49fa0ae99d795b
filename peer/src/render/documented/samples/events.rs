//! One sample of every event.

use std::net::SocketAddr;
use std::time::Duration;

use chain::AuditRule;
use node::{Abstention, ElectionState, LeaveReason, TwinSign};
use protocol::finality::{BlockReference, Certificate, Commit, Evidence, FinalityVote, Offence};
use protocol::keys::Signature;
use protocol::transaction::TransactionKind;
use protocol::units::{Height, TransactionId};

use super::{address, election, hash, in_block, in_pool, peer_name, progress, tip, vote_id, voter};
use crate::schema::{self, Event};
use crate::store::{Damage, Rows};

fn node_events() -> Vec<node::Event> {
    use node::{Event, Named};
    let (id, by, kind) = (vote_id(), TransactionId(hash("another vote")), TransactionKind::Vote);
    let (tracker, neighbour, voter) = (address(5_000), address(6_002), voter());
    let backup = SocketAddr::from(([192, 0, 2, 5], 5_000));
    let own = SocketAddr::from(([192, 168, 1, 5], 6_001));
    let called = Some(peer_name("Ada's laptop"));
    let left = |reason| Event::NeighbourLeft { address: neighbour, name: called.clone(), reason };
    let reason = "its merkle root differs".to_owned();
    let sent_to = [(neighbour, called.clone()), (address(6_003), None)];
    let sent_to: Vec<_> =
        sent_to.into_iter().map(|(address, name)| node::PeerAt { address, name }).collect();
    vec![
        Event::Block { tip: tip(2), transactions: 2, mined_here: true },
        Event::Reorganisation {
            from: tip(2),
            to: tip(3),
            disconnected: 1,
            connected: 2,
            returned: 1,
            lost: 0,
        },
        Event::Transaction { id, voter, kind },
        Event::Superseded { id, voter, kind, by: Some(by) },
        Event::OwnVote { id, voter, standing: Box::new(in_pool()) },
        Event::OwnVote { id, voter, standing: Box::new(in_block()) },
        Event::StateChanged { state: ElectionState::Sealing },
        Event::Final { block: tip(3), votes: 2 },
        Event::NotCounted { id, voter },
        Event::Evidence {
            validator: "North".into(),
            offence: Offence::TwoCommits,
            evidence: Box::new(evidence()),
        },
        Event::ConflictingCertificates {
            first: Box::new(certificate(tip(2))),
            second: Box::new(certificate(tip(3))),
        },
        Event::Twin { sign: TwinSign::Prepare { target: block_of(tip(3)) } },
        Event::Abstains { reason: Abstention::NoRecord },
        Event::Signs,
        Event::PeerSilent { peer: neighbour.into(), inner: vec![] },
        Event::PeerSilent { peer: backup.into(), inner: vec![([192, 168, 1, 5], 6_002).into()] },
        Event::NoContact { others: 2 },
        Event::NeighbourJoined { address: neighbour },
        Event::NeighbourNamed { address: neighbour, name: peer_name("Ada's laptop") },
        left(LeaveReason::Left),
        left(LeaveReason::Missed(3)),
        left(LeaveReason::MetInside(([192, 168, 1, 5], 6_002).into())),
        left(LeaveReason::Banned(Duration::from_secs(300))),
        Event::Registered { tracker: tracker.into(), seen_as: address(6_001), peers: 2 },
        Event::TrackerSilent {
            tracker: Named { name: Some("backup.example:5000".into()), address: backup },
        },
        Event::NameUnknown {
            name: "backup.example:5000".into(),
            reason: "Temporary failure in name resolution".into(),
        },
        Event::NameFound { name: "backup.example:5000".into(), addresses: vec![backup] },
        Event::OwnAddress { address: own, is_here: false },
        Event::OwnAddress { address: own, is_here: true },
        Event::TrackerRefused {
            tracker: tracker.into(),
            expected: election().election_id(),
            found_prefix: [0xab; 8],
        },
        Event::ClockDiffers { address: neighbour, name: called.clone(), offset_ms: -45_000 },
        Event::ClockOff { offset_ms: 200_000, disagreeing: 3, compared: 3 },
        Event::ClockAgrees { compared: 3 },
        Event::Syncing { from: Height(2), to: Height(120) },
        Event::Synced { tip: tip(3) },
        Event::Misbehaviour { address: neighbour, name: called.clone(), reason: reason.clone() },
        Event::DiskRefuses { reason: "no space left on device".into() },
        Event::DiskRecovered,
        Event::BlockLost {
            height: Height(3),
            hash: tip(3).hash,
            reason: "its checksum does not match".into(),
        },
        Event::Experiment {
            block: tip(3),
            rule: Some(AuditRule::MerkleRoot),
            sent_to: sent_to.clone(),
            neighbours: 2,
        },
        Event::Experiment { block: tip(2), rule: None, sent_to, neighbours: 2 },
        Event::EarlyBlock {
            address: neighbour,
            name: called,
            height: Height(3),
            hash: tip(3).hash,
            ahead: Duration::from_secs(86_400),
        },
        Event::InvalidBlock { hash: tip(3).hash, height: Height(3), reason },
    ]
}

pub(super) fn block_of(tip: node::Tip) -> BlockReference {
    BlockReference { height: tip.height, hash: tip.hash }
}

pub(super) fn certificate(tip: node::Tip) -> Certificate {
    let signatures = [0, 1, 3].map(|place| (place, Signature([7; 65])));
    Certificate { block: block_of(tip), signatures: signatures.to_vec() }
}

pub(super) fn evidence() -> Evidence {
    let commit = |hash| {
        let block = BlockReference { height: Height(3), hash };
        FinalityVote::Commit(Commit { validator: 0, block, signature: Signature([7; 65]) })
    };
    Evidence { first: commit(tip(2).hash), second: commit(tip(3).hash) }
}

fn damage() -> Damage {
    Damage {
        reason: "page 17 does not match its checksum".into(),
        kept: "peer-1/chain.redb.damaged".into(),
        saved: Rows { blocks: 3, bodies: 2, pooled: 4 },
        lost: Some(Rows { blocks: 0, bodies: 1, pooled: 0 }),
        returned: 0,
    }
}

pub(in crate::render::documented) fn events() -> Vec<Event> {
    let election = election();
    let mut events = vec![Event::Listening {
        address: address(6_001),
        name: Some("Room 3".into()),
        api: Some("http://127.0.0.1:6001".into()),
        election: election.election_id(),
        title: election.title.clone(),
        role: schema::Role::Ordinary,
        voter: Some(voter()),
        data_dir: "peer-1".into(),
    }];
    events.extend([
        Event::Mended { message: damage().to_string() },
        Event::GoesOn { voter: voter(), data_dir: "ostrakon/be64f537db0336ba/6001".into() },
        Event::Verified { blocks: 3, transactions: 7, lost: 0 },
    ]);
    events.extend(node_events().into_iter().map(Event::from));
    events.extend([
        Event::OwnVoteFinal {
            transaction: vote_id(),
            voter: voter(),
            since_ms: Some(1_795_233_117_040),
        },
        Event::Mining(progress().into()),
        Event::Registering {
            voter: voter(),
            registration_bits: election.admission.registration_bits().expect("it is open"),
        },
        Event::Missed { events: 12 },
        Event::Left,
    ]);
    events
}
