//! Voters without end, who register and vote through one peer, and again after it was killed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use protocol::election::Election;
use serde_json::Value;

use crate::harness::{Ledger, OUTSTANDING_MAX, PATIENCE, Peer, Voter};

/// The voters of one peer, handed in one after the other.
#[derive(Debug)]
pub(super) struct Load {
    election: Election,
    next_voter: u64,
    /// Options by their votes, of all voters that were made.
    tally: [u64; 3],
    /// Not handed in, or handed in without an answer.
    queue: VecDeque<String>,
    asked: VecDeque<String>,
}

impl Load {
    /// `first_voter` keeps the voters of several loads apart.
    pub(super) fn new(election: &Election, first_voter: u64) -> Self {
        Self {
            election: election.clone(),
            next_voter: first_voter,
            tally: [0; 3],
            queue: VecDeque::new(),
            asked: VecDeque::new(),
        }
    }

    /// Votes per option, once everything is counted.
    pub(super) fn tally(&self) -> [u64; 3] {
        self.tally
    }

    /// Hands in this many transactions, or as many as may wait for their answers.
    pub(super) fn offer(&mut self, peer: &mut Peer, transactions: usize) {
        for _ in 0..transactions.min(OUTSTANDING_MAX - self.asked.len()) {
            if self.queue.is_empty() {
                self.make_voter();
            }
            let hex = self.queue.pop_front().expect("a voter has two transactions");
            peer.tell(&format!("submit {hex}"));
            self.asked.push_back(hex);
        }
    }

    /// Keeps a peer busy for a while.
    pub(super) fn press(&mut self, peer: &mut Peer, duration: Duration, ledger: &mut Ledger) {
        let deadline = Instant::now() + duration;
        loop {
            self.offer(peer, OUTSTANDING_MAX);
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            if let Some(answer) = peer.answer_within(left) {
                self.take(&answer, ledger);
            }
        }
        // Nobody looks at them, and there are many.
        peer.take_events();
    }

    /// Reads all answers that are still to come.
    pub(super) fn settle(&mut self, peer: &mut Peer, ledger: &mut Ledger) {
        while !self.asked.is_empty() {
            let answer = peer.next_answer(PATIENCE);
            self.take(&answer, ledger);
        }
    }

    /// Hands in what is left of the last voter, so that everybody who registered has voted.
    pub(super) fn complete(&mut self, peer: &mut Peer, ledger: &mut Ledger) {
        self.settle(peer, ledger);
        while !self.queue.is_empty() {
            let left = self.queue.len();
            self.offer(peer, left);
            self.settle(peer, ledger);
        }
    }

    /// The peer was killed: what it answered before counts, the rest is handed in once more.
    pub(super) fn interrupted(&mut self, answers: VecDeque<Value>, ledger: &mut Ledger) {
        for answer in answers.iter().filter(|answer| answer["answer"] == "submit") {
            self.take(answer, ledger);
        }
        self.asked.append(&mut self.queue);
        self.queue = std::mem::take(&mut self.asked);
    }

    fn take(&mut self, answer: &Value, ledger: &mut Ledger) {
        assert_eq!(answer["answer"], "submit", "{answer}");
        let hex = self.asked.pop_front().expect("every answer was asked for");
        // Also where it was handed in before, and kept or passed on though the answer was lost.
        assert_eq!(answer["accepted"], true, "{answer}");
        ledger.acknowledge(answer["transaction"].as_str().expect("an id"), hex);
    }

    fn make_voter(&mut self) {
        let voter = Voter::new(&self.election, self.next_voter);
        let option = u16::try_from(self.next_voter % 3).expect("a small number");
        self.tally[usize::from(option)] += 1;
        self.next_voter += 1;
        self.queue.extend([voter.registration(), voter.vote(option)]);
    }
}
