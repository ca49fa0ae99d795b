//! The questions that a user asks of a running peer, with one typed answer each. The prompt and the
//! HTTP API share them, so that both always give the same answer.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use protocol::block::Block;
use protocol::block::Header;
use protocol::finality::Certificate;
use protocol::receipt::{FinalityProof, RECEIPT_HEADERS_MAX, Receipt};
use protocol::transaction::{Choices, Transaction};
use protocol::units::{Height, TransactionId, VoterId};

use super::hours::{check_hours, check_not_closed};
use super::{ActionError, Actions};
use crate::handle::Taken;
use crate::miner::MinerView;
use crate::schema::{self, OwnVoteStanding};
use crate::voter::receipt;
use crate::voter::{Actor, OwnVoters, VoterError};
use host::clock::unix_now;
use keys::VoterName;
use node::{Answer, BlockSelector, Command, CommandError};

impl Actions {
    pub(crate) fn ballot(&self) -> schema::Ballot {
        schema::Ballot::of(&self.election)
    }

    /// # Errors
    /// When the node has ended; so for all questions.
    pub(crate) async fn results(&self) -> Result<schema::Results, ActionError> {
        let answer = self.handle.command(Command::Results).await?;
        let Answer::Results(results) = &answer else { unasked(&answer) };
        Ok(results.into())
    }

    /// The count at the final block alone.
    ///
    /// # Errors
    /// When nothing is final.
    pub(crate) async fn final_results(&self) -> Result<schema::FinalResults, ActionError> {
        Ok(schema::FinalResults::of(&self.results().await?)?)
    }

    /// What proves that validators broke the rules.
    pub(crate) async fn evidence(&self) -> Result<schema::EvidenceList, ActionError> {
        let answer = self.handle.command(Command::Status).await?;
        let Answer::Status(node) = &answer else { unasked(&answer) };
        let all = node.finality.as_ref().map_or(&[][..], |view| &view.evidence);
        Ok(schema::EvidenceList::of(all, self.election_id))
    }

    /// The certificate of the lowest block that is final and at or above the closing block, and that of the highest
    /// final block, as far as this peer has them.
    pub(crate) async fn certificates(&self) -> Result<Vec<Certificate>, ActionError> {
        let answer = self.handle.command(Command::Results).await?;
        let Answer::Results(results) = answer else { unasked(&answer) };
        let Some(finality) = results.finality else { return Ok(Vec::new()) };
        let seen = [finality.closing_certificate, finality.certificate];
        Ok(seen.into_iter().flatten().map(|seen| seen.certificate).collect())
    }

    /// Up to `limit` blocks of the best chain, from `from` or from the tip downwards.
    pub(crate) async fn chain(
        &self,
        from: Option<Height>,
        limit: u32,
    ) -> Result<schema::Chain, ActionError> {
        let answer = self.handle.command(Command::Chain { from, limit }).await?;
        let Answer::Chain(blocks) = &answer else { unasked(&answer) };
        Ok(schema::Chain::of(blocks))
    }

    /// # Errors
    /// When there is no such block, or the disk does not give it.
    pub(crate) async fn block(
        &self,
        selector: BlockSelector,
    ) -> Result<schema::Block, ActionError> {
        let answer = self.handle.command(Command::Block(selector)).await?;
        let Answer::Block(view) = &answer else { unasked(&answer) };
        Ok(schema::Block::of(view, &self.election))
    }

    /// The same block in its encoded form, to be passed on.
    pub(crate) async fn raw_block(
        &self,
        selector: BlockSelector,
    ) -> Result<Arc<Block>, ActionError> {
        let answer = self.handle.command(Command::RawBlock(selector)).await?;
        let Answer::RawBlock(block) = answer else { unasked(&answer) };
        Ok(block)
    }

    /// # Errors
    /// When neither the pool nor the best chain holds it, or the disk does not give it.
    pub(crate) async fn transaction(
        &self,
        id: TransactionId,
    ) -> Result<schema::TransactionFound, ActionError> {
        let answer = self.handle.command(Command::Transaction(id)).await?;
        let Answer::Transaction(found) = &answer else { unasked(&answer) };
        Ok(schema::TransactionFound::of(found, &self.election))
    }

    /// Up to `limit` transactions of the pool that arrived after that arrival number, or from the
    /// oldest on.
    pub(crate) async fn pool(
        &self,
        after: Option<u64>,
        limit: u32,
    ) -> Result<schema::PoolPage, ActionError> {
        let answer = self.handle.command(Command::Pool { after, limit }).await?;
        let Answer::Pool(page) = &answer else { unasked(&answer) };
        Ok(schema::PoolPage::of(page, &self.election))
    }

