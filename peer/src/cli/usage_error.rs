//! Why the arguments of the program make no sense.

/// What was typed makes no sense; the message is one line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct UsageError {
    pub message: String,
}
