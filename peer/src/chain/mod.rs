//! The chain of votes: the tree of blocks, the rules, the choice between branches and the count.

mod error;

pub use error::{BlockError, BodyError, HeaderError, TransactionError};
