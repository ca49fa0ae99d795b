//! Fetches bodies that the disk has lost and that are not on the way to the best header. Some of them may no longer
//! exist anywhere, and those must hold up neither the sync nor the others.

use protocol::units::{BlockHash, Height, Now};

use super::bodies::Fetch;
use super::fetching::{Server, pieces_max};
use crate::Node;

/// The number of lost bodies that are examined each time. There may be many of them, and some that
/// nobody can be asked for.
const LOST_AT_A_TIME_MAX: usize = 16;

impl Node {
    /// Starts to fetch the lost bodies of the best chain `from` this height on, for which a move to a better branch
    /// waits. They come before the rest of the way, because the wait has an end: its time counts while one of them is
    /// asked for, or nobody can be asked. Returns false when there is no memory for them.
    pub(super) fn fetch_awaited_lost(&mut self, from: Height, now: Now) -> bool {
        let first = self.sync.bodies.awaited_cursor.take().map_or(from, |at| at.max(from));
        let lost: Vec<_> = self.chain.lost_on_best_chain(first).take(LOST_AT_A_TIME_MAX).collect();
        let is_end = lost.len() < LOST_AT_A_TIME_MAX;
        let mut next = lost.last().filter(|_| !is_end).map(|(height, _)| height.next());
        let (mut nobody_has_it, mut has_room) = (false, true);
        for place in &lost {
            match self.fetch_lost_body(*place, now) {
                Some(Server::Neighbour(_)) => {}
                Some(Server::Later) => nobody_has_it = true,
                outcome @ (Some(Server::Busy) | None) => {
                    has_room = outcome.is_some();
                    next = Some(place.0);
                    break;
                }
            }
        }
        self.sync.bodies.awaited_cursor = next;
        let is_awaited = |height: Height, hash: &BlockHash| {
            height >= from && self.chain.is_lost(hash) && self.chain.is_on_best_chain(hash)
        };
        let mut fetches = self.sync.bodies.fetches.iter();
        let is_asked = fetches.any(|(hash, fetch)| is_awaited(fetch.height, hash));
        self.disk.loading.lost_wait.note_asked(is_asked || nobody_has_it, now.instant);
        has_room
    }

    /// Starts to fetch all other lost bodies, which come after the plan and outside its window.
    pub(super) fn fetch_lost(&mut self, now: Now) {
        let cursor = self.sync.bodies.lost_cursor.take();
        let lost: Vec<_> = self.chain.lost_bodies_after(cursor).take(LOST_AT_A_TIME_MAX).collect();
        let is_end = lost.len() < LOST_AT_A_TIME_MAX;
        for place in &lost {
            let is_on_the_way = self.sync.bodies.is_planned(&place.1);
            if !is_on_the_way && self.fetch_lost_body(*place, now).is_none() {
                break;
            }
        }
        self.sync.bodies.lost_cursor = lost.last().copied().filter(|_| !is_end);
    }

    /// Starts to fetch a lost body, unless that has begun. `None` when there is no memory for it.
    fn fetch_lost_body(&mut self, place: (Height, BlockHash), now: Now) -> Option<Server> {
        let (height, hash) = place;
        if let Some(fetch) = self.sync.bodies.fetches.get(&hash) {
            return Some(Server::Neighbour(fetch.neighbour));
        }
        if self.sync.announcements.contains(&hash) {
            return Some(Server::Later);
        }
        let pieces = pieces_max(self.chain.election());
        if !self.has_room_ahead(&hash, pieces, None) {
            return None;
        }
        let server = self.choose_server(hash, now);
        if let Server::Neighbour(neighbour) = server {
            let fetch = Fetch::new(height, neighbour, pieces, now.instant);
            self.sync.bodies.start_fetch(hash, fetch);
            self.request_body_pieces(&hash, now);
        }
        Some(server)
    }
}
