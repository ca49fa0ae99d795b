//! The datagrams about finality.

use protocol::finality::{Certificate, Evidence, FinalityVote, Presence};

/// What a neighbour says about finality.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AboutFinality {
    Vote(FinalityVote),
    Certificates { request: u32, certificates: Vec<Certificate> },
    Presence(Presence),
    Evidence(Box<Evidence>),
}