    /// # Errors
    /// When the disk does not give the block that holds the vote.
    pub(crate) async fn voter(&self, voter: VoterId) -> Result<schema::Voter, ActionError> {
        let answer = self.handle.command(Command::Voter(voter)).await?;
        let Answer::Voter(view) = &answer else { unasked(&answer) };
        Ok(schema::Voter::of(view, &self.election))
    }

    /// # Errors
    /// When no block holds a vote of the voter, or the disk does not give it.
    pub(crate) async fn receipt(&self, voter: VoterId) -> Result<Receipt, ActionError> {
        let answer = self.handle.command(Command::Receipt(voter)).await?;
        let Answer::Receipt(mut receipt) = answer else { unasked(&answer) };
        receipt.finality = self.finality_proof(&receipt.header).await?;
        Ok(*receipt)
    }

    /// What shows to everybody that the block with this header is final, if it is and that is not too long.
    async fn finality_proof(&self, block: &Header) -> Result<Option<FinalityProof>, ActionError> {
        let certificates = self.certificates().await?.into_iter();
        let above = certificates.filter(|certificate| certificate.block.height >= block.height);
        let Some(certificate) = above.min_by_key(|certificate| certificate.block.height) else {
            return Ok(None);
        };
        let count = usize::try_from(certificate.block.height.0 - block.height.0);
        let Some(count) = count.ok().filter(|count| *count <= RECEIPT_HEADERS_MAX) else {
            return Ok(None);
        };
        // From the certified block downwards, a page at a time.
        let mut headers: Vec<Header> = Vec::with_capacity(count);
        while headers.len() < count {
            let missing = u32::try_from(count - headers.len()).unwrap_or(u32::MAX);
            let from = Height(certificate.block.height.0 - headers.len() as u64);
            let page = Command::Chain { from: Some(from), limit: missing };
            let answer = self.handle.command(page).await?;
            let Answer::Chain(page) = answer else { unasked(&answer) };
            if page.is_empty() {
                return Ok(None);
            }
            headers.extend(page.iter().map(|summary| summary.header));
        }
        headers.reverse();
        let proof = FinalityProof { headers, certificate };
        // The chain may have changed between the questions.
        Ok(proof.check_headers(block).is_ok().then_some(proof))
    }

    pub(crate) async fn peers(&self) -> Result<schema::Peers, ActionError> {
        let answer = self.handle.command(Command::Peers).await?;
        let Answer::Peers(peers) = &answer else { unasked(&answer) };
        Ok(schema::Peers::of(peers))
    }

    /// What the node reports about itself, together with what only its user may know.
    pub(crate) async fn status(&self) -> Result<schema::Status, ActionError> {
        let answer = self.handle.command(Command::Status).await?;
        let Answer::Status(node) = &answer else { unasked(&answer) };
        let progress = self.miner.as_ref().and_then(MinerView::progress);
        let own_vote = Some(self.own_votes().await);
        let multicast = self.multicast.borrow().clone();
        Ok(schema::Status {
            voter: self.voters.as_ref().map(OwnVoters::id),
            data_dir: Some(self.data_directory.display().to_string()),
            multicast,
            own_vote,
            ..schema::Status::of(
                node,
                self.election_id,
                self.address,
                progress.map(schema::Mining::from),
            )
        })
    }

    /// # Errors
    /// When this peer does not mine.
    pub(crate) async fn mine(&self) -> Result<schema::BlockOrdered, ActionError> {
        let answer = self.handle.command(Command::Mine).await?;
        let Answer::Mining(Height(height)) = answer else { unasked(&answer) };
        Ok(schema::BlockOrdered { height })
    }

    /// # Errors
    /// When there are no neighbours.
    pub(crate) async fn sync(&self) -> Result<schema::SyncOrdered, ActionError> {
        let answer = self.handle.command(Command::Sync).await?;
        let Answer::Syncing { neighbours } = answer else { unasked(&answer) };
        Ok(schema::SyncOrdered { neighbours })
    }

    /// Tries an address for as long as the peer runs, as if it had been given at the start.
    ///
    /// # Errors
    /// When no peer can have this address, or when it is known already.
    pub(crate) async fn add_neighbour(&self, address: SocketAddr) -> Result<(), ActionError> {
        let answer = self.handle.command(Command::AddNeighbour(address)).await?;
        let Answer::NeighbourAdded = answer else { unasked(&answer) };
        Ok(())
    }

    /// Hands in a transaction that was signed elsewhere.
    ///
    /// # Errors
    /// When it breaks a rule, or when the disk fails.
    pub(crate) async fn submit(&self, transaction: Transaction) -> Result<Taken, ActionError> {
        Ok(self.handle.submit(transaction).await?)
    }

