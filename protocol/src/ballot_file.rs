//! ballot.toml
