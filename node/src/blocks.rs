//! The way of a block into the chain: header, body, signatures, then the move to the best branch and everything that
//! follows from it.
//!
//! A body that does not match its header must blame whoever sent it, never the header: anybody can send a wrong body.

use std::net::SocketAddr;
use std::sync::Arc;

use protocol::block::{Block, Header};
use protocol::keys::SignatureError;
use protocol::transaction::{HashedTransaction, TransactionKind};
use protocol::units::{BlockHash, Now};

use super::Node;
use super::ledger::pool::Superseded;
use super::ledger::{Followed, Purpose};
use super::output::{Event, Output, Record, Restored};
use super::views::Tip;
use chain::{BlockError, BlockFailure, BodyError, HeaderError, TipChange};

impl Node {
    /// Takes in what the disk remembers. It was checked before it was written, so signatures are
    /// not checked again.
    pub(super) fn restore(&mut self, restored: Restored, now: Now) {
        let closes = self.chain.election().closes();
        let late = restored.blocks.iter().map(|block| block.header);
        let late = late.filter(|header| closes.is_some_and(|closes| header.time >= closes));
        let late: Vec<_> = late.map(|header| header.hash()).collect();
        let unusable = self.chain.restore(restored.blocks, restored.tip, now.unix);
        if unusable > 0 {
            tracing::warn!(unusable, "blocks on the disk can't be used: they are fetched again");
        }
        self.ledger.restore(restored.pool, &self.chain, now);
        self.react_to_ledger(now);
        self.advance_chain(None, now);
        self.pin_witnessed();
        late.into_iter().for_each(|hash| self.header_joined(hash, now));
    }

    /// Adds a header, and deals with anything that is wrong with it. Gives `None` if the header is
    /// not in the tree afterwards.
    pub(super) fn handle_header(
        &mut self,
        header: Header,
        has_body: bool,
        from: SocketAddr,
        now: Now,
    ) -> Option<BlockHash> {
        let inserted = match has_body {
            true => self.chain.insert_header_with_body(header, now.unix),
            false => self.chain.insert_header(header, now.unix),
        };
        match inserted {
            Ok(hash) => {
                self.header_joined(hash, now);
                return Some(hash);
            }
            // The tip of its branch is known now, and header sync will fetch the rest.
            Err(HeaderError::UnknownParent { .. } | HeaderError::TooManyHeaders { .. }) => {}
            Err(HeaderError::TooEarly { .. }) => self.hold_early_header(header, from, now),
            Err(
                error @ (HeaderError::InvalidParent { .. }
                | HeaderError::NoWork { .. }
                | HeaderError::Height { .. }
                | HeaderError::Difficulty { .. }
                | HeaderError::NotAfterParent { .. }),
            ) => self.record_fault(from, format!("sent a header that is refused: {error}"), now),
        }
        None
    }

    /// Adds a body and has its signatures checked.
    ///
    /// # Errors
    /// See [`BodyError`]. If the block is invalid, that has been dealt with already.
    pub(super) fn handle_body(
        &mut self,
        hash: BlockHash,
        transactions: Vec<Arc<HashedTransaction>>,
        from: Option<SocketAddr>,
        now: Now,
    ) -> Result<(), BodyError> {
        match self.chain.insert_body(&hash, transactions) {
            Ok(block) => {
                self.body_arrived(&block, from);
                let transactions = block.transactions.clone();
                self.verify(transactions, Purpose::Block { hash, from }, now);
                Ok(())
            }
            Err(BodyError::Invalid(error)) => {
                self.refuse_block(hash, from, error.clone(), now);
                Err(BodyError::Invalid(error))
            }
            Err(
                error @ (BodyError::UnknownHeader { .. }
                | BodyError::AlreadyKnown { .. }
                | BodyError::MerkleRoot { .. }),
            ) => Err(error),
        }
    }

    /// Adds a body that arrived in pieces.
    pub(super) fn handle_fetched_body(
        &mut self,
        hash: BlockHash,
        transactions: Vec<Arc<HashedTransaction>>,
        from: SocketAddr,
        now: Now,
    ) {
        match self.handle_body(hash, transactions, Some(from), now) {
            Err(error @ BodyError::MerkleRoot { .. }) => {
                let reason = format!("sent a wrong body of {hash}: {error}");
                self.refuse_copy(hash, from, reason, now);
            }
            Ok(())
            | Err(
                BodyError::UnknownHeader { .. }
                | BodyError::AlreadyKnown { .. }
                | BodyError::Invalid(_),
            ) => {}
        }
    }

