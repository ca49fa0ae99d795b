//! The listener as its clients meet it, over loopback sockets: slow ones, greedy ones, and pages of others.
#![allow(clippy::disallowed_methods, reason = "tests of a shell have clocks and tasks too")]

mod answers;
mod bodies;
mod guard;
mod harness;
mod heads;
mod permits;
mod plain_clients;
mod shares;
mod slow;
