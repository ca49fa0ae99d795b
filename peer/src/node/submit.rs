//! Transactions by this peer's own user: checked like any other, and acknowledged once they are durable.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use protocol::keys::SignatureError;
use protocol::transaction::{HashedTransaction, Transaction, TransactionKind};
use protocol::units::{Now, TransactionId};

use super::Node;
use super::command::{Answer, CommandError, Ticket};
use super::output::{Event, Output};
use super::verification::Purpose;
use crate::chain::{TransactionError, cast_about_now};
use crate::pool::PoolError;
use crate::rules::Rule;

#[derive(Debug, Default)]
pub(super) struct Submissions {
    /// Waiting for a batch of records to be durable.
    awaiting: BTreeMap<u64, Vec<(Ticket, TransactionId)>>,
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
        cast_about_now(transaction.transaction(), now.unix)?;
        let checked = self.pool.check(&transaction, &self.chain);
        checked.map_err(|error| command_error(error, &transaction))?;
        let ticket = self.new_ticket();
        self.verify(vec![Arc::new(transaction)], Purpose::Submission { ticket }, now);
        Ok(ticket)
    }

    pub(super) fn on_submission_verified(
        &mut self,
        ticket: Ticket,
        transaction: Arc<HashedTransaction>,
        verdict: Result<(), SignatureError>,
        now: Now,
    ) {
        let id = transaction.id();
        let added = match verdict {
            Ok(()) => self
                .add_to_pool(Arc::clone(&transaction), None, now)
                .map_err(|error| command_error(error, &transaction)),
            Err(error) => Err(TransactionError::from(error).into()),
        };
        match added {
            Err(error) => self.refuse(ticket, error),
            Ok(()) => match self.durability.batch_to_await() {
                Some(batch) if self.rules.hold(Rule::DurableAcknowledgement) => {
                    self.submissions.awaiting.entry(batch).or_default().push((ticket, id));
                }
                Some(_) | None => self.accept(ticket, id),
            },
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
            TransactionError::WithdrawalWithoutRegistrars
        }
    };
    error.into()
}
