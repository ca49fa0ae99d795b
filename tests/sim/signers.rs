//! Signs with validators' keys, and compares everything that an honest one signs with all that it signed before,
//! whatever crashed in between. It shares no rule with the code that it watches.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use node::{Signed, ToSign};
use protocol::datagram::{Datagram, ENVELOPE_BYTES, Envelope};
use protocol::finality::{BlockReference, Commit, Prepare, Presence};
use protocol::units::{BlockHash, Height};

use crate::queue::{Event, HostIndex};
use crate::scenario::Action;
use crate::world::World;
use crate::{forge, random};

/// How long a signature takes: what the key needs at the least, and a busy machine at the most.
const SIGN_LEAST: Duration = Duration::from_micros(200);
const SIGN_MOST: Duration = Duration::from_millis(30);
/// The numbers of PREPARE and COMMIT on the wire.
const VOTES: [u8; 2] = [14, 15];

/// All that one host signed with a validator's key.
#[derive(Debug, Default)]
struct OfHost {
    prepares: BTreeMap<Height, Prepare>,
    commits: BTreeMap<Height, Commit>,
}

#[derive(Debug, Default)]
pub(crate) struct Signers {
    of_hosts: BTreeMap<HostIndex, OfHost>,
    /// The validators that prepared each block.
    prepared: BTreeMap<BlockReference, BTreeSet<u16>>,
    pub(crate) signatures: u64,
}

impl World {
    /// Signs what a node asks for. A crash before it is finished loses it.
    pub(crate) fn sign(&mut self, host: HostIndex, to_sign: ToSign) {
        let Some(own) = self.peers[host].plan.validator else {
            return self.violate(format!("peer {host} is no validator, yet has something signed"));
        };
        let (place, key) = (own.place, forge::validator_key(self.seed, own.place));
        let id = self.scenario.election.election_id();
        self.check_durable(host, &to_sign);
        let signed = match to_sign {
            ToSign::Prepare { target, source } => {
                let prepare = Prepare::sign(&id, place, (target, source), &key);
                self.check_prepare(host, &prepare);
                Signed::Prepare(prepare)
            }
            ToSign::Commit(block) => {
                let commit = Commit::sign(&id, place, block, &key);
                self.check_commit(host, &commit);
                Signed::Commit(commit)
            }
            ToSign::Presence { run, time } => {
                Signed::Presence(Presence::sign(&id, place, run, time, &key))
            }
            ToSign::SecondPrepare { .. } => {
                return self.violate(format!("peer {host} signs twice, and nobody ordered it"));
            }
        };
        self.note(host, format!("signs {to_sign:?}"));
        let is_vote = !matches!(to_sign, ToSign::Presence { .. });
        if is_vote && let Some(pause) = self.peers[host].crash_while_signing.take() {
            self.queue.push(self.at, Event::Action(Action::Crash(host)));
            self.queue.push(self.at + pause, Event::Action(Action::Start(host)));
        }
        let life = self.peers[host].life;
        let at = self.at + random::between(&mut self.rng, SIGN_LEAST, SIGN_MOST);
        self.queue.push(at, Event::Signed { host, life, signed });
    }

    /// Nothing is signed before the disk knows that it will be.
    fn check_durable(&mut self, host: HostIndex, to_sign: &ToSign) {
        let record = self.peers[host].disk.finality().validator.as_ref();
        let is_durable = record.is_some_and(|record| match *to_sign {
            ToSign::Prepare { target, source } => record.prepared == Some((target, source)),
            ToSign::Commit(block) => record.committed == Some(block),
            ToSign::Presence { .. } => true,
            ToSign::SecondPrepare { .. } => false,
        });
        let needs_none = matches!(to_sign, ToSign::Presence { .. });
        if !is_durable && !needs_none {
            let found = format!("{record:?}");
            self.violate(format!("peer {host} signs {to_sign:?}, and its disk has {found}"));
        }
    }

