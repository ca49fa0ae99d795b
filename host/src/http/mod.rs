//! What the tracker and the peer share of HTTP: a listener that strangers can't exhaust, the guard of headers
//! that keeps other pages out, a limit of rates, and problems as RFC 9457 has them.
//!
//! It knows nothing of votes, and must never: routes belong to whoever serves them. A request goes through, in
//! this order, the cap on connections, the limits on its head, the limit of rates, the lists of hosts and origins,
//! the limit on its body, and then the router; every answer of these, and of the router, gets the same security
//! headers. (What is no HTTP at all gets an empty 400, 414 or 431 of hyper's, and the end of its connection.)

mod authority;
mod bind;
mod bodies;
mod connections;
mod extract;
mod guard;
mod limits;
mod metrics;
mod problem;
mod rate;
mod serve;
mod service;
mod site;
mod stream;

pub use authority::{HostName, HostNameError, Origin, OriginError};
pub use bind::{BindError, bind};
pub use extract::{Json, OwnPage, Path, Query};
pub use limits::{Limits, Rate};
pub use metrics::OpenMetrics;
pub use problem::{PROBLEM_JSON, Problem};
pub use serve::serve;
pub use site::Site;
