//! What a node is told at its start.

use std::net::SocketAddr;

use crate::rules::Rules;

/// A node's settings.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    pub tracker: Option<SocketAddr>,
    /// Addresses to exchange datagrams with, given by hand; tried again for as long as the node runs.
    pub neighbours: Vec<SocketAddr>,
    /// Whether this node mines at all.
    pub mining: bool,
    pub rules: Rules,
}
