//! Checks that no vote that most honest peers counted leaves the count for good, whatever the clocks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chain::time_ahead_max;
use protocol::units::{BlockHash, TransactionId, VoterId};

use crate::clock::Skew;
use crate::host::PeerHost;
use crate::queue::HostIndex;
use crate::reference::Count;
use crate::voters::{Character, Voter};
use crate::world::World;

/// A clock that is wrong by more than this is one that somebody has to set.
const WRONG_MS: u64 = 30_000;

/// The votes in blocks that most honest peers had on their best chains at one time.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    votes: BTreeMap<VoterId, TransactionId>,
    /// The blocks up to which this is so.
    blocks: BTreeSet<BlockHash>,
}

impl World {
    /// Remembers what most honest peers count now.
    pub(crate) fn note_counted(&mut self) {
        let honest: Vec<HostIndex> = (0..self.peers.len())
            .filter(|&host| self.peers[host].node().is_some())
            .filter(|&host| !self.peers[host].plan.is_laboratory)
            .collect();
        let tip_of = |peer: &PeerHost| peer.node().map(|node| node.tip().hash);
        let tips: BTreeMap<BlockHash, HostIndex> =
            honest.iter().filter_map(|&host| Some((tip_of(&self.peers[host])?, host))).collect();
        for (tip, host) in tips {
            let has_it = |host: &&HostIndex| {
                let node = self.peers[**host].node();
                node.is_some_and(|node| node.chain().is_on_best_chain(&tip))
            };
            let is_known = self.counted.blocks.contains(&tip);
            if is_known || honest.iter().filter(has_it).count() <= honest.len() / 2 {
                continue;
            }
            let peer = &self.peers[host];
            let Some(node) = peer.node() else { continue };
            let count = self.reference.count(node.chain(), &peer.disk, tip, &mut self.verdicts);
            let Ok(count) = count else { continue };
            self.counted.blocks.insert(tip);
            self.counted.votes.extend(count.votes.iter().map(|(voter, vote)| (*voter, *vote)));
        }
    }

    /// Checks that all of it is counted at the end, or what the voter signed as well, or what the registrars did.
    pub(crate) fn check_counted_at_end(&mut self, count: &Count) {
        let voters: BTreeMap<VoterId, &Voter> =
            self.voters.iter().map(|voter| (voter.id, voter)).collect();
        let is_lost = |(voter, vote): &(&VoterId, &TransactionId)| {
            let signed_two =
                voters.get(voter).is_some_and(|it| it.plan.character == Character::Double);
            let known = count.votes.get(voter);
            let is_there = known == Some(vote) || signed_two && known.is_some();
            !is_there && !count.withdrawn.contains(voter)
        };
        if let Some((voter, vote)) = self.counted.votes.iter().find(is_lost) {
            self.violate(format!("vote {vote} of {voter} left the count of most peers for good"));
        }
    }

    /// Whether a block's time has not come by a host's clock, so that the block may leave the host's best chain.
    pub(crate) fn is_early(&self, host: HostIndex, hash: &BlockHash) -> bool {
        let header = self.peers[host].node().and_then(|node| node.chain().header(hash));
        let latest = self.peer_now(host).unix.plus(time_ahead_max(&self.scenario.election));
        header.is_some_and(|header| header.time > latest)
    }

    pub(crate) fn has_waiting_blocks(&mut self) -> bool {
        (0..self.peers.len())
            .any(|host| self.status(host).is_some_and(|status| status.waiting.blocks > 0))
    }

    /// Whether a host's clock is one that somebody has to set.
    pub(crate) fn is_clock_wrong(&self, host: HostIndex) -> bool {
        is_wrong(&self.peers[host].skew, self.at)
    }
}

fn is_wrong(skew: &Skew, at: Duration) -> bool {
    skew.at(at).unsigned_abs() > WRONG_MS
}
