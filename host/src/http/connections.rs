//! Keeps track of the open connections, and decides which one is closed when there are too many.
//!
//! A connection keeps its place while it delivers a whole request and receives the answer. It
//! counts as waiting while it has not sent a complete request yet, or none since its last answer.
//! When a new connection needs room, the one that has waited longest is closed. Slow connections
//! can therefore only get in each other's way, never in the way of a client that sends its request
//! promptly.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::http::client::ClientAddress;
use crate::http::limits::Limits;

/// If no connection is waiting for a request, one whose client has read nothing of its answer for
/// this long may be closed instead.
const STALL_MIN: Duration = Duration::from_secs(1);

/// All connections of a listener.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    connections_max: usize,
    shares: Shares,
    table: Arc<Mutex<Table>>,
}

/// The most connections of one client, and of one end site of many clients.
#[derive(Debug, Clone, Copy)]
struct Shares {
    of_client: usize,
    of_end_site: usize,
}

/// The place of one connection, which becomes free when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    id: u64,
    shares: Shares,
    table: Arc<Mutex<Table>>,
}

/// Completes when the connection has to close to make room.
pub(crate) type Closing = oneshot::Receiver<()>;

#[derive(Debug, Default)]
struct Table {
    by_id: BTreeMap<u64, Entry>,
    id_next: u64,
}

#[derive(Debug)]
struct Entry {
    from: ClientAddress,
    /// Whom the connection serves at the moment: where it comes from, or the client of a proxy.
    client: ClientAddress,
    standing: Standing,
    /// Dropping this sender tells the connection to end.
    _keep: oneshot::Sender<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Since this moment the connection has not delivered a whole request.
    Waiting { since: Instant },
    /// A whole request has arrived, and its answer is being prepared or sent.
    Busy,
    /// The answer is being sent, but the client has read nothing of it since this moment.
    Stalled { since: Instant },
}

impl Connections {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            connections_max: limits.connections_max,
            shares: Shares {
                of_client: limits.connections_per_address_max,
                of_end_site: limits.connections_per_end_site_max,
            },
            table: Arc::default(),
        }
    }

    /// Gives a new connection a place, if necessary by closing another connection. Gives `None` if
    /// all connections are busy.
    pub(crate) fn admit(&self, from: IpAddr, now: Instant) -> Option<(Place, Closing)> {
        let from = ClientAddress::new(from);
        let mut table = lock(&self.table);
        table.make_room_for(from, self.shares, now)?;
        if table.by_id.len() >= self.connections_max {
            table.evict(now, |_| true)?;
        }
        let id = table.id_next;
        table.id_next += 1;
        let (keep, closing) = oneshot::channel();
        let standing = Standing::Waiting { since: now };
        table.by_id.insert(id, Entry { from, client: from, standing, _keep: keep });
        Some((Place { id, shares: self.shares, table: Arc::clone(&self.table) }, closing))
    }

    /// Closes up to `most` connections, starting with the one that has waited longest.
    pub(crate) fn close_some(&self, most: usize, now: Instant) {
        let mut table = lock(&self.table);
        for _ in 0..most {
            if table.evict(now, |_| true).is_none() {
                break;
            }
        }
    }

    /// Closes all connections that have not delivered a whole request.
    pub(crate) fn close_waiting(&self) {
        let is_kept = |entry: &Entry| !matches!(entry.standing, Standing::Waiting { .. });
        lock(&self.table).by_id.retain(|_, entry| is_kept(entry));
    }
}

impl Place {
    /// Notes whom the connection serves until the end of this answer, if necessary by closing another connection that
    /// serves the same client. Returns whether there is room for it in the client's share.
    pub(crate) fn serve(&self, client: ClientAddress, now: Instant) -> bool {
        let mut table = lock(&self.table);
        // A connection that is closing needs no room.
        if table.by_id.get(&self.id).is_none_or(|entry| entry.client == client) {
            return true;
        }
        if table.make_room_for(client, self.shares, now).is_none() {
            return false;
        }
        if let Some(entry) = table.by_id.get_mut(&self.id) {
            entry.client = client;
        }
        true
    }