    pub(super) fn handle_block_verified(
        &mut self,
        hash: BlockHash,
        from: Option<SocketAddr>,
        failed: Option<(usize, SignatureError)>,
        now: Now,
    ) {
        if let Some((place, error)) = failed {
            let error = BlockError::Transaction { index: place, error: error.into() };
            self.chain.invalidate(&hash);
            self.refuse_block(hash, from, error, now);
            // The next best branch may be fetched now.
            return self.continue_sync(now);
        }
        let completed = self.chain.accept_signatures(&hash);
        if let Some(header) = self.chain.header(&hash) {
            self.body_settled(header.height, hash);
        }
        self.bodies_completed(&completed);
        if let Some(block) = self.chain.block(&hash).map(Arc::clone) {
            self.persist_block(block);
        }
        self.advance_chain(from, now);
        self.continue_sync(now);
    }

    /// Moves to the best branch, and informs the pool, gossip, mining and the user of the change.
    pub(super) fn advance_chain(&mut self, from: Option<SocketAddr>, now: Now) {
        self.chain.set_time(now.unix);
        let old = self.tip();
        let advance = match self.disk.loading.lost_wait.given_up_from(now.instant) {
            Some(from) => self.chain.advance_without_lost(from),
            None => self.chain.advance(),
        };
        self.tell_tip();
        match advance.awaits_lost {
            Some(from) => self.disk.loading.lost_wait.extend(from, now.instant),
            // A move without lost bodies may need others from the disk first, and goes on in the same way then.
            None if !advance.wanted.is_empty() || self.disk.loading.was_refused() => {}
            None => self.disk.loading.lost_wait.end(),
        }
        for BlockFailure { hash, error } in advance.invalid {
            // The neighbour that completed the branch need not be the one that sent this block, so
            // nobody is blamed for it.
            self.refuse_block(hash, None, error, now);
        }
        if !advance.wanted.is_empty() {
            self.load_for_chain(advance.wanted);
        }
        let Some(change) = advance.change else { return };
        let Tip { height, hash } = self.tip();
        self.persist(Record::Tip { height, hash });
        self.bodies_connected(&change.connected);
        if change.disconnected.len() + change.disconnected_lost > 0 {
            self.forget_plan();
        }
        let moved = self.ledger.follow(&change, &self.chain, now);
        self.count_change(&change);
        self.tell_change(old, &change, &moved);
        self.react_to_ledger(now);
        self.follow_chain(now);
        self.tip_changed(now);
        // While this node is catching up, others have these blocks already, so they are not
        // announced.
        if !self.is_catching_up(now.instant) {
            self.announce_tip(from);
        }
    }

    fn refuse_block(
        &mut self,
        hash: BlockHash,
        from: Option<SocketAddr>,
        error: BlockError,
        now: Now,
    ) {
        let Some(height) = self.chain.header(&hash).map(|header| header.height) else { return };
        self.body_settled(height, hash);
        self.forget_plan();
        let reason = error.to_string();
        if let Some(from) = from {
            self.record_fault(from, format!("sent block {hash} that is refused: {reason}"), now);
        }
        self.output(Output::Event(Event::InvalidBlock { hash, height, reason }));
    }

    fn count_change(&mut self, change: &TipChange) {
        let is_ours = |block: &&Arc<Block>| self.mining.mined(&block.header.hash());
        let mined = change.connected.iter().filter(is_ours).count() as u64;
        let happenings = &mut self.counters.happenings;
        happenings.blocks_mined += mined;
        happenings.blocks_taken += change.connected.len() as u64 - mined;
        if change.disconnected.len() + change.disconnected_lost > 0 {
            happenings.reorganisations += 1;
        }
    }

    fn tell_change(&mut self, old: Tip, change: &TipChange, moved: &Followed) {
        let to = self.tip();
        let disconnected = change.disconnected.len() + change.disconnected_lost;
        if disconnected > 0 {
            let connected = change.connected.len();
            let (returned, lost) = (moved.returned, change.disconnected_lost);
            let event =
                Event::Reorganisation { from: old, to, disconnected, connected, returned, lost };
            self.output(Output::Event(event));
        }
        moved.superseded.iter().for_each(|superseded| self.tell_superseded(superseded));
        change.connected.iter().for_each(|block| self.tell_own_votes(block));
        self.tell_no_longer_alone();
        if !self.is_syncing() {
            change.connected.iter().for_each(|block| self.tell_block(block));
        }
    }

    pub(super) fn tell_superseded(&mut self, superseded: &Superseded) {
        let transaction = &superseded.transaction;
        let kind = transaction.kind();
        let (id, voter, by) = (transaction.id(), transaction.voter(), superseded.by);
        // Replacing a registration by another one of the same key changes nothing for the voter.
        let is_registered =
            self.chain.voter(&voter).is_some() || self.ledger.pool().registration(&voter).is_some();
        if kind != TransactionKind::Registration || !is_registered {
            self.output(Output::Event(Event::Superseded { id, voter, kind, by }));
        }
    }

    fn tell_block(&mut self, block: &Block) {
        let hash = block.header.hash();
        let tip = Tip { height: block.header.height, hash };
        let (transactions, mined_here) = (block.transactions.len(), self.mining.mined(&hash));
        self.output(Output::Event(Event::Block { tip, transactions, mined_here }));
    }
}
