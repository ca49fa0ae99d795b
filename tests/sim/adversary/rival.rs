//! Rivals: they mine a branch of their own that they keep to themselves, publish it at times of their choice, and begin
//! another one from what is then the best chain. All their blocks are valid.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chain::Past;
use protocol::block::{Block, Header};
use protocol::datagram::Datagram;
use protocol::transaction::{HashedTransaction, Transaction};
use protocol::units::{BlockHash, UnixMillis, Work};

use super::View;
use super::guest::{Guest, HEARTBEAT};
use crate::faults::Window;
use crate::network::Parcel;
use crate::{forge, random};

/// How often a rival looks whether it has found a block.
const LOOK: Duration = Duration::from_millis(100);
/// How many of its own voters a rival lets vote in each branch.
const VOTERS: u64 = 3;

/// Which times a rival's blocks bear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    True,
    /// As early as the rules let them be.
    Back,
    /// Ahead by so much.
    Ahead(Duration),
}

#[derive(Debug, Clone)]
pub struct RivalPlan {
    /// It mines during this time, and answers from its beginning on.
    pub active: Window,
    /// How long it takes to find a block of the least difficulty, on average.
    pub block_time: Duration,
    /// When it publishes its branch, in rising order.
    pub publishes: Vec<Duration>,
    pub times: Times,
}

#[derive(Debug)]
struct Branch {
    /// The headers below it.
    line: Vec<Header>,
    past: Past,
    work: Work,
    blocks: Vec<Block>,
    found_at: Duration,
}

#[derive(Debug)]
pub struct Rival {
    pub plan: RivalPlan,
    pub address: SocketAddr,
    guest: Guest,
    seed: u64,
    branch: Option<Branch>,
    published: usize,
    /// The work and the tip of the branch that it published last.
    offered: Option<(Work, BlockHash)>,
    greets_at: Duration,
}

impl Rival {
    #[must_use]
    pub fn new(plan: RivalPlan, address: SocketAddr, seed: u64, number: u64) -> Self {
        let rng = random::stream(seed, &format!("rival {number}"));
        let guest = Guest::new(address, rng);
        let (seed, greets_at) = (seed ^ (number << 24), plan.active.from);
        Self { plan, address, guest, seed, branch: None, published: 0, offered: None, greets_at }
    }

    /// The work and the tip of the branch that it published last.
    #[must_use]
    pub fn offered(&self) -> Option<(Work, BlockHash)> {
        self.offered
    }

    /// Whether it begins a branch with its next step.
    #[must_use]
    pub fn begins(&self, at: Duration) -> bool {
        self.branch.is_none() && self.plan.active.contains(at)
    }

    /// What the rival sends without being asked, and when it acts next. `line` is the best chain above the genesis
    /// block, if it [begins](Self::begins) a branch.
    pub fn step(&mut self, view: &View<'_>, line: Vec<Header>) -> (Vec<Parcel>, Duration) {
        let mut parcels = Vec::new();
        if view.at >= self.greets_at {
            self.greets_at = view.at + HEARTBEAT;
            parcels = self.guest.greet(view);
        }
        if self.plan.active.contains(view.at) {
            self.mine(view, line);
        }
        if self.plan.publishes.get(self.published).is_some_and(|at| view.at >= *at) {
            self.published += 1;
            let announced = self.publish(view);
            parcels.extend(self.guest.tell_all(view, &announced));
        }
        (parcels, LOOK)
    }

    pub fn hear(&mut self, view: &View<'_>, from: SocketAddr, bytes: &[u8]) -> Vec<Parcel> {
        self.guest.hear(view, from, bytes).0
    }

    fn mine(&mut self, view: &View<'_>, line: Vec<Header>) {
        if self.branch.is_none() {
            let (past, work) = (view.past.clone(), view.work);
            let found_at = view.at + self.search(&past, view);
            self.branch = Some(Branch { line, past, work, blocks: Vec::new(), found_at });
        }
        while let Some(mut branch) = self.branch.take() {
            if branch.found_at > view.at {
                self.branch = Some(branch);
                return;
            }
            let transactions = self.papers(&branch, view);
            let time = match self.plan.times {
                Times::True => view.unix,
                Times::Back => UnixMillis(0),
                Times::Ahead(by) => view.unix.plus(by),
            };
            let header = forge::mined(branch.past.next_header(&transactions, time));
            branch.past.add(&header);
            branch.work.0 += u128::from(header.difficulty.attempts());
            branch.blocks.push(Block { header, transactions });
            branch.found_at += self.search(&branch.past, view);
            self.branch = Some(branch);
        }
    }

    /// How long the search for the next block of a branch takes.
    fn search(&mut self, past: &Past, view: &View<'_>) -> Duration {
        let floor = view.election.difficulty().attempts() as f64;
        let share = past.next_difficulty().attempts() as f64 / floor;
        random::exponential(&mut self.guest.rng, self.plan.block_time.mul_f64(share))
    }

    /// The votes of its own voters, as soon as they may stand in a block.
    fn papers(&self, branch: &Branch, view: &View<'_>) -> Vec<Arc<HashedTransaction>> {
        let id = view.election.election_id();
        let has_them = branch.blocks.iter().any(|block| !block.transactions.is_empty());
        let paper = |voter| -> [Transaction; 2] {
            let number = (self.published as u64) << 8 | voter;
            let key = forge::key(self.seed, "rival's voter", number);
            let registration = forge::registration(view.election, &key);
            [registration, forge::vote(&id, &key, number, view.unix)]
        };
        let papers = (0..VOTERS).filter(|_| !has_them).flat_map(paper);
        let papers = papers.map(|each| Arc::new(HashedTransaction::new(each, &id)));
        let papers: Vec<_> = papers.collect();
        let phase = branch.past.phase();
        let all_may = papers.iter().all(|each| phase.takes(each.kind()));
        if all_may { papers } else { Vec::new() }
    }

    fn publish(&mut self, view: &View<'_>) -> Vec<Datagram> {
        let Some(branch) = self.branch.take() else { return Vec::new() };
        self.offered = branch.blocks.last().map(|tip| (branch.work, tip.header.hash()));
        let announced = self.guest.offer(&branch.blocks, branch.work, view);
        self.guest.headers.splice(0..0, branch.line);
        announced.into_iter().collect()
    }
}
