//! The peer over HTTP: JSON for programs, events as they come, numbers for Prometheus. Handlers ask the node
//! through the same typed actions as the prompt; no rule of the chain or of the network lives here. How
//! connections, headers and rates are bounded is the matter of `host::http`.
//!
//! What reads is open to whoever may reach the address, since the chain is public. What changes something takes
//! the token of the data directory (`access`), but for signed transactions, which speak for themselves.

mod access;
mod context;
#[cfg(test)]
mod documented;
mod events;
mod metrics;
mod openapi;
mod page;
mod problem;
mod routes;
mod server;

pub(crate) use server::{Api, ApiError};
