//! Transactions by this peer's own user: checked like any other, and acknowledged once they are durable.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use protocol::block::Block;
use protocol::keys::SignatureError;
use protocol::transaction::{HashedTransaction, Transaction, TransactionKind};
use protocol::units::{Now, TransactionId};

use super::Node;
use super::command::{Answer, CommandError, Ticket};
use super::loading::Waiter;
use super::output::{Event, Output};
use super::verification::Purpose;
use crate::pool::PoolError;
use chain::rules::Rule;
use chain::{TransactionError, check_cast_at};

#[derive(Debug, Default)]
pub(super) struct Submissions {
    /// Waiting for a batch of records to be durable.
    awaiting: BTreeMap<u64, Vec<(Ticket, TransactionId)>>,
}

/// A transaction whose id is known already.
#[derive(Debug)]
pub(super) struct Resubmission {
    ticket: Ticket,
    id: TransactionId,
    /// The answer, if it is another transaction after all.
    refusal: CommandError,
}

impl Node {
    /// Begins a submission; its outcome comes as [`Output::Answered`].
    ///
    /// # Errors
    /// What can be told at once.
    pub(super) fn submit(
        &mut self,
        transaction: Transaction,
        now: Now,
    ) -> Result<Ticket, CommandError> {
        let begun = match self.leaving {
            Some(_) => Err(CommandError::Leaving),
            None => self.begin_submission(transaction, now),
        };
        begun.inspect_err(|error| self.count_refusal(error))
    }

    fn begin_submission(
        &mut self,
        transaction: Transaction,
        now: Now,
    ) -> Result<Ticket, CommandError> {
        let transaction = HashedTransaction::new(transaction, self.chain.election_id());
        self.chain.check_structure(&transaction)?;
        self.check_not_withdrawn(&transaction)?;
        let checked = self.pool.check(&transaction, &self.chain);
        let id = transaction.id();
        if let Err(error) = &checked
            && (self.pool.get(&id).is_some() || self.chain.locations_of(&id).next().is_some())
        {
            let refusal = command_error(error.clone(), &transaction);
            let ticket = self.new_ticket();
            self.submit_again(Resubmission { ticket, id, refusal }, None);
            return Ok(ticket);
        }
        check_cast_at(transaction.transaction(), now.unix)?;
        checked.map_err(|error| command_error(error, &transaction))?;
        let ticket = self.new_ticket();
        self.verify(vec![Arc::new(transaction)], Purpose::Submission { ticket }, now);
        Ok(ticket)
    }

    /// An admission stays valid by itself, and may still wait in the pool: its voter should hear what became of it.
    fn check_not_withdrawn(&self, transaction: &HashedTransaction) -> Result<(), TransactionError> {
        let voter = transaction.voter();
        let is_withdrawn =
            self.chain.withdrawal(&voter).is_some() || self.pool.withdrawal(&voter).is_some();
        match transaction.kind() {
            TransactionKind::Registration | TransactionKind::Vote if is_withdrawn => {
                Err(TransactionError::Withdrawn { voter })
            }
            TransactionKind::Registration | TransactionKind::Vote | TransactionKind::Withdrawal => {
                Ok(())
            }
        }
    }

    /// Accepts what is in the pool or on the best chain already, so that whoever lost the answer may simply send
    /// it again; anything else is refused as it would have been. `loaded` is what was read for this already.
    pub(super) fn submit_again(&mut self, again: Resubmission, loaded: Option<&Arc<Block>>) {
        let Resubmission { ticket, id, .. } = again;
        if self.pool.get(&id).is_some() {
            return self.accept_pooled(ticket, id);
        }
        let Some(hash) = self.block_of(&id, loaded) else {
            return self.refuse(ticket, again.refusal);
        };
        if self.block_at_hand(&hash, loaded).is_some() {
            self.accept_when_durable(ticket, id, self.durability.batch_of_block(&hash));
        } else if !self.chain.is_stored(&hash) {
            self.refuse(ticket, CommandError::BlockLost);
        } else if !self.load(hash, Waiter::Submission(again)) {
            self.refuse(ticket, CommandError::Busy);
        }
    }

    pub(super) fn on_submission_loaded(
        &mut self,
        again: Resubmission,
        outcome: &Result<Arc<Block>, CommandError>,
    ) {
        match outcome {
            Ok(block) => self.submit_again(again, Some(block)),
            Err(error) => self.refuse(again.ticket, error.clone()),
        }
    }

