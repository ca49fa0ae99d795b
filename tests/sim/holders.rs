//! Checks that no peer says that others have what only it has.

use node::{Answer, Command, HeldBy, Status, Tip};
use protocol::units::{TransactionId, VoterId};

use crate::host::Party;
use crate::invariants::SETTLING;
use crate::queue::HostIndex;
use crate::world::World;

impl World {
    /// Compares how many others a peer says to have its tip, and the votes of its pool that it acknowledged, with how
    /// many may have them. Whoever is down, or was a moment ago, may have had them, and nobody but an honest peer can
    /// be looked into.
    pub(crate) fn check_holders(&mut self, host: HostIndex, status: &Status) {
        let unknown = self.neighbours(host).into_iter();
        let unknown = unknown.filter(|address| match self.parties.get(address) {
            Some(Party::Peer(other)) => self.peers[*other].plan.is_laboratory,
            Some(_) | None => true,
        });
        let unknown = unknown.count();
        let tip = status.tip;
        let has_tip = |other: HostIndex| self.may_have_block(other, tip);
        let most = unknown + self.others(host).filter(|other| has_tip(*other)).count();
        self.check_held_by(host, status.tip_held_by, most, &format!("tip {}", tip.hash));
        for (voter, vote) in self.pooled_votes_acknowledged_at(host) {
            let Some(Ok(Answer::Voter(view))) = self.ask(host, Command::Voter(voter)) else {
                continue;
            };
            let Some(told) = view.vote.map(|vote| vote.held_by) else { continue };
            let has_vote = |other: HostIndex| self.may_have_vote(other, &voter, vote);
            let most = unknown + self.others(host).filter(|other| has_vote(*other)).count();
            self.check_held_by(host, told, most, &format!("vote {vote}"));
        }
    }

    fn check_held_by(&mut self, host: HostIndex, told: HeldBy, most: usize, what: &str) {
        if told.neighbours > most || told.neighbours > told.of {
            self.violate(format!("peer {host} says {told:?} of {what}, which {most} may have"));
        }
    }

    /// Votes that wait at this peer, by voters who signed one vote alone, so that nobody drops it for another.
    fn pooled_votes_acknowledged_at(&self, host: HostIndex) -> Vec<(VoterId, TransactionId)> {
        let Some(node) = self.peers[host].node() else { return Vec::new() };
        let voters = self.voters.iter().filter(|voter| voter.signed_one_vote());
        let known = voters.filter_map(|voter| {
            let vote = voter.acknowledgements.iter().find(|known| known.host == host)?.vote;
            node.pool().get(&vote).map(|_| (voter.id, vote))
        });
        known.collect()
    }

    fn others(&self, host: HostIndex) -> impl Iterator<Item = HostIndex> {
        (0..self.peers.len()).filter(move |other| *other != host)
    }

    fn may_have_block(&self, other: HostIndex, block: Tip) -> bool {
        self.may_have_had_more(other)
            || self.peers[other].node().is_some_and(|node| node.chain().is_complete(&block.hash))
    }

    fn may_have_vote(&self, other: HostIndex, voter: &VoterId, vote: TransactionId) -> bool {
        let is_pooled =
            self.peers[other].node().is_some_and(|node| node.pool().get(&vote).is_some());
        self.may_have_had_more(other) || is_pooled || self.vote_on_chain(other, voter) == Some(vote)
    }

    fn may_have_had_more(&self, other: HostIndex) -> bool {
        let peer = &self.peers[other];
        !peer.is_up() || self.at <= peer.up_since + SETTLING
    }
}
