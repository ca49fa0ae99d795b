//! The HTTP foundation that the tracker and the peer share: a listener that clients cannot exhaust,
//! a check of headers that keeps pages of other sites out, a limit on request rates, and error
//! answers as defined by RFC 9457.
//!
//! This module must never know anything about votes or define a route: routes belong to whoever
//! serves them. A request passes, in this order, the cap on connections, the limits on its head,
//! the limit on rates, the lists of hosts and origins, the limit on its body, and then the router.
//! Every answer of these steps, and every answer of the router, carries the same security headers.
//! (Bytes that are not HTTP at all get an empty 400, 414 or 431 from hyper, and the connection
//! ends.)

mod authority;
mod bind;
mod bodies;
mod client;
mod connections;
mod extract;
mod guard;
mod limits;
mod live;
mod metrics;
mod pace;
mod permits;
mod problem;
mod rate;
mod reading;
mod serve;
mod service;
mod site;
mod stream;

pub use authority::{HostName, HostNameError, Origin, OriginError};
pub use bind::{BindError, bind};
pub use client::ClientAddress;
pub use extract::{Json, OwnPage, Path, Query};
pub use limits::{Limits, Rate};
pub use metrics::OpenMetrics;
pub use permits::{NoPermit, Permit, Permits};
pub use problem::{PROBLEM_JSON, Problem};
pub use reading::address;
pub use serve::serve;
pub use site::Site;
