//! Answers to a user's questions and orders.
//!
//! A question must change nothing, and an answer must tell only of what this node knows itself.

use std::sync::Arc;

use protocol::block::Block;
use protocol::election::Election;
use protocol::receipt::Receipt;
use protocol::transaction::{HashedTransaction, Transaction};
use protocol::units::{BlockHash, Height, Now, VoterId};

use super::Node;
use super::command::{
    Answer, BlockSelector, CHAIN_LIMIT_MAX, Command, CommandError, Lookup, POOL_LIMIT_MAX, Ticket,
};
use super::config::Role;
use super::disk::Waiter;
use super::views::{
    Admitted, BlockSummary, BlockView, ClockView, NeighbourView, PoolPage, PooledTransaction,
    QuestionTally, Results, Status, Tip, TransactionView, Unready, VoteView, VoterView,
    WaitingBlocks,
};
use crate::ledger::Submitter;
use crate::ledger::pool::Arrival;
use chain::TransactionLocation;

impl Node {
    /// Answers a question or carries out an order.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub fn handle_command(&mut self, command: Command, now: Now) -> Result<Answer, CommandError> {
        self.follow_clock(now);
        let is_order = command.is_order();
        let answer = self.carry_out(command, now);
        // A question changes nothing, and is asked far more often.
        if cfg!(debug_assertions) && is_order {
            self.check_after_command();
        }
        answer
    }

    fn carry_out(&mut self, command: Command, now: Now) -> Result<Answer, CommandError> {
        match command {
            Command::Status => Ok(Answer::Status(Box::new(self.status(now)))),
            Command::Results => Ok(Answer::Results(self.results(now))),
            Command::Chain { from, limit } => Ok(Answer::Chain(self.summaries(from, limit))),
            Command::Block(selector) => self.ask(Lookup::Block(selector)),
            Command::RawBlock(selector) => self.ask(Lookup::RawBlock(selector)),
            Command::Pool { after, limit } => Ok(Answer::Pool(self.pool_page(after, limit))),
            Command::Transaction(id) => self.ask(Lookup::Transaction(id)),
            Command::Voter(voter) => self.ask(Lookup::Voter(voter)),
            Command::Receipt(voter) => self.ask(Lookup::Receipt(voter)),
            Command::Counters => Ok(Answer::Counters(Box::new(self.counters.snapshot()))),
            Command::Peers => Ok(Answer::Peers(self.neighbour_views())),
            Command::Leave => {
                self.start_leaving(now);
                Ok(Answer::Leaving)
            }
            Command::Mine | Command::Sync | Command::AddNeighbour(_) | Command::Experiment(_)
                if self.membership.is_leaving() =>
            {
                Err(CommandError::Leaving)
            }
            Command::Submit(transaction) => {
                self.submit(*transaction, Submitter::OwnUser, now).map(Answer::Pending)
            }
            Command::SubmitForOther(transaction) => {
                self.submit(*transaction, Submitter::Other, now).map(Answer::Pending)
            }
            Command::Mine if self.role == Role::Observer => Err(CommandError::Observer),
            Command::Mine if !self.mining.is_enabled() => Err(CommandError::MiningOff),
            Command::Mine => self.order_block(now).map(Answer::Mining),
            Command::Sync => self.ask_everybody(now),
            Command::AddNeighbour(address) => {
                self.membership.add_neighbour(address, now)?;
                Ok(Answer::NeighbourAdded)
            }
            Command::Experiment(_) if self.role != Role::Laboratory => Err(CommandError::NotALab),
            Command::Experiment(experiment) => self.experiment(experiment, now),
        }
    }

    fn ask_everybody(&mut self, now: Now) -> Result<Answer, CommandError> {
        let addresses = self.membership.addresses();
        if addresses.is_empty() {
            return Err(CommandError::NoNeighbours);
        }
        self.forget_withheld();
        for address in &addresses {
            if let Some(source) = self.sync.sources.get_mut(address) {
                source.headers_not_before = now.instant;
            }
            self.poke(*address, now);
        }
        self.continue_sync(now);
        Ok(Answer::Syncing { neighbours: self.membership.distinct_count() })
    }

    fn status(&self, now: Now) -> Status {
        let dropped = self.counters.dropped.counts().into_iter();
        Status {
            role: self.role,
            name: self.membership.own_name().cloned(),
            partitioned: self.membership.is_partitioned(),
            tip: self.tip(),
            work: self.chain.tip().work,
            pool: self.ledger.pool().len(),
            held: self.ledger.pool().held(),
            neighbours: self.membership.distinct_count(),
            tip_held_by: self.block_held_by(self.tip().height),
            unready: self.unready(now),
            registered_voters: self.chain.registered_voters() as u64,
            admitted: self.admitted(),
            votes: self.chain.tally().votes,
            trackers: self.membership.trackers(),
            clock: self.membership.clock(),
            finality: self.finality_view(now),
            waiting: self.waiting(now),
            mines: self.mining.is_enabled(),
            mining: self.mining.is_searching() || self.laboratory.is_searching(),
            sync_target: self.sync_target(),
            dropped: dropped.filter(|(_, count)| *count > 0).collect(),
        }
    }

    pub(super) fn unready(&self, now: Now) -> Vec<Unready> {
        let mut unready = Vec::new();
        let clock = self.membership.clock();
        if let Some(offset_ms) = clock.offset_ms.filter(|_| clock.is_off) {
            let ClockView { compared, disagreeing, .. } = clock;
            unready.push(Unready::ClockOff { offset_ms, disagreeing, compared });
        }
        let gone = self.membership.gone_addresses();
        unready.extend(gone.map(|address| Unready::AddressGone { address }));
        if let Some(others) = self.membership.lacks_contact() {
            unready.push(Unready::NoContact { others });
        }
        let (height, target) = (self.tip().height, self.sync_target());
        let target = self.claimed_target(now).map_or(target, |claimed| claimed.max(target));
        if target > height {
            unready.push(Unready::Behind { height, target });
        }
        let WaitingBlocks { blocks, next_in } = self.waiting(now);
        if let Some(next_in) = next_in.filter(|_| self.most_count_more()) {
            unready.push(Unready::BlocksWait { blocks, next_in });
        }
        unready
    }

    fn results(&self, now: Now) -> Results {
        let tally = self.chain.tally();
        let election: &Election = self.chain.election();
        Results {
            tip: self.tip(),
            votes: tally.votes,
            registered_voters: self.chain.registered_voters() as u64,
            admitted: self.admitted(),
            blocks_deep: self.chain.blocks_since_newest_vote(),
            tally: QuestionTally::of_all(election, tally),
            tip_held_by: self.block_held_by(self.tip().height),
            unready: self.unready(now),
            waiting: self.waiting(now),
            finality: self.finality_view(now),
        }
    }

    fn admitted(&self) -> Admitted {
        Admitted::of(self.chain.election(), &self.chain.admissions())
    }

    fn summaries(&self, from: Option<Height>, limit: u32) -> Vec<BlockSummary> {
        let tip = self.tip().height;
        let top = from.map_or(tip, |from| from.min(tip));
        let heights = (0..=top.0).rev().take(limit.min(CHAIN_LIMIT_MAX) as usize);
        let hashes = heights.filter_map(|height| self.chain.best_hash(Height(height)));
        hashes.filter_map(|hash| self.summary(hash)).collect()
    }

    fn summary(&self, hash: BlockHash) -> Option<BlockSummary> {
        let header = *self.chain.header(&hash)?;
        let (registrations, votes) = self.chain.transaction_counts(&hash)?;
        Some(BlockSummary { hash, header, registrations, votes })
    }

    fn pool_page(&self, after: Option<Arrival>, limit: u32) -> PoolPage {
        let first = after.map_or(Some(0), |after| after.checked_add(1));
        let mut rest = first.into_iter().flat_map(|first| self.ledger.pool().from_arrival(first));
        // An empty page would not say where the next one starts, so a page holds at least one
        // transaction.
        let limit = limit.clamp(1, POOL_LIMIT_MAX) as usize;
        let page = rest.by_ref().take(limit).map(|(arrival, transaction)| PooledTransaction {
            arrival,
            view: TransactionView::of(transaction),
        });
        let transactions: Vec<_> = page.collect();
        let next = rest.next().and(transactions.last()).map(|last| last.arrival);
        PoolPage { transactions, total: self.ledger.pool().len(), next }
    }

    fn ask(&mut self, lookup: Lookup) -> Result<Answer, CommandError> {
        let answer = self.answer_lookup(lookup, None, None)?;
        Ok(answer.expect("without a ticket there always is an answer, if only a ticket"))
    }

    /// Answers at once if the needed body is in memory or in `loaded`. Otherwise the body is loaded
    /// first: the answer is then a ticket, or `None` if the asker already has one.
    pub(super) fn answer_lookup(
        &mut self,
        lookup: Lookup,
        loaded: Option<&Arc<Block>>,
        ticket: Option<Ticket>,
    ) -> Result<Option<Answer>, CommandError> {
        let needed = match lookup {
            Lookup::Block(selector) | Lookup::RawBlock(selector) => Some(self.select(selector)?),
            Lookup::Voter(voter) | Lookup::Receipt(voter) => {
                self.place_of_vote(&voter).map(|(hash, _)| hash)
            }
            Lookup::Transaction(id) if self.ledger.pool().get(&id).is_some() => None,
            Lookup::Transaction(id) => self.block_of(&id, loaded),
        };
        let block = match needed {
            None => None,
            Some(hash) => match self.block_at_hand(&hash, loaded) {
                Some(block) => Some(block),
                None => return self.load_for_lookup(hash, lookup, ticket),
            },
        };
        Ok(Some(match (lookup, block) {
            (Lookup::Block(_), Some(block)) => Answer::Block(self.block_view(&block)),
            (Lookup::Voter(voter), block) => Answer::Voter(Box::new(self.voter_view(voter, block))),
            (Lookup::Transaction(id), block) => {
                Answer::Transaction(Box::new(self.transaction_answer(id, block.as_deref())?))
            }
            (Lookup::Receipt(voter), block) => {
                let receipt = block.and_then(|block| self.receipt(&voter, &block));
                Answer::Receipt(Box::new(receipt.ok_or(CommandError::NoReceipt)?))
            }
            (Lookup::RawBlock(_), Some(block)) => Answer::RawBlock(block),
            (Lookup::Block(_) | Lookup::RawBlock(_), None) => {
                unreachable!("what is selected is a block")
            }
        }))
    }

    fn load_for_lookup(
        &mut self,
        hash: BlockHash,
        lookup: Lookup,
        ticket: Option<Ticket>,
    ) -> Result<Option<Answer>, CommandError> {
        if !self.chain.is_stored(&hash) {
            return Err(CommandError::BlockLost);
        }
        let is_new = ticket.is_none();
        let ticket = ticket.unwrap_or_else(|| self.disk.new_ticket());
        if !self.load(hash, Waiter::User { ticket, lookup }) {
            return Err(CommandError::Busy);
        }
        Ok(is_new.then_some(Answer::Pending(ticket)))
    }

    /// The hash of the selected block, if it is one whose body has been here.
    fn select(&self, selector: BlockSelector) -> Result<BlockHash, CommandError> {
        let (hash, text) = match selector {
            BlockSelector::Height(height) => (self.chain.best_hash(height), height.to_string()),
            BlockSelector::Hash(hash) => (Some(hash), hash.to_string()),
        };
        hash.filter(|hash| self.chain.has_checked_body(hash))
            .ok_or_else(|| CommandError::NoSuchBlock { selector: text, tip: self.tip().height })
    }

    /// The block that contains a voter's vote, and the vote's position in that block.
    fn place_of_vote(&self, voter: &VoterId) -> Option<(BlockHash, TransactionLocation)> {
        let place = self.chain.voter(voter)?.vote?;
        Some((self.chain.best_hash(place.height)?, place))
    }

    fn block_view(&self, block: &Block) -> BlockView {
        let hash = block.header.hash();
        BlockView {
            hash,
            header: block.header,
            on_best_chain: self.chain.is_on_best_chain(&hash),
            body_bytes: block.body_bytes().len(),
            transactions: block.transactions.iter().map(|each| TransactionView::of(each)).collect(),
        }
    }

    /// `block` is the block that contains the voter's vote, if there is one.
    fn voter_view(&self, voter: VoterId, block: Option<Arc<Block>>) -> VoterView {
        let record = self.chain.voter(&voter);
        let pool = self.ledger.pool();
        let pooled = |known: Option<&Arc<HashedTransaction>>| {
            known.map(|transaction| self.standing_in_pool(&transaction.id()))
        };
        let registered_at = record.map(|record| record.registration.height);
        let registration = match registered_at {
            Some(height) => Some(self.standing_in_block(height)),
            None => pooled(pool.registration(&voter)),
        };
        let registration_fate = registration.and_then(|_| self.fate(registered_at));
        let withdrawal = match self.chain.withdrawal(&voter) {
            Some(place) => Some(self.standing_in_block(place.height)),
            None => pooled(pool.withdrawal(&voter)),
        };
        let mined = block.zip(record.and_then(|record| record.vote));
        let vote = match &mined {
            Some((block, place)) => {
                let vote = block.transactions.get(place.index as usize);
                vote.and_then(|vote| self.vote_view(vote, Some(place.height)))
            }
            None => pool.vote(&voter).and_then(|vote| self.vote_view(vote, None)),
        };
        VoterView { voter, registration, registration_fate, withdrawal, vote }
    }

    /// `height` is that of the block that contains the vote; `None` while the vote is in the pool.
    fn vote_view(
        &self,
        transaction: &HashedTransaction,
        height: Option<Height>,
    ) -> Option<VoteView> {
        let Transaction::Vote { vote, .. } = transaction.transaction() else { return None };
        let id = transaction.id();
        Some(VoteView {
            transaction: id,
            choices: vote.choices.clone(),
            cast_at: vote.cast_at,
            standing: match height {
                Some(height) => self.standing_in_block(height),
                None => self.standing_in_pool(&id),
            },
            held_by: self.transaction_held_by(&id, height),
            fate: self.fate(height),
        })
    }

    fn receipt(&self, voter: &VoterId, block: &Block) -> Option<Receipt> {
        let (_, place) = self.place_of_vote(voter)?;
        Receipt::new(block, usize::try_from(place.index).ok()?, self.chain.election_id())
    }

    fn neighbour_views(&self) -> Vec<NeighbourView> {
        let neighbours = self.membership.iter();
        let views = neighbours.map(|(address, neighbour)| {
            let source = self.sync.sources.get(address);
            let status = source.and_then(|source| source.status);
            NeighbourView {
                address: *address,
                name: neighbour.name().cloned(),
                also_at: self.membership.also_at(address),
                tip: status.map(|status| Tip { height: status.height, hash: status.tip }),
                round_trip: source.and_then(|source| source.window.round_trip()),
                missed: neighbour.missed,
                clock_offset_ms: neighbour.clock_offset_ms(),
            }
        });
        views.collect()
    }
}
