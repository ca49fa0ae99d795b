//! Checks that what is final stays final, at every peer alike: blocks, votes and results, across crashes and restarts.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use node::{Answer, Command, ElectionState, Fate, FinalityView, Node, Status, Ticket, VoterView};
use protocol::finality::BlockReference;
use protocol::units::{BlockHash, Height, TransactionId, VoterId};

use crate::host::Submitter;
use crate::invariants::SETTLING;
use crate::queue::HostIndex;
use crate::reference::Count;
use crate::world::World;

/// What is final in a world, whoever knows it.
#[derive(Debug, Default)]
pub(crate) struct Finals {
    /// The final blocks by height, and when the first peer knew each to be final.
    blocks: BTreeMap<Height, (BlockHash, Duration)>,
    /// When each block was first on a peer's best chain.
    seen: BTreeMap<BlockHash, Duration>,
    /// The closing block of the final result.
    closing: Option<BlockReference>,
}

impl World {
    /// How long each final block took from its arrival on a best chain until a peer knew it to be final, by height.
    #[must_use]
    pub fn times_to_final(&self) -> Vec<Duration> {
        let blocks = self.finals.blocks.values();
        let times = blocks.filter_map(|(hash, at)| Some(*at - *self.finals.seen.get(hash)?));
        times.collect()
    }

    /// The highest final block that any peer knew.
    #[must_use]
    pub fn highest_final(&self) -> Option<BlockReference> {
        let (height, (hash, _)) = self.finals.blocks.last_key_value()?;
        Some(BlockReference { height: *height, hash: *hash })
    }

    /// To be called after each step of a node.
    pub(crate) fn check_final(&mut self, host: HostIndex) {
        if self.scenario.election.times.is_none() {
            return;
        }
        let peer = &mut self.peers[host];
        let Some(node) = peer.program.node() else { return };
        let chain = node.chain();
        let (known, held) = (peer.last_final, peer.held_final);
        let last_final = chain.final_block();
        let holds = chain.is_on_best_chain(&last_final.hash);
        let lost = held.filter(|held| !chain.is_on_best_chain(&held.hash));
        peer.last_final = Some(last_final);
        if holds {
            peer.held_final = Some(last_final);
        }
        if let Some(lost) = lost {
            return self
                .violate(format!("the best chain of peer {host} left {lost:?}, final here"));
        }
        if known == Some(last_final) {
            return;
        }
        if let Some(known) = known.filter(|known| known.height >= last_final.height) {
            let fault = format!("final at peer {host} is {last_final:?}, and was {known:?}");
            return self.violate(fault);
        }
        self.note_final_blocks(host, last_final);
    }

    fn note_final_blocks(&mut self, host: HostIndex, last_final: BlockReference) {
        let mut at = last_final;
        while at.height > Height(0) {
            match self.finals.blocks.get(&at.height) {
                Some((hash, _)) if *hash == at.hash => return,
                Some((hash, _)) => {
                    let fault = format!("{at:?} is final at peer {host}, and {hash} elsewhere");
                    return self.violate(fault);
                }
                None => {}
            }
            self.finals.blocks.insert(at.height, (at.hash, self.at));
            let header = self.peers[host].node().and_then(|node| node.chain().header(&at.hash));
            let Some(header) = header else { return };
            at = BlockReference { height: Height(at.height.0 - 1), hash: header.previous };
        }
    }

    /// To be called when a peer's tip has moved.
    pub(crate) fn note_seen(&mut self, host: HostIndex) {
        if self.scenario.election.times.is_none() {
            return;
        }
        let Some(chain) = self.peers[host].node().map(|node| node.chain()) else { return };
        let mut height = chain.tip_header().height;
        while let Some(hash) = chain.best_hash(height).filter(|_| height > Height(0)) {
            if self.finals.seen.contains_key(&hash) {
                return;
            }
            self.finals.seen.insert(hash, self.at);
            height = Height(height.0 - 1);
        }
    }

    /// Whether a tip may have less work than the one before: it has to contain what is justified and final.
    pub(crate) fn is_overruled(&self, host: HostIndex, earlier: &BlockHash) -> bool {
        let Some(chain) = self.peers[host].node().map(|node| node.chain()) else { return false };
        let justified = chain.justified_block();
        justified.height > Height(0) && !chain.descends_from(earlier, &justified.hash)
    }

    /// Compares what a peer says about finality with what is so.
    pub(crate) fn check_finality(&mut self, host: HostIndex, status: &Status) {
        let Some(view) = status.finality.clone() else { return };
        if let Some(conflict) = &view.conflict {
            return self.violate(format!("peer {host} found a conflict: {conflict:?}"));
        }
        self.check_evidence(host, &view);
        if view.state == ElectionState::Final {
            self.check_result(host, &view);
        }
        self.check_fates(host);
    }

    /// No honest validator looks as if it had broken the rules.
    fn check_evidence(&mut self, host: HostIndex, view: &FinalityView) {
        let traitors: Vec<u16> = self.traitors.iter().map(|it| it.plan.place).collect();
        let of_honest =
            view.evidence.iter().find(|each| !traitors.contains(&each.evidence.first.validator()));
        if let Some(each) = of_honest {
            self.violate(format!("peer {host} has evidence against an honest one: {each:?}"));
        }
    }

