//! From bytes to handlers, and from what membership and ledger tell to what the rest of the node does about it. This
//! says who deals with what, in which order, and when a leave begins and ends.

use std::net::SocketAddr;
use std::sync::Arc;

use protocol::datagram::{Datagram, Envelope, PeerStatus};
use protocol::transaction::HashedTransaction;
use protocol::units::Now;

use super::Node;
use super::dropped::DropReason;
use super::event::Event;
use super::ledger::{Output as FromLedger, Purpose};
use super::membership::{AboutChain, Disposition, LeaveProgress, Output as FromMembership};
use super::output::{Output, Record};
use super::own_addresses::OwnAddresses;
use super::packing::for_datagram;
use super::timers::Timers;
use chain::rules::Rule;

impl Node {
    pub(super) fn dispatch(&mut self, from: SocketAddr, bytes: &[u8], now: Now) {
        self.follow_clock(now);
        self.counters.received.count_bytes(bytes);
        let Ok(envelope) = Envelope::decode(bytes) else {
            return self.counters.dropped.count(DropReason::Malformed);
        };
        self.counters.received.count_kind(&envelope.datagram);
        let disposition = self.membership.handle_datagram(from, envelope, bytes.len(), now);
        self.react_to_membership(now);
        match disposition {
            Disposition::Handled => {}
            Disposition::Dropped(reason) => self.counters.dropped.count(reason),
            Disposition::FromNeighbour(datagram) => {
                self.handle_neighbour_datagram(from, datagram, now);
            }
        }
    }

    /// Handles what arrived at the multicast group, which says at most that somebody may be there.
    pub fn handle_announcement(&mut self, from: SocketAddr, bytes: &[u8], now: Now) {
        self.counters.received.count_bytes(bytes);
        let Ok(envelope) = Envelope::decode(bytes) else {
            return self.counters.dropped.count(DropReason::NoAnnouncement);
        };
        self.counters.received.count_kind(&envelope.datagram);
        if let Err(reason) = self.membership.handle_announcement(from, &envelope, now) {
            self.counters.dropped.count(reason);
        }
        self.react_to_membership(now);
    }

    /// This machine's own addresses are these from now on. To be called at the start and whenever they change; calling
    /// it at any other time is harmless.
    pub fn set_own_addresses(&mut self, own: OwnAddresses, now: Now) {
        self.membership.set_own_addresses(own, now);
        self.react_to_membership(now);
    }

    /// Does what membership asks for, and follows what it tells, in its order. To be called after every call to it
    /// that can produce an output.
    pub(super) fn react_to_membership(&mut self, now: Now) {
        while let Some(output) = self.membership.poll_output() {
            match output {
                FromMembership::Transmit { to, envelope } => self.transmit(to, &envelope),
                FromMembership::Announce { envelope } => {
                    let bytes = self.encode(&envelope);
                    self.output(Output::Announce { bytes });
                }
                FromMembership::Joined { address } => {
                    self.sync_add_neighbour(address, now);
                    self.ledger.add_recipient(address, now);
                    self.finality_add_neighbour(address, now);
                    self.output(Output::Event(Event::NeighbourJoined { address }));
                }
                FromMembership::Refreshed { address } => self.ledger.add_recipient(address, now),
                FromMembership::Left { address, name, reason } => {
                    self.sync_remove_neighbour(address);
                    self.ledger.remove_recipient(&address);
                    if let Some(finality) = &mut self.finality {
                        finality.remove_neighbour(&address);
                    }
                    self.output(Output::Event(Event::NeighbourLeft { address, name, reason }));
                    self.continue_sync(now);
                }
                FromMembership::Status { from, status } => self.handle_status(from, status, now),
                FromMembership::RoundTrip { from, round_trip } => {
                    if let Some(source) = self.sync.sources.get_mut(&from) {
                        source.window.measure(round_trip);
                    }
                }
                FromMembership::Remember(addresses) => {
                    self.persist(Record::Neighbours(addresses));
                }
                FromMembership::LeaveRepeated { to } => {
                    self.ledger.announce_own_again(&to);
                    self.react_to_ledger(now);
                }
                FromMembership::ClockJudged => self.clock_judged(now),
                FromMembership::LookUp(name) => self.output(Output::LookUp(name)),
                FromMembership::Refused { tracker, expected, found_prefix } => {
                    self.output(Output::Refused { tracker, expected, found_prefix });
                }
                FromMembership::ClockJumped => {
                    self.sync.forget_fruitless_waits();
                    self.clock_jumped(now);
                }
                FromMembership::Event(event) => self.output(Output::Event(event)),
            }
        }
        self.leave_if_done(now);
    }

