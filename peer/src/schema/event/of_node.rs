//! Events as a node tells them, made into those that users and programs are told.

use std::sync::Arc;

use protocol::codec;
use protocol::peer_name::PeerName;

use super::{Event, LeaveReason, PeerAt};
use crate::schema::Certificate;

impl From<node::Event> for Event {
    fn from(event: node::Event) -> Self {
        use node::Event as Node;
        match event {
            Node::Block { tip, transactions, mined_here } => {
                Self::Block { height: tip.height.0, hash: tip.hash, transactions, mined_here }
            }
            Node::Reorganisation { from, to, disconnected, connected, returned, lost } => {
                let (from, to) = (from.into(), to.into());
                Self::Reorganisation { from, to, disconnected, connected, returned, lost }
            }
            Node::Transaction { id, voter, kind } => {
                Self::Transaction { transaction: id, voter, kind: kind.into() }
            }
            Node::Superseded { id, voter, kind, by } => {
                Self::Superseded { transaction: id, voter, kind: kind.into(), by }
            }
            Node::OwnVote { id, voter, standing } => {
                Self::OwnVote { transaction: id, voter, standing: (*standing).into() }
            }
            Node::StateChanged { state } => Self::StateChanged { state: state.word().to_owned() },
            Node::Final { block, votes } => {
                Self::Final { height: block.height.0, hash: block.hash, votes }
            }
            Node::NotCounted { id, voter } => Self::NotCounted { transaction: id, voter },
            Node::Evidence { validator, offence, evidence } => Self::Evidence {
                validator,
                offence: offence.kind().to_owned(),
                evidence: hex::encode(codec::encode(&*evidence)),
            },
            Node::ConflictingCertificates { first, second } => Self::ConflictingCertificates {
                first: Certificate::from(&*first),
                second: Certificate::from(&*second),
            },
            Node::Twin { sign } => Self::Twin { reason: sign.to_string() },
            Node::Abstains { reason } => {
                Self::Abstains { kind: reason.word().to_owned(), reason: reason.to_string() }
            }
            Node::Signs => Self::Signs,
            Node::PeerSilent { peer, inner } => {
                Self::PeerSilent { address: peer.address, name: text(peer.name), inner }
            }
            Node::NoContact { others } => Self::NoContact { others },
            Node::NeighbourJoined { address } => Self::NeighbourJoined { address },
            Node::NeighbourNamed { address, name } => {
                Self::NeighbourNamed { address, name: name.to_string() }
            }
            Node::NeighbourLeft { address, name, reason } => {
                Self::NeighbourLeft { address, name: called(name), reason: reason.into() }
            }
            Node::Registered { tracker, seen_as, peers } => {
                let (tracker, name) = (tracker.address, text(tracker.name));
                Self::Registered { tracker, name, seen_as, peers }
            }
            Node::TrackerSilent { tracker } => {
                Self::TrackerSilent { tracker: tracker.address, name: text(tracker.name) }
            }
            Node::NameUnknown { name, reason } => {
                Self::NameUnknown { name: name.to_string(), reason }
            }
            Node::NameFound { name, addresses } => {
                Self::NameFound { name: name.to_string(), addresses }
            }
            Node::OwnAddress { address, is_here: false } => Self::AddressGone { address },
            Node::OwnAddress { address, is_here: true } => Self::AddressBack { address },
            Node::TrackerRefused { tracker, expected, found_prefix } => {
                let found_prefix = hex::encode(found_prefix);
                let (tracker, name) = (tracker.address, text(tracker.name));
                Self::TrackerRefused { tracker, name, expected, found_prefix }
            }
            Node::ClockDiffers { address, name, offset_ms } => {
                Self::ClockDiffers { address, name: called(name), offset_ms }
            }
            Node::ClockOff { offset_ms, disagreeing, compared } => {
                Self::ClockOff { offset_ms, disagreeing, compared }
            }
            Node::ClockAgrees { compared } => Self::ClockAgrees { compared },
            Node::Syncing { from, to } => Self::Syncing { from: from.0, to: to.0 },
            Node::Synced { tip } => Self::Synced { tip: tip.into() },
            Node::Misbehaviour { address, name, reason } => {
                Self::Misbehaviour { address, name: called(name), reason }
            }
            Node::DiskRefuses { reason } => Self::DiskRefuses { reason },
            Node::DiskRecovered => Self::DiskRecovered,
            Node::BlockLost { height, hash, reason } => {
                Self::BlockLost { height: height.0, hash, reason }
            }
            Node::Experiment { block, rule, sent_to, neighbours } => Self::Experiment {
                height: block.height.0,
                hash: block.hash,
                rule: rule.map(|rule| rule.name().to_owned()),
                neighbours,
                sent_to: sent_to.into_iter().map(PeerAt::from).collect(),
            },
            Node::EarlyBlock { address, name, height, hash, ahead } => Self::EarlyBlock {
                address,
                name: called(name),
                height: height.0,
                hash,
                seconds: ahead.as_secs(),
            },
            Node::InvalidBlock { hash, height, reason } => {
                Self::InvalidBlock { height: height.0, hash, reason }
            }
        }
    }
}

fn text(name: Option<Arc<str>>) -> Option<String> {
    name.map(|name| name.to_string())
}

/// What a neighbour says that it is called.
fn called(name: Option<PeerName>) -> Option<String> {
    name.map(|name| name.to_string())
}

impl From<node::PeerAt> for PeerAt {
    fn from(peer: node::PeerAt) -> Self {
        Self { address: peer.address, name: called(peer.name) }
    }
}

impl From<node::LeaveReason> for LeaveReason {
    fn from(reason: node::LeaveReason) -> Self {
        match reason {
            node::LeaveReason::Left => Self::Left,
            node::LeaveReason::Missed(missed) => Self::Missed { missed },
            node::LeaveReason::MetInside(inner) => Self::MetInside { inner },
            node::LeaveReason::Banned(time) => Self::Banned { seconds: time.as_secs() },
        }
    }
}
