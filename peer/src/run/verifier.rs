//! Checks signatures on threads of its own, so that the task that owns the node never waits for
//! them.

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use protocol::keys::SignatureError;

use node::VerifyJob;

/// A pool of threads that check signatures. Jobs may finish in another order than they were
/// started.
#[derive(Debug)]
pub(crate) struct Verifier {
    pool: ThreadPool,
}

/// A checked job. The verdicts are in the order of its transactions.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) job: u64,
    pub(crate) verdicts: Vec<Result<(), SignatureError>>,
}

impl Verifier {
    /// Starts one thread per core.
    ///
    /// # Panics
    /// When the system cannot start the threads.
    pub(crate) fn start() -> Self {
        let pool = ThreadPoolBuilder::new()
            .thread_name(|number| format!("verifier-{number}"))
            .build()
            .expect("the system starts threads");
        Self { pool }
    }

    /// Checks all signatures of a job in parallel, then calls `done`.
    pub(crate) fn verify(&self, job: VerifyJob, done: impl FnOnce(Verified) + Send + 'static) {
        self.pool.spawn(move || {
            let rule = &job.election.admission;
            let checks = job.transactions.par_iter().map(|each| each.check_signatures(rule));
            let verdicts = checks.collect();
            done(Verified { job: job.number, verdicts });
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use protocol::keys::{Signature, VoterKey};
    use protocol::transaction::{Admission, HashedTransaction, Transaction};
    use protocol::units::ElectionId;

    use super::*;
    use chain::fixtures;

    #[test]
    fn verdicts_stand_in_the_order_of_the_transactions() {
        let election = ElectionId([1; 32]);
        let transactions = (1..=40).map(|number: u8| {
            let key = VoterKey::from_secret_bytes(&[number; 32]).expect("a secret key");
            let mut transaction = Transaction::open_registration(&election, &key, 0);
            if let (
                Transaction::Registration { admission: Admission::Open { signature, .. }, .. },
                0,
            ) = (&mut transaction, number % 3)
            {
                *signature = Signature([0; 65]);
            }
            Arc::new(HashedTransaction::new(transaction, &election))
        });
        let job = VerifyJob {
            number: 7,
            election: Arc::new(fixtures::election()),
            transactions: transactions.collect(),
        };
        let (sender, receiver) = mpsc::channel();
        Verifier::start().verify(job, move |verified| sender.send(verified).expect("received"));
        let verified = receiver.recv().expect("verdicts");
        assert_eq!(verified.job, 7);
        for (number, verdict) in (1..=40).zip(verified.verdicts) {
            assert_eq!(verdict.is_err(), number % 3 == 0, "transaction {number}");
        }
    }
}
