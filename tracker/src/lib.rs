//! The tracker: keeps the list of live peers, tells them of each other and serves the ballot. It never
//! sees the chain, and nobody has to trust it: what it says of addresses is a hint.

pub mod api;
pub mod handle;
pub mod registry;
pub mod shell;