    /// Does the same for who hands it in over the API, mostly somebody else.
    ///
    /// # Errors
    /// When it breaks a rule, or when the disk fails.
    pub(crate) async fn submit_for_other(
        &self,
        transaction: Transaction,
    ) -> Result<Taken, ActionError> {
        // Whoever votes through another terminal of the same machine is told at the prompt what becomes of it.
        let mut own = self.voters.iter().flat_map(OwnVoters::ids);
        if own.any(|voter| voter == transaction.voter()) {
            return self.submit(transaction).await;
        }
        Ok(self.handle.submit_for_other(transaction).await?)
    }

    /// The voters of this peer.
    ///
    /// # Errors
    /// When this peer only observes.
    pub(crate) fn voters(&self) -> Result<&OwnVoters, ActionError> {
        self.voters.as_ref().ok_or_else(|| CommandError::Observer.into())
    }

    /// Registers one of this peer's own voters.
    ///
    /// # Errors
    /// When its key cannot be unlocked, or when the node refuses the registration.
    pub(crate) async fn register(&self, actor: Actor) -> Result<schema::Registered, ActionError> {
        // Before the search for a stamp, which would be in vain.
        check_not_closed(&self.election, unix_now())?;
        let name = actor.voter.clone();
        let registered = self.voters()?.register(&self.handle, actor).await;
        let (transaction, voter) =
            registered.map_err(|error| self.with_key(error.into(), name.as_ref()))?;
        Ok(schema::Registered { accepted: true, transaction, voter })
    }

    /// Casts the vote of one of this peer's own voters.
    ///
    /// # Errors
    /// When its key cannot be unlocked, or when the node refuses the vote.
    pub(crate) async fn vote(
        &self,
        actor: Actor,
        choices: Choices,
    ) -> Result<schema::Voted, ActionError> {
        self.vote_unless(actor, choices, std::future::pending()).await
    }

    /// Does the same, unless `stopped` completes before the vote is handed to the node: then nothing is cast.
    ///
    /// # Errors
    /// As above, and when it was stopped.
    pub(crate) async fn vote_unless(
        &self,
        actor: Actor,
        choices: Choices,
        stopped: impl Future<Output = ()>,
    ) -> Result<schema::Voted, ActionError> {
        let names = schema::choice_names(&choices, &self.election);
        let (name, voters) = (actor.voter.clone(), self.voters()?);
        let refused = |error: VoterError| self.with_key(error.into(), name.as_ref());
        // Before a voter is registered who can't vote now.
        check_hours(&self.election, unix_now())?;
        let key = tokio::select! {
            biased;
            () = stopped => return Err(ActionError::Cancelled),
            key = voters.prepare_vote(&self.handle, actor) => key.map_err(refused)?,
        };
        let taken = voters.cast(&self.handle, &key, choices).await.map_err(refused)?;
        let standing = self.voter(key.public().voter()).await;
        let held_by = standing.ok().and_then(|voter| voter.vote).map(|vote| vote.held_by);
        let Taken { id: transaction, is_late: late } = taken;
        Ok(schema::Voted { accepted: true, transaction, choices: names, held_by, late })
    }

    /// A refusal of what one of this peer's own voters asked for. One that asks to be admitted names the key to send.
    pub(crate) fn with_key(&self, error: ActionError, voter: Option<&VoterName>) -> ActionError {
        error.with_key(|| self.voters.as_ref()?.public_key(voter).ok())
    }

    /// What would become of a voter's vote if this peer left now.
    pub(crate) async fn own_vote(&self, voter: VoterId) -> OwnVoteStanding {
        let voter = self.voter(voter).await;
        voter.map_or(OwnVoteStanding::NotCast, |voter| voter.own_vote())
    }

    /// Does the same for all of this peer's own voters, and returns the worst outcome.
    pub(crate) async fn own_votes(&self) -> OwnVoteStanding {
        let mut all = Vec::new();
        for voter in self.voters.iter().flat_map(OwnVoters::ids) {
            all.push(self.own_vote(voter).await);
        }
        let cast = all.into_iter().filter(|vote| *vote != OwnVoteStanding::NotCast);
        cast.min().unwrap_or(OwnVoteStanding::NotCast)
    }

    /// Writes the receipt of a voter's vote to a new file.
    ///
    /// # Errors
    /// When no block contains the vote, or when the file can't be written.
    pub(crate) async fn write_receipt(
        &self,
        voter: VoterId,
        file: &Path,
    ) -> Result<schema::ReceiptWritten, ActionError> {
        let receipt = self.receipt(voter).await?;
        receipt::write(file, &receipt)?;
        Ok(schema::ReceiptWritten::of(file, &receipt, &self.voter(voter).await?))
    }
}

pub(super) fn unasked(answer: &Answer) -> ! {
    unreachable!("the node answers what it is asked, not with {answer:?}")
}
