//! From bytes to handlers: decoding, the election, tokens, and who may say what.

use std::net::SocketAddr;

use protocol::datagram::{Datagram, ElectionPrefix, Envelope, RETRY_BYTES};
use protocol::token::Token;
use protocol::units::Now;

use super::Node;
use super::dropped::DropReason;
use super::output::{Event, Output};
use chain::rules::Rule;

impl Node {
    pub(super) fn dispatch(&mut self, from: SocketAddr, bytes: &[u8], now: Now) {
        self.tallies.received.count_bytes(bytes);
        let Ok(envelope) = Envelope::decode(bytes) else {
            return self.tallies.dropped.count(DropReason::Malformed);
        };
        self.tallies.received.count_kind(&envelope.datagram);
        if envelope.election != self.prefix && !self.is_allowed_elsewhere(from, &envelope) {
            return self.tallies.dropped.count(DropReason::OtherElection);
        }
        let has_token = !self.rules.enforces(Rule::AddressTokens)
            || self.tokens.is_valid(from, envelope.receiver_token);
        if self.laboratory.is_partitioned() {
            return self.dispatch_while_partitioned(from, &envelope, has_token, bytes.len(), now);
        }
        match (&envelope.datagram, has_token) {
            (Datagram::Retry, true) => self.on_retry(from, envelope.sender_token, now),
            (Datagram::Retry, false) => self.tallies.dropped.count(DropReason::RetryWithoutToken),
            (_, true) => self.take_datagram(from, envelope, now),
            (_, false) => self.ask_for_token(from, envelope.sender_token, bytes.len()),
        }
    }

    /// Answers what bears no valid token, so that it can be sent again with one.
    pub(super) fn ask_for_token(&mut self, from: SocketAddr, token: Token, received_bytes: usize) {
        self.tallies.dropped.count(DropReason::WithoutToken);
        if received_bytes >= RETRY_BYTES {
            self.send_with(from, token, self.prefix, Datagram::Retry);
        }
    }

    /// Whether a datagram of another election, or of none, concerns us all the same.
    fn is_allowed_elsewhere(&mut self, from: SocketAddr, envelope: &Envelope) -> bool {
        let asks_for_ballot = matches!(envelope.datagram, Datagram::RequestBallot { .. });
        if asks_for_ballot && envelope.election == ElectionPrefix::UNKNOWN {
            return true;
        }
        let is_answer = matches!(envelope.datagram, Datagram::Retry | Datagram::RegisterAck(_));
        if is_answer && self.tokens.is_valid(from, envelope.receiver_token) {
            self.tracker_refused(from, envelope.election);
        }
        false
    }

    fn on_retry(&mut self, from: SocketAddr, token: Token, now: Now) {
        if self.leaving.is_some() {
            self.on_retry_while_leaving(from, token);
        } else if self.is_tracker(&from) {
            self.on_tracker_retry(token, now);
        } else if self.neighbours.contains(&from) {
            self.on_neighbour_retry(from, token, now);
        } else if let Some(poke) = self.probes.retry(from, token) {
            self.send_probe(poke);
        }
    }

