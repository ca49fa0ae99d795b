//! Permits for what is dear to give, shared out so that no client takes them from all others.
//!
//! A permit belongs to the answer that it was taken for, and is free again when that is dropped: sent, broken off, or
//! ended because its reader was too slow.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::client::ClientAddress;

/// The most requests of one client that wait for permits. Each holds a connection, and a proxy's connections are those
/// of all who come through it. A program that sends a few at once does not notice, and others are told to try again.
const WAITING_PER_CLIENT_MAX: usize = 8;

/// An end site of many IPv6 clients has up to half of all permits.
const END_SITE_PART: usize = 2;

/// All permits of one kind.
#[derive(Debug, Clone)]
pub struct Permits {
    max: usize,
    per_client_max: usize,
    per_end_site_max: usize,
    all: Arc<Semaphore>,
    /// What is left to each client and each end site. Those without a permit that do not wait for
    /// one are forgotten, so there are never more than twice the permits and requests that wait.
    shares: Arc<Mutex<BTreeMap<ClientAddress, Share>>>,
}

/// A part of the permits, which is free again when this is dropped.
#[derive(Debug)]
pub struct Permit {
    _of_client: OwnedSemaphorePermit,
    _of_end_site: Option<OwnedSemaphorePermit>,
    _of_all: OwnedSemaphorePermit,
}

#[derive(Debug, Clone)]
struct Share {
    left: Arc<Semaphore>,
    /// How many more requests may wait.
    waiting: Arc<Semaphore>,
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
    /// The end site that this client belongs to has as many as one may have.
    #[error("{max} for your network are under way already: try again later")]
    OfEndSite {
        /// That many.
        max: usize,
    },
    /// So many requests of this client wait already.
    #[error("{max} requests from your address wait already: send fewer at once")]
    Waiting {
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
        let per_client_max = per_client_max.min(max);
        Self {
            max,
            per_client_max,
            per_end_site_max: per_client_max.max(max / END_SITE_PART),
            all: Arc::new(Semaphore::new(max)),
            shares: Arc::default(),
        }
    }

    /// Takes one permit.
    ///
    /// # Errors
    /// When this client or its end site has its share, or when all permits are taken.
    pub fn try_take(&self, client: ClientAddress) -> Result<Permit, NoPermit> {
        let (own, of_site) = self.shares(client);
        let of_client = own.left.try_acquire_owned();
        let of_client = of_client.map_err(|_| NoPermit::OfClient { max: self.per_client_max })?;
        let of_end_site = of_site.map(|site| site.left.try_acquire_owned()).transpose();
        let of_end_site =
            of_end_site.map_err(|_| NoPermit::OfEndSite { max: self.per_end_site_max })?;
        let of_all = Arc::clone(&self.all).try_acquire_owned();
        let of_all = of_all.map_err(|_| NoPermit::OfAll { max: self.max })?;
        Ok(Permit { _of_client: of_client, _of_end_site: of_end_site, _of_all: of_all })
    }

    /// Waits for so many permits, behind what the same client asked for before. Only what is within a client's share
    /// waits together with what others ask for, so a client that sends many keeps nobody else waiting for longer than
    /// its share takes.
    ///
    /// # Errors
    /// When a few requests of this client wait already.
    ///
    /// # Panics
    /// When one client may never have so many.
    pub async fn take(&self, client: ClientAddress, count: usize) -> Result<Permit, NoPermit> {
        assert!(count <= self.per_client_max, "{count} permits are more than one client may have");
        let count = u32::try_from(count).expect("a share is small");
        let (own, of_site) = self.shares(client);
        // Whoever comes while others of the same client wait has to wait behind them, so there is no need to look
        // whether the permits are there at once.
        let waiting = own.waiting.try_acquire_owned();
        let waiting = waiting.map_err(|_| NoPermit::Waiting { max: WAITING_PER_CLIENT_MAX })?;
        let of_client = acquire(own.left, count).await;
        // Whoever has its share waits for others, not for itself.
        drop(waiting);
        let of_end_site = match of_site {
            Some(site) => Some(acquire(site.left, count).await),
            None => None,
        };
        let of_all = acquire(Arc::clone(&self.all), count).await;
        Ok(Permit { _of_client: of_client, _of_end_site: of_end_site, _of_all: of_all })
    }

    /// The number of permits that are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.max - self.all.available_permits()
    }

    /// Those of the client and of its end site.
    fn shares(&self, client: ClientAddress) -> (Share, Option<Share>) {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        // Permits and whoever waits for them hold a reference of their own.
        shares.retain(|_, share| Arc::strong_count(&share.left) > 1);
        let mut of = |network, max| {
            let share = shares.entry(network).or_insert_with(|| Share {
                left: Arc::new(Semaphore::new(max)),
                waiting: Arc::new(Semaphore::new(WAITING_PER_CLIENT_MAX)),
            });
            share.clone()
        };
        let own = of(client, self.per_client_max);
        (own, client.end_site().map(|site| of(site, self.per_end_site_max)))
    }
}

