//! How much a node keeps of what strangers send it, where that is a matter of memory alone. The limits are settings so
//! that a test can make them small; a real peer has the ones that stand here.

use chain::HEADERS_WITHOUT_BODY_MAX;

/// The most bytes of transactions in the pool. This is about 130,000 votes, whose signatures take
/// one core a quarter of an hour to check.
const POOL_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The most votes that are held. Anybody can sign votes with keys that nobody registers, so the
/// oldest vote is dropped when there are more. A vote that is still wanted is announced again by
/// whoever has its registration.
const HELD_MAX: usize = 4_096;
/// The most gossiped transactions that may be under check. They take one core half a second, or 16
/// times as long if registrars signed all of them and only the last signature of each is forged.
/// More are dropped, and will be announced again.
const PENDING_MAX: usize = 8_192;
/// The most headers that are held because their time is too far ahead. Each of them cost its maker
/// the work of a block.
const EARLY_HEADERS_MAX: usize = 64;
/// The most announced blocks that wait for transactions. Each of them cost its maker the work of a
/// block.
const PARTIALS_MAX: usize = 32;
/// The most bytes of bodies that are ahead of the best chain: being assembled, being checked, or
/// waiting for a block below them. In memory they take several times as much.
const AHEAD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The most bytes of blocks that may wait for the disk, which is many batches even for a slow disk.
/// Beyond this limit no further bodies are fetched, so that a sync does not fill the memory while
/// the disk is full.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The most that a node keeps of each kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of transactions in the pool.
    pub pool_bytes_max: usize,
    /// Votes that wait for their registration.
    pub held_max: usize,
    /// Gossiped transactions whose signatures are being checked.
    pub pending_max: usize,
    /// Headers whose time has not come.
    pub early_headers_max: usize,
    /// Announced blocks that lack transactions.
    pub partials_max: usize,
    /// Headers that wait for their bodies.
    pub headers_without_body_max: usize,
    /// Bytes of bodies that are being fetched, being checked, or waiting for a body below them. Blocks come however
    /// small this is, though not side by side, and what is announced may take one of the largest blocks more.
    pub ahead_bytes_max: usize,
    /// Bytes of blocks that wait for the disk before fetching pauses.
    pub waiting_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pool_bytes_max: POOL_BYTES_MAX,
            held_max: HELD_MAX,
            pending_max: PENDING_MAX,
            early_headers_max: EARLY_HEADERS_MAX,
            partials_max: PARTIALS_MAX,
            headers_without_body_max: HEADERS_WITHOUT_BODY_MAX,
            ahead_bytes_max: AHEAD_BYTES_MAX,
            waiting_bytes_max: WAITING_BYTES_MAX,
        }
    }
}
