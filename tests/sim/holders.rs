//! Checks that no peer says that others have what only it has, nor that nobody has what others had for a while, nor
//! that it speaks for the network while it can't.

use std::net::SocketAddr;
use std::time::Duration;

use chain::rules::Rule;
use node::{Answer, Command, HeldBy, Status, Tip, Unready};
use protocol::units::{TransactionId, VoterId};

use crate::host::Party;
use crate::invariants::SETTLING;
use crate::queue::HostIndex;
use crate::world::World;

/// A neighbour's word on its tip takes less than this to arrive.
const LONG_KNOWN: Duration = Duration::from_secs(5);

impl World {
    /// Compares how many others a peer says to have its tip, and the votes of its pool that it acknowledged, with how
    /// many may have them. Whoever is down, or was a moment ago, may have had them, and nobody but an honest peer can
    /// be looked into.
    pub(crate) fn check_holders(&mut self, host: HostIndex, status: &Status) {
        let neighbours = self.neighbours(host);
        let peer_at = |address: &SocketAddr| match self.parties.get(address) {
            Some(Party::Peer(other)) => {
                Some(*other).filter(|other| !self.peers[*other].plan.is_laboratory)
            }
            Some(_) | None => None,
        };
        let known: Vec<HostIndex> = neighbours.iter().filter_map(peer_at).collect();
        let unknown = neighbours.len() - known.len();
        let tip = status.tip;
        let has_tip = |other: &&HostIndex| self.may_have_block(**other, tip);
        let most = unknown + known.iter().filter(has_tip).count();
        self.check_held_by(host, status.tip_held_by, most, &format!("tip {}", tip.hash));
        for (voter, vote) in self.pooled_votes_acknowledged_at(host) {
            let Some(Ok(Answer::Voter(view))) = self.ask(host, Command::Voter(voter)) else {
                continue;
            };
            let Some(told) = view.vote.map(|vote| vote.held_by) else { continue };
            let has_vote = |other: HostIndex| self.may_have_vote(other, &voter, vote);
            let most = unknown + known.iter().filter(|other| has_vote(**other)).count();
            self.check_held_by(host, told, most, &format!("vote {vote}"));
        }
        if self.at > self.scenario.faults.calm_from.saturating_add(SETTLING) {
            self.check_what_is_long_known(host, &known, status);
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

    /// While nothing is lost on the way: what neighbours had for a while is known to be there, nobody who has
    /// neighbours misses them, and who is ready has what they have.
    fn check_what_is_long_known(
        &mut self,
        host: HostIndex,
        neighbours: &[HostIndex],
        status: &Status,
    ) {
        if self.settled(host) != Some(true) || !self.scenario.rules.enforces(Rule::TipExchange) {
            return;
        }
        let long = neighbours.iter().copied().filter(|other| self.stands_long(*other));
        let long = long.filter(|other| self.know_each_other_long(host, *other));
        let long: Vec<HostIndex> = long.collect();
        let is_own_long = self.stands_long(host);
        // Where validators sign, a tip with more work may be one that this peer must not follow.
        let is_timed = self.scenario.election.times.is_some();
        let tip_of = |other: &HostIndex| self.peers[*other].node().map(|node| node.chain().tip());
        let Some(tip) = tip_of(&host) else { return };
        let have_it = long.iter().filter(|other| tip_of(other) == Some(tip)).count();
        let have_more = long.iter().any(|other| tip_of(other).is_some_and(|it| it.work > tip.work));
        let is_wrong = neighbours.iter().chain([&host]).any(|other| self.is_clock_wrong(*other));
        let unready = &status.unready;
        let is_off = unready.iter().any(|why| matches!(why, Unready::ClockOff { .. }));
        let no_contact = unready.iter().any(|why| matches!(why, Unready::NoContact { .. }));
        let told = status.tip_held_by.neighbours;
        let fault = if is_own_long && told < have_it {
            format!("says that {told} of its neighbours have its tip, which {have_it} have")
        } else if no_contact && !long.is_empty() {
            "misses its neighbours".to_owned()
        } else if unready.is_empty() && have_more && is_own_long && !is_wrong && !is_timed {
            "is ready although others have more".to_owned()
        } else if is_off && !is_wrong {
            "says that its clock is off".to_owned()
        } else {
            return;
        };
        self.violate(format!("peer {host} {fault}: {status:?}"));
    }

    /// Whether a host has been up for a while, and its tip has been the same for as long as it takes to tell.
    fn stands_long(&self, host: HostIndex) -> bool {
        let is_known = self.at > self.peers[host].tip_since + LONG_KNOWN;
        self.settled(host) == Some(true) && is_known
    }

    fn know_each_other_long(&self, one: HostIndex, other: HostIndex) -> bool {
        let is_long = |one: HostIndex, other: HostIndex| {
            let met = self.peers[one].met.get(&self.peers[other].address);
            met.is_some_and(|met| self.at > *met + LONG_KNOWN)
        };
        is_long(one, other) && is_long(other, one)
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