    /// Does the same for the effects and reports of the ledger.
    pub(super) fn react_to_ledger(&mut self, now: Now) {
        while let Some(output) = self.ledger.poll_output() {
            match output {
                FromLedger::Send { to, transactions } => {
                    self.send(to, Datagram::NewTransactions(for_datagram(&transactions)));
                }
                FromLedger::Persist(record) => self.persist(record),
                FromLedger::Verify(job) => self.output(Output::Verify(job)),
                FromLedger::Added { id, voter, kind } => {
                    self.output(Output::Event(Event::Transaction { id, voter, kind }));
                    self.pool_grew(now);
                }
                FromLedger::Superseded(superseded) => self.tell_superseded(&superseded),
                FromLedger::Fault { from, reason } => self.record_fault(from, reason, now),
                FromLedger::SubmissionVerified { ticket, by, transaction, verdict } => {
                    self.handle_submission_verified((ticket, by), transaction, verdict, now);
                }
                FromLedger::BlockVerified { hash, from, failed } => {
                    self.handle_block_verified(hash, from, failed, now);
                }
            }
        }
    }

    /// Has signatures checked whose verdicts are not known yet. If all are known, continues at
    /// once.
    pub(super) fn verify(
        &mut self,
        transactions: Vec<Arc<HashedTransaction>>,
        purpose: Purpose,
        now: Now,
    ) {
        self.ledger.verify(transactions, purpose, &self.chain, now);
        self.react_to_ledger(now);
    }

    /// Notes that a neighbour broke a rule. The fault is reported, and a neighbour that keeps
    /// breaking rules is banned.
    pub(super) fn record_fault(&mut self, from: SocketAddr, reason: String, now: Now) {
        self.membership.record_fault(from, reason, now);
        self.react_to_membership(now);
    }

    pub(super) fn poke(&mut self, address: SocketAddr, now: Now) {
        self.membership.poke(address, now);
        self.react_to_membership(now);
    }

    pub(super) fn start_leaving(&mut self, now: Now) {
        if self.membership.is_leaving() {
            return;
        }
        self.stop_mining();
        self.stop_experiment();
        // Transactions that were accepted a moment ago still have to be announced.
        self.ledger.announce_fresh(now);
        self.react_to_ledger(now);
        self.ledger.stop();
        if let Some(finality) = &mut self.finality {
            finality.stop();
        }
        self.timers = Timers::default();
        self.membership.start_leaving(now);
        self.react_to_membership(now);
    }

    /// Ends the leave once everybody has acknowledged it and everything is written, or when its
    /// time is over.
    pub(super) fn leave_if_done(&mut self, now: Now) {
        let is_done = match self.membership.leave_progress(now) {
            LeaveProgress::None | LeaveProgress::Waiting => false,
            LeaveProgress::Acknowledged => self.disk.durability.is_settled(),
            LeaveProgress::TimedOut => true,
        };
        if is_done {
            self.membership.finish_leaving();
            self.output(Output::Left);
        }
    }

    /// Sends a datagram to a neighbour.
    pub(super) fn send(&mut self, to: SocketAddr, datagram: Datagram) {
        let envelope = self.membership.envelope(to, datagram);
        self.transmit(to, &envelope);
    }

    fn transmit(&mut self, to: SocketAddr, envelope: &Envelope) {
        if !self.membership.lets_through(&envelope.datagram) {
            return;
        }
        let bytes = self.encode(envelope);
        self.output(Output::Transmit { to, bytes });
    }

    fn encode(&mut self, envelope: &Envelope) -> Vec<u8> {
        let bytes = envelope.encode();
        self.counters.sent.count_kind(&envelope.datagram);
        self.counters.sent.count_bytes(&bytes);
        bytes
    }

    fn handle_neighbour_datagram(&mut self, from: SocketAddr, datagram: AboutChain, now: Now) {
        match datagram {
            AboutChain::NewTransactions(transactions) => {
                let known = self.ledger.handle_transactions(from, transactions, &self.chain, now);
                self.react_to_ledger(now);
                self.acknowledge_known(from, known);
            }
            AboutChain::TransactionsAck { ids } => self.handle_transactions_ack(from, &ids),
            AboutChain::NewBlock { header, body } => self.handle_new_block(from, header, body, now),
            AboutChain::Request { request, wanted } => {
                self.serve_chain(from, request, wanted, now);
            }
            AboutChain::Finality(about) => self.handle_about_finality(from, about, now),
            AboutChain::Headers { piece, headers } => {
                self.handle_chain_headers(from, piece, headers, now);
            }
            AboutChain::BlockPiece { piece, bytes } => {
                self.handle_chain_block(from, piece, bytes, now);
            }
            AboutChain::BlockTransactions { piece, transactions } => {
                self.handle_chain_transactions(from, piece, transactions, now);
            }
        }
    }

    fn handle_status(&mut self, from: SocketAddr, status: PeerStatus, now: Now) {
        if !self.rules.enforces(Rule::TipExchange) {
            return;
        }
        self.note_status(from, status, now);
        self.tell_no_longer_alone();
        self.continue_sync(now);
    }
}