async fn acquire(left: Arc<Semaphore>, count: u32) -> OwnedSemaphorePermit {
    left.acquire_many_owned(count).await.expect("it is never closed")
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn client(number: u8) -> ClientAddress {
        ClientAddress::new([192, 0, 2, number].into())
    }

    fn poll<F: Future>(waiting: &mut Pin<Box<F>>) -> Poll<F::Output> {
        waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    fn of_site(site: u16, subnet: u16) -> ClientAddress {
        ClientAddress::new([0x2001, 0xdb8, site, subnet, 0, 0, 0, 1].into())
    }

    /// The permits, if they are there at once.
    fn take(permits: &Permits, client: ClientAddress, count: usize) -> Option<Permit> {
        let taking = pin!(permits.take(client, count));
        match taking.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(permit) => Some(permit.expect("few wait")),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_client_within_its_share_may_wait_for_others_with_any_number_of_requests() {
        let permits = Permits::new(20, 10);
        let _others = [1, 2].map(|n| take(&permits, client(n), 10).expect("there is room"));
        let mut waiting: Vec<_> = (0..10).map(|_| Box::pin(permits.take(client(3), 1))).collect();
        for taking in &mut waiting {
            let outcome = taking.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(outcome.is_pending(), "it is within its share");
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
        let mut behind: Vec<_> = (0..WAITING_PER_CLIENT_MAX).map(waiting).collect();
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
    fn a_few_requests_of_a_client_wait_and_one_more_is_refused() {
        let permits = Permits::new(4, 2);
        let held = take(&permits, client(1), 2).expect("its share");
        let waiting = |number| Box::pin(permits.take(client(number), 1));
        let mut of_one: Vec<_> = (0..WAITING_PER_CLIENT_MAX).map(|_| waiting(1)).collect();
        assert!(of_one.iter_mut().all(|each| poll(each).is_pending()));
        let Poll::Ready(Err(refused)) = poll(&mut waiting(1)) else { panic!("too many wait") };
        assert_eq!(refused, NoPermit::Waiting { max: WAITING_PER_CLIENT_MAX });
        let kept = poll(&mut waiting(2));
        assert!(matches!(kept, Poll::Ready(Ok(_))), "others have places of their own");
        // Whoever goes away, or gets what it waited for, makes room for another.
        drop(of_one.pop());
        let mut another = waiting(1);
        assert!(poll(&mut another).is_pending());
        assert!(matches!(poll(&mut waiting(1)), Poll::Ready(Err(_))));
        drop(held);
        let Poll::Ready(Ok(first)) = poll(&mut of_one[0]) else { panic!("it is its turn") };
        let mut yet_another = waiting(1);
        assert!(poll(&mut yet_another).is_pending(), "the first of them waits no longer");
        drop((first, kept));
    }

    #[test]
    fn an_end_site_takes_half_whatever_clients_it_is() {
        let permits = Permits::new(6, 2);
        let try_take = |site, subnet| permits.try_take(of_site(site, subnet));
        let mut held: Vec<_> = [1, 1, 2].map(|subnet| try_take(1, subnet).expect("room")).into();
        let refused = try_take(1, 1).expect_err("this client has two");
        assert_eq!(refused, NoPermit::OfClient { max: 2 });
        for subnet in 2..100 {
            let refused = try_take(1, subnet).expect_err("half of all is gone");
            assert_eq!(refused, NoPermit::OfEndSite { max: 3 }, "{subnet}");
        }
        assert!(take(&permits, of_site(1, 200), 1).is_none(), "nor does it get any by waiting");
        held.extend([1, 1, 2].map(|subnet| try_take(2, subnet).expect("another site")));
        assert_eq!(try_take(3, 1).expect_err("all"), NoPermit::OfAll { max: 6 });
        held.remove(0);
        let waited = take(&permits, of_site(1, 200), 1);
        assert!(waited.is_some(), "there is one again");
        // Where one client may have more than half, so may its site.
        let permits = Permits::new(4, 3);
        assert!(take(&permits, of_site(1, 1), 3).is_some());
    }

    #[test]
    fn clients_that_have_nothing_are_forgotten() {
        let permits = Permits::new(4, 2);
        for number in 0..100 {
            drop(permits.try_take(client(number)));
        }
        let _held = permits.try_take(client(200)).expect("room");
        assert_eq!(permits.shares.lock().expect("nobody panics").len(), 1);
        for subnet in 0..100 {
            drop(permits.try_take(of_site(1, subnet)));
        }
        let _of_site = permits.try_take(of_site(2, 0)).expect("room");
        assert_eq!(permits.shares.lock().expect("nobody panics").len(), 3, "it and its site");
    }
}
