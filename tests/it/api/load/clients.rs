//! Clients that post at the same time, and go on until everything was accepted.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Duration;

use serde_json::Value;

use crate::api::submission;
use crate::harness::http::HttpConnection;
use crate::harness::until;

/// Connections at a time.
const CLIENTS: usize = 48;

/// Until one request is accepted, over all that happens to its peer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What may go by itself: the same bytes are sent again.
const PASSING: [&str; 6] =
    ["not_registered", "busy", "pool_full", "not_durable", "leaving", "clock_behind"];

/// A voter's transactions, in hexadecimal digits.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) registration: String,
    pub(super) vote: String,
}

/// What one client does at a stretch.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) pairs: Vec<Pair>,
    /// Both transactions of a voter in one request, at the first peer.
    pub(super) together: bool,
    /// Where registrations go, and where votes do.
    pub(super) first: usize,
    pub(super) second: usize,
}

/// What all clients and the test share.
#[derive(Debug)]
pub(super) struct Board {
    apis: Mutex<Vec<SocketAddr>>,
    /// Encodings by their ids, for each peer that accepted them.
    accepted: Mutex<Vec<BTreeMap<String, String>>>,
    more: Condvar,
    sent_again: AtomicUsize,
    has_ended: AtomicBool,
}

/// Stops the clients, also when the test fails.
#[derive(Debug)]
pub(super) struct End<'b>(&'b Board);

impl Board {
    pub(super) fn new(apis: Vec<SocketAddr>) -> Self {
        Self {
            accepted: Mutex::new(vec![BTreeMap::new(); apis.len()]),
            apis: Mutex::new(apis),
            more: Condvar::new(),
            sent_again: AtomicUsize::new(0),
            has_ended: AtomicBool::new(false),
        }
    }

    pub(super) fn end_at_drop(&self) -> End<'_> {
        End(self)
    }

    /// A peer listens again, perhaps elsewhere.
    pub(super) fn moved(&self, place: usize, api: SocketAddr) {
        lock(&self.apis)[place] = api;
    }

    /// What a peer accepted so far.
    pub(super) fn accepted_by(&self, place: usize) -> BTreeMap<String, String> {
        lock(&self.accepted)[place].clone()
    }

    pub(super) fn sent_again(&self) -> usize {
        self.sent_again.load(Ordering::Relaxed)
    }

    /// Waits until so many transactions were accepted.
    ///
    /// # Panics
    /// When that takes longer than `patience`.
    pub(super) fn wait_for(&self, count: usize, patience: Duration) {
        let is_less = |accepted: &mut Vec<BTreeMap<_, _>>| {
            accepted.iter().map(BTreeMap::len).sum::<usize>() < count
        };
        let waited = self.more.wait_timeout_while(lock(&self.accepted), patience, is_less);
        let (accepted, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(accepted);
        assert!(!timeout.timed_out(), "not {count} transactions accepted within {patience:?}");
    }

    /// Sends transactions to a peer until all are accepted.
    fn post(&self, place: usize, transactions: &[String]) {
        let mut left = transactions.to_vec();
        let mut connection = None;
        until("all is accepted", PATIENCE, || {
            if self.has_ended.load(Ordering::Relaxed) {
                return Some(());
            }
            left = self.attempt(place, &left, &mut connection);
            if !left.is_empty() {
                self.sent_again.fetch_add(1, Ordering::Relaxed);
            }
            left.is_empty().then_some(())
        });
    }

    /// Sends once; gives what has to be sent again.
    fn attempt(
        &self,
        place: usize,
        transactions: &[String],
        connection: &mut Option<HttpConnection>,
    ) -> Vec<String> {
        let api = lock(&self.apis)[place];
        let asked = connection.take().map_or_else(|| HttpConnection::try_open(api), Ok);
        let answer = asked.and_then(|mut asked| {
            let body = submission(transactions);
            let answer = asked.try_ask("POST", "/v1/transactions", &[], &body)?;
            *connection = Some(asked);
            Ok(answer)
        });
        // The answer was lost: perhaps the peer was killed before it took anything, perhaps after.
        let Ok(answer) = answer else { return transactions.to_vec() };
        if matches!(answer.status, 429 | 503) {
            return transactions.to_vec();
        }
        assert_eq!(answer.status, 200, "{}", answer.text());
        let outcomes = answer.json();
        let outcomes = outcomes["outcomes"].as_array().expect("a list");
        assert_eq!(outcomes.len(), transactions.len());
        self.note(place, transactions, outcomes)
    }

    fn note(&self, place: usize, transactions: &[String], outcomes: &[Value]) -> Vec<String> {
        let mut again = Vec::new();
        let mut accepted = lock(&self.accepted);
        for (transaction, outcome) in transactions.iter().zip(outcomes) {
            if outcome["accepted"] == true {
                let id = outcome["transaction"].as_str().expect("an id").to_owned();
                accepted[place].insert(id, transaction.clone());
                continue;
            }
            let kind = outcome["error"]["kind"].as_str().expect("a word");
            assert!(PASSING.contains(&kind), "{outcome}");
            again.push(transaction.clone());
        }
        drop(accepted);
        self.more.notify_all();
        again
    }
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.has_ended.store(true, Ordering::Relaxed);
        }
    }
}

/// Starts all clients; each takes work until there is none.
pub(super) fn start<'scope, 'env: 'scope>(
    scope: &'scope Scope<'scope, 'env>,
    board: &'scope Board,
    work: Vec<Work>,
) -> Vec<ScopedJoinHandle<'scope, ()>> {
    let queue = std::sync::Arc::new(Mutex::new(VecDeque::from(work)));
    let client = |_| {
        let queue = std::sync::Arc::clone(&queue);
        scope.spawn(move || {
            loop {
                let next = lock(&queue).pop_front();
                let Some(work) = next else { break };
                work.perform(board);
            }
        })
    };
    (0..CLIENTS).map(client).collect()
}

impl Work {
    fn perform(self, board: &Board) {
        let (registrations, votes): (Vec<_>, Vec<_>) =
            self.pairs.into_iter().map(|pair| (pair.registration, pair.vote)).unzip();
        if self.together {
            // The votes stand first: the peer knows what has to be taken before them.
            board.post(self.first, &[votes, registrations].concat());
        } else {
            board.post(self.first, &registrations);
            board.post(self.second, &votes);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
