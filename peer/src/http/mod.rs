//! The peer's HTTP API: JSON for programs, events as they happen, and metrics for Prometheus.
//! Handlers ask the node through the same typed actions as the prompt; no rule of the chain or of
//! the network may be implemented here. `host::http` limits connections, headers and rates.
//!
//! Everything that only reads is open to anyone who can reach the address, since the chain is
//! public. Whatever changes something requires the token of the data directory (see `access`). The
//! only exception are signed transactions, whose signatures show that they are authorised.

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
