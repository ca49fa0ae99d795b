//! Permits for what is dear to give, shared out so that no client takes them from all others.
//!
//! A permit belongs to the answer that it was taken for, and is free again when that is dropped: sent, broken off, or
//! ended because its reader was too slow.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::client::ClientAddress;

/// All permits of one kind.
#[derive(Debug, Clone)]
pub struct Permits {
    max: usize,
    per_client_max: usize,
    all: Arc<Semaphore>,
    /// What is left to each client. Clients without a permit that do not wait for one are
    /// forgotten, so there are never more than permits and requests that wait.
    clients: Arc<Mutex<BTreeMap<ClientAddress, Arc<Semaphore>>>>,
}

/// A part of the permits, which is free again when this is dropped.
#[derive(Debug)]
pub struct Permit {
    _of_client: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

/// Why there is no permit now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPermit {
    /// This client has as many as one may have.
    #[error("{max} for your address are under way already: wait until one has ended")]
    OfClient {
        /// That many.
        max: usize,
    },
    /// All are taken.
    #[error("{max} are under way already, which is all that there are: try again later")]
    OfAll {
        /// That many.
        max: usize,
    },
}

impl Permits {
    /// `max` permits, of which one client has `per_client_max` at most.
    #[must_use]
    pub fn new(max: usize, per_client_max: usize) -> Self {
        let all = Arc::new(Semaphore::new(max));
        Self { max, per_client_max: per_client_max.min(max), all, clients: Arc::default() }
    }

    /// Takes one permit.
    ///
    /// # Errors
    /// When this client has its share, or when all permits are taken.
    pub fn try_take(&self, client: ClientAddress) -> Result<Permit, NoPermit> {
        let of_client = self.of(client).try_acquire_owned();
        let of_client = of_client.map_err(|_| NoPermit::OfClient { max: self.per_client_max })?;
        let of_all = Arc::clone(&self.all).try_acquire_owned();
        let of_all = of_all.map_err(|_| NoPermit::OfAll { max: self.max })?;
        Ok(Permit { _of_client: of_client, _of_all: of_all })
    }

    /// Waits for so many permits, behind what the same client asked for before. Only the first of
    /// a client's requests waits together with those of others, so a client that sends many keeps
    /// nobody else waiting for longer than its share takes.
    ///
    /// # Panics
    /// When one client may never have so many.
    pub async fn take(&self, client: ClientAddress, count: usize) -> Permit {
        assert!(count <= self.per_client_max, "{count} permits are more than one client may have");
        let count = u32::try_from(count).expect("a share is small");
        let (of_client, all) = (self.of(client), Arc::clone(&self.all));
        let never_closed = "it is never closed";
        let of_client = of_client.acquire_many_owned(count).await.expect(never_closed);
        let of_all = all.acquire_many_owned(count).await.expect(never_closed);
        Permit { _of_client: of_client, _of_all: of_all }
    }

    /// The number of permits that are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.max - self.all.available_permits()
    }

    fn of(&self, client: ClientAddress) -> Arc<Semaphore> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        // Permits and whoever waits for them hold a reference of their own.
        clients.retain(|_, left| Arc::strong_count(left) > 1);
        let left = clients.entry(client);
        Arc::clone(left.or_insert_with(|| Arc::new(Semaphore::new(self.per_client_max))))
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn client(number: u8) -> ClientAddress {
        ClientAddress::new([192, 0, 2, number].into())
    }

    /// The permits, if they are there at once.
    fn take(permits: &Permits, client: ClientAddress, count: usize) -> Option<Permit> {
        let taking = pin!(permits.take(client, count));
        match taking.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(permit) => Some(permit),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_client_takes_its_share_and_no_more() {
        let permits = Permits::new(5, 2);
        let mut taken: Vec<_> =
            [1, 1, 2, 2].map(|n| permits.try_take(client(n)).expect("room")).into();
        let refused = permits.try_take(client(1)).expect_err("it has two");
        assert_eq!(refused, NoPermit::OfClient { max: 2 });
        taken.push(permits.try_take(client(3)).expect("the fifth"));
        let refused = permits.try_take(client(3)).expect_err("all are taken");
        assert_eq!((refused, permits.taken()), (NoPermit::OfAll { max: 5 }, 5));
        drop(taken.remove(0));
        assert!(permits.try_take(client(2)).is_err(), "its share is what it was");
        taken.push(permits.try_take(client(3)).expect("there is one again"));
        drop(taken);
        assert_eq!(permits.taken(), 0);
    }

    #[test]
    fn who_waits_behind_its_own_keeps_nobody_waiting() {
        let permits = Permits::new(4, 2);
        let held = take(&permits, client(1), 2).expect("its share");
        let waiting = |_| Box::pin(permits.take(client(1), 2));
        let mut behind: Vec<_> = (0..20).map(waiting).collect();
        let mut context = Context::from_waker(Waker::noop());
        assert!(behind.iter_mut().all(|each| each.as_mut().poll(&mut context).is_pending()));
        let other = take(&permits, client(2), 2);
        assert!(other.is_some(), "two of four are left for others");
        assert!(take(&permits, client(3), 1).is_none(), "all are taken");
        drop(held);
        for each in &mut behind {
            // What it took is free at once, as nobody here keeps it.
            assert!(each.as_mut().poll(&mut context).is_ready());
        }
    }

    #[test]
    fn clients_that_have_nothing_are_forgotten() {
        let permits = Permits::new(4, 2);
        for number in 0..100 {
            drop(permits.try_take(client(number)));
        }
        let _held = permits.try_take(client(200)).expect("room");
        assert_eq!(permits.clients.lock().expect("nobody panics").len(), 1);
    }
}