    /// Notes that a whole request has arrived. Returns whether the connection still has its place.
    pub(crate) fn begin(&self) -> bool {
        self.change(|_| Standing::Busy)
    }

    /// Notes that the answer was sent.
    pub(crate) fn end(&self, now: Instant) {
        let mut table = lock(&self.table);
        if let Some(entry) = table.by_id.get_mut(&self.id) {
            entry.standing = Standing::Waiting { since: now };
            entry.client = entry.from;
        }
    }

    /// Notes that the client reads nothing at the moment.
    pub(crate) fn stall(&self, now: Instant) {
        self.change(|standing| match standing {
            Standing::Busy => Standing::Stalled { since: now },
            Standing::Waiting { .. } | Standing::Stalled { .. } => standing,
        });
    }

    /// Notes that the client read something again.
    pub(crate) fn resume(&self) {
        self.change(|standing| match standing {
            Standing::Stalled { .. } => Standing::Busy,
            Standing::Waiting { .. } | Standing::Busy => standing,
        });
    }

    fn change(&self, change: impl FnOnce(Standing) -> Standing) -> bool {
        let mut table = lock(&self.table);
        let Some(entry) = table.by_id.get_mut(&self.id) else { return false };
        entry.standing = change(entry.standing);
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.table).by_id.remove(&self.id);
    }
}

impl Table {
    /// Makes room for one more connection that serves this client, if it or its end site has its share: by closing one
    /// of theirs. Gives `None` if all of those are busy. This machine has no share: its programs may have all.
    fn make_room_for(&mut self, client: ClientAddress, shares: Shares, now: Instant) -> Option<()> {
        if client.is_loopback() {
            return Some(());
        }
        self.keep_below(shares.of_client, now, |entry| entry.client == client)?;
        match client.end_site() {
            Some(site) => self
                .keep_below(shares.of_end_site, now, |entry| entry.client.end_site() == Some(site)),
            None => Some(()),
        }
    }

    fn keep_below(
        &mut self,
        max: usize,
        now: Instant,
        is_of_share: impl Fn(&Entry) -> bool,
    ) -> Option<()> {
        let count = self.by_id.values().filter(|entry| is_of_share(entry)).count();
        if count < max { Some(()) } else { self.evict(now, is_of_share) }
    }

    /// Closes the connection that has waited longest for a whole request or, if none is waiting,
    /// the one that has stalled longest.
    fn evict(&mut self, now: Instant, is_candidate: impl Fn(&Entry) -> bool) -> Option<()> {
        let candidates = self.by_id.iter().filter(|(_, entry)| is_candidate(entry));
        let spared = candidates.filter_map(|(id, entry)| match entry.standing {
            Standing::Waiting { since } => Some((false, since, *id)),
            Standing::Stalled { since } if now.saturating_duration_since(since) >= STALL_MIN => {
                Some((true, since, *id))
            }
            Standing::Stalled { .. } | Standing::Busy => None,
        });
        let (_, _, id) = spared.min()?;
        self.by_id.remove(&id).map(drop)
    }
}

