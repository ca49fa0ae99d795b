//! Transactions by this peer's own user: checked like any other, and acknowledged once they are durable.
//!
//! Nothing may be acknowledged before the disk has it, and every submission must get exactly one answer.

use std::sync::Arc;

use protocol::block::Block;
use protocol::keys::SignatureError;
use protocol::transaction::{HashedTransaction, Transaction, TransactionKind};
use protocol::units::{Now, TransactionId};

use super::Node;
use super::command::{Answer, CommandError, Ticket};
use super::disk::{Resubmission, Waiter};
use super::ledger::pool::PoolError;
use super::ledger::{Purpose, Submitter};
use super::output::Output;
use chain::rules::Rule;
use chain::{TransactionError, check_cast_at};

impl Node {
    /// Starts to handle a submitted transaction. The outcome comes later as [`Output::Answered`].
    ///
    /// # Errors
    /// Whatever can be told at once.
    pub(super) fn submit(
        &mut self,
        transaction: Transaction,
        by: Submitter,
        now: Now,
    ) -> Result<Ticket, CommandError> {
        let begun = match self.membership.is_leaving() {
            true => Err(CommandError::Leaving),
            false => self.begin_submission(transaction, by, now),
        };
        begun.inspect_err(|error| self.count_refusal(error))
    }

    fn begin_submission(
        &mut self,
        transaction: Transaction,
        by: Submitter,
        now: Now,
    ) -> Result<Ticket, CommandError> {
        let transaction = HashedTransaction::new(transaction, self.chain.election_id());
        self.chain.check_structure(&transaction)?;
        self.check_not_withdrawn(&transaction)?;
        let checked = self.ledger.pool().check(&transaction, &self.chain);
        let id = transaction.id();
        if let Err(error) = &checked
            && (self.ledger.pool().get(&id).is_some()
                || self.chain.locations_of(&id).next().is_some())
        {
            let refusal = command_error(error.clone(), &transaction);
            let ticket = self.disk.new_ticket();
            self.submit_again(Resubmission { ticket, id, by, refusal }, None);
            return Ok(ticket);
        }
        self.check_hours(transaction.kind(), now)?;
        check_cast_at(transaction.transaction(), now.unix)?;
        checked.map_err(|error| command_error(error, &transaction))?;
        let ticket = self.disk.new_ticket();
        self.verify(vec![Arc::new(transaction)], Purpose::Submission { ticket, by }, now);
        Ok(ticket)
    }

    /// An admission remains valid by itself after a withdrawal, and may still wait in the pool, so
    /// its voter should be told what became of it.
    fn check_not_withdrawn(&self, transaction: &HashedTransaction) -> Result<(), TransactionError> {
        let voter = transaction.voter();
        let is_withdrawn = self.chain.withdrawal(&voter).is_some()
            || self.ledger.pool().withdrawal(&voter).is_some();
        match transaction.kind() {
            TransactionKind::Registration | TransactionKind::Vote if is_withdrawn => {
                Err(TransactionError::Withdrawn { voter })
            }
            TransactionKind::Registration | TransactionKind::Vote | TransactionKind::Withdrawal => {
                Ok(())
            }
        }
    }

    /// Accepts a transaction that is already in the pool or on the best chain, so that whoever lost
    /// the answer may simply send it again. Anything else is refused as it would have been the
    /// first time. `loaded` is a block that was read for this purpose already.
    pub(super) fn submit_again(&mut self, again: Resubmission, loaded: Option<&Arc<Block>>) {
        let Resubmission { ticket, id, by, .. } = again;
        if self.ledger.pool().get(&id).is_some() {
            self.ledger.note_submitted(id, by);
            return self.accept_pooled(ticket, id);
        }
        let Some(hash) = self.block_of(&id, loaded) else {
            return self.refuse(ticket, again.refusal);
        };
        if self.block_at_hand(&hash, loaded).is_some() {
            self.accept_when_durable(ticket, id, self.disk.durability.batch_of_block(&hash));
        } else if !self.chain.is_stored(&hash) {
            self.refuse(ticket, CommandError::BlockLost);
        } else if !self.load(hash, Waiter::Submission(again)) {
            self.refuse(ticket, CommandError::Busy);
        }
    }

    pub(super) fn handle_submission_loaded(
        &mut self,
        again: Resubmission,
        outcome: &Result<Arc<Block>, CommandError>,
    ) {
        match outcome {
            Ok(block) => self.submit_again(again, Some(block)),
            Err(error) => self.refuse(again.ticket, error.clone()),
        }
    }

    pub(super) fn handle_submission_verified(
        &mut self,
        (ticket, by): (Ticket, Submitter),
        transaction: Arc<HashedTransaction>,
        verdict: Result<(), SignatureError>,
        now: Now,
    ) {
        if let Err(error) = verdict {
            return self.refuse(ticket, TransactionError::from(error).into());
        }
        let id = transaction.id();
        let added = self.ledger.add_submitted(Arc::clone(&transaction), by, &self.chain, now);
        self.react_to_ledger(now);
        match added {
            Ok(()) => self.accept_pooled(ticket, id),
            // The transaction may have arrived in another way in the meantime.
            Err(error) => {
                let refusal = command_error(error, &transaction);
                self.submit_again(Resubmission { ticket, id, by, refusal }, None);
            }
        }
    }

    pub(super) fn acknowledge(&mut self, batch: u64) {
        for (ticket, id) in self.disk.pop_awaiting(batch) {
            self.accept(ticket, id);
        }
    }

    pub(super) fn refuse_for_disk(&mut self, batch: u64, reason: &str) {
        for (ticket, _) in self.disk.pop_awaiting(batch) {
            self.refuse(ticket, CommandError::NotDurable { reason: reason.to_owned() });
        }
    }

    fn accept_pooled(&mut self, ticket: Ticket, id: TransactionId) {
        let row = self.ledger.row(&id);
        let batch = row.and_then(|row| self.disk.durability.batch_of_row(row));
        self.accept_when_durable(ticket, id, batch);
    }

    /// Answers once the batch that writes the transaction is confirmed; `None` if it was written
    /// already.
    fn accept_when_durable(&mut self, ticket: Ticket, id: TransactionId, batch: Option<u64>) {
        match batch {
            Some(batch) if self.rules.enforces(Rule::DurableAcknowledgement) => {
                self.disk.await_batch(batch, ticket, id);
            }
            Some(_) | None => self.accept(ticket, id),
        }
    }

    fn accept(&mut self, ticket: Ticket, id: TransactionId) {
        self.counters.happenings.submissions_accepted += 1;
        let is_late = self.is_late_vote(&id);
        self.output(Output::Answered { ticket, outcome: Ok(Answer::Accepted { id, is_late }) });
    }

    fn refuse(&mut self, ticket: Ticket, error: CommandError) {
        self.count_refusal(&error);
        self.output(Output::Answered { ticket, outcome: Err(error) });
    }

    fn count_refusal(&mut self, error: &CommandError) {
        tracing::debug!(kind = error.kind(), "a submission is refused");
        self.counters.happenings.submissions_refused += 1;
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
