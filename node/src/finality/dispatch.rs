//! Joins finality with the rest of the node: its datagrams, its outputs, and what it has to know of chain, disk and
//! clock.

use std::net::SocketAddr;

use protocol::datagram::Datagram;
use protocol::finality::BlockReference;
use protocol::units::{BlockHash, Height, Now};

use super::about::AboutFinality;
use super::records::{FinalityRecord, Signed};
use super::{Finality, Output as FromFinality, Surroundings};
use crate::Node;
use crate::command::CommandError;
use crate::dropped::DropReason;
use crate::output::{Output, Record};
use chain::Chain;

impl Node {
    /// What came of an [`Output::Sign`](crate::Output::Sign).
    pub fn handle_signed(&mut self, signed: Signed, now: Now) {
        self.with_finality(now, |finality, chain| finality.handle_signed(signed, chain, now));
        self.consider_signing(now);
    }

    /// Has this laboratory's validator sign a second PREPARE. Returns its height.
    ///
    /// # Errors
    /// When there is no validator here, or it has not signed anything yet.
    pub(crate) fn sign_twice(&mut self, now: Now) -> Result<Height, CommandError> {
        let finality = self.finality.as_mut().ok_or(CommandError::NotAValidator)?;
        let height = finality.sign_twice()?;
        self.react_to_finality(now);
        Ok(height)
    }

    pub(crate) fn handle_about_finality(
        &mut self,
        from: SocketAddr,
        about: AboutFinality,
        now: Now,
    ) {
        if self.finality.is_none() {
            return self.counters.dropped.count(DropReason::Unexpected);
        }
        self.with_finality(now, |finality, chain| match about {
            AboutFinality::Vote(vote) => finality.handle_vote(from, vote, chain, now),
            AboutFinality::Certificates { request, certificates } => {
                finality.handle_certificates(from, request, certificates, chain, now);
            }
            AboutFinality::Presence(presence) => finality.handle_presence(from, presence, now),
            AboutFinality::Evidence(evidence) => finality.handle_evidence(from, *evidence, now),
        });
        self.consider_signing(now);
    }

    pub(crate) fn serve_certificates(
        &mut self,
        to: SocketAddr,
        request: u32,
        from: Height,
        now: Now,
    ) {
        if self.finality.is_none() {
            return self.counters.dropped.count(DropReason::Unexpected);
        }
        self.with_finality(now, |finality, chain| finality.serve(to, request, from, chain));
    }

    pub(crate) fn finality_timeout(&mut self, now: Now) {
        let around = self.surroundings(now);
        self.with_finality(now, |finality, chain| finality.handle_timeout(chain, around, now));
    }

    /// A neighbour joined.
    pub(crate) fn finality_add_neighbour(&mut self, address: SocketAddr, now: Now) {
        self.with_finality(now, |finality, chain| {
            finality.add_neighbour(address, chain.final_block().height, now);
        });
    }

    /// The best chain moved, or a header came that votes or certificates name.
    pub(crate) fn follow_chain(&mut self, now: Now) {
        self.with_finality(now, Finality::follow_chain);
        self.follow_state(now);
        self.consider_signing(now);
    }

    /// A header joined the tree.
    pub(crate) fn header_joined(&mut self, hash: BlockHash, now: Now) {
        let Some(finality) = &self.finality else { return self.look_at_branch(hash, now) };
        let header = self.chain.header(&hash);
        let block = header.map(|header| BlockReference { height: header.height, hash });
        if block.is_some_and(|block| finality.names(&block)) {
            self.follow_chain(now);
        }
    }

    /// All batches up to this one are on the disk.
    pub(crate) fn finality_durable(&mut self, now: Now) {
        let confirmed = self.disk.durability.confirmed();
        self.with_finality(now, |finality, _| finality.note_durable(confirmed));
    }

    fn consider_signing(&mut self, now: Now) {
        let around = self.surroundings(now);
        self.with_finality(now, |finality, chain| finality.consider(chain, around, now));
    }

    pub(super) fn surroundings(&self, now: Now) -> Surroundings {
        Surroundings {
            is_clock_off: self.membership.clock().is_off,
            is_catching_up: self.is_catching_up(now.instant),
            is_over: self.is_over(),
        }
    }

    fn with_finality(&mut self, now: Now, act: impl FnOnce(&mut Finality, &mut Chain)) {
        if self.membership.is_leaving() {
            return;
        }
        if let Some(finality) = &mut self.finality {
            act(finality, &mut self.chain);
            self.react_to_finality(now);
        }
    }

    /// Does what finality asks for, in its order.
    pub(crate) fn react_to_finality(&mut self, now: Now) {
        let mut is_moved = false;
        while let Some(output) = self.finality.as_mut().and_then(Finality::poll_output) {
            match output {
                FromFinality::Send { to, datagram } => self.send(to, datagram),
                FromFinality::Relay { except, datagram } => self.relay(except, &datagram),
                FromFinality::Persist(record) => self.persist_finality(record),
                FromFinality::Sign(to_sign) => self.output(Output::Sign(to_sign)),
                FromFinality::Fault { from, reason } => self.record_fault(from, reason, now),
                FromFinality::Dropped(reason) => self.counters.dropped.count(reason),
                FromFinality::Moved => is_moved = true,
                FromFinality::Event(event) => self.output(Output::Event(event)),
            }
        }
        if is_moved {
            self.advance_chain(None, now);
            self.follow_state(now);
            self.continue_sync(now);
        }
    }

    fn relay(&mut self, except: Option<SocketAddr>, datagram: &Datagram) {
        for address in self.membership.addresses() {
            if Some(address) != except {
                self.send(address, datagram.clone());
            }
        }
    }

    fn persist_finality(&mut self, record: FinalityRecord) {
        let is_decision = matches!(record, FinalityRecord::Validator(_));
        self.persist(Record::Finality(record));
        if is_decision && let Some(finality) = &mut self.finality {
            finality.note_batch(self.disk.durability.next_batch());
        }
    }
}
