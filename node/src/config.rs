//! What a node is told at its start, and never after.

use chain::rules::Rules;
use protocol::peer_name::PeerName;

use crate::given::Given;
use crate::limits::Limits;

/// The number of bytes of bodies in memory that suits a real peer. It covers an hour of busy
/// voting, so that reorganisations and neighbours that lag behind seldom need the disk.
pub const RESIDENT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The most addresses that can be given by hand, which means by a person or from a file.
pub const NEIGHBOURS_BY_HAND_MAX: usize = 64;

/// The most trackers of one node. One is enough, and a few more are there when it dies.
pub const TRACKERS_MAX: usize = 8;

/// The purpose of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// A node that votes and mines.
    #[default]
    Ordinary,
    /// A node that only stores, checks, passes on and serves the chain.
    Observer,
    /// A node that cuts itself off, races against others and lies on command, so that a class can
    /// see how the other nodes react.
    Laboratory,
}

/// The validator that a node is. Its key stays with the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnValidator {
    /// Its place in the ballot's roster. A place that the roster does not have is that of no validator.
    pub place: u16,
    /// Whether a person vouches that the key was not used in this election before, so that it may sign although the
    /// disk says nothing of what it signed.
    pub trusts_empty_store: bool,
}

/// A node's settings.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// What it is called among its neighbours, if anything.
    pub name: Option<PeerName>,
    /// The trackers to register with, of which the first [`TRACKERS_MAX`] are used. A node can also do without one, as
    /// long as it has neighbours.
    pub trackers: Vec<Given>,
    /// Peers to exchange datagrams with, given by hand. They are tried again for as long as the
    /// node runs.
    pub neighbours: Vec<Given>,
    /// Whether this node mines at all.
    pub mining: bool,
    /// The purpose of the node.
    pub role: Role,
    /// The validator that this node is, if the shell has its key.
    pub validator: Option<OwnValidator>,
    /// About how many bytes of bodies stay in memory although the disk has them too; see
    /// [`chain::Chain::new`].
    pub resident_bytes_max: usize,
    /// How much it keeps of what others send: the default, except in tests.
    pub limits: Limits,
    /// The rules that are enforced: all of them, except in tests.
    pub rules: Rules,
}
