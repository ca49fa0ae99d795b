//! Bodies that are on the disk alone: read when a neighbour, a user or a change of branch needs them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use protocol::block::Block;
use protocol::datagram::Wanted;
use protocol::units::{BlockHash, Now};

use super::Node;
use super::command::{CommandError, Lookup, Ticket};
use super::output::{Event, LoadJob, Output};

/// Requests of neighbours that wait for the disk, as many as 16 neighbours may have in flight; those that come
/// on top are not answered, and asked again.
const REQUESTS_WAITING_MAX: usize = 256;
/// Questions of users that wait for the disk.
const LOOKUPS_WAITING_MAX: usize = 256;

/// Who needs a body.
#[derive(Debug)]
pub(super) enum Waiter {
    Neighbour {
        to: SocketAddr,
        request: u32,
        wanted: Wanted,
    },
    User {
        ticket: Ticket,
        lookup: Lookup,
    },
    /// The move to a better branch.
    Chain,
}

#[derive(Debug, Default)]
pub(super) struct Loading {
    last_job: u64,
    jobs: BTreeMap<u64, BlockHash>,
    waiters: BTreeMap<BlockHash, Vec<Waiter>>,
    requests: usize,
    lookups: usize,
    /// What a change of branch still waits for, and what came for it. Moving takes all of it at once.
    awaited: BTreeSet<BlockHash>,
    gathered: BTreeMap<BlockHash, Arc<Block>>,
}

impl Loading {
    fn has_room_for(&self, waiter: &Waiter) -> bool {
        match waiter {
            Waiter::Neighbour { .. } => self.requests < REQUESTS_WAITING_MAX,
            Waiter::User { .. } => self.lookups < LOOKUPS_WAITING_MAX,
            Waiter::Chain => true,
        }
    }

    fn count(&mut self, waiter: &Waiter, change: fn(&mut usize)) {
        match waiter {
            Waiter::Neighbour { .. } => change(&mut self.requests),
            Waiter::User { .. } => change(&mut self.lookups),
            Waiter::Chain => {}
        }
    }
}

impl Node {
    /// Has a stored body read for somebody; false when too many wait already.
    pub(super) fn load(&mut self, hash: BlockHash, waiter: Waiter) -> bool {
        if !self.loading.has_room_for(&waiter) {
            return false;
        }
        let Some(height) = self.chain.header(&hash).map(|header| header.height) else {
            return false;
        };
        self.loading.count(&waiter, |count| *count += 1);
        let waiters = self.loading.waiters.entry(hash).or_default();
        waiters.push(waiter);
        if waiters.len() == 1 {
            self.loading.last_job += 1;
            let number = self.loading.last_job;
            self.loading.jobs.insert(number, hash);
            self.output(Output::Load(LoadJob { number, height, hash }));
        }
        true
    }

    /// Has bodies read that a better branch consists of.
    pub(super) fn load_for_chain(&mut self, wanted: Vec<BlockHash>) {
        for hash in wanted {
            if !self.loading.gathered.contains_key(&hash) && self.loading.awaited.insert(hash) {
                self.load(hash, Waiter::Chain);
            }
        }
    }

    pub(super) fn on_loaded(&mut self, number: u64, outcome: Result<Arc<Block>, String>, now: Now) {
        let Some(hash) = self.loading.jobs.remove(&number) else { return };
        let waiters = self.loading.waiters.remove(&hash).unwrap_or_default();
        if let Err(reason) = &outcome {
            self.lose_block(hash, reason.clone());
        }
        for waiter in waiters {
            self.loading.count(&waiter, |count| *count -= 1);
            match waiter {
                Waiter::Neighbour { to, request, wanted } => {
                    self.serve_loaded(to, request, &wanted, outcome.as_ref().ok());
                }
                Waiter::User { ticket, lookup } => {
                    self.answer_loaded(ticket, lookup, outcome.as_ref().ok());
                }
                Waiter::Chain => {
                    self.loading.awaited.remove(&hash);
                    let block = outcome.as_ref().ok().cloned();
                    self.loading.gathered.extend(block.map(|block| (hash, block)));
                }
            }
        }
        if self.loading.awaited.is_empty() && !self.loading.gathered.is_empty() {
            for block in std::mem::take(&mut self.loading.gathered).into_values() {
                self.chain.put_back(block);
            }
            self.advance_chain(None, now);
        }
        self.continue_sync(now);
    }

    /// The disk does not give a body: neighbours have it, too.
    fn lose_block(&mut self, hash: BlockHash, reason: String) {
        let Some(height) = self.chain.header(&hash).map(|header| header.height) else { return };
        self.chain.note_lost(&hash);
        self.output(Output::Event(Event::BlockLost { height, hash, reason }));
    }

    fn answer_loaded(&mut self, ticket: Ticket, lookup: Lookup, block: Option<&Arc<Block>>) {
        let outcome = match block {
            Some(block) => self.answer_lookup(lookup, Some(block), Some(ticket)),
            None => Err(CommandError::BlockLost),
        };
        // The chain may have moved meanwhile, so that another body is needed.
        if let Some(outcome) = outcome.transpose() {
            self.output(Output::Answered { ticket, outcome });
        }
    }
}
