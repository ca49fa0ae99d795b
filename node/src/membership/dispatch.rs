//! From a datagram to its handler: the election, tokens, and who may say what.

use std::net::SocketAddr;

use protocol::datagram::{Datagram, ElectionPrefix, Envelope, RETRY_BYTES};
use protocol::finality::FinalityVote;
use protocol::token::Token;
use protocol::units::Now;

use super::{AboutChain, Disposition, Membership};
use crate::dropped::DropReason;
use crate::finality::about::AboutFinality;
use chain::rules::Rule;

impl Membership {
    /// Handles one datagram that had `received_bytes` bytes.
    pub(crate) fn handle_datagram(
        &mut self,
        from: SocketAddr,
        envelope: Envelope,
        received_bytes: usize,
        now: Now,
    ) -> Disposition {
        self.watch_clock(now);
        self.tokens.rotate(now.instant);
        if envelope.election != self.prefix && !self.is_allowed_elsewhere(from, &envelope, now) {
            return Disposition::Dropped(DropReason::OtherElection);
        }
        let has_token = !self.rules.enforces(Rule::AddressTokens)
            || self.tokens.is_valid(from, envelope.receiver_token);
        if self.is_partitioned {
            return self.handle_datagram_while_partitioned(
                from,
                &envelope,
                has_token,
                received_bytes,
                now,
            );
        }
        let is_retry = matches!(envelope.datagram, Datagram::Retry);
        if is_retry && !has_token {
            Disposition::Dropped(DropReason::RetryWithoutToken)
        } else if !has_token {
            self.ask_for_token(from, envelope.sender_token, received_bytes)
        } else if self.leaving.is_some() {
            self.handle_datagram_while_leaving(from, &envelope);
            Disposition::Handled
        } else if is_retry {
            self.handle_retry(from, envelope.sender_token, now);
            Disposition::Handled
        } else if let Some(place) = self.trackers.at(&from) {
            self.handle_tracker_datagram(place, from, envelope, now)
        } else if self.probes.is_banned(&from, now.instant) {
            Disposition::Dropped(DropReason::Banned)
        } else if let Some(neighbour) = self.neighbours.get_mut(&from) {
            neighbour.token = envelope.sender_token;
            neighbour.heard = true;
            self.handle_neighbour_datagram(from, envelope, now)
        } else {
            self.handle_stranger_datagram(from, envelope, now)
        }
    }

    /// Answers a datagram without a valid token with a token, so that it can be sent again.
    fn ask_for_token(
        &mut self,
        from: SocketAddr,
        token: Token,
        received_bytes: usize,
    ) -> Disposition {
        if received_bytes >= RETRY_BYTES {
            self.send_with(from, token, Datagram::Retry);
        }
        Disposition::Dropped(DropReason::WithoutToken)
    }

    /// Whether a datagram of another election, or of none, concerns this node nevertheless.
    fn is_allowed_elsewhere(&mut self, from: SocketAddr, envelope: &Envelope, now: Now) -> bool {
        let asks_for_ballot = matches!(envelope.datagram, Datagram::RequestBallot { .. });
        if asks_for_ballot && envelope.election == ElectionPrefix::UNKNOWN {
            return true;
        }
        let is_answer = matches!(envelope.datagram, Datagram::Retry | Datagram::RegisterAck(_));
        if is_answer && self.tokens.is_valid(from, envelope.receiver_token) {
            self.note_tracker_refusal(from, envelope.election, now);
        }
        false
    }

    fn handle_retry(&mut self, from: SocketAddr, token: Token, now: Now) {
        if let Some(place) = self.trackers.at(&from) {
            if self.note_tracker_token(place, from, token) {
                self.handle_tracker_retry(place);
            }
        } else if self.neighbours.contains(&from) {
            self.handle_neighbour_retry(from, token, now);
        } else if let Some(poke) = self.probes.retry(from, token) {
            self.send_probe(poke);
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all that a tracker has no business to say")]
    fn handle_tracker_datagram(
        &mut self,
        place: usize,
        from: SocketAddr,
        envelope: Envelope,
        now: Now,
    ) -> Disposition {
        if !self.note_tracker_token(place, from, envelope.sender_token) {
            return unexpected(&envelope.datagram);
        }
        match envelope.datagram {
            Datagram::RegisterAck(ack) => self.handle_register_ack(place, &ack, now),
            Datagram::Poke { nonce, .. } => self.handle_tracker_poke(place, from, nonce, now),
            Datagram::PokeAck { nonce, status } => {
                self.handle_tracker_poke_ack(place, nonce, status, now);
            }
            Datagram::UpdatePeers { live, left } => {
                return self.handle_hints(from, &live, &left, now);
            }
            Datagram::InnerAddresses { peers } => {
                return self.handle_inner_addresses(from, peers, now);
            }
            other => return unexpected(&other),
        }
        Disposition::Handled
    }

    /// Handles a datagram from an address that is not a neighbour but has shown that it receives
    /// what is sent there.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all that a stranger has no business to say"
    )]
    fn handle_stranger_datagram(
        &mut self,
        from: SocketAddr,
        envelope: Envelope,
        now: Now,
    ) -> Disposition {
        let token = envelope.sender_token;
        match envelope.datagram {
            // The POKE is our own and came back, so the address is one of ours.
            Datagram::Poke { nonce, .. } if self.probes.matches(&from, nonce) => {
                self.probes.note_own(from);
            }
            Datagram::Poke { nonce, status } => {
                if let Err(reason) = self.meet(from, token, now) {
                    return Disposition::Dropped(reason);
                }
                self.handle_poke(from, nonce, status, now);
            }
            Datagram::PokeAck { nonce, status } if self.probes.matches(&from, nonce) => {
                if let Err(reason) = self.meet(from, token, now) {
                    return Disposition::Dropped(reason);
                }
                self.handle_poke_ack(from, nonce, status, now);
                self.poke(from, now);
            }
            Datagram::RequestBallot { offset } => return self.serve_ballot(from, token, offset),
            Datagram::LeavePeer => {
                self.probes.forget(&from, now.instant);
                self.send_with(from, token, Datagram::LeaveAck);
            }
            other => return unexpected(&other),
        }
        Disposition::Handled
    }