    pub(super) fn on_submission_verified(
        &mut self,
        ticket: Ticket,
        transaction: Arc<HashedTransaction>,
        verdict: Result<(), SignatureError>,
        now: Now,
    ) {
        if let Err(error) = verdict {
            return self.refuse(ticket, TransactionError::from(error).into());
        }
        let id = transaction.id();
        match self.add_to_pool(Arc::clone(&transaction), None, now) {
            Ok(()) => self.accept_pooled(ticket, id),
            // It may have come in another way meanwhile.
            Err(error) => {
                let refusal = command_error(error, &transaction);
                self.submit_again(Resubmission { ticket, id, refusal }, None);
            }
        }
    }

    /// Adds a transaction whose signatures hold to the pool, the disk and the gossip, and those that waited
    /// for it.
    ///
    /// # Errors
    /// See [`crate::pool::Pool::insert`].
    pub(super) fn add_to_pool(
        &mut self,
        transaction: Arc<HashedTransaction>,
        source: Option<SocketAddr>,
        now: Now,
    ) -> Result<(), PoolError> {
        let released = self.pool.insert(Arc::clone(&transaction), &self.chain)?;
        self.persist_transaction(Arc::clone(&transaction));
        let (id, voter) = (transaction.id(), transaction.voter());
        let kind = transaction.kind();
        self.output(Output::Event(Event::Transaction { id, voter, kind }));
        self.spread(transaction, source, now);
        self.pool_grew(now);
        for waiting in released {
            self.take_gossiped(waiting, None, now);
        }
        Ok(())
    }

    pub(super) fn acknowledge(&mut self, batch: u64) {
        let later = self.submissions.awaiting.split_off(&(batch + 1));
        let durable = std::mem::replace(&mut self.submissions.awaiting, later);
        for (ticket, id) in durable.into_values().flatten() {
            self.accept(ticket, id);
        }
    }

    pub(super) fn refuse_for_disk(&mut self, batch: u64, reason: &str) {
        let later = self.submissions.awaiting.split_off(&(batch + 1));
        let failed = std::mem::replace(&mut self.submissions.awaiting, later);
        for (ticket, _) in failed.into_values().flatten() {
            self.refuse(ticket, CommandError::NotDurable { reason: reason.to_owned() });
        }
    }

    fn accept_pooled(&mut self, ticket: Ticket, id: TransactionId) {
        self.accept_when_durable(ticket, id, self.durability.batch_of_pooled(&id));
    }

    /// Answers once the batch that writes the transaction is confirmed; `None` if it was written.
    fn accept_when_durable(&mut self, ticket: Ticket, id: TransactionId, batch: Option<u64>) {
        match batch {
            Some(batch) if self.rules.enforces(Rule::DurableAcknowledgement) => {
                self.submissions.awaiting.entry(batch).or_default().push((ticket, id));
            }
            Some(_) | None => self.accept(ticket, id),
        }
    }

    fn accept(&mut self, ticket: Ticket, id: TransactionId) {
        self.tallies.happenings.submissions_accepted += 1;
        self.output(Output::Answered { ticket, outcome: Ok(Answer::Accepted(id)) });
    }

    fn refuse(&mut self, ticket: Ticket, error: CommandError) {
        self.count_refusal(&error);
        self.output(Output::Answered { ticket, outcome: Err(error) });
    }

    fn count_refusal(&mut self, error: &CommandError) {
        tracing::debug!(kind = error.kind(), "a submission is refused");
        self.tallies.happenings.submissions_refused += 1;
    }
}

fn command_error(error: PoolError, transaction: &HashedTransaction) -> CommandError {
    let voter = transaction.voter();
    let error = match (error, transaction.kind()) {
        (PoolError::Full { transactions }, _) => return CommandError::PoolFull { transactions },
        (PoolError::Context(error), _) => error,
        (PoolError::Known { .. }, TransactionKind::Registration) => {
            TransactionError::AlreadyRegistered { voter }
        }
        (PoolError::Known { .. }, TransactionKind::Vote) => {
            TransactionError::AlreadyVoted { voter }
        }
        (PoolError::Known { .. }, TransactionKind::Withdrawal) => {
            TransactionError::AlreadyWithdrawn { voter }
        }
    };
    error.into()
}