    fn check_prepare(&mut self, host: HostIndex, prepare: &Prepare) {
        let Prepare { target, source, .. } = *prepare;
        let from_justified = source.height < target.height && self.may_be_justified(&source);
        let known = self.signers.of_hosts.entry(host).or_default();
        if known.prepares.get(&target.height) == Some(prepare) {
            return;
        }
        let newest = known.prepares.last_key_value().map(|(height, _)| *height);
        let lock = known.commits.last_key_value().map(|(_, commit)| commit.block);
        let keeps_lock = lock.is_none_or(|lock| source == lock || source.height > lock.height);
        let fault = if newest >= Some(target.height) {
            format!("after one at {newest:?}")
        } else if !keeps_lock {
            format!("although it committed {lock:?}")
        } else if !from_justified {
            "from a source that is not justified".to_owned()
        } else {
            known.prepares.insert(target.height, prepare.clone());
            self.signers.prepared.entry(target).or_default().insert(prepare.validator);
            self.signers.signatures += 1;
            return;
        };
        self.violate(format!("peer {host} signs {prepare:?}, {fault}"));
    }

    fn check_commit(&mut self, host: HostIndex, commit: &Commit) {
        let block = commit.block;
        let is_justified = self.may_be_justified(&block);
        let known = self.signers.of_hosts.entry(host).or_default();
        if known.commits.get(&block.height) == Some(commit) {
            return;
        }
        let lock = known.commits.last_key_value().map(|(height, _)| *height);
        let prepared = known.prepares.last_key_value().map(|(height, _)| *height);
        let fault = if lock >= Some(block.height) {
            format!("after one at {lock:?}")
        } else if prepared > Some(block.height) {
            format!("below its PREPARE at {prepared:?}")
        } else if !is_justified {
            "which is not justified".to_owned()
        } else {
            known.commits.insert(block.height, commit.clone());
            self.signers.signatures += 1;
            return;
        };
        self.violate(format!("peer {host} signs {commit:?}, {fault}"));
    }

    /// Whether a quorum prepared a block, if all traitors did.
    fn may_be_justified(&self, block: &BlockReference) -> bool {
        let Some(roster) = self.scenario.election.roster() else { return false };
        let is_genesis = |hash: BlockHash| {
            hash == protocol::block::Header::genesis(&self.scenario.election).hash()
        };
        let honest = self.signers.prepared.get(block).map_or(0, BTreeSet::len);
        let traitors = self.traitors.len();
        block.height == Height(0) && is_genesis(block.hash)
            || honest + traitors >= usize::from(roster.quorum)
    }

    /// Whoever sends a vote of an honest validator sends what that validator signed.
    pub(crate) fn check_sent_vote(&mut self, from: HostIndex, bytes: &[u8]) {
        let kind = bytes.get(ENVELOPE_BYTES);
        if !kind.is_some_and(|kind| VOTES.contains(kind)) {
            return;
        }
        let Ok(envelope) = Envelope::decode(bytes) else { return };
        let (place, what) = match &envelope.datagram {
            Datagram::Prepare(prepare) => (prepare.validator, format!("{prepare:?}")),
            Datagram::Commit(commit) => (commit.validator, format!("{commit:?}")),
            _ => return,
        };
        if self.traitors.iter().any(|traitor| traitor.plan.place == place) {
            return;
        }
        let is_of_place = |host: &HostIndex| {
            self.peers[*host].plan.validator.is_some_and(|own| own.place == place)
        };
        let of_place = self.signers.of_hosts.iter().filter(|(host, _)| is_of_place(host));
        let is_signed = of_place.into_iter().any(|(_, known)| match &envelope.datagram {
            Datagram::Prepare(it) => known.prepares.get(&it.target.height) == Some(it),
            Datagram::Commit(it) => known.commits.get(&it.block.height) == Some(it),
            _ => true,
        });
        if !is_signed {
            self.violate(format!("peer {from} sends {what}, which nobody signed"));
        }
    }
}