    fn take_datagram(&mut self, from: SocketAddr, envelope: Envelope, now: Now) {
        if self.leaving.is_some() {
            return self.take_datagram_while_leaving(from, &envelope, now);
        }
        if self.is_tracker(&from) {
            self.note_tracker_token(envelope.sender_token);
            return self.take_tracker_datagram(from, envelope.datagram, now);
        }
        if self.probes.is_banned(&from, now.instant) {
            return self.tallies.dropped.count(DropReason::Banned);
        }
        if let Some(neighbour) = self.neighbours.get_mut(&from) {
            neighbour.token = envelope.sender_token;
            neighbour.heard = true;
            return self.take_neighbour_datagram(from, envelope.datagram, now);
        }
        self.take_stranger_datagram(from, envelope, now);
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all that such a sender has no business to say"
    )]
    fn take_tracker_datagram(&mut self, from: SocketAddr, datagram: Datagram, now: Now) {
        match datagram {
            Datagram::RegisterAck(ack) => self.on_registered(&ack, now),
            Datagram::Poke { nonce, .. } => self.on_tracker_poke(from, nonce, now),
            Datagram::UpdatePeers { live, left } => self.take_hints(from, &live, &left, now),
            other => self.count_unexpected(&other),
        }
    }

    /// From an address that is no neighbour, but shows that it receives what is sent there.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all that such a sender has no business to say"
    )]
    fn take_stranger_datagram(&mut self, from: SocketAddr, envelope: Envelope, now: Now) {
        let token = envelope.sender_token;
        match envelope.datagram {
            Datagram::Poke { nonce, .. } if self.probes.matches(&from, nonce) => {
                // Our own POKE: the address is ours.
                self.probes.note_own(from);
            }
            Datagram::Poke { nonce, status } => {
                if self.meet(from, token, now) {
                    self.on_poke(from, nonce, status, now);
                }
            }
            Datagram::PokeAck { nonce, status } if self.probes.matches(&from, nonce) => {
                if self.meet(from, token, now) {
                    self.on_poke_ack(from, nonce, status, now);
                    self.poke_now(from, now);
                }
            }
            Datagram::RequestBallot { offset } => self.serve_ballot(from, token, offset),
            Datagram::LeavePeer => {
                self.probes.forget(&from, now.instant);
                self.send_with(from, token, self.prefix, Datagram::LeaveAck);
            }
            other => self.count_unexpected(&other),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all that such a sender has no business to say"
    )]
    fn take_neighbour_datagram(&mut self, from: SocketAddr, datagram: Datagram, now: Now) {
        match datagram {
            Datagram::Poke { nonce, status } => {
                // Without a status it does not know us as a neighbour: it started again.
                if status.is_none() {
                    self.renew(from, now);
                }
                self.on_poke(from, nonce, status, now);
            }
            Datagram::PokeAck { nonce, status } => self.on_poke_ack(from, nonce, status, now),
            Datagram::UpdatePeers { live, left } => self.take_hints(from, &live, &left, now),
            Datagram::RequestBallot { offset } => {
                let token = self.neighbours.get(&from).map_or(Token::NONE, |known| known.token);
                self.serve_ballot(from, token, offset);
            }
            Datagram::NewTransactions(transactions) => {
                self.on_new_transactions(from, transactions, now);
            }
            Datagram::NewBlock { header, body } => self.on_new_block(from, header, body, now),
            Datagram::RequestChain { request, wanted } => self.serve_chain(from, request, wanted),
            Datagram::ChainHeaders { request, piece, pieces, headers } => {
                self.on_chain_headers(from, (request, piece, pieces), headers, now);
            }
            Datagram::ChainBlock { request, piece, pieces, bytes } => {
                self.on_chain_block(from, (request, piece, pieces), bytes, now);
            }
            Datagram::ChainTransactions { request, transactions, .. } => {
                self.on_chain_transactions(from, request, transactions, now);
            }
            Datagram::LeavePeer => self.on_leave_peer(from, now),
            other => self.count_unexpected(&other),
        }
    }

    /// Finality votes and certificates among them: no election has validators yet.
    fn count_unexpected(&mut self, datagram: &Datagram) {
        tracing::trace!(kind = datagram.name(), "unexpected datagram");
        self.tallies.dropped.count(DropReason::Unexpected);
    }

    fn serve_ballot(&mut self, to: SocketAddr, token: Token, offset: u32) {
        match Datagram::ballot_options(&self.ballot, offset) {
            Some(piece) => self.send_with(to, token, self.prefix, piece),
            None => self.tallies.dropped.count(DropReason::BallotBeyondEnd),
        }
    }

    /// A neighbour broke a rule: told, and banned when it goes on.
    pub(super) fn fault(&mut self, from: SocketAddr, reason: String, now: Now) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        let is_too_much = neighbour.fault(now.instant);
        self.output(Output::Event(Event::Misbehaviour { address: from, reason }));
        if is_too_much {
            self.ban(from, now);
        }
    }
}
