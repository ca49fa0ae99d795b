//! The tracker. It keeps the list of live peers, tells them of each other and serves the ballot.
//!
//! It never sees the chain, and nobody has to trust it: peers probe every address that it gives before they use it.
//! `registry` decides, without a machine; `run` gives it a socket, and `api` answers questions over HTTP.

pub mod api;
pub mod handle;
pub mod registry;
pub mod run;
