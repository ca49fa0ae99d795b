//! The one reader of chains that others wrote down, for all who do not audit them: what it gives is a single line of
//! blocks from the genesis of the election, each with its work and its own body.
//!
//! An audit checks the same, by the same code, and what the bodies contain besides. Nothing else may take blocks from a
//! [`Source`].

use protocol::block::Block;
use protocol::election::Election;
use protocol::units::{ElectionId, Height, UnixMillis};

use super::OfflineError;
use super::source::Source;
use chain::HeaderChain;

/// A source whose blocks are checked as they are read.
#[derive(Debug)]
pub(super) struct LinkedSource {
    source: Source,
    election: ElectionId,
    headers: HeaderChain,
    /// The time that no header may be far ahead of.
    now: UnixMillis,
}

impl LinkedSource {
    pub(super) fn new(source: Source, now: UnixMillis) -> Self {
        let headers = HeaderChain::new(source.election());
        Self { election: source.election().election_id(), headers, source, now }
    }

    pub(super) fn election(&self) -> &Election {
        self.source.election()
    }

    /// The number of blocks read so far, which is the height of the last one.
    pub(super) fn height(&self) -> Height {
        self.headers.tip().0
    }

    /// The next block; `None` after the last one, once the source was found to be complete.
    ///
    /// # Errors
    /// When the source can't be read or is not complete, or when the block does not follow the one before it.
    pub(super) fn next(&mut self) -> Result<Option<Block>, OfflineError> {
        let Some((unchecked, _)) = self.source.next_unchecked()? else { return Ok(None) };
        let block = unchecked.decode(&self.election)?;
        self.headers.extend(&block, self.now).map_err(|failure| OfflineError::NotAChain {
            path: self.source.path().to_owned(),
            failure: Box::new(failure),
        })?;
        Ok(Some(block))
    }
}
