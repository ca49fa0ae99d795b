//! What a node is told at its start, and never after.

use std::net::SocketAddr;

use chain::rules::Rules;

/// Bytes of bodies in memory that suit a real peer: an hour of busy voting, so that reorganisations and
/// neighbours that lag behind seldom need the disk.
pub const RESIDENT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Most addresses given by hand: a person gives them, or a file.
pub const NEIGHBOURS_BY_HAND_MAX: usize = 64;

/// What a node is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// To vote and to mine.
    #[default]
    Ordinary,
    /// To keep, check, pass on and serve the chain alone.
    Observer,
    /// To be cut off, to race and to lie on command, so that a class sees what the others do about it.
    Laboratory,
}

/// A node's settings.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Where to register; a node finds its way by neighbours alone, too.
    pub tracker: Option<SocketAddr>,
    /// Addresses to exchange datagrams with, given by hand; tried again for as long as the node runs.
    pub neighbours: Vec<SocketAddr>,
    /// Whether this node mines at all.
    pub mining: bool,
    /// What the node is there for.
    pub role: Role,
    /// About how many bytes of bodies stay in memory beside the disk: see [`chain::Chain::new`].
    pub resident_bytes_max: usize,
    /// Which rules hold: all of them, except in tests.
    pub rules: Rules,
}