    fn handle_neighbour_datagram(
        &mut self,
        from: SocketAddr,
        envelope: Envelope,
        now: Now,
    ) -> Disposition {
        match envelope.datagram {
            Datagram::Poke { nonce, status } => {
                // A POKE without a status comes from a node that does not know us as a neighbour,
                // so it has restarted.
                if status.is_none() {
                    self.refresh(from, now);
                }
                self.handle_poke(from, nonce, status, now);
            }
            Datagram::PokeAck { nonce, status } => self.handle_poke_ack(from, nonce, status, now),
            Datagram::UpdatePeers { live, left } => {
                return self.handle_hints(from, &live, &left, now);
            }
            Datagram::Name { run, name } => return self.handle_name(from, run, &name, now),
            Datagram::RequestBallot { offset } => {
                return self.serve_ballot(from, envelope.sender_token, offset);
            }
            Datagram::LeavePeer => self.handle_leave_peer(from, now),
            Datagram::NewTransactions(transactions) => {
                return Disposition::FromNeighbour(AboutChain::NewTransactions(transactions));
            }
            Datagram::TransactionsAck { ids } => {
                return Disposition::FromNeighbour(AboutChain::TransactionsAck { ids });
            }
            Datagram::NewBlock { header, body } => {
                return Disposition::FromNeighbour(AboutChain::NewBlock { header, body });
            }
            Datagram::RequestChain { request, wanted } => {
                return Disposition::FromNeighbour(AboutChain::Request { request, wanted });
            }
            Datagram::ChainHeaders { request, piece, pieces, headers } => {
                let piece = (request, piece, pieces);
                return Disposition::FromNeighbour(AboutChain::Headers { piece, headers });
            }
            Datagram::ChainBlock { request, piece, pieces, bytes } => {
                let piece = (request, piece, pieces);
                return Disposition::FromNeighbour(AboutChain::BlockPiece { piece, bytes });
            }
            Datagram::ChainTransactions { request, piece, pieces, transactions } => {
                let piece = (request, piece, pieces);
                let about_chain = AboutChain::BlockTransactions { piece, transactions };
                return Disposition::FromNeighbour(about_chain);
            }
            Datagram::ChainCertificates { request, certificates, .. } => {
                return about_finality(AboutFinality::Certificates { request, certificates });
            }
            Datagram::Prepare(prepare) => {
                return about_finality(AboutFinality::Vote(FinalityVote::Prepare(prepare)));
            }
            Datagram::Commit(commit) => {
                return about_finality(AboutFinality::Vote(FinalityVote::Commit(commit)));
            }
            Datagram::Presence(presence) => {
                return about_finality(AboutFinality::Presence(presence));
            }
            Datagram::Evidence(evidence) => {
                return about_finality(AboutFinality::Evidence(Box::new(evidence)));
            }
            other @ (Datagram::RegisterPeer
            | Datagram::RegisterAck(_)
            | Datagram::BallotOptions { .. }
            | Datagram::LeaveAck
            | Datagram::Retry
            | Datagram::InnerAddresses { .. }
            | Datagram::Announce { .. }) => return unexpected(&other),
        }
        Disposition::Handled
    }

    fn serve_ballot(&mut self, to: SocketAddr, token: Token, offset: u32) -> Disposition {
        match Datagram::ballot_options(&self.ballot, offset) {
            Some(piece) => {
                self.send_with(to, token, piece);
                Disposition::Handled
            }
            None => Disposition::Dropped(DropReason::BallotBeyondEnd),
        }
    }

    /// Answers a POKE as a tracker does, without a word on the chain, and drops everything else. So the tracker and
    /// the neighbours keep this node listed, and nothing crosses.
    fn handle_datagram_while_partitioned(
        &mut self,
        from: SocketAddr,
        envelope: &Envelope,
        has_token: bool,
        received_bytes: usize,
        now: Now,
    ) -> Disposition {
        let Datagram::Poke { nonce, .. } = envelope.datagram else {
            return Disposition::Dropped(DropReason::Partitioned);
        };
        let token = envelope.sender_token;
        if !has_token {
            return self.ask_for_token(from, token, received_bytes);
        }
        if let Some(place) = self.trackers.at(&from) {
            self.note_tracker_token(place, from, token);
            self.note_tracker_heard(place, now);
        } else if let Some(neighbour) = self.neighbours.get_mut(&from) {
            neighbour.token = token;
            neighbour.heard = true;
        }
        self.send_with(from, token, Datagram::PokeAck { nonce, status: None });
        Disposition::Handled
    }
}

fn about_finality(about: AboutFinality) -> Disposition {
    Disposition::FromNeighbour(AboutChain::Finality(about))
}

fn unexpected(datagram: &Datagram) -> Disposition {
    tracing::trace!(kind = datagram.name(), "unexpected datagram");
    Disposition::Dropped(DropReason::Unexpected)
}