    fn check_result(&mut self, host: HostIndex, view: &FinalityView) {
        let Some(closing) = view.closing_block else {
            return self.violate(format!("peer {host} says final without a closing block"));
        };
        let known = *self.finals.closing.get_or_insert(closing);
        if known != closing {
            return self.violate(format!("closing at peer {host} is {closing:?}, not {known:?}"));
        }
        let Some(count) = self.count_at(host, closing.hash) else { return };
        let fault = match &view.final_tally {
            Some(tally) if !count.agrees_with(tally) => format!("is {tally:?}"),
            Some(_) | None if view.votes_final != count.votes.len() as u64 => {
                format!("has {} votes", view.votes_final)
            }
            Some(_) | None => return,
        };
        self.violate(format!("the final result of peer {host} {fault}, and should be {count:?}"));
    }

    /// The count of a branch that a peer has, up to this block.
    pub(crate) fn count_at(&mut self, host: HostIndex, block: BlockHash) -> Option<Rc<Count>> {
        let peer = &self.peers[host];
        let chain = peer.node()?.chain();
        self.reference.count(chain, &peer.disk, block, &mut self.verdicts).ok()
    }

    /// Compares what a peer says of votes that it acknowledged with what became of them.
    fn check_fates(&mut self, host: HostIndex) {
        for (voter, vote) in self.votes_acknowledged_at(host) {
            match self.ask(host, Command::Voter(voter)) {
                Some(Ok(Answer::Voter(view))) => self.check_fate(host, vote, &view),
                Some(Ok(Answer::Pending(ticket))) => {
                    let asked = Submitter::Asked { voter, vote };
                    self.peers[host].tickets.insert(ticket, asked);
                }
                Some(Ok(_) | Err(_)) | None => {}
            }
        }
    }

    /// An answer that had to be read from the disk.
    pub(crate) fn heard_of_fate(&mut self, host: HostIndex, ticket: Ticket, view: &VoterView) {
        match self.peers[host].tickets.remove(&ticket) {
            Some(Submitter::Asked { vote, .. }) => self.check_fate(host, vote, view),
            other => self.violate(format!("peer {host} answers {other:?} with {view:?}")),
        }
    }

    fn check_fate(&mut self, host: HostIndex, vote: TransactionId, view: &VoterView) {
        let Some(state) = self.node(host).and_then(Node::election_state) else { return };
        let told = view.vote.as_ref().filter(|told| told.transaction == vote);
        let told = told.and_then(|told| told.fate);
        let last_final = self.highest_final();
        let is_final = |world: &mut Self| {
            let count = last_final.and_then(|block| world.count_at(host, block.hash));
            count.and_then(|count| count.votes.get(&view.voter).copied()) == Some(vote)
        };
        let is_wrong = match told {
            Some(Fate::Final { .. }) => !is_final(self),
            Some(Fate::NotCounted) => state != ElectionState::Final || is_final(self),
            Some(Fate::Pending) | None => state == ElectionState::Final,
        };
        if is_wrong {
            let fault = format!("peer {host}, {state:?}, tells {told:?} of vote {vote}");
            self.violate(format!("{fault}, which it acknowledged"));
        }
    }

    /// Votes that a peer acknowledged, by voters who signed one alone.
    fn votes_acknowledged_at(&self, host: HostIndex) -> Vec<(VoterId, TransactionId)> {
        let voters = self.voters.iter().filter(|voter| voter.signed_one_vote());
        let known = voters.filter_map(|voter| {
            let here = voter.acknowledgements.iter().find(|known| known.host == host)?;
            Some((voter.id, here.vote))
        });
        known.collect()
    }

    /// Checks that everybody has the same final result, and that no vote is missing from it without a reason.
    pub(crate) fn check_final_at_end(&mut self) {
        let up: Vec<HostIndex> =
            (0..self.peers.len()).filter(|host| self.node(*host).is_some()).collect();
        let mut certificates = Vec::new();
        for host in up {
            let Some(view) = self.status(host).and_then(|status| status.finality) else {
                continue;
            };
            if view.state != ElectionState::Final {
                let fault = format!("peer {host} is {:?} at the end: {view:?}", view.state);
                return self.violate(fault);
            }
            let certificate = view.closing_certificate.map(|seen| seen.certificate);
            certificates.push((host, certificate));
        }
        if let Some((host, first)) = certificates.first()
            && let Some((other, its)) = certificates.iter().find(|(_, its)| its != first)
        {
            let fault = format!("peer {host} has {first:?}, peer {other} {its:?}");
            return self.violate(format!("the certificates of the end differ: {fault}"));
        }
        self.check_in_time_at_end();
    }

    /// A vote that was acknowledged in time, in a network that was whole from then on, is counted.
    fn check_in_time_at_end(&mut self) {
        let Some(last_final) = self.highest_final() else { return };
        let Some(vote_by) = self.scenario.election.vote_by() else { return };
        let vote_by = Duration::from_millis(vote_by.0 - crate::clock::UNIX_START.0);
        let host = (0..self.peers.len()).find(|host| self.node(*host).is_some());
        let Some(count) = host.and_then(|host| self.count_at(host, last_final.hash)) else {
            return;
        };
        self.statistics.votes = count.votes.len() as u64;
        let voters = self.voters.iter().filter(|voter| voter.signed_one_vote());
        let acknowledged =
            voters.flat_map(|voter| voter.acknowledgements.iter().map(move |it| (voter.id, it)));
        let missing = acknowledged.filter(|(voter, it)| count.votes.get(voter) != Some(&it.vote));
        let missing: Vec<(VoterId, Duration)> = missing.map(|(voter, it)| (voter, it.at)).collect();
        self.statistics.not_counted = missing.len() as u64;
        let is_whole = self.scenario.faults.calm_from.saturating_add(SETTLING) <= vote_by;
        if let Some((voter, at)) = missing.iter().find(|(_, at)| is_whole && *at < vote_by) {
            self.violate(format!("the vote of {voter}, acknowledged at {at:?}, is not counted"));
        }
    }
}
