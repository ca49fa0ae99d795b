//! What a node is told at its start.

use std::net::SocketAddr;

use crate::rules::Rules;

/// Bytes of bodies in memory that suit a real peer: an hour of busy voting, so that reorganisations and
/// neighbours that lag behind seldom need the disk.
pub const RESIDENT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A node's settings.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    pub tracker: Option<SocketAddr>,
    /// Addresses to exchange datagrams with, given by hand; tried again for as long as the node runs.
    pub neighbours: Vec<SocketAddr>,
    /// Whether this node mines at all.
    pub mining: bool,
    /// About how many bytes of bodies stay in memory beside the disk: see [`crate::chain::Chain::new`].
    pub resident_bytes_max: usize,
    pub rules: Rules,
}