/// A poisoned lock can be used: no code panics while it holds this lock, so the table is always
/// consistent.
fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRANGER: [u8; 4] = [192, 0, 2, 1];
    const LOOPBACK: [u8; 4] = [127, 0, 0, 1];

    fn connections(connections_max: usize, connections_per_address_max: usize) -> Connections {
        let limits = Limits { connections_max, connections_per_address_max, ..Limits::default() };
        Connections::new(&limits)
    }

    fn is_closed(closing: &mut Closing) -> bool {
        closing.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    #[test]
    fn whoever_waits_longest_gives_way() {
        let (connections, start) = (connections(2, 2), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let (first, mut first_closing) = connections.admit(LOOPBACK.into(), at(0)).expect("room");
        let (second, mut second_closing) = connections.admit(LOOPBACK.into(), at(1)).expect("room");
        assert!(first.begin());
        first.end(at(2));

        let (third, mut third_closing) =
            connections.admit(LOOPBACK.into(), at(3)).expect("the second goes");
        assert!(is_closed(&mut second_closing) && !is_closed(&mut first_closing));
        assert!(!second.begin(), "its request is not looked at any more");
        drop(second);

        assert!(first.begin() && third.begin());
        assert!(connections.admit(LOOPBACK.into(), at(4)).is_none(), "all are busy");
        third.end(at(5));
        assert!(connections.admit(LOOPBACK.into(), at(6)).is_some());
        assert!(is_closed(&mut third_closing) && !is_closed(&mut first_closing));
    }

    #[test]
    fn a_stalled_reader_gives_way_after_a_while() {
        let (connections, start) = (connections(1, 1), Instant::now());
        let (reader, mut closing) = connections.admit(LOOPBACK.into(), start).expect("room");
        assert!(reader.begin());
        reader.stall(start);
        assert!(connections.admit(LOOPBACK.into(), start).is_none());
        reader.resume();
        assert!(connections.admit(LOOPBACK.into(), start + STALL_MIN).is_none());
        reader.stall(start + STALL_MIN);
        assert!(connections.admit(LOOPBACK.into(), start + 2 * STALL_MIN).is_some());
        assert!(is_closed(&mut closing));
    }

    #[test]
    fn whoever_waits_gives_way_before_a_stalled_reader_does() {
        let (connections, start) = (connections(2, 2), Instant::now());
        let (reader, mut reader_closing) = connections.admit(LOOPBACK.into(), start).expect("room");
        assert!(reader.begin());
        reader.stall(start);
        // That it still reads nothing is no new stall.
        reader.stall(start + STALL_MIN);
        let later = start + STALL_MIN;
        let (_idle, mut idle_closing) = connections.admit(LOOPBACK.into(), later).expect("room");
        let (newcomer, _) = connections.admit(LOOPBACK.into(), later).expect("somebody waits");
        assert!(is_closed(&mut idle_closing) && !is_closed(&mut reader_closing));
        assert!(newcomer.begin());
        assert!(connections.admit(LOOPBACK.into(), later).is_some());
        assert!(is_closed(&mut reader_closing));
    }

    #[test]
    fn this_machine_has_no_share_of_the_places() {
        let (connections, now) = (connections(4, 2), Instant::now());
        let admit = |_| connections.admit(LOOPBACK.into(), now).expect("room");
        let mut all: Vec<_> = (0..4).map(admit).collect();
        assert!(!all.iter_mut().any(|(_, closing)| is_closed(closing)));
    }

    #[test]
    fn an_address_only_takes_places_of_its_own() {
        let (connections, now) = (connections(4, 2), Instant::now());
        let (_other, mut other_closing) =
            connections.admit([192, 0, 2, 2].into(), now).expect("room");
        let (first, mut first_closing) = connections.admit(STRANGER.into(), now).expect("room");
        let mapped = IpAddr::from(std::net::Ipv4Addr::from(STRANGER).to_ipv6_mapped());
        let (second, mut second_closing) = connections.admit(mapped, now).expect("room");
        let third = connections.admit(STRANGER.into(), now).expect("the first goes");
        assert!(is_closed(&mut first_closing) && !is_closed(&mut second_closing));
        drop(first);
        assert!(second.begin() && third.0.begin());
        assert!(connections.admit(STRANGER.into(), now).is_none());
        assert!(!is_closed(&mut other_closing));
        assert!(connections.admit(LOOPBACK.into(), now).is_some());
    }

    #[test]
    fn a_network_of_ipv6_takes_the_places_of_one_address() {
        let (connections, now) = (connections(4, 2), Instant::now());
        let admit = |text: &str| connections.admit(text.parse().expect("an address"), now);
        let (_first, mut first_closing) = admit("2001:db8::1").expect("room");
        let _second = admit("2001:db8::2").expect("room");
        let (_other, mut other_closing) = admit("2001:db8:0:1::1").expect("room");
        let _third = admit("2001:db8::3").expect("the first goes");
        assert!(is_closed(&mut first_closing) && !is_closed(&mut other_closing));
    }

    #[test]
    fn an_end_site_takes_its_share_whatever_clients_it_is() {
        let limits = Limits {
            connections_max: 8,
            connections_per_address_max: 2,
            connections_per_end_site_max: 3,
            ..Limits::default()
        };
        let (connections, now) = (Connections::new(&limits), Instant::now());
        let admit = |text: &str| connections.admit(text.parse().expect("an address"), now);
        let places: Vec<_> = ["2001:db8::1", "2001:db8::1", "2001:db8:0:1::1"]
            .map(|text| admit(text).expect("room"))
            .into();
        assert!(places.iter().all(|(place, _)| place.begin()));
        assert!(admit("2001:db8:0:2::1").is_none(), "its site has three, and all are busy");
        let (_other, mut other) = admit("2001:db8:1::1").expect("another site has room");
        places[1].0.end(now);
        assert!(admit("2001:db8:0:2::1").is_some(), "one of the site's own gives way");
        assert!(!places[1].0.begin() && !is_closed(&mut other));
    }

    #[test]
    fn the_connections_of_a_proxy_are_shared_out_by_whom_they_serve() {
        let (connections, start) = (connections(8, 2), Instant::now());
        let client = ClientAddress::new(STRANGER.into());
        let other = ClientAddress::new([192, 0, 2, 2].into());
        let mut of_proxy: Vec<_> = (0..6)
            .map(|number| connections.admit(LOOPBACK.into(), start + number * STALL_MIN))
            .map(|admitted| admitted.expect("a proxy may have all"))
            .collect();
        let now = start + 6 * STALL_MIN;
        for (place, _) in &of_proxy[..2] {
            assert!(place.serve(client, now) && place.begin());
            assert!(place.serve(client, now), "it serves it already");
        }
        assert!(!of_proxy[2].0.serve(client, now), "two are busy for this client");
        assert!(of_proxy[2].0.serve(other, now) && of_proxy[2].0.begin(), "but for others not");
        assert!(!is_closed(&mut of_proxy[0].1) && !is_closed(&mut of_proxy[3].1));
        // A connection of its own counts as well.
        assert!(connections.admit(STRANGER.into(), now).is_none());
        // Once it was answered, the connection is the proxy's again.
        of_proxy[0].0.end(now);
        assert!(of_proxy[3].0.serve(client, now) && of_proxy[3].0.begin());
        assert!(!of_proxy[4].0.serve(client, now));
        // One whose request has not come as a whole gives way to another of the same client.
        of_proxy[1].0.end(now);
        assert!(of_proxy[4].0.serve(client, now));
        assert!(of_proxy[5].0.serve(client, now));
        assert!(is_closed(&mut of_proxy[4].1) && !is_closed(&mut of_proxy[3].1));
        assert!(!is_closed(&mut of_proxy[1].1), "nor does one that serves nobody");
    }

    #[test]
    fn some_are_closed_in_their_order() {
        let (connections, start) = (connections(8, 8), Instant::now());
        let admit = |number| connections.admit(LOOPBACK.into(), start + number * STALL_MIN);
        let mut all: Vec<_> = (0..4).map(|number| admit(number).expect("room")).collect();
        assert!(all[0].0.begin());
        let closed = |all: &mut Vec<(Place, Closing)>| -> Vec<bool> {
            all.iter_mut().map(|(_, closing)| is_closed(closing)).collect()
        };
        connections.close_some(2, start);
        assert_eq!(closed(&mut all), [false, true, true, false]);
        connections.close_some(2, start);
        assert_eq!(closed(&mut all), [false, true, true, true]);
    }

    #[test]
    fn places_are_free_again_and_the_end_spares_the_busy() {
        let (connections, now) = (connections(2, 2), Instant::now());
        let gone = [(); 2].map(|()| connections.admit(LOOPBACK.into(), now).expect("room"));
        assert!(gone.iter().all(|(place, _)| place.begin()));
        assert!(connections.admit(LOOPBACK.into(), now).is_none(), "both are busy");
        drop(gone);
        let (busy, mut busy_closing) = connections.admit(LOOPBACK.into(), now).expect("room");
        let (_idle, mut idle_closing) = connections.admit(LOOPBACK.into(), now).expect("room");
        assert!(busy.begin());
        connections.close_waiting();
        assert!(is_closed(&mut idle_closing) && !is_closed(&mut busy_closing));
    }
}
