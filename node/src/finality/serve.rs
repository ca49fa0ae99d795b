//! Answers a request for certificates: with the one that covers the closing block and the highest one, then with the
//! PREPAREs that justify the highest justified block (a part of them each time, where they are many), and each
//! validator's newest votes above what is final.
//!
//! What one request can make this node send is bounded: 4 certificates, 64 PREPAREs, and two votes of each validator.

use std::net::SocketAddr;

use protocol::datagram::Datagram;
use protocol::finality::{Certificate, FinalityVote};
use protocol::units::Height;

use super::collect::datagram;
use super::{Finality, Output};
use chain::Chain;

impl Finality {
    pub(crate) fn serve(&mut self, to: SocketAddr, request: u32, from: Height, chain: &Chain) {
        let certificates = self.certificates_from(from);
        let pieces = u32::try_from(certificates.len()).unwrap_or(u32::MAX);
        for (piece, certificate) in (0..).zip(certificates) {
            let certificates = vec![certificate];
            let datagram = Datagram::ChainCertificates { request, piece, pieces, certificates };
            self.outputs.push_back(Output::Send { to, datagram });
        }
        if pieces == 0 {
            let (piece, certificates) = (0, Vec::new());
            let datagram = Datagram::ChainCertificates { request, piece, pieces, certificates };
            self.outputs.push_back(Output::Send { to, datagram });
        }
        let votes = self.votes_to_tell(chain);
        let told = votes.into_iter().map(|vote| Output::Send { to, datagram: datagram(vote) });
        self.outputs.extend(told);
    }

    /// The certificates from a height on that say the most, in ascending order.
    fn certificates_from(&self, from: Height) -> Vec<Certificate> {
        let ends = [self.certificates.closing(), self.certificates.highest()];
        let ends = ends.into_iter().flatten().map(|seen| &seen.certificate);
        let disputed = self.conflict.iter().flat_map(|pair| [&pair.0, &pair.1]);
        let mut certificates: Vec<_> = ends.chain(disputed).cloned().collect();
        certificates.retain(|certificate| certificate.block.height >= from);
        certificates.sort_by_key(|certificate| certificate.block);
        certificates.dedup();
        certificates
    }

    fn votes_to_tell(&mut self, chain: &Chain) -> Vec<FinalityVote> {
        let (justified, final_height) = (chain.justified_block(), chain.final_block().height);
        self.answered = self.answered.wrapping_add(1);
        let turn = self.answered;
        let shown = self.justified.part_of_justification(justified, &self.votes, chain, turn);
        let mut votes: Vec<_> = shown.into_iter().map(FinalityVote::Prepare).collect();
        for validator in 0..self.roster.validators.len() {
            let (prepare, commit) = self.votes.newest(validator);
            let newest = [
                prepare.cloned().map(FinalityVote::Prepare),
                commit.cloned().map(FinalityVote::Commit),
            ];
            let above = newest.into_iter().flatten();
            let above = above.filter(|vote| vote.block().height > final_height);
            let others: Vec<_> = above.filter(|vote| !votes.contains(vote)).collect();
            votes.extend(others);
        }
        votes
    }
}
