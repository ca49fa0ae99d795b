//! Takes in votes and certificates: what is known costs nothing, what nobody signed costs whoever sent it, and what is
//! new is kept, passed on once, and may justify a block or make it final.

use std::net::SocketAddr;

use protocol::datagram::Datagram;
use protocol::finality::{BlockReference, Certificate, FinalityVote};
use protocol::units::Now;

use super::records::{FinalityRecord, Signed};
use super::votes::Novelty;
use super::{Finality, Output};
use crate::dropped::DropReason;
use crate::event::Event;
use chain::finality::{is_final, is_justified};
use chain::{Chain, FinalError};

/// The datagram that carries a vote.
pub(super) fn datagram(vote: FinalityVote) -> Datagram {
    match vote {
        FinalityVote::Prepare(prepare) => Datagram::Prepare(prepare),
        FinalityVote::Commit(commit) => Datagram::Commit(commit),
    }
}

impl Finality {
    /// Handles a vote that a neighbour sent.
    pub(crate) fn handle_vote(
        &mut self,
        from: SocketAddr,
        vote: FinalityVote,
        chain: &mut Chain,
        now: Now,
    ) {
        let is_of_roster = self.roster.validator(vote.validator()).is_some();
        if is_of_roster {
            match self.votes.novelty(&vote) {
                Novelty::New => {}
                Novelty::Known => return,
                Novelty::Old => {
                    return self.outputs.push_back(Output::Dropped(DropReason::VoteOld));
                }
            }
            if !self.checks.take(from, 1, now.instant) {
                return self.outputs.push_back(Output::Dropped(DropReason::TooManyVotes));
            }
        }
        if let Err(error) = vote.check(&self.id, &self.roster) {
            let reason = format!("sent a vote of a validator that does not hold: {error}");
            return self.outputs.push_back(Output::Fault { from, reason });
        }
        self.take_vote(vote, Some(from), chain, now);
    }

    /// What the shell signed.
    pub(crate) fn handle_signed(&mut self, signed: Signed, chain: &mut Chain, now: Now) {
        let vote = match signed {
            Signed::Prepare(prepare) => FinalityVote::Prepare(prepare),
            Signed::Commit(commit) => FinalityVote::Commit(commit),
            Signed::Presence(presence) => {
                let is_own = self.own.as_ref().is_some_and(|own| own.place == presence.validator);
                if is_own && presence.check(&self.id, &self.roster).is_ok() {
                    let datagram = Datagram::Presence(presence);
                    self.outputs.push_back(Output::Relay { except: None, datagram });
                }
                return;
            }
            Signed::SecondPrepare(prepare) => return self.show_second(prepare),
        };
        if let Err(error) = vote.check(&self.id, &self.roster) {
            return tracing::error!(%error, "the shell signed with another key");
        }
        let Some((true, next)) = self.own.as_mut().map(|own| own.take_signed(&vote)) else {
            return tracing::warn!("the shell signed what it was not asked for");
        };
        self.outputs.extend(next.map(Output::Sign));
        // After a restart this vote may have come back from others before it was signed again.
        if self.votes.novelty(&vote) == Novelty::New {
            self.take_vote(vote, None, chain, now);
        } else {
            self.outputs.push_back(Output::Relay { except: None, datagram: datagram(vote) });
        }
    }

    /// Keeps a new vote that was checked.
    fn take_vote(
        &mut self,
        vote: FinalityVote,
        from: Option<SocketAddr>,
        chain: &mut Chain,
        now: Now,
    ) {
        if from.is_some() {
            self.meet_own_vote(&vote);
        }
        self.look_for_offence(&vote);
        let height = vote.block().height;
        let block = vote.block();
        let is_commit = matches!(vote, FinalityVote::Commit(_));
        let is_of_certificate = is_commit && self.certificates.get(&block).is_some();
        if height > chain.final_block().height || is_of_certificate {
            let datagram = datagram(vote.clone());
            self.outputs.push_back(Output::Relay { except: from, datagram });
        }
        self.votes.insert(vote);
        match is_commit {
            true => self.certify(block, chain, now),
            false => self.justify(chain),
        }
    }

    /// Makes a certificate of the COMMITs for a block, if they are enough.
    fn certify(&mut self, block: BlockReference, chain: &mut Chain, now: Now) {
        let mut certificate = self.votes.commits_of(&block);
        let quorum = usize::from(self.roster.quorum);
        let validators = certificate.signatures.iter().map(|(validator, _)| *validator);
        if is_final(validators, quorum) {
            certificate.signatures.truncate(quorum);
            self.take_certificate(certificate, chain, now);
        }
    }

