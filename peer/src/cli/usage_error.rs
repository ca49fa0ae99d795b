//! The reasons why the program's arguments make no sense together.

/// What was typed makes no sense; the message is one line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct UsageError {
    pub message: String,
}
