//! Asks neighbours for certificates: each at once when it joins, then one after another for as long as something is not
//! final. So a node that was away, or to which datagrams were lost, learns what is final.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use protocol::datagram::{ChainRequest, Datagram};
use protocol::units::{Height, Now};

use super::{Finality, Output, Timer};

/// How often a neighbour is asked while the result is not final.
const PERIOD: Duration = Duration::from_secs(5);
/// So many times each neighbour is asked after that at the same pace, so that all peers come to have one certificate.
const ROUNDS_AFTER_END: usize = 2;
/// How often one is asked from then on.
const PERIOD_AFTER_END: Duration = Duration::from_secs(60);

/// Whom certificates were asked of.
#[derive(Debug, Default)]
pub(super) struct Asking {
    /// The number of the last request to each neighbour; `None` before the first.
    of_neighbours: BTreeMap<SocketAddr, Option<u32>>,
    last_number: u32,
    /// How many requests there were since the result is final.
    after_end: usize,
    /// Whom was asked last.
    last: Option<SocketAddr>,
}

impl Asking {
    /// Whether this answers the last request to a neighbour.
    pub(super) fn is_asked(&self, from: &SocketAddr, request: u32) -> bool {
        self.of_neighbours.get(from).is_some_and(|asked| *asked == Some(request))
    }

    /// The number of a new request to a neighbour.
    fn start(&mut self, to: SocketAddr) -> u32 {
        self.last_number = self.last_number.wrapping_add(1);
        self.of_neighbours.insert(to, Some(self.last_number));
        self.last_number
    }

    /// The neighbour after the one that was asked last.
    fn next(&mut self) -> Option<SocketAddr> {
        let after = self.of_neighbours.keys().find(|each| Some(**each) > self.last);
        let next = after.or_else(|| self.of_neighbours.keys().next()).copied();
        self.last = next;
        next
    }
}

impl Finality {
    /// An address became a neighbour: it is asked, and told of evidence.
    pub(crate) fn add_neighbour(&mut self, address: SocketAddr, final_height: Height, now: Now) {
        self.asking.of_neighbours.insert(address, None);
        self.ask(address, final_height);
        self.timers.set_by(Timer::Ask, now.instant + PERIOD);
        let evidence = self.evidence.values().cloned().map(Datagram::Evidence);
        let told = evidence.map(|datagram| Output::Send { to: address, datagram });
        self.outputs.extend(told);
    }

    /// An address is a neighbour no more.
    pub(crate) fn remove_neighbour(&mut self, address: &SocketAddr) {
        self.asking.of_neighbours.remove(address);
        self.checks.forget(address);
    }

    /// Asks the next neighbour in turn.
    pub(super) fn ask_next(&mut self, final_height: Height, is_over: bool, now: Now) {
        if let Some(address) = self.asking.next() {
            self.ask(address, final_height);
            self.asking.after_end = if is_over { self.asking.after_end + 1 } else { 0 };
            let is_settled =
                self.asking.after_end > ROUNDS_AFTER_END * self.asking.of_neighbours.len();
            let period = if is_settled { PERIOD_AFTER_END } else { PERIOD };
            self.timers.set(Timer::Ask, Some(now.instant + period));
        }
    }

    fn ask(&mut self, to: SocketAddr, from: Height) {
        let request = self.asking.start(to);
        let datagram =
            Datagram::RequestChain { request, wanted: ChainRequest::Certificates { from } };
        self.outputs.push_back(Output::Send { to, datagram });
    }
}