    /// Handles certificates that a neighbour sent.
    pub(crate) fn handle_certificates(
        &mut self,
        from: SocketAddr,
        request: u32,
        certificates: Vec<Certificate>,
        chain: &mut Chain,
        now: Now,
    ) {
        if !self.asking.is_asked(&from, request) {
            return self.outputs.push_back(Output::Dropped(DropReason::PieceNotAsked));
        }
        for certificate in certificates {
            let known = self.certificates.get(&certificate.block);
            if known.is_some_and(|known| known.certificate == certificate) {
                continue;
            }
            let signatures = u32::from(self.roster.quorum);
            if !self.checks.take(from, signatures, now.instant) {
                return self.outputs.push_back(Output::Dropped(DropReason::TooManyVotes));
            }
            if let Err(error) = certificate.check(&self.id, &self.roster) {
                let reason = format!("sent a certificate that does not hold: {error}");
                return self.outputs.push_back(Output::Fault { from, reason });
            }
            self.take_certificate(certificate, chain, now);
        }
    }

    /// Takes in a certificate that was checked.
    fn take_certificate(&mut self, certificate: Certificate, chain: &mut Chain, now: Now) {
        let block = certificate.block;
        if let Some(rival) = self.certificates.rival(&block).cloned() {
            return self.dispute(rival, certificate);
        }
        if !self.certificates.merge(certificate, now.unix) {
            return;
        }
        self.settle(chain);
    }

    /// Makes final what certificates say, as far as the chain knows their blocks.
    fn settle(&mut self, chain: &mut Chain) {
        for block in self.certificates.blocks() {
            if self.conflict.is_some() {
                return;
            }
            match chain.set_final(block) {
                // Headers on the way there are missing.
                Err(FinalError::UnknownHeader { .. }) => {}
                Err(FinalError::Conflicting { known, found }) => {
                    let [first, second] = [known, found].map(|block| {
                        self.certificates.get(&block).map(|seen| seen.certificate.clone())
                    });
                    if let Some((first, second)) = first.zip(second) {
                        self.dispute(first, second);
                    }
                }
                Ok(()) => {
                    self.justified.insert(block);
                    if self.certificates.note_final(block) {
                        self.outputs.push_back(Output::Moved);
                    }
                }
            }
        }
        self.note_ends(chain);
        self.justify(chain);
    }

    /// Finds what the votes justify.
    fn justify(&mut self, chain: &mut Chain) {
        if self.conflict.is_some() {
            return;
        }
        self.look_for_headers(chain);
        self.justified.find(&self.votes, chain);
        // One that was restored may have been known before its header was.
        let above = self.justified.above(chain.justified_block().height);
        if let Some(block) = above.into_iter().rev().find(|block| chain.set_justified(*block)) {
            let final_height = chain.final_block().height;
            let shown = self.justified.justification(block, &self.votes, chain, final_height);
            self.outputs.push_back(Output::Persist(FinalityRecord::Justification(shown)));
            self.outputs.push_back(Output::Moved);
        }
    }

    /// Finds out whether blocks for which a quorum signed are on branches that are not known here.
    fn look_for_headers(&mut self, chain: &Chain) {
        let height = chain.final_block().height;
        let certified = self.certificates.blocks().into_iter();
        let quorum = usize::from(self.roster.quorum);
        let votes = &self.votes;
        let prepared = votes.targets_above(height).into_iter().filter(|target| {
            let validators = votes.prepares_of(target).map(|prepare| (prepare.validator, true));
            is_justified(validators, quorum)
        });
        let mut signed = certified.filter(|block| block.height > height).chain(prepared);
        self.lacks_headers = signed.any(|block| chain.header(&block.hash).is_none());
    }

    /// Looks again after the chain has moved or grown: votes and certificates may have waited for that.
    pub(crate) fn follow_chain(&mut self, chain: &mut Chain) {
        self.settle(chain);
    }

    /// The closing block may be known now, and another certificate say the most.
    fn note_ends(&mut self, chain: &Chain) {
        if let Some(closing) = chain.closing_block().filter(|_| chain.holds_final()) {
            self.certificates.note_closing(closing.height);
        }
        self.outputs.extend(self.certificates.pop_news().map(Output::Persist));
    }

    /// Two certificates contradict each other: too many validators lied, so nothing can be called final.
    fn dispute(&mut self, first: Certificate, second: Certificate) {
        if self.conflict.is_some() {
            return;
        }
        self.conflict = Some(Box::new((first.clone(), second.clone())));
        let (first, second) = (Box::new(first), Box::new(second));
        self.outputs.push_back(Output::Event(Event::ConflictingCertificates { first, second }));
        self.outputs.push_back(Output::Moved);
    }
}
